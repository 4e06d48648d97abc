//! Use by address: how many connections each has, how fast it opens them, and how fast it asks.
//!
//! An IPv4 address counts for itself, an IPv6 one with its /64, which is what one subscriber gets; and a /48, which is what a
//! provider may give one, counts for [`limits::NETWORK_SHARES`] subscribers.
//!
//! Invariants: an address with connections is never forgotten; at most [`limits::ADDRESSES_MAX`] addresses are known, and as many
//! networks. While all of them are busy, whoever else comes shares the budget of one: the crowd's.

use std::net::IpAddr;
use std::num::NonZeroU64;

use super::bucket::{Bucket, Rate};
use super::roster::{Record, Roster};
use crate::limits;

/// What one subscriber is known by: an IPv4 address or an IPv6 /64 network. A word that is never 0, so that there is
/// room in it for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscriber(NonZeroU64);

impl Subscriber {
    /// The subscriber behind `address`; an IPv4 address that is written as IPv6 is the same one.
    pub fn of(address: IpAddr) -> Self {
        let bits = match address.to_canonical() {
            // No /64 begins like this: ff00::/8 is multicast (RFC 4291).
            IpAddr::V4(v4) => 0xffff_fffe_0000_0000 | u64::from(v4.to_bits()),
            IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64,
        };
        // Not even the one of all ones is anybody's.
        Self(NonZeroU64::new(!bits).unwrap_or(NonZeroU64::MIN))
    }

    /// Whoever comes while the tables are full. No /64 is written like this: ff00::/8 is multicast.
    const CROWD: Self = Self(NonZeroU64::MIN);

    /// The /48 that an IPv6 subscriber is in.
    fn network(self) -> Option<Network> {
        let bits = !self.0.get();
        (bits >> 32 != 0xffff_fffe).then_some(Network(bits >> 16))
    }
}

/// An IPv6 /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Network(u64);

/// Why an address may not have another connection, or ask for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It has as many as it may.
    Connections,
    /// It opens them too fast.
    Rate {
        /// Microseconds until another is allowed.
        retry_us: u64,
    },
    /// It asks too fast.
    Requests {
        /// Microseconds until another request is allowed.
        retry_us: u64,
    },
}

/// What one address may do.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Connections at the same time; 0 is any number.
    pub connections_max: u32,
    /// New connections.
    pub connect_rate: Rate,
    /// Requests.
    pub request_rate: Rate,
}

impl Allowance {
    /// Anything.
    pub const UNLIMITED: Self = Self {
        connections_max: 0,
        connect_rate: Rate::UNLIMITED,
        request_rate: Rate::UNLIMITED,
    };

    const fn times(self, shares: u32) -> Self {
        Self {
            connections_max: self.connections_max.saturating_mul(shares),
            connect_rate: self.connect_rate.times(shares),
            request_rate: self.request_rate.times(shares),
        }
    }

    const fn is_unlimited(&self) -> bool {
        self.connections_max == 0
            && self.connect_rate.is_unlimited()
            && self.request_rate.is_unlimited()
    }
}

/// The table. See the module's description.
#[derive(Debug)]
pub struct Addresses {
    subscribers: Roster<Subscriber, Use>,
    networks: Roster<Network, Use>,
    crowd: Use,
    allowance: Allowance,
    network_allowance: Allowance,
}

#[derive(Debug, Default)]
struct Use {
    connections: u32,
    connects: Bucket,
    requests: Bucket,
}

impl Use {
    /// Whether another connection, which is counted already, is within the allowance.
    fn connect(&mut self, allowance: &Allowance, now_us: u64) -> Result<(), Excess> {
        if allowance.connections_max > 0 && self.connections > allowance.connections_max {
            return Err(Excess::Connections);
        }
        let taken = self.connects.take(allowance.connect_rate, now_us);
        taken.map_err(|retry_us| Excess::Rate { retry_us })
    }

    fn request(&mut self, allowance: &Allowance, now_us: u64) -> Result<(), Excess> {
        let taken = self.requests.take(allowance.request_rate, now_us);
        taken.map_err(|retry_us| Excess::Requests { retry_us })
    }
}

