//! Where accounts are kept, as an operator names it.

use std::path::Path;

use crate::kernel::secret::Secret;

const FORMS: &str = "must be sqlite:PATH, or postgres://... with a host";
/// What stands for a password that is not shown.
const HIDDEN: &str = Secret::REDACTED;

/// Checks a URL; the error never shows it, as there may be a password in it.
pub(super) fn check(url: &str) -> Result<(), String> {
    let is_sound = if let Some(path) = url.strip_prefix("sqlite:") {
        !path.trim_start_matches('/').is_empty()
    } else {
        postgres(url).is_some_and(|rest| !rest.is_empty())
    };
    // Empty means the file in the data directory.
    if url.is_empty() || is_sound {
        Ok(())
    } else {
        Err(FORMS.to_owned())
    }
}

/// The URL to use: `sqlite:PATH` or `postgres://...`.
pub(super) fn resolved(url: &Secret, data: &Path) -> Secret {
    let url = url.expose();
    if url.is_empty() {
        return Secret::new(format!("sqlite:{}", data.join("passerby.db").display()));
    }
    // Elsewhere it is usual to write sqlite://PATH.
    Secret::new(match url.strip_prefix("sqlite://") {
        Some(path) => format!("sqlite:{path}"),
        None => url.to_owned(),
    })
}

/// The URL without its passwords.
pub(super) fn shown(url: &str) -> String {
    let Some(rest) = postgres(url) else {
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

/// What follows the scheme of PostgreSQL.
fn postgres(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("postgres://");
    rest.or_else(|| url.strip_prefix("postgresql://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_kinds_of_url_are_sound() {
        for url in [
            "",
            "sqlite:passerby.db",
            "sqlite:/var/lib/passerby.db",
            "sqlite:///var/lib/passerby.db",
            "postgres://u:p@localhost:5432/db?sslmode=disable",
            "postgresql:///db?host=/run/postgresql",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for url in [
            "sqlite:",
            "sqlite://",
            "postgres://",
            "postgres:",
            "mysql://u:hunter2@h/db",
            "passerby.db",
            " sqlite:x",
            "SQLITE:x",
        ] {
            let error = check(url).expect_err("must be refused");
            assert!(error.contains("sqlite:PATH"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn without_one_it_is_a_file_among_the_data() {
        let resolved = |url: &str| {
            let url = Secret::new(url.to_owned());
            super::resolved(&url, Path::new("/d")).expose().to_owned()
        };
        assert_eq!(resolved(""), "sqlite:/d/passerby.db");
        assert_eq!(resolved("sqlite:x.db"), "sqlite:x.db");
        assert_eq!(resolved("sqlite://x.db"), "sqlite:x.db");
        assert_eq!(resolved("sqlite:///x.db"), "sqlite:/x.db");
        assert_eq!(resolved("postgres://h/d"), "postgres://h/d");
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
            assert_eq!(shown(url), expected);
        }
    }
}
