//! The secret that session tokens are signed with: the operator's, or one that is made once and kept in the data directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use passerby::config::Config;
use passerby::kernel::secret::Secret;
use passerby::wire::token::Key;

/// The file's name in the data directory.
const FILE: &str = "jwt_secret";
/// Random bytes of a secret that is made.
const SECRET_BYTES: usize = 32;

/// Makes the data directory if there is none, with access for its owner alone.
pub(crate) fn make_directory(path: &Path) -> Result<(), String> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| format!("the data directory {}: {error}", path.display()))
}

/// The key of session tokens. Without `jwt_secret` in the configuration, it is the file's; without a file, one is made.
pub(crate) fn token_key(config: &Config) -> Result<Key, String> {
    if let Some(secret) = &config.jwt_secret {
        return Key::new(secret).map_err(|error| format!("jwt_secret: {error}"));
    }
    let path = config.data.join(FILE);
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let secret = match read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path)
            .and_then(|()| read(&path))
            .map_err(|error| fault(&error))?,
        read => read.map_err(|error| fault(&error))?,
    };
    Key::new(&secret).map_err(|error| {
        fault(&format!(
            "the secret {error}; remove the file to have one made"
        ))
    })
}

/// Reads the secret; a line's end after it is not part of it.
fn read(path: &Path) -> io::Result<Secret> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        // Some file systems know no modes, so this is no reason not to start.
        log::warn!(
            "{} is not its owner's alone: its mode is {:o}",
            path.display(),
            mode & 0o777
        );
    }
    let text = Secret::new(fs::read_to_string(path)?);
    Ok(Secret::new(text.expose().trim_end().to_owned()))
}

/// Puts a new secret there, whole or not at all, unless another process was faster.
fn make(path: &Path) -> io::Result<()> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    let text = Secret::new(
        secret
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
    );
    let number = getrandom::u64().map_err(io::Error::other)?;
    let draft = path.with_extension(format!("{number:016x}"));
    let written = write(&draft, &text).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Not every file system has hard links.
        linked => linked.or_else(|_| fs::rename(&draft, path)),
    });
    let _ = fs::remove_file(&draft);
    written
}

fn write(path: &Path, text: &Secret) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file: File = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
