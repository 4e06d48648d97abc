//! Accounts, the pool and private rooms, with a store in memory and a clock of our own.

use passerby::app::Settings;
use passerby::kernel::ask::{Query, Refusal};
use passerby::kernel::stats::Refused;
use passerby::{defaults, limits};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::store::Store;
use crate::town::{Member, Mood, Town};

fn ids(heard: &[Value], kind: &str) -> Vec<String> {
    heard
        .iter()
        .filter(|event| event["type"] == kind)
        .map(|event| event["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn registering_and_logging_in_give_a_token_that_is_good() {
    let mut town = Town::new();
    let ann = town.register("Ann", "de");
    assert_eq!(town.get("/rooms/me", &ann.token), (200, json!([])));
    for identifier in ["ann", "ANN@example.org"] {
        let body = json!({ "identifier": identifier, "password": "correct horse" });
        let (status, body) = town.post("/auth/login", "", body);
        assert_eq!((status, &body["user"]["id"]), (200, &json!(ann.id)));
        assert_eq!(body["user"]["country"], "DE");
        assert_eq!(body["user"].get("password"), None);
    }
    let taken = json!({ "pseudo": "ANN", "email": "x@example.org", "country": "DE", "password": "12345678" });
    let expected = json!({ "error": "pseudo or email already taken" });
    assert_eq!(town.post("/auth/register", "", taken), (409, expected));
    let wrong = json!({ "error": "invalid credentials" });
    for identifier in ["ann", "nobody"] {
        let body = json!({ "identifier": identifier, "password": "wrong horse" });
        assert_eq!(town.post("/auth/login", "", body), (401, wrong.clone()));
    }
    let (status, body) = town.post("/auth/register", "", json!({ "pseudo": "x" }));
    assert_eq!(status, 400);
    assert!(body["error"].as_str().expect("text").starts_with("pseudo"));
    town.empty();
}

#[test]
fn what_is_somebody_s_needs_a_token() {
    let mut town = Town::new();
    let room = "00000000-0000-4000-8000-000000000000";
    for (method, path) in [
        ("POST", "/pool/join".to_owned()),
        ("POST", "/pool/leave".to_owned()),
        ("GET", "/rooms/me".to_owned()),
        ("GET", format!("/rooms/{room}")),
        ("DELETE", format!("/rooms/{room}")),
        ("GET", format!("/rooms/{room}/messages")),
        ("PATCH", format!("/rooms/{room}/name")),
        ("POST", format!("/messages/{room}/reactions")),
        ("DELETE", format!("/messages/{room}/reactions")),
    ] {
        let missing = json!({ "error": "missing authorization" });
        assert_eq!(town.request(method, &path, "", Value::Null), (401, missing));
        let invalid = json!({ "error": "invalid or expired token" });
        assert_eq!(
            town.request(method, &path, "x.y.z", Value::Null),
            (401, invalid)
        );
    }
    for path in ["/ws/notifications", &format!("/ws/{room}")] {
        let at = town.knock(path);
        assert_eq!(town.status(at), 401, "{path}");
        let at = town.knock(&format!("{path}?token=x"));
        assert_eq!(town.status(at), 401, "{path}");
    }
    let at = town.knock("/ws?token=x");
    assert_eq!(town.status(at), 401);
    town.empty();
}

#[test]
fn whoever_waits_is_told_of_the_match_and_nobody_waits_twice() {
    let mut town = Town::new();
    let ann = town.register("ann", "DE");
    let bob = town.register("bob", "DE");
    let notices = town.open("/ws/notifications", &ann);
    assert_eq!(
        town.hear(notices),
        [json!({ "type": "online_count", "count": 1 })]
    );
    let waiting = json!({ "message": "waiting for a match" });
    assert_eq!(
        town.post("/pool/join", &ann.token, json!({})),
        (202, waiting)
    );
    assert_eq!(town.post("/pool/join", &ann.token, json!({})).0, 409);
    let (status, body) = town.post("/pool/join", &bob.token, json!({ "same_country": true }));
    assert_eq!(status, 201);
    let told = json!({ "type": "matched", "room_id": body["room_id"] });
    assert_eq!(town.hear(notices), [told]);
    assert_eq!(town.post("/pool/leave", &ann.token, Value::Null).0, 404);
    for (who, side) in [(&ann, "a"), (&bob, "b")] {
        let (_, rooms) = town.get("/rooms/me", &who.token);
        assert_eq!(rooms.as_array().map(Vec::len), Some(1));
        assert_eq!(rooms[0]["id"], body["room_id"]);
        assert_eq!(rooms[0]["my_side"], side);
        assert_eq!(rooms[0]["unread"], 0);
    }
    town.empty();
}

#[test]
fn a_wait_ends_when_nobody_has_looked_for_thirty_seconds() {
    let mut town = Town::new();
    let ann = town.register("ann", "DE");
    town.post("/pool/join", &ann.token, Value::Null);
    town.pass(20_000);
    town.get("/rooms/me", &ann.token);
    town.pass(29_000);
    assert_eq!(town.server.app.accounts.waiting(), 1);
    town.pass(2_000);
    assert_eq!(town.server.app.accounts.waiting(), 0);
    town.post("/pool/join", &ann.token, Value::Null);
    assert_eq!(town.post("/pool/leave", &ann.token, Value::Null).0, 200);
    assert_eq!(town.post("/pool/leave", &ann.token, Value::Null).0, 404);
    town.empty();
}

#[test]
fn a_match_that_fails_puts_whoever_waited_back_in_front() {
    let mut town = Town::new();
    let ann = town.register("ann", "DE");
    let cid = town.register("cid", "IT");
    town.post("/pool/join", &ann.token, Value::Null);
    town.mood = Mood::Refusing(Refusal::StorageFull);
    let (status, body) = town.post("/pool/join", &cid.token, Value::Null);
    assert_eq!((status, body), (507, json!({ "error": "storage full" })));
    assert_eq!(town.server.app.accounts.waiting(), 1);
    town.mood = Mood::Prompt;
    assert_eq!(town.post("/pool/join", &cid.token, Value::Null).0, 201);
    town.empty();
}

#[test]
fn a_message_is_acknowledged_once_and_told_once_in_order() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let path = format!("/ws/{room}");
    let (mine, tab, theirs) = (
        town.open(&path, &ann),
        town.open(&path, &ann),
        town.open(&path, &bob),
    );
    for number in 0..5 {
        town.say(mine, json!({ "type": "message", "content": format!("{number}"), "cid": format!("c{number}") }));
    }
    let acks = town.hear(mine);
    let told = town.hear(theirs);
    assert_eq!(
        acks.iter()
            .map(|ack| ack["cid"].clone())
            .collect::<Vec<_>>(),
        ["c0", "c1", "c2", "c3", "c4"]
    );
    assert_eq!(ids(&acks, "message_ack"), ids(&told, "message"));
    assert_eq!(told[3]["content"], "3");
    assert_eq!(
        ids(&town.hear(tab), "message_sent"),
        ids(&acks, "message_ack")
    );
    // Sent again, it is the first again.
    town.say(
        mine,
        json!({ "type": "message", "content": "2", "cid": "c2" }),
    );
    assert_eq!(
        ids(&town.hear(mine), "message_ack"),
        [ids(&acks, "message_ack")[2].clone()]
    );
    assert!(town.hear(theirs).is_empty() && town.hear(tab).is_empty());
    // Something else under the same name is not lost without a word.
    town.say(
        mine,
        json!({ "type": "message", "content": "two", "cid": "c2" }),
    );
    let refused = town.hear(mine).remove(0);
    assert_eq!(
        (&refused["code"], &refused["field"], &refused["cid"]),
        (&json!("bad_field"), &json!("cid"), &json!("c2"))
    );
    assert!(town.hear(theirs).is_empty() && town.hear(tab).is_empty());
    let (_, page) = town.get(&format!("/rooms/{room}/messages?limit=2"), &bob.token);
    assert_eq!(
        (&page[0]["content"], &page[1]["content"]),
        (&json!("3"), &json!("4"))
    );
    town.empty();
}

#[test]
fn whoever_is_away_is_told_by_a_notification() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let notices = town.open("/ws/notifications", &bob);
    let own = town.open("/ws/notifications", &ann);
    let mine = town.open(&format!("/ws/{room}"), &ann);
    town.hear(notices);
    town.hear(own);
    town.say(mine, json!({ "type": "message", "content": "there?" }));
    let ack = town.hear(mine).remove(0);
    let expected =
        json!({ "type": "new_message", "room_id": room, "id": ann.id, "message_id": ack["id"] });
    assert_eq!(town.hear(notices), [expected]);
    let (_, rooms) = town.get("/rooms/me", &bob.token);
    assert_eq!(rooms[0]["unread"], 1);
    let theirs = town.open(&format!("/ws/{room}"), &bob);
    town.say(theirs, json!({ "type": "read", "id": ack["id"] }));
    assert_eq!(
        town.hear(mine),
        [json!({ "type": "read", "id": ack["id"] })]
    );
    let read = json!({ "type": "room_read", "room_id": room, "id": ack["id"] });
    assert_eq!(town.hear(notices), [read]);
    town.say(theirs, json!({ "type": "read", "id": ack["id"] }));
    assert!(town.hear(mine).is_empty() && town.hear(theirs).is_empty());
    town.say(theirs, json!({ "type": "typing" }));
    town.say(theirs, json!({ "type": "typing" }));
    assert_eq!(town.kinds(mine), ["typing"]);
    town.empty();
}

