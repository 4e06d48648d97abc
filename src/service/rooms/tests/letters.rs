//! Letters: what waits for people, and who is given it.

use super::*;

/// As much as a letter may hold, in characters that are escaped.
fn long(number: usize) -> String {
    format!("{number}:{}", "\u{1f600}".repeat(1_900))
}

/// Bob writes letters to Alice, who is away.
fn write_to_alice(world: &mut World, count: usize) -> ConnId {
    let bob = world.come("bob");
    for number in 0..count {
        world.whisper(bob, "alice", &long(number));
        world.write();
    }
    assert!(
        world
            .hear(bob)
            .iter()
            .all(|echo| echo["delivered"] == false)
    );
    bob
}

fn letters(world: &mut World, conn: ConnId) -> Vec<String> {
    let heard = world.hear(conn).into_iter();
    let letters = heard.filter(|event| event["type"] == "private");
    letters.map(|letter| content(&letter)).collect()
}

/// What the echo of Bob's last letter says.
fn is_delivered(world: &mut World, bob: ConnId) -> bool {
    world.write();
    let echo = world.hear(bob).pop().expect("an echo");
    echo["delivered"].as_bool().expect("an answer")
}

#[test]
fn a_slow_tab_keeps_no_letter_from_another_one() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let bob = write_to_alice(&mut world, 60);
    // The first socket takes some of them and no more.
    let slow = world
        .refusal("user_id=alice&username=alice")
        .expect("welcome");
    world.stalled.insert(slow);
    world.settle();
    let quick = world.tab(slow);
    world.settle();
    let given = letters(&mut world, quick);
    assert!(
        given.len() > 30 && given.last() == Some(&long(59)),
        "{}",
        given.len()
    );
    world.whisper(bob, "alice", "are you there?");
    assert!(is_delivered(&mut world, bob));
    world.settle();
    assert_eq!(letters(&mut world, quick), ["are you there?"]);
    // When it reads again it is given everything in order, what the other one has, too.
    world.wake(slow);
    world.settle();
    let expected: Vec<String> = (0..60).map(long).chain(["are you there?".into()]).collect();
    assert_eq!(letters(&mut world, slow), expected);
    assert!(world.rooms.people.person(0).letters.is_empty());
}

#[test]
fn when_the_slow_tab_goes_nothing_waits_any_more() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let bob = write_to_alice(&mut world, 60);
    let slow = world
        .refusal("user_id=alice&username=alice")
        .expect("welcome");
    world.stalled.insert(slow);
    world.settle();
    let quick = world.tab(slow);
    world.settle();
    world.hear(quick);
    world.whisper(bob, "alice", "one");
    assert!(is_delivered(&mut world, bob));
    world.go(slow);
    world.settle();
    world.whisper(bob, "alice", "two");
    assert!(is_delivered(&mut world, bob));
    world.settle();
    assert_eq!(letters(&mut world, quick), ["one", "two"]);
    // Nobody is given again what somebody has.
    world.go(quick);
    let next = world
        .refusal("user_id=alice&username=alice")
        .expect("welcome");
    world.settle();
    assert_eq!(letters(&mut world, next), [""; 0]);
}

#[test]
fn an_echo_says_whether_a_letter_has_reached_anybody() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let bob = write_to_alice(&mut world, 30);
    let alice = stalled_alice(&mut world);
    world.whisper(bob, "alice", "still waiting");
    assert!(!is_delivered(&mut world, bob), "it waits behind the others");
    world.wake(alice);
    world.settle();
    let heard = letters(&mut world, alice);
    assert_eq!(heard.len(), 31);
    assert_eq!(heard[30], "still waiting");
    world.whisper(bob, "alice", "now");
    assert!(is_delivered(&mut world, bob));
}

