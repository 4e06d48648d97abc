//! How long the turns of the server's loop took, as it says itself.

use crate::{metrics::Metrics, outcome::Outcome};

/// Notes how long the server's turns took: those over 5 ms in the meantime, and the worst since its start.
pub(super) fn note(outcome: &mut Outcome, before: &Metrics, after: &Metrics) {
    let all = after.since(before, "passerby_turn_seconds_count");
    let short = after.since(before, "passerby_turn_seconds_bucket{le=\"0.005\"}");
    let us = |name: &str| after.value(name).map(|seconds| seconds * 1e6);
    let long = all.zip(short).map(|(all, short)| all - short);
    let share = all.zip(long).map(|(all, long)| long / all * 100.0);
    for (name, value) in [
        ("turns", all),
        (
            "turn_p99_us_at_most",
            after
                .percentile_at_most(before, "passerby_turn_seconds", 99.0)
                .map(|seconds| seconds * 1e6),
        ),
        ("turns_over_5_ms", long),
        ("turns_over_5_ms_percent", share),
        (
            "busy_turns_since_start",
            after.value("passerby_busy_turns_total"),
        ),
        (
            "longest_turn_us_since_start",
            us("passerby_longest_turn_seconds"),
        ),
        (
            "busiest_turn_us_since_start",
            us("passerby_busiest_turn_seconds"),
        ),
    ] {
        outcome.figures.extend(value.map(|value| (name, value)));
    }
}
