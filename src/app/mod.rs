//! The program: every service, and which URL and which socket belongs to which.

mod account;
mod api;
mod routes;

use std::collections::BTreeMap;
use std::net::IpAddr;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::conn::{self, Admission, Application, Late, Reply, Request, Turn};
use crate::kernel::ask::{Outcome, Ticket};
use crate::kernel::id::ConnId;
use crate::kernel::lobby::Mode;
use crate::kernel::stats::{CloseCause, Refused};
use crate::kernel::time::Now;
use crate::service::account::Accounts;
use crate::service::rooms::{self, Rooms};
use crate::service::stranger::{Account, Agreement, Format, Opening, Stranger};
use crate::service::{account as accounts, ops, stranger, web};
use crate::wire::head::{Head, Method};
use crate::wire::message::Message;
use crate::wire::origin::Allowed;
use crate::wire::response::{Response, Status};
use crate::wire::token::Key;
use crate::wire::{query, upgrade};

use api::Sharing;
pub use routes::{Endpoint, ROUTES, Resource, Route};

/// What an operator may set about the program.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whose pages may use the server, besides its own.
    pub allowed_origins: Allowed,
    /// How a connection to `/ws` begins that does not say.
    pub opening: Opening,
    /// Strangers.
    pub stranger: stranger::Settings,
    /// Rooms.
    pub rooms: rooms::Settings,
    /// Accounts.
    pub accounts: accounts::Settings,
}

/// Which service a WebSocket talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Anonymous pairs.
    Stranger,
    /// Rooms and direct messages.
    Rooms,
    /// Private rooms and notifications.
    Account,
}

/// The program.
#[derive(Debug)]
pub struct App {
    settings: Settings,
    /// The stranger chat.
    pub stranger: Stranger,
    /// Rooms and direct messages.
    pub rooms: Rooms,
    /// Accounts, the pool and private rooms.
    pub accounts: Accounts,
    /// Strangers for whom a room is being opened.
    agreements: BTreeMap<Ticket, Agreement>,
    /// With whom the answers will be shared that come later. Every answer that was promised comes, so none stays.
    sharings: BTreeMap<u64, Sharing>,
    /// The files of the page.
    pub page: web::Page,
    /// What `/metrics` said last, and at which turn's time: it takes too long to be made for each who asks at once.
    metrics: Option<(u64, Response)>,
    draining: bool,
}

/// The server: connections with the program behind them.
pub type Server = conn::Connections<App>;

impl App {
    /// A program without people that begins now, whose tokens are signed with `key`. Everything random follows from `seed`.
    pub fn new(settings: Settings, key: Key, seed: [u8; 32], now: Now) -> Self {
        // Each service has a generator of its own: what one shows says nothing about what another hides.
        let mut random = StdRng::from_seed(seed);
        let mut fork = || {
            let mut seed = [0; 32];
            random.fill_bytes(&mut seed);
            seed
        };
        Self {
            stranger: Stranger::new(settings.stranger.clone(), fork()),
            rooms: Rooms::new(settings.rooms.clone(), fork(), now),
            accounts: Accounts::new(settings.accounts.clone(), key, fork()),
            agreements: BTreeMap::new(),
            sharings: BTreeMap::new(),
            settings,
            page: web::Page::default(),
            metrics: None,
            draining: false,
        }
    }

    fn respond(&mut self, endpoint: Endpoint, head: &Head<'_>, turn: &Turn<'_>) -> Response {
        match endpoint {
            Endpoint::Asset(asset) => self.page.respond(asset, head),
            Endpoint::Manual(manual) => manual.response(),
            Endpoint::Health => ops::health(),
            Endpoint::Readiness => ops::readiness(self.draining, self.accounts.is_store_up()),
            Endpoint::Metrics => self.metrics(turn),
            // Sockets are opened, not responded to.
            Endpoint::Stranger
            | Endpoint::Rooms
            | Endpoint::Api(_)
            | Endpoint::PrivateRoom
            | Endpoint::Notifications
            | Endpoint::Account(_) => Response::refusal(Status::BAD_REQUEST),
        }
    }

    /// What there is to count; the same for all who ask in one turn.
    fn metrics(&mut self, turn: &Turn<'_>) -> Response {
        let made = self.metrics.take();
        let made = made.filter(|(when_us, _)| *when_us == turn.now.micros);
        let (_, response) = self.metrics.insert(made.unwrap_or_else(|| {
            let response = ops::metrics(turn.stats, self.gauges(turn));
            (turn.now.micros, response)
        }));
        response.clone()
    }

