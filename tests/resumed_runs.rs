//! What a resumed run holds fast, and what it makes up for.

#[path = "common/command.rs"]
mod command;

use command::{assert_error, fanin, run};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::tempdir;

fn begin(dir: &Path, flags: &[&str]) -> PathBuf {
    let out = dir.join("run");
    let base =
        ["train", "--hidden", "16", "--epochs", "2", "--sparsity", "0.8", "--force", "--out"];
    run(fanin().args(base).arg(&out).args(flags));
    out
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn record(out: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap()
}

#[test]
fn a_configuration_edited_beside_its_checkpoint_is_refused() {
    let dir = tempdir().unwrap();
    for (from, to, said) in [
        ("seed = 42", "seed = 43", "--seed is 43, and the run so far had 42"),
        ("\nlr = 0.001", "\nlr = 0.01", "--lr is 0.01, and the run so far had 0.001"),
        // Before anything is said of tensors that do not fit.
        ("hidden = [16]", "hidden = [17]", "--hidden is [17], and the run so far had [16]"),
        ("batch = 128", "batch = 64", "--batch is 64, and the run so far had 128"),
        // Other rows are other data.
        ("validation-fraction = 0.0", "validation-fraction = 0.1", "or another split"),
    ] {
        let out = begin(dir.path(), &[]);
        let before = fs::read(out.join("model.safetensors")).unwrap();
        edit(&out.join("config.toml"), from, to);
        let mut command = fanin();
        assert_error(command.args(["train", "--resume"]).arg(&out), 1, said);
        assert!(fs::read(out.join("model.safetensors")).unwrap() == before);
    }
}

#[test]
fn what_may_change_is_recorded_however_it_was_changed() {
    let dir = tempdir().unwrap();
    let out = begin(dir.path(), &[]);
    edit(&out.join("config.toml"), "epochs = 2", "epochs = 3");
    run(fanin().args(["train", "--resume"]).arg(&out));
    run(fanin().args(["train", "--epochs", "4", "--resume"]).arg(&out));
    let changes = record(&out)["changes"].clone();
    let told: Vec<(&str, u64, &str, &str)> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let text = |key: &str| change[key].as_str().unwrap();
            (text("setting"), change["epochs"].as_u64().unwrap(), text("from"), text("to"))
        })
        .collect();
    assert_eq!(told, [("epochs", 2, "2", "3"), ("epochs", 3, "3", "4")]);
}

#[test]
fn a_run_killed_behind_its_last_epoch_has_its_record_and_its_figure_when_it_is_resumed() {
    let dir = tempdir().unwrap();
    let out = begin(dir.path(), &["--method", "rigl:every=50"]);
    let finished = record(&out);
    let figure = fs::read(out.join("rewiring.svg")).unwrap();
    // As a kill leaves it after the epoch's line, after the record, or in between.
    for (status, has_figure) in [("running", false), ("finished", false), ("running", true)] {
        let mut cut = finished.clone();
        cut["status"] = status.into();
        if status == "running" {
            cut["result"] = serde_json::Value::Null;
        }
        fs::write(out.join("run.json"), cut.to_string()).unwrap();
        if !has_figure {
            fs::remove_file(out.join("rewiring.svg")).unwrap();
        }
        run(fanin().args(["train", "--resume"]).arg(&out));
        let mut again = record(&out);
        assert_eq!(again["status"], "finished");
        let mut expected = finished.clone();
        for record in [&mut again, &mut expected] {
            for (key, value) in record["result"].as_object_mut().unwrap() {
                assert!(!value.is_null() || key == "best_epoch", "{key} is null");
            }
            for key in ["eval_seconds", "peak_rss_bytes"] {
                record["result"][key] = 0.into();
            }
        }
        assert_eq!(again["result"], expected["result"]);
        assert!(fs::read(out.join("rewiring.svg")).unwrap() == figure);
    }
}
