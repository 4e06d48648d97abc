//! What the server does for two browsers that call each other: keys, servers and credentials for them, signalling,
//! and, if asked for, private addresses.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use support::{Client, Response, Server};

const SECRET: &str = "north-wind-and-the-sun";
const SERVERS: &str = "stun:turn.example.org:3478,turn:turn.example.org:3478?transport=udp,turns:turn.example.org:5349";
const RELAY: &[&str] = &["--turn-secret", SECRET, "--ice-servers", SERVERS];

fn private() -> Server {
    Server::start(&[RELAY, &["--video-relay-only"]].concat())
}

fn find(client: &mut Client) {
    client.say(json!({ "type": "findMatch", "mode": "video" }));
}

/// Two people in a video pair, the initiator first, and what they were told of it.
fn pair(server: &Server) -> ([Client; 2], [Value; 2]) {
    let (mut one, mut other) = (server.client(), server.client());
    find(&mut one);
    one.expect("searching");
    find(&mut other);
    let joined = [&mut one, &mut other].map(|client| client.expect("strangerJoined"));
    ([one, other], joined)
}

/// Two people in a video pair, the initiator first, and their keys.
fn callers(server: &Server) -> ([Client; 2], [String; 2]) {
    let (people, joined) = pair(server);
    (people, joined.map(|joined| key_of(&joined)))
}

fn key_of(message: &Value) -> String {
    message["iceKey"].as_str().expect("a key").to_owned()
}

