//! A quick digest, to notice that data is not what it was. Whoever wants to deceive it can.

/// A digest in the making.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fingerprint {
    state: u64,
}

impl Fingerprint {
    /// Adds a number behind those that were added: both halves of a product of 128 bits, as
    /// multiplicative hashes such as wyhash do.
    pub(crate) fn word(&mut self, word: u64) {
        let product = u128::from(self.state ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        self.state = (product as u64 ^ (product >> 64) as u64).wrapping_add(0x2545_f491_4f6c_dd1d);
    }

    /// Adds bytes, and how many they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|&word| self.word(u64::from_le_bytes(word)));
        rest.iter().for_each(|&byte| self.word(byte.into()));
    }

    /// Adds the bits of floats, and how many they are: in four lanes, which do not wait for each
    /// other.
    pub(crate) fn floats(&mut self, floats: &[f32]) {
        self.word(floats.len() as u64);
        let (groups, rest) = floats.as_chunks::<8>();
        let mut lanes = [*self; 4];
        for group in groups {
            for (lane, pair) in lanes.iter_mut().zip(group.as_chunks().0) {
                let &[low, high]: &[f32; 2] = pair;
                lane.word(u64::from(high.to_bits()) << 32 | u64::from(low.to_bits()));
            }
        }
        lanes.iter().for_each(|lane| self.word(lane.state));
        rest.iter().for_each(|float| self.word(float.to_bits().into()));
    }

    /// The digest in sixteen hexadecimal digits.
    pub(crate) fn hexadecimal(mut self) -> String {
        self.word(0);
        format!("{:016x}", self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_bit_and_place_counts() {
        let digest = |floats: &[f32]| {
            let mut fingerprint = Fingerprint::default();
            fingerprint.floats(floats);
            fingerprint.hexadecimal()
        };
        let floats: Vec<f32> = (0..50).map(|i| i as f32 * 0.5).collect();
        let mut seen = HashSet::from([digest(&floats)]);
        for at in 0..floats.len() {
            for bit in 0..32 {
                let mut changed = floats.clone();
                changed[at] = f32::from_bits(changed[at].to_bits() ^ (1 << bit));
                assert!(seen.insert(digest(&changed)), "{at}, {bit}");
            }
            let mut moved = floats.clone();
            moved.swap(at, (at + 1) % floats.len());
            assert!(seen.insert(digest(&moved)), "{at}");
            assert!(seen.insert(digest(&floats[..at])), "{at}");
        }
        assert_eq!(digest(&floats), digest(&floats.clone()));
    }
}
