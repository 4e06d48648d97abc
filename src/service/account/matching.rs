//! The pool, as people use it: joining, leaving, and being matched.
//!
//! While the store opens a room for two people, both are out of the queue, so that neither can be matched twice. When it cannot, whoever
//! had waited is first again.

use serde::Deserialize;
use uuid::Uuid;

use super::entry::unauthorized;
use super::outgoing::Event;
use super::pending::Purpose;
use super::pool::Waiter;
use super::{Accounts, failure, json, unexpected};
use crate::conn::{Request, Turn};
use crate::kernel::ask::{Answer, Ask, Outcome, Query, Refusal, Ticket};
use crate::kernel::id::ConnId;
use crate::kernel::record::{Room, Side};
use crate::limits;
use crate::wire::body;
use crate::wire::response::{Response, Status};

/// Whoever found somebody waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joiner {
    pub(super) user: Uuid,
    /// Whether whoever had waited has asked not to wait any more.
    pub(super) waiter_left: bool,
}

impl Accounts {
    /// `POST /pool/join`.
    pub(super) fn join(
        &mut self,
        user: Uuid,
        request: &Request<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Response>, Response> {
        let same_country = same_country(request)?;
        if !self.pending.is_up() {
            return Err(failure::response(Refusal::Unavailable));
        }
        if self.pool.has(user) || self.matching.contains_key(&user) {
            return Err(Response::error(Status::CONFLICT, "already in the pool"));
        }
        let query = Query::User {
            id: user,
            now_ms: turn.now.unix_ms,
        };
        let purpose = Purpose::Join { user, same_country };
        let ticket = self
            .ask(Some(request.conn), Ask::Store(query), purpose, turn)
            .map_err(|unasked| failure::response(unasked.refusal))?;
        self.matching.insert(user, ticket);
        Ok(None)
    }

    /// `POST /pool/leave`.
    pub(super) fn leave(&mut self, user: Uuid) -> Response {
        if self.pool.leave(user).is_some() {
            return json::done(Status::OK, "left the pool");
        }
        // Whoever is being matched at this moment is not put back, should that come to nothing.
        let wait = self
            .matching
            .get(&user)
            .and_then(|ticket| self.pending.wait_mut(*ticket));
        if let Some(wait) = wait
            && let Purpose::Match { waiter, joiner } = &mut wait.purpose
            && waiter.user == user
            && !joiner.waiter_left
        {
            joiner.waiter_left = true;
            return json::done(Status::OK, "left the pool");
        }
        Response::error(Status::NOT_FOUND, "not in the pool")
    }

    /// The store says who wants to join.
    pub(super) fn joined(
        &mut self,
        asker: Option<ConnId>,
        user: Uuid,
        same_country: bool,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        self.matching.remove(&user);
        let known = match outcome {
            Ok(Answer::User(Some(known))) => Ok(known),
            Ok(Answer::User(None)) | Err(Refusal::Missing) => {
                Err(unauthorized("invalid or expired token"))
            }
            Ok(other) => Err(failure::response(unexpected(other))),
            Err(refusal) => Err(failure::response(refusal)),
        };
        let known = match known {
            Ok(known) if known.rooms < limits::PRIVATE_ROOMS_PER_PERSON_MAX => known,
            Ok(_) => {
                let response = Response::error(Status::CONFLICT, "too many rooms");
                return self.respond(asker, response, turn);
            }
            Err(response) => return self.respond(asker, response, turn),
        };
        if asker.is_none() {
            // They were told that it did not work.
            return;
        }
        match self.pool.take(&known.user.country, same_country) {
            Some(waiter) => self.open_for(asker, waiter, user, turn),
            None => {
                let country = &known.user.country;
                self.pool.join(user, country, same_country, turn.now);
                let response = json::done(Status::ACCEPTED, "waiting for a match");
                self.respond(asker, response, turn);
            }
        }
    }

    /// Asks for a room for two people who are out of the queue.
    fn open_for(&mut self, asker: Option<ConnId>, waiter: Waiter, user: Uuid, turn: &mut Turn<'_>) {
        let room = self.fresh_uuid();
        let query = self.open_query(room, [waiter.user, user], turn.now);
        let who_waited = waiter.user;
        let joiner = Joiner {
            user,
            waiter_left: false,
        };
        let purpose = Purpose::Match { waiter, joiner };
        match self.ask(asker, Ask::Store(query), purpose, turn) {
            Ok(ticket) => {
                self.matching.insert(who_waited, ticket);
                self.matching.insert(user, ticket);
            }
            Err(unasked) => {
                if let Purpose::Match { waiter, .. } = unasked.purpose {
                    self.pool.put(waiter);
                }
                self.respond(asker, failure::response(unasked.refusal), turn);
            }
        }
    }

    /// The store has opened a room for two people, or not.
    pub(super) fn matched(
        &mut self,
        asker: Option<ConnId>,
        waiter: Waiter,
        joiner: Joiner,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        self.matching.remove(&waiter.user);
        self.matching.remove(&joiner.user);
        match opened(outcome) {
            Ok(room) => {
                self.room_opened(&room, turn);
                let event = Event::Matched { room_id: room.id };
                self.notify(waiter.user, &event, turn);
                match asker {
                    Some(_) => self.respond(asker, json::room_opened(room.id), turn),
                    // They were told that it did not work, and it did after all.
                    None => self.notify(joiner.user, &event, turn),
                }
            }
            Err(refusal) => {
                // If whoever waited can have no room, whoever comes next should not fail for the same reason.
                let is_hopeless =
                    matches!(refusal, Refusal::Missing | Refusal::TooManyRooms(Side::A));
                if !is_hopeless && !joiner.waiter_left {
                    self.pool.put(waiter);
                }
                let refusal = match refusal {
                    Refusal::StorageFull | Refusal::TooManyRooms(Side::B) => refusal,
                    _ => Refusal::Unavailable,
                };
                self.respond(asker, failure::response(refusal), turn);
            }
        }
    }

    /// Asks for a room for two strangers who want to stay in touch.
    pub(super) fn open_for_agreement(
        &mut self,
        agreement: Ticket,
        people: [Uuid; 2],
        turn: &mut Turn<'_>,
    ) {
        let room = self.fresh_uuid();
        let query = self.open_query(room, people, turn.now);
        if self
            .ask(None, Ask::Store(query), Purpose::Keep(agreement), turn)
            .is_err()
        {
            self.kept.push_back((agreement, None));
        }
    }

    /// The store has opened a room for two strangers, or not.
    pub(super) fn agreement_kept(
        &mut self,
        agreement: Ticket,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let room = opened(outcome).ok();
        if let Some(room) = &room {
            self.room_opened(room, turn);
            let event = Event::Matched { room_id: room.id };
            for user in room.users {
                self.notify(user, &event, turn);
            }
        }
        self.kept.push_back((agreement, room.map(|room| room.id)));
    }

    fn room_opened(&mut self, room: &Room, turn: &mut Turn<'_>) {
        turn.stats.private_rooms += 1;
        self.expiry.opened(room.expires_ms);
    }
}

fn opened(outcome: Outcome) -> Result<Room, Refusal> {
    match outcome? {
        Answer::Room(room) => Ok(room),
        other => Err(unexpected(other)),
    }
}

/// Whether only people from the same country will do. The body is optional.
fn same_country(request: &Request<'_>) -> Result<bool, Response> {
    #[derive(Default, Deserialize)]
    struct Wish {
        same_country: Option<bool>,
    }
    let text = body::json(request.head, request.body)?.trim();
    let wish: Wish = match text {
        "" => Wish::default(),
        text => body::object(text).ok_or_else(|| {
            let message = "the body must be an object in which same_country is true or false";
            Response::error(Status::BAD_REQUEST, message)
        })?,
    };
    Ok(wish.same_country.unwrap_or_default())
}
