//! Parts of one's own by the public interface alone: each in under 40 lines, and a whole published
//! method in a file.

mod common;
#[path = "own_parts/dsr.rs"]
mod dsr;

use fanin::dataset::{Dataset, Normalize, Samples};
use fanin::method::{
    LayerPlan, LayerView, Method, Moment, Network, Norm, Plan, Returned, Rewiring, StepIs,
    TieOrder, Weights, grow_by_row,
};
use fanin::model::{Meaning, ModelFile, Predictor};
use fanin::nn::storage::Sparse;
use fanin::nn::{Layer, LayerTensors, Loss, Mlp, Place, Targets, Tensor, Tile};
use fanin::optim::{LrSchedule, MAX_SLOTS, Optimizer, Rule};
use fanin::parallel::Executor;
use fanin::sparse::CsrPattern;
use fanin::topology::{Generated, Generator, Request, TopologyError};
use fanin::train::{OwnParts, TrainConfig, Trainer, step};
use fanin_kernels::{Isa, TILE};

// --- a method of one's own: every neuron keeps its fan-in
// -------------------------------------------

/// Each tenth step, every neuron exchanges its weakest connection for its best absent one.
#[derive(Debug)]
struct SameFanIn;

impl SameFanIn {
    fn rewire(network: &Network<'_>, layer: &LayerView<'_>) -> LayerPlan {
        let (pattern, ties) = (&*layer.pattern, network.ties(TieOrder::Noise, layer.index));
        let mut survives = vec![true; pattern.nnz()];
        for row in 0..pattern.rows() {
            let size = |entry: &usize| layer.weights[*entry].abs();
            let weakest = pattern.entries(row).min_by(|a, b| size(a).total_cmp(&size(b)));
            weakest.into_iter().for_each(|entry| survives[entry] = false);
        }
        let folded = layer.folded(Norm::L1);
        let search = layer.search(&folded, &survives, ties);
        let counts: Vec<usize> = pattern.fan_in().map(|fan_in| fan_in.min(1)).collect();
        let grown = grow_by_row(network.executor(), &search, &counts);
        LayerPlan {
            layer: layer.index,
            rewiring: Rewiring::new(pattern, &survives, grown, Returned::Kept),
            weights: Weights::Carried,
        }
    }
}

impl Method for SameFanIn {
    fn due(&self, moment: Moment) -> bool {
        matches!(moment, Moment::Gradient(step) if step % 10 == 0)
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        let layers =
            network.sparse().iter().map(|layer| SameFanIn::rewire(network, layer)).collect();
        Plan { layers, step: StepIs::Skipped, ..Plan::default() }
    }
}

#[test]
fn a_method_of_ones_own_rewires_and_is_told_of() {
    let config = TrainConfig { hidden: vec![60, 40], ..TrainConfig::default() };
    let own = OwnParts { method: Some(Box::new(SameFanIn)), ..OwnParts::default() };
    let mut trainer = Trainer::from_parts(config, common::mnist(2560, 64), own).unwrap();
    let fan_in = |trainer: &Trainer| -> Vec<usize> {
        trainer.model().layers()[0].connections().0.fan_in().collect()
    };
    let before = (fan_in(&trainer), trainer.model().layers()[0].connections().0);
    let mut updates = vec![];
    trainer.run_epoch(|step| updates.extend(step.updates)).unwrap();
    assert_eq!(updates.iter().map(|update| update.update).collect::<Vec<_>>(), [10, 20]);
    assert_eq!(fan_in(&trainer), before.0);
    assert_ne!(trainer.model().layers()[0].connections().0, before.1);
    let told = &updates[0].layers[0];
    assert_eq!((told.dropped, told.grown), (60, 60));
}

// --- a published method: dynamic sparse reparameterization
// -----------------------------------------

const DSR: dsr::Dsr = dsr::Dsr { every: 5, fraction: 0.1, tolerance: 0.1, threshold: 1e-3 };

fn with_dsr(data: &std::sync::Arc<Dataset>) -> Trainer {
    let config = TrainConfig { hidden: vec![60, 40], threads: 1, ..TrainConfig::default() };
    let own = OwnParts { method: Some(Box::new(DSR)), ..OwnParts::default() };
    Trainer::from_parts(config, data.clone(), own).unwrap()
}

