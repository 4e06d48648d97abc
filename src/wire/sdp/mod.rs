//! Session descriptions (RFC 8866) and ICE candidates (RFC 8839), rebuilt so that they name no address but those of
//! relays.
//!
//! Nothing passes because nobody objected to it: what is understood is written anew, and the rest is left out. So
//! nobody can hide a line from this reader that a browser would find.

use std::fmt::Write;
use std::net::IpAddr;

/// A candidate, as far as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// The address of a relay: the attribute rebuilt, without the address behind the relay.
    Relay(String),
    /// Any other, which tells where somebody is.
    Exposing,
}

/// Attributes that say how to talk, and not where (RFC 9429, and what browsers add).
const KEPT: &[&str] = &[
    "bundle-only",
    "content",
    "end-of-candidates",
    "extmap",
    "extmap-allow-mixed",
    "fmtp",
    "framerate",
    "group",
    "ice-lite",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "imageattr",
    "inactive",
    "label",
    "max-message-size",
    "maxptime",
    "mid",
    "msid",
    "msid-semantic",
    "ptime",
    "recvonly",
    "rid",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-mux-only",
    "rtcp-rsize",
    "rtpmap",
    "sctp-port",
    "sctpmap",
    "sendonly",
    "sendrecv",
    "setup",
    "simulcast",
    "ssrc",
    "ssrc-group",
    "tls-id",
    "x-google-flag",
];

/// Reads a candidate, `candidate:...` with or without `a=` before it; `None` if it is not one.
pub fn candidate(text: &str) -> Option<Candidate> {
    let text = text.strip_prefix("a=").unwrap_or(text);
    let text = text.strip_prefix("candidate:")?;
    if !is_printable(text) {
        return None;
    }
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let foundation = words.next().filter(|word| is_ice_text(word, 32))?;
    let component: u16 = words.next()?.parse().ok()?;
    let transport = words.next().filter(|word| is_word(word))?;
    let priority: u32 = words.next()?.parse().ok()?;
    let address = words.next()?;
    let port: u16 = words.next()?.parse().ok()?;
    words
        .next()
        .filter(|word| word.eq_ignore_ascii_case("typ"))?;
    if !words.next()?.eq_ignore_ascii_case("relay") {
        return Some(Candidate::Exposing);
    }
    // A relay has an address. A name would be looked up in the partner's network, where it may be anybody's.
    let Ok(address) = address.parse::<IpAddr>() else {
        return Some(Candidate::Exposing);
    };
    let nowhere = if address.is_ipv4() { "0.0.0.0" } else { "::" };
    let mut rebuilt = format!(
        "candidate:{foundation} {component} {transport} {priority} {address} {port} typ relay raddr {nowhere} rport 0"
    );
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        let is_kept = match name {
            "generation" => value.parse::<u32>().is_ok(),
            "ufrag" => is_ice_text(value, 256),
            "tcptype" => matches!(value, "active" | "passive" | "so"),
            _ => false,
        };
        if is_kept {
            // Writing to a `String` cannot fail.
            let _ = write!(rebuilt, " {name} {value}");
        }
    }
    Some(Candidate::Relay(rebuilt))
}

/// Reads a session description and writes it anew; `None` if it is not one.
pub fn description(text: &str) -> Option<String> {
    let mut lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
    if lines.next() != Some("v=0") {
        return None;
    }
    let mut rebuilt = format!("v=0\r\n{}\r\n", origin(lines.next()?)?);
    for line in lines {
        if let Some(line) = shown(line)? {
            rebuilt.push_str(&line);
            rebuilt.push_str("\r\n");
        }
    }
    Some(rebuilt)
}

/// What of a line may be shown, if anything; `None` if the description means nothing without understanding it.
fn shown(line: &str) -> Option<Option<String>> {
    let (kind, value) = line.split_once('=').unwrap_or((line, ""));
    Some(match kind {
        "m" => Some(media(value)?),
        "s" => Some("s=-".to_owned()),
        "t" => Some("t=0 0".to_owned()),
        "c" => Some("c=IN IP4 0.0.0.0".to_owned()),
        "b" => is_bandwidth(value).then(|| line.to_owned()),
        "a" => attribute(value),
        _ => None,
    })
}

