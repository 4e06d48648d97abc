//! Masking (RFC 6455 section 5.3), in place, eight bytes at a time.

/// Applies `key` to `payload`, whose first byte is number `offset` of the frame's payload.
#[inline]
pub fn apply(payload: &mut [u8], key: [u8; 4], offset: u64) {
    let mut rotated = key;
    rotated.rotate_left((offset % 4) as usize);
    let word = u32::from_ne_bytes(rotated);
    let wide = (u64::from(word) << 32) | u64::from(word);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        if let Ok(bytes) = <&mut [u8; 8]>::try_from(chunk) {
            *bytes = (u64::from_ne_bytes(*bytes) ^ wide).to_ne_bytes();
        }
    }
    for (byte, key) in chunks
        .into_remainder()
        .iter_mut()
        .zip(rotated.iter().cycle())
    {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_one_byte_at_a_time(payload in prop::collection::vec(any::<u8>(), 0..100), key in any::<[u8; 4]>(), split in 0usize..100) {
            let expected: Vec<u8> = payload.iter().enumerate().map(|(index, byte)| byte ^ key[index % 4]).collect();
            let mut masked = payload.clone();
            let split = split.min(masked.len());
            let (front, back) = masked.split_at_mut(split);
            apply(front, key, 0);
            apply(back, key, split as u64);
            prop_assert_eq!(masked, expected);
        }
    }
}
