//! Strangers meet: matching, relaying, parting (`GET /ws`).
//!
//! Owns: one `Client` for each connection to this service, the [`Lobby`] in which they wait and talk,
//! and the timers of matching. Decides everything from events and the time; what it decides goes to the
//! [`Outbox`](crate::kernel::outbox::Outbox).
//!
//! Invariants: a client's record and its seat in the lobby begin and end together; both of a pair carry the
//! same pair id and mode; nobody is paired with themself; whoever is held back from reading is paired with
//! somebody whose output is over its high-water mark.

mod audit;
mod client;
mod command;
mod ice;
mod keep;
mod matching;
mod outgoing;
mod plain;
mod privacy;
mod relay;

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::conn::Turn;
use crate::defaults;
use crate::kernel::bucket::Rate;
use crate::kernel::id::ConnId;
use crate::kernel::lobby::{Lobby, Mode, Population, QueueKey};
use crate::kernel::names::Names;
use crate::kernel::recent::{Recent, Tags};
use crate::kernel::stats::CloseCause;
use crate::kernel::time::Stamp;
use crate::kernel::wheel::Wheel;
use crate::wire::fault::Fault;
use crate::wire::id;
use crate::wire::sdp::Relays;

use client::Client;
pub use client::{Account, Format, Opening};
use command::Command;
pub use ice::Video;
pub use keep::Agreement;
use outgoing::{Counts, Left};

/// What an operator may set about strangers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Chat messages of one person.
    pub message_rate: Rate,
    /// Searches and skips of one person.
    pub skip_rate: Rate,
    /// After how long somebody with interests is matched with anyone, in milliseconds.
    pub widen_after_ms: u64,
    /// After how long people who met lately may meet again, in milliseconds.
    pub rematch_after_ms: u64,
    /// Video.
    pub video: Video,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            message_rate: defaults::MESSAGE.rate(),
            skip_rate: defaults::SKIP.rate(),
            widen_after_ms: defaults::WIDEN_AFTER_MS,
            rematch_after_ms: defaults::REMATCH_AFTER_MS,
            video: Video::default(),
        }
    }
}

/// The service. See the module's description.
#[derive(Debug)]
pub struct Stranger {
    settings: Settings,
    /// Where relays may be, for candidates that are passed on.
    relays: Relays,
    /// Whose each key for `GET /api/ice` is, by its handle.
    ice_keys: HashMap<u32, ConnId, FixedState>,
    clients: Vec<Client>,
    /// The connection on which each account searched last.
    searches: HashMap<Uuid, ConnId, FixedState>,
    /// People who want to stay in touch, and have not been told whether they can.
    agreements: Vec<Agreement>,
    lobby: Lobby,
    names: Names,
    tags: Tags,
    wheel: Wheel,
    fired: Vec<u32>,
    random: StdRng,
    stamp: Stamp,
    online: usize,
    /// Scratch space for queue keys.
    keys: Vec<QueueKey>,
}

