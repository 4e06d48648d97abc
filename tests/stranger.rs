//! Anonymous chat as two strangers see it: everything that `/ws` promises.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Client, Server};
use tungstenite::Message;

/// The names of an object's fields, in order.
fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

fn is_uuid_v4(value: &Value) -> bool {
    let id = value
        .as_str()
        .and_then(|text| uuid::Uuid::try_parse(text).ok());
    id.is_some_and(|id| {
        id.get_version_num() == 4 && id.hyphenated().to_string() == value.as_str().unwrap()
    })
}

/// RFC 3339 in UTC with milliseconds, and not far from now.
fn is_timestamp(value: &Value) -> bool {
    let text = value.as_str().expect("a string");
    let time: jiff::Timestamp = text.parse().expect("a timestamp");
    let off = jiff::Timestamp::now().duration_since(time).as_secs().abs();
    text.len() == "2026-01-01T00:00:00.000Z".len() && text.ends_with('Z') && off < 60
}

/// Searches with these options, and is told to wait.
fn search(client: &mut Client, mut options: Value) {
    options["type"] = json!("findMatch");
    client.say(options);
    client.expect("searching");
}

/// Searches with these options, and is told of a partner.
fn find(client: &mut Client, mut options: Value) -> Value {
    options["type"] = json!("findMatch");
    client.say(options);
    client.expect("strangerJoined")
}

