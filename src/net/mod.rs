//! The only system calls on the loop: polling, accepting, reading, writing, closing.
//!
//! [`Reactor`] owns the poller and the sockets, reads the clock once a turn, and carries bytes between sockets
//! and [`Connections`](crate::conn::Connections). It decides nothing about what they mean.

mod accept;
mod clock;
mod inflow;
mod listener;
mod mailbox;
mod outflow;
mod reactor;
mod socket;

pub use listener::Bind;
pub use mailbox::{Handle, Letter};
pub use reactor::{Desk, Reactor, Settings};
