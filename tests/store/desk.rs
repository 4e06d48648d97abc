//! A store with somebody who asks it and waits for the answers.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use passerby::edge::store::{Desk, Location, start};
use passerby::kernel::ask::{Answer, Outcome, Query, Refusal, Ticket};
use passerby::kernel::record::{Message, Room, User};
use uuid::Uuid;

/// How long an answer may take on a machine that has other things to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where the clock of these tests begins: 2026-11-20T10:00:00Z.
pub const NOON: u64 = 1_795_168_800_000;
/// How long a room lasts.
pub const DAY: u64 = 86_400_000;

/// The question after which the thread waits for `hold`.
const HOLD: Ticket = Ticket(u64::MAX);

/// A running store.
pub struct Store {
    location: Location,
    desk: Option<Desk>,
    answers: Receiver<Vec<(Ticket, Outcome)>>,
    /// Whoever holds this holds the thread, once it has answered [`HOLD`].
    hold: Arc<Mutex<()>>,
    heard: VecDeque<(Ticket, Outcome)>,
    /// How many questions each transaction has answered.
    pub batches: Vec<usize>,
    next: u64,
}

impl Store {
    pub fn open(location: Location) -> Self {
        Self::try_open(location).expect("a store")
    }

    pub fn try_open(location: Location) -> Result<Self, String> {
        let (sender, answers) = channel();
        let hold = Arc::new(Mutex::new(()));
        let held = hold.clone();
        let desk = start(location.clone(), move |batch| {
            let is_held = batch.iter().any(|(ticket, _)| *ticket == HOLD);
            // Nobody listens any more when a test is over.
            let _ = sender.send(batch);
            if is_held {
                drop(held.lock());
            }
        })?;
        Ok(Self {
            location,
            desk: Some(desk),
            answers,
            hold,
            heard: VecDeque::new(),
            batches: Vec::new(),
            next: 1,
        })
    }

    pub fn desk(&mut self) -> &mut Desk {
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
        let hold = self.hold.clone();
        let held = hold.lock().expect("whole");
        // When this is answered the thread is held, until all questions are there.
        self.desk()
            .ask(HOLD, Query::Ping)
            .expect("room for a question");
        assert_eq!(self.hear().0, HOLD);
        let tickets: Vec<Ticket> = queries.into_iter().map(|query| self.put(query)).collect();
        drop(held);
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
