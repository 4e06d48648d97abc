//! How other threads reach the loop: a bounded queue and a waker.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use mio::{Registry, Token, Waker};

use crate::kernel::ask::{Outcome, Ticket};
use crate::limits;

/// What another thread may tell the loop.
#[derive(Debug)]
pub enum Letter {
    /// See everybody off and stop; a second one stops at once.
    Stop,
    /// What was asked is answered.
    Answers(Vec<(Ticket, Outcome)>),
    /// The same, all from one transaction of the store.
    Batch(Vec<(Ticket, Outcome)>),
}

/// The sending end, for any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    letters: SyncSender<Letter>,
    waker: Arc<Waker>,
}

impl Handle {
    /// Posts a letter and wakes the loop. Never blocks: a full mailbox refuses the letter.
    pub fn post(&self, letter: Letter) -> io::Result<()> {
        match self.letters.try_send(letter) {
            Ok(()) => self.waker.wake(),
            Err(TrySendError::Full(_)) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TrySendError::Disconnected(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Delivers answers and wakes the loop; waits while the mailbox is full, so no answer is lost. The loop never waits for
    /// whoever calls this.
    pub fn deliver(&self, answers: Vec<(Ticket, Outcome)>) -> io::Result<()> {
        self.send(Letter::Answers(answers))
    }

    /// Delivers what one transaction of the store has answered, as [`Handle::deliver`] does; the loop counts how many that were.
    pub fn deliver_batch(&self, answers: Vec<(Ticket, Outcome)>) -> io::Result<()> {
        self.send(Letter::Batch(answers))
    }

    fn send(&self, letter: Letter) -> io::Result<()> {
        self.letters
            .send(letter)
            .map_err(|_| io::ErrorKind::BrokenPipe)?;
        self.waker.wake()
    }
}

/// The receiving end, on the loop.
#[derive(Debug)]
pub(super) struct Mailbox {
    letters: Receiver<Letter>,
    handle: Handle,
}

impl Mailbox {
    /// A mailbox whose waker shows up as `token`.
    pub(super) fn open(registry: &Registry, token: Token) -> io::Result<Self> {
        let (sender, letters) = sync_channel(limits::MAILBOX_LETTERS);
        let waker = Arc::new(Waker::new(registry, token)?);
        Ok(Self {
            letters,
            handle: Handle {
                letters: sender,
                waker,
            },
        })
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The next letter. Wake-ups coalesce, so all must be taken at each.
    pub(super) fn take(&self) -> Option<Letter> {
        self.letters.try_recv().ok()
    }
}
