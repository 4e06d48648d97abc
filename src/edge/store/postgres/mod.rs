//! PostgreSQL: one connection, which comes back by itself.

mod link;
mod people;
mod rooms;
mod session;
mod speech;
mod values;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use postgres::config::{Host, SslMode};
use postgres::error::SqlState;

use self::link::Link;
use self::session::{Session, Work};
use super::batch::{Engine, Fault};
use super::erasing::Erasing;
use crate::kernel::ask::{Answer, Outcome, Query, Refusal};
use crate::limits;

/// How often an idle connection is looked after.
const CHECK: Duration = Duration::from_secs(1);

/// What a statement came to: an outcome, or a database that failed.
type Found = Result<Outcome, postgres::Error>;

/// The server, whether it can be reached or not.
pub(super) struct Postgres {
    link: Link,
    session: Option<Session>,
    checked: Instant,
    /// When more is to be erased.
    erase_due: Option<Instant>,
}

impl Postgres {
    /// Connects, and brings the schema up to date. That the server cannot be reached is not an error; that its
    /// schema is newer than this program is one.
    pub(super) fn open(config: postgres::Config) -> Result<Self, String> {
        if is_exposed(&config) {
            log::warn!(
                "passwords and messages go to the database server in clear, as TLS is not offered; \
                 sslmode=disable in db_url says that the network can be trusted"
            );
        }
        let mut link = Link::new(config);
        let session = link.first()?;
        Ok(Self {
            link,
            session,
            checked: Instant::now(),
            // The last process may have ended before it was done with that.
            erase_due: Some(Instant::now()),
        })
    }

    /// Gives the connection up, and sees to another.
    fn lose(&mut self) {
        self.session = None;
        self.link.lost();
    }

    /// Does `work` in one transaction.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Work<'_>, &mut Erasing) -> Result<T, postgres::Error>,
    ) -> Result<T, Fault> {
        let Some(session) = &mut self.session else {
            return Err(Fault::Database);
        };
        let mut erasing = Erasing::up_to(limits::ERASURES_AT_ONCE);
        let done = session.transact(|transaction| work(transaction, &mut erasing));
        self.checked = Instant::now();
        match done {
            Ok(done) => {
                if erasing.is_spent() {
                    self.erase_due = Some(Instant::now());
                }
                Ok(done)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&mut self, error: &postgres::Error) -> Fault {
        let is_closed = self.session.as_ref().is_none_or(Session::is_closed);
        log::warn!("the store failed: {}", describe(error));
        if let (Some(session), Some(state)) = (&mut self.session, error.code())
            && STALE.contains(state)
        {
            session.forget_statements();
        }
        if is_closed {
            self.lose();
        }
        fault(error, is_closed)
    }
}

impl Engine for Postgres {
    fn transact(&mut self, queries: &[Query]) -> Result<Vec<Outcome>, Fault> {
        Self::transact(self, |work, erasing| answer(work, queries, erasing))
    }

    fn due(&self) -> Option<Instant> {
        if self.session.is_none() {
            return self.link.due();
        }
        let check = self.checked.checked_add(CHECK);
        [check, self.erase_due].into_iter().flatten().min()
    }

    /// Connects, erases, or sees whether the server is still there.
    fn tend(&mut self) {
        if let Some(session) = &mut self.session {
            if self.erase_due.is_some_and(|due| due <= Instant::now()) {
                self.erase_due = None;
                if Self::transact(self, rooms::erase).is_err() {
                    let pause = Duration::from_millis(limits::STORE_RETRY_MS);
                    self.erase_due = Instant::now().checked_add(pause);
                }
            } else if !session.is_alive() {
                self.lose();
            }
        } else {
            self.session = self.link.tend();
        }
        self.checked = Instant::now();
    }
}

/// Whether others may read along, and the operator has not said that they know.
fn is_exposed(config: &postgres::Config) -> bool {
    let is_local = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback())
        }
        Host::Unix(_) => true,
    };
    // Where there are addresses, the names of hosts are only names.
    let is_all_local = match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(is_local),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    };
    config.get_ssl_mode() != SslMode::Disable && !is_all_local
}

/// What was prepared does not fit any more: somebody changed the schema, or a pooler the connection.
const STALE: [SqlState; 2] = [
    SqlState::FEATURE_NOT_SUPPORTED,
    SqlState::INVALID_SQL_STATEMENT_NAME,
];

/// Answers in order; what is said in a row is written in one statement.
fn answer(
    work: &mut Work<'_>,
    queries: &[Query],
    erasing: &mut Erasing,
) -> Result<Vec<Outcome>, postgres::Error> {
    let mut outcomes = Vec::with_capacity(queries.len());
    while outcomes.len() < queries.len() {
        let rest = &queries[outcomes.len()..];
        let says = speech::leading_says(rest);
        if says.is_empty() {
            outcomes.push(perform(work, &rest[0], erasing)?);
        } else {
            outcomes.extend(speech::say_all(work, &says)?);
        }
    }
    Ok(outcomes)
}

fn perform(work: &mut Work<'_>, query: &Query, erasing: &mut Erasing) -> Found {
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
        | Query::Expire { .. } => rooms::perform(work, query, erasing),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_may_read_is_known() {
        for (url, expected) in [
            ("postgres://u:p@db.example/x", true),
            ("postgres://u:p@192.0.2.1/x?sslmode=prefer", true),
            ("postgres://u:p@localhost,db.example/x", true),
            ("postgres://u:p@localhost/x?hostaddr=192.0.2.1", true),
            ("postgres://u:p@db.example/x?sslmode=disable", false),
            ("postgres://u:p@db.example/x?hostaddr=127.0.0.1", false),
            ("postgres://u:p@localhost/x", false),
            ("postgres://u:p@127.0.0.2,[::1]/x", false),
            ("postgres:///x?host=/run/postgresql", false),
        ] {
            let config = url.parse().expect("an address");
            assert_eq!(is_exposed(&config), expected, "{url}");
        }
    }
}
