//! RigL against a reference with a dense mask, written independently, on real batches.

mod common;
#[path = "common/setting.rs"]
mod setting;

use fanin::method::Ties;
use fanin::optim::GrownState;
use fanin::random::{Purpose, stream};
use fanin::train::{TrainConfig, Trainer};
use fanin_kernels::TILE;
use rand::seq::SliceRandom;
use setting::{Setting, TIES, drop_one, grow, rewiring, setting, tiles_of};
use std::collections::HashSet;

/// Holds the dense f32 gradient against f64, within n·2⁻²⁴·Σ|terms|.
fn check_dense_gradient(setting: &Setting, gradient: &[f32]) {
    let cols = setting.pattern.cols();
    let terms = (setting.x.len() * TILE) as f64;
    for (at, &got) in gradient.iter().enumerate() {
        let (row, col) = (at / cols, at % cols);
        let (mut sum, mut sum_abs) = (0.0, 0.0);
        for (x, dy) in setting.x.iter().zip(&setting.dy) {
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
    fn of(trainer: &Trainer, layer: usize) -> Masked {
        let optimizer = trainer.optimizer();
        let (pattern, w) = trainer.model().layers()[layer].connections();
        let storage = trainer.model().layers()[layer].storage();
        let slot =
            |name: &str| optimizer.slot(name).map(|slot| storage.to_csr(&slot[layer].weight));
        Masked {
            mask: pattern.scatter(&vec![1.0; pattern.nnz()]).iter().map(|&x| x == 1.0).collect(),
            w: pattern.scatter(&w),
            m: pattern.scatter(&slot("m").unwrap()),
            v: pattern.scatter(&slot("v").unwrap()),
            age: pattern.scatter(&slot("age").unwrap_or(vec![0.0; pattern.nnz()].into())),
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
            method: "rigl:every=3,end=1".parse().unwrap(),
            optimizer: format!("adam:grown={state}").parse().unwrap(),
            epochs: 1,
            threads: 2,
            ..TrainConfig::default()
        };
        let (seed, every, steps) = (config.seed, 3, 16);
        let mut trainer = Trainer::new(config, data.clone()).unwrap();
        let mut order: Vec<u32> = (0..data.train.len() as u32).collect();
        order.shuffle(&mut stream(seed, Purpose::Shuffle, 0));
        let mut ages_seen = HashSet::new();
        for step in 1..=15 {
            if step % every != 0 {
                assert_eq!(trainer.step().unwrap().updates, []);
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
                check_dense_gradient(&setting, &gradient);
                let count = (fraction * setting.pattern.nnz() as f64).floor() as usize;
                let ties = Ties { step: step as u64, layer: layer as u64, seed, ..TIES };
                let (mask, dropped) = reference(&setting, &gradient, count, ties);
                let returned = dropped.iter().filter(|&&at| mask[at]).count();
                let mut masked = Masked::of(&trainer, layer);
                masked.update(mask, &gradient, state, corrections);
                expected.push((masked, count, returned));
            }
            let update = trainer.step().unwrap().updates.remove(0);
            assert_eq!((update.update, update.values["drop_fraction"]), (step as u64, fraction));
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
