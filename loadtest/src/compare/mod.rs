//! `compare`: Passerby beside the floor and the baseline, under the same load, taking turns.
//!
//! Every figure comes from a fresh server process on one processor, with the load on another. The servers alternate
//! within a round and their order rotates from round to round, so slow moments of the machine hit all of them; ratios
//! are taken within a round, and their median is what counts.

mod figures;
mod launch;
mod rows;
pub(crate) mod verdict;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::{
    args::{READ_BUFFER_BYTES, seconds},
    launch::Launched,
    outcome::Outcome,
    probe, report,
    session::Setting,
};

pub(crate) use figures::Figures;
pub(crate) use rows::Row;
pub(crate) use verdict::Verdict;

/// The machine is quiet when others used no more than this share of a processor for so long.
const QUIET_SHARE: f64 = 0.15;
const LISTEN: Duration = Duration::from_millis(200);

/// Who is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Contender {
    Floor,
    Passerby,
    Baseline,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Passerby's binary [default: `passerby` beside this one]
    #[arg(long, value_name = "PATH")]
    pub(crate) passerby: Option<PathBuf>,
    /// Further arguments for Passerby
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub(crate) passerby_arg: Vec<String>,
    /// Read buffer of the baseline's connections; 4096 instead of the library's own makes it several times faster
    #[arg(long, default_value_t = READ_BUFFER_BYTES, value_name = "BYTES")]
    pub(crate) baseline_read_buffer: usize,
    /// Who takes part
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "floor,passerby,baseline"
    )]
    pub(crate) servers: Vec<Contender>,
    /// Times everything is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Length of each measured window
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Milliseconds played before each window
    #[arg(long, default_value_t = 300)]
    pub(crate) warmup_ms: u32,
    /// Rows to run [default: all]; those they build on run as well
    #[arg(long, value_enum, value_name = "ROW")]
    pub(crate) only: Vec<Row>,
    /// Pairs of the row `crowd`
    #[arg(long, default_value_t = 9_000, value_parser = clap::value_parser!(u32).range(1..=9_950))]
    pub(crate) crowd: u32,
    /// Connections of the row `idle`
    #[arg(long, default_value_t = 19_000, value_parser = clap::value_parser!(u32).range(1..=19_900))]
    pub(crate) idle: u32,
    /// Seconds for which Passerby holds them; its pings come every 25
    #[arg(long, default_value_t = 26.0, value_parser = seconds)]
    pub(crate) hold: f64,
    /// Seconds to wait at most, before each run, for other processes to quiet down
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub(crate) patience: u64,
    /// Processor of the servers
    #[arg(long, default_value_t = 0, value_name = "CPU")]
    pub(crate) server_cpu: usize,
    /// Processor of the load
    #[arg(long, default_value_t = 1, value_name = "CPU")]
    pub(crate) load_cpu: usize,
    /// Write all figures as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write a page with charts
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

/// Everything a comparison found out.
#[derive(Serialize)]
pub(crate) struct Comparison {
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
    pub(crate) figures: Figures,
    pub(crate) verdicts: Vec<Verdict>,
    /// Runs that failed, and errors within runs.
    pub(crate) troubles: BTreeMap<String, u64>,
    /// What other processes took during each run, in processors.
    pub(crate) others_cpu_shares: Vec<f64>,
    /// The last lockstep run of each, for the charts.
    pub(crate) lockstep: BTreeMap<&'static str, Outcome>,
}

impl Compare {
    /// Answers whether all targets were met.
    pub(crate) fn run(&self) -> io::Result<bool> {
        if self.servers.contains(&Contender::Passerby) && !self.passerby_path()?.is_file() {
            let path = self.passerby_path()?;
            return Err(io::Error::other(format!(
                "no {}: build it, name it with --passerby, or leave it out with --servers floor,baseline",
                path.display()
            )));
        }
        probe::pin(self.load_cpu)?;
        let mut comparison = Comparison {
            rounds: self.rounds,
            seconds: self.seconds,
            figures: Figures::default(),
            verdicts: Vec::new(),
            troubles: BTreeMap::new(),
            others_cpu_shares: Vec::new(),
            lockstep: BTreeMap::new(),
        };
        for round in 0..self.rounds {
            self.round(round, &mut comparison);
        }
        comparison.verdicts = verdict::all(&comparison.figures);
        io::stdout().write_all(report::comparison::table(&comparison).as_bytes())?;
        if let Some(file) = &self.json {
            fs::write(file, serde_json::to_vec_pretty(&comparison)?)?;
        }
        if let Some(file) = &self.report {
            fs::write(file, report::comparison::page(&comparison))?;
        }
        Ok(comparison
            .verdicts
            .iter()
            .all(|verdict| verdict.met != Some(false)))
    }

    fn round(&self, round: u32, comparison: &mut Comparison) {
        let mut order = self.servers.clone();
        let first = round as usize % order.len().max(1);
        order.rotate_left(first);
        for row in Row::ALL
            .into_iter()
            .filter(|row| self.wants(*row) && row.runs_in(round))
        {
            for contender in order
                .iter()
                .copied()
                .filter(|contender| row.concerns(*contender))
            {
                let told = format!(
                    "round {}/{}  {} of {}",
                    round + 1,
                    self.rounds,
                    row.name(),
                    contender.name()
                );
                // A closed stderr is no reason to stop.
                let _ = writeln!(io::stderr(), "{told}");
                self.await_quiet();
                if let Err(error) = rows::run(self, row, contender, comparison) {
                    let _ = writeln!(io::stderr(), "  failed: {error}");
                    let kind = format!("{} of {}: {error}", row.name(), contender.name());
                    *comparison.troubles.entry(kind).or_default() += 1;
                }
                comparison.figures.close_round(row, contender, round);
            }
        }
    }

    /// Returns once the machine is quiet, or patience has run out.
    fn await_quiet(&self) {
        let deadline = Instant::now() + Duration::from_secs(self.patience);
        while Instant::now() < deadline {
            let before = probe::machine_busy_ns();
            thread::sleep(LISTEN);
            let busy_ns = probe::machine_busy_ns()
                .zip(before)
                .map(|(now, then)| now.saturating_sub(then));
            if busy_ns.is_none_or(|ns| ns as f64 <= LISTEN.as_nanos() as f64 * QUIET_SHARE) {
                return;
            }
        }
    }

    fn wants(&self, row: Row) -> bool {
        let built_on =
            row == Row::Lockstep && self.only.iter().any(|only| only.builds_on_lockstep());
        self.only.is_empty() || self.only.contains(&row) || built_on
    }

    fn passerby_path(&self) -> io::Result<PathBuf> {
        match &self.passerby {
            Some(path) => Ok(path.clone()),
            None => Ok(std::env::current_exe()?.with_file_name("passerby")),
        }
    }

    fn setting(&self, server: &Launched) -> Setting {
        Setting {
            target: server.address,
            path: "/ws".to_owned(),
            server_pid: Some(server.pid()),
            seconds: self.seconds,
            warmup: Duration::from_millis(self.warmup_ms.into()),
            sources: 32,
            progress: false,
        }
    }
}

impl Contender {
    pub(crate) const ALL: [Self; 3] = [Self::Floor, Self::Passerby, Self::Baseline];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Passerby => "passerby",
            Self::Baseline => "baseline",
        }
    }
}
