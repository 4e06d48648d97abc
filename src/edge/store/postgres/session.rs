//! A connection with its schema, its settings and its prepared statements.

use std::collections::HashMap;
use std::time::Duration;

use postgres::types::ToSql;
use postgres::{Client, NoTls, Row, Statement, Transaction};

use super::super::rules;
use super::describe;
use crate::limits;

/// The schema, step by step; what has been released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("0001_accounts.sql")];

/// Held while the schema is brought up to date, so that two servers do not do that at once. Any number; it says "passerby".
const MIGRATION_LOCK: i64 = 0x7061_7373_6572_6279;

/// How long one server waits for another that migrates, in milliseconds.
const MIGRATION_MS: u64 = 60_000;

/// Parameters of a statement, each with its type.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Why there is no connection.
pub(super) enum Failure {
    /// The schema is newer than this program.
    Newer(String),
    /// The server cannot be reached, or does not want us.
    Unreachable(String),
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self::Unreachable(describe(&error))
    }
}

/// A connection.
pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    /// Connects, and brings the schema up to date.
    pub(super) fn connect(config: &postgres::Config) -> Result<Self, Failure> {
        let mut client = config.connect(NoTls)?;
        set(&mut client, "client_min_messages", "warning")?;
        set_ms(&mut client, "statement_timeout", MIGRATION_MS)?;
        set_ms(&mut client, "lock_timeout", MIGRATION_MS)?;
        migrate(&mut client)?;
        set_ms(&mut client, "statement_timeout", limits::STORE_STATEMENT_MS)?;
        set_ms(&mut client, "lock_timeout", limits::STORE_STATEMENT_MS)?;
        let idle = "idle_in_transaction_session_timeout";
        set_ms(&mut client, idle, limits::STORE_SILENCE_MS)?;
        // There is an index for everything that is asked, and a table that has just grown is not known to be large.
        set(&mut client, "enable_seqscan", "off")?;
        // What is acknowledged survives a power cut, whatever is the custom of the house.
        let durable = "SELECT set_config('synchronous_commit', 'on', false) \
                       WHERE current_setting('synchronous_commit') = 'off'";
        client.execute(durable, &[])?;
        Ok(Self {
            client,
            statements: HashMap::new(),
        })
    }

    /// Does `work` in one transaction, and returns when that is committed.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Work<'_>) -> Result<T, postgres::Error>,
    ) -> Result<T, postgres::Error> {
        let mut transaction = Work {
            transaction: self.client.transaction()?,
            statements: &mut self.statements,
        };
        let answer = work(&mut transaction)?;
        transaction.transaction.commit()?;
        Ok(answer)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether the server answers, soon.
    pub(super) fn is_alive(&mut self) -> bool {
        let patience = Duration::from_millis(limits::STORE_STATEMENT_MS);
        self.client.is_valid(patience).is_ok()
    }

    pub(super) fn forget_statements(&mut self) {
        self.statements.clear();
    }
}

/// A transaction under way.
pub(super) struct Work<'a> {
    transaction: Transaction<'a>,
    statements: &'a mut HashMap<&'static str, Statement>,
}

impl Work<'_> {
    /// Performs a statement; how many rows it has changed.
    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<u64, postgres::Error> {
        let statement = self.prepare(sql)?;
        self.transaction.execute(&statement, params)
    }

    /// The rows of a statement.
    pub(super) fn query(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, postgres::Error> {
        let statement = self.prepare(sql)?;
        self.transaction.query(&statement, params)
    }

    /// The row of a statement that has one at most.
    pub(super) fn find(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Option<Row>, postgres::Error> {
        let statement = self.prepare(sql)?;
        self.transaction.query_opt(&statement, params)
    }

    /// The row of a statement that always has one.
    pub(super) fn one(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Row, postgres::Error> {
        let statement = self.prepare(sql)?;
        self.transaction.query_one(&statement, params)
    }

    fn prepare(&mut self, sql: &'static str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.transaction.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

fn set(client: &mut Client, setting: &str, value: &str) -> Result<(), postgres::Error> {
    client
        .execute("SELECT set_config($1, $2, false)", &[&setting, &value])
        .map(drop)
}

fn set_ms(client: &mut Client, setting: &str, ms: u64) -> Result<(), postgres::Error> {
    set(client, setting, &ms.to_string())
}

/// Applies what is missing of the schema.
fn migrate(client: &mut Client) -> Result<(), Failure> {
    for (version, statements) in (1_i32..).zip(MIGRATIONS) {
        let mut transaction = client.transaction()?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK])?;
        transaction.batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_versions (
                 version    integer     NOT NULL PRIMARY KEY,
                 applied_at timestamptz NOT NULL DEFAULT now()
             )",
        )?;
        let current: i32 = transaction
            .query_one("SELECT coalesce(max(version), 0) FROM schema_versions", &[])?
            .try_get(0)?;
        let current_version = u32::try_from(current).unwrap_or(0);
        if current_version as usize > MIGRATIONS.len() {
            return Err(Failure::Newer(rules::too_new(
                current_version,
                MIGRATIONS.len(),
            )));
        }
        if current < version {
            transaction.batch_execute(statements)?;
            transaction.execute(
                "INSERT INTO schema_versions (version) VALUES ($1)",
                &[&version],
            )?;
        }
        transaction.commit()?;
    }
    Ok(())
}
