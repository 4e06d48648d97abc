//! People with accounts in a simulated world, whose store has weather: what the loop does, and what it is asked for.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::Ipv4Addr;

use passerby::app::{App, Server, Settings};
use passerby::conn::{self, Turn};
use passerby::kernel::ask::Query;
use passerby::kernel::effect::SocketOp;
use passerby::kernel::id::ConnId;
use passerby::kernel::outbox::Outbox;
use passerby::kernel::record::User;
use passerby::kernel::stats::{CloseCause, Stats};
use passerby::kernel::time::Now;
use passerby::wire::token;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::ear::{Ear, Heard};
use crate::fate::{Desk, Weather};
use crate::person::frame;
use crate::town::key;

const START_MS: u64 = 1_761_129_000_000;
pub const PASSWORD: &str = "correct horse";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request,
    /// Making an account.
    Register,
    /// Logging in, with the right password or another one.
    LogIn(bool),
    Notices,
    Room(Uuid),
    Chat,
}

impl Kind {
    /// Whether a WebSocket is to be opened.
    pub const fn is_socket(self) -> bool {
        matches!(self, Self::Notices | Self::Room(_) | Self::Chat)
    }
}

/// A connection with its client.
#[derive(Debug)]
pub struct Wire {
    pub id: ConnId,
    pub who: usize,
    pub kind: Kind,
    /// Sent by the client, not received by the server.
    pub upstream: VecDeque<u8>,
    ear: Ear,
    /// Heard, and not thought about yet.
    pub mail: VecDeque<Heard>,
    pub is_open: bool,
    pub is_over: bool,
    pub is_answered: bool,
    /// When everything was sent that must be answered first.
    pub asked_us: Option<u64>,
    /// What was said and has no answer, and since when the server has it.
    pub unanswered: Vec<(String, Option<u64>)>,
    /// The ids of messages heard here, in order.
    pub heard: Vec<Uuid>,
    /// How many people were said to be here, last.
    pub online: u64,
    pub matched: HashSet<Uuid>,
    pub closed: HashSet<Uuid>,
}

/// Somebody with an account.
#[derive(Debug)]
pub struct Resident {
    pub id: Uuid,
    /// Whether they meet people on `/ws`, rather than in the pool.
    pub is_stranger: bool,
    pub said: usize,
    /// What they said in a room, until it is acknowledged.
    pub drafts: Vec<(Uuid, String)>,
    /// Whether they may be waiting for a match.
    pub has_ticket: bool,
    /// Whether a room is being opened for them.
    pub is_being_matched: bool,
}

/// A message that is in the store, or was.
#[derive(Debug)]
pub struct Written {
    pub room: Uuid,
    pub sender: Uuid,
    pub content: String,
    /// The partner's sockets that were open when it was written.
    pub witnesses: Vec<ConnId>,
}

/// See the module's description.
pub struct Village {
    pub server: Server,
    pub out: Outbox,
    pub stats: Stats,
    pub now: Now,
    /// How far the wall clock is from where it began, without what has passed.
    wall_ms: u64,
    pub random: StdRng,
    pub desk: Desk,
    pub wires: Vec<Wire>,
    free: Vec<u32>,
    born: u32,
    pub people: Vec<Resident>,
    /// How many have asked for an account.
    pub newcomers: usize,
    /// Accounts that are kept, and those of which it was told.
    pub kept_accounts: usize,
    pub registered: usize,
    pub logged_in: usize,
    pub written: HashMap<Uuid, Written>,
    /// Messages whose first answer was lost.
    pub late: HashSet<Uuid>,
    /// Who is in which room.
    pub rooms: HashMap<Uuid, [Uuid; 2]>,
    /// Rooms whose end was told, and in which flush first.
    pub over: HashMap<Uuid, u64>,
    pub flushes: u64,
    /// When the store, or the clock on the wall, was last out of order.
    pub trouble_us: u64,
    pub acked: HashSet<Uuid>,
    pub made_by_pact: usize,
    pub made_in_pool: usize,
    pub fault: Option<String>,
    pub trace: Vec<String>,
}

