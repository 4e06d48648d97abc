//! The bodies of registering and logging in. Every complaint begins with the name of the field that it is about.

use std::borrow::Cow;

use email_address::{EmailAddress, Options};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::country;
use super::fold::{fold, fold_visible};
use super::json::RawText;
use super::visible;
use crate::kernel::secret::Secret;
use crate::limits;

/// What somebody wants an account with, known to be well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// What they want to be called, without blanks around it.
    pub pseudo: String,
    /// The same as it is compared; never contains `@`.
    pub pseudo_key: String,
    /// Their e-mail address, without blanks around it.
    pub email: String,
    /// The same as it is compared; always contains `@`.
    pub email_key: String,
    /// ISO 3166-1 alpha-2, in capitals.
    pub country: &'static str,
    /// Their password, as they wrote it.
    pub password: Secret,
}

/// Who somebody claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// A pseudo or an e-mail address, as it is compared: an e-mail address if there is an `@` in it.
    pub key: String,
    /// What they claim to be the password. It may be shorter than a password can be, but not longer.
    pub password: Secret,
}

/// A complaint.
pub type Fault = Cow<'static, str>;

/// Everything that a body may bring, as it stands in the text.
#[derive(Deserialize)]
struct Body<'t> {
    #[serde(borrow)]
    pseudo: Option<&'t RawValue>,
    #[serde(borrow)]
    email: Option<&'t RawValue>,
    #[serde(borrow)]
    country: Option<&'t RawValue>,
    #[serde(borrow)]
    password: Option<&'t RawValue>,
    #[serde(borrow)]
    identifier: Option<&'t RawValue>,
}

/// Reads what somebody registers with.
pub fn parse_registration(text: &str) -> Result<Registration, Fault> {
    let body = open(text)?;
    let pseudo = string("pseudo", body.pseudo)?;
    let pseudo = pseudo.trim();
    let pseudo_key = pseudo_key(pseudo)?;
    let email = string("email", body.email)?;
    let email = email.trim();
    if !is_address(email) {
        return Err("email must be an address like name@example.org".into());
    }
    let country = country::parse(&string("country", body.country)?)
        .ok_or("country must be a code of ISO 3166-1 alpha-2, like FR")?;
    let password = string("password", body.password)?;
    let chars = password.chars().count();
    let (min, max) = (limits::PASSWORD_CHARS_MIN, limits::PASSWORD_CHARS_MAX);
    if !(min..=max).contains(&chars) {
        return Err(format!("password must have {min} to {max} characters").into());
    }
    Ok(Registration {
        pseudo: pseudo.to_owned(),
        pseudo_key,
        email: email.to_owned(),
        email_key: fold(email),
        country,
        password: Secret::new(password.into_owned()),
    })
}

/// Reads what somebody logs in with. What no account can have, such as a pseudo of one character, is not a fault: nobody
/// is found by it.
pub fn parse_login(text: &str) -> Result<Login, Fault> {
    let body = open(text)?;
    let identifier = string("identifier", body.identifier)?;
    let identifier = identifier.trim();
    if identifier.is_empty() || identifier.len() > limits::EMAIL_BYTES_MAX {
        return Err("identifier must be a pseudo or an e-mail address".into());
    }
    let password = string("password", body.password)?;
    if password.is_empty() || password.chars().count() > limits::PASSWORD_CHARS_MAX {
        let max = limits::PASSWORD_CHARS_MAX;
        return Err(format!("password must have 1 to {max} characters").into());
    }
    let key = if identifier.contains('@') {
        fold(identifier)
    } else {
        fold_visible(identifier)
    };
    Ok(Login {
        key,
        password: Secret::new(password.into_owned()),
    })
}

fn open(text: &str) -> Result<Body<'_>, Fault> {
    let fault = "the body must be a JSON object";
    // An array would do for a parser.
    if !text.trim_start().starts_with('{') {
        return Err(fault.into());
    }
    serde_json::from_str(text).map_err(|_| fault.into())
}

fn string<'t>(field: &str, raw: Option<&'t RawValue>) -> Result<Cow<'t, str>, Fault> {
    let raw = raw.ok_or_else(|| format!("{field} is missing"))?;
    let text = RawText::of(raw.get());
    let text = text.map_err(|fault| format!("{field} {}", fault.complaint()))?;
    Ok(text.decode())
}

