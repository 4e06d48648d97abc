//! The frame around every scenario: gather the clients, warm up, measure, sum up.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    fleet::{Fleet, Play},
    meter::Meter,
    outcome::{Outcome, Sample, Server},
    probe::{Probe, Reading, machine_busy_ns},
};

/// Connections that may be on their way at once.
const DIALLING_MAX: u32 = 200;
/// Gathering the clients gives up after this long without progress.
const GATHER_PATIENCE: Duration = Duration::from_secs(10);
/// A chart wants about this many points, and a point wants at least so much time.
const SAMPLES_WANTED: u32 = 60;
const SAMPLE_MIN: Duration = Duration::from_millis(100);

/// What every scenario is told.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) target: SocketAddr,
    pub(crate) path: String,
    pub(crate) server_pid: Option<u32>,
    pub(crate) seconds: f64,
    pub(crate) warmup: Duration,
    pub(crate) sources: u32,
    pub(crate) progress: bool,
}

/// A play that is measured.
pub(crate) trait Measured: Play {
    fn meter(&mut self) -> &mut Meter;

    /// The warm-up is over.
    fn reset(&mut self) {
        self.meter().reset();
    }
}

/// One run against one server.
pub(crate) struct Session {
    pub(crate) fleet: Fleet,
    probe: Option<Probe>,
    own: Probe,
    setting: Setting,
    /// The server before anybody came.
    pub(crate) empty: Option<Reading>,
    descriptors_wanted: bool,
}

/// The measured part of a run.
pub(crate) struct Window {
    seconds: f64,
    count: u64,
    before: Option<Reading>,
    after: Option<Reading>,
    own_cpu_share: f64,
    busy_share: Option<f64>,
    series: Vec<Sample>,
}

impl Session {
    pub(crate) fn new(setting: &Setting) -> io::Result<Self> {
        let probe = setting.server_pid.map(Probe::of);
        let empty = match &probe {
            None => None,
            Some(probe) => Some(
                probe
                    .read()
                    .ok_or_else(|| io::Error::other("no such server process"))?,
            ),
        };
        Ok(Self {
            fleet: Fleet::new(setting.target, &setting.path, setting.sources)?,
            probe,
            own: Probe::of(std::process::id()),
            setting: setting.clone(),
            empty,
            descriptors_wanted: false,
        })
    }

    /// Samples the server's descriptors, too.
    pub(crate) fn want_descriptors(&mut self) {
        self.descriptors_wanted = true;
    }

    pub(crate) fn read_server(&self) -> Option<Reading> {
        self.probe.as_ref()?.read()
    }

    /// Opens `wanted` connections, a bounded number at a time, and plays on until `ready`.
    pub(crate) fn gather<P: Play>(
        &mut self,
        play: &mut P,
        wanted: u32,
        ready: impl Fn(&P) -> bool,
    ) -> io::Result<()> {
        let mut dialled = 0;
        let mut progressed = Instant::now();
        let mut open = 0;
        while dialled < wanted || self.fleet.open() < wanted || !ready(play) {
            while dialled < wanted && dialled - self.fleet.open().min(dialled) < DIALLING_MAX {
                dialled += 1;
                if self.fleet.dial().is_none() {
                    return Err(self.given_up(wanted));
                }
            }
            self.fleet.turn(play, Duration::from_millis(20))?;
            if self.fleet.open() > open {
                open = self.fleet.open();
                progressed = Instant::now();
            } else if self.fleet.broken() > 0 || progressed.elapsed() > GATHER_PATIENCE {
                return Err(self.given_up(wanted));
            }
        }
        Ok(())
    }

