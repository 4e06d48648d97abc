//! How what is said in a room reaches everybody in it.
//!
//! What happens in a room goes into its log, once: what is said as its place in the history, the rest as frames. At the end
//! of the turn every room with a log goes round: each member's sockets are given what the log has that the member has not
//! seen. A turn delivers no more than `deliveries_per_turn`; a large room goes on where it stopped in the next
//! turn. All members hear the same in the same order, as the log is the order, and a burst costs each socket one
//! write.
//!
//! Invariants: whatever is in a log has not reached every member yet; a member's `seen` never goes back; a room
//! is in `rounds` exactly while its log is `queued`; what is said stays in the history as long as it is in the log.

use std::collections::VecDeque;

use super::Rooms;
use super::people::PersonId;
use super::reading::Apart;
use super::room::{Room, RoomId};
use crate::conn::Turn;
use crate::kernel::id::ConnId;
use crate::kernel::membership::SeatId;
use crate::limits;

/// What has happened in a room and has not reached everybody.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// Of all frames that the entries stand for.
    bytes: usize,
    /// The number of the newest entry there ever was; they count from 1.
    last: u64,
    /// Who is next in the round.
    next: Option<SeatId>,
    /// How far this round brings everybody, while there is one.
    goal: Option<u64>,
    /// Whether the room is on the list.
    queued: bool,
}

/// Something that happened.
#[derive(Debug)]
pub(super) enum Entry {
    /// This message of the history.
    Text(u64),
    /// Somebody came or went.
    Notice(Box<[u8]>),
    /// This person types, which is not for them, and for nobody who is behind with reading.
    Typing(PersonId, Box<[u8]>),
}

/// What a round brings to nearly everybody, put together once.
#[derive(Debug, Default)]
pub(super) struct Helping {
    bytes: Vec<u8>,
    /// How many frames that are.
    count: u64,
    /// What whoever is given it has seen.
    seen: u64,
    /// Whether there is nothing in it that some must not hear.
    is_for_all: bool,
}

impl Log {
    /// The number of what happened last.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// Bytes that have not reached everybody.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the oldest entry.
    fn first(&self) -> u64 {
        self.last + 1 - self.entries.len() as u64
    }

    /// The entries from the one with the number `from` to the one with the number `upto`.
    fn between(&self, from: u64, upto: u64) -> impl Iterator<Item = &Entry> + Clone {
        let first = self.first();
        debug_assert!(from >= first && upto <= self.last);
        self.entries
            .range((from - first) as usize..(upto + 1 - first) as usize)
    }
}

impl Room {
    /// Up to which entry of the log somebody can be brought who has seen everything up to `seen`: what one batch brings.
    fn batch_end(&self, seen: u64) -> u64 {
        let log = &self.log;
        let seen = seen.max(log.first() - 1);
        let mut bytes = 0;
        let fitting = log.between(seen + 1, log.last).take_while(|entry| {
            bytes += self.frame(entry).len();
            bytes <= limits::ROUND_BYTES
        });
        (seen + fitting.count().max(1) as u64).min(log.last)
    }

    /// Puts together what a round up to `goal` brings to whoever has seen everything before it.
    fn serve_up(&self, goal: u64, helping: &mut Helping) {
        helping.bytes.clear();
        (helping.count, helping.is_for_all) = (0, true);
        helping.seen = self.log.first() - 1;
        for entry in self.log.between(helping.seen + 1, goal) {
            helping.is_for_all &= !matches!(entry, Entry::Typing(..));
            helping.bytes.extend_from_slice(self.frame(entry));
            helping.count += 1;
        }
    }

    /// Lets go of what everybody has; how many bytes that was.
    fn forget(&mut self, upto: u64) -> usize {
        let first = self.log.first();
        let bytes = self
            .log
            .between(first, upto)
            .map(|entry| self.frame(entry).len())
            .sum();
        let log = &mut self.log;
        log.entries.drain(..(upto + 1 - first) as usize);
        log.bytes -= bytes;
        if log.entries.is_empty() {
            log.entries = VecDeque::new();
        }
        self.release();
        bytes
    }

    /// Frees the messages that are neither history nor in the log.
    fn release(&mut self) {
        let mut entries = self.log.entries.iter();
        let pending = entries.find_map(|entry| match entry {
            Entry::Text(number) => Some(*number),
            Entry::Notice(_) | Entry::Typing(..) => None,
        });
        self.history.release(pending.unwrap_or(u64::MAX));
    }

