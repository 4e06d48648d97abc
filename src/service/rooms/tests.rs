//! Rooms under more than they can pass on at once, with virtual time and no socket.

use std::collections::HashMap;

use serde_json::Value;

use super::{Rooms, Settings};
use crate::conn::Turn;
use crate::kernel::bucket::Rate;
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::kernel::outbox::Outbox;
use crate::kernel::stats::Stats;
use crate::kernel::time::Now;
use crate::limits;

struct World {
    rooms: Rooms,
    out: Outbox,
    stats: Stats,
    now: Now,
    /// What has been written to each socket and not looked at yet.
    written: HashMap<ConnId, Vec<u8>>,
    paused: Vec<ConnId>,
    /// Who does not read.
    stalled: Option<ConnId>,
    sockets: u32,
}

impl World {
    fn new(deliveries_per_turn: usize) -> Self {
        let settings = Settings {
            message_rate: Rate::UNLIMITED,
            move_rate: Rate::UNLIMITED,
            deliveries_per_turn,
            ..Settings::default()
        };
        Self {
            rooms: Rooms::new(settings, [7; 32]),
            out: Outbox::default(),
            stats: Stats::default(),
            now: Now {
                micros: 1_000_000,
                unix_ms: 1_761_129_000_000,
            },
            written: HashMap::new(),
            paused: Vec::new(),
            stalled: None,
            sockets: 0,
        }
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Rooms, &mut Turn<'_>) -> T) -> T {
        let mut turn = Turn {
            now: self.now,
            out: &mut self.out,
            stats: &mut self.stats,
        };
        act(&mut self.rooms, &mut turn)
    }

    /// Somebody comes, and reads the greeting.
    fn come(&mut self, name: &str) -> ConnId {
        let conn = ConnId::new(self.sockets, 1);
        self.sockets += 1;
        self.out.open(conn);
        let query = format!("user_id={name}&username={name}");
        self.act(|rooms, turn| {
            rooms.admit(conn, &query, turn).expect("welcome");
            rooms.opened(conn, turn);
        });
        self.write();
        self.hear(conn);
        conn
    }

    fn send(&mut self, conn: ConnId, text: &str) {
        self.act(|rooms, turn| rooms.said(conn, text, turn));
    }

