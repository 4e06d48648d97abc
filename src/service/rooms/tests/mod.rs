//! Rooms under more than they can pass on at once, with virtual time and no socket.

mod letters;
mod limits_hold;
mod rounds;
mod tabs;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::{EntryError, Rooms, Settings};
use crate::conn::{Admission, Request, Turn};
use crate::kernel::addresses::Subscriber;
use crate::kernel::bucket::Rate;
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::kernel::outbox::Outbox;
use crate::kernel::stats::Stats;
use crate::kernel::time::Now;
use crate::limits;
use crate::wire::head;
use crate::wire::response::Response;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct World {
    rooms: Rooms,
    out: Outbox,
    stats: Stats,
    now: Now,
    /// Who is connected.
    open: Vec<ConnId>,
    /// What has been written to each socket and not looked at yet.
    written: HashMap<ConnId, Vec<u8>>,
    paused: HashSet<ConnId>,
    /// Who does not read.
    stalled: HashSet<ConnId>,
    /// Whom the service has given up.
    dropped: Vec<ConnId>,
    sockets: u32,
}

/// Settings without limits on what people do.
fn unlimited(deliveries_per_turn: usize) -> Settings {
    Settings {
        message_rate: Rate::UNLIMITED,
        move_rate: Rate::UNLIMITED,
        room_rate: Rate::UNLIMITED,
        create_on_join: true,
        deliveries_per_turn,
        ..Settings::default()
    }
}

impl World {
    fn new(deliveries_per_turn: usize) -> Self {
        Self::with(unlimited(deliveries_per_turn))
    }

    fn with(settings: Settings) -> Self {
        let now = Now {
            micros: 1_000_000,
            unix_ms: 1_761_129_000_000,
        };
        Self {
            rooms: Rooms::new(settings, [7; 32], now),
            out: Outbox::default(),
            stats: Stats::default(),
            now,
            open: Vec::new(),
            written: HashMap::new(),
            paused: HashSet::new(),
            stalled: HashSet::new(),
            dropped: Vec::new(),
            sockets: 0,
        }
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Rooms, &mut Turn<'_>) -> T) -> T {
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        act(&mut self.rooms, &mut turn)
    }

    /// A socket knocks.
    fn refusal(&mut self, query: &str) -> Result<ConnId, EntryError> {
        let conn = ConnId::new(self.sockets, 1);
        self.rooms.admit(conn, query, Subscriber::of(HERE))?;
        self.sockets += 1;
        self.out.open(conn);
        self.open.push(conn);
        self.act(|rooms, turn| rooms.opened(conn, turn));
        Ok(conn)
    }

    /// Somebody comes, and reads the greeting.
    fn come(&mut self, name: &str) -> ConnId {
        let query = format!("user_id={name}&username={name}");
        let conn = self.refusal(&query).expect("welcome");
        self.write();
        self.hear(conn);
        conn
    }

    fn token(&self, conn: ConnId) -> String {
        let person = self.rooms.sockets[conn.index()].person;
        let token = self.rooms.people.person(person).token.expect("a token");
        uuid::Uuid::from_bytes(token).simple().to_string()
    }

    fn again_query(&self, conn: ConnId) -> String {
        let person = self.rooms.sockets[conn.index()].person;
        let id = &self.rooms.people.person(person).id;
        let token = self.token(conn);
        format!("user_id={id}&username={id}&session={token}")
    }

    /// Whoever has the socket `conn` opens another one; what comes on it is left to be heard.
    fn tab(&mut self, conn: ConnId) -> ConnId {
        let query = self.again_query(conn);
        self.refusal(&query).expect("welcome")
    }

    /// A socket closes.
    fn go(&mut self, conn: ConnId) {
        self.open.retain(|open| *open != conn);
        self.paused.remove(&conn);
        self.act(|rooms, turn| rooms.closed(conn, turn));
        self.out.shut(conn);
    }

    fn send(&mut self, conn: ConnId, text: &str) {
        self.act(|rooms, turn| rooms.said(conn, text, turn));
    }

    fn command(&mut self, conn: ConnId, command: &Value) {
        self.send(conn, &command.to_string());
    }

    fn join(&mut self, conn: ConnId) {
        self.join_room(conn, "general");
    }

    fn join_room(&mut self, conn: ConnId, room: &str) {
        self.command(conn, &json!({ "type": "join_room", "content": room }));
    }

    fn say(&mut self, conn: ConnId, words: &str) {
        self.say_in(conn, "general", words);
    }

    fn say_in(&mut self, conn: ConnId, room: &str, words: &str) {
        let command = json!({ "type": "text", "content": words, "room": room });
        self.command(conn, &command);
    }

    fn whisper(&mut self, conn: ConnId, to: &str, words: &str) {
        let command = json!({ "type": "text", "content": words, "recipient": to });
        self.command(conn, &command);
    }