/// Somebody stops reading, and Bob writes until their lane is full; how many letters that took.
fn fill_lane(world: &mut World, bob: ConnId, alice: ConnId) -> usize {
    world.stalled.insert(alice);
    let mut number = 0;
    while !world.out.is_high(alice) {
        world.whisper(bob, "alice", &long(number));
        assert!(is_delivered(world, bob));
        number += 1;
    }
    number
}

#[test]
fn what_is_written_to_whoever_does_not_read_waits_and_is_not_delivered() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let (bob, alice) = (world.come("bob"), world.come("alice"));
    let given = fill_lane(&mut world, bob, alice);
    let queued = world.out.queued(alice);
    for number in given..given + 20 {
        world.whisper(bob, "alice", &long(number));
        assert!(!is_delivered(&mut world, bob));
    }
    world.end_turn();
    assert_eq!(world.out.queued(alice), queued);
    world.wake(alice);
    world.settle();
    let expected: Vec<String> = (0..given + 20).map(long).collect();
    assert_eq!(letters(&mut world, alice), expected);
    world.whisper(bob, "alice", "now");
    assert!(is_delivered(&mut world, bob));
    world.settle();
    assert_eq!(letters(&mut world, alice), ["now"]);
    assert!(world.paused.is_empty());
}

#[test]
fn whoever_reads_too_slowly_to_be_given_letters_is_not_read_from_without_end() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let (bob, alice) = (world.come("bob"), world.come("alice"));
    let given = fill_lane(&mut world, bob, alice);
    world.whisper(bob, "alice", "one");
    assert!(!is_delivered(&mut world, bob));
    // Not high any more, and not drained.
    let count = world.out.queued(alice) - 2 * limits::QUEUE_LOW_BYTES;
    let read = world.out.pending(alice)[..count].to_vec();
    world.out.wrote(alice, count);
    world.written.entry(alice).or_default().extend(read);
    world.whisper(alice, "bob", "two");
    world.write();
    assert!(world.paused.contains(&alice));
    world.stalled.remove(&alice);
    world.flush(alice);
    world.act(|rooms, turn| rooms.drained(alice, turn));
    world.settle();
    assert!(world.paused.is_empty());
    assert_eq!(letters(&mut world, bob), ["two"]);
    let heard = letters(&mut world, alice);
    assert_eq!(heard[given..], ["one", "two"], "the letter and the echo");
}

#[test]
fn a_letter_that_one_tab_was_given_waits_for_the_one_that_does_not_read() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let (bob, slow) = (world.come("bob"), world.come("alice"));
    let quick = world.tab(slow);
    world.settle();
    let given = fill_lane(&mut world, bob, slow);
    world.hear(quick);
    for words in ["one", "two"] {
        world.whisper(bob, "alice", words);
        assert!(is_delivered(&mut world, bob), "the other tab has it");
    }
    assert_eq!(letters(&mut world, quick), ["one", "two"]);
    world.wake(slow);
    world.settle();
    assert_eq!(letters(&mut world, slow)[given..], ["one", "two"]);
}

#[test]
fn what_waited_for_whoever_did_not_read_is_there_when_they_come_again() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let (bob, alice) = (world.come("bob"), world.come("alice"));
    fill_lane(&mut world, bob, alice);
    world.whisper(bob, "alice", "call me");
    assert!(!is_delivered(&mut world, bob));
    world.go(alice);
    let again = world
        .refusal("user_id=alice&username=alice")
        .expect("welcome");
    world.settle();
    assert_eq!(letters(&mut world, again), ["call me"]);
}

#[test]
fn whoever_would_miss_a_letter_is_given_up_and_finds_the_last_ones_next_time() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let bob = write_to_alice(&mut world, limits::LETTERS_MAX);
    let alice = world
        .refusal("user_id=alice&username=alice")
        .expect("welcome");
    world.stalled.insert(alice);
    world.settle();
    for number in 0..limits::LETTERS_MAX {
        world.whisper(bob, "alice", &format!("{number}"));
        world.write();
    }
    assert_eq!(world.dropped, [alice]);
    world.settle();
    let again = world
        .refusal("user_id=alice&username=alice")
        .expect("welcome");
    world.settle();
    let expected: Vec<String> = (0..limits::LETTERS_MAX)
        .map(|number| number.to_string())
        .collect();
    assert_eq!(letters(&mut world, again), expected);
}

