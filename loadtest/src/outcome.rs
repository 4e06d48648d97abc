//! What a run found out, and the bounds it may have to keep.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::meter::Latency;

/// Everything one scenario measured; this is the JSON file.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Outcome {
    pub(crate) scenario: String,
    pub(crate) options: String,
    pub(crate) target: String,
    /// What `count` counts: messages, joins, cycles, connections.
    pub(crate) unit: &'static str,
    pub(crate) seconds: f64,
    pub(crate) count: u64,
    pub(crate) rate_per_s: f64,
    pub(crate) latency_us: Option<Latency>,
    pub(crate) server: Option<Server>,
    /// The harness's own share of a processor: near 1, it was the slower side.
    pub(crate) harness_cpu_share: f64,
    /// What other processes took meanwhile, in processors; much of it spoils the figures.
    pub(crate) others_cpu_share: Option<f64>,
    /// Figures only this scenario has.
    pub(crate) figures: BTreeMap<&'static str, f64>,
    /// Further latency tables, by phase.
    pub(crate) phases: BTreeMap<&'static str, Latency>,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) series: Vec<Sample>,
    pub(crate) broken_bounds: Vec<String>,
}

/// The server's side of the measured window.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Server {
    pub(crate) cpu_us_per_item: Option<f64>,
    pub(crate) cpu_share: f64,
    pub(crate) rss_kb: u64,
    pub(crate) anon_kb: u64,
}

/// One interval of the window.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Sample {
    pub(crate) at_s: f64,
    pub(crate) rate_per_s: f64,
    pub(crate) connections: u32,
    pub(crate) server_cpu_share: Option<f64>,
    pub(crate) server_rss_kb: Option<u64>,
    pub(crate) server_descriptors: Option<u64>,
}

/// Bounds that decide the exit code.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Bounds (exit 1 when one is not kept)")]
pub(crate) struct Bounds {
    /// 99th percentile of the latency, in microseconds
    #[arg(long, value_name = "US")]
    pub(crate) max_p99_us: Option<f64>,
    /// Messages (joins, cycles) per second at least
    #[arg(long, value_name = "PER_S")]
    pub(crate) min_rate: Option<f64>,
    /// Server processor time per message (join, cycle); needs --server-pid
    #[arg(long, value_name = "US")]
    pub(crate) max_cpu_us_per_msg: Option<f64>,
    /// Resident memory of the server at the end; needs --server-pid
    #[arg(long, value_name = "MB")]
    pub(crate) max_rss_mb: Option<f64>,
    /// Errors of all kinds together
    #[arg(long, value_name = "N")]
    pub(crate) max_errors: Option<u64>,
}

impl Outcome {
    pub(crate) fn errors_total(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(crate) fn cpu_us_per_item(&self) -> Option<f64> {
        self.server.as_ref()?.cpu_us_per_item
    }

    /// Notes how this phase differs from a calm one before it.
    pub(crate) fn compare_with_calm(&mut self, calm: Outcome) {
        let ratio = |of: Option<f64>, to: Option<f64>| of.zip(to).map(|(of, to)| of / to);
        for (name, value) in [
            ("p99_us_calm", calm.p99_us()),
            ("p99_ratio", ratio(self.p99_us(), calm.p99_us())),
            ("cpu_us_calm", calm.cpu_us_per_item()),
            (
                "cpu_ratio",
                ratio(self.cpu_us_per_item(), calm.cpu_us_per_item()),
            ),
        ] {
            self.figures.extend(value.map(|value| (name, value)));
        }
        self.phases
            .extend(calm.latency_us.map(|latency| ("calm", latency)));
    }

    pub(crate) fn p99_us(&self) -> Option<f64> {
        self.latency_us.as_ref().map(|latency| latency.p99)
    }
}

impl Bounds {
    /// The bounds that `outcome` does not keep, as sentences. What was not measured keeps no bound.
    pub(crate) fn broken(&self, outcome: &Outcome) -> Vec<String> {
        let rss_mb = outcome
            .server
            .as_ref()
            .map(|server| server.rss_kb as f64 / 1024.0);
        let most = [
            ("p99 latency in us", outcome.p99_us(), self.max_p99_us),
            (
                "server CPU us per item",
                outcome.cpu_us_per_item(),
                self.max_cpu_us_per_msg,
            ),
            ("server RSS in MB", rss_mb, self.max_rss_mb),
            (
                "errors",
                Some(outcome.errors_total() as f64),
                self.max_errors.map(|errors| errors as f64),
            ),
        ];
        let mut broken: Vec<String> = most
            .into_iter()
            .filter_map(|(name, value, bound)| match (value, bound?) {
                (Some(value), bound) if value <= bound => None,
                (Some(value), bound) => Some(format!("{name}: {value:.1}, allowed are {bound}")),
                (None, _) => Some(format!("{name}: not measured")),
            })
            .collect();
        if let Some(bound) = self.min_rate.filter(|bound| outcome.rate_per_s < *bound) {
            broken.push(format!(
                "rate per second: {:.1}, wanted are {bound}",
                outcome.rate_per_s
            ));
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        Outcome {
            rate_per_s: 100.0,
            latency_us: Some(Latency {
                p99: 50.0,
                ..Latency::default()
            }),
            errors: BTreeMap::from([("reset".to_owned(), 2), ("lost".to_owned(), 1)]),
            ..Outcome::default()
        }
    }

    #[test]
    fn kept_bounds_say_nothing() {
        let bounds = Bounds {
            max_p99_us: Some(50.0),
            min_rate: Some(100.0),
            max_errors: Some(3),
            ..Bounds::default()
        };
        assert!(bounds.broken(&outcome()).is_empty());
        assert!(Bounds::default().broken(&outcome()).is_empty());
    }

    #[test]
    fn broken_bounds_are_named() {
        let bounds = Bounds {
            max_p99_us: Some(49.0),
            min_rate: Some(101.0),
            max_errors: Some(2),
            ..Bounds::default()
        };
        assert_eq!(bounds.broken(&outcome()).len(), 3);
    }

    #[test]
    fn what_was_not_measured_keeps_no_bound() {
        let bounds = Bounds {
            max_rss_mb: Some(1.0),
            ..Bounds::default()
        };
        assert_eq!(
            bounds.broken(&outcome()),
            ["server RSS in MB: not measured"]
        );
    }
}
