//! Who waits for a match, the oldest first.
//!
//! Two people fit if they are from the same country, or neither minds. So whoever minds meets the oldest from their own country, and
//! whoever does not meets the oldest of those and of all who do not mind either: the ends of two queues, never a search.
//!
//! Invariants: a person waits at most once; everybody who waits is in the queue of their country, and in that of those who do not mind
//! if they do not; everybody who waits is due to be looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;
use uuid::Uuid;

use crate::kernel::time::Now;
use crate::limits;

/// Somebody who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) user: Uuid,
    country: Box<str>,
    same_country: bool,
    /// Their place: smaller is older.
    number: u64,
    /// When they were seen last, in monotonic microseconds.
    seen_us: u64,
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct Pool {
    waiters: BTreeMap<u64, Waiter>,
    numbers: HashMap<Uuid, u64, FixedState>,
    countries: HashMap<Box<str>, BTreeSet<u64>, FixedState>,
    open: BTreeSet<u64>,
    /// When to look whether somebody is still there.
    looks: BTreeSet<(u64, u64)>,
    last: u64,
}

impl Pool {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            waiters: BTreeMap::new(),
            numbers: HashMap::with_hasher(FixedState::with_seed(seed)),
            countries: HashMap::with_hasher(FixedState::with_seed(seed)),
            open: BTreeSet::new(),
            looks: BTreeSet::new(),
            last: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn has(&self, user: Uuid) -> bool {
        self.numbers.contains_key(&user)
    }

    /// Adds somebody who does not wait yet, behind all others.
    pub(super) fn join(&mut self, user: Uuid, country: &str, same_country: bool, now: Now) {
        self.last += 1;
        self.put(Waiter {
            user,
            country: country.into(),
            same_country,
            number: self.last,
            seen_us: now.micros,
        });
    }

    /// Puts somebody back where they were.
    pub(super) fn put(&mut self, waiter: Waiter) {
        debug_assert!(!self.has(waiter.user));
        let number = waiter.number;
        self.numbers.insert(waiter.user, number);
        let country = self.countries.entry(waiter.country.clone()).or_default();
        country.insert(number);
        if !waiter.same_country {
            self.open.insert(number);
        }
        self.looks.insert((look_us(&waiter), number));
        self.waiters.insert(number, waiter);
    }

    /// Takes the oldest who fits somebody from `country`, who is not among them.
    pub(super) fn take(&mut self, country: &str, same_country: bool) -> Option<Waiter> {
        let near = self.countries.get(country).and_then(BTreeSet::first);
        let far = self.open.first().filter(|_| !same_country);
        let number = near.into_iter().chain(far).min().copied()?;
        self.remove(number)
    }

    /// Takes somebody out; `None` if they do not wait.
    pub(super) fn leave(&mut self, user: Uuid) -> Option<Waiter> {
        let number = *self.numbers.get(&user)?;
        self.remove(number)
    }

    fn remove(&mut self, number: u64) -> Option<Waiter> {
        let waiter = self.waiters.remove(&number)?;
        self.numbers.remove(&waiter.user);
        self.open.remove(&number);
        if let Some(country) = self.countries.get_mut(&waiter.country) {
            country.remove(&number);
            if country.is_empty() {
                self.countries.remove(&waiter.country);
            }
        }
        // What is left in `looks` finds nobody.
        Some(waiter)
    }

    /// Somebody has shown that they are still there.
    pub(super) fn seen(&mut self, user: Uuid, now: Now) {
        if let Some(waiter) = self
            .numbers
            .get(&user)
            .and_then(|number| self.waiters.get_mut(number))
        {
            waiter.seen_us = now.micros;
        }
    }

    /// Takes out whoever was not seen for too long and is not there.
    pub(super) fn expire(&mut self, now: Now, is_there: impl Fn(Uuid) -> bool) {
        while let Some((due_us, number)) = self.looks.first().copied() {
            if due_us > now.micros {
                break;
            }
            self.looks.pop_first();
            let Some(waiter) = self.waiters.get_mut(&number) else {
                continue;
            };
            if is_there(waiter.user) {
                waiter.seen_us = now.micros;
            }
            let look_us = look_us(waiter);
            if look_us > now.micros {
                self.looks.insert((look_us, number));
            } else {
                self.remove(number);
            }
        }
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        self.looks.first().map(|(due_us, _)| *due_us)
    }

