//! `fanin predict` reads every format that `fanin train` reads: the same rows, the same answers, to
//! the byte.

use command::{fanin, run};
use files::{floats, gzip, idx, npy, zip};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

#[path = "common/command.rs"]
mod command;
#[path = "common/files.rs"]
mod files;

const ROWS: usize = 40;
const WIDTH: usize = 6;

/// Whole numbers from 0 to 255, the third a zero in every second row.
fn whole() -> Vec<u8> {
    let value = |row: usize, at: usize| {
        if at == 2 && row.is_multiple_of(2) { 0 } else { row * 37 + at * 11 }
    };
    (0..ROWS * WIDTH).map(|i| value(i / WIDTH, i % WIDTH) as u8).collect()
}

/// Numbers that are not whole; f32 has them exactly.
fn fractions() -> Vec<f32> {
    whole().iter().map(|&value| f32::from(value) / 8.0 - 3.0).collect()
}

fn labels() -> Vec<u8> {
    (0..ROWS).map(|row| (row % 3) as u8).collect()
}

fn shape(rows: usize) -> String {
    format!("({rows}, {WIDTH})")
}

/// A folder with `numbers/`, a run on arrays, and `table/`, one on a table with a column of texts.
static RUNS: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = TempDir::new().unwrap();
    let train = |name: &str, bytes: Vec<u8>, args: &[&str]| {
        let (file, out) = (dir.path().join(name), dir.path().join(name.split('.').next().unwrap()));
        fs::write(&file, bytes).unwrap();
        let mut command = fanin();
        command.args(["train", "--quiet", "--hidden", "8", "--sparsity", "0", "--epochs", "1"]);
        run(command.arg("--train").arg(file).arg("--out").arg(out).args(args));
    };
    let x = npy("<f4", &shape(ROWS), &floats(fractions()));
    let y = npy("|u1", &format!("({ROWS},)"), &labels());
    train("numbers.npz", zip(&[("x.npy", x), ("y.npy", y)]), &[]);
    let row = |i: usize| format!("{i},{},{}\n", ["red", "blue"][i % 2], i % 3);
    let table: String = (0..ROWS).map(row).collect();
    train("table.csv", format!("size,colour,kind\n{table}").into_bytes(), &["--label", "kind"]);
    dir
});

fn model(name: &str) -> PathBuf {
    RUNS.path().join(name).join("model.safetensors")
}

/// Rows of text, fields separated by `delimiter`.
fn text(values: &[f32], delimiter: &str) -> String {
    let row = |row: &[f32]| row.iter().map(f32::to_string).collect::<Vec<_>>().join(delimiter);
    values.chunks(WIDTH).map(|values| row(values) + "\n").collect()
}

/// Sparse rows of text, with labels or without.
fn sparse(values: &[f32], label: &str) -> String {
    let row = |row: &[f32]| -> String {
        let entries = (1..).zip(row).filter(|(_, value)| **value != 0.0);
        entries.map(|(index, value)| format!("{index}:{value} ")).collect()
    };
    values.chunks(WIDTH).map(|values| format!("{label}{}# row\n", row(values))).collect()
}

fn predict(input: &[u8], args: &[&str]) -> String {
    let mut command = fanin();
    command.arg("predict").arg(model("numbers")).args(args);
    run(command.write_stdin(input.to_vec()))
}

/// The answers to a file of this name and content.
fn predict_file(name: &str, bytes: &[u8], args: &[&str]) -> String {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join(name);
    fs::write(&file, bytes).unwrap();
    run(fanin().arg("predict").arg(model("numbers")).arg(file).args(args))
}

