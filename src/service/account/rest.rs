//! The plain requests: which there are, and what of rooms and messages can be had by them.

use serde::Deserialize;
use uuid::Uuid;

use super::entry::Proof;
use super::expiry;
use super::outgoing::{self, Event};
use super::pending::Purpose;
use super::{Accounts, count_refusal, failure, json, unexpected};
use crate::conn::{Request, Turn};
use crate::kernel::ask::{Answer, Ask, Outcome, Query, Refusal};
use crate::kernel::id::ConnId;
use crate::kernel::record::Side;
use crate::limits;
use crate::wire::head::{Head, Method};
use crate::wire::response::{Response, Status};
use crate::wire::{body, query, visible};

/// What can be had by plain requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `/auth/register`.
    Register,
    /// `/auth/login`.
    Login,
    /// `/pool/join`.
    Join,
    /// `/pool/leave`.
    Leave,
    /// `/rooms/me`.
    Rooms,
    /// `/rooms/{room_id}`.
    Room,
    /// `/rooms/{room_id}/messages`.
    Messages,
    /// `/rooms/{room_id}/name`.
    Name,
    /// `/messages/{id}/reactions`.
    Reactions,
}

/// An emoji that is being put to a message, or taken away.
#[derive(Debug)]
pub(super) struct Reacting {
    message: Uuid,
    user: Uuid,
    emoji: Option<String>,
}

impl Accounts {
    /// Answers a request; `None` if [`Accounts::next_late`] does later. `segment` is what the path has where the resource has a
    /// name in braces.
    pub fn serve(
        &mut self,
        resource: Resource,
        segment: &str,
        request: &Request<'_>,
        turn: &mut Turn<'_>,
    ) -> Option<Response> {
        let done = match resource {
            Resource::Register => self.register(request, turn),
            Resource::Login => self.log_in(request, turn),
            _ => self
                .require(request.head, turn.now)
                .and_then(|proof| self.serve_somebody(resource, proof, segment, request, turn)),
        };
        let response = done.unwrap_or_else(Some)?;
        count_refusal(&response, turn);
        Some(response)
    }

