//! Deadlines before a connection becomes a WebSocket.

use super::*;

#[test]
fn a_slow_head_is_refused_at_its_deadline_however_it_drips() {
    let mut world = World::new(Settings::default());
    world.accept(0, Ipv4Addr::LOCALHOST.into());
    for byte in b"GET / HT" {
        world.receive(0, &[*byte]);
        world.pass(1_200);
        assert!(!world.has(SocketOp::Finish(id(0))));
    }
    world.pass(600);
    assert!(world.write_all(0).starts_with(b"HTTP/1.1 408 "));
    assert!(world.has(SocketOp::Finish(id(0))));
    assert_eq!(world.stats.refusals(Refused::Timeout), 1);
}

#[test]
fn a_slow_body_is_refused_at_its_deadline() {
    let mut world = World::new(Settings::default());
    world.accept(0, Ipv4Addr::LOCALHOST.into());
    world.receive(
        0,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
    );
    for _ in 0..14 {
        world.receive(0, b"x");
        world.pass(1_000);
    }
    assert!(world.write_all(0).is_empty());
    world.pass(1_200);
    assert!(world.write_all(0).starts_with(b"HTTP/1.1 408 "));
}

/// What is answered to `request`, and to what follows within a while.
fn answer(request: &str) -> String {
    let mut world = World::new(Settings::default());
    world.accept(0, Ipv4Addr::LOCALHOST.into());
    world.receive(0, request.as_bytes());
    world.pass(limits::BODY_MS + 500);
    assert!(world.has(SocketOp::Finish(id(0))));
    String::from_utf8(world.write_all(0)).expect("text")
}

#[test]
fn the_program_adds_to_the_refusal_of_what_has_a_head() {
    let long = limits::BODY_BYTES_MAX + 1;
    let post = "POST /some HTTP/1.1\r\nHost: x\r\n";
    for (request, status) in [
        (format!("{post}Content-Length: {long}\r\n\r\n"), 413),
        (
            format!("{post}Transfer-Encoding: chunked\r\n\r\n{long:x}\r\n"),
            413,
        ),
        (
            format!("{post}Transfer-Encoding: chunked\r\n\r\nno\r\n"),
            400,
        ),
        (format!("{post}Content-Length: 2\r\n\r\n1"), 408),
    ] {
        let answer = answer(&request);
        let start = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&start), "{answer}");
        assert!(answer.contains("\r\nRefused: /some\r\n"), "{answer}");
    }
    for (request, status) in [
        (post.to_owned(), 408),
        ("GET / HTTP/1.1\r\n\r\n".into(), 400),
    ] {
        let answer = answer(&request);
        let start = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&start), "{answer}");
        assert!(!answer.contains("Refused"), "{answer}");
    }
}

