//! What must not drift, counted exactly: system calls per relayed message, at the socket layer.
#![allow(clippy::expect_used)]

mod support;

use std::io::Write;

use support::server::Launch;
use support::{Client, Server, raw};

const MESSAGES: usize = 500;

/// System calls that one and the other kind of exchange took, as the server itself counts them.
fn calls(server: &Server) -> (f64, f64, f64) {
    let metric = |name| server.metric(name);
    (
        metric("passerby_reads_total"),
        metric("passerby_writes_total"),
        metric("passerby_polls_total"),
    )
}

/// Two people in a conversation, on a server without limits.
fn pair() -> (Server, Client, Client) {
    let server = Launch {
        flags: support::UNGUARDED,
        ..Launch::default()
    }
    .start();
    let mut one = server.client();
    let mut other = server.client();
    one.meet(&mut other);
    (server, one, other)
}

/// Has the two talk by turns, and checks how many writes each message took.
fn check_exchange(chat: fn(&mut Client, &str), writes_each: f64) {
    let (server, mut one, mut other) = pair();
    let before = calls(&server);
    for _ in 0..MESSAGES / 2 {
        chat(&mut one, "there");
        other.hear_chat();
        chat(&mut other, "and back");
        one.hear_chat();
    }
    let after = calls(&server);
    // Asking for the figures takes some calls itself: a connection, a request, an answer, and timers.
    let slack = 20.0;
    let messages = MESSAGES as f64;
    let (reads, writes) = (after.0 - before.0, after.1 - before.1);
    assert!(reads <= messages + slack, "{reads} reads");
    assert!(writes <= messages * writes_each + slack, "{writes} writes");
    // At worst the poller is asked once for each, because nothing else happened meanwhile.
    let polls = after.2 - before.2;
    assert!(polls <= messages + 4.0 * slack, "{polls} polls");
}

#[test]
fn a_relayed_message_is_one_read_and_one_write() {
    check_exchange(Client::chat_unheard, 1.0);
}

#[test]
fn a_receipt_is_one_write_more() {
    check_exchange(Client::chat, 2.0);
}

#[test]
fn a_burst_is_written_at_once() {
    let (server, one, mut other) = pair();
    let burst = raw::text(r#"{"type":"sendMessage","text":"again"}"#).repeat(16);
    let before = calls(&server);
    for _ in 0..20 {
        let mut stream = one.stream();
        stream.write_all(&burst).expect("sent");
        for _ in 0..16 {
            assert_eq!(other.hear_chat(), "again");
        }
    }
    let after = calls(&server);
    let (reads, writes) = (after.0 - before.0, after.1 - before.1);
    assert!(reads <= 40.0, "{reads} reads for 20 bursts of 16");
    assert!(writes <= 40.0, "{writes} writes for 20 bursts of 16");
}
