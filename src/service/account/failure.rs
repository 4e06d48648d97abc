//! What people are told when a question has no good answer.

use super::command::Fault;
use crate::kernel::ask::Refusal;
use crate::limits;
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

/// As what is said on a socket.
pub(super) fn fault(refusal: Refusal) -> Fault<'static> {
    let with_retry = |code, message, retry_ms| Fault {
        retry_ms: Some(retry_ms),
        ..Fault::new(code, message)
    };
    match refusal {
        Refusal::Missing => Fault::new("not_found", "There is no such message in this room."),
        Refusal::Ended => Fault::new("room_ended", "This room has ended."),
        Refusal::Reused => Fault::bad_field(
            "cid",
            "You have used this cid for another message in this room.",
        ),
        Refusal::StorageFull => with_retry(
            "storage_full",
            "There is no space left to keep that; please try again later.",
            60_000,
        ),
        Refusal::Taken
        | Refusal::TooManyRooms(_)
        | Refusal::Failed
        | Refusal::Unavailable
        | Refusal::Busy => with_retry(
            "unavailable",
            "That cannot be kept now; please try again in a moment.",
            limits::STORE_RETRY_MS,
        ),
    }
}
