//! Ids that ascend: UUIDs of version 7 (RFC 9562 section 5.7), each greater than the one before.

use rand::Rng;
use uuid::{Builder, Uuid};

/// The last id given out.
#[derive(Debug, Default)]
pub struct Order {
    last: u128,
}

impl Order {
    /// The next id. If the clock stands still or went back, ids go on from the last one.
    pub fn next(&mut self, unix_ms: u64, random: &mut impl Rng) -> Uuid {
        let mut bytes = [0; 10];
        random.fill_bytes(&mut bytes);
        // The uppermost random bit is left at zero, as room for counting on.
        bytes[2] &= 0x1f;
        let mut id = Builder::from_unix_timestamp_millis(unix_ms, &bytes).into_uuid();
        if id.as_u128() <= self.last {
            let step = 1 + u128::from(u32::from_be_bytes([bytes[6], bytes[7], bytes[8], bytes[9]]));
            id = Uuid::from_u128(self.last + step);
        }
        self.last = id.as_u128();
        id
    }

    /// The last id that was given out.
    pub const fn last(&self) -> Uuid {
        Uuid::from_u128(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn ids_ascend_whatever_the_clock_does() {
        let mut random = StdRng::seed_from_u64(7);
        let mut order = Order::default();
        let mut last = order.last();
        for step in 0..10_000u64 {
            let id = order.next(1_761_129_000_000 + (step * 7_919) % 50, &mut random);
            assert!(id > last);
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            last = id;
        }
    }
}
