//! Methods that prune, in whole runs: against chains of trainings by an independent code, exact
//! budgets, bits on any threads, checkpoints.

mod common;

use fanin::dataset::{Dataset, Normalize, Samples, Values};
use fanin::format::npz::read_first_of;
use fanin::grammar;
use fanin::method::Method;
use fanin::nn::storage::Sparse;
use fanin::nn::{Engine, Head, Layer, Mlp, Place, Targets};
use fanin::sparse::CsrPattern;
use fanin::topology::Allocation;
use fanin::train::{OwnParts, TrainConfig, Trainer, checkpoint};
use fanin_kernels::Isa;
use std::fs::File;
use std::path::Path;

/// An array of an oracle, in C order.
fn oracle(file: &str, name: &str) -> Vec<f64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles");
    let file = File::open(folder.join(format!("{file}.npz"))).unwrap();
    let (_, array) = read_first_of(file, &[name]).unwrap().unwrap_or_else(|| panic!("no {name}"));
    array.numbers(name).unwrap()
}

fn single(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|x| x as f32).collect()
}

const SIZES: [usize; 4] = [12, 10, 8, 4];
const STEPS: usize = 150;

/// The network 12-10-8-4 with LayerNorm of an oracle, and its 32 samples.
fn net(file: &str, case: &str) -> (Mlp, Dataset) {
    let first = Place::first(Isa::detect());
    let layer = |l: usize| {
        let of = |array: &str| single(oracle(file, &format!("{case}_{array}{l}")));
        let normed = |array| if l < 2 { of(array) } else { vec![] };
        let pattern = CsrPattern::full(SIZES[l + 1], SIZES[l]);
        let head = Head { bias: of("b"), gamma: normed("gamma"), beta: normed("beta") };
        Layer::new(Sparse.store(pattern, of("w"), first.of_layer(l)), head)
    };
    let x = single(oracle(file, &format!("{case}_x")));
    let labels = oracle(file, &format!("{case}_y")).into_iter().map(|y| y as u16).collect();
    let targets = Targets::Classes { labels, classes: SIZES[3] };
    let samples = Samples::with_targets(SIZES[0], Values::Floats(x), targets).unwrap();
    (
        Mlp::from_layers((0..3).map(layer).collect()),
        Dataset::new(samples.clone(), samples, Normalize::None),
    )
}

/// Full-batch gradient descent, each training of so many steps.
fn chain(method: &str, sparsities: [f64; 2]) -> TrainConfig {
    TrainConfig {
        hidden: SIZES[1..3].to_vec(),
        allocation: Allocation::List(sparsities.to_vec()),
        method: method.parse().unwrap(),
        optimizer: "sgd:momentum=0".parse().unwrap(),
        lr: 0.2,
        batch: 32,
        epochs: STEPS,
        threads: 1,
        ..TrainConfig::default()
    }
}

/// The dense weights of all layers, one after the other, and biases, γ and β likewise.
fn parameters(model: &Mlp) -> (Vec<f32>, Vec<f32>) {
    let weights = model.layers().iter().flat_map(|layer| {
        let (pattern, weights) = layer.connections();
        pattern.scatter(&weights)
    });
    let heads = || model.layers().iter().map(Layer::head);
    let biases = heads().flat_map(|head| head.bias.clone());
    let norms = heads().flat_map(|head| [head.gamma.clone(), head.beta.clone()].concat());
    (weights.collect(), biases.chain(norms).collect())
}

fn kept(model: &Mlp) -> Vec<bool> {
    let of_layer = |layer: &Layer| {
        let pattern = layer.storage().connections();
        let mut kept = vec![false; pattern.rows() * pattern.cols()];
        pattern.positions().for_each(|at| kept[at] = true);
        kept
    };
    model.layers().iter().flat_map(of_layer).collect()
}

