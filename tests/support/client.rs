//! An independent WebSocket client.

use std::collections::HashSet;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

use super::PATIENCE;

/// One person.
pub struct Client {
    ws: WebSocket<TcpStream>,
    /// The conversation, as far as this side knows.
    pair: Option<String>,
    /// The `cid`s of what was said by [`Client::chat`] and has not been acknowledged.
    unacknowledged: HashSet<String>,
    said: u32,
}

impl Client {
    /// Connects and upgrades.
    pub fn connect(address: SocketAddr, target: &str) -> Self {
        Self::on(TcpStream::connect(address).expect("connected"), target)
    }

    /// Upgrades a connection.
    pub fn on(stream: TcpStream, target: &str) -> Self {
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        stream.set_write_timeout(Some(PATIENCE)).expect("an option");
        let address = stream.peer_addr().expect("an address");
        let url = format!("ws://{address}{target}");
        let (ws, _) = tungstenite::client(url, stream).expect("upgraded");
        Self {
            ws,
            pair: None,
            unacknowledged: HashSet::new(),
            said: 0,
        }
    }

    pub fn stream(&self) -> &TcpStream {
        self.ws.get_ref()
    }

    /// Sends a command.
    pub fn say(&mut self, command: Value) {
        if ["stopChat", "nextStranger"]
            .iter()
            .any(|kind| command["type"] == *kind)
        {
            self.pair = None;
        }
        self.send(&command.to_string());
    }

    /// Sends text.
    pub fn send(&mut self, text: &str) {
        self.ws.send(Message::text(text)).expect("sent");
    }

    /// Sends any message.
    pub fn send_message(&mut self, message: Message) -> Result<(), Error> {
        self.ws.send(message)
    }

    /// The next message, pings aside; `None` if none comes within `limit`.
    pub fn next_within(&mut self, limit: Duration) -> Option<Message> {
        let start = Instant::now();
        loop {
            let left = limit
                .saturating_sub(start.elapsed())
                .max(Duration::from_millis(1));
            self.stream()
                .set_read_timeout(Some(left))
                .expect("an option");
            match self.ws.read() {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(message) => return Some(message),
                Err(Error::Io(error)) if is_timeout(&error) => return None,
                Err(error) => panic!("the connection broke: {error}"),
            }
            if start.elapsed() >= limit {
                return None;
            }
        }
    }

    /// The next message, pings aside: nothing if none comes within `limit`, and nothing in that if the connection has ended.
    pub fn try_next(&mut self, limit: Duration) -> Option<Option<Message>> {
        self.stream()
            .set_read_timeout(Some(limit))
            .expect("an option");
        loop {
            match self.ws.read() {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(message) => return Some(Some(message)),
                Err(Error::Io(error)) if is_timeout(&error) => return None,
                Err(_) => return Some(None),
            }
        }
    }

    /// The next text, as it came.
    pub fn hear_text(&mut self) -> String {
        match self.next_within(PATIENCE) {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("text was expected, and this came: {other:?}"),
        }
    }

    /// The next message, receipts for [`Client::chat`] aside.
    pub fn hear(&mut self) -> Value {
        loop {
            let text = self.hear_text();
            let value: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
            let cid = value["cid"].as_str();
            let is_about_chat = cid.is_some_and(|cid| self.unacknowledged.remove(cid));
            match value["type"].as_str() {
                Some("sent") if is_about_chat => continue,
                Some("strangerJoined") => self.pair = value["pairId"].as_str().map(str::to_owned),
                Some("strangerLeft") => self.pair = None,
                _ => {}
            }
            return value;
        }
    }

    /// The next message, which must have this type.
    pub fn expect(&mut self, kind: &str) -> Value {
        let value = self.hear();
        assert_eq!(value["type"], kind, "{value}");
        value
    }

    /// The next message, which must be an error with this code.
    pub fn expect_error(&mut self, code: &str) -> Value {
        let value = self.expect("error");
        assert_eq!(value["code"], code, "{value}");
        let message = value["message"].as_str().expect("a message");
        assert!(message.ends_with('.'), "a sentence: {message}");
        value
    }

    /// The Close frame that must come now.
    pub fn expect_close(&mut self) -> (u16, String) {
        match self.next_within(PATIENCE) {
            Some(Message::Close(Some(CloseFrame { code, reason }))) => {
                (code.into(), reason.to_string())
            }
            other => panic!("a Close frame was expected, and this came: {other:?}"),
        }
    }

    /// Asks how many people are here.
    pub fn stats(&mut self) -> (u64, u64, u64) {
        self.say(json!({ "type": "stats" }));
        let stats = self.expect("stats");
        let count = |field: &str| stats[field].as_u64().expect("a number");
        (count("online"), count("searching"), count("pairs"))
    }

    /// Makes sure that nothing else has come: the answer to a question is the next message. What others did
    /// before and had answered has arrived by then, as the server does one thing after the other.
    pub fn expect_nothing(&mut self) {
        self.stats();
    }

    /// Searches, and is told to wait.
    pub fn search(&mut self) {
        self.say(json!({ "type": "findMatch" }));
        self.expect("searching");
    }

    /// Waits, meets `other`, and says which pair it is.
    pub fn meet(&mut self, other: &mut Self) -> String {
        self.search();
        other.say(json!({ "type": "findMatch" }));
        self.joined_with(other)
    }

    /// Is told of the same pair as `other`, whose id this is.
    pub fn joined_with(&mut self, other: &mut Self) -> String {
        let mine = self.expect("strangerJoined");
        let theirs = other.expect("strangerJoined");
        assert_eq!(mine["pairId"], theirs["pairId"]);
        mine["pairId"].as_str().expect("an id").to_owned()
    }

    /// Says something to the partner, byte for byte as the page does it.
    pub fn chat(&mut self, text: &str) {
        self.said += 1;
        let (text, cid) = (json!(text), format!("{:032x}", self.said));
        let pair = match &self.pair {
            Some(pair) => format!(r#","pairId":"{pair}""#),
            None => String::new(),
        };
        self.send(&format!(
            r#"{{"type":"sendMessage","text":{text},"cid":"{cid}"{pair}}}"#
        ));
        self.unacknowledged.insert(cid);
    }

    /// Says something to the partner without asking for a receipt.
    pub fn chat_unheard(&mut self, text: &str) {
        let text = json!(text);
        self.send(&format!(r#"{{"type":"sendMessage","text":{text}}}"#));
    }

    /// What the partner says.
    pub fn hear_chat(&mut self) -> String {
        let message = self.expect("message");
        message["text"].as_str().expect("text").to_owned()
    }

    /// Says something and waits until `other` has it; says how long that took.
    pub fn chat_with(&mut self, other: &mut Self, text: &str) -> Duration {
        let start = Instant::now();
        self.chat(text);
        assert_eq!(other.hear_chat(), text);
        start.elapsed()
    }

    /// Says goodbye and waits until the server has done so, too.
    pub fn close(mut self) {
        self.ws.close(None).expect("closed");
        while self.ws.read().is_ok() {}
    }

    /// Vanishes with a plain FIN, as a process that is killed does.
    pub fn vanish(self) {
        let _ = self.stream().shutdown(Shutdown::Both);
    }

    /// Vanishes with a reset.
    pub fn reset(self) {
        let socket = socket2::SockRef::from(self.stream());
        socket.set_linger(Some(Duration::ZERO)).expect("an option");
    }
}

/// Whether nothing came in time.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
