//! What an operator may change, as it is unless they do. Each is the key of the same name of [`crate::config`].

use crate::kernel::bucket::Pace;

/// `listen`: this port, at every address.
pub const PORT: u16 = 8080;
/// `data`.
pub const DATA: &str = "data";
/// `connections_per_ip`.
pub const CONNECTIONS_PER_IP: u32 = 50;
/// `connect_rate` and `connect_burst`.
pub const CONNECT: Pace = Pace::new(10.0, 30);
/// `message_rate` and `message_burst`.
pub const MESSAGE: Pace = Pace::new(5.0, 20);
/// `skip_rate` and `skip_burst`.
pub const SKIP: Pace = Pace::new(2.0, 10);
/// `frame_rate` and `frame_burst`.
pub const FRAME: Pace = Pace::new(100.0, 200);
/// `register_rate` and `register_burst`.
pub const REGISTER: Pace = Pace::new(1.0, 100);
/// `request_rate` and `request_burst`.
pub const REQUEST: Pace = Pace::new(20.0, 100);
/// `room_rate` and `room_burst`.
pub const ROOM: Pace = Pace::new(0.1, 20);
/// `widen_after_ms`.
pub const WIDEN_AFTER_MS: u64 = 8_000;
/// `rematch_after_ms`.
pub const REMATCH_AFTER_MS: u64 = 3_000;
/// `private_room_ms`: a day.
pub const PRIVATE_ROOM_MS: u64 = 86_400_000;
/// `turn_ttl_s`: an hour.
pub const TURN_TTL_S: u64 = 3_600;
/// `drain_ms`.
pub const DRAIN_MS: u64 = 10_000;
