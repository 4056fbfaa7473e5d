//! What was once taken in silence: damaged records, lost metrics, models that contradict
//! themselves, tables that are larger than they look, texts that move a terminal's cursor.

#[path = "common/command.rs"]
mod command;
#[path = "common/files.rs"]
mod files;

use command::{assert_error, fanin, run};
use fanin::format::safetensors::TensorFile;
use files::gzip;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::{TempDir, tempdir};

const NEW: [&str; 6] = ["train", "--hidden", "8", "--epochs", "2", "--out"];

/// A finished run on MNIST.
fn finished(dir: &TempDir, seed: &str) -> PathBuf {
    let path = dir.path().join(format!("run-{seed}"));
    run(fanin().args(NEW).arg(&path).args(["--seed", seed]));
    path
}

/// 60 rows of two numbers and three classes, the first of them of this name.
fn table(dir: &Path, class: &str) -> PathBuf {
    let path = dir.join("rows.csv");
    let row = |i: usize| {
        let class = if i.is_multiple_of(3) { class } else { ["", "b", "c"][i % 3] };
        format!("{},{},{class}\n", i % 7, (i * i) % 11)
    };
    fs::write(&path, format!("x,y,kind\n{}", (0..60).map(row).collect::<String>())).unwrap();
    path
}

/// A model of such a table.
fn model(dir: &Path, class: &str) -> PathBuf {
    let (rows, out) = (table(dir, class), dir.join("model"));
    let mut command = fanin();
    command.arg("train").arg("--train").arg(rows).args(["--label", "kind", "--epochs", "3"]);
    run(command.arg("--out").arg(&out));
    out.join("model.safetensors")
}

/// The model with a metadata entry that was changed, under a right digest.
fn forged(model: &Path, key: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut file = TensorFile::read(model).unwrap();
    let mut value = serde_json::from_str(&file.metadata[key]).unwrap();
    change(&mut value);
    file.metadata.insert(key.to_string(), value.to_string());
    let path = model.with_file_name("forged.safetensors");
    file.write(&path).unwrap();
    path
}

/// A tensor's values, which the file then lacks.
fn taken(file: &mut TensorFile, name: &str) -> Vec<f32> {
    let shape = file.shape(name).unwrap().to_vec();
    file.take_f32(name, &shape).unwrap()
}

#[test]
fn a_record_that_was_changed_is_refused_and_written_anew_once_it_is_gone() {
    let dir = tempdir().unwrap();
    let path = finished(&dir, "1");
    let record = path.join("run.json");
    let written = fs::read_to_string(&record).unwrap();
    let accuracy = |text: &str| {
        serde_json::from_str::<Value>(text).unwrap()["result"]["test_accuracy"].clone()
    };
    let digits = accuracy(&written).to_string();
    for damaged in [written.replacen(&digits, "0.5", 1), written[..written.len() / 2].to_string()] {
        fs::write(&record, damaged).unwrap();
        let mut resume = fanin();
        resume.args(["train", "--resume"]).arg(&path);
        assert_error(&mut resume, 1, "run.json: damaged, it is not what was written");
        assert_error(fanin().arg("compare").arg(&path), 1, "damaged");
    }
    fs::remove_file(&record).unwrap();
    run(fanin().args(["train", "--resume"]).arg(&path));
    assert_eq!(accuracy(&fs::read_to_string(&record).unwrap()), accuracy(&written));
}

#[test]
fn another_runs_model_does_not_stay_in_a_finished_run() {
    let dir = tempdir().unwrap();
    let [path, other] = ["1", "2"].map(|seed| finished(&dir, seed).join("model.safetensors"));
    let written = fs::read(&path).unwrap();
    fs::copy(&other, &path).unwrap();
    assert!(fs::read(&path).unwrap() != written);
    run(fanin().args(["train", "--resume"]).arg(path.parent().unwrap()));
    assert!(fs::read(&path).unwrap() == written);
}

#[test]
fn lost_metrics_are_told_of() {
    let dir = tempdir().unwrap();
    let path = finished(&dir, "1");
    let metrics = path.join("metrics.jsonl");
    let text = fs::read_to_string(&metrics).unwrap();
    let told = |text: Option<&str>| {
        match text {
            Some(text) => fs::write(&metrics, text).unwrap(),
            None => fs::remove_file(&metrics).unwrap(),
        }
        let output = fanin().args(["train", "--resume"]).arg(&path).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(!told(Some(&text)).contains("epochs are not in it"));
    assert!(told(Some(&text[..text.len() - 20])).contains("1 of 2 epochs are not in it"));
    assert!(told(None).contains("2 of 2 epochs are not in it"));
}

#[test]
fn a_run_that_diverges_leaves_no_model() {
    let dir = tempdir().unwrap();
    let (rows, out) = (table(dir.path(), "a"), dir.path().join("run"));
    let mut command = fanin();
    command.arg("train").arg("--train").arg(rows).args([
        "--label",
        "kind",
        "--lr",
        "1e38",
        "--sparsity",
        "0.5",
    ]);
    let output = command.arg("--out").arg(&out).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("error: the loss is not finite"), "{told}");
    assert!(out.join("checkpoint.safetensors").exists());
    assert!(!out.join("model.safetensors").exists());
}

