//! Stored connections only: what costs a tenth at 90 % sparsity.
//!
//! dX is the forward product on the transposed pattern, whose values are a copy that follows the
//! weights. Each of both is stored in the order that pays ([`Layout`]). A layer that has every
//! connection runs on the dense kernels for y and dX, which have the same bits there.

use super::interface::{Engine, Place, Storage, even_blocks};
use super::layout::{BLOCK, Layout};
use crate::grammar::Entry;
use crate::parallel::{Crew, Executor};
use crate::sparse::{CsrPattern, Transpose, gather_into};
use fanin_kernels::{
    Isa, Row, SparseTile, dense_backward_input, dense_forward, sddmm_full, sddmm_sparse_input,
    spmm_sparse_input, spmv, spmv_by_columns,
};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// CSR in the list of engines.
pub(super) const ENTRY: Entry<Box<dyn Engine>> = Entry {
    name: "sparse",
    about: "stored connections only, in CSR",
    parameters: &[],
    make: |_| Ok(Box::new(Sparse)),
};

/// The engine of sparse layers.
#[derive(Clone, Copy, Debug)]
pub struct Sparse;

impl Engine for Sparse {
    fn store(&self, pattern: CsrPattern, weights: Vec<f32>, place: Place) -> Box<dyn Storage> {
        Box::new(Csr::new(Arc::new(pattern), weights, place))
    }
}

/// A layer of stored connections.
#[derive(Clone, Debug)]
pub struct Csr {
    pattern: Arc<CsrPattern>,
    place: Place,
    layout: Layout,
    /// In the order of `layout`.
    weights: Vec<f32>,
    /// Every position is stored, so that y and dX are dense products, which have the same bits.
    is_full: bool,
    /// For dX; neither the first layer needs it, nor one that is full or shares its columns.
    transpose: Option<Transposed>,
    blocks: Vec<usize>,
    input_blocks: Vec<usize>,
    /// For samples one by one, where the layouts above are not by rows: made when the first comes.
    of_sample: OnceLock<OfSample>,
}

/// The transposed matrix.
#[derive(Clone, Debug)]
struct Transposed {
    layout: Layout,
    /// Of each place that of the weights.
    position: Vec<u32>,
    values: Vec<f32>,
}

/// A matrix as products with one sample take it.
#[derive(Clone, Debug)]
struct OfSample {
    pattern: CsrPattern,
    values: Vec<f32>,
}

impl Csr {
    /// A layer on `pattern` with these weights, in CSR order.
    ///
    /// **Panics** unless there is one weight per connection.
    pub fn new(pattern: Arc<CsrPattern>, weights: Vec<f32>, place: Place) -> Csr {
        assert_eq!(weights.len(), pattern.nnz(), "one weight per connection");
        let is_full = pattern.nnz() == pattern.rows() * pattern.cols();
        let layout = match is_full || place.takes_sparse_samples() {
            true => Layout::Rows(Arc::clone(&pattern)),
            false => Layout::that_pays(&pattern, place.isa),
        };
        let weights = match layout.position() {
            None => weights,
            Some(position) => position.iter().map(|&entry| weights[entry as usize]).collect(),
        };
        let column_bounds = layout.column_bounds();
        let transpose = (place.computes_dx() && !is_full && column_bounds.is_none())
            .then(|| Transposed::of(&pattern, &layout, &weights, place.isa));
        let input_blocks = match (&transpose, column_bounds) {
            (Some(transpose), _) => transpose.layout.blocks(),
            (None, Some(bounds)) => bounds.to_vec(),
            (None, None) => even_blocks(pattern.cols(), pattern.rows(), BLOCK),
        };
        Csr {
            place,
            blocks: layout.blocks(),
            layout,
            transpose,
            input_blocks,
            pattern,
            weights,
            is_full,
            of_sample: OnceLock::new(),
        }
    }

    /// Values in the order of the stored weights, brought into that of CSR.
    fn by_rows<'a>(&self, stored: &'a [f32]) -> Cow<'a, [f32]> {
        assert_eq!(stored.len(), self.pattern.nnz(), "one value per connection");
        let Some(position) = self.layout.position() else { return Cow::Borrowed(stored) };
        let mut values = vec![0.0; stored.len()];
        position.iter().zip(stored).for_each(|(&entry, &value)| values[entry as usize] = value);
        Cow::Owned(values)
    }
}

impl Transposed {
    /// That of a pattern whose weights are stored in the order of `layout`.
    fn of(pattern: &CsrPattern, layout: &Layout, weights: &[f32], isa: Isa) -> Transposed {
        let (transpose, mut position) = Transpose::of(pattern).into_parts();
        if let Some(entries) = layout.position() {
            let mut places = vec![0; entries.len()];
            (0..).zip(entries).for_each(|(place, &entry)| places[entry as usize] = place);
            position.iter_mut().for_each(|at| *at = places[*at as usize]);
        }
        let layout = Layout::that_pays(&Arc::new(transpose), isa);
        if let Some(entries) = layout.position() {
            position = entries.iter().map(|&entry| position[entry as usize]).collect();
        }
        let values = position.iter().map(|&place| weights[place as usize]).collect();
        Transposed { layout, position, values }
    }
}

