//! Many questions, one transaction; and what becomes of it when one of them fails.

use std::time::Instant;

use crate::kernel::ask::{Outcome, Query, Refusal};

/// Why a transaction was not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// One of its questions failed, and nothing was done. The others may be tried again; it is refused with this.
    Question(Refusal),
    /// Nothing will do better just now: all are told that the store is unavailable.
    Database,
}

/// A database, as the thread sees it.
pub(super) trait Engine: Send {
    /// Answers the questions in order, in one transaction, and returns when that would survive a power cut.
    fn transact(&mut self, queries: &[Query]) -> Result<Vec<Outcome>, Fault>;

    /// When [`Engine::tend`] wants to be called.
    fn due(&self) -> Option<Instant>;

    /// Does what is due besides answering.
    fn tend(&mut self);
}

/// Answers all questions. If one of them fails, halves the batch until it is alone.
pub(super) fn settle(engine: &mut dyn Engine, queries: &[Query]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(queries.len());
    fill(engine, queries, &mut outcomes);
    outcomes
}

fn fill(engine: &mut dyn Engine, queries: &[Query], outcomes: &mut Vec<Outcome>) {
    match engine.transact(queries) {
        Ok(answered) => outcomes.extend(answered),
        Err(Fault::Question(_)) if queries.len() > 1 => {
            let (first, second) = queries.split_at(queries.len() / 2);
            fill(engine, first, outcomes);
            fill(engine, second, outcomes);
        }
        Err(fault) => {
            let refusal = match fault {
                Fault::Question(refusal) => refusal,
                Fault::Database => Refusal::Unavailable,
            };
            outcomes.extend(queries.iter().map(|_| Err(refusal)));
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::kernel::ask::Answer;

    /// Fails on questions about nobody, and altogether once it has been asked `patience` times.
    struct Picky {
        patience: u32,
    }

    impl Engine for Picky {
        fn transact(&mut self, queries: &[Query]) -> Result<Vec<Outcome>, Fault> {
            if self.patience == 0 {
                return Err(Fault::Database);
            }
            self.patience -= 1;
            if queries.contains(&about(0)) {
                return Err(Fault::Question(Refusal::StorageFull));
            }
            Ok(queries.iter().map(|_| Ok(Answer::Done)).collect())
        }

        fn due(&self) -> Option<Instant> {
            None
        }

        fn tend(&mut self) {}
    }

    fn about(number: u128) -> Query {
        Query::User {
            id: Uuid::from_u128(number),
            now_ms: 0,
        }
    }

    #[test]
    fn who_fails_fails_alone() {
        let queries: Vec<Query> = [1, 2, 0, 3, 4, 5, 6, 0, 7].map(about).into();
        let outcomes = settle(&mut Picky { patience: 100 }, &queries);
        for (query, outcome) in queries.iter().zip(&outcomes) {
            let expected = if *query == about(0) {
                Err(Refusal::StorageFull)
            } else {
                Ok(Answer::Done)
            };
            assert_eq!(*outcome, expected);
        }
        assert_eq!(outcomes.len(), queries.len());
    }

    #[test]
    fn nothing_is_tried_again_on_a_database_that_is_gone() {
        let queries: Vec<Query> = [1, 0, 2, 3].map(about).into();
        let outcomes = settle(&mut Picky { patience: 2 }, &queries);
        // The batch, its first half; then the database is gone.
        assert_eq!(outcomes, vec![Err(Refusal::Unavailable); 4]);
    }
}
