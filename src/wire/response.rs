//! HTTP responses (RFC 9110, RFC 9112), appended to an output lane.

use std::borrow::Cow;
use std::io::Write;

/// An HTTP status code with its phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(u16, &'static str);

#[allow(missing_docs)] // The names are the field's own.
impl Status {
    pub const OK: Self = Self(200, "OK");
    pub const CREATED: Self = Self(201, "Created");
    pub const ACCEPTED: Self = Self(202, "Accepted");
    pub const NO_CONTENT: Self = Self(204, "No Content");
    pub const NOT_MODIFIED: Self = Self(304, "Not Modified");
    pub const BAD_REQUEST: Self = Self(400, "Bad Request");
    pub const UNAUTHORIZED: Self = Self(401, "Unauthorized");
    pub const FORBIDDEN: Self = Self(403, "Forbidden");
    pub const NOT_FOUND: Self = Self(404, "Not Found");
    pub const METHOD_NOT_ALLOWED: Self = Self(405, "Method Not Allowed");
    pub const TIMEOUT: Self = Self(408, "Request Timeout");
    pub const CONFLICT: Self = Self(409, "Conflict");
    pub const GONE: Self = Self(410, "Gone");
    pub const BODY_TOO_LARGE: Self = Self(413, "Content Too Large");
    pub const UNSUPPORTED_TYPE: Self = Self(415, "Unsupported Media Type");
    pub const UPGRADE_REQUIRED: Self = Self(426, "Upgrade Required");
    pub const TOO_MANY_REQUESTS: Self = Self(429, "Too Many Requests");
    pub const HEADERS_TOO_LARGE: Self = Self(431, "Request Header Fields Too Large");
    pub const INTERNAL: Self = Self(500, "Internal Server Error");
    pub const NOT_IMPLEMENTED: Self = Self(501, "Not Implemented");
    pub const UNAVAILABLE: Self = Self(503, "Service Unavailable");
    pub const STORAGE_FULL: Self = Self(507, "Insufficient Storage");
    pub const VERSION_NOT_SUPPORTED: Self = Self(505, "HTTP Version Not Supported");
}

impl Status {
    /// The number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The phrase.
    pub const fn phrase(self) -> &'static str {
        self.1
    }
}

/// A response to be.
#[derive(Clone, Debug)]
pub struct Response {
    status: Status,
    fields: Vec<(&'static str, Cow<'static, str>)>,
    body: Cow<'static, [u8]>,
    closes: bool,
}

impl Response {
    /// A response without a body.
    pub fn new(status: Status) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: Cow::Borrowed(b""),
            closes: false,
        }
    }

    /// A response with a JSON body.
    pub fn json(status: Status, body: impl Into<Cow<'static, [u8]>>) -> Self {
        Self::new(status).with_body("application/json", body)
    }

    /// A refusal, `{"error": message}`.
    pub fn error(status: Status, message: &str) -> Self {
        let body = serde_json::json!({ "error": message }).to_string();
        Self::json(status, body.into_bytes())
    }

    /// The refusal that says no more than its status.
    pub fn refusal(status: Status) -> Self {
        Self::error(status, &status.phrase().to_ascii_lowercase())
    }

    /// Sets the body and its type.
    pub fn with_body(
        self,
        content_type: &'static str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self {
            body: body.into(),
            ..self.with_field("Content-Type", content_type)
        }
    }

    /// Adds a field. A value that a field cannot have (control characters) is left out with its field:
    /// nothing that a peer sent can start a new line here.
    pub fn with_field(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let value = value.into();
        if value
            .bytes()
            .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
        {
            self.fields.push((name, value));
        }
        self
    }

    /// Adds a Retry-After of at least a second.
    pub fn with_retry_after_ms(self, ms: u64) -> Self {
        let seconds = ms.div_ceil(1_000).max(1);
        self.with_field("Retry-After", seconds.to_string())
    }

    /// Ends the connection after this response.
    pub fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Whether the connection ends after this response.
    pub const fn closes(&self) -> bool {
        self.closes
    }

    /// The status.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Appends the response; without its body if `head_only`, as HEAD asks. `date` is the time as RFC 9110
    /// section 5.6.7 writes it.
    pub fn write(&self, output: &mut Vec<u8>, date: &str, head_only: bool) {
        // Writing to a `Vec` cannot fail.
        let _ = write!(output, "HTTP/1.1 {} {}\r\n", self.status.0, self.status.1);
        let _ = write!(output, "Date: {date}\r\n");
        for (name, value) in SECURITY_FIELDS {
            if !self.fields.iter().any(|(set, _)| set == name) {
                let _ = write!(output, "{name}: {value}\r\n");
            }
        }
        for (name, value) in &self.fields {
            let _ = write!(output, "{name}: {value}\r\n");
        }
        if self.closes {
            output.extend_from_slice(b"Connection: close\r\n");
        }
        let is_bodiless = matches!(self.status.0, 204 | 304);
        if !is_bodiless {
            let _ = write!(output, "Content-Length: {}\r\n", self.body.len());
        }
        output.extend_from_slice(b"\r\n");
        if !head_only && !is_bodiless {
            output.extend_from_slice(&self.body);
        }
    }
}

/// What every response says unless it says something else itself.
const SECURITY_FIELDS: &[(&str, &str)] = &[
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_start_a_line() {
        let response = Response::new(Status::OK)
            .with_field("X-A", "a\r\nX-B: b".to_owned())
            .with_field("X-C", "c");
        let mut output = Vec::new();
        response.write(&mut output, "now", false);
        let text = String::from_utf8(output).expect("ASCII");
        assert!(!text.contains("X-B") && text.contains("X-C: c\r\n"));
        assert!(text.ends_with("Content-Length: 0\r\n\r\n"));
    }

    #[test]
    fn head_has_the_length_but_not_the_body() {
        let response = Response::error(Status::NOT_FOUND, "no \"such\" thing");
        let mut output = Vec::new();
        response.write(&mut output, "now", true);
        let text = String::from_utf8(output).expect("ASCII");
        assert!(text.contains("Content-Length: 29\r\n") && text.ends_with("\r\n\r\n"));
        assert_eq!(response.body(), br#"{"error":"no \"such\" thing"}"#);
    }
}
