//! People with accounts, and the private rooms that they are in.

use serde_json::{Value, json};

use super::client::Client;
use super::server::Server;

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: String,
    pub token: String,
}

impl Server {
    /// Makes a request and gives the status and the body of its answer.
    pub fn call(&self, method: &str, target: &str, token: &str, body: &Value) -> (u16, Value) {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let mut fields = String::from("Host: test\r\n");
        if !token.is_empty() {
            fields.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        if !matches!(method, "GET" | "HEAD") {
            fields.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let mut raw = self.raw();
        raw.send(format!("{method} {target} HTTP/1.1\r\n{fields}\r\n{body}"));
        let response = raw.response_to(method);
        let body = serde_json::from_slice(&response.body).unwrap_or_default();
        (response.status, body)
    }

    /// Makes an account.
    pub fn register(&self, pseudo: &str, country: &str) -> Member {
        let body = json!({
            "pseudo": pseudo,
            "email": format!("{pseudo}@example.org"),
            "country": country,
            "password": "correct horse",
        });
        let (status, body) = self.call("POST", "/auth/register", "", &body);
        assert_eq!(status, 201, "{body}");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Member {
            id: text(&body["user"]["id"]),
            token: text(&body["token"]),
        }
    }

    /// Matches two people, of whom the first waits; gives their room.
    pub fn match_up(&self, first: &Member, second: &Member) -> String {
        let (status, body) = self.call("POST", "/pool/join", &first.token, &Value::Null);
        assert_eq!(status, 202, "{body}");
        let (status, body) = self.call("POST", "/pool/join", &second.token, &Value::Null);
        assert_eq!(status, 201, "{body}");
        body["room_id"].as_str().expect("a room").to_owned()
    }

    /// Opens a socket in a room, or `notifications`.
    pub fn member_at(&self, place: &str, member: &Member) -> Client {
        self.client_at(&format!("/ws/{place}?token={}", member.token))
    }
}
