//! The page, embedded in the binary (`static/`).

use crate::wire::response::{Response, Status};

const PAGE_POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";

/// A file of the page.
#[derive(Debug)]
pub struct Asset {
    /// The path it is served at.
    pub path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// Every file, by exact path: there is no file system to escape into.
pub const ASSETS: &[Asset] = &[
    Asset {
        path: "/",
        content_type: "text/html; charset=utf-8",
        bytes: include_bytes!("../../static/index.html"),
    },
    Asset {
        path: "/chat.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../static/chat.js"),
    },
    Asset {
        path: "/style.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../static/style.css"),
    },
    Asset {
        path: "/favicon.svg",
        content_type: "image/svg+xml",
        bytes: include_bytes!("../../static/favicon.svg"),
    },
];

impl Asset {
    /// The response that brings it.
    pub fn response(&self) -> Response {
        Response::new(Status::OK)
            .with_body(self.content_type, self.bytes)
            .with_field("Cache-Control", "no-cache")
            .with_field("Content-Security-Policy", PAGE_POLICY)
            .with_field("Permissions-Policy", "camera=(self), microphone=(self)")
    }
}
