//! Logging in under stress: hundreds at once, and what a try costs that must fail.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use support::{Launch, Server};

const FLAGS: &[&str] = &["--trusted-proxies", "127.0.0.1", "--register-rate", "0"];

/// What hundreds of logins may take, the 19 MiB of the one password in work included.
const GROWTH_MIB: u64 = 40;

/// A password may wait 8 s, and a machine that has other things to do may take its time.
const LONG: Duration = Duration::from_secs(60);

/// Asks to be logged in, as somebody at an address of their own.
fn log_in(server: &Server, identifier: &str, password: &str, number: usize) -> TcpStream {
    let body = json!({ "identifier": identifier, "password": password }).to_string();
    let request = format!(
        "POST /auth/login HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
         X-Forwarded-For: 10.9.{}.{}\r\nContent-Length: {}\r\n\r\n{body}",
        number / 256,
        number % 256,
        body.len()
    );
    let mut stream = server.tcp();
    stream.set_read_timeout(Some(LONG)).expect("an option");
    stream.write_all(request.as_bytes()).expect("sent");
    stream
}

/// The status of what is answered, and all of it.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .expect("an answer, and the end");
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), text)
}

fn start() -> Server {
    Launch {
        flags: FLAGS,
        ..Launch::default()
    }
    .start()
}

#[test]
fn five_hundred_logins_at_once_are_all_answered_and_disturb_nobody_else() {
    support::raise_descriptor_limit();
    let server = start();
    let before = server.rss();
    server.register("known", "FR");
    let (mut one, mut other) = server.pair();
    let crowd: Vec<TcpStream> = (0..500)
        .map(|number| {
            let name = match number % 5 {
                0 => "known".to_owned(),
                _ => format!("nobody{number}"),
            };
            log_in(&server, &name, "correct horse", number)
        })
        .collect();
    let mut most = 0;
    for round in 0..20 {
        one.chat_with(&mut other, &format!("{round}"));
        most = most.max(server.rss());
    }
    let mut statuses = std::collections::BTreeMap::<u16, u32>::new();
    for stream in crowd {
        let (status, text) = answer(stream);
        if matches!(status, 429 | 503) {
            assert!(text.contains("Retry-After: "), "{text}");
        }
        *statuses.entry(status).or_default() += 1;
        most = most.max(server.rss());
    }
    let count = |status| statuses.get(&status).copied().unwrap_or(0);
    let turned_away = count(429) + count(503);
    assert_eq!(count(200) + count(401) + turned_away, 500, "{statuses:?}");
    assert!(turned_away > 250, "{statuses:?}");
    assert!(count(200) + count(401) > 0, "{statuses:?}");
    let grown_mib = most.saturating_sub(before) / 1024 / 1024;
    assert!(grown_mib <= GROWTH_MIB, "{grown_mib} MiB more");
}

#[test]
fn people_behind_one_address_are_not_taken_for_guessers() {
    let server = start();
    server.register("known", "FR");
    let crowd: Vec<TcpStream> = (0..12)
        .map(|_| log_in(&server, "known", "correct horse", 0))
        .collect();
    for stream in crowd {
        let (status, text) = answer(stream);
        // A machine that has other things to do may take too long.
        assert!(matches!(status, 200 | 503), "{text}");
    }
    assert!(server.metric("passerby_logins_total") > 0.0);
}

#[test]
fn an_unknown_name_and_a_wrong_password_cost_one_hash_each() {
    let server = start();
    server.register("known", "FR");
    let hashed = || server.metric("passerby_passwords_hashed_total");
    assert_eq!(hashed(), 1.0);
    let mut bodies = Vec::new();
    for (number, name) in ["nobody", "known"].into_iter().enumerate() {
        let before = hashed();
        let (status, text) = answer(log_in(&server, name, "wrong horse", number));
        assert_eq!(status, 401, "{text}");
        assert_eq!(hashed() - before, 1.0, "{name}");
        bodies.push(text.split_once("\r\n\r\n").expect("a body").1.to_owned());
    }
    assert_eq!(bodies[0], bodies[1]);
}
