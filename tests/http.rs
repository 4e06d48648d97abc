//! HTTP/1.1 over a real socket: what is answered, and what is not even tried.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{PATIENCE, Raw, Response, Server};

/// An independent HTTP client.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

/// The answer to these bytes, on a connection of their own.
fn answer(server: &Server, bytes: impl AsRef<[u8]>) -> Response {
    let mut raw = server.raw();
    let _ = raw.try_send(bytes);
    raw.response()
}

#[test]
fn every_path_has_its_statuses() {
    let server = Server::plain();
    for (request, status, allow) in [
        ("GET /", 200, None),
        ("GET /?utm=x", 200, None),
        ("GET /health", 200, None),
        ("GET /%68ealth", 200, None),
        ("GET /readyz", 200, None),
        ("GET /metrics", 200, None),
        ("GET /passerby.js", 200, None),
        ("GET /nowhere", 404, None),
        ("GET /health/", 404, None),
        ("GET /HEALTH", 404, None),
        ("DELETE /nowhere", 404, None),
        ("POST /", 405, Some("GET, HEAD, OPTIONS")),
        ("PUT /health", 405, Some("GET, HEAD, OPTIONS")),
        ("DELETE /metrics", 405, Some("GET, HEAD, OPTIONS")),
        ("PATCH /readyz", 405, Some("GET, HEAD, OPTIONS")),
        ("TRACE /", 405, Some("GET, HEAD, OPTIONS")),
        ("POST /ws", 405, Some("GET, OPTIONS")),
        ("OPTIONS /health", 204, Some("GET, HEAD, OPTIONS")),
        ("OPTIONS /ws", 204, Some("GET, OPTIONS")),
        ("OPTIONS /nowhere", 404, None),
        ("GET /ws", 400, None),
    ] {
        let response = answer(&server, format!("{request} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(response.status, status, "{request}");
        if let Some(allow) = allow {
            assert_eq!(response.field("allow"), Some(allow), "{request}");
        }
        if status >= 400 {
            assert_eq!(
                response.field("content-type"),
                Some("application/json"),
                "{request}"
            );
            assert!(!response.error().is_empty(), "{request}");
        }
    }
    let response = answer(&server, "OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(response.status, 204);
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::plain();
    for path in ["/", "/health", "/nowhere", "/passerby.js"] {
        let get = answer(
            &server,
            format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"),
        );
        let mut raw = server.raw();
        raw.send(format!("HEAD {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = raw.response_to("HEAD");
        assert_eq!(
            (head.status, head.field("content-length")),
            (get.status, get.field("content-length"))
        );
        // The connection goes on right behind the head.
        raw.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(raw.response().text(), "{\"status\":\"ok\"}");
    }
}

#[test]
fn every_response_is_safe_to_show() {
    let server = Server::plain();
    for request in [
        "GET / HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /passerby.js HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: test\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: test\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let response = answer(&server, request);
        assert_eq!(
            response.field("x-content-type-options"),
            Some("nosniff"),
            "{request}"
        );
        assert_eq!(
            response.field("referrer-policy"),
            Some("no-referrer"),
            "{request}"
        );
        let policy = response.field("content-security-policy").expect("a policy");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{request}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{request}: {policy}");
        assert!(response.field("date").is_some(), "{request}");
        assert!(response.field("cache-control").is_some(), "{request}");
        assert!(response.field("server").is_none(), "{request}");
    }
    let page = server.get("/");
    let policy = page.field("content-security-policy").unwrap();
    for part in [
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(
        page.field("permissions-policy"),
        Some("camera=(self), microphone=(self)")
    );
}

#[test]
fn an_ordinary_client_is_served() {
    let server = Server::plain();
    let (agent, base) = (agent(), format!("http://{}", server.address()));
    for _ in 0..20 {
        let mut response = agent
            .get(format!("{base}/health"))
            .call()
            .expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(
            response.body_mut().read_to_string().expect("text"),
            "{\"status\":\"ok\"}"
        );
    }
    // All of that over one connection.
    assert!(server.metric("passerby_accepted_total") <= 3.0);
    let response = agent
        .post(format!("{base}/health"))
        .send("body")
        .expect("an answer");
    assert_eq!(response.status(), 405);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::plain();
    let mut raw = server.raw();
    let paths = [
        "/health",
        "/nowhere",
        "/",
        "/readyz",
        "/passerby.js",
        "/health",
    ];
    let packet: String = paths
        .iter()
        .cycle()
        .take(300)
        .map(|path| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
        .collect();
    raw.send(packet);
    let pages: Vec<Response> = paths.iter().map(|path| server.get(path)).collect();
    for page in pages.iter().cycle().take(300) {
        let response = raw.response();
        assert_eq!(response.status, page.status);
        assert_eq!(response.body, page.body);
    }
}

#[test]
fn pipelining_is_bounded_by_what_the_reader_takes() {
    let server = Server::plain();
    let raw = server.raw();
    raw.stream.set_nonblocking(true).unwrap();
    let request = "GET /passerby.js HTTP/1.1\r\nHost: test\r\n\r\n".repeat(1_000);
    let mut stream = &raw.stream;
    let mut sent = 0;
    let is_blocked = support::eventually(PATIENCE, || {
        use std::io::Write;
        match stream.write(&request.as_bytes()[sent % 47..]) {
            Ok(count) => sent += count,
            Err(error) => {
                return support::client::is_timeout(&error) && server.get("/health").status == 200;
            }
        }
        false
    });
    assert!(is_blocked, "the server reads on and on: {sent} bytes");
    assert!(server.metric("passerby_queued_bytes") < 256.0 * 1024.0);
}

#[test]
fn a_connection_is_kept_or_not_as_the_peer_asks() {
    let server = Server::plain();
    for (request, keeps) in [
        ("GET /health HTTP/1.1\r\nHost: test\r\n\r\n", true),
        (
            "GET /health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
            false,
        ),
        (
            "GET /health HTTP/1.1\r\nHost: test\r\nConnection: Foo, CLOSE\r\n\r\n",
            false,
        ),
        ("GET /health HTTP/1.0\r\n\r\n", false),
        (
            "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            true,
        ),
        ("GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n", true),
    ] {
        let mut raw = server.raw();
        raw.send(request);
        let response = raw.response();
        assert_eq!(
            response.field("connection") == Some("close"),
            !keeps,
            "{request}"
        );
        if keeps {
            raw.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
            assert_eq!(raw.response().status, 200, "{request}");
        } else {
            raw.expect_end();
        }
    }
}

#[test]
fn a_peer_that_has_said_everything_still_gets_its_answer() {
    let server = Server::plain();
    let mut raw = server.raw();
    raw.send(
        "GET /health HTTP/1.1\r\nHost: test\r\n\r\nGET /readyz HTTP/1.1\r\nHost: test\r\n\r\n",
    );
    raw.send_end();
    assert_eq!(raw.response().status, 200);
    assert_eq!(raw.response().status, 200);
    raw.expect_end();
}

#[test]
fn bodies_by_length_and_in_chunks_end_where_they_end() {
    let server = Server::plain();
    for body in [
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\nTrailer: x\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let request = format!(
            "POST /health HTTP/1.1\r\nHost: test\r\n{body}GET /health HTTP/1.1\r\nHost: test\r\n\r\n"
        );
        let mut raw = server.raw();
        raw.send(&request);
        assert_eq!(raw.response().status, 405, "{body}");
        assert_eq!(raw.response().status, 200, "{body}");
        // The same, byte by byte.
        let mut raw = server.raw();
        for byte in request.bytes() {
            raw.send([byte]);
        }
        assert_eq!(raw.response().status, 405, "{body}");
        assert_eq!(raw.response().status, 200, "{body}");
    }
}

#[test]
fn a_body_may_wait_to_be_asked_for() {
    let server = Server::plain();
    let mut raw = server.raw();
    raw.send(
        "POST /health HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
    assert_eq!(raw.response().status, 100);
    raw.send("hello");
    assert_eq!(raw.response().status, 405);
    // One that is too large is not asked for.
    raw.send("POST /health HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n");
    assert_eq!(raw.response().status, 413);
}

#[test]
fn a_body_is_at_most_64_kib() {
    let server = Server::plain();
    let body = vec![b'x'; 65_536];
    let mut whole =
        b"POST /health HTTP/1.1\r\nHost: test\r\nContent-Length: 65536\r\n\r\n".to_vec();
    whole.extend(&body);
    assert_eq!(answer(&server, whole).status, 405);
    let mut chunks =
        b"POST /health HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n"
            .to_vec();
    chunks.extend(&body);
    chunks.extend(b"\r\n0\r\n\r\n");
    assert_eq!(answer(&server, &chunks).status, 405);
    for request in [
        &b"POST /health HTTP/1.1\r\nHost: test\r\nContent-Length: 65537\r\n\r\n"[..],
        b"POST /health HTTP/1.1\r\nHost: test\r\nContent-Length: 9999999999\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n",
        b"POST /health HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    ] {
        let mut raw = server.raw();
        raw.send(request);
        assert_eq!(raw.response().status, 413);
        raw.expect_end();
    }
    // A client that sends it all before it listens gets the answer, too.
    let mut large =
        b"POST /health HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n".to_vec();
    large.extend([b'x'; 50_000]);
    assert_eq!(answer(&server, large).status, 413);
    assert!(server.metric("passerby_refusals_total{cause=\"body_too_large\"}") >= 5.0);
}

#[test]
fn a_head_is_at_most_8_kib_and_64_fields() {
    let server = Server::plain();
    let padded = |len: usize| {
        let start = "GET /health HTTP/1.1\r\nHost: test\r\nX: ";
        format!("{start}{}\r\n\r\n", "x".repeat(len - start.len() - 4))
    };
    assert_eq!(answer(&server, padded(8 * 1024)).status, 200);
    assert_eq!(answer(&server, padded(8 * 1024 + 1)).status, 431);
    assert_eq!(answer(&server, "x".repeat(100_000)).status, 431);
    assert_eq!(
        answer(&server, format!("GET /{} HTTP/1.1\r\n", "x".repeat(9_000))).status,
        431
    );
    let fields = |count: usize| {
        format!(
            "GET /health HTTP/1.1\r\nHost: test\r\n{}\r\n",
            "X: y\r\n".repeat(count - 1)
        )
    };
    assert_eq!(answer(&server, fields(64)).status, 200);
    assert_eq!(answer(&server, fields(65)).status, 431);
    assert_eq!(
        server.metric("passerby_refusals_total{cause=\"head_too_large\"}"),
        4.0
    );
}

/// What two parsers could read in two ways, each refused outright, with the rest of the connection.
#[test]
fn nothing_can_be_smuggled() {
    let server = Server::plain();
    let post =
        |fields: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: test\r\n{fields}\r\n{body}");
    let inner = "GET /health HTTP/1.1\r\nHost: test\r\n\r\n";
    let cases: Vec<(&str, String, u16)> = vec![
        (
            "both framings",
            post(
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
            400,
        ),
        (
            "both framings, other order",
            post(
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                "0\r\n\r\n",
            ),
            400,
        ),
        (
            "two lengths",
            post("Content-Length: 5\r\nContent-Length: 40\r\n", "hello"),
            400,
        ),
        (
            "the same length twice",
            post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
            400,
        ),
        (
            "a list of lengths",
            post("Content-Length: 5, 5\r\n", "hello"),
            400,
        ),
        ("a sign", post("Content-Length: +5\r\n", "hello"), 400),
        ("a negative length", post("Content-Length: -1\r\n", ""), 400),
        (
            "hexadecimal length",
            post("Content-Length: 0x5\r\n", "hello"),
            400,
        ),
        (
            "a length with a point",
            post("Content-Length: 5.0\r\n", "hello"),
            400,
        ),
        (
            "a length with a blank inside",
            post("Content-Length: 1 0\r\n", "hello"),
            400,
        ),
        (
            "a length beyond 64 bits",
            post("Content-Length: 18446744073709551621\r\n", "hello"),
            400,
        ),
        ("an empty length", post("Content-Length:\r\n", ""), 400),
        (
            "chunked twice",
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
            400,
        ),
        (
            "chunked and identity",
            post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
            501,
        ),
        (
            "gzip, chunked",
            post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
            501,
        ),
        (
            "xchunked",
            post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
            501,
        ),
        (
            "quoted chunked",
            post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
            501,
        ),
        (
            "vertical tab before chunked",
            post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
            400,
        ),
        ("empty coding", post("Transfer-Encoding:\r\n", ""), 501),
        (
            "blank before the colon",
            post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "tab before the colon",
            post("Content-Length\t: 5\r\n", "hello"),
            400,
        ),
        (
            "a folded field",
            post("X: a\r\n Content-Length: 5\r\n", ""),
            400,
        ),
        (
            "a folded field with a tab",
            post("X: a\r\n\tb\r\n", ""),
            400,
        ),
        (
            "a field without a colon",
            post("Content-Length 5\r\n", ""),
            400,
        ),
        ("a field without a name", post(": 5\r\n", ""), 400),
        ("a NUL in a value", post("X: a\0b\r\n", ""), 400),
        (
            "a CR in a value",
            post("X: a\rContent-Length: 5\r\n", ""),
            400,
        ),
        (
            "a name with a bracket",
            post("Content[Length]: 5\r\n", ""),
            400,
        ),
        (
            "chunked in 1.0",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            400,
        ),
        (
            "GET with a body",
            "GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello".into(),
            400,
        ),
        (
            "HEAD with chunks",
            "HEAD / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            400,
        ),
        ("no Host", "GET / HTTP/1.1\r\n\r\n".into(), 400),
        (
            "two Hosts",
            "GET / HTTP/1.1\r\nHost: test\r\nHost: other\r\n\r\n".into(),
            400,
        ),
        (
            "a Host with a user",
            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n".into(),
            400,
        ),
        (
            "a Host with a path",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into(),
            400,
        ),
        (
            "a list of Hosts",
            "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".into(),
            400,
        ),
        (
            "line feeds alone",
            "GET / HTTP/1.1\nHost: test\n\n".into(),
            400,
        ),
        (
            "one line feed alone",
            "GET / HTTP/1.1\r\nHost: test\nX: y\r\n\r\n".into(),
            400,
        ),
        (
            "an empty line first",
            "\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "a blank first",
            " GET / HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "two blanks",
            "GET  / HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "a tab between",
            "GET\t/ HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "a blank last",
            "GET / HTTP/1.1 \r\nHost: test\r\n\r\n".into(),
            400,
        ),
        ("no version", "GET /\r\nHost: test\r\n\r\n".into(), 400),
        (
            "HTTP/2.0",
            "GET / HTTP/2.0\r\nHost: test\r\n\r\n".into(),
            505,
        ),
        (
            "HTTP/1.2",
            "GET / HTTP/1.2\r\nHost: test\r\n\r\n".into(),
            505,
        ),
        (
            "HTTP/1.10",
            "GET / HTTP/1.10\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "the HTTP/2 preface",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
            505,
        ),
        (
            "a small method",
            "get / HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "an unknown method",
            "BREW / HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            501,
        ),
        (
            "CONNECT",
            "CONNECT test:1 HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            501,
        ),
        (
            "a fragment",
            "GET /#x HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "an absolute target of somebody else",
            "GET http://other/ HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "no slash",
            "GET health HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "letters beyond ASCII",
            "GET /\u{e9} HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            400,
        ),
        (
            "a TLS greeting",
            "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\r\n\r\n".into(),
            400,
        ),
        (
            "a chunk size with a blank",
            post("Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "a chunk size with a sign",
            post("Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "a chunk size with 0x",
            post(
                "Transfer-Encoding: chunked\r\n",
                "0x5\r\nhello\r\n0\r\n\r\n",
            ),
            400,
        ),
        (
            "an empty chunk size",
            post("Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "a chunk longer than it says",
            post("Transfer-Encoding: chunked\r\n", "5\r\nhelloo\r\n0\r\n\r\n"),
            400,
        ),
        (
            "a chunk line without CR",
            post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "a chunk size of 17 digits",
            post(
                "Transfer-Encoding: chunked\r\n",
                "10000000000000005\r\nhello\r\n0\r\n\r\n",
            ),
            400,
        ),
    ];
    for (name, request, status) in cases {
        let mut raw = server.raw();
        let _ = raw.try_send(format!("{request}{inner}"));
        let response = raw.response();
        assert_eq!(response.status, status, "{name}");
        assert_eq!(response.field("connection"), Some("close"), "{name}");
        assert!(!response.error().is_empty(), "{name}");
        let rest = raw.rest();
        assert!(
            rest.is_empty(),
            "{name}: what followed was answered: {}",
            rest.escape_ascii()
        );
    }
}

#[test]
fn there_is_no_file_system_to_get_out_into() {
    let server = Server::plain();
    let mut corpus: Vec<String> = Vec::new();
    let targets = [
        "etc/passwd",
        "Cargo.toml",
        "config.json",
        "static/index.html",
        "proc/self/environ",
    ];
    let dots = [
        "..",
        "%2e%2e",
        ".%2e",
        "%2E.",
        "%252e%252e",
        "..%00",
        "%c0%ae%c0%ae",
        "..;",
        "....",
        "%uff0e%uff0e",
    ];
    let slashes = ["/", "%2f", "%5c", "\\", "//", "%252f", "/./"];
    for target in targets {
        for dot in dots {
            for slash in slashes {
                corpus.push(format!("/{dot}{slash}{dot}{slash}{target}"));
            }
        }
        for start in [
            "//",
            "/./",
            "/passerby.js/../",
            "/passerby.js%2f..%2f",
            "/static/",
            "/%00/",
            "/~/",
            "/C:/",
        ] {
            corpus.push(format!("{start}{target}"));
        }
    }
    for odd in [
        "/passerby.js%00",
        "/passerby.js%00.html",
        "/passerby.js/",
        "/.",
        "/..",
        "//",
        "/%",
        "/%zz",
        "/%e9",
        "/passerby.js.",
        "/PASSERBY.JS",
    ] {
        corpus.push(odd.to_owned());
    }
    assert!(corpus.len() > 350);
    let mut raw = server.raw();
    for target in &corpus {
        raw.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let response = raw.response();
        assert_eq!(response.status, 404, "{target}");
        assert!(response.body.len() < 200, "{target}");
    }
}

#[test]
fn nothing_that_was_sent_comes_back_as_a_header() {
    let server = Server::plain();
    for target in [
        "/%0d%0aX-Injected:%20yes",
        "/?x=%0d%0aX-Injected:%20yes",
        "/ws?format=%0d%0aX-Injected:%20yes",
    ] {
        let response = server.get(target);
        assert!(response.field("x-injected").is_none(), "{target}");
        assert!(
            !response.text().contains("Injected"),
            "{target}: nothing is echoed"
        );
    }
}

#[test]
fn health_and_readiness() {
    let server = Server::plain();
    for path in ["/health", "/readyz"] {
        let response = server.get(path);
        assert_eq!(response.status, 200);
        assert_eq!(response.field("content-type"), Some("application/json"));
        assert_eq!(response.field("cache-control"), Some("no-store"));
        assert_eq!(response.text(), "{\"status\":\"ok\"}");
    }
}

#[test]
fn metrics_are_true_to_what_is() {
    let server = Server::start(&["--rematch-after-ms", "60000"]);
    let text = server.get("/metrics").text();
    assert!(text.ends_with("# EOF\n"), "complete");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(name.starts_with("passerby_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    let gauge = |name: &str| server.metric(&format!("passerby_{name}"));
    let check = |online: f64, waiting: [f64; 2], pairs: [f64; 2]| {
        // The connection that asks is one, too.
        server.await_metric("passerby_connections", online + 1.0);
        assert_eq!(gauge("online"), online);
        for (index, mode) in ["text", "video"].into_iter().enumerate() {
            assert_eq!(
                gauge(&format!("searching{{mode=\"{mode}\"}}")),
                waiting[index],
                "{mode}"
            );
            assert_eq!(
                gauge(&format!("pairs{{mode=\"{mode}\"}}")),
                pairs[index],
                "{mode}"
            );
        }
        assert_eq!(gauge("queued_bytes"), 0.0);
    };
    check(0.0, [0.0; 2], [0.0; 2]);
    let (mut one, mut other) = server.pair();
    check(2.0, [0.0; 2], [1.0, 0.0]);
    let mut video = server.client();
    video.say(json!({ "type": "findMatch", "mode": "video" }));
    video.expect("searching");
    check(3.0, [0.0, 1.0], [1.0, 0.0]);
    for number in 0..7 {
        one.chat_with(&mut other, &number.to_string());
    }
    assert_eq!(gauge("messages_relayed_total"), 7.0);
    assert!(gauge("messages_in_total") >= 10.0);
    assert_eq!(gauge("pairs_made_total"), 1.0);
    assert_eq!(gauge("match_wait_seconds_count"), 2.0);
    assert!(gauge("turn_seconds_count") > 10.0);
    assert!(gauge("bytes_in_total") > 500.0 && gauge("bytes_out_total") > 500.0);
    assert_eq!(gauge("panics_total"), 0.0);
    one.say(json!({ "type": "nextStranger" }));
    one.expect("searching");
    check(3.0, [1.0, 1.0], [0.0; 2]);
    video.vanish();
    check(2.0, [1.0, 0.0], [0.0; 2]);
    one.close();
    other.reset();
    check(0.0, [0.0; 2], [0.0; 2]);
    assert_eq!(gauge("closes_total{cause=\"client\"}"), 1.0);
    assert_eq!(gauge("closes_total{cause=\"gone\"}"), 2.0);
    server.get("/nowhere");
    assert_eq!(gauge("refusals_total{cause=\"not_found\"}"), 1.0);
}

#[test]
fn a_connection_has_so_many_requests() {
    let server = Server::plain();
    let mut raw = server.raw();
    raw.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n".repeat(1_001));
    for number in 1..=1_000 {
        let response = raw.response();
        assert_eq!(response.status, 200);
        assert_eq!(
            response.field("connection").is_some(),
            number == 1_000,
            "{number}"
        );
    }
    raw.expect_end();
}

#[test]
fn both_families_of_addresses_are_served() {
    // Where the machine has no IPv6, the server has none either.
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let server = Server::start(&["--listen", "[::1]:0,127.0.0.1:0"]);
    assert!(server.address().is_ipv6());
    assert_eq!(server.get("/health").status, 200);
    let every = Server::start(&["--listen", ":0"]);
    for address in ["127.0.0.1", "::1"] {
        let mut raw = Raw::connect(
            (
                address.parse::<std::net::IpAddr>().unwrap(),
                every.address().port(),
            )
                .into(),
        );
        raw.send("GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(raw.response().status, 200);
        assert!(raw.is_quiet(Duration::from_millis(10)));
    }
}
