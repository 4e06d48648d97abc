//! Everybody whom the rooms know: people who are connected, for a while those who were, and ids for which only letters
//! wait.
//!
//! Invariants: whoever has sockets is in `present`, in the order in which they came; whoever has none is in one of the two
//! sets of the absent, by whether they were ever here; `mailboxes` are the letters of all who were, `unseen_bytes` those to all
//! who were not, and together they are at most [`limits::LETTER_BYTES_MAX`].

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use slab::Slab;

use super::letters::{Letter, Letters};
use super::reading::Apart;
use super::typing::Typing;
use crate::kernel::bucket::Bucket;
use crate::kernel::id::ConnId;
use crate::kernel::ledger::Ledger;
use crate::limits;

/// The number of a person, valid while they are known.
pub(super) type PersonId = u32;

/// What proves that somebody is who they were.
pub(super) type Token = [u8; 16];

/// Somebody, whatever number of sockets they have.
#[derive(Debug)]
pub(super) struct Person {
    /// Their own id.
    pub(super) id: Box<str>,
    pub(super) name: Box<str>,
    /// Nothing, if they never came and only letters wait for them.
    pub(super) token: Option<Token>,
    pub(super) sockets: Vec<ConnId>,
    /// Which of the sockets do not know of a room what the others know.
    pub(super) apart: Vec<Apart>,
    pub(super) letters: Letters,
    pub(super) messages: Bucket,
    pub(super) moves: Bucket,
    pub(super) typing: Typing,
    /// Their place among those who are here.
    arrival: u64,
    /// When they are forgotten if they are absent, in monotonic microseconds.
    due_us: u64,
}

