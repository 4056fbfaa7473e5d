//! The first layer of samples of which few values are not 0: text, clicks, one-hot columns.
//!
//! A tile of such samples has rows for those of its features that any sample has, and a bitmap that
//! says which they are ([`SparseTile`]). An entry of W whose feature is not among them adds nothing
//! in either product. So entries are sifted by the bitmap, which stays in L1 (47,000 features are 9
//! KB with their counts), and what is left goes through the loops of [`spmm`](crate::spmm) and
//! [`sddmm`](crate::sddmm), to their bits: a term of 0 changes no sum, as long as everything is
//! finite.
//!
//! Whole rows of 64 samples, although a feature is one sample's as a rule, and a branch at each
//! entry, although it is mispredicted: both are worth it while few features are there, and where
//! more are, all rows are better still (`SPARSE_BELOW` in the engine). Lost, a training step on one
//! EPYC core, where 7 % of 47,000 features are there, and where 47 % of 8000 are: a list of
//! (sample, value) for each feature, 1.07 and 0.82; entries sifted without a branch, 0.75 and 1.8;
//! all rows, 0.43 and 2.2.

use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;
use crate::sddmm::add_dots;
use crate::spmm::add_entries;
use crate::{LANES, Row, TILE};

/// Up to 64 samples as rows of the features that any of them has.
#[derive(Clone, Copy, Debug)]
pub struct SparseTile<'a> {
    /// A bit for each feature that is there, 64 to a word.
    pub words: &'a [u64],
    /// Bits in all words before each word.
    pub before: &'a [u32],
    /// The rows of the features that are there, ascending.
    pub rows: &'a [Row],
}

/// Entries that are sifted at a time.
const SIFTED: usize = 256;

impl SparseTile<'_> {
    /// Hands on the entries whose features are there: their rows, and which entries they are.
    #[inline(always)]
    fn sift(&self, columns: &[u32], mut take: impl FnMut(&[u32], &[u32])) {
        let (mut rows, mut entries) = ([0u32; SIFTED], [0u32; SIFTED]);
        for (chunk, columns) in columns.chunks(SIFTED).enumerate() {
            let mut count = 0;
            for (entry, &column) in columns.iter().enumerate() {
                let word = column as usize / 64;
                let (bits, bit) = (self.words[word], 1u64 << (column % 64));
                if bits & bit != 0 {
                    rows[count] = self.before[word] + (bits & (bit - 1)).count_ones();
                    entries[count] = (chunk * SIFTED + entry) as u32;
                    count += 1;
                }
            }
            take(&rows[..count], &entries[..count]);
        }
    }
}

/// [`spmm`](crate::spmm) of a sparse tile.
///
/// Equation: Y = W·X + b.
///
/// **Shapes**: `row_ptr` `[rows + 1]`, indices into the whole `col_idx` and `values` `[nnz]`;
/// `bias` and `y` `[rows]`.
///
/// **Order**: as [`spmm`](crate::spmm), with the same bits but for the sign of a sum that is 0.
///
/// **Panics** if the shapes disagree, a column is not a feature of the tile, or its parts
/// disagree.
pub fn spmm_sparse_input(
    isa: Isa,
    row_ptr: &[usize],
    col_idx: &[u32],
    values: &[f32],
    bias: &[f32],
    x: SparseTile<'_>,
    y: &mut [Row],
) {
    assert_eq!(row_ptr.len(), y.len() + 1, "row_ptr holds rows + 1 offsets");
    assert_eq!(col_idx.len(), values.len(), "one value per column id");
    assert_eq!(bias.len(), y.len(), "one bias per row");
    isa.run(Spmm { row_ptr, col_idx, values, bias, x, y });
}

struct Spmm<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    values: &'a [f32],
    bias: &'a [f32],
    x: SparseTile<'a>,
    y: &'a mut [Row],
}

impl Kernel for Spmm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Spmm { row_ptr, col_idx, values, bias, x, y } = self;
        let mut weights = [0f32; SIFTED];
        for ((bounds, &bias), y) in row_ptr.windows(2).zip(bias).zip(y) {
            let mut sum = [lanes.splat(bias); TILE / LANES];
            let values = &values[bounds[0]..bounds[1]];
            x.sift(&col_idx[bounds[0]..bounds[1]], |rows, entries| {
                for (weight, &entry) in weights.iter_mut().zip(entries) {
                    *weight = values[entry as usize];
                }
                sum = add_entries(lanes, sum, rows, &weights[..rows.len()], x.rows);
            });
            for (sum, y) in sum.into_iter().zip(y.groups_mut()) {
                lanes.store(sum, y);
            }
        }
    }
}

/// [`sddmm`](crate::sddmm) of a sparse tile.
///
/// Equation: dW = dY·Xᵀ on the stored entries of W, one tile's part of it.
///
/// **Shapes**: `row_ptr` `[rows + 1]`, indices into the whole `col_idx` `[nnz]`; `dy` `[rows]`;
/// `dw` the entries `row_ptr[0]..row_ptr[rows]`.
///
/// **Order**: as [`sddmm`](crate::sddmm), with the same bits.
///
/// **Panics** as [`spmm_sparse_input`].
pub fn sddmm_sparse_input(
    isa: Isa,
    row_ptr: &[usize],
    col_idx: &[u32],
    dy: &[Row],
    x: SparseTile<'_>,
    dw: &mut [f32],
) {
    assert_eq!(row_ptr.len(), dy.len() + 1, "row_ptr holds rows + 1 offsets");
    let entries = row_ptr[0]..row_ptr[dy.len()];
    assert_eq!(dw.len(), entries.len(), "one gradient per entry of the block");
    assert!(entries.end <= col_idx.len(), "row_ptr ends within col_idx");
    isa.run(Sddmm { row_ptr, col_idx, dy, x, dw });
}

struct Sddmm<'a> {
    row_ptr: &'a [usize],
    col_idx: &'a [u32],
    dy: &'a [Row],
    x: SparseTile<'a>,
    dw: &'a mut [f32],
}

impl Kernel for Sddmm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Sddmm { row_ptr, col_idx, dy, x, dw } = self;
        let first = row_ptr[0];
        let mut sums = [0f32; SIFTED];
        for (bounds, dy) in row_ptr.windows(2).zip(dy) {
            let dw = &mut dw[bounds[0] - first..bounds[1] - first];
            x.sift(&col_idx[bounds[0]..bounds[1]], |rows, entries| {
                let sums = &mut sums[..rows.len()];
                sums.fill(0.0);
                add_dots(lanes, dy, x.rows, rows, sums);
                for (sum, &entry) in sums.iter().zip(entries) {
                    dw[entry as usize] += sum;
                }
            });
        }
    }
}
