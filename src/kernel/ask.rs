//! What the loop asks of the threads beside it, and what they answer.
//!
//! An [`Ask`] goes out with a [`Ticket`]; its [`Outcome`] comes back with the same one in a later turn, once, or
//! not at all if the process ends before. The store answers in the order in which it was asked, and says that something was written
//! only when it would survive a power cut.
//!
//! Times are milliseconds since 1970-01-01T00:00:00Z, and always the asker's: the threads have no clock of their own.

use uuid::Uuid;

use super::record::{ListedRoom, Message, Room, Side, User};
use super::secret::Secret;

/// Names a question until it is answered. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// For the store.
    Store(Query),
    /// For those who hash passwords.
    Hash(Hashing),
}

/// What came of a question.
pub type Outcome = Result<Answer, Refusal>;

/// Something that takes a password's time and memory (Argon2id, RFC 9106).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hashing {
    /// Hash a new password: [`Answer::Hashed`].
    Hash(Secret),
    /// Is this the password? [`Answer::Verified`]. Without a hash to compare with, the answer is no, after the same time.
    Verify {
        /// What somebody claims to be the password.
        password: Secret,
        /// The hash of the right one, in PHC string format.
        phc: Option<String>,
    },
}

/// Something to be looked up or written. What belongs to a room is answered with [`Refusal::Missing`] when `user` is not in it, as if there were
/// no such room, and with [`Refusal::Ended`] when it was closed or its time is over at `now_ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Are you there? [`Answer::Done`].
    Ping,
    /// Keep a new account: [`Answer::Done`], or [`Refusal::Taken`].
    Register {
        /// The account.
        user: User,
        /// Its pseudo as it is compared; never contains `@`.
        pseudo_key: String,
        /// Its e-mail address as it is compared; always contains `@`.
        email_key: String,
        /// The hash of its password, in PHC string format.
        phc: String,
    },
    /// Whose pseudo or e-mail address is this? [`Answer::Credentials`].
    Credentials {
        /// As it is compared; an e-mail address if there is an `@` in it.
        key: String,
    },
    /// Who is this? [`Answer::User`].
    User {
        /// Who.
        id: Uuid,
        /// The time.
        now_ms: u64,
    },
    /// Make a room: [`Answer::Room`]; [`Refusal::Missing`] if one of the users is, [`Refusal::TooManyRooms`] if one of them may be in no further one.
    Open {
        /// Its id.
        id: Uuid,
        /// Who is in it; different people.
        users: [Uuid; 2],
        /// The time.
        now_ms: u64,
        /// When it ends.
        expires_ms: u64,
    },
    /// The rooms of `user` that have not ended, the newest first: [`Answer::Rooms`].
    Rooms {
        /// Whose.
        user: Uuid,
        /// The time.
        now_ms: u64,
    },
    /// A room: [`Answer::Room`].
    Room {
        /// Which.
        room: Uuid,
        /// Who asks.
        user: Uuid,
        /// The time.
        now_ms: u64,
    },
    /// Call the room something else, on the side of `user`: [`Answer::Room`].
    Rename {
        /// Which.
        room: Uuid,
        /// Who does.
        user: Uuid,
        /// Its new name.
        name: String,
        /// The time.
        now_ms: u64,
    },
    /// End the room; what was said in it is seen by nobody any more, and erased: [`Answer::Room`], as it was.
    Close {
        /// Which.
        room: Uuid,
        /// Who does.
        user: Uuid,
        /// The time.
        now_ms: u64,
    },
    /// End the rooms whose time is over, at most [`crate::limits::EXPIRIES_PER_ASK`] of them, and erase what was said there: [`Answer::Expired`].
    /// Forgets rooms that ended before `forget_ms` altogether.
    Expire {
        /// The time.
        now_ms: u64,
        /// Rooms that ended before this are not even remembered as ended any more.
        forget_ms: u64,
    },
    /// Keep a message: [`Answer::Said`].
    Say {
        /// Its id, greater than those of all messages before.
        id: Uuid,
        /// In which room.
        room: Uuid,
        /// Who says it.
        user: Uuid,
        /// What is said.
        content: String,
        /// The sender's own name for it. A second message with the same one, from the same sender in the same room, is the first again if it
        /// says the same, and otherwise refused with [`Refusal::Reused`].
        cid: Option<String>,
        /// The time.
        now_ms: u64,
    },
    /// The newest messages, the oldest of them first: [`Answer::Messages`].
    Messages {
        /// In which room.
        room: Uuid,
        /// Who asks.
        user: Uuid,
        /// Only those before this one.
        before: Option<Uuid>,
        /// At most so many, and no more of long ones than [`crate::limits::LISTING_BYTES_MAX`] has space for.
        limit: u32,
        /// The time.
        now_ms: u64,
    },
    /// Mark the partner's messages up to this one as read: [`Answer::Read`].
    Read {
        /// In which room.
        room: Uuid,
        /// Who has read.
        user: Uuid,
        /// The last of them; [`Refusal::Missing`] if there is no such message in the room.
        upto: Uuid,
        /// The time.
        now_ms: u64,
    },
    /// Put an emoji to a message in place of the one that `user` put there before, or take that away: [`Answer::Reacted`].
    React {
        /// To which message; [`Refusal::Missing`] if it is in no room of `user`.
        message: Uuid,
        /// Who does.
        user: Uuid,
        /// The emoji; nothing to take it away.
        emoji: Option<String>,
        /// The time.
        now_ms: u64,
    },
}

/// A good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// The hash, in PHC string format.
    Hashed(String),
    /// Whether it is the password.
    Verified(bool),
    /// The account, if there is one, and the hash of its password.
    Credentials(Option<(User, String)>),
    /// The account, if there is one.
    User(Option<KnownUser>),
    /// The room.
    Room(Room),
    /// Somebody's rooms.
    Rooms(Vec<ListedRoom>),
    /// Rooms have ended.
    Expired {
        /// Which, and who was in them.
        rooms: Vec<(Uuid, [Uuid; 2])>,
        /// When the next one ends: at once if not all could be ended now.
        next_ms: Option<u64>,
    },
    /// The message is kept.
    Said {
        /// Its id: that of the first if it was sent again.
        id: Uuid,
        /// When it was sent (the first time).
        sent_ms: u64,
        /// Whether it was sent for the first time.
        is_new: bool,
    },
    /// What was said.
    Messages(Vec<Message>),
    /// Messages are marked.
    Read {
        /// Whether any of them was not before.
        has_changed: bool,
    },
    /// The emoji is there, or gone.
    Reacted {
        /// In which room.
        room: Uuid,
        /// Whether that changed anything.
        has_changed: bool,
    },
}

/// An account and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownUser {
    /// The account.
    pub user: User,
    /// How many of its rooms have not ended.
    pub rooms: u32,
}

/// Why there is no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such thing, or it is none of the asker's business.
    Missing,
    /// The room was closed, or its time is over.
    Ended,
    /// The pseudo or the e-mail address is somebody's already.
    Taken,
    /// Whoever would be on this side of the room is in [`crate::limits::PRIVATE_ROOMS_PER_PERSON_MAX`] rooms already.
    TooManyRooms(Side),
    /// The sender has used that name for another message in this room.
    Reused,
    /// There is no space left to write. Nothing was written.
    StorageFull,
    /// This question failed, and nothing was done; others need not fail.
    Failed,
    /// The store cannot be reached, or has failed altogether. What was asked may have been done or not.
    Unavailable,
    /// Too much is waiting already. Nothing was done.
    Busy,
}
