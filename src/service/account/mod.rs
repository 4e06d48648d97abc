//! Accounts: people who sign in, the pool in which they are matched, and the private rooms that last a day
//! (`/auth/*`, `/pool/*`, `/rooms/*`, `/messages/*`, `GET /ws/{room_id}`, `GET /ws/notifications`).
//!
//! Owns: the questions that are not answered yet (`pending`), the sockets and whose they are (`sockets`, `people`),
//! the rooms that have one (`open_rooms`), who waits for a match (`pool`), and who is logging in (`tries`). What lasts is the store's: it is asked, and what follows
//! from its answer happens in a later turn.
//!
//! Invariants: nothing is acknowledged before the store has kept it; the partner hears of it once, in the order in which it was
//! kept; nobody who is not in a room hears of it; a person waits at most once, and one wait ends in at most one room; nothing is taken
//! for a room whose time is over.

mod audit;
mod command;
mod entry;
mod expiry;
mod failure;
mod json;
mod login;
mod matching;
mod notices;
mod open_rooms;
mod outgoing;
mod pending;
mod people;
mod pool;
mod register;
mod rest;
mod room;
mod sockets;
mod tries;

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::conn::{Late, Turn};
use crate::kernel::ask::{Answer, Ask, Outcome, Query, Refusal, Ticket};
use crate::kernel::bucket::Rate;
use crate::kernel::budgets::Budgets;
use crate::kernel::id::ConnId;
use crate::kernel::order::Order;
use crate::kernel::time::Now;
use crate::wire::fault::{self, Fault};
use crate::wire::json::quoted;
use crate::wire::response::Response;
use crate::wire::token::Key;
use crate::{defaults, limits};

pub use entry::Admission;
use expiry::Expiry;
use notices::Notices;
use open_rooms::OpenRooms;
use pending::{Pending, Purpose, Unasked, Wait};
use people::People;
use pool::Pool;
pub use rest::Resource;
use sockets::{Place, Sockets};
use tries::Tries;

/// What an operator may set about accounts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Messages of one person in private rooms.
    pub message_rate: Rate,
    /// Accounts that one address makes.
    pub register_rate: Rate,
    /// Requests of one person, handshakes included.
    pub request_rate: Rate,
    /// How long a private room lasts, in milliseconds.
    pub room_ms: u64,
    /// Sockets that are told in one turn how many people are here.
    pub deliveries_per_turn: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            message_rate: defaults::MESSAGE.rate(),
            register_rate: defaults::REGISTER.rate(),
            request_rate: defaults::REQUEST.rate(),
            room_ms: defaults::PRIVATE_ROOM_MS,
            deliveries_per_turn: limits::DELIVERIES_PER_TURN,
        }
    }
}

/// The service. See the module's description.
#[derive(Debug)]
pub struct Accounts {
    settings: Settings,
    /// What tokens are signed with.
    key: Key,
    pending: Pending,
    sockets: Sockets,
    people: People,
    open_rooms: OpenRooms,
    pool: Pool,
    /// People who are joining the pool or being matched at this moment, and the question on which that depends.
    matching: HashMap<Uuid, Ticket, FixedState>,
    notices: Notices,
    expiry: Expiry,
    tries: Tries,
    registrations: Budgets,
    /// Connections whose WebSocket is about to be opened, and what for.
    arrivals: HashMap<ConnId, Arrival, FixedState>,
    late: VecDeque<(ConnId, Late<()>)>,
    /// Rooms that were asked for by [`Accounts::keep`], or that there are none.
    kept: VecDeque<(Ticket, Option<Uuid>)>,
    random: StdRng,
    order: Order,
    /// The time of the latest turn.
    now: Now,
}

/// Somebody whose WebSocket is about to be opened.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    user: Uuid,
    place: Place,
    /// When the token that they came with expires.
    until_ms: u64,
}

impl Accounts {
    /// A service without people, whose tokens are signed with `key`. Everything random, such as ids, follows from `seed`.
    pub fn new(settings: Settings, key: Key, seed: [u8; 32]) -> Self {
        let mut random = StdRng::from_seed(seed);
        Self {
            settings,
            key,
            pending: Pending::new(random.next_u64()),
            sockets: Sockets::default(),
            people: People::new(random.next_u64()),
            open_rooms: OpenRooms::new(random.next_u64()),
            pool: Pool::new(random.next_u64()),
            matching: HashMap::with_hasher(FixedState::with_seed(random.next_u64())),
            notices: Notices::default(),
            expiry: Expiry::new(random.next_u64()),
            tries: Tries::new(random.next_u64()),
            registrations: Budgets::new(limits::ADDRESSES_MAX, random.next_u64()),
            arrivals: HashMap::with_hasher(FixedState::with_seed(random.next_u64())),
            late: VecDeque::new(),
            kept: VecDeque::new(),
            order: Order::default(),
            now: Now::default(),
            random,
        }
    }

