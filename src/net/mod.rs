//! The only system calls on the loop: polling, accepting, reading, writing, closing.
//!
//! [`Reactor`] owns the poller and reads the clock once a turn; its [`Driver`] carries bytes between sockets
//! and [`Connections`](crate::conn::Connections). They decide nothing about what the bytes mean.

mod accept;
mod clock;
mod driver;
mod inflow;
mod listener;
mod mailbox;
mod outflow;
mod reactor;
mod socket;

pub use driver::{Dispatch, Driver, Readiness};
pub use listener::Bind;
pub use mailbox::{Handle, Letter};
pub use reactor::{Reactor, Settings};
pub use socket::Stream;
