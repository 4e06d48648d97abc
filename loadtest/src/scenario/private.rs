//! `private`: people with accounts talk in private rooms, where a message is acknowledged when it would survive a power cut.
//!
//! A closed loop: both sides of every room keep so many messages unacknowledged, and write the next ones, all in one, as soon as
//! they have heard of the last ones.

use std::{collections::VecDeque, io, mem, time::Duration};

use clap::Args;

use super::{pairs, turns};
use crate::{
    accounts,
    fleet::{Fleet, Play, Who, speech},
    launch::Own,
    meter::Meter,
    metrics::Metrics,
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// Rooms that two people may have.
const ROOMS_PER_COUPLE_MAX: u32 = 200;

/// Options of `private`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Private {
    /// Rooms with two people in each
    #[arg(long, default_value = "100", value_parser = pairs)]
    pub(crate) pairs: u32,
    /// Messages that each side has unacknowledged
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) window: u32,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) size: u32,
    /// Accounts to make; two of them may share up to 200 rooms
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(crate) accounts: u32,
    #[command(flatten)]
    pub(crate) own: Own,
}

impl Private {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let (_server, setting) = self.own.start(setting)?;
        let mut session = Session::new(&setting)?;
        session.fleet.spread_over(self.prepare(&setting)?);
        let mut talk = Talk::new(self);
        session.gather(&mut talk, self.pairs * 2, |_| true)?;
        talk.begin(&mut session.fleet);
        session.idle_through(&mut talk, setting.warmup)?;
        let before = Metrics::read(setting.target);
        let window = session.measure(&mut talk)?;
        let after = Metrics::read(setting.target);
        let mut outcome = session.sum_up(window, &talk.acks, "acknowledged messages");
        let delivery = talk.deliveries.latency();
        outcome
            .phases
            .extend(delivery.map(|latency| ("delivery", latency)));
        if let Some((before, after)) = before.zip(after) {
            turns::note(&mut outcome, &before, &after);
            note_store(&mut outcome, &before, &after);
        }
        Ok(outcome)
    }

    /// Makes the accounts and the rooms; answers where each client connects to, the sides of a room beside each other.
    fn prepare(&self, setting: &Setting) -> io::Result<Vec<String>> {
        let needed = self.pairs.div_ceil(ROOMS_PER_COUPLE_MAX) * 2;
        let count = self.accounts.clamp(needed, (self.pairs * 2).max(needed)) / 2 * 2;
        let accounts = accounts::register(setting.target, count)?;
        let couples = accounts.chunks_exact(2).cycle();
        let mut paths = Vec::new();
        for couple in couples.take(self.pairs as usize) {
            let room = accounts::open_room(setting.target, &couple[0], &couple[1])?;
            let path = |token: &str| format!("/ws/{room}?token={token}");
            paths.extend(couple.iter().map(|account| path(&account.token)));
        }
        Ok(paths)
    }
}

/// Notes what the store did in the meantime, as the server tells it.
fn note_store(outcome: &mut Outcome, before: &Metrics, after: &Metrics) {
    let batches = after.since(before, "passerby_store_batch_count");
    let asks = after.since(before, "passerby_store_batch_sum");
    let waited = after.since(before, "passerby_store_ask_seconds_sum");
    let ratio = |of: Option<f64>, to: Option<f64>| of.zip(to).map(|(of, to)| of / to.max(1.0));
    for (name, value) in [
        ("transactions", batches),
        ("asks_per_transaction", ratio(asks, batches)),
        (
            "ask_mean_us",
            ratio(waited, asks).map(|seconds| seconds * 1e6),
        ),
        (
            "asks_overdue",
            after.since(before, "passerby_asks_overdue_total"),
        ),
    ] {
        outcome.figures.extend(value.map(|value| (name, value)));
    }
}

struct Talk {
    window: u32,
    message: speech::Numbered,
    /// Numbers given to messages.
    said: u32,
    /// When the messages of each client that are not acknowledged were sent.
    sent: Vec<VecDeque<u64>>,
    /// How many each may send now, and who may send any.
    owed: Vec<u32>,
    ready: Vec<Who>,
    acks: Meter,
    deliveries: Meter,
}

impl Talk {
    fn new(options: &Private) -> Self {
        let clients = options.pairs as usize * 2;
        Self {
            window: options.window,
            message: speech::Numbered::new(options.size as usize),
            said: 0,
            sent: vec![VecDeque::new(); clients],
            owed: vec![0; clients],
            ready: Vec::new(),
            acks: Meter::new(),
            deliveries: Meter::new(),
        }
    }

    /// Everybody is there: has them speak.
    fn begin(&mut self, fleet: &mut Fleet) {
        for who in 0..self.owed.len() as Who {
            if who % 2 == 0 {
                fleet.link(who, who + 1);
            }
            self.owed[who as usize] = self.window;
            self.ready.push(who);
        }
    }
}

impl Play for Talk {
    fn received(&mut self, _fleet: &mut Fleet, _who: Who, took_ns: u64) {
        self.deliveries.took(took_ns);
    }

    fn acked(&mut self, fleet: &mut Fleet, who: Who) {
        let client = who as usize;
        let Some(sent_ns) = self.sent[client].pop_front() else {
            return fleet.fault("acknowledgement of nothing");
        };
        self.acks.took(fleet.now_ns().saturating_sub(sent_ns));
        if self.owed[client] == 0 {
            self.ready.push(who);
        }
        self.owed[client] += 1;
    }

    fn ending(&mut self, _fleet: &mut Fleet, who: Who, _wanted: bool) {
        self.ready.retain(|ready| *ready != who);
    }

    fn due(&mut self, fleet: &mut Fleet) -> Duration {
        for who in mem::take(&mut self.ready) {
            let client = who as usize;
            let count = mem::take(&mut self.owed[client]);
            let mut frames = Vec::new();
            for _ in 0..count {
                self.said = self.said.wrapping_add(1);
                frames.extend_from_slice(self.message.with(self.said));
            }
            let now_ns = fleet.elapsed_ns();
            self.sent[client].extend((0..count).map(|_| now_ns));
            fleet.tell(who, &frames, count, now_ns);
        }
        Duration::from_millis(20)
    }
}

impl Measured for Talk {
    fn meter(&mut self) -> &mut Meter {
        &mut self.acks
    }

    fn reset(&mut self) {
        self.acks.reset();
        self.deliveries.reset();
    }
}