#[test]
fn a_published_method_does_what_a_dense_reference_does() {
    // 20 steps: updates behind steps 5, 10, 15 and 20.
    let data = common::mnist(2560, 64);
    let mut trainer = with_dsr(&data);
    let mut threshold = DSR.threshold;
    for update in 1..=4 {
        (0..4).for_each(|_| drop(trainer.step().unwrap()));
        let model = trainer.model().clone();
        let told = trainer.step().unwrap().updates.remove(0);
        assert_eq!(told.update, 5 * update);
        let (mut gone, mut left, mut layers) = (0, vec![], vec![]);
        for (layer, update) in told.layers.iter().enumerate() {
            let (before, _) = model.layers()[layer].connections();
            let (after, weights) = trainer.model().layers()[layer].connections();
            // What stayed has a weight at or above the threshold, and what came has 0.
            let dense = after.scatter(&weights);
            let stayed = dense.iter().filter(|w| **w != 0.0).count();
            let grown = after.nnz() - stayed;
            assert!(dense.iter().all(|w| *w == 0.0 || w.abs() >= threshold));
            assert!(
                after
                    .positions()
                    .filter(|&at| dense[at] != 0.0)
                    .all(|at| { before.positions().any(|old| old == at) })
            );
            assert_eq!((update.dropped, update.grown), (before.nnz() - stayed, grown));
            gone += before.nnz() - stayed;
            left.push(stayed);
            layers.push(grown);
        }
        // Layers share what comes as they share what is left.
        let all = gone + left.iter().sum::<usize>();
        for (layer, &grown) in layers.iter().enumerate() {
            let share = gone as f64 * left[layer] as f64 / left.iter().sum::<usize>() as f64;
            assert!((grown as f64 - share).abs() < 1.0, "{grown} of {share}");
        }
        assert_eq!(layers.iter().sum::<usize>(), gone);
        assert_eq!(told.values["threshold"], f64::from(threshold));
        let wanted = 0.1 * all as f64;
        threshold *= match gone as f64 {
            gone if gone < 0.9 * wanted => 2.0,
            gone if gone > 1.1 * wanted => 0.5,
            _ => 1.0,
        };
    }
    assert!(threshold > DSR.threshold, "it adapts");
    // What a checkpoint keeps of it.
    let (state, mut other) = (trainer.method().state(), DSR);
    assert!(other.restore(state, trainer.model()) && other.threshold == threshold);
    assert!(!other.restore(Default::default(), trainer.model()));
}

// --- an optimiser of one's own
// ----------------------------------------------------------------------

/// Descent by the sign of a running mean of gradients (Lion without its second coefficient).
#[derive(Clone, Debug, Default)]
struct SignDescent {
    lr: f32,
}

impl Rule for SignDescent {
    fn slots(&self) -> &[&'static str] {
        &["mean"]
    }

    fn begin(&mut self, lr: f32) {
        self.lr = lr;
    }

    fn resume(&mut self, _updates: u64) {}

    fn apply(
        &self,
        _isa: Isa,
        _tensor: Tensor,
        w: &mut [f32],
        [mean, ..]: [&mut [f32]; MAX_SLOTS],
        dw: &[f32],
    ) {
        for ((w, mean), dw) in w.iter_mut().zip(mean).zip(dw) {
            *mean = 0.9 * *mean + 0.1 * dw;
            *w -= self.lr * mean.signum();
        }
    }

    fn boxed(&self) -> Box<dyn Rule> {
        Box::new(self.clone())
    }
}

#[test]
fn an_optimiser_of_ones_own_learns() {
    let data = common::mnist(3200, 500);
    let config = TrainConfig { hidden: vec![64], lr: 1e-3, ..TrainConfig::default() };
    let own = OwnParts { rule: Some(Box::<SignDescent>::default()), ..OwnParts::default() };
    let mut trainer = Trainer::from_parts(config, data.clone(), own).unwrap();
    (0..3).for_each(|_| drop(trainer.run_epoch(|_| {}).unwrap()));
    let accuracy = trainer.evaluate(&data.test).unwrap().value("accuracy");
    assert!(accuracy > 0.7, "{accuracy}");
    let means = &trainer.optimizer().slot("mean").unwrap()[0].weight;
    assert!(means.len() == trainer.model().layers()[0].nnz() && means.iter().any(|&m| m != 0.0));
}

// --- a topology of one's own, in memory
// -------------------------------------------------------------

/// Each neuron sees a window of neighbouring inputs.
#[derive(Debug)]
struct Windows;

