//! What is kept in memory for all peers together: output that they do not take, and input that is not complete.
//!
//! Owns: how much each connection has of either, and since when its output has not moved. When all have too much, whoever
//! has most, to within a factor of two, loses it and is gone; it does not matter who came last.
//!
//! Invariants: what is counted for a connection is what it held when that was looked at last; `inputs` has exactly those
//! that hold input, and `stalls` those whose output the last flush left behind.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::application::{Application, Turn};
use super::table::{Connections, Paused, Phase, millis};
use crate::kernel::id::ConnId;
use crate::kernel::ledger::Ledger;
use crate::kernel::stats::CloseCause;
use crate::limits;

/// See the module's description. Everything is by the connection's slot.
#[derive(Debug)]
pub(super) struct Memory {
    output: Ledger,
    stalls: HashMap<u32, Stall, FixedState>,
    input: Ledger,
    inputs: HashMap<u32, usize, FixedState>,
}

/// Output that has stopped moving.
#[derive(Clone, Copy, Debug)]
struct Stall {
    /// Since when, in milliseconds.
    since_ms: u32,
    /// What it takes up.
    bytes: usize,
}

impl Memory {
    /// `seed` is for tables whose keys are ours.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            output: Ledger::default(),
            stalls: HashMap::with_hasher(FixedState::with_seed(seed)),
            input: Ledger::default(),
            inputs: HashMap::with_hasher(FixedState::with_seed(seed)),
        }
    }

    /// Since when the output of a connection has not moved, in milliseconds.
    pub(super) fn stalled_since(&self, id: ConnId) -> Option<u32> {
        let stall = self.stalls.get(&(id.index() as u32))?;
        Some(stall.since_ms)
    }

    /// A flush has left output behind, which takes up so many bytes; `moved` says whether it took any away.
    fn stalls(&mut self, id: ConnId, bytes: usize, moved: bool, now_ms: u32) {
        let index = id.index() as u32;
        let before = self.stalls.get(&index).copied();
        let since_ms = match before {
            Some(stall) if !moved => stall.since_ms,
            _ => now_ms,
        };
        let before = before.map_or(0, |stall| stall.bytes);
        self.output.change(index, before, bytes);
        self.stalls.insert(index, Stall { since_ms, bytes });
    }

    /// Its output has gone out, or is given up.
    pub(super) fn flows(&mut self, id: ConnId) {
        let index = id.index() as u32;
        if let Some(stall) = self.stalls.remove(&index) {
            self.output.change(index, stall.bytes, 0);
        }
    }

    /// It holds so many bytes of input now.
    fn holds(&mut self, id: ConnId, bytes: usize) {
        let index = id.index() as u32;
        let before = match bytes {
            0 => self.inputs.remove(&index),
            _ => self.inputs.insert(index, bytes),
        };
        self.input.change(index, before.unwrap_or(0), bytes);
    }
}

impl<A: Application> Connections<A> {
    /// Output of `id` is left behind by a flush.
    pub(super) fn note_stall(&mut self, id: ConnId, moved: bool, turn: &mut Turn<'_>) {
        let bytes = turn.out.capacity(id);
        self.memory
            .stalls(id, bytes, moved, millis(turn.now.micros));
        while self.memory.output.total() > limits::QUEUED_TOTAL_BYTES_MAX
            && let Some(index) = self.memory.output.largest()
        {
            let id = self.id(index as usize);
            self.memory.flows(id);
            self.abort(id, CloseCause::TooSlow, turn);
        }
    }

    /// What `id` holds of incomplete input may have changed.
    #[inline]
    pub(super) fn weigh(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        self.weigh_only(id);
        if self.memory.input.total() > limits::INPUT_TOTAL_BYTES_MAX {
            self.crowd_out(turn);
        }
    }

    #[cold]
    fn crowd_out(&mut self, turn: &mut Turn<'_>) {
        while self.memory.input.total() > limits::INPUT_TOTAL_BYTES_MAX
            && let Some(index) = self.memory.input.largest()
        {
            let id = self.id(index as usize);
            self.memory.holds(id, 0);
            match self.conn(id).map(|conn| &conn.phase) {
                Some(Phase::Http(_)) => self.http_crowd_out(id, turn),
                Some(Phase::Ws(_)) => {
                    let reason = "too much is being sent to the server; try again later";
                    self.hang_up(id, 1013, reason, CloseCause::Policy, turn);
                }
                _ => debug_assert!(false, "{id:?} holds nothing"),
            }
        }
    }

    /// The same, where it cannot have become more.
    #[inline]
    pub(super) fn weigh_only(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id.index()).filter(|conn| conn.is(id)) else {
            return;
        };
        let bytes = match &conn.phase {
            Phase::Http(http) => http.held(),
            Phase::Ws(ws) if conn.paused.has(Paused::SHARE) => {
                ws.decoder.held() + self.share.held(id)
            }
            Phase::Ws(ws) => ws.decoder.held(),
            Phase::Vacant | Phase::Closing(_) => 0,
        };
        if bytes > 0 || conn.holds_input {
            conn.holds_input = bytes > 0;
            self.memory.holds(id, bytes);
        }
    }

    /// What all connections hold of output that does not move, and of input that is not complete, in bytes.
    pub fn held(&self) -> (usize, usize) {
        (self.memory.output.total(), self.memory.input.total())
    }
}
