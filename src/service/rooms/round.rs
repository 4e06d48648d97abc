//! How what is said in a room reaches everybody in it.
//!
//! What is said goes into the room's log, once, as the bytes of a frame. At the end of the turn every room with a
//! log goes round: each member's sockets are given what the log has that the member has not seen. A turn
//! delivers no more than `deliveries_per_turn`; a large room goes on where it stopped in the next
//! turn. All members hear the same in the same order, as the log is the order, and a burst costs each socket one
//! write.
//!
//! Invariants: whatever is in a log has not reached every member yet; a member's `seen` never goes back; a room
//! is in `rounds` exactly while its log is `queued`.

use std::collections::VecDeque;

use super::Rooms;
use super::people::PersonId;
use super::room::RoomId;
use crate::conn::Turn;
use crate::kernel::membership::SeatId;
use crate::limits;

/// What has been said in a room and has not reached everybody.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
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

#[derive(Debug)]
struct Entry {
    frame: Box<[u8]>,
    /// A notice that is not for this person, and for nobody who is behind with reading.
    notice_of: Option<PersonId>,
}

impl Log {
    /// The number of what was said last.
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

    /// Where the next round ends: at what is a mouthful for everybody.
    fn mouthful(&self) -> u64 {
        let mut bytes = 0;
        let fitting = self.entries.iter().take_while(|entry| {
            bytes += entry.frame.len();
            bytes <= limits::ROUND_BYTES
        });
        self.first() - 1 + (fitting.count() as u64).max(1)
    }

    /// Lets go of what everybody has; how many bytes that was.
    fn forget(&mut self, upto: u64) -> usize {
        let count = (upto + 1 - self.first()) as usize;
        let freed = self
            .entries
            .drain(..count)
            .map(|entry| entry.frame.len())
            .sum();
        self.bytes -= freed;
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        freed
    }
}

impl Rooms {
    /// Puts a frame into the log of `room`, for everybody in it.
    pub(super) fn tell(&mut self, room: RoomId, frame: Box<[u8]>, notice_of: Option<PersonId>) {
        if self.membership.members(room) == 0 {
            return;
        }
        let log = &mut self.rooms.room_mut(room).log;
        log.bytes += frame.len();
        self.backlog_bytes += frame.len();
        log.last += 1;
        log.entries.push_back(Entry { frame, notice_of });
        if !log.queued {
            log.queued = true;
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

    /// Goes round in every room where something was said, as far as this turn's budget goes.
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
            if let Some(room_now) = self.rooms.existing(room) {
                if room_now.log.entries.is_empty() {
                    room_now.log.queued = false;
                } else {
                    self.rounds.push_back(room);
                }
            }
        }
    }

    fn go_round_in(&mut self, room: RoomId, budget: &mut usize, turn: &mut Turn<'_>) {
        let first = self.membership.first(room);
        let Some(room_now) = self.rooms.existing(room) else {
            return;
        };
        let log = &mut room_now.log;
        if log.entries.is_empty() {
            return;
        }
        let goal = match log.goal {
            Some(goal) => goal,
            None => {
                log.next = first;
                log.mouthful()
            }
        };
        log.goal = Some(goal);
        let mut next = log.next;
        while let Some(seat) = next {
            if *budget == 0 {
                break;
            }
            *budget = budget.saturating_sub(self.deliver(seat, goal, turn));
            next = self.membership.next(seat);
        }
        let log = &mut self.rooms.room_mut(room).log;
        log.next = next;
        if next.is_none() {
            log.goal = None;
            self.backlog_bytes -= log.forget(goal);
        }
    }

    /// Gives whoever sits at `seat` what they have not seen, up to `goal`; what that cost.
    pub(super) fn deliver(&mut self, seat: SeatId, goal: u64, turn: &mut Turn<'_>) -> usize {
        let seen = self.membership.seen(seat);
        if seen >= goal {
            return 1;
        }
        self.membership.see(seat, goal);
        let log = &self.rooms.room(self.membership.room(seat)).log;
        // What is older than the log reached this member as history.
        let from = (seen + 1).max(log.first());
        let range = (from - log.first()) as usize..(goal + 1 - log.first()) as usize;
        let person = self.membership.person(seat);
        let mut cost = 0;
        for conn in &self.people.person(person).sockets {
            let is_high = turn.out.is_high(*conn);
            let is_for_them = |entry: &&Entry| {
                let subject = entry.notice_of;
                subject.is_none_or(|subject| subject != person && !is_high)
            };
            let due = log.entries.range(range.clone()).filter(is_for_them);
            let bytes = due.clone().map(|entry| entry.frame.len()).sum();
            if bytes > 0 {
                let lane = turn.out.lane(*conn);
                lane.reserve(bytes);
                for entry in due {
                    lane.extend_from_slice(&entry.frame);
                    turn.stats.room_deliveries += 1;
                }
            }
            cost += 1 + bytes / limits::DELIVERY_BYTES;
        }
        cost.max(1)
    }

    /// Gives whoever sits at `seat` at once what has not gone round, unless that is too much for a lane.
    pub(super) fn bring_up_to_date(&mut self, seat: SeatId, turn: &mut Turn<'_>) {
        let log = &self.rooms.room(self.membership.room(seat)).log;
        if log.bytes <= limits::JOIN_HISTORY_BYTES {
            let last = log.last;
            let cost = self.deliver(seat, last, turn);
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
    pub(super) fn hush(&mut self, room: RoomId) {
        let log = &mut self.rooms.room_mut(room).log;
        log.next = None;
        log.goal = None;
        self.backlog_bytes -= log.forget(log.last);
    }
}
