//! The figures of all rounds, by row, server and name.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::{Contender, Row};
use crate::meter::median;

/// One value per round; what a round did not yield is not a number.
#[derive(Default)]
pub(crate) struct Figures {
    values: BTreeMap<(Row, Contender, &'static str), Vec<f64>>,
}

impl Figures {
    /// Adds this round's value.
    pub(super) fn add(
        &mut self,
        row: Row,
        contender: Contender,
        name: &'static str,
        value: Option<f64>,
    ) {
        self.values
            .entry((row, contender, name))
            .or_default()
            .extend(value);
    }

    /// Fills up what this round lacks, so that equal positions are equal rounds.
    pub(super) fn close_round(&mut self, row: Row, contender: Contender, round: u32) {
        for ((of_row, of_contender, _), values) in &mut self.values {
            if (*of_row, *of_contender) == (row, contender) {
                values.resize(round as usize + 1, f64::NAN);
            }
        }
    }

    /// The median over the rounds.
    pub(crate) fn median(&self, row: Row, contender: Contender, name: &'static str) -> Option<f64> {
        median(&self.known(row, contender, name))
    }

    /// The latest value.
    pub(super) fn last(&self, row: Row, contender: Contender, name: &'static str) -> Option<f64> {
        self.known(row, contender, name).last().copied()
    }

    /// The median of the ratios within each round.
    pub(super) fn ratio(
        &self,
        of: (Row, Contender, &'static str),
        to: (Row, Contender, &'static str),
    ) -> Option<f64> {
        let ratios = self
            .values
            .get(&of)?
            .iter()
            .zip(self.values.get(&to)?)
            .map(|(of, to)| of / to);
        median(&ratios.filter(|ratio| ratio.is_finite()).collect::<Vec<_>>())
    }

    fn known(&self, row: Row, contender: Contender, name: &'static str) -> Vec<f64> {
        let values = self.values.get(&(row, contender, name));
        values
            .into_iter()
            .flatten()
            .copied()
            .filter(|value| value.is_finite())
            .collect()
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Figure<'a> {
            row: &'static str,
            server: Contender,
            name: &'static str,
            median: Option<f64>,
            rounds: &'a [f64],
        }
        let mut list = serializer.serialize_seq(Some(self.values.len()))?;
        for ((row, server, name), rounds) in &self.values {
            let median = self.median(*row, *server, name);
            list.serialize_element(&Figure {
                row: row.name(),
                server: *server,
                name,
                median,
                rounds,
            })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut figures = Figures::default();
        let (own, floor) = (
            (Row::Lockstep, Contender::Passerby, "cpu_us"),
            (Row::Lockstep, Contender::Floor, "cpu_us"),
        );
        // The second round was slow for both, and the third yielded nothing for one of them.
        for (round, (one, other)) in [(Some(2.0), 1.0), (Some(20.0), 10.0), (None, 7.0)]
            .into_iter()
            .enumerate()
        {
            figures.add(own.0, own.1, own.2, one);
            figures.add(floor.0, floor.1, floor.2, Some(other));
            figures.close_round(own.0, own.1, round as u32);
            figures.close_round(floor.0, floor.1, round as u32);
        }
        assert_eq!(figures.ratio(own, floor), Some(2.0));
        assert_eq!(figures.median(own.0, own.1, own.2), Some(11.0));
        assert_eq!(figures.last(own.0, own.1, own.2), Some(20.0));
        assert_eq!(
            figures.ratio(own, (Row::Crowd, Contender::Floor, "cpu_us")),
            None
        );
    }
}
