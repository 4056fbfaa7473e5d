//! The built binary: what it writes, and how it fails.

#[path = "common/command.rs"]
mod command;
#[path = "common/files.rs"]
mod files;

use command::{assert_error, fanin};
use files::{gzip, idx};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A run small enough for a test.
const SMALL: [&str; 6] = ["train", "--hidden", "16", "--epochs", "1", "--quiet"];

/// A copy of the shipped MNIST with one file replaced.
fn mnist_with(file: &str, content: &[u8]) -> TempDir {
    let dir = TempDir::new().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    for entry in fs::read_dir(shipped).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    fs::write(dir.path().join(file), content).unwrap();
    dir
}

#[test]
fn train_writes_model_metrics_and_summary() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("run");
    let output = fanin()
        .args(["train", "--hidden", "48,32", "--epochs", "2", "--batch", "256", "--json"])
        .args(["--sparsity", "0.8", "--seed", "7", "--threads", "2", "--lr", "0.002", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key}: {summary}"));
    assert!(number("test_accuracy") > 0.85 && number("test_accuracy") <= 1.0);
    assert!(number("test_loss") > 0.0 && number("train_loss") > 0.0);
    assert!(number("seconds_per_epoch") > 0.0 && number("eval_seconds") > 0.0);
    let nnz = [7526.0, 307.0, 320.0]; // round(0.2·784·48), round(0.2·48·32), 32·10
    assert_eq!(number("nnz"), nnz.iter().sum::<f64>());
    // Biases of all layers, γ and β of the hidden ones.
    assert_eq!(number("parameters"), nnz.iter().sum::<f64>() + 90.0 + 160.0);
    assert_eq!(number("inference_flops_per_sample"), 2.0 * nnz.iter().sum::<f64>());
    let train_flops = 2.0 * (2.0 * nnz[0] + 3.0 * (nnz[1] + nnz[2]));
    assert_eq!(number("train_flops_per_sample"), train_flops);
    let dense = 2.0 * f64::from(784 * 48 + 48 * 32 + 32 * 10);
    assert_eq!(number("inference_flops_per_sample_dense"), dense);
    assert_eq!((number("sparsity_target"), number("epochs")), (0.8, 2.0));
    assert!((number("sparsity_of_sparse_layers") - 0.8).abs() < 1e-4);
    assert_eq!(number("sparsity_of_sparse_layers"), number("sparsity_of_hidden_layers"));
    assert_eq!((number("threads"), number("seed")), (2.0, 7.0));
    assert_eq!(summary["run_dir"], out.to_str().unwrap());
    assert!(summary["isa"].is_string() && summary.get("peak_rss_bytes").is_some());

    let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[1]["epoch"], &lines[1]["step"]), (&2.into(), &470.into()));
    assert_eq!(lines[1]["test_accuracy"], summary["test_accuracy"]);

    let bytes = fs::read(out.join("model.safetensors")).unwrap();
    let model = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(model.tensor("layers.0.weight.row_ptr").unwrap().shape(), [49]);
    assert_eq!(model.tensor("layers.0.weight.col_idx").unwrap().shape(), [7526]);
    assert_eq!(model.tensor("layers.1.weight.values").unwrap().shape(), [307]);
    assert_eq!(model.tensor("layers.2.weight").unwrap().shape(), [10, 32]);
    assert_eq!(model.tensor("layers.1.norm.gamma").unwrap().shape(), [32]);
    assert!(model.tensor("layers.2.norm.gamma").is_err());
}

#[test]
fn the_summary_does_not_depend_on_threads() {
    let accuracy = |threads: &str| {
        let output = fanin().args(SMALL).args(["--json", "--threads", threads]).output().unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (summary["test_loss"].to_string(), summary["train_loss"].to_string())
    };
    assert_eq!(accuracy("1"), accuracy("3"));
}

