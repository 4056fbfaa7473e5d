//! The largest scores over all positions, connections or not, by row, layer or network.
//!
//! The dense gradient is never stored: it passes by in blocks of rows, and each thread keeps the
//! best positions of its rows.

use super::drop::Ties;
use super::grow::{Candidates, Grown};
use crate::grammar::{Parameter, named};
use crate::parallel::Executor;
use crate::sparse::CsrPattern;
use fanin_kernels::{Isa, Row, dense_backward_weight};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

/// Rows of the dense gradient held at a time, per thread.
const BLOCK_ROWS: usize = 64;

named! {
    /// What a position's score is.
    pub enum GrowScore as "score" {
        /// |∂L/∂W| as if every connection existed.
        Dense = "dense",
        /// |∂L/∂W| of a weight times its mask: 0 wherever no connection existed. An artefact that
        /// implementations with masks can have without knowing, here on purpose.
        Masked = "masked",
    }
}

named! {
    /// The score of a group's entry, from the weights or gradients of its neurons.
    pub enum Norm as "norm" {
        /// Σ|·|.
        L1 = "l1",
        /// √Σ(·)².
        L2 = "l2",
    }
}

impl Norm {
    /// As the methods have it among their parameters.
    pub(super) const PARAMETER: Parameter = Parameter {
        key: "norm",
        default: Some("l1"),
        about: "score of an entry that neurons share (share): l1, the sum of its sizes, or l2",
    };

    /// Of the numbers of a group's neurons. A group that is not whole counts as one that is.
    pub fn of(self, share: usize, values: impl Iterator<Item = f32>) -> f32 {
        let (mut sum, mut count) = (0.0, 0);
        for value in values {
            sum += if self == Norm::L1 { value.abs() } else { value * value };
            count += 1;
        }
        let sum = sum * (share as f32 / count.max(1) as f32);
        if self == Norm::L1 { sum } else { sum.sqrt() }
    }
}

