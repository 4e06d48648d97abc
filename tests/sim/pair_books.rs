//! What must hold about all that was said between strangers, once everything has arrived.

use std::collections::HashMap;

use crate::person::Person;
use crate::world::World;

impl World {
    /// What must hold about all that was said, once everything has arrived.
    pub fn check_pairs(&self) -> Result<(), String> {
        let everybody = || self.seats.iter().map(|seat| &seat.person).chain(&self.gone);
        let mut members: HashMap<&str, Vec<&Person>> = HashMap::new();
        for person in everybody() {
            for pair in &person.pairs {
                members.entry(pair).or_default().push(person);
            }
        }
        for (pair, people) in &members {
            if people.len() > 2 {
                return Err(format!("{pair} has {} members", people.len()));
            }
        }
        let staying: Vec<usize> = self
            .seats
            .iter()
            .filter(|seat| seat.is_awake && !seat.person.dismissed)
            .map(|seat| seat.person.name)
            .collect();
        for person in everybody() {
            let mut last: HashMap<(&str, usize), usize> = HashMap::new();
            for (pair, text) in &person.heard {
                let mut parts = text
                    .split(':')
                    .map(|part| part.parse::<usize>().unwrap_or(0));
                let (from, number) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
                let last = last.entry((pair, from)).or_default();
                if number <= *last {
                    return Err(format!("{} heard {text} out of order", person.name));
                }
                *last = number;
            }
        }
        // Whatever was receipted was heard by somebody, unless all whom its sender met are gone or dozing.
        for sender in everybody() {
            let partners: Vec<&Person> = sender
                .pairs
                .iter()
                .filter_map(|pair| members.get(pair.as_str()))
                .flatten()
                .filter(|person| person.name != sender.name)
                .copied()
                .collect();
            let is_certain = sender
                .pairs
                .iter()
                .all(|pair| members[pair.as_str()].len() == 2)
                && partners.iter().all(|person| staying.contains(&person.name));
            for text in &sender.receipts {
                let is_heard = partners
                    .iter()
                    .any(|person| person.heard.iter().any(|(_, heard)| heard == text));
                if is_certain && !is_heard {
                    return Err(format!("{text} was receipted but heard by nobody"));
                }
            }
        }
        Ok(())
    }
}
