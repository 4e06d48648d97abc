//! The event loop: one thread, one poller, every socket.
//!
//! A turn: events, sockets that had more to read than one turn gives them, accepting, time, decisions, one
//! write for each socket with output, and last the burial of what was closed, so that a slot is never used
//! again in the turn in which it was freed. What is done with the sockets is the [`Driver`]'s part.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use super::clock::{Clock, Stopwatch};
use super::driver::{Dispatch, Driver, Readiness};
use super::listener::Bind;
use super::mailbox::{Handle, Letter, Mailbox};
use crate::conn::{Application, Connections};
use crate::kernel::id::ConnId;
use crate::kernel::time::Now;
use crate::limits;

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
    pub(super) settings: Settings,
    pub(super) poll: Poll,
    pub(super) listeners: Vec<Listener>,
    pub(super) signals: Option<Signals>,
    pub(super) mailbox: Mailbox,
    pub(super) driver: Driver<A, TcpStream>,
    pub(super) clock: Clock,
    stopwatch: Stopwatch,
    /// Until when accepting rests, in monotonic microseconds.
    pub(super) rest_until_us: u64,
    /// When a drain must be over, in monotonic microseconds.
    pub(super) drained_by_us: Option<u64>,
    pub(super) stopped: bool,
}

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) listener: TcpListener,
    address: SocketAddr,
    /// Whether somebody may be waiting.
    pub(super) ready: bool,
}

impl<A: Application> Reactor<A> {
    /// Opens the listeners. Fails if one of the addresses cannot be had.
    pub fn open(conns: Connections<A>, settings: Settings) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mailbox = Mailbox::open(poll.registry(), MAILBOX)?;
        let mut listeners = Vec::new();
        for bind in &settings.bind {
            let opened = bind.listen().map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {bind}: {error}"))
            })?;
            for (mut listener, address) in opened {
                let token = Token(LISTENER_FIRST + listeners.len());
                poll.registry()
                    .register(&mut listener, token, Interest::READABLE)?;
                listeners.push(Listener {
                    listener,
                    address,
                    ready: false,
                });
            }
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
            driver: Driver::new(conns),
            clock: Clock::start(),
            stopwatch: Stopwatch::default(),
            rest_until_us: 0,
            drained_by_us: None,
            stopped: false,
        })
    }

    /// The addresses at which people reach the server.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|entry| entry.address).collect()
    }

    /// Has questions answered by `dispatch`; without one, none is.
    pub fn consult(&mut self, dispatch: Dispatch) {
        self.driver.consult(dispatch);
    }

    /// How other threads reach the loop.
    pub fn handle(&self) -> Handle {
        self.mailbox.handle()
    }

    /// Bytes of state that one socket costs in this table.
    pub const fn socket_bytes() -> usize {
        Driver::<A, TcpStream>::socket_bytes()
    }

    /// Turns until told to stop and everybody has been seen off. Fails only if polling does.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(limits::EVENTS_PER_TURN);
        while !self.stopped {
            let timeout = self.timeout();
            self.driver.stats.polls += 1;
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let now = self.clock.now();
            self.stopwatch.start(now);
            self.turn(&events, now);
            self.time_turn(now);
        }
        Ok(())
    }

    fn time_turn(&mut self, began: Now) {
        let took_us = self.clock.micros() - began.micros;
        self.driver.stats.turn_us.record(took_us);
        self.driver.stats.longest_turn_us = self.driver.stats.longest_turn_us.max(took_us);
        if took_us <= limits::TURN_US {
            return;
        }
        let busy_us = self.stopwatch.busy_us();
        self.driver.stats.busiest_turn_us = self.driver.stats.busiest_turn_us.max(busy_us);
        self.driver.stats.busy_turns += u64::from(busy_us > limits::TURN_US);
        if took_us > SLOW_TURN_US {
            let (took_ms, busy_ms) = (took_us / 1_000, busy_us / 1_000);
            log::warn!("a turn took {took_ms} ms, {busy_ms} ms of it on the processor");
        }
    }

    fn turn(&mut self, events: &Events, now: Now) {
        self.driver.begin(now);
        for event in events {
            self.dispatch(event, now);
        }
        self.driver.go_on(now);
        self.accept(now);
        self.driver.finish(now);
        self.check_drain(now);
    }

    /// How long the poller may sleep.
    fn timeout(&self) -> Option<Duration> {
        let may_accept = self.may_accept() && self.listeners.iter().any(|entry| entry.ready);
        let now_us = self.clock.micros();
        if self.driver.has_more() || (may_accept && self.rest_until_us <= now_us) {
            return Some(Duration::ZERO);
        }
        let rest = may_accept.then_some(self.rest_until_us);
        [self.driver.conns.next_due(), rest, self.drained_by_us]
            .into_iter()
            .flatten()
            .min()
            .map(|due_us| Duration::from_micros(due_us.saturating_sub(now_us)))
    }

    #[inline]
    fn dispatch(&mut self, event: &Event, now: Now) {
        let id = ConnId::unpack(event.token().0 as u64);
        if id.generation() == 0 {
            return self.dispatch_own(event.token(), now);
        }
        let readiness = Readiness {
            readable: event.is_readable(),
            writable: event.is_writable(),
            read_closed: event.is_read_closed(),
            write_closed: event.is_write_closed(),
            error: event.is_error(),
        };
        self.driver.notify(id, readiness, now);
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
                        Letter::Answers(answers) => self.driver.answered(answers),
                        Letter::Batch(answers) => {
                            self.driver.stats.store_batch.record(answers.len() as u64);
                            self.driver.answered(answers);
                        }
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

    /// Begins to see everybody off; the second time, stops at once.
    fn stop(&mut self, now: Now) {
        if self.driver.conns.is_draining() {
            self.stopped = true;
            return;
        }
        log::info!("stopping: {} connections to see off", self.driver.len());
        self.listeners.clear();
        let seen_off_us = now.after_ms(self.settings.drain_ms);
        self.drained_by_us = Some(seen_off_us.saturating_add(DRAIN_GRACE_US));
        self.driver.drain(now);
    }

    fn check_drain(&mut self, now: Now) {
        if let Some(due_us) = self.drained_by_us
            && (self.driver.is_empty() || now.micros >= due_us)
        {
            self.stopped = true;
        }
    }
}
