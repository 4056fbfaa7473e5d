//! Rewiring against a reference with a dense mask, written independently, on real batches.

mod common;

use fanin::random::{Purpose, stream};
use fanin::rewire::{Rewiring, Ties, drop_smallest, grow_at_random, grow_by_gradient};
use fanin::sparse::CsrPattern;
use fanin::train::{GrownState, RewireMethod, TrainConfig, Trainer};
use fanin_kernels::{MatMut, MatRef, Row, TILE, gemm};

/// The first hidden layer of a network that has been trained a little, and one batch's tiles.
struct Setting {
    pattern: CsrPattern,
    weights: Vec<f32>,
    x: Vec<Vec<Row>>,
    dy: Vec<Vec<Row>>,
}

fn setting() -> Setting {
    let data = common::mnist(640, 64);
    let config = TrainConfig { hidden: vec![90, 40], threads: 1, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, &data).unwrap();
    for _ in 0..3 {
        trainer.step().unwrap();
    }
    let layer = &trainer.model().layers()[0];
    let (pattern, weights) = layer.connections();
    let mut tiles = vec![fanin::nn::Tile::new(trainer.model()); 2];
    for (index, tile) in tiles.iter_mut().enumerate() {
        let indices: Vec<u32> = (0..TILE as u32).map(|i| i + (index * TILE) as u32).collect();
        data.train.load_tile(trainer.executor().isa(), data.scaling, &indices, tile);
        trainer.model().forward(trainer.executor(), false, tile);
        trainer.model().loss(trainer.executor(), 2 * TILE, tile);
        trainer.model().backward(trainer.executor(), false, tile);
    }
    Setting {
        pattern: (*pattern).clone(),
        weights,
        x: tiles.iter().map(|tile| tile.input.clone()).collect(),
        dy: tiles.iter().map(|tile| tile.layers[0].z.clone()).collect(),
    }
}

impl Setting {
    fn tiles(&self) -> Vec<(&[Row], &[Row])> {
        self.x.iter().zip(&self.dy).map(|(x, dy)| (&x[..], &dy[..])).collect()
    }

    /// The whole dense gradient, as nothing in the engine ever holds it.
    fn dense_gradient(&self) -> Vec<f32> {
        let (rows, cols) = (self.pattern.rows(), self.pattern.cols());
        let mut gradient = vec![0.0; rows * cols];
        for (x, dy) in self.tiles() {
            let target = MatMut::new(&mut gradient, rows, cols);
            gemm(MatRef::tile(dy), MatRef::tile(x).t(), 1.0, target);
        }
        gradient
    }
}

const TIES: Ties = Ties { seed: 42, step: 100, layer: 0 };

/// RigL on a dense mask by full sorts: (mask after, positions dropped and not returned).
fn reference(setting: &Setting, count: usize) -> (Vec<bool>, Vec<usize>) {
    let pattern = &setting.pattern;
    let positions: Vec<usize> = pattern.positions().collect();
    let mut by_magnitude: Vec<usize> = (0..positions.len()).collect();
    by_magnitude.sort_by(|&a, &b| {
        let magnitude = |e: usize| setting.weights[e].abs();
        let key = |e: usize| TIES.key(e as u64);
        magnitude(a).total_cmp(&magnitude(b)).then(key(a).cmp(&key(b)))
    });
    let mut mask = vec![false; pattern.rows() * pattern.cols()];
    for &entry in &by_magnitude[count..] {
        mask[positions[entry]] = true;
    }
    let gradient = setting.dense_gradient();
    let mut free: Vec<usize> = (0..mask.len()).filter(|&at| !mask[at]).collect();
    free.sort_by(|&a, &b| {
        let key = |at: usize| TIES.key(at as u64);
        gradient[b].abs().total_cmp(&gradient[a].abs()).then(key(a).cmp(&key(b)))
    });
    for &at in &free[..count] {
        mask[at] = true;
    }
    let gone = by_magnitude[..count].iter().map(|&e| positions[e]).filter(|&at| !mask[at]);
    (mask.clone(), gone.collect())
}

#[test]
fn rigl_equals_a_dense_mask_reference_on_any_threads() {
    let setting = setting();
    for count in [0, 1, 100, 1000, 3000] {
        let (mask, gone) = reference(&setting, count);
        for threads in [1, 2, 3, 7] {
            let survives = drop_smallest(&setting.weights, count, TIES);
            let grown = grow_by_gradient(
                &setting.pattern,
                &survives,
                &setting.tiles(),
                count,
                TIES,
                threads,
            );
            let positions: Vec<(u32, u32)> = grown.iter().map(|g| (g.row, g.col)).collect();
            let rewiring = Rewiring::new(&setting.pattern, &survives, &positions);
            let mut got = vec![false; mask.len()];
            rewiring.pattern.positions().for_each(|at| got[at] = true);
            assert!(got == mask, "{count} on {threads} threads");
            assert_eq!(rewiring.pattern.nnz(), setting.pattern.nnz());
            assert_eq!(rewiring.dropped - rewiring.returned, gone.len());
            // Survivors and returned ones keep their values to the bit, new ones start at 0.
            let dense = setting.pattern.scatter(&setting.weights);
            let carried = rewiring.carry(&setting.weights, |_| 0.0);
            for (at, weight) in rewiring.pattern.positions().zip(carried) {
                assert_eq!(weight.to_bits(), dense[at].to_bits());
            }
        }
    }
}

