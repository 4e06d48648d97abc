//! The store against a model of it: random questions, in batches of any size, must be answered alike.

use std::collections::{BTreeMap, HashMap};

use passerby::kernel::ask::{Answer, KnownUser, Outcome, Query, Refusal};
use passerby::kernel::record::{ListedRoom, Message, Reaction, Room, Side, User};
use passerby::limits;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::desk::*;

/// How many people ask.
const PEOPLE: u128 = 4;

/// What the store does, without a database.
#[derive(Default)]
struct Model {
    users: Vec<(User, String, String, String)>,
    rooms: BTreeMap<Uuid, ModelRoom>,
}

struct ModelRoom {
    room: Room,
    ended_ms: Option<u64>,
    messages: Vec<Message>,
    cids: HashMap<(Uuid, String), (Uuid, u64, String)>,
}

impl Model {
    fn admit(&mut self, room: Uuid, user: Uuid, now_ms: u64) -> Result<&mut ModelRoom, Refusal> {
        let room = self
            .rooms
            .get_mut(&room)
            .filter(|room| room.room.users.contains(&user))
            .ok_or(Refusal::Missing)?;
        if room.ended_ms.is_some() || room.room.expires_ms <= now_ms {
            return Err(Refusal::Ended);
        }
        Ok(room)
    }

    fn user(&self, id: Uuid) -> Option<&User> {
        self.users
            .iter()
            .map(|(user, ..)| user)
            .find(|user| user.id == id)
    }

    fn rooms_of(&self, user: Uuid, now_ms: u64) -> Vec<ListedRoom> {
        let mut rooms: Vec<_> = self
            .rooms
            .values()
            .filter(|room| {
                room.room.users.contains(&user)
                    && room.ended_ms.is_none()
                    && room.room.expires_ms > now_ms
            })
            .map(|room| ListedRoom {
                room: room.room.clone(),
                unread: room
                    .messages
                    .iter()
                    .filter(|message| message.sender != user && !message.is_read)
                    .count() as u32,
                last_ms: room.messages.last().map(|message| message.sent_ms),
            })
            .collect();
        rooms.sort_by_key(|listed| (listed.room.created_ms, listed.room.id));
        rooms.reverse();
        rooms
    }

