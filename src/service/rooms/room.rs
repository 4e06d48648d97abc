//! The rooms there are: looked up by id, made, and given up after being empty for a while.
//!
//! Invariants: `general` is always there; a room that people made is in `empty` exactly while nobody is in it.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;
use slab::Slab;

use super::round::Log;
use crate::kernel::history::History;
use crate::kernel::time::Now;
use crate::limits;

/// The number of a room, valid while it exists.
pub(super) type RoomId = u32;

/// The room that is always there.
pub(super) const GENERAL: RoomId = 0;

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) id: Box<str>,
    pub(super) name: Box<str>,
    pub(super) created_unix_ms: u64,
    pub(super) history: History,
    pub(super) log: Log,
    /// When it goes if it stays empty, in monotonic microseconds.
    due_us: u64,
}

/// The table. See the module's description.
#[derive(Debug)]
pub(super) struct Table {
    rooms: Slab<Room>,
    ids: HashMap<Box<str>, RoomId, FixedState>,
    empty: BTreeSet<(u64, RoomId)>,
}

impl Table {
    /// A table with nothing but the room that is always there.
    pub(super) fn new(seed: u64) -> Self {
        let mut table = Self {
            rooms: Slab::new(),
            ids: HashMap::with_hasher(FixedState::with_seed(seed)),
            empty: BTreeSet::new(),
        };
        table.insert("general", "General Chat", Now::default());
        table
    }

    /// Makes a room; `None` if there are as many as may be.
    pub(super) fn create(&mut self, id: &str, name: &str, now: Now) -> Option<RoomId> {
        debug_assert!(!self.ids.contains_key(id));
        if self.rooms.len() >= limits::ROOMS_MAX {
            return None;
        }
        let room = self.insert(id, name, now);
        self.emptied(room, now);
        Some(room)
    }

    fn insert(&mut self, id: &str, name: &str, now: Now) -> RoomId {
        let room = self.rooms.insert(Room {
            id: id.into(),
            name: name.into(),
            created_unix_ms: now.unix_ms,
            history: History::default(),
            log: Log::default(),
            due_us: 0,
        }) as RoomId;
        self.ids.insert(id.into(), room);
        room
    }

    pub(super) fn find(&self, id: &str) -> Option<RoomId> {
        self.ids.get(id).copied()
    }

    pub(super) fn room(&self, room: RoomId) -> &Room {
        &self.rooms[room as usize]
    }

    pub(super) fn room_mut(&mut self, room: RoomId) -> &mut Room {
        &mut self.rooms[room as usize]
    }

    /// The room, unless it has gone.
    pub(super) fn existing(&mut self, room: RoomId) -> Option<&mut Room> {
        self.rooms.get_mut(room as usize)
    }

    /// Every room, the one that is always there first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RoomId, &Room)> {
        self.rooms
            .iter()
            .map(|(index, room)| (index as RoomId, room))
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

    /// Takes a room away that was empty for too long.
    pub(super) fn expire(&mut self, now_us: u64) -> Option<Room> {
        let (due_us, room) = self.empty.first().copied()?;
        if due_us > now_us {
            return None;
        }
        self.empty.remove(&(due_us, room));
        let room = self.rooms.remove(room as usize);
        self.ids.remove(&room.id);
        Some(room)
    }

    /// Whether `room` counts as empty.
    pub(super) fn is_empty(&self, room: RoomId) -> bool {
        self.empty
            .contains(&(self.rooms[room as usize].due_us, room))
    }
}
