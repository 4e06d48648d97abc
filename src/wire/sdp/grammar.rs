//! What attributes of a session description may say: for each that is kept, what its value may be.
//!
//! No value may have a dot, a colon or an @ except where one is named here, so none has room for an address or for the
//! name of a machine.

/// Whether a browser could have made this attribute, and it says how to talk and not where (RFC 9429, and what browsers add).
pub(super) fn is_known(name: &str, value: Option<&str>) -> bool {
    let Some(value) = value else {
        return matches!(
            name,
            "bundle-only"
                | "end-of-candidates"
                | "extmap-allow-mixed"
                | "ice-lite"
                | "inactive"
                | "recvonly"
                | "rtcp-mux"
                | "rtcp-mux-only"
                | "rtcp-rsize"
                | "sendonly"
                | "sendrecv"
        );
    };
    match name {
        "max-message-size" | "maxptime" | "ptime" | "sctp-port" => is_number(value),
        "framerate" => value.split('.').count() <= 2 && value.split('.').all(is_number),
        "mid" | "setup" | "x-google-flag" => is_token(value),
        "ice-ufrag" | "ice-pwd" => super::is_ice_text(value, 256),
        "group" | "ice-options" | "rtcp-fb" => {
            words(value).all(|word| word == "*" || is_token(word))
        }
        "msid" | "msid-semantic" => words(value).all(|word| word == "*" || is_id(word)),
        "tls-id" => is_id(value),
        "extmap" => is_extension(value),
        "fingerprint" => is_fingerprint(value),
        "fmtp" | "rid" | "simulcast" => words(value).all(is_parameter),
        "rtpmap" => is_mapping(value),
        "sctpmap" => words(value).all(is_token),
        "ssrc" => is_source(value),
        "ssrc-group" => is_grouping(value),
        _ => false,
    }
}

/// Where the names of header extensions stand that browsers know (RFC 8285); what follows is made of tokens.
const EXTENSIONS: &[&str] = &[
    "http://www.ietf.org/id/",
    "http://tools.ietf.org/html/",
    "http://www.webrtc.org/experiments/rtp-hdrext/",
    "https://aomediacodec.github.io/av1-rtp-spec/#",
    "urn:3gpp:",
    "urn:ietf:params:rtp-hdrext:sdes:",
    "urn:ietf:params:rtp-hdrext:",
];

/// `1 urn:...`, perhaps with a direction after the number.
fn is_extension(value: &str) -> bool {
    let Some((number, uri)) = value.split_once(' ') else {
        return false;
    };
    let (number, direction) = number.split_once('/').unwrap_or((number, "sendrecv"));
    let name = EXTENSIONS.iter().find_map(|known| uri.strip_prefix(known));
    is_number(number) && is_token(direction) && name.is_some_and(is_token)
}

/// A hash and its octets (RFC 8122 section 5), more of them than an address has.
fn is_fingerprint(value: &str) -> bool {
    value.split_once(' ').is_some_and(|(hash, octets)| {
        let is_octet =
            |octet: &str| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_token(hash) && octets.len() >= 16 * 3 - 1 && octets.split(':').all(is_octet)
    })
}

/// `111 opus/48000/2`
fn is_mapping(value: &str) -> bool {
    value.split_once(' ').is_some_and(|(format, encoding)| {
        is_number(format) && encoding.split('/').all(is_token) && encoding.contains('/')
    })
}

/// `1001 cname:...`
fn is_source(value: &str) -> bool {
    let Some((number, said)) = value.split_once(' ') else {
        return false;
    };
    let (name, content) = said.split_once(':').unwrap_or((said, "-"));
    let is_kept = matches!(name, "cname" | "msid" | "mslabel" | "label");
    is_number(number) && is_kept && words(content).all(is_id)
}

/// `FID 1001 1002`
fn is_grouping(value: &str) -> bool {
    let mut words = words(value);
    words.next().is_some_and(is_token) && words.all(is_number)
}

fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(' ').filter(|word| !word.is_empty())
}

fn is_number(text: &str) -> bool {
    is_made_of(text, 20, |byte| byte.is_ascii_digit())
}

/// A name that somebody has registered.
pub(super) fn is_token(text: &str) -> bool {
    is_made_of(text, 64, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
    })
}

