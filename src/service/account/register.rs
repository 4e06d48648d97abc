//! Registering.

use super::login::{bad_request, too_many};
use super::pending::Purpose;
use super::{Accounts, failure, unexpected};
use crate::conn::{Request, Turn};
use crate::kernel::addresses::Subscriber;
use crate::kernel::ask::{Answer, Ask, Hashing, Outcome, Query, Refusal};
use crate::kernel::id::ConnId;
use crate::kernel::record::User;
use crate::wire::account::{self, Registration};
use crate::wire::body;
use crate::wire::response::{Response, Status};

/// An account that is being made.
#[derive(Debug)]
pub(super) struct NewAccount {
    user: User,
    pseudo_key: String,
    email_key: String,
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
            .map_err(too_many)?;
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
        let purpose = Purpose::Hash(Box::new(new));
        self.ask(Some(request.conn), ask, purpose, turn)
            .map_err(|unasked| failure::response(unasked.refusal))?;
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
            Ok(other) => Err(unexpected(other)),
            Err(refusal) => Err(refusal),
        };
        let asked = phc.and_then(|phc| {
            let NewAccount {
                user,
                pseudo_key,
                email_key,
            } = new;
            let query = Query::Register {
                user: user.clone(),
                pseudo_key,
                email_key,
                phc,
            };
            let asked = self.ask(
                asker,
                Ask::Store(query),
                Purpose::Register(Box::new(user)),
                turn,
            );
            asked.map_err(|unasked| unasked.refusal)
        });
        if let Err(refusal) = asked {
            self.respond(asker, failure::response(refusal), turn);
        }
    }

    /// The store has kept an account, or not.
    pub(super) fn registered(
        &mut self,
        asker: Option<ConnId>,
        user: &User,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let response = match outcome {
            Ok(Answer::Done) => {
                turn.stats.registrations += 1;
                self.sign_in(Status::CREATED, user, turn)
            }
            Ok(other) => failure::response(unexpected(other)),
            Err(refusal) => failure::response(refusal),
        };
        self.respond(asker, response, turn);
    }
}
