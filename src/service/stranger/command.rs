//! What a client may ask for, parsed from JSON: once parsed, a command is known to be well-formed.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::kernel::lobby::Mode;
use crate::limits;
use crate::wire::fault::{self, Fault, flag, string};
use crate::wire::json::{self, RawText};

/// A well-formed command.
#[derive(Debug)]
pub(super) enum Command<'t> {
    Find(Preferences<'t>),
    Next(Preferences<'t>),
    Say {
        text: RawText<'t>,
        /// The client's own id for the message, as it stood there, with quotes.
        cid: Option<&'t str>,
    },
    Stop,
    Typing(bool),
    Signal(Signal, &'t str),
    CallState(CallState),
    KeepInTouch,
    IceKey,
    Stats,
}

/// The kinds of signalling that two browsers exchange to call each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Offer,
    Answer,
    IceCandidate,
}

impl Signal {
    /// Its name on the wire, and that of the field that carries it.
    pub(super) const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Offer => ("offer", "sdp"),
            Self::Answer => ("answer", "sdp"),
            Self::IceCandidate => ("iceCandidate", "candidate"),
        }
    }
}

/// What somebody in a call tells the other of their side, as far as they do. True or false and nothing else, so there is
/// no room in it for anything that the other should not learn.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct CallState {
    /// Whether the camera is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<bool>,
    /// Whether the microphone is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    microphone: Option<bool>,
    /// Whether the person wants to be seen and heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    revealed: Option<bool>,
    /// Whether the person goes on without pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<bool>,
}

/// Whom to meet, as far as the command says so.
#[derive(Debug, Default)]
pub(super) struct Preferences<'t> {
    pub(super) mode: Option<Mode>,
    pub(super) interests: Option<Vec<Cow<'t, str>>>,
    /// An empty language is none in particular.
    pub(super) language: Option<Cow<'t, str>>,
    pub(super) anyone: Option<bool>,
}

/// Everything that a command may bring, as it stands in the text.
#[derive(Deserialize)]
struct Envelope<'t> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'t RawValue>,
    #[serde(borrow)]
    text: Option<&'t RawValue>,
    #[serde(borrow)]
    cid: Option<&'t RawValue>,
    #[serde(borrow, rename = "pairId")]
    pair_id: Option<&'t RawValue>,
    #[serde(borrow)]
    mode: Option<&'t RawValue>,
    #[serde(borrow)]
    interests: Option<&'t RawValue>,
    #[serde(borrow)]
    language: Option<&'t RawValue>,
    #[serde(borrow)]
    anyone: Option<&'t RawValue>,
    #[serde(borrow)]
    active: Option<&'t RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    sdp: Option<&'t RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    candidate: Option<&'t RawValue>,
    #[serde(borrow)]
    state: Option<&'t RawValue>,
}

/// Takes null for a value like any other: a browser says with it that it has no more candidates.
fn even_null<'t, D: Deserializer<'t>>(deserializer: D) -> Result<Option<&'t RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// Parses one message: the command, and the pair id that it is meant for, if it names one.
#[inline]
pub(super) fn parse(text: &str) -> Result<(Command<'_>, Option<&str>), Fault<'_>> {
    match usual(text) {
        Some(Usual { text, cid, pair }) => {
            check_say(text, cid).map(|command| (command, pair.map(RawText::inner)))
        }
        None => parse_any(text),
    }
}

/// A chat message in the very form in which nearly all come: what `JSON.stringify` makes of `type`, `text` and
/// perhaps `cid` and `pairId`, in this order and without escapes. The page sends all four.
struct Usual<'t> {
    text: RawText<'t>,
    cid: Option<RawText<'t>>,
    pair: Option<RawText<'t>>,
}

