//! A server in memory for benches: bytes in, decisions, bytes out, without a socket.
#![allow(dead_code, reason = "no bench uses all of it")]

use std::hint::black_box;
use std::net::Ipv4Addr;

use passerby::app::{App, Server, Settings};
use passerby::conn::{self, Turn};
use passerby::kernel::bucket::Rate;
use passerby::kernel::id::ConnId;
use passerby::kernel::outbox::Outbox;
use passerby::kernel::secret::Secret;
use passerby::kernel::stats::{Refused, Stats};
use passerby::kernel::time::Now;
use passerby::wire::token::Key;

pub const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

pub struct World {
    pub server: Server,
    out: Outbox,
    pub stats: Stats,
    now: Now,
    dirty: Vec<ConnId>,
    inbox: Vec<u8>,
}

impl World {
    pub fn new() -> Self {
        let mut settings = Settings::default();
        // The budgets are there and checked, but large.
        let plenty = Rate::new(1_000_000.0, 1_000);
        settings.stranger.message_rate = plenty;
        settings.stranger.skip_rate = plenty;
        settings.stranger.rematch_after_ms = 0;
        settings.rooms.message_rate = plenty;
        let connections = conn::Settings {
            frame_rate: plenty,
            byte_rate: Rate::new(100_000_000.0, 1_000_000),
            ..conn::Settings::default()
        };
        let key = Key::new(&Secret::new("x".repeat(32))).expect("long enough");
        let now = Now {
            micros: 1_000_000,
            unix_ms: 1_761_129_000_000,
        };
        Self {
            server: Server::new(App::new(settings, key, [7; 32], now), connections),
            out: Outbox::default(),
            stats: Stats::default(),
            now,
            dirty: Vec::new(),
            inbox: vec![0; 16 * 1024],
        }
    }

    pub fn turn(&mut self, id: ConnId, bytes: &[u8]) {
        self.decide(id, bytes);
        self.flush();
    }

    fn decide(&mut self, id: ConnId, bytes: &[u8]) {
        self.now.micros += 100;
        self.now.unix_ms = 1_761_129_000_000 + self.now.micros / 1_000;
        self.inbox[..bytes.len()].copy_from_slice(bytes);
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server.begun(&mut turn);
        self.server
            .received(id, &mut self.inbox[..bytes.len()], &mut turn);
        self.server.elapsed(&mut turn);
        self.server.perform(&mut turn);
        self.out.socket_ops.clear();
    }

    fn flush(&mut self) {
        self.out.take_dirty(&mut self.dirty);
        for conn in &self.dirty {
            let count = black_box(self.out.pending(*conn)).len();
            self.out.wrote(*conn, count);
        }
    }

    pub fn open(&mut self, index: u32) -> ConnId {
        self.open_with(index, UPGRADE)
    }

    pub fn open_with(&mut self, index: u32, request: &[u8]) -> ConnId {
        let id = ConnId::new(index, 1);
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server
            .accepted(id, Ipv4Addr::LOCALHOST.into(), &mut turn);
        self.turn(id, request);
        id
    }

    pub fn close(&mut self, id: ConnId) {
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server.ended(id, &mut turn);
        self.server.perform(&mut turn);
        self.server.reaped(id, &mut turn);
        self.out.socket_ops.clear();
    }

    /// So many pairs, each found by searching: everybody, with the message that they say in this form.
    pub fn pairs(&mut self, pairs: u32, form: Form) -> Vec<(ConnId, Vec<u8>)> {
        let find = frame(r#"{"type":"findMatch"}"#);
        (0..pairs)
            .flat_map(|pair| {
                let both = [self.open(2 * pair), self.open(2 * pair + 1)];
                self.turn(both[0], &find);
                self.decide(both[1], &find);
                let joined = String::from_utf8_lossy(self.out.pending(both[1]));
                let (_, rest) = joined.split_once("\"pairId\":\"").expect("a pair");
                let message = form.message(&rest[..36]);
                self.flush();
                both.map(|id| (id, message.clone()))
            })
            .collect()
    }

    /// A figure that counted refusals would be a figure of something else.
    pub fn assert_nothing_was_refused(&self) {
        assert_eq!(self.stats.refusals(Refused::CommandRate), 0);
        assert_eq!(self.stats.refusals(Refused::BadCommand), 0);
    }
}

/// In which form 32 bytes are said to a stranger.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// With nothing else, as the service's ancestors had it.
    Bare,
    /// With a `cid`, so that a receipt comes back.
    Cid,
    /// As the page does it: with a `cid`, and the pair that it is meant for.
    Page,
    /// The same with an escape, which the general parser reads.
    Escaped,
}

impl Form {
    pub const ALL: [Self; 4] = [Self::Bare, Self::Cid, Self::Page, Self::Escaped];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Cid => "cid",
            Self::Page => "page",
            Self::Escaped => "escaped",
        }
    }

    fn message(self, pair: &str) -> Vec<u8> {
        let (cid, text) = ("0123456789abcdef".repeat(2), "x".repeat(32));
        let rest = match self {
            Self::Bare => format!("{text}\""),
            Self::Cid => format!(r#"{text}","cid":"{cid}""#),
            Self::Page => format!(r#"{text}","cid":"{cid}","pairId":"{pair}""#),
            Self::Escaped => format!(r#"{}\n","cid":"{cid}","pairId":"{pair}""#, &text[1..]),
        };
        frame(&format!(r#"{{"type":"sendMessage","text":"{rest}}}"#))
    }
}

/// A masked frame.
pub fn frame(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x81];
    match text.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
