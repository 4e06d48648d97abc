//! How requests are spread over turns, so that nobody who sends many at once holds everybody else up.
//!
//! A turn answers so many requests, and so many of one connection; a large response counts as several. Whoever is not
//! served to the end rests, unread, until a later turn, which has as much again for those who rested. The output of a
//! connection that drains is no reason to go on in the same turn either.
//!
//! Invariants: a connection that is paused for [`Paused::SHARE`] is in `resting`, once; whoever came first goes on first.

use std::collections::VecDeque;

use super::application::{Application, Turn};
use super::table::{Connections, Paused, Phase};
use crate::kernel::id::ConnId;
use crate::limits;

/// What is left of a turn for requests, and who waits for the next one.
#[derive(Debug)]
pub(super) struct Share {
    left: usize,
    resting: VecDeque<ConnId>,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            left: limits::REQUESTS_PER_TURN,
            resting: VecDeque::new(),
        }
    }
}

impl Share {
    /// Whether another request may be answered in this turn.
    pub(super) const fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Whether somebody waits for the next turn.
    pub(super) fn is_awaited(&self) -> bool {
        !self.resting.is_empty()
    }

    /// A request is answered.
    pub(super) const fn spend(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// So many bytes were written to answer one.
    pub(super) const fn charge(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes / limits::DELIVERY_BYTES);
    }
}

impl<A: Application> Connections<A> {
    /// Has `id` go on with its requests in a later turn.
    pub(super) fn http_rest(&mut self, id: ConnId) {
        if let Some(conn) = self.conn(id)
            && matches!(&conn.phase, Phase::Http(http) if http.is_begun())
            && !conn.paused.has(Paused::SHARE)
        {
            conn.paused.set(Paused::SHARE);
            self.share.resting.push_back(id);
        }
    }

    /// A new turn: whoever rests goes on, as far as there is something left for them.
    pub(super) fn http_go_on(&mut self, turn: &mut Turn<'_>) {
        self.share.left = limits::REQUESTS_PER_TURN;
        for _ in 0..self.share.resting.len() {
            if self.share.is_spent() {
                return;
            }
            let Some(id) = self.share.resting.pop_front() else {
                return;
            };
            self.unpause(id, Paused::SHARE, turn);
            self.http_continue(id, turn);
        }
    }
}
