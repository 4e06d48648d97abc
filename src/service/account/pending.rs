//! The questions that are not answered yet, what is to be done with the answers, and whether the store answers at all.
//!
//! Invariants: every question is in `waits` until it is answered; those whose asker may still be told that they waited
//! in vain are in one of the queues, in the order in which they were asked. While the store is down nothing but a ping is asked of it,
//! one at a time.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use uuid::Uuid;

use super::login::{Attempt, Claim};
use super::matching::Joiner;
use super::pool::Waiter;
use super::register::NewAccount;
use super::rest::Reacting;
use super::room::Saying;
use crate::kernel::ask::{Outcome, Refusal, Ticket};
use crate::kernel::id::ConnId;
use crate::kernel::record::User;
use crate::kernel::time::Now;
use crate::limits;

/// What an answer is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Is the store there?
    Ping,
    /// Which rooms have ended, by then?
    Expire { asked_ms: u64 },
    /// `POST /auth/register`: the password is being hashed.
    Hash(Box<NewAccount>),
    /// `POST /auth/register`: the account is being kept.
    Register(Box<User>),
    /// `POST /auth/login`: whose name is it?
    Credentials(Box<Claim>),
    /// `POST /auth/login`: is it the password? While others have to be judged first, that is not asked.
    Verify(Box<Attempt>),
    /// `POST /pool/join`: from where is this person?
    Join { user: Uuid, same_country: bool },
    /// `POST /pool/join`: a room for two is being opened.
    Match { waiter: Waiter, joiner: Joiner },
    /// Two strangers want to stay in touch: a room is being opened, and the rest of the program knows it by this.
    Keep(Ticket),
    /// A request that is answered with what the store has, or has by then.
    Fetch { user: Uuid },
    /// `DELETE /rooms/{id}`.
    Close { room: Uuid },
    /// `POST` or `DELETE /messages/{id}/reactions`.
    React(Box<Reacting>),
    /// `GET /ws/{room_id}`: may this person come in, with a token that is good so long?
    Enter { user: Uuid, until_ms: u64 },
    /// `message` on a socket.
    Say(Box<Saying>),
    /// `read` on a socket.
    Read { room: Uuid, user: Uuid, upto: Uuid },
}

impl Purpose {
    /// Whether it came by a WebSocket, rather than by a request.
    pub(super) const fn is_said_on_a_socket(&self) -> bool {
        matches!(self, Self::Say(_) | Self::Read { .. })
    }

    /// What the client calls it.
    pub(super) fn cid(&self) -> Option<&str> {
        match self {
            Self::Say(saying) => saying.cid.as_deref(),
            _ => None,
        }
    }
}

/// A question that is not answered yet.
#[derive(Debug)]
pub(super) struct Wait {
    /// Who waits for the answer: a request's connection, or a socket; nobody, or nobody any more, if there is none.
    pub(super) asker: Option<ConnId>,
    pub(super) purpose: Purpose,
    pub(super) is_store: bool,
    /// When it was asked, in monotonic microseconds.
    pub(super) since_us: u64,
}

/// A question that would have to wait in vain, and what it was for.
#[derive(Debug)]
pub(super) struct Unasked {
    pub(super) refusal: Refusal,
    pub(super) purpose: Purpose,
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct Pending {
    waits: HashMap<Ticket, Wait, FixedState>,
    /// By when the store, and those who hash, must have answered.
    dues: [VecDeque<(u64, Ticket)>; 2],
    last: u64,
    is_up: bool,
    /// When the next ping is due, while the store is down.
    ping_us: u64,
    ping: Option<Ticket>,
}

impl Pending {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            waits: HashMap::with_hasher(FixedState::with_seed(seed)),
            dues: [VecDeque::new(), VecDeque::new()],
            last: 0,
            is_up: true,
            ping_us: 0,
            ping: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waits.len()
    }

    /// Whether the store answers.
    pub(super) const fn is_up(&self) -> bool {
        self.is_up
    }

