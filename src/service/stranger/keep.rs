//! Staying in touch: two strangers with accounts who both ask for it get a private room that outlasts the conversation.
//!
//! Somebody who asks alone stays alone with that: the partner is told nothing.

use uuid::Uuid;

use super::Stranger;
use super::command::Fault;
use super::voice;
use crate::conn::Turn;
use crate::kernel::id::ConnId;

/// How far somebody has come with keeping in touch with the partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Keeping {
    /// Has not asked.
    #[default]
    No,
    /// Has asked, alone.
    Asked,
    /// Both have asked: the room is there, or being made.
    Agreed,
}

/// Two people who both asked to stay in touch. Whoever had waited for the other comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pact {
    /// Their connections.
    pub conns: [ConnId; 2],
    /// Their accounts.
    pub accounts: [Uuid; 2],
    /// The conversation in which they agreed.
    pub pair: Uuid,
}

impl Stranger {
    /// `keepInTouch`: would like to meet the partner again.
    pub(super) fn keep_in_touch<'t>(&mut self, conn: ConnId) -> Result<(), Fault<'t>> {
        let peer = self
            .lobby
            .peer(conn)
            .ok_or_else(|| Fault::new("bad_state", "There is nobody to stay in touch with."))?;
        let Some(member) = &mut self.clients[conn.index()].member else {
            return Err(Fault::new(
                "account_required",
                "Sign in before the conversation to stay in touch afterwards.",
            ));
        };
        if member.keeping == Keeping::No {
            member.keeping = Keeping::Asked;
        }
        let mut conns = [conn, peer];
        if self.clients[peer.index()].since_us < self.clients[conn.index()].since_us {
            conns.reverse();
        }
        self.agree(conns);
        Ok(())
    }

    /// Notes that two people want to stay in touch, if both do and nobody knows yet.
    fn agree(&mut self, conns: [ConnId; 2]) {
        let mut accounts = [Uuid::nil(); 2];
        for (account, conn) in accounts.iter_mut().zip(conns) {
            match &self.clients[conn.index()].member {
                Some(member) if member.keeping == Keeping::Asked => *account = member.account,
                _ => return,
            }
        }
        let pair = self.clients[conns[0].index()].pair;
        self.pacts.push(Pact {
            conns,
            accounts,
            pair,
        });
        for conn in conns {
            if let Some(member) = &mut self.clients[conn.index()].member {
                member.keeping = Keeping::Agreed;
            }
        }
    }

    /// The next two who want to stay in touch; [`Stranger::kept`] is to follow.
    pub fn next_pact(&mut self) -> Option<Pact> {
        self.pacts.pop()
    }

    /// The room for two who wanted to stay in touch is there, or could not be made now. Either is told, if still here.
    pub fn kept(&mut self, pact: &Pact, room: Option<Uuid>, turn: &mut Turn<'_>) {
        for (conn, account) in pact.conns.into_iter().zip(pact.accounts) {
            let Some(client) = self.clients.get_mut(conn.index()) else {
                continue;
            };
            if client.conn != conn || client.account() != Some(account) {
                continue;
            }
            let lane = turn.out.lane(conn);
            if let Some(room) = room {
                voice::room_created(lane, room);
                continue;
            }
            if client.pair == pact.pair
                && let Some(member) = &mut client.member
            {
                member.keeping = Keeping::No;
            }
            let fault = Fault::new(
                "unavailable",
                "A room for the two of you cannot be made now; please try again in a moment.",
            );
            voice::error(client.format, lane, &fault);
        }
    }
}
