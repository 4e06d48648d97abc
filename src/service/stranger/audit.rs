//! Checks the service's invariants, for simulations: slow, thorough, and never called by the server itself.

use super::Stranger;
use crate::kernel::id::ConnId;
use crate::kernel::lobby::Seat;

impl Stranger {
    /// Checks every invariant of this service against the connections that are open on it; the error says
    /// which does not hold.
    pub fn audit(&self, open: &[ConnId]) -> Result<(), String> {
        self.lobby.audit()?;
        self.audit_ice_keys()?;
        if open.len() != self.online {
            return Err(format!("{} online, but {} open", self.online, open.len()));
        }
        let mut names = 0;
        for (index, client) in self.clients.iter().enumerate() {
            let is_present = client.conn.generation() != 0;
            if is_present != open.contains(&client.conn) {
                return Err(format!(
                    "{:?} is in the table, but not open, or the reverse",
                    client.conn
                ));
            }
            if !is_present {
                let vacated = self.lobby.seat(ConnId::new(index as u32, 0));
                if vacated != Seat::Out {
                    return Err(format!("the vacant seat {index} is {vacated:?}"));
                }
                continue;
            }
            names += client.interests().len() + usize::from(client.language().is_some());
            match self.lobby.seat(client.conn) {
                Seat::Paired(peer) => {
                    let partner = &self.clients[peer.index()];
                    if partner.conn != peer {
                        return Err(format!(
                            "{:?} is paired with {peer:?}, who is gone",
                            client.conn
                        ));
                    }
                    if (partner.pair, partner.mode) != (client.pair, client.mode) {
                        return Err(format!(
                            "{:?} and {peer:?} are not in the same pair",
                            client.conn
                        ));
                    }
                    if partner.person() == client.person() {
                        return Err(format!("{:?} is paired with themself", client.conn));
                    }
                }
                _ if client.held => {
                    return Err(format!("{:?} is held back, but not paired", client.conn));
                }
                _ => {}
            }
        }
        if names == 0 && !self.names.is_empty() {
            return Err(format!("{} names are held by nobody", self.names.len()));
        }
        Ok(())
    }
}
