//! SQLite: one file, one connection.

mod file;
mod people;
mod rooms;
mod space;
mod speech;
mod values;

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use self::space::Space;
use super::batch::{Engine, Fault};
use super::erasing::Erasing;
use super::rules;
use crate::kernel::ask::{Answer, Outcome, Query, Refusal};
use crate::limits;

/// All that is asked of tables, so that tests can see how it is done.
pub const SQLITE_STATEMENTS: &[&str] = &[
    people::REGISTER,
    people::BY_PSEUDO,
    people::BY_EMAIL,
    people::USER,
    rooms::TWO_USERS,
    rooms::OPEN,
    rooms::ROOM,
    rooms::ROOMS,
    rooms::RENAME_A,
    rooms::RENAME_B,
    rooms::CLOSE,
    rooms::END,
    rooms::ERASE,
    rooms::NOTE_ERASED,
    rooms::FORGET,
    rooms::NEXT_END,
    speech::SAY,
    speech::SAID,
    speech::PAGE,
    speech::IS_IN_ROOM,
    speech::READ,
    speech::ROOM_OF,
    speech::REACT,
    speech::UNREACT,
];

/// Looks into the file, so that one that is gone is not taken for one that is there.
const PING: &str = "SELECT max(version) FROM schema_versions";

/// What a statement came to: an outcome, or a database that failed.
type Found = rusqlite::Result<Outcome>;

/// The open file.
pub(super) struct Sqlite {
    connection: Connection,
    /// Nothing if it is in memory.
    space: Option<Space>,
    /// Somebody else holds the file, so there is no use in waiting for it again.
    is_locked: bool,
    /// Whether the last batch went wrong, so that a failure is logged once.
    is_failing: bool,
    /// When more is to be erased.
    erase_due: Option<Instant>,
    /// How many messages the disk lets us erase at once.
    erasures: u32,
    /// When the log of changes is to be cut, because it still has what was erased.
    cut_due: Option<Instant>,
}

impl Sqlite {
    /// Opens the file, makes it if there is none, and brings its schema up to date.
    pub(super) fn open(path: Option<&Path>, pages_max: Option<u32>) -> Result<Self, String> {
        // SQLite takes a path for a URI if it begins like one.
        let path = path.map(std::path::absolute).transpose();
        let path = path.map_err(|error| format!("cannot find the current directory: {error}"))?;
        let path = path.as_deref();
        let connection = match path {
            Some(path) => {
                file::prepare(path)
                    .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(path, flags)
            }
            None => Connection::open_in_memory(),
        };
        let name = path.unwrap_or(Path::new(":memory:")).display();
        let mut connection = connection.map_err(|error| format!("cannot open {name}: {error}"))?;
        file::configure(&connection, pages_max)
            .map_err(|error| format!("cannot open {name}: {error}"))?;
        file::migrate(&mut connection).map_err(|error| format!("cannot use {name}: {error}"))?;
        let space = path.map(|path| Space::open(path, &connection)).transpose();
        let space = space.map_err(|error| format!("cannot open {name}: {error}"))?;
        patience(&connection, false);
        let now = Some(Instant::now());
        Ok(Self {
            connection,
            space,
            is_locked: false,
            is_failing: false,
            // The last process may have ended before it was done with that.
            erase_due: now,
            erasures: limits::ERASURES_AT_ONCE,
            cut_due: now,
        })
    }

    /// Answers in one transaction. If the disk is too full for that, what is in the log is moved out of the way, and it is tried once more.
    fn transact_with_retry(
        &mut self,
        queries: &[Query],
    ) -> rusqlite::Result<(Vec<Outcome>, Erasing)> {
        let erasing = Erasing::up_to(limits::ERASURES_AT_ONCE);
        match self.attempt(queries, erasing) {
            // What is to be erased can wait.
            Err(error) if is_full(&error) && self.make_space() => {
                self.attempt(queries, Erasing::up_to(0))
            }
            done => done,
        }
    }

    /// Answers in one transaction, which writes only if a question does.
    fn attempt(
        &mut self,
        queries: &[Query],
        mut erasing: Erasing,
    ) -> rusqlite::Result<(Vec<Outcome>, Erasing)> {
        let wants_write = queries.iter().any(rules::is_write);
        let behaviour = behaviour(wants_write);
        let (transaction, is_locked) = match Transaction::new_unchecked(&self.connection, behaviour)
        {
            Ok(transaction) => (transaction, false),
            // Somebody else is writing. Reading goes on.
            Err(error) if is_busy(&error) => (self.connection.unchecked_transaction()?, true),
            Err(error) => return Err(error),
        };
        let mut outcomes = Vec::with_capacity(queries.len());
        for query in queries {
            outcomes.push(if is_locked && rules::is_write(query) {
                Err(Refusal::Failed)
            } else {
                perform(&transaction, query, &mut erasing)?
            });
        }
        if let Some(space) = self.space.as_ref().filter(|_| wants_write && !is_locked) {
            let mut writes = queries.iter().filter(|query| rules::is_write(query));
            space.hold(&transaction, writes.all(rules::makes_space))?;
        }
        transaction.commit()?;
        if wants_write {
            self.note_lock(is_locked);
        }
        Ok((outcomes, erasing))
    }

    /// Erases a little more.
    fn erase(&self) -> rusqlite::Result<Erasing> {
        let behaviour = TransactionBehavior::Immediate;
        let transaction = Transaction::new_unchecked(&self.connection, behaviour)?;
        let mut erasing = Erasing::up_to(self.erasures);
        rooms::erase(&transaction, &mut erasing)?;
        transaction.commit()?;
        Ok(erasing)
    }

