//! The floor: the least a relay can do. `epoll_wait`, `read`, `write`, and nothing in between.
//!
//! It parses nothing: a connection's first bytes are answered with a canned upgrade, its second bytes put it into a
//! pair, and what follows is copied to the partner as it is. No server that understands what it relays can be
//! cheaper, so this is what "as cheap as possible" is measured by.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use clap::ValueEnum;
use rustix::{
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    io::{Errno, read, write},
    net::{SocketFlags, accept_with, sockopt::set_tcp_nodelay},
};

use crate::fleet::speech::ACCEPT;

const EVENTS_MAX: usize = 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// How much of a connection's life the floor plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Upgrade, pair, copy
    Relay,
    /// Upgrade, pair, close on the next bytes
    Cycle,
    /// Upgrade and close at once
    Bare,
    /// Upgrade, let everybody into one room, copy to all of them
    Fan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    Upgraded,
    Paired(usize),
    /// In the one room of [`Mode::Fan`].
    Inside,
}

struct Conn {
    fd: OwnedFd,
    stage: Stage,
    /// What the socket did not take; while there is any, the partner is not read.
    pending: Vec<u8>,
}

struct Floor {
    mode: Mode,
    epoll: OwnedFd,
    listener: TcpListener,
    /// Indexed by descriptor.
    conns: Vec<Option<Conn>>,
    waiting: Option<usize>,
    /// Everybody in the room.
    members: Vec<usize>,
    pairs: u64,
    upgrade: Vec<u8>,
}

/// Serves until killed.
pub(crate) fn serve(listen: SocketAddr, mode: Mode) -> io::Result<()> {
    let listener = super::room::listen(listen)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let listener_fd = listener.as_raw_fd() as usize;
    epoll::add(
        &epoll,
        &listener,
        EventData::new_u64(listener_fd as u64),
        EventFlags::IN | EventFlags::ET,
    )?;
    super::announce("floor", listener.local_addr()?)?;
    let upgrade = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    );
    let upgrade = upgrade.into_bytes();
    let mut floor = Floor {
        mode,
        epoll,
        listener,
        conns: Vec::new(),
        waiting: None,
        members: Vec::new(),
        pairs: 0,
        upgrade,
    };
    let mut events = vec![
        Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0)
        };
        EVENTS_MAX
    ];
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let ready = match epoll::wait(&floor.epoll, &mut events[..], None) {
            Err(Errno::INTR) => continue,
            ready => ready?,
        };
        for event in &events[..ready] {
            let (flags, at) = (event.flags, event.data.u64() as usize);
            if at == listener_fd {
                floor.accept()?;
                continue;
            }
            if flags.contains(EventFlags::OUT) {
                floor.flush(at, &mut buffer);
            }
            floor.readable(at, &mut buffer);
        }
    }
}

impl Floor {
    fn accept(&mut self) -> io::Result<()> {
        loop {
            let fd = match accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)
            {
                Ok(fd) => fd,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            set_tcp_nodelay(&fd, true)?;
            let at = fd.as_raw_fd() as usize;
            epoll::add(
                &self.epoll,
                &fd,
                EventData::new_u64(at as u64),
                EventFlags::IN | EventFlags::ET,
            )?;
            if self.conns.len() <= at {
                self.conns.resize_with(at + 1, || None);
            }
            self.conns[at] = Some(Conn {
                fd,
                stage: Stage::Fresh,
                pending: Vec::new(),
            });
        }
    }

