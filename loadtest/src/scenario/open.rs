//! `open`: messages arrive at a fixed rate, whether or not the server keeps up.
//!
//! Latency counts from when a message was due, so a stalled server cannot hide its stall by slowing the load
//! down (coordinated omission).

use std::{io, time::Duration};

use clap::Args;

use super::pairs;
use crate::{
    fleet::{Fleet, Play, Who, speech},
    meter::Meter,
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// Sleeping is only as exact as this; closer to the next message the loop spins.
const SLEEP_NS_MIN: u64 = 2_000_000;
/// Messages sent between two looks at the sockets, when behind.
const CATCH_UP_MAX: u32 = 16;

/// Options of `open`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Open {
    /// Chatting pairs
    #[arg(long, default_value = "100", value_parser = pairs)]
    pub(crate) pairs: u32,
    /// Messages per second, all pairs together
    #[arg(long, default_value_t = 10_000.0, value_parser = rate)]
    pub(crate) rate: f64,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) size: u32,
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("0.1 to 10000000".to_owned()),
    }
}

impl Open {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let mut session = Session::new(setting)?;
        let mut schedule = Schedule::new(self.rate, self.size);
        session.gather(&mut schedule, self.pairs * 2, |schedule| {
            schedule.speakers.len() as u32 == self.pairs * 2
        })?;
        schedule.began_ns = Some(session.fleet.elapsed_ns());
        let window = session.measure(&mut schedule)?;
        let mut outcome = session.sum_up(window, &schedule.meter, "messages");
        outcome.figures.insert("rate_due_per_s", self.rate);
        outcome
            .figures
            .insert("worst_lag_sending_us", schedule.worst_lag_ns as f64 / 1e3);
        Ok(outcome)
    }
}

/// The `nth` message is due at `began + nth / rate`, from each client in turn.
pub(super) struct Schedule {
    rate: f64,
    message: Vec<u8>,
    find: Vec<u8>,
    pub(super) speakers: Vec<Who>,
    /// Nothing is due before this is set.
    pub(super) began_ns: Option<u64>,
    sent: u64,
    /// How far behind the harness itself was at worst.
    worst_lag_ns: u64,
    pub(super) meter: Meter,
}

impl Schedule {
    pub(super) fn new(rate: f64, size: u32) -> Self {
        Self {
            rate,
            message: speech::message(size as usize),
            find: speech::find_match(),
            speakers: Vec::new(),
            began_ns: None,
            sent: 0,
            worst_lag_ns: 0,
            meter: Meter::new(),
        }
    }
}

impl Play for Schedule {
    fn opened(&mut self, fleet: &mut Fleet, who: Who) {
        fleet.say(who, &self.find);
    }

    fn linked(&mut self, _fleet: &mut Fleet, one: Who, other: Who) {
        self.speakers.extend([one, other]);
    }

    fn received(&mut self, _fleet: &mut Fleet, _who: Who, took_ns: u64) {
        self.meter.took(took_ns);
    }

    fn left(&mut self, fleet: &mut Fleet, _who: Who) {
        fleet.fault("a partner left");
    }

    fn due(&mut self, fleet: &mut Fleet) -> Duration {
        let Some(began) = self.began_ns else {
            return Duration::from_millis(20);
        };
        for _ in 0..CATCH_UP_MAX {
            let due = began + (self.sent as f64 * 1e9 / self.rate) as u64;
            let now = fleet.elapsed_ns();
            if due > now {
                let wait = due - now;
                return Duration::from_nanos(if wait > SLEEP_NS_MIN {
                    wait - SLEEP_NS_MIN / 2
                } else {
                    0
                });
            }
            // The numbers run through the clients so that each pair speaks in turns.
            let speaker = self.speakers[(self.sent % self.speakers.len() as u64) as usize];
            fleet.tell(speaker, &self.message, 1, due);
            self.worst_lag_ns = self.worst_lag_ns.max(now - due);
            self.sent += 1;
        }
        Duration::ZERO
    }
}

impl Measured for Schedule {
    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }
}
