//! The one URL table: every path the server knows.

use std::borrow::Cow;

use crate::service::account;
use crate::service::manual::Manual;
use crate::service::web::{ASSETS, Asset};
use crate::wire::head::Method;
use crate::wire::query;

/// What answers at a path.
#[derive(Clone, Copy, Debug)]
pub enum Endpoint {
    /// A file of the page.
    Asset(&'static Asset),
    /// The socket of the stranger chat.
    Stranger,
    /// The socket of the rooms.
    Rooms,
    /// What can be had below `/api/` by plain requests.
    Api(Resource),
    /// The socket of a private room.
    PrivateRoom,
    /// The socket of notifications.
    Notifications,
    /// What can be had of accounts by plain requests.
    Account(account::Resource),
    /// A document about the server.
    Manual(Manual),
    /// Is it alive?
    Health,
    /// Should people be sent here?
    Readiness,
    /// What does it do?
    Metrics,
}

/// What can be had below `/api/` by plain requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The rooms there are.
    Rooms,
    /// What was said in one of them.
    RoomMessages,
    /// Who is here.
    Users,
    /// Where to say something.
    Messages,
    /// The servers with whose help two browsers reach each other.
    Ice,
}

/// A path and what answers there.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The path, exactly; a segment in braces stands for any one segment.
    pub path: &'static str,
    /// The methods it takes, as the Allow field lists them.
    pub allow: &'static str,
    /// What answers.
    pub endpoint: Endpoint,
}

/// Every route that is not a file of the page.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/ws",
        allow: "GET, OPTIONS",
        endpoint: Endpoint::Stranger,
    },
    Route {
        path: "/api/ws",
        allow: "GET, OPTIONS",
        endpoint: Endpoint::Rooms,
    },
    Route {
        path: "/api/rooms",
        allow: "GET, HEAD, POST, OPTIONS",
        endpoint: Endpoint::Api(Resource::Rooms),
    },
    Route {
        path: "/api/rooms/{id}/messages",
        allow: READ,
        endpoint: Endpoint::Api(Resource::RoomMessages),
    },
    Route {
        path: "/api/users",
        allow: READ,
        endpoint: Endpoint::Api(Resource::Users),
    },
    Route {
        path: "/api/messages",
        allow: ACT,
        endpoint: Endpoint::Api(Resource::Messages),
    },
    Route {
        path: "/api/ice",
        allow: READ,
        endpoint: Endpoint::Api(Resource::Ice),
    },
    Route {
        path: "/ws/notifications",
        allow: "GET, OPTIONS",
        endpoint: Endpoint::Notifications,
    },
    Route {
        path: "/ws/{room_id}",
        allow: "GET, OPTIONS",
        endpoint: Endpoint::PrivateRoom,
    },
    Route {
        path: "/auth/register",
        allow: ACT,
        endpoint: Endpoint::Account(account::Resource::Register),
    },
    Route {
        path: "/auth/login",
        allow: ACT,
        endpoint: Endpoint::Account(account::Resource::Login),
    },
    Route {
        path: "/pool/join",
        allow: ACT,
        endpoint: Endpoint::Account(account::Resource::Join),
    },
    Route {
        path: "/pool/leave",
        allow: ACT,
        endpoint: Endpoint::Account(account::Resource::Leave),
    },
    Route {
        path: "/rooms/me",
        allow: READ,
        endpoint: Endpoint::Account(account::Resource::Rooms),
    },
    Route {
        path: "/rooms/{room_id}",
        allow: "GET, HEAD, DELETE, OPTIONS",
        endpoint: Endpoint::Account(account::Resource::Room),
    },
    Route {
        path: "/rooms/{room_id}/messages",
        allow: READ,
        endpoint: Endpoint::Account(account::Resource::Messages),
    },
    Route {
        path: "/rooms/{room_id}/name",
        allow: "PATCH, OPTIONS",
        endpoint: Endpoint::Account(account::Resource::Name),
    },
    Route {
        path: "/messages/{id}/reactions",
        allow: "POST, DELETE, OPTIONS",
        endpoint: Endpoint::Account(account::Resource::Reactions),
    },
    Route {
        path: "/openapi.yaml",
        allow: READ,
        endpoint: Endpoint::Manual(Manual::Routes),
    },
    Route {
        path: "/asyncapi.yaml",
        allow: READ,
        endpoint: Endpoint::Manual(Manual::Messages),
    },
    Route {
        path: "/health",
        allow: READ,
        endpoint: Endpoint::Health,
    },
    Route {
        path: "/readyz",
        allow: READ,
        endpoint: Endpoint::Readiness,
    },
    Route {
        path: "/metrics",
        allow: READ,
        endpoint: Endpoint::Metrics,
    },
];

