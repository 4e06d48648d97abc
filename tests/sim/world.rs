//! The simulated world: what the loop and the kernel do, without either.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::Ipv4Addr;

use passerby::app::{App, Server, Settings};
use passerby::conn::{self, Turn};
use passerby::kernel::bucket::Rate;
use passerby::kernel::effect::SocketOp;
use passerby::kernel::id::ConnId;
use passerby::kernel::outbox::Outbox;
use passerby::kernel::stats::{CloseCause, Stats};
use passerby::kernel::time::Now;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::guest::{Guest, ROOMS, command};
use crate::person::{Person, State, frame};
use crate::town::key;

/// Most worlds are small, so that people meet often.
const PEOPLE_MAX: [usize; 4] = [2, 3, 5, 10];

/// One virtual socket with the person at its other end.
struct Wire {
    id: ConnId,
    person: Person,
    /// Sent by the person, not received by the server.
    upstream: VecDeque<u8>,
    /// Written by the server, not read by the person.
    downstream: VecDeque<u8>,
    /// How much `downstream` holds.
    window: usize,
    /// Whether the person reads at all, and answers pings.
    awake: bool,
    /// Whether the server has finished and waits for the person's FIN.
    finishing: bool,
    dead: bool,
    stalled: bool,
}

pub struct World {
    server: Server,
    out: Outbox,
    stats: Stats,
    now: Now,
    random: StdRng,
    wires: Vec<Wire>,
    free: Vec<u32>,
    born: u32,
    people_max: usize,
    rooms: bool,
    /// What everybody who has gone had heard, by name.
    gone: Vec<Person>,
    trace: Vec<String>,
    /// How often, over all steps, somebody was not read from.
    pub pauses: usize,
}

impl World {
    /// A world of strangers, or one in which most people are in rooms.
    pub fn new(seed: u64, rooms: bool) -> Self {
        let mut settings = Settings::default();
        if seed % 2 == 1 {
            // Without limits, so that queues fill.
            settings.stranger.message_rate = Rate::UNLIMITED;
            settings.stranger.skip_rate = Rate::UNLIMITED;
            settings.rooms.message_rate = Rate::UNLIMITED;
        }
        settings.rooms.create_on_join = true;
        // Rooms that are large for such a budget go round in several turns.
        settings.rooms.deliveries_per_turn = [1, 2, 5, 512][seed as usize % 4];
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let connections = conn::Settings {
            frame_rate: match seed % 4 {
                1 => Rate::UNLIMITED,
                3 => Rate::new(20.0, 30),
                _ => Rate::new(100.0, 200),
            },
            seed,
            ..conn::Settings::default()
        };
        Self {
            server: Server::new(App::new(settings, key(), bytes), connections),
            out: Outbox::default(),
            stats: Stats::default(),
            now: Now {
                micros: 1_000_000,
                unix_ms: 1_761_129_000_000,
            },
            random: StdRng::seed_from_u64(seed),
            wires: Vec::new(),
            free: (0..20).rev().collect(),
            born: 0,
            people_max: PEOPLE_MAX[seed as usize / 2 % 4],
            rooms,
            gone: Vec::new(),
            trace: Vec::new(),
            pauses: 0,
        }
    }

    /// One thing happens.
    pub fn step(&mut self) -> Result<(), String> {
        let roll = self.random.random_range(0..100);
        match roll {
            0..8 => self.arrive(),
            8..50 => self.act(),
            50..72 => self.carry_up(),
            72..90 => self.carry_down()?,
            90..92 => self.vanish(),
            92..93 => self.doze(),
            _ => self.wait(),
        }
        self.settle();
        self.pauses += self
            .wires
            .iter()
            .filter(|wire| self.server.is_paused(wire.id))
            .count();
        self.check()
    }

    pub fn transcript(&self) -> Vec<String> {
        self.trace.clone()
    }

    /// Lets everything arrive, checks the books, then empties the world and checks that it is empty.
    pub fn end(mut self) -> Result<Stats, String> {
        for _ in 0..80 {
            for at in 0..self.wires.len() {
                self.deliver(at, usize::MAX);
            }
            self.settle();
            for at in 0..self.wires.len() {
                if self.wires[at].awake {
                    self.read(at, usize::MAX)?;
                }
            }
            self.settle();
            self.pass(20_000);
        }
        self.check()?;
        self.check_books()?;
        for wire in self
            .wires
            .iter()
            .filter(|wire| wire.awake && !wire.finishing)
        {
            if self.server.is_paused(wire.id) || !wire.upstream.is_empty() {
                return Err(format!("{:?} is not read from any more", wire.id));
            }
        }
        while !self.wires.is_empty() {
            self.lose(0, CloseCause::Gone);
            self.settle();
            self.check()?;
        }
        if !self.server.is_empty() || self.out.queued_total() != 0 || self.out.open_lanes() != 0 {
            return Err("the world is empty, the server is not".into());
        }
        Ok(self.stats)
    }

