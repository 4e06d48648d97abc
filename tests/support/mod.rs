//! What the socket tests share: the real binary as a child process, an independent WebSocket client, and raw
//! sockets for everything that a proper client would never do.
//!
//! Nothing in here knows the server's code. Every wait has an end, and every server dies with its test.

#![allow(dead_code, unreachable_pub, unused_imports)] // Each test file uses its own part of this.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub mod client;
pub mod disk;
pub mod members;
pub mod postgres;
pub mod raw;
pub mod server;
pub mod slow;

use std::time::{Duration, Instant};

pub use client::Client;
pub use members::Member;
pub use raw::{Raw, Response};
pub use server::{Launch, Server, UNGUARDED};

/// How long something may take that should happen at once, on a machine that has other things to do.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until `condition` holds; whether it did within `limit`.
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Lets this process open as many descriptors as it may.
pub fn raise_descriptor_limit() {
    rlimit::increase_nofile_limit(20_000).expect("the descriptor limit");
}

/// The value at `percent` of sorted `values`.
pub fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort_unstable();
    values[(values.len() - 1) * percent / 100]
}
