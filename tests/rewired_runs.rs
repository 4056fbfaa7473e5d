//! Runs that rewire: the same bits whoever computes them, and what is told of them.

mod common;

use fanin::method::Method;
use fanin::nn::LayerTensors;
use fanin::parallel::Executor;
use fanin::sparse::CsrPattern;
use fanin::train::{Error, InitCcv, OwnParts, TrainConfig, Trainer, UpdateMetrics};
use fanin_kernels::{Isa, Level};
use std::collections::HashSet;

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
    let executor = Some(Executor::new(isa, threads).unwrap());
    let own = OwnParts { executor, ..OwnParts::default() };
    let mut trainer = Trainer::from_parts(config.clone(), data, own).unwrap();
    let mut updates = Vec::new();
    for _ in 0..config.epochs {
        let mut of_epoch = Vec::new();
        trainer.run_epoch(|step| of_epoch.extend(step.updates)).unwrap();
        updates.extend(of_epoch);
    }
    updates.iter_mut().for_each(|update| update.seconds = 0.0);
    let layers = trainer.model().layers();
    let slots = trainer.optimizer().slots().flat_map(|(_, tensors)| layers.iter().zip(tensors));
    let slots = slots.map(|(layer, tensors)| layer.to_portable(tensors));
    Outcome {
        patterns: layers.iter().map(|layer| (*layer.connections().0).clone()).collect(),
        tensors: layers.iter().map(|l| l.to_portable(&l.tensors())).chain(slots).collect(),
        updates,
    }
}

/// A method by its name and parameters besides the steps between its updates.
fn rewired_config(method: &str) -> TrainConfig {
    let separator = if method.contains(':') { "," } else { ":" };
    let method = match method {
        "static" | "set" => method.to_string(),
        of_rigl => format!("{of_rigl}{separator}every=3"),
    };
    let method = method.parse().unwrap();
    TrainConfig { hidden: vec![60, 50], sparsity: 0.8, method, epochs: 2, ..TrainConfig::default() }
}

fn with_state(config: TrainConfig, state: &str) -> TrainConfig {
    TrainConfig { optimizer: format!("adam:grown={state}").parse().unwrap(), ..config }
}

#[test]
fn a_rewired_run_has_the_same_bits_on_any_level_with_fma() {
    let config = rewired_config("rigl");
    let levels = Isa::available().into_iter().filter(|isa| isa.level() != Level::ScalarNoFma);
    let runs: Vec<Outcome> = levels.map(|isa| rewired_on(isa, &config, 1)).collect();
    assert!(runs.windows(2).all(|pair| pair[0] == pair[1]));
    if runs.len() < 2 {
        println!("skipped: a_rewired_run_has_the_same_bits_on_any_level_with_fma");
    }
}

#[test]
fn a_rewired_run_has_the_same_bits_on_any_threads_and_keeps_its_connections() {
    let static_run = rewired(&rewired_config("static"), 1);
    assert!(static_run.updates.is_empty());
    for method in ["rigl", "set-rigl", "set"] {
        for state in ["zero", "own-step", "warm"] {
            let config = with_state(rewired_config(method), state);
            let expected = rewired(&config, 1);
            for threads in [2, 3, 7] {
                assert!(
                    rewired(&config, threads) == expected,
                    "{method}, {state}, {threads} threads"
                );
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
                "set" => assert_eq!(steps, [10]),
                _ => assert_eq!(steps, [3, 6, 9, 12]),
            }
        }
    }
}

#[test]
fn variants_have_the_same_bits_on_any_threads_and_keep_the_networks_connections() {
    let variants = [
        "rigl:scope=network",
        "rigl:step",
        "rigl:fan-in-min=9",
        "rigl:from=absent,tie=index",
        "rigl:score=masked",
    ];
    let plain = rewired(&rewired_config("rigl"), 1);
    let nnz = |run: &Outcome| run.patterns.iter().map(CsrPattern::nnz).sum::<usize>();
    for variant in variants {
        let config = rewired_config(variant);
        let expected = rewired(&config, 1);
        assert!(expected != plain, "a variant that changes nothing: {variant}");
        assert!(rewired(&config, 3) == expected, "{variant}");
        assert_eq!(nnz(&expected), nnz(&plain), "{variant}");
    }
}

