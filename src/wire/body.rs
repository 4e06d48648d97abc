//! The body of an HTTP/1.1 request: a number of bytes, or chunks (RFC 9112 section 7.1).

use super::head::{Framing, Head};
use super::response::{Response, Status};

/// The longest line that introduces a chunk: its size in hexadecimal and what may follow that.
const CHUNK_LINE_BYTES_MAX: usize = 256;
/// All lines that may follow the last chunk.
const TRAILER_BYTES_MAX: usize = 1024;

/// Collects a body as it arrives.
#[derive(Debug)]
pub struct Reader {
    stage: Stage,
    bytes: Vec<u8>,
    bytes_max: usize,
    /// A line that has begun.
    line: Vec<u8>,
    trailer_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// This many bytes are to come, and then nothing.
    Length(usize),
    /// The line with a chunk's size is to come.
    Size,
    /// This many bytes of a chunk are to come.
    Chunk(usize),
    /// The line end behind a chunk is to come.
    ChunkEnd,
    /// The lines behind the last chunk are to come, the last of them empty.
    Trailer,
    Done,
}

impl Reader {
    /// A reader for a body with this framing, of at most `bytes_max` bytes.
    pub fn new(framing: Framing, bytes_max: usize) -> Result<Self, Status> {
        let stage = match framing {
            Framing::Length(0) => Stage::Done,
            Framing::Length(length) if length > bytes_max as u64 => {
                return Err(Status::BODY_TOO_LARGE);
            }
            Framing::Length(length) => Stage::Length(length as usize),
            Framing::Chunked => Stage::Size,
        };
        Ok(Self {
            stage,
            bytes: Vec::new(),
            bytes_max,
            line: Vec::new(),
            trailer_bytes: 0,
        })
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// What has arrived of the body.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The memory of what has arrived, in bytes.
    pub fn held(&self) -> usize {
        self.bytes.capacity() + self.line.capacity()
    }

    /// Takes what belongs to the body from the front of `input`; says how many bytes that were.
    pub fn feed(&mut self, input: &[u8]) -> Result<usize, Status> {
        let mut at = 0;
        while self.stage != Stage::Done && at < input.len() {
            at += self.step(&input[at..])?;
        }
        Ok(at)
    }

    /// Takes the next run of bytes, at least one.
    fn step(&mut self, input: &[u8]) -> Result<usize, Status> {
        match self.stage {
            Stage::Length(left) => {
                let count = self.copy(input, left);
                self.stage = match left - count {
                    0 => Stage::Done,
                    left => Stage::Length(left),
                };
                Ok(count)
            }
            Stage::Chunk(left) => {
                let count = self.copy(input, left);
                self.stage = match left - count {
                    0 => Stage::ChunkEnd,
                    left => Stage::Chunk(left),
                };
                Ok(count)
            }
            Stage::Size | Stage::ChunkEnd | Stage::Trailer => self.step_line(input),
            Stage::Done => Ok(0),
        }
    }

    fn copy(&mut self, input: &[u8], left: usize) -> usize {
        let count = left.min(input.len());
        self.bytes.extend_from_slice(&input[..count]);
        count
    }

    /// Takes the next piece of a line and, when that is complete, acts on it.
    fn step_line(&mut self, input: &[u8]) -> Result<usize, Status> {
        let end = memchr::memchr(b'\n', input);
        let count = end.map_or(input.len(), |end| end + 1);
        if self.line.len() + count > CHUNK_LINE_BYTES_MAX {
            return Err(Status::BAD_REQUEST);
        }
        self.line.extend_from_slice(&input[..count]);
        if end.is_none() {
            return Ok(count);
        }
        let line = std::mem::take(&mut self.line);
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Err(Status::BAD_REQUEST);
        };
        self.stage = match self.stage {
            Stage::Size => match chunk_size(line)? {
                0 => Stage::Trailer,
                size if size > self.bytes_max - self.bytes.len() => {
                    return Err(Status::BODY_TOO_LARGE);
                }
                size => Stage::Chunk(size),
            },
            Stage::ChunkEnd if line.is_empty() => Stage::Size,
            Stage::Trailer if line.is_empty() => Stage::Done,
            Stage::Trailer => {
                self.trailer_bytes += line.len();
                if self.trailer_bytes > TRAILER_BYTES_MAX {
                    return Err(Status::HEADERS_TOO_LARGE);
                }
                Stage::Trailer
            }
            _ => return Err(Status::BAD_REQUEST),
        };
        Ok(count)
    }
}

