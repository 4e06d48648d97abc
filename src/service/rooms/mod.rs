//! Rooms and direct messages (`GET /api/ws`), and the same by plain requests (`/api/*`).
//!
//! Owns: everybody who came by `/api/ws`, with however many sockets (`people`); the rooms, what was said there
//! and who is in them; what still has to go round (`round`), and what sockets still have to be given (`reading`).
//! Decides everything from events and the time.
//!
//! Invariants: a socket belongs to a person from its opening to its end; whoever has no socket is in no room;
//! every member of a room hears the same messages in the same order; nobody else hears any; whoever joins
//! hears the history and from there on everything, nothing twice.

mod audit;
mod command;
mod direct;
mod entry;
mod fault;
mod letters;
mod lists;
mod outgoing;
mod people;
mod presence;
mod reading;
mod rest;
mod room;
mod round;
mod speech;
#[cfg(test)]
mod tests;
mod typing;
mod waiting;

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::conn::Turn;
use crate::kernel::addresses::Subscriber;
use crate::kernel::bucket::Rate;
use crate::kernel::budgets::Budgets;
use crate::kernel::id::ConnId;
use crate::kernel::ledger::Ledger;
use crate::kernel::membership::Membership;
use crate::kernel::order::Order;
use crate::kernel::time::{Now, Stamp};
use crate::wire;
use crate::wire::fault::Fault;
use crate::{defaults, limits};

pub use entry::EntryError;
use outgoing::{Draft, Envelope, Signature};
use people::{People, PersonId};
use presence::Progress;
use room::{RoomId, Table};
use round::Helping;

/// What an operator may set about rooms.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Messages of one person.
    pub message_rate: Rate,
    /// Rooms joined and left by one person.
    pub move_rate: Rate,
    /// Rooms made by one address.
    pub room_rate: Rate,
    /// Whether joining a room that is not there makes it.
    pub create_on_join: bool,
    /// Sockets that rooms write to in one turn, and as many again for what comes of joining and leaving.
    pub deliveries_per_turn: usize,
    /// What is kept of what was said in all rooms together, in bytes.
    pub history_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            message_rate: defaults::MESSAGE.rate(),
            move_rate: Rate::new(limits::MOVES_PER_SECOND, limits::MOVES_BURST),
            room_rate: defaults::ROOM.rate(),
            create_on_join: false,
            deliveries_per_turn: limits::DELIVERIES_PER_TURN,
            history_bytes_max: limits::HISTORY_BYTES_MAX,
        }
    }
}

/// The service. See the module's description.
#[derive(Debug)]
pub struct Rooms {
    settings: Settings,
    people: People,
    sockets: Vec<Socket>,
    rooms: Table,
    membership: Membership,
    /// Rooms in which something has not reached everybody.
    rounds: VecDeque<RoomId>,
    backlog_bytes: usize,
    /// Scratch space for what goes round.
    helping: Helping,
    /// What the rooms' histories hold.
    histories: Ledger,
    /// What joining and leaving may still cost in this turn, in deliveries.
    allowance: usize,
    /// Sockets that wait for the next turn's, in the order in which they came.
    waiting: VecDeque<ConnId>,
    /// What addresses have said by plain requests without being anybody.
    guests: Budgets,
    /// What rooms they have made.
    makers: Budgets,
    random: StdRng,
    order: Order,
    stamp: Stamp,
    online: usize,
    /// Scratch space for a message.
    text: Vec<u8>,
}

/// One connection to this service.
#[derive(Debug)]
struct Socket {
    /// Who this is; generation 0 when nobody is.
    conn: ConnId,
    person: PersonId,
    /// From where; nothing when nobody is.
    client: Option<Subscriber>,
    /// What is rarely needed.
    late: Option<Box<Late>>,
}

/// What a socket is behind with, besides the histories of rooms.
#[derive(Debug, Default)]
struct Late {
    /// The number of the letter that it is to be given next, if it has not been given all.
    letter: Option<u64>,
    /// Commands that wait until the socket has read what it was sent, or for its place in the next turn.
    commands: VecDeque<Box<str>>,
    /// Whether the first of them was begun and paid for.
    is_paid: bool,
    /// Whether it is in the line of those who wait for the next turn.
    queued: bool,
    /// Whether reading from it rests until then.
    paused: bool,
}

impl Late {
    fn is_needless(&self) -> bool {
        self.letter.is_none() && self.commands.is_empty() && !self.queued && !self.paused
    }
}

const VACANT: Socket = Socket {
    conn: ConnId::new(0, 0),
    person: 0,
    client: None,
    late: None,
};

/// Who says something.
#[derive(Clone, Copy, Debug)]
enum Speaker<'a> {
    /// Somebody who is known.
    Person(PersonId),
    /// Somebody who never came by a socket, or the server.
    Guest(Signature<'a>),
}

