//! One connection's protocol: HTTP requests in order, then perhaps a WebSocket, then the end.
//!
//! Owns: the phase of every connection, its deadlines and its budgets. It is pure and knows no service: what
//! a request or a message means is asked of an [`Application`].
//!
//! [`Connections`] takes events (`accepted, received, ended, broke, flushed, finished, elapsed`) and leaves
//! its decisions in the [`Outbox`](crate::kernel::outbox::Outbox).

mod admission;
mod application;
mod drain;
mod http;
mod settings;
mod share;
mod table;
mod timers;
mod ws;

pub use admission::Admission;
pub use application::{Application, Late, Reply, Request, Turn};
pub use settings::Settings;
pub use table::Connections;

#[cfg(test)]
mod tests;
