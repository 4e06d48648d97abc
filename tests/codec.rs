//! The frame codec against an independent one.

use std::io::{self, Cursor, Read, Write};

use passerby::wire::frame::{self, Kind};
use passerby::wire::message::{Decoder, Message, MessageLimits, Progress};
use proptest::prelude::*;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::{Role, WebSocket};

/// A socket that keeps what is written and gives what it was made with.
struct Tape {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Tape {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn peer(role: Role, input: Vec<u8>) -> WebSocket<Tape> {
    let tape = Tape {
        input: Cursor::new(input),
        output: Vec::new(),
    };
    WebSocket::from_raw_socket(tape, role, None)
}

#[derive(Clone, Debug, PartialEq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn said() -> impl Strategy<Value = Said> {
    let short = || prop::collection::vec(any::<u8>(), 0..126);
    prop_oneof![
        any::<String>().prop_map(Said::Text),
        prop::collection::vec(any::<u8>(), 0..70_000).prop_map(Said::Binary),
        short().prop_map(Said::Ping),
        short().prop_map(Said::Pong),
    ]
}

/// What a client of the other codec sends.
fn sent(messages: &[Said]) -> Vec<u8> {
    let mut client = peer(Role::Client, Vec::new());
    for message in messages {
        let message = match message.clone() {
            Said::Text(text) => tungstenite::Message::text(text),
            Said::Binary(bytes) => tungstenite::Message::binary(bytes),
            Said::Ping(bytes) => tungstenite::Message::Ping(bytes.into()),
            Said::Pong(bytes) => tungstenite::Message::Pong(bytes.into()),
        };
        client.send(message).expect("sent");
    }
    client.get_ref().output.clone()
}

/// What our decoder makes of it, in pieces of `step` bytes.
fn decoded(bytes: &[u8], step: usize) -> Vec<Said> {
    let message_limits = MessageLimits {
        message_bytes_max: 1 << 20,
        fragments_max: 32,
        binary: true,
    };
    let mut decoder = Decoder::default();
    let mut all = Vec::new();
    for piece in bytes.chunks(step) {
        let mut piece = piece.to_vec();
        let mut progress = Progress::default();
        while let Some(message) = decoder
            .next(&mut piece, &mut progress, &message_limits)
            .expect("good")
        {
            all.push(match message {
                Message::Text(text) => Said::Text(text.to_owned()),
                Message::Binary(bytes) => Said::Binary(bytes.to_vec()),
                Message::Ping(bytes) => Said::Ping(bytes.to_vec()),
                Message::Pong(bytes) => Said::Pong(bytes.to_vec()),
                Message::Close(..) => panic!("nobody said goodbye"),
            });
        }
    }
    assert!(!decoder.is_amid());
    all
}

const KINDS: [Kind; 6] = [
    Kind::Continue,
    Kind::Text,
    Kind::Binary,
    Kind::Close,
    Kind::Ping,
    Kind::Pong,
];

/// What the other codec calls it.
fn opcode(kind: Kind) -> OpCode {
    match kind {
        Kind::Continue => OpCode::Data(Data::Continue),
        Kind::Text => OpCode::Data(Data::Text),
        Kind::Binary => OpCode::Data(Data::Binary),
        Kind::Close => OpCode::Control(Control::Close),
        Kind::Ping => OpCode::Control(Control::Ping),
        Kind::Pong => OpCode::Control(Control::Pong),
    }
}

/// Whether the standard lets a client send such a header (RFC 6455 sections 5.1, 5.2 and 5.5).
fn may_be_sent(header: &FrameHeader, payload_bytes: u64, header_bytes: usize) -> bool {
    let is_control = matches!(header.opcode, OpCode::Control(_));
    KINDS.iter().any(|kind| opcode(*kind) == header.opcode)
        && !(header.rsv1 || header.rsv2 || header.rsv3)
        && header.mask.is_some()
        && (!is_control || (header.is_final && payload_bytes <= 125))
        && header.len(payload_bytes) == header_bytes
        && i64::try_from(payload_bytes).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn we_read_what_they_write(messages in prop::collection::vec(said(), 0..8), step in 1usize..40_000) {
        prop_assert_eq!(decoded(&sent(&messages), step), messages);
    }

    #[test]
    fn they_read_what_we_write(messages in prop::collection::vec(said(), 0..8)) {
        let mut bytes = Vec::new();
        for message in &messages {
            match message {
                Said::Text(text) => frame::write(&mut bytes, Kind::Text, text.as_bytes()),
                Said::Binary(payload) => frame::write(&mut bytes, Kind::Binary, payload),
                Said::Ping(payload) => frame::write(&mut bytes, Kind::Ping, payload),
                Said::Pong(payload) => frame::write(&mut bytes, Kind::Pong, payload),
            }
        }
        let mut client = peer(Role::Client, bytes);
        for message in messages {
            let read = match client.read().expect("good") {
                tungstenite::Message::Text(text) => Said::Text(text.to_string()),
                tungstenite::Message::Binary(payload) => Said::Binary(payload.to_vec()),
                tungstenite::Message::Ping(payload) => Said::Ping(payload.to_vec()),
                tungstenite::Message::Pong(payload) => Said::Pong(payload.to_vec()),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(read, message);
        }
    }

    /// A header is what the other codec says, as far as a client may send it.
    #[test]
    fn headers_are_read_as_they_read_them(
        first in prop_oneof![any::<u8>(), Just(0x81), Just(0x89)],
        second in prop_oneof![any::<u8>(), Just(0xfe), Just(0xff)],
        rest in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..13),
            (0u64..70_000, any::<[u8; 5]>()).prop_map(|(length, rest)| [&length.to_be_bytes()[..], &rest].concat()),
            (0u16..300, any::<[u8; 5]>()).prop_map(|(length, rest)| [&length.to_be_bytes()[..], &rest].concat()),
        ],
    ) {
        let bytes = [&[first, second][..], &rest].concat();
        let mut cursor = Cursor::new(&bytes);
        let theirs = FrameHeader::parse(&mut cursor);
        let header_bytes = cursor.position() as usize;
        match (frame::parse(&bytes), theirs) {
            (Ok(Some((ours, len))), Ok(Some((theirs, payload_bytes)))) => {
                prop_assert_eq!((ours.payload_bytes, len), (payload_bytes, header_bytes));
                prop_assert_eq!((ours.is_final, Some(ours.mask)), (theirs.is_final, theirs.mask));
                prop_assert_eq!(opcode(ours.kind), theirs.opcode);
                prop_assert!(may_be_sent(&theirs, payload_bytes, len));
            }
            (Ok(None), Ok(None)) => {}
            (Err(refusal), theirs) => {
                prop_assert_eq!(refusal.code, 1002);
                // Some faults are certain before the header is whole.
                if let Ok(Some((theirs, payload_bytes))) = theirs {
                    prop_assert!(!may_be_sent(&theirs, payload_bytes, header_bytes));
                }
            }
            (ours, theirs) => prop_assert!(false, "{ours:?}, but {theirs:?}"),
        }
    }

