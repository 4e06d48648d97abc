//! The way into the house: accepting connections, as long as there is room.

use std::io;
use std::net::IpAddr;

use mio::net::TcpStream;
use mio::{Interest, Token};

use super::reactor::Reactor;
use crate::conn::Application;
use crate::kernel::time::Now;
use crate::limits;

impl<A: Application> Reactor<A> {
    /// Whether another socket could be held.
    pub(super) fn may_accept(&self) -> bool {
        self.driver.len() < self.settings.sockets_max
    }

    pub(super) fn accept(&mut self, now: Now) {
        if now.micros < self.rest_until_us {
            return;
        }
        for index in 0..self.listeners.len() {
            let mut budget = limits::ACCEPTS_PER_TURN;
            while self.listeners[index].ready && budget > 0 && self.may_accept() {
                budget -= 1;
                match self.listeners[index].listener.accept() {
                    Ok((stream, peer)) => self.accepted(stream, peer.ip(), now),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.listeners[index].ready = false;
                    }
                    Err(error) if is_peer_fault(&error) => {}
                    Err(error) => {
                        // Out of descriptors or memory: the poller will not say again that somebody waits.
                        log::warn!("accepting rests: {error}");
                        self.driver.stats.accept_rests += 1;
                        self.rest_until_us = now.after_ms(limits::ACCEPT_REST_MS);
                        return;
                    }
                }
            }
        }
    }

    fn accepted(&mut self, mut stream: TcpStream, peer: IpAddr, now: Now) {
        let id = self.driver.vacancy();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(id.pack() as usize);
        if let Err(error) = self.poll.registry().register(&mut stream, token, interest) {
            log::warn!("a connection could not be watched: {error}");
            return;
        }
        self.driver.accepted(id, stream, peer, now);
    }
}

/// Whether accepting failed for a reason that concerns only the one who was waiting (accept(2)).
fn is_peer_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied
    ) || matches!(
        error.kind(),
        io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
    )
}
