//! Sweeps: the same runs as one by one, killed, resumed, in parts and brought together; and what
//! `fanin compare` says of them.

#[path = "common/runs.rs"]
mod runs;

use runs::{fanin, signal};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const FILE: &str = "hidden = [12, 8]\nepochs = 2\nbatch = 500\n[grid]\nseed = \"1..2\"\n\
                    sparsity = [0.5, 0.75]\n[[run]]\nmethod = \"static\"\n[[run]]\n\
                    method = \"rigl:every=50\"\n";

fn table(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("sweep.toml");
    fs::write(&path, FILE).unwrap();
    path
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Model and metrics without times of each run, by key.
fn outcomes(out: &Path) -> BTreeMap<String, (Vec<u8>, Vec<String>)> {
    let runs = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let runs = runs.filter(|path| path.join("config.toml").exists());
    let outcome = |path: PathBuf| {
        let metrics = fs::read_to_string(path.join("metrics.jsonl")).unwrap();
        let line = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            for time in ["seconds", "eval_seconds"] {
                line.as_object_mut().unwrap().remove(time);
            }
            line.to_string()
        };
        let metrics = metrics.lines().map(line).collect();
        let model = fs::read(path.join("model.safetensors")).unwrap();
        (path.file_name().unwrap().to_str().unwrap().to_string(), (model, metrics))
    };
    runs.map(outcome).collect()
}

#[test]
fn a_sweep_has_the_bits_of_its_runs_one_by_one_however_it_is_cut_and_killed() {
    let dir = TempDir::new().unwrap();
    let (file, whole) = (table(&dir), dir.path().join("whole"));
    let told = run(fanin().arg("sweep").arg(&file).arg("--out").arg(&whole));
    assert!(text(&told.stdout).contains("8 of 8 runs are finished"), "{}", text(&told.stdout));
    let expected = outcomes(&whole);
    assert_eq!(expected.len(), 8);

    // One of them by `fanin train`, from its own settings.
    let (key, (model, metrics)) = expected.iter().next().unwrap();
    let alone = dir.path().join("alone");
    let config = whole.join(key).join("config.toml");
    run(fanin().args(["train", "--threads", "2", "--config"]).arg(config).arg("--out").arg(&alone));
    let again = outcomes(dir.path());
    assert!(again["alone"].0 == *model && again["alone"].1 == *metrics);

    // A run is finished, and has its figures; no checkpoint stays.
    for key in expected.keys() {
        let path = whole.join(key);
        let record: Value =
            serde_json::from_slice(&fs::read(path.join("run.json")).unwrap()).unwrap();
        assert_eq!(record["status"], "finished");
        // The memory of a process with several runs is no run's.
        assert!(record["result"]["peak_rss_bytes"].is_null());
        assert!(path.join("curves.svg").exists() && !path.join("checkpoint.safetensors").exists());
    }
    // Nothing is done twice.
    let record = |key: &str| fs::read(whole.join(key).join("run.json")).unwrap();
    let before: Vec<Vec<u8>> = expected.keys().map(|key| record(key)).collect();
    let told = run(fanin().arg("sweep").arg(&file).arg("--out").arg(&whole));
    assert!(text(&told.stdout).contains("8 finished already"), "{}", text(&told.stdout));
    assert!(expected.keys().map(|key| record(key)).collect::<Vec<_>>() == before);

    // In three parts, brought together.
    let parts: Vec<PathBuf> = (1..=3).map(|part| dir.path().join(format!("part{part}"))).collect();
    for (number, part) in (1..).zip(&parts) {
        let shard = format!("{number}/3");
        run(fanin().arg("sweep").arg(&file).args(["--shard", &shard, "--out"]).arg(part));
    }
    let merged = dir.path().join("merged");
    let told = run(fanin().args(["sweep", "merge"]).arg(&merged).args(&parts));
    assert_eq!(text(&told.stdout).split_once(' ').unwrap().0, "8");
    assert!(outcomes(&merged) == expected);
    let again = run(fanin().args(["sweep", "merge"]).arg(&merged).args(&parts));
    assert!(text(&again.stdout).starts_with("0 runs copied, 8 were there"));

    // Killed and interrupted until it is through.
    let killed = dir.path().join("killed");
    let start = || {
        let mut command = fanin();
        command.arg("sweep").arg(&file).arg("--out").arg(&killed);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for name in ["KILL", "INT", "TERM", "KILL", "INT"] {
        let mut child = start();
        // Until a run has ended here, if one still can.
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with('[')));
        drop(lines);
        let output = signal(child, name);
        if let Some(code) = output.status.code().filter(|&code| code != 0) {
            assert_eq!(code, 130);
            assert!(text(&output.stderr).contains("the same command goes on"));
        }
    }
    run(fanin().arg("sweep").arg(&file).arg("--out").arg(&killed));
    assert!(outcomes(&killed) == expected);
}

