//! The rows of the comparison: which load, which figures.

use std::io;

use clap::ValueEnum;

use super::{
    Compare, Comparison, Contender,
    launch::{self, Manner},
};
use crate::{
    outcome::Outcome,
    scenario::{self, Burst, Churn, Connect, Flood, Idle, Open, Relay, Rooms, Scenario},
    session::Setting,
};

/// The usual number of pairs.
const PAIRS: u32 = 100;
/// Members of the usual room, and messages per second there.
const MEMBERS: u32 = 1_000;
const MEMBERS_RATE: f64 = 100.0;
/// Members of a large room, and messages per second there.
const CROWDED: u32 = 5_000;
const CROWDED_RATE: f64 = 15.0;
/// Members of small rooms, whose rounds do not grow the buffers that everybody shares; and those rooms.
const MANY: u32 = 19_000;
const MANY_ROOMS: u32 = 1_900;
/// Members who stop reading in `stalled`, and the bytes of text that fill their buffers in time.
const STALLED: u32 = 10;
const STALLED_SIZE: u32 = 1_000;
/// Bytes of text in a message.
const SIZE: u32 = 32;
/// The baseline holds fewer idle connections; its memory per connection needs no more.
const BASELINE_IDLE_MAX: u32 = 4_000;

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Row {
    /// 100 pairs in lockstep, 32-byte messages
    Lockstep,
    /// The same with thousands of pairs
    Crowd,
    /// Bursts of 16
    Burst,
    /// Everybody presses next
    Churn,
    /// Connect, upgrade, match, close
    Connect,
    /// Open loop at half of the lockstep rate
    Open,
    /// 10 abusers beside 1,000 users
    Flood,
    /// One room of 1,000 members; the floor copies to as many sockets
    Fanout,
    /// One room of 5,000 members: long turns
    Room,
    /// Memory of 19,000 members in rooms of ten
    Members,
    /// One room of 1,000 members, 10 of whom stop reading
    Stalled,
    /// Memory and processor time of idle connections
    Idle,
}

impl Row {
    pub(crate) const ALL: [Self; 12] = [
        Self::Lockstep,
        Self::Crowd,
        Self::Burst,
        Self::Churn,
        Self::Connect,
        Self::Open,
        Self::Flood,
        Self::Fanout,
        Self::Room,
        Self::Members,
        Self::Stalled,
        Self::Idle,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lockstep => "lockstep",
            Self::Crowd => "crowd",
            Self::Burst => "burst",
            Self::Churn => "churn",
            Self::Connect => "connect",
            Self::Open => "open",
            Self::Flood => "flood",
            Self::Fanout => "fanout",
            Self::Room => "room",
            Self::Members => "members",
            Self::Stalled => "stalled",
            Self::Idle => "idle",
        }
    }

    /// The figures of the row: name, what it is, unit.
    pub(crate) fn figures(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Lockstep | Self::Crowd => &[
                ("cpu_us", "CPU per message", "us"),
                ("p99_us", "p99 latency", "us"),
                ("rate", "messages", "/s"),
            ],
            Self::Burst => &[
                ("cpu_us", "CPU per message", "us"),
                ("rate", "messages", "/s"),
            ],
            Self::Churn => &[("cpu_us", "CPU per join", "us"), ("rate", "joins", "/s")],
            Self::Connect => &[
                ("cpu_us", "CPU per life (floor: no match)", "us"),
                ("matched_cpu_us", "CPU per life with a match", "us"),
                ("rate", "lives", "/s"),
            ],
            Self::Open => &[
                ("p99_us", "p99", "us"),
                ("p99_9_us", "p99.9", "us"),
                ("max_us", "max", "us"),
            ],
            Self::Flood => &[
                ("calm_us", "users' p99, calm", "us"),
                ("flooded_us", "users' p99, flooded", "us"),
                ("ratio", "ratio", "x"),
                ("open_flooded_us", "users' p99, flooded, limits off", "us"),
                ("open_ratio", "ratio, limits off", "x"),
            ],
            Self::Fanout => &[
                ("cpu_us", "CPU per delivery", "us"),
                ("p99_us", "p99 latency", "us"),
                ("rate", "deliveries", "/s"),
            ],
            Self::Room => &[
                ("long_percent", "turns over 5 ms while people speak", "%"),
                ("busy_turns", "turns over 5 ms of the processor's time", ""),
                ("busiest_us", "the most processor time of those", "us"),
                ("longest_us", "longest turn since the start", "us"),
                ("cpu_us", "CPU per delivery", "us"),
                ("p99_us", "p99 latency", "us"),
            ],
            Self::Members => &[("bytes", "private memory per member", "B")],
            Self::Stalled => &[
                ("calm_us", "others' p99 before", "us"),
                ("p99_us", "others' p99", "us"),
                ("ratio", "p99 to before", "x"),
                ("cpu_ratio", "CPU per delivery to before", "x"),
            ],
            Self::Idle => &[
                ("bytes", "private memory per connection", "B"),
                ("rss_mb", "resident in all", "MB"),
                ("cpu_percent", "CPU while idle", "%"),
            ],
        }
    }

    /// Memory does not vary, and holding takes long: idle runs once.
    pub(super) fn runs_in(self, round: u32) -> bool {
        self != Self::Idle || round == 0
    }

    /// The floor knows no "next", and the baseline no rooms.
    pub(super) fn concerns(self, contender: Contender) -> bool {
        match self {
            Self::Churn => contender != Contender::Floor,
            Self::Fanout => contender != Contender::Baseline,
            Self::Room | Self::Members | Self::Stalled => contender == Contender::Passerby,
            _ => true,
        }
    }

    pub(super) fn builds_on_lockstep(self) -> bool {
        matches!(self, Self::Burst | Self::Churn | Self::Open | Self::Fanout)
    }
}

