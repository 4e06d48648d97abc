//! Who is in which room.
//!
//! Owns: one seat for each person in each room, in two intrusive lists, the room's and the person's. Joining and
//! leaving are O(1) once the seat is found, and finding it looks at the person's rooms, of which there are few.
//! A seat costs [`Membership::seat_bytes`] and no more.
//!
//! Invariants: a person has at most one seat in a room; every seat is in exactly the two lists of its room and
//! its person; a room's list is in the order of joining, and so is a person's; rows count their lists.

const NONE: u32 = u32::MAX;

/// The number of a seat, valid until its person leaves.
pub type SeatId = u32;

/// The table of seats. See the module's description.
#[derive(Debug)]
pub struct Membership {
    seats: Vec<Seat>,
    rooms: Vec<Row>,
    people: Vec<Row>,
    /// The first seat that is free; the others follow through `next[0]`.
    free: u32,
    taken: usize,
}

/// One person's place in one room. Index 0 of the links is the room's list, index 1 the person's.
#[derive(Clone, Copy, Debug)]
struct Seat {
    room: u32,
    person: u32,
    prev: [u32; 2],
    next: [u32; 2],
    /// How far this person has been told what was said here.
    seen: u64,
}

/// The ends of a list, and its length.
#[derive(Clone, Copy, Debug)]
struct Row {
    first: u32,
    last: u32,
    len: u32,
}

const EMPTY: Row = Row {
    first: NONE,
    last: NONE,
    len: 0,
};

impl Default for Membership {
    fn default() -> Self {
        Self {
            seats: Vec::new(),
            rooms: Vec::new(),
            people: Vec::new(),
            free: NONE,
            taken: 0,
        }
    }
}

impl Membership {
    /// Bytes that one seat costs in this table.
    pub const fn seat_bytes() -> usize {
        size_of::<Seat>()
    }

    /// Seats `person` in `room`, having seen everything up to `seen`. They must not sit there yet.
    pub fn join(&mut self, person: u32, room: u32, seen: u64) -> SeatId {
        debug_assert!(self.find(person, room).is_none());
        for (rows, index) in [(&mut self.rooms, room), (&mut self.people, person)] {
            if rows.len() <= index as usize {
                rows.resize(index as usize + 1, EMPTY);
            }
        }
        let seat = Seat {
            room,
            person,
            prev: [
                self.rooms[room as usize].last,
                self.people[person as usize].last,
            ],
            next: [NONE; 2],
            seen,
        };
        let id = if self.free == NONE {
            self.seats.push(seat);
            (self.seats.len() - 1) as SeatId
        } else {
            let id = self.free;
            self.free = self.seats[id as usize].next[0];
            self.seats[id as usize] = seat;
            id
        };
        for (side, prev) in seat.prev.into_iter().enumerate() {
            if prev != NONE {
                self.seats[prev as usize].next[side] = id;
            }
            let row = self.row(side, id);
            if prev == NONE {
                row.first = id;
            }
            row.last = id;
            row.len += 1;
        }
        self.taken += 1;
        id
    }

    /// Frees a seat.
    pub fn leave(&mut self, id: SeatId) {
        let seat = self.seats[id as usize];
        debug_assert!(seat.room != NONE);
        for side in 0..2 {
            let (prev, next) = (seat.prev[side], seat.next[side]);
            if prev != NONE {
                self.seats[prev as usize].next[side] = next;
            }
            if next != NONE {
                self.seats[next as usize].prev[side] = prev;
            }
            let row = self.row(side, id);
            if prev == NONE {
                row.first = next;
            }
            if next == NONE {
                row.last = prev;
            }
            row.len -= 1;
        }
        self.seats[id as usize] = Seat {
            room: NONE,
            person: NONE,
            prev: [NONE; 2],
            next: [self.free, NONE],
            seen: 0,
        };
        self.free = id;
        self.taken -= 1;
    }

    /// The seat of `person` in `room`, if they sit there.
    pub fn find(&self, person: u32, room: u32) -> Option<SeatId> {
        self.seats_of(person).find(|id| self.room(*id) == room)
    }

    /// The room that a seat is in.
    pub fn room(&self, id: SeatId) -> u32 {
        self.seats[id as usize].room
    }

    /// Who sits there.
    pub fn person(&self, id: SeatId) -> u32 {
        self.seats[id as usize].person
    }

    /// How far the person there has been told what was said.
    pub fn seen(&self, id: SeatId) -> u64 {
        self.seats[id as usize].seen
    }

    /// Notes how far that is now.
    pub fn see(&mut self, id: SeatId, seen: u64) {
        self.seats[id as usize].seen = seen;
    }

    /// The seat that was taken first in `room`.
    pub fn first(&self, room: u32) -> Option<SeatId> {
        link(self.rooms.get(room as usize).map_or(NONE, |row| row.first))
    }

