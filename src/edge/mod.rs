//! What may block, each on a thread of its own.
//!
//! The loop hands over a [`Query`](crate::kernel::ask::Query) or the like, and never waits: what came of it is posted
//! back, and is dealt with in a later turn. Nothing here knows connections or services.

pub mod store;
