//! The end of rooms: when their time is over, and when somebody closes them.
//!
//! The store knows which rooms end when. It is asked when the next one is due, and once a minute in any case, in case the clock was
//! set. Rooms that somebody is in end here even if the store does not answer.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use uuid::Uuid;

use super::open_rooms::OpenRoom;
use super::outgoing::Event;
use super::pending::Purpose;
use super::{Accounts, failure, unexpected};
use crate::conn::Turn;
use crate::kernel::ask::{Answer, Ask, Outcome, Query, Refusal};
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::kernel::stats::CloseCause;
use crate::kernel::time::Now;
use crate::limits;
use crate::wire::fault;
use crate::wire::json::quoted;

/// See the module's description.
#[derive(Debug)]
pub(super) struct Expiry {
    /// When the next room ends, as far as is known.
    next_ms: Option<u64>,
    /// When the store is to be asked in any case, in monotonic microseconds.
    check_us: u64,
    /// Until when the store is not asked again, in monotonic microseconds.
    rest_us: u64,
    is_asked: bool,
    /// Rooms that have ended here before the store has said so, and when their time was over.
    ended: HashMap<Uuid, u64, FixedState>,
}

impl Expiry {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            next_ms: None,
            check_us: 0,
            rest_us: 0,
            is_asked: false,
            ended: HashMap::with_hasher(FixedState::with_seed(seed)),
        }
    }

    /// A room was opened.
    pub(super) fn opened(&mut self, expires_ms: u64) {
        self.next_ms = Some(self.next_ms.map_or(expires_ms, |next| next.min(expires_ms)));
    }

    /// The store is back: it is asked at once.
    pub(super) const fn hurry(&mut self, now: Now) {
        self.check_us = now.micros;
        self.rest_us = now.micros;
    }

    /// The store has not answered.
    pub(super) const fn failed(&mut self, now: Now) {
        self.is_asked = false;
        self.check_us = now.micros;
        self.rest_us = now.after_ms(limits::STORE_RETRY_MS);
    }

    /// Whether a room has ended here, whatever the store knows.
    pub(super) fn has_ended(&self, room: Uuid) -> bool {
        self.ended.contains_key(&room)
    }

    /// How many rooms have ended of which the store has not said so.
    pub(super) fn len(&self) -> usize {
        self.ended.len()
    }

    fn is_due(&self, now: Now) -> bool {
        let is_time = self.check_us <= now.micros
            || self.next_ms.is_some_and(|next_ms| next_ms <= now.unix_ms);
        is_time && !self.is_asked && self.rest_us <= now.micros
    }

    pub(super) fn next_due(&self, now: Now) -> Option<u64> {
        if self.is_asked {
            return None;
        }
        let next_us = self
            .next_ms
            .map(|next_ms| now.after_ms(next_ms.saturating_sub(now.unix_ms)));
        let due_us = next_us.map_or(self.check_us, |next_us| next_us.min(self.check_us));
        Some(due_us.max(self.rest_us))
    }
}

impl Accounts {
    /// Asks the store which rooms have ended, if it is time.
    pub(super) fn ask_for_expired(&mut self, turn: &mut Turn<'_>) {
        if !self.expiry.is_due(turn.now) {
            return;
        }
        let asked_ms = turn.now.unix_ms;
        let query = Query::Expire {
            now_ms: asked_ms,
            forget_ms: asked_ms.saturating_sub(limits::ENDED_ROOM_MS),
        };
        match self.ask(None, Ask::Store(query), Purpose::Expire { asked_ms }, turn) {
            Ok(_) => self.expiry.is_asked = true,
            Err(_) => self.expiry.failed(turn.now),
        }
    }

    /// The store says which rooms have ended.
    pub(super) fn expired(&mut self, asked_ms: u64, outcome: Outcome, turn: &mut Turn<'_>) {
        let (rooms, next_ms) = match outcome {
            Ok(Answer::Expired { rooms, next_ms }) => (rooms, next_ms),
            Ok(other) => {
                unexpected(other);
                return self.expiry.failed(turn.now);
            }
            Err(_) => return self.expiry.failed(turn.now),
        };
        self.expiry.is_asked = false;
        self.expiry.check_us = turn.now.after_ms(limits::EXPIRY_CHECK_MS);
        // A room that was opened since then is not known to this answer, but its end comes a whole life after its beginning.
        let sooner = self.expiry.next_ms.filter(|next_ms| *next_ms > asked_ms);
        self.expiry.next_ms = [next_ms, sooner].into_iter().flatten().min();
        for (room, users) in rooms {
            if self.expiry.ended.remove(&room).is_none() {
                self.end_room(room, users, TIME_IS_OVER, turn);
            }
        }
        if next_ms.is_none_or(|next_ms| next_ms > asked_ms) {
            // The store has said of every room that was over then that it is.
            self.expiry
                .ended
                .retain(|_, expires_ms| *expires_ms > asked_ms);
        }
    }

    /// Ends the rooms that somebody is in and whose time is over.
    pub(super) fn end_overdue_rooms(&mut self, turn: &mut Turn<'_>) {
        while let Some(room) = self.open_rooms.next_ended(turn.now.unix_ms) {
            let Some(door) = self.open_rooms.get(room) else {
                break;
            };
            self.expiry.ended.insert(room, door.expires_ms);
            let users = door.users;
            self.end_room(room, users, TIME_IS_OVER, turn);
        }
    }

    /// The store says that a room has ended that somebody is still in, before its time: it was closed, and this server was not told that
    /// it was, or another one has done so.
    pub(super) fn found_ended(&mut self, room: Uuid, turn: &mut Turn<'_>) {
        let before_its_time = |door: &&OpenRoom| door.expires_ms > turn.now.unix_ms;
        let users = self.open_rooms.get(room).filter(before_its_time);
        if let Some(users) = users.map(|door| door.users) {
            self.end_room(room, users, CLOSED, turn);
        }
    }

    /// Tells everybody who is in a room, or should know of it, that it has ended.
    pub(super) fn end_room(
        &mut self,
        room: Uuid,
        users: [Uuid; 2],
        reason: &'static str,
        turn: &mut Turn<'_>,
    ) {
        if let Some(door) = self.open_rooms.remove(room) {
            for conn in door.everybody() {
                self.refuse_what_was_asked(conn, turn);
                turn.out.effects.push(Effect::Close {
                    conn,
                    code: 1000,
                    reason,
                    cause: CloseCause::RoomEnded,
                });
            }
        }
        for user in users {
            self.notify(user, &Event::RoomClosed { room_id: room }, turn);
        }
    }

    /// What was said on a socket and is not kept yet will not be heard any more.
    fn refuse_what_was_asked(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let Some(socket) = self.sockets.get_mut(conn) else {
            return;
        };
        for ticket in std::mem::take(&mut socket.asked) {
            let Some(wait) = self.pending.wait_mut(ticket) else {
                continue;
            };
            wait.asker = None;
            if matches!(wait.purpose, Purpose::Say(_)) {
                let cid = wait.purpose.cid().map(quoted);
                let fault = failure::fault(Refusal::Ended).about(cid.as_deref());
                fault::say(turn.out.lane(conn), &fault);
            }
        }
    }
}

/// Why the sockets in a room are closed whose time is over.
pub(super) const TIME_IS_OVER: &str = "the room's time is over";
/// Why the sockets in a room are closed that somebody has closed.
pub(super) const CLOSED: &str = "the room was closed";
