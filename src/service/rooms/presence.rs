//! Coming and going: sockets of people, and people in rooms.

use rand::Rng;
use uuid::Uuid;

use super::command::no_room;
use super::people::{PersonId, Token};
use super::room::RoomId;
use super::speech;
use super::voice::{self, Line};
use super::{Draft, Rooms, Speaker, VACANT};
use crate::conn::Turn;
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::kernel::membership::SeatId;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::frame::{self, Kind};
use crate::wire::{json, query, visible};

/// How many rooms the greeting names.
const ROOMS_NAMED: usize = 20;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// The query does not say who they are.
    Malformed(&'static str),
    /// Somebody else is that person now.
    Taken,
    /// That person has as many sockets as they may.
    TooMany,
}

impl Rooms {
    /// Takes in the socket of whoever `query` names; [`Rooms::opened`] follows. A further socket of somebody who
    /// is here must bring their session token.
    pub fn admit(&mut self, conn: ConnId, query: &str, turn: &mut Turn<'_>) -> Result<(), Knock> {
        let user_id = query::value(query, "user_id").unwrap_or_default();
        let username = query::value(query, "username").unwrap_or_default();
        let username = username.trim();
        check_identity(&user_id, username).map_err(Knock::Malformed)?;
        if user_id == voice::SYSTEM {
            return Err(Knock::Taken);
        }
        let session = query::value(query, "session");
        let session = session.as_deref().and_then(parse_token);
        let person = self.people.know(&user_id, turn.now.micros);
        let known = self.people.person(person);
        let is_proven = known.token.is_some_and(|token| is_equal(session, token));
        if !known.sockets.is_empty() {
            if !is_proven {
                return Err(Knock::Taken);
            }
            if known.sockets.len() >= limits::SOCKETS_PER_PERSON_MAX {
                return Err(Knock::TooMany);
            }
        } else {
            if !is_proven {
                let mut token = Token::default();
                self.random.fill_bytes(&mut token);
                self.people.person_mut(person).token = Some(token);
            }
            self.people.person_mut(person).name = username.into();
        }
        // What has not gone round yet is for the sockets that were here when it was said.
        let mut next = self.first_seat(person);
        while let Some(seat) = next {
            self.bring_up_to_date(seat, turn);
            next = self.membership.next_of_person(seat);
        }
        self.attach(conn, person);
        Ok(())
    }

