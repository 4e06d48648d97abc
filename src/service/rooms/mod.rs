//! Rooms and direct messages (`GET /api/ws`), and the same by plain requests (`/api/*`).
//!
//! Owns: everybody who came by `/api/ws`, with however many sockets (`people`); the rooms, what was said there
//! and who is in them; and what still has to go round (`round`). Decides everything from events and the time.
//!
//! Invariants: a socket belongs to a person from its opening to its end; whoever has no socket is in no room;
//! every member of a room hears the same messages in the same order; nobody else hears any; whoever joins
//! hears the history and from there on everything, nothing twice.

mod audit;
mod command;
mod direct;
mod people;
mod presence;
mod rest;
mod room;
mod round;
mod speech;
#[cfg(test)]
mod tests;
mod voice;
mod waiting;

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::conn::Turn;
use crate::kernel::bucket::Rate;
use crate::kernel::budgets::Budgets;
use crate::kernel::id::ConnId;
use crate::kernel::membership::Membership;
use crate::kernel::order::Order;
use crate::kernel::time::{Now, Stamp};
use crate::wire::fault;
use crate::{defaults, limits};

use people::{People, PersonId};
pub use presence::Knock;
use room::{GENERAL, RoomId, Table};
use voice::Line;

/// What an operator may set about rooms.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Messages of one person.
    pub message_rate: Rate,
    /// Rooms joined and left by one person.
    pub move_rate: Rate,
    /// Whether joining a room that is not there makes it.
    pub create_on_join: bool,
    /// Sockets that rooms write to in one turn, and as many again for what comes of joining and leaving.
    pub deliveries_per_turn: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            message_rate: defaults::MESSAGE.rate(),
            move_rate: Rate::new(limits::MOVES_PER_SECOND, limits::MOVES_BURST),
            create_on_join: false,
            deliveries_per_turn: limits::DELIVERIES_PER_TURN,
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
    history_bytes: usize,
    /// What joining and leaving may still cost in this turn, in deliveries.
    allowance: usize,
    /// Sockets that wait for the next turn's, in the order in which they came.
    waiting: VecDeque<ConnId>,
    /// What addresses have done by plain requests.
    addresses: Budgets,
    random: StdRng,
    order: Order,
    stamp: Stamp,
    online: usize,
    /// Scratch space for a message.
    text: Vec<u8>,
}

/// One connection to this face.
#[derive(Debug)]
struct Socket {
    /// Who this is; generation 0 when nobody is.
    conn: ConnId,
    person: PersonId,
    /// What is rarely needed.
    late: Option<Box<Late>>,
}

/// What a socket is behind with.
#[derive(Debug, Default)]
struct Late {
    /// Rooms that the person joined by another socket, and up to which message this one knows nothing of them.
    unread: Vec<(RoomId, Uuid)>,
    /// Commands that wait until the socket has read what it was sent, or for its place in the next turn.
    commands: VecDeque<Box<str>>,
    /// Whether it is in the line of those who wait for the next turn.
    queued: bool,
    /// Whether reading from it rests until then.
    paused: bool,
}

const VACANT: Socket = Socket {
    conn: ConnId::new(0, 0),
    person: 0,
    late: None,
};

/// Who says something.
#[derive(Clone, Copy, Debug)]
enum Speaker<'a> {
    /// Somebody who is known.
    Person(PersonId),
    /// Somebody who never came by a socket.
    Guest { id: &'a str, name: &'a str },
}

/// What makes a message, besides who says it and when.
#[derive(Clone, Copy, Debug)]
struct Draft<'a> {
    kind: &'static str,
    /// A JSON string.
    content: &'a str,
    recipient: Option<&'a str>,
    room: Option<RoomId>,
    cid: Option<&'a str>,
    delivered: Option<bool>,
    active: Option<bool>,
}

impl<'a> Draft<'a> {
    const fn new(kind: &'static str, content: &'a str) -> Self {
        Self {
            kind,
            content,
            recipient: None,
            room: None,
            cid: None,
            delivered: None,
            active: None,
        }
    }
}

