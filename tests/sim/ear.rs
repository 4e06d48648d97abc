//! What a client makes of the bytes that it hears, written without the server's codecs.

use serde_json::{Value, json};

/// Something that was heard.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The answer to a request, or to a handshake that was refused.
    Response(u16),
    /// The handshake is done.
    Open,
    Event(Value),
    Ping,
    Close(u16),
}

/// Takes bytes in pieces of any size.
#[derive(Debug, Default)]
pub struct Ear {
    bytes: Vec<u8>,
    is_open: bool,
    is_closed: bool,
}

impl Ear {
    /// Everything that is complete with these bytes.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<Vec<Heard>, String> {
        self.bytes.extend_from_slice(bytes);
        let mut all = Vec::new();
        loop {
            let found = match self.is_open {
                true => self.frame()?,
                false => self.response(),
            };
            let Some((heard, len)) = found else {
                return Ok(all);
            };
            if self.is_closed {
                return Err(format!("{heard:?} after the goodbye"));
            }
            self.is_open |= matches!(heard, Heard::Open);
            self.is_closed |= matches!(heard, Heard::Close(_));
            self.bytes.drain(..len);
            all.push(heard);
        }
    }

    fn response(&self) -> Option<(Heard, usize)> {
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.bytes[..end]);
        let status = head.split(' ').nth(1)?.parse().ok()?;
        if status == 101 {
            return Some((Heard::Open, end));
        }
        let length = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>())
        });
        let len = end + length.and_then(Result::ok).unwrap_or(0);
        self.bytes.get(end..len)?;
        Some((Heard::Response(status), len))
    }

    fn frame(&self) -> Result<Option<(Heard, usize)>, String> {
        let (Some(first), Some(second)) = (self.bytes.first(), self.bytes.get(1)) else {
            return Ok(None);
        };
        let (start, len) = match (*second, self.bytes.get(2), self.bytes.get(3)) {
            (126, Some(high), Some(low)) => (4, usize::from(*high) << 8 | usize::from(*low)),
            (126, ..) => return Ok(None),
            (127.., ..) => return Err("a frame that is too long".into()),
            (len, ..) => (2, usize::from(len)),
        };
        let Some(payload) = self.bytes.get(start..start + len) else {
            return Ok(None);
        };
        let heard = match first {
            0x81 => serde_json::from_slice(payload).map(Heard::Event),
            0x88 => Ok(Heard::Close(match payload {
                [high, low, ..] => u16::from_be_bytes([*high, *low]),
                _ => 1005,
            })),
            0x89 => Ok(Heard::Ping),
            _ => Ok(Heard::Event(json!({ "type": "a frame of another kind" }))),
        };
        let heard = heard.map_err(|_| "that is not JSON".to_owned())?;
        Ok(Some((heard, start + len)))
    }
}
