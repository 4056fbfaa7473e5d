//! Samples that are kept by their values that are not 0: the same networks, bit for bit, in the
//! memory of the file.

#[path = "common/command.rs"]
mod command;
#[path = "common/files.rs"]
mod files;
#[path = "common/loader.rs"]
mod loader;

use command::{fanin, run};
use fanin::dataset::{DataConfig, Dataset, Normalize, SparseInput, Task, Values};
use fanin::train::{TrainConfig, Trainer};
use files::{npy, zip};
use loader::{ALLOCATOR, alone};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Rows with about `per_row` of `width` values, of which some say which of three classes it is.
fn sparse_rows(rows: usize, width: usize, per_row: usize, seed: u64) -> Vec<(usize, Vec<f64>)> {
    let rng = &mut Pcg64::seed_from_u64(seed);
    (0..rows)
        .map(|row| {
            let class = row % 3;
            let mut values = vec![0.0; width];
            for _ in 0..per_row {
                values[rng.random_range(0..width)] = f64::from(rng.random_range(-40..40)) / 8.0;
            }
            values[class * 5 + rng.random_range(0..5)] = 3.0;
            (class, values)
        })
        .collect()
}

fn svmlight(rows: &[(usize, Vec<f64>)]) -> String {
    let mut text = String::new();
    for (class, values) in rows {
        write!(text, "{class}").unwrap();
        for (at, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            write!(text, " {}:{value}", at + 1).unwrap();
        }
        text.push('\n');
    }
    text
}

