//! Rooms and direct messages as people and their programs see them: everything that `/api/*` promises.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Client, PATIENCE, Response, Server, eventually};

/// One socket of somebody.
struct Guest {
    client: Client,
    id: String,
    token: String,
}

impl Guest {
    /// Comes with the name as the id, and is greeted.
    fn come(server: &Server, name: &str) -> Self {
        Self::at(server, &format!("/api/ws?user_id={name}&username={name}"))
    }

    fn at(server: &Server, target: &str) -> Self {
        let mut client = server.client_at(target);
        let session = client.expect("session");
        let text = |field: &str| session[field].as_str().expect("a string").to_owned();
        let (id, token) = (text("user_id"), text("token"));
        let welcome = client.expect("system");
        assert_eq!(welcome["content"], "Welcome to the chat!");
        let rooms = client.expect("system");
        let rooms = rooms["content"].as_str().expect("a string").to_owned();
        assert!(rooms.contains("General Chat"), "{rooms}");
        Self { client, id, token }
    }

    /// Another socket of the same person.
    fn again(&self, server: &Server) -> Self {
        let (id, token) = (&self.id, &self.token);
        Self::at(
            server,
            &format!("/api/ws?user_id={id}&username={id}&session={token}"),
        )
    }

    /// Joins, and hears so; the history is left to be heard.
    fn join(&mut self, room: &str) {
        self.client
            .say(json!({ "type": "join_room", "content": room }));
        let join = self.client.expect("join");
        assert_eq!(
            (&join["sender_id"], &join["room"]),
            (&json!(self.id), &json!(room))
        );
    }

    fn say(&mut self, room: &str, text: &str) {
        self.client
            .say(json!({ "type": "text", "content": text, "room": room }));
    }

    fn hear_text(&mut self) -> String {
        let message = self.client.expect("text");
        message["content"].as_str().expect("text").to_owned()
    }

    /// Makes sure that nothing else has come: the answer to nonsense is the next message.
    fn hears_nothing(&mut self) {
        self.client.say(json!({ "type": "nonsense" }));
        self.client.expect_error("unknown_type");
    }

    fn leave(&mut self, room: &str) {
        self.client
            .say(json!({ "type": "leave_room", "content": room }));
    }
}

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

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

/// A request with these further fields.
fn request(server: &Server, method: &str, target: &str, fields: &str, body: &str) -> Response {
    let mut raw = server.raw();
    raw.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    raw.response_to(method)
}

fn post(server: &Server, target: &str, body: &Value) -> Response {
    let fields = "Content-Type: application/json\r\n";
    request(server, "POST", target, fields, &body.to_string())
}

fn create(server: &Server, name: &str) -> String {
    let response = post(server, "/api/rooms", &json!({ "name": name }));
    assert_eq!(response.status, 201, "{}", response.text());
    let id = body(&response)["room"]["id"].clone();
    id.as_str().expect("an id").to_owned()
}

fn messages(server: &Server, room: &str, query: &str) -> Vec<Value> {
    let response = server.get(&format!("/api/rooms/{room}/messages{query}"));
    assert_eq!(response.status, 200, "{}", response.text());
    body(&response)["messages"]
        .as_array()
        .expect("a list")
        .clone()
}

