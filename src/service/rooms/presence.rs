//! People in rooms: joining and leaving.

use super::fault::Wrong;
use super::outgoing::{self, Draft};
use super::people::PersonId;
use super::reading::Apart;
use super::room::{self, RoomId};
use super::round::Entry;
use super::speech;
use super::{Rooms, Speaker};
use crate::conn::Turn;
use crate::kernel::addresses::Subscriber;
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::kernel::membership::SeatId;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::json;

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has to wait for its turn.
    NotBegun,
    /// It has been paid for and goes on in a later turn, from the beginning, as far as that is still to be done.
    Begun,
    /// It is done, or was refused.
    Done,
}

impl Rooms {
    /// `join_room`: everybody there is told, and the one who joins is sent what was said.
    pub(super) fn join(
        &mut self,
        conn: ConnId,
        id: &str,
        exclusive: bool,
        is_paid: bool,
        turn: &mut Turn<'_>,
    ) -> Result<Progress, Wrong> {
        let person = self.sockets[conn.index()].person;
        let known = self.rooms.find(id);
        if let Some(room) = known
            && self.membership.find(person, room).is_some()
        {
            if exclusive && !self.leave_others(conn, Some(room), turn) {
                return Ok(Progress::Begun);
            }
            self.catch_up(conn, room, turn);
            return Ok(Progress::Done);
        }
        if !is_paid {
            self.may_join(person, known, id, exclusive)?;
            self.pay_for_move(person, turn)?;
        }
        if exclusive && !self.leave_others(conn, known, turn) {
            return Ok(Progress::Begun);
        }
        let room = match known {
            Some(room) => room,
            None if self.settings.create_on_join => {
                let client = self.sockets[conn.index()].client.ok_or(Wrong::NoRoom)?;
                self.make_room(id, id, client, turn)?
            }
            None => return Err(Wrong::NoRoom),
        };
        self.enter(conn, person, room, turn);
        Ok(Progress::Done)
    }

    /// Checks whether `person` may join a room, which may have to be made.
    fn may_join(
        &self,
        person: PersonId,
        room: Option<RoomId>,
        id: &str,
        exclusive: bool,
    ) -> Result<(), Wrong> {
        match room {
            None if !self.settings.create_on_join => return Err(Wrong::NoRoom),
            None => {
                if let Some(complaint) = room::complaint(id) {
                    let message = format!("A room's name {complaint}.");
                    return Err(Fault::bad_field("content", message).into());
                }
            }
            Some(room) if self.is_overrun(room) => {
                return Err(Wrong::TooFast(speech::BEHIND_US));
            }
            Some(_) => {}
        }
        if !exclusive && self.membership.rooms_of(person) >= limits::ROOMS_PER_PERSON_MAX {
            return Err(Wrong::InTooManyRooms);
        }
        Ok(())
    }

    fn pay_for_move(&mut self, person: PersonId, turn: &Turn<'_>) -> Result<(), Wrong> {
        self.people
            .person_mut(person)
            .moves
            .take(self.settings.move_rate, turn.now.micros)
            .map_err(Wrong::TooFast)
    }

    /// Makes a room for somebody who comes from `client`. When there is no space, the room goes that has been empty for
    /// longest.
    pub(super) fn make_room(
        &mut self,
        id: &str,
        name: &str,
        client: Subscriber,
        turn: &Turn<'_>,
    ) -> Result<RoomId, Wrong> {
        let place = if self.rooms.is_full() {
            Some(self.rooms.longest_empty().ok_or(Wrong::TooManyRooms)?)
        } else {
            None
        };
        self.makers
            .take(client, self.settings.room_rate, turn.now.micros)
            .map_err(Wrong::TooFast)?;
        if let Some(empty) = place {
            self.give_up(empty);
        }
        Ok(self.rooms.create(id, name, turn.now))
    }

    /// Gives a room up in which nobody is.
    pub(super) fn give_up(&mut self, room: RoomId) {
        self.unlist(room);
        let gone = self.rooms.remove(room);
        self.histories.change(room, gone.history.bytes(), 0);
    }