#[test]
fn a_run_that_fails_says_why_and_the_others_go_on() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("sweep");
    let varied = ["--vary", "sparsity=0.5,0.999", "--vary", "batch=500,1000"];
    let args = ["sweep", "--hidden", "8", "--epochs", "1"];
    let output = fanin().args(args).args(varied).arg("--out").arg(&out).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("2 of 4 runs failed"), "{told}");
    assert!(told.contains("error: batch 500, sparsity 0.999: "), "{told}");
    let runs: Vec<PathBuf> = fs::read_dir(&out).unwrap().map(|run| run.unwrap().path()).collect();
    let failures: Vec<String> =
        runs.iter().filter_map(|run| fs::read_to_string(run.join("error.txt")).ok()).collect();
    assert_eq!((runs.len(), failures.len()), (4, 2));
    assert!(failures.iter().all(|failure| failure.contains("sparsity")), "{failures:?}");
    let compared = run(fanin().arg("compare").arg(&out));
    assert!(text(&compared.stdout).contains("batch"), "{}", text(&compared.stdout));
    assert!(text(&compared.stderr).contains("2 runs are not finished"), "they are left out");
    // Data that is not there is the failure of its runs.
    let lost = ["sweep", "--vary", "dataset=mnist,forest-cover", "--data-dir", "/nowhere"];
    let output = fanin().args(lost).arg("--out").arg(dir.path().join("lost")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("2 of 2 runs failed"), "{}", text(&output.stderr));
}

