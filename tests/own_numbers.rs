//! Regression: numbers are learned from one's own tables, arrays and sparse rows, and come out in
//! their own units.

use command::{fanin, run, summary};
use fanin::dataset::{DataConfig, Normalize, Task};
use fanin::nn::Targets;
use files::{floats, npy, zip};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

#[path = "common/command.rs"]
mod command;
#[path = "common/files.rs"]
mod files;

const ROWS: usize = 200;

fn x(row: usize) -> [f64; 2] {
    [(row * 37 % 101) as f64 / 50.0 - 1.0, (row * 61 % 89) as f64 / 44.0 - 1.0]
}

/// A large price, and a tiny share.
fn y(row: usize) -> [f64; 2] {
    let [a, b] = x(row);
    [1.6e9 + 20.0 * a - 10.0 * b, 1e-3 * (a + b)]
}

fn table(decimal: char, delimiter: &str) -> String {
    let row = |row: usize| {
        let ([a, b], [price, share]) = (x(row), y(row));
        let fields =
            [a, price, b, share].map(|x| format!("{x:.6}").replace('.', &decimal.to_string()));
        fields.join(delimiter) + "\n"
    };
    let header = ["a", "price", "b", "share"].join(delimiter);
    format!("{header}\n{}", (0..ROWS).map(row).collect::<String>())
}

fn config(path: &Path, label: &str) -> DataConfig {
    let (train, label) = (Some(path.to_path_buf()), Some(label.to_string()));
    DataConfig { train, label, task: Task::Regression, ..DataConfig::default() }
}

/// The learned numbers of the training rows.
fn learned(config: &DataConfig) -> Vec<f32> {
    let data = config.load().unwrap();
    match data.train.targets() {
        Targets::Numbers { values, .. } => values.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn targets_are_standardised_and_come_from_any_format() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let csv = config(&write("x.csv", table('.', ",").as_bytes()), "share");
    let csv = DataConfig { drop: vec!["price".into()], ..csv };
    let expected = learned(&csv);
    let count = expected.len() as f32;
    let mean = expected.iter().sum::<f32>() / count;
    let variance = expected.iter().map(|t| (t - mean).powi(2)).sum::<f32>() / count;
    assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-5, "{mean}, {variance}");
    let commas = config(&write("commas.csv", table(',', ";").as_bytes()), "share");
    let commas = DataConfig { drop: vec!["price".into()], ..commas };
    assert_eq!(learned(&commas), expected);
    let sparse: String = (0..ROWS)
        .map(|row| format!("{:.6} 1:{:.6} 2:{:.6}\n", y(row)[1], x(row)[0], x(row)[1]))
        .collect();
    let sparse = DataConfig { label: None, ..config(&write("x.svm", sparse.as_bytes()), "") };
    assert_eq!(learned(&sparse), expected);
    let share = |row: usize| format!("{:.6}", y(row)[1]).parse::<f64>().unwrap().to_le_bytes();
    let values = floats((0..ROWS).flat_map(|row| x(row).map(|x| x as f32)));
    let arrays = zip(&[
        ("x.npy", npy("<f4", &format!("({ROWS}, 2)"), &values)),
        (
            "y.npy",
            npy("<f8", &format!("({ROWS},)"), &(0..ROWS).flat_map(share).collect::<Vec<_>>()),
        ),
    ]);
    let arrays = DataConfig { label: None, ..config(&write("x.npz", &arrays), "") };
    assert_eq!(learned(&arrays), expected);
}

