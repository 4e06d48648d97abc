//! What of a call's signalling is passed on when nobody may learn another's address (`video_relay_only`).
//!
//! Each signal is read into a value and written anew from what is understood, so that spelling, escapes, unknown
//! fields and nesting hide nothing.

use serde::{Deserialize, Serialize};

use super::command::Signal;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::sdp::{self, Candidate, Relays};

/// `RTCSessionDescriptionInit`.
#[derive(Deserialize, Serialize)]
struct Description {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    sdp: String,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Offer,
    Answer,
    Pranswer,
}

/// `RTCIceCandidateInit`.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct IceCandidate {
    #[serde(default)]
    candidate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdp_mid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdp_m_line_index: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username_fragment: Option<String>,
}

/// The body of a signal without any address but a relay's; `None` if it is a candidate of another kind, which
/// nobody is to hear of. The fault is what cannot be understood.
pub(super) fn relayed<'t>(
    signal: Signal,
    body: &str,
    relays: Relays,
) -> Result<Option<String>, Fault<'t>> {
    let rebuilt = match signal {
        Signal::Offer | Signal::Answer => description(body, relays).map(Some),
        Signal::IceCandidate => candidate(body, relays).ok_or(sdp::Fault::Malformed),
    };
    match rebuilt {
        Ok(Some(body)) if body.len() as u64 > limits::MESSAGE_BYTES_MAX => Err(too_long()),
        Ok(rebuilt) => Ok(rebuilt),
        Err(sdp::Fault::TooLong) => Err(too_long()),
        Err(sdp::Fault::Malformed) => {
            let (_, field) = signal.labels();
            let message = "The signal is not understood, so it cannot be kept private.";
            Err(Fault::bad_field(field, message))
        }
    }
}

fn too_long<'t>() -> Fault<'t> {
    let (bytes, lines) = (limits::SDP_BYTES_MAX, limits::SDP_LINES_MAX);
    let message = format!("A description may have at most {bytes} bytes and {lines} lines here.");
    Fault::new("too_long", message)
}

/// An SDP text, or an object with one.
fn description(body: &str, relays: Relays) -> Result<String, sdp::Fault> {
    let rebuild = |text: &str| {
        let mut out = String::with_capacity(text.len());
        sdp::description(text, relays, &mut out).map(|()| out)
    };
    let written = if body.starts_with('"') {
        let text: String = serde_json::from_str(body).map_err(|_| sdp::Fault::Malformed)?;
        serde_json::to_string(&rebuild(&text)?)
    } else {
        let given: Description = object(body).ok_or(sdp::Fault::Malformed)?;
        let sdp = rebuild(&given.sdp)?;
        serde_json::to_string(&Description { sdp, ..given })
    };
    written.map_err(|_| sdp::Fault::Malformed)
}

/// A candidate line, an object with one, or null or an empty line for the end of them.
fn candidate(body: &str, relays: Relays) -> Option<Option<String>> {
    if body == "null" {
        return Some(Some("null".to_owned()));
    }
    if body.starts_with('"') {
        let text: String = serde_json::from_str(body).ok()?;
        let line = match line(&text, relays)? {
            Some(line) => line,
            None => return Some(None),
        };
        return serde_json::to_string(&line).ok().map(Some);
    }
    let given: IceCandidate = object(body)?;
    let is_sound = given.sdp_mid.as_deref().is_none_or(is_mid)
        && given
            .username_fragment
            .as_deref()
            .is_none_or(|text| sdp::is_ice_text(text, 256));
    if !is_sound {
        return None;
    }
    let Some(line) = line(given.candidate.as_deref().unwrap_or_default(), relays)? else {
        return Some(None);
    };
    let rebuilt = IceCandidate {
        candidate: Some(line),
        ..given
    };
    serde_json::to_string(&rebuilt).ok().map(Some)
}

