//! What is said in private rooms, read, and answered with an emoji.

use std::borrow::Cow;

use postgres::Error;
use uuid::Uuid;

use super::super::rules::{Page, admit, reactions, said_before, storable};
use super::Found;
use super::rooms::find;
use super::session::Work;
use super::values::{kept_room, moment, select_room, time};
use crate::kernel::ask::{Answer, Outcome, Query, Refusal};
use crate::kernel::record::{Message, Room};
use crate::limits;

const PAGE_BYTES: i64 = limits::LISTING_BYTES_MAX as i64;

/// Many messages at once. The rows say of each in turn whether there is such a room for its sender, whether it has ended, and
/// whether the message was kept; one that was not was sent before.
const SAY: &str = "\
    WITH asked AS ( \
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[]) \
        WITH ORDINALITY AS asked (id, room, sender, content, cid, sent_at, place) \
    ), placed AS ( \
        SELECT asked.*, r.id IS NOT NULL AS is_member, \
            r.ended_at IS NOT NULL OR r.expires_at <= asked.sent_at AS has_ended \
        FROM asked LEFT JOIN rooms AS r \
        ON r.id = asked.room AND (r.user_a = asked.sender OR r.user_b = asked.sender) \
    ), kept AS ( \
        INSERT INTO messages (room, id, sender, content, cid, sent_at) \
        SELECT room, id, sender, content, cid, sent_at FROM placed \
        WHERE is_member AND NOT has_ended ORDER BY place \
        ON CONFLICT (room, sender, cid) WHERE cid IS NOT NULL DO NOTHING \
        RETURNING id \
    ) \
    SELECT placed.is_member, coalesce(placed.has_ended, false), kept.id IS NOT NULL \
    FROM placed LEFT JOIN kept ON kept.id = placed.id ORDER BY placed.place";

/// Those that were sent before.
const SAID: &str = "\
    SELECT m.id, m.sent_at, m.content = asked.content \
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) \
    WITH ORDINALITY AS asked (room, sender, cid, content, place) \
    JOIN messages AS m ON m.room = asked.room AND m.sender = asked.sender AND m.cid = asked.cid \
    ORDER BY asked.place";

/// The newest first, each with what side A and side B have put to it, until there are too many bytes of them.
const PAGE: &str = "\
    SELECT m.id, m.sender, m.content, m.is_read, m.sent_at, a.emoji, b.emoji FROM ( \
        SELECT *, sum(octet_length(content)) OVER (ORDER BY id DESC) AS bytes FROM messages \
        WHERE room = $1 AND id < $2 ORDER BY id DESC LIMIT $3 \
    ) AS m \
    LEFT JOIN reactions AS a ON a.message = m.id AND a.user_id = $4 \
    LEFT JOIN reactions AS b ON b.message = m.id AND b.user_id = $5 \
    WHERE m.bytes - octet_length(m.content) < $6 ORDER BY m.id DESC";

const IS_IN_ROOM: &str = "SELECT EXISTS (SELECT 1 FROM messages WHERE room = $1 AND id = $2)";

const READ: &str = "\
    UPDATE messages SET is_read = true \
    WHERE room = $1 AND sender = $2 AND NOT is_read AND id <= $3";

const ROOM_OF: &str =
    select_room!("FROM messages AS m JOIN rooms AS r ON r.id = m.room WHERE m.id = $1");

const REACT: &str = "\
    INSERT INTO reactions AS kept (message, user_id, emoji) VALUES ($1, $2, $3) \
    ON CONFLICT (message, user_id) DO UPDATE SET emoji = excluded.emoji \
    WHERE kept.emoji <> excluded.emoji";

const UNREACT: &str = "DELETE FROM reactions WHERE message = $1 AND user_id = $2";

/// A message to be kept.
pub(super) struct Say<'a> {
    id: Uuid,
    room: Uuid,
    sender: Uuid,
    content: Cow<'a, str>,
    cid: Option<Cow<'a, str>>,
    sent_ms: u64,
}

/// What is said at the beginning of these questions, before anything else is asked.
pub(super) fn leading_says(queries: &[Query]) -> Vec<Say<'_>> {
    queries
        .iter()
        .map_while(|query| match query {
            Query::Say {
                id,
                room,
                user,
                content,
                cid,
                now_ms,
            } => Some(Say {
                id: *id,
                room: *room,
                sender: *user,
                content: storable(content),
                cid: cid.as_deref().map(storable),
                sent_ms: *now_ms,
            }),
            _ => None,
        })
        .collect()
}

