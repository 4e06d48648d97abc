//! What a turn does with the sockets, whatever their streams are: the loop's own, or those of a simulated world.
//!
//! A turn is [`Driver::begin`], [`Driver::notify`] for each socket that an event names, [`Driver::go_on`],
//! [`Driver::accepted`] for each newcomer, and [`Driver::finish`].
//!
//! Invariants: a socket that may have unread bytes and is not paused is either awaiting an event or on the
//! `ready` list; a socket is in the slab exactly as long as its connection is in [`Connections`].

use std::collections::VecDeque;
use std::net::IpAddr;

use slab::Slab;

use super::inflow::guard;
use super::socket::{Socket, Stream};
use crate::conn::{Application, Connections};
use crate::kernel::ask::{Ask, Outcome, Refusal, Ticket};
use crate::kernel::effect::SocketOp;
use crate::kernel::id::ConnId;
use crate::kernel::outbox::Outbox;
use crate::kernel::stats::Stats;
use crate::kernel::time::Now;
use crate::limits;

/// Hands a question on to the thread that answers it, without ever blocking; refuses it when too much is waiting there.
pub type Dispatch = Box<dyn FnMut(Ticket, Ask) -> Result<(), Refusal>>;

/// What the events of this turn share, borrowed from the driver that `$self` is.
macro_rules! turn {
    ($self:ident, $now:expr) => {
        &mut $crate::conn::Turn {
            now: $now,
            out: &mut $self.out,
            stats: &mut $self.stats,
        }
    };
}
pub(super) use turn;

/// What an event says of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A read may find something.
    pub readable: bool,
    /// A write may succeed.
    pub writable: bool,
    /// The peer's FIN has come, perhaps behind bytes that are not read yet.
    pub read_closed: bool,
    /// Nothing can be written any more.
    pub write_closed: bool,
    /// It failed.
    pub error: bool,
}

/// The sockets with the connections on them. See the module's description.
#[allow(missing_debug_implementations)]
pub struct Driver<A: Application, S> {
    /// The connections, with the program behind them.
    pub conns: Connections<A>,
    /// Their output.
    pub out: Outbox,
    /// What is counted.
    pub stats: Stats,
    pub(super) sockets: Slab<Socket<S>>,
    dispatch: Dispatch,
    /// What was answered and is not handed on yet.
    answers: VecDeque<(Ticket, Outcome)>,
    /// The one receive buffer.
    pub(super) inbox: Box<[u8]>,
    /// Sockets to read from in the next turn whatever the poller says.
    pub(super) ready: VecDeque<ConnId>,
    /// How many of them this turn goes on with, of those who were there when it began.
    owed: usize,
    pub(super) dead: Vec<ConnId>,
    pub(super) dirty: Vec<ConnId>,
    pub(super) ops: Vec<SocketOp>,
    generation: u32,
}

impl<A: Application, S: Stream> Driver<A, S> {
    /// A driver without sockets.
    pub fn new(conns: Connections<A>) -> Self {
        Self {
            conns,
            out: Outbox::default(),
            stats: Stats::default(),
            sockets: Slab::new(),
            dispatch: Box::new(|_, _| Err(Refusal::Unavailable)),
            answers: VecDeque::new(),
            inbox: vec![0; limits::READ_BYTES].into_boxed_slice(),
            ready: VecDeque::new(),
            owed: 0,
            dead: Vec::new(),
            dirty: Vec::new(),
            ops: Vec::new(),
            generation: 0,
        }
    }

    /// Has questions answered by `dispatch`; without one, none is.
    pub fn consult(&mut self, dispatch: Dispatch) {
        self.dispatch = dispatch;
    }

    /// Bytes of state that one socket costs in this table.
    pub const fn socket_bytes() -> usize {
        size_of::<Socket<S>>()
    }

    /// How many sockets there are.
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Whether there is no socket.
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// Whether another turn should follow at once, with or without an event.
    pub fn has_more(&self) -> bool {
        !self.ready.is_empty() || !self.answers.is_empty()
    }