    fn answer(&mut self, query: &Query) -> Outcome {
        match query.clone() {
            Query::Ping => Ok(Answer::Done),
            Query::Register {
                user,
                pseudo_key,
                email_key,
                phc,
            } => {
                if self
                    .users
                    .iter()
                    .any(|(_, pseudo, email, _)| *pseudo == pseudo_key || *email == email_key)
                {
                    return Err(Refusal::Taken);
                }
                self.users.push((user, pseudo_key, email_key, phc));
                Ok(Answer::Done)
            }
            Query::Credentials { key } => Ok(Answer::Credentials(
                self.users
                    .iter()
                    .find(|(_, pseudo, email, _)| *pseudo == key || *email == key)
                    .map(|(user, _, _, phc)| (user.clone(), phc.clone())),
            )),
            Query::User { id, now_ms } => Ok(Answer::User(self.user(id).map(|user| KnownUser {
                user: user.clone(),
                rooms: self.rooms_of(id, now_ms).len() as u32,
            }))),
            Query::Open {
                id,
                users,
                now_ms,
                expires_ms,
            } => {
                let country = |user| {
                    self.user(user)
                        .map(|user| user.country.clone())
                        .ok_or(Refusal::Missing)
                };
                for (side, user) in [Side::A, Side::B].into_iter().zip(users) {
                    let rooms = self.rooms_of(user, now_ms).len() as u32;
                    if self.user(user).is_some() && rooms >= limits::PRIVATE_ROOMS_PER_PERSON_MAX {
                        return Err(Refusal::TooManyRooms(side));
                    }
                }
                let room = Room {
                    id,
                    users,
                    countries: [country(users[0])?, country(users[1])?],
                    names: [None, None],
                    created_ms: now_ms,
                    expires_ms,
                };
                self.rooms.insert(
                    id,
                    ModelRoom {
                        room: room.clone(),
                        ended_ms: None,
                        messages: Vec::new(),
                        cids: HashMap::new(),
                    },
                );
                Ok(Answer::Room(room))
            }
            Query::Rooms { user, now_ms } => Ok(Answer::Rooms(self.rooms_of(user, now_ms))),
            Query::Room { room, user, now_ms } => {
                let room = self.admit(room, user, now_ms)?;
                Ok(Answer::Room(room.room.clone()))
            }
            Query::Rename {
                room,
                user,
                name,
                now_ms,
            } => {
                let room = &mut self.admit(room, user, now_ms)?.room;
                let side = room.side(user).expect("a member");
                room.names[side.index()] = Some(name);
                Ok(Answer::Room(room.clone()))
            }
            Query::Close { room, user, now_ms } => {
                let room = self.admit(room, user, now_ms)?;
                let was = room.room.clone();
                room.end(now_ms);
                Ok(Answer::Room(was))
            }
            Query::Expire { now_ms, forget_ms } => Ok(self.expire(now_ms, forget_ms)),
            Query::Say {
                id,
                room,
                user,
                content,
                cid,
                now_ms,
            } => {
                let room = self.admit(room, user, now_ms)?;
                if let Some(cid) = cid {
                    if let Some((first, sent_ms, said)) = room.cids.get(&(user, cid.clone())) {
                        if *said != content {
                            return Err(Refusal::Reused);
                        }
                        return Ok(Answer::Said {
                            id: *first,
                            sent_ms: *sent_ms,
                            is_new: false,
                        });
                    }
                    room.cids.insert((user, cid), (id, now_ms, content.clone()));
                }
                room.messages.push(Message {
                    id,
                    sender: user,
                    content,
                    is_read: false,
                    sent_ms: now_ms,
                    reactions: Vec::new(),
                });
                Ok(Answer::Said {
                    id,
                    sent_ms: now_ms,
                    is_new: true,
                })
            }
            Query::Messages {
                room,
                user,
                before,
                limit,
                now_ms,
            } => {
                let room = self.admit(room, user, now_ms)?;
                let end = match before {
                    Some(before) => room.messages.partition_point(|message| message.id < before),
                    None => room.messages.len(),
                };
                let begin = end.saturating_sub(limit as usize);
                Ok(Answer::Messages(room.messages[begin..end].to_vec()))
            }
            Query::Read {
                room,
                user,
                upto,
                now_ms,
            } => {
                let room = self.admit(room, user, now_ms)?;
                if !room.messages.iter().any(|message| message.id == upto) {
                    return Err(Refusal::Missing);
                }
                let mut has_changed = false;
                for message in &mut room.messages {
                    if message.sender != user && message.id <= upto {
                        has_changed |= !message.is_read;
                        message.is_read = true;
                    }
                }
                Ok(Answer::Read { has_changed })
            }
            Query::React {
                message,
                user,
                emoji,
                now_ms,
            } => {
                let has_it =
                    |room: &&ModelRoom| room.messages.iter().any(|kept| kept.id == message);
                let room = self.rooms.values().find(has_it).map(|room| room.room.id);
                let room = self.admit(room.ok_or(Refusal::Missing)?, user, now_ms)?;
                let id = room.room.id;
                let kept = room.messages.iter_mut().find(|kept| kept.id == message);
                let reactions = &mut kept.expect("it has it").reactions;
                let before = reactions.clone();
                reactions.retain(|reaction| reaction.user != user);
                if let Some(emoji) = emoji {
                    reactions.push(Reaction { user, emoji });
                    reactions.sort_by_key(|reaction| reaction.user);
                }
                Ok(Answer::Reacted {
                    room: id,
                    has_changed: *reactions != before,
                })
            }
        }
    }

    fn expire(&mut self, now_ms: u64, forget_ms: u64) -> Answer {
        let mut ended = Vec::new();
        for room in self.rooms.values_mut() {
            if room.ended_ms.is_none() && room.room.expires_ms <= now_ms {
                ended.push((room.room.expires_ms, room.room.id, room.room.users));
                room.end(room.room.expires_ms);
            }
        }
        ended.sort_unstable();
        self.rooms
            .retain(|_, room| room.ended_ms.is_none_or(|ended_ms| ended_ms >= forget_ms));
        Answer::Expired {
            rooms: ended
                .into_iter()
                .map(|(_, room, users)| (room, users))
                .collect(),
            next_ms: self
                .rooms
                .values()
                .filter(|room| room.ended_ms.is_none())
                .map(|room| room.room.expires_ms)
                .min(),
        }
    }
}

impl ModelRoom {
    fn end(&mut self, ended_ms: u64) {
        self.ended_ms = Some(ended_ms);
        self.room.names = [None, None];
        self.messages.clear();
        self.cids.clear();
    }
}

/// Somebody who asks anything, but never breaks the rules for those who ask.
struct Asker {
    random: StdRng,
    now_ms: u64,
    next_message: u128,
    next_room: u128,
    next_user: u128,
}

impl Asker {
    fn user(&mut self) -> u128 {
        self.random.random_range(1..=PEOPLE)
    }

    fn room(&mut self) -> u128 {
        {
            let newest = self.next_room + 1;
            self.random
                .random_range(newest.saturating_sub(12).max(1000)..newest)
        }
    }

