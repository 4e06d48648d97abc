//! Session tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, and nothing else.
//!
//! Only the algorithm that we sign with is accepted, whatever a token's head says, and times are compared with
//! the time that the caller tells.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::secret::Secret;

/// A key's secret has at least as many bytes as the hash (RFC 7518 section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;
/// How long a token is good for, in seconds.
pub const LIFE_SECONDS: u64 = 72 * 3600;
/// The longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4096;
/// How far the clock of who issued a token may be ahead of ours, in milliseconds.
const LEEWAY_MS: u64 = 5_000;

/// A secret has too few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortSecret;

impl fmt::Display for ShortSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be at least {SECRET_BYTES_MIN} bytes long")
    }
}

impl std::error::Error for ShortSecret {}

/// A token is not ours, not a token, or not good any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// A token could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsigned;

/// What tokens are signed and verified with.
#[derive(Clone)]
pub struct Key {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// Makes a key of a secret.
    pub fn new(secret: &Secret) -> Result<Self, ShortSecret> {
        let secret = secret.expose().as_bytes();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(ShortSecret);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        // The library would look at the system's clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            signing: EncodingKey::from_secret(secret),
            verifying: DecodingKey::from_secret(secret),
            validation,
        })
    }
}

/// What a token says. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whose it is.
    pub sub: Uuid,
    /// When it was issued.
    pub iat: u64,
    /// From when on it is not good any more.
    pub exp: u64,
}

/// Issues a token for an account, good for [`LIFE_SECONDS`].
pub fn issue(key: &Key, sub: Uuid, now_unix_ms: u64) -> Result<String, Unsigned> {
    let iat = now_unix_ms / 1000;
    let exp = iat + LIFE_SECONDS;
    let claims = Claims { sub, iat, exp };
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key.signing);
    token.map_err(|_| Unsigned)
}

