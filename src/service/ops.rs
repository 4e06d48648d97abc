//! What operators ask: is it alive, is it ready, what does it do (`/health`, `/readyz`, `/metrics`).

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::kernel::lobby::Population;
use crate::kernel::stats::{CloseCause, Histogram, Refused, Stats};
use crate::wire::response::{Response, Status};

/// `/health`: the process runs its loop.
pub fn health() -> Response {
    Response::json(Status::OK, &br#"{"status":"ok"}"#[..])
}

/// `/readyz`: whether new people should be sent here.
pub fn readiness(draining: bool, is_store_up: bool) -> Response {
    if draining {
        Response::error(Status::UNAVAILABLE, "draining").with_retry_after_ms(5_000)
    } else if !is_store_up {
        Response::error(Status::UNAVAILABLE, "the store is not available")
            .with_retry_after_ms(1_000)
    } else {
        Response::json(Status::OK, &br#"{"status":"ok"}"#[..])
    }
}

/// What the gauges show, read from live state at the moment of asking.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Connections of any kind.
    pub connections: usize,
    /// People connected to the stranger chat.
    pub online: usize,
    /// People who wait and conversations, by mode.
    pub population: Vec<(&'static str, Population)>,
    /// Bytes that wait to be written.
    pub queued_bytes: usize,
    /// People connected to the rooms, with however many sockets.
    pub people: usize,
    /// Rooms there are.
    pub rooms: usize,
    /// Members of all rooms together.
    pub room_members: usize,
    /// People with accounts who hear notifications.
    pub members_online: usize,
    /// People who wait in the pool.
    pub pool: usize,
    /// Questions to other threads that are not answered yet.
    pub asks: usize,
    /// Whether the store answers.
    pub is_store_up: bool,
}

/// `/metrics`: everything there is to count, in the OpenMetrics text format.
pub fn metrics(stats: &Stats, gauges: Gauges) -> Response {
    let mut registry = Registry::with_prefix("passerby");
    registry.register_collector(Box::new(Snapshot {
        stats: stats.clone(),
        gauges,
    }));
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => Response::new(Status::OK).with_body(
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            text.into_bytes(),
        ),
        Err(_) => Response::refusal(Status::INTERNAL),
    }
}

#[derive(Debug)]
struct Snapshot {
    stats: Stats,
    gauges: Gauges,
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.encode_gauges(&mut encoder)?;
        self.encode_counters(&mut encoder)?;
        self.encode_causes(&mut encoder)?;
        let stats = &self.stats;
        let help = "How long people waited for a partner";
        durations(&mut encoder, "match_wait", help, &stats.match_wait_ms, 1e3)?;
        let help = "How long turns of the loop took";
        durations(&mut encoder, "turn", help, &stats.turn_us, 1e6)?;
        let help = "How long people waited for an answer of the store";
        durations(&mut encoder, "store_ask", help, &stats.store_ask_us, 1e6)?;
        let help = "How long people waited for a password to be hashed";
        durations(&mut encoder, "hash_ask", help, &stats.hash_ask_us, 1e6)?;
        let help = "Questions that the store answered in each transaction";
        histogram(
            &mut encoder,
            "store_batch",
            help,
            None,
            &stats.store_batch,
            1.0,
        )
    }
}

impl Snapshot {
    fn encode_gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let gauges = &self.gauges;
        for (name, help, value) in [
            ("connections", "Connections of any kind", gauges.connections),
            (
                "online",
                "People connected to the stranger chat",
                gauges.online,
            ),
            (
                "queued_bytes",
                "Bytes that wait to be written",
                gauges.queued_bytes,
            ),
            ("people", "People connected to the rooms", gauges.people),
            ("rooms", "Rooms there are", gauges.rooms),
            (
                "room_members",
                "Members of all rooms together",
                gauges.room_members,
            ),
            (
                "members_online",
                "People with accounts who hear notifications",
                gauges.members_online,
            ),
            ("pool", "People who wait in the pool", gauges.pool),
            (
                "asks",
                "Questions to other threads that are not answered yet",
                gauges.asks,
            ),
            (
                "store_up",
                "Whether the store answers",
                usize::from(gauges.is_store_up),
            ),
        ] {
            let gauge = ConstGauge::new(value as u64);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        for (name, help, us) in [
            (
                "longest_turn",
                "How long the longest turn took",
                self.stats.longest_turn_us,
            ),
            (
                "busiest_turn",
                "The most of the processor's time that a turn of over 5 ms took",
                self.stats.busiest_turn_us,
            ),
        ] {
            let gauge = ConstGauge::new(us as f64 / 1e6);
            let unit = Some(&Unit::Seconds);
            gauge.encode(encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?)?;
        }
        let searching = |population: &Population| population.searching;
        let help = "People who wait for a partner";
        by_mode(encoder, "searching", help, &gauges.population, searching)?;
        let pairs = |population: &Population| population.pairs;
        by_mode(encoder, "pairs", "Conversations", &gauges.population, pairs)
    }

