//! Counting and timing what a scenario is about.

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency told apart: one minute.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// How often something happened, and how long it took.
pub(crate) struct Meter {
    count: u64,
    histogram: Histogram<u64>,
}

/// The latency table, in microseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Latency {
    pub(crate) samples: u64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
    /// Percentile and microseconds, for the chart.
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let histogram = match Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3) {
            Ok(histogram) => histogram,
            Err(error) => unreachable!("the histogram's bounds are constants: {error}"),
        };
        Self {
            count: 0,
            histogram,
        }
    }

    /// One more, which took so long.
    pub(crate) fn took(&mut self, ns: u64) {
        self.count += 1;
        self.histogram.saturating_record(ns.max(1));
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Forgets everything so far: the warm-up is over.
    pub(crate) fn reset(&mut self) {
        self.count = 0;
        self.histogram.reset();
    }

    /// The table, when anything was timed.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let at = |percentile: f64| self.histogram.value_at_percentile(percentile) as f64 / 1e3;
        (!self.histogram.is_empty()).then(|| Latency {
            samples: self.histogram.len(),
            mean: self.histogram.mean() / 1e3,
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p99_9: at(99.9),
            max: self.histogram.max() as f64 / 1e3,
            curve: percentiles(self.histogram.len())
                .map(|percentile| (percentile, at(percentile)))
                .collect(),
        })
    }
}

/// Percentiles that get closer together towards 100, as far as `samples` can tell them apart.
fn percentiles(samples: u64) -> impl Iterator<Item = f64> {
    const PER_DECADE: i32 = 12;
    let decades = (samples.max(10) as f64).log10().min(6.0);
    let steps = (decades * f64::from(PER_DECADE)) as i32;
    (0..=steps).map(|step| 100.0 * (1.0 - 10f64.powf(-f64::from(step) / f64::from(PER_DECADE))))
}

/// The middle one of `values`; the mean of the two middle ones when they are even in number.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        len if len % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The slope of the least-squares line through `points`.
pub(crate) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (mean_x, mean_y) = points.iter().fold((0.0, 0.0), |(x, y), point| {
        (x + point.0 / count, y + point.1 / count)
    });
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let shared: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    (spread > 0.0).then(|| shared / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_table_is_in_microseconds() {
        let mut meter = Meter::new();
        assert!(meter.latency().is_none());
        (1..=1000).for_each(|us| meter.took(us * 1000));
        let latency = meter.latency().unwrap();
        assert_eq!(latency.samples, 1000);
        for (value, expected) in [
            (latency.p50, 500.0),
            (latency.p99, 990.0),
            (latency.max, 1000.0),
        ] {
            assert!(
                (value - expected).abs() / expected < 0.002,
                "{value} for {expected}"
            );
        }
        assert!(
            latency
                .curve
                .windows(2)
                .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1)
        );
        meter.reset();
        assert_eq!(meter.count(), 0);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn slopes() {
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Some(2.0));
        assert_eq!(slope(&[(1.0, 1.0)]), None);
    }
}
