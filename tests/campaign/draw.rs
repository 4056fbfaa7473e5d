//! Settings and data, drawn from the program's own lists.

use fanin::dataset::{self, DataConfig, Dataset, Missing, Normalize, Task};
use fanin::grammar::{Choice, Error, Expected, Listed, Names};
use fanin::topology::{Allocation, Arrangement, Rounding, Spread};
use fanin::train::{self, TrainConfig, Trainer};
use rand::{RngExt, seq::IndexedRandom};
use rand_pcg::Pcg64;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// One of these.
pub(crate) fn one<'a, T>(rng: &mut Pcg64, items: &'a [T]) -> &'a T {
    items.choose(rng).expect("there is something to choose from")
}

/// A text that a list takes: one of its names with some of its parameters.
pub(crate) fn choice<T: Listed>(rng: &mut Pcg64) -> String {
    let list = T::list();
    let entry = one(rng, &list);
    let mut given: Vec<String> = Vec::new();
    for parameter in entry.parameters {
        // What has no default must be given.
        if parameter.default.is_some() && !rng.random_bool(0.25) {
            continue;
        }
        let (name, key) = (entry.name, parameter.key);
        // A value that none is: the list says what it should be.
        let text = format!("{name}:{key}=?");
        let expected = match text.parse::<Choice<T>>() {
            Err(Error::Value { expected, key: wrong, .. }) if wrong == key => Some(expected),
            _ => None,
        };
        given.push(format!("{key}={}", value(rng, expected.as_ref(), parameter.default)));
    }
    match given.is_empty() {
        true => entry.name.to_string(),
        false => format!("{}:{}", entry.name, given.join(",")),
    }
}

fn value(rng: &mut Pcg64, expected: Option<&Expected>, default: Option<&str>) -> String {
    let default: Option<f64> = default.and_then(|text| text.parse().ok());
    let around = |rng: &mut Pcg64| default.unwrap_or(1.0) * one(rng, &[0.25, 0.5, 1.0, 2.0, 4.0]);
    match expected {
        Some(Expected::Flag) => one(rng, &["true", "false"]).to_string(),
        Some(Expected::OneOf(names)) => one(rng, names).to_string(),
        Some(Expected::Whole(least)) => {
            (least + rng.random_range(0..4) + around(rng).min(100.0) as u64).to_string()
        }
        Some(Expected::WholeUpTo(least, most)) => {
            rng.random_range(*least..=(*most).min(least + 40)).to_string()
        }
        Some(Expected::Fraction | Expected::BelowOne) => {
            format!("{:.3}", rng.random_range(0.0..0.99))
        }
        _ => format!("{:.4}", around(rng)),
    }
}

/// A choice of a list; what its values contradict is drawn again.
fn chosen<T: Listed>(rng: &mut Pcg64) -> Choice<T> {
    let mut tries = (0..100).map(|_| choice::<T>(rng).parse());
    tries.find_map(Result::ok).expect("some text of a list is right")
}

/// One of an enumeration's names.
pub(crate) fn named<T: Names>(rng: &mut Pcg64) -> T {
    let name = one(rng, T::NAMES);
    name.parse().unwrap_or_else(|_| unreachable!("{name} is in its list"))
}

/// Settings of a small network; they may contradict each other. The task is `task`.
pub(crate) fn settings(rng: &mut Pcg64, task: Task) -> TrainConfig {
    let base = TrainConfig::default();
    let mut config = TrainConfig {
        hidden: (0..rng.random_range(1..4)).map(|_| rng.random_range(1..70)).collect(),
        sparsity: *one(rng, &[0.0, 0.3, 0.5, 0.8, 0.9, 0.97]),
        method: chosen(rng),
        optimizer: chosen(rng),
        activation: chosen(rng),
        lr_schedule: chosen(rng),
        epochs: rng.random_range(1..5),
        batch: *one(rng, &[1, 7, 16, 64, 65, 100, 128, 200, 333]),
        lr: *one(rng, &[1e-4, 1e-3, 1e-2, 0.1]),
        seed: *one(rng, &[0, 1, 42, i64::MAX as u64]),
        threads: 1,
        ..base
    };
    // Rarer, since most of these go with few others.
    let rarely = |rng: &mut Pcg64| rng.random_bool(0.2);
    if rarely(rng) {
        config.engine = chosen(rng);
    }
    if task == Task::Regression || rarely(rng) {
        config.loss = chosen(rng);
    }
    if rarely(rng) {
        config.generator = Some(chosen(rng));
    } else {
        config.profile = chosen(rng).make();
        config.spread = named::<Spread>(rng);
        config.rounding = named::<Rounding>(rng);
        config.arrangement = named::<Arrangement>(rng);
        config.allocation = one(rng, &[Allocation::Uniform, Allocation::Erk]).clone();
        config.share = *one(rng, &[1, 1, 1, 2, 4]);
    }
    if rng.random_bool(0.1) {
        config.mixture = Some(chosen(rng));
    }
    config.match_budget = rarely(rng);
    config.clamp = rng.random_bool(0.8);
    config.fan_in_min = *one(rng, &[0, 1, 1, 1, 3]);
    config.dense_first = rarely(rng);
    config.sparse_output = rarely(rng);
    config.dense_hidden = rng.random_bool(0.05);
    config.patience = if rarely(rng) { rng.random_range(1..4) } else { 0 };
    let of = &mut config.regularization;
    for (value, some) in [
        (&mut of.dropout, 0.3),
        (&mut of.label_smoothing, 0.1),
        (&mut of.input_noise, 0.2),
        (&mut of.clip_norm, 1.0),
        (&mut of.weight_average, 0.9),
    ] {
        *value = if rarely(rng) { some } else { 0.0 };
    }
    config
}