#[test]
fn a_room_that_is_closed_is_over_for_both() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let path = format!("/ws/{room}");
    let (mine, theirs) = (town.open(&path, &ann), town.open(&path, &bob));
    let notices = town.open("/ws/notifications", &bob);
    town.hear(notices);
    let rest = format!("/rooms/{room}");
    assert_eq!(
        town.request("DELETE", &rest, &ann.token, Value::Null).0,
        200
    );
    assert_eq!(town.hear(mine), [json!({ "close": 1000 })]);
    assert_eq!(town.hear(theirs), [json!({ "close": 1000 })]);
    assert_eq!(
        town.hear(notices),
        [json!({ "type": "room_closed", "room_id": room })]
    );
    for who in [&ann, &bob] {
        assert_eq!(town.get(&rest, &who.token).0, 410);
        assert_eq!(town.get(&format!("{rest}/messages"), &who.token).0, 410);
        assert_eq!(town.get("/rooms/me", &who.token).1, json!([]));
        let at = town.knock(&format!("{path}?token={}", who.token));
        assert_eq!(town.status(at), 410);
    }
    town.empty();
}

#[test]
fn nobody_else_has_anything_to_do_with_a_room() {
    let mut town = Town::new();
    let (ann, _, room) = town.pair();
    let eve = town.register("eve", "DE");
    let mine = town.open(&format!("/ws/{room}"), &ann);
    town.say(mine, json!({ "type": "message", "content": "secret" }));
    let message = town.hear(mine)[0]["id"].as_str().expect("an id").to_owned();
    for (method, path, body) in [
        ("GET", format!("/rooms/{room}"), Value::Null),
        ("GET", format!("/rooms/{room}/messages"), Value::Null),
        (
            "PATCH",
            format!("/rooms/{room}/name"),
            json!({ "name": "x" }),
        ),
        ("DELETE", format!("/rooms/{room}"), Value::Null),
        (
            "POST",
            format!("/messages/{message}/reactions"),
            json!({ "emoji": "x" }),
        ),
        (
            "DELETE",
            format!("/messages/{message}/reactions"),
            Value::Null,
        ),
        ("GET", "/rooms/nonsense".to_owned(), Value::Null),
    ] {
        let (status, _) = town.request(method, &path, &eve.token, body);
        assert_eq!(status, 404, "{method} {path}");
    }
    let at = town.knock(&format!("/ws/{room}?token={}", eve.token));
    assert_eq!(town.status(at), 404);
    town.empty();
}

