//! The chain of trust from end to end: finite differences prove the f64 twin, the twin proves the
//! engines, on networks with every edge shape.

use super::storage::Sparse;
use super::{
    Activation, Dropout, Engine, LayerTensors, Loss, Mlp, Place, Targets, Tensor, Tile, Twin,
    each_tile,
};
use crate::grammar::{self, Listed};
use crate::parallel::{Error, Executor};
use crate::random::{Purpose, stream};
use crate::sparse::CsrPattern;
use fanin_kernels::{Isa, TILE};
use rand::RngExt;
use rand_pcg::Pcg64;
use serde::Serialize;

/// Bound on the twin's error against central differences.
pub const TWIN_BOUND: f64 = 1e-7;
/// Bound on an engine's error against the twin.
pub const ENGINE_BOUND: f64 = 1e-4;
/// The step of the central differences.
const STEP: f64 = 1e-5;

/// The worst error of one kind of parameter: max|a − b| / max|b| per tensor, its maximum over them.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was checked: `twin`, or engine, level and threads.
    pub subject: String,
    /// `weight`, `bias`, `gamma`, `beta`.
    pub parameter: &'static str,
    /// The worst error over all networks and layers.
    pub worst_error: f64,
    /// What it must not exceed.
    pub bound: f64,
    /// Numbers compared.
    pub compared: usize,
    /// Coordinates left out because a ReLU changed sign between the two differences.
    pub skipped: usize,
}

impl Check {
    /// Whether the error is within its bound (an error that is not a number is not).
    pub fn passed(&self) -> bool {
        self.worst_error <= self.bound && self.compared > 0
    }
}

/// A network with a batch to differentiate at.
struct Case {
    patterns: Vec<CsrPattern>,
    samples: usize,
    seed: u64,
    activation: Activation,
    loss: &'static str,
    /// Shares of dropout and of label smoothing.
    dropout: f64,
    smoothing: f32,
}

impl Case {
    /// What of it is not the default, for the twin's name.
    fn name(&self) -> String {
        if self.dropout > 0.0 {
            return "twin, dropout and label smoothing".to_string();
        }
        match (self.activation == Activation::default(), self.loss == CROSS_ENTROPY) {
            (true, true) => "twin".to_string(),
            (false, _) => format!("twin, {}", self.activation.name()),
            (true, false) => format!("twin, {}", self.loss),
        }
    }
}

const CROSS_ENTROPY: &str = "cross-entropy";

/// Uneven fan-in with an empty and a full row; the output layer dense or sparse; a tile and a part
/// of one; odd widths; then every further activation and loss on a small network.
fn cases(seed: u64) -> Vec<Case> {
    let rng = &mut stream(seed, Purpose::GradientCheck, 0);
    let (activation, loss) = (Activation::default(), CROSS_ENTROPY);
    let deep = vec![uneven(rng, 19, 17), uneven(rng, 17, 12), CsrPattern::full(5, 12)];
    let shallow = vec![uneven(rng, 9, 33), uneven(rng, 33, 4)];
    let small = vec![uneven(rng, 7, 11), uneven(rng, 11, 9), uneven(rng, 9, 3)];
    let of = |patterns, samples, activation, loss| {
        let (dropout, smoothing) = (0.0, 0.0);
        Case { patterns, samples, seed, activation, loss, dropout, smoothing }
    };
    let of_small = |activation, loss| of(small.clone(), 9, activation, loss);
    let mut cases = vec![of(deep, TILE + 7, activation, loss), of(shallow, 33, activation, loss)];
    let others = Activation::ALL.iter().filter(|other| **other != activation);
    cases.extend(others.map(|&other| of_small(other, loss)));
    let losses = <Box<dyn Loss>>::list().into_iter().map(|entry| entry.name);
    cases.extend(losses.filter(|other| *other != loss).map(|other| of_small(activation, other)));
    let samples = TILE + 3;
    cases.push(Case { dropout: 0.3, smoothing: 0.2, samples, ..of_small(activation, loss) });
    cases
}

