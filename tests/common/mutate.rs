//! Files with bytes that are others.

use rand::RngExt;
use rand_pcg::Pcg64;

/// A file with one to four changes: bits, bytes, cuts, repetitions, and numbers that are too large.
pub(crate) fn mutated(good: &[u8], rng: &mut Pcg64) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..8) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => bytes.truncate(at),
            3 => bytes[at] = *b",\n\t:\"'#0-e.\xff".get(rng.random_range(0..12)).unwrap(),
            4 => {
                let end = (at + rng.random_range(1..20)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            5 => {
                let end = (at + rng.random_range(1..20)).min(bytes.len());
                bytes.drain(at..end);
            }
            6 => {
                let huge: &[u8] = [b"99999999999".as_slice(), b"4294967295", b"1e999", b"nan"]
                    [rng.random_range(0..4)];
                bytes.splice(at..at, huge.iter().copied());
            }
            _ => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
        }
    }
    bytes
}
