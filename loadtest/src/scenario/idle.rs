//! `idle`: what a connection costs that only stays.

use std::{io, time::Duration};

use clap::Args;

use super::clients;
use crate::{
    fleet::{Fleet, Play, Who, speech},
    meter::Meter,
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// Time for the server to finish what connecting began.
const SETTLE: Duration = Duration::from_millis(500);

/// Options of `idle`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Idle {
    /// Connections to open
    #[arg(long, default_value = "10000", value_parser = clients)]
    pub(crate) connections: u32,
    /// Seconds to hold them while watching the server's processor time; pings are answered
    #[arg(long, default_value_t = 0.0, value_parser = super::mixed::positive_or_zero)]
    pub(crate) hold: f64,
    /// Pair them, too (they stay silent)
    #[arg(long)]
    pub(crate) paired: bool,
}

impl Idle {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let setting = Setting {
            seconds: self.hold,
            warmup: SETTLE,
            ..setting.clone()
        };
        let mut session = Session::new(&setting)?;
        let mut crowd = Crowd {
            find: self.paired.then(speech::find_match),
            meter: Meter::new(),
        };
        session.gather(&mut crowd, self.connections, |_| true)?;
        session.idle_through(&mut crowd, SETTLE)?;
        let opening = crowd.meter.latency();
        let full = session.read_server();
        let window = session.measure(&mut crowd)?;
        if session.fleet.open() < self.connections {
            session.fleet.fault("connections were lost");
        }
        let mut outcome = session.sum_up(window, &Meter::new(), "connections");
        outcome.count = u64::from(session.fleet.open());
        outcome.rate_per_s = 0.0;
        outcome
            .phases
            .extend(opening.map(|latency| ("opening", latency)));
        if let Some((empty, full)) = session.empty.zip(full) {
            let each = |full: u64, empty: u64| {
                (full as f64 - empty as f64) * 1024.0 / f64::from(self.connections)
            };
            outcome
                .figures
                .insert("rss_bytes_per_connection", each(full.rss_kb, empty.rss_kb));
            outcome.figures.insert(
                "anon_bytes_per_connection",
                each(full.anon_kb, empty.anon_kb),
            );
            outcome
                .figures
                .insert("rss_mb_empty", empty.rss_kb as f64 / 1024.0);
            outcome
                .figures
                .insert("rss_mb_full", full.rss_kb as f64 / 1024.0);
            if let Some(server) = outcome.server.as_mut() {
                server.cpu_us_per_item = None;
                if self.hold > 0.0 {
                    outcome
                        .figures
                        .insert("idle_cpu_percent", server.cpu_share * 100.0);
                }
            }
        }
        Ok(outcome)
    }
}

struct Crowd {
    find: Option<Vec<u8>>,
    meter: Meter,
}

impl Play for Crowd {
    fn opened(&mut self, fleet: &mut Fleet, who: Who) {
        self.meter.took(fleet.age_ns(who));
        if let Some(find) = &self.find {
            fleet.say(who, find);
        }
    }
}

impl Measured for Crowd {
    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }
}
