//! What must not drift, counted exactly: system calls per relayed message, at the socket layer.
#![allow(clippy::expect_used)]

mod support;

use std::io::Write;

use support::server::Launch;
use support::{Server, raw};

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

#[test]
fn a_relayed_message_is_one_read_and_one_write() {
    let server = Launch {
        flags: &[
            "--message-rate",
            "0",
            "--frame-rate",
            "0",
            "--byte-rate",
            "0",
        ],
        ..Launch::default()
    }
    .start();
    let mut one = server.client();
    let mut other = server.client();
    one.meet(&mut other);
    let before = calls(&server);
    for _ in 0..MESSAGES / 2 {
        one.chat("there");
        other.hear_chat();
        other.chat("and back");
        one.hear_chat();
    }
    let after = calls(&server);
    // Asking for the figures takes some calls itself: a connection, a request, an answer, and timers.
    let slack = 20.0;
    let messages = MESSAGES as f64;
    let (reads, writes) = (after.0 - before.0, after.1 - before.1);
    assert!(reads <= messages + slack, "{reads} reads");
    assert!(writes <= messages + slack, "{writes} writes");
    // At worst the poller is asked once for each, because nothing else happened meanwhile.
    let polls = after.2 - before.2;
    assert!(polls <= messages + 4.0 * slack, "{polls} polls");
}

#[test]
fn a_burst_is_written_at_once() {
    let server = Launch {
        flags: &[
            "--message-rate",
            "0",
            "--frame-rate",
            "0",
            "--byte-rate",
            "0",
        ],
        ..Launch::default()
    }
    .start();
    let mut one = server.client();
    let mut other = server.client();
    one.meet(&mut other);
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