#[test]
fn the_documented_frames_work_as_documented() {
    let server = Server::plain();
    let (mut alice, mut bob) = (Guest::come(&server, "alice"), Guest::come(&server, "bob"));
    alice.join("general");
    bob.join("general");
    assert_eq!(alice.client.expect("join")["sender"], "bob");
    alice
        .client
        .send(r#"{"type": "text", "content": "Hello, world!", "room": "general"}"#);
    let heard = bob.client.expect("text");
    assert_eq!(
        names(&heard),
        [
            "content",
            "id",
            "room",
            "sender",
            "sender_id",
            "timestamp",
            "type"
        ]
    );
    assert_eq!(heard["content"], "Hello, world!");
    assert_eq!(
        (&heard["sender"], &heard["sender_id"]),
        (&json!("alice"), &json!("alice"))
    );
    assert_eq!(heard["room"], "general");
    let id = uuid::Uuid::try_parse(heard["id"].as_str().expect("an id")).expect("a UUID");
    assert_eq!(id.get_version_num(), 7);
    let time = heard["timestamp"].as_str().expect("a time");
    let _: jiff::Timestamp = time.parse().expect("a timestamp");
    assert!(time.ends_with('Z') && time.len() == 24);
    assert_eq!(
        alice.client.expect("text"),
        heard,
        "the echo is the confirmation"
    );
    alice
        .client
        .send(r#"{"type": "text", "content": "Private message", "recipient": "bob"}"#);
    let private = bob.client.expect("private");
    assert_eq!(
        names(&private),
        [
            "content",
            "id",
            "recipient",
            "sender",
            "sender_id",
            "timestamp",
            "type"
        ]
    );
    let echo = alice.client.expect("private");
    assert_eq!(echo["delivered"], true);
    assert_eq!(echo["id"], private["id"]);
    bob.leave("general");
    assert_eq!(alice.client.expect("leave")["sender_id"], "bob");
    assert_eq!(bob.client.expect("leave")["sender_id"], "bob");
    alice.say("general", "are you there?");
    alice.hear_text();
    bob.hears_nothing();
}

#[test]
fn the_documented_requests_work_as_documented() {
    let server = Server::plain();
    let mut alice = Guest::come(&server, "alice");
    alice.join("general");
    let rooms = body(&server.get("/api/rooms"));
    let general = &rooms["rooms"][0];
    assert_eq!(names(general), ["created_at", "id", "name", "user_count"]);
    assert_eq!(general["id"], "general");
    assert_eq!(general["name"], "General Chat");
    assert_eq!(general["user_count"], 1);
    assert!(general["created_at"].as_str().unwrap().starts_with("20"));
    let made = post(&server, "/api/rooms", &json!({ "name": "  Tea & <b>  " }));
    assert_eq!(made.status, 201);
    let made = body(&made);
    assert_eq!(made["room"]["name"], "Tea & <b>");
    assert_eq!(body(&server.get("/api/rooms"))["rooms"][1], made["room"]);
    let users = body(&server.get("/api/users"));
    assert_eq!(
        users,
        json!({ "users": [{ "id": "alice", "username": "alice", "room": "general" }] })
    );
    assert_eq!(body(&server.get("/api/users?room=general")), users);
    let empty = format!("/api/users?room={}", made["room"]["id"].as_str().unwrap());
    assert_eq!(body(&server.get(&empty)), json!({ "users": [] }));
    assert_eq!(server.get("/api/users?room=nowhere").status, 404);
    let sent = post(
        &server,
        "/api/messages",
        &json!({ "type": "text", "content": "by request", "sender": "Carl", "sender_id": "carl", "room": "general" }),
    );
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert_eq!(body(&sent)["message"], "Message sent successfully");
    let heard = alice.client.expect("text");
    assert_eq!(
        (&heard["sender"], &heard["id"]),
        (&json!("Carl"), &body(&sent)["id"])
    );
    assert_eq!(messages(&server, "general", ""), [heard]);
    let sent = post(
        &server,
        "/api/messages",
        &json!({ "type": "text", "content": "psst", "sender": "Carl", "sender_id": "carl", "recipient": "alice" }),
    );
    assert_eq!(body(&sent)["delivered"], true);
    assert_eq!(alice.client.expect("private")["content"], "psst");
}

#[test]
fn who_does_not_say_who_they_are_is_not_let_in() {
    let server = Server::plain();
    for query in [
        "",
        "?user_id=a",
        "?username=a",
        "?user_id=&username=a",
        "?user_id=a&username=%20",
        &format!("?user_id={}&username=a", "x".repeat(65)),
        &format!("?user_id=a&username={}", "x".repeat(33)),
        "?user_id=a%00&username=a",
        "?user_id=a&username=a%E2%80%AEb",
        "?user_id=a&username=%E2%A0%80",
        "?user_id=%ff&username=a",
    ] {
        let mut raw = server.raw();
        let target = format!("/api/ws{query}");
        raw.send(format!("{}\r\n", support::raw::handshake(&target)));
        assert_eq!(raw.response().status, 400, "{query}");
    }
    let edge = format!(
        "/api/ws?user_id={}&username={}",
        "%C3%A9".repeat(64),
        "%C3%A9".repeat(32)
    );
    Guest::at(&server, &edge);
}

#[test]
fn nobody_takes_over_who_is_here() {
    let server = Server::plain();
    let mut alice = Guest::come(&server, "alice");
    for query in [
        "user_id=alice&username=alice",
        "user_id=alice&username=alice&session=",
        "user_id=alice&username=alice&session=00000000000000000000000000000000",
        "user_id=system&username=System",
    ] {
        let mut raw = server.raw();
        let target = format!("/api/ws?{query}");
        raw.send(format!("{}\r\n", support::raw::handshake(&target)));
        assert_eq!(raw.response().status, 409, "{query}");
    }
    assert_eq!(alice.token.len(), 32);
    alice.join("general");
    // A forged sender in a frame is not believed.
    alice.client.say(json!({ "type": "text", "content": "x", "room": "general", "sender": "Bob", "sender_id": "bob", "id": "1" }));
    let heard = alice.client.expect("text");
    assert_eq!(
        (&heard["sender"], &heard["sender_id"]),
        (&json!("alice"), &json!("alice"))
    );
    assert_ne!(heard["id"], "1");
    // Nor in a request, unless it brings the token.
    let forged = json!({ "type": "text", "content": "y", "sender": "Mallory", "sender_id": "alice", "room": "general" });
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for fields in [
        String::new(),
        bearer("x"),
        bearer(&"0".repeat(32)),
        "Authorization: Basic YTpi\r\n".into(),
    ] {
        let response = request(
            &server,
            "POST",
            "/api/messages",
            &fields,
            &forged.to_string(),
        );
        assert_eq!(response.status, 401, "{fields}");
        assert_eq!(response.field("www-authenticate"), Some("Bearer"));
    }
    alice.hears_nothing();
    let response = request(
        &server,
        "POST",
        "/api/messages",
        &bearer(&alice.token),
        &forged.to_string(),
    );
    assert_eq!(response.status, 200);
    assert_eq!(
        alice.client.expect("text")["sender"],
        "alice",
        "the name is the server's to say"
    );
    let mut system = forged.clone();
    system["sender_id"] = json!("system");
    assert_eq!(post(&server, "/api/messages", &system).status, 401);
    // Somebody who has gone is still known.
    let token = alice.token.clone();
    alice.client.close();
    server.await_metric("passerby_people", 0.0);
    assert_eq!(post(&server, "/api/messages", &forged).status, 401);
    assert_eq!(
        request(
            &server,
            "POST",
            "/api/messages",
            &bearer(&token),
            &forged.to_string()
        )
        .status,
        200
    );
}

#[test]
fn two_tabs_are_one_person() {
    let server = Server::plain();
    let (mut alice, mut bob) = (Guest::come(&server, "alice"), Guest::come(&server, "bob"));
    bob.join("general");
    alice.join("general");
    bob.client.expect("join");
    alice.say("general", "before");
    alice.hear_text();
    bob.hear_text();
    let mut tab = alice.again(&server);
    assert_eq!(tab.token, alice.token);
    tab.hears_nothing();
    alice.say("general", "between");
    for guest in [&mut alice, &mut tab, &mut bob] {
        assert_eq!(guest.hear_text(), "between");
    }
    // The second tab asks for the room: it is sent what it does not know, and nobody is told again.
    tab.join("general");
    assert_eq!(tab.hear_text(), "before");
    tab.hears_nothing();
    tab.client
        .say(json!({ "type": "join_room", "content": "general" }));
    tab.hears_nothing();
    alice.hears_nothing();
    bob.hears_nothing();
    // A private message reaches both tabs and is echoed to both, once each.
    bob.client
        .say(json!({ "type": "text", "content": "psst", "recipient": "alice" }));
    tab.client.expect("private");
    alice.client.expect("private");
    assert_eq!(bob.client.expect("private")["delivered"], true);
    tab.client
        .say(json!({ "type": "text", "content": "yes?", "recipient": "bob" }));
    bob.client.expect("private");
    assert_eq!(alice.client.expect("private")["delivered"], true);
    assert_eq!(tab.client.expect("private")["delivered"], true);
    // Only the last tab's end is a goodbye.
    alice.client.close();
    server.await_metric("passerby_connections", 3.0);
    bob.hears_nothing();
    assert_eq!(
        body(&server.get("/api/users"))["users"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    tab.client.vanish();
    assert_eq!(bob.client.expect("leave")["sender_id"], "alice");
    server.await_metric("passerby_room_members", 1.0);
}

#[test]
fn who_was_away_is_given_what_was_written() {
    let server = Server::start(&["--message-rate", "0"]);
    let mut alice = Guest::come(&server, "alice");
    for number in 0..103 {
        alice
            .client
            .say(json!({ "type": "text", "content": number.to_string(), "recipient": "bob" }));
        assert_eq!(alice.client.expect("private")["delivered"], false);
    }
    let mut bob = Guest::come(&server, "bob");
    for number in 3..103 {
        let letter = bob.client.expect("private");
        assert_eq!(letter["content"], number.to_string());
        assert_eq!(
            (&letter["recipient"], &letter["sender_id"]),
            (&json!("bob"), &json!("alice"))
        );
        assert!(letter.get("delivered").is_none());
    }
    bob.hears_nothing();
    bob.client.close();
    server.await_metric("passerby_people", 1.0);
    Guest::come(&server, "bob").hears_nothing();
}

#[test]
fn large_letters_all_arrive_in_order() {
    let server = Server::start(&["--message-rate", "0"]);
    let mut alice = Guest::come(&server, "alice");
    let text = |number: usize| format!("{number}:{}", "\u{1f600}".repeat(1_990));
    for number in 0..100 {
        alice
            .client
            .say(json!({ "type": "text", "content": text(number), "recipient": "bob" }));
        alice.client.expect("private");
    }
    let mut bob = Guest::come(&server, "bob");
    for number in 0..100 {
        assert_eq!(bob.client.expect("private")["content"], text(number));
    }
    bob.hears_nothing();
}

#[test]
fn content_comes_back_as_it_was_said() {
    let server = Server::start(&["--message-rate", "0"]);
    let mut alice = Guest::come(&server, "alice");
    alice.join("general");
    for content in [
        "\u{1f600}".repeat(500),
        "é".repeat(500),
        "x".repeat(2_000),
        "\u{1f600}".repeat(2_000),
        "<script>alert(1)</script>".into(),
        "line\nline\t\"quoted\" \\ / \u{7f} \u{2028}".into(),
        "\0\u{1}".into(),
    ] {
        alice.say("general", &content);
        assert_eq!(alice.hear_text(), content);
        let sent = post(
            &server,
            "/api/messages",
            &json!({ "content": content, "sender": "c", "sender_id": "c", "room": "general" }),
        );
        assert_eq!(sent.status, 200, "{}", sent.text());
        assert_eq!(alice.hear_text(), content);
        let kept = messages(&server, "general", "?limit=2");
        assert!(
            kept.iter()
                .all(|message| message["content"] == json!(content))
        );
    }
    // Escapes stay as they were written.
    alice
        .client
        .send(r#"{"type":"text","content":"\u0041\/\ud83d\ude00","room":"general"}"#);
    let raw = alice.client.hear_text();
    assert!(raw.contains(r#""content":"\u0041\/\ud83d\ude00""#), "{raw}");
    alice.say("general", &"\u{1f600}".repeat(2_001));
    alice.client.expect_error("too_long");
    let long =
        json!({ "content": "x".repeat(2_001), "sender": "c", "sender_id": "c", "room": "general" });
    assert_eq!(post(&server, "/api/messages", &long).status, 413);
}

#[test]
fn mistakes_are_told_and_nothing_ends() {
    let server = Server::plain();
    let mut alice = Guest::come(&server, "alice");
    for (command, code, field) in [
        ("{", "bad_json", None),
        ("[]", "bad_json", None),
        (r#"{"type":"dance"}"#, "unknown_type", None),
        (r#"{"type":5}"#, "bad_field", Some("type")),
        (r#"{"content":"a"}"#, "bad_field", Some("type")),
        (
            r#"{"type":"text","content":"a"}"#,
            "bad_field",
            Some("room"),
        ),
        (
            r#"{"type":"text","content":"","room":"general"}"#,
            "bad_field",
            Some("content"),
        ),
        (
            r#"{"type":"text","content":{},"room":"general"}"#,
            "bad_field",
            Some("content"),
        ),
        (
            r#"{"type":"text","content":"a","room":"general"}"#,
            "not_member",
            None,
        ),
        (
            r#"{"type":"text","content":"a","room":"nowhere"}"#,
            "room_not_found",
            None,
        ),
        (r#"{"type":"typing","room":"general"}"#, "not_member", None),
        (
            r#"{"type":"leave_room","content":"general"}"#,
            "not_member",
            None,
        ),
        (
            r#"{"type":"leave_room","content":"nowhere"}"#,
            "room_not_found",
            None,
        ),
        (
            r#"{"type":"join_room","content":"nowhere"}"#,
            "room_not_found",
            None,
        ),
        (r#"{"type":"join_room"}"#, "bad_field", Some("content")),
    ] {
        alice.client.send(command);
        let error = alice.client.expect_error(code);
        assert_eq!(error["field"].as_str(), field, "{command}");
    }
    alice
        .client
        .send(r#"{"type":"text","content":"a","room":"general","cid":"c1"}"#);
    assert_eq!(alice.client.expect_error("not_member")["cid"], "c1");
    alice.join("general");
    alice
        .client
        .send(r#"{"type":"text","content":"a","room":"general","cid":"c2"}"#);
    assert_eq!(alice.client.expect("text")["cid"], "c2");
    alice
        .client
        .send_message(tungstenite::Message::binary(vec![1]))
        .expect("sent");
    assert_eq!(alice.client.expect_close().0, 1003);
}

#[test]
fn nobody_may_say_or_join_too_much() {
    let server = Server::start(&[
        "--message-rate",
        "1",
        "--message-burst",
        "3",
        "--room-burst",
        "3",
    ]);
    let mut alice = Guest::come(&server, "alice");
    alice.join("general");
    for _ in 0..3 {
        alice.say("general", "x");
        alice.hear_text();
    }
    alice.say("general", "x");
    let error = alice.client.expect_error("rate_limited");
    assert!(error["retryMs"].as_u64().expect("a number") <= 1_000);
    alice
        .client
        .say(json!({ "type": "text", "content": "x", "recipient": "bob" }));
    alice.client.expect_error("rate_limited");
    // Two sockets of one person share one budget.
    let mut tab = alice.again(&server);
    tab.say("general", "x");
    tab.client.expect_error("rate_limited");
    let mut refused = None;
    for number in 0..5 {
        let made = post(
            &server,
            "/api/rooms",
            &json!({ "name": number.to_string() }),
        );
        if made.status == 429 {
            refused = Some(made);
        }
    }
    let refused = refused.expect("too many at once");
    assert!(refused.field("retry-after").is_some());
}

#[test]
fn one_person_is_in_64_rooms_at_most() {
    let server = Server::start(&["--rooms-create-on-join", "true", "--room-rate", "0"]);
    let mut alice = Guest::come(&server, "alice");
    for bad in [" tea", "tea\n", " "] {
        alice
            .client
            .say(json!({ "type": "join_room", "content": bad }));
        alice.client.expect_error("bad_field");
    }
    for number in 0..64 {
        alice.join(&format!("room {number}"));
    }
    alice
        .client
        .say(json!({ "type": "join_room", "content": "one more" }));
    alice.client.expect_error("too_many_rooms");
    server.await_metric("passerby_room_members", 64.0);
    assert_eq!(server.metric("passerby_rooms"), 65.0);
    // With `exclusive`, the others are left first.
    alice
        .client
        .say(json!({ "type": "join_room", "content": "one more", "exclusive": true }));
    for _ in 0..64 {
        alice.client.expect("leave");
    }
    assert_eq!(alice.client.expect("join")["room"], "one more");
    assert_eq!(server.metric("passerby_room_members"), 1.0);
    let users = body(&server.get("/api/users"));
    assert_eq!(users["users"][0]["room"], "one more");
}

#[test]
fn who_joins_is_sent_what_was_said() {
    let server = Server::start(&["--message-rate", "0"]);
    let room = create(&server, "tea");
    let mut alice = Guest::come(&server, "alice");
    alice.join(&room);
    for number in 0..205 {
        alice.say(&room, &number.to_string());
        alice.hear_text();
    }
    let mut bob = Guest::come(&server, "bob");
    bob.join(&room);
    for number in 5..205 {
        assert_eq!(bob.hear_text(), number.to_string());
    }
    bob.hears_nothing();
    assert_eq!(alice.client.expect("join")["sender"], "bob");
    // The same by pages.
    let mut pages: Vec<Value> = Vec::new();
    let mut query = "?limit=30".to_owned();
    loop {
        let page = messages(&server, &room, &query);
        let Some(first) = page.first() else { break };
        query = format!("?limit=30&before={}", first["id"].as_str().expect("an id"));
        pages = page.into_iter().chain(pages).collect();
    }
    let contents: Vec<&str> = pages
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (5..205).map(|number: i32| number.to_string()).collect();
    assert_eq!(contents, expected);
    assert_eq!(messages(&server, &room, "").len(), 50);
    assert_eq!(messages(&server, &room, "?limit=0").len(), 0);
    assert_eq!(messages(&server, &room, "?limit=9999").len(), 200);
    for query in ["?limit=x", "?limit=-1", "?before=x"] {
        assert_eq!(
            server
                .get(&format!("/api/rooms/{room}/messages{query}"))
                .status,
            400
        );
    }
    assert_eq!(server.get("/api/rooms/nowhere/messages").status, 404);
}

#[test]
fn lists_have_pages() {
    let server = Server::start(&["--room-rate", "0"]);
    let mut made = vec!["general".to_owned()];
    for number in 0..1_200 {
        made.push(create(&server, &format!("room number {number}")));
    }
    // The last one is listed, however many there are.
    let list = |kind: &str, query: &str| {
        let response = server.get(&format!("/api/{kind}?{query}"));
        assert_eq!(response.status, 200, "{query}: {}", response.text());
        body(&response)
    };
    let ids = |list: &Value| -> Vec<String> {
        let items = list.as_array().expect("a list").iter();
        let ids = items.map(|item| item["id"].as_str().expect("an id"));
        ids.map(str::to_owned).collect()
    };
    for limit in ["", "limit=500&"] {
        let (mut listed, mut after) = (Vec::new(), String::new());
        loop {
            let page = list("rooms", &format!("{limit}{after}"));
            listed.extend(ids(&page["rooms"]));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            assert_eq!(listed.last().map(String::as_str), Some(next));
            after = format!("after={next}");
        }
        assert_eq!(listed, made, "{limit}");
    }
    assert_eq!(ids(&list("rooms", "limit=1")["rooms"]), ["general"]);
    assert_eq!(list("rooms", "limit=0"), json!({ "rooms": [] }));
    let last = made.last().expect("a room");
    assert_eq!(
        list("rooms", &format!("after={last}")),
        json!({ "rooms": [] })
    );
    // People are listed as they came, and the members of a room as they joined.
    let mut people: Vec<Guest> = ["ann", "bob", "carl"]
        .iter()
        .map(|name| Guest::come(&server, name))
        .collect();
    for at in [2, 0, 1] {
        people[at].join("general");
    }
    for (query, expected) in [
        ("", vec!["ann", "bob", "carl"]),
        ("after=ann", vec!["bob", "carl"]),
        ("room=general", vec!["carl", "ann", "bob"]),
        ("room=general&after=carl", vec!["ann", "bob"]),
        ("room=general&after=bob", vec![]),
    ] {
        let page = list("users", query);
        assert_eq!(ids(&page["users"]), expected, "{query}");
        assert!(page.get("next").is_none());
    }
    let page = list("users", "room=general&limit=2");
    assert_eq!(
        (ids(&page["users"]).len(), &page["next"]),
        (2, &json!("ann"))
    );
    // Whoever has gone is not where they were, but the order in which people came is still known.
    let ann = people.remove(0);
    ann.client.vanish();
    server.await_metric("passerby_people", 2.0);
    assert_eq!(ids(&list("users", "after=ann")["users"]), ["bob", "carl"]);
    for (target, status) in [
        ("/api/rooms?after=nowhere", 404),
        ("/api/rooms?limit=x", 400),
        ("/api/users?after=nobody", 404),
        ("/api/users?room=general&after=ann", 404),
        ("/api/users?limit=-1", 400),
    ] {
        assert_eq!(server.get(target).status, status, "{target}");
    }
}

#[test]
fn a_page_of_history_says_whether_it_is_all() {
    let server = Server::start(&["--message-rate", "0"]);
    let mut alice = Guest::come(&server, "alice");
    alice.join("general");
    for number in 0..60 {
        alice.say(
            "general",
            &format!("{number}:{}", "\u{1f600}".repeat(1_900)),
        );
        alice.hear_text();
    }
    let page = |query: &str| body(&server.get(&format!("/api/rooms/general/messages{query}")));
    let all = page("?limit=5");
    assert_eq!(all["next"], all["messages"][0]["id"]);
    // So many do not fit into one answer.
    let (mut count, mut query) = (0, "?limit=200".to_owned());
    loop {
        let page = page(&query);
        let messages = page["messages"].as_array().expect("a list");
        assert!(!messages.is_empty() && messages.len() < 60);
        count += messages.len();
        let Some(next) = page["next"].as_str() else {
            break;
        };
        query = format!("?limit=200&before={next}");
    }
    assert_eq!(count, 60);
}

#[test]
fn names_can_be_seen_and_are_not_the_server_s() {
    let server = Server::plain();
    let knock = |id: &str, name: &str| {
        let encoded =
            |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02x}")).collect() };
        let (id, name) = (encoded(id), encoded(name));
        let target = format!("/api/ws?user_id={id}&username={name}");
        let mut raw = server.raw();
        raw.send(format!("{}\r\n", support::raw::handshake(&target)));
        raw.response().status
    };
    for (id, name, status) in [
        ("a", "Ann", 101),
        ("b", "\u{5d0}\u{5d1}", 101),
        ("c", "System", 400),
        ("c", "\u{ff33}YS\u{200b}tem", 400),
        ("SYSTEM", "Ann", 409),
        ("c", "\u{200b}", 400),
        ("\u{200b}", "c", 400),
        ("c", "\u{202e}nnA", 400),
        ("c\u{2066}", "c", 400),
    ] {
        assert_eq!(knock(id, name), status, "{id:?} {name:?}");
    }
    let good = json!({ "content": "x", "sender": "c", "sender_id": "c", "room": "general" });
    for (field, value, status, words) in [
        ("sender", "System", 400, "this sender is the server's own"),
        (
            "sender",
            "\u{200b}",
            400,
            "sender must be UTF-8 text, all of which is seen",
        ),
        ("sender", " ", 400, "sender_id and sender are required"),
        (
            "sender_id",
            "\u{202e}",
            400,
            "sender_id must be UTF-8 text, all of which is seen",
        ),
        (
            "sender_id",
            "System",
            401,
            "missing or wrong session token for this sender_id",
        ),
    ] {
        let mut bad = good.clone();
        bad[field] = json!(value);
        let response = post(&server, "/api/messages", &bad);
        assert_eq!(
            (response.status, response.error()),
            (status, words.to_owned()),
            "{field} {value:?}"
        );
    }
    for name in ["\u{200b}", "\u{202e}evil", "te\u{0}a"] {
        assert_eq!(
            post(&server, "/api/rooms", &json!({ "name": name })).status,
            400,
            "{name:?}"
        );
    }
}

#[test]
fn nothing_is_kept_for_who_can_never_come() {
    let server = Server::plain();
    let mut alice = Guest::come(&server, "alice");
    let message = "The recipient must be an id that somebody can have.";
    for recipient in ["SyStem", "\u{200b}", "bob\u{202e}", " "] {
        alice
            .client
            .say(json!({ "type": "text", "content": "x", "recipient": recipient, "cid": "1" }));
        let error = alice.client.expect_error("bad_field");
        assert_eq!(
            (&error["field"], &error["cid"], &error["message"]),
            (&json!("recipient"), &json!("1"), &json!(message)),
            "{recipient:?}"
        );
        let posting =
            json!({ "content": "x", "sender": "C", "sender_id": "c", "recipient": recipient });
        let response = post(&server, "/api/messages", &posting);
        assert_eq!((response.status, &*response.error()), (400, message));
    }
    // Whoever could come is written to.
    alice
        .client
        .say(json!({ "type": "text", "content": "x", "recipient": "bob" }));
    assert_eq!(alice.client.expect("private")["delivered"], false);
}

#[test]
fn plain_requests_speak_from_outside() {
    let server = Server::plain();
    let (mut alice, bob) = (Guest::come(&server, "alice"), Guest::come(&server, "bob"));
    alice.join("general");
    // Bob is here and not in the room; Carl was never here, whatever token he brings.
    let carl = json!({ "content": "from outside", "sender": "Carl", "sender_id": "carl", "room": "general" });
    let bearer = format!("Authorization: Bearer {}\r\n", bob.token);
    for (id, name) in [("bob", "bob"), ("carl", "Carl")] {
        let mut posting = carl.clone();
        posting["sender_id"] = json!(id);
        let response = request(
            &server,
            "POST",
            "/api/messages",
            &bearer,
            &posting.to_string(),
        );
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(alice.client.expect("text")["sender"], name);
    }
    // An id for which only letters wait is nobody's.
    let letter =
        json!({ "content": "x", "sender": "Carl", "sender_id": "carl", "recipient": "dora" });
    assert_eq!(
        body(&post(&server, "/api/messages", &letter))["delivered"],
        false
    );
    let mut dora = carl;
    dora["sender_id"] = json!("dora");
    assert_eq!(post(&server, "/api/messages", &dora).status, 200);
}

#[test]
fn refusals_are_counted_by_cause() {
    let server = Server::plain();
    let alice = Guest::come(&server, "alice");
    let _tabs: Vec<Guest> = (1..16).map(|_| alice.again(&server)).collect();
    let knock = |query: &str| {
        let mut raw = server.raw();
        let target = format!("/api/ws?{query}");
        raw.send(format!("{}\r\n", support::raw::handshake(&target)));
        raw.response()
    };
    let session = &alice.token;
    let seventeenth = knock(&format!("user_id=alice&username=a&session={session}"));
    assert_eq!(seventeenth.status, 429);
    assert!(seventeenth.field("retry-after").is_some());
    assert_eq!(knock("user_id=alice&username=a").status, 409);
    let posting = |id: &str, room: &str, content: &str| json!({ "content": content, "sender": "c", "sender_id": id, "room": room });
    let long = "x".repeat(2_001);
    for (id, room, content, status) in [
        ("alice", "general", "x", 401),
        ("c", "nowhere", "x", 404),
        ("c", "general", "", 400),
        ("c", "general", &*long, 413),
    ] {
        let response = post(&server, "/api/messages", &posting(id, room, content));
        assert_eq!(response.status, status);
    }
    for cause in [
        "person_connections",
        "conflict",
        "token",
        "not_found",
        "bad_request",
        "body_too_large",
    ] {
        let count = server.metric(&format!("passerby_refusals_total{{cause=\"{cause}\"}}"));
        assert_eq!(count, 1.0, "{cause}");
    }
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let server = Server::start(&["--message-rate", "0"]);
    for body in [
        "",
        "{}",
        "[]",
        r#"{"name":""}"#,
        r#"{"name":"  "}"#,
        r#"{"name":7}"#,
        "{",
    ] {
        let response = request(&server, "POST", "/api/rooms", "", body);
        assert_eq!(response.status, 400, "{body}");
        assert_eq!(response.error(), "Room name is required", "{body}");
    }
    for bad in ["x".repeat(65), "a\u{202e}b".into(), "\u{200b}".into()] {
        let response = post(&server, "/api/rooms", &json!({ "name": bad }));
        assert_eq!(response.status, 400, "{bad:?}");
    }
    assert_eq!(
        post(
            &server,
            "/api/rooms",
            &json!({ "name": "\u{1f600}".repeat(64) })
        )
        .status,
        201
    );
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(
        request(&server, "POST", "/api/rooms", form, r#"{"name":"x"}"#).status,
        415
    );
    let good = json!({ "type": "text", "content": "x", "sender": "c", "sender_id": "c", "room": "general" });
    assert_eq!(post(&server, "/api/messages", &good).status, 200);
    for (field, value, status) in [
        ("content", json!(""), 400),
        ("content", json!(null), 400),
        ("type", json!("join"), 400),
        ("sender", json!(""), 400),
        ("sender_id", json!(null), 400),
        ("sender_id", json!("x".repeat(65)), 400),
        ("room", json!(null), 400),
        ("room", json!("nowhere"), 404),
    ] {
        let mut bad = good.clone();
        bad[field] = value.clone();
        let response = post(&server, "/api/messages", &bad);
        assert_eq!(response.status, status, "{field} {value}");
    }
    let huge = json!({ "content": "x".repeat(70_000) });
    assert_eq!(post(&server, "/api/messages", &huge).status, 413);
    let response = request(&server, "DELETE", "/api/rooms", "", "");
    assert_eq!(
        (response.status, response.field("allow")),
        (405, Some("GET, HEAD, POST, OPTIONS"))
    );
}

#[test]
fn pages_elsewhere_need_leave() {
    let server = Server::start(&[
        "--allowed-origins",
        "https://friend.example",
        "--trusted-proxies",
        "127.0.0.1",
    ]);
    let from = |origin: &str| format!("X-Forwarded-For: 203.0.113.7\r\nOrigin: {origin}\r\n");
    let friend = from("https://friend.example");
    let response = request(
        &server,
        "OPTIONS",
        "/api/messages",
        &format!("{friend}Access-Control-Request-Method: POST\r\n"),
        "",
    );
    assert_eq!(response.status, 204);
    assert_eq!(
        response.field("access-control-allow-origin"),
        Some("https://friend.example")
    );
    assert_eq!(
        response.field("access-control-allow-headers"),
        Some("Authorization, Content-Type")
    );
    assert!(
        response
            .field("access-control-allow-methods")
            .unwrap()
            .contains("POST")
    );
    let response = request(&server, "GET", "/api/rooms", &friend, "");
    assert_eq!(
        response.field("access-control-allow-origin"),
        Some("https://friend.example")
    );
    assert_eq!(response.field("vary"), Some("Origin"));
    assert_eq!(
        request(&server, "POST", "/api/rooms", &friend, r#"{"name":"x"}"#).status,
        201
    );
    let foreign = from("https://foreign.example");
    for method in ["OPTIONS", "GET"] {
        let response = request(&server, method, "/api/rooms", &foreign, "");
        assert_eq!(response.field("access-control-allow-origin"), None);
    }
    assert_eq!(
        request(&server, "POST", "/api/rooms", &foreign, r#"{"name":"x"}"#).status,
        403
    );
    let mut raw = server.raw();
    raw.send(format!(
        "{}{foreign}\r\n",
        support::raw::handshake("/api/ws?user_id=a&username=a")
    ));
    assert_eq!(raw.response().status, 403);
}

#[test]
fn refusals_can_be_read_by_pages_from_elsewhere_too() {
    let server = Server::start(&[
        "--allowed-origins",
        "https://friend.example",
        "--trusted-proxies",
        "127.0.0.1",
        "--http-rate",
        "1",
        "--http-burst",
        "2",
    ]);
    let from = |origin: &str| format!("X-Forwarded-For: 203.0.113.7\r\nOrigin: {origin}\r\n");
    let (friend, foreign) = (
        from("https://friend.example"),
        from("https://foreign.example"),
    );
    for (target, fields, readable) in [
        ("/api/messages", &friend, Some("https://friend.example")),
        ("/api/messages", &foreign, None),
        ("/", &friend, None),
    ] {
        let mut raw = server.raw();
        raw.send(format!(
            "POST {target} HTTP/1.1\r\nHost: test\r\n{fields}Content-Length: 10000000\r\n\r\n"
        ));
        let response = raw.response();
        assert_eq!(response.status, 413);
        assert_eq!(response.field("access-control-allow-origin"), readable);
    }
    // So are those for asking too much.
    let ask = || request(&server, "GET", "/api/rooms", &friend, "");
    let response = (0..20).map(|_| ask()).find(|answer| answer.status == 429);
    let response = response.expect("a refusal");
    assert_eq!(
        response.field("access-control-allow-origin"),
        Some("https://friend.example")
    );
    assert!(response.field("retry-after").is_some());
}

#[test]
fn typing_is_told_to_the_others() {
    let server = Server::plain();
    let (mut alice, mut bob) = (Guest::come(&server, "alice"), Guest::come(&server, "bob"));
    alice.join("general");
    bob.join("general");
    alice.client.expect("join");
    alice
        .client
        .say(json!({ "type": "typing", "room": "general" }));
    let notice = bob.client.expect("typing");
    assert_eq!(
        (&notice["sender_id"], &notice["room"], &notice["active"]),
        (&json!("alice"), &json!("general"), &json!(true))
    );
    alice
        .client
        .say(json!({ "type": "typing", "room": "general" }));
    alice.hears_nothing();
    bob.hears_nothing();
    bob.client
        .say(json!({ "type": "typing", "recipient": "alice", "active": false }));
    let notice = alice.client.expect("typing");
    assert_eq!(
        (&notice["recipient"], &notice["active"]),
        (&json!("alice"), &json!(false))
    );
    bob.hears_nothing();
    assert_eq!(messages(&server, "general", ""), Vec::<Value>::new());
}

#[test]
fn a_slow_member_costs_only_themself() {
    let server = Server::start(support::UNGUARDED);
    let mut sleeper = Guest::come(&server, "sleeper");
    sleeper.join("general");
    let (mut alice, mut bob) = (Guest::come(&server, "alice"), Guest::come(&server, "bob"));
    alice.join("general");
    bob.join("general");
    alice.client.expect("join");
    let text = "x".repeat(2_000);
    let mut worst = Duration::ZERO;
    let mut is_gone = false;
    for _ in 0..20_000 {
        let start = std::time::Instant::now();
        alice.say("general", &text);
        for guest in [&mut alice, &mut bob] {
            loop {
                match guest.client.hear()["type"].as_str() {
                    Some("text") => break,
                    Some("leave") => is_gone = true,
                    other => panic!("{other:?}"),
                }
            }
        }
        worst = worst.max(start.elapsed());
        if is_gone {
            break;
        }
    }
    assert!(is_gone, "the sleeper was never given up");
    assert!(worst < Duration::from_secs(1), "somebody waited {worst:?}");
    assert_eq!(
        server.metric("passerby_closes_total{cause=\"too_slow\"}"),
        1.0
    );
    drop(sleeper);
}

#[test]
fn many_members_hear_the_same_in_the_same_order() {
    let server = Server::start(support::UNGUARDED);
    let count = 60;
    let mut guests: Vec<Guest> = (0..count)
        .map(|number| Guest::come(&server, &format!("g{number}")))
        .collect();
    for guest in &mut guests {
        guest.join("general");
    }
    for (number, guest) in guests.iter_mut().enumerate() {
        for round in 0..3 {
            guest.say("general", &format!("{number}:{round}"));
        }
    }
    let mut heard: HashSet<Vec<String>> = HashSet::new();
    for guest in &mut guests {
        let mut texts = Vec::new();
        while texts.len() < count * 3 {
            let event = guest.client.hear();
            if event["type"] == "text" {
                texts.push(event["id"].as_str().expect("an id").to_owned());
            }
        }
        guest.hears_nothing();
        assert!(texts.is_sorted());
        heard.insert(texts);
    }
    assert_eq!(heard.len(), 1);
    for guest in guests {
        guest.client.vanish();
    }
    server.await_metric("passerby_room_members", 0.0);
    assert!(eventually(PATIENCE, || server.metric("passerby_people") == 0.0));
}
