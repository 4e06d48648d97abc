//! A store in memory: what every store must do, in the obvious way.

use std::collections::{BTreeMap, HashMap};

use passerby::kernel::ask::{Answer, Hashing, KnownUser, Outcome, Query, Refusal};
use passerby::kernel::record::{ListedRoom, Message, Reaction, Room, Side, User};
use passerby::limits;
use uuid::Uuid;

/// A room with what was said in it.
#[derive(Debug)]
pub struct Kept {
    pub room: Room,
    /// When it ended, if it has.
    pub ended_ms: Option<u64>,
    pub messages: Vec<Message>,
    /// What senders called their messages.
    cids: HashMap<(Uuid, String), Uuid>,
}

/// See the module's description.
#[derive(Debug, Default)]
pub struct Store {
    users: BTreeMap<Uuid, (User, String)>,
    keys: BTreeMap<String, Uuid>,
    pub rooms: BTreeMap<Uuid, Kept>,
    /// Every message that was ever kept, also of rooms that have ended.
    pub kept: BTreeMap<Uuid, String>,
}

/// What stands for Argon2.
pub fn hash(hashing: Hashing) -> Outcome {
    Ok(match hashing {
        Hashing::Hash(password) => Answer::Hashed(format!("hash of {}", password.expose())),
        Hashing::Verify { password, phc } => {
            Answer::Verified(phc.is_some_and(|phc| phc == format!("hash of {}", password.expose())))
        }
    })
}

/// Whether a question asks for something to be written.
pub fn is_writing(query: &Query) -> bool {
    matches!(
        query,
        Query::Register { .. }
            | Query::Open { .. }
            | Query::Rename { .. }
            | Query::Close { .. }
            | Query::Say { .. }
            | Query::Read { .. }
            | Query::React { .. }
    )
}

impl Store {
    pub fn answer(&mut self, query: Query) -> Outcome {
        match query {
            Query::Ping => Ok(Answer::Done),
            Query::Register {
                user,
                pseudo_key,
                email_key,
                phc,
            } => {
                if self.keys.contains_key(&pseudo_key) || self.keys.contains_key(&email_key) {
                    return Err(Refusal::Taken);
                }
                self.keys.insert(pseudo_key, user.id);
                self.keys.insert(email_key, user.id);
                self.users.insert(user.id, (user, phc));
                Ok(Answer::Done)
            }
            Query::Credentials { key } => {
                let user = self.keys.get(&key).and_then(|id| self.users.get(id));
                Ok(Answer::Credentials(user.cloned()))
            }
            Query::User { id, now_ms } => {
                let rooms = self.rooms_of(id, now_ms);
                let user = self.users.get(&id).map(|(user, _)| user.clone());
                Ok(Answer::User(user.map(|user| KnownUser { user, rooms })))
            }
            Query::Open {
                id,
                users,
                now_ms,
                expires_ms,
            } => self.open(id, users, now_ms, expires_ms),
            Query::Rooms { user, now_ms } => Ok(Answer::Rooms(self.list(user, now_ms))),
            Query::Room { room, user, now_ms } => {
                Ok(Answer::Room(self.room(room, user, now_ms)?.room.clone()))
            }
            Query::Rename {
                room,
                user,
                name,
                now_ms,
            } => {
                let kept = self.room(room, user, now_ms)?;
                let side = kept.room.side(user).unwrap_or(Side::A);
                kept.room.names[side.index()] = Some(name);
                Ok(Answer::Room(kept.room.clone()))
            }
            Query::Close { room, user, now_ms } => {
                let kept = self.room(room, user, now_ms)?;
                kept.end(now_ms);
                Ok(Answer::Room(kept.room.clone()))
            }
            Query::Expire { now_ms, forget_ms } => Ok(self.expire(now_ms, forget_ms)),
            Query::Say {
                id,
                room,
                user,
                content,
                cid,
                now_ms,
            } => self.say(id, room, user, content, cid, now_ms),
            Query::Messages {
                room,
                user,
                before,
                limit,
                now_ms,
            } => {
                let kept = self.room(room, user, now_ms)?;
                let older = kept.messages.iter().rev();
                let mut page: Vec<Message> = older
                    .filter(|message| before.is_none_or(|before| message.id < before))
                    .take(limit as usize)
                    .cloned()
                    .collect();
                page.reverse();
                Ok(Answer::Messages(page))
            }
            Query::Read {
                room,
                user,
                upto,
                now_ms,
            } => {
                let kept = self.room(room, user, now_ms)?;
                if !kept.messages.iter().any(|message| message.id == upto) {
                    return Err(Refusal::Missing);
                }
                let mut has_changed = false;
                for message in &mut kept.messages {
                    if message.sender != user && message.id <= upto && !message.is_read {
                        message.is_read = true;
                        has_changed = true;
                    }
                }
                Ok(Answer::Read { has_changed })
            }
            Query::React {
                message,
                user,
                emoji,
                now_ms,
            } => self.react(message, user, emoji, now_ms),
        }
    }

    fn room(&mut self, room: Uuid, user: Uuid, now_ms: u64) -> Result<&mut Kept, Refusal> {
        let kept = self.rooms.get_mut(&room).ok_or(Refusal::Missing)?;
        kept.room.side(user).ok_or(Refusal::Missing)?;
        if !kept.is_open(now_ms) {
            return Err(Refusal::Ended);
        }
        Ok(kept)
    }

