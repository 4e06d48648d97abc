//! The way in: reading from sockets, one read each in a turn.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::driver::{Driver, turn};
use super::socket::{Inflow, State, Stream};
use crate::conn::{Application, Connections, Turn};
use crate::kernel::id::ConnId;
use crate::kernel::stats::CloseCause;
use crate::kernel::time::Now;

impl<A: Application, S: Stream> Driver<A, S> {
    /// Reads from a socket that is owed a turn.
    pub(super) fn resume(&mut self, id: ConnId, now: Now) {
        if let Some(socket) = self.socket_mut(id) {
            socket.listed = false;
            if socket.readable {
                self.read(id, now);
            }
        }
    }

    /// Reads once and hands on what came.
    #[inline]
    pub(super) fn read(&mut self, id: ConnId, now: Now) {
        let Some(socket) = self.sockets.get_mut(id.index()) else {
            return;
        };
        if socket.state == State::Dead {
            return;
        }
        if socket.state == State::Open && self.conns.is_paused(id) {
            if socket.ending {
                self.conns.ending(id, turn!(self, now));
            }
            if self.conns.is_paused(id) || !self.conns.is_open(id) {
                return;
            }
        }
        self.stats.reads += 1;
        let (count, more) = match socket.read(&mut self.inbox) {
            Inflow::Last(count) => (count, false),
            Inflow::More(count) => (count, true),
            Inflow::Nothing => return,
            Inflow::End => return self.ended(id, now),
            Inflow::Broken => return self.broke(id, now),
        };
        if socket.state != State::Open {
            if !socket.discard(count) {
                return self.kill(id);
            }
        } else {
            let bytes = &mut self.inbox[..count];
            guard(&mut self.conns, id, turn!(self, now), |conns, turn| {
                conns.received(id, bytes, turn);
            });
        }
        if more {
            self.list(id);
        }
    }

    /// Puts a socket on the list of those to read from in the next turn.
    pub(super) fn list(&mut self, id: ConnId) {
        if let Some(socket) = self.socket_mut(id)
            && !socket.listed
            && socket.readable
        {
            socket.listed = true;
            self.ready.push_back(id);
        }
    }

    /// The peer's FIN came.
    pub(super) fn ended(&mut self, id: ConnId, now: Now) {
        let Some(socket) = self.sockets.get_mut(id.index()) else {
            return;
        };
        socket.ended = true;
        match socket.state {
            State::Open => {
                self.conns.ended(id, turn!(self, now));
            }
            State::Lingering => self.kill(id),
            State::Finishing | State::Dead => {}
        }
    }

    pub(super) fn broke(&mut self, id: ConnId, now: Now) {
        self.fail(id, CloseCause::Gone, now);
    }

    pub(super) fn fail(&mut self, id: ConnId, cause: CloseCause, now: Now) {
        self.conns.broke(id, cause, turn!(self, now));
        self.kill(id);
    }
}

/// Handles what `id` has sent: a panic over it is our bug and costs only that connection.
#[inline]
pub(super) fn guard<A: Application>(
    conns: &mut Connections<A>,
    id: ConnId,
    turn: &mut Turn<'_>,
    handle: impl FnOnce(&mut Connections<A>, &mut Turn<'_>),
) {
    let done = catch_unwind(AssertUnwindSafe(|| handle(conns, turn)));
    if done.is_err() {
        turn.stats.panics += 1;
        log::error!("a handler panicked; its connection is closed");
        conns.panicked(id, turn);
    }
}
