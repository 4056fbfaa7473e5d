//! Which connections come.

use super::Ties;
use crate::parallel;
use crate::sparse::CsrPattern;
use fanin_kernels::{Isa, Row, dense_backward_weight};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Rows of the dense gradient held at a time, per thread.
const BLOCK_ROWS: usize = 64;

/// A connection to be grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grown {
    /// The neuron.
    pub row: u32,
    /// The input.
    pub col: u32,
    /// Its score with its sign: ∂L/∂W there; 0 where growth is random.
    pub gradient: f32,
    /// The weight it starts with if it is new.
    pub weight: f32,
}

/// Which positions may be grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Candidates {
    /// All outside the survivors: what was just dropped may come back.
    Free,
    /// Those that did not exist before the update.
    Absent,
}

/// What a position's score is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrowScore {
    /// |∂L/∂W| as if every connection existed.
    Dense,
    /// |∂L/∂W| of a weight times its mask: 0 wherever no connection existed. An artefact that
    /// implementations with masks can have without knowing, here on purpose.
    Masked,
}

/// What is needed to search one layer for connections to grow.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The instruction set to compute on.
    pub isa: Isa,
    /// The layer's connections before the update.
    pub pattern: &'a CsrPattern,
    /// Which of them stay, `[nnz]`.
    pub survives: &'a [bool],
    /// The batch's (x `[cols]`, dy `[rows]`), tile by tile.
    pub tiles: &'a [(&'a [Row], &'a [Row])],
    /// Which positions may come.
    pub candidates: Candidates,
    /// What their scores are.
    pub score: GrowScore,
    /// What decides between equal scores.
    pub ties: Ties,
}

/// The `count` positions with the largest scores over all layers (RigL, Evci et al. 2020, algorithm
/// 1), per layer; all there are if fewer.
///
/// The dense gradient dY·Xᵀ is computed in blocks of rows and never stored: each thread keeps the
/// best of its rows, and the best of all threads' are the answer, whoever computed them.
///
/// **Order**: score descending, then the tie key of the flat index, then the layer, then the index.
///
/// **Panics** unless there is one verdict per entry.
pub fn grow_by_gradient(searches: &[Search<'_>], count: usize, threads: usize) -> Vec<Vec<Grown>> {
    if let [search] = searches {
        return vec![search.best(count, threads).into_iter().map(Candidate::grown).collect()];
    }
    let mut found: Vec<(usize, Candidate)> = Vec::with_capacity(searches.len() * count);
    for (layer, search) in searches.iter().enumerate() {
        found.extend(search.best(count, threads).into_iter().map(|candidate| (layer, candidate)));
    }
    if found.len() > count {
        let key = |&(layer, candidate): &(usize, Candidate)| searches[layer].key(&candidate);
        found.sort_unstable_by(|a, b| {
            let by_score = b.1.score.cmp(&a.1.score);
            by_score.then_with(|| (key(a), a.0, a.1.at()).cmp(&(key(b), b.0, b.1.at())))
        });
        found.truncate(count);
    }
    let mut grown = vec![Vec::new(); searches.len()];
    found.into_iter().for_each(|(layer, candidate)| grown[layer].push(candidate.grown()));
    grown
}

/// A position with its score: 16 bytes, so that the best of a large layer are few megabytes.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    row: u32,
    col: u32,
    gradient: f32,
    /// The bits of |gradient| or of 0: non-negative floats order as their bits do.
    score: u32,
}

impl Candidate {
    fn grown(self) -> Grown {
        Grown { row: self.row, col: self.col, gradient: self.gradient, weight: 0.0 }
    }

    fn at(&self) -> (u32, u32) {
        (self.row, self.col)
    }
}

impl Search<'_> {
    /// The best `count` positions of the layer, in no order.
    fn best(&self, count: usize, threads: usize) -> Vec<Candidate> {
        let rows = self.pattern.rows();
        assert_eq!(self.survives.len(), self.pattern.nnz(), "one verdict per entry");
        let rows_each = rows.div_ceil(threads.max(1)).max(1);
        let mut best: Vec<Best<'_>> = (0..rows)
            .step_by(rows_each)
            .map(|first| Best::new(self, first..rows.min(first + rows_each), count))
            .collect();
        parallel::for_each(&mut best, |_, best| best.search());
        let mut best = best.into_iter();
        let Some(mut all) = best.next() else { return Vec::new() };
        best.flat_map(|best| best.found).for_each(|candidate| all.offer(candidate));
        all.shrink();
        all.found
    }

    /// The tie key of a position.
    fn key(&self, candidate: &Candidate) -> u64 {
        self.ties.key(candidate.row as u64 * self.pattern.cols() as u64 + candidate.col as u64)
    }

    /// Descending preference; keys are hashed only for ties.
    fn order(&self, a: &Candidate, b: &Candidate) -> Ordering {
        let by_score = b.score.cmp(&a.score);
        by_score.then_with(|| (self.key(a), a.at()).cmp(&(self.key(b), b.at())))
    }
}

