//! WebSocket messages (RFC 6455 section 5.4) from frames, in place.
//!
//! Owns: what of a message has arrived and is not complete. A frame that arrives whole, as nearly all do, is
//! unmasked and handed on where it lies in the receive buffer; only a frame or message that is split is
//! copied. Nothing is reserved for bytes that are only announced.
//!
//! Invariants: every byte kept has passed the header checks, the size limit, and for text the UTF-8 check;
//! `partial` is `None` when nothing is incomplete, so an idle connection owns no memory here.

use tungstenite::protocol::frame::coding::CloseCode;

use super::frame::{self, HEADER_BYTES_MAX, Header, Kind, Refusal};
use super::{mask, utf8};
use crate::limits;

/// A whole message or control frame, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping, with the bytes that the pong must bring.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// A goodbye, with its status code if it has one.
    Close(Option<u16>, &'a str),
}

/// What an endpoint takes.
#[derive(Clone, Copy, Debug)]
pub struct MessageLimits {
    /// The largest message, in bytes.
    pub message_bytes_max: u64,
    /// The most frames that a message may come in.
    pub fragments_max: u32,
    /// Whether binary messages are taken.
    pub binary: bool,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self {
            message_bytes_max: limits::MESSAGE_BYTES_MAX,
            fragments_max: limits::FRAGMENTS_MAX,
            binary: false,
        }
    }
}

/// Turns received bytes into messages. See the module's description.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
}

/// How far the bytes of one read are decoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Where the next frame begins.
    pub at: usize,
    /// How many frames have begun in them.
    pub frames: u32,
}

#[derive(Debug, Default)]
struct Partial {
    /// The beginning of a header.
    head: [u8; HEADER_BYTES_MAX],
    head_bytes: u8,
    /// The frame whose payload is arriving, and how much of that has.
    frame: Option<(Header, u64)>,
    /// The message that has begun: its kind, and in how many frames it came so far.
    message: Option<(Kind, u32)>,
    payload: Vec<u8>,
    text: utf8::Checker,
    control: Vec<u8>,
    /// What was handed out at the last call and can go now.
    spent: Spent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Spent {
    #[default]
    Nothing,
    Control,
    Message,
}

impl Decoder {
    /// Whether part of a message has arrived and the rest has not; asked after [`Decoder::next`] said `None`.
    pub fn is_amid(&self) -> bool {
        self.partial.is_some()
    }

    /// The memory of what is incomplete, in bytes.
    pub fn held(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| {
            size_of::<Partial>() + partial.payload.capacity() + partial.control.capacity()
        })
    }

    /// Whether a message has begun and its last frame has not come, whatever comes between its frames.
    pub fn is_in_fragments(&self) -> bool {
        self.partial
            .as_ref()
            .is_some_and(|partial| partial.message.is_some() && partial.spent != Spent::Message)
    }

