//! What all connections together hold in memory.

use super::*;

fn dropped(world: &World) -> Vec<u32> {
    let numbers = world.ops.iter().filter_map(|op| match op {
        SocketOp::Drop(id) => Some(id.index() as u32),
        _ => None,
    });
    numbers.collect()
}

fn world(connections: u32) -> World {
    let settings = Settings {
        queue_bytes_max: usize::MAX,
        ..Settings::default()
    };
    let mut world = World::new(settings);
    (0..connections).for_each(|number| world.open(number));
    world.ops.clear();
    world
}

/// Has so much wait for somebody who does not read.
fn hoard(world: &mut World, number: u32, bytes: usize) {
    world.out.lane(id(number)).resize(bytes, 0);
    world.block(number);
}

#[test]
fn all_stalled_output_together_has_a_bound_and_the_largest_goes_first() {
    const MAX: usize = limits::QUEUED_TOTAL_BYTES_MAX;
    let mut world = world(4);
    hoard(&mut world, 0, MAX / 8);
    hoard(&mut world, 1, MAX / 2);
    hoard(&mut world, 2, MAX / 4);
    assert!(dropped(&world).is_empty());
    // The last to come has little, and is not the one to make room.
    hoard(&mut world, 3, MAX / 8 + 1);
    assert_eq!(dropped(&world), [1]);
    assert_eq!(world.server.app.closed, [CloseCause::TooSlow]);
    world.turn(|server, turn| server.reaped(id(1), turn));
    assert!(world.server.held().0 <= MAX);
    // What has gone out counts no more.
    world.write_all(2);
    hoard(&mut world, 2, MAX / 4);
    assert_eq!(dropped(&world), [1]);
    for number in [0, 2, 3] {
        world.write_all(number);
    }
    assert_eq!(world.server.held(), (0, 0));
}

#[test]
fn what_is_queued_for_those_who_are_leaving_counts_too() {
    let mut world = world(0);
    let mut number = 0;
    let queued = |world: &World| world.out.queued_total();
    while dropped(&world).is_empty() {
        world.accept(number, Ipv4Addr::LOCALHOST.into());
        let close = b"GET /?4000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        world.idle_turn();
        world.receive(number, close);
        assert!(world.out.queued(id(number)) > 0);
        world.block(number);
        number += 1;
        assert!(queued(&world) < limits::QUEUED_TOTAL_BYTES_MAX + 5_000_000);
    }
    assert!(number > 20);
}

#[test]
fn all_that_is_not_complete_together_has_a_bound() {
    const PIECE: usize = 16 * 1024 - 8;
    let mut world = world(0);
    let begin = |kind: u32| match kind {
        0 => [&b"\x81\xfe\xff\xff\0\0\0\0"[..], &[b'x'; PIECE]].concat(),
        _ => [
            &b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n"[..],
            &[b'x'; PIECE],
        ]
        .concat(),
    };
    let most = (limits::INPUT_TOTAL_BYTES_MAX / PIECE / 3) as u32;
    for number in 0..most {
        match number % 2 {
            0 => world.open(number),
            _ => world.accept(number, Ipv4Addr::LOCALHOST.into()),
        }
        world.receive(number, &begin(number % 2));
        (0..2).for_each(|_| world.receive(number, &[b'x'; PIECE]));
        assert!(world.server.held().1 <= limits::INPUT_TOTAL_BYTES_MAX);
    }
    let (mut closes, mut refusals) = (0, 0);
    for number in 0..most {
        let said = world.write_all(number);
        closes += usize::from(said.starts_with(b"\x88") && said[2..4] == 1013u16.to_be_bytes());
        let is_refusal = said.starts_with(b"HTTP/1.1 503 ");
        let said = String::from_utf8_lossy(&said);
        assert_eq!(is_refusal, said.contains("\r\nRefused: /"));
        refusals += usize::from(is_refusal);
    }
    assert!(closes + refusals > 0);
    assert!(
        ((closes + refusals) as u32) < most / 2,
        "{closes} and {refusals} of {most}"
    );
    assert_eq!(closes, world.server.app.closed.len());
    // Whoever finishes, or goes, gives it back.
    for number in 0..most {
        world.turn(|server, turn| {
            server.ended(id(number), turn);
            server.reaped(id(number), turn);
        });
    }
    assert_eq!(world.server.held(), (0, 0));
}

#[test]
fn whoever_waits_for_nothing_holds_nothing() {
    let mut world = world(2);
    world.accept(2, Ipv4Addr::LOCALHOST.into());
    world.receive(2, &b"GET /?1 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3));
    assert_eq!(world.server.held().1, 0);
    world.receive(2, b"GET / HT");
    world.receive(0, &masked(0x81, b"x").repeat(20));
    world.receive(1, &masked(0x81, b"hello")[..8]);
    assert!(world.server.held().1 > 0);
    world.receive(2, b"TP/1.1\r\nHost: x\r\n\r\n");
    world.receive(1, &masked(0x81, b"hello")[8..]);
    world.idle_turn();
    assert_eq!(world.server.held().1, 0);
}
