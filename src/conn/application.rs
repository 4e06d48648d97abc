//! What the connection layer asks of the program it carries.

use std::net::IpAddr;

use super::Admission;
use crate::kernel::ask::{Outcome, Ticket};
use crate::kernel::id::ConnId;
use crate::kernel::outbox::Outbox;
use crate::kernel::stats::{CloseCause, Stats};
use crate::kernel::time::Now;
use crate::wire::head::Head;
use crate::wire::message::Message;
use crate::wire::response::Response;

/// What everything that happens in one turn shares.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The time, the same for the whole turn.
    pub now: Now,
    /// Where output and decisions go.
    pub out: &'a mut Outbox,
    /// Where it is counted.
    pub stats: &'a mut Stats,
}

/// An HTTP request.
#[derive(Debug)]
pub struct Request<'a> {
    /// The connection it came on.
    pub conn: ConnId,
    /// Its head.
    pub head: &'a Head<'a>,
    /// Its body, whole.
    pub body: &'a [u8],
    /// Who asks: the socket's peer, or whom a trusted proxy speaks for.
    pub client: IpAddr,
    /// Whether the client may use the server now.
    pub admission: Admission,
}

/// The answer to a request.
#[derive(Debug)]
pub enum Reply<'a, F> {
    /// This response.
    Respond(Response),
    /// The request opens a WebSocket, whose key this is; its messages go to the service.
    Open(F, &'a str),
    /// The answer comes by [`Application::next_late`]; until then nothing more is read from the connection. With the
    /// key of a handshake it may still become a WebSocket.
    Later(Option<&'a str>),
}

/// An answer that had to be waited for.
#[derive(Debug)]
pub enum Late<F> {
    /// This response.
    Respond(Response),
    /// The WebSocket is open; its messages go to the service.
    Open(F),
}

/// The program behind the connections. Its methods run inside a turn and must not block.
pub trait Application {
    /// Which of the program's services a WebSocket talks to.
    type Service: Copy + std::fmt::Debug;

    /// Answers a request.
    fn request<'a>(
        &mut self,
        request: &Request<'a>,
        turn: &mut Turn<'_>,
    ) -> Reply<'a, Self::Service>;

    /// The connection layer refuses a request by itself, whose body has not come: the response, with what the program has to add.
    fn refused(&self, request: &Request<'_>, response: Response) -> Response {
        let _ = request;
        response
    }

    /// The WebSocket that [`Reply::Open`] asked for is open.
    fn opened(&mut self, conn: ConnId, service: Self::Service, turn: &mut Turn<'_>);

    /// A text or binary message came.
    fn said(
        &mut self,
        conn: ConnId,
        service: Self::Service,
        message: Message<'_>,
        turn: &mut Turn<'_>,
    );

    /// What was queued for this WebSocket has gone out, after it was over the high-water mark.
    fn drained(&mut self, conn: ConnId, service: Self::Service, turn: &mut Turn<'_>);

    /// The WebSocket is gone; nothing may be sent to it any more.
    fn closed(
        &mut self,
        conn: ConnId,
        service: Self::Service,
        cause: CloseCause,
        turn: &mut Turn<'_>,
    );

    /// The server is going away and this WebSocket is about to be closed: the last chance to say so.
    fn dismissed(&mut self, conn: ConnId, service: Self::Service, turn: &mut Turn<'_>);

    /// A question that was put to [`Outbox::asks`] is answered.
    fn answered(&mut self, ticket: Ticket, outcome: Outcome, turn: &mut Turn<'_>) {
        let _ = (ticket, outcome, turn);
    }

    /// The next answer to a request that was told [`Reply::Later`]. If the client has gone meanwhile nothing comes of
    /// it, except that a WebSocket that was to be opened is [`Application::closed`] at once.
    fn next_late(&mut self) -> Option<(ConnId, Late<Self::Service>)> {
        None
    }

    /// The server is going away; new conversations make no sense any more.
    fn draining(&mut self);

    /// Time has passed.
    fn elapsed(&mut self, turn: &mut Turn<'_>);

    /// When [`Application::elapsed`] has something to do next, in monotonic microseconds.
    fn next_due(&self) -> Option<u64>;
}