    /// Sockets connected to this service.
    pub const fn online(&self) -> usize {
        self.sockets.open()
    }

    /// People who would hear of a notification.
    pub const fn people(&self) -> usize {
        self.people.reachable()
    }

    /// People who wait for a match.
    pub fn waiting(&self) -> usize {
        self.pool.len()
    }

    /// Questions to other threads that are not answered yet.
    pub fn asked(&self) -> usize {
        self.pending.len()
    }

    /// Whether the store answers.
    pub const fn is_store_up(&self) -> bool {
        self.pending.is_up()
    }

    /// The next answer to a request that had to wait.
    pub fn next_late(&mut self) -> Option<(ConnId, Late<()>)> {
        self.late.pop_front()
    }

    /// Opens a private room for two people, of whom the first had waited for the other. What comes of it is told by
    /// [`Accounts::next_kept`].
    pub fn keep(&mut self, people: [Uuid; 2], turn: &mut Turn<'_>) -> Ticket {
        let agreement = self.pending.fresh();
        self.open_for_agreement(agreement, people, turn);
        agreement
    }

    /// What came of the oldest question by [`Accounts::keep`] that has an answer: the room, if there is one.
    pub fn next_kept(&mut self) -> Option<(Ticket, Option<Uuid>)> {
        self.kept.pop_front()
    }

    /// A question is answered.
    pub fn answered(&mut self, ticket: Ticket, outcome: Outcome, turn: &mut Turn<'_>) {
        self.now = turn.now;
        let was_up = self.pending.is_up();
        let wait = self.pending.answered(ticket, &outcome, turn.now);
        if !was_up && self.pending.is_up() {
            self.expiry.hurry(turn.now);
        }
        let Some(wait) = wait else {
            return;
        };
        count_answer(&wait, &outcome, turn);
        let Wait { asker, purpose, .. } = wait;
        if purpose.is_said_on_a_socket()
            && let Some(conn) = asker
        {
            self.settle_up(conn, ticket, turn);
        }
        match purpose {
            Purpose::Ping => {}
            Purpose::Expire { asked_ms } => self.expired(asked_ms, outcome, turn),
            Purpose::Hash(account) => self.hashed(asker, *account, outcome, turn),
            Purpose::Register(user) => self.registered(asker, &user, outcome, turn),
            Purpose::Credentials(claim) => self.found(asker, *claim, outcome, turn),
            Purpose::Verify(attempt) => self.verified(asker, &attempt, outcome, turn),
            Purpose::Join { user, same_country } => {
                self.joined(asker, user, same_country, outcome, turn);
            }
            Purpose::Match { waiter, joiner } => self.matched(asker, waiter, joiner, outcome, turn),
            Purpose::Keep(agreement) => self.agreement_kept(agreement, outcome, turn),
            Purpose::Fetch { user } => self.fetched(asker, user, outcome, turn),
            Purpose::Close { room } => self.room_closed(asker, room, outcome, turn),
            Purpose::React(reaction) => self.reacted(asker, *reaction, outcome, turn),
            Purpose::Enter { user, until_ms } => {
                self.entering(asker, user, until_ms, outcome, turn)
            }
            Purpose::Say(saying) => self.kept_message(asker, *saying, outcome, turn),
            Purpose::Read { room, user, upto } => {
                self.marked(asker, room, user, upto, outcome, turn);
            }
        }
    }

    /// Time has passed: what was not answered is given up, rooms end, waits end, and people are told how many they are.
    pub fn elapsed(&mut self, turn: &mut Turn<'_>) {
        self.now = turn.now;
        while let Some(ticket) = self.pending.next_overdue(turn.now) {
            self.give_up(ticket, turn);
        }
        if self.pending.wants_ping(turn.now) {
            let ticket = self.pending.ping(turn.now);
            turn.out.asks.push((ticket, Ask::Store(Query::Ping)));
        }
        self.end_overdue_rooms(turn);
        self.ask_for_expired(turn);
        let people = &self.people;
        self.pool.expire(turn.now, |user| people.is_reachable(user));
        self.people.expire(turn.now.micros);
        self.dismiss_expired_tokens(turn);
        self.count(turn);
    }

