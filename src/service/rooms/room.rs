//! The rooms there are: looked up by id, listed in the order in which they were made, and given up after being empty for a
//! while.
//!
//! Invariants: `general` is always there, and the first; a room that people made is in `empty` exactly while nobody is in
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use slab::Slab;

use super::outgoing::quote;
use super::round::{Entry, Log};
use crate::kernel::history::History;
use crate::kernel::time::{self, Now};
use crate::limits;
use crate::wire::visible;

/// The number of a room, valid while it exists.
pub(super) type RoomId = u32;

/// The room that is always there.
pub(super) const GENERAL: RoomId = 0;

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) id: Box<str>,
    pub(super) name: Box<str>,
    pub(super) history: History,
    pub(super) log: Log,
    /// What lists say of it, before and behind the number of its members.
    shown: [Box<[u8]>; 2],
    /// Its place in lists.
    place: u64,
    /// When it goes if it stays empty, in monotonic microseconds.
    due_us: u64,
}

impl Room {
    /// Appends what lists say of it.
    pub(super) fn show(&self, members: usize, text: &mut Vec<u8>) {
        text.extend_from_slice(&self.shown[0]);
        text.extend_from_slice(members.to_string().as_bytes());
        text.extend_from_slice(&self.shown[1]);
    }

    /// The frame that brings an entry of the log.
    pub(super) fn frame<'r>(&'r self, entry: &'r Entry) -> &'r [u8] {
        match entry {
            Entry::Text(number) => self.history.at(*number).map_or(&[], |kept| &kept.frame),
            Entry::Notice(frame) | Entry::Typing(_, frame) => frame,
        }
    }
}

/// What is wrong with a room's name, in words that follow "name".
pub(super) fn complaint(name: &str) -> Option<String> {
    let max = limits::ROOM_NAME_CHARS_MAX;
    if name.chars().count() > max {
        Some(format!("may have at most {max} characters"))
    } else if name.trim() != name {
        Some("has no blanks around it".to_owned())
    } else if !visible::is_presentable(name) {
        Some("must be text, all of which is seen".to_owned())
    } else {
        None
    }
}

/// The table. See the module's description.
#[derive(Debug)]
pub(super) struct Table {
    rooms: Slab<Room>,
    ids: HashTable<RoomId>,
    hasher: FixedState,
    places: BTreeMap<u64, RoomId>,
    empty: BTreeSet<(u64, RoomId)>,
    made: u64,
}

impl Table {
    /// A table with nothing but the room that is always there, which is made now.
    pub(super) fn new(seed: u64, now: Now) -> Self {
        let mut table = Self {
            rooms: Slab::new(),
            ids: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            places: BTreeMap::new(),
            empty: BTreeSet::new(),
            made: 0,
        };
        table.insert("general", "General Chat", now);
        table
    }

    /// Makes a room, in which nobody is yet. There must be space for it.
    pub(super) fn create(&mut self, id: &str, name: &str, now: Now) -> RoomId {
        debug_assert!(self.find(id).is_none() && !self.is_full());
        let room = self.insert(id, name, now);
        self.emptied(room, now);
        room
    }

    /// Whether there are as many rooms as may be.
    pub(super) fn is_full(&self) -> bool {
        self.rooms.len() >= limits::ROOMS_MAX
    }

    fn insert(&mut self, id: &str, name: &str, now: Now) -> RoomId {
        let place = self.made;
        self.made += 1;
        let room = self.rooms.insert(Room {
            id: id.into(),
            name: name.into(),
            history: History::default(),
            log: Log::default(),
            shown: shown(id, name, now),
            place,
            due_us: 0,
        }) as RoomId;
        let hash = self.hasher.hash_one(id);
        let (rooms, hasher) = (&self.rooms, &self.hasher);
        let rehash = |room: &RoomId| hasher.hash_one(&*rooms[*room as usize].id);
        self.ids.insert_unique(hash, room, rehash);
        self.places.insert(place, room);
        room
    }

    pub(super) fn find(&self, id: &str) -> Option<RoomId> {
        let hash = self.hasher.hash_one(id);
        let is_it = |room: &RoomId| &*self.rooms[*room as usize].id == id;
        self.ids.find(hash, is_it).copied()
    }

    pub(super) fn room(&self, room: RoomId) -> &Room {
        &self.rooms[room as usize]
    }

    pub(super) fn room_mut(&mut self, room: RoomId) -> &mut Room {
        &mut self.rooms[room as usize]
    }

