//! What must hold about all that was said in a simulated world, once everything has arrived.

use std::collections::{BTreeSet, HashMap};

use crate::person::Person;
use crate::world::World;

impl World {
    /// What must hold about all that was said, once everything has arrived.
    pub(crate) fn check_books(&self) -> Result<(), String> {
        self.check_rooms()?;
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

    /// What must hold about all that was said in rooms: everybody heard the same in the same order, without
    /// a gap between the first and the last thing they heard.
    fn check_rooms(&self) -> Result<(), String> {
        let guests = || {
            let people = self.seats.iter().map(|seat| &seat.person);
            people
                .chain(&self.gone)
                .filter_map(|person| person.guest.as_ref())
        };
        let mut said: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        let mut texts: HashMap<&str, &str> = HashMap::new();
        for guest in guests() {
            for stay in guest.all_stays() {
                let room = said.entry(&stay.room).or_default();
                room.extend(stay.heard.iter().map(String::as_str));
            }
            for (id, text) in &guest.texts {
                if texts.insert(id, text).is_some_and(|other| other != text) {
                    return Err(format!("{id} has two texts"));
                }
            }
        }
        for guest in guests().filter(|guest| guest.is_in_order()) {
            for stay in guest.all_stays() {
                let (Some(first), Some(last)) = (stay.heard.first(), stay.heard.last()) else {
                    continue;
                };
                let span = said[stay.room.as_str()].range(first.as_str()..=last.as_str());
                if !span.copied().eq(stay.heard.iter().map(String::as_str)) {
                    return Err(format!("{} missed something in {}", guest.id, stay.room));
                }
            }
        }
        // What one person said arrives in the order in which they said it.
        for (room, ids) in &said {
            let mut latest: HashMap<&str, usize> = HashMap::new();
            for id in ids {
                let mut parts = texts[id].split(':');
                let (Some(name), Some(number)) = (parts.next(), parts.next()) else {
                    return Err(format!("nobody said {}", texts[id]));
                };
                let number = number.parse().map_err(|_| "that is no number")?;
                if latest
                    .insert(name, number)
                    .is_some_and(|last| last >= number)
                {
                    return Err(format!("{name} was heard out of order in {room}"));
                }
            }
        }
        Ok(())
    }
}