    /// The connection is open: greets.
    pub fn opened(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let person = self.sockets[conn.index()].person;
        let known = self.people.person(person);
        let token = known.token.map(shown_token).unwrap_or_default();
        voice::session(turn.out.lane(conn), &known.id, &token);
        self.greet(conn, r#""Welcome to the chat!""#, turn);
        self.greet(conn, &json::quoted(&self.listed()), turn);
        if self.membership.rooms_of(person) > 0 {
            turn.out.effects.push(Effect::Pace(conn, true));
        }
        self.deliver_letters(person, turn);
    }

    /// The connection is gone. With the last one of a person, they leave every room.
    pub fn closed(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let socket = std::mem::replace(&mut self.sockets[conn.index()], VACANT);
        debug_assert!(socket.conn == conn);
        self.online -= 1;
        let person = socket.person;
        if self.people.detach(person, conn, turn.now.micros) {
            while let Some(seat) = self.first_seat(person) {
                self.vacate(seat, turn);
            }
        }
    }

    fn attach(&mut self, conn: ConnId, person: PersonId) {
        while self.sockets.len() <= conn.index() {
            self.sockets.push(VACANT);
        }
        let socket = &mut self.sockets[conn.index()];
        *socket = VACANT;
        socket.conn = conn;
        socket.person = person;
        let last = self.order.last();
        let rooms = self.membership.seats_of(person);
        let unread: Vec<(RoomId, Uuid)> = rooms
            .map(|seat| (self.membership.room(seat), last))
            .collect();
        if !unread.is_empty() {
            socket.late.get_or_insert_default().unread = unread;
        }
        self.people.attach(person, conn);
        self.online += 1;
    }

    fn greet(&mut self, conn: ConnId, content: &str, turn: &mut Turn<'_>) {
        let id = self.fresh_id(turn.now);
        let timestamp = self.stamp.text(turn.now);
        Line::system(id, content, timestamp).write(&mut self.text);
        frame::write(turn.out.lane(conn), Kind::Text, &self.text);
    }

    /// The rooms there are, in words.
    fn listed(&self) -> String {
        let mut text = String::from("Rooms: ");
        for (number, (_, room)) in self.rooms.iter().take(ROOMS_NAMED).enumerate() {
            if number > 0 {
                text.push_str(", ");
            }
            text.push_str(&room.name);
        }
        if self.rooms.len() > ROOMS_NAMED {
            text.push_str(&format!(", and {} more", self.rooms.len() - ROOMS_NAMED));
        }
        text
    }

    /// `join_room`: everybody there is told, and the one who joins is sent what was said.
    pub(super) fn join<'t>(
        &mut self,
        conn: ConnId,
        id: &str,
        exclusive: bool,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let person = self.sockets[conn.index()].person;
        let room = self.rooms.find(id);
        if let Some(room) = room
            && self.membership.find(person, room).is_some()
        {
            if exclusive {
                self.leave_others(person, room, turn);
            }
            self.catch_up(conn, room, turn);
            return Ok(());
        }
        if room.is_none() && !self.settings.create_on_join {
            return Err(no_room());
        }
        let is_full = self.membership.rooms_of(person) >= limits::ROOMS_PER_PERSON_MAX;
        if is_full && !exclusive {
            let max = limits::ROOMS_PER_PERSON_MAX;
            let message = format!("You may be in at most {max} rooms.");
            return Err(Fault::new("too_many_rooms", message));
        }
        if room.is_some_and(|room| self.is_overrun(room)) {
            return Err(Fault::too_fast(speech::BEHIND_US));
        }
        if room.is_none() && (id.trim() != id || !visible::is_presentable(id)) {
            let message = "A room's name has no blanks around it, and all of it is seen.";
            return Err(Fault::bad_field("content", message));
        }
        self.people
            .person_mut(person)
            .moves
            .take(self.settings.move_rate, turn.now.micros)
            .map_err(Fault::too_fast)?;
        let room = match room {
            Some(room) => room,
            None => self
                .rooms
                .create(id, id, turn.now)
                .ok_or_else(|| Fault::new("too_many_rooms", "There are too many rooms already."))?,
        };
        if exclusive {
            self.leave_others(person, room, turn);
        }
        self.enter(conn, person, room, turn);
        Ok(())
    }

    fn enter(&mut self, conn: ConnId, person: PersonId, room: RoomId, turn: &mut Turn<'_>) {
        let frame = self.notice("join", person, room, turn);
        self.tell(room, frame.clone(), None);
        if self.membership.members(room) == 0 {
            self.rooms.entered(room);
        }
        let is_first = self.membership.rooms_of(person) == 0;
        let seen = self.rooms.room(room).log.last();
        self.membership.join(person, room, seen);
        let history = &self.rooms.room(room).history;
        let upto = self.order.last();
        let (count, bytes) = (usize::MAX, limits::JOIN_HISTORY_BYTES);
        let mut told = frame.len();
        for socket in &self.people.person(person).sockets {
            let lane = turn.out.lane(*socket);
            lane.extend_from_slice(&frame);
            if *socket == conn {
                for kept in history.newest(None, count, bytes) {
                    lane.extend_from_slice(&kept.frame);
                    told += kept.frame.len();
                }
            } else {
                let late = self.sockets[socket.index()].late.get_or_insert_default();
                late.unread.retain(|(unread, _)| *unread != room);
                late.unread.push((room, upto));
            }
            if is_first {
                turn.out.effects.push(Effect::Pace(*socket, true));
            }
        }
        self.charge(told);
    }

    /// Sends a socket what its person's other sockets were sent before it was open.
    fn catch_up(&mut self, conn: ConnId, room: RoomId, turn: &mut Turn<'_>) {
        let Some(late) = self.sockets[conn.index()].late.as_mut() else {
            return;
        };
        let Some(at) = late.unread.iter().position(|(unread, _)| *unread == room) else {
            return;
        };
        let (_, upto) = late.unread.swap_remove(at);
        let person = self.sockets[conn.index()].person;
        let frame = self.notice("join", person, room, turn);
        let lane = turn.out.lane(conn);
        lane.extend_from_slice(&frame);
        let before = Uuid::from_u128(upto.as_u128() + 1);
        let history = &self.rooms.room(room).history;
        let mut told = frame.len();
        for kept in history.newest(Some(before), usize::MAX, limits::JOIN_HISTORY_BYTES) {
            lane.extend_from_slice(&kept.frame);
            told += kept.frame.len();
        }
        self.charge(told);
        self.tidy(conn);
    }

