//! Checks the service's invariants, for simulations: slow, thorough, and never called by the server itself.

use super::Rooms;
use super::room::GENERAL;
use crate::kernel::id::ConnId;
use crate::kernel::outbox::Outbox;
use crate::limits;

impl Rooms {
    /// Checks every invariant of this service against the connections that are open on it and what waits for them; the
    /// error says which does not hold.
    pub fn audit(&self, open: &[ConnId], out: &Outbox) -> Result<(), String> {
        self.membership.audit()?;
        self.people.audit()?;
        self.audit_sockets(open)?;
        for conn in open {
            self.audit_late(*conn, out)?;
        }
        self.audit_rooms()
    }

    /// The rooms that somebody is in, and how much has yet to go round in each.
    pub fn survey(&self, user_id: &str) -> Vec<(String, usize)> {
        let person = self.people.find(user_id);
        let seats = person
            .into_iter()
            .flat_map(|person| self.membership.seats_of(person));
        let rooms = seats.map(|seat| self.rooms.room(self.membership.room(seat)));
        rooms
            .map(|room| (room.id.to_string(), room.log.bytes()))
            .collect()
    }

    fn audit_sockets(&self, open: &[ConnId]) -> Result<(), String> {
        if open.len() != self.online {
            return Err(format!("{} online, but {} open", self.online, open.len()));
        }
        let mut attached = 0;
        for id in self.people.connected(None) {
            let person = self.people.person(id);
            for socket in &person.sockets {
                let entry = &self.sockets[socket.index()];
                if entry.conn != *socket || entry.person != id || !open.contains(socket) {
                    return Err(format!("{socket:?} is not {}'s", person.id));
                }
                attached += 1;
            }
            self.audit_apart(id)?;
        }
        let sockets = self.sockets.iter();
        let taken = sockets.filter(|socket| socket.conn.generation() != 0);
        if (attached, taken.count()) != (self.online, self.online) {
            return Err(format!("{attached} sockets, {} online", self.online));
        }
        Ok(())
    }

    /// Whoever is behind with anything waits for something that comes: their turn, or their lane to drain.
    fn audit_late(&self, conn: ConnId, out: &Outbox) -> Result<(), String> {
        let socket = &self.sockets[conn.index()];
        let entries = self.waiting.iter().filter(|waiting| **waiting == conn);
        let late = socket.late.as_deref();
        let is_queued = late.is_some_and(|late| late.queued);
        let is_paused = late.is_some_and(|late| late.paused);
        let is_idle = out.queued(conn) <= limits::QUEUE_LOW_BYTES && !is_queued;
        if entries.count() != usize::from(is_queued) || is_idle && (self.is_late(conn) || is_paused)
        {
            return Err(format!("{conn:?} waits wrongly: {late:?}"));
        }
        let letters = &self.people.person(socket.person).letters;
        if self
            .next_letter(conn)
            .is_some_and(|next| next >= letters.end())
        {
            return Err(format!("{conn:?} waits for a letter that there is not"));
        }
        Ok(())
    }

    fn audit_rooms(&self) -> Result<(), String> {
        let (mut backlog, mut history, mut members) = (0, 0, 0);
        for id in self.rooms.iter(None) {
            self.audit_log(id)?;
            let room = self.rooms.room(id);
            let count = self.membership.members(id);
            if (count == 0 && id != GENERAL) != self.rooms.is_empty(id) {
                return Err(format!("{} has {count} members", room.id));
            }
            for seat in self.membership.seats_in(id, None) {
                let person = self.people.person(self.membership.person(seat));
                if !person.is_here() {
                    return Err(format!("{} is wrongly in {}", person.id, room.id));
                }
            }
            members += count;
            backlog += room.log.bytes();
            history += room.history.bytes();
        }
        let found = (backlog, history, members);
        let counted = (
            self.backlog_bytes,
            self.histories.total(),
            self.membership.len(),
        );
        if found != counted || history > self.settings.history_bytes_max {
            return Err(format!("{found:?} counted as {counted:?}"));
        }
        Ok(())
    }
}