#[test]
fn names_are_one_s_own_and_reactions_are_told() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let name = format!("/rooms/{room}/name");
    let (status, shown) = town.request("PATCH", &name, &bob.token, json!({ "name": " tea " }));
    assert_eq!((status, &shown["user_b_room_name"]), (200, &json!("tea")));
    let (_, shown) = town.get(&format!("/rooms/{room}"), &ann.token);
    assert_eq!(shown["user_b_room_name"], "Stranger");
    assert_eq!(
        town.request("PATCH", &name, &bob.token, json!({ "name": " " }))
            .0,
        400
    );
    let path = format!("/ws/{room}");
    let (mine, theirs) = (town.open(&path, &ann), town.open(&path, &bob));
    town.say(mine, json!({ "type": "message", "content": "hi" }));
    let id = town.hear(mine)[0]["id"].as_str().expect("an id").to_owned();
    town.hear(theirs);
    let reactions = format!("/messages/{id}/reactions");
    let done = json!({ "message": "reaction saved" });
    assert_eq!(
        town.post(&reactions, &bob.token, json!({ "emoji": "\u{1f44d}" })),
        (200, done)
    );
    let added = json!({ "type": "reaction", "message_id": id, "user_id": bob.id, "action": "add", "emoji": "\u{1f44d}" });
    assert_eq!(town.hear(mine), [added]);
    let (_, page) = town.get(&format!("/rooms/{room}/messages"), &ann.token);
    assert_eq!(
        page[0]["reactions"],
        json!([{ "user_id": bob.id, "emoji": "\u{1f44d}" }])
    );
    assert_eq!(
        town.request("DELETE", &reactions, &bob.token, Value::Null)
            .0,
        200
    );
    assert_eq!(town.hear(mine)[0]["action"], "remove");
    town.empty();
}

#[test]
fn a_room_ends_within_a_second_of_its_time() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let mine = town.open(&format!("/ws/{room}"), &ann);
    let away = defaults::PRIVATE_ROOM_MS - 3_000;
    town.now.unix_ms += away;
    town.now.micros += away * 1_000;
    // The connections would have been pinged; this one is new.
    town.leave(mine);
    let mine = town.open(&format!("/ws/{room}"), &ann);
    let notices = town.open("/ws/notifications", &bob);
    town.hear(notices);
    town.pass(2_900);
    assert!(town.hear(mine).is_empty());
    town.pass(1_000);
    assert_eq!(town.hear(mine), [json!({ "close": 1000 })]);
    assert_eq!(
        town.hear(notices),
        [json!({ "type": "room_closed", "room_id": room })]
    );
    assert_eq!(town.get(&format!("/rooms/{room}"), &ann.token).0, 410);
    let kept = town.store.rooms.values().next().expect("a room");
    assert!(kept.ended_ms.is_some() && kept.messages.is_empty());
    town.empty();
}

#[test]
fn a_room_ends_in_time_after_a_restart_and_when_the_clock_is_set() {
    let mut town = Town::new();
    let (_, bob, room) = town.pair();
    let start = town.now.unix_ms;
    let mut town = Town::with(town.store, start + defaults::PRIVATE_ROOM_MS - 10_000);
    let notices = town.open("/ws/notifications", &bob);
    town.hear(notices);
    town.pass(5_000);
    assert!(town.hear(notices).is_empty());
    // Somebody sets the clock.
    town.now.unix_ms += 3_600_000;
    town.pass(1_000);
    assert_eq!(
        town.hear(notices),
        [json!({ "type": "room_closed", "room_id": room })]
    );
    town.empty();
}

