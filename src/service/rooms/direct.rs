//! What people say to one another, and what waits for those who are away.

use uuid::Uuid;

use super::command::Saying;
use super::people::PersonId;
use super::{Draft, Rooms, Speaker, voice};
use crate::conn::Turn;
use crate::wire::fault::Fault;
use crate::wire::frame::{self, Kind};

impl Rooms {
    /// Says something to one person: to each of their sockets, or if there is none, it is kept. Each of the
    /// sender's sockets gets a copy that says which. Its id, and whether it was delivered.
    pub(super) fn write_to<'t>(
        &mut self,
        from: Speaker<'_>,
        recipient: &str,
        saying: &Saying<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(Uuid, bool), Fault<'t>> {
        let reader = self.people.find(recipient);
        let is_here = reader.is_some_and(|reader| self.is_here(reader));
        if !is_here && !self.people.has_room_for_letters() {
            let message = "No more messages can be kept for people who are away.";
            return Err(Fault::new("mailbox_full", message));
        }
        let id = self.fresh_id(turn.now);
        let draft = Draft {
            recipient: Some(recipient),
            cid: saying.cid,
            ..Draft::new("private", saying.text.raw())
        };
        let sender = match from {
            Speaker::Person(sender) => Some(sender),
            Speaker::Guest { .. } => None,
        };
        if reader.is_none() || reader != sender {
            self.compose(id, from, draft, turn.now);
            self.hand_over(recipient, turn);
        }
        if let Some(sender) = sender {
            let echo = Draft {
                delivered: Some(is_here),
                ..draft
            };
            self.compose(id, from, echo, turn.now);
            for socket in &self.people.person(sender).sockets {
                frame::write(turn.out.lane(*socket), Kind::Text, &self.text);
            }
        }
        turn.stats.direct_messages += 1;
        Ok((id, is_here))
    }

    fn is_here(&self, person: PersonId) -> bool {
        !self.people.person(person).sockets.is_empty()
    }

    /// Gives the message in the scratch text to its recipient, or keeps it.
    fn hand_over(&mut self, recipient: &str, turn: &mut Turn<'_>) {
        let reader = self.people.know(recipient, turn.now.micros);
        let person = self.people.person(reader);
        // What is still on its way comes first.
        if person.sockets.is_empty() || !person.letters.is_empty() {
            let frame = voice::framed(&self.text);
            return self.people.keep(reader, frame, turn.now.micros);
        }
        for socket in &person.sockets {
            frame::write(turn.out.lane(*socket), Kind::Text, &self.text);
        }
    }

    /// Gives `person` the letters that waited, as long as their sockets keep up.
    pub(super) fn deliver_letters(&mut self, person: PersonId, turn: &mut Turn<'_>) {
        loop {
            let sockets = &self.people.person(person).sockets;
            if sockets.is_empty() || sockets.iter().any(|socket| turn.out.is_high(*socket)) {
                return;
            }
            let Some(letter) = self.people.take_letter(person) else {
                return;
            };
            if letter.due_us <= turn.now.micros {
                continue;
            }
            for socket in &self.people.person(person).sockets {
                turn.out.lane(*socket).extend_from_slice(&letter.frame);
            }
        }
    }
}
