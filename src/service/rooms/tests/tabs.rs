//! Sockets that come to know what others know: joining, leaving, and several tabs of one person.

use super::*;

/// More in the log than any lane takes at once.
const MUCH: usize = 300;

/// Some people in one room, who have said much that has not gone round.
fn busy(world: &mut World, words: &[String]) -> Vec<ConnId> {
    let people: Vec<ConnId> = (0..5).map(|at| world.come(&format!("p{at}"))).collect();
    for conn in &people {
        world.join(*conn);
    }
    world.settle();
    for (number, words) in words.iter().enumerate() {
        world.say(people[number % 4], words);
    }
    world.write();
    people.iter().for_each(|conn| drop(world.hear(*conn)));
    people
}

#[test]
fn a_tab_hears_everything_once_however_much_has_yet_to_go_round() {
    let words = speech(MUCH, 1_900);
    let mut world = World::new(4);
    let people = busy(&mut world, &words);
    world.end_turn();
    let tab = world.tab(people[0]);
    world.join(tab);
    world.say(people[2], "last");
    world.settle();
    let words = [all_unpadded(&words), vec!["last".into()]].concat();
    assert_eq!(world.words(people[0]).0, words);
    let kept = MUCH - limits::HISTORY_MESSAGES;
    assert_eq!(world.words(tab).0, words[kept..]);
}

#[test]
fn a_tab_that_asks_late_is_sent_only_what_it_has_not_heard() {
    let words = speech(MUCH, 1_900);
    let mut world = World::new(4);
    let people = busy(&mut world, &words);
    world.end_turn();
    let tab = world.tab(people[0]);
    world.say(people[1], "meanwhile");
    world.settle();
    assert_eq!(world.words(tab).0, ["meanwhile"]);
    world.join(tab);
    world.say(people[1], "later");
    world.settle();
    let (mut heard, rest) = world.words(tab);
    heard.retain(|words| words != "later");
    assert_eq!(kinds(&rest), ["join"]);
    let words = all_unpadded(&words);
    // One has made room for what it has heard itself.
    let kept = MUCH - limits::HISTORY_MESSAGES + 1;
    assert_eq!(heard, words[kept..]);
    let all = [words, vec!["meanwhile".into(), "later".into()]].concat();
    assert_eq!(world.words(people[0]).0, all);
}

#[test]
fn whoever_leaves_a_busy_room_hears_their_own_words_first() {
    let words = speech(MUCH, 1_900);
    let mut world = World::new(4);
    let people = busy(&mut world, &words);
    let leaver = people[4];
    world.say(leaver, "mine");
    world.command(
        leaver,
        &json!({ "type": "leave_room", "content": "general" }),
    );
    world.say(people[0], "behind");
    let most = world.settle();
    assert!(most < limits::QUEUE_MAX_BYTES, "{most} bytes in one turn");
    let heard = world.hear(leaver);
    let (last, before) = heard.split_last().expect("a goodbye");
    assert_eq!(
        (&last["type"], &last["sender_id"]),
        (&json!("leave"), &json!("p4"))
    );
    let before: Vec<String> = before.iter().map(content).collect();
    assert!(before.starts_with(&words), "{} heard", before.len());
    assert!(before[MUCH..].iter().any(|words| words == "mine"));
    // It was paid for once, and is over.
    world.say(leaver, "am I there?");
    world.settle();
    assert_eq!(world.hear(leaver)[0]["code"], "not_member");
}

#[test]
fn leaving_many_busy_rooms_is_spread_over_turns() {
    const ROOMS: usize = 20;
    let mut world = World::new(8);
    let (mover, speaker) = (world.come("mover"), world.come("speaker"));
    let words = speech(40, 1_900);
    for room in 0..ROOMS {
        world.join_room(mover, &format!("room {room}"));
        world.join_room(speaker, &format!("room {room}"));
        world.settle();
    }
    for room in 0..ROOMS {
        for words in &words {
            world.say_in(speaker, &format!("room {room}"), words);
        }
    }
    world.write();
    world.hear(mover);
    let join = json!({ "type": "join_room", "content": "general", "exclusive": true });
    world.command(mover, &join);
    world.say(mover, "here I am");
    let mut most = 0;
    while world.rooms.next_due() == Some(0) {
        let before = world.written.get(&mover).map_or(0, Vec::len);
        world.end_turn();
        most = most.max(world.written.get(&mover).map_or(0, Vec::len) - before);
    }
    assert!(
        most < limits::QUEUE_MAX_BYTES / 2,
        "{most} bytes in one turn"
    );
    let heard = world.hear(mover);
    for room in 0..ROOMS {
        let room = json!(format!("room {room}"));
        let there: Vec<Value> = heard
            .iter()
            .filter(|event| event["room"] == room)
            .cloned()
            .collect();
        assert_eq!(there.len(), words.len() + 1);
        assert_eq!(there[words.len()]["type"], "leave");
    }
    assert_eq!(kinds(&heard[heard.len() - 2..]), ["join", "text"]);
    assert_eq!(world.rooms.members(), ROOMS + 1);
}

