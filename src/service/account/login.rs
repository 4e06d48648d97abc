//! Registering and logging in.
//!
//! Every try is charged before anything is looked up, and refunded when it ends well or could not be made. Whoever has no account
//! takes the same way as whoever has another password, so that neither the answer nor its time tells them apart.

use super::pending::Errand;
use super::{Accounts, failure, json, strange};
use crate::conn::{Request, Turn};
use crate::kernel::addresses::Subscriber;
use crate::kernel::ask::{Answer, Ask, Hashing, Outcome, Query, Refusal};
use crate::kernel::id::ConnId;
use crate::kernel::record::User;
use crate::kernel::secret::Secret;
use crate::kernel::stats::Refused;
use crate::kernel::throttle::{Charge, Quota, Throttle};
use crate::wire::account::{self, Login, Registration};
use crate::wire::body;
use crate::wire::response::{Response, Status};
use crate::wire::token;

/// How often people may fail.
#[derive(Debug)]
pub(super) struct Throttles {
    by_address: Throttle,
    by_account: Throttle,
}

/// An account that is being made.
#[derive(Debug)]
pub(super) struct NewAccount {
    user: User,
    pseudo_key: String,
    email_key: String,
}

/// Somebody who is logging in.
#[derive(Debug)]
pub(super) struct Attempt {
    key: String,
    password: Option<Secret>,
    address: Subscriber,
    charges: (Charge, Charge),
    user: Option<User>,
}

impl Throttles {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            by_address: Throttle::new(Quota::BY_ADDRESS, seed),
            by_account: Throttle::new(Quota::BY_ACCOUNT, seed),
        }
    }
}

impl Accounts {
    /// `POST /auth/register`.
    pub(super) fn register(
        &mut self,
        request: &Request<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Response>, Response> {
        let text = body::json(request.head, request.body)?;
        let Registration {
            pseudo,
            pseudo_key,
            email,
            email_key,
            country,
            password,
        } = account::parse_registration(text).map_err(|fault| bad_request(&fault))?;
        if !self.pending.is_up() {
            return Err(failure::response(Refusal::Unavailable));
        }
        let address = Subscriber::of(request.client);
        self.registrations
            .take(address, self.settings.register_rate, turn.now.micros)
            .map_err(|retry_us| too_many(retry_us, turn))?;
        let user = User {
            id: self.fresh_uuid(),
            pseudo,
            email,
            country: country.to_owned(),
            created_ms: turn.now.unix_ms,
        };
        let new = NewAccount {
            user,
            pseudo_key,
            email_key,
        };
        let ask = Ask::Hash(Hashing::Hash(password));
        let errand = Errand::Hash(Box::new(new));
        self.ask(Some(request.conn), ask, errand, turn)
            .map_err(failure::response)?;
        Ok(None)
    }

    /// The password of somebody new is hashed, or not.
    pub(super) fn hashed(
        &mut self,
        asker: Option<ConnId>,
        new: NewAccount,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        if asker.is_none() {
            // They were told that it did not work.
            return;
        }
        let phc = match outcome {
            Ok(Answer::Hashed(phc)) => Ok(phc),
            Ok(other) => Err(strange(other)),
            Err(refusal) => Err(refusal),
        };
        let asked = phc.and_then(|phc| {
            let query = Query::Register {
                user: new.user.clone(),
                pseudo_key: new.pseudo_key.clone(),
                email_key: new.email_key.clone(),
                phc,
            };
            let errand = Errand::Register(Box::new(new));
            self.ask(asker, Ask::Store(query), errand, turn)
        });
        if let Err(refusal) = asked {
            self.respond(asker, failure::response(refusal));
        }
    }

    /// The store has kept an account, or not.
    pub(super) fn registered(
        &mut self,
        asker: Option<ConnId>,
        new: &NewAccount,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let response = match outcome {
            Ok(Answer::Done) => {
                turn.stats.registrations += 1;
                self.sign_in(Status::CREATED, &new.user, turn)
            }
            Ok(other) => failure::response(strange(other)),
            Err(refusal) => failure::response(refusal),
        };
        self.respond(asker, response);
    }

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
        let now_us = turn.now.micros;
        let throttles = &mut self.throttles;
        let by_address = throttles
            .by_address
            .charge(&address, now_us)
            .map_err(|retry_us| too_many(retry_us, turn))?;
        let by_account = throttles
            .by_account
            .charge(key.as_str(), now_us)
            .map_err(|retry_us| {
                throttles.by_address.refund(&address, by_address);
                too_many(retry_us, turn)
            })?;
        let attempt = Attempt {
            key: key.clone(),
            password: Some(password),
            address,
            charges: (by_address, by_account),
            user: None,
        };
        let errand = Errand::Credentials(Box::new(attempt));
        let query = Ask::Store(Query::Credentials { key: key.clone() });
        if let Err(refusal) = self.ask(Some(request.conn), query, errand, turn) {
            self.throttles.by_address.refund(&address, by_address);
            self.throttles.by_account.refund(key.as_str(), by_account);
            return Err(failure::response(refusal));
        }
        Ok(None)
    }

