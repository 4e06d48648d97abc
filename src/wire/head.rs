//! The head of an HTTP/1.x request (RFC 9112), read strictly.
//!
//! `httparse` finds the fields; this module refuses what two parsers could read in two ways, which is how
//! requests are smuggled: bare line feeds, more than one Host or Content-Length, both framings at once,
//! blanks before a colon, folded fields, and the like.

use httparse::EMPTY_HEADER;

use super::response::Status;
use crate::limits;

/// Methods that resources here take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read a resource.
    Get,
    /// Read its head only.
    Head,
    /// Create or act.
    Post,
    /// Change part of it.
    Patch,
    /// Remove it.
    Delete,
    /// Ask what is possible.
    Options,
    /// Any other that HTTP knows.
    Other,
}

impl Method {
    /// Its name on the wire.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "OTHER",
        }
    }
}

/// How the end of the body is found (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// It is this many bytes long; 0 if there is none.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// A request's head, borrowed from what was received.
#[derive(Debug)]
pub struct Head<'a> {
    /// What is asked.
    pub method: Method,
    /// The path, as it was sent: percent-encoded, without the query.
    pub path: &'a str,
    /// What follows the question mark, as it was sent; empty if there is none.
    pub query: &'a str,
    /// The Host field.
    pub host: &'a str,
    /// How the body ends.
    pub framing: Framing,
    /// Whether the peer wants the connection kept.
    pub keep_alive: bool,
    /// Whether the peer waits for a "100 Continue" before it sends the body.
    pub expects_continue: bool,
    /// Whether it is HTTP/1.1 rather than 1.0.
    pub is_http_11: bool,
    fields: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Head<'a> {
    /// The values of the fields called `name`, in order. One that is not UTF-8 shows as U+FFFD, which is present
    /// but equal to nothing.
    pub fn fields(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| std::str::from_utf8(value).unwrap_or("\u{fffd}"))
    }

    /// The value of the only field called `name`; `None` if there is none, or more than one.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        let mut values = self.fields(name);
        let value = values.next();
        values.next().map_or(value, |_| None)
    }

    /// Whether one of the comma-separated lists called `name` has `token`, whatever the case.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.fields(name)
            .flat_map(|value| value.split(','))
            .any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
    }
}

/// Finds the end of a head: the position behind its empty line, if it has arrived.
///
/// `scanned` says how far earlier calls have looked, so that a head that comes byte by byte is looked at
/// once. Refuses a line feed without a carriage return, and a head that is too long.
pub fn find_end(bytes: &[u8], scanned: &mut usize) -> Result<Option<usize>, Status> {
    let window = &bytes[..bytes.len().min(limits::HEAD_BYTES_MAX)];
    for at in memchr::memchr_iter(b'\n', &window[(*scanned).min(window.len())..]) {
        let at = at + *scanned;
        if at == 0 || window[at - 1] != b'\r' {
            return Err(Status::BAD_REQUEST);
        }
        if at >= 3 && window[at - 3..at] == *b"\r\n\r" {
            return Ok(Some(at + 1));
        }
        // An empty first line is not a head; some clients send one after a body (RFC 9112 section 2.2),
        // but none that anybody still uses.
        if at == 1 {
            return Err(Status::BAD_REQUEST);
        }
    }
    *scanned = window.len();
    if bytes.len() >= limits::HEAD_BYTES_MAX {
        return Err(Status::HEADERS_TOO_LARGE);
    }
    Ok(None)
}

