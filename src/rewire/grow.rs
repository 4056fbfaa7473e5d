//! Which connections come.

use super::Ties;
use crate::parallel;
use crate::sparse::CsrPattern;
use fanin_kernels::{MatMut, MatRef, Row, gemm};
use rand_pcg::Pcg64;
use std::cmp::Reverse;

/// Rows of the dense gradient held at a time, per thread.
const BLOCK_ROWS: usize = 64;

/// A connection to be grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grown {
    /// The neuron.
    pub row: u32,
    /// The input.
    pub col: u32,
    /// ∂L/∂W there.
    pub gradient: f32,
}

/// The `count` positions outside the survivors with the largest |∂L/∂W| (RigL, Evci et al. 2020,
/// algorithm 1): a connection that was just dropped may come back.
///
/// The dense gradient dY·Xᵀ is computed in blocks of rows and never stored: each thread keeps the
/// best of its rows, and the best of all threads' are the answer, whoever computed them.
///
/// **Shapes**: `survives` `[nnz]`; `tiles` (x `[cols]`, dy `[rows]`) of each tile. Returns `count`
/// positions, or all there are if fewer, best first.
///
/// **Order**: |gradient| descending, then the tie key of the flat index, then the index.
pub fn grow_by_gradient(
    pattern: &CsrPattern,
    survives: &[bool],
    tiles: &[(&[Row], &[Row])],
    count: usize,
    ties: Ties,
    threads: usize,
) -> Vec<Grown> {
    assert_eq!(survives.len(), pattern.nnz(), "one verdict per entry");
    let rows_each = pattern.rows().div_ceil(threads.max(1)).max(1);
    let mut best: Vec<Best> = (0..pattern.rows())
        .step_by(rows_each)
        .map(|first| Best::new(first..pattern.rows().min(first + rows_each), count))
        .collect();
    parallel::for_each(&mut best, |_, best| best.search(pattern, survives, tiles, ties));
    let mut candidates: Vec<Candidate> = best.into_iter().flat_map(|best| best.found).collect();
    candidates.sort_unstable_by_key(Candidate::rank);
    candidates.truncate(count);
    candidates.into_iter().map(|candidate| candidate.grown).collect()
}

/// A position with what orders it.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    grown: Grown,
    key: u64,
}

impl Candidate {
    /// Ascending ranks are descending preference.
    fn rank(&self) -> (Reverse<u32>, u64, u32, u32) {
        let Grown { row, col, gradient } = self.grown;
        (Reverse(gradient.abs().to_bits()), self.key, row, col)
    }
}

/// The best candidates of a range of rows.
struct Best {
    rows: std::ops::Range<usize>,
    count: usize,
    found: Vec<Candidate>,
    /// Scores below this cannot be among the best any more.
    floor: u32,
}

impl Best {
    fn new(rows: std::ops::Range<usize>, count: usize) -> Best {
        Best { rows, count, found: Vec::new(), floor: 0 }
    }

    fn search(
        &mut self,
        pattern: &CsrPattern,
        survives: &[bool],
        tiles: &[(&[Row], &[Row])],
        ties: Ties,
    ) {
        let cols = pattern.cols();
        let mut block = vec![0.0; BLOCK_ROWS.min(self.rows.len()) * cols];
        let mut taken = vec![false; cols];
        for first in self.rows.clone().step_by(BLOCK_ROWS) {
            let rows = first..self.rows.end.min(first + BLOCK_ROWS);
            let gradient = &mut block[..rows.len() * cols];
            for (tile, (x, dy)) in tiles.iter().enumerate() {
                let beta = if tile == 0 { 0.0 } else { 1.0 };
                let target = MatMut::new(gradient, rows.len(), cols);
                gemm(MatRef::tile(&dy[rows.clone()]), MatRef::tile(x).t(), beta, target);
            }
            for (row, gradient) in rows.zip(gradient.chunks_exact(cols)) {
                let alive = || pattern.entries(row).filter(|&entry| survives[entry]);
                alive().for_each(|entry| taken[pattern.col_idx()[entry] as usize] = true);
                for (col, &gradient) in gradient.iter().enumerate() {
                    if gradient.abs().to_bits() >= self.floor && !taken[col] {
                        let key = ties.key((row * cols + col) as u64);
                        let grown = Grown { row: row as u32, col: col as u32, gradient };
                        self.offer(Candidate { grown, key });
                    }
                }
                alive().for_each(|entry| taken[pattern.col_idx()[entry] as usize] = false);
            }
        }
        self.shrink();
    }

    fn offer(&mut self, candidate: Candidate) {
        self.found.push(candidate);
        // Twice the room: half of it is thrown out at once, at a constant cost per offer.
        if self.found.len() >= 2 * self.count + 64 {
            self.shrink();
        }
    }

    /// Keeps the best `count`, and raises the floor to the worst of them.
    fn shrink(&mut self) {
        if self.found.len() <= self.count {
            return;
        }
        if self.count == 0 {
            self.found.clear();
            self.floor = u32::MAX;
            return;
        }
        let (_, last, _) = self.found.select_nth_unstable_by_key(self.count - 1, Candidate::rank);
        self.floor = last.grown.gradient.abs().to_bits();
        self.found.truncate(self.count);
    }
}

/// `count` positions outside the survivors, uniformly at random without replacement (SET, Mocanu et
/// al. 2018); all there are if fewer. Gradients are 0.
///
/// **Panics** unless there is one verdict per entry.
pub fn grow_at_random(
    pattern: &CsrPattern,
    survives: &[bool],
    count: usize,
    rng: &mut Pcg64,
) -> Vec<Grown> {
    assert_eq!(survives.len(), pattern.nnz(), "one verdict per entry");
    let alive = survives.iter().filter(|survives| **survives).count();
    let free = pattern.rows() * pattern.cols() - alive;
    // The chosen ones' places in the list of all free positions, which is never written down.
    let mut places = rand::seq::index::sample(rng, free, count.min(free)).into_vec();
    places.sort_unstable();
    let mut places = places.into_iter().peekable();
    let mut grown = Vec::with_capacity(count);
    let mut passed = 0;
    for row in 0..pattern.rows() {
        let mut alive = pattern.entries(row).filter(|&entry| survives[entry]).peekable();
        for col in 0..pattern.cols() {
            if alive.next_if(|&entry| pattern.col_idx()[entry] as usize == col).is_some() {
                continue;
            }
            if places.next_if_eq(&passed).is_some() {
                grown.push(Grown { row: row as u32, col: col as u32, gradient: 0.0 });
            }
            passed += 1;
        }
    }
    grown
}
