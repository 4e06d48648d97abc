//! The HTTP phase: requests one after the other, each answered before the next is looked at.

mod refusal;

use std::net::IpAddr;

use super::Admission;
use super::application::{Application, Late, Reply, Request, Turn};
use super::share::Carry;
use super::table::{Connections, Paused, Phase};
use super::ws::Ws;
use crate::kernel::addresses::Subscriber;
use crate::kernel::id::ConnId;
use crate::kernel::stats::CloseCause;
use crate::kernel::time::Now;
use crate::limits;
use crate::wire::head::{self, Framing, Head, Method};
use crate::wire::response::Response;
use crate::wire::{body, upgrade};

/// The state of a connection that speaks HTTP.
#[derive(Debug)]
pub(super) struct Http {
    peer: IpAddr,
    admission: Admission,
    /// What has come and is not served yet.
    input: Vec<u8>,
    /// How much of `input` has been searched for the end of a head.
    scanned: usize,
    /// A request whose body is arriving: its head, and what there is of the body.
    arriving: Option<(Vec<u8>, body::Reader)>,
    /// By when what is awaited must be there, in monotonic microseconds.
    pub(super) deadline_us: u64,
    served: u16,
    /// Whether its FIN is known to follow what can still be read.
    pub(super) ending: bool,
    /// The request whose answer the program still owes.
    awaiting: Option<Awaiting>,
}

/// What the answer to a request depends on, when it comes later.
#[derive(Debug)]
struct Awaiting {
    is_http_11: bool,
    keeps_alive: bool,
    head_only: bool,
    /// The key of the handshake, if it is one.
    key: Option<String>,
    /// Whether the connection was counted for whom a proxy speaks for.
    is_counted: bool,
}

/// What follows from the bytes at hand.
enum Step<F> {
    /// A request was answered, and another may be there already.
    Served,
    /// More bytes are awaited.
    More,
    /// There is more to serve, in another turn.
    Rest,
    /// The connection ends once its output is flushed.
    Finish,
    /// It speaks WebSocket now; the subscriber is whom a proxy speaks for.
    Upgraded(F, Option<Subscriber>),
}

impl Http {
    pub(super) fn new(peer: IpAddr, admission: Admission, deadline_us: u64) -> Self {
        Self {
            peer,
            admission,
            input: Vec::new(),
            scanned: 0,
            arriving: None,
            deadline_us,
            served: 0,
            ending: false,
            awaiting: None,
        }
    }

    /// The memory of what has come and is not served, in bytes.
    pub(super) fn held(&self) -> usize {
        let arriving = self.arriving.as_ref();
        self.input.capacity() + arriving.map_or(0, |(head, body)| head.capacity() + body.held())
    }

    /// Whether nothing of a request has come, so that the connection may go without a word.
    pub(super) fn is_idle(&self) -> bool {
        self.input.is_empty() && self.arriving.is_none() && self.awaiting.is_none()
    }
}

impl Awaiting {
    /// For what is no proper request, so that nothing can follow it.
    const NOTHING: Self = Self {
        is_http_11: true,
        keeps_alive: false,
        head_only: false,
        key: None,
        is_counted: false,
    };

    fn of(head: &Head<'_>, keeps_alive: bool) -> Self {
        Self {
            is_http_11: head.is_http_11,
            keeps_alive,
            head_only: head.method == Method::Head,
            ..Self::NOTHING
        }
    }
}

impl<A: Application> Connections<A> {
    /// Bytes came on a connection that speaks HTTP.
    pub(super) fn http_received(&mut self, id: ConnId, bytes: &[u8], turn: &mut Turn<'_>) {
        let Some(http) = self.http(id) else {
            return;
        };
        if http.is_idle() && http.served > 0 {
            // The first byte of another request: its head has a deadline of its own.
            http.deadline_us = turn.now.after_ms(limits::HEAD_MS);
        }
        http.input.extend_from_slice(bytes);
        self.http_continue(id, turn);
    }