impl Record for Use {
    fn is_spent(&self, now_us: u64) -> bool {
        self.connections == 0 && self.connects.is_full(now_us) && self.requests.is_full(now_us)
    }
}

impl Addresses {
    /// A table that allows each address so much. `seed` keeps peers from choosing addresses that collide.
    pub fn new(allowance: Allowance, seed: u64) -> Self {
        Self {
            subscribers: Roster::new(limits::ADDRESSES_MAX, seed),
            networks: Roster::new(limits::ADDRESSES_MAX, seed),
            crowd: Use::default(),
            allowance,
            network_allowance: allowance.times(limits::NETWORK_SHARES),
        }
    }

    /// Counts a new connection of `subscriber`, even one too many. [`Addresses::leave`] takes it back, by the subscriber that
    /// it was counted for: the one that is returned.
    pub fn enter(
        &mut self,
        subscriber: Subscriber,
        now_us: u64,
    ) -> (Subscriber, Result<(), Excess>) {
        if self.allowance.is_unlimited() {
            return (subscriber, Ok(()));
        }
        let (allowance, together) = (self.allowance, self.network_allowance);
        let Some((own, network)) = self.uses(subscriber, now_us) else {
            self.crowd.connections += 1;
            return (Subscriber::CROWD, self.crowd.connect(&allowance, now_us));
        };
        own.connections += 1;
        let mut granted = own.connect(&allowance, now_us);
        if let Some(network) = network {
            network.connections += 1;
            if granted.is_ok() {
                granted = network.connect(&together, now_us);
            }
        }
        (subscriber, granted)
    }

    /// Takes back a connection that [`Addresses::enter`] counted for `subscriber`.
    pub fn leave(&mut self, subscriber: Subscriber, now_us: u64) {
        if subscriber == Subscriber::CROWD {
            self.crowd.connections = self.crowd.connections.saturating_sub(1);
            return;
        }
        if let Some(own) = self.subscribers.known(subscriber) {
            own.connections = own.connections.saturating_sub(1);
        }
        if let Some(network) = subscriber
            .network()
            .and_then(|network| self.networks.known(network))
        {
            network.connections = network.connections.saturating_sub(1);
        }
        self.subscribers.forget(now_us);
        self.networks.forget(now_us);
    }

    /// Counts a request of `subscriber`.
    pub fn request(&mut self, subscriber: Subscriber, now_us: u64) -> Result<(), Excess> {
        if self.allowance.request_rate.is_unlimited() {
            return Ok(());
        }
        let (allowance, together) = (self.allowance, self.network_allowance);
        let Some((own, network)) = self.uses(subscriber, now_us) else {
            return self.crowd.request(&allowance, now_us);
        };
        own.request(&allowance, now_us)?;
        match network {
            Some(network) => network.request(&together, now_us),
            None => Ok(()),
        }
    }

    /// What `subscriber` uses, and what its network does; `None` when one of the tables is full of others.
    fn uses(&mut self, who: Subscriber, now_us: u64) -> Option<(&mut Use, Option<&mut Use>)> {
        let network = match who.network() {
            Some(network) => Some(self.networks.record(network, now_us)?),
            None => None,
        };
        Some((self.subscribers.record(who, now_us)?, network))
    }

    /// How many addresses are remembered.
    pub fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// Whether no address is remembered.
    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
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

    fn addresses(connections_max: u32, connect_rate: Rate) -> Addresses {
        let allowance = Allowance {
            connections_max,
            connect_rate,
            ..Allowance::UNLIMITED
        };
        Addresses::new(allowance, 1)
    }

    #[test]
    fn connections_are_bounded_and_come_back() {
        let mut addresses = addresses(2, Rate::UNLIMITED);
        let who = subscriber("192.0.2.1");
        assert_eq!(addresses.enter(who, 0), (who, Ok(())));
        assert_eq!(addresses.enter(who, 0), (who, Ok(())));
        assert_eq!(addresses.enter(who, 0), (who, Err(Excess::Connections)));
        addresses.leave(who, 0);
        addresses.leave(who, 0);
        assert_eq!(addresses.enter(who, 0).1, Ok(()));
        assert_eq!(addresses.enter(subscriber("192.0.2.2"), 0).1, Ok(()));
    }

