//! The file before it is asked anything: made, configured, and with its schema up to date.

use std::fs::{self, DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::super::rules;
use super::describe;
use crate::limits;

/// The schema, step by step; what has been released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("0001_accounts.sql")];

/// More than there are statements.
const STATEMENTS: usize = 64;

/// Makes the file, for nobody else to read, and the folder it is in.
pub(super) fn prepare(path: &Path) -> std::io::Result<()> {
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

/// Settings of a connection.
pub(super) fn configure(connection: &Connection, pages_max: Option<u32>) -> rusqlite::Result<()> {
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

/// Applies what is missing of the schema.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), String> {
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
