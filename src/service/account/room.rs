//! What people say in private rooms.

use std::borrow::Cow;

use uuid::Uuid;

use super::outgoing::{self, Event};
use super::pending::Purpose;
use super::{Accounts, failure, unexpected};
use crate::conn::Turn;
use crate::kernel::ask::{Answer, Ask, Outcome, Query, Refusal};
use crate::kernel::id::ConnId;
use crate::kernel::record::Side;
use crate::kernel::time;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::json::quoted;

/// A message that is being kept.
#[derive(Debug)]
pub(super) struct Saying {
    id: Uuid,
    pub(super) room: Uuid,
    side: Side,
    /// Who is in the room, by side.
    users: [Uuid; 2],
    content: String,
    pub(super) cid: Option<String>,
}

impl Accounts {
    /// `message`: is kept, and then told.
    pub(super) fn say(
        &mut self,
        conn: ConnId,
        room: Uuid,
        side: Side,
        content: Cow<'_, str>,
        cid: Option<Cow<'_, str>>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'static>> {
        let users = self.users_of(room, turn)?;
        let user = users[side.index()];
        self.people
            .spender(user, turn.now)
            .messages
            .take(self.settings.message_rate, turn.now.micros)
            .map_err(Fault::too_fast)?;
        let id = self.order.next(turn.now.unix_ms, &mut self.random);
        let saying = Saying {
            id,
            room,
            side,
            users,
            content: content.into_owned(),
            cid: cid.map(Cow::into_owned),
        };
        let query = Query::Say {
            id,
            room,
            user,
            content: saying.content.clone(),
            cid: saying.cid.clone(),
            now_ms: turn.now.unix_ms,
        };
        let purpose = Purpose::Say(Box::new(saying));
        let ticket = self
            .ask(Some(conn), Ask::Store(query), purpose, turn)
            .map_err(|unasked| failure::fault(unasked.refusal))?;
        self.owe(conn, ticket, turn);
        Ok(())
    }

    /// Who is in a room, by side, unless its time is over.
    fn users_of(&self, room: Uuid, turn: &Turn<'_>) -> Result<[Uuid; 2], Fault<'static>> {
        self.open_rooms
            .get(room)
            .filter(|door| door.expires_ms > turn.now.unix_ms)
            .map(|door| door.users)
            .ok_or_else(|| failure::fault(Refusal::Ended))
    }

    /// The store has kept a message, or not.
    pub(super) fn kept_message(
        &mut self,
        asker: Option<ConnId>,
        saying: Saying,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let kept = match outcome {
            Ok(Answer::Said {
                id,
                sent_ms,
                is_new,
            }) => Ok((id, sent_ms, is_new)),
            Ok(other) => Err(unexpected(other)),
            Err(refusal) => Err(refusal),
        };
        let (id, sent_ms, is_new) = match kept {
            Ok(kept) => kept,
            Err(refusal) => return self.not_kept(asker, &saying, refusal, turn),
        };
        let mut sent_at = String::new();
        time::write_rfc3339(&mut sent_at, sent_ms);
        // Nobody may have heard of a message of which nobody knew whether it was kept.
        let is_news = is_new || self.forget_unsure(saying.room, id);
        // Whoever was told that the room has ended hears of nothing that was said there, though it was said in time.
        if is_news && !self.expiry.has_ended(saying.room) {
            turn.stats.private_messages += 1;
            self.spread(asker, &saying, id, &sent_at, turn);
        }
        if let Some(conn) = asker.filter(|conn| self.sockets.get(*conn).is_some()) {
            let event = Event::MessageAck {
                id,
                sent_at: &sent_at,
                cid: saying.cid.as_deref(),
            };
            outgoing::say(turn.out.lane(conn), &event);
        }
    }

    /// Tells everybody but the socket that it came from of a message that is kept.
    fn spread(
        &self,
        asker: Option<ConnId>,
        saying: &Saying,
        id: Uuid,
        sent_at: &str,
        turn: &mut Turn<'_>,
    ) {
        let content = saying.content.as_str();
        let partner = saying.side.other();
        let door = self.open_rooms.get(saying.room);
        let told = door.map_or(&[][..], |door| door.side(partner));
        if told.is_empty() {
            let event = Event::NewMessage {
                room_id: saying.room,
                id: saying.users[saying.side.index()],
                message_id: id,
            };
            self.notify(saying.users[partner.index()], &event, turn);
        } else {
            let frame = outgoing::framed(&Event::Message {
                id,
                content,
                sent_at,
            });
            for conn in told {
                turn.out.lane(*conn).extend_from_slice(&frame);
            }
        }
        let own = door.map_or(&[][..], |door| door.side(saying.side));
        let event = Event::MessageSent {
            id,
            content,
            sent_at,
            cid: saying.cid.as_deref(),
        };
        for conn in own.iter().filter(|conn| Some(**conn) != asker) {
            outgoing::say(turn.out.lane(*conn), &event);
        }
    }

    /// The store has not kept a message, or does not know whether it has.
    fn not_kept(
        &mut self,
        asker: Option<ConnId>,
        saying: &Saying,
        refusal: Refusal,
        turn: &mut Turn<'_>,
    ) {
        if refusal == Refusal::Unavailable
            && let Some(door) = self.open_rooms.get_mut(saying.room)
            && saying.cid.is_some()
        {
            if door.unsure.len() >= limits::ASKS_PER_SOCKET_MAX {
                door.unsure.remove(0);
            }
            door.unsure.push(saying.id);
        }
        let has_ended = matches!(refusal, Refusal::Missing | Refusal::Ended);
        if let Some(conn) = asker {
            let fault = match refusal {
                // Whoever is in a room is not told that there is none.
                Refusal::Missing => Refusal::Ended,
                refusal => refusal,
            };
            let cid = saying.cid.as_deref().map(quoted);
            let fault = failure::fault(fault).about(cid.as_deref());
            self.complain(conn, &fault, turn);
        }
        if has_ended {
            self.found_ended(saying.room, turn);
        }
    }

    /// Whether nobody knew if `message` was kept; from now on it is known.
    fn forget_unsure(&mut self, room: Uuid, message: Uuid) -> bool {
        let Some(door) = self.open_rooms.get_mut(room) else {
            return false;
        };
        let before = door.unsure.len();
        door.unsure.retain(|unsure| *unsure != message);
        door.unsure.len() < before
    }

    /// `typing`: the partner is told, though not too often, and not while behind with reading.
    pub(super) fn typing(&mut self, conn: ConnId, room: Uuid, side: Side, turn: &mut Turn<'_>) {
        if let Err(fault) = self.users_of(room, turn) {
            return self.complain(conn, &fault, turn);
        }
        let Some(door) = self.open_rooms.get_mut(room) else {
            return;
        };
        let typing_us = &mut door.typing_us[side.index()];
        if turn.now.micros < *typing_us {
            return;
        }
        *typing_us = turn.now.after_ms(limits::TYPING_MS);
        for partner in door.side(side.other()) {
            if !turn.out.is_high(*partner) {
                outgoing::say(turn.out.lane(*partner), &Event::Typing);
            }
        }
    }

    /// `read`: the messages up to this one are marked.
    pub(super) fn read(
        &mut self,
        conn: ConnId,
        room: Uuid,
        side: Side,
        upto: Uuid,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'static>> {
        let users = self.users_of(room, turn)?;
        let user = users[side.index()];
        let has_read = self
            .open_rooms
            .get(room)
            .is_some_and(|door| upto <= door.read[side.index()]);
        if has_read {
            return Ok(());
        }
        let query = Query::Read {
            room,
            user,
            upto,
            now_ms: turn.now.unix_ms,
        };
        let purpose = Purpose::Read { room, user, upto };
        let ticket = self
            .ask(Some(conn), Ask::Store(query), purpose, turn)
            .map_err(|unasked| failure::fault(unasked.refusal))?;
        self.owe(conn, ticket, turn);
        Ok(())
    }

    /// The store has marked messages as read, or not.
    pub(super) fn marked(
        &mut self,
        asker: Option<ConnId>,
        room: Uuid,
        user: Uuid,
        upto: Uuid,
        outcome: Outcome,
        turn: &mut Turn<'_>,
    ) {
        let has_changed = match outcome {
            Ok(Answer::Read { has_changed }) => Ok(has_changed),
            Ok(other) => Err(unexpected(other)),
            Err(refusal) => Err(refusal),
        };
        let has_changed = match has_changed {
            Ok(has_changed) => has_changed,
            Err(refusal) => {
                if let Some(conn) = asker {
                    self.complain(conn, &failure::fault(refusal), turn);
                }
                if refusal == Refusal::Ended {
                    self.found_ended(room, turn);
                }
                return;
            }
        };
        let event = Event::RoomRead {
            room_id: room,
            id: upto,
        };
        if let Some(door) = self.open_rooms.get_mut(room) {
            let side = if door.users[0] == user {
                Side::A
            } else {
                Side::B
            };
            let read = &mut door.read[side.index()];
            *read = upto.max(*read);
            if has_changed {
                for conn in door.side(side.other()) {
                    outgoing::say(turn.out.lane(*conn), &Event::Read { id: upto });
                }
                for conn in door.side(side).iter().filter(|conn| Some(**conn) != asker) {
                    outgoing::say(turn.out.lane(*conn), &event);
                }
            }
        }
        if has_changed && !self.expiry.has_ended(room) {
            self.notify(user, &event, turn);
        }
    }
}
