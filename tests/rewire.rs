//! Rewiring against references with a dense mask, written independently, on real batches.

mod common;

use fanin::nn::{Engine, LayerTensors, Tile};
use fanin::parallel::Executor;
use fanin::random::{Purpose, stream};
use fanin::rewire::{
    Candidates, Change, GrowScore, Grown, LayerView, Method, Reading, Rewiring, Scope, Search,
    TieOrder, Ties, Update, drop_smallest, grow_at_random, grow_by_gradient,
};
use fanin::sparse::CsrPattern;
use fanin::train::{GrownState, InitCcv, RewireMethod, TrainConfig, Trainer, UpdateMetrics};
use fanin_kernels::{Isa, Level, Row, TILE, dense_backward_weight};
use rand::seq::SliceRandom;
use std::collections::HashSet;

/// A hidden layer of a network that has been trained a little, and one batch's tiles.
struct Setting {
    pattern: CsrPattern,
    weights: Vec<f32>,
    x: Vec<Vec<Row>>,
    dy: Vec<Vec<Row>>,
}

/// Tiles of these samples, run through the network forward and back.
fn tiles_of(trainer: &Trainer<'_>, data: &fanin::dataset::Dataset, batch: &[u32]) -> Vec<Tile> {
    let (model, executor) = (trainer.model(), trainer.executor());
    let mut tiles = Tile::several(model, batch.len().div_ceil(TILE));
    for (tile, indices) in tiles.iter_mut().zip(batch.chunks(TILE)) {
        data.train.load_tile(executor.isa(), &data.scaling, indices, tile);
        model.forward(executor, false, tile);
        model.loss(executor, batch.len(), tile);
        model.backward(executor, false, tile);
    }
    tiles
}

impl Setting {
    fn of(trainer: &Trainer<'_>, tiles: &[Tile], layer: usize) -> Setting {
        let (pattern, weights) = trainer.model().layers()[layer].connections();
        let pairs = || tiles.iter().map(|tile| tile.input_and_gradient(layer));
        Setting {
            pattern: (*pattern).clone(),
            weights,
            x: pairs().map(|(x, _)| x.to_vec()).collect(),
            dy: pairs().map(|(_, dy)| dy.to_vec()).collect(),
        }
    }

    fn tiles(&self) -> Vec<(&[Row], &[Row])> {
        self.x.iter().zip(&self.dy).map(|(x, dy)| (&x[..], &dy[..])).collect()
    }

    /// The whole dense gradient, as nothing in the engine ever holds it.
    fn dense_gradient(&self) -> Vec<f32> {
        let (rows, cols) = (self.pattern.rows(), self.pattern.cols());
        let mut gradient = vec![0.0; rows * cols];
        for (x, dy) in self.tiles() {
            dense_backward_weight(Isa::detect(), dy, x, &mut gradient);
        }
        gradient
    }

    /// Holds the dense f32 gradient against f64, within n·2⁻²⁴·Σ|terms|.
    fn check_dense_gradient(&self, gradient: &[f32]) {
        let cols = self.pattern.cols();
        let terms = (self.x.len() * TILE) as f64;
        for (at, &got) in gradient.iter().enumerate() {
            let (row, col) = (at / cols, at % cols);
            let (mut sum, mut sum_abs) = (0.0, 0.0);
            for (x, dy) in self.x.iter().zip(&self.dy) {
                for (x, dy) in x[col].0.iter().zip(&dy[row].0) {
                    let term = f64::from(*x) * f64::from(*dy);
                    sum += term;
                    sum_abs += term.abs();
                }
            }
            let bound = terms * 2f64.powi(-24) * sum_abs;
            assert!((f64::from(got) - sum).abs() <= bound, "({row}, {col}): {got} for {sum}");
        }
    }

    fn view<'a>(&'a self, tiles: &'a [(&'a [Row], &'a [Row])]) -> LayerView<'a> {
        LayerView { index: 0, pattern: &self.pattern, weights: &self.weights, tiles }
    }
}

