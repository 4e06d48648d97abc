//! Threads beside the loop, for what takes long or may block: each has a bounded queue, and answers a
//! [`Ticket`](crate::kernel::ask::Ticket) with an [`Outcome`](crate::kernel::ask::Outcome).

pub mod hash;
pub mod store;