    /// Takes the next message from `bytes`, from where `progress` has come to, and moves that past it; `None` when all
    /// bytes are used up. Payload is unmasked in place. After a refusal the decoder must not be used again.
    #[inline]
    pub fn next<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        progress: &mut Progress,
        message_limits: &MessageLimits,
    ) -> Result<Option<Message<'a>>, Refusal> {
        if let Some(partial) = self.partial.as_deref_mut() {
            partial.forget_spent();
            if partial.is_blank() {
                self.partial = None;
            }
        }
        if self.partial.is_none() {
            let Some((header, header_bytes)) = frame::parse(&bytes[progress.at..])? else {
                return self.stash_header(bytes, &mut progress.at);
            };
            let start = progress.at + header_bytes;
            let whole = header.is_final
                && header.kind != Kind::Continue
                && header.payload_bytes <= (bytes.len() - start) as u64;
            if whole {
                admit(&header, None, 0, message_limits)?;
                progress.frames += 1;
                let end = start + header.payload_bytes as usize;
                progress.at = end;
                let payload = &mut bytes[start..end];
                mask::apply(payload, header.mask, 0);
                return complete(header.kind, payload).map(Some);
            }
        }
        self.next_split(bytes, progress, message_limits)
    }

    /// Keeps the beginning of a header, if there is any.
    fn stash_header<'a>(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
    ) -> Result<Option<Message<'a>>, Refusal> {
        let rest = &bytes[*at..];
        if !rest.is_empty() {
            let partial = self.partial.get_or_insert_default();
            partial.head[..rest.len()].copy_from_slice(rest);
            partial.head_bytes = rest.len() as u8;
            *at = bytes.len();
        }
        Ok(None)
    }

    /// The general case: frames that are split across reads, and messages that are split across frames.
    fn next_split<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        progress: &mut Progress,
        message_limits: &MessageLimits,
    ) -> Result<Option<Message<'a>>, Refusal> {
        let partial = self.partial.get_or_insert_default();
        let mut finished = None;
        loop {
            if progress.at == bytes.len() && !partial.has_empty_frame() {
                break;
            }
            if partial.frame.is_none() {
                if !partial.read_header(bytes, &mut progress.at, message_limits)? {
                    break;
                }
                progress.frames += 1;
            }
            if let Some(kind) = partial.read_payload(bytes, &mut progress.at)? {
                finished = Some(kind);
                break;
            }
        }
        match finished {
            Some(kind) if kind.is_control() => {
                partial.spent = Spent::Control;
                complete(kind, &partial.control).map(Some)
            }
            Some(kind) => {
                partial.spent = Spent::Message;
                complete(kind, &partial.payload).map(Some)
            }
            None => Ok(None),
        }
    }
}

impl Partial {
    /// Whether nothing is incomplete.
    fn is_blank(&self) -> bool {
        self.head_bytes == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Whether a frame without payload is complete already.
    fn has_empty_frame(&self) -> bool {
        self.frame
            .as_ref()
            .is_some_and(|(header, arrived)| header.payload_bytes == *arrived)
    }

    fn forget_spent(&mut self) {
        match self.spent {
            Spent::Nothing => {}
            Spent::Control => self.control = Vec::new(),
            Spent::Message => {
                self.message = None;
                self.payload = Vec::new();
                self.text = utf8::Checker::default();
            }
        }
        self.spent = Spent::Nothing;
    }

    /// Reads a header; `false` when more bytes are needed.
    fn read_header(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
        message_limits: &MessageLimits,
    ) -> Result<bool, Refusal> {
        let had = usize::from(self.head_bytes);
        let more = (bytes.len() - *at).min(HEADER_BYTES_MAX - had);
        self.head[had..had + more].copy_from_slice(&bytes[*at..*at + more]);
        let Some((header, header_bytes)) = frame::parse(&self.head[..had + more])? else {
            self.head_bytes = (had + more) as u8;
            *at += more;
            return Ok(false);
        };
        *at += header_bytes - had;
        self.head_bytes = 0;
        admit(
            &header,
            self.message,
            self.payload.len() as u64,
            message_limits,
        )?;
        if !header.kind.is_control() {
            let (kind, fragments) = self.message.unwrap_or((header.kind, 0));
            self.message = Some((kind, fragments + 1));
        }
        self.frame = Some((header, 0));
        Ok(true)
    }

    /// Takes what has arrived of the frame's payload; says what is complete now.
    fn read_payload(&mut self, bytes: &mut [u8], at: &mut usize) -> Result<Option<Kind>, Refusal> {
        let Some((header, arrived)) = self.frame else {
            return Ok(None);
        };
        let count = (bytes.len() - *at).min((header.payload_bytes - arrived) as usize);
        let piece = &mut bytes[*at..*at + count];
        *at += count;
        mask::apply(piece, header.mask, arrived);
        if header.kind.is_control() {
            self.control.extend_from_slice(piece);
        } else {
            if matches!(self.message, Some((Kind::Text, _))) {
                self.text.feed(piece).map_err(|_| Refusal::BAD_TEXT)?;
            }
            self.payload.extend_from_slice(piece);
        }
        let arrived = arrived + count as u64;
        if arrived < header.payload_bytes {
            self.frame = Some((header, arrived));
            return Ok(None);
        }
        self.frame = None;
        match self.message {
            _ if header.kind.is_control() => Ok(Some(header.kind)),
            Some((kind, _)) if header.is_final => Ok(Some(kind)),
            _ => Ok(None),
        }
    }
}

/// Checks a frame against the message it belongs to and what the endpoint takes.
#[inline]
fn admit(
    header: &Header,
    message: Option<(Kind, u32)>,
    message_bytes: u64,
    message_limits: &MessageLimits,
) -> Result<(), Refusal> {
    if header.kind.is_control() {
        return Ok(());
    }
    match (header.kind, message) {
        (Kind::Continue, None) => return Err(Refusal::protocol("nothing to continue")),
        (Kind::Text | Kind::Binary, Some(_)) => {
            return Err(Refusal::protocol("the last message is not finished"));
        }
        (Kind::Binary, None) if !message_limits.binary => return Err(Refusal::UNSUPPORTED),
        _ => {}
    }
    if message_bytes + header.payload_bytes > message_limits.message_bytes_max {
        return Err(Refusal::TOO_LARGE);
    }
    if message.is_some_and(|(_, fragments)| fragments >= message_limits.fragments_max) {
        return Err(Refusal::policy("too many fragments"));
    }
    Ok(())
}

/// Makes a message of its whole payload.
#[inline]
fn complete(kind: Kind, payload: &[u8]) -> Result<Message<'_>, Refusal> {
    match kind {
        Kind::Text => std::str::from_utf8(payload)
            .map(Message::Text)
            .map_err(|_| Refusal::BAD_TEXT),
        Kind::Binary | Kind::Continue => Ok(Message::Binary(payload)),
        Kind::Ping => Ok(Message::Ping(payload)),
        Kind::Pong => Ok(Message::Pong(payload)),
        Kind::Close => goodbye(payload),
    }
}

