//! What goes round, under more than can go round at once.

use super::*;

#[test]
fn a_room_that_is_behind_takes_no_more_words_for_a_moment() {
    let mut world = World::new(4);
    let (alice, bob) = (world.come("alice"), world.come("bob"));
    world.join(alice);
    world.join(bob);
    world.settle();
    world.hear(alice);
    world.hear(bob);
    // Everything is said in one turn, so nothing goes round meanwhile.
    let padding = "x".repeat(1_900);
    let mut accepted = Vec::new();
    let mut put_off = 0;
    for number in 0..1_000 {
        let words = format!("{number}:{padding}");
        world.say(alice, &words);
        world.write();
        match world.hear(alice).as_slice() {
            [] => accepted.push(words),
            [error] => {
                assert!(is_put_off(error), "{error}");
                put_off += 1;
            }
            more => panic!("{more:?}"),
        }
    }
    assert_eq!(accepted.len() + put_off, 1_000);
    let taken: usize = accepted.iter().map(String::len).sum();
    assert!(taken > limits::ROOM_BACKLOG_BYTES * 3 / 4 && put_off > 100);
    // Nobody is told who types, but whoever comes is let in.
    world.send(alice, r#"{"type":"typing","room":"general"}"#);
    let carl = world.come("carl");
    world.join(carl);
    let most = world.settle();
    assert!(most < 2 * limits::ROUND_BYTES * 3, "{most} bytes in a turn");
    for member in [alice, bob] {
        let (words, rest) = world.words(member);
        assert_eq!(words, all_unpadded(&accepted));
        assert_eq!(rest.len(), 1, "only the join: {rest:?}");
    }
    let (words, _) = world.words(carl);
    assert!(all_unpadded(&accepted).ends_with(&words) && !words.is_empty());
    world.say(alice, "again");
    world.settle();
    for member in [alice, bob, carl] {
        assert_eq!(world.words(member).0, ["again"]);
    }
}

#[test]
fn a_room_that_is_overrun_lets_nobody_in_for_a_moment() {
    // Moves that are paid for one by one would go round before there are so many.
    let mut world = World::new(1_000_000);
    let (alice, mover) = (world.come("alice"), world.come("mover"));
    world.join(alice);
    world.settle();
    world.hear(alice);
    let mut moves = 0;
    let refusal = loop {
        world.join(mover);
        world.write();
        if let [refusal] = world.hear(mover).as_slice()
            && refusal["type"] == "error"
        {
            break refusal.clone();
        }
        world.send(mover, r#"{"type":"leave_room","content":"general"}"#);
        world.write();
        world.hear(mover);
        moves += 2;
        assert!(moves < 100_000);
    };
    assert!(is_put_off(&refusal), "{refusal}");
    world.say(alice, "am I heard?");
    world.write();
    assert!(is_put_off(&world.hear(alice)[0]));
    world.settle();
    let heard = world.hear(alice);
    assert_eq!(heard.len(), moves, "every coming and going is told");
    let bytes: usize = heard.iter().map(|event| event.to_string().len()).sum();
    assert!(bytes > limits::ROOM_BACKLOG_BYTES_MAX * 9 / 10);
    world.join(mover);
    world.say(alice, "now?");
    world.settle();
    let (words, rest) = world.words(mover);
    assert_eq!((words, rest.len()), (vec!["now?".to_owned()], 1));
}

#[test]
fn histories_are_spread_over_turns() {
    const JOINERS: usize = 100;
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let alice = world.come("alice");
    world.join(alice);
    let padding = "x".repeat(1_900);
    for number in 0..limits::HISTORY_MESSAGES {
        world.say(alice, &format!("{number}:{padding}"));
    }
    world.settle();
    let joiners: Vec<ConnId> = (0..JOINERS)
        .map(|number| world.come(&format!("joiner{number}")))
        .collect();
    // All of them join in the same turn, and say something behind it.
    for (number, joiner) in joiners.iter().enumerate() {
        world.join(*joiner);
        world.say(*joiner, &format!("hello {number}"));
    }
    let first = world.write();
    let most = world.settle().max(first);
    let bound = limits::DELIVERIES_PER_TURN * limits::DELIVERY_BYTES;
    // A piece that was begun is finished, and the rounds have a budget of their own.
    let bound = 2 * bound + limits::PIECE_BYTES + limits::ROUND_BYTES + 4_000;
    assert!(most <= bound, "{most} bytes in one turn");
    assert!(world.paused.is_empty(), "everybody is read from again");
    // What everybody heard is the end of what was said, in the same order.
    let (said, _) = world.words(alice);
    assert_eq!(said.len(), limits::HISTORY_MESSAGES + JOINERS);
    for (number, joiner) in joiners.iter().enumerate() {
        let (words, rest) = world.words(*joiner);
        assert_eq!(rest[0]["sender_id"], format!("joiner{number}"));
        assert!(said.ends_with(&words), "{words:?}");
        assert!(words.len() >= limits::HISTORY_MESSAGES);
    }
}

#[test]
fn a_stalled_member_changes_nothing_for_the_others() {
    let run = |is_stalled: bool| {
        let mut world = World::new(4);
        let people: Vec<ConnId> = (0..10).map(|at| world.come(&format!("p{at}"))).collect();
        for conn in &people {
            world.join(*conn);
        }
        world.settle();
        world.stalled.extend(is_stalled.then_some(people[3]));
        let mut history = Vec::new();
        for round in 0..300 {
            let text = format!("{round}:{}", "x".repeat(1_500));
            world.say(people[round % 3], &text);
            let mut turns = 0;
            while turns == 0 || world.rooms.next_due() == Some(0) {
                world.end_turn();
                turns += 1;
                let others = people.iter().filter(|conn| **conn != people[3]);
                let heard: Vec<Vec<Value>> = others.map(|conn| world.hear(*conn)).collect();
                history.push((turns, heard));
            }
        }
        let queued = world.out.queued(people[3]);
        assert_eq!(is_stalled, queued > limits::QUEUE_MAX_BYTES, "{queued}");
        (history, world.stats.room_deliveries)
    };
    // Turn by turn, everybody else hears the same.
    assert!(run(true) == run(false));
}

#[test]
fn who_waits_to_join_may_go_meanwhile() {
    let mut world = World::new(1);
    let people: Vec<ConnId> = (0..6).map(|at| world.come(&format!("p{at}"))).collect();
    for conn in &people {
        world.join(*conn);
    }
    assert_eq!(world.rooms.members(), 1);
    // The last one's slot is the one that is looked at last.
    let gone = people[5];
    world.go(gone);
    world.settle();
    assert_eq!(world.rooms.members(), 5);
    assert!(world.rooms.next_due() != Some(0));
}
