//! Budgets of frames and bytes, and what one turn takes of a connection.

use super::*;

#[test]
fn the_frame_budget_makes_a_flood_wait_and_loses_nothing() {
    let settings = Settings {
        frame_rate: Rate::new(100.0, 10),
        ..Settings::default()
    };
    let mut world = World::new(settings);
    world.open(0);
    world.receive(0, &masked(0x81, b"x").repeat(60));
    world.pass(1);
    assert!(world.server.app.heard < 40);
    assert!(world.server.is_paused(id(0)));
    world.ops.clear();
    world.pass(400);
    assert!(world.server.is_paused(id(0)));
    assert!(!world.has(SocketOp::Read(id(0))));
    world.pass(200);
    assert_eq!(world.server.app.heard, 60);
    assert!(!world.server.is_paused(id(0)));
    assert!(world.has(SocketOp::Read(id(0))));
}

#[test]
fn the_byte_budget_makes_a_flood_wait_and_loses_nothing() {
    let settings = Settings {
        byte_rate: Rate::new(1_000.0, 10_000),
        ..Settings::default()
    };
    let mut world = World::new(settings);
    world.open(0);
    let message = masked(0x81, &[b'x'; 94]);
    world.receive(0, &message.repeat(100));
    world.pass(1);
    assert_eq!(world.server.app.heard, 100);
    assert!(!world.server.is_paused(id(0)), "a burst may come at once");
    // What has not come whole counts, too.
    world.receive(0, &message[..50]);
    world.receive(0, &message[50..]);
    world.receive(0, &message.repeat(9));
    assert!(world.server.is_paused(id(0)));
    world.ops.clear();
    world.pass(900);
    assert!(world.server.is_paused(id(0)));
    world.pass(200);
    assert!(!world.server.is_paused(id(0)));
    assert!(world.has(SocketOp::Read(id(0))));
    assert_eq!(world.server.app.heard, 110);
}

#[test]
fn a_turn_takes_a_few_frames_and_the_next_goes_on() {
    const ALL: usize = 3 * limits::FRAMES_PER_TURN as usize + 1;
    let mut world = World::new(Settings::default());
    world.open(0);
    world.ops.clear();
    world.receive(0, &masked(0x81, b"x").repeat(ALL));
    for turn in 1..=3 {
        assert_eq!(
            world.server.app.heard,
            turn * limits::FRAMES_PER_TURN as usize
        );
        assert!(world.server.is_paused(id(0)), "nothing is read meanwhile");
        assert_eq!(
            world.server.next_due(),
            Some(0),
            "the next turn follows at once"
        );
        assert!(!world.has(SocketOp::Read(id(0))));
        world.idle_turn();
    }
    assert_eq!(world.server.app.heard, ALL);
    assert!(!world.server.is_paused(id(0)));
    assert!(
        world.has(SocketOp::Read(id(0))),
        "what came meanwhile is looked at"
    );
    assert_ne!(world.server.next_due(), Some(0));
}

#[test]
fn frames_behind_the_last_of_a_turn_wait_for_whatever_else_holds_them_back() {
    let mut world = World::new(Settings::default());
    world.open(0);
    world.receive(0, &masked(0x81, b"x").repeat(40));
    world.turn(|_, turn| turn.out.effects.push(Effect::Pause(id(0))));
    for _ in 0..3 {
        world.idle_turn();
    }
    assert_eq!(world.server.app.heard, 16);
    assert_ne!(world.server.next_due(), Some(0), "waiting costs no turns");
    world.turn(|_, turn| turn.out.effects.push(Effect::Resume(id(0))));
    assert_eq!(world.server.next_due(), Some(0));
    world.pass(1);
    assert_eq!(world.server.app.heard, 40);
    // Whoever goes takes it along.
    world.receive(0, &masked(0x81, b"x").repeat(40));
    world.turn(|server, turn| {
        server.ended(id(0), turn);
        server.reaped(id(0), turn);
    });
    world.pass(1);
    assert_eq!(world.server.app.heard, 56);
}

#[test]
fn a_flood_that_does_not_end_is_ended() {
    let settings = Settings {
        frame_rate: Rate::new(100.0, 10),
        ..Settings::default()
    };
    let mut world = World::new(settings);
    world.open(0);
    for _ in 0..40 {
        world.receive(0, &masked(0x8a, b"").repeat(110));
        world.pass(1_200);
    }
    assert_eq!(world.server.app.closed, [CloseCause::Policy]);
    assert!(world.write_all(0).ends_with(b"too much for too long"));
    // Whoever keeps to the rate in the long run stays.
    world.open(1);
    for _ in 0..40 {
        world.receive(1, &masked(0x8a, b"").repeat(110));
        world.pass(1_200);
        world.receive(1, &masked(0x8a, b""));
    }
    assert_eq!(world.server.app.closed.len(), 1);
}

#[test]
fn who_has_gone_is_not_waited_for_while_reading_rests() {
    let settings = Settings {
        frame_rate: Rate::new(100.0, 10),
        ..Settings::default()
    };
    let mut world = World::new(settings);
    for number in 0..2 {
        world.open(number);
    }
    world.receive(0, &masked(0x81, b"x").repeat(60));
    world.pass(1);
    assert!(world.server.is_paused(id(0)));
    world.ops.clear();
    world.turn(|server, turn| server.ending(id(0), turn));
    world.pass(1);
    assert_eq!(world.server.app.heard, 60, "what is left is taken at once");
    assert!(world.has(SocketOp::Read(id(0))), "and read");
    world.receive(0, &masked(0x81, b"x").repeat(60));
    world.pass(1);
    assert_eq!(world.server.app.heard, 120);
    assert!(!world.server.is_paused(id(0)));
    // With a partner who is behind, there is no use in reading on.
    world.turn(|_, turn| turn.out.effects.push(Effect::Pause(id(1))));
    world.turn(|server, turn| server.ending(id(1), turn));
    assert_eq!(world.server.app.closed, [CloseCause::Gone]);
}
