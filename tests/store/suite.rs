//! What every engine must do.

use passerby::kernel::ask::{Answer, KnownUser, Query, Refusal};
use passerby::kernel::record::{ListedRoom, Reaction, Room, Side};
use passerby::limits;

use super::desk::*;

/// Declares each test for each engine.
macro_rules! on_every_engine {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[test]
            fn $name() {
                let home = crate::sqlite::Home::new();
                super::$name(&mut crate::desk::Store::open(home.location()));
            })*
        }
        mod on_postgres {
            $(#[test]
            fn $name() {
                if let Some(location) = crate::postgres::location() {
                    super::$name(&mut crate::desk::Store::open(location));
                }
            })*
        }
    };
}

on_every_engine! {
    a_ping_is_answered
    an_account_is_found_by_pseudo_and_by_email
    pseudo_and_email_are_taken_once
    of_two_who_register_the_same_at_once_one_wins
    nobody_is_found_who_is_not_there
    a_room_is_known_to_its_members
    a_room_needs_two_accounts
    nobody_is_in_more_rooms_than_they_may_be
    rooms_are_listed_with_what_is_unread
    a_name_is_given_on_ones_own_side
    a_closed_room_is_over_and_its_messages_are_gone
    a_room_is_over_at_the_very_millisecond
    expired_rooms_are_reported_once_and_forgotten_later
    many_rooms_expire_a_part_at_a_time
    what_is_said_is_kept_in_order
    who_is_not_in_a_room_can_do_nothing_there
    a_message_that_is_sent_twice_is_kept_once
    a_name_that_is_used_again_for_something_else_is_refused
    pages_go_back_in_time
    a_page_has_no_more_than_fits_into_an_answer
    messages_are_marked_as_read_up_to_one
    unread_messages_are_counted_to_a_limit
    reactions_replace_each_other
    one_that_fails_takes_no_other_down
    a_batch_sees_what_it_has_written
    much_is_answered_in_few_transactions
    any_text_is_kept_as_it_is
    everything_is_there_after_a_restart
    what_waits_is_answered_before_the_end
}

fn a_ping_is_answered(store: &mut Store) {
    assert_eq!(store.ask(Query::Ping), Ok(Answer::Done));
}

fn credentials(key: &str) -> Query {
    Query::Credentials {
        key: key.to_owned(),
    }
}

fn an_account_is_found_by_pseudo_and_by_email(store: &mut Store) {
    settle_in(store);
    let ada = account(1, "Ada");
    let found = Ok(Answer::Credentials(Some((
        ada.clone(),
        "$argon2id$Ada".to_owned(),
    ))));
    assert_eq!(store.ask(credentials("ada")), found);
    assert_eq!(store.ask(credentials("ada@example.org")), found);
    let known = Query::User {
        id: id(1),
        now_ms: NOON + 1,
    };
    assert_eq!(
        store.ask(known),
        Ok(Answer::User(Some(KnownUser {
            user: ada,
            rooms: 1
        })))
    );
    let later = Query::User {
        id: id(1),
        now_ms: NOON + DAY,
    };
    assert!(matches!(
        store.ask(later),
        Ok(Answer::User(Some(KnownUser { rooms: 0, .. })))
    ));
}

fn pseudo_and_email_are_taken_once(store: &mut Store) {
    settle_in(store);
    let mut same_pseudo = account(4, "ADA");
    same_pseudo.email = "other@example.org".to_owned();
    assert_eq!(store.ask(register(same_pseudo)), Err(Refusal::Taken));
    let mut same_email = account(4, "Dora");
    same_email.email = "ADA@example.org".to_owned();
    assert_eq!(store.ask(register(same_email)), Err(Refusal::Taken));
    assert_eq!(
        store.ask(credentials("dora")),
        Ok(Answer::Credentials(None))
    );
}

