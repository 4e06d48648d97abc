//! What was acknowledged survives the worst: the server is killed at any moment, again and again, and not one message that somebody
//! was told is kept may be missing afterwards, or be there twice.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use support::members::Member;
use support::{Launch, Server};
use tungstenite::Message;

const KILLS: u32 = 200;
/// Messages that wait for their acknowledgement.
const WINDOW: usize = 16;
/// The latest moment of a kill after the first message.
const LIFE_MS: u64 = 40;

fn start(data: &Path) -> Server {
    let data = data.to_str().expect("a path");
    Launch {
        flags: &[
            "--data",
            data,
            "--message-rate",
            "0",
            "--frame-rate",
            "0",
            "--byte-rate",
            "0",
            "--request-rate",
            "0",
            "--log",
            "warn",
        ],
        ..Launch::default()
    }
    .start()
}

/// Somebody who says one thing after the other, and says again what was not acknowledged.
#[derive(Default)]
struct Sender {
    said: u32,
    /// What was said and not acknowledged, in order.
    open: BTreeMap<u32, String>,
    /// The ids under which the server has kept what was said.
    kept: HashMap<String, String>,
}

impl Sender {
    /// Talks until the server dies, which it does after `life`.
    fn talk(&mut self, server: &mut Server, target: &str, life: Duration) {
        let mut client = server.client_at(target);
        let due = Instant::now() + life;
        let mut written: Vec<u32> = Vec::new();
        loop {
            if Instant::now() >= due {
                server.signal("KILL");
                break;
            }
            while written.len() < WINDOW {
                let next = written.last().map_or(0, |last| last + 1);
                let next = match self.open.range(next..).next() {
                    Some((number, _)) => *number,
                    None => {
                        self.said += 1;
                        self.open
                            .insert(self.said, format!("message {}", self.said));
                        self.said
                    }
                };
                let text = &self.open[&next];
                let command = json!({ "type": "message", "content": text, "cid": text });
                if client
                    .send_message(Message::text(command.to_string()))
                    .is_err()
                {
                    return;
                }
                written.push(next);
            }
            let Some(message) = client.next_within(Duration::from_millis(1)) else {
                continue;
            };
            self.hear(&message, &mut written);
        }
        // What was on its way when the server died was said by it all the same.
        while let Some(Some(message)) = client.try_next(support::PATIENCE) {
            self.hear(&message, &mut written);
        }
    }

    fn hear(&mut self, message: &Message, written: &mut Vec<u32>) {
        let Message::Text(text) = message else {
            return;
        };
        let heard: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(heard["type"], "message_ack", "{heard}");
        let text = |field: &str| heard[field].as_str().expect("text").to_owned();
        let first = written.remove(0);
        let said = self.open.remove(&first).expect("it was open");
        assert_eq!(text("cid"), said, "acknowledged in order");
        assert_eq!(self.kept.insert(said, text("id")), None, "only once");
    }
}

/// Everything that was said in a room: the text and the id of each, the oldest first.
fn history(server: &Server, room: &str, member: &Member) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut before = String::new();
    loop {
        let target = format!("/rooms/{room}/messages?limit=200{before}");
        let (status, page) = server.call("GET", &target, &member.token, &Value::Null);
        assert_eq!(status, 200, "{page}");
        let page: Vec<(String, String)> = page
            .as_array()
            .expect("a list")
            .iter()
            .map(|message| {
                let text = |field: &str| message[field].as_str().expect("text").to_owned();
                (text("content"), text("id"))
            })
            .collect();
        let Some((_, oldest)) = page.first() else {
            return all;
        };
        before = format!("&before={oldest}");
        all.splice(0..0, page);
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_there_twice() {
    let data = support::server::scratch();
    let server = start(&data);
    let (ann, bob) = (server.register("ann", "FR"), server.register("bob", "DE"));
    let room = server.match_up(&ann, &bob);
    drop(server);
    let target = format!("/ws/{room}?token={}", ann.token);
    let mut random = StdRng::seed_from_u64(20);
    let mut sender = Sender::default();
    for _ in 0..KILLS {
        let mut server = start(&data);
        let life = Duration::from_micros(random.random_range(0..LIFE_MS * 1_000));
        sender.talk(&mut server, &target, life);
        assert!(server.ended(support::PATIENCE).is_some(), "it was killed");
    }
    let server = start(&data);
    let all = history(&server, &room, &bob);
    let times = all.iter().fold(HashMap::new(), |mut times, (text, _)| {
        *times.entry(text).or_insert(0) += 1;
        times
    });
    assert!(times.values().all(|times| *times == 1), "twice");
    assert!(all.is_sorted_by(|one, next| one.1 < next.1));
    let found: HashMap<&String, &String> = all.iter().map(|(text, id)| (text, id)).collect();
    for (text, id) in &sender.kept {
        assert_eq!(found.get(text), Some(&id), "{text} was acknowledged");
    }
    // What nobody was told of may be there or not, but nothing else.
    assert!(all.len() <= sender.kept.len() + sender.open.len());
    assert!(sender.kept.len() > KILLS as usize, "{}", sender.kept.len());
    let _ = std::fs::remove_dir_all(data);
}
