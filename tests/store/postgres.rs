//! What only PostgreSQL does: a server that can be killed, stopped, or slow.

use std::process::Command;
use std::time::{Duration, Instant};

use passerby::edge::store::Location;
use passerby::kernel::ask::{Answer, Query, Refusal};

use super::desk::*;
use super::support::eventually;
use super::support::postgres::{Cluster, shared};

pub fn at(address: &str) -> Location {
    Location::parse(address).expect("a location")
}

/// A database of its own, if there is a server.
pub fn location() -> Option<Location> {
    shared().map(|cluster| at(&cluster.database()))
}

/// The name of the database at an address.
fn name(address: &str) -> &str {
    address.rsplit('/').next().expect("a name")
}

#[test]
fn a_newer_schema_is_left_alone_at_a_server() {
    let Some(cluster) = shared() else { return };
    let address = cluster.database();
    assert!(Store::open(at(&address)).close());
    cluster
        .visitor(name(&address))
        .execute("INSERT INTO schema_versions (version) VALUES (999)", &[])
        .expect("written");
    let refusal = Store::try_open(at(&address)).err().expect("refused");
    assert!(refusal.contains("version 999"), "{refusal}");
}

#[test]
fn much_is_erased_a_little_at_a_time_at_a_server() {
    let Some(cluster) = shared() else { return };
    let address = cluster.database();
    let mut visitor = cluster.visitor(name(&address));
    let mut store = Store::open(at(&address));
    much_is_erased_a_little_at_a_time(&mut store, || {
        let count = visitor.query_one("SELECT count(*) FROM messages", &[]);
        count.expect("a count").get::<_, i64>(0) as usize
    });
}

#[test]
fn what_was_to_be_erased_at_a_server_is_after_a_restart() {
    let Some(cluster) = shared() else { return };
    let address = cluster.database();
    let mut visitor = cluster.visitor(name(&address));
    let mut store = Store::open(at(&address));
    settle_in(&mut store);
    say_much(&mut store, "x");
    assert!(store.close());
    let end = visitor.execute("UPDATE rooms SET ended_at = now()", &[]);
    assert_eq!(end.expect("ended"), 1);
    let _store = Store::open(at(&address));
    let is_gone = eventually(PATIENCE, || {
        let count = visitor.query_one("SELECT count(*) FROM messages", &[]);
        count.expect("a count").get::<_, i64>(0) == 0
    });
    assert!(is_gone);
}

#[test]
fn without_a_name_it_is_whoever_runs_the_program() {
    let Some(cluster) = shared() else { return };
    let address = cluster.database();
    let output = Command::new("id").arg("-un").output().expect("a name");
    let me = String::from_utf8(output.stdout).expect("a name");
    // There is one already if that is who the cluster was made for.
    let role = format!("CREATE ROLE \"{}\" SUPERUSER LOGIN", me.trim());
    let _ = cluster.visitor("postgres").batch_execute(&role);
    let local = cluster.local_address(name(&address));
    let mut store = Store::open(at(&local));
    assert_eq!(store.ask(Query::Ping), Ok(Answer::Done));
}

#[test]
fn two_servers_may_start_on_one_database() {
    let Some(cluster) = shared() else { return };
    let address = cluster.database();
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let location = at(&address);
            std::thread::spawn(move || Store::open(location).ask(Query::Ping))
        })
        .collect();
    for start in starts {
        assert_eq!(start.join().expect("no panic"), Ok(Answer::Done));
    }
}

#[test]
fn a_server_that_is_killed_is_found_again_with_all_that_was_acknowledged() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut store = Store::open(at(&cluster.database()));
    settle_in(&mut store);
    let mut kept = Vec::new();
    let mut message = 100;
    for _ in 0..2 {
        for _ in 0..20 {
            if store.ask(say(message, 10, 1, &message.to_string(), None)) == said(message) {
                kept.push(message.to_string());
            }
            message += 1;
        }
        store.put(say(message, 10, 1, &message.to_string(), None));
        cluster.kill();
        if store.hear().1.is_ok() {
            kept.push(message.to_string());
        }
        message += 1;
        assert_eq!(store.ask(Query::Ping), Err(Refusal::Unavailable));
        cluster.restart();
        assert_eq!(store.ask_until_available(Query::Ping), Ok(Answer::Done));
        let there = contents(store.ask(messages(10, 1)));
        assert!(kept.iter().all(|message| there.contains(message)));
        // What was not acknowledged may be there or not.
        kept = there;
    }
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let address = cluster.database();
    cluster.kill();
    let mut store = Store::open(at(&address));
    assert_eq!(store.ask(Query::Ping), Err(Refusal::Unavailable));
    cluster.restart();
    assert_eq!(store.ask_until_available(Query::Ping), Ok(Answer::Done));
    settle_in(&mut store);
}

#[test]
fn a_server_that_hangs_is_outlived() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut store = Store::open(at(&cluster.database()));
    settle_in(&mut store);
    cluster.signal("STOP");
    // Asked while it hangs: answered when it goes on, or told that the store is unavailable.
    let ticket = store.put(say(100, 10, 1, "x", Some("a")));
    let early = store.hear_within(Duration::from_secs(3));
    cluster.signal("CONT");
    let (answered, outcome) = early.unwrap_or_else(|| store.hear());
    assert_eq!(answered, ticket);
    assert!(
        outcome == said(100) || outcome == Err(Refusal::Unavailable),
        "{outcome:?}"
    );
    assert_eq!(store.ask_until_available(Query::Ping), Ok(Answer::Done));
    let again = store.ask(say(101, 10, 1, "x", Some("a")));
    assert!(again == said(101) || again == said_before(100), "{again:?}");
    assert_eq!(contents(store.ask(messages(10, 1))), ["x"]);
}

#[test]
fn a_lock_that_is_held_too_long_is_not_waited_for() {
    let Some(cluster) = shared() else { return };
    let address = cluster.database();
    let mut store = Store::open(at(&address));
    settle_in(&mut store);
    let mut visitor = cluster.visitor(name(&address));
    visitor
        .batch_execute("BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        .expect("locked");
    let start = Instant::now();
    assert_eq!(
        store.ask(say(100, 10, 1, "x", None)),
        Err(Refusal::Unavailable)
    );
    assert!(
        start.elapsed() > Duration::from_secs(1),
        "it was waited for"
    );
    visitor.batch_execute("ROLLBACK").expect("released");
    assert_eq!(store.ask(say(101, 10, 1, "x", None)), said(101));
    assert_eq!(contents(store.ask(messages(10, 1))), ["x"]);
}

#[test]
fn a_connection_that_is_cut_comes_back() {
    let Some(cluster) = shared() else { return };
    let address = cluster.database();
    let mut store = Store::open(at(&address));
    settle_in(&mut store);
    cluster
        .visitor("postgres")
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
            &[&name(&address)],
        )
        .expect("cut");
    assert_eq!(store.ask_until_available(Query::Ping), Ok(Answer::Done));
    assert_eq!(store.ask(say(100, 10, 1, "x", None)), said(100));
}
