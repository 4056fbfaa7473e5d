//! dX = Wᵀ·dY.

use super::{BLOCK_ROWS, next_width};
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{LANES, Row, TILE};

/// Consecutive columns that the same groups of rows have.
#[derive(Clone, Copy, Debug)]
pub struct BlockRun<'a> {
    /// How many columns.
    pub columns: usize,
    /// The first row of each group that has them, ascending.
    pub rows: &'a [u32],
    /// Of each group, where the values of the first column are: those of its rows, and then those
    /// of the other columns.
    pub values: &'a [u32],
}

/// dX = Wᵀ·dY of block-sparse rows, for the columns of some runs: the sums of
/// [`spmm`](crate::spmm()) on the transposed pattern, in the same order.
///
/// **Shapes**: `values` as in [`spmm_blocks`](crate::spmm_blocks), `dy` `[rows]` of one tile; `dx`
/// the columns' rows, run after run.
///
/// **Order**: from 0, rows ascending, one accumulator per sample.
///
/// **Panics** if the shapes disagree.
///
/// Cost: 2·nnz·64 flops; 16 bytes of `dy` per entry of a run of 16.
pub fn spmm_blocks_transposed<'a>(
    isa: Isa,
    runs: impl Iterator<Item = BlockRun<'a>>,
    values: &[f32],
    dy: &[Row],
    dx: &mut [Row],
) {
    let mut rest = dx;
    for run in runs {
        assert_eq!(run.rows.len(), run.values.len(), "one place per group");
        let (dx, later) = rest.split_at_mut(run.columns);
        isa.run(Transposed { run, values, dy, dx });
        rest = later;
    }
    assert!(rest.is_empty(), "runs of as many columns as dx has rows");
}

struct Transposed<'a> {
    run: BlockRun<'a>,
    values: &'a [f32],
    dy: &'a [Row],
    dx: &'a mut [Row],
}

/// Groups that pass all columns of a run before the next: 32 KB of dY.
const GROUPS: usize = 8;

impl Kernel for Transposed<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Transposed { run, values, dy, dx } = self;
        dx.fill(Row::ZERO);
        for (rows, places) in run.rows.chunks(GROUPS).zip(run.values.chunks(GROUPS)) {
            let mut first = 0;
            while first < dx.len() {
                let left = dx.len() - first;
                let (part, dx) = (Part { rows, places, first, values, dy }, &mut dx[first..]);
                first += match next_width(left) {
                    6 => part.add::<L, 6>(lanes, dx),
                    5 => part.add::<L, 5>(lanes, dx),
                    4 => part.add::<L, 4>(lanes, dx),
                    3 => part.add::<L, 3>(lanes, dx),
                    2 => part.add::<L, 2>(lanes, dx),
                    _ => part.add::<L, 1>(lanes, dx),
                };
            }
        }
    }
}

/// Some columns of a run by some of its groups.
struct Part<'a> {
    rows: &'a [u32],
    places: &'a [u32],
    /// The first column.
    first: usize,
    values: &'a [f32],
    dy: &'a [Row],
}

impl Part<'_> {
    /// Adds to the first `R` rows of dx; returns `R`.
    #[inline(always)]
    fn add<L: Lanes, const R: usize>(&self, lanes: L, dx: &mut [Row]) -> usize {
        if L::IS_WIDE {
            self.add_block::<L, R, 4>(lanes, 0, dx);
        } else {
            for part in 0..TILE / LANES {
                self.add_block::<L, R, 1>(lanes, part, dx);
            }
        }
        R
    }

    #[inline(always)]
    fn add_block<L: Lanes, const R: usize, const G: usize>(
        &self,
        lanes: L,
        part: usize,
        dx: &mut [Row],
    ) {
        let mut sums = [[lanes.splat(0.0); G]; R];
        for (sums, dx) in sums.iter_mut().zip(&*dx) {
            *sums = lanes.load_groups(dx, part);
        }
        for (&row, &place) in self.rows.iter().zip(self.places) {
            let dy = &self.dy[row as usize..];
            match dy.first_chunk::<BLOCK_ROWS>() {
                Some(dy) => {
                    let values = &self.values[place as usize..].as_chunks::<BLOCK_ROWS>().0;
                    let values = values[self.first..].first_chunk::<R>().expect("R columns");
                    for (row, dy) in dy.iter().enumerate() {
                        let dy: [_; G] = lanes.load_groups(dy, part);
                        for (sums, values) in sums.iter_mut().zip(values) {
                            add_product(lanes, values[row], &dy, sums);
                        }
                    }
                }
                None => {
                    let values = &self.values[place as usize + self.first * dy.len()..];
                    for (row, row_dy) in dy.iter().enumerate() {
                        let row_dy: [_; G] = lanes.load_groups(row_dy, part);
                        for (nth, sums) in sums.iter_mut().enumerate() {
                            add_product(lanes, values[nth * dy.len() + row], &row_dy, sums);
                        }
                    }
                }
            }
        }
        for (sums, dx) in sums.iter().zip(dx) {
            lanes.store_groups(sums, dx, part);
        }
    }
}

/// `sums += value·x`.
#[inline(always)]
fn add_product<L: Lanes, const G: usize>(
    lanes: L,
    value: f32,
    x: &[L::V; G],
    sums: &mut [L::V; G],
) {
    let value = lanes.splat(value);
    for (sum, &x) in sums.iter_mut().zip(x) {
        *sum = lanes.mul_add(value, x, *sum);
    }
}