fn setting() -> Setting {
    let data = common::mnist(640, 64);
    let config = TrainConfig { hidden: vec![90, 40], threads: 1, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, &data).unwrap();
    for _ in 0..3 {
        trainer.step().unwrap();
    }
    let batch: Vec<u32> = (0..128).collect();
    Setting::of(&trainer, &tiles_of(&trainer, &data, &batch), 0)
}

const TIES: Ties = Ties { order: TieOrder::Noise, seed: 42, step: 100, layer: 0 };

fn drop_one(setting: &Setting, count: usize) -> Vec<bool> {
    drop_smallest(&[(&setting.pattern, &setting.weights, TIES)], count, 0).remove(0)
}

fn grow(setting: &Setting, survives: &[bool], count: usize, threads: usize) -> Vec<Grown> {
    let tiles = setting.tiles();
    let search = Search {
        isa: Isa::detect(),
        pattern: &setting.pattern,
        survives,
        tiles: &tiles,
        candidates: Candidates::Free,
        score: GrowScore::Dense,
        ties: TIES,
    };
    grow_by_gradient(&[search], count, threads).remove(0)
}

fn rewiring(pattern: &CsrPattern, survives: &[bool], mut grown: Vec<Grown>) -> Rewiring {
    grown.sort_by_key(|grown| (grown.row, grown.col));
    Rewiring::new(pattern, &Change { survives: survives.to_vec(), grown, returned_keep: true })
}

/// RigL on a dense mask by full sorts: the mask afterwards, and which positions were dropped.
fn reference(
    setting: &Setting,
    gradient: &[f32],
    count: usize,
    ties: Ties,
) -> (Vec<bool>, HashSet<usize>) {
    let pattern = &setting.pattern;
    let positions: Vec<usize> = pattern.positions().collect();
    let mut by_magnitude: Vec<usize> = (0..positions.len()).collect();
    by_magnitude.sort_by(|&a, &b| {
        let magnitude = |e: usize| setting.weights[e].abs();
        let key = |e: usize| ties.key(e as u64);
        magnitude(a).total_cmp(&magnitude(b)).then(key(a).cmp(&key(b)))
    });
    let mut mask = vec![false; pattern.rows() * pattern.cols()];
    for &entry in &by_magnitude[count..] {
        mask[positions[entry]] = true;
    }
    let mut free: Vec<usize> = (0..mask.len()).filter(|&at| !mask[at]).collect();
    free.sort_by(|&a, &b| {
        let key = |at: usize| ties.key(at as u64);
        gradient[b].abs().total_cmp(&gradient[a].abs()).then(key(a).cmp(&key(b)))
    });
    for &at in &free[..count] {
        mask[at] = true;
    }
    (mask, by_magnitude[..count].iter().map(|&entry| positions[entry]).collect())
}

/// What a dense-mask implementation holds of a layer: everything at every position.
struct Masked {
    mask: Vec<bool>,
    w: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
    age: Vec<f32>,
}

impl Masked {
    fn of(trainer: &Trainer<'_>, layer: usize) -> Masked {
        let optimizer = trainer.optimizer();
        let (pattern, w) = trainer.model().layers()[layer].connections();
        let age = optimizer.ages.as_ref().map(|ages| &ages.counts[layer].weight[..]);
        Masked {
            mask: pattern.scatter(&vec![1.0; pattern.nnz()]).iter().map(|&x| x == 1.0).collect(),
            w: pattern.scatter(&w),
            m: pattern.scatter(&optimizer.m[layer].weight),
            v: pattern.scatter(&optimizer.v[layer].weight),
            age: pattern.scatter(age.unwrap_or(&vec![0.0; pattern.nnz()])),
        }
    }

