//! `relay` and `burst`: closed loops in which every pair passes messages to and fro.

use std::io;

use clap::Args;

use super::pairs;
use crate::{
    fleet::{Fleet, Play, Who, speech},
    meter::Meter,
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// A pair that heard nothing for so long, and for half of the window, has lost its messages.
const SILENCE_NS: u64 = 1_000_000_000;

/// Options of `relay`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Relay {
    /// Chatting pairs
    #[arg(long, default_value = "100", value_parser = pairs)]
    pub(crate) pairs: u32,
    /// Messages under way per pair; 1 is lockstep
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) window: u32,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) size: u32,
}

/// Options of `burst`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Burst {
    /// Chatting pairs
    #[arg(long, default_value = "100", value_parser = pairs)]
    pub(crate) pairs: u32,
    /// Messages in one write
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) burst: u32,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) size: u32,
}

impl Relay {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        run(
            Exchange::new(1, self.window, self.size),
            self.pairs,
            setting,
        )
    }
}

impl Burst {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        run(Exchange::new(self.burst, 1, self.size), self.pairs, setting)
    }
}

fn run(mut exchange: Exchange, pairs: u32, setting: &Setting) -> io::Result<Outcome> {
    let mut session = Session::new(setting)?;
    session.gather(&mut exchange, pairs * 2, |exchange| {
        exchange.linked.len() as u32 == pairs
    })?;
    exchange.begin(&mut session.fleet);
    let window = session.measure(&mut exchange)?;
    if exchange.meter.count() == 0 {
        session.fleet.fault("no message came through");
    }
    let silence_ns = SILENCE_NS.max((setting.seconds * 5e8) as u64);
    for _ in 0..exchange.silent_pairs(session.fleet.now_ns().saturating_sub(silence_ns)) {
        session.fleet.fault("a pair fell silent");
    }
    Ok(session.sum_up(window, &exchange.meter, "messages"))
}

struct Exchange {
    /// Messages per write.
    batch: u32,
    /// Batches under way per pair.
    window: u32,
    /// One batch, ready to be written.
    frames: Vec<u8>,
    find: Vec<u8>,
    linked: Vec<(Who, Who)>,
    /// Messages of the current batch that each client has heard.
    heard: Vec<u32>,
    /// When each client last heard anything.
    heard_ns: Vec<u64>,
    meter: Meter,
}

impl Exchange {
    fn new(batch: u32, window: u32, size: u32) -> Self {
        Self {
            batch,
            window,
            frames: speech::message(size as usize).repeat(batch as usize),
            find: speech::find_match(),
            linked: Vec::new(),
            heard: Vec::new(),
            heard_ns: Vec::new(),
            meter: Meter::new(),
        }
    }

    /// Lets one side of every pair speak first.
    fn begin(&mut self, fleet: &mut Fleet) {
        for (who, _) in &self.linked {
            for _ in 0..self.window {
                fleet.tell(*who, &self.frames, self.batch, fleet.elapsed_ns());
            }
        }
    }
}

impl Exchange {
    /// Pairs of which neither half has heard anything since then.
    fn silent_pairs(&self, since_ns: u64) -> usize {
        let silent = |who: Who| self.heard_ns[who as usize] < since_ns;
        let pairs = self.linked.iter();
        pairs
            .filter(|(one, other)| silent(*one) && silent(*other))
            .count()
    }
}

impl Play for Exchange {
    fn opened(&mut self, fleet: &mut Fleet, who: Who) {
        let known = self.heard.len().max(who as usize + 1);
        self.heard.resize(known, 0);
        self.heard_ns.resize(known, 0);
        fleet.say(who, &self.find);
    }

    fn linked(&mut self, _fleet: &mut Fleet, one: Who, other: Who) {
        self.linked.push((one, other));
    }

    fn received(&mut self, fleet: &mut Fleet, who: Who, took_ns: u64) {
        self.meter.took(took_ns);
        self.heard_ns[who as usize] = fleet.now_ns();
        let heard = &mut self.heard[who as usize];
        *heard += 1;
        if *heard == self.batch {
            *heard = 0;
            fleet.tell(who, &self.frames, self.batch, fleet.now_ns());
        }
    }

    fn left(&mut self, fleet: &mut Fleet, _who: Who) {
        fleet.fault("a partner left");
    }
}

impl Measured for Exchange {
    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }
}