#[test]
fn models_that_contradict_themselves_are_refused() {
    let dir = tempdir().unwrap();
    let model = model(dir.path(), "a");
    let rows = dir.path().join("rows.csv");
    let refused = |path: &Path, message: &str| {
        for command in ["predict", "eval", "inspect"] {
            let mut command_line = fanin();
            command_line.arg(command).arg(path);
            if command == "predict" {
                command_line.arg(&rows);
            }
            assert_error(&mut command_line, 1, message);
        }
    };
    let of_schema = |change: fn(&mut Value)| forged(&model, "schema", change);
    let fewer = of_schema(|schema| drop(schema["classes"].as_array_mut().unwrap().pop()));
    refused(&fewer, "2 names of 3 classes");
    let twice = of_schema(|schema| schema["classes"][1] = schema["classes"][0].clone());
    refused(&twice, "two classes are called 'a'");
    let columns = of_schema(|schema| schema["columns"][1]["name"] = json!("x"));
    refused(&columns, "two columns are called 'x'");
    for factor in [json!(0.0), json!(-1.0)] {
        let forged = forged(&model, "scaling", |scaling| scaling["factor"][0] = factor);
        refused(&forged, "metadata scaling");
    }
    let mut file = TensorFile::read(&model).unwrap();
    let mut bias = taken(&mut file, "layers.0.bias");
    bias[0] = f32::NAN;
    file.add_f32("layers.0.bias".to_string(), vec![bias.len()], &bias);
    let path = dir.path().join("nan.safetensors");
    file.write(&path).unwrap();
    refused(&path, "layers.0 holds values that are not finite");
}

#[test]
fn what_is_evaluated_is_what_is_predicted() {
    let dir = tempdir().unwrap();
    let model = model(dir.path(), "a");
    run(fanin().arg("eval").arg(&model));
    let other = forged(&model, "scaling", |scaling| scaling["factor"][0] = json!(17.0));
    assert_error(fanin().arg("eval").arg(&other), 1, "rows of a --test file are scaled as");
    run(fanin().arg("eval").arg(&other).arg("--test").arg(dir.path().join("rows.csv")));
    // Weights that are finite, and answers that are not.
    let mut file = TensorFile::read(&model).unwrap();
    let last = "layers.2.bias";
    let mut bias = taken(&mut file, last);
    bias.fill(f32::MAX);
    file.add_f32(last.to_string(), vec![bias.len()], &bias);
    let weight = "layers.2.weight";
    let shape = file.shape(weight).unwrap().to_vec();
    let large = vec![f32::MAX; taken(&mut file, weight).len()];
    file.add_f32(weight.to_string(), shape, &large);
    let path = dir.path().join("large.safetensors");
    file.write(&path).unwrap();
    assert_error(fanin().arg("eval").arg(&path), 1, "rows have no answer");
}

#[test]
fn a_pipe_that_a_model_names_is_not_waited_for() {
    let dir = tempdir().unwrap();
    let model = model(dir.path(), "a");
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut file = TensorFile::read(&model).unwrap();
    let rows = dir.path().join("rows.csv").display().to_string();
    let settings = file.metadata["settings"].replace(&rows, &pipe.display().to_string());
    file.metadata.insert("settings".to_string(), settings);
    let path = dir.path().join("pipe.safetensors");
    file.write(&path).unwrap();
    assert_error(fanin().arg("eval").arg(&path), 1, "pipe: the model names it as its data");
}

#[test]
fn tables_beyond_the_memory_are_refused_while_they_are_read() {
    let dir = tempdir().unwrap();
    let long = [b"x,label\n".to_vec(), b"1,a\n2,b\n".repeat(2_000_000)].concat();
    let wide = [b"1,".repeat(400_000), b"a\n".to_vec()].concat().repeat(3);
    let sparse = b"1 1:1 2:1 3:1 4:1 5:1 6:1 7:1 8:1\n".repeat(400_000);
    for (name, content, label) in
        [("long.csv.gz", long, "label"), ("wide.csv.gz", wide, "-1"), ("rows.svm.gz", sparse, "")]
    {
        let path = dir.path().join(name);
        fs::write(&path, gzip(&content)).unwrap();
        let mut command = fanin();
        command.args(["data", "describe"]).arg(&path).args(["--max-memory", "40MB"]);
        if !label.is_empty() {
            command.args(["--label", label]);
        }
        assert_error(&mut command, 1, "no more than 40 MB may be taken");
    }
    let eoi = ["topology", "--shape", "2000x2000", "--generator", "eoi", "--max-memory", "41MB"];
    assert_error(fanin().args(eoi), 1, "an orthonormal matrix of 2000 × 2000 would take");
}

#[test]
fn texts_of_files_move_no_cursor() {
    let dir = tempdir().unwrap();
    let class = "a\u{1b}[31m\u{202e}\u{9b}z";
    let model = model(dir.path(), class);
    let rows = dir.path().join("rows.csv");
    for args in [
        vec!["eval".as_ref(), model.as_os_str()],
        vec!["inspect".as_ref(), model.as_os_str()],
        vec![
            "data".as_ref(),
            "describe".as_ref(),
            rows.as_os_str(),
            "--label".as_ref(),
            "kind".as_ref(),
        ],
    ] {
        let output = fanin().args(&args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let moves = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(moves), "{args:?}: {text:?}");
    }
    // An answer in a file or a pipe is the class itself.
    let answers = run(fanin().arg("predict").arg(&model).arg(&rows));
    assert!(answers.contains(class), "{answers:?}");
}

#[test]
fn a_limit_of_file_sizes_is_an_error_in_one_line() {
    let dir = tempdir().unwrap();
    let rows = table(dir.path(), "a");
    let script = format!(
        "ulimit -f 8; exec {} train --train {} --label kind --hidden 512 --out {}",
        env!("CARGO_BIN_EXE_fanin"),
        rows.display(),
        dir.path().join("run").display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let errors = told.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.filter(|line| line.contains("File too large")).count(), 1, "{told}");
}
