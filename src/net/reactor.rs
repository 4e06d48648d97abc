//! The event loop: one thread, one poller, every socket.
//!
//! A turn: events, sockets that had more to read than one turn gives them, accepting, time, decisions, one
//! write for each socket with output, and last the burial of what was closed, so that a slot is never used
//! again in the turn in which it was freed.
//!
//! Invariants: a socket that may have unread bytes and is not paused is either awaiting an event or on the
//! `ready` list; a socket is in the slab exactly as long as its connection is in [`Connections`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use slab::Slab;

use super::clock::Clock;
use super::listener::Bind;
use super::mailbox::{Handle, Letter, Mailbox};
use super::socket::{Inflow, Outflow, Socket, State};
use crate::conn::{Application, Connections, Turn};
use crate::kernel::effect::SocketOp;
use crate::kernel::id::ConnId;
use crate::kernel::outbox::Outbox;
use crate::kernel::stats::{CloseCause, Stats};
use crate::kernel::time::Now;
use crate::limits;

const EVENTS_PER_POLL: usize = 1024;
// Generation 0 is never a connection's, so these words are free.
const SIGNALS: Token = Token(0);
const MAILBOX: Token = Token(1);
const LISTENER_FIRST: usize = 2;
/// A turn longer than this is worth a line in the log, in microseconds.
const SLOW_TURN_US: u64 = 50_000;
/// How much longer than the drain itself the last connections may take, in microseconds.
const DRAIN_GRACE_US: u64 = 2_000_000;

/// What an operator may set about the loop.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub bind: Vec<Bind>,
    /// Sockets to hold at the same time, those included that are only told that the server is full.
    pub sockets_max: usize,
    /// How long it may take to see everybody off, in milliseconds.
    pub drain_ms: u64,
    /// Whether SIGTERM and SIGINT stop the loop.
    pub signals: bool,
}

/// The loop. See the module's description.
#[allow(missing_debug_implementations)]
pub struct Reactor<A: Application> {
    settings: Settings,
    poll: Poll,
    listeners: Vec<Listener>,
    signals: Option<Signals>,
    mailbox: Mailbox,
    sockets: Slab<Socket>,
    conns: Connections<A>,
    out: Outbox,
    stats: Stats,
    clock: Clock,
    /// The one receive buffer.
    inbox: Box<[u8]>,
    /// Sockets to read from in the next turn whatever the poller says.
    ready: Vec<ConnId>,
    dead: Vec<ConnId>,
    dirty: Vec<ConnId>,
    ops: Vec<SocketOp>,
    generation: u32,
    /// Until when accepting rests, in monotonic microseconds.
    rest_until_us: u64,
    /// When a drain must be over, in monotonic microseconds.
    drained_by_us: Option<u64>,
    stopped: bool,
}

#[derive(Debug)]
struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    /// Whether somebody may be waiting.
    ready: bool,
}

