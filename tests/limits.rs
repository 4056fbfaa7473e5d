//! Sizes beyond reason are refused in a line, before memory or threads are asked for.

#[path = "common/command.rs"]
mod command;
#[path = "common/files.rs"]
mod files;

use command::{assert_error, fanin, run};
use files::{gzip, idx, npy, zip};
use std::fs;
use tempfile::tempdir;

#[test]
fn absurd_networks_and_topologies_are_refused() {
    for args in [
        &["topology", "--shape", "16777216x16777216"][..],
        &["topology", "--shape", "1000000x1000000", "--sparsity", "0.5", "--json"],
        &["train", "--hidden", "1000000,1000000"],
        &["train", "--hidden", "16777216,16777216", "--sparsity", "0"],
        &["train", "--hidden", "200000,200000", "--engine", "dense"],
        &["train", "--hidden", "20000,20000", "--method", "gmp", "--sparsity", "0.999"],
        &["train", "--hidden", "2000", "--mixture", "noisy-top-k:experts=4096"],
        &["train", "--batch", "1048576", "--hidden", "4000"],
    ] {
        let mut command = fanin();
        command.args(["--max-memory", "1GB"]).args(args);
        assert_error(&mut command, 1, "and no more than 1.0 GB may be taken (--max-memory sets");
    }
    // Another limit lets through what a smaller one refuses.
    let train = ["train", "--hidden", "64", "--epochs", "0", "--max-memory"];
    assert_error(fanin().args(train).arg("200kB"), 1, "would take");
    run(fanin().args(train).arg("200MB"));
}

#[test]
fn absurd_numbers_of_threads_are_refused() {
    for threads in ["1025", "65535", "9223372036854775807"] {
        let said = format!("--threads {threads}: no more than 1024 are possible");
        assert_error(fanin().args(["train", "--epochs", "0", "--threads", threads]), 1, &said);
    }
    // A number that no file of settings can hold names its flag.
    for (flag, value) in [
        ("--threads", "18446744073709551615"),
        ("--hidden", "[18446744073709551615]"),
        ("--batch", "18446744073709551615"),
    ] {
        let mut command = fanin();
        command.args(["train", "--epochs", "0", flag, "18446744073709551615"]);
        assert_error(&mut command, 1, &format!("{flag}: {value} is too large"));
    }
    let most = "a seed is a whole number from 0 to 9223372036854775807";
    assert_error(fanin().args(["train", "--seed", "18446744073709551615"]), 2, most);
    run(fanin().args(["gradcheck", "--seed", "18446744073709551615"]));
}

#[test]
fn small_files_of_large_contents_are_refused_before_they_are_unpacked() {
    let dir = tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    // 40 MB of zeros are 40 kB.
    let zeros = vec![0; 40_000_000];
    let x = npy("|u1", "(4000, 10000)", &zeros);
    let labels = npy("|u1", "(4000,)", &[0; 4000]);
    fs::write(path("x.npy.gz"), gzip(&x)).unwrap();
    fs::write(path("y.npy"), &labels).unwrap();
    fs::write(path("x-idx3-ubyte.gz"), gzip(&idx(&[4000, 100, 100], &zeros))).unwrap();
    fs::write(path("y-idx1-ubyte"), idx(&[4000], &[0; 4000])).unwrap();
    fs::write(path("x.npz"), zip(&[("x.npy", x), ("y.npy", labels)])).unwrap();
    for (file, labels) in
        [("x.npy.gz", Some("y.npy")), ("x-idx3-ubyte.gz", Some("y-idx1-ubyte")), ("x.npz", None)]
    {
        let mut command = fanin();
        command.args(["train", "--max-memory", "30MB", "--train"]).arg(path(file));
        if let Some(labels) = labels {
            command.arg("--train-labels").arg(path(labels));
        }
        assert_error(&mut command, 1, "would take 40 MB, and no more than 30 MB may be taken");
    }
}