    #[test]
    fn connects_are_paced() {
        let mut addresses = addresses(0, Rate::new(10.0, 3));
        let who = subscriber("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(addresses.enter(who, 0).1, Ok(()));
        }
        let excess = Excess::Rate { retry_us: 100_000 };
        assert_eq!(addresses.enter(who, 0).1, Err(excess));
        assert_eq!(addresses.enter(who, 100_000).1, Ok(()));
    }

    #[test]
    fn requests_are_paced_by_address_and_by_network() {
        let allowance = Allowance {
            request_rate: Rate::new(10.0, 20),
            ..Allowance::UNLIMITED
        };
        let mut addresses = Addresses::new(allowance, 1);
        let mut ask = |who| {
            (0..25)
                .filter(|_| addresses.request(who, 0).is_ok())
                .count()
        };
        assert_eq!(ask(subscriber("192.0.2.1")), 20);
        assert_eq!(ask(subscriber("192.0.2.2")), 20);
        // Ten /64 of one /48 have what eight may.
        let all: usize = (0..10)
            .map(|n| ask(subscriber(&format!("2001:db8:0:{n}::1"))))
            .sum();
        assert_eq!(all, 8 * 20);
        assert_eq!(ask(subscriber("2001:db8:1::1")), 20);
    }

    #[test]
    fn a_network_has_the_connections_of_eight() {
        let mut addresses = addresses(3, Rate::UNLIMITED);
        let all: Vec<_> = (0..10)
            .map(|n| subscriber(&format!("2001:db8:0:{n}::1")))
            .collect();
        let mut enter = |who: &Subscriber| {
            (0..3)
                .filter(|_| addresses.enter(*who, 0).1.is_ok())
                .count()
        };
        assert_eq!(all.iter().map(&mut enter).sum::<usize>(), 24);
        assert_eq!(enter(&subscriber("2001:db8:1::1")), 3);
        for who in &all {
            (0..3).for_each(|_| addresses.leave(*who, 0));
        }
        assert_eq!(addresses.enter(all[9], 0).1, Ok(()), "and they come back");
    }

    #[test]
    fn an_idle_address_is_forgotten() {
        let mut addresses = addresses(5, Rate::new(10.0, 3));
        let who = subscriber("2001:db8::1");
        let _ = addresses.enter(who, 0);
        addresses.leave(who, 1_000_000);
        assert!(addresses.is_empty() && addresses.networks.is_empty());
    }

    #[test]
    fn whoever_comes_to_a_full_table_shares_one_budget() {
        let mut addresses = addresses(2, Rate::UNLIMITED);
        let busy = |n: usize| Subscriber::of(IpAddr::V4((n as u32).into()));
        for n in 0..limits::ADDRESSES_MAX {
            assert_eq!(addresses.enter(busy(n), 0), (busy(n), Ok(())));
        }
        let late: Vec<_> = (1..=3).map(|n| busy(limits::ADDRESSES_MAX + n)).collect();
        let crowd = Subscriber::CROWD;
        assert_eq!(addresses.enter(late[0], 0), (crowd, Ok(())));
        assert_eq!(addresses.enter(late[1], 0), (crowd, Ok(())));
        assert_eq!(
            addresses.enter(late[2], 0),
            (crowd, Err(Excess::Connections))
        );
        // Who was known before has what was theirs.
        assert_eq!(addresses.enter(busy(0), 0), (busy(0), Ok(())));
        assert_eq!(addresses.len(), limits::ADDRESSES_MAX);
        addresses.leave(crowd, 0);
        addresses.leave(crowd, 0);
        assert_eq!(addresses.enter(late[2], 0), (crowd, Ok(())));
        // One who goes makes room for one who has a budget of their own, as soon as that is found.
        addresses.leave(busy(7), 0);
        let own = (0..limits::ADDRESSES_MAX).find(|_| addresses.enter(late[0], 0).0 == late[0]);
        assert!(own.is_some());
    }
}
