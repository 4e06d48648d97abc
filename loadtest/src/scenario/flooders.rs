//! The abusers of `flood`: sockets that push messages as fast as they are taken.
//!
//! They share the thread with the measured users, so they work in small steps: between two steps the users get their
//! turn, and an abuser delays them by one system call at most.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
};

use mio::net::TcpStream;

use crate::fleet::{
    address::{Sources, connect},
    speech,
};

/// Bytes written or read in one step.
const STEP_BYTES: usize = 16 * 1024;

/// All abusers of a run.
pub(super) struct Flooders {
    crowd: Vec<Flooder>,
    target: SocketAddr,
    upgrade: Vec<u8>,
    /// A stream of messages, repeated for ever.
    stream: Vec<u8>,
    buffer: Vec<u8>,
    turn: usize,
    dialled: u32,
    frame_bytes: usize,
    pub(super) bytes_sent: u64,
    pub(super) bytes_read: u64,
    /// Connections the server ended or refused.
    pub(super) ended: u64,
}

enum Stage {
    Dialling,
    Upgrading,
    Waiting,
    Flooding,
}

struct Flooder {
    stream: Option<TcpStream>,
    stage: Stage,
    /// Where in the endless stream it is.
    offset: usize,
    /// Writes and reads take turns.
    reads_next: bool,
}

impl Flooders {
    pub(super) fn new(count: u32, target: SocketAddr, path: &str, size: u32) -> Self {
        let message = speech::message(size as usize);
        let repeats = STEP_BYTES.div_ceil(message.len());
        let crowd = (0..count)
            .map(|_| Flooder {
                stream: None,
                stage: Stage::Dialling,
                offset: 0,
                reads_next: false,
            })
            .collect();
        Self {
            crowd,
            target,
            upgrade: speech::upgrade(target, path),
            stream: message.repeat(repeats),
            buffer: vec![0; STEP_BYTES],
            turn: 0,
            dialled: 0,
            frame_bytes: message.len(),
            bytes_sent: 0,
            bytes_read: 0,
            ended: 0,
        }
    }

    pub(super) fn all_flooding(&self) -> bool {
        self.crowd
            .iter()
            .all(|flooder| matches!(flooder.stage, Stage::Flooding))
    }

    /// Messages that went into the server's sockets.
    pub(super) fn messages_sent(&self) -> u64 {
        self.bytes_sent / self.frame_bytes as u64
    }

    /// One system call of the next abuser.
    pub(super) fn step(&mut self) {
        let turn = self.turn;
        self.turn = (turn + 1) % self.crowd.len();
        if self.crowd[turn].stream.is_none() {
            self.dial(turn);
            return;
        }
        let flooder = &mut self.crowd[turn];
        let Some(stream) = flooder.stream.as_mut() else {
            return;
        };
        let done = match flooder.stage {
            Stage::Dialling => stream
                .write(&self.upgrade)
                .map(|_| flooder.stage = Stage::Upgrading),
            Stage::Upgrading => stream.read(&mut self.buffer).and_then(|len| {
                if !self.buffer[..len].starts_with(b"HTTP/1.1 101") {
                    return Err(ErrorKind::ConnectionRefused.into());
                }
                flooder.stage = Stage::Waiting;
                stream.write(&speech::find_match()).map(|_| ())
            }),
            Stage::Waiting => stream.read(&mut self.buffer).and_then(|len| {
                let joined = self.buffer[..len]
                    .windows(14)
                    .any(|window| window == b"strangerJoined");
                if joined {
                    flooder.stage = Stage::Flooding;
                }
                if len == 0 {
                    Err(ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(())
                }
            }),
            Stage::Flooding if flooder.reads_next => {
                flooder.reads_next = false;
                stream.read(&mut self.buffer).and_then(|len| {
                    self.bytes_read += len as u64;
                    if len == 0 {
                        Err(ErrorKind::UnexpectedEof.into())
                    } else {
                        Ok(())
                    }
                })
            }
            Stage::Flooding => {
                flooder.reads_next = true;
                stream.write(&self.stream[flooder.offset..]).map(|len| {
                    flooder.offset = (flooder.offset + len) % self.stream.len();
                    self.bytes_sent += len as u64;
                })
            }
        };
        match done {
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::NotConnected
                ) =>
            {
                self.lose(turn)
            }
            _ => {}
        }
    }

    fn dial(&mut self, turn: usize) {
        self.dialled += 1;
        match connect(Sources(8).nth(self.dialled), self.target) {
            Ok(stream) => self.crowd[turn].stream = Some(stream),
            Err(_) => self.ended += 1,
        }
    }

    fn lose(&mut self, turn: usize) {
        self.ended += 1;
        self.crowd[turn] = Flooder {
            stream: None,
            stage: Stage::Dialling,
            offset: 0,
            reads_next: false,
        };
    }
}
