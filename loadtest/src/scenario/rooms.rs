//! `rooms`: what one says, many hear.
//!
//! Messages arrive at a fixed rate, from the members in turn, and every member of the room hears each. A room keeps
//! one order for everybody, so the harness keeps the send times in a list per room and counts what each member heard.

use std::{
    io,
    time::{Duration, Instant},
};

use clap::Args;

use super::{clients, turns};
use crate::{
    fleet::{Fleet, Play, Who, speech},
    meter::Meter,
    metrics::Metrics,
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// Who the clients are; the number is each one's own.
const PATH: &str = "/api/ws?user_id=member{n}&username=member{n}";
/// Time for the server to finish what connecting or joining began.
const SETTLE: Duration = Duration::from_millis(500);
/// Joins told in rooms before the next members join, how often, and how long that may take.
const JOINS_AT_ONCE: usize = 50;
const JOINS_PAUSE: Duration = Duration::from_millis(5);
const JOIN_PATIENCE: Duration = Duration::from_secs(60);

/// Options of `rooms`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rooms {
    /// Members, all rooms together
    #[arg(long, default_value = "1000", value_parser = clients)]
    pub(crate) members: u32,
    /// Rooms; with more than one the server must run with --rooms-create-on-join true
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9999))]
    pub(crate) rooms: u32,
    /// Messages per second, all rooms together
    #[arg(long, default_value_t = 20.0, value_parser = super::mixed::positive_or_zero)]
    pub(crate) rate: f64,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) size: u32,
    /// Members who stop reading after a calm phase without them
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) stalled: u32,
    /// Have half of the members join first, and measure the memory that the others add
    #[arg(long)]
    pub(crate) memory: bool,
}

impl Rooms {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let setting = Setting {
            path: PATH.to_owned(),
            ..setting.clone()
        };
        let mut session = Session::new(&setting)?;
        let mut crowd = Crowd::new(self);
        session.gather(&mut crowd, self.members, |_| true)?;
        session.idle_through(&mut crowd, SETTLE)?;
        // Those who join first fill the pools that everybody shares; the others add what is their own.
        let first = self.members / if self.memory { 2 } else { 1 };
        crowd.join(first as usize, &mut session)?;
        let outside = session.read_server();
        crowd.join(self.members as usize, &mut session)?;
        let inside = session.read_server();
        let before = Metrics::read(setting.target);
        crowd.began_ns = Some(session.fleet.elapsed_ns());
        let window = session.measure(&mut crowd)?;
        let mut outcome = session.sum_up(window, &crowd.meter, "deliveries");
        if self.stalled > 0 {
            let calm = outcome;
            crowd.stall(self.stalled, &mut session.fleet);
            let window = session.measure(&mut crowd)?;
            outcome = session.sum_up(window, &crowd.meter, "deliveries");
            outcome.compare_with_calm(calm);
            note_stalled(&mut outcome, Metrics::read(setting.target));
        }
        if crowd.meter.count() == 0 {
            session.fleet.fault("nothing was heard");
        }
        outcome.errors = session.fleet.errors().clone();
        outcome.figures.insert("rate_due_per_s", self.rate);
        if self.memory
            && let Some((outside, inside)) = outside.zip(inside)
        {
            let grown = inside.anon_kb as f64 - outside.anon_kb as f64;
            let each = grown * 1024.0 / f64::from(self.members - first);
            outcome.figures.insert("anon_bytes_per_member", each);
        }
        if let Some((before, after)) = before.zip(Metrics::read(setting.target)) {
            turns::note(&mut outcome, &before, &after);
        }
        Ok(outcome)
    }
}

/// Notes what became of those who stopped reading.
fn note_stalled(outcome: &mut Outcome, metrics: Option<Metrics>) {
    let value = |name: &str| metrics.as_ref()?.value(name);
    for (name, value) in [
        ("queued_bytes", value("passerby_queued_bytes")),
        (
            "given_up",
            value("passerby_closes_total{cause=\"too_slow\"}"),
        ),
    ] {
        outcome.figures.extend(value.map(|value| (name, value)));
    }
}

