//! Model and checkpoint files: whole they come back as they were, damaged they are typed errors.

mod common;

use fanin::dataset::Dataset;
use fanin::format::safetensors::{Tensor, TensorFile};
use fanin::format::{self, FileProblem};
use fanin::model::{Classification, Error, Meaning, ModelFile, ModelProblem, Predictor};
use fanin::parallel::Executor;
use fanin::train::{RunConfig, TrainConfig, Trainer, checkpoint};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A small trained run with its two files.
struct Run {
    dir: TempDir,
    data: Arc<Dataset>,
    config: RunConfig,
}

impl Run {
    fn new(engine: &str) -> Run {
        let engine = engine.parse().unwrap();
        let train =
            TrainConfig { hidden: vec![12, 7], engine, threads: 1, ..TrainConfig::default() };
        let run = Run {
            dir: TempDir::new().unwrap(),
            data: common::mnist(300, 70),
            config: RunConfig { train, ..RunConfig::default() },
        };
        let mut trainer = run.trainer();
        for _ in 0..4 {
            trainer.step().unwrap();
        }
        checkpoint::write(&run.checkpoint(), &trainer).unwrap();
        let meaning = Meaning::of(&run.data, run.config.to_portable_toml());
        ModelFile::write(&run.model(), trainer.model(), &meaning).unwrap();
        run
    }

    fn trainer(&self) -> Trainer {
        Trainer::new(self.config.train.clone(), self.data.clone()).unwrap()
    }

    fn model(&self) -> PathBuf {
        self.dir.path().join("model.safetensors")
    }

    fn checkpoint(&self) -> PathBuf {
        self.dir.path().join("checkpoint.safetensors")
    }

    fn read_model(&self) -> Result<(), Error> {
        ModelFile::read(&self.model()).map(drop)
    }

    fn read_checkpoint(&self) -> Result<(), Error> {
        checkpoint::restore(&self.checkpoint(), &mut self.trainer())
    }
}

/// The problem of a file error; anything else is a failure.
fn problem(result: Result<(), Error>) -> ModelProblem {
    match result {
        Err(Error::Content { problem, .. }) => problem,
        Err(Error::Format(format::Error::File { problem, .. })) => problem.into(),
        other => panic!("a file error was expected, not {other:?}"),
    }
}

const ENGINES: [&str; 3] = ["sparse", "dense", "masked"];

fn tensors(trainer: &Trainer) -> Vec<fanin::nn::LayerTensors> {
    trainer.model().layers().iter().map(fanin::nn::Layer::tensors).collect()
}

#[test]
fn a_checkpoint_brings_back_every_bit_on_every_engine() {
    for engine in ENGINES {
        let run = Run::new(engine);
        let (mut straight, mut resumed) = (run.trainer(), run.trainer());
        for _ in 0..9 {
            straight.step().unwrap();
        }
        checkpoint::restore(&run.checkpoint(), &mut resumed).unwrap();
        for _ in 4..9 {
            resumed.step().unwrap();
        }
        assert_eq!(straight.position(), resumed.position());
        assert!(tensors(&straight) == tensors(&resumed), "{engine}");
        let slots = straight.optimizer().slots().zip(resumed.optimizer().slots());
        slots.for_each(|(a, b)| assert!(a == b, "{engine}, {}", a.0));
    }
}

#[test]
fn a_checkpoint_of_a_rewired_run_brings_back_every_bit() {
    for engine in ["sparse", "masked"] {
        let mut run = Run::new(engine);
        run.config.train.method = "rigl:every=2".parse().unwrap();
        let mut straight = run.trainer();
        for _ in 0..5 {
            straight.step().unwrap();
        }
        checkpoint::write(&run.checkpoint(), &straight).unwrap();
        let mut resumed = run.trainer();
        checkpoint::restore(&run.checkpoint(), &mut resumed).unwrap();
        for _ in 5..12 {
            straight.step().unwrap();
            resumed.step().unwrap();
        }
        for (a, b) in straight.model().layers().iter().zip(resumed.model().layers()) {
            assert!(a.connections() == b.connections(), "{engine}");
        }
        assert!(tensors(&straight) == tensors(&resumed), "{engine}");
        let slots = straight.optimizer().slots().zip(resumed.optimizer().slots());
        slots.for_each(|(a, b)| assert!(a == b, "{engine}, {}", a.0));
    }
}

