//! dW = dY·Xᵀ on the stored entries.

use super::{EqualRows, PANEL, SellBlock, SellPanel, panel_of, separate, take, take_mut};
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{LANES, Row, TILE};

/// [`sddmm`](crate::sddmm) of a block of rows: the same sums.
///
/// **Shapes**: `dw` one per id, in their order; `dy` one per row of the block; `x` `[in_features]`
/// of one tile.
///
/// **Order**: as [`sddmm`](crate::sddmm).
///
/// **Panics** if the shapes disagree, a row is not below `dy.len()`, or a panel is not within `x`.
///
/// Cost: 2·nnz·64 flops; 256 bytes of `x` per entry.
pub fn sddmm_sell(isa: Isa, block: SellBlock<'_>, dy: &[Row], x: &[Row], dw: &mut [f32]) {
    assert_eq!(block.ids.len(), dw.len(), "one gradient per id");
    isa.run(SddmmSell { block, dy, x, dw });
}

struct SddmmSell<'a> {
    block: SellBlock<'a>,
    dy: &'a [Row],
    x: &'a [Row],
    dw: &'a mut [f32],
}

impl Kernel for SddmmSell<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let SellBlock { panels, mut equal, mut rows, mut ids } = self.block;
        let mut dw = self.dw;
        for &SellPanel { first, fours, ones } in panels {
            let x = panel_of(self.x, first);
            for &EqualRows { len, count } in take(&mut equal, fours) {
                let rows = take(&mut rows, 4 * count).as_chunks::<4>().0;
                let ids = take(&mut ids, 4 * len * count).as_chunks().0;
                let dw = take_mut(&mut dw, 4 * len * count).as_chunks_mut().0;
                for (four, rows) in rows.iter().enumerate() {
                    let entries = four * len as usize..(four + 1) * len as usize;
                    let dy = rows.map(|row| &self.dy[usize::from(row)]);
                    add_dots_of_four(lanes, dy, x, &ids[entries.clone()], &mut dw[entries]);
                }
            }
            for &EqualRows { len, count } in take(&mut equal, ones) {
                let ids = take(&mut ids, len * count);
                let dw = take_mut(&mut dw, len * count);
                for (one, &row) in take(&mut rows, count).iter().enumerate() {
                    let entries = one * len as usize..(one + 1) * len as usize;
                    let dy = lanes.load_row(&self.dy[usize::from(row)]);
                    add_dots(lanes, &dy, x, &ids[entries.clone()], &mut dw[entries]);
                }
            }
        }
    }
}

/// Adds the dot products of four rows with theirs of `x`.
#[inline(always)]
fn add_dots_of_four<L: Lanes>(
    lanes: L,
    dy: [&Row; 4],
    x: &[Row; PANEL],
    ids: &[[u8; 4]],
    dw: &mut [[f32; 4]],
) {
    let [a, b, c, d] = dy;
    let dy = [lanes.load_row(a), lanes.load_row(b), lanes.load_row(c), lanes.load_row(d)];
    let (ids, last_ids) = ids.as_chunks::<4>();
    let (dw, last_dw) = dw.as_chunks_mut::<4>();
    for ([a, b, c, d], dw) in ids.iter().zip(dw) {
        let quarters = [
            quarters(lanes, &dy, x, a),
            quarters(lanes, &dy, x, b),
            quarters(lanes, &dy, x, c),
            quarters(lanes, &dy, x, d),
        ];
        let dw: &mut [f32; LANES] = dw.as_flattened_mut().try_into().expect("4 × 4 are 16");
        let sums = lanes.sums_of_quarters(&quarters);
        lanes.store(lanes.add(lanes.load(dw), sums), dw);
    }
    let [a, rest @ ..] = last_ids else { return };
    let mut sums = [lanes.splat(0.0); 4];
    sums[0] = quarters(lanes, &dy, x, a);
    if let [b, rest @ ..] = rest {
        sums[1] = quarters(lanes, &dy, x, b);
        if let [c] = rest {
            sums[2] = quarters(lanes, &dy, x, c);
        }
    }
    let mut all = [0.0; LANES];
    lanes.store(lanes.sums_of_quarters(&sums), &mut all);
    let sums = all.as_chunks::<4>().0.as_flattened();
    for (dw, sum) in last_dw.as_flattened_mut().iter_mut().zip(sums) {
        *dw += sum;
    }
}

/// The dot products of four rows with one of `x` each, as far as the tree's first two steps go.
#[inline(always)]
fn quarters<L: Lanes>(
    lanes: L,
    dy: &[[L::V; TILE / LANES]; 4],
    x: &[Row; PANEL],
    ids: &[u8; 4],
) -> L::V {
    let [a, b, c, d] = separate(ids);
    lanes.quarter_sums(&[
        lanes.dot_with(&x[a], &dy[0]),
        lanes.dot_with(&x[b], &dy[1]),
        lanes.dot_with(&x[c], &dy[2]),
        lanes.dot_with(&x[d], &dy[3]),
    ])
}

/// Adds the dot products of one row with those of `x`.
#[inline(always)]
fn add_dots<L: Lanes>(
    lanes: L,
    dy: &[L::V; TILE / LANES],
    x: &[Row; PANEL],
    ids: &[u8],
    dw: &mut [f32],
) {
    let (ids, last_ids) = ids.as_chunks::<8>();
    let (dw, last_dw) = dw.as_chunks_mut::<8>();
    for (ids, dw) in ids.iter().zip(dw) {
        add_group::<L, 8>(lanes, dy, x, ids, dw);
    }
    match last_ids.len() {
        0 => {}
        1 => last_dw[0] += lanes.sum(lanes.dot_with(&x[usize::from(last_ids[0])], dy)),
        2 => add_group::<L, 2>(lanes, dy, x, last_ids, last_dw),
        3 => add_group::<L, 3>(lanes, dy, x, last_ids, last_dw),
        4 => add_group::<L, 4>(lanes, dy, x, last_ids, last_dw),
        5 => add_group::<L, 5>(lanes, dy, x, last_ids, last_dw),
        6 => add_group::<L, 6>(lanes, dy, x, last_ids, last_dw),
        _ => add_group::<L, 7>(lanes, dy, x, last_ids, last_dw),
    }
}

/// Adds `N` ≤ 8 dot products, which shrink together.
#[inline(always)]
fn add_group<L: Lanes, const N: usize>(
    lanes: L,
    dy: &[L::V; TILE / LANES],
    x: &[Row; PANEL],
    ids: &[u8],
    dw: &mut [f32],
) {
    let ids: &[u8; N] = ids.try_into().expect("N ids");
    let dw: &mut [f32; N] = dw.try_into().expect("N gradients");
    let none = lanes.splat(0.0);
    let mut halves = [lanes.half_sums(none, none); 4];
    for (i, half) in halves.iter_mut().enumerate().take(N) {
        let early = lanes.dot_with(&x[usize::from(ids[i])], dy);
        let late = match i + 4 < N {
            true => lanes.dot_with(&x[usize::from(ids[i + 4])], dy),
            false => none,
        };
        *half = lanes.half_sums(early, late);
    }
    for (dw, sum) in dw.iter_mut().zip(lanes.sums_of_halves(&halves)) {
        *dw += sum;
    }
}