/// The best candidates of a range of rows.
struct Best<'a> {
    of: &'a Search<'a>,
    rows: std::ops::Range<usize>,
    count: usize,
    found: Vec<Candidate>,
    /// Scores below this cannot be among the best any more.
    floor: u32,
}

/// Candidates held for the best `count`: half as many again, so that a third is thrown out at once, at
/// a constant cost per offer.
fn spare(count: usize) -> usize {
    count + count / 2 + 64
}

/// What stands at a position of a row.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Absent,
    Dropped,
    Survivor,
}

impl<'a> Best<'a> {
    fn new(of: &'a Search<'a>, rows: std::ops::Range<usize>, count: usize) -> Best<'a> {
        // One allocation: growing would leave holes as large as the list.
        let room = (rows.len() * of.pattern.cols()).min(spare(count));
        Best { of, rows, count, found: Vec::with_capacity(room), floor: 0 }
    }

    fn search(&mut self) {
        let Search { isa, pattern, survives, tiles, .. } = *self.of;
        let cols = pattern.cols();
        let mut block = vec![0.0; BLOCK_ROWS.min(self.rows.len()) * cols];
        let mut places = vec![Place::Absent; cols];
        for first in self.rows.clone().step_by(BLOCK_ROWS) {
            let rows = first..self.rows.end.min(first + BLOCK_ROWS);
            let gradient = &mut block[..rows.len() * cols];
            gradient.fill(0.0);
            for (x, dy) in tiles {
                dense_backward_weight(isa, &dy[rows.clone()], x, gradient);
            }
            for (row, gradient) in rows.zip(gradient.chunks_exact(cols)) {
                for entry in pattern.entries(row) {
                    places[pattern.col_idx()[entry] as usize] =
                        if survives[entry] { Place::Survivor } else { Place::Dropped };
                }
                self.offer_row(row as u32, gradient, &places);
                for &col in pattern.row(row) {
                    places[col as usize] = Place::Absent;
                }
            }
        }
        self.shrink();
    }

    fn offer_row(&mut self, row: u32, gradient: &[f32], places: &[Place]) {
        let may_return = self.of.candidates == Candidates::Free;
        for ((col, &gradient), &place) in (0..).zip(gradient).zip(places) {
            let masked = self.of.score == GrowScore::Masked && place == Place::Absent;
            let score = if masked { 0 } else { gradient.abs().to_bits() };
            let may_grow = place == Place::Absent || (place == Place::Dropped && may_return);
            if score >= self.floor && may_grow {
                self.offer(Candidate { row, col, gradient, score });
            }
        }
    }

    fn offer(&mut self, candidate: Candidate) {
        self.found.push(candidate);
        if self.found.len() >= spare(self.count) {
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
        let of = self.of;
        let (_, last, _) = self.found.select_nth_unstable_by(self.count - 1, |a, b| of.order(a, b));
        self.floor = last.score;
        self.found.truncate(self.count);
    }
}

/// `count` positions uniformly at random without replacement (SET, Mocanu et al. 2018), by row and
/// column ascending; all there are if fewer. Gradients and weights are 0.
///
/// **Panics** unless there is one verdict per entry.
pub fn grow_at_random(
    pattern: &CsrPattern,
    survives: &[bool],
    count: usize,
    candidates: Candidates,
    rng: &mut Pcg64,
) -> Vec<Grown> {
    assert_eq!(survives.len(), pattern.nnz(), "one verdict per entry");
    let is_taken = |entry: usize| survives[entry] || candidates == Candidates::Absent;
    let taken = (0..pattern.nnz()).filter(|&entry| is_taken(entry)).count();
    let free = pattern.rows() * pattern.cols() - taken;
    // The chosen ones' places in the list of all free positions, which is never written down.
    let mut places = rand::seq::index::sample(rng, free, count.min(free)).into_vec();
    places.sort_unstable();
    let mut grown = Vec::with_capacity(places.len());
    let mut places = places.into_iter().peekable();
    // Free positions before the row's next taken one are a gap; a chosen place falls into one.
    let mut passed = 0;
    for row in 0..pattern.rows() {
        let taken = pattern.entries(row).filter(|&entry| is_taken(entry));
        let ends = taken.map(|entry| pattern.col_idx()[entry] as usize).chain([pattern.cols()]);
        let mut col = 0;
        for end in ends {
            while let Some(place) = places.next_if(|place| *place < passed + end - col) {
                let col = (col + place - passed) as u32;
                grown.push(Grown { row: row as u32, col, gradient: 0.0, weight: 0.0 });
            }
            passed += end - col;
            col = end + 1;
        }
    }
    grown
}
