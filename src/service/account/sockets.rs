//! The WebSockets of this service: whose each is and where it belongs.

use std::collections::{BTreeSet, VecDeque};

use uuid::Uuid;

use crate::kernel::ask::Ticket;
use crate::kernel::id::ConnId;
use crate::kernel::record::Side;

/// Where a socket belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a private room, on one side of it.
    Room(Uuid, Side),
    /// To its person's notifications.
    Notices,
}

/// One WebSocket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) conn: ConnId,
    pub(super) user: Uuid,
    pub(super) place: Place,
    /// When the token that opened it expires.
    until_ms: u64,
    /// What was said on it and is not answered yet, the oldest first.
    pub(super) asked: VecDeque<Ticket>,
    /// Whether reading from it rests because so much is not answered.
    pub(super) is_held: bool,
    /// Its place among those that are told how many people are here.
    pub(super) seat: usize,
    /// How many people it knows to be here.
    pub(super) told: usize,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    slots: Vec<Option<Box<Socket>>>,
    ends: BTreeSet<(u64, u64)>,
    open: usize,
}

impl Sockets {
    /// How many there are.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&Socket> {
        let socket = self.slots.get(conn.index())?.as_deref()?;
        (socket.conn == conn).then_some(socket)
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Socket> {
        let socket = self.slots.get_mut(conn.index())?.as_deref_mut()?;
        (socket.conn == conn).then_some(socket)
    }

    pub(super) fn add(&mut self, conn: ConnId, user: Uuid, place: Place, until_ms: u64) {
        if self.slots.len() <= conn.index() {
            self.slots.resize_with(conn.index() + 1, || None);
        }
        self.ends.insert((until_ms, conn.pack()));
        self.open += 1;
        self.slots[conn.index()] = Some(Box::new(Socket {
            conn,
            user,
            place,
            until_ms,
            asked: VecDeque::new(),
            is_held: false,
            seat: 0,
            told: 0,
        }));
    }

    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Box<Socket>> {
        self.get(conn)?;
        let socket = self.slots.get_mut(conn.index())?.take()?;
        self.ends.remove(&(socket.until_ms, conn.pack()));
        self.open -= 1;
        Some(socket)
    }

    /// When the first of their tokens expires.
    pub(super) fn next_end_ms(&self) -> Option<u64> {
        self.ends.first().map(|(until_ms, _)| *until_ms)
    }

    /// The next socket whose token has expired; each is named once.
    pub(super) fn next_expired(&mut self, unix_ms: u64) -> Option<ConnId> {
        let (until_ms, conn) = *self.ends.first()?;
        if until_ms > unix_ms {
            return None;
        }
        self.ends.pop_first();
        Some(ConnId::unpack(conn))
    }

    /// All of them, for the audit.
    pub(super) fn all(&self) -> impl Iterator<Item = &Socket> {
        self.slots.iter().flatten().map(|socket| &**socket)
    }
}
