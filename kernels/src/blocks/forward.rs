//! y = W·x + b.

use super::{expect_groups, groups, next_width};
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::memory::prefetch_row;
use crate::{LANES, Row, TILE};

/// [`spmm`](crate::spmm()) of rows that share their columns by sixteens: the same sums in the same
/// order.
///
/// **Shapes**: `row_ptr` `[rows + 1]`, of which the first row begins a group; `values` as `col_idx`
/// `[nnz]`, a group's as `[entry][rows of the group]`; `bias` (or none: zeros) and `y` `[rows]`,
/// `x` `[in_features]` of one tile. A group's columns are its first row's.
///
/// **Order**: as [`spmm`](crate::spmm()).
///
/// **Panics** if the shapes disagree, rows of a group are not equally long, or a column is not
/// below `x.len()`.
///
/// Cost: 2·nnz·64 flops; 16 bytes of `x` per entry.
pub fn spmm_blocks(
    isa: Isa,
    row_ptr: &[usize],
    col_idx: &[u32],
    values: &[f32],
    bias: Option<&[f32]>,
    x: &[Row],
    y: &mut [Row],
) {
    assert_eq!(row_ptr.len(), y.len() + 1, "row_ptr holds rows + 1 offsets");
    assert_eq!(col_idx.len(), values.len(), "one value per column id");
    if let Some(bias) = bias {
        assert_eq!(bias.len(), y.len(), "one bias per row");
    }
    expect_groups(row_ptr);
    isa.run(Forward { row_ptr, col_idx, values, bias, x, y });
}

struct Forward<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    values: &'a [f32],
    bias: Option<&'a [f32]>,
    x: &'a [Row],
    y: &'a mut [Row],
}

/// Columns that pass all rows of a group before the next: 32 KB of X.
const PANEL: usize = 128;

/// Entries that X is asked for ahead.
const AHEAD: usize = 16;

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Forward { row_ptr, col_idx, values, bias, x, mut y } = self;
        let mut row = 0;
        for (start, columns, rows) in groups(row_ptr, col_idx) {
            let (of_group, later) = y.split_at_mut(rows);
            y = later;
            for (row, y) in (row..).zip(&mut *of_group) {
                lanes.store_row([lanes.splat(bias.map_or(0.0, |bias| bias[row])); 4], y);
            }
            row += rows;
            let values = &values[start..start + rows * columns.len()];
            for (columns, values) in columns.chunks(PANEL).zip(values.chunks(PANEL * rows)) {
                let mut first = 0;
                while first < rows {
                    let y = &mut of_group[first..];
                    let part = Part { columns, values, stride: rows, first, x };
                    first += match next_width(rows - first) {
                        6 => part.add::<L, 6>(lanes, y),
                        5 => part.add::<L, 5>(lanes, y),
                        4 => part.add::<L, 4>(lanes, y),
                        3 => part.add::<L, 3>(lanes, y),
                        2 => part.add::<L, 2>(lanes, y),
                        _ => part.add::<L, 1>(lanes, y),
                    };
                }
            }
        }
    }
}

/// Some rows of a group by some of its columns.
struct Part<'a> {
    columns: &'a [u32],
    /// `[columns, stride]`.
    values: &'a [f32],
    stride: usize,
    /// The first row.
    first: usize,
    x: &'a [Row],
}

impl Part<'_> {
    /// Adds to the first `R` rows of y; returns `R`.
    #[inline(always)]
    fn add<L: Lanes, const R: usize>(&self, lanes: L, y: &mut [Row]) -> usize {
        if L::IS_WIDE {
            self.add_block::<L, R, 4>(lanes, 0, y);
        } else {
            for part in 0..TILE / LANES {
                self.add_block::<L, R, 1>(lanes, part, y);
            }
        }
        R
    }

    #[inline(always)]
    fn add_block<L: Lanes, const R: usize, const G: usize>(
        &self,
        lanes: L,
        part: usize,
        y: &mut [Row],
    ) {
        let mut sums = [[lanes.splat(0.0); G]; R];
        for (sums, y) in sums.iter_mut().zip(&*y) {
            *sums = lanes.load_groups(y, part);
        }
        let is_new_to_l1 = self.first == 0 && part == 0;
        let values = self.values.chunks_exact(self.stride);
        for (nth, (&col, values)) in self.columns.iter().zip(values).enumerate() {
            if is_new_to_l1 && let Some(&later) = self.columns.get(nth + AHEAD) {
                prefetch_row(self.x, later as usize);
            }
            let x: [_; G] = lanes.load_groups(&self.x[col as usize], part);
            for (sums, &value) in sums.iter_mut().zip(&values[self.first..self.first + R]) {
                let value = lanes.splat(value);
                for (sum, &x) in sums.iter_mut().zip(&x) {
                    *sum = lanes.mul_add(value, x, *sum);
                }
            }
        }
        for (sums, y) in sums.iter().zip(y) {
            lanes.store_groups(sums, y, part);
        }
    }
}