/// Reads the payload of a Close frame (RFC 6455 section 5.5.1).
fn goodbye(payload: &[u8]) -> Result<Message<'_>, Refusal> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(Message::Close(None, "")),
            _ => Err(Refusal::protocol("half a close code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !CloseCode::from(code).is_allowed() {
        return Err(Refusal::protocol("that close code must not be sent"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Refusal::BAD_TEXT)?;
    Ok(Message::Close(Some(code), reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![first];
        match payload.len() {
            len @ 0..=125 => bytes.push(0x80 | len as u8),
            len => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(len as u16).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        let start = bytes.len();
        bytes.extend_from_slice(payload);
        mask::apply(&mut bytes[start..], mask, 0);
        bytes
    }

    /// Everything that `pieces` decode to, in words, and how it ended.
    fn decode(pieces: &[&[u8]], message_limits: &MessageLimits) -> (Vec<String>, Option<u16>) {
        let mut decoder = Decoder::default();
        let mut seen = Vec::new();
        for piece in pieces {
            let mut bytes = piece.to_vec();
            let mut progress = Progress::default();
            loop {
                match decoder.next(&mut bytes, &mut progress, message_limits) {
                    Ok(Some(message)) => seen.push(format!("{message:?}")),
                    Ok(None) => break,
                    Err(refusal) => return (seen, Some(refusal.code)),
                }
            }
            assert_eq!(progress.at, bytes.len());
        }
        assert!(!decoder.is_amid());
        (seen, None)
    }

    fn script() -> Vec<u8> {
        let mut bytes = masked(0x81, "h\u{e9}llo".as_bytes());
        bytes.extend(masked(0x01, b"frag\xf0\x9f"));
        bytes.extend(masked(0x89, b"ping"));
        bytes.extend(masked(0x00, b""));
        bytes.extend(masked(0x80, b"\x98\x80 and more"));
        bytes.extend(masked(0x81, &[b'x'; 300]));
        bytes.extend(masked(0x8a, b""));
        bytes.extend(masked(0x81, b""));
        bytes.extend(masked(0x88, &[0x03, 0xe8, b'o', b'k']));
        bytes
    }

    #[test]
    fn every_split_gives_the_same_messages() {
        let script = script();
        let (whole, end) = decode(&[&script], &MessageLimits::default());
        assert_eq!(end, None);
        assert_eq!(whole.len(), 7);
        assert_eq!(whole[2], "Text(\"frag\u{1f600} and more\")");
        for cut in 0..=script.len() {
            let (front, back) = script.split_at(cut);
            assert_eq!(
                decode(&[front, back], &MessageLimits::default()),
                (whole.clone(), None),
                "cut at {cut}"
            );
        }
        let bytes: Vec<&[u8]> = script.chunks(1).collect();
        assert_eq!(decode(&bytes, &MessageLimits::default()).0, whole);
    }

    #[test]
    fn limits_hold_at_the_header() {
        let message_limits = MessageLimits {
            message_bytes_max: 10,
            fragments_max: 3,
            binary: false,
        };
        let announced = [0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(decode(&[&announced], &message_limits).1, Some(1009));
        assert_eq!(
            decode(&[&masked(0x82, b"x")], &message_limits).1,
            Some(1003)
        );
        let mut grown = masked(0x01, b"123456");
        grown.extend(masked(0x80, b"78901"));
        assert_eq!(decode(&[&grown], &message_limits).1, Some(1009));
        let mut many = masked(0x01, b"");
        for _ in 0..2 {
            many.extend(masked(0x00, b""));
        }
        many.extend(masked(0x80, b""));
        assert_eq!(decode(&[&many], &message_limits).1, Some(1008));
    }

    #[test]
    fn bad_sequences_are_refused() {
        let any = MessageLimits::default();
        assert_eq!(decode(&[&masked(0x80, b"x")], &any).1, Some(1002));
        let mut twice = masked(0x01, b"a");
        twice.extend(masked(0x81, b"b"));
        assert_eq!(decode(&[&twice], &any).1, Some(1002));
        assert_eq!(decode(&[&masked(0x88, &[3])], &any).1, Some(1002));
        for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            assert_eq!(
                decode(&[&masked(0x88, &code.to_be_bytes())], &any).1,
                Some(1002),
                "{code}"
            );
        }
        assert_eq!(
            decode(&[&masked(0x88, &[3, 0xe8, 0xff])], &any).1,
            Some(1007)
        );
    }

    #[test]
    fn bad_text_is_refused_before_the_frame_is_complete() {
        let frame = masked(0x81, &[b'a', 0xff, b'b', b'c', b'd']);
        let mut decoder = Decoder::default();
        let mut front = frame[..8].to_vec();
        let mut progress = Progress::default();
        let refused = decoder.next(&mut front, &mut progress, &MessageLimits::default());
        assert_eq!(refused, Err(Refusal::BAD_TEXT));
    }

    #[test]
    fn announced_bytes_reserve_nothing() {
        let message_limits = MessageLimits {
            message_bytes_max: 1 << 40,
            ..MessageLimits::default()
        };
        let mut bytes = vec![0x81, 0xff, 0, 0, 0, 0x7f, 0, 0, 0, 0, 1, 2, 3, 4, b'x'];
        let mut decoder = Decoder::default();
        let mut progress = Progress::default();
        assert_eq!(
            decoder.next(&mut bytes, &mut progress, &message_limits),
            Ok(None)
        );
        let partial = decoder.partial.expect("amid a message");
        assert!(partial.payload.capacity() < 64);
    }
}
