//! The same by plain requests: lists, pages of history, new rooms, and messages.

use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

use super::command::{self, Posting, To};
use super::people::PersonId;
use super::presence::{check_identity, is_equal, parse_token};
use super::room::RoomId;
use super::{Rooms, Speaker, voice};
use crate::conn::{Request, Turn};
use crate::kernel::addresses::Subscriber;
use crate::kernel::time;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::head::Head;
use crate::wire::response::{Response, Status};
use crate::wire::{body, query, visible};

#[derive(Serialize)]
struct ShownRoom<'a> {
    id: &'a str,
    name: &'a str,
    user_count: usize,
    created_at: String,
}

#[derive(Serialize)]
struct ShownUser<'a> {
    id: &'a str,
    username: &'a str,
    room: &'a str,
}

impl Rooms {
    /// `GET /api/rooms`: every room, as far as a response has space.
    pub fn list_rooms(&self) -> Response {
        let mut list = List::new("rooms");
        for (id, _) in self.rooms.iter() {
            if !list.add(&self.shown(id)) {
                break;
            }
        }
        list.finish()
    }

    /// `POST /api/rooms`: makes a room.
    pub fn create_room(&mut self, request: &Request<'_>, turn: &mut Turn<'_>) -> Response {
        let text = match body::json(request.head, request.body) {
            Ok(text) => text,
            Err(response) => return response,
        };
        let name = command::parse_name(text).unwrap_or_default();
        if name.is_empty() {
            return Response::error(Status::BAD_REQUEST, "Room name is required");
        }
        if name.chars().count() > limits::ROOM_NAME_CHARS_MAX || !visible::is_presentable(&name) {
            let message = "Room name may have at most 64 characters, all of which are seen";
            return Response::error(Status::BAD_REQUEST, message);
        }
        if let Err(fault) = self.spend_by_address(request, turn) {
            return refusal(&fault);
        }
        let mut bytes = [0; 16];
        rand::Rng::fill_bytes(&mut self.random, &mut bytes);
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        match self.rooms.create(&id.to_string(), &name, turn.now) {
            Some(room) => {
                let room = self.shown(room);
                json(Status::CREATED, &serde_json::json!({ "room": room }))
            }
            None => Response::error(Status::UNAVAILABLE, "there are too many rooms")
                .with_retry_after_ms(limits::ROOM_EMPTY_MS),
        }
    }

    /// `GET /api/rooms/{id}/messages`: a page of what was said, oldest first.
    pub fn list_messages(&self, id: &str, head: &Head<'_>) -> Response {
        let Some(room) = self.rooms.find(id) else {
            return Response::error(Status::NOT_FOUND, "Room not found");
        };
        let before = query::value(head.query, "before").map(|text| Uuid::try_parse(&text));
        let limit = query::value(head.query, "limit").map(|text| text.parse::<usize>());
        let (Ok(before), Ok(limit)) = (before.transpose(), limit.transpose()) else {
            let message = "before must be the id of a message, and limit a number";
            return Response::error(Status::BAD_REQUEST, message);
        };
        let limit = limit.unwrap_or(limits::PAGE_MESSAGES);
        let mut list = List::new("messages");
        let history = &self.rooms.room(room).history;
        for kept in history.newest(before, limit, limits::LISTING_BYTES_MAX) {
            list.add_raw(kept.message());
        }
        list.finish()
    }

    /// `GET /api/users`: everybody who is here or, with `room`, who is in that room, as far as a response has space.
    pub fn list_users(&self, head: &Head<'_>) -> Response {
        let mut list = List::new("users");
        let Some(id) = query::value(head.query, "room") else {
            for (person, _) in self.people.connected() {
                if !list.add(&self.shown_user(person)) {
                    break;
                }
            }
            return list.finish();
        };
        let Some(room) = self.rooms.find(&id) else {
            return Response::error(Status::NOT_FOUND, "Room not found");
        };
        for seat in self.membership.seats_in(room) {
            if !list.add(&self.shown_user(self.membership.person(seat))) {
                break;
            }
        }
        list.finish()
    }

    /// `POST /api/messages`: says something to a room or a person.
    pub fn post_message(&mut self, request: &Request<'_>, turn: &mut Turn<'_>) -> Response {
        let text = match body::json(request.head, request.body) {
            Ok(text) => text,
            Err(response) => return response,
        };
        let posting = match command::parse_posting(text) {
            Ok(posting) => posting,
            Err(fault) => return refusal(&fault),
        };
        if let Err(message) = check_identity(&posting.sender_id, posting.sender.trim()) {
            return Response::error(Status::BAD_REQUEST, message);
        }
        let from = match self.identify(&posting, request.head) {
            Some(from) => from,
            None => {
                let message = "missing or wrong session token for this sender_id";
                return Response::error(Status::UNAUTHORIZED, message)
                    .with_field("WWW-Authenticate", "Bearer");
            }
        };
        match self.post_as(from, &posting, request, turn) {
            Ok((id, delivered)) => {
                let mut answer =
                    serde_json::json!({ "message": "Message sent successfully", "id": id });
                if let Some(delivered) = delivered {
                    answer["delivered"] = delivered.into();
                }
                json(Status::OK, &answer)
            }
            Err(fault) => refusal(&fault),
        }
    }

