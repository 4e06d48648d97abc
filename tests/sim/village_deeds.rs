//! What people with accounts do, at random.

use passerby::kernel::id::ConnId;
use rand::RngExt;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ear::Heard;
use crate::fate::Weather;
use crate::village::{Kind, PASSWORD, Village};

/// Whoever has no account yet.
const NOBODY: usize = usize::MAX;
/// People in one village.
const PEOPLE_MAX: usize = 8;

impl Village {
    /// One thing happens.
    pub fn step(&mut self) -> Result<(), String> {
        match self.random.random_range(0..100) {
            0..34 => self.act(),
            34..64 => self.carry_some(),
            64..82 => {
                let most = [1, 4, usize::MAX][self.random.random_range(0..3)];
                if let Some(at) = self.pick() {
                    self.think(at, most);
                }
            }
            82..84 => {
                if let Some(at) = self.pick() {
                    self.lose(at);
                }
            }
            84..86 => {
                self.desk.weather = Weather::ALL[self.random.random_range(0..Weather::ALL.len())];
            }
            86 => {
                let ms = [900, 20_000, 3_600_000][self.random.random_range(0..3)];
                let forward = self.random.random_bool(0.7);
                self.set_clock(forward, if forward { ms } else { ms.min(20_000) });
            }
            _ => {
                const MS: [u64; 8] = [1, 1, 30, 30, 100, 300, 1_500, 6_000];
                let ms = MS[self.random.random_range(0..MS.len())];
                if ms >= 100 && self.random.random_bool(0.85) {
                    self.carry_all();
                }
                self.pass(ms);
            }
        }
        self.settle();
        self.check()
    }

    /// Bytes arrive, in pieces of any size.
    fn carry_some(&mut self) {
        for _ in 0..4 {
            let most = [9, 200, usize::MAX, usize::MAX][self.random.random_range(0..4)];
            if let Some(at) = self.pick() {
                self.carry(at, most);
            }
        }
    }

    /// Everything arrives that was sent, as it does within seconds on most networks.
    pub fn carry_all(&mut self) {
        let wires: Vec<ConnId> = self.wires.iter().map(|wire| wire.id).collect();
        for conn in wires {
            if let Some(at) = self.at(conn) {
                self.carry(at, usize::MAX);
            }
        }
    }

    fn pick(&mut self) -> Option<usize> {
        (!self.wires.is_empty()).then(|| self.random.random_range(0..self.wires.len()))
    }

    fn request(&mut self, who: usize, method: &str, target: &str, body: &Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let length = match method {
            "GET" => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let token = self.token(who);
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer {token}\r\n{length}\r\n{body}"
        );
        self.connect(who, Kind::Request, head);
    }

    fn knock(&mut self, who: usize, target: &str, kind: Kind) {
        let token = self.token(who);
        self.connect(who, kind, format!("GET {target}?token={token} HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"));
    }

    /// Somebody does something.
    fn act(&mut self) {
        if self.random.random_bool(0.04) {
            return self.sign_in();
        }
        let who = self.random.random_range(0..self.people.len());
        let own: Vec<ConnId> = self
            .wires
            .iter()
            .filter(|wire| wire.who == who && wire.kind.is_socket() && !wire.is_over)
            .map(|wire| wire.id)
            .collect();
        if own.len() < 5 && self.random.random_bool(0.45 / (1.0 + own.len() as f64)) {
            return self.open(who);
        }
        if own.is_empty() || self.random.random_bool(0.2) {
            return self.ask(who);
        }
        let conn = own[self.random.random_range(0..own.len())];
        if let Some(at) = self.at(conn).filter(|at| self.wires[*at].is_open) {
            match self.wires[at].kind {
                Kind::Room(room) => self.talk(at, room),
                Kind::Chat => self.chat(at),
                _ => {}
            }
        }
    }

    /// Somebody makes an account, or logs in, perhaps with a wrong password.
    fn sign_in(&mut self) {
        if self.random.random_bool(0.4) && self.people.len() < PEOPLE_MAX {
            self.newcomers += 1;
            let name = format!("n{}", self.newcomers);
            let body = json!({ "pseudo": name, "email": format!("{name}@example.org"), "country": "IT", "password": PASSWORD });
            return self.post(Kind::Register, "/auth/register", &body);
        }
        let is_right = self.random.random_bool(0.7);
        let password = if is_right { PASSWORD } else { "wrong horse" };
        let name = ["p0", "p1", "P0@example.org"][self.random.random_range(0..3)];
        let body = json!({ "identifier": name, "password": password });
        self.post(Kind::LogIn(is_right), "/auth/login", &body);
    }

    fn post(&mut self, kind: Kind, path: &str, body: &Value) {
        let body = body.to_string();
        let length = body.len();
        self.connect(
            NOBODY,
            kind,
            format!("POST {path} HTTP/1.1\r\nHost: sim\r\nContent-Length: {length}\r\n\r\n{body}"),
        );
    }

    /// One of somebody's rooms, most often a new one; sometimes another's.
    fn room_of(&mut self, who: usize) -> Option<Uuid> {
        let is_mine = !self.random.random_bool(0.03);
        let kept = self.desk.store.rooms.values();
        let mut rooms: Vec<_> = kept
            .filter(|kept| kept.room.side(self.people[who].id).is_some() == is_mine)
            .map(|kept| (kept.ended_ms.is_none(), kept.room.created_ms, kept.room.id))
            .collect();
        rooms.sort();
        let back = self.random.random_range(0..10usize).saturating_sub(7);
        rooms
            .iter()
            .rev()
            .nth(back)
            .or(rooms.last())
            .map(|(_, _, room)| *room)
    }