#[test]
fn a_history_comes_whole_and_in_order_with_what_is_said_meanwhile() {
    let mut world = World::new(16);
    let (alice, bob) = (world.come("alice"), world.come("bob"));
    world.join(alice);
    let mut said = speech(limits::HISTORY_MESSAGES, 1_900);
    for words in &said {
        world.say(alice, words);
        world.end_turn();
    }
    world.settle();
    world.join(bob);
    // An answer to what is sent behind joining comes behind the history.
    world.send(bob, r#"{"type":"nonsense"}"#);
    let mut turns = 0;
    while world.rooms.next_due() == Some(0) {
        if turns < 4 {
            let words = format!("meanwhile {turns}");
            world.say(alice, &words);
            said.push(words);
        }
        world.end_turn();
        turns += 1;
    }
    assert!(turns > 4, "in {turns} turns");
    world.say(alice, "afterwards");
    said.push("afterwards".into());
    world.settle();
    let heard = world.hear(bob);
    assert_eq!(heard[0]["type"], "join");
    let error = heard
        .iter()
        .position(|event| event["type"] == "error")
        .expect("an answer");
    assert!(error > limits::HISTORY_MESSAGES);
    let words = heard.iter().filter(|event| event["type"] == "text");
    let words: Vec<String> = words.map(|event| unpadded(&content(event))).collect();
    assert_eq!(words, all_unpadded(&said));
    assert!(world.paused.is_empty());
}

#[test]
fn whoever_reads_a_history_too_slowly_is_given_up() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let (alice, bob) = (world.come("alice"), world.come("bob"));
    world.join(alice);
    for words in speech(limits::HISTORY_MESSAGES, 1_900) {
        world.say(alice, &words);
    }
    world.settle();
    world.stalled.insert(bob);
    world.join(bob);
    world.settle();
    for number in 0..limits::HISTORY_MESSAGES {
        world.say(alice, &number.to_string());
    }
    world.settle();
    assert!(world.dropped.is_empty(), "nobody waits for bob");
    world.wake(bob);
    world.settle();
    assert_eq!(world.dropped, [bob]);
    let (words, _) = world.words(bob);
    assert!(words.len() > 10 && words.len() < limits::HISTORY_MESSAGES);
}

#[test]
fn a_tab_that_was_told_of_joining_is_not_told_again() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let (alice, bob) = (world.come("alice"), world.come("bob"));
    world.join(bob);
    world.say(bob, "before");
    let tab = world.tab(alice);
    world.settle();
    world.hear(tab);
    world.join(alice);
    world.say(bob, "after");
    world.settle();
    assert_eq!(kinds(&world.hear(tab)), ["join", "text"], "as it happens");
    world.join(tab);
    world.settle();
    let heard = world.hear(tab);
    assert_eq!(heard.iter().map(content).collect::<Vec<_>>(), ["before"]);
    world.join(tab);
    world.settle();
    assert!(world.hear(tab).is_empty());
    // A tab that was not there then is told once.
    let late = world.tab(alice);
    world.settle();
    world.hear(late);
    world.join(late);
    world.join(late);
    world.settle();
    assert_eq!(kinds(&world.hear(late)), ["join", "text", "text"]);
}

#[test]
fn a_tab_may_leave_the_room_whose_history_another_reads() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let (alice, bob) = (world.come("alice"), world.come("bob"));
    world.join(alice);
    for words in speech(limits::HISTORY_MESSAGES, 1_900) {
        world.say(alice, &words);
    }
    world.settle();
    let tab = world.tab(bob);
    world.settle();
    world.hear(tab);
    world.stalled.insert(bob);
    world.join(bob);
    world.send(bob, r#"{"type":"nonsense"}"#);
    world.settle();
    world.command(tab, &json!({ "type": "leave_room", "content": "general" }));
    world.settle();
    assert_eq!(world.rooms.members(), 1);
    world.wake(bob);
    world.settle();
    let heard = world.hear(bob);
    assert_eq!(kinds(&heard[heard.len() - 2..]), ["leave", "error"]);
    assert!(heard.len() < limits::HISTORY_MESSAGES);
    assert_eq!(kinds(&world.hear(tab)), ["join", "leave"]);
}

#[test]
fn a_tab_that_waited_to_catch_up_is_read_from_again() {
    let mut world = World::new(1);
    let (other, alice) = (world.come("other"), world.come("alice"));
    world.join(alice);
    world.settle();
    let tab = world.tab(alice);
    world.write();
    world.hear(tab);
    world.settle();
    // The allowance is spent, so the tab has to wait until it is told what it missed.
    world.join(other);
    world.join(tab);
    world.write();
    assert_eq!(world.paused, HashSet::from([tab]));
    world.settle();
    assert!(world.paused.is_empty());
    assert_eq!(world.hear(tab)[0]["type"], "join");
}

#[test]
fn a_tab_whose_history_is_of_no_use_any_more_is_read_from_again() {
    let mut world = World::new(1);
    let (alice, bob) = (world.come("alice"), world.come("bob"));
    world.join(alice);
    for words in speech(limits::HISTORY_MESSAGES, 1_900) {
        world.say(alice, &words);
        world.settle();
    }
    let tab = world.tab(bob);
    world.settle();
    world.stalled.insert(bob);
    world.join(bob);
    world.settle();
    assert_eq!(world.paused, HashSet::from([bob]));
    // The room is left elsewhere, while the history waits for a lane that is full.
    world.command(tab, &json!({ "type": "leave_room", "content": "general" }));
    world.settle();
    assert_eq!(world.rooms.members(), 1);
    world.wake(bob);
    world.settle();
    assert!(world.paused.is_empty());
}