    fn encode_counters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let stats = &self.stats;
        for (name, help, value) in [
            ("accepted", "Connections accepted", stats.accepted),
            ("polls", "Times the loop asked the poller", stats.polls),
            ("reads", "System calls that read from sockets", stats.reads),
            ("writes", "System calls that wrote to sockets", stats.writes),
            ("bytes_in", "Bytes read", stats.bytes_in),
            ("bytes_out", "Bytes written", stats.bytes_out),
            ("requests", "HTTP requests", stats.requests),
            (
                "messages_in",
                "WebSocket messages received",
                stats.messages_in,
            ),
            (
                "messages_relayed",
                "Chat messages passed on to a partner",
                stats.messages_relayed,
            ),
            (
                "room_messages",
                "Messages said in rooms",
                stats.room_messages,
            ),
            (
                "room_deliveries",
                "Messages that rooms gave to sockets",
                stats.room_deliveries,
            ),
            (
                "direct_messages",
                "Messages from one person to another",
                stats.direct_messages,
            ),
            ("pairs_made", "Pairs made", stats.pairs_made),
            ("registrations", "Accounts made", stats.registrations),
            ("logins", "People who logged in", stats.logins),
            (
                "logins_failed",
                "Logins with a wrong password or an unknown name",
                stats.logins_failed,
            ),
            ("private_rooms", "Private rooms opened", stats.private_rooms),
            (
                "private_messages",
                "Messages kept in private rooms",
                stats.private_messages,
            ),
            (
                "passwords_hashed",
                "Passwords hashed, whether new ones or ones that were claimed",
                stats.passwords_hashed,
            ),
            (
                "asks_overdue",
                "Questions to other threads that were not answered in time",
                stats.asks_overdue,
            ),
            (
                "accept_rests",
                "Times that accepting rested for want of descriptors",
                stats.accept_rests,
            ),
            ("panics", "Handlers that panicked", stats.panics),
            (
                "busy_turns",
                "Turns that took over 5 ms of the processor's time",
                stats.busy_turns,
            ),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        Ok(())
    }

    fn encode_causes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "WebSocket connections that ended, by cause";
        let mut metric = encoder.encode_descriptor("closes", help, None, MetricType::Counter)?;
        for cause in CloseCause::ALL {
            let labels = [("cause", cause.label())];
            ConstCounter::new(self.stats.closes(*cause)).encode(metric.encode_family(&labels)?)?;
        }
        let help = "Requests and commands refused, by cause";
        let mut metric = encoder.encode_descriptor("refusals", help, None, MetricType::Counter)?;
        for cause in Refused::ALL {
            let labels = [("cause", cause.label())];
            ConstCounter::new(self.stats.refusals(*cause))
                .encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Encodes a gauge for each mode.
fn by_mode(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    population: &[(&'static str, Population)],
    count: impl Fn(&Population) -> usize,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (mode, population) in population {
        let labels = [("mode", *mode)];
        ConstGauge::new(count(population) as u64).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Encodes a histogram of small units as seconds; `per_second` is how many of its units a second has.
fn durations<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    durations: &Histogram<N>,
    per_second: f64,
) -> fmt::Result {
    let unit = Some(&Unit::Seconds);
    histogram(encoder, name, help, unit, durations, per_second)
}

/// Encodes a histogram; what it counts in is a `scale`th of the unit.
fn histogram<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    histogram: &Histogram<N>,
    scale: f64,
) -> fmt::Result {
    let bounded: u64 = histogram.buckets.iter().sum();
    let mut buckets: Vec<(f64, u64)> = histogram
        .bounds
        .iter()
        .zip(histogram.buckets)
        .map(|(bound, count)| (*bound as f64 / scale, count))
        .collect();
    buckets.push((f64::INFINITY, histogram.count - bounded));
    encoder
        .encode_descriptor(name, help, unit, MetricType::Histogram)?
        .encode_histogram::<NoLabelSet>(
            histogram.sum as f64 / scale,
            histogram.count,
            &buckets,
            None,
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_what_was_counted() {
        let mut stats = Stats::default();
        stats.messages_relayed = 7;
        stats.closed(CloseCause::NoPong);
        stats.match_wait_ms.record(2);
        stats.match_wait_ms.record(10_000_000);
        stats.store_batch.record(3);
        stats.store_batch.record(600);
        stats.store_ask_us.record(2_500);
        let gauges = Gauges {
            connections: 3,
            population: vec![(
                "text",
                Population {
                    searching: 1,
                    pairs: 2,
                },
            )],
            ..Gauges::default()
        };
        let response = metrics(&stats, gauges);
        let text = String::from_utf8_lossy(response.body());
        for line in [
            "passerby_connections 3",
            "passerby_pairs{mode=\"text\"} 2",
            "passerby_searching{mode=\"text\"} 1",
            "passerby_messages_relayed_total 7",
            "passerby_closes_total{cause=\"no_pong\"} 1",
            "passerby_match_wait_seconds_bucket{le=\"0.01\"} 1",
            "passerby_match_wait_seconds_bucket{le=\"+Inf\"} 2",
            "passerby_match_wait_seconds_count 2",
            "passerby_store_batch_bucket{le=\"4.0\"} 1",
            "passerby_store_batch_sum 603.0",
            "passerby_store_ask_seconds_bucket{le=\"0.0025\"} 1",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} in:\n{text}");
        }
    }
}
