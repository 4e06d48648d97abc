//! Accounts.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Found;
use super::values::{Id, Text, Time, id, time};
use crate::kernel::ask::{Answer, KnownUser, Query, Refusal};
use crate::kernel::record::User;

pub(super) const REGISTER: &str = "\
    INSERT INTO users (id, pseudo, pseudo_key, email, email_key, country, password_hash, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
    ON CONFLICT DO NOTHING";

pub(super) const BY_PSEUDO: &str = "\
    SELECT id, pseudo, email, country, created_at, password_hash FROM users WHERE pseudo_key = ?1";

pub(super) const BY_EMAIL: &str = "\
    SELECT id, pseudo, email, country, created_at, password_hash FROM users WHERE email_key = ?1";

pub(super) const USER: &str = "\
    SELECT id, pseudo, email, country, created_at, ( \
        SELECT count(*) FROM rooms \
        WHERE (user_a = ?1 OR user_b = ?1) AND ended_at IS NULL AND expires_at > ?2 \
    ) \
    FROM users WHERE id = ?1";

pub(super) fn perform(connection: &Connection, query: &Query) -> Found {
    match query {
        Query::Register {
            user,
            pseudo_key,
            email_key,
            phc,
        } => {
            let added = connection.prepare_cached(REGISTER)?.execute((
                Id(user.id),
                Text::new(&user.pseudo),
                Text::new(pseudo_key),
                Text::new(&user.email),
                Text::new(email_key),
                Text::new(&user.country),
                Text::new(phc),
                Time(user.created_ms),
            ))?;
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
            let found = connection
                .prepare_cached(by_key)?
                .query_row([Text::new(key)], |row| Ok((user(row)?, row.get(5)?)))
                .optional()?;
            Ok(Ok(Answer::Credentials(found)))
        }
        Query::User { id, now_ms } => {
            let found = connection
                .prepare_cached(USER)?
                .query_row((Id(*id), Time(*now_ms)), |row| {
                    Ok(KnownUser {
                        user: user(row)?,
                        rooms: row.get(5)?,
                    })
                })
                .optional()?;
            Ok(Ok(Answer::User(found)))
        }
        _ => Ok(Err(Refusal::Unavailable)),
    }
}

/// Reads the first five columns.
fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: id(row, 0)?,
        pseudo: row.get(1)?,
        email: row.get(2)?,
        country: row.get(3)?,
        created_ms: time(row, 4)?,
    })
}
