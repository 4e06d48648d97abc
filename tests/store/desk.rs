//! A store with somebody who asks it and waits for the answers.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use passerby::edge::store::{Handle, Location, start};
use passerby::kernel::ask::{Answer, Outcome, Query, Refusal, Ticket};
use passerby::kernel::record::{Message, Room, User};
use passerby::limits;
use uuid::Uuid;

use super::support::eventually;

/// How long an answer may take on a machine that has other things to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where the clock of these tests begins: 2026-11-20T10:00:00Z.
pub const NOON: u64 = 1_795_168_800_000;
/// How long a room lasts.
pub const DAY: u64 = 86_400_000;

/// A running store.
pub struct Store {
    location: Location,
    desk: Option<Handle>,
    answers: Receiver<Vec<(Ticket, Outcome)>>,
    /// The questions after which the thread is held, and until when.
    holds: Arc<Mutex<HashMap<Ticket, Receiver<()>>>>,
    heard: VecDeque<(Ticket, Outcome)>,
    /// How many questions each transaction has answered.
    pub batches: Vec<usize>,
    next: u64,
}

/// While there is this, the thread does nothing.
pub struct Held {
    _release: Sender<()>,
}

impl Store {
    pub fn open(location: Location) -> Self {
        Self::try_open(location).expect("a store")
    }

    pub fn try_open(location: Location) -> Result<Self, String> {
        let (sender, answers) = channel();
        let holds = Arc::new(Mutex::new(HashMap::new()));
        let held = Arc::clone(&holds);
        let desk = start(location.clone(), move |batch: Vec<(Ticket, Outcome)>| {
            let mut holds = held.lock().expect("whole");
            let released: Option<Receiver<()>> =
                batch.iter().find_map(|(ticket, _)| holds.remove(ticket));
            drop(holds);
            // Nobody listens any more when a test is over.
            let _ = sender.send(batch);
            // The answer is that nobody holds it any more.
            let _ = released.map(|released| released.recv());
        })?;
        Ok(Self {
            location,
            desk: Some(desk),
            answers,
            holds,
            heard: VecDeque::new(),
            batches: Vec::new(),
            next: 1,
        })
    }

    pub fn desk(&mut self) -> &mut Handle {
        self.desk.as_mut().expect("an open desk")
    }

