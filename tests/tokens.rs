//! Tokens that must not open any door, at every door there is.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use support::{Server, raw};

const SECRET: &str = "a secret for tests that nobody else may use";

fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).expect("signed")
}

/// A token made of these parts, as they are.
fn unsigned(header: &str, claims: &Value, signature: &str) -> String {
    let [header, claims] = [header.to_owned(), claims.to_string()].map(|part| BASE64.encode(part));
    format!("{header}.{claims}.{signature}")
}

#[test]
fn no_door_opens_to_a_token_that_is_no_good() {
    let server = Server::start(&["--jwt-secret", SECRET]);
    let ann = server.register("ann", "FR");
    let claims = |iat: u64, exp: u64| json!({ "sub": ann.id, "iat": iat, "exp": exp });
    let now = now_s();
    let good = claims(now, now + 3_600);
    let own = signed(Algorithm::HS256, SECRET, &good);
    let (head, rest) = own.split_once('.').expect("parts");
    let (body, signature) = rest.split_once('.').expect("parts");
    let bad = [
        ("empty", String::new()),
        ("no token at all", "token".to_owned()),
        (
            "foreign",
            signed(
                Algorithm::HS256,
                "another secret of at least thirty-two bytes",
                &good,
            ),
        ),
        ("empty secret", signed(Algorithm::HS256, "", &good)),
        ("another algorithm", signed(Algorithm::HS384, SECRET, &good)),
        ("another algorithm", signed(Algorithm::HS512, SECRET, &good)),
        ("none", unsigned(r#"{"alg":"none","typ":"JWT"}"#, &good, "")),
        ("None", unsigned(r#"{"alg":"None"}"#, &good, signature)),
        (
            "RS256",
            unsigned(r#"{"alg":"RS256","typ":"JWT"}"#, &good, signature),
        ),
        (
            "expired",
            signed(Algorithm::HS256, SECRET, &claims(now - 7_200, now - 60)),
        ),
        (
            "of the future",
            signed(Algorithm::HS256, SECRET, &claims(now + 3_600, now + 7_200)),
        ),
        (
            "without an end",
            signed(
                Algorithm::HS256,
                SECRET,
                &json!({ "sub": ann.id, "iat": now }),
            ),
        ),
        (
            "of nobody",
            signed(
                Algorithm::HS256,
                SECRET,
                &json!({ "iat": now, "exp": now + 60 }),
            ),
        ),
        (
            "of something else",
            signed(
                Algorithm::HS256,
                SECRET,
                &json!({ "sub": "ann", "iat": now, "exp": now + 60 }),
            ),
        ),
        ("cut short", own[..own.len() - 2].to_owned()),
        ("with more behind it", format!("{own}x")),
        ("of two parts", format!("{head}.{body}")),
        ("large", format!("{own}{}", "x".repeat(5_000))),
    ];
    assert_eq!(server.call("GET", "/rooms/me", &own, &Value::Null).0, 200);
    for (what, token) in &bad {
        // An empty field is no credentials at all.
        if !token.is_empty() {
            let (status, body) = server.call("GET", "/rooms/me", token, &Value::Null);
            assert_eq!(status, 401, "{what}: {body}");
            assert_eq!(body["error"], "invalid or expired token", "{what}");
        }
        for door in [
            "/ws",
            "/ws/notifications",
            "/ws/4f0c3a52-0000-4000-8000-000000000000",
        ] {
            let mut raw = server.raw();
            let target = format!("{door}?token={token}");
            raw.send(format!("{}\r\n", raw::handshake(&target)));
            let response = raw.response();
            assert_eq!(
                response.status,
                401,
                "{what} at {door}: {}",
                response.text()
            );
        }
    }
    let mut raw = server.raw();
    raw.send(format!("{}\r\n", raw::handshake("/ws/notifications")));
    assert_eq!(raw.response().error(), "missing authorization");
    let _ = server.client_at(&format!("/ws?token={own}"));
}
