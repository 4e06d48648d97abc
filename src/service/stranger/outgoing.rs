//! What the service says, in either format, appended to the listener's output lane.

use serde::Serialize;
use uuid::Uuid;

use super::client::Format;
use super::command::CallState;
use super::plain;
use crate::kernel::lobby::Mode;
use crate::kernel::time::STAMP_BYTES;
use crate::wire::fault::{self, Fault};
use crate::wire::frame::{self, Kind};
use crate::wire::id;

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The partner went on to somebody else.
    Next,
    /// The partner stopped.
    Stop,
    /// The partner's connection ended.
    Disconnected,
    /// The partner's connection went silent.
    Timeout,
}

impl Left {
    const fn label(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Stop => "stop",
            Self::Disconnected => "disconnected",
            Self::Timeout => "timeout",
        }
    }
}

/// Appends a text frame made of `pieces`.
#[inline]
pub(super) fn write(lane: &mut Vec<u8>, pieces: &[&[u8]]) {
    frame::write_pieces(lane, Kind::Text, pieces);
}

fn line(lane: &mut Vec<u8>, line: &str) {
    frame::write(lane, Kind::Text, line.as_bytes());
}

/// The events that are rare enough to be serialized in the ordinary way.
#[derive(Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
enum Event<'a> {
    CallState {
        state: CallState,
        pair_id: Uuid,
    },
    Stats {
        #[serde(flatten)]
        counts: Counts,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        relay_only: bool,
    },
    IceKey {
        ice_key: &'a str,
    },
    Draining {
        retry_ms: u64,
    },
    RoomCreated {
        room_id: Uuid,
    },
}

fn event(lane: &mut Vec<u8>, event: &Event<'_>) {
    // None of the events has a value that cannot be serialized.
    let text = serde_json::to_vec(event).unwrap_or_default();
    frame::write(lane, Kind::Text, &text);
}

/// You are waiting.
pub(super) fn searching(format: Format, lane: &mut Vec<u8>) {
    match format {
        Format::Json => line(lane, r#"{"type":"searching"}"#),
        Format::Text => line(lane, plain::WAITING),
    }
}

/// A conversation that begins, as one of the two is told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meeting<'a> {
    pub(super) pair: Uuid,
    pub(super) mode: Mode,
    pub(super) interests: &'a [&'a str],
    pub(super) initiator: bool,
    /// For a video conversation: the key for `GET /api/ice`, and whether calls go only through a relay.
    pub(super) ice: Option<(&'a str, bool)>,
}

