//! One's own data, from the command line to the predictions.

use command::{fanin, run, summary};
use fanin::dataset::{Dataset, Normalize, Samples, Values};
use fanin::train::{TrainConfig, Trainer};
use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

#[path = "common/command.rs"]
mod command;

/// Four kinds of flowers by two numbers and a colour that tells two of them apart.
fn flowers(rows: usize) -> String {
    let mut text = String::from("length,width,colour,species\n");
    for row in 0..rows {
        let kind = row % 4;
        let wobble = |i: usize| (row * (7 + i) % 11) as f64 / 20.0;
        let length = (kind / 2) as f64 * 3.0 + wobble(0);
        let width = 1.0 + wobble(1);
        let colour = if kind % 2 == 0 { "white" } else { "blue, pale" };
        let species = ["setosa", "virginica", "\"lily \"\"x\"\"\"", "rose"][kind];
        text += &format!("{length},{width},\"{colour}\",{species}\n");
    }
    text
}

/// A model of flowers in a folder with its training file.
fn flower_run(extra: &[&str]) -> (TempDir, PathBuf, serde_json::Value) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("flowers.csv");
    fs::write(&file, flowers(400)).unwrap();
    let out = dir.path().join("run");
    let (file, path) = (file.to_str().unwrap(), out.to_str().unwrap());
    let flags = ["--train", file, "--label", "species", "--hidden", "32", "--sparsity", "0.3"];
    let training = ["--batch", "32", "--epochs", "30", "--out", path];
    let summary = summary(&[&flags[..], &training, extra].concat());
    (dir, out, summary)
}

/// The rows that a list holds, under the line that says how they count: 1 to 400 of 400.
fn held_out(text: &str) -> HashSet<usize> {
    let (first, rows) = text.split_once('\n').unwrap();
    assert!(first.starts_with("# rows of the training file, counted from 1"), "{first}");
    let rows: HashSet<usize> = rows.lines().map(|n| n.parse().unwrap()).collect();
    assert!(rows.iter().all(|row| (1..=400).contains(row)));
    rows
}

#[test]
fn ones_own_table_trains_and_predicts_by_name() {
    let (dir, out, summary) = flower_run(&[]);
    assert_eq!((&summary["data"], &summary["test_accuracy"]), (&"flowers.csv".into(), &1.0.into()));
    let rows = fs::read_to_string(out.join("test-rows.txt")).unwrap();
    assert_eq!(held_out(&rows).len(), 80);
    let model = out.join("model.safetensors");
    let predict = |input: &str| {
        let mut command = fanin();
        command.arg("predict").arg(&model).write_stdin(input.to_string());
        command
    };
    let straight = "length,width,colour\n0.1,1.2,white\n0.2,1.1,\"blue, pale\"\n3.1,1.2,white\n";
    let shuffled = "note,colour,length,width,species\nx,white,0.1,1.2,?\n\
                    y,\"blue, pale\",0.2,1.1,rose\nz,white,3.1,1.2,\n";
    let answers = run(&mut predict(straight));
    assert_eq!(answers, run(&mut predict(shuffled)));
    let lines: Vec<&str> = answers.lines().collect();
    assert_eq!(lines[0], "class,\"plily \"\"x\"\"\",prose,psetosa,pvirginica");
    assert!(lines[1].starts_with("setosa,") && lines[2].starts_with("virginica,"), "{answers}");
    assert!(lines[3].starts_with("\"lily \"\"x\"\"\","), "{answers}");
    // Without a header the columns stand as they did.
    assert_eq!(answers, run(&mut predict(straight.split_once('\n').unwrap().1)));
    let json = run(predict(straight).args(["--format", "json"]));
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["class"], "setosa");
    for (input, message) in [
        ("length,colour\n1,white\n", "the model needs column 'width', which is not there"),
        ("length,width,colour\n1,2,green\n", "line 2, column 'colour': 'green' does not occur"),
        ("length,width,colour\n1,,white\n", "line 2, column 'width': the value is missing"),
        ("length,width,colour\n1,two,white\n", "line 2, column 2: 'two' is not a finite number"),
        ("1,2\n", "line 1: 2 fields where there are 3"),
    ] {
        let output = predict(input).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && stderr.contains(message), "{stderr}");
    }
    // eval draws the same test rows again, or takes another file.
    let eval = run(fanin().arg("eval").arg(&model).arg("--json"));
    let eval: serde_json::Value = serde_json::from_str(&eval).unwrap();
    assert_eq!((&eval["samples"], &eval["class_names"][2]), (&80.into(), &"setosa".into()));
    let more = dir.path().join("more.csv");
    fs::write(&more, flowers(12)).unwrap();
    let eval = run(fanin().arg("eval").arg(&model).arg("--test").arg(&more));
    assert!(eval.contains("12 test samples: accuracy 100.00 %"), "{eval}");
}

