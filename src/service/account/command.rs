//! What a client may ask for on a socket in a room, parsed from JSON: once parsed, a command is known to be well-formed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::limits;
use crate::wire::fault::{self, Fault, string};

/// A well-formed command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'t> {
    Say {
        content: Cow<'t, str>,
        cid: Option<Cow<'t, str>>,
    },
    Typing,
    Read(Uuid),
}

/// A fault, and the `cid` that it is about.
pub(super) type About<'t> = (Fault<'static>, Option<Cow<'t, str>>);

/// Everything that a command may bring, as it stands in the text.
#[derive(Deserialize)]
struct Envelope<'t> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'t RawValue>,
    #[serde(borrow)]
    content: Option<&'t RawValue>,
    #[serde(borrow)]
    cid: Option<&'t RawValue>,
    #[serde(borrow)]
    id: Option<&'t RawValue>,
}

/// Parses one message.
pub(super) fn parse(text: &str) -> Result<Command<'_>, About<'_>> {
    let envelope: Envelope<'_> = fault::object(text).map_err(|fault| (fault, None))?;
    let cid = cid(&envelope).map_err(|fault| (fault, None))?;
    let command = (|| {
        let kind = envelope.kind.ok_or_else(Fault::no_type)?;
        Ok(match &*string("type", kind)?.decode() {
            "message" => Command::Say {
                content: content(&envelope)?,
                cid: cid.clone(),
            },
            "typing" => Command::Typing,
            "read" => Command::Read(id(&envelope)?),
            _ => return Err(Fault::unknown_type()),
        })
    })();
    command.map_err(|fault| (fault, cid))
}

fn content<'t>(envelope: &Envelope<'t>) -> Result<Cow<'t, str>, Fault<'static>> {
    let raw = envelope
        .content
        .ok_or_else(|| Fault::bad_field("content", "The message has no content."))?;
    let text = string("content", raw)?;
    if text.is_empty() {
        return Err(Fault::bad_field("content", "The content is empty."));
    }
    if text.exceeds(limits::TEXT_CHARS_MAX) {
        return Err(Fault::too_long());
    }
    storable("content", text.decode())
}

fn cid<'t>(envelope: &Envelope<'t>) -> Result<Option<Cow<'t, str>>, Fault<'static>> {
    let Some(raw) = envelope.cid else {
        return Ok(None);
    };
    let text = string("cid", raw)?;
    let decoded = text.decode();
    if decoded.is_empty() || decoded.len() > limits::CID_BYTES_MAX {
        let max = limits::CID_BYTES_MAX;
        let message = format!("A cid has at least one byte and at most {max}.");
        return Err(Fault::bad_field("cid", message));
    }
    storable("cid", decoded).map(Some)
}

fn id(envelope: &Envelope<'_>) -> Result<Uuid, Fault<'static>> {
    let raw = envelope
        .id
        .ok_or_else(|| Fault::bad_field("id", "The id of a message is missing."))?;
    Uuid::try_parse(&string("id", raw)?.decode())
        .map_err(|_| Fault::bad_field("id", "That is not the id of a message."))
}

/// Text without U+0000, which not every store can keep.
fn storable<'t>(field: &'static str, text: Cow<'t, str>) -> Result<Cow<'t, str>, Fault<'static>> {
    if text.contains('\0') {
        let message = format!("The field {field} has a null character.");
        return Err(Fault::bad_field(field, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (&'static str, Option<&'static str>) {
        let (fault, _) = parse(text).expect_err("must be refused");
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
            (r#"{"type":"message"}"#, ("bad_field", Some("content"))),
            (
                r#"{"type":"message","content":""}"#,
                ("bad_field", Some("content")),
            ),
            (
                r#"{"type":"message","content":"a\u0000"}"#,
                ("bad_field", Some("content")),
            ),
            (
                r#"{"type":"message","content":"\ud800"}"#,
                ("bad_field", Some("content")),
            ),
            (
                r#"{"type":"message","content":"a","cid":""}"#,
                ("bad_field", Some("cid")),
            ),
            (
                r#"{"type":"message","content":"a","cid":7}"#,
                ("bad_field", Some("cid")),
            ),
            (r#"{"type":"read"}"#, ("bad_field", Some("id"))),
            (r#"{"type":"read","id":"x"}"#, ("bad_field", Some("id"))),
        ] {
            assert_eq!(fault(text), expected, "{text}");
        }
        let long = "\u{1f600}".repeat(2_001);
        let say = format!(r#"{{"type":"message","content":"{long}"}}"#);
        assert_eq!(fault(&say), ("too_long", None));
    }

    #[test]
    fn a_fault_is_about_the_cid_that_came_with_it() {
        let (fault, cid) = parse(r#"{"type":"message","cid":"7"}"#).expect_err("no content");
        assert_eq!(fault.code, "bad_field");
        assert_eq!(cid.as_deref(), Some("7"));
    }

    #[test]
    fn commands_are_decoded() {
        let text = r#"{"type":"message","content":"a\nb","cid":"\u0041","x":1}"#;
        let expected = Command::Say {
            content: "a\nb".into(),
            cid: Some("A".into()),
        };
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(parse(r#"{"type":"typing"}"#), Ok(Command::Typing));
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let read = format!(r#"{{"type":"read","id":"{id}"}}"#);
        let expected = Uuid::try_parse(id).expect("an id");
        assert_eq!(parse(&read), Ok(Command::Read(expected)));
    }
}
