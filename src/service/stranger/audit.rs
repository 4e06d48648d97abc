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
            let Some(conn) = client.conn(index) else {
                let vacated = self.lobby.seat(ConnId::new(index as u32, 0));
                if vacated != Seat::Out {
                    return Err(format!("the vacant seat {index} is {vacated:?}"));
                }
                continue;
            };
            if !open.contains(&conn) {
                return Err(format!("{conn:?} is in the table, but not open"));
            }
            names += client.interests().len() + usize::from(client.language().is_some());
            match self.lobby.seat(conn) {
                Seat::Paired(peer) => {
                    let partner = &self.clients[peer.index()];
                    if !partner.is(peer) {
                        return Err(format!("{conn:?} is paired with {peer:?}, who is gone"));
                    }
                    if (partner.pair, partner.mode) != (client.pair, client.mode) {
                        return Err(format!("{conn:?} and {peer:?} are not in the same pair"));
                    }
                    if partner.person() == client.person() {
                        return Err(format!("{conn:?} is paired with themself"));
                    }
                }
                _ if client.held => {
                    return Err(format!("{conn:?} is held back, but not paired"));
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
