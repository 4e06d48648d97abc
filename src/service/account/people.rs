//! The people who have sockets here, or had one a moment ago.
//!
//! Invariant: whoever has a socket is known; whoever has none is forgotten after [`limits::BUDGET_MS`].

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use uuid::Uuid;

use crate::kernel::bucket::Bucket;
use crate::kernel::id::ConnId;
use crate::kernel::time::Now;
use crate::limits;

/// Somebody.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Sockets that hear notifications.
    pub(super) notices: Vec<ConnId>,
    /// Sockets in rooms.
    pub(super) in_rooms: usize,
    /// What they may say.
    pub(super) messages: Bucket,
    /// What they may ask for.
    pub(super) requests: Bucket,
    /// When they may be forgotten, if there is no socket by then.
    due_us: u64,
    /// Whether they are in the queue of those who may be forgotten.
    is_queued: bool,
}

impl Person {
    const fn is_here(&self) -> bool {
        !self.notices.is_empty() || self.in_rooms > 0
    }
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct People {
    known: HashMap<Uuid, Person, FixedState>,
    leaving: VecDeque<(u64, Uuid)>,
    reachable: usize,
}

impl People {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            known: HashMap::with_hasher(FixedState::with_seed(seed)),
            leaving: VecDeque::new(),
            reachable: 0,
        }
    }

    /// How many have a socket for notifications.
    pub(super) const fn reachable(&self) -> usize {
        self.reachable
    }

    /// How many are known, here or not.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn get(&self, user: Uuid) -> Option<&Person> {
        self.known.get(&user)
    }

    /// Whether `user` has a socket for notifications.
    pub(super) fn is_reachable(&self, user: Uuid) -> bool {
        !self.notices(user).is_empty()
    }

    /// The sockets on which `user` hears notifications.
    pub(super) fn notices(&self, user: Uuid) -> &[ConnId] {
        self.known.get(&user).map_or(&[], |person| &person.notices)
    }

    /// `user` and what they may do.
    pub(super) fn spender(&mut self, user: Uuid, now: Now) -> &mut Person {
        self.leave_later(user, now);
        self.known.entry(user).or_default()
    }

    pub(super) fn attach_notices(&mut self, user: Uuid, conn: ConnId) {
        let person = self.known.entry(user).or_default();
        self.reachable += usize::from(person.notices.is_empty());
        person.notices.push(conn);
    }

    pub(super) fn detach_notices(&mut self, user: Uuid, conn: ConnId, now: Now) {
        if let Some(person) = self.known.get_mut(&user) {
            person.notices.retain(|notice| *notice != conn);
            self.reachable -= usize::from(person.notices.is_empty());
        }
        self.leave_later(user, now);
    }

    pub(super) fn enter_room(&mut self, user: Uuid) {
        self.known.entry(user).or_default().in_rooms += 1;
    }

    pub(super) fn leave_room(&mut self, user: Uuid, now: Now) {
        if let Some(person) = self.known.get_mut(&user) {
            person.in_rooms -= 1;
        }
        self.leave_later(user, now);
    }

    /// Forgets `user` after a while, if there is no socket then.
    fn leave_later(&mut self, user: Uuid, now: Now) {
        let person = self.known.entry(user).or_default();
        person.due_us = now.after_ms(limits::BUDGET_MS);
        if !person.is_here() && !person.is_queued {
            person.is_queued = true;
            self.leaving.push_back((person.due_us, user));
        }
    }

    /// Forgets who left long ago.
    pub(super) fn expire(&mut self, now_us: u64) {
        while let Some((due_us, user)) = self.leaving.front().copied() {
            if due_us > now_us {
                break;
            }
            self.leaving.pop_front();
            let Some(person) = self.known.get_mut(&user) else {
                continue;
            };
            if person.is_here() {
                person.is_queued = false;
            } else if person.due_us > now_us {
                // The queue stays in order: nobody is due later than those who come after.
                let at = self
                    .leaving
                    .partition_point(|(due_us, _)| *due_us <= person.due_us);
                self.leaving.insert(at, (person.due_us, user));
            } else {
                self.known.remove(&user);
            }
        }
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        self.leaving.front().map(|(due_us, _)| *due_us)
    }

    /// Everybody, for the audit.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Uuid, &Person)> {
        self.known.iter()
    }
}
