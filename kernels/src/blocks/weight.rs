//! dW = dY·Xᵀ.

use super::{expect_groups, groups};
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::sddmm::{dots_of_fours, four_of};
use crate::{LANES, Row, TILE};

/// [`sddmm`](crate::sddmm()) of rows that share their columns by sixteens: the same sums.
///
/// **Shapes**: `row_ptr` `[rows + 1]`, of which the first row begins a group; `dy` `[rows]` and `x`
/// `[in_features]` of one tile; `dw` the entries `row_ptr[0]..row_ptr[rows]`, in the order of
/// [`spmm_blocks`](crate::spmm_blocks)'s values.
///
/// **Order**: as [`sddmm`](crate::sddmm()).
///
/// **Panics** if the shapes disagree, rows of a group are not equally long, or a column is not
/// below `x.len()`.
///
/// Cost: 2·nnz·64 flops; 16 bytes of `x` per entry.
pub fn sddmm_blocks(
    isa: Isa,
    row_ptr: &[usize],
    col_idx: &[u32],
    dy: &[Row],
    x: &[Row],
    dw: &mut [f32],
) {
    assert_eq!(row_ptr.len(), dy.len() + 1, "row_ptr holds rows + 1 offsets");
    let entries = row_ptr[0]..row_ptr[dy.len()];
    assert_eq!(dw.len(), entries.len(), "one gradient per entry of the block");
    assert!(entries.end <= col_idx.len(), "row_ptr ends within col_idx");
    expect_groups(row_ptr);
    isa.run(Weight { row_ptr, col_idx, dy, x, dw });
}

struct Weight<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    dy: &'a [Row],
    x: &'a [Row],
    dw: &'a mut [f32],
}

impl Kernel for Weight<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Weight { row_ptr, col_idx, mut dy, x, mut dw } = self;
        for (_, columns, rows) in groups(row_ptr, col_idx) {
            let (of_group, later) = dy.split_at(rows);
            dy = later;
            let (in_group, later) = std::mem::take(&mut dw).split_at_mut(rows * columns.len());
            dw = later;
            if L::IS_WIDE {
                add_by_fours(lanes, of_group, x, columns, in_group);
            } else {
                add_by_samples(lanes, of_group, x, columns, in_group);
            }
        }
    }
}

/// Adds a group's dot products, four of its rows by four columns at a time.
#[inline(always)]
fn add_by_fours<L: Lanes>(lanes: L, dy: &[Row], x: &[Row], columns: &[u32], dw: &mut [f32]) {
    let rows = dy.len();
    let (fours, rest) = dy.as_chunks::<4>();
    for (columns, dw) in columns.chunks(4).zip(dw.chunks_mut(4 * rows)) {
        let x = four_of(x, columns);
        for (nth, dy) in fours.iter().enumerate() {
            let mut sums = [0.0; LANES];
            lanes.store(dots_of_fours(lanes, dy.each_ref(), x), &mut sums);
            for (dw, sums) in dw.chunks_exact_mut(rows).zip(sums.as_chunks::<4>().0) {
                dw[4 * nth..][..4].iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
            }
        }
        for (dw, x) in dw.chunks_exact_mut(rows).zip(x) {
            for (dw, dy) in dw[4 * fours.len()..].iter_mut().zip(rest) {
                *dw += lanes.sum(lanes.dot(dy, x));
            }
        }
    }
}

/// Sample after sample, each of sixteen rows.
#[repr(align(64))]
struct Samples([[f32; LANES]; TILE]);

/// Adds a group's dot products where registers are few: dY is transposed, so that a vector holds
/// one sample of all its rows, and the tree over lanes of samples is plain additions of vectors.
#[inline(always)]
fn add_by_samples<L: Lanes>(lanes: L, dy: &[Row], x: &[Row], columns: &[u32], dw: &mut [f32]) {
    let (samples, rows) = (transposed(lanes, dy), dy.len());
    for (columns, dw) in columns.chunks(2).zip(dw.chunks_mut(2 * rows)) {
        match *columns {
            [a, b] => add_dots(lanes, &samples, [&x[a as usize], &x[b as usize]], rows, dw),
            _ => add_dots(lanes, &samples, [&x[columns[0] as usize]], rows, dw),
        }
    }
}

/// Sample after sample of up to sixteen rows; zeros where there are fewer.
#[inline(always)]
fn transposed<L: Lanes>(lanes: L, dy: &[Row]) -> Samples {
    let mut samples = Samples([[0.0; LANES]; TILE]);
    for (part, samples) in samples.0.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let mut rows = [lanes.splat(0.0); LANES];
        for (row, dy) in rows.iter_mut().zip(dy) {
            *row = lanes.load(&dy.groups()[part]);
        }
        for (&column, sample) in lanes.transpose(&rows).iter().zip(samples) {
            lanes.store(column, sample);
        }
    }
    samples
}

/// Adds the dot products of a group's rows with `R` of X.
#[inline(always)]
fn add_dots<L: Lanes, const R: usize>(
    lanes: L,
    samples: &Samples,
    x: [&Row; R],
    rows: usize,
    dw: &mut [f32],
) {
    // A loop, so that four lanes at a time stay in registers.
    let mut quarters = [[lanes.splat(0.0); R]; 4];
    for (lane, quarter) in quarters.iter_mut().enumerate() {
        *quarter = of_four_lanes(lanes, samples, x, lane);
    }
    let [mut sums, mut odd, even, last] = quarters;
    add(lanes, &mut sums, even);
    add(lanes, &mut odd, last);
    add(lanes, &mut sums, odd);
    for (sum, dw) in sums.into_iter().zip(dw.chunks_exact_mut(rows)) {
        match <&mut [f32; LANES]>::try_from(&mut *dw) {
            Ok(dw) => lanes.store(lanes.add(lanes.load(dw), sum), dw),
            Err(_) => {
                let mut group = [0.0; LANES];
                lanes.store(sum, &mut group);
                dw.iter_mut().zip(group).for_each(|(dw, sum)| *dw += sum);
            }
        }
    }
}

/// The tree's first two steps to its lane `lane` of four.
#[inline(always)]
fn of_four_lanes<L: Lanes, const R: usize>(
    lanes: L,
    samples: &Samples,
    x: [&Row; R],
    lane: usize,
) -> [L::V; R] {
    let mut sums = of_lane(lanes, samples, x, lane);
    add(lanes, &mut sums, of_lane(lanes, samples, x, lane + 8));
    let mut later = of_lane(lanes, samples, x, lane + 4);
    add(lanes, &mut later, of_lane(lanes, samples, x, lane + 12));
    add(lanes, &mut sums, later);
    sums
}

/// Of each column the samples of one lane.
#[inline(always)]
fn of_lane<L: Lanes, const R: usize>(
    lanes: L,
    samples: &Samples,
    x: [&Row; R],
    lane: usize,
) -> [L::V; R] {
    let mut sums = [lanes.splat(0.0); R];
    for part in 0..TILE / LANES {
        let sample = part * LANES + lane;
        let dy = lanes.load(&samples.0[sample]);
        for (sum, x) in sums.iter_mut().zip(x) {
            let x = lanes.splat(x.0[sample]);
            *sum = if part == 0 { lanes.mul(dy, x) } else { lanes.mul_add(dy, x, *sum) };
        }
    }
    sums
}

#[inline(always)]
fn add<L: Lanes, const R: usize>(lanes: L, sums: &mut [L::V; R], others: [L::V; R]) {
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum = lanes.add(*sum, other);
    }
}