/// A pseudo as it is compared.
fn pseudo_key(pseudo: &str) -> Result<String, Fault> {
    let (min, max) = (limits::PSEUDO_CHARS_MIN, limits::PSEUDO_CHARS_MAX);
    let key = fold_visible(pseudo);
    if visible::count(pseudo) < min || pseudo.chars().count() > max {
        return Err(format!("pseudo must have {min} to {max} characters").into());
    }
    if !visible::is_presentable(pseudo) {
        return Err("pseudo must not contain characters that are not seen".into());
    }
    // Other forms of the sign are the same one when they are compared.
    if key.contains('@') {
        return Err("pseudo must not contain @".into());
    }
    Ok(key)
}

/// Whether a text is an e-mail address (RFC 5321, RFC 6531) that mail can be sent to from anywhere: without quotes, at a host with a
/// name in the domain name system, and of letters only where it is not ASCII.
fn is_address(text: &str) -> bool {
    let options = Options::default()
        .with_required_tld()
        .without_domain_literal()
        .without_display_text();
    let Some((name, host)) = text.rsplit_once('@') else {
        return false;
    };
    let is_in_host = |char: char| char.is_alphanumeric() || matches!(char, '-' | '.');
    let is_numeric = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= limits::EMAIL_BYTES_MAX
        && !name.starts_with('"')
        && text
            .chars()
            .all(|char| char.is_ascii() || char.is_alphanumeric())
        && host.chars().all(is_in_host)
        && !host.rsplit('.').next().is_some_and(is_numeric)
        && EmailAddress::parse_with_options(text, options).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({ "pseudo": "Ann", "email": "Ann@Example.org", "country": "fr", "password": "correct horse" })
    }

    fn with(field: &str, value: Value) -> Result<Registration, Fault> {
        let mut body = body();
        body[field] = value;
        parse_registration(&body.to_string())
    }

    fn login(identifier: &str, password: &str) -> Result<Login, Fault> {
        let body = json!({ "identifier": identifier, "password": password });
        parse_login(&body.to_string())
    }

    #[test]
    fn a_registration_is_read() {
        let mut body = body();
        body["pseudo"] = json!("  \u{c4}nn  ");
        body["email"] = json!(" Ann@Example.org ");
        body["password"] = json!("  sp aces  ");
        body["unknown"] = json!([1]);
        let expected = Registration {
            pseudo: "\u{c4}nn".to_owned(),
            pseudo_key: "\u{e4}nn".to_owned(),
            email: "Ann@Example.org".to_owned(),
            email_key: "ann@example.org".to_owned(),
            country: "FR",
            password: Secret::new("  sp aces  ".to_owned()),
        };
        assert_eq!(parse_registration(&body.to_string()), Ok(expected.clone()));
        assert!(!format!("{expected:?}").contains("sp aces"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            "x",
            "[]",
            "null",
            "\"a\"",
            "{",
            "{\"pseudo\":\"a\",\"pseudo\":\"b\"}",
            "{\"pseudo\":01}",
        ] {
            for fault in [parse_registration(text).err(), parse_login(text).err()] {
                assert_eq!(
                    fault.as_deref(),
                    Some("the body must be a JSON object"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_complaint_begins_with_the_field() {
        for field in ["pseudo", "email", "country", "password"] {
            let mut missing = body();
            missing.as_object_mut().expect("an object").remove(field);
            let faults = [
                parse_registration(&missing.to_string()),
                with(field, json!(null)),
                with(field, json!(7)),
                with(field, json!(["x"])),
                with(field, json!("")),
                with(field, json!("x")),
                with(field, json!("x".repeat(1_000))),
            ];
            for fault in faults {
                let fault = fault.expect_err("must be refused");
                assert!(fault.starts_with(&format!("{field} ")), "{field}: {fault}");
            }
        }
        let lone = r#"{"pseudo":"Ann\ud800"}"#;
        let fault = parse_registration(lone).expect_err("must be refused");
        assert_eq!(fault, "pseudo has half of a surrogate pair");
    }

    #[test]
    fn pseudos() {
        let longest = "\u{1f600}".repeat(32);
        for pseudo in [
            "ab",
            "Ann Marie",
            "\u{1f600}\u{1f600}",
            "\u{5d3}\u{5e0}",
            &longest,
            "a'; DROP TABLE",
        ] {
            assert!(with("pseudo", json!(pseudo)).is_ok(), "{pseudo:?}");
        }
        let long = "x".repeat(33);
        for pseudo in [
            " a ",
            "a@b",
            "a\u{ff20}b",
            "a\u{fe6b}b",
            "a\nb",
            "a\0b",
            "a\u{7f}b",
            "a\u{85}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "\u{200b}\u{200b}",
            "\u{3164}\u{3164}",
            "\u{2800}\u{2800}",
            "x\u{ad}",
            "e\u{301}",
            "a\u{1d173}nn",
            "a\u{200b}nn",
            "a\u{e000}b",
            &long,
        ] {
            assert!(with("pseudo", json!(pseudo)).is_err(), "{pseudo:?}");
        }
        let key = |pseudo: &str| with("pseudo", json!(pseudo)).expect("sound").pseudo_key;
        for (one, other) in [
            ("Ann", "aNN"),
            ("Ann", "A\u{200d}nn\u{fe0f}"),
            ("Ann Marie", "Ann \u{3000} Marie"),
            ("STRASSE", "stra\u{df}e"),
        ] {
            assert_eq!(key(one), key(other));
        }
    }

    #[test]
    fn addresses() {
        let name = "n".repeat(64);
        let label = "d".repeat(63);
        for email in [
            "a@b.co",
            "first.last+tag@sub.example.org",
            "o'neil@example.museum",
            "j\u{f6}rg@m\u{fc}ller.de",
            "\u{4e2d}@\u{4f8b}.\u{4e2d}\u{56fd}",
            &format!("{name}@{label}.org"),
        ] {
            assert!(with("email", json!(email)).is_ok(), "{email}");
        }
        for email in [
            "",
            "a",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a@@b.co",
            "a@b@c.co",
            "a b@c.co",
            "a@b c.co",
            "a@b..co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.co",
            "a@.co",
            "a@b.co.",
            "a@-b.co",
            "a@b-.co",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "\"a b\"@c.co",
            "a@b.co\n@c",
            "a@b_c.co",
            "a<b@c.co",
            "a\u{ff20}b.co",
            "a\u{ff20}a@b.co",
            "a\u{200b}@b.co",
            "a@b\u{2800}.co",
            "\"a\"@b.co",
            "Ann <a@b.co>",
            "a@b!c.co",
            "a,b@c.co",
            &format!("n{name}@b.co"),
            &format!("a@d{label}.org"),
            &format!("a@{}org", "abcdefghi.".repeat(25)),
        ] {
            assert!(with("email", json!(email)).is_err(), "{email}");
        }
    }

    #[test]
    fn passwords_have_8_to_128_characters() {
        for (password, is_good) in [
            ("\u{1f600}".repeat(7), false),
            ("\u{1f600}".repeat(8), true),
            ("\u{1f600}".repeat(128), true),
            ("x".repeat(129), false),
        ] {
            assert_eq!(
                with("password", json!(password)).is_ok(),
                is_good,
                "{password}"
            );
        }
    }

    #[test]
    fn a_login_is_by_pseudo_or_address() {
        let key = |identifier: &str| login(identifier, "x").expect("sound").key;
        assert_eq!(key(" ANN "), "ann");
        assert_eq!(key("Ann@Example.ORG"), "ann@example.org");
        assert_eq!(key("a"), "a");
        for (identifier, password, field) in [
            ("", "x", "identifier"),
            (" ", "x", "identifier"),
            (&*"x".repeat(255), "x", "identifier"),
            ("ann", "", "password"),
            ("ann", &*"x".repeat(129), "password"),
        ] {
            let fault = login(identifier, password).expect_err("must be refused");
            assert!(fault.starts_with(field), "{fault}");
        }
        let fault = parse_login(r#"{"password":"x"}"#).expect_err("must be refused");
        assert_eq!(fault, "identifier is missing");
    }

    proptest! {
        #[test]
        fn whoever_registers_can_log_in(pseudo in any::<String>(), name in "[a-zA-Z0-9.\u{e9}]{1,12}") {
            if let Ok(registration) = with("pseudo", json!(pseudo)) {
                prop_assert!(!registration.pseudo_key.contains('@'));
                let login = login(&pseudo, "x").expect("sound");
                prop_assert_eq!(login.key, registration.pseudo_key);
            }
            let email = format!("{name}@Example.org");
            if let Ok(registration) = with("email", json!(email)) {
                prop_assert!(registration.email_key.contains('@'));
                let login = login(&email, "x").expect("sound");
                prop_assert_eq!(login.key, registration.email_key);
            }
        }
    }
}
