//! Which of many holds most, to within a factor of two, and how much all hold together.
//!
//! Holders are listed by the power of two that their bytes have reached, so a change costs nothing but a sum unless it
//! crosses one.
//!
//! Invariants: whoever holds anything is listed in exactly one class; `total` is the sum.

use std::collections::BTreeSet;

/// See the module's description.
#[derive(Debug, Default)]
pub struct Ledger {
    classes: Vec<BTreeSet<u32>>,
    total: usize,
}

impl Ledger {
    /// `holder` held `before` bytes and holds `after` now.
    pub fn change(&mut self, holder: u32, before: usize, after: usize) {
        self.total = self.total - before + after;
        let (old, new) = (class(before), class(after));
        if old == new {
            return;
        }
        if let Some(old) = old.and_then(|class| self.classes.get_mut(class)) {
            old.remove(&holder);
        }
        if let Some(new) = new {
            if self.classes.len() <= new {
                self.classes.resize_with(new + 1, BTreeSet::new);
            }
            self.classes[new].insert(holder);
        }
    }

    /// Somebody who holds more than half of what anybody holds.
    pub fn largest(&self) -> Option<u32> {
        let mut classes = self.classes.iter().rev();
        classes.find_map(|class| class.first().copied())
    }

    /// What all hold together, in bytes.
    pub const fn total(&self) -> usize {
        self.total
    }
}

/// The power of two that `bytes` have reached.
const fn class(bytes: usize) -> Option<usize> {
    match bytes.checked_ilog2() {
        Some(class) => Some(class as usize),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_list(changes in prop::collection::vec((0u32..8, 0usize..5_000), 1..100)) {
            let mut ledger = Ledger::default();
            let mut held = [0; 8];
            for (holder, after) in changes {
                ledger.change(holder, held[holder as usize], after);
                held[holder as usize] = after;
                prop_assert_eq!(ledger.total(), held.iter().sum::<usize>());
                let most = held.iter().copied().max().unwrap_or(0);
                match ledger.largest() {
                    None => prop_assert_eq!(most, 0),
                    Some(holder) => prop_assert!(2 * held[holder as usize] > most),
                }
            }
        }
    }
}
