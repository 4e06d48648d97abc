//! The same by plain requests: new rooms, and messages.

use serde_json::json;
use uuid::Uuid;

use super::command::{self, Posting, To};
use super::entry::{Fields, check_identity, is_equal, is_reserved, parse_token};
use super::fault::{Answer, Wrong, bad_request};
use super::outgoing::Signature;
use super::room;
use super::{Rooms, Speaker};
use crate::conn::{Request, Turn};
use crate::kernel::addresses::Subscriber;
use crate::kernel::stats::Refused;
use crate::wire::body;
use crate::wire::head::Head;
use crate::wire::response::{Response, Status};

const IN_BODY: Fields = Fields {
    id: "sender_id",
    name: "sender",
};

impl Rooms {
    /// `POST /api/rooms`: makes a room.
    pub fn create_room(&mut self, request: &Request<'_>, turn: &mut Turn<'_>) -> Answer {
        let name = command::parse_name(json_body(request)?).unwrap_or_default();
        if name.is_empty() {
            return Err(bad_request("Room name is required"));
        }
        if let Some(complaint) = room::complaint(&name) {
            return Err(bad_request(&format!("Room name {complaint}")));
        }
        let mut bytes = [0; 16];
        rand::Rng::fill_bytes(&mut self.random, &mut bytes);
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        let client = Subscriber::of(request.client);
        let room = self
            .make_room(&id.to_string(), &name, client, turn)
            .map_err(Wrong::refusal)?;
        let mut text = br#"{"room":"#.to_vec();
        self.show(room, &mut text);
        text.push(b'}');
        Ok(Response::json(Status::CREATED, text))
    }

    /// `POST /api/messages`: says something to a room, from outside or within, or to a person.
    pub fn post_message(&mut self, request: &Request<'_>, turn: &mut Turn<'_>) -> Answer {
        let posting = command::parse_posting(json_body(request)?);
        let posting = posting.map_err(Wrong::refusal)?;
        let from = self.identify(&posting, request.head)?;
        let said = self.post_as(from, &posting, request, turn);
        let (id, delivered) = said.map_err(Wrong::refusal)?;
        let mut answer = json!({ "message": "Message sent successfully", "id": id });
        if let Some(delivered) = delivered {
            answer["delivered"] = delivered.into();
        }
        let body = answer.to_string().into_bytes();
        Ok(Response::json(Status::OK, body))
    }

    /// Who says it: somebody known must prove it, and nobody may speak as the server.
    fn identify<'p>(
        &self,
        posting: &'p Posting<'_>,
        head: &Head<'_>,
    ) -> Result<Speaker<'p>, (Response, Refused)> {
        let (id, name) = (&*posting.sender_id, posting.sender.trim());
        let known = self.people.find(id);
        let known = known.and_then(|person| Some((person, self.people.person(person).token?)));
        if known.is_none() && !is_reserved(id) {
            let sound = check_identity(id, name, IN_BODY);
            sound.map_err(|message| bad_request(&message))?;
            return Ok(Speaker::Guest(Signature { id, name }));
        }
        let given = head.field("authorization").and_then(|field| {
            let (scheme, token) = field.split_once(' ')?;
            let is_bearer = scheme.eq_ignore_ascii_case("bearer");
            is_bearer.then(|| parse_token(token.trim())).flatten()
        });
        match known {
            Some((person, token)) if is_equal(given, token) => Ok(Speaker::Person(person)),
            _ => {
                let message = "missing or wrong session token for this sender_id";
                let response = Response::error(Status::UNAUTHORIZED, message);
                let response = response.with_field("WWW-Authenticate", "Bearer");
                Err((response, Refused::Token))
            }
        }
    }

    fn post_as(
        &mut self,
        from: Speaker<'_>,
        posting: &Posting<'_>,
        request: &Request<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(Uuid, Option<bool>), Wrong> {
        let saying = &posting.saying;
        match &saying.to {
            To::Room(id) => {
                let room = self.rooms.find(id).ok_or(Wrong::NoRoom)?;
                self.spend_by_request(from, request, turn)?;
                let id = self.post(from, room, saying, turn)?;
                Ok((id, None))
            }
            To::Person(recipient) => {
                self.spend_by_request(from, request, turn)?;
                let (id, delivered) = self.write_to(from, recipient, saying, turn)?;
                Ok((id, Some(delivered)))
            }
        }
    }

    /// Takes from what the speaker may say or, if they are nobody, from what their address may.
    fn spend_by_request(
        &mut self,
        from: Speaker<'_>,
        request: &Request<'_>,
        turn: &Turn<'_>,
    ) -> Result<(), Wrong> {
        match from {
            Speaker::Person(person) => self.spend(person, turn),
            Speaker::Guest(_) => {
                let client = Subscriber::of(request.client);
                let rate = self.settings.message_rate;
                let taken = self.guests.take(client, rate, turn.now.micros);
                taken.map_err(Wrong::TooFast)
            }
        }
    }
}

/// The text of a request's body.
fn json_body<'a>(request: &Request<'a>) -> Result<&'a str, (Response, Refused)> {
    let text = body::json(request.head, request.body);
    text.map_err(|response| (response, Refused::BadRequest))
}
