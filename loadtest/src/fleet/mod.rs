//! The clients: one epoll loop that owns every connection.
//!
//! The fleet connects, upgrades, answers pings, follows who is paired with whom and stamps messages; what the clients
//! *do* is decided by a [`Play`]. Stamps never travel: those of the messages on their way to a client wait in a queue
//! at that client, since a server keeps the order within a pair.

pub(crate) mod address;
pub(crate) mod frame;
mod hearing;
pub(crate) mod speech;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io::{self, ErrorKind, Read, Write},
    mem,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use address::Sources;

/// The shared receive buffer; larger than any frame a server may send.
const BUFFER_BYTES: usize = 256 * 1024;
/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;
/// Unsent bytes a client may pile up before it counts as broken.
const BACKLOG_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the kernel still takes in for a client that has stalled.
const STALLED_BYTES: usize = 4 * 1024;

/// A client's number: its slot in the fleet.
pub(crate) type Who = u32;

/// What the clients do. Every call may command the fleet.
pub(crate) trait Play {
    /// The upgrade went through.
    fn opened(&mut self, _fleet: &mut Fleet, _who: Who) {}
    /// `strangerJoined` arrived.
    fn joined(&mut self, _fleet: &mut Fleet, _who: Who) {}
    /// Both halves of a pair have heard `strangerJoined`.
    fn linked(&mut self, _fleet: &mut Fleet, _one: Who, _other: Who) {}
    /// A message arrived, `took_ns` after it was meant to be sent.
    fn received(&mut self, _fleet: &mut Fleet, _who: Who, _took_ns: u64) {}
    /// `strangerLeft` arrived.
    fn left(&mut self, _fleet: &mut Fleet, _who: Who) {}
    /// Somebody joined a room that the client is in.
    fn entered(&mut self, _fleet: &mut Fleet, _who: Who) {}
    /// The oldest of the client's messages that were not acknowledged yet is.
    fn acked(&mut self, _fleet: &mut Fleet, _who: Who) {}
    /// Something was said in a room that the client is in.
    fn said(&mut self, _fleet: &mut Fleet, _who: Who) {}
    /// The connection is at its end, and the slot about to be free. `wanted` when the client had said goodbye.
    fn ending(&mut self, _fleet: &mut Fleet, _who: Who, _wanted: bool) {}
    /// Runs once per turn; answers how long the fleet may sleep.
    fn due(&mut self, _fleet: &mut Fleet) -> Duration {
        Duration::from_millis(20)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Vacant,
    Connecting,
    Upgrading,
    Open,
}

struct Client {
    stream: Option<TcpStream>,
    phase: Phase,
    /// Tells a late event for a closed connection from one for its successor.
    generation: u32,
    /// The partner, once both sides have heard of the pair.
    link: Option<Who>,
    /// The pair's id, 0 when in none.
    pair: u128,
    /// Intended send times of the messages on their way to this client.
    stamps: VecDeque<u64>,
    /// The beginning of a frame cut off by the end of a read.
    carry: Vec<u8>,
    /// What the socket did not take yet.
    backlog: Vec<u8>,
    /// The partner vanished without a goodbye, so its last messages may be lost.
    torn: bool,
    /// Commands sent to a partner who had just gone; each may come back as `bad_state`.
    excused: u32,
    /// A goodbye was sent: the end is wanted.
    leaving: bool,
    /// Nothing is read any more.
    stalled: bool,
    /// When the connection was begun.
    since_ns: u64,
}

/// The whole population of clients.
pub(crate) struct Fleet {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    vacant: Vec<Who>,
    /// Halves of pairs whose other half has not heard yet.
    halves: HashMap<u128, Who>,
    buffer: Vec<u8>,
    origin: Instant,
    now_ns: u64,
    target: SocketAddr,
    /// Where to; `{n}` stands for the client's own number.
    path: String,
    /// Where to for each of the first clients, instead of that.
    paths: Vec<String>,
    sources: Sources,
    dialled: u32,
    open: u32,
    /// Connections that ended unwanted.
    broken: u32,
    errors: BTreeMap<String, u64>,
    /// Messages of an already finished pair: late, not wrong.
    late: u64,
}

impl Fleet {
    pub(crate) fn new(target: SocketAddr, path: &str, sources: u32) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            clients: Vec::new(),
            vacant: Vec::new(),
            halves: HashMap::new(),
            buffer: vec![0; BUFFER_BYTES],
            origin: Instant::now(),
            now_ns: 0,
            target,
            path: path.to_owned(),
            paths: Vec::new(),
            sources: Sources(sources),
            dialled: 0,
            open: 0,
            broken: 0,
            errors: BTreeMap::new(),
            late: 0,
        })
    }

    /// One turn: waits for events at most `patience`, handles them, lets the play act.
    pub(crate) fn turn(&mut self, play: &mut impl Play, patience: Duration) -> io::Result<()> {
        let mut events = mem::replace(&mut self.events, Events::with_capacity(0));
        let patience = patience.min(play.due(self));
        let waited = self.poll.poll(&mut events, Some(patience));
        for event in &events {
            let Token(token) = event.token();
            let (who, generation) = (token as u32, (token >> 32) as u32);
            if !self.is_same(who, generation) {
                continue;
            }
            self.now_ns = self.elapsed_ns();
            if self.clients[who as usize].phase == Phase::Connecting {
                self.connected(who, play);
            } else if event.is_writable() && !self.clients[who as usize].backlog.is_empty() {
                self.flush(who);
            }
            let is_stalled = self.clients[who as usize].stalled;
            if event.is_readable() && !is_stalled && self.is_same(who, generation) {
                self.read(who, play, event.is_read_closed());
            }
        }
        self.events = events;
        self.now_ns = self.elapsed_ns();
        match waited {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Begins a new connection.
    pub(crate) fn dial(&mut self) -> Option<Who> {
        let source = self.sources.nth(self.dialled);
        self.dialled = self.dialled.wrapping_add(1);
        let who = self.vacant.pop().unwrap_or_else(|| {
            self.clients.push(Client::vacant());
            self.clients.len() as u32 - 1
        });
        let since_ns = self.elapsed_ns();
        let generation = self.clients[who as usize].generation;
        let token = Token(who as usize | (generation as usize) << 32);
        let begun = address::connect(source, self.target).and_then(|mut stream| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream, token, interest)
                .map(|()| stream)
        });
        match begun {
            Ok(mut stream) => {
                // On loopback the connection is usually there by now; if not, its event will tell.
                let asked = stream.write(&self.upgrade(who)).is_ok();
                let client = &mut self.clients[who as usize];
                client.stream = Some(stream);
                client.phase = if asked {
                    Phase::Upgrading
                } else {
                    Phase::Connecting
                };
                client.since_ns = since_ns;
                Some(who)
            }
            Err(error) => {
                self.vacant.push(who);
                self.fault(format!("connect: {}", error.kind()));
                None
            }
        }
    }

    fn upgrade(&self, who: Who) -> Vec<u8> {
        match self.paths.get(who as usize) {
            Some(path) => speech::upgrade(self.target, path),
            None => speech::upgrade(self.target, &self.path.replace("{n}", &who.to_string())),
        }
    }

    /// Gives each of the first clients a path of its own.
    pub(crate) fn spread_over(&mut self, paths: Vec<String>) {
        self.paths = paths;
    }

    /// Writes `bytes`, keeping what does not fit for later.
    pub(crate) fn say(&mut self, who: Who, bytes: &[u8]) {
        let client = &mut self.clients[who as usize];
        let Some(stream) = client.stream.as_mut() else {
            return;
        };
        let mut sent = 0;
        if client.backlog.is_empty() {
            sent = match stream.write(bytes) {
                Ok(sent) => sent,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
                {
                    0
                }
                // The read side learns of the end and tells it once.
                Err(_) => bytes.len(),
            };
        }
        if sent < bytes.len() {
            client.backlog.extend_from_slice(&bytes[sent..]);
            if client.backlog.len() > BACKLOG_BYTES_MAX {
                client.backlog.clear();
                self.fault("backlog: the server stopped reading");
            }
        }
    }

    /// From now on the client reads nothing; what the server makes of that is not noticed.
    pub(crate) fn stall(&mut self, who: Who) {
        let client = &mut self.clients[who as usize];
        client.stalled = true;
        if let Some(stream) = &client.stream {
            // Only how soon the server notices depends on it.
            let _ = socket2::SockRef::from(stream).set_recv_buffer_size(STALLED_BYTES);
        }
    }

    /// Closes the connection without a word.
    pub(crate) fn drop_off(&mut self, who: Who) {
        if let Some(partner) = self.mutual(who) {
            self.clients[partner as usize].torn = true;
        }
        self.vacate(who);
    }

    /// Counts something that should not have happened.
    pub(crate) fn fault(&mut self, kind: impl Into<String>) {
        *self.errors.entry(kind.into()).or_default() += 1;
    }

    pub(crate) fn errors(&self) -> &BTreeMap<String, u64> {
        &self.errors
    }

    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    /// Connections that are upgraded and alive.
    pub(crate) fn open(&self) -> u32 {
        self.open
    }

    /// Connections that ended though nobody wanted that.
    pub(crate) fn broken(&self) -> u32 {
        self.broken
    }

    pub(crate) fn is_open(&self, who: Who) -> bool {
        self.clients[who as usize].phase == Phase::Open
    }

    /// The time of the event being handled, since the fleet began.
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// The time by the clock.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// How long ago the client's connection was begun.
    pub(crate) fn age_ns(&self, who: Who) -> u64 {
        self.now_ns
            .saturating_sub(self.clients[who as usize].since_ns)
    }

    fn is_same(&self, who: Who, generation: u32) -> bool {
        self.clients
            .get(who as usize)
            .is_some_and(|client| client.generation == generation && client.stream.is_some())
    }

    fn connected(&mut self, who: Who, play: &mut impl Play) {
        let client = &mut self.clients[who as usize];
        let Some(stream) = client.stream.as_ref() else {
            return;
        };
        match stream.take_error() {
            Ok(None) if stream.peer_addr().is_ok() => {
                client.phase = Phase::Upgrading;
                self.say(who, &self.upgrade(who));
            }
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => {
                self.end(who, play, format!("connect: {}", error.kind()))
            }
        }
    }

    fn flush(&mut self, who: Who) {
        let client = &mut self.clients[who as usize];
        if let Some(stream) = client.stream.as_mut()
            && let Ok(sent) = stream.write(&client.backlog)
        {
            client.backlog.drain(..sent);
        }
    }

    /// Reads until the socket is dry. A short read is taken for dry unless the peer has already closed.
    fn read(&mut self, who: Who, play: &mut impl Play, closing: bool) {
        let mut buffer = mem::take(&mut self.buffer);
        let generation = self.clients[who as usize].generation;
        while self.is_same(who, generation) {
            let client = &mut self.clients[who as usize];
            let Some(stream) = client.stream.as_mut() else {
                break;
            };
            let kept = client.carry.len();
            buffer[..kept].copy_from_slice(&client.carry);
            match stream.read(&mut buffer[kept..]) {
                Ok(0) if client.leaving => self.end(who, play, ""),
                Ok(0) => self.end(who, play, "closed without a close frame"),
                Ok(len) => {
                    client.carry.clear();
                    let filled = kept + len;
                    let used = self.digest(who, &buffer[..filled], play);
                    if self.is_same(who, generation) {
                        self.clients[who as usize]
                            .carry
                            .extend_from_slice(&buffer[used..filled]);
                    }
                    if filled < buffer.len() && !closing {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) if client.leaving => self.end(who, play, ""),
                Err(error) => self.end(who, play, format!("read: {}", error.kind())),
            }
        }
        self.buffer = buffer;
    }

    /// The connection is over; an empty `reason` means that this was wanted.
    fn end(&mut self, who: Who, play: &mut impl Play, reason: impl Into<String>) {
        let reason = reason.into();
        let wanted = reason.is_empty();
        if !wanted {
            self.broken += 1;
            self.fault(reason);
        }
        play.ending(self, who, wanted);
        self.vacate(who);
    }

    fn vacate(&mut self, who: Who) {
        self.unlink(who);
        let client = &mut self.clients[who as usize];
        if client.stream.is_none() {
            return;
        }
        if client.phase == Phase::Open {
            self.open -= 1;
        }
        // Dropping the stream closes it and takes it out of epoll.
        *client = Client {
            generation: client.generation.wrapping_add(1),
            ..Client::vacant()
        };
        self.vacant.push(who);
    }
}

impl Client {
    fn vacant() -> Self {
        Self {
            stream: None,
            phase: Phase::Vacant,
            generation: 0,
            link: None,
            pair: 0,
            stamps: VecDeque::new(),
            carry: Vec::new(),
            backlog: Vec::new(),
            torn: false,
            excused: 0,
            leaving: false,
            stalled: false,
            since_ns: 0,
        }
    }
}
