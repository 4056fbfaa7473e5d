//! Models and checkpoints whose digests are right and whose content is made up: every number in
//! them is checked before it is used.

mod common;
#[path = "common/files.rs"]
mod files;
#[path = "common/forge.rs"]
mod forge;

use fanin::dataset::{DataConfig, Dataset};
use fanin::format::safetensors::TensorFile;
use fanin::model::{Meaning, ModelFile, Predictor};
use fanin::parallel::Executor;
use fanin::train::{TrainConfig, Trainer, checkpoint};
use fanin_kernels::Isa;
use forge::forgeries_of;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// Writes every forgery, and lets `use_it` do what a user would; returns how many are refused and
/// how many are taken.
fn survives(path: &Path, good: &TensorFile, use_it: impl Fn() -> Result<(), String>) -> [usize; 2] {
    let (mut refused, mut taken) = (0, 0);
    for forgery in forgeries_of(good) {
        let what = &forgery.what;
        forgery.of(good).write(path).unwrap();
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(&use_it));
        assert!(started.elapsed() < Duration::from_secs(5), "{what} hangs");
        match result {
            Err(_) => panic!("{what} panics"),
            Ok(Err(_)) => refused += 1,
            Ok(Ok(())) => taken += 1,
        }
    }
    [refused, taken]
}

fn trained(config: &TrainConfig, data: &Arc<Dataset>) -> Trainer {
    let mut trainer = Trainer::new(config.clone(), Arc::clone(data)).unwrap();
    (0..3).for_each(|_| drop(trainer.step().unwrap()));
    trainer
}

fn configs() -> [TrainConfig; 4] {
    let base = TrainConfig { hidden: vec![12, 9], batch: 64, threads: 1, ..TrainConfig::default() };
    [
        TrainConfig { method: "rigl:every=2".parse().unwrap(), ..base.clone() },
        TrainConfig { method: "lottery:rounds=1".parse().unwrap(), epochs: 1, ..base.clone() },
        TrainConfig {
            method: "gmp:from=0.5,begin=0,every=1,return".parse().unwrap(),
            ..base.clone()
        },
        TrainConfig { mixture: Some("noisy-top-k:experts=3,top=2".parse().unwrap()), ..base },
    ]
}

/// A table with numbers, categories and names, of classes or of numbers.
fn table(dir: &Path, task: &str, label: &str) -> Arc<Dataset> {
    let path = dir.join("rows.csv");
    std::fs::write(&path, files::good_csv()).unwrap();
    let (train, label) = (Some(path), Some(label.to_string()));
    let task = serde_json::from_value(json!(task)).unwrap();
    Arc::new(DataConfig { train, label, task, ..DataConfig::default() }.load().unwrap())
}

/// 80 rows of which most is 0, three classes.
fn sparse_rows(dir: &Path) -> Arc<Dataset> {
    let row = |i: usize| format!("{} {}:1.5 {}:-2\n", i % 3, i % 3 + 1, i % 40 + 5);
    let path = dir.join("rows.svm");
    std::fs::write(&path, (0..100).map(row).collect::<String>()).unwrap();
    Arc::new(DataConfig { train: Some(path), ..DataConfig::default() }.load().unwrap())
}

#[test]
fn forged_models_are_refused_or_answer() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let small = |loss: &str| TrainConfig {
        hidden: vec![5],
        sparsity: 0.3,
        batch: 8,
        loss: loss.parse().unwrap(),
        threads: 1,
        ..TrainConfig::default()
    };
    let tables = [
        (small("cross-entropy"), table(dir.path(), "classification", "kind")),
        (small("mse"), table(dir.path(), "regression", "weight")),
        (small("cross-entropy"), sparse_rows(dir.path())),
    ];
    let images = configs().map(|config| (config, common::mnist(256, 64)));
    for (config, data) in images.into_iter().chain(tables) {
        let trainer = trained(&config, &data);
        ModelFile::write(&path, trainer.model(), &Meaning::of(&data, "seed = 1".into())).unwrap();
        let good = TensorFile::read(&path).unwrap();
        let [refused, taken] = survives(&path, &good, || {
            let file = ModelFile::read(&path).map_err(|error| error.to_string())?;
            let mut predictor = Predictor::new(Executor::new(Isa::detect(), 1).unwrap(), file);
            let row = vec![7.0f32; predictor.in_features()];
            // An answer of some numbers, finite or not.
            let answers = predictor.rows(&[&row[..], &row[..]].concat());
            predictor.values(&answers);
            match answers.len() == 2 * predictor.outputs() {
                true => Ok(()),
                false => Err("no answer".into()),
            }
        });
        assert!(refused > 200 && taken > 20, "{refused} refused, {taken} taken");
    }
}

#[test]
fn forged_checkpoints_are_refused_or_go_on() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    let [rigl, lottery, gmp, mixture] = configs();
    // The step behind the checkpoint has fewer samples than there is room for; ages are told apart.
    let optimizer = "adam:grown=own-step".parse().unwrap();
    let partial = TrainConfig { batch: 65, optimizer, ..mixture.clone() };
    let images = [rigl, lottery, gmp, mixture].map(|config| (config, common::mnist(256, 64)));
    for (config, data) in images.into_iter().chain([(partial, sparse_rows(dir.path()))]) {
        checkpoint::write(&path, &trained(&config, &data)).unwrap();
        let good = TensorFile::read(&path).unwrap();
        let [refused, taken] = survives(&path, &good, || {
            let mut trainer = Trainer::new(config.clone(), Arc::clone(&data)).unwrap();
            checkpoint::restore(&path, &mut trainer).map_err(|error| error.to_string())?;
            // Numbers that are no network's may diverge, with an error that says so.
            trainer.step().map(drop).map_err(|error| error.to_string())
        });
        assert!(refused > 150 && taken > 20, "{refused} refused, {taken} taken");
    }
}
