//! The targets, and whether Passerby met them.

use serde::Serialize;

use super::{Contender, Figures, Row};

/// One target.
struct Target {
    what: &'static str,
    row: Row,
    name: &'static str,
    /// What the figure is divided by, if by anything.
    by: Option<(Row, Contender, &'static str)>,
    /// Nothing when the figure is told for information only.
    most: Option<f64>,
    unit: &'static str,
}

/// One target, judged.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: &'static str,
    pub(crate) most: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) reached: Option<f64>,
    /// Unknown when it was not measured, or has no bound.
    pub(crate) met: Option<bool>,
}

use Contender::{Baseline, Floor, Passerby};

const TARGETS: [Target; 20] = [
    ratio(
        "CPU per message in lockstep, to the floor",
        Row::Lockstep,
        "cpu_us",
        Row::Lockstep,
        Floor,
        1.15,
    ),
    ratio(
        "p99 latency under saturation, to the floor",
        Row::Lockstep,
        "p99_us",
        Row::Lockstep,
        Floor,
        1.15,
    ),
    ratio(
        "CPU per message with 9,000 pairs, to the floor",
        Row::Crowd,
        "cpu_us",
        Row::Crowd,
        Floor,
        1.05,
    ),
    ratio(
        "CPU per message in bursts of 16, to own lockstep",
        Row::Burst,
        "cpu_us",
        Row::Lockstep,
        Passerby,
        0.20,
    ),
    ratio(
        "CPU per message in lockstep, to the baseline",
        Row::Lockstep,
        "cpu_us",
        Row::Lockstep,
        Baseline,
        0.30,
    ),
    value(
        "private memory per idle connection",
        Row::Idle,
        "bytes",
        300.0,
        "B",
    ),
    value(
        "resident memory with 19,000 held",
        Row::Idle,
        "rss_mb",
        16.0,
        "MB",
    ),
    value(
        "CPU with 19,000 idle connections",
        Row::Idle,
        "cpu_percent",
        3.0,
        "%",
    ),
    ratio(
        "CPU per join, to own lockstep",
        Row::Churn,
        "cpu_us",
        Row::Lockstep,
        Passerby,
        1.5,
    ),
    ratio(
        "CPU per connection's life, to the floor",
        Row::Connect,
        "cpu_us",
        Row::Connect,
        Floor,
        1.15,
    ),
    Target {
        most: None,
        ..ratio(
            "the same, to a floor that matches, too",
            Row::Connect,
            "matched_cpu_us",
            Row::Connect,
            Floor,
            0.0,
        )
    },
    value(
        "users' p99 beside 10 flooders, to calm",
        Row::Flood,
        "ratio",
        2.0,
        "x",
    ),
    Target {
        most: None,
        ..value(
            "the same with message and frame limits off",
            Row::Flood,
            "open_ratio",
            0.0,
            "x",
        )
    },
    ratio(
        "CPU per delivery to 1,000, to the floor's lockstep",
        Row::Fanout,
        "cpu_us",
        Row::Lockstep,
        Floor,
        0.9,
    ),
    Target {
        most: None,
        ..ratio(
            "the same, to the floor's copies to as many",
            Row::Fanout,
            "cpu_us",
            Row::Fanout,
            Floor,
            0.0,
        )
    },
    value(
        "turns over 5 ms of CPU with 5,000 members",
        Row::Room,
        "busy_turns",
        0.0,
        "",
    ),
    value("private memory per member", Row::Room, "bytes", 64.0, "B"),
    value(
        "CPU per delivery beside 10 stalled, to calm",
        Row::Stalled,
        "cpu_ratio",
        1.15,
        "x",
    ),
    Target {
        most: None,
        ..value(
            "others' p99 beside 10 stalled, to calm",
            Row::Stalled,
            "ratio",
            0.0,
            "x",
        )
    },
    value(
        "p99 at half of saturation, open loop",
        Row::Open,
        "p99_us",
        1_000.0,
        "us",
    ),
];

const fn ratio(
    what: &'static str,
    row: Row,
    name: &'static str,
    by_row: Row,
    by: Contender,
    most: f64,
) -> Target {
    Target {
        what,
        row,
        name,
        by: Some((by_row, by, name)),
        most: Some(most),
        unit: "x",
    }
}

const fn value(
    what: &'static str,
    row: Row,
    name: &'static str,
    most: f64,
    unit: &'static str,
) -> Target {
    Target {
        what,
        row,
        name,
        by: None,
        most: Some(most),
        unit,
    }
}

/// Judges every target that was measured at all.
pub(super) fn all(figures: &Figures) -> Vec<Verdict> {
    TARGETS
        .iter()
        .map(|target| {
            let reached = match target.by {
                Some(by) => figures.ratio((target.row, Passerby, target.name), by),
                None => figures.median(target.row, Passerby, target.name),
            };
            let met = reached
                .zip(target.most)
                .map(|(reached, most)| reached <= most);
            Verdict {
                what: target.what,
                most: target.most,
                unit: target.unit,
                reached,
                met,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_judged_by_ratio_and_by_value() {
        let mut figures = Figures::default();
        figures.add(Row::Lockstep, Passerby, "cpu_us", Some(1.2));
        figures.add(Row::Lockstep, Floor, "cpu_us", Some(1.0));
        figures.add(Row::Idle, Passerby, "bytes", Some(286.0));
        let verdicts = all(&figures);
        assert_eq!(verdicts[0].met, Some(false));
        assert_eq!(verdicts[1].met, None);
        assert!(
            verdicts
                .iter()
                .any(|verdict| verdict.reached == Some(286.0) && verdict.met == Some(true))
        );
    }

    #[test]
    fn every_target_is_a_figure_of_its_row() {
        for target in &TARGETS {
            assert!(
                target
                    .row
                    .figures()
                    .iter()
                    .any(|(name, ..)| *name == target.name),
                "{}",
                target.what
            );
        }
    }
}
