//! Bytes may arrive in any pieces: each recorded script, split at every point, gives the same events and the
//! same answers.

use std::net::Ipv4Addr;

use passerby::conn::{Application, Connections, Reply, Request, Settings, Turn};
use passerby::kernel::id::ConnId;
use passerby::kernel::outbox::Outbox;
use passerby::kernel::stats::{CloseCause, Stats};
use passerby::kernel::time::Now;
use passerby::wire::frame::{self, Kind};
use passerby::wire::message::{Message, MessageLimits};
use passerby::wire::response::{Response, Status};
use passerby::wire::upgrade;

/// Writes down what it is told, and answers everything.
#[derive(Default)]
struct Recorder {
    events: Vec<String>,
}

impl Application for Recorder {
    type Service = ();

    fn request<'a>(&mut self, request: &Request<'a>, _: &mut Turn<'_>) -> Reply<'a, ()> {
        let head = request.head;
        let body = request.body.escape_ascii();
        self.events.push(format!(
            "{} {}?{} {body}",
            head.method.label(),
            head.path,
            head.query
        ));
        if head.lists("upgrade", "websocket") {
            return match upgrade::check(head) {
                Ok(key) => Reply::Open((), key),
                Err((response, _)) => Reply::Respond(response),
            };
        }
        let body = request.body.to_vec();
        Reply::Respond(Response::new(Status::OK).with_body("text/plain", body))
    }

