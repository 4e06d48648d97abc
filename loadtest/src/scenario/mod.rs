//! The scenarios: who does what to the server.

mod churn;
mod connect;
mod exchange;
mod flood;
mod flooders;
mod idle;
mod logins;
mod mixed;
mod open;
mod outage;
mod private;
mod rooms;
mod timing;
mod turns;

use std::io;

use crate::{outcome::Outcome, session::Setting};

pub(crate) use {
    churn::Churn, connect::Connect, exchange::Burst, exchange::Relay, flood::Flood, idle::Idle,
    logins::Logins, mixed::Mixed, open::Open, outage::Outage, private::Private, rooms::Rooms,
    timing::Timing,
};

/// Connections one process may hold, leaving some descriptors for itself.
pub(crate) const CONNECTIONS_MAX: u32 = 19_900;

/// What to do to the server.
#[derive(Debug, Clone)]
pub(crate) enum Scenario {
    Relay(Relay),
    Burst(Burst),
    Open(Open),
    Idle(Idle),
    Connect(Connect),
    Churn(Churn),
    Mixed(Mixed),
    Flood(Flood),
    Soak(Mixed),
    Rooms(Rooms),
    Private(Private),
    Logins(Logins),
    Outage(Outage),
    Timing(Timing),
}

/// Runs one scenario.
pub(crate) fn run(scenario: &Scenario, setting: &Setting) -> io::Result<Outcome> {
    let mut outcome = match scenario {
        Scenario::Relay(relay) => relay.run(setting),
        Scenario::Burst(burst) => burst.run(setting),
        Scenario::Open(open) => open.run(setting),
        Scenario::Idle(idle) => idle.run(setting),
        Scenario::Connect(connect) => connect.run(setting),
        Scenario::Churn(churn) => churn.run(setting),
        Scenario::Mixed(mixed) => mixed.run(setting, false),
        Scenario::Flood(flood) => flood.run(setting),
        Scenario::Soak(soak) => soak.run(setting, true),
        Scenario::Rooms(rooms) => rooms.run(setting),
        Scenario::Private(private) => private.run(setting),
        Scenario::Logins(logins) => logins.run(setting),
        Scenario::Outage(outage) => outage.run(setting),
        Scenario::Timing(timing) => timing.run(setting),
    }?;
    outcome.scenario = scenario.name().to_owned();
    outcome.options = scenario.options();
    Ok(outcome)
}

impl Scenario {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Relay(_) => "relay",
            Self::Burst(_) => "burst",
            Self::Open(_) => "open",
            Self::Idle(_) => "idle",
            Self::Connect(_) => "connect",
            Self::Churn(_) => "churn",
            Self::Mixed(_) => "mixed",
            Self::Flood(_) => "flood",
            Self::Soak(_) => "soak",
            Self::Rooms(_) => "rooms",
            Self::Private(_) => "private",
            Self::Logins(_) => "logins",
            Self::Outage(_) => "outage",
            Self::Timing(_) => "timing",
        }
    }

    /// The options in words, for the report.
    fn options(&self) -> String {
        match self {
            Self::Relay(o) => format!("{} pairs, window {}, {} bytes", o.pairs, o.window, o.size),
            Self::Burst(o) => format!("{} pairs, bursts of {}, {} bytes", o.pairs, o.burst, o.size),
            Self::Open(o) => format!(
                "{} pairs, {} messages/s due, {} bytes",
                o.pairs, o.rate, o.size
            ),
            Self::Idle(o) => format!("{} connections, held {} s", o.connections, o.hold),
            Self::Connect(o) => format!("{} at once", o.concurrency),
            Self::Churn(o) => format!("{} clients", o.clients),
            Self::Mixed(o) | Self::Soak(o) => {
                format!("{} clients, pace {}, seed {}", o.clients, o.pace, o.seed)
            }
            Self::Rooms(o) => format!(
                "{} members in {} rooms, {} messages/s due, {} bytes, {} stalled",
                o.members, o.rooms, o.rate, o.size, o.stalled
            ),
            Self::Private(o) => format!(
                "{} rooms of two, window {}, {} bytes",
                o.pairs, o.window, o.size
            ),
            Self::Logins(o) => format!(
                "{} logins at once, {} pairs, {} messages/s due",
                o.crowd, o.pairs, o.rate
            ),
            Self::Outage(o) => format!(
                "{} pairs, {} messages/s due, by {:?}",
                o.pairs, o.rate, o.by
            ),
            Self::Timing(o) => format!("{} of each", o.tries),
            Self::Flood(o) => format!("{} normal clients, {} abusers", o.normals, o.abusers),
        }
    }
}

/// A number of pairs that fits into one process.
fn pairs(text: &str) -> Result<u32, String> {
    bounded(text, CONNECTIONS_MAX / 2)
}

/// A number of clients that fits into one process.
fn clients(text: &str) -> Result<u32, String> {
    bounded(text, CONNECTIONS_MAX)
}

fn bounded(text: &str, max: u32) -> Result<u32, String> {
    let value: u32 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (1..=max).contains(&value) {
        Ok(value)
    } else {
        Err(format!("1 to {max}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn populations_are_bounded() {
        assert_eq!(pairs("9950"), Ok(9_950));
        assert!(pairs("9951").is_err() && clients("0").is_err() && clients("x").is_err());
        assert_eq!(clients("19900"), Ok(19_900));
    }
}
