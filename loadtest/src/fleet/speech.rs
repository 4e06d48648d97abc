//! Everything a client can say, as ready-made bytes.

use std::net::SocketAddr;

use super::frame::{CLOSE, TEXT, masked};

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
    fn a_message_is_json_of_the_asked_size() {
        for size in [1, 32, 2_000] {
            let bytes = message(size);
            let json = parse(&bytes).unwrap().unwrap().bare();
            let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(value["text"].as_str().unwrap().len(), size);
        }
    }
}