    /// Whether the next turn goes on with `id` without an event.
    pub fn is_listed(&self, id: ConnId) -> bool {
        self.socket(id).is_some_and(|socket| socket.listed)
    }

    /// A turn begins: whoever had to wait for another one goes on.
    pub fn begin(&mut self, now: Now) {
        // Counted before this turn adds to it: nobody gets a second read in a turn.
        self.owed = self.ready.len().min(limits::EVENTS_PER_TURN);
        for _ in 0..self.conns.renew() {
            let Some(id) = self.conns.next_resting() else {
                break;
            };
            guard(&mut self.conns, id, turn!(self, now), |conns, turn| {
                conns.resume(id, turn);
            });
        }
    }

    /// An event says this of a socket.
    #[inline]
    pub fn notify(&mut self, id: ConnId, readiness: Readiness, now: Now) {
        let Some(socket) = self.socket_mut(id) else {
            return;
        };
        if readiness.writable {
            socket.writable = true;
            if socket.stalled {
                self.flush(id, now);
            }
        }
        if !(readiness.readable || readiness.read_closed || readiness.error) {
            return;
        }
        let Some(socket) = self.socket_mut(id) else {
            return;
        };
        socket.readable = true;
        socket.ending |= readiness.read_closed || readiness.error;
        let is_listed = socket.listed;
        // Both directions are closed: nobody is there to be waited for.
        let is_reset = readiness.error || (readiness.read_closed && readiness.write_closed);
        if is_reset && self.conns.is_paused(id) {
            return self.broke(id, now);
        }
        if !is_listed {
            self.read(id, now);
        }
    }

    /// Questions were answered; this turn or one of the next hands that on.
    pub fn answered(&mut self, answers: impl IntoIterator<Item = (Ticket, Outcome)>) {
        self.answers.extend(answers);
    }

    /// Goes on where the last turn stopped: with sockets that had more to read, and with answers.
    pub fn go_on(&mut self, now: Now) {
        for _ in 0..self.owed {
            let Some(id) = self.ready.pop_front() else {
                break;
            };
            self.resume(id, now);
        }
        for _ in 0..limits::ANSWERS_PER_TURN {
            let Some((ticket, outcome)) = self.answers.pop_front() else {
                break;
            };
            self.conns.answered(ticket, outcome, turn!(self, now));
        }
    }

    /// The id of the connection that is accepted next.
    pub fn vacancy(&mut self) -> ConnId {
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        ConnId::new(self.sockets.vacant_key() as u32, self.generation)
    }

    /// Somebody at `peer` was accepted; `id` is the last [`Driver::vacancy`].
    pub fn accepted(&mut self, id: ConnId, stream: S, peer: IpAddr, now: Now) {
        let index = self.sockets.insert(Socket::new(stream, id));
        debug_assert_eq!(index, id.index());
        self.conns.accepted(id, peer, turn!(self, now));
    }

    /// A turn ends: time passes, decisions are performed, output is written, and what was closed is reaped.
    pub fn finish(&mut self, now: Now) {
        self.conns.elapsed(turn!(self, now));
        self.settle(now);
        self.reap(now);
    }

    /// Begins to see everybody off.
    pub fn drain(&mut self, now: Now) {
        self.conns.drain(turn!(self, now));
    }

    /// Hands on what was asked; what cannot be taken is answered at once.
    pub(super) fn dispatch_asks(&mut self, now: Now) {
        for (ticket, ask) in std::mem::take(&mut self.out.asks) {
            if let Err(refusal) = (self.dispatch)(ticket, ask) {
                self.conns.answered(ticket, Err(refusal), turn!(self, now));
            }
        }
    }

    pub(super) fn socket(&self, id: ConnId) -> Option<&Socket<S>> {
        self.sockets
            .get(id.index())
            .filter(|socket| socket.id == id)
    }

    #[inline]
    pub(super) fn socket_mut(&mut self, id: ConnId) -> Option<&mut Socket<S>> {
        self.sockets
            .get_mut(id.index())
            .filter(|socket| socket.id == id)
    }
}