/// Layers of patterns that are stored otherwise than in CSR's order. They are wide enough for
/// products of rows sorted by length: all three of the first layer and of the last, dX of the one
/// between.
fn wide(seed: u64, pattern: fn(usize, usize) -> CsrPattern) -> Case {
    Case {
        patterns: vec![pattern(280, 21), pattern(21, 280), pattern(280, 5)],
        samples: TILE + 7,
        seed,
        activation: Activation::default(),
        loss: CROSS_ENTROPY,
        dropout: 0.0,
        smoothing: 0.0,
    }
}

/// Checks the twin, then every engine on every level of this CPU with one and three threads.
///
/// **Errors**: [`Error::Threads`] if the system refuses the threads.
pub fn run(seed: u64) -> Result<Vec<Check>, Error> {
    let (cases, wide) = (cases(seed), [wide(seed, even), wide(seed, shared)]);
    let mut checks = Vec::new();
    for same in cases.chunk_by(|a, b| a.name() == b.name()) {
        let mut twin = Tally::new(same[0].name(), TWIN_BOUND);
        for case in same {
            let model = case.model(Isa::detect(), &Sparse);
            let (x, targets) = case.batch(&model);
            check_twin(&case.twin(&model), &widen(&x), &targets, &mut twin);
        }
        checks.extend(twin.finish());
    }
    for engine in <Box<dyn Engine>>::list() {
        let made: Box<dyn Engine> = grammar::make(engine.name).expect("it is listed");
        for isa in Isa::available() {
            for threads in [1, 3] {
                let executor = Executor::new(isa, threads)?;
                let subject = format!("{}, {}, threads {threads}", engine.name, isa.level());
                let mut tally = Tally::new(subject, ENGINE_BOUND);
                for case in cases.iter().chain(&wide) {
                    check_engine(&executor, case, &*made, &mut tally);
                }
                checks.extend(tally.finish());
            }
        }
    }
    Ok(checks)
}

/// Every third input, so that rows are of one length or two; but the second row is empty, the third
/// full.
fn even(cols: usize, rows: usize) -> CsrPattern {
    let (mut row_ptr, mut col_idx) = (vec![0], vec![]);
    for row in 0..rows {
        let stored = |col: &usize| row != 1 && (row == 2 || (row + col).is_multiple_of(3));
        col_idx.extend((0..cols).filter(stored).map(|col| col as u32));
        row_ptr.push(col_idx.len());
    }
    CsrPattern::new(cols, row_ptr, col_idx).expect("ascending columns")
}

/// As [`even`], of groups of four rows that share their inputs, and rows that are left.
fn shared(cols: usize, rows: usize) -> CsrPattern {
    let of_groups = even(cols, rows.div_ceil(4));
    let (mut row_ptr, mut col_idx) = (vec![0], vec![]);
    for row in 0..rows {
        col_idx.extend(of_groups.row(row / 4));
        row_ptr.push(col_idx.len());
    }
    CsrPattern::new(cols, row_ptr, col_idx).expect("rows of a valid pattern")
}

/// Fan-ins from none to all, in a fixed uneven order, at random columns.
fn uneven(rng: &mut Pcg64, cols: usize, rows: usize) -> CsrPattern {
    let (mut row_ptr, mut col_idx) = (vec![0], vec![]);
    for row in 0..rows {
        let fan_in = match row {
            1 => 0,
            2 => cols,
            _ => 1 + (row * 7) % (cols - 1),
        };
        let mut columns: Vec<u32> =
            rand::seq::index::sample(rng, cols, fan_in).into_iter().map(|col| col as u32).collect();
        columns.sort_unstable();
        col_idx.extend(columns);
        row_ptr.push(col_idx.len());
    }
    CsrPattern::new(cols, row_ptr, col_idx).expect("sorted distinct columns")
}

