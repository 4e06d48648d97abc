//! Erasing what was said in rooms that have ended, a little in each transaction, so that nobody who asks meanwhile waits for long.

/// How much one transaction may still erase, and whether it has.
#[derive(Debug)]
pub(super) struct Erasing {
    left: u32,
    has_erased: bool,
}

impl Erasing {
    /// So many messages may be erased.
    pub(super) const fn up_to(messages: u32) -> Self {
        Self {
            left: messages,
            has_erased: false,
        }
    }

    /// How many messages may still go.
    pub(super) const fn left(&self) -> u32 {
        self.left
    }

    /// A room has ended, and the names that its members gave it are gone.
    pub(super) const fn ended(&mut self) {
        self.has_erased = true;
    }

    /// So many messages were erased.
    pub(super) fn erased(&mut self, messages: u64) {
        self.has_erased |= messages > 0;
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(messages);
    }

    /// Whether something is gone.
    pub(super) const fn has_erased(&self) -> bool {
        self.has_erased
    }

    /// Whether more may be left for another transaction.
    pub(super) const fn is_spent(&self) -> bool {
        self.left == 0
    }
}