#[test]
fn a_model_file_predicts_as_the_model_did() {
    for engine in ENGINES {
        let run = Run::new(engine);
        let mut trainer = run.trainer();
        checkpoint::restore(&run.checkpoint(), &mut trainer).unwrap();
        let expected = trainer.evaluate(&run.data.test).unwrap();
        let file = ModelFile::read(&run.model()).unwrap();
        assert_eq!(file.meaning.scaling, run.data.scaling);
        let portable = TrainConfig { threads: 0, ..run.config.train.clone() };
        assert_eq!(RunConfig::from_toml(&file.meaning.settings).unwrap().train, portable);
        let executor = Executor::new(fanin_kernels::Isa::detect(), 2).unwrap();
        let mut predictor = Predictor::new(executor, file);
        let probabilities = predictor.samples(&run.data.test);
        let labels = run.data.test.labels();
        let result = Classification::of(&probabilities, labels, 10);
        assert_eq!(Some(result.accuracy), expected.accuracy(), "{engine}");
        assert!((result.log_loss - expected.loss).abs() < 1e-5, "{engine}");
    }
}

#[test]
fn files_cut_anywhere_are_errors() {
    let run = Run::new("sparse");
    for (path, read) in [
        (run.model(), &(|| run.read_model()) as &dyn Fn() -> Result<(), Error>),
        (run.checkpoint(), &|| run.read_checkpoint()),
    ] {
        let whole = fs::read(&path).unwrap();
        for cut in 0..50 {
            fs::write(&path, &whole[..whole.len() * cut / 50]).unwrap();
            let problem = problem(read());
            let is_cut = matches!(problem, ModelProblem::Tensor(FileProblem::FileLength { .. }));
            assert!(is_cut, "cut {cut}: {problem}");
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(read().is_err());
        fs::write(&path, &whole).unwrap();
        read().unwrap();
    }
}

#[test]
fn a_flipped_bit_anywhere_is_an_error() {
    let run = Run::new("sparse");
    let mut rng = Pcg64::seed_from_u64(5);
    for (path, read) in [
        (run.model(), &(|| run.read_model()) as &dyn Fn() -> Result<(), Error>),
        (run.checkpoint(), &|| run.read_checkpoint()),
    ] {
        let whole = fs::read(&path).unwrap();
        // Every bit of the first bytes, where the header is, and random ones in the rest.
        let first = (0..8 * 400).map(|bit| (bit / 8, bit % 8));
        let random: Vec<_> =
            (0..600).map(|_| (rng.random_range(0..whole.len()), rng.random_range(0..8))).collect();
        for (byte, bit) in first.chain(random) {
            let mut damaged = whole.clone();
            damaged[byte] ^= 1 << bit;
            fs::write(&path, &damaged).unwrap();
            problem(read());
        }
    }
}

/// Changes a file's content and writes it back with a right digest.
fn edit(path: &Path, change: impl FnOnce(&mut TensorFile)) {
    let mut file = TensorFile::read(path).unwrap();
    change(&mut file);
    file.write(path).unwrap();
}

#[test]
fn wrong_tensors_are_errors_by_name() {
    let edit_model = |change: &dyn Fn(&mut TensorFile)| {
        let run = Run::new("sparse");
        edit(&run.model(), change);
        problem(run.read_model())
    };
    let float = |n: usize| Tensor::F32(vec![n], vec![0.0; n]);
    let set = |name: &'static str, tensor: Tensor| {
        edit_model(&move |file| {
            file.tensors.insert(name.into(), tensor.clone());
        })
    };
    let missing = edit_model(&|file| drop(file.tensors.remove("layers.1.bias")));
    assert_eq!(missing, ModelProblem::Tensor(FileProblem::Missing("layers.1.bias".into())));
    let shape = set("layers.1.norm.gamma", float(8));
    assert!(matches!(shape, ModelProblem::Tensor(FileProblem::Shape { .. })), "{shape}");
    let shape = set("layers.2.weight", Tensor::F32(vec![10, 6], vec![0.0; 60]));
    assert!(matches!(shape, ModelProblem::Tensor(FileProblem::Shape { .. })), "{shape}");
    let dtype = set("layers.1.bias", Tensor::I32(vec![7], vec![0; 7]));
    assert_eq!(
        dtype,
        ModelProblem::Tensor(FileProblem::Dtype("layers.1.bias".into(), "I32".into()))
    );
    let dtype = set("layers.0.weight.col_idx", float(3));
    assert!(matches!(dtype, ModelProblem::Tensor(FileProblem::Dtype(..))), "{dtype}");
    let negative = set("layers.0.weight.row_ptr", Tensor::I32(vec![13], vec![-1; 13]));
    assert!(matches!(negative, ModelProblem::Tensor(FileProblem::NotIndex(_))), "{negative}");
    let pattern = set("layers.0.weight.row_ptr", Tensor::I32(vec![13], vec![0; 13]));
    assert!(matches!(pattern, ModelProblem::Pattern { layer: 0, .. }), "{pattern}");
    let wide = edit_model(&|file| {
        file.metadata.insert("in_features".into(), "3".into());
    });
    assert!(matches!(wide, ModelProblem::Pattern { .. }), "{wide}");
    let metadata = edit_model(&|file| {
        file.metadata.insert("schema".into(), "{".into());
    });
    assert!(matches!(metadata, ModelProblem::Metadata { key: "schema", .. }), "{metadata}");
    // Settings are text: those of another version do not keep a model from being asked.
    let settings = || {
        let run = Run::new("sparse");
        edit(&run.model(), |file| {
            file.metadata.insert("settings".into(), "a-setting-of-tomorrow = 3".into());
        });
        ModelFile::read(&run.model()).unwrap().meaning.settings
    };
    assert_eq!(settings(), "a-setting-of-tomorrow = 3");
}

