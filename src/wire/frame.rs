//! WebSocket frame headers (RFC 6455 section 5.2), checked before a byte of payload is looked at. They are read and
//! written by hand, as it is done for every message; `tests/codec.rs` holds that against tungstenite's codec.

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::kernel::stats::CloseCause;

/// The longest header that a client sends.
pub const HEADER_BYTES_MAX: usize = 14;
/// The longest header that we send: no mask.
pub const OWN_HEADER_BYTES_MAX: usize = 10;

/// Bits of the first byte: the last frame of a message, the bits of extensions, an opcode of a control frame.
const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const CONTROL: u8 = 0x08;
/// The bit of the second byte that says that there is a key.
const MASKED: u8 = 0x80;
/// The longest payloads whose length fits into 7 bits, and into 16.
const LENGTH_7_MAX: u64 = 125;
const LENGTH_16_MAX: u64 = u16::MAX as u64;

/// Why a peer's frames are refused: a close code for it, a sentence, and what it is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code of the Close frame (RFC 6455 section 7.4.1).
    pub code: u16,
    /// What was wrong, for the peer's developer to read.
    pub reason: &'static str,
    /// What it is counted as.
    pub cause: CloseCause,
}

impl Refusal {
    /// The peer broke the protocol (1002).
    pub const fn protocol(reason: &'static str) -> Self {
        Self {
            code: 1002,
            reason,
            cause: CloseCause::Protocol,
        }
    }

    /// The endpoint does not take this kind of data (1003).
    pub const UNSUPPORTED: Self = Self {
        code: 1003,
        reason: "this endpoint takes text only",
        cause: CloseCause::Unsupported,
    };
    /// The text is not UTF-8 (1007).
    pub const BAD_TEXT: Self = Self {
        code: 1007,
        reason: "text must be UTF-8",
        cause: CloseCause::BadText,
    };
    /// The message is larger than the endpoint takes (1009).
    pub const TOO_LARGE: Self = Self {
        code: 1009,
        reason: "message too large",
        cause: CloseCause::TooLarge,
    };

    /// The peer overdoes something (1008).
    pub const fn policy(reason: &'static str) -> Self {
        Self {
            code: 1008,
            reason,
            cause: CloseCause::Policy,
        }
    }
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The rest, or more, of the message that was begun.
    Continue,
    /// Text, or the beginning of it.
    Text,
    /// Bytes, or the beginning of them.
    Binary,
    /// A goodbye.
    Close,
    /// A question whether we live.
    Ping,
    /// An answer to ours.
    Pong,
}

impl Kind {
    /// Whether it is a control frame: never fragmented, at most 125 bytes.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// The kind of this opcode, unless that is reserved. There are four bits of it.
    fn of(opcode: u8) -> Option<Self> {
        match OpCode::from(opcode) {
            OpCode::Data(Data::Continue) => Some(Self::Continue),
            OpCode::Data(Data::Text) => Some(Self::Text),
            OpCode::Data(Data::Binary) => Some(Self::Binary),
            OpCode::Control(Control::Close) => Some(Self::Close),
            OpCode::Control(Control::Ping) => Some(Self::Ping),
            OpCode::Control(Control::Pong) => Some(Self::Pong),
            OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_)) => None,
        }
    }

    const fn opcode(self) -> OpCode {
        match self {
            Self::Continue => OpCode::Data(Data::Continue),
            Self::Text => OpCode::Data(Data::Text),
            Self::Binary => OpCode::Data(Data::Binary),
            Self::Close => OpCode::Control(Control::Close),
            Self::Ping => OpCode::Control(Control::Ping),
            Self::Pong => OpCode::Control(Control::Pong),
        }
    }
}

/// A client's frame header that has passed every check a header can be put to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame carries.
    pub kind: Kind,
    /// Whether it is the last of its message.
    pub is_final: bool,
    /// The key with which the payload is masked.
    pub mask: [u8; 4],
    /// How many bytes of payload follow, at most 2^63 - 1.
    pub payload_bytes: u64,
}

