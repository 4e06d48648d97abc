//! Checks the service's invariants, for simulations: slow, thorough, and never called by the server itself.

use super::Accounts;
use super::pending::Purpose;
use super::sockets::Place;
use crate::kernel::id::ConnId;

impl Accounts {
    /// Checks every invariant of this service against the connections that are open on it; the error says
    /// which does not hold.
    pub fn audit(&self, open: &[ConnId]) -> Result<(), String> {
        self.pool.audit()?;
        if !self.arrivals.is_empty() || !self.late.is_empty() || !self.kept.is_empty() {
            return Err("something was left for another turn".into());
        }
        if (open.len(), open.len()) != (self.sockets.open(), self.sockets.all().count()) {
            return Err(format!(
                "{} online, but {} open",
                self.sockets.open(),
                open.len()
            ));
        }
        let (mut listeners, mut in_rooms) = (0, 0);
        for socket in self.sockets.all() {
            let conn = socket.conn;
            if !open.contains(&conn) {
                return Err(format!("{conn:?} is not open"));
            }
            let belongs = match socket.place {
                Place::Notices => {
                    listeners += 1;
                    self.people.notices(socket.user).contains(&conn)
                        && self.notices.listeners().get(socket.seat) == Some(&conn)
                }
                Place::Room(room, side) => {
                    in_rooms += 1;
                    self.open_rooms.get(room).is_some_and(|door| {
                        door.side(side).contains(&conn) && door.users[side.index()] == socket.user
                    })
                }
            };
            if !belongs {
                return Err(format!("{conn:?} is not where it belongs"));
            }
            for ticket in &socket.asked {
                if self
                    .pending
                    .wait(*ticket)
                    .is_none_or(|wait| wait.asker != Some(conn))
                {
                    return Err(format!("{conn:?} waits for {ticket:?} in vain"));
                }
            }
        }
        let seated: usize = self
            .open_rooms
            .all()
            .map(|(_, door)| door.everybody().count())
            .sum();
        let noticed: usize = self
            .people
            .all()
            .map(|(_, person)| person.notices.len())
            .sum();
        let entered: usize = self.people.all().map(|(_, person)| person.in_rooms).sum();
        let counted = (self.notices.listeners().len(), noticed, seated, entered);
        if counted != (listeners, listeners, in_rooms, in_rooms) {
            return Err(format!(
                "{listeners} listen and {in_rooms} are in rooms, not {counted:?}"
            ));
        }
        let reachable = self
            .people
            .all()
            .filter(|(_, person)| !person.notices.is_empty());
        if reachable.count() != self.people.reachable() {
            return Err(format!(
                "{} people cannot be reached",
                self.people.reachable()
            ));
        }
        for ticket in self.tries.waiting() {
            let purpose = self.pending.wait(ticket).map(|wait| &wait.purpose);
            if !matches!(purpose, Some(Purpose::Verify(attempt)) if attempt.is_waiting()) {
                return Err(format!("{ticket:?} waits for others in vain"));
            }
        }
        for (user, ticket) in &self.matching {
            let purpose = self.pending.wait(*ticket).map(|wait| &wait.purpose);
            let is_theirs = match purpose {
                Some(Purpose::Join { user: other, .. }) => other == user,
                Some(Purpose::Match { waiter, joiner }) => {
                    waiter.user == *user || joiner.user == *user
                }
                _ => false,
            };
            if !is_theirs || self.pool.has(*user) {
                return Err(format!("{user} is not being matched"));
            }
        }
        Ok(())
    }

    /// Whether nothing is left of anybody, once everybody has gone, every question is answered and some time has passed.
    pub fn audit_empty(&self) -> Result<(), String> {
        let left = [
            ("questions", self.pending.all().count()),
            ("people", self.people.len()),
            ("rooms", self.open_rooms.len()),
            ("waiters", self.pool.len()),
            ("people being matched", self.matching.len()),
            ("ended rooms", self.expiry.len()),
            ("tries", self.tries.waiting().count() + self.tries.begun()),
        ];
        match left.iter().find(|(_, count)| *count > 0) {
            Some((what, count)) => Err(format!("{count} {what} are left")),
            None => Ok(()),
        }
    }
}
