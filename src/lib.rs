//! Passerby: one binary in which strangers meet.
//!
//! The layers, each of which knows only those below it: [`net`] makes the loop's system calls, [`edge`] runs the
//! threads beside it, [`app`] is the program, [`service`] the policies it is made of, [`conn`] one connection's protocol, [`wire`] the codecs
//! and [`kernel`] the tables. From [`app`] down everything is pure: events and the time come in, bytes and
//! decisions go out. See `docs/ARCHITECTURE.md`.

#![forbid(unsafe_code)]
#![warn(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub
)]

pub mod app;
pub mod config;
pub mod conn;
pub mod defaults;
pub mod edge;
pub mod kernel;
pub mod limits;
pub mod net;
pub mod service;
pub mod wire;
