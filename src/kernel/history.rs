//! What was said in one room: the last messages, in the order of their ids, and before them whatever has not gone round
//! yet.
//!
//! Owns: the messages as the frames that bring them, so that whoever hears them is sent copies of these bytes. Messages are
//! numbered from 1 in the order in which they were said.
//!
//! Invariants: ids ascend; at most [`limits::HISTORY_MESSAGES`] messages are history; `bytes` is the sum of their
//! frames; whatever lies before them is only kept until it is released.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::limits;

/// See the module's description.
#[derive(Debug)]
pub struct History {
    kept: VecDeque<Kept>,
    /// The number of the oldest message that is kept at all.
    first: u64,
    /// The number of the oldest message that is history.
    start: u64,
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

/// Some messages, oldest first.
#[derive(Debug)]
pub struct Page<I> {
    /// The messages.
    pub messages: I,
    /// Whether there are older ones.
    pub is_cut: bool,
}

impl Default for History {
    fn default() -> Self {
        Self {
            kept: VecDeque::new(),
            first: 1,
            start: 1,
            bytes: 0,
        }
    }
}

impl History {
    /// Keeps a message, whose number it gives; the oldest is not history any more when there are too many.
    pub fn keep(&mut self, kept: Kept) -> u64 {
        debug_assert!(self.kept.back().is_none_or(|last| last.id < kept.id));
        self.bytes += kept.frame.len();
        self.kept.push_back(kept);
        if self.len() > limits::HISTORY_MESSAGES {
            self.forget_oldest();
        }
        self.last()
    }

    /// Lets the oldest message be history no more, if there is one.
    pub fn forget_oldest(&mut self) {
        if let Some(oldest) = self.at(self.start) {
            self.bytes -= oldest.frame.len();
            self.start += 1;
        }
    }

    /// Frees what is not history and comes before the message `pending`, which has yet to go round.
    pub fn release(&mut self, pending: u64) {
        while self.first < self.start.min(pending) {
            self.kept.pop_front();
            self.first += 1;
        }
        if self.kept.is_empty() {
            self.kept = VecDeque::new();
        }
    }

    /// The message with this number, if it is kept.
    pub fn at(&self, number: u64) -> Option<&Kept> {
        let index = number.checked_sub(self.first)?;
        self.kept.get(usize::try_from(index).ok()?)
    }

    /// The number of the oldest message that is history, or of the next if none is.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// The number of the newest message there ever was; 0 if there was none.
    pub fn last(&self) -> u64 {
        self.first + self.kept.len() as u64 - 1
    }

    /// Bytes of all messages that are history.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many messages are history.
    pub fn len(&self) -> usize {
        (self.last() + 1 - self.start) as usize
    }

    /// Whether no message is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The newest messages of the history: those before `before` if it is given, at most `count`, and of those as many as
    /// have at most `bytes` together.
    pub fn newest(
        &self,
        before: Option<Uuid>,
        count: usize,
        bytes: usize,
    ) -> Page<impl Iterator<Item = &Kept>> {
        let oldest = (self.start - self.first) as usize;
        let end = before.map_or(self.kept.len(), |before| {
            self.kept.partition_point(|kept| kept.id < before)
        });
        let mut room = bytes;
        let mut start = end.max(oldest);
        let end = start;
        while start > oldest && end - start < count {
            let len = self.kept[start - 1].frame.len();
            if len > room {
                break;
            }
            room -= len;
            start -= 1;
        }
        Page {
            messages: self.kept.range(start..end),
            is_cut: start > oldest,
        }
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

    fn ids<'a>(page: Page<impl Iterator<Item = &'a Kept>>) -> (Vec<u128>, bool) {
        let ids = page.messages.map(|kept| kept.id.as_u128()).collect();
        (ids, page.is_cut)
    }

    #[test]
    fn the_oldest_makes_room() {
        let messages = limits::HISTORY_MESSAGES as u128;
        let mut history = history(messages + 5);
        assert_eq!(history.len(), limits::HISTORY_MESSAGES);
        assert_eq!(history.bytes(), limits::HISTORY_MESSAGES * 10);
        let (all, is_cut) = ids(history.newest(None, usize::MAX, usize::MAX));
        assert_eq!((all[0], all.len() as u128, is_cut), (6, messages, false));
        // What has not gone round is still there, but not history.
        assert!(history.at(1).is_some());
        history.release(3);
        assert!(history.at(2).is_none() && history.at(3).is_some());
        history.release(u64::MAX);
        assert!(history.at(5).is_none() && history.at(6).is_some());
        assert_eq!((history.start(), history.last()), (6, 205));
    }

    #[test]
    fn everything_can_be_forgotten() {
        let mut history = history(3);
        (0..5).for_each(|_| history.forget_oldest());
        assert_eq!((history.len(), history.bytes()), (0, 0));
        assert_eq!(ids(history.newest(None, 9, 99)), (vec![], false));
        assert!(history.at(3).is_some());
        history.release(u64::MAX);
        assert_eq!((history.start(), history.last()), (4, 3));
        let number = history.keep(Kept {
            id: Uuid::from_u128(9),
            frame: Box::from([0; 4]),
            start: 2,
        });
        assert_eq!((number, history.len(), history.bytes()), (4, 1, 4));
    }

    #[test]
    fn pages_end_before_a_message() {
        let history = history(9);
        let before = |id| Some(Uuid::from_u128(id));
        let all = usize::MAX;
        for (before, count, bytes, expected, is_cut) in [
            (None, 3, all, vec![7, 8, 9], true),
            (before(7), 3, all, vec![4, 5, 6], true),
            (before(4), 3, all, vec![1, 2, 3], false),
            (before(2), 3, all, vec![1], false),
            (before(1), 3, all, vec![], false),
            (before(99), 2, all, vec![8, 9], true),
            (None, 9, 25, vec![8, 9], true),
            (None, 9, 90, (1..10).collect(), false),
            (None, 0, 25, vec![], true),
        ] {
            assert_eq!(
                ids(history.newest(before, count, bytes)),
                (expected, is_cut)
            );
        }
    }
}
