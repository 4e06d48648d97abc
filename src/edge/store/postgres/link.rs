//! How the connection comes about, again and again if need be, without the store's thread ever waiting for it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::session::{Failure, Session};
use crate::limits;

/// How often somebody who connects is asked whether they are done.
const LOOK: Duration = Duration::from_millis(20);

/// The way to a connection.
pub(super) struct Link {
    config: postgres::Config,
    /// Somebody is connecting; a server that hangs hangs only them, and nobody else is sent meanwhile.
    attempt: Option<Receiver<Result<Session, Failure>>>,
    /// When to look again, or to try again.
    due: Instant,
    /// The next pause, in milliseconds.
    pause_ms: u64,
    /// Whether the log knows already that there is no connection.
    is_known: bool,
}

impl Link {
    pub(super) fn new(config: postgres::Config) -> Self {
        Self {
            config,
            attempt: None,
            due: Instant::now(),
            pause_ms: limits::STORE_RECONNECT_MS[0],
            is_known: false,
        }
    }

    /// The first attempt, for which the program's start waits a little.
    pub(super) fn first(&mut self) -> Result<Option<Session>, String> {
        self.begin();
        let patience = Duration::from_millis(limits::STORE_CONNECT_MS + limits::STORE_STATEMENT_MS);
        let outcome = match &self.attempt {
            Some(attempt) => attempt.recv_timeout(patience),
            None => Err(RecvTimeoutError::Timeout),
        };
        match outcome {
            Ok(Ok(session)) => {
                self.attempt = None;
                Ok(Some(session))
            }
            Ok(Err(Failure::Newer(reason))) => Err(format!("cannot use PostgreSQL: {reason}")),
            Ok(Err(Failure::Unreachable(reason))) => {
                self.failed(&reason);
                Ok(None)
            }
            Err(_) => {
                self.complain("it does not answer");
                self.due = soon(LOOK);
                Ok(None)
            }
        }
    }

    /// The connection is gone.
    pub(super) fn lost(&mut self) {
        self.complain("the connection was lost");
        self.pause_ms = limits::STORE_RECONNECT_MS[0];
        self.due = Instant::now();
    }

    pub(super) fn due(&self) -> Option<Instant> {
        Some(self.due)
    }

    /// Begins to connect, or looks whether that is done.
    pub(super) fn tend(&mut self) -> Option<Session> {
        let Some(attempt) = &self.attempt else {
            self.begin();
            return None;
        };
        match attempt.try_recv() {
            Ok(Ok(session)) => {
                log::info!("the store is reachable again");
                self.attempt = None;
                self.is_known = false;
                Some(session)
            }
            Ok(Err(Failure::Newer(reason) | Failure::Unreachable(reason))) => {
                self.failed(&reason);
                None
            }
            Err(TryRecvError::Disconnected) => {
                self.failed("connecting ended early");
                None
            }
            Err(TryRecvError::Empty) => {
                self.due = soon(LOOK);
                None
            }
        }
    }

    fn begin(&mut self) {
        let (sender, attempt) = sync_channel(1);
        let config = self.config.clone();
        let thread = thread::Builder::new().name("store-link".to_owned());
        let begun = thread.spawn(move || {
            // If nobody waits any more, the connection is closed again.
            let _ = sender.send(Session::connect(&config));
        });
        match begun {
            Ok(_) => {
                self.attempt = Some(attempt);
                self.due = soon(LOOK);
            }
            Err(error) => self.failed(&error.to_string()),
        }
    }

    /// Rests: twice as long each time, and never quite as long as others.
    fn failed(&mut self, reason: &str) {
        self.complain(reason);
        self.attempt = None;
        let half = self.pause_ms / 2;
        let jitter = getrandom::u64().unwrap_or(0) % (half + 1);
        self.due = soon(Duration::from_millis(half + jitter));
        self.pause_ms = (self.pause_ms * 2).min(limits::STORE_RECONNECT_MS[1]);
    }

    /// Says it once.
    fn complain(&mut self, reason: &str) {
        if !self.is_known {
            self.is_known = true;
            log::error!("the store cannot be reached, and is tried again: {reason}");
        }
    }
}

fn soon(pause: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(pause).unwrap_or(now)
}