    fn open(&mut self, who: usize) {
        let is_stranger = self.people[who].is_stranger;
        match (self.random.random_range(0..4), self.room_of(who)) {
            (0, _) if is_stranger => self.knock(who, "/ws", Kind::Chat),
            (0 | 1, _) => self.knock(who, "/ws/notifications", Kind::Notices),
            (_, Some(room)) => self.knock(who, &format!("/ws/{room}"), Kind::Room(room)),
            (_, None) if is_stranger => self.knock(who, "/ws", Kind::Chat),
            (_, None) => {}
        }
    }

    fn ask(&mut self, who: usize) {
        let roll = self.random.random_range(0..100);
        let message = self
            .written
            .iter()
            .filter(|(_, written)| self.is_in(who, written.room));
        let message = message.map(|(id, _)| *id).max();
        let wish = match self.random.random_range(0..3) {
            0 => json!({ "same_country": true }),
            1 => json!({ "same_country": false }),
            _ => Value::Null,
        };
        match (roll, self.room_of(who), message) {
            (0..50, ..) if !self.people[who].is_stranger => {
                self.request(who, "POST", "/pool/join", &wish)
            }
            (50..58, ..) => self.request(who, "POST", "/pool/leave", &Value::Null),
            (58..68, Some(room), _) => {
                self.request(who, "GET", &format!("/rooms/{room}/messages"), &Value::Null)
            }
            (68..72, Some(room), _) => {
                self.request(who, "DELETE", &format!("/rooms/{room}"), &Value::Null)
            }
            (72..77, Some(room), _) => self.request(
                who,
                "PATCH",
                &format!("/rooms/{room}/name"),
                &json!({ "name": "tea" }),
            ),
            (77..82, Some(room), _) => {
                self.request(who, "GET", &format!("/rooms/{room}"), &Value::Null)
            }
            (82..90, _, Some(message)) => self.request(
                who,
                "POST",
                &format!("/messages/{message}/reactions"),
                &json!({ "emoji": "x" }),
            ),
            (90..93, _, Some(message)) => self.request(
                who,
                "DELETE",
                &format!("/messages/{message}/reactions"),
                &Value::Null,
            ),
            _ => self.request(who, "GET", "/rooms/me", &Value::Null),
        }
    }

    /// Somebody says something in a room.
    fn talk(&mut self, at: usize, room: Uuid) {
        let who = self.wires[at].who;
        match self.random.random_range(0..100) {
            0..60 => {
                let times = if self.random.random_bool(0.05) { 30 } else { 1 };
                for _ in 0..times {
                    self.people[who].said += 1;
                    let text = format!("{who}:{}", self.people[who].said);
                    self.people[who].drafts.push((room, text.clone()));
                    self.say(at, text);
                }
            }
            60..65 => {
                self.people[who].said += 1;
                let text = format!("{who}:{}", self.people[who].said);
                self.send(at, &json!({ "type": "message", "content": text }));
            }
            65..75 => self.say_again(at, room),
            75..90 => {
                if let Some(last) = self.wires[at].heard.iter().max() {
                    let command = json!({ "type": "read", "id": last });
                    self.send(at, &command);
                }
            }
            _ => self.send(at, &json!({ "type": "typing" })),
        }
    }

    fn say(&mut self, at: usize, text: String) {
        self.send(
            at,
            &json!({ "type": "message", "content": text, "cid": text }),
        );
        let unanswered = &mut self.wires[at].unanswered;
        if !unanswered.iter().any(|(said, _)| *said == text) {
            unanswered.push((text, None));
        }
    }

    /// Says again what is not acknowledged.
    fn say_again(&mut self, at: usize, room: Uuid) {
        let who = self.wires[at].who;
        let drafts = self.people[who]
            .drafts
            .iter()
            .filter(|(draft, _)| *draft == room);
        for text in drafts.map(|(_, text)| text.clone()).collect::<Vec<_>>() {
            self.say(at, text);
        }
    }

    fn chat(&mut self, at: usize) {
        let command = match self.random.random_range(0..10) {
            0..3 => json!({ "type": "findMatch" }),
            3 => json!({ "type": "nextStranger" }),
            4 | 5 => json!({ "type": "typing" }),
            _ => json!({ "type": "keepInTouch" }),
        };
        self.send(at, &command);
    }

    /// Somebody thinks about what they have heard.
    pub fn think(&mut self, at: usize, most: usize) {
        let conn = self.wires[at].id;
        for _ in 0..most {
            let Some(at) = self.at(conn) else {
                return;
            };
            let (who, kind) = (self.wires[at].who, self.wires[at].kind);
            let Some(heard) = self.wires[at].mail.pop_front() else {
                if self.wires[at].is_over {
                    self.lose(at);
                }
                return;
            };
            match (heard, kind) {
                (Heard::Response(_) | Heard::Close(_), _) => return self.lose(at),
                (Heard::Open, Kind::Room(room)) => self.say_again(at, room),
                (Heard::Event(event), Kind::Room(_)) => {
                    match (event["type"].as_str(), event["cid"].as_str()) {
                        (Some("message_ack"), Some(cid)) => {
                            self.people[who].drafts.retain(|(_, text)| text != cid);
                        }
                        (Some("error"), Some(cid)) if event["code"] == "room_ended" => {
                            self.people[who].drafts.retain(|(_, text)| text != cid);
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
}
