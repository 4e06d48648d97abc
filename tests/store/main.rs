//! The store, as the loop asks it: one suite over every engine, and what each engine does when its database fails.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod desk;
mod model;
mod postgres;
mod sqlite;
mod suite;
#[path = "../support/mod.rs"]
mod support;