    /// Sets what is not a connection to zero, and what is a new one to its beginning.
    fn update(
        &mut self,
        mask: Vec<bool>,
        gradient: &[f32],
        state: GrownState,
        corrections: [f32; 2],
    ) {
        for at in 0..mask.len() {
            if !mask[at] || !self.mask[at] {
                (self.w[at], self.m[at], self.v[at], self.age[at]) = (0.0, 0.0, 0.0, 0.0);
            }
            if mask[at] && !self.mask[at] && state == GrownState::Warm {
                let g = gradient[at];
                (self.m[at], self.v[at]) = (corrections[0] * g, corrections[1] * g * g);
            }
        }
        self.mask = mask;
    }

    fn assert_equals(&self, other: &Masked, when: &str) {
        assert!(self.mask == other.mask, "connections after {when}");
        let sets = [(&self.w, &other.w), (&self.m, &other.m), (&self.v, &other.v)];
        for (name, (a, b)) in ["weights", "m", "v", "ages"]
            .iter()
            .zip(sets.into_iter().chain([(&self.age, &other.age)]))
        {
            let equal = a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(equal, "{name} after {when}");
        }
    }
}

#[test]
fn five_updates_of_a_training_run_equal_a_dense_mask_reference_for_every_grown_state() {
    let data = common::mnist(128 * 16, 64);
    for state in [GrownState::Zero, GrownState::OwnStep, GrownState::Warm] {
        let config = TrainConfig {
            hidden: vec![90, 40],
            rewire: RewireMethod::Rigl,
            rewire_every: 3,
            rewire_end: 1.0,
            grown_state: state,
            epochs: 1,
            threads: 2,
            ..TrainConfig::default()
        };
        let (seed, every, steps) = (config.seed, 3, 16);
        let mut trainer = Trainer::new(config, &data).unwrap();
        let mut order: Vec<u32> = (0..data.train.len() as u32).collect();
        order.shuffle(&mut stream(seed, Purpose::Shuffle, 0));
        let mut ages_seen = HashSet::new();
        for step in 1..=15 {
            if step % every != 0 {
                assert_eq!(trainer.step().unwrap().update, None);
                continue;
            }
            let batch = &order[(step - 1) * 128..step * 128];
            let tiles = tiles_of(&trainer, &data, batch);
            // α/2·(1 + cos(π·t/T_end)) with α = .3.
            let angle = std::f64::consts::PI * step as f64 / steps as f64;
            let fraction = 0.3 * (1.0 + angle.cos()) / 2.0;
            // The optimiser has not stepped at updates: 2 of every 3 steps are its own.
            let taken = (step - step / every) as i32;
            let corrections = [0.9f64, 0.999].map(|beta| {
                let beta = f64::from(beta as f32);
                (1.0 - (0..taken).fold(1.0, |power, _| power * beta)) as f32
            });
            let mut expected = Vec::new();
            for layer in 0..2 {
                let setting = Setting::of(&trainer, &tiles, layer);
                let gradient = setting.dense_gradient();
                setting.check_dense_gradient(&gradient);
                let count = (fraction * setting.pattern.nnz() as f64).floor() as usize;
                let ties = Ties { step: step as u64, layer: layer as u64, seed, ..TIES };
                let (mask, dropped) = reference(&setting, &gradient, count, ties);
                let returned = dropped.iter().filter(|&&at| mask[at]).count();
                let mut masked = Masked::of(&trainer, layer);
                masked.update(mask, &gradient, state, corrections);
                expected.push((masked, count, returned));
            }
            let update = trainer.step().unwrap().update.expect("every third step is an update");
            assert_eq!((update.update, update.drop_fraction), (step as u64, fraction));
            for (layer, (masked, count, returned)) in expected.iter().enumerate() {
                let when = format!("{state:?}, step {step}, layer {layer}");
                Masked::of(&trainer, layer).assert_equals(masked, &when);
                let told = &update.layers[layer];
                assert_eq!((told.dropped, told.grown, told.returned), (*count, *count, *returned));
                ages_seen.extend(masked.age.iter().map(|age| *age as u32));
            }
        }
        // Connections of several ages were there, where ages count at all.
        assert_eq!(ages_seen.len() > 3, state == GrownState::OwnStep, "{ages_seen:?}");
    }
}