    /// Plays for `time` without measuring.
    pub(crate) fn idle_through(&mut self, play: &mut impl Play, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.fleet.turn(
                play,
                end.saturating_duration_since(Instant::now())
                    .min(Duration::from_millis(20)),
            )?;
        }
        Ok(())
    }

    /// Warms up and measures for as long as the setting says.
    pub(crate) fn measure(&mut self, play: &mut impl Measured) -> io::Result<Window> {
        self.idle_through(play, self.setting.warmup)?;
        play.reset();
        let length = Duration::from_secs_f64(self.setting.seconds);
        let step = (length / SAMPLES_WANTED).max(SAMPLE_MIN);
        let before = self.read_server();
        let own_before = self.own.read();
        let busy_before = machine_busy_ns();
        let began = Instant::now();
        let mut sampler = Sampler {
            began,
            last: began,
            count: 0,
            cpu: before,
            told_s: 0,
        };
        let mut series = Vec::new();
        let mut next = began + step;
        while began.elapsed() < length {
            let patience = next
                .saturating_duration_since(Instant::now())
                .min(length.saturating_sub(began.elapsed()));
            self.fleet.turn(play, patience)?;
            if Instant::now() >= next {
                next += step;
                series.push(self.sample(&mut sampler, play.meter().count()));
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let after = self.read_server();
        if before.is_some() && after.is_none() {
            self.fleet.fault("the server is gone");
        }
        let busy_ns = machine_busy_ns()
            .zip(busy_before)
            .map(|(now, then)| now.saturating_sub(then));
        let own_ns =
            self.own.read().unwrap_or_default().cpu_ns - own_before.unwrap_or_default().cpu_ns;
        let own_cpu_share = own_ns as f64 / 1e9 / seconds;
        Ok(Window {
            seconds,
            count: play.meter().count(),
            before,
            after,
            own_cpu_share,
            busy_share: busy_ns.map(|ns| ns as f64 / 1e9 / seconds),
            series,
        })
    }

    /// Sums a finished run up.
    pub(crate) fn sum_up(&self, window: Window, meter: &Meter, unit: &'static str) -> Outcome {
        let server = window.before.zip(window.after).map(|(before, after)| {
            let cpu_us = after.cpu_ns.saturating_sub(before.cpu_ns) as f64 / 1e3;
            Server {
                cpu_us_per_item: (window.count > 0).then(|| cpu_us / window.count as f64),
                cpu_share: cpu_us / 1e6 / window.seconds,
                rss_kb: after.rss_kb,
                anon_kb: after.anon_kb,
            }
        });
        let others = window.busy_share.zip(server.as_ref());
        Outcome {
            others_cpu_share: others
                .map(|(busy, server)| (busy - window.own_cpu_share - server.cpu_share).max(0.0)),
            target: self.setting.target.to_string(),
            unit,
            seconds: window.seconds,
            count: window.count,
            rate_per_s: window.count as f64 / window.seconds,
            latency_us: meter.latency(),
            server,
            harness_cpu_share: window.own_cpu_share,
            errors: self.fleet.errors().clone(),
            series: window.series,
            ..Outcome::default()
        }
    }

    fn sample(&self, sampler: &mut Sampler, count: u64) -> Sample {
        let now = Instant::now();
        let span_s = (now - sampler.last).as_secs_f64();
        let reading = self.read_server();
        let cpu_ns = reading
            .zip(sampler.cpu)
            .map(|(now, last)| now.cpu_ns.saturating_sub(last.cpu_ns));
        let sample = Sample {
            at_s: (now - sampler.began).as_secs_f64(),
            rate_per_s: (count - sampler.count) as f64 / span_s,
            connections: self.fleet.open(),
            server_cpu_share: cpu_ns.map(|ns| ns as f64 / 1e9 / span_s),
            server_rss_kb: reading.map(|reading| reading.rss_kb),
            server_descriptors: self
                .probe
                .as_ref()
                .filter(|_| self.descriptors_wanted)
                .and_then(Probe::descriptors),
        };
        (sampler.last, sampler.count, sampler.cpu) = (now, count, reading);
        if self.setting.progress && sample.at_s as u64 > sampler.told_s {
            sampler.told_s = sample.at_s as u64;
            self.tell_progress(&sample);
        }
        sample
    }

    /// One line on stderr. A closed stderr is no reason to stop.
    fn tell_progress(&self, sample: &Sample) {
        let cpu = sample.server_cpu_share.map_or(String::new(), |share| {
            format!("  server cpu {:.0} %", share * 100.0)
        });
        let rss = sample.server_rss_kb.map_or(String::new(), |kb| {
            format!("  rss {:.1} MB", kb as f64 / 1024.0)
        });
        let errors: u64 = self.fleet.errors().values().sum();
        let line = format!(
            "{:4.0} s  {:>9.0} /s  {} connections{cpu}{rss}  {errors} errors",
            sample.at_s, sample.rate_per_s, sample.connections
        );
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn given_up(&self, wanted: u32) -> io::Error {
        let errors: Vec<_> = self
            .fleet
            .errors()
            .iter()
            .map(|(kind, count)| format!("{kind} x{count}"))
            .collect();
        let open = self.fleet.open();
        io::Error::other(format!(
            "gave up with {open} of {wanted} connections ready; errors: [{}]",
            errors.join(", ")
        ))
    }
}

struct Sampler {
    began: Instant,
    last: Instant,
    count: u64,
    cpu: Option<Reading>,
    told_s: u64,
}
