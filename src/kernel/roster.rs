//! What is remembered of keys that peers choose, such as their addresses: a table with an upper bound, which forgets by
//! itself what says nothing any more.
//!
//! Invariants: at most `max` keys are known; each of them is in `ring` exactly once; only a spent record is forgotten. No call looks at
//! more than a few records.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use foldhash::fast::FixedState;

/// Records that are looked at, whether they are spent, each time somebody new comes or somebody goes.
const LOOKS: usize = 4;

/// Something that is remembered for a while.
pub trait Record: Default {
    /// Whether forgetting it changes nothing.
    fn is_spent(&self, now_us: u64) -> bool;
}

/// The table. See the module's description.
#[derive(Debug)]
pub struct Roster<K, R> {
    records: HashMap<K, R, FixedState>,
    /// Every known key; the next to be looked at comes first.
    ring: VecDeque<K>,
    max: usize,
}

impl<K: Copy + Eq + Hash, R: Record> Roster<K, R> {
    /// A table for `max` keys. `seed` keeps peers from choosing keys that collide.
    pub fn new(max: usize, seed: u64) -> Self {
        Self {
            records: HashMap::with_hasher(FixedState::with_seed(seed)),
            ring: VecDeque::new(),
            max,
        }
    }

    /// The record of `key`, a new one if it has none; `None` when the table is full of others.
    pub fn record(&mut self, key: K, now_us: u64) -> Option<&mut R> {
        if !self.records.contains_key(&key) {
            self.forget(now_us);
            if self.records.len() >= self.max {
                return None;
            }
            self.ring.push_back(key);
        }
        Some(self.records.entry(key).or_default())
    }

    /// The record of `key`, if it has one.
    pub fn known(&mut self, key: K) -> Option<&mut R> {
        self.records.get_mut(&key)
    }

    /// Forgets a few records that are spent, if those that are looked at are. As more are looked at than can be added
    /// meanwhile, the whole table is gone through again and again.
    pub fn forget(&mut self, now_us: u64) {
        for _ in 0..LOOKS.min(self.ring.len()) {
            let Some(key) = self.ring.pop_front() else {
                return;
            };
            match self.records.get(&key) {
                Some(record) if record.is_spent(now_us) => {
                    self.records.remove(&key);
                }
                _ => self.ring.push_back(key),
            }
        }
    }

    /// How many keys are known.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spent once its time has come.
    #[derive(Debug, Default)]
    struct Until(u64);

    impl Record for Until {
        fn is_spent(&self, now_us: u64) -> bool {
            self.0 <= now_us
        }
    }

    fn hold(roster: &mut Roster<u32, Until>, key: u32, until_us: u64, now_us: u64) -> bool {
        let record = roster.record(key, now_us);
        record.map(|record| record.0 = until_us).is_some()
    }

    #[test]
    fn the_table_is_bounded_and_room_comes_back() {
        let mut roster = Roster::new(100, 7);
        for key in 0..100 {
            assert!(hold(&mut roster, key, 10 + u64::from(key % 2) * 90, 0));
        }
        assert!(!hold(&mut roster, 100, 100, 9), "everybody is held");
        assert!(hold(&mut roster, 5, 100, 9), "who is known stays known");
        // Half of them are spent: there is room for as many.
        for key in 100..150 {
            assert!(hold(&mut roster, key, 100, 10), "{key}");
        }
        assert!(roster.len() <= 100);
        for key in (1..100).step_by(2) {
            assert!(roster.known(key).is_some(), "{key} was forgotten in use");
        }
    }

    #[test]
    fn what_is_spent_does_not_pile_up() {
        let mut roster = Roster::new(1_000_000, 7);
        for key in 0..10_000 {
            assert!(hold(&mut roster, key, u64::from(key) + 100, u64::from(key)));
        }
        assert!(roster.len() < 300, "{} are remembered", roster.len());
        assert_eq!(roster.ring.len(), roster.len());
    }

    #[test]
    fn a_full_table_costs_no_more_than_an_empty_one() {
        let mut roster = Roster::new(1_000, 7);
        (0..1_000).for_each(|key| assert!(hold(&mut roster, key, u64::MAX, 0)));
        let first = roster.ring[0];
        assert!(!hold(&mut roster, 1_000, 0, 0));
        // So many were looked at, and no more.
        assert_eq!(roster.ring[roster.ring.len() - LOOKS], first);
    }
}
