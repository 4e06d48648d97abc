//! Failures by key: after so many within a while, no more tries until that while is over.
//!
//! A try is charged before anybody knows how it ends, and refunded when it ends well, so that many at once get no
//! further than one after the other. A while begins with its first charge.
//!
//! Owns: a count for each key that was charged lately. Keys are kept as hashes of 64 bits, seeded, so that nobody can
//! choose two that meet.
//!
//! Invariants: at most [`limits::ADDRESSES_MAX`] keys are known, 40 bytes each; the one charged first is forgotten for one too
//! many. No call does more than constant work.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

use crate::limits;

/// Old keys that one charge forgets.
const FORGOTTEN_PER_CHARGE: usize = 4;

/// How many tries may fail, and within which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// So many.
    pub failures: u32,
    /// Within so many microseconds.
    pub window_us: u64,
}

impl Quota {
    /// Logins by address.
    pub const BY_ADDRESS: Self = Self {
        failures: limits::LOGINS_BY_ADDRESS,
        window_us: limits::LOGINS_BY_ADDRESS_MS * 1_000,
    };
    /// Logins by account.
    pub const BY_ACCOUNT: Self = Self {
        failures: limits::LOGINS_BY_ACCOUNT,
        window_us: limits::LOGINS_BY_ACCOUNT_MS * 1_000,
    };
}

/// What a try was charged, for [`Throttle::refund`]: the while that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge(u64);

/// The table. See the module's description.
#[derive(Debug)]
pub struct Throttle {
    quota: Quota,
    hasher: FixedState,
    windows: HashMap<u64, Window, foldhash::fast::FixedState>,
    /// When the whiles began, the oldest first; one that was begun anew is in here more than once.
    starts: VecDeque<(u64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    start_us: u64,
    failures: u32,
}

impl Throttle {
    /// A table that allows `quota` for each key.
    pub fn new(quota: Quota, seed: u64) -> Self {
        Self {
            quota,
            hasher: FixedState::with_seed(seed),
            windows: HashMap::with_hasher(foldhash::fast::FixedState::with_seed(seed)),
            starts: VecDeque::new(),
        }
    }

    /// Counts a try as failed for now; or, when there were too many, says in how many microseconds one is allowed
    /// (at least 1), and counts nothing.
    pub fn charge(&mut self, key: &(impl Hash + ?Sized), now_us: u64) -> Result<Charge, u64> {
        self.forget(now_us);
        let key = self.hasher.hash_one(key);
        if let Some(window) = self.windows.get_mut(&key) {
            let age_us = now_us.saturating_sub(window.start_us);
            if age_us < self.quota.window_us {
                if window.failures >= self.quota.failures {
                    return Err(self.quota.window_us - age_us);
                }
                window.failures += 1;
                return Ok(Charge(window.start_us));
            }
        }
        while self.starts.len() >= limits::ADDRESSES_MAX {
            self.forget_first();
        }
        let window = Window {
            start_us: now_us,
            failures: 1,
        };
        self.windows.insert(key, window);
        self.starts.push_back((now_us, key));
        Ok(Charge(now_us))
    }

    /// Takes back what [`Throttle::charge`] has counted: the try ended well, or was not made.
    pub fn refund(&mut self, key: &(impl Hash + ?Sized), charge: Charge) {
        let key = self.hasher.hash_one(key);
        if let Some(window) = self.windows.get_mut(&key)
            && window.start_us == charge.0
        {
            window.failures = window.failures.saturating_sub(1);
        }
    }

    /// How many keys are known.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Forgets some of what is over. As it is at least as much as is added, what is over does not pile up.
    fn forget(&mut self, now_us: u64) {
        for _ in 0..FORGOTTEN_PER_CHARGE {
            match self.starts.front() {
                Some((start_us, _)) if now_us.saturating_sub(*start_us) >= self.quota.window_us => {
                    self.forget_first();
                }
                _ => return,
            }
        }
    }