    /// `leave_room`: everybody there is told, the one who leaves last.
    pub(super) fn leave<'t>(
        &mut self,
        person: PersonId,
        id: &str,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let room = self.rooms.find(id).ok_or_else(no_room)?;
        let seat = self.seat(person, room)?;
        self.people
            .person_mut(person)
            .moves
            .take(self.settings.move_rate, turn.now.micros)
            .map_err(Fault::too_fast)?;
        self.vacate(seat, turn);
        Ok(())
    }

    /// The seat of `person` in `room`, without which they have no say there.
    pub(super) fn seat<'t>(&self, person: PersonId, room: RoomId) -> Result<SeatId, Fault<'t>> {
        self.membership
            .find(person, room)
            .ok_or_else(|| Fault::new("not_member", "You are not in that room."))
    }

    fn leave_others(&mut self, person: PersonId, room: RoomId, turn: &mut Turn<'_>) {
        let others: Vec<SeatId> = self
            .membership
            .seats_of(person)
            .filter(|seat| self.membership.room(*seat) != room)
            .collect();
        for seat in others {
            self.vacate(seat, turn);
        }
    }

    fn vacate(&mut self, seat: SeatId, turn: &mut Turn<'_>) {
        let (person, room) = (self.membership.person(seat), self.membership.room(seat));
        let frame = self.notice("leave", person, room, turn);
        self.bring_up_to_date(seat, turn);
        for socket in &self.people.person(person).sockets {
            turn.out.lane(*socket).extend_from_slice(&frame);
        }
        self.charge(frame.len());
        self.pass_over(seat);
        self.membership.leave(seat);
        self.tell(room, frame, None);
        if self.membership.members(room) == 0 {
            self.hush(room);
            self.rooms.emptied(room, turn.now);
        }
        let is_last = self.membership.rooms_of(person) == 0;
        for socket in &self.people.person(person).sockets {
            if let Some(late) = self.sockets[socket.index()].late.as_mut() {
                late.unread.retain(|(unread, _)| *unread != room);
            }
            if is_last {
                turn.out.effects.push(Effect::Pace(*socket, false));
            }
        }
    }

    fn first_seat(&self, person: PersonId) -> Option<SeatId> {
        self.membership.seats_of(person).next()
    }

    /// The frame that says that `person` joins or leaves.
    fn notice(
        &mut self,
        kind: &'static str,
        person: PersonId,
        room: RoomId,
        turn: &Turn<'_>,
    ) -> Box<[u8]> {
        let verb = if kind == "join" { "joined" } else { "left" };
        let words = format!("{} {verb} the room", self.people.person(person).name);
        let content = json::quoted(&words);
        let id = self.fresh_id(turn.now);
        let draft = Draft {
            room: Some(room),
            ..Draft::new(kind, &content)
        };
        self.compose(id, Speaker::Person(person), draft, turn.now);
        voice::framed(&self.text)
    }
}

/// Checks what somebody calls themself.
pub(super) fn check_identity(user_id: &str, username: &str) -> Result<(), &'static str> {
    if user_id.is_empty() || username.is_empty() {
        return Err("user_id and username are required");
    }
    if user_id.chars().count() > limits::USER_ID_CHARS_MAX {
        return Err("user_id may have at most 64 characters");
    }
    if username.chars().count() > limits::USERNAME_CHARS_MAX {
        return Err("username may have at most 32 characters");
    }
    // U+FFFD stands for what could not be decoded.
    let is_odd = |char: char| char.is_control() || char == '\u{fffd}';
    if user_id.chars().chain(username.chars()).any(is_odd) {
        return Err("user_id and username must be UTF-8 without control characters");
    }
    if !visible::is_presentable(username) {
        return Err("username must not contain characters that are not seen");
    }
    Ok(())
}

/// A token in the form in which it is handed out.
fn shown_token(token: Token) -> String {
    Uuid::from_bytes(token).simple().to_string()
}

/// The token that `text` shows, if it is one.
pub(super) fn parse_token(text: &str) -> Option<Token> {
    Uuid::try_parse(text).ok().map(Uuid::into_bytes)
}

/// Whether `given` is `token`, in a time that does not tell how much of it is.
pub(super) fn is_equal(given: Option<Token>, token: Token) -> bool {
    let differences = given
        .unwrap_or_default()
        .iter()
        .zip(token)
        .fold(0, |sum, (left, right)| sum | (left ^ right));
    given.is_some() && differences == 0
}
