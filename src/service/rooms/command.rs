//! What a client may ask for, parsed from JSON: once parsed, a command is known to be well-formed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::limits;
use crate::wire::fault::{self, Fault, flag, string};
use crate::wire::json::RawText;

/// A well-formed command.
#[derive(Debug)]
pub(super) enum Command<'t> {
    Say(Saying<'t>),
    Join {
        room: Cow<'t, str>,
        /// Whether to leave every other room.
        exclusive: bool,
    },
    Leave(Cow<'t, str>),
    Typing {
        to: To<'t>,
        active: bool,
    },
}

/// Something to be said.
#[derive(Debug)]
pub(super) struct Saying<'t> {
    pub(super) text: RawText<'t>,
    pub(super) to: To<'t>,
    /// The client's own id for it, as it stood there, with quotes.
    pub(super) cid: Option<&'t str>,
}

/// To whom.
#[derive(Debug)]
pub(super) enum To<'t> {
    Room(Cow<'t, str>),
    Person(Cow<'t, str>),
}

/// Everything that a command may bring, as it stands in the text.
#[derive(Deserialize)]
struct Envelope<'t> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'t RawValue>,
    #[serde(borrow)]
    content: Option<&'t RawValue>,
    #[serde(borrow)]
    room: Option<&'t RawValue>,
    #[serde(borrow)]
    recipient: Option<&'t RawValue>,
    #[serde(borrow)]
    cid: Option<&'t RawValue>,
    #[serde(borrow)]
    exclusive: Option<&'t RawValue>,
    #[serde(borrow)]
    active: Option<&'t RawValue>,
    #[serde(borrow)]
    sender: Option<&'t RawValue>,
    #[serde(borrow)]
    sender_id: Option<&'t RawValue>,
}

/// What comes by `POST /api/messages`.
#[derive(Debug)]
pub(super) struct Posting<'t> {
    pub(super) saying: Saying<'t>,
    pub(super) sender: Cow<'t, str>,
    pub(super) sender_id: Cow<'t, str>,
}

/// Parses one message from a socket.
pub(super) fn parse(text: &str) -> Result<Command<'_>, Fault<'_>> {
    let envelope: Envelope<'_> = fault::object(text)?;
    let kind = envelope.kind.ok_or_else(Fault::no_type)?;
    Ok(match string("type", kind)?.raw() {
        "\"text\"" => Command::Say(saying(&envelope)?),
        "\"join_room\"" => Command::Join {
            room: place(&envelope)?,
            exclusive: flag("exclusive", envelope.exclusive)?.unwrap_or(false),
        },
        "\"leave_room\"" => Command::Leave(place(&envelope)?),
        "\"typing\"" => Command::Typing {
            to: to(&envelope)?,
            active: flag("active", envelope.active)?.unwrap_or(true),
        },
        _ => return Err(Fault::unknown_type()),
    })
}

/// Parses the body of `POST /api/messages`.
pub(super) fn parse_posting(text: &str) -> Result<Posting<'_>, Fault<'_>> {
    let envelope: Envelope<'_> = fault::object(text)?;
    if envelope.kind.is_some_and(|kind| kind.get() != "\"text\"") {
        return Err(Fault::bad_field("type", "The type must be \"text\"."));
    }
    let saying = saying(&envelope)?;
    let sender = required("sender", envelope.sender)?;
    let sender_id = required("sender_id", envelope.sender_id)?;
    Ok(Posting {
        saying,
        sender,
        sender_id,
    })
}

/// Parses the body of `POST /api/rooms`: the name of the room to be, if there is one.
pub(super) fn parse_name(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Wanted {
        name: String,
    }
    let wanted: Wanted = serde_json::from_str(text).ok()?;
    Some(wanted.name.trim().to_owned())
}

/// A room that there is not.
pub(super) fn no_room<'t>() -> Fault<'t> {
    Fault::new("room_not_found", "There is no such room.")
}

fn saying<'t>(envelope: &Envelope<'t>) -> Result<Saying<'t>, Fault<'t>> {
    let cid = envelope.cid.map(|raw| string("cid", raw)).transpose()?;
    let cid = fault::cid(cid)?;
    let said = || {
        let text = envelope
            .content
            .ok_or_else(|| Fault::bad_field("content", "The message has no content."))?;
        let text = string("content", text)?;
        if text.is_empty() {
            return Err(Fault::bad_field("content", "The content is empty."));
        }
        if text.exceeds(limits::TEXT_CHARS_MAX) {
            return Err(Fault::too_long());
        }
        let to = to(envelope)?;
        Ok(Saying { text, to, cid })
    };
    said().map_err(|fault: Fault<'_>| fault.about(cid))
}

/// To whom something is: a recipient, if there is one, so that nothing private is ever said to a room.
fn to<'t>(envelope: &Envelope<'t>) -> Result<To<'t>, Fault<'t>> {
    if let Some(id) = optional("recipient", envelope.recipient)? {
        return Ok(To::Person(id));
    }
    let room = optional("room", envelope.room)?;
    room.map(To::Room)
        .ok_or_else(|| Fault::bad_field("room", "The message has neither a room nor a recipient."))
}

