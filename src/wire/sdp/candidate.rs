//! ICE candidates (RFC 8839 section 5.1): read, and those of relays written anew.

use std::fmt::Write;
use std::net::IpAddr;

use super::{is_ice_text, is_word};
use crate::wire::ice::IceUrl;

/// What a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// The address of a relay. It was written anew, without the address behind the relay.
    Relay,
    /// Any other, which tells where somebody is. Nothing was written.
    Exposing,
}

/// Where relays may be besides the networks in which others can be reached: on the machine itself, or on its link. A
/// candidate there is no relay's unless a TURN server of ours is there, too; it would have a browser knock at
/// something of its own. Private networks are not told apart from the rest: a server for a house has its relay there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relays {
    /// Whether one is on the loopback.
    pub on_loopback: bool,
    /// Whether one is on the local link.
    pub on_link: bool,
}

impl Relays {
    /// Those of the TURN servers among `urls`.
    pub fn of(urls: &[IceUrl]) -> Self {
        let hosts = || {
            urls.iter()
                .filter(|url| url.is_turn())
                .map(|url| (url.host(), url.host().parse::<IpAddr>().ok()))
        };
        Self {
            on_loopback: hosts()
                .any(|(host, ip)| host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())),
            on_link: hosts().any(|(_, ip)| ip.is_some_and(is_link_local)),
        }
    }

    fn may_be_at(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_broadcast = matches!(address, IpAddr::V4(ip) if ip.is_broadcast());
        !(address.is_unspecified() || address.is_multicast() || is_broadcast)
            && (self.on_loopback || !address.is_loopback())
            && (self.on_link || !is_link_local(address))
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Reads a candidate, `candidate:...` with or without `a=` before it, and appends it to `out` if it is a relay's;
/// `None` if it is not one.
pub fn candidate(text: &str, relays: Relays, out: &mut String) -> Option<Candidate> {
    let text = text.strip_prefix("a=").unwrap_or(text);
    let text = text.strip_prefix("candidate:")?;
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
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
    let address = match address.parse::<IpAddr>() {
        Ok(address) if relays.may_be_at(address) => address,
        _ => return Some(Candidate::Exposing),
    };
    let nowhere = if address.is_ipv4() { "0.0.0.0" } else { "::" };
    // Writing to a `String` cannot fail.
    let _ = write!(
        out,
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
            let _ = write!(out, " {name} {value}");
        }
    }
    Some(Candidate::Relay)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: &str = "candidate:3 1 udp 41885439 198.51.100.7 50123 typ relay raddr 192.168.1.5 rport 40000 generation 0 ufrag Ab+/ network-id 2 network-cost 10";

    /// What is made of a candidate: its kind and what was written.
    fn read_with(text: &str, relays: Relays) -> Option<(Candidate, String)> {
        let mut out = String::new();
        candidate(text, relays, &mut out).map(|kind| (kind, out))
    }

    fn read(text: &str) -> Option<(Candidate, String)> {
        read_with(text, Relays::default())
    }

    fn relays(urls: &[&str]) -> Relays {
        let urls: Vec<IceUrl> = urls.iter().map(|url| url.parse().expect("a URL")).collect();
        Relays::of(&urls)
    }

    #[test]
    fn a_relay_is_shown_without_what_is_behind_it() {
        let expected = "candidate:3 1 udp 41885439 198.51.100.7 50123 typ relay raddr 0.0.0.0 rport 0 generation 0 ufrag Ab+/";
        for text in [RELAY, &format!("a={RELAY}")] {
            assert_eq!(read(text), Some((Candidate::Relay, expected.into())));
        }
        assert_eq!(
            read("candidate:1 1 UDP 5 2001:db8::7 5 TYP RELAY raddr fe80::1 rport 3"),
            Some((
                Candidate::Relay,
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
            assert_eq!(
                read(text),
                Some((Candidate::Exposing, String::new())),
                "{text}"
            );
        }
    }

    #[test]
    fn no_relay_is_where_none_can_be() {
        let at = |address: &str, relays| {
            read_with(
                &format!("candidate:1 1 udp 5 {address} 5 typ relay"),
                relays,
            )
            .map(|(kind, _)| kind)
        };
        let nowhere = Relays::default();
        for address in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "169.254.1.1",
            "fe80::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert_eq!(at(address, nowhere), Some(Candidate::Exposing), "{address}");
        }
        // Somebody's own network may have its relay, whose address is then a private one.
        for address in ["198.51.100.7", "192.168.1.2", "10.0.0.1", "fd00::1"] {
            assert_eq!(at(address, nowhere), Some(Candidate::Relay), "{address}");
        }
        let here = relays(&["stun:169.254.0.1", "turn:localhost:3478"]);
        assert_eq!(at("127.0.0.1", here), Some(Candidate::Relay));
        assert_eq!(at("169.254.1.1", here), Some(Candidate::Exposing));
        assert_eq!(here, relays(&["turns:[::1]:5349"]));
        let link = relays(&["turn:169.254.0.1:3478?transport=udp"]);
        assert_eq!(at("169.254.1.1", link), Some(Candidate::Relay));
        assert_eq!(at("127.0.0.1", link), Some(Candidate::Exposing));
        assert_eq!(relays(&["turn:turn.example.org"]), nowhere);
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
            assert_eq!(read(text), None, "{text}");
        }
    }
}