impl Village {
    pub fn new(seed: u64) -> Self {
        let mut settings = Settings::default();
        settings.accounts.room_ms = [4_000, 30_000, 600_000][seed as usize % 3];
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let connections = conn::Settings {
            seed,
            ..conn::Settings::default()
        };
        let now = Now {
            micros: 1_000_000,
            unix_ms: START_MS,
        };
        let mut village = Self {
            server: Server::new(App::new(settings, key(), bytes, now), connections),
            out: Outbox::default(),
            stats: Stats::default(),
            now,
            wall_ms: START_MS - 1_000,
            random: StdRng::seed_from_u64(seed),
            desk: Desk::new(),
            wires: Vec::new(),
            free: (0..60).rev().collect(),
            born: 0,
            people: Vec::new(),
            newcomers: 0,
            kept_accounts: 0,
            registered: 0,
            logged_in: 0,
            written: HashMap::new(),
            late: HashSet::new(),
            rooms: HashMap::new(),
            over: HashMap::new(),
            flushes: 0,
            trouble_us: 0,
            acked: HashSet::new(),
            made_by_pact: 0,
            made_in_pool: 0,
            fault: None,
            trace: Vec::new(),
        };
        let strangers = [0, 2, 3][seed as usize % 3];
        let others = [2, 3, 5, 4][seed as usize % 4];
        for number in 0..strangers + others {
            village.settle_down(number, number < strangers);
        }
        village.settle();
        village
    }

    fn settle_down(&mut self, number: usize, is_stranger: bool) {
        let id = Uuid::from_u128(0x4000_8000_0000_0000_0000 + number as u128);
        let user = User {
            id,
            pseudo: format!("p{number}"),
            email: format!("p{number}@example.org"),
            country: ["DE", "FR"][number % 2].into(),
            created_ms: START_MS,
        };
        let query = Query::Register {
            pseudo_key: user.pseudo.clone(),
            email_key: user.email.clone(),
            user,
            phc: format!("hash of {PASSWORD}"),
        };
        self.desk.store.answer(query).expect("nobody has that name");
        self.welcome(id, is_stranger);
    }

    /// There is an account for somebody new.
    pub fn welcome(&mut self, id: Uuid, is_stranger: bool) {
        self.people.push(Resident {
            id,
            is_stranger,
            said: 0,
            drafts: Vec::new(),
            has_ticket: false,
            is_being_matched: false,
        });
    }

    /// Tells what happened, if `SIM_TRACE` is set.
    pub fn tell(&self) {
        if std::env::var_os("SIM_TRACE").is_some() {
            eprintln!("{}", self.trace.join("\n"));
        }
    }

    /// A token, from so long ago that no clock is set back to before it.
    pub fn token(&self, who: usize) -> String {
        token::issue(&key(), self.people[who].id, START_MS - 3_600_000).expect("signed")
    }

    pub fn is_in(&self, who: usize, room: Uuid) -> bool {
        self.rooms
            .get(&room)
            .is_some_and(|users| users.contains(&self.people[who].id))
    }

