//! `outage`: the database goes away while people chat without accounts, and comes back.
//!
//! Three phases of one run, all open loops timed from when a message was due: before, while, after. Somebody with an account asks
//! for their rooms all the time.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use rustix::process::{Pid, Signal, kill_process};

use super::{open::Schedule, pairs};
use crate::{
    accounts::{self, Call},
    launch::Own,
    meter::median,
    outcome::Outcome,
    session::{Session, Setting},
};

const PHASES: [&str; 3] = ["before", "while", "after"];
/// The phase in which nobody asks any more.
const OVER: usize = PHASES.len();
/// The pause between two calls.
const PAUSE: Duration = Duration::from_millis(50);

/// How the database goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// It stops answering and goes on later (SIGSTOP, SIGCONT)
    Stop,
    /// It is killed and started again
    Kill,
}

/// Options of `outage`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Outage {
    /// Pairs that chat
    #[arg(long, default_value = "50", value_parser = pairs)]
    pub(crate) pairs: u32,
    /// Their messages per second, all together
    #[arg(long, default_value_t = 1000.0, value_parser = super::open::rate)]
    pub(crate) rate: f64,
    /// Process id of the database server, whose children are meant, too
    #[arg(long, value_name = "PID")]
    pub(crate) db_pid: u32,
    /// How it goes away
    #[arg(long, value_enum, default_value = "stop")]
    pub(crate) by: By,
    /// A shell command that starts it again after it was killed
    #[arg(long, value_name = "COMMAND", required_if_eq("by", "kill"))]
    pub(crate) restart: Option<String>,
    #[command(flatten)]
    pub(crate) own: Own,
}

/// One call for somebody's rooms.
#[derive(Debug, Clone, Copy)]
struct Asked {
    phase: usize,
    at: Instant,
    took_ms: f64,
    /// 0 without an answer.
    status: u16,
    says_when_to_retry: bool,
}

impl Outage {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let (_server, setting) = self.own.start(setting)?;
        let mut session = Session::new(&setting)?;
        let mut schedule = Schedule::new(self.rate, 32);
        session.gather(&mut schedule, self.pairs * 2, |schedule| {
            schedule.speakers.len() as u32 == self.pairs * 2
        })?;
        let account = accounts::register(setting.target, 1)?.remove(0);
        let phase = Arc::new(AtomicUsize::new(0));
        let asker = {
            let (phase, target) = (Arc::clone(&phase), setting.target);
            thread::spawn(move || ask(target, &account.token, &phase))
        };
        schedule.began_ns = Some(session.fleet.elapsed_ns());
        let mut outcomes = Vec::new();
        let mut back_at = None;
        for number in 0..PHASES.len() {
            phase.store(number, Ordering::Relaxed);
            match number {
                1 => self.go_away()?,
                2 => {
                    back_at = Some(Instant::now());
                    self.come_back()?;
                }
                _ => {}
            }
            let window = session.measure(&mut schedule)?;
            outcomes.push(session.sum_up(window, &schedule.meter, "messages"));
        }
        phase.store(OVER, Ordering::Relaxed);
        while !asker.is_finished() {
            session.idle_through(&mut schedule, Duration::from_millis(20))?;
        }
        let asked = asker
            .join()
            .map_err(|_| io::Error::other("the thread that asks panicked"))?;
        let mut phases = BTreeMap::new();
        for (name, outcome) in PHASES.into_iter().zip(&outcomes) {
            phases.extend(outcome.latency_us.clone().map(|latency| (name, latency)));
        }
        let mut outcome = outcomes.swap_remove(1);
        outcome.phases = phases;
        note(&mut outcome, &asked, back_at);
        outcome.errors = session.fleet.errors().clone();
        Ok(outcome)
    }

    fn go_away(&self) -> io::Result<()> {
        self.signal(match self.by {
            By::Stop => Signal::STOP,
            By::Kill => Signal::KILL,
        })
    }

    fn come_back(&self) -> io::Result<()> {
        match &self.restart {
            Some(command) if self.by == By::Kill => {
                // It may stay there as a child; nobody waits for it.
                Command::new("/bin/sh")
                    .args(["-c", command])
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()?;
                Ok(())
            }
            _ => self.signal(Signal::CONT),
        }
    }

    /// Sends a signal to the database server and its children.
    fn signal(&self, signal: Signal) -> io::Result<()> {
        let children = format!("/proc/{0}/task/{0}/children", self.db_pid);
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let pid = |number: u32| Pid::from_raw(number.try_into().ok()?);
        let server = pid(self.db_pid).ok_or_else(|| io::Error::other("no such process"))?;
        kill_process(server, signal)?;
        let children = children.split_ascii_whitespace();
        for child in children.filter_map(|number| pid(number.parse().ok()?)) {
            // One that has just ended is no trouble.
            let _ = kill_process(child, signal);
        }
        Ok(())
    }
}

/// Asks for somebody's rooms until it is over.
fn ask(target: SocketAddr, token: &str, phase: &AtomicUsize) -> Vec<Asked> {
    let mut asked = Vec::new();
    loop {
        let number = phase.load(Ordering::Relaxed);
        if number == OVER {
            return asked;
        }
        let call = Call {
            method: "GET",
            path: "/rooms/me",
            token: Some(token),
            ..Call::default()
        };
        let at = Instant::now();
        let answer = call.make(target);
        asked.push(Asked {
            phase: number,
            at,
            took_ms: at.elapsed().as_secs_f64() * 1e3,
            status: answer.as_ref().map_or(0, |answer| answer.status),
            says_when_to_retry: answer.is_ok_and(|answer| answer.head.contains("Retry-After:")),
        });
        thread::sleep(PAUSE);
    }
}

/// Notes what the calls came to.
fn note(outcome: &mut Outcome, asked: &[Asked], back_at: Option<Instant>) {
    let count = |wanted: &dyn Fn(&Asked) -> bool| asked.iter().filter(|one| wanted(one)).count();
    let away: Vec<&Asked> = asked.iter().filter(|one| one.phase == 1).collect();
    let refused: Vec<f64> = away
        .iter()
        .filter(|one| one.status == 503)
        .map(|one| one.took_ms)
        .collect();
    let slowest = refused.iter().copied().reduce(f64::max);
    let recovered = back_at.and_then(|back_at| {
        let good = asked
            .iter()
            .find(|one| one.at > back_at && one.status == 200)?;
        let at = good.at + Duration::from_secs_f64(good.took_ms / 1e3);
        Some((at - back_at).as_secs_f64() * 1e3)
    });
    let counted = [
        (
            "calls_before_200",
            count(&|one| one.phase == 0 && one.status == 200),
        ),
        ("calls_while", away.len()),
        ("calls_while_503", refused.len()),
        (
            "calls_while_503_with_retry_after",
            count(&|one| one.phase == 1 && one.status == 503 && one.says_when_to_retry),
        ),
        (
            "calls_after_200",
            count(&|one| one.phase == 2 && one.status == 200),
        ),
        ("calls_unanswered", count(&|one| one.status == 0)),
    ];
    outcome
        .figures
        .extend(counted.map(|(name, count)| (name, count as f64)));
    for (name, value) in [
        ("slowest_503_ms", slowest),
        ("median_503_ms", median(&refused)),
        ("recovered_after_ms", recovered),
    ] {
        outcome.figures.extend(value.map(|value| (name, value)));
    }
}
