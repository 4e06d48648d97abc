//! The promises of the stranger chats that this one replaces, word for word as their documents make them. Those of the rooms
//! are in `rooms.rs`.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::server::Launch;
use support::{Client, Server};

/// What the original's test page does: the handlers of its script, and what they add to its list.
struct TestPage {
    socket: Client,
    shown: Vec<String>,
}

impl TestPage {
    fn open(server: &Server) -> Self {
        Self {
            socket: server.client(),
            shown: Vec::new(),
        }
    }

    fn find_match(&mut self) {
        self.socket.send(r#"{"type":"findMatch"}"#);
    }

    fn send_message(&mut self, input: &str) {
        self.socket
            .send(&json!({ "type": "sendMessage", "text": input }).to_string());
        self.shown.push(format!("You: {input}"));
    }

    fn next_stranger(&mut self) {
        self.socket.send(r#"{"type":"nextStranger"}"#);
    }

    /// `ws.onmessage`, once; gives the line that the page shows then.
    fn on_message(&mut self) -> String {
        let message = self.socket.hear();
        let line = match message["type"].as_str().expect("a type") {
            "strangerJoined" => "Stranger connected! Start chatting.".to_owned(),
            "message" => format!("Stranger: {}", message["text"].as_str().expect("text")),
            "strangerLeft" => "Stranger disconnected.".to_owned(),
            "searching" => "Searching for stranger...".to_owned(),
            other => panic!("the page does not know {other}"),
        };
        self.shown.push(line.clone());
        line
    }
}

#[test]
fn the_message_table_of_the_original_is_kept() {
    let server = Server::plain();
    let (mut one, mut other) = (server.client(), server.client());

    // 1. Find Match. If waiting: exactly this object.
    one.send("{\n  \"type\": \"findMatch\"\n}");
    assert_eq!(one.hear(), json!({ "type": "searching" }));
    // If matched: strangerJoined with a pairId.
    other.send("{\n  \"type\": \"findMatch\"\n}");
    let joined = [one.hear(), other.hear()];
    for message in &joined {
        assert_eq!(message["type"], "strangerJoined");
        assert!(uuid::Uuid::try_parse(message["pairId"].as_str().expect("a string")).is_ok());
    }
    assert_eq!(joined[0]["pairId"], joined[1]["pairId"]);

    // 2. Send Message. The partner receives these fields; the sender hears nothing.
    one.send("{\n  \"type\": \"sendMessage\",\n  \"text\": \"Hello stranger!\"\n}");
    let message = other.hear();
    assert_eq!(message["type"], "message");
    assert_eq!(message["text"], "Hello stranger!");
    assert_eq!(message["pairId"], joined[0]["pairId"]);
    assert!(uuid::Uuid::try_parse(message["userId"].as_str().expect("a string")).is_ok());
    let timestamp: Result<jiff::Timestamp, _> =
        message["timestamp"].as_str().expect("a string").parse();
    assert!(timestamp.is_ok(), "{message}");
    one.expect_nothing();

    // 3. Next Stranger. The partner gets strangerLeft, the sender searching or strangerJoined.
    let mut third = server.client();
    third.search();
    one.send("{\n  \"type\": \"nextStranger\"\n}");
    assert_eq!(other.hear()["type"], "strangerLeft");
    assert_eq!(one.hear()["type"], "strangerJoined");
    assert_eq!(third.hear()["type"], "strangerJoined");
    one.send("{\n  \"type\": \"nextStranger\"\n}");
    assert_eq!(third.hear()["type"], "strangerLeft");
    assert_eq!(one.hear(), json!({ "type": "searching" }));

    // 4. Stop Chat. Out of the conversation and of the queue; no reply.
    one.send("{\n  \"type\": \"stopChat\"\n}");
    one.expect_nothing();
    let mut fourth = server.client();
    fourth.search();
    fourth.send("{\n  \"type\": \"stopChat\"\n}");
    fourth.expect_nothing();
}

#[test]
fn the_test_page_of_the_original_works() {
    let server = Server::plain();
    let (mut one, mut other) = (TestPage::open(&server), TestPage::open(&server));
    one.find_match();
    one.on_message();
    other.find_match();
    one.on_message();
    other.on_message();
    one.send_message("hi");
    other.on_message();
    // The page sends whatever its field holds.
    other.send_message("<b>hello</b> & \"bye\"");
    one.on_message();
    one.next_stranger();
    one.on_message();
    other.on_message();
    assert_eq!(
        one.shown,
        [
            "Searching for stranger...",
            "Stranger connected! Start chatting.",
            "You: hi",
            "Stranger: <b>hello</b> & \"bye\"",
            "Searching for stranger...",
        ]
    );
    // The second to press start need not wait.
    assert_eq!(
        other.shown,
        [
            "Stranger connected! Start chatting.",
            "Stranger: hi",
            "You: <b>hello</b> & \"bye\"",
            "Stranger disconnected.",
        ]
    );
}

#[test]
fn pressing_start_or_next_twice_does_no_harm_to_the_page() {
    let server = Server::plain();
    let mut page = TestPage::open(&server);
    page.find_match();
    page.find_match();
    page.next_stranger();
    for _ in 0..3 {
        assert_eq!(page.on_message(), "Searching for stranger...");
    }
    let mut other = TestPage::open(&server);
    other.find_match();
    assert_eq!(page.on_message(), "Stranger connected! Start chatting.");
}

#[test]
fn the_original_s_configuration_file_is_read() {
    let launch = Launch {
        config: "{\n  \"httpPort\": \":0\"\n}\n",
        listens_elsewhere: true,
        ..Launch::default()
    };
    let server = launch.start();
    let port = server.address().port();
    assert_ne!(port, 8080);
    let mut client = Client::connect(([127, 0, 0, 1], port).into(), "/ws");
    client.search();
}

#[test]
fn people_who_only_connect_are_paired_automatically() {
    let server = Server::start(&["--rematch-after-ms", "60000"]);
    let heard = |client: &mut Client| client.hear()["type"].as_str().expect("a type").to_owned();
    let mut one = server.client_at("/ws?auto=1");
    assert_eq!(heard(&mut one), "searching", "told to wait");
    let mut other = server.client_at("/ws?auto=1");
    assert_eq!(heard(&mut other), "searching", "each is told to wait");
    assert_eq!(heard(&mut one), "strangerJoined", "told of the pair");
    assert_eq!(heard(&mut other), "strangerJoined", "told of the pair");
    one.chat("typed at once");
    assert_eq!(other.hear_chat(), "typed at once");
    let start = Instant::now();
    drop(other);
    assert_eq!(heard(&mut one), "strangerLeft", "told of the end");
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(
        heard(&mut one),
        "searching",
        "in the queue again without a word"
    );
    let mut third = server.client_at("/ws?auto=1");
    assert_eq!(heard(&mut third), "searching");
    assert_eq!(heard(&mut third), "strangerJoined");
}

#[test]
fn many_queue_at_once_and_everybody_has_one_partner() {
    let server = Server::plain();
    let mut clients: Vec<Client> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..25)
                        .map(|_| server.client_at("/ws?auto=1"))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("connected"))
            .collect()
    });
    let mut pairs = std::collections::HashMap::new();
    for client in &mut clients {
        client.expect("searching");
        let message: Value = client.expect("strangerJoined");
        *pairs.entry(message["pairId"].to_string()).or_insert(0) += 1;
    }
    assert_eq!(pairs.len(), 50);
    assert!(pairs.values().all(|count| *count == 2));
}

#[test]
fn the_page_is_at_the_root() {
    let server = Server::plain();
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        page.text()
            .to_ascii_lowercase()
            .starts_with("<!doctype html>")
    );
}
