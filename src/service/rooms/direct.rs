//! What people say to one another, and what waits for those who are away.

use uuid::Uuid;

use super::command::Saying;
use super::fault::Wrong;
use super::outgoing::{self, Draft};
use super::people::PersonId;
use super::reading::too_slow;
use super::{Rooms, Speaker};
use crate::conn::Turn;
use crate::kernel::id::ConnId;
use crate::wire::frame::{self, Kind};

impl Rooms {
    /// Says something to one person: to each of their sockets, or if there is none, it is kept. Each of the
    /// sender's sockets gets a copy that says which. Its id, and whether it was delivered.
    pub(super) fn write_to(
        &mut self,
        from: Speaker<'_>,
        recipient: &str,
        saying: &Saying<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(Uuid, bool), Wrong> {
        let reader = self.people.find(recipient);
        let sender = match from {
            Speaker::Person(sender) => Some(sender),
            Speaker::Guest(_) => None,
        };
        let is_here = reader.is_some_and(|reader| self.people.person(reader).is_here());
        // Their own copies are all that they need.
        let is_own = is_here && reader == sender;
        if !self.people.has_room_for_letters(reader) {
            return Err(Wrong::MailboxFull);
        }
        let id = self.fresh_id(turn.now);
        let draft = Draft {
            recipient: Some(recipient),
            cid: saying.cid,
            ..Draft::new("private", saying.text.raw())
        };
        let delivered = if is_own {
            true
        } else {
            self.compose(id, from, &draft, turn.now);
            self.hand_over(recipient, turn)
        };
        if let Some(sender) = sender {
            let echo = Draft {
                delivered: Some(delivered),
                ..draft
            };
            self.compose(id, from, &echo, turn.now);
            for socket in &self.people.person(sender).sockets {
                frame::write(turn.out.lane(*socket), Kind::Text, &self.text);
            }
        }
        turn.stats.direct_messages += 1;
        Ok((id, delivered))
    }

    /// The number of the letter that a socket is to be given next, if it has not been given all.
    pub(super) fn next_letter(&self, conn: ConnId) -> Option<u64> {
        self.sockets[conn.index()].late.as_deref()?.letter
    }

    /// Gives the message in the scratch text to its recipient: at once to every socket that has all that was kept before and
    /// takes what it is given, and in its place to the others. Whether anybody has it now.
    fn hand_over(&mut self, recipient: &str, turn: &mut Turn<'_>) -> bool {
        let now_us = turn.now.micros;
        let reader = self.people.know(recipient, now_us);
        let person = self.people.person(reader);
        let number = person.letters.end();
        let (mut is_delivered, mut has_to_wait) = (false, !person.is_here());
        for socket in &person.sockets {
            let late = &mut self.sockets[socket.index()].late;
            if late.as_deref().is_some_and(|late| late.letter.is_some()) {
                has_to_wait = true;
            } else if turn.out.is_high(*socket) {
                late.get_or_insert_default().letter = Some(number);
                has_to_wait = true;
            } else {
                frame::write(turn.out.lane(*socket), Kind::Text, &self.text);
                is_delivered = true;
            }
        }
        if has_to_wait {
            let frame = outgoing::framed(&self.text);
            for cut in self.people.keep(reader, frame, now_us, is_delivered) {
                self.give_up_on_late_readers(cut, turn);
            }
        }
        is_delivered
    }

    /// Whoever has not come to a letter before it had to make room would miss it without knowing.
    fn give_up_on_late_readers(&self, reader: PersonId, turn: &mut Turn<'_>) {
        let reader = self.people.person(reader);
        for socket in &reader.sockets {
            let next = self.next_letter(*socket);
            if next.is_some_and(|next| next < reader.letters.first()) {
                too_slow(*socket, turn);
            }
        }
    }
}
