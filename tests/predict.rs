//! `fanin eval`, `predict` and `inspect` on a model that `fanin train` wrote.

use command::fanin;
use fanin::dataset::{self, Normalize, Samples};
use fanin::model::{ModelFile, Predictor, most_probable};
use fanin::parallel::Executor;
use fanin_kernels::Isa;
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;

#[path = "common/command.rs"]
mod command;

/// One model for all tests of this file.
static RUN: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = TempDir::new().expect("a temporary folder");
    let mut command = fanin();
    command.args(["train", "--hidden", "32,32", "--epochs", "1", "--quiet", "--out"]);
    command.arg(dir.path().join("run")).assert().success();
    dir
});

fn model() -> PathBuf {
    RUN.path().join("run/model.safetensors")
}

fn metrics() -> PathBuf {
    RUN.path().join("run/metrics.jsonl")
}

fn test_samples(count: usize) -> Samples {
    dataset::load("mnist", None, Normalize::Standard).expect("MNIST is shipped").test.first(count)
}

fn csv(samples: &Samples) -> String {
    let row = |i| samples.sample(i).iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    (0..samples.len()).map(|i| row(i) + "\n").collect()
}

fn predict(input: &str, args: &[&str]) -> String {
    let output =
        fanin().arg("predict").arg(model()).args(args).write_stdin(input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn predictions_are_the_models_to_the_bit_in_any_batch_and_format() {
    let samples = test_samples(150);
    let executor = Executor::new(Isa::detect(), 1).unwrap();
    let expected = Predictor::new(executor, ModelFile::read(&model()).unwrap()).samples(&samples);
    let text = predict(&csv(&samples), &[]);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("class,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9"));
    for (line, expected) in lines.zip(expected.chunks(10)) {
        let (class, probabilities) = line.split_once(',').unwrap();
        assert_eq!(class, most_probable(expected).to_string());
        let got: Vec<f32> = probabilities.split(',').map(|p| p.parse().unwrap()).collect();
        assert_eq!(got, expected);
    }
    assert_eq!(text.lines().count(), 151);
    for args in [["--batch", "1"], ["--batch", "37"], ["--threads", "3"]] {
        assert_eq!(predict(&csv(&samples), &args), text, "{args:?}");
    }
    let header = (0..784).map(|i| format!("pixel{i}")).collect::<Vec<_>>().join(",");
    assert_eq!(predict(&format!("{header}\n{}", csv(&samples)), &[]), text);
    let json = predict(&csv(&samples), &["--format", "json"]);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["class"], most_probable(&expected[..10]));
    assert_eq!(json.lines().count(), 150);
}

#[test]
fn bad_rows_are_errors_with_line_and_column() {
    let good = vec!["0"; 784].join(",") + "\n";
    let expect = |input: &str, message: &str| {
        let output = fanin().arg("predict").arg(model()).write_stdin(input).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr.starts_with("error: <stdin>: ") && stderr.contains(message), "{stderr}");
    };
    expect(&format!("{good}1,2,3\n"), "line 2: 3 values where the model takes 784");
    let bad = |word: &str| good.replacen("0,0", &format!("0,{word}"), 1);
    expect(&format!("{good}{}", bad("x")), "line 2, column 2: 'x' is not a finite number");
    expect(&format!("{good}{}", bad("inf")), "line 2, column 2: 'inf' is not a finite number");
    expect(&bad("x"), "line 1, column 2: 'x' is not a finite number");
    expect(&bad("nan"), "line 1, column 2: 'nan' is not a finite number");
    assert_eq!(predict("", &[]).lines().count(), 1);
}

#[test]
fn eval_agrees_with_training_and_adds_up() {
    let metrics = std::fs::read_to_string(metrics()).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    let output = fanin().arg("eval").arg(model()).arg("--json").output().unwrap();
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["accuracy"], metrics["test_accuracy"]);
    let loss = |value: &serde_json::Value| value.as_f64().unwrap();
    assert!((loss(&result["log_loss"]) - loss(&metrics["test_loss"])).abs() < 1e-5);
    let counts = result["confusion"].as_array().unwrap().iter().flat_map(|row| {
        row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(counts.sum::<u64>(), 10_000);
    let text = fanin().arg("eval").arg(model()).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("macro-F1") && text.contains("confusion"), "{text}");
}

#[test]
fn inspect_shows_layers_fan_in_and_configuration() {
    let output = fanin().arg("inspect").arg(model()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["784→32", "neurons by fan-in", "sparsity = 0.9", "bytes", "Gini"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let output = fanin().arg("inspect").arg(model()).arg("--json").output().unwrap();
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["network"]["layers"][0]["out_features"], 32);
    assert_eq!(result["config"]["sparsity"], 0.9);
}

#[test]
fn files_that_are_no_models_are_errors() {
    for command in ["eval", "predict", "inspect"] {
        let output = fanin().arg(command).arg(metrics()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("metrics.jsonl: damaged"), "{stderr}");
    }
}

#[test]
fn completions_and_version_print() {
    for shell in ["bash", "zsh", "fish"] {
        let output = fanin().args(["completions", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("gradcheck") && text.contains("sparsity"), "{shell}");
    }
    let output = fanin().arg("--version").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("fanin 0.1.0 ("));
}
