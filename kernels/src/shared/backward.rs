//! dX = Wᵀ·dY and dW = dY·Xᵀ.

use super::{SHARED, expect_groups, groups};
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::sddmm::{dots_of_fours, four_of, sddmm};
use crate::{LANES, Row, TILE};

/// dX = Wᵀ·dY of rows that share their columns by fours, for the columns
/// `first..first + dx.len()`: the sums of [`spmm`](crate::spmm()) on the transposed pattern, in the
/// same order.
///
/// **Shapes**: `row_ptr` `[rows + 1]` of all rows, `values` as in
/// [`spmm_shared`](crate::spmm_shared), `dy` `[rows]` of one tile, `dx` the columns' rows.
/// `bounds` `[2, groups]`: which entries of each group's first row are of these columns; of up to
/// three rows at the end, all.
///
/// **Order**: from 0, rows ascending, one accumulator per sample.
///
/// **Panics** if the shapes disagree, rows of a group are not equally long, or the bounds name
/// entries of other columns.
///
/// Cost: 2·nnz·64 flops; 128 bytes of `dx` per entry.
pub fn spmm_shared_transposed(
    isa: Isa,
    row_ptr: &[usize],
    col_idx: &[u32],
    values: &[f32],
    bounds: [&[u32]; 2],
    dy: &[Row],
    first: usize,
    dx: &mut [Row],
) {
    assert_eq!(row_ptr.len(), dy.len() + 1, "row_ptr holds rows + 1 offsets");
    assert_eq!(col_idx.len(), values.len(), "one value per column id");
    expect_groups(row_ptr);
    let groups = dy.len() / SHARED;
    assert!(bounds.iter().all(|bounds| bounds.len() == groups), "bounds of {groups} groups");
    isa.run(Transposed { row_ptr, col_idx, values, bounds, dy, first, dx });
}

struct Transposed<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    values: &'a [f32],
    bounds: [&'a [u32]; 2],
    dy: &'a [Row],
    first: usize,
    dx: &'a mut [Row],
}

impl Kernel for Transposed<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Transposed { row_ptr, col_idx, values, bounds, dy, first, dx } = self;
        dx.fill(Row::ZERO);
        let (grouped, rest) = dy.as_chunks::<SHARED>();
        let bounds = bounds[0].iter().zip(bounds[1]);
        for ((start, columns), (dy, (&from, &to))) in
            groups(row_ptr, col_idx).zip(grouped.iter().zip(bounds))
        {
            let range = from as usize..to as usize;
            let values = values[start..start + SHARED * columns.len()].as_chunks::<SHARED>().0;
            let (columns, values) = (&columns[range.clone()], &values[range]);
            if L::IS_WIDE {
                let [a, b, c, d] = dy;
                let dy =
                    [lanes.load_row(a), lanes.load_row(b), lanes.load_row(c), lanes.load_row(d)];
                for (&col, values) in columns.iter().zip(values) {
                    let dx = &mut dx[col as usize - first];
                    let mut sums = lanes.load_row(dx);
                    for (dy, &value) in dy.iter().zip(values) {
                        let value = lanes.splat(value);
                        for (sum, &dy) in sums.iter_mut().zip(dy) {
                            *sum = lanes.mul_add(value, dy, *sum);
                        }
                    }
                    lanes.store_row(sums, dx);
                }
                continue;
            }
            for part in 0..TILE / LANES {
                let [a, b, c, d] = dy.each_ref().map(|dy| &dy.groups()[part]);
                let dy = [lanes.load(a), lanes.load(b), lanes.load(c), lanes.load(d)];
                for (&col, values) in columns.iter().zip(values) {
                    let dx = &mut dx[col as usize - first].groups_mut()[part];
                    let mut sum = lanes.load(dx);
                    for (&dy, &value) in dy.iter().zip(values) {
                        sum = lanes.mul_add(lanes.splat(value), dy, sum);
                    }
                    lanes.store(sum, dx);
                }
            }
        }
        let columns = first..first + dx.len();
        for (row, dy) in (SHARED * grouped.len()..).zip(rest) {
            let dy = lanes.load_row(dy);
            for entry in row_ptr[row]..row_ptr[row + 1] {
                let col = col_idx[entry] as usize;
                if columns.contains(&col) {
                    let dx = &mut dx[col - first];
                    let (value, mut sums) = (lanes.splat(values[entry]), lanes.load_row(dx));
                    for (sum, &dy) in sums.iter_mut().zip(&dy) {
                        *sum = lanes.mul_add(value, dy, *sum);
                    }
                    lanes.store_row(sums, dx);
                }
            }
        }
    }
}

