//! What stands on stdout when a run is over.

use std::fmt::Write;

use crate::{meter::Latency, outcome::Outcome};

/// The table of one run.
pub(crate) fn of(outcome: &Outcome) -> String {
    let mut rows: Vec<(String, String)> = vec![
        (
            "scenario".into(),
            format!("{}: {}", outcome.scenario, outcome.options),
        ),
        (
            "measured".into(),
            format!("{:.1} s against {}", outcome.seconds, outcome.target),
        ),
        (
            outcome.unit.into(),
            format!("{} ({:.0} per second)", outcome.count, outcome.rate_per_s),
        ),
    ];
    if let Some(latency) = &outcome.latency_us {
        rows.push(("latency".into(), latency_line(latency)));
    }
    for (phase, latency) in &outcome.phases {
        rows.push((format!("latency {phase}"), latency_line(latency)));
    }
    if let Some(server) = &outcome.server {
        let each = server
            .cpu_us_per_item
            .map_or(String::new(), |us| format!(", {us:.2} us each"));
        rows.push((
            "server CPU".into(),
            format!("{:.1} %{each}", server.cpu_share * 100.0),
        ));
        let (rss_mb, anon_mb) = (
            server.rss_kb as f64 / 1024.0,
            server.anon_kb as f64 / 1024.0,
        );
        rows.push((
            "server memory".into(),
            format!("{rss_mb:.1} MB resident, {anon_mb:.1} MB of it private"),
        ));
    }
    rows.push((
        "harness CPU".into(),
        format!("{:.1} %", outcome.harness_cpu_share * 100.0),
    ));
    if let Some(others) = outcome.others_cpu_share {
        rows.push(("other processes".into(), format!("{:.1} %", others * 100.0)));
    }
    rows.extend(
        outcome
            .figures
            .iter()
            .map(|(name, value)| (name.replace('_', " "), format!("{value:.1}"))),
    );
    rows.extend(
        outcome
            .errors
            .iter()
            .map(|(kind, count)| (format!("error, {kind}"), count.to_string())),
    );
    rows.push(("errors".into(), outcome.errors_total().to_string()));
    rows.extend(
        outcome
            .broken_bounds
            .iter()
            .map(|bound| ("BOUND BROKEN".into(), bound.clone())),
    );

    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().fold(String::new(), |mut table, (name, value)| {
        let _ = writeln!(table, "{name:<width$}  {value}");
        table
    })
}

fn latency_line(latency: &Latency) -> String {
    let Latency {
        p50,
        p90,
        p99,
        p99_9,
        max,
        ..
    } = latency;
    format!("p50 {p50:.0}  p90 {p90:.0}  p99 {p99:.0}  p99.9 {p99_9:.0}  max {max:.0} us")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_what_happened() {
        let outcome = Outcome {
            scenario: "relay".into(),
            unit: "messages",
            count: 10,
            latency_us: Some(Latency {
                p99: 42.4,
                ..Latency::default()
            }),
            errors: [("closed: 1006".to_owned(), 3)].into(),
            broken_bounds: vec!["errors: 3, allowed are 0".into()],
            ..Outcome::default()
        };
        let table = of(&outcome);
        for part in [
            "relay",
            "messages",
            "p99 42 ",
            "error, closed: 1006",
            "BOUND BROKEN",
        ] {
            assert!(table.contains(part), "{part} in\n{table}");
        }
    }
}
