//! Mixtures of experts as the command has them.

#[path = "common/command.rs"]
mod command;
mod common;

use command::{assert_error, fanin, run, summary};
use fanin::train::{TrainConfig, Trainer};
use tempfile::tempdir;

#[test]
fn a_run_tells_how_even_its_experts_work_is() {
    let flags = ["--hidden", "16", "--dense-hidden", "--epochs", "3"];
    let shares = |text: &str| -> Vec<f64> {
        let summary = summary(&[&flags[..], &["--mixture", text]].concat());
        serde_json::from_value(summary["expert_shares"].clone()).unwrap()
    };
    let even = shares("noisy-top-k:experts=5,top=2");
    assert!((even.iter().sum::<f64>() - 2.0).abs() < 1e-9 && even.len() == 5, "{even:?}");
    assert!(even.iter().all(|share| *share > 0.2), "{even:?}");
    // Without what asks for even work some experts win.
    let uneven = shares("noisy-top-k:experts=5,top=2,importance=0,load=0");
    let least = |shares: &[f64]| shares.iter().copied().fold(1.0, f64::min);
    assert!(least(&uneven) < 0.5 * least(&even), "{uneven:?} {even:?}");
    let output = run(fanin().args(["train", "--mixture", "noisy-top-k:experts=5"]).args(flags));
    assert!(output.contains("5 × 1 ") && output.contains("\ngate "), "{output}");
    assert!(output.contains("each expert answers "), "{output}");
}

#[test]
fn a_mixture_of_sparse_samples_and_one_of_numbers_learn() {
    let dir = tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    // The class is which of two features is there; the number is which of two halves rules.
    let sparse = |seed: usize| -> String {
        let line = |n: usize| format!("{} {}:1 {}:1\n", n % 2, 1 + n % 2, 3 + (n * 7 + seed) % 500);
        (0..400).map(line).collect()
    };
    let numbers = || -> String {
        let line = |n: usize| {
            let (a, b) = ((n * 37 % 100) as f64 / 50.0 - 1.0, (n * 61 % 89) as f64 / 44.0 - 1.0);
            format!("{a},{b},{}\n", if a > 0.0 { b } else { -b })
        };
        String::from("a,b,y\n") + &(0..600).map(line).collect::<String>()
    };
    let train = |flags: &[&str], key: &str| -> f64 {
        let output = fanin()
            .args(["train", "--hidden", "16", "--dense-hidden", "--epochs", "60", "--json"])
            .args(["--quiet", "--mixture", "noisy-top-k:experts=3"])
            .args(flags)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        result[key].as_f64().unwrap()
    };
    let (a, b) = (write("a.svm", sparse(0)), write("b.svm", sparse(3)));
    let files = ["--train", a.to_str().unwrap(), "--test", b.to_str().unwrap()];
    assert!(train(&files, "test_accuracy") > 0.99);
    let table = write("n.csv", numbers());
    let flags = ["--train", table.to_str().unwrap(), "--label", "y", "--task", "regression"];
    let split = ["--test-fraction", "0.2"];
    assert!(train(&[&flags[..], &split].concat(), "test_loss") < 0.2);
}

#[test]
fn a_mixture_takes_what_a_single_network_does() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("run");
    for flags in [
        &["--clip-norm", "1", "--dropout", "0.1", "--label-smoothing", "0.1"][..],
        &["--share", "4", "--profile", "exponential"],
        &["--allocation", "0.5;0.7", "--class-weight", "balanced"],
        &["--weight-average", "0.99", "--validation-fraction", "0.2", "--patience", "5"],
    ] {
        let base = ["train", "--hidden", "24,16", "--mixture", "noisy-top-k:experts=3,top=2"];
        let mut command = fanin();
        command.args(base).args(["--epochs", "1", "--json", "--force", "--out"]).arg(&out);
        let result: serde_json::Value = serde_json::from_str(&run(command.args(flags))).unwrap();
        assert!(result["test_accuracy"].as_f64().unwrap() > 0.5, "{flags:?}: {result}");
        let text = "noisy-top-k:experts=3,top=2,importance=0.1,load=0.1";
        assert_eq!(result["mixture"], text);
        let model = out.join("model.safetensors");
        let evaluated: serde_json::Value =
            serde_json::from_str(&run(fanin().arg("eval").arg(&model).arg("--json"))).unwrap();
        assert_eq!(evaluated["accuracy"], result["test_accuracy"], "{flags:?}");
        run(fanin().arg("inspect").arg(&model).arg("--gradients"));
        let mut command = fanin();
        command.arg("inspect").arg(&model).arg("--topology").arg(dir.path().join("t.safetensors"));
        assert_error(&mut command, 1, "the model is a mixture");
    }
}

#[test]
fn what_contradicts_a_mixture_is_refused() {
    let refused = |flags: &[&str], setting: &str| {
        let mut command = fanin();
        command.args(["train", "--mixture", "noisy-top-k"]).args(flags);
        assert_error(&mut command, 1, &format!("--mixture has no use for --{setting},"));
    };
    refused(&["--method", "rigl"], "method");
    refused(&["--topology", "x.npz"], "topology");
    refused(&["--input-noise", "0.1"], "input-noise");
    // A method of one's own, too.
    let data = common::mnist(64, 10);
    let mixture = Some("noisy-top-k".parse().unwrap());
    let config = TrainConfig { hidden: vec![8], mixture, ..TrainConfig::default() };
    let model = Trainer::new(config, data.clone()).unwrap().model().clone();
    let rigl = TrainConfig { method: "rigl".parse().unwrap(), ..TrainConfig::default() };
    let error = Trainer::from_model(model, rigl, data).err().unwrap();
    assert!(error.to_string().contains("has no use for `method`"), "{error}");
    let mut command = fanin();
    command.args(["train", "--mixture", "noisy-top-k:experts=4,top=5"]);
    assert_error(&mut command, 2, "top must be a whole number from 1 to 4, not '5'");
}