struct Crowd {
    rooms: usize,
    rate: f64,
    /// What joins each room, and what is said there.
    joins: Vec<Vec<u8>>,
    messages: Vec<Vec<u8>>,
    members: Vec<Who>,
    /// How many have joined.
    joined: usize,
    /// Whether each client is in its room, and how much it heard there.
    heard: Vec<Option<usize>>,
    /// When what was said in each room was due.
    dues: Vec<Vec<u64>>,
    /// Nothing is due before this is set.
    began_ns: Option<u64>,
    sent: u64,
    meter: Meter,
}

impl Crowd {
    fn new(options: &Rooms) -> Self {
        let name = |room: u32| match options.rooms {
            1 => "general".to_owned(),
            _ => format!("room{room}"),
        };
        let rooms = 0..options.rooms;
        Self {
            rooms: options.rooms as usize,
            rate: options.rate,
            joins: rooms
                .clone()
                .map(|room| speech::join(&name(room)))
                .collect(),
            messages: rooms
                .map(|room| speech::room_message(&name(room), options.size as usize))
                .collect(),
            members: Vec::new(),
            joined: 0,
            heard: vec![None; options.members as usize],
            dues: vec![Vec::new(); options.rooms as usize],
            began_ns: None,
            sent: 0,
            meter: Meter::new(),
        }
    }

    fn room(&self, who: Who) -> usize {
        who as usize % self.rooms
    }

    /// Has members join, a few at a time, until so many have.
    fn join(&mut self, upto: usize, session: &mut Session) -> io::Result<()> {
        let mut told = self.joined;
        let deadline = Instant::now() + JOIN_PATIENCE;
        while self.joined < upto {
            while told < upto.min(self.joined + JOINS_AT_ONCE) {
                let who = self.members[told];
                session.fleet.say(who, &self.joins[self.room(who)]);
                told += 1;
            }
            session.idle_through(self, JOINS_PAUSE)?;
            if Instant::now() > deadline {
                return Err(io::Error::other("not everybody could join"));
            }
        }
        session.idle_through(self, SETTLE)
    }

    /// Has the last `count` members stop reading; the others speak on.
    fn stall(&mut self, count: u32, fleet: &mut Fleet) {
        let rest = self.members.len().saturating_sub(count as usize).max(1);
        for who in self.members.drain(rest..) {
            fleet.stall(who);
        }
    }
}

impl Play for Crowd {
    fn opened(&mut self, _fleet: &mut Fleet, who: Who) {
        self.members.push(who);
    }

    fn entered(&mut self, _fleet: &mut Fleet, who: Who) {
        // The first join that somebody hears of is their own.
        if self.heard[who as usize].is_none() {
            self.heard[who as usize] = Some(0);
            self.joined += 1;
        }
    }

    fn said(&mut self, fleet: &mut Fleet, who: Who) {
        let room = self.room(who);
        let Some(heard) = self.heard[who as usize].as_mut() else {
            return fleet.fault("a message before joining");
        };
        match self.dues[room].get(*heard) {
            Some(due) => self.meter.took(fleet.now_ns().saturating_sub(*due)),
            None => fleet.fault("message nobody sent"),
        }
        *heard += 1;
    }

    fn due(&mut self, fleet: &mut Fleet) -> Duration {
        let Some(began) = self.began_ns else {
            return Duration::from_millis(5);
        };
        if self.rate <= 0.0 {
            return Duration::from_millis(20);
        }
        let due = began + (self.sent as f64 * 1e9 / self.rate) as u64;
        let now = fleet.elapsed_ns();
        if due > now {
            // A sleeper would have to be woken by nearly every delivery, at the server's expense.
            return Duration::ZERO;
        }
        let speaker = self.members[(self.sent % self.members.len() as u64) as usize];
        let room = self.room(speaker);
        self.dues[room].push(due);
        fleet.say(speaker, &self.messages[room]);
        self.sent += 1;
        Duration::ZERO
    }
}

impl Measured for Crowd {
    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }
}