/// Reads the header of a client's frame from the front of `bytes`.
///
/// `Ok(None)` means that more bytes are needed. Says also how long the header is. A header that cannot
/// become acceptable is refused as soon as that is certain, which for most faults is at its second byte.
#[inline]
pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Refusal> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & RESERVED != 0 {
        return Err(Refusal::protocol("reserved bits must be zero"));
    }
    if second & MASKED == 0 {
        return Err(Refusal::protocol("client frames must be masked"));
    }
    let is_long = u64::from(second & 0x7f) > LENGTH_7_MAX;
    if first & CONTROL != 0 && (first & FINAL == 0 || is_long) {
        return Err(Refusal::protocol(
            "control frames must be short and in one piece",
        ));
    }
    let kind = Kind::of(first & 0x0f).ok_or(RESERVED_OPCODE)?;
    let (payload_bytes, shortest, key_at) = match second & 0x7f {
        127 => match rest.first_chunk() {
            Some(length) => (u64::from_be_bytes(*length), LENGTH_16_MAX + 1, 10),
            None => return Ok(None),
        },
        126 => match rest.first_chunk() {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), LENGTH_7_MAX + 1, 4),
            None => return Ok(None),
        },
        length => (u64::from(length), 0, 2),
    };
    if payload_bytes < shortest || payload_bytes > i64::MAX as u64 {
        return Err(Refusal::protocol(
            "the payload length must be in its shortest form",
        ));
    }
    let Some(mask) = bytes[key_at..].first_chunk() else {
        return Ok(None);
    };
    let header = Header {
        kind,
        is_final: first & FINAL != 0,
        mask: *mask,
        payload_bytes,
    };
    Ok(Some((header, key_at + mask.len())))
}

const RESERVED_OPCODE: Refusal = Refusal::protocol("reserved opcode");

/// Appends the header of a server's frame, whole and unmasked, for `payload_bytes` of payload.
#[inline]
pub fn write_header(output: &mut Vec<u8>, kind: Kind, payload_bytes: usize) {
    let first = FINAL | u8::from(kind.opcode());
    let length = payload_bytes as u64;
    if length <= LENGTH_7_MAX {
        output.extend_from_slice(&[first, length as u8]);
    } else if length <= LENGTH_16_MAX {
        let [high, low] = (length as u16).to_be_bytes();
        output.extend_from_slice(&[first, 126, high, low]);
    } else {
        output.extend_from_slice(&[first, 127]);
        output.extend_from_slice(&length.to_be_bytes());
    }
}

/// Appends a whole frame.
pub fn write(output: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    write_header(output, kind, payload.len());
    output.extend_from_slice(payload);
}

/// Appends a Close frame. `reason` is cut to the 123 bytes that fit.
pub fn write_close(output: &mut Vec<u8>, code: u16, reason: &str) {
    let reason = &reason[..reason.floor_char_boundary(123)];
    write_header(output, Kind::Close, 2 + reason.len());
    output.extend_from_slice(&code.to_be_bytes());
    output.extend_from_slice(reason.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> u16 {
        parse(bytes).expect_err("must be refused").code
    }

    #[test]
    fn faults_are_found_at_the_header() {
        assert_eq!(refused(&[0x81, 0x05]), 1002, "unmasked");
        assert_eq!(refused(&[0xc1, 0x85]), 1002, "RSV1");
        assert_eq!(refused(&[0xa1, 0x85]), 1002, "RSV2");
        assert_eq!(refused(&[0x91, 0x85]), 1002, "RSV3");
        assert_eq!(refused(&[0x83, 0x85]), 1002, "reserved data opcode");
        assert_eq!(refused(&[0x8b, 0x80]), 1002, "reserved control opcode");
        assert_eq!(refused(&[0x89, 0xfe]), 1002, "long ping");
        assert_eq!(refused(&[0x09, 0x80]), 1002, "fragmented ping");
        assert_eq!(
            refused(&[0x81, 0xfe, 0, 5, 0, 0, 0, 0]),
            1002,
            "five as a 16-bit length"
        );
        assert_eq!(
            refused(&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0]),
            1002,
            "five as a 64-bit length"
        );
        assert_eq!(
            refused(&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            1002,
            "the most significant bit of the length"
        );
    }

    #[test]
    fn waits_for_the_whole_header() {
        let header = [0x81, 0xfe, 1, 0, 9, 8, 7, 6];
        for len in 0..header.len() {
            assert_eq!(parse(&header[..len]), Ok(None));
        }
        let (parsed, len) = parse(&header).expect("good").expect("whole");
        assert_eq!(len, 8);
        assert_eq!(parsed.payload_bytes, 256);
        assert_eq!(parsed.mask, [9, 8, 7, 6]);
    }

    #[test]
    fn own_headers_are_as_long_as_the_length_needs() {
        for (payload, expected) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut output = Vec::new();
            write_header(&mut output, Kind::Text, payload);
            assert_eq!(output.len(), expected);
            assert!(output.len() <= OWN_HEADER_BYTES_MAX);
        }
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let mut output = Vec::new();
        write_close(&mut output, 1001, &"é".repeat(100));
        assert_eq!(output[1], 2 + 122);
    }
}
