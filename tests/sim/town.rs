//! Accounts without sockets and threads: the whole program with a store in memory that answers when it is told to.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use passerby::app::{App, Server, Settings};
use passerby::conn::{self, Turn};
use passerby::kernel::ask::{Ask, Outcome, Refusal, Ticket};
use passerby::kernel::effect::SocketOp;
use passerby::kernel::id::ConnId;
use passerby::kernel::outbox::Outbox;
use passerby::kernel::secret::Secret;
use passerby::kernel::stats::{CloseCause, Stats};
use passerby::kernel::time::Now;
use passerby::wire::token::Key;
use serde_json::{Value, json};

use crate::person::frame;
use crate::store::{self, Store};

/// What tokens are signed with.
pub fn key() -> Key {
    Key::new(&Secret::new("x".repeat(32))).expect("long enough")
}

/// How the store behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It answers at once.
    Prompt,
    /// It keeps everything waiting.
    Silent,
    /// It answers at once, but those who hash keep everything waiting.
    Pondering,
    /// It does not write, and says why; what is there can be read.
    Refusing(Refusal),
    /// It answers nothing but this, whatever it is asked; and so do those who hash.
    Failing(Refusal),
}

/// A connection as its client sees it.
#[derive(Debug, Default)]
struct Line {
    inbox: Vec<u8>,
    is_over: bool,
}

/// See the module's description.
pub struct Town {
    pub server: Server,
    out: Outbox,
    pub stats: Stats,
    pub now: Now,
    pub store: Store,
    pub mood: Mood,
    waiting: VecDeque<(Ticket, Ask)>,
    lines: Vec<Line>,
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: String,
    pub token: String,
}

impl Town {
    pub fn new() -> Self {
        Self::with(Store::default(), 1_761_129_000_000)
    }

    /// A server that finds this store when it starts.
    pub fn with(store: Store, unix_ms: u64) -> Self {
        Self::run(store, unix_ms, Settings::default())
    }

    /// A server with these settings.
    pub fn run(store: Store, unix_ms: u64, settings: Settings) -> Self {
        let now = Now {
            micros: 1_000_000,
            unix_ms,
        };
        let app = App::new(settings, key(), [7; 32], now);
        let mut town = Self {
            server: Server::new(app, conn::Settings::default()),
            out: Outbox::default(),
            stats: Stats::default(),
            now,
            store,
            mood: Mood::Prompt,
            waiting: VecDeque::new(),
            lines: Vec::new(),
        };
        town.settle();
        town
    }

