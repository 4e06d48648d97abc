//! What happens when the store cannot do what it should, and what its file looks like to others.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::path::PathBuf;
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Launch, Member, Server};

/// A server with a file that others can open, too.
struct Scene {
    server: Server,
    data: PathBuf,
}

impl Scene {
    fn open() -> Self {
        let data = support::server::scratch();
        let server = Server::start(&["--data", data.to_str().expect("a path")]);
        Self { server, data }
    }

    /// Another process, as it were.
    fn visitor(&self) -> Connection {
        Connection::open(self.data.join("passerby.db")).expect("opened")
    }

    fn status(&self, method: &str, target: &str, token: &str) -> u16 {
        self.server.call(method, target, token, &Value::Null).0
    }

    /// Whether somebody can read, and log in, and others are sent here.
    fn goes_on_reading(&self, member: &Member) {
        for target in ["/rooms/me", "/readyz"] {
            assert_eq!(self.status("GET", target, &member.token), 200, "{target}");
        }
        let known = json!({ "identifier": "cleo", "password": "correct horse" });
        let (status, body) = self.server.call("POST", "/auth/login", "", &known);
        assert_eq!(status, 200, "{body}");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

#[test]
fn a_row_that_cannot_be_read_is_only_its_reader_s_trouble() {
    let scene = Scene::open();
    let server = &scene.server;
    let [ann, bob, cleo, dora] =
        ["ann", "bob", "cleo", "dora"].map(|name| server.register(name, "FR"));
    let spoilt = server.match_up(&ann, &bob);
    let room = server.match_up(&cleo, &dora);
    let spoil = "UPDATE rooms SET created_at = 'garbage' WHERE id = ?1";
    let spoilt = scene.visitor().execute(spoil, [&spoilt]);
    assert_eq!(spoilt.expect("written"), 1);
    let mut socket = server.member_at(&room, &cleo);
    for number in 0..3 {
        assert_eq!(scene.status("GET", "/rooms/me", &ann.token), 503);
        scene.goes_on_reading(&dora);
        socket.say(json!({ "type": "message", "content": format!("{number}") }));
        socket.expect("message_ack");
    }
    assert_eq!(server.metric("passerby_store_up"), 1.0);
}

#[test]
fn a_room_that_cannot_be_read_keeps_no_other_from_ending() {
    let data = support::server::scratch();
    let data_flag = data.to_str().expect("a path");
    let server = Server::start(&["--data", data_flag, "--private-room-ms", "3000"]);
    let scene = Scene { server, data };
    let server = &scene.server;
    let [ann, bob, cleo, dora] =
        ["ann", "bob", "cleo", "dora"].map(|name| server.register(name, "FR"));
    let spoilt = server.match_up(&ann, &bob);
    let spoil = "UPDATE rooms SET expires_at = '0' WHERE id = ?1";
    let spoilt = scene.visitor().execute(spoil, [&spoilt]);
    assert_eq!(spoilt.expect("written"), 1);
    let room = server.match_up(&cleo, &dora);
    let mut socket = server.member_at("notifications", &dora);
    socket.expect("online_count");
    assert_eq!(socket.expect("room_closed")["room_id"], room);
}

#[test]
fn while_another_process_writes_reading_goes_on() {
    let scene = Scene::open();
    let server = &scene.server;
    let [ann, _, cleo] = ["ann", "bob", "cleo"].map(|name| server.register(name, "FR"));
    let room = server.match_up(&ann, &cleo);
    let mut socket = server.member_at(&room, &ann);
    let visitor = scene.visitor();
    visitor.execute_batch("BEGIN IMMEDIATE").expect("locked");
    for number in 0..3 {
        let cid = number.to_string();
        socket.say(json!({ "type": "message", "content": "x", "cid": cid }));
        let refused = socket.expect("error");
        assert_eq!(
            (&refused["code"], &refused["cid"]),
            (&json!("unavailable"), &json!(cid))
        );
        assert_eq!(
            scene.status("DELETE", &format!("/rooms/{room}"), &ann.token),
            503
        );
        scene.goes_on_reading(&cleo);
    }
    visitor.execute_batch("COMMIT").expect("released");
    socket.say(json!({ "type": "message", "content": "x", "cid": "0" }));
    assert_eq!(socket.expect("message_ack")["cid"], "0");
}

#[test]
fn a_full_disk_is_an_error_answer_and_everything_else_goes_on() {
    let data = support::server::scratch();
    // So many pages of 4 KiB, which stands for a full disk.
    let url = format!("sqlite:{}/small.db?max_page_count=60", data.display());
    let server = Server::start(&["--db-url", &url, "--message-rate", "0"]);
    let (ann, bob) = (server.register("ann", "FR"), server.register("bob", "DE"));
    let room = server.match_up(&ann, &bob);
    let mut socket = server.member_at(&room, &ann);
    let long = "x".repeat(2_000);
    let mut kept = 0;
    let refused = loop {
        socket.say(json!({ "type": "message", "content": long, "cid": format!("{kept}") }));
        let answer = socket.hear();
        if answer["type"] != "message_ack" {
            break answer;
        }
        kept += 1;
        assert!(kept < 1_000, "it is never full");
    };
    assert_eq!(refused["type"], "error", "{refused}");
    assert_eq!(refused["code"], "storage_full", "{refused}");
    assert_eq!(refused["cid"], format!("{kept}"), "{refused}");
    let body = json!({
        "pseudo": "carol", "email": "carol@example.org", "country": "IT", "password": "correct horse",
    });
    let mut last = (0, Value::Null);
    // Small things may still find room for a while.
    for number in 0..200 {
        let mut body = body.clone();
        body["pseudo"] = format!("carol{number}").into();
        body["email"] = format!("carol{number}@example.org").into();
        last = server.call("POST", "/auth/register", "", &body);
        if last.0 != 201 {
            break;
        }
    }
    assert_eq!(last.0, 507, "{last:?}");
    // What is there can be read, and anonymous chat does not know of it.
    let (status, page) = server.call(
        "GET",
        &format!("/rooms/{room}/messages?limit=1"),
        &bob.token,
        &Value::Null,
    );
    assert_eq!((status, page.as_array().map(Vec::len)), (200, Some(1)));
    let (mut one, mut other) = server.pair();
    one.say(json!({ "type": "sendMessage", "text": "still here" }));
    assert_eq!(other.expect("message")["text"], "still here");
    // A room that ends makes room.
    let (status, _) = server.call(
        "DELETE",
        &format!("/rooms/{room}"),
        &bob.token,
        &Value::Null,
    );
    assert_eq!(status / 100, 2);
    let room = server.match_up(&ann, &bob);
    let mut socket = server.member_at(&room, &ann);
    socket.say(json!({ "type": "message", "content": long }));
    socket.expect("message_ack");
    drop(server);
    let _ = std::fs::remove_dir_all(data);
}

#[test]
fn the_file_can_be_read_with_the_usual_tool() {
    let data = support::server::scratch();
    let path = data.join("people.db");
    let url = format!("sqlite:{}", path.display());
    let mut server = Launch {
        flags: &["--db-url", &url, "--drain-ms", "100"],
        ..Launch::default()
    }
    .start();
    let (ann, bob) = (server.register("ann", "FR"), server.register("bob", "DE"));
    let room = server.match_up(&ann, &bob);
    let mut socket = server.member_at(&room, &ann);
    socket.say(json!({ "type": "message", "content": "salut" }));
    socket.expect("message_ack");
    server.signal("TERM");
    assert!(server.ended(support::PATIENCE).is_some());
    let read = |sql: &str| {
        let output = Command::new("sqlite3")
            .arg("-readonly")
            .arg(&path)
            .arg(sql)
            .output()
            .expect("the sqlite3 tool is there; scripts/test installs it");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert_eq!(
        read("select pseudo, country from users order by pseudo"),
        "ann|FR\nbob|DE\n"
    );
    assert_eq!(read("select content from messages"), "salut\n");
    assert_eq!(
        read("select count(*) from rooms where ended_at is null"),
        "1\n"
    );
    assert_eq!(read("pragma integrity_check"), "ok\n");
    drop(server);
    let _ = std::fs::remove_dir_all(data);
}
