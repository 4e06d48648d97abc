//! Accounts, the pool and private rooms, through the real binary with its own store.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use support::members::Member;
use support::raw::handshake;
use support::{Client, Raw, Response, Server};
use tungstenite::Message;

const NOBODY: &str = "6f0c3a52-0000-4000-8000-000000000000";

/// Sends a request with these fields, and takes its answer.
fn ask_on(mut raw: Raw, method: &str, target: &str, fields: &str, body: &str) -> Response {
    let length = match method {
        "GET" | "HEAD" | "OPTIONS" => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    raw.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}{length}\r\n{body}"
    ));
    raw.response_to(method)
}

fn ask(server: &Server, method: &str, target: &str, fields: &str, body: &str) -> Response {
    ask_on(server.raw(), method, target, fields, body)
}

/// The field with which somebody says who they are.
fn bearer(member: &Member) -> String {
    format!("Authorization: Bearer {}\r\n", member.token)
}

/// The status of a handshake that is refused, or 101.
fn knock(server: &Server, target: &str) -> u16 {
    let mut raw = server.raw();
    raw.send(format!("{}\r\n", handshake(target)));
    raw.response().status
}

/// Makes sure that nothing else has come, by a question that is answered at once. What others did before and had answered has
/// arrived by then.
fn expect_quiet(client: &mut Client) {
    client.say(json!({ "type": "anybody there" }));
    client.expect_error("unknown_type");
}

/// Says something, and gives the id under which it is kept.
fn tell(client: &mut Client, content: &str) -> String {
    client.say(json!({ "type": "message", "content": content }));
    let ack = client.expect("message_ack");
    ack["id"].as_str().expect("an id").to_owned()
}

/// Two people in a room, of whom the first had waited.
fn couple(server: &Server) -> (Member, Member, String) {
    let (ann, bob) = (server.register("ann", "DE"), server.register("bob", "FR"));
    let room = server.match_up(&ann, &bob);
    (ann, bob, room)
}