#[test]
fn chains_of_trainings_are_the_oracles() {
    // Budgets that end where the oracle's do.
    for (file, array, method, sparsities) in [
        ("magnitude", "retrain_norm_iter_layer", "magnitude:rounds=3", [0.9, 0.9]),
        ("magnitude", "retrain_norm_iter_global", "magnitude:rounds=3,scope=network", [0.9, 0.9]),
        ("lottery", "norm_hidden", "lottery:rounds=3", [1.0 - 62.0 / 120.0, 1.0 - 41.0 / 80.0]),
        // Set back to step 15: 135 remain.
        (
            "lottery",
            "norm_late",
            "lottery:rounds=3,rewind=15",
            [1.0 - 62.0 / 120.0, 1.0 - 41.0 / 80.0],
        ),
    ] {
        let case = if file == "magnitude" { "retrain_norm" } else { "norm" };
        let (model, data) = net(file, case);
        let own = OwnParts { model: Some(model), ..OwnParts::default() };
        let mut trainer = Trainer::from_parts(chain(method, sparsities), data, own).unwrap();
        let of = |name: &str| oracle(file, &format!("{array}_{name}"));
        let (masks, weights, others, losses) =
            (of("keep"), of("weights"), of("others"), of("loss"));
        let (per_mask, per_others) = (masks.len() / 4, others.len() / 4);
        for round in 0..4 {
            let at = format!("{array}, round {round}");
            let mut first_loss = None;
            let steps = if array == "norm_late" && round > 0 { STEPS - 15 } else { STEPS };
            for _ in 0..steps {
                let loss = trainer.run_epoch(|_| {}).unwrap().loss;
                first_loss.get_or_insert(loss);
            }
            // The loss of the batch before its step: so of what was pruned, or set back, alone.
            assert!((first_loss.unwrap() - losses[2 * round]).abs() < 1e-4, "{at}");
            let expected: Vec<bool> =
                masks[round * per_mask..][..per_mask].iter().map(|x| *x != 0.0).collect();
            assert!(kept(trainer.model()) == expected, "{at}");
            let (found, found_others) = parameters(trainer.model());
            let near = |found: &[f32], expected: &[f64]| {
                assert_eq!(found.len(), expected.len(), "{at}");
                for (found, expected) in found.iter().zip(expected) {
                    assert!(
                        (f64::from(*found) - expected).abs() < 1e-4,
                        "{at}: {found}, {expected}"
                    );
                }
            };
            near(&found, &weights[round * per_mask..][..per_mask]);
            near(&found_others, &others[round * per_others..][..per_others]);
        }
        assert!(trainer.is_finished());
    }
}

/// Every method that begins with other connections than are asked for.
const METHODS: [&str; 12] = [
    "snip",
    "snip:scope=layer,weights=rescaled",
    "grasp",
    "synflow",
    "magnitude:rounds=2",
    "magnitude:saliency=obd,samples=70",
    "gmp:every=3",
    "gmp:every=5,saliency=obd,samples=20,shape=sigmoid",
    "gmp:every=3,return",
    "lottery:rounds=2",
    "lottery:rounds=2,control=random,rewind=2",
    "chtss:every=3",
];

fn config(method: &str, threads: usize) -> TrainConfig {
    let method = method.parse().unwrap();
    TrainConfig { hidden: vec![60, 40], method, epochs: 2, threads, ..TrainConfig::default() }
}

fn trained(method: &str, threads: usize) -> Trainer {
    let mut trainer = Trainer::new(config(method, threads), common::mnist(640, 64)).unwrap();
    while !trainer.is_finished() {
        trainer.run_epoch(|_| {}).unwrap();
    }
    trainer
}

#[test]
fn budgets_are_exact_and_bits_do_not_depend_on_threads() {
    for method in METHODS {
        let [one, three] = [1, 3].map(|threads| trained(method, threads));
        assert!(parameters(one.model()) == parameters(three.model()), "{method}");
        let nnz: usize = one.model().layers()[..2].iter().map(Layer::nnz).sum();
        let budgets =
            [784 * 60, 60 * 40].map(|positions| (positions as f64 * 0.1).round() as usize);
        assert_eq!(nnz, budgets.iter().sum::<usize>(), "{method}");
        assert_eq!(one.model().layers()[2].nnz(), 400, "{method}");
    }
}

