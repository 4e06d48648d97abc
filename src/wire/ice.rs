//! Addresses of STUN and TURN servers (RFC 7064, RFC 7065).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The URL of a server that helps two browsers to reach each other: `stun:`, `stuns:`, `turn:` or `turns:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceUrl {
    text: String,
    is_turn: bool,
}

impl IceUrl {
    /// Whether it is a TURN server, which relays and asks for credentials.
    pub const fn is_turn(&self) -> bool {
        self.is_turn
    }

    /// The name or the address of the server, without brackets.
    pub fn host(&self) -> &str {
        let (_, rest) = self.text.split_once(':').unwrap_or_default();
        match rest.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => rest.split([':', '?']).next().unwrap_or_default(),
        }
    }

    /// The URL, as it was written.
    pub const fn as_str(&self) -> &str {
        self.text.as_str()
    }
}

impl fmt::Display for IceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for IceUrl {
    type Err = String;

    /// Reads `scheme:host[:port]`, for TURN perhaps with `?transport=udp` or `?transport=tcp`. The error is a part
    /// of a sentence for the operator.
    fn from_str(text: &str) -> Result<Self, String> {
        let fault =
            || format!("'{text}' is not a URL like stun:host:3478 or turn:host:3478?transport=udp");
        let (scheme, rest) = text.split_once(':').ok_or_else(fault)?;
        let is_turn = match scheme {
            "stun" | "stuns" => false,
            "turn" | "turns" => true,
            _ => return Err(fault()),
        };
        let authority = match rest.split_once('?') {
            None => rest,
            Some((authority, "transport=udp" | "transport=tcp")) if is_turn => authority,
            Some(_) => return Err(fault()),
        };
        if !is_authority(authority) {
            return Err(fault());
        }
        Ok(Self {
            text: text.to_owned(),
            is_turn,
        })
    }
}

/// Whether `text` is a host, perhaps with a port.
fn is_authority(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(host, port)| {
            let port = port.strip_prefix(':');
            host.parse::<Ipv6Addr>().is_ok() && (rest.ends_with(']') || port.is_some_and(is_port))
        });
    }
    match text.split_once(':') {
        None => is_host(text),
        Some((host, port)) => is_host(host) && is_port(port),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether `text` is an IPv4 address or the name of a host (RFC 1123 section 2.1).
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_numeric = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    match is_numeric {
        true => text.parse::<Ipv4Addr>().is_ok(),
        false => text.len() <= 253 && text.split('.').all(is_label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_both_kinds() {
        for (text, is_turn, host) in [
            ("stun:stun.example.org", false, "stun.example.org"),
            ("stuns:example.org:5349", false, "example.org"),
            ("stun:192.0.2.1:3478", false, "192.0.2.1"),
            ("turn:[2001:db8::1]", true, "2001:db8::1"),
            ("turn:[2001:db8::1]:3478?transport=tcp", true, "2001:db8::1"),
            (
                "turns:turn.example.org:443?transport=tcp",
                true,
                "turn.example.org",
            ),
            ("turn:localhost?transport=udp", true, "localhost"),
        ] {
            let url: IceUrl = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                (url.is_turn(), url.as_str(), url.host()),
                (is_turn, text, host)
            );
        }
    }

    #[test]
    fn what_no_browser_would_take_is_refused() {
        for text in [
            "",
            "stun",
            "stun:",
            "http://example.org",
            "STUN:example.org",
            "stun://example.org",
            "stun:user@example.org",
            "stun:example.org?transport=udp",
            "turn:example.org?transport=sctp",
            "turn:example.org?transport=udp&x=1",
            "turn:example.org:0",
            "turn:example.org:65536",
            "turn:example.org:+1",
            "turn:example.org:",
            "turn:[::1",
            "turn:[::1]x",
            "turn:[::1]:",
            "turn:[example.org]",
            "turn:1.2.3",
            "turn:a..b",
            "turn:-a.org",
            "turn:a b",
            "turn:a\n",
            "turn:caf\u{e9}.org",
        ] {
            assert!(text.parse::<IceUrl>().is_err(), "{text}");
        }
    }
}
