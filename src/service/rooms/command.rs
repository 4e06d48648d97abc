//! What a client may ask for, parsed from JSON: once parsed, a command is known to be well-formed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::entry::can_be_somebody;
use super::fault::Wrong;
use crate::limits;
use crate::wire::body;
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
    Ok(match &*string("type", kind)?.decode() {
        "text" => {
            let cid = cid(&envelope)?;
            let saying = saying(&envelope, cid);
            Command::Say(saying.map_err(|wrong| Fault::from(wrong).about(cid))?)
        }
        "join_room" => Command::Join {
            room: place(&envelope)?,
            exclusive: flag("exclusive", envelope.exclusive)?.unwrap_or(false),
        },
        "leave_room" => Command::Leave(place(&envelope)?),
        "typing" => Command::Typing {
            to: to(&envelope)?,
            active: flag("active", envelope.active)?.unwrap_or(true),
        },
        _ => return Err(Fault::unknown_type()),
    })
}

/// Parses the body of `POST /api/messages`.
pub(super) fn parse_posting(text: &str) -> Result<Posting<'_>, Wrong> {
    let envelope: Envelope<'_> = fault::object(text)?;
    if let Some(kind) = envelope.kind
        && string("type", kind)?.decode() != "text"
    {
        return Err(Fault::bad_field("type", "The type must be \"text\".").into());
    }
    let saying = saying(&envelope, cid(&envelope)?)?;
    let sender = required("sender", envelope.sender, limits::USERNAME_CHARS_MAX)?;
    let sender_id = required("sender_id", envelope.sender_id, limits::USER_ID_CHARS_MAX)?;
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
    let wanted: Wanted = body::object(text)?;
    Some(wanted.name.trim().to_owned())
}

fn cid<'t>(envelope: &Envelope<'t>) -> Result<Option<&'t str>, Fault<'static>> {
    let cid = envelope.cid.map(|raw| string("cid", raw)).transpose()?;
    fault::cid(cid)
}

fn saying<'t>(envelope: &Envelope<'t>, cid: Option<&'t str>) -> Result<Saying<'t>, Wrong> {
    let text = envelope
        .content
        .ok_or_else(|| Fault::bad_field("content", "The message has no content."))?;
    let text = string("content", text)?;
    if text.is_empty() {
        return Err(Fault::bad_field("content", "The content is empty.").into());
    }
    if text.exceeds(limits::TEXT_CHARS_MAX) {
        return Err(Wrong::TooLong);
    }
    let to = to(envelope)?;
    Ok(Saying { text, to, cid })
}

/// To whom something is: a recipient, if there is one, so that nothing private is ever said to a room.
fn to<'t>(envelope: &Envelope<'t>) -> Result<To<'t>, Fault<'static>> {
    let id = optional("recipient", envelope.recipient, limits::USER_ID_CHARS_MAX)?;
    if let Some(id) = id {
        if !can_be_somebody(&id) {
            let message = "The recipient must be an id that somebody can have.";
            return Err(Fault::bad_field("recipient", message));
        }
        return Ok(To::Person(id));
    }
    let room = optional("room", envelope.room, limits::ROOM_NAME_CHARS_MAX)?;
    room.map(To::Room).ok_or_else(|| {
        let field = if envelope.recipient.is_some() {
            "recipient"
        } else {
            "room"
        };
        Fault::bad_field(field, "The message has neither a room nor a recipient.")
    })
}

/// The room to join or leave, which stands in `content`, as always, or in `room`.
fn place<'t>(envelope: &Envelope<'t>) -> Result<Cow<'t, str>, Fault<'static>> {
    for (field, raw) in [("content", envelope.content), ("room", envelope.room)] {
        if let Some(room) = optional(field, raw, limits::ROOM_NAME_CHARS_MAX)? {
            return Ok(room);
        }
    }
    Err(Fault::bad_field(
        "content",
        "The content must be the id of a room.",
    ))
}

/// A string that is there and not empty.
fn required<'t>(
    field: &'static str,
    raw: Option<&'t RawValue>,
    chars_max: usize,
) -> Result<Cow<'t, str>, Fault<'static>> {
    optional(field, raw, chars_max)?
        .ok_or_else(|| Fault::bad_field(field, format!("The field {field} is required.")))
}