/// Starts the server, loads it, notes the figures.
pub(super) fn run(
    compare: &Compare,
    row: Row,
    contender: Contender,
    comparison: &mut Comparison,
) -> io::Result<()> {
    let manner = match row {
        Row::Connect => Manner::BareLives,
        Row::Flood => Manner::GuardedChats,
        Row::Fanout | Row::Members => Manner::Rooms,
        _ => Manner::Chats,
    };
    let scenario = scenario_of(compare, row, contender, comparison)?;
    let outcome = load(compare, contender, manner, &scenario, comparison)?;
    note(row, contender, &outcome, comparison);
    if row == Row::Connect {
        let matched = if contender == Contender::Floor {
            let scenario = Scenario::Connect(Connect {
                concurrency: 64,
                bare: false,
            });
            load(compare, contender, Manner::Lives, &scenario, comparison)?.cpu_us_per_item()
        } else {
            outcome.cpu_us_per_item()
        };
        comparison
            .figures
            .add(row, contender, "matched_cpu_us", matched);
    }
    if row == Row::Flood && contender == Contender::Passerby {
        let unguarded = load(compare, contender, Manner::Chats, &scenario, comparison)?;
        for (name, figure) in [
            ("open_flooded_us", "p99_us_flooded"),
            ("open_ratio", "p99_ratio"),
        ] {
            let value = unguarded.figures.get(figure).copied();
            comparison.figures.add(row, contender, name, value);
        }
    }
    if row == Row::Lockstep {
        comparison.lockstep.insert(contender.name(), outcome);
    }
    Ok(())
}

