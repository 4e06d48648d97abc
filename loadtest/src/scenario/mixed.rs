//! `mixed` and `soak`: a realistic day, in which people come, type, talk, skip, and go, politely or not.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    time::Duration,
};

use clap::Args;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::clients;
use crate::{
    fleet::{Fleet, Play, Who, speech},
    meter::{Meter, slope},
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// Mean seconds between a person's acts, before the first word of a chat, and away between visits.
const ACT_S: f64 = 4.0;
const HELLO_S: f64 = 2.0;
const AWAY_S: f64 = 10.0;
/// How exactly the loop can sleep.
const SLEEP_NS: u64 = 1_500_000;
/// Text sizes of the messages people send.
const SIZES: [usize; 8] = [2, 5, 12, 20, 32, 48, 80, 200];

/// Options of `mixed` and `soak`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Mixed {
    /// People, there or away
    #[arg(long, default_value = "1000", value_parser = clients)]
    pub(crate) clients: u32,
    /// How many times faster than real people everybody is
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    pub(crate) pace: f64,
    /// Seed of everybody's whims
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("a number above 0".to_owned()),
    }
}

pub(super) fn positive_or_zero(text: &str) -> Result<f64, String> {
    if text.parse::<f64>() == Ok(0.0) {
        Ok(0.0)
    } else {
        positive(text)
    }
}

impl Mixed {
    /// `soaking` watches memory and descriptors, too.
    pub(crate) fn run(&self, setting: &Setting, soaking: bool) -> io::Result<Outcome> {
        let mut session = Session::new(setting)?;
        if soaking {
            session.want_descriptors();
        }
        let mut day = Day::new(self);
        let window = session.measure(&mut day)?;
        let mut outcome = session.sum_up(window, &day.meter, "messages");
        outcome
            .figures
            .extend(day.deeds.iter().map(|(deed, count)| (*deed, *count as f64)));
        outcome
            .figures
            .insert("late_messages", session.fleet.late() as f64);
        if soaking {
            // The first quarter is still filling up.
            let settled: Vec<_> = outcome
                .series
                .iter()
                .filter(|sample| sample.at_s > setting.seconds / 4.0)
                .collect();
            let points = |of: &dyn Fn(&crate::outcome::Sample) -> Option<u64>| {
                let points: Vec<_> = settled
                    .iter()
                    .filter_map(|s| Some((s.at_s / 60.0, of(s)? as f64)))
                    .collect();
                slope(&points)
            };
            let rss = points(&|sample| sample.server_rss_kb);
            let descriptors = points(&|sample| sample.server_descriptors);
            let people = points(&|sample| Some(u64::from(sample.connections)));
            outcome
                .figures
                .extend(rss.map(|slope| ("rss_kb_per_minute", slope)));
            outcome
                .figures
                .extend(descriptors.map(|slope| ("descriptors_per_minute", slope)));
            outcome
                .figures
                .extend(people.map(|slope| ("connections_per_minute", slope)));
        }
        Ok(outcome)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    /// Somebody comes.
    Arrive,
    /// Asks for a stranger.
    Find,
    /// Does something in a chat.
    Act,
    /// Says what it has typed.
    Speak,
}

struct Day {
    rng: StdRng,
    pace: f64,
    /// What is to be done, earliest first: when, who, in which state of theirs, what.
    diary: BinaryHeap<Reverse<(u64, Who, u32, Deed)>>,
    /// Bumped when a person's plans are overtaken by events.
    plans: Vec<u32>,
    messages: Vec<Vec<u8>>,
    arrivals_left: u32,
    began: bool,
    deeds: BTreeMap<&'static str, u64>,
    meter: Meter,
}

/// The pseudo person who stands for arrivals.
const NOBODY: Who = Who::MAX;

impl Day {
    fn new(options: &Mixed) -> Self {
        Self {
            rng: StdRng::seed_from_u64(options.seed),
            pace: options.pace,
            diary: BinaryHeap::new(),
            plans: Vec::new(),
            messages: SIZES.iter().map(|size| speech::message(*size)).collect(),
            arrivals_left: options.clients,
            began: false,
            deeds: BTreeMap::new(),
            meter: Meter::new(),
        }
    }

    /// Exponentially distributed, as independent people are.
    fn pause_ns(&mut self, mean_s: f64) -> u64 {
        let unit: f64 = self.rng.random_range(1e-6..1.0);
        (-unit.ln() * mean_s / self.pace * 1e9) as u64
    }

