//! The table of connections and the events it takes.

use std::net::IpAddr;

use super::admission::Gate;
use super::application::{Application, Turn};
use super::drain::Drain;
use super::http::Http;
use super::memory::Memory;
use super::share::Share;
use super::ws::Ws;
use super::{Admission, Settings};
use crate::kernel::addresses::Subscriber;
use crate::kernel::ask::{Outcome, Ticket};
use crate::kernel::effect::{Effect, SocketOp};
use crate::kernel::id::ConnId;
use crate::kernel::stats::CloseCause;
use crate::kernel::wheel::Wheel;
use crate::limits;
use crate::wire::frame::{self, Kind};

/// Reading rests while one of these is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Paused(u8);

impl Paused {
    /// What the peer feeds is over its high-water mark.
    pub(super) const FEED: u8 = 1;
    /// The peer's own output is over its high-water mark.
    pub(super) const BACKLOG: u8 = 2;
    /// The peer has spent its budget of frames or bytes.
    pub(super) const RATE: u8 = 4;
    /// The program owes it an answer.
    pub(super) const ANSWER: u8 = 8;
    /// It has had its share of the turn, and something that it sent waits for another one.
    pub(super) const SHARE: u8 = 16;
    /// No reason of its own: it is in line for another turn.
    pub(super) const IN_LINE: u8 = 32;

    pub(super) fn set(&mut self, reason: u8) {
        self.0 |= reason;
    }

    pub(super) fn clear(&mut self, reason: u8) {
        self.0 &= !reason;
    }

    /// Whether it waits for another turn, and for nothing else.
    pub(super) const fn is_share_only(self) -> bool {
        self.0 & !Self::IN_LINE == Self::SHARE
    }

    pub(super) fn any(self) -> bool {
        self.0 != 0
    }

    pub(super) fn has(self, reason: u8) -> bool {
        self.0 & reason != 0
    }
}

/// A record that is looked at for every message: one line of the processor's cache, and not two halves.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Conn<F> {
    /// Which of the slot's lives this is; 0 when nobody is here.
    generation: u32,
    pub(super) phase: Phase<F>,
    /// What this connection is counted under.
    pub(super) subscriber: Option<Subscriber>,
    pub(super) paused: Paused,
    /// Whether the output was over its high-water mark and is not below the low one yet.
    pub(super) high: bool,
    /// Whether it is only here to be told no.
    is_refused: bool,
    /// Whether it holds input that is not complete.
    pub(super) holds_input: bool,
}

impl<F> Conn<F> {
    fn vacant() -> Self {
        Self::new(0, Phase::Vacant, None)
    }

    fn new(generation: u32, phase: Phase<F>, subscriber: Option<Subscriber>) -> Self {
        Self {
            generation,
            phase,
            subscriber,
            paused: Paused::default(),
            high: false,
            is_refused: false,
            holds_input: false,
        }
    }

    /// Whether this, the record of the slot of `id`, is that of `id` itself.
    #[inline]
    pub(super) const fn is(&self, id: ConnId) -> bool {
        self.generation == id.generation()
    }
}

#[derive(Debug)]
pub(super) enum Phase<F> {
    /// Nobody is here.
    Vacant,
    /// It speaks HTTP.
    Http(Box<Http>),
    /// It speaks WebSocket.
    Ws(Ws<F>),
    /// What is queued goes out, and then it ends, at the latest at this time, in milliseconds.
    Closing(u32),
}

/// Every connection, and the application behind them. See the module [`super`].
#[derive(Debug)]
pub struct Connections<A: Application> {
    /// The program behind the connections.
    pub app: A,
    pub(super) settings: Settings,
    pub(super) conns: Vec<Conn<A::Service>>,
    pub(super) wheel: Wheel,
    pub(super) gate: Gate,
    pub(super) drain: Option<Drain>,
    pub(super) live: usize,
    /// How many connections are only here to be told no.
    refused: usize,
    pub(super) memory: Memory,
    pub(super) fired: Vec<u32>,
    pub(super) share: Share,
    /// How much waits, in whole frames and responses, for whom something is handled.
    pub(super) whole: usize,
    pub(super) date: super::http::Date,
}

