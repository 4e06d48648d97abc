//! What must hold of people with accounts: what was asked, written, told and heard agree at each step.

use passerby::kernel::ask::{Answer, Ask, Query};
use passerby::kernel::id::ConnId;
use rand::RngExt;
use serde_json::Value;
use uuid::Uuid;

use crate::ear::Heard;
use crate::fate::{Deed, Fate, Weather};
use crate::person::frame;
use crate::village::{Kind, Village, Written};

/// How long anything waits at most, in microseconds.
const PATIENCE_US: u64 = 10_000_000;
/// How long after the last trouble with the store or the clock rooms may still end late, in microseconds.
const GRACE_US: u64 = 6_000_000;

fn id(event: &Value, field: &str) -> Uuid {
    let text = event[field].as_str().unwrap_or_default();
    Uuid::try_parse(text).unwrap_or_default()
}

impl Village {
    fn who(&self, user: Uuid) -> Option<usize> {
        self.people.iter().position(|person| person.id == user)
    }

    /// The store is asked: nobody is matched twice, or with themself.
    pub fn asked(&mut self, ask: &Ask) {
        let Ask::Store(Query::Open { users, .. }) = ask else {
            return;
        };
        if users[0] == users[1] {
            self.blame(format!("{} meets themself", users[0]));
        }
        for who in users
            .iter()
            .filter_map(|user| self.who(*user))
            .collect::<Vec<_>>()
        {
            let person = &mut self.people[who];
            if person.is_stranger {
                continue;
            }
            if std::mem::replace(&mut person.is_being_matched, true) || !person.has_ticket {
                self.blame(format!("p{who} is matched twice by one ticket"));
            }
        }
    }

    /// The store has done something of which nobody has heard yet: who must hear of it?
    pub fn witness(&mut self, deed: &Deed) -> Vec<ConnId> {
        let open = |village: &Self, kind: Kind, user: Uuid| -> Vec<ConnId> {
            let wires = village.wires.iter().filter(|wire| {
                wire.kind == kind
                    && wire.is_open
                    && !wire.is_over
                    && village.people[wire.who].id == user
            });
            wires.map(|wire| wire.id).collect()
        };
        match (&deed.query, &deed.done) {
            (Query::User { id, .. }, Ok(Answer::User(Some(_)))) if deed.fate == Fate::Answered => {
                if let Some(who) = self.who(*id) {
                    self.people[who].has_ticket = true;
                }
            }
            (Query::Register { user, .. }, Ok(Answer::Done)) => {
                let is_stranger = self.random.random_bool(0.3);
                self.welcome(user.id, is_stranger);
                self.kept_accounts += 1;
            }
            (Query::Open { users, .. }, done) => {
                let people = users.map(|user| self.who(user).expect("somebody"));
                for (side, who) in people.into_iter().enumerate() {
                    let person = &mut self.people[who];
                    person.is_being_matched = false;
                    // Whoever had waited waits on if it comes to nothing, or seems to: a store that fails between its commit and its
                    // answer may make two rooms of one wait.
                    let seems_in_vain = done.is_err() || deed.fate == Fate::Lost;
                    person.has_ticket &= side == 0 && seems_in_vain;
                }
                if let Ok(Answer::Room(room)) = done {
                    self.rooms.insert(room.id, *users);
                    let is_pact = self.people[people[0]].is_stranger;
                    if is_pact {
                        self.made_by_pact += 1;
                    } else {
                        self.made_in_pool += 1;
                    }
                    let told = if is_pact { &users[..] } else { &users[..1] };
                    return told
                        .iter()
                        .flat_map(|user| open(self, Kind::Notices, *user))
                        .collect();
                }
            }
            (
                Query::Say {
                    room,
                    user,
                    content,
                    ..
                },
                Ok(Answer::Said { id, is_new, .. }),
            ) => {
                if deed.fate == Fate::Lost {
                    self.late.insert(*id);
                }
                if *is_new {
                    let partner = self.rooms[room].into_iter().find(|other| other != user);
                    let witnesses = open(self, Kind::Room(*room), partner.unwrap_or_default());
                    let written = Written {
                        room: *room,
                        sender: *user,
                        content: content.clone(),
                        witnesses,
                    };
                    self.written.insert(*id, written);
                }
                return self.written[id].witnesses.clone();
            }
            _ => {}
        }
        Vec::new()
    }

    /// The program has heard what the store has done, and has told those whom that concerns.
    pub fn verify(&mut self, deed: &Deed, witnesses: &[ConnId]) {
        if deed.fate != Fate::Answered {
            return;
        }
        for conn in witnesses {
            let Some(wire) = self
                .at(*conn)
                .map(|at| &self.wires[at])
                .filter(|wire| !wire.is_over)
            else {
                continue;
            };
            let has_heard = match &deed.done {
                Ok(Answer::Said { id, .. }) => wire.heard.contains(id),
                Ok(Answer::Room(room)) => wire.matched.contains(&room.id),
                _ => true,
            };
            if !has_heard {
                self.blame(format!("{conn:?} has not heard of {:?}", deed.done));
            }
        }
    }

