//! Short numbers for strings that people choose, such as interests, counted so that unused ones go.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use slab::Slab;

/// The number of a name, valid while somebody holds it.
pub type NameId = u32;

/// The table of names in use.
#[derive(Debug)]
pub struct Names {
    ids: HashMap<Box<str>, NameId, FixedState>,
    held: Slab<(Box<str>, u32)>,
}

impl Names {
    /// An empty table; `seed` keeps people from choosing names that collide.
    pub fn new(seed: u64) -> Self {
        Self {
            ids: HashMap::with_hasher(FixedState::with_seed(seed)),
            held: Slab::new(),
        }
    }

    /// The number of `name`, held once more.
    pub fn hold(&mut self, name: &str) -> NameId {
        if let Some(id) = self.ids.get(name) {
            self.held[*id as usize].1 += 1;
            return *id;
        }
        let id = self.held.insert((name.into(), 1)) as NameId;
        self.ids.insert(name.into(), id);
        id
    }

    /// Gives one hold of `id` back.
    pub fn release(&mut self, id: NameId) {
        let Some(entry) = self.held.get_mut(id as usize) else {
            debug_assert!(false, "released a name that nobody holds");
            return;
        };
        entry.1 -= 1;
        if entry.1 == 0 {
            let (name, _) = self.held.remove(id as usize);
            self.ids.remove(&name);
        }
    }

    /// How many names are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether no name is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lives_as_long_as_it_is_held() {
        let mut names = Names::new(7);
        let music = names.hold("music");
        assert_eq!(names.hold("music"), music);
        assert_ne!(names.hold("art"), music);
        names.release(music);
        assert_eq!(names.hold("music"), music);
        names.release(music);
        names.release(music);
        assert_eq!(names.len(), 1);
    }
}
