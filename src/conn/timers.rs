//! What time brings to a connection. There is one timer for each; it looks what is due and sets itself again.

use super::application::{Application, Turn};
use super::table::{Connections, Paused, Phase, millis};
use crate::kernel::id::ConnId;
use crate::kernel::stats::CloseCause;
use crate::limits;
use crate::wire::frame::{self, Kind};

impl<A: Application> Connections<A> {
    /// Time has passed: deadlines, pings, and the application's own timers.
    pub fn elapsed(&mut self, turn: &mut Turn<'_>) {
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.advance(turn.now.micros, &mut fired);
        for index in fired.drain(..) {
            let id = self.id(index as usize);
            self.expire(id, turn);
        }
        self.fired = fired;
        self.app.elapsed(turn);
        self.see_off(turn);
        self.perform(turn);
    }

    /// When the next turn has something to do without an event, in monotonic microseconds.
    pub fn next_due(&self) -> Option<u64> {
        if self.share.is_awaited() {
            return Some(0);
        }
        let own = self.wheel.next_due();
        let drain = self.drain.as_ref().map(super::drain::Drain::next_due);
        [own, drain, self.app.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    fn expire(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        let now_us = turn.now.micros;
        let queued = turn.out.queued(id);
        if let Some(stalled_ms) = self.memory.stalled_since(id) {
            let stalled_us = since_us(stalled_ms, now_us);
            if stalled_us >= limits::WRITE_STALL_MS * 1_000 {
                return self.give_up(id, turn);
            }
            let due = now_us + limits::WRITE_STALL_MS * 1_000 - stalled_us;
            self.wheel.arm(id.index(), due);
        }
        let Some(conn) = self.conn(id) else {
            return;
        };
        match &mut conn.phase {
            Phase::Vacant => {}
            Phase::Http(http) => {
                if http.deadline_us <= now_us && queued == 0 {
                    return self.http_expire(id, turn);
                }
                if http.deadline_us <= now_us {
                    // The answer is still going out, which has a deadline of its own.
                    http.deadline_us = turn.now.after_ms(limits::KEEP_ALIVE_MS);
                }
                let due = http.deadline_us;
                self.wheel.arm_sooner(id.index(), due);
            }
            Phase::Closing(due_ms) => {
                let left_ms = due_ms.wrapping_sub(millis(now_us)) as i32;
                if left_ms <= 0 {
                    self.abort(id, CloseCause::Gone, turn);
                } else {
                    let due = turn.now.after_ms(left_ms as u64);
                    self.wheel.arm_sooner(id.index(), due);
                }
            }
            Phase::Ws(_) => self.ws_expire(id, turn),
        }
    }

    /// Looks at everything a WebSocket may be late with, and sets the timer to the next of it.
    fn ws_expire(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        let now_us = turn.now.micros;
        let Some(conn) = self.conns.get_mut(id.index()) else {
            return;
        };
        let Phase::Ws(ws) = &mut conn.phase else {
            return;
        };
        if conn.paused.any() {
            ws.excuse(millis(now_us));
        } else if self.memory.stalled_since(id).is_some() {
            // A ping would wait behind what is queued, which has a deadline of its own.
            ws.heard_ms = millis(now_us);
            ws.pinged_ms = 0;
        }
        if conn.paused.has(Paused::RATE) {
            match ws.debt(&self.settings, now_us) {
                0 => self.unpause(id, Paused::RATE, turn),
                debt_us => {
                    let due = now_us.saturating_add(debt_us);
                    self.wheel.arm_sooner(id.index(), due);
                }
            }
        }
        let Some(Phase::Ws(ws)) = self.conns.get_mut(id.index()).map(|conn| &mut conn.phase) else {
            return;
        };
        if ws.amid_ms != 0 {
            let amid_us = since_us(ws.amid_ms, now_us);
            if amid_us >= limits::MESSAGE_MS * 1_000 {
                return self.hang_up(
                    id,
                    1008,
                    "the message took too long",
                    CloseCause::Policy,
                    turn,
                );
            }
            let due = now_us + limits::MESSAGE_MS * 1_000 - amid_us;
            self.wheel.arm_sooner(id.index(), due);
        }
        let due = if ws.pinged_ms != 0 {
            let pinged_us = since_us(ws.pinged_ms, now_us);
            if pinged_us >= limits::PONG_MS * 1_000 {
                return self.hang_up(id, 4012, "no answer to a ping", CloseCause::NoPong, turn);
            }
            now_us + limits::PONG_MS * 1_000 - pinged_us
        } else {
            let silent_us = since_us(ws.heard_ms, now_us);
            if silent_us >= ws.ping_ms() * 1_000 {
                ws.pinged_ms = millis(now_us).max(1);
                frame::write(turn.out.lane(id), Kind::Ping, b"");
                turn.now.after_ms(limits::PONG_MS)
            } else {
                now_us + ws.ping_ms() * 1_000 - silent_us
            }
        };
        self.wheel.arm_sooner(id.index(), due);
    }
}

/// Microseconds from a moment kept in milliseconds until now.
fn since_us(then_ms: u32, now_us: u64) -> u64 {
    u64::from(millis(now_us).wrapping_sub(then_ms)) * 1_000
}