/// Reads a message that has the usual form; for anything else, `None`.
#[inline]
fn usual(text: &str) -> Option<Usual<'_>> {
    let rest = text.strip_prefix(r#"{"type":"sendMessage","text":"#)?;
    let (text, rest) = RawText::plain(rest)?;
    let (cid, rest) = member(r#","cid":"#, rest)?;
    let (pair, rest) = member(r#","pairId":"#, rest)?;
    (rest == "}").then_some(Usual { text, cid, pair })
}

/// Reads a string without escapes behind `name`, if that comes next, and gives what follows.
#[inline]
fn member<'t>(name: &str, rest: &'t str) -> Option<(Option<RawText<'t>>, &'t str)> {
    match rest.strip_prefix(name) {
        None => Some((None, rest)),
        Some(value) => RawText::plain(value).map(|(value, rest)| (Some(value), rest)),
    }
}

fn parse_any(text: &str) -> Result<(Command<'_>, Option<&str>), Fault<'_>> {
    let envelope: Envelope<'_> = fault::object(text)?;
    let kind = envelope.kind.ok_or_else(Fault::no_type)?;
    let kind = RawText::of(kind.get())
        .map_err(|_| Fault::bad_field("type", "The type must be a string."))?;
    let pair = match envelope.pair_id {
        None => None,
        Some(raw) => Some(unquoted("pairId", raw)?),
    };
    let command = match &*kind.decode() {
        "sendMessage" => say(&envelope)?,
        "typing" => Command::Typing(flag("active", envelope.active)?.unwrap_or(true)),
        "findMatch" => Command::Find(preferences(&envelope)?),
        "nextStranger" => Command::Next(preferences(&envelope)?),
        "stopChat" => Command::Stop,
        "offer" => signal(Signal::Offer, envelope.sdp)?,
        "answer" => signal(Signal::Answer, envelope.sdp)?,
        "iceCandidate" => signal(Signal::IceCandidate, envelope.candidate)?,
        "callState" => call_state(envelope.state)?,
        "keepInTouch" => Command::KeepInTouch,
        "iceKey" => Command::IceKey,
        "stats" => Command::Stats,
        _ => return Err(Fault::unknown_type()),
    };
    Ok((command, pair))
}

fn say<'t>(envelope: &Envelope<'t>) -> Result<Command<'t>, Fault<'t>> {
    let cid = envelope.cid.map(|raw| string("cid", raw)).transpose()?;
    match envelope.text {
        None => {
            let cid = cid.map(RawText::raw);
            Err(Fault::bad_field("text", "The message has no text.").about(cid))
        }
        Some(raw) => {
            let text = string("text", raw).map_err(|fault| fault.about(cid.map(RawText::raw)))?;
            check_say(text, cid)
        }
    }
}

#[inline]
fn check_say<'t>(text: RawText<'t>, cid: Option<RawText<'t>>) -> Result<Command<'t>, Fault<'t>> {
    let cid = fault::cid(cid)?;
    if text.is_empty() {
        return Err(Fault::bad_field("text", "The text is empty.").about(cid));
    }
    if text.exceeds(limits::TEXT_CHARS_MAX) {
        return Err(Fault::too_long().about(cid));
    }
    Ok(Command::Say { text, cid })
}

fn signal<'t>(signal: Signal, body: Option<&'t RawValue>) -> Result<Command<'t>, Fault<'t>> {
    let (_, field) = signal.labels();
    match body {
        Some(body) if json::is_deep(body.get()) => {
            Err(Fault::bad_field(field, "The signal is nested too deeply."))
        }
        Some(body) => Ok(Command::Signal(signal, body.get())),
        None => Err(Fault::bad_field(field, "The signal has no content.")),
    }
}

fn call_state<'t>(state: Option<&RawValue>) -> Result<Command<'t>, Fault<'t>> {
    state
        .map(RawValue::get)
        // Serde would take a list for an object.
        .filter(|state| state.starts_with('{'))
        .and_then(|state| serde_json::from_str(state).ok())
        .map(Command::CallState)
        .ok_or_else(|| {
            let message = "The state is an object in which everything is true or false.";
            Fault::bad_field("state", message)
        })
}

fn preferences<'t>(envelope: &Envelope<'t>) -> Result<Preferences<'t>, Fault<'t>> {
    let mode = match envelope.mode {
        None => None,
        Some(raw) => match raw.get() {
            "\"text\"" => Some(Mode::Text),
            "\"video\"" => Some(Mode::Video),
            _ => {
                return Err(Fault::bad_field(
                    "mode",
                    "The mode is \"text\" or \"video\".",
                ));
            }
        },
    };
    let interests = envelope.interests.map(interests).transpose()?;
    let language = match envelope.language {
        None => None,
        Some(raw) => {
            let language = string("language", raw)?.decode();
            if language.len() > limits::LANGUAGE_BYTES_MAX {
                return Err(Fault::bad_field("language", "That is no language tag."));
            }
            Some(language)
        }
    };
    Ok(Preferences {
        mode,
        interests,
        language,
        anyone: flag("anyone", envelope.anyone)?,
    })
}