/// The room to join or leave, which stands in `content`, as always, or in `room`.
fn place<'t>(envelope: &Envelope<'t>) -> Result<Cow<'t, str>, Fault<'t>> {
    match optional("content", envelope.content)? {
        Some(room) => Ok(room),
        None => optional("room", envelope.room)?
            .ok_or_else(|| Fault::bad_field("content", "The content must be the id of a room.")),
    }
}

/// A string that is there and not empty.
fn required<'t>(field: &'static str, raw: Option<&'t RawValue>) -> Result<Cow<'t, str>, Fault<'t>> {
    optional(field, raw)?
        .ok_or_else(|| Fault::bad_field(field, format!("The field {field} is required.")))
}

/// A string, unless it is missing or empty.
fn optional<'t>(
    field: &'static str,
    raw: Option<&'t RawValue>,
) -> Result<Option<Cow<'t, str>>, Fault<'t>> {
    let Some(raw) = raw else {
        return Ok(None);
    };
    let text = string(field, raw)?;
    // No id or name is longer than this.
    if text.exceeds(limits::ROOM_NAME_CHARS_MAX) {
        let max = limits::ROOM_NAME_CHARS_MAX;
        let message = format!("The field {field} may have at most {max} characters.");
        return Err(Fault::bad_field(field, message));
    }
    Ok((!text.is_empty()).then(|| text.decode()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (&'static str, Option<&'static str>) {
        let fault = parse(text).expect_err("must be refused");
        (fault.code, fault.field)
    }

    #[test]
    fn faults_say_what_is_wrong() {
        for (text, expected) in [
            ("", ("bad_json", None)),
            ("[]", ("bad_json", None)),
            ("{}", ("bad_field", Some("type"))),
            (r#"{"type":1}"#, ("bad_field", Some("type"))),
            (r#"{"type":"dance"}"#, ("unknown_type", None)),
            (r#"{"type":"text"}"#, ("bad_field", Some("content"))),
            (
                r#"{"type":"text","content":"a"}"#,
                ("bad_field", Some("room")),
            ),
            (
                r#"{"type":"text","content":"","room":"general"}"#,
                ("bad_field", Some("content")),
            ),
            (
                r#"{"type":"text","content":"a","room":1}"#,
                ("bad_field", Some("room")),
            ),
            (
                r#"{"type":"text","content":"\ud800","room":"a"}"#,
                ("bad_field", Some("content")),
            ),
            (
                r#"{"type":"text","content":"a","recipient":[]}"#,
                ("bad_field", Some("recipient")),
            ),
            (r#"{"type":"join_room"}"#, ("bad_field", Some("content"))),
            (
                r#"{"type":"join_room","content":"a","exclusive":"yes"}"#,
                ("bad_field", Some("exclusive")),
            ),
            (
                r#"{"type":"leave_room","content":7}"#,
                ("bad_field", Some("content")),
            ),
            (r#"{"type":"typing"}"#, ("bad_field", Some("room"))),
        ] {
            assert_eq!(fault(text), expected, "{text}");
        }
        let long = "x".repeat(65);
        let join = format!(r#"{{"type":"join_room","content":"{long}"}}"#);
        assert_eq!(fault(&join), ("bad_field", Some("content")));
        let long = "\u{1f600}".repeat(2_001);
        let say = format!(r#"{{"type":"text","content":"{long}","room":"a"}}"#);
        assert_eq!(fault(&say), ("too_long", None));
    }

    #[test]
    fn a_recipient_wins_over_a_room() {
        let text = r#"{"type":"text","content":"psst","room":"general","recipient":"bob"}"#;
        match parse(text).expect("good") {
            Command::Say(Saying {
                to: To::Person(bob),
                ..
            }) => assert_eq!(bob, "bob"),
            other => panic!("{other:?}"),
        }
        let text = r#"{"type":"text","content":"hi","room":"general","recipient":""}"#;
        assert!(matches!(
            parse(text),
            Ok(Command::Say(Saying {
                to: To::Room(_),
                ..
            }))
        ));
    }
}
