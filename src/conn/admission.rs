//! Who may use the server: by number of connections, and by address.

use std::net::IpAddr;

use crate::kernel::addresses::{Addresses, Excess, Subscriber};
use crate::kernel::stats::Refused;
use crate::wire::head::Head;
use crate::wire::response::{Response, Status};

use super::Settings;

/// Whether a connection may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Granted,
    /// The server has as many connections as it can hold.
    Full,
    /// The address has too many, opens them too fast, or asks too much.
    Excess(Excess),
}

impl From<Result<(), Excess>> for Admission {
    fn from(granted: Result<(), Excess>) -> Self {
        match granted {
            Ok(()) => Self::Granted,
            Err(excess) => Self::Excess(excess),
        }
    }
}

impl Admission {
    /// The response that says why not; `None` if the connection may be used.
    pub fn refusal(self) -> Option<(Response, Refused)> {
        let (status, message, retry_ms, cause) = match self {
            Self::Granted => return None,
            Self::Full => (
                Status::UNAVAILABLE,
                "the server is full, please try again soon",
                2_000,
                Refused::Full,
            ),
            Self::Excess(Excess::Connections) => (
                Status::TOO_MANY_REQUESTS,
                "too many connections from your address",
                10_000,
                Refused::AddressConnections,
            ),
            Self::Excess(Excess::Rate { retry_us }) => (
                Status::TOO_MANY_REQUESTS,
                "too many new connections from your address",
                retry_us / 1_000,
                Refused::AddressRate,
            ),
            Self::Excess(Excess::Requests { retry_us }) => (
                Status::TOO_MANY_REQUESTS,
                "too many requests from your address",
                retry_us / 1_000,
                Refused::HttpRate,
            ),
        };
        let response = Response::error(status, message)
            .with_retry_after_ms(retry_ms)
            .closing();
        Some((response, cause))
    }
}

/// The gate: counts connections by address, and knows which proxies speak for others.
#[derive(Debug)]
pub(super) struct Gate {
    addresses: Addresses,
    trusted_proxies: Vec<ipnet::IpNet>,
}

impl Gate {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            addresses: Addresses::new(settings.allowance, settings.seed),
            trusted_proxies: settings.trusted_proxies.clone(),
        }
    }

    /// Whether `peer` is a proxy that speaks for others.
    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    /// Counts a connection of `client`, and says for whom. Even one that is refused is counted until it leaves.
    pub(super) fn enter(&mut self, client: IpAddr, now_us: u64) -> (Subscriber, Admission) {
        let (counted, granted) = self.addresses.enter(Subscriber::of(client), now_us);
        (counted, granted.into())
    }

    /// Counts a request of `client`.
    pub(super) fn ask(&mut self, client: IpAddr, now_us: u64) -> Admission {
        let granted = self.addresses.request(Subscriber::of(client), now_us);
        granted.into()
    }

    /// Takes a connection back.
    pub(super) fn leave(&mut self, subscriber: Subscriber, now_us: u64) {
        self.addresses.leave(subscriber, now_us);
    }

    /// Who asks: `peer`, or, if that is a trusted proxy, the right-most address in X-Forwarded-For that is
    /// not. What stands left of that anybody could have written.
    pub(super) fn client(&self, peer: IpAddr, head: &Head<'_>) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let values: Vec<&str> = head.fields("x-forwarded-for").collect();
        let mut client = peer;
        for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else {
                break;
            };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head;

    fn client(trusted: &str, peer: &str, forwarded: &str) -> String {
        let settings = Settings {
            trusted_proxies: vec![trusted.parse().expect("a network")],
            ..Settings::default()
        };
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{forwarded}\r\n");
        let head = head::parse(request.as_bytes()).expect("a good head");
        Gate::new(&settings)
            .client(peer.parse().expect("an address"), &head)
            .to_string()
    }

    #[test]
    fn only_a_trusted_proxy_speaks_for_others() {
        let forged = "X-Forwarded-For: 198.51.100.1\r\n";
        assert_eq!(client("10.0.0.0/8", "127.0.0.2", forged), "127.0.0.2");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", forged), "198.51.100.1");
        assert_eq!(
            client("10.0.0.0/8", "::ffff:10.0.0.1", forged),
            "198.51.100.1"
        );
    }

    #[test]
    fn the_right_most_untrusted_hop_counts() {
        let chain = "X-Forwarded-For: 1.2.3.4, 198.51.100.1\r\nX-Forwarded-For: 10.0.0.7\r\n";
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", chain), "198.51.100.1");
        let junk = "X-Forwarded-For: 198.51.100.1, junk\r\n";
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", junk), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", ""), "10.0.0.1");
    }
}
