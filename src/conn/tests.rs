//! Deadlines, pings, back-pressure and the drain, with virtual time and no socket.

mod budgets;
mod http;
mod late;
mod memory;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use super::{Application, Connections, Late, Reply, Request, Settings, Turn};
use crate::kernel::addresses::Allowance;
use crate::kernel::bucket::Rate;
use crate::kernel::effect::{Effect, SocketOp};
use crate::kernel::id::ConnId;
use crate::kernel::outbox::Outbox;
use crate::kernel::stats::{CloseCause, Refused, Stats};
use crate::kernel::time::Now;
use crate::limits;
use crate::wire::frame::{self, Kind};
use crate::wire::message::Message;
use crate::wire::response::{Response, Status};
use crate::wire::upgrade;

/// Answers a request with a body of as many bytes as its query says, and a message with itself.
#[derive(Debug, Default)]
struct Mirror {
    closed: Vec<CloseCause>,
    heard: usize,
    /// The answers to requests for `/later`.
    lates: VecDeque<(ConnId, Late<()>)>,
}

impl Application for Mirror {
    type Service = ();

    fn request<'a>(&mut self, request: &Request<'a>, turn: &mut Turn<'_>) -> Reply<'a, ()> {
        if let Some((response, cause)) = request.admission.refusal() {
            turn.stats.refused(cause);
            return Reply::Respond(response);
        }
        match upgrade::check(request.head) {
            key if request.head.path == "/later" => Reply::Later(key.ok()),
            Ok(key) => Reply::Open((), key),
            Err(_) => {
                let size = request.head.query.parse().unwrap_or(0);
                Reply::Respond(Response::new(Status::OK).with_body("text/plain", vec![b'x'; size]))
            }
        }
    }

    fn refused(&self, request: &Request<'_>, response: Response) -> Response {
        response.with_field("Refused", request.head.path.to_owned())
    }

