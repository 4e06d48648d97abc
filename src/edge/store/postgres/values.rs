//! Times as PostgreSQL knows them, and rows as the rest of the program knows them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres::{Error, Row};

use super::super::rules::KeptRoom;
use crate::kernel::record::Room;

/// The same last millisecond as in the other engine, 9999-12-30T22:00:00Z.
const LAST_MS: u64 = 253_402_207_200_000;

/// A time as a parameter.
pub(super) fn moment(ms: u64) -> SystemTime {
    UNIX_EPOCH
        .checked_add(Duration::from_millis(ms.min(LAST_MS)))
        .unwrap_or(UNIX_EPOCH)
}

/// A time from a row.
pub(super) fn ms(moment: SystemTime) -> u64 {
    moment
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

/// The time in a column.
pub(super) fn time(row: &Row, column: usize) -> Result<u64, Error> {
    row.try_get(column).map(ms)
}

/// The count in a column.
pub(super) fn count(row: &Row, column: usize) -> Result<u32, Error> {
    let count: i64 = row.try_get(column)?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
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
pub(super) fn kept_room(row: &Row) -> Result<KeptRoom, Error> {
    Ok(KeptRoom {
        room: Room {
            id: row.try_get(0)?,
            users: [row.try_get(1)?, row.try_get(2)?],
            countries: [row.try_get(3)?, row.try_get(4)?],
            names: [row.try_get(5)?, row.try_get(6)?],
            created_ms: time(row, 7)?,
            expires_ms: time(row, 8)?,
        },
        has_ended: row.try_get(9)?,
    })
}
