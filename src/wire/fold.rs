//! Text as it is compared: different spellings of the same word become equal.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::visible::is_invisible;

/// Compatibility characters replaced (NFKC, UAX 15), case folded, blanks around it removed.
pub fn fold(text: &str) -> String {
    text.trim().nfkc().default_case_fold().nfkc().collect()
}

/// The same for names that people must not be able to imitate: what is not seen does not count, nor how wide a blank is.
pub fn fold_visible(text: &str) -> String {
    let visible: String = text.chars().filter(|char| !is_invisible(*char)).collect();
    let folded = fold(&visible);
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_word_are_equal() {
        for (one, other) in [
            ("Passerby", "pASSERBY"),
            (" chess ", "chess"),
            ("Stra\u{df}e", "STRASSE"),
            ("e\u{301}t\u{e9}", "\u{c9}TE\u{301}"),
            ("\u{ff21}\u{ff22}", "ab"),
            ("\u{3a3}\u{3a3}", "\u{3c3}\u{3c2}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("chess"), fold("chest"));
    }

    #[test]
    fn what_shows_nothing_makes_no_other_name() {
        for other in [
            "ali\u{200b}ce",
            "\u{feff}Alice",
            "alice\u{ad}",
            "a\u{200d}lice",
            "alice\u{3164}",
            "\u{2060} alice",
            "a\u{1d173}lice",
            "alice\u{2800}",
            "\u{202e}alice",
        ] {
            assert_eq!(fold_visible(other), "alice", "{other:?}");
        }
        assert_eq!(fold_visible("\u{200b}\u{3164} "), "");
        assert_eq!(fold_visible("Ann \u{3000}\u{200b} Marie"), "ann marie");
    }
}