/// What is needed to search one layer for connections to grow.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Neurons of which each row of the pattern is, that share their inputs; the last row may be of
    /// fewer.
    pub share: usize,
    /// The score of a position that several neurons share.
    pub norm: Norm,
    /// The layer's connections before the update.
    pub pattern: &'a CsrPattern,
    /// Which of them stay, `[nnz]`.
    pub survives: &'a [bool],
    /// The batch's (x `[cols]`, dy `[rows]`), tile by tile.
    pub tiles: &'a [(Cow<'a, [Row]>, &'a [Row])],
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
pub fn grow_by_gradient(
    executor: &Executor,
    searches: &[Search<'_>],
    count: usize,
) -> Vec<Vec<Grown>> {
    if let [search] = searches {
        return vec![search.best(executor, count).into_iter().map(Candidate::grown).collect()];
    }
    let mut found: Vec<(usize, Candidate)> = Vec::with_capacity(searches.len() * count);
    for (layer, search) in searches.iter().enumerate() {
        found.extend(search.best(executor, count).into_iter().map(|candidate| (layer, candidate)));
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

/// The `count` positions with the largest scores of each row of a layer; all there are if fewer.
///
/// **Order**: as [`grow_by_gradient`].
///
/// **Panics** unless there is one verdict per entry, and one count per row.
pub fn grow_by_row(executor: &Executor, search: &Search<'_>, counts: &[usize]) -> Vec<Grown> {
    assert_eq!(counts.len(), search.pattern.rows(), "one count per row");
    assert_eq!(search.survives.len(), search.pattern.nnz(), "one verdict per entry");
    let mut best: Vec<Best<'_>> = counts.iter().map(|&count| Best::new(search, 1, count)).collect();
    let mut blocks: Vec<&mut [Best<'_>]> = best.chunks_mut(search.block_rows()).collect();
    executor.for_each(&mut blocks, |crew, block, best| {
        let first = block * search.block_rows();
        search.visit(crew.isa(), first..first + best.len(), |row, gradient, places| {
            best[row - first].offer_whole_row(row as u32, gradient, places);
        });
        best.iter_mut().for_each(Best::shrink);
    });
    best.into_iter().flat_map(|best| best.found).map(Candidate::grown).collect()
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
    fn best(&self, executor: &Executor, count: usize) -> Vec<Candidate> {
        let rows = self.pattern.rows();
        assert_eq!(self.survives.len(), self.pattern.nnz(), "one verdict per entry");
        let rows_each = rows.div_ceil(executor.threads()).max(1);
        let mut best: Vec<Best<'_>> = (0..rows)
            .step_by(rows_each)
            .map(|first| Best::new(self, rows_each.min(rows - first), count))
            .collect();
        executor.for_each(&mut best, |crew, part, best| {
            let first = part * rows_each;
            let rows = first..rows.min(first + rows_each);
            self.visit(crew.isa(), rows, |row, gradient, places| {
                best.offer_row(row as u32, gradient, places);
            });
            best.shrink();
        });
        let mut best = best.into_iter();
        let Some(mut all) = best.next() else { return Vec::new() };
        best.flat_map(|best| best.found).for_each(|candidate| all.offer(candidate));
        all.shrink();
        all.found
    }

    /// Rows of the pattern whose gradient is held at a time.
    fn block_rows(&self) -> usize {
        (BLOCK_ROWS / self.share).max(1)
    }

    /// Shows the gradient of every position of these rows, row by row, a block in memory at a time:
    /// of rows that several neurons share the scores. With it, what stands at each position.
    fn visit(&self, isa: Isa, rows: Range<usize>, mut visit: impl FnMut(usize, &[f32], &[Place])) {
        let Search { share, norm, pattern, survives, tiles, .. } = *self;
        let (cols, block_rows) = (pattern.cols(), self.block_rows());
        let mut block = vec![0.0; block_rows.min(rows.len()) * share * cols];
        let mut shared = vec![0.0; if share > 1 { cols } else { 0 }];
        let mut places = vec![Place::Absent; cols];
        for first in rows.clone().step_by(block_rows) {
            let rows = first..rows.end.min(first + block_rows);
            let neurons = tiles.first().map_or(usize::MAX, |(_, dy)| dy.len());
            let neurons = rows.start * share..neurons.min(rows.end * share);
            let gradient = &mut block[..neurons.len() * cols];
            gradient.fill(0.0);
            for (x, dy) in tiles {
                dense_backward_weight(isa, &dy[neurons.clone()], x, gradient);
            }
            for (row, gradient) in rows.zip(gradient.chunks(share * cols)) {
                let gradient = match share {
                    1 => gradient,
                    _ => {
                        let of_col = |col| gradient[col..].iter().copied().step_by(cols);
                        let scores = shared.iter_mut().enumerate();
                        scores.for_each(|(col, score)| *score = norm.of(share, of_col(col)));
                        &shared
                    }
                };
                for entry in pattern.entries(row) {
                    places[pattern.col_idx()[entry] as usize] =
                        if survives[entry] { Place::Survivor } else { Place::Dropped };
                }
                visit(row, gradient, &places);
                for &col in pattern.row(row) {
                    places[col as usize] = Place::Absent;
                }
            }
        }
    }

    /// The tie key of a position.
    fn key(&self, candidate: &Candidate) -> u64 {
        self.ties.key(candidate.row as u64 * self.pattern.cols() as u64 + candidate.col as u64)
    }
}

/// The best candidates of some rows.
struct Best<'a> {
    of: &'a Search<'a>,
    count: usize,
    found: Vec<Candidate>,
    /// Scores below this cannot be among the best any more.
    floor: u32,
}

/// Candidates held for the best `count`: half as many again, so that a third is thrown out at once,
/// at a constant cost per offer.
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
    /// Of so many rows.
    fn new(of: &'a Search<'a>, rows: usize, count: usize) -> Best<'a> {
        // One allocation: growing would leave holes as large as the list.
        let room = (rows * of.pattern.cols()).min(spare(count));
        Best { of, count, found: Vec::with_capacity(room), floor: 0 }
    }

    fn offer_row(&mut self, row: u32, gradient: &[f32], places: &[Place]) {
        /// Positions that are passed over together if none can be among the best.
        const TOGETHER: usize = 32;
        let may_return = self.of.candidates == Candidates::Free;
        let chunks = gradient.chunks(TOGETHER).zip(places.chunks(TOGETHER));
        for ((gradient, places), first) in chunks.zip((0..).step_by(TOGETHER)) {
            // Signed, for the machine's vectors: sizes have no sign bit.
            let floor = self.floor as i32;
            let reaches = |any, gradient: &f32| any | (gradient.abs().to_bits() as i32 >= floor);
            if !gradient.iter().fold(false, reaches) {
                continue;
            }
            for ((col, &gradient), &place) in (first..).zip(gradient).zip(places) {
                let masked = self.of.score == GrowScore::Masked && place == Place::Absent;
                let score = if masked { 0 } else { gradient.abs().to_bits() };
                let may_grow = place == Place::Absent || (place == Place::Dropped && may_return);
                if score >= self.floor && may_grow {
                    self.offer(Candidate { row, col, gradient, score });
                }
            }
        }
    }

    /// [`Best::offer_row`] of the only row there is, with a floor that most of it is below: first
    /// one that a sample of the row suggests, then the least of all sizes, so that gradients of 0
    /// come only where nothing else is left: a row may have hundreds, behind inputs that are always
    /// 0, and all are equal. A floor that leaves enough changes nothing of what is best.
    fn offer_whole_row(&mut self, row: u32, gradient: &[f32], places: &[Place]) {
        for floor in [self.floor_of(gradient), 1, 0] {
            self.found.clear();
            self.floor = floor;
            self.offer_row(row, gradient, places);
            if self.found.len() >= self.count {
                break;
            }
        }
    }

    /// A score that somewhat more of a row than are wanted reach, by a sample.
    fn floor_of(&self, gradient: &[f32]) -> u32 {
        const SAMPLE: usize = 64;
        let mut sample = [0; SAMPLE];
        let every = gradient.len() / SAMPLE;
        let of_row = gradient.iter().step_by(every.max(1));
        sample.iter_mut().zip(of_row).for_each(|(score, x)| *score = x.abs().to_bits());
        // Two more than the share of those wanted: the sample may have too many of the large.
        let rank = (SAMPLE * self.count).div_ceil(gradient.len().max(1)) + 2;
        if every == 0 || rank >= SAMPLE {
            return 1;
        }
        *sample.select_nth_unstable_by(rank, |a, b| b.cmp(a)).1
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
        // By scores alone, then among those as good as the last; keys are hashed only for these.
        let score = |candidate: &Candidate| Reverse(candidate.score);
        let (_, last, _) = self.found.select_nth_unstable_by_key(self.count - 1, score);
        self.floor = last.score;
        if self.found[self.count..].iter().any(|other| other.score == self.floor) {
            let (of, floor) = (self.of, self.floor);
            let mut ties = Vec::new();
            self.found.retain(|candidate| {
                if candidate.score == floor {
                    ties.push((of.key(candidate), *candidate));
                }
                candidate.score > floor
            });
            let wanted = self.count - self.found.len();
            let place = |(key, candidate): &(u64, Candidate)| (*key, candidate.at());
            ties.select_nth_unstable_by_key(wanted - 1, place);
            self.found.extend(ties[..wanted].iter().map(|(_, candidate)| *candidate));
        }
        self.found.truncate(self.count);
    }
}