    /// Lets the oldest message be history no more.
    pub(super) fn forget_oldest(&mut self) {
        self.history.forget_oldest();
        self.release();
    }
}

impl Rooms {
    /// Puts something into the log of `room`, for everybody in it.
    pub(super) fn tell(&mut self, room: RoomId, entry: Entry) {
        let is_empty = self.membership.members(room) == 0;
        let room_now = self.rooms.room_mut(room);
        if is_empty {
            return room_now.release();
        }
        let bytes = room_now.frame(&entry).len();
        let log = &mut room_now.log;
        log.bytes += bytes;
        self.backlog_bytes += bytes;
        log.last += 1;
        log.entries.push_back(entry);
        if !std::mem::replace(&mut log.queued, true) {
            self.rounds.push_back(room);
        }
    }

    /// Whether so much waits to go round in `room` that people have to wait with saying more.
    pub(super) fn is_behind(&self, room: RoomId) -> bool {
        self.rooms.room(room).log.bytes > limits::ROOM_BACKLOG_BYTES
            || self.backlog_bytes > limits::BACKLOG_BYTES_MAX
    }

    /// Whether so much waits that people have to wait with joining, too.
    pub(super) fn is_overrun(&self, room: RoomId) -> bool {
        self.rooms.room(room).log.bytes > limits::ROOM_BACKLOG_BYTES_MAX
            || self.backlog_bytes > limits::BACKLOG_BYTES_MAX
    }

    /// Goes round in every room where something happened, as far as this turn's budget goes.
    pub(super) fn go_round(&mut self, turn: &mut Turn<'_>) {
        let mut budget = self.settings.deliveries_per_turn;
        for _ in 0..self.rounds.len() {
            if budget == 0 {
                return;
            }
            let Some(room) = self.rounds.pop_front() else {
                return;
            };
            self.go_round_in(room, &mut budget, turn);
            let log = &mut self.rooms.room_mut(room).log;
            log.queued = !log.entries.is_empty();
            if log.queued {
                self.rounds.push_back(room);
            }
        }
    }

    fn go_round_in(&mut self, room: RoomId, budget: &mut usize, turn: &mut Turn<'_>) {
        let first = self.membership.first(room);
        let room_now = self.rooms.room_mut(room);
        if room_now.log.entries.is_empty() {
            return;
        }
        let goal = match room_now.log.goal {
            Some(goal) => goal,
            None => {
                room_now.log.next = first;
                room_now.batch_end(0)
            }
        };
        room_now.log.goal = Some(goal);
        room_now.serve_up(goal, &mut self.helping);
        let mut next = room_now.log.next;
        while let Some(seat) = next {
            if *budget == 0 {
                break;
            }
            *budget = budget.saturating_sub(self.help(seat, goal, turn));
            next = self.membership.next(seat);
        }
        let room_now = self.rooms.room_mut(room);
        room_now.log.next = next;
        if next.is_none() {
            room_now.log.goal = None;
            self.backlog_bytes -= room_now.forget(goal);
        }
    }

    /// Gives whoever sits at `seat` what this round brings, which is the same for nearly everybody; what that cost.
    #[inline]
    fn help(&mut self, seat: SeatId, goal: u64, turn: &mut Turn<'_>) -> usize {
        let reader = self.people.person(self.membership.person(seat));
        let helping = &self.helping;
        if !helping.is_for_all
            || !reader.apart.is_empty()
            || self.membership.seen(seat) != helping.seen
        {
            return self.deliver(seat, goal, turn);
        }
        self.membership.see(seat, goal);
        for conn in &reader.sockets {
            turn.out.lane(*conn).extend_from_slice(&helping.bytes);
            turn.stats.room_deliveries += helping.count;
        }
        reader.sockets.len() * (1 + helping.bytes.len() / limits::DELIVERY_BYTES)
    }

