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
