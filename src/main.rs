//! The passerby server.
fn main() {}
