//! A timing wheel with one timer per slot of a connection table.
//!
//! Owns: which slots have a timer and when it is due. Never allocates after [`Wheel::reserve`]: a timer
//! is a node in an intrusive list, so arming, moving and disarming are O(1).
//!
//! Invariants: a slot is in at most one list; `occupied` has a bit set exactly for the lists that are not
//! empty; `armed` counts the nodes in all lists. Timers fire at the first tick at or after their
//! deadline, so up to one [`TICK_US`] late and never early.

/// Length of a tick, in microseconds.
pub const TICK_US: u64 = 64_000;
const LISTS: usize = 1024;
const NONE: u32 = u32::MAX;

/// The timers of one table. See the module's description.
#[derive(Debug)]
pub struct Wheel {
    heads: Box<[u32]>,
    occupied: [u64; LISTS / 64],
    nodes: Vec<Node>,
    /// The last tick whose timers have fired.
    tick: u32,
    armed: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    prev: u32,
    next: u32,
    /// The tick at which it fires; 0 when it is not armed.
    due: u32,
}

const IDLE: Node = Node {
    prev: NONE,
    next: NONE,
    due: 0,
};

impl Default for Wheel {
    fn default() -> Self {
        Self {
            heads: vec![NONE; LISTS].into_boxed_slice(),
            occupied: [0; LISTS / 64],
            nodes: Vec::new(),
            tick: 0,
            armed: 0,
        }
    }
}

impl Wheel {
    /// Makes room for the slots up to and including `index`.
    pub fn reserve(&mut self, index: usize) {
        if index >= self.nodes.len() {
            self.nodes.resize(index + 1, IDLE);
        }
    }

    /// Sets the timer of slot `index` to `due_us`, replacing an earlier or later one.
    pub fn arm(&mut self, index: usize, due_us: u64) {
        self.reserve(index);
        self.disarm(index);
        let last = u64::from(u32::MAX);
        let due = (due_us.div_ceil(TICK_US).min(last) as u32).max(self.tick + 1);
        let list = due as usize % LISTS;
        let head = self.heads[list];
        self.nodes[index] = Node {
            prev: NONE,
            next: head,
            due,
        };
        if head != NONE {
            self.nodes[head as usize].prev = index as u32;
        }
        self.heads[list] = index as u32;
        self.occupied[list / 64] |= 1 << (list % 64);
        self.armed += 1;
    }

    /// Sets the timer of slot `index` to `due_us` unless it fires sooner already.
    pub fn arm_sooner(&mut self, index: usize, due_us: u64) {
        if self.due(index).is_none_or(|armed| due_us < armed) {
            self.arm(index, due_us);
        }
    }

    /// Takes the timer of slot `index` away, if there is one.
    pub fn disarm(&mut self, index: usize) {
        let Some(node) = self.nodes.get(index).copied().filter(|node| node.due != 0) else {
            return;
        };
        let list = node.due as usize % LISTS;
        if node.prev == NONE {
            self.heads[list] = node.next;
        } else {
            self.nodes[node.prev as usize].next = node.next;
        }
        if node.next != NONE {
            self.nodes[node.next as usize].prev = node.prev;
        }
        if self.heads[list] == NONE {
            self.occupied[list / 64] &= !(1 << (list % 64));
        }
        self.nodes[index] = IDLE;
        self.armed -= 1;
    }

    /// When the timer of slot `index` fires, in microseconds.
    pub fn due(&self, index: usize) -> Option<u64> {
        let node = self.nodes.get(index)?;
        (node.due != 0).then(|| u64::from(node.due) * TICK_US)
    }

    /// Takes every timer that is due at `now_us` and appends its slot to `fired`.
    pub fn advance(&mut self, now_us: u64, fired: &mut Vec<u32>) {
        let target = (now_us / TICK_US) as u32;
        if self.armed == 0 || target <= self.tick {
            self.tick = self.tick.max(target);
            return;
        }
        let steps = (target - self.tick).min(LISTS as u32);
        let first = target - steps + 1;
        for tick in first..=target {
            let mut at = self.heads[tick as usize % LISTS];
            while at != NONE {
                let node = self.nodes[at as usize];
                if node.due <= target {
                    self.disarm(at as usize);
                    fired.push(at);
                }
                at = node.next;
            }
        }
        self.tick = target;
    }

    /// The earliest instant at which [`Wheel::advance`] may have something to do, in microseconds.
    pub fn next_due(&self) -> Option<u64> {
        if self.armed == 0 {
            return None;
        }
        let start = (self.tick as usize + 1) % LISTS;
        let ahead = (0..=LISTS / 64).find_map(|step| {
            let word = (start / 64 + step) % (LISTS / 64);
            let mut bits = self.occupied[word];
            if step == 0 {
                bits &= !0 << (start % 64);
            }
            let list = word * 64 + bits.trailing_zeros() as usize;
            (bits != 0).then(|| (list + LISTS - start) % LISTS)
        })?;
        Some((u64::from(self.tick) + 1 + ahead as u64) * TICK_US)
    }

    /// How many timers are armed.
    pub const fn len(&self) -> usize {
        self.armed
    }

    /// Whether no timer is armed.
    pub const fn is_empty(&self) -> bool {
        self.armed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn fires_at_the_first_tick_not_before_the_deadline() {
        let mut wheel = Wheel::default();
        let mut fired = Vec::new();
        wheel.arm(3, 100_000);
        wheel.advance(99_999, &mut fired);
        assert!(fired.is_empty());
        assert_eq!(wheel.next_due(), Some(128_000));
        wheel.advance(128_000, &mut fired);
        assert_eq!(fired, [3]);
        assert_eq!(wheel.next_due(), None);
    }

    #[test]
    fn a_deadline_beyond_the_horizon_waits_its_rounds() {
        let mut wheel = Wheel::default();
        let mut fired = Vec::new();
        let due = TICK_US * (3 * LISTS as u64 + 5);
        wheel.arm(0, due);
        let mut now = 0;
        while fired.is_empty() {
            now = wheel.next_due().expect("armed");
            wheel.advance(now, &mut fired);
        }
        assert_eq!(now, due);
    }

    proptest! {
        /// Against the obvious model: a map from slot to due tick.
        #[test]
        fn agrees_with_a_map(steps in prop::collection::vec((0u8..4, 0usize..20, 0u64..200_000_000), 1..200)) {
            let mut wheel = Wheel::default();
            let mut model = BTreeMap::new();
            let mut now = 0;
            for (verb, index, amount) in steps {
                match verb {
                    0 | 1 => {
                        wheel.arm(index, now + amount);
                        model.insert(index, (now + amount).div_ceil(TICK_US).max(now / TICK_US + 1));
                    }
                    2 => {
                        wheel.disarm(index);
                        model.remove(&index);
                    }
                    _ => {
                        now += amount;
                        let mut fired = Vec::new();
                        wheel.advance(now, &mut fired);
                        let mut fired: Vec<usize> = fired.into_iter().map(|slot| slot as usize).collect();
                        fired.sort_unstable();
                        let due: Vec<usize> = model.iter().filter(|(_, tick)| **tick <= now / TICK_US).map(|(slot, _)| *slot).collect();
                        model.retain(|_, tick| *tick > now / TICK_US);
                        prop_assert_eq!(fired, due);
                    }
                }
                prop_assert_eq!(wheel.len(), model.len());
                let sooner = wheel.next_due();
                prop_assert_eq!(sooner.is_some(), !model.is_empty());
                if let (Some(wake), Some(first)) = (sooner, model.values().min()) {
                    prop_assert!(wake <= first * TICK_US);
                }
            }
        }
    }
}