/// A candidate line rebuilt; `Some(None)` if it exposes somebody.
fn line(text: &str, relays: Relays) -> Option<Option<String>> {
    let mut line = String::new();
    let text = text.trim_ascii();
    if text.is_empty() {
        return Some(Some(line));
    }
    Some(match sdp::candidate(text, relays, &mut line)? {
        Candidate::Relay => Some(line),
        Candidate::Exposing => None,
    })
}

/// Reads an object; serde would take a list for one, too.
fn object<'t, T: Deserialize<'t>>(body: &'t str) -> Option<T> {
    body.starts_with('{')
        .then(|| serde_json::from_str(body).ok())?
}

fn is_mid(text: &str) -> bool {
    text.is_empty() || sdp::is_word(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const RELAY: &str =
        "candidate:3 1 udp 5 198.51.100.7 50123 typ relay raddr 192.168.1.5 rport 4";
    const HOST: &str = "candidate:1 1 udp 5 192.168.1.5 40000 typ host";
    const CLEAN: &str = "candidate:3 1 udp 5 198.51.100.7 50123 typ relay raddr 0.0.0.0 rport 0";

    fn relayed<'t>(signal: Signal, body: &str) -> Result<Option<String>, Fault<'t>> {
        super::relayed(signal, body, Relays::default())
    }

    fn passed(signal: Signal, body: &Value) -> Value {
        let passed = relayed(signal, &body.to_string()).expect("understood");
        serde_json::from_str(&passed.expect("passed")).expect("JSON")
    }

    fn is_dropped(body: &str) -> bool {
        matches!(relayed(Signal::IceCandidate, body), Ok(None))
    }

    fn is_refused(signal: Signal, body: &str) -> bool {
        let (_, field) = signal.labels();
        relayed(signal, body)
            .is_err_and(|fault| fault.code == "bad_field" && fault.field == Some(field))
    }

    #[test]
    fn candidates_of_relays_pass_in_every_form() {
        for (given, expected) in [
            (json!(RELAY), json!(CLEAN)),
            (json!(format!(" a={RELAY}\r\n")), json!(CLEAN)),
            (json!({ "candidate": RELAY }), json!({ "candidate": CLEAN })),
            (
                json!({ "candidate": RELAY, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "Ab+/", "address": "192.168.1.5", "x": [{ "candidate": HOST }] }),
                json!({ "candidate": CLEAN, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "Ab+/" }),
            ),
        ] {
            assert_eq!(passed(Signal::IceCandidate, &given), expected);
        }
    }

    #[test]
    fn the_end_of_candidates_passes() {
        for (given, expected) in [
            (json!(null), json!(null)),
            (json!(""), json!("")),
            (
                json!({ "candidate": "", "sdpMid": "0", "sdpMLineIndex": null }),
                json!({ "candidate": "", "sdpMid": "0" }),
            ),
        ] {
            assert_eq!(passed(Signal::IceCandidate, &given), expected);
        }
    }

    #[test]
    fn other_candidates_are_dropped_however_they_are_spelt() {
        let escaped: String = HOST.bytes().map(|b| format!("\\u{b:04x}")).collect();
        for body in [
            format!("\"{HOST}\""),
            format!("\"{escaped}\""),
            format!("{{\"candidate\":\"{escaped}\"}}"),
            format!("{{\"c\\u0061ndidate\" : \"{HOST}\"}}"),
            format!("{{\"x\":\"{RELAY}\",\"candidate\":\"a={HOST}\\r\\n\"}}"),
        ] {
            assert!(is_dropped(&body), "{body}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let twice = format!("{{\"candidate\":\"{RELAY}\",\"c\\u0061ndidate\":\"{HOST}\"}}");
        let two = format!("\"{RELAY}\\na={HOST}\"");
        for body in [
            &twice,
            &two,
            "1",
            "true",
            "[]",
            "[\"candidate:\"]",
            "\"192.168.1.5\"",
            "\"\\ud800\"",
            r#"{"candidate":{"candidate":""}}"#,
            r#"{"candidate":"","sdpMid":"192.168.1.5"}"#,
            r#"{"candidate":"","sdpMid":5}"#,
            r#"{"candidate":"","usernameFragment":"fe80::1"}"#,
            r#"{"candidate":"","sdpMLineIndex":"x"}"#,
        ] {
            assert!(is_refused(Signal::IceCandidate, body), "{body}");
        }
        for body in [
            "null",
            "1",
            "\"\"",
            "{}",
            r#"["offer","v=0"]"#,
            r#"{"type":"offer"}"#,
            r#"{"type":"offer","sdp":"x"}"#,
            r#"{"type":"192.168.1.5","sdp":"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"}"#,
            r#"{"sdp":"v=0\r\n","sdp":"v=0\r\n"}"#,
        ] {
            assert!(is_refused(Signal::Offer, body), "{body}");
            assert!(is_refused(Signal::Answer, body), "{body}");
        }
    }

    #[test]
    fn descriptions_pass_without_addresses() {
        let sdp = format!("v=0\r\no=- 1 2 IN IP4 192.168.1.5\r\na={HOST}\r\na={RELAY}\r\n");
        let clean = format!("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\na={CLEAN}\r\n");
        assert_eq!(passed(Signal::Offer, &json!(sdp)), json!(clean));
        assert_eq!(
            passed(
                Signal::Answer,
                &json!({ "x": HOST, "type": "answer", "sdp": sdp })
            ),
            json!({ "type": "answer", "sdp": clean })
        );
    }

    #[test]
    fn descriptions_have_a_length() {
        let head = "v=0\no=- 1 2 x\n";
        for text in [
            format!("{head}{}", "c=\n".repeat(10_000)),
            format!("{head}s={}", "x".repeat(limits::SDP_BYTES_MAX)),
        ] {
            for body in [json!(text), json!({ "type": "offer", "sdp": text })] {
                let fault = relayed(Signal::Offer, &body.to_string()).expect_err("too long");
                assert_eq!((fault.code, fault.field), ("too_long", None));
            }
        }
    }

    /// JSON in which any character may be escaped, with an address wherever text can stand.
    fn body() -> impl Strategy<Value = Value> {
        let text = prop::sample::select(vec![
            HOST.to_owned(),
            RELAY.to_owned(),
            format!("{RELAY} {HOST}"),
            format!("{RELAY}\n{HOST}"),
            HOST.replace("host", "srflx raddr 192.168.1.6 rport 5"),
            format!("v=0\r\no=- 1 2 IN IP4 192.168.1.5\ra={HOST}\na={RELAY}"),
            "192.168.1.5".to_owned(),
            String::new(),
        ]);
        let leaf = prop_oneof![
            text.prop_map(Value::from),
            Just(Value::Null),
            Just(json!(0))
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop::sample::select(vec![
                "candidate",
                "sdp",
                "type",
                "sdpMid",
                "sdpMLineIndex",
                "usernameFragment",
                "address",
                "192.168.1.5",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key.prop_map(str::to_owned), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Writes JSON with every `step`th character of its strings escaped.
    fn spelt(value: &Value, step: usize) -> String {
        let string = |text: &str| {
            let inner: String = text
                .chars()
                .enumerate()
                .map(|(at, c)| match c {
                    _ if at % step == 0 || c.is_control() => format!("\\u{:04x}", c as u32),
                    c => c.to_string(),
                })
                .collect();
            format!("\"{inner}\"")
        };
        match value {
            Value::String(text) => string(text),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| spelt(item, step)).collect();
                format!("[{}]", items.join(" , "))
            }
            Value::Object(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(key, value)| format!("{} :{}", string(key), spelt(value, step)))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }
            other => other.to_string(),
        }
    }

    proptest! {
        #[test]
        fn no_address_survives(body in body(), step in 1_usize..9, signal in 0_usize..3) {
            let signal = [Signal::Offer, Signal::Answer, Signal::IceCandidate][signal];
            if let Ok(Some(passed)) = relayed(signal, &spelt(&body, step)) {
                let value: Value = serde_json::from_str(&passed).expect("JSON");
                prop_assert!(!format!("{value:?}").contains("192.168."), "{}", passed);
            }
        }
    }
}
