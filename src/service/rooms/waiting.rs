//! How joining and leaving are spread over turns, so that thousands who come at once hold nobody up.
//!
//! Whoever joins is sent up to 128 KiB of history, and whoever leaves what has not gone round. Both are paid from
//! the turn's allowance, counted in deliveries like the rounds. When it is spent, commands that join or leave wait
//! for the next turn, all later ones of their sockets behind them, and nothing more is read from those sockets.
//!
//! Invariants: a socket is in `waiting` exactly once while it is `queued`, and has commands then; reading rests
//! only for sockets with commands; whoever came first goes on first.

use super::Rooms;
use crate::conn::Turn;
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::limits;

impl Rooms {
    /// Takes what bringing `bytes` to a socket costs from the turn's allowance.
    pub(super) fn charge(&mut self, bytes: usize) {
        let cost = 1 + bytes / limits::DELIVERY_BYTES;
        self.allowance = self.allowance.saturating_sub(cost);
    }

    /// Has a command of `conn` wait for the next turn, before its others.
    pub(super) fn put_off(&mut self, conn: ConnId, command: Box<str>, turn: &mut Turn<'_>) {
        let late = self.sockets[conn.index()].late.get_or_insert_default();
        late.commands.push_front(command);
        self.line_up(conn, turn);
    }

    /// Has `conn` wait for the next turn with what it asked for.
    pub(super) fn line_up(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let late = self.sockets[conn.index()].late.get_or_insert_default();
        if !std::mem::replace(&mut late.queued, true) {
            self.waiting.push_back(conn);
        }
        if !std::mem::replace(&mut late.paused, true) {
            turn.out.effects.push(Effect::Pause(conn));
        }
    }

    /// Lets those go on who wait, as far as the turn's allowance goes.
    pub(super) fn admit_waiting(&mut self, turn: &mut Turn<'_>) {
        // However much was spent on what cannot wait, somebody goes on.
        self.allowance = self.allowance.max(1);
        while self.allowance > 0
            && let Some(conn) = self.waiting.pop_front()
        {
            let socket = &mut self.sockets[conn.index()];
            if socket.conn != conn {
                continue;
            }
            if let Some(late) = &mut socket.late {
                late.queued = false;
            }
            self.go_on(conn, turn);
        }
    }

    /// Does what `conn` asked for, until it has to wait again.
    pub(super) fn go_on(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        while !turn.out.is_high(conn) {
            let late = self.sockets[conn.index()].late.as_mut();
            let Some(command) = late.and_then(|late| late.commands.pop_front()) else {
                break;
            };
            if !self.obey(conn, &command, self.allowance > 0, turn) {
                return self.put_off(conn, command, turn);
            }
        }
        if let Some(late) = &mut self.sockets[conn.index()].late
            && late.commands.is_empty()
            && std::mem::take(&mut late.paused)
        {
            turn.out.effects.push(Effect::Resume(conn));
        }
        self.tidy(conn);
    }
}
