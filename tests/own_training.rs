//! How rows of one's own are used: weights by a column, cross-validation, what a resumed run may
//! change.

#[path = "common/command.rs"]
mod command;

use command::{fanin, run};
use fanin::dataset::{DataConfig, Dataset};
use fanin::train::{TrainConfig, Trainer};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Rows of two classes; `weight` gives each row's.
fn table(rows: usize, weight: impl Fn(usize) -> String) -> String {
    let mut text = String::from("a,b,w,kind\n");
    for row in 0..rows {
        let (a, b) = (row * 37 % 101, row * 53 % 89);
        let kind = if a + b > 95 { "high" } else { "low" };
        text += &format!("{a},{b},{},{kind}\n", weight(row));
    }
    text
}

fn write(dir: &TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn load(path: &Path, change: impl Fn(&mut DataConfig)) -> Result<Dataset, String> {
    let mut config = DataConfig {
        train: Some(path.to_path_buf()),
        label: Some("kind".into()),
        sample_weight: Some("w".into()),
        ..DataConfig::default()
    };
    change(&mut config);
    config.load().map_err(|problem| problem.to_string())
}

/// The weights of layers after some epochs on all rows at once.
fn train(data: Dataset) -> Vec<Vec<f32>> {
    let batch = data.train.len();
    let config = TrainConfig { hidden: vec![12], sparsity: 0.3, batch, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, data).unwrap();
    (0..5).for_each(|_| drop(trainer.run_epoch(|_| {}).unwrap()));
    trainer.model().layers().iter().map(|layer| layer.connections().1).collect()
}

#[test]
fn a_row_that_counts_twice_is_two_rows_and_one_that_counts_nothing_none() {
    let dir = TempDir::new().unwrap();
    // The last 20 rows are tested on either way, and scaling is left out, which knows no weights.
    let fixed = |config: &mut DataConfig| {
        config.normalize = fanin::dataset::Normalize::None;
        config.test = Some(dir.path().join("test.csv"));
    };
    write(&dir, "test.csv", table(20, |_| "1".into()));
    let weight = |row: usize| ["1", "2", "0"][row % 3];
    let weighted = write(&dir, "weighted.csv", table(60, |row| weight(row).into()));
    let mut repeated = String::from("a,b,w,kind\n");
    for (row, line) in table(60, |_| "1".into()).lines().skip(1).enumerate() {
        let times = weight(row).parse().unwrap();
        repeated += &format!("{line}\n").repeat(times);
    }
    let repeated = write(&dir, "repeated.csv", repeated);
    let (a, b) = (load(&weighted, fixed).unwrap(), load(&repeated, fixed).unwrap());
    assert_eq!((a.train.len(), b.train.len(), a.train.features()), (60, 60, 2));
    let all: Vec<u32> = (0..60).collect();
    assert_eq!((a.train.weight(&all), b.train.weight(&all)), (60.0, 60.0));
    assert_eq!(a.test.weight(&[0, 1, 2]), 3.0, "what is tested on counts alike");
    let plain = load(&weighted, |config| {
        fixed(config);
        (config.sample_weight, config.drop) = (None, vec!["w".into()]);
    });
    assert_ne!(a.digest(), plain.as_ref().unwrap().digest());
    let (a, b, plain) = (train(a), train(b), train(plain.unwrap()));
    // The samples stand in other places of a tile, so that sums are rounded otherwise.
    let farthest = |a: &[Vec<f32>], b: &[Vec<f32>]| {
        let pairs = a.iter().flatten().zip(b.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(farthest(&a, &b) < 1e-4, "{}", farthest(&a, &b));
    assert!(farthest(&a, &plain) > 1e-3, "{}", farthest(&a, &plain));
}

#[test]
fn weights_that_are_none_are_refused_with_their_line() {
    let dir = TempDir::new().unwrap();
    for (bad, line) in [("-1", 7), ("", 7), ("1e39", 7), ("much", 2)] {
        let weight = |row: usize| if row == 5 { bad.to_string() } else { "1".to_string() };
        let refused = load(&write(&dir, "x.csv", table(60, weight)), |_| ()).unwrap_err();
        let expected = format!("line {line}, column 'w': a `sample-weight` is a number of 0");
        let is_text = bad == "much" && refused.contains("column 'w'");
        assert!(refused.contains(&expected) || is_text, "{bad}: {refused}");
    }
    let refused = load(&write(&dir, "x.csv", table(60, |_| "0".into())), |_| ()).unwrap_err();
    assert!(refused.contains("not all are 0"), "{refused}");
    let refused = load(&write(&dir, "x.csv", table(60, |_| "1".into())), |config| {
        config.sample_weight = Some("weight".into());
    });
    assert!(refused.unwrap_err().contains("no column 'weight'"));
}

#[test]
fn a_model_with_weights_answers_rows_with_and_without_them() {
    let dir = TempDir::new().unwrap();
    let file = write(&dir, "x.csv", table(80, |row| (row % 4).to_string()));
    let out = dir.path().join("run");
    let mut command = fanin();
    command.args(["train", "--label", "kind", "--sample-weight", "w", "--hidden", "8"]);
    run(command.args(["--epochs", "2", "--train"]).arg(&file).arg("--out").arg(&out));
    let model = out.join("model.safetensors");
    let whole = run(fanin().arg("predict").arg(&model).arg(&file));
    let text = table(80, |_| "5".into());
    let without: String = text
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            format!("{},{},{}\n", fields[0], fields[1], fields[3])
        })
        .collect();
    let without = write(&dir, "without.csv", without);
    assert_eq!(run(fanin().arg("predict").arg(&model).arg(&without)), whole);
    let told = run(fanin().args(["eval", "--test"]).arg(&without).arg(&model));
    assert!(told.contains("80 test samples"), "{told}");
}

#[test]
fn folds_hold_out_each_row_once_and_the_summary_is_of_all() {
    let dir = TempDir::new().unwrap();
    let file = write(&dir, "x.csv", table(90, |_| "1".into()));
    let out = dir.path().join("cv");
    let train = |more: &[&str]| {
        let mut command = fanin();
        command.args(["train", "--label", "kind", "--drop", "w", "--hidden", "8", "--folds", "3"]);
        command.args(["--epochs", "3", "--json", "--train"]).arg(&file).args(more);
        command
    };
    let told = run(train(&["--out"]).arg(&out));
    let told: Value = serde_json::from_str(&told).unwrap();
    let folds = told["folds"].as_array().unwrap();
    let accuracies: Vec<f64> =
        folds.iter().map(|fold| fold["test_accuracy"].as_f64().unwrap()).collect();
    let mean = accuracies.iter().sum::<f64>() / 3.0;
    let variance = accuracies.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2.0;
    assert_eq!(folds.len(), 3);
    assert!((told["mean"]["test_accuracy"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!((told["sd"]["test_accuracy"].as_f64().unwrap() - variance.sqrt()).abs() < 1e-12);
    let mut held_out = Vec::new();
    for fold in 1..=3 {
        let rows = fs::read_to_string(out.join(format!("fold-{fold}/test-rows.txt"))).unwrap();
        held_out.extend(rows.lines().filter_map(|line| line.parse::<usize>().ok()));
    }
    held_out.sort_unstable();
    assert_eq!(held_out, (1..=90).collect::<Vec<_>>());
    // One fold alone is the same training; called again, all of them are found.
    let alone: Value = serde_json::from_str(&run(&mut train(&["--fold", "2"]))).unwrap();
    assert_eq!(alone["test_loss"], folds[1]["test_loss"]);
    let again: Value = serde_json::from_str(&run(train(&["--out"]).arg(&out))).unwrap();
    assert_eq!(again["mean"], told["mean"]);
    // But not as another training.
    let other = train(&["--lr", "0.1", "--out"]).arg(&out).output().unwrap();
    let stderr = String::from_utf8(other.stderr).unwrap();
    assert!(other.status.code() == Some(1) && stderr.contains("other settings"), "{stderr}");
    for (wrong, message) in [
        (&["--fold", "4"][..], "--folds 3, --fold 4"),
        (&["--test-fraction", "0.3"], "--folds hold out the test rows"),
    ] {
        let refused = train(wrong).output().unwrap();
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(1) && stderr.contains(message), "{stderr}");
    }
}

#[test]
fn each_fold_is_scaled_by_its_own_rows() {
    let dir = TempDir::new().unwrap();
    // One row far out: the fold that tests on it does not know it.
    let text = table(60, |_| "1".into()).replacen("\n0,0,", "\n1000000,0,", 1);
    let file = write(&dir, "x.csv", text);
    let largest = |fold: usize| {
        let data = load(&file, |config| {
            (config.folds, config.fold) = (Some(4), Some(fold));
        });
        let data = data.unwrap();
        let of = |values: &[f32]| values.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
        (of(data.train.inputs().unwrap()), of(data.test.inputs().unwrap()))
    };
    let (tested, others): (Vec<_>, Vec<_>) =
        (1..=4).map(largest).partition(|(train, test)| test > train);
    assert_eq!((tested.len(), others.len()), (1, 3));
    assert!(tested[0].0 < 3.0 && tested[0].1 > 10_000.0, "{tested:?}");
}

#[test]
fn a_resumed_run_may_find_its_data_elsewhere_and_records_what_was_changed() {
    let dir = TempDir::new().unwrap();
    let file = write(&dir, "x.csv", table(60, |_| "1".into()));
    let out = dir.path().join("run");
    let mut command = fanin();
    command.args(["train", "--label", "kind", "--hidden", "8", "--epochs", "2", "--lr", "0.01"]);
    run(command.args(["--threads", "1", "--train"]).arg(&file).arg("--out").arg(&out));
    let moved = dir.path().join("moved.csv");
    fs::rename(&file, &moved).unwrap();
    let resume = |flags: &[&str], train: Option<&Path>| {
        let mut command = fanin();
        command.args(["train", "--quiet", "--resume"]).arg(&out).args(flags);
        if let Some(path) = train {
            command.arg("--train").arg(path);
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(resume(&["--epochs", "4"], None).0, Some(1), "the file is gone");
    let other = write(&dir, "other.csv", table(61, |_| "1".into()));
    let (code, stderr) = resume(&["--epochs", "4"], Some(&other));
    assert!(code == Some(1) && stderr.contains("not the data that this run began"), "{stderr}");
    let (code, stderr) = resume(&["--epochs", "4", "--threads", "2"], Some(&moved));
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(resume(&["--epochs", "5"], None).0, Some(0), "the new place is known");
    let record = fs::read_to_string(out.join("run.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let told = |change: &Value| {
        let text = |key: &str| change[key].as_str().unwrap_or_default().to_string();
        (change["epochs"].as_u64().unwrap(), text("setting"), text("from"), text("to"))
    };
    let changes: Vec<_> = record["changes"].as_array().unwrap().iter().map(told).collect();
    let name = |path: &Path| path.to_str().unwrap().to_string();
    let expected = [
        (2, "epochs", "2".to_string(), "4".to_string()),
        (2, "threads", "1".into(), "2".into()),
        (2, "train", name(&file), name(&moved)),
        (4, "epochs", "4".into(), "5".into()),
    ];
    let expected = expected.map(|(at, setting, from, to)| (at, setting.to_string(), from, to));
    assert_eq!(changes, expected);
    let (code, stderr) = resume(&["--lr", "0.1"], None);
    assert!(code == Some(1) && stderr.contains("--lr cannot change"), "{stderr}");
    let (code, stderr) = resume(&[], Some(&moved));
    assert_eq!(code, Some(0), "{stderr}");
}
