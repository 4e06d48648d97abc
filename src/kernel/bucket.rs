//! Budgets: the generic cell rate algorithm (ITU-T I.371) in one word per budget.

const DAY_US: u64 = 86_400_000_000;

/// How fast something may happen: a steady rate and how much may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds that one unit costs; 0 means there is no limit.
    interval_us: u64,
    /// How far ahead of the clock the budget may be spent, in microseconds.
    tolerance_us: u64,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        interval_us: 0,
        tolerance_us: 0,
    };

    /// `per_second` units a second in the long run (at least one a day, at most a million), `burst` units at
    /// once. A rate of 0 is no limit.
    pub const fn new(per_second: f64, burst: u32) -> Self {
        if per_second <= 0.0 {
            return Self::UNLIMITED;
        }
        // `as` saturates, and the bounds keep sums of a few intervals far from overflowing.
        let interval_us = match (1e6 / per_second) as u64 {
            0 => 1,
            DAY_US.. => DAY_US,
            interval_us => interval_us,
        };
        Self {
            interval_us,
            tolerance_us: interval_us.saturating_mul((burst as u64).saturating_sub(1)),
        }
    }

    /// Whether this rate never refuses.
    pub const fn is_unlimited(self) -> bool {
        self.interval_us == 0
    }
}

/// A rate as an operator writes it: so many a second, so many at once. 0 a second is no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// In the long run.
    pub per_second: f64,
    /// At once.
    pub burst: u32,
}

impl Pace {
    /// So many a second, so many at once.
    pub const fn new(per_second: f64, burst: u32) -> Self {
        Self { per_second, burst }
    }

    /// The same as a budget.
    pub const fn rate(self) -> Rate {
        Rate::new(self.per_second, self.burst)
    }
}

/// What is left of a budget: the theoretical arrival time of the next unit, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket(u64);

impl Bucket {
    /// Spends one unit, or says in how many microseconds one will be there (and spends nothing).
    pub fn take(&mut self, rate: Rate, now_us: u64) -> Result<(), u64> {
        if rate.is_unlimited() {
            return Ok(());
        }
        let due = self.0.max(now_us);
        let ahead = due - now_us;
        if ahead > rate.tolerance_us {
            return Err(ahead - rate.tolerance_us);
        }
        self.0 = due.saturating_add(rate.interval_us);
        Ok(())
    }

    /// Spends so many units in any case, on credit if need be, and says in how many microseconds the budget is
    /// in order again: 0 when it is.
    #[inline]
    pub fn charge(&mut self, rate: Rate, units: u32, now_us: u64) -> u64 {
        if rate.is_unlimited() || units == 0 {
            return 0;
        }
        let cost_us = rate.interval_us.saturating_mul(u64::from(units));
        let due = self.0.max(now_us).saturating_add(cost_us);
        self.0 = due;
        self.debt(rate, now_us)
    }

    /// In how many microseconds everything that was charged is within the burst: 0 when it is.
    pub const fn debt(self, rate: Rate, now_us: u64) -> u64 {
        let burst_us = rate.tolerance_us.saturating_add(rate.interval_us);
        self.0.saturating_sub(now_us).saturating_sub(burst_us)
    }

    /// Whether nothing of the budget is in use, so that forgetting it changes nothing.
    pub const fn is_full(self, now_us: u64) -> bool {
        self.0 <= now_us
    }
}

/// A [`Bucket`] in half the memory, to the millisecond: for rates of at most a thousand a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmallBucket(u32);

impl SmallBucket {
    /// Spends one unit, or says in how many microseconds one will be there (and spends nothing).
    pub fn take(&mut self, rate: Rate, now_us: u64) -> Result<(), u64> {
        if rate.is_unlimited() {
            return Ok(());
        }
        let interval_ms = rate.interval_us.div_ceil(1_000);
        let tolerance_ms = rate.tolerance_us.div_ceil(1_000);
        let now_ms = (now_us / 1_000) as u32;
        // Nobody gets further ahead of the clock than this: what seems to be has long passed.
        let ahead_ms = match u64::from(self.0.wrapping_sub(now_ms)) {
            ahead_ms if ahead_ms <= tolerance_ms + interval_ms => ahead_ms,
            _ => 0,
        };
        if ahead_ms > tolerance_ms {
            return Err((ahead_ms - tolerance_ms) * 1_000);
        }
        self.0 = now_ms.wrapping_add((ahead_ms + interval_ms) as u32);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_steady_rate() {
        let rate = Rate::new(5.0, 20);
        let mut bucket = Bucket::default();
        let start = 1_000_000;
        for _ in 0..20 {
            assert_eq!(bucket.take(rate, start), Ok(()));
        }
        assert_eq!(bucket.take(rate, start), Err(200_000));
        assert_eq!(bucket.take(rate, start + 199_999), Err(1));
        assert_eq!(bucket.take(rate, start + 200_000), Ok(()));
        assert!(bucket.take(rate, start + 200_000).is_err());
    }

    #[test]
    fn a_charge_beyond_the_burst_is_a_debt_that_time_repays() {
        let rate = Rate::new(100.0, 10);
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            assert_eq!(bucket.charge(rate, 1, 0), 0);
        }
        assert_eq!(bucket.charge(rate, 1, 0), 10_000);
        assert_eq!(bucket.charge(rate, 1, 0), 20_000);
        assert_eq!(bucket.take(rate, 20_000), Err(10_000));
        assert_eq!(bucket.take(rate, 30_000), Ok(()));
    }

    #[test]
    fn extreme_rates_are_limits_too() {
        let mut bucket = Bucket::default();
        let rate = Rate::new(1e-300, u32::MAX);
        for _ in 0..1_000 {
            assert_eq!(bucket.charge(rate, u32::MAX, 1), bucket.debt(rate, 1));
        }
        let rate = Rate::new(1e-300, 2);
        let mut bucket = Bucket::default();
        let taken = (0..6).filter(|_| bucket.take(rate, 1).is_ok()).count();
        assert_eq!(taken, 2);
        assert!(!Rate::new(1e300, 1).is_unlimited());
    }

    proptest::proptest! {
        /// To the millisecond, the small bucket refuses when the other one does, however long it has lain.
        #[test]
        fn a_small_bucket_is_like_a_large_one(
            per_second in proptest::sample::select(&[1.0, 2.0, 10.0, 50.0, 1_000.0][..]),
            burst in 1..50u32,
            waits_ms in proptest::collection::vec(proptest::prop_oneof![0..300u64, 0..5_000_000_000u64], 1..200),
        ) {
            let rate = Rate::new(per_second, burst);
            let (mut large, mut small, mut now_us) = (Bucket::default(), SmallBucket::default(), 0);
            for wait_ms in waits_ms {
                now_us += wait_ms * 1_000;
                proptest::prop_assert_eq!(small.take(rate, now_us), large.take(rate, now_us));
            }
        }
    }

    #[test]
    fn zero_means_no_limit() {
        assert_eq!(SmallBucket::default().take(Rate::UNLIMITED, 0), Ok(()));
        let mut bucket = Bucket::default();
        for _ in 0..1_000 {
            assert_eq!(bucket.take(Rate::new(0.0, 1), 0), Ok(()));
            assert_eq!(bucket.charge(Rate::UNLIMITED, 1, 0), 0);
        }
    }
}
