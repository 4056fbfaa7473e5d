//! The four tensors of a layer, of whatever they are: parameters, gradients, or moments.

use crate::parallel::RowBlock;

/// One number per parameter of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerTensors {
    /// Weights, as the layer's storage has them.
    pub weight: Vec<f32>,
    /// Biases, `[out_features]`.
    pub bias: Vec<f32>,
    /// LayerNorm scales, `[out_features]`; empty without a norm.
    pub gamma: Vec<f32>,
    /// LayerNorm shifts, `[out_features]`; empty without a norm.
    pub beta: Vec<f32>,
}

/// One of a layer's four tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tensor {
    /// Weights.
    Weight,
    /// Biases.
    Bias,
    /// LayerNorm scales.
    Gamma,
    /// LayerNorm shifts.
    Beta,
}

impl Tensor {
    /// All four, in the order of [`LayerTensors::each`].
    pub const ALL: [Tensor; 4] = [Tensor::Weight, Tensor::Bias, Tensor::Gamma, Tensor::Beta];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Tensor::Weight => "weight",
            Tensor::Bias => "bias",
            Tensor::Gamma => "gamma",
            Tensor::Beta => "beta",
        }
    }
}

impl LayerTensors {
    /// Weight, bias, gamma, beta.
    pub fn each(&self) -> [&[f32]; 4] {
        [&self.weight, &self.bias, &self.gamma, &self.beta]
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.each().iter().map(|tensor| tensor.len()).sum()
    }

    /// All rows, to be cut into blocks.
    pub fn slices(&mut self) -> LayerSlices<'_> {
        LayerSlices {
            weight: &mut self.weight,
            bias: &mut self.bias,
            gamma: &mut self.gamma,
            beta: &mut self.beta,
        }
    }
}

/// The part of a layer's tensors that belongs to a block of rows; a set that is not there is empty.
#[derive(Debug, Default)]
pub struct LayerSlices<'a> {
    /// Weights of the block's entries.
    pub weight: &'a mut [f32],
    /// Biases of the block's rows.
    pub bias: &'a mut [f32],
    /// LayerNorm scales of the block's rows, or nothing.
    pub gamma: &'a mut [f32],
    /// LayerNorm shifts of the block's rows, or nothing.
    pub beta: &'a mut [f32],
}

impl<'a> LayerSlices<'a> {
    /// Cuts before `row` and `entry`, both counted from this block's first.
    fn split_at(self, row: usize, entry: usize) -> (Self, Self) {
        fn cut(tensor: &mut [f32], at: usize) -> (&mut [f32], &mut [f32]) {
            tensor.split_at_mut(at.min(tensor.len()))
        }
        let (weight, later_weight) = cut(self.weight, entry);
        let (bias, later_bias) = cut(self.bias, row);
        let (gamma, later_gamma) = cut(self.gamma, row);
        let (beta, later_beta) = cut(self.beta, row);
        (
            LayerSlices { weight, bias, gamma, beta },
            LayerSlices {
                weight: later_weight,
                bias: later_bias,
                gamma: later_gamma,
                beta: later_beta,
            },
        )
    }

    /// Sets all numbers to 0.
    pub fn clear(&mut self) {
        for slice in [&mut *self.weight, self.bias, self.gamma, self.beta] {
            slice.fill(0.0);
        }
    }

    /// The four slices in the order of [`LayerTensors::each`].
    pub fn each(self) -> [&'a mut [f32]; 4] {
        [self.weight, self.bias, self.gamma, self.beta]
    }
}

/// Several sets of tensors of one layer, cut together: where each row's entries begin, and the
/// sets.
pub struct LayerBlock<'a, const N: usize> {
    /// Offsets of the first entries of the block's rows and of the row after them.
    row_ptr: &'a [usize],
    /// The sets' slices of these rows.
    pub sets: [LayerSlices<'a>; N],
}

impl<'a, const N: usize> LayerBlock<'a, N> {
    /// All rows of a layer whose entries begin at `row_ptr`.
    pub fn new(row_ptr: &'a [usize], sets: [LayerSlices<'a>; N]) -> Self {
        LayerBlock { row_ptr, sets }
    }
}

impl<const N: usize> RowBlock for LayerBlock<'_, N> {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        let entry = self.row_ptr[row] - self.row_ptr[0];
        let mut pairs = self.sets.map(|set| Some(set.split_at(row, entry)));
        let mut later = [const { None }; N];
        let sets = std::array::from_fn(|i| {
            let (before, after) = pairs[i].take().expect("each pair is taken once");
            later[i] = Some(after);
            before
        });
        let later = later.map(|set| set.expect("each pair was taken"));
        (
            LayerBlock { row_ptr: &self.row_ptr[..=row], sets },
            LayerBlock { row_ptr: &self.row_ptr[row..], sets: later },
        )
    }
}
