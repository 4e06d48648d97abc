//! UUIDs (RFC 9562): made of random bits, and as text of 36 characters with digits in lower case.

use uuid::Uuid;

/// A UUID of version 4 with these random bits, but for the six that say so (section 5.4).
#[inline]
pub const fn random(high: u64, low: u64) -> Uuid {
    Uuid::from_u64_pair(high & !0xf000 | 0x4000, low >> 2 | 1 << 63)
}

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

/// The text of `id`. Where it is inlined, the digits are shuffled one by one from register to register.
#[inline(never)]
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

    #[test]
    fn random_ones_say_so() {
        for bits in [0, u64::MAX] {
            let id = random(bits, bits);
            let variant = uuid::Variant::RFC4122;
            assert_eq!((id.get_version_num(), id.get_variant()), (4, variant));
        }
        let all = random(u64::MAX, u64::MAX).as_u128() ^ random(0, 0).as_u128();
        assert_eq!(all.count_ones(), 122);
    }

    proptest! {
        #[test]
        fn is_written_as_the_library_does(number in any::<u128>()) {
            let id = Uuid::from_u128(number);
            let expected = id.to_string();
            prop_assert_eq!(&text(id)[..], expected.as_bytes());
        }
    }
}