#[test]
fn a_silent_store_is_noticed_and_so_is_its_return() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let path = format!("/ws/{room}");
    let (mine, theirs) = (town.open(&path, &ann), town.open(&path, &bob));
    town.mood = Mood::Silent;
    town.say(
        mine,
        json!({ "type": "message", "content": "hello?", "cid": "1" }),
    );
    let at = town.ask("GET", "/rooms/me", &ann.token, "");
    assert_eq!(town.get("/readyz", "").0, 200);
    town.pass(limits::ASK_MS);
    assert_eq!(town.answer(at).map(|(status, _)| status), Some(503));
    let heard = town.hear(mine);
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (&heard[0]["code"], &heard[0]["cid"]),
        (&json!("unavailable"), &json!("1"))
    );
    assert_eq!(town.get("/readyz", "").0, 503);
    // Nothing waits any more: it is refused at once.
    assert_eq!(town.get("/rooms/me", &ann.token).0, 503);
    town.say(
        mine,
        json!({ "type": "message", "content": "again", "cid": "2" }),
    );
    assert_eq!(town.hear(mine)[0]["code"], "unavailable");
    town.pass(10_000);
    town.mood = Mood::Prompt;
    town.settle();
    // What was kept after all is told after all, once.
    assert_eq!(town.kinds(theirs), ["message"]);
    assert_eq!(town.kinds(mine), ["message_sent"]);
    town.pass(2_000);
    assert_eq!(town.get("/readyz", "").0, 200);
    town.say(
        mine,
        json!({ "type": "message", "content": "hello?", "cid": "1" }),
    );
    assert_eq!(town.kinds(mine), ["message_ack"]);
    assert!(town.hear(theirs).is_empty());
    town.empty();
}

#[test]
fn a_store_that_fails_loses_nothing_silently() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let path = format!("/ws/{room}");
    let (mine, theirs) = (town.open(&path, &ann), town.open(&path, &bob));
    town.mood = Mood::Refusing(Refusal::StorageFull);
    town.say(
        mine,
        json!({ "type": "message", "content": "a", "cid": "1" }),
    );
    assert_eq!(town.hear(mine)[0]["code"], "storage_full");
    let name = format!("/rooms/{room}/name");
    let (status, _) = town.request("PATCH", &name, &ann.token, json!({ "name": "tea" }));
    assert_eq!(status, 507);
    town.mood = Mood::Prompt;
    town.say(
        mine,
        json!({ "type": "message", "content": "a", "cid": "1" }),
    );
    assert_eq!(town.kinds(mine), ["message_ack"]);
    assert_eq!(town.kinds(theirs), ["message"]);
    town.empty();
}

#[test]
fn whoever_asks_too_much_has_to_wait_whatever_they_ask_and_from_where() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let rest = format!("/rooms/{room}");
    let mut asked = 2;
    while asked < 100 {
        assert_eq!(town.get("/rooms/me", &ann.token).0, 200);
        assert_eq!(town.get(&format!("{rest}/messages"), &ann.token).0, 200);
        asked += 2;
    }
    // Whoever joined the pool has made one request.
    assert_eq!(town.get(&rest, &ann.token).0, 200);
    for (method, target) in [
        ("GET", rest.clone()),
        ("GET", format!("{rest}/messages")),
        ("PATCH", format!("{rest}/name")),
        ("DELETE", rest.clone()),
        ("POST", "/pool/join".to_owned()),
        ("POST", format!("/messages/{room}/reactions")),
    ] {
        let (status, _) = town.request(method, &target, &ann.token, Value::Null);
        assert_eq!(status, 429, "{method} {target}");
    }
    let at = town.knock(&format!("/ws/{room}?token={}", ann.token));
    assert_eq!(town.status(at), 429);
    assert_eq!(town.get(&rest, &bob.token).0, 200, "others may");
    town.pass(100);
    assert_eq!(town.get(&rest, &ann.token).0, 200);
    assert_eq!(town.get(&rest, &ann.token).0, 200);
    assert_eq!(town.get(&rest, &ann.token).0, 429);
    town.empty();
}

#[test]
fn what_the_store_cannot_do_is_not_counted_as_people_s_fault() {
    let mut town = Town::new();
    let (ann, _, room) = town.pair();
    let mine = town.open(&format!("/ws/{room}"), &ann);
    for mood in [
        Mood::Refusing(Refusal::StorageFull),
        Mood::Refusing(Refusal::Unavailable),
    ] {
        town.mood = mood;
        for _ in 0..5 {
            town.say(mine, json!({ "type": "message", "content": "a" }));
        }
    }
    town.get("/rooms/me", &ann.token);
    assert_eq!(town.stats.refusals(Refused::Store), 11);
    assert_eq!(town.stats.refusals(Refused::CommandRate), 0);
    assert_eq!(town.stats.refusals(Refused::BadCommand), 0);
    town.empty();
}