impl Stranger {
    /// A service without people. Everything random, such as ids, follows from `seed`.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let mut random = StdRng::from_seed(seed);
        Self {
            relays: Relays::of(&settings.video.ice_servers),
            settings,
            ice_keys: HashMap::with_hasher(FixedState::with_seed(random.next_u64())),
            clients: Vec::new(),
            searches: HashMap::with_hasher(FixedState::with_seed(random.next_u64())),
            agreements: Vec::new(),
            lobby: Lobby::new(random.next_u64()),
            names: Names::new(random.next_u64()),
            tags: Tags::new(random.next_u64()),
            wheel: Wheel::default(),
            fired: Vec::new(),
            stamp: Stamp::default(),
            online: 0,
            keys: Vec::new(),
            random,
        }
    }

    /// People connected to this service.
    pub const fn online(&self) -> usize {
        self.online
    }

    /// People who wait and conversations, in `mode`.
    pub fn population(&self, mode: Mode) -> Population {
        self.lobby.population(mode)
    }

    /// Bytes of state that one person costs here, besides what they asked for.
    pub const fn client_bytes() -> usize {
        size_of::<Client>() + size_of::<crate::kernel::lobby::Seat>()
    }

    /// Bytes besides that for whoever has parted from somebody.
    pub const fn memory_bytes() -> usize {
        size_of::<Recent>()
    }

    /// Takes in somebody who connects, perhaps with an account; [`Stranger::opened`] follows.
    pub fn admit(&mut self, conn: ConnId, opening: Opening, account: Option<Account>) {
        while self.clients.len() <= conn.index() {
            self.clients.push(Client::vacant());
        }
        self.lobby.reserve(conn);
        let user = self.fresh_uuid();
        self.clients[conn.index()] = Client::new(conn, user, account, opening);
        self.online += 1;
    }

    /// The connection is open.
    pub fn opened(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        if self.clients[conn.index()].auto {
            self.seek_by_itself(conn, turn);
        }
    }

    /// Somebody sent text: a command, or in the plain format a line for the partner.
    #[inline]
    pub fn said(&mut self, conn: ConnId, text: &str, turn: &mut Turn<'_>) {
        let done = match self.clients[conn.index()].format {
            Format::Json => self.said_json(conn, text, turn),
            Format::Text => self.said_plain(conn, text, turn),
        };
        if let Err(fault) = done {
            turn.stats.refused(fault.cause);
            outgoing::error(
                self.clients[conn.index()].format,
                turn.out.lane(conn),
                &fault,
            );
        }
    }

    /// The connection is gone: leaves its queue, its partner and everything else.
    pub fn closed(&mut self, conn: ConnId, cause: CloseCause, turn: &mut Turn<'_>) {
        let left = match cause {
            CloseCause::NoPong | CloseCause::TooSlow => Left::Timeout,
            _ => Left::Disconnected,
        };
        self.part(conn, left, turn);
        self.lobby.leave(conn);
        self.wheel.disarm(conn.index());
        self.forget_preferences(conn);
        self.forget_search(conn);
        self.clients[conn.index()] = Client::vacant();
        self.online -= 1;
    }

    /// What was queued for `conn` has gone out: whoever feeds it may go on.
    pub fn drained(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        if let Some(peer) = self.lobby.peer(conn) {
            self.let_go(peer, turn);
        }
    }

    /// Says that the server is going away.
    pub fn dismissed(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let retry_ms = 500 + self.random.next_u64() % 4_500;
        let format = self.clients[conn.index()].format;
        outgoing::draining(format, turn.out.lane(conn), retry_ms);
    }

    /// Time has passed: people widen their search, meet again, or are queued again.
    pub fn elapsed(&mut self, turn: &mut Turn<'_>) {
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.advance(turn.now.micros, &mut fired);
        for index in fired.drain(..) {
            let index = index as usize;
            if let Some(conn) = self.clients[index].conn(index) {
                self.look_again(conn, turn);
            }
        }
        self.fired = fired;
    }

    /// When [`Stranger::elapsed`] has something to do next, in monotonic microseconds.
    pub fn next_due(&self) -> Option<u64> {
        self.wheel.next_due()
    }

    fn said_json<'t>(
        &mut self,
        conn: ConnId,
        text: &'t str,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let (command, pair) = command::parse(text)?;
        if let Some(pair) = pair
            && !self.is_current(conn, pair)
        {
            // A late command of a conversation that is over must not touch another one.
            return Ok(());
        }
        match command {
            Command::Say { text, cid } => self.say(conn, text, cid, turn),
            Command::Typing(active) => self.typing(conn, active, turn),
            Command::Signal(signal, body) => self.signal(conn, signal, body, turn),
            Command::CallState(state) => self.call_state(conn, state, turn),
            Command::IceKey => self.renew_ice_key(conn, turn),
            Command::Find(preferences) => self.find(conn, &preferences, turn),
            Command::Next(preferences) => self.next(conn, &preferences, turn),
            Command::Stop => {
                self.stop(conn, turn);
                Ok(())
            }
            Command::KeepInTouch => self.keep_in_touch(conn, turn),
            Command::Stats => {
                let population = Mode::ALL.map(|mode| self.lobby.population(mode));
                let counts = Counts {
                    online: self.online,
                    searching: population
                        .iter()
                        .map(|population| population.searching)
                        .sum(),
                    pairs: population.iter().map(|population| population.pairs).sum(),
                };
                let relay_only = self.settings.video.relay_only;
                outgoing::stats(turn.out.lane(conn), counts, relay_only);
                Ok(())
            }
        }
    }

    fn said_plain<'t>(
        &mut self,
        conn: ConnId,
        text: &'t str,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        match plain::parse(text) {
            plain::Line::Next => self.next(conn, &command::Preferences::default(), turn),
            plain::Line::Stop => {
                self.stop(conn, turn);
                Ok(())
            }
            plain::Line::Say(text) => self.say_plain(conn, text, turn),
        }
    }

    /// Whether `pair`, as a client wrote it, names the conversation that `conn` is in.
    fn is_current(&self, conn: ConnId, pair: &str) -> bool {
        let own = self.clients[conn.index()].pair;
        // Nearly always it is written as we wrote it.
        let is_own = pair.as_bytes() == id::text(own) || Uuid::try_parse(pair) == Ok(own);
        is_own && self.lobby.peer(conn).is_some()
    }

    fn fresh_uuid(&mut self) -> Uuid {
        id::random(self.random.next_u64(), self.random.next_u64())
    }
}