    /// The store says whose name it is.
    pub(super) fn found(
        &mut self,
        asker: Option<ConnId>,
        mut attempt: Attempt,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let credentials = match outcome {
            Ok(Answer::Credentials(credentials)) => credentials,
            Ok(other) => return self.not_judged(asker, &attempt, strange(other)),
            Err(refusal) => return self.not_judged(asker, &attempt, refusal),
        };
        let (user, phc) = credentials.unzip();
        let Some(password) = attempt.password.take().filter(|_| asker.is_some()) else {
            return self.refund(&attempt);
        };
        attempt.user = user;
        let ask = Ask::Hash(Hashing::Verify { password, phc });
        let charged = attempt.charges;
        let (key, address) = (attempt.key.clone(), attempt.address);
        let errand = Errand::Verify(Box::new(attempt));
        if let Err(refusal) = self.ask(asker, ask, errand, turn) {
            self.throttles.by_address.refund(&address, charged.0);
            self.throttles.by_account.refund(key.as_str(), charged.1);
            self.respond(asker, failure::response(refusal));
        }
    }

    /// It was the password, or not.
    pub(super) fn verified(
        &mut self,
        asker: Option<ConnId>,
        attempt: Attempt,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let is_right = match outcome {
            Ok(Answer::Verified(is_right)) => is_right,
            Ok(other) => return self.not_judged(asker, &attempt, strange(other)),
            Err(refusal) => return self.not_judged(asker, &attempt, refusal),
        };
        let response = match &attempt.user {
            Some(user) if is_right => {
                turn.stats.logins += 1;
                self.refund(&attempt);
                self.sign_in(Status::OK, user, turn)
            }
            _ => {
                turn.stats.logins_failed += 1;
                Response::error(Status::UNAUTHORIZED, "invalid credentials")
                    .with_field("WWW-Authenticate", "Bearer")
            }
        };
        self.respond(asker, response);
    }

    /// Nobody can say whether it is the password.
    fn not_judged(&mut self, asker: Option<ConnId>, attempt: &Attempt, refusal: Refusal) {
        self.refund(attempt);
        let refusal = match refusal {
            Refusal::Busy => refusal,
            _ => Refusal::Unavailable,
        };
        self.respond(asker, failure::response(refusal));
    }

    fn refund(&mut self, attempt: &Attempt) {
        let (by_address, by_account) = attempt.charges;
        let throttles = &mut self.throttles;
        throttles.by_address.refund(&attempt.address, by_address);
        throttles
            .by_account
            .refund(attempt.key.as_str(), by_account);
    }

    fn sign_in(&self, status: Status, user: &User, turn: &Turn<'_>) -> Response {
        match token::issue(&self.key, user.id, turn.now.unix_ms) {
            Ok(token) => json::signed_in(status, &token, user),
            Err(token::Unsigned) => Response::refusal(Status::INTERNAL),
        }
    }
}

fn bad_request(message: &str) -> Response {
    Response::error(Status::BAD_REQUEST, message)
}

fn too_many(retry_us: u64, turn: &mut Turn<'_>) -> Response {
    turn.stats.refused(Refused::CommandRate);
    Response::error(
        Status::TOO_MANY_REQUESTS,
        "too many tries; please wait a moment",
    )
    .with_retry_after_ms(retry_us.div_ceil(1_000))
}
