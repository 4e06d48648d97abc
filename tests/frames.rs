//! Frames as no proper client sends them, over a real socket.
//!
//! Each fault is answered with its close code, at the header where the header shows it, and costs nobody else
//! anything.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use support::raw::{close_payload, frame, header, text};
use support::{PATIENCE, Raw, Server};

/// Sends `bytes` on a fresh WebSocket; it must be closed with `code` and a reason, and nothing else said.
fn refused(server: &Server, bytes: &[u8], code: u16) {
    let shown = bytes[..bytes.len().min(40)].escape_ascii();
    let mut raw = server.raw_socket();
    let start = Instant::now();
    // The server may hang up before everything is sent.
    let _ = raw.try_send(bytes);
    let (got, reason) = raw.close_frame();
    assert_eq!(got, code, "{shown}: {reason}");
    assert!(!reason.is_empty(), "{shown}: a reason");
    raw.expect_end();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{shown}: {:?}",
        start.elapsed()
    );
}

/// Sends `bytes` on a fresh WebSocket, and then hears the answer to a question.
fn taken(server: &Server, bytes: &[u8]) -> Raw {
    let mut raw = server.raw_socket();
    raw.send(bytes);
    raw
}

const STATS: &str = r#"{"type":"stats"}"#;

#[test]
fn unmasked_frames_are_refused_at_the_header() {
    let server = Server::plain();
    refused(&server, b"\x81\x05hello", 1002);
    refused(&server, b"\x81\x05", 1002);
    refused(&server, b"\x81\x7f\x00\x00\x00\x00\x7f\xff\xff\xff", 1002);
    refused(&server, b"\x88\x02\x03\xe8", 1002);
}

#[test]
fn reserved_bits_and_opcodes_are_refused_at_the_header() {
    let server = Server::plain();
    for bits in 1..8u8 {
        refused(&server, &header(0x81 | bits << 4, 60_000), 1002);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        refused(&server, &header(0x80 | opcode, 10), 1002);
    }
}

#[test]
fn control_frames_are_short_and_whole() {
    let server = Server::plain();
    for opcode in [8, 9, 10] {
        refused(&server, &header(0x80 | opcode, 126), 1002);
        refused(&server, &header(0x80 | opcode, 60_000), 1002);
        refused(&server, &frame(opcode, b""), 1002);
    }
    let mut longest = taken(&server, &frame(0x89, &[b'x'; 125]));
    assert_eq!(longest.frame().payload, [b'x'; 125]);
}

