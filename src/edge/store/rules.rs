//! What holds whatever the engine: who may see a room, and what text can be kept.

use std::borrow::Cow;

use uuid::Uuid;

use crate::kernel::ask::{Answer, Outcome, Query, Refusal};
use crate::kernel::record::{Message, Reaction, Room, Side};
use crate::limits;

/// A room as it is kept.
#[derive(Clone, Debug)]
pub(super) struct KeptRoom {
    /// What the rest of the program may know.
    pub(super) room: Room,
    /// Whether it was closed, or found to be over.
    pub(super) has_ended: bool,
}

/// The room, if `user` is in it and it has not ended at `now_ms`.
pub(super) fn admit(kept: Option<KeptRoom>, user: Uuid, now_ms: u64) -> Result<Room, Refusal> {
    let kept = kept
        .filter(|kept| kept.room.users.contains(&user))
        .ok_or(Refusal::Missing)?;
    if kept.has_ended || kept.room.expires_ms <= now_ms {
        return Err(Refusal::Ended);
    }
    Ok(kept.room)
}

/// Whether both may be in one room more, who are in so many.
pub(super) fn may_open(rooms: [u32; 2]) -> Result<(), Refusal> {
    for (side, rooms) in [Side::A, Side::B].into_iter().zip(rooms) {
        if rooms >= limits::PRIVATE_ROOMS_PER_PERSON_MAX {
            return Err(Refusal::TooManyRooms(side));
        }
    }
    Ok(())
}

/// When to ask again whether rooms are over: at once if more are to be forgotten, else when the next one is.
pub(super) fn next_expiry(now_ms: u64, has_more: bool, next_ms: Option<u64>) -> Option<u64> {
    if has_more {
        return Some(now_ms);
    }
    next_ms.map(|next_ms| next_ms.max(now_ms))
}

/// What a message comes to whose name its sender has used before in the room, for the message `first` that was sent at `sent_ms`.
pub(super) const fn said_before(first: Uuid, sent_ms: u64, is_the_same: bool) -> Outcome {
    if is_the_same {
        Ok(Answer::Said {
            id: first,
            sent_ms,
            is_new: false,
        })
    } else {
        Err(Refusal::Reused)
    }
}

/// Messages that are read from the newest to the oldest, as long as an answer has space for them.
#[derive(Default)]
pub(super) struct Page {
    messages: Vec<Message>,
    bytes: usize,
}

impl Page {
    /// Whether an answer has space for another, as far as what was said goes.
    pub(super) const fn has_space(&self) -> bool {
        self.bytes < limits::LISTING_BYTES_MAX
    }

    pub(super) fn push(&mut self, message: Message) {
        self.bytes += message.content.len();
        self.messages.push(message);
    }

    /// The oldest first.
    pub(super) fn into_messages(mut self) -> Vec<Message> {
        self.messages.reverse();
        self.messages
    }
}

/// What those who are in a room have put to a message.
pub(super) fn reactions(users: [Uuid; 2], emojis: [Option<String>; 2]) -> Vec<Reaction> {
    let mut reactions: Vec<Reaction> = users
        .into_iter()
        .zip(emojis)
        .filter_map(|(user, emoji)| emoji.map(|emoji| Reaction { user, emoji }))
        .collect();
    reactions.sort_by_key(|reaction| reaction.user);
    reactions
}

/// Text as it can be kept: PostgreSQL has no U+0000, so that becomes U+FFFD, in both engines alike.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether the question may change anything.
pub(super) const fn is_write(query: &Query) -> bool {
    match query {
        Query::Ping
        | Query::Credentials { .. }
        | Query::User { .. }
        | Query::Rooms { .. }
        | Query::Room { .. }
        | Query::Messages { .. } => false,
        Query::Register { .. }
        | Query::Open { .. }
        | Query::Rename { .. }
        | Query::Close { .. }
        | Query::Expire { .. }
        | Query::Say { .. }
        | Query::Read { .. }
        | Query::React { .. } => true,
    }
}

/// Whether the question gives space back, in the long run.
pub(super) const fn makes_space(query: &Query) -> bool {
    matches!(query, Query::Close { .. } | Query::Expire { .. })
}

/// Why a database is not touched.
pub(super) fn too_new(found: u32, known: usize) -> String {
    format!(
        "its schema has version {found}, and this program knows only up to {known}; use a newer one"
    )
}