#[test]
fn rigl_equals_a_dense_mask_reference_on_any_threads() {
    let setting = setting();
    let gradient = setting.dense_gradient();
    for count in [0, 1, 100, 1000, 3000] {
        let (mask, dropped) = reference(&setting, &gradient, count, TIES);
        let gone = dropped.iter().filter(|&&at| !mask[at]).count();
        for threads in [1, 2, 3, 7] {
            let survives = drop_one(&setting, count);
            let grown = grow(&setting, &survives, count, threads);
            let rewiring = rewiring(&setting.pattern, &survives, grown);
            let mut got = vec![false; mask.len()];
            rewiring.pattern.positions().for_each(|at| got[at] = true);
            assert!(got == mask, "{count} on {threads} threads");
            assert_eq!(rewiring.pattern.nnz(), setting.pattern.nnz());
            assert_eq!(rewiring.dropped - rewiring.returned, gone);
            // Survivors and returned ones keep their values to the bit, new ones start at 0.
            let dense = setting.pattern.scatter(&setting.weights);
            let carried = rewiring.carry(&setting.weights, |_| 0.0);
            for (at, weight) in rewiring.pattern.positions().zip(carried) {
                assert_eq!(weight.to_bits(), dense[at].to_bits());
            }
        }
    }
}

/// The setting with all gradients zero, as a masked implementation would see absent positions.
fn without_gradient() -> Setting {
    let mut setting = setting();
    setting.dy.iter_mut().flatten().for_each(|row| *row = Row::ZERO);
    setting
}

fn per_row(setting: &Setting, grown: &[Grown]) -> Vec<usize> {
    let mut per_row = vec![0; setting.pattern.rows()];
    grown.iter().for_each(|grown| per_row[grown.row as usize] += 1);
    per_row
}

#[test]
fn growth_neither_freezes_nor_fills_rows_in_order_when_all_gradients_are_zero() {
    let setting = without_gradient();
    let count = setting.pattern.nnz() / 3;
    let survives = drop_one(&setting, count);
    let grown = grow(&setting, &survives, count, 2);
    let mean = count as f64 / setting.pattern.rows() as f64;
    // Binomial over the rows: six standard deviations either way.
    let spread = 6.0 * mean.sqrt();
    let counts = per_row(&setting, &grown);
    assert!(counts.iter().all(|&n| (n as f64 - mean).abs() < spread), "{counts:?}");
    let rewiring = rewiring(&setting.pattern, &survives, grown);
    assert!(rewiring.returned < count / 2, "the topology must move: {}", rewiring.returned);
}

#[test]
fn masked_scores_freeze_the_topology_or_fill_rows_in_order_as_they_are_asked_to() {
    let setting = setting();
    let tiles = setting.tiles();
    let update = Update { isa: Isa::detect(), seed: 42, step: 100, fraction: 0.3, threads: 2 };
    let masked = Reading { score: GrowScore::Masked, ..Reading::default() };
    let change =
        |reading| Method::Rigl(reading).changes(&update, &[setting.view(&tiles)]).remove(0);
    // What was just dropped has the only gradients there are: all of it returns.
    let frozen = Rewiring::new(&setting.pattern, &change(masked));
    assert_eq!(frozen.returned, frozen.dropped);
    assert_eq!(frozen.pattern, setting.pattern);
    // Absent positions alone, all of score 0, taken by index: rows become full one after another.
    let index = Reading { candidates: Candidates::Absent, ties: TieOrder::Index, ..masked };
    let filled = change(index);
    let counts = per_row(&setting, &filled.grown);
    let last = counts.iter().rposition(|&n| n > 0).unwrap();
    let absent = |row: usize| setting.pattern.cols() - setting.pattern.row(row).len();
    assert!((0..last).all(|row| counts[row] == absent(row)), "{counts:?}");
    // The same with noise spreads.
    let noise = change(Reading { ties: TieOrder::Noise, ..index });
    assert!(per_row(&setting, &noise.grown).iter().all(|&n| n > 0));
    let returned = Rewiring::new(&setting.pattern, &noise).returned;
    assert_eq!(returned, 0, "what was just dropped is no candidate");
}