/// A name that a browser has made up: Base64, or a UUID with or without braces.
fn is_id(text: &str) -> bool {
    is_made_of(text, 255, |byte| {
        byte.is_ascii_alphanumeric() || b"-_+/={}".contains(&byte)
    })
}

/// `minptime=10;useinbandfec=1`, `111/111`, `hi;~lo`
fn is_parameter(text: &str) -> bool {
    is_made_of(text, 1_024, |byte| {
        byte.is_ascii_alphanumeric() || b"-_+/=;,~*".contains(&byte)
    })
}

fn is_made_of(text: &str, max: usize, is_part: impl Fn(u8) -> bool) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept(line: &str) -> bool {
        match line.split_once(':') {
            Some((name, value)) => is_known(name, Some(value)),
            None => is_known(line, None),
        }
    }

    #[test]
    fn what_browsers_say_is_kept() {
        for line in [
            // Chromium.
            "group:BUNDLE 0 1 2",
            "extmap-allow-mixed",
            "msid-semantic: WMS 9f1e2d3c-0000-4a5b-8c7d-112233445566",
            "ice-ufrag:EsAw",
            "ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
            "ice-options:trickle renomination",
            "fingerprint:sha-256 D2:B9:31:8F:DF:24:D8:0E:ED:D2:EF:25:9E:AF:6F:B8:34:AE:53:9C:E6:F3:8F:F2:64:15:FA:E8:7F:53:2D:38",
            "setup:actpass",
            "mid:0",
            "extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            "extmap:2/recvonly http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            "extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            "extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
            "extmap:5 urn:3gpp:video-orientation",
            "extmap:6 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
            "sendrecv",
            "msid:- 9f1e2d3c-0000-4a5b-8c7d-112233445566",
            "rtcp-mux",
            "rtcp-rsize",
            "rtpmap:111 opus/48000/2",
            "rtpmap:110 telephone-event/48000",
            "rtcp-fb:111 transport-cc",
            "rtcp-fb:96 ccm fir",
            "rtcp-fb:* nack pli",
            "fmtp:111 minptime=10;useinbandfec=1",
            "fmtp:63 111/111",
            "fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
            "fmtp:110 0-15",
            "ssrc:1001 cname:4TOk42mSjX/kVIa6",
            "ssrc:1001 msid:- 9f1e2d3c-0000-4a5b-8c7d-112233445566",
            "ssrc-group:FID 1001 1002",
            "rid:hi send pt=96;max-width=1280",
            "simulcast:send hi;mid,~lo recv x",
            "sctp-port:5000",
            "max-message-size:262144",
            // Firefox.
            "ssrc:2002 cname:{5b3a9f10-6f1d-4c7b-8a2e-aabbccddeeff}",
            "msid:{5b3a9f10-6f1d-4c7b-8a2e-aabbccddeeff} {6b3a9f10-6f1d-4c7b-8a2e-aabbccddeeff}",
            "msid-semantic:WMS *",
            "fmtp:120 max-fs=12288;max-fr=60",
            "rtcp-fb:109 goog-remb",
            "sctpmap:5000 webrtc-datachannel 256",
            "framerate:29.97",
            "end-of-candidates",
            "tls-id:91bbf309c0990a6bec11e38ba2933cee",
        ] {
            assert!(is_kept(line), "{line}");
        }
    }

    #[test]
    fn what_could_name_a_machine_is_not() {
        for line in [
            "msid:foo.lan -",
            "msid-semantic: WMS foo.lan",
            "ssrc:1 cname:user@host.lan",
            "ssrc:1 cname:user@host",
            "ssrc:1 x:y",
            "extmap:1 http://myhost/x",
            "extmap:1 http://www.ietf.org/id/x http://myhost/",
            "extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/../../192.168.1.5",
            "extmap:1 urn:ietf:params:rtp-hdrext:fe80::1",
            "mid:192.168.1.5",
            "fmtp:1 x=host.lan",
            "fmtp:1 x=fe80::1",
            "framerate:1.2.3.4",
            "rtpmap:1 host.lan/8000",
            "group:BUNDLE a.b",
            "rid:hi send x=a.b",
            "label:foo.lan",
            "tls-id:a.b",
            "fingerprint:sha-1 01:02:03:04",
            "x-anything:1",
            "sendrecv:host",
            "identity:eyJpZHA",
            "imageattr:120 send [x=1]",
        ] {
            assert!(!is_kept(line), "{line}");
        }
    }
}
