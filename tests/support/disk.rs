//! A disk that is really full when it is full: a file system of its own, in memory.
//!
//! Mounting takes root. Where that is not possible, what needs it is left out, and says so; with `CI=true` that fails.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::scratch;

/// See the module's description.
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one of so many KiB; `None` if that is not possible here.
    pub fn mount(kib: u32) -> Option<Self> {
        let folder = scratch();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(&folder)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        let is_required = std::env::var("CI").is_ok_and(|set| set == "true");
        assert!(!is_required, "no file system can be mounted here");
        // Not by a macro, whose output would be swallowed.
        let _ = std::io::stderr()
            .write_all(b"\nSKIPPED on a full disk: no file system can be mounted here\n");
        let _ = fs::remove_dir(folder);
        None
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = fs::File::create(self.folder.join("filling")).expect("a file");
        for bytes in [65_536, 4_096, 1] {
            while file.write_all(&vec![b'x'; bytes]).is_ok() {}
        }
    }

    /// Takes away what has filled it.
    pub fn empty(&self) {
        fs::remove_file(self.folder.join("filling")).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Somebody may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
        let _ = fs::remove_dir(&self.folder);
    }
}