#[test]
fn two_who_search_meet_and_talk() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    one.expect_nothing();
    one.say(json!({ "type": "findMatch" }));
    assert_eq!(one.hear(), json!({ "type": "searching" }));
    other.say(json!({ "type": "findMatch" }));
    let (mine, theirs) = (one.expect("strangerJoined"), other.expect("strangerJoined"));
    assert_eq!(
        names(&mine),
        ["initiator", "interests", "mode", "pairId", "type"]
    );
    assert!(is_uuid_v4(&mine["pairId"]), "{mine}");
    assert_eq!(mine["pairId"], theirs["pairId"]);
    assert_eq!(
        (&mine["mode"], &theirs["mode"]),
        (&json!("text"), &json!("text"))
    );
    assert_eq!(
        (&mine["interests"], &theirs["interests"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(
        (&mine["initiator"], &theirs["initiator"]),
        (&json!(true), &json!(false))
    );

    one.chat_unheard("Hello stranger!");
    let message = other.expect("message");
    assert_eq!(
        names(&message),
        ["id", "pairId", "text", "timestamp", "type", "userId"]
    );
    assert_eq!(message["text"], "Hello stranger!");
    assert_eq!(message["pairId"], mine["pairId"]);
    assert!(
        is_uuid_v4(&message["userId"]) && is_uuid_v4(&message["id"]),
        "{message}"
    );
    assert!(is_timestamp(&message["timestamp"]), "{message}");
    other.chat_unheard("Hi!");
    let answer = one.expect("message");
    assert_ne!(answer["userId"], message["userId"]);
    assert_ne!(answer["id"], message["id"]);
    // Without a cid the sender hears nothing.
    one.expect_nothing();
    other.expect_nothing();
}

#[test]
fn a_cid_brings_a_receipt() {
    let server = Server::plain();
    let (mut one, mut other) = server.pair();
    for cid in [
        "7",
        "",
        "with \"quotes\" and \\ and \u{1f600}",
        &"x".repeat(128),
    ] {
        one.say(json!({ "type": "sendMessage", "text": "hi", "cid": cid }));
        let sent = one.expect("sent");
        assert_eq!(names(&sent), ["cid", "id", "timestamp", "type"]);
        assert_eq!(sent["cid"], cid);
        assert!(is_timestamp(&sent["timestamp"]), "{sent}");
        let message = other.expect("message");
        assert_eq!(
            (&message["id"], &message["timestamp"]),
            (&sent["id"], &sent["timestamp"])
        );
        assert!(
            message.get("cid").is_none(),
            "the cid is the sender's own: {message}"
        );
    }
    let long = "x".repeat(129);
    one.say(json!({ "type": "sendMessage", "text": "hi", "cid": long }));
    assert_eq!(one.expect_error("bad_field")["field"], "cid");
    one.say(json!({ "type": "sendMessage", "text": "", "cid": "e" }));
    let error = one.expect_error("bad_field");
    assert_eq!(
        (&error["field"], &error["cid"]),
        (&json!("text"), &json!("e"))
    );
    other.expect_nothing();
}

#[test]
fn searching_again_replaces_what_was_asked_for() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    one.search();
    search(&mut one, json!({ "mode": "video" }));
    assert_eq!(one.stats(), (2, 1, 0));
    other.search();
    search(&mut one, json!({ "interests": ["a"] }));
    one.say(json!({ "type": "findMatch" }));
    let joined = one.expect("strangerJoined");
    assert_eq!(joined["initiator"], false);
    other.expect("strangerJoined");
}

#[test]
fn searching_amid_a_conversation_is_refused_and_changes_nothing() {
    let server = Server::plain();
    let (mut one, mut other) = server.pair();
    one.say(json!({ "type": "findMatch", "mode": "video" }));
    one.expect_error("bad_state");
    other.expect_nothing();
    one.chat_with(&mut other, "still here");
    other.chat_with(&mut one, "me too");
}

#[test]
fn modes_never_mix() {
    let server = Server::start(&["--widen-after-ms", "50", "--rematch-after-ms", "50"]);
    let (mut text, mut video) = (server.client(), server.client());
    text.search();
    search(&mut video, json!({ "mode": "video" }));
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(text.stats(), (2, 2, 0));
    let mut third = server.client();
    let joined = find(&mut third, json!({ "mode": "video" }));
    assert_eq!(joined["mode"], "video");
    assert_eq!(video.expect("strangerJoined")["pairId"], joined["pairId"]);
    text.expect_nothing();
}

#[test]
fn who_has_waited_longest_comes_first() {
    let server = Server::plain();
    let mut waiting: Vec<Client> = Vec::new();
    // They do not fit each other, and all of them fit somebody without a language.
    for language in ["en", "de", "fr", "pt"] {
        let mut client = server.client();
        search(&mut client, json!({ "language": language }));
        waiting.push(client);
    }
    for mut client in waiting {
        let mut newcomer = server.client();
        let joined = find(&mut newcomer, json!({}));
        assert_eq!(client.expect("strangerJoined")["pairId"], joined["pairId"]);
    }
}

#[test]
fn shared_interests_come_first_and_are_shown() {
    let server = Server::plain();
    let (mut anyone, mut music, mut art) = (server.client(), server.client(), server.client());
    anyone.search();
    search(&mut music, json!({ "interests": ["Music", "chess"] }));
    search(&mut art, json!({ "interests": ["art", " Music history "] }));
    let mut fan = server.client();
    let joined = find(
        &mut fan,
        json!({ "interests": ["film", "MUSIC", "chess", "music"] }),
    );
    assert_eq!(
        joined["interests"],
        json!(["MUSIC", "chess"]),
        "as the reader spelled them"
    );
    let theirs = music.expect("strangerJoined");
    assert_eq!(theirs["interests"], json!(["Music", "chess"]));
    anyone.expect_nothing();
    art.expect_nothing();
}

#[test]
fn interests_are_compared_without_regard_to_spelling() {
    let server = Server::plain();
    for (mine, theirs) in [
        ("STRASSE", "stra\u{df}e"),
        ("\u{fb01}lm", "FILM"),
        ("cafe\u{301}", "CAF\u{c9}"),
        ("\u{ff21}rt", "art"),
        ("\u{130}", "i\u{307}"),
    ] {
        let (mut one, mut other) = (server.client(), server.client());
        search(&mut one, json!({ "interests": [mine] }));
        let joined = find(&mut other, json!({ "interests": [theirs] }));
        assert_eq!(joined["interests"], json!([theirs]));
        one.expect("strangerJoined");
    }
    let (mut one, mut other) = (server.client(), server.client());
    search(&mut one, json!({ "interests": ["art"] }));
    search(&mut other, json!({ "interests": ["arts"] }));
}

#[test]
fn who_wants_an_interest_takes_anyone_after_a_while() {
    let server = Server::start(&["--widen-after-ms", "400"]);
    let (mut choosy, mut plain) = (server.client(), server.client());
    let start = Instant::now();
    search(&mut choosy, json!({ "interests": ["rare"] }));
    plain.search();
    let joined = choosy.expect("strangerJoined");
    assert!(
        start.elapsed() >= Duration::from_millis(400),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(joined["interests"], json!([]));
    plain.expect("strangerJoined");

    // Two who share nothing find each other once both have waited.
    let (mut one, mut other) = (server.client(), server.client());
    search(&mut one, json!({ "interests": ["this"] }));
    search(&mut other, json!({ "interests": ["that"] }));
    one.joined_with(&mut other);
}

#[test]
fn who_takes_not_just_anyone_waits_for_good() {
    let server = Server::start(&["--widen-after-ms", "100", "--rematch-after-ms", "100"]);
    let (mut strict, mut plain) = (server.client(), server.client());
    search(
        &mut strict,
        json!({ "interests": ["rare"], "anyone": false }),
    );
    plain.search();
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(plain.stats(), (2, 2, 0));
    strict.expect_nothing();
    let mut fit = server.client();
    let joined = find(&mut fit, json!({ "interests": ["rare"] }));
    assert_eq!(strict.expect("strangerJoined")["pairId"], joined["pairId"]);
    plain.expect_nothing();
}

#[test]
fn languages_that_differ_do_not_meet_at_once() {
    let server = Server::start(&["--widen-after-ms", "1000"]);
    let (mut english, mut german) = (server.client(), server.client());
    search(&mut english, json!({ "language": "en" }));
    search(&mut german, json!({ "language": "de" }));
    let mut other = server.client();
    let joined = find(&mut other, json!({ "language": "DE" }));
    assert_eq!(german.expect("strangerJoined")["pairId"], joined["pairId"]);
    // Later a foreign language is better than nobody.
    let mut french = server.client();
    search(&mut french, json!({ "language": "fr" }));
    french.joined_with(&mut english);
}

#[test]
fn next_tells_the_partner_first_and_searches_again() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    let pair = one.meet(&mut other);
    one.say(json!({ "type": "nextStranger" }));
    let left = other.expect("strangerLeft");
    assert_eq!(
        left,
        json!({ "type": "strangerLeft", "pairId": pair, "reason": "next" })
    );
    one.expect("searching");
    other.expect_nothing();
    assert_eq!(one.stats(), (2, 1, 0));
    // Whoever comes next is matched with the one who pressed next.
    let mut third = server.client();
    let joined = find(&mut third, json!({}));
    assert_ne!(joined["pairId"], pair.as_str());
    assert_eq!(one.expect("strangerJoined")["pairId"], joined["pairId"]);
    one.chat_with(&mut third, "hello, somebody else");
    other.expect_nothing();
}

#[test]
fn next_works_like_a_search_when_there_is_nobody_to_leave() {
    let server = Server::plain();
    let mut client = server.client();
    client.say(json!({ "type": "nextStranger" }));
    client.expect("searching");
    client.say(json!({ "type": "nextStranger" }));
    client.expect("searching");
    assert_eq!(client.stats(), (1, 1, 0));
}

#[test]
fn next_keeps_the_options_that_it_does_not_name() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    let options = json!({ "mode": "video", "interests": ["chess"], "anyone": false });
    search(&mut one, options.clone());
    find(&mut other, options);
    one.expect("strangerJoined");
    one.say(json!({ "type": "nextStranger" }));
    other.expect("strangerLeft");
    one.expect("searching");
    let mut third = server.client();
    let joined = find(
        &mut third,
        json!({ "mode": "video", "interests": ["Chess"] }),
    );
    assert_eq!(joined["interests"], json!(["Chess"]));
    one.expect("strangerJoined");
    one.say(json!({ "type": "nextStranger", "mode": "text", "interests": [] }));
    one.expect("searching");
    let mut fourth = server.client();
    assert_eq!(find(&mut fourth, json!({}))["mode"], "text");
}