/// Keeps messages, in order.
pub(super) fn say_all(work: &mut Work<'_>, says: &[Say<'_>]) -> Result<Vec<Outcome>, Error> {
    fn column<'a, T>(says: &'a [Say<'a>], of: impl Fn(&'a Say<'a>) -> T) -> Vec<T> {
        says.iter().map(of).collect()
    }
    let rows = work.query(
        SAY,
        &[
            &column(says, |say| say.id),
            &column(says, |say| say.room),
            &column(says, |say| say.sender),
            &column(says, |say| &*say.content),
            &column(says, |say| say.cid.as_deref()),
            &column(says, |say| moment(say.sent_ms)),
        ],
    )?;
    let mut outcomes = Vec::with_capacity(says.len());
    let mut repeated = Vec::new();
    for (say, row) in says.iter().zip(&rows) {
        let (is_member, has_ended, is_kept): (bool, bool, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        outcomes.push(match (is_member, has_ended, is_kept) {
            (false, _, _) => Err(Refusal::Missing),
            (true, true, _) => Err(Refusal::Ended),
            (true, false, true) => Ok(Answer::Said {
                id: say.id,
                sent_ms: say.sent_ms,
                is_new: true,
            }),
            (true, false, false) => {
                repeated.push((outcomes.len(), say));
                Err(Refusal::Unavailable)
            }
        });
    }
    if !repeated.is_empty() {
        find_first(work, &repeated, &mut outcomes)?;
    }
    Ok(outcomes)
}

/// Answers those that were sent before with the first of their kind.
fn find_first(
    work: &mut Work<'_>,
    repeated: &[(usize, &Say<'_>)],
    outcomes: &mut [Outcome],
) -> Result<(), Error> {
    let rooms: Vec<Uuid> = repeated.iter().map(|(_, say)| say.room).collect();
    let senders: Vec<Uuid> = repeated.iter().map(|(_, say)| say.sender).collect();
    let cids: Vec<Option<&str>> = repeated.iter().map(|(_, say)| say.cid.as_deref()).collect();
    let contents: Vec<&str> = repeated.iter().map(|(_, say)| &*say.content).collect();
    let rows = work.query(SAID, &[&rooms, &senders, &cids, &contents])?;
    for ((place, _), row) in repeated.iter().zip(&rows) {
        outcomes[*place] = said_before(row.try_get(0)?, time(row, 1)?, row.try_get(2)?);
    }
    Ok(())
}

pub(super) fn perform(work: &mut Work<'_>, query: &Query) -> Found {
    match query {
        Query::Messages {
            room,
            user,
            before,
            limit,
            now_ms,
        } => match admit(find(work, *room)?, *user, *now_ms) {
            Ok(room) => page(work, &room, *before, *limit),
            Err(refusal) => Ok(Err(refusal)),
        },
        Query::Read {
            room,
            user,
            upto,
            now_ms,
        } => read(work, *room, *user, *upto, *now_ms),
        Query::React {
            message,
            user,
            emoji,
            now_ms,
        } => react(work, *message, *user, emoji.as_deref(), *now_ms),
        _ => Ok(Err(Refusal::Unavailable)),
    }
}

fn page(work: &mut Work<'_>, room: &Room, before: Option<Uuid>, limit: u32) -> Found {
    let before = before.unwrap_or(Uuid::max());
    let limit = i64::from(limit);
    let [a, b] = room.users;
    let rows = work.query(PAGE, &[&room.id, &before, &limit, &a, &b, &PAGE_BYTES])?;
    let mut page = Page::default();
    for row in rows {
        page.push(Message {
            id: row.try_get(0)?,
            sender: row.try_get(1)?,
            content: row.try_get(2)?,
            is_read: row.try_get(3)?,
            sent_ms: time(&row, 4)?,
            reactions: reactions(room.users, [row.try_get(5)?, row.try_get(6)?]),
        });
    }
    Ok(Ok(Answer::Messages(page.into_messages())))
}

fn read(work: &mut Work<'_>, room: Uuid, user: Uuid, upto: Uuid, now_ms: u64) -> Found {
    let known = match admit(find(work, room)?, user, now_ms) {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let is_there: bool = work.one(IS_IN_ROOM, &[&room, &upto])?.try_get(0)?;
    let partner = known
        .side(user)
        .map(|side| known.users[side.other().index()]);
    let (true, Some(partner)) = (is_there, partner) else {
        return Ok(Err(Refusal::Missing));
    };
    let marked = work.execute(READ, &[&room, &partner, &upto])?;
    Ok(Ok(Answer::Read {
        has_changed: marked > 0,
    }))
}

fn react(
    work: &mut Work<'_>,
    message: Uuid,
    user: Uuid,
    emoji: Option<&str>,
    now_ms: u64,
) -> Found {
    let kept = work.find(ROOM_OF, &[&message])?;
    let kept = kept.as_ref().map(kept_room).transpose()?;
    let room = match admit(kept, user, now_ms) {
        Ok(room) => room,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let changed = match emoji {
        Some(emoji) => work.execute(REACT, &[&message, &user, &storable(emoji)])?,
        None => work.execute(UNREACT, &[&message, &user])?,
    };
    Ok(Ok(Answer::Reacted {
        room: room.id,
        has_changed: changed > 0,
    }))
}
