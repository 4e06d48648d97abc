//! What must not drift, counted exactly: allocations per relayed message, bytes of state per connection.
#![allow(unsafe_code)] // The counting allocator has no other way.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::Ipv4Addr;

use passerby::app::{App, Server, Settings};
use passerby::conn::{self, Turn};
use passerby::kernel::bucket::Rate;
use passerby::kernel::id::ConnId;
use passerby::kernel::outbox::Outbox;
use passerby::kernel::secret::Secret;
use passerby::kernel::stats::{CloseCause, Stats};
use passerby::kernel::time::Now;
use passerby::limits;
use passerby::net::Reactor;
use passerby::service::stranger::Stranger;
use passerby::wire::token::Key;

struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get() + layout.size() as isize));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get() - layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct World {
    server: Server,
    out: Outbox,
    stats: Stats,
    now: Now,
    dirty: Vec<ConnId>,
    /// How many bytes the last turn wrote, and to how many sockets.
    written: usize,
    sockets: usize,
    /// The id of the last pair that somebody was told of.
    pair: String,
}

impl World {
    fn new() -> Self {
        let mut settings = Settings::default();
        settings.stranger.message_rate = Rate::UNLIMITED;
        settings.rooms.message_rate = Rate::UNLIMITED;
        settings.rooms.room_rate = Rate::UNLIMITED;
        settings.rooms.create_on_join = true;
        let key = Key::new(&Secret::new("x".repeat(32))).expect("long enough");
        let now = Now {
            micros: 1_000_000,
            unix_ms: 1_761_129_000_000,
        };
        let app = App::new(settings, key, [7; 32], now);
        Self {
            server: Server::new(app, conn::Settings::default()),
            out: Outbox::default(),
            stats: Stats::default(),
            now,
            dirty: Vec::new(),
            written: 0,
            sockets: 0,
            pair: String::new(),
        }
    }