/// Reads a token, if it is one of ours and still good.
pub fn verify(key: &Key, token: &str, now_unix_ms: u64) -> Result<Claims, Invalid> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Invalid);
    }
    let data = jsonwebtoken::decode::<Claims>(token, &key.verifying, &key.validation);
    let data = data.map_err(|_| Invalid)?;
    let claims = data.claims;
    // What a token calls critical must be understood (RFC 7515 section 4.1.11), and nothing of it is.
    let is_plain = data.header.crit.is_none();
    let is_issued = claims.iat.saturating_mul(1000) <= now_unix_ms.saturating_add(LEEWAY_MS);
    let is_fresh = now_unix_ms < claims.exp.saturating_mul(1000);
    if is_plain && is_issued && is_fresh {
        Ok(claims)
    } else {
        Err(Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use jsonwebtoken::encode;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const NOW_MS: u64 = 1_800_000_000_123;
    const SUB: Uuid = Uuid::from_u128(0x6fa4_59ea_ee8a_4ca4_894e_db77_e160_355e);

    fn key_of(text: &str) -> Key {
        Key::new(&Secret::new(text.to_owned())).expect("long enough")
    }

    fn key() -> Key {
        key_of("0123456789abcdef0123456789abcdef")
    }

    /// A token whose signature is right.
    fn signed(header: &Header, claims: &Value) -> String {
        let secret = EncodingKey::from_secret(b"0123456789abcdef0123456789abcdef");
        encode(header, claims, &secret).expect("encoded")
    }

    fn claims() -> Value {
        json!({ "sub": SUB, "iat": NOW_MS / 1000, "exp": NOW_MS / 1000 + 60 })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[field] = value;
        claims
    }

    fn without(field: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").remove(field);
        claims
    }

    #[test]
    fn a_short_secret_makes_no_key() {
        for len in [0, 1, 31] {
            let error = Key::new(&Secret::new("x".repeat(len))).expect_err("too short");
            assert!(error.to_string().contains("32 bytes"), "{error}");
        }
        assert!(Key::new(&Secret::new("x".repeat(32))).is_ok());
        assert_eq!(format!("{:?}", key()), "Key(..)");
    }

    #[test]
    fn a_token_says_who_and_is_good_for_three_days() {
        let token = issue(&key(), SUB, NOW_MS).expect("signed");
        let iat = NOW_MS / 1000;
        let exp = iat + 72 * 3600;
        let expected = Claims { sub: SUB, iat, exp };
        for now_ms in [NOW_MS, exp * 1000 - 1, iat * 1000 - 5_000] {
            assert_eq!(verify(&key(), &token, now_ms), Ok(expected), "{now_ms}");
        }
        for now_ms in [exp * 1000, u64::MAX, iat * 1000 - 5_001, 0] {
            assert_eq!(verify(&key(), &token, now_ms), Err(Invalid), "{now_ms}");
        }
        let other = key_of("0123456789abcdef0123456789abcdeg");
        assert_eq!(verify(&other, &token, NOW_MS), Err(Invalid));
    }

    #[test]
    fn it_claims_three_things_and_no_more() {
        let token = issue(&key(), SUB, NOW_MS).expect("signed");
        let data = jsonwebtoken::dangerous::insecure_decode::<Value>(&token).expect("a token");
        let iat = NOW_MS / 1000;
        let expected = json!({ "sub": SUB, "iat": iat, "exp": iat + 259_200 });
        assert_eq!(data.claims, expected);
        assert_eq!(data.header, Header::new(Algorithm::HS256));
    }

    #[test]
    fn what_is_no_good_token_is_refused() {
        let hs256 = Header::new(Algorithm::HS256);
        let good = signed(&hs256, &claims());
        assert!(verify(&key(), &good, NOW_MS).is_ok());
        let parts: Vec<&str> = good.split('.').collect();
        let [head, body, signature] = parts[..] else {
            panic!("three parts");
        };
        assert_eq!(
            BASE64.encode(claims().to_string()),
            body,
            "the test encodes as it should"
        );
        let forged = |head: &str| {
            let head = BASE64.encode(head);
            [
                format!("{head}.{body}."),
                format!("{head}.{body}.{signature}"),
                format!("{head}.{body}"),
            ]
        };
        let mut critical = hs256.clone();
        critical.crit = Some(vec!["b64".to_owned()]);
        let mut bad = vec![
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            "...".to_owned(),
            "x".to_owned(),
            format!("{good}."),
            format!("{good}.{signature}"),
            format!("{good}="),
            format!("{good}A"),
            format!("{good} "),
            format!("{good}\n"),
            format!(" {good}"),
            format!("Bearer {good}"),
            format!("{head}.{body}"),
            format!("{head}.{body}."),
            format!("{head}..{signature}"),
            format!("{head}=.{body}.{signature}"),
            format!("{head}.{body}.{}", signature.replace(['-', '_'], "+")) + "/",
            "x".repeat(TOKEN_BYTES_MAX + 1),
            signed(&hs256, &with("pad", json!("x".repeat(TOKEN_BYTES_MAX)))),
            signed(&Header::new(Algorithm::HS384), &claims()),
            signed(&Header::new(Algorithm::HS512), &claims()),
            signed(&critical, &claims()),
        ];
        for head in [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":""}"#,
            r#"{"alg":"RS256","typ":"JWT"}"#,
            r#"{"alg":"ES256","typ":"JWT"}"#,
            r#"{"alg":"HS384","typ":"JWT"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"typ":"JWT"}"#,
            "{}",
            "null",
            "",
        ] {
            bad.extend(forged(head));
        }
        for claims in [
            without("sub"),
            without("iat"),
            without("exp"),
            with("sub", json!(7)),
            with("sub", json!(null)),
            with("sub", json!("somebody")),
            with("sub", json!("")),
            with("iat", json!("1800000000")),
            with("iat", json!(-1)),
            with("iat", json!(null)),
            with("iat", json!(NOW_MS / 1000 + 6)),
            with("iat", json!(u64::MAX)),
            with("exp", json!("1900000000")),
            with("exp", json!(1.9e9)),
            with("exp", json!(-1)),
            with("exp", json!(NOW_MS / 1000)),
            with("exp", json!(0)),
            with("exp", json!({})),
            with("aud", json!("somebody else")),
            json!([]),
            json!(null),
            json!("claims"),
        ] {
            bad.push(signed(&hs256, &claims));
        }
        for token in bad {
            assert_eq!(verify(&key(), &token, NOW_MS), Err(Invalid), "{token}");
        }
    }

    proptest! {
        #[test]
        fn every_changed_byte_makes_it_invalid(at in any::<prop::sample::Index>(), byte in 0u8..128) {
            let token = issue(&key(), SUB, NOW_MS).expect("signed");
            let mut bytes = token.clone().into_bytes();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            let changed = String::from_utf8(bytes).expect("ASCII");
            prop_assert_eq!(verify(&key(), &changed, NOW_MS), Err(Invalid));
        }

        #[test]
        fn anything_can_be_looked_at(token in any::<String>(), now_ms in any::<u64>()) {
            prop_assert_eq!(verify(&key(), &token, now_ms), Err(Invalid));
        }

        #[test]
        fn times_cannot_overflow(iat in any::<u64>(), exp in any::<u64>(), now_ms in any::<u64>()) {
            let claims = json!({ "sub": SUB, "iat": iat, "exp": exp });
            let token = signed(&Header::new(Algorithm::HS256), &claims);
            let is_good = u128::from(iat) * 1000 <= u128::from(now_ms) + 5_000
                && u128::from(now_ms) < u128::from(exp) * 1000;
            prop_assert_eq!(verify(&key(), &token, now_ms).is_ok(), is_good);
        }
    }
}
