//! Who meets whom.
//!
//! Two people fit if they want the same mode, their languages do not differ (one may have none), and they
//! share an interest or neither insists on any. Who named interests insists until `widen_after_ms` have
//! passed, and on the language likewise; with `anyone: false`, for good. Whoever shares an interest comes
//! first, and otherwise who has been open to anyone for longest. People who met lately are left out, until both have waited
//! `rematch_after_ms` and nobody else fits.
//!
//! Each rule is a choice of queues to stand in and queues to look into, so a match costs O(interests).

use super::Stranger;
use super::client::{self, Client};
use super::command;
use super::keep::Keeping;
use super::outgoing::{self, Left, Meeting};
use crate::conn::Turn;
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::kernel::lobby::{Mode, QueueKey, Seat};
use crate::kernel::time::Moment;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::fold::fold;

/// Stands for no interest in particular.
const OPEN: u32 = u32::MAX;
/// Stands for no language in particular: whom people without a language can be found by.
const NO_LANGUAGE: u32 = u32::MAX;
/// Whom anybody without a language can find, whatever their own is.
const ANY_LANGUAGE: u32 = u32::MAX - 1;
/// Where people of different languages find each other once both have widened their search.
const WIDE_LANGUAGE: u32 = u32::MAX - 2;

impl Stranger {
    /// `findMatch`: begins to search, or searches for somebody else than before.
    pub(super) fn find<'t>(
        &mut self,
        conn: ConnId,
        preferences: &command::Preferences<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        if self.lobby.peer(conn).is_some() {
            return Err(Fault::new(
                "bad_state",
                "You are in a conversation; press next or stop first.",
            ));
        }
        let mode = preferences.mode.unwrap_or_default();
        self.forget_expired(conn, turn);
        self.check_account(conn, mode)?;
        self.spend_skip(conn, turn)?;
        self.clients[conn.index()].mode = mode;
        self.forget_preferences(conn);
        self.set_preferences(conn, preferences);
        self.lobby.leave(conn);
        self.seek(conn, turn);
        Ok(())
    }

    /// `nextStranger`: ends the conversation, if there is one, and searches again.
    pub(super) fn next<'t>(
        &mut self,
        conn: ConnId,
        preferences: &command::Preferences<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let mode = preferences.mode.unwrap_or(self.clients[conn.index()].mode);
        self.forget_expired(conn, turn);
        self.check_account(conn, mode)?;
        self.spend_skip(conn, turn)?;
        self.part(conn, Left::Next, turn);
        self.clients[conn.index()].mode = mode;
        self.set_preferences(conn, preferences);
        self.lobby.leave(conn);
        self.seek(conn, turn);
        Ok(())
    }

    /// `stopChat`: ends the conversation or the search.
    pub(super) fn stop(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        self.part(conn, Left::Stop, turn);
        self.lobby.leave(conn);
        self.wheel.disarm(conn.index());
    }

    /// Matches `conn`, who is out, or lets it wait.
    pub(super) fn seek(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        self.clients[conn.index()].begin(turn.now.micros);
        if !self.meet(conn, turn) {
            let format = self.clients[conn.index()].format;
            outgoing::searching(format, turn.out.lane(conn));
            self.queue(conn, turn);
        }
    }

    /// Searches by itself for somebody who did not ask: says so first, even if somebody is there at once.
    pub(super) fn seek_by_itself(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let client = &mut self.clients[conn.index()];
        client.begin(turn.now.micros);
        outgoing::searching(client.format, turn.out.lane(conn));
        if !self.meet(conn, turn) {
            self.queue(conn, turn);
        }
    }

    fn queue(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        self.replace_search(conn, turn);
        let mut keys = std::mem::take(&mut self.keys);
        let client = &self.clients[conn.index()];
        standing_keys(client, false, &mut keys);
        self.lobby.wait(conn, client.mode, &keys);
        self.keys = keys;
        self.widen(conn, turn);
    }

    /// Ends the search of the same account on another connection: a person waits once.
    fn replace_search(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let Some(account) = self.clients[conn.index()].account() else {
            return;
        };
        let Some(other) = self.searches.insert(account, conn) else {
            return;
        };
        let client = &self.clients[other.index()];
        let is_theirs = other != conn && client.is(other) && client.account() == Some(account);
        if is_theirs && matches!(self.lobby.seat(other), Seat::Waiting { .. }) {
            let fault = Fault::new(
                "replaced",
                "You search somewhere else now, so this search has ended.",
            );
            outgoing::error(client.format, turn.out.lane(other), &fault);
            self.lobby.leave(other);
            self.wheel.disarm(other.index());
        }
    }

    /// Forgets that `conn` searched.
    pub(super) fn forget_search(&mut self, conn: ConnId) {
        if let Some(account) = self.clients[conn.index()].account()
            && self.searches.get(&account) == Some(&conn)
        {
            self.searches.remove(&account);
        }
    }

    /// A timer of `conn` has come: searches again, by now perhaps for more people.
    pub(super) fn look_again(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        match self.lobby.seat(conn) {
            Seat::Out if self.clients[conn.index()].auto => self.seek_by_itself(conn, turn),
            Seat::Waiting { .. } if !self.meet(conn, turn) => self.widen(conn, turn),
            _ => {}
        }
    }

    /// Ends the conversation of `conn`, if there is one, and tells the partner.
    pub(super) fn part(&mut self, conn: ConnId, left: Left, turn: &mut Turn<'_>) {
        let mode = self.clients[conn.index()].mode;
        let Some(peer) = self.lobby.part(conn, mode) else {
            return;
        };
        // Who has gone needs no memory, and whoever goes without an account is never met again.
        let is_gone = matches!(left, Left::Disconnected | Left::Timeout);
        if !is_gone {
            self.remember(conn, peer, turn.now.micros);
        }
        if !is_gone || self.clients[conn.index()].has_account() {
            self.remember(peer, conn, turn.now.micros);
        }
        for who in [conn, peer] {
            self.let_go(who, turn);
            self.forget_ice_key(who);
            turn.out.effects.push(Effect::Pace(who, false));
        }
        let partner = &self.clients[peer.index()];
        outgoing::left(partner.format, turn.out.lane(peer), partner.pair, left);
        if partner.auto {
            let due = turn.now.after_ms(limits::AUTO_REQUEUE_MS);
            self.wheel.arm(peer.index(), due);
        }
    }

    /// Has `who` remember `whom`, from whom they part.
    fn remember(&mut self, who: ConnId, whom: ConnId, now_us: u64) {
        let tag = self.tags.of(self.clients[whom.index()].person());
        let recent = &mut self.clients[who.index()].recent;
        recent.get_or_insert_default().remember(tag, now_us);
    }

    /// Pairs `conn` with whoever fits, if anybody does.
    fn meet(&mut self, conn: ConnId, turn: &mut Turn<'_>) -> bool {
        let mut keys = std::mem::take(&mut self.keys);
        let found = self.candidate(conn, turn.now.micros, &mut keys);
        self.keys = keys;
        match found {
            Some(peer) => {
                self.join(conn, peer, turn);
                true
            }
            None => false,
        }
    }

    fn candidate(&self, conn: ConnId, now_us: u64, keys: &mut Vec<QueueKey>) -> Option<ConnId> {
        let me = &self.clients[conn.index()];
        let widened = me.widens() && me.waited(self.settings.widen_after_ms, now_us);
        let fits = |other: ConnId, again: bool| {
            let other = &self.clients[other.index()];
            let tag = |client: &Client| self.tags.of(client.person());
            let met = || me.knows(tag(other), now_us) || other.knows(tag(me), now_us);
            other.person() != me.person()
                && if again {
                    other.waited(self.settings.rematch_after_ms, now_us)
                } else {
                    !met()
                }
        };
        let again = me.waited(self.settings.rematch_after_ms, now_us);
        [false, true]
            .into_iter()
            .filter(|round| again || !round)
            .find_map(|round| {
                shared_keys(me, widened, keys);
                let shared = self.lobby.oldest(keys, |other| fits(other, round));
                shared.or_else(|| {
                    open_keys(me, widened, keys);
                    self.lobby.oldest(keys, |other| fits(other, round))
                })
            })
    }

    /// Makes a pair of `conn`, who has just come, and `peer`, who has waited.
    fn join(&mut self, conn: ConnId, peer: ConnId, turn: &mut Turn<'_>) {
        let mode = self.clients[conn.index()].mode;
        let pair = self.fresh_uuid();
        self.lobby.pair(conn, peer, mode);
        turn.stats.pairs_made += 1;
        for (who, whom) in [(peer, conn), (conn, peer)] {
            let client = &mut self.clients[who.index()];
            client.pair = pair;
            client.mode = mode;
            // The first notice of a conversation is not one too many.
            client.typed = Moment::at(turn.now.micros).before(limits::TYPING_MS as u32);
            if let Some(member) = &mut client.member {
                member.keeping = Keeping::No;
            }
            let waited_ms = client.since.passed_ms(turn.now.micros);
            turn.stats.match_wait_ms.record(waited_ms);
            self.wheel.disarm(who.index());
            turn.out.effects.push(Effect::Pace(who, true));
            let ice_key = (mode == Mode::Video).then(|| self.first_ice_key(who));
            let client = &self.clients[who.index()];
            let theirs = self.clients[whom.index()].interests();
            let common: Vec<&str> = client
                .interests()
                .iter()
                .filter(|(id, _)| theirs.iter().any(|(other, _)| other == id))
                .map(|(_, spelling)| &**spelling)
                .collect();
            let meeting = Meeting {
                pair,
                mode,
                interests: &common,
                initiator: who == peer,
                ice: ice_key
                    .as_deref()
                    .map(|key| (key, self.settings.video.relay_only)),
            };
            outgoing::joined(client.format, turn.out.lane(who), meeting);
        }
    }

    /// Lets somebody who waits stand in more queues, if it is time, and sets the timer for what comes next.
    fn widen(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let client = &mut self.clients[conn.index()];
        let rematch = client.due_us(self.settings.rematch_after_ms, turn.now);
        let mut widen = None;
        if client.widens() && !client.has_widened() {
            widen = client.due_us(self.settings.widen_after_ms, turn.now);
            if widen.is_none() {
                self.queue_for_everyone(conn);
            }
        }
        match [widen, rematch].into_iter().flatten().min() {
            Some(due) => self.wheel.arm(conn.index(), due),
            None => self.wheel.disarm(conn.index()),
        }
    }

    /// Has somebody who waits stand where they are found by everyone.
    fn queue_for_everyone(&mut self, conn: ConnId) {
        let client = &mut self.clients[conn.index()];
        if let Some(preferences) = &mut client.preferences {
            preferences.widened = true;
        }
        let mut keys = std::mem::take(&mut self.keys);
        standing_keys(client, true, &mut keys);
        self.lobby.widen(conn, &keys);
        self.keys = keys;
    }

    /// Refuses video to somebody without an account, if it is only for those who have one.
    fn check_account<'t>(&self, conn: ConnId, mode: Mode) -> Result<(), Fault<'t>> {
        let is_closed = mode == Mode::Video && self.settings.video.require_account;
        if is_closed && !self.clients[conn.index()].has_account() {
            let message = "Video is for people with an account; please sign in.";
            return Err(Fault::new("account_required", message));
        }
        Ok(())
    }

    fn spend_skip<'t>(&mut self, conn: ConnId, turn: &Turn<'_>) -> Result<(), Fault<'t>> {
        self.clients[conn.index()]
            .skips
            .take(self.settings.skip_rate, turn.now.micros)
            .map_err(Fault::too_fast)
    }

    /// Replaces what the command names of the preferences; the rest stays.
    fn set_preferences(&mut self, conn: ConnId, preferences: &command::Preferences<'_>) {
        if preferences.interests.is_none()
            && preferences.language.is_none()
            && preferences.anyone.is_none()
        {
            return;
        }
        let old = self.clients[conn.index()].preferences.take();
        let mut new = old.map_or_else(
            || client::Preferences {
                interests: Vec::new(),
                language: None,
                anyone: true,
                widened: false,
            },
            |old| *old,
        );
        if let Some(interests) = &preferences.interests {
            for (id, _) in new.interests.drain(..) {
                self.names.release(id);
            }
            for spelling in interests {
                let folded = fold(spelling);
                if folded.is_empty() {
                    continue;
                }
                let id = self.names.hold(&folded);
                if new.interests.iter().any(|(held, _)| *held == id) {
                    self.names.release(id);
                } else {
                    new.interests.push((id, spelling.trim().into()));
                }
            }
        }
        if let Some(language) = &preferences.language {
            if let Some(id) = new.language.take() {
                self.names.release(id);
            }
            let folded = fold(language);
            new.language = (!folded.is_empty()).then(|| self.names.hold(&folded));
        }
        new.anyone = preferences.anyone.unwrap_or(new.anyone);
        self.clients[conn.index()].preferences = Some(Box::new(new));
    }

    /// Gives back what the preferences of `conn` hold.
    pub(super) fn forget_preferences(&mut self, conn: ConnId) {
        let Some(preferences) = self.clients[conn.index()].preferences.take() else {
            return;
        };
        for (id, _) in preferences.interests {
            self.names.release(id);
        }
        if let Some(id) = preferences.language {
            self.names.release(id);
        }
    }
}