    /// Checks the invariants.
    pub(super) fn audit(&self) -> Result<(), String> {
        let by_country: usize = self.countries.values().map(BTreeSet::len).sum();
        if (by_country, self.numbers.len()) != (self.waiters.len(), self.waiters.len()) {
            return Err(format!(
                "{} wait, {by_country} by country, {} by person",
                self.waiters.len(),
                self.numbers.len()
            ));
        }
        for (number, waiter) in &self.waiters {
            let is_open = self.open.contains(number);
            let is_near = self.countries[&waiter.country].contains(number);
            let is_due = self.looks.iter().any(|(_, look)| look == number);
            if is_open == waiter.same_country || !is_near || !is_due {
                return Err(format!("{waiter:?} is in the wrong queues"));
            }
        }
        if self
            .open
            .iter()
            .any(|number| !self.waiters.contains_key(number))
        {
            return Err("somebody waits who does not".into());
        }
        Ok(())
    }
}

/// When somebody is to be looked for again.
const fn look_us(waiter: &Waiter) -> u64 {
    waiter
        .seen_us
        .saturating_add(limits::POOL_UNSEEN_MS * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Now {
        Now {
            micros: ms * 1_000,
            unix_ms: ms,
        }
    }

    fn who(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn either_side_s_wish_for_their_own_country_binds_both() {
        let mut pool = Pool::new(1);
        pool.join(who(1), "DE", true, at(0));
        pool.join(who(2), "FR", false, at(0));
        assert!(pool.take("IT", true).is_none());
        assert_eq!(pool.take("IT", false).map(|found| found.user), Some(who(2)));
        assert!(pool.take("IT", false).is_none());
        assert_eq!(pool.take("DE", false).map(|found| found.user), Some(who(1)));
        assert_eq!(pool.len(), 0);
    }

    #[test]
    fn whoever_is_put_back_is_first_again() {
        let mut pool = Pool::new(1);
        pool.join(who(1), "DE", false, at(0));
        pool.join(who(2), "DE", false, at(0));
        let first = pool.take("DE", true).expect("somebody");
        pool.put(first.clone());
        assert_eq!(pool.take("FR", false), Some(first));
    }

    #[test]
    fn a_wait_ends_thirty_seconds_after_the_last_sign_of_life() {
        let mut pool = Pool::new(1);
        pool.join(who(1), "DE", false, at(0));
        pool.join(who(2), "DE", false, at(0));
        pool.seen(who(2), at(20_000));
        pool.expire(at(29_999), |_| false);
        assert_eq!(pool.len(), 2);
        pool.expire(at(30_000), |_| false);
        assert!(pool.has(who(2)) && !pool.has(who(1)));
        assert_eq!(pool.next_due(), Some(50_000_000));
        pool.expire(at(50_000), |user| user == who(2));
        assert!(pool.has(who(2)));
        pool.expire(at(80_000), |_| false);
        assert_eq!((pool.len(), pool.next_due()), (0, None));
    }

    proptest! {
        /// Against the obvious model: a list in which the first who fits is searched.
        #[test]
        fn agrees_with_a_list(steps in prop::collection::vec((0u8..3, 0u128..6, 0usize..3, any::<bool>()), 1..120)) {
            const COUNTRIES: [&str; 3] = ["DE", "FR", "IT"];
            let mut pool = Pool::new(1);
            let mut model: Vec<(Uuid, usize, bool)> = Vec::new();
            for (verb, number, country, same) in steps {
                let user = who(number);
                match verb {
                    0 if !pool.has(user) => {
                        pool.join(user, COUNTRIES[country], same, at(0));
                        model.push((user, country, same));
                    }
                    1 => {
                        let found = pool.take(COUNTRIES[country], same).map(|found| found.user);
                        let fits = |(_, from, minds): &(Uuid, usize, bool)| *from == country || !(same || *minds);
                        let expected = model.iter().position(fits).map(|at| model.remove(at).0);
                        prop_assert_eq!(found, expected);
                    }
                    _ => {
                        let left = pool.leave(user).is_some();
                        let before = model.len();
                        model.retain(|(waiter, _, _)| *waiter != user);
                        prop_assert_eq!(left, model.len() < before);
                    }
                }
                prop_assert_eq!(pool.audit(), Ok(()));
            }
        }
    }
}
