//! Requests whose answer comes later.

use super::*;
use crate::conn::Late;
use crate::wire::response::{Response, Status};

const LATER: &[u8] = b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n";

fn world() -> World {
    let mut world = World::new(Settings::default());
    world.accept(0, Ipv4Addr::LOCALHOST.into());
    world
}

fn later_upgrade() -> Vec<u8> {
    String::from_utf8_lossy(UPGRADE)
        .replace("/ws", "/later")
        .into_bytes()
}

impl World {
    /// The program answers; what waited behind that goes on in the turn that follows.
    fn answer(&mut self, late: Late<()>) {
        self.server.app.lates.push_back((id(0), late));
        self.turn(|_, _| ());
        self.idle_turn();
    }

    fn answer_text(&mut self, text: &'static str) {
        let response = Response::new(Status::OK).with_body("text/plain", text.as_bytes());
        self.answer(Late::Respond(response));
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.write_all(0)).expect("text")
    }
}

#[test]
fn what_follows_a_waiting_request_waits_too() {
    let mut world = world();
    world.receive(
        0,
        &[LATER, b"GET /?3 HTTP/1.1\r\nHost: x\r\n\r\n", LATER].concat(),
    );
    assert!(world.text().is_empty());
    assert!(world.server.is_paused(id(0)));
    world.answer_text("first");
    let text = world.text();
    assert_eq!(text.matches("HTTP/1.1 200").count(), 2, "{text}");
    assert!(text.find("first") < text.find("xxx"));
    assert!(world.server.is_paused(id(0)), "the third waits");
    world.answer_text("third");
    assert!(world.text().ends_with("third"));
    assert!(!world.server.is_paused(id(0)));
    assert!(world.has(SocketOp::Read(id(0))));
    assert!(!world.has(SocketOp::Finish(id(0))));
}

#[test]
fn a_late_answer_is_what_the_request_asked_for() {
    let mut world = world();
    world.receive(
        0,
        b"HEAD /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    world.answer_text("body");
    let text = world.text();
    assert!(text.contains("Content-Length: 4\r\n") && text.ends_with("\r\n\r\n"));
    assert!(text.contains("Connection: close\r\n"));
    assert!(world.has(SocketOp::Finish(id(0))));
}

#[test]
fn a_handshake_can_be_accepted_later_with_frames_behind_it() {
    let mut world = world();
    world.receive(0, &[later_upgrade(), masked(0x81, b"hi")].concat());
    assert!(world.text().is_empty());
    world.answer(Late::Open(()));
    let bytes = world.write_all(0);
    assert!(bytes.starts_with(b"HTTP/1.1 101 "));
    assert!(bytes.ends_with(b"\x81\x02hi"));
    assert!(!world.server.is_paused(id(0)));
}

#[test]
fn a_handshake_can_be_refused_later() {
    let mut world = world();
    world.receive(0, &later_upgrade());
    world.answer(Late::Respond(Response::refusal(Status::GONE)));
    assert!(world.text().starts_with("HTTP/1.1 410 "));
    world.receive(0, b"GET /?1 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(world.text().ends_with("\r\n\r\nx"));
}

#[test]
fn an_answer_that_never_comes_is_a_refusal() {
    let mut world = world();
    world.receive(0, LATER);
    world.pass(limits::ANSWER_MS - 500);
    assert!(world.text().is_empty());
    world.pass(700);
    assert!(world.text().starts_with("HTTP/1.1 503 "));
    assert!(world.has(SocketOp::Finish(id(0))));
    world.answer_text("too late");
    assert!(world.text().is_empty());
}

#[test]
fn a_socket_whose_client_has_not_waited_is_closed() {
    let mut world = world();
    world.receive(0, &later_upgrade());
    world.turn(|server, turn| server.broke(id(0), CloseCause::Gone, turn));
    world.answer(Late::Open(()));
    assert_eq!(world.server.app.closed, [CloseCause::Gone]);
}

#[test]
fn a_drain_waits_for_answers_that_are_owed() {
    let mut world = world();
    world.receive(0, LATER);
    world.turn(|server, turn| server.drain(turn));
    world.pass(3_000);
    assert!(!world.has(SocketOp::Finish(id(0))));
    world.answer_text("done");
    let text = world.text();
    assert!(text.contains("Connection: close\r\n") && text.ends_with("done"));
    assert!(world.has(SocketOp::Finish(id(0))));
}
