//! Whom somebody met lately: a short memory so that pressing "next" brings somebody new.

use crate::limits;

/// A person as the matcher knows them: an account, or one anonymous connection.
pub type Person = u128;

/// The last few people met, each with the time of parting.
#[derive(Debug, Default)]
pub struct Recent {
    met: [(Person, u64); limits::RECENT_PARTNERS_MAX],
    next: u8,
}

impl Recent {
    /// Notes that `person` was parted from at `now_us`; the oldest memory makes room.
    pub fn remember(&mut self, person: Person, now_us: u64) {
        if let Some(entry) = self.met.iter_mut().find(|entry| entry.0 == person) {
            entry.1 = now_us;
            return;
        }
        self.met[usize::from(self.next)] = (person, now_us);
        self.next = (self.next + 1) % limits::RECENT_PARTNERS_MAX as u8;
    }

    /// Whether `person` was met within the memory's span.
    pub fn knows(&self, person: Person, now_us: u64) -> bool {
        self.met.iter().any(|(met, at)| {
            *met == person && *at + limits::RECENT_PARTNER_MS * 1_000 > now_us && *met != 0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ninth_displaces_the_first() {
        let mut recent = Recent::default();
        for person in 1..=8 {
            recent.remember(person, 5);
        }
        assert!(recent.knows(1, 6));
        recent.remember(9, 6);
        assert!(!recent.knows(1, 6));
        assert!(recent.knows(2, 6) && recent.knows(9, 6));
    }

    #[test]
    fn memory_fades() {
        let mut recent = Recent::default();
        recent.remember(1, 0);
        assert!(recent.knows(1, limits::RECENT_PARTNER_MS * 1_000 - 1));
        assert!(!recent.knows(1, limits::RECENT_PARTNER_MS * 1_000));
        assert!(!recent.knows(0, 1));
    }
}
