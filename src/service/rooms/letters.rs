//! Direct messages that wait for one person.
//!
//! They are numbered in the order in which they came, so that each socket can say how far it has got.
//!
//! Invariants: at most [`limits::LETTERS_MAX`] wait; `given` is how far the socket that got furthest has got.

use std::collections::VecDeque;

use crate::limits;

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Letters {
    waiting: VecDeque<Letter>,
    /// The number of the oldest of them.
    first: u64,
    /// Letters with lower numbers have been given to somebody.
    given: u64,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) frame: Box<[u8]>,
    /// Until when it is kept, in monotonic microseconds.
    pub(super) due_us: u64,
}

impl Letters {
    /// The number of the oldest letter that is there.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next letter to come.
    pub(super) fn end(&self) -> u64 {
        self.first + self.waiting.len() as u64
    }

    /// The number of the first letter that nobody was given, if there is one.
    pub(super) fn unread(&self) -> Option<u64> {
        let next = self.given.max(self.first);
        (next < self.end()).then_some(next)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn at(&self, number: u64) -> Option<&Letter> {
        let index = number.checked_sub(self.first)?;
        self.waiting.get(usize::try_from(index).ok()?)
    }

    /// Adds a letter; the oldest makes room. How many bytes that freed.
    pub(super) fn push(&mut self, letter: Letter) -> usize {
        self.waiting.push_back(letter);
        if self.waiting.len() <= limits::LETTERS_MAX {
            return 0;
        }
        self.release(self.first + 1)
    }

    /// Notes that somebody was given the letter `number`.
    pub(super) fn give(&mut self, number: u64) {
        self.given = self.given.max(number + 1);
    }

    /// Notes that somebody has every letter there is.
    pub(super) fn give_all(&mut self) {
        self.given = self.end();
    }

    /// Lets go of everything that somebody was given; how many bytes that was.
    pub(super) fn release_given(&mut self) -> usize {
        self.release(self.given)
    }

    /// Lets go of everything before the letter `next`; how many bytes that was.
    pub(super) fn release(&mut self, next: u64) -> usize {
        let count = next
            .saturating_sub(self.first)
            .min(self.waiting.len() as u64);
        let gone = self.waiting.drain(..count as usize);
        let bytes = gone.map(|letter| letter.frame.len()).sum();
        self.first += count;
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        bytes
    }

    /// All bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.waiting.iter().map(|letter| letter.frame.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(number: usize) -> Letter {
        Letter {
            frame: vec![number as u8; 2].into(),
            due_us: 0,
        }
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut letters = Letters::default();
        for number in 0..limits::LETTERS_MAX {
            assert_eq!(letters.push(letter(number)), 0);
        }
        assert_eq!(letters.push(letter(100)), 2);
        assert_eq!((letters.first(), letters.end()), (1, 101));
        assert!(letters.at(0).is_none());
        assert_eq!(letters.at(1).map(|letter| letter.frame[0]), Some(1));
        assert_eq!(letters.bytes(), 2 * limits::LETTERS_MAX);
    }

    #[test]
    fn what_was_given_is_not_unread() {
        let mut letters = Letters::default();
        assert_eq!(letters.unread(), None);
        for number in 0..3 {
            letters.push(letter(number));
        }
        assert_eq!(letters.unread(), Some(0));
        letters.give(1);
        letters.give(0);
        assert_eq!(letters.unread(), Some(2));
        assert_eq!(letters.release_given(), 4);
        assert_eq!((letters.first(), letters.end()), (2, 3));
        assert_eq!(letters.release(9), 2);
        assert!(letters.is_empty() && letters.unread().is_none());
        letters.push(letter(3));
        assert_eq!(letters.unread(), Some(3));
    }
}
