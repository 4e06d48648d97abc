//! Time as the pure layers see it: read once per turn by the shell and handed in.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::fmt::{StdIoWrite, Write};

/// The instant of a turn.
///
/// Deadlines and budgets use `micros`, which never goes back; `unix_ms` is for what people and
/// tokens see, and may jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Microseconds since the process started (monotonic).
    pub micros: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z (wall clock).
    pub unix_ms: u64,
}

impl Now {
    /// The monotonic instant `ms` milliseconds from now, in microseconds.
    pub const fn after_ms(self, ms: u64) -> u64 {
        self.micros.saturating_add(ms.saturating_mul(1_000))
    }
}

/// A moment as records keep it: to the millisecond, and for 49 days, after which it seems to come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment(u32);

impl Moment {
    /// The moment at these monotonic microseconds.
    pub const fn at(micros: u64) -> Self {
        Self((micros / 1_000) as u32)
    }

    /// How many milliseconds it is past.
    pub const fn passed_ms(self, micros: u64) -> u64 {
        Self::at(micros).0.wrapping_sub(self.0) as u64
    }

    /// The moment so many milliseconds before.
    pub const fn before(self, ms: u32) -> Self {
        Self(self.0.wrapping_sub(ms))
    }

    /// Whether it came before the other one.
    pub const fn is_before(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }
}

/// Caches the text of the current millisecond, so that a burst formats it once.
#[derive(Debug)]
pub struct Stamp {
    unix_ms: u64,
    text: [u8; STAMP_BYTES],
}

/// How long a stamp is, until the year 10000.
pub const STAMP_BYTES: usize = EPOCH.len();
const EPOCH: [u8; 24] = *b"1970-01-01T00:00:00.000Z";

impl Default for Stamp {
    fn default() -> Self {
        Self {
            unix_ms: 0,
            text: EPOCH,
        }
    }
}

impl Stamp {
    /// `now` as RFC 3339 in UTC with milliseconds, for example `2026-11-20T10:30:00.000Z`.
    pub fn text(&mut self, now: Now) -> &str {
        std::str::from_utf8(self.bytes(now)).unwrap_or_default()
    }

    /// The same as bytes.
    #[inline]
    pub fn bytes(&mut self, now: Now) -> &[u8; STAMP_BYTES] {
        if self.unix_ms != now.unix_ms {
            self.set(now.unix_ms);
        }
        &self.text
    }

    fn set(&mut self, unix_ms: u64) {
        if self.unix_ms / 1_000 == unix_ms / 1_000 {
            let digit = |unit| b'0' + (unix_ms / unit % 10) as u8;
            self.text[20..23].copy_from_slice(&[100, 10, 1].map(digit));
        } else {
            print(StdIoWrite(&mut self.text[..]), unix_ms);
        }
        self.unix_ms = unix_ms;
    }
}

/// Appends `unix_ms` as RFC 3339 in UTC with milliseconds.
pub fn write_rfc3339(text: &mut String, unix_ms: u64) {
    print(text, unix_ms);
}

fn print(output: impl Write, unix_ms: u64) {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    let time = Timestamp::from_millisecond(unix_ms as i64).unwrap_or_default();
    // There is room for it, so writing cannot fail.
    let _ = PRINTER.print_timestamp(&time, output);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_round() {
        const ROUND_US: u64 = (1 << 32) * 1_000;
        let moment = Moment::at(ROUND_US - 2_000);
        assert_eq!(moment.passed_ms(ROUND_US + 3_999), 5);
        assert!(moment.is_before(Moment::at(ROUND_US)));
        assert!(!Moment::at(ROUND_US).is_before(moment));
        assert_eq!(Moment::at(ROUND_US + 1_000).before(3), moment);
    }

    #[test]
    fn milliseconds_are_always_three_digits() {
        let mut stamp = Stamp::default();
        let at = |unix_ms| Now { micros: 0, unix_ms };
        assert_eq!(stamp.text(at(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            stamp.text(at(1_761_129_000_007)),
            "2025-10-22T10:30:00.007Z"
        );
        assert_eq!(
            stamp.text(at(1_761_129_000_120)),
            "2025-10-22T10:30:00.120Z"
        );
    }

    proptest::proptest! {
        /// However the clock goes, even back, the stamp is what the library prints.
        #[test]
        fn a_stamp_is_printed_as_the_library_does(start in 0..253_370_764_800_000u64, steps in proptest::collection::vec(-3_000..3_000i64, 1..40)) {
            let (mut stamp, mut unix_ms) = (Stamp::default(), start);
            for step in steps {
                unix_ms = unix_ms.saturating_add_signed(step);
                let mut printed = String::new();
                write_rfc3339(&mut printed, unix_ms);
                proptest::prop_assert_eq!(stamp.text(Now { micros: 0, unix_ms }), printed);
            }
        }
    }
}
