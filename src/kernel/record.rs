//! What is kept of accounts: the records that the store holds, as the rest of the program sees them.
//!
//! Times are milliseconds since 1970-01-01T00:00:00Z.

use uuid::Uuid;

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who it is (UUID version 4).
    pub id: Uuid,
    /// What they are called, as they wrote it.
    pub pseudo: String,
    /// Their e-mail address, as they wrote it.
    pub email: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: String,
    /// Since when they have the account.
    pub created_ms: u64,
}

/// One of the two people in a private room: the first is the one who had waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl Side {
    /// Its place in a pair.
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// The partner's side.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A private room of two people. It ends when one of them closes it, or when its time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Which it is (UUID version 4).
    pub id: Uuid,
    /// Who is in it, by side.
    pub users: [Uuid; 2],
    /// Where they are from, by side.
    pub countries: [String; 2],
    /// What each of them calls it; the partner is never shown that.
    pub names: [Option<String>; 2],
    /// Since when there is such a room.
    pub created_ms: u64,
    /// When it ends if nobody closes it before.
    pub expires_ms: u64,
}

impl Room {
    /// On which side `user` is, if in this room at all.
    pub fn side(&self, user: Uuid) -> Option<Side> {
        [Side::A, Side::B]
            .into_iter()
            .find(|side| self.users[side.index()] == user)
    }
}

/// A room in somebody's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRoom {
    /// The room.
    pub room: Room,
    /// Messages of the partner that they have not read, counted up to [`crate::limits::UNREAD_MAX`].
    pub unread: u32,
    /// When the last message was sent, if there is one.
    pub last_ms: Option<u64>,
}

/// A message in a private room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which it is (UUID version 7; ids ascend in the order of sending).
    pub id: Uuid,
    /// Who said it.
    pub sender: Uuid,
    /// What they said.
    pub content: String,
    /// Whether the partner has read it.
    pub is_read: bool,
    /// When it was sent.
    pub sent_ms: u64,
    /// What people answered to it with an emoji: at most one each.
    pub reactions: Vec<Reaction>,
}

/// An emoji put to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Who put it there.
    pub user: Uuid,
    /// The emoji, 1 to 32 bytes.
    pub emoji: String,
}
