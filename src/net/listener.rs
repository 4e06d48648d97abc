//! Listening sockets, with the options that accepted ones inherit.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::limits;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// This port on every address, IPv4 and IPv6.
    Every(u16),
    /// This address and port, or a name that stands for one.
    Named(String),
}

impl FromStr for Bind {
    type Err = String;

    /// Reads `ADDR:PORT`, or `:PORT` for every address.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is not an address like 127.0.0.1:8080 or :8080");
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let port: u16 = port.parse().map_err(|_| bad())?;
        let is_bare_ipv6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        if is_bare_ipv6 {
            return Err(bad());
        }
        Ok(if host.is_empty() {
            Self::Every(port)
        } else {
            Self::Named(text.to_owned())
        })
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(port) => write!(f, ":{port}"),
            Self::Named(text) => f.write_str(text),
        }
    }
}

impl Bind {
    /// Opens a listener for each address that is meant, and says where people reach it. May block to resolve a
    /// name, and is called before the loop begins.
    pub(super) fn listen(&self) -> io::Result<Vec<(TcpListener, SocketAddr)>> {
        match self {
            Self::Every(port) => {
                let both = open(SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port)));
                let (listener, address) =
                    both.or_else(|_| open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port))))?;
                // Shown as the address that every browser understands.
                let shown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
                Ok(vec![(listener, shown)])
            }
            Self::Named(text) => {
                let mut opened: Vec<(TcpListener, SocketAddr)> = Vec::new();
                let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
                for mut address in text.to_socket_addrs()? {
                    if let (0, Some((_, first))) = (address.port(), opened.first()) {
                        // A free port was asked for: one for all the addresses of the name.
                        address.set_port(first.port());
                    }
                    match open(address) {
                        Ok(listening) => opened.push(listening),
                        Err(error) => last = error,
                    }
                }
                if opened.is_empty() {
                    return Err(last);
                }
                Ok(opened)
            }
        }
    }
}

fn open(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    // What follows is inherited by every accepted socket, which saves three system calls for each.
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(limits::SEND_BUFFER_BYTES)?;
    socket.set_tcp_user_timeout(Some(Duration::from_millis(limits::TCP_USER_TIMEOUT_MS)))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::LISTEN_BACKLOG)?;
    let listener = StdListener::from(socket);
    let address = listener.local_addr()?;
    Ok((TcpListener::from_std(listener), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(":8080".parse(), Ok(Bind::Every(8080)));
        assert_eq!("[::1]:80".parse(), Ok(Bind::Named("[::1]:80".into())));
        assert_eq!(
            "localhost:80".parse(),
            Ok(Bind::Named("localhost:80".into()))
        );
        for bad in ["8080", "a:b", "::1:80", ":70000", ""] {
            assert!(bad.parse::<Bind>().is_err(), "{bad}");
        }
    }

    #[test]
    fn accepted_sockets_inherit_the_options() {
        let bind: Bind = "127.0.0.1:0".parse().expect("an address");
        let (listener, address) = bind.listen().expect("listening").remove(0);
        let _client = std::net::TcpStream::connect(address).expect("connected");
        let accepted = loop {
            match listener.accept() {
                Ok((accepted, _)) => break accepted,
                Err(_) => std::thread::yield_now(),
            }
        };
        let socket = socket2::SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().expect("an option"));
        let timeout = socket.tcp_user_timeout().expect("an option");
        assert_eq!(
            timeout,
            Some(Duration::from_millis(limits::TCP_USER_TIMEOUT_MS))
        );
        let buffer = socket.send_buffer_size().expect("an option");
        assert_eq!(buffer, 2 * limits::SEND_BUFFER_BYTES);
    }

    #[test]
    fn every_address_is_both_families() {
        let (listener, shown) = Bind::Every(0).listen().expect("listening").remove(0);
        assert_eq!(shown.ip(), Ipv4Addr::UNSPECIFIED);
        let port = shown.port();
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("IPv4");
        if listener.local_addr().is_ok_and(|address| address.is_ipv6()) {
            std::net::TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("IPv6");
        }
    }
}