#[test]
fn both_press_next_and_each_is_told_once() {
    let server = Server::start(&["--skip-rate", "0", "--rematch-after-ms", "60000"]);
    for _ in 0..20 {
        let (mut one, mut other) = (server.client(), server.client());
        one.meet(&mut other);
        one.send(r#"{"type":"nextStranger"}"#);
        other.send(r#"{"type":"nextStranger"}"#);
        // They must not meet again, so both end up searching; only one of them can have been left.
        let mut left = 0;
        for client in [&mut one, &mut other] {
            loop {
                let said = client.hear();
                match said["type"].as_str() {
                    Some("strangerLeft") => left += 1,
                    Some("searching") => break,
                    _ => panic!("{said}"),
                }
            }
            client.expect_nothing();
        }
        assert_eq!(left, 1);
        one.close();
        other.close();
    }
}

#[test]
fn stop_ends_the_conversation_without_a_reply() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    let pair = one.meet(&mut other);
    one.say(json!({ "type": "stopChat" }));
    one.expect_nothing();
    let left = other.expect("strangerLeft");
    assert_eq!(
        left,
        json!({ "type": "strangerLeft", "pairId": pair, "reason": "stop" })
    );
    for client in [&mut one, &mut other] {
        client.chat("anybody?");
        client.expect_error("bad_state");
    }
    assert_eq!(one.stats(), (2, 0, 0));
}

#[test]
fn stop_ends_the_search() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    one.search();
    one.say(json!({ "type": "stopChat" }));
    assert_eq!(one.stats(), (2, 0, 0));
    other.search();
    one.expect_nothing();
    one.say(json!({ "type": "stopChat" }));
    one.expect_nothing();
}

#[test]
fn a_goodbye_tells_the_partner_at_once() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    let pair = one.meet(&mut other);
    let start = Instant::now();
    one.close();
    let left = other.expect("strangerLeft");
    assert_eq!(
        left,
        json!({ "type": "strangerLeft", "pairId": pair, "reason": "disconnected" })
    );
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(other.stats(), (1, 0, 0));
    server.await_metric("passerby_closes_total{cause=\"client\"}", 1.0);
}