    fn serve_somebody(
        &mut self,
        resource: Resource,
        proof: Proof,
        segment: &str,
        request: &Request<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Response>, Response> {
        let user = proof.user;
        self.spend_request(user, turn)?;
        let now_ms = turn.now.unix_ms;
        let id = || Uuid::try_parse(segment).map_err(|_| failure::response(Refusal::Missing));
        let (query, purpose) = match (resource, request.head.method) {
            (Resource::Join, _) => return self.join(user, request, turn),
            (Resource::Leave, _) => return Err(self.leave(user)),
            (Resource::Rooms, _) => {
                self.pool.seen(user, turn.now);
                (Query::Rooms { user, now_ms }, Purpose::Fetch { user })
            }
            (Resource::Room, Method::Delete) => {
                let room = id()?;
                (Query::Close { room, user, now_ms }, Purpose::Close { room })
            }
            (Resource::Room, _) => {
                let room = self.existing(id()?)?;
                (Query::Room { room, user, now_ms }, Purpose::Fetch { user })
            }
            (Resource::Messages, _) => {
                let room = self.existing(id()?)?;
                let (before, limit) = page(request.head)?;
                let query = Query::Messages {
                    room,
                    user,
                    before,
                    limit,
                    now_ms,
                };
                (query, Purpose::Fetch { user })
            }
            (Resource::Name, _) => {
                let room = self.existing(id()?)?;
                let name = name(request)?;
                let query = Query::Rename {
                    room,
                    user,
                    name,
                    now_ms,
                };
                (query, Purpose::Fetch { user })
            }
            (Resource::Reactions, method) => {
                let message = Uuid::try_parse(segment).map_err(|_| no_message())?;
                let emoji = match method {
                    Method::Delete => None,
                    _ => Some(emoji(request)?),
                };
                self.spend(user, turn)?;
                let query = Query::React {
                    message,
                    user,
                    emoji: emoji.clone(),
                    now_ms,
                };
                let reacting = Reacting {
                    message,
                    user,
                    emoji,
                };
                (query, Purpose::React(Box::new(reacting)))
            }
            (Resource::Register | Resource::Login, _) => {
                return Err(Response::refusal(Status::BAD_REQUEST));
            }
        };
        self.ask(Some(request.conn), Ask::Store(query), purpose, turn)
            .map_err(|unasked| failure::response(unasked.refusal))?;
        Ok(None)
    }

    /// Refuses what concerns a room that has ended here, whatever the store knows.
    fn existing(&self, room: Uuid) -> Result<Uuid, Response> {
        if self.expiry.has_ended(room) {
            return Err(failure::response(Refusal::Ended));
        }
        Ok(room)
    }

    /// Takes a request from what somebody may ask for.
    pub(super) fn spend_request(&mut self, user: Uuid, turn: &Turn<'_>) -> Result<(), Response> {
        let rate = self.settings.request_rate;
        let budget = &mut self.people.spender(user, turn.now).requests;
        budget
            .take(rate, turn.now.micros)
            .map_err(too_many_requests)
    }

    /// Takes from what `user` may say.
    fn spend(&mut self, user: Uuid, turn: &Turn<'_>) -> Result<(), Response> {
        let rate = self.settings.message_rate;
        let budget = &mut self.people.spender(user, turn.now).messages;
        budget
            .take(rate, turn.now.micros)
            .map_err(too_many_requests)
    }

    /// The store has what a request asked for, or not.
    pub(super) fn fetched(
        &mut self,
        asker: Option<ConnId>,
        user: Uuid,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let response = match outcome {
            Ok(Answer::Rooms(mut rooms)) => {
                rooms.retain(|listed| {
                    let room = &listed.room;
                    room.expires_ms > turn.now.unix_ms && !self.expiry.has_ended(room.id)
                });
                json::rooms(&rooms, user)
            }
            Ok(Answer::Room(room)) => match room.side(user) {
                Some(_) if room.expires_ms <= turn.now.unix_ms => failure::response(Refusal::Ended),
                Some(side) => json::room(&room, side),
                None => failure::response(Refusal::Missing),
            },
            Ok(Answer::Messages(messages)) => json::messages(&messages),
            Ok(other) => failure::response(unexpected(other)),
            Err(refusal) => failure::response(refusal),
        };
        self.respond(asker, response, turn);
    }

    /// The store has closed a room, or not.
    pub(super) fn room_closed(
        &mut self,
        asker: Option<ConnId>,
        room: Uuid,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let response = match outcome {
            Ok(Answer::Room(closed)) => {
                // If its time is over as well, that has been said already.
                if !self.expiry.has_ended(room) {
                    self.end_room(room, closed.users, expiry::CLOSED, turn);
                }
                json::done(Status::OK, "room closed")
            }
            Ok(other) => failure::response(unexpected(other)),
            Err(refusal) => failure::response(refusal),
        };
        self.respond(asker, response, turn);
    }

    /// The store has kept an emoji, or taken it away, or not.
    pub(super) fn reacted(
        &mut self,
        asker: Option<ConnId>,
        reacting: Reacting,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let response = match outcome {
            Ok(Answer::Reacted { room, has_changed }) => {
                if has_changed {
                    self.tell_reaction(room, &reacting, turn);
                }
                json::done(
                    Status::OK,
                    match reacting.emoji {
                        Some(_) => "reaction saved",
                        None => "reaction removed",
                    },
                )
            }
            Ok(other) => failure::response(unexpected(other)),
            Err(Refusal::Missing) => no_message(),
            Err(refusal) => failure::response(refusal),
        };
        self.respond(asker, response, turn);
    }

    fn tell_reaction(&self, room: Uuid, reacting: &Reacting, turn: &mut Turn<'_>) {
        let Some(door) = self.open_rooms.get(room) else {
            return;
        };
        let frame = outgoing::framed(&Event::Reaction {
            message_id: reacting.message,
            user_id: reacting.user,
            action: if reacting.emoji.is_some() {
                "add"
            } else {
                "remove"
            },
            emoji: reacting.emoji.as_deref(),
        });
        for side in [Side::A, Side::B] {
            for conn in door.side(side) {
                turn.out.lane(*conn).extend_from_slice(&frame);
            }
        }
    }
}

fn too_many_requests(retry_us: u64) -> Response {
    Response::error(Status::TOO_MANY_REQUESTS, "too many requests")
        .with_retry_after_ms(retry_us.div_ceil(1_000))
}

fn no_message() -> Response {
    Response::error(Status::NOT_FOUND, "message not found")
}

/// Which page of a room's messages is wanted.
fn page(head: &Head<'_>) -> Result<(Option<Uuid>, u32), Response> {
    let before = query::value(head.query, "before").map(|text| Uuid::try_parse(&text));
    let limit = query::value(head.query, "limit").map(|text| text.parse::<u32>());
    let (Ok(before), Ok(limit)) = (before.transpose(), limit.transpose()) else {
        let message = "before must be the id of a message, and limit a number";
        return Err(Response::error(Status::BAD_REQUEST, message));
    };
    let limit = limit.unwrap_or(limits::PAGE_MESSAGES as u32);
    Ok((before, limit.min(limits::PAGE_MESSAGES_MAX)))
}

/// The name that a room is to have.
fn name(request: &Request<'_>) -> Result<String, Response> {
    #[derive(Deserialize)]
    struct Wanted {
        name: String,
    }
    let wanted: Option<Wanted> = body::object(body::json(request.head, request.body)?);
    let name = wanted.map(|wanted| wanted.name.trim().to_owned());
    name.filter(|name| {
        name.chars().count() <= limits::LABEL_CHARS_MAX && visible::is_presentable(name)
    })
    .ok_or_else(|| {
        let message = "name must have 1 to 64 characters that are seen";
        Response::error(Status::BAD_REQUEST, message)
    })
}

/// The emoji that a message is to have.
fn emoji(request: &Request<'_>) -> Result<String, Response> {
    #[derive(Deserialize)]
    struct Wanted {
        emoji: String,
    }
    let wanted: Option<Wanted> = body::object(body::json(request.head, request.body)?);
    let emoji = wanted.map(|wanted| wanted.emoji);
    emoji
        .filter(|emoji| emoji.len() <= limits::EMOJI_BYTES_MAX && visible::is_presentable(emoji))
        .ok_or_else(|| {
            let message = "emoji must have 1 to 32 bytes of characters that are seen";
            Response::error(Status::BAD_REQUEST, message)
        })
}
