//! SHA-256 as text, of what comes piece by piece.

use hmac_sha256::Hash;

/// A digest in the making.
#[derive(Clone, Copy)]
pub(crate) struct Sha256(Hash);

impl Sha256 {
    /// The digest of nothing yet.
    pub(crate) fn new() -> Sha256 {
        Sha256(Hash::new())
    }

    /// Adds bytes behind those that were added.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest in lower-case hexadecimal digits.
    pub(crate) fn hexadecimal(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_fips_180_and_do_not_depend_on_the_pieces() {
        let digest = |pieces: &[&[u8]]| {
            let mut hasher = Sha256::new();
            pieces.iter().for_each(|piece| hasher.update(piece));
            hasher.hexadecimal()
        };
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(&[]), nothing);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(&[b"abc"]), abc);
        assert_eq!(digest(&[b"a", b"", b"bc"]), abc);
        // FIPS 180-2, B.3: a million times the letter a.
        let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        for length in [1, 63, 64, 65, 1000] {
            let all = vec![b'a'; 1_000_000];
            assert_eq!(digest(&all.chunks(length).collect::<Vec<_>>()), million, "{length}");
        }
    }
}
