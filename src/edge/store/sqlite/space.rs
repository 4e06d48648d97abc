//! Space that the files hold before it is needed, so that on a full disk what makes space can still be written.
//!
//! A change is written to the log, and moved from there into the file; only then can the log be written anew. So the file must have
//! space for everything in the log, and the log for the one change that makes space. Both are held beyond the
//! files' ends, where nobody sees it. Systems that cannot do that go without.
//!
//! The file must not be closed before the connection: a process loses its locks on a file with any of its descriptors.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ffi};

/// What the file holds at once if there is that much, in bytes.
const STRIDE: u64 = 1024 * 1024;
/// What is kept from everybody who makes no space, in pages.
const MARGIN_PAGES: u64 = 16;
/// What the log holds, in bytes: many times the room that closing a room takes there.
const LOG: u64 = 256 * 1024;
/// What [`MetadataExt::blocks`] counts in, in bytes.
const BLOCK: u64 = 512;

/// See the module's description.
pub(super) struct Space {
    file: File,
    log: PathBuf,
    page_bytes: u64,
}

impl Space {
    /// Holds space for a file that is open.
    pub(super) fn open(path: &Path, connection: &Connection) -> io::Result<Self> {
        let mut log = OsString::from(path);
        log.push("-wal");
        let page_bytes = connection
            .pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0))
            .map_err(io::Error::other)?;
        Ok(Self {
            file: File::options().write(true).open(path)?,
            log: log.into(),
            page_bytes: page_bytes.into(),
        })
    }

    /// Sees to it that the file has space for every page that `connection` has given out; and some more, unless that `makes_space`.
    pub(super) fn hold(&self, connection: &Connection, makes_space: bool) -> rusqlite::Result<()> {
        let pages: u32 = connection
            .prepare_cached("PRAGMA page_count")?
            .query_row([], |row| row.get(0))?;
        let margin = if makes_space { 0 } else { MARGIN_PAGES };
        let bytes = (u64::from(pages) + margin) * self.page_bytes;
        let held = self.file.metadata().map_or(0, |file| file.blocks() * BLOCK);
        if held >= bytes || reserve(&self.file, bytes.next_multiple_of(STRIDE)) {
            return Ok(());
        }
        if reserve(&self.file, bytes) {
            return Ok(());
        }
        let full = ffi::Error::new(ffi::SQLITE_FULL);
        Err(rusqlite::Error::SqliteFailure(full, None))
    }

    /// Sees to it that the log has space for what makes space, if there is any.
    pub(super) fn hold_log(&self) {
        if let Ok(log) = File::options().write(true).open(&self.log) {
            reserve(&log, LOG);
        }
    }

    /// Whether there is something in the log.
    pub(super) fn is_log_used(&self) -> bool {
        fs::metadata(&self.log).is_ok_and(|log| log.len() > 0)
    }
}

/// Has a file hold so much; whether the disk was not too full for that.
#[cfg(target_os = "linux")]
fn reserve(file: &File, bytes: u64) -> bool {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    let done = fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes);
    !matches!(done, Err(Errno::NOSPC | Errno::DQUOT))
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64) -> bool {
    true
}
