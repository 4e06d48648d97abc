//! Which pages may open sockets here (RFC 6454): the browser says where a page came from.

/// The origins besides our own whose pages may use this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    any: bool,
    listed: Vec<String>,
}

impl Allowed {
    /// Reads a comma-separated list of origins such as `https://example.org`, or `*` for every one.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut allowed = Self::default();
        for item in list
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            if item == "*" {
                allowed.any = true;
            } else if authority(item).is_some() {
                allowed
                    .listed
                    .push(item.trim_end_matches('/').to_ascii_lowercase());
            } else {
                return Err(format!(
                    "'{item}' is not an origin like https://example.org"
                ));
            }
        }
        Ok(allowed)
    }

    /// Whether `origin` is listed.
    pub fn lists(&self, origin: &str) -> bool {
        self.any
            || self
                .listed
                .iter()
                .any(|item| item.eq_ignore_ascii_case(origin))
    }

    /// Whether a page from `origin` may use the server that it calls `host`.
    pub fn admits(&self, origin: &str, host: &str) -> bool {
        self.lists(origin) || is_same(origin, host)
    }
}

/// Whether `origin` is the server itself, which the client called `host`.
fn is_same(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = authority(origin) else {
        return false;
    };
    let default_port = if scheme.eq_ignore_ascii_case("https") {
        ":443"
    } else {
        ":80"
    };
    let bare = |text: &str| -> String {
        let text = text.to_ascii_lowercase();
        text.strip_suffix(default_port)
            .map(str::to_owned)
            .unwrap_or(text)
    };
    !host.is_empty() && bare(authority) == bare(host)
}

/// Splits an origin into its scheme and its host with port.
fn authority(origin: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = origin.split_once("://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let is_authority = !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']);
    (is_web && is_authority).then_some((scheme, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_origin_whatever_the_case_and_default_port() {
        let none = Allowed::default();
        assert!(none.admits("http://localhost:8080", "localhost:8080"));
        assert!(none.admits("https://Example.org", "example.org"));
        assert!(none.admits("https://example.org", "example.org:443"));
        assert!(none.admits("http://[::1]:8080", "[::1]:8080"));
        for (origin, host) in [
            ("null", "example.org"),
            ("", "example.org"),
            ("http://evil.org", "example.org"),
            ("http://example.org.evil.org", "example.org"),
            ("http://example.org:81", "example.org"),
            ("http://example.org@evil.org", "evil.org"),
            ("file://", "example.org"),
            ("http://", ""),
            ("ftp://example.org", "example.org"),
        ] {
            assert!(!none.admits(origin, host), "{origin} on {host}");
        }
    }

    #[test]
    fn listed_origins() {
        let some = Allowed::parse("https://a.org, http://b.org:8080").expect("good");
        assert!(some.admits("https://A.org", "c.org"));
        assert!(some.admits("http://b.org:8080", "c.org"));
        assert!(!some.admits("http://a.org", "c.org"));
        assert!(Allowed::parse("*").expect("good").admits("null", "c.org"));
        assert!(Allowed::parse("a.org").is_err());
    }
}
