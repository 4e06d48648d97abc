//! Failures by key in a sliding window: after so many within a while, no more tries until the first of them is that old.
//!
//! A try reserves a place before anybody knows how it ends, and gives it back at its end, as a failure if it ended badly. So
//! many at once get no further than one after the other, and nobody is refused for tries that may yet end well: they wait.
//!
//! Owns: when the latest failures of each key were, and how many places it has reserved. Keys are kept as hashes of 64 bits, seeded,
//! so that nobody can choose two that meet.
//!
//! Invariants: no window of any key has more failures than its quota, and at no moment are its failures and reserved places together
//! more; at most [`limits::FAILURES_MAX`] failures are remembered, the first is forgotten for one too many. No call does
//! more than constant work.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

use crate::limits;

/// Old failures that a new one has forgotten.
const FORGOTTEN_PER_FAILURE: usize = 4;

/// How many tries may fail, and within which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// So many.
    pub failures: usize,
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

/// Why no place was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Too many tries have failed; one more is allowed in so many microseconds (at least 1).
    Failures(u64),
    /// Too many tries may yet fail. One of them will end, so that it is worth waiting.
    Reserved,
}

/// The table. See the module's description.
#[derive(Debug)]
pub struct Throttle {
    quota: Quota,
    hasher: FixedState,
    keys: HashMap<u64, Tries, foldhash::fast::FixedState>,
    /// When failures were, and whose, the oldest first.
    failures: VecDeque<(u64, u64)>,
}

/// What is known of one key.
#[derive(Debug, Default)]
struct Tries {
    /// When the latest failures were, at most as many as the quota has, the oldest first.
    failures: VecDeque<u64>,
    /// How many places are reserved.
    reserved: usize,
}

impl Throttle {
    /// A table that allows `quota` for each key.
    pub fn new(quota: Quota, seed: u64) -> Self {
        Self {
            quota,
            hasher: FixedState::with_seed(seed),
            keys: HashMap::with_hasher(foldhash::fast::FixedState::with_seed(seed)),
            failures: VecDeque::new(),
        }
    }

    /// In how many microseconds (at least 1) one more try is allowed, if too many have failed.
    pub fn retry_us(&self, key: &(impl Hash + ?Sized), now_us: u64) -> Option<u64> {
        let tries = self.keys.get(&self.hasher.hash_one(key))?;
        self.quota.retry_us(tries, now_us)
    }

    /// Reserves a place for a try; [`Throttle::release`] or [`Throttle::fail`] is to follow.
    pub fn reserve(&mut self, key: &(impl Hash + ?Sized), now_us: u64) -> Result<(), Denied> {
        let tries = self.keys.entry(self.hasher.hash_one(key)).or_default();
        if let Some(retry_us) = self.quota.retry_us(tries, now_us) {
            return Err(Denied::Failures(retry_us));
        }
        if self.quota.recent(tries, now_us) + tries.reserved >= self.quota.failures {
            return Err(Denied::Reserved);
        }
        tries.reserved += 1;
        Ok(())
    }

    /// A try has ended well, or was not made: its place is free again.
    pub fn release(&mut self, key: &(impl Hash + ?Sized)) {
        let key = self.hasher.hash_one(key);
        if let Some(tries) = self.keys.get_mut(&key) {
            debug_assert!(tries.reserved > 0, "nothing was reserved");
            tries.reserved = tries.reserved.saturating_sub(1);
        }
        self.tidy(key);
    }

    /// A try has ended badly.
    pub fn fail(&mut self, key: &(impl Hash + ?Sized), now_us: u64) {
        let hash = self.hasher.hash_one(key);
        let tries = self.keys.entry(hash).or_default();
        tries.failures.push_back(now_us);
        if tries.failures.len() > self.quota.failures {
            // That one is over: with the reserved place there were not too many.
            tries.failures.pop_front();
        }
        self.release(key);
        self.failures.push_back((now_us, hash));
        for _ in 0..FORGOTTEN_PER_FAILURE {
            let first = self.failures.front();
            if first.is_some_and(|(at_us, _)| self.quota.is_over(*at_us, now_us)) {
                self.forget_first();
            }
        }
        while self.failures.len() > limits::FAILURES_MAX {
            self.forget_first();
        }
    }

    /// How many keys are known.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many places are reserved, for audits.
    pub fn reserved(&self) -> usize {
        self.keys.values().map(|tries| tries.reserved).sum()
    }

    fn forget_first(&mut self) {
        let Some((at_us, key)) = self.failures.pop_front() else {
            return;
        };
        if let Some(tries) = self.keys.get_mut(&key)
            && tries.failures.front() == Some(&at_us)
        {
            tries.failures.pop_front();
        }
        self.tidy(key);
    }

    fn tidy(&mut self, key: u64) {
        let is_idle = |tries: &Tries| tries.reserved == 0 && tries.failures.is_empty();
        if self.keys.get(&key).is_some_and(is_idle) {
            self.keys.remove(&key);
        }
    }
}

impl Quota {
    /// Whether a failure does not count any more.
    const fn is_over(self, at_us: u64, now_us: u64) -> bool {
        now_us.saturating_sub(at_us) >= self.window_us
    }

    /// How many failures count.
    fn recent(self, tries: &Tries, now_us: u64) -> usize {
        let failures = tries.failures.iter();
        failures
            .filter(|at_us| !self.is_over(**at_us, now_us))
            .count()
    }