impl Generator for Windows {
    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let [inputs, neurons] = request.shape;
        let width = ((1.0 - request.sparsity) * inputs as f64).round().max(1.0) as usize;
        let first = |neuron: usize| neuron * (inputs - width) / neurons.max(2);
        let row_ptr = (0..=neurons).map(|neuron| neuron * width).collect();
        let columns = (0..neurons).flat_map(|neuron| first(neuron)..first(neuron) + width);
        let pattern = CsrPattern::new(inputs, row_ptr, columns.map(|col| col as u32).collect());
        Ok(pattern.expect("windows ascend").into())
    }
}

#[test]
fn a_topology_of_ones_own_is_trained_on() {
    let data = common::mnist(1280, 64);
    let request = |shape| Request { shape, sparsity: 0.9, seed: 1, layer: 0, inputs: None };
    let hidden = Windows.generate(&request([784, 50])).unwrap().pattern;
    let layers = vec![hidden.clone(), CsrPattern::full(10, 50)];
    let model = Mlp::new(&Sparse, Place::first(Isa::detect()), layers, 1);
    let mut trainer = Trainer::from_model(model, TrainConfig::default(), data).unwrap();
    let losses = [0, 1].map(|_| trainer.run_epoch(|_| {}).unwrap().loss);
    assert!(losses[1] < losses[0], "{losses:?}");
    assert_eq!(*trainer.model().layers()[0].connections().0, hidden);
}

// --- a training loop of one's own
// -------------------------------------------------------------------

#[test]
fn a_loop_of_ones_own_descends_on_numbers() {
    // y = (x₀ + x₁, x₀ − x₁) of points on a grid.
    let points: Vec<[f32; 2]> = (0..256).map(|i| [(i % 16) as f32, (i / 16) as f32]).collect();
    let points: Vec<[f32; 2]> = points.iter().map(|p| p.map(|x| x / 8.0 - 1.0)).collect();
    let values = points.iter().flat_map(|[a, b]| [a + b, a - b]).collect();
    let targets = Targets::Numbers { values, width: 2 };
    let layers = vec![CsrPattern::full(32, 2), CsrPattern::full(2, 32)];
    let loss: Box<dyn Loss> = fanin::grammar::make("mse").unwrap();
    let mut model = Mlp::new(&Sparse, Place::first(Isa::detect()), layers, 3).with_loss(loss);
    let executor = Executor::new(Isa::detect(), 2).unwrap();
    let mut optimizer = Optimizer::new(fanin::grammar::make("sgd").unwrap(), &model);
    let schedule: LrSchedule = fanin::grammar::make("cosine").unwrap();
    let mut tiles = Tile::several(&model, points.len() / TILE);
    let mut gradients: Vec<LayerTensors> = model.layers().iter().map(Layer::zeros).collect();
    let order: Vec<u32> = (0..points.len() as u32).collect();
    let mut losses = vec![];
    for step_number in 1..=200 {
        step::forward_backward(&executor, &model, &mut tiles, &order, |_, _, indices, tile| {
            tile.samples = indices.len();
            targets.load(indices, &mut tile.targets);
            for (sample, &index) in indices.iter().enumerate() {
                (0..2).for_each(|i| tile.input.rows_mut()[i].0[sample] = points[index as usize][i]);
            }
        });
        losses.push(tiles.iter().map(|tile| tile.loss.loss_sum).sum::<f32>() / 256.0);
        let lr = schedule.rate(0.01, step_number, 200);
        step::apply_gradients(&executor, &mut model, &mut optimizer, lr, &mut gradients, &tiles);
    }
    assert!(losses[199] < 0.05 * losses[0], "{} after {}", losses[199], losses[0]);
}

// --- a model loaded and asked
// -----------------------------------------------------------------------

#[test]
fn a_model_is_written_loaded_and_asked() {
    // Is the first of two values the larger?
    let values: Vec<u8> =
        (0..1024u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let labels = values.chunks(2).map(|pair| u16::from(pair[0] > pair[1])).collect();
    let samples = Samples::new(2, 2, values, labels).unwrap();
    let data = Dataset::new(samples.clone(), samples, Normalize::Standard);
    let config = TrainConfig { hidden: vec![16], sparsity: 0.0, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, data.clone()).unwrap();
    (0..60).for_each(|_| drop(trainer.run_epoch(|_| {}).unwrap()));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("larger.safetensors");
    ModelFile::write(&path, trainer.model(), &Meaning::of(&data, String::new())).unwrap();
    let mut predictor = Predictor::open(&path).unwrap();
    let answers = predictor.rows(&[250.0, 3.0, 20.0, 240.0]);
    assert!(answers[1] > 0.9 && answers[2] > 0.9, "{answers:?}");
}