#[test]
fn typing_is_passed_on_at_most_once_a_second() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    let pair = one.meet(&mut other);
    let start = Instant::now();
    for _ in 0..30 {
        one.say(json!({ "type": "typing" }));
    }
    one.expect_nothing();
    let took = start.elapsed();
    assert_eq!(
        other.hear(),
        json!({ "type": "typing", "pairId": pair, "active": true })
    );
    if took < Duration::from_millis(900) {
        other.expect_nothing();
    }
    std::thread::sleep(Duration::from_millis(1_100));
    one.say(json!({ "type": "typing", "active": false }));
    assert_eq!(
        other.hear(),
        json!({ "type": "typing", "pairId": pair, "active": false })
    );
    // The other direction has a second of its own.
    other.say(json!({ "type": "typing" }));
    one.expect("typing");
    one.say(json!({ "type": "stopChat" }));
    one.say(json!({ "type": "typing" }));
    one.expect_error("bad_state");
}

#[test]
fn stats_count_who_is_here() {
    let server = Server::plain();
    let mut one = server.client();
    assert_eq!(one.stats(), (1, 0, 0));
    one.search();
    assert_eq!(one.stats(), (1, 1, 0));
    let mut other = server.client();
    assert_eq!(other.stats(), (2, 1, 0));
    other.say(json!({ "type": "findMatch" }));
    one.joined_with(&mut other);
    assert_eq!(one.stats(), (2, 0, 1));
    let mut video = server.client();
    search(&mut video, json!({ "mode": "video" }));
    assert_eq!(one.stats(), (3, 1, 1));
    drop(video);
    assert!(support::eventually(support::PATIENCE, || one.stats() == (2, 0, 1)));
    one.say(json!({ "type": "nextStranger" }));
    one.expect("searching");
    assert_eq!(one.stats(), (2, 1, 0));
}

#[test]
fn late_commands_of_another_conversation_do_nothing() {
    let server = Server::start(&["--skip-rate", "0"]);
    let (mut one, mut other) = (server.client(), server.client());
    let old = one.meet(&mut other);
    one.say(json!({ "type": "nextStranger" }));
    one.expect("searching");
    let mut third = server.client();
    let current = find(&mut third, json!({}))["pairId"].clone();
    one.expect("strangerJoined");
    for late in [json!(old), json!("nonsense"), json!(uuid::Uuid::nil())] {
        for command in ["sendMessage", "typing", "nextStranger", "stopChat", "offer"] {
            one.say(
                json!({ "type": command, "pairId": late, "text": "for somebody else", "sdp": 1 }),
            );
        }
    }
    one.expect_nothing();
    third.expect_nothing();
    one.say(json!({ "type": "sendMessage", "pairId": current, "text": "for you" }));
    assert_eq!(third.hear_chat(), "for you");
    one.say(json!({ "type": "stopChat", "pairId": current }));
    third.expect("strangerLeft");
    // Without a conversation every pair id is an old one.
    one.say(json!({ "type": "nextStranger", "pairId": current }));
    one.expect_nothing();
}