impl Rooms {
    /// A service without people that begins now. Everything random, such as ids and tokens, follows from `seed`.
    pub fn new(settings: Settings, seed: [u8; 32], now: Now) -> Self {
        let mut random = StdRng::from_seed(seed);
        let mut fork = || random.next_u64();
        Self {
            allowance: settings.deliveries_per_turn,
            settings,
            people: People::new(fork()),
            sockets: Vec::new(),
            rooms: Table::new(fork(), now),
            membership: Membership::default(),
            rounds: VecDeque::new(),
            backlog_bytes: 0,
            helping: Helping::default(),
            histories: Ledger::default(),
            waiting: VecDeque::new(),
            guests: Budgets::new(limits::ADDRESSES_MAX, fork()),
            makers: Budgets::new(limits::ADDRESSES_MAX, fork()),
            order: Order::default(),
            stamp: Stamp::default(),
            online: 0,
            text: Vec::new(),
            random,
        }
    }

    /// Sockets connected to this service.
    pub const fn online(&self) -> usize {
        self.online
    }

    /// People connected to this service, with however many sockets.
    pub fn people(&self) -> usize {
        self.people.present()
    }

    /// How many rooms there are.
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Members of all rooms together.
    pub const fn members(&self) -> usize {
        self.membership.len()
    }

    /// Somebody sent text: a command.
    pub fn said(&mut self, conn: ConnId, text: &str, turn: &mut Turn<'_>) {
        // Whoever does not read answers gets no more of them: their commands wait.
        if turn.out.is_high(conn) || self.is_late(conn) {
            let late = self.sockets[conn.index()].late.get_or_insert_default();
            late.commands.push_back(text.into());
            return self.hold(conn, turn);
        }
        let may_move = self.waiting.is_empty() && self.allowance > 0;
        match self.execute(conn, text, may_move, false, turn) {
            Progress::Done if self.has_to_read(conn) => self.go_on(conn, turn),
            Progress::Done => {}
            progress => {
                let is_paid = progress == Progress::Begun;
                self.put_off(conn, text.into(), is_paid, turn);
            }
        }
    }

    /// What was queued for `conn` has gone out: in the next turn, what waited for that goes on.
    pub fn drained(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        if self.is_late(conn) {
            self.line_up(conn, turn);
        } else {
            // What it waited with may be of no use any more: another socket has left the room.
            self.resume(conn, turn);
        }
    }

    /// Says that the server is going away.
    pub fn dismissed(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let retry_ms = 500 + self.random.next_u64() % 4_500;
        outgoing::draining(turn.out.lane(conn), retry_ms);
    }

    /// The end of a turn: what was said goes round, and what is too old goes.
    pub fn elapsed(&mut self, turn: &mut Turn<'_>) {
        self.admit_waiting(turn);
        self.go_round(turn);
        self.allowance = self.settings.deliveries_per_turn;
        while self
            .rooms
            .next_due()
            .is_some_and(|due_us| due_us <= turn.now.micros)
            && let Some(room) = self.rooms.longest_empty()
        {
            self.give_up(room);
        }
        self.people.expire(turn.now.micros);
    }

    /// When [`Rooms::elapsed`] has something to do next, in monotonic microseconds.
    pub fn next_due(&self) -> Option<u64> {
        if !self.rounds.is_empty() || !self.waiting.is_empty() {
            return Some(0);
        }
        let dues = [self.rooms.next_due(), self.people.next_due()];
        dues.into_iter().flatten().min()
    }

    /// Does what `text` asks for, or says why not. Joining and leaving wait unless they `may_move`; what they cost may have
    /// been paid when they were begun.
    fn execute(
        &mut self,
        conn: ConnId,
        text: &str,
        may_move: bool,
        is_paid: bool,
        turn: &mut Turn<'_>,
    ) -> Progress {
        use command::Command;
        let person = self.sockets[conn.index()].person;
        let done = match command::parse(text) {
            Ok(Command::Join { .. } | Command::Leave(_)) if !may_move => return Progress::NotBegun,
            Ok(Command::Join { room, exclusive }) => {
                let joined = self.join(conn, &room, exclusive, is_paid, turn);
                joined.map_err(Fault::from)
            }
            Ok(Command::Leave(room)) => {
                let left = self.leave(conn, &room, is_paid, turn);
                left.map_err(Fault::from)
            }
            Ok(Command::Say(saying)) => self.say(person, &saying, turn).map(|()| Progress::Done),
            Ok(Command::Typing { to, active }) => {
                let told = self.typing(person, &to, active, turn);
                told.map(|()| Progress::Done).map_err(Fault::from)
            }
            Err(fault) => Err(fault),
        };
        done.unwrap_or_else(|fault| {
            turn.stats.refused(fault.cause);
            wire::fault::say(turn.out.lane(conn), &fault);
            Progress::Done
        })
    }

    /// Writes a message into the scratch text.
    fn compose(&mut self, id: Uuid, from: Speaker<'_>, draft: &Draft<'_>, now: Now) {
        let envelope = Envelope {
            id,
            from: match from {
                Speaker::Person(person) => {
                    let person = self.people.person(person);
                    Signature {
                        id: &person.id,
                        name: &person.name,
                    }
                }
                Speaker::Guest(signature) => signature,
            },
            room: draft.room.map(|room| &*self.rooms.room(room).id),
            timestamp: self.stamp.text(now),
        };
        draft.write(&envelope, &mut self.text);
    }

    fn fresh_id(&mut self, now: Now) -> Uuid {
        self.order.next(now.unix_ms, &mut self.random)
    }
}
