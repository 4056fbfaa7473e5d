//! What a method sees: connections and weights, the batch's gradients, gradients at weights of its
//! choice, and a random stream of its own.

use super::{TieOrder, Ties};
use crate::nn::storage::Csr;
use crate::nn::{Batch, Layer, LayerStart, LayerTensors, Mlp, Place, Targets, Tile, each_tile};
use crate::parallel::{Crew, Executor};
use crate::random::{Purpose, stream};
use crate::sparse::CsrPattern;
use fanin_kernels::{Row, TILE};
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use std::borrow::Cow;
use std::sync::Arc;

/// The training samples, as a method may ask for them.
pub trait Samples: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// What the weights of samples add up to: their number, if all count 1.
    fn weight(&self, samples: &[u32]) -> f32 {
        samples.len() as f32
    }

    /// A sample's class; none if samples have numbers.
    fn class(&self, sample: u32) -> Option<u16>;

    /// Lays samples into a tile with their targets.
    ///
    /// **Panics** if there are more than a tile holds, or one is out of range.
    fn load(&self, crew: Crew<'_>, samples: &[u32], tile: &mut Tile);
}

/// What there is to see at a moment.
pub struct Network<'a> {
    pub(crate) executor: &'a Executor,
    pub(crate) model: &'a Mlp,
    /// The batch's tiles after their backward pass; none where there was no batch.
    pub(crate) tiles: &'a [Tile],
    pub(crate) samples: &'a dyn Samples,
    /// Neighbouring neurons that share their inputs.
    pub(crate) share: usize,
    /// Layers that lacked connections when the run began, output layer aside.
    pub(crate) sparse: &'a [usize],
    /// How many connections each layer of the network is to have.
    pub(crate) budgets: &'a [usize],
    /// Per layer, if the method asked for them.
    pub(crate) initial: Option<&'a [LayerStart]>,
    pub(crate) seed: u64,
    pub(crate) step: u64,
}

/// A hidden layer.
pub struct LayerView<'a> {
    /// Which layer of the network it is, counted from 0.
    pub index: usize,
    /// Neighbouring neurons that share their inputs and are to go on doing so.
    pub share: usize,
    /// How many connections it is to have.
    pub budget: usize,
    /// Its connections.
    pub pattern: Arc<CsrPattern>,
    /// Their weights, `[nnz]`.
    pub weights: Cow<'a, [f32]>,
    /// The batch's (x `[cols]`, dy `[rows]`), tile by tile.
    pub tiles: Vec<(Cow<'a, [Row]>, &'a [Row])>,
}

