//! `rooms`: what one says, many hear.
//!
//! Messages arrive at a fixed rate, from the members in turn, and every member of the room hears each. A room keeps
//! one order for everybody, so the harness keeps the send times in a list per room and counts what each member heard.

use std::{io, time::Duration};

use clap::Args;

use super::clients;
use crate::{
    fleet::{Fleet, Play, Who, speech},
    meter::Meter,
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// Who the clients are; the number is each one's own.
const PATH: &str = "/api/ws?user_id=member{n}&username=member{n}";
/// Time for the server to finish what connecting or joining began.
const SETTLE: Duration = Duration::from_millis(500);
/// Joins told in rooms before the next members join, and how long that may take.
const JOINS_AT_ONCE: usize = 50;
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
        let connected = session.read_server();
        crowd.joins_now = true;
        let mut waited = Duration::ZERO;
        while crowd.joined < self.members as usize {
            session.idle_through(&mut crowd, Duration::from_millis(10))?;
            waited += Duration::from_millis(10);
            if waited > JOIN_PATIENCE {
                return Err(io::Error::other("not everybody could join"));
            }
        }
        session.idle_through(&mut crowd, SETTLE)?;
        let joined = session.read_server();
        crowd.began_ns = Some(session.fleet.elapsed_ns());
        let window = session.measure(&mut crowd)?;
        if crowd.meter.count() == 0 {
            session.fleet.fault("nothing was heard");
        }
        let mut outcome = session.sum_up(window, &crowd.meter, "deliveries");
        outcome.figures.insert("rate_due_per_s", self.rate);
        if let Some((connected, joined)) = connected.zip(joined) {
            let grown = joined.anon_kb as f64 - connected.anon_kb as f64;
            outcome.figures.insert(
                "anon_bytes_per_member",
                grown * 1024.0 / f64::from(self.members),
            );
        }
        Ok(outcome)
    }
}

struct Crowd {
    rooms: usize,
    rate: f64,
    /// What joins each room, and what is said there.
    joins: Vec<Vec<u8>>,
    messages: Vec<Vec<u8>>,
    members: Vec<Who>,
    /// How many have been told to join, and how many have.
    told: usize,
    joined: usize,
    joins_now: bool,
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
            told: 0,
            joined: 0,
            joins_now: false,
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
            while self.joins_now
                && self.told < self.members.len()
                && self.told < self.joined + JOINS_AT_ONCE
            {
                let who = self.members[self.told];
                fleet.say(who, &self.joins[self.room(who)]);
                self.told += 1;
            }
            return Duration::from_millis(5);
        };
        if self.rate <= 0.0 {
            return Duration::from_millis(20);
        }
        let due = began + (self.sent as f64 * 1e9 / self.rate) as u64;
        let now = fleet.elapsed_ns();
        if due > now {
            return Duration::from_nanos(due - now);
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