#[test]
fn lengths_have_their_shortest_form() {
    let server = Server::plain();
    let hello = b"\x12\x34\x56\x78\x7a\x51\x3a\x14\x7d";
    refused(&server, &[b"\x81\xfe\x00\x05", &hello[..]].concat(), 1002);
    refused(
        &server,
        &[b"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05", &hello[..]].concat(),
        1002,
    );
    refused(
        &server,
        &[b"\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff", &hello[..]].concat(),
        1002,
    );
    refused(
        &server,
        &[b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x05", &hello[..]].concat(),
        1002,
    );
}

#[test]
fn a_frame_too_large_is_refused_at_its_header_and_costs_nothing() {
    let server = Server::plain();
    refused(&server, &header(0x81, 64 * 1024 + 1), 1009);
    refused(&server, &header(0x81, (1 << 63) - 1), 1009);
    let before = server.rss();
    let announced: Vec<Raw> = (0..200)
        .map(|n| {
            let mut raw = server.raw_socket();
            // Announced, and the beginning of it sent: half too large, half just as large as may be.
            let len = if n % 2 == 0 {
                i64::MAX as u64
            } else {
                64 * 1024
            };
            let _ = raw.try_send([header(0x81, len), vec![b' '; 10]].concat());
            raw
        })
        .collect();
    let mut probe = server.client();
    probe.stats();
    let grown = server.rss().saturating_sub(before);
    // 200 connections' worth of state, but nowhere near the 13 MB that were announced within the limit.
    assert!(
        grown < 6 << 20,
        "{grown} bytes for {} announcements",
        announced.len()
    );
}

#[test]
fn a_message_of_64_kib_is_taken_and_one_byte_more_is_not() {
    let server = Server::plain();
    let fill = |len: usize| format!("{STATS}{}", " ".repeat(len - STATS.len()));
    let mut whole = taken(&server, &text(&fill(65_536)));
    assert!(whole.text().contains("\"online\":"));
    let all = fill(65_536).into_bytes();
    let pieces = [
        frame(0x01, &all[..30_000]),
        frame(0x00, &all[30_000..65_000]),
        frame(0x80, &all[65_000..]),
    ];
    let mut split = taken(&server, &pieces.concat());
    assert!(split.text().contains("\"online\":"));
    refused(&server, &text(&fill(65_537)), 1009);
    let all = fill(65_537).into_bytes();
    refused(
        &server,
        &[frame(0x01, &all[..65_000]), frame(0x80, &all[65_000..])].concat(),
        1009,
    );
    // At the header of the continuation, before its payload.
    refused(
        &server,
        &[frame(0x01, &all[..65_000]), header(0x80, 537)].concat(),
        1009,
    );
}

#[test]
fn a_message_may_come_in_fragments_with_control_frames_between() {
    let server = Server::plain();
    let smile = "{\"type\":\"sendMessage\",\"text\":\"\u{1f600}\"}".as_bytes();
    let mut bytes = frame(0x01, &smile[..31]);
    bytes.extend(frame(0x89, b"1"));
    bytes.extend(frame(0x00, &smile[31..32]));
    bytes.extend(frame(0x00, b""));
    bytes.extend(frame(0x8a, b""));
    bytes.extend(frame(0x80, &smile[32..]));
    let (mut one, mut other) = (server.client(), server.raw_socket());
    one.search();
    other.send(text(r#"{"type":"findMatch"}"#));
    other.text();
    one.expect("strangerJoined");
    other.send(&bytes);
    assert_eq!(one.hear_chat(), "\u{1f600}");
    assert_eq!(other.frame().payload, b"1");
    // The same, byte by byte.
    for byte in bytes {
        other.send([byte]);
    }
    assert_eq!(one.hear_chat(), "\u{1f600}");
}

#[test]
fn fragments_come_in_order_and_not_without_end() {
    let server = Server::plain();
    refused(&server, &frame(0x80, b"x"), 1002);
    refused(
        &server,
        &[frame(0x01, b"a"), frame(0x81, b"b")].concat(),
        1002,
    );
    refused(
        &server,
        &[frame(0x01, b"a"), frame(0x02, b"b")].concat(),
        1002,
    );
    refused(&server, &frame(0x00, b""), 1002);
    let mut endless = frame(0x01, b"");
    for _ in 0..100_000 {
        endless.extend(frame(0x00, b""));
    }
    refused(&server, &endless, 1008);
    // 32 frames are a message.
    let mut bytes = frame(0x01, STATS.as_bytes());
    for _ in 0..30 {
        bytes.extend(frame(0x00, b" "));
    }
    bytes.extend(frame(0x80, b""));
    assert!(taken(&server, &bytes).text().contains("\"online\":"));
}

#[test]
fn text_is_utf_8_to_the_byte() {
    let server = Server::plain();
    for bad in [
        &b"\xff"[..],
        b"abc\xc3\x28",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf0\x9f\x98",
        b"\x80",
    ] {
        refused(&server, &frame(0x81, bad), 1007);
        if bad.len() > 1 {
            let split = [frame(0x01, &bad[..1]), frame(0x80, &bad[1..])].concat();
            refused(&server, &split, 1007);
        }
    }
}

#[test]
fn bad_text_is_refused_before_the_rest_has_come() {
    let server = Server::plain();
    // Inside a frame of which most is still to come.
    let mut begun = header(0x81, 60_000);
    begun.extend(frame(0x81, b"ok \xe2\x82\x28")[6..].iter());
    refused(&server, &begun, 1007);
    // In the first fragment of several, at the byte that cannot be right any more.
    let mut fragment = frame(0x01, b"\xce\xba\xe1\xbd\xb9");
    fragment.extend(frame(0x00, b"\xf4\x90"));
    refused(&server, &fragment, 1007);
    // A sequence that is only incomplete is waited for.
    let mut raw = taken(&server, &frame(0x01, b"{\"x\":\"\xf0\x9f"));
    assert!(raw.is_quiet(Duration::from_millis(200)));
    raw.send(frame(0x80, b"\x98\x80\",\"type\":\"stats\"}"));
    assert!(raw.text().contains("\"online\":"));
}

#[test]
fn binary_messages_are_not_for_this_endpoint() {
    let server = Server::plain();
    refused(&server, &frame(0x82, b"\x00\x01"), 1003);
    refused(&server, &header(0x82, 60_000), 1003);
    refused(&server, &frame(0x02, b"\x00"), 1003);
}

#[test]
fn a_goodbye_is_answered_once_and_with_the_same_code() {
    let server = Server::plain();
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999,
    ] {
        let mut raw = server.raw_socket();
        // Nothing after a goodbye is looked at.
        raw.send(
            [
                frame(0x88, &close_payload(code, "bye")),
                text(STATS),
                b"\xff\xff".to_vec(),
            ]
            .concat(),
        );
        assert_eq!(raw.close_frame().0, code);
        raw.expect_end();
    }
    let mut bare = taken(&server, &frame(0x88, b""));
    let answer = bare.frame();
    assert_eq!((answer.opcode, answer.payload.len()), (8, 0));
    bare.expect_end();
    let mut long = taken(
        &server,
        &frame(0x88, &close_payload(1000, &"x".repeat(123))),
    );
    assert_eq!(long.close_frame().0, 1000);
}

#[test]
fn goodbyes_that_must_not_be_sent_break_the_protocol() {
    let server = Server::plain();
    for code in [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        refused(&server, &frame(0x88, &close_payload(code, "")), 1002);
    }
    refused(&server, &frame(0x88, b"\x03"), 1002);
    refused(&server, &frame(0x88, b"\x03\xe8\xc3\x28"), 1007);
}

#[test]
fn a_close_handshake_does_not_wait_for_ever() {
    let server = Server::plain();
    let mut raw = taken(&server, &frame(0x88, &close_payload(1000, "")));
    assert_eq!(raw.close_frame().0, 1000);
    // The server has sent its FIN; we never send ours, and it does not keep the connection for us.
    raw.expect_end();
    assert!(support::eventually(PATIENCE, || server
        .metric("passerby_connections")
        == 1.0));
}

#[test]
fn a_close_frame_is_not_lost_to_what_was_still_being_sent() {
    let server = Server::plain();
    for _ in 0..20 {
        let mut raw = server.raw_socket();
        // Behind the fault comes more than one read takes; closing outright would reset the connection, and
        // with it the Close frame.
        let _ = raw.try_send([frame(0x82, b"x"), vec![0; 60_000]].concat());
        assert_eq!(raw.close_frame().0, 1003);
    }
}

#[test]
fn many_pings_end_the_connection() {
    let server = Server::plain();
    let mut flood = Vec::new();
    for number in 0..1_000u32 {
        flood.extend(frame(0x89, &number.to_be_bytes()));
    }
    let mut raw = server.raw_socket();
    let _ = raw.try_send(&flood);
    let mut pongs = 0;
    let code = loop {
        let frame = raw.frame();
        match frame.opcode {
            10 => pongs += 1,
            8 => break u16::from_be_bytes([frame.payload[0], frame.payload[1]]),
            other => panic!("opcode {other}"),
        }
    };
    assert_eq!(code, 1008);
    assert!(pongs <= 40, "{pongs} pongs for a thousand pings");
    raw.expect_end();
    // Pings as people's programs send them are all answered.
    let mut calm = server.raw_socket();
    for number in 0..10u8 {
        calm.send(frame(0x89, &[number]));
        assert_eq!(calm.frame().payload, [number]);
    }
    assert_eq!(
        server.metric("passerby_closes_total{cause=\"policy\"}"),
        1.0
    );
}

#[test]
fn many_pings_at_once_are_answered_in_order() {
    let server = Server::plain();
    let mut raw = server.raw_socket();
    let pings: Vec<u8> = (0..20u8)
        .flat_map(|number| frame(0x89, &[number]))
        .collect();
    raw.send(pings);
    for number in 0..20 {
        let pong = raw.frame();
        assert_eq!((pong.opcode, &pong.payload[..]), (10, &[number][..]));
    }
}

#[test]
fn a_fault_costs_nobody_else_anything() {
    let server = Server::plain();
    let (mut one, mut other) = server.pair();
    for bytes in [
        &b"\x81\x05hello"[..],
        b"\xff\xff\xff\xff",
        &frame(0x81, b"\xff"),
        &header(0x81, 1 << 40),
    ] {
        let mut raw = server.raw_socket();
        raw.send(text(
            r#"{"type":"findMatch","interests":["alone"],"anyone":false}"#,
        ));
        raw.text();
        raw.send(bytes);
        raw.close_frame();
        one.chat_with(&mut other, "hello");
    }
    assert!(support::eventually(PATIENCE, || one.stats() == (2, 0, 1)));
    let closes: f64 = ["protocol", "bad_text", "too_large"]
        .iter()
        .map(|cause| server.metric(&format!("passerby_closes_total{{cause=\"{cause}\"}}")))
        .sum();
    assert_eq!(closes, 4.0);
}

#[test]
fn a_partner_is_told_when_the_other_breaks_the_protocol() {
    let server = Server::plain();
    let mut one = server.client();
    one.search();
    let mut raw = server.raw_socket();
    raw.send(text(r#"{"type":"findMatch"}"#));
    one.expect("strangerJoined");
    raw.send(b"\x83\x80");
    assert_eq!(one.expect("strangerLeft")["reason"], "disconnected");
}
