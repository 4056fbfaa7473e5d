//! dW of a layer that has every connection: all its rows share all columns.

use super::SHARED;
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::sddmm::dots_of_fours;
use crate::{LANES, Row};

/// `dw[r][c] += Σ_s dy[r][s] · x[c][s]`: the sums of [`sddmm`](crate::sddmm()) on a full pattern,
/// where [`dense_backward_weight`](crate::dense_backward_weight) adds in another order.
///
/// **Shapes**: `dy` `[rows]` and `x` `[in_features]` of one tile; `dw` `[rows, in_features]`.
///
/// **Order**: as [`sddmm`](crate::sddmm()).
///
/// **Panics** if the shapes disagree.
///
/// Cost: 2·rows·in_features·64 flops; 64 bytes of `x` per entry.
pub fn sddmm_full(isa: Isa, dy: &[Row], x: &[Row], dw: &mut [f32]) {
    assert_eq!(dw.len(), dy.len() * x.len(), "one gradient per position");
    isa.run(SddmmFull { dy, x, dw });
}

/// Rows of X that stay in L1 while all rows of dY pass.
const PANEL: usize = 128;

struct SddmmFull<'a> {
    dy: &'a [Row],
    x: &'a [Row],
    dw: &'a mut [f32],
}

impl Kernel for SddmmFull<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let SddmmFull { dy, x, dw } = self;
        let in_groups = if L::IS_WIDE { dy.len() / SHARED * SHARED } else { 0 };
        let (groups, rest) = dy.split_at(in_groups);
        let (of_groups, of_rest) = dw.split_at_mut(in_groups * x.len());
        let width = x.len();
        for first in (0..width).step_by(PANEL) {
            let x = &x[first..width.min(first + PANEL)];
            let of_groups = of_groups.chunks_exact_mut(SHARED * width);
            for (dy, dw) in groups.as_chunks().0.iter().zip(of_groups) {
                add_dots_of_four(lanes, dy, x, width, &mut dw[first..]);
            }
            for (dy, dw) in rest.iter().zip(of_rest.chunks_exact_mut(width)) {
                add_dots(lanes, dy, x, &mut dw[first..first + x.len()]);
            }
        }
    }
}

/// Adds the dot products of four rows with those of `x` to their places in rows of `width`.
#[inline(always)]
fn add_dots_of_four<L: Lanes>(
    lanes: L,
    dy: &[Row; SHARED],
    x: &[Row],
    width: usize,
    dw: &mut [f32],
) {
    let (fours, last) = x.as_chunks::<4>();
    for (at, x) in fours.iter().enumerate() {
        // The other way round: by rows, where those of a list of columns stand by columns.
        let mut sums = [0.0; LANES];
        lanes.store(dots_of_fours(lanes, x.each_ref(), dy.each_ref()), &mut sums);
        for (row, sums) in sums.as_chunks::<4>().0.iter().enumerate() {
            let dw = &mut dw[row * width + 4 * at..][..4];
            dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
        }
    }
    for (col, x_row) in (4 * fours.len()..).zip(last) {
        for (row, dy) in dy.iter().enumerate() {
            dw[row * width + col] += lanes.sum(lanes.dot(dy, x_row));
        }
    }
}

/// Adds the dot products of one row with those of `x`.
#[inline(always)]
fn add_dots<L: Lanes>(lanes: L, dy: &Row, x: &[Row], dw: &mut [f32]) {
    let (eights, last) = x.as_chunks::<8>();
    let (of_eights, of_last) = dw.as_chunks_mut::<8>();
    let dy = lanes.load_row(dy);
    for ([a, b, c, d, e, f, g, h], dw) in eights.iter().zip(of_eights) {
        let halves = [
            lanes.half_sums(lanes.dot_with(a, &dy), lanes.dot_with(e, &dy)),
            lanes.half_sums(lanes.dot_with(b, &dy), lanes.dot_with(f, &dy)),
            lanes.half_sums(lanes.dot_with(c, &dy), lanes.dot_with(g, &dy)),
            lanes.half_sums(lanes.dot_with(d, &dy), lanes.dot_with(h, &dy)),
        ];
        let sums = lanes.sums_of_halves(&halves);
        dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
    }
    for (x, dw) in last.iter().zip(of_last) {
        *dw += lanes.sum(lanes.dot_with(x, &dy));
    }
}