    /// The seat that was taken next in the same room.
    pub fn next(&self, id: SeatId) -> Option<SeatId> {
        link(self.seats[id as usize].next[0])
    }

    /// The seat that the same person took next.
    pub fn next_of_person(&self, id: SeatId) -> Option<SeatId> {
        link(self.seats[id as usize].next[1])
    }

    /// The seats in `room`, in the order of joining: all, or those behind `after`.
    pub fn seats_in(&self, room: u32, after: Option<SeatId>) -> impl Iterator<Item = SeatId> {
        let first = match after {
            None => self.first(room),
            Some(after) => self.next(after),
        };
        std::iter::successors(first, |id| self.next(*id))
    }

    /// The seats of `person`, in the order of joining.
    pub fn seats_of(&self, person: u32) -> impl Iterator<Item = SeatId> {
        let first = self
            .people
            .get(person as usize)
            .map_or(NONE, |row| row.first);
        std::iter::successors(link(first), |id| self.next_of_person(*id))
    }

    /// How many people are in `room`.
    pub fn members(&self, room: u32) -> usize {
        self.rooms
            .get(room as usize)
            .map_or(0, |row| row.len as usize)
    }

    /// How many rooms `person` is in.
    pub fn rooms_of(&self, person: u32) -> usize {
        self.people
            .get(person as usize)
            .map_or(0, |row| row.len as usize)
    }

    /// How many seats are taken.
    pub const fn len(&self) -> usize {
        self.taken
    }

    /// Whether nobody is in any room.
    pub const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    fn row(&mut self, side: usize, id: SeatId) -> &mut Row {
        let seat = &self.seats[id as usize];
        match side {
            0 => &mut self.rooms[seat.room as usize],
            _ => &mut self.people[seat.person as usize],
        }
    }

    /// Checks the invariants, for simulations; the error says which does not hold.
    pub fn audit(&self) -> Result<(), String> {
        for (side, rows) in [&self.rooms, &self.people].into_iter().enumerate() {
            let mut counted = 0;
            for (index, row) in rows.iter().enumerate() {
                let (mut at, mut prev, mut len) = (row.first, NONE, 0);
                while at != NONE {
                    let seat = &self.seats[at as usize];
                    let owner = if side == 0 { seat.room } else { seat.person };
                    if owner as usize != index || seat.prev[side] != prev {
                        return Err(format!("seat {at} is in a list that is not its own"));
                    }
                    (prev, at) = (at, seat.next[side]);
                    len += 1;
                }
                if (row.last, row.len) != (prev, len) {
                    return Err(format!(
                        "row {index} of side {side} counts {row:?}, but has {len}"
                    ));
                }
                counted += len as usize;
            }
            if counted != self.taken {
                return Err(format!("{counted} seats in lists, {} taken", self.taken));
            }
        }
        Ok(())
    }
}

const fn link(id: u32) -> Option<SeatId> {
    if id == NONE { None } else { Some(id) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_seat_is_small() {
        assert!(
            Membership::seat_bytes() <= 64,
            "{}",
            Membership::seat_bytes()
        );
    }

    proptest! {
        /// Against the obvious model: a list of (person, room) in the order of joining.
        #[test]
        fn agrees_with_a_list(steps in prop::collection::vec((any::<bool>(), 0u32..6, 0u32..5), 1..200)) {
            let mut table = Membership::default();
            let mut model: Vec<(u32, u32)> = Vec::new();
            for (number, (joins, person, room)) in steps.into_iter().enumerate() {
                let found = table.find(person, room);
                prop_assert_eq!(found.is_some(), model.contains(&(person, room)));
                match (joins, found) {
                    (true, None) => {
                        let seat = table.join(person, room, number as u64);
                        prop_assert_eq!(table.seen(seat), number as u64);
                        model.push((person, room));
                    }
                    (false, Some(seat)) => {
                        table.leave(seat);
                        model.retain(|entry| *entry != (person, room));
                    }
                    _ => {}
                }
                table.audit().map_err(TestCaseError::fail)?;
                prop_assert_eq!(table.len(), model.len());
                for index in 0..6 {
                    let members: Vec<u32> = table.seats_in(index, None).map(|seat| table.person(seat)).collect();
                    let expected: Vec<u32> = model.iter().filter(|(_, room)| *room == index).map(|(person, _)| *person).collect();
                    prop_assert_eq!(table.members(index), members.len());
                    prop_assert_eq!(members, expected);
                    let rooms: Vec<u32> = table.seats_of(index).map(|seat| table.room(seat)).collect();
                    let expected: Vec<u32> = model.iter().filter(|(person, _)| *person == index).map(|(_, room)| *room).collect();
                    prop_assert_eq!(table.rooms_of(index), rooms.len());
                    prop_assert_eq!(rooms, expected);
                }
            }
        }
    }
}
