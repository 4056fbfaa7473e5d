//! The four data sets of the paper, and one's own, from the command line to the predictions.

use assert_cmd::Command;
use fanin::dataset::{DataConfig, KNOWN};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn fanin() -> Command {
    let mut command = Command::cargo_bin("fanin").unwrap();
    command.env_remove("FANIN_DATA_DIR").env_remove("FANIN_ISA");
    command
}

/// The folder that `FANIN_DATA_DIR` names, if it holds the data set; else a word that `test` is
/// skipped.
fn folder(name: &str, test: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("FANIN_DATA_DIR").map(PathBuf::from);
    let dir = dir.filter(|dir| dir.join(name).is_dir());
    if dir.is_none() {
        println!("skipped: {test} ({name})");
    }
    dir
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn summary(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&run(fanin().arg("train").args(args).args(["--json", "--quiet"]))).unwrap()
}

fn config(name: &str, dir: &Path) -> DataConfig {
    let (dataset, data_dir) = (name.to_string(), Some(dir.to_path_buf()));
    DataConfig { dataset, data_dir, ..DataConfig::default() }
}

#[test]
fn forest_cover_is_ucis_table_split_as_the_paper_splits_it() {
    let test = "forest_cover_is_ucis_table_split_as_the_paper_splits_it";
    let Some(dir) = folder("forest-cover", test) else { return };
    let data = config("forest-cover", &dir).load().unwrap();
    // Paper table 1.
    assert_eq!((data.train.len(), data.test.len()), (464_809, 116_203));
    assert_eq!((data.train.features(), data.train.classes()), (54, 7));
    let mut counts = [0; 7];
    let labels = data.train.labels().iter().chain(data.test.labels());
    labels.for_each(|&label| counts[label as usize] += 1);
    assert_eq!(counts, [211_840, 283_301, 35_754, 2_747, 9_493, 17_367, 20_510]);
    // The first row of UCI's file, on whichever side it is.
    let held_out = data.test_rows.as_ref().unwrap();
    let side = if held_out[0] == 0 { &data.test } else { &data.train };
    let first = &side.floats().unwrap()[..10];
    assert_eq!(first, [2596.0, 51.0, 3.0, 258.0, 0.0, 510.0, 221.0, 232.0, 148.0, 6279.0]);
    assert_eq!(side.labels()[0], 4);
    let all = [data.train.floats().unwrap(), data.test.floats().unwrap()];
    let elevations = || all.iter().flat_map(|rows| rows.iter().step_by(54)).map(|&x| f64::from(x));
    let mean = elevations().sum::<f64>() / 581_012.0;
    let variance = elevations().map(|x| (x - mean).powi(2)).sum::<f64>() / 581_012.0;
    assert!((mean - 2959.37).abs() < 0.01 && (variance.sqrt() - 279.98).abs() < 0.01, "{mean}");
    for row in all.iter().flat_map(|rows| rows.chunks(54)) {
        let ones = |part: &[f32]| part.iter().sum::<f32>() == 1.0;
        assert!(ones(&row[10..14]) && ones(&row[14..]), "one area and one soil each");
    }
    // Fitted on the training rows alone, so not quite the whole table's.
    let (scale, shift) = data.scaling.of(0);
    assert!((f64::from(scale) * 279.98 - 1.0).abs() < 0.01 && shift < 0.0);
    assert_eq!(data.schema.columns[53].name, "Soil_Type40");
    assert_eq!(data.name, "forest-cover");
}

#[test]
fn fashion_mnist_has_the_moments_that_are_known_of_it() {
    let test = "fashion_mnist_has_the_moments_that_are_known_of_it";
    let Some(dir) = folder("fashion-mnist", test) else { return };
    let data = config("fashion-mnist", &dir).load().unwrap();
    assert_eq!(
        (data.train.len(), data.test.len(), data.schema.class(9)),
        (60_000, 10_000, "Ankle boot".into())
    );
    let (scale, shift) = data.scaling.of(0);
    // x·scale + shift = (x/255 − .28604)/.35302
    assert!((1.0 / (255.0 * f64::from(scale)) - 0.35302).abs() < 1e-4);
    assert!((-f64::from(shift) * 0.35302 - 0.28604).abs() < 1e-4);
}

