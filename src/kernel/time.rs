//! Time as the pure layers see it: read once per turn by the shell and handed in.

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

/// Caches the text of the current millisecond, so that a burst formats it once.
#[derive(Debug, Default)]
pub struct Stamp {
    unix_ms: u64,
    text: String,
}

impl Stamp {
    /// `now` as RFC 3339 in UTC with milliseconds, for example `2026-11-20T10:30:00.000Z`.
    pub fn text(&mut self, now: Now) -> &str {
        if self.unix_ms != now.unix_ms || self.text.is_empty() {
            self.unix_ms = now.unix_ms;
            self.text.clear();
            write_rfc3339(&mut self.text, now.unix_ms);
        }
        &self.text
    }
}

/// Appends `unix_ms` as RFC 3339 in UTC with milliseconds.
pub fn write_rfc3339(text: &mut String, unix_ms: u64) {
    use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    let time = Timestamp::from_millisecond(unix_ms as i64).unwrap_or_default();
    // Writing to a `String` cannot fail.
    let _ = PRINTER.print_timestamp(&time, text);
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