#[test]
fn growth_neither_freezes_nor_fills_rows_in_order_when_all_gradients_are_zero() {
    let mut setting = setting();
    setting.dy.iter_mut().flatten().for_each(|row| *row = Row::ZERO);
    let count = setting.pattern.nnz() / 3;
    let survives = drop_smallest(&setting.weights, count, TIES);
    let grown = grow_by_gradient(&setting.pattern, &survives, &setting.tiles(), count, TIES, 2);
    let mut per_row = vec![0; setting.pattern.rows()];
    grown.iter().for_each(|grown| per_row[grown.row as usize] += 1);
    let mean = count as f64 / per_row.len() as f64;
    // Binomial over the rows: six standard deviations either way.
    let spread = 6.0 * mean.sqrt();
    assert!(per_row.iter().all(|&n| (f64::from(n) - mean).abs() < spread), "{per_row:?}");
    let positions: Vec<(u32, u32)> = grown.iter().map(|g| (g.row, g.col)).collect();
    let rewiring = Rewiring::new(&setting.pattern, &survives, &positions);
    assert!(rewiring.returned < count / 2, "the topology must move: {}", rewiring.returned);
}

#[test]
fn random_growth_is_uniform_over_what_is_free() {
    let setting = setting();
    let count = 2000;
    let survives = drop_smallest(&setting.weights, count, TIES);
    let grow = |seed| {
        let rng = &mut stream(seed, Purpose::Grow, 0);
        grow_at_random(&setting.pattern, &survives, count, rng)
    };
    let grown = grow(1);
    assert_eq!(grown, grow(1));
    assert_ne!(grown, grow(2));
    let positions: Vec<(u32, u32)> = grown.iter().map(|g| (g.row, g.col)).collect();
    // Construction refuses a survivor or a repetition.
    let rewiring = Rewiring::new(&setting.pattern, &survives, &positions);
    assert_eq!(rewiring.pattern.nnz(), setting.pattern.nnz());
    let left = grown.iter().filter(|g| g.col < 392).count() as f64;
    assert!((left - 1000.0).abs() < 4.0 * 500f64.sqrt(), "{left} of 2000 in the left half");
}

#[test]
fn a_full_layer_can_only_take_back_what_it_drops() {
    let full = CsrPattern::full(3, 4);
    let survives = drop_smallest(&[0.5; 12], 5, TIES);
    let rng = &mut stream(1, Purpose::Grow, 0);
    let grown = grow_at_random(&full, &survives, 5, rng);
    let positions: Vec<(u32, u32)> = grown.iter().map(|g| (g.row, g.col)).collect();
    let rewiring = Rewiring::new(&full, &survives, &positions);
    assert_eq!((rewiring.pattern, rewiring.returned), (full, 5));
}

/// A short run that rewires every third step, and everything that must not depend on threads.
fn rewired(
    config: &TrainConfig,
    threads: usize,
) -> (Vec<CsrPattern>, Vec<fanin::nn::LayerTensors>) {
    let data = common::mnist(1280, 64);
    let executor = fanin::parallel::Executor::new(fanin_kernels::Isa::detect(), threads).unwrap();
    let mut trainer = Trainer::with_executor(config.clone(), &data, executor).unwrap();
    for _ in 0..config.epochs {
        trainer.run_epoch(|_| {}).unwrap();
    }
    let layers = trainer.model().layers();
    let patterns = layers.iter().map(|layer| (*layer.connections().0).clone()).collect();
    let params = layers.iter().map(|layer| layer.params.clone());
    let moments = trainer.optimizer().m.iter().chain(&trainer.optimizer().v).cloned();
    (patterns, params.chain(moments).collect())
}

fn rewired_config(method: RewireMethod, grown_state: GrownState) -> TrainConfig {
    TrainConfig {
        hidden: vec![60, 50],
        sparsity: 0.8,
        rewire: method,
        grown_state,
        rewire_every: 3,
        epochs: 2,
        ..TrainConfig::default()
    }
}

#[test]
fn a_rewired_run_has_the_same_bits_on_any_threads_and_keeps_its_connections() {
    let static_run = rewired(&rewired_config(RewireMethod::Static, GrownState::Zero), 1);
    for method in [RewireMethod::Rigl, RewireMethod::SetRigl] {
        for state in [GrownState::Zero, GrownState::Warm] {
            let config = rewired_config(method, state);
            let expected = rewired(&config, 1);
            for threads in [2, 3, 7] {
                assert!(rewired(&config, threads) == expected, "{method:?}, {threads} threads");
            }
            for (before, after) in static_run.0.iter().zip(&expected.0) {
                assert_eq!(before.nnz(), after.nnz());
            }
            // The hidden layers moved, the output layer cannot.
            assert!(static_run.0[0] != expected.0[0] && static_run.0[1] != expected.0[1]);
        }
    }
}

#[test]
fn a_drop_fraction_of_zero_leaves_all_connections() {
    let rigl =
        TrainConfig { drop_fraction: 0.0, ..rewired_config(RewireMethod::Rigl, GrownState::Zero) };
    let still = rewired_config(RewireMethod::Static, GrownState::Zero);
    assert!(rewired(&rigl, 1).0 == rewired(&still, 1).0);
}

#[test]
fn masked_and_sparse_engines_choose_the_same_connections() {
    let sparse = rewired_config(RewireMethod::SetRigl, GrownState::Zero);
    let masked = TrainConfig { engine: fanin::nn::Engine::Masked, ..sparse.clone() };
    let (sparse, masked) = (rewired(&sparse, 1).0, rewired(&masked, 1).0);
    // Weights differ by rounding, so a few of the smallest may change places.
    let common = |a: &CsrPattern, b: &CsrPattern| {
        let b: std::collections::HashSet<usize> = b.positions().collect();
        a.positions().filter(|at| b.contains(at)).count() as f64 / a.nnz() as f64
    };
    assert!(common(&sparse[0], &masked[0]) > 0.98, "{}", common(&sparse[0], &masked[0]));
}