#[test]
fn emnists_classes_are_its_mapping_and_a_stand_in_is_refused_or_marked() {
    let test = "emnists_classes_are_its_mapping_and_a_stand_in_is_refused_or_marked";
    let Some(dir) = folder("emnist-balanced", test) else { return };
    let mapping =
        fs::read_to_string(dir.join("emnist-balanced/emnist-balanced-mapping.txt")).unwrap();
    let known = KNOWN.iter().find(|known| known.name == "emnist-balanced").unwrap();
    for (line, class) in mapping.lines().zip(known.classes) {
        let (_, code) = line.split_once(' ').unwrap();
        assert_eq!(char::from(code.trim().parse::<u8>().unwrap()).to_string(), *class);
    }
    assert_eq!(mapping.lines().count(), 47);
    let official = config("emnist-balanced", &dir);
    match official.load() {
        // The official files need no permission, and have their sizes.
        Ok(data) => assert_eq!((data.train.len(), data.test.len()), (112_800, 18_800)),
        Err(problem) => {
            assert!(problem.to_string().contains("--allow-unofficial"), "{problem}");
            let allowed = DataConfig { allow_unofficial: true, ..official };
            let data = allowed.load().unwrap();
            assert_eq!(data.name, "emnist-balanced (stand-in)");
            assert_eq!(data.train.classes(), 47);
        }
    }
}

#[test]
fn a_stand_in_is_marked_in_every_result() {
    let dir = TempDir::new().unwrap();
    let own = dir.path().join("mnist");
    fs::create_dir(&own).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    for file in fs::read_dir(shipped).unwrap() {
        let file = file.unwrap().path();
        // The test images for the training images too: 10,000 under the name of 60,000.
        let name = file.file_name().unwrap().to_str().unwrap();
        let source = file.with_file_name(name.replace("train", "t10k"));
        fs::copy(source, own.join(name)).unwrap();
    }
    let data_dir = dir.path().to_str().unwrap();
    let out = dir.path().join("run");
    let flags = ["--data-dir", data_dir, "--hidden", "8", "--epochs", "1", "--out"];
    let refused = fanin().arg("train").args(flags).arg(&out).output().unwrap();
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(stderr.contains("10000 samples where the official file has 60000"), "{stderr}");
    let flags = [&flags[..], &[out.to_str().unwrap(), "--allow-unofficial"]].concat();
    assert_eq!(summary(&flags)["data"], "mnist (stand-in)");
    let record = fs::read_to_string(out.join("run.json")).unwrap();
    assert!(record.contains("mnist (stand-in)"));
    let model = out.join("model.safetensors");
    let eval = run(fanin().arg("eval").arg(model).arg("--data-dir").arg(dir.path()));
    assert!(eval.starts_with("mnist (stand-in), 10,000 test samples"), "{eval}");
}

#[test]
fn the_four_data_sets_train_with_the_papers_networks() {
    for (name, hidden, batch, least) in [
        ("fashion-mnist", "1024,1024", "128", 0.80),
        ("emnist-balanced", "1024,1024", "128", 0.70),
        ("forest-cover", "1024,1024,1024", "256", 0.75),
    ] {
        let test = "the_four_data_sets_train_with_the_papers_networks";
        let Some(dir) = folder(name, test) else { continue };
        let dir = dir.to_str().unwrap();
        let data = ["--dataset", name, "--data-dir", dir, "--allow-unofficial"];
        let network = ["--hidden", hidden, "--batch", batch, "--epochs", "1", "--sparsity", "0.95"];
        let summary = summary(&[&data[..], &network].concat());
        assert!(summary["test_accuracy"].as_f64().unwrap() > least, "{name}: {summary}");
    }
}

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

