//! `timing`: whether logging in tells by its time that there is an account.
//!
//! Logins with an unknown name and with a wrong password take turns, one at a time, each pair in random order. The
//! Mann-Whitney test says how likely two samples that differ at least so much would be, if there were no difference.

use std::{io, net::SocketAddr, time::Instant};

use clap::Args;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use statrs::stats_tests::Alternative;
use statrs::stats_tests::mannwhitneyu::{MannWhitneyUMethod, mannwhitneyu};

use crate::{
    accounts::{self, Call},
    launch::Own,
    meter::{Meter, median},
    metrics::Metrics,
    outcome::Outcome,
    session::Setting,
};

/// Wrong passwords for one account; the server takes 20.
const TRIES_PER_ACCOUNT: u32 = 15;

/// Options of `timing`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Timing {
    /// Logins of each kind
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) tries: u32,
    #[command(flatten)]
    pub(crate) own: Own,
}

impl Timing {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let (_server, setting) = self.own.start(setting)?;
        let count = self.tries.div_ceil(TRIES_PER_ACCOUNT);
        let accounts = accounts::register(setting.target, count)?;
        let before = Metrics::read(setting.target);
        let began = Instant::now();
        let run = uuid::Uuid::new_v4();
        let mut random = StdRng::seed_from_u64(run.as_u64_pair().0);
        // What they took, in microseconds: names that nobody has, and wrong passwords.
        let mut took: [Vec<f64>; 2] = Default::default();
        let mut meters = [Meter::new(), Meter::new()];
        let mut all = Meter::new();
        for number in 0..self.tries {
            let first = usize::from(random.random::<bool>());
            for kind in [first, 1 - first] {
                let account = &accounts[(number / TRIES_PER_ACCOUNT) as usize];
                // Both are as long, so that only what the server does with them differs.
                let unknown = format!("{}.{number}@example.org", run.simple());
                let name = [&unknown, &account.email][kind];
                let ns = time(setting.target, name, number as usize * 2 + kind)?;
                took[kind].push(ns as f64 / 1e3);
                meters[kind].took(ns);
                all.took(ns);
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let mut outcome = Outcome {
            target: setting.target.to_string(),
            unit: "logins",
            seconds,
            count: all.count(),
            rate_per_s: all.count() as f64 / seconds,
            latency_us: all.latency(),
            ..Outcome::default()
        };
        for (phase, meter) in ["unknown name", "wrong password"].into_iter().zip(&meters) {
            outcome
                .phases
                .extend(meter.latency().map(|latency| (phase, latency)));
        }
        let hashed = before
            .zip(Metrics::read(setting.target))
            .and_then(|(before, after)| after.since(&before, "passerby_passwords_hashed_total"));
        for (name, value) in [
            ("median_us_unknown_name", median(&took[0])),
            ("median_us_wrong_password", median(&took[1])),
            (
                "mann_whitney_p_percent",
                mann_whitney(&took[0], &took[1]).map(|p| p * 100.0),
            ),
            ("passwords_hashed", hashed),
        ] {
            outcome.figures.extend(value.map(|value| (name, value)));
        }
        Ok(outcome)
    }
}

/// How long it takes to be refused, in nanoseconds.
fn time(target: SocketAddr, name: &str, number: usize) -> io::Result<u64> {
    let body = accounts::login(name, "not the password");
    let call = Call {
        method: "POST",
        path: "/auth/login",
        body: &body,
        client: Some(&accounts::client(number)),
        ..Call::default()
    };
    let began = Instant::now();
    let answer = call.make(target)?;
    let took = began.elapsed();
    if answer.status != 401 {
        let message = format!("wanted 401, got {} {}", answer.status, answer.body);
        return Err(io::Error::other(message));
    }
    Ok(took.as_nanos() as u64)
}

/// The two-sided p of the Mann-Whitney test, in the normal approximation with correction for ties and continuity.
fn mann_whitney(ones: &[f64], others: &[f64]) -> Option<f64> {
    let method = MannWhitneyUMethod::AsymptoticInclContinuityCorrection;
    let (_, p) = mannwhitneyu(ones, others, method, Alternative::TwoSided).ok()?;
    Some(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_differ_are_told_apart() {
        let run = |from: u32| -> Vec<f64> { (from..from + 50).map(f64::from).collect() };
        assert!(mann_whitney(&run(0), &run(0)).unwrap() > 0.99);
        assert!(mann_whitney(&run(0), &run(100)).unwrap() < 1e-9);
        assert_eq!(mann_whitney(&[1.0; 5], &[1.0; 5]), Some(1.0));
        assert_eq!(mann_whitney(&[], &[1.0]), None);
        // A worked example: U = 3 of 25, z = (12.5 - 3 - 0.5) / sqrt(25 * 11 / 12).
        let p = mann_whitney(&[1.0, 2.0, 3.0, 5.0, 7.0], &[4.0, 6.0, 8.0, 9.0, 10.0]);
        assert!((p.unwrap() - 0.060).abs() < 0.001);
    }
}
