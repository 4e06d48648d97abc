//! What is served below `/api/`: the socket of the rooms, the plain requests, and whose pages may make them.

use super::App;
use super::routes::{self, Resource};
use crate::conn::{Request, Turn};
use crate::kernel::addresses::Subscriber;
use crate::kernel::stats::Refused;
use crate::service::rooms::EntryError;
use crate::wire::head::Method;
use crate::wire::response::{Response, Status};
use crate::wire::upgrade;

impl App {
    /// Opens a socket to the rooms, or says why not.
    pub(super) fn open_rooms<'a>(
        &mut self,
        request: &Request<'a>,
    ) -> Result<&'a str, (Response, Refused)> {
        let key = upgrade::check(request.head)?;
        self.check_origin(request)?;
        self.check_draining()?;
        let client = Subscriber::of(request.client);
        let admitted = self.rooms.admit(request.conn, request.head.query, client);
        admitted.map_err(|refusal| match refusal {
            EntryError::Malformed(message) => {
                let response = Response::error(Status::BAD_REQUEST, &message);
                (response, Refused::BadRequest)
            }
            EntryError::Taken => {
                let message =
                    "this user_id is in use; bring its session token to open another socket";
                let response = Response::error(Status::CONFLICT, message);
                (response, Refused::Conflict)
            }
            EntryError::TooMany => {
                let response = Response::error(Status::TOO_MANY_REQUESTS, "too many sockets");
                let response = response.with_retry_after_ms(5_000);
                (response, Refused::PersonConnections)
            }
        })?;
        Ok(key)
    }

    /// Answers a plain request.
    pub(super) fn serve(
        &mut self,
        resource: Resource,
        path: &str,
        request: &Request<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Response, (Response, Refused)> {
        let posts = request.head.method == Method::Post;
        if posts {
            // Reading is the browser's to allow; to act, a foreign page needs leave before.
            self.check_origin(request)?;
            self.check_draining()?;
        }
        match (resource, posts) {
            (Resource::Rooms, false) => self.rooms.list_rooms(request.head),
            (Resource::Rooms, true) => self.rooms.create_room(request, turn),
            (Resource::RoomMessages, _) => {
                let id = routes::segment(path, request.head.path).unwrap_or_default();
                self.rooms.list_messages(&id, request.head)
            }
            (Resource::Users, _) => self.rooms.list_users(request.head),
            (Resource::Messages, _) => self.rooms.post_message(request, turn),
            (Resource::Ice, _) => {
                let answer = self.stranger.ice(request, turn);
                answer.map_err(|refusal| (refusal, Refused::Token))
            }
        }
    }

    /// Lets pages from allowed origins read a response of a route that is shared with them (Fetch standard, section 3.3).
    pub(super) fn shared(&self, request: &Request<'_>, response: Response) -> Response {
        let Some(sharing) = self.sharing(request) else {
            return response;
        };
        let is_with_somebody = sharing.origin.is_some();
        let response = sharing.mark(response);
        if !is_with_somebody || request.head.method != Method::Options {
            return response;
        }
        response
            .with_field(
                "Access-Control-Allow-Methods",
                "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
            )
            .with_field(
                "Access-Control-Allow-Headers",
                "Authorization, Content-Type",
            )
            .with_field("Access-Control-Max-Age", "600")
    }

    /// With whom the answer to a request is shared; `None` if it is for no page but our own, whoever asks.
    pub(super) fn sharing(&self, request: &Request<'_>) -> Option<Sharing> {
        let head = request.head;
        SHARED.iter().find(|part| head.path.starts_with(**part))?;
        let origin = head.field("origin");
        let origin = origin.filter(|_| self.check_origin(request).is_ok());
        Some(Sharing {
            origin: origin.map(str::to_owned),
        })
    }
}

/// The parts of the server that are shared with pages from allowed origins.
const SHARED: [&str; 5] = ["/api/", "/auth/", "/pool/", "/rooms/", "/messages/"];

/// With whom a response is shared, besides the server's own pages.
#[derive(Debug)]
pub(super) struct Sharing {
    /// Whose page has asked, if it may.
    origin: Option<String>,
}

impl Sharing {
    /// Says so in the response itself.
    pub(super) fn mark(self, response: Response) -> Response {
        let response = response.with_field("Vary", "Origin");
        match self.origin {
            Some(origin) => response
                .with_field("Access-Control-Allow-Origin", origin)
                .with_field("Access-Control-Expose-Headers", "Retry-After"),
            None => response,
        }
    }
}
