//! PostgreSQL: one connection, which comes back by itself.

mod link;
mod people;
mod rooms;
mod session;
mod speech;
mod values;

use std::time::{Duration, Instant};

use postgres::error::SqlState;

use self::link::Link;
use self::session::{Session, Work};
use super::batch::{Engine, Fault};
use crate::kernel::ask::{Answer, Outcome, Query, Refusal};

/// How often an idle connection is looked after.
const CHECK: Duration = Duration::from_secs(1);

/// What a statement came to: an outcome, or a database that failed.
type Found = Result<Outcome, postgres::Error>;

/// The server, whether it can be reached or not.
pub(super) struct Postgres {
    link: Link,
    session: Option<Session>,
    checked: Instant,
}

impl Postgres {
    /// Connects, and brings the schema up to date. That the server cannot be reached is not an error; that its
    /// schema is newer than this program is one.
    pub(super) fn open(config: postgres::Config) -> Result<Self, String> {
        let mut link = Link::new(config);
        let session = link.first()?;
        Ok(Self {
            link,
            session,
            checked: Instant::now(),
        })
    }

    /// Gives the connection up, and sees to another.
    fn lose(&mut self) {
        self.session = None;
        self.link.lost();
    }
}

impl Engine for Postgres {
    fn transact(&mut self, queries: &[Query]) -> Result<Vec<Outcome>, Fault> {
        let Some(session) = &mut self.session else {
            return Err(Fault::Database);
        };
        let answered = session.transact(|work| answer(work, queries));
        self.checked = Instant::now();
        answered.map_err(|error| {
            let is_closed = self.session.as_ref().is_none_or(Session::is_closed);
            log::warn!("the store failed: {}", describe(&error));
            if let (Some(session), Some(state)) = (&mut self.session, error.code())
                && STALE.contains(state)
            {
                session.forget_statements();
            }
            if is_closed {
                self.lose();
            }
            fault(&error, is_closed)
        })
    }

    fn due(&self) -> Option<Instant> {
        match self.session {
            Some(_) => self.checked.checked_add(CHECK),
            None => self.link.due(),
        }
    }

    fn tend(&mut self) {
        match &mut self.session {
            Some(session) => {
                if !session.is_alive() {
                    self.lose();
                }
            }
            None => self.session = self.link.tend(),
        }
        self.checked = Instant::now();
    }
}

/// What was prepared does not fit any more: somebody changed the schema, or a pooler the connection.
const STALE: [SqlState; 2] = [
    SqlState::FEATURE_NOT_SUPPORTED,
    SqlState::INVALID_SQL_STATEMENT_NAME,
];

/// Answers in order; what is said in a row is written in one statement.
fn answer(work: &mut Work<'_>, queries: &[Query]) -> Result<Vec<Outcome>, postgres::Error> {
    let mut outcomes = Vec::with_capacity(queries.len());
    while outcomes.len() < queries.len() {
        let rest = &queries[outcomes.len()..];
        let says = speech::leading_says(rest);
        if says.is_empty() {
            outcomes.push(perform(work, &rest[0])?);
        } else {
            outcomes.extend(speech::say_all(work, &says)?);
        }
    }
    Ok(outcomes)
}

fn perform(work: &mut Work<'_>, query: &Query) -> Found {
    match query {
        Query::Ping => work.execute("SELECT 1", &[]).map(|_| Ok(Answer::Done)),
        Query::Register { .. } | Query::Credentials { .. } | Query::User { .. } => {
            people::perform(work, query)
        }
        Query::Open { .. }
        | Query::Rooms { .. }
        | Query::Room { .. }
        | Query::Rename { .. }
        | Query::Close { .. }
        | Query::Expire { .. } => rooms::perform(work, query),
        Query::Say { .. } | Query::Messages { .. } | Query::Read { .. } | Query::React { .. } => {
            speech::perform(work, query)
        }
    }
}

/// Whether a question failed, or the database. What came of a commit that was not answered is unknown, so it is never tried again.
fn fault(error: &postgres::Error, is_closed: bool) -> Fault {
    // Connection exceptions, lack of resources, interventions of the operator (timeouts are among them), system errors.
    const GENERAL: [&str; 4] = ["08", "53", "57", "58"];
    if is_closed {
        return Fault::Database;
    }
    match error.code() {
        Some(state) if *state == SqlState::DISK_FULL => Fault::Question(Refusal::StorageFull),
        Some(state)
            if *state == SqlState::LOCK_NOT_AVAILABLE
                || GENERAL.iter().any(|class| state.code().starts_with(class)) =>
        {
            Fault::Database
        }
        _ => Fault::Question(Refusal::Failed),
    }
}

/// For the log: never the detail, which may quote what people wrote.
fn describe(error: &postgres::Error) -> String {
    use std::error::Error;
    match error.as_db_error() {
        Some(known) => format!("{} ({})", known.message(), known.code().code()),
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}
