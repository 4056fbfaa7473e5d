//! `fanin report`: one page that needs nothing else, with the numbers of its runs.

#[path = "common/command.rs"]
mod command;

use command::{assert_error, fanin, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// The data that a page's script draws.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script id=\"data\" type=\"application/json\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn page(runs: &Path, more: &[&str]) -> String {
    let out = runs.with_extension("html");
    run(fanin().arg("report").arg(runs).args(more).arg("--out").arg(&out));
    fs::read_to_string(out).unwrap()
}

#[test]
fn a_page_has_the_numbers_of_its_runs_and_needs_nothing_else() {
    let dir = tempdir().unwrap();
    let sweep = dir.path().join("sweep");
    let varied = ["--vary", "sparsity=0.5,0.75", "--vary", "seed=1..2"];
    let args = ["sweep", "--hidden", "12,300", "--epochs", "2", "--method", "rigl:every=50"];
    run(fanin().args(args).args(varied).arg("--out").arg(&sweep));
    let page = page(&sweep, &["--title", "a < b & \"c\" </script>"]);
    assert!(page.contains("<title>a &lt; b &amp; &quot;c&quot; &lt;/script&gt;</title>"), "title");
    for reference in ["src=", "href=", "@import", "url(", "https://"] {
        assert!(!page.contains(reference), "{reference}");
    }
    let data = data(&page);
    let compared = run(fanin().arg("compare").arg(&sweep).arg("--json"));
    let compared: Value = serde_json::from_str(&compared).unwrap();
    let (groups, expected) = (data["groups"].as_array().unwrap(), &compared["groups"]);
    assert_eq!(groups.len(), 2);
    for (group, expected) in groups.iter().zip(expected.as_array().unwrap()) {
        let summary = &expected["metrics"]["test_accuracy"];
        let near = |found: &Value, expected: &Value| {
            let (found, expected) = (found.as_f64().unwrap(), 100.0 * expected.as_f64().unwrap());
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        };
        assert_eq!(group["cells"][0], 2);
        near(&group["cells"][1], &summary["mean"]);
        near(&group["cells"][2], &summary["half_interval"]);
        near(&group["cells"][3], &summary["sd"]);
        let sparsity = expected["settings"]["sparsity"].as_str().unwrap();
        assert_eq!(group["label"], format!("sparsity {sparsity}"));
    }
    // A line per group, a point per epoch; what is compared comes first.
    let curves = data["curves"].as_array().unwrap();
    assert_eq!(curves[0]["name"], "test_accuracy (%)");
    assert!(curves.iter().all(|curve| {
        let lines = curve["lines"].as_array().unwrap();
        lines.len() == 2 && lines.iter().all(|line| line.as_array().unwrap().len() == 2)
    }));
    assert_eq!(data["runs"].as_array().unwrap().len(), 4);
    // The pictures' cells are those of the layers, and darkest where most connections are.
    let layers = data["topologies"][0]["layers"].as_array().unwrap();
    let sizes: Vec<[u64; 2]> = layers
        .iter()
        .map(|layer| ["width", "height"].map(|side| layer["mask"][side].as_u64().unwrap()))
        .collect();
    assert_eq!(sizes, [[256, 12], [12, 256]]);
    assert_eq!((&layers[0]["inputs"], &layers[1]["neurons"]), (&784.into(), &300.into()));
    let fan_in = layers[0]["fanIn"].as_array().unwrap();
    let counted: f64 = fan_in.iter().map(|point| point[1].as_f64().unwrap()).sum();
    assert_eq!(counted, layers[0]["nnz"].as_f64().unwrap());

    // A single run has the marks of its updates.
    let one = fs::read_dir(&sweep).unwrap().next().unwrap().unwrap().path();
    let marks = self::data(&self::page(&one, &[]))["marks"].as_array().unwrap().len();
    assert!(marks > 5, "{marks}");
}

/// Three groups: static and RigL at 50 %, static at 75 %. Two of three are static, two at 50 %.
#[test]
fn groups_are_named_by_what_tells_them_from_most() {
    let dir = tempdir().unwrap();
    let (file, sweep) = (dir.path().join("three.toml"), dir.path().join("sweep"));
    let rows = "hidden = [8]\nepochs = 1\n[[run]]\nsparsity = 0.5\n[[run]]\nsparsity = 0.75\n\
                [[run]]\nsparsity = 0.5\nmethod = \"rigl\"\n";
    fs::write(&file, rows).unwrap();
    run(fanin().arg("sweep").arg(&file).arg("--out").arg(&sweep));
    let data = data(&page(&sweep, &[]));
    let groups = data["groups"].as_array().unwrap().iter();
    let mut labels: Vec<&str> = groups.map(|group| group["label"].as_str().unwrap()).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["as most", "method rigl", "sparsity 0.75"]);
}

/// The fields of a protocol buffer: number, and the bytes of its value.
fn fields(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut fields = Vec::new();
    while let [key, rest @ ..] = bytes {
        let (taken, value) = match key & 7 {
            0 => {
                let length = rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
                (length, &rest[..length])
            }
            1 => (8, &rest[..8]),
            // Lengths of up to two bytes of seven bits.
            2 if rest[0] < 0x80 => (1 + usize::from(rest[0]), &rest[1..][..rest[0].into()]),
            2 => {
                let length = usize::from(rest[0] & 0x7f) | usize::from(rest[1]) << 7;
                (2 + length, &rest[2..][..length])
            }
            5 => (4, &rest[..4]),
            kind => panic!("no wire type {kind}"),
        };
        fields.push((key >> 3, value.to_vec()));
        bytes = &rest[taken..];
    }
    fields
}

#[test]
fn event_files_have_every_epochs_values() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("run");
    let train = ["train", "--hidden", "12", "--epochs", "2", "--seed", "7", "--out"];
    run(fanin().args(train).arg(&out));
    let board = dir.path().join("board");
    run(fanin().arg("report").arg(&out).arg("--tensorboard").arg(&board));
    let mut rest = fs::read(board.join("seed=7/events.out.tfevents.0.fanin")).unwrap();
    let mut events = Vec::new();
    while !rest.is_empty() {
        // Length, its CRC, the event, its CRC.
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        events.push(rest[12..12 + length].to_vec());
        rest.drain(..12 + length + 4);
    }
    assert_eq!(fields(&events[0])[1], (3, b"brain.Event:2".to_vec()));
    let told: Vec<(u8, f32)> = events[1..]
        .iter()
        .map(|event| {
            let event = fields(event);
            let values = fields(&event[2].1).into_iter().map(|(_, value)| fields(&value));
            let accuracy = values.into_iter().find(|value| value[0].1 == b"accuracy/test").unwrap();
            let value = f32::from_le_bytes(accuracy[1].1.clone().try_into().unwrap());
            (event[1].1[0], value)
        })
        .collect();
    let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let lines = metrics.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let expected: Vec<(u8, f32)> = lines
        .map(|line| {
            (line["epoch"].as_u64().unwrap() as u8, line["test_accuracy"].as_f64().unwrap() as f32)
        })
        .collect();
    assert_eq!(told, expected);
    assert_eq!(told.len(), 2);
}

#[test]
fn what_is_no_run_makes_no_page() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("page.html");
    assert_error(fanin().arg("report").arg(dir.path()).arg("--out").arg(&out), 1, "holds no run");
    assert!(!out.exists());
}
