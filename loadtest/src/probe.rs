//! What the kernel says about a process: its processor time, memory and descriptors.

use std::{fs, path::PathBuf};

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_setaffinity},
};
use serde::Serialize;

/// Linux tells times in hundredths of a second, whatever its own tick is.
const TICK_NS: u64 = 10_000_000;

/// Looks at one process through `/proc`.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    root: PathBuf,
}

/// One look.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Reading {
    /// User and system time of all its threads.
    pub(crate) cpu_ns: u64,
    pub(crate) rss_kb: u64,
    /// The private part: heap and stacks, no file pages.
    pub(crate) anon_kb: u64,
}

impl Probe {
    pub(crate) fn of(pid: u32) -> Self {
        Self {
            root: PathBuf::from(format!("/proc/{pid}")),
        }
    }

    /// Nothing when the process is gone.
    pub(crate) fn read(&self) -> Option<Reading> {
        let status = fs::read_to_string(self.root.join("status")).ok()?;
        Some(Reading {
            cpu_ns: self.cpu_ns()?,
            rss_kb: field_kb(&status, "VmRSS:")?,
            anon_kb: field_kb(&status, "RssAnon:")?,
        })
    }

    /// Open descriptors. Costs the kernel some time when there are thousands.
    pub(crate) fn descriptors(&self) -> Option<u64> {
        Some(fs::read_dir(self.root.join("fd")).ok()?.count() as u64)
    }

    /// The scheduler's nanoseconds where the kernel keeps them, else clock ticks.
    fn cpu_ns(&self) -> Option<u64> {
        let mut total = 0;
        for task in fs::read_dir(self.root.join("task")).ok()?.flatten() {
            let Ok(line) = fs::read_to_string(task.path().join("schedstat")) else {
                continue;
            };
            total += line
                .split(' ')
                .next()
                .and_then(|ns| ns.parse::<u64>().ok())
                .unwrap_or(0);
        }
        if total > 0 {
            return Some(total);
        }
        ticks(&fs::read_to_string(self.root.join("stat")).ok()?).map(|ticks| ticks * TICK_NS)
    }
}

/// `utime + stime` from `/proc/PID/stat`; the name may hold anything, so count from its closing parenthesis.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn field_kb(status: &str, name: &str) -> Option<u64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .split_ascii_whitespace()
        .next()?
        .parse()
        .ok()
}

/// The time all processors together have been busy, to the clock tick.
pub(crate) fn machine_busy_ns() -> Option<u64> {
    busy_ticks(&fs::read_to_string("/proc/stat").ok()?).map(|ticks| ticks * TICK_NS)
}

/// Everything in the first line but idling and waiting for disks; guests are in `user` already.
fn busy_ticks(stat: &str) -> Option<u64> {
    let fields: Vec<u64> = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_ascii_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    (fields.len() >= 8).then(|| fields[..3].iter().chain(&fields[5..8]).sum())
}

/// Binds the calling thread, and what it will start, to one processor.
pub(crate) fn pin(cpu: usize) -> std::io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(std::io::Error::other(format!("no processor {cpu}")));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None::<Pid>, &set)?)
}

/// Lifts the soft limit of open descriptors to the hard one, but not above 20,000.
pub(crate) fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const DESCRIPTORS_MAX: u64 = 20_000;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .unwrap_or(DESCRIPTORS_MAX)
        .min(DESCRIPTORS_MAX);
    if limit.current.is_some_and(|current| current < wanted) {
        // Without it, large runs report their failed connections.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                maximum: limit.maximum,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read() {
        let reading = Probe::of(std::process::id()).read().unwrap();
        assert!(reading.cpu_ns > 0 && reading.rss_kb >= reading.anon_kb && reading.anon_kb > 0);
        assert!(Probe::of(std::process::id()).descriptors().unwrap() >= 3);
        assert!(Probe::of(u32::MAX).read().is_none());
    }

    #[test]
    fn busy_is_all_but_idle_and_waiting() {
        assert_eq!(
            busy_ticks("cpu  1 2 4 1000 1000 8 16 32 0 0\ncpu0 9"),
            Some(63)
        );
        assert!(machine_busy_ns().unwrap() > 0);
    }

    #[test]
    fn ticks_survive_an_odd_name() {
        assert_eq!(ticks("1 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 0"), Some(42));
    }
}
