//! What goes wrong in the world: people who vanish, stall, flood or never finish, and a machine without
//! descriptors. Each costs the one it happens to, and nobody else.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use support::raw::{frame, handshake, text};
use support::server::Launch;
use support::{Client, PATIENCE, Raw, Server, eventually, percentile, raise_descriptor_limit};

const SECOND: Duration = Duration::from_secs(1);
/// No limit but those of the protocol itself.
const UNLIMITED: &[&str] = &[
    "--message-rate",
    "0",
    "--skip-rate",
    "0",
    "--frame-rate",
    "0",
];

/// Sets its flag when it goes.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Chats on `server` for as long as `during` takes, and makes sure that nobody would notice it.
fn while_others_chat<T>(server: &Server, during: impl FnOnce() -> T) -> T {
    let (mut one, mut other) = server.pair();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let chat = scope.spawn(|| {
            let mut latencies = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                latencies.push(one.chat_with(&mut other, "how are you?"));
                latencies.push(other.chat_with(&mut one, "fine"));
                thread::sleep(Duration::from_millis(20));
            }
            latencies
        });
        // Ends the chat also when what happens meanwhile fails.
        let end = AtEnd(&is_over);
        let outcome = during();
        drop(end);
        let mut latencies = chat.join().expect("they chat on");
        assert!(latencies.len() >= 20, "only {} messages", latencies.len());
        // Generous, as everything else on this machine has its share in it; who waits for somebody else's
        // deadline waits for seconds.
        let median = percentile(&mut latencies, 50);
        let most = percentile(&mut latencies, 95);
        assert!(
            median < Duration::from_millis(100),
            "the median was {median:?}"
        );
        assert!(most < SECOND, "one in twenty took {most:?}");
        outcome
    })
}

/// Writes `bytes` over and over until the server takes no more for a second; says how much it took.
fn flood(stream: &TcpStream, bytes: &[u8]) -> usize {
    stream.set_nonblocking(true).expect("an option");
    let mut stream = stream;
    let (mut sent, mut last) = (0, Instant::now());
    while last.elapsed() < SECOND {
        match stream.write(&bytes[sent % bytes.len()..]) {
            Ok(count) => {
                sent += count;
                last = Instant::now();
            }
            Err(error) if support::client::is_timeout(&error) => {
                thread::sleep(Duration::from_millis(5))
            }
            Err(_) => break,
        }
    }
    stream.set_nonblocking(false).expect("an option");
    sent
}

#[test]
fn a_partner_who_is_killed_is_missed_at_once() {
    let server = Server::plain();
    let ways: [fn(Client); 4] = [
        Client::vanish,
        Client::reset,
        // Half closed: no more will come.
        |client| {
            client
                .stream()
                .shutdown(Shutdown::Write)
                .expect("shut down");
            thread::sleep(SECOND);
        },
        // Dead with something unread, which makes the kernel reset the connection.
        drop,
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let (mut one, mut other) = (server.client(), server.client());
        let pair = one.meet(&mut other);
        if number == 3 {
            one.chat("never read");
            one.expect_nothing();
        }
        thread::scope(|scope| {
            let start = Instant::now();
            scope.spawn(move || way(other));
            let left = one.expect("strangerLeft");
            assert!(
                start.elapsed() < SECOND,
                "way {number}: {:?}",
                start.elapsed()
            );
            assert_eq!(
                left,
                json!({ "type": "strangerLeft", "pairId": pair, "reason": "disconnected" })
            );
        });
        assert_eq!(one.stats(), (1, 0, 0));
        one.close();
        server.await_metric("passerby_online", 0.0);
    }
}

#[test]
fn who_waits_and_is_killed_is_met_by_nobody() {
    let server = Server::plain();
    for way in [Client::vanish, Client::reset] {
        let mut waiting = server.client();
        waiting.search();
        way(waiting);
        let mut next = server.client();
        next.search();
        assert_eq!(next.stats(), (1, 1, 0));
        next.close();
        server.await_metric("passerby_online", 0.0);
    }
}