#[test]
fn a_refusal_is_counted_once_whether_it_comes_at_once_or_later() {
    let mut town = Town::new();
    let (ann, _, room) = town.pair();
    let mut gone = 0;
    for whose in ["nonsense", "00000000-0000-4000-8000-000000000000"] {
        assert_eq!(town.get(&format!("/rooms/{whose}"), &ann.token).0, 404);
        let at = town.knock(&format!("/ws/{whose}?token={}", ann.token));
        assert_eq!(town.status(at), 404);
        gone += 2;
        assert_eq!(town.stats.refusals(Refused::NotFound), gone);
    }
    for (count, place) in [(1, "notifications"), (2, &*room)] {
        let target = format!("/ws/{place}?token={}", ann.token);
        let open: Vec<usize> = (0..limits::SOCKETS_PER_PERSON_MAX)
            .map(|_| town.knock(&target))
            .collect();
        assert!(open.iter().all(|at| town.status(*at) == 101));
        let at = town.knock(&target);
        assert_eq!(town.status(at), 429);
        assert_eq!(town.stats.refusals(Refused::PersonConnections), count);
    }
    for (cause, count) in [
        (Refused::AddressConnections, 0),
        (Refused::CommandRate, 0),
        (Refused::Token, 0),
    ] {
        assert_eq!(town.stats.refusals(cause), count, "{cause:?}");
    }
    town.get("/rooms/me", "x.y.z");
    assert_eq!(town.stats.refusals(Refused::Token), 1);
    town.empty();
}

#[test]
fn a_question_that_fails_is_nobody_else_s_trouble() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let mine = town.open(&format!("/ws/{room}"), &ann);
    town.mood = Mood::Refusing(Refusal::Failed);
    let command = json!({ "type": "message", "content": "a", "cid": "1" });
    town.say(mine, command.clone());
    let heard = town.hear(mine);
    assert_eq!(
        (&heard[0]["code"], &heard[0]["cid"]),
        (&json!("unavailable"), &json!("1"))
    );
    let rest = format!("/rooms/{room}");
    let (status, _) = town.request("DELETE", &rest, &ann.token, Value::Null);
    assert_eq!(status, 503);
    for target in ["/rooms/me", &rest] {
        assert_eq!(town.get(target, &bob.token).0, 200, "{target}");
    }
    let known = json!({ "identifier": "ann", "password": "correct horse" });
    assert_eq!(town.post("/auth/login", "", known).0, 200);
    assert_eq!(town.get("/readyz", "").0, 200);
    town.mood = Mood::Prompt;
    town.say(mine, command);
    assert_eq!(town.kinds(mine), ["message_ack"]);
    town.empty();
}

#[test]
fn what_was_said_in_a_room_that_ends_meanwhile_is_refused() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let path = format!("/ws/{room}");
    let (mine, theirs) = (town.open(&path, &ann), town.open(&path, &bob));
    town.mood = Mood::Silent;
    let rest = format!("/rooms/{room}");
    let at = town.ask("DELETE", &rest, &bob.token, "");
    town.say(
        mine,
        json!({ "type": "message", "content": "wait", "cid": "1" }),
    );
    town.mood = Mood::Prompt;
    town.settle();
    assert_eq!(town.answer(at).map(|(status, _)| status), Some(200));
    let heard = town.hear(mine);
    assert_eq!(
        (&heard[0]["code"], &heard[0]["cid"]),
        (&json!("room_ended"), &json!("1"))
    );
    assert_eq!(heard[1], json!({ "close": 1000 }));
    assert_eq!(town.hear(theirs), [json!({ "close": 1000 })]);
    town.empty();
}

#[test]
fn what_is_kept_after_a_room_has_ended_is_told_to_nobody() {
    let mut settings = Settings::default();
    settings.accounts.room_ms = 1_000;
    let mut town = Town::run(Store::default(), 1_761_129_000_000, settings);
    let (ann, bob, room) = town.pair();
    let mine = town.open(&format!("/ws/{room}"), &ann);
    let theirs = town.open(&format!("/ws/{room}"), &bob);
    let notices = town.open("/ws/notifications", &bob);
    town.say(mine, json!({ "type": "message", "content": "one" }));
    let id = town.hear(mine)[0]["id"].clone();
    town.hear(notices);
    town.mood = Mood::Silent;
    town.say(theirs, json!({ "type": "read", "id": id }));
    town.say(mine, json!({ "type": "message", "content": "two" }));
    town.pass(1_500);
    assert_eq!(town.hear(mine)[0]["code"], "room_ended");
    assert_eq!(town.kinds(notices), ["room_closed"]);
    town.mood = Mood::Prompt;
    town.settle();
    assert_eq!(town.store.kept.len(), 2);
    assert!(town.hear(notices).is_empty());
    town.empty();
}

#[test]
fn a_room_that_was_closed_behind_our_back_is_over_for_both_when_that_is_found() {
    for command in ["message", "read"] {
        let mut town = Town::new();
        let (ann, bob, room) = town.pair();
        let path = format!("/ws/{room}");
        let (mine, theirs) = (town.open(&path, &ann), town.open(&path, &bob));
        let notices = town.open("/ws/notifications", &bob);
        town.hear(notices);
        let now_ms = town.now.unix_ms;
        let kept = town.store.rooms.values_mut().next().expect("a room");
        kept.ended_ms = Some(now_ms);
        town.say(
            mine,
            json!({ "type": command, "content": "hi", "id": ann.id }),
        );
        let heard = town.hear(mine);
        assert_eq!(heard[0]["code"], "room_ended", "{command}");
        assert_eq!(heard[1..], [json!({ "close": 1000 })], "{command}");
        assert_eq!(town.hear(theirs), [json!({ "close": 1000 })], "{command}");
        let closed = json!({ "type": "room_closed", "room_id": room });
        assert_eq!(town.hear(notices), [closed], "{command}");
        town.empty();
    }
}