impl<A: Application> Connections<A> {
    /// A table without connections.
    pub fn new(app: A, settings: Settings) -> Self {
        Self {
            app,
            gate: Gate::new(&settings),
            share: Share::new(settings.seed),
            memory: Memory::new(settings.seed),
            settings,
            conns: Vec::new(),
            wheel: Wheel::default(),
            drain: None,
            live: 0,
            refused: 0,
            fired: Vec::new(),
            whole: 0,
            date: super::http::Date::default(),
        }
    }

    /// How many connections there are, in any phase.
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no connection.
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The connections that speak WebSocket now.
    pub fn open(&self) -> impl Iterator<Item = ConnId> {
        let conns = self.conns.iter().enumerate();
        conns
            .filter(|(_, conn)| matches!(conn.phase, Phase::Ws(_)))
            .map(|(index, conn)| ConnId::new(index as u32, conn.generation))
    }

    /// Bytes of state that one connection costs in this table.
    pub const fn conn_bytes() -> usize {
        size_of::<Conn<A::Service>>()
    }

    /// A connection was accepted from `peer`.
    pub fn accepted(&mut self, id: ConnId, peer: IpAddr, turn: &mut Turn<'_>) {
        turn.out.open(id);
        turn.stats.accepted += 1;
        while self.conns.len() <= id.index() {
            self.conns.push(Conn::vacant());
        }
        self.live += 1;
        let (subscriber, mut admission) = if self.gate.trusts(peer) {
            (None, Admission::Granted)
        } else {
            let (subscriber, admission) = self.gate.enter(peer, turn.now.micros);
            (Some(subscriber), admission)
        };
        if self.live > self.settings.connections_max {
            admission = Admission::Full;
        }
        let is_refused = admission != Admission::Granted;
        self.refused += usize::from(is_refused);
        let head_ms = if is_refused {
            limits::OVERFLOW_HEAD_MS
        } else {
            limits::HEAD_MS
        };
        let http = Http::new(peer, admission, turn.now.after_ms(head_ms));
        self.wheel.arm(id.index(), http.deadline_us);
        self.conns[id.index()] = Conn {
            is_refused,
            ..Conn::new(id.generation(), Phase::Http(Box::new(http)), subscriber)
        };
        if self.refused > limits::OVERFLOW_CONNECTIONS {
            // So many wait to be told no that they would take the place of people who are welcome.
            self.abort(id, CloseCause::Gone, turn);
        }
    }

    /// Whether what comes from `id` is still listened to.
    pub fn is_open(&self, id: ConnId) -> bool {
        self.conns
            .get(id.index())
            .is_some_and(|conn| conn.is(id) && matches!(conn.phase, Phase::Http(_) | Phase::Ws(_)))
    }

    /// Whether nothing should be read from `id` for now.
    #[inline]
    pub fn is_paused(&self, id: ConnId) -> bool {
        self.conns
            .get(id.index())
            .is_some_and(|conn| conn.is(id) && conn.paused.any())
    }

    /// These bytes came. They are unmasked in place.
    #[inline]
    pub fn received(&mut self, id: ConnId, bytes: &mut [u8], turn: &mut Turn<'_>) {
        turn.stats.bytes_in += bytes.len() as u64;
        self.note_whole(id, turn);
        match self.conn(id).map(|conn| &conn.phase) {
            Some(Phase::Ws(_)) => self.ws_received(id, bytes, turn),
            Some(Phase::Http(_)) => self.http_received(id, bytes, turn),
            Some(Phase::Closing(_) | Phase::Vacant) | None => {}
        }
    }

    /// The peer sent FIN: no more bytes will come.
    pub fn ended(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        match self.conn(id).map(|conn| &conn.phase) {
            Some(Phase::Http(_)) => self.finish(id, turn),
            Some(Phase::Ws(_)) => self.abort(id, CloseCause::Gone, turn),
            _ => {}
        }
    }

    /// The socket failed: nothing can be read or written any more.
    pub fn broke(&mut self, id: ConnId, cause: CloseCause, turn: &mut Turn<'_>) {
        self.abort(id, cause, turn);
    }

    /// All that is queued for `id` is whole: if what follows fails, it is cut off from here.
    #[inline]
    pub(super) fn note_whole(&mut self, id: ConnId, turn: &Turn<'_>) {
        self.whole = turn.out.queued(id);
    }

