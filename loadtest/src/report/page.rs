//! The page about one run, and what all pages share.

use super::{
    svg::{Line, LineChart, Ticks, lines, short},
    table,
};
use crate::{
    meter::Latency,
    outcome::{Outcome, Sample},
};

/// The page of one run.
pub(crate) fn of_run(outcome: &Outcome) -> String {
    let mut latencies: Vec<(&str, usize, &Latency)> = outcome
        .phases
        .iter()
        .enumerate()
        .map(|(colour, (name, latency))| (*name, colour, latency))
        .collect();
    if latencies.is_empty() {
        latencies.extend(
            outcome
                .latency_us
                .iter()
                .map(|latency| (outcome.unit, 0, latency)),
        );
    }
    let mut body = tile_row(&tiles(outcome));
    body += &latency_chart("Latency by percentile", &latencies);
    let rate_label = format!("{} per second", outcome.unit);
    body += &over_time(outcome, "Throughput over time", &rate_label, |sample| {
        Some(sample.rate_per_s)
    });
    body += &over_time(
        outcome,
        "Server CPU over time",
        "% of one processor",
        |sample| sample.server_cpu_share.map(|share| share * 100.0),
    );
    body += &over_time(
        outcome,
        "Server memory over time",
        "MB resident",
        |sample| sample.server_rss_kb.map(|kb| kb as f64 / 1024.0),
    );
    body += &over_time(
        outcome,
        "Server descriptors over time",
        "descriptors",
        |sample| sample.server_descriptors.map(|count| count as f64),
    );
    body += &format!("<pre>{}</pre>", escaped(&table::of(outcome)));
    whole(
        &format!("loadtest: {}", outcome.scenario),
        &outcome.options,
        &body,
    )
}

fn tiles(outcome: &Outcome) -> Vec<(String, String)> {
    let mut tiles = vec![
        (
            format!("{} per second", outcome.unit),
            short(outcome.rate_per_s),
        ),
        ("errors".to_owned(), outcome.errors_total().to_string()),
    ];
    if let Some(latency) = &outcome.latency_us {
        tiles.push((
            "p50 latency".to_owned(),
            format!("{} us", short(latency.p50)),
        ));
        tiles.push((
            "p99 latency".to_owned(),
            format!("{} us", short(latency.p99)),
        ));
    }
    if let Some(server) = &outcome.server {
        if let Some(each) = server.cpu_us_per_item {
            tiles.push(("server CPU each".to_owned(), format!("{} us", short(each))));
        }
        tiles.push((
            "server memory".to_owned(),
            format!("{} MB", short(server.rss_kb as f64 / 1024.0)),
        ));
    }
    tiles
}

/// Latency over the percentile, stretched towards 100 as is usual.
pub(crate) fn latency_chart(title: &str, latencies: &[(&str, usize, &Latency)]) -> String {
    // 1 is the 90th percentile, 2 the 99th, and so on.
    let stretch = |percentile: f64| -(1.0 - percentile / 100.0).max(1e-7).log10();
    let ticks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];
    lines(&LineChart {
        title,
        x_label: "percentile",
        y_label: "microseconds",
        x_ticks: Ticks::At(
            ticks
                .map(|tick| (stretch(tick), format!("{tick}")))
                .to_vec(),
        ),
        y_log: true,
        lines: latencies
            .iter()
            .map(|(name, colour, latency)| Line {
                name,
                colour: *colour,
                points: latency
                    .curve
                    .iter()
                    .map(|(percentile, us)| (stretch(*percentile), *us))
                    .collect(),
            })
            .collect(),
    })
}

fn over_time(
    outcome: &Outcome,
    title: &str,
    y_label: &str,
    of: impl Fn(&Sample) -> Option<f64>,
) -> String {
    let points: Vec<_> = outcome
        .series
        .iter()
        .filter_map(|sample| Some((sample.at_s, of(sample)?)))
        .collect();
    lines(&LineChart {
        title,
        x_label: "seconds",
        y_label,
        x_ticks: Ticks::Even,
        y_log: false,
        lines: vec![Line {
            name: title,
            colour: 0,
            points,
        }],
    })
}

pub(crate) fn tile_row(tiles: &[(String, String)]) -> String {
    let tiles: String = tiles
        .iter()
        .map(|(name, value)| {
            format!(
                "<div><b>{}</b><span>{}</span></div>",
                escaped(value),
                escaped(name)
            )
        })
        .collect();
    format!(r#"<section class="tiles">{tiles}</section>"#)
}

/// A whole page; nothing in it is fetched from anywhere.
pub(crate) fn whole(title: &str, subtitle: &str, body: &str) -> String {
    let (title, subtitle) = (escaped(title), escaped(subtitle));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1><p class=\"sub\">{subtitle}</p>{body}</main></body></html>\n"
    )
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = include_str!("page.css");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Meter;

    #[test]
    fn the_page_stands_alone() {
        let mut meter = Meter::new();
        (1..5_000).for_each(|us| meter.took(us * 1_000));
        let sample = |at_s| Sample {
            at_s,
            rate_per_s: 1e4,
            server_cpu_share: Some(0.5),
            ..Sample::default()
        };
        let outcome = Outcome {
            scenario: "relay".into(),
            options: "<b>".into(),
            latency_us: meter.latency(),
            series: vec![sample(1.0), sample(2.0)],
            ..Outcome::default()
        };
        let page = of_run(&outcome);
        assert_eq!(page.matches("<svg").count(), 3);
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>.<"));
        assert!(!page.contains("http") && !page.contains("src=") && !page.contains("NaN"));
    }
}
