//! What must hold about all that was said in rooms and between people there, once everything has arrived.

use std::collections::{BTreeSet, HashMap};

use crate::guest::{Guest, Stay};
use crate::world::World;

/// Everything that anybody heard in each room.
type Said<'w> = HashMap<&'w str, BTreeSet<&'w str>>;

impl World {
    /// Everybody heard the same, without a gap; whoever is still there has heard everything that they should. How many private
    /// messages that were, counted for each socket.
    pub fn check_rooms(&self) -> Result<usize, String> {
        let said = self.said()?;
        self.check_order(&said)?;
        for (guest, is_there) in self.guests() {
            for stay in guest.all_stays() {
                check_stay(guest, stay, &said, is_there)?;
            }
        }
        self.check_letters()
    }

    /// What was said in each room, which has one text wherever it was heard.
    fn said(&self) -> Result<Said<'_>, String> {
        let mut said = Said::new();
        let mut texts: HashMap<&str, &str> = HashMap::new();
        for (guest, _) in self.guests() {
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
        Ok(said)
    }

    /// What one person said arrives in the order in which they said it.
    fn check_order(&self, said: &Said<'_>) -> Result<(), String> {
        let guests = self.guests();
        let texts: HashMap<&str, &str> = guests
            .iter()
            .flat_map(|(guest, _)| &guest.texts)
            .map(|(id, text)| (id.as_str(), text.as_str()))
            .collect();
        for (room, ids) in said {
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

    /// Whoever was there, and still is, has every private message that was for them, and the echoes of their own. How many
    /// that were.
    fn check_letters(&self) -> Result<usize, String> {
        let guests = self.guests();
        let mut count = 0;
        for (witness, _) in &guests {
            for (id, private) in &witness.privates {
                let has = |guest: &Guest| guest.privates.contains_key(id);
                for (guest, is_there) in &guests {
                    let is_concerned = [&private.sender, &private.recipient].contains(&&guest.id);
                    let was_there = guest.welcome.as_ref().is_some_and(|welcome| welcome < id);
                    if !*is_there || !is_concerned || !was_there {
                        continue;
                    }
                    if !has(guest) {
                        return Err(format!("{} never got {id}: {private:?}", guest.id));
                    }
                    count += 1;
                }
                let may_have_it = |guest: &Guest| {
                    let was_there = guest.welcome.as_ref().is_none_or(|welcome| welcome < id);
                    guest.id == private.recipient && was_there
                };
                let is_nobody = !guests.iter().any(|(guest, _)| may_have_it(guest));
                if private.delivered == Some(true) && is_nobody {
                    return Err(format!("{id} was delivered to nobody: {private:?}"));
                }
            }
        }
        Ok(count)
    }
}

/// Checks what somebody heard in a room; `is_there` says whether they still are, and read.
fn check_stay(guest: &Guest, stay: &Stay, said: &Said<'_>, is_there: bool) -> Result<(), String> {
    let room = &said[stay.room.as_str()];
    let fault = |what: &str| Err(format!("{} {what} in {}", guest.id, stay.room));
    // Whatever was said since is known, whether the socket has asked for anything or not; to whoever leaves until they do,
    // unless another socket of theirs left while this one was still sent the history.
    let until = match &stay.left {
        Some(left) if !guest.has_company => Some(left.as_str()),
        None if is_there => Some("~"),
        _ => None,
    };
    if let Some(until) = until {
        let mut since = room.range(stay.since.as_str()..until);
        if since.any(|id| !stay.heard.contains(*id)) {
            return fault("missed something that was said while they were");
        }
    }
    let (Some(first), Some(last)) = (stay.heard.first(), stay.heard.last()) else {
        return Ok(());
    };
    // Whoever has gone may have gone while they were sent the history.
    let span = room.range(first.as_str()..=last.as_str());
    let is_gapless = span.copied().eq(stay.heard.iter().map(String::as_str));
    let was_amid = stay.is_late && (!is_there || stay.left.is_some());
    if !is_gapless && !was_amid {
        return fault("missed something");
    }
    Ok(())
}
