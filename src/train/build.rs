//! From a configuration to a network.

use super::config::NARROW;
use super::{Error, TrainConfig};
use crate::dataset::{Dataset, Scaling, Values};
use crate::grammar::Choice;
use crate::memory;
use crate::method::connections;
use crate::nn::{LayerStart, MAX_WIDTH, Mlp, Place};
use crate::sparse::CsrPattern;
use crate::topology::{
    FileTopology, Generated, Generator, Inputs, Profiled, Request, Share, TopologyError,
    TopologyStats, read_topology,
};

/// The training samples of a data set, scaled as they enter the network.
pub(super) struct TrainInputs<'a>(pub(super) &'a Dataset);

impl Inputs for TrainInputs<'_> {
    fn count(&self) -> usize {
        self.0.train.len()
    }

    fn features(&self) -> usize {
        self.0.train.features()
    }

    fn sample(&self, index: usize, values: &mut [f32]) {
        let (train, scaling) = (&self.0.train, &self.0.scaling);
        let at = index * train.features()..(index + 1) * train.features();
        match train.values() {
            Values::Sparse(rows) => rows.fill(index, values),
            Values::Inputs(inputs) => values.copy_from_slice(&inputs[at]),
            Values::Bytes(bytes) => scale(bytes[at].iter().map(|&x| x.into()), scaling, values),
            Values::Floats(floats) => scale(floats[at].iter().map(|&x| x.into()), scaling, values),
        }
    }
}

/// A row as it enters the network.
fn scale(row: impl Iterator<Item = f64>, scaling: &Scaling, values: &mut [f32]) {
    let mut inputs = Vec::with_capacity(values.len());
    scaling.apply(&row.collect::<Vec<f64>>(), &mut inputs);
    values.copy_from_slice(&inputs);
}

impl TrainConfig {
    /// Builds the network for this many inputs and outputs, its first layer at this place; also
    /// returns warnings about what is met only approximately. A generator that looks at training
    /// samples needs `inputs`.
    ///
    /// **Errors**: [`Error::Range`] and its like; [`Error::Topology`] naming the layer that cannot
    /// be built; [`Error::TopologyFile`] for a topology file.
    pub fn build(
        &self,
        first: Place,
        in_features: usize,
        outputs: usize,
        inputs: Option<&dyn Inputs>,
    ) -> Result<(Mlp, Vec<String>), Error> {
        self.validate()?;
        if in_features > MAX_WIDTH {
            return Err(Error::TooManyInputs(in_features));
        }
        self.expect_memory(in_features, outputs)?;
        let (starts, warnings) = self.starts(in_features, outputs, inputs)?;
        let mixture = self.mixture.as_ref().map(Choice::make);
        let model = Mlp::stored(&*self.engine.make(), first, starts, self.seed, mixture);
        let model = model.with_activation(self.activation.make()).with_loss(self.loss.make());
        let warnings = warnings.into_iter().chain(unable(&model)).collect();
        Ok((model, warnings))
    }

    /// Refuses a network that would take too much memory: of each connection its weight, ids,
    /// gradient and what the optimiser keeps, in both orders; of each neuron a batch's rows, their
    /// gradients, and parameters.
    fn expect_memory(&self, in_features: usize, outputs: usize) -> Result<(), Error> {
        const OF_CONNECTION: f64 = 32.0;
        const OF_NEURON: f64 = 64.0;
        let experts = self.mixture.as_ref().map_or(1, |mixture| mixture.make().experts) as f64;
        let widths = [in_features].into_iter().chain(self.hidden.iter().copied()).chain([outputs]);
        let widths: Vec<f64> = widths.map(|width| width as f64).collect();
        let share = |layer: usize| if self.is_sparse(layer) { 1.0 - self.sparsity } else { 1.0 };
        let connections: f64 =
            widths.windows(2).enumerate().map(|(l, pair)| share(l) * pair[0] * pair[1]).sum();
        let neurons: f64 = widths.iter().sum();
        let of_batch = 3.0 * size_of::<f32>() as f64 * self.batch as f64;
        let of_layers = OF_CONNECTION * connections + OF_NEURON * neurons;
        let bytes = experts * of_layers + of_batch * neurons;
        let what = || "this network, with its training,".to_string();
        // Beyond u64 it is u64's most.
        Ok(memory::expect(bytes as u64, what)?)
    }