/// Reads a chunk's size: one to eight hexadecimal digits; extensions behind a semicolon are ignored.
fn chunk_size(line: &[u8]) -> Result<usize, Status> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let is_plain = line
        .iter()
        .all(|byte| (b' '..0x7f).contains(byte) || *byte == b'\t');
    if !is_plain || !(1..=8).contains(&digits.len()) {
        return Err(Status::BAD_REQUEST);
    }
    digits.iter().try_fold(0, |size, digit| {
        let value = (*digit as char).to_digit(16).ok_or(Status::BAD_REQUEST)?;
        Ok(size * 16 + value as usize)
    })
}

/// The text of a body, which is JSON unless it claims to be something else. The error is the answer to one that is not.
pub fn json<'a>(head: &Head<'_>, body: &'a [u8]) -> Result<&'a str, Response> {
    let claimed = head.fields("content-type").next();
    let is_json = claimed.is_none_or(|claimed| {
        let kind = claimed.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    });
    if !is_json {
        let message = "the body must be application/json";
        return Err(Response::error(Status::UNSUPPORTED_TYPE, message));
    }
    std::str::from_utf8(body)
        .map_err(|_| Response::error(Status::BAD_REQUEST, "the body must be UTF-8"))
}

/// What a JSON object says; `None` if it says something else, or is none. To a parser alone an array would do as well.
pub fn object<'t, T: serde::Deserialize<'t>>(text: &'t str) -> Option<T> {
    let is_object = text.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body that `input` decodes to and what is left of it, or the status.
    fn read(framing: Framing, input: &[u8], step: usize) -> Result<(Vec<u8>, bool, usize), u16> {
        let mut reader = Reader::new(framing, 100).map_err(|status| status.code())?;
        let mut used = 0;
        while used < input.len() && !reader.is_done() {
            let end = (used + step).min(input.len());
            used += reader
                .feed(&input[used..end])
                .map_err(|status| status.code())?;
        }
        Ok((reader.bytes().to_vec(), reader.is_done(), used))
    }

    #[test]
    fn chunks_in_any_pieces() {
        let input = b"5\r\nhello\r\n6;ext=\"1\"\r\n world\r\n0\r\nTrailer: x\r\n\r\nGET";
        for step in 1..input.len() {
            let (body, done, used) = read(Framing::Chunked, input, step).expect("good");
            assert_eq!(body, b"hello world");
            assert!(done);
            assert_eq!(used, input.len() - 3);
        }
    }

    #[test]
    fn length_stops_where_it_says() {
        let (body, done, used) = read(Framing::Length(5), b"helloGET", 3).expect("good");
        assert_eq!((body.as_slice(), done, used), (&b"hello"[..], true, 5));
    }

    #[test]
    fn bad_chunks_are_refused() {
        for (input, status) in [
            (&b"5\nhello"[..], 400),
            (b"\r\nhello", 400),
            (b"-5\r\nhello", 400),
            (b"0x5\r\nhello", 400),
            (b" 5\r\nhello", 400),
            (b"5 \r\nhello", 400),
            (b"123456789\r\n", 400),
            (b"5\r\nhelloX\r\n", 400),
            (b"5\r\nhello\n0\r\n\r\n", 400),
            (b"65\r\n", 413),
            (b"ffffffff\r\n", 413),
            (b"5;a\x01\r\n", 400),
        ] {
            assert_eq!(
                read(Framing::Chunked, input, 100),
                Err(status),
                "{}",
                input.escape_ascii()
            );
        }
        assert_eq!(read(Framing::Length(101), b"", 1), Err(413));
    }
}
