//! The table and the page of a comparison.

use std::fmt::Write;

use super::{
    page::{escaped, latency_chart, whole},
    svg::{Bar, bars, short},
};
use crate::{
    compare::{Comparison, Contender, Row, Verdict},
    meter::{Latency, median},
};

/// The tables for the terminal.
pub(crate) fn table(comparison: &Comparison) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<44}{:>12}{:>12}{:>12}",
        "medians", "floor", "passerby", "baseline"
    );
    for line in medians(comparison) {
        let _ = writeln!(
            out,
            "{:<44}{:>12}{:>12}{:>12}",
            line.what, line.cells[0], line.cells[1], line.cells[2]
        );
    }
    if comparison
        .verdicts
        .iter()
        .any(|verdict| verdict.reached.is_some())
    {
        let _ = writeln!(
            out,
            "\n{:<50}{:>12}{:>12}  met",
            "targets", "reached", "at most"
        );
    }
    for verdict in comparison
        .verdicts
        .iter()
        .filter(|verdict| verdict.reached.is_some())
    {
        let (reached, most, met) = cells(verdict);
        let _ = writeln!(out, "{:<50}{reached:>12}{most:>12}  {met}", verdict.what);
    }
    if let Some(disturbance) = disturbance(comparison) {
        let _ = writeln!(out, "\n{disturbance}");
    }
    if !comparison.troubles.is_empty() {
        let _ = writeln!(out, "\ntroubles");
    }
    for (kind, count) in &comparison.troubles {
        let _ = writeln!(out, "{count:>8} x {kind}");
    }
    out
}

/// The page.
pub(crate) fn page(comparison: &Comparison) -> String {
    let mut body = targets(comparison);
    body += "<h2>Charts</h2>";
    let latencies: Vec<(&str, usize, &Latency)> = Contender::ALL
        .iter()
        .enumerate()
        .filter_map(|(colour, who)| {
            Some((
                who.name(),
                colour,
                comparison.lockstep.get(who.name())?.latency_us.as_ref()?,
            ))
        })
        .collect();
    body += &latency_chart(
        "Lockstep under saturation: latency by percentile",
        &latencies,
    );
    for (row, name, title) in [
        (
            Row::Lockstep,
            "cpu_us",
            "CPU per message, 100 pairs in lockstep",
        ),
        (Row::Crowd, "cpu_us", "CPU per message, thousands of pairs"),
        (Row::Burst, "cpu_us", "CPU per message, bursts of 16"),
        (Row::Churn, "cpu_us", "CPU per join, everybody skipping"),
        (
            Row::Connect,
            "matched_cpu_us",
            "CPU per connect, upgrade, match and close",
        ),
        (Row::Idle, "bytes", "Private memory per idle connection"),
    ] {
        body += &bar_chart(comparison, row, name, title);
    }
    body += "<h2>Medians</h2><table><tr><th>what</th><th>floor</th><th>passerby</th><th>baseline</th></tr>";
    for line in medians(comparison) {
        let [floor, passerby, baseline] = line.cells;
        let what = escaped(&line.what);
        let _ = write!(
            body,
            "<tr><td>{what}</td><td>{floor}</td><td>{passerby}</td><td>{baseline}</td></tr>"
        );
    }
    body += "</table>";
    if !comparison.troubles.is_empty() {
        body += "<h2>Troubles</h2><table>";
        for (kind, count) in &comparison.troubles {
            let _ = write!(body, "<tr><td>{}</td><td>{count}</td></tr>", escaped(kind));
        }
        body += "</table>";
    }
    let subtitle = format!(
        "{} rounds of {} s each; server on one processor, load on another; ratios are medians of those within a round. {}",
        comparison.rounds,
        comparison.seconds,
        disturbance(comparison).unwrap_or_default()
    );
    whole(
        "Passerby beside the floor and the baseline",
        &subtitle,
        &body,
    )
}

fn targets(comparison: &Comparison) -> String {
    let mut body = String::new();
    let known: Vec<&Verdict> = comparison
        .verdicts
        .iter()
        .filter(|verdict| verdict.reached.is_some())
        .collect();
    if !known.is_empty() {
        body += "<h2>Targets</h2><table><tr><th>what</th><th>reached</th><th>at most</th><th>met</th></tr>";
        for verdict in known {
            let (reached, most, met) = cells(verdict);
            let class = if verdict.met == Some(false) {
                "bad"
            } else {
                "good"
            };
            let _ = write!(
                body,
                "<tr><td>{}</td><td>{reached}</td><td>{most}</td><td class=\"{class}\">{met}</td></tr>",
                escaped(verdict.what)
            );
        }
        body += "</table>";
    }
    body
}

/// How much else went on.
fn disturbance(comparison: &Comparison) -> Option<String> {
    let shares = &comparison.others_cpu_shares;
    let worst = shares.iter().copied().reduce(f64::max)?;
    let middle = median(shares)?;
    Some(format!(
        "Other processes took {:.0} % of a processor during the middle run, {:.0} % during the worst.",
        middle * 100.0,
        worst * 100.0
    ))
}

struct MedianLine {
    what: String,
    cells: [String; 3],
}

fn medians(comparison: &Comparison) -> Vec<MedianLine> {
    let mut found = Vec::new();
    for row in Row::ALL {
        for (name, what, unit) in row.figures() {
            let values = Contender::ALL.map(|who| comparison.figures.median(row, who, name));
            if values.iter().any(Option::is_some) {
                let cells = values.map(|value| value.map_or("-".to_owned(), short));
                found.push(MedianLine {
                    what: format!("{}: {what}, {unit}", row.name()),
                    cells,
                });
            }
        }
    }
    found
}

fn bar_chart(comparison: &Comparison, row: Row, name: &'static str, title: &str) -> String {
    let unit = row
        .figures()
        .iter()
        .find(|figure| figure.0 == name)
        .map_or("", |figure| figure.2);
    let values: Vec<_> = Contender::ALL
        .iter()
        .enumerate()
        .filter_map(|(colour, who)| {
            let value = comparison.figures.median(row, *who, name)?;
            Some(Bar {
                name: who.name(),
                colour,
                value,
                label: format!("{} {unit}", short(value)),
            })
        })
        .collect();
    bars(title, &values)
}

/// Reached, at most, met.
fn cells(verdict: &Verdict) -> (String, String, &'static str) {
    let unit = verdict.unit;
    let told = |value: f64| {
        if unit == "x" {
            format!("{value:.2} x")
        } else {
            format!("{} {unit}", short(value))
        }
    };
    let met = match verdict.met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "-",
    };
    (
        verdict.reached.map_or("-".to_owned(), told),
        verdict.most.map_or("-".to_owned(), told),
        met,
    )
}
