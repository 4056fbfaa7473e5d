//! Every loader against damaged files: a typed error with file and place, and never a panic, a hang, or
//! more memory than the file is worth.

use fanin::dataset::{DataConfig, Dataset, FileFormat, Header, Missing};
use fanin::error::{DataProblem, Error};
use files::{gzip, idx};
use peak_alloc::PeakAlloc;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

#[path = "common/files.rs"]
mod files;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    header.push_str(&" ".repeat((10 + header.len() + 1).next_multiple_of(64) - 11 - header.len()));
    header.push('\n');
    let len = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &len, header.as_bytes(), data].concat()
}

fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// A loader with a good file of its format.
struct Loader {
    dir: TempDir,
    config: DataConfig,
    file: PathBuf,
    good: Vec<u8>,
}

impl Loader {
    /// A loader of `name`, which holds `good`; `labels` is a second file beside it.
    fn new(name: &str, good: Vec<u8>, labels: Option<(&str, Vec<u8>)>) -> Loader {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join(name);
        let mut config = DataConfig { train: Some(file.clone()), ..DataConfig::default() };
        if let Some((name, bytes)) = labels {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            config.train_labels = Some(path);
        }
        let loader = Loader { dir, config, file, good };
        loader.load(&loader.good).expect("the good file is good");
        loader
    }

    fn load(&self, bytes: &[u8]) -> Result<Dataset, Error> {
        fs::write(&self.file, bytes).unwrap();
        self.config.load()
    }

    /// Asserts an error that names the file and says `message`.
    fn refuses(&self, case: &str, bytes: &[u8], message: &str) {
        let problem = self.load(bytes).map(|_| ()).expect_err(case).to_string();
        assert!(problem.contains(message), "{case}: {problem}");
        let folder = self.dir.path().to_str().unwrap();
        assert!(problem.contains(folder), "{case} names no file: {problem}");
    }

    /// Cuts at `count` places: all are errors but for those where whole rows remain.
    fn refuses_cuts(&self, count: usize, message: &str) {
        for cut in 0..count {
            let at = self.good.len() * cut / count;
            self.refuses(&format!("cut at {at}"), &self.good[..at], message);
        }
    }

    /// Ten thousand mutations: an error or a data set, in little memory and time.
    fn survives_mutations(&self) {
        let rng = &mut Pcg64::seed_from_u64(10_000);
        let (mut loaded, mut refused) = (0, 0);
        for case in 0..10_000 {
            let bytes = mutated(&self.good, rng);
            fs::write(&self.file, &bytes).unwrap();
            ALLOCATOR.reset_peak_usage();
            let (before, started) = (ALLOCATOR.current_usage(), Instant::now());
            let result = self.config.load();
            let used = ALLOCATOR.peak_usage().saturating_sub(before);
            // Buffers of the readers, and what small files may grow to.
            assert!(used < 4 << 20, "case {case} took {used} bytes");
            assert!(started.elapsed() < Duration::from_secs(5), "case {case} hangs");
            match result {
                Ok(_) => loaded += 1,
                Err(
                    Error::Data { .. } | Error::File { .. } | Error::Io { .. } | Error::Config(_),
                ) => refused += 1,
                Err(other) => panic!("case {case}: {other:?}"),
            }
        }
        assert!(refused > 1000, "{refused} refused, {loaded} loaded");
    }
}

/// A file with one to four changes: bits, bytes, cuts, repetitions, and numbers that are too large.
fn mutated(good: &[u8], rng: &mut Pcg64) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..8) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => bytes.truncate(at),
            3 => bytes[at] = *b",\n\t:\"'#0-e.\xff".get(rng.random_range(0..12)).unwrap(),
            4 => {
                let end = (at + rng.random_range(1..20)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            5 => {
                let end = (at + rng.random_range(1..20)).min(bytes.len());
                bytes.drain(at..end);
            }
            6 => {
                let huge: &[u8] = [b"99999999999".as_slice(), b"4294967295", b"1e999", b"nan"]
                    [rng.random_range(0..4)];
                bytes.splice(at..at, huge.iter().copied());
            }
            _ => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
        }
    }
    bytes
}

/// 40 rows of two numbers and a text, three classes.
fn good_csv() -> String {
    let mut text = String::from("size,weight,colour,kind\n");
    for row in 0..40 {
        let colour = ["red", "green", "blue"][row % 3];
        let kind = ["oak", "ash", "elm"][row % 3];
        text += &format!("{row},{}.5,{colour},{kind}\n", row * 3);
    }
    text
}

