//! What one person, one address and one room may take from the others.

use super::*;

#[test]
fn whoever_keeps_most_makes_room_for_whoever_speaks() {
    const BYTES: usize = 100_000;
    let mut world = World::with(Settings {
        history_bytes_max: BYTES,
        ..unlimited(limits::DELIVERIES_PER_TURN)
    });
    let speaker = world.come("speaker");
    for room in ["hoard", "small"] {
        world.join_room(speaker, room);
    }
    let kept = |world: &World, room: &str| {
        let room = world.rooms.rooms.find(room).expect("a room");
        world.rooms.rooms.room(room).history.len()
    };
    for words in speech(60, 1_500) {
        world.say_in(speaker, "hoard", &words);
        world.end_turn();
    }
    let hoarded = kept(&world, "hoard");
    for words in speech(20, 1_000) {
        world.say_in(speaker, "small", &words);
        world.end_turn();
    }
    assert_eq!(kept(&world, "small"), 20);
    assert!(kept(&world, "hoard") < hoarded);
    // However many rooms keep little each, all together keep no more.
    for room in 0..200 {
        let room = format!("room {room}");
        world.command(
            speaker,
            &json!({ "type": "join_room", "content": room, "exclusive": true }),
        );
        world.settle();
        world.say_in(speaker, &room, &"x".repeat(1_900));
        world.end_turn();
        assert!(world.rooms.histories.total() <= BYTES);
    }
    assert_eq!(kept(&world, "room 199"), 1);
}

#[test]
fn a_message_may_leave_the_history_before_it_has_gone_round() {
    let mut world = World::with(Settings {
        history_bytes_max: 1,
        ..unlimited(1)
    });
    let people: Vec<ConnId> = (0..4).map(|at| world.come(&format!("p{at}"))).collect();
    for conn in &people {
        world.join(*conn);
    }
    world.settle();
    people.iter().for_each(|conn| drop(world.hear(*conn)));
    for words in ["one", "two"] {
        world.say(people[0], words);
    }
    world.settle();
    for conn in people {
        assert_eq!(world.words(conn).0, ["one", "two"]);
    }
    assert_eq!(world.rooms.histories.total(), 0);
}

/// Fills the table with rooms, in each of which somebody is.
fn fill(world: &mut World) {
    for number in 0.. {
        let conn = world.come(&format!("p{number}"));
        for room in 0..limits::ROOMS_PER_PERSON_MAX {
            if world.rooms.rooms() == limits::ROOMS_MAX {
                return;
            }
            world.join_room(conn, &format!("{number}.{room}"));
            world.write();
            world.act(Rooms::elapsed);
            world.write();
        }
        world.hear(conn);
    }
}

fn create(world: &mut World, name: &str) -> (u16, Value) {
    let body = json!({ "name": name }).to_string();
    let answer = world.ask("/", "", &body, Rooms::create_room);
    shown(&answer.unwrap_or_else(|(refusal, _)| refusal))
}

#[test]
fn in_a_full_table_the_room_goes_that_was_empty_for_longest() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let (_, first) = create(&mut world, "first");
    let first = first["room"]["id"].as_str().expect("an id").to_owned();
    let (_, second) = create(&mut world, "second");
    let second = second["room"]["id"].as_str().expect("an id").to_owned();
    // Somebody was in the first one, so it is empty for a shorter time.
    let guest = world.come("guest");
    world.join_room(guest, &first);
    world.end_turn();
    world.command(guest, &json!({ "type": "leave_room", "content": first }));
    world.settle();
    fill(&mut world);
    assert_eq!(world.rooms.rooms(), limits::ROOMS_MAX);
    for (gone, stays) in [(&second, &first), (&first, &"general".to_owned())] {
        assert_eq!(create(&mut world, "another").0, 201);
        assert!(world.rooms.rooms.find(gone).is_none());
        assert!(world.rooms.rooms.find(stays).is_some());
        assert_eq!(world.rooms.rooms(), limits::ROOMS_MAX);
    }
    world.settle();
}

#[test]
fn a_table_full_of_people_takes_no_more_rooms() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    fill(&mut world);
    world.settle();
    let (status, body) = create(&mut world, "one more");
    assert_eq!(status, 503, "{body}");
    let guest = world.come("guest");
    world.join_room(guest, "by joining");
    world.write();
    assert_eq!(world.hear(guest)[0]["code"], "too_many_rooms");
    let last = world.open[world.open.len() - 2];
    world.go(last);
    assert_eq!(create(&mut world, "now").0, 201);
    world.settle();
}

