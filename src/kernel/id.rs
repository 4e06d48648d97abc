//! Typed generational identity of a connection.

use std::fmt;

/// Names one connection for as long as the process lives.
///
/// `index` is the connection's slot and is used again after it closes; `generation` never is, so an
/// event, timer or answer that arrives late simply finds nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnId {
    index: u32,
    generation: u32,
}

impl ConnId {
    /// Identity of slot `index` in its life number `generation` (generation 0 is never a connection).
    pub const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The slot, for tables that are indexed by connection.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// Which of the slot's lives this is.
    pub const fn generation(self) -> u32 {
        self.generation
    }

    /// Packs into one word, the form in which the poller carries it.
    pub const fn pack(self) -> u64 {
        ((self.generation as u64) << 32) | self.index as u64
    }

    /// The inverse of [`ConnId::pack`].
    pub const fn unpack(word: u64) -> Self {
        Self {
            index: word as u32,
            generation: (word >> 32) as u32,
        }
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_unpacks() {
        for id in [
            ConnId::new(0, 1),
            ConnId::new(u32::MAX, u32::MAX),
            ConnId::new(7, 3),
        ] {
            assert_eq!(ConnId::unpack(id.pack()), id);
        }
    }
}