fn ice(server: &Server, key: &str) -> Response {
    server.get(&format!("/api/ice?key={key}"))
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

#[track_caller]
fn assert_refused(response: &Response) {
    assert_eq!(response.status, 401);
    assert_eq!(response.field("www-authenticate"), Some("Bearer"));
    assert!(body(response)["error"].as_str().unwrap().contains("iceKey"));
}

#[test]
fn a_member_of_a_video_pair_is_told_the_servers() {
    let server = Server::start(&[RELAY, &["--turn-ttl-s", "600"]].concat());
    let (_people, [key, _]) = callers(&server);
    let response = ice(&server, &key);
    assert_eq!(response.status, 200);
    assert_eq!(response.field("cache-control"), Some("no-store"));
    let body = body(&response);
    assert_eq!(body["iceTransportPolicy"], "all");
    assert_eq!(body["ttl"], 600);
    let [stun, turn] = &body["iceServers"].as_array().unwrap()[..] else {
        panic!("{body}");
    };
    assert_eq!(*stun, json!({ "urls": ["stun:turn.example.org:3478"] }));
    assert_eq!(turn["urls"].as_array().unwrap().len(), 2);
    let (until, id) = turn["username"].as_str().unwrap().split_once(':').unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let left = until.parse::<u64>().unwrap() - now.as_secs();
    assert!((540..=600).contains(&left), "{left}");
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(turn["credential"].as_str().unwrap().len(), 28);
}

#[test]
fn without_servers_the_list_is_empty_and_nobody_else_is_named() {
    let server = Server::plain();
    let (_people, [key, _]) = callers(&server);
    let body = body(&ice(&server, &key));
    assert_eq!(
        body,
        json!({ "iceServers": [], "iceTransportPolicy": "all", "ttl": 3600 })
    );
}

#[test]
fn each_side_has_a_key_of_its_own_that_works_once() {
    let server = Server::start(RELAY);
    let (_people, keys) = callers(&server);
    assert_ne!(keys[0], keys[1]);
    let usernames = keys.each_ref().map(|key| {
        let response = ice(&server, key);
        assert_eq!(response.status, 200);
        assert_refused(&ice(&server, key));
        body(&response)["iceServers"][1]["username"].clone()
    });
    assert_ne!(usernames[0], usernames[1]);
}

#[test]
fn the_key_may_be_a_bearer_token() {
    let server = Server::start(RELAY);
    let (_people, [key, _]) = callers(&server);
    let request = |method: &str, key: &str| {
        let mut raw = server.raw();
        raw.send(format!(
            "{method} /api/ice HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {key}\r\n\r\n"
        ));
        raw.response_to(method)
    };
    // Who only looks whether it is there does not use it up.
    assert_eq!(request("HEAD", &key).status, 200);
    assert_eq!(request("GET", &key).status, 200);
    assert_refused(&request("GET", &key));
}

#[test]
fn keys_that_nobody_was_given_are_refused() {
    let server = Server::start(RELAY);
    let (_people, [key, _]) = callers(&server);
    let last = if key.ends_with('0') { "1" } else { "0" };
    for bad in [
        "",
        "x",
        &key[..39],
        &format!("{key}0"),
        &format!("{}{last}", &key[..39]),
        &format!("{}{}", "f".repeat(8), &key[8..]),
        &format!("{}{}", &key[..8], "0".repeat(32)),
        &"+".repeat(40),
        "%ff",
    ] {
        assert_refused(&ice(&server, bad));
    }
    assert_refused(&server.get("/api/ice"));
    assert_eq!(ice(&server, &key).status, 200);
}

#[test]
fn a_key_dies_with_its_pair() {
    let server = Server::start(RELAY);
    let ([mut one, mut other], keys) = callers(&server);
    one.say(json!({ "type": "stopChat" }));
    other.expect("strangerLeft");
    keys.iter()
        .for_each(|key| assert_refused(&ice(&server, key)));
    let ([one, mut other], keys) = callers(&server);
    one.vanish();
    other.expect("strangerLeft");
    keys.iter()
        .for_each(|key| assert_refused(&ice(&server, key)));
}

#[test]
fn a_text_pair_has_no_key() {
    let server = Server::start(RELAY);
    let (mut one, mut other) = (server.client(), server.client());
    one.search();
    other.say(json!({ "type": "findMatch" }));
    assert!(other.expect("strangerJoined").get("iceKey").is_none());
    one.expect("strangerJoined");
    one.say(json!({ "type": "iceKey" }));
    one.expect_error("bad_state");
    let mut alone = server.client();
    alone.say(json!({ "type": "iceKey" }));
    alone.expect_error("bad_state");
}

#[test]
fn keys_and_credentials_tell_nothing_of_whose_they_are() {
    let server = Server::start(RELAY);
    let mut handles = Vec::new();
    for _ in 0..4 {
        let ([mut one, mut other], keys) = callers(&server);
        one.say(json!({ "type": "sendMessage", "text": "hi" }));
        let user = other.expect("message")["userId"]
            .as_str()
            .unwrap()
            .to_owned();
        let body = body(&ice(&server, &keys[0]));
        let username = body["iceServers"][1]["username"].as_str().unwrap();
        for known in [&user, &user.replace('-', ""), &keys[0][8..].to_owned()] {
            assert!(!username.contains(known), "{username}");
        }
        handles.extend(keys.map(|key| u32::from_str_radix(&key[..8], 16).unwrap()));
    }
    // Were they places in a table, they would be small.
    let small = handles.iter().filter(|handle| **handle < 1 << 16).count();
    assert!(small < 2, "{handles:x?}");
}

#[test]
fn a_long_call_gets_further_keys_but_not_without_end() {
    let server = Server::start(RELAY);
    let ([mut one, _other], [first, _]) = callers(&server);
    let mut renew = || {
        one.say(json!({ "type": "iceKey" }));
        one.hear()
    };
    // A key in place of one that was not used costs nothing but itself.
    let second = key_of(&renew());
    assert_refused(&ice(&server, &first));
    assert_eq!(ice(&server, &second).status, 200);
    // Two more credentials are to be had at once, and then one in half of the hour for which they work.
    for _ in 0..2 {
        assert_eq!(ice(&server, &key_of(&renew())).status, 200);
    }
    let refused = renew();
    assert_eq!(refused["code"], "rate_limited");
    let retry_ms = refused["retryMs"].as_u64().unwrap();
    assert!((1_700_000..=1_800_000).contains(&retry_ms), "{retry_ms}");
}

#[test]
fn keys_are_not_asked_for_without_end() {
    let server = Server::start(RELAY);
    let ([mut one, _other], _) = callers(&server);
    for _ in 0..5 {
        one.say(json!({ "type": "iceKey" }));
        one.expect("iceKey");
    }
    one.say(json!({ "type": "iceKey" }));
    let retry_ms = one.expect_error("rate_limited")["retryMs"].as_u64();
    assert!(retry_ms.is_some_and(|ms| ms <= 10_000), "{retry_ms:?}");
}

#[test]
fn each_is_told_how_the_other_s_side_of_the_call_is() {
    for server in [Server::plain(), private()] {
        let ([mut one, mut other], _) = callers(&server);
        let state = json!({ "camera": true, "revealed": false, "where": "192.168.1.5" });
        one.say(json!({ "type": "callState", "state": state }));
        let heard = other.expect("callState");
        assert_eq!(heard["state"], json!({ "camera": true, "revealed": false }));
        assert!(heard["pairId"].is_string());
        one.say(json!({ "type": "callState", "state": { "text": 1 } }));
        assert_eq!(one.expect_error("bad_field")["field"], "state");
        // What is meant for another pair is ignored.
        one.say(json!({ "type": "callState", "state": {}, "pairId": uuid::Uuid::nil() }));
        one.expect_nothing();
        other.expect_nothing();
    }
    let server = Server::plain();
    let mut alone = server.client();
    alone.say(json!({ "type": "callState", "state": {} }));
    alone.expect_error("bad_state");
    let mut other = server.client();
    alone.meet(&mut other);
    alone.say(json!({ "type": "callState", "state": {} }));
    alone.expect_error("bad_state");
}

#[test]
fn signals_are_bounded_in_bytes_too() {
    let server = Server::start(&["--frame-rate", "0"]);
    let ([mut one, mut other], _) = callers(&server);
    let long = json!({ "type": "offer", "sdp": "x".repeat(60_000) });
    // 256 KiB at once; the fifth is on credit.
    for _ in 0..5 {
        one.say(long.clone());
        other.expect("offer");
    }
    one.say(long);
    let retry_ms = one.expect_error("rate_limited")["retryMs"].as_u64();
    assert!(retry_ms.is_some_and(|ms| ms <= 1_000), "{retry_ms:?}");
    other.expect_nothing();
    one.chat_with(&mut other, "words have a budget of their own");
}

#[test]
fn a_trickle_of_candidates_is_not_too_fast_and_a_flood_is() {
    let server = Server::start(&["--frame-rate", "0"]);
    let ([mut one, mut other], _) = callers(&server);
    one.say(json!({ "type": "offer", "sdp": "x" }));
    for _ in 0..99 {
        one.say(json!({ "type": "iceCandidate", "candidate": "x" }));
    }
    other.expect("offer");
    for _ in 0..99 {
        other.expect("iceCandidate");
    }
    for _ in 0..200 {
        one.say(json!({ "type": "iceCandidate", "candidate": "x" }));
    }
    assert!(one.expect_error("rate_limited")["retryMs"].is_u64());
}

#[test]
fn video_may_be_only_for_people_with_an_account() {
    let server = Server::start(&["--video-require-account"]);
    let mut one = server.client();
    find(&mut one);
    one.expect_error("account_required");
    one.say(json!({ "type": "nextStranger", "mode": "video" }));
    one.expect_error("account_required");
    // Text is for everybody, and a refusal ends no conversation.
    let mut other = server.client();
    one.meet(&mut other);
    one.say(json!({ "type": "nextStranger", "mode": "video" }));
    one.expect_error("account_required");
    one.chat_with(&mut other, "still here");
}

#[test]
fn in_private_only_relays_are_heard_of() {
    let server = private();
    let ([mut one, mut other], [key, _]) = callers(&server);
    assert_eq!(body(&ice(&server, &key))["iceTransportPolicy"], "relay");
    let sdp = "v=0\r\no=- 7 2 IN IP4 192.168.1.5\r\ns=-\r\nt=0 0\r\n\
        m=audio 40000 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 203.0.113.9\r\na=rtcp:40000 IN IP4 203.0.113.9\r\n\
        a=candidate:1 1 udp 5 192.168.1.5 40000 typ host\r\n\
        a=candidate:2 1 udp 5 203.0.113.9 40000 typ srflx raddr 192.168.1.5 rport 40000\r\n\
        a=candidate:3 1 udp 5 198.51.100.7 50123 typ relay raddr 203.0.113.9 rport 40000\r\na=mid:0\r\n";
    let clean = "v=0\r\no=- 7 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
        a=candidate:3 1 udp 5 198.51.100.7 50123 typ relay raddr 0.0.0.0 rport 0\r\na=mid:0\r\n";
    one.say(json!({ "type": "offer", "sdp": { "type": "offer", "sdp": sdp } }));
    let offer = other.expect("offer");
    assert_eq!(offer["sdp"], json!({ "type": "offer", "sdp": clean }));
    assert!(offer["pairId"].is_string());
    other.say(json!({ "type": "answer", "sdp": sdp }));
    assert_eq!(one.expect("answer")["sdp"], clean);
    for kind in ["host", "srflx raddr 192.168.1.5 rport 5", "prflx"] {
        let line = format!("candidate:1 1 udp 5 203.0.113.9 40000 typ {kind}");
        one.say(
            json!({ "type": "iceCandidate", "candidate": { "candidate": line, "sdpMid": "0" } }),
        );
    }
    one.send(r#"{"type":"iceCandidate","c\u0061ndidate":{"candid\u0061te":"candidate:1 1 udp 5 abc.\u006cocal 5 typ host"}}"#);
    one.say(json!({ "type": "iceCandidate", "candidate": null }));
    assert_eq!(other.expect("iceCandidate")["candidate"], Value::Null);
    one.say(json!({ "type": "iceCandidate", "candidate": { "nested": { "candidate": "x" }, "candidate": 1 } }));
    assert_eq!(one.expect_error("bad_field")["field"], "candidate");
    one.say(json!({ "type": "offer", "sdp": [sdp] }));
    assert_eq!(one.expect_error("bad_field")["field"], "sdp");
    other.expect_nothing();
    one.expect_nothing();
}

#[test]
fn in_private_both_are_told_before_they_do_anything() {
    let (_people, joined) = pair(&private());
    for joined in joined {
        assert_eq!(joined["relayOnly"], true);
    }
    let server = private();
    let mut somebody = server.client();
    somebody.say(json!({ "type": "stats" }));
    assert_eq!(somebody.expect("stats")["relayOnly"], true);
    let server = Server::start(RELAY);
    let ([mut one, _other], [joined, _]) = pair(&server);
    assert!(joined.get("relayOnly").is_none());
    one.say(json!({ "type": "stats" }));
    assert!(one.expect("stats").get("relayOnly").is_none());
}

#[test]
fn in_private_a_relay_is_not_taken_to_be_where_none_is() {
    let line = |address: &str| {
        let line = format!("candidate:1 1 udp 5 {address} 50123 typ relay raddr 0.0.0.0 rport 0");
        json!({ "type": "iceCandidate", "candidate": line })
    };
    let server = private();
    let ([mut one, mut other], _) = callers(&server);
    for address in ["127.0.0.1", "::1", "169.254.3.4", "0.0.0.0"] {
        one.say(line(address));
    }
    one.say(line("10.1.2.3"));
    let heard = other.expect("iceCandidate")["candidate"].to_string();
    assert!(heard.contains("10.1.2.3"), "{heard}");
    one.expect_nothing();
    let here = [
        "--turn-secret",
        SECRET,
        "--ice-servers",
        "turn:127.0.0.1:3478",
    ];
    let server = Server::start(&[&here[..], &["--video-relay-only"]].concat());
    let ([mut one, mut other], _) = callers(&server);
    one.say(line("127.0.0.1"));
    other.expect("iceCandidate");
}

#[test]
fn in_private_a_description_has_a_length() {
    let server = private();
    let ([mut one, mut other], _) = callers(&server);
    let head = "v=0\no=- 1 2 x\n";
    for rest in ["a=x\n".repeat(2_001), "x".repeat(33_000)] {
        one.say(json!({ "type": "offer", "sdp": format!("{head}{rest}") }));
        one.expect_error("too_long");
    }
    one.say(json!({ "type": "offer", "sdp": head }));
    other.expect("offer");
}

#[test]
fn a_server_that_cannot_keep_its_word_does_not_start() {
    for (flags, fault) in [
        (vec!["--video-relay-only"], "turn:"),
        (vec!["--ice-servers", "turn:a"], "turn_secret"),
        (vec!["--ice-servers", "https://a"], "https://a"),
    ] {
        let launch = support::Launch {
            flags: &flags,
            ..support::Launch::default()
        };
        let (status, output, complaint) = launch.run();
        assert_eq!(status.code(), Some(2), "{complaint}");
        assert!(output.is_empty());
        assert!(complaint.contains(fault), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}

#[test]
fn neither_keys_nor_credentials_are_logged() {
    let server = Server::start(RELAY);
    let (_people, [key, _]) = callers(&server);
    let body = body(&ice(&server, &key));
    let credential = body["iceServers"][1]["credential"].as_str().unwrap();
    let log = server.log();
    for hidden in [SECRET, &key, credential] {
        assert!(!log.contains(hidden), "{log}");
    }
}
