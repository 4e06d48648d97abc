//! The WebSocket handshake (RFC 6455 section 4.2).

use std::io::Write;

use super::head::{Head, Method};
use super::response::{Response, Status};
use crate::kernel::stats::Refused;

/// Checks that a request opens a WebSocket; gives its key, or the answer to it.
pub fn check<'a>(head: &Head<'a>) -> Result<&'a str, (Response, Refused)> {
    let bad = |message| {
        let response = Response::error(Status::BAD_REQUEST, message);
        Err((response, Refused::Handshake))
    };
    if !head.lists("upgrade", "websocket") {
        return bad("this is a WebSocket endpoint: the Upgrade field must have websocket");
    }
    if head.method != Method::Get || !head.is_http_11 {
        return bad("a WebSocket handshake is a GET in HTTP/1.1");
    }
    if !head.lists("connection", "upgrade") {
        return bad("the Connection field must have Upgrade");
    }
    if head.field("sec-websocket-version") != Some("13") {
        let response =
            Response::error(Status::UPGRADE_REQUIRED, "the WebSocket version must be 13")
                .with_field("Upgrade", "websocket")
                .with_field("Sec-WebSocket-Version", "13");
        return Err((response, Refused::Version));
    }
    match head.field("sec-websocket-key") {
        Some(key) if is_key(key) => Ok(key),
        _ => bad("Sec-WebSocket-Key must be 16 bytes in base64"),
    }
}

/// Appends the response that opens the WebSocket. No extension and no subprotocol is ever agreed to.
pub fn accept(output: &mut Vec<u8>, key: &str) {
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    // Writing to a `Vec` cannot fail.
    let _ = write!(
        output,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
}

/// Whether `key` is 16 bytes in base64: 22 digits and padding.
fn is_key(key: &str) -> bool {
    let Some(digits) = key.strip_suffix("==") else {
        return false;
    };
    digits.len() == 22
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn answer(fields: &str) -> u16 {
        let request = format!("GET /ws HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = head::parse(request.as_bytes()).expect("a good head");
        check(&head).map_or_else(|(response, _)| response.status().code(), |_| 101)
    }

    #[test]
    fn handshakes() {
        let field = |name: &str, value: &str| format!("{name}: {value}\r\n");
        let upgrade = field("Upgrade", "WebSocket");
        let connection = field("Connection", "keep-alive, upgrade");
        let version = field("Sec-WebSocket-Version", "13");
        let key = field("Sec-WebSocket-Key", KEY);
        assert_eq!(answer(&format!("{upgrade}{connection}{version}{key}")), 101);
        assert_eq!(answer(&format!("{connection}{version}{key}")), 400);
        assert_eq!(answer(&format!("{upgrade}{version}{key}")), 400);
        assert_eq!(answer(&format!("{upgrade}{connection}{key}")), 426);
        assert_eq!(answer(&format!("{upgrade}{connection}{version}")), 400);
        assert_eq!(
            answer(&format!("{upgrade}{connection}{version}{key}{key}")),
            400
        );
        let old = field("Sec-WebSocket-Version", "8");
        assert_eq!(answer(&format!("{upgrade}{connection}{old}{key}")), 426);
        for bad in [
            "",
            "short",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25j,Q==",
        ] {
            let key = field("Sec-WebSocket-Key", bad);
            assert_eq!(
                answer(&format!("{upgrade}{connection}{version}{key}")),
                400,
                "{bad}"
            );
        }
    }

    #[test]
    fn the_accept_value_is_the_standard_s_example() {
        let mut output = Vec::new();
        accept(&mut output, KEY);
        let text = String::from_utf8(output).expect("ASCII");
        assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    }
}