    fn turn(&mut self, act: impl FnOnce(&mut Server, &mut Turn<'_>)) {
        self.now.micros += 1_000;
        self.now.unix_ms += 1;
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        self.server.begun(&mut turn);
        act(&mut self.server, &mut turn);
        self.server.elapsed(&mut turn);
        self.server.perform(&mut turn);
        self.out.take_dirty(&mut self.dirty);
        (self.written, self.sockets) = (0, 0);
        for at in 0..self.dirty.len() {
            let conn = self.dirty[at];
            let was_high = self.out.is_high(conn);
            let bytes = self.out.pending(conn);
            let joined = bytes.get(2..).and_then(|text| text.strip_prefix(JOINED));
            if let Some(id) = joined.and_then(|rest| rest.get(..36)) {
                self.pair = String::from_utf8_lossy(id).into_owned();
            }
            let count = bytes.len();
            self.out.wrote(conn, count);
            self.written += count;
            self.sockets += 1;
            if was_high {
                let mut turn = Turn {
                    now: self.now,
                    out: &mut self.out,
                    stats: &mut self.stats,
                };
                self.server.flushed(conn, was_high, true, &mut turn);
            }
        }
    }

    fn open(&mut self, index: u32) -> ConnId {
        let id = ConnId::new(index, index + 1);
        self.turn(|server, turn| server.accepted(id, Ipv4Addr::LOCALHOST.into(), turn));
        self.say(id, UPGRADE);
        id
    }

    fn say(&mut self, id: ConnId, bytes: &[u8]) {
        let mut inbox = [0; 4096];
        inbox[..bytes.len()].copy_from_slice(bytes);
        self.turn(|server, turn| server.received(id, &mut inbox[..bytes.len()], turn));
    }
}

/// How a server's word begins that somebody is there, behind the header.
const JOINED: &[u8] = br#"{"type":"strangerJoined","pairId":""#;
const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn frame(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x81];
    match text.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

#[test]
fn a_warm_relay_allocates_nothing() {
    let mut world = World::new();
    let (one, other) = (world.open(0), world.open(1));
    for id in [one, other] {
        world.say(id, &frame(r#"{"type":"findMatch"}"#));
    }
    let page = format!(
        r#"{{"type":"sendMessage","text":"hello there","cid":"1","pairId":"{}"}}"#,
        world.pair
    );
    let forms = [
        page.as_str(),
        r#"{"type":"sendMessage","text":"hello there"}"#,
        r#"{"type":"sendMessage","text":"hello \u00e9 there","cid":"1"}"#,
    ]
    .map(frame);
    let typing = frame(r#"{"type":"typing"}"#);
    let nonsense = frame("nonsense");
    let exchange = |world: &mut World| {
        for form in &forms {
            world.say(one, form);
            world.say(other, form);
        }
        world.say(other, &nonsense);
        assert!(world.written > 0);
    };
    (0..100).for_each(|_| exchange(&mut world));
    let relayed = world.stats.messages_relayed;
    let before = CALLS.get();
    (0..1_000).for_each(|_| exchange(&mut world));
    assert_eq!(CALLS.get() - before, 0);
    assert_eq!(world.stats.messages_relayed - relayed, 6_000);
    for _ in 0..20 {
        // Only one in a second is passed on; whatever else the time brings is not counted here.
        world.now.micros += 1_000_000;
        world.turn(|_, _| ());
        let before = CALLS.get();
        world.say(one, &typing);
        assert_eq!(CALLS.get() - before, 0);
        assert!(world.written > 0);
    }
}

#[test]
fn an_idle_socket_owns_no_memory() {
    const CROWD: u32 = 1_000;
    let mut world = World::new();
    // The tables grow by doubling: grown once, they are there.
    let crowd: Vec<ConnId> = (0..CROWD).map(|index| world.open(index)).collect();
    world.turn(|server, turn| {
        for id in &crowd {
            server.ended(*id, turn);
            server.reaped(*id, turn);
        }
    });
    world.out.socket_ops.clear();
    let before = BYTES.get();
    for index in 0..CROWD {
        let id = world.open(index);
        world.say(id, &frame(r#"{"type":"stats"}"#));
    }
    world.out.socket_ops.clear();
    let each = (BYTES.get() - before) as f64 / f64::from(CROWD);
    assert!(each < 1.0, "{each} bytes of heap for each idle socket");
}

#[test]
fn state_fits_its_budget() {
    let conn = Server::conn_bytes();
    let client = Stranger::client_bytes();
    let socket = Reactor::<App>::socket_bytes();
    let lane = Outbox::lane_bytes();
    // It is looked at for every message, and is one line of the processor's cache.
    assert_eq!(conn, 64);
    // Two timers of 12 bytes each, one for the connection and one for the search.
    let total = conn + client + socket + lane + 2 * 12;
    assert!(
        total <= 272,
        "{total} bytes: {conn} connection, {client} client, {socket} socket, {lane} lane"
    );
}

#[test]
fn a_memory_of_partners_fits_its_budget() {
    let bytes = Stranger::memory_bytes();
    assert!(bytes <= 96, "{bytes} bytes");
}

#[test]
fn only_those_who_may_meet_again_remember_each_other() {
    const PAIRS: u32 = 500;
    type Deed = fn(&mut World, ConnId);
    let stop: Deed = |world, id| world.say(id, &frame(r#"{"type":"stopChat"}"#));
    let vanish: Deed = |world, id| world.turn(|server, turn| server.ended(id, turn));
    // What one of each pair does, and how many memories each pair has then.
    for (deed, memories) in [(stop, 2.0), (vanish, 0.0)] {
        let mut world = World::new();
        let crowd: Vec<ConnId> = (0..2 * PAIRS).map(|index| world.open(index)).collect();
        let find = frame(r#"{"type":"findMatch"}"#);
        crowd.iter().for_each(|id| world.say(*id, &find));
        let before = BYTES.get();
        crowd.chunks(2).for_each(|pair| deed(&mut world, pair[0]));
        world.out.socket_ops = Vec::new();
        let each = (BYTES.get() - before) as f64 / f64::from(PAIRS);
        let expected = memories * Stranger::memory_bytes() as f64;
        // The rest is what everybody shares.
        assert!(
            (each - expected).abs() < 10.0,
            "{each} bytes, not {expected}"
        );
    }
}

/// So many people, connected to the rooms.
fn crowd(world: &mut World, people: u32) -> Vec<ConnId> {
    crowd_from(world, 0, people)
}

/// The same, the first of whom has the number `first`.
fn crowd_from(world: &mut World, first: u32, people: u32) -> Vec<ConnId> {
    (first..first + people)
        .map(|index| {
            let id = ConnId::new(index, index + 1);
            world.turn(|server, turn| server.accepted(id, Ipv4Addr::LOCALHOST.into(), turn));
            let path = format!("/api/ws?user_id={index}&username={index}");
            let request = String::from_utf8_lossy(UPGRADE).replace("/ws", &path);
            world.say(id, request.as_bytes());
            id
        })
        .collect()
}

/// Has everybody join a room, and lets it go round.
fn join(world: &mut World, crowd: &[ConnId], room: &str) {
    let join = frame(&format!(r#"{{"type":"join_room","content":"{room}"}}"#));
    for id in crowd {
        world.say(*id, &join);
    }
    settle(world);
}

/// Goes on until nothing is left to go round; how many turns that took.
fn settle(world: &mut World) -> usize {
    let mut turns = 0;
    while world.server.next_due() == Some(0) {
        world.turn(|_, _| {});
        turns += 1;
    }
    turns
}

#[test]
fn a_member_costs_at_most_64_bytes() {
    const CROWD: u32 = 1_000;
    let mut world = World::new();
    let crowd = crowd(&mut world, CROWD);
    // The buffers that everybody shares are there after the first room.
    join(&mut world, &crowd, "general");
    let before = BYTES.get();
    join(&mut world, &crowd, "tea");
    assert_eq!(world.server.app.rooms.members(), 2 * CROWD as usize);
    let each = (BYTES.get() - before) as f64 / f64::from(CROWD);
    assert!(each <= 64.0, "{each} bytes for each member");
}

#[test]
fn somebody_in_rooms_costs_at_most_so_much() {
    const CROWD: u32 = 1_000;
    let mut world = World::new();
    let people = crowd(&mut world, CROWD);
    join(&mut world, &people, "general");
    // Everything grows by doubling, so what the second half costs is what it is made for.
    let before = BYTES.get();
    let others = crowd_from(&mut world, CROWD, CROWD);
    let connected = (BYTES.get() - before) as f64 / f64::from(CROWD);
    // The buffers that everybody shares are there, and as large as they have to be.
    let nonsense = frame(r#"{"type":"nonsense"}"#).repeat(20);
    world.turn(say_all(nonsense, &[people, others.clone()].concat()));
    let before = BYTES.get();
    join(&mut world, &others, "general");
    let seated = (BYTES.get() - before) as f64 / f64::from(CROWD);
    assert!(connected <= 640.0, "{connected} bytes for each person");
    assert!(seated <= 64.0, "{seated} bytes for each first seat");
}

#[test]
fn a_large_room_goes_round_in_small_turns() {
    const CROWD: u32 = 2_000;
    let mut world = World::new();
    let crowd = crowd(&mut world, CROWD);
    join(&mut world, &crowd, "general");
    let text = frame(r#"{"type":"text","content":"hello","room":"general"}"#);
    let before = world.stats.room_deliveries;
    let mut last = before;
    let mut largest = 0;
    world.say(crowd[0], &text);
    loop {
        largest = largest.max(world.stats.room_deliveries - last);
        last = world.stats.room_deliveries;
        if world.server.next_due() != Some(0) {
            break;
        }
        world.turn(|_, _| {});
    }
    assert_eq!(last - before, u64::from(CROWD));
    let budget = limits::DELIVERIES_PER_TURN as u64;
    assert!(largest <= budget, "{largest} deliveries in one turn");
}

/// The most that one turn did.
#[derive(Debug, Default)]
struct Worst {
    deliveries: u64,
    bytes: usize,
    sockets: usize,
    joins: usize,
}

/// Lets something happen, and everything that comes of it; the most that one of the turns did.
fn worst_turn(world: &mut World, act: impl FnOnce(&mut Server, &mut Turn<'_>)) -> Worst {
    let mut worst = Worst::default();
    let mut act = Some(act);
    while act.is_some() || world.server.next_due() == Some(0) {
        let deliveries = world.stats.room_deliveries;
        let members = world.server.app.rooms.members();
        world.turn(|server, turn| {
            if let Some(act) = act.take() {
                act(server, turn);
            }
        });
        let joins = world.server.app.rooms.members().saturating_sub(members);
        worst.deliveries = worst
            .deliveries
            .max(world.stats.room_deliveries - deliveries);
        worst.bytes = worst.bytes.max(world.written);
        worst.sockets = worst.sockets.max(world.sockets);
        worst.joins = worst.joins.max(joins);
        world.out.socket_ops.clear();
    }
    worst
}

/// What a turn may do for rooms.
fn check(what: &str, worst: &Worst) {
    /// No frame that goes round is shorter, in bytes.
    const FRAME_BYTES_MIN: usize = 150;
    let budget = limits::DELIVERIES_PER_TURN;
    // One budget for what goes round and one for what comes of joining and leaving. Either may end with somebody who
    // is brought all that is due to them.
    let bytes = 2 * budget * limits::DELIVERY_BYTES + limits::PIECE_BYTES + limits::ROUND_BYTES;
    assert!(
        worst.bytes <= bytes,
        "{what}: {worst:?}, {bytes} bytes allowed"
    );
    assert!(
        worst.deliveries as usize <= bytes / FRAME_BYTES_MIN,
        "{what}: {worst:?}"
    );
    assert!(worst.sockets <= 2 * budget, "{what}: {worst:?}");
    assert!(worst.joins <= budget, "{what}: {worst:?}");
}

/// Has everybody send the same in one turn.
fn say_all(frame: Vec<u8>, who: &[ConnId]) -> impl FnOnce(&mut Server, &mut Turn<'_>) {
    let who = who.to_vec();
    move |server: &mut Server, turn: &mut Turn<'_>| {
        for id in who {
            server.received(id, &mut frame.clone(), turn);
        }
    }
}

/// Something long that is said in a room.
fn long_text(room: &str) -> Vec<u8> {
    let words = "x".repeat(1_900);
    frame(&format!(
        r#"{{"type":"text","content":"{words}","room":"{room}"}}"#
    ))
}

#[test]
fn no_turn_does_more_than_its_share_for_a_room_of_5000() {
    const CROWD: u32 = 5_000;
    let mut world = World::new();
    let crowd = crowd(&mut world, CROWD);
    // A full history, so that joining brings as much as it can.
    join(&mut world, &crowd[..1], "general");
    let text = long_text("general");
    for _ in 0..limits::HISTORY_MESSAGES {
        world.say(crowd[0], &text);
        settle(&mut world);
    }
    let room = r#""room":"general","content":"general"}"#;
    let join = frame(&format!(r#"{{"type":"join_room",{room}"#));
    let worst = worst_turn(&mut world, say_all(join, &crowd));
    check("everybody joins at once", &worst);
    assert_eq!(world.server.app.rooms.members(), CROWD as usize);
    let before = world.stats.room_deliveries;
    let worst = worst_turn(&mut world, say_all(text, &crowd[..100]));
    check("a hundred speak at once", &worst);
    assert_eq!(world.stats.room_deliveries - before, 100 * u64::from(CROWD));
    let leave = frame(&format!(r#"{{"type":"leave_room",{room}"#));
    let worst = worst_turn(&mut world, say_all(leave, &crowd));
    check("everybody leaves at once", &worst);
    assert_eq!(world.server.app.rooms.members(), 0);
}

#[test]
fn metrics_are_made_once_for_all_who_ask_in_one_turn() {
    let mut world = World::new();
    let ids: Vec<ConnId> = (0..3).map(|index| ConnId::new(index, 1)).collect();
    let ask = |world: &mut World, who: &[ConnId]| {
        let mut answers = Vec::new();
        world.turn(|server, turn| {
            for id in who {
                if !server.is_open(*id) {
                    server.accepted(*id, Ipv4Addr::LOCALHOST.into(), turn);
                }
                let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
                server.received(*id, &mut request.to_vec(), turn);
                answers.push(turn.out.pending(*id).to_vec());
            }
        });
        answers
    };
    let answers = ask(&mut world, &ids[..2]);
    assert_eq!(answers[0], answers[1]);
    let later = ask(&mut world, &ids[2..]);
    let counts = |answer: &[u8], count: usize| {
        let line = format!("passerby_requests_total {count}\n");
        String::from_utf8_lossy(answer).contains(&line)
    };
    assert!(counts(&answers[0], 1) && counts(&later[0], 3), "{later:?}");
}

#[test]
fn no_turn_does_more_than_its_share_when_5000_sockets_close() {
    const CROWD: u32 = 5_100;
    let mut world = World::new();
    let crowd = crowd(&mut world, CROWD);
    join(&mut world, &crowd, "general");
    let (gone, rest) = crowd.split_at(5_000);
    let close = |server: &mut Server, turn: &mut Turn<'_>| {
        for id in gone {
            server.broke(*id, CloseCause::Gone, turn);
            server.reaped(*id, turn);
        }
    };
    let before = world.stats.room_deliveries;
    let worst = worst_turn(&mut world, close);
    check("5,000 sockets close at once", &worst);
    assert_eq!(world.server.app.rooms.members(), rest.len());
    let told = world.stats.room_deliveries - before;
    assert_eq!(told as usize, gone.len() * rest.len(), "everybody is told");
}

#[test]
fn no_turn_does_more_than_its_share_for_people_in_many_rooms() {
    const PEOPLE: u32 = 300;
    const ROOMS: usize = limits::ROOMS_PER_PERSON_MAX;
    let mut world = World::new();
    let crowd = crowd(&mut world, PEOPLE);
    for room in 0..ROOMS {
        join(&mut world, &crowd, &room.to_string());
    }
    assert_eq!(world.server.app.rooms.members(), PEOPLE as usize * ROOMS);
    // Something waits to go round in every room while they change to another.
    let act = |server: &mut Server, turn: &mut Turn<'_>| {
        for room in 0..ROOMS {
            let text = long_text(&room.to_string());
            for id in &crowd[..5] {
                server.received(*id, &mut text.clone(), turn);
            }
        }
        let join = r#"{"type":"join_room","content":"general","exclusive":true}"#;
        for id in &crowd {
            server.received(*id, &mut frame(join), turn);
        }
    };
    let worst = worst_turn(&mut world, act);
    check("everybody leaves 64 rooms for another", &worst);
    assert_eq!(world.server.app.rooms.members(), PEOPLE as usize);
}

#[test]
fn no_turn_does_more_than_its_share_for_lists() {
    const PEOPLE: u32 = 3_000;
    const ASKING: u32 = 200;
    let mut world = World::new();
    let people = crowd(&mut world, PEOPLE);
    for (number, id) in people.iter().enumerate() {
        join(&mut world, &[*id], &format!("room number {number}"));
    }
    let asking: Vec<ConnId> = (PEOPLE..PEOPLE + ASKING)
        .map(|index| ConnId::new(index, index + 1))
        .collect();
    for path in ["rooms", "users", "users?room=general"] {
        for id in &asking {
            world.turn(|server, turn| server.accepted(*id, Ipv4Addr::LOCALHOST.into(), turn));
        }
        let requests = format!("GET /api/{path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(20);
        let before = world.stats.requests;
        let worst = worst_turn(&mut world, say_all(requests.into_bytes(), &asking));
        assert_eq!(world.stats.requests - before, 20 * u64::from(ASKING));
        // The last response may be as large as any, and each has a head.
        let budget = limits::REQUESTS_PER_TURN;
        let bytes = budget * (limits::DELIVERY_BYTES + 512) + limits::LISTING_BYTES_MAX;
        assert!(worst.bytes <= bytes, "{path}: {worst:?}");
        for id in &asking {
            world.turn(|server, turn| {
                server.broke(*id, CloseCause::Gone, turn);
                server.reaped(*id, turn);
            });
            world.out.socket_ops.clear();
        }
    }
}
