//! Notifications (`GET /ws/notifications`): who is there to hear them, and the count of people, which goes round.
//!
//! Invariants: `listeners` has every socket for notifications once, and each knows its seat there; between rounds everybody knows
//! the number of the last one, or there are strays and a next round.

use uuid::Uuid;

use super::outgoing::{self, Event};
use super::{Accounts, Arrival};
use crate::conn::Turn;
use crate::kernel::id::ConnId;
use crate::limits;

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Notices {
    listeners: Vec<ConnId>,
    /// What was said in the last round, or is in this one.
    told: usize,
    /// Whether somebody who came since then was told another number.
    has_strays: bool,
    /// How many listeners are still to be told; they are the first ones.
    cursor: usize,
    /// When the next round may begin, in monotonic microseconds.
    round_us: u64,
}

impl Notices {
    /// When there is somebody to be told, given how many people are here.
    pub(super) fn next_due(&self, people: usize) -> Option<u64> {
        if self.cursor > 0 {
            return Some(0);
        }
        (self.is_stale(people) && !self.listeners.is_empty()).then_some(self.round_us)
    }

    /// Whether somebody may know another number than this one.
    const fn is_stale(&self, people: usize) -> bool {
        self.told != people || self.has_strays
    }

    pub(super) fn listeners(&self) -> &[ConnId] {
        &self.listeners
    }
}

impl Accounts {
    /// A socket for notifications is open.
    pub(super) fn listen(&mut self, conn: ConnId, arrival: Arrival, turn: &mut Turn<'_>) {
        self.people.attach_notices(arrival.user, conn);
        self.pool.seen(arrival.user, turn.now);
        let count = self.people.reachable();
        if let Some(socket) = self.sockets.get_mut(conn) {
            socket.seat = self.notices.listeners.len();
            socket.told = count;
        }
        self.notices.listeners.push(conn);
        self.notices.has_strays |= count != self.notices.told;
        outgoing::say(turn.out.lane(conn), &Event::OnlineCount { count });
    }

    /// A socket for notifications has gone.
    pub(super) fn unlisten(&mut self, conn: ConnId, user: Uuid, seat: usize, turn: &Turn<'_>) {
        self.people.detach_notices(user, conn, turn.now);
        self.pool.seen(user, turn.now);
        let notices = &mut self.notices;
        if notices.listeners.get(seat) != Some(&conn) {
            return;
        }
        notices.listeners.swap_remove(seat);
        // Whoever was last sits here now: has been told already, or is told when the round comes here.
        if let Some(moved) = notices.listeners.get(seat).copied()
            && let Some(socket) = self.sockets.get_mut(moved)
        {
            socket.seat = seat;
        }
        notices.cursor = notices.cursor.min(notices.listeners.len());
    }

    /// Tells people how many they are, if that has changed.
    pub(super) fn count(&mut self, turn: &mut Turn<'_>) {
        let count = self.people.reachable();
        let notices = &mut self.notices;
        if notices.cursor == 0 {
            if !notices.is_stale(count) || notices.round_us > turn.now.micros {
                return;
            }
            notices.told = count;
            notices.has_strays = false;
            notices.cursor = notices.listeners.len();
            notices.round_us = turn.now.after_ms(limits::COUNT_MS);
        }
        let frame = outgoing::framed(&Event::OnlineCount {
            count: notices.told,
        });
        for _ in 0..self.settings.deliveries_per_turn {
            if notices.cursor == 0 {
                return;
            }
            notices.cursor -= 1;
            let conn = notices.listeners[notices.cursor];
            if let Some(socket) = self.sockets.get_mut(conn)
                && socket.told != notices.told
            {
                socket.told = notices.told;
                turn.out.lane(conn).extend_from_slice(&frame);
            }
        }
    }

    /// Tells `user` on every socket for notifications.
    pub(super) fn notify(&self, user: Uuid, event: &Event<'_>, turn: &mut Turn<'_>) {
        let sockets = self.people.notices(user);
        if sockets.is_empty() {
            return;
        }
        let frame = outgoing::framed(event);
        for conn in sockets {
            turn.out.lane(*conn).extend_from_slice(&frame);
        }
    }
}