/// `o=`: who made the description, and where; of that only its number and version are of use.
fn origin(line: &str) -> Option<String> {
    let mut words = line.strip_prefix("o=")?.split(' ').skip(1);
    let session: u64 = words.next()?.parse().ok()?;
    let version: u64 = words.next()?.parse().ok()?;
    Some(format!("o=- {session} {version} IN IP4 0.0.0.0"))
}

/// `m=`: a medium. Its port is real once candidates are known; 9 stands for none, and 0 means that it is refused.
fn media(value: &str) -> Option<String> {
    let mut words = value.split(' ');
    let medium = words.next().filter(|word| is_word(word))?;
    let port: u16 = words.next()?.parse().ok()?;
    let protocol = words.next()?;
    if !protocol.split('/').all(is_word) {
        return None;
    }
    let mut rebuilt = format!("m={medium} {} {protocol}", if port == 0 { 0 } else { 9 });
    for format in words {
        if !is_word(format) {
            return None;
        }
        rebuilt.push(' ');
        rebuilt.push_str(format);
    }
    Some(rebuilt)
}

fn is_bandwidth(value: &str) -> bool {
    value
        .split_once(':')
        .is_some_and(|(kind, amount)| is_word(kind) && amount.parse::<u64>().is_ok())
}

fn attribute(value: &str) -> Option<String> {
    let (name, content) = value.split_once(':').unwrap_or((value, ""));
    let is_kept = match name {
        "candidate" => {
            return match candidate(value)? {
                Candidate::Relay(candidate) => Some(format!("a={candidate}")),
                Candidate::Exposing => None,
            };
        }
        "rtcp" => return Some("a=rtcp:9 IN IP4 0.0.0.0".to_owned()),
        "fingerprint" => is_fingerprint(content),
        _ => KEPT.contains(&name) && is_printable(content) && !names_address(content),
    };
    is_kept.then(|| format!("a={value}"))
}

/// A hash and its octets (RFC 8122 section 5), more of them than an address has.
fn is_fingerprint(content: &str) -> bool {
    content.split_once(' ').is_some_and(|(hash, octets)| {
        let is_octet =
            |octet: &str| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_word(hash) && octets.len() >= 16 * 3 - 1 && octets.split(':').all(is_octet)
    })
}

/// Whether `text` has anything that could be an IPv4 address, an IPv6 address, or a name in a local network.
fn names_address(text: &str) -> bool {
    let has_run = |is_part: fn(char) -> bool, mark: char, marks: usize| {
        text.split(|c| !is_part(c))
            .any(|run| run.matches(mark).count() >= marks)
    };
    has_run(|c| c.is_ascii_digit() || c == '.', '.', 3)
        || has_run(|c| c.is_ascii_hexdigit() || c == ':', ':', 2)
        || text.to_ascii_lowercase().contains(".local")
}

