//! Logging in.
//!
//! Whoever has no account takes the same way as whoever has another password, so that neither the answer nor its time tells
//! them apart.

use super::pending::{Purpose, Wait};
use super::tries::{Origin, Target};
use super::{Accounts, failure, json, unexpected};
use crate::conn::{Request, Turn};
use crate::kernel::addresses::Subscriber;
use crate::kernel::ask::{Answer, Ask, Hashing, Outcome, Query, Refusal};
use crate::kernel::id::ConnId;
use crate::kernel::record::User;
use crate::kernel::secret::Secret;
use crate::kernel::throttle::Denied;
use crate::wire::account::{self, Login};
use crate::wire::body;
use crate::wire::response::{Response, Status};
use crate::wire::token;

/// Who somebody claims to be.
#[derive(Debug)]
pub(super) struct Claim {
    key: String,
    password: Secret,
    address: Subscriber,
}

/// A claim that is being judged, or waits for that.
#[derive(Debug)]
pub(super) struct Attempt {
    origin: Origin,
    user: Option<User>,
    /// What is to be asked when it is its turn.
    unasked: Option<Hashing>,
}

impl Attempt {
    /// Whether it is not its turn yet.
    pub(super) const fn is_waiting(&self) -> bool {
        self.unasked.is_some()
    }
}

impl Accounts {
    /// `POST /auth/login`.
    pub(super) fn log_in(
        &mut self,
        request: &Request<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Response>, Response> {
        let text = body::json(request.head, request.body)?;
        let Login { key, password } =
            account::parse_login(text).map_err(|fault| bad_request(&fault))?;
        let address = Subscriber::of(request.client);
        if let Some(retry_us) = self.tries.retry_us(&address, turn.now) {
            return Err(too_many(retry_us));
        }
        let query = Ask::Store(Query::Credentials { key: key.clone() });
        let purpose = Purpose::Credentials(Box::new(Claim {
            key,
            password,
            address,
        }));
        self.ask(Some(request.conn), query, purpose, turn)
            .map_err(|unasked| failure::response(unasked.refusal))?;
        Ok(None)
    }

    /// The store says whose name it is.
    pub(super) fn found(
        &mut self,
        asker: Option<ConnId>,
        claim: Claim,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        if asker.is_none() {
            // They were told that it did not work.
            return;
        }
        let credentials = match outcome {
            Ok(Answer::Credentials(credentials)) => credentials,
            Ok(other) => return self.not_judged(asker, unexpected(other), turn),
            Err(refusal) => return self.not_judged(asker, refusal, turn),
        };
        let Claim {
            key,
            password,
            address,
        } = claim;
        let (user, phc) = credentials.unzip();
        let target = match &user {
            Some(user) => Target::Account(user.id),
            None => Target::Nobody(key),
        };
        let attempt = Attempt {
            origin: Origin { address, target },
            user,
            unasked: Some(Hashing::Verify { password, phc }),
        };
        let purpose = Purpose::Verify(Box::new(attempt));
        match self.pending.note(asker, false, purpose, turn.now) {
            Ok(ticket) => self.tries.line_up(ticket),
            Err(unasked) => return self.not_judged(asker, unasked.refusal, turn),
        }
        self.judge_waiting(turn);
        if let Some(ticket) = self.tries.turn_away() {
            self.pending.forget(ticket);
            self.not_judged(asker, Refusal::Busy, turn);
        }
    }

    /// Has everybody judged whose turn it is.
    fn judge_waiting(&mut self, turn: &mut Turn<'_>) {
        for ticket in self.tries.take_line() {
            let Some(Wait {
                asker: asker @ Some(_),
                purpose: Purpose::Verify(attempt),
                ..
            }) = self.pending.wait_mut(ticket)
            else {
                // Whoever waited was told that it was in vain.
                continue;
            };
            match self.tries.begin(&attempt.origin, turn.now) {
                Ok(()) => {
                    let asks = attempt.unasked.take().map(Ask::Hash);
                    turn.out.asks.extend(asks.map(|ask| (ticket, ask)));
                }
                Err(Denied::Reserved) => self.tries.line_up(ticket),
                Err(Denied::Failures(retry_us)) => {
                    let asker = *asker;
                    self.pending.forget(ticket);
                    self.respond(asker, too_many(retry_us), turn);
                }
            }
        }
    }

    /// It was the password, or not.
    pub(super) fn verified(
        &mut self,
        asker: Option<ConnId>,
        attempt: &Attempt,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let verdict = match outcome {
            Ok(Answer::Verified(is_right)) => Ok(attempt.user.as_ref().filter(|_| is_right)),
            Ok(other) => Err(unexpected(other)),
            Err(refusal) => Err(refusal),
        };
        let has_failed = verdict == Ok(None);
        self.tries.end(&attempt.origin, has_failed, turn.now);
        match verdict {
            // They were told that it did not work.
            Ok(Some(_)) if asker.is_none() => {}
            Ok(Some(user)) => {
                turn.stats.logins += 1;
                let response = self.sign_in(Status::OK, user, turn);
                self.respond(asker, response, turn);
            }
            Ok(None) => {
                turn.stats.logins_failed += 1;
                let response = Response::error(Status::UNAUTHORIZED, "invalid credentials");
                self.respond(
                    asker,
                    response.with_field("WWW-Authenticate", "Bearer"),
                    turn,
                );
            }
            Err(refusal) => self.not_judged(asker, refusal, turn),
        }
        self.judge_waiting(turn);
    }

    /// Nobody can say whether it is the password.
    fn not_judged(&mut self, asker: Option<ConnId>, refusal: Refusal, turn: &mut Turn<'_>) {
        let refusal = match refusal {
            Refusal::Busy => refusal,
            _ => Refusal::Unavailable,
        };
        self.respond(asker, failure::response(refusal), turn);
    }

    pub(super) fn sign_in(&self, status: Status, user: &User, turn: &Turn<'_>) -> Response {
        match token::issue(&self.key, user.id, turn.now.unix_ms) {
            Ok(token) => json::signed_in(status, &token, user),
            Err(token::Unsigned) => Response::refusal(Status::INTERNAL),
        }
    }
}

pub(super) fn bad_request(message: &str) -> Response {
    Response::error(Status::BAD_REQUEST, message)
}

pub(super) fn too_many(retry_us: u64) -> Response {
    Response::error(
        Status::TOO_MANY_REQUESTS,
        "too many tries; please wait a moment",
    )
    .with_retry_after_ms(retry_us.div_ceil(1_000))
}