impl Storage for Csr {
    fn in_features(&self) -> usize {
        self.pattern.cols()
    }

    fn out_features(&self) -> usize {
        self.pattern.rows()
    }

    fn pattern(&self) -> Option<&Arc<CsrPattern>> {
        Some(&self.pattern)
    }

    fn weights(&self) -> &[f32] {
        &self.weights
    }

    fn row_ptr(&self) -> &[usize] {
        self.pattern.row_ptr()
    }

    fn blocks(&self) -> &[usize] {
        &self.blocks
    }

    fn products(&self) -> usize {
        self.pattern.nnz()
    }

    fn forward(&self, crew: Crew<'_>, bias: &[f32], x: &[Row], y: &mut [Row]) {
        let (isa, weights) = (crew.isa(), &self.weights);
        crew.by_rows(&self.blocks, y, &|rows: Range<usize>, y: &mut [Row]| {
            let bias = Some(&bias[rows.clone()]);
            if self.is_full {
                let weights = &weights[rows.start * x.len()..rows.end * x.len()];
                dense_forward(isa, weights, bias, x, y);
            } else {
                self.layout.times_dense(isa, rows, weights, bias, x, y);
            }
        });
    }

    fn backward_input(&self, crew: Crew<'_>, dy: &[Row], dx: &mut [Row]) {
        let isa = crew.isa();
        if self.is_full {
            let in_features = dx.len();
            return crew.by_rows(&self.input_blocks, dx, &|columns: Range<usize>, dx| {
                dense_backward_input(isa, &self.weights, in_features, dy, columns.start, dx);
            });
        }
        if self.layout.column_bounds().is_some() {
            return crew.by_rows(&self.input_blocks, dx, &|columns: Range<usize>, dx| {
                self.layout.transposed_times_dense(isa, columns, &self.weights, dy, dx);
            });
        }
        let transpose = self.transpose.as_ref().expect("the first layer computes no dx");
        crew.by_rows(&self.input_blocks, dx, &|rows: Range<usize>, dx| {
            transpose.layout.times_dense(isa, rows, &transpose.values, None, dy, dx);
        });
    }

    fn add_gradient_rows(
        &self,
        isa: Isa,
        rows: Range<usize>,
        x: &[Row],
        dy: &[Row],
        dw: &mut [f32],
    ) {
        let dy = &dy[rows.clone()];
        match self.is_full {
            true => sddmm_full(isa, dy, x, dw),
            false => self.layout.add_gradient_rows(isa, rows, x, dy, dw),
        }
    }

    fn takes_sparse_input(&self) -> bool {
        // So its weights stand as in CSR.
        self.place.takes_sparse_samples()
    }

    fn forward_sparse(&self, crew: Crew<'_>, bias: &[f32], x: SparseTile<'_>, y: &mut [Row]) {
        assert!(self.takes_sparse_input(), "a layer stored for rows");
        let (isa, pattern) = (crew.isa(), &self.pattern);
        crew.by_rows(&self.blocks, y, &|rows: Range<usize>, y: &mut [Row]| {
            let (row_ptr, bias) = (&pattern.row_ptr()[rows.start..=rows.end], &bias[rows]);
            spmm_sparse_input(isa, row_ptr, pattern.col_idx(), &self.weights, bias, x, y);
        });
    }

    fn add_sparse_gradient_rows(
        &self,
        isa: Isa,
        rows: Range<usize>,
        x: SparseTile<'_>,
        dy: &[Row],
        dw: &mut [f32],
    ) {
        assert!(self.takes_sparse_input(), "a layer stored for rows");
        let (row_ptr, dy) = (&self.pattern.row_ptr()[rows.start..=rows.end], &dy[rows]);
        sddmm_sparse_input(isa, row_ptr, self.pattern.col_idx(), dy, x, dw);
    }