    /// Sees to what follows from erasing.
    fn note_erasing(&mut self, erasing: &Erasing) {
        if erasing.is_spent() {
            self.erase_due = Some(Instant::now());
        }
        if erasing.has_erased() && self.cut_due.is_none() {
            self.cut_due = soon(limits::STORE_CUT_MS);
        }
    }

    /// Moves the log of changes into the file and empties it; whether nobody who reads was in the way.
    fn cut(&self) -> rusqlite::Result<bool> {
        let cut = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy = self
            .connection
            .query_row(cut, [], |row| row.get::<_, bool>(0))?;
        if let Some(space) = &self.space {
            space.hold_log();
        }
        Ok(!is_busy)
    }

    /// Cuts the log, if that makes any space; whether it did.
    fn make_space(&self) -> bool {
        let is_used = self.space.as_ref().is_some_and(Space::is_log_used);
        is_used && self.cut().is_ok_and(|is_cut| is_cut)
    }

    /// Erases a little more, or notes when to try again.
    fn go_on_erasing(&mut self) {
        self.erase_due = None;
        match self.erase() {
            Ok(erasing) => {
                self.erasures = (self.erasures * 2).min(limits::ERASURES_AT_ONCE);
                self.note_erasing(&erasing);
            }
            // Erasing less takes less space, until it makes some.
            Err(error) if is_full(&error) && self.erasures > 1 => {
                self.erasures /= 2;
                self.make_space();
                self.erase_due = Some(Instant::now());
            }
            Err(error) => {
                self.erase_due = soon(limits::STORE_RETRY_MS);
                if !is_busy(&error) {
                    self.note_failure(&error);
                }
            }
        }
    }

    /// Says so once.
    fn note_failure(&mut self, error: &rusqlite::Error) {
        if !self.is_failing {
            self.is_failing = true;
            log::error!("the store failed: {}", describe(error));
        }
    }

    /// While somebody else holds the file, questions are not kept waiting for it.
    fn note_lock(&mut self, is_locked: bool) {
        if is_locked != self.is_locked {
            self.is_locked = is_locked;
            patience(&self.connection, is_locked);
            if is_locked {
                log::error!("the store is locked by another process");
            } else {
                log::info!("the store is free again");
            }
        }
    }
}

impl Engine for Sqlite {
    fn transact(&mut self, queries: &[Query]) -> Result<Vec<Outcome>, Fault> {
        match self.transact_with_retry(queries) {
            Ok((outcomes, erasing)) => {
                self.is_failing &= !queries.iter().any(rules::is_write);
                self.note_erasing(&erasing);
                Ok(outcomes)
            }
            Err(error) => {
                self.note_failure(&error);
                Err(fault(&error))
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        [self.erase_due, self.cut_due].into_iter().flatten().min()
    }

    /// Erases, and cuts the log of changes. If somebody else has the file, that is tried again.
    fn tend(&mut self) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= Instant::now());
        patience(&self.connection, true);
        if is_due(self.erase_due) {
            self.go_on_erasing();
        }
        if is_due(self.cut_due) {
            self.cut_due = match self.cut() {
                Ok(true) => None,
                Ok(false) | Err(_) => soon(limits::STORE_RETRY_MS),
            };
        }
        patience(&self.connection, self.is_locked);
    }
}

fn soon(ms: u64) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_millis(ms))
}

/// How long a question may wait for another process that writes.
fn patience(connection: &Connection, is_short: bool) {
    let ms = if is_short { 0 } else { limits::STORE_LOCK_MS };
    // It cannot fail on an open connection.
    let _ = connection.busy_timeout(Duration::from_millis(ms));
}

fn perform(connection: &Connection, query: &Query, erasing: &mut Erasing) -> Found {
    match query {
        Query::Ping => connection
            .prepare_cached(PING)?
            .query_row([], |_| Ok(Ok(Answer::Done))),
        Query::Register { .. } | Query::Credentials { .. } | Query::User { .. } => {
            people::perform(connection, query)
        }
        Query::Open { .. }
        | Query::Rooms { .. }
        | Query::Room { .. }
        | Query::Rename { .. }
        | Query::Close { .. }
        | Query::Expire { .. } => rooms::perform(connection, query, erasing),
        Query::Say { .. } | Query::Messages { .. } | Query::Read { .. } | Query::React { .. } => {
            speech::perform(connection, query)
        }
    }
}

/// A reader must not keep writers out, and a writer must not find out half-way that it may not write.
fn behaviour(wants_write: bool) -> TransactionBehavior {
    if wants_write {
        TransactionBehavior::Immediate
    } else {
        TransactionBehavior::Deferred
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn is_full(error: &rusqlite::Error) -> bool {
    fault(error) == Fault::Question(Refusal::StorageFull)
}

/// Whether the disk is full, a question failed, or the file. What the file has come to is unknown then.
fn fault(error: &rusqlite::Error) -> Fault {
    use rusqlite::ffi;
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    match (error.sqlite_error_code(), extended) {
        (Some(ErrorCode::DiskFull), _)
        // The disk took no more, and said so in another way than being full.
        | (_, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE) => {
            Fault::Question(Refusal::StorageFull)
        }
        (_, ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ) => {
            Fault::Question(Refusal::Failed)
        }
        (Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen), _) => Fault::Database,
        _ => Fault::Question(Refusal::Failed),
    }
}

/// For the log: the code, never what a statement was about.
fn describe(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(code, _) => code.to_string(),
        // The rest is about the shape of what was read, and says so.
        other => other.to_string(),
    }
}
