//! How what people send is spread over turns, so that nobody who sends much at once holds everybody else up.
//!
//! A turn answers so many requests, and so many of one connection; a large response counts as several. It takes so many
//! frames of one WebSocket. What is left waits, and nothing is read meanwhile, until a later turn. The output of a
//! connection that drains is no reason to go on in the same turn either.
//!
//! Owns: the bytes of WebSockets that were read and wait; those of requests are the connection's own.
//!
//! Invariants: a connection that is paused for [`Paused::SHARE`] and for nothing else is in `resting`, and no connection is
//! there twice; whoever came first goes on first; only a connection that is paused for it has a carry.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use super::application::{Application, Turn};
use super::table::{Connections, Paused, Phase, millis};
use crate::kernel::id::ConnId;
use crate::limits;

/// What is left of a turn for requests, and who waits for the next one.
#[derive(Debug)]
pub(super) struct Share {
    left: usize,
    resting: VecDeque<ConnId>,
    carries: HashMap<ConnId, Carry, FixedState>,
}

/// What a WebSocket has sent and no turn has taken yet.
#[derive(Debug)]
pub(super) struct Carry {
    pub(super) bytes: Vec<u8>,
    /// How much of it was taken.
    pub(super) at: usize,
}

impl Share {
    /// `seed` is for a table whose keys are ours.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            left: limits::REQUESTS_PER_TURN,
            resting: VecDeque::new(),
            carries: HashMap::with_hasher(FixedState::with_seed(seed)),
        }
    }

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

    /// Keeps what `id` has sent for another turn.
    pub(super) fn keep(&mut self, id: ConnId, carry: Carry) {
        self.carries.insert(id, carry);
    }

    /// What is kept of `id`, in bytes.
    pub(super) fn held(&self, id: ConnId) -> usize {
        self.carries
            .get(&id)
            .map_or(0, |carry| carry.bytes.capacity())
    }

    /// Forgets what was kept of `id`.
    pub(super) fn forget(&mut self, id: ConnId) -> Option<Carry> {
        self.carries.remove(&id)
    }
}

impl<A: Application> Connections<A> {
    /// Has `id` go on in a later turn with what it has sent, once nothing else holds it back.
    pub(super) fn rest(&mut self, id: ConnId) {
        if let Some(conn) = self.conn(id) {
            conn.paused.set(Paused::SHARE);
        }
        self.line_up(id);
    }

    /// Takes one reason away for which reading from `id` rests. What was put off goes on before anything is read.
    pub(super) fn unpause(&mut self, id: ConnId, reason: u8, turn: &mut Turn<'_>) {
        let Some(conn) = self.conn(id).filter(|conn| conn.paused.has(reason)) else {
            return;
        };
        conn.paused.clear(reason);
        let is_free = !conn.paused.any();
        if (is_free || conn.paused.is_share_only())
            && let Phase::Ws(ws) = &mut conn.phase
        {
            ws.excuse(millis(turn.now.micros));
        }
        if is_free {
            turn.out.read(id);
        }
        self.line_up(id);
    }

    /// Puts `id` in line for another turn if that is all it waits for.
    fn line_up(&mut self, id: ConnId) {
        if let Some(conn) = self.conn(id)
            && conn.paused.is_share_only()
            && !conn.paused.has(Paused::IN_LINE)
        {
            conn.paused.set(Paused::IN_LINE);
            self.share.resting.push_back(id);
        }
    }

    /// A turn has begun: whoever rests goes on, as far as there is something left for them.
    pub fn begun(&mut self, turn: &mut Turn<'_>) {
        for _ in 0..self.renew() {
            let Some(id) = self.next_resting() else {
                return;
            };
            self.resume(id, turn);
        }
    }

    /// The same, for whoever has them go on one by one: how many rest. Each is [`Connections::next_resting`], and then
    /// [`Connections::resume`] is called.
    pub fn renew(&mut self) -> usize {
        self.share.left = limits::REQUESTS_PER_TURN;
        self.share.resting.len()
    }

    /// Who goes on next, if this turn has something left for them.
    pub fn next_resting(&mut self) -> Option<ConnId> {
        if self.share.is_spent() {
            return None;
        }
        self.share.resting.pop_front()
    }

    /// Goes on with what `id` has sent in an earlier turn.
    pub fn resume(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        let Some(conn) = self.conn(id) else {
            return;
        };
        conn.paused.clear(Paused::IN_LINE);
        if !conn.paused.is_share_only() {
            return;
        }
        conn.paused.clear(Paused::SHARE);
        let is_ws = matches!(conn.phase, Phase::Ws(_));
        self.note_whole(id, turn);
        if is_ws {
            self.share.spend();
            self.ws_resume(id, turn);
        } else {
            self.http_continue(id, turn);
        }
        if self.conn(id).is_some_and(|conn| !conn.paused.any()) {
            // Nobody has looked at what came meanwhile.
            turn.out.read(id);
        }
    }
}
