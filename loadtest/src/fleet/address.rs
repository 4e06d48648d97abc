//! Where the connections come from: loopback sources in turn, so that more fit than one address has ports.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

/// Sources that may be used at most: 127.0.0.2 to 127.0.0.251.
pub(crate) const SOURCES_MAX: u32 = 250;

/// The loopback addresses connections are spread over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources(pub(crate) u32);

impl Sources {
    /// The address of the `nth` connection.
    pub(crate) fn nth(self, nth: u32) -> Ipv4Addr {
        Ipv4Addr::new(127, 0, 0, 2 + (nth % self.0.clamp(1, SOURCES_MAX)) as u8)
    }
}

/// Starts a connection from `source`; it is usually established on return, loopback being quick.
pub(crate) fn connect(source: Ipv4Addr, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    if target.is_ipv4() {
        socket.bind(&SocketAddr::new(IpAddr::V4(source), 0).into())?;
    }
    match socket.connect(&target.into()) {
        Err(error)
            if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Err(error)
        }
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_take_turns_and_stay_on_loopback() {
        let spread: Vec<_> = (0..5).map(|nth| Sources(4).nth(nth)).collect();
        assert_eq!(spread[0], Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(spread[3], Ipv4Addr::new(127, 0, 0, 5));
        assert_eq!(spread[4], spread[0]);
        assert!((0..100_000).all(|nth| Sources(u32::MAX).nth(nth).is_loopback()));
    }

    #[test]
    fn no_source_runs_out_of_ports() {
        let mut used = std::collections::HashMap::<Ipv4Addr, u32>::new();
        for nth in 0..19_900 {
            *used.entry(Sources(16).nth(nth)).or_default() += 1;
        }
        assert!(used.values().all(|count| *count < 2_000));
    }
}
