//! Use by address: how many connections each has and how fast it opens them.
//!
//! An IPv4 address counts for itself, an IPv6 one with its /64, which is what one subscriber gets.
//!
//! Invariants: an address with connections is never forgotten; the table holds at most
//! [`limits::ADDRESSES_MAX`] addresses, and when it is full of busy ones, further ones go uncounted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU64;

use foldhash::fast::FixedState;

use super::bucket::{Bucket, Rate};
use crate::limits;

/// What one subscriber is known by: an IPv4 address or an IPv6 /64 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscriber(NonZeroU64);

impl Subscriber {
    /// The subscriber behind `address`; an IPv4 address that is written as IPv6 is the same one.
    pub fn of(address: IpAddr) -> Self {
        let number = match address.to_canonical() {
            // A /64 never begins with 16 one bits followed by this: ffff::/16 is not assigned (RFC 4291).
            IpAddr::V4(v4) => 0xffff_ffff_0000_0000 | u64::from(v4.to_bits()),
            IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64,
        };
        // ::/64, the network of ::1, counts as 255.255.255.255, from which nobody comes.
        Self(NonZeroU64::new(number).unwrap_or(NonZeroU64::MAX))
    }
}

/// Why an address may not have another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It has as many as it may.
    Connections,
    /// It opens them too fast.
    Rate {
        /// Microseconds until another is allowed.
        retry_us: u64,
    },
}

/// The table. See the module's description.
#[derive(Debug)]
pub struct Addresses {
    uses: HashMap<Subscriber, Use, FixedState>,
    connections_max: u32,
    connect_rate: Rate,
}

#[derive(Debug, Default)]
struct Use {
    connections: u32,
    connects: Bucket,
}

impl Addresses {
    /// A table that allows `connections_max` connections (0: any number) and new ones at `connect_rate`.
    /// `seed` keeps peers from choosing addresses that collide.
    pub fn new(connections_max: u32, connect_rate: Rate, seed: u64) -> Self {
        Self {
            uses: HashMap::with_hasher(FixedState::with_seed(seed)),
            connections_max,
            connect_rate,
        }
    }

    /// Counts a new connection of `subscriber`, even one too many; [`Addresses::leave`] takes it back.
    pub fn enter(&mut self, subscriber: Subscriber, now_us: u64) -> Result<(), Excess> {
        if self.is_unlimited() {
            return Ok(());
        }
        if self.uses.len() >= limits::ADDRESSES_MAX && !self.uses.contains_key(&subscriber) {
            self.uses
                .retain(|_, used| used.connections > 0 || !used.connects.is_full(now_us));
            if self.uses.len() >= limits::ADDRESSES_MAX {
                return Ok(());
            }
        }
        let used = self.uses.entry(subscriber).or_default();
        used.connections += 1;
        if self.connections_max > 0 && used.connections > self.connections_max {
            return Err(Excess::Connections);
        }
        used.connects
            .take(self.connect_rate, now_us)
            .map_err(|retry_us| Excess::Rate { retry_us })
    }

    /// Takes back a connection that [`Addresses::enter`] counted.
    pub fn leave(&mut self, subscriber: Subscriber, now_us: u64) {
        let Some(used) = self.uses.get_mut(&subscriber) else {
            return;
        };
        used.connections = used.connections.saturating_sub(1);
        if used.connections == 0 && used.connects.is_full(now_us) {
            self.uses.remove(&subscriber);
        }
    }

    /// How many addresses are remembered.
    pub fn len(&self) -> usize {
        self.uses.len()
    }

    /// Whether no address is remembered.
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty()
    }

    fn is_unlimited(&self) -> bool {
        self.connections_max == 0 && self.connect_rate.is_unlimited()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber(text: &str) -> Subscriber {
        Subscriber::of(text.parse().expect("an address"))
    }

    #[test]
    fn ipv4_counts_alone_and_ipv6_by_its_network() {
        assert_ne!(subscriber("192.0.2.1"), subscriber("192.0.2.2"));
        assert_eq!(subscriber("192.0.2.1"), subscriber("::ffff:192.0.2.1"));
        assert_eq!(subscriber("2001:db8::1"), subscriber("2001:db8::ffff:1"));
        assert_ne!(subscriber("2001:db8::1"), subscriber("2001:db8:0:1::1"));
        assert_eq!(subscriber("::1"), subscriber("::2"));
        assert_ne!(subscriber("::1"), subscriber("0:0:0:1::1"));
        assert_eq!(size_of::<Option<Subscriber>>(), 8);
    }

    #[test]
    fn connections_are_bounded_and_come_back() {
        let mut addresses = Addresses::new(2, Rate::UNLIMITED, 1);
        let who = subscriber("192.0.2.1");
        assert_eq!(addresses.enter(who, 0), Ok(()));
        assert_eq!(addresses.enter(who, 0), Ok(()));
        assert_eq!(addresses.enter(who, 0), Err(Excess::Connections));
        addresses.leave(who, 0);
        addresses.leave(who, 0);
        assert_eq!(addresses.enter(who, 0), Ok(()));
        assert_eq!(addresses.enter(subscriber("192.0.2.2"), 0), Ok(()));
    }

    #[test]
    fn connects_are_paced() {
        let mut addresses = Addresses::new(0, Rate::new(10.0, 3), 1);
        let who = subscriber("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(addresses.enter(who, 0), Ok(()));
        }
        assert_eq!(
            addresses.enter(who, 0),
            Err(Excess::Rate { retry_us: 100_000 })
        );
        assert_eq!(addresses.enter(who, 100_000), Ok(()));
    }

    #[test]
    fn an_idle_address_is_forgotten() {
        let mut addresses = Addresses::new(5, Rate::new(10.0, 3), 1);
        let who = subscriber("192.0.2.1");
        let _ = addresses.enter(who, 0);
        addresses.leave(who, 1_000_000);
        assert!(addresses.is_empty());
    }
}