/// Someone spends the frame budget of a minute, and dies: the process ends, so the kernel says FIN behind all
/// of it.
fn flood_and_die(client: Client) {
    let pong = [0x8a, 0x82, 0, 0, 0, 0, b'h', b'i'];
    let mut stream = client.stream();
    stream.write_all(&pong.repeat(6_000)).expect("sent");
    client.vanish();
}

#[test]
fn who_floods_and_dies_is_missed_at_once() {
    let server = Server::start(&["--rematch-after-ms", "0"]);
    let (one, mut other) = server.pair();
    let start = Instant::now();
    flood_and_die(one);
    assert_eq!(other.expect("strangerLeft")["reason"], "disconnected");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    // Likewise somebody who only waits.
    let mut waiting = server.client();
    waiting.search();
    flood_and_die(waiting);
    server.await_metric("passerby_online", 1.0);
    other.search();
}

#[test]
fn who_vanishes_amid_a_frame_is_missed_at_once() {
    let server = Server::plain();
    let mut one = server.client();
    one.search();
    let mut other = server.raw_socket();
    other.send(text(r#"{"type":"findMatch"}"#));
    one.expect("strangerJoined");
    other.send(&text(r#"{"type":"sendMessage","text":"half of it"}"#)[..20]);
    let start = Instant::now();
    drop(other);
    one.expect("strangerLeft");
    assert!(start.elapsed() < SECOND);
    one.expect_nothing();
}

#[test]
fn ten_thousand_who_come_and_go_leave_nothing_behind() {
    raise_descriptor_limit();
    let server = Server::start(UNLIMITED);
    let visit = |number: usize| {
        let mut raw = server.raw();
        match number % 5 {
            0 => {}
            1 => {
                raw.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
                raw.response();
            }
            2 => raw.send("GET / HTT"),
            kind => {
                let mut packet = format!("{}\r\n", handshake("/ws?auto=1")).into_bytes();
                packet.extend(text(r#"{"type":"findMatch","interests":["a","b","c"]}"#));
                packet.extend(text(r#"{"type":"sendMessage","text":"hello","cid":"1"}"#));
                if kind == 4 {
                    packet.extend(&frame(0x01, &[b'x'; 2_000])[..1_000]);
                }
                raw.send(packet);
                assert_eq!(raw.response().status, 101);
                raw.text();
            }
        }
        if number.is_multiple_of(2) {
            let socket = socket2::SockRef::from(&raw.stream);
            socket.set_linger(Some(Duration::ZERO)).expect("an option");
        }
    };
    let visits = |count: usize| {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..count / 4).for_each(visit));
            }
        });
        server.await_metric("passerby_connections", 1.0);
    };
    visits(2_000);
    let (rss, descriptors) = (server.rss(), server.descriptors());
    visits(10_000);
    let grown = server.rss().saturating_sub(rss);
    assert!(grown < 1 << 20, "{grown} bytes more");
    // The connection that asked last may just be closing.
    assert!(
        eventually(PATIENCE, || server.descriptors() <= descriptors),
        "{}",
        server.descriptors()
    );
    for gauge in [
        "online",
        "searching{mode=\"text\"}",
        "pairs{mode=\"text\"}",
        "queued_bytes",
    ] {
        assert_eq!(server.metric(&format!("passerby_{gauge}")), 0.0, "{gauge}");
    }
}

#[test]
fn five_thousand_who_come_at_once_are_all_served() {
    raise_descriptor_limit();
    let server = Server::start(UNLIMITED);
    let before = server.rss();
    let start = Instant::now();
    let mut crowd: Vec<Raw> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..625).map(|_| server.raw()).collect::<Vec<Raw>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("connected"))
            .collect()
    });
    // If the kernel's queue were too short, some would have to knock again after 1, 3 and 7 seconds.
    assert!(
        start.elapsed() < Duration::from_secs(7),
        "{:?}",
        start.elapsed()
    );
    for raw in &mut crowd {
        raw.send(format!("{}\r\n", handshake("/ws?auto=1")));
    }
    for raw in &mut crowd {
        assert_eq!(raw.response().status, 101);
    }
    let mut client = server.client();
    assert_eq!(client.stats(), (5_001, 0, 2_500));
    for raw in &mut crowd {
        while !raw.text().contains("strangerJoined") {}
    }
    let each = server.rss().saturating_sub(before) / 5_000;
    assert!(each < 2_048, "{each} bytes for each of them");
    // Leaving at once is as easy.
    drop(crowd);
    server.await_metric("passerby_online", 1.0);
    assert_eq!(client.stats(), (1, 0, 0));
}