fn of_two_who_register_the_same_at_once_one_wins(store: &mut Store) {
    let outcomes = store.ask_together(vec![
        register(account(1, "Ada")),
        register(account(2, "ada")),
        register(account(3, "Bob")),
    ]);
    assert_eq!(
        outcomes,
        [Ok(Answer::Done), Err(Refusal::Taken), Ok(Answer::Done)]
    );
}

fn nobody_is_found_who_is_not_there(store: &mut Store) {
    assert_eq!(
        store.ask(credentials("nobody")),
        Ok(Answer::Credentials(None))
    );
    assert_eq!(
        store.ask(Query::User {
            id: id(9),
            now_ms: NOON
        }),
        Ok(Answer::User(None))
    );
    assert_eq!(store.ask(rooms(9, NOON)), Ok(Answer::Rooms(Vec::new())));
    assert_eq!(store.ask(room(9, 9, NOON)), Err(Refusal::Missing));
    assert_eq!(
        store.ask(expire(NOON, 0)),
        Ok(Answer::Expired {
            rooms: Vec::new(),
            next_ms: None
        })
    );
}

fn a_room_is_known_to_its_members(store: &mut Store) {
    settle_in(store);
    let expected = Room {
        id: id(10),
        users: [id(1), id(2)],
        countries: ["FR".to_owned(), "FR".to_owned()],
        names: [None, None],
        created_ms: NOON,
        expires_ms: NOON + DAY,
    };
    for user in [1, 2] {
        assert_eq!(
            store.ask(room(10, user, NOON)),
            Ok(Answer::Room(expected.clone()))
        );
    }
    assert_eq!(store.ask(room(10, 3, NOON)), Err(Refusal::Missing));
    assert_eq!(store.ask(room(11, 1, NOON)), Err(Refusal::Missing));
}

fn a_room_needs_two_accounts(store: &mut Store) {
    settle_in(store);
    assert_eq!(store.ask(open(11, [1, 9], NOON)), Err(Refusal::Missing));
    assert_eq!(store.ask(open(11, [9, 1], NOON)), Err(Refusal::Missing));
    assert_eq!(store.ask(room(11, 1, NOON)), Err(Refusal::Missing));
}

fn nobody_is_in_more_rooms_than_they_may_be(store: &mut Store) {
    settle_in(store);
    let count = u128::from(limits::PRIVATE_ROOMS_PER_PERSON_MAX);
    let queries = (1..count).map(|number| open(1000 + number, [2, 1], NOON + 5));
    let outcomes = store.ask_together(queries.collect());
    assert!(outcomes.iter().all(Result::is_ok));
    let too_many = |side| Err(Refusal::TooManyRooms(side));
    let try_it = |store: &mut Store, users, now_ms| store.ask(open(2000, users, now_ms));
    assert_eq!(try_it(store, [1, 3], NOON + 6), too_many(Side::A));
    assert_eq!(try_it(store, [3, 1], NOON + 6), too_many(Side::B));
    assert_eq!(try_it(store, [2, 1], NOON + 6), too_many(Side::A));
    assert_eq!(store.ask(room(2000, 1, NOON + 6)), Err(Refusal::Missing));
    // One is over by then, and another is closed.
    a_room(try_it(store, [1, 3], NOON + DAY));
    let one_more = open(2001, [3, 1], NOON + DAY);
    assert_eq!(store.ask(one_more.clone()), too_many(Side::B));
    a_room(store.ask(close(1001, 1, NOON + DAY)));
    a_room(store.ask(one_more));
}

fn listed(store: &mut Store, user: u128, now_ms: u64) -> Vec<ListedRoom> {
    match store.ask(rooms(user, now_ms)) {
        Ok(Answer::Rooms(rooms)) => rooms,
        other => panic!("rooms were expected, and this came: {other:?}"),
    }
}