#[test]
fn several_targets_are_learned_and_answered_in_their_units() {
    let dir = TempDir::new().unwrap();
    let (file, out) = (dir.path().join("x.csv"), dir.path().join("run"));
    fs::write(&file, table('.', ",")).unwrap();
    let mut command = fanin();
    command.args(["train", "--task", "regression", "--label", "price,share", "--hidden", "32"]);
    command.args(["--sparsity", "0", "--lr", "0.01", "--epochs", "60", "--quiet", "--json"]);
    let result = run(command.arg("--train").arg(&file).arg("--out").arg(&out));
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert!(result["test_r2"].as_f64().unwrap() > 0.98, "{result}");
    let model = out.join("model.safetensors");
    let answers = run(fanin().arg("predict").arg(&model).arg(&file));
    let mut lines = answers.lines();
    assert_eq!(lines.next(), Some("price,share"));
    let (mut worst, mut rows) = ([0.0f64; 2], 0);
    for (row, line) in lines.enumerate() {
        let values: Vec<f64> = line.split(',').map(|value| value.parse().unwrap()).collect();
        worst = [0, 1].map(|k| worst[k].max((values[k] - y(row)[k]).abs()));
        rows += 1;
    }
    // Prices near 1.6e9 within a few units, of the 40 that they vary by.
    assert!(rows == ROWS && worst[0] < 12.0 && worst[1] < 6e-4, "{worst:?}");
    let eval = run(fanin().args(["eval", "--json"]).arg(&model).arg("--test").arg(&file));
    let eval: serde_json::Value = serde_json::from_str(&eval).unwrap();
    assert_eq!((&eval["samples"], &eval["targets"][1]["name"]), (&ROWS.into(), &"share".into()));
    assert!(eval["targets"][0]["r2"].as_f64().unwrap() > 0.98, "{eval}");
    // A row that lacks a value has no answer, and the others have.
    let broken = table('.', ",").replacen(&format!("{:.6},", x(1)[0]), ",", 1);
    let output = fanin().arg("predict").arg(&model).write_stdin(broken).output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), answers.lines().nth(2)), (Some(1), Some(",")));
    assert_eq!(answers.lines().count(), ROWS + 1);
}

#[test]
fn what_cannot_be_learned_as_a_number_is_refused() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("x.csv");
    let refused = |content: &str, change: &dyn Fn(&mut DataConfig)| {
        fs::write(&file, content).unwrap();
        let mut config = config(&file, "t");
        change(&mut config);
        config.load().map(|data| data.description).unwrap_err().to_string()
    };
    let rows = |t: &dyn Fn(usize) -> String| {
        format!("x,t\n{}", (0..30).map(|row| format!("{row},{}\n", t(row))).collect::<String>())
    };
    let texts = rows(&|row| ["red", "blue"][row % 2].to_string());
    assert!(refused(&texts, &|_| ()).contains("column 't' holds texts"));
    let hole = rows(&|row| if row == 4 { String::new() } else { row.to_string() });
    let message = refused(&hole, &|_| ());
    assert!(message.contains("line 6, column 't': the value is missing"), "{message}");
    let one_text = rows(&|row| if row == 4 { "many".into() } else { row.to_string() });
    assert!(refused(&one_text, &|_| ()).contains("line 6, column 2: 'many' is not a finite"));
    let balanced = |config: &mut DataConfig| config.stratify = true;
    assert!(
        refused(&rows(&|row| row.to_string()), &balanced).contains("`stratify` is for classes")
    );
    // Rows without a number are left out where that is asked for.
    fs::write(&file, hole).unwrap();
    let config =
        DataConfig { skip_unlabelled: true, normalize: Normalize::None, ..config(&file, "t") };
    let data = config.load().unwrap();
    assert_eq!(data.train.len() + data.test.len(), 29);
}

#[test]
fn one_number_has_its_units_in_every_line() {
    let dir = TempDir::new().unwrap();
    let (file, out) = (dir.path().join("x.csv"), dir.path().join("run"));
    fs::write(&file, table('.', ",")).unwrap();
    let flags = ["--task", "regression", "--label", "price", "--hidden", "16", "--sparsity", "0"];
    let more = ["--loss", "mae", "--epochs", "3", "--out", out.to_str().unwrap()];
    let train = ["--train", file.to_str().unwrap()];
    let result = summary(&[&flags[..], &more, &train].concat());
    let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    let eval = run(fanin().args(["eval", "--json"]).arg(out.join("model.safetensors")));
    let eval: serde_json::Value = serde_json::from_str(&eval).unwrap();
    for (name, of_eval) in [("test_mae", "mae"), ("test_rmse", "rmse")] {
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        assert_eq!(result[name], last[name]);
        let (trained, evaluated) = (number(&result[name]), number(&eval[of_eval]));
        assert!((trained / evaluated - 1.0).abs() < 1e-4, "{name}: {trained}, {evaluated}");
        assert!(trained > 0.5, "in the units of the price: {trained}");
    }
}