#[test]
fn a_server_with_few_descriptors_serves_whom_it_can() {
    let launch = Launch {
        prelude: "ulimit -n 256",
        flags: UNLIMITED,
        ..Launch::default()
    };
    let server = launch.start();
    let enter = || {
        let mut raw = server.raw();
        raw.send(format!("{}\r\n", handshake("/ws?auto=1")));
        let response = raw.response();
        if response.status != 101 {
            assert_eq!(response.status, 503);
            assert!(response.field("retry-after").is_some());
        }
        (raw, response.status == 101)
    };
    let mut inside: Vec<Raw> = Vec::new();
    let mut outside = 0;
    for _ in 0..400 {
        match enter() {
            (raw, true) => inside.push(raw),
            _ => outside += 1,
        }
    }
    assert_eq!(
        (inside.len(), outside),
        (192, 208),
        "the limit less those held back"
    );
    // Some more, who do not even ask, and are kept in the kernel's queue or shown out.
    let silent: Vec<TcpStream> = (0..100).map(|_| server.tcp()).collect();
    let cpu = server.cpu();
    thread::sleep(2 * SECOND);
    let spent = server.cpu() - cpu;
    assert!(
        spent < Duration::from_millis(300),
        "{spent:?} of two seconds while nothing happens"
    );
    drop(silent);
    assert!(
        eventually(PATIENCE, || !enter().1),
        "those who ask are told"
    );
    // People inside do not notice.
    let (first, second) = inside.split_at_mut(1);
    assert!(first[0].text().contains("searching"));
    assert!(first[0].text().contains("strangerJoined"));
    first[0].send(text(r#"{"type":"sendMessage","text":"hello"}"#));
    while !second[0].text().contains("hello") {}
    // Places that become free are taken.
    inside.truncate(150);
    let start = Instant::now();
    assert!(eventually(PATIENCE, || enter().1));
    assert!(
        start.elapsed() < SECOND + SECOND / 2,
        "{:?}",
        start.elapsed()
    );
    assert!(server.descriptors() <= 256);
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let server = Server::start(UNLIMITED);
    let (mut one, mut other) = server.pair();
    // The machine has fewer than the server was promised.
    let before = server.descriptors();
    let hard = rlimit::getrlimit(rlimit::Resource::NOFILE)
        .expect("limits")
        .1;
    let pid = i32::try_from(server.pid()).expect("a pid");
    let limit = |soft: u64| {
        rlimit::prlimit(pid, rlimit::Resource::NOFILE, Some((soft, hard)), None).expect("a limit");
    };
    limit(before as u64 + 20);
    let mut crowd: Vec<Raw> = (0..60).map(|_| server.raw()).collect();
    for raw in &mut crowd {
        raw.send(format!("{}\r\n", handshake("/ws")));
    }
    for raw in &mut crowd[..15] {
        assert_eq!(raw.response().status, 101);
    }
    let cpu = server.cpu();
    let start = Instant::now();
    while start.elapsed() < 2 * SECOND {
        one.chat_with(&mut other, "we are in");
        thread::sleep(SECOND / 10);
    }
    let spent = server.cpu() - cpu;
    assert!(
        spent < Duration::from_millis(500),
        "{spent:?} of two seconds while it cannot accept"
    );
    // About twenty: some of the numbers below the limit may have been in use, or some in use above it.
    let inside = server.descriptors() - before;
    assert!((15..30).contains(&inside), "{inside} are in");
    assert!(
        crowd[inside].is_quiet(Duration::from_millis(10)),
        "it has no descriptor for this one"
    );
    // Ten leave, and the ten who have waited longest come in, though nothing more knocks.
    let start = Instant::now();
    drop(crowd.drain(..10));
    for raw in &mut crowd[5..inside] {
        assert_eq!(raw.response().status, 101);
    }
    assert!(start.elapsed() < 2 * SECOND, "{:?}", start.elapsed());
    limit(hard);
    for raw in &mut crowd[inside..] {
        assert_eq!(raw.response().status, 101);
    }
    assert!(server.metric("passerby_accept_rests_total") >= 1.0);
    assert!(server.log().contains("accepting rests"));
}

#[test]
fn a_reader_who_is_slow_gets_everything() {
    let server = Server::start(UNLIMITED);
    let mut writer = server.client();
    writer.search();
    // A small window, so that the server writes in small pieces.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&server.address().into()).unwrap();
    let mut reader = Client::on(socket.into(), "/ws");
    reader.say(json!({ "type": "findMatch" }));
    writer.joined_with(&mut reader);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..3_000 {
                // Receipts would pile up while nobody reads them.
                writer.chat_unheard(&format!("{number} {}", "x".repeat(1_000)));
            }
        });
        thread::sleep(SECOND);
        for number in 0..3_000 {
            let text = reader.hear_chat();
            assert_eq!(text.split(' ').next(), Some(number.to_string().as_str()));
            assert_eq!(text.len(), 1_001 + number.to_string().len());
        }
    });
    reader.expect_nothing();
    // And the other direction was never in the way.
    reader.chat_with(&mut writer, "got it all");
}