fn csv_loader(name: &str, good: Vec<u8>) -> Loader {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join(name);
    let label = Some("kind".to_string());
    let config = DataConfig { train: Some(file.clone()), label, ..DataConfig::default() };
    let loader = Loader { dir, config, file, good };
    loader.load(&loader.good).expect("the good file is good");
    loader
}

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn damaged_csv_is_refused_with_line_and_column() {
    let _alone = alone();
    let good = good_csv();
    let loader = csv_loader("data.csv", good.clone().into_bytes());
    let with = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty", vec![], "no rows of values"),
        ("blank", b"\n\n\n".to_vec(), "no rows of values"),
        ("header alone", with(&good[24..], ""), "no rows of values"),
        ("a field less", with("3,9.5,red,oak", "3,9.5,oak"), "line 5: 3 fields where there are 4"),
        ("a field more", with("3,9.5,red", "3,9.5,1,red"), "line 5: 5 fields where there are 4"),
        ("a row cut", with("7,21.5,green,ash\n", "7,21\n"), "line 9: 2 fields"),
        ("text in a number", with("4,12.5", "4,twelve"), "line 6, column 2: 'twelve'"),
        ("two points", with("4,12.5", "4,1.2.5"), "line 6, column 2: '1.2.5'"),
        ("a comma number", with("4,12.5", "4,\"12,5\""), "line 6, column 2: '12,5'"),
        ("infinity", with("4,12.5", "4,inf"), "line 6, column 2: 'inf' is not a finite"),
        ("minus infinity", with("4,12.5", "4,-inf"), "line 6, column 2: '-inf' is not a finite"),
        ("too large for f32", with("4,12.5", "4,1e39"), "line 6, column 2: '1e39'"),
        ("hexadecimal", with("4,12.5", "4,0x1f"), "line 6, column 2: '0x1f'"),
        ("NaN", with("4,12.5", "4,NaN"), "line 6, column 'weight': the value is missing"),
        ("nothing", with("4,12.5", "4,"), "line 6, column 'weight': the value is missing"),
        ("a blank", with("4,12.5", "4,  "), "line 6, column 'weight': the value is missing"),
        ("NA", with("4,12.5,green", "4,12.5,NA"), "line 6, column 'colour': the value is missing"),
        ("no label", with("green,ash", "green,"), "column 'kind': the value is missing"),
        ("two columns alike", with("weight", "size"), "two columns are called 'size'"),
        ("another label", with("kind", "sort"), "no column 'kind': the columns are size, weight"),
        ("not UTF-8", [good.as_bytes(), b"40,1,\xff\xfe,oak\n"].concat(), "line 42 is not UTF-8"),
        ("label not UTF-8", [good.as_bytes(), b"40,1,red,\xff\n"].concat(), "line 42 is not UTF-8"),
        (
            "header not UTF-8",
            [b"\xff,".as_slice(), good.as_bytes()].concat(),
            "line 1 is not UTF-8",
        ),
        ("zeros", vec![0; 4096], "no column 'kind'"),
        ("garbage", (0..4096u32).map(|i| ((i * 7919) >> 3) as u8).collect(), "data.csv"),
        ("a huge line", [b"kind,x\n".to_vec(), vec![b'a'; 17 << 20]].concat(), "a line is longer"),
        ("an open quote", with("3,9.5", "3,\"9.5"), "line 5"),
        ("another delimiter", good.replace(',', ";;").into_bytes(), "two columns are called ''"),
        ("gzip of nothing", gzip(b""), "no rows of values"),
        ("gzip cut", gzip(good.as_bytes())[..60].to_vec(), "damaged gzip stream"),
        (
            "gzip changed",
            {
                let mut g = gzip(good.as_bytes());
                g[40] ^= 8;
                g
            },
            "data.csv",
        ),
        ("gzip bomb", gzip(&vec![b'x'; 64 << 20]), "a line is longer"),
    ];
    assert!(cases.len() >= 30);
    for (case, bytes, message) in cases {
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        loader.refuses(case, bytes, message);
        let used = ALLOCATOR.peak_usage() - before;
        assert!(used < 64 << 20, "{case} took {used} bytes");
    }
}

