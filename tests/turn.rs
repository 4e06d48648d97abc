//! What a real TURN server makes of the credentials that the server issues: coturn, on the loopback.
//!
//! Without the package coturn these tests say so and show nothing; `scripts/test` installs it, and with `CI=true` or
//! `TEST_COTURN=required` they fail.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use support::{PATIENCE, Server, eventually};

const SECRET: &str = "north-wind-and-the-sun";

/// A running coturn, which knows [`SECRET`] and ends when this is dropped.
struct Turn {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Turn {
    /// Starts it; `None` if it is not installed.
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("a port").port();
        let directory = support::server::scratch();
        let path = |name: &str| directory.join(name).display().to_string();
        let started = Command::new("turnserver")
            .args([
                "-n",
                "--no-cli",
                "--no-tls",
                "--no-dtls",
                "--relay-threads",
                "1",
            ])
            .args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1"])
            .args([
                "--listening-port",
                &port.to_string(),
                "--allow-loopback-peers",
            ])
            .args(["--use-auth-secret", "--static-auth-secret", SECRET])
            .args(["--realm", "passerby.test", "--fingerprint"])
            .args(["--userdb", &path("turndb"), "--pidfile", &path("pid")])
            .args(["--log-file", &path("log"), "--simple-log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            let _ = std::fs::remove_dir_all(&directory);
            let is_set = |name, value| std::env::var(name).is_ok_and(|set| set == value);
            assert!(
                !is_set("CI", "true") && !is_set("TEST_COTURN", "required"),
                "coturn is missing: apt-get install coturn"
            );
            // Not by a macro, whose output would be swallowed.
            let _ = std::io::stderr()
                .write_all(b"\nSKIPPED with coturn, which is not installed on this machine\n");
            return None;
        };
        let turn = Self {
            child,
            port,
            directory,
        };
        let is_up = eventually(PATIENCE, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(is_up, "coturn did not start");
        Some(turn)
    }

    /// Whether somebody with these credentials is given a relay, through which two messages pass.
    fn admits(&self, username: &str, credential: &str) -> bool {
        let output = Command::new("turnutils_uclient")
            .args(["-y", "-c", "-n", "2", "-m", "1", "-L", "127.0.0.1"])
            .args(["-u", username, "-w", credential])
            .args(["-p", &self.port.to_string(), "127.0.0.1"])
            .output()
            .expect("turnutils_uclient, which comes with turnserver");
        let said = String::from_utf8_lossy(&output.stdout);
        let is_admitted = output.status.success();
        let is_refused = said.contains("Cannot complete Allocation");
        assert!(
            is_admitted != is_refused,
            "neither admitted nor refused:\n{said}"
        );
        is_admitted
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The name and the password that a server which knows `secret` issues to a member of a video pair.
fn issued(secret: &str) -> (String, String) {
    let server = Server::start(&["--ice-servers", "turn:127.0.0.1", "--turn-secret", secret]);
    let (mut one, mut other) = (server.client(), server.client());
    let find = json!({ "type": "findMatch", "mode": "video" });
    one.say(find.clone());
    one.expect("searching");
    other.say(find);
    let joined = other.expect("strangerJoined");
    let response = server.get(&format!(
        "/api/ice?key={}",
        joined["iceKey"].as_str().unwrap()
    ));
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    let text = |name: &str| {
        body["iceServers"][0][name]
            .as_str()
            .expect("text")
            .to_owned()
    };
    (text("username"), text("credential"))
}

#[test]
fn coturn_takes_what_the_server_issues() {
    let Some(turn) = Turn::start() else { return };
    let (username, credential) = issued(SECRET);
    assert!(turn.admits(&username, &credential));
}

#[test]
fn coturn_takes_nothing_else() {
    let Some(turn) = Turn::start() else { return };
    let (username, credential) = issued(SECRET);
    let (until, id) = username.split_once(':').unwrap();
    let longer = format!("{}:{id}", until.parse::<u64>().unwrap() + 1);
    assert!(!turn.admits(&longer, &credential), "a later end");
    let (foreign, signed) = issued("another secret, as long");
    assert!(!turn.admits(&foreign, &signed), "another secret");
    assert!(!turn.admits(&username, ""), "no password");
    // Rightly signed, as the server would have an hour ago and a little more.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    let sign = |username: &str| BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    let (fresh, stale) = (format!("{}:{id}", now + 60), format!("{}:{id}", now - 5));
    assert!(turn.admits(&fresh, &sign(&fresh)));
    assert!(!turn.admits(&stale, &sign(&stale)), "expired");
}
