//! The one URL table: every path the server knows.

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
    /// Is it alive?
    Health,
    /// Should people be sent here?
    Readiness,
    /// What does it do?
    Metrics,
}

/// A path and what answers there.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The path, exactly.
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

/// The route for a path as it was sent, which is percent-decoded once and then compared exactly.
pub(super) fn find(path: &str) -> Option<Route> {
    let path = query::decode(path, false)?;
    ROUTES
        .iter()
        .find(|route| route.path == path)
        .copied()
        .or_else(|| {
            ASSETS
                .iter()
                .find(|asset| asset.path == path)
                .map(|asset| Route {
                    path: asset.path,
                    allow: READ,
                    endpoint: Endpoint::Asset(asset),
                })
        })
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
            "*",
            "",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
