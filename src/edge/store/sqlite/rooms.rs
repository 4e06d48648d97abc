//! Private rooms, from their beginning to their end.

use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::super::erasing::Erasing;
use super::super::rules::{KeptRoom, admit, may_open, next_expiry};
use super::Found;
use super::values::{Id, ROOM_COLUMNS, Text, Time, id, kept_room, select_room, time};
use crate::kernel::ask::{Answer, Query, Refusal};
use crate::kernel::record::{ListedRoom, Room, Side};
use crate::limits;

const EXPIRIES: i64 = limits::EXPIRIES_PER_ASK as i64;

/// Whether the room still goes on, if the user is in it. Less is read than of [`ROOM`], because every message asks for it.
pub(super) const GOES_ON: &str = "\
    SELECT ended_at IS NULL AND expires_at > ?3 FROM rooms WHERE id = ?1 AND ?2 IN (user_a, user_b)";

/// From where two people are, and in how many rooms that have not ended.
pub(super) const TWO_USERS: &str = "\
    SELECT a.country, b.country, ( \
        SELECT count(*) FROM rooms \
        WHERE (user_a = ?1 OR user_b = ?1) AND ended_at IS NULL AND expires_at > ?3 \
    ), ( \
        SELECT count(*) FROM rooms \
        WHERE (user_a = ?2 OR user_b = ?2) AND ended_at IS NULL AND expires_at > ?3 \
    ) \
    FROM users AS a, users AS b WHERE a.id = ?1 AND b.id = ?2";

pub(super) const OPEN: &str = "\
    INSERT INTO rooms (id, user_a, user_b, country_a, country_b, created_at, expires_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

pub(super) const ROOM: &str = select_room!("FROM rooms AS r WHERE r.id = ?1");

/// Unread messages are counted so far and no further, so that a partner who speaks without end costs no more than one who does not.
pub(super) const ROOMS: &str = select_room!(
    ", ( \
        SELECT count(*) FROM ( \
            SELECT 1 FROM messages AS m WHERE m.room = r.id AND m.is_read = 0 \
            AND m.sender = CASE r.user_a WHEN ?1 THEN r.user_b ELSE r.user_a END \
            LIMIT ?3 \
        ) \
    ), ( \
        SELECT m.sent_at FROM messages AS m WHERE m.room = r.id ORDER BY m.id DESC LIMIT 1 \
    ) \
    FROM rooms AS r \
    WHERE (r.user_a = ?1 OR r.user_b = ?1) AND r.ended_at IS NULL AND r.expires_at > ?2 \
    ORDER BY r.created_at DESC, r.id DESC"
);

pub(super) const RENAME_A: &str = "UPDATE rooms SET name_a = ?2 WHERE id = ?1";
pub(super) const RENAME_B: &str = "UPDATE rooms SET name_b = ?2 WHERE id = ?1";

pub(super) const CLOSE: &str =
    "UPDATE rooms SET ended_at = ?2, name_a = NULL, name_b = NULL WHERE id = ?1";

pub(super) const END: &str = "\
    UPDATE rooms SET ended_at = expires_at, name_a = NULL, name_b = NULL \
    WHERE id IN ( \
        SELECT id FROM rooms WHERE ended_at IS NULL AND expires_at <= ?1 \
        ORDER BY expires_at LIMIT ?2 \
    ) \
    RETURNING id, user_a, user_b, expires_at";

pub(super) const ERASE: &str = "\
    DELETE FROM messages WHERE id IN ( \
        SELECT m.id FROM rooms AS r JOIN messages AS m ON m.room = r.id \
        WHERE r.ended_at IS NOT NULL AND r.is_erased = 0 LIMIT ?1 \
    )";

pub(super) const NOTE_ERASED: &str = "\
    UPDATE rooms SET is_erased = 1 \
    WHERE ended_at IS NOT NULL AND is_erased = 0 \
    AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.room = rooms.id)";

pub(super) const FORGET: &str = "\
    DELETE FROM rooms WHERE id IN ( \
        SELECT id FROM rooms WHERE is_erased = 1 AND ended_at < ?1 LIMIT ?2 \
    )";

pub(super) const NEXT_END: &str = "SELECT min(expires_at) FROM rooms WHERE ended_at IS NULL";

pub(super) fn perform(connection: &Connection, query: &Query, erasing: &mut Erasing) -> Found {
    match query {
        Query::Open {
            id,
            users,
            now_ms,
            expires_ms,
        } => open(connection, *id, *users, *now_ms, *expires_ms),
        Query::Rooms { user, now_ms } => list(connection, *user, *now_ms),
        Query::Room { room, user, now_ms } => {
            Ok(admit(find(connection, *room)?, *user, *now_ms).map(Answer::Room))
        }
        Query::Rename {
            room,
            user,
            name,
            now_ms,
        } => rename(connection, *room, *user, name, *now_ms),
        Query::Close { room, user, now_ms } => close(connection, *room, *user, *now_ms, erasing),
        Query::Expire { now_ms, forget_ms } => expire(connection, *now_ms, *forget_ms, erasing),
        _ => Ok(Err(Refusal::Unavailable)),
    }
}

