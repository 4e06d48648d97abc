//! Output lanes: the bytes that wait to be written, one lane per connection.
//!
//! Owns: queued output, the list of lanes to flush, and the effects of the turn. An idle lane owns no
//! memory: its buffer comes from a small pool when the first byte is appended and goes back when the last
//! one is written, so a warm relay allocates nothing.
//!
//! Invariants: a lane is in `dirty` exactly when its `DIRTY` flag is set; `sent <= bytes.len()`; a lane
//! with nothing queued has no buffer.

use super::ask::{Ask, Ticket};
use super::effect::{Effect, SocketOp};
use super::id::ConnId;
use crate::limits;

/// The output of a turn. See the module's description.
#[derive(Debug, Default)]
pub struct Outbox {
    lanes: Vec<Lane>,
    dirty: Vec<ConnId>,
    spare: Vec<Vec<u8>>,
    open: usize,
    /// What the services decided this turn.
    pub effects: Vec<Effect>,
    /// What the connection layer decided this turn.
    pub socket_ops: Vec<SocketOp>,
    /// What is asked of the threads beside the loop.
    pub asks: Vec<(Ticket, Ask)>,
}

#[derive(Debug, Default)]
struct Lane {
    bytes: Vec<u8>,
    sent: u32,
    dirty: bool,
}

impl Lane {
    fn queued(&self) -> usize {
        self.bytes.len() - self.sent as usize
    }
}

impl Outbox {
    /// Makes room for the lane of `conn`.
    pub fn open(&mut self, conn: ConnId) {
        if conn.index() >= self.lanes.len() {
            self.lanes.resize_with(conn.index() + 1, Lane::default);
        }
        debug_assert!(self.lanes[conn.index()].bytes.is_empty());
        self.open += 1;
    }

    /// Closes the lane of `conn` and forgets whatever is queued there.
    pub fn shut(&mut self, conn: ConnId) {
        self.empty(conn);
        self.open -= 1;
    }

    fn empty(&mut self, conn: ConnId) {
        let lane = &mut self.lanes[conn.index()];
        lane.sent = 0;
        let bytes = std::mem::take(&mut lane.bytes);
        self.give_back(bytes);
    }

    /// The buffer to append output for `conn` to; it is flushed at the end of the turn.
    #[inline]
    pub fn lane(&mut self, conn: ConnId) -> &mut Vec<u8> {
        let lane = &mut self.lanes[conn.index()];
        if !lane.dirty {
            lane.dirty = true;
            self.dirty.push(conn);
        }
        if lane.bytes.capacity() == 0 {
            lane.bytes = self.spare.pop().unwrap_or_default();
        } else if lane.sent as usize > lane.bytes.len() / 2 {
            lane.bytes.drain(..lane.sent as usize);
            lane.sent = 0;
        }
        &mut lane.bytes
    }

    /// How many bytes wait for `conn`.
    #[inline]
    pub fn queued(&self, conn: ConnId) -> usize {
        self.lanes[conn.index()].queued()
    }

    /// How much memory that takes up.
    pub fn capacity(&self, conn: ConnId) -> usize {
        self.lanes[conn.index()].bytes.capacity()
    }

    /// Whether more waits for `conn` than should before its senders are slowed down.
    #[inline]
    pub fn is_high(&self, conn: ConnId) -> bool {
        self.queued(conn) > limits::QUEUE_HIGH_BYTES
    }

    /// The bytes to write next for `conn`.
    #[inline]
    pub fn pending(&self, conn: ConnId) -> &[u8] {
        let lane = &self.lanes[conn.index()];
        &lane.bytes[lane.sent as usize..]
    }

    /// Notes that `count` bytes of what was pending for `conn` have been written.
    #[inline]
    pub fn wrote(&mut self, conn: ConnId, count: usize) {
        let lane = &mut self.lanes[conn.index()];
        debug_assert!(count <= lane.queued());
        lane.sent += count as u32;
        if lane.queued() == 0 {
            self.empty(conn);
        }
    }

    /// Takes back what was queued for `conn` beyond the first `count` bytes that wait.
    pub fn cut(&mut self, conn: ConnId, count: usize) {
        let lane = &mut self.lanes[conn.index()];
        lane.bytes.truncate(lane.sent as usize + count);
        if lane.queued() == 0 {
            self.empty(conn);
        }
    }