    /// The server has said something to a client.
    pub fn hear(&mut self, at: usize, heard: Heard) {
        let conn = self.wires[at].id;
        self.trace.push(format!("{conn:?} hears {heard:?}"));
        match &heard {
            Heard::Response(status) => {
                self.wires[at].is_answered = true;
                match (self.wires[at].kind, status) {
                    (Kind::Register, 201) => self.registered += 1,
                    (Kind::LogIn(true), 200) => self.logged_in += 1,
                    (Kind::LogIn(false), 401) => {}
                    (Kind::LogIn(_), 200 | 401) | (_, 400 | 401 | 500) => {
                        self.blame(format!("{conn:?} was answered {status}"));
                    }
                    _ => {}
                }
            }
            Heard::Open => {
                self.wires[at].is_open = true;
                let wire = &self.wires[at];
                if let Kind::Room(room) = wire.kind
                    && !self.is_in(wire.who, room)
                {
                    self.blame(format!("{conn:?} is in somebody else's room"));
                }
            }
            Heard::Event(event) => {
                if let Err(fault) = self.event(at, event) {
                    self.blame(format!("{conn:?} heard {event}: {fault}"));
                }
            }
            Heard::Ping => self.wires[at].upstream.extend(frame(0x8a, b"")),
            Heard::Close(code) => {
                self.wires[at].unanswered.clear();
                if !matches!(code, 1000 | 1001 | 1008 | 4000..) {
                    self.blame(format!("{conn:?} was closed with {code}"));
                }
            }
        }
        self.wires[at].mail.push_back(heard);
    }

    fn event(&mut self, at: usize, event: &Value) -> Result<(), String> {
        let (kind, who) = (self.wires[at].kind, self.wires[at].who);
        let me = self.people[who].id;
        let named = event["type"].as_str().unwrap_or_default();
        if let Some(cid) = event["cid"].as_str()
            && matches!(named, "message_ack" | "error")
        {
            let unanswered = &mut self.wires[at].unanswered;
            if let Some(at) = unanswered.iter().position(|(said, _)| said == cid) {
                unanswered.remove(at);
            }
        }
        let room = match (kind, named) {
            (Kind::Room(room), "message" | "message_sent" | "message_ack") => {
                self.message(at, event, named)?;
                room
            }
            (Kind::Room(room), "typing" | "read" | "reaction" | "room_read") => room,
            (Kind::Notices, "new_message") => {
                let written = self
                    .written
                    .get(&id(event, "message_id"))
                    .ok_or("nobody said that")?;
                let room = id(event, "room_id");
                if written.room != room || written.sender == me || written.sender != id(event, "id")
                {
                    return Err("that was another message".into());
                }
                room
            }
            (Kind::Notices, "room_read") => id(event, "room_id"),
            (Kind::Notices, "matched") => {
                let room = id(event, "room_id");
                if !self.wires[at].matched.insert(room) {
                    return Err("that came twice".into());
                }
                room
            }
            (Kind::Notices, "room_closed") => {
                let room = id(event, "room_id");
                if !self.wires[at].closed.insert(room) {
                    return Err("that came twice".into());
                }
                self.over.entry(room).or_insert(self.flushes);
                room
            }
            (Kind::Notices, "online_count") => {
                self.wires[at].online = event["count"].as_u64().unwrap_or_default();
                return Ok(());
            }
            (Kind::Chat, "roomCreated") => id(event, "roomId"),
            (Kind::Chat, _) | (_, "error") => return Ok(()),
            _ => return Err("what is that?".into()),
        };
        if !self.is_in(who, room) {
            return Err("that is somebody else's room".into());
        }
        let is_over = self
            .over
            .get(&room)
            .is_some_and(|flush| *flush < self.flushes);
        if (is_over || self.wires[at].closed.contains(&room)) && named != "room_closed" {
            return Err("that room has ended".into());
        }
        Ok(())
    }

