//! One accepted socket: what is known of its readiness and how its life ends.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use crate::kernel::id::ConnId;
use crate::kernel::outbox::Outbox;
use crate::kernel::stats::Stats;
use crate::limits;

/// Where a socket is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// In use.
    Open,
    /// What is queued still goes out; what comes is thrown away.
    Finishing,
    /// Our FIN is sent; what comes is thrown away until the peer's.
    Lingering,
    /// To be closed at the end of the turn.
    Dead,
}

/// A stream of bytes that never blocks and tells by events when it is ready, as an edge-triggered poller does.
pub trait Stream: Read + Write {
    /// Sends FIN.
    fn shut_down(&mut self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn shut_down(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    pub(super) id: ConnId,
    pub(super) state: State,
    /// Whether a read may find something.
    pub(super) readable: bool,
    /// Whether a write may succeed.
    pub(super) writable: bool,
    /// Whether the peer's FIN is known to be on its way behind what can be read.
    pub(super) ending: bool,
    /// Whether the peer's FIN has been read.
    pub(super) ended: bool,
    /// Whether it is on the list of those to read from without an event.
    pub(super) listed: bool,
    /// Whether the last flush left something queued.
    pub(super) stalled: bool,
    /// What was thrown away.
    discarded: u32,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inflow {
    /// So many bytes, the last that there were.
    Last(usize),
    /// So many bytes, and there may be more.
    More(usize),
    /// Nothing now.
    Nothing,
    /// The peer's FIN.
    End,
    /// The socket is broken.
    Broken,
}

/// What a flush achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outflow {
    /// Everything is written.
    Done,
    /// The kernel takes no more for now; says whether it took anything.
    Blocked { moved: bool },
    /// The socket is broken.
    Broken,
}

impl<S: Stream> Socket<S> {
    pub(super) fn new(stream: S, id: ConnId) -> Self {
        Self {
            stream,
            id,
            state: State::Open,
            readable: false,
            writable: true,
            ending: false,
            ended: false,
            listed: false,
            stalled: false,
            discarded: 0,
        }
    }

    /// Reads once. A short read on Linux means that the kernel's buffer is empty and that whatever comes next
    /// raises another event, unless the peer's FIN was announced already, which is not announced twice.
    #[inline]
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Inflow {
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => {
                    self.readable = false;
                    Inflow::End
                }
                Ok(count) if count == buffer.len() || self.ending => Inflow::More(count),
                Ok(count) => {
                    self.readable = false;
                    Inflow::Last(count)
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock => {
                        self.readable = false;
                        Inflow::Nothing
                    }
                    _ => Inflow::Broken,
                },
            };
        }
    }

    /// Writes what is queued, until all of it is written or the kernel takes no more.
    #[inline]
    pub(super) fn write(&mut self, out: &mut Outbox, stats: &mut Stats) -> Outflow {
        let mut moved = false;
        loop {
            let pending = out.pending(self.id);
            if pending.is_empty() {
                return Outflow::Done;
            }
            stats.writes += 1;
            match self.stream.write(pending) {
                Ok(count) => {
                    stats.bytes_out += count as u64;
                    out.wrote(self.id, count);
                    moved |= count > 0;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => {
                        self.writable = false;
                        return Outflow::Blocked { moved };
                    }
                    _ => return Outflow::Broken,
                },
            }
        }
    }

    /// Throws `count` bytes away; `false` when the peer has sent more than it may after the end.
    pub(super) fn discard(&mut self, count: usize) -> bool {
        self.discarded = self.discarded.saturating_add(count as u32);
        self.discarded as usize <= limits::LINGER_BYTES
    }

    /// Sends FIN. Closing outright would, if anything were unread, reset the connection and lose what is on its
    /// way to the peer.
    pub(super) fn shut_down(&mut self) {
        // An error means that the peer is gone, which the next read says too.
        let _ = self.stream.shut_down();
        self.state = State::Lingering;
    }
}
