//! Why something was not done, in the words of a socket and as the refusal of a request.

use crate::kernel::stats::Refused;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::response::{Response, Status};

/// An answer to a request: the response, or the refusal and what it is counted as.
pub(super) type Answer = Result<Response, (Response, Refused)>;

/// Why something was not done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is not what it should look like.
    Malformed(Fault<'static>),
    TooLong,
    /// Too much, too soon: in how many microseconds there is time for more.
    TooFast(u64),
    NotMember,
    NoRoom,
    /// The person is in as many as they may be in.
    InTooManyRooms,
    /// There are as many as there may be, and somebody in each.
    TooManyRooms,
    MailboxFull,
}

impl From<Fault<'static>> for Wrong {
    fn from(fault: Fault<'static>) -> Self {
        Self::Malformed(fault)
    }
}

/// The same as a socket is told.
impl From<Wrong> for Fault<'_> {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Malformed(fault) => fault,
            Wrong::TooLong => Self::too_long(),
            Wrong::TooFast(retry_us) => Self::too_fast(retry_us),
            Wrong::NotMember => Self::new("not_member", "You are not in that room."),
            Wrong::NoRoom => Self::new("room_not_found", "There is no such room."),
            Wrong::InTooManyRooms => {
                let max = limits::ROOMS_PER_PERSON_MAX;
                Self::new(
                    "too_many_rooms",
                    format!("You may be in at most {max} rooms."),
                )
            }
            Wrong::TooManyRooms => Self::new("too_many_rooms", "There are too many rooms already."),
            Wrong::MailboxFull => {
                let message = "No more messages can be kept for people who have not been here yet.";
                Self::new("mailbox_full", message)
            }
        }
    }
}

impl Wrong {
    /// The same as the refusal of a request.
    pub(super) fn refusal(self) -> (Response, Refused) {
        let (status, cause, retry_ms) = match &self {
            Self::NoRoom => return not_found("Room not found"),
            Self::Malformed(_) | Self::NotMember | Self::InTooManyRooms => {
                (Status::BAD_REQUEST, Refused::BadRequest, None)
            }
            Self::TooLong => (Status::BODY_TOO_LARGE, Refused::BodyTooLarge, None),
            Self::TooFast(retry_us) => {
                let retry_ms = retry_us.div_ceil(1_000);
                (
                    Status::TOO_MANY_REQUESTS,
                    Refused::CommandRate,
                    Some(retry_ms),
                )
            }
            Self::TooManyRooms => {
                let retry_ms = limits::ROOM_EMPTY_MS;
                (Status::UNAVAILABLE, Refused::RoomsFull, Some(retry_ms))
            }
            Self::MailboxFull => {
                let retry_ms = limits::MAILBOX_RETRY_MS;
                (Status::UNAVAILABLE, Refused::MailboxFull, Some(retry_ms))
            }
        };
        let response = Response::error(status, &Fault::from(self).message);
        match retry_ms {
            Some(retry_ms) => (response.with_retry_after_ms(retry_ms), cause),
            None => (response, cause),
        }
    }
}

/// The refusal of a request for what is not there.
pub(super) fn not_found(message: &str) -> (Response, Refused) {
    (
        Response::error(Status::NOT_FOUND, message),
        Refused::NotFound,
    )
}

/// The refusal of a request that makes no sense.
pub(super) fn bad_request(message: &str) -> (Response, Refused) {
    (
        Response::error(Status::BAD_REQUEST, message),
        Refused::BadRequest,
    )
}
