//! Text as it is compared: different spellings of the same word become equal.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Compatibility characters replaced (NFKC, UAX 15), case folded, blanks around it removed.
pub fn fold(text: &str) -> String {
    text.trim().nfkc().default_case_fold().nfkc().collect()
}

/// The same for names that people must not be able to imitate: characters that show nothing do not count either.
pub fn fold_visible(text: &str) -> String {
    let visible: String = text.chars().filter(|char| !is_invisible(*char)).collect();
    let folded = fold(&visible);
    folded.trim().to_owned()
}

/// Whether a character changes the direction of what follows it, and so how others' text looks (UAX 9).
pub const fn is_directing(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character shows nothing: most of those that may be ignored (Default_Ignorable_Code_Point), and line ends
/// that are not control characters.
const fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}'
    )
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
        ] {
            assert_eq!(fold_visible(other), "alice", "{other:?}");
        }
        assert_eq!(fold_visible("\u{200b}\u{3164} "), "");
    }
}