    fn join(&mut self, conn: ConnId) {
        self.send(conn, r#"{"type":"join_room","content":"general"}"#);
    }

    fn say(&mut self, conn: ConnId, words: &str) {
        let text = format!(r#"{{"type":"text","content":"{words}","room":"general"}}"#);
        self.send(conn, &text);
    }

    /// Writes what is queued; how many bytes that was.
    fn write(&mut self) -> usize {
        let mut dirty = Vec::new();
        let mut count = 0;
        loop {
            for effect in self.out.effects.drain(..) {
                match effect {
                    Effect::Pause(conn) => self.paused.push(conn),
                    Effect::Resume(conn) => self.paused.retain(|paused| *paused != conn),
                    _ => {}
                }
            }
            self.out.take_dirty(&mut dirty);
            if dirty.is_empty() {
                return count;
            }
            for conn in dirty.clone() {
                if self.stalled == Some(conn) {
                    continue;
                }
                let was_high = self.out.is_high(conn);
                let bytes = self.out.pending(conn).to_vec();
                self.out.wrote(conn, bytes.len());
                count += bytes.len();
                self.written.entry(conn).or_default().extend(bytes);
                if was_high {
                    self.act(|rooms, turn| rooms.drained(conn, turn));
                }
            }
        }
    }

    /// The end of a turn; how many bytes it wrote.
    fn end_turn(&mut self) -> usize {
        self.now.micros += 1_000;
        self.now.unix_ms += 1;
        self.act(Rooms::elapsed);
        let count = self.write();
        let open: Vec<ConnId> = (0..self.sockets).map(|at| ConnId::new(at, 1)).collect();
        self.rooms.audit(&open).expect("sound");
        count
    }

    /// Goes on until nothing is left to go round; the most bytes that one turn wrote.
    fn settle(&mut self) -> usize {
        let mut most = self.end_turn();
        while self.rooms.next_due() == Some(0) {
            most = most.max(self.end_turn());
        }
        most
    }

    /// What has come on `conn` since the last look.
    fn hear(&mut self, conn: ConnId) -> Vec<Value> {
        let bytes = self.written.remove(&conn).unwrap_or_default();
        let mut rest = &bytes[..];
        let mut heard = Vec::new();
        while let [0x81, len, tail @ ..] = rest {
            let (size, at) = match *len {
                126 => (usize::from(u16::from_be_bytes([tail[0], tail[1]])), 2),
                len => (usize::from(len), 0),
            };
            let text = &tail[at..at + size];
            heard.push(serde_json::from_slice(text).expect("JSON"));
            rest = &tail[at + size..];
        }
        assert!(rest.is_empty());
        heard
    }

    /// The words heard on `conn` since the last look, and everything else.
    fn words(&mut self, conn: ConnId) -> (Vec<String>, Vec<Value>) {
        let heard = self.hear(conn).into_iter();
        let (words, rest): (Vec<_>, Vec<_>) = heard.partition(|event| event["type"] == "text");
        let words = words.iter().map(content).collect();
        (words, rest)
    }
}

fn content(event: &Value) -> String {
    event["content"].as_str().expect("text").to_owned()
}

/// Whether `event` asks for a moment's patience.
fn is_put_off(event: &Value) -> bool {
    event["type"] == "error" && event["code"] == "rate_limited" && event["retryMs"] == 500
}

#[test]
fn a_room_that_is_behind_takes_no_more_words_for_a_moment() {
    let mut world = World::new(4);
    let (alice, bob) = (world.come("alice"), world.come("bob"));
    world.join(alice);
    world.join(bob);
    world.settle();
    world.hear(alice);
    world.hear(bob);
    // Everything is said in one turn, so nothing goes round meanwhile.
    let padding = "x".repeat(1_900);
    let mut accepted = Vec::new();
    let mut put_off = 0;
    for number in 0..1_000 {
        let words = format!("{number}:{padding}");
        world.say(alice, &words);
        world.write();
        match world.hear(alice).as_slice() {
            [] => accepted.push(words),
            [error] => {
                assert!(is_put_off(error), "{error}");
                put_off += 1;
            }
            more => panic!("{more:?}"),
        }
    }
    assert_eq!(accepted.len() + put_off, 1_000);
    let taken: usize = accepted.iter().map(String::len).sum();
    assert!(taken > limits::ROOM_BACKLOG_BYTES * 3 / 4 && put_off > 100);
    // Nobody is told who types, but whoever comes is let in.
    world.send(alice, r#"{"type":"typing","room":"general"}"#);
    let carl = world.come("carl");
    world.join(carl);
    let most = world.settle();
    assert!(most < 2 * limits::ROUND_BYTES * 3, "{most} bytes in a turn");
    for member in [alice, bob] {
        let (words, rest) = world.words(member);
        assert_eq!(words, accepted);
        assert_eq!(rest.len(), 1, "only the join: {rest:?}");
    }
    let (words, _) = world.words(carl);
    assert!(accepted.ends_with(&words) && !words.is_empty());
    world.say(alice, "again");
    world.settle();
    for member in [alice, bob, carl] {
        assert_eq!(world.words(member).0, ["again"]);
    }
}

#[test]
fn a_room_that_is_overrun_lets_nobody_in_for_a_moment() {
    // Moves that are paid for one by one would go round before there are so many.
    let mut world = World::new(1_000_000);
    let (alice, mover) = (world.come("alice"), world.come("mover"));
    world.join(alice);
    world.settle();
    world.hear(alice);
    let mut moves = 0;
    let refusal = loop {
        world.join(mover);
        world.write();
        if let [refusal] = world.hear(mover).as_slice()
            && refusal["type"] == "error"
        {
            break refusal.clone();
        }
        world.send(mover, r#"{"type":"leave_room","content":"general"}"#);
        world.write();
        world.hear(mover);
        moves += 2;
        assert!(moves < 100_000);
    };
    assert!(is_put_off(&refusal), "{refusal}");
    world.say(alice, "am I heard?");
    world.write();
    assert!(is_put_off(&world.hear(alice)[0]));
    world.settle();
    let heard = world.hear(alice);
    assert_eq!(heard.len(), moves, "every coming and going is told");
    let bytes: usize = heard.iter().map(|event| event.to_string().len()).sum();
    assert!(bytes > limits::ROOM_BACKLOG_BYTES_MAX * 9 / 10);
    world.join(mover);
    world.say(alice, "now?");
    world.settle();
    let (words, rest) = world.words(mover);
    assert_eq!((words, rest.len()), (vec!["now?".to_owned()], 1));
}

#[test]
fn histories_are_spread_over_turns() {
    const JOINERS: usize = 100;
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let alice = world.come("alice");
    world.join(alice);
    let padding = "x".repeat(1_900);
    for number in 0..limits::HISTORY_MESSAGES {
        world.say(alice, &format!("{number}:{padding}"));
    }
    world.settle();
    let joiners: Vec<ConnId> = (0..JOINERS)
        .map(|number| world.come(&format!("joiner{number}")))
        .collect();
    // All of them join in the same turn, and say something behind it.
    for (number, joiner) in joiners.iter().enumerate() {
        world.join(*joiner);
        world.say(*joiner, &format!("hello {number}"));
    }
    let first = world.write();
    let most = world.settle().max(first);
    let bound = limits::DELIVERIES_PER_TURN * limits::DELIVERY_BYTES;
    // One that was begun is finished, and the rounds have a budget of their own.
    let bound = 2 * bound + limits::JOIN_HISTORY_BYTES + limits::ROUND_BYTES;
    assert!(most <= bound, "{most} bytes in one turn");
    assert!(world.paused.is_empty(), "everybody is read from again");
    let expected: Vec<String> = (0..JOINERS).map(|at| format!("hello {at}")).collect();
    for (number, joiner) in joiners.iter().enumerate() {
        let (words, rest) = world.words(*joiner);
        assert_eq!(rest[0]["sender_id"], format!("joiner{number}"));
        let (history, fresh) = words.split_at(words.len() - (JOINERS - number));
        assert_eq!(fresh, &expected[number..]);
        assert!(history.len() > 40, "{} messages", history.len());
    }
}

#[test]
fn a_stalled_member_changes_nothing_for_the_others() {
    let run = |is_stalled: bool| {
        let mut world = World::new(4);
        let people: Vec<ConnId> = (0..10).map(|at| world.come(&format!("p{at}"))).collect();
        for conn in &people {
            world.join(*conn);
        }
        world.settle();
        world.stalled = is_stalled.then_some(people[3]);
        let mut history = Vec::new();
        for round in 0..300 {
            let text = format!("{round}:{}", "x".repeat(1_500));
            world.say(people[round % 3], &text);
            let mut turns = 0;
            while turns == 0 || world.rooms.next_due() == Some(0) {
                world.end_turn();
                turns += 1;
                let others = people.iter().filter(|conn| **conn != people[3]);
                let heard: Vec<Vec<Value>> = others.map(|conn| world.hear(*conn)).collect();
                history.push((turns, heard));
            }
        }
        let queued = world.out.queued(people[3]);
        assert_eq!(is_stalled, queued > limits::QUEUE_MAX_BYTES, "{queued}");
        (history, world.stats.room_deliveries)
    };
    // Turn by turn, everybody else hears the same.
    assert!(run(true) == run(false));
}

#[test]
fn a_tab_that_waited_to_catch_up_is_read_from_again() {
    let mut world = World::new(1);
    let (other, alice) = (world.come("other"), world.come("alice"));
    world.join(alice);
    world.settle();
    let tab = world.act(|rooms, turn| {
        let person = rooms.sockets[alice.index()].person;
        let token = rooms.people.person(person).token.expect("a token");
        let token = uuid::Uuid::from_bytes(token).simple().to_string();
        let tab = ConnId::new(2, 1);
        turn.out.open(tab);
        let query = format!("user_id=alice&username=alice&session={token}");
        rooms.admit(tab, &query, turn).expect("welcome");
        tab
    });
    world.sockets += 1;
    world.settle();
    // The allowance is spent, so the tab has to wait until it is told what it missed.
    world.join(other);
    world.join(tab);
    world.write();
    assert_eq!(world.paused, [tab]);
    world.settle();
    assert!(world.paused.is_empty());
    assert_eq!(world.hear(tab)[0]["type"], "join");
}

#[test]
fn who_waits_to_join_may_go_meanwhile() {
    let mut world = World::new(1);
    let people: Vec<ConnId> = (0..6).map(|at| world.come(&format!("p{at}"))).collect();
    for conn in &people {
        world.join(*conn);
    }
    assert_eq!(world.rooms.members(), 1);
    // The last one's slot is the one that is looked at last.
    let gone = people[5];
    world.act(|rooms, turn| rooms.closed(gone, turn));
    world.sockets -= 1;
    world.settle();
    assert_eq!(world.rooms.members(), 5);
    assert!(world.rooms.next_due() != Some(0));
}
