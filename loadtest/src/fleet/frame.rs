//! WebSocket frames, built and parsed by hand because both happen once per relayed message.
//!
//! Client frames carry one fixed, non-zero mask key, so they are built once and sent many times, and no server gets
//! away with skipping the unmasking. Frames from a server are normally bare; the floor relay passes our own masked
//! frames on, so those are understood too.

/// The mask key of every frame this harness sends.
pub(crate) const MASK_KEY: [u8; 4] = [0x9d, 0x31, 0xe7, 0x5a];

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// Bytes of a masked payload that are unmasked to recognise it.
const GLANCE_BYTES: usize = 48;

/// A frame in the receive buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: u8,
    pub(crate) fin: bool,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) payload: &'a [u8],
    /// Header and payload together.
    pub(crate) size: usize,
}

/// The server broke the framing rules.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadFrame;

/// What a text frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Searching,
    Joined,
    Message,
    /// A message is kept.
    Ack,
    Left,
    Typing,
    Error,
    /// Something said in a room.
    Text,
    /// Somebody joined a room.
    Join,
    Other,
}

/// A masked client frame.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(MASK_KEY);
    frame.extend(
        payload
            .iter()
            .enumerate()
            .map(|(at, byte)| byte ^ MASK_KEY[at % 4]),
    );
    frame
}

/// The first frame in `bytes`, or nothing while it is incomplete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Frame<'_>>, BadFrame> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let opcode = first & 0x0f;
    if first & 0x70 != 0 || matches!(opcode, 0x3..=0x7 | 0xb..=0xf) {
        return Err(BadFrame);
    }
    let (len, mut at) = match second & 0x7f {
        126 => match rest.first_chunk::<2>() {
            Some(len) => (usize::from(u16::from_be_bytes(*len)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(len) => (
                usize::try_from(u64::from_be_bytes(*len)).map_err(|_| BadFrame)?,
                10,
            ),
            None => return Ok(None),
        },
        len => (usize::from(len), 2),
    };
    let mut mask = None;
    if second & 0x80 != 0 {
        let Some(key) = bytes.get(at..).and_then(|tail| tail.first_chunk::<4>()) else {
            return Ok(None);
        };
        mask = Some(*key);
        at += 4;
    }
    let size = at.checked_add(len).ok_or(BadFrame)?;
    let Some(payload) = bytes.get(at..size) else {
        return Ok(None);
    };
    Ok(Some(Frame {
        opcode,
        fin: first & 0x80 != 0,
        mask,
        payload,
        size,
    }))
}

impl Frame<'_> {
    /// Recognises a text frame by its `type`, without parsing the JSON.
    pub(crate) fn word(&self) -> Word {
        let Some(key) = self.mask else {
            return word(self.payload);
        };
        let mut glance = [0; GLANCE_BYTES];
        let len = self.payload.len().min(GLANCE_BYTES);
        for (at, byte) in self.payload[..len].iter().enumerate() {
            glance[at] = byte ^ key[at % 4];
        }
        word(&glance[..len])
    }

    /// The payload, unmasked when it came masked.
    pub(crate) fn bare(&self) -> Vec<u8> {
        let key = self.mask.unwrap_or_default();
        self.payload
            .iter()
            .enumerate()
            .map(|(at, byte)| byte ^ key[at % 4])
            .collect()
    }
}

fn word(json: &[u8]) -> Word {
    let kind = match json.strip_prefix(b"{\"type\":\"") {
        Some(kind) => kind,
        None => match string_field(json, "type") {
            Some(kind) => kind,
            None => return Word::Other,
        },
    };
    let starts = |name: &[u8]| {
        kind.starts_with(name) && kind.get(name.len()).is_none_or(|next| *next == b'"')
    };
    // The commands stand here because the floor hands them on as they are.
    if starts(b"message") || starts(b"sendMessage") {
        Word::Message
    } else if starts(b"message_ack") {
        Word::Ack
    } else if starts(b"strangerJoined") {
        Word::Joined
    } else if starts(b"strangerLeft") {
        Word::Left
    } else if starts(b"searching") {
        Word::Searching
    } else if starts(b"typing") {
        Word::Typing
    } else if starts(b"error") {
        Word::Error
    } else if starts(b"text") {
        Word::Text
    } else if starts(b"join") {
        Word::Join
    } else {
        Word::Other
    }
}

/// The text of a top-level string field, found by scanning; what lies inside other strings is escaped and so never
/// matches.
pub(crate) fn string_field<'a>(json: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let key = format!("\"{name}\"");
    let mut rest = json;
    loop {
        let at = rest
            .windows(key.len())
            .position(|window| window == key.as_bytes())?;
        rest = &rest[at + key.len()..];
        let Some(value) = rest.trim_ascii_start().strip_prefix(b":") else {
            continue;
        };
        let value = value.trim_ascii_start().strip_prefix(b"\"")?;
        let end = value.iter().position(|byte| *byte == b'"')?;
        return Some(&value[..end]);
    }
}

/// The pair's id in a `strangerJoined`.
pub(crate) fn pair_id(json: &[u8]) -> Option<u128> {
    let text = str::from_utf8(string_field(json, "pairId")?).ok()?;
    u128::from_str_radix(&text.replace('-', ""), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_frame_parses_back_at_every_length_form() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload = vec![b'x'; len];
            let bytes = masked(TEXT, &payload);
            let frame = parse(&bytes).unwrap().unwrap();
            assert_eq!(
                (frame.opcode, frame.fin, frame.size),
                (TEXT, true, bytes.len())
            );
            assert_eq!(frame.mask, Some(MASK_KEY));
            assert_eq!(frame.bare(), payload);
        }
    }

    #[test]
    fn a_frame_cut_anywhere_is_incomplete() {
        for bytes in [masked(TEXT, &[7; 200]), vec![0x81, 3, b'a', b'b', b'c']] {
            for cut in 0..bytes.len() {
                assert_eq!(parse(&bytes[..cut]), Ok(None), "cut at {cut}");
            }
        }
    }

    #[test]
    fn reserved_bits_and_opcodes_are_refused() {
        assert_eq!(parse(&[0xc1, 0]), Err(BadFrame));
        assert_eq!(parse(&[0x83, 0]), Err(BadFrame));
    }

    #[test]
    fn words_are_recognised_bare_masked_and_oddly_spaced() {
        let json = br#"{"type":"sendMessage","text":"hi"}"#;
        assert_eq!(
            parse(&masked(TEXT, json)).unwrap().unwrap().word(),
            Word::Message
        );
        assert_eq!(word(br#"{"type":"message","text":"x"}"#), Word::Message);
        assert_eq!(word(br#"{"type":"message_ack","id":"x"}"#), Word::Ack);
        assert_eq!(
            word(br#"{"text":"\"type\":\"error\"","type": "strangerLeft"}"#),
            Word::Left
        );
        assert_eq!(word(br#"{"type":"messages"}"#), Word::Other);
        assert_eq!(word(b"hello"), Word::Other);
    }

    #[test]
    fn a_pair_id_is_read() {
        let json = br#"{"type":"strangerJoined","pairId":"00000000-0000-0000-0000-0000000000ff"}"#;
        assert_eq!(pair_id(json), Some(255));
        assert_eq!(pair_id(b"{}"), None);
    }
}
