//! What people in a simulated world do.

use rand::RngExt;
use serde_json::json;

use crate::guest::{Guest, ROOMS, command};
use crate::person::{State, frame};
use crate::world::{Seat, World};

impl World {
    /// Somebody does something.
    pub(crate) fn act(&mut self) {
        let Some(at) = self.pick() else {
            return;
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
            50..52 => return self.both_press_next(at),
            52..54 => (0..30).flat_map(|_| person.say(padding)).collect(),
            54..57 => (0..80).flat_map(|_| person.say(1_900)).collect(),
            _ => person.say(padding),
        };
        self.trace.push(format!("{} acts {roll}", person.name));
        self.send(at, &bytes);
    }

    /// A socket in rooms: of somebody new, of somebody who was here before, or a further one.
    pub(crate) fn invite(&mut self) -> Guest {
        let number = self.random.random_range(0..6);
        let id = format!("guest{number}");
        let mut token = None;
        for seat in &mut self.seats {
            if let Some(guest) = seat.person.guest.as_mut().filter(|guest| guest.id == id) {
                guest.is_tab = true;
                token = token.or(guest.token.clone());
            }
        }
        Guest::new(id, token)
    }

    /// Somebody in rooms does something.
    fn act_in_rooms(&mut self, at: usize, roll: u32, padding: usize) {
        let room = ROOMS[self.random.random_range(0..ROOMS.len())];
        let other = format!("guest{}", self.random.random_range(0..7));
        let name = self.seats[at].person.name;
        let Some(guest) = self.seats[at].person.guest.as_mut() else {
            return;
        };
        let bytes = match roll {
            0..22 => command(&json!({ "type": "join_room", "content": room })),
            22..24 => command(&json!({ "type": "join_room", "content": room, "exclusive": true })),
            24..30 => command(&json!({ "type": "leave_room", "content": room })),
            30..34 => command(&json!({ "type": "typing", "room": room })),
            34..36 => command(&json!({ "type": "typing", "recipient": other })),
            36..42 => guest.whisper(&other, padding),
            42..43 => frame(0x81, b"not json"),
            43..44 => frame(0x88, &[0x03, 0xe8]),
            44..45 => (0..150)
                .flat_map(|_| guest.whisper(&other, 1_000))
                .collect(),
            45..48 => (0..80).flat_map(|_| guest.say(room, name, 1_900)).collect(),
            48..54 => (0..12)
                .flat_map(|_| guest.say(room, name, padding))
                .collect(),
            _ => guest.say(room, name, padding),
        };
        self.trace.push(format!("{name} acts {roll} in {room}"));
        self.send(at, &bytes);
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
