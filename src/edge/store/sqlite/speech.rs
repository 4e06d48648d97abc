//! What is said in private rooms, read, and answered with an emoji.

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::super::rules::{Page, admit, reactions, said_before, storable};
use super::Found;
use super::rooms::{find, may_speak};
use super::values::{Id, Text, Time, id, kept_room, select_room, time};
use crate::kernel::ask::{Answer, Query, Refusal};
use crate::kernel::record::{Message, Room};

pub(super) const SAY: &str = "\
    INSERT INTO messages (room, id, sender, content, cid, sent_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
    ON CONFLICT (room, sender, cid) WHERE cid IS NOT NULL DO NOTHING";

pub(super) const SAID: &str =
    "SELECT id, sent_at, content = ?4 FROM messages WHERE room = ?1 AND sender = ?2 AND cid = ?3";

/// The newest first, each with what side A and side B have put to it.
pub(super) const PAGE: &str = "\
    SELECT m.id, m.sender, m.content, m.is_read, m.sent_at, a.emoji, b.emoji FROM messages AS m \
    LEFT JOIN reactions AS a ON a.message = m.id AND a.user = ?4 \
    LEFT JOIN reactions AS b ON b.message = m.id AND b.user = ?5 \
    WHERE m.room = ?1 AND m.id < ?2 ORDER BY m.id DESC LIMIT ?3";

pub(super) const IS_IN_ROOM: &str =
    "SELECT EXISTS (SELECT 1 FROM messages WHERE room = ?1 AND id = ?2)";

pub(super) const READ: &str = "\
    UPDATE messages SET is_read = 1 \
    WHERE room = ?1 AND sender = ?2 AND is_read = 0 AND id <= ?3";

pub(super) const ROOM_OF: &str =
    select_room!("FROM messages AS m JOIN rooms AS r ON r.id = m.room WHERE m.id = ?1");

pub(super) const REACT: &str = "\
    INSERT INTO reactions (message, user, emoji) VALUES (?1, ?2, ?3) \
    ON CONFLICT (message, user) DO UPDATE SET emoji = excluded.emoji \
    WHERE emoji <> excluded.emoji";

pub(super) const UNREACT: &str = "DELETE FROM reactions WHERE message = ?1 AND user = ?2";

pub(super) fn perform(connection: &Connection, query: &Query) -> Found {
    match query {
        Query::Say {
            id,
            room,
            user,
            content,
            cid,
            now_ms,
        } => {
            if let Err(refusal) = may_speak(connection, *room, *user, *now_ms)? {
                return Ok(Err(refusal));
            }
            say(
                connection,
                (*id, *room, *user),
                content,
                cid.as_deref(),
                *now_ms,
            )
        }
        Query::Messages {
            room,
            user,
            before,
            limit,
            now_ms,
        } => match admit(find(connection, *room)?, *user, *now_ms) {
            Ok(room) => page(connection, &room, *before, *limit),
            Err(refusal) => Ok(Err(refusal)),
        },
        Query::Read {
            room,
            user,
            upto,
            now_ms,
        } => read(connection, *room, *user, *upto, *now_ms),
        Query::React {
            message,
            user,
            emoji,
            now_ms,
        } => react(connection, *message, *user, emoji.as_deref(), *now_ms),
        _ => Ok(Err(Refusal::Unavailable)),
    }
}

fn say(
    connection: &Connection,
    (message, room, sender): (Uuid, Uuid, Uuid),
    content: &str,
    cid: Option<&str>,
    now_ms: u64,
) -> Found {
    let cid = cid.map(storable);
    let added = connection.prepare_cached(SAY)?.execute((
        Id(room),
        Id(message),
        Id(sender),
        Text::new(content),
        cid.as_deref(),
        Time(now_ms),
    ))?;
    if added == 1 {
        return Ok(Ok(Answer::Said {
            id: message,
            sent_ms: now_ms,
            is_new: true,
        }));
    }
    let asked = (Id(room), Id(sender), cid.as_deref(), Text::new(content));
    connection.prepare_cached(SAID)?.query_row(asked, |row| {
        Ok(said_before(id(row, 0)?, time(row, 1)?, row.get(2)?))
    })
}

fn page(connection: &Connection, room: &Room, before: Option<Uuid>, limit: u32) -> Found {
    let mut statement = connection.prepare_cached(PAGE)?;
    let [a, b] = room.users.map(Id);
    let before = Id(before.unwrap_or(Uuid::max()));
    let mut rows = statement.query((Id(room.id), before, limit, a, b))?;
    let mut page = Page::default();
    while let Some(row) = rows.next()?
        && page.has_space()
    {
        page.push(Message {
            id: id(row, 0)?,
            sender: id(row, 1)?,
            content: row.get(2)?,
            is_read: row.get(3)?,
            sent_ms: time(row, 4)?,
            reactions: reactions(room.users, [row.get(5)?, row.get(6)?]),
        });
    }
    Ok(Ok(Answer::Messages(page.into_messages())))
}

fn read(connection: &Connection, room: Uuid, user: Uuid, upto: Uuid, now_ms: u64) -> Found {
    let known = match admit(find(connection, room)?, user, now_ms) {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let is_there: bool = connection
        .prepare_cached(IS_IN_ROOM)?
        .query_row((Id(room), Id(upto)), |row| row.get(0))?;
    let partner = known
        .side(user)
        .map(|side| known.users[side.other().index()]);
    let (true, Some(partner)) = (is_there, partner) else {
        return Ok(Err(Refusal::Missing));
    };
    let marked = connection
        .prepare_cached(READ)?
        .execute((Id(room), Id(partner), Id(upto)))?;
    Ok(Ok(Answer::Read {
        has_changed: marked > 0,
    }))
}

fn react(
    connection: &Connection,
    message: Uuid,
    user: Uuid,
    emoji: Option<&str>,
    now_ms: u64,
) -> Found {
    let kept = connection
        .prepare_cached(ROOM_OF)?
        .query_row([Id(message)], kept_room)
        .optional()?;
    let room = match admit(kept, user, now_ms) {
        Ok(room) => room,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let changed = match emoji {
        Some(emoji) => {
            connection
                .prepare_cached(REACT)?
                .execute((Id(message), Id(user), Text::new(emoji)))?
        }
        None => connection
            .prepare_cached(UNREACT)?
            .execute((Id(message), Id(user)))?,
    };
    Ok(Ok(Answer::Reacted {
        room: room.id,
        has_changed: changed > 0,
    }))
}