    fn enter(&mut self, conn: ConnId, person: PersonId, id: RoomId, turn: &mut Turn<'_>) {
        let frame = self.notice("join", person, id, turn);
        let is_first = self.membership.rooms_of(person) == 0;
        for socket in &self.people.person(person).sockets {
            turn.out.lane(*socket).extend_from_slice(&frame);
            if is_first {
                turn.out.effects.push(Effect::Pace(*socket, true));
            }
        }
        self.charge(frame.len());
        self.tell(id, Entry::Notice(frame));
        if self.membership.members(id) == 0 {
            self.rooms.entered(id);
        }
        let room = self.rooms.room(id);
        let seen = room.log.last();
        self.membership.join(person, id, seen);
        if room.history.is_empty() {
            return;
        }
        let person = self.people.person_mut(person);
        for socket in &person.sockets {
            person.apart.push(if *socket == conn {
                Apart::joining(conn, id, &room.history)
            } else {
                Apart::listening(*socket, id, seen, &room.history).told()
            });
        }
    }

    /// `leave_room`: everybody there is told, the one who leaves last, and after all that was said until then.
    pub(super) fn leave(
        &mut self,
        conn: ConnId,
        id: &str,
        is_paid: bool,
        turn: &mut Turn<'_>,
    ) -> Result<Progress, Wrong> {
        let person = self.sockets[conn.index()].person;
        let room = self.rooms.find(id).ok_or(Wrong::NoRoom)?;
        let seat = self.seat(person, room)?;
        if !is_paid {
            self.pay_for_move(person, turn)?;
        }
        if !self.bring_up_to_date(conn, seat, turn) {
            return Ok(Progress::Begun);
        }
        self.vacate(seat, turn);
        Ok(Progress::Done)
    }

    /// The seat of `person` in `room`, without which they have no say there.
    pub(super) fn seat(&self, person: PersonId, room: RoomId) -> Result<SeatId, Wrong> {
        let seat = self.membership.find(person, room);
        seat.ok_or(Wrong::NotMember)
    }

    /// Has the person with the socket `conn` leave all rooms but `room`; whether that is done.
    fn leave_others(&mut self, conn: ConnId, room: Option<RoomId>, turn: &mut Turn<'_>) -> bool {
        let person = self.sockets[conn.index()].person;
        while let Some(seat) = self.other_seat(person, room) {
            if !self.bring_up_to_date(conn, seat, turn) {
                return false;
            }
            self.vacate(seat, turn);
        }
        true
    }

    /// A seat of `person` that is not in `room`.
    pub(super) fn other_seat(&self, person: PersonId, room: Option<RoomId>) -> Option<SeatId> {
        let mut seats = self.membership.seats_of(person);
        seats.find(|seat| Some(self.membership.room(*seat)) != room)
    }

    /// Frees a seat whose person has heard everything, or has no socket any more.
    pub(super) fn vacate(&mut self, seat: SeatId, turn: &mut Turn<'_>) {
        let (person, room) = (self.membership.person(seat), self.membership.room(seat));
        let frame = self.notice("leave", person, room, turn);
        self.pass_over(seat);
        self.membership.leave(seat);
        let is_last = self.membership.rooms_of(person) == 0;
        let leaver = self.people.person_mut(person);
        leaver.apart.retain(|apart| !apart.is_in(room));
        for socket in &leaver.sockets {
            turn.out.lane(*socket).extend_from_slice(&frame);
            if is_last {
                turn.out.effects.push(Effect::Pace(*socket, false));
            }
        }
        self.charge(frame.len());
        if self.membership.members(room) == 0 {
            self.discard_backlog(room);
            self.rooms.emptied(room, turn.now);
        } else {
            self.tell(room, Entry::Notice(frame));
        }
    }

    /// The frame that says that `person` joins or leaves.
    pub(super) fn notice(
        &mut self,
        kind: &'static str,
        person: PersonId,
        room: RoomId,
        turn: &Turn<'_>,
    ) -> Box<[u8]> {
        let verb = if kind == "join" { "joined" } else { "left" };
        let words = format!("{} {verb} the room", self.people.person(person).name);
        let content = json::quoted(&words);
        let id = self.fresh_id(turn.now);
        let draft = Draft {
            room: Some(room),
            ..Draft::new(kind, &content)
        };
        self.compose(id, Speaker::Person(person), &draft, turn.now);
        outgoing::framed(&self.text)
    }
}
