//! Private rooms, from their beginning to their end.

use std::time::SystemTime;

use postgres::Error;
use uuid::Uuid;

use super::super::erasing::Erasing;
use super::super::rules::{KeptRoom, admit, may_open, next_expiry, storable};
use super::Found;
use super::session::Work;
use super::values::{ROOM_COLUMNS, count, kept_room, moment, ms, select_room, time};
use crate::kernel::ask::{Answer, Query, Refusal};
use crate::kernel::record::{ListedRoom, Room, Side};
use crate::limits;

const EXPIRIES: i64 = limits::EXPIRIES_PER_ASK as i64;
const UNREAD: i64 = limits::UNREAD_MAX as i64;

/// From where two people are, and in how many rooms that have not ended.
const TWO_USERS: &str = "\
    SELECT a.country, b.country, ( \
        SELECT count(*) FROM rooms \
        WHERE (user_a = $1 OR user_b = $1) AND ended_at IS NULL AND expires_at > $3 \
    ), ( \
        SELECT count(*) FROM rooms \
        WHERE (user_a = $2 OR user_b = $2) AND ended_at IS NULL AND expires_at > $3 \
    ) \
    FROM users AS a, users AS b WHERE a.id = $1 AND b.id = $2";

const OPEN: &str = "\
    INSERT INTO rooms (id, user_a, user_b, country_a, country_b, created_at, expires_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const ROOM: &str = select_room!("FROM rooms AS r WHERE r.id = $1");

/// Unread messages are counted so far and no further, so that a partner who speaks without end costs no more than one who does not.
const ROOMS: &str = select_room!(
    ", ( \
        SELECT count(*) FROM ( \
            SELECT 1 FROM messages AS m WHERE m.room = r.id AND NOT m.is_read \
            AND m.sender = CASE r.user_a WHEN $1 THEN r.user_b ELSE r.user_a END \
            LIMIT $3 \
        ) AS unread \
    ), ( \
        SELECT m.sent_at FROM messages AS m WHERE m.room = r.id ORDER BY m.id DESC LIMIT 1 \
    ) \
    FROM rooms AS r \
    WHERE (r.user_a = $1 OR r.user_b = $1) AND r.ended_at IS NULL AND r.expires_at > $2 \
    ORDER BY r.created_at DESC, r.id DESC"
);

const RENAME_A: &str = "UPDATE rooms SET name_a = $2 WHERE id = $1";
const RENAME_B: &str = "UPDATE rooms SET name_b = $2 WHERE id = $1";

const CLOSE: &str = "UPDATE rooms SET ended_at = $2, name_a = NULL, name_b = NULL WHERE id = $1";

const END: &str = "\
    UPDATE rooms SET ended_at = expires_at, name_a = NULL, name_b = NULL \
    WHERE id IN ( \
        SELECT id FROM rooms WHERE ended_at IS NULL AND expires_at <= $1 \
        ORDER BY expires_at LIMIT $2 \
    ) \
    RETURNING id, user_a, user_b, expires_at";

const ERASE: &str = "\
    DELETE FROM messages WHERE id IN ( \
        SELECT m.id FROM rooms AS r JOIN messages AS m ON m.room = r.id \
        WHERE r.ended_at IS NOT NULL AND NOT r.is_erased LIMIT $1 \
    )";

const NOTE_ERASED: &str = "\
    UPDATE rooms SET is_erased = true \
    WHERE ended_at IS NOT NULL AND NOT is_erased \
    AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.room = rooms.id)";

const FORGET: &str = "\
    DELETE FROM rooms WHERE id IN ( \
        SELECT id FROM rooms WHERE is_erased AND ended_at < $1 LIMIT $2 \
    )";

const NEXT_END: &str = "SELECT min(expires_at) FROM rooms WHERE ended_at IS NULL";

pub(super) fn perform(work: &mut Work<'_>, query: &Query, erasing: &mut Erasing) -> Found {
    match query {
        Query::Open {
            id,
            users,
            now_ms,
            expires_ms,
        } => open(work, *id, *users, *now_ms, *expires_ms),
        Query::Rooms { user, now_ms } => list(work, *user, *now_ms),
        Query::Room { room, user, now_ms } => {
            Ok(admit(find(work, *room)?, *user, *now_ms).map(Answer::Room))
        }
        Query::Rename {
            room,
            user,
            name,
            now_ms,
        } => rename(work, *room, *user, name, *now_ms),
        Query::Close { room, user, now_ms } => close(work, *room, *user, *now_ms, erasing),
        Query::Expire { now_ms, forget_ms } => expire(work, *now_ms, *forget_ms, erasing),
        _ => Ok(Err(Refusal::Unavailable)),
    }
}