    fn plan(&mut self, now_ns: u64, who: Who, deed: Deed, mean_s: f64) {
        let due = now_ns + self.pause_ns(mean_s);
        let plan = self.plans.get(who as usize).copied().unwrap_or(0);
        self.diary.push(Reverse((due, who, plan, deed)));
    }

    /// Drops what `who` had in mind.
    fn forget(&mut self, who: Who) {
        if self.plans.len() <= who as usize {
            self.plans.resize(who as usize + 1, 0);
        }
        self.plans[who as usize] += 1;
    }

    fn tally(&mut self, deed: &'static str) {
        *self.deeds.entry(deed).or_default() += 1;
    }

    fn go(&mut self, fleet: &mut Fleet, who: Who, due_ns: u64, deed: Deed) {
        match deed {
            Deed::Arrive => {
                self.tally("arrivals");
                fleet.dial();
            }
            Deed::Find => fleet.say(who, &speech::find_match()),
            Deed::Act if !fleet.is_linked(who) => self.plan(due_ns, who, Deed::Act, HELLO_S),
            Deed::Act => self.act(fleet, who, due_ns),
            Deed::Speak => {
                let message = self.rng.random_range(0..self.messages.len());
                self.tally("messages_sent");
                // The loop sleeps in whole milliseconds; being late by that much is not the server's fault.
                let now_ns = fleet.elapsed_ns();
                let stamp_ns = if now_ns - due_ns < SLEEP_NS {
                    now_ns
                } else {
                    due_ns
                };
                fleet.tell(who, &self.messages[message], 1, stamp_ns);
                self.plan(due_ns, who, Deed::Act, ACT_S);
            }
        }
    }

    fn act(&mut self, fleet: &mut Fleet, who: Who, due_ns: u64) {
        match self.rng.random_range(0..1000) {
            0..500 => self.go(fleet, who, due_ns, Deed::Speak),
            500..900 => {
                self.tally("typings");
                fleet.say(who, &speech::typing());
                self.plan(due_ns, who, Deed::Speak, 1.0);
            }
            900..960 => {
                self.tally("skips");
                self.forget(who);
                fleet.part(who, &speech::next());
            }
            960..975 => {
                self.tally("stops");
                self.forget(who);
                fleet.part(who, &speech::stop());
                self.plan(due_ns, who, Deed::Find, ACT_S);
            }
            975..990 => {
                self.tally("goodbyes");
                self.forget(who);
                fleet.leave(who);
            }
            _ => {
                self.tally("drops");
                self.forget(who);
                fleet.drop_off(who);
                self.plan(due_ns, NOBODY, Deed::Arrive, AWAY_S);
            }
        }
    }
}

impl Play for Day {
    fn opened(&mut self, fleet: &mut Fleet, who: Who) {
        self.forget(who);
        fleet.say(who, &speech::find_match());
    }

    fn joined(&mut self, fleet: &mut Fleet, who: Who) {
        self.forget(who);
        self.plan(fleet.now_ns(), who, Deed::Act, HELLO_S);
    }

    fn received(&mut self, _fleet: &mut Fleet, _who: Who, took_ns: u64) {
        self.meter.took(took_ns);
    }

    fn left(&mut self, fleet: &mut Fleet, who: Who) {
        self.forget(who);
        self.plan(fleet.now_ns(), who, Deed::Find, 1.0);
    }

    fn ending(&mut self, fleet: &mut Fleet, who: Who, _wanted: bool) {
        self.forget(who);
        self.plan(fleet.now_ns(), NOBODY, Deed::Arrive, AWAY_S);
    }

    fn due(&mut self, fleet: &mut Fleet) -> Duration {
        let now = fleet.elapsed_ns();
        if !self.began {
            self.began = true;
            for _ in 0..self.arrivals_left {
                let due = now + self.rng.random_range(0..500_000_000);
                self.diary.push(Reverse((due, NOBODY, 0, Deed::Arrive)));
            }
        }
        while let Some(Reverse((due, who, plan, deed))) = self.diary.peek().copied() {
            if due > now {
                return Duration::from_nanos(due - now);
            }
            self.diary.pop();
            if who == NOBODY || self.plans.get(who as usize) == Some(&plan) {
                self.go(fleet, who, due, deed);
            }
        }
        Duration::from_millis(20)
    }
}

impl Measured for Day {
    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }
}
