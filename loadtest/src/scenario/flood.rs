//! `flood`: what abusers at wire speed do to the normal users beside them.
//!
//! Two phases of one run: first the normal users alone, then with the abusers. Both are open loops, timed from when a
//! message was due.

use std::{io, time::Duration};

use clap::Args;

use super::{clients, flooders::Flooders, open::Schedule};
use crate::{
    fleet::{Fleet, Play, Who},
    meter::Meter,
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// Abusers must all be at it within this time.
const FLOODING_PATIENCE_NS: u64 = 5_000_000_000;

/// Options of `flood`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Flood {
    /// Normal users, an even number
    #[arg(long, default_value = "1000", value_parser = clients)]
    pub(crate) normals: u32,
    /// Messages per second of each normal user
    #[arg(long, default_value_t = 1.0)]
    pub(crate) rate: f64,
    /// Abusers, an even number
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) abusers: u32,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) size: u32,
}

impl Flood {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let normals = self.normals.next_multiple_of(2);
        let mut session = Session::new(setting)?;
        let schedule = Schedule::new(f64::from(normals) * self.rate, self.size);
        let mut party = Party {
            schedule,
            flooders: None,
            turns: Meter::new(),
            turned_ns: 0,
        };
        session.gather(&mut party, normals, |party| {
            party.schedule.speakers.len() as u32 == normals
        })?;
        party.schedule.began_ns = Some(session.fleet.elapsed_ns());
        session.measure(&mut party)?;
        let calm = party.schedule.meter.latency();

        let abusers = self.abusers.next_multiple_of(2);
        let flooders = Flooders::new(abusers, setting.target, &setting.path, self.size);
        party.flooders = Some(flooders);
        let deadline = session.fleet.elapsed_ns() + FLOODING_PATIENCE_NS;
        while !party.flooders.as_ref().is_some_and(Flooders::all_flooding)
            && session.fleet.elapsed_ns() < deadline
        {
            session.fleet.turn(&mut party, Duration::ZERO)?;
        }
        party.turns.reset();
        let sent_before = party.flooders.as_ref().map_or(0, Flooders::messages_sent);
        let window = session.measure(&mut party)?;
        let mut outcome = session.sum_up(window, &party.schedule.meter, "messages");
        if let Some(flooders) = &party.flooders {
            let sent = flooders.messages_sent() - sent_before;
            let span_s = setting.seconds + setting.warmup.as_secs_f64();
            outcome
                .figures
                .insert("abuser_messages_per_s", sent as f64 / span_s);
            outcome
                .figures
                .insert("abuser_bytes_read", flooders.bytes_read as f64);
            outcome
                .figures
                .insert("abuser_connections_ended", flooders.ended as f64);
        }
        let turns = party.turns.latency();
        outcome
            .figures
            .extend(turns.map(|turns| ("harness_turn_p99_us", turns.p99)));
        // Per normal message the server's time would say nothing: the abusers use nearly all of it.
        if let Some(server) = outcome.server.as_mut() {
            server.cpu_us_per_item = None;
        }
        // An unfair server may leave the flooded phase without a single message, and so without a figure.
        let flooded = outcome.latency_us.clone();
        if let Some((calm, flooded)) = calm.as_ref().zip(flooded.as_ref()) {
            outcome.figures.insert("p99_ratio", flooded.p99 / calm.p99);
        }
        for (phase, p99, latency) in [
            ("calm", "p99_us_calm", calm),
            ("flooded", "p99_us_flooded", flooded),
        ] {
            if let Some(latency) = latency {
                outcome.figures.insert(p99, latency.p99);
                outcome.phases.extend([(phase, latency)]);
            }
        }
        Ok(outcome)
    }
}

struct Party {
    schedule: Schedule,
    flooders: Option<Flooders>,
    /// How long the harness itself takes from turn to turn: what it may add to a latency.
    turns: Meter,
    turned_ns: u64,
}

impl Play for Party {
    fn opened(&mut self, fleet: &mut Fleet, who: Who) {
        self.schedule.opened(fleet, who);
    }

    fn linked(&mut self, fleet: &mut Fleet, one: Who, other: Who) {
        self.schedule.linked(fleet, one, other);
    }

    fn received(&mut self, fleet: &mut Fleet, who: Who, took_ns: u64) {
        self.schedule.received(fleet, who, took_ns);
    }

    fn left(&mut self, fleet: &mut Fleet, who: Who) {
        self.schedule.left(fleet, who);
    }

    fn due(&mut self, fleet: &mut Fleet) -> Duration {
        let now_ns = fleet.elapsed_ns();
        self.turns.took(now_ns - self.turned_ns);
        self.turned_ns = now_ns;
        let patience = self.schedule.due(fleet);
        match &mut self.flooders {
            Some(flooders) => {
                flooders.step();
                Duration::ZERO
            }
            // The calm phase spins like the other one, so that only the abusers make the difference.
            None if self.schedule.began_ns.is_some() => Duration::ZERO,
            None => patience,
        }
    }
}

impl Measured for Party {
    fn meter(&mut self) -> &mut Meter {
        &mut self.schedule.meter
    }
}