    fn gauges(&self, turn: &Turn<'_>) -> ops::Gauges {
        ops::Gauges {
            connections: turn.out.open_lanes(),
            online: self.stranger.online(),
            population: Mode::ALL
                .iter()
                .map(|mode| (mode.label(), self.stranger.population(*mode)))
                .collect(),
            queued_bytes: turn.out.queued_total(),
            people: self.rooms.people(),
            rooms: self.rooms.rooms(),
            room_members: self.rooms.members(),
            members_online: self.accounts.people(),
            pool: self.accounts.waiting(),
            asks: self.accounts.asked(),
            is_store_up: self.accounts.is_store_up(),
        }
    }

    /// Opens a socket to the stranger chat, or says why not.
    fn open_stranger<'a>(
        &mut self,
        request: &Request<'a>,
        turn: &Turn<'_>,
    ) -> Result<&'a str, (Response, Refused)> {
        let head = request.head;
        let key = upgrade::check(head)?;
        self.check_origin(request)?;
        self.check_draining()?;
        let account = self
            .accounts
            .identify(head, turn.now)
            .map_err(|response| (response, Refused::Token))?;
        let opening = opening(head.query, self.settings.opening).map_err(|message| {
            let response = Response::error(Status::BAD_REQUEST, message);
            (response, Refused::BadRequest)
        })?;
        let account = account.map(|proof| Account {
            id: proof.user,
            until_ms: proof.until_ms,
        });
        self.stranger.admit(request.conn, opening, account);
        Ok(key)
    }

    /// Refuses new conversations when the server is going away.
    fn check_draining(&self) -> Result<(), (Response, Refused)> {
        if !self.draining {
            return Ok(());
        }
        let response = Response::error(Status::UNAVAILABLE, "the server is restarting");
        Err((response.with_retry_after_ms(5_000), Refused::Draining))
    }

    /// Answers a request, or opens a socket.
    fn answer<'a>(&mut self, request: &Request<'a>, turn: &mut Turn<'_>) -> Reply<'a, Service> {
        let refuse = |(response, cause): (Response, Refused), turn: &mut Turn<'_>| {
            turn.stats.refused(cause);
            Reply::Respond(response)
        };
        let route = routes::find(request.head.path);
        // A full server still tells its operators how it is.
        let is_excused =
            request.admission == Admission::Full && route.is_some_and(|route| route.is_vital());
        if let (Some(refusal), false) = (request.admission.refusal(), is_excused) {
            return refuse(refusal, turn);
        }
        let method = request.head.method;
        if method == Method::Options && request.head.path == "*" {
            let response = Response::new(Status::NO_CONTENT);
            return Reply::Respond(
                response.with_field("Allow", "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
            );
        }
        let Some(route) = route else {
            let refusal = Response::refusal(Status::NOT_FOUND);
            return refuse((refusal, Refused::NotFound), turn);
        };
        if method == Method::Options {
            let response = Response::new(Status::NO_CONTENT).with_field("Allow", route.allow);
            return Reply::Respond(response);
        }
        if !route.takes(method) {
            let refusal = Response::refusal(Status::METHOD_NOT_ALLOWED);
            let refusal = refusal.with_field("Allow", route.allow);
            return refuse((refusal, Refused::Method), turn);
        }
        match route.endpoint {
            Endpoint::Stranger => match self.open_stranger(request, turn) {
                Ok(key) => Reply::Open(Service::Stranger, key),
                Err(refusal) => refuse(refusal, turn),
            },
            Endpoint::Rooms => match self.open_rooms(request) {
                Ok(key) => Reply::Open(Service::Rooms, key),
                Err(refusal) => refuse(refusal, turn),
            },
            Endpoint::Api(resource) => match self.serve(resource, route.path, request, turn) {
                Ok(response) => Reply::Respond(response),
                Err(refusal) => refuse(refusal, turn),
            },
            Endpoint::PrivateRoom => {
                let room = routes::segment(route.path, request.head.path).unwrap_or_default();
                match self.open_account(Some(&room), request, turn) {
                    Ok(reply) => reply,
                    Err(refusal) => refuse(refusal, turn),
                }
            }
            Endpoint::Notifications => match self.open_account(None, request, turn) {
                Ok(reply) => reply,
                Err(refusal) => refuse(refusal, turn),
            },
            Endpoint::Account(resource) => {
                match self.serve_account(resource, route.path, request, turn) {
                    Ok(reply) => reply,
                    Err(refusal) => refuse(refusal, turn),
                }
            }
            endpoint => Reply::Respond(self.respond(endpoint, request.head, turn)),
        }
    }

    /// Refuses a socket that a foreign page opens (cross-site WebSocket hijacking).
    fn check_origin(&self, request: &Request<'_>) -> Result<(), (Response, Refused)> {
        let head = request.head;
        let mut origins = head.fields("origin");
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        let is_admitted = origins.next().is_none()
            && (self.settings.allowed_origins.admits(origin, head.host)
                || is_local(request.client, request));
        if is_admitted {
            return Ok(());
        }
        let response = Response::error(Status::FORBIDDEN, "this origin is not allowed");
        Err((response, Refused::Origin))
    }
}