/// A town with two people in a room, somebody else who waits, and everything that a client may ask of it by a request: the
/// method, the target, who asks, and the body.
fn asking() -> (Town, Vec<(&'static str, String, Member, Value)>) {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let cid = town.register("cid", "IT");
    assert_eq!(town.post("/pool/join", &cid.token, Value::Null).0, 202);
    let mine = town.open(&format!("/ws/{room}"), &ann);
    town.say(mine, json!({ "type": "message", "content": "hi" }));
    let message = town.hear(mine)[0]["id"].as_str().expect("an id").to_owned();
    let nobody = Member {
        id: String::new(),
        token: String::new(),
    };
    let new = json!({ "pseudo": "dee", "email": "d@example.org", "country": "FR", "password": "12345678" });
    let known = json!({ "identifier": "ann", "password": "correct horse" });
    let reactions = format!("/messages/{message}/reactions");
    let rest = format!("/rooms/{room}");
    let questions = vec![
        ("POST", "/auth/register".to_owned(), nobody.clone(), new),
        ("POST", "/auth/login".to_owned(), nobody, known),
        ("POST", "/pool/join".to_owned(), bob.clone(), Value::Null),
        ("GET", "/rooms/me".to_owned(), ann.clone(), Value::Null),
        ("GET", rest.clone(), ann.clone(), Value::Null),
        ("GET", format!("{rest}/messages"), bob.clone(), Value::Null),
        (
            "PATCH",
            format!("{rest}/name"),
            ann.clone(),
            json!({ "name": "tea" }),
        ),
        (
            "POST",
            reactions.clone(),
            bob.clone(),
            json!({ "emoji": "x" }),
        ),
        ("DELETE", reactions, bob, Value::Null),
        ("DELETE", rest, ann, Value::Null),
    ];
    (town, questions)
}

#[test]
fn every_question_has_one_answer_however_the_store_fails_and_the_next_one_a_good_one() {
    let count = asking().1.len();
    for mood in [
        Mood::Silent,
        Mood::Failing(Refusal::Unavailable),
        Mood::Failing(Refusal::Failed),
        Mood::Failing(Refusal::Busy),
        Mood::Failing(Refusal::StorageFull),
    ] {
        for number in 0..count {
            let (mut town, mut questions) = asking();
            let (method, target, who, body) = questions.remove(number);
            let text = match &body {
                Value::Null => String::new(),
                body => body.to_string(),
            };
            town.mood = mood;
            let at = town.ask(method, &target, &who.token, &text);
            if mood == Mood::Silent {
                assert_eq!(town.answer(at), None, "{method} {target}");
                town.pass(limits::HASH_MS);
            }
            let (status, answer) = town.answer(at).expect("an answer");
            assert!(
                status == 503 || (status == 507 && mood != Mood::Silent),
                "{method} {target} {mood:?}: {status} {answer}"
            );
            town.mood = Mood::Prompt;
            town.settle();
            town.pass(2 * limits::STORE_RETRY_MS);
            let (status, answer) = town.request(method, &target, &who.token, body);
            // What seemed to fail may have been done.
            let has_been_done = mood == Mood::Silent && status == 410;
            assert!(
                (200..300).contains(&status) || has_been_done,
                "{method} {target} {mood:?}: {status} {answer}"
            );
            town.empty();
        }
    }
}

#[test]
fn a_match_that_was_given_up_and_succeeds_is_told_to_both() {
    let mut town = Town::new();
    let (ann, bob) = (town.register("ann", "DE"), town.register("bob", "DE"));
    let (mine, theirs) = (
        town.open("/ws/notifications", &ann),
        town.open("/ws/notifications", &bob),
    );
    town.post("/pool/join", &ann.token, Value::Null);
    town.hear(mine);
    town.hear(theirs);
    let at = town.ask_slowly("POST", "/pool/join", &bob.token);
    town.pass(limits::ASK_MS);
    assert_eq!(town.answer(at).map(|(status, _)| status), Some(503));
    assert_eq!(town.kinds(mine).len() + town.kinds(theirs).len(), 0);
    town.mood = Mood::Prompt;
    town.settle();
    let told = town.hear(mine);
    assert_eq!(told[0]["type"], "matched");
    assert_eq!(town.hear(theirs), told);
    town.empty();
}

#[test]
fn a_socket_rests_while_too_much_of_it_is_not_answered() {
    for does_answer in [true, false] {
        let mut town = Town::new();
        let (ann, _, room) = town.pair();
        let mine = town.open(&format!("/ws/{room}"), &ann);
        town.mood = Mood::Silent;
        let mut said = 0;
        while !town.server.is_paused(Town::id(mine)) {
            assert!(said < limits::ASKS_PER_SOCKET_MAX, "it never rests");
            town.say(mine, json!({ "type": "read", "id": room }));
            said += 1;
        }
        assert_eq!(said, limits::ASKS_PER_SOCKET_MAX);
        if does_answer {
            town.mood = Mood::Prompt;
            town.settle();
        } else {
            town.pass(limits::ASK_MS);
        }
        assert!(!town.server.is_paused(Town::id(mine)), "{does_answer}");
        let code = if does_answer {
            "not_found"
        } else {
            "unavailable"
        };
        let heard = town.hear(mine);
        assert_eq!(heard.len(), said);
        assert!(heard.iter().all(|event| event["code"] == code));
        town.empty();
    }
}

#[test]
fn a_socket_that_rests_ends_with_its_room() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let mine = town.open(&format!("/ws/{room}"), &ann);
    town.mood = Mood::Silent;
    let at = town.ask("DELETE", &format!("/rooms/{room}"), &bob.token, "");
    for _ in 0..limits::ASKS_PER_SOCKET_MAX {
        town.say(mine, json!({ "type": "read", "id": room }));
    }
    town.mood = Mood::Prompt;
    town.settle();
    assert_eq!(town.answer(at).map(|(status, _)| status), Some(200));
    assert_eq!(town.hear(mine), [json!({ "close": 1000 })]);
    town.empty();
}