    fn opened(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn said(&mut self, conn: ConnId, (): (), message: Message<'_>, turn: &mut Turn<'_>) {
        self.heard += 1;
        if let Message::Text(text) = message {
            frame::write(turn.out.lane(conn), Kind::Text, text.as_bytes());
        }
    }

    fn drained(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn closed(&mut self, _: ConnId, (): (), cause: CloseCause, _: &mut Turn<'_>) {
        self.closed.push(cause);
    }

    fn dismissed(&mut self, conn: ConnId, (): (), turn: &mut Turn<'_>) {
        frame::write(turn.out.lane(conn), Kind::Text, b"bye");
    }

    fn draining(&mut self) {}

    fn elapsed(&mut self, _: &mut Turn<'_>) {}

    fn next_late(&mut self) -> Option<(ConnId, Late<()>)> {
        self.lates.pop_front()
    }

    fn next_due(&self) -> Option<u64> {
        None
    }
}

struct World {
    server: Connections<Mirror>,
    out: Outbox,
    stats: Stats,
    now: Now,
    ops: Vec<SocketOp>,
}

const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn id(number: u32) -> ConnId {
    ConnId::new(number, number + 1)
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

impl World {
    fn new(settings: Settings) -> Self {
        Self {
            server: Connections::new(Mirror::default(), settings),
            out: Outbox::default(),
            stats: Stats::default(),
            now: Now {
                micros: 1_000_000,
                unix_ms: 0,
            },
            ops: Vec::new(),
        }
    }

    fn turn<R>(&mut self, act: impl FnOnce(&mut Connections<Mirror>, &mut Turn<'_>) -> R) -> R {
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        let result = act(&mut self.server, &mut turn);
        self.server.perform(&mut turn);
        self.ops.append(&mut self.out.socket_ops);
        result
    }

    fn accept(&mut self, number: u32, peer: IpAddr) {
        self.turn(|server, turn| server.accepted(id(number), peer, turn));
    }

    fn open(&mut self, number: u32) {
        self.accept(number, Ipv4Addr::LOCALHOST.into());
        self.receive(number, UPGRADE);
        self.write_all(number);
    }

    fn receive(&mut self, number: u32, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        self.turn(|server, turn| server.received(id(number), &mut bytes, turn));
    }

    /// Takes everything that is queued, as a socket would.
    fn write_all(&mut self, number: u32) -> Vec<u8> {
        let mut all = Vec::new();
        while self.out.queued(id(number)) > 0 {
            let was_high = self.out.is_high(id(number));
            let bytes = self.out.pending(id(number)).to_vec();
            self.out.wrote(id(number), bytes.len());
            all.extend(bytes);
            self.turn(|server, turn| server.flushed(id(number), was_high, true, turn));
        }
        all
    }

    /// Writes nothing of what is queued, as a socket whose peer does not read.
    fn block(&mut self, number: u32) {
        let was_high = self.out.is_high(id(number));
        self.turn(|server, turn| server.flushed(id(number), was_high, false, turn));
    }

    /// Lets time pass, with every timer at its time.
    fn pass(&mut self, ms: u64) {
        let until = self.now.micros + ms * 1_000;
        while self.now.micros < until {
            self.now.micros = self
                .server
                .next_due()
                .map_or(until, |due| due.clamp(self.now.micros + 1, until));
            self.idle_turn();
        }
    }

    /// A turn in which nothing comes.
    fn idle_turn(&mut self) {
        self.turn(|server, turn| {
            server.begun(turn);
            server.elapsed(turn);
        });
    }

    fn has(&self, op: SocketOp) -> bool {
        self.ops.contains(&op)
    }
}

#[test]
fn a_silent_peer_is_pinged_and_then_closed() {
    let mut world = World::new(Settings::default());
    world.open(0);
    world.pass(limits::PING_CALM_MS - 500);
    assert!(world.write_all(0).is_empty());
    world.pass(700);
    assert_eq!(world.write_all(0), [0x89, 0]);
    world.receive(0, &masked(0x8a, b""));
    world.pass(limits::PING_CALM_MS + 200);
    assert_eq!(world.write_all(0), [0x89, 0]);
    world.pass(limits::PONG_MS + 200);
    let close = world.write_all(0);
    assert_eq!(
        close[..4],
        [0x88, close.len() as u8 - 2, 0x0f, 0xac],
        "4012"
    );
    assert_eq!(world.server.app.closed, [CloseCause::NoPong]);
}

#[test]
fn a_conversation_is_watched_more_closely() {
    let mut world = World::new(Settings::default());
    world.open(0);
    world.pass(5_000);
    world.turn(|_, turn| turn.out.effects.push(Effect::Pace(id(0), true)));
    world.pass(limits::PING_BRISK_MS + 200);
    assert_eq!(world.write_all(0), [0x89, 0]);
}

#[test]
fn a_message_has_a_deadline_too() {
    let mut world = World::new(Settings::default());
    world.open(0);
    world.receive(0, &masked(0x01, b"begun"));
    for _ in 0..9 {
        world.pass(1_000);
        world.receive(0, &masked(0x89, b""));
    }
    assert!(world.server.app.closed.is_empty());
    world.pass(1_200);
    assert_eq!(world.server.app.closed, [CloseCause::Policy]);
}

#[test]
fn who_does_not_read_is_closed_and_told_why() {
    let mut world = World::new(Settings::default());
    world.open(0);
    world.receive(0, &masked(0x81, b"hello"));
    world.block(0);
    world.pass(limits::WRITE_STALL_MS - 500);
    assert!(world.server.app.closed.is_empty());
    world.pass(700);
    assert_eq!(world.server.app.closed, [CloseCause::TooSlow]);
    assert!(!world.has(SocketOp::Drop(id(0))));
    assert!(
        world.out.pending(id(0)).ends_with(b"\x0f\xa8too slow"),
        "4008"
    );
    world.pass(limits::LINGER_MS + 200);
    assert!(world.has(SocketOp::Drop(id(0))));
}

#[test]
fn a_slow_but_moving_peer_is_kept() {
    let mut world = World::new(Settings::default());
    world.open(0);
    world.receive(0, &masked(0x81, &[b'x'; 100]));
    for _ in 0..10 {
        world.pass(8_000);
        world.out.wrote(id(0), 1);
        world.turn(|server, turn| server.flushed(id(0), false, true, turn));
        world.receive(0, &masked(0x8a, b""));
    }
    assert!(world.server.app.closed.is_empty());
}

#[test]
fn reading_rests_while_the_peer_s_own_output_piles_up() {
    let mut world = World::new(Settings::default());
    world.open(0);
    let message = masked(0x81, &[b'x'; 120]);
    let mut sent = 0;
    while !world.server.is_paused(id(0)) {
        world.receive(0, &message);
        sent += 1;
        assert!(sent < 1_000);
    }
    world.block(0);
    world.ops.clear();
    world.write_all(0);
    assert!(!world.server.is_paused(id(0)));
    assert!(world.has(SocketOp::Read(id(0))));
}

#[test]
fn requests_wait_while_answers_pile_up() {
    let mut world = World::new(Settings::default());
    world.accept(0, Ipv4Addr::LOCALHOST.into());
    let request = b"GET /?50000 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10);
    world.receive(0, &request);
    assert!(world.server.is_paused(id(0)));
    assert_eq!(world.stats.requests, 2);
    let mut answers = world.write_all(0);
    while world.server.next_due() == Some(0) {
        world.idle_turn();
        answers.extend(world.write_all(0));
    }
    assert_eq!(world.stats.requests, 10);
    assert!(answers.len() > 500_000);
    assert!(!world.server.is_paused(id(0)));
}

#[test]
fn who_reads_slowly_is_not_blamed_for_a_ping_that_waits_in_line() {
    let mut world = World::new(Settings::default());
    world.open(0);
    for _ in 0..30 {
        world.receive(0, &masked(0x81, &[b'x'; 120]));
    }
    for _ in 0..60 {
        world.pass(1_000);
        world.out.wrote(id(0), 10);
        world.turn(|server, turn| server.flushed(id(0), false, true, turn));
    }
    assert!(world.server.app.closed.is_empty());
}

#[test]
fn a_dead_peer_is_found_out_though_something_is_sent_to_it_in_every_turn() {
    let mut world = World::new(Settings::default());
    world.open(0);
    let mut turns = 0;
    while world.server.app.closed.is_empty() {
        world.now.micros += 50_000;
        // A partner speaks, the kernel takes it, and nobody answers.
        world.turn(|server, turn| {
            frame::write(turn.out.lane(id(0)), Kind::Text, b"hello?");
            server.begun(turn);
            server.elapsed(turn);
        });
        world.write_all(0);
        turns += 1;
        assert!(turns < 20 * 60, "nobody noticed in a minute");
    }
    assert_eq!(world.server.app.closed, [CloseCause::NoPong]);
}

#[test]
fn newcomers_to_a_full_server_are_told_so() {
    let settings = Settings {
        connections_max: 1,
        ..Settings::default()
    };
    let mut world = World::new(settings);
    world.open(0);
    world.accept(1, Ipv4Addr::LOCALHOST.into());
    world.receive(1, UPGRADE);
    let answer = world.write_all(1);
    assert!(answer.starts_with(b"HTTP/1.1 503 "));
    assert!(answer.windows(12).any(|window| window == b"Retry-After:"));
    world.accept(2, Ipv4Addr::LOCALHOST.into());
    world.pass(limits::OVERFLOW_HEAD_MS + 100);
    assert!(world.has(SocketOp::Finish(id(2))));
}

#[test]
fn an_address_has_its_share_and_no_more() {
    let settings = Settings {
        allowance: Allowance {
            connections_max: 1,
            ..Allowance::UNLIMITED
        },
        ..Settings::default()
    };
    let mut world = World::new(settings);
    world.open(0);
    world.accept(1, Ipv4Addr::LOCALHOST.into());
    world.receive(1, UPGRADE);
    assert!(world.write_all(1).starts_with(b"HTTP/1.1 429 "));
    world.accept(2, Ipv4Addr::new(127, 0, 0, 2).into());
    world.receive(2, UPGRADE);
    assert!(world.write_all(2).starts_with(b"HTTP/1.1 101 "));
    for number in [0, 1] {
        world.turn(|server, turn| {
            server.ended(id(number), turn);
            server.reaped(id(number), turn);
        });
    }
    world.accept(3, Ipv4Addr::LOCALHOST.into());
    world.receive(3, UPGRADE);
    assert!(world.write_all(3).starts_with(b"HTTP/1.1 101 "));
}

#[test]
fn a_drain_says_goodbye_to_everybody_bit_by_bit() {
    let settings = Settings {
        drain_ms: 1_000,
        ..Settings::default()
    };
    let mut world = World::new(settings);
    const CROWD: u32 = 400;
    (0..CROWD).for_each(|number| world.open(number));
    world.accept(CROWD, Ipv4Addr::LOCALHOST.into());
    world.turn(|server, turn| server.drain(turn));
    world.pass(1);
    let dismissed = |world: &World| world.server.app.closed.len();
    assert!((1..100).contains(&dismissed(&world)));
    world.pass(500);
    assert!((100..350).contains(&dismissed(&world)));
    assert!(
        !world.has(SocketOp::Finish(id(CROWD))),
        "may still ask whether we are ready"
    );
    world.pass(700);
    assert!(world.has(SocketOp::Finish(id(CROWD))));
    assert_eq!(dismissed(&world), CROWD as usize);
    let goodbye = world.write_all(0);
    assert_eq!(goodbye[..5], *b"\x81\x03bye");
    assert_eq!(goodbye[7..9], 1012u16.to_be_bytes());
}