impl Case {
    /// The network with biases, γ and β moved off their initial values, where errors could hide.
    fn model(&self, isa: Isa, engine: &dyn Engine) -> Mlp {
        let loss: Box<dyn Loss> = grammar::make(self.loss).expect("it is listed");
        let model = Mlp::new(engine, Place::first(isa), self.patterns.clone(), self.seed);
        let mut model = model.with_activation(self.activation).with_loss(loss);
        let rng = &mut stream(self.seed, Purpose::GradientCheck, 1);
        for layer in model.layers_mut() {
            let head = &mut layer.head;
            for value in head.bias.iter_mut().chain(&mut head.gamma).chain(&mut head.beta) {
                *value += rng.random_range(-0.3..0.3);
            }
        }
        model
    }

    /// What dropout takes from a tile.
    fn dropout(&self, tile: usize) -> Option<Dropout> {
        Dropout::new(self.dropout, self.seed.wrapping_add(tile as u64))
    }

    /// The twin of a model of this case.
    fn twin(&self, model: &Mlp) -> Twin {
        let mut twin = Twin::of(model);
        twin.smoothing = self.smoothing.into();
        let hidden = &model.layers()[..model.layers().len() - 1];
        for (index, layer) in hidden.iter().enumerate().filter(|_| self.dropout > 0.0) {
            let (width, mut kept) = (layer.out_features(), Vec::new());
            let mut factors = vec![0.0; self.samples * width];
            for (sample, factors) in factors.chunks_exact_mut(width).enumerate() {
                let dropout = self.dropout(sample / TILE).expect("it has one");
                dropout.keep(index, width, &mut kept);
                for (factor, word) in factors.iter_mut().zip(&kept) {
                    *factor = f64::from((word >> (sample % TILE)) as u8 & 1)
                        * f64::from(dropout.factor());
                }
            }
            twin.dropout.push(factors);
        }
        twin
    }

    /// Samples `[samples, features]` and their targets.
    fn batch(&self, model: &Mlp) -> (Vec<f32>, Targets) {
        let rng = &mut stream(self.seed, Purpose::GradientCheck, 2);
        let mut numbers = |count| (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
        let x = numbers(self.samples * model.in_features());
        let width = model.outputs();
        if model.loss().takes_numbers() {
            // Some beyond Huber's δ.
            let values: Vec<f32> = numbers(self.samples * width);
            let values = values.into_iter().map(|value| 2.0 * value).collect();
            return (x, Targets::Numbers { values, width });
        }
        let labels = (0..self.samples).map(|_| rng.random_range(0..width as u16)).collect();
        (x, Targets::Classes { labels, classes: width })
    }
}

/// Collects errors per parameter kind.
struct Tally {
    subject: String,
    bound: f64,
    worst: [f64; 4],
    compared: [usize; 4],
    skipped: [usize; 4],
}

impl Tally {
    fn new(subject: String, bound: f64) -> Tally {
        Tally { subject, bound, worst: [0.0; 4], compared: [0; 4], skipped: [0; 4] }
    }

    /// Takes in one tensor: pairs of (analytic, reference).
    fn add(&mut self, kind: usize, pairs: &[(f64, f64)]) {
        let scale = pairs.iter().fold(0.0f64, |max, (_, reference)| max.max(reference.abs()));
        let error = pairs.iter().map(|(a, b)| (a - b).abs()).fold(0.0f64, |max, error| {
            // A NaN must not disappear in a maximum.
            if error.is_nan() { f64::INFINITY } else { max.max(error) }
        });
        let relative = match (error > 0.0, scale > 0.0) {
            (false, _) => 0.0,
            (true, true) => error / scale,
            // Something where there should be nothing.
            (true, false) => f64::INFINITY,
        };
        self.worst[kind] = self.worst[kind].max(relative);
        self.compared[kind] += pairs.len();
    }

