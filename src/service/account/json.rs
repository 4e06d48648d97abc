//! Rooms, messages and people as requests are answered with them.

use serde::Serialize;
use uuid::Uuid;

use crate::kernel::record::{ListedRoom, Message, Room, Side, User};
use crate::kernel::time;
use crate::limits;
use crate::wire::response::{Response, Status};

/// What stands for a name that nobody has given, or that is none of the reader's business.
const STRANGER: &str = "Stranger";

#[derive(Serialize)]
struct ShownUser<'a> {
    id: Uuid,
    pseudo: &'a str,
    email: &'a str,
    country: &'a str,
    created_at: String,
}

#[derive(Serialize)]
struct SignedIn<'a> {
    token: &'a str,
    user: ShownUser<'a>,
}

#[derive(Serialize)]
struct ShownRoom<'a> {
    id: Uuid,
    country_a: &'a str,
    country_b: &'a str,
    user_a_room_name: &'a str,
    user_b_room_name: &'a str,
    created_at: String,
    expires_at: String,
    is_active: bool,
    my_side: &'static str,
}

#[derive(Serialize)]
struct ShownListedRoom<'a> {
    #[serde(flatten)]
    room: ShownRoom<'a>,
    unread: u32,
    last_message_at: Option<String>,
}

#[derive(Serialize)]
struct ShownReaction<'a> {
    user_id: Uuid,
    emoji: &'a str,
}

#[derive(Serialize)]
struct ShownMessage<'a> {
    id: Uuid,
    sender_id: Uuid,
    content: &'a str,
    is_read: bool,
    sent_at: String,
    reactions: Vec<ShownReaction<'a>>,
}

/// Somebody has signed in.
pub(super) fn signed_in(status: Status, token: &str, user: &User) -> Response {
    let user = ShownUser {
        id: user.id,
        pseudo: &user.pseudo,
        email: &user.email,
        country: &user.country,
        created_at: shown_time(user.created_ms),
    };
    respond(status, &SignedIn { token, user })
}

/// A room, as it is shown to somebody in it.
pub(super) fn room(room: &Room, side: Side) -> Response {
    respond(Status::OK, &shown_room(room, side))
}

/// The rooms of `user`, as far as a response has space.
pub(super) fn rooms(rooms: &[ListedRoom], user: Uuid) -> Response {
    let mut list = Vec::new();
    let mut bytes = 0;
    for listed in rooms {
        let Some(side) = listed.room.side(user) else {
            continue;
        };
        let shown = ShownListedRoom {
            room: shown_room(&listed.room, side),
            unread: listed.unread,
            last_message_at: listed.last_ms.map(shown_time),
        };
        let text = serde_json::to_vec(&shown).unwrap_or_default();
        bytes += text.len() + 1;
        if bytes > limits::LISTING_BYTES_MAX {
            break;
        }
        list.push(text);
    }
    array(&list)
}

/// Messages, the oldest first; of more than a response has space for, the newest.
pub(super) fn messages(messages: &[Message]) -> Response {
    let mut list = Vec::new();
    let mut bytes = 0;
    for message in messages.iter().rev() {
        let reactions = message.reactions.iter();
        let shown = ShownMessage {
            id: message.id,
            sender_id: message.sender,
            content: &message.content,
            is_read: message.is_read,
            sent_at: shown_time(message.sent_ms),
            reactions: reactions
                .map(|reaction| ShownReaction {
                    user_id: reaction.user,
                    emoji: &reaction.emoji,
                })
                .collect(),
        };
        let text = serde_json::to_vec(&shown).unwrap_or_default();
        bytes += text.len() + 1;
        if bytes > limits::LISTING_BYTES_MAX {
            break;
        }
        list.push(text);
    }
    list.reverse();
    array(&list)
}

/// A word that something was done.
pub(super) fn done(status: Status, message: &str) -> Response {
    respond(status, &serde_json::json!({ "message": message }))
}

/// A room was opened.
pub(super) fn room_opened(id: Uuid) -> Response {
    respond(Status::CREATED, &serde_json::json!({ "room_id": id }))
}

fn shown_room(room: &Room, side: Side) -> ShownRoom<'_> {
    let name = |of: Side| match &room.names[of.index()] {
        Some(name) if of == side => name.as_str(),
        _ => STRANGER,
    };
    ShownRoom {
        id: room.id,
        country_a: &room.countries[0],
        country_b: &room.countries[1],
        user_a_room_name: name(Side::A),
        user_b_room_name: name(Side::B),
        created_at: shown_time(room.created_ms),
        expires_at: shown_time(room.expires_ms),
        is_active: true,
        my_side: match side {
            Side::A => "a",
            Side::B => "b",
        },
    }
}

fn shown_time(unix_ms: u64) -> String {
    let mut text = String::new();
    time::write_rfc3339(&mut text, unix_ms);
    text
}

fn array(items: &[Vec<u8>]) -> Response {
    let mut text = Vec::from(b"[");
    text.extend_from_slice(&items.join(&b','));
    text.push(b']');
    Response::json(Status::OK, text)
}

fn respond(status: Status, value: &impl Serialize) -> Response {
    // None of these can fail to be serialized.
    Response::json(status, serde_json::to_vec(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn body(response: &Response) -> Value {
        serde_json::from_slice(response.body()).expect("JSON")
    }

    #[test]
    fn the_partner_s_name_for_a_room_is_never_shown() {
        let users = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let of = Room {
            id: Uuid::from_u128(3),
            users,
            countries: ["DE".to_owned(), "FR".to_owned()],
            names: [Some("the funny one".to_owned()), Some("boring".to_owned())],
            created_ms: 0,
            expires_ms: 86_400_000,
        };
        for (side, mine, own, theirs) in [
            (Side::A, "a", "user_a_room_name", "user_b_room_name"),
            (Side::B, "b", "user_b_room_name", "user_a_room_name"),
        ] {
            let shown = body(&room(&of, side));
            assert_eq!(shown["my_side"], mine);
            assert_eq!(shown[own], *of.names[side.index()].as_ref().expect("named"));
            assert_eq!(shown[theirs], "Stranger");
            assert_eq!(shown["expires_at"], "1970-01-02T00:00:00.000Z");
        }
    }

    #[test]
    fn a_page_keeps_the_newest_messages_that_fit() {
        let message = |number: u128| Message {
            id: Uuid::from_u128(number),
            sender: Uuid::nil(),
            content: "x".repeat(2_000),
            is_read: false,
            sent_ms: 0,
            reactions: Vec::new(),
        };
        let all: Vec<Message> = (1..=200).map(message).collect();
        let response = messages(&all);
        assert!(response.body().len() <= limits::LISTING_BYTES_MAX + 2);
        let shown = body(&response);
        let shown = shown.as_array().expect("a list");
        assert!(shown.len() > 50 && shown.len() < 200);
        assert_eq!(shown[shown.len() - 1]["id"], all[199].id.to_string());
        assert_eq!(body(&messages(&[])), Value::Array(Vec::new()));
    }
}