/// The queues in which somebody can be found; with `more`, only those that widening adds.
fn standing_keys(client: &Client, more: bool, keys: &mut Vec<QueueKey>) {
    keys.clear();
    let interests = client.interests();
    let language = client.language();
    let own = language.unwrap_or(NO_LANGUAGE);
    let mut stand = |topic, language| {
        keys.push(QueueKey {
            mode: client.mode,
            topic,
            language,
        });
    };
    if more {
        if !interests.is_empty() {
            stand(OPEN, own);
            stand(OPEN, ANY_LANGUAGE);
        }
        if language.is_some() {
            stand(OPEN, WIDE_LANGUAGE);
            interests
                .iter()
                .for_each(|(id, _)| stand(*id, WIDE_LANGUAGE));
        }
        return;
    }
    if interests.is_empty() {
        stand(OPEN, own);
        stand(OPEN, ANY_LANGUAGE);
    }
    for (id, _) in interests {
        stand(*id, own);
        stand(*id, ANY_LANGUAGE);
    }
}

/// The queues of people who share an interest.
fn shared_keys(client: &Client, widened: bool, keys: &mut Vec<QueueKey>) {
    keys.clear();
    for (id, _) in client.interests() {
        look(client, *id, widened, keys);
    }
}

/// The queues of people who take anyone; none for somebody who does not.
fn open_keys(client: &Client, widened: bool, keys: &mut Vec<QueueKey>) {
    keys.clear();
    if client.interests().is_empty() || widened {
        look(client, OPEN, widened, keys);
    }
}

fn look(client: &Client, topic: u32, widened: bool, keys: &mut Vec<QueueKey>) {
    let mut look = |language| {
        keys.push(QueueKey {
            mode: client.mode,
            topic,
            language,
        });
    };
    match client.language() {
        None => look(ANY_LANGUAGE),
        Some(own) => {
            look(own);
            look(NO_LANGUAGE);
            if widened {
                look(WIDE_LANGUAGE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn spellings_of_the_same_word_are_equal() {
        assert_eq!(fold(" Music "), fold("MUSIC"));
        assert_eq!(fold("Stra\u{df}e"), fold("STRASSE"));
        assert_eq!(fold("\u{fb01}lm"), fold("Film"));
        assert_eq!(fold("caf\u{e9}"), fold("CAFE\u{301}"));
        assert_ne!(fold("art"), fold("arts"));
    }
}
