//! What machines may read about the server: its routes and its messages (`docs/*.yaml`), embedded in the binary.

use crate::wire::response::{Response, Status};

/// A document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manual {
    /// Every HTTP route, in OpenAPI.
    Routes,
    /// Every WebSocket message, in AsyncAPI.
    Messages,
}

impl Manual {
    /// Its text.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Routes => include_str!("../../docs/openapi.yaml"),
            Self::Messages => include_str!("../../docs/asyncapi.yaml"),
        }
    }

    /// The response that brings it, to pages from anywhere.
    pub fn response(self) -> Response {
        Response::new(Status::OK)
            .with_body("application/yaml", self.text().as_bytes())
            .with_field("Access-Control-Allow-Origin", "*")
            .with_field("Cache-Control", "no-cache")
    }
}