#[test]
fn harmless_oddities_of_csv_change_nothing() {
    let _alone = alone();
    let good = good_csv();
    let loader = csv_loader("data.csv", good.clone().into_bytes());
    let expected = loader.load(good.as_bytes()).unwrap();
    let padded = good.replace(',', " , ");
    let quoted = good.replace("red", "\"red\"");
    let variants: [(&str, Vec<u8>); 8] = [
        ("BOM", [b"\xef\xbb\xbf".as_slice(), good.as_bytes()].concat()),
        ("CRLF", good.replace('\n', "\r\n").into_bytes()),
        ("BOM and CRLF", format!("\u{feff}{}", good.replace('\n', "\r\n")).into_bytes()),
        ("no last newline", good.trim_end().as_bytes().to_vec()),
        ("blank lines", good.replace("\n3,", "\n\n3,").into_bytes()),
        ("white space", padded.into_bytes()),
        ("quotes", quoted.into_bytes()),
        ("gzip without the name", gzip(good.as_bytes())),
    ];
    for (case, bytes) in variants {
        let data = loader.load(&bytes).unwrap_or_else(|problem| panic!("{case}: {problem}"));
        assert_eq!(data.train.floats(), expected.train.floats(), "{case}");
        assert_eq!(data.schema, expected.schema, "{case}");
    }
    for (name, delimiter) in [("data.tsv", "\t"), ("data.csv", ";")] {
        let bytes = good.replace(',', delimiter).into_bytes();
        let data = csv_loader(name, bytes.clone()).load(&bytes).unwrap();
        assert_eq!(data.train.floats(), expected.train.floats(), "{name}");
    }
}

#[test]
fn missing_values_are_filled_as_asked_from_training_rows() {
    let _alone = alone();
    let good = good_csv().replace("\n4,12.5", "\n4,").replace("9,27.5,red", "9,27.5,?");
    for missing in [Missing::Mean, Missing::Zero] {
        let mut loader = csv_loader("data.csv", good_csv().into_bytes());
        loader.config.missing = missing;
        let data = loader.load(good.as_bytes()).unwrap();
        let fill = data.schema.columns[1].fill.unwrap();
        let test = data.test_rows.clone().unwrap();
        let kept: Vec<f64> = (0..40)
            .filter(|row| !test.contains(row) && *row != 4)
            .map(|row| f64::from(row * 3) + 0.5)
            .collect();
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        match missing {
            Missing::Mean => assert!((f64::from(fill) - mean).abs() < 1e-4, "{fill}, {mean}"),
            _ => assert_eq!(fill, 0.0),
        }
        let values = [data.train.floats().unwrap(), data.test.floats().unwrap()].concat();
        let rows: Vec<&[f32]> = values.chunks(5).collect();
        assert!(rows.iter().any(|row| row[0] == 4.0 && row[1] == fill));
        // A missing category is none of those known.
        assert!(rows.iter().any(|row| row[0] == 9.0 && row[2..] == [0.0; 3]));
    }
}

#[test]
fn damaged_idx_is_refused() {
    let _alone = alone();
    let images: Vec<u8> = (0..40 * 16).map(|i| i as u8).collect();
    let labels: Vec<u8> = (0..40).map(|i| i % 4).collect();
    for name in ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"] {
        let is_gzip = name.ends_with("gz");
        let wrap = |bytes: Vec<u8>| if is_gzip { gzip(&bytes) } else { bytes };
        let good = idx(&[40, 4, 4], &images);
        let beside = Some(("labels-idx1-ubyte", idx(&[40], &labels)));
        let loader = Loader::new(name, wrap(good.clone()), beside);
        for cut in 0..20 {
            let at = good.len() * cut / 20;
            loader.refuses(&format!("cut at {at}"), &wrap(good[..at].to_vec()), "truncated");
        }
        let dims = |dims: [u32; 3]| wrap(idx(&dims, &images));
        let cases = [
            ("of labels", wrap(idx(&[640], &images)), "not an IDX file of images"),
            ("of floats", wrap([&[0, 0, 0x0d, 3], &good[4..]].concat()), "not an IDX file"),
            ("wrong magic", wrap([b"PNG\n".as_slice(), &good[4..]].concat()), "not an IDX file"),
            ("no samples", dims([0, 4, 4]), "impossible dimensions [0, 4, 4]"),
            ("no pixels", dims([40, 0, 4]), "impossible dimensions"),
            ("dimensions overflow", dims([u32::MAX; 3]), "impossible dimensions"),
            ("more than is there", dims([41, 4, 4]), "truncated"),
            ("far more than is there", dims([u32::MAX, 1, 1]), "truncated"),
            ("less than is there", dims([39, 4, 4]), "bytes follow"),
            ("fewer labels", wrap(idx(&[20, 4, 4], &images[..320])), "40 labels for 20 samples"),
            ("empty", vec![], if is_gzip { "gzip" } else { "truncated" }),
            ("garbage", vec![0x5a; 2000], if is_gzip { "damaged gzip" } else { "not an IDX" }),
        ];
        for (case, bytes, message) in cases {
            ALLOCATOR.reset_peak_usage();
            let before = ALLOCATOR.current_usage();
            loader.refuses(case, &bytes, message);
            assert!(ALLOCATOR.peak_usage() - before < 4 << 20, "{case}");
        }
        if is_gzip {
            // A stream of a hundred megabytes behind a header that promises 640 bytes.
            let bomb = gzip(&[good.as_slice(), &vec![0; 100 << 20]].concat());
            ALLOCATOR.reset_peak_usage();
            let before = ALLOCATOR.current_usage();
            loader.refuses("gzip bomb", &bomb, "bytes follow the 640");
            assert!(ALLOCATOR.peak_usage() - before < 4 << 20);
            for cut in 1..10 {
                let at = loader.good.len() * cut / 10;
                loader.refuses("gzip cut", &loader.good[..at], "damaged gzip");
            }
        }
    }
}