#[test]
fn what_is_wrong_with_a_sweep_is_said_before_it_begins() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bad.toml");
    fs::write(&file, "[grid]\nsparcity = [0.5]\n").unwrap();
    let out = dir.path().join("out");
    let said = |args: &[&str], code: i32| {
        let output = fanin().arg("sweep").args(args).arg("--out").arg(&out).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        assert!(!out.exists());
        text(&output.stderr)
    };
    let told = said(&[file.to_str().unwrap()], 1);
    assert!(told.contains("bad.toml: unknown setting 'sparcity': did you mean 'sparsity'?"));
    assert!(said(&["--vary", "0.5,0.9"], 1).contains("a setting and its values"));
    assert!(said(&["--shard", "4/3"], 2).contains("1 ≤ k ≤ n"));
    assert!(said(&["--keep", "nothing"], 2).contains("--keep"));
    let output = fanin().args(["sweep", "--vary", "seed=1..3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let shown = run(fanin().args(["sweep", "--vary", "seed=1..3", "--dry-run"]));
    assert_eq!(text(&shown.stdout).lines().count(), 4);
}

#[test]
fn two_processes_share_the_runs_of_a_folder() {
    let dir = TempDir::new().unwrap();
    let (file, out) = (table(&dir), dir.path().join("shared"));
    let start = || {
        let mut command = fanin();
        command.arg("sweep").arg(&file).arg("--out").arg(&out);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start(), start()];
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let told = run(fanin().arg("sweep").arg(&file).arg("--out").arg(&out));
    assert!(text(&told.stdout).contains("8 finished already"), "{}", text(&told.stdout));
}

#[test]
fn compared_runs_are_grouped_over_seeds_and_held_against_a_baseline() {
    let dir = TempDir::new().unwrap();
    let (file, out) = (table(&dir), dir.path().join("sweep"));
    run(fanin().arg("sweep").arg(&file).arg("--out").arg(&out));
    let csv = dir.path().join("table.csv");
    let mut command = fanin();
    command.arg("compare").arg(&out).args(["--against", "method=static", "--json", "--csv"]);
    let told: Value = serde_json::from_slice(&run(command.arg(&csv)).stdout).unwrap();
    assert_eq!(told["settings"], serde_json::json!(["method", "sparsity"]));
    let groups = told["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 4);
    // By hand, from the runs' own records.
    let mut accuracies: BTreeMap<(String, String), BTreeMap<u64, f64>> = BTreeMap::new();
    for entry in fs::read_dir(&out).unwrap() {
        let record = fs::read(entry.unwrap().path().join("run.json")).unwrap();
        let result = serde_json::from_slice::<Value>(&record).unwrap()["result"].clone();
        let method = result["method"].as_str().unwrap().to_string();
        let key = (method, result["sparsity_target"].to_string());
        let accuracy = result["test_accuracy"].as_f64().unwrap();
        accuracies.entry(key).or_default().insert(result["seed"].as_u64().unwrap(), accuracy);
    }
    for group in groups {
        let of = |name: &str| group["settings"][name].as_str().unwrap().to_string();
        let (method, sparsity) = (of("method"), of("sparsity"));
        let values: Vec<f64> =
            accuracies[&(method.clone(), sparsity.clone())].values().copied().collect();
        let summary = &group["metrics"]["test_accuracy"];
        assert_eq!(summary["values"], serde_json::json!(values));
        let mean = (values[0] + values[1]) / 2.0;
        let near = |found: &Value, expected: f64| {
            assert!((found.as_f64().unwrap() - expected).abs() < 1e-12, "{found} {expected}");
        };
        near(&summary["mean"], mean);
        near(&summary["sd"], (values[0] - values[1]).abs() / 2f64.sqrt());
        assert_eq!(group["is_baseline"], method == "static");
        if method == "static" {
            assert!(summary["against"].is_null());
            continue;
        }
        let others = &accuracies[&("static".to_string(), sparsity)];
        let baseline = others.values().sum::<f64>() / 2.0;
        near(&summary["against"]["difference"], mean - baseline);
        assert_eq!(summary["against"]["pairs"], 2);
    }
    assert_eq!(fs::read_to_string(csv).unwrap().lines().count(), 5);

    // The same runs from two places are the same runs.
    let twice = run(fanin().arg("compare").arg(&out).arg(&out).arg("--json"));
    let twice: Value = serde_json::from_slice(&twice.stdout).unwrap();
    let runs = &twice["groups"][0]["metrics"]["test_accuracy"]["values"];
    assert_eq!(runs.as_array().unwrap().len(), 2);
    let best = run(fanin().arg("compare").arg(&out).args(["--at", "best", "--json"]));
    let best: Value = serde_json::from_slice(&best.stdout).unwrap();
    for (best, last) in best["groups"].as_array().unwrap().iter().zip(groups) {
        let mean = |group: &Value| group["metrics"]["test_accuracy"]["mean"].as_f64().unwrap();
        assert!(mean(best) >= mean(last));
    }
    let said = |args: &[&str]| {
        let output = fanin().arg("compare").arg(&out).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    assert!(said(&["--over", "sed"]).contains("unknown setting 'sed': did you mean 'seed'?"));
    assert!(said(&["--metric", "beauty"]).contains("test_accuracy"));
    // A choice's name stands for its text with all parameters.
    run(fanin().arg("compare").arg(&out).args(["--against", "method=rigl:every=50"]));
    assert!(said(&["--against", "epochs=3"]).contains("method, sparsity"));
    assert!(said(&["--against", "method=snip"]).contains("no runs have the baseline's"));
    let nowhere = fanin().arg("compare").arg(dir.path().join("nowhere")).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
}
