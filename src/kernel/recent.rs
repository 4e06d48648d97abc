//! Whom somebody met lately: a short memory so that pressing "next" brings somebody new.
//!
//! It is kept for everybody who ever parted from somebody, so people are known by short tags in it. Two of them share a
//! tag once in 2^64: then one is avoided for a while without a reason.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::limits;

/// A person, as this memory knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag(u64);

/// Gives people their tags.
#[derive(Clone, Debug)]
pub struct Tags(FixedState);

impl Tags {
    /// `seed` keeps people from choosing whose tag they have.
    pub fn new(seed: u64) -> Self {
        Self(FixedState::with_seed(seed))
    }

    /// The tag of the person with this id.
    pub fn of(&self, person: u128) -> Tag {
        Tag(self.0.hash_one(person))
    }
}

/// The last few people met, the oldest first, each with the second in which that is forgotten.
#[derive(Debug, Default)]
pub struct Recent {
    met: [Tag; limits::RECENT_PARTNERS_MAX],
    /// In monotonic seconds; 0 where nobody is.
    until_s: [u32; limits::RECENT_PARTNERS_MAX],
}

impl Recent {
    /// Notes that somebody was parted from at `now_us`; the oldest memory makes room.
    pub fn remember(&mut self, tag: Tag, now_us: u64) {
        let until_us = now_us + limits::RECENT_PARTNER_MS * 1_000;
        let known = self.met.iter().position(|met| *met == tag);
        let at = known.unwrap_or(0);
        self.met[at..].rotate_left(1);
        self.until_s[at..].rotate_left(1);
        let newest = limits::RECENT_PARTNERS_MAX - 1;
        self.met[newest] = tag;
        self.until_s[newest] = until_us.div_ceil(1_000_000) as u32;
    }

    /// Whether somebody was met within the memory's span.
    pub fn knows(&self, tag: Tag, now_us: u64) -> bool {
        let mut entries = self.met.iter().zip(self.until_s);
        entries.any(|(met, until_s)| *met == tag && u64::from(until_s) * 1_000_000 > now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ninth_displaces_the_first() {
        let mut recent = Recent::default();
        (1..=8).for_each(|person| recent.remember(Tag(person), 5));
        assert!(recent.knows(Tag(1), 6));
        recent.remember(Tag(9), 6);
        assert!(!recent.knows(Tag(1), 6));
        assert!(recent.knows(Tag(2), 6) && recent.knows(Tag(9), 6));
        recent.remember(Tag(2), 6);
        recent.remember(Tag(10), 6);
        assert!(recent.knows(Tag(2), 6) && !recent.knows(Tag(3), 6));
    }

    #[test]
    fn memory_fades_to_the_second() {
        let mut recent = Recent::default();
        let parted_us = 300_000;
        recent.remember(Tag(1), parted_us);
        let span_us = limits::RECENT_PARTNER_MS * 1_000;
        assert!(recent.knows(Tag(1), parted_us + span_us - 1));
        assert!(!recent.knows(Tag(1), parted_us + span_us + 1_000_000));
        assert!(!recent.knows(Tag(0), 1));
    }

    #[test]
    fn tags_differ_and_follow_from_the_seed() {
        let (tags, others) = (Tags::new(1), Tags::new(2));
        assert_eq!(tags.of(7), tags.of(7));
        assert_ne!(tags.of(7), tags.of(8));
        assert_ne!(tags.of(7), others.of(7));
    }
}