impl Person {
    pub(super) const fn is_here(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// Whether they have ever been here.
    const fn is_seen(&self) -> bool {
        self.token.is_some()
    }
}

/// The table. See the module's description.
#[derive(Debug)]
pub(super) struct People {
    known: Slab<Person>,
    ids: HashTable<PersonId>,
    hasher: FixedState,
    present: BTreeMap<u64, PersonId>,
    /// First those who were never here, then those who were.
    absent: [BTreeSet<(u64, PersonId)>; 2],
    /// What waits for those who were ever here.
    mailboxes: Ledger,
    /// What waits for those who were not, in bytes.
    unseen_bytes: usize,
    arrivals: u64,
}

impl People {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            known: Slab::new(),
            ids: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            present: BTreeMap::new(),
            absent: Default::default(),
            mailboxes: Ledger::default(),
            unseen_bytes: 0,
            arrivals: 0,
        }
    }

    /// How many people are connected.
    pub(super) fn present(&self) -> usize {
        self.present.len()
    }

    pub(super) fn find(&self, id: &str) -> Option<PersonId> {
        let hash = self.hasher.hash_one(id);
        let is_them = |person: &PersonId| &*self.known[*person as usize].id == id;
        self.ids.find(hash, is_them).copied()
    }

    pub(super) fn person(&self, id: PersonId) -> &Person {
        &self.known[id as usize]
    }

    pub(super) fn person_mut(&mut self, id: PersonId) -> &mut Person {
        &mut self.known[id as usize]
    }

    /// Everybody who is connected, in the order in which they came: all, or those who came after `after` did last.
    pub(super) fn connected(&self, after: Option<PersonId>) -> impl Iterator<Item = PersonId> {
        let from = after.map_or(0, |after| self.person(after).arrival + 1);
        self.present.range(from..).map(|(_, person)| *person)
    }

    /// The person called `id`, who is known from now on, and while they are absent, for a while.
    pub(super) fn know(&mut self, id: &str, now_us: u64) -> PersonId {
        self.find(id).unwrap_or_else(|| {
            let person = self.insert(id);
            self.miss(person, now_us);
            person
        })
    }

    fn insert(&mut self, id: &str) -> PersonId {
        let person = self.known.insert(Person {
            id: id.into(),
            name: "".into(),
            token: None,
            sockets: Vec::new(),
            apart: Vec::new(),
            letters: Letters::default(),
            messages: Bucket::default(),
            moves: Bucket::default(),
            typing: Typing::default(),
            arrival: 0,
            due_us: 0,
        }) as PersonId;
        let hash = self.hasher.hash_one(id);
        let (known, hasher) = (&self.known, &self.hasher);
        let rehash = |person: &PersonId| hasher.hash_one(&*known[*person as usize].id);
        self.ids.insert_unique(hash, person, rehash);
        person
    }

    /// The person called `id` is here, with a first socket. Unless they have proven who they are, `token` does so from
    /// now on.
    pub(super) fn arrive(
        &mut self,
        id: &str,
        name: &str,
        token: Option<Token>,
        conn: ConnId,
    ) -> PersonId {
        let person = self.find(id).unwrap_or_else(|| self.insert(id));
        let entry = &mut self.known[person as usize];
        debug_assert!(!entry.is_here());
        self.absent[usize::from(entry.is_seen())].remove(&(entry.due_us, person));
        if !entry.is_seen() {
            let bytes = entry.letters.bytes();
            self.unseen_bytes -= bytes;
            self.mailboxes.change(person, 0, bytes);
        }
        entry.sockets.push(conn);
        entry.name = name.into();
        entry.token = token.or(entry.token);
        self.arrivals += 1;
        entry.arrival = self.arrivals;
        self.present.insert(self.arrivals, person);
        person
    }

    /// Gives `person`, who is here, a further socket.
    pub(super) fn attach(&mut self, person: PersonId, conn: ConnId) {
        self.known[person as usize].sockets.push(conn);
    }

    /// Takes a socket away; whether it was the last.
    pub(super) fn detach(&mut self, person: PersonId, conn: ConnId, now_us: u64) -> bool {
        let entry = &mut self.known[person as usize];
        entry.sockets.retain(|socket| *socket != conn);
        entry.apart.retain(|apart| apart.conn != conn);
        if entry.is_here() {
            return false;
        }
        entry.sockets.shrink_to_fit();
        let arrival = entry.arrival;
        self.present.remove(&arrival);
        self.alter(person, Letters::release_given);
        self.miss(person, now_us);
        true
    }

    /// Keeps a letter for `person`, which some of their sockets may have been given already. Whose oldest letters made room.
    pub(super) fn keep(
        &mut self,
        person: PersonId,
        frame: Box<[u8]>,
        now_us: u64,
        is_given: bool,
    ) -> BTreeSet<PersonId> {
        let due_us = now_us + limits::LETTER_MS * 1_000;
        let is_cut = self.alter(person, |letters| {
            let is_cut = letters.push(Letter { frame, due_us });
            if is_given {
                letters.give_all();
            }
            is_cut
        });
        let entry = &mut self.known[person as usize];
        if !entry.is_here() {
            let absent = &mut self.absent[usize::from(entry.is_seen())];
            absent.remove(&(entry.due_us, person));
            entry.due_us = due_us;
            absent.insert((due_us, person));
        }
        let mut cut = self.shorten_mailboxes();
        if is_cut {
            cut.insert(person);
        }
        cut
    }

    /// Drops the oldest letters where most wait, until all together are few enough. Whose those were.
    fn shorten_mailboxes(&mut self) -> BTreeSet<PersonId> {
        let mut cut = BTreeSet::new();
        while self.letter_bytes() > limits::LETTER_BYTES_MAX
            && let Some(largest) = self.mailboxes.largest()
        {
            self.alter(largest, Letters::drop_oldest);
            cut.insert(largest);
        }
        cut
    }

    /// What all letters take up, in bytes.
    const fn letter_bytes(&self) -> usize {
        self.unseen_bytes + self.mailboxes.total()
    }

    /// Changes the letters of `person`, and with them the sums.
    fn alter<T>(&mut self, person: PersonId, change: impl FnOnce(&mut Letters) -> T) -> T {
        let entry = &mut self.known[person as usize];
        let before = entry.letters.bytes();
        let result = change(&mut entry.letters);
        let after = entry.letters.bytes();
        if entry.is_seen() {
            self.mailboxes.change(person, before, after);
        } else {
            self.unseen_bytes = self.unseen_bytes - before + after;
        }
        result
    }

    /// Lets go of the letters of `person` before the letter `next`.
    pub(super) fn release_letters(&mut self, person: PersonId, next: u64) {
        self.alter(person, |letters| letters.release(next));
    }

    /// Whether another letter can be kept: for `person` or, without one, for somebody who was never here. For whoever was, there
    /// always is room.
    pub(super) fn has_room_for_letters(&self, person: Option<PersonId>) -> bool {
        person.is_some_and(|person| self.person(person).is_seen())
            || self.unseen_bytes < limits::UNSEEN_LETTER_BYTES_MAX
    }

    /// When somebody is to be forgotten, in monotonic microseconds.
    pub(super) fn next_due(&self) -> Option<u64> {
        let dues = self.absent.iter().filter_map(BTreeSet::first);
        dues.map(|(due_us, _)| *due_us).min()
    }

    /// Forgets whoever was away for too long.
    pub(super) fn expire(&mut self, now_us: u64) {
        for class in 0..self.absent.len() {
            while let Some((due_us, person)) = self.absent[class].first().copied()
                && due_us <= now_us
            {
                self.forget(person);
            }
        }
    }

    /// `person` is absent. When there are too many, whoever was never here is forgotten first, and nobody who was on
    /// account of somebody who never was.
    fn miss(&mut self, person: PersonId, now_us: u64) {
        let entry = &self.known[person as usize];
        let [unseen, seen] = self.absent.each_ref().map(BTreeSet::len);
        let is_full = if entry.is_seen() {
            unseen + seen >= limits::ABSENT_MAX
        } else {
            unseen >= limits::UNSEEN_MAX
        };
        let oldest = if is_full {
            let mut sets = self.absent.iter();
            sets.find_map(|set| set.first().copied())
        } else {
            None
        };
        if let Some((_, oldest)) = oldest {
            self.forget(oldest);
        }
        let due_us = now_us + limits::LETTER_MS * 1_000;
        let entry = &mut self.known[person as usize];
        entry.due_us = due_us;
        self.absent[usize::from(entry.is_seen())].insert((due_us, person));
    }

    fn forget(&mut self, person: PersonId) {
        let entry = &self.known[person as usize];
        let hash = self.hasher.hash_one(&*entry.id);
        if let Ok(found) = self.ids.find_entry(hash, |known| *known == person) {
            found.remove();
        }
        self.alter(person, |letters| letters.release(letters.end()));
        let entry = self.known.remove(person as usize);
        debug_assert!(!entry.is_here());
        self.absent[usize::from(entry.is_seen())].remove(&(entry.due_us, person));
    }

    /// Checks the invariants, for simulations.
    pub(super) fn audit(&self) -> Result<(), String> {
        for (index, person) in &self.known {
            let id = index as PersonId;
            let class = usize::from(person.is_seen());
            let is_present = self.present.get(&person.arrival) == Some(&id);
            let is_absent = self.absent[class].contains(&(person.due_us, id));
            if (is_present, is_absent) != (person.is_here(), !person.is_here()) {
                return Err(format!("{} is listed wrongly", person.id));
            }
            if self.find(&person.id) != Some(id) {
                return Err(format!("{} is not found", person.id));
            }
        }
        let listed = self.present.len() + self.absent.iter().map(BTreeSet::len).sum::<usize>();
        if (listed, self.ids.len()) != (self.known.len(), self.known.len()) {
            return Err(format!("{listed} people listed of {}", self.known.len()));
        }
        self.audit_letters()
    }

    fn audit_letters(&self) -> Result<(), String> {
        let (mut unseen, mut seen, mut most) = (0, 0, 0);
        for (_, person) in &self.known {
            let letters = &person.letters;
            letters.audit()?;
            if person.is_seen() {
                seen += letters.bytes();
                most = most.max(letters.bytes());
            } else {
                unseen += letters.bytes();
            }
        }
        let counted = (self.unseen_bytes, self.mailboxes.total());
        if (unseen, seen) != counted || unseen + seen > limits::LETTER_BYTES_MAX {
            return Err(format!(
                "{unseen} and {seen} bytes of letters, {counted:?} counted"
            ));
        }
        let largest = self.mailboxes.largest();
        let largest = largest.map_or(0, |person| self.person(person).letters.bytes());
        if most > 0 && 2 * largest <= most {
            return Err(format!("{largest} is taken for the most, but {most} is"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: u64 = limits::LETTER_MS * 1_000;

    fn conn(number: u32) -> ConnId {
        ConnId::new(number, 1)
    }

    fn come(people: &mut People, id: &str, number: u32) -> PersonId {
        people.arrive(id, id, Some([7; 16]), conn(number))
    }

    /// Somebody who was here, and went at `now_us`.
    fn visit(people: &mut People, id: &str, now_us: u64) -> PersonId {
        let person = come(people, id, 0);
        assert!(people.detach(person, conn(0), now_us));
        person
    }

    #[test]
    fn the_absent_are_remembered_for_a_while() {
        let mut people = People::new(7);
        let anna = come(&mut people, "anna", 1);
        visit(&mut people, "bert", 10);
        people.know("carl", 20);
        people.audit().expect("sound");
        assert_eq!(people.next_due(), Some(DAY_US + 10));
        people.expire(DAY_US + 10);
        assert!(people.find("bert").is_none() && people.find("carl").is_some());
        people.expire(DAY_US + 20);
        assert!(people.find("carl").is_none());
        assert_eq!(people.find("anna"), Some(anna));
        assert!(people.detach(anna, conn(1), 10));
        people.audit().expect("sound");
        assert_eq!(people.present(), 0);
    }

    #[test]
    fn ids_that_were_never_here_make_room_for_each_other_only() {
        let mut people = People::new(7);
        let anna = visit(&mut people, "anna", 0);
        people.keep(anna, Box::from([1]), 0, false);
        for other in 0..limits::UNSEEN_MAX as u64 + 5 {
            people.know(&other.to_string(), 1 + other);
        }
        people.audit().expect("sound");
        assert!(people.find("4").is_none() && people.find("5").is_some());
        assert_eq!(people.find("anna"), Some(anna));
        assert!(!people.person(anna).letters.is_empty());
    }

    #[test]
    fn the_table_of_the_absent_has_an_end() {
        let mut people = People::new(7);
        people.know("nobody", 0);
        for other in 0..limits::ABSENT_MAX as u64 - 1 {
            visit(&mut people, &other.to_string(), 1 + other);
        }
        assert!(people.find("nobody").is_some());
        visit(&mut people, "one more", 30_000);
        assert!(people.find("nobody").is_none() && people.find("0").is_some());
        visit(&mut people, "another", 30_001);
        assert!(people.find("0").is_none() && people.find("1").is_some());
        // Whoever only wrote to the absent has pushed nobody out.
        people.know("somebody", 30_002);
        assert!(people.find("1").is_some() && people.find("somebody").is_some());
        people.audit().expect("sound");
    }

    #[test]
    fn letters_to_nobody_have_a_share_of_their_own() {
        let mut people = People::new(7);
        let anna = visit(&mut people, "anna", 0);
        let frame = || vec![0; limits::UNSEEN_LETTER_BYTES_MAX / 64].into_boxed_slice();
        let nobody = people.know("nobody", 0);
        for _ in 0..64 {
            assert!(people.has_room_for_letters(Some(nobody)));
            people.keep(nobody, frame(), 0, false);
        }
        assert!(!people.has_room_for_letters(Some(nobody)) && !people.has_room_for_letters(None));
        assert!(people.has_room_for_letters(Some(anna)));
        // Somebody who comes is nobody no more.
        come(&mut people, "nobody", 3);
        assert!(people.has_room_for_letters(None));
        people.audit().expect("sound");
    }

    #[test]
    fn the_largest_mailbox_makes_room_for_letters_to_those_who_were_here() {
        const BYTES: usize = limits::LETTER_BYTES_MAX / 400;
        let mut people = People::new(7);
        let frame = || vec![0; BYTES].into_boxed_slice();
        let anna = visit(&mut people, "anna", 0);
        people.keep(anna, Box::from([1]), 0, false);
        let nobody = people.know("nobody", 0);
        people.keep(nobody, frame(), 0, false);
        let hoards = ["bert", "carl", "dora", "emil", "fritz"];
        let hoards = hoards.map(|id| visit(&mut people, id, 0));
        let mut cut = BTreeSet::new();
        for hoard in hoards {
            for _ in 0..limits::LETTERS_MAX {
                assert!(people.has_room_for_letters(Some(hoard)));
                cut.extend(people.keep(hoard, frame(), 0, false));
            }
        }
        people.audit().expect("sound");
        assert!(!cut.is_empty() && cut.iter().all(|person| hoards.contains(person)));
        assert!(people.letter_bytes() > limits::LETTER_BYTES_MAX - BYTES);
        // Whoever was never here takes from the largest, too, within their share.
        assert!(people.has_room_for_letters(None));
        assert!(!people.keep(nobody, frame(), 0, false).is_empty());
        come(&mut people, "nobody", 3);
        people.audit().expect("sound");
        for (person, first, end) in [(anna, 0, 1), (nobody, 0, 2)] {
            let letters = &people.person(person).letters;
            assert_eq!((letters.first(), letters.end()), (first, end));
        }
        for hoard in hoards {
            let letters = &people.person(hoard).letters;
            assert_eq!(letters.end(), limits::LETTERS_MAX as u64);
            assert!(letters.bytes() > limits::LETTERS_MAX * BYTES / 4);
        }
    }

    #[test]
    fn a_letter_keeps_its_reader_known() {
        let mut people = People::new(7);
        let anna = people.know("anna", 0);
        for number in 0..limits::LETTERS_MAX + 2 {
            people.keep(anna, Box::from([number as u8]), number as u64, false);
        }
        people.audit().expect("sound");
        assert_eq!(people.person(anna).letters.first(), 2);
        people.expire(DAY_US + 50);
        assert!(people.find("anna").is_some());
        people.expire(DAY_US + 200);
        people.audit().expect("sound");
        assert!(people.find("anna").is_none());
    }

    #[test]
    fn people_are_listed_in_the_order_in_which_they_came() {
        let mut people = People::new(7);
        for (number, id) in (1..).zip(["anna", "bert", "carl"]) {
            come(&mut people, id, number);
        }
        let anna = people.find("anna").expect("known");
        people.detach(anna, conn(1), 0);
        come(&mut people, "anna", 4);
        let names = |after: Option<&str>| -> Vec<String> {
            let after = after.and_then(|id| people.find(id));
            let people = people.connected(after).map(|id| people.person(id));
            people.map(|person| person.name.to_string()).collect()
        };
        assert_eq!(names(None), ["bert", "carl", "anna"]);
        assert_eq!(names(Some("bert")), ["carl", "anna"]);
        assert_eq!(names(Some("anna")), [""; 0]);
    }
}
