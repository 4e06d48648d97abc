//! Checks the service's invariants, for simulations: slow, thorough, and never called by the server itself.

use super::Rooms;
use super::room::GENERAL;
use crate::kernel::id::ConnId;

impl Rooms {
    /// Checks every invariant of this service against the connections that are open on it; the error says
    /// which does not hold.
    pub fn audit(&self, open: &[ConnId]) -> Result<(), String> {
        self.membership.audit()?;
        self.people.audit()?;
        if open.len() != self.online {
            return Err(format!("{} online, but {} open", self.online, open.len()));
        }
        let mut attached = 0;
        for (id, person) in self.people.connected() {
            for socket in &person.sockets {
                let entry = &self.sockets[socket.index()];
                if entry.conn != *socket || entry.person != id || !open.contains(socket) {
                    return Err(format!("{socket:?} is not {}'s", person.id));
                }
                attached += 1;
            }
        }
        for (index, socket) in self.sockets.iter().enumerate() {
            let entries = self.waiting.iter().filter(|conn| **conn == socket.conn);
            let late = socket.late.as_deref();
            let is_queued = late.is_some_and(|late| late.queued);
            let has_commands = late.is_some_and(|late| !late.commands.is_empty());
            let is_paused = late.is_some_and(|late| late.paused);
            let is_vacant = socket.conn.generation() == 0;
            if (!is_vacant && entries.count() != usize::from(is_queued))
                || (is_queued || is_paused) && !has_commands
            {
                return Err(format!("socket {index} waits wrongly: {late:?}"));
            }
        }
        let sockets = self.sockets.iter();
        let taken = sockets.filter(|socket| socket.conn.generation() != 0);
        if (attached, taken.count()) != (self.online, self.online) {
            return Err(format!("{attached} sockets, {} online", self.online));
        }
        let (mut backlog, mut history, mut members) = (0, 0, 0);
        for (id, room) in self.rooms.iter() {
            let count = self.membership.members(id);
            if (count == 0 && id != GENERAL) != self.rooms.is_empty(id) {
                return Err(format!("{} has {count} members", room.id));
            }
            for seat in self.membership.seats_in(id) {
                let person = self.people.person(self.membership.person(seat));
                if person.sockets.is_empty() || self.membership.seen(seat) > room.log.last() {
                    return Err(format!("{} is wrongly in {}", person.id, room.id));
                }
            }
            members += count;
            backlog += room.log.bytes();
            history += room.history.bytes();
        }
        let counted = (
            self.backlog_bytes,
            self.history_bytes,
            self.membership.len(),
        );
        if (backlog, history, members) != counted {
            return Err(format!(
                "{:?} counted as {counted:?}",
                (backlog, history, members)
            ));
        }
        Ok(())
    }
}
