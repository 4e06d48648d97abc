//! The WebSocket handshake: who gets in, who does not, and what is told to whom.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::raw::{self, handshake, text};
use support::server::Launch;
use support::{Raw, Response, Server};

/// The answer to a handshake for `/ws` with these further lines, each with its line end.
fn answer(server: &Server, lines: &str) -> Response {
    let mut raw = server.raw();
    raw.send(format!("{}{lines}\r\n", handshake("/ws")));
    raw.response()
}

/// The answer to a request made of these lines.
fn answer_to(server: &Server, lines: &[&str]) -> Response {
    let mut raw = server.raw();
    raw.send(format!("{}\r\n\r\n", lines.join("\r\n")));
    raw.response()
}

const GET: &str = "GET /ws HTTP/1.1";
const HOST: &str = "Host: test";
const UPGRADE: &str = "Upgrade: websocket";
const CONNECTION: &str = "Connection: Upgrade";
const VERSION: &str = "Sec-WebSocket-Version: 13";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

#[test]
fn a_handshake_is_answered_as_the_standard_says() {
    let server = Server::plain();
    let response = answer(&server, "");
    assert_eq!(response.status, 101);
    assert_eq!(
        response
            .field("upgrade")
            .map(str::to_ascii_lowercase)
            .as_deref(),
        Some("websocket")
    );
    assert_eq!(
        response
            .field("connection")
            .map(str::to_ascii_lowercase)
            .as_deref(),
        Some("upgrade")
    );
    assert_eq!(
        response.field("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(response.field("sec-websocket-protocol"), None);
}

#[test]
fn spellings_that_browsers_and_proxies_use_are_taken() {
    let server = Server::plain();
    for lines in [
        [
            GET,
            HOST,
            "upgrade: WebSocket",
            "connection: keep-alive, UPGRADE",
            VERSION,
            KEY,
        ],
        [
            GET,
            HOST,
            "Upgrade: h2c, websocket",
            "Connection: upgrade,keep-alive",
            VERSION,
            KEY,
        ],
        [
            GET,
            HOST,
            UPGRADE,
            CONNECTION,
            "sec-websocket-version:13",
            "SEC-WEBSOCKET-KEY:  dGhlIHNhbXBsZSBub25jZQ== ",
        ],
        [
            "GET /%77s HTTP/1.1",
            HOST,
            UPGRADE,
            CONNECTION,
            VERSION,
            KEY,
        ],
        [
            "GET /ws?utm=x&auto=0 HTTP/1.1",
            HOST,
            UPGRADE,
            CONNECTION,
            VERSION,
            KEY,
        ],
    ] {
        assert_eq!(answer_to(&server, &lines).status, 101, "{lines:?}");
    }
}

#[test]
fn bad_handshakes_are_refused_with_a_status() {
    let server = Server::plain();
    for (status, lines) in [
        (400, vec![GET, HOST]),
        (400, vec![GET, HOST, CONNECTION, VERSION, KEY]),
        (
            400,
            vec![GET, HOST, "Upgrade: h2c", CONNECTION, VERSION, KEY],
        ),
        (400, vec![GET, HOST, UPGRADE, VERSION, KEY]),
        (
            400,
            vec![GET, HOST, UPGRADE, "Connection: keep-alive", VERSION, KEY],
        ),
        (400, vec![GET, HOST, UPGRADE, CONNECTION, VERSION]),
        (400, vec![GET, HOST, UPGRADE, CONNECTION, VERSION, KEY, KEY]),
        (
            400,
            vec![
                GET,
                HOST,
                UPGRADE,
                CONNECTION,
                VERSION,
                "Sec-WebSocket-Key: ",
            ],
        ),
        (
            400,
            vec![
                GET,
                HOST,
                UPGRADE,
                CONNECTION,
                VERSION,
                "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==",
            ],
        ),
        (
            400,
            vec![
                GET,
                HOST,
                UPGRADE,
                CONNECTION,
                VERSION,
                "Sec-WebSocket-Key: !GhlIHNhbXBsZSBub25jZQ==",
            ],
        ),
        (400, vec![GET, UPGRADE, CONNECTION, VERSION, KEY]),
        (
            400,
            vec![GET, HOST, HOST, UPGRADE, CONNECTION, VERSION, KEY],
        ),
        (
            400,
            vec!["GET /ws HTTP/1.0", HOST, UPGRADE, CONNECTION, VERSION, KEY],
        ),
        (
            400,
            vec![
                GET,
                HOST,
                UPGRADE,
                CONNECTION,
                VERSION,
                KEY,
                "Content-Length: 5",
            ],
        ),
        (
            400,
            vec![
                GET,
                HOST,
                UPGRADE,
                CONNECTION,
                VERSION,
                KEY,
                "Transfer-Encoding: chunked",
            ],
        ),
        (
            400,
            vec![
                "GET /ws?format=xml HTTP/1.1",
                HOST,
                UPGRADE,
                CONNECTION,
                VERSION,
                KEY,
            ],
        ),
        (
            400,
            vec![
                "GET /ws?auto=maybe HTTP/1.1",
                HOST,
                UPGRADE,
                CONNECTION,
                VERSION,
                KEY,
            ],
        ),
        (
            404,
            vec![
                "GET /nowhere HTTP/1.1",
                HOST,
                UPGRADE,
                CONNECTION,
                VERSION,
                KEY,
            ],
        ),
        (
            404,
            vec!["GET /ws/ HTTP/1.1", HOST, UPGRADE, CONNECTION, VERSION, KEY],
        ),
        (
            405,
            vec!["POST /ws HTTP/1.1", HOST, UPGRADE, CONNECTION, VERSION, KEY],
        ),
        (
            405,
            vec!["HEAD /ws HTTP/1.1", HOST, UPGRADE, CONNECTION, VERSION, KEY],
        ),
    ] {
        let mut raw = server.raw();
        raw.send(format!("{}\r\n\r\n", lines.join("\r\n")));
        let method = lines[0].split(' ').next().unwrap();
        let response = raw.response_to(method);
        assert_eq!(response.status, status, "{lines:?}");
        if method != "HEAD" {
            assert!(!response.error().is_empty());
        }
        if status == 405 {
            assert_eq!(response.field("allow"), Some("GET, OPTIONS"));
        }
    }
    assert_eq!(server.metric("passerby_online"), 0.0);
}

#[test]
fn another_version_is_told_which_one_is_spoken() {
    let server = Server::plain();
    for version in [
        "Sec-WebSocket-Version: 8",
        "Sec-WebSocket-Version: 14",
        "X: y",
    ] {
        let response = answer_to(&server, &[GET, HOST, UPGRADE, CONNECTION, version, KEY]);
        assert_eq!(response.status, 426);
        assert_eq!(response.field("sec-websocket-version"), Some("13"));
        assert_eq!(response.field("upgrade"), Some("websocket"));
    }
    assert_eq!(
        server.metric("passerby_refusals_total{cause=\"version\"}"),
        3.0
    );
}

#[test]
fn a_refused_handshake_leaves_the_connection_usable() {
    let server = Server::plain();
    let mut raw = server.raw();
    raw.send("GET /ws HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(raw.response().status, 400);
    raw.upgrade("/ws");
    raw.send(text(r#"{"type":"findMatch"}"#));
    assert_eq!(raw.text(), r#"{"type":"searching"}"#);
}

#[test]
fn bytes_behind_the_handshake_are_frames() {
    let server = Server::plain();
    let mut raw = server.raw();
    let mut packet = format!("{}\r\n", handshake("/ws")).into_bytes();
    packet.extend(text(r#"{"type":"findMatch"}"#));
    packet.extend(raw::frame(0x89, b"x"));
    packet.extend(&text(r#"{"type":"stats"}"#)[..9]);
    raw.send(packet);
    assert_eq!(raw.response().status, 101);
    assert_eq!(raw.text(), r#"{"type":"searching"}"#);
    assert_eq!(raw.frame().opcode, 10);
    raw.send(&text(r#"{"type":"stats"}"#)[9..]);
    assert!(raw.text().contains("\"searching\":1"));
}

#[test]
fn a_request_and_a_handshake_may_share_a_packet() {
    let server = Server::plain();
    let mut raw = server.raw();
    let mut packet = b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n".to_vec();
    packet.extend(format!("{}\r\n", handshake("/ws?auto=1")).into_bytes());
    packet.extend(text(r#"{"type":"stats"}"#));
    raw.send(packet);
    assert_eq!(raw.response().status, 200);
    assert_eq!(raw.response().status, 101);
    assert_eq!(raw.text(), r#"{"type":"searching"}"#);
    assert!(raw.text().contains("\"online\":1"));
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    let server = Server::plain();
    let mut raw = server.raw();
    for byte in format!("{}\r\n", handshake("/ws?auto=1")).bytes() {
        raw.send([byte]);
    }
    assert_eq!(raw.response().status, 101);
    assert_eq!(raw.text(), r#"{"type":"searching"}"#);
}

#[test]
fn extensions_and_subprotocols_are_declined() {
    let server = Server::plain();
    for lines in [
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate, permessage-bzip2\r\nSec-WebSocket-Protocol: chat\r\n",
    ] {
        let mut raw = server.raw();
        raw.send(format!("{}{lines}\r\n", handshake("/ws")));
        let response = raw.response();
        assert_eq!(response.status, 101);
        assert_eq!(response.field("sec-websocket-extensions"), None);
        assert_eq!(response.field("sec-websocket-protocol"), None);
        // Who compresses all the same breaks the protocol: the bit that says so is reserved.
        raw.send(raw::frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"));
        assert_eq!(raw.close_frame().0, 1002);
    }
}

#[test]
fn a_token_that_cannot_be_good_is_refused() {
    let server = Server::plain();
    let mut raw = server.raw();
    raw.send(format!(
        "{}\r\n",
        handshake("/ws?token=eyJhbGciOiJub25lIn0.e30.")
    ));
    assert_eq!(raw.response().status, 401);
    let response = answer(&server, "Authorization: Bearer forged\r\n");
    assert_eq!(response.status, 401);
    assert_eq!(response.error(), "invalid or expired token");
    assert_eq!(
        server.metric("passerby_refusals_total{cause=\"token\"}"),
        2.0
    );
}

/// Handshakes as they come through a proxy on this machine that nobody declared: to the server they look local,
/// but for the field that the proxy adds.
const FORWARDED: &str = "X-Forwarded-For: 198.51.100.7\r\n";

#[test]
fn a_page_on_this_machine_may_try_the_server() {
    let server = Server::plain();
    // From disk, a development server, or anywhere: whoever is at this machine decides.
    for origin in [
        "null",
        "http://localhost:3000",
        "file://",
        "https://foreign.example",
        "",
    ] {
        assert_eq!(
            answer(&server, &format!("Origin: {origin}\r\n")).status,
            101,
            "{origin}"
        );
    }
    assert_eq!(answer(&server, "").status, 101);
}

#[test]
fn a_foreign_page_may_not_open_sockets() {
    let server = Server::plain();
    for origin in [
        "https://foreign.example",
        "null",
        "",
        "http://test.foreign.example",
        "http://test:81",
        "http://test@foreign.example",
        "http://foreign.example/test",
        "ftp://test",
        "test",
        "http://",
        "http://localhost",
        "http://127.0.0.1",
    ] {
        let response = answer(&server, &format!("{FORWARDED}Origin: {origin}\r\n"));
        assert_eq!(response.status, 403, "{origin}");
        assert!(!response.error().is_empty());
    }
    let twice = format!("{FORWARDED}Origin: http://test\r\nOrigin: https://foreign.example\r\n");
    assert_eq!(answer(&server, &twice).status, 403);
    for field in [
        "Forwarded: for=198.51.100.7",
        "X-Real-IP: 198.51.100.7",
        "Via: 1.1 proxy",
    ] {
        assert_eq!(
            answer(
                &server,
                &format!("{field}\r\nOrigin: https://foreign.example\r\n")
            )
            .status,
            403
        );
    }
    assert_eq!(server.metric("passerby_online"), 0.0);
    assert_eq!(
        server.metric("passerby_refusals_total{cause=\"origin\"}"),
        16.0
    );
}

#[test]
fn our_own_page_and_programs_may_open_sockets() {
    let server = Server::plain();
    for line in [
        "",
        "Origin: http://test\r\n",
        "Origin: https://TEST\r\n",
        "Origin: http://test:80\r\n",
    ] {
        assert_eq!(
            answer(&server, &format!("{FORWARDED}{line}")).status,
            101,
            "{line}"
        );
    }
    for (host, origin) in [
        ("chat.example:8080", "http://chat.example:8080"),
        ("Chat.Example", "https://chat.example"),
        ("chat.example:443", "https://chat.example"),
        ("[::1]:8080", "http://[::1]:8080"),
    ] {
        let lines = [
            GET,
            &format!("Host: {host}"),
            UPGRADE,
            CONNECTION,
            VERSION,
            KEY,
            FORWARDED.trim_end(),
            &format!("Origin: {origin}"),
        ];
        assert_eq!(answer_to(&server, &lines).status, 101, "{origin} on {host}");
    }
}

#[test]
fn listed_origins_may_open_sockets() {
    let server = Server::start(&[
        "--allowed-origins",
        "https://a.example, http://b.example:8080",
    ]);
    for (origin, status) in [
        ("https://a.example", 101),
        ("https://A.example", 101),
        ("http://b.example:8080", 101),
        ("http://a.example", 403),
        ("https://a.example.evil.example", 403),
        ("http://b.example", 403),
        ("null", 403),
        ("http://test", 101),
    ] {
        let response = answer(&server, &format!("{FORWARDED}Origin: {origin}\r\n"));
        assert_eq!(response.status, status, "{origin}");
    }
    let open = Server::start(&["--allowed-origins", "*"]);
    for origin in ["https://foreign.example", "null"] {
        assert_eq!(
            answer(&open, &format!("{FORWARDED}Origin: {origin}\r\n")).status,
            101
        );
    }
}

#[test]
fn a_full_server_refuses_before_the_handshake() {
    let server = Server::start(&["--max-connections", "3"]);
    let (mut one, mut other) = server.pair();
    let mut third = server.client();
    third.search();
    let response = answer(&server, "");
    assert_eq!(response.status, 503);
    assert!(
        response
            .field("retry-after")
            .unwrap()
            .parse::<u32>()
            .unwrap()
            >= 1
    );
    assert_eq!(response.field("connection"), Some("close"));
    // Its operators still learn how it is.
    assert_eq!(server.get("/health").status, 200);
    assert!(server.metric("passerby_refusals_total{cause=\"full\"}") >= 1.0);
    one.chat_with(&mut other, "we are in");
    drop(third);
    assert!(support::eventually(support::PATIENCE, || answer(
        &server, ""
    )
    .status
        == 101));
}

#[test]
fn a_full_server_does_not_wait_for_those_who_say_nothing() {
    let server = Server::start(&["--max-connections", "2"]);
    let (mut one, mut other) = server.pair();
    let mut silent: Vec<Raw> = (0..40).map(|_| server.raw()).collect();
    for raw in &mut silent {
        raw.rest();
    }
    one.chat_with(&mut other, "we are in");
    assert_eq!(answer(&server, "").status, 503);
}

#[test]
fn an_address_has_so_many_connections() {
    let flags = ["--connections-per-ip", "3", "--connect-rate", "0"];
    let server = Launch {
        flags: &flags,
        address_limits: true,
        ..Launch::default()
    }
    .start();
    let upgrade_from = |last: u8| {
        let mut raw = Raw::connect_from([127, 0, 0, last].into(), server.address());
        raw.send(format!("{}\r\n", handshake("/ws")));
        let response = raw.response();
        (raw, response)
    };
    let mut held: Vec<Raw> = Vec::new();
    for _ in 0..3 {
        let (raw, response) = upgrade_from(2);
        assert_eq!(response.status, 101);
        held.push(raw);
    }
    let (mut refused, response) = upgrade_from(2);
    assert_eq!(response.status, 429);
    assert!(
        response
            .field("retry-after")
            .unwrap()
            .parse::<u32>()
            .unwrap()
            >= 1
    );
    refused.expect_end();
    // Others are not affected.
    assert_eq!(upgrade_from(3).1.status, 101);
    // A place that becomes free can be taken.
    drop(held.pop());
    drop(refused);
    let is_in = support::eventually(support::PATIENCE, || {
        let (raw, response) = upgrade_from(2);
        drop(raw);
        response.status == 101
    });
    assert!(is_in);
}

#[test]
fn an_address_asks_so_much_a_second() {
    let server = Launch {
        flags: &["--http-rate", "1", "--http-burst", "40"],
        address_limits: true,
        ..Launch::default()
    }
    .start();
    let ask_from = |last: u8, count: usize| {
        let mut raw = Raw::connect_from([127, 0, 0, last].into(), server.address());
        raw.send("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n".repeat(count));
        raw
    };
    let mut raw = ask_from(2, 60);
    let statuses: Vec<u16> = (0..41).map(|_| raw.response().status).collect();
    assert!(statuses[..40].iter().all(|status| *status == 200));
    assert_eq!(statuses[40], 429);
    raw.expect_end();
    let refusal = ask_from(2, 1).response();
    assert_eq!(refusal.status, 429);
    assert!(refusal.field("retry-after").is_some());
    // Others are not affected.
    assert_eq!(ask_from(3, 1).response().status, 200);
}

#[test]
fn an_address_opens_so_many_connections_a_second() {
    let flags = ["--connections-per-ip", "0", "--connect-rate", "1"];
    let server = Launch {
        flags: &flags,
        address_limits: true,
        ..Launch::default()
    }
    .start();
    let status_from = |last: u8| {
        let mut raw = Raw::connect_from([127, 0, 0, last].into(), server.address());
        raw.send("GET /health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        raw.response()
    };
    let answers: Vec<Response> = (0..45).map(|_| status_from(2)).collect();
    let refused = answers
        .iter()
        .filter(|response| response.status == 429)
        .count();
    let admitted = answers
        .iter()
        .filter(|response| response.status == 200)
        .count();
    assert_eq!(refused + admitted, 45);
    assert!(
        admitted >= 30 && refused >= 5,
        "{admitted} in, {refused} refused"
    );
    let last = answers
        .iter()
        .rfind(|response| response.status == 429)
        .unwrap();
    assert_eq!(last.field("retry-after"), Some("1"));
    assert_eq!(status_from(3).status, 200, "others are not affected");
    std::thread::sleep(Duration::from_millis(2_100));
    assert_eq!(status_from(2).status, 200);
}

#[test]
fn only_a_trusted_proxy_speaks_for_others() {
    let flags = [
        "--connections-per-ip",
        "2",
        "--connect-rate",
        "0",
        "--trusted-proxies",
        "127.0.0.9/32",
    ];
    let server = Launch {
        flags: &flags,
        address_limits: true,
        ..Launch::default()
    }
    .start();
    let upgrade = |from: u8, forwarded: &str| {
        let mut raw = Raw::connect_from([127, 0, 0, from].into(), server.address());
        raw.send(format!(
            "{}X-Forwarded-For: {forwarded}\r\n\r\n",
            handshake("/ws")
        ));
        let status = raw.response().status;
        (raw, status)
    };
    // Who is not trusted gains nothing by naming others.
    let forged: Vec<(Raw, u16)> = (0..4)
        .map(|n| upgrade(2, &format!("203.0.113.{n}")))
        .collect();
    let statuses: Vec<u16> = forged.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [101, 101, 429, 429]);
    // The proxy's own connections are not counted; the people behind it are, each by the right-most address
    // that the proxy did not make up. What they wrote themselves stands left of that.
    let people: Vec<(Raw, u16)> = (0..6)
        .map(|n| upgrade(9, &format!("198.51.100.{n}")))
        .collect();
    assert!(people.iter().all(|(_, status)| *status == 101));
    let one: Vec<(Raw, u16)> = (0..4)
        .map(|n| upgrade(9, &format!("10.1.1.{n}, 203.0.113.77")))
        .collect();
    let statuses: Vec<u16> = one.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [101, 101, 429, 429]);
    let hops = upgrade(9, "203.0.113.77, 127.0.0.9");
    assert_eq!(hops.1, 429, "a trusted hop is passed over");
    drop(one);
    assert!(support::eventually(support::PATIENCE, || upgrade(
        9,
        "203.0.113.77"
    )
    .1 == 101));
}

#[test]
fn an_ipv4_address_counts_alone_on_a_socket_for_both_families() {
    let flags = [
        "--listen",
        ":0",
        "--connections-per-ip",
        "2",
        "--connect-rate",
        "0",
    ];
    let server = Launch {
        flags: &flags,
        address_limits: true,
        ..Launch::default()
    }
    .start();
    let address = ([127, 0, 0, 1], server.address().port()).into();
    let enter = |last: u8| {
        let mut raw = Raw::connect_from([127, 0, 0, last].into(), address);
        raw.send(format!("{}\r\n", handshake("/ws")));
        let status = raw.response().status;
        (raw, status)
    };
    let held: Vec<(Raw, u16)> = (0..3).map(|_| enter(2)).collect();
    let statuses: Vec<u16> = held.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [101, 101, 429]);
    // The server sees ::ffff:127.0.0.2 and ::ffff:127.0.0.3, which are in one /64.
    assert_eq!(enter(3).1, 101);
}