    /// Serves what has come, as far as the connection's output has room and this turn has time.
    pub(super) fn http_continue(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        let Some(http) = self.http(id).filter(|http| http.awaiting.is_none()) else {
            return;
        };
        let mut input = std::mem::take(&mut http.input);
        let mut used = 0;
        let mut served = 0;
        let step = loop {
            let is_high = turn.out.is_high(id);
            if is_high && let Some(conn) = self.conn(id) {
                conn.paused.set(Paused::BACKLOG);
            }
            let is_over = self.share.is_spent() || served == limits::REQUESTS_PER_CONNECTION_TURN;
            if (is_high || is_over) && used < input.len() {
                break Step::Rest;
            }
            if is_high {
                break Step::More;
            }
            match self.http_step(id, &input, &mut used, turn) {
                Step::Served => served += 1,
                step => break step,
            }
        };
        input.drain(..used);
        match step {
            Step::Served | Step::More => self.http_await(id, input, served > 0, turn),
            Step::Rest => {
                self.rest(id);
                self.http_await(id, input, served > 0, turn);
            }
            Step::Finish => self.finish(id, turn),
            Step::Upgraded(service, subscriber) => {
                self.http_leave(id, service, subscriber, turn.now);
                self.note_whole(id, turn);
                self.app.opened(id, service, turn);
                if !input.is_empty() {
                    self.ws_received(id, &mut input, turn);
                }
            }
        }
    }

    /// Takes the next step: a head, a body, or an answer.
    fn http_step(
        &mut self,
        id: ConnId,
        input: &[u8],
        used: &mut usize,
        turn: &mut Turn<'_>,
    ) -> Step<A::Service> {
        let body_bytes_max = self.settings.body_bytes_max;
        let Some(http) = self.http(id) else {
            return Step::Finish;
        };
        if http.arriving.is_none() {
            let rest = &input[*used..];
            let end = match head::find_end(rest, &mut http.scanned) {
                Ok(Some(end)) => end,
                Ok(None) => return Step::More,
                Err(status) => return self.http_refuse(id, None, status, turn),
            };
            http.scanned = 0;
            *used += end;
            let head = match head::parse(&rest[..end]) {
                Ok(head) => head,
                Err(status) => return self.http_refuse(id, None, status, turn),
            };
            if head.framing == Framing::Length(0) || http.admission != Admission::Granted {
                return self.http_answer(id, &head, &[], turn);
            }
            let reader = match body::Reader::new(head.framing, body_bytes_max) {
                Ok(reader) => reader,
                Err(status) => return self.http_refuse(id, Some(&head), status, turn),
            };
            http.deadline_us = turn.now.after_ms(limits::BODY_MS);
            http.arriving = Some((rest[..end].to_vec(), reader));
            if head.expects_continue && rest.len() == end {
                turn.out
                    .lane(id)
                    .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
        }
        self.http_body(id, input, used, turn)
    }

    /// Takes what has come of a body; answers the request when that is complete.
    fn http_body(
        &mut self,
        id: ConnId,
        input: &[u8],
        used: &mut usize,
        turn: &mut Turn<'_>,
    ) -> Step<A::Service> {
        let Some((_, reader)) = self.http(id).and_then(|http| http.arriving.as_mut()) else {
            return Step::More;
        };
        match reader.feed(&input[*used..]) {
            Ok(count) => *used += count,
            Err(status) => return self.http_refuse_arriving(id, status, turn),
        }
        if !reader.is_done() {
            return Step::More;
        }
        let Some((head, reader)) = self.http(id).and_then(|http| http.arriving.take()) else {
            return Step::More;
        };
        match head::parse(&head) {
            Ok(head) => self.http_answer(id, &head, reader.bytes(), turn),
            Err(status) => self.http_refuse(id, None, status, turn),
        }
    }

    /// Asks the application for the answer to a whole request, and writes it.
    fn http_answer<'a>(
        &mut self,
        id: ConnId,
        head: &'a Head<'a>,
        body: &'a [u8],
        turn: &mut Turn<'_>,
    ) -> Step<A::Service> {
        let Some(http) = self.http(id) else {
            return Step::Finish;
        };
        http.served += 1;
        http.deadline_us = turn.now.after_ms(limits::KEEP_ALIVE_MS);
        let (peer, mut admission, served) = (http.peer, http.admission, http.served);
        let client = self.gate.client(peer, head);
        if admission == Admission::Granted {
            admission = self.gate.ask(client, turn.now.micros);
        }
        // A proxy's connections count for nobody; the sockets that it opens count for whom it speaks for.
        let mut subscriber = None;
        if self.gate.trusts(peer) && head.lists("upgrade", "websocket") {
            let (counted, granted) = self.gate.enter(client, turn.now.micros);
            subscriber = Some(counted);
            if admission == Admission::Granted {
                admission = granted;
            }
        }
        let request = Request {
            conn: id,
            head,
            body,
            client,
            admission,
        };
        turn.stats.requests += 1;
        self.share.spend();
        self.note_whole(id, turn);
        match self.app.request(&request, turn) {
            Reply::Open(service, key) => {
                upgrade::accept(turn.out.lane(id), key);
                Step::Upgraded(service, subscriber)
            }
            Reply::Respond(response) => {
                if let Some(subscriber) = subscriber {
                    self.gate.leave(subscriber, turn.now.micros);
                }
                let keeps_alive = head.keep_alive
                    && served < limits::REQUESTS_MAX
                    && admission == Admission::Granted;
                let awaiting = Awaiting::of(head, keeps_alive);
                self.http_respond(id, response, &awaiting, turn)
            }
            Reply::Later(key) => {
                let awaiting = Awaiting {
                    key: key.map(str::to_owned),
                    is_counted: subscriber.is_some(),
                    ..Awaiting::of(head, head.keep_alive && served < limits::REQUESTS_MAX)
                };
                self.http_postpone(id, awaiting, subscriber, turn.now);
                Step::More
            }
        }
    }