    #[test]
    fn headers_are_written_as_they_write_them(
        kind in prop::sample::select(&KINDS[..]),
        payload_bytes in prop_oneof![0usize..300, 65_000usize..66_000, any::<usize>()],
    ) {
        let mut ours = Vec::new();
        frame::write_header(&mut ours, kind, payload_bytes);
        let mut theirs = Vec::new();
        let header = FrameHeader { opcode: opcode(kind), ..FrameHeader::default() };
        header.format(payload_bytes as u64, &mut theirs).expect("written");
        prop_assert_eq!(ours, theirs);
    }

    /// Whatever bytes come, the decoder answers with messages or a refusal, and never panics.
    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..300), step in 1usize..300) {
        let mut decoder = Decoder::default();
        'pieces: for piece in bytes.chunks(step) {
            let mut piece = piece.to_vec();
            let mut progress = Progress::default();
            loop {
                match decoder.next(&mut piece, &mut progress, &MessageLimits::default()) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(refusal) => {
                        prop_assert!((1002..=1009).contains(&refusal.code));
                        break 'pieces;
                    }
                }
            }
        }
    }
}

#[test]
fn a_goodbye_is_read() {
    let mut bytes = Vec::new();
    frame::write_close(&mut bytes, 1012, "restarting");
    let mut client = peer(Role::Client, bytes);
    match client.read() {
        Ok(tungstenite::Message::Close(Some(close))) => {
            assert_eq!(u16::from(close.code), 1012);
            assert_eq!(close.reason.as_str(), "restarting");
        }
        other => panic!("{other:?}"),
    }
}