/// Everything that can be done with a room and a message in it by a request.
fn doors(room: &str, message: &str) -> [(&'static str, String, Value); 7] {
    [
        ("GET", format!("/rooms/{room}"), Value::Null),
        ("GET", format!("/rooms/{room}/messages"), Value::Null),
        (
            "PATCH",
            format!("/rooms/{room}/name"),
            json!({ "name": "tea" }),
        ),
        ("DELETE", format!("/rooms/{room}"), Value::Null),
        ("HEAD", format!("/rooms/{room}"), Value::Null),
        (
            "POST",
            format!("/messages/{message}/reactions"),
            json!({ "emoji": "x" }),
        ),
        (
            "DELETE",
            format!("/messages/{message}/reactions"),
            Value::Null,
        ),
    ]
}

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

#[test]
fn each_field_of_a_registration_is_looked_at() {
    let server = Server::plain();
    let good = json!({ "pseudo": "ann", "email": "ann@example.org", "country": "de", "password": "12345678" });
    for (field, values) in [
        (
            "pseudo",
            vec![
                json!("a"),
                json!("a".repeat(33)),
                json!("a@b"),
                json!("a\u{0}b"),
                json!(7),
                Value::Null,
            ],
        ),
        (
            "email",
            vec![
                json!("ann"),
                json!("@example.org"),
                json!("ann@"),
                json!("a b@example.org"),
                json!({}),
            ],
        ),
        (
            "country",
            vec![
                json!("XX"),
                json!("DEU"),
                json!("Germany"),
                json!(""),
                json!(49),
            ],
        ),
        (
            "password",
            vec![
                json!("1234567"),
                json!("x".repeat(129)),
                json!(12_345_678),
                Value::Null,
            ],
        ),
    ] {
        let mut bodies: Vec<Value> = values
            .into_iter()
            .map(|value| {
                let mut body = good.clone();
                body[field] = value;
                body
            })
            .collect();
        let mut without = good.clone();
        without.as_object_mut().expect("an object").remove(field);
        bodies.push(without);
        for body in bodies {
            let (status, answer) = server.call("POST", "/auth/register", "", &body);
            assert_eq!(status, 400, "{body}");
            let error = answer["error"].as_str().expect("an error");
            assert!(error.starts_with(field), "{body}: {error}");
        }
    }
    for body in ["", "[]", "null", "{", "\"ann\""] {
        assert_eq!(
            ask(&server, "POST", "/auth/register", "", body).status,
            400,
            "{body}"
        );
    }
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let typed = ask(&server, "POST", "/auth/register", form, &good.to_string());
    assert_eq!(typed.status, 415);
    let huge = json!({ "pseudo": "x".repeat(70_000) }).to_string();
    assert_eq!(
        ask(&server, "POST", "/auth/register", "", &huge).status,
        413
    );
    let json_typed = "Content-Type: application/json; charset=utf-8\r\n";
    let made = ask(
        &server,
        "POST",
        "/auth/register",
        json_typed,
        &good.to_string(),
    );
    assert_eq!(made.status, 201);
    let made: Value = serde_json::from_slice(&made.body).expect("JSON");
    let user = made["user"].as_object().expect("a user");
    let mut keys: Vec<&String> = user.keys().collect();
    keys.sort();
    assert_eq!(keys, ["country", "created_at", "email", "id", "pseudo"]);
    assert_eq!(user["country"], "DE");
    let created = user["created_at"].as_str().expect("a time");
    assert!(created.len() == 24 && created.ends_with('Z'), "{created}");
    assert_eq!(
        made["token"].as_str().map(|token| token.split('.').count()),
        Some(3)
    );
}

#[test]
fn a_name_or_address_is_taken_however_it_is_spelt() {
    let server = Server::plain();
    server.register("ann", "DE");
    let taken = (409, json!({ "error": "pseudo or email already taken" }));
    for (pseudo, email) in [("ANN", "other@example.org"), ("other", "Ann@EXAMPLE.org")] {
        let body =
            json!({ "pseudo": pseudo, "email": email, "country": "FR", "password": "12345678" });
        assert_eq!(server.call("POST", "/auth/register", "", &body), taken);
    }
    server.register("other", "FR");
}

#[test]
fn whoever_fails_too_often_has_to_wait() {
    let server = Server::plain();
    let ann = server.register("ann", "DE");
    let from = |last: u8, password: &str| {
        let raw = Raw::connect_from(IpAddr::V4(Ipv4Addr::new(127, 0, 1, last)), server.address());
        let body = json!({ "identifier": "ann", "password": password }).to_string();
        ask_on(raw, "POST", "/auth/login", "", &body)
    };
    let retry = |response: &Response| {
        assert_eq!(response.status, 429);
        let seconds = response.field("retry-after").expect("a Retry-After");
        seconds.parse::<u64>().expect("seconds")
    };
    for _ in 0..5 {
        assert_eq!(from(1, "wrong horse").status, 401);
    }
    assert!((1..=20).contains(&retry(&from(1, "correct horse"))));
    // Somewhere else the account is still theirs, and a success costs nothing.
    for _ in 0..3 {
        assert_eq!(from(2, "correct horse").status, 200);
    }
    for last in 2..5 {
        for _ in 0..5 {
            assert_eq!(from(last, "wrong horse").status, 401);
        }
    }
    assert!((21..=300).contains(&retry(&from(5, "correct horse"))));
    // Whoever is in stays in.
    assert_eq!(
        server.call("GET", "/rooms/me", &ann.token, &Value::Null).0,
        200
    );
}

#[test]
fn nothing_of_somebody_s_is_had_without_a_token() {
    let server = Server::plain();
    let ann = server.register("ann", "DE");
    let mut targets: Vec<(&str, String)> = doors(NOBODY, NOBODY)
        .into_iter()
        .filter(|(method, ..)| *method != "HEAD")
        .map(|(method, target, _)| (method, target))
        .collect();
    for (method, target) in [
        ("GET", "/rooms/me"),
        ("POST", "/pool/join"),
        ("POST", "/pool/leave"),
    ] {
        targets.push((method, target.to_owned()));
    }
    for (method, target) in targets {
        for (fields, error) in [
            ("", "missing authorization"),
            ("Authorization: Basic YTpi\r\n", "missing authorization"),
            (
                "Authorization: Bearer x.y.z\r\n",
                "invalid or expired token",
            ),
            ("Authorization: Bearer\r\n", "invalid or expired token"),
        ] {
            let response = ask(&server, method, &target, fields, "");
            assert_eq!(
                (response.status, response.error().as_str()),
                (401, error),
                "{method} {target}"
            );
            assert_eq!(response.field("www-authenticate"), Some("Bearer"));
        }
    }
    let in_query = format!("/rooms/me?token={}", ann.token);
    assert_eq!(ask(&server, "GET", &in_query, "", "").status, 200);
    let in_lower_case = bearer(&ann).replace("Authorization: Bearer", "authorization: bearer");
    assert_eq!(
        ask(&server, "GET", "/rooms/me", &in_lower_case, "").status,
        200
    );
}

#[test]
fn the_pool_has_everybody_once() {
    let server = Server::plain();
    let ann = server.register("ann", "DE");
    let pool =
        |verb: &str, body: Value| server.call("POST", &format!("/pool/{verb}"), &ann.token, &body);
    let missing = (404, json!({ "error": "not in the pool" }));
    assert_eq!(pool("leave", Value::Null), missing);
    let waiting = (202, json!({ "message": "waiting for a match" }));
    assert_eq!(pool("join", Value::Null), waiting);
    assert_eq!(
        pool("join", json!({})),
        (409, json!({ "error": "already in the pool" }))
    );
    assert_eq!(pool("leave", Value::Null).0, 200);
    assert_eq!(pool("leave", Value::Null), missing);
    for body in [
        json!({ "same_country": "yes" }),
        json!({ "same_country": 1 }),
        json!([true]),
        json!(7),
    ] {
        assert_eq!(pool("join", body.clone()).0, 400, "{body}");
    }
    assert_eq!(
        pool("join", json!({ "same_country": null, "colour": "red" })),
        waiting
    );
}

#[test]
fn either_side_s_wish_for_their_own_country_binds_both() {
    let server = Server::plain();
    let join = |member: &Member, same_country: bool| {
        let body = json!({ "same_country": same_country });
        server.call("POST", "/pool/join", &member.token, &body)
    };
    let german = server.register("german", "DE");
    let french = server.register("french", "FR");
    let italian = server.register("italian", "IT");
    assert_eq!(join(&german, true).0, 202);
    assert_eq!(join(&french, false).0, 202, "whoever waits minds");
    assert_eq!(join(&italian, true).0, 202, "whoever comes minds");
    let mut notices = server.member_at("notifications", &french);
    notices.expect("online_count");
    let spaniard = server.register("spaniard", "ES");
    let (status, body) = join(&spaniard, false);
    assert_eq!(status, 201, "the oldest who fits");
    assert_eq!(notices.expect("matched")["room_id"], body["room_id"]);
    let compatriot = server.register("compatriot", "DE");
    let (status, body) = join(&compatriot, false);
    assert_eq!(status, 201);
    let (_, rooms) = server.call("GET", "/rooms/me", &german.token, &Value::Null);
    assert_eq!(
        (&rooms[0]["id"], &rooms[0]["my_side"]),
        (&body["room_id"], &json!("a"))
    );
    assert_eq!(
        server
            .call("POST", "/pool/leave", &italian.token, &Value::Null)
            .0,
        200
    );
}

#[test]
fn rooms_are_listed_newest_first_and_show_no_more_than_they_should() {
    let server = Server::plain();
    let (ann, bob, first) = couple(&server);
    let cid = server.register("cid", "IT");
    let second = server.match_up(&cid, &ann);
    let name = format!("/rooms/{first}/name");
    let renamed = server.call(
        "PATCH",
        &name,
        &ann.token,
        &json!({ "name": " the funny one " }),
    );
    assert_eq!(
        (renamed.0, &renamed.1["user_a_room_name"]),
        (200, &json!("the funny one"))
    );
    server.call("PATCH", &name, &bob.token, &json!({ "name": "boring" }));
    let (status, rooms) = server.call("GET", "/rooms/me", &ann.token, &Value::Null);
    assert_eq!(status, 200);
    let rooms = rooms.as_array().expect("a bare list");
    let ids: Vec<&Value> = rooms.iter().map(|room| &room["id"]).collect();
    assert_eq!(ids, [&json!(second), &json!(first)]);
    let (_, shown) = server.call("GET", &format!("/rooms/{first}"), &ann.token, &Value::Null);
    for room in [&rooms[1], &shown] {
        for (field, value) in [
            ("id", json!(first)),
            ("country_a", json!("DE")),
            ("country_b", json!("FR")),
            ("user_a_room_name", json!("the funny one")),
            ("user_b_room_name", json!("Stranger")),
            ("is_active", json!(true)),
            ("my_side", json!("a")),
        ] {
            assert_eq!(room[field], value, "{field}");
        }
        let time = |field: &str| room[field].as_str().expect("a time").to_owned();
        let (created, expires) = (time("created_at"), time("expires_at"));
        assert_eq!(created[10..], expires[10..], "a day later");
        assert!(created < expires && created.ends_with('Z') && created.len() == 24);
    }
    assert_eq!(
        (&rooms[0]["my_side"], &rooms[0]["user_b_room_name"]),
        (&json!("b"), &json!("Stranger"))
    );
    let (_, theirs) = server.call("GET", &format!("/rooms/{first}"), &bob.token, &Value::Null);
    assert_eq!(
        (&theirs["user_a_room_name"], &theirs["user_b_room_name"]),
        (&json!("Stranger"), &json!("boring"))
    );
    for bad in [
        json!({ "name": " " }),
        json!({ "name": "x".repeat(65) }),
        json!({ "name": "a\u{7}" }),
        json!({ "name": "a\u{202e}b" }),
        json!({ "name": "\u{200b}" }),
        json!({ "name": 1 }),
        json!(["tea"]),
        json!({}),
    ] {
        assert_eq!(
            server.call("PATCH", &name, &ann.token, &bad).0,
            400,
            "{bad}"
        );
    }
    let longest = "\u{1f600}".repeat(64);
    let (status, shown) = server.call("PATCH", &name, &ann.token, &json!({ "name": longest }));
    assert_eq!((status, &shown["user_a_room_name"]), (200, &json!(longest)));
}

#[test]
fn messages_are_had_by_the_page() {
    let server = Server::plain();
    let (ann, bob, room) = couple(&server);
    let mut mine = server.member_at(&room, &ann);
    let ids: Vec<String> = (0..5)
        .map(|number| tell(&mut mine, &format!("{number}")))
        .collect();
    let page = |query: &str| {
        let target = format!("/rooms/{room}/messages{query}");
        let (status, page) = server.call("GET", &target, &bob.token, &Value::Null);
        assert_eq!(status, 200, "{query}: {page}");
        let page = page.as_array().expect("a bare list").clone();
        page.iter()
            .map(|message| message["id"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(page(""), ids);
    assert_eq!(page("?limit=2"), ids[3..]);
    assert_eq!(page(&format!("?limit=2&before={}", ids[3])), ids[1..3]);
    assert_eq!(page(&format!("?before={}", ids[1])), ids[..1]);
    assert_eq!(page(&format!("?before={}", ids[0])), [""; 0]);
    assert_eq!(page("?limit=4000000000"), ids);
    for query in ["?limit=x", "?limit=-1", "?limit=", "?before=x", "?before="] {
        let target = format!("/rooms/{room}/messages{query}");
        assert_eq!(
            server.call("GET", &target, &bob.token, &Value::Null).0,
            400,
            "{query}"
        );
    }
    let (_, shown) = server.call(
        "GET",
        &format!("/rooms/{room}/messages?limit=1"),
        &bob.token,
        &Value::Null,
    );
    let message = shown[0].as_object().expect("a message");
    let mut keys: Vec<&String> = message.keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "content",
            "id",
            "is_read",
            "reactions",
            "sender_id",
            "sent_at"
        ]
    );
    assert_eq!(
        (&message["sender_id"], &message["is_read"]),
        (&json!(ann.id), &json!(false))
    );
}

#[test]
fn a_room_is_nobody_else_s_business() {
    let server = Server::plain();
    let (ann, _, room) = couple(&server);
    let eve = server.register("eve", "DE");
    let mut mine = server.member_at(&room, &ann);
    let message = tell(&mut mine, "a secret");
    for (whose, message) in [
        (room.as_str(), message.as_str()),
        (NOBODY, NOBODY),
        ("nonsense", "nonsense"),
        ("%00", "%2e%2e"),
    ] {
        for (method, target, body) in doors(whose, message) {
            let (status, answer) = server.call(method, &target, &eve.token, &body);
            assert_eq!(status, 404, "{method} {target}: {answer}");
        }
        assert_eq!(
            knock(&server, &format!("/ws/{whose}?token={}", eve.token)),
            404
        );
    }
    expect_quiet(&mut mine);
    let (_, page) = server.call(
        "GET",
        &format!("/rooms/{room}/messages"),
        &ann.token,
        &Value::Null,
    );
    assert_eq!(
        (&page[0]["content"], &page[0]["reactions"]),
        (&json!("a secret"), &json!([]))
    );
}

#[test]
fn a_room_that_is_closed_is_gone_at_every_door() {
    let server = Server::plain();
    let (ann, bob, room) = couple(&server);
    let mut sockets = [&ann, &ann, &bob].map(|who| server.member_at(&room, who));
    let message = tell(&mut sockets[0], "until now");
    sockets[1].expect("message_sent");
    sockets[2].expect("message");
    let mut notices = [&ann, &bob, &bob].map(|who| server.member_at("notifications", who));
    let closed = server.call(
        "DELETE",
        &format!("/rooms/{room}"),
        &ann.token,
        &Value::Null,
    );
    assert_eq!(closed, (200, json!({ "message": "room closed" })));
    for socket in &mut sockets {
        assert_eq!(socket.expect_close().0, 1000);
    }
    for socket in &mut notices {
        let told = loop {
            let told = socket.hear();
            if told["type"] != "online_count" {
                break told;
            }
        };
        assert_eq!(told, json!({ "type": "room_closed", "room_id": room }));
    }
    for who in [&ann, &bob] {
        for (method, target, body) in doors(&room, &message) {
            let (status, answer) = server.call(method, &target, &who.token, &body);
            // What was said is erased, so there is nothing left to react to.
            let expected = if target.starts_with("/messages/") {
                404
            } else {
                410
            };
            assert_eq!(status, expected, "{method} {target}: {answer}");
        }
        assert_eq!(
            knock(&server, &format!("/ws/{room}?token={}", who.token)),
            410
        );
        let rooms = server.call("GET", "/rooms/me", &who.token, &Value::Null);
        assert_eq!(rooms, (200, json!([])));
    }
}

#[test]
fn messages_are_acknowledged_in_order_and_kept_once() {
    let server = Server::plain();
    let (ann, bob, room) = couple(&server);
    let (mut mine, mut theirs) = (server.member_at(&room, &ann), server.member_at(&room, &bob));
    let say = |client: &mut Client, number: usize| {
        client.say(json!({ "type": "message", "content": format!("m{number}"), "cid": format!("c{number}") }));
    };
    for number in 0..10 {
        say(&mut mine, number);
    }
    let mut ids = Vec::new();
    for number in 0..10 {
        let ack = mine.expect("message_ack");
        assert_eq!(ack["cid"], format!("c{number}"));
        let told = theirs.expect("message");
        assert_eq!(told["content"], format!("m{number}"));
        assert_eq!(
            (&told["id"], &told["sent_at"]),
            (&ack["id"], &ack["sent_at"])
        );
        assert_eq!(told.get("cid"), None, "that is the sender's");
        ids.push(ack["id"].clone());
    }
    // Said again after the connection was lost.
    mine.vanish();
    let mut mine = server.member_at(&room, &ann);
    say(&mut mine, 3);
    assert_eq!(mine.expect("message_ack")["id"], ids[3]);
    expect_quiet(&mut theirs);
    // The same name from the other side is another message.
    say(&mut theirs, 3);
    assert_ne!(theirs.expect("message_ack")["id"], ids[3]);
    assert_eq!(mine.expect("message")["content"], "m3");
    let (_, page) = server.call(
        "GET",
        &format!("/rooms/{room}/messages"),
        &bob.token,
        &Value::Null,
    );
    assert_eq!(page.as_array().map(Vec::len), Some(11));
}

#[test]
fn it_is_told_once_that_something_was_read() {
    let server = Server::plain();
    let (ann, bob, room) = couple(&server);
    let (mut mine, mut theirs) = (server.member_at(&room, &ann), server.member_at(&room, &bob));
    let ids = [tell(&mut mine, "one"), tell(&mut mine, "two")];
    for _ in &ids {
        theirs.expect("message");
    }
    let is_read = || {
        let (_, page) = server.call(
            "GET",
            &format!("/rooms/{room}/messages"),
            &bob.token,
            &Value::Null,
        );
        [page[0]["is_read"] == true, page[1]["is_read"] == true]
    };
    theirs.say(json!({ "type": "read", "id": ids[0] }));
    assert_eq!(mine.expect("read"), json!({ "type": "read", "id": ids[0] }));
    assert_eq!(is_read(), [true, false]);
    theirs.say(json!({ "type": "read", "id": ids[1] }));
    assert_eq!(mine.expect("read")["id"], ids[1]);
    assert_eq!(is_read(), [true, true]);
    // Nothing changes any more, not even for whoever asks from elsewhere.
    let mut tab = server.member_at(&room, &bob);
    for socket in [&mut theirs, &mut tab] {
        for id in &ids {
            socket.say(json!({ "type": "read", "id": id }));
        }
        expect_quiet(socket);
    }
    theirs.say(json!({ "type": "read", "id": NOBODY }));
    theirs.expect_error("not_found");
    // One's own messages are not read by saying so.
    mine.say(json!({ "type": "read", "id": ids[1] }));
    tell(&mut mine, "three");
    assert_eq!(theirs.expect("message")["content"], "three");
}

#[test]
fn typing_is_told_once_a_second() {
    let server = Server::plain();
    let (ann, bob, room) = couple(&server);
    let (mut mine, mut theirs) = (server.member_at(&room, &ann), server.member_at(&room, &bob));
    // On a machine so busy that a second passes in between, it is tried again.
    let is_held_back = (0..5).any(|_| {
        let start = std::time::Instant::now();
        for _ in 0..3 {
            mine.say(json!({ "type": "typing" }));
        }
        tell(&mut mine, "now");
        let mut count = 0;
        loop {
            let told = theirs.hear();
            if told["type"] == "message" {
                break;
            }
            assert_eq!(told, json!({ "type": "typing" }));
            count += 1;
        }
        count == 1 || start.elapsed().as_secs() < 1 && panic!("told {count} times")
    });
    assert!(is_held_back);
}

#[test]
fn whoever_is_not_in_the_room_is_told_by_every_notification_socket() {
    let server = Server::plain();
    let (ann, bob, room) = couple(&server);
    let mut notices = [&bob, &bob].map(|who| {
        let mut socket = server.member_at("notifications", who);
        assert_eq!(socket.expect("online_count")["count"], 1);
        socket
    });
    let mut mine = server.member_at(&room, &ann);
    let message = tell(&mut mine, "there?");
    let expected =
        json!({ "type": "new_message", "room_id": room, "id": ann.id, "message_id": message });
    for socket in &mut notices {
        assert_eq!(socket.hear(), expected);
    }
    let mut theirs = server.member_at(&room, &bob);
    tell(&mut mine, "ah, there");
    assert_eq!(theirs.expect("message")["content"], "ah, there");
    for socket in &mut notices {
        expect_quiet(socket);
    }
    theirs.close();
    server.await_metric("passerby_members_online", 1.0);
    tell(&mut mine, "gone again?");
    for socket in &mut notices {
        socket.expect("new_message");
        socket.say(json!({ "type": "message", "content": "not here" }));
        socket.expect_error("unknown_type");
    }
    let mut own = server.member_at("notifications", &ann);
    assert_eq!(
        own.expect("online_count")["count"],
        2,
        "people, not sockets"
    );
}

#[test]
fn everybody_has_one_reaction_to_a_message() {
    let server = Server::plain();
    let (ann, bob, room) = couple(&server);
    let (mut mine, mut theirs) = (server.member_at(&room, &ann), server.member_at(&room, &bob));
    let message = tell(&mut mine, "hello");
    theirs.expect("message");
    let target = format!("/messages/{message}/reactions");
    let react = |who: &Member, emoji: &str| {
        let saved = server.call("POST", &target, &who.token, &json!({ "emoji": emoji }));
        assert_eq!(saved, (200, json!({ "message": "reaction saved" })));
    };
    react(&bob, "\u{1f44d}");
    react(&bob, "\u{1f44d}");
    react(&bob, "\u{2764}\u{fe0f}");
    react(&ann, "x");
    let removed = server.call("DELETE", &target, &ann.token, &Value::Null);
    assert_eq!(removed, (200, json!({ "message": "reaction removed" })));
    let removed = server.call("DELETE", &target, &ann.token, &Value::Null);
    assert_eq!(removed.0, 200, "there is none left, as wanted");
    let event = |who: &Member, emoji: Option<&str>| {
        let mut event = json!({ "type": "reaction", "message_id": message, "user_id": who.id, "action": "remove" });
        if let Some(emoji) = emoji {
            event["action"] = json!("add");
            event["emoji"] = json!(emoji);
        }
        event
    };
    for socket in [&mut mine, &mut theirs] {
        for expected in [
            event(&bob, Some("\u{1f44d}")),
            event(&bob, Some("\u{2764}\u{fe0f}")),
            event(&ann, Some("x")),
            event(&ann, None),
        ] {
            assert_eq!(socket.hear(), expected);
        }
        expect_quiet(socket);
    }
    let (_, page) = server.call(
        "GET",
        &format!("/rooms/{room}/messages"),
        &ann.token,
        &Value::Null,
    );
    assert_eq!(
        page[0]["reactions"],
        json!([{ "user_id": bob.id, "emoji": "\u{2764}\u{fe0f}" }])
    );
    for bad in [
        json!({ "emoji": "" }),
        json!({ "emoji": "x".repeat(33) }),
        json!({ "emoji": "\n" }),
        json!({ "emoji": "\u{202e}" }),
        json!({ "emoji": "x\u{200b}" }),
        json!({ "emoji": 1 }),
        json!(["x"]),
        json!({}),
    ] {
        assert_eq!(
            server.call("POST", &target, &bob.token, &bad).0,
            400,
            "{bad}"
        );
    }
}

#[test]
fn nobody_meets_themself_and_a_person_searches_once() {
    let server = Server::plain();
    let ann = server.register("ann", "DE");
    let target = format!("/ws?token={}", ann.token);
    let (mut one, mut other) = (server.client_at(&target), server.client_at(&target));
    one.search();
    other.search();
    one.expect_error("replaced");
    assert_eq!(other.stats(), (2, 1, 0));
    let mut stranger = server.client();
    stranger.say(json!({ "type": "findMatch" }));
    other.joined_with(&mut stranger);
    stranger.say(json!({ "type": "keepInTouch" }));
    stranger.expect_error("account_required");
    other.say(json!({ "type": "keepInTouch" }));
    other.expect_nothing();
    stranger.expect_nothing();
}

#[test]
fn each_route_says_which_methods_it_takes() {
    let server = Server::plain();
    for (target, allowed) in [
        ("/auth/register", "POST, OPTIONS"),
        ("/auth/login", "POST, OPTIONS"),
        ("/pool/join", "POST, OPTIONS"),
        ("/pool/leave", "POST, OPTIONS"),
        ("/rooms/me", "GET, HEAD, OPTIONS"),
        ("/rooms/x", "GET, HEAD, DELETE, OPTIONS"),
        ("/rooms/x/messages", "GET, HEAD, OPTIONS"),
        ("/rooms/x/name", "PATCH, OPTIONS"),
        ("/messages/x/reactions", "POST, DELETE, OPTIONS"),
        ("/ws/notifications", "GET, OPTIONS"),
        ("/ws/x", "GET, OPTIONS"),
    ] {
        for method in ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT"] {
            let response = ask(&server, method, target, "", "");
            let is_allowed = allowed.split(", ").any(|one| one == method);
            match (method, is_allowed) {
                ("OPTIONS", _) => assert_eq!(response.status, 204, "{target}"),
                (_, true) => assert!(
                    matches!(response.status, 400 | 401 | 426),
                    "{method} {target}: {}",
                    response.status
                ),
                (_, false) => assert!(
                    matches!(response.status, 405 | 501),
                    "{method} {target}: {}",
                    response.status
                ),
            }
            if matches!(response.status, 204 | 405) {
                assert_eq!(response.field("allow"), Some(allowed), "{method} {target}");
            }
        }
    }
    let ann = server.register("ann", "DE");
    let head = ask(&server, "HEAD", "/rooms/me", &bearer(&ann), "");
    assert_eq!(
        (head.status, head.field("content-length")),
        (200, Some("2"))
    );
}

#[test]
fn whatever_is_said_badly_is_answered_and_the_room_goes_on() {
    let server = Server::plain();
    let (ann, bob, room) = couple(&server);
    let (mut mine, mut theirs) = (server.member_at(&room, &ann), server.member_at(&room, &bob));
    for (text, code, field) in [
        ("", "bad_json", Value::Null),
        ("hello", "bad_json", Value::Null),
        ("[]", "bad_json", Value::Null),
        (r#"{"type":"message""#, "bad_json", Value::Null),
        ("{}", "bad_field", json!("type")),
        (r#"{"type":7}"#, "bad_field", json!("type")),
        (r#"{"type":"findMatch"}"#, "unknown_type", Value::Null),
        (r#"{"type":"message"}"#, "bad_field", json!("content")),
        (
            r#"{"type":"message","content":""}"#,
            "bad_field",
            json!("content"),
        ),
        (
            r#"{"type":"message","content":{}}"#,
            "bad_field",
            json!("content"),
        ),
        (
            r#"{"type":"message","content":"a","cid":""}"#,
            "bad_field",
            json!("cid"),
        ),
        (r#"{"type":"read"}"#, "bad_field", json!("id")),
        (r#"{"type":"read","id":"../.."}"#, "bad_field", json!("id")),
    ] {
        mine.send(text);
        let error = mine.expect_error(code);
        assert_eq!(error["field"], field, "{text}");
    }
    let long = json!({ "type": "message", "content": "\u{1f600}".repeat(2_001), "cid": "long" });
    mine.say(long);
    assert_eq!(mine.expect_error("too_long")["cid"], "long");
    let longest = "\u{1f600}".repeat(2_000);
    tell(&mut mine, &longest);
    assert_eq!(theirs.expect("message")["content"], longest);
    expect_quiet(&mut theirs);
    mine.send_message(Message::binary(vec![1, 2, 3]))
        .expect("sent");
    assert_eq!(mine.expect_close().0, 1003);
    let mut again = server.member_at(&room, &ann);
    again
        .send_message(Message::text("x".repeat(70_000)))
        .expect("sent");
    assert_eq!(again.expect_close().0, 1009);
    expect_quiet(&mut theirs);
}

#[test]
fn whoever_says_too_much_is_asked_to_wait() {
    let server = Server::start(&["--message-rate", "0.01", "--message-burst", "3"]);
    let (ann, bob, room) = couple(&server);
    let mut mine = server.member_at(&room, &ann);
    let id = tell(&mut mine, "one");
    tell(&mut mine, "two");
    tell(&mut mine, "three");
    // The budget is the person's, whatever they come by.
    let mut tab = server.member_at(&room, &ann);
    for socket in [&mut mine, &mut tab] {
        socket.say(json!({ "type": "message", "content": "four", "cid": "4" }));
        let error = socket.expect_error("rate_limited");
        assert_eq!(error["cid"], "4");
        assert!(error["retryMs"].as_u64().expect("milliseconds") > 1_000);
    }
    let target = format!("/messages/{id}/reactions");
    let response = ask(&server, "POST", &target, &bearer(&ann), r#"{"emoji":"x"}"#);
    assert_eq!(response.status, 429);
    assert!(response.field("retry-after").is_some());
    assert_eq!(
        server
            .call("POST", &target, &bob.token, &json!({ "emoji": "x" }))
            .0,
        200
    );
    assert_eq!(mine.expect("reaction")["user_id"], bob.id);
}

#[test]
fn pages_from_elsewhere_need_leave_for_accounts_as_well() {
    let server = Server::start(&[
        "--allowed-origins",
        "https://friend.example",
        "--trusted-proxies",
        "127.0.0.1",
    ]);
    let ann = server.register("ann", "DE");
    let from = |origin: &str| format!("X-Forwarded-For: 203.0.113.7\r\nOrigin: {origin}\r\n");
    let (friend, foreign) = (
        from("https://friend.example"),
        from("https://foreign.example"),
    );
    let shared = |response: &Response| {
        assert_eq!(response.field("vary"), Some("Origin"));
        response
            .field("access-control-allow-origin")
            .map(str::to_owned)
    };
    let ours = Some("https://friend.example".to_owned());
    for (method, target, status) in [
        ("POST", "/pool/join", 202),
        ("POST", "/pool/leave", 200),
        ("GET", "/rooms/me", 200),
        ("GET", &format!("/rooms/{NOBODY}"), 404),
        ("DELETE", &format!("/rooms/{NOBODY}"), 404),
        ("DELETE", &format!("/messages/{NOBODY}/reactions"), 404),
    ] {
        let response = ask(
            &server,
            method,
            target,
            &format!("{friend}{}", bearer(&ann)),
            "",
        );
        assert_eq!(response.status, status, "{method} {target}");
        assert_eq!(shared(&response), ours, "{method} {target}");
        let without = ask(&server, method, target, &friend, "");
        assert_eq!((without.status, shared(&without)), (401, ours.clone()));
        let refused = ask(
            &server,
            method,
            target,
            &format!("{foreign}{}", bearer(&ann)),
            "",
        );
        assert_eq!(shared(&refused), None, "{method} {target}");
        if method != "GET" {
            assert_eq!(refused.status, 403, "{method} {target}");
        }
        let wish = format!(
            "Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: authorization\r\n"
        );
        let flight = ask(&server, "OPTIONS", target, &format!("{friend}{wish}"), "");
        assert_eq!((flight.status, shared(&flight)), (204, ours.clone()));
        let methods = flight
            .field("access-control-allow-methods")
            .expect("methods");
        assert!(methods.split(", ").any(|one| one == method), "{methods}");
        assert_eq!(
            flight.field("access-control-allow-headers"),
            Some("Authorization, Content-Type")
        );
        let flight = ask(&server, "OPTIONS", target, &format!("{foreign}{wish}"), "");
        assert_eq!(shared(&flight), None);
    }
    let body = r#"{"identifier":"ann","password":"wrong horse"}"#;
    let response = ask(&server, "POST", "/auth/login", &friend, body);
    assert_eq!((response.status, shared(&response)), (401, ours));
    assert_eq!(
        ask(&server, "POST", "/auth/login", &foreign, body).status,
        403
    );
    // Without an Origin nothing is said but that it matters.
    let plain = ask(&server, "GET", "/rooms/me", &bearer(&ann), "");
    assert_eq!((plain.status, shared(&plain)), (200, None));
}

#[test]
fn nothing_private_is_logged() {
    let server = Server::start(&["--log", "debug"]);
    let (ann, bob, room) = couple(&server);
    let mut mine = server.member_at(&room, &ann);
    let id = tell(&mut mine, "canary-message");
    mine.send("canary-nonsense");
    mine.expect_error("bad_json");
    let wrong = json!({ "identifier": "ann", "password": "canary-password" });
    assert_eq!(server.call("POST", "/auth/login", "", &wrong).0, 401);
    server.call(
        "PATCH",
        &format!("/rooms/{room}/name"),
        &bob.token,
        &json!({ "name": "canary-name" }),
    );
    server.call(
        "POST",
        &format!("/messages/{id}/reactions"),
        &bob.token,
        &json!({ "emoji": "canary-emoji" }),
    );
    ask(
        &server,
        "GET",
        "/rooms/me?token=canary-query&canary-query",
        "",
        "",
    );
    assert_eq!(knock(&server, "/ws/notifications?token=canary-query"), 401);
    let log = server.log();
    for secret in [
        "canary",
        "correct horse",
        "example.org",
        &ann.token,
        &bob.token,
    ] {
        assert!(!log.contains(secret), "{secret} in:\n{log}");
    }
}

#[test]
fn without_its_store_a_server_still_has_strangers() {
    let server = Server::start(&["--db-url", "postgres://nobody:nothing@127.0.0.1:1/nothing"]);
    let body = json!({ "pseudo": "ann", "email": "ann@example.org", "country": "DE", "password": "12345678" }).to_string();
    let is_down = support::eventually(support::PATIENCE, || server.get("/readyz").status == 503);
    assert!(is_down);
    let response = ask(&server, "POST", "/auth/register", "", &body);
    assert_eq!(response.status, 503);
    assert!(response.field("retry-after").is_some());
    assert_eq!(server.get("/health").text(), r#"{"status":"ok"}"#);
    let (mut one, mut other) = server.pair();
    one.chat_with(&mut other, "never mind");
}

slow! {
    /// The people in it are told, and nothing of it is left.
    fn a_room_ends_when_its_time_is_over() {
        let data = support::server::scratch();
        let path = data.to_str().expect("a path");
        let flags = ["--data", path, "--private-room-ms", "3000"];
        let server = Server::start(&flags);
        let (ann, bob, room) = couple(&server);
        let mut notices = server.member_at("notifications", &bob);
        notices.expect("online_count");
        let (mut mine, mut theirs) = (server.member_at(&room, &ann), server.member_at(&room, &bob));
        let message = tell(&mut mine, "not for ever");
        theirs.expect("message");
        assert_eq!(mine.expect_close().0, 1000);
        assert_eq!(theirs.expect_close().0, 1000);
        assert_eq!(notices.expect("room_closed")["room_id"], *room);
        for (method, target, body) in doors(&room, &message) {
            let expected = if target.starts_with("/messages/") { 404 } else { 410 };
            assert_eq!(server.call(method, &target, &ann.token, &body).0, expected, "{method} {target}");
        }
        assert_eq!(knock(&server, &format!("/ws/{room}?token={}", ann.token)), 410);
        assert_eq!(server.call("GET", "/rooms/me", &ann.token, &Value::Null), (200, json!([])));
        drop(server);
        let _ = std::fs::remove_dir_all(data);
    }

    /// The tokens are good at the next server as well, and so is the room until its time is over.
    fn a_room_ends_in_time_after_a_restart() {
        let data = support::server::scratch();
        let path = data.to_str().expect("a path");
        let flags = ["--data", path, "--private-room-ms", "3000"];
        let mut server = Server::start(&flags);
        let (ann, bob, room) = couple(&server);
        let mut mine = server.member_at(&room, &ann);
        tell(&mut mine, "not-for-ever");
        drop(mine);
        server.signal("KILL");
        assert!(server.ended(support::PATIENCE).is_some());
        let mut server = Server::start(&flags);
        let mut notices = server.member_at("notifications", &bob);
        notices.expect("online_count");
        let before = server.call("GET", &format!("/rooms/{room}"), &bob.token, &Value::Null);
        // A machine so busy that its time is over by now shows no less, but has no more to tell.
        if before.0 == 200 {
            assert_eq!(notices.expect("room_closed")["room_id"], *room);
        }
        let gone = server.call("GET", &format!("/rooms/{room}/messages"), &bob.token, &Value::Null);
        assert_eq!(gone.0, 410);
        drop(notices);
        server.signal("TERM");
        assert!(server.ended(support::PATIENCE).is_some());
        for file in std::fs::read_dir(&data).expect("a directory") {
            let file = file.expect("a file").path();
            let bytes = std::fs::read(&file).unwrap_or_default();
            let is_left = bytes.windows(12).any(|part| part == b"not-for-ever");
            assert!(!is_left, "in {}", file.display());
        }
        let _ = std::fs::remove_dir_all(data);
    }

    /// It is as if nobody waited.
    fn a_wait_ends_half_a_minute_after_whoever_waited_vanished() {
        let server = Server::plain();
        let (ann, bob) = (server.register("ann", "DE"), server.register("bob", "DE"));
        let mut notices = server.member_at("notifications", &ann);
        notices.expect("online_count");
        assert_eq!(server.call("POST", "/pool/join", &ann.token, &Value::Null).0, 202);
        notices.vanish();
        let has_ended = support::eventually(std::time::Duration::from_secs(60), || server.metric("passerby_pool") == 0.0);
        assert!(has_ended);
        assert_eq!(server.call("POST", "/pool/join", &bob.token, &Value::Null).0, 202);
        assert_eq!(server.call("POST", "/pool/leave", &ann.token, &Value::Null).0, 404);
    }
}