/// Whether `user` may speak in the room: what [`admit`] says, without the room.
pub(super) fn may_speak(
    connection: &Connection,
    room: Uuid,
    user: Uuid,
    now_ms: u64,
) -> rusqlite::Result<Result<(), Refusal>> {
    let goes_on: Option<bool> = connection
        .prepare_cached(GOES_ON)?
        .query_row((Id(room), Id(user), Time(now_ms)), |row| row.get(0))
        .optional()?;
    Ok(match goes_on {
        Some(true) => Ok(()),
        Some(false) => Err(Refusal::Ended),
        None => Err(Refusal::Missing),
    })
}

/// A room, whoever asks.
pub(super) fn find(connection: &Connection, room: Uuid) -> rusqlite::Result<Option<KeptRoom>> {
    connection
        .prepare_cached(ROOM)?
        .query_row([Id(room)], kept_room)
        .optional()
}

fn open(
    connection: &Connection,
    id: Uuid,
    users: [Uuid; 2],
    created_ms: u64,
    expires_ms: u64,
) -> Found {
    let found = connection
        .prepare_cached(TWO_USERS)?
        .query_row((Id(users[0]), Id(users[1]), Time(created_ms)), |row| {
            Ok(([row.get(0)?, row.get(1)?], [row.get(2)?, row.get(3)?]))
        })
        .optional()?;
    let Some((countries, rooms)) = found else {
        return Ok(Err(Refusal::Missing));
    };
    if let Err(refusal) = may_open(rooms) {
        return Ok(Err(refusal));
    }
    let room = Room {
        id,
        users,
        countries,
        names: [None, None],
        created_ms,
        expires_ms,
    };
    connection.prepare_cached(OPEN)?.execute((
        Id(id),
        Id(users[0]),
        Id(users[1]),
        &room.countries[0],
        &room.countries[1],
        Time(created_ms),
        Time(expires_ms),
    ))?;
    Ok(Ok(Answer::Room(room)))
}

fn list(connection: &Connection, user: Uuid, now_ms: u64) -> Found {
    let mut statement = connection.prepare_cached(ROOMS)?;
    let rooms = statement
        .query_map((Id(user), Time(now_ms), limits::UNREAD_MAX), |row| {
            Ok(ListedRoom {
                room: kept_room(row)?.room,
                unread: row.get(ROOM_COLUMNS)?,
                last_ms: row
                    .get::<_, Option<Time>>(ROOM_COLUMNS + 1)?
                    .map(|time| time.0),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Ok(Answer::Rooms(rooms)))
}

fn rename(connection: &Connection, room: Uuid, user: Uuid, name: &str, now_ms: u64) -> Found {
    let known = match admit(find(connection, room)?, user, now_ms) {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let rename = match known.side(user) {
        Some(Side::B) => RENAME_B,
        _ => RENAME_A,
    };
    connection
        .prepare_cached(rename)?
        .execute((Id(room), Text::new(name)))?;
    Ok(admit(find(connection, room)?, user, now_ms).map(Answer::Room))
}

fn close(
    connection: &Connection,
    room: Uuid,
    user: Uuid,
    now_ms: u64,
    erasing: &mut Erasing,
) -> Found {
    let known = match admit(find(connection, room)?, user, now_ms) {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    connection
        .prepare_cached(CLOSE)?
        .execute((Id(room), Time(now_ms)))?;
    erasing.ended();
    erase(connection, erasing)?;
    Ok(Ok(Answer::Room(known)))
}

fn expire(connection: &Connection, now_ms: u64, forget_ms: u64, erasing: &mut Erasing) -> Found {
    let mut ended: Vec<(u64, Uuid, [Uuid; 2])> = Vec::new();
    let mut end = connection.prepare_cached(END)?;
    let mut rows = end.query((Time(now_ms), EXPIRIES))?;
    while let Some(row) = rows.next()? {
        erasing.ended();
        // One that cannot be read keeps no other from ending.
        ended.extend(ended_room(row));
    }
    ended.sort_unstable();
    erase(connection, erasing)?;
    let forgotten = connection
        .prepare_cached(FORGET)?
        .execute((Time(forget_ms), EXPIRIES))?;
    let next: Option<Time> = connection
        .prepare_cached(NEXT_END)?
        .query_row([], |row| Ok(row.get(0).unwrap_or_default()))?;
    let has_more = forgotten == limits::EXPIRIES_PER_ASK;
    Ok(Ok(Answer::Expired {
        rooms: ended
            .into_iter()
            .map(|(_, room, users)| (room, users))
            .collect(),
        next_ms: next_expiry(now_ms, has_more, next.map(|time| time.0)),
    }))
}

fn ended_room(row: &Row<'_>) -> rusqlite::Result<(u64, Uuid, [Uuid; 2])> {
    Ok((time(row, 3)?, id(row, 0)?, [id(row, 1)?, id(row, 2)?]))
}

/// Erases what was said in rooms that have ended, as far as `erasing` lets it.
pub(super) fn erase(connection: &Connection, erasing: &mut Erasing) -> rusqlite::Result<()> {
    let left = erasing.left();
    if left > 0 {
        let erased = connection.prepare_cached(ERASE)?.execute([left])?;
        erasing.erased(erased as u64);
    }
    if !erasing.is_spent() {
        connection.prepare_cached(NOTE_ERASED)?.execute([])?;
    }
    Ok(())
}
