//! MT19937, for masks that equal PyTorch's bit for bit: the one generator that is not PCG.

const N: usize = 624;
const M: usize = 397;

/// The Mersenne Twister with 32-bit output (Matsumoto & Nishimura 1998), seeded as
/// `torch.manual_seed` seeds it.
#[derive(Clone, Debug)]
pub struct MersenneTwister {
    state: [u32; N],
    next: usize,
}

impl MersenneTwister {
    /// The generator after `init_genrand(seed)`.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] =
                1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        MersenneTwister { state, next: N }
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..N {
            let upper = self.state[i] & 0x8000_0000;
            let y = upper | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// `torch.randperm(n)`: Fisher–Yates from the front, one draw per swap.
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut items: Vec<u32> = (0..n as u32).collect();
        for i in 0..n.saturating_sub(1) {
            let offset = self.next_u32() as usize % (n - i);
            items.swap(i, i + offset);
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_thousandth_number_of_the_reference_seed_is_right() {
        // The value the C++ standard requires of std::mt19937 (seed 5489): [rand.predef].
        let mut twister = MersenneTwister::new(5489);
        let last = (0..10_000).map(|_| twister.next_u32()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn permutations_are_torchs() {
        // torch.manual_seed(42); torch.randperm(784)[:8]
        let permutation = MersenneTwister::new(42).permutation(784);
        assert_eq!(permutation[..8], [470, 186, 370, 171, 190, 57, 202, 726]);
    }
}
