//! Where the store is: a file, memory, or a PostgreSQL server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postgres::config::SslMode;

use crate::kernel::secret::Secret;
use crate::limits;

/// The file that is used unless another is named.
const FILE: &str = "passerby.db";
/// What stands for a password that is not shown.
const HIDDEN: &str = Secret::REDACTED;

/// Where the store is.
#[derive(Clone, Debug)]
pub struct Location {
    pub(super) place: Place,
    /// As it was written, without passwords.
    url: String,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In a file, or, without one, in the memory of the process.
    Sqlite {
        path: Option<PathBuf>,
        /// How many pages of 4 KiB it may have.
        pages_max: Option<u32>,
    },
    /// At a PostgreSQL server.
    Postgres(Box<postgres::Config>),
}

impl Default for Location {
    fn default() -> Self {
        Self {
            place: Place::Sqlite {
                path: Some(FILE.into()),
                pages_max: None,
            },
            url: String::new(),
        }
    }
}

impl Location {
    /// Reads `sqlite:PATH`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/DATABASE`; an empty text is the default.
    ///
    /// `sqlite:PATH?max_page_count=N` bounds the size of the file. Errors are for people, and show no passwords.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let place = if let Some(rest) = text.strip_prefix("sqlite:") {
            parse_sqlite(rest)?
        } else if server(text).is_some() {
            Place::Postgres(Box::new(parse_postgres(text)?))
        } else {
            return Err("must be sqlite:PATH or postgres://...".to_owned());
        };
        let url = redacted(text);
        Ok(Self { place, url })
    }

    /// The same; if it is a file with a relative path, then in `data`.
    pub fn within(mut self, data: &Path) -> Self {
        if let Place::Sqlite {
            path: Some(path), ..
        } = &mut self.place
        {
            *path = data.join(&*path);
        }
        self
    }

    /// As it was written, without passwords.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn parse_sqlite(rest: &str) -> Result<Place, String> {
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
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    if path.file_name().is_none() {
        return Err("sqlite: needs the path of a file".to_owned());
    }
    let path = (path != Path::new(":memory:")).then(|| path.into());
    Ok(Place::Sqlite { path, pages_max })
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

/// A URL without its passwords.
fn redacted(url: &str) -> String {
    let Some(rest) = server(url) else {
        return url.to_owned();
    };
    let scheme = &url[..url.len() - rest.len()];
    // Passwords that should have been escaped may have these in them, so the last @ counts.
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    let user = user.map(|user| match user.split_once(':') {
        Some((name, _)) => format!("{name}:{HIDDEN}@"),
        None => format!("{user}@"),
    });
    let (place, query) = match place.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (place, None),
    };
    let query = query.map(|query| {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("pass") => {
                format!("{name}={HIDDEN}")
            }
            _ => pair.to_owned(),
        });
        format!("?{}", pairs.collect::<Vec<_>>().join("&"))
    });
    [
        scheme,
        &user.unwrap_or_default(),
        place,
        &query.unwrap_or_default(),
    ]
    .concat()
}

/// What follows the scheme of a PostgreSQL server.
fn server(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("postgres://");
    rest.or_else(|| url.strip_prefix("postgresql://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<PathBuf> {
        let location = Location::parse(text).expect("a location");
        match location.within(Path::new("/data")).place {
            Place::Sqlite { path, .. } => path,
            place => panic!("{place:?}"),
        }
    }

    #[test]
    fn files_are_in_the_data_directory_unless_they_say_where() {
        assert_eq!(path(""), Some("/data/passerby.db".into()));
        assert_eq!(path("sqlite:passerby.db"), Some("/data/passerby.db".into()));
        assert_eq!(
            path("sqlite://passerby.db"),
            Some("/data/passerby.db".into())
        );
        assert_eq!(path("sqlite:/var/x.db"), Some("/var/x.db".into()));
        assert_eq!(path("sqlite:///var/x.db"), Some("/var/x.db".into()));
        assert_eq!(path("sqlite::memory:"), None);
    }

    #[test]
    fn a_data_directory_may_be_called_anything() {
        let location = Location::default().within(Path::new("a?b%20"));
        assert!(matches!(
            location.place,
            Place::Sqlite { path: Some(path), .. } if path == Path::new("a?b%20/passerby.db")
        ));
    }

    #[test]
    fn a_file_may_be_bounded() {
        let bounded = Location::parse("sqlite:x?max_page_count=100").expect("a location");
        assert!(matches!(
            bounded.place,
            Place::Sqlite {
                pages_max: Some(100),
                ..
            }
        ));
        for bad in ["sqlite:x?max_page_count=", "sqlite:x?mode=ro"] {
            assert!(Location::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn servers_are_read_without_telling_their_passwords() {
        let text = "postgres://u:hunter2@db.example:5433/passerby";
        let location = Location::parse(text).expect("a location");
        assert!(!format!("{location:?}").contains("hunter2"));
        for fine in [
            "postgresql://u@localhost/x?sslmode=prefer",
            "postgres://u@localhost/x?sslmode=disable",
            // Whoever runs the program.
            "postgresql:///db?host=/run/postgresql",
        ] {
            assert!(Location::parse(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_refused_with_a_reason() {
        for (text, reason) in [
            ("postgres://u:hunter2@h/x?sslmode=require", "TLS"),
            ("postgres:///x?user=u", "host"),
            ("postgres://", "host"),
            ("postgres://u:hunter2@h:port/x", "cannot be read"),
            ("postgres:", "sqlite:PATH"),
            ("mysql://u:hunter2@h/x", "sqlite:PATH"),
            ("passerby.db", "sqlite:PATH"),
            (" sqlite:x", "sqlite:PATH"),
            ("SQLITE:x", "sqlite:PATH"),
            ("sqlite:", "path"),
            ("sqlite://", "path"),
            ("sqlite:/", "path"),
        ] {
            let refusal = Location::parse(text).expect_err("must be refused");
            assert!(refusal.contains(reason), "{text}: {refusal}");
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for (url, expected) in [
            ("", ""),
            ("sqlite:a@b:c", "sqlite:a@b:c"),
            (
                "postgres://u:pw@h:5432/d?a=b",
                "postgres://u:(redacted)@h:5432/d?a=b",
            ),
            ("postgresql://u@h/d", "postgresql://u@h/d"),
            ("postgres://h:5432/d", "postgres://h:5432/d"),
            ("postgres://u:p@w:x/?@h/d", "postgres://u:(redacted)@h/d"),
            (
                "postgres:///d?user=u&password=pw&sslpassword=pw",
                "postgres:///d?user=u&password=(redacted)&sslpassword=(redacted)",
            ),
        ] {
            assert_eq!(redacted(url), expected);
        }
    }
}