#[test]
fn over_the_network_the_smallest_of_all_go_and_the_largest_of_all_come() {
    let (a, mut b) = (setting(), setting());
    // The second layer's weights are half as large, its gradients three times.
    b.weights.iter_mut().for_each(|w| *w *= 0.5);
    b.dy.iter_mut().flatten().for_each(|row| row.0.iter_mut().for_each(|g| *g *= 3.0));
    let (tiles_a, tiles_b) = (a.tiles(), b.tiles());
    let views = [a.view(&tiles_a), LayerView { index: 1, ..b.view(&tiles_b) }];
    let reading = Reading { scope: Scope::Network, ..Reading::default() };
    let update = Update { isa: Isa::detect(), seed: 42, step: 100, fraction: 0.2, threads: 3 };
    let changes = Method::Rigl(reading).changes(&update, &views);
    let dropped = |change: &Change| change.survives.iter().filter(|s| !**s).count();
    let nnz = a.pattern.nnz() + b.pattern.nnz();
    let count = (0.2 * nnz as f64).floor() as usize;
    assert_eq!(dropped(&changes[0]) + dropped(&changes[1]), count);
    assert_eq!(changes[0].grown.len() + changes[1].grown.len(), count);
    assert!(dropped(&changes[1]) > dropped(&changes[0]));
    assert!(changes[1].grown.len() > changes[0].grown.len());
    // No dropped weight is larger than a surviving one, no grown gradient smaller than one left.
    let sizes = |survive: bool| {
        [(&a, &changes[0]), (&b, &changes[1])].into_iter().flat_map(move |(setting, change)| {
            let pairs = setting.weights.iter().zip(&change.survives);
            pairs.filter(move |(_, s)| **s == survive).map(|(w, _)| w.abs())
        })
    };
    assert!(sizes(false).fold(0.0, f32::max) <= sizes(true).fold(f32::MAX, f32::min));
    let mut best_left = 0f32;
    let mut worst_grown = f32::MAX;
    for (setting, change) in [(&a, &changes[0]), (&b, &changes[1])] {
        let cols = setting.pattern.cols();
        let mut taken: HashSet<usize> = HashSet::new();
        for grown in &change.grown {
            worst_grown = worst_grown.min(grown.gradient.abs());
            taken.insert(grown.row as usize * cols + grown.col as usize);
        }
        let alive = setting.pattern.positions().zip(&change.survives).filter(|(_, s)| **s);
        taken.extend(alive.map(|(at, _)| at));
        let left = setting.dense_gradient().into_iter().enumerate();
        let left = left.filter(|(at, _)| !taken.contains(at)).map(|(_, g)| g.abs());
        best_left = left.fold(best_left, f32::max);
    }
    assert!(best_left <= worst_grown, "{best_left} was left, {worst_grown} was grown");
}

#[test]
fn random_growth_is_uniform_over_what_is_free() {
    let setting = setting();
    let count = 2000;
    let survives = drop_one(&setting, count);
    let grow = |seed, candidates| {
        let rng = &mut stream(seed, Purpose::Grow, 0);
        grow_at_random(&setting.pattern, &survives, count, candidates, rng)
    };
    let grown = grow(1, Candidates::Free);
    assert_eq!(grown, grow(1, Candidates::Free));
    assert_ne!(grown, grow(2, Candidates::Free));
    let left = grown.iter().filter(|g| g.col < 392).count() as f64;
    assert!((left - 1000.0).abs() < 4.0 * 500f64.sqrt(), "{left} of 2000 in the left half");
    // Construction refuses a survivor or a repetition.
    let nnz = setting.pattern.nnz();
    assert_eq!(rewiring(&setting.pattern, &survives, grown).pattern.nnz(), nnz);
    let absent = rewiring(&setting.pattern, &survives, grow(1, Candidates::Absent));
    assert_eq!((absent.pattern.nnz(), absent.returned), (nnz, 0));
}

