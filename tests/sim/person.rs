//! A scripted person: what they send, and what they make of what they hear. Written without the server's
//! codecs, so that both sides of the wire are not wrong in the same way.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::guest::Guest;

/// What a person believes about their conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Idle,
    Searching,
    Paired(String),
}

#[derive(Debug)]
pub struct Person {
    pub name: usize,
    pub state: State,
    /// The numbers of messages heard, with the pair they were heard in.
    pub heard: Vec<(String, String)>,
    /// The numbers of messages for which a receipt came, in order.
    pub receipts: Vec<String>,
    /// Pairs this person was told of.
    pub pairs: Vec<String>,
    pub said: usize,
    /// Whether the server has said goodbye.
    pub dismissed: bool,
    upgraded: bool,
    /// What this person is in rooms, if that is where they are.
    pub guest: Option<Guest>,
    inbox: VecDeque<u8>,
}

impl Person {
    pub fn new(name: usize) -> Self {
        Self {
            name,
            state: State::Idle,
            heard: Vec::new(),
            receipts: Vec::new(),
            pairs: Vec::new(),
            said: 0,
            dismissed: false,
            upgraded: false,
            guest: None,
            inbox: VecDeque::new(),
        }
    }

    /// The request that opens the socket.
    pub fn knock() -> Vec<u8> {
        b"GET /ws HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".to_vec()
    }

    /// The frame of a new message, whose text nobody else ever says.
    pub fn say(&mut self, padding: usize) -> Vec<u8> {
        self.said += 1;
        let cid = format!("{}:{}", self.name, self.said);
        let text = format!("{cid}:{}", "x".repeat(padding));
        let message = json!({ "type": "sendMessage", "text": text, "cid": cid });
        frame(0x81, message.to_string().as_bytes())
    }

    /// Takes bytes from the server and draws conclusions; the error says what the server did wrong.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.inbox.extend(bytes);
        if self.dismissed && !self.upgraded {
            return Ok(());
        }
        if !self.upgraded {
            let all = self.inbox.make_contiguous();
            let Some(end) = all.windows(4).position(|window| window == b"\r\n\r\n") else {
                return Ok(());
            };
            if all.starts_with(b"HTTP/1.1 408 ") {
                // The world was too slow to carry the request.
                self.dismissed = true;
                return Ok(());
            }
            if self.guest.is_some() && all.starts_with(b"HTTP/1.1 409 ") {
                // Somebody of that name is here.
                self.dismissed = true;
                return Ok(());
            }
            if !all.starts_with(b"HTTP/1.1 101 ") {
                return Err(format!("{} was not let in", self.name));
            }
            self.inbox.drain(..end + 4);
            self.upgraded = true;
        }
        while let Some((opcode, payload)) = self.next_frame()? {
            if self.dismissed {
                return Err("something came after the goodbye".into());
            }
            match opcode {
                1 => {
                    let event: Value = serde_json::from_slice(&payload)
                        .map_err(|error| format!("bad JSON from the server: {error}"))?;
                    self.conclude(&event).map_err(|fault| {
                        format!("{} heard {}: {fault}", self.name, brief(event))
                    })?;
                }
                8 => self.dismissed = true,
                9 => {}
                10 if payload == b"ping" || payload == b"amid" => {}
                10 => return Err("that pong answers nothing".into()),
                other => return Err(format!("opcode {other} from the server")),
            }
        }
        Ok(())
    }

    fn next_frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, String> {
        let at = |index| self.inbox.get(index).copied().map(usize::from);
        let (Some(first), Some(second)) = (at(0), at(1)) else {
            return Ok(None);
        };
        if first & 0xf0 != 0x80 || second & 0x80 != 0 {
            return Err("a server frame must be whole and unmasked".into());
        }
        let (start, len) = match second {
            126 => match (at(2), at(3)) {
                (Some(high), Some(low)) => (4, high << 8 | low),
                _ => return Ok(None),
            },
            127 => return Err("no frame is that long".into()),
            len => (2, len),
        };
        if self.inbox.len() < start + len {
            return Ok(None);
        }
        let frame: Vec<u8> = self.inbox.drain(..start + len).collect();
        Ok(Some((first as u8 & 0x0f, frame[start..].to_vec())))
    }

    fn conclude(&mut self, event: &Value) -> Result<(), String> {
        if let Some(guest) = &mut self.guest {
            return guest.conclude(event);
        }
        let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let here = |state: &State| match state {
            State::Paired(pair) if *pair == field("pairId") => Ok(()),
            state => Err(format!("but I am {state:?}")),
        };
        match event["type"].as_str() {
            Some("searching") => match self.state {
                // The one who left was not told so, and searches again.
                State::Idle | State::Searching | State::Paired(_) => self.state = State::Searching,
            },
            Some("strangerJoined") => {
                let pair = field("pairId");
                if self.pairs.contains(&pair) {
                    return Err("a pair id came twice".into());
                }
                self.pairs.push(pair.clone());
                self.state = State::Paired(pair);
            }
            Some("strangerLeft") => {
                here(&self.state)?;
                self.state = State::Idle;
            }
            Some("message") => {
                here(&self.state)?;
                let text = field("text");
                if text.split(':').next() == Some(&self.name.to_string()) {
                    return Err("I hear myself".into());
                }
                let cid = text.trim_end_matches('x').trim_end_matches(':');
                self.heard.push((field("pairId"), cid.to_owned()));
            }
            Some("typing" | "offer") => here(&self.state)?,
            Some("sent") => self.receipts.push(field("cid")),
            Some("stats" | "error" | "draining") => {}
            _ => return Err("what is that?".into()),
        }
        Ok(())
    }
}

/// An event without padding.
fn brief(mut event: Value) -> String {
    if let Some(content) = event["content"].as_str() {
        event["content"] = content.chars().take(20).collect::<String>().into();
    }
    event.to_string()
}

/// A masked client frame.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}