#[test]
fn early_stopping_keeps_the_best_network_and_survives_a_resume() {
    let extra = ["--validation-fraction", "0.25", "--patience", "3", "--stratify", "--lr", "0.05"];
    let (_dir, out, summary) = flower_run(&extra);
    let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let losses: Vec<f64> = metrics
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["validation_loss"].as_f64().unwrap())
        .collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert_eq!(summary["best_epoch"], best + 1);
    // Thirty epochs, or three after the best.
    assert_eq!(losses.len(), 30.min(best + 4));
    assert_eq!(summary["epochs"], losses.len());
    let validation = fs::read_to_string(out.join("validation-rows.txt")).unwrap();
    // The model on disk is the best one: its results are those of its epoch.
    let line: serde_json::Value = serde_json::from_str(metrics.lines().nth(best).unwrap()).unwrap();
    assert_eq!(summary["test_loss"], line["test_loss"]);
    let model = fs::read(out.join("model.safetensors")).unwrap();
    run(fanin().args(["train", "--quiet", "--resume"]).arg(&out));
    assert!(fs::read(out.join("model.safetensors")).unwrap() == model);
    assert_eq!(fs::read_to_string(out.join("metrics.jsonl")).unwrap(), metrics);
    // Rows are numbered as in the file: those held out for validation are none of the test's.
    let test = fs::read_to_string(out.join("test-rows.txt")).unwrap();
    let (test, validation) = (held_out(&test), held_out(&validation));
    assert!(test.is_disjoint(&validation) && test.len() == 80 && validation.len() == 80);
    let without = ["--patience", "3"];
    let output = fanin().arg("train").args(without).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("--validation-fraction"));
}

#[test]
fn balanced_classes_raise_the_recall_of_the_rare() {
    // Ninety-five of one kind to five of another that overlaps it.
    let mut text = String::from("x,kind\n");
    for row in 0..2000 {
        let is_rare = row % 20 == 0;
        let x = f64::from(row * 37 % 100) / 50.0 + if is_rare { 0.9 } else { 0.0 };
        text += &format!("{x},{}\n", if is_rare { "rare" } else { "usual" });
    }
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("rare.csv");
    fs::write(&file, text).unwrap();
    let recall = |weight: &str| {
        let out = dir.path().join(weight);
        let (file, path) = (file.to_str().unwrap(), out.to_str().unwrap());
        let flags = ["--train", file, "--label", "kind", "--stratify", "--class-weight", weight];
        let network = ["--hidden", "16", "--sparsity", "0", "--epochs", "20", "--out", path];
        summary(&[&flags[..], &network].concat());
        let eval = run(fanin().arg("eval").arg(out.join("model.safetensors")).arg("--json"));
        let eval: serde_json::Value = serde_json::from_str(&eval).unwrap();
        assert_eq!(eval["class_names"][0], "rare");
        eval["classes"][0]["recall"].as_f64().unwrap()
    };
    let (none, balanced) = (recall("none"), recall("balanced"));
    assert!(balanced > none + 0.2, "{none}, {balanced}");
}

#[test]
fn a_split_does_not_depend_on_the_trainings_seed() {
    let rows = |extra: &[&str]| {
        let (_dir, out, _) = flower_run(extra);
        fs::read_to_string(out.join("test-rows.txt")).unwrap()
    };
    let first = rows(&[]);
    assert_eq!(first, rows(&["--seed", "7"]));
    assert_ne!(first, rows(&["--split-seed", "7"]));
}