#[test]
fn no_neuron_falls_below_the_least_fan_in() {
    let least = |method: &str| {
        let config = TrainConfig { sparsity: 0.85, ..rewired_config(method) };
        rewired(&config, 2).patterns[1].fan_in().min().unwrap()
    };
    assert!(least("rigl:fan-in-min=8") >= 8);
    assert!(least("rigl") < 8, "the bound must bind");
}

#[test]
fn own_steps_change_nothing_where_nothing_is_grown() {
    let run = |state: &str| rewired(&with_state(rewired_config("rigl:drop=0"), state), 2);
    let (zero, own) = (run("zero"), run("own-step"));
    // Every connection is as old as the run: parameters and moments agree to the bit.
    assert!(own.tensors[..zero.tensors.len()] == zero.tensors[..]);
}

#[test]
fn a_drop_fraction_of_zero_leaves_all_connections() {
    let (rigl, still) = (rewired_config("rigl:drop=0"), rewired_config("static"));
    assert!(rewired(&rigl, 1).patterns == rewired(&still, 1).patterns);
}

#[test]
fn gradients_follow_their_connections() {
    let config = TrainConfig { threads: 1, ..rewired_config("rigl") };
    let mut trainer = Trainer::new(config, common::mnist(1280, 64)).unwrap();
    (0..2).for_each(|_| drop(trainer.step().unwrap()));
    let before = trainer.model().clone();
    assert_eq!(trainer.step().unwrap().updates.len(), 1);
    for (layer, gradient) in trainer.model().layers()[..2].iter().zip(trainer.gradients()) {
        assert_eq!(gradient.weight.len(), layer.nnz());
    }
    // Those of the batch at the weights from before the update, where connections stayed.
    let position = trainer.position();
    let (old, new) = (&before.layers()[0], &trainer.model().layers()[0]);
    assert!(old.connections().0 != new.connections().0 && position.samples == 3 * 128);
    let came: HashSet<usize> = {
        let old: HashSet<usize> = old.connections().0.positions().collect();
        new.connections().0.positions().filter(|at| !old.contains(at)).collect()
    };
    let now = new.connections().0;
    let gradient = new.storage().to_csr(&trainer.gradients()[0].weight);
    let of_new = now.positions().zip(&*gradient);
    let (grown, stayed): (Vec<_>, Vec<_>) = of_new.partition(|(at, _)| came.contains(at));
    let least = grown.iter().map(|(_, g)| g.abs()).fold(f32::MAX, f32::min);
    let mean = stayed.iter().map(|(_, g)| g.abs()).sum::<f32>() / stayed.len() as f32;
    // RigL grew where the gradient is largest: in the old order this would be chance.
    assert!(least > mean, "{least} of grown ones, {mean} of the others");
}

#[test]
fn updates_tell_what_became_of_the_connections() {
    let config = rewired_config("set-rigl");
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
    let sparse = rewired_config("set-rigl");
    let masked = TrainConfig { engine: "masked".parse().unwrap(), ..sparse.clone() };
    let (sparse, masked) = (rewired(&sparse, 1).patterns, rewired(&masked, 1).patterns);
    // Weights differ by rounding, so a few of the smallest may change places.
    let common = sparse[0].common(&masked[0]) as f64 / sparse[0].nnz() as f64;
    assert!(common > 0.98, "{common}");
}

#[test]
fn what_has_no_meaning_is_refused() {
    let refused = |method: &str| method.parse::<fanin::grammar::Choice<Box<dyn Method>>>().is_err();
    assert!(refused("set-rigl:scope=network") && refused("set:tie=index"));
    let with = |method: &str, engine: &str| TrainConfig {
        method: method.parse().unwrap(),
        engine: engine.parse().unwrap(),
        ..TrainConfig::default()
    };
    let dense = Trainer::new(with("rigl", "dense"), common::mnist(128, 64)).err();
    assert!(matches!(dense, Some(Error::NothingToRewire)), "{dense:?}");
    let start = TrainConfig { init_ccv: InitCcv::Equilibrium, ..with("static", "sparse") };
    assert!(matches!(start.validate(), Err(Error::NoEquilibrium)));
}