/// A string, unless it is missing or empty.
fn optional<'t>(
    field: &'static str,
    raw: Option<&'t RawValue>,
    chars_max: usize,
) -> Result<Option<Cow<'t, str>>, Fault<'static>> {
    let Some(raw) = raw else {
        return Ok(None);
    };
    let text = string(field, raw)?;
    if text.exceeds(chars_max) {
        let message = format!("The field {field} may have at most {chars_max} characters.");
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
            (r#"["text","hi","general"]"#, ("bad_json", None)),
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
            (
                r#"{"type":"text","content":"a","recipient":""}"#,
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

    #[test]
    fn a_recipient_is_somebody_who_can_be() {
        let say =
            |recipient: &str| format!(r#"{{"content":"a","recipient":"{recipient}","room":"a","#);
        for recipient in [
            "system",
            "SyStem",
            "\u{200d}system",
            " ",
            "\u{200b}",
            "bob\u{202e}",
            r"\u202ebob",
            r"bob\n",
            "bob\u{fffd}",
        ] {
            for kind in ["text", "typing"] {
                let text = format!(r#"{}"type":"{kind}"}}"#, say(recipient));
                let expected = ("bad_field", Some("recipient"));
                assert_eq!(fault(&text), expected, "{recipient:?}");
            }
            let posting = format!(r#"{}"sender":"A","sender_id":"a"}}"#, say(recipient));
            match parse_posting(&posting) {
                Err(Wrong::Malformed(fault)) => assert_eq!(fault.field, Some("recipient")),
                other => panic!("{recipient:?}: {other:?}"),
            }
        }
        for recipient in [
            "bob",
            "system of a town",
            "\u{1f469}\u{200d}\u{1f680}",
            "\u{5d3}",
        ] {
            let text = format!(r#"{}"type":"text"}}"#, say(recipient));
            assert!(parse(&text).is_ok(), "{recipient:?}");
        }
    }

    #[test]
    fn the_spelling_of_a_string_does_not_matter() {
        let text = r#"{"type":"te\u0078t","content":"a","room":"gener\u0061l"}"#;
        match parse(text).expect("good") {
            Command::Say(Saying {
                to: To::Room(room), ..
            }) => assert_eq!(room, "general"),
            other => panic!("{other:?}"),
        }
        let text = r#"{"type":"te\u0078t","content":"a","sender":"A","sender_id":"a","room":"a"}"#;
        assert!(parse_posting(text).is_ok());
        for (unit, count) in [
            ("x", 128),
            ("\u{1f600}", 32),
            (r"\ud83d\ude00", 32),
            (r"\n", 128),
        ] {
            let say = |count| {
                let cid = unit.repeat(count);
                format!(r#"{{"type":"text","content":"a","room":"a","cid":"{cid}"}}"#)
            };
            assert!(parse(&say(count)).is_ok(), "{unit}");
            assert_eq!(fault(&say(count + 1)), ("bad_field", Some("cid")), "{unit}");
        }
    }

    #[test]
    fn every_field_has_a_length_of_its_own() {
        let posting = |sender: usize, sender_id: usize| {
            let (sender, sender_id) = ("s".repeat(sender), "i".repeat(sender_id));
            let text = format!(
                r#"{{"content":"a","room":"a","sender":"{sender}","sender_id":"{sender_id}"}}"#
            );
            match parse_posting(&text) {
                Err(Wrong::Malformed(fault)) => fault.field,
                _ => None,
            }
        };
        assert_eq!(posting(32, 64), None);
        assert_eq!(posting(33, 64), Some("sender"));
        assert_eq!(posting(32, 65), Some("sender_id"));
    }

    #[test]
    fn a_name_is_in_an_object() {
        assert_eq!(parse_name(r#"{"name":" tea "}"#).as_deref(), Some("tea"));
        for text in [r#"["hack"]"#, r#""hack""#, "{}", r#"{"name":1}"#] {
            assert_eq!(parse_name(text), None, "{text}");
        }
    }
}
