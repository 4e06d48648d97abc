//! A handler that panics, on the real loop: a fault of ours must cost only the connection that met it.
//!
//! Nothing that can be sent makes the server panic, so this one is given a handler that does.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use passerby::conn::{self, Application, Connections, Late, Reply, Request, Turn};
use passerby::kernel::id::ConnId;
use passerby::kernel::stats::CloseCause;
use passerby::limits;
use passerby::net::{self, Handle, Letter, Reactor};
use passerby::wire::frame::{self, Kind};
use passerby::wire::message::Message;
use passerby::wire::response::{Response, Status};
use passerby::wire::upgrade;
use support::{Client, PATIENCE, Raw};

/// Returns what is said, and panics when asked to, also amid an answer. Says over HTTP how often, and which connections have gone.
struct Clumsy {
    /// Who is answered a little later, and whether with an open socket.
    late: Vec<(ConnId, bool)>,
    gone: mpsc::Sender<CloseCause>,
}

impl Application for Clumsy {
    type Service = ();

    fn request<'a>(&mut self, request: &Request<'a>, turn: &mut Turn<'_>) -> Reply<'a, ()> {
        assert_ne!(request.head.path, "/panic", "as was asked for");
        if request.head.path.starts_with("/late") {
            let key = upgrade::check(request.head).ok();
            self.late.push((request.conn, key.is_some()));
            return Reply::Later(key);
        }
        match upgrade::check(request.head) {
            Ok(key) => Reply::Open((), key),
            Err(_) => {
                let count = turn.stats.panics.to_string().into_bytes();
                Reply::Respond(Response::new(Status::OK).with_body("text/plain", count))
            }
        }
    }

