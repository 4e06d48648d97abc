//! PostgreSQL.

use std::time::Instant;

use super::batch::{Engine, Fault};
use crate::kernel::ask::{Outcome, Query, Refusal};

pub(super) struct Postgres;

impl Postgres {
    pub(super) fn open(_config: postgres::Config) -> Result<Self, String> {
        Err("PostgreSQL is not served yet".to_owned())
    }
}

impl Engine for Postgres {
    fn transact(&mut self, _queries: &[Query]) -> Result<Vec<Outcome>, Fault> {
        Err(Fault::Database(Refusal::Unavailable))
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn tend(&mut self) {}
}
