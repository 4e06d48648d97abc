//! What the service says on its sockets, in JSON.

use serde::Serialize;
use uuid::Uuid;

use crate::wire::frame::{self, Kind};

/// Everything that is said.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    /// The partner says this.
    Message {
        id: Uuid,
        content: &'a str,
        sent_at: &'a str,
    },
    /// Your message is kept.
    MessageAck {
        id: Uuid,
        sent_at: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cid: Option<&'a str>,
    },
    /// You said this somewhere else.
    MessageSent {
        id: Uuid,
        content: &'a str,
        sent_at: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cid: Option<&'a str>,
    },
    /// The partner types.
    Typing,
    /// The partner has read up to this message.
    Read { id: Uuid },
    /// You have read up to this message somewhere else.
    RoomRead { room_id: Uuid, id: Uuid },
    /// Somebody put an emoji to a message, or took it away.
    Reaction {
        message_id: Uuid,
        user_id: Uuid,
        action: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        emoji: Option<&'a str>,
    },
    /// The partner said something in a room where you are not. The id is the sender's.
    NewMessage {
        room_id: Uuid,
        id: Uuid,
        message_id: Uuid,
    },
    /// A room has ended.
    RoomClosed { room_id: Uuid },
    /// You were matched.
    Matched { room_id: Uuid },
    /// So many people are here.
    OnlineCount { count: usize },
    /// The server is going away; come back after so many milliseconds.
    Draining {
        #[serde(rename = "retryMs")]
        retry_ms: u64,
    },
}

/// Says it.
pub(super) fn say(lane: &mut Vec<u8>, event: &Event<'_>) {
    // None of the events has a value that cannot be serialized.
    let text = serde_json::to_vec(event).unwrap_or_default();
    frame::write(lane, Kind::Text, &text);
}

/// The frame that says it, for more than one.
pub(super) fn framed(event: &Event<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    say(&mut frame, event);
    frame
}
