//! The page while it is worked on: a debug build reads its files from the source tree that it was built from, so that a
//! reload shows an edit. They are small and on a local disk, so the loop itself reads them.

use crate::service::web::Reader;

/// What reads a file of the page, by the name under which it was embedded; nothing in a release build.
pub fn reader() -> Option<Reader> {
    cfg!(debug_assertions).then_some(read)
}

fn read(name: &str) -> Option<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/static");
    std::fs::read(std::path::Path::new(folder).join(name)).ok()
}