    fn take_weights(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.weights)
    }

    fn put_weights(&mut self, executor: &Executor, weights: Vec<f32>) {
        assert_eq!(weights.len(), self.pattern.nnz(), "one weight per connection");
        if let Some(Transposed { position, values, .. }) = &mut self.transpose {
            gather_into(executor, position, &weights, values);
        }
        self.weights = weights;
        self.of_sample = OnceLock::new();
    }

    fn to_csr<'a>(&self, stored: &'a [f32]) -> Cow<'a, [f32]> {
        self.by_rows(stored)
    }

    fn to_stored(&self, values: Vec<f32>) -> Vec<f32> {
        assert_eq!(values.len(), self.pattern.nnz(), "one value per connection");
        match self.layout.position() {
            None => values,
            Some(position) => position.iter().map(|&entry| values[entry as usize]).collect(),
        }
    }

    fn to_portable<'a>(&self, stored: &'a [f32]) -> Cow<'a, [f32]> {
        self.by_rows(stored)
    }

    fn portable_to_stored(&self, values: Vec<f32>) -> Vec<f32> {
        self.to_stored(values)
    }

    fn takes_samples(&self) -> bool {
        true
    }

    fn forward_sample(&self, isa: Isa, bias: &[f32], x: &[f32], y: &mut [f32]) {
        // Not the first layer: many of its inputs are 0 behind a ReLU.
        let by_columns = self.place.computes_dx() && !self.is_full;
        let (layout, values) = match &self.transpose {
            Some(transpose) => (&transpose.layout, &transpose.values),
            None => (&self.layout, &self.weights),
        };
        let (pattern, values) = match layout {
            Layout::Rows(pattern) => (&**pattern, values),
            Layout::Sorted(_) | Layout::Shared(_) | Layout::Blocks(_) => {
                let OfSample { pattern, values } = self.of_sample.get_or_init(|| {
                    let weights = self.by_rows(&self.weights);
                    match by_columns {
                        true => {
                            let transpose = Transpose::of(&self.pattern);
                            let values = transpose.gather(&weights);
                            OfSample { pattern: transpose.into_parts().0, values }
                        }
                        false => OfSample {
                            pattern: CsrPattern::clone(&self.pattern),
                            values: weights.into_owned(),
                        },
                    }
                });
                (pattern, values)
            }
        };
        let (row_ptr, columns) = (pattern.row_ptr(), pattern.col_idx());
        match by_columns {
            true => spmv_by_columns(isa, row_ptr, columns, values, bias, x, y),
            false => spmv(isa, row_ptr, columns, values, bias, x, y),
        }
    }

    fn engine(&self) -> &'static dyn Engine {
        &Sparse
    }

    fn place(&self) -> Place {
        self.place
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::LayerInput;
    use super::*;
    use crate::sparse::oracle::Oracle;

    /// `[samples, features]` as one tile.
    fn tile(samples: &[f64], features: usize) -> Vec<Row> {
        let mut rows = vec![Row::ZERO; features];
        for (sample, values) in samples.chunks(features).enumerate() {
            rows.iter_mut().zip(values).for_each(|(row, &x)| row.0[sample] = x as f32);
        }
        rows
    }

    #[test]
    fn products_of_blocks_are_the_oracles() {
        let mut oracle = Oracle::open("block_sparse");
        for case in ["b8", "b16", "b8_rect"] {
            let mut numbers = |name: &str| oracle.numbers(&format!("{case}_{name}"));
            let [x, dy, bias] = ["x", "dy", "bias"].map(&mut numbers);
            let [y, dx, of_blocks, dw_blocks] =
                ["y", "dx", "w_blocks", "dw_blocks"].map(&mut numbers);
            let [size, rows, cols] =
                [numbers("block")[0], numbers("shape")[0], numbers("shape")[1]].map(|n| n as usize);
            let batch = x.len() / cols;
            // What lies beyond the layer is 0 in the oracle, and nowhere here.
            let (mut entries, blocks) = (Vec::new(), numbers("block_rc"));
            for (nth, at) in blocks.chunks(2).enumerate() {
                for (r, c) in (0..size * size).map(|k| (k / size, k % size)) {
                    let [row, col] = [at[0] as usize * size + r, at[1] as usize * size + c];
                    if row < rows && col < cols {
                        entries.push((row * cols + col, nth * size * size + r * size + c));
                    }
                }
            }
            entries.sort_unstable();
            let positions: Vec<usize> = entries.iter().map(|&(at, _)| at).collect();
            let pattern = Arc::new(CsrPattern::from_positions(rows, cols, &positions));
            let weights = entries.iter().map(|&(_, at)| of_blocks[at] as f32).collect();
            for isa in Isa::available() {
                let place = Place { isa, input: LayerInput::Neurons };
                let layer = Csr::new(Arc::clone(&pattern), Vec::clone(&weights), place);
                assert_eq!(matches!(layer.layout, Layout::Blocks(_)), size == 16, "{case}");
                let executor = Executor::new(isa, 1).unwrap();
                let (x, dy) = (tile(&x, cols), tile(&dy, rows));
                let bias: Vec<f32> = bias.iter().map(|&b| b as f32).collect();
                let mut out = [vec![Row::ZERO; rows], vec![Row::ZERO; cols]];
                layer.forward(executor.crew(), &bias, &x, &mut out[0]);
                layer.backward_input(executor.crew(), &dy, &mut out[1]);
                for (out, expected) in out.iter().zip([tile(&y, rows), tile(&dx, cols)]) {
                    for (out, expected) in out.iter().zip(&expected) {
                        for (out, expected) in out.0.iter().zip(expected.0).take(batch) {
                            assert!((out - expected).abs() < 2e-5, "{case} {isa:?}");
                        }
                    }
                }
                let mut dw = vec![0.0; pattern.nnz()];
                layer.add_gradient_rows(isa, 0..rows, &x, &dy, &mut dw);
                for (dw, &(_, at)) in layer.to_csr(&dw).iter().zip(&entries) {
                    assert!((f64::from(*dw) - dw_blocks[at]).abs() < 2e-6, "{case} {isa:?}");
                }
            }
        }
    }
}