impl Rooms {
    /// A service without people. Everything random, such as ids and tokens, follows from `seed`.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let mut random = StdRng::from_seed(seed);
        Self {
            allowance: settings.deliveries_per_turn,
            settings,
            people: People::new(random.next_u64()),
            sockets: Vec::new(),
            rooms: Table::new(random.next_u64()),
            membership: Membership::default(),
            rounds: VecDeque::new(),
            backlog_bytes: 0,
            history_bytes: 0,
            waiting: VecDeque::new(),
            addresses: Budgets::new(limits::ABSENT_MAX, random.next_u64()),
            order: Order::default(),
            stamp: Stamp::default(),
            online: 0,
            text: Vec::new(),
            random,
        }
    }

    /// Sockets connected to this face.
    pub const fn online(&self) -> usize {
        self.online
    }

    /// People connected to this face, with however many sockets.
    pub const fn people(&self) -> usize {
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
        let waits = self.sockets[conn.index()]
            .late
            .as_ref()
            .is_some_and(|late| !late.commands.is_empty());
        if waits || turn.out.is_high(conn) {
            let late = self.sockets[conn.index()].late.get_or_insert_default();
            late.commands.push_back(text.into());
            return;
        }
        let is_in_time = self.waiting.is_empty() && self.allowance > 0;
        if !self.obey(conn, text, is_in_time, turn) {
            self.put_off(conn, text.into(), turn);
        }
    }

    /// What was queued for `conn` has gone out: what waited for that goes on.
    pub fn drained(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let person = self.sockets[conn.index()].person;
        self.deliver_letters(person, turn);
        let late = self.sockets[conn.index()].late.as_deref();
        let has_commands = late.is_some_and(|late| !late.commands.is_empty());
        if has_commands && !self.waiting.is_empty() {
            self.line_up(conn, turn);
        } else {
            self.go_on(conn, turn);
        }
    }

    /// Says that the server is going away.
    pub fn dismissed(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let retry_ms = 500 + self.random.next_u64() % 4_500;
        voice::draining(turn.out.lane(conn), retry_ms);
    }

    /// The end of a turn: what was said goes round, and what is too old goes.
    pub fn elapsed(&mut self, turn: &mut Turn<'_>) {
        let general = self.rooms.room_mut(GENERAL);
        if general.created_unix_ms == 0 {
            general.created_unix_ms = turn.now.unix_ms;
        }
        self.admit_waiting(turn);
        self.go_round(turn);
        self.allowance = self.settings.deliveries_per_turn;
        while let Some(room) = self.rooms.expire(turn.now.micros) {
            self.history_bytes -= room.history.bytes();
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

    /// Does what `text` asks for, or says why not; `false` when it has to wait, as joining and leaving do unless
    /// `may_move`.
    fn obey(&mut self, conn: ConnId, text: &str, may_move: bool, turn: &mut Turn<'_>) -> bool {
        use command::Command;
        let person = self.sockets[conn.index()].person;
        let done = match command::parse(text) {
            Ok(Command::Join { .. } | Command::Leave(_)) if !may_move => return false,
            Ok(Command::Say(saying)) => self.say(person, &saying, turn),
            Ok(Command::Join { room, exclusive }) => self.join(conn, &room, exclusive, turn),
            Ok(Command::Leave(room)) => self.leave(person, &room, turn),
            Ok(Command::Typing { to, active }) => self.typing(person, &to, active, turn),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = done {
            turn.stats.refused(fault.cause);
            fault::say(turn.out.lane(conn), &fault);
        }
        true
    }

    /// Writes a message into the scratch text.
    fn compose(&mut self, id: Uuid, from: Speaker<'_>, draft: Draft<'_>, now: Now) {
        let (sender, sender_id) = match from {
            Speaker::Person(person) => {
                let person = self.people.person(person);
                (&*person.name, &*person.id)
            }
            Speaker::Guest { id, name } => (name, id),
        };
        let line = Line {
            kind: draft.kind,
            id,
            content: draft.content,
            sender,
            sender_id,
            recipient: draft.recipient,
            room: draft.room.map(|room| &*self.rooms.room(room).id),
            timestamp: self.stamp.text(now),
            cid: draft.cid,
            delivered: draft.delivered,
            active: draft.active,
        };
        line.write(&mut self.text);
    }

    fn fresh_id(&mut self, now: Now) -> Uuid {
        self.order.next(now.unix_ms, &mut self.random)
    }

    /// Gives the memory back that a socket only needed while it was behind.
    fn tidy(&mut self, conn: ConnId) {
        let late = &mut self.sockets[conn.index()].late;
        let is_needless = |late: &Late| {
            let is_read = late.unread.is_empty() && late.commands.is_empty();
            is_read && !late.queued && !late.paused
        };
        if late.as_deref().is_some_and(is_needless) {
            *late = None;
        }
    }
}
