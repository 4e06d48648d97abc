//! Whole turns in memory: bytes in, decisions, bytes out, without a socket.

use std::hint::black_box;
use std::net::Ipv4Addr;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passerby::app::{App, Server, Settings};
use passerby::conn::{self, Turn};
use passerby::kernel::bucket::Rate;
use passerby::kernel::id::ConnId;
use passerby::kernel::outbox::Outbox;
use passerby::kernel::secret::Secret;
use passerby::kernel::stats::{Refused, Stats};
use passerby::kernel::time::Now;
use passerby::wire::token::Key;

const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

struct World {
    server: Server,
    out: Outbox,
    stats: Stats,
    now: Now,
    dirty: Vec<ConnId>,
    inbox: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let mut settings = Settings::default();
        // The budgets are there and checked, but large.
        let plenty = Rate::new(1_000_000.0, 1_000);
        settings.stranger.message_rate = plenty;
        settings.stranger.skip_rate = plenty;
        settings.stranger.rematch_after_ms = 0;
        settings.rooms.message_rate = plenty;
        let connections = conn::Settings {
            frame_rate: plenty,
            ..conn::Settings::default()
        };
        let key = Key::new(&Secret::new("x".repeat(32))).expect("long enough");
        let now = Now {
            micros: 1_000_000,
            unix_ms: 1_761_129_000_000,
        };
        Self {
            server: Server::new(App::new(settings, key, [7; 32], now), connections),
            out: Outbox::default(),
            stats: Stats::default(),
            now,
            dirty: Vec::new(),
            inbox: vec![0; 16 * 1024],
        }
    }

    fn turn(&mut self, id: ConnId, bytes: &[u8]) {
        self.now.micros += 100;
        self.now.unix_ms = 1_761_129_000_000 + self.now.micros / 1_000;
        self.inbox[..bytes.len()].copy_from_slice(bytes);
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server
            .received(id, &mut self.inbox[..bytes.len()], &mut turn);
        self.server.elapsed(&mut turn);
        self.server.perform(&mut turn);
        self.out.socket_ops.clear();
        self.out.take_dirty(&mut self.dirty);
        for conn in &self.dirty {
            let count = black_box(self.out.pending(*conn)).len();
            self.out.wrote(*conn, count);
        }
    }

    fn open(&mut self, index: u32) -> ConnId {
        self.open_with(index, UPGRADE)
    }

    fn open_with(&mut self, index: u32, request: &[u8]) -> ConnId {
        let id = ConnId::new(index, 1);
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server
            .accepted(id, Ipv4Addr::LOCALHOST.into(), &mut turn);
        self.turn(id, request);
        id
    }

    fn close(&mut self, id: ConnId) {
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server.ended(id, &mut turn);
        self.server.perform(&mut turn);
        self.server.buried(id, &mut turn);
        self.out.socket_ops.clear();
    }

    /// So many pairs, each found by searching.
    fn pairs(&mut self, pairs: u32) -> Vec<ConnId> {
        let people: Vec<ConnId> = (0..2 * pairs).map(|index| self.open(index)).collect();
        for id in &people {
            self.turn(*id, &frame(r#"{"type":"findMatch"}"#));
        }
        people
    }
}

fn frame(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn relay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relay");
    let one = frame(&format!(
        r#"{{"type":"sendMessage","text":"{}"}}"#,
        "x".repeat(32)
    ));
    for pairs in [1, 100, 9_000] {
        let mut world = World::new();
        let people = world.pairs(pairs);
        let mut next = 0;
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("32 bytes, pairs", pairs), |bencher| {
            bencher.iter(|| {
                next = (next + 1_237) % people.len();
                world.turn(people[next], &one);
            });
        });
    }
    let mut world = World::new();
    let people = world.pairs(1);
    let burst = one.repeat(16);
    group.throughput(Throughput::Elements(16));
    let mut next = 0;
    group.bench_function("burst of 16", |bencher| {
        bencher.iter(|| {
            next = 1 - next;
            world.turn(people[next], &burst);
        });
    });
    // A figure that counted refusals would be a figure of something else.
    assert_eq!(world.stats.refusals(Refused::CommandRate), 0);
    assert_eq!(world.stats.refusals(Refused::BadCommand), 0);
}

fn life(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("life");
    let mut world = World::new();
    let people = world.pairs(1);
    let next = frame(r#"{"type":"nextStranger"}"#);
    group.bench_function("both press next", |bencher| {
        bencher.iter(|| {
            world.turn(people[0], &next);
            world.turn(people[1], &next);
        });
    });
    let mut world = World::new();
    let find = frame(r#"{"type":"findMatch"}"#);
    group.bench_function("two connect, meet and go", |bencher| {
        bencher.iter(|| {
            let pair = [world.open(0), world.open(1)];
            pair.iter().for_each(|id| world.turn(*id, &find));
            pair.iter().for_each(|id| world.close(*id));
        });
    });
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out");
    let text = "x".repeat(32);
    let say = frame(&format!(
        r#"{{"type":"text","content":"{text}","room":"general"}}"#
    ));
    let join = frame(r#"{"type":"join_room","content":"general"}"#);
    for members in [10, 100, 1_000] {
        let mut world = World::new();
        let people: Vec<ConnId> = (0..members)
            .map(|index| {
                let path = format!("/api/ws?user_id={index}&username={index}");
                let request = String::from_utf8_lossy(UPGRADE).replace("/ws", &path);
                let id = world.open_with(index, request.as_bytes());
                world.turn(id, &join);
                while world.server.next_due() == Some(0) {
                    world.turn(id, b"");
                }
                id
            })
            .collect();
        let before = (world.stats.room_messages, world.stats.room_deliveries);
        let mut next = 0;
        group.throughput(Throughput::Elements(u64::from(members)));
        group.bench_function(BenchmarkId::new("32 bytes, members", members), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % people.len();
                world.turn(people[next], &say);
                while world.server.next_due() == Some(0) {
                    world.turn(people[next], b"");
                }
            });
        });
        let said = world.stats.room_messages - before.0;
        let heard = world.stats.room_deliveries - before.1;
        assert_eq!(heard, said * u64::from(members));
        assert_eq!(world.stats.refusals(Refused::CommandRate), 0);
    }
}

criterion_group!(benches, relay, life, fan_out);
criterion_main!(benches);