/// Reads a whole head, which ends with an empty line.
pub fn parse(bytes: &[u8]) -> Result<Head<'_>, Status> {
    let mut storage = [EMPTY_HEADER; limits::HEAD_FIELDS_MAX];
    let mut request = httparse::Request::new(&mut storage);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(len)) if len == bytes.len() => {}
        Ok(_) => return Err(Status::BAD_REQUEST),
        Err(httparse::Error::TooManyHeaders) => return Err(Status::HEADERS_TOO_LARGE),
        Err(httparse::Error::Version) => return Err(Status::VERSION_NOT_SUPPORTED),
        Err(_) => return Err(Status::BAD_REQUEST),
    }
    let is_http_11 = request.version == Some(1);
    let method = method(request.method.unwrap_or_default())?;
    let (authority, path, query) = target(request.path.unwrap_or_default())?;
    let fields: Vec<(&str, &[u8])> = request
        .headers
        .iter()
        .map(|field| (field.name, field.value))
        .collect();
    let mut head = Head {
        method,
        path,
        query,
        host: "",
        framing: Framing::Length(0),
        keep_alive: is_http_11,
        expects_continue: false,
        is_http_11,
        fields,
    };
    head.host = host(&head)?;
    if authority.is_some_and(|authority| !authority.eq_ignore_ascii_case(head.host)) {
        return Err(Status::BAD_REQUEST);
    }
    head.framing = framing(&head)?;
    let no_body = head.framing == Framing::Length(0);
    if !no_body && matches!(method, Method::Get | Method::Head) {
        return Err(Status::BAD_REQUEST);
    }
    if head.lists("connection", "close") {
        head.keep_alive = false;
    } else if head.lists("connection", "keep-alive") {
        head.keep_alive = true;
    }
    head.expects_continue = is_http_11
        && !no_body
        && head
            .field("expect")
            .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    Ok(head)
}

fn method(name: &str) -> Result<Method, Status> {
    Ok(match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PUT" | "TRACE" => Method::Other,
        name if name.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            return Err(Status::NOT_IMPLEMENTED);
        }
        _ => return Err(Status::BAD_REQUEST),
    })
}

/// Splits a target (RFC 9112 section 3.2) into the authority that it may name, the path and the query. `*` stands
/// for the server as a whole.
fn target(target: &str) -> Result<(Option<&str>, &str, &str), Status> {
    let is_plain = target
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let absolute = ["http://", "https://"]
        .iter()
        .find_map(|scheme| target.strip_prefix(scheme));
    let (authority, target) = match absolute {
        Some(rest) => match rest.find('/') {
            Some(slash) => (Some(&rest[..slash]), &rest[slash..]),
            None => (Some(rest), "/"),
        },
        None => (None, target),
    };
    if !is_plain || !(target.starts_with('/') || target == "*") {
        return Err(Status::BAD_REQUEST);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok((authority, path, query))
}

/// The one Host field that every HTTP/1.1 request has (RFC 9112 section 3.2).
fn host<'a>(head: &Head<'a>) -> Result<&'a str, Status> {
    let mut hosts = head
        .fields
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = match (hosts.next(), hosts.next()) {
        (Some((_, value)), None) => std::str::from_utf8(value).map_err(|_| Status::BAD_REQUEST)?,
        (None, None) if !head.is_http_11 => "",
        _ => return Err(Status::BAD_REQUEST),
    };
    let is_plain = host.bytes().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':' | b'[' | b']' | b'%')
    });
    if is_plain {
        Ok(host)
    } else {
        Err(Status::BAD_REQUEST)
    }
}

