//! Text that must not be seen: it never shows up in debugging output, and its memory is overwritten when it goes.

use std::fmt;

use zeroize::Zeroizing;

/// A password, or a key, or nothing. Its `Debug` form is the same for all.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// What stands for a secret wherever one could be seen.
    pub const REDACTED: &str = "(redacted)";

    /// Takes a secret; an empty one is none.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secret itself, for whoever computes with it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether something that was to be read is, or has in it, what stands for a secret.
    pub fn is_redacted(text: &str) -> bool {
        text.contains(Self::REDACTED)
    }

    /// What may be shown instead: whether there is one.
    pub fn redacted(&self) -> &'static str {
        if self.is_empty() { "" } else { Self::REDACTED }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let secret = Secret::new("hunter2hunter2hunter2");
        assert!(!format!("{secret:?} {}", secret.redacted()).contains("hunter"));
        assert_eq!(secret.expose(), "hunter2hunter2hunter2");
        assert_eq!(Secret::default().redacted(), "");
        assert!(Secret::is_redacted(secret.redacted()));
    }
}
