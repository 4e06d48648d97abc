//! Session descriptions (RFC 8866) and ICE candidates (RFC 8839), rebuilt so that they name no address but those of
//! relays.
//!
//! Nothing passes because nobody objected to it: what is understood is written anew, and the rest is left out. So
//! nobody can hide a line from this reader that a browser would find.

mod candidate;
mod grammar;

use std::fmt::Write;

use crate::limits;
pub use candidate::{Candidate, Relays, candidate};

/// Why a description is not written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is none, or means nothing without a line that is not understood.
    Malformed,
    /// It has more bytes or lines than any browser makes.
    TooLong,
}

/// Reads a session description and appends it to `out`, written anew; what is there after a fault is of no use.
pub fn description(text: &str, relays: Relays, out: &mut String) -> Result<(), Fault> {
    if text.len() > limits::SDP_BYTES_MAX {
        return Err(Fault::TooLong);
    }
    let mut lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
    if lines.next() != Some("v=0") {
        return Err(Fault::Malformed);
    }
    out.push_str("v=0\r\n");
    let first = lines.next().ok_or(Fault::Malformed)?;
    origin(first, out).ok_or(Fault::Malformed)?;
    for (number, line) in (3..).zip(lines) {
        if number > limits::SDP_LINES_MAX {
            return Err(Fault::TooLong);
        }
        shown(line, relays, out).ok_or(Fault::Malformed)?;
    }
    Ok(())
}

/// Appends what of a line may be shown, if anything; `None` if the description means nothing without understanding it.
fn shown(line: &str, relays: Relays, out: &mut String) -> Option<()> {
    let (kind, value) = line.split_once('=').unwrap_or((line, ""));
    let line = match kind {
        "m" => return media(value, out),
        "a" => {
            attribute(value, relays, out);
            return Some(());
        }
        "s" => "s=-",
        "t" => "t=0 0",
        "c" => "c=IN IP4 0.0.0.0",
        "b" if is_bandwidth(value) => line,
        _ => return Some(()),
    };
    out.push_str(line);
    out.push_str("\r\n");
    Some(())
}

/// `o=`: who made the description, and where; of that only its number and version are of use.
fn origin(line: &str, out: &mut String) -> Option<()> {
    let mut words = line.strip_prefix("o=")?.split(' ').skip(1);
    let session: u64 = words.next()?.parse().ok()?;
    let version: u64 = words.next()?.parse().ok()?;
    // Writing to a `String` cannot fail.
    let _ = write!(out, "o=- {session} {version} IN IP4 0.0.0.0\r\n");
    Some(())
}

/// `m=`: a medium. Its port is real once candidates are known; 9 stands for none, and 0 means that it is refused.
fn media(value: &str, out: &mut String) -> Option<()> {
    let mut words = value.split(' ');
    let medium = words.next().filter(|word| is_word(word))?;
    let port: u16 = words.next()?.parse().ok()?;
    let protocol = words.next()?;
    if !protocol.split('/').all(is_word) {
        return None;
    }
    let _ = write!(
        out,
        "m={medium} {} {protocol}",
        if port == 0 { 0 } else { 9 }
    );
    for format in words {
        if !is_word(format) {
            return None;
        }
        out.push(' ');
        out.push_str(format);
    }
    out.push_str("\r\n");
    Some(())
}

fn is_bandwidth(value: &str) -> bool {
    value
        .split_once(':')
        .is_some_and(|(kind, amount)| is_word(kind) && amount.parse::<u64>().is_ok())
}

fn attribute(value: &str, relays: Relays, out: &mut String) {
    let (name, content) = match value.split_once(':') {
        Some((name, content)) => (name, Some(content)),
        None => (value, None),
    };
    let start = out.len();
    out.push_str("a=");
    match name {
        "candidate" if candidate(value, relays, out) == Some(Candidate::Relay) => {}
        "rtcp" => out.push_str("rtcp:9 IN IP4 0.0.0.0"),
        _ if grammar::is_known(name, content) => out.push_str(value),
        _ => return out.truncate(start),
    }
    out.push_str("\r\n");
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rebuilt(text: &str) -> Result<String, Fault> {
        let mut out = String::new();
        description(text, Relays::default(), &mut out).map(|()| out)
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
        let clean = rebuilt(OFFER).expect("a description");
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
        assert_eq!(clean, expected.replace('\n', "\r\n"));
        assert_eq!(rebuilt(&clean), Ok(clean.clone()), "once is enough");
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
            assert_eq!(rebuilt(text), Err(Fault::Malformed), "{text}");
        }
    }

    #[test]
    fn what_no_browser_makes_so_long_is_refused() {
        let head = "v=0\no=- 1 2 x\n";
        let lines = |count| format!("{head}{}", "c=\n".repeat(count));
        assert!(rebuilt(&lines(limits::SDP_LINES_MAX - 2)).is_ok());
        assert_eq!(
            rebuilt(&lines(limits::SDP_LINES_MAX - 1)),
            Err(Fault::TooLong)
        );
        let bytes = |count| format!("{head}{}", "x".repeat(count - head.len()));
        assert!(rebuilt(&bytes(limits::SDP_BYTES_MAX)).is_ok());
        assert_eq!(
            rebuilt(&bytes(limits::SDP_BYTES_MAX + 1)),
            Err(Fault::TooLong)
        );
    }

    /// Addresses that must not survive.
    fn address() -> impl Strategy<Value = String> {
        prop_oneof![
            (any::<u8>(), any::<u8>()).prop_map(|(c, d)| format!("192.168.{c}.{d}")),
            (any::<u8>(), any::<u8>()).prop_map(|(c, d)| format!("203.0.{c}.{d}")),
            any::<u16>().prop_map(|last| format!("2001:db8:77::{last:x}")),
            any::<u16>().prop_map(|last| format!("fe80::1:2:3:{last:x}%eth0")),
            any::<u32>().prop_map(|id| format!("{id:08x}-0000.local")),
            any::<u8>().prop_map(|id| format!("laptop-{id}.lan")),
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
            let clean = rebuilt(&text).expect("a description");
            for mark in ["192.168.", "203.0.", "db8:77", "fe80", ".local", ".lan"] {
                prop_assert!(!clean.contains(mark), "{}", clean);
            }
            prop_assert!(clean.ends_with("\r\n"));
        }

        #[test]
        fn anything_at_all_is_read_without_harm(text in "(v=0\r\n)?(o=- 1 1 x\n)?[ -~\\t\r\n\u{e9}]{0,200}") {
            if let Ok(clean) = rebuilt(&text) {
                prop_assert_eq!(rebuilt(&clean), Ok(clean));
            }
            let _ = candidate(&text, Relays::default(), &mut String::new());
        }
    }
}