#[test]
fn damaged_svmlight_is_refused_with_its_line() {
    let _alone = alone();
    let good: String = (0..30).map(|i| format!("{} 1:{i} 3:{}.5 # row\n", i % 3, i * 2)).collect();
    let loader = Loader::new("data.svm", good.clone().into_bytes(), None);
    let data = loader.load(good.as_bytes()).unwrap();
    assert_eq!((data.train.features(), data.train.classes()), (3, 3));
    assert_eq!((data.train.len(), data.test.len()), (24, 6));
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    let entry = "is no index:value with ascending indices from 1";
    for (case, to) in [
        ("index 0", "0:4"),
        ("a negative index", "-1:4"),
        ("an index too large", "4294967296:4"),
        ("no index", ":4"),
        ("no value", "1:"),
        ("no colon", "14"),
        ("text", "1:four"),
        ("NaN", "1:nan"),
        ("infinity", "1:inf"),
        ("too large for f32", "1:1e40"),
        ("descending", "5:4"),
        ("twice", "3:4"),
        ("two colons", "1:4:4"),
        ("a float index", "1.5:4"),
        ("a word", "one:4"),
        ("the last index", "4294967295:4"),
    ] {
        let message = if case == "the last index" { "line 5" } else { entry };
        loader.refuses(case, with("1:4 ", &format!("{to} ")).as_bytes(), message);
        loader.refuses(case, with("1:4 ", &format!("{to} ")).as_bytes(), "line 5");
    }
    let none = "no rows of values";
    let many: String = (0..70_000).map(|i| format!("class{i} 1:1\n")).collect();
    let cases: [(&str, Vec<u8>, &str); 14] = [
        ("empty", vec![], none),
        ("blank", b"\n \n\n".to_vec(), none),
        ("comments alone", b"# 1 1:2\n#\n".to_vec(), none),
        ("labels alone", b"1\n2\n1\n".to_vec(), none),
        ("no label", with("1 1:4", "1:4").into_bytes(), "line 5"),
        ("an enormous width", with("3:8.5", "400000000:8.5").into_bytes(), "bytes of memory"),
        ("not UTF-8", [good.as_bytes(), b"1 1:\xff\n"].concat(), "line 31 is not UTF-8"),
        ("zeros", vec![0; 300], none),
        ("a huge line", vec![b'1'; 17 << 20], "a line is longer"),
        ("a CSV", good_csv().into_bytes(), "no rows of values"),
        ("too many classes", many.into_bytes(), "more than 65536 classes"),
        ("gzip cut", gzip(good.as_bytes())[..50].to_vec(), "damaged gzip"),
        ("gzip bomb", gzip(&vec![b'1'; 64 << 20]), "a line is longer"),
        ("gzip of nothing", gzip(b""), none),
    ];
    for (case, bytes, message) in cases {
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        loader.refuses(case, &bytes, message);
        assert!(ALLOCATOR.peak_usage() - before < 64 << 20, "{case}");
    }
}

