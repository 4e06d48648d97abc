//! What an operator may set, and where from: defaults, then a file, then the environment, then flags.

mod database;
mod keys;
mod load;

use std::path::PathBuf;

use ipnet::IpNet;
use log::LevelFilter;

use crate::kernel::addresses::Allowance;
use crate::kernel::bucket::Rate;
use crate::kernel::secret::Secret;
use crate::net::Bind;
use crate::service::stranger::{Format, Opening, Video};
use crate::wire::ice::IceUrl;
use crate::wire::origin::Allowed;
use crate::{app, conn, limits, net, service};

pub use keys::{KEYS, Key};
pub use load::{Invocation, load};

/// A rate as an operator writes it: so many a second, so many at once. 0 a second is no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// In the long run.
    pub per_second: f64,
    /// At once.
    pub burst: u32,
}

impl Pace {
    /// The same as a budget.
    pub fn rate(self) -> Rate {
        Rate::new(self.per_second, self.burst)
    }
}

/// Everything that can be set. The keys, with their descriptions, are in [`KEYS`].
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // Each field is the key of the same name.
pub struct Config {
    pub listen: Vec<Bind>,
    pub data: PathBuf,
    pub db_url: Secret,
    pub jwt_secret: Option<Secret>,
    pub log: LevelFilter,
    pub max_connections: usize,
    pub connections_per_ip: u32,
    pub connect: Pace,
    pub http: Pace,
    pub message: Pace,
    pub skip: Pace,
    pub frame: Pace,
    pub byte: Pace,
    pub register: Pace,
    pub allowed_origins: String,
    pub trusted_proxies: Vec<IpNet>,
    pub widen_after_ms: u64,
    pub rematch_after_ms: u64,
    pub auto_match: bool,
    pub stranger_format: Format,
    pub rooms_create_on_join: bool,
    pub private_room_ms: u64,
    pub ice_servers: Vec<IceUrl>,
    pub turn_secret: Secret,
    pub turn_ttl_s: u64,
    pub video_require_account: bool,
    pub video_relay_only: bool,
    pub drain_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        let pace = |per_second, burst| Pace { per_second, burst };
        Self {
            listen: vec![Bind::Every(8080)],
            data: PathBuf::from("data"),
            db_url: Secret::new(String::new()),
            jwt_secret: None,
            log: LevelFilter::Info,
            max_connections: 0,
            connections_per_ip: 50,
            connect: pace(10.0, 30),
            http: pace(100.0, 200),
            message: pace(5.0, 20),
            skip: pace(2.0, 10),
            frame: pace(100.0, 200),
            byte: pace(65_536.0, 262_144),
            register: pace(1.0, 100),
            allowed_origins: String::new(),
            trusted_proxies: Vec::new(),
            widen_after_ms: 8_000,
            rematch_after_ms: 3_000,
            auto_match: false,
            stranger_format: Format::Json,
            rooms_create_on_join: false,
            private_room_ms: 86_400_000,
            ice_servers: Vec::new(),
            turn_secret: Secret::default(),
            turn_ttl_s: 3_600,
            video_require_account: false,
            video_relay_only: false,
            drain_ms: 10_000,
        }
    }
}

impl Config {
    /// Checks what no key can check alone. The error is one line for the operator.
    fn check(&self) -> Result<(), String> {
        let relays = self.ice_servers.iter().any(IceUrl::is_turn);
        if relays && self.turn_secret.is_empty() {
            return Err("ice_servers: a turn: URL is of no use without turn_secret".to_owned());
        }
        if self.video_relay_only && !relays {
            let fault = "video_relay_only: there is no relay; name a turn: URL in ice_servers";
            return Err(fault.to_owned());
        }
        Ok(())
    }

    /// How many connections chats may have, when the process may open `descriptors`.
    pub fn connections_max(&self, descriptors: usize) -> usize {
        let room = descriptors
            .saturating_sub(limits::RESERVED_DESCRIPTORS)
            .max(1);
        match self.max_connections {
            0 => room,
            wanted => wanted.min(room),
        }
    }

    /// Where accounts are kept: `sqlite:PATH` or `postgres://...`. There may be a password in it.
    pub fn database(&self) -> Secret {
        database::resolved(&self.db_url, &self.data)
    }

    /// The settings of the connection layer; `seed` is for its hash tables.
    pub fn connections(&self, connections_max: usize, seed: u64) -> conn::Settings {
        conn::Settings {
            connections_max,
            allowance: Allowance {
                connections_max: self.connections_per_ip,
                connect_rate: self.connect.rate(),
                request_rate: self.http.rate(),
            },
            frame_rate: self.frame.rate(),
            byte_rate: self.byte.rate(),
            trusted_proxies: self.trusted_proxies.clone(),
            drain_ms: self.drain_ms,
            seed,
            ..conn::Settings::default()
        }
    }

    /// The settings of the program.
    pub fn app(&self) -> app::Settings {
        app::Settings {
            // The list was read once already, when it was set.
            allowed_origins: Allowed::parse(&self.allowed_origins).unwrap_or_default(),
            opening: Opening {
                auto: self.auto_match,
                format: self.stranger_format,
            },
            stranger: service::stranger::Settings {
                message_rate: self.message.rate(),
                skip_rate: self.skip.rate(),
                widen_after_ms: self.widen_after_ms,
                rematch_after_ms: self.rematch_after_ms,
                video: Video {
                    require_account: self.video_require_account,
                    relay_only: self.video_relay_only,
                    ice_servers: self.ice_servers.clone(),
                    turn_secret: self.turn_secret.clone(),
                    turn_ttl_s: self.turn_ttl_s,
                },
            },
            rooms: service::rooms::Settings {
                message_rate: self.message.rate(),
                create_on_join: self.rooms_create_on_join,
                ..service::rooms::Settings::default()
            },
            accounts: service::account::Settings {
                message_rate: self.message.rate(),
                register_rate: self.register.rate(),
                room_ms: self.private_room_ms,
                ..service::account::Settings::default()
            },
        }
    }

    /// The settings of the loop.
    pub fn reactor(&self, connections_max: usize) -> net::Settings {
        net::Settings {
            bind: self.listen.clone(),
            sockets_max: connections_max + limits::OVERFLOW_CONNECTIONS,
            drain_ms: self.drain_ms,
            signals: true,
        }
    }
}
