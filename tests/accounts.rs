//! Accounts, the pool and private rooms, through the real binary with its own store.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::Server;

#[test]
fn two_people_match_and_talk_in_a_room() {
    let server = Server::plain();
    let (ann, bob) = (server.register("ann", "DE"), server.register("bob", "FR"));
    let mut notices = server.member_at("notifications", &ann);
    assert_eq!(notices.expect("online_count")["count"], 1);
    let room = server.match_up(&ann, &bob);
    assert_eq!(notices.expect("matched")["room_id"], *room);
    let mut theirs = server.member_at(&room, &bob);
    theirs.say(json!({ "type": "message", "content": "hello", "cid": "1" }));
    let ack = theirs.expect("message_ack");
    assert_eq!(ack["cid"], "1");
    let told = notices.expect("new_message");
    assert_eq!(
        (&told["room_id"], &told["id"]),
        (&json!(room), &json!(bob.id))
    );
    let mut mine = server.member_at(&room, &ann);
    mine.say(json!({ "type": "read", "id": ack["id"] }));
    assert_eq!(theirs.expect("read")["id"], ack["id"]);
    mine.say(json!({ "type": "typing" }));
    theirs.expect("typing");
    mine.say(json!({ "type": "message", "content": "hello yourself" }));
    let reply = theirs.expect("message");
    assert_eq!(reply["content"], "hello yourself");
    assert_eq!(mine.expect("message_ack")["id"], reply["id"]);
    let id = reply["id"].as_str().expect("an id");
    let reaction = json!({ "emoji": "\u{1f44d}" });
    let reactions = format!("/messages/{id}/reactions");
    assert_eq!(
        server.call("POST", &reactions, &bob.token, &reaction).0,
        200
    );
    for socket in [&mut mine, &mut theirs] {
        assert_eq!(socket.expect("reaction")["emoji"], "\u{1f44d}");
    }
    let (_, page) = server.call(
        "GET",
        &format!("/rooms/{room}/messages"),
        &ann.token,
        &Value::Null,
    );
    assert_eq!(page[0]["content"], "hello");
    assert_eq!(page[0]["is_read"], true);
    assert_eq!(page[1]["reactions"][0]["user_id"], bob.id);
    let rest = format!("/rooms/{room}");
    assert_eq!(
        server.call("DELETE", &rest, &bob.token, &Value::Null).0,
        200
    );
    assert_eq!(mine.expect_close().0, 1000);
    assert_eq!(theirs.expect_close().0, 1000);
    assert_eq!(server.call("GET", &rest, &ann.token, &Value::Null).0, 410);
}

#[test]
fn a_token_is_good_for_logging_in_and_a_wrong_password_is_not() {
    let server = Server::plain();
    server.register("ann", "DE");
    let log_in = |identifier: &str, password: &str| {
        let body = json!({ "identifier": identifier, "password": password });
        server.call("POST", "/auth/login", "", &body)
    };
    let (status, body) = log_in("ANN@example.org", "correct horse");
    assert_eq!((status, &body["user"]["pseudo"]), (200, &json!("ann")));
    let token = body["token"].as_str().expect("a token");
    let (status, rooms) = server.call("GET", "/rooms/me", token, &Value::Null);
    assert_eq!((status, rooms), (200, json!([])));
    let wrong = (401, json!({ "error": "invalid credentials" }));
    assert_eq!(log_in("ann", "wrong horse"), wrong);
    assert_eq!(log_in("nobody", "wrong horse"), wrong);
    for _ in 0..3 {
        log_in("ann", "wrong horse");
    }
    assert_eq!(log_in("ann", "correct horse").0, 429);
}

#[test]
fn strangers_who_both_ask_stay_in_touch() {
    let server = Server::plain();
    let people = [server.register("ann", "DE"), server.register("bob", "FR")];
    let mut clients = people
        .each_ref()
        .map(|member| server.client_at(&format!("/ws?token={}", member.token)));
    let [one, other] = &mut clients;
    one.meet(other);
    for client in [&mut *one, &mut *other] {
        client.say(json!({ "type": "keepInTouch" }));
    }
    let room = one.expect("roomCreated")["roomId"].clone();
    assert_eq!(other.expect("roomCreated")["roomId"], room);
    let (_, rooms) = server.call("GET", "/rooms/me", &people[1].token, &Value::Null);
    assert_eq!(rooms[0]["id"], room);
}
