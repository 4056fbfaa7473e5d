//! Files of before are read, and say what they said: the fixtures and how they were made are in
//! `tests/fixtures/README.md`. All numbers are what the commits there printed of them.

#[path = "common/bits.rs"]
mod bits;

use bits::{digest, fanin, has_fma, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The JSON that `fanin COMMAND MODEL --json` prints of a fixture.
fn json(command: &str, model: &str, flags: &[&str]) -> Value {
    let printed = run(fanin().arg(command).arg(fixture(model)).arg("--json").args(flags)).unwrap();
    serde_json::from_str(&printed).unwrap()
}

/// What `fanin predict` answers to rows.
fn predict(model: &str, rows: &str) -> String {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("rows.csv");
    fs::write(&file, rows).unwrap();
    run(fanin().arg("predict").arg(fixture(model)).arg(file)).unwrap()
}

#[test]
fn a_model_of_known_data_answers_as_before() {
    let inspection = json("inspect", "mnist-model.safetensors", &[]);
    assert_eq!(inspection["network"]["nnz"], 394);
    assert_eq!(inspection["ccv_of_sparse_layers"], 0.011032170748846352);
    assert_eq!(inspection["config"]["sparsity"], 0.95);
    if !has_fma("a_model_of_known_data_answers_as_before") {
        return;
    }
    let eval = json("eval", "mnist-model.safetensors", &[]);
    assert_eq!((&eval["data"], &eval["samples"]), (&"mnist".into(), &10_000.into()));
    assert_eq!(eval["accuracy"], 0.4685);
    let row: Vec<String> = (0..784).map(|i| (i * 37 % 256).to_string()).collect();
    assert_eq!(
        predict("mnist-model.safetensors", &row.join(",")),
        "class,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9\n\
         6,0.0042464966,0.17357552,0.12403519,0.01766336,0.007880936,0.022936502,0.62976015,\
         0.001960885,0.015093738,0.0028473302\n"
    );
}

#[test]
fn a_model_scaled_in_single_precision_answers_as_before() {
    let inspection = json("inspect", "flowers-model-3.safetensors", &[]);
    assert_eq!(
        (&inspection["activation"], &inspection["loss"]),
        (&"gelu".into(), &"cross-entropy".into())
    );
    if !has_fma("a_model_scaled_in_single_precision_answers_as_before") {
        return;
    }
    let table = fixture("flowers.csv");
    let eval = json("eval", "flowers-model-3.safetensors", &["--test", table.to_str().unwrap()]);
    assert_eq!((&eval["samples"], &eval["accuracy"]), (&120.into(), &0.75.into()));
    let rows = "colour,length,width\nwhite,0.1,1.2\n\"blue, pale\",3.2,1.1\n";
    assert_eq!(
        predict("flowers-model-3.safetensors", rows),
        "class,\"plily \"\"x\"\"\",prose,psetosa,pvirginica\n\
         setosa,0.078190565,0.22884294,0.47652024,0.21644628\n\
         rose,0.04504209,0.57082814,0.097762495,0.2863673\n"
    );
}

#[test]
fn a_rewired_model_of_ones_own_table_answers_as_before() {
    let inspection = json("inspect", "flowers-model.safetensors", &[]);
    assert_eq!(inspection["network"]["nnz"], 64);
    assert_eq!(inspection["ccv_of_sparse_layers"], 0.3381510013886126);
    assert_eq!(inspection["config"]["rewire"], "rigl");
    if !has_fma("a_rewired_model_of_ones_own_table_answers_as_before") {
        return;
    }
    let table = fixture("flowers.csv");
    let eval = json("eval", "flowers-model.safetensors", &["--test", table.to_str().unwrap()]);
    let names = serde_json::json!(["lily \"x\"", "rose", "setosa", "virginica"]);
    assert_eq!((&eval["samples"], &eval["class_names"]), (&120.into(), &names));
    assert_eq!(eval["accuracy"], 0.75);
    let rows = "colour,length,width\nwhite,0.1,1.2\n\"blue, pale\",3.2,1.1\n";
    assert_eq!(
        predict("flowers-model.safetensors", rows),
        "class,\"plily \"\"x\"\"\",prose,psetosa,pvirginica\n\
         setosa,0.003692946,0.047586445,0.8770474,0.071673155\n\
         rose,0.048413627,0.59113216,0.07728036,0.28317386\n"
    );
}

#[test]
fn a_model_from_its_equilibrium_answers_though_its_fan_ins_are_equal() {
    // Nothing moved in its first run, so that its profile is a lognormal of CCV 0.
    let inspection = json("inspect", "equilibrium-model.safetensors", &[]);
    assert_eq!(inspection["network"]["nnz"], 472);
    assert_eq!(inspection["ccv_of_sparse_layers"], 0.0);
    if has_fma("a_model_from_its_equilibrium_answers_though_its_fan_ins_are_equal") {
        let eval = json("eval", "equilibrium-model.safetensors", &[]);
        assert_eq!(eval["accuracy"], 0.1852);
    }
}

const RUN: &str = "--hidden 8,6 --allocation 0.95;0.5 --rewire rigl --rewire-every 3 \
                   --grown-state own-step --epochs 2 --batch 5000 --quiet --out";

#[test]
fn a_run_interrupted_before_goes_on_to_the_same_bits() {
    if !has_fma("a_run_interrupted_before_goes_on_to_the_same_bits") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let (straight, resumed) = (dir.path().join("straight"), dir.path().join("resumed"));
    run(fanin().arg("train").args(RUN.split_whitespace()).arg(&straight)).unwrap();
    fs::create_dir(&resumed).unwrap();
    for file in fs::read_dir(fixture("run")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), resumed.join(file.file_name())).unwrap();
    }
    run(fanin().args(["train", "--quiet", "--resume"]).arg(&resumed)).unwrap();
    let bits = |dir: &Path| digest(&dir.join("model.safetensors"));
    assert_eq!(
        (bits(&straight), bits(&resumed)),
        ("bf351fc77e6af522".into(), "bf351fc77e6af522".into())
    );
    // Updates after steps 3, 6, …, 15, and two epochs.
    let metrics = |dir: &Path| fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
    let kinds = |text: String| -> Vec<(Value, Value)> {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| (line["update"].clone(), line["test_loss"].clone())).collect()
    };
    let (straight, resumed) = (kinds(metrics(&straight)), kinds(metrics(&resumed)));
    assert_eq!((straight.len(), &straight), (7, &resumed));
}

#[test]
fn a_topology_of_before_is_trained_on() {
    if !has_fma("a_topology_of_before_is_trained_on") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let (topology, out) = (fixture("topology.safetensors"), dir.path().join("run"));
    let mut command = fanin();
    command.args(["train", "--hidden", "8,6", "--epochs", "1", "--batch", "512", "--quiet"]);
    run(command.arg("--topology").arg(topology).arg("--out").arg(&out)).unwrap();
    assert_eq!(digest(&out.join("model.safetensors")), "8143ac09cee82cbd");
}