impl<'a> Network<'a> {
    /// The hidden layers; the output layer is never a method's.
    pub fn hidden(&self) -> Vec<LayerView<'a>> {
        (0..self.model.layers().len() - 1).map(|index| self.layer(index)).collect()
    }

    /// The hidden layers that lacked connections when the run began.
    pub fn sparse(&self) -> Vec<LayerView<'a>> {
        self.sparse.iter().map(|&index| self.layer(index)).collect()
    }

    fn layer(&self, index: usize) -> LayerView<'a> {
        let storage = self.model.layers()[index].storage();
        let pattern = storage.connections();
        // A layer that the run found dense, or in a file, may share nothing.
        let shares = |&share: &usize| {
            let like_first = |row| pattern.row(row) == pattern.row(row - row % share);
            share == 1 || (0..pattern.rows()).all(like_first)
        };
        LayerView {
            index,
            share: Some(self.share).filter(shares).unwrap_or(1),
            budget: self.budgets[index],
            pattern: Arc::clone(&pattern),
            weights: storage.to_csr(storage.weights()),
            tiles: self.tiles.iter().map(|tile| tile.input_and_gradient(index)).collect(),
        }
    }

    /// The network itself.
    pub fn model(&self) -> &'a Mlp {
        self.model
    }

    /// Where to compute.
    pub fn executor(&self) -> &'a Executor {
        self.executor
    }

    /// Steps of the run so far, this one included.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Training samples.
    pub fn sample_count(&self) -> usize {
        self.samples.count()
    }

    /// So many training samples at random, ascending; all if there are fewer.
    pub fn some_samples(&self, count: usize) -> Vec<u32> {
        let all = self.samples.count();
        let chosen = rand::seq::index::sample(&mut self.rng(0), all, count.min(all));
        let mut chosen: Vec<u32> = chosen.into_iter().map(|sample| sample as u32).collect();
        chosen.sort_unstable();
        chosen
    }

    /// So many training samples of each class at random, ascending; all of a class that has fewer.
    /// Where samples have numbers, ten times as many of any.
    pub fn samples_of_each_class(&self, count: usize) -> Vec<u32> {
        const CLASSES: usize = 10;
        let mut of_class = vec![0; self.model.outputs()];
        let mut order: Vec<u32> = (0..self.samples.count() as u32).collect();
        if order.first().is_some_and(|&first| self.samples.class(first).is_none()) {
            return self.some_samples(CLASSES * count);
        }
        order.shuffle(&mut self.rng(0));
        order.retain(|&sample| {
            let class = self.samples.class(sample).expect("all samples have a class");
            of_class[class as usize] += 1;
            of_class[class as usize] <= count
        });
        order.sort_unstable();
        order
    }

    /// Training samples in double precision, for [`Curvature`](crate::nn::Curvature).
    ///
    /// **Panics** if there is none, or one is out of range.
    pub fn batch(&self, samples: &[u32]) -> Batch {
        let mut tile = Tile::new(self.model);
        let (features, outputs) = (self.model.in_features(), self.model.outputs());
        let mut x = vec![0.0; features * samples.len()];
        let takes_numbers = self.model.loss().takes_numbers();
        let (mut labels, mut values) = (Vec::new(), vec![0.0; outputs * samples.len()]);
        for (group, indices) in samples.chunks(TILE).enumerate() {
            self.samples.load(self.executor.crew(), indices, &mut tile);
            let first = group * TILE;
            for (feature, row) in tile.input.to_rows().iter().enumerate() {
                let x = &mut x[feature * samples.len() + first..][..indices.len()];
                x.iter_mut().zip(&row.0).for_each(|(x, value)| *x = f64::from(*value));
            }
            labels.extend_from_slice(&tile.targets.classes[..indices.len()]);
            for (output, row) in tile.targets.numbers.iter().enumerate() {
                for (at, value) in row.0[..indices.len()].iter().enumerate() {
                    values[(first + at) * outputs + output] = *value;
                }
            }
        }
        let targets = match takes_numbers {
            true => Targets::Numbers { values, width: outputs },
            false => Targets::Classes { labels, classes: outputs },
        };
        Batch { x, targets }
    }

    /// The connections and weights that each layer began the run with.
    ///
    /// **Panics** unless the method asks for them by
    /// [`needs_initial_weights`](super::Method::needs_initial_weights).
    pub fn initial_weights(&self) -> &'a [LayerStart] {
        self.initial.expect("a method that needs initial weights says so")
    }

    /// A random stream for a layer at this step.
    pub fn rng(&self, layer: usize) -> Pcg64 {
        stream(self.seed, Purpose::Grow, (layer as u64) << 40 | self.step)
    }

    /// What breaks the ties of a layer at this step.
    pub fn ties(&self, order: TieOrder, layer: usize) -> Ties {
        Ties { order, seed: self.seed, step: self.step, layer: layer as u64 }
    }

    /// The gradient of the mean loss over `samples` with respect to weights of the caller's choice,
    /// on connections of the caller's choice: per layer one number per connection in CSR order.
    /// Biases, γ and β are the network's.
    ///
    /// **Panics** if there is not one start per layer, with weights, or the shapes disagree.
    pub fn gradients_at(&self, starts: Vec<LayerStart>, samples: &[u32]) -> Vec<Vec<f32>> {
        let layers = self.model.layers();
        assert_eq!(starts.len(), layers.len(), "one start per layer");
        let first = Place::first(self.executor.isa());
        let layer = |(index, (layer, start)): (usize, (&Layer, LayerStart))| {
            let weights = start.weights.expect("weights to differentiate at");
            let storage = Csr::new(Arc::new(start.pattern), weights, first.of_layer(index));
            Layer::new(Box::new(storage), layer.head().clone())
        };
        let model = Mlp::from_layers(layers.iter().zip(starts).enumerate().map(layer).collect())
            .with_activation(self.model.activation())
            .with_loss(Arc::clone(self.model.loss()));
        let mut gradients: Vec<LayerTensors> = model.layers().iter().map(Layer::zeros).collect();
        let mut sum: Vec<Vec<f32>> = gradients.iter().map(|g| g.weight.clone()).collect();
        let weight = self.samples.weight(samples);
        // Few tiles at a time, whatever the number of samples.
        let mut tiles = Tile::several(&model, samples.len().div_ceil(TILE).min(16));
        for group in samples.chunks(tiles.len().max(1) * TILE) {
            each_tile(self.executor, &mut tiles, group, |crew, _, indices, tile| {
                self.samples.load(crew, indices, tile);
                model.run(crew, weight, tile);
            });
            let tiles = &tiles[..group.len().div_ceil(TILE)];
            for (index, (gradient, sum)) in gradients.iter_mut().zip(&mut sum).enumerate() {
                model.layer_gradient(self.executor, index, tiles.into(), gradient);
                sum.iter_mut().zip(&gradient.weight).for_each(|(sum, part)| *sum += part);
            }
        }
        let storages = model.layers().iter().map(Layer::storage);
        storages.zip(sum).map(|(storage, sum)| storage.to_csr(&sum).into_owned()).collect()
    }
}