#[test]
fn a_log_that_cannot_be_written_hurts_nobody() {
    for launch in [
        Launch {
            log_to: "/dev/full",
            ..Launch::default()
        },
        Launch {
            prelude: "exec 2>&-",
            ..Launch::default()
        },
        Launch {
            prelude: "exec 2>/dev/full 0<&-",
            ..Launch::default()
        },
    ] {
        let mut server = launch.start();
        let (mut one, mut other) = server.pair();
        one.chat_with(&mut other, "hello");
        server.get("/nowhere");
        let mut raw = server.raw_socket();
        raw.send(b"\xff\xff");
        raw.close_frame();
        one.chat_with(&mut other, "still here");
        server.signal("TERM");
        one.expect("draining");
        assert_eq!(server.ended(PATIENCE).expect("it ends").code(), Some(0));
    }
}

#[test]
fn nothing_that_people_say_is_logged() {
    const CANARY: &str = "canary7f3a";
    let mut server = Server::start(&["--log", "debug", "--message-rate", "1"]);
    let (mut one, mut other) = server.pair();
    for _ in 0..25 {
        one.say(json!({ "type": "sendMessage", "text": CANARY, "cid": CANARY }));
    }
    one.say(json!({ "type": "sendMessage", "text": CANARY.repeat(500) }));
    one.say(json!({ "type": CANARY, "text": CANARY }));
    one.say(json!({ "type": "stopChat", "pairId": CANARY }));
    one.send(CANARY);
    one.say(json!({ "type": "nextStranger", "interests": [CANARY], "language": CANARY }));
    let mut terminal = server.client_at("/ws?format=text");
    terminal.hear_text();
    terminal.send(CANARY);
    let mut raw = server.raw_socket();
    raw.send(frame(0x81, &[CANARY.as_bytes(), b"\xff"].concat()));
    raw.close_frame();
    let mut goodbye = server.raw_socket();
    goodbye.send(frame(0x88, &[b"\x03\xe8", CANARY.as_bytes()].concat()));
    goodbye.rest();
    for request in [
        format!("GET /{CANARY}?{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\n\r\n"),
        format!(
            "{}Authorization: Bearer {CANARY}\r\nOrigin: http://{CANARY}\r\n\r\n",
            handshake("/ws?token=canary7f3a")
        ),
        format!("POST /health HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n{CANARY}"),
        format!("{CANARY} / HTTP/1.1\r\n\r\n"),
    ] {
        let mut raw = server.raw();
        raw.send(request);
        let response = raw.response();
        assert!(response.status >= 400);
        assert!(!response.text().contains(CANARY), "nothing is echoed");
    }
    let metrics = server.get("/metrics").text();
    assert!(!metrics.contains(CANARY));
    assert_eq!(other.hear_chat(), CANARY);
    server.signal("TERM");
    server.ended(PATIENCE).expect("it ends");
    let log = server.log();
    assert!(log.contains("stopping"), "there is a log: {log}");
    assert!(!log.contains(CANARY), "{log}");
}

