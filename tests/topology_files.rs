//! Topologies in and out of files, and the command that shows them.

mod common;

use assert_cmd::Command;
use fanin::grammar::Listed;
use fanin::sparse::CsrPattern;
use fanin::topology::{FanInRule, Profile, Spread, build, read_topology, write_topology};
use fanin::train::{TrainConfig, Trainer, hub_ratios};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn fanin() -> Command {
    let mut command = Command::cargo_bin("fanin").expect("the binary is built");
    command.env_remove("FANIN_DATA_DIR").env_remove("FANIN_ISA");
    command
}

fn layer(shape: [usize; 2], layer: usize) -> CsrPattern {
    let rule = FanInRule::new("exponential".parse::<Profile>().unwrap());
    build(&rule, Spread::Even, shape, 0.8, 1, layer).unwrap().0
}

#[test]
fn topologies_survive_both_formats() {
    let dir = TempDir::new().unwrap();
    let (first, second) = (layer([30, 20], 0), layer([20, 15], 1));
    let tensors = dir.path().join("both.safetensors");
    write_topology(&tensors, &[&first, &second]).unwrap();
    let npz = [dir.path().join("first.npz"), dir.path().join("second.npz")];
    write_topology(&npz[0], &[&first]).unwrap();
    write_topology(&npz[1], &[&second]).unwrap();
    let expected = vec![first.clone(), second.clone()];
    assert_eq!(read_topology(&[tensors]).unwrap(), expected);
    assert_eq!(read_topology(&npz).unwrap(), expected);
    assert!(write_topology(&npz[0], &[&first, &second]).is_err());
}

/// Trains on a topology file through the library.
fn train_on(files: &[PathBuf], engine: &str) -> Result<Vec<CsrPattern>, fanin::Error> {
    let data = common::mnist(128, 64);
    let (topology, engine) = (files.to_vec(), engine.parse()?);
    let config = TrainConfig { hidden: vec![40, 30], topology, engine, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, data.clone())?;
    trainer.step()?;
    let layers = trainer.model().layers()[..2].iter();
    Ok(layers.map(|layer| (*layer.connections().0).clone()).collect())
}

#[test]
fn a_mask_means_where_it_is_not_zero_however_it_was_saved() {
    let masks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/masks");
    let expected = CsrPattern::new(6, vec![0, 2, 3, 3, 6], vec![1, 4, 0, 2, 3, 5]).unwrap();
    for name in [
        "csr.npz",
        "csc.npz",
        "coo.npz",
        "bsr.npz",
        "array.npz",
        "dense.npz",
        "dense.npy",
        "bool.npy",
        "fortran.npy",
    ] {
        let read = read_topology(&[masks.join(name)]).unwrap();
        assert_eq!(read, std::slice::from_ref(&expected), "{name}");
    }
    let refused = |name: &str| read_topology(&[masks.join(name)]).unwrap_err().to_string();
    assert!(refused("dia.npz").contains("this is a sparse 'dia' file"), "{}", refused("dia.npz"));
    assert!(refused("two.npz").contains("format (of a SciPy matrix, or one array) is missing"));
    // A matrix whose sides are exchanged is called so.
    let dir = TempDir::new().unwrap();
    let table: String = (0..30).map(|i| format!("{i},{},1,2,3,4,{}\n", i % 7, i % 2)).collect();
    let file = dir.path().join("x.csv");
    fs::write(&file, table).unwrap();
    let train = |mask: &str| {
        let mut command = fanin();
        command
            .args(["train", "--label", "-1", "--hidden", "4", "--epochs", "1", "--header", "no"]);
        command.arg("--train").arg(&file).arg("--topology").arg(masks.join(mask));
        command.output().unwrap()
    };
    let output = train("transposed.npy");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && stderr.contains("it is transposed"), "{stderr}");
    // A neuron without an input is trained on, and said.
    let output = train("dense.npy");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.contains("1 of 4 neurons have no input"), "{stderr}");
}

#[test]
fn a_mask_made_elsewhere_is_trained_on_as_it_is() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("mask.safetensors");
    let patterns = [layer([784, 40], 0), layer([40, 30], 1)];
    write_topology(&path, &[&patterns[0], &patterns[1]]).unwrap();
    for engine in ["sparse", "masked"] {
        assert_eq!(train_on(std::slice::from_ref(&path), engine).unwrap(), patterns);
    }
}

#[test]
fn a_mask_that_does_not_fit_is_an_error_that_says_how() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("mask.safetensors");
    let message = |files: &[PathBuf]| train_on(files, "sparse").unwrap_err().to_string();
    let (fits, narrow) = (layer([784, 40], 0), layer([39, 30], 1));
    write_topology(&path, &[&fits, &narrow]).unwrap();
    assert!(message(std::slice::from_ref(&path)).contains("[30, 39] (neurons, inputs)"));
    write_topology(&path, &[&fits]).unwrap();
    assert!(message(std::slice::from_ref(&path)).contains("the topology has 1 layers; 2"));
    fs::write(&path, "no tensors").unwrap();
    assert!(message(&[path]).contains("damaged"));
    assert!(message(&["nowhere.npz".into()]).contains("nowhere.npz"));
}