#[test]
fn a_full_layer_can_only_take_back_what_it_drops() {
    let full = CsrPattern::full(3, 4);
    let survives = drop_smallest(&[(&full, &[0.5; 12], TIES)], 5, 0).remove(0);
    let rng = &mut stream(1, Purpose::Grow, 0);
    let grown = grow_at_random(&full, &survives, 5, Candidates::Free, rng);
    let rewiring = rewiring(&full, &survives, grown);
    assert_eq!((rewiring.pattern, rewiring.returned), (full, 5));
}

#[test]
fn set_draws_new_weights_from_the_initial_distribution_and_drops_either_sign() {
    let setting = setting();
    let tiles = setting.tiles();
    let update = Update { isa: Isa::detect(), seed: 7, step: 469, fraction: 0.3, threads: 1 };
    let change = Method::Set.changes(&update, &[setting.view(&tiles)]).remove(0);
    for negative in [false, true] {
        let side = |e: &usize| (setting.weights[*e] < 0.0) == negative;
        let all: Vec<usize> = (0..setting.weights.len()).filter(side).collect();
        let (stay, go): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&e| change.survives[e]);
        assert_eq!(go.len(), (0.3 * all.len() as f64).floor() as usize);
        let size = |e: &usize| setting.weights[*e].abs();
        let largest_gone = go.iter().map(size).fold(0.0, f32::max);
        assert!(largest_gone <= stay.iter().map(size).fold(f32::MAX, f32::min));
    }
    let rewiring = Rewiring::new(&setting.pattern, &change);
    assert_eq!(rewiring.pattern.nnz(), setting.pattern.nnz());
    assert_eq!(rewiring.new.len(), rewiring.dropped, "even a redrawn connection is new");
    let squares: f64 = change.grown.iter().map(|g| f64::from(g.weight).powi(2)).sum();
    let count = change.grown.len() as f64;
    let variance = 2.0 * setting.pattern.rows() as f64 / setting.pattern.nnz() as f64;
    // Four standard errors of a variance.
    let error = (squares / count / variance - 1.0).abs();
    assert!(error < 4.0 * (2.0 / count).sqrt(), "{error}");
}

/// What a short run that rewires leaves, and what its updates told, but for the seconds.
struct Outcome {
    patterns: Vec<CsrPattern>,
    tensors: Vec<LayerTensors>,
    updates: Vec<UpdateMetrics>,
}

impl PartialEq for Outcome {
    fn eq(&self, other: &Outcome) -> bool {
        self.patterns == other.patterns
            && self.tensors == other.tensors
            && self.updates == other.updates
    }
}

fn rewired(config: &TrainConfig, threads: usize) -> Outcome {
    rewired_on(Isa::detect(), config, threads)
}

