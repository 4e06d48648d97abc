//! UUIDs as text (RFC 9562 section 4): 36 characters, digits in lower case.

use uuid::Uuid;

/// How long the text is.
pub const BYTES: usize = 36;

/// The two digits of every byte.
const DIGITS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 0x0f]];
        byte += 1;
    }
    table
};
/// Where each byte's digits stand.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The text of `id`.
#[inline]
pub fn text(id: Uuid) -> [u8; BYTES] {
    let mut text = [b'-'; BYTES];
    for (place, byte) in PLACES.iter().zip(id.as_bytes()) {
        [text[*place], text[place + 1]] = DIGITS[usize::from(*byte)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_written_as_the_library_does(number in any::<u128>()) {
            let id = Uuid::from_u128(number);
            let expected = id.to_string();
            prop_assert_eq!(&text(id)[..], expected.as_bytes());
        }
    }
}