fn run(args: &[&str], file: Option<&Path>) -> String {
    let output = fanin().args(args).args(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_command_prints_the_papers_numbers() {
    let base = ["topology", "--profile", "exponential", "--shape", "784x1024"];
    let base = [&base[..], &["--sparsity", "0.9", "--rounding", "floor"]].concat();
    let text = run(&base, None);
    assert!(text.contains("min 12  mean 77.9  max 247  max/min 20.6×  CCV 0.816"), "{text}");
    let text = run(&[&base[..], &["--spread", "sequential"]].concat(), None);
    assert!(text.contains("537 inputs"), "{text}");
    let torch = [&base[..], &["--spread", "random-torch", "--seed", "42"]].concat();
    let text = run(&torch, None);
    assert!(text.contains("fan-out      min 74  mean 101.7  max 125  std 8.7"), "{text}");
    let json = run(&[&base[..], &["--json"]].concat(), None);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["layers"][0]["fan_in"]["max"], 247);
}

#[test]
fn the_command_writes_masks_and_a_figure() {
    let dir = TempDir::new().unwrap();
    let (mask, figure) = (dir.path().join("mask.npz"), dir.path().join("figure.svg"));
    run(&["topology", "--shape", "60x50", "--profile", "bell", "--out"], Some(&mask));
    assert_eq!(read_topology(&[mask]).unwrap()[0].nnz(), 300);
    run(&["topology", "--shape", "60x50", "--figure"], Some(&figure));
    let svg = fs::read_to_string(&figure).unwrap();
    for part in ["(a) profiles", "(b) lognormal", "(c) mask", "(d) multi-peak", "neuron"] {
        assert!(svg.contains(part), "{part}");
    }
}

#[test]
fn the_command_shows_other_generators() {
    let text = run(&["topology", "--generator", "er", "--shape", "784x1024"], None);
    assert!(text.contains("784 → 1024, er:epsilon=20\n"), "{text}");
    assert!(text.contains("connections  36,160, sparsity 0.954959"), "{text}");
    let json = run(&["topology", "--generator", "er:epsilon=5", "--json"], None);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["layers"][0]["nnz"], &json["layers"][1]["nnz"]),
        (&9040.into(), &10240.into())
    );
    assert_eq!(json["sparsity"], 1.0 - 19_280.0 / 1_851_392.0);
    let help = run(&["topology", "--help"], None);
    for entry in Profile::list() {
        assert!(help.contains(entry.about), "{help}");
    }
    assert!(help.contains("Erdős–Rényi"), "{help}");
}

#[test]
fn the_command_refuses_what_cannot_be() {
    let fails = |args: &[&str], code: i32, message: &str| {
        let output = fanin().arg("topology").args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
    };
    fails(&["--sparsity", "0.9999"], 1, "at most 0.998724 can be reached");
    fails(&["--profile", "triangle"], 2, "unknown profile 'triangle'");
    fails(&["--generator", "no-such"], 2, "unknown generator 'no-such': it is one of er, ws, ba");
    fails(&["--generator", "er", "--profile", "bell"], 2, "cannot be used with");
    fails(
        &["--shape", "1x1", "--sparsity", "0.5"],
        1,
        "layer 1: sparsity 0.5 takes none of the 1 × 1",
    );
    fails(&["--shape", "0x4"], 2, "no INPUTSxNEURONS");
    fails(&["--allocation", "0.9;0.8;0.7"], 1, "3 sparsities for 2 sparse layers");
    let output = fanin().args(["topology", "--profile", "lognormal:ccv=4"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && stderr.contains("layer 1: CCV 4 cannot be had here"),
        "{stderr}"
    );
}

#[test]
fn inspect_shows_gradients_and_writes_topology_and_figure() {
    let dir = TempDir::new().unwrap();
    let run_dir = dir.path().join("run");
    let train = ["train", "--hidden", "64,48", "--epochs", "1", "--profile", "exponential"];
    run(&[&train[..], &["--quiet", "--out"]].concat(), Some(&run_dir));
    let model = run_dir.join("model.safetensors");
    let (mask, figure) = (dir.path().join("mask.safetensors"), dir.path().join("figure.svg"));
    let output = fanin()
        .args(["inspect", "--gradients", "--topology"])
        .args([&mask, Path::new("--figure"), &figure, &model])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("hubs / specialists") && text.contains("network: CCV"), "{text}");
    let patterns = read_topology(&[mask]).unwrap();
    assert_eq!(patterns.iter().map(CsrPattern::rows).collect::<Vec<_>>(), [64, 48]);
    assert!(fs::read_to_string(&figure).unwrap().contains("neuron, by rank"));
}

#[test]
fn gradients_concentrate_at_hubs_only_if_absent_connections_count() {
    // §3.1 prints 2–5× for profiles and about 1× for uniform; over full rows that is the ratio of
    // mean fan-ins (exponential: e^1.5 = 4.48), over existing connections it is about 1.
    let data = common::mnist(128, 64);
    let ratios = |profile: &str| {
        let profile = profile.parse().unwrap();
        let config = TrainConfig { profile, threads: 1, ..TrainConfig::default() };
        let trainer = Trainer::new(config, data.clone()).unwrap();
        let ratios =
            hub_ratios(trainer.executor(), trainer.model(), &data.train, &data.scaling, 128);
        let ratios = ratios[0].unwrap();
        (ratios.gradient.unwrap(), ratios.activation.unwrap())
    };
    // Weights of one variance in all rows: LayerNorm scales a layer and not its neurons, and what a
    // hub gives is larger by about √(4.48) before training.
    let (exponential, activation) = ratios("exponential");
    assert!((1.8..2.4).contains(&activation), "{activation}");
    assert!((4.0..5.2).contains(&exponential.full_rows), "{exponential:?}");
    assert!((0.9..1.2).contains(&exponential.active_only), "{exponential:?}");
    let (uniform, activation) = ratios("uniform");
    assert!((0.9..1.1).contains(&uniform.full_rows), "{uniform:?}");
    assert!((0.9..1.1).contains(&activation), "{activation}");
}