#[test]
fn flags_for_ones_own_data_need_some() {
    for flags in [["--label", "x"], ["--test", "x.csv"], ["--missing", "mean"]] {
        let output = fanin().arg("train").args(flags).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("--train FILE"), "{stderr}");
    }
    let dir = TempDir::new().unwrap();
    let x = dir.path().join("x.npy");
    fs::write(&x, fanin::format::npy::npy("<f4", "(1, 1)", vec![0; 4])).unwrap();
    let npy = fanin().args(["train", "--label", "y", "--train"]).arg(x).output().unwrap();
    assert!(String::from_utf8_lossy(&npy.stderr).contains("--label is for tables of text"));
    let both = fanin().args(["train", "--train", "x.csv", "--dataset", "mnist"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_header_of_numbers_is_known_by_the_labels_name() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("years.csv");
    let rows: String = (0..40).map(|i| format!("{i},{},{}\n", i * i, ["a", "b"][i % 2])).collect();
    fs::write(&file, format!("2019,2020,kind\n{rows}")).unwrap();
    let out = dir.path().join("run");
    let (file, path) = (file.to_str().unwrap(), out.to_str().unwrap());
    let flags = ["--train", file, "--label", "kind", "--hidden", "8", "--epochs", "1"];
    summary(&[&flags[..], &["--sparsity", "0", "--out", path]].concat());
    let mut command = fanin();
    command.arg("predict").arg(out.join("model.safetensors"));
    let straight = run(command.write_stdin("2019,2020\n1,2\n3,4\n"));
    assert_eq!(straight.lines().count(), 3);
    let mut command = fanin();
    command.arg("predict").arg(out.join("model.safetensors"));
    assert_eq!(run(command.write_stdin("2020,2019\n2,1\n4,3\n")), straight);
}

#[test]
fn a_validation_file_is_watched_as_drawn_rows_are() {
    let dir = TempDir::new().unwrap();
    let file = |name: &str, rows: usize| {
        let path = dir.path().join(name);
        fs::write(&path, flowers(rows)).unwrap();
        path.to_str().unwrap().to_string()
    };
    let (train, validation, test) = (file("a.csv", 200), file("b.csv", 40), file("c.csv", 60));
    let out = dir.path().join("run");
    let flags = ["--label", "species", "--hidden", "16", "--sparsity", "0", "--patience", "2"];
    let more = ["--train", &train, "--validation", &validation, "--test", &test, "--epochs", "9"];
    let result = summary(&[&flags[..], &more, &["--out", out.to_str().unwrap()]].concat());
    assert!(result["best_epoch"].as_u64().is_some(), "{result}");
    let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    assert!(metrics.lines().all(|line| line.contains("validation_loss")));
    // Another validation file is another run.
    file("b.csv", 44);
    let output = fanin().args(["train", "--resume"]).arg(&out).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && stderr.contains("not the data"), "{stderr}");
    let both = fanin().arg("train").args(more).args(["--validation-fraction", "0.1"]).output();
    let stderr = String::from_utf8(both.unwrap().stderr).unwrap();
    assert!(
        stderr.contains("--validation-fraction is for data without a --validation"),
        "{stderr}"
    );
}

#[test]
fn a_batchs_mean_is_by_the_weights_of_its_classes() {
    // Nine of ten samples are of the first class.
    let labels: Vec<u16> = (0..100).map(|i| u16::from(i % 10 == 3)).collect();
    let values: Vec<f32> = (0..300).map(|i| (i * 37 % 101) as f32 / 50.0).collect();
    let samples = Samples::with_values(3, 2, Values::Floats(values), labels.clone()).unwrap();
    let mut data = Dataset::new(samples.clone(), samples, Normalize::Standard);
    data.train.balance_classes();
    let config = TrainConfig { hidden: vec![8], sparsity: 0.0, batch: 100, ..Default::default() };
    let mut trainer = Trainer::new(config, data.clone()).unwrap();
    let mut of_class = |class: u16| {
        let rows = (0..100).filter(|&row| labels[row] == class).collect::<Vec<usize>>();
        trainer.evaluate(&data.test.select(rows)).unwrap().loss
    };
    let expected = (of_class(0) + of_class(1)) / 2.0;
    let loss = trainer.step().unwrap().loss;
    assert!((loss - expected).abs() < 1e-6, "{loss}, not {expected}");
}

#[test]
fn images_of_bytes_and_of_floats_are_not_one_data_set() {
    let dir = TempDir::new().unwrap();
    let npy = |name: &str, descr: &str, shape: &str, data: Vec<u8>| {
        let path = dir.path().join(name);
        fs::write(&path, fanin::format::npy::npy(descr, shape, data)).unwrap();
        path
    };
    let labels = npy("y.npy", "|u1", "(4,)", vec![0, 1, 0, 1]);
    let images = npy("images.npy", "|u1", "(4, 2, 1)", vec![7; 8]);
    let table = npy("table.npy", "|u1", "(4, 2)", vec![7; 8]);
    let halves = npy("halves.npy", "<f4", "(4, 2)", [0.5f32.to_le_bytes(); 8].concat());
    let train = |train: &PathBuf, test: &PathBuf| {
        let mut command = fanin();
        command.args(["train", "--hidden", "4", "--sparsity", "0", "--epochs", "1", "--train"]);
        command.arg(train).arg("--train-labels").arg(&labels).arg("--test").arg(test);
        let output = command.arg("--test-labels").arg(&labels).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, stderr) = train(&images, &halves);
    assert!(code == Some(1) && stderr.contains("no whole number from 0 to 255"), "{stderr}");
    // Bytes in rows and columns are a table, as any numbers are; and fit for images.
    for (a, b) in [(&table, &halves), (&images, &table), (&table, &images)] {
        let (code, stderr) = train(a, b);
        assert_eq!(code, Some(0), "{stderr}");
    }
}
