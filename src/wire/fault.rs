//! Why a command was not carried out, in the words that all services share, and the first checks of a command and its fields.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::frame::{self, Kind};
use super::json::{self, RawText};
use crate::kernel::stats::Refused;
use crate::limits;

/// Why a command was not carried out. The connection, and whatever goes on there, go on.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault<'t> {
    /// What it is called for programs.
    pub code: &'static str,
    /// What it is for people: a sentence.
    pub message: Cow<'static, str>,
    /// The field that is wrong.
    pub field: Option<&'static str>,
    /// After how many milliseconds it may work.
    pub retry_ms: Option<u64>,
    /// The client's own id for the command, as it stood there, with quotes.
    pub cid: Option<&'t str>,
    /// What it is counted as.
    pub cause: Refused,
}

impl<'t> Fault<'t> {
    /// Something that the client should not have asked for.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            retry_ms: None,
            cid: None,
            cause: Refused::BadCommand,
        }
    }

    /// A field that is missing or wrong.
    pub fn bad_field(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field),
            ..Self::new("bad_field", message)
        }
    }

    /// A command without a type.
    pub fn no_type() -> Self {
        Self::bad_field("type", "The message has no type.")
    }

    /// A type that there is not.
    pub fn unknown_type() -> Self {
        Self::new("unknown_type", "There is no such type of message.")
    }

    /// More than the client's budget has.
    pub fn too_fast(retry_us: u64) -> Self {
        Self {
            retry_ms: Some(retry_us.div_ceil(1_000)),
            cause: Refused::CommandRate,
            ..Self::new("rate_limited", "That was too fast; please wait a moment.")
        }
    }

    /// More text than a message may have.
    pub fn too_long() -> Self {
        let max = limits::TEXT_CHARS_MAX;
        Self::new(
            "too_long",
            format!("A message may have at most {max} characters."),
        )
    }

    /// Something that the store cannot do now, which is no fault of the client's.
    pub fn store(code: &'static str, message: &'static str, retry_ms: Option<u64>) -> Self {
        Self {
            retry_ms,
            cause: Refused::Store,
            ..Self::new(code, message)
        }
    }

    /// The same about a command that the client gave an id.
    pub fn about<'other>(self, cid: Option<&'other str>) -> Fault<'other> {
        Fault { cid, ..self }
    }
}

/// Reads a command: a JSON object.
pub fn object<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, Fault<'static>> {
    let bad_json = || Fault::new("bad_json", "The message is not a JSON object.");
    // An array would do for a parser.
    if !text.trim_start().starts_with('{') {
        return Err(bad_json());
    }
    serde_json::from_str(text).map_err(|_| bad_json())
}

/// Reads a field that is a string.
pub fn string<'t>(field: &'static str, raw: &'t RawValue) -> Result<RawText<'t>, Fault<'static>> {
    RawText::of(raw.get()).map_err(|wrong| {
        let what = wrong.complaint();
        Fault::bad_field(field, format!("The field {field} {what}."))
    })
}

/// Reads a field that is true, false, or not there.
pub fn flag(field: &'static str, raw: Option<&RawValue>) -> Result<Option<bool>, Fault<'static>> {
    json::flag(raw.map(RawValue::get))
        .ok_or_else(|| Fault::bad_field(field, format!("The field {field} must be true or false.")))
}

/// Checks a client's own id, and gives it as it stood there, with quotes.
#[inline]
pub fn cid<'t>(cid: Option<RawText<'t>>) -> Result<Option<&'t str>, Fault<'static>> {
    // An escape may take more bytes than what it stands for.
    let is_too_long = |cid: RawText<'_>| {
        cid.raw().len() > limits::CID_BYTES_MAX + 2 && cid.decode().len() > limits::CID_BYTES_MAX
    };
    if cid.is_some_and(is_too_long) {
        let max = limits::CID_BYTES_MAX;
        let message = format!("A cid may have at most {max} bytes.");
        return Err(Fault::bad_field("cid", message));
    }
    Ok(cid.map(RawText::raw))
}

/// Says on a JSON socket why something was not done.
pub fn say(lane: &mut Vec<u8>, fault: &Fault<'_>) {
    #[derive(Serialize)]
    struct Said<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        code: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<&'a str>,
        #[serde(rename = "retryMs", skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cid: Option<&'a RawValue>,
    }
    let said = Said {
        kind: "error",
        code: fault.code,
        message: &fault.message,
        field: fault.field,
        retry_ms: fault.retry_ms,
        cid: fault.cid.and_then(|cid| serde_json::from_str(cid).ok()),
    };
    // None of these can fail to be serialized.
    let text = serde_json::to_vec(&said).unwrap_or_default();
    frame::write(lane, Kind::Text, &text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_said_with_what_is_known_of_it() {
        let said = |fault: &Fault<'_>| {
            let mut lane = Vec::new();
            say(&mut lane, fault);
            String::from_utf8_lossy(&lane[2..]).into_owned()
        };
        let fault = Fault::bad_field("a", "No.").about(Some("\"\\u0041\""));
        assert_eq!(
            said(&fault),
            r#"{"type":"error","code":"bad_field","message":"No.","field":"a","cid":"\u0041"}"#
        );
        let fault = Fault::store("unavailable", "No.", Some(7));
        assert_eq!(
            said(&fault),
            r#"{"type":"error","code":"unavailable","message":"No.","retryMs":7}"#
        );
        assert_eq!(Fault::too_fast(1_001).retry_ms, Some(2));
    }

    #[test]
    fn each_fault_is_counted_as_what_it_is() {
        assert_eq!(Fault::too_long().cause, Refused::BadCommand);
        assert_eq!(Fault::too_fast(1).cause, Refused::CommandRate);
        assert_eq!(Fault::store("unavailable", "", None).cause, Refused::Store);
    }
}