    /// Reads nothing more until the program has its answer.
    fn http_postpone(
        &mut self,
        id: ConnId,
        awaiting: Awaiting,
        counted: Option<Subscriber>,
        now: Now,
    ) {
        let Some(conn) = self.conn(id) else {
            return;
        };
        conn.paused.set(Paused::ANSWER);
        conn.subscriber = conn.subscriber.or(counted);
        if let Phase::Http(http) = &mut conn.phase {
            http.deadline_us = now.after_ms(limits::ANSWER_MS);
            http.awaiting = Some(awaiting);
        }
    }

    /// The program has the answer that a connection waits for.
    pub(super) fn http_late(&mut self, id: ConnId, late: Late<A::Service>, turn: &mut Turn<'_>) {
        let Some(awaiting) = self.http(id).and_then(|http| http.awaiting.take()) else {
            // The client has not waited.
            if let Late::Open(service) = late {
                self.app.closed(id, service, CloseCause::Gone, turn);
            }
            return;
        };
        match (late, &awaiting.key) {
            (Late::Open(service), Some(key)) => {
                upgrade::accept(turn.out.lane(id), key);
                let input = self
                    .http(id)
                    .map_or_else(Vec::new, |http| std::mem::take(&mut http.input));
                self.http_leave(id, service, None, turn.now);
                self.app.opened(id, service, turn);
                if !input.is_empty() {
                    self.ws_rest(
                        id,
                        Carry {
                            bytes: input,
                            at: 0,
                        },
                    );
                    self.weigh(id, turn);
                }
                self.unpause(id, Paused::ANSWER, turn);
            }
            (Late::Open(service), None) => {
                debug_assert!(false, "there was no handshake");
                self.app.closed(id, service, CloseCause::Gone, turn);
                self.abort(id, CloseCause::Gone, turn);
            }
            (Late::Respond(response), _) => {
                if let Some(conn) = self.conn(id)
                    && awaiting.is_counted
                    && let Some(subscriber) = conn.subscriber.take()
                {
                    self.gate.leave(subscriber, turn.now.micros);
                }
                if let Some(http) = self.http(id) {
                    http.deadline_us = turn.now.after_ms(limits::KEEP_ALIVE_MS);
                    if !http.input.is_empty() {
                        http.deadline_us = turn.now.after_ms(limits::HEAD_MS);
                    }
                }
                match self.http_respond(id, response, &awaiting, turn) {
                    Step::Finish => self.finish(id, turn),
                    _ => {
                        // What came meanwhile goes on in another turn, like all that waits.
                        if self.http(id).is_some_and(|http| !http.input.is_empty()) {
                            self.rest(id);
                            self.unpause(id, Paused::ANSWER, turn);
                        } else {
                            self.unpause(id, Paused::ANSWER, turn);
                            self.http_continue(id, turn);
                        }
                    }
                }
            }
        }
    }