    /// How many connections each layer of these shapes, `[in, out]`, is to have by its sparsity.
    ///
    /// **Errors**: [`Error::OtherTopology`] for a list of another length.
    pub(super) fn budgets(&self, shapes: &[[usize; 2]]) -> Result<Vec<usize>, Error> {
        let (sparse, sparse_shapes) = self.sparse_of(shapes);
        let sparsities = self.allocation.sparsities(&sparse_shapes, self.sparsity);
        let sparsities = sparsities.map_err(Error::OtherTopology)?;
        let mut budgets: Vec<usize> = shapes.iter().map(|[inputs, out]| inputs * out).collect();
        for (&layer, sparsity) in sparse.iter().zip(sparsities) {
            budgets[layer] = connections(budgets[layer], sparsity);
        }
        Ok(budgets)
    }

    /// The layers that lack connections, and their shapes.
    fn sparse_of(&self, shapes: &[[usize; 2]]) -> (Vec<usize>, Vec<[usize; 2]>) {
        (0..shapes.len()).filter(|&layer| self.is_sparse(layer)).map(|l| (l, shapes[l])).unzip()
    }

    /// What makes the layers with these indices, the sparse ones.
    fn generator(&self, sparse: &[usize]) -> Result<Box<dyn Generator>, Error> {
        if !self.topology.is_empty() {
            let patterns = read_topology(&self.topology)?;
            let topology = FileTopology::new(patterns, sparse).map_err(Error::OtherTopology)?;
            return Ok(Box::new(topology));
        }
        let profiled = || {
            let (rule, spread) = (self.rule(), self.spread);
            Box::new(Profiled { rule, spread, narrow: NARROW }) as Box<_>
        };
        let of = self.generator.as_ref().map_or_else(profiled, |generator| generator.make());
        Ok(match self.share {
            1 => of,
            neurons => Box::new(Share { of, neurons }),
        })
    }

    fn starts(
        &self,
        in_features: usize,
        outputs: usize,
        inputs: Option<&dyn Inputs>,
    ) -> Result<(Vec<LayerStart>, Vec<String>), Error> {
        let widths: Vec<usize> =
            [in_features].into_iter().chain(self.hidden.iter().copied()).chain([outputs]).collect();
        let shapes: Vec<[usize; 2]> = widths.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        let (sparse, sparse_shapes) = self.sparse_of(&shapes);
        // Of a mixture each expert is such a network, and the gate is the last layer.
        let experts = self.mixture.as_ref().map(|mixture| mixture.make().experts);
        let error = |layer: usize| move |source| Error::Topology { layer: layer + 1, source };
        let sparsities = match self.topology.is_empty() {
            true => {
                let sparsities = self.allocation.sparsities(&sparse_shapes, self.sparsity);
                sparsities.map_err(Error::OtherTopology)?
            }
            // A file has its own.
            false => vec![0.0; sparse.len()],
        };
        let generator = self.generator(&sparse)?;
        let (mut starts, mut warnings): (Vec<LayerStart>, _) = (Vec::new(), Vec::new());
        let count = shapes.len() * experts.unwrap_or(1);
        for (layer, &shape) in shapes.iter().cycle().enumerate().take(count) {
            let place = layer % shapes.len();
            let Some(at) = sparse.iter().position(|&sparse| sparse == place) else {
                starts.push(CsrPattern::full(shape[1], shape[0]).into());
                continue;
            };
            // Training samples are the inputs of the first layer alone.
            let inputs = inputs.filter(|_| place == 0);
            let sparsity = sparsities[at];
            if inputs.is_some() && layer > 0 && generator.needs_inputs() {
                // What the samples say they say to every expert.
                starts.push(starts[0].clone());
                continue;
            }
            let request = Request { shape, sparsity, seed: self.seed, layer, inputs };
            let made = generator.generate(&request).map_err(error(layer))?;
            let Generated { pattern, weights, warnings: unmet } = made;
            if pattern.nnz() == 0 {
                return Err(error(layer)(TopologyError::Empty));
            }
            if layer < shapes.len() {
                // Those of one expert speak for all.
                let which = if experts.is_some() { "each expert, " } else { "" };
                let number = layer + 1;
                warnings.extend(unmet.iter().map(|u| format!("{which}layer {number}: {u}")));
            }
            starts.push(LayerStart { pattern, weights });
        }
        if let Some(experts) = experts {
            let pattern = CsrPattern::full(2 * experts, in_features);
            let weights = Some(vec![0.0; pattern.nnz()]);
            starts.push(LayerStart { pattern, weights });
        }
        Ok((starts, warnings))
    }
}