    /// Gives whoever sits at `seat` what they have not seen, up to `goal`; what that cost.
    fn deliver(&mut self, seat: SeatId, goal: u64, turn: &mut Turn<'_>) -> usize {
        let seen = self.membership.seen(seat);
        if seen >= goal {
            return 1;
        }
        self.membership.see(seat, goal);
        let id = self.membership.room(seat);
        let room = self.rooms.room(id);
        let person = self.membership.person(seat);
        let reader = self.people.person(person);
        let mut cost = 0;
        for conn in &reader.sockets {
            let is_high = turn.out.is_high(*conn);
            let apart = reader.apart.iter().find(|apart| apart.is_of(*conn, id));
            // What this socket has from the history, or will have.
            let floor = apart.map_or(0, Apart::floor);
            let entries = (seen + 1..).zip(room.log.between(seen + 1, goal));
            let due = entries.filter_map(|(number, entry)| {
                let is_due = match entry {
                    Entry::Text(_) => number > floor,
                    Entry::Notice(_) => true,
                    Entry::Typing(typist, _) => *typist != person && !is_high,
                };
                is_due.then(|| room.frame(entry))
            });
            let bytes = due.clone().map(<[u8]>::len).sum();
            if bytes > 0 {
                let lane = turn.out.lane(*conn);
                lane.reserve(bytes);
                for frame in due {
                    lane.extend_from_slice(frame);
                    turn.stats.room_deliveries += 1;
                }
            }
            cost += 1 + bytes / limits::DELIVERY_BYTES;
        }
        if !reader.apart.is_empty() {
            self.come_together(person, id, goal);
        }
        cost.max(1)
    }

    /// Gives whoever sits at `seat` what has not gone round, as long as their socket `conn` has room for it and the
    /// allowance lasts; whether that was all.
    pub(super) fn bring_up_to_date(
        &mut self,
        conn: ConnId,
        seat: SeatId,
        turn: &mut Turn<'_>,
    ) -> bool {
        loop {
            let seen = self.membership.seen(seat);
            let room = self.rooms.room(self.membership.room(seat));
            if seen >= room.log.last {
                return true;
            }
            if self.allowance == 0 || turn.out.is_high(conn) {
                return false;
            }
            let goal = room.batch_end(seen);
            let cost = self.deliver(seat, goal, turn);
            self.allowance = self.allowance.saturating_sub(cost);
        }
    }

    /// Whoever sits at `seat` is about to leave it: the round goes on with the next.
    pub(super) fn pass_over(&mut self, seat: SeatId) {
        let next = self.membership.next(seat);
        let log = &mut self.rooms.room_mut(self.membership.room(seat)).log;
        if log.next == Some(seat) {
            log.next = next;
        }
    }

    /// Nobody is left in `room` to hear what has not gone round.
    pub(super) fn discard_backlog(&mut self, room: RoomId) {
        let room = self.rooms.room_mut(room);
        room.log.next = None;
        room.log.goal = None;
        self.backlog_bytes -= room.forget(room.log.last);
    }

    /// Takes a room off the list that is about to go.
    pub(super) fn unlist(&mut self, room: RoomId) {
        if self.rooms.room(room).log.queued {
            self.rounds.retain(|listed| *listed != room);
        }
    }

    /// Checks the invariants of one room's log, for simulations.
    pub(super) fn audit_log(&self, id: RoomId) -> Result<(), String> {
        let room = self.rooms.room(id);
        let log = &room.log;
        let bytes: usize = log
            .entries
            .iter()
            .map(|entry| room.frame(entry).len())
            .sum();
        let listed = self.rounds.iter().filter(|listed| **listed == id).count();
        let is_lost = log.entries.iter().any(
            |entry| matches!(entry, Entry::Text(number) if room.history.at(*number).is_none()),
        );
        let is_gone = log
            .next
            .is_some_and(|seat| self.membership.room(seat) != id);
        if bytes != log.bytes
            || listed != usize::from(log.queued)
            || !log.entries.is_empty() && !log.queued
            || log
                .goal
                .is_some_and(|goal| goal < log.first() || goal > log.last)
            || is_lost
            || is_gone
        {
            return Err(format!("the log of {} is not in order: {log:?}", room.id));
        }
        for seat in self.membership.seats_in(id, None) {
            let seen = self.membership.seen(seat);
            // Whoever is not due before the round ends has had all that went before it.
            if seen > log.last || seen + 1 < log.first() {
                return Err(format!(
                    "seat {seat} of {} has seen {seen}: {log:?}",
                    room.id
                ));
            }
        }
        Ok(())
    }
}