#[test]
fn a_socket_that_is_opened_while_its_room_ends_is_told_so() {
    let mut town = Town::new();
    let (ann, bob, room) = town.pair();
    let target = format!("/ws/{room}?token={}", ann.token);
    town.mood = Mood::Silent;
    let first = town.knock(&target);
    let at = town.ask("DELETE", &format!("/rooms/{room}"), &bob.token, "");
    let second = town.knock(&target);
    let gone = town.knock(&target);
    town.leave(gone);
    town.mood = Mood::Prompt;
    town.settle();
    assert_eq!(town.answer(at).map(|(status, _)| status), Some(200));
    assert_eq!((town.status(first), town.status(second)), (101, 410));
    town.empty();
}

#[test]
fn a_socket_ends_with_its_token() {
    let mut town = Town::new();
    let (ann, _, _) = town.pair();
    let life = 72 * 3_600_000 - 20_000;
    town.now.unix_ms += life;
    town.now.micros += life * 1_000;
    let notices = town.open("/ws/notifications", &ann);
    town.hear(notices);
    town.pass(19_000);
    assert_eq!(town.hear(notices), [] as [Value; 0]);
    town.pass(2_000);
    assert_eq!(town.hear(notices), [json!({ "close": 4500 })]);
    let at = town.knock(&format!("/ws/notifications?token={}", ann.token));
    assert_eq!(town.status(at), 401);
    town.empty();
}

#[test]
fn strangers_talk_on_without_their_accounts_when_their_tokens_expire() {
    let mut town = Town::new();
    let (ann, bob) = (town.register("ann", "DE"), town.register("bob", "FR"));
    let life = 72 * 3_600_000 - 5_000;
    town.now.unix_ms += life;
    town.now.micros += life * 1_000;
    let (mine, theirs) = (town.open("/ws", &ann), town.open("/ws", &bob));
    for at in [mine, theirs] {
        town.say(at, json!({ "type": "findMatch" }));
    }
    town.say(mine, json!({ "type": "keepInTouch" }));
    town.hear(mine);
    town.hear(theirs);
    town.pass(6_000);
    town.say(theirs, json!({ "type": "keepInTouch" }));
    assert_eq!(town.hear(theirs)[0]["code"], "account_required");
    town.say(
        theirs,
        json!({ "type": "sendMessage", "text": "still here" }),
    );
    assert_eq!(town.hear(mine)[0]["text"], "still here");
    assert!(town.store.rooms.is_empty());
    town.empty();
}

#[test]
fn people_are_counted_and_told_at_most_every_five_seconds() {
    let mut town = Town::new();
    let ann = town.register("ann", "DE");
    let bob = town.register("bob", "DE");
    let first = town.open("/ws/notifications", &ann);
    let second = town.open("/ws/notifications", &ann);
    town.pass(6_000);
    town.hear(first);
    assert_eq!(
        town.hear(second),
        [json!({ "type": "online_count", "count": 1 })]
    );
    let other = town.open("/ws/notifications", &bob);
    assert_eq!(
        town.hear(other),
        [json!({ "type": "online_count", "count": 2 })]
    );
    town.pass(5_000);
    assert_eq!(
        town.hear(first),
        [json!({ "type": "online_count", "count": 2 })]
    );
    town.leave(other);
    town.leave(second);
    town.pass(5_000);
    assert_eq!(
        town.hear(first),
        [json!({ "type": "online_count", "count": 1 })]
    );
    assert!(town.hear(first).is_empty());
    town.empty();
}

#[test]
fn whoever_comes_between_two_counts_is_told_when_it_is_as_before() {
    let mut town = Town::new();
    let ann = town.register("ann", "DE");
    let bob = town.register("bob", "DE");
    let first = town.open("/ws/notifications", &ann);
    town.pass(1_000);
    let other = town.open("/ws/notifications", &bob);
    let told = json!({ "type": "online_count", "count": 2 });
    assert_eq!(town.hear(other), [told]);
    town.pass(1_000);
    town.leave(first);
    town.pass(limits::COUNT_MS);
    let told = json!({ "type": "online_count", "count": 1 });
    assert_eq!(town.hear(other), [told]);
    town.pass(2 * limits::COUNT_MS);
    assert!(town.hear(other).is_empty());
    town.empty();
}

