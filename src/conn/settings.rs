//! What an operator, or a test, may set about connections.

use ipnet::IpNet;

use crate::kernel::addresses::Allowance;
use crate::kernel::bucket::Rate;
use crate::wire::message::MessageLimits;
use crate::{defaults, limits};

/// The settings of [`super::Connections`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connections above which newcomers are told that the server is full.
    pub connections_max: usize,
    /// What one address may do.
    pub allowance: Allowance,
    /// Frames of one WebSocket; beyond it reading pauses.
    pub frame_rate: Rate,
    /// Bytes of one WebSocket; the same.
    pub byte_rate: Rate,
    /// What messages are taken.
    pub message_limits: MessageLimits,
    /// Body bytes of one request.
    pub body_bytes_max: usize,
    /// Queued output at which a connection is given up, in bytes.
    pub queue_bytes_max: usize,
    /// Peers whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long it may take to see everybody off, in milliseconds.
    pub drain_ms: u64,
    /// What seeds the hash tables and the jitter.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections_max: usize::MAX,
            allowance: Allowance::UNLIMITED,
            frame_rate: Rate::UNLIMITED,
            byte_rate: Rate::UNLIMITED,
            message_limits: MessageLimits::default(),
            body_bytes_max: limits::BODY_BYTES_MAX,
            queue_bytes_max: limits::QUEUE_MAX_BYTES,
            trusted_proxies: Vec::new(),
            drain_ms: defaults::DRAIN_MS,
            seed: 0,
        }
    }
}