fn refusal(name: &str, model_name: &str, bytes: &[u8]) -> String {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join(name);
    fs::write(&file, bytes).unwrap();
    let output = fanin().arg("predict").arg(model(model_name)).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{name}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_same_rows_get_the_same_answers_from_every_format() {
    let whole: Vec<f32> = whole().into_iter().map(f32::from).collect();
    for values in [&whole, &fractions()] {
        let expected = predict(text(values, ",").as_bytes(), &[]);
        assert_eq!(expected.lines().count(), ROWS + 1);
        let single = npy("<f4", &shape(ROWS), &floats(values.iter().copied()));
        let double: Vec<u8> = values.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect();
        let double = npy("<f8", &shape(ROWS), &double);
        let y = npy("|u1", &format!("({ROWS},)"), &labels());
        let none = zip(&[("X_train.npy", double.clone())]);
        let files = [
            ("a.csv", text(values, ",").into_bytes()),
            ("a.csv.gz", gzip(text(values, ",").as_bytes())),
            ("a.tsv", text(values, "\t").into_bytes()),
            ("a.svm", sparse(values, "2 ").into_bytes()),
            ("a.libsvm", sparse(values, "").into_bytes()),
            ("a.svm.gz", gzip(sparse(values, "-1 ").as_bytes())),
            ("a.npy", single.clone()),
            ("a.npy.gz", gzip(&single)),
            ("b.npy", double),
            ("a.npz", zip(&[("x.npy", single), ("y.npy", y)])),
            ("b.npz", none),
        ];
        for (name, bytes) in files {
            for batch in ["1", "7", "256"] {
                assert_eq!(predict_file(name, &bytes, &["--batch", batch]), expected, "{name}");
            }
        }
    }
}

#[test]
fn images_are_answered_as_rows_of_their_bytes() {
    let bytes = whole();
    let values: Vec<f32> = bytes.iter().map(|&value| f32::from(value)).collect();
    let expected = predict(text(&values, ",").as_bytes(), &[]);
    let images = idx(&[ROWS as u32, 2, 3], &bytes);
    for (name, content) in [
        ("images-idx3-ubyte", images.clone()),
        ("images-idx3-ubyte.gz", gzip(&images)),
        ("images.idx", images),
        ("bytes.npy", npy("|u1", "(40, 2, 3)", &bytes)),
    ] {
        assert_eq!(predict_file(name, &content, &[]), expected, "{name}");
    }
}

#[test]
fn a_streams_format_is_said_and_gzip_is_noticed() {
    let values = fractions();
    let expected = predict(text(&values, ",").as_bytes(), &[]);
    assert_eq!(predict(&gzip(text(&values, ",").as_bytes()), &[]), expected);
    let sparse = sparse(&values, "1 ");
    let svmlight = ["--file-format", "svmlight"];
    assert_eq!(predict(sparse.as_bytes(), &svmlight), expected);
    assert_eq!(predict(&gzip(sparse.as_bytes()), &svmlight), expected);
    let array = npy("<f4", &shape(ROWS), &floats(values));
    assert_eq!(predict(&array, &["--file-format", "npy"]), expected);
    // A name that says nothing, and one that says something else.
    assert_eq!(predict_file("rows", sparse.as_bytes(), &svmlight), expected);
    assert_eq!(predict_file("rows.csv", sparse.as_bytes(), &svmlight), expected);
    let mut command = fanin();
    command.arg("predict").arg(model("numbers")).args(["--file-format", "npz"]);
    let output = command.write_stdin(zip(&[("x.npy", array)])).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("npz is read from a file, not from a stream"), "{stderr}");
}

#[test]
fn rows_of_another_width_or_without_sense_are_refused() {
    let narrow = npy("<f4", "(2, 5)", &floats([0.5; 10]));
    let takes = "line 1: 5 values where the model takes 6";
    for (name, bytes, message) in [
        ("a.npy", narrow.clone(), takes),
        ("a.npz", zip(&[("x.npy", narrow)]), takes),
        ("a.idx", idx(&[2, 1, 5], &[0; 10]), takes),
        ("a.csv", b"1,2,3,4,5\n".to_vec(), takes),
        ("a.svm", b"1 1:2\n1 7:1\n".to_vec(), "a row has a value 7, where the training data has 6"),
        ("b.svm", b"1 1:2\n1 2:x\n".to_vec(), "line 2: '2:x' is no index:value"),
        ("b.npy", npy("<f4", "(1, 6)", &floats([f32::NAN; 6])), "line 1, column 1: 'NaN'"),
        ("b.npz", zip(&[("y.npy", vec![])]), "of samples (x, X"),
        ("b.idx", vec![7; 40], "not an IDX file of images"),
        ("c.npz", b"no archive".to_vec(), "not a zip archive"),
    ] {
        let stderr = refusal(name, "numbers", &bytes);
        assert!(stderr.contains(message) && stderr.contains(name), "{name}: {stderr}");
    }
    let texts = "column 'colour' of the training data holds texts";
    for (name, bytes) in [
        ("a.npy", npy("<f4", "(1, 2)", &floats([1.0, 2.0]))),
        ("a.svm", b"1 1:2\n".to_vec()),
        ("a.idx", idx(&[1, 1, 2], &[1, 2])),
    ] {
        let stderr = refusal(name, "table", &bytes);
        assert!(stderr.contains(texts) && stderr.contains(name), "{name}: {stderr}");
    }
}

#[test]
fn empty_files_of_text_have_no_answers() {
    for (name, bytes) in [("a.csv", ""), ("a.svm", ""), ("b.svm", "# nothing\n\n")] {
        assert_eq!(predict_file(name, bytes.as_bytes(), &[]).lines().count(), 1, "{name}");
    }
}

#[test]
fn a_row_is_answered_before_the_next_is_read() {
    for (format, row) in [("csv", "1,2,3,4,5,6\n"), ("svmlight", "1 1:1 6:2\n")] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fanin"))
            .arg("predict")
            .arg(model("numbers"))
            .args(["--batch", "1", "--file-format", format])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        for answer in 0..3 {
            input.write_all(row.as_bytes()).unwrap();
            input.flush().unwrap();
            if answer == 0 {
                assert!(output.next().unwrap().unwrap().starts_with("class,"));
            }
            // Without an answer this waits for ever: nothing more is written before it.
            assert_eq!(output.next().unwrap().unwrap().split(',').count(), 4);
        }
        drop(input);
        assert!(child.wait().unwrap().success() && output.next().is_none());
    }
}