fn interests(raw: &RawValue) -> Result<Vec<Cow<'_, str>>, Fault<'_>> {
    let bad = |message: String| Fault::bad_field("interests", message);
    let items: Vec<&RawValue> = serde_json::from_str(raw.get())
        .map_err(|_| bad("The interests must be a list of strings.".into()))?;
    if items.len() > limits::INTERESTS_MAX {
        let max = limits::INTERESTS_MAX;
        return Err(bad(format!("There may be at most {max} interests.")));
    }
    items
        .into_iter()
        .map(|item| {
            let item = string("interests", item)?;
            if item.exceeds(limits::INTEREST_CHARS_MAX) {
                let max = limits::INTEREST_CHARS_MAX;
                return Err(bad(format!(
                    "An interest may have at most {max} characters."
                )));
            }
            Ok(item.decode())
        })
        .collect()
}

/// A string without escapes, such as an id; one with escapes is no id that was ever given out.
fn unquoted<'t>(field: &'static str, raw: &'t RawValue) -> Result<&'t str, Fault<'t>> {
    string(field, raw).map(RawText::inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn fault(text: &str) -> (&'static str, Option<&'static str>) {
        let fault = parse(text).expect_err("must be refused");
        (fault.code, fault.field)
    }

    #[test]
    fn what_is_not_an_object_is_bad_json() {
        for text in [
            "",
            "x",
            "[]",
            "[\"findMatch\"]",
            "{",
            "null",
            "{\"type\":\"stats\"} x",
            "{\"type\":\"a\tb\"}",
        ] {
            assert_eq!(fault(text), ("bad_json", None), "{text}");
        }
    }

    #[test]
    fn faults_name_their_field() {
        for (text, field) in [
            (r#"{}"#, "type"),
            (r#"{"type":null}"#, "type"),
            (r#"{"type":1}"#, "type"),
            (r#"{"type":"sendMessage"}"#, "text"),
            (r#"{"type":"sendMessage","text":""}"#, "text"),
            (r#"{"type":"sendMessage","text":5}"#, "text"),
            (r#"{"type":"sendMessage","text":"\ud800"}"#, "text"),
            (r#"{"type":"sendMessage","text":"a","cid":{}}"#, "cid"),
            (r#"{"type":"sendMessage","text":"a","pairId":7}"#, "pairId"),
            (r#"{"type":"typing","active":"yes"}"#, "active"),
            (r#"{"type":"findMatch","mode":"smell"}"#, "mode"),
            (r#"{"type":"findMatch","interests":"a"}"#, "interests"),
            (r#"{"type":"findMatch","interests":[1]}"#, "interests"),
            (
                r#"{"type":"findMatch","interests":["a","b","c","d","e","f","g","h","i","j","k"]}"#,
                "interests",
            ),
            (
                r#"{"type":"findMatch","interests":["abcdefghijklmnopqrstuvwxy"]}"#,
                "interests",
            ),
            (r#"{"type":"findMatch","anyone":1}"#, "anyone"),
            (r#"{"type":"findMatch","language":[]}"#, "language"),
            (r#"{"type":"offer"}"#, "sdp"),
            (r#"{"type":"iceCandidate","sdp":1}"#, "candidate"),
            (r#"{"type":"callState"}"#, "state"),
            (r#"{"type":"callState","state":null}"#, "state"),
            (
                r#"{"type":"callState","state":[true,true,true,true]}"#,
                "state",
            ),
            (
                r#"{"type":"callState","state":{"camera":"192.168.1.5"}}"#,
                "state",
            ),
            (
                r#"{"type":"callState","state":{"text":true,"text":1}}"#,
                "state",
            ),
        ] {
            assert_eq!(fault(text), ("bad_field", Some(field)), "{text}");
        }
        assert_eq!(fault(r#"{"type":"dance"}"#), ("unknown_type", None));
    }

    #[test]
    fn text_is_counted_in_code_points() {
        assert!(parse(r#"{"type":"typ\u0069ng"}"#).is_ok());
        let message = |text: &str| format!(r#"{{"type":"sendMessage","text":"{text}"}}"#);
        assert!(parse(&message(&"\u{1f600}".repeat(2_000))).is_ok());
        assert_eq!(fault(&message(&"x".repeat(2_001))), ("too_long", None));
        assert!(parse(&message(&r"\ud83d\ude00".repeat(2_000))).is_ok());
    }

    proptest::proptest! {
        /// Whichever way a message takes, it means what the general parser says.
        #[test]
        fn the_short_way_is_no_different(
            text in "([a\u{7}\u{7f}\u{e9} ]|\\\\[n\"\\\\x]|\"){0,6}|a{2000,2001}",
            cid in proptest::option::of("([a\t]|\\\\\"){0,3}|a{128,129}"),
            pair in proptest::option::of("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-F]{32}|[-a\t]{0,3}|\\\\u0061"),
            (swapped, spaced) in proptest::prelude::any::<(bool, bool)>(),
            end in "\\}|[}, ]{0,2}",
        ) {
            let member = |name, value: Option<String>| {
                value.map_or(String::new(), |value| format!(",\"{name}\":\"{value}\""))
            };
            let mut members = [member("cid", cid), member("pairId", pair)];
            if swapped {
                members.reverse();
            }
            let space = if spaced { " " } else { "" };
            let rest = members.concat();
            let message = format!("{{\"type\":{space}\"sendMessage\",\"text\":\"{text}\"{rest}{end}");
            let (parsed, long) = (parse(&message), parse_any(&message));
            proptest::prop_assert_eq!(format!("{parsed:?}"), format!("{long:?}"));
        }

        /// What the page sends takes the short way, unless there is something to be escaped in it.
        #[test]
        fn what_the_page_sends_takes_the_short_way(text in proptest::prelude::any::<String>(), cid in 0..3u8, pair: u128) {
            let pair = Uuid::from_u128(pair).to_string();
            let rest = match cid {
                0 => String::new(),
                1 => r#","cid":"0123456789abcdef""#.to_owned(),
                _ => format!(r#","cid":"0123456789abcdef","pairId":"{pair}""#),
            };
            let quoted = json::quoted(&text);
            let message = format!(r#"{{"type":"sendMessage","text":{quoted}{rest}}}"#);
            let usual = usual(&message);
            proptest::prop_assert_eq!(usual.is_some(), !quoted.contains('\\'));
            if let Some(usual) = usual {
                proptest::prop_assert_eq!(usual.text.decode(), text);
                proptest::prop_assert_eq!(usual.pair.map(RawText::inner), (cid == 2).then_some(&*pair));
            }
        }
    }

    #[test]
    fn signals_are_any_json_that_is_not_deep() {
        let (command, _) = parse(r#"{"type":"iceCandidate","candidate": null }"#).expect("good");
        assert!(matches!(
            command,
            Command::Signal(Signal::IceCandidate, "null")
        ));
        let nested = |depth: usize| {
            format!(
                r#"{{"type":"offer","sdp":{}1{}}}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            )
        };
        assert!(parse(&nested(64)).is_ok());
        assert_eq!(fault(&nested(65)), ("bad_field", Some("sdp")));
        assert!(parse(r#"{"type":"offer","sdp":"[[[[\"[[[["}"#).is_ok());
    }

    #[test]
    fn a_state_of_a_call_is_what_is_understood_of_it() {
        let text = r#"{"type":"callState","state":{ "camera":false,"where":"192.168.1.5","text":null,"revealed":true}}"#;
        let (Command::CallState(state), None) = parse(text).expect("good") else {
            panic!("another command");
        };
        let kept = serde_json::to_string(&state).expect("JSON");
        assert_eq!(kept, r#"{"camera":false,"revealed":true}"#);
    }

    #[test]
    fn unknown_fields_and_nulls_are_ignored() {
        let (command, pair) =
            parse(r#" {"x":[{}],"type":"findMatch","mode":null,"interests":["a"],"pairId":null}"#)
                .expect("good");
        assert!(pair.is_none());
        assert!(
            matches!(command, Command::Find(Preferences { mode: None, interests: Some(list), .. }) if list == ["a"])
        );
    }
}