    fn retry_us(self, tries: &Tries, now_us: u64) -> Option<u64> {
        if self.recent(tries, now_us) < self.failures {
            return None;
        }
        let first_us = tries.failures.front()?;
        Some(first_us.saturating_add(self.window_us) - now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUOTA: Quota = Quota::BY_ADDRESS;

    fn fail(throttle: &mut Throttle, key: &str, now_us: u64) {
        throttle.reserve(key, now_us).expect("allowed");
        throttle.fail(key, now_us);
    }

    #[test]
    fn so_many_fail_and_then_it_takes_until_the_first_is_over() {
        let mut throttle = Throttle::new(QUOTA, 1);
        for second in 0..5 {
            fail(&mut throttle, "a", second * 1_000_000);
        }
        let denied = |throttle: &mut Throttle, now_us| throttle.reserve("a", now_us).unwrap_err();
        assert_eq!(
            denied(&mut throttle, 5_000_000),
            Denied::Failures(15_000_000)
        );
        assert_eq!(throttle.retry_us("a", 5_000_000), Some(15_000_000));
        assert_eq!(denied(&mut throttle, 19_999_999), Denied::Failures(1));
        assert_eq!(throttle.retry_us("b", 5_000_000), None, "others may");
        fail(&mut throttle, "a", 20_000_000);
        assert_eq!(
            denied(&mut throttle, 20_000_000),
            Denied::Failures(1_000_000)
        );
    }

    #[test]
    fn there_is_no_edge_at_which_twice_as_many_may_fail() {
        let mut throttle = Throttle::new(QUOTA, 1);
        fail(&mut throttle, "a", 0);
        for _ in 0..4 {
            fail(&mut throttle, "a", 19_500_000);
        }
        fail(&mut throttle, "a", 20_400_000);
        assert_eq!(
            throttle.reserve("a", 20_400_000),
            Err(Denied::Failures(19_100_000))
        );
    }

    #[test]
    fn many_at_once_get_no_further() {
        let mut throttle = Throttle::new(QUOTA, 1);
        let let_in = (0..500).filter(|_| throttle.reserve("a", 7).is_ok());
        assert_eq!(let_in.count(), 5);
        assert_eq!(
            throttle.reserve("a", 7),
            Err(Denied::Reserved),
            "nobody has failed"
        );
        assert_eq!(throttle.retry_us("a", 7), None);
        throttle.release("a");
        assert_eq!(throttle.reserve("a", 8), Ok(()));
        for _ in 0..5 {
            assert_eq!(throttle.reserve("a", 9), Err(Denied::Reserved));
            throttle.fail("a", 9);
        }
        assert_eq!(throttle.reserve("a", 9), Err(Denied::Failures(20_000_000)));
    }

    #[test]
    fn whoever_is_right_leaves_nothing_behind() {
        let mut throttle = Throttle::new(QUOTA, 1);
        for now_us in 0..1_000 {
            throttle.reserve("a", now_us).expect("allowed");
            throttle.release("a");
        }
        assert!(throttle.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_the_first_goes_first() {
        let mut throttle = Throttle::new(QUOTA, 1);
        let keys = limits::FAILURES_MAX / 5 + 10;
        for key in 0..keys {
            for _ in 0..5 {
                throttle.reserve(&key, key as u64).expect("allowed");
                throttle.fail(&key, key as u64);
            }
        }
        assert_eq!(throttle.len(), limits::FAILURES_MAX / 5);
        assert_eq!(throttle.retry_us(&9usize, keys as u64), None, "forgotten");
        assert!(throttle.retry_us(&1_000usize, keys as u64).is_some());
        for number in 0..limits::FAILURES_MAX as u64 {
            fail(&mut throttle, "a", (number + 2) * QUOTA.window_us);
        }
        assert_eq!(throttle.len(), 1, "what is over goes by itself");
        assert!(throttle.failures.len() <= 2);
    }

    proptest! {
        /// Against a plain record of everything that happened.
        #[test]
        fn agrees_with_a_window_that_slides(
            steps in proptest::collection::vec((0usize..3, 0u8..4, 0u64..4_000_000), 1..400),
        ) {
            let mut throttle = Throttle::new(QUOTA, 9);
            let mut failed: [Vec<u64>; 3] = Default::default();
            let mut reserved = [0; 3];
            let mut now_us = 0;
            for (key, verb, pause_us) in steps {
                now_us += pause_us;
                let counted = |since_us: u64| failed[key].iter().filter(move |at_us| **at_us + QUOTA.window_us > since_us);
                match verb {
                    0 if reserved[key] > 0 => {
                        throttle.release(&key);
                        reserved[key] -= 1;
                    }
                    1 if reserved[key] > 0 => {
                        throttle.fail(&key, now_us);
                        reserved[key] -= 1;
                        failed[key].push(now_us);
                    }
                    _ => {
                        let expected = if counted(now_us).count() >= QUOTA.failures {
                            let first_us = counted(now_us).min().expect("one");
                            Err(Denied::Failures(first_us + QUOTA.window_us - now_us))
                        } else if counted(now_us).count() + reserved[key] >= QUOTA.failures {
                            Err(Denied::Reserved)
                        } else {
                            Ok(())
                        };
                        prop_assert_eq!(throttle.reserve(&key, now_us), expected);
                        reserved[key] += usize::from(expected.is_ok());
                    }
                }
                prop_assert_eq!(throttle.reserved(), reserved.iter().sum::<usize>());
            }
            for failed in failed {
                for window in failed.windows(QUOTA.failures + 1) {
                    prop_assert!(window[QUOTA.failures] - window[0] >= QUOTA.window_us);
                }
            }
        }
    }
}