    pub fn blame(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    fn turn<T>(&mut self, event: impl FnOnce(&mut Server, &mut Turn<'_>) -> T) -> T {
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        event(&mut self.server, &mut turn)
    }

    /// A client connects, and sends this.
    pub fn connect(&mut self, who: usize, kind: Kind, bytes: String) {
        let Some(index) = self.free.pop() else {
            return;
        };
        self.born += 1;
        let id = ConnId::new(index, self.born);
        self.trace.push(format!(
            "p{who} connects {id:?}: {:.70}",
            bytes.replace("\r\n", " ")
        ));
        self.wires.push(Wire {
            id,
            who,
            kind,
            upstream: bytes.into_bytes().into(),
            ear: Ear::default(),
            mail: VecDeque::new(),
            is_open: false,
            is_over: false,
            is_answered: false,
            asked_us: None,
            unanswered: Vec::new(),
            heard: Vec::new(),
            online: 0,
            matched: HashSet::new(),
            closed: HashSet::new(),
        });
        let from = Ipv4Addr::from(0x0a00_0000 + self.born);
        self.turn(|server, turn| server.accepted(id, from.into(), turn));
    }

    /// A client says something.
    pub fn send(&mut self, at: usize, command: &serde_json::Value) {
        self.trace
            .push(format!("{:?} says {command}", self.wires[at].id));
        self.wires[at]
            .upstream
            .extend(frame(0x81, command.to_string().as_bytes()));
    }

    /// Hands bytes to the server, unless it does not read.
    pub fn carry(&mut self, at: usize, most: usize) {
        let wire = &mut self.wires[at];
        let most = most.min(wire.upstream.len());
        if most == 0 || wire.is_over || self.server.is_paused(wire.id) {
            return;
        }
        let id = wire.id;
        let mut bytes: Vec<u8> = wire.upstream.drain(..most).collect();
        if wire.upstream.is_empty() {
            wire.asked_us.get_or_insert(self.now.micros);
            for (_, since_us) in &mut wire.unanswered {
                since_us.get_or_insert(self.now.micros);
            }
        }
        self.turn(|server, turn| server.received(id, &mut bytes, turn));
        self.settle();
    }

    /// A client is gone, with what had not arrived.
    pub fn lose(&mut self, at: usize) {
        let wire = self.wires.swap_remove(at);
        let id = wire.id;
        self.trace.push(format!("{id:?} is gone"));
        if !wire.is_over {
            if self.random.random_bool(0.5) {
                self.turn(|server, turn| server.ended(id, turn));
            } else {
                self.turn(|server, turn| server.broke(id, CloseCause::Gone, turn));
            }
            self.turn(|server, turn| server.reaped(id, turn));
        }
        self.free.push(id.index() as u32);
        self.settle();
    }

    /// What the loop does at the end of a turn.
    pub fn settle(&mut self) {
        for _ in 0..1_000 {
            self.turn(|server, turn| {
                server.begun(turn);
                server.elapsed(turn);
                server.perform(turn);
            });
            self.flush();
            for (ticket, ask) in std::mem::take(&mut self.out.asks) {
                self.asked(&ask);
                self.desk
                    .take(ticket, ask, self.now.micros, &mut self.random);
            }
            if self.desk.weather != Weather::Fair {
                self.trouble_us = self.now.micros;
            }
            if let Some((ticket, outcome)) = self.desk.hash(self.now.micros) {
                self.turn(|server, turn| server.answered(ticket, outcome, turn));
                continue;
            }
            let Some(deed) = self.desk.work(self.now.micros) else {
                return;
            };
            self.trace.push(format!("{:?} {:?}", deed.fate, deed.query));
            let outcome = deed.told();
            let witnesses = self.witness(&deed);
            self.turn(|server, turn| server.answered(deed.ticket, outcome, turn));
            self.turn(|server, turn| server.perform(turn));
            self.flush();
            self.verify(&deed, &witnesses);
        }
        self.blame("the turns have no end".into());
    }

    fn flush(&mut self) {
        self.flushes += 1;
        let mut dirty = Vec::new();
        self.out.take_dirty(&mut dirty);
        for id in dirty {
            let bytes = self.out.pending(id).to_vec();
            self.out.wrote(id, bytes.len());
            let Some(at) = self.at(id) else {
                continue;
            };
            match self.wires[at].ear.hear(&bytes) {
                Ok(all) => all.into_iter().for_each(|heard| self.hear(at, heard)),
                Err(fault) => self.blame(format!("{id:?}: {fault}")),
            }
        }
        for op in std::mem::take(&mut self.out.socket_ops) {
            if let SocketOp::Finish(id) | SocketOp::Close(id) | SocketOp::Drop(id) = op
                && let Some(at) = self.at(id)
                && !std::mem::replace(&mut self.wires[at].is_over, true)
            {
                self.turn(|server, turn| server.reaped(id, turn));
            }
        }
    }

    pub fn at(&self, id: ConnId) -> Option<usize> {
        self.wires.iter().position(|wire| wire.id == id)
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now.micros + ms * 1_000;
        let mut turns = 0;
        while self.now.micros < until {
            let dues = [self.server.next_due(), self.desk.next_due()];
            let due = dues.into_iter().flatten().min().unwrap_or(until);
            turns = if due <= self.now.micros { turns + 1 } else { 0 };
            if turns > 1_000 {
                return self.blame("there is always something due, and it is never done".into());
            }
            self.now.micros = due.clamp(self.now.micros + 1, until);
            self.now.unix_ms = self.wall_ms + self.now.micros / 1_000;
            self.settle();
        }
    }

    /// Somebody sets the clock.
    pub fn set_clock(&mut self, forward: bool, ms: u64) {
        self.trace
            .push(format!("the clock is set by {ms} ms, forward: {forward}"));
        self.wall_ms = if forward {
            self.wall_ms + ms
        } else {
            self.wall_ms - ms
        };
        self.now.unix_ms = self.wall_ms + self.now.micros / 1_000;
        self.trouble_us = self.now.micros;
        self.settle();
    }
}
