//! A scripted person in rooms: what they send, and what they make of what they hear.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use crate::person::frame;

/// The rooms that there may be.
pub const ROOMS: [&str; 3] = ["general", "tea", "caf\u{e9}"];

/// What somebody heard in a room between joining and leaving, by message id.
#[derive(Debug, Default)]
pub struct Stay {
    pub room: String,
    /// What is older was said before this socket was there.
    pub since: String,
    /// Whether this socket was told that its person joined.
    pub is_told: bool,
    /// The id of the notice that they left.
    pub left: Option<String>,
    pub heard: BTreeSet<String>,
    /// The last of what was said before, and of what was said since.
    last: [Option<String>; 2],
    /// Whether some of what was said before came behind what was said since.
    pub is_late: bool,
}

impl Stay {
    fn new(room: &str, since: &str) -> Self {
        Self {
            room: room.to_owned(),
            since: since.to_owned(),
            ..Self::default()
        }
    }

    /// Takes a message. What was said before may come behind what was said since, but only where it `may_be_late`.
    fn hear(&mut self, id: &str, may_be_late: bool) -> Result<(), String> {
        if !self.heard.insert(id.to_owned()) {
            return Err("that came twice".into());
        }
        let is_fresh = id >= self.since.as_str();
        let last = &mut self.last[usize::from(is_fresh)];
        if last.as_deref().is_some_and(|last| last >= id) {
            return Err("that is out of order".into());
        }
        *last = Some(id.to_owned());
        if !is_fresh && self.last[1].is_some() {
            self.is_late = true;
            if !may_be_late {
                return Err("that comes late".into());
            }
        }
        Ok(())
    }
}

/// A private message, as the socket that sent it, or one that got it, heard of it.
#[derive(Debug)]
pub struct Private {
    pub sender: String,
    pub recipient: String,
    /// In an echo: whether it has reached somebody.
    pub delivered: Option<bool>,
}

/// One socket of somebody.
#[derive(Debug)]
pub struct Guest {
    pub id: String,
    /// The token, once the server has said it.
    pub token: Option<String>,
    /// The id of the first message of all, which is older than everything that is said from then on.
    pub welcome: Option<String>,
    /// The rooms that this person was in when this socket was opened.
    pub found: Option<HashSet<String>>,
    /// The rooms this socket knows to be in.
    pub current: HashMap<String, Stay>,
    /// What was heard in rooms that were left.
    pub stays: Vec<Stay>,
    /// What each message said, by id.
    pub texts: HashMap<String, String>,
    pub privates: HashMap<String, Private>,
    /// Whether this person had another socket at any time: what that one does is heard here, too.
    pub has_company: bool,
    /// The rooms that this socket has asked to join.
    asked: HashSet<String>,
    said: usize,
}

impl Guest {
    /// Somebody new, or another socket of whoever has this token.
    pub fn new(id: String, token: Option<String>) -> Self {
        Self {
            id,
            token,
            welcome: None,
            found: None,
            current: HashMap::new(),
            stays: Vec::new(),
            texts: HashMap::new(),
            privates: HashMap::new(),
            has_company: false,
            asked: HashSet::new(),
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

    /// Asks to join a room.
    pub fn join(&mut self, room: &str, exclusive: bool) -> Vec<u8> {
        self.asked.insert(room.to_owned());
        command(&json!({ "type": "join_room", "content": room, "exclusive": exclusive }))
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

    /// The rooms that this person was in when this socket was opened: what is said there it is told, too.
    pub fn finds(&mut self, rooms: HashSet<String>) {
        self.found = Some(rooms);
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
            Some("system") if self.welcome.is_none() => {
                for room in self.found.iter().flatten() {
                    self.current.insert(room.clone(), Stay::new(room, &id));
                }
                self.welcome = Some(id);
            }
            Some("join") if is_mine => {
                let stay = self.current.entry(room.clone());
                let stay = stay.or_insert_with(|| Stay::new(&room, &id));
                if std::mem::replace(&mut stay.is_told, true) {
                    return Err("but I know that I am in that room".into());
                }
            }
            Some("leave") if is_mine => {
                let mut stay = self
                    .current
                    .remove(&room)
                    .ok_or("but I am not in that room")?;
                stay.left = Some(id);
                self.stays.push(stay);
            }
            Some("text") => {
                let may_be_late = self.has_company && self.asked.contains(&room);
                self.stay(&room)?.hear(&id, may_be_late)?;
                self.texts.insert(id, field("content"));
            }
            Some("typing") if is_mine => return Err("I know that I type".into()),
            Some("typing") if room.is_empty() => {}
            Some("join" | "leave" | "typing") => drop(self.stay(&room)?),
            Some("private") => {
                let recipient = field("recipient");
                if !is_mine && recipient != self.id {
                    return Err("that was not for me".into());
                }
                let private = Private {
                    sender,
                    recipient,
                    delivered: event["delivered"].as_bool(),
                };
                if self.privates.insert(id, private).is_some() {
                    return Err("that came twice".into());
                }
            }
            Some("system" | "error" | "draining") => {}
            _ => return Err("what is that?".into()),
        }
        Ok(())
    }

    fn stay(&mut self, room: &str) -> Result<&mut Stay, String> {
        self.current
            .get_mut(room)
            .ok_or_else(|| "but I am not in that room".into())
    }
}

/// A command as a frame.
pub fn command(value: &Value) -> Vec<u8> {
    frame(0x81, value.to_string().as_bytes())
}