    /// A handler panicked over what came: the peer is told that it is our fault, behind whatever was whole by then, and nothing else
    /// of it is looked at.
    pub fn panicked(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        if self.conn(id).is_some() {
            turn.out.cut(id, self.whole);
        }
        match self.conn(id).map(|conn| &conn.phase) {
            Some(Phase::Http(_)) => self.http_fail(id, turn),
            Some(Phase::Ws(_)) => {
                self.hang_up(id, 1011, "internal error", CloseCause::Internal, turn);
            }
            _ => self.abort(id, CloseCause::Internal, turn),
        }
    }

    /// Output was written, or could not be. `was_high` says whether it was over the high-water mark before,
    /// `moved` whether any was written. Need not be called when all of a short queue was written at once.
    pub fn flushed(&mut self, id: ConnId, was_high: bool, moved: bool, turn: &mut Turn<'_>) {
        let queued = turn.out.queued(id);
        let queue_bytes_max = self.settings.queue_bytes_max;
        let Some(conn) = self.conns.get_mut(id.index()).filter(|conn| conn.is(id)) else {
            return;
        };
        conn.high |= was_high;
        let is_closing = matches!(conn.phase, Phase::Closing(_));
        if queued == 0 {
            self.memory.flows(id);
        } else {
            if queued > queue_bytes_max && !is_closing {
                return self.give_up(id, turn);
            }
            let due = turn.now.after_ms(limits::WRITE_STALL_MS);
            self.wheel.arm_sooner(id.index(), due);
            self.note_stall(id, moved, turn);
        }
        if queued <= limits::QUEUE_LOW_BYTES {
            self.drained(id, turn);
        }
    }

    /// Everything is written and our FIN is sent.
    pub fn finished(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        if let Some(conn) = self.conn(id)
            && matches!(conn.phase, Phase::Closing(_))
        {
            let due = turn.now.after_ms(limits::LINGER_MS);
            conn.phase = Phase::Closing(millis(due));
            self.wheel.arm(id.index(), due);
        }
    }

    /// The socket is closed and its slot free: forgets the connection.
    pub fn reaped(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(id.index()).filter(|conn| conn.is(id)) else {
            return;
        };
        debug_assert!(!matches!(conn.phase, Phase::Ws(_)));
        conn.phase = Phase::Vacant;
        self.weigh_only(id);
        self.memory.flows(id);
        let conn = &mut self.conns[id.index()];
        self.refused -= usize::from(std::mem::take(&mut conn.is_refused));
        conn.generation = 0;
        if let Some(subscriber) = conn.subscriber.take() {
            self.gate.leave(subscriber, turn.now.micros);
        }
        self.wheel.disarm(id.index());
        turn.out.shut(id);
        self.live -= 1;
    }

    /// A question that the program had asked is answered.
    pub fn answered(&mut self, ticket: Ticket, outcome: Outcome, turn: &mut Turn<'_>) {
        self.app.answered(ticket, outcome, turn);
        self.perform(turn);
    }

    /// Performs what the services decided, and what follows from that.
    pub fn perform(&mut self, turn: &mut Turn<'_>) {
        self.perform_effects(turn);
        while let Some((id, late)) = self.app.next_late() {
            self.http_late(id, late, turn);
            self.perform_effects(turn);
        }
    }

    pub(super) fn perform_effects(&mut self, turn: &mut Turn<'_>) {
        let mut next = 0;
        while let Some(effect) = turn.out.effects.get(next).copied() {
            next += 1;
            self.perform_one(effect, turn);
        }
        turn.out.effects.clear();
    }

    fn perform_one(&mut self, effect: Effect, turn: &mut Turn<'_>) {
        match effect {
            Effect::Close {
                conn,
                code,
                reason,
                cause,
            } => self.hang_up(conn, code, reason, cause, turn),
            Effect::Pause(id) => {
                let Some(conn) = self.conn(id) else {
                    return;
                };
                conn.paused.set(Paused::FEED);
                if matches!(&conn.phase, Phase::Ws(ws) if ws.ending) {
                    self.abort(id, CloseCause::Gone, turn);
                }
            }
            Effect::Resume(id) => self.unpause(id, Paused::FEED, turn),
            Effect::Pace(id, brisk) => self.pace(id, brisk, turn),
        }
    }

