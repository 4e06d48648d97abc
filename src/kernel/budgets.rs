//! A budget for each address, for what may be done without a connection that lasts.
//!
//! Invariants: at most as many addresses are known as the table was made for; who is forgotten had a full budget; the
//! table is searched for such people once a second at most.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::addresses::Subscriber;
use super::bucket::{Bucket, Rate};

/// How long somebody is to wait who finds the table full of busy addresses, and how often it is searched for others, in
/// microseconds.
const FULL_US: u64 = 1_000_000;

/// The table. See the module's description.
#[derive(Debug)]
pub struct Budgets {
    buckets: HashMap<Subscriber, Bucket, FixedState>,
    max: usize,
    /// When the table may be searched again for those who can be forgotten, in monotonic microseconds.
    sweep_us: u64,
}

impl Budgets {
    /// A table for `max` addresses. `seed` keeps peers from choosing addresses that collide.
    pub fn new(max: usize, seed: u64) -> Self {
        Self {
            buckets: HashMap::with_hasher(FixedState::with_seed(seed)),
            max,
            sweep_us: 0,
        }
    }

    /// Spends one unit of what `subscriber` has, or says in how many microseconds one will be there.
    pub fn take(&mut self, subscriber: Subscriber, rate: Rate, now_us: u64) -> Result<(), u64> {
        if rate.is_unlimited() {
            return Ok(());
        }
        if self.buckets.len() >= self.max && !self.buckets.contains_key(&subscriber) {
            self.sweep(now_us);
            if self.buckets.len() >= self.max {
                return Err(FULL_US);
            }
        }
        let bucket = self.buckets.entry(subscriber).or_default();
        bucket.take(rate, now_us)
    }

    /// Forgets whoever has a full budget.
    fn sweep(&mut self, now_us: u64) {
        if now_us >= self.sweep_us {
            self.sweep_us = now_us + FULL_US;
            self.buckets.retain(|_, bucket| !bucket.is_full(now_us));
            self.buckets.shrink_to_fit();
        }
    }

    /// How many addresses are known.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether no address is known.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn who(number: u8) -> Subscriber {
        Subscriber::of(IpAddr::from(Ipv4Addr::new(192, 0, 2, number)))
    }

    #[test]
    fn each_address_has_its_own_and_the_table_is_bounded() {
        let rate = Rate::new(1.0, 2);
        let mut budgets = Budgets::new(2, 7);
        for number in 0..2 {
            assert_eq!(budgets.take(who(number), rate, 0), Ok(()));
            assert_eq!(budgets.take(who(number), rate, 0), Ok(()));
            assert_eq!(budgets.take(who(number), rate, 0), Err(1_000_000));
        }
        assert_eq!(budgets.take(who(2), rate, 0), Err(FULL_US));
        assert_eq!(budgets.take(who(2), rate, 2_000_000), Ok(()));
        assert_eq!(budgets.len(), 1);
    }

    #[test]
    fn without_a_limit_nobody_is_remembered() {
        let mut budgets = Budgets::new(2, 7);
        assert_eq!(budgets.take(who(0), Rate::UNLIMITED, 0), Ok(()));
        assert!(budgets.is_empty());
    }
}