const READ: &str = "GET, HEAD, OPTIONS";
const ACT: &str = "POST, OPTIONS";

impl Route {
    /// Whether `method` is allowed.
    pub fn takes(&self, method: Method) -> bool {
        self.allow
            .split(", ")
            .any(|allowed| allowed == method.label())
    }

    /// Whether it answers even when the server is full.
    pub const fn is_vital(&self) -> bool {
        matches!(
            self.endpoint,
            Endpoint::Health | Endpoint::Readiness | Endpoint::Metrics
        )
    }
}

/// The route for a path as it was sent, whose segments are percent-decoded once and then compared exactly.
pub(super) fn find(path: &str) -> Option<Route> {
    ROUTES
        .iter()
        .find(|route| {
            let is_pattern = route.path.contains('{');
            segment(route.path, path).is_some_and(|found| !is_pattern || !found.is_empty())
        })
        .copied()
        .or_else(|| {
            let path = query::decode(path, false)?;
            let asset = ASSETS.iter().find(|asset| asset.path == path)?;
            Some(Route {
                path: asset.path,
                allow: READ,
                endpoint: Endpoint::Asset(asset),
            })
        })
}

/// What `path` has where `pattern` has a segment in braces, or nothing if it has none; `None` if it does not match.
pub(super) fn segment<'p>(pattern: &str, path: &'p str) -> Option<Cow<'p, str>> {
    let mut found = Cow::Borrowed("");
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let given = query::decode(segments.next()?, false)?;
        if wanted.starts_with('{') {
            found = given;
        } else if given != wanted {
            return None;
        }
    }
    segments.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_paths_are_found() {
        for path in ["/", "/ws", "/health", "/passerby.js", "/%68ealth"] {
            assert!(find(path).is_some(), "{path}");
        }
        for path in [
            "//",
            "/..",
            "/../etc/passwd",
            "/%2e%2e/etc/passwd",
            "/..%2fetc%2fpasswd",
            "/ws/",
            "/WS",
            "/health%00",
            "/static/../passerby.js",
            "/%252e%252e",
            "/%ff",
            "/%",
            "/passerby.js/",
            "/assets/",
            "/assets/../passerby.js",
            "/api/rooms/a/b/messages",
            "/api/rooms/messages",
            "/api/rooms/%ff/messages",
            "/api",
            "/rooms",
            "/rooms/",
            "/rooms//messages",
            "/rooms/a/b",
            "/ws/a/b",
            "*",
            "",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn what_is_spelt_out_comes_before_what_is_not() {
        for path in ["/rooms/me", "/ws/notifications", "/rooms/%6de"] {
            let route = find(path).expect("a route");
            assert!(!route.path.contains('{'), "{path}");
        }
        assert_eq!(find("/ws/x").map(|route| route.path), Some("/ws/{room_id}"));
    }

    #[test]
    fn a_segment_may_be_an_id() {
        let pattern = "/api/rooms/{id}/messages";
        for (path, id) in [
            ("/api/rooms/general/messages", Some("general")),
            ("/api/rooms/a%2Fb%20c/messages", Some("a/b c")),
            ("/api/rooms//messages", Some("")),
            ("/api/rooms/a/b/messages", None),
        ] {
            assert_eq!(segment(pattern, path).as_deref(), id, "{path}");
        }
    }
}
