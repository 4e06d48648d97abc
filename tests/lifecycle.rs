//! The process: how it starts, what it takes its settings from, and how it ends.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::raw::{handshake, text};
use support::server::{Launch, scratch};
use support::{Client, PATIENCE, Server};

/// The configuration that results, as `--print-config` shows it.
fn printed(launch: &Launch<'_>) -> Value {
    let (status, output, complaints) = launch.run();
    assert!(status.success(), "{complaints}");
    assert_eq!(complaints, "");
    serde_json::from_str(&output).expect("JSON")
}

#[test]
fn it_says_when_it_is_ready() {
    let server = Server::plain();
    let address = server.address();
    assert_eq!(
        server.ready_line,
        format!("passerby listening on http://{address}\n")
    );
    assert_ne!(address.port(), 0);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn it_says_so_in_one_line_however_many_addresses_it_has() {
    let directory = scratch();
    let mut child = Launch {
        flags: &["--listen", "127.0.0.1:0,127.0.0.2:0"],
        ..Launch::default()
    }
    .command(&directory)
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .expect("the server starts");
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    assert!(
        line.starts_with("passerby listening on http://127.0.0.1:"),
        "{line}"
    );
    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-s", "TERM", &pid]).status();
    assert!(killed.expect("kill").success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "");
    let log = child.wait_with_output().expect("its end").stderr;
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("also listening on http://127.0.0.2:"), "{log}");
    std::fs::remove_dir_all(directory).expect("removed");
}

