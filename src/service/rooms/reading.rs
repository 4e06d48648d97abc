//! What a socket has to be given before it goes on: letters that waited for its person, and the history of a room.
//!
//! Both come in pieces, as far as the socket keeps up and the turn's allowance goes. Meanwhile its commands wait, so an answer to
//! what it sent behind `join_room` comes behind the history. Whoever just joined is not given what is said in the room
//! meanwhile by the rounds: it is in the history already, and comes in its place there.
//!
//! A socket that its person has opened, or that was open when another one joined a room, is `apart` in that room: it hears
//! what is said there from now on, and is given what was said before when it asks.
//!
//! Invariants: a socket reads at most one history; it is apart at most once in a room, and only while its person is there;
//! nothing is given to a socket twice.

use super::Rooms;
use super::people::PersonId;
use super::room::RoomId;
use crate::conn::Turn;
use crate::kernel::effect::Effect;
use crate::kernel::history::History;
use crate::kernel::id::ConnId;
use crate::kernel::stats::CloseCause;
use crate::limits;

/// A socket that does not know of a room what its person's other sockets know, or just came to know it.
#[derive(Debug)]
pub(super) struct Apart {
    pub(super) conn: ConnId,
    room: RoomId,
    /// Texts up to this entry of the room's log do not come by the rounds.
    floor: u64,
    /// The next message of the history that it is to be given, and the last.
    next: u64,
    upto: u64,
    /// Whether it is being given them.
    is_reading: bool,
    /// Whether it has been given any.
    is_amid: bool,
    /// Whether it was told that its person is in the room.
    is_told: bool,
}

impl Apart {
    /// Somebody's `conn` is to be given the whole history of a room, and what is said meanwhile.
    pub(super) const fn joining(conn: ConnId, room: RoomId, history: &History) -> Self {
        Self {
            conn,
            room,
            floor: u64::MAX,
            next: history.start(),
            upto: u64::MAX,
            is_reading: true,
            is_amid: false,
            is_told: true,
        }
    }

    /// `conn` knows nothing that was said in a room before the log's entry behind `floor`.
    pub(super) fn listening(conn: ConnId, room: RoomId, floor: u64, history: &History) -> Self {
        Self {
            conn,
            room,
            floor,
            next: history.start(),
            upto: history.last(),
            is_reading: false,
            is_amid: false,
            is_told: false,
        }
    }

    /// The same, of a socket that was told that its person is there.
    pub(super) const fn told(self) -> Self {
        Self {
            is_told: true,
            ..self
        }
    }

    pub(super) fn is_of(&self, conn: ConnId, room: RoomId) -> bool {
        self.conn == conn && self.room == room
    }

    pub(super) const fn is_in(&self, room: RoomId) -> bool {
        self.room == room
    }

    /// Up to which entry of the room's log texts do not come by the rounds.
    pub(super) const fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether there is nothing left to be given.
    const fn is_done(&self) -> bool {
        self.is_told && self.next > self.upto
    }
}

impl Rooms {
    /// Whether `conn` is being given a history.
    fn is_reading(&self, conn: ConnId) -> bool {
        let person = self.people.person(self.sockets[conn.index()].person);
        let mut apart = person.apart.iter();
        apart.any(|apart| apart.conn == conn && apart.is_reading)
    }

    /// Whether there is something that `conn` has to be given before it goes on.
    pub(super) fn has_to_read(&self, conn: ConnId) -> bool {
        self.next_letter(conn).is_some() || self.is_reading(conn)
    }

    /// Gives `conn` a piece of what it has to be given.
    pub(super) fn read_on(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        match self.next_letter(conn) {
            Some(next) => self.read_letters(conn, next, turn),
            None => self.read_history(conn, turn),
        }
    }

    /// Gives `conn` a piece of the letters from the one with the number `next`.
    fn read_letters(&mut self, conn: ConnId, next: u64, turn: &mut Turn<'_>) {
        let person = self.sockets[conn.index()].person;
        let letters = &mut self.people.person_mut(person).letters;
        let mut next = next.max(letters.first());
        let mut bytes = 0;
        while bytes < limits::PIECE_BYTES
            && let Some(letter) = letters.at(next)
        {
            if letter.due_us > turn.now.micros {
                turn.out.lane(conn).extend_from_slice(&letter.frame);
                bytes += letter.frame.len();
            }
            letters.give(next);
            next += 1;
        }
        let is_done = letters.at(next).is_none();
        if let Some(late) = &mut self.sockets[conn.index()].late {
            late.letter = (!is_done).then_some(next);
        }
        self.charge(bytes);
        self.release_letters(person);
    }

