//! JSON strings as they stand in a message, checked and passed on without being decoded.

use std::borrow::Cow;

use crate::limits;

/// A JSON string token with its quotes and escapes, known to stand for Unicode text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawText<'a> {
    raw: &'a str,
}

/// Why a JSON value is not taken as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotText {
    /// It is something else than a string.
    OtherType,
    /// It has half of a surrogate pair, which stands for no character (RFC 8259 section 8.2).
    LoneSurrogate,
}

impl NotText {
    /// What is wrong with the value, to follow the name of its field.
    pub const fn complaint(self) -> &'static str {
        match self {
            Self::OtherType => "must be a string",
            Self::LoneSurrogate => "has half of a surrogate pair",
        }
    }
}

/// Reads a field that is true, false, or not there; `None` if it is anything else.
pub fn flag(raw: Option<&str>) -> Option<Option<bool>> {
    match raw {
        None => Some(None),
        Some("true") => Some(Some(true)),
        Some("false") => Some(Some(false)),
        Some(_) => None,
    }
}

impl<'a> RawText<'a> {
    /// Takes a JSON value that a parser has found to be well-formed.
    #[inline]
    pub fn of(raw: &'a str) -> Result<Self, NotText> {
        let bytes = raw.as_bytes();
        if bytes.len() < 2 || bytes[0] != b'"' {
            return Err(NotText::OtherType);
        }
        if let Some(first) = memchr::memchr(b'\\', bytes) {
            count_escaped(&bytes[first..])?;
        }
        Ok(Self { raw })
    }

    /// Takes the string without escapes at the front of `text`, whose opening quote is its first byte; gives what
    /// follows it as well. `None` if it is not one, which says nothing about whether it is a sound string.
    #[inline]
    pub fn plain(text: &'a str) -> Option<(Self, &'a str)> {
        let inner = text.as_bytes().strip_prefix(b"\"")?;
        let end = plain_bytes(inner);
        (inner.get(end) == Some(&b'"')).then(|| {
            let (raw, rest) = text.split_at(end + 2);
            (Self { raw }, rest)
        })
    }

    /// The token, with its quotes.
    pub const fn raw(self) -> &'a str {
        self.raw
    }

    /// What is between the quotes, with its escapes.
    pub fn inner(self) -> &'a str {
        &self.raw[1..self.raw.len() - 1]
    }

    /// Whether it stands for more than `chars` code points. Counts only if there could be that many.
    pub fn exceeds(self, chars: usize) -> bool {
        let inner = self.inner().as_bytes();
        inner.len() > chars && count_escaped(inner).is_ok_and(|count| count > chars)
    }

    /// Whether it is the empty string.
    pub const fn is_empty(self) -> bool {
        self.raw.len() == 2
    }

    /// The text it stands for.
    pub fn decode(self) -> Cow<'a, str> {
        let inner = self.inner();
        if !inner.contains('\\') {
            return Cow::Borrowed(inner);
        }
        serde_json::from_str(self.raw).map_or(Cow::Borrowed(""), Cow::Owned)
    }
}

/// Whether a well-formed JSON value is nested more than [`limits::JSON_DEPTH_MAX`] deep.
pub fn is_deep(raw: &str) -> bool {
    let (mut depth, mut in_string, mut is_escaped) = (0, false, false);
    raw.bytes().any(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth -= 1,
            _ => {}
        }
        depth > limits::JSON_DEPTH_MAX
    })
}

/// `text` as a JSON string, with its quotes.
pub fn quoted(text: &str) -> String {
    // A string can always be serialized.
    serde_json::to_string(text).unwrap_or_default()
}

/// How many bytes come before the first that may not stand in a JSON string as it is.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    let is_special = |byte: &u8| (*byte < b' ') | (*byte == b'"') | (*byte == b'\\');
    // All of a chunk, whatever its first byte is: so the compiler looks at them at once.
    let chunks = bytes
        .chunks_exact(16)
        .take_while(|chunk| !chunk.iter().fold(false, |any, byte| any | is_special(byte)));
    let start = 16 * chunks.count();
    let rest = &bytes[start..];
    start + rest.iter().position(is_special).unwrap_or(rest.len())
}

fn count_chars(utf8: &[u8]) -> usize {
    utf8.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// Counts the code points of a run that has escapes; surrogates must come in pairs.
fn count_escaped(mut rest: &[u8]) -> Result<usize, NotText> {
    let mut chars = 0;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        chars += count_chars(&rest[..at]) + 1;
        rest = &rest[at..];
        rest = match unit(rest) {
            None => rest.get(2..).unwrap_or_default(),
            Some(0xd800..=0xdbff) => match unit(&rest[6..]) {
                Some(0xdc00..=0xdfff) => &rest[12..],
                _ => return Err(NotText::LoneSurrogate),
            },
            Some(0xdc00..=0xdfff) => return Err(NotText::LoneSurrogate),
            Some(_) => &rest[6..],
        };
    }
    Ok(chars + count_chars(rest))
}

/// The UTF-16 unit of the `\uXXXX` escape at the front of `rest`.
fn unit(rest: &[u8]) -> Option<u32> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| {
        Some(unit * 16 + (*digit as char).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn surrogates_come_in_pairs() {
        let lone = [
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800x""#,
            r#""\ud800\ud800""#,
            r#""a\udfff\ud800""#,
            r#""\ud83d\n""#,
        ];
        for raw in lone {
            assert_eq!(RawText::of(raw), Err(NotText::LoneSurrogate), "{raw}");
        }
        let pair = RawText::of(r#""a\ud83d\ude00b\\ud800""#).expect("sound");
        assert!(pair.exceeds(8) && !pair.exceeds(9));
        assert_eq!(pair.decode(), "a\u{1f600}b\\ud800");
    }

    #[test]
    fn other_values_are_not_text() {
        for raw in ["1", "null", "[\"a\"]", "{}", "true"] {
            assert_eq!(RawText::of(raw), Err(NotText::OtherType));
        }
        assert!(RawText::of("\"\"").expect("sound").is_empty());
    }

    proptest! {
        #[test]
        fn plain_strings_are_found_at_any_length(text in "\"[ !#-\\[\\]-~\u{e9}\u{20ac}\u{1f600}]{0,70}[\"\\\\\u{1f}\n]?[ -~]{0,40}") {
            let end = text[1..].find(|char: char| char < ' ' || "\"\\".contains(char));
            let is_plain = end.is_some_and(|end| text[1 + end..].starts_with('"'));
            let plain = RawText::plain(&text);
            prop_assert_eq!(plain.is_some(), is_plain);
            if let Some((plain, rest)) = plain {
                prop_assert_eq!(plain.raw().len(), end.unwrap_or(0) + 2);
                prop_assert_eq!(format!("{}{rest}", plain.raw()), text);
            }
        }

        #[test]
        fn counts_what_it_decodes_to(text in any::<String>(), escape in any::<bool>()) {
            let raw = if escape {
                let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                format!("\"{units}\"")
            } else {
                serde_json::to_string(&text).expect("text")
            };
            let sound = RawText::of(&raw).expect("sound");
            let chars = text.chars().count();
            prop_assert!(!sound.exceeds(chars));
            prop_assert!(chars == 0 || sound.exceeds(chars - 1));
            prop_assert_eq!(sound.is_empty(), chars == 0);
            prop_assert_eq!(sound.decode(), text);
        }
    }
}
