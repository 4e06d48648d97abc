//! Passerby's load harness: plays crowds of strangers against any server that speaks `/ws`, and compares Passerby with
//! the least and the usual way to write it.

mod accounts;
mod args;
mod compare;
mod fleet;
mod launch;
mod meter;
mod metrics;
mod outcome;
mod probe;
mod report;
mod scenario;
mod serve;
mod session;

use std::{
    fs,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use args::{Args, Job, Load};
use scenario::Scenario;

/// A bound or a target was missed.
const EXIT_MISSED: u8 = 1;
/// The run could not be done as asked.
const EXIT_UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let job = Job::from(Args::parse().command);
    probe::raise_descriptors();
    let done = match job {
        Job::Scenario(scenario, load) => run_scenario(&scenario, &load),
        Job::Compare(compare) => compare.run(),
        Job::ServeFloor(listen, mode) => serve::floor::serve(listen, mode).map(|()| true),
        Job::ServeBaseline(listen, read_buffer) => {
            serve::baseline::serve(listen, read_buffer).map(|()| true)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_MISSED),
        Err(error) => {
            let _ = writeln!(io::stderr(), "loadtest: {error}");
            ExitCode::from(EXIT_UNUSABLE)
        }
    }
}

/// Answers whether all bounds were kept.
fn run_scenario(scenario: &Scenario, load: &Load) -> io::Result<bool> {
    if let Some(cpu) = load.pin {
        probe::pin(cpu)?;
    }
    let mut outcome = scenario::run(scenario, &load.setting(scenario))?;
    outcome.broken_bounds = load.bounds.broken(&outcome);
    io::stdout().write_all(report::table::of(&outcome).as_bytes())?;
    if let Some(file) = &load.json {
        fs::write(file, serde_json::to_vec_pretty(&outcome)?)?;
    }
    if let Some(file) = &load.report {
        fs::write(file, report::page::of_run(&outcome))?;
    }
    Ok(outcome.broken_bounds.is_empty())
}