    /// How many rooms of somebody have not ended.
    fn rooms_of(&self, user: Uuid, now_ms: u64) -> u32 {
        let is_theirs = |kept: &&Kept| kept.room.side(user).is_some() && kept.is_open(now_ms);
        self.rooms.values().filter(is_theirs).count() as u32
    }

    fn open(&mut self, id: Uuid, users: [Uuid; 2], now_ms: u64, expires_ms: u64) -> Outcome {
        let mut countries = [String::new(), String::new()];
        for (country, user) in countries.iter_mut().zip(users) {
            let (user, _) = self.users.get(&user).ok_or(Refusal::Missing)?;
            country.clone_from(&user.country);
        }
        for (side, user) in [Side::A, Side::B].into_iter().zip(users) {
            if self.rooms_of(user, now_ms) >= limits::PRIVATE_ROOMS_PER_PERSON_MAX {
                return Err(Refusal::TooManyRooms(side));
            }
        }
        let room = Room {
            id,
            users,
            countries,
            names: [None, None],
            created_ms: now_ms,
            expires_ms,
        };
        let kept = Kept {
            room: room.clone(),
            ended_ms: None,
            messages: Vec::new(),
            cids: HashMap::new(),
        };
        self.rooms.insert(id, kept);
        Ok(Answer::Room(room))
    }

    fn list(&self, user: Uuid, now_ms: u64) -> Vec<ListedRoom> {
        let mut rooms: Vec<ListedRoom> = self
            .rooms
            .values()
            .filter(|kept| kept.room.side(user).is_some() && kept.is_open(now_ms))
            .map(|kept| {
                let unread = kept
                    .messages
                    .iter()
                    .filter(|message| message.sender != user && !message.is_read);
                ListedRoom {
                    room: kept.room.clone(),
                    unread: unread.count() as u32,
                    last_ms: kept.messages.last().map(|message| message.sent_ms),
                }
            })
            .collect();
        rooms.sort_by_key(|listed| (u64::MAX - listed.room.created_ms, listed.room.id));
        rooms
    }

    fn expire(&mut self, now_ms: u64, forget_ms: u64) -> Answer {
        self.rooms
            .retain(|_, kept| kept.ended_ms.is_none_or(|ended_ms| ended_ms >= forget_ms));
        let mut ended = Vec::new();
        let mut next_ms: Option<u64> = None;
        for kept in self
            .rooms
            .values_mut()
            .filter(|kept| kept.ended_ms.is_none())
        {
            if kept.room.expires_ms <= now_ms && ended.len() < limits::EXPIRIES_PER_ASK {
                kept.end(now_ms);
                ended.push((kept.room.id, kept.room.users));
            } else {
                let expires_ms = kept.room.expires_ms;
                next_ms = Some(next_ms.map_or(expires_ms, |next_ms| next_ms.min(expires_ms)));
            }
        }
        Answer::Expired {
            rooms: ended,
            next_ms,
        }
    }

    fn say(
        &mut self,
        id: Uuid,
        room: Uuid,
        user: Uuid,
        content: String,
        cid: Option<String>,
        now_ms: u64,
    ) -> Outcome {
        let kept = self.room(room, user, now_ms)?;
        if let Some(first) = cid
            .as_ref()
            .and_then(|cid| kept.cids.get(&(user, cid.clone())))
        {
            let first = kept.messages.iter().find(|message| message.id == *first);
            let first = first.expect("kept");
            if first.content != content {
                return Err(Refusal::Reused);
            }
            return Ok(Answer::Said {
                id: first.id,
                sent_ms: first.sent_ms,
                is_new: false,
            });
        }
        if let Some(cid) = cid {
            kept.cids.insert((user, cid), id);
        }
        kept.messages.push(Message {
            id,
            sender: user,
            content: content.clone(),
            is_read: false,
            sent_ms: now_ms,
            reactions: Vec::new(),
        });
        self.kept.insert(id, content);
        Ok(Answer::Said {
            id,
            sent_ms: now_ms,
            is_new: true,
        })
    }

    fn react(&mut self, message: Uuid, user: Uuid, emoji: Option<String>, now_ms: u64) -> Outcome {
        let has = |kept: &Kept| kept.messages.iter().any(|kept| kept.id == message);
        let room = self.rooms.values().find(|kept| has(kept));
        let room = room.map(|kept| kept.room.id).ok_or(Refusal::Missing)?;
        let kept = self.room(room, user, now_ms)?;
        let Some(message) = kept.messages.iter_mut().find(|kept| kept.id == message) else {
            return Err(Refusal::Missing);
        };
        let before = message.reactions.clone();
        message.reactions.retain(|reaction| reaction.user != user);
        if let Some(emoji) = emoji {
            message.reactions.push(Reaction { user, emoji });
        }
        Ok(Answer::Reacted {
            room,
            has_changed: before != message.reactions,
        })
    }
}

impl Kept {
    fn is_open(&self, now_ms: u64) -> bool {
        self.ended_ms.is_none() && now_ms < self.room.expires_ms
    }

    fn end(&mut self, now_ms: u64) {
        self.ended_ms = Some(now_ms);
        self.messages.clear();
        self.cids.clear();
    }
}
