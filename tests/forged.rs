//! Models and checkpoints whose digests are right and whose content is made up: every number in
//! them is checked before it is used.

mod common;
#[path = "common/files.rs"]
mod files;

use fanin::dataset::{DataConfig, Dataset};
use fanin::format::safetensors::TensorFile;
use fanin::model::{Meaning, ModelFile, Predictor};
use fanin::parallel::Executor;
use fanin::train::{TrainConfig, Trainer, checkpoint};
use fanin_kernels::Isa;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// What stands in the place of a number or a text.
fn forgeries() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(3),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(2_500_000_000_000u64),
        json!(1e308),
        json!(-1e308),
        json!(1e-320),
        json!(""),
        json!("x"),
        json!("\u{7}\n"),
        json!([]),
        json!({}),
    ]
}

/// Every value that is the given one with one of its parts replaced, left out, or doubled.
fn forged(value: &Value) -> Vec<Value> {
    let mut all = forgeries();
    match value {
        Value::Array(items) => {
            // Of long lists the first, the second and the last.
            let places: Vec<usize> = [0, 1, items.len().saturating_sub(1)]
                .into_iter()
                .filter(|&at| at < items.len())
                .collect();
            for at in places {
                for item in forged(&items[at]) {
                    let mut items = items.clone();
                    items[at] = item;
                    all.push(Value::Array(items));
                }
                let mut fewer = items.clone();
                fewer.remove(at);
                all.push(Value::Array(fewer));
                let mut more = items.clone();
                more.insert(at, items[at].clone());
                all.push(Value::Array(more));
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                for field in forged(field) {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), field);
                    all.push(Value::Object(fields));
                }
                let mut fewer = fields.clone();
                fewer.remove(key);
                all.push(Value::Object(fewer));
            }
        }
        _ => {}
    }
    all
}

/// The file with each of its metadata forged, and with each of its tensors.
fn forged_files(good: &TensorFile) -> Vec<(String, TensorFile)> {
    let mut files = Vec::new();
    for (key, text) in &good.metadata {
        let texts: Vec<String> = match serde_json::from_str::<Value>(text) {
            Ok(value) => forged(&value).iter().map(Value::to_string).collect(),
            Err(_) => Vec::new(),
        };
        let plain = ["", "x", "18446744073709551615", "-1", "nan", "noisy-top-k:experts=3"];
        for text in texts.into_iter().chain(plain.map(String::from)) {
            let mut file = good.clone();
            file.metadata.insert(key.clone(), text.clone());
            files.push((format!("{key} = {text:.80}"), file));
        }
        let mut file = good.clone();
        file.metadata.remove(key);
        files.push((format!("without {key}"), file));
    }
    for name in good.tensors.keys() {
        let mut file = good.clone();
        file.tensors.remove(name);
        files.push((format!("without {name}"), file));
        let shape = good.shape(name).unwrap_or_default().to_vec();
        let mut copy = good.clone();
        if let Ok(values) = copy.take_f32(name, &shape) {
            for forged in [f32::NAN, f32::INFINITY, -3e38, 1e-45] {
                let mut file = good.clone();
                file.add_f32(name.clone(), shape.clone(), &vec![forged; values.len()]);
                files.push((format!("{name} all {forged}"), file));
            }
            for len in [0, 1, values.len() / 2, values.len() + 1] {
                let mut file = good.clone();
                file.add_f32(name.clone(), vec![len], &vec![0.5; len]);
                files.push((format!("{name} of {len}"), file));
            }
        } else {
            for forged in [0, 1, u32::MAX as usize >> 1] {
                for len in [0, 1, shape.iter().product::<usize>()] {
                    let mut file = good.clone();
                    file.add_indices(name.clone(), std::iter::repeat_n(forged, len));
                    files.push((format!("{name} of {len} times {forged}"), file));
                }
            }
        }
    }
    for name in ["layers.18446744073709551615.bias", "layers.4294967296.bias", "method.x"] {
        let mut file = good.clone();
        file.add_f32(name.into(), vec![1], &[1.0]);
        files.push((format!("with {name}"), file));
    }
    files
}

/// Writes every forgery, and lets `use_it` do what a user would; returns how many are refused.
fn survives(path: &Path, good: &TensorFile, use_it: impl Fn() -> Result<(), String>) -> [usize; 2] {
    let (mut refused, mut taken) = (0, 0);
    for (what, file) in forged_files(good) {
        file.write(path).unwrap();
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

fn configs() -> [TrainConfig; 3] {
    let base = TrainConfig { hidden: vec![12, 9], batch: 64, threads: 1, ..TrainConfig::default() };
    [
        TrainConfig { method: "rigl:every=2".parse().unwrap(), ..base.clone() },
        TrainConfig { method: "lottery:rounds=1".parse().unwrap(), patience: 0, ..base.clone() },
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
    let (data, dir) = (common::mnist(256, 64), tempdir().unwrap());
    let path = dir.path().join("checkpoint.safetensors");
    for config in configs() {
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
