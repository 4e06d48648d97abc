//! A virtual connection, as the kernel keeps it: bytes on their way in both directions, and events that tell only of
//! changes, as an edge-triggered poller's do.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

use passerby::net::{Readiness, Stream};

/// What the kernel takes in before the server reads it.
const INBOUND_MAX: usize = 64 * 1024;

/// How far the person's FIN has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fin {
    Unsent,
    /// It follows what is still on its way.
    Sent,
    /// It follows what is still unread.
    Arrived,
    Read,
}

#[derive(Debug)]
pub struct Wire {
    /// Sent by the person, still on its way.
    pub upstream: VecDeque<u8>,
    /// How much of that belongs to the first request.
    pub request_bytes: usize,
    /// Arrived, not read by the server.
    inbound: VecDeque<u8>,
    /// Written by the server, not read by the person.
    downstream: VecDeque<u8>,
    /// How much `downstream` holds.
    window: usize,
    fin: Fin,
    is_reset: bool,
    /// Whether the server has sent its FIN.
    is_shut: bool,
    /// Whether the server has closed its end.
    pub is_closed: bool,
    /// Whether something has changed that no event has told yet.
    has_edge: bool,
    /// Whether a write was cut short, so that room is worth an event.
    is_starved: bool,
}

impl Wire {
    pub fn new(upstream: Vec<u8>, window: usize) -> Self {
        let end = upstream.windows(4).position(|four| four == b"\r\n\r\n");
        Self {
            upstream: upstream.into(),
            request_bytes: end.map_or(0, |end| end + 4),
            inbound: VecDeque::new(),
            downstream: VecDeque::new(),
            window,
            fin: Fin::Unsent,
            is_reset: false,
            is_shut: false,
            is_closed: false,
            // Watching a socket begins with an event.
            has_edge: true,
            is_starved: false,
        }
    }

    /// Some of what is on its way arrives.
    pub fn carry(&mut self, most: usize) {
        let room = INBOUND_MAX - self.inbound.len();
        let count = most.min(room).min(self.upstream.len());
        self.inbound.extend(self.upstream.drain(..count));
        self.request_bytes = self.request_bytes.saturating_sub(count);
        self.has_edge |= count > 0;
        if self.upstream.is_empty() && self.fin == Fin::Sent {
            self.fin = Fin::Arrived;
            self.has_edge = true;
        }
    }

    /// Whether there is something for the person to take.
    pub fn has_news(&self) -> bool {
        !self.downstream.is_empty()
    }

    /// The person takes some of what was written.
    pub fn take(&mut self, most: usize) -> Vec<u8> {
        let count = most.min(self.downstream.len());
        let bytes = self.downstream.drain(..count).collect();
        if self.is_starved && self.room() > 0 {
            self.is_starved = false;
            self.has_edge = true;
        }
        bytes
    }

    /// The person sends nothing more.
    pub fn hang_up(&mut self) {
        if self.fin == Fin::Unsent {
            self.fin = Fin::Sent;
        }
    }

    /// The connection breaks, and what was on its way is lost.
    pub fn reset(&mut self) {
        self.upstream.clear();
        self.inbound.clear();
        self.is_reset = true;
        self.has_edge = true;
    }

    /// Whether the person's end is closed.
    pub fn is_left(&self) -> bool {
        self.is_reset || self.fin != Fin::Unsent
    }

    /// Whether the person has read everything, and nothing more will come.
    pub fn is_over(&self) -> bool {
        self.downstream.is_empty() && (self.is_shut || self.is_closed)
    }

    /// Whether the server knows that the person's end is closed.
    pub fn is_end_known(&self) -> bool {
        !self.has_edge && (self.is_reset || matches!(self.fin, Fin::Arrived | Fin::Read))
    }

    pub fn has_event(&self) -> bool {
        self.has_edge
    }

    /// The event that is due, with all that is so now.
    pub fn event(&mut self) -> Option<Readiness> {
        if !std::mem::take(&mut self.has_edge) {
            return None;
        }
        let has_fin = matches!(self.fin, Fin::Arrived | Fin::Read);
        Some(Readiness {
            readable: !self.inbound.is_empty() || has_fin || self.is_reset,
            writable: self.room() > 0 || self.is_reset,
            read_closed: has_fin || self.is_reset,
            write_closed: self.is_reset || (has_fin && self.is_shut),
            error: self.is_reset,
        })
    }

    /// Whether a read would find something.
    pub fn is_readable(&self) -> bool {
        !self.inbound.is_empty() || self.fin == Fin::Arrived || self.is_reset
    }

    /// Whether the kernel would take more, though the server does not know that it should wait for an event.
    pub fn is_writable_unasked(&self) -> bool {
        !self.is_starved && self.room() > 0
    }

    fn room(&self) -> usize {
        self.window.saturating_sub(self.downstream.len())
    }
}

/// The server's end.
#[derive(Debug)]
pub struct Line(pub Rc<RefCell<Wire>>);

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        if wire.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if wire.inbound.is_empty() {
            if matches!(wire.fin, Fin::Arrived | Fin::Read) {
                wire.fin = Fin::Read;
                return Ok(0);
            }
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(wire.inbound.len());
        for (slot, byte) in buffer.iter_mut().zip(wire.inbound.drain(..count)) {
            *slot = byte;
        }
        Ok(count)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        if wire.is_reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = wire.room().min(bytes.len());
        wire.is_starved |= count < bytes.len();
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        wire.downstream.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Line {
    fn shut_down(&mut self) -> io::Result<()> {
        let mut wire = self.0.borrow_mut();
        // A poller tells when both directions are closed.
        wire.has_edge |= matches!(wire.fin, Fin::Arrived | Fin::Read);
        wire.is_shut = true;
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.borrow_mut().is_closed = true;
    }
}
