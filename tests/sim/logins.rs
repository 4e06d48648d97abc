//! Logins, many at once: who is let in, who has to wait, and what is counted.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use passerby::limits;
use serde_json::json;

use crate::town::{Mood, Town};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 0);

/// So many addresses, or the same one as often.
fn addresses(count: usize, is_one: bool) -> impl Iterator<Item = Ipv4Addr> {
    let first = u32::from(ADDRESS);
    (0..count as u32).map(move |number| Ipv4Addr::from(first + if is_one { 0 } else { number }))
}

impl Town {
    fn log_in(&mut self, from: Ipv4Addr, identifier: &str, password: &str) -> usize {
        let body = json!({ "identifier": identifier, "password": password });
        self.ask_from(from, "POST", "/auth/login", "", &body.to_string())
    }

    /// The status of what was answered at once.
    fn log_in_now(&mut self, from: Ipv4Addr, identifier: &str, password: &str) -> u16 {
        let at = self.log_in(from, identifier, password);
        self.answer(at).expect("an answer at once").0
    }

    /// Has everything hashed, one after the other, and says how many passwords that were and with which statuses how many were answered.
    fn hash_all(&mut self, asked: Vec<usize>) -> (usize, BTreeMap<u16, usize>) {
        let mut hashed = 0;
        while self.unanswered() > 0 {
            self.answer_one();
            hashed += 1;
        }
        let mut statuses = BTreeMap::new();
        for at in asked {
            let (status, _) = self.answer(at).expect("an answer");
            *statuses.entry(status).or_default() += 1;
        }
        (hashed, statuses)
    }
}

#[test]
fn right_passwords_at_once_are_all_let_in() {
    for (count, is_one_address) in [(12, true), (30, false)] {
        let mut town = Town::new();
        town.register("ann", "DE");
        town.mood = Mood::Pondering;
        let from = addresses(count, is_one_address);
        let asked: Vec<usize> = from
            .map(|from| town.log_in(from, "ann", "correct horse"))
            .collect();
        let most = if is_one_address {
            limits::LOGINS_BY_ADDRESS
        } else {
            limits::LOGINS_BY_ACCOUNT
        };
        assert_eq!(town.unanswered(), most, "the others wait their turn");
        let (hashed, statuses) = town.hash_all(asked);
        assert_eq!((hashed, statuses), (count, BTreeMap::from([(200, count)])));
        town.empty();
    }
}

#[test]
fn wrong_passwords_at_once_get_no_further_than_one_after_the_other() {
    for (count, is_one_address, most) in [
        (12, true, limits::LOGINS_BY_ADDRESS),
        (30, false, limits::LOGINS_BY_ACCOUNT),
    ] {
        for name in ["ann", "nobody"] {
            let mut town = Town::new();
            town.register("ann", "DE");
            town.mood = Mood::Pondering;
            let from = addresses(count, is_one_address);
            let asked: Vec<usize> = from
                .map(|from| town.log_in(from, name, "wrong horse"))
                .collect();
            let (hashed, statuses) = town.hash_all(asked);
            assert_eq!(hashed, most);
            assert_eq!(statuses, BTreeMap::from([(401, most), (429, count - most)]));
            town.empty();
        }
    }
}

#[test]
fn an_account_has_one_limit_whatever_it_is_called() {
    let mut town = Town::new();
    town.register("ann", "DE");
    let elsewhere = Ipv4Addr::new(10, 8, 0, 0);
    for (number, from) in addresses(limits::LOGINS_BY_ACCOUNT, false).enumerate() {
        let name = ["ann", "ANN@example.org", " Ann "][number % 3];
        assert_eq!(town.log_in_now(from, name, "wrong horse"), 401, "{number}");
        assert_eq!(town.log_in_now(from, "nobody", "wrong horse"), 401);
    }
    for name in ["ann", "ann@example.org", "nobody"] {
        let status = town.log_in_now(elsewhere, name, "correct horse");
        assert_eq!(status, 429, "{name}");
    }
    town.register("bob", "DE");
    assert_eq!(town.log_in_now(elsewhere, "bob", "correct horse"), 200);
    town.pass(limits::LOGINS_BY_ACCOUNT_MS);
    assert_eq!(town.log_in_now(elsewhere, "ann", "correct horse"), 200);
    town.empty();
}

#[test]
fn failures_are_forgotten_one_by_one() {
    let mut town = Town::new();
    town.register("ann", "DE");
    assert_eq!(town.log_in_now(ADDRESS, "ann", "wrong horse"), 401);
    town.pass(limits::LOGINS_BY_ADDRESS_MS - 500);
    for _ in 0..4 {
        assert_eq!(town.log_in_now(ADDRESS, "ann", "wrong horse"), 401);
    }
    assert_eq!(town.log_in_now(ADDRESS, "ann", "correct horse"), 429);
    // The first is over, the others are not.
    town.pass(1_000);
    assert_eq!(town.log_in_now(ADDRESS, "ann", "wrong horse"), 401);
    assert_eq!(town.log_in_now(ADDRESS, "ann", "correct horse"), 429);
    town.empty();
}

#[test]
fn whoever_waits_for_others_is_told_in_time_that_it_was_in_vain() {
    let mut town = Town::new();
    town.register("ann", "DE");
    town.mood = Mood::Pondering;
    let asked: Vec<usize> = addresses(8, true)
        .map(|from| town.log_in(from, "ann", "correct horse"))
        .collect();
    town.pass(limits::HASH_MS);
    for at in asked {
        assert_eq!(town.answer(at).map(|(status, _)| status), Some(503));
    }
    // What is hashed after all is nobody's login.
    assert_eq!(town.unanswered(), limits::LOGINS_BY_ADDRESS);
    while town.unanswered() > 0 {
        town.answer_one();
    }
    assert_eq!((town.stats.logins, town.stats.logins_failed), (0, 0));
    town.mood = Mood::Prompt;
    assert_eq!(town.log_in_now(ADDRESS, "ann", "correct horse"), 200);
    town.empty();
}

#[test]
fn no_more_than_so_many_wait_for_others() {
    let mut town = Town::new();
    town.register("ann", "DE");
    town.mood = Mood::Pondering;
    let most = limits::LOGINS_BY_ACCOUNT + limits::LOGINS_WAITING_MAX;
    let mut from = addresses(most + 1, false);
    let asked: Vec<usize> = from
        .by_ref()
        .take(most)
        .map(|from| town.log_in(from, "ann", "correct horse"))
        .collect();
    let last = from.next().expect("one more");
    assert_eq!(town.log_in_now(last, "ann", "correct horse"), 503);
    // Whoever need not wait is let in all the same.
    let other = town.log_in(last, "bob", "correct horse");
    let (hashed, statuses) = town.hash_all(asked);
    assert_eq!(hashed, most + 1);
    assert_eq!(statuses, BTreeMap::from([(200, most)]));
    assert_eq!(town.answer(other).map(|(status, _)| status), Some(401));
    town.empty();
}
