//! Tries to log in: how many may fail, and who waits until it is known whether others do.
//!
//! Invariants: a try that was begun is ended; whoever waits does so for a try that was begun and counts against the same address or
//! account, so that there is an end to it; at most [`limits::LOGINS_WAITING_MAX`] wait, the oldest first.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::kernel::addresses::Subscriber;
use crate::kernel::ask::Ticket;
use crate::kernel::throttle::{Denied, Quota, Throttle};
use crate::kernel::time::Now;
use crate::limits;

/// Whose account somebody tries to get into, whatever they called it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Account(Uuid),
    /// A name that nobody has, as it is compared.
    Nobody(String),
}

/// What a try counts against.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) address: Subscriber,
    pub(super) target: Target,
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct Tries {
    by_address: Throttle,
    by_account: Throttle,
    line: VecDeque<Ticket>,
}

impl Tries {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            by_address: Throttle::new(Quota::BY_ADDRESS, seed),
            by_account: Throttle::new(Quota::BY_ACCOUNT, seed),
            line: VecDeque::new(),
        }
    }

    /// In how many microseconds somebody at `address` may try again, if too many tries from there have failed.
    pub(super) fn retry_us(&self, address: &Subscriber, now: Now) -> Option<u64> {
        self.by_address.retry_us(address, now.micros)
    }

    /// Begins a try, unless too many have failed, or might.
    pub(super) fn begin(&mut self, origin: &Origin, now: Now) -> Result<(), Denied> {
        self.by_address.reserve(&origin.address, now.micros)?;
        let begun = self.by_account.reserve(&origin.target, now.micros);
        if begun.is_err() {
            self.by_address.release(&origin.address);
        }
        begun
    }

    /// A try has ended.
    pub(super) fn end(&mut self, origin: &Origin, has_failed: bool, now: Now) {
        if has_failed {
            self.by_address.fail(&origin.address, now.micros);
            self.by_account.fail(&origin.target, now.micros);
        } else {
            self.by_address.release(&origin.address);
            self.by_account.release(&origin.target);
        }
    }

    /// Puts somebody behind all who wait.
    pub(super) fn line_up(&mut self, ticket: Ticket) {
        self.line.push_back(ticket);
    }

    /// Everybody who waits, the oldest first; whoever has to go on waiting is to be put back.
    pub(super) fn take_line(&mut self) -> VecDeque<Ticket> {
        std::mem::take(&mut self.line)
    }

    /// Takes out whoever came last, if too many wait.
    pub(super) fn turn_away(&mut self) -> Option<Ticket> {
        (self.line.len() > limits::LOGINS_WAITING_MAX)
            .then(|| self.line.pop_back())
            .flatten()
    }

    /// Somebody waits no more.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.line.retain(|waiting| *waiting != ticket);
    }

    /// Who waits, for the audit.
    pub(super) fn waiting(&self) -> impl Iterator<Item = Ticket> {
        self.line.iter().copied()
    }

    /// How many tries were begun and not ended, for the audit.
    pub(super) fn begun(&self) -> usize {
        debug_assert_eq!(self.by_address.reserved(), self.by_account.reserved());
        self.by_address.reserved()
    }
}
