//! Losses and answers that are not finite numbers: said, kept out of files, and no end of anything.

#[path = "common/command.rs"]
mod command;

use command::{fanin, run};
use fanin::format::safetensors::TensorFile;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

/// `rows.csv`, whose y is a + b, and files with one row more, whose y is beyond what a square in
/// single precision can hold.
fn tables() -> TempDir {
    let dir = tempdir().unwrap();
    let rows: String = (0..200)
        .map(|n| {
            let (a, b) = ((n * 37 % 100) as f64 / 100.0, (n * 61 % 89) as f64 / 89.0);
            format!("{a},{b},{}\n", a + b)
        })
        .collect();
    let header = "a,b,y\n";
    fs::write(dir.path().join("rows.csv"), format!("{header}{rows}")).unwrap();
    fs::write(dir.path().join("far.csv"), format!("{header}{rows}0.5,0.5,1e30\n")).unwrap();
    dir
}

/// Trains on `rows.csv` with further files and flags.
fn train(dir: &Path, files: &[(&str, &str)], flags: &[&str]) -> (String, PathBuf) {
    let mut command = fanin();
    command.args(["train", "--label", "y", "--task", "regression", "--hidden", "8"]);
    command.args(["--sparsity", "0", "--train"]).arg(dir.join("rows.csv"));
    for (flag, file) in files {
        command.arg(flag).arg(dir.join(file));
    }
    let out = dir.join("run");
    (run(command.args(flags).arg("--force").arg("--out").arg(&out)), out)
}

fn lines(out: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_test_row_beyond_the_networks_numbers_ends_no_training() {
    let dir = tables();
    let (told, out) = train(dir.path(), &[("--test", "far.csv")], &["--epochs", "3"]);
    assert_eq!(told.matches("test loss not finite").count(), 4, "{told}");
    let lines = lines(&out);
    assert_eq!(lines.len(), 3);
    for line in &lines {
        assert!(line["train_loss"].as_f64().is_some_and(f64::is_finite), "{line}");
        assert_eq!(line.get("test_loss"), None, "{line}");
    }
    // What was written is read again, and goes on.
    let flags = ["--epochs", "1", "--lr-schedule", "constant"];
    let (_, out) = train(dir.path(), &[("--test", "far.csv")], &flags);
    let told = run(fanin().args(["train", "--epochs", "2", "--resume"]).arg(&out));
    assert!(told.contains("epoch   2") && told.contains("test loss not finite"), "{told}");
}

#[test]
fn a_validation_loss_that_is_never_finite_is_never_better() {
    let dir = tables();
    let files = [("--test", "rows.csv"), ("--validation", "far.csv")];
    let flags = ["--epochs", "30", "--patience", "3"];
    let (told, out) = train(dir.path(), &files, &flags);
    assert_eq!(told.matches("validation loss not finite").count(), 3, "{told}");
    assert_eq!(lines(&out).len(), 3);
    let again = run(fanin().args(["train", "--resume"]).arg(&out));
    assert!(again.contains("nothing is left to train"), "{again}");
}

#[test]
fn a_best_epoch_of_an_earlier_version_without_a_number_is_read() {
    let dir = tables();
    let files = [("--test", "rows.csv"), ("--validation", "rows.csv")];
    let (_, out) = train(
        dir.path(),
        &files,
        &["--epochs", "2", "--patience", "9", "--lr-schedule", "constant"],
    );
    let path = out.join("checkpoint.safetensors");
    let mut file = TensorFile::read(&path).unwrap();
    let position: serde_json::Value = serde_json::from_str(&file.metadata["position"]).unwrap();
    let mut position = position;
    position["best"]["loss"] = serde_json::Value::Null;
    file.metadata.insert("position".into(), position.to_string());
    file.write(&path).unwrap();
    let told = run(fanin().args(["train", "--epochs", "3", "--resume"]).arg(&out));
    assert!(told.contains("epoch   3"), "{told}");
    // Any number is better than none.
    let file = TensorFile::read(&path).unwrap();
    let position: serde_json::Value = serde_json::from_str(&file.metadata["position"]).unwrap();
    assert_eq!(position["best"]["epoch"], 3);
}

#[test]
fn rows_whose_answers_are_not_finite_are_told_and_all_others_answered() {
    let dir = tables();
    let (_, out) = train(dir.path(), &[("--test", "rows.csv")], &["--epochs", "1"]);
    let model = out.join("model.safetensors");
    let mut file = TensorFile::read(&model).unwrap();
    // Nearly as large as numbers get, alternating: some sums of eight overflow.
    let weights: Vec<f32> = (0..8).map(|n| if n % 2 == 0 { 3.4e38 } else { -2e38 }).collect();
    file.add_f32("layers.1.weight".into(), vec![1, 8], &weights);
    file.write(&model).unwrap();
    let rows: String =
        (0..40).map(|n| format!("{},{}\n", n as f64 / 4.0, (40 - n) as f64)).collect();
    for (format, empty) in [("csv", "\n"), ("json", "{\"values\":null,\"error\":")] {
        let output = fanin()
            .args(["predict", "--format", format])
            .arg(&model)
            .write_stdin(format!("a,b\n{rows}"))
            .output()
            .unwrap();
        let [told, errors] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let answers: Vec<&str> =
            told.split_inclusive('\n').skip(usize::from(format == "csv")).collect();
        assert_eq!(answers.len(), 40, "{told}");
        let missing: Vec<usize> = (0..40).filter(|&n| answers[n].starts_with(empty)).collect();
        assert!(!missing.is_empty() && missing.len() < 40, "{told}");
        assert!(!told.contains("inf") && !told.contains("NaN"), "{told}");
        assert_eq!(output.status.code(), Some(1), "{errors}");
        for row in &missing {
            let line =
                format!("line {}: the network's answer to these values is not finite", row + 2);
            assert!(errors.contains(&line) || missing.len() > 20, "{errors}");
        }
        let last = format!("{} of 40 rows", missing.len());
        assert!(errors.contains(&last), "{last}: {errors}");
    }
}
