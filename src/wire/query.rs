//! Query strings: `name=value` pairs, percent-encoded (WHATWG URL section 5.1).

use std::borrow::Cow;

/// The value of the first pair called `name`, if there is one. A value that cannot be decoded shows as U+FFFD,
/// which is present but equal to nothing.
pub fn value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        decode(key, true)
            .is_some_and(|key| key == name)
            .then(|| decode(value, true).unwrap_or(Cow::Borrowed("\u{fffd}")))
    })
}

/// Undoes percent-encoding; in a form also `+` for a blank. `None` for a bad escape or what is not UTF-8.
pub fn decode(text: &str, is_form: bool) -> Option<Cow<'_, str>> {
    if !text
        .bytes()
        .any(|byte| byte == b'%' || (is_form && byte == b'+'))
    {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' if is_form => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| (digit as char).to_digit(16));
                (digit()? * 16 + digit()?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let query = "a=1&b=x%20y+z&c&d=%C3%A9&e=%zz&f=%ff";
        assert_eq!(value(query, "a").as_deref(), Some("1"));
        assert_eq!(value(query, "b").as_deref(), Some("x y z"));
        assert_eq!(value(query, "c").as_deref(), Some(""));
        assert_eq!(value(query, "d").as_deref(), Some("\u{e9}"));
        assert_eq!(value(query, "e").as_deref(), Some("\u{fffd}"));
        assert_eq!(value(query, "f").as_deref(), Some("\u{fffd}"));
        assert_eq!(value(query, "g"), None);
        assert_eq!(decode("a+b", false).as_deref(), Some("a+b"));
    }
}