    fn arrive(&mut self) {
        if self.wires.len() >= self.people_max {
            return;
        }
        let Some(index) = self.free.pop() else {
            return;
        };
        self.born += 1;
        let id = ConnId::new(index, self.born);
        let window = [200, 3_000, 100_000][self.random.random_range(0..3)];
        let mut person = Person::new(self.born as usize);
        let mut upstream = VecDeque::from(Person::knock());
        if self.rooms && self.random.random_bool(0.9) {
            let guest = self.invite();
            upstream = VecDeque::from(guest.knock());
            person.guest = Some(guest);
            if self.random.random_bool(0.7) {
                upstream.extend(command(
                    &json!({ "type": "join_room", "content": "general" }),
                ));
            }
        } else if self.random.random_bool(0.3) {
            // Frames in the same packet as the handshake.
            upstream.extend(frame(0x81, br#"{"type":"findMatch"}"#));
        }
        self.wires.push(Wire {
            id,
            person,
            upstream,
            downstream: VecDeque::new(),
            window,
            awake: true,
            finishing: false,
            dead: false,
            stalled: false,
        });
        let now = self.now;
        let mut turn = Turn {
            now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server
            .accepted(id, Ipv4Addr::LOCALHOST.into(), &mut turn);
        self.trace.push(format!("{id:?} arrives"));
    }

    /// Somebody does something.
    fn act(&mut self) {
        let Some(at) = self.pick() else {
            return;
        };
        let roll = self.random.random_range(0..100);
        let padding = if self.random.random_bool(0.1) {
            1_500
        } else {
            3
        };
        if self.wires[at].person.guest.is_some() {
            return self.act_in_rooms(at, roll, padding);
        }
        let person = &mut self.wires[at].person;
        let command = |text: &str| frame(0x81, text.as_bytes());
        let bytes = match roll {
            0..12 => command(r#"{"type":"findMatch"}"#),
            12..16 => {
                command(r#"{"type":"findMatch","interests":["Music","art"],"language":"en"}"#)
            }
            16..20 => command(r#"{"type":"findMatch","interests":["MUSIC"],"anyone":false}"#),
            20..22 => command(r#"{"type":"findMatch","mode":"video","language":"de"}"#),
            22..28 => command(r#"{"type":"nextStranger"}"#),
            28..30 => command(r#"{"type":"nextStranger","interests":[]}"#),
            30..33 => command(r#"{"type":"stopChat"}"#),
            33..38 => command(r#"{"type":"typing"}"#),
            38..40 => command(r#"{"type":"stats"}"#),
            40..42 => command(r#"{"type":"offer","sdp":{"a":[1]}}"#),
            42..44 => command("not json"),
            44..46 => frame(0x89, b"ping"),
            46..47 => frame(0x88, &[0x03, 0xe8]),
            47..48 => frame(0x82, b"binary is not wanted"),
            48..50 => fragments(&person.say(padding)),
            50..52 => return self.both_press_next(at),
            52..54 => (0..30).flat_map(|_| person.say(padding)).collect(),
            54..57 => (0..80).flat_map(|_| person.say(1_900)).collect(),
            _ => person.say(padding),
        };
        self.trace.push(format!("{} acts {roll}", person.name));
        self.wires[at].upstream.extend(bytes);
    }

    /// A socket in rooms: of somebody new, of somebody who was here before, or a further one.
    fn invite(&mut self) -> Guest {
        let number = self.random.random_range(0..6);
        let id = format!("guest{number}");
        let mut token = None;
        for wire in &mut self.wires {
            if let Some(guest) = wire.person.guest.as_mut().filter(|guest| guest.id == id) {
                guest.is_tab = true;
                token = token.or(guest.token.clone());
            }
        }
        Guest::new(id, token)
    }

    /// Somebody in rooms does something.
    fn act_in_rooms(&mut self, at: usize, roll: u32, padding: usize) {
        let room = ROOMS[self.random.random_range(0..ROOMS.len())];
        let other = format!("guest{}", self.random.random_range(0..7));
        let name = self.wires[at].person.name;
        let Some(guest) = self.wires[at].person.guest.as_mut() else {
            return;
        };
        let bytes = match roll {
            0..22 => command(&json!({ "type": "join_room", "content": room })),
            22..24 => command(&json!({ "type": "join_room", "content": room, "exclusive": true })),
            24..30 => command(&json!({ "type": "leave_room", "content": room })),
            30..34 => command(&json!({ "type": "typing", "room": room })),
            34..36 => command(&json!({ "type": "typing", "recipient": other })),
            36..42 => guest.whisper(&other, padding),
            42..43 => frame(0x81, b"not json"),
            43..44 => frame(0x88, &[0x03, 0xe8]),
            44..45 => (0..150)
                .flat_map(|_| guest.whisper(&other, 1_000))
                .collect(),
            45..48 => (0..80).flat_map(|_| guest.say(room, name, 1_900)).collect(),
            48..54 => (0..12)
                .flat_map(|_| guest.say(room, name, padding))
                .collect(),
            _ => guest.say(room, name, padding),
        };
        self.trace.push(format!("{name} acts {roll} in {room}"));
        self.wires[at].upstream.extend(bytes);
    }

    /// Two partners press next at the same moment.
    fn both_press_next(&mut self, at: usize) {
        let State::Paired(pair) = self.wires[at].person.state.clone() else {
            return;
        };
        let here =
            |wire: &Wire| matches!(&wire.person.state, State::Paired(other) if *other == pair);
        let both: Vec<usize> = (0..self.wires.len())
            .filter(|at| here(&self.wires[*at]))
            .collect();
        for at in &both {
            let next = frame(0x81, br#"{"type":"nextStranger"}"#);
            self.wires[*at].upstream.extend(next);
        }
        for at in both {
            self.deliver(at, usize::MAX);
        }
    }

    fn carry_up(&mut self) {
        if let Some(at) = self.pick() {
            let most = [1, 7, 60, 16 * 1024][self.random.random_range(0..4)];
            let times = [1, 12][self.random.random_range(0..2)];
            for _ in 0..times {
                self.deliver(at, most);
                self.settle();
            }
        }
    }

    fn carry_down(&mut self) -> Result<(), String> {
        match self.pick() {
            Some(at) if self.wires[at].awake => {
                let most = [1, 50, 1_000_000][self.random.random_range(0..3)];
                self.read(at, most)
            }
            _ => Ok(()),
        }
    }

    /// Somebody's connection ends, with a FIN or a reset.
    fn vanish(&mut self) {
        if let Some(at) = self.pick() {
            self.trace.push(format!("{:?} vanishes", self.wires[at].id));
            let cause = CloseCause::Gone;
            self.lose(at, cause);
        }
    }

    /// Somebody stops reading, for good.
    fn doze(&mut self) {
        if let Some(at) = self.pick() {
            self.wires[at].awake = false;
        }
    }

    fn wait(&mut self) {
        let ms = [1, 40, 700, 4_000, 12_000][self.random.random_range(0..5)];
        self.pass(ms);
    }

    fn pick(&mut self) -> Option<usize> {
        (!self.wires.is_empty()).then(|| self.random.random_range(0..self.wires.len()))
    }

    /// Hands bytes to the server, unless it does not read.
    fn deliver(&mut self, at: usize, most: usize) {
        let wire = &mut self.wires[at];
        let most = most.min(16 * 1024).min(wire.upstream.len());
        if most == 0 || wire.dead || self.server.is_paused(wire.id) {
            return;
        }
        let mut bytes: Vec<u8> = wire.upstream.drain(..most).collect();
        if wire.finishing {
            return;
        }
        let id = wire.id;
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server.received(id, &mut bytes, &mut turn);
    }

    /// Lets a person read; they answer pings, and a goodbye by going.
    fn read(&mut self, at: usize, most: usize) -> Result<(), String> {
        let wire = &mut self.wires[at];
        let most = most.min(wire.downstream.len());
        let bytes: Vec<u8> = wire.downstream.drain(..most).collect();
        wire.person.hear(&bytes)?;
        if !bytes.is_empty() {
            // Stands for the pongs that a browser would send.
            wire.upstream.extend(frame(0x8a, b""));
        }
        if wire.stalled {
            self.flush(at);
        }
        Ok(())
    }

    /// A socket ends for the server.
    fn lose(&mut self, at: usize, cause: CloseCause) {
        let id = self.wires[at].id;
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        if self.random.random_bool(0.5) {
            self.server.ended(id, &mut turn);
        } else {
            self.server.broke(id, cause, &mut turn);
        }
        self.wires[at].dead = true;
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now.micros + ms * 1_000;
        while self.now.micros < until {
            let next = self
                .server
                .next_due()
                .unwrap_or(until)
                .clamp(self.now.micros + 1, until);
            self.now.unix_ms += (next - self.now.micros) / 1_000;
            self.now.micros = next;
            let mut turn = Turn {
                now: self.now,
                out: &mut self.out,
                stats: &mut self.stats,
            };
            self.server.elapsed(&mut turn);
            self.settle();
        }
    }

    /// What the loop does at the end of a turn.
    fn settle(&mut self) {
        let mut dirty = Vec::new();
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server.elapsed(&mut turn);
        loop {
            let mut turn = Turn {
                now: self.now,
                out: &mut self.out,
                stats: &mut self.stats,
            };
            self.server.perform(&mut turn);
            let ops = std::mem::take(&mut self.out.socket_ops);
            for op in &ops {
                self.perform(*op);
            }
            self.out.take_dirty(&mut dirty);
            if dirty.is_empty() && ops.is_empty() && self.out.effects.is_empty() {
                break;
            }
            for id in &dirty {
                if let Some(at) = self.at(*id) {
                    self.flush(at);
                }
            }
        }
        self.bury();
    }

    fn perform(&mut self, op: SocketOp) {
        let (SocketOp::Read(id) | SocketOp::Finish(id) | SocketOp::Close(id) | SocketOp::Drop(id)) =
            op;
        let Some(at) = self.at(id) else {
            return;
        };
        match op {
            SocketOp::Read(_) => {}
            SocketOp::Drop(_) => self.wires[at].dead = true,
            SocketOp::Finish(_) | SocketOp::Close(_) => {
                self.wires[at].finishing = true;
                self.flush(at);
            }
        }
    }

    /// Writes as much as the window has room for.
    fn flush(&mut self, at: usize) {
        let wire = &mut self.wires[at];
        if wire.dead {
            return;
        }
        let was_high = self.out.is_high(wire.id);
        let room = wire.window - wire.downstream.len().min(wire.window);
        let count = room.min(self.out.queued(wire.id));
        wire.downstream.extend(&self.out.pending(wire.id)[..count]);
        self.out.wrote(wire.id, count);
        let id = wire.id;
        let queued = self.out.queued(id);
        let (was_stalled, is_finishing) = (wire.stalled, wire.finishing);
        wire.stalled = queued > 0;
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        if was_high || was_stalled || queued > 0 {
            self.server.flushed(id, was_high, count > 0, &mut turn);
        }
        if is_finishing && queued == 0 {
            self.server.finished(id, &mut turn);
        }
    }

    fn bury(&mut self) {
        let mut at = 0;
        while at < self.wires.len() {
            if !self.wires[at].dead {
                at += 1;
                continue;
            }
            let mut wire = self.wires.swap_remove(at);
            let mut turn = Turn {
                now: self.now,
                out: &mut self.out,
                stats: &mut self.stats,
            };
            self.server.buried(wire.id, &mut turn);
            self.free.push(wire.id.index() as u32);
            let rest: Vec<u8> = wire.downstream.drain(..).collect();
            // What was on its way still arrives at somebody who reads.
            let _ = wire.person.hear(&rest);
            self.gone.push(wire.person);
        }
    }

    fn at(&self, id: ConnId) -> Option<usize> {
        self.wires.iter().position(|wire| wire.id == id)
    }

    /// What must hold at any moment.
    fn check(&self) -> Result<(), String> {
        let open: Vec<ConnId> = self.server.open().collect();
        for id in &open {
            if self.at(*id).is_none() {
                return Err(format!("{id:?} is open, but has no socket"));
            }
        }
        if self.server.len() != self.wires.len() {
            return Err(format!(
                "{} connections, {} sockets",
                self.server.len(),
                self.wires.len()
            ));
        }
        let is_guest = |id: &ConnId| {
            self.at(*id)
                .is_some_and(|at| self.wires[at].person.guest.is_some())
        };
        let (guests, strangers): (Vec<_>, Vec<_>) = open.into_iter().partition(is_guest);
        self.server.app.rooms.audit(&guests)?;
        self.server.app.stranger.audit(&strangers)
    }

    /// What must hold about all that was said, once everything has arrived.
    fn check_books(&self) -> Result<(), String> {
        self.check_rooms()?;
        let everybody = || self.wires.iter().map(|wire| &wire.person).chain(&self.gone);
        let mut members: HashMap<&str, Vec<&Person>> = HashMap::new();
        for person in everybody() {
            for pair in &person.pairs {
                members.entry(pair).or_default().push(person);
            }
        }
        for (pair, people) in &members {
            if people.len() > 2 {
                return Err(format!("{pair} has {} members", people.len()));
            }
        }
        let staying: Vec<usize> = self
            .wires
            .iter()
            .filter(|wire| wire.awake && !wire.person.dismissed)
            .map(|wire| wire.person.name)
            .collect();
        for person in everybody() {
            let mut last: HashMap<(&str, usize), usize> = HashMap::new();
            for (pair, text) in &person.heard {
                let mut parts = text
                    .split(':')
                    .map(|part| part.parse::<usize>().unwrap_or(0));
                let (from, number) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
                let last = last.entry((pair, from)).or_default();
                if number <= *last {
                    return Err(format!("{} heard {text} out of order", person.name));
                }
                *last = number;
            }
        }
        // Whatever was receipted was heard by somebody, unless all whom its sender met are gone or dozing.
        for sender in everybody() {
            let partners: Vec<&Person> = sender
                .pairs
                .iter()
                .filter_map(|pair| members.get(pair.as_str()))
                .flatten()
                .filter(|person| person.name != sender.name)
                .copied()
                .collect();
            let is_certain = sender
                .pairs
                .iter()
                .all(|pair| members[pair.as_str()].len() == 2)
                && partners.iter().all(|person| staying.contains(&person.name));
            for text in &sender.receipts {
                let is_heard = partners
                    .iter()
                    .any(|person| person.heard.iter().any(|(_, heard)| heard == text));
                if is_certain && !is_heard {
                    return Err(format!("{text} was receipted but heard by nobody"));
                }
            }
        }
        Ok(())
    }
}

impl World {
    /// What must hold about all that was said in rooms: everybody heard the same in the same order, without
    /// a gap between the first and the last thing they heard.
    fn check_rooms(&self) -> Result<(), String> {
        let guests = || {
            let people = self.wires.iter().map(|wire| &wire.person);
            people
                .chain(&self.gone)
                .filter_map(|person| person.guest.as_ref())
        };
        let mut said: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        let mut texts: HashMap<&str, &str> = HashMap::new();
        for guest in guests() {
            for stay in guest.all_stays() {
                let room = said.entry(&stay.room).or_default();
                room.extend(stay.heard.iter().map(String::as_str));
            }
            for (id, text) in &guest.texts {
                if texts.insert(id, text).is_some_and(|other| other != text) {
                    return Err(format!("{id} has two texts"));
                }
            }
        }
        for guest in guests().filter(|guest| guest.is_in_order()) {
            for stay in guest.all_stays() {
                let (Some(first), Some(last)) = (stay.heard.first(), stay.heard.last()) else {
                    continue;
                };
                let span = said[stay.room.as_str()].range(first.as_str()..=last.as_str());
                if !span.copied().eq(stay.heard.iter().map(String::as_str)) {
                    return Err(format!("{} missed something in {}", guest.id, stay.room));
                }
            }
        }
        // What one person said arrives in the order in which they said it.
        for (room, ids) in &said {
            let mut latest: HashMap<&str, usize> = HashMap::new();
            for id in ids {
                let mut parts = texts[id].split(':');
                let (Some(name), Some(number)) = (parts.next(), parts.next()) else {
                    return Err(format!("nobody said {}", texts[id]));
                };
                let number = number.parse().map_err(|_| "that is no number")?;
                if latest
                    .insert(name, number)
                    .is_some_and(|last| last >= number)
                {
                    return Err(format!("{name} was heard out of order in {room}"));
                }
            }
        }
        Ok(())
    }
}

/// The same message in two frames, with a ping between them.
fn fragments(whole: &[u8]) -> Vec<u8> {
    let (start, mask) = match whole[1] & 0x7f {
        126 => (8, &whole[4..8]),
        _ => (6, &whole[2..6]),
    };
    let payload: Vec<u8> = whole[start..]
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect();
    let (front, back) = payload.split_at(payload.len() / 3);
    let mut bytes = frame(0x01, front);
    bytes.extend(frame(0x89, b"amid"));
    bytes.extend(frame(0x80, back));
    bytes
}