    fn opened(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {
        self.events.push("opened".into());
    }

    fn said(&mut self, conn: ConnId, (): (), message: Message<'_>, turn: &mut Turn<'_>) {
        self.events.push(format!("{message:?}"));
        if let Message::Text(text) = message {
            frame::write(turn.out.lane(conn), Kind::Text, text.as_bytes());
        }
    }

    fn drained(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn closed(&mut self, _: ConnId, (): (), cause: CloseCause, _: &mut Turn<'_>) {
        self.events.push(format!("closed: {cause:?}"));
    }

    fn dismissed(&mut self, _: ConnId, (): (), _: &mut Turn<'_>) {}

    fn draining(&mut self) {}

    fn elapsed(&mut self, _: &mut Turn<'_>) {}

    fn next_due(&self) -> Option<u64> {
        None
    }
}

/// What a script leads to: the events, and everything that was answered.
fn play(pieces: &[&[u8]]) -> (Vec<String>, String) {
    let settings = Settings {
        message_limits: MessageLimits {
            binary: true,
            ..MessageLimits::default()
        },
        ..Settings::default()
    };
    let mut server = Connections::new(Recorder::default(), settings);
    let (mut out, mut stats) = (Outbox::default(), Stats::default());
    let id = ConnId::new(0, 1);
    let mut turn = Turn {
        now: Now {
            micros: 1_000_000,
            unix_ms: 0,
        },
        out: &mut out,
        stats: &mut stats,
    };
    server.accepted(id, Ipv4Addr::LOCALHOST.into(), &mut turn);
    for piece in pieces {
        server.received(id, &mut piece.to_vec(), &mut turn);
        server.perform(&mut turn);
        while server.next_due() == Some(0) {
            server.begun(&mut turn);
        }
    }
    let answered = out.pending(id).escape_ascii().to_string();
    (server.app.events, answered)
}

fn assert_same_however_split(name: &str, script: &[u8], expected: &[&str]) {
    let whole = play(&[script]);
    assert_eq!(whole.0, expected, "{name}");
    for cut in 0..=script.len() {
        let (front, back) = script.split_at(cut);
        assert_eq!(play(&[front, back]), whole, "{name}, cut at {cut}");
    }
    let bytes: Vec<&[u8]> = script.chunks(1).collect();
    assert_eq!(play(&bytes), whole, "{name}, byte by byte");
}

const UPGRADE: &[u8] = b"GET /ws?a=b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0xa5, 0x00, 0xff, 0x3c];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    bytes.extend(masked.map(|(byte, key)| byte ^ key));
    bytes
}

fn socket(frames: &[Vec<u8>]) -> Vec<u8> {
    [UPGRADE.to_vec(), frames.concat()].concat()
}

#[test]
fn requests_in_a_pipeline() {
    let script = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b?c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none\
        HEAD /d HTTP/1.1\r\nHost: x\r\n\r\n\
        POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n2;x\r\n&3\r\n0\r\n\r\n\
        GET /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: x\r\n\r\n";
    let expected = [
        "GET /a? ",
        "POST /b?c one",
        "HEAD /d? ",
        "POST /e? two&3",
        "GET /f? ",
    ];
    assert_same_however_split("pipeline", script, &expected);
}

#[test]
fn bad_requests() {
    for (name, script, expected) in [
        ("bare LF", &b"GET / HTTP/1.1\nHost: x\n\n"[..], &[][..]),
        (
            "second is bad",
            b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET b HTTP/1.1\r\nHost: x\r\n\r\n",
            &["GET /a? "],
        ),
        (
            "bad chunk",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
            &[],
        ),
        (
            "body too large",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n",
            &[],
        ),
    ] {
        assert_same_however_split(name, script, expected);
    }
}

#[test]
fn a_conversation() {
    let script = socket(&[
        masked(0x81, "h\u{e9}llo \u{1f600}".as_bytes()),
        masked(0x89, b"ping one"),
        masked(0x89, b"two"),
        masked(0x01, b"begun \xf0\x9f"),
        masked(0x89, b""),
        masked(0x00, b""),
        masked(0x80, b"\x98\x80 done"),
        masked(0x82, &[0, 255, 128]),
        masked(0x8a, b"pong"),
        masked(0x81, b""),
        masked(0x88, &[0x03, 0xe9, b'b', b'y', b'e']),
        masked(0x81, b"after the end"),
    ]);
    let expected = [
        "GET /ws?a=b ",
        "opened",
        "Text(\"h\u{e9}llo \u{1f600}\")",
        "Text(\"begun \u{1f600} done\")",
        "Binary([0, 255, 128])",
        "Text(\"\")",
        "closed: Client",
    ];
    assert_same_however_split("conversation", &script, &expected);
}

#[test]
fn lengths_of_every_form() {
    let script = socket(&[
        masked(0x81, &[b'a'; 125]),
        masked(0x81, &[b'b'; 126]),
        masked(0x81, &[b'c'; 700]),
    ]);
    let text = |letter: &str, count| format!("Text({:?})", letter.repeat(count));
    let expected = [
        "GET /ws?a=b ".into(),
        "opened".into(),
        text("a", 125),
        text("b", 126),
        text("c", 700),
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    assert_same_however_split("lengths", &script, &expected);
}

#[test]
fn faults_end_the_same_way() {
    for (name, frames, cause) in [
        (
            "unmasked",
            vec![vec![0x81, 0x02, b'h', b'i']],
            "closed: Protocol",
        ),
        ("reserved", vec![masked(0xc1, b"hi")], "closed: Protocol"),
        ("opcode", vec![masked(0x83, b"hi")], "closed: Protocol"),
        ("orphan", vec![masked(0x80, b"hi")], "closed: Protocol"),
        (
            "bad text",
            vec![masked(0x81, b"hi \xff there")],
            "closed: BadText",
        ),
        (
            "cut text",
            vec![masked(0x81, b"hi \xc3")],
            "closed: BadText",
        ),
        (
            "bad code",
            vec![masked(0x88, &[0x03, 0xed])],
            "closed: Protocol",
        ),
        (
            "too large",
            vec![vec![0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4]],
            "closed: TooLarge",
        ),
    ] {
        let script = socket(&frames);
        let expected = ["GET /ws?a=b ", "opened", cause];
        assert_same_however_split(name, &script, &expected);
    }
}