impl Application for App {
    type Service = Service;

    fn request<'a>(&mut self, request: &Request<'a>, turn: &mut Turn<'_>) -> Reply<'a, Service> {
        match self.answer(request, turn) {
            Reply::Respond(response) => Reply::Respond(self.shared(request, response)),
            Reply::Later(None) => {
                if let Some(sharing) = self.sharing(request) {
                    self.sharings.insert(request.conn.pack(), sharing);
                }
                Reply::Later(None)
            }
            open => open,
        }
    }

    fn refused(&self, request: &Request<'_>, response: Response) -> Response {
        self.shared(request, response)
    }

    fn opened(&mut self, conn: ConnId, service: Service, turn: &mut Turn<'_>) {
        match service {
            Service::Stranger => self.stranger.opened(conn, turn),
            Service::Rooms => self.rooms.opened(conn, turn),
            Service::Account => self.accounts.opened(conn, turn),
        }
    }

    #[inline]
    fn said(&mut self, conn: ConnId, service: Service, message: Message<'_>, turn: &mut Turn<'_>) {
        match (service, message) {
            (Service::Stranger, Message::Text(text)) => self.stranger.said(conn, text, turn),
            (Service::Rooms, Message::Text(text)) => self.rooms.said(conn, text, turn),
            (Service::Account, Message::Text(text)) => self.accounts.said(conn, text, turn),
            (Service::Stranger | Service::Rooms | Service::Account, _) => {
                debug_assert!(false, "only text is asked for")
            }
        }
    }

    fn drained(&mut self, conn: ConnId, service: Service, turn: &mut Turn<'_>) {
        match service {
            Service::Stranger => self.stranger.drained(conn, turn),
            Service::Rooms => self.rooms.drained(conn, turn),
            // What is said on these sockets waits for the store, not for them.
            Service::Account => {}
        }
    }

    fn closed(&mut self, conn: ConnId, service: Service, cause: CloseCause, turn: &mut Turn<'_>) {
        match service {
            Service::Stranger => self.stranger.closed(conn, cause, turn),
            Service::Rooms => self.rooms.closed(conn, turn),
            Service::Account => self.accounts.closed(conn, turn),
        }
    }

    fn dismissed(&mut self, conn: ConnId, service: Service, turn: &mut Turn<'_>) {
        match service {
            Service::Stranger => self.stranger.dismissed(conn, turn),
            Service::Rooms => self.rooms.dismissed(conn, turn),
            Service::Account => self.accounts.dismissed(conn, turn),
        }
    }

    fn answered(&mut self, ticket: Ticket, outcome: Outcome, turn: &mut Turn<'_>) {
        self.accounts.answered(ticket, outcome, turn);
        self.keep_in_touch(turn);
    }

    fn next_late(&mut self) -> Option<(ConnId, Late<Service>)> {
        self.next_late_answer()
    }

    fn draining(&mut self) {
        self.draining = true;
    }

    fn elapsed(&mut self, turn: &mut Turn<'_>) {
        self.stranger.elapsed(turn);
        self.rooms.elapsed(turn);
        self.accounts.elapsed(turn);
        self.keep_in_touch(turn);
    }

    fn next_due(&self) -> Option<u64> {
        let dues = [
            self.stranger.next_due(),
            self.rooms.next_due(),
            self.accounts.next_due(),
        ];
        dues.into_iter().flatten().min()
    }
}

/// Reads how a connection to `/ws` wants to begin.
fn opening(query: &str, default: Opening) -> Result<Opening, &'static str> {
    let format = match query::value(query, "format").as_deref() {
        None => default.format,
        Some("json") => Format::Json,
        Some("text") => Format::Text,
        Some(_) => return Err("format must be json or text"),
    };
    let auto = match query::value(query, "auto").as_deref() {
        None => default.auto || format == Format::Text,
        Some("1" | "true") => true,
        Some("0" | "false") => false,
        Some(_) => return Err("auto must be 1 or 0"),
    };
    Ok(Opening { auto, format })
}

/// Whether the client is on this machine, so that a page opened from disk may try the server. A proxy on this
/// machine that was not declared gives itself away by the field it adds.
fn is_local(client: IpAddr, request: &Request<'_>) -> bool {
    let is_forwarded = ["x-forwarded-for", "forwarded", "x-real-ip", "via"]
        .iter()
        .any(|name| request.head.fields(name).next().is_some());
    client.is_loopback() && !is_forwarded
}