#[test]
fn damaged_npy_and_npz_are_refused() {
    let _alone = alone();
    let x = npy("<f4", "(40, 3)", &floats((0..120).map(|i| i as f32)));
    let y =
        npy("<i8", "(40,)", &(0..40i64).flat_map(|i| (i % 3).to_le_bytes()).collect::<Vec<_>>());
    let good = zip(&[("x.npy", x.clone()), ("y.npy", y.clone())]);
    let alone = Loader::new("x.npy", x.clone(), Some(("y.npy", y.clone())));
    let both = Loader::new("data.npz", good, None);
    alone.refuses_cuts(20, "damaged");
    both.refuses_cuts(20, "damaged");
    let with_x = |x: &[u8]| zip(&[("x.npy", x.to_vec()), ("y.npy", y.clone())]);
    let shape = |shape: &str| npy("<f4", shape, &floats((0..120).map(|i| i as f32)));
    let cases = [
        ("another magic", [b"\x93NUMPX".as_slice(), &x[6..]].concat(), "not an NPY array"),
        ("no header", [&x[..8], &[0, 0]].concat(), "malformed NPY header"),
        ("a header of garbage", [&x[..10], &[b'?'; 200]].concat(), "malformed NPY header"),
        ("not UTF-8", [&x[..10], &[0xff; 200]].concat(), "damaged"),
        ("a shape that overflows", shape("(9999999999, 9999999999, 9)"), "malformed NPY header"),
        ("a size that is none", shape("(-3, 3)"), "malformed NPY header"),
        ("far more than is there", shape("(4000000000, 3)"), "of 48000000000 bytes"),
        ("one more than is there", shape("(41, 3)"), "480 of 492 bytes"),
        ("fewer rows than labels", shape("(20, 3)"), "40 labels for 20 samples"),
        ("no rows", npy("<f4", "(0, 3)", &[]), "40 labels for 0 samples"),
        ("no columns", npy("<f4", "(40, 0)", &[]), "no rows of values"),
        ("a scalar", npy("<f4", "()", &[0; 4]), "40 labels for 0 samples"),
        ("complex numbers", npy("<c8", "(40,)", &[0; 320]), "element type <c8"),
        ("objects", npy("|O", "(40,)", &[0; 40]), "malformed NPY header"),
        ("texts", npy("<U2", "(40,)", &[0; 320]), "element type <U2"),
        ("big-endian", npy(">f4", "(40, 3)", &[0; 480]), "element type >f4"),
        (
            "NaN",
            npy("<f4", "(40, 3)", &floats((0..120).map(|i| if i == 7 { f32::NAN } else { 0.0 }))),
            "line 3, column 2: 'NaN'",
        ),
        (
            "infinity",
            npy("<f8", "(40, 1)", &[f64::INFINITY.to_le_bytes(); 40].concat()),
            "line 1, column 1: 'inf'",
        ),
    ];
    for (case, bytes, message) in &cases {
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        alone.refuses(case, bytes, message);
        both.refuses(case, &with_x(bytes), message);
        assert!(ALLOCATOR.peak_usage() - before < 4 << 20, "{case}");
    }
    let fortran = String::from_utf8_lossy(&x).replacen("False", "True ", 1);
    assert!(fortran.contains("True"));
    let fortran = {
        let mut b = x.clone();
        let at = x.windows(5).position(|w| w == b"False").unwrap();
        b[at..at + 5].copy_from_slice(b"True ");
        b
    };
    alone.refuses("Fortran order", &fortran, "Fortran order");
    both.refuses("no samples", &zip(&[("y.npy", y.clone())]), "of samples (x, X");
    both.refuses("no labels", &zip(&[("x.npy", x.clone())]), "of labels (y, Y");
    both.refuses("no arrays", &zip(&[("x.txt", x.clone())]), "is missing");
    both.refuses("empty", &[], "damaged");
    both.refuses("not a zip", &[7; 3000], "damaged");
    // Bytes stay bytes, whatever else the archive holds.
    let bytes = npy("|u1", "(40, 2, 2)", &[3; 160]);
    let data =
        both.load(&zip(&[("readme.txt", vec![1]), ("y_train.npy", y), ("x_train.npy", bytes)]));
    assert_eq!(data.unwrap().train.bytes().map(<[u8]>::len), Some(128));
}