/// [`sddmm`](crate::sddmm()) of rows that share their columns by fours: the same sums.
///
/// **Shapes**: `row_ptr` `[rows + 1]`, of which the first row begins a group; `dy` `[rows]` and `x`
/// `[in_features]` of one tile; `dw` the entries `row_ptr[0]..row_ptr[rows]`, in the order of
/// [`spmm_shared`](crate::spmm_shared)'s values.
///
/// **Order**: as [`sddmm`](crate::sddmm()).
///
/// **Panics** if the shapes disagree, rows of a group are not equally long, or a column is not
/// below `x.len()`.
///
/// Cost: 2·nnz·64 flops; 64 bytes of `x` per entry.
pub fn sddmm_shared(
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
    let grouped = dy.len() / SHARED * SHARED;
    let (dw, rest) = dw.split_at_mut(row_ptr[grouped] - entries.start);
    sddmm(isa, &row_ptr[grouped..], col_idx, &dy[grouped..], x, rest);
    isa.run(SddmmShared { row_ptr: &row_ptr[..=grouped], col_idx, dy, x, dw });
}

struct SddmmShared<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    dy: &'a [Row],
    x: &'a [Row],
    dw: &'a mut [f32],
}

impl Kernel for SddmmShared<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let SddmmShared { row_ptr, col_idx, dy, x, mut dw } = self;
        for ((_, columns), dy) in groups(row_ptr, col_idx).zip(dy.as_chunks::<SHARED>().0) {
            let (of_group, later) = std::mem::take(&mut dw).split_at_mut(SHARED * columns.len());
            dw = later;
            if !L::IS_WIDE {
                add_dots(lanes, dy, x, columns, of_group);
                continue;
            }
            let (fours, last) = columns.as_chunks::<4>();
            let (of_fours, of_last) = of_group.as_chunks_mut::<LANES>();
            for (columns, dw) in fours.iter().zip(of_fours) {
                let sums = dots_of_fours(lanes, dy.each_ref(), four_of(x, columns));
                lanes.store(lanes.add(lanes.load(dw), sums), dw);
            }
            if !last.is_empty() {
                let mut sums = [0.0; LANES];
                lanes.store(dots_of_fours(lanes, dy.each_ref(), four_of(x, last)), &mut sums);
                of_last.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
            }
        }
    }
}

/// Where registers are few: adds the dot products of a group's rows with those of `x`, two at a
/// time, each of which is loaded once for four.
#[inline(always)]
fn add_dots<L: Lanes>(lanes: L, dy: &[Row; SHARED], x: &[Row], columns: &[u32], dw: &mut [f32]) {
    let (pairs, last) = columns.as_chunks::<2>();
    let (of_pairs, of_last) = dw.as_chunks_mut::<8>();
    for (&[a, b], dw) in pairs.iter().zip(of_pairs) {
        let [a, b] = [a, b].map(|col| &x[col as usize]);
        let [[a, b], [c, d]] = [halves(lanes, dy, a), halves(lanes, dy, b)];
        let [a, c, e, g, b, d, f, h] = lanes.sums_of_halves(&[a, b, c, d]);
        for (dw, sum) in dw.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *dw += sum;
        }
    }
    if let &[col] = last {
        let [a, b] = halves(lanes, dy, &x[col as usize]);
        let [a, c, _, _, b, d, ..] = lanes.sums_of_halves(&[a, b, a, b]);
        for (dw, sum) in of_last.iter_mut().zip([a, b, c, d]) {
            *dw += sum;
        }
    }
}

/// The dot products of a group's rows with one of `x`, as far as the tree's first step goes.
#[inline(always)]
fn halves<L: Lanes>(lanes: L, dy: &[Row; SHARED], x: &Row) -> [L::Half; 2] {
    let [a, b, c, d] = dy;
    let x = lanes.load_row(x);
    [
        lanes.half_sums(lanes.dot_with(a, &x), lanes.dot_with(b, &x)),
        lanes.half_sums(lanes.dot_with(c, &x), lanes.dot_with(d, &x)),
    ]
}