    fn forget_first(&mut self) {
        let Some((start_us, key)) = self.starts.pop_front() else {
            return;
        };
        if self
            .windows
            .get(&key)
            .is_some_and(|window| window.start_us == start_us)
        {
            self.windows.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUOTA: Quota = Quota::BY_ADDRESS;

    #[test]
    fn so_many_fail_and_then_it_takes_until_the_while_is_over() {
        let mut throttle = Throttle::new(QUOTA, 1);
        for second in 0..5 {
            assert!(throttle.charge("a", second * 1_000_000).is_ok());
        }
        assert_eq!(throttle.charge("a", 5_000_000), Err(15_000_000));
        assert_eq!(throttle.charge("a", 19_999_999), Err(1));
        assert!(throttle.charge("b", 5_000_000).is_ok(), "others may");
        assert!(throttle.charge("a", 20_000_000).is_ok());
    }

    #[test]
    fn many_at_once_get_no_further() {
        let mut throttle = Throttle::new(QUOTA, 1);
        let charges: Vec<_> = (0..500)
            .filter_map(|_| throttle.charge("a", 7).ok())
            .collect();
        assert_eq!(charges.len(), 5);
        throttle.refund("a", charges[0]);
        assert!(throttle.charge("a", 8).is_ok());
        assert!(throttle.charge("a", 8).is_err());
    }

    #[test]
    fn whoever_is_right_is_never_held_up() {
        let mut throttle = Throttle::new(QUOTA, 1);
        for now_us in 0..1_000 {
            let charge = throttle.charge("a", now_us).expect("allowed");
            throttle.refund("a", charge);
        }
        assert_eq!(throttle.len(), 1);
    }

    #[test]
    fn a_late_refund_does_not_count_for_what_came_after() {
        let mut throttle = Throttle::new(QUOTA, 1);
        let early = throttle.charge("a", 0).expect("allowed");
        for _ in 0..5 {
            throttle.charge("a", 20_000_000).expect("allowed");
        }
        throttle.refund("a", early);
        assert!(throttle.charge("a", 20_000_001).is_err());
    }

    #[test]
    fn the_table_is_bounded_and_the_first_goes_first() {
        let mut throttle = Throttle::new(QUOTA, 1);
        for key in 0..limits::ADDRESSES_MAX + 10 {
            for _ in 0..5 {
                throttle.charge(&key, key as u64).expect("allowed");
            }
        }
        assert_eq!(throttle.len(), limits::ADDRESSES_MAX);
        let now_us = limits::ADDRESSES_MAX as u64 + 10;
        assert!(throttle.charge(&9usize, now_us).is_ok(), "forgotten");
        assert!(throttle.charge(&1_000usize, now_us).is_err(), "kept");
        for key in 0..limits::ADDRESSES_MAX {
            let _ = throttle.charge(&(key % 2), 60_000_000);
        }
        assert_eq!(throttle.len(), 2, "what is over goes by itself");
    }

    proptest! {
        /// Against a plain record of everything that happened.
        #[test]
        fn no_while_has_more_failures_than_it_may(
            steps in proptest::collection::vec((0u8..3, 0u64..9_000_000, any::<bool>()), 1..300),
        ) {
            let mut throttle = Throttle::new(QUOTA, 9);
            let mut model: HashMap<u8, (u64, u32)> = HashMap::new();
            let mut now_us = 0;
            for (key, pause_us, is_right) in steps {
                now_us += pause_us;
                let entry = model.entry(key).or_insert((now_us, 0));
                if now_us - entry.0 >= QUOTA.window_us {
                    *entry = (now_us, 0);
                }
                match throttle.charge(&key, now_us) {
                    Ok(charge) => {
                        prop_assert!(entry.1 < QUOTA.failures);
                        if is_right {
                            throttle.refund(&key, charge);
                        } else {
                            entry.1 += 1;
                        }
                    }
                    Err(retry_us) => {
                        prop_assert_eq!(entry.1, QUOTA.failures);
                        prop_assert_eq!(retry_us, entry.0 + QUOTA.window_us - now_us);
                    }
                }
                prop_assert!(throttle.len() <= 3 && throttle.starts.len() <= 3 + 3);
            }
        }
    }
}
