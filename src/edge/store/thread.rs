//! The thread, and the handle through which it is asked.

use std::io;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, channel, sync_channel,
};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Location;
use super::batch::{Engine, settle};
use super::location::Place;
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use crate::kernel::ask::{Outcome, Query, Refusal, Ticket};
use crate::limits;

/// A question on its way.
struct Asked {
    ticket: Ticket,
    query: Query,
    since: Instant,
}

/// Where the loop asks the store.
#[derive(Debug)]
pub struct Handle {
    asks: SyncSender<Asked>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Handle {
    /// Hands a question over, and never waits.
    ///
    /// [`Refusal::Busy`] if [`limits::STORE_ASKS_MAX`] are waiting already; [`Refusal::Unavailable`] if the thread has ended.
    pub fn ask(&mut self, ticket: Ticket, query: Query) -> Result<(), Refusal> {
        let asked = Asked {
            ticket,
            query,
            since: Instant::now(),
        };
        self.asks.try_send(asked).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::Busy,
            TrySendError::Disconnected(_) => Refusal::Unavailable,
        })
    }

    /// Lets the thread answer what is waiting and end; whether it did within `patience`. The file is closed then.
    pub fn close(self, patience: Duration) -> bool {
        drop(self.asks);
        // Nothing is ever sent: the thread drops its end when it is done.
        let has_ended = self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected);
        has_ended && self.thread.join().is_ok()
    }
}

/// Opens the store, brings its schema up to date, and starts the thread. `answer` is called on that thread with all that
/// one transaction has answered.
///
/// A PostgreSQL server that cannot be reached is not an error: the thread goes on trying, and answers [`Refusal::Unavailable`]
/// meanwhile. A schema that is newer than this program is one, and so is a file that cannot be opened.
pub fn start(
    location: Location,
    answer: impl FnMut(Vec<(Ticket, Outcome)>) + Send + 'static,
) -> Result<Handle, String> {
    let engine: Box<dyn Engine> = match location.place {
        Place::Sqlite { path, pages_max } => Box::new(Sqlite::open(path.as_deref(), pages_max)?),
        Place::Postgres(config) => Box::new(Postgres::open(*config)?),
    };
    run(engine, answer).map_err(|error| format!("cannot start the store's thread: {error}"))
}

fn run(
    mut engine: Box<dyn Engine>,
    mut answer: impl FnMut(Vec<(Ticket, Outcome)>) + Send + 'static,
) -> io::Result<Handle> {
    let (asks, asked) = sync_channel(limits::STORE_ASKS_MAX);
    let (end, ended) = channel();
    let thread = thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || {
            serve(engine.as_mut(), &asked, &mut answer);
            finish(engine.as_mut());
            drop(engine);
            drop::<std::sync::mpsc::Sender<()>>(end);
        })?;
    Ok(Handle {
        asks,
        ended,
        thread,
    })
}

/// Answers until nobody can ask any more.
fn serve(
    engine: &mut dyn Engine,
    asked: &Receiver<Asked>,
    answer: &mut dyn FnMut(Vec<(Ticket, Outcome)>),
) {
    loop {
        if engine.due().is_some_and(|due| due <= Instant::now()) {
            engine.tend();
        }
        let first = match engine.due() {
            None => asked.recv().ok(),
            Some(due) => {
                let left = due.saturating_duration_since(Instant::now());
                match asked.recv_timeout(left) {
                    Ok(asked) => Some(asked),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => None,
                }
            }
        };
        let Some(first) = first else {
            return;
        };
        answer(answer_all(engine, first, asked));
    }
}

/// Does what is due already, as long as that does not take too long.
fn finish(engine: &mut dyn Engine) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(limits::STORE_FINISH_MS)
        && engine.due().is_some_and(|due| due <= Instant::now())
    {
        engine.tend();
    }
}

/// Takes what is waiting, up to a full batch, and answers it.
fn answer_all(
    engine: &mut dyn Engine,
    first: Asked,
    asked: &Receiver<Asked>,
) -> Vec<(Ticket, Outcome)> {
    let now = Instant::now();
    let mut answers = Vec::new();
    let mut places = Vec::new();
    let mut queries = Vec::new();
    let mut next = Ok(first);
    while let Ok(Asked {
        ticket,
        query,
        since,
    }) = next
    {
        // Whoever asked has been told by now that there was no answer, and must not be proved wrong.
        let is_late = now.saturating_duration_since(since) > Duration::from_millis(limits::ASK_MS);
        if !is_late {
            places.push(answers.len());
            queries.push(query);
        }
        answers.push((ticket, Err(Refusal::Unavailable)));
        if answers.len() == limits::STORE_BATCH_MAX {
            break;
        }
        next = asked.try_recv().map_err(|_: TryRecvError| ());
    }
    if !queries.is_empty() {
        let outcomes = settle(engine, &queries);
        for (place, outcome) in places.into_iter().zip(outcomes) {
            answers[place].1 = outcome;
        }
    }
    answers
}
