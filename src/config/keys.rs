//! The table of keys: one row for each, with its name, its meaning, and how its value is read and shown.

use std::str::FromStr;

use log::LevelFilter;
use serde_json::{Value, json};

use super::Config;
use crate::edge::store::Location;
use crate::kernel::secret::Secret;
use crate::limits;
use crate::service::stranger::Format;
use crate::wire::origin::Allowed;
use crate::wire::token;

/// One thing that can be set: `name` in the file, `--name` with dashes as a flag, `PASSERBY_NAME` in capitals
/// in the environment.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// Other names that the file may use.
    pub aliases: &'static [&'static str],
    /// What stands for its value in the help.
    pub value: &'static str,
    /// What it means.
    pub help: &'static str,
    /// What there is instead, as long as it is not set and has no value.
    pub instead: &'static str,
    /// Takes a value; the error completes the sentence "name: ...".
    set: fn(&mut Config, &str) -> Result<(), String>,
    /// Shows the value, without what is secret in it; null if there is none.
    pub show: fn(&Config) -> Value,
}

impl Key {
    /// Its name as a flag.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Whether this is its name in the file, or one of the others.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// What holds when it is not set, in words.
    pub fn default(&self) -> String {
        match (self.show)(&Config::default()) {
            Value::Null => self.instead.to_owned(),
            Value::String(text) if text.is_empty() => self.instead.to_owned(),
            Value::String(text) => text,
            Value::Number(number) => number.to_string().trim_end_matches(".0").to_owned(),
            value => value.to_string(),
        }
    }

    /// Reads a value from any of the sources.
    pub fn read(&self, config: &mut Config, text: &str) -> Result<(), String> {
        if Secret::is_redacted(text) {
            let fault = "the secret itself is needed here, not what is printed in its place";
            return Err(fault.to_owned());
        }
        (self.set)(config, text)
    }
}

/// Declares the row of a key whose value is a number.
macro_rules! number {
    ($name:literal, $help:literal, $($field:ident).+) => {
        Key {
            name: $name,
            aliases: &[],
            value: "N",
            help: $help,
            instead: "",
            set: |config, text| number(text).map(|value| config.$($field).+ = value),
            show: |config| json!(config.$($field).+),
        }
    };
}