#[test]
fn an_idle_connection_goes_without_a_word() {
    let mut world = World::new(Settings::default());
    world.accept(0, Ipv4Addr::LOCALHOST.into());
    world.receive(0, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    world.write_all(0);
    world.pass(limits::KEEP_ALIVE_MS - 500);
    assert!(!world.has(SocketOp::Finish(id(0))));
    world.pass(700);
    assert!(world.has(SocketOp::Finish(id(0))));
    assert!(world.write_all(0).is_empty());
}

/// So many requests for a body of `size` bytes.
fn requests(count: usize, size: usize) -> Vec<u8> {
    format!("GET /?{size} HTTP/1.1\r\nHost: x\r\n\r\n")
        .repeat(count)
        .into_bytes()
}

impl World {
    /// Idle turns until nobody rests; how many requests each of them answered.
    fn rest(&mut self, connections: u32) -> Vec<u64> {
        let mut answered = Vec::new();
        while self.server.next_due() == Some(0) {
            let before = self.stats.requests;
            self.idle_turn();
            answered.push(self.stats.requests - before);
            (0..connections).for_each(|number| drop(self.write_all(number)));
        }
        answered
    }
}

#[test]
fn a_response_that_has_gone_out_is_followed_by_the_next_in_another_turn() {
    let mut world = World::new(Settings::default());
    world.accept(0, Ipv4Addr::LOCALHOST.into());
    let size = limits::QUEUE_HIGH_BYTES;
    world.receive(0, &requests(5, size));
    assert_eq!(world.stats.requests, 1);
    let first = world.write_all(0);
    assert!(first.len() > size && first.len() < 2 * size);
    assert_eq!(world.stats.requests, 1);
    assert!(world.server.is_paused(id(0)), "what follows has to wait");
    assert_eq!(world.rest(1), [1, 1, 1, 1]);
    assert!(!world.server.is_paused(id(0)));
    assert!(world.has(SocketOp::Read(id(0))));
}

#[test]
fn of_many_requests_at_once_a_turn_answers_some() {
    let mut world = World::new(Settings::default());
    world.accept(0, Ipv4Addr::LOCALHOST.into());
    let each = limits::REQUESTS_PER_CONNECTION_TURN as u64;
    world.receive(0, &requests(100, 1));
    assert_eq!(world.stats.requests, each);
    let served = world.rest(1);
    assert!(served.iter().all(|served| *served <= each), "{served:?}");
    assert_eq!(world.stats.requests, 100);
    assert!(world.server.is_open(id(0)));
}

#[test]
fn however_many_ask_a_turn_answers_so_many() {
    const CROWD: u32 = 100;
    for (size, bound) in [
        (1, limits::REQUESTS_PER_TURN),
        (
            160 * 1024,
            limits::REQUESTS_PER_TURN * limits::DELIVERY_BYTES / (160 * 1024) + 1,
        ),
    ] {
        let mut world = World::new(Settings::default());
        for number in 0..CROWD {
            world.accept(number, Ipv4Addr::LOCALHOST.into());
        }
        world.idle_turn();
        for number in 0..CROWD {
            world.receive(number, &requests(20, size));
        }
        let mut answered = vec![world.stats.requests];
        (0..CROWD).for_each(|number| drop(world.write_all(number)));
        answered.extend(world.rest(CROWD));
        let most = answered.iter().max().copied().unwrap_or(0) as usize;
        assert!(most <= bound, "{most} answers of {size} bytes in a turn");
        assert_eq!(world.stats.requests, 20 * u64::from(CROWD));
    }
}

#[test]
fn whoever_has_gone_before_the_handshake_is_served_is_not_waited_for_after_it() {
    let mut world = World::new(Settings::default());
    world.accept(0, Ipv4Addr::LOCALHOST.into());
    let frames = masked(0x81, &[b'x'; 120]).repeat(600);
    world.receive(0, &[requests(20, 1), UPGRADE.to_vec(), frames].concat());
    world.turn(|server, turn| server.ending(id(0), turn));
    world.pass(1);
    assert_eq!(world.server.app.heard, 600);
    assert!(!world.server.is_paused(id(0)));
}

#[test]
fn an_address_asks_so_much_and_no_more() {
    let settings = Settings {
        allowance: Allowance {
            request_rate: Rate::new(10.0, 5),
            ..Allowance::UNLIMITED
        },
        ..Settings::default()
    };
    let mut world = World::new(settings);
    for number in 0..2 {
        world.accept(number, Ipv4Addr::LOCALHOST.into());
        world.receive(number, &requests(3, 1));
    }
    let answers = world.write_all(1);
    assert!(answers.starts_with(b"HTTP/1.1 200 "));
    let refusal = String::from_utf8(answers).expect("text");
    let refusal = refusal.split("HTTP/1.1 429 ").nth(1).expect("a refusal");
    assert!(refusal.contains("\r\nRetry-After: 1\r\n"), "{refusal}");
    assert!(
        world.has(SocketOp::Finish(id(1))),
        "what was sent behind it is not looked at"
    );
    assert_eq!(world.stats.refusals(Refused::HttpRate), 1);
    // Time, or another address, brings more.
    world.pass(1_000);
    world.receive(0, &requests(1, 1));
    world.accept(2, Ipv4Addr::new(127, 0, 0, 2).into());
    world.receive(2, &requests(1, 1));
    for number in [0, 2] {
        assert!(world.write_all(number).starts_with(b"HTTP/1.1 200 "));
    }
}
