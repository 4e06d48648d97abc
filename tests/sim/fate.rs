//! A store that answers late, refuses, and loses answers: what it is asked waits here, in order. Passwords are hashed beside it.

use std::collections::VecDeque;

use passerby::kernel::ask::{Ask, Hashing, Outcome, Query, Refusal, Ticket};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::store::{self, Store};

/// How the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// It answers within a moment.
    Fair,
    /// It refuses some of what it is asked, and loses answers.
    Rough,
    /// It keeps everything waiting for seconds.
    Hanging,
}

impl Weather {
    /// What it may turn to; most often it is fair.
    pub const ALL: [Self; 4] = [Self::Fair, Self::Fair, Self::Rough, Self::Hanging];
}

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    Refused(Refusal),
    /// It is done, but the answer says that nobody knows.
    Lost,
}

/// See the module's description.
#[derive(Debug)]
pub struct Desk {
    pub store: Store,
    pub weather: Weather,
    queue: VecDeque<(u64, Ticket, Query, Fate)>,
    last_us: u64,
    /// Passwords that wait to be hashed, one after the other, and when the next one is.
    hashes: VecDeque<(u64, Ticket, Hashing)>,
}

/// Something that the store has done.
#[derive(Debug)]
pub struct Deed {
    pub ticket: Ticket,
    pub query: Query,
    pub fate: Fate,
    /// What came of it, whatever the asker is told.
    pub done: Outcome,
}

impl Deed {
    /// What the asker is told.
    pub fn told(&self) -> Outcome {
        match self.fate {
            Fate::Answered => self.done.clone(),
            Fate::Refused(refusal) => Err(refusal),
            Fate::Lost => Err(Refusal::Unavailable),
        }
    }
}

impl Desk {
    pub fn new() -> Self {
        Self {
            store: Store::default(),
            weather: Weather::Fair,
            queue: VecDeque::new(),
            last_us: 0,
            hashes: VecDeque::new(),
        }
    }

    pub fn take(&mut self, ticket: Ticket, ask: Ask, now_us: u64, random: &mut StdRng) {
        let query = match ask {
            Ask::Store(query) => query,
            Ask::Hash(hashing) => {
                let before_us = self.hashes.back().map_or(now_us, |(due_us, ..)| *due_us);
                let due_us = before_us.max(now_us) + random.random_range(1_000..200_000);
                return self.hashes.push_back((due_us, ticket, hashing));
            }
        };
        let (ms, fate) = match self.weather {
            Weather::Fair => (random.random_range(0..40), Fate::Answered),
            Weather::Hanging => (random.random_range(0..4_000), Fate::Answered),
            Weather::Rough => {
                let fate = match random.random_range(0..100) {
                    0..8 => Fate::Refused(Refusal::Busy),
                    8..16 => Fate::Refused(Refusal::Unavailable),
                    16..32 => Fate::Lost,
                    32..40 if store::is_writing(&query) => Fate::Refused(Refusal::StorageFull),
                    _ => Fate::Answered,
                };
                (random.random_range(0..400), fate)
            }
        };
        self.last_us = self.last_us.max(now_us + ms * 1_000);
        self.queue.push_back((self.last_us, ticket, query, fate));
    }

    pub fn next_due(&self) -> Option<u64> {
        let store = self.queue.front().map(|(due_us, ..)| *due_us);
        let hash = self.hashes.front().map(|(due_us, ..)| *due_us);
        store.into_iter().chain(hash).min()
    }

    /// Hashes the password whose turn it is.
    pub fn hash(&mut self, now_us: u64) -> Option<(Ticket, Outcome)> {
        self.hashes
            .front()
            .filter(|(due_us, ..)| *due_us <= now_us)?;
        let (_, ticket, hashing) = self.hashes.pop_front()?;
        Some((ticket, store::hash(hashing)))
    }

    /// Does what is due next.
    pub fn work(&mut self, now_us: u64) -> Option<Deed> {
        self.queue
            .front()
            .filter(|(due_us, ..)| *due_us <= now_us)?;
        let (_, ticket, query, fate) = self.queue.pop_front()?;
        let done = match fate {
            Fate::Refused(refusal) => Err(refusal),
            Fate::Answered | Fate::Lost => self.store.answer(query.clone()),
        };
        Some(Deed {
            ticket,
            query,
            fate,
            done,
        })
    }
}
