//! Direct messages that wait for one person.
//!
//! They are numbered in the order in which they came, so that each socket can say how far it has got.
//!
//! Invariants: at most [`limits::LETTERS_MAX`] wait; `bytes` is what they take up; `given` is how far the socket that got
//! furthest has got.

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
    bytes: usize,
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

    /// Adds a letter; the oldest makes room. Whether it had to.
    pub(super) fn push(&mut self, letter: Letter) -> bool {
        self.bytes += letter.frame.len();
        self.waiting.push_back(letter);
        let is_over = self.waiting.len() > limits::LETTERS_MAX;
        if is_over {
            self.drop_oldest();
        }
        is_over
    }

    /// Lets go of the oldest letter, whoever has it.
    pub(super) fn drop_oldest(&mut self) {
        self.release(self.first + 1);
    }

    /// Notes that somebody was given the letter `number`.
    pub(super) fn give(&mut self, number: u64) {
        self.given = self.given.max(number + 1);
    }

    /// Notes that somebody has every letter there is.
    pub(super) fn give_all(&mut self) {
        self.given = self.end();
    }

    /// Lets go of everything that somebody was given.
    pub(super) fn release_given(&mut self) {
        self.release(self.given);
    }

    /// Lets go of everything before the letter `next`.
    pub(super) fn release(&mut self, next: u64) {
        let count = next
            .saturating_sub(self.first)
            .min(self.waiting.len() as u64);
        let gone = self.waiting.drain(..count as usize);
        let bytes: usize = gone.map(|letter| letter.frame.len()).sum();
        self.bytes -= bytes;
        self.first += count;
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    /// All bytes that wait.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Checks the invariants, for simulations.
    pub(super) fn audit(&self) -> Result<(), String> {
        let bytes: usize = self.waiting.iter().map(|letter| letter.frame.len()).sum();
        if self.waiting.len() > limits::LETTERS_MAX || bytes != self.bytes {
            let (count, counted) = (self.waiting.len(), self.bytes);
            return Err(format!(
                "{count} letters of {bytes} bytes, {counted} counted"
            ));
        }
        Ok(())
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
            assert!(!letters.push(letter(number)));
        }
        assert!(letters.push(letter(100)));
        assert_eq!((letters.first(), letters.end()), (1, 101));
        assert!(letters.at(0).is_none());
        assert_eq!(letters.at(1).map(|letter| letter.frame[0]), Some(1));
        assert_eq!(letters.bytes(), 2 * limits::LETTERS_MAX);
        letters.audit().expect("sound");
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
        letters.release_given();
        assert_eq!((letters.first(), letters.end(), letters.bytes()), (2, 3, 2));
        letters.release(9);
        assert!(letters.is_empty() && letters.unread().is_none() && letters.bytes() == 0);
        letters.push(letter(3));
        assert_eq!(letters.unread(), Some(3));
    }
}