    /// Lets go of the letters of `person` that all who are here have.
    pub(super) fn release_letters(&mut self, person: PersonId) {
        let reader = self.people.person(person);
        if reader.letters.is_empty() || !reader.is_here() {
            return;
        }
        let nexts = reader
            .sockets
            .iter()
            .filter_map(|socket| self.next_letter(*socket));
        let slowest = nexts.min();
        let next = slowest.unwrap_or(reader.letters.end());
        self.people.release_letters(person, next);
    }

    /// Gives `conn` a piece of the history that it reads.
    fn read_history(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let person = self.sockets[conn.index()].person;
        let mut all = self.people.person_mut(person).apart.iter_mut();
        let Some(apart) = all.find(|apart| apart.conn == conn && apart.is_reading) else {
            return;
        };
        let room = self.rooms.room(apart.room);
        if apart.next < room.history.start() {
            if apart.is_amid {
                // What comes next is not there any more, and a gap must not go unnoticed.
                apart.is_reading = false;
                return too_slow(conn, turn);
            }
            apart.next = room.history.start();
        }
        apart.is_amid = true;
        let mut bytes = 0;
        while bytes < limits::PIECE_BYTES
            && apart.next <= apart.upto
            && let Some(kept) = room.history.at(apart.next)
        {
            turn.out.lane(conn).extend_from_slice(&kept.frame);
            bytes += kept.frame.len();
            apart.next += 1;
        }
        if apart.next > apart.upto || apart.next > room.history.last() {
            // What has not gone round yet was in the history as well.
            apart.floor = apart.floor.min(room.log.last());
            apart.upto = 0;
            apart.is_reading = false;
            let room = apart.room;
            self.settle_apart(person, room);
        }
        self.charge(bytes);
    }

    /// The rounds have brought `person` everything in `room` up to `seen`: sockets that know what the others know are not
    /// apart any more.
    pub(super) fn come_together(&mut self, person: PersonId, room: RoomId, seen: u64) {
        let all = &mut self.people.person_mut(person).apart;
        all.retain(|apart| apart.room != room || !apart.is_done() || apart.floor > seen);
        if all.is_empty() {
            *all = Vec::new();
        }
    }

    fn settle_apart(&mut self, person: PersonId, room: RoomId) {
        if let Some(seat) = self.membership.find(person, room) {
            self.come_together(person, room, self.membership.seen(seat));
        }
    }

    /// `conn` asks for what its person's other sockets were sent, as far as it does not know it.
    pub(super) fn catch_up(&mut self, conn: ConnId, room: RoomId, turn: &mut Turn<'_>) {
        let person = self.sockets[conn.index()].person;
        let all = &self.people.person(person).apart;
        let Some(at) = all.iter().position(|apart| apart.is_of(conn, room)) else {
            return;
        };
        if !all[at].is_told {
            let frame = self.notice("join", person, room, turn);
            turn.out.lane(conn).extend_from_slice(&frame);
            self.charge(frame.len());
        }
        let seat = self.membership.find(person, room);
        let seen = seat.map_or(0, |seat| self.membership.seen(seat));
        let history_start = self.rooms.room(room).history.start();
        let apart = &mut self.people.person_mut(person).apart[at];
        apart.is_told = true;
        if apart.is_done() {
            return self.settle_apart(person, room);
        }
        if seen <= apart.floor {
            // It has heard nothing there yet, so it may as well hear all in order.
            (apart.floor, apart.upto) = (u64::MAX, u64::MAX);
        }
        apart.next = apart.next.max(history_start);
        apart.is_reading = true;
    }
}

impl Rooms {
    /// Checks the invariants of one person's sockets, for simulations.
    pub(super) fn audit_apart(&self, id: PersonId) -> Result<(), String> {
        let person = self.people.person(id);
        for (at, apart) in person.apart.iter().enumerate() {
            let before = &person.apart[..at];
            let is_double = before.iter().any(|other| {
                other.is_of(apart.conn, apart.room)
                    || other.conn == apart.conn && other.is_reading && apart.is_reading
            });
            let seat = self.membership.find(id, apart.room);
            if is_double || seat.is_none() || !person.sockets.contains(&apart.conn) {
                return Err(format!(
                    "{} has a socket wrongly apart: {apart:?}",
                    person.id
                ));
            }
        }
        let nexts: Vec<u64> = person
            .sockets
            .iter()
            .filter_map(|socket| self.next_letter(*socket))
            .collect();
        let letters = &person.letters;
        if nexts
            .iter()
            .min()
            .is_none_or(|next| *next > letters.first())
            && !letters.is_empty()
        {
            return Err(format!("{} has letters that wait for nobody", person.id));
        }
        Ok(())
    }
}

/// Gives up on a socket that lets too much pile up.
pub(super) fn too_slow(conn: ConnId, turn: &mut Turn<'_>) {
    turn.out.effects.push(Effect::Close {
        conn,
        code: 4008,
        reason: "too slow",
        cause: CloseCause::TooSlow,
    });
}
