//! A scripted person in rooms: what they send, and what they make of what they hear.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::person::frame;

/// The rooms that there may be.
pub const ROOMS: [&str; 3] = ["general", "tea", "caf\u{e9}"];

/// What somebody heard in a room between joining and leaving, by message id, in order.
#[derive(Debug, Default)]
pub struct Stay {
    pub room: String,
    pub heard: Vec<String>,
}

/// One socket of somebody.
#[derive(Debug)]
pub struct Guest {
    pub id: String,
    /// The token, once the server has said it.
    pub token: Option<String>,
    /// Whether this is not the only socket of somebody; what another one does is heard here, too.
    pub is_tab: bool,
    /// The rooms this socket knows to be in.
    current: HashMap<String, Stay>,
    /// What was heard in rooms that were left.
    pub stays: Vec<Stay>,
    /// What each message said, by id.
    pub texts: HashMap<String, String>,
    privates: HashSet<String>,
    said: usize,
}

impl Guest {
    /// Somebody new, or another socket of whoever has this token.
    pub fn new(id: String, token: Option<String>) -> Self {
        Self {
            id,
            is_tab: token.is_some(),
            token,
            current: HashMap::new(),
            stays: Vec::new(),
            texts: HashMap::new(),
            privates: HashSet::new(),
            said: 0,
        }
    }

    /// The request that opens the socket.
    pub fn knock(&self) -> Vec<u8> {
        let id = &self.id;
        let session = match &self.token {
            Some(token) => format!("&session={token}"),
            None => String::new(),
        };
        format!("GET /api/ws?user_id={id}&username={id}{session} HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").into_bytes()
    }

    /// Says something that nobody else ever says.
    pub fn say(&mut self, room: &str, name: usize, padding: usize) -> Vec<u8> {
        self.said += 1;
        let text = format!("{name}:{}:{}", self.said, "x".repeat(padding));
        command(&json!({ "type": "text", "content": text, "room": room }))
    }

    /// Says something to one person.
    pub fn whisper(&mut self, to: &str, padding: usize) -> Vec<u8> {
        let text = "y".repeat(padding + 1);
        command(&json!({ "type": "text", "content": text, "recipient": to }))
    }

    /// Everything this socket heard in rooms.
    pub fn all_stays(&self) -> impl Iterator<Item = &Stay> {
        self.stays.iter().chain(self.current.values())
    }

    /// Whether what was heard is in the order in which it was said: not so for a tab that asks for what was said
    /// before it came.
    pub fn is_in_order(&self) -> bool {
        !self.is_tab
    }

    pub fn conclude(&mut self, event: &Value) -> Result<(), String> {
        let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let (id, room, sender) = (field("id"), field("room"), field("sender_id"));
        let is_mine = sender == self.id;
        match event["type"].as_str() {
            Some("session") => {
                if field("user_id") != self.id {
                    return Err("that is not who I am".into());
                }
                self.token = Some(field("token"));
            }
            Some("join") if is_mine => {
                let is_there = self.current.contains_key(&room);
                if is_there && !self.is_tab {
                    return Err("but I am in that room".into());
                }
                let stay = self.current.entry(room.clone()).or_default();
                stay.room = room;
            }
            Some("leave") if is_mine => match self.current.remove(&room) {
                Some(stay) => self.stays.push(stay),
                None if self.is_tab => {}
                None => return Err("but I am not in that room".into()),
            },
            Some("text") => {
                let is_tab = self.is_tab;
                if is_tab && !self.current.contains_key(&room) {
                    let stay = self.current.entry(room.clone()).or_default();
                    stay.room = room.clone();
                }
                let stay = self
                    .current
                    .get_mut(&room)
                    .ok_or("but I am not in that room")?;
                if stay.heard.contains(&id) {
                    return Err("that came twice".into());
                }
                if !is_tab && stay.heard.last().is_some_and(|last| *last >= id) {
                    return Err("that is out of order".into());
                }
                stay.heard.push(id.clone());
                self.texts.insert(id, field("content"));
            }
            Some("join" | "leave" | "typing") if room.is_empty() || self.is_tab => {}
            Some("typing") if is_mine => return Err("I know that I type".into()),
            Some("join" | "leave" | "typing") => {
                if !self.current.contains_key(&room) {
                    return Err("but I am not in that room".into());
                }
            }
            Some("private") => {
                if !is_mine && field("recipient") != self.id {
                    return Err("that was not for me".into());
                }
                if !self.privates.insert(id) {
                    return Err("that came twice".into());
                }
            }
            Some("system" | "error" | "draining") => {}
            _ => return Err("what is that?".into()),
        }
        Ok(())
    }
}

/// A command as a frame.
pub fn command(value: &Value) -> Vec<u8> {
    frame(0x81, value.to_string().as_bytes())
}
