//! The store: accounts, private rooms and what is said there, in SQLite or PostgreSQL, on a thread of its own.
//!
//! The thread takes what is waiting for it, does all of that in one transaction, and answers when the database has said that it would
//! survive a power cut; so the more is asked at once, the less each question costs. It owns the connection to the database.
//! It has no clock: what belongs into a record is brought by the question.
//!
//! - Questions are answered in the order in which they were asked, each exactly once unless the process ends.
//! - A question sees what those before it have written.
//! - One that fails takes no other down with it.
//! - One that has waited so long that nobody waits for its answer any more is not begun.

mod batch;
mod erasing;
mod location;
mod postgres;
mod rules;
mod sqlite;
mod thread;

pub use location::Location;
#[doc(hidden)]
pub use sqlite::SQLITE_STATEMENTS;
pub use thread::{Handle, start};
