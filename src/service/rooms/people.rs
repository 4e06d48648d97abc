//! Everybody whom the rooms know: people who are connected, and for a while those who were.
//!
//! Invariants: a person without sockets is in `absent`, and nobody else is; `present` counts the others;
//! `letter_bytes` is the sum of all letters that are kept.

use std::collections::{BTreeSet, HashMap, VecDeque};

use foldhash::fast::FixedState;
use slab::Slab;

use crate::kernel::bucket::Bucket;
use crate::kernel::id::ConnId;
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
    pub(super) letters: VecDeque<Letter>,
    pub(super) messages: Bucket,
    pub(super) moves: Bucket,
    /// Until when no typing notice is passed on, in monotonic microseconds.
    pub(super) typing_us: u64,
    /// When an absent person is forgotten, in monotonic microseconds.
    due_us: u64,
}

/// A direct message that waits for its recipient.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) frame: Box<[u8]>,
    /// Until when it is kept, in monotonic microseconds.
    pub(super) due_us: u64,
}

/// The table. See the module's description.
#[derive(Debug)]
pub(super) struct People {
    known: Slab<Person>,
    ids: HashMap<Box<str>, PersonId, FixedState>,
    absent: BTreeSet<(u64, PersonId)>,
    present: usize,
    letter_bytes: usize,
}