#[test]
fn other_files_are_not_models_or_checkpoints() {
    let run = Run::new("sparse");
    fs::copy(run.checkpoint(), run.model()).unwrap();
    assert!(matches!(problem(run.read_model()), ModelProblem::Tensor(FileProblem::Kind { .. })));
    let tensors: Vec<(&str, safetensors::tensor::TensorView<'_>)> = vec![];
    fs::write(run.model(), safetensors::serialize(tensors, None).unwrap()).unwrap();
    assert_eq!(problem(run.read_model()), ModelProblem::Tensor(FileProblem::NoDigest));
    // A checkpoint of another network, or from beyond the epoch's end.
    let other = Run::new("sparse");
    let mut wider = run.config.clone();
    wider.train.hidden = vec![13, 7];
    let mut trainer = Trainer::new(wider.train.clone(), other.data.clone()).unwrap();
    let result = checkpoint::restore(&other.checkpoint(), &mut trainer);
    assert!(matches!(problem(result), ModelProblem::Tensor(FileProblem::Shape { .. })));
    edit(&other.checkpoint(), |file| {
        let position = file.metadata.get_mut("position").unwrap();
        *position = position.replace(r#""samples":128"#, r#""samples":300"#);
    });
    assert_eq!(problem(other.read_checkpoint()), ModelProblem::Position(300));
}

#[test]
fn a_models_bytes_do_not_depend_on_threads() {
    let bytes = |threads: usize| {
        let run = Run::new("sparse");
        let mut config = run.config.clone();
        config.train.threads = threads;
        let mut trainer = Trainer::new(config.train.clone(), run.data.clone()).unwrap();
        trainer.step().unwrap();
        let meaning = Meaning::of(&run.data, config.to_portable_toml());
        ModelFile::write(&run.model(), trainer.model(), &meaning).unwrap();
        fs::read(run.model()).unwrap()
    };
    assert!(bytes(1) == bytes(3));
}
