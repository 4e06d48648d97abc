//! How two browsers reach each other: which STUN and TURN servers they may use, and credentials for these
//! (`GET /api/ice`).
//!
//! Credentials for a relay are worth stealing, so only members of a video pair get them: each is told a key of
//! their own, which works once and not longer than the pair lasts. A call that goes on for longer than the
//! credentials asks for another key.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::RngExt;
use serde_json::json;

use super::Stranger;
use super::client::Client;
use super::outgoing;
use crate::conn::{Request, Turn};
use crate::defaults;
use crate::kernel::bucket::{Bucket, Rate};
use crate::kernel::id::ConnId;
use crate::kernel::lobby::Mode;
use crate::kernel::secret::Secret;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::head::Method;
use crate::wire::ice::IceUrl;
use crate::wire::query;
use crate::wire::response::{Response, Status};

/// What an operator may set about video.
#[derive(Clone, Debug)]
pub struct Video {
    /// Whether only people with an account may meet by video.
    pub require_account: bool,
    /// Whether people may reach each other only through a relay, so that none learns another's address.
    pub relay_only: bool,
    /// The STUN and TURN servers that browsers are told of.
    pub ice_servers: Vec<IceUrl>,
    /// What the TURN servers and this one know (coturn's `static-auth-secret`).
    pub turn_secret: Secret,
    /// How long credentials for TURN work, in seconds.
    pub turn_ttl_s: u64,
}

impl Default for Video {
    fn default() -> Self {
        Self {
            require_account: false,
            relay_only: false,
            ice_servers: Vec::new(),
            turn_secret: Secret::default(),
            turn_ttl_s: defaults::TURN_TTL_S,
        }
    }
}

/// What is kept of somebody who has been in a video pair.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// What [`Stranger::ice`] must be shown, until it is.
    key: Option<IceKey>,
    /// How many keys may be asked for.
    keys: Bucket,
    /// How many keys may be had in this pair after one that was used. Each stands for credentials.
    renewals: Bucket,
    /// How fast the two browsers may talk to each other.
    pub(super) signals: Bucket,
    /// And how much.
    pub(super) signal_bytes: Bucket,
}

/// A key: where it is found in the table, and what nobody can guess. Both are drawn at random, so it tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct IceKey {
    handle: u32,
    secret: u128,
}

impl IceKey {
    fn parse(text: &str) -> Option<Self> {
        if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let (handle, secret) = text.split_at(8);
        Some(Self {
            handle: u32::from_str_radix(handle, 16).ok()?,
            secret: u128::from_str_radix(secret, 16).ok()?,
        })
    }
}

impl fmt::Display for IceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:032x}", self.handle, self.secret)
    }
}

const KEY_RATE: Rate = Rate::new(limits::ICE_KEYS_PER_SECOND, limits::ICE_KEYS_BURST);

impl Stranger {
    /// `GET /api/ice`: the servers, for somebody with a key. `Err` is the refusal.
    pub fn ice(&mut self, request: &Request<'_>, turn: &Turn<'_>) -> Result<Response, Response> {
        let head = request.head;
        let asked = query::value(head.query, "key");
        let bearer = head.field("authorization").and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
        let Some(key) = asked.as_deref().or(bearer) else {
            return Err(refusal(
                "missing iceKey; strangerJoined of a video pair has it",
            ));
        };
        let conn = self.ice_key_holder(key).ok_or_else(|| {
            refusal("unknown or used iceKey; ask for another with {\"type\":\"iceKey\"}")
        })?;
        // HEAD changes nothing (RFC 9110 section 9.2.1).
        if head.method == Method::Get {
            self.forget_ice_key(conn);
        }
        let video = &self.settings.video;
        // Coturn counts what one name uses, and the partner's browser is told none of it.
        let name = format!("{:032x}", self.random.random::<u128>());
        let servers = video.servers(turn.now.unix_ms / 1_000, &name);
        let body = json!({
            "iceServers": servers,
            "iceTransportPolicy": if video.relay_only { "relay" } else { "all" },
            "ttl": video.turn_ttl_s,
        });
        Ok(Response::json(Status::OK, body.to_string().into_bytes()))
    }

