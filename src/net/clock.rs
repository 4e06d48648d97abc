//! The clock: monotonic for deadlines, wall for stamps.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::kernel::time::Now;

/// Counts from the start of the process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Reads both clocks.
    pub(super) fn now(&self) -> Now {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            micros: self.micros(),
            unix_ms: unix.as_millis() as u64,
        }
    }

    /// Reads the monotonic clock. Never 0, so that 0 can mean "never".
    pub(super) fn micros(&self) -> u64 {
        1_000 + self.start.elapsed().as_micros() as u64
    }
}
