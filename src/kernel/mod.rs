//! Pure tables: identities, queues, timers, budgets and output lanes.
//!
//! Nothing here makes a syscall, reads a clock, draws a random number or takes a lock; everything is
//! told the time and given its seeds. Each module owns one table and states its invariants.

pub mod addresses;
pub mod ask;
pub mod bucket;
pub mod budgets;
pub mod effect;
pub mod history;
pub mod id;
pub mod ledger;
pub mod lobby;
pub mod membership;
pub mod names;
pub mod order;
pub mod outbox;
pub mod recent;
pub mod record;
pub mod secret;
pub mod stats;
pub mod throttle;
pub mod time;
pub mod wheel;
