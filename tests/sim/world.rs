//! The simulated world: what the loop and the kernel do, without either.

use std::collections::{HashMap, HashSet, VecDeque};
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
    /// What those who have gone had heard last, and should not have.
    faults: Vec<String>,
    /// How often, over all steps, somebody was not read from.
    pub pauses: usize,
    /// How many sockets were opened by people who were in rooms, and of these, where much had yet to go round.
    pub tabs: usize,
    pub deep_tabs: usize,
}

/// What a whole history came to.
pub struct Outcome {
    pub stats: Stats,
    /// Private messages that those have who were still there at the end, counted for each socket.
    pub letters: usize,
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
        let now = Now {
            micros: 1_000_000,
            unix_ms: 1_761_129_000_000,
        };
        Self {
            server: Server::new(App::new(settings, key(), bytes, now), connections),
            out: Outbox::default(),
            stats: Stats::default(),
            now,
            random: StdRng::seed_from_u64(seed),
            wires: Vec::new(),
            free: (0..20).rev().collect(),
            born: 0,
            people_max: PEOPLE_MAX[seed as usize / 2 % 4],
            rooms,
            gone: Vec::new(),
            trace: Vec::new(),
            faults: Vec::new(),
            pauses: 0,
            tabs: 0,
            deep_tabs: 0,
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
    pub fn end(mut self) -> Result<Outcome, String> {
        for _ in 0..80 {
            self.carry_everything()?;
            // So short that whoever reads is in time with answering pings.
            self.pass(3_000);
        }
        self.carry_everything()?;
        for at in 0..self.wires.len() {
            self.deliver(at, usize::MAX);
        }
        self.settle();
        self.check()?;
        self.check_books()?;
        let letters = self.check_rooms()?;
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
        Ok(Outcome {
            stats: self.stats,
            letters,
        })
    }

    /// What is on its way arrives, and whoever reads has read it.
    fn carry_everything(&mut self) -> Result<(), String> {
        for at in 0..self.wires.len() {
            self.deliver(at, usize::MAX);
        }
        self.settle();
        for at in 0..self.wires.len() {
            // However little fits on the way at once.
            while self.wires[at].awake && !self.wires[at].downstream.is_empty() {
                self.read(at, usize::MAX)?;
            }
        }
        self.settle();
        Ok(())
    }

    fn arrive(&mut self) {
        if self.wires.len() >= self.people_max {
            return;
        }
        if self.rooms && self.random.random_bool(0.9) {
            let mut guest = self.invite();
            let mut upstream = guest.knock();
            if self.random.random_bool(0.7) {
                upstream.extend(guest.join("general", false));
            }
            return self.connect(upstream, Some(guest));
        }
        let mut upstream = Person::knock();
        if self.random.random_bool(0.3) {
            // Frames in the same packet as the handshake.
            upstream.extend(frame(0x81, br#"{"type":"findMatch"}"#));
        }
        self.connect(upstream, None);
    }

    /// Somebody connects.
    fn connect(&mut self, upstream: Vec<u8>, guest: Option<Guest>) {
        let Some(index) = self.free.pop() else {
            return;
        };
        self.born += 1;
        let id = ConnId::new(index, self.born);
        let window = [200, 3_000, 100_000][self.random.random_range(0..3)];
        let mut person = Person::new(self.born as usize);
        person.guest = guest;
        let upstream = VecDeque::from(upstream);
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
        let number = self.random.random_range(0..12);
        let here: Vec<&Guest> = self
            .wires
            .iter()
            .filter_map(|wire| wire.person.guest.as_ref())
            .filter(|guest| guest.token.is_some())
            .collect();
        // Often it is one more of somebody who is here.
        if !here.is_empty() && self.random.random_bool(0.4) {
            let guest = here[self.random.random_range(0..here.len())];
            return Guest::new(guest.id.clone(), guest.token.clone());
        }
        let id = format!("guest{number}");
        let known = here.into_iter().find(|guest| guest.id == id);
        let token = known.and_then(|guest| guest.token.clone());
        Guest::new(id, token)
    }

    /// Somebody in rooms does something.
    fn act_in_rooms(&mut self, at: usize, roll: u32, padding: usize) {
        let room = ROOMS[self.random.random_range(0..ROOMS.len())];
        let other = self.acquaintance();
        let name = self.wires[at].person.name;
        let Some(guest) = self.wires[at].person.guest.as_mut() else {
            return;
        };
        let bytes = match roll {
            0..22 => guest.join(room, false),
            22..24 => guest.join(room, true),
            24..30 => command(&json!({ "type": "leave_room", "content": room })),
            30..34 => command(&json!({ "type": "typing", "room": room })),
            34..36 => command(&json!({ "type": "typing", "recipient": other })),
            36..42 => guest.whisper(&other, padding),
            42..43 => frame(0x81, b"not json"),
            43..44 => frame(0x88, &[0x03, 0xe8]),
            44..45 => (0..150)
                .flat_map(|_| guest.whisper(&other, 1_000))
                .collect(),
            45..48 => (0..120)
                .flat_map(|_| guest.say(room, name, 1_900))
                .collect(),
            48..50 => {
                // What is said last is confirmed before one leaves.
                let mut bytes = guest.say(room, name, padding);
                bytes.extend(command(&json!({ "type": "leave_room", "content": room })));
                bytes
            }
            50..54 => (0..12)
                .flat_map(|_| guest.say(room, name, padding))
                .collect(),
            _ => guest.say(room, name, padding),
        };
        self.trace.push(format!("{name} acts {roll} in {room}"));
        self.wires[at].upstream.extend(bytes);
        if (45..48).contains(&roll) {
            self.rush(at, room);
        }
    }

    /// Much is said in a room, and before it can go round somebody there opens another socket.
    fn rush(&mut self, at: usize, room: &str) {
        for _ in 0..20 {
            self.deliver(at, usize::MAX);
        }
        if self.wires.len() > self.people_max {
            return;
        }
        let is_there = |wire: &&Wire| {
            let guest = wire.person.guest.as_ref();
            guest.is_some_and(|guest| guest.token.is_some() && guest.current.contains_key(room))
        };
        let there: Vec<&Wire> = self.wires.iter().filter(is_there).collect();
        if there.is_empty() {
            return;
        }
        let guest = there[self.random.random_range(0..there.len())]
            .person
            .guest
            .as_ref();
        let tab = guest.map(|guest| Guest::new(guest.id.clone(), guest.token.clone()));
        if let Some(mut tab) = tab {
            let mut upstream = tab.knock();
            if self.random.random_bool(0.5) {
                upstream.extend(tab.join(room, false));
            }
            self.connect(upstream, Some(tab));
            let last = self.wires.len() - 1;
            self.deliver(last, usize::MAX);
        }
    }

    /// Somebody to write to, who is mostly here.
    fn acquaintance(&mut self) -> String {
        let at = self.random.random_range(0..self.wires.len().max(1) + 1);
        let guest = self
            .wires
            .get(at)
            .and_then(|wire| wire.person.guest.as_ref());
        match guest {
            Some(guest) => guest.id.clone(),
            None => format!("guest{}", self.random.random_range(0..13)),
        }
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
        let mut most = most.min(16 * 1024).min(wire.upstream.len());
        if wire
            .person
            .guest
            .as_ref()
            .is_some_and(|guest| guest.found.is_none())
        {
            // What is sent behind the request comes once it has been seen where this person is.
            let upstream = wire.upstream.make_contiguous();
            let end = upstream.windows(4).position(|four| four == b"\r\n\r\n");
            most = most.min(end.map_or(most, |end| end + 4));
        }
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
        self.look_around();
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
            if let Err(fault) = wire.person.hear(&rest) {
                self.faults.push(fault);
            }
            self.gone.push(wire.person);
        }
    }

    /// Everybody in rooms who ever came, and whether they are there, and read.
    pub fn guests(&self) -> Vec<(&Guest, bool)> {
        let here = self.wires.iter().map(|wire| {
            let is_there = wire.awake && !wire.finishing && !wire.person.dismissed;
            (&wire.person, is_there)
        });
        let gone = self.gone.iter().map(|person| (person, false));
        here.chain(gone)
            .filter_map(|(person, is_there)| Some((person.guest.as_ref()?, is_there)))
            .collect()
    }

    fn at(&self, id: ConnId) -> Option<usize> {
        self.wires.iter().position(|wire| wire.id == id)
    }

    /// Notes where the people were whose further sockets have just been opened.
    fn look_around(&mut self) {
        let open: HashSet<ConnId> = self.server.open().collect();
        let mut sockets: HashMap<String, usize> = HashMap::new();
        for wire in self.wires.iter().filter(|wire| open.contains(&wire.id)) {
            if let Some(guest) = &wire.person.guest {
                *sockets.entry(guest.id.clone()).or_default() += 1;
            }
        }
        for wire in self.wires.iter_mut().filter(|wire| open.contains(&wire.id)) {
            let Some(guest) = wire.person.guest.as_mut() else {
                continue;
            };
            guest.has_company |= sockets[&guest.id] > 1;
            if guest.found.is_some() {
                continue;
            }
            let rooms = self.server.app.rooms.survey(&guest.id);
            let is_deep = rooms.iter().any(|(_, bytes)| *bytes > 128 * 1024);
            self.deep_tabs += usize::from(is_deep);
            self.tabs += usize::from(!rooms.is_empty());
            guest.finds(rooms.into_iter().map(|(room, _)| room).collect());
        }
    }

    /// What must hold at any moment.
    fn check(&self) -> Result<(), String> {
        if let Some(fault) = self.faults.first() {
            return Err(fault.clone());
        }
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
        self.server.app.rooms.audit(&guests, &self.out)?;
        self.server.app.stranger.audit(&strangers)
    }

    /// What must hold about all that was said, once everything has arrived.
    fn check_books(&self) -> Result<(), String> {
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