#[test]
fn labels_of_a_test_file_must_be_classes_of_the_training_file() {
    let _alone = alone();
    let loader = csv_loader("data.csv", good_csv().into_bytes());
    fs::write(&loader.file, good_csv()).unwrap();
    let test = loader.dir.path().join("test.csv");
    let config = DataConfig { test: Some(test.clone()), ..loader.config.clone() };
    // Other columns, in another order, with one more.
    fs::write(&test, "kind,note,colour,weight,size\nelm,x,blue,2,1\n").unwrap();
    let data = config.load().unwrap();
    assert_eq!(data.test.floats(), Some(&[1.0, 2.0, 1.0, 0.0, 0.0][..]));
    assert_eq!((data.test.labels(), data.schema.class(1)), (&[1][..], "elm".into()));
    for (text, message) in [
        ("kind,colour,weight,size\nyew,blue,2,1\n", "line 2: 'yew' is no class"),
        (
            "kind,colour,weight,size\nelm,pink,2,1\n",
            "line 2, column 'colour': 'pink' does not occur",
        ),
        ("kind,colour,weight\nelm,blue,2\n", "needs column 'size', which is not there"),
        ("kind,colour\nelm,blue\n", "needs columns 'size', 'weight', which are not there"),
        ("size,weight,colour\n1,2,blue\n", "no column 'kind'"),
    ] {
        fs::write(&test, text).unwrap();
        let problem = config.load().unwrap_err().to_string();
        assert!(problem.contains(message) && problem.contains("test.csv"), "{problem}");
    }
}

#[test]
fn tables_without_a_header_go_by_number() {
    let _alone = alone();
    let rows: String = (0..20).map(|i| format!("{},{i},{}\n", i % 2, i * i)).collect();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("data.csv");
    fs::write(&file, &rows).unwrap();
    let load = |label: &str, header| {
        let label = Some(label.to_string());
        DataConfig { train: Some(file.clone()), label, header, ..DataConfig::default() }.load()
    };
    let data = load("1", Header::Auto).unwrap();
    assert_eq!((data.train.classes(), data.train.features()), (2, 2));
    assert_eq!(load("-3", Header::No).unwrap().train.floats(), data.train.floats());
    assert!(matches!(
        load("4", Header::Auto),
        Err(Error::Data { problem: DataProblem::UnknownColumn { .. }, .. })
    ));
    let no_label = DataConfig { train: Some(file.clone()), ..DataConfig::default() };
    assert!(matches!(no_label.load(), Err(Error::Data { problem: DataProblem::NoLabel, .. })));
    // Numbers that are names.
    let label = Some("1".to_string());
    let categorical = vec!["2".to_string()];
    let config = DataConfig { train: Some(file), label, categorical, ..DataConfig::default() };
    assert_eq!(config.load().unwrap().train.features(), 21);
}

#[test]
fn ten_thousand_mutations_of_csv_do_no_harm() {
    let _alone = alone();
    csv_loader("data.csv", good_csv().into_bytes()).survives_mutations();
}

#[test]
fn ten_thousand_mutations_of_gzipped_csv_do_no_harm() {
    let _alone = alone();
    csv_loader("data.csv.gz", gzip(good_csv().as_bytes())).survives_mutations();
}

#[test]
fn ten_thousand_mutations_of_svmlight_do_no_harm() {
    let _alone = alone();
    let good: String = (0..30).map(|i| format!("{} 1:{i} 3:{}.5\n", i % 3, i * 2)).collect();
    Loader::new("data.svm", good.into_bytes(), None).survives_mutations();
}

#[test]
fn ten_thousand_mutations_of_idx_do_no_harm() {
    let _alone = alone();
    let labels = idx(&[12], &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    let images = idx(&[12, 3, 3], &[77; 108]);
    for (name, good) in [("x-idx3-ubyte", images.clone()), ("x-idx3-ubyte.gz", gzip(&images))] {
        Loader::new(name, good, Some(("y-idx1-ubyte", labels.clone()))).survives_mutations();
    }
}

#[test]
fn ten_thousand_mutations_of_npy_and_npz_do_no_harm() {
    let _alone = alone();
    let x = npy("<f4", "(12, 3)", &floats((0..36).map(|i| i as f32)));
    let y = npy("|u1", "(12,)", &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    Loader::new("x.npy", x.clone(), Some(("y.npy", y.clone()))).survives_mutations();
    let archive = zip(&[("x.npy", x), ("y.npy", y)]);
    let loader = Loader::new("data.npz", archive, None);
    assert_eq!(loader.config.file_format, FileFormat::Auto);
    loader.survives_mutations();
}