#[test]
fn numbers_of_rows_and_labels_are_compared_before_either_is_unpacked() {
    let dir = tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let zeros = vec![0; 40_000_000];
    let x = npy("|u1", "(4000, 10000)", &zeros);
    // As many labels as the others have values.
    let (labels, many) = (npy("|u1", "(3999,)", &[0; 3999]), npy("|u1", "(40000000,)", &zeros));
    fs::write(path("x.npy.gz"), gzip(&x)).unwrap();
    fs::write(path("y.npy"), &labels).unwrap();
    fs::write(path("many.npy.gz"), gzip(&many)).unwrap();
    fs::write(path("few.npy"), npy("|u1", "(7, 1)", &[0; 7])).unwrap();
    fs::write(path("x-idx3-ubyte.gz"), gzip(&idx(&[4000, 100, 100], &zeros))).unwrap();
    fs::write(path("y-idx1-ubyte"), idx(&[3999], &[0; 3999])).unwrap();
    fs::write(path("x.npz"), zip(&[("x.npy", x), ("y.npy", labels)])).unwrap();
    for (file, labels, counts) in [
        ("x.npy.gz", Some("y.npy"), "3999 labels for 4000 samples"),
        ("few.npy", Some("many.npy.gz"), "40000000 labels for 7 samples"),
        ("x-idx3-ubyte.gz", Some("y-idx1-ubyte"), "3999 labels for 4000 samples"),
        ("x.npz", None, "3999 labels for 4000 samples"),
    ] {
        let mut command = fanin();
        command.args(["train", "--max-memory", "30MB", "--train"]).arg(path(file));
        if let Some(labels) = labels {
            command.arg("--train-labels").arg(path(labels));
        }
        assert_error(&mut command, 1, counts);
    }
}

#[test]
fn sparse_matrices_of_forged_sizes_are_refused() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let words = |values: &[i64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let vector = |values: &[i64]| npy("<i8", &format!("({},)", values.len()), &words(values));
    let text = |name: &str| npy("|S3", "()", name.as_bytes());
    let (far, labels) = (1 << 52, npy("|u1", "(1,)", &[0]));
    let entry = |row: i64, col: i64| {
        vec![
            ("format.npy", text("coo")),
            ("shape.npy", vector(&[far, 3])),
            ("row.npy", vector(&[row])),
            ("col.npy", vector(&[col])),
            ("data.npy", vector(&[1])),
        ]
    };
    let blocks = |shape: &str, data: &[i64], indices: &[i64]| {
        vec![
            ("format.npy", text("bsr")),
            ("shape.npy", vector(&[1, 3])),
            ("indptr.npy", vector(&[0, indices.len() as i64])),
            ("indices.npy", vector(indices)),
            ("data.npy", npy("<i8", shape, &words(data))),
        ]
    };
    for (members, said) in [
        (entry(0, 0), "4503599627370496 rows would take 36028.8 TB"),
        (blocks("(0, 1, 0)", &[], &[]), "the size of a block"),
        (blocks("(0, 9223372036854775807, 9223372036854775807)", &[], &[]), "the size of a block"),
        (blocks("(1, 1, 2)", &[1, 1], &[(1 << 53) - 1]), "the matrix"),
    ] {
        fs::write(&path, zip(&members)).unwrap();
        let mut command = fanin();
        command.args(["train", "--topology"]).arg(&path);
        assert_error(&mut command, 1, said);
    }
    // Empty rows cost a file nothing, and memory all the same.
    let mask = dir.path().join("mask.npy");
    fs::write(&mask, npy("<f4", "(1099511627776, 0)", &[])).unwrap();
    let said = "1099511627776 rows would take 8.8 TB";
    assert_error(fanin().args(["train", "--topology"]).arg(&mask), 1, said);
    let nothing = npy("<f4", "(0, 4294967296, 4294967296)", &[]);
    fs::write(&path, zip(&[("x.npy", nothing), ("y.npy", npy("|u1", "(0,)", &[]))])).unwrap();
    assert_error(fanin().args(["train", "--train"]).arg(&path), 1, "x.npz: ");
    // A forged number of rows, and one label.
    let members: Vec<_> = entry(0, 0).into_iter().chain([("y.npy", labels)]).collect();
    fs::write(&path, zip(&members)).unwrap();
    let counts = "1 labels for 4503599627370496 samples";
    assert_error(fanin().args(["train", "--train"]).arg(&path), 1, counts);
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_own_limit_is_kept() {
    // A gigabyte of addresses is at most half of it of network.
    let network = "train --threads 1 --hidden 9000,9000 --engine dense --epochs 0";
    let shell = format!("ulimit -v 1000000; exec {} {network}", env!("CARGO_BIN_EXE_fanin"));
    let mut command = assert_cmd::Command::new("sh");
    assert_error(command.args(["-c", &shell]), 1, "no more than 512 MB may be taken");
}

#[test]
fn a_limit_that_is_none_is_refused() {
    for wrong in ["0", "-1", "x", "4 parsecs", "nan", "1e30"] {
        let mut command = fanin();
        command.args(["methods", &format!("--max-memory={wrong}")]);
        assert_error(&mut command, 2, "is no amount of memory, such as 4GB or 512MB");
    }
    for right in ["1", "4GB", "1.5 gb", "512MB", "1000000"] {
        run(fanin().args(["methods", &format!("--max-memory={right}")]));
    }
}