    /// When [`Accounts::elapsed`] has something to do next, in monotonic microseconds.
    pub fn next_due(&self) -> Option<u64> {
        // What is due by the wall clock, on the other one.
        let on_time = |unix_ms: u64| {
            let ms = unix_ms.saturating_sub(self.now.unix_ms);
            self.now.after_ms(ms)
        };
        [
            self.pending.next_due(),
            self.expiry.next_due(self.now),
            self.open_rooms.next_end_ms().map(on_time),
            self.sockets.next_end_ms().map(on_time),
            self.pool.next_due(),
            self.people.next_due(),
            self.notices.next_due(self.people.reachable()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Asks another thread, unless that is of no use now.
    fn ask(
        &mut self,
        asker: Option<ConnId>,
        ask: Ask,
        purpose: Purpose,
        turn: &mut Turn<'_>,
    ) -> Result<Ticket, Unasked> {
        let is_store = matches!(ask, Ask::Store(_));
        let ticket = self.pending.note(asker, is_store, purpose, turn.now)?;
        turn.out.asks.push((ticket, ask));
        Ok(ticket)
    }

    /// Answers a request that had to wait, unless it has been told already that it waits in vain.
    fn respond(&mut self, asker: Option<ConnId>, response: Response, turn: &mut Turn<'_>) {
        if let Some(conn) = asker {
            count_refusal(&response, turn);
            self.late.push_back((conn, Late::Respond(response)));
        }
    }

    /// A question was not answered in time: whoever waits for it is told so. What follows for others when it is answered after all
    /// is seen to then.
    fn give_up(&mut self, ticket: Ticket, turn: &mut Turn<'_>) {
        turn.stats.asks_overdue += 1;
        let Some(wait) = self.pending.wait_mut(ticket) else {
            return;
        };
        let asker = wait.asker.take();
        match &mut wait.purpose {
            Purpose::Ping => self.pending.forget(ticket),
            Purpose::Expire { .. } => self.expiry.failed(turn.now),
            Purpose::Keep(agreement) => self.kept.push_back((*agreement, None)),
            purpose if purpose.is_said_on_a_socket() => {
                let cid = purpose.cid().map(quoted);
                if let Some(conn) = asker {
                    let fault = failure::fault(Refusal::Unavailable).about(cid.as_deref());
                    self.complain(conn, &fault, turn);
                    self.settle_up(conn, ticket, turn);
                }
            }
            purpose => {
                if matches!(purpose, Purpose::Verify(attempt) if attempt.is_waiting()) {
                    self.tries.leave(ticket);
                    self.pending.forget(ticket);
                }
                self.respond(asker, failure::response(Refusal::Unavailable), turn);
            }
        }
    }

    fn fresh_uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn open_query(&self, id: Uuid, users: [Uuid; 2], now: Now) -> Query {
        Query::Open {
            id,
            users,
            now_ms: now.unix_ms,
            expires_ms: now.unix_ms.saturating_add(self.settings.room_ms),
        }
    }

    /// Tells somebody on a socket why something was not done.
    fn complain(&mut self, conn: ConnId, fault: &Fault<'_>, turn: &mut Turn<'_>) {
        turn.stats.refused(fault.cause);
        if self.sockets.get(conn).is_some() {
            fault::say(turn.out.lane(conn), fault);
        }
    }
}

fn count_answer(wait: &Wait, outcome: &Outcome, turn: &mut Turn<'_>) {
    let waited_us = turn.now.micros.saturating_sub(wait.since_us);
    let stats = &mut turn.stats;
    if wait.is_store {
        stats.store_ask_us.record(waited_us);
    } else {
        stats.hash_ask_us.record(waited_us);
        stats.passwords_hashed += u64::from(outcome.is_ok());
    }
}

fn count_refusal(response: &Response, turn: &mut Turn<'_>) {
    if let Some(cause) = failure::cause(response) {
        turn.stats.refused(cause);
    }
}

/// What an outcome should not be: an answer to another question.
fn unexpected(_: Answer) -> Refusal {
    debug_assert!(false, "that answers another question");
    Refusal::Unavailable
}
