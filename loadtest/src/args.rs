//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};

use crate::{
    compare::Compare,
    fleet::address::SOURCES_MAX,
    outcome::Bounds,
    scenario::{
        Burst, Churn, Connect, Flood, Idle, Logins, Mixed, Open, Outage, Private, Relay, Rooms,
        Scenario, Timing,
    },
    serve::floor::Mode,
    session::Setting,
};

/// The baseline's read buffer: the library's own. It is zero-filled before every read, so somebody who knows can make
/// short messages several times cheaper with 4 KiB.
pub(crate) const READ_BUFFER_BYTES: usize = 128 * 1024;
/// Longest run: a day.
const SECONDS_MAX: f64 = 86_400.0;

/// Plays crowds of strangers against a chat server
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Closed loop: everybody answers every message
    Relay(With<Relay>),
    /// Closed loop in bursts: many messages in one write, answered by as many
    Burst(With<Burst>),
    /// Open loop: messages at a fixed rate, timed from when they were due
    Open(With<Open>),
    /// Memory per connection, and the cost of keeping them
    Idle(With<Idle>),
    /// Connect, upgrade, match, close; over and over
    Connect(With<Connect>),
    /// Everybody presses "next" all the time
    Churn(With<Churn>),
    /// A realistic day: arrivals, typing, messages, skips, drops
    Mixed(With<Mixed>),
    /// Abusers at wire speed beside normal users
    Flood(With<Flood>),
    /// The realistic day for long, watching for leaks
    Soak(With<Mixed>),
    /// What one says in a room, many hear
    Rooms(With<Rooms>),
    /// People with accounts in private rooms, every message kept
    Private(With<Private>),
    /// Hundreds log in at once while others chat
    Logins(With<Logins>),
    /// The database goes away while people chat, and comes back
    Outage(With<Outage>),
    /// Whether the time of a login tells that there is an account
    Timing(With<Timing>),
    /// Passerby beside the floor and the baseline, in rounds
    Compare(Compare),
    /// The floor of `compare`
    #[command(hide = true)]
    ServeFloor {
        #[command(flatten)]
        serve: Serve,
        /// How much of a connection's life to play
        #[arg(long, value_enum, default_value = "relay")]
        mode: Mode,
    },
    /// The baseline of `compare`
    #[command(hide = true)]
    ServeBaseline {
        #[command(flatten)]
        serve: Serve,
        /// Bytes of the read buffer of each connection
        #[arg(long, default_value_t = READ_BUFFER_BYTES)]
        read_buffer: usize,
    },
}

/// A scenario with the options all of them have.
#[derive(Debug, clap::Args)]
pub(crate) struct With<S: clap::Args> {
    #[command(flatten)]
    scenario: S,
    #[command(flatten)]
    load: Load,
}

/// Options of every scenario.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// The server; only loopback addresses are taken
    #[arg(long, default_value = "127.0.0.1:8080", value_parser = loopback)]
    target: SocketAddr,
    /// Path of the WebSocket endpoint
    #[arg(long, default_value = "/ws", value_parser = path)]
    path: String,
    /// Process id of the server, to account for its processor time and memory
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Processor to bind this harness to
    #[arg(long, value_name = "CPU")]
    pub(crate) pin: Option<usize>,
    /// Length of the measured window (soak: 600 unless given)
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,
    /// Milliseconds played before the window
    #[arg(long, default_value_t = 500)]
    warmup_ms: u32,
    /// Loopback source addresses to spread connections over
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=i64::from(SOURCES_MAX)))]
    sources: u32,
    /// No progress lines
    #[arg(long)]
    quiet: bool,
    /// Write everything measured as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write a page with charts
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
}

/// Options of the bundled servers.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:0", value_parser = loopback)]
    pub(crate) listen: SocketAddr,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Job {
    Scenario(Scenario, Load),
    Compare(Compare),
    ServeFloor(SocketAddr, Mode),
    ServeBaseline(SocketAddr, usize),
}

impl From<Command> for Job {
    fn from(command: Command) -> Self {
        match command {
            Command::Relay(with) => Self::Scenario(Scenario::Relay(with.scenario), with.load),
            Command::Burst(with) => Self::Scenario(Scenario::Burst(with.scenario), with.load),
            Command::Open(with) => Self::Scenario(Scenario::Open(with.scenario), with.load),
            Command::Idle(with) => Self::Scenario(Scenario::Idle(with.scenario), with.load),
            Command::Connect(with) => Self::Scenario(Scenario::Connect(with.scenario), with.load),
            Command::Churn(with) => Self::Scenario(Scenario::Churn(with.scenario), with.load),
            Command::Mixed(with) => Self::Scenario(Scenario::Mixed(with.scenario), with.load),
            Command::Flood(with) => Self::Scenario(Scenario::Flood(with.scenario), with.load),
            Command::Soak(with) => Self::Scenario(Scenario::Soak(with.scenario), with.load),
            Command::Rooms(with) => Self::Scenario(Scenario::Rooms(with.scenario), with.load),
            Command::Private(with) => Self::Scenario(Scenario::Private(with.scenario), with.load),
            Command::Logins(with) => Self::Scenario(Scenario::Logins(with.scenario), with.load),
            Command::Outage(with) => Self::Scenario(Scenario::Outage(with.scenario), with.load),
            Command::Timing(with) => Self::Scenario(Scenario::Timing(with.scenario), with.load),
            Command::Compare(compare) => Self::Compare(compare),
            Command::ServeFloor { serve, mode } => Self::ServeFloor(serve.listen, mode),
            Command::ServeBaseline { serve, read_buffer } => {
                Self::ServeBaseline(serve.listen, read_buffer)
            }
        }
    }
}

impl Load {
    pub(crate) fn setting(&self, scenario: &Scenario) -> Setting {
        let usual_seconds = if matches!(scenario, Scenario::Soak(_)) {
            600.0
        } else {
            5.0
        };
        Setting {
            target: self.target,
            path: self.path.clone(),
            server_pid: self.server_pid,
            seconds: self.seconds.unwrap_or(usual_seconds),
            warmup: Duration::from_millis(self.warmup_ms.into()),
            sources: self.sources,
            progress: !self.quiet,
        }
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        Ok(_) => Err("load goes to loopback addresses only".to_owned()),
        Err(_) => Err("not an address with a port, like 127.0.0.1:8080".to_owned()),
    }
}

fn path(text: &str) -> Result<String, String> {
    let sound = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    if sound {
        Ok(text.to_owned())
    } else {
        Err("not a path, like /ws".to_owned())
    }
}

pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=SECONDS_MAX).contains(&seconds) => Ok(seconds),
        _ => Err(format!("0.1 to {SECONDS_MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn only_loopback_is_loaded() {
        assert!(loopback("127.0.0.9:1").is_ok());
        assert!(loopback("192.0.2.1:80").is_err() && loopback("localhost").is_err());
    }

    #[test]
    fn odd_paths_are_refused() {
        assert!(path("/ws?auto=1").is_ok());
        assert!(path("ws").is_err() && path("/a b").is_err() && path("/\r\nX: y").is_err());
    }
}
