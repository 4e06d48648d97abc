//! What lies outside the loop: threads for what takes long or may block, each with a bounded queue, which answer a
//! [`Ticket`](crate::kernel::ask::Ticket) with an [`Outcome`](crate::kernel::ask::Outcome); and, in a debug build, the
//! page's sources.

pub mod edits;
pub mod hash;
pub mod store;
