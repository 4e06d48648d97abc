//! Who waits and who talks to whom.
//!
//! Owns: one [`Seat`] per connection, and the queues that waiting people stand in. One person may stand in
//! several queues at once (one per interest, say); each place is a link in an intrusive list, so joining
//! and leaving cost O(places) and nothing is ever scanned.
//!
//! Invariants: a seat is out, waiting or paired, never two of these; pairs are symmetric; a link exists
//! exactly for each place of a waiting seat; queues are ordered by ticket number, oldest first; an empty
//! queue does not exist. A closed connection must be taken out in the same turn.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use slab::Slab;

use super::id::ConnId;
use crate::limits;

const NONE: u32 = u32::MAX;

/// What kind of conversation somebody wants. Kinds never mix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mode {
    /// Typed text.
    #[default]
    Text,
    /// Sound and picture, peer to peer, with text beside it.
    Video,
}

impl Mode {
    /// Every mode, in order.
    pub const ALL: [Self; 2] = [Self::Text, Self::Video];

    /// Its name on the wire.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Video => "video",
        }
    }
}

/// Names a queue; what the parts mean is the matcher's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueKey {
    /// The kind of conversation.
    pub mode: Mode,
    /// An interest, or a number that stands for none in particular.
    pub topic: u32,
    /// A language, or a number that stands for none in particular.
    pub language: u32,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seat {
    /// Neither waiting nor talking.
    #[default]
    Out,
    /// In the queues.
    Waiting {
        /// The first of its places.
        place: u32,
    },
    /// In a conversation with this connection.
    Paired(ConnId),
}

/// How many wait and talk in one mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// People who wait for a partner.
    pub searching: usize,
    /// Conversations.
    pub pairs: usize,
}

/// The table. See the module's description.
#[derive(Debug)]
pub struct Lobby {
    seats: Vec<Seat>,
    places: Slab<Place>,
    queues: HashMap<QueueKey, Queue, FixedState>,
    tickets: u64,
    population: [Population; 2],
}

#[derive(Debug)]
struct Place {
    conn: ConnId,
    key: QueueKey,
    ticket: u64,
    prev: u32,
    next: u32,
    /// The next place of the same person.
    sibling: u32,
}

#[derive(Debug)]
struct Queue {
    head: u32,
    tail: u32,
}

impl Lobby {
    /// An empty lobby; `seed` keeps people from choosing interests that collide.
    pub fn new(seed: u64) -> Self {
        Self {
            seats: Vec::new(),
            places: Slab::new(),
            queues: HashMap::with_hasher(FixedState::with_seed(seed)),
            tickets: 0,
            population: [Population::default(); 2],
        }
    }

    /// Makes room for `conn`, whose seat is out.
    pub fn reserve(&mut self, conn: ConnId) {
        if conn.index() >= self.seats.len() {
            self.seats.resize(conn.index() + 1, Seat::Out);
        }
        debug_assert_eq!(self.seats[conn.index()], Seat::Out);
    }

    /// Where `conn` stands.
    #[inline]
    pub fn seat(&self, conn: ConnId) -> Seat {
        self.seats[conn.index()]
    }

    /// Whom `conn` talks to.
    #[inline]
    pub fn peer(&self, conn: ConnId) -> Option<ConnId> {
        match self.seats[conn.index()] {
            Seat::Paired(peer) => Some(peer),
            _ => None,
        }
    }

    /// How many wait and talk in `mode`.
    pub fn population(&self, mode: Mode) -> Population {
        self.population[mode as usize]
    }

    /// Lets `conn`, who is out, wait in the queues `keys` (at least one).
    pub fn wait(&mut self, conn: ConnId, mode: Mode, keys: &[QueueKey]) {
        debug_assert_eq!(self.seat(conn), Seat::Out);
        self.tickets += 1;
        let ticket = self.tickets;
        let mut place = NONE;
        for key in keys {
            debug_assert_eq!(key.mode, mode);
            place = self.enqueue(conn, *key, ticket, place);
        }
        self.seats[conn.index()] = Seat::Waiting { place };
        self.population[mode as usize].searching += 1;
    }

    /// Lets `conn`, who waits, stand at the end of the queues `keys` as well.
    pub fn widen(&mut self, conn: ConnId, keys: &[QueueKey]) {
        let Seat::Waiting { mut place } = self.seats[conn.index()] else {
            debug_assert!(false, "only who waits can widen the search");
            return;
        };
        self.tickets += 1;
        let ticket = self.tickets;
        for key in keys {
            place = self.enqueue(conn, *key, ticket, place);
        }
        self.seats[conn.index()] = Seat::Waiting { place };
    }