    /// Hands a question over without waiting.
    pub fn put(&mut self, query: Query) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.desk().ask(ticket, query).expect("room for a question");
        ticket
    }

    /// The next answer, whosesoever it is.
    pub fn hear(&mut self) -> (Ticket, Outcome) {
        self.hear_within(PATIENCE).expect("an answer")
    }

    pub fn hear_within(&mut self, limit: Duration) -> Option<(Ticket, Outcome)> {
        if self.heard.is_empty() {
            let batch = self.answers.recv_timeout(limit).ok()?;
            self.batches.push(batch.len());
            self.heard.extend(batch);
        }
        self.heard.pop_front()
    }

    /// Asks and waits.
    pub fn ask(&mut self, query: Query) -> Outcome {
        let ticket = self.put(query);
        let (answered, outcome) = self.hear();
        assert_eq!(answered, ticket);
        outcome
    }

    /// Asks all of this in one transaction, and waits for the answers, which must come in order.
    pub fn ask_together(&mut self, queries: Vec<Query>) -> Vec<Outcome> {
        let held = self.hold();
        let tickets: Vec<Ticket> = queries.into_iter().map(|query| self.put(query)).collect();
        drop(held);
        self.hear_all(tickets)
    }

    /// Holds the thread.
    pub fn hold(&mut self) -> Held {
        let (ticket, held) = self.put_hold();
        self.hear_all(vec![ticket]);
        held
    }

    /// Lets a held thread go, asks all of this in one transaction, and holds the thread again.
    pub fn ask_and_hold(&mut self, held: Held, queries: Vec<Query>) -> (Vec<Outcome>, Held) {
        let mut tickets: Vec<Ticket> = queries.into_iter().map(|query| self.put(query)).collect();
        let (ticket, next) = self.put_hold();
        tickets.push(ticket);
        drop(held);
        let mut outcomes = self.hear_all(tickets);
        outcomes.pop();
        (outcomes, next)
    }

    /// Asks something; the thread is held when it has answered.
    fn put_hold(&mut self) -> (Ticket, Held) {
        let (release, released) = channel();
        let ticket = Ticket(self.next);
        let mut holds = self.holds.lock().expect("whole");
        holds.insert(ticket, released);
        drop(holds);
        assert_eq!(self.put(Query::Ping), ticket);
        (ticket, Held { _release: release })
    }

    fn hear_all(&mut self, tickets: Vec<Ticket>) -> Vec<Outcome> {
        tickets
            .into_iter()
            .map(|ticket| {
                let (answered, outcome) = self.hear();
                assert_eq!(answered, ticket, "answers come in order");
                outcome
            })
            .collect()
    }

    /// Asks until the answer is not that the store is unavailable.
    pub fn ask_until_available(&mut self, query: Query) -> Outcome {
        let start = std::time::Instant::now();
        loop {
            let outcome = self.ask(query.clone());
            if outcome != Err(Refusal::Unavailable) {
                return outcome;
            }
            assert!(start.elapsed() < PATIENCE, "unavailable for good");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Lets the thread end; whether it did.
    pub fn close(&mut self) -> bool {
        self.desk.take().expect("an open desk").close(PATIENCE)
    }

    /// Ends the thread and starts another.
    pub fn restart(&mut self) {
        assert!(self.close());
        *self = Self::open(self.location.clone());
    }
}

/// A known id.
pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// An account that is called something like this.
pub fn account(number: u128, pseudo: &str) -> User {
    User {
        id: id(number),
        pseudo: pseudo.to_owned(),
        email: format!("{pseudo}@Example.org"),
        country: "FR".to_owned(),
        created_ms: NOON + 7,
    }
}

pub fn register(user: User) -> Query {
    Query::Register {
        pseudo_key: user.pseudo.to_lowercase(),
        email_key: user.email.to_lowercase(),
        phc: format!("$argon2id${}", user.pseudo),
        user,
    }
}

pub fn open(room: u128, users: [u128; 2], now_ms: u64) -> Query {
    Query::Open {
        id: id(room),
        users: users.map(id),
        now_ms,
        expires_ms: now_ms + DAY,
    }
}

pub fn room(room: u128, user: u128, now_ms: u64) -> Query {
    Query::Room {
        room: id(room),
        user: id(user),
        now_ms,
    }
}

pub fn rooms(user: u128, now_ms: u64) -> Query {
    Query::Rooms {
        user: id(user),
        now_ms,
    }
}

pub fn close(room: u128, user: u128, now_ms: u64) -> Query {
    Query::Close {
        room: id(room),
        user: id(user),
        now_ms,
    }
}

pub fn rename(room: u128, user: u128, name: &str, now_ms: u64) -> Query {
    Query::Rename {
        room: id(room),
        user: id(user),
        name: name.to_owned(),
        now_ms,
    }
}

pub fn say(message: u128, room: u128, user: u128, content: &str, cid: Option<&str>) -> Query {
    say_at(message, room, user, content, cid, NOON + message as u64)
}

pub fn say_at(
    message: u128,
    room: u128,
    user: u128,
    content: &str,
    cid: Option<&str>,
    now_ms: u64,
) -> Query {
    Query::Say {
        id: id(message),
        room: id(room),
        user: id(user),
        content: content.to_owned(),
        cid: cid.map(str::to_owned),
        now_ms,
    }
}

pub fn messages(room: u128, user: u128) -> Query {
    page(room, user, None, 100)
}

pub fn page(room: u128, user: u128, before: Option<u128>, limit: u32) -> Query {
    Query::Messages {
        room: id(room),
        user: id(user),
        before: before.map(id),
        limit,
        now_ms: NOON + 1,
    }
}

pub fn read(room: u128, user: u128, upto: u128) -> Query {
    Query::Read {
        room: id(room),
        user: id(user),
        upto: id(upto),
        now_ms: NOON + 1,
    }
}

pub fn react(message: u128, user: u128, emoji: Option<&str>) -> Query {
    Query::React {
        message: id(message),
        user: id(user),
        emoji: emoji.map(str::to_owned),
        now_ms: NOON + 1,
    }
}

pub fn expire(now_ms: u64, forget_ms: u64) -> Query {
    Query::Expire { now_ms, forget_ms }
}

/// Registers 1 and 2, and 3 who is a stranger to them, and opens room 10 for the first two.
pub fn settle_in(store: &mut Store) {
    for (number, pseudo) in [(1, "Ada"), (2, "Bob"), (3, "Cleo")] {
        assert_eq!(
            store.ask(register(account(number, pseudo))),
            Ok(Answer::Done)
        );
    }
    assert!(store.ask(open(10, [1, 2], NOON)).is_ok());
}

/// Has so much said in room 10 by 1 that it cannot be erased at once; how many messages that are.
pub fn say_much(store: &mut Store, text: &str) -> usize {
    let messages: Vec<u128> = (1_000..11_500).collect();
    for some in messages.chunks(limits::STORE_BATCH_MAX) {
        let queries = some.iter().map(|id| say(*id, 10, 1, text, None)).collect();
        let outcomes = store.ask_together(queries);
        assert!(outcomes.iter().all(Result::is_ok));
    }
    messages.len()
}

/// Closes a room with much in it; `left` tells how many messages are there.
pub fn much_is_erased_a_little_at_a_time(store: &mut Store, mut left: impl FnMut() -> usize) {
    settle_in(store);
    store.ask(open(11, [1, 2], NOON)).expect("a room");
    let all = say_much(store, "x");
    let at_once = limits::ERASURES_AT_ONCE as usize;
    let held = store.hold();
    let (outcomes, held) = store.ask_and_hold(held, vec![close(10, 1, NOON + 1)]);
    a_room(outcomes[0].clone());
    assert_eq!(left(), all - at_once);
    // Nobody waits for all of it, and nobody sees what is left.
    let queries = vec![
        say(20_000, 11, 1, "x", None),
        messages(10, 1),
        expire(NOON + 2, 0),
    ];
    let (outcomes, held) = store.ask_and_hold(held, queries);
    assert_eq!(outcomes[0], said(20_000));
    assert_eq!(outcomes[1], Err(Refusal::Ended));
    assert!(outcomes[2].is_ok());
    assert_eq!(left(), all + 1 - 3 * at_once);
    drop(held);
    // The rest goes by itself.
    assert!(eventually(PATIENCE, || left() == 1));
}

pub fn said(message: u128) -> Outcome {
    Ok(Answer::Said {
        id: id(message),
        sent_ms: NOON + message as u64,
        is_new: true,
    })
}

pub fn said_before(message: u128) -> Outcome {
    Ok(Answer::Said {
        id: id(message),
        sent_ms: NOON + message as u64,
        is_new: false,
    })
}

pub fn a_room(outcome: Outcome) -> Room {
    match outcome {
        Ok(Answer::Room(room)) => room,
        other => panic!("a room was expected, and this came: {other:?}"),
    }
}

pub fn some_messages(outcome: Outcome) -> Vec<Message> {
    match outcome {
        Ok(Answer::Messages(messages)) => messages,
        other => panic!("messages were expected, and this came: {other:?}"),
    }
}

pub fn contents(outcome: Outcome) -> Vec<String> {
    some_messages(outcome)
        .into_iter()
        .map(|message| message.content)
        .collect()
}
