//! Staying in touch: two strangers with accounts who both ask for it get a private room that outlasts the conversation.
//!
//! Somebody who asks alone stays alone with that: the partner is told nothing.

use uuid::Uuid;

use super::Stranger;
use super::outgoing;
use crate::conn::Turn;
use crate::kernel::id::ConnId;
use crate::wire::fault::Fault;

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
pub struct Agreement {
    /// Their connections.
    pub conns: [ConnId; 2],
    /// Their accounts.
    pub accounts: [Uuid; 2],
    /// The conversation in which they agreed.
    pub pair: Uuid,
}

impl Stranger {
    /// `keepInTouch`: would like to meet the partner again.
    pub(super) fn keep_in_touch<'t>(
        &mut self,
        conn: ConnId,
        turn: &Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let peer = self
            .lobby
            .peer(conn)
            .ok_or_else(|| Fault::new("bad_state", "There is nobody to stay in touch with."))?;
        for conn in [conn, peer] {
            self.forget_expired(conn, turn);
        }
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
        let [mine, theirs] = conns.map(|conn| self.clients[conn.index()].since);
        if theirs.is_before(mine) {
            conns.reverse();
        }
        self.agree(conns);
        Ok(())
    }

    /// Makes a connection anonymous whose token has expired: nothing that comes of an account comes of it any more, and the
    /// conversation goes on.
    pub(super) fn forget_expired(&mut self, conn: ConnId, turn: &Turn<'_>) {
        let member = self.clients[conn.index()].member.as_ref();
        if member.is_some_and(|member| member.account.until_ms <= turn.now.unix_ms) {
            self.forget_search(conn);
            self.clients[conn.index()].member = None;
        }
    }

    /// Notes that two people want to stay in touch, if both do and nobody knows yet.
    fn agree(&mut self, conns: [ConnId; 2]) {
        let mut accounts = [Uuid::nil(); 2];
        for (account, conn) in accounts.iter_mut().zip(conns) {
            match &self.clients[conn.index()].member {
                Some(member) if member.keeping == Keeping::Asked => {
                    *account = member.account.id;
                }
                _ => return,
            }
        }
        let pair = self.clients[conns[0].index()].pair;
        self.agreements.push(Agreement {
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
    pub fn next_agreement(&mut self) -> Option<Agreement> {
        self.agreements.pop()
    }

    /// The room for two who wanted to stay in touch is there, or could not be made now. Either is told, if still here.
    pub fn kept(&mut self, agreement: &Agreement, room: Option<Uuid>, turn: &mut Turn<'_>) {
        for (conn, account) in agreement.conns.into_iter().zip(agreement.accounts) {
            let Some(client) = self.clients.get_mut(conn.index()) else {
                continue;
            };
            if !client.is(conn) || client.account() != Some(account) {
                continue;
            }
            let lane = turn.out.lane(conn);
            if let Some(room) = room {
                outgoing::room_created(lane, room);
                continue;
            }
            if client.pair == agreement.pair
                && let Some(member) = &mut client.member
            {
                member.keeping = Keeping::No;
            }
            let fault = Fault::store(
                "unavailable",
                "A room for the two of you cannot be made now; please try again in a moment.",
                None,
            );
            turn.stats.refused(fault.cause);
            outgoing::error(client.format, lane, &fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::outbox::Outbox;
    use crate::kernel::stats::Stats;
    use crate::kernel::time::Now;
    use crate::service::stranger::{Account, Opening, Settings};

    struct World {
        stranger: Stranger,
        out: Outbox,
        stats: Stats,
        now: Now,
    }

    const FIND: &str = r#"{"type":"findMatch"}"#;
    const KEEP: &str = r#"{"type":"keepInTouch"}"#;

    fn id(number: u32) -> ConnId {
        ConnId::new(number, 1)
    }

    fn account(number: u128) -> Option<Account> {
        account_until(number, u64::MAX)
    }

    fn account_until(number: u128, until_ms: u64) -> Option<Account> {
        let id = Uuid::from_u128(number);
        Some(Account { id, until_ms })
    }

    impl World {
        /// People with these accounts, who have not said anything.
        fn new(accounts: &[Option<Account>]) -> Self {
            let mut world = Self {
                stranger: Stranger::new(Settings::default(), [7; 32]),
                out: Outbox::default(),
                stats: Stats::default(),
                now: Now::default(),
            };
            for (number, account) in (0..).zip(accounts) {
                world.out.open(id(number));
                let opening = Opening::default();
                world.stranger.admit(id(number), opening, *account);
            }
            world
        }

        fn turn<R>(&mut self, act: impl FnOnce(&mut Stranger, &mut Turn<'_>) -> R) -> R {
            self.now.micros += 1_000;
            let mut turn = Turn {
                now: self.now,
                out: &mut self.out,
                stats: &mut self.stats,
            };
            act(&mut self.stranger, &mut turn)
        }

        fn say(&mut self, number: u32, text: &str) {
            self.turn(|stranger, turn| stranger.said(id(number), text, turn));
        }

        /// What somebody was told since the last time.
        fn heard(&mut self, number: u32) -> String {
            let bytes = self.out.pending(id(number)).to_vec();
            self.out.wrote(id(number), bytes.len());
            String::from_utf8_lossy(&bytes).into_owned()
        }

        fn pair(accounts: [Option<Account>; 2]) -> Self {
            let mut world = Self::new(&accounts);
            world.say(0, FIND);
            world.say(1, FIND);
            for number in 0..2 {
                assert!(world.heard(number).contains("strangerJoined"));
            }
            world
        }
    }

    #[test]
    fn only_when_both_ask_there_is_a_pact() {
        let mut world = World::pair([account(1), account(2)]);
        world.say(0, KEEP);
        world.say(0, KEEP);
        assert_eq!(world.stranger.next_agreement(), None);
        assert!(world.heard(0).is_empty() && world.heard(1).is_empty());
        world.say(1, KEEP);
        let agreement = world.stranger.next_agreement().expect("a agreement");
        assert_eq!(agreement.accounts.map(|id| id.as_u128()), [1, 2]);
        world.say(0, KEEP);
        assert_eq!(world.stranger.next_agreement(), None, "one room is enough");
        let room = Uuid::from_u128(9);
        world.turn(|stranger, turn| stranger.kept(&agreement, Some(room), turn));
        let told = format!(r#"{{"type":"roomCreated","roomId":"{room}"}}"#);
        for number in 0..2 {
            assert!(world.heard(number).contains(&told));
        }
    }

    #[test]
    fn a_room_that_could_not_be_made_can_be_asked_for_again() {
        let mut world = World::pair([account(1), account(2)]);
        world.say(0, KEEP);
        world.say(1, KEEP);
        let agreement = world.stranger.next_agreement().expect("a agreement");
        world.turn(|stranger, turn| stranger.kept(&agreement, None, turn));
        assert!(world.heard(0).contains(r#""code":"unavailable""#));
        world.say(0, KEEP);
        world.say(1, KEEP);
        assert!(world.stranger.next_agreement().is_some());
    }

    #[test]
    fn without_an_account_nobody_is_told_anything_about_the_other() {
        let mut world = World::pair([account(1), None]);
        world.say(0, KEEP);
        assert!(world.heard(0).is_empty());
        world.say(1, KEEP);
        assert!(world.heard(1).contains("account_required"));
        assert!(world.heard(0).is_empty());
        assert_eq!(world.stranger.next_agreement(), None);
    }

    #[test]
    fn whose_token_has_expired_is_without_an_account_and_talks_on() {
        let mut world = World::pair([account(1), account_until(2, 1_000)]);
        world.now.unix_ms = 999;
        world.say(1, KEEP);
        world.now.unix_ms = 1_000;
        world.say(0, KEEP);
        assert_eq!(
            world.stranger.next_agreement(),
            None,
            "asked for in time, and too late"
        );
        assert!(world.heard(0).is_empty() && world.heard(1).is_empty());
        world.say(1, KEEP);
        assert!(world.heard(1).contains("account_required"));
        world.say(1, r#"{"type":"sendMessage","text":"still here"}"#);
        assert!(world.heard(0).contains("still here"));
        // Whoever searches on is nobody's other search.
        world.say(1, r#"{"type":"nextStranger"}"#);
        let searches = &world.stranger.searches;
        assert!(!searches.contains_key(&Uuid::from_u128(2)));
    }

    #[test]
    fn a_wish_does_not_outlast_the_conversation() {
        let mut world = World::pair([account(1), account(2)]);
        world.say(0, KEEP);
        world.say(0, r#"{"type":"stopChat"}"#);
        world.say(0, KEEP);
        assert!(world.heard(0).contains("bad_state"));
        world.say(1, KEEP);
        assert_eq!(world.stranger.next_agreement(), None);
    }

    #[test]
    fn nobody_meets_themself_and_the_latest_search_counts() {
        let mut world = World::new(&[account(1), account(1), None]);
        world.say(0, FIND);
        assert!(world.heard(0).contains("searching"));
        world.say(1, FIND);
        assert!(world.heard(1).contains("searching"));
        assert!(world.heard(0).contains(r#""code":"replaced""#));
        world.say(2, FIND);
        assert!(world.heard(1).contains("strangerJoined"));
        assert!(world.heard(0).is_empty());
        world.turn(|stranger, turn| {
            for number in 0..3 {
                stranger.closed(id(number), crate::kernel::stats::CloseCause::Client, turn);
            }
        });
        assert!(world.stranger.searches.is_empty());
    }
}
