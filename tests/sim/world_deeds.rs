//! What people in a simulated world do.

use rand::RngExt;
use serde_json::json;

use crate::guest::{Guest, ROOMS, command};
use crate::person::{State, frame};
use crate::world::{Seat, World};

impl World {
    /// Somebody does something.
    pub fn act(&mut self) -> Result<(), String> {
        let Some(at) = self.pick() else {
            return Ok(());
        };
        let roll = self.random.random_range(0..100);
        let padding = if self.random.random_bool(0.1) {
            1_500
        } else {
            3
        };
        if self.seats[at].person.guest.is_some() {
            return self.act_in_rooms(at, roll, padding);
        }
        let person = &mut self.seats[at].person;
        let command = |text: &str| frame(0x81, text.as_bytes());
        let bytes = match roll {
            0..12 => command(r#"{"type":"findMatch"}"#),
            12..16 => {
                command(r#"{"type":"findMatch","interests":["Music","art"],"language":"en"}"#)
            }
            16..20 => command(r#"{"type":"findMatch","interests":["MUSIC"],"anyone":false}"#),
            20..22 => command(r#"{"type":"findMatch","mode":"video","language":"de"}"#),
            22..28 => command(r#"{"type":"nextStranger"}"#),
            28..30 => command(r#"{"type":"nextStranger","interests":[]}"#),
            30..33 => command(r#"{"type":"stopChat"}"#),
            33..38 => command(r#"{"type":"typing"}"#),
            38..40 => command(r#"{"type":"stats"}"#),
            40..42 => command(r#"{"type":"offer","sdp":{"a":[1]}}"#),
            42..44 => command("not json"),
            44..46 => frame(0x89, b"ping"),
            46..47 => frame(0x88, &[0x03, 0xe8]),
            47..48 => frame(0x82, b"binary is not wanted"),
            48..50 => fragments(&person.say(padding)),
            50..52 => {
                self.both_press_next(at);
                return Ok(());
            }
            52..54 => (0..30).flat_map(|_| person.say(padding)).collect(),
            54..57 => (0..80).flat_map(|_| person.say(1_900)).collect(),
            _ => person.say(padding),
        };
        self.trace.push(format!("{} acts {roll}", person.name));
        self.send(at, &bytes);
        Ok(())
    }

    /// A socket in rooms: of somebody new, of somebody who was here before, or a further one.
    pub fn invite(&mut self) -> Guest {
        let number = self.random.random_range(0..12);
        let here: Vec<&Guest> = self
            .seats
            .iter()
            .filter_map(|seat| seat.person.guest.as_ref())
            .filter(|guest| guest.token.is_some())
            .collect();
        // Often it is one more of somebody who is here.
        if !here.is_empty() && self.random.random_bool(0.4) {
            let guest = here[self.random.random_range(0..here.len())];
            return Guest::new(guest.id.clone(), guest.token.clone());
        }
        let id = format!("guest{number}");
        let known = here.into_iter().find(|guest| guest.id == id);
        let token = known.and_then(|guest| guest.token.clone());
        Guest::new(id, token)
    }

    /// Somebody in rooms does something.
    fn act_in_rooms(&mut self, at: usize, roll: u32, padding: usize) -> Result<(), String> {
        let mut room = ROOMS[self.random.random_range(0..ROOMS.len())];
        let other = self.acquaintance();
        let name = self.seats[at].person.name;
        let Some(guest) = self.seats[at].person.guest.as_mut() else {
            return Ok(());
        };
        if (45..48).contains(&roll) {
            // Much is said best where it is heard.
            let is_there = |room: &&str| guest.current.contains_key(*room);
            room = ROOMS.into_iter().find(is_there).unwrap_or(room);
        }
        let bytes = match roll {
            0..22 => guest.join(room, false),
            22..24 => guest.join(room, true),
            24..30 => command(&json!({ "type": "leave_room", "content": room })),
            30..34 => command(&json!({ "type": "typing", "room": room })),
            34..36 => command(&json!({ "type": "typing", "recipient": other })),
            36..42 => guest.whisper(&other, padding),
            42..43 => frame(0x81, b"not json"),
            43..44 => frame(0x88, &[0x03, 0xe8]),
            44..45 => (0..150)
                .flat_map(|_| guest.whisper(&other, 1_000))
                .collect(),
            45..48 => (0..180)
                .flat_map(|_| guest.say(room, name, 1_900))
                .collect(),
            48..50 => {
                // What is said last is confirmed before one leaves.
                let mut bytes = guest.say(room, name, padding);
                bytes.extend(command(&json!({ "type": "leave_room", "content": room })));
                bytes
            }
            50..54 => (0..12)
                .flat_map(|_| guest.say(room, name, padding))
                .collect(),
            _ => guest.say(room, name, padding),
        };
        self.trace.push(format!("{name} acts {roll} in {room}"));
        self.send(at, &bytes);
        if (45..48).contains(&roll) {
            self.rush(at, room)?;
        }
        Ok(())
    }

    /// Much is said in a room, and before it can go round somebody there opens another socket.
    fn rush(&mut self, at: usize, room: &str) -> Result<(), String> {
        let speaker = self.seats[at].id;
        for _ in 0..24 {
            let Some(at) = self.at(speaker) else {
                return Ok(());
            };
            self.carry(at, usize::MAX);
            self.take(at, usize::MAX)?;
            self.turn()?;
        }
        if self.seats.len() > self.people_max {
            return Ok(());
        }
        let is_there = |guest: &&Guest| guest.token.is_some() && guest.current.contains_key(room);
        let guests = self
            .seats
            .iter()
            .filter_map(|seat| seat.person.guest.as_ref());
        let there: Vec<&Guest> = guests.filter(is_there).collect();
        if there.is_empty() {
            return Ok(());
        }
        let guest = there[self.random.random_range(0..there.len())];
        let mut tab = Guest::new(guest.id.clone(), guest.token.clone());
        let mut upstream = tab.knock();
        if self.random.random_bool(0.5) {
            upstream.extend(tab.join(room, false));
        }
        self.connect(upstream, Some(tab));
        self.turn()?;
        let last = self.seats.len() - 1;
        self.carry(last, usize::MAX);
        self.turn()
    }

    /// Somebody to write to, who is mostly here.
    fn acquaintance(&mut self) -> String {
        let at = self.random.random_range(0..self.seats.len().max(1) + 1);
        let guest = self
            .seats
            .get(at)
            .and_then(|seat| seat.person.guest.as_ref());
        match guest {
            Some(guest) => guest.id.clone(),
            None => format!("guest{}", self.random.random_range(0..13)),
        }
    }

    /// Two partners press next at the same moment.
    fn both_press_next(&mut self, at: usize) {
        let State::Paired(pair) = self.seats[at].person.state.clone() else {
            return;
        };
        let here =
            |seat: &Seat| matches!(&seat.person.state, State::Paired(other) if *other == pair);
        let both: Vec<usize> = (0..self.seats.len())
            .filter(|at| here(&self.seats[*at]))
            .collect();
        for at in both {
            self.send(at, &frame(0x81, br#"{"type":"nextStranger"}"#));
            self.carry(at, usize::MAX);
        }
    }
}

/// The same message in two frames, with a ping between them.
fn fragments(whole: &[u8]) -> Vec<u8> {
    let (start, mask) = match whole[1] & 0x7f {
        126 => (8, &whole[4..8]),
        _ => (6, &whole[2..6]),
    };
    let payload: Vec<u8> = whole[start..]
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect();
    let (front, back) = payload.split_at(payload.len() / 3);
    let mut bytes = frame(0x01, front);
    bytes.extend(frame(0x89, b"amid"));
    bytes.extend(frame(0x80, back));
    bytes
}