impl People {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            known: Slab::new(),
            ids: HashMap::with_hasher(FixedState::with_seed(seed)),
            absent: BTreeSet::new(),
            present: 0,
            letter_bytes: 0,
        }
    }

    /// How many people are connected.
    pub(super) const fn present(&self) -> usize {
        self.present
    }

    pub(super) fn find(&self, id: &str) -> Option<PersonId> {
        self.ids.get(id).copied()
    }

    pub(super) fn person(&self, id: PersonId) -> &Person {
        &self.known[id as usize]
    }

    pub(super) fn person_mut(&mut self, id: PersonId) -> &mut Person {
        &mut self.known[id as usize]
    }

    /// Everybody who is connected.
    pub(super) fn connected(&self) -> impl Iterator<Item = (PersonId, &Person)> {
        self.known
            .iter()
            .map(|(index, person)| (index as PersonId, person))
            .filter(|(_, person)| !person.sockets.is_empty())
    }

    /// The person called `id`, known from now on, and if they are absent, for a while.
    pub(super) fn know(&mut self, id: &str, now_us: u64) -> PersonId {
        if let Some(known) = self.find(id) {
            return known;
        }
        let person = self.known.insert(Person {
            id: id.into(),
            name: "".into(),
            token: None,
            sockets: Vec::new(),
            letters: VecDeque::new(),
            messages: Bucket::default(),
            moves: Bucket::default(),
            typing_us: 0,
            due_us: 0,
        }) as PersonId;
        self.ids.insert(id.into(), person);
        self.miss(person, now_us);
        person
    }

    /// Gives `person` another socket.
    pub(super) fn attach(&mut self, person: PersonId, conn: ConnId) {
        let entry = &mut self.known[person as usize];
        if entry.sockets.is_empty() {
            self.absent.remove(&(entry.due_us, person));
            self.present += 1;
        }
        entry.sockets.push(conn);
    }

    /// Takes a socket away; whether it was the last.
    pub(super) fn detach(&mut self, person: PersonId, conn: ConnId, now_us: u64) -> bool {
        let sockets = &mut self.known[person as usize].sockets;
        sockets.retain(|socket| *socket != conn);
        let is_last = sockets.is_empty();
        if is_last {
            sockets.shrink_to_fit();
            self.present -= 1;
            self.miss(person, now_us);
        }
        is_last
    }

    /// Keeps a letter for `person`; the oldest makes room.
    pub(super) fn keep(&mut self, person: PersonId, frame: Box<[u8]>, now_us: u64) {
        let due_us = now_us + limits::LETTER_MS * 1_000;
        self.letter_bytes += frame.len();
        let entry = &mut self.known[person as usize];
        entry.letters.push_back(Letter { frame, due_us });
        if entry.letters.len() > limits::LETTERS_MAX {
            self.take_letter(person);
        }
        let entry = &mut self.known[person as usize];
        if entry.sockets.is_empty() {
            self.absent.remove(&(entry.due_us, person));
            entry.due_us = due_us;
            self.absent.insert((due_us, person));
        }
    }

    /// Takes the oldest letter of `person`.
    pub(super) fn take_letter(&mut self, person: PersonId) -> Option<Letter> {
        let letters = &mut self.known[person as usize].letters;
        let letter = letters.pop_front()?;
        if letters.is_empty() {
            *letters = VecDeque::new();
        }
        self.letter_bytes -= letter.frame.len();
        Some(letter)
    }

    /// Whether another letter can be kept.
    pub(super) const fn has_room_for_letters(&self) -> bool {
        self.letter_bytes < limits::LETTER_BYTES_MAX
    }

    /// When somebody is to be forgotten, in monotonic microseconds.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.absent.first().map(|(due_us, _)| *due_us)
    }

    /// Forgets whoever was away for too long.
    pub(super) fn expire(&mut self, now_us: u64) {
        while let Some((due_us, person)) = self.absent.first().copied()
            && due_us <= now_us
        {
            self.forget(person);
        }
    }

    fn miss(&mut self, person: PersonId, now_us: u64) {
        if self.absent.len() >= limits::ABSENT_MAX
            && let Some((_, oldest)) = self.absent.first().copied()
        {
            self.forget(oldest);
        }
        let due_us = now_us + limits::LETTER_MS * 1_000;
        self.known[person as usize].due_us = due_us;
        self.absent.insert((due_us, person));
    }

    fn forget(&mut self, person: PersonId) {
        let entry = self.known.remove(person as usize);
        debug_assert!(entry.sockets.is_empty());
        self.absent.remove(&(entry.due_us, person));
        self.ids.remove(&entry.id);
        let bytes: usize = entry.letters.iter().map(|letter| letter.frame.len()).sum();
        self.letter_bytes -= bytes;
    }

    /// Checks the invariants, for simulations.
    pub(super) fn audit(&self) -> Result<(), String> {
        let connected = self.connected().count();
        if connected != self.present || self.known.len() - connected != self.absent.len() {
            return Err(format!(
                "{} people, {connected} connected, {} present, {} absent",
                self.known.len(),
                self.present,
                self.absent.len()
            ));
        }
        let letters = self.known.iter().flat_map(|(_, person)| &person.letters);
        let bytes: usize = letters.map(|letter| letter.frame.len()).sum();
        if bytes != self.letter_bytes {
            return Err(format!(
                "{bytes} bytes of letters, {} counted",
                self.letter_bytes
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_absent_are_remembered_for_a_while_and_not_without_end() {
        let mut people = People::new(7);
        let conn = ConnId::new(0, 1);
        let anna = people.know("anna", 0);
        people.attach(anna, conn);
        for other in 0..limits::ABSENT_MAX as u64 + 5 {
            people.know(&other.to_string(), other);
        }
        assert_eq!(people.find("anna"), Some(anna));
        assert!(people.find("4").is_none() && people.find("5").is_some());
        people.expire(limits::LETTER_MS * 1_000 + 6);
        assert!(people.find("6").is_none() && people.find("7").is_some());
        assert!(people.detach(anna, conn, 10));
        people.audit().expect("sound");
        assert_eq!(people.present(), 0);
    }

    #[test]
    fn the_oldest_letter_makes_room() {
        let mut people = People::new(7);
        let anna = people.know("anna", 0);
        for number in 0..limits::LETTERS_MAX + 2 {
            people.keep(anna, Box::from([number as u8]), number as u64);
        }
        people.audit().expect("sound");
        let first = people.take_letter(anna).expect("a letter");
        assert_eq!(&*first.frame, &[2]);
        people.expire(limits::LETTER_MS * 1_000 + 50);
        assert!(people.find("anna").is_some());
        people.expire(limits::LETTER_MS * 1_000 + 200);
        people.audit().expect("sound");
        assert!(people.find("anna").is_none());
    }
}
