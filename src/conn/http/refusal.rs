//! What is refused before the program is asked: requests that make no sense, are too large, come too slowly or meet a fault of ours.

use super::{Awaiting, Step};
use crate::conn::application::{Application, Request, Turn};
use crate::conn::table::Connections;
use crate::kernel::id::ConnId;
use crate::kernel::stats::Refused;
use crate::wire::head::{self, Head};
use crate::wire::response::{Response, Status};

impl<A: Application> Connections<A> {
    /// Answers what is no proper request, and ends the connection: nobody can say where the next begins. If there is a `head`, the
    /// program may add to that.
    pub(super) fn http_refuse(
        &mut self,
        id: ConnId,
        head: Option<&Head<'_>>,
        status: Status,
        turn: &mut Turn<'_>,
    ) -> Step<A::Service> {
        turn.stats.refused(match status {
            Status::BODY_TOO_LARGE => Refused::BodyTooLarge,
            Status::HEADERS_TOO_LARGE => Refused::HeadTooLarge,
            Status::TIMEOUT => Refused::Timeout,
            _ => Refused::BadRequest,
        });
        let response = self.http_refusal(id, head, Response::refusal(status));
        self.http_respond(id, response, &Awaiting::NOTHING, turn)
    }

    /// The same, of a request whose body is arriving or has not begun to.
    pub(super) fn http_refuse_arriving(
        &mut self,
        id: ConnId,
        status: Status,
        turn: &mut Turn<'_>,
    ) -> Step<A::Service> {
        let head = self.http_arriving_head(id);
        let head = head.as_deref().and_then(|head| head::parse(head).ok());
        self.http_refuse(id, head.as_ref(), status, turn)
    }

    /// Takes the head of the request whose body is arriving.
    fn http_arriving_head(&mut self, id: ConnId) -> Option<Vec<u8>> {
        let (head, _) = self.http(id)?.arriving.take()?;
        Some(head)
    }

    /// What the program makes of a refusal of ours.
    fn http_refusal(
        &mut self,
        id: ConnId,
        head: Option<&Head<'_>>,
        response: Response,
    ) -> Response {
        let Some((http, head)) = self.http(id).zip(head) else {
            return response;
        };
        let (peer, admission) = (http.peer, http.admission);
        let request = Request {
            conn: id,
            head,
            body: &[],
            client: self.gate.client(peer, head),
            admission,
        };
        self.app.refused(&request, response)
    }

    /// The deadline has passed with a request half there, or none.
    pub(in crate::conn) fn http_expire(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        if self.http(id).is_some_and(|http| http.awaiting.is_some()) {
            let response = Response::refusal(Status::UNAVAILABLE).with_retry_after_ms(1_000);
            self.http_respond(id, response, &Awaiting::NOTHING, turn);
        } else if self.http(id).is_some_and(|http| !http.is_idle()) {
            self.http_refuse_arriving(id, Status::TIMEOUT, turn);
        }
        self.finish(id, turn);
    }

    /// The request of `id` met a fault of ours.
    pub(in crate::conn) fn http_fail(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        let response = Response::refusal(Status::INTERNAL);
        self.http_respond(id, response, &Awaiting::NOTHING, turn);
        self.finish(id, turn);
    }

    /// Others need the memory that the request of `id` takes up.
    pub(in crate::conn) fn http_crowd_out(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        turn.stats.refused(Refused::Full);
        let response = Response::refusal(Status::UNAVAILABLE).with_retry_after_ms(1_000);
        let head = self.http_arriving_head(id);
        let head = head.as_deref().and_then(|head| head::parse(head).ok());
        let response = self.http_refusal(id, head.as_ref(), response);
        self.http_respond(id, response, &Awaiting::NOTHING, turn);
        self.finish(id, turn);
    }
}