#[test]
fn strangers_who_both_want_to_stay_in_touch_get_a_room() {
    let mut town = Town::new();
    let (ann, bob) = (town.register("ann", "DE"), town.register("bob", "FR"));
    let (mine, theirs) = (town.open("/ws", &ann), town.open("/ws", &bob));
    for at in [mine, theirs] {
        town.say(at, json!({ "type": "findMatch" }));
    }
    town.hear(mine);
    town.hear(theirs);
    town.say(theirs, json!({ "type": "keepInTouch" }));
    assert!(town.hear(mine).is_empty() && town.hear(theirs).is_empty());
    town.say(mine, json!({ "type": "keepInTouch" }));
    let told = town.hear(mine);
    assert_eq!(told, town.hear(theirs));
    assert_eq!(told[0]["type"], "roomCreated");
    let (_, rooms) = town.get("/rooms/me", &ann.token);
    assert_eq!(
        (&rooms[0]["id"], &rooms[0]["my_side"]),
        (&told[0]["roomId"], &json!("a"))
    );
    town.empty();
}

#[test]
fn whoever_has_too_many_rooms_gets_no_further_one_by_staying_in_touch() {
    let mut town = Town::new();
    let (ann, bob) = (town.register("ann", "DE"), town.register("bob", "FR"));
    for number in 0..limits::PRIVATE_ROOMS_PER_PERSON_MAX {
        town.pass(100);
        let joined = [&ann, &bob].map(|who| town.post("/pool/join", &who.token, Value::Null).0);
        assert_eq!(joined, [202, 201], "{number}");
    }
    assert_eq!(town.post("/pool/join", &bob.token, Value::Null).0, 409);
    let (mine, theirs) = (town.open("/ws", &ann), town.open("/ws", &bob));
    for at in [mine, theirs] {
        town.say(at, json!({ "type": "findMatch" }));
    }
    town.hear(mine);
    town.hear(theirs);
    for at in [mine, theirs] {
        town.say(at, json!({ "type": "keepInTouch" }));
    }
    for at in [mine, theirs] {
        let heard = town.hear(at);
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0]["code"], "unavailable");
    }
    let rooms = town.store.rooms.len() as u32;
    assert_eq!(rooms, limits::PRIVATE_ROOMS_PER_PERSON_MAX);
    town.empty();
}

#[test]
fn a_room_for_two_who_stay_in_touch_takes_one_question_and_may_be_given_up() {
    for is_in_time in [true, false] {
        let mut town = Town::new();
        let (ann, bob) = (town.register("ann", "DE"), town.register("bob", "FR"));
        let (mine, theirs) = (town.open("/ws", &ann), town.open("/ws", &bob));
        for at in [mine, theirs] {
            town.say(at, json!({ "type": "findMatch" }));
        }
        town.say(mine, json!({ "type": "keepInTouch" }));
        town.hear(mine);
        town.hear(theirs);
        town.mood = Mood::Silent;
        town.say(theirs, json!({ "type": "keepInTouch" }));
        if is_in_time {
            town.answer_one();
        } else {
            town.pass(limits::ASK_MS);
        }
        for at in [mine, theirs] {
            let heard = town.hear(at);
            assert_eq!(heard.len(), 1);
            if is_in_time {
                assert_eq!(heard[0]["type"], "roomCreated");
            } else {
                assert_eq!(heard[0]["code"], "unavailable");
            }
        }
        town.mood = Mood::Prompt;
        town.settle();
        assert_eq!(town.store.rooms.len(), 1);
        town.empty();
    }
}

/// Gives two people as many rooms as one person may have.
fn crowd(town: &mut Town, users: [&Member; 2]) {
    for number in 0..limits::PRIVATE_ROOMS_PER_PERSON_MAX {
        let made = town.store.answer(Query::Open {
            id: Uuid::from_u128(number.into()),
            users: users.map(|user| user.id.parse().expect("an id")),
            now_ms: town.now.unix_ms,
            expires_ms: town.now.unix_ms + 60_000,
        });
        assert!(made.is_ok());
    }
}

#[test]
fn whoever_has_too_many_rooms_by_now_is_not_matched() {
    // Whoever waits: is not there any more, and whoever comes is to try again.
    let mut town = Town::new();
    let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(|name| town.register(name, "FR"));
    town.post("/pool/join", &ann.token, Value::Null);
    crowd(&mut town, [&cleo, &ann]);
    assert_eq!(town.post("/pool/join", &bob.token, Value::Null).0, 503);
    assert_eq!(town.server.app.accounts.waiting(), 0);
    assert_eq!(town.post("/pool/join", &bob.token, Value::Null).0, 202);
    town.empty();
    // Whoever comes: the other goes on waiting.
    let mut town = Town::new();
    let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(|name| town.register(name, "FR"));
    town.post("/pool/join", &ann.token, Value::Null);
    let at = town.ask_slowly("POST", "/pool/join", &bob.token);
    crowd(&mut town, [&cleo, &bob]);
    town.mood = Mood::Prompt;
    town.settle();
    let (status, body) = town.answer(at).expect("an answer");
    assert_eq!((status, body), (409, json!({ "error": "too many rooms" })));
    assert_eq!(town.server.app.accounts.waiting(), 1);
    town.empty();
}
