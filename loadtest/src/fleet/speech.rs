//! Everything a client can say, as ready-made bytes.

use std::net::SocketAddr;

use super::frame::{CLOSE, MASK_KEY, TEXT, masked};

/// The RFC's sample key, so that the answer is known beforehand.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The upgrade request.
pub(crate) fn upgrade(target: SocketAddr, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {target}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
    .into_bytes()
}

pub(crate) fn find_match() -> Vec<u8> {
    masked(TEXT, br#"{"type":"findMatch"}"#)
}

pub(crate) fn next() -> Vec<u8> {
    masked(TEXT, br#"{"type":"nextStranger"}"#)
}

pub(crate) fn stop() -> Vec<u8> {
    masked(TEXT, br#"{"type":"stopChat"}"#)
}

pub(crate) fn typing() -> Vec<u8> {
    masked(TEXT, br#"{"type":"typing"}"#)
}

/// Asks for a room.
pub(crate) fn join(room: &str) -> Vec<u8> {
    masked(
        TEXT,
        format!(r#"{{"type":"join_room","content":"{room}"}}"#).as_bytes(),
    )
}

/// Says something of `size` bytes in a room.
pub(crate) fn room_message(room: &str, size: usize) -> Vec<u8> {
    let text = text(size);
    masked(
        TEXT,
        format!(r#"{{"type":"text","content":"{text}","room":"{room}"}}"#).as_bytes(),
    )
}

/// A message whose text is `size` bytes long.
pub(crate) fn message(size: usize) -> Vec<u8> {
    let text = text(size);
    masked(
        TEXT,
        format!(r#"{{"type":"sendMessage","text":"{text}"}}"#).as_bytes(),
    )
}

/// A message for a private room that brings a number as its `cid`.
pub(crate) struct Numbered {
    frame: Vec<u8>,
    /// Where the payload begins, and where the digits do.
    payload_at: usize,
    digits_at: usize,
}

impl Numbered {
    /// One whose text is `size` bytes long.
    pub(crate) fn new(size: usize) -> Self {
        const END: &str = "00000000\"}";
        let text = text(size);
        let json = format!(r#"{{"type":"message","content":"{text}","cid":"{END}"#);
        let frame = masked(TEXT, json.as_bytes());
        Self {
            payload_at: frame.len() - json.len(),
            digits_at: frame.len() - END.len(),
            frame,
        }
    }

    /// The message with this number.
    pub(crate) fn with(&mut self, number: u32) -> &[u8] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for place in 0..8 {
            let digit = DIGITS[(number >> (28 - 4 * place) & 0xf) as usize];
            let at = self.digits_at + place;
            self.frame[at] = digit ^ MASK_KEY[(at - self.payload_at) % 4];
        }
        &self.frame
    }
}

fn text(size: usize) -> String {
    const WORDS: &[u8] = b"hello stranger how is the weather where you are ";
    WORDS
        .iter()
        .cycle()
        .take(size)
        .map(|byte| char::from(*byte))
        .collect()
}

/// A normal closure.
pub(crate) fn goodbye() -> Vec<u8> {
    masked(CLOSE, &1000u16.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::frame::parse;

    #[test]
    fn numbers_stand_in_the_cid() {
        for size in [1, 32, 2_000] {
            let mut message = Numbered::new(size);
            for (number, cid) in [(0, "00000000"), (0xbeef, "0000beef")] {
                let json = parse(message.with(number)).unwrap().unwrap().bare();
                let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
                assert_eq!(value["cid"], cid);
                assert_eq!(value["content"].as_str().unwrap().len(), size);
            }
        }
    }

    #[test]
    fn a_message_is_json_of_the_asked_size() {
        for size in [1, 32, 2_000] {
            let bytes = message(size);
            let json = parse(&bytes).unwrap().unwrap().bare();
            let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(value["text"].as_str().unwrap().len(), size);
        }
    }
}
