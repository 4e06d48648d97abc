//! The clock: monotonic for deadlines, wall for stamps.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::kernel::time::Now;

/// Counts from the start of the process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

/// Tells the turns that compute for long from those during which something else had the processor.
///
/// The processor's clock takes a system call, so it is read once in a millisecond at most, and after turns that were
/// long by the other clock. What it says of such a turn may be up to a millisecond too much.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stopwatch {
    read_us: u64,
    busy_us: u64,
}

impl Stopwatch {
    const READ_EVERY_US: u64 = 1_000;

    /// A turn begins.
    #[inline]
    pub(super) fn start(&mut self, now: Now) {
        if now.micros >= self.read_us + Self::READ_EVERY_US {
            self.read_us = now.micros;
            self.busy_us = processor_us();
        }
    }

    /// How long the processor was ours since the turn began, in microseconds.
    pub(super) fn busy_us(&self) -> u64 {
        processor_us() - self.busy_us
    }
}

/// The processor time of this thread so far, in microseconds.
fn processor_us() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
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