/// You have a partner.
pub(super) fn joined(format: Format, lane: &mut Vec<u8>, meeting: Meeting<'_>) {
    if format == Format::Text {
        return line(lane, plain::PAIRED);
    }
    let pair = id::text(meeting.pair);
    let mut listed = Vec::new();
    if !meeting.interests.is_empty() {
        // Writing to a `Vec` cannot fail.
        let _ = serde_json::to_writer(&mut listed, meeting.interests);
    }
    let (before_key, key, after_key): (&[u8], _, &[u8]) = match meeting.ice {
        Some((key, false)) => (br#","iceKey":""#, key, br#""}"#),
        Some((key, true)) => (br#","iceKey":""#, key, br#"","relayOnly":true}"#),
        None => (b"", "", b"}"),
    };
    write(
        lane,
        &[
            br#"{"type":"strangerJoined","pairId":""#,
            &pair,
            br#"","mode":""#,
            meeting.mode.label().as_bytes(),
            br#"","interests":"#,
            if listed.is_empty() { b"[]" } else { &listed },
            if meeting.initiator {
                br#","initiator":true"#
            } else {
                br#","initiator":false"#
            },
            before_key,
            key.as_bytes(),
            after_key,
        ],
    );
}

/// Your partner has gone.
pub(super) fn left(format: Format, lane: &mut Vec<u8>, pair: Uuid, left: Left) {
    match format {
        Format::Text => line(lane, plain::PARTED),
        Format::Json => {
            let pair = id::text(pair);
            write(
                lane,
                &[
                    br#"{"type":"strangerLeft","pairId":""#,
                    &pair,
                    br#"","reason":""#,
                    left.label().as_bytes(),
                    br#""}"#,
                ],
            );
        }
    }
}

/// What a relayed message is said with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamped<'a> {
    pub(super) sender: Uuid,
    pub(super) pair: Uuid,
    pub(super) id: Uuid,
    pub(super) timestamp: &'a [u8; STAMP_BYTES],
}

/// Your partner says this; `text` is a JSON string. What follows that is always as long: it goes out in one piece.
#[inline]
pub(super) fn message(lane: &mut Vec<u8>, text: &str, stamped: Stamped<'_>) {
    let mut end = *br#","userId":"00000000-0000-0000-0000-000000000000","pairId":"00000000-0000-0000-0000-000000000000","timestamp":"0000-00-00T00:00:00.000Z","id":"00000000-0000-0000-0000-000000000000"}"#;
    end[11..47].copy_from_slice(&id::text(stamped.sender));
    end[59..95].copy_from_slice(&id::text(stamped.pair));
    end[110..134].copy_from_slice(stamped.timestamp);
    end[142..178].copy_from_slice(&id::text(stamped.id));
    let start = br#"{"type":"message","text":"#;
    write(lane, &[start, text.as_bytes(), &end]);
}

/// Your partner says this, at a terminal.
pub(super) fn message_line(lane: &mut Vec<u8>, text: &str) {
    line(lane, &plain::sanitize(text));
}

/// Your message went out; `cid` is a JSON string.
pub(super) fn sent(lane: &mut Vec<u8>, cid: &str, id: Uuid, timestamp: &[u8; STAMP_BYTES]) {
    write(
        lane,
        &[
            br#"{"type":"sent","cid":"#,
            cid.as_bytes(),
            br#","id":""#,
            &id::text(id),
            br#"","timestamp":""#,
            timestamp,
            br#""}"#,
        ],
    );
}

/// Your partner types, or does not any more.
pub(super) fn typing(lane: &mut Vec<u8>, pair: Uuid, active: bool) {
    let mut text = [0; 36];
    write(
        lane,
        &[
            br#"{"type":"typing","pairId":""#,
            pair.hyphenated().encode_lower(&mut text).as_bytes(),
            if active {
                br#"","active":true}"#
            } else {
                br#"","active":false}"#
            },
        ],
    );
}

/// Your partner's browser says this to yours; `body` is any JSON value, passed on as it stood.
pub(super) fn signal(lane: &mut Vec<u8>, labels: (&str, &str), body: &str, pair: Uuid) {
    let (kind, field) = labels;
    write(
        lane,
        &[
            br#"{"type":""#,
            kind.as_bytes(),
            br#"",""#,
            field.as_bytes(),
            br#"":"#,
            body.as_bytes(),
            br#","pairId":""#,
            &id::text(pair),
            br#""}"#,
        ],
    );
}

/// Your partner's side of the call is like this.
pub(super) fn call_state(lane: &mut Vec<u8>, state: CallState, pair_id: Uuid) {
    event(lane, &Event::CallState { state, pair_id });
}

/// Your next key for `GET /api/ice`.
pub(super) fn ice_key(lane: &mut Vec<u8>, ice_key: &str) {
    event(lane, &Event::IceKey { ice_key });
}

/// How many people there are.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Counts {
    pub(super) online: usize,
    pub(super) searching: usize,
    pub(super) pairs: usize,
}

/// This many people are here; `relay_only` is how calls go.
pub(super) fn stats(lane: &mut Vec<u8>, counts: Counts, relay_only: bool) {
    event(lane, &Event::Stats { counts, relay_only });
}

/// That was not done, and why.
pub(super) fn error(format: Format, lane: &mut Vec<u8>, fault: &Fault<'_>) {
    if format == Format::Text {
        return line(lane, &format!("{}{}", plain::ERROR_PREFIX, fault.message));
    }
    fault::say(lane, fault);
}

/// The server is going away; come back after so many milliseconds.
pub(super) fn draining(format: Format, lane: &mut Vec<u8>, retry_ms: u64) {
    match format {
        Format::Text => line(lane, plain::DRAINING),
        Format::Json => event(lane, &Event::Draining { retry_ms }),
    }
}

/// There is a private room for you and your partner.
pub(super) fn room_created(lane: &mut Vec<u8>, room_id: Uuid) {
    event(lane, &Event::RoomCreated { room_id });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_json_with_what_belongs_to_it() {
        let said = |fault: Fault<'_>| {
            let mut lane = Vec::new();
            error(Format::Json, &mut lane, &fault);
            let start = lane
                .iter()
                .position(|byte| *byte == b'{')
                .expect("an object");
            serde_json::from_slice::<serde_json::Value>(&lane[start..]).expect("JSON")
        };
        assert_eq!(
            said(Fault::new("bad_state", "There is nobody.")),
            serde_json::json!({ "type": "error", "code": "bad_state", "message": "There is nobody." })
        );
        let quoted =
            said(Fault::bad_field("mode", "The mode is \"text\".").about(Some(r#""\u0041""#)));
        assert_eq!(quoted["message"], "The mode is \"text\".");
        assert_eq!(
            (&quoted["field"], &quoted["cid"]),
            (&"mode".into(), &"A".into())
        );
        for ms in [0, 9, 10, u64::MAX / 1_000] {
            assert_eq!(said(Fault::too_fast(ms * 1_000))["retryMs"], ms);
        }
    }
}