#[test]
fn one_address_makes_so_many_rooms() {
    let mut world = World::with(Settings {
        room_rate: Rate::new(1.0, 3),
        ..unlimited(limits::DELIVERIES_PER_TURN)
    });
    let statuses: Vec<u16> = (0..4)
        .map(|at| create(&mut world, &at.to_string()).0)
        .collect();
    assert_eq!(statuses, [201, 201, 201, 429]);
    // Whoever makes one by joining comes from an address, too.
    let guest = world.come("guest");
    world.join_room(guest, "mine");
    world.write();
    assert_eq!(world.hear(guest)[0]["code"], "rate_limited");
    world.now.micros += 1_000_000;
    world.join_room(guest, "mine");
    world.settle();
    assert_eq!(world.hear(guest)[0]["type"], "join");
}

#[test]
fn a_room_goes_after_an_hour_without_people() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let guest = world.come("guest");
    world.join_room(guest, "tea");
    world.say_in(guest, "tea", "hello");
    world.settle();
    world.now.micros += 10 * limits::ROOM_EMPTY_MS * 1_000;
    world.end_turn();
    assert_eq!(world.rooms.rooms(), 2, "somebody is there");
    world.go(guest);
    world.end_turn();
    world.now.micros += limits::ROOM_EMPTY_MS * 1_000 - 10_000;
    world.end_turn();
    assert_eq!(world.rooms.rooms(), 2);
    world.now.micros += 20_000;
    assert!(
        world
            .rooms
            .next_due()
            .is_some_and(|due_us| due_us <= world.now.micros)
    );
    world.end_turn();
    assert_eq!(world.rooms.rooms(), 1);
    assert_eq!(world.rooms.histories.total(), 0);
}

#[test]
fn a_person_has_so_many_sockets() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let first = world.come("alice");
    for _ in 1..limits::SOCKETS_PER_PERSON_MAX {
        world.tab(first);
    }
    let query = world.again_query(first);
    assert_eq!(world.refusal(&query), Err(EntryError::TooMany));
    world.go(first);
    assert!(world.refusal(&query).is_ok());
    world.settle();
}

#[test]
fn beginning_and_stopping_to_type_is_told_at_once_unless_the_room_is_busy() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let (alice, bob) = (world.come("alice"), world.come("bob"));
    world.join(alice);
    world.join(bob);
    world.settle();
    world.hear(bob);
    let typing = |active: bool| json!({ "type": "typing", "room": "general", "active": active });
    for active in [true, true, false, false, true] {
        world.command(alice, &typing(active));
    }
    world.command(alice, &json!({ "type": "typing", "recipient": "bob" }));
    world.settle();
    let told = world.hear(bob);
    let states = told.iter().map(|notice| notice["active"] == true);
    // What goes round comes behind what is said to one person.
    assert_eq!(states.collect::<Vec<_>>(), [true, true, false, true]);
    // A tenth of what stops people from speaking is too much for this.
    world.now.micros += 10_000_000;
    for words in speech(10, 1_900) {
        world.say(bob, &words);
    }
    world.command(alice, &typing(true));
    world.settle();
    let (words, rest) = world.words(bob);
    assert_eq!((words.len(), rest.len()), (10, 0));
}

#[test]
fn an_id_that_is_away_is_whoever_comes_next() {
    let mut world = World::new(limits::DELIVERIES_PER_TURN);
    let bob = world.come("bob");
    let anna = world.come("anna");
    let token = world.token(anna);
    world.go(anna);
    world.whisper(bob, "anna", "for whoever is anna");
    world.settle();
    let other = world
        .refusal("user_id=anna&username=Other")
        .expect("welcome");
    world.settle();
    assert_ne!(world.token(other), token);
    let heard = world.hear(other);
    assert_eq!(
        content(heard.last().expect("a letter")),
        "for whoever is anna"
    );
    // The token of before proves nothing any more.
    let query = format!("user_id=anna&username=anna&session={token}");
    assert_eq!(world.refusal(&query), Err(EntryError::Taken));
    let posting = json!({ "content": "x", "sender": "A", "sender_id": "anna", "recipient": "bob" });
    assert_eq!(world.post(&token, &posting).0, 401);
    // But whoever brings it while nobody is there has it back.
    world.go(other);
    let token = world.token_of_absent("anna");
    let back = world
        .refusal(&format!("user_id=anna&username=anna&session={token}"))
        .expect("welcome");
    assert_eq!(world.token(back), token);
}

impl World {
    fn token_of_absent(&self, id: &str) -> String {
        let person = self.rooms.people.find(id).expect("known");
        let token = self.rooms.people.person(person).token.expect("a token");
        uuid::Uuid::from_bytes(token).simple().to_string()
    }
}