    fn http_respond(
        &mut self,
        id: ConnId,
        mut response: Response,
        to: &Awaiting,
        turn: &mut Turn<'_>,
    ) -> Step<A::Service> {
        if !to.keeps_alive || self.drain.is_some() {
            response = response.closing();
        } else if !to.is_http_11 {
            response = response.with_field("Connection", "keep-alive");
        }
        let head_only = to.head_only;
        let date = self.date.text(turn.now);
        let lane = turn.out.lane(id);
        let before = lane.len();
        response.write(lane, date, head_only);
        self.share.charge(lane.len() - before);
        if response.closes() {
            Step::Finish
        } else {
            Step::Served
        }
    }

    /// Keeps what has come of the next request, and sets the deadline for the rest.
    fn http_await(&mut self, id: ConnId, input: Vec<u8>, has_served: bool, turn: &mut Turn<'_>) {
        let Some(http) = self.http(id) else {
            return;
        };
        if has_served && !input.is_empty() && http.arriving.is_none() && http.awaiting.is_none() {
            // The next request has begun.
            http.deadline_us = turn.now.after_ms(limits::HEAD_MS);
        }
        // An idle connection owns no memory.
        http.input = if input.is_empty() { Vec::new() } else { input };
        let deadline_us = http.deadline_us;
        self.wheel.arm(id.index(), deadline_us);
        self.weigh(id, turn);
    }

    /// Leaves the HTTP phase for the WebSocket one.
    fn http_leave(
        &mut self,
        id: ConnId,
        service: A::Service,
        counted: Option<Subscriber>,
        now: Now,
    ) {
        if let Some(conn) = self.conn(id) {
            let ending = matches!(&conn.phase, Phase::Http(http) if http.ending);
            conn.phase = Phase::Ws(Ws::new(service, ending, now));
            conn.subscriber = conn.subscriber.or(counted);
            self.wheel
                .arm(id.index(), now.after_ms(limits::PING_CALM_MS));
            self.weigh_only(id);
        }
    }

    fn http(&mut self, id: ConnId) -> Option<&mut Http> {
        match self.conn(id).map(|conn| &mut conn.phase) {
            Some(Phase::Http(http)) => Some(http),
            _ => None,
        }
    }
}

/// Caches the Date field's text, which changes once a second.
#[derive(Debug, Default)]
pub(super) struct Date {
    unix_s: u64,
    text: String,
}

impl Date {
    /// `now` as RFC 9110 section 5.6.7 writes it.
    fn text(&mut self, now: Now) -> &str {
        let unix_s = now.unix_ms / 1_000;
        if self.unix_s != unix_s || self.text.is_empty() {
            self.unix_s = unix_s;
            let time = jiff::Timestamp::from_second(unix_s as i64).unwrap_or_default();
            self.text = jiff::fmt::rfc2822::DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&time)
                .unwrap_or_default();
        }
        &self.text
    }
}