    fn turn<T>(&mut self, event: impl FnOnce(&mut Server, &mut Turn<'_>) -> T) -> T {
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        event(&mut self.server, &mut turn)
    }

    /// Ends a turn, and has the store answer what it was asked.
    pub fn settle(&mut self) {
        for _ in 0..1_000 {
            self.turn(|server, turn| {
                server.begun(turn);
                server.elapsed(turn);
                server.perform(turn);
            });
            self.flush();
            self.waiting.extend(std::mem::take(&mut self.out.asks));
            if self.mood == Mood::Silent {
                return;
            }
            let is_next = |(_, ask): &(Ticket, Ask)| match ask {
                Ask::Store(_) => true,
                Ask::Hash(_) => self.mood != Mood::Pondering,
            };
            let Some(at) = self.waiting.iter().position(is_next) else {
                return;
            };
            let (ticket, ask) = self.waiting.remove(at).expect("a question");
            let outcome = self.work(ask);
            self.turn(|server, turn| server.answered(ticket, outcome, turn));
        }
        panic!("the turns have no end");
    }

    fn work(&mut self, ask: Ask) -> Outcome {
        match (ask, self.mood) {
            (Ask::Store(query), Mood::Refusing(refusal)) if store::is_writing(&query) => {
                Err(refusal)
            }
            (_, Mood::Failing(refusal)) => Err(refusal),
            (Ask::Store(query), _) => self.store.answer(query),
            (Ask::Hash(hashing), _) => store::hash(hashing),
        }
    }

    fn flush(&mut self) {
        let mut dirty = Vec::new();
        self.out.take_dirty(&mut dirty);
        for id in dirty {
            let bytes = self.out.pending(id).to_vec();
            self.out.wrote(id, bytes.len());
            self.lines[id.index()].inbox.extend(bytes);
        }
        for op in std::mem::take(&mut self.out.socket_ops) {
            if let SocketOp::Finish(id) | SocketOp::Close(id) | SocketOp::Drop(id) = op
                && !std::mem::replace(&mut self.lines[id.index()].is_over, true)
            {
                self.turn(|server, turn| server.reaped(id, turn));
            }
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now.micros + ms * 1_000;
        while self.now.micros < until {
            let due = self.server.next_due().unwrap_or(until);
            let next = due.clamp(self.now.micros + 1_000, until);
            self.now.unix_ms += (next - self.now.micros) / 1_000;
            self.now.micros = next;
            self.settle();
        }
    }

    pub fn id(at: usize) -> ConnId {
        ConnId::new(at as u32, 1)
    }

    fn connect(&mut self, from: IpAddr) -> usize {
        let at = self.lines.len();
        self.lines.push(Line::default());
        self.turn(|server, turn| server.accepted(Self::id(at), from, turn));
        at
    }

    fn send(&mut self, at: usize, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        self.turn(|server, turn| server.received(Self::id(at), &mut bytes, turn));
        self.settle();
    }

    /// Sends a request; its answer may take its time.
    pub fn ask(&mut self, method: &str, target: &str, token: &str, body: &str) -> usize {
        let from = Ipv4Addr::from(0x0a00_0000 + self.lines.len() as u32);
        self.ask_from(from, method, target, token, body)
    }

    /// The same, from an address.
    pub fn ask_from(
        &mut self,
        from: Ipv4Addr,
        method: &str,
        target: &str,
        token: &str,
        body: &str,
    ) -> usize {
        let at = self.connect(from.into());
        let authorization = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: town\r\n{authorization}Content-Length: {length}\r\n\r\n{body}"
        );
        let request = match method {
            "GET" => request.replace("Content-Length: 0\r\n", ""),
            _ => request,
        };
        self.send(at, request.as_bytes());
        at
    }

    /// Sends a request whose first question to the store is answered, and no other.
    pub fn ask_slowly(&mut self, method: &str, target: &str, token: &str) -> usize {
        self.mood = Mood::Silent;
        let at = self.ask(method, target, token, "");
        self.answer_one();
        at
    }

    /// How many questions wait to be answered.
    pub fn unanswered(&self) -> usize {
        self.waiting.len()
    }

    /// Has one question answered.
    pub fn answer_one(&mut self) {
        let (ticket, ask) = self.waiting.pop_front().expect("a question");
        let outcome = self.work(ask);
        self.turn(|server, turn| server.answered(ticket, outcome, turn));
        self.settle();
    }

    /// The answer to a request, if it is there.
    pub fn answer(&mut self, at: usize) -> Option<(u16, Value)> {
        let text = String::from_utf8(std::mem::take(&mut self.lines[at].inbox)).expect("text");
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().expect("a status");
        if status == 503 || status == 429 {
            assert!(head.contains("\r\nRetry-After: "), "{head}");
        }
        let body = serde_json::from_str(body).unwrap_or_default();
        self.leave(at);
        Some((status, body))
    }

    /// Sends a request and takes its answer.
    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        token: &str,
        body: Value,
    ) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let at = self.ask(method, target, token, &body);
        self.answer(at).expect("an answer at once")
    }

    pub fn get(&mut self, target: &str, token: &str) -> (u16, Value) {
        self.request("GET", target, token, Value::Null)
    }

    pub fn post(&mut self, target: &str, token: &str, body: Value) -> (u16, Value) {
        self.request("POST", target, token, body)
    }

    /// Makes an account.
    pub fn register(&mut self, pseudo: &str, country: &str) -> Member {
        let body = json!({
            "pseudo": pseudo,
            "email": format!("{pseudo}@example.org"),
            "country": country,
            "password": "correct horse",
        });
        let (status, body) = self.post("/auth/register", "", body);
        assert_eq!(status, 201, "{body}");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Member {
            id: text(&body["user"]["id"]),
            token: text(&body["token"]),
        }
    }

    /// Knocks at a socket; the answer may take its time.
    pub fn knock(&mut self, target: &str) -> usize {
        let at = self.connect(Ipv4Addr::new(10, 0, 1, self.lines.len() as u8).into());
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: town\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        self.send(at, request.as_bytes());
        at
    }

    /// The status with which a handshake was answered.
    pub fn status(&self, at: usize) -> u16 {
        let text = String::from_utf8_lossy(&self.lines[at].inbox);
        text.split(' ')
            .nth(1)
            .map_or(0, |status| status.parse().unwrap_or(0))
    }

    /// Opens a socket.
    pub fn open(&mut self, path: &str, who: &Member) -> usize {
        let at = self.knock(&format!("{path}?token={}", who.token));
        assert_eq!(self.status(at), 101);
        let inbox = &mut self.lines[at].inbox;
        let end = inbox.windows(4).position(|four| four == b"\r\n\r\n");
        inbox.drain(..end.expect("a head") + 4);
        at
    }

    pub fn say(&mut self, at: usize, command: Value) {
        self.send(at, &frame(0x81, command.to_string().as_bytes()));
    }

    /// Everything that was said on a socket, a goodbye included: `{"close":code}`. Pings are left out.
    pub fn hear(&mut self, at: usize) -> Vec<Value> {
        let mut bytes = std::mem::take(&mut self.lines[at].inbox);
        let mut heard = Vec::new();
        while bytes.len() >= 2 {
            let (start, len) = match bytes[1] {
                126 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
                len => (2, usize::from(len)),
            };
            let payload = &bytes[start..start + len];
            match bytes[0] & 0x0f {
                1 => heard.push(serde_json::from_slice(payload).expect("JSON")),
                8 => heard.push(json!({ "close": u16::from_be_bytes([payload[0], payload[1]]) })),
                _ => {}
            }
            bytes.drain(..start + len);
        }
        heard
    }

    /// The types of what was said on a socket.
    pub fn kinds(&mut self, at: usize) -> Vec<String> {
        let heard = self.hear(at);
        let kinds = heard.iter().map(|event| event["type"].as_str());
        kinds
            .map(|kind| kind.unwrap_or("close").to_owned())
            .collect()
    }

    /// A client goes away without a word.
    pub fn leave(&mut self, at: usize) {
        if !std::mem::replace(&mut self.lines[at].is_over, true) {
            let id = Self::id(at);
            self.turn(|server, turn| server.broke(id, CloseCause::Gone, turn));
            self.out.socket_ops.clear();
            self.turn(|server, turn| server.reaped(id, turn));
        }
        self.settle();
    }

    /// Two people from the pool, and their room: the first is the one who waited.
    pub fn pair(&mut self) -> (Member, Member, String) {
        let ann = self.register("ann", "DE");
        let bob = self.register("bob", "FR");
        assert_eq!(self.post("/pool/join", &ann.token, Value::Null).0, 202);
        let (status, body) = self.post("/pool/join", &bob.token, Value::Null);
        assert_eq!(status, 201, "{body}");
        let room = body["room_id"].as_str().expect("a room").to_owned();
        (ann, bob, room)
    }

    /// Everybody goes, and nothing is left of them.
    pub fn empty(mut self) {
        self.mood = Mood::Prompt;
        for at in 0..self.lines.len() {
            self.leave(at);
        }
        self.pass(200_000);
        assert!(self.server.is_empty());
        self.server.app.accounts.audit(&[]).expect("sound");
        self.server.app.accounts.audit_empty().expect("empty");
    }
}
