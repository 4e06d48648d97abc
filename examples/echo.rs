//! Returns every WebSocket message unchanged, on the very connection, frame and message code of the server:
//! something for conformance suites to test. Over plain HTTP, `GET /` is 200 and `POST /` is its own body.
//!
//! `cargo run --release --example echo -- --listen 127.0.0.1:9001`

use std::error::Error;
use std::io::Write;

use passerby::conn::{Application, Connections, Reply, Request, Settings, Turn};
use passerby::kernel::id::ConnId;
use passerby::kernel::stats::CloseCause;
use passerby::net::{self, Reactor};
use passerby::wire::frame::{self, Kind};
use passerby::wire::head::Method;
use passerby::wire::message::{Message, MessageLimits};
use passerby::wire::response::{Response, Status};
use passerby::wire::upgrade;

const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

struct Echo;

impl Application for Echo {
    type Service = ();

    fn request<'a>(&mut self, request: &Request<'a>, _: &mut Turn<'_>) -> Reply<'a, ()> {
        let head = request.head;
        if head.lists("upgrade", "websocket") {
            return match upgrade::check(head) {
                Ok(key) => Reply::Open((), key),
                Err((response, _)) => Reply::Respond(response),
            };
        }
        Reply::Respond(match head.method {
            Method::Get | Method::Head => Response::new(Status::OK),
            Method::Post => {
                let body = request.body.to_vec();
                Response::new(Status::OK).with_body("application/octet-stream", body)
            }
            Method::Options => {
                Response::new(Status::NO_CONTENT).with_field("Allow", "GET, HEAD, POST, OPTIONS")
            }
            _ => Response::refusal(Status::METHOD_NOT_ALLOWED)
                .with_field("Allow", "GET, HEAD, POST, OPTIONS"),
        })
    }

    fn opened(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn said(&mut self, conn: ConnId, (): (), message: Message<'_>, turn: &mut Turn<'_>) {
        let lane = turn.out.lane(conn);
        match message {
            Message::Text(text) => frame::write(lane, Kind::Text, text.as_bytes()),
            Message::Binary(bytes) => frame::write(lane, Kind::Binary, bytes),
            // The connection layer answers these itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(..) => {}
        }
    }

    fn drained(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn closed(&mut self, _: ConnId, (): (), _: CloseCause, _: &mut Turn<'_>) {}

    fn dismissed(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn draining(&mut self) {}

    fn elapsed(&mut self, _: &mut Turn<'_>) {}

    fn next_due(&self) -> Option<u64> {
        None
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let bind = match (arguments.next().as_deref(), arguments.next()) {
        (None, None) => "127.0.0.1:9001".to_owned(),
        (Some("--listen"), Some(address)) => address,
        _ => return Err("usage: echo [--listen ADDR:PORT]".into()),
    };
    let settings = Settings {
        message_limits: MessageLimits {
            message_bytes_max: MESSAGE_BYTES_MAX as u64,
            fragments_max: u32::MAX,
            binary: true,
        },
        body_bytes_max: MESSAGE_BYTES_MAX,
        queue_bytes_max: 4 * MESSAGE_BYTES_MAX,
        ..Settings::default()
    };
    let reactor = net::Settings {
        bind: vec![bind.parse()?],
        sockets_max: 1_000,
        drain_ms: 1_000,
        signals: true,
    };
    let mut reactor = Reactor::open(Connections::new(Echo, settings), reactor)?;
    for address in reactor.addresses() {
        writeln!(std::io::stdout(), "echo listening on http://{address}")?;
    }
    Ok(reactor.run()?)
}