#[test]
fn plain_output_shows_network_epochs_and_summary() {
    let output = fanin().args(&SMALL[..5]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["784→16", "fan-in", "epoch   1", "test accuracy", "flops/sample"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // Without a terminal there is no bar and no escape sequence.
    assert!(output.stderr.is_empty() && !text.contains('\u{1b}'));
    let quiet = fanin().args(SMALL).output().unwrap();
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty());
}

#[test]
fn gradcheck_passes_and_reports() {
    let output = fanin().args(["gradcheck", "--json"]).output().unwrap();
    assert!(output.status.success());
    let checks: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let subjects = checks.iter().map(|check| check["subject"].as_str().unwrap().to_string());
    assert!(subjects.into_iter().any(|subject| subject.starts_with("masked")));
}

#[test]
fn missing_data_is_an_error_that_says_where_it_looked() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("nowhere");
    assert_error(fanin().args(SMALL).arg("--data-dir").arg(&path), 1, "nowhere");
}

#[test]
fn damaged_gzip_is_an_error() {
    let mut content = gzip(&idx(&[10], &[0; 10]));
    let middle = content.len() / 2;
    content[middle] ^= 0xff;
    let dir = mnist_with("t10k-labels-idx1-ubyte.gz", &content);
    assert_error(fanin().args(SMALL).arg("--data-dir").arg(dir.path()), 1, "damaged gzip stream");
}

#[test]
fn truncated_idx_is_an_error_with_both_sizes() {
    let content = gzip(&idx(&[10_000], &[0; 99]));
    let dir = mnist_with("t10k-labels-idx1-ubyte.gz", &content);
    let message = "truncated: 99 bytes of content where the header promises 10000";
    assert_error(fanin().args(SMALL).arg("--data-dir").arg(dir.path()), 1, message);
}

#[test]
fn wrong_magic_trailing_bytes_and_impossible_dimensions_are_errors() {
    let run = |content: &[u8], message: &str| {
        let dir = mnist_with("t10k-labels-idx1-ubyte.gz", &gzip(content));
        assert_error(fanin().args(SMALL).arg("--data-dir").arg(dir.path()), 1, message);
    };
    run(&idx(&[1, 1, 1], &[0]), "not an IDX file of labels: it starts with 0x00000803");
    run(&idx(&[2], &[0; 3]), "bytes follow the 2 that the header promises");
    run(&idx(&[0], &[]), "impossible dimensions [0]");
    run(&[0, 0], "truncated: 2 bytes");
}

#[test]
fn a_label_out_of_range_is_an_error_naming_the_sample() {
    let mut labels = vec![3; 10_000];
    labels[777] = 10;
    let dir = mnist_with("t10k-labels-idx1-ubyte.gz", &gzip(&idx(&[10_000], &labels)));
    let message = "label 10 of sample 778 is out of range";
    assert_error(fanin().args(SMALL).arg("--data-dir").arg(dir.path()), 1, message);
}

#[test]
fn another_files_content_is_an_error() {
    let dir = mnist_with("t10k-labels-idx1-ubyte.gz", &gzip(&idx(&[10_000], &[3; 10_000])));
    assert_error(fanin().args(SMALL).arg("--data-dir").arg(dir.path()), 1, "SHA-256");
}

#[test]
fn a_sparsity_out_of_range_is_bad_usage() {
    for sparsity in ["1", "1.5", "-0.1", "nan", "many"] {
        let argument = format!("--sparsity={sparsity}");
        assert_error(fanin().args(SMALL).arg(argument), 2, "--sparsity");
    }
}