    fn readable(&mut self, at: usize, buffer: &mut [u8]) {
        while let Some(conn) = self.conns.get(at).and_then(Option::as_ref) {
            let stage = conn.stage;
            if let Stage::Paired(peer) = stage
                && self.conns[peer]
                    .as_ref()
                    .is_some_and(|peer| !peer.pending.is_empty())
            {
                return; // the rest stays in the kernel until the partner has caught up
            }
            let len = match read(&conn.fd, &mut *buffer) {
                Ok(0) => return self.close(at),
                Ok(len) => len,
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => continue,
                Err(_) => return self.close(at),
            };
            match stage {
                Stage::Paired(_) if self.mode == Mode::Cycle => {
                    self.send(at, &[0x88, 2, 0x03, 0xe8]);
                    return self.close(at);
                }
                Stage::Paired(peer) => self.send(peer, &buffer[..len]),
                Stage::Fresh => {
                    let upgrade = std::mem::take(&mut self.upgrade);
                    self.send(at, &upgrade);
                    self.upgrade = upgrade;
                    if self.mode == Mode::Bare {
                        return self.close(at);
                    }
                    self.stage(at, Stage::Upgraded);
                }
                Stage::Upgraded if self.mode == Mode::Fan => self.enter(at),
                Stage::Upgraded => self.pair(at),
                Stage::Inside => self.fan_out(&buffer[..len]),
            }
            if len < buffer.len() {
                return;
            }
        }
    }

    fn pair(&mut self, at: usize) {
        let Some(other) = self.waiting.take().filter(|other| *other != at) else {
            self.waiting = Some(at);
            return;
        };
        self.pairs += 1;
        let json = format!(
            r#"{{"type":"strangerJoined","pairId":"00000000-0000-4000-8000-{:012x}","mode":"text","interests":[],"initiator":false}}"#,
            self.pairs
        );
        let mut joined = vec![0x81, 126, 0, json.len() as u8];
        joined.extend(json.as_bytes());
        for (one, peer) in [(other, at), (at, other)] {
            self.stage(one, Stage::Paired(peer));
            self.send(one, &joined);
        }
    }

    fn enter(&mut self, at: usize) {
        const JOINED: &[u8] = br#"{"type":"join"}"#;
        let mut frame = vec![0x81, JOINED.len() as u8];
        frame.extend(JOINED);
        self.stage(at, Stage::Inside);
        self.members.push(at);
        self.send(at, &frame);
    }

    fn fan_out(&mut self, bytes: &[u8]) {
        let members = std::mem::take(&mut self.members);
        for member in &members {
            self.send(*member, bytes);
        }
        self.members = members;
    }

    fn stage(&mut self, at: usize, stage: Stage) {
        if let Some(conn) = self.conns[at].as_mut() {
            conn.stage = stage;
        }
    }

    fn send(&mut self, at: usize, bytes: &[u8]) {
        let Some(conn) = self.conns[at].as_mut() else {
            return;
        };
        let sent = match write(&conn.fd, bytes) {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => return, // its own event tells
        };
        if sent < bytes.len() {
            conn.pending.extend_from_slice(&bytes[sent..]);
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            // Re-arming reports it again when it is writable already.
            let _ = epoll::modify(
                self.epoll.as_fd(),
                &conn.fd,
                EventData::new_u64(at as u64),
                flags,
            );
        }
    }

    fn flush(&mut self, at: usize, buffer: &mut [u8]) {
        let Some(conn) = self.conns.get_mut(at).and_then(Option::as_mut) else {
            return;
        };
        let sent = write(&conn.fd, &conn.pending).unwrap_or(0);
        conn.pending.drain(..sent);
        if conn.pending.is_empty() {
            let flags = EventFlags::IN | EventFlags::ET;
            let _ = epoll::modify(
                self.epoll.as_fd(),
                &conn.fd,
                EventData::new_u64(at as u64),
                flags,
            );
            if let Stage::Paired(peer) = conn.stage {
                self.readable(peer, buffer);
            }
        }
    }

    /// Closing the descriptor takes it out of epoll.
    fn close(&mut self, at: usize) {
        let Some(conn) = self.conns[at].take() else {
            return;
        };
        if self.waiting == Some(at) {
            self.waiting = None;
        }
        self.members.retain(|member| *member != at);
        if let (Stage::Paired(peer), Mode::Relay) = (conn.stage, self.mode) {
            self.conns[peer] = None;
        }
    }
}
