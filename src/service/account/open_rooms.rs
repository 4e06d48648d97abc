//! The private rooms that somebody has a socket in.
//!
//! Invariants: a room is here exactly while a socket is in it, or about to be; `ends` has each of them once.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;
use uuid::Uuid;

use crate::kernel::id::ConnId;
use crate::kernel::record::{Room, Side};

/// A private room with somebody in it.
#[derive(Debug)]
pub(super) struct OpenRoom {
    /// Who may be in it, by side.
    pub(super) users: [Uuid; 2],
    /// When its time is over.
    pub(super) expires_ms: u64,
    /// Sockets that are about to be opened.
    expected: Vec<ConnId>,
    /// Who is in it, by side.
    pub(super) sockets: [Vec<ConnId>; 2],
    /// Until when no typing notice from a side is relayed, in monotonic microseconds.
    pub(super) typing_us: [u64; 2],
    /// Up to which message each side is known to have read.
    pub(super) read: [Uuid; 2],
    /// Messages of which nobody knows whether they were kept.
    pub(super) unsure: Vec<Uuid>,
}

impl OpenRoom {
    /// The sockets of one side.
    pub(super) fn side(&self, side: Side) -> &[ConnId] {
        &self.sockets[side.index()]
    }

    /// The sockets of both sides.
    pub(super) fn everybody(&self) -> impl Iterator<Item = ConnId> {
        self.sockets.iter().flatten().copied()
    }
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct OpenRooms {
    open_rooms: HashMap<Uuid, OpenRoom, FixedState>,
    ends: BTreeSet<(u64, Uuid)>,
}

impl OpenRooms {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            open_rooms: HashMap::with_hasher(FixedState::with_seed(seed)),
            ends: BTreeSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open_rooms.len()
    }

    pub(super) fn get(&self, room: Uuid) -> Option<&OpenRoom> {
        self.open_rooms.get(&room)
    }

    pub(super) fn get_mut(&mut self, room: Uuid) -> Option<&mut OpenRoom> {
        self.open_rooms.get_mut(&room)
    }

    /// A socket that was expected is open.
    pub(super) fn enter(&mut self, room: Uuid, side: Side, conn: ConnId) {
        if let Some(door) = self.open_rooms.get_mut(&room) {
            door.expected.retain(|expected| *expected != conn);
            door.sockets[side.index()].push(conn);
        }
    }

    /// Expects a socket that is about to be opened.
    pub(super) fn prepare(&mut self, room: &Room, conn: ConnId) {
        self.ends.insert((room.expires_ms, room.id));
        let door = self.open_rooms.entry(room.id).or_insert_with(|| OpenRoom {
            expected: Vec::new(),
            users: room.users,
            expires_ms: room.expires_ms,
            sockets: [Vec::new(), Vec::new()],
            typing_us: [0; 2],
            read: [Uuid::nil(); 2],
            unsure: Vec::new(),
        });
        door.expected.push(conn);
    }

    /// A socket has gone; with the last one the room is forgotten here.
    pub(super) fn leave(&mut self, room: Uuid, side: Side, conn: ConnId) {
        let Some(door) = self.open_rooms.get_mut(&room) else {
            return;
        };
        door.sockets[side.index()].retain(|socket| *socket != conn);
        door.expected.retain(|expected| *expected != conn);
        if door.expected.is_empty() && door.sockets.iter().all(Vec::is_empty) {
            self.remove(room);
        }
    }

    /// Forgets a room.
    pub(super) fn remove(&mut self, room: Uuid) -> Option<OpenRoom> {
        let door = self.open_rooms.remove(&room)?;
        self.ends.remove(&(door.expires_ms, room));
        Some(door)
    }

    /// When the first of them ends.
    pub(super) fn next_end_ms(&self) -> Option<u64> {
        self.ends.first().map(|(expires_ms, _)| *expires_ms)
    }

    /// The next one whose time is over.
    pub(super) fn next_ended(&self, unix_ms: u64) -> Option<Uuid> {
        let (expires_ms, room) = *self.ends.first()?;
        (expires_ms <= unix_ms).then_some(room)
    }

    /// All of them, for the audit.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Uuid, &OpenRoom)> {
        self.open_rooms.iter()
    }
}