    fn message(&mut self, at: usize, event: &Value, named: &str) -> Result<(), String> {
        let message = id(event, "id");
        let wire = &mut self.wires[at];
        let me = self.people[wire.who].id;
        let written = self
            .written
            .get(&message)
            .ok_or("nobody has written that")?;
        let is_mine = written.sender == me;
        if wire.kind != Kind::Room(written.room) || is_mine != (named != "message") {
            return Err("that was said by somebody else".into());
        }
        if named == "message_ack" {
            let cid = event["cid"].as_str();
            if cid.is_some_and(|cid| *cid != *written.content) {
                return Err("that acknowledges another message".into());
            }
            self.acked.insert(message);
            return Ok(());
        }
        if event["content"] != *written.content {
            return Err("that is not what was said".into());
        }
        if wire.heard.contains(&message) {
            return Err("that came twice".into());
        }
        let late = &self.late;
        let mut before = wire.heard.iter().filter(|id| !late.contains(*id));
        if !late.contains(&message) && before.any(|before| *before > message) {
            return Err("that is out of order".into());
        }
        wire.heard.push(message);
        Ok(())
    }

    /// What must hold at any moment.
    pub fn check(&mut self) -> Result<(), String> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let open: Vec<ConnId> = self.server.open().collect();
        let is_chat = |id: &ConnId| {
            self.at(*id)
                .is_some_and(|at| self.wires[at].kind == Kind::Chat)
        };
        let (strangers, accounts): (Vec<_>, Vec<_>) = open.into_iter().partition(is_chat);
        self.server.app.stranger.audit(&strangers)?;
        self.server.app.accounts.audit(&accounts)?;
        self.check_ends()?;
        for wire in self.wires.iter().filter(|wire| !wire.is_over) {
            let is_late = |since_us: Option<u64>| {
                since_us.is_some_and(|since_us| since_us + PATIENCE_US < self.now.micros)
            };
            if !wire.is_open && !wire.is_answered && is_late(wire.asked_us) {
                return Err(format!("{:?} has no answer", wire.id));
            }
            if wire
                .unanswered
                .iter()
                .any(|(_, since_us)| is_late(*since_us))
            {
                return Err(format!("{:?} waits for {:?}", wire.id, wire.unanswered));
            }
        }
        Ok(())
    }

    /// Rooms end within a second of their time: for whoever is in them in any case, in the store while that answers.
    fn check_ends(&self) -> Result<(), String> {
        let is_overdue = |room: &Uuid| {
            let kept = self.desk.store.rooms.get(room);
            kept.is_some_and(|kept| {
                kept.ended_ms.is_none() && kept.room.expires_ms + 1_000 < self.now.unix_ms
            })
        };
        for wire in self
            .wires
            .iter()
            .filter(|wire| wire.is_open && !wire.is_over)
        {
            if let Kind::Room(room) = wire.kind
                && is_overdue(&room)
            {
                return Err(format!("{:?} is in {room}, whose time is over", wire.id));
            }
        }
        let is_calm = self.trouble_us + GRACE_US < self.now.micros;
        match self.rooms.keys().find(|room| is_calm && is_overdue(room)) {
            Some(room) => Err(format!("the time of {room} is over")),
            None => Ok(()),
        }
    }

    /// Lets everything arrive, checks the books, empties the world and checks that it is empty.
    pub fn end(&mut self) -> Result<(), String> {
        self.desk.weather = Weather::Fair;
        for _ in 0..30 {
            self.carry_all();
            let wires: Vec<ConnId> = self.wires.iter().map(|wire| wire.id).collect();
            for conn in wires {
                if let Some(at) = self.at(conn) {
                    self.think(at, usize::MAX);
                }
            }
            self.pass(700);
            self.check()?;
        }
        let online = self.server.app.accounts.people() as u64;
        let listeners = self
            .wires
            .iter()
            .filter(|wire| wire.kind == Kind::Notices && wire.is_open && !wire.is_over);
        for wire in listeners {
            if wire.online != online {
                return Err(format!(
                    "{:?} knows of {} people, and there are {online}",
                    wire.id, wire.online
                ));
            }
        }
        if self.registered > self.kept_accounts {
            return Err(format!(
                "{} accounts were acknowledged, {} are kept",
                self.registered, self.kept_accounts
            ));
        }
        for message in &self.acked {
            let content = &self.written[message].content;
            let kept = self
                .desk
                .store
                .kept
                .iter()
                .filter(|(_, kept)| *kept == content);
            let ids: Vec<&Uuid> = kept.map(|(id, _)| id).collect();
            if ids != [message] {
                return Err(format!(
                    "{content} was acknowledged as {message} and is kept as {ids:?}"
                ));
            }
        }
        while !self.wires.is_empty() {
            self.lose(0);
            self.check()?;
        }
        self.pass(200_000);
        // What is asked once a minute may just be on its way.
        while self.desk.next_due().is_some() {
            self.pass(50);
        }
        self.check()?;
        self.server.app.accounts.audit_empty()?;
        if !self.server.is_empty() || self.out.queued_total() != 0 || self.out.open_lanes() != 0 {
            return Err("the world is empty, the server is not".into());
        }
        Ok(())
    }
}
