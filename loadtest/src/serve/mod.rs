//! The two servers Passerby is compared with: the least possible, and the usual.

pub(crate) mod baseline;
pub(crate) mod floor;
mod room;

use std::{
    io::{self, Write},
    net::SocketAddr,
};

/// Says on stdout that the server is ready, in the words Passerby uses.
fn announce(name: &str, address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{name} listening on http://{address}")?;
    stdout.flush()
}