    /// The lanes that got output since the last call, each once; `into` is cleared first.
    pub fn take_dirty(&mut self, into: &mut Vec<ConnId>) {
        into.clear();
        std::mem::swap(&mut self.dirty, into);
        for conn in into.iter() {
            self.lanes[conn.index()].dirty = false;
        }
    }

    /// Has `conn` read again at the end of the turn, though no readiness event will say so.
    pub fn read(&mut self, conn: ConnId) {
        self.socket_ops.push(SocketOp::Read(conn));
    }

    /// Bytes of state that one lane costs in this table.
    pub const fn lane_bytes() -> usize {
        size_of::<Lane>()
    }

    /// How many lanes are open.
    pub const fn open_lanes(&self) -> usize {
        self.open
    }

    /// All bytes that wait, over all lanes.
    pub fn queued_total(&self) -> usize {
        self.lanes.iter().map(Lane::queued).sum()
    }

    /// Keeps a small buffer for the next lane that needs one; frees a large one.
    fn give_back(&mut self, mut bytes: Vec<u8>) {
        let worth_keeping =
            bytes.capacity() > 0 && bytes.capacity() <= limits::SPARE_BUFFER_BYTES_MAX;
        if worth_keeping && self.spare.len() < limits::SPARE_BUFFERS_MAX {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox() -> (Outbox, ConnId) {
        let mut outbox = Outbox::default();
        let conn = ConnId::new(0, 1);
        outbox.open(conn);
        (outbox, conn)
    }

    #[test]
    fn short_writes_lose_nothing() {
        let (mut outbox, conn) = outbox();
        let mut expected = Vec::new();
        let mut written = Vec::new();
        for round in 0u32..2_000 {
            let chunk = round.to_be_bytes();
            outbox.lane(conn).extend_from_slice(&chunk);
            expected.extend_from_slice(&chunk);
            let count = (round as usize * 7 % 9).min(outbox.queued(conn));
            written.extend_from_slice(&outbox.pending(conn)[..count]);
            outbox.wrote(conn, count);
        }
        written.extend_from_slice(outbox.pending(conn));
        assert_eq!(written, expected);
    }

    #[test]
    fn an_empty_lane_owns_nothing_and_its_buffer_serves_again() {
        let (mut outbox, conn) = outbox();
        outbox.lane(conn).extend_from_slice(b"hello");
        let address = outbox.pending(conn).as_ptr();
        outbox.wrote(conn, 5);
        assert_eq!(outbox.lanes[0].bytes.capacity(), 0);
        outbox.lane(conn).push(b'x');
        assert_eq!(outbox.pending(conn).as_ptr(), address);
    }

    #[test]
    fn what_is_taken_back_is_never_written() {
        let (mut outbox, conn) = outbox();
        outbox.lane(conn).extend_from_slice(b"hello");
        outbox.wrote(conn, 3);
        outbox.lane(conn).extend_from_slice(b"half");
        outbox.cut(conn, 2);
        assert_eq!(outbox.pending(conn), b"lo");
        outbox.cut(conn, 5);
        assert_eq!(outbox.pending(conn), b"lo");
        outbox.cut(conn, 0);
        assert_eq!(outbox.queued(conn), 0);
        assert_eq!(outbox.lanes[0].bytes.capacity(), 0);
    }

    #[test]
    fn a_large_buffer_is_freed() {
        let (mut outbox, conn) = outbox();
        let size = limits::SPARE_BUFFER_BYTES_MAX + 1;
        outbox.lane(conn).resize(size, 0);
        outbox.wrote(conn, size);
        assert!(outbox.spare.is_empty());
    }

    #[test]
    fn a_lane_is_listed_once_per_flush() {
        let (mut outbox, conn) = outbox();
        let mut dirty = Vec::new();
        outbox.lane(conn).push(1);
        outbox.lane(conn).push(2);
        outbox.take_dirty(&mut dirty);
        assert_eq!(dirty, [conn]);
        outbox.take_dirty(&mut dirty);
        assert!(dirty.is_empty());
    }
}