#[test]
fn no_message_costs_more_than_its_length_explains() {
    let server = Server::start(&[
        "--message-rate",
        "0",
        "--skip-rate",
        "0",
        "--frame-rate",
        "0",
    ]);
    let mut client = server.client();
    let most = 64 * 1024;
    let stats = r#"{"type":"stats","x":"#;
    let nested = format!("{stats}{}{}}}", "[".repeat(120), "]".repeat(120));
    let wide = format!("{stats}[{}0]}}", "0,".repeat((most - 40) / 2));
    let keys: String = (0..5_000).map(|n| format!("\"k{n}\":0,")).collect();
    let object = format!("{{{keys}\"type\":\"stats\"}}");
    // One character that becomes eighteen when it is normalized, and marks that have to be put in order.
    let grows =
        json!({ "type": "findMatch", "interests": vec!["\u{fdfa}".repeat(24); 10] }).to_string();
    let marks: String = (0..24)
        .map(|n| if n % 2 == 0 { '\u{301}' } else { '\u{327}' })
        .collect();
    let marks = json!({ "type": "findMatch", "interests": vec![marks; 10] }).to_string();
    let escapes = format!(
        r#"{{"type":"sendMessage","text":"{}"}}"#,
        r"\u00e9".repeat(10_000)
    );
    let broken = format!(
        r#"{{"type":"sendMessage","text":"{}"#,
        "x".repeat(most - 100)
    );
    for message in [&nested, &wide, &object, &grows, &marks, &escapes, &broken] {
        let before = server.cpu();
        for _ in 0..50 {
            client.send(message);
            client.hear();
        }
        let each = (server.cpu() - before) / 50;
        // A few milliseconds even without optimization; what grows with the square of 64 KiB takes seconds.
        assert!(
            each < Duration::from_millis(25),
            "{each:?} for {}",
            &message[..60]
        );
    }
}

