//! Text that must not be shown.

use std::fmt;

/// A secret that an operator has set, or nothing. It never shows in logs: its `Debug` form is the same for all.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// What stands for a secret wherever one could be seen.
    pub const REDACTED: &str = "(redacted)";

    /// Takes a secret; an empty one is none.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secret itself, for whoever computes with it.
    pub const fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// What may be shown instead: whether there is one.
    pub const fn redacted(&self) -> &'static str {
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
    }
}