/// Settings and data that go together, and the trainer of both. Where settings contradict each
/// other or the data, the program says so, and others are drawn.
pub(crate) fn training(rng: &mut Pcg64, dir: &Path) -> (TrainConfig, Arc<Dataset>, Trainer) {
    loop {
        let data = data(rng, dir);
        let task =
            if data.train.labels().is_empty() { Task::Regression } else { Task::Classification };
        let config = settings(rng, task);
        if config.validate().is_ok()
            && let Ok(trainer) = Trainer::new(config.clone(), Arc::clone(&data))
        {
            return (config, data, trainer);
        }
    }
}

/// Images, a table of classes or of numbers, or rows of which most is 0.
fn data(rng: &mut Pcg64, dir: &Path) -> Arc<Dataset> {
    let normalize = named::<Normalize>(rng);
    match rng.random_range(0..4) {
        0 => images(rng.random_range(100..400)),
        1 => load(&table(rng, dir, Task::Classification), normalize),
        2 => load(&table(rng, dir, Task::Regression), normalize),
        _ => load(&sparse(rng, dir), Normalize::None),
    }
}

fn load(config: &DataConfig, normalize: Normalize) -> Arc<Dataset> {
    Arc::new(DataConfig { normalize, ..config.clone() }.load().expect("the table is good"))
}

/// MNIST's first training samples.
fn images(count: usize) -> Arc<Dataset> {
    static WHOLE: OnceLock<Dataset> = OnceLock::new();
    let load = || dataset::load("mnist", None, Normalize::Standard).expect("data/mnist is shipped");
    let whole = WHOLE.get_or_init(load);
    let (train, test) = (whole.train.first(count), whole.test.first(70));
    Arc::new(Dataset { train, test, ..whole.clone() })
}

/// A table of numbers and texts, of which some are missing, with a label that depends on them.
pub(crate) fn table(rng: &mut Pcg64, dir: &Path, task: Task) -> DataConfig {
    let mut text = String::from("size,weight,colour,label\n");
    for row in 0..rng.random_range(60..300) {
        let (size, weight) = (row % 23, rng.random_range(0.0..9.0));
        let colour = one(rng, &["red", "green", "", "blue, dark"]);
        let size_text = if row % 19 == 7 { String::new() } else { size.to_string() };
        let label = match task {
            Task::Classification => ["oak", "ash", "elm"][(size / 8) as usize].to_string(),
            _ => format!("{:.3}", f64::from(size) + weight),
        };
        writeln!(text, "{size_text},{weight:.4},\"{colour}\",{label}").expect("a text grows");
    }
    let path = dir.join("rows.csv");
    fs::write(&path, text).expect("a file is written");
    let (train, label) = (Some(path), Some("label".to_string()));
    let validation_fraction = *one(rng, &[0.0, 0.2]);
    let missing = *one(rng, &[Missing::Mean, Missing::Zero]);
    DataConfig { train, label, task, validation_fraction, missing, ..DataConfig::default() }
}

/// Rows of which most is 0, as SVMlight has them.
fn sparse(rng: &mut Pcg64, dir: &Path) -> DataConfig {
    let mut text = String::new();
    for row in 0..rng.random_range(80..200) {
        write!(text, "{}", row % 3).expect("a text grows");
        for column in 1..90 {
            if rng.random_bool(0.06) || column % 30 == row % 3 {
                write!(text, " {column}:{:.3}", rng.random_range(-2.0..2.0)).expect("a text grows");
            }
        }
        text.push('\n');
    }
    let path = dir.join("rows.svm");
    fs::write(&path, text).expect("a file is written");
    DataConfig { train: Some(path), ..DataConfig::default() }
}

/// What training says when it ends early.
pub(crate) fn ended(error: train::Error) -> String {
    format!("ended: {error}")
}