    /// A ticket that was never used.
    pub(super) const fn fresh(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    /// Notes a question that is about to be asked, unless it would have to wait in vain.
    pub(super) fn note(
        &mut self,
        asker: Option<ConnId>,
        is_store: bool,
        purpose: Purpose,
        now: Now,
    ) -> Result<Ticket, Unasked> {
        let unasked = |refusal, purpose| Err(Unasked { refusal, purpose });
        if is_store && !self.is_up {
            return unasked(Refusal::Unavailable, purpose);
        }
        if self.waits.len() >= limits::STORE_ASKS_MAX {
            return unasked(Refusal::Busy, purpose);
        }
        Ok(self.add(asker, is_store, purpose, now))
    }

    fn add(&mut self, asker: Option<ConnId>, is_store: bool, purpose: Purpose, now: Now) -> Ticket {
        let ticket = self.fresh();
        let ms = if is_store {
            limits::ASK_MS
        } else {
            limits::HASH_MS
        };
        self.dues[usize::from(!is_store)].push_back((now.after_ms(ms), ticket));
        let wait = Wait {
            asker,
            purpose,
            is_store,
            since_us: now.micros,
        };
        self.waits.insert(ticket, wait);
        ticket
    }

    /// A question is answered: who waited for it, and what for. `None` if nobody knows of it any more.
    pub(super) fn answered(&mut self, ticket: Ticket, outcome: &Outcome, now: Now) -> Option<Wait> {
        let wait = self.waits.remove(&ticket);
        for dues in &mut self.dues {
            while dues
                .front()
                .is_some_and(|(_, due)| !self.waits.contains_key(due))
            {
                dues.pop_front();
            }
        }
        if self.ping == Some(ticket) {
            self.ping = None;
        }
        // Pings that were given up are not known any more, but the store asks nobody else's questions.
        if wait.as_ref().is_none_or(|wait| wait.is_store) {
            match outcome {
                Err(Refusal::Unavailable) => self.fall(now),
                // That says nothing about others.
                Err(Refusal::Failed | Refusal::Busy) => {}
                _ => self.is_up = true,
            }
        }
        wait
    }

    /// The next question that was not answered in time. It stays known, except for who waited for it.
    pub(super) fn next_overdue(&mut self, now: Now) -> Option<Ticket> {
        for at in 0..self.dues.len() {
            let dues = &mut self.dues[at];
            while let Some((due_us, ticket)) = dues.front().copied() {
                if due_us > now.micros {
                    break;
                }
                dues.pop_front();
                if self.waits.contains_key(&ticket) {
                    if at == 0 {
                        self.fall(now);
                    }
                    return Some(ticket);
                }
            }
        }
        None
    }

    /// The store does not answer, or says that it cannot.
    fn fall(&mut self, now: Now) {
        self.is_up = false;
        self.ping_us = now.after_ms(limits::STORE_RETRY_MS);
    }

    pub(super) fn wait_mut(&mut self, ticket: Ticket) -> Option<&mut Wait> {
        self.waits.get_mut(&ticket)
    }

    pub(super) fn wait(&self, ticket: Ticket) -> Option<&Wait> {
        self.waits.get(&ticket)
    }

    /// Forgets a question to which there will be no answer, or none that matters.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.waits.remove(&ticket);
        self.ping = self.ping.filter(|ping| *ping != ticket);
    }

    /// Whether it is time to ask whether the store is back.
    pub(super) const fn wants_ping(&self, now: Now) -> bool {
        !self.is_up && self.ping.is_none() && self.ping_us <= now.micros
    }

    /// Notes a ping that is about to be asked.
    pub(super) fn ping(&mut self, now: Now) -> Ticket {
        let ticket = self.add(None, true, Purpose::Ping, now);
        self.ping = Some(ticket);
        // Should the answer be that there is too much to do, the next one waits its turn as well.
        self.ping_us = now.after_ms(limits::STORE_RETRY_MS);
        ticket
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        let ping = (!self.is_up && self.ping.is_none()).then_some(self.ping_us);
        let dues = self.dues.iter();
        dues.filter_map(|dues| dues.front().map(|(due_us, _)| *due_us))
            .chain(ping)
            .min()
    }

    /// Everything that is not answered yet, for the audit.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Ticket, &Wait)> {
        self.waits.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ask::Answer;

    fn at(ms: u64) -> Now {
        Now {
            micros: ms * 1_000,
            unix_ms: ms,
        }
    }

    #[test]
    fn a_question_that_fails_says_nothing_about_the_store() {
        let mut pending = Pending::new(1);
        let mut answer = |outcome| {
            let purpose = Purpose::Expire { asked_ms: 0 };
            let ticket = match pending.note(None, true, purpose, at(0)) {
                Ok(ticket) => ticket,
                Err(_) => pending.ping(at(0)),
            };
            pending.answered(ticket, &outcome, at(0));
            pending.is_up()
        };
        assert!(answer(Err(Refusal::Failed)));
        assert!(!answer(Err(Refusal::Unavailable)));
        assert!(!answer(Err(Refusal::Failed)));
        assert!(answer(Ok(Answer::Done)));
    }

    #[test]
    fn a_store_with_too_much_to_do_is_not_asked_in_every_turn_whether_it_is_back() {
        let mut pending = Pending::new(1);
        let lost = Purpose::Expire { asked_ms: 0 };
        let ticket = pending.note(None, true, lost, at(0)).expect("noted");
        assert!(pending.next_overdue(at(limits::ASK_MS)).is_some());
        let mut now_ms = limits::ASK_MS;
        for _ in 0..3 {
            now_ms += limits::STORE_RETRY_MS;
            assert!(pending.wants_ping(at(now_ms)));
            let ping = pending.ping(at(now_ms));
            pending.answered(ping, &Err(Refusal::Busy), at(now_ms));
            assert!(!pending.wants_ping(at(now_ms)));
            let next_us = at(now_ms + limits::STORE_RETRY_MS).micros;
            assert_eq!(pending.next_due(), Some(next_us));
        }
        assert!(pending.wait(ticket).is_some() && !pending.is_up());
    }
}