    /// Takes `conn` out of its queues, if it is in any.
    pub fn leave(&mut self, conn: ConnId) {
        let Seat::Waiting { place } = self.seats[conn.index()] else {
            return;
        };
        let mut at = place;
        let mut mode = None;
        while at != NONE {
            let place = self.dequeue(at);
            mode = Some(place.key.mode);
            at = place.sibling;
        }
        self.seats[conn.index()] = Seat::Out;
        if let Some(mode) = mode {
            self.population[mode as usize].searching -= 1;
        }
    }

    /// Makes a pair of two people who are out or waiting.
    pub fn pair(&mut self, one: ConnId, other: ConnId, mode: Mode) {
        debug_assert_ne!(one, other);
        for (who, with) in [(one, other), (other, one)] {
            self.leave(who);
            debug_assert_eq!(self.seat(who), Seat::Out);
            self.seats[who.index()] = Seat::Paired(with);
        }
        self.population[mode as usize].pairs += 1;
    }

    /// Ends the conversation of `conn`, if it has one; the partner is out too, and is returned.
    pub fn part(&mut self, conn: ConnId, mode: Mode) -> Option<ConnId> {
        let peer = self.peer(conn)?;
        debug_assert_eq!(self.seat(peer), Seat::Paired(conn));
        self.seats[conn.index()] = Seat::Out;
        self.seats[peer.index()] = Seat::Out;
        self.population[mode as usize].pairs -= 1;
        Some(peer)
    }

    /// The one who has waited longest in any of the queues `keys` and whom `fits` accepts.
    ///
    /// Looks at no more than [`limits::PROBE_DEPTH`] people in each queue.
    pub fn oldest(
        &self,
        keys: &[QueueKey],
        mut fits: impl FnMut(ConnId) -> bool,
    ) -> Option<ConnId> {
        let mut best: Option<(u64, ConnId)> = None;
        for key in keys {
            let mut at = self.queues.get(key).map_or(NONE, |queue| queue.head);
            for _ in 0..limits::PROBE_DEPTH {
                let Some(place) = self.places.get(at as usize) else {
                    break;
                };
                if best.is_some_and(|(ticket, _)| ticket <= place.ticket) {
                    break;
                }
                if fits(place.conn) {
                    best = Some((place.ticket, place.conn));
                    break;
                }
                at = place.next;
            }
        }
        best.map(|(_, conn)| conn)
    }

    /// How many places there are over all queues.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// How many queues exist.
    pub fn queues(&self) -> usize {
        self.queues.len()
    }

    /// Checks every invariant, for tests; the error says which does not hold.
    pub fn audit(&self) -> Result<(), String> {
        let mut places = 0;
        let mut waiting = 0;
        let mut paired = 0;
        for (index, seat) in self.seats.iter().enumerate() {
            match seat {
                Seat::Out => {}
                Seat::Waiting { place } => {
                    waiting += 1;
                    let mut at = *place;
                    while let Some(place) = self.places.get(at as usize) {
                        if place.conn.index() != index {
                            return Err(format!("seat {index} holds a place of {:?}", place.conn));
                        }
                        places += 1;
                        at = place.sibling;
                    }
                }
                Seat::Paired(peer) => {
                    paired += 1;
                    let back = self.peer(*peer).map(ConnId::index);
                    if back != Some(index) || peer.index() == index {
                        return Err(format!("the pair of {index} and {peer:?} is not symmetric"));
                    }
                }
            }
        }
        let population: [usize; 2] = Mode::ALL.iter().fold([0; 2], |[searching, pairs], mode| {
            let population = self.population(*mode);
            [searching + population.searching, pairs + population.pairs]
        });
        if population != [waiting, paired / 2] {
            return Err(format!(
                "{population:?} counted, but {waiting} wait and {paired} talk"
            ));
        }
        if places != self.places.len() {
            return Err(format!("{places} places held of {}", self.places.len()));
        }
        self.audit_queues()
    }

    fn audit_queues(&self) -> Result<(), String> {
        let mut queued = 0;
        for (key, queue) in &self.queues {
            let (mut at, mut prev, mut ticket) = (queue.head, NONE, 0);
            while let Some(place) = self.places.get(at as usize) {
                if place.key != *key || place.prev != prev || place.ticket <= ticket {
                    return Err(format!("the queue {key:?} is out of order"));
                }
                (ticket, prev, at) = (place.ticket, at, place.next);
                queued += 1;
            }
            if prev == NONE || prev != queue.tail {
                return Err(format!("the queue {key:?} is empty or has another end"));
            }
        }
        if queued == self.places.len() {
            Ok(())
        } else {
            Err(format!("{queued} places queued of {}", self.places.len()))
        }
    }

    fn enqueue(&mut self, conn: ConnId, key: QueueKey, ticket: u64, sibling: u32) -> u32 {
        let entry = self.places.vacant_entry();
        let at = entry.key() as u32;
        let queue = self.queues.entry(key).or_insert(Queue {
            head: at,
            tail: NONE,
        });
        let prev = queue.tail;
        queue.tail = at;
        entry.insert(Place {
            conn,
            key,
            ticket,
            prev,
            next: NONE,
            sibling,
        });
        if prev != NONE {
            self.places[prev as usize].next = at;
        }
        at
    }