#[test]
fn what_cannot_be_done_ends_with_one_line_and_a_code() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let broken = scratch().join("broken.json");
    std::fs::write(&broken, "{\"listen\": ").unwrap();
    let unknown = scratch().join("unknown.json");
    std::fs::write(&unknown, "{\"message_rat\": 5}").unwrap();
    let (broken, unknown) = (broken.display().to_string(), unknown.display().to_string());
    let tired = scratch();
    std::fs::write(tired.join("jwt_secret"), "short\n").unwrap();
    std::fs::set_permissions(tired.join("jwt_secret"), Permissions::from_mode(0o600)).unwrap();
    let tired = tired.display().to_string();
    for (flags, environment, code, mention) in [
        (vec!["--listen", &address], vec![], 1, address.as_str()),
        (
            vec!["--listen", "nowhere.invalid:80"],
            vec![],
            1,
            "nowhere.invalid:80",
        ),
        (vec!["--listen", "here"], vec![], 2, "--listen"),
        (vec!["--mesage-rate", "5"], vec![], 2, "--mesage-rate"),
        (vec!["--message-rate", "many"], vec![], 2, "--message-rate"),
        (vec!["--message-rate", "-5"], vec![], 2, "--message-rate"),
        (vec!["--log", "everything"], vec![], 2, "--log"),
        (
            vec!["--stranger-format", "xml"],
            vec![],
            2,
            "--stranger-format",
        ),
        (
            vec!["--allowed-origins", "example.org"],
            vec![],
            2,
            "--allowed-origins",
        ),
        (
            vec!["--trusted-proxies", "10.0.0.0/33"],
            vec![],
            2,
            "--trusted-proxies",
        ),
        (vec!["--jwt-secret", "short"], vec![], 2, "32 bytes"),
        (vec!["--jwt-secret", ""], vec![], 2, "32 bytes"),
        (vec![], vec![("JWT_SECRET", "")], 2, "JWT_SECRET"),
        (
            vec!["--db-url", "mysql://u:hunter2@h/d"],
            vec![],
            2,
            "sqlite:PATH",
        ),
        (vec![], vec![("DB_URL", "passerby.db")], 2, "DB_URL"),
        (vec!["--db-url", "sqlite:x?mode=ro"], vec![], 2, "mode=ro"),
        (
            vec!["--db-url", "postgres://u:hunter2@h/d?sslmode=require"],
            vec![],
            2,
            "TLS",
        ),
        (vec!["--db-url", "postgres:///d?user=u"], vec![], 2, "host"),
        (vec!["--private-room-ms", "999"], vec![], 2, "1000"),
        (vec!["--data", &broken], vec![], 1, "broken.json"),
        (vec!["--data", &tired], vec![], 1, "jwt_secret"),
        (vec!["stray"], vec![], 2, "stray"),
        (
            vec!["--config", "/nowhere/config.json"],
            vec![],
            2,
            "/nowhere/config.json",
        ),
        (vec!["--config", &broken], vec![], 2, "broken.json"),
        (vec!["--config", &unknown], vec![], 2, "message_rat"),
        (
            vec![],
            vec![("PASSERBY_NONSENSE", "1")],
            2,
            "PASSERBY_NONSENSE",
        ),
        (
            vec![],
            vec![("PASSERBY_SKIP_RATE", "x")],
            2,
            "PASSERBY_SKIP_RATE",
        ),
    ] {
        let launch = Launch {
            flags: &flags,
            environment: &environment,
            ..Launch::default()
        };
        let (status, output, complaints) = launch.run();
        assert_eq!(status.code(), Some(code), "{flags:?}: {complaints}");
        assert_eq!(output, "", "{flags:?}");
        let lines: Vec<&str> = complaints
            .lines()
            .filter(|line| line.starts_with("passerby: "))
            .collect();
        assert_eq!(lines.len(), 1, "{flags:?}: {complaints}");
        assert!(lines[0].contains(mention), "{flags:?}: {complaints}");
        assert_eq!(complaints.lines().count(), 1, "one line: {complaints}");
        assert!(!complaints.contains("hunter2"), "{complaints}");
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = r#"{"listen": ":1001", "message_rate": 1, "skip_rate": 1, "frame_rate": 1, "stranger": {"auto_match": true}}"#;
    let environment = [
        ("PORT", "1002"),
        ("PASSERBY_MESSAGE_RATE", "2"),
        ("PASSERBY_SKIP_RATE", "2"),
    ];
    let flags = ["--print-config", "--message-rate", "3"];
    let launch = Launch {
        config: file,
        environment: &environment,
        flags: &flags,
        listens_elsewhere: true,
        ..Launch::default()
    };
    let config = printed(&launch);
    assert_eq!(config["message_rate"], 3.0, "the flag");
    assert_eq!(config["skip_rate"], 2.0, "the environment");
    assert_eq!(config["frame_rate"], 1.0, "the file");
    assert_eq!(config["auto_match"], true, "the file, nested");
    assert_eq!(config["widen_after_ms"], 8_000, "the default");
    assert_eq!(config["listen"], ":1002", "the platform's port");
    let environment = [("PORT", "1002"), ("PASSERBY_LISTEN", ":1003")];
    let launch = Launch {
        environment: &environment,
        flags: &["--print-config"],
        listens_elsewhere: true,
        ..Launch::default()
    };
    assert_eq!(printed(&launch)["listen"], ":1003", "our own variable");
    // A file named in the environment.
    let path = scratch().join("named.json");
    std::fs::write(&path, r#"{"widen_after_ms": 5}"#).unwrap();
    let path = path.display().to_string();
    let environment = [("PASSERBY_CONFIG", path.as_str())];
    let launch = Launch {
        environment: &environment,
        flags: &["--print-config"],
        ..Launch::default()
    };
    assert_eq!(printed(&launch)["widen_after_ms"], 5);
}

#[test]
fn what_is_printed_starts_the_same_server() {
    let flags = [
        "--print-config",
        "--message-rate",
        "7.5",
        "--allowed-origins",
        "https://a.example",
        "--auto-match",
    ];
    let config = printed(&Launch {
        flags: &flags,
        ..Launch::default()
    });
    let text = config.to_string();
    let launch = Launch {
        config: &text,
        listens_elsewhere: true,
        ..Launch::default()
    };
    let server = launch.start();
    let mut client = server.client();
    assert_eq!(
        client.hear(),
        json!({ "type": "searching" }),
        "auto_match came along"
    );
    drop(server);
    let again = printed(&Launch {
        config: &text,
        listens_elsewhere: true,
        flags: &["--print-config"],
        ..Launch::default()
    });
    for (key, value) in config.as_object().unwrap() {
        if key != "log" {
            assert_eq!(&again[key], value, "{key}");
        }
    }
}

#[test]
fn a_secret_is_made_once_and_is_its_owners_alone() {
    let home = scratch();
    let data = home.join("deep/data");
    let path = data.display().to_string();
    let secret = || std::fs::read_to_string(data.join("jwt_secret")).unwrap();
    let mode = |name: &str| {
        let entry = std::fs::metadata(data.join(name)).unwrap();
        entry.permissions().mode() & 0o777
    };
    let server = Server::start(&["--data", &path]);
    let first = secret();
    assert_eq!((mode(""), mode("jwt_secret")), (0o700, 0o600));
    assert_eq!(first.trim_end().len(), 64, "32 bytes in hexadecimal digits");
    assert!(!server.log().contains(first.trim_end()));
    drop(server);
    drop(Server::start(&["--data", &path]));
    assert_eq!(secret(), first, "kept");
    std::fs::set_permissions(data.join("jwt_secret"), Permissions::from_mode(0o644)).unwrap();
    let server = Server::start(&["--data", &path]);
    assert!(support::eventually(PATIENCE, || server
        .log()
        .contains("jwt_secret is not its owner's alone")));
    drop(server);
    let left_over = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name != "jwt_secret" && !name.starts_with("passerby.db"));
    assert_eq!(left_over, None);
    std::fs::remove_file(data.join("jwt_secret")).unwrap();
    drop(Server::start(&["--data", &path]));
    assert_ne!(secret(), first, "another");
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn a_relative_file_is_one_in_the_data_directory_whatever_that_is_called() {
    let home = scratch();
    for name in ["data", "a?b", "file:c%20d#e"] {
        for (flags, file) in [
            (vec![], "passerby.db"),
            (vec!["--db-url", "sqlite:people.db"], "people.db"),
            (
                vec!["--db-url", "sqlite:below/people.db"],
                "below/people.db",
            ),
        ] {
            let data = home.join(name);
            let data_flag = data.display().to_string();
            let flags = [vec!["--data", &data_flag], flags].concat();
            let server = Server::start(&flags);
            assert!(data.join(file).exists(), "{name} {file}");
            drop(server);
        }
    }
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn a_given_secret_is_not_written_down() {
    let data = scratch();
    let path = data.display().to_string();
    let secret = "0123456789abcdef0123456789abcdef";
    let server = Launch {
        flags: &["--data", &path],
        environment: &[("JWT_SECRET", secret)],
        ..Launch::default()
    }
    .start();
    assert!(!data.join("jwt_secret").exists());
    assert!(!server.log().contains(secret));
    drop(server);
    std::fs::remove_dir_all(data).unwrap();
}

#[test]
fn secrets_are_not_printed() {
    let secret = "0123456789abcdef0123456789abcdef";
    let config = printed(&Launch {
        flags: &["--print-config"],
        environment: &[
            ("JWT_SECRET", secret),
            (
                "DB_URL",
                "postgres://me:hunter2@db:5432/chat?sslmode=disable",
            ),
        ],
        ..Launch::default()
    });
    assert_eq!(config["jwt_secret"], "(redacted)");
    let url = "postgres://me:(redacted)@db:5432/chat?sslmode=disable";
    assert_eq!(config["db_url"], url);
    let config = printed(&Launch {
        flags: &["--print-config", "--db-url", "sqlite:flag.db"],
        environment: &[("PASSERBY_DB_URL", "sqlite:own.db")],
        ..Launch::default()
    });
    assert_eq!(config["db_url"], "sqlite:flag.db");
    assert_eq!(config.get("jwt_secret"), None, "none was given");
}

#[test]
fn limits_come_from_the_environment_to_the_wire() {
    let environment = [
        ("PASSERBY_MESSAGE_RATE", "0.001"),
        ("PASSERBY_MESSAGE_BURST", "2"),
    ];
    let server = Launch {
        environment: &environment,
        ..Launch::default()
    }
    .start();
    let (mut one, mut other) = server.pair();
    one.chat_with(&mut other, "1");
    one.chat_with(&mut other, "2");
    one.chat("3");
    one.expect_error("rate_limited");
}

#[test]
fn help_and_version_end_well() {
    for (flag, expected) in [
        ("--help", "--connections-per-ip"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        let (status, output, complaints) = Launch {
            flags: &[flag],
            ..Launch::default()
        }
        .run();
        assert!(status.success());
        assert!(output.contains(expected), "{output}");
        assert_eq!(complaints, "");
    }
}

#[test]
fn on_sigterm_everybody_is_seen_off() {
    let mut server = Server::start(&["--drain-ms", "1500"]);
    let (mut one, mut other) = server.pair();
    let mut plain = server.client_at("/ws?format=text");
    plain.hear_text();
    // More than fit into the first goodbyes, so that there is a while to look at.
    let others: Vec<Client> = (0..200).map(|_| server.client()).collect();
    // A request is half there when the signal comes, and idle connections are open.
    let mut half = server.raw();
    half.send("GET /readyz HTTP/1.1\r\nHo");
    let mut idle = server.raw();
    idle.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(idle.response().status, 200);
    let mut quiet = server.raw();
    quiet.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(quiet.response().status, 200);
    let mut late = server.raw();
    late.send(handshake("/ws"));
    assert!(support::eventually(PATIENCE, || server
        .metric("passerby_online")
        == 203.0));

    let start = Instant::now();
    server.signal("TERM");
    // On a connection that was kept, a balancer is still told not to send anybody here.
    assert!(support::eventually(PATIENCE, || TcpStream::connect(
        server.address()
    )
    .is_err()));
    idle.send("GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(idle.response().status, 503);
    idle.expect_end();
    half.send("st: test\r\n\r\n");
    let readiness = half.response();
    assert_eq!(readiness.status, 503, "{}", readiness.text());
    assert!(readiness.field("retry-after").is_some());
    assert_eq!(readiness.field("connection"), Some("close"));
    late.send("\r\n");
    assert_eq!(late.response().status, 503, "no new conversations");
    assert!(
        TcpStream::connect(server.address()).is_err(),
        "the listener is closed"
    );

    for client in [&mut one, &mut other] {
        // Whose partner went first is told that, too.
        let mut message = client.hear();
        if message["type"] == "strangerLeft" {
            message = client.hear();
        }
        assert_eq!(message["type"], "draining", "{message}");
        let retry_ms = message["retryMs"].as_u64().expect("a number");
        assert!((1..=20_000).contains(&retry_ms), "{message}");
        let (code, reason) = client.expect_close();
        assert_eq!(code, 1012);
        assert!(!reason.is_empty());
    }
    assert!(plain.hear_text().starts_with("The server is restarting"));
    assert_eq!(plain.expect_close().0, 1012);
    let mut jitter = std::collections::HashSet::new();
    let mut ended = Vec::new();
    for mut client in others {
        jitter.insert(client.expect("draining")["retryMs"].as_u64().unwrap());
        ended.push(start.elapsed());
        assert_eq!(client.expect_close().0, 1012);
    }
    assert!(
        jitter.len() > 150,
        "they are told to come back at different times: {}",
        jitter.len()
    );
    let spread = *ended.iter().max().unwrap() - *ended.iter().min().unwrap();
    assert!(
        spread > Duration::from_millis(500),
        "not all at once: {spread:?}"
    );
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
    quiet.expect_end();
    let status = server.ended(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn sigint_on_an_empty_server_ends_it_at_once() {
    let mut server = Server::plain();
    let start = Instant::now();
    server.signal("INT");
    let status = server.ended(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_second_signal_ends_it_now() {
    let mut server = Server::start(&["--drain-ms", "600000"]);
    let mut raw = server.raw();
    raw.send("GET /readyz HTTP/1.1\r\n");
    let clients: Vec<Client> = (0..50).map(|_| server.client()).collect();
    server.signal("TERM");
    assert!(support::eventually(PATIENCE, || TcpStream::connect(
        server.address()
    )
    .is_err()));
    assert!(
        server.ended(Duration::from_millis(300)).is_none(),
        "it sees people off"
    );
    let start = Instant::now();
    server.signal("TERM");
    let status = server.ended(PATIENCE).expect("it ends");
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    drop(clients);
}

#[test]
fn a_conversation_goes_on_until_its_turn_to_end() {
    let mut server = Server::start(&["--drain-ms", "2000"]);
    // The first to come are the first to be seen off; these are the last of many.
    let crowd: Vec<Client> = (0..400).map(|_| server.client()).collect();
    let (mut one, mut other) = server.pair();
    server.signal("TERM");
    one.chat_with(&mut other, "we have a moment left");
    other.chat_with(&mut one, "so we have");
    drop(crowd);
    assert_eq!(server.ended(PATIENCE).expect("it ends").code(), Some(0));
}

#[test]
fn who_says_nothing_any_more_does_not_hold_up_the_end() {
    let mut server = Server::start(&["--drain-ms", "500"]);
    // One does not read, one is amid a body, one does not answer the goodbye.
    let mut body = server.raw();
    body.send("POST /health HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhal");
    let mut deaf = server.raw_socket();
    deaf.send(text(r#"{"type":"findMatch"}"#));
    let mut amid = server.raw_socket();
    amid.send(&text(r#"{"type":"findMatch"}"#)[..5]);
    server.await_metric("passerby_connections", 4.0);
    server.signal("TERM");
    let status = server.ended(Duration::from_secs(8)).expect("it ends");
    assert_eq!(status.code(), Some(0));
}
