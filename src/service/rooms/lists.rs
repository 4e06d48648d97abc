//! Lists by plain requests: rooms, people, and pages of history, each as far as one response has space.
//!
//! A list that has more behind it says so with `next`: the id behind which the next request goes on.

use uuid::Uuid;

use super::Rooms;
use super::fault::{Answer, bad_request, not_found};
use super::outgoing::quote;
use super::people::PersonId;
use super::room::RoomId;
use crate::limits;
use crate::wire::head::Head;
use crate::wire::query;
use crate::wire::response::{Response, Status};

impl Rooms {
    /// `GET /api/rooms`: the rooms in the order in which they were made, `general` first.
    pub fn list_rooms(&self, head: &Head<'_>) -> Answer {
        let limit = limit(head)?;
        let after = query::value(head.query, "after");
        let after = after
            .map(|id| self.rooms.find(&id).ok_or(not_found("Room not found")))
            .transpose()?;
        let mut list = List::new("rooms", limit);
        for id in self.rooms.iter(after) {
            let room = self.rooms.room(id);
            if !list.add(&room.id, |text| self.show(id, text)) {
                break;
            }
        }
        Ok(list.finish())
    }

    /// Appends what lists say of a room.
    pub(super) fn show(&self, room: RoomId, text: &mut Vec<u8>) {
        let members = self.membership.members(room);
        self.rooms.room(room).show(members, text);
    }

    /// `GET /api/users`: everybody who is here in the order in which they came or, with `room`, who is in that room in the
    /// order of joining.
    pub fn list_users(&self, head: &Head<'_>) -> Answer {
        let limit = limit(head)?;
        let after = query::value(head.query, "after");
        let after = after
            .map(|id| self.people.find(&id).ok_or(not_found("User not found")))
            .transpose()?;
        let mut list = List::new("users", limit);
        match query::value(head.query, "room") {
            None => self.list_people(self.people.connected(after), &mut list),
            Some(room) => {
                let room = self.rooms.find(&room).ok_or(not_found("Room not found"))?;
                let after = after
                    .map(|person| self.membership.find(person, room))
                    .map(|seat| seat.ok_or(not_found("User not found")))
                    .transpose()?;
                let seats = self.membership.seats_in(room, after);
                let people = seats.map(|seat| self.membership.person(seat));
                self.list_people(people, &mut list);
            }
        }
        Ok(list.finish())
    }

    fn list_people<'r>(&'r self, people: impl Iterator<Item = PersonId>, list: &mut List<'r>) {
        for id in people {
            let person = self.people.person(id);
            let first = self.membership.seats_of(id).next();
            let room = first.map(|seat| &*self.rooms.room(self.membership.room(seat)).id);
            let show = |text: &mut Vec<u8>| {
                text.extend_from_slice(br#"{"id":"#);
                quote(text, &person.id);
                text.extend_from_slice(br#","username":"#);
                quote(text, &person.name);
                text.extend_from_slice(br#","room":"#);
                quote(text, room.unwrap_or_default());
                text.push(b'}');
            };
            if !list.add(&person.id, show) {
                return;
            }
        }
    }

    /// `GET /api/rooms/{id}/messages`: a page of what was said, oldest first.
    pub fn list_messages(&self, id: &str, head: &Head<'_>) -> Answer {
        let room = self.rooms.find(id).ok_or(not_found("Room not found"))?;
        let limit = limit(head)?.unwrap_or(limits::PAGE_MESSAGES);
        let before = query::value(head.query, "before").map(|text| Uuid::try_parse(&text));
        let before = before
            .transpose()
            .map_err(|_| bad_request("before must be the id of a message"))?;
        let history = &self.rooms.room(room).history;
        let page = history.newest(before, limit, limits::LISTING_BYTES_MAX);
        let mut list = List::new("messages", None);
        let mut oldest = None;
        for kept in page.messages {
            oldest.get_or_insert(kept.id);
            list.separate();
            list.text.extend_from_slice(kept.message());
        }
        if page.is_cut
            && let Some(oldest) = oldest
        {
            return Ok(list.finish_before(&oldest.to_string()));
        }
        Ok(list.finish())
    }
}

/// How many items are asked for at most, if the request says so.
fn limit(head: &Head<'_>) -> Result<Option<usize>, (Response, crate::kernel::stats::Refused)> {
    let limit = query::value(head.query, "limit").map(|text| text.parse::<usize>());
    limit
        .transpose()
        .map_err(|_| bad_request("limit must be a number"))
}

/// A response with one list.
struct List<'l> {
    text: Vec<u8>,
    /// How many items may follow.
    left: usize,
    /// The id of the last item.
    last: Option<&'l str>,
    is_empty: bool,
    is_cut: bool,
}

impl<'l> List<'l> {
    fn new(name: &str, limit: Option<usize>) -> Self {
        Self {
            text: format!("{{\"{name}\":[").into_bytes(),
            left: limit.unwrap_or(usize::MAX),
            last: None,
            is_empty: true,
            is_cut: false,
        }
    }

    /// Adds the item that `show` appends, if there is space for it.
    fn add(&mut self, id: &'l str, show: impl FnOnce(&mut Vec<u8>)) -> bool {
        let before = self.text.len();
        if self.left > 0 {
            self.separate();
            show(&mut self.text);
        }
        if self.left == 0 || self.text.len() > limits::LISTING_BYTES_MAX {
            self.text.truncate(before);
            self.is_cut = true;
            return false;
        }
        self.left -= 1;
        self.last = Some(id);
        true
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.text.push(b',');
        }
    }

    fn finish(self) -> Response {
        match self.last {
            Some(last) if self.is_cut => self.finish_before(last),
            _ => self.finish_with(b"]}"),
        }
    }

    /// Ends the list, which goes on behind the item `next`.
    fn finish_before(mut self, next: &str) -> Response {
        self.text.extend_from_slice(br#"],"next":"#);
        quote(&mut self.text, next);
        self.finish_with(b"}")
    }

    fn finish_with(mut self, end: &[u8]) -> Response {
        self.text.extend_from_slice(end);
        Response::json(Status::OK, self.text)
    }
}
