//! Who comes in: tokens, and the opening and the end of sockets.

use uuid::Uuid;

use super::command::{self, Command};
use super::outgoing::{self, Event};
use super::pending::Purpose;
use super::sockets::Place;
use super::{Accounts, Arrival, expiry, failure, unexpected};
use crate::conn::{Late, Request, Turn};
use crate::kernel::ask::{Answer, Ask, Outcome, Query, Refusal, Ticket};
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::kernel::stats::{CloseCause, Refused};
use crate::kernel::time::Now;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::head::Head;
use crate::wire::json::quoted;
use crate::wire::query;
use crate::wire::response::{Response, Status};
use crate::wire::token;

/// What a handshake comes to.
#[derive(Debug)]
pub enum Admission {
    /// The socket may be opened at once.
    Open,
    /// [`Accounts::next_late`] says later.
    Later,
    /// It is refused.
    Refuse(Response, Refused),
}

/// Who somebody has proved to be, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// Whose account it is.
    pub user: Uuid,
    /// When the token expires.
    pub until_ms: u64,
}

impl Accounts {
    /// Whose account a request comes with, if it comes with one: by the Authorization field (RFC 6750 section 2.1), or by
    /// `token` in the query. The error is the answer to a token that is not good.
    pub fn identify(&self, head: &Head<'_>, now: Now) -> Result<Option<Proof>, Response> {
        // Other schemes are somebody else's, such as a proxy's.
        let mut bearers = head.fields("authorization").filter_map(|field| {
            let (scheme, token) = field.split_once(' ').unwrap_or((field, ""));
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let from_query;
        let token = match (bearers.next(), bearers.next()) {
            (Some(token), None) => token,
            (Some(_), Some(_)) => return Err(unauthorized("invalid or expired token")),
            (None, _) => {
                from_query = query::value(head.query, "token");
                match &from_query {
                    Some(token) => token,
                    None => return Ok(None),
                }
            }
        };
        let claims = token::verify(&self.key, token, now.unix_ms)
            .map_err(|_| unauthorized("invalid or expired token"))?;
        Ok(Some(Proof {
            user: claims.sub,
            until_ms: claims.exp.saturating_mul(1_000),
        }))
    }

    /// Who a request comes from, which must come from somebody.
    pub(super) fn require(&self, head: &Head<'_>, now: Now) -> Result<Proof, Response> {
        let proof = self.identify(head, now)?;
        proof.ok_or_else(|| unauthorized("missing authorization"))
    }

    /// Lets a socket in: to a room, or to notifications if `room` is nothing. What can be said of the handshake itself has been said.
    pub fn admit(
        &mut self,
        room: Option<&str>,
        request: &Request<'_>,
        turn: &mut Turn<'_>,
    ) -> Admission {
        let proof = match self.require(request.head, turn.now) {
            Ok(proof) => proof,
            Err(response) => return Admission::Refuse(response, Refused::Token),
        };
        if let Err(response) = self.spend_request(proof.user, turn) {
            return Admission::Refuse(response, Refused::CommandRate);
        }
        let Some(room) = room else {
            return self.admit_to_notices(request.conn, proof);
        };
        let Ok(room) = Uuid::try_parse(room) else {
            let response = failure::response(Refusal::Missing);
            return Admission::Refuse(response, Refused::NotFound);
        };
        let query = Query::Room {
            room,
            user: proof.user,
            now_ms: turn.now.unix_ms,
        };
        let purpose = Purpose::Enter {
            user: proof.user,
            until_ms: proof.until_ms,
        };
        match self.ask(Some(request.conn), Ask::Store(query), purpose, turn) {
            Ok(_) => Admission::Later,
            Err(unasked) => Admission::Refuse(failure::response(unasked.refusal), Refused::Store),
        }
    }

    fn admit_to_notices(&mut self, conn: ConnId, proof: Proof) -> Admission {
        if self.people.notices(proof.user).len() >= limits::SOCKETS_PER_PERSON_MAX {
            return Admission::Refuse(too_many_sockets(), Refused::PersonConnections);
        }
        let arrival = Arrival {
            user: proof.user,
            place: Place::Notices,
            until_ms: proof.until_ms,
        };
        self.arrivals.insert(conn, arrival);
        Admission::Open
    }

    /// The store says whether `user` may come into a room.
    pub(super) fn entering(
        &mut self,
        asker: Option<ConnId>,
        user: Uuid,
        until_ms: u64,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let room = match outcome {
            Ok(Answer::Room(room)) => Ok(room),
            Ok(other) => Err(unexpected(other)),
            Err(refusal) => Err(refusal),
        };
        let room = room.and_then(|room| {
            let side = room.side(user).ok_or(Refusal::Missing)?;
            let has_ended = room.expires_ms <= turn.now.unix_ms || self.expiry.has_ended(room.id);
            if has_ended {
                return Err(Refusal::Ended);
            }
            Ok((room, side))
        });
        let (room, side) = match room {
            Ok(found) => found,
            Err(refusal) => return self.respond(asker, failure::response(refusal), turn),
        };
        let Some(conn) = asker else {
            return;
        };
        let sockets = self.people.get(user).map_or(0, |person| person.in_rooms);
        if sockets >= limits::SOCKETS_PER_PERSON_MAX {
            turn.stats.refused(Refused::PersonConnections);
            return self
                .late
                .push_back((conn, Late::Respond(too_many_sockets())));
        }
        let arrival = Arrival {
            user,
            place: Place::Room(room.id, side),
            until_ms,
        };
        self.people.enter_room(user);
        self.open_rooms.prepare(&room, conn);
        self.arrivals.insert(conn, arrival);
        self.late.push_back((conn, Late::Open(())));
    }

    /// The connection is open.
    pub fn opened(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let Some(arrival) = self.arrivals.remove(&conn) else {
            return;
        };
        self.sockets
            .add(conn, arrival.user, arrival.place, arrival.until_ms);
        match arrival.place {
            Place::Notices => self.listen(conn, arrival, turn),
            Place::Room(room, _) if self.open_rooms.get(room).is_none() => {
                // It has ended in between.
                turn.out.effects.push(Effect::Close {
                    conn,
                    code: 1000,
                    reason: expiry::TIME_IS_OVER,
                    cause: CloseCause::RoomEnded,
                });
            }
            Place::Room(room, side) => {
                self.open_rooms.enter(room, side, conn);
                turn.out.effects.push(Effect::Pace(conn, true));
            }
        }
    }

    /// The connection is gone, perhaps without ever having been open.
    pub fn closed(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        if let Some(arrival) = self.arrivals.remove(&conn) {
            if let Place::Room(room, side) = arrival.place {
                self.people.leave_room(arrival.user, turn.now);
                self.open_rooms.leave(room, side, conn);
            }
            return;
        }
        let Some(socket) = self.sockets.remove(conn) else {
            return;
        };
        match socket.place {
            Place::Notices => self.unlisten(conn, socket.user, socket.seat, turn),
            Place::Room(room, side) => {
                self.people.leave_room(socket.user, turn.now);
                self.open_rooms.leave(room, side, conn);
            }
        }
        for ticket in socket.asked {
            if let Some(wait) = self.pending.wait_mut(ticket) {
                wait.asker = None;
            }
        }
    }

    /// Somebody sent text: a command.
    pub fn said(&mut self, conn: ConnId, text: &str, turn: &mut Turn<'_>) {
        let Some(socket) = self.sockets.get(conn) else {
            return;
        };
        let Place::Room(room, side) = socket.place else {
            let message = "Nothing can be said on this socket.";
            return self.complain(conn, &Fault::new("unknown_type", message), turn);
        };
        let (fault, cid) = match command::parse(text) {
            Ok(Command::Say { content, cid }) => {
                match self.say(conn, room, side, content, cid.clone(), turn) {
                    Ok(()) => return,
                    Err(fault) => (fault, cid),
                }
            }
            Ok(Command::Typing) => return self.typing(conn, room, side, turn),
            Ok(Command::Read(upto)) => match self.read(conn, room, side, upto, turn) {
                Ok(()) => return,
                Err(fault) => (fault, None),
            },
            Err(about) => about,
        };
        let cid = cid.map(|cid| quoted(&cid));
        self.complain(conn, &fault.about(cid.as_deref()), turn);
    }

    /// Says that the server is going away.
    pub fn dismissed(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let retry_ms = 500 + rand::Rng::next_u64(&mut self.random) % 4_500;
        outgoing::say(turn.out.lane(conn), &Event::Draining { retry_ms });
    }

    /// Notes that `conn` waits for one answer more, and rests reading from it if there are too many.
    pub(super) fn owe(&mut self, conn: ConnId, ticket: Ticket, turn: &mut Turn<'_>) {
        if let Some(socket) = self.sockets.get_mut(conn) {
            socket.asked.push_back(ticket);
            if socket.asked.len() >= limits::ASKS_PER_SOCKET_MAX && !socket.is_held {
                socket.is_held = true;
                turn.out.effects.push(Effect::Pause(conn));
            }
        }
    }

    /// One of the answers that `conn` waited for is there, or will never be.
    pub(super) fn settle_up(&mut self, conn: ConnId, ticket: Ticket, turn: &mut Turn<'_>) {
        if let Some(socket) = self.sockets.get_mut(conn) {
            if let Some(at) = socket.asked.iter().position(|asked| *asked == ticket) {
                socket.asked.remove(at);
            }
            if socket.asked.len() <= limits::ASKS_PER_SOCKET_LOW && socket.is_held {
                socket.is_held = false;
                turn.out.effects.push(Effect::Resume(conn));
            }
        }
    }

    /// Closes the sockets whose token has expired.
    pub(super) fn dismiss_expired_tokens(&mut self, turn: &mut Turn<'_>) {
        while let Some(conn) = self.sockets.next_expired(turn.now.unix_ms) {
            turn.out.effects.push(Effect::Close {
                conn,
                code: 4500,
                reason: "the token has expired",
                cause: CloseCause::TokenExpired,
            });
        }
    }
}

/// The answer to a request without a good token.
pub(super) fn unauthorized(message: &str) -> Response {
    Response::error(Status::UNAUTHORIZED, message).with_field("WWW-Authenticate", "Bearer")
}

fn too_many_sockets() -> Response {
    Response::error(Status::TOO_MANY_REQUESTS, "too many sockets").with_retry_after_ms(5_000)
}