/// A room, whoever asks.
pub(super) fn find(work: &mut Work<'_>, room: Uuid) -> Result<Option<KeptRoom>, Error> {
    let row = work.find(ROOM, &[&room])?;
    row.as_ref().map(kept_room).transpose()
}

fn open(
    work: &mut Work<'_>,
    id: Uuid,
    users: [Uuid; 2],
    created_ms: u64,
    expires_ms: u64,
) -> Found {
    let found = work.find(TWO_USERS, &[&users[0], &users[1], &moment(created_ms)])?;
    let Some(row) = found else {
        return Ok(Err(Refusal::Missing));
    };
    if let Err(refusal) = may_open([count(&row, 2)?, count(&row, 3)?]) {
        return Ok(Err(refusal));
    }
    let room = Room {
        id,
        users,
        countries: [row.try_get(0)?, row.try_get(1)?],
        names: [None, None],
        created_ms,
        expires_ms,
    };
    work.execute(
        OPEN,
        &[
            &id,
            &users[0],
            &users[1],
            &room.countries[0],
            &room.countries[1],
            &moment(created_ms),
            &moment(expires_ms),
        ],
    )?;
    Ok(Ok(Answer::Room(room)))
}

fn list(work: &mut Work<'_>, user: Uuid, now_ms: u64) -> Found {
    let rooms = work
        .query(ROOMS, &[&user, &moment(now_ms), &UNREAD])?
        .iter()
        .map(|row| {
            Ok(ListedRoom {
                room: kept_room(row)?.room,
                unread: count(row, ROOM_COLUMNS)?,
                last_ms: row
                    .try_get::<_, Option<SystemTime>>(ROOM_COLUMNS + 1)?
                    .map(ms),
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Ok(Answer::Rooms(rooms)))
}

fn rename(work: &mut Work<'_>, room: Uuid, user: Uuid, name: &str, now_ms: u64) -> Found {
    let known = match admit(find(work, room)?, user, now_ms) {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let rename = match known.side(user) {
        Some(Side::B) => RENAME_B,
        _ => RENAME_A,
    };
    work.execute(rename, &[&room, &storable(name)])?;
    Ok(admit(find(work, room)?, user, now_ms).map(Answer::Room))
}

fn close(work: &mut Work<'_>, room: Uuid, user: Uuid, now_ms: u64, erasing: &mut Erasing) -> Found {
    let known = match admit(find(work, room)?, user, now_ms) {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    work.execute(CLOSE, &[&room, &moment(now_ms)])?;
    erasing.ended();
    erase(work, erasing)?;
    Ok(Ok(Answer::Room(known)))
}

fn expire(work: &mut Work<'_>, now_ms: u64, forget_ms: u64, erasing: &mut Erasing) -> Found {
    let mut ended: Vec<(u64, Uuid, [Uuid; 2])> = work
        .query(END, &[&moment(now_ms), &EXPIRIES])?
        .iter()
        .map(|row| {
            let users = [row.try_get(1)?, row.try_get(2)?];
            Ok((time(row, 3)?, row.try_get(0)?, users))
        })
        .collect::<Result<_, Error>>()?;
    ended.sort_unstable();
    erase(work, erasing)?;
    let forgotten = work.execute(FORGET, &[&moment(forget_ms), &EXPIRIES])?;
    let next: Option<SystemTime> = work.one(NEXT_END, &[])?.try_get(0)?;
    let has_more = forgotten == limits::EXPIRIES_PER_ASK as u64;
    Ok(Ok(Answer::Expired {
        rooms: ended
            .into_iter()
            .map(|(_, room, users)| (room, users))
            .collect(),
        next_ms: next_expiry(now_ms, has_more, next.map(ms)),
    }))
}

/// Erases what was said in rooms that have ended, as far as `erasing` lets it.
pub(super) fn erase(work: &mut Work<'_>, erasing: &mut Erasing) -> Result<(), Error> {
    let left = erasing.left();
    if left > 0 {
        erasing.erased(work.execute(ERASE, &[&i64::from(left)])?);
    }
    if !erasing.is_spent() {
        work.execute(NOTE_ERASED, &[])?;
    }
    Ok(())
}
