//! One layer: stored weights, and the head behind them.

use super::storage::{Dense, Engine, Place, Storage};
use super::{LayerSlices, LayerTensors, Tensor, Tile};
use crate::parallel::Executor;
use crate::sparse::CsrPattern;
use fanin_kernels::Isa;
use std::ops::Range;
use std::sync::Arc;

/// The widest layer, and the most inputs: two of them can be connected sparsely without overflow.
pub const MAX_WIDTH: usize = 1 << 24;

/// Weights with what follows them: a bias and, in hidden layers, LayerNorm and an activation.
#[derive(Clone, Debug)]
pub struct Layer {
    pub(super) storage: Box<dyn Storage>,
    pub(super) head: Head,
}

/// The parameters of a layer beside its weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// Biases, `[out_features]`.
    pub bias: Vec<f32>,
    /// LayerNorm scales, `[out_features]`; empty without a norm.
    pub gamma: Vec<f32>,
    /// LayerNorm shifts, `[out_features]`; empty without a norm.
    pub beta: Vec<f32>,
}

impl Head {
    /// Biases and shifts of 0, scales of 1; no norm for an output layer.
    pub fn new(out_features: usize, has_norm: bool) -> Head {
        let normed = if has_norm { out_features } else { 0 };
        Head { bias: vec![0.0; out_features], gamma: vec![1.0; normed], beta: vec![0.0; normed] }
    }
}

impl Layer {
    /// A layer of these parts.
    ///
    /// **Panics** if the head is of another number of neurons.
    pub fn new(storage: Box<dyn Storage>, head: Head) -> Layer {
        let rows = storage.out_features();
        assert_eq!(head.bias.len(), rows, "one bias per neuron");
        assert_eq!(head.gamma.len(), head.beta.len(), "γ and β come together");
        assert!([0, rows].contains(&head.gamma.len()), "one γ per neuron or none");
        Layer { storage, head }
    }

    /// The weights.
    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// All other parameters.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Takes other biases, γ and β.
    ///
    /// **Panics** if they are of another number of neurons.
    pub fn set_head(&mut self, head: Head) {
        let lens = |head: &Head| [head.bias.len(), head.gamma.len(), head.beta.len()];
        assert_eq!(lens(&head), lens(&self.head), "a head of the layer's shape");
        self.head = head;
    }

    /// Inputs.
    pub fn in_features(&self) -> usize {
        self.storage.in_features()
    }

    /// Neurons.
    pub fn out_features(&self) -> usize {
        self.storage.out_features()
    }

    /// Connections that exist.
    pub fn nnz(&self) -> usize {
        self.storage.nnz()
    }

    /// Whether LayerNorm and an activation follow.
    pub fn has_norm(&self) -> bool {
        !self.head.gamma.is_empty()
    }

    /// Parameters that exist.
    pub fn parameters(&self) -> usize {
        let Head { bias, gamma, beta } = &self.head;
        self.nnz() + bias.len() + gamma.len() + beta.len()
    }

    /// The connections with their weights in CSR order, whatever is stored.
    pub fn connections(&self) -> (Arc<CsrPattern>, Vec<f32>) {
        (self.storage.connections(), self.storage.to_csr(self.storage.weights()).into_owned())
    }

    /// A copy of all four tensors, the weights as stored.
    pub fn tensors(&self) -> LayerTensors {
        let Head { bias, gamma, beta } = self.head.clone();
        LayerTensors { weight: self.storage.weights().to_vec(), bias, gamma, beta }
    }

    /// Numbers of the four tensors, those of the weights brought from the order in which they are
    /// stored into [one](Storage::to_portable) that does not depend on the machine.
    pub fn to_portable(&self, tensors: &LayerTensors) -> LayerTensors {
        let weight = self.storage.to_portable(&tensors.weight).into_owned();
        let [_, bias, gamma, beta] = tensors.each().map(<[f32]>::to_vec);
        LayerTensors { weight, bias, gamma, beta }
    }

    /// Zeros in the shapes of the four tensors.
    pub fn zeros(&self) -> LayerTensors {
        let zeros = |values: &[f32]| vec![0.0; values.len()];
        let Head { bias, gamma, beta } = &self.head;
        LayerTensors {
            weight: zeros(self.storage.weights()),
            bias: zeros(bias),
            gamma: zeros(gamma),
            beta: zeros(beta),
        }
    }

    /// Stores other connections with other weights, in CSR order, on this engine for this place.
    ///
    /// **Panics** if they have another shape, or there is not one weight per connection.
    pub fn store(
        &mut self,
        engine: &dyn Engine,
        place: Place,
        pattern: CsrPattern,
        weights: Vec<f32>,
    ) {
        let shape = [self.in_features(), self.out_features()];
        assert_eq!([pattern.cols(), pattern.rows()], shape, "a pattern of the layer's shape");
        // The old structure goes before the new one comes: they are the largest things here.
        self.storage = Box::new(Dense::new(0, 0, Vec::new()));
        self.storage = engine.store(pattern, weights, place);
    }

    /// Changes the parameters: `change` gets them as slices, the weights as stored, with the
    /// storage to compute by; then what is derived from the weights follows.
    pub fn change(
        &mut self,
        executor: &Executor,
        change: impl FnOnce(&dyn Storage, LayerSlices<'_>),
    ) {
        let Layer { storage, head } = self;
        storage.change(executor, |storage, weight| {
            let Head { bias, gamma, beta } = head;
            change(storage, LayerSlices { weight, bias, gamma, beta });
        });
    }
}

/// Adds the gradient of all four tensors of a block of rows of layer `index` over tiles, in order.
///
/// **Shapes**: `gradient` holds the tensors' slices of these rows.
///
/// **Order**: per tile as the kernels promise, tiles ascending: groups of tiles one after the other
/// give the bits of all at once.
pub fn add_gradient_rows(
    isa: Isa,
    storage: &dyn Storage,
    index: usize,
    rows: Range<usize>,
    tiles: &[Tile],
    gradient: &mut LayerSlices<'_>,
) {
    for tile in tiles {
        tile.add_weight_gradient(isa, storage, index, rows.clone(), gradient.weight);
    }
    let LayerSlices { bias, gamma, beta, .. } = gradient;
    for tile in tiles {
        for (sums, tensor) in
            [(&mut *bias, Tensor::Bias), (gamma, Tensor::Gamma), (beta, Tensor::Beta)]
        {
            // Without a norm there are no sums of γ and β.
            let parts = tile.layers[index].sums(tensor).get(rows.clone()).unwrap_or_default();
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum += part;
            }
        }
    }
}
