//! What people say to rooms.

use uuid::Uuid;

use super::command::{Saying, To};
use super::fault::Wrong;
use super::outgoing::{self, Draft};
use super::people::PersonId;
use super::room::RoomId;
use super::round::Entry;
use super::{Rooms, Speaker};
use crate::conn::Turn;
use crate::wire::fault::Fault;

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
        done.map_err(|wrong| Fault::from(wrong).about(saying.cid))
    }

    fn say_in(
        &mut self,
        person: PersonId,
        id: &str,
        saying: &Saying<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Wrong> {
        let room = self.rooms.find(id).ok_or(Wrong::NoRoom)?;
        self.seat(person, room)?;
        self.spend(person, turn)?;
        self.post(Speaker::Person(person), room, saying, turn)?;
        Ok(())
    }

    /// Takes from what `person` may say.
    pub(super) fn spend(&mut self, person: PersonId, turn: &Turn<'_>) -> Result<(), Wrong> {
        self.people
            .person_mut(person)
            .messages
            .take(self.settings.message_rate, turn.now.micros)
            .map_err(Wrong::TooFast)
    }

    /// Says something in a room, where it is kept and goes to everybody. Its id.
    pub(super) fn post(
        &mut self,
        from: Speaker<'_>,
        room: RoomId,
        saying: &Saying<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Uuid, Wrong> {
        if self.is_behind(room) {
            return Err(Wrong::TooFast(BEHIND_US));
        }
        let id = self.fresh_id(turn.now);
        let draft = Draft {
            room: Some(room),
            cid: saying.cid,
            ..Draft::new("text", saying.text.raw())
        };
        self.compose(id, from, &draft, turn.now);
        let kept = outgoing::kept(id, &self.text);
        let history = &mut self.rooms.room_mut(room).history;
        let before = history.bytes();
        let number = history.keep(kept);
        self.histories.change(room, before, history.bytes());
        self.tell(room, Entry::Text(number));
        self.shorten_histories();
        turn.stats.room_messages += 1;
        Ok(id)
    }

    /// Forgets the oldest messages where most is kept, until all histories together are small enough.
    fn shorten_histories(&mut self) {
        while self.histories.total() > self.settings.history_bytes_max
            && let Some(largest) = self.histories.largest()
        {
            let room = self.rooms.room_mut(largest);
            let before = room.history.bytes();
            room.forget_oldest();
            let after = room.history.bytes();
            self.histories.change(largest, before, after);
        }
    }
}
