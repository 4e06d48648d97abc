//! What happens when the store cannot do what it should, and what its file looks like to others.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{Launch, Server};

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
