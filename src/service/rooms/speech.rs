//! What people say to rooms.

use uuid::Uuid;

use super::command::{self, Saying, To};
use super::people::PersonId;
use super::room::RoomId;
use super::{Draft, Rooms, Speaker, voice};
use crate::conn::Turn;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::frame::{self, Kind};

/// After how long somebody may try again where too much is said, in microseconds.
pub(super) const BEHIND_US: u64 = 500_000;

impl Rooms {
    /// `text`: to a room or to a person.
    pub(super) fn say<'t>(
        &mut self,
        person: PersonId,
        saying: &Saying<'t>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let done = match &saying.to {
            To::Room(id) => self.say_in(person, id, saying, turn),
            To::Person(id) => self
                .spend(person, turn)
                .and_then(|()| self.write_to(Speaker::Person(person), id, saying, turn))
                .map(|_| ()),
        };
        done.map_err(|fault| fault.about(saying.cid))
    }

    fn say_in<'t>(
        &mut self,
        person: PersonId,
        id: &str,
        saying: &Saying<'t>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let room = self.rooms.find(id).ok_or_else(command::no_room)?;
        self.seat(person, room)?;
        self.spend(person, turn)?;
        self.post(Speaker::Person(person), room, saying, turn)?;
        Ok(())
    }

    /// Takes from what `person` may say.
    pub(super) fn spend<'t>(&mut self, person: PersonId, turn: &Turn<'_>) -> Result<(), Fault<'t>> {
        self.people
            .person_mut(person)
            .messages
            .take(self.settings.message_rate, turn.now.micros)
            .map_err(Fault::too_fast)
    }

    /// Says something in a room, where it is kept and goes to everybody. Its id.
    pub(super) fn post<'t>(
        &mut self,
        from: Speaker<'_>,
        room: RoomId,
        saying: &Saying<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Uuid, Fault<'t>> {
        if self.is_behind(room) {
            return Err(Fault::too_fast(BEHIND_US));
        }
        let id = self.fresh_id(turn.now);
        let draft = Draft {
            room: Some(room),
            cid: saying.cid,
            ..Draft::new("text", saying.text.raw())
        };
        self.compose(id, from, draft, turn.now);
        let kept = voice::kept(id, &self.text);
        self.tell(room, kept.frame.clone(), None);
        let history = &mut self.rooms.room_mut(room).history;
        let before = history.bytes();
        history.keep(kept);
        self.history_bytes = self.history_bytes + history.bytes() - before;
        while self.history_bytes > limits::HISTORY_BYTES_MAX {
            let before = history.bytes();
            if !history.forget_oldest() {
                break;
            }
            self.history_bytes -= before - history.bytes();
        }
        turn.stats.room_messages += 1;
        Ok(id)
    }

    /// `typing`: the others are told, though not too often, and not whoever is behind with reading.
    pub(super) fn typing<'t>(
        &mut self,
        person: PersonId,
        to: &To<'_>,
        active: bool,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let room = match to {
            To::Room(id) => {
                let room = self.rooms.find(id).ok_or_else(command::no_room)?;
                self.seat(person, room)?;
                Some(room)
            }
            To::Person(_) => None,
        };
        let typist = self.people.person_mut(person);
        if turn.now.micros < typist.typing_us {
            return Ok(());
        }
        typist.typing_us = turn.now.after_ms(limits::TYPING_MS);
        let recipient = match to {
            To::Person(id) => Some(&**id),
            To::Room(_) => None,
        };
        let id = self.fresh_id(turn.now);
        let draft = Draft {
            room,
            recipient,
            active: Some(active),
            ..Draft::new("typing", "\"\"")
        };
        self.compose(id, Speaker::Person(person), draft, turn.now);
        match room {
            Some(room) if self.is_behind(room) => {}
            Some(room) => self.tell(room, voice::framed(&self.text), Some(person)),
            None => {
                let reader = recipient.and_then(|id| self.people.find(id));
                let sockets = reader.map(|reader| &self.people.person(reader).sockets);
                for socket in sockets.into_iter().flatten() {
                    if !turn.out.is_high(*socket) {
                        frame::write(turn.out.lane(*socket), Kind::Text, &self.text);
                    }
                }
            }
        }
        Ok(())
    }
}
