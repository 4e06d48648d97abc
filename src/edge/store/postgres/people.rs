//! Accounts.

use postgres::{Error, Row};

use super::super::rules::storable;
use super::Found;
use super::session::Work;
use super::values::{count, moment, time};
use crate::kernel::ask::{Answer, KnownUser, Query, Refusal};
use crate::kernel::record::User;

const REGISTER: &str = "\
    INSERT INTO users (id, pseudo, pseudo_key, email, email_key, country, password_hash, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
    ON CONFLICT DO NOTHING";

const BY_PSEUDO: &str = "\
    SELECT id, pseudo, email, country, created_at, password_hash FROM users WHERE pseudo_key = $1";

const BY_EMAIL: &str = "\
    SELECT id, pseudo, email, country, created_at, password_hash FROM users WHERE email_key = $1";

const USER: &str = "\
    SELECT id, pseudo, email, country, created_at, ( \
        SELECT count(*) FROM rooms \
        WHERE (user_a = $1 OR user_b = $1) AND ended_at IS NULL AND expires_at > $2 \
    ) \
    FROM users WHERE id = $1";

pub(super) fn perform(work: &mut Work<'_>, query: &Query) -> Found {
    match query {
        Query::Register {
            user,
            pseudo_key,
            email_key,
            phc,
        } => {
            let added = work.execute(
                REGISTER,
                &[
                    &user.id,
                    &storable(&user.pseudo),
                    &storable(pseudo_key),
                    &storable(&user.email),
                    &storable(email_key),
                    &storable(&user.country),
                    &storable(phc),
                    &moment(user.created_ms),
                ],
            )?;
            Ok(if added == 1 {
                Ok(Answer::Done)
            } else {
                Err(Refusal::Taken)
            })
        }
        Query::Credentials { key } => {
            let by_key = if key.contains('@') {
                BY_EMAIL
            } else {
                BY_PSEUDO
            };
            let found = work.find(by_key, &[&storable(key)])?;
            let found = found.map(|row| Ok::<_, Error>((user(&row)?, row.try_get(5)?)));
            Ok(Ok(Answer::Credentials(found.transpose()?)))
        }
        Query::User { id, now_ms } => {
            let found = work.find(USER, &[id, &moment(*now_ms)])?;
            let found = found.map(|row| {
                Ok::<_, Error>(KnownUser {
                    user: user(&row)?,
                    rooms: count(&row, 5)?,
                })
            });
            Ok(Ok(Answer::User(found.transpose()?)))
        }
        _ => Ok(Err(Refusal::Unavailable)),
    }
}

/// Reads the first five columns.
fn user(row: &Row) -> Result<User, Error> {
    Ok(User {
        id: row.try_get(0)?,
        pseudo: row.try_get(1)?,
        email: row.try_get(2)?,
        country: row.try_get(3)?,
        created_ms: time(row, 4)?,
    })
}
