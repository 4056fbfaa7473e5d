//! The four data sets of the paper, from their files to a trained network.

use command::{fanin, run, summary};
use fanin::dataset::{DataConfig, KNOWN, Normalize, Scaling};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

#[path = "common/command.rs"]
mod command;

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

fn config(name: &str, dir: &Path) -> DataConfig {
    let (dataset, data_dir) = (name.to_string(), Some(dir.to_path_buf()));
    DataConfig { dataset, data_dir, ..DataConfig::default() }
}

#[test]
fn forest_cover_is_ucis_table_split_as_the_paper_splits_it() {
    let test = "forest_cover_is_ucis_table_split_as_the_paper_splits_it";
    let Some(dir) = folder("forest-cover", test) else { return };
    let config = config("forest-cover", &dir);
    let data = config.load().unwrap();
    // As the file has them.
    let plain = DataConfig { normalize: Normalize::None, ..config }.load().unwrap();
    // Paper table 1.
    assert_eq!((data.train.len(), data.test.len()), (464_809, 116_203));
    assert_eq!((data.train.features(), data.train.outputs()), (54, 7));
    let mut counts = [0; 7];
    let labels = data.train.labels().iter().chain(data.test.labels());
    labels.for_each(|&label| counts[label as usize] += 1);
    assert_eq!(counts, [211_840, 283_301, 35_754, 2_747, 9_493, 17_367, 20_510]);
    // The first row of UCI's file, on whichever side it is.
    let held_out = data.test_rows.as_ref().unwrap();
    let side = if held_out[0] == 0 { &plain.test } else { &plain.train };
    let first = &side.inputs().unwrap()[..10];
    assert_eq!(first, [2596.0, 51.0, 3.0, 258.0, 0.0, 510.0, 221.0, 232.0, 148.0, 6279.0]);
    assert_eq!(side.labels()[0], 4);
    let all = [plain.train.inputs().unwrap(), plain.test.inputs().unwrap()];
    let elevations = || all.iter().flat_map(|rows| rows.iter().step_by(54)).map(|&x| f64::from(x));
    let mean = elevations().sum::<f64>() / 581_012.0;
    let variance = elevations().map(|x| (x - mean).powi(2)).sum::<f64>() / 581_012.0;
    assert!((mean - 2959.37).abs() < 0.01 && (variance.sqrt() - 279.98).abs() < 0.01, "{mean}");
    for row in all.iter().flat_map(|rows| rows.chunks(54)) {
        let ones = |part: &[f32]| part.iter().sum::<f32>() == 1.0;
        assert!(ones(&row[10..14]) && ones(&row[14..]), "one area and one soil each");
    }
    // Fitted on the training rows alone, so not quite the whole table's.
    let Scaling::Columns { center, factor, .. } = &data.scaling else {
        panic!("a table's scaling")
    };
    assert!((factor[0] * 279.98 - 1.0).abs() < 0.01 && (center[0] - 2959.37).abs() < 1.0);
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
    let Scaling::Uniform { scale, shift } = data.scaling else { panic!("images have one scale") };
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
            assert!(problem.to_string().contains("`allow-unofficial`"), "{problem}");
            let allowed = DataConfig { allow_unofficial: true, ..official };
            let data = allowed.load().unwrap();
            assert_eq!(data.name, "emnist-balanced (stand-in)");
            assert_eq!(data.train.outputs(), 47);
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
