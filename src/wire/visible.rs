//! What of a text is seen: names that look like somebody else's or like nothing at all, and marks that turn round the text beside
//! them. Which character is what is Unicode's to say.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Blanks that Unicode counts as symbols or marks: of Braille, of music, of Khitan.
const BLANKS: [char; 3] = ['\u{2800}', '\u{1d159}', '\u{16fe4}'];

/// Whether a character is not seen, or nobody knows what it looks like: controls, marks of direction, what may be ignored, what ends a
/// line, and what is not assigned.
pub fn is_invisible(char: char) -> bool {
    let may_be_ignored = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char);
    may_be_ignored
        || BLANKS.contains(&char)
        || matches!(
            category(char),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Unassigned
        )
}

/// Whether a text can be shown among others as what somebody calls something: it is seen, and what is not seen of it only shapes what
/// is, like the joiners of emoji.
pub fn is_presentable(text: &str) -> bool {
    let is_sound = |char| !is_invisible(char) || is_shaping(char);
    count(text) > 0 && text.chars().all(is_sound)
}

/// How many characters are seen, without blanks and without the marks upon others.
pub fn count(text: &str) -> usize {
    let is_seen = |char: &char| {
        let is_mark = matches!(
            category(*char),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
        );
        !is_mark && !char.is_whitespace() && !is_invisible(*char)
    };
    text.chars().filter(is_seen).count()
}

fn category(char: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(char)
}

/// Whether a character that is not seen shapes those beside it: joiners and their opposites, selectors of a variant, and the
/// tags that make flags.
const fn is_shaping(char: char) -> bool {
    matches!(
        char,
        '\u{200c}' | '\u{200d}'
            | '\u{180b}'..='\u{180d}' | '\u{180f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0020}'..='\u{e007f}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_emoji_of_all_the_world_can_be_shown() {
        for text in [
            "tea",
            "Ann Marie",
            "\u{5d3}\u{5e0}\u{5d9}",
            "\u{915}\u{93f}\u{930}\u{923}",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "e\u{301}",
            "\u{4e2d}",
            "1\u{fe0f}\u{20e3}",
            "\u{2764}\u{fe0f}",
            "\u{1f44d}\u{1f3fd}",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{1f1eb}\u{1f1f7}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ] {
            assert!(is_presentable(text), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_seen_or_turns_text_round_cannot() {
        for text in [
            "",
            " ",
            "\u{3000}",
            "\u{2800}",
            "\u{3164}\u{ffa0}",
            "\u{200d}\u{fe0f}",
            "\u{301}",
            "a\0",
            "a\u{85}",
            "a\u{ad}",
            "a\u{61c}",
            "a\u{200b}",
            "a\u{200e}",
            "a\u{2028}",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{2800}",
            "a\u{e000}",
            "a\u{feff}",
            "a\u{fff9}b",
            "a\u{ffff}",
            "a\u{1d173}",
            "a\u{e0001}",
            "a\u{e0fff}",
        ] {
            assert!(!is_presentable(text), "{text:?}");
        }
    }

    #[test]
    fn only_what_is_seen_counts() {
        for (text, expected) in [
            ("ab", 2),
            ("a b", 2),
            ("x\u{ad}", 1),
            ("e\u{301}", 1),
            ("\u{2800}\u{2800}", 0),
            ("\u{1f600}\u{1f600}", 2),
        ] {
            assert_eq!(count(text), expected, "{text:?}");
        }
    }
}
