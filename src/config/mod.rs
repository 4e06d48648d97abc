//! What an operator may set, and where from: defaults, then a file, then the environment, then flags.

mod file;
mod keys;
mod load;

use std::path::PathBuf;

use ipnet::IpNet;
use log::LevelFilter;

use crate::edge::store::Location;
use crate::kernel::bucket::Pace;
use crate::kernel::secret::Secret;
use crate::net::Bind;
use crate::service::stranger::{Format, Opening, Video};
use crate::wire::ice::IceUrl;
use crate::wire::origin::Allowed;
use crate::{app, conn, defaults, limits, net, service};

pub use keys::{KEYS, Key};
pub use load::{Invocation, load};

/// Everything that can be set. The keys, with their descriptions, are in [`KEYS`].
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Each field is the key of the same name.
pub struct Config {
    pub listen: Vec<Bind>,
    pub data: PathBuf,
    pub db_url: Location,
    pub jwt_secret: Option<Secret>,
    pub log: LevelFilter,
    pub max_connections: usize,
    pub connections_per_ip: u32,
    pub connect: Pace,
    pub message: Pace,
    pub skip: Pace,
    pub frame: Pace,
    pub register: Pace,
    pub request: Pace,
    pub room: Pace,
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
        Self {
            listen: vec![Bind::Every(defaults::PORT)],
            data: PathBuf::from(defaults::DATA),
            db_url: Location::default(),
            jwt_secret: None,
            log: LevelFilter::Info,
            max_connections: 0,
            connections_per_ip: defaults::CONNECTIONS_PER_IP,
            connect: defaults::CONNECT,
            message: defaults::MESSAGE,
            skip: defaults::SKIP,
            frame: defaults::FRAME,
            register: defaults::REGISTER,
            request: defaults::REQUEST,
            room: defaults::ROOM,
            allowed_origins: String::new(),
            trusted_proxies: Vec::new(),
            widen_after_ms: defaults::WIDEN_AFTER_MS,
            rematch_after_ms: defaults::REMATCH_AFTER_MS,
            auto_match: false,
            stranger_format: Format::Json,
            rooms_create_on_join: false,
            private_room_ms: defaults::PRIVATE_ROOM_MS,
            ice_servers: Vec::new(),
            turn_secret: Secret::default(),
            turn_ttl_s: defaults::TURN_TTL_S,
            video_require_account: false,
            video_relay_only: false,
            drain_ms: defaults::DRAIN_MS,
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

    /// Where accounts are kept.
    pub fn store(&self) -> Location {
        self.db_url.clone().within(&self.data)
    }

    /// The settings of the connection layer; `seed` is for its hash tables.
    pub fn connections(&self, connections_max: usize, seed: u64) -> conn::Settings {
        conn::Settings {
            connections_max,
            connections_per_ip: self.connections_per_ip,
            connect_rate: self.connect.rate(),
            frame_rate: self.frame.rate(),
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
                room_rate: self.room.rate(),
                create_on_join: self.rooms_create_on_join,
                ..service::rooms::Settings::default()
            },
            accounts: service::account::Settings {
                message_rate: self.message.rate(),
                register_rate: self.register.rate(),
                request_rate: self.request.rate(),
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
