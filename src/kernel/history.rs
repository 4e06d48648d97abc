//! What was said in a room and is kept: the newest messages, as the bytes in which they went out.
//!
//! Invariants: ids ascend; there are at most as many messages as [`limits::HISTORY_MESSAGES`]; `bytes` is the
//! sum of their lengths.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::limits;

/// The ring of one room. See the module's description.
#[derive(Debug, Default)]
pub struct History {
    kept: VecDeque<Kept>,
    bytes: usize,
}

/// One message.
#[derive(Debug)]
pub struct Kept {
    /// Its id, which is also its place in time.
    pub id: Uuid,
    /// The whole frame.
    pub frame: Box<[u8]>,
    /// Where in the frame the message begins.
    pub start: u8,
}

impl Kept {
    /// The message without its frame's header.
    pub fn message(&self) -> &[u8] {
        &self.frame[usize::from(self.start)..]
    }
}

impl History {
    /// Keeps a message; the oldest makes room.
    pub fn keep(&mut self, kept: Kept) {
        debug_assert!(self.kept.back().is_none_or(|last| last.id < kept.id));
        self.bytes += kept.frame.len();
        self.kept.push_back(kept);
        if self.kept.len() > limits::HISTORY_MESSAGES {
            self.forget_oldest();
        }
    }

    /// Lets the oldest message go, if it is not the only one.
    pub fn forget_oldest(&mut self) -> bool {
        if self.kept.len() < 2 {
            return false;
        }
        if let Some(oldest) = self.kept.pop_front() {
            self.bytes -= oldest.frame.len();
        }
        true
    }

    /// Bytes of all messages here.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The newest messages, oldest first: those before `before` if it is given, at most `count`, and of those as
    /// many as have at most `bytes` together.
    pub fn newest(
        &self,
        before: Option<Uuid>,
        count: usize,
        bytes: usize,
    ) -> impl Iterator<Item = &Kept> {
        let end = before.map_or(self.kept.len(), |before| {
            self.kept.partition_point(|kept| kept.id < before)
        });
        let mut room = bytes;
        let mut start = end;
        while start > 0 && end - start < count {
            let len = self.kept[start - 1].frame.len();
            if len > room {
                break;
            }
            room -= len;
            start -= 1;
        }
        self.kept.range(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(messages: u128) -> History {
        let mut history = History::default();
        for id in 1..=messages {
            history.keep(Kept {
                id: Uuid::from_u128(id),
                frame: Box::from([0; 10]),
                start: 2,
            });
        }
        history
    }

    fn ids<'a>(kept: impl Iterator<Item = &'a Kept>) -> Vec<u128> {
        kept.map(|kept| kept.id.as_u128()).collect()
    }

    #[test]
    fn the_oldest_makes_room() {
        let messages = limits::HISTORY_MESSAGES as u128;
        let history = history(messages + 5);
        assert_eq!(history.len(), limits::HISTORY_MESSAGES);
        assert_eq!(history.bytes(), limits::HISTORY_MESSAGES * 10);
        let all = ids(history.newest(None, usize::MAX, usize::MAX));
        assert_eq!((all[0], all.len() as u128), (6, messages));
    }

    #[test]
    fn pages_end_before_a_message() {
        let history = history(9);
        let before = |id| Some(Uuid::from_u128(id));
        assert_eq!(ids(history.newest(None, 3, usize::MAX)), [7, 8, 9]);
        assert_eq!(ids(history.newest(before(7), 3, usize::MAX)), [4, 5, 6]);
        assert_eq!(ids(history.newest(before(2), 3, usize::MAX)), [1]);
        assert_eq!(ids(history.newest(before(1), 3, usize::MAX)), []);
        assert_eq!(ids(history.newest(before(99), 2, usize::MAX)), [8, 9]);
        assert_eq!(ids(history.newest(None, 9, 25)), [8, 9]);
        assert_eq!(ids(history.newest(None, 0, 25)), []);
    }
}