fn rewired_on(isa: Isa, config: &TrainConfig, threads: usize) -> Outcome {
    let data = common::mnist(1280, 64);
    let executor = Executor::new(isa, threads).unwrap();
    let mut trainer = Trainer::with_executor(config.clone(), &data, executor).unwrap();
    let mut updates = Vec::new();
    for _ in 0..config.epochs {
        let mut of_epoch = Vec::new();
        trainer.run_epoch(|step| of_epoch.extend(step.update)).unwrap();
        updates.extend(of_epoch);
    }
    updates.iter_mut().for_each(|update| update.seconds = 0.0);
    let layers = trainer.model().layers();
    let optimizer = trainer.optimizer();
    let params = layers.iter().map(|layer| layer.params.clone());
    let ages = optimizer.ages.iter().flat_map(|ages| &ages.counts);
    let moments = optimizer.m.iter().chain(&optimizer.v).chain(ages).cloned();
    Outcome {
        patterns: layers.iter().map(|layer| (*layer.connections().0).clone()).collect(),
        tensors: params.chain(moments).collect(),
        updates,
    }
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
fn a_rewired_run_has_the_same_bits_on_any_level_with_fma() {
    let config = rewired_config(RewireMethod::Rigl, GrownState::Zero);
    let levels = Isa::available().into_iter().filter(|isa| isa.level() != Level::ScalarNoFma);
    let runs: Vec<Outcome> = levels.map(|isa| rewired_on(isa, &config, 1)).collect();
    assert!(runs.windows(2).all(|pair| pair[0] == pair[1]));
    if runs.len() < 2 {
        println!("skipped: a_rewired_run_has_the_same_bits_on_any_level_with_fma");
    }
}

#[test]
fn a_rewired_run_has_the_same_bits_on_any_threads_and_keeps_its_connections() {
    let static_run = rewired(&rewired_config(RewireMethod::Static, GrownState::Zero), 1);
    assert!(static_run.updates.is_empty());
    for method in [RewireMethod::Rigl, RewireMethod::SetRigl, RewireMethod::Set] {
        for state in [GrownState::Zero, GrownState::OwnStep, GrownState::Warm] {
            let config = rewired_config(method, state);
            let expected = rewired(&config, 1);
            for threads in [2, 3, 7] {
                assert!(rewired(&config, threads) == expected, "{method:?}, {threads} threads");
            }
            for (before, after) in static_run.patterns.iter().zip(&expected.patterns) {
                assert_eq!(before.nnz(), after.nnz());
            }
            // The hidden layers moved, the output layer cannot.
            for layer in 0..2 {
                assert!(static_run.patterns[layer] != expected.patterns[layer]);
            }
            // T_end is 15 of 20 steps; SET updates after the first of two epochs.
            let steps: Vec<u64> = expected.updates.iter().map(|update| update.update).collect();
            match method {
                RewireMethod::Set => assert_eq!(steps, [10]),
                _ => assert_eq!(steps, [3, 6, 9, 12]),
            }
        }
    }
}

#[test]
fn readings_have_the_same_bits_on_any_threads_and_keep_the_networks_connections() {
    let rigl = rewired_config(RewireMethod::Rigl, GrownState::Zero);
    let readings = [
        TrainConfig { rewire_scope: Scope::Network, ..rigl.clone() },
        TrainConfig { step_on_update: true, ..rigl.clone() },
        TrainConfig { rewire_fan_in_min: 9, ..rigl.clone() },
        TrainConfig { grow_from: Candidates::Absent, tie: TieOrder::Index, ..rigl.clone() },
        TrainConfig { grow_score: GrowScore::Masked, ..rigl.clone() },
    ];
    let plain = rewired(&rigl, 1);
    let nnz = |run: &Outcome| run.patterns.iter().map(CsrPattern::nnz).sum::<usize>();
    for config in readings {
        let expected = rewired(&config, 1);
        assert!(expected != plain, "a reading that changes nothing: {config:?}");
        assert!(rewired(&config, 3) == expected, "{config:?}");
        assert_eq!(nnz(&expected), nnz(&plain), "{config:?}");
    }
}

#[test]
fn no_neuron_falls_below_the_least_fan_in() {
    let config = TrainConfig {
        rewire_fan_in_min: 8,
        sparsity: 0.85,
        ..rewired_config(RewireMethod::Rigl, GrownState::Zero)
    };
    let least = |config: &TrainConfig| rewired(config, 2).patterns[1].fan_in().min().unwrap();
    assert!(least(&config) >= 8);
    let unbounded = TrainConfig { rewire_fan_in_min: 0, ..config };
    assert!(least(&unbounded) < 8, "the bound must bind");
}

#[test]
fn own_steps_change_nothing_where_nothing_is_grown() {
    let config =
        |state| TrainConfig { drop_fraction: 0.0, ..rewired_config(RewireMethod::Rigl, state) };
    let (zero, own) =
        (rewired(&config(GrownState::Zero), 2), rewired(&config(GrownState::OwnStep), 2));
    // Every connection is as old as the run: parameters and moments agree to the bit.
    assert!(own.tensors[..zero.tensors.len()] == zero.tensors[..]);
}

#[test]
fn a_drop_fraction_of_zero_leaves_all_connections() {
    let rigl =
        TrainConfig { drop_fraction: 0.0, ..rewired_config(RewireMethod::Rigl, GrownState::Zero) };
    let still = rewired_config(RewireMethod::Static, GrownState::Zero);
    assert!(rewired(&rigl, 1).patterns == rewired(&still, 1).patterns);
}

#[test]
fn updates_tell_what_became_of_the_connections() {
    let config = rewired_config(RewireMethod::SetRigl, GrownState::Zero);
    let first = rewired(&TrainConfig { epochs: 0, ..config.clone() }, 1).patterns;
    let run = rewired(&config, 1);
    let last = run.updates.last().unwrap();
    let mut ever_before = 0.2;
    for update in &run.updates {
        let told = &update.layers[0];
        assert!(told.ever_active >= ever_before && told.ever_active < 1.0);
        ever_before = told.ever_active;
        assert_eq!(told.fan_in_histogram.iter().map(|(_, neurons)| neurons).sum::<usize>(), 60);
        let kept = told.nnz - (told.dropped - told.returned);
        assert_eq!(told.overlap_previous, kept as f64 / told.nnz as f64);
        assert!(told.gradient_ratio.is_some());
        let ccvs: f64 = update.layers.iter().map(|layer| layer.ccv).sum();
        assert_eq!(update.ccv, ccvs / 2.0);
    }
    for (layer, told) in last.layers.iter().enumerate() {
        let (first, now) = (&first[layer], &run.patterns[layer]);
        let first_set: HashSet<usize> = first.positions().collect();
        let both = now.positions().filter(|at| first_set.contains(at)).count();
        assert_eq!(told.overlap_first, both as f64 / first.nnz() as f64);
        assert_eq!(told.dead_neurons, now.fan_in().filter(|&n| n == 0).count());
        let inputs: HashSet<u32> = now.col_idx().iter().copied().collect();
        assert_eq!(told.dead_inputs, now.cols() - inputs.len());
    }
}

#[test]
fn masked_and_sparse_engines_choose_the_same_connections() {
    let sparse = rewired_config(RewireMethod::SetRigl, GrownState::Zero);
    let masked = TrainConfig { engine: Engine::Masked, ..sparse.clone() };
    let (sparse, masked) = (rewired(&sparse, 1).patterns, rewired(&masked, 1).patterns);
    // Weights differ by rounding, so a few of the smallest may change places.
    let common = sparse[0].common(&masked[0]) as f64 / sparse[0].nnz() as f64;
    assert!(common > 0.98, "{common}");
}

#[test]
fn readings_without_a_meaning_are_refused() {
    let refused = |config: TrainConfig| config.validate().unwrap_err().to_string();
    let with = |rewire| TrainConfig { rewire, ..TrainConfig::default() };
    let network = TrainConfig { rewire_scope: Scope::Network, ..with(RewireMethod::SetRigl) };
    assert!(refused(network).contains("--rewire-scope"));
    let tie = TrainConfig { tie: TieOrder::Index, ..with(RewireMethod::Set) };
    assert!(refused(tie).contains("--tie"));
    let masked = TrainConfig {
        rewire_scope: Scope::Network,
        engine: Engine::Masked,
        ..with(RewireMethod::Rigl)
    };
    assert!(refused(masked).contains("sparse engine"));
    let dense = TrainConfig { engine: Engine::Dense, ..with(RewireMethod::Rigl) };
    let problem = Trainer::new(dense, &common::mnist(128, 64)).err().unwrap().to_string();
    assert!(problem.contains("nothing to change"), "{problem}");
    let start = TrainConfig { init_ccv: InitCcv::Equilibrium, ..with(RewireMethod::Static) };
    assert!(refused(start).contains("--init-ccv"));
}
