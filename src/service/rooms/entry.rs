//! Who comes in and who has gone: the sockets of people.

use rand::Rng;
use uuid::Uuid;

use super::outgoing::{self, Draft};
use super::people::{PersonId, Token};
use super::reading::Apart;
use super::{Rooms, Speaker, VACANT};
use crate::conn::Turn;
use crate::kernel::addresses::Subscriber;
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::limits;
use crate::wire::frame::{self, Kind};
use crate::wire::{fold, json, query, visible};

/// How many rooms the greeting names.
const ROOMS_NAMED: usize = 20;

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// The query does not say who they are.
    Malformed(String),
    /// Somebody else is that person now.
    Taken,
    /// That person has as many sockets as they may.
    TooMany,
}

/// What somebody's id and name are called where they come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
}

const IN_QUERY: Fields = Fields {
    id: "user_id",
    name: "username",
};

/// Whom a socket is of that is let in.
enum Welcome {
    /// Somebody who is not here yet, and whether they have proven who they were.
    First { is_proven: bool },
    /// Somebody who is here.
    Further(PersonId),
}

impl Rooms {
    /// Takes in the socket of whoever `query` names, who comes from `client`; [`Rooms::opened`] follows. A further socket of
    /// somebody who is here must bring their session token.
    pub fn admit(
        &mut self,
        conn: ConnId,
        query: &str,
        client: Subscriber,
    ) -> Result<(), EntryError> {
        let user_id = query::value(query, IN_QUERY.id).unwrap_or_default();
        let username = query::value(query, IN_QUERY.name).unwrap_or_default();
        let username = username.trim();
        if is_reserved(&user_id) {
            return Err(EntryError::Taken);
        }
        check_identity(&user_id, username, IN_QUERY).map_err(EntryError::Malformed)?;
        let session = query::value(query, "session");
        let session = session.as_deref().and_then(parse_token);
        let person = match self.welcome(&user_id, session)? {
            Welcome::Further(person) => {
                self.people.attach(person, conn);
                self.set_apart(conn, person);
                person
            }
            Welcome::First { is_proven } => {
                let token = (!is_proven).then(|| self.fresh_token());
                self.people.arrive(&user_id, username, token, conn)
            }
        };
        while self.sockets.len() <= conn.index() {
            self.sockets.push(VACANT);
        }
        let socket = &mut self.sockets[conn.index()];
        *socket = VACANT;
        (socket.conn, socket.person, socket.client) = (conn, person, Some(client));
        if let Some(unread) = self.people.person(person).letters.unread() {
            socket.late.get_or_insert_default().letter = Some(unread);
        }
        self.online += 1;
        Ok(())
    }

    /// Decides whether whoever says to be `user_id` may come in, with the token that they bring.
    fn welcome(&self, user_id: &str, session: Option<Token>) -> Result<Welcome, EntryError> {
        let known = self.people.find(user_id);
        let Some((id, person)) = known.map(|id| (id, self.people.person(id))) else {
            return Ok(Welcome::First { is_proven: false });
        };
        let is_proven = person.token.is_some_and(|token| is_equal(session, token));
        if !person.is_here() {
            return Ok(Welcome::First { is_proven });
        }
        if !is_proven {
            return Err(EntryError::Taken);
        }
        if person.sockets.len() >= limits::SOCKETS_PER_PERSON_MAX {
            return Err(EntryError::TooMany);
        }
        Ok(Welcome::Further(id))
    }

    /// `conn` knows nothing of the rooms that its person is in.
    fn set_apart(&mut self, conn: ConnId, person: PersonId) {
        let rooms = self
            .membership
            .seats_of(person)
            .map(|seat| self.membership.room(seat));
        let apart = rooms.map(|id| {
            let room = self.rooms.room(id);
            Apart::listening(conn, id, room.log.last(), &room.history)
        });
        self.people.person_mut(person).apart.extend(apart);
    }

    /// The connection is open: greets.
    pub fn opened(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let person = self.sockets[conn.index()].person;
        let known = self.people.person(person);
        let token = known.token.map(shown_token).unwrap_or_default();
        outgoing::session(turn.out.lane(conn), &known.id, &token);
        self.greet(conn, r#""Welcome to the chat!""#, turn);
        self.greet(conn, &json::quoted(&self.listed()), turn);
        if self.membership.rooms_of(person) > 0 {
            turn.out.effects.push(Effect::Pace(conn, true));
        }
        if self.waiting.is_empty() {
            self.go_on(conn, turn);
        } else if self.has_to_read(conn) {
            self.line_up(conn, turn);
        }
    }

    /// The connection is gone. With the last one of a person, they leave every room.
    pub fn closed(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let socket = std::mem::replace(&mut self.sockets[conn.index()], VACANT);
        debug_assert!(socket.conn == conn);
        self.online -= 1;
        let person = socket.person;
        if !self.people.detach(person, conn, turn.now.micros) {
            return self.release_letters(person);
        }
        while let Some(seat) = self.other_seat(person, None) {
            self.vacate(seat, turn);
        }
    }

    fn greet(&mut self, conn: ConnId, content: &str, turn: &mut Turn<'_>) {
        let id = self.fresh_id(turn.now);
        let from = Speaker::Guest(outgoing::SYSTEM);
        self.compose(id, from, &Draft::new("system", content), turn.now);
        frame::write(turn.out.lane(conn), Kind::Text, &self.text);
    }

    /// The rooms there are, in words.
    fn listed(&self) -> String {
        let rooms = self.rooms.iter(None).take(ROOMS_NAMED);
        let names: Vec<&str> = rooms.map(|room| &*self.rooms.room(room).name).collect();
        let mut text = format!("Rooms: {}", names.join(", "));
        if self.rooms.len() > ROOMS_NAMED {
            text.push_str(&format!(", and {} more", self.rooms.len() - ROOMS_NAMED));
        }
        text
    }

    fn fresh_token(&mut self) -> Token {
        let mut token = Token::default();
        self.random.fill_bytes(&mut token);
        token
    }
}

/// Checks what somebody calls themself; what is wrong, in a sentence about `fields`.
pub(super) fn check_identity(user_id: &str, username: &str, fields: Fields) -> Result<(), String> {
    let Fields { id, name } = fields;
    if user_id.is_empty() || username.is_empty() {
        return Err(format!("{id} and {name} are required"));
    }
    for (field, value, max) in [
        (id, user_id, limits::USER_ID_CHARS_MAX),
        (name, username, limits::USERNAME_CHARS_MAX),
    ] {
        if value.chars().count() > max {
            return Err(format!("{field} may have at most {max} characters"));
        }
        if !is_sound(value) {
            return Err(format!("{field} must be UTF-8 text, all of which is seen"));
        }
    }
    if is_reserved(username) {
        return Err(format!("this {name} is the server's own"));
    }
    Ok(())
}

/// Whether somebody can be called so: it is seen, and U+FFFD stands for what could not be decoded.
fn is_sound(text: &str) -> bool {
    visible::is_presentable(text) && !text.contains('\u{fffd}')
}

/// Whether somebody may come, or have come, whose id this is.
pub(super) fn can_be_somebody(id: &str) -> bool {
    is_sound(id) && !is_reserved(id)
}

/// Whether an id or a name looks like the server's own.
pub(super) fn is_reserved(text: &str) -> bool {
    fold::fold_visible(text) == outgoing::SYSTEM.id
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
