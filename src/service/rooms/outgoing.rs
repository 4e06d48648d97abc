//! What the service says, in JSON.

use serde::Serialize;
use uuid::Uuid;

use super::room::RoomId;
use crate::kernel::history::Kept;
use crate::wire::frame::{self, Kind};

/// What makes a message, besides what the server adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft<'a> {
    pub(super) kind: &'static str,
    /// A JSON string.
    pub(super) content: &'a str,
    pub(super) recipient: Option<&'a str>,
    pub(super) room: Option<RoomId>,
    /// The sender's own id for it, a JSON string.
    pub(super) cid: Option<&'a str>,
    /// Whether a private message has reached somebody, in the sender's copy.
    pub(super) delivered: Option<bool>,
    /// Whether somebody types, in a notice of that.
    pub(super) active: Option<bool>,
}

/// What the server adds to a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    pub(super) id: Uuid,
    pub(super) from: Signature<'a>,
    /// The id of the room.
    pub(super) room: Option<&'a str>,
    pub(super) timestamp: &'a str,
}

/// Who says it, as others see them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signature<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
}

/// The server itself.
pub(super) const SYSTEM: Signature<'static> = Signature {
    id: "system",
    name: "System",
};

impl<'a> Draft<'a> {
    pub(super) const fn new(kind: &'static str, content: &'a str) -> Self {
        Self {
            kind,
            content,
            recipient: None,
            room: None,
            cid: None,
            delivered: None,
            active: None,
        }
    }

    /// Replaces `text` by the message.
    pub(super) fn write(&self, envelope: &Envelope<'_>, text: &mut Vec<u8>) {
        let from = envelope.from;
        text.clear();
        let mut id = [0; 36];
        raw(text, r#"{"id":""#);
        raw(text, envelope.id.hyphenated().encode_lower(&mut id));
        raw(text, r#"","type":""#);
        raw(text, self.kind);
        raw(text, r#"","content":"#);
        raw(text, self.content);
        raw(text, r#","sender":"#);
        quote(text, from.name);
        raw(text, r#","sender_id":"#);
        quote(text, from.id);
        for (name, value) in [
            (r#","recipient":"#, self.recipient),
            (r#","room":"#, envelope.room),
        ] {
            if let Some(value) = value {
                raw(text, name);
                quote(text, value);
            }
        }
        raw(text, r#","timestamp":""#);
        raw(text, envelope.timestamp);
        raw(text, "\"");
        if let Some(cid) = self.cid {
            raw(text, r#","cid":"#);
            raw(text, cid);
        }
        for (name, value) in [
            (r#","delivered":"#, self.delivered),
            (r#","active":"#, self.active),
        ] {
            if let Some(value) = value {
                raw(text, name);
                raw(text, if value { "true" } else { "false" });
            }
        }
        raw(text, "}");
    }
}

/// Appends `value` as a JSON string.
pub(super) fn quote(text: &mut Vec<u8>, value: &str) {
    // Writing to a `Vec` cannot fail.
    let _ = serde_json::to_writer(text, value);
}

fn raw(text: &mut Vec<u8>, piece: &str) {
    text.extend_from_slice(piece.as_bytes());
}

/// The frame that brings `text`, made once for however many hear it.
pub(super) fn framed(text: &[u8]) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(frame::OWN_HEADER_BYTES_MAX + text.len());
    frame::write(&mut bytes, Kind::Text, text);
    bytes.into_boxed_slice()
}

/// A message to be kept, as the frame that brings it.
pub(super) fn kept(id: Uuid, text: &[u8]) -> Kept {
    let frame = framed(text);
    Kept {
        id,
        start: (frame.len() - text.len()) as u8,
        frame,
    }
}

/// The events that are rare enough to be serialized in the ordinary way.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Event<'a> {
    Session {
        user_id: &'a str,
        token: &'a str,
    },
    #[serde(rename_all = "camelCase")]
    Draining {
        retry_ms: u64,
    },
}

fn event(lane: &mut Vec<u8>, event: &Event<'_>) {
    // None of the events has a value that cannot be serialized.
    let text = serde_json::to_vec(event).unwrap_or_default();
    frame::write(lane, Kind::Text, &text);
}

/// This is who you are, and how you prove it.
pub(super) fn session(lane: &mut Vec<u8>, user_id: &str, token: &str) {
    event(lane, &Event::Session { user_id, token });
}

/// The server is going away; come back after so many milliseconds.
pub(super) fn draining(lane: &mut Vec<u8>, retry_ms: u64) {
    event(lane, &Event::Draining { retry_ms });
}