    /// The rooms in the order in which they were made, the one that is always there first: all, or those after `after`.
    pub(super) fn iter(&self, after: Option<RoomId>) -> impl Iterator<Item = RoomId> {
        let from = after.map_or(0, |after| self.room(after).place + 1);
        self.places.range(from..).map(|(_, room)| *room)
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// The last member of `room` has left.
    pub(super) fn emptied(&mut self, room: RoomId, now: Now) {
        if room != GENERAL {
            let due_us = now.after_ms(limits::ROOM_EMPTY_MS);
            self.rooms[room as usize].due_us = due_us;
            self.empty.insert((due_us, room));
        }
    }

    /// `room` has a member.
    pub(super) fn entered(&mut self, room: RoomId) {
        self.empty.remove(&(self.rooms[room as usize].due_us, room));
    }

    /// When a room is to go, in monotonic microseconds.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.empty.first().map(|(due_us, _)| *due_us)
    }

    /// The room that has been empty for longest.
    pub(super) fn longest_empty(&self) -> Option<RoomId> {
        self.empty.first().map(|(_, room)| *room)
    }

    /// Takes a room away that is empty.
    pub(super) fn remove(&mut self, room: RoomId) -> Room {
        let hash = self.hasher.hash_one(&*self.rooms[room as usize].id);
        if let Ok(found) = self.ids.find_entry(hash, |known| *known == room) {
            found.remove();
        }
        let gone = self.rooms.remove(room as usize);
        self.empty.remove(&(gone.due_us, room));
        self.places.remove(&gone.place);
        gone
    }

    /// Whether `room` counts as empty.
    pub(super) fn is_empty(&self, room: RoomId) -> bool {
        self.empty
            .contains(&(self.rooms[room as usize].due_us, room))
    }
}

/// What lists say of a room that is made now.
fn shown(id: &str, name: &str, now: Now) -> [Box<[u8]>; 2] {
    let mut front = br#"{"id":"#.to_vec();
    quote(&mut front, id);
    front.extend_from_slice(br#","name":"#);
    quote(&mut front, name);
    front.extend_from_slice(br#","user_count":"#);
    let mut back = String::from(r#","created_at":""#);
    time::write_rfc3339(&mut back, now.unix_ms);
    back.push_str("\"}");
    [front.into(), back.into_bytes().into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_listed_in_the_order_in_which_they_were_made() {
        let now = Now::default();
        let mut table = Table::new(7, now);
        let rooms: Vec<RoomId> = ["a", "b", "c"]
            .iter()
            .map(|id| table.create(id, id, now))
            .collect();
        let gone = table.remove(rooms[1]);
        assert_eq!((&*gone.id, table.find("b")), ("b", None));
        // The slot is used again, the place in the list is not.
        let last = table.create("d", "d", now);
        assert_eq!(last, rooms[1]);
        let all: Vec<RoomId> = table.iter(None).collect();
        assert_eq!(all, [GENERAL, rooms[0], rooms[2], last]);
        let rest: Vec<RoomId> = table.iter(Some(rooms[0])).collect();
        assert_eq!(rest, [rooms[2], last]);
        assert_eq!(table.find("d"), Some(last));
    }

    #[test]
    fn the_room_that_was_empty_for_longest_goes_first() {
        let at = |micros| Now {
            micros,
            ..Now::default()
        };
        let mut table = Table::new(7, at(0));
        assert_eq!(table.longest_empty(), None);
        let tea = table.create("tea", "tea", at(1));
        let cake = table.create("cake", "cake", at(2));
        assert_eq!(table.longest_empty(), Some(tea));
        table.entered(tea);
        assert_eq!(table.longest_empty(), Some(cake));
        table.emptied(tea, at(3));
        assert_eq!(table.longest_empty(), Some(cake));
        assert_eq!(
            table.next_due(),
            Some(at(2).after_ms(limits::ROOM_EMPTY_MS))
        );
    }

    #[test]
    fn a_name_can_be_seen() {
        for name in ["tea", "caf\u{e9} \u{1f600}", &"x".repeat(64)] {
            assert_eq!(complaint(name), None, "{name}");
        }
        for name in [
            " tea",
            "te\na",
            "\u{200b}",
            "\u{202e}evil",
            "",
            &"x".repeat(65),
        ] {
            assert!(complaint(name).is_some(), "{name:?}");
        }
    }
}