    fn message(&mut self) -> u128 {
        let newest = self.next_message + 2;
        self.random.random_range(newest.saturating_sub(30)..newest)
    }

    fn word(&mut self) -> String {
        let alphabet = [
            'a',
            'B',
            '\'',
            '"',
            '%',
            '\u{e9}',
            '\u{1f600}',
            '\n',
            '\\',
            ' ',
        ];
        let length = self.random.random_range(0..6);
        (0..length)
            .map(|_| alphabet[self.random.random_range(0..alphabet.len())])
            .collect()
    }

    fn query(&mut self) -> Query {
        self.now_ms += self.random.random_range(0..400);
        let now_ms = self.now_ms;
        let (user, room) = (self.user(), self.room());
        match self.random.random_range(0..30) {
            0 => Query::Ping,
            1 | 2 => {
                let number = self.next_user;
                self.next_user += 1;
                let pseudo = format!("u{}", self.random.random_range(0..12));
                let mut user = account(number, &pseudo);
                user.email = format!("{}@x", self.random.random_range(0..12));
                user.country = ["FR", "DE", "IT"][self.random.random_range(0..3)].to_owned();
                register(user)
            }
            3 => Query::Credentials {
                key: format!(
                    "{}{}",
                    ["u", ""][self.random.random_range(0..2)],
                    [String::from("3"), String::from("4@x")][self.random.random_range(0..2)]
                ),
            },
            4 => Query::User {
                id: id(user),
                now_ms,
            },
            5 | 6 => {
                let number = self.next_room;
                self.next_room += 1;
                let partner = user % PEOPLE + 1;
                Query::Open {
                    id: id(number),
                    users: [id(user), id(partner)],
                    now_ms,
                    expires_ms: now_ms + self.random.random_range(1..60_000),
                }
            }
            7 => rooms(user, now_ms),
            8 => super::desk::room(room, user, now_ms),
            9 => {
                let name = self.word();
                rename(room, user, &name, now_ms)
            }
            10 => close(room, user, now_ms),
            11 => expire(now_ms, now_ms.saturating_sub(10_000)),
            12..=20 => {
                let number = self.next_message;
                self.next_message += 1;
                let cid = (self.random.random_range(0..2) == 0)
                    .then(|| self.random.random_range(0..10).to_string());
                // Some say the same each time.
                let content = match &cid {
                    Some(cid) if self.random.random_range(0..2) == 0 => cid.clone(),
                    _ => self.word(),
                };
                say_at(number, room, user, &content, cid.as_deref(), now_ms)
            }
            21..=23 => Query::Messages {
                room: id(room),
                user: id(user),
                before: (self.random.random_range(0..2) == 0).then(|| id(self.message())),
                limit: self.random.random_range(0..20),
                now_ms,
            },
            24..=26 => Query::Read {
                room: id(room),
                user: id(user),
                upto: id(self.message()),
                now_ms,
            },
            _ => Query::React {
                message: id(self.message()),
                user: id(user),
                emoji: (self.random.random_range(0..3) > 0).then(|| self.word() + "!"),
                now_ms,
            },
        }
    }
}

fn compare(store: &mut Store, seed: u64, questions: usize) {
    let mut model = Model::default();
    for number in 1..=PEOPLE {
        let query = register(account(number, &format!("known{number}")));
        assert_eq!(store.ask(query.clone()), model.answer(&query));
    }
    let mut asker = Asker {
        random: StdRng::seed_from_u64(seed),
        now_ms: NOON,
        next_message: 1_000_000,
        next_room: 1000,
        next_user: PEOPLE + 1,
    };
    let mut asked = 0;
    let mut good = 0;
    while asked < questions {
        let size = asker.random.random_range(1..40);
        let queries: Vec<Query> = (0..size).map(|_| asker.query()).collect();
        let outcomes = store.ask_together(queries.clone());
        for (query, outcome) in queries.iter().zip(outcomes) {
            let expected = model.answer(query);
            assert_eq!(
                outcome, expected,
                "seed {seed}, question {asked}: {query:?}"
            );
            asked += 1;
            good += usize::from(expected.is_ok());
        }
    }
    assert!(good > questions / 3, "only {good} good answers");
}

#[test]
fn sqlite_answers_as_the_model_does() {
    for seed in 0..6 {
        let home = super::sqlite::Home::new();
        compare(&mut Store::open(home.location()), seed, 1500);
    }
}

#[test]
fn postgres_answers_as_the_model_does() {
    for seed in 0..4 {
        if let Some(location) = super::postgres::location() {
            compare(&mut Store::open(location), seed, 800);
        }
    }
}
