//! The simulated world: people at virtual connections, and the server's own turns on these, without a loop and a kernel.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::rc::Rc;

use passerby::app::{App, Server, Settings};
use passerby::conn;
use passerby::kernel::bucket::Rate;
use passerby::kernel::id::ConnId;
use passerby::kernel::stats::Stats;
use passerby::kernel::time::Now;
use passerby::limits;
use passerby::net::{Driver, Readiness};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::guest::command;
use crate::person::{Person, frame};
use crate::wire::{Line, Wire};

/// Most worlds are small, so that people meet often.
const PEOPLE_MAX: [usize; 4] = [2, 3, 5, 10];
/// Connections in the longest life of a world.
const BORN_MAX: usize = 10_000;
/// Turns that may follow each other without an event.
const TURNS_MAX: usize = 10_000;
const DRAIN_MS: u64 = 5_000;

/// Somebody at a virtual connection.
pub struct Seat {
    pub id: ConnId,
    pub person: Person,
    pub wire: Rc<RefCell<Wire>>,
    /// Whether the person reads at all, and answers pings.
    pub is_awake: bool,
    /// Whether all that the person has sent arrived while the server listened.
    is_whole: bool,
}

pub struct World {
    pub driver: Driver<App, Line>,
    now: Now,
    pub random: StdRng,
    pub seats: Vec<Seat>,
    /// Who connects in the next turn.
    newcomers: Vec<Seat>,
    born: usize,
    people_max: usize,
    pub rooms: bool,
    /// What everybody who has gone had heard, by name.
    pub gone: Vec<Person>,
    pub trace: Vec<String>,
    /// How often, over all steps, somebody was not read from.
    pub pauses: usize,
    /// At which step the server begins to see everybody off, in some worlds.
    drain_at: Option<usize>,
    steps: usize,
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
            byte_rate: match seed % 3 {
                0 => Rate::UNLIMITED,
                1 => Rate::new(10_000.0, 20_000),
                _ => Rate::new(65_536.0, 262_144),
            },
            drain_ms: DRAIN_MS,
            seed,
            ..conn::Settings::default()
        };
        Self {
            driver: Driver::new(Server::new(App::new(settings, bytes), connections)),
            now: Now {
                micros: 1_000_000,
                unix_ms: 1_761_129_000_000,
            },
            random: StdRng::seed_from_u64(seed),
            seats: Vec::new(),
            newcomers: Vec::new(),
            born: 0,
            people_max: PEOPLE_MAX[seed as usize / 2 % 4],
            rooms,
            gone: Vec::new(),
            trace: Vec::new(),
            pauses: 0,
            drain_at: (seed % 5 == 4).then_some(50 + seed as usize % 200),
            steps: 0,
        }
    }

    /// One thing happens.
    pub fn step(&mut self) -> Result<(), String> {
        if self.drain_at == Some(self.steps) {
            self.driver.drain(self.now);
        }
        self.steps += 1;
        let roll = self.random.random_range(0..100);
        match roll {
            0..8 => self.arrive(),
            8..50 => self.act(),
            50..72 => self.carry_up()?,
            72..90 => self.carry_down()?,
            90..92 => self.vanish(),
            92..93 => self.doze(),
            _ => self.wait()?,
        }
        self.turn()?;
        self.pauses += self
            .seats
            .iter()
            .filter(|seat| self.driver.conns.is_paused(seat.id))
            .count();
        Ok(())
    }

    pub fn transcript(&self) -> Vec<String> {
        self.trace.clone()
    }

    /// Lets everything arrive, checks the books, then empties the world and checks that it is empty.
    pub fn end(mut self) -> Result<Stats, String> {
        for _ in 0..80 {
            (0..self.seats.len()).for_each(|at| self.carry(at, usize::MAX));
            self.settle()?;
            for at in 0..self.seats.len() {
                if self.seats[at].is_awake {
                    self.take(at, usize::MAX)?;
                }
            }
            self.settle()?;
            self.pass(20_000)?;
        }
        self.check_books()?;
        for seat in &self.seats {
            let wire = seat.wire.borrow();
            let is_unread = wire.is_readable() || !wire.upstream.is_empty();
            if seat.is_awake && (self.driver.conns.is_paused(seat.id) || is_unread) {
                return Err(format!("{:?} is not read from any more", seat.id));
            }
            if wire.is_left() {
                return Err(format!("{:?} has left and is still there", seat.id));
            }
        }
        if self.drain_at.is_some() && self.driver.conns.open().next().is_some() {
            return Err("somebody was not seen off".into());
        }
        while let Some(seat) = self.seats.first() {
            seat.wire.borrow_mut().reset();
            self.turn()?;
        }
        let out = &self.driver.out;
        if self.driver.conns.held() != (0, 0) {
            return Err("nobody is here, and something is kept".into());
        }
        if !self.driver.conns.is_empty() || out.queued_total() != 0 || out.open_lanes() != 0 {
            return Err("the world is empty, the server is not".into());
        }
        Ok(self.driver.stats)
    }

    fn arrive(&mut self) {
        if self.seats.len() >= self.people_max || self.born >= BORN_MAX {
            return;
        }
        self.born += 1;
        let window = [200, 3_000, 100_000][self.random.random_range(0..3)];
        let mut person = Person::new(self.born);
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
        if self.random.random_bool(0.2) {
            let count = self.random.random_range(1..60);
            let requests = person.ask(count);
            upstream = requests.into_iter().chain(upstream).collect();
        }
        self.trace.push(format!("{} arrives", self.born));
        self.newcomers.push(Seat {
            id: ConnId::new(0, 0),
            person,
            wire: Rc::new(RefCell::new(Wire::new(upstream, window))),
            is_awake: true,
            is_whole: false,
        });
    }

    /// Puts something on its way to the server.
    pub fn send(&mut self, at: usize, bytes: &[u8]) {
        let mut wire = self.seats[at].wire.borrow_mut();
        if !wire.is_left() {
            wire.upstream.extend(bytes);
        }
    }

    /// Some of what is on its way arrives.
    pub fn carry(&mut self, at: usize, most: usize) {
        let seat = &mut self.seats[at];
        let mut wire = seat.wire.borrow_mut();
        wire.carry(most);
        if self.driver.conns.is_open(seat.id) {
            seat.is_whole = wire.upstream.is_empty();
        }
    }

    fn carry_up(&mut self) -> Result<(), String> {
        if let Some(at) = self.pick() {
            let most = [1, 60, 16 * 1024, 64 * 1024][self.random.random_range(0..4)];
            let times = [1, 12][self.random.random_range(0..2)];
            for _ in 0..times {
                // Whoever it was may have gone meanwhile.
                if at < self.seats.len() {
                    self.carry(at, most);
                }
                self.turn()?;
            }
        }
        Ok(())
    }

    fn carry_down(&mut self) -> Result<(), String> {
        match self.pick() {
            Some(at) if self.seats[at].is_awake => {
                let most = [1, 50, 1_000_000][self.random.random_range(0..3)];
                self.take(at, most)
            }
            _ => Ok(()),
        }
    }

    /// Somebody's connection ends, with a FIN behind what was sent or with a reset.
    fn vanish(&mut self) {
        if let Some(at) = self.pick() {
            let seat = &mut self.seats[at];
            self.trace.push(format!("{} vanishes", seat.person.name));
            let mut wire = seat.wire.borrow_mut();
            if self.random.random_bool(0.5) {
                wire.hang_up();
                if self.random.random_bool(0.5) {
                    wire.carry(usize::MAX);
                }
            } else {
                wire.reset();
            }
            // Somebody who has closed the page hears nothing more.
            seat.is_awake = self.random.random_bool(0.5);
        }
    }

    /// Somebody stops reading, for good.
    fn doze(&mut self) {
        if let Some(at) = self.pick() {
            self.seats[at].is_awake = false;
        }
    }

    fn wait(&mut self) -> Result<(), String> {
        let ms = [1, 40, 700, 4_000, 12_000][self.random.random_range(0..5)];
        self.pass(ms)
    }

    pub fn pick(&mut self) -> Option<usize> {
        (!self.seats.is_empty()).then(|| self.random.random_range(0..self.seats.len()))
    }

    /// Lets a person read; they answer pings, and a goodbye by going.
    fn take(&mut self, at: usize, most: usize) -> Result<(), String> {
        let seat = &mut self.seats[at];
        let mut wire = seat.wire.borrow_mut();
        let bytes = wire.take(most);
        seat.person.hear(&bytes)?;
        if seat.person.is_timed_out && seat.is_whole {
            return Err(format!("{:?} was not answered", seat.id));
        }
        if !bytes.is_empty() && !wire.is_left() {
            // Stands for the pongs that a browser would send.
            wire.upstream.extend(frame(0x8a, b""));
        }
        if seat.person.dismissed || wire.is_over() {
            wire.hang_up();
        }
        Ok(())
    }

    /// One turn of the loop, as the loop itself would have it: with the events that the poller has found.
    pub fn turn(&mut self) -> Result<(), String> {
        let mut events: Vec<(ConnId, Readiness)> = Vec::new();
        for seat in &self.seats {
            // Some are found only by the next poll.
            if self.random.random_bool(0.9) {
                let event = seat.wire.borrow_mut().event();
                events.extend(event.map(|readiness| (seat.id, readiness)));
            }
        }
        let now = self.now;
        self.driver.begin(now);
        for (id, readiness) in events {
            self.driver.notify(id, readiness, now);
        }
        self.driver.go_on(now);
        for mut seat in std::mem::take(&mut self.newcomers) {
            seat.id = self.driver.vacancy();
            let line = Line(Rc::clone(&seat.wire));
            self.driver
                .accepted(seat.id, line, Ipv4Addr::LOCALHOST.into(), now);
            self.seats.push(seat);
        }
        self.driver.finish(now);
        self.part();
        self.check()
    }

    /// Turns for as long as one follows the other at once.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..TURNS_MAX {
            self.turn()?;
            let is_due = self.driver.conns.next_due() <= Some(self.now.micros);
            let is_due = is_due && self.driver.conns.next_due().is_some();
            let has_event = self.seats.iter().any(|seat| seat.wire.borrow().has_event());
            if !is_due && !has_event && !self.driver.has_more() {
                return Ok(());
            }
        }
        Err("the turns have no end".into())
    }

    fn pass(&mut self, ms: u64) -> Result<(), String> {
        let until = self.now.micros + ms * 1_000;
        while self.now.micros < until {
            let due = self.driver.conns.next_due().unwrap_or(until);
            let next = due.clamp(self.now.micros + 1, until);
            self.now.unix_ms += (next - self.now.micros) / 1_000;
            self.now.micros = next;
            self.turn()?;
        }
        Ok(())
    }

    /// Whoever's connection the server has closed is gone.
    fn part(&mut self) {
        let mut at = 0;
        while at < self.seats.len() {
            if !self.seats[at].wire.borrow().is_closed {
                at += 1;
                continue;
            }
            let mut seat = self.seats.swap_remove(at);
            // What was on its way still arrives at somebody who reads.
            let rest = seat.wire.borrow_mut().take(usize::MAX);
            let _ = seat.person.hear(&rest);
            self.gone.push(seat.person);
        }
    }

    fn at(&self, id: ConnId) -> Option<usize> {
        self.seats.iter().position(|seat| seat.id == id)
    }

    /// What must hold after every turn.
    fn check(&self) -> Result<(), String> {
        let conns = &self.driver.conns;
        let open: Vec<ConnId> = conns.open().collect();
        for id in &open {
            if self.at(*id).is_none() {
                return Err(format!("{id:?} is open, but has no socket"));
            }
        }
        let (server, sockets) = (conns.len(), self.seats.len());
        if server != sockets || self.driver.len() != sockets {
            return Err(format!("{server} connections, {sockets} sockets"));
        }
        self.seats
            .iter()
            .try_for_each(|seat| self.check_wake(seat))?;
        for (id, partner) in conns.app.stranger.held() {
            let queued = partner.map_or(0, |partner| self.driver.out.queued(partner));
            if queued <= limits::QUEUE_LOW_BYTES {
                return Err(format!("{id:?} is held back for nobody"));
            }
        }
        let is_guest = |id: &ConnId| {
            self.at(*id)
                .is_some_and(|at| self.seats[at].person.guest.is_some())
        };
        let (guests, strangers): (Vec<_>, Vec<_>) = open.into_iter().partition(is_guest);
        conns.app.rooms.audit(&guests)?;
        conns.app.stranger.audit(&strangers)
    }

    /// Whatever there is to do for a socket will be done: by an event, by the list of those that are owed a turn, or when
    /// what holds it back ends.
    fn check_wake(&self, seat: &Seat) -> Result<(), String> {
        let (id, wire) = (seat.id, seat.wire.borrow());
        let queued = self.driver.out.queued(id);
        if wire.has_event() {
            return Ok(());
        }
        let is_paused = self.driver.conns.is_paused(id);
        let goes_on = self.driver.is_listed(id) || self.driver.conns.next_due() == Some(0);
        if wire.is_readable() && !is_paused && !goes_on {
            return Err(format!("{id:?} has sent something, and nobody will look"));
        }
        let mut open = self.driver.conns.open();
        if wire.is_end_known() && is_paused && !goes_on && open.any(|open| open == id) {
            return Err(format!("{id:?} has gone, and is waited for"));
        }
        if queued > 0 && wire.is_writable_unasked() {
            return Err(format!(
                "{queued} bytes for {id:?} wait for an event that never comes"
            ));
        }
        if is_paused && self.driver.conns.next_due().is_none() && queued == 0 {
            return Err(format!("{id:?} waits, and no timer is set"));
        }
        Ok(())
    }
}
