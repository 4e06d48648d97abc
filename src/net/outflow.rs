//! The way out: decisions performed, output written, sockets finished and reaped.

use super::driver::{Driver, turn};
use super::socket::{Outflow, State, Stream};
use crate::conn::Application;
use crate::kernel::effect::SocketOp;
use crate::kernel::id::ConnId;
use crate::kernel::time::Now;

impl<A: Application, S: Stream> Driver<A, S> {
    /// Performs every decision and writes every output, until there is neither.
    pub(super) fn settle(&mut self, now: Now) {
        loop {
            self.conns.perform(turn!(self, now));
            self.dispatch_asks(now);
            let mut ops = std::mem::take(&mut self.ops);
            std::mem::swap(&mut ops, &mut self.out.socket_ops);
            for op in ops.drain(..) {
                self.perform(op, now);
            }
            self.ops = ops;
            let mut dirty = std::mem::take(&mut self.dirty);
            self.out.take_dirty(&mut dirty);
            let is_settled = dirty.is_empty();
            for id in dirty.drain(..) {
                self.flush(id, now);
            }
            self.dirty = dirty;
            let is_quiet = self.out.socket_ops.is_empty()
                && self.out.effects.is_empty()
                && self.out.asks.is_empty();
            if is_settled && is_quiet {
                return;
            }
        }
    }

    pub(super) fn perform(&mut self, op: SocketOp, now: Now) {
        let (SocketOp::Read(id) | SocketOp::Finish(id) | SocketOp::Close(id) | SocketOp::Drop(id)) =
            op;
        let Some(socket) = self.socket_mut(id) else {
            return;
        };
        match op {
            SocketOp::Read(_) => self.list(id),
            SocketOp::Drop(_) => self.kill(id),
            SocketOp::Finish(_) | SocketOp::Close(_) if socket.state == State::Open => {
                // Who has said goodbye is as good as gone: there is no FIN to wait for.
                socket.ended |= matches!(op, SocketOp::Close(_));
                socket.state = State::Finishing;
                self.finish_if_flushed(id, now);
                // What came while reading was paused is thrown away now.
                self.list(id);
            }
            SocketOp::Finish(_) | SocketOp::Close(_) => {}
        }
    }

    /// Writes what is queued for `id`.
    #[inline]
    pub(super) fn flush(&mut self, id: ConnId, now: Now) {
        let Some(socket) = self
            .sockets
            .get_mut(id.index())
            .filter(|socket| socket.id == id)
        else {
            return;
        };
        if socket.state == State::Dead {
            return;
        }
        let was_stalled = socket.stalled;
        let was_high = self.out.is_high(id);
        let outflow = if socket.writable {
            socket.write(&mut self.out, &mut self.stats)
        } else {
            Outflow::Blocked { moved: false }
        };
        socket.stalled = matches!(outflow, Outflow::Blocked { .. });
        let is_quiet = outflow == Outflow::Done && !was_stalled && !was_high;
        let is_finishing = socket.state == State::Finishing;
        if !is_quiet {
            let moved = match outflow {
                Outflow::Done => true,
                Outflow::Blocked { moved } => moved,
                Outflow::Broken => return self.broke(id, now),
            };
            self.conns.flushed(id, was_high, moved, turn!(self, now));
        }
        if is_finishing {
            self.finish_if_flushed(id, now);
        }
    }

    /// Sends FIN once everything is written.
    pub(super) fn finish_if_flushed(&mut self, id: ConnId, now: Now) {
        if self.out.queued(id) > 0 {
            return;
        }
        let Some(socket) = self.sockets.get_mut(id.index()) else {
            return;
        };
        if socket.ended {
            return self.kill(id);
        }
        socket.shut_down();
        self.conns.finished(id, turn!(self, now));
    }

    /// Marks a socket to be closed at the end of the turn.
    pub(super) fn kill(&mut self, id: ConnId) {
        if let Some(socket) = self.socket_mut(id)
            && socket.state != State::Dead
        {
            socket.state = State::Dead;
            self.dead.push(id);
        }
    }

    /// Closes what died in this turn. Only now are its slots free.
    pub(super) fn reap(&mut self, now: Now) {
        for id in self.dead.drain(..) {
            self.sockets.remove(id.index());
            self.conns.reaped(id, turn!(self, now));
        }
    }
}
