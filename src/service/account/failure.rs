//! What people are told when a question has no good answer.

use crate::kernel::ask::Refusal;
use crate::kernel::stats::Refused;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::response::{Response, Status};

/// As the answer to a request.
pub(super) fn response(refusal: Refusal) -> Response {
    let (status, message) = match refusal {
        Refusal::Missing => (Status::NOT_FOUND, "room not found"),
        Refusal::Ended => (Status::GONE, "this room has ended"),
        Refusal::Taken => (Status::CONFLICT, "pseudo or email already taken"),
        Refusal::TooManyRooms(_) => (Status::CONFLICT, "too many rooms"),
        Refusal::Reused => (Status::CONFLICT, "this cid is another message's"),
        Refusal::StorageFull => (Status::STORAGE_FULL, "storage full"),
        Refusal::Failed => (Status::UNAVAILABLE, "that cannot be done now"),
        Refusal::Unavailable => (Status::UNAVAILABLE, "the store is not available"),
        Refusal::Busy => (Status::UNAVAILABLE, "too much to do"),
    };
    let response = Response::error(status, message);
    match refusal {
        Refusal::Failed | Refusal::Unavailable | Refusal::Busy => {
            response.with_retry_after_ms(limits::STORE_RETRY_MS)
        }
        Refusal::StorageFull => response.with_retry_after_ms(60_000),
        _ => response,
    }
}

/// What an answer is counted as, if it is a refusal.
pub(super) const fn cause(response: &Response) -> Option<Refused> {
    match response.status().code() {
        400 | 415 => Some(Refused::BadRequest),
        401 => Some(Refused::Token),
        404 | 410 => Some(Refused::NotFound),
        409 => Some(Refused::Conflict),
        413 => Some(Refused::BodyTooLarge),
        429 => Some(Refused::CommandRate),
        503 | 507 => Some(Refused::Store),
        _ => None,
    }
}

/// As what is said on a socket.
pub(super) fn fault(refusal: Refusal) -> Fault<'static> {
    match refusal {
        Refusal::Missing => Fault::new("not_found", "There is no such message in this room."),
        Refusal::Ended => Fault::new("room_ended", "This room has ended."),
        Refusal::Reused => Fault::bad_field(
            "cid",
            "You have used this cid for another message in this room.",
        ),
        Refusal::StorageFull => Fault::store(
            "storage_full",
            "There is no space left to keep that; please try again later.",
            Some(60_000),
        ),
        Refusal::Taken
        | Refusal::TooManyRooms(_)
        | Refusal::Failed
        | Refusal::Unavailable
        | Refusal::Busy => Fault::store(
            "unavailable",
            "That cannot be kept now; please try again in a moment.",
            Some(limits::STORE_RETRY_MS),
        ),
    }
}