    /// The output of `id` has gone below its low-water mark, after it was over the high one.
    fn drained(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        let Some(conn) = self.conn(id) else {
            return;
        };
        if !std::mem::take(&mut conn.high) {
            return;
        }
        let service = match &conn.phase {
            Phase::Ws(ws) => Some(ws.service),
            _ => None,
        };
        // Requests that wait go on in another turn: who reads fast would be served without end in this one.
        self.unpause(id, Paused::BACKLOG, turn);
        if let Some(service) = service {
            self.app.drained(id, service, turn);
        }
    }

    /// Answers a peer's goodbye, with its own status code if it had one. After that nothing is to come, so the
    /// socket need not linger.
    pub(super) fn part(&mut self, id: ConnId, code: Option<u16>, turn: &mut Turn<'_>) {
        if !self.leave_ws(id, CloseCause::Client, turn) {
            return;
        }
        let lane = turn.out.lane(id);
        match code {
            Some(code) => frame::write_close(lane, code, ""),
            None => frame::write(lane, Kind::Close, b""),
        }
        self.close_by(id, limits::LINGER_MS, turn);
        turn.out.socket_ops.push(SocketOp::Close(id));
    }

    /// Ends a WebSocket with a Close frame.
    pub(super) fn hang_up(
        &mut self,
        id: ConnId,
        code: u16,
        reason: &str,
        cause: CloseCause,
        turn: &mut Turn<'_>,
    ) {
        if self.leave_ws(id, cause, turn) {
            frame::write_close(turn.out.lane(id), code, reason);
            self.finish(id, turn);
        }
    }

    /// Ends a connection that does not take its output. A WebSocket is told so, in case it begins to read again
    /// within the time that a closed connection has to finish.
    pub(super) fn give_up(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        if !self.leave_ws(id, CloseCause::TooSlow, turn) {
            return self.abort(id, CloseCause::TooSlow, turn);
        }
        frame::write_close(turn.out.lane(id), 4008, "too slow");
        self.finish(id, turn);
        self.close_by(id, limits::LINGER_MS, turn);
    }

    /// Ends a connection whose socket is of no use any more.
    pub(super) fn abort(&mut self, id: ConnId, cause: CloseCause, turn: &mut Turn<'_>) {
        self.leave_ws(id, cause, turn);
        if self.conn(id).is_some() {
            self.close_by(id, 0, turn);
            turn.out.socket_ops.push(SocketOp::Drop(id));
        }
    }

    /// Flushes what is queued and ends the connection.
    pub(super) fn finish(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        if self.conn(id).is_some() {
            self.close_by(id, limits::FINISH_MS, turn);
            turn.out.socket_ops.push(SocketOp::Finish(id));
        }
    }

    /// From now on the connection only ends, in `ms` milliseconds at the latest.
    fn close_by(&mut self, id: ConnId, ms: u64, turn: &Turn<'_>) {
        let due = turn.now.after_ms(ms);
        let Some(conn) = self.conns.get_mut(id.index()).filter(|conn| conn.is(id)) else {
            return;
        };
        conn.phase = Phase::Closing(millis(due));
        if std::mem::take(&mut conn.paused).has(Paused::SHARE) {
            self.share.forget(id);
        }
        self.wheel.arm(id.index(), due);
        self.weigh_only(id);
    }

    /// Takes the WebSocket, if `id` is one, out of everything in this very turn.
    fn leave_ws(&mut self, id: ConnId, cause: CloseCause, turn: &mut Turn<'_>) -> bool {
        let Some(conn) = self.conn(id) else {
            return false;
        };
        let Phase::Ws(ws) = &conn.phase else {
            return false;
        };
        let service = ws.service;
        conn.phase = Phase::Closing(millis(turn.now.micros));
        turn.stats.closed(cause);
        self.app.closed(id, service, cause, turn);
        true
    }

    /// Who has the slot of this number now.
    pub(super) fn id(&self, index: usize) -> ConnId {
        ConnId::new(index as u32, self.conns[index].generation)
    }

    pub(super) fn conn(&mut self, id: ConnId) -> Option<&mut Conn<A::Service>> {
        self.conns.get_mut(id.index()).filter(|conn| conn.is(id))
    }
}

/// Monotonic milliseconds, as connections keep them: enough for 49 days between two looks.
pub(super) const fn millis(micros: u64) -> u32 {
    (micros / 1_000) as u32
}