#[test]
fn ones_own_table_trains_and_predicts_by_name() {
    let (dir, out, summary) = flower_run(&[]);
    assert_eq!((&summary["data"], &summary["test_accuracy"]), (&"flowers.csv".into(), &1.0.into()));
    let rows = fs::read_to_string(out.join("test-rows.txt")).unwrap();
    assert_eq!(rows.lines().count(), 80);
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
    assert_eq!(validation.lines().count(), 80);
    // The model on disk is the best one: its results are those of its epoch.
    let line: serde_json::Value = serde_json::from_str(metrics.lines().nth(best).unwrap()).unwrap();
    assert_eq!(summary["test_loss"], line["test_loss"]);
    let model = fs::read(out.join("model.safetensors")).unwrap();
    run(fanin().args(["train", "--quiet", "--resume"]).arg(&out));
    assert!(fs::read(out.join("model.safetensors")).unwrap() == model);
    assert_eq!(fs::read_to_string(out.join("metrics.jsonl")).unwrap(), metrics);
    // Rows are numbered as in the file: those held out for validation are none of the test's.
    let test = fs::read_to_string(out.join("test-rows.txt")).unwrap();
    let numbers = |text: &str| text.lines().map(|n| n.parse().unwrap()).collect::<HashSet<usize>>();
    let (test, validation) = (numbers(&test), numbers(&validation));
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
    let npy = fanin().args(["train", "--train", "x.npy", "--label", "y"]).output().unwrap();
    assert!(String::from_utf8_lossy(&npy.stderr).contains("--label is for tables of text"));
    let both = fanin().args(["train", "--train", "x.csv", "--dataset", "mnist"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_known_data_sets_model_is_evaluated_on_files_of_its_kind() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("run");
    let path = out.to_str().unwrap();
    let trained = summary(&["--hidden", "16", "--epochs", "1", "--out", path]);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    let mut command = fanin();
    command.arg("eval").arg(out.join("model.safetensors")).arg("--json");
    command.arg("--test").arg(shipped.join("t10k-images-idx3-ubyte.gz"));
    command.arg("--test-labels").arg(shipped.join("t10k-labels-idx1-ubyte.gz"));
    let eval: serde_json::Value = serde_json::from_str(&run(&mut command)).unwrap();
    assert_eq!(eval["accuracy"], trained["test_accuracy"]);
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
fn bytes_and_floats_are_not_one_data_set() {
    let dir = TempDir::new().unwrap();
    let npy = |name: &str, descr: &str, shape: &str, data: Vec<u8>| {
        let path = dir.path().join(name);
        fs::write(&path, fanin::format::npy::npy(descr, shape, data)).unwrap();
        path
    };
    let labels = npy("y.npy", "|u1", "(4,)", vec![0, 1, 0, 1]);
    let bytes = npy("bytes.npy", "|u1", "(4, 2)", vec![7; 8]);
    let floats = npy("floats.npy", "<f4", "(4, 2)", vec![0; 32]);
    let mut command = fanin();
    command.args(["train", "--hidden", "4", "--sparsity", "0", "--train"]).arg(bytes);
    command.arg("--train-labels").arg(&labels).arg("--test").arg(floats);
    let output = command.arg("--test-labels").arg(&labels).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && stderr.contains("holds bytes"), "{stderr}");
}

#[test]
fn contact_sheets_show_mnist_upright() {
    let dir = TempDir::new().unwrap();
    for name in ["sheet.svg", "sheet.png"] {
        let out = dir.path().join(name);
        run(fanin().args(["data", "show", "mnist", "--count", "9", "--out"]).arg(&out));
        assert!(fs::metadata(&out).unwrap().len() > 1000);
    }
    // MNIST begins with 5, 0, 4.
    let svg = fs::read_to_string(dir.path().join("sheet.svg")).unwrap();
    let labels: Vec<&str> = svg.split("middle\">").skip(1).map(|text| &text[..1]).collect();
    assert_eq!(labels[..3], ["5", "0", "4"]);
    let output = fanin().args(["data", "show", "mnist", "--out", "x.gif"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains(".svg or .png"));
}

#[test]
fn known_data_is_listed_and_verified() {
    let list = run(fanin().args(["data", "list", "--json"]));
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|known| known["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mnist", "fashion-mnist", "emnist-balanced", "forest-cover"]);
    let verify = run(fanin().args(["data", "verify", "mnist"]));
    assert_eq!(verify.matches(": right").count(), 4);
    let dir = TempDir::new().unwrap();
    let missing = fanin().args(["data", "verify", "mnist", "--data-dir"]).arg(dir.path()).output();
    let stderr = String::from_utf8(missing.unwrap().stderr).unwrap();
    assert!(stderr.contains("is not here"), "{stderr}");
    let offline = fanin().args(["train", "--data-dir"]).arg(dir.path()).output().unwrap();
    let stderr = String::from_utf8(offline.stderr).unwrap();
    assert!(stderr.contains("fanin data fetch mnist") && stderr.contains("https://"), "{stderr}");
}