    fn dequeue(&mut self, at: u32) -> Place {
        let place = self.places.remove(at as usize);
        if place.prev != NONE {
            self.places[place.prev as usize].next = place.next;
        }
        if place.next != NONE {
            self.places[place.next as usize].prev = place.prev;
        }
        if place.prev == NONE && place.next == NONE {
            self.queues.remove(&place.key);
        } else if let Some(queue) = self.queues.get_mut(&place.key) {
            if place.prev == NONE {
                queue.head = place.next;
            }
            if place.next == NONE {
                queue.tail = place.prev;
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PEOPLE: u32 = 8;

    fn conn(index: u32) -> ConnId {
        ConnId::new(index, 1)
    }

    fn key(topic: u32) -> QueueKey {
        QueueKey {
            mode: Mode::Text,
            topic,
            language: 0,
        }
    }

    fn lobby() -> Lobby {
        let mut lobby = Lobby::new(1);
        for index in 0..PEOPLE {
            lobby.reserve(conn(index));
        }
        lobby
    }

    #[test]
    fn the_oldest_over_several_queues() {
        let mut lobby = lobby();
        lobby.wait(conn(0), Mode::Text, &[key(1), key(2)]);
        lobby.wait(conn(1), Mode::Text, &[key(2), key(3)]);
        assert_eq!(lobby.oldest(&[key(3), key(2)], |_| true), Some(conn(0)));
        assert_eq!(
            lobby.oldest(&[key(3), key(2)], |who| who != conn(0)),
            Some(conn(1))
        );
        assert_eq!(lobby.oldest(&[key(9)], |_| true), None);
    }

    #[test]
    fn leaving_leaves_nothing_behind() {
        let mut lobby = lobby();
        lobby.wait(conn(0), Mode::Text, &[key(1), key(2)]);
        lobby.leave(conn(0));
        assert_eq!((lobby.places(), lobby.queues()), (0, 0));
        assert_eq!(lobby.population(Mode::Text), Population::default());
    }

    /// The obvious model: everybody's state in a list, everything scanned.
    #[derive(Clone, Debug, PartialEq)]
    enum Model {
        Out,
        Waiting(u64, Vec<u32>),
        Paired(u32),
    }

    proptest! {
        #[test]
        fn agrees_with_the_obvious_model(steps in prop::collection::vec((0u8..5, 0..PEOPLE, prop::collection::btree_set(0u32..4, 1..4)), 1..200)) {
            let mut lobby = lobby();
            let mut model = vec![Model::Out; PEOPLE as usize];
            let mut clock = 0;
            for (verb, who, topics) in steps {
                let topics: Vec<u32> = topics.into_iter().collect();
                let keys: Vec<QueueKey> = topics.iter().map(|topic| key(*topic)).collect();
                let me = who as usize;
                match verb {
                    0 | 1 if model[me] == Model::Out => {
                        clock += 1;
                        lobby.wait(conn(who), Mode::Text, &keys);
                        model[me] = Model::Waiting(clock, topics);
                    }
                    2 => {
                        lobby.leave(conn(who));
                        if matches!(model[me], Model::Waiting(..)) {
                            model[me] = Model::Out;
                        }
                    }
                    3 => {
                        let found = lobby.oldest(&keys, |other| other != conn(who));
                        let expected = model.iter().enumerate().filter_map(|(index, state)| match state {
                            Model::Waiting(ticket, held) if index != me && held.iter().any(|topic| topics.contains(topic)) => Some((*ticket, index as u32)),
                            _ => None,
                        }).min().map(|(_, index)| conn(index));
                        prop_assert_eq!(found, expected);
                        if let (Some(other), false) = (found, matches!(model[me], Model::Paired(_))) {
                            lobby.pair(conn(who), other, Mode::Text);
                            model[me] = Model::Paired(other.index() as u32);
                            model[other.index()] = Model::Paired(who);
                        }
                    }
                    _ => {
                        let parted = lobby.part(conn(who), Mode::Text);
                        let expected = match model[me] { Model::Paired(other) => Some(other), _ => None };
                        prop_assert_eq!(parted.map(|other| other.index() as u32), expected);
                        if let Some(other) = expected {
                            model[me] = Model::Out;
                            model[other as usize] = Model::Out;
                        }
                    }
                }
                let waiting = model.iter().filter(|state| matches!(state, Model::Waiting(..))).count();
                let paired = model.iter().filter(|state| matches!(state, Model::Paired(_))).count();
                prop_assert_eq!(lobby.population(Mode::Text), Population { searching: waiting, pairs: paired / 2 });
                let places: usize = model.iter().map(|state| match state { Model::Waiting(_, held) => held.len(), _ => 0 }).sum();
                prop_assert_eq!(lobby.places(), places);
            }
        }
    }
}