/// Whether `text` is a short name or number.
pub fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether `text` is made of 1 to `max` of the characters that ICE uses in what it makes up (RFC 8839 section 5.1).
pub fn is_ice_text(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RELAY: &str = "candidate:3 1 udp 41885439 198.51.100.7 50123 typ relay raddr 192.168.1.5 rport 40000 generation 0 ufrag Ab+/ network-id 2 network-cost 10";

    #[test]
    fn a_relay_is_shown_without_what_is_behind_it() {
        let expected = "candidate:3 1 udp 41885439 198.51.100.7 50123 typ relay raddr 0.0.0.0 rport 0 generation 0 ufrag Ab+/";
        assert_eq!(candidate(RELAY), Some(Candidate::Relay(expected.into())));
        let prefixed = format!("a={RELAY}");
        assert_eq!(
            candidate(&prefixed),
            Some(Candidate::Relay(expected.into()))
        );
        assert_eq!(
            candidate("candidate:1 1 UDP 5 2001:db8::7 5 TYP RELAY raddr fe80::1 rport 3"),
            Some(Candidate::Relay(
                "candidate:1 1 UDP 5 2001:db8::7 5 typ relay raddr :: rport 0".into()
            ))
        );
    }

    #[test]
    fn other_candidates_expose() {
        for text in [
            "candidate:1 1 udp 2122260223 192.168.1.5 40000 typ host generation 0",
            "candidate:1 1 udp 2122260223 f3b1-7.local 40000 typ host",
            "candidate:1 1 udp 1686052607 203.0.113.9 40000 typ srflx raddr 192.168.1.5 rport 40000",
            "candidate:1 1 udp 1686052607 203.0.113.9 40000 typ prflx",
            "candidate:1 1 tcp 5 192.168.1.5 9 typ host tcptype active",
            "candidate:1 1 udp 5 f3b1-7.local 5 typ relay",
            "candidate:1 1 udp 5 192.168.1.5 5 typ host typ relay",
        ] {
            assert_eq!(candidate(text), Some(Candidate::Exposing), "{text}");
        }
    }

    #[test]
    fn what_is_no_candidate_is_not_taken_for_one() {
        for text in [
            "",
            "candidate:",
            "candidate:1 1 udp 5 192.168.1.5 5 relay",
            "candidate:1.2.3.4 1 udp 5 198.51.100.7 5 typ relay",
            "candidate:1 1 udp 5 198.51.100.7 5 typ relay\r\na=candidate:1 1 udp 5 192.168.1.5 5 typ host",
            "candidate:1\t1\tudp\t5\t198.51.100.7\t5\ttyp\trelay",
            "192.168.1.5",
        ] {
            assert_eq!(candidate(text), None, "{text}");
        }
    }

    /// What a browser makes, shortened; `\n` for the sake of odd line ends.
    const OFFER: &str = "v=0\no=mozilla 4611731400430051336 2 IN IP4 192.168.1.5\ns=call\nt=0 0\n\
        a=group:BUNDLE 0 1\na=extmap-allow-mixed\na=msid-semantic: WMS *\n\
        m=audio 40000 UDP/TLS/RTP/SAVPF 111 63\nc=IN IP4 203.0.113.9\na=rtcp:40001 IN IP4 203.0.113.9\n\
        a=candidate:1 1 udp 2122260223 192.168.1.5 40000 typ host\n\
        a=candidate:2 1 udp 1686052607 203.0.113.9 40000 typ srflx raddr 192.168.1.5 rport 40000\n\
        a=candidate:3 1 udp 41885439 198.51.100.7 50123 typ relay raddr 203.0.113.9 rport 40000\n\
        a=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\na=ice-options:trickle\n\
        a=fingerprint:sha-256 D2:B9:31:8F:DF:24:D8:0E:ED:D2:EF:25:9E:AF:6F:B8:34:AE:53:9C:E6:F3:8F:F2:64:15:FA:E8:7F:53:2D:38\n\
        a=setup:actpass\na=mid:0\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=sendrecv\na=msid:- 5b3a\n\
        a=rtcp-mux\na=rtpmap:111 opus/48000/2\na=rtcp-fb:111 transport-cc\na=fmtp:111 minptime=10;useinbandfec=1\n\
        a=ssrc:1001 cname:me@192.168.1.5\na=ssrc:1002 cname:4TOk42mSjXCkVIa6\nb=AS:30\n\
        m=application 0 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000\na=remote-candidates:1 203.0.113.9 40000\n";

    #[test]
    fn a_description_keeps_how_and_loses_where() {
        let rebuilt = description(OFFER).expect("a description");
        let expected = "v=0\no=- 4611731400430051336 2 IN IP4 0.0.0.0\ns=-\nt=0 0\n\
            a=group:BUNDLE 0 1\na=extmap-allow-mixed\na=msid-semantic: WMS *\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111 63\nc=IN IP4 0.0.0.0\na=rtcp:9 IN IP4 0.0.0.0\n\
            a=candidate:3 1 udp 41885439 198.51.100.7 50123 typ relay raddr 0.0.0.0 rport 0\n\
            a=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\na=ice-options:trickle\n\
            a=fingerprint:sha-256 D2:B9:31:8F:DF:24:D8:0E:ED:D2:EF:25:9E:AF:6F:B8:34:AE:53:9C:E6:F3:8F:F2:64:15:FA:E8:7F:53:2D:38\n\
            a=setup:actpass\na=mid:0\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=sendrecv\na=msid:- 5b3a\n\
            a=rtcp-mux\na=rtpmap:111 opus/48000/2\na=rtcp-fb:111 transport-cc\na=fmtp:111 minptime=10;useinbandfec=1\n\
            a=ssrc:1002 cname:4TOk42mSjXCkVIa6\nb=AS:30\n\
            m=application 0 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000\n";
        assert_eq!(rebuilt, expected.replace('\n', "\r\n"));
        assert_eq!(
            description(&rebuilt),
            Some(rebuilt.clone()),
            "once is enough"
        );
    }

    #[test]
    fn what_is_no_description_is_refused() {
        for text in [
            "",
            "x",
            "v=1\no=- 1 1 IN IP4 0.0.0.0\n",
            "v=0\n",
            "v=0\ns=-\n",
            "v=0\no=- 192.168.1.5 1 IN IP4 0.0.0.0\n",
            "v=0\no=- 1 1 IN IP4 0.0.0.0\nm=audio x RTP 1\n",
            "v=0\no=- 1 1 IN IP4 0.0.0.0\nm=audio 9 RTP 192.168.1.5\n",
        ] {
            assert_eq!(description(text), None, "{text}");
        }
    }

    /// Addresses that must not survive.
    fn address() -> impl Strategy<Value = String> {
        prop_oneof![
            (any::<u8>(), any::<u8>()).prop_map(|(c, d)| format!("192.168.{c}.{d}")),
            (any::<u8>(), any::<u8>()).prop_map(|(c, d)| format!("203.0.{c}.{d}")),
            any::<u16>().prop_map(|last| format!("2001:db8:77::{last:x}")),
            any::<u16>().prop_map(|last| format!("fe80::1:2:3:{last:x}%eth0")),
            any::<u32>().prop_map(|id| format!("{id:08x}-0000.local")),
        ]
    }

    /// Lines with an address in every place that anybody ever put one, and in some that nobody did.
    fn line() -> impl Strategy<Value = String> {
        let template = prop::sample::select(vec![
            "a=candidate:1 1 udp 5 @ 40000 typ host",
            "a=candidate:1 1 udp 5 @ 40000 typ srflx raddr @ rport 5",
            "a=candidate:1 1 udp 5 198.51.100.7 5 typ relay raddr @ rport 5",
            "a=candidate:1 1 udp 5 198.51.100.7 5 typ relay generation @ ufrag @",
            "A=candidate:1 1 udp 5 @ 40000 typ host",
            "a=Candidate:1 1 udp 5 @ 40000 typ relay",
            " a=candidate:1 1 udp 5 @ 40000 typ host",
            "a= candidate:1 1 udp 5 @ 40000 typ host",
            "a=candidate:@ 1 udp 5 198.51.100.7 5 typ relay",
            "c=IN IP4 @",
            "c=IN IP6 @",
            "a=rtcp:5 IN IP4 @",
            "o=- 1 1 IN IP4 @",
            "s=@",
            "i=@",
            "u=http://@/",
            "e=me@@",
            "k=clear:@",
            "z=@",
            "t=@",
            "b=@:5",
            "b=AS:@",
            "a=remote-candidates:1 @ 5",
            "a=source-filter: incl IN IP4 * @",
            "a=x-thing:@",
            "a=mid:@",
            "a=msid:@ @",
            "a=fmtp:1 x=@;y=1",
            "a=ssrc:1 cname:@",
            "a=ice-ufrag:@",
            "a=extmap:1 http://@:80/",
            "a=fingerprint:@ @",
            "a=sendrecv@",
            "@",
            "a=@",
        ]);
        (template, address()).prop_map(|(template, address)| template.replace('@', &address))
    }

    proptest! {
        #[test]
        fn no_address_survives(
            lines in prop::collection::vec((line(), prop::sample::select(vec!["\r\n", "\n", "\r", "\n\n", "\r\r\n"])), 0..12),
            media in any::<bool>(),
        ) {
            let mut text = "v=0\r\no=- 1 1 IN IP4 192.168.7.7\r\n".to_owned();
            if media {
                text.push_str("m=audio 40000 UDP/TLS/RTP/SAVPF 111\r\n");
            }
            for (line, end) in &lines {
                text.push_str(line);
                text.push_str(end);
            }
            let rebuilt = description(&text).expect("a description");
            for mark in ["192.168.", "203.0.", "db8:77", "fe80", ".local"] {
                prop_assert!(!rebuilt.contains(mark), "{}", rebuilt);
            }
            prop_assert!(rebuilt.ends_with("\r\n"));
        }

        #[test]
        fn anything_at_all_is_read_without_harm(text in "(v=0\r\n)?(o=- 1 1 x\n)?[ -~\\t\r\n\u{e9}]{0,200}") {
            if let Some(rebuilt) = description(&text) {
                prop_assert_eq!(description(&rebuilt), Some(rebuilt));
            }
            let _ = candidate(&text);
        }
    }
}