    fn opened(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn said(&mut self, conn: ConnId, (): (), message: Message<'_>, turn: &mut Turn<'_>) {
        if let Message::Text(text) = message {
            if text == "half" {
                turn.out.lane(conn).extend(b"\x81\x7e\xff\xffhalf");
            }
            assert!(!["half", "panic"].contains(&text), "as was asked for");
            frame::write(turn.out.lane(conn), Kind::Text, text.as_bytes());
        }
    }

    fn drained(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn closed(&mut self, _: ConnId, (): (), cause: CloseCause, _: &mut Turn<'_>) {
        let _ = self.gone.send(cause);
    }

    fn dismissed(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn next_late(&mut self) -> Option<(ConnId, Late<()>)> {
        let (conn, opens) = self.late.pop()?;
        let late = if opens {
            Late::Open(())
        } else {
            Late::Respond(Response::new(Status::NO_CONTENT))
        };
        Some((conn, late))
    }

    fn draining(&mut self) {}

    fn elapsed(&mut self, _: &mut Turn<'_>) {}

    fn next_due(&self) -> Option<u64> {
        None
    }
}

/// The loop with that handler, on a thread of its own.
struct Loop {
    address: SocketAddr,
    handle: Handle,
    thread: thread::JoinHandle<()>,
    /// Who has gone.
    gone: mpsc::Receiver<CloseCause>,
}

impl Loop {
    fn start() -> Self {
        let (started, start) = mpsc::channel();
        let (sender, gone) = mpsc::channel();
        let clumsy = Clumsy {
            late: Vec::new(),
            gone: sender,
        };
        let thread = thread::spawn(move || {
            let conns = Connections::new(clumsy, conn::Settings::default());
            let settings = net::Settings {
                bind: vec!["127.0.0.1:0".parse().expect("an address")],
                sockets_max: 100,
                drain_ms: 100,
                signals: false,
            };
            let mut reactor = Reactor::open(conns, settings).expect("listening");
            started
                .send((reactor.addresses()[0], reactor.handle()))
                .expect("a listener");
            reactor.run().expect("it turns");
        });
        let (address, handle) = start.recv().expect("started");
        Self {
            address,
            handle,
            thread,
            gone,
        }
    }

    /// Stops it; it must not have panicked.
    fn stop(self) {
        self.handle.post(Letter::Stop).expect("posted");
        self.thread.join().expect("the loop itself did not panic");
    }
}

#[test]
fn a_handler_that_panics_costs_only_its_own_connection() {
    let server = Loop::start();
    let address = server.address;
    let mut bystander = Client::connect(address, "/");
    let echo = |client: &mut Client, text: &str| {
        client.send(text);
        assert_eq!(client.hear_text(), text);
    };
    echo(&mut bystander, "before");
    for _ in 0..3 {
        let mut unlucky = Raw::connect(address);
        unlucky.upgrade("/");
        unlucky.send(support::raw::text("fine"));
        assert_eq!(unlucky.text(), "fine");
        unlucky.send(support::raw::text("panic"));
        assert_eq!(unlucky.close_frame().0, 1011);
        unlucky.expect_end();
        assert_eq!(
            server.gone.recv_timeout(PATIENCE),
            Ok(CloseCause::Internal),
            "it left everything"
        );
        echo(&mut bystander, "I noticed nothing");
    }
    let mut unlucky = Raw::connect(address);
    unlucky.send("GET /panic HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(unlucky.response().status, 500);
    unlucky.expect_end();
    echo(&mut bystander, "I noticed nothing");
    let mut newcomer = Raw::connect(address);
    newcomer.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(newcomer.response().text(), "4", "they are counted");

    drop((bystander, unlucky, newcomer));
    server.stop();
}

#[test]
fn what_waited_for_another_turn_costs_only_its_own_connection_too() {
    let server = Loop::start();
    let mut bystander = Client::connect(server.address, "/");
    // More frames than one turn takes.
    let mut unlucky = Raw::connect(server.address);
    unlucky.upgrade("/");
    let words: Vec<String> = (0..3 * limits::FRAMES_PER_TURN)
        .map(|number| number.to_string())
        .collect();
    let said = words.iter().map(String::as_str).chain(["panic", "unheard"]);
    unlucky.send(said.flat_map(support::raw::text).collect::<Vec<u8>>());
    for words in words {
        assert_eq!(unlucky.text(), words);
    }
    assert_eq!(unlucky.close_frame().0, 1011);
    unlucky.expect_end();
    assert_eq!(server.gone.recv_timeout(PATIENCE), Ok(CloseCause::Internal));
    // More requests than one turn answers.
    let mut unlucky = Raw::connect(server.address);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    let count = 3 * limits::REQUESTS_PER_CONNECTION_TURN;
    unlucky.send(get("/").repeat(count) + &get("/panic") + &get("/"));
    for _ in 0..count {
        assert_eq!(unlucky.response().text(), "1");
    }
    assert_eq!(unlucky.response().status, 500);
    unlucky.expect_end();
    bystander.send("I noticed nothing");
    assert_eq!(bystander.hear_text(), "I noticed nothing");
    drop((bystander, unlucky));
    server.stop();
}

#[test]
fn what_waited_for_an_answer_costs_only_its_own_connection_too() {
    let server = Loop::start();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut unlucky = Raw::connect(server.address);
    unlucky.send(get("/late") + &get("/late") + &get("/panic"));
    for status in [204, 204, 500] {
        assert_eq!(unlucky.response().status, status);
    }
    unlucky.expect_end();
    let mut unlucky = Raw::connect(server.address);
    let handshake = support::raw::handshake("/late").into_bytes();
    let said = ["one", "panic"].map(support::raw::text).concat();
    unlucky.send([&handshake[..], b"\r\n", &said].concat());
    assert_eq!(unlucky.response().status, 101);
    assert_eq!(unlucky.text(), "one");
    assert_eq!(unlucky.close_frame().0, 1011);
    unlucky.expect_end();
    server.stop();
}

#[test]
fn a_handler_that_panics_amid_an_answer_leaves_nothing_half() {
    let server = Loop::start();
    // What was answered before is whole, whether it came together with that or not.
    let mut unlucky = Raw::connect(server.address);
    unlucky.upgrade("/");
    unlucky.send([support::raw::text("one"), support::raw::text("half")].concat());
    assert_eq!(unlucky.text(), "one");
    assert_eq!(unlucky.close_frame().0, 1011);
    unlucky.expect_end();
    let mut unlucky = Raw::connect(server.address);
    let handshake = support::raw::handshake("/").into_bytes();
    unlucky.send([&handshake[..], b"\r\n", &support::raw::text("half")].concat());
    assert_eq!(unlucky.response().status, 101);
    assert_eq!(unlucky.close_frame().0, 1011);
    unlucky.expect_end();
    server.stop();
}