    /// Asks by a plain request.
    fn ask<T>(
        &mut self,
        target: &str,
        fields: &str,
        body: &str,
        ask: impl FnOnce(&mut Rooms, &Request<'_>, &mut Turn<'_>) -> T,
    ) -> T {
        let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let head = head::parse(head.as_bytes()).expect("a head");
        let request = Request {
            conn: ConnId::new(1_000_000, 1),
            head: &head,
            body: body.as_bytes(),
            client: HERE,
            admission: Admission::Granted,
        };
        self.act(|rooms, turn| ask(rooms, &request, turn))
    }

    fn post(&mut self, token: &str, body: &Value) -> (u16, Value) {
        let fields = format!("Authorization: Bearer {token}\r\n");
        let answer = self.ask("/", &fields, &body.to_string(), Rooms::post_message);
        shown(&answer.unwrap_or_else(|(refusal, _)| refusal))
    }

    /// Writes what is queued; how many bytes that was.
    fn write(&mut self) -> usize {
        let mut dirty = Vec::new();
        let mut count = 0;
        loop {
            for effect in std::mem::take(&mut self.out.effects) {
                match effect {
                    Effect::Pause(conn) => drop(self.paused.insert(conn)),
                    Effect::Resume(conn) => drop(self.paused.remove(&conn)),
                    Effect::Close { conn, code, .. } => {
                        assert_eq!(code, 4008);
                        self.dropped.push(conn);
                        self.go(conn);
                    }
                    Effect::Pace(..) => {}
                }
            }
            self.out.take_dirty(&mut dirty);
            if dirty.is_empty() && self.out.effects.is_empty() {
                return count;
            }
            for conn in dirty.clone() {
                if !self.stalled.contains(&conn) && self.open.contains(&conn) {
                    count += self.flush(conn);
                }
            }
        }
    }

    fn flush(&mut self, conn: ConnId) -> usize {
        let was_high = self.out.is_high(conn);
        let bytes = self.out.pending(conn).to_vec();
        self.out.wrote(conn, bytes.len());
        self.written.entry(conn).or_default().extend(&bytes);
        if was_high {
            self.act(|rooms, turn| rooms.drained(conn, turn));
        }
        bytes.len()
    }

    /// Somebody reads again who had stopped.
    fn wake(&mut self, conn: ConnId) {
        self.stalled.remove(&conn);
        self.flush(conn);
    }

    /// The end of a turn; how many bytes it wrote.
    fn end_turn(&mut self) -> usize {
        self.now.micros += 1_000;
        self.now.unix_ms += 1;
        self.act(Rooms::elapsed);
        let count = self.write();
        self.rooms.audit(&self.open, &self.out).expect("sound");
        count
    }

    /// Goes on until nothing is left to go round; the most bytes that one turn wrote.
    fn settle(&mut self) -> usize {
        let mut most = self.end_turn();
        while self.rooms.next_due() == Some(0) {
            most = most.max(self.end_turn());
        }
        most
    }

    /// What has come on `conn` since the last look.
    fn hear(&mut self, conn: ConnId) -> Vec<Value> {
        let bytes = self.written.remove(&conn).unwrap_or_default();
        let mut rest = &bytes[..];
        let mut heard = Vec::new();
        while let [0x81, len, tail @ ..] = rest {
            let (size, at) = match *len {
                126 => (usize::from(u16::from_be_bytes([tail[0], tail[1]])), 2),
                len => (usize::from(len), 0),
            };
            let text = &tail[at..at + size];
            heard.push(serde_json::from_slice(text).expect("JSON"));
            rest = &tail[at + size..];
        }
        assert!(rest.is_empty());
        heard
    }

    /// The words heard on `conn` since the last look, without their padding, and everything else.
    fn words(&mut self, conn: ConnId) -> (Vec<String>, Vec<Value>) {
        let heard = self.hear(conn).into_iter();
        let (words, rest): (Vec<_>, Vec<_>) = heard.partition(|event| event["type"] == "text");
        let words = words.iter().map(|event| unpadded(&content(event)));
        (words.collect(), rest)
    }
}

/// What stands before the padding.
fn unpadded(words: &str) -> String {
    words.split(':').next().unwrap_or_default().to_owned()
}

fn all_unpadded(words: &[String]) -> Vec<String> {
    words.iter().map(|words| unpadded(words)).collect()
}

fn shown(response: &Response) -> (u16, Value) {
    let body = serde_json::from_slice(response.body()).expect("JSON");
    (response.status().code(), body)
}

fn content(event: &Value) -> String {
    event["content"].as_str().expect("text").to_owned()
}

/// The types of events.
fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event["type"].as_str());
    kinds.map(Option::unwrap_or_default).collect()
}

/// Whether `event` asks for a moment's patience.
fn is_put_off(event: &Value) -> bool {
    event["type"] == "error" && event["code"] == "rate_limited" && event["retryMs"] == 500
}

/// So many numbered words of about as many bytes.
fn speech(count: usize, bytes: usize) -> Vec<String> {
    let padding = "x".repeat(bytes.min(limits::TEXT_CHARS_MAX - 10));
    (0..count)
        .map(|number| format!("{number}:{padding}"))
        .collect()
}