/// Writes as many letters to people who have gone as one may get, and to more people than all letters have room for.
fn flood(world: &mut World, bob: ConnId) {
    let text = long(0);
    let readers = 2 * limits::LETTER_BYTES_MAX / (limits::LETTERS_MAX * text.len());
    for reader in 0..readers {
        let reader = format!("reader{reader}");
        let conn = world.come(&reader);
        world.go(conn);
        for _ in 0..limits::LETTERS_MAX {
            world.whisper(bob, &reader, &text);
            world.write();
            let echo = world.hear(bob).pop().expect("an echo");
            assert_eq!(echo["delivered"], false, "{echo}");
        }
    }
}

/// Alice comes, and takes nothing but what fills her lane.
fn stalled_alice(world: &mut World) -> ConnId {
    let alice = world
        .refusal("user_id=alice&username=alice")
        .expect("welcome");
    world.stalled.insert(alice);
    world.settle();
    alice
}

#[test]
fn a_flood_of_letters_takes_nothing_from_small_mailboxes() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let bob = write_to_alice(&mut world, 30);
    let carl = world.come("carl");
    world.go(carl);
    world.whisper(bob, "carl", "see you tomorrow");
    world.write();
    let alice = stalled_alice(&mut world);
    world.hear(bob);
    flood(&mut world, bob);
    // Whoever is behind is written to as before, and misses nothing.
    world.whisper(bob, "alice", "still waiting");
    assert!(!is_delivered(&mut world, bob));
    world.wake(alice);
    world.settle();
    let expected: Vec<String> = (0..30).map(long).chain(["still waiting".into()]).collect();
    assert_eq!(letters(&mut world, alice), expected);
    assert!(world.dropped.is_empty());
    let carl = world
        .refusal("user_id=carl&username=carl")
        .expect("welcome");
    world.settle();
    assert_eq!(letters(&mut world, carl), ["see you tomorrow"]);
}

#[test]
fn whoever_is_behind_with_most_is_given_up_when_others_need_the_room() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let bob = write_to_alice(&mut world, limits::LETTERS_MAX);
    let alice = stalled_alice(&mut world);
    flood(&mut world, bob);
    assert_eq!(world.dropped, [alice]);
    world.settle();
    let again = world
        .refusal("user_id=alice&username=alice")
        .expect("welcome");
    world.settle();
    let left = letters(&mut world, again);
    let expected: Vec<String> = (limits::LETTERS_MAX - left.len()..limits::LETTERS_MAX)
        .map(long)
        .collect();
    assert!(!left.is_empty() && left.len() < limits::LETTERS_MAX);
    assert_eq!(left, expected);
}

#[test]
fn whoever_is_away_may_write_to_somebody_new_in_a_full_table() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let anna = world.come("anna");
    let token = world.token(anna);
    world.go(anna);
    let bob = world.come("bob");
    for number in 0..limits::ABSENT_MAX + 5 {
        world.whisper(bob, &format!("nobody{number}"), "x");
        world.write();
        world.hear(bob);
    }
    let letter = |recipient: &str| json!({ "content": "x", "sender": "A", "sender_id": "anna", "recipient": recipient });
    for recipient in ["somebody new", "anna", "bob"] {
        let (status, answer) = world.post(&token, &letter(recipient));
        assert_eq!(
            (status, &answer["delivered"]),
            (200, &json!(recipient == "bob"))
        );
    }
    world.end_turn();
    // What was kept for her is not lost to those who were never here.
    let anna = world
        .refusal("user_id=anna&username=anna")
        .expect("welcome");
    world.settle();
    assert_eq!(letters(&mut world, anna), ["x"]);
}