/// What of a network can learn nothing.
fn unable(model: &Mlp) -> Vec<String> {
    let mut warnings = Vec::new();
    let which = if model.mixture().is_some() { "each expert, " } else { "" };
    // The layers of one expert speak for all.
    for (index, layer) in model.layers()[..model.chains().depth].iter().enumerate() {
        let number = index + 1;
        if layer.has_norm() && layer.out_features() == 1 {
            warnings.push(format!(
                "{which}layer {number} has one neuron, of which LayerNorm makes 0 whatever comes in: \
                 nothing behind it can be learned (`hidden` of 2 and more)"
            ));
        }
        let fan_ins = layer.storage().pattern().into_iter().flat_map(|pattern| pattern.fan_in());
        let unconnected = fan_ins.filter(|&fan_in| fan_in == 0).count();
        if unconnected > 0 {
            warnings.push(format!(
                "{which}layer {number}: {unconnected} of {} neurons have no input",
                layer.out_features()
            ));
        }
        let pattern = layer.storage().pattern().filter(|_| index > 0);
        let unheard = pattern.map_or(0, |pattern| TopologyStats::of(pattern).dead_inputs);
        if unheard > 0 {
            warnings.push(format!(
                "{which}layer {index}: {unheard} of {} neurons lead nowhere",
                layer.in_features()
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanin_kernels::Isa;

    #[test]
    fn the_dense_mnist_net_has_the_papers_parameters() {
        // Paper §2.1, notes G23: weights, biases, and LayerNorm's γ and β.
        let config = TrainConfig { engine: "dense".parse().unwrap(), ..TrainConfig::default() };
        assert_eq!(
            config.build(Place::first(Isa::detect()), 784, 10, None).unwrap().0.parameters(),
            1_867_786
        );
    }

    #[test]
    fn hidden_and_output_layers_are_sparse_as_asked() {
        let config = TrainConfig { hidden: vec![20], sparsity: 0.75, ..TrainConfig::default() };
        let wide = config.build(Place::first(Isa::detect()), MAX_WIDTH + 1, 8, None);
        assert!(matches!(wide, Err(Error::TooManyInputs(inputs)) if inputs == MAX_WIDTH + 1));
        let nnz = |config: &TrainConfig| {
            let model = config.build(Place::first(Isa::detect()), 16, 8, None).unwrap().0;
            model.layers().iter().map(|layer| layer.nnz()).collect::<Vec<_>>()
        };
        assert_eq!(nnz(&config), [80, 160]);
        assert_eq!(nnz(&TrainConfig { sparse_output: true, ..config.clone() }), [80, 40]);
        let dense_first = TrainConfig { dense_first: true, ..config.clone() };
        assert_eq!(nnz(&dense_first), [320, 160]);
        let dense_hidden = TrainConfig { dense_hidden: true, sparse_output: true, ..config };
        assert_eq!(nnz(&dense_hidden), [320, 40]);
    }
}