#[test]
fn signals_pass_between_two_browsers_byte_for_byte() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    search(&mut one, json!({ "mode": "video" }));
    let pair = find(&mut other, json!({ "mode": "video" }))["pairId"]
        .as_str()
        .unwrap()
        .to_owned();
    one.expect("strangerJoined");
    let sdp = "\"v=0\\r\\no=- 46117 2 IN IP4 127.0.0.1\\r\\ns=-\\r\\n\"";
    for (kind, field, body) in [
        ("offer", "sdp", sdp),
        (
            "answer",
            "sdp",
            r#"{ "type" : "answer",  "sdp":"x","n":1.50e+3, "u":"\u00e9\/" }"#,
        ),
        (
            "iceCandidate",
            "candidate",
            r#"{"candidate":"candidate:0 1 UDP 2122 192.0.2.1 5 typ host","sdpMLineIndex":0}"#,
        ),
        ("iceCandidate", "candidate", "[ ]"),
        ("iceCandidate", "candidate", "12345678901234567890.10"),
        ("offer", "sdp", "false"),
    ] {
        one.send(&format!(r#"{{"type":"{kind}","{field}":{body}}}"#));
        let expected = format!(r#"{{"type":"{kind}","{field}":{body},"pairId":"{pair}"}}"#);
        assert_eq!(other.hear_text(), expected);
    }
    let large = format!(r#"{{"type":"offer","sdp":"{}"}}"#, "x".repeat(65_000));
    other.send(&large);
    assert!(one.hear_text().contains(&"x".repeat(65_000)));
    // Text goes beside it.
    one.chat_with(&mut other, "do you see me?");
    one.say(json!({ "type": "offer" }));
    assert_eq!(one.expect_error("bad_field")["field"], "sdp");
    one.say(json!({ "type": "iceCandidate", "sdp": 1 }));
    assert_eq!(one.expect_error("bad_field")["field"], "candidate");
}

#[test]
fn signals_have_no_place_in_a_text_conversation() {
    let server = Server::plain();
    let (mut one, mut other) = server.pair();
    let mut alone = server.client();
    for (kind, field) in [
        ("offer", "sdp"),
        ("answer", "sdp"),
        ("iceCandidate", "candidate"),
    ] {
        one.say(json!({ "type": kind, field: "x" }));
        one.expect_error("bad_state");
        alone.say(json!({ "type": kind, field: "x" }));
        alone.expect_error("bad_state");
    }
    other.expect_nothing();
}

#[test]
fn who_met_lately_meets_others_first() {
    let server = Server::start(&["--rematch-after-ms", "60000"]);
    let (mut one, mut other) = server.pair();
    one.say(json!({ "type": "stopChat" }));
    other.expect("strangerLeft");
    one.search();
    other.search();
    let mut third = server.client();
    let joined = find(&mut third, json!({}));
    assert_eq!(one.expect("strangerJoined")["pairId"], joined["pairId"]);
    other.expect_nothing();
}

#[test]
fn who_met_lately_meets_again_when_nobody_else_comes() {
    let server = Server::start(&["--rematch-after-ms", "400"]);
    let (mut one, mut other) = server.pair();
    one.say(json!({ "type": "stopChat" }));
    other.expect("strangerLeft");
    one.search();
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    other.search();
    one.joined_with(&mut other);
    assert!(
        start.elapsed() >= Duration::from_millis(390),
        "both must have waited"
    );
}

#[test]
fn nobody_meets_themself() {
    let server = Server::start(&[
        "--skip-rate",
        "0",
        "--rematch-after-ms",
        "50",
        "--widen-after-ms",
        "50",
    ]);
    let mut client = server.client();
    for kind in ["findMatch", "nextStranger", "findMatch", "findMatch"] {
        client.say(json!({ "type": kind, "interests": ["me"] }));
        client.expect("searching");
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(client.stats(), (1, 1, 0));
}

#[test]
fn auto_searches_by_itself_and_again_after_the_partner_has_left() {
    let server = Server::start(&["--rematch-after-ms", "60000"]);
    let mut one = server.client_at("/ws?auto=1");
    one.expect("searching");
    let mut other = server.client_at("/ws?auto=1");
    other.expect("searching");
    one.joined_with(&mut other);
    let start = Instant::now();
    other.close();
    one.expect("strangerLeft");
    one.expect("searching");
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(2_900) && took < Duration::from_secs(6),
        "{took:?}"
    );
    // Who stops is not searched for again.
    one.say(json!({ "type": "stopChat" }));
    assert_eq!(one.stats(), (1, 0, 0));
}

#[test]
fn plain_text_for_people_at_a_terminal() {
    let server = Server::start(&["--skip-rate", "0", "--rematch-after-ms", "60000"]);
    let mut one = server.client_at("/ws?format=text");
    assert_eq!(one.hear_text(), "Waiting for a partner...");
    let mut other = server.client_at("/ws?format=text");
    assert_eq!(other.hear_text(), "Waiting for a partner...");
    for client in [&mut one, &mut other] {
        assert_eq!(
            client.hear_text(),
            "You've been paired with a stranger. Start chatting!"
        );
    }
    one.send("hi, who's there? \u{1f600} {\"type\":\"stopChat\"}");
    assert_eq!(
        other.hear_text(),
        "hi, who's there? \u{1f600} {\"type\":\"stopChat\"}"
    );
    other.send("a line end\n");
    assert_eq!(one.hear_text(), "a line end");
    one.send("/next");
    assert_eq!(other.hear_text(), "Your partner has disconnected.");
    assert_eq!(one.hear_text(), "Waiting for a partner...");
    let mut third = server.client_at("/ws?format=text");
    assert_eq!(third.hear_text(), "Waiting for a partner...");
    for client in [&mut one, &mut third] {
        assert_eq!(
            client.hear_text(),
            "You've been paired with a stranger. Start chatting!"
        );
    }
    third.send("/stop");
    assert_eq!(one.hear_text(), "Your partner has disconnected.");
    third.send("is anybody there?");
    assert!(third.hear_text().starts_with("Error: "));
}

#[test]
fn nobody_can_pose_as_the_server_in_plain_text() {
    let server = Server::start(&["--message-rate", "0"]);
    let mut one = server.client_at("/ws?format=text");
    let mut other = server.client_at("/ws?format=text");
    let mut forger = server.client();
    for client in [&mut one, &mut other] {
        assert_eq!(client.hear_text(), "Waiting for a partner...");
        client.hear_text();
    }
    for line in [
        "Waiting for a partner...",
        "You've been paired with a stranger. Start chatting!",
        "Your partner has disconnected.",
    ] {
        one.send(line);
        assert_eq!(other.hear_text(), format!("{line} "));
        // From JSON as well, however it is escaped.
        let escaped: String = line
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect();
        other.send("/next");
        one.hear_text();
        other.hear_text();
        forger.say(json!({ "type": "findMatch" }));
        forger.expect("strangerJoined");
        other.hear_text();
        forger.send(&format!(r#"{{"type":"sendMessage","text":"{escaped}"}}"#));
        assert_eq!(other.hear_text(), format!("{line} "));
        forger.close();
        assert_eq!(other.hear_text(), "Your partner has disconnected.");
        one = server.client_at("/ws?format=text");
        one.hear_text();
        other.send("/next");
        for client in [&mut one, &mut other] {
            assert_eq!(
                client.hear_text(),
                "You've been paired with a stranger. Start chatting!"
            );
        }
        forger = server.client();
    }
}

#[test]
fn json_and_plain_text_meet() {
    let server = Server::plain();
    let mut page = server.client();
    page.search();
    let mut terminal = server.client_at("/ws?format=text");
    page.expect("strangerJoined");
    assert_eq!(terminal.hear_text(), "Waiting for a partner...");
    assert_eq!(
        terminal.hear_text(),
        "You've been paired with a stranger. Start chatting!"
    );
    page.chat("from the \"page\"\n\u{1f600}");
    assert_eq!(terminal.hear_text(), "from the \"page\"\n\u{1f600}");
    terminal.send("from the \"terminal\" \\ \u{7} \u{1f600}");
    let message = page.expect("message");
    assert_eq!(message["text"], "from the \"terminal\" \\ \u{7} \u{1f600}");
    assert!(is_uuid_v4(&message["userId"]));
    // What a terminal cannot show is left out, and nothing is said about it.
    page.say(json!({ "type": "typing" }));
    page.say(json!({ "type": "sendMessage", "text": "\u{1b}[2J", "cid": "1" }));
    page.expect("sent");
    let shown = terminal.hear_text();
    assert!(
        !shown.contains('\u{1b}'),
        "{shown:?} moves the terminal's cursor"
    );
    drop(page);
    assert_eq!(terminal.hear_text(), "Your partner has disconnected.");
}

#[test]
fn how_a_bare_socket_begins_can_be_configured() {
    let server = Server::start(&["--auto-match", "--stranger-format", "text"]);
    let mut one = server.client();
    assert_eq!(one.hear_text(), "Waiting for a partner...");
    let mut other = server.client_at("/ws?format=json&auto=0");
    other.expect_nothing();
    other.say(json!({ "type": "findMatch" }));
    other.expect("strangerJoined");
    let mut third = server.client_at("/ws?format=json");
    third.expect("searching");
}

#[test]
fn errors_keep_the_socket_and_the_conversation() {
    let server = Server::plain();
    let (mut one, mut other) = server.pair();
    let lone = |field: &str| format!(r#"{{"type":"sendMessage","text":"a","{field}":"\udc00"}}"#);
    for (text, code, field) in [
        ("", "bad_json", None),
        ("hello", "bad_json", None),
        ("{\"type\":\"sendMessage\"", "bad_json", None),
        ("[{\"type\":\"stats\"}]", "bad_json", None),
        ("{\"type\":\"stats\"}{\"type\":\"stats\"}", "bad_json", None),
        ("{'type':'stats'}", "bad_json", None),
        ("\"stats\"", "bad_json", None),
        (
            "{\"type\":\"sendMessage\",\"text\":\"a\nb\"}",
            "bad_json",
            None,
        ),
        ("{\"type\":\"dance\"}", "unknown_type", None),
        ("{\"type\":\"FINDMATCH\"}", "unknown_type", None),
        (
            "{\"type\":\"message\",\"text\":\"a\"}",
            "unknown_type",
            None,
        ),
        ("{}", "bad_field", Some("type")),
        ("{\"type\":7}", "bad_field", Some("type")),
        ("{\"type\":\"sendMessage\"}", "bad_field", Some("text")),
        (
            "{\"type\":\"sendMessage\",\"text\":\"\"}",
            "bad_field",
            Some("text"),
        ),
        (
            "{\"type\":\"sendMessage\",\"text\":[\"a\"]}",
            "bad_field",
            Some("text"),
        ),
        (
            "{\"type\":\"sendMessage\",\"text\":\"\\ud83d\"}",
            "bad_field",
            Some("text"),
        ),
        (
            "{\"type\":\"sendMessage\",\"text\":\"a\",\"cid\":1}",
            "bad_field",
            Some("cid"),
        ),
        (&lone("cid"), "bad_field", Some("cid")),
        (
            "{\"type\":\"typing\",\"active\":1}",
            "bad_field",
            Some("active"),
        ),
        (
            "{\"type\":\"findMatch\",\"mode\":\"audio\"}",
            "bad_field",
            Some("mode"),
        ),
        (
            "{\"type\":\"nextStranger\",\"interests\":\"a\"}",
            "bad_field",
            Some("interests"),
        ),
        (
            "{\"type\":\"nextStranger\",\"anyone\":\"yes\"}",
            "bad_field",
            Some("anyone"),
        ),
        (
            "{\"type\":\"nextStranger\",\"language\":5}",
            "bad_field",
            Some("language"),
        ),
        (
            "{\"type\":\"stopChat\",\"pairId\":5}",
            "bad_field",
            Some("pairId"),
        ),
        ("{\"type\":\"findMatch\"}", "bad_state", None),
    ] {
        one.send(text);
        let error = one.expect_error(code);
        assert_eq!(error["field"].as_str(), field, "{text}: {error}");
    }
    let many: Vec<String> = (0..11).map(|number| format!("i{number}")).collect();
    one.say(json!({ "type": "nextStranger", "interests": many }));
    assert_eq!(one.expect_error("bad_field")["field"], "interests");
    one.say(json!({ "type": "nextStranger", "interests": ["x".repeat(25)] }));
    assert_eq!(one.expect_error("bad_field")["field"], "interests");
    // Nested as deep as a frame allows.
    one.send(&format!(
        "{{\"type\":\"stats\",\"x\":{}",
        "[".repeat(60_000)
    ));
    one.expect_error("bad_json");
    other.expect_nothing();
    one.chat_with(&mut other, "still here");
}

#[test]
fn unknown_and_null_fields_are_ignored() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());
    one.send(
        r#" {"futureField":[{}],"type":"findMatch","mode":null,"interests":null,"pairId":null} "#,
    );
    one.expect("searching");
    other.say(json!({ "type": "findMatch", "interests": [], "language": "", "anyone": true }));
    one.joined_with(&mut other);
}

#[test]
fn text_is_up_to_two_thousand_code_points() {
    let server = Server::plain();
    let (mut one, mut other) = server.pair();
    for text in [
        "x".repeat(2_000),
        "\u{1f600}".repeat(2_000),
        "\u{e9}\u{301}".repeat(1_000),
    ] {
        one.chat_with(&mut other, &text);
    }
    let escaped = r"\ud83d\ude00".repeat(2_000);
    one.send(&format!(r#"{{"type":"sendMessage","text":"{escaped}"}}"#));
    assert_eq!(other.hear_chat(), "\u{1f600}".repeat(2_000));
    for text in ["x".repeat(2_001), "\u{1f600}".repeat(2_001)] {
        one.say(json!({ "type": "sendMessage", "text": text, "cid": "long" }));
        assert_eq!(one.expect_error("too_long")["cid"], "long");
    }
    other.expect_nothing();
    let mut terminal = server.client_at("/ws?format=text");
    terminal.hear_text();
    let mut third = server.client();
    find(&mut third, json!({}));
    terminal.hear_text();
    terminal.send(&"\u{1f600}".repeat(2_001));
    assert!(terminal.hear_text().starts_with("Error: "));
    terminal.send(&"\u{1f600}".repeat(2_000));
    assert_eq!(third.hear_chat(), "\u{1f600}".repeat(2_000));
}

#[test]
fn text_arrives_as_it_was_meant() {
    let server = Server::start(&["--message-rate", "0"]);
    let (mut one, mut other) = server.pair();
    for (raw, meant) in [
        (r"\u0041\u00e9\ud83d\ude00", "A\u{e9}\u{1f600}"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (
            r"\u0000\u007f\u2028\ufeff\uffff",
            "\0\u{7f}\u{2028}\u{feff}\u{ffff}",
        ),
        (
            "</script><img src=x onerror=alert(1)>",
            "</script><img src=x onerror=alert(1)>",
        ),
        ("  ", "  "),
        (r#"\",\"type\":\"strangerLeft"#, r#"","type":"strangerLeft"#),
        ("\u{202e}\u{10ffff}", "\u{202e}\u{10ffff}"),
    ] {
        one.send(&format!(r#"{{"type":"sendMessage","text":"{raw}"}}"#));
        assert_eq!(other.hear_chat(), meant);
    }
    for lone in [
        r"\ud83d",
        r"\ude00",
        r"\ud83d\ud83d",
        r"\ude00\ud83d",
        r"\ud83dx\ude00",
        r"a\ud83d\n",
    ] {
        one.send(&format!(r#"{{"type":"sendMessage","text":"{lone}"}}"#));
        assert_eq!(one.expect_error("bad_field")["field"], "text");
    }
    other.expect_nothing();
}

#[test]
fn a_thousand_messages_arrive_once_and_in_order() {
    let server = Server::start(support::UNGUARDED);
    let (mut one, mut other) = server.pair();
    for number in 0..1_000 {
        one.say(
            json!({ "type": "sendMessage", "text": number.to_string(), "cid": number.to_string() }),
        );
    }
    let mut ids = std::collections::HashSet::new();
    for number in 0..1_000 {
        assert_eq!(one.expect("sent")["cid"], number.to_string());
        let message = other.expect("message");
        assert_eq!(message["text"], number.to_string());
        assert!(ids.insert(message["id"].as_str().unwrap().to_owned()));
    }
    other.expect_nothing();
    server.await_metric("passerby_messages_relayed_total", 1_000.0);
}

#[test]
fn messages_over_the_limit_are_refused_and_none_is_lost_silently() {
    let server = Server::start(&[
        "--message-rate",
        "5",
        "--frame-rate",
        "0",
        "--byte-rate",
        "0",
    ]);
    let (mut one, mut other) = server.pair();
    let start = Instant::now();
    for number in 0..60 {
        let number = number.to_string();
        one.say(json!({ "type": "sendMessage", "text": number, "cid": number }));
    }
    let (mut sent, mut refused, mut retry_ms) = (Vec::new(), 0, 0);
    for number in 0..60 {
        let answer = one.hear();
        assert_eq!(
            answer["cid"],
            number.to_string(),
            "every message has its answer, in order"
        );
        if answer["type"] == "sent" {
            sent.push(number);
        } else {
            assert_eq!(answer["code"], "rate_limited", "{answer}");
            retry_ms = answer["retryMs"].as_u64().expect("a number");
            assert!((1..=200).contains(&retry_ms), "{answer}");
            refused += 1;
        }
    }
    let allowed = 20 + 5 * (start.elapsed().as_secs() as usize + 1);
    assert!(
        (20..=allowed).contains(&sent.len()),
        "{} of {allowed}",
        sent.len()
    );
    assert!(refused > 0);
    for number in sent {
        assert_eq!(other.hear_chat(), number.to_string());
    }
    other.expect_nothing();
    std::thread::sleep(Duration::from_millis(retry_ms));
    one.chat_with(&mut other, "slower now");
    assert!(server.metric("passerby_refusals_total{cause=\"command_rate\"}") >= f64::from(refused));
}

#[test]
fn skips_over_the_limit_are_refused_and_change_nothing() {
    let server = Server::start(&["--skip-rate", "2"]);
    let (mut one, mut other) = (server.client(), server.client());
    let mut refused = 0;
    for _ in 0..12 {
        one.say(json!({ "type": "findMatch" }));
        if one.hear()["type"] == "error" {
            refused += 1;
        }
    }
    assert!(refused > 0);
    other.say(json!({ "type": "findMatch" }));
    one.joined_with(&mut other);
    one.say(json!({ "type": "nextStranger" }));
    let error = one.expect_error("rate_limited");
    assert!(
        (1..=500).contains(&error["retryMs"].as_u64().unwrap()),
        "{error}"
    );
    other.expect_nothing();
    one.chat_with(&mut other, "we are still talking");
    std::thread::sleep(Duration::from_millis(550));
    one.say(json!({ "type": "nextStranger" }));
    assert_eq!(other.expect("strangerLeft")["reason"], "next");
}

#[test]
fn a_rate_of_zero_is_no_limit() {
    let server = Server::start(&[
        "--skip-rate",
        "0",
        "--message-rate",
        "0",
        "--frame-rate",
        "0",
        "--byte-rate",
        "0",
    ]);
    let (mut one, mut other) = server.pair();
    for number in 0..300 {
        one.chat(&number.to_string());
    }
    for number in 0..300 {
        assert_eq!(other.hear_chat(), number.to_string());
    }
    let mut third = server.client();
    for _ in 0..100 {
        third.search();
    }
}

#[test]
fn pings_are_answered_with_what_they_brought() {
    let server = Server::plain();
    let mut raw = server.raw_socket();
    raw.send(support::raw::frame(0x89, b"are you there?"));
    let pong = raw.frame();
    assert_eq!(
        (pong.opcode, pong.payload.as_slice()),
        (10, &b"are you there?"[..])
    );
    let mut client = server.client();
    client
        .send_message(Message::Pong(b"unasked".to_vec().into()))
        .expect("sent");
    client.expect_nothing();
}

#[test]
fn a_user_id_lasts_as_long_as_the_connection_and_names_nobody() {
    let server = Server::start(&["--rematch-after-ms", "0"]);
    let (mut one, mut other) = server.pair();
    one.chat("a");
    let first = other.expect("message");
    one.say(json!({ "type": "stopChat" }));
    other.expect("strangerLeft");
    one.search();
    let mut third = server.client();
    find(&mut third, json!({}));
    one.expect("strangerJoined");
    one.chat("b");
    let second = third.expect("message");
    assert_eq!(first["userId"], second["userId"]);
    assert_ne!(first["pairId"], second["pairId"]);
    // It opens nothing: there is no token that works yet, and an id is not one.
    let id = first["userId"].as_str().unwrap();
    let mut raw = server.raw();
    raw.send(format!(
        "{}\r\n",
        support::raw::handshake(&format!("/ws?token={id}"))
    ));
    assert_eq!(raw.response().status, 401);
}
