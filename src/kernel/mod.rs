//! Pure tables: identities, queues, timers, budgets and output lanes.
//!
//! Nothing here makes a syscall, reads a clock, draws a random number or takes a lock; everything is
//! told the time and given its seeds. Each module owns one table and states its invariants.

pub mod addresses;
pub mod bucket;
pub mod effect;
pub mod id;
pub mod lobby;
pub mod names;
pub mod outbox;
pub mod recent;
pub mod stats;
pub mod time;
pub mod wheel;
