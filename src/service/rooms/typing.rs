//! Who types, and to whom: the others are told.
//!
//! That somebody begins or stops is passed on at once, and the same again once a second. Nobody is told who is behind with
//! reading, and a room is not while other things have yet to go round in it.

use super::command::To;
use super::fault::Wrong;
use super::outgoing::{self, Draft};
use super::people::PersonId;
use super::room::RoomId;
use super::round::Entry;
use super::{Rooms, Speaker};
use crate::conn::Turn;
use crate::kernel::bucket::{Bucket, Rate};
use crate::limits;
use crate::wire::frame::{self, Kind};

const RATE: Rate = Rate::new(limits::TYPING_PER_SECOND, limits::TYPING_BURST);

/// What one person's readers were told lately.
#[derive(Debug, Default)]
pub(super) struct Typing {
    told: Vec<Told>,
    budget: Bucket,
}

#[derive(Debug)]
struct Told {
    reader: Reader,
    active: bool,
    /// Until when the same is not said again, in monotonic microseconds.
    until_us: u64,
}

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Room(RoomId),
    Person(PersonId),
}

impl Typing {
    /// Whether `reader` is to be told; from now on they have been.
    fn is_news(&mut self, reader: Reader, active: bool, now_us: u64) -> bool {
        self.told.retain(|told| told.until_us > now_us);
        let known = self.told.iter().position(|told| told.reader == reader);
        if known.is_some_and(|known| self.told[known].active == active)
            || self.budget.take(RATE, now_us).is_err()
        {
            return false;
        }
        if let Some(known) = known {
            self.told.swap_remove(known);
        }
        self.told.push(Told {
            reader,
            active,
            until_us: now_us + limits::TYPING_MS * 1_000,
        });
        true
    }
}

impl Rooms {
    /// `typing`.
    pub(super) fn typing(
        &mut self,
        person: PersonId,
        to: &To<'_>,
        active: bool,
        turn: &mut Turn<'_>,
    ) -> Result<(), Wrong> {
        let reader = match to {
            To::Room(id) => {
                let room = self.rooms.find(id).ok_or(Wrong::NoRoom)?;
                self.seat(person, room)?;
                if self.rooms.room(room).log.bytes() > limits::ROOM_TYPING_BYTES {
                    return Ok(());
                }
                Reader::Room(room)
            }
            To::Person(id) => match self.people.find(id) {
                Some(reader) if reader != person && self.people.person(reader).is_here() => {
                    Reader::Person(reader)
                }
                _ => return Ok(()),
            },
        };
        let typist = self.people.person_mut(person);
        if !typist.typing.is_news(reader, active, turn.now.micros) {
            return Ok(());
        }
        let id = self.fresh_id(turn.now);
        let draft = Draft {
            room: match reader {
                Reader::Room(room) => Some(room),
                Reader::Person(_) => None,
            },
            recipient: match to {
                To::Person(id) => Some(id),
                To::Room(_) => None,
            },
            active: Some(active),
            ..Draft::new("typing", "\"\"")
        };
        self.compose(id, Speaker::Person(person), &draft, turn.now);
        match reader {
            Reader::Room(room) => {
                let frame = outgoing::framed(&self.text);
                self.tell(room, Entry::Typing(person, frame));
            }
            Reader::Person(reader) => {
                for socket in &self.people.person(reader).sockets {
                    if !turn.out.is_high(*socket) {
                        frame::write(turn.out.lane(*socket), Kind::Text, &self.text);
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_news_and_repetitions_are_not() {
        let mut typing = Typing::default();
        let (room, other) = (Reader::Room(1), Reader::Person(1));
        assert!(typing.is_news(room, true, 0));
        assert!(!typing.is_news(room, true, 1));
        assert!(typing.is_news(other, true, 2), "each reader by itself");
        assert!(typing.is_news(room, false, 3), "a change at once");
        assert!(!typing.is_news(room, false, 4));
        let second_us = limits::TYPING_MS * 1_000;
        assert!(!typing.is_news(room, false, second_us + 2));
        assert!(
            typing.is_news(room, false, second_us + 3),
            "and after a second"
        );
    }

    #[test]
    fn whoever_changes_all_the_time_is_not_news() {
        let mut typing = Typing::default();
        let news = (0..1_000u64)
            .filter(|at| typing.is_news(Reader::Room(1), at % 2 == 0, *at))
            .count();
        assert_eq!(news, limits::TYPING_BURST as usize);
        let news = (0..1_000u64)
            .filter(|at| typing.is_news(Reader::Room(*at as u32), true, 60_000_000))
            .count();
        assert_eq!(news, limits::TYPING_BURST as usize);
        assert_eq!(typing.told.len(), news);
    }
}
