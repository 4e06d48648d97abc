//! What happens when the store cannot do what it should, and what its file looks like to others.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};
use support::disk::Disk;
use support::{Launch, Member, PATIENCE, Server, eventually};

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

/// Says long things in a room until there is no space for more; how many were kept.
fn fill(server: &Server, room: &str, member: &Member) -> u32 {
    let mut socket = server.member_at(room, member);
    let long = "x".repeat(2_000);
    let mut kept = 0;
    loop {
        let cid = kept.to_string();
        socket.say(json!({ "type": "message", "content": long, "cid": cid }));
        let answer = socket.hear();
        assert_eq!(answer["cid"], cid, "{answer}");
        if answer["type"] == "message_ack" {
            kept += 1;
            assert!(kept < 1_000, "it is never full");
            continue;
        }
        assert_eq!(answer["code"], "storage_full", "{answer}");
        return kept;
    }
}

/// What people see when there is no space left in the file at `url`.
fn goes_on_without_space(url: &str) {
    let mut server = Server::start(&[
        "--db-url",
        url,
        "--message-rate",
        "0",
        "--register-rate",
        "0",
    ]);
    let (ann, bob) = (server.register("ann", "FR"), server.register("bob", "DE"));
    let [first, second, third] = [(); 3].map(|()| server.match_up(&ann, &bob));
    let kept = fill(&server, &first, &ann);
    assert!(kept > 20, "{kept}");
    // Small things may still find room for a while.
    let refused = (0..200).find_map(|number| {
        let body = json!({
            "pseudo": format!("carol{number}"), "email": format!("carol{number}@example.org"),
            "country": "IT", "password": "correct horse",
        });
        let (status, _) = server.call("POST", "/auth/register", "", &body);
        (status != 201).then_some(status)
    });
    assert_eq!(refused, Some(507));
    // What is there can be read, and anonymous chat does not know of it.
    let target = format!("/rooms/{first}/messages?limit=1");
    let (status, page) = server.call("GET", &target, &bob.token, &Value::Null);
    assert_eq!((status, page.as_array().map(Vec::len)), (200, Some(1)));
    assert_eq!(server.get("/readyz").status, 200);
    let (mut one, mut other) = server.pair();
    one.say(json!({ "type": "sendMessage", "text": "still here" }));
    assert_eq!(other.expect("message")["text"], "still here");
    // A room that ends makes space for the next.
    for (ended, next) in [(first, &second), (second.clone(), &third)] {
        fill(&server, &ended, &ann);
        let target = format!("/rooms/{ended}");
        let (status, body) = server.call("DELETE", &target, &bob.token, &Value::Null);
        assert_eq!(status, 200, "{body}");
        let mut kept_next = 0;
        let has_space = eventually(PATIENCE, || {
            kept_next += fill(&server, next, &ann);
            kept_next > kept / 2
        });
        assert!(has_space, "{kept_next} after {kept}");
    }
    server.signal("TERM");
    assert!(server.ended(PATIENCE).is_some());
}

#[test]
fn a_file_that_has_reached_its_bound_is_an_error_answer_and_everything_else_goes_on() {
    let data = support::server::scratch();
    // So many pages of 4 KiB.
    let url = format!("sqlite:{}/small.db?max_page_count=60", data.display());
    goes_on_without_space(&url);
    assert_eq!(
        read(&data.join("small.db"), "pragma integrity_check"),
        "ok\n"
    );
    let _ = std::fs::remove_dir_all(data);
}

#[test]
fn a_full_disk_is_an_error_answer_and_everything_else_goes_on() {
    let Some(disk) = Disk::mount(1_024) else {
        return;
    };
    let path = disk.folder().join("small.db");
    goes_on_without_space(&format!("sqlite:{}", path.display()));
    assert_eq!(read(&path, "pragma integrity_check"), "ok\n");
}

/// What the usual tool finds in a file.
fn read(path: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3")
        .arg("-readonly")
        .arg(path)
        .arg(sql)
        .output()
        .expect("the sqlite3 tool is there; scripts/test installs it");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_database_server_that_is_talked_to_in_clear_is_warned_of_once() {
    // Nobody is there (RFC 5737).
    for (options, times) in [("", 1), ("?sslmode=disable", 0)] {
        let url = format!("postgres://u:hunter2@192.0.2.1/x{options}");
        let server = Server::start(&["--db-url", &url]);
        assert!(eventually(PATIENCE, || server
            .log()
            .contains("tried again")));
        let log = server.log();
        assert_eq!(log.matches("in clear").count(), times, "{log}");
        assert!(!log.contains("hunter2"), "{log}");
    }
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
    assert!(server.ended(PATIENCE).is_some());
    let read = |sql| read(&path, sql);
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
