//! How what comes of joining and leaving is spread over turns, so that thousands who come at once hold nobody up.
//!
//! Whoever joins is sent the room's history, whoever leaves what has not gone round, and whoever comes the letters that waited.
//! All of that is paid from the turn's allowance, counted in deliveries like the rounds. When it is spent, sockets wait for the
//! next turn with what they are to be given and with commands that join or leave, all later commands of theirs behind
//! them, and nothing more is read from those sockets.
//!
//! Invariants: a socket is in `waiting` exactly once while it is `queued`, and has something to wait for then; reading rests
//! only for such sockets, and for those whose commands wait until their lane has drained; whoever came first goes on first.

use super::Rooms;
use super::presence::Progress;
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

    /// Whether commands of `conn` have to wait for something that came before them.
    pub(super) fn is_late(&self, conn: ConnId) -> bool {
        let late = self.sockets[conn.index()].late.as_deref();
        late.is_some_and(|late| late.queued || !late.commands.is_empty()) || self.has_to_read(conn)
    }

    /// Has a command of `conn` wait for the next turn, before its others.
    pub(super) fn put_off(
        &mut self,
        conn: ConnId,
        command: Box<str>,
        is_paid: bool,
        turn: &mut Turn<'_>,
    ) {
        let late = self.sockets[conn.index()].late.get_or_insert_default();
        late.commands.push_front(command);
        late.is_paid = is_paid;
        self.line_up(conn, turn);
    }

    /// Has `conn` wait for the next turn with what it has to do.
    pub(super) fn line_up(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let late = self.sockets[conn.index()].late.get_or_insert_default();
        if !std::mem::replace(&mut late.queued, true) {
            self.waiting.push_back(conn);
        }
        self.hold(conn, turn);
    }

    /// Reads nothing from `conn` until it does not have to wait any more.
    pub(super) fn hold(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let late = self.sockets[conn.index()].late.get_or_insert_default();
        if !std::mem::replace(&mut late.paused, true) {
            turn.out.effects.push(Effect::Pause(conn));
        }
    }

    /// Lets those go on who wait, as far as the turn's allowance goes.
    pub(super) fn admit_waiting(&mut self, turn: &mut Turn<'_>) {
        // However much was spent on what cannot wait, somebody goes on.
        self.allowance = self.allowance.max(1);
        for _ in 0..self.waiting.len() {
            if self.allowance == 0 {
                return;
            }
            let Some(conn) = self.waiting.pop_front() else {
                return;
            };
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

    /// Gives `conn` what it is to be given and does what it asked for, until it has to wait again: for its turn, or until it
    /// has read.
    pub(super) fn go_on(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        while !turn.out.is_high(conn) {
            if self.has_to_read(conn) {
                if self.allowance == 0 {
                    return self.line_up(conn, turn);
                }
                self.read_on(conn, turn);
                continue;
            }
            let Some(late) = self.sockets[conn.index()].late.as_mut() else {
                return;
            };
            let is_paid = std::mem::take(&mut late.is_paid);
            let Some(command) = late.commands.pop_front() else {
                break;
            };
            match self.execute(conn, &command, self.allowance > 0, is_paid, turn) {
                Progress::Done => {}
                Progress::NotBegun => return self.put_off(conn, command, is_paid, turn),
                Progress::Begun => return self.put_off(conn, command, true, turn),
            }
        }
        self.resume(conn, turn);
    }

    /// Reads from `conn` again if it does not have to wait any more, and gives the memory back that it only needed for that.
    pub(super) fn resume(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        if self.is_late(conn) {
            return;
        }
        let late = &mut self.sockets[conn.index()].late;
        if let Some(late) = late
            && std::mem::take(&mut late.paused)
        {
            turn.out.effects.push(Effect::Resume(conn));
        }
        if late.as_deref().is_some_and(super::Late::is_needless) {
            *late = None;
        }
    }
}