/// Decides how the body ends; anything that could be read in two ways is refused (RFC 9112 section 6.3).
fn framing(head: &Head<'_>) -> Result<Framing, Status> {
    let named = |wanted: &'static str| {
        head.fields
            .iter()
            .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| *value)
    };
    let mut codings = named("transfer-encoding");
    let mut lengths = named("content-length");
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(Framing::Length(0)),
        (Some(_), Some(_)) => Err(Status::BAD_REQUEST),
        (Some(coding), None) => {
            if !head.is_http_11 || codings.next().is_some() {
                Err(Status::BAD_REQUEST)
            } else if coding.eq_ignore_ascii_case(b"chunked") {
                Ok(Framing::Chunked)
            } else {
                Err(Status::NOT_IMPLEMENTED)
            }
        }
        (None, Some(length)) => {
            let is_number =
                (1..=10).contains(&length.len()) && length.iter().all(u8::is_ascii_digit);
            if !is_number || lengths.next().is_some() {
                return Err(Status::BAD_REQUEST);
            }
            let value = length
                .iter()
                .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
            Ok(Framing::Length(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(head: &[u8]) -> u16 {
        let mut scanned = 0;
        let end = match find_end(head, &mut scanned) {
            Ok(Some(end)) => end,
            Ok(None) => return 0,
            Err(status) => return status.code(),
        };
        parse(&head[..end]).map_or_else(|status| status.code(), |_| 200)
    }

    /// What must be accepted or refused, and how. Names say what is special.
    const TABLE: &[(&str, &[u8], u16)] = &[
        ("plain", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("1.0 without Host", b"GET / HTTP/1.0\r\n\r\n", 200),
        ("query", b"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("IPv6 host", b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200),
        ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
        ("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("Host with a path", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("Host with a user", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
        ("Host with blanks", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("Host list", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        ("bare LF", b"GET / HTTP/1.1\nHost: a\n\n", 400),
        ("bare LF in fields", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
        ("bare LF at the end", b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        ("bare CR in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", 400),
        ("NUL in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 400),
        ("leading empty line", b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("leading blank", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("folded field", b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
        ("blank before the colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("field without a name", b"GET / HTTP/1.1\r\n: b\r\nHost: a\r\n\r\n", 400),
        ("field without a colon", b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
        ("field name with a bracket", b"GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", 400),
        ("lower-case method", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("unknown method", b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("CONNECT", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("fragment in the target", b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("UTF-8 in the target", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("absolute target", b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("absolute target of another", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("absolute target without a path", b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("target without a slash", b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("no target", b"GET HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("two blanks", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("tab for a blank", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("HTTP/0.9", b"GET /\r\nHost: a\r\n\r\n", 400),
        ("lower-case version", b"GET / http/1.1\r\nHost: a\r\n\r\n", 505),
        ("length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 200),
        ("two lengths", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        ("the same length twice", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400),
        ("length list", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", 400),
        ("length with a sign", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", 400),
        ("negative length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400),
        ("hexadecimal length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", 400),
        ("huge length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 400),
        ("empty length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 400),
        ("chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
        ("Chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", 200),
        ("both framings", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
        ("chunked twice", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("gzip, chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("identity", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501),
        ("xchunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
        ("chunked in 1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET with a body", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 400),
        ("GET with chunks", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("underscore for a dash", b"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n", 200),
    ];

    #[test]
    fn strictness() {
        for (name, head, expected) in TABLE {
            assert_eq!(refused(head), *expected, "{name}");
        }
    }

    #[test]
    fn a_head_in_pieces_is_scanned_once() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        let mut scanned = 0;
        for len in 0..head.len() {
            let end = find_end(&head[..len], &mut scanned).expect("good");
            assert_eq!(end.is_some(), len >= head.len() - 4, "{len}");
            if end.is_some() {
                assert_eq!(end, Some(head.len() - 4));
                return;
            }
        }
    }

    #[test]
    fn a_head_has_an_end() {
        let mut head = b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec();
        head.resize(limits::HEAD_BYTES_MAX, b'x');
        assert_eq!(refused(&head), 431);
        let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        for _ in 0..limits::HEAD_FIELDS_MAX {
            head.extend_from_slice(b"X: y\r\n");
        }
        head.extend_from_slice(b"\r\n");
        assert_eq!(refused(&head), 431);
    }

    #[test]
    fn lists_are_searched_whatever_the_case() {
        let head = parse(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\r\n")
            .expect("good");
        assert!(head.lists("connection", "upgrade"));
        assert!(!head.lists("connection", "up"));
        assert!(head.keep_alive);
    }
}
