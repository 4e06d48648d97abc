//! `logins`: hundreds log in at once, while others chat without accounts.
//!
//! Two phases of one run, both open loops timed from when a message was due: calm, and while the crowd logs in.

use std::{
    fs, io,
    net::{SocketAddr, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use clap::Args;

use super::{open::Schedule, pairs};
use crate::{
    accounts::{self, Account, Call},
    launch::Own,
    outcome::Outcome,
    session::{Session, Setting},
};

/// Options of `logins`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Logins {
    /// Pairs that chat meanwhile
    #[arg(long, default_value = "50", value_parser = pairs)]
    pub(crate) pairs: u32,
    /// Their messages per second, all together
    #[arg(long, default_value_t = 1000.0, value_parser = super::open::rate)]
    pub(crate) rate: f64,
    /// Logins at once, each from another address; every fifth has an account
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub(crate) crowd: u32,
    #[command(flatten)]
    pub(crate) own: Own,
}

/// What became of the crowd.
#[derive(Debug, Default)]
struct Fates {
    /// 200 and 401: somebody looked at the password.
    judged: u32,
    /// 429.
    throttled: u32,
    /// 503.
    unavailable: u32,
    /// Anything else, and no answer.
    other: u32,
    slowest: Duration,
}

impl Logins {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let (_server, setting) = self.own.start(setting)?;
        let mut session = Session::new(&setting)?;
        let mut schedule = Schedule::new(self.rate, 32);
        session.gather(&mut schedule, self.pairs * 2, |schedule| {
            schedule.speakers.len() as u32 == self.pairs * 2
        })?;
        // Not before the chats: the memory that one password takes would be the empty server's already.
        let calm_kb = session.read_server().map(|reading| reading.rss_kb);
        let accounts = accounts::register(setting.target, self.crowd.div_ceil(100))?;
        schedule.began_ns = Some(session.fleet.elapsed_ns());
        let window = session.measure(&mut schedule)?;
        let calm = session.sum_up(window, &schedule.meter, "messages");
        let crowd = self.crowd as usize;
        let rush = thread::spawn(move || rush(setting.target, crowd, &accounts));
        let window = session.measure(&mut schedule)?;
        let mut outcome = session.sum_up(window, &schedule.meter, "messages");
        outcome.compare_with_calm(calm);
        // The answers may take longer than the window; the chats go on meanwhile.
        while !rush.is_finished() {
            session.idle_through(&mut schedule, Duration::from_millis(20))?;
        }
        note(&mut outcome, rush)?;
        let peak_kb = setting.server_pid.and_then(peak_kb);
        if let Some((calm_kb, peak_kb)) = calm_kb.zip(peak_kb) {
            let grown_mb = peak_kb.saturating_sub(calm_kb) as f64 / 1024.0;
            outcome.figures.insert("rss_growth_at_worst_mb", grown_mb);
        }
        outcome.errors = session.fleet.errors().clone();
        Ok(outcome)
    }
}

fn note(outcome: &mut Outcome, rush: JoinHandle<io::Result<Fates>>) -> io::Result<()> {
    let died = |_| io::Error::other("the thread of the crowd panicked");
    let fates = rush.join().map_err(died)??;
    for (name, value) in [
        ("logins_judged", f64::from(fates.judged)),
        ("logins_throttled", f64::from(fates.throttled)),
        ("logins_unavailable", f64::from(fates.unavailable)),
        ("logins_otherwise", f64::from(fates.other)),
        ("slowest_login_ms", fates.slowest.as_secs_f64() * 1e3),
    ] {
        outcome.figures.insert(name, value);
    }
    Ok(())
}

/// Has the crowd ask before the first of them reads an answer.
fn rush(target: SocketAddr, crowd: usize, accounts: &[Account]) -> io::Result<Fates> {
    let began = Instant::now();
    let streams: Vec<TcpStream> = (0..crowd)
        .map(|number| {
            let body = match accounts.get(number / 5 % accounts.len().max(1)) {
                Some(account) if number % 5 == 0 => {
                    accounts::login(&account.email, accounts::PASSWORD)
                }
                _ => accounts::login(&format!("nobody{number}"), accounts::PASSWORD),
            };
            let call = Call {
                method: "POST",
                path: "/auth/login",
                body: &body,
                client: Some(&accounts::client(number)),
                ..Call::default()
            };
            call.send(target)
        })
        .collect::<io::Result<_>>()?;
    let mut fates = Fates::default();
    for stream in streams {
        let fate = match accounts::read_answer(stream).map(|answer| answer.status) {
            Ok(200 | 401) => &mut fates.judged,
            Ok(429) => &mut fates.throttled,
            Ok(503) => &mut fates.unavailable,
            _ => &mut fates.other,
        };
        *fate += 1;
    }
    fates.slowest = began.elapsed();
    Ok(fates)
}

/// The most memory that a process ever had, in KiB.
fn peak_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