/// Every key.
pub const KEYS: &[Key] = &[
    Key {
        name: "listen",
        aliases: &["httpPort"],
        value: "ADDR:PORT",
        help: "Where to listen; :PORT is every address, and commas separate several",
        instead: "",
        set: |config, text| {
            // The original's configuration, and many platforms, name only the port.
            let only_port = text.bytes().all(|byte| byte.is_ascii_digit());
            let text = if only_port {
                format!(":{text}")
            } else {
                text.to_owned()
            };
            config.listen = list(&text)?;
            if config.listen.is_empty() {
                return Err("is empty".to_owned());
            }
            Ok(())
        },
        show: |config| shown_list(&config.listen),
    },
    Key {
        name: "data",
        aliases: &[],
        value: "DIR",
        help: "Where files are kept",
        instead: "",
        set: |config, text| {
            if text.is_empty() {
                return Err("is empty".to_owned());
            }
            config.data = text.into();
            Ok(())
        },
        show: |config| json!(config.data),
    },
    Key {
        name: "db_url",
        aliases: &[],
        value: "URL",
        help: "Where accounts are kept: sqlite:PATH, which may be relative to data, or postgres://... (also DB_URL)",
        instead: "sqlite:passerby.db in data",
        set: |config, text| {
            config.db_url = Location::parse(text)?;
            Ok(())
        },
        show: |config| json!(config.db_url.url()),
    },
    Key {
        name: "jwt_secret",
        aliases: &[],
        value: "SECRET",
        help: "What session tokens are signed with, 32 bytes or more (better as JWT_SECRET than as a flag, which others can see)",
        instead: "made once and kept in data",
        set: |config, text| {
            let secret = Secret::new(text.to_owned());
            token::Key::new(&secret).map_err(|error| error.to_string())?;
            config.jwt_secret = Some(secret);
            Ok(())
        },
        show: |config| match &config.jwt_secret {
            Some(secret) => json!(secret.redacted()),
            None => Value::Null,
        },
    },
    Key {
        name: "log",
        aliases: &[],
        value: "LEVEL",
        help: "How much to log: off, error, warn, info, debug",
        instead: "",
        set: |config, text| {
            let level = LevelFilter::from_str(text)
                .ok()
                .filter(|level| *level != LevelFilter::Trace);
            config.log = level
                .ok_or_else(|| format!("'{text}' is none of off, error, warn, info, debug"))?;
            Ok(())
        },
        show: |config| json!(config.log.as_str().to_ascii_lowercase()),
    },
    number!(
        "max_connections",
        "Connections at the same time; 0 is what the descriptor limit allows, less 64",
        max_connections
    ),
    number!(
        "connections_per_ip",
        "Connections of one address (IPv4) or network (IPv6 /64); 0 is any number",
        connections_per_ip
    ),
    number!(
        "connect_rate",
        "New connections a second of one address; 0 is any number",
        connect.per_second
    ),
    number!(
        "connect_burst",
        "New connections of one address at once",
        connect.burst
    ),
    number!(
        "message_rate",
        "Chat messages a second of one person; 0 is any number",
        message.per_second
    ),
    number!(
        "message_burst",
        "Chat messages of one person at once",
        message.burst
    ),
    number!(
        "skip_rate",
        "Searches and skips a second of one person; 0 is any number",
        skip.per_second
    ),
    number!(
        "skip_burst",
        "Searches and skips of one person at once",
        skip.burst
    ),
    number!(
        "frame_rate",
        "Frames a second of one connection, beyond which it is read from more slowly; 0 is any number",
        frame.per_second
    ),
    number!(
        "frame_burst",
        "Frames of one connection at once",
        frame.burst
    ),
    number!(
        "register_rate",
        "New accounts a second of one address; 0 is any number",
        register.per_second
    ),
    number!(
        "register_burst",
        "New accounts of one address at once",
        register.burst
    ),
    number!(
        "request_rate",
        "Requests a second of one account; 0 is any number",
        request.per_second
    ),
    number!(
        "request_burst",
        "Requests of one account at once",
        request.burst
    ),
    number!(
        "room_rate",
        "New rooms a second of one address; 0 is any number",
        room.per_second
    ),
    number!("room_burst", "New rooms of one address at once", room.burst),
    Key {
        name: "allowed_origins",
        aliases: &[],
        value: "LIST",
        help: "Origins besides our own whose pages may use the server, separated by commas; * is every one",
        instead: "none",
        set: |config, text| {
            Allowed::parse(text)?;
            config.allowed_origins = text.to_owned();
            Ok(())
        },
        show: |config| json!(config.allowed_origins),
    },
    Key {
        name: "trusted_proxies",
        aliases: &[],
        value: "LIST",
        help: "Addresses or networks whose X-Forwarded-For is believed, separated by commas",
        instead: "none",
        set: |config, text| {
            config.trusted_proxies = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| {
                    item.parse()
                        .or_else(|_| item.parse::<std::net::IpAddr>().map(Into::into))
                        .map_err(|_| {
                            format!("'{item}' is not an address or network like 10.0.0.0/8")
                        })
                })
                .collect::<Result<_, _>>()?;
            Ok(())
        },
        show: |config| shown_list(&config.trusted_proxies),
    },
    number!(
        "widen_after_ms",
        "After how long somebody with interests is matched with anyone",
        widen_after_ms
    ),
    number!(
        "rematch_after_ms",
        "After how long people who met lately may meet again",
        rematch_after_ms
    ),
    Key {
        name: "auto_match",
        aliases: &["stranger.auto_match"],
        value: "BOOL",
        help: "Whether a bare /ws searches by itself",
        instead: "",
        set: |config, text| {
            config.auto_match = flag(text)?;
            Ok(())
        },
        show: |config| json!(config.auto_match),
    },
    Key {
        name: "stranger_format",
        aliases: &["stranger.format"],
        value: "FORMAT",
        help: "How a bare /ws talks: json or text",
        instead: "",
        set: |config, text| {
            config.stranger_format = match text {
                "json" => Format::Json,
                "text" => Format::Text,
                _ => return Err(format!("'{text}' is neither json nor text")),
            };
            Ok(())
        },
        show: |config| match config.stranger_format {
            Format::Json => json!("json"),
            Format::Text => json!("text"),
        },
    },
    Key {
        name: "rooms_create_on_join",
        aliases: &["rooms.create_on_join"],
        value: "BOOL",
        help: "Whether joining a room that is not there makes it",
        instead: "",
        set: |config, text| {
            config.rooms_create_on_join = flag(text)?;
            Ok(())
        },
        show: |config| json!(config.rooms_create_on_join),
    },
    Key {
        name: "private_room_ms",
        aliases: &[],
        value: "N",
        help: "How long the rooms of two account holders last, at least 1000",
        instead: "",
        set: |config, text| {
            config.private_room_ms = number(text)?;
            if config.private_room_ms < 1_000 {
                return Err(format!("'{text}' is less than 1000"));
            }
            Ok(())
        },
        show: |config| json!(config.private_room_ms),
    },
    Key {
        name: "ice_servers",
        aliases: &["video.ice_servers"],
        value: "LIST",
        help: "STUN and TURN servers for video, as stun:HOST:PORT or turn:HOST:PORT, separated by commas",
        instead: "none",
        set: |config, text| list(text).map(|urls| config.ice_servers = urls),
        show: |config| shown_list(&config.ice_servers),
    },
    Key {
        name: "turn_secret",
        aliases: &["video.turn_secret"],
        value: "SECRET",
        help: "What the TURN servers know, too (static-auth-secret of coturn); better set in the environment than as a flag",
        instead: "none",
        set: |config, text| {
            if !text.is_empty() && text.len() < limits::TURN_SECRET_BYTES_MIN {
                let min = limits::TURN_SECRET_BYTES_MIN;
                return Err(format!("a secret needs at least {min} bytes"));
            }
            config.turn_secret = Secret::new(text);
            Ok(())
        },
        show: |config| json!(config.turn_secret.redacted()),
    },
    Key {
        name: "turn_ttl_s",
        aliases: &["video.turn_ttl_s"],
        value: "N",
        help: "How many seconds credentials for TURN work, 60 to 86400",
        instead: "",
        set: |config, text| {
            config.turn_ttl_s = number(text)?;
            if (60..=86_400).contains(&config.turn_ttl_s) {
                Ok(())
            } else {
                Err(format!("'{text}' is not between 60 and 86400"))
            }
        },
        show: |config| json!(config.turn_ttl_s),
    },
    Key {
        name: "video_require_account",
        aliases: &["video.require_account"],
        value: "BOOL",
        help: "Whether only people with an account may meet by video",
        instead: "",
        set: |config, text| flag(text).map(|value| config.video_require_account = value),
        show: |config| json!(config.video_require_account),
    },
    Key {
        name: "video_relay_only",
        aliases: &["video.relay_only"],
        value: "BOOL",
        help: "Whether video goes only through TURN, so that nobody learns a stranger's address",
        instead: "",
        set: |config, text| flag(text).map(|value| config.video_relay_only = value),
        show: |config| json!(config.video_relay_only),
    },
    number!(
        "drain_ms",
        "How long it may take to see everybody off when the server stops",
        drain_ms
    ),
];

/// A number that is not negative, such as a count or a rate.
trait Quantity: FromStr {
    fn is_sound(&self) -> bool {
        true
    }
}

impl Quantity for u32 {}
impl Quantity for u64 {}
impl Quantity for usize {}
impl Quantity for f64 {
    fn is_sound(&self) -> bool {
        self.is_finite() && *self >= 0.0
    }
}

fn number<N: Quantity>(text: &str) -> Result<N, String> {
    text.parse()
        .ok()
        .filter(N::is_sound)
        .ok_or_else(|| format!("'{text}' is not a number that fits here"))
}

fn flag(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("'{text}' is neither true nor false")),
    }
}

fn list<T: FromStr<Err = String>>(text: &str) -> Result<Vec<T>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(T::from_str)
        .collect()
}

fn shown_list(items: &[impl ToString]) -> Value {
    json!(
        items
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(",")
    )
}
