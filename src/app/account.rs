//! Accounts: their sockets and plain requests, and the strangers who stay in touch.

use super::routes;
use super::{App, Service};
use crate::conn::{Late, Reply, Request, Turn};
use crate::kernel::id::ConnId;
use crate::kernel::stats::Refused;
use crate::service::account::{Admission, Resource};
use crate::wire::head::Method;
use crate::wire::response::Response;
use crate::wire::upgrade;

impl App {
    /// Opens a socket in a private room, or for notifications if there is none, or says why not, or that the answer comes later.
    pub(super) fn open_account<'a>(
        &mut self,
        room: Option<&str>,
        request: &Request<'a>,
        turn: &mut Turn<'_>,
    ) -> Result<Reply<'a, Service>, (Response, Refused)> {
        let key = upgrade::check(request.head)?;
        self.check_origin(request)?;
        self.check_draining()?;
        match self.accounts.admit(room, request, turn) {
            Admission::Open => Ok(Reply::Open(Service::Account, key)),
            Admission::Later => Ok(Reply::Later(Some(key))),
            Admission::Refuse(response, cause) => Err((response, cause)),
        }
    }

    /// Answers a plain request, or says that the answer comes later.
    pub(super) fn serve_account<'a>(
        &mut self,
        resource: Resource,
        path: &str,
        request: &Request<'a>,
        turn: &mut Turn<'_>,
    ) -> Result<Reply<'a, Service>, (Response, Refused)> {
        if !matches!(request.head.method, Method::Get | Method::Head) {
            self.check_origin(request)?;
            self.check_draining()?;
        }
        let segment = routes::segment(path, request.head.path).unwrap_or_default();
        Ok(
            match self.accounts.serve(resource, &segment, request, turn) {
                Some(response) => Reply::Respond(response),
                None => Reply::Later(None),
            },
        )
    }

    /// The next answer to a request that had to wait.
    pub(super) fn next_late_answer(&mut self) -> Option<(ConnId, Late<Service>)> {
        let (conn, late) = self.accounts.next_late()?;
        let sharing = self.sharings.remove(&conn.pack());
        let late = match late {
            Late::Respond(response) => Late::Respond(match sharing {
                Some(sharing) => sharing.mark(response),
                None => response,
            }),
            Late::Open(()) => Late::Open(Service::Account),
        };
        Some((conn, late))
    }

    /// Has rooms opened for strangers who want to stay in touch, and tells them when they are there.
    pub(super) fn keep_in_touch(&mut self, turn: &mut Turn<'_>) {
        while let Some(agreement) = self.stranger.next_agreement() {
            let ticket = self.accounts.keep(agreement.accounts, turn);
            self.agreements.insert(ticket, agreement);
        }
        while let Some((ticket, room)) = self.accounts.next_kept() {
            if let Some(agreement) = self.agreements.remove(&ticket) {
                self.stranger.kept(&agreement, room, turn);
            }
        }
    }
}
