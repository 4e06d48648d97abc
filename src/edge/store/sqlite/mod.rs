//! SQLite: one file, one connection.

mod people;
mod rooms;
mod speech;
mod values;

use std::fs::{self, DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::batch::{Engine, Fault};
use super::erasing::Erasing;
use super::rules;
use crate::kernel::ask::{Answer, Outcome, Query, Refusal};
use crate::limits;

/// The schema, step by step; what has been released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("0001_accounts.sql")];

/// All that is asked of tables, so that tests can see how it is done.
pub const SQLITE_STATEMENTS: &[&str] = &[
    people::REGISTER,
    people::BY_PSEUDO,
    people::BY_EMAIL,
    people::USER,
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
    speech::NEWEST,
    speech::NEWEST_BEFORE,
    speech::REACTIONS,
    speech::IS_IN_ROOM,
    speech::READ,
    speech::ROOM_OF,
    speech::REACT,
    speech::UNREACT,
];

/// Looks into the file, so that one that is gone is not taken for one that is there.
const PING: &str = "SELECT max(version) FROM schema_versions";

/// More than there are statements.
const STATEMENTS: usize = 64;

/// What a statement came to: an outcome, or a database that failed.
type Found = rusqlite::Result<Outcome>;

/// The open file.
pub(super) struct Sqlite {
    connection: Connection,
    /// Somebody else holds the file, so there is no use in waiting for it again.
    is_locked: bool,
    /// Whether the last batch went wrong, so that a failure is logged once.
    is_failing: bool,
    /// When more is to be erased.
    erase_due: Option<Instant>,
    /// When the log of changes is to be cut, because it still has what was erased.
    cut_due: Option<Instant>,
}

impl Sqlite {
    /// Opens the file, makes it if there is none, and brings its schema up to date.
    pub(super) fn open(path: Option<&Path>, pages_max: Option<u32>) -> Result<Self, String> {
        let connection = match path {
            Some(path) => {
                prepare(path)
                    .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(path, flags)
            }
            None => Connection::open_in_memory(),
        };
        let name = path.unwrap_or(Path::new(":memory:")).display();
        let mut connection = connection.map_err(|error| format!("cannot open {name}: {error}"))?;
        configure(&connection, pages_max)
            .map_err(|error| format!("cannot open {name}: {error}"))?;
        migrate(&mut connection).map_err(|error| format!("cannot use {name}: {error}"))?;
        patience(&connection, false);
        let now = Some(Instant::now());
        Ok(Self {
            connection,
            is_locked: false,
            is_failing: false,
            // The last process may have ended before it was done with that.
            erase_due: now,
            cut_due: now,
        })
    }

    /// Answers in one transaction, which writes only if a question does.
    fn attempt(&mut self, queries: &[Query]) -> rusqlite::Result<(Vec<Outcome>, Erasing)> {
        let wants_write = queries.iter().any(rules::is_write);
        let behaviour = behaviour(wants_write);
        let (transaction, is_locked) = match Transaction::new_unchecked(&self.connection, behaviour)
        {
            Ok(transaction) => (transaction, false),
            // Somebody else is writing. Reading goes on.
            Err(error) if is_busy(&error) => (self.connection.unchecked_transaction()?, true),
            Err(error) => return Err(error),
        };
        let mut erasing = Erasing::new();
        let mut outcomes = Vec::with_capacity(queries.len());
        for query in queries {
            outcomes.push(if is_locked && rules::is_write(query) {
                Err(Refusal::Failed)
            } else {
                perform(&transaction, query, &mut erasing)?
            });
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
        let mut erasing = Erasing::new();
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
        self.connection
            .query_row(cut, [], |row| row.get::<_, bool>(0))
            .map(|is_busy| !is_busy)
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
        match self.attempt(queries) {
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
            self.erase_due = None;
            match self.erase() {
                Ok(erasing) => self.note_erasing(&erasing),
                Err(error) => {
                    self.erase_due = soon(limits::STORE_RETRY_MS);
                    if !is_busy(&error) {
                        self.note_failure(&error);
                    }
                }
            }
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

/// Makes the file, for nobody else to read, and the folder it is in.
fn prepare(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        && !folder.exists()
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    if fs::exists(path)? {
        return Ok(());
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

fn configure(connection: &Connection, pages_max: Option<u32>) -> rusqlite::Result<()> {
    // Opening and migrating may wait for another process that does the same.
    connection.busy_timeout(Duration::from_millis(limits::STORE_SILENCE_MS))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -32768;
         PRAGMA wal_autocheckpoint = 4096;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA trusted_schema = OFF;",
    )?;
    if let Some(pages) = pages_max {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(())
}

/// How long a question may wait for another process that writes.
fn patience(connection: &Connection, is_short: bool) {
    let ms = if is_short { 0 } else { limits::STORE_LOCK_MS };
    // It cannot fail on an open connection.
    let _ = connection.busy_timeout(Duration::from_millis(ms));
}

/// Applies what is missing of the schema.
fn migrate(connection: &mut Connection) -> Result<(), String> {
    let describe = |error: rusqlite::Error| describe(&error);
    for (version, statements) in (1_u32..).zip(MIGRATIONS) {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(describe)?;
        transaction
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS schema_versions (
                     version    INTEGER NOT NULL PRIMARY KEY,
                     applied_at TEXT NOT NULL
                 ) STRICT;",
            )
            .map_err(describe)?;
        let current: u32 = transaction
            .query_row(
                "SELECT coalesce(max(version), 0) FROM schema_versions",
                [],
                |row| row.get(0),
            )
            .map_err(describe)?;
        if current as usize > MIGRATIONS.len() {
            return Err(rules::too_new(current, MIGRATIONS.len()));
        }
        if current < version {
            transaction.execute_batch(statements).map_err(describe)?;
            transaction
                .execute(
                    "INSERT INTO schema_versions VALUES (?1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
                    [version],
                )
                .map_err(describe)?;
        }
        transaction.commit().map_err(describe)?;
    }
    Ok(())
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
