//! Ids and times as the tables show them, and rows as the rest of the program knows them.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use uuid::Uuid;

use super::super::rules::{KeptRoom, storable};
use crate::kernel::record::Room;
use crate::kernel::time::write_rfc3339;

/// The last millisecond that has a name of this length, 9999-12-30T22:00:00Z.
const LAST_MS: u64 = 253_402_207_200_000;

/// An id as text.
pub(super) struct Id(pub(super) Uuid);

/// A time as text that sorts.
pub(super) struct Time(pub(super) u64);

/// Text that both engines can keep.
pub(super) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(storable(text))
    }
}

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.hyphenated().to_string().into())
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Uuid::try_parse(value.as_str()?)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let mut text = String::with_capacity(24);
        write_rfc3339(&mut text, self.0.min(LAST_MS));
        Ok(text.into())
    }
}

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let time: Timestamp = value.as_str()?.parse().map_err(FromSqlError::other)?;
        Ok(Self(u64::try_from(time.as_millisecond()).unwrap_or(0)))
    }
}

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0.as_bytes())))
    }
}

/// The beginning of a statement whose rows [`kept_room`] reads.
macro_rules! select_room {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.user_a, r.user_b, r.country_a, r.country_b, r.name_a, r.name_b, \
             r.created_at, r.expires_at, r.ended_at IS NOT NULL ",
            $rest
        )
    };
}
pub(super) use select_room;

/// How many columns [`kept_room`] reads.
pub(super) const ROOM_COLUMNS: usize = 10;

/// Reads what `select_room` selects.
pub(super) fn kept_room(row: &Row<'_>) -> rusqlite::Result<KeptRoom> {
    Ok(KeptRoom {
        room: Room {
            id: id(row, 0)?,
            users: [id(row, 1)?, id(row, 2)?],
            countries: [row.get(3)?, row.get(4)?],
            names: [row.get(5)?, row.get(6)?],
            created_ms: time(row, 7)?,
            expires_ms: time(row, 8)?,
        },
        has_ended: row.get(9)?,
    })
}

/// The id in a column.
pub(super) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(row.get::<_, Id>(column)?.0)
}

/// The time in a column.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, Time>(column)?.0)
}