slow! {
    /// Thousands who send their request a byte at a time have ten seconds, and nobody else notices.
    fn heads_that_come_slowly_are_given_up_after_ten_seconds() {
        raise_descriptor_limit();
        let server = Server::start(UNLIMITED);
        let rss = server.rss();
        while_others_chat(&server, || {
            let start = Instant::now();
            let mut crowd: Vec<TcpStream> = (0..2_000).map(|_| server.tcp()).collect();
            let opened = start.elapsed();
            let request = b"GET / HTTP/1.1\r\nHost: test\r\nX-Filler: abcdefghijklmnopqrstuvwxyz\r\n";
            // The first half says something, a byte each second; the second half says nothing at all.
            let mut at = 0;
            while start.elapsed() < Duration::from_secs(9) {
                for stream in &mut crowd[..1_000] {
                    let _ = stream.write_all(&request[at..=at]);
                }
                at += 1;
                thread::sleep(SECOND);
            }
            if start.elapsed() < Duration::from_millis(9_900) {
                assert_eq!(server.metric("passerby_connections"), 2_003.0, "they have their ten seconds");
            }
            let grown = server.rss().saturating_sub(rss);
            assert!(grown < 2_000 * 4_096, "{grown} bytes for beginnings of requests");
            let are_gone = eventually(Duration::from_secs(30), || server.metric("passerby_connections") == 3.0);
            assert!(are_gone);
            let took = start.elapsed();
            assert!(took < Duration::from_secs(13) + opened, "{took:?}");
            assert_eq!(server.metric("passerby_refusals_total{cause=\"timeout\"}"), 1_000.0);
            let mut answer = String::new();
            crowd[0].read_to_string(&mut answer).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
            let mut answer = String::new();
            crowd[1_999].read_to_string(&mut answer).expect("an end");
            assert_eq!(answer, "", "who said nothing is told nothing");
        });
    }

    /// A body has fifteen seconds, however it comes.
    fn bodies_that_come_slowly_are_given_up_after_fifteen_seconds() {
        let server = Server::start(UNLIMITED);
        while_others_chat(&server, || {
            let start = Instant::now();
            let mut crowd: Vec<Raw> = (0..50).map(|_| server.raw()).collect();
            for (number, raw) in crowd.iter_mut().enumerate() {
                let framing = if number % 2 == 0 { "Content-Length: 60000" } else { "Transfer-Encoding: chunked" };
                raw.send(format!("POST /health HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n"));
                if number % 2 == 1 {
                    raw.send("ea60\r\n");
                }
            }
            while start.elapsed() < Duration::from_secs(14) {
                crowd.iter_mut().for_each(|raw| raw.send("x"));
                thread::sleep(SECOND);
            }
            for raw in &mut crowd {
                assert_eq!(raw.response().status, 408);
                raw.expect_end();
            }
            let took = start.elapsed();
            assert!(took >= Duration::from_millis(14_900) && took < Duration::from_secs(19), "{took:?}");
        });
    }

    /// A connection that was kept for another request is closed without a word when none comes.
    fn idle_kept_connections_are_closed_after_fifteen_seconds() {
        let server = Server::plain();
        let mut raw = server.raw();
        raw.stream.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
        raw.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
        raw.response();
        thread::sleep(3 * SECOND);
        // Each request begins another fifteen seconds.
        raw.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
        raw.response();
        let took = raw.expect_end();
        assert!(took >= Duration::from_millis(14_900) && took < Duration::from_secs(19), "{took:?}");
    }

    /// The head of a further request has ten seconds, from its first byte.
    fn a_further_request_has_ten_seconds_for_its_head() {
        let server = Server::plain();
        let mut raw = server.raw();
        raw.stream.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
        raw.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\nGET /he");
        raw.response();
        let start = Instant::now();
        assert_eq!(raw.response().status, 408);
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(9_900) && took < Duration::from_secs(14), "{took:?}");
    }

    /// Who asks for much and reads nothing is closed, and never costs more than a bounded buffer.
    fn responses_that_nobody_reads_are_given_up() {
        let server = Server::start(UNLIMITED);
        let rss = server.rss();
        while_others_chat(&server, || {
            let request = "GET /passerby.js HTTP/1.1\r\nHost: test\r\n\r\n".repeat(100);
            let crowd: Vec<TcpStream> = (0..20).map(|_| server.tcp()).collect();
            let start = Instant::now();
            thread::scope(|scope| {
                for stream in &crowd {
                    scope.spawn(|| flood(stream, request.as_bytes()));
                }
            });
            let grown = server.rss().saturating_sub(rss);
            assert!(grown < 20 * 300 * 1_024, "{grown} bytes for 20 readers");
            let are_gone = eventually(Duration::from_secs(30), || server.metric("passerby_connections") == 3.0);
            assert!(are_gone);
            let took = start.elapsed();
            assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(20), "{took:?}");
        });
    }

    /// People who stop reading while their partners go on talking: the partners have to wait, everybody else
    /// has not, and after ten seconds the stalled are given up.
    fn stalled_readers_cost_a_bounded_buffer_and_are_given_up() {
        let server = Server::start(UNLIMITED);
        let rss = server.rss();
        while_others_chat(&server, || {
            let message = text(&json!({ "type": "sendMessage", "text": "x".repeat(1_000) }).to_string());
            let mut pairs: Vec<(Raw, Raw)> = (0..20)
                .map(|_| {
                    let (mut stalled, mut talker) = (server.raw_socket(), server.raw_socket());
                    stalled.send(text(r#"{"type":"findMatch"}"#));
                    assert!(stalled.text().contains("searching"));
                    talker.send(text(r#"{"type":"findMatch"}"#));
                    assert!(talker.text().contains("strangerJoined"));
                    (stalled, talker)
                })
                .collect();
            let start = Instant::now();
            let sent: Vec<usize> = thread::scope(|scope| {
                let threads: Vec<_> =
                    pairs.iter().map(|(_, talker)| scope.spawn(|| flood(&talker.stream, &message))).collect();
                threads.into_iter().map(|thread| thread.join().expect("flooded")).collect()
            });
            let grown = server.rss().saturating_sub(rss);
            // 256 KiB is the most for each; the rest of what was sent waits with the talkers.
            assert!(grown < 20 * 300 * 1_024, "{grown} bytes for 20 stalled readers");
            assert!(server.metric("passerby_queued_bytes") < 20.0 * 256.0 * 1_024.0);
            for (number, ((stalled, talker), sent)) in pairs.iter_mut().zip(sent).enumerate() {
                talker.stream.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
                let left = loop {
                    let said = talker.frame();
                    if said.opcode == 1 {
                        break String::from_utf8(said.payload).unwrap();
                    }
                };
                assert!(left.contains("\"reason\":\"timeout\""), "{left}");
                if number == 0 {
                    // Who begins to read again at the last moment is told why it is over.
                    let goodbye = loop {
                        let said = stalled.frame();
                        if said.opcode == 8 {
                            break said.payload;
                        }
                    };
                    assert_eq!(goodbye[..2], 4008u16.to_be_bytes());
                    assert!(goodbye.len() > 2, "a reason");
                }
                // What was already on its way is answered: there is nobody to say it to any more.
                let rest = &message[sent % message.len()..];
                let mut stream = talker.stream.try_clone().unwrap();
                thread::scope(|scope| {
                    scope.spawn(move || {
                        stream.write_all(rest).unwrap();
                        stream.write_all(&text(r#"{"type":"stats"}"#)).unwrap();
                    });
                    loop {
                        let answer = talker.text();
                        if answer.contains("\"type\":\"stats\"") {
                            break;
                        }
                        assert!(answer.contains("\"code\":\"bad_state\""), "{answer}");
                    }
                });
            }
            let took = start.elapsed();
            assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(25), "{took:?}");
            assert_eq!(server.metric("passerby_closes_total{cause=\"too_slow\"}"), 20.0);
            assert_eq!(server.metric("passerby_online"), 22.0);
            // The talkers are free for somebody else.
            let (_, talker) = &mut pairs[0];
            talker.send(text(r#"{"type":"findMatch"}"#));
            assert!(talker.text().contains("searching"));
        });
    }

    /// Somebody without an answer to a ping is gone: the partner is told, and the socket closed with 4012.
    fn a_partner_who_is_silent_is_found_out_by_a_ping() {
        let server = Server::plain();
        let mut one = server.client();
        one.search();
        let mut silent = server.raw_socket();
        silent.stream.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
        silent.send(text(r#"{"type":"findMatch"}"#));
        let start = Instant::now();
        assert!(silent.text().contains("strangerJoined"));
        one.expect("strangerJoined");
        let chat = thread::spawn(move || {
            // This one answers every ping, and is not taken for dead.
            let left = loop {
                if let Some(message) = one.next_within(Duration::from_secs(30)) {
                    break message.into_text().expect("text");
                }
            };
            (one, left)
        });
        assert_eq!(silent.frame().opcode, 9, "a ping");
        let pinged = start.elapsed();
        let (code, reason) = silent.close_frame();
        let closed = start.elapsed();
        assert_eq!(code, 4012);
        assert!(!reason.is_empty());
        assert!(pinged >= Duration::from_millis(9_900) && pinged < Duration::from_secs(14), "{pinged:?}");
        assert!(closed >= Duration::from_millis(17_800) && closed < Duration::from_secs(23), "{closed:?}");
        let (mut one, left) = chat.join().expect("told");
        assert!(left.contains("\"reason\":\"timeout\""), "{left}");
        one.expect_nothing();
        assert_eq!(server.metric("passerby_closes_total{cause=\"no_pong\"}"), 1.0);
    }

    /// A message has ten seconds from its first byte to its last.
    fn a_message_that_is_never_finished_is_given_up() {
        let server = Server::plain();
        let mut crowd: Vec<Raw> = (0..3).map(|_| server.raw_socket()).collect();
        let start = Instant::now();
        crowd[0].send(&text(r#"{"type":"stats"}"#)[..1]);
        crowd[1].send(&text(r#"{"type":"stats"}"#)[..10]);
        crowd[2].send(frame(0x01, b"{"));
        // Being alive is no excuse.
        for _ in 0..8 {
            thread::sleep(SECOND);
            crowd[2].send(frame(0x8a, b""));
        }
        for raw in &mut crowd {
            assert_eq!(raw.close_frame().0, 1008);
            raw.expect_end();
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(9_900) && took < Duration::from_secs(14), "{took:?}");
    }

    /// Where the network cuts a stream is not up to who sends it: each message has its own ten seconds.
    fn messages_are_not_added_up_when_each_packet_ends_amid_one() {
        let server = Server::plain();
        let mut raw = server.raw_socket();
        let message = text(r#"{"type":"stats"}"#);
        let (front, back) = message.split_at(10);
        raw.send(front);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(13) {
            raw.send([back, front].concat());
            assert!(raw.text().contains("\"type\":\"stats\""));
            thread::sleep(SECOND / 5);
        }
        raw.send(back);
        assert!(raw.text().contains("\"type\":\"stats\""));
    }

    /// Who sends more frames than allowed is read from more slowly; nothing of it is lost, and nobody waits.
    fn who_sends_too_many_frames_is_read_from_more_slowly() {
        let server = Server::start(&["--message-rate", "0", "--frame-rate", "100"]);
        while_others_chat(&server, || {
            let mut raw = server.raw_socket();
            let start = Instant::now();
            // 200 at once and 100 a second from then on; what has been read by then is still answered.
            for _ in 0..3 {
                raw.send(text(r#"{"type":"stats"}"#).repeat(200));
                for _ in 0..200 {
                    assert!(raw.text().contains("\"type\":\"stats\""));
                }
            }
            let took = start.elapsed();
            assert!(took >= Duration::from_millis(1_900) && took < Duration::from_secs(7), "{took:?}");
        });
    }

    /// At the speed of the wire: the flooders feel it, and only they.
    fn flooding_clients_delay_nobody_but_themselves() {
        let server = Server::start(&["--message-rate", "0"]);
        while_others_chat(&server, || {
            let pong = frame(0x8a, b"").repeat(1_000);
            let crowd: Vec<Raw> = (0..10).map(|_| server.raw_socket()).collect();
            let cpu = server.cpu();
            let start = Instant::now();
            let sent: usize = thread::scope(|scope| {
                let threads: Vec<_> =
                    crowd.iter().map(|raw| scope.spawn(|| flood(&raw.stream, &pong))).collect();
                threads.into_iter().map(|thread| thread.join().expect("flooded")).sum()
            });
            // It was not read and thrown away: it waits in the flooders' own buffers.
            let read = server.metric("passerby_bytes_in_total") as usize;
            assert!(read < sent / 2, "{read} of {sent} bytes were read");
            let (spent, took) = (server.cpu() - cpu, start.elapsed());
            assert!(spent < took / 2, "{spent:?} of {took:?}");
            thread::sleep(2 * SECOND);
        });
    }

    /// Without a frame budget, a flooder gets its turn like everybody else, and no more.
    fn flooding_clients_take_turns_with_everybody_else() {
        let server = Server::start(UNLIMITED);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let raw = server.raw_socket();
                    let pong = frame(0x8a, b"").repeat(1_000);
                    raw.stream.set_nonblocking(true).expect("an option");
                    let (mut stream, mut sent) = (&raw.stream, 0);
                    while !is_over.load(Ordering::Relaxed) {
                        match stream.write(&pong[sent % pong.len()..]) {
                            Ok(count) => sent += count,
                            Err(_) => thread::sleep(Duration::from_millis(1)),
                        }
                    }
                });
            }
            let _end = AtEnd(&is_over);
            while_others_chat(&server, || thread::sleep(3 * SECOND));
        });
    }
}
