//! UTF-8 checked as it arrives (RFC 3629), so that bad text is refused at its first bad byte.

/// Text that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadText;

/// Checks text that comes in pieces which may split a character.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checker {
    /// The beginning of a character whose end has not arrived.
    tail: [u8; 4],
    len: u8,
}

impl Checker {
    /// Checks the next piece.
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<(), BadText> {
        while self.len > 0 {
            let Some((first, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            self.tail[usize::from(self.len)] = *first;
            self.len += 1;
            match std::str::from_utf8(&self.tail[..usize::from(self.len)]) {
                Ok(_) => self.len = 0,
                // Still only a beginning: at most three bytes, so there is room for one more.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(BadText),
            }
        }
        let Err(error) = std::str::from_utf8(piece) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(BadText);
        }
        let tail = &piece[error.valid_up_to()..];
        self.tail[..tail.len()].copy_from_slice(tail);
        self.len = tail.len() as u8;
        Ok(())
    }

    /// Checks that the text ended with a whole character.
    pub fn finish(&self) -> Result<(), BadText> {
        if self.len == 0 { Ok(()) } else { Err(BadText) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pieces: &[&[u8]]) -> bool {
        let mut checker = Checker::default();
        pieces.iter().all(|piece| checker.feed(piece).is_ok()) && checker.finish().is_ok()
    }

    #[test]
    fn bad_text_is_refused_at_its_first_bad_byte() {
        let mut checker = Checker::default();
        // U+1100000 would need more than UTF-8 has: the second byte already says so.
        assert!(checker.feed(&[0xf4]).is_ok());
        assert!(checker.feed(&[0x90]).is_err());
        // A surrogate, likewise.
        let mut checker = Checker::default();
        assert!(checker.feed(&[0xed, 0xa0]).is_err());
    }

    proptest! {
        #[test]
        fn every_split_agrees_with_the_whole(bytes in prop_oneof![
            any::<String>().prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..12),
        ], cuts in prop::collection::vec(0usize..64, 0..4)) {
            let whole = std::str::from_utf8(&bytes).is_ok();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            pieces.push(&bytes[from..]);
            prop_assert_eq!(check(&pieces), whole);
        }
    }
}