    /// Who says it: somebody known must prove it, and nobody may speak as the server.
    fn identify<'p>(&self, posting: &'p Posting<'_>, head: &Head<'_>) -> Option<Speaker<'p>> {
        let given = head.field("authorization");
        let person = self.people.find(&posting.sender_id);
        let known = person.and_then(|person| Some((person, self.people.person(person).token?)));
        match (known, given) {
            (Some((person, token)), Some(given)) => {
                let (scheme, given) = given.split_once(' ')?;
                let is_proven = scheme.eq_ignore_ascii_case("bearer")
                    && is_equal(parse_token(given.trim()), token);
                is_proven.then_some(Speaker::Person(person))
            }
            (None, None) if posting.sender_id != voice::SYSTEM => Some(Speaker::Guest {
                id: &posting.sender_id,
                name: posting.sender.trim(),
            }),
            _ => None,
        }
    }

    fn post_as(
        &mut self,
        from: Speaker<'_>,
        posting: &Posting<'_>,
        request: &Request<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(Uuid, Option<bool>), Fault<'static>> {
        let room = match &posting.saying.to {
            To::Room(id) => Some(self.rooms.find(id).ok_or_else(command::no_room)?),
            To::Person(_) => None,
        };
        match from {
            Speaker::Person(person) => self.spend(person, turn)?,
            Speaker::Guest { .. } => self.spend_by_address(request, turn)?,
        }
        match (room, &posting.saying.to) {
            (None, To::Person(recipient)) => {
                let (id, delivered) = self.write_to(from, recipient, &posting.saying, turn)?;
                Ok((id, Some(delivered)))
            }
            (room, _) => {
                let room = room.ok_or_else(command::no_room)?;
                let id = self.post(from, room, &posting.saying, turn)?;
                Ok((id, None))
            }
        }
    }

    /// Takes from what one address may do without being anybody.
    fn spend_by_address(
        &mut self,
        request: &Request<'_>,
        turn: &Turn<'_>,
    ) -> Result<(), Fault<'static>> {
        let now_us = turn.now.micros;
        self.addresses
            .take(
                Subscriber::of(request.client),
                self.settings.message_rate,
                now_us,
            )
            .map_err(Fault::too_fast)
    }

    fn shown_user(&self, id: PersonId) -> ShownUser<'_> {
        let person = self.people.person(id);
        let first = self.membership.seats_of(id).next();
        let room = first.map(|seat| &*self.rooms.room(self.membership.room(seat)).id);
        ShownUser {
            id: &person.id,
            username: &person.name,
            room: room.unwrap_or_default(),
        }
    }

    fn shown(&self, id: RoomId) -> ShownRoom<'_> {
        let room = self.rooms.room(id);
        let mut created_at = String::new();
        time::write_rfc3339(&mut created_at, room.created_unix_ms);
        ShownRoom {
            id: &room.id,
            name: &room.name,
            user_count: self.membership.members(id),
            created_at,
        }
    }
}

/// A response with one list, which ends where it would become too large to send at once.
struct List {
    text: Vec<u8>,
    is_empty: bool,
}

impl List {
    fn new(name: &str) -> Self {
        Self {
            text: format!("{{\"{name}\":[").into_bytes(),
            is_empty: true,
        }
    }

    /// Adds an item, if there is space for it.
    fn add(&mut self, item: &impl Serialize) -> bool {
        let text = serde_json::to_vec(item).unwrap_or_default();
        let fits = self.text.len() + text.len() < limits::LISTING_BYTES_MAX;
        if fits {
            self.add_raw(&text);
        }
        fits
    }

    fn add_raw(&mut self, item: &[u8]) {
        if !std::mem::take(&mut self.is_empty) {
            self.text.push(b',');
        }
        self.text.extend_from_slice(item);
    }

    fn finish(mut self) -> Response {
        self.text.extend_from_slice(b"]}");
        Response::json(Status::OK, self.text)
    }
}

fn json(status: Status, value: &serde_json::Value) -> Response {
    Response::json(status, value.to_string().into_bytes())
}

/// A fault as the answer to a request.
fn refusal(fault: &Fault<'_>) -> Response {
    let status = match fault.code {
        "room_not_found" => Status::NOT_FOUND,
        "too_long" => Status::BODY_TOO_LARGE,
        "rate_limited" => Status::TOO_MANY_REQUESTS,
        "mailbox_full" => Status::UNAVAILABLE,
        _ => Status::BAD_REQUEST,
    };
    let message: Cow<'_, str> = match fault.code {
        "room_not_found" => "Room not found".into(),
        _ => Cow::Borrowed(&fault.message),
    };
    let response = Response::error(status, &message);
    match (fault.retry_ms, status) {
        (Some(retry_ms), _) => response.with_retry_after_ms(retry_ms),
        (None, Status::UNAVAILABLE) => response.with_retry_after_ms(60_000),
        _ => response,
    }
}