    fn finish(self) -> impl Iterator<Item = Check> {
        (0..4).map(move |kind| Check {
            subject: self.subject.clone(),
            parameter: Tensor::ALL[kind].name(),
            worst_error: self.worst[kind],
            bound: self.bound,
            compared: self.compared[kind],
            skipped: self.skipped[kind],
        })
    }
}

/// The twin's gradient against central differences of its loss.
fn check_twin(twin: &Twin, x: &[f64], targets: &Targets, tally: &mut Tally) {
    let gradient = twin.gradient(x, targets);
    for (l, layer) in gradient.iter().enumerate() {
        for (kind, analytic) in layer.tensors.iter().enumerate() {
            let mut pairs = Vec::new();
            for (i, &analytic) in analytic.iter().enumerate() {
                if kind == 0 && !layer.stored[i] {
                    continue;
                }
                let loss_at = |offset: f64| {
                    let mut moved = twin.clone();
                    moved.layers[l].tensors[kind][i] += offset;
                    moved.loss(x, targets)
                };
                let ((above, open_above), (below, open_below)) = (loss_at(STEP), loss_at(-STEP));
                if open_above == open_below {
                    pairs.push((analytic, (above - below) / (2.0 * STEP)));
                } else {
                    tally.skipped[kind] += 1;
                }
            }
            tally.add(kind, &pairs);
        }
    }
}

/// An engine's f32 gradient against the twin's.
fn check_engine(executor: &Executor, case: &Case, engine: &dyn Engine, tally: &mut Tally) {
    let model = case.model(executor.isa(), engine);
    let (x, targets) = case.batch(&model);
    let expected = case.twin(&model).gradient(&widen(&x), &targets);
    let gradients = engine_gradients(executor, case, &model, &x, &targets);
    for (layer, (gradient, twin)) in model.layers().iter().zip(gradients.into_iter().zip(expected))
    {
        let stored = twin.tensors[0].iter().zip(&twin.stored).filter(|(_, stored)| **stored);
        let reference = stored.map(|(&dw, _)| dw);
        let dw = widen(&layer.storage().to_csr(&gradient.weight));
        tally.add(0, &dw.into_iter().zip(reference).collect::<Vec<_>>());
        for (kind, values) in gradient.each().into_iter().enumerate().skip(1) {
            let pairs = widen(values).into_iter().zip(twin.tensors[kind].iter().copied());
            tally.add(kind, &pairs.collect::<Vec<_>>());
        }
    }
}

/// The gradients of `model` at samples `x` `[samples, features]`.
fn engine_gradients(
    executor: &Executor,
    case: &Case,
    model: &Mlp,
    x: &[f32],
    targets: &Targets,
) -> Vec<LayerTensors> {
    let samples: Vec<u32> = (0..targets.len() as u32).collect();
    let mut tiles = Tile::several(model, samples.len().div_ceil(TILE));
    each_tile(executor, &mut tiles, &samples, |crew, index, indices, tile| {
        (tile.samples, tile.dropout) = (indices.len(), case.dropout(index));
        targets.load(indices, &mut tile.targets);
        tile.targets.smoothing = case.smoothing;
        for (sample, &index) in indices.iter().enumerate() {
            let x = &x[index as usize * model.in_features()..];
            for (row, &x) in tile.input.rows_mut().iter_mut().zip(x) {
                row.0[sample] = x;
            }
        }
        model.run(crew, samples.len() as f32, tile);
    });
    model.gradients(executor, &tiles)
}

fn widen(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pairs: &[(f64, f64)]) -> bool {
        let mut tally = Tally::new("x".into(), 1e-4);
        tally.add(0, pairs);
        tally.finish().next().is_some_and(|check| check.passed())
    }

    #[test]
    fn every_way_to_be_wrong_fails_the_check() {
        assert!(verdict(&[(1.0, 1.0), (0.50001, 0.5)]));
        assert!(!verdict(&[(1.0, 1.0), (0.501, 0.5)]), "beyond the bound");
        assert!(!verdict(&[(f64::NAN, 1.0)]), "not a number");
        assert!(!verdict(&[(1e-9, 0.0)]), "something where there should be nothing");
        assert!(!verdict(&[]), "nothing compared");
        assert!(verdict(&[(0.0, 0.0)]));
    }
}
