//! Seeing everybody off: a phase of the same turns, in which connections end evenly spread over a while.

use super::application::{Application, Turn};
use super::table::{Connections, Phase};
use crate::kernel::stats::CloseCause;

/// Time between two rounds of goodbyes, in microseconds.
const ROUND_US: u64 = 50_000;
/// How long an idle HTTP connection is still answered, so that whoever asks whether the server is ready is told.
const IDLE_MS: u64 = 2_000;
/// Goodbyes in a round, at the least: 200 a second, so that a small server is gone at once.
const PER_ROUND_MIN: usize = 10;

/// How far the seeing-off has come.
#[derive(Debug)]
pub(super) struct Drain {
    next_us: u64,
    at: usize,
    per_round: usize,
}

impl Drain {
    pub(super) const fn next_due(&self) -> u64 {
        self.next_us
    }
}

impl<A: Application> Connections<A> {
    /// Begins to see everybody off. HTTP connections end after their next answer, or soon when they are idle;
    /// WebSockets are told and closed with 1012, spread over `drain_ms`.
    pub fn drain(&mut self, turn: &mut Turn<'_>) {
        if self.drain.is_some() {
            return;
        }
        self.app.draining();
        let rounds = (self.settings.drain_ms.saturating_mul(1_000) / ROUND_US).max(1) as usize;
        self.drain = Some(Drain {
            next_us: turn.now.micros,
            at: 0,
            per_round: self.live.div_ceil(rounds).max(PER_ROUND_MIN),
        });
        let due = turn.now.after_ms(IDLE_MS.min(self.settings.drain_ms));
        for (index, conn) in self.conns.iter_mut().enumerate() {
            if let Phase::Http(http) = &mut conn.phase
                && http.is_idle()
            {
                http.deadline_us = http.deadline_us.min(due);
                self.wheel.arm_sooner(index, http.deadline_us);
            }
        }
    }

    /// Whether everybody is being seen off.
    pub const fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// Says the next goodbyes, if it is time.
    pub(super) fn see_off(&mut self, turn: &mut Turn<'_>) {
        let Some(drain) = self.drain.as_mut() else {
            return;
        };
        if turn.now.micros < drain.next_us {
            return;
        }
        drain.next_us = turn.now.micros + ROUND_US;
        let (mut at, mut left) = (drain.at, drain.per_round);
        while left > 0 && at < self.conns.len() {
            if let Phase::Ws(ws) = &self.conns[at].phase {
                let (id, service) = (self.id(at), ws.service);
                self.app.dismissed(id, service, turn);
                self.hang_up(
                    id,
                    1012,
                    "the server is restarting, please come back",
                    CloseCause::Drain,
                    turn,
                );
                left -= 1;
            }
            at += 1;
        }
        // Start over at the end: a request that was under way may have opened another socket.
        let at = if at < self.conns.len() { at } else { 0 };
        if let Some(drain) = self.drain.as_mut() {
            drain.at = at;
        }
    }
}