impl<A: Application> Reactor<A> {
    /// Opens the listeners. Fails if one of the addresses cannot be had.
    pub fn open(conns: Connections<A>, settings: Settings) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mailbox = Mailbox::open(poll.registry(), MAILBOX)?;
        let mut listeners = Vec::new();
        for bind in &settings.bind {
            let (mut listener, address) = bind.listen().map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {bind}: {error}"))
            })?;
            let token = Token(LISTENER_FIRST + listeners.len());
            poll.registry()
                .register(&mut listener, token, Interest::READABLE)?;
            listeners.push(Listener {
                listener,
                address,
                ready: false,
            });
        }
        let signals = if settings.signals {
            let mut signals = Signals::new([SIGINT, SIGTERM])?;
            poll.registry()
                .register(&mut signals, SIGNALS, Interest::READABLE)?;
            Some(signals)
        } else {
            None
        };
        Ok(Self {
            settings,
            poll,
            listeners,
            signals,
            mailbox,
            sockets: Slab::new(),
            conns,
            out: Outbox::default(),
            stats: Stats::default(),
            clock: Clock::start(),
            inbox: vec![0; limits::READ_BYTES].into_boxed_slice(),
            ready: Vec::new(),
            dead: Vec::new(),
            dirty: Vec::new(),
            ops: Vec::new(),
            generation: 0,
            rest_until_us: 0,
            drained_by_us: None,
            stopped: false,
        })
    }

    /// The addresses at which people reach the server.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|entry| entry.address).collect()
    }

    /// How other threads reach the loop.
    pub fn handle(&self) -> Handle {
        self.mailbox.handle()
    }

    /// Bytes of state that one socket costs in this table.
    pub const fn socket_bytes() -> usize {
        size_of::<Socket>()
    }

    /// Turns until told to stop and everybody has been seen off. Fails only if polling does.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        while !self.stopped {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let now = self.clock.now();
            self.turn(&events, now);
            let took_us = self.clock.micros() - now.micros;
            self.stats.turn_us.record(took_us);
            if took_us > SLOW_TURN_US {
                log::warn!("a turn took {} ms", took_us / 1_000);
            }
        }
        Ok(())
    }

    fn turn(&mut self, events: &Events, now: Now) {
        // Taken before this turn adds to it: everybody gets one read in a turn.
        let ready = std::mem::take(&mut self.ready);
        for event in events {
            self.dispatch(event, now);
        }
        for id in &ready {
            self.resume(*id, now);
        }
        if self.ready.is_empty() {
            self.ready = ready;
            self.ready.clear();
        }
        self.accept(now);
        let mut turn = Turn {
            now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.conns.elapsed(&mut turn);
        self.settle(now);
        self.bury(now);
        self.check_drain(now);
    }

    /// How long the poller may sleep.
    fn timeout(&self) -> Option<Duration> {
        let may_accept = self.may_accept() && self.listeners.iter().any(|entry| entry.ready);
        let now_us = self.clock.micros();
        if !self.ready.is_empty() || (may_accept && self.rest_until_us <= now_us) {
            return Some(Duration::ZERO);
        }
        let rest = may_accept.then_some(self.rest_until_us);
        [self.conns.next_due(), rest, self.drained_by_us]
            .into_iter()
            .flatten()
            .min()
            .map(|due_us| Duration::from_micros(due_us.saturating_sub(now_us)))
    }

    fn dispatch(&mut self, event: &Event, now: Now) {
        let id = ConnId::unpack(event.token().0 as u64);
        if id.generation() == 0 {
            return self.dispatch_own(event.token(), now);
        }
        let Some(socket) = self
            .sockets
            .get_mut(id.index())
            .filter(|socket| socket.id == id)
        else {
            return;
        };
        if event.is_writable() {
            socket.writable = true;
            if socket.stalled {
                self.flush(id, now);
            }
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            let Some(socket) = self.sockets.get_mut(id.index()) else {
                return;
            };
            socket.readable = true;
            socket.ending |= event.is_read_closed() || event.is_error();
            let is_listed = socket.listed;
            // Both directions are closed: nobody is there to be waited for.
            let is_reset = event.is_error() || (event.is_read_closed() && event.is_write_closed());
            if is_reset && self.conns.is_paused(id) {
                return self.broke(id, now);
            }
            if !is_listed {
                self.read(id, now);
            }
        }
    }

    fn dispatch_own(&mut self, token: Token, now: Now) {
        match token {
            SIGNALS => {
                let count = self
                    .signals
                    .as_mut()
                    .map_or(0, |signals| signals.pending().count());
                for _ in 0..count {
                    self.stop(now);
                }
            }
            MAILBOX => {
                while let Some(letter) = self.mailbox.take() {
                    match letter {
                        Letter::Stop => self.stop(now),
                    }
                }
            }
            Token(index) => {
                if let Some(entry) = self.listeners.get_mut(index - LISTENER_FIRST) {
                    entry.ready = true;
                }
            }
        }
    }

    /// Reads from a socket that is owed a turn.
    fn resume(&mut self, id: ConnId, now: Now) {
        if let Some(socket) = self
            .sockets
            .get_mut(id.index())
            .filter(|socket| socket.id == id)
        {
            socket.listed = false;
            if socket.readable {
                self.read(id, now);
            }
        }
    }

    /// Reads once and hands on what came.
    #[inline]
    fn read(&mut self, id: ConnId, now: Now) {
        let Some(socket) = self.sockets.get_mut(id.index()) else {
            return;
        };
        match socket.state {
            State::Open if self.conns.is_paused(id) => return,
            State::Dead => return,
            _ => {}
        }
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
            let mut turn = Turn {
                now,
                out: &mut self.out,
                stats: &mut self.stats,
            };
            let bytes = &mut self.inbox[..count];
            let conns = &mut self.conns;
            // A panic is our bug and costs only the connection that met it.
            let done = catch_unwind(AssertUnwindSafe(|| conns.received(id, bytes, &mut turn)));
            if done.is_err() {
                self.stats.panics += 1;
                log::error!("a handler panicked; its connection is closed");
                return self.fail(id, CloseCause::Internal, now);
            }
        }
        if more {
            self.list(id);
        }
    }

    /// Puts a socket on the list of those to read from in the next turn.
    fn list(&mut self, id: ConnId) {
        if let Some(socket) = self
            .sockets
            .get_mut(id.index())
            .filter(|socket| socket.id == id)
            && !socket.listed
            && socket.readable
        {
            socket.listed = true;
            self.ready.push(id);
        }
    }

    /// The peer's FIN came.
    fn ended(&mut self, id: ConnId, now: Now) {
        let Some(socket) = self.sockets.get_mut(id.index()) else {
            return;
        };
        socket.ended = true;
        match socket.state {
            State::Open => {
                let mut turn = Turn {
                    now,
                    out: &mut self.out,
                    stats: &mut self.stats,
                };
                self.conns.ended(id, &mut turn);
            }
            State::Lingering => self.kill(id),
            State::Finishing | State::Dead => {}
        }
    }

    fn broke(&mut self, id: ConnId, now: Now) {
        self.fail(id, CloseCause::Gone, now);
    }

    fn fail(&mut self, id: ConnId, cause: CloseCause, now: Now) {
        let mut turn = Turn {
            now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.conns.broke(id, cause, &mut turn);
        self.kill(id);
    }

    /// Whether another socket could be held.
    fn may_accept(&self) -> bool {
        self.sockets.len() < self.settings.sockets_max
    }

    fn accept(&mut self, now: Now) {
        if now.micros < self.rest_until_us {
            return;
        }
        for index in 0..self.listeners.len() {
            let mut budget = limits::ACCEPTS_PER_TURN;
            while self.listeners[index].ready && budget > 0 && self.may_accept() {
                budget -= 1;
                match self.listeners[index].listener.accept() {
                    Ok((stream, peer)) => self.accepted(stream, peer.ip(), now),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.listeners[index].ready = false;
                    }
                    Err(error) if is_peer_fault(&error) => {}
                    Err(error) => {
                        // Out of descriptors or memory: the poller will not say again that somebody waits.
                        log::warn!("accepting rests: {error}");
                        self.stats.accept_rests += 1;
                        self.rest_until_us = now.after_ms(limits::ACCEPT_REST_MS);
                        return;
                    }
                }
            }
        }
    }

    fn accepted(&mut self, mut stream: TcpStream, peer: IpAddr, now: Now) {
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        let entry = self.sockets.vacant_entry();
        let id = ConnId::new(entry.key() as u32, self.generation);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(id.pack() as usize);
        if let Err(error) = self.poll.registry().register(&mut stream, token, interest) {
            log::warn!("a connection could not be watched: {error}");
            return;
        }
        entry.insert(Socket::new(stream, id));
        let mut turn = Turn {
            now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.conns.accepted(id, peer, &mut turn);
    }

    /// Performs every decision and writes every output, until there is neither.
    fn settle(&mut self, now: Now) {
        loop {
            let mut turn = Turn {
                now,
                out: &mut self.out,
                stats: &mut self.stats,
            };
            self.conns.perform(&mut turn);
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
            if is_settled && self.out.socket_ops.is_empty() && self.out.effects.is_empty() {
                return;
            }
        }
    }

    fn perform(&mut self, op: SocketOp, now: Now) {
        let (SocketOp::Read(id) | SocketOp::Finish(id) | SocketOp::Drop(id)) = op;
        let Some(socket) = self
            .sockets
            .get_mut(id.index())
            .filter(|socket| socket.id == id)
        else {
            return;
        };
        match op {
            SocketOp::Read(_) => self.list(id),
            SocketOp::Drop(_) => self.kill(id),
            SocketOp::Finish(_) => {
                if socket.state == State::Open {
                    socket.state = State::Finishing;
                    self.finish_if_flushed(id, now);
                    // What came while reading was paused is thrown away now.
                    self.list(id);
                }
            }
        }
    }

    /// Writes what is queued for `id`.
    #[inline]
    fn flush(&mut self, id: ConnId, now: Now) {
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
            socket.write(&mut self.out, &mut self.stats.bytes_out)
        } else {
            Outflow::Blocked { moved: false }
        };
        socket.stalled = matches!(outflow, Outflow::Blocked { .. });
        let is_quiet = outflow == Outflow::Done && !was_stalled && !was_high;
        let is_finishing = socket.state == State::Finishing;
        if !is_quiet {
            let mut turn = Turn {
                now,
                out: &mut self.out,
                stats: &mut self.stats,
            };
            match outflow {
                Outflow::Done => self.conns.flushed(id, was_high, true, &mut turn),
                Outflow::Blocked { moved } => self.conns.flushed(id, was_high, moved, &mut turn),
                Outflow::Broken => return self.broke(id, now),
            }
        }
        if is_finishing {
            self.finish_if_flushed(id, now);
        }
    }

    /// Sends FIN once everything is written.
    fn finish_if_flushed(&mut self, id: ConnId, now: Now) {
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
        let mut turn = Turn {
            now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.conns.finished(id, &mut turn);
    }

    /// Marks a socket to be closed at the end of the turn.
    fn kill(&mut self, id: ConnId) {
        if let Some(socket) = self
            .sockets
            .get_mut(id.index())
            .filter(|socket| socket.id == id)
            && socket.state != State::Dead
        {
            socket.state = State::Dead;
            self.dead.push(id);
        }
    }

    /// Closes what died in this turn. Only now are its slots free.
    fn bury(&mut self, now: Now) {
        let mut turn = Turn {
            now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        for id in self.dead.drain(..) {
            self.sockets.remove(id.index());
            self.conns.buried(id, &mut turn);
        }
    }

    /// Begins to see everybody off; the second time, stops at once.
    fn stop(&mut self, now: Now) {
        if self.conns.is_draining() {
            self.stopped = true;
            return;
        }
        log::info!("stopping: {} connections to see off", self.conns.len());
        self.listeners.clear();
        self.drained_by_us = Some(now.after_ms(self.settings.drain_ms) + DRAIN_GRACE_US);
        let mut turn = Turn {
            now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.conns.drain(&mut turn);
    }

    fn check_drain(&mut self, now: Now) {
        if let Some(due_us) = self.drained_by_us
            && (self.conns.is_empty() || now.micros >= due_us)
        {
            self.stopped = true;
        }
    }
}

/// Whether accepting failed for a reason that concerns only the one who was waiting (accept(2)).
fn is_peer_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied
    ) || matches!(
        error.kind(),
        io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
    )
}