fn rooms_are_listed_with_what_is_unread(store: &mut Store) {
    settle_in(store);
    store.ask(open(11, [3, 1], NOON + 5)).expect("a room");
    for (message, user) in [(100, 1), (101, 2), (102, 2)] {
        assert_eq!(store.ask(say(message, 10, user, "x", None)), said(message));
    }
    let of_one: Vec<_> = listed(store, 1, NOON + 6)
        .into_iter()
        .map(|listed| (listed.room.id, listed.unread, listed.last_ms))
        .collect();
    assert_eq!(
        of_one,
        [(id(11), 0, None), (id(10), 2, Some(NOON + 102))],
        "the newest first"
    );
    assert_eq!(listed(store, 2, NOON + 6)[0].unread, 1);
    assert_eq!(listed(store, 1, NOON + DAY).len(), 1, "the other is over");
    store.ask(close(11, 1, NOON + 6)).expect("closed");
    assert!(listed(store, 3, NOON + 6).is_empty());
}

fn a_name_is_given_on_ones_own_side(store: &mut Store) {
    settle_in(store);
    let renamed = a_room(store.ask(rename(10, 2, "Train", NOON)));
    assert_eq!(renamed.names, [None, Some("Train".to_owned())]);
    a_room(store.ask(rename(10, 1, "Zug", NOON)));
    let renamed = a_room(store.ask(room(10, 1, NOON)));
    assert_eq!(
        renamed.names,
        [Some("Zug".to_owned()), Some("Train".to_owned())]
    );
}

fn a_closed_room_is_over_and_its_messages_are_gone(store: &mut Store) {
    settle_in(store);
    store.ask(rename(10, 1, "Zug", NOON)).expect("renamed");
    store.ask(say(100, 10, 1, "x", None)).expect("said");
    store.ask(react(100, 2, Some("+"))).expect("reacted");
    let closed = a_room(store.ask(close(10, 2, NOON + 5)));
    assert_eq!(closed.names[0].as_deref(), Some("Zug"), "as it was");
    for query in [
        room(10, 1, NOON + 6),
        close(10, 1, NOON + 6),
        rename(10, 1, "x", NOON + 6),
        say(101, 10, 1, "x", None),
        messages(10, 1),
        read(10, 2, 100),
    ] {
        assert_eq!(store.ask(query.clone()), Err(Refusal::Ended), "{query:?}");
    }
    assert_eq!(store.ask(room(10, 3, NOON + 6)), Err(Refusal::Missing));
    assert_eq!(store.ask(react(100, 2, None)), Err(Refusal::Missing));
    let nothing = Ok(Answer::Expired {
        rooms: Vec::new(),
        next_ms: None,
    });
    assert_eq!(store.ask(expire(NOON + 6, NOON + 5)), nothing);
    assert_eq!(store.ask(room(10, 1, NOON + 6)), Err(Refusal::Ended));
    assert_eq!(store.ask(expire(NOON + 6, NOON + 6)), nothing);
    assert_eq!(store.ask(room(10, 1, NOON + 6)), Err(Refusal::Missing));
}

fn a_room_is_over_at_the_very_millisecond(store: &mut Store) {
    settle_in(store);
    let last = NOON + DAY - 1;
    assert!(store.ask(room(10, 1, last)).is_ok());
    assert!(store.ask(say_at(100, 10, 1, "x", None, last)).is_ok());
    for query in [
        room(10, 1, last + 1),
        rename(10, 1, "x", last + 1),
        close(10, 1, last + 1),
        say_at(101, 10, 1, "x", None, last + 1),
        Query::React {
            message: id(100),
            user: id(2),
            emoji: None,
            now_ms: last + 1,
        },
    ] {
        assert_eq!(store.ask(query.clone()), Err(Refusal::Ended), "{query:?}");
    }
    let ended = |rooms| {
        Ok(Answer::Expired {
            rooms,
            next_ms: None,
        })
    };
    assert_eq!(
        store.ask(expire(last, 0)),
        Ok(Answer::Expired {
            rooms: Vec::new(),
            next_ms: Some(last + 1)
        })
    );
    assert_eq!(
        store.ask(expire(last + 1, 0)),
        ended(vec![(id(10), [id(1), id(2)])])
    );
    assert_eq!(store.ask(expire(last + 1, 0)), ended(Vec::new()));
}

