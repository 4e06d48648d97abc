//! Where the store is: a file, memory, or a PostgreSQL server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgres::config::SslMode;

use crate::limits;

/// Where the store is.
#[derive(Clone, Debug)]
pub enum Location {
    /// In a file, or, without one, in the memory of the process.
    Sqlite {
        /// The file.
        path: Option<PathBuf>,
        /// How many pages of 4 KiB it may have.
        pages_max: Option<u32>,
    },
    /// At a PostgreSQL server.
    Postgres(Box<postgres::Config>),
}

impl Location {
    /// Reads `sqlite:PATH`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/DATABASE`. A relative path is one in `data_dir`.
    ///
    /// `sqlite:PATH?max_page_count=N` bounds the size of the file. Errors are for people, and show no passwords.
    pub fn parse(text: &str, data_dir: &Path) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return parse_sqlite(rest, data_dir);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return parse_postgres(text).map(|config| Self::Postgres(Box::new(config)));
        }
        Err("the store must be sqlite:PATH or postgres://...".to_owned())
    }
}

fn parse_sqlite(rest: &str, data_dir: &Path) -> Result<Location, String> {
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    let mut pages_max = None;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let pages = option
            .strip_prefix("max_page_count=")
            .and_then(|number| number.parse().ok());
        if pages.is_none() {
            return Err(format!("sqlite: does not know the option {option:?}"));
        }
        pages_max = pages;
    }
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err("sqlite: needs the path of a file".to_owned());
    }
    let path = (path != ":memory:").then(|| data_dir.join(path));
    Ok(Location::Sqlite { path, pages_max })
}

fn parse_postgres(text: &str) -> Result<postgres::Config, String> {
    // The error would not show the password, but it is not worth finding out what else it might.
    let mut config: postgres::Config = text
        .parse()
        .map_err(|_| "the address of the PostgreSQL server cannot be read".to_owned())?;
    if !matches!(config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer) {
        return Err(
            "TLS to PostgreSQL is not offered: use sslmode=disable, and a network that can be trusted"
                .to_owned(),
        );
    }
    if config.get_hosts().is_empty() {
        return Err("the address of the PostgreSQL server has no host".to_owned());
    }
    if config.get_user().is_none() {
        return Err("the address of the PostgreSQL server has no user".to_owned());
    }
    config.ssl_mode(SslMode::Disable);
    if config.get_application_name().is_none() {
        config.application_name("passerby");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_millis(limits::STORE_CONNECT_MS));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_millis(limits::STORE_SILENCE_MS));
    }
    config.keepalives(true);
    config.keepalives_idle(Duration::from_millis(limits::STORE_SILENCE_MS));
    config.keepalives_interval(Duration::from_secs(1));
    config.keepalives_retries(3);
    Ok(config)
}

/// For the log: no user, no password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite {
                path: Some(path), ..
            } => write!(f, "SQLite at {}", path.display()),
            Self::Sqlite { path: None, .. } => f.write_str("SQLite in memory"),
            Self::Postgres(_) => f.write_str("PostgreSQL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Location, String> {
        Location::parse(text, Path::new("/data"))
    }

    fn path(text: &str) -> Option<PathBuf> {
        match parse(text) {
            Ok(Location::Sqlite { path, .. }) => path,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_are_in_the_data_directory_unless_they_say_where() {
        assert_eq!(path("sqlite:passerby.db"), Some("/data/passerby.db".into()));
        assert_eq!(path("sqlite:/var/x.db"), Some("/var/x.db".into()));
        assert_eq!(path("sqlite:///var/x.db"), Some("/var/x.db".into()));
        assert_eq!(path("sqlite::memory:"), None);
    }

    #[test]
    fn a_file_may_be_bounded() {
        let bounded = parse("sqlite:x?max_page_count=100").expect("a location");
        assert!(matches!(
            bounded,
            Location::Sqlite {
                pages_max: Some(100),
                ..
            }
        ));
        for bad in ["sqlite:x?max_page_count=", "sqlite:x?mode=ro"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn servers_are_read_without_telling_their_passwords() {
        let location = parse("postgres://u:hunter2@db.example:5433/passerby").expect("a location");
        assert!(!format!("{location:?} {location}").contains("hunter2"));
        for fine in [
            "postgresql://u@localhost/x?sslmode=prefer",
            "postgres://u@localhost/x?sslmode=disable",
        ] {
            assert!(parse(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_refused_with_a_reason() {
        let refusal = |text| parse(text).expect_err("refused");
        assert!(refusal("postgres://u:hunter2@h/x?sslmode=require").contains("TLS"));
        assert!(refusal("postgres:///x?user=u").contains("host"));
        assert!(refusal("postgres://h/x").contains("user"));
        assert!(!refusal("postgres://u:hunter2@h:port/x").contains("hunter2"));
        assert!(refusal("mysql://h/x").contains("sqlite:PATH"));
        assert!(refusal("sqlite:").contains("path"));
    }
}