    /// `iceKey`: another key for somebody in a video pair. One in place of a key that was not used is no more than that
    /// one was; otherwise it stands for further credentials, and these are few while others still work.
    pub(super) fn renew_ice_key<'t>(
        &mut self,
        conn: ConnId,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let client = &mut self.clients[conn.index()];
        if self.lobby.peer(conn).is_none() || client.mode != Mode::Video {
            return Err(Fault::new("bad_state", "This is not a video conversation."));
        }
        let renewal_rate = self.settings.video.renewal_rate();
        let call = client.call.get_or_insert_default();
        call.keys
            .take(KEY_RATE, turn.now.micros)
            .map_err(Fault::too_fast)?;
        if call.key.is_none() {
            call.renewals
                .take(renewal_rate, turn.now.micros)
                .map_err(Fault::too_fast)?;
        }
        let key = self.fresh_ice_key(conn);
        outgoing::ice_key(turn.out.lane(conn), &key);
        Ok(())
    }

    /// Makes the key with which `conn` begins a pair.
    pub(super) fn first_ice_key(&mut self, conn: ConnId) -> String {
        let call = self.clients[conn.index()].call.get_or_insert_default();
        call.renewals = Bucket::default();
        self.fresh_ice_key(conn)
    }

    /// Makes the key of `conn`, instead of any before.
    fn fresh_ice_key(&mut self, conn: ConnId) -> String {
        self.forget_ice_key(conn);
        let mut handle = self.random.random();
        while self.ice_keys.contains_key(&handle) {
            handle = self.random.random();
        }
        let secret = self.random.random();
        let key = IceKey { handle, secret };
        self.ice_keys.insert(handle, conn);
        self.clients[conn.index()].call.get_or_insert_default().key = Some(key);
        key.to_string()
    }

    /// Makes the key of `conn` useless, if it has one.
    pub(super) fn forget_ice_key(&mut self, conn: ConnId) {
        let call = self.clients[conn.index()].call.as_mut();
        if let Some(key) = call.and_then(|call| call.key.take()) {
            self.ice_keys.remove(&key.handle);
        }
    }

    fn ice_key_holder(&self, key: &str) -> Option<ConnId> {
        let key = IceKey::parse(key)?;
        let conn = *self.ice_keys.get(&key.handle)?;
        // One comparison of numbers: how long it takes does not tell how much was right.
        let held = self.clients[conn.index()].call.as_ref()?.key?;
        (held.secret == key.secret).then_some(conn)
    }

    /// Checks that the table of keys and the keys are the same, for [`Stranger::audit`].
    pub(super) fn audit_ice_keys(&self) -> Result<(), String> {
        let held = |client: &Client| client.call.as_ref().and_then(|call| call.key);
        let keys = self
            .clients
            .iter()
            .enumerate()
            .filter_map(|(index, client)| Some((held(client)?, client.conn(index)?)));
        let mut count = 0;
        for (key, conn) in keys {
            count += 1;
            if self.ice_keys.get(&key.handle) != Some(&conn) || self.lobby.peer(conn).is_none() {
                return Err(format!(
                    "the key of {conn:?} is not in the table, or of no pair"
                ));
            }
        }
        if count != self.ice_keys.len() {
            return Err(format!(
                "{count} keys, but {} in the table",
                self.ice_keys.len()
            ));
        }
        Ok(())
    }
}

impl Video {
    /// How often credentials may be had again in one pair: twice at first, should an answer be lost, and then once in half
    /// of the time for which they work.
    fn renewal_rate(&self) -> Rate {
        Rate::new(2.0 / self.turn_ttl_s as f64, limits::ICE_RENEWALS_BURST)
    }

    /// What `RTCPeerConnection` takes as `iceServers`, with credentials in the name of `user`; now is `unix_s`.
    fn servers(&self, unix_s: u64, user: &str) -> Vec<serde_json::Value> {
        let urls = |turn: bool| -> Vec<&str> {
            let all = self.ice_servers.iter();
            all.filter(|url| url.is_turn() == turn)
                .map(IceUrl::as_str)
                .collect()
        };
        let (stun, turn) = (urls(false), urls(true));
        let mut servers = Vec::new();
        if !stun.is_empty() {
            servers.push(json!({ "urls": stun }));
        }
        if !turn.is_empty() {
            let username = format!("{}:{user}", unix_s + self.turn_ttl_s);
            let credential = credential(&self.turn_secret, &username);
            servers.push(json!({ "urls": turn, "username": username, "credential": credential }));
        }
        servers
    }
}

/// The password of `username` for TURN servers that know the secret (draft-uberti-behave-turn-rest-00).
fn credential(secret: &Secret, username: &str) -> String {
    let key = hmac::Key::new(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        secret.expose().as_bytes(),
    );
    BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()))
}

fn refusal(message: &str) -> Response {
    Response::error(Status::UNAUTHORIZED, message).with_field("WWW-Authenticate", "Bearer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_of_the_rest_scheme() {
        // openssl dgst -sha1 -hmac north-wind-secret -binary | base64
        let secret = Secret::new("north-wind-secret");
        assert_eq!(
            credential(&secret, "1763640000:alice"),
            "FJgtoNme5YIUqqxFxi1mZNiwWus="
        );
    }

    #[test]
    fn servers_are_grouped_by_whether_they_ask_for_credentials() {
        let video = Video {
            ice_servers: ["stun:a", "turn:b", "stuns:c", "turns:d?transport=tcp"]
                .map(|url| url.parse().expect("a URL"))
                .into(),
            turn_secret: Secret::new("north-wind-secret"),
            ..Video::default()
        };
        let servers = video.servers(1_000, "somebody");
        assert_eq!(servers[0], json!({ "urls": ["stun:a", "stuns:c"] }));
        assert_eq!(
            servers[1]["urls"],
            json!(["turn:b", "turns:d?transport=tcp"])
        );
        assert_eq!(servers[1]["username"], "4600:somebody");
        assert!(Video::default().servers(0, "somebody").is_empty());
    }

    #[test]
    fn people_with_an_account_may_meet_by_video_where_others_may_not() {
        use crate::kernel::outbox::Outbox;
        use crate::kernel::stats::Stats;
        use crate::kernel::time::Now;
        use crate::service::stranger::{Account, Opening, Settings};

        let mut settings = Settings::default();
        settings.video.require_account = true;
        let mut stranger = Stranger::new(settings, [7; 32]);
        let (mut out, mut stats) = (Outbox::default(), Stats::default());
        let people = [Some(1), Some(2), None]
            .map(|account: Option<u128>| account.map(uuid::Uuid::from_u128))
            .map(|account| account.map(|id| Account { id, until_ms: 1 }));
        let heard = [0, 1, 2].map(|number: u32| {
            let conn = ConnId::new(number, 1);
            out.open(conn);
            stranger.admit(conn, Opening::default(), people[number as usize]);
            let mut turn = Turn {
                now: Now::default(),
                out: &mut out,
                stats: &mut stats,
            };
            stranger.said(conn, r#"{"type":"findMatch","mode":"video"}"#, &mut turn);
            String::from_utf8_lossy(out.pending(conn)).into_owned()
        });
        assert!(heard[0].contains("searching"), "{heard:?}");
        assert!(heard[1].contains("iceKey"), "{heard:?}");
        assert!(heard[2].contains("account_required"), "{heard:?}");
    }
}