fn expired_rooms_are_reported_once_and_forgotten_later(store: &mut Store) {
    settle_in(store);
    store.ask(open(11, [1, 3], NOON + 50)).expect("a room");
    store.ask(say(100, 10, 1, "x", None)).expect("said");
    let over = NOON + DAY;
    assert_eq!(
        store.ask(expire(over, over)),
        Ok(Answer::Expired {
            rooms: vec![(id(10), [id(1), id(2)])],
            next_ms: Some(over + 50)
        })
    );
    assert_eq!(store.ask(room(10, 1, over)), Err(Refusal::Ended));
    assert_eq!(store.ask(react(100, 1, None)), Err(Refusal::Missing));
    assert_eq!(
        store.ask(expire(over + 100, over + 1)),
        Ok(Answer::Expired {
            rooms: vec![(id(11), [id(1), id(3)])],
            next_ms: None
        })
    );
    assert_eq!(store.ask(room(10, 1, over)), Err(Refusal::Missing));
    assert_eq!(store.ask(room(11, 1, over + 50)), Err(Refusal::Ended));
}

fn many_rooms_expire_a_part_at_a_time(store: &mut Store) {
    settle_in(store);
    let count = limits::EXPIRIES_PER_ASK + 5;
    let pairs = [[1, 2], [2, 3], [3, 1]];
    let queries = (0..count)
        .map(|number| open(1000 + number as u128, pairs[number % 3], NOON))
        .collect();
    assert!(store.ask_together(queries).iter().all(Result::is_ok));
    let over = NOON + DAY;
    let mut ended = 0;
    let mut next = Some(over);
    while next == Some(over) {
        match store.ask(expire(over, 0)) {
            Ok(Answer::Expired { rooms, next_ms }) => {
                assert!(rooms.len() <= limits::EXPIRIES_PER_ASK);
                ended += rooms.len();
                next = next_ms;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((ended, next), (count + 1, None));
}

fn what_is_said_is_kept_in_order(store: &mut Store) {
    settle_in(store);
    let queries = (100..110)
        .map(|message| {
            say(
                message,
                10,
                1 + message % 2,
                &format!("number {message}"),
                None,
            )
        })
        .collect();
    for (message, outcome) in (100..).zip(store.ask_together(queries)) {
        assert_eq!(outcome, said(message));
    }
    let kept = some_messages(store.ask(messages(10, 2)));
    for (number, message) in (100_u128..).zip(&kept) {
        assert_eq!(message.id, id(number));
        assert_eq!(message.sender, id(1 + number % 2));
        assert_eq!(message.content, format!("number {number}"));
        assert_eq!(message.sent_ms, NOON + number as u64);
        assert!(!message.is_read && message.reactions.is_empty());
    }
    assert_eq!(kept.len(), 10);
}

fn who_is_not_in_a_room_can_do_nothing_there(store: &mut Store) {
    settle_in(store);
    store.ask(say(100, 10, 1, "x", None)).expect("said");
    for query in [
        room(10, 3, NOON),
        rename(10, 3, "x", NOON),
        close(10, 3, NOON),
        say(101, 10, 3, "x", None),
        messages(10, 3),
        read(10, 3, 100),
        react(100, 3, Some("+")),
    ] {
        assert_eq!(store.ask(query.clone()), Err(Refusal::Missing), "{query:?}");
    }
    assert_eq!(contents(store.ask(messages(10, 1))), ["x"]);
}

fn a_message_that_is_sent_twice_is_kept_once(store: &mut Store) {
    settle_in(store);
    store.ask(open(11, [1, 2], NOON)).expect("a room");
    assert_eq!(store.ask(say(100, 10, 1, "first", Some("a"))), said(100));
    let outcomes = store.ask_together(vec![
        say(101, 10, 1, "first", Some("a")),
        say(102, 10, 1, "second", Some("b")),
        say(103, 10, 1, "second", Some("b")),
        say(104, 10, 2, "of the partner", Some("a")),
        say(105, 11, 1, "elsewhere", Some("a")),
        say(106, 10, 1, "unnamed", None),
        say(107, 10, 1, "unnamed", None),
    ]);
    assert_eq!(
        outcomes,
        [
            said_before(100),
            said(102),
            said_before(102),
            said(104),
            said(105),
            said(106),
            said(107)
        ]
    );
    assert_eq!(
        contents(store.ask(messages(10, 1))),
        ["first", "second", "of the partner", "unnamed", "unnamed"]
    );
}

fn a_name_that_is_used_again_for_something_else_is_refused(store: &mut Store) {
    settle_in(store);
    assert_eq!(store.ask(say(100, 10, 1, "first", Some("a"))), said(100));
    let outcomes = store.ask_together(vec![
        say(101, 10, 1, "else", Some("a")),
        say(102, 10, 1, "second", Some("b")),
        say(103, 10, 1, "Second", Some("b")),
        say(104, 10, 1, "first", Some("a")),
        say(105, 10, 1, "else", Some("c")),
    ]);
    assert_eq!(
        outcomes,
        [
            Err(Refusal::Reused),
            said(102),
            Err(Refusal::Reused),
            said_before(100),
            said(105)
        ]
    );
    assert_eq!(
        contents(store.ask(messages(10, 1))),
        ["first", "second", "else"]
    );
}

fn pages_go_back_in_time(store: &mut Store) {
    settle_in(store);
    let queries = (100..110)
        .map(|message| say(message, 10, 1, &message.to_string(), None))
        .collect();
    store.ask_together(queries);
    let mut page_of = |before, limit| contents(store.ask(page(10, 2, before, limit)));
    assert_eq!(page_of(None, 3), ["107", "108", "109"]);
    assert_eq!(page_of(Some(107), 3), ["104", "105", "106"]);
    assert_eq!(page_of(Some(102), 3), ["100", "101"]);
    assert_eq!(page_of(Some(100), 3), [""; 0]);
    assert_eq!(page_of(Some(5000), 1), ["109"], "need not be there");
    assert_eq!(page_of(None, 0), [""; 0]);
}

fn a_page_has_no_more_than_fits_into_an_answer(store: &mut Store) {
    settle_in(store);
    // Ten bytes in four characters.
    let text = "a\u{e9}\u{20ac}\u{1f600}".repeat(500);
    let queries = (100..300)
        .map(|message| say(message, 10, 1, &text, None))
        .collect();
    store.ask_together(queries);
    for (message, user) in [(299, 2), (299, 1), (298, 1), (297, 2)] {
        store.ask(react(message, user, Some("+"))).expect("reacted");
    }
    let mut before = None;
    let mut found = 300;
    while found > 100 {
        let page = some_messages(store.ask(page(10, 2, before, 200)));
        let fit = limits::LISTING_BYTES_MAX.div_ceil(text.len());
        assert_eq!(page.len(), fit.min(found as usize - 100));
        for message in page.iter().rev() {
            found -= 1;
            assert_eq!(message.id, id(found), "none is left out");
            let by: Vec<_> = message.reactions.iter().map(|put| put.user).collect();
            let expected = match found {
                299 => vec![id(1), id(2)],
                298 => vec![id(1)],
                297 => vec![id(2)],
                _ => vec![],
            };
            assert_eq!(by, expected);
        }
        before = Some(found);
    }
}

fn messages_are_marked_as_read_up_to_one(store: &mut Store) {
    settle_in(store);
    for (message, user) in [(100, 1), (101, 2), (102, 1), (103, 1)] {
        store.ask(say(message, 10, user, "x", None)).expect("said");
    }
    store.ask(open(11, [1, 2], NOON)).expect("a room");
    let changed = |has_changed| Ok(Answer::Read { has_changed });
    assert_eq!(store.ask(read(10, 2, 999)), Err(Refusal::Missing));
    assert_eq!(store.ask(read(11, 2, 100)), Err(Refusal::Missing));
    assert_eq!(store.ask(read(10, 2, 102)), changed(true));
    assert_eq!(store.ask(read(10, 2, 102)), changed(false));
    assert_eq!(store.ask(read(10, 2, 100)), changed(false));
    assert_eq!(
        store.ask(read(10, 1, 100)),
        changed(false),
        "nothing before"
    );
    let is_read: Vec<bool> = some_messages(store.ask(messages(10, 1)))
        .iter()
        .map(|message| message.is_read)
        .collect();
    assert_eq!(is_read, [true, false, true, false]);
    assert_eq!(listed(store, 2, NOON + 1)[1].unread, 1);
}

fn unread_messages_are_counted_to_a_limit(store: &mut Store) {
    settle_in(store);
    let count = u128::from(limits::UNREAD_MAX) + 3;
    let queries = (100..100 + count)
        .map(|message| say(message, 10, 1, "x", None))
        .collect();
    store.ask_together(queries);
    assert_eq!(listed(store, 2, NOON + 1)[0].unread, limits::UNREAD_MAX);
    assert_eq!(listed(store, 1, NOON + 1)[0].unread, 0);
    store.ask(read(10, 2, 104)).expect("read");
    assert_eq!(listed(store, 2, NOON + 1)[0].unread, limits::UNREAD_MAX - 2);
}

fn reactions_replace_each_other(store: &mut Store) {
    settle_in(store);
    store.ask(say(100, 10, 1, "x", None)).expect("said");
    let reacted = |has_changed| {
        Ok(Answer::Reacted {
            room: id(10),
            has_changed,
        })
    };
    assert_eq!(store.ask(react(100, 2, None)), reacted(false));
    assert_eq!(store.ask(react(100, 2, Some("\u{1f44d}"))), reacted(true));
    assert_eq!(store.ask(react(100, 2, Some("\u{1f44d}"))), reacted(false));
    assert_eq!(store.ask(react(100, 2, Some("\u{2764}"))), reacted(true));
    assert_eq!(store.ask(react(100, 1, Some("!"))), reacted(true));
    let reactions = |store: &mut Store| {
        some_messages(store.ask(messages(10, 1)))[0]
            .reactions
            .clone()
    };
    let of = |user, emoji: &str| Reaction {
        user: id(user),
        emoji: emoji.to_owned(),
    };
    assert_eq!(reactions(store), [of(1, "!"), of(2, "\u{2764}")]);
    assert_eq!(store.ask(react(100, 1, None)), reacted(true));
    assert_eq!(reactions(store), [of(2, "\u{2764}")]);
    assert_eq!(store.ask(react(999, 1, None)), Err(Refusal::Missing));
}

fn one_that_fails_takes_no_other_down(store: &mut Store) {
    settle_in(store);
    store.ask(open(11, [1, 2], NOON)).expect("a room");
    store.ask(say(100, 11, 1, "x", None)).expect("said");
    // No id is ever used twice; the database says so.
    let outcomes = store.ask_together(vec![
        say(101, 10, 1, "one", None),
        say(102, 10, 3, "of a stranger", None),
        say(100, 10, 1, "with a used id", None),
        messages(10, 1),
        say(103, 10, 2, "two", None),
        open(11, [1, 2], NOON),
        rename(10, 1, "Zug", NOON),
    ]);
    assert_eq!(outcomes[0], said(101));
    assert_eq!(outcomes[1], Err(Refusal::Missing));
    assert_eq!(outcomes[2], Err(Refusal::Failed));
    assert_eq!(contents(outcomes[3].clone()), ["one"]);
    assert_eq!(outcomes[4], said(103));
    assert_eq!(outcomes[5], Err(Refusal::Failed));
    assert!(outcomes[6].is_ok());
    assert_eq!(contents(store.ask(messages(10, 1))), ["one", "two"]);
}

fn a_batch_sees_what_it_has_written(store: &mut Store) {
    let outcomes = store.ask_together(vec![
        register(account(1, "Ada")),
        register(account(2, "Bob")),
        open(10, [1, 2], NOON),
        say(100, 10, 1, "one", None),
        messages(10, 2),
        say(101, 10, 2, "two", None),
        read(10, 1, 101),
        messages(10, 1),
        close(10, 1, NOON + 1),
        say(102, 10, 2, "three", None),
    ]);
    assert_eq!(contents(outcomes[4].clone()), ["one"]);
    assert_eq!(outcomes[6], Ok(Answer::Read { has_changed: true }));
    assert_eq!(contents(outcomes[7].clone()), ["one", "two"]);
    assert_eq!(outcomes[9], Err(Refusal::Ended));
}

fn much_is_answered_in_few_transactions(store: &mut Store) {
    settle_in(store);
    store.batches.clear();
    let count = limits::STORE_BATCH_MAX + 10;
    let queries = (0..count as u128)
        .map(|number| say(100 + number, 10, 1, "x", None))
        .collect();
    assert!(store.ask_together(queries).iter().all(Result::is_ok));
    assert_eq!(store.batches, [1, limits::STORE_BATCH_MAX, 10]);
}

fn any_text_is_kept_as_it_is(store: &mut Store) {
    settle_in(store);
    let texts = [
        "'; DROP TABLE messages; --",
        "\" \\ % _ $1 ?1 :x {} [] NULL null",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{202e}\u{feff}\u{fffe}\u{10ffff}",
        "\r\n\t\u{1}\u{7f}",
        " ",
        "",
    ];
    for (message, text) in (100..).zip(texts) {
        assert_eq!(
            store.ask(say(message, 10, 1, text, Some(text))),
            said(message)
        );
        assert_eq!(
            store.ask(say(message + 500, 10, 1, text, Some(text))),
            said_before(message)
        );
        let named = a_room(store.ask(rename(10, 1, text, NOON)));
        assert_eq!(named.names[0].as_deref(), Some(text));
    }
    assert_eq!(contents(store.ask(messages(10, 2))), texts);
    // The one character that PostgreSQL has not.
    store
        .ask(say(200, 10, 1, "a\0b", Some("c\0d")))
        .expect("said");
    assert_eq!(
        store.ask(say(201, 10, 1, "a\0b", Some("c\0d"))),
        said_before(200)
    );
    let kept = some_messages(store.ask(messages(10, 2)));
    assert_eq!(kept.last().expect("one").content, "a\u{fffd}b");
    for name in ["'; --", "a\0b"] {
        let mut user = account(50 + name.len() as u128, name);
        user.email = format!("{name}@x");
        assert_eq!(store.ask(register(user)), Ok(Answer::Done));
        assert!(matches!(
            store.ask(credentials(name)),
            Ok(Answer::Credentials(Some(_)))
        ));
    }
}

fn everything_is_there_after_a_restart(store: &mut Store) {
    settle_in(store);
    store.ask(say(100, 10, 1, "x", Some("a"))).expect("said");
    store.ask(react(100, 2, Some("+"))).expect("reacted");
    store.ask(read(10, 2, 100)).expect("read");
    store.ask(rename(10, 2, "Zug", NOON)).expect("renamed");
    let asked = [
        rooms(1, NOON + 1),
        room(10, 2, NOON + 1),
        messages(10, 1),
        credentials("bob"),
        say(101, 10, 1, "x", Some("a")),
    ];
    let before: Vec<_> = asked
        .iter()
        .cloned()
        .map(|query| store.ask(query))
        .collect();
    store.restart();
    let after: Vec<_> = asked
        .iter()
        .cloned()
        .map(|query| store.ask(query))
        .collect();
    assert_eq!(before, after);
}

fn what_waits_is_answered_before_the_end(store: &mut Store) {
    settle_in(store);
    for message in 100..150 {
        store.put(say(message, 10, 1, "x", None));
    }
    assert!(store.close());
    for message in 100..150 {
        assert_eq!(store.hear().1, said(message));
    }
}