fn scenario_of(
    compare: &Compare,
    row: Row,
    contender: Contender,
    comparison: &Comparison,
) -> io::Result<Scenario> {
    Ok(match row {
        Row::Lockstep => Scenario::Relay(Relay {
            pairs: PAIRS,
            window: 1,
            size: SIZE,
        }),
        Row::Crowd => Scenario::Relay(Relay {
            pairs: compare.crowd,
            window: 1,
            size: SIZE,
        }),
        Row::Burst => Scenario::Burst(Burst {
            pairs: PAIRS,
            burst: 16,
            size: SIZE,
        }),
        Row::Churn => Scenario::Churn(Churn { clients: PAIRS * 2 }),
        Row::Connect => Scenario::Connect(Connect {
            concurrency: 64,
            bare: contender == Contender::Floor,
        }),
        Row::Open => {
            let full = comparison.figures.last(Row::Lockstep, contender, "rate");
            let rate =
                full.ok_or_else(|| io::Error::other("no lockstep rate to take the half of"))? / 2.0;
            Scenario::Open(Open {
                pairs: PAIRS,
                rate,
                size: SIZE,
            })
        }
        Row::Flood => Scenario::Flood(Flood {
            normals: 1_000,
            rate: 1.0,
            abusers: 10,
            size: SIZE,
        }),
        Row::Fanout => Scenario::Rooms(room(MEMBERS, MEMBERS_RATE)),
        Row::Room => Scenario::Rooms(room(CROWDED, CROWDED_RATE)),
        Row::Members => Scenario::Rooms(Rooms {
            rooms: MANY_ROOMS,
            memory: true,
            ..room(MANY, MEMBERS_RATE)
        }),
        Row::Stalled => Scenario::Rooms(Rooms {
            size: STALLED_SIZE,
            stalled: STALLED,
            ..room(MEMBERS, MEMBERS_RATE)
        }),
        Row::Idle if contender == Contender::Passerby => Scenario::Idle(Idle {
            connections: compare.idle,
            hold: compare.hold,
            paired: false,
        }),
        Row::Idle if contender == Contender::Baseline => Scenario::Idle(Idle {
            connections: compare.idle.min(BASELINE_IDLE_MAX),
            hold: 0.0,
            paired: false,
        }),
        Row::Idle => Scenario::Idle(Idle {
            connections: compare.idle,
            hold: 0.0,
            paired: false,
        }),
    })
}

fn room(members: u32, rate: f64) -> Rooms {
    Rooms {
        members,
        rooms: 1,
        rate,
        size: SIZE,
        stalled: 0,
        memory: false,
    }
}

fn load(
    compare: &Compare,
    contender: Contender,
    manner: Manner,
    scenario: &Scenario,
    comparison: &mut Comparison,
) -> io::Result<Outcome> {
    let server = launch::start(compare, contender, manner)?;
    let setting: Setting = compare.setting(&server);
    let outcome = scenario::run(scenario, &setting)?;
    comparison
        .others_cpu_shares
        .extend(outcome.others_cpu_share);
    for (kind, count) in &outcome.errors {
        let kind = format!("{} of {}: {kind}", scenario.name(), contender.name());
        *comparison.troubles.entry(kind).or_default() += count;
    }
    Ok(outcome)
}

fn note(row: Row, contender: Contender, outcome: &Outcome, comparison: &mut Comparison) {
    let latency = outcome.latency_us.as_ref();
    let figure = |name: &str| outcome.figures.get(name).copied();
    for (name, _, _) in row.figures() {
        let value = match *name {
            "cpu_us" => outcome.cpu_us_per_item(),
            "p99_us" => outcome.p99_us(),
            "p99_9_us" => latency.map(|latency| latency.p99_9),
            "max_us" => latency.map(|latency| latency.max),
            "rate" => Some(outcome.rate_per_s),
            "calm_us" => figure("p99_us_calm"),
            "flooded_us" => figure("p99_us_flooded"),
            "ratio" => figure("p99_ratio"),
            "cpu_ratio" => figure("cpu_ratio"),
            "long_percent" => figure("turns_over_5_ms_percent"),
            "busy_turns" => figure("busy_turns_since_start"),
            "busiest_us" => figure("busiest_turn_us_since_start"),
            "longest_us" => figure("longest_turn_us_since_start"),
            "bytes" => {
                figure("anon_bytes_per_connection").or_else(|| figure("anon_bytes_per_member"))
            }
            "rss_mb" => figure("rss_mb_full"),
            "cpu_percent" => figure("idle_cpu_percent"),
            _ => continue,
        };
        comparison.figures.add(row, contender, name, value);
    }
}
