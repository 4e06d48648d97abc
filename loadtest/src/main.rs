//! The load harness (an empty shell until its scenarios land).
fn main() {}
