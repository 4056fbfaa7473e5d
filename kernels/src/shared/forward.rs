//! y = W·x + b.

use super::{SHARED, expect_groups, groups};
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::memory::prefetch_row;
use crate::spmm::spmm;
use crate::{LANES, Row, TILE};

/// [`spmm`](crate::spmm()) of rows that share their columns by fours: the same sums in the same
/// order.
///
/// **Shapes**: `row_ptr` `[rows + 1]`, of which the first row begins a group; `values` as `col_idx`
/// `[nnz]`, a full group's as `[entry][4]`, those of up to three rows at the end as in CSR; `bias`
/// (or none: zeros) and `y` `[rows]`, `x` `[in_features]` of one tile. A group's columns are its
/// first row's.
///
/// **Order**: as [`spmm`](crate::spmm()).
///
/// **Panics** if the shapes disagree, rows of a group are not equally long, or a column is not
/// below `x.len()`.
///
/// Cost: 2·nnz·64 flops; 64 bytes of `x` per entry.
pub fn spmm_shared(
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
    let grouped = y.len() / SHARED * SHARED;
    let (y, rest) = y.split_at_mut(grouped);
    let rest_bias = bias.map(|bias| &bias[grouped..]);
    spmm(isa, &row_ptr[grouped..], col_idx, values, rest_bias, x, rest);
    isa.run(SpmmShared { row_ptr: &row_ptr[..=grouped], col_idx, values, bias, x, y });
}

struct SpmmShared<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    values: &'a [f32],
    bias: Option<&'a [f32]>,
    x: &'a [Row],
    y: &'a mut [Row],
}

/// Entries that X is asked for ahead.
const AHEAD: usize = 8;

impl Kernel for SpmmShared<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let SpmmShared { row_ptr, col_idx, values, bias, x, y } = self;
        let groups = groups(row_ptr, col_idx);
        let rows = y.as_chunks_mut::<SHARED>().0.iter_mut().enumerate();
        for ((first, columns), (group, y)) in groups.zip(rows) {
            let bias = bias.map_or([0.0; SHARED], |bias| bias.as_chunks().0[group]);
            let values = values[first..first + SHARED * columns.len()].as_chunks::<SHARED>().0;
            if L::IS_WIDE {
                let mut sums = bias.map(|bias| [lanes.splat(bias); TILE / LANES]);
                for (nth, (&col, values)) in columns.iter().zip(values).enumerate() {
                    if let Some(&later) = col_idx.get(first + nth + AHEAD) {
                        prefetch_row(x, later as usize);
                    }
                    let x = lanes.load_row(&x[col as usize]);
                    for (sums, &value) in sums.iter_mut().zip(values) {
                        let value = lanes.splat(value);
                        for (sum, &x) in sums.iter_mut().zip(&x) {
                            *sum = lanes.mul_add(value, x, *sum);
                        }
                    }
                }
                for (sums, y) in sums.into_iter().zip(y) {
                    lanes.store_row(sums, y);
                }
                continue;
            }
            for part in 0..TILE / LANES {
                let mut sums = bias.map(|bias| lanes.splat(bias));
                for (&col, values) in columns.iter().zip(values) {
                    let x = lanes.load(&x[col as usize].groups()[part]);
                    for (sum, &value) in sums.iter_mut().zip(values) {
                        *sum = lanes.mul_add(lanes.splat(value), x, *sum);
                    }
                }
                for (sum, y) in sums.into_iter().zip(y.iter_mut()) {
                    lanes.store(sum, &mut y.groups_mut()[part]);
                }
            }
        }
    }
}