/// SciPy's archive of a matrix in CSR or CSC.
fn scipy(rows: &[(usize, Vec<f64>)], format: &str) -> Vec<u8> {
    let (height, width) = (rows.len(), rows[0].1.len());
    let is_csr = format == "csr";
    let lines = if is_csr { height } else { width };
    let (mut ptr, mut idx, mut data) = (vec![0i32], vec![], vec![]);
    for line in 0..lines {
        for at in 0..if is_csr { width } else { height } {
            let value = if is_csr { rows[line].1[at] } else { rows[at].1[line] };
            if value != 0.0 {
                idx.push(at as i32);
                data.push(value);
            }
        }
        ptr.push(idx.len() as i32);
    }
    let ints = |values: &[i32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let shape: Vec<u8> = [height, width].iter().flat_map(|&n| (n as i64).to_le_bytes()).collect();
    let doubles: Vec<u8> = data.iter().flat_map(|v: &f64| v.to_le_bytes()).collect();
    zip(&[
        ("indices.npy", npy("<i4", &format!("({},)", idx.len()), &ints(&idx))),
        ("indptr.npy", npy("<i4", &format!("({},)", ptr.len()), &ints(&ptr))),
        ("format.npy", npy("|S3", "()", format.as_bytes())),
        ("shape.npy", npy("<i8", "(2,)", &shape)),
        ("data.npy", npy("<f8", &format!("({},)", data.len()), &doubles)),
    ])
}

fn labels(rows: &[(usize, Vec<f64>)]) -> Vec<u8> {
    let bytes: Vec<u8> = rows.iter().map(|(class, _)| *class as u8).collect();
    npy("|u1", &format!("({},)", bytes.len()), &bytes)
}

fn write(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn load(train: &Path, change: impl Fn(&mut DataConfig)) -> Dataset {
    let train = Some(train.to_path_buf());
    let mut config = DataConfig { train, normalize: Normalize::None, ..DataConfig::default() };
    change(&mut config);
    config.load().unwrap()
}

fn is_sparse(data: &Dataset) -> bool {
    matches!(data.train.values(), Values::Sparse(_))
}

#[test]
fn sparse_and_whole_rows_make_the_same_network() {
    let _alone = alone();
    let dir = TempDir::new().unwrap();
    // Few features there in a tile, and so many that it has all rows.
    for (width, per_row) in [(3000, 3), (700, 30)] {
        let path = write(&dir, "x.svm", svmlight(&sparse_rows(230, width, per_row, 1)));
        let of = |input| load(&path, |config| config.sparse_input = input);
        let (sparse, whole) = (of(SparseInput::Auto), of(SparseInput::No));
        assert!(is_sparse(&sparse) && !is_sparse(&whole));
        for (engine, method, threads) in
            [("sparse", "static", 1), ("sparse", "rigl:every=2", 3), ("dense", "static", 2)]
        {
            let train = |data: &Dataset| {
                let config = TrainConfig {
                    hidden: vec![40, 24],
                    sparsity: 0.7,
                    engine: engine.parse().unwrap(),
                    method: method.parse().unwrap(),
                    batch: 70,
                    threads,
                    ..TrainConfig::default()
                };
                let mut trainer = Trainer::new(config, data.clone()).unwrap();
                (0..4).for_each(|_| drop(trainer.run_epoch(|_| {}).unwrap()));
                let test = trainer.evaluate(&data.test).unwrap();
                let layers = trainer.model().layers().iter();
                let weights: Vec<Vec<f32>> = layers.map(|layer| layer.connections().1).collect();
                (test, weights)
            };
            let (a, b) = (train(&sparse), train(&whole));
            assert!(a == b, "{engine}, {method}: {:?}, {:?}", a.0, b.0);
        }
    }
}

#[test]
fn every_sparse_file_is_the_same_data() {
    let _alone = alone();
    let dir = TempDir::new().unwrap();
    let rows = sparse_rows(90, 400, 6, 2);
    let text = load(&write(&dir, "x.svm", svmlight(&rows)), |config| {
        config.features = Some(400);
    });
    let y = write(&dir, "y.npy", labels(&rows));
    for format in ["csr", "csc"] {
        let x = write(&dir, "x.npz", scipy(&rows, format));
        let data = load(&x, |config| config.train_labels = Some(y.clone()));
        assert!(is_sparse(&data), "{format}");
        assert_eq!(data.train.values(), text.train.values(), "{format}");
        assert_eq!(data.train.labels(), text.train.labels(), "{format}");
    }
    // What was read is what was written.
    let Values::Sparse(read) = text.train.values() else { panic!("sparse") };
    let held_out = text.test_rows.as_deref().unwrap();
    let kept: Vec<usize> = (0..90).filter(|row| !held_out.contains(&(*row as u32))).collect();
    let mut found: Vec<Vec<(u32, f32)>> = (0..read.rows())
        .map(|row| read.row(row).0.iter().copied().zip(read.row(row).1.iter().copied()).collect())
        .collect();
    let entries = |row: &usize| -> Vec<(u32, f32)> {
        let values = (0..).zip(rows[*row].1.iter().map(|&value| value as f32));
        values.filter(|(_, value)| *value != 0.0).collect()
    };
    let mut expected: Vec<Vec<(u32, f32)>> = kept.iter().map(entries).collect();
    let order = |a: &Vec<(u32, f32)>, b: &Vec<(u32, f32)>| a.partial_cmp(b).unwrap();
    found.sort_by(order);
    expected.sort_by(order);
    assert_eq!(found, expected);
}

#[test]
fn a_matrix_that_is_none_is_refused() {
    let _alone = alone();
    let dir = TempDir::new().unwrap();
    let rows = sparse_rows(30, 100, 4, 3);
    let y = write(&dir, "y.npy", labels(&rows));
    let two = write(&dir, "two.npy", labels(&rows[..2]));
    let refuse = |members: &[(&str, Vec<u8>)], message: &str| {
        let path = write(&dir, "x.npz", zip(members));
        let config = DataConfig {
            train: Some(path),
            train_labels: Some(two.clone()),
            ..DataConfig::default()
        };
        let problem = config.load().map(|_| ()).unwrap_err().to_string();
        assert!(problem.contains("x.npz") && problem.contains(message), "{problem}");
    };
    let ints = |values: &[i32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        npy("<i4", &format!("({},)", values.len()), &bytes)
    };
    let doubles = |values: &[f64]| {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        npy("<f8", &format!("({},)", values.len()), &bytes)
    };
    let shape = |rows: i64, cols: i64| {
        let bytes: Vec<u8> = [rows, cols].iter().flat_map(|n| n.to_le_bytes()).collect();
        npy("<i8", "(2,)", &bytes)
    };
    let matrix = |format: &[u8], shape: Vec<u8>, ptr: &[i32], idx: &[i32], data: &[f64]| {
        [
            ("format.npy", npy(&format!("|S{}", format.len()), "()", format)),
            ("shape.npy", shape),
            ("indptr.npy", ints(ptr)),
            ("indices.npy", ints(idx)),
            ("data.npy", doubles(data)),
        ]
    };
    let whole = shape(2, 3);
    refuse(&matrix(b"dia", whole.clone(), &[0, 1, 1], &[0], &[1.0]), "sparse 'dia'");
    refuse(&matrix(b"csr", whole.clone(), &[0, 1], &[0], &[1.0]), "indptr");
    refuse(&matrix(b"csr", whole.clone(), &[0, 1, 2], &[0, 3], &[1.0, 1.0]), "no matrix in CSR");
    refuse(&matrix(b"csr", whole.clone(), &[0, 2, 2], &[1, 1], &[1.0, 1.0]), "no matrix in CSR");
    refuse(&matrix(b"csr", whole.clone(), &[0, 2, 1], &[1, 2], &[1.0, 1.0]), "");
    refuse(&matrix(b"csr", whole.clone(), &[0, 1, 2], &[0, 1], &[1.0]), "data");
    refuse(&matrix(b"csr", whole, &[0, 1, 2], &[0, 1], &[1.0, f64::NAN]), "line 2, column 2");
    // Rows of more values than can be meant.
    let wide = shape(2, 1 << 40);
    refuse(&matrix(b"csr", wide, &[0, 1, 2], &[0, 1], &[1.0, 1.0]), "memory");
    // A good matrix with labels of other rows.
    let path = write(&dir, "x.npz", scipy(&rows[..20], "csr"));
    let config =
        DataConfig { train: Some(path), train_labels: Some(y.clone()), ..DataConfig::default() };
    let problem = config.load().map(|_| ()).unwrap_err().to_string();
    assert!(problem.contains("30 labels") && problem.contains("20"), "{problem}");
}

#[test]
fn the_memory_is_the_files() {
    let _alone = alone();
    let dir = TempDir::new().unwrap();
    // As rows of all values 564 MB.
    let rng = &mut Pcg64::seed_from_u64(4);
    let mut text = String::new();
    for row in 0..3000 {
        write!(text, "{}", row % 4).unwrap();
        let mut at = 0;
        while at + 1300 < 47_000 {
            at += rng.random_range(1..1300);
            write!(text, " {at}:0.{}", rng.random_range(1000..9999)).unwrap();
        }
        text.push('\n');
    }
    let path = write(&dir, "x.svm", &text);
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let data = load(&path, |config| config.features = Some(47_000));
    let used = ALLOCATOR.peak_usage() - before;
    assert!(is_sparse(&data) && data.train.features() == 47_000);
    assert!(used < 3 * text.len(), "{used} bytes for a file of {}", text.len());
}

#[test]
fn the_command_trains_resumes_evaluates_and_answers_sparse_rows() {
    let _alone = alone();
    let dir = TempDir::new().unwrap();
    let rows = sparse_rows(300, 500, 5, 5);
    let x = write(&dir, "x.npz", scipy(&rows, "csr"));
    let y = write(&dir, "y.npy", labels(&rows));
    let text = write(&dir, "rows.svm", svmlight(&rows[..50]));
    let at = |name: &str| dir.path().join(name);
    let train = |out: &str, epochs: &str| {
        let mut command = fanin();
        command.args(["train", "--hidden", "32", "--epochs", epochs, "--lr", "0.002"]);
        run(command.arg("--train").arg(&x).arg("--train-labels").arg(&y).arg("--out").arg(at(out)))
    };
    assert!(train("whole", "30").contains("500 numeric, 1 % of them not 0"));
    train("short", "10");
    run(fanin().args(["train", "--epochs", "30", "--resume"]).arg(at("short")));
    let model = |out: &str| at(out).join("model.safetensors");
    let weights = |out: &str| {
        let file = fanin::model::ModelFile::read(&model(out)).unwrap();
        file.model.layers().iter().map(|layer| layer.connections().1).collect::<Vec<_>>()
    };
    assert_eq!(weights("whole"), weights("short"));
    let told = run(fanin().arg("eval").arg(model("whole")));
    assert!(told.contains("60 test samples: accuracy"), "{told}");
    let predict = |rows: &Path| run(fanin().arg("predict").arg(model("whole")).arg(rows));
    let (of_matrix, of_text) = (predict(&x), predict(&text));
    let first = |answers: &str| answers.lines().take(51).map(String::from).collect::<Vec<_>>();
    assert_eq!(first(&of_matrix), first(&of_text));
    assert_eq!(of_matrix.lines().count(), 301);
    let answered = of_matrix.lines().skip(1).zip(&rows);
    let right = answered.filter(|(a, (class, _))| a.starts_with(&format!("{class},"))).count();
    assert!(right > 270, "{right} of 300");
    // One row alone has the bits that it has among others, and a bad row takes no other with it.
    let with_bad = format!("{}1 501:2\n{}", svmlight(&rows[..2]), svmlight(&rows[2..4]));
    let path = write(&dir, "bad.svm", with_bad);
    let output = fanin().arg("predict").arg(model("whole")).arg(path).output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<&str> = answers.lines().collect();
    let expected: Vec<&str> = of_matrix.lines().take(5).collect();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!([&answers[..3], &answers[4..]].concat(), expected);
    assert_eq!(answers[3], ",,,");
}

#[test]
fn regressions_take_sparse_rows() {
    let _alone = alone();
    let dir = TempDir::new().unwrap();
    let mut rows = sparse_rows(200, 300, 4, 6);
    rows.iter_mut().for_each(|(class, values)| values[299] = *class as f64);
    let path = write(&dir, "x.svm", svmlight(&rows));
    let data = load(&path, |config| config.task = Task::Regression);
    assert!(is_sparse(&data) && data.train.targets().are_numbers());
    let config = TrainConfig {
        hidden: vec![16],
        loss: "mse".parse().unwrap(),
        epochs: 20,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(config, data.clone()).unwrap();
    let first = trainer.run_epoch(|_| {}).unwrap().loss;
    (0..30).for_each(|_| drop(trainer.run_epoch(|_| {}).unwrap()));
    assert!(trainer.run_epoch(|_| {}).unwrap().loss < first / 2.0);
}