#[test]
fn a_fan_in_that_cannot_be_met_is_an_error_with_the_ceiling() {
    let message = "at most 0.998724 can be reached";
    assert_error(fanin().args(SMALL).args(["--sparsity", "0.9999"]), 1, message);
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run() {
    let message = "the loss is not finite at epoch 1, step 2: layer 1";
    assert_error(fanin().args(SMALL).args(["--lr", "1e30"]), 1, message);
}

#[test]
fn settings_out_of_range_are_errors() {
    assert_error(fanin().args(SMALL).args(["--batch", "0"]), 1, "batch");
    assert_error(fanin().args(SMALL).arg("--lr=-1"), 1, "learning rate");
    assert_error(
        fanin().args(["train", "--hidden", "0"]),
        1,
        "--hidden 0: a layer has 1 to 16777216 neurons",
    );
    assert_error(fanin().args(["train", "--hidden", "90000000000"]), 1, "1 to 16777216 neurons");
    assert_error(fanin().args(SMALL).arg("--lr=1e-300"), 1, "learning rate");
    assert_error(
        fanin().args(["train", "--epochs", "9223372036854775808"]),
        1,
        "--epochs: 9223372036854775808 is too large",
    );
    let nothing = ["--fan-in-min", "0", "--sparsity", "0.99999"];
    assert_error(fanin().args(SMALL).args(nothing), 1, "no connection is left");
    let vanishing = ["--profile", "inverse-linear", "--rounding", "floor", "--hidden", "1"];
    assert_error(fanin().arg("train").args(vanishing), 1, "is 0 at all of 1 neurons");
    assert_error(fanin().args(SMALL).args(["--dataset", "imagenet"]), 1, "unknown data set");
    assert_error(fanin().args(SMALL).env("FANIN_ISA", "mmx"), 1, "unknown instruction set");
}

#[test]
fn settings_that_do_not_fit_each_other_are_errors() {
    let list = ["train", "--hidden", "16,16", "--allocation", "0.5"];
    assert_error(fanin().args(list), 1, "error: 1 sparsities for 2 sparse layers");
    let shapes = ["topology", "--allocation", "0.5;0.6;0.7"];
    assert_error(fanin().args(shapes), 1, "error: 3 sparsities for 2 sparse layers");
    let dense = ["--engine", "dense", "--topology", "nowhere.npz"];
    assert_error(fanin().args(SMALL).args(dense), 1, "it has no use for --topology");
    let loss = "--loss mse is for numbers, and these samples have classes";
    assert_error(fanin().args(SMALL).args(["--loss", "mse"]), 1, loss);
    let every = "--rewire-every: 'static:every=50': static has no parameter 'every'";
    assert_error(fanin().args(SMALL).args(["--rewire-every", "50"]), 1, every);
}

#[test]
fn a_wrong_value_in_a_file_names_the_file_and_the_setting() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("settings.toml");
    for (text, message) in [
        ("epochs = 'many'", "--epochs: invalid type"),
        ("method = 'rigl:drop=2'", "--method: 'rigl:drop=2': drop must be a fraction"),
        ("hidden = 3", "--hidden: invalid type"),
        ("train = 3", "--train: a path, as a text or as the list of its bytes"),
        ("dataset = ''", "--dataset: it names no data set"),
        ("batch = [", "line 1: "),
    ] {
        fs::write(&file, text).unwrap();
        let message = format!("{}: {message}", file.display());
        assert_error(fanin().args(["train", "--config"]).arg(&file), 1, &message);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_naming_it() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    assert_error(fanin().args(SMALL).arg("--out").arg(file.join("run")), 1, "file");
}

#[test]
fn bench_maps_every_combination() {
    let dir = TempDir::new().unwrap();
    let figure = dir.path().join("map.svg");
    let grid =
        ["--widths", "256,320", "--batches", "8", "--sparsity", "0.5,0.995", "--threads", "1"];
    let mut command = fanin();
    command.arg("bench").args(grid).args(["--seconds", "0", "--figure"]).arg(&figure);
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    for part in [
        "share",
        "dense, ms",
        "matrixmultiply",
        " 50 %",
        " 99.5 %",
        "break-even density",
        "FMA peak",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let svg = fs::read_to_string(&figure).unwrap();
    assert_eq!(svg.matches('×').count() - svg.matches("1024 ×").count(), 8, "a number per cell");
    let output = fanin().arg("bench").args(grid).args(["--seconds", "0", "--json"]).output();
    let json: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert_eq!(json["points"].as_array().unwrap().len(), 12);
    assert_eq!(json["combinations"][1]["share"], 4);
    assert!(json["combinations"][0]["products_ms_median"].as_f64().unwrap() > 0.0);
    assert!(!text.contains("100 %"), "99.5 % is not 100 %: {text}");
    assert_error(fanin().args(["bench", "--widths", "0"]), 2, "--widths");
    assert_error(fanin().args(["bench", "--seconds=-1"]), 1, "--seconds");
    // No advice that this command cannot take.
    let steep = fanin().args(["bench", "--widths", "64", "--sparsity", "0.999"]).output().unwrap();
    let message = String::from_utf8(steep.stderr).unwrap();
    assert!(message.contains("at most 0.984375") && !message.contains("--clamp"), "{message}");
}

#[test]
fn methods_are_told_with_their_papers() {
    use fanin::grammar::{Listed, make};
    use fanin::{method::Method, nn::Mixture, topology::Generator};
    let output = fanin().args(["methods", "--json"]).output().unwrap();
    assert!(output.status.success());
    let known: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names = |list: &str| -> Vec<String> {
        let entries = known[list].as_array().unwrap();
        entries.iter().map(|entry| entry["name"].as_str().unwrap().to_string()).collect()
    };
    let methods: Vec<&str> =
        <Box<dyn Method>>::list().into_iter().map(|entry| entry.name).collect();
    let topologies: Vec<&str> =
        <Box<dyn Generator>>::list().into_iter().map(|entry| entry.name).collect();
    assert_eq!(
        (names("methods"), names("topologies")),
        (
            methods.iter().map(ToString::to_string).collect(),
            topologies.iter().map(ToString::to_string).collect(),
        )
    );
    assert_eq!(names("mixtures"), ["noisy-top-k"]);
    let lists = ["methods", "topologies", "mixtures"];
    for entry in lists.iter().flat_map(|list| known[list].as_array().unwrap()) {
        for key in ["about", "paper", "decides", "when", "cost"] {
            assert!(!entry[key].as_str().unwrap().is_empty(), "{key} of {entry}");
        }
        for option in entry["options"].as_array().unwrap() {
            // The options are those that the text takes.
            let text = format!(
                "{}:{}={}",
                entry["name"].as_str().unwrap(),
                option["name"].as_str().unwrap(),
                option["default"].as_str().unwrap()
            );
            let taken = make::<Box<dyn Method>>(&text).is_ok()
                || make::<Box<dyn Generator>>(&text).is_ok()
                || make::<Mixture>(&text).is_ok();
            assert!(taken, "{text}");
        }
    }
    let one = fanin().args(["methods", "synflow"]).output().unwrap();
    let text = String::from_utf8(one.stdout).unwrap();
    assert!(text.contains("arXiv 2006.05467") && text.contains("[default 100]"), "{text}");
    assert!(!text.contains("rigl"), "{text}");
    assert_error(
        fanin().args(["methods", "x"]),
        1,
        "unknown method, topology or mixture 'x': it is one of static",
    );
}

#[test]
fn a_layer_that_loses_its_first_connections_is_told_of() {
    let dir = TempDir::new().unwrap();
    let output = fanin()
        .args(["train", "--hidden", "16", "--epochs", "1", "--sparsity", "0.5", "--out"])
        .arg(dir.path().join("run"))
        .args(["--method", "snip:samples=50"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = "layer 1: its 6,272 connections alone are computed from step 1 on";
    assert_eq!(text.lines().filter(|told| *told == line).count(), 1, "{text}");
}

#[test]
fn what_cannot_learn_or_never_acts_is_told_of() {
    let told = |args: &[&str]| {
        let output = fanin().args(["train", "--hidden", "300,100"]).args(args).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let blocks = told(&["--epochs", "0", "--sparsity", "0.9", "--generator", "blocks:size=16"]);
    assert!(blocks.contains("neurons lead nowhere"), "{blocks}");
    assert!(!told(&["--epochs", "0", "--sparsity", "0.5"]).contains("lead nowhere"));
    // After each epoch but the last, of which there is one.
    let idle = told(&["--epochs", "1", "--method", "set"]);
    assert!(idle.contains("the --method never acted"), "{idle}");
    assert!(!told(&["--epochs", "1", "--method", "rigl"]).contains("never acted"));
}

#[test]
fn a_topology_that_cannot_share_is_refused() {
    for (flags, message) in [
        (&["--share", "0"][..], "groups of 1 to 256 neurons are possible"),
        (&["--share", "5000000000"], "groups of 1 to 256 neurons are possible"),
        (&["--share", "4", "--generator", "er"], "leave out --share"),
        (&["--share", "4", "--generator", "blocks"], "leave out --share"),
        (&["--share", "4", "--generator", "eoi"], "leave out --share"),
    ] {
        assert_error(fanin().arg("topology").args(flags), 1, message);
    }
}
