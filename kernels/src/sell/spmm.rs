//! y = W·x + b.

use super::{EqualRows, PANEL, SellBlock, SellPanel, panel_of, separate, take};
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::{LANES, Row, TILE};

/// [`spmm`](crate::spmm) of a block of rows: the same sums in the same order.
///
/// **Shapes**: `values` one per id, in their order; `bias` (or none) and `y` one per row of the
/// block; `x` `[in_features]` of one tile.
///
/// **Order**: as [`spmm`](crate::spmm), for blocks whose rows have ascending columns.
///
/// **Panics** if the shapes disagree, a row is not below `y.len()`, or a panel is not within `x`.
///
/// Cost: 2·nnz·64 flops; 256 bytes of `x` per entry.
pub fn spmm_sell(
    isa: Isa,
    block: SellBlock<'_>,
    values: &[f32],
    bias: Option<&[f32]>,
    x: &[Row],
    y: &mut [Row],
) {
    assert_eq!(block.ids.len(), values.len(), "one value per id");
    if let Some(bias) = bias {
        assert_eq!(bias.len(), y.len(), "one bias per row");
    }
    isa.run(SpmmSell { block, values, bias, x, y });
}

struct SpmmSell<'a> {
    block: SellBlock<'a>,
    values: &'a [f32],
    bias: Option<&'a [f32]>,
    x: &'a [Row],
    y: &'a mut [Row],
}

impl Kernel for SpmmSell<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let SellBlock { panels, mut equal, mut rows, mut ids } = self.block;
        let mut values = self.values;
        for (panel, &SellPanel { first, fours, ones }) in panels.iter().enumerate() {
            let x = panel_of(self.x, first);
            let mut sums = Sums { is_first: panel == 0, bias: self.bias, y: &mut *self.y };
            for &EqualRows { len, count } in take(&mut equal, fours) {
                let rows = take(&mut rows, 4 * count).as_chunks().0;
                let ids = take(&mut ids, 4 * len * count).as_chunks().0;
                let values = take(&mut values, 4 * len * count).as_chunks().0;
                for (four, rows) in rows.iter().enumerate() {
                    let entries = four * len as usize..(four + 1) * len as usize;
                    sums.add_four(lanes, rows, &ids[entries.clone()], &values[entries], x);
                }
            }
            for &EqualRows { len, count } in take(&mut equal, ones) {
                let ids = take(&mut ids, len * count);
                let values = take(&mut values, len * count);
                for (one, &row) in take(&mut rows, count).iter().enumerate() {
                    let entries = one * len as usize..(one + 1) * len as usize;
                    let entries = ids[entries.clone()].iter().zip(&values[entries]);
                    sums.add_one(lanes, row, entries.map(|(&id, &value)| (id, value)), x);
                }
            }
        }
    }
}

/// A block's sums between two panels.
struct Sums<'a> {
    is_first: bool,
    bias: Option<&'a [f32]>,
    y: &'a mut [Row],
}

impl Sums<'_> {
    #[inline(always)]
    fn load<L: Lanes>(&self, lanes: L, row: u8) -> [L::V; TILE / LANES] {
        let row = usize::from(row);
        match self.is_first {
            true => [lanes.splat(self.bias.map_or(0.0, |bias| bias[row])); TILE / LANES],
            false => lanes.load_row(&self.y[row]),
        }
    }

    /// Adds the products of one row's entries.
    #[inline(always)]
    fn add_one<L: Lanes>(
        &mut self,
        lanes: L,
        row: u8,
        entries: impl Iterator<Item = (u8, f32)>,
        x: &[Row; PANEL],
    ) {
        let mut sum = self.load(lanes, row);
        for (id, value) in entries {
            add_product(lanes, &mut sum, value, &x[usize::from(id)]);
        }
        lanes.store_row(sum, &mut self.y[usize::from(row)]);
    }

    /// Adds the products of four rows' entries.
    #[inline(always)]
    fn add_four<L: Lanes>(
        &mut self,
        lanes: L,
        rows: &[u8; 4],
        ids: &[[u8; 4]],
        values: &[[f32; 4]],
        x: &[Row; PANEL],
    ) {
        if !L::IS_WIDE {
            for (i, &row) in rows.iter().enumerate() {
                let entries = ids.iter().zip(values).map(|(ids, values)| (ids[i], values[i]));
                self.add_one(lanes, row, entries, x);
            }
            return;
        }
        let [a, b, c, d] = *rows;
        let mut sums =
            [self.load(lanes, a), self.load(lanes, b), self.load(lanes, c), self.load(lanes, d)];
        for (ids, values) in ids.iter().zip(values) {
            for ((sum, id), &value) in sums.iter_mut().zip(separate(ids)).zip(values) {
                add_product(lanes, sum, value, &x[id]);
            }
        }
        for (sum, &row) in sums.into_iter().zip(rows) {
            lanes.store_row(sum, &mut self.y[usize::from(row)]);
        }
    }
}

#[inline(always)]
fn add_product<L: Lanes>(lanes: L, sum: &mut [L::V; TILE / LANES], value: f32, x: &Row) {
    let value = lanes.splat(value);
    for (sum, x) in sum.iter_mut().zip(x.groups()) {
        *sum = lanes.mul_add(value, lanes.load(x), *sum);
    }
}