#[test]
fn a_checkpoint_in_the_middle_changes_nothing() {
    let data = common::mnist(640, 64);
    for method in METHODS {
        let whole = trained(method, 2);
        let mut first = Trainer::new(config(method, 1), data.clone()).unwrap();
        // One step into the second half of the run.
        let steps = first.epochs() * first.steps_per_epoch() / 2 + 1;
        (0..steps).for_each(|_| drop(first.step().unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        checkpoint::write(&path, &first).unwrap();
        let mut second = Trainer::new(config(method, 3), data.clone()).unwrap();
        checkpoint::restore(&path, &mut second).unwrap();
        while !second.is_finished() {
            second.run_epoch(|_| {}).unwrap();
        }
        assert!(parameters(second.model()) == parameters(whole.model()), "{method}");
    }
}

#[test]
fn what_contradicts_is_refused() {
    type Change = fn(&mut TrainConfig);
    let refusal = |change: Change| {
        let mut config = config("snip", 1);
        change(&mut config);
        Trainer::new(config, common::mnist(128, 64)).err().map(|error| error.to_string())
    };
    let of_topology = "this `method` begins with every connection";
    let cases: [(Change, &str); 7] = [
        (|config| config.profile = "linear".parse().unwrap(), of_topology),
        (|config| config.generator = Some("er".parse().unwrap()), of_topology),
        (|config| config.sparse_output = true, of_topology),
        (
            |config| config.method = "gmp:from=0.95".parse().unwrap(),
            "a `method` that begins with sparsity 0.95 cannot end with",
        ),
        (|config| config.share = 4, "this `method` decides over single connections"),
        (|config| config.sparsity = 0.0, "no hidden layer lacks connections"),
        (|config| config.engine = "dense".parse().unwrap(), "no hidden layer lacks connections"),
    ];
    for (change, message) in cases {
        let error = refusal(change).expect("it is refused");
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(refusal(|_| {}), None);
    let turned = grammar::make::<Box<dyn Method>>("gmp:begin=0.9,end=0.1").unwrap_err();
    assert_eq!(
        turned.to_string(),
        "'gmp:begin=0.9,end=0.1': end must be no less than begin, not '0.1'"
    );
}

#[test]
fn a_training_that_is_set_back_within_an_epoch_has_the_rest_of_it() {
    // Epochs of 5 steps: the second training begins behind step 7, with the last three of epoch 2.
    let data = common::mnist(320, 64);
    let config = |method: &str, epochs| TrainConfig {
        hidden: vec![20],
        sparsity: 0.5,
        method: method.parse().unwrap(),
        batch: 64,
        epochs,
        ..TrainConfig::default()
    };
    let text = "lottery:rounds=1,rewind=7";
    let mut trainer = Trainer::new(config(text, 3), data.clone()).unwrap();
    assert_eq!(trainer.epochs(), 5);
    let mut steps = Vec::new();
    while !trainer.is_finished() {
        let mut of_epoch = 0;
        let epoch = trainer.run_epoch(|_| of_epoch += 1).unwrap();
        // Each epoch's accuracy is of the samples it had.
        let samples = epoch.value("accuracy") * 64.0 * f64::from(of_epoch);
        assert!((samples - samples.round()).abs() < 1e-6, "{samples}");
        steps.push(of_epoch);
    }
    assert_eq!(steps, [5, 5, 5, 3, 5]);
    let refused = Trainer::new(config("lottery:rewind=15", 3), data).err().unwrap();
    let error = refused.to_string();
    assert!(error.contains("step 15, and a training ends with step 15"), "{error}");
}

#[test]
fn a_quality_keeps_what_is_far_from_0_whatever_the_sparsity() {
    let kept = |method: &str| -> Vec<f64> {
        let trainer = trained(method, 1);
        let hidden = &trainer.model().layers()[..trainer.model().layers().len() - 1];
        hidden.iter().map(|layer| layer.storage().density()).collect()
    };
    // Of a normal distribution 31.7 % are beyond one deviation; the trained one is near it.
    let once = kept("magnitude:quality=1");
    assert!(once.iter().all(|share| (0.2..0.45).contains(share)), "{once:?}");
    let twice = kept("magnitude:quality=1,rounds=2");
    assert!(twice.iter().zip(&once).all(|(twice, once)| twice < once), "{twice:?} {once:?}");
}
