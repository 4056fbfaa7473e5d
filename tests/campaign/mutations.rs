//! Files of every format with bytes that are others: what was written, or an error.

use crate::area::{Area, Counts, PATIENCE, anywhere};
use crate::draw;
use crate::files::{floats, gzip, idx, npy, zip};
use crate::mutate::mutated;
use fanin::dataset::{DataConfig, Dataset, Normalize, Task, Values};
use fanin::model::{Meaning, ModelFile};
use fanin::sparse::CsrPattern;
use fanin::topology::{read_topology, write_topology};
use fanin::train::{RunConfig, Trainer, checkpoint};
use rand::RngExt;
use rand_pcg::Pcg64;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) const AREA: Area = Area {
    name: "mutations",
    about: "Files of every format with one to four places changed. What carries a check \
            (gzip, NPZ, safetensors) is what was written or an error; of NPY and IDX whose \
            header is as it was every value is the one that the bytes say, or there is an error \
            where they say none; every input from a table of text stands in the file; settings \
            that are read are read again as they are written. Nothing takes five seconds.",
    cases: [80, 5200],
    hindrance: anywhere,
    expected: &[("read", "refused", 0.01), ("refused", "cases", 50.0)],
    attack,
};

/// Mutations of each file that is drawn.
const TRIES: usize = 200;

/// A file, what of it there was, and how it is judged.
struct Target {
    path: PathBuf,
    good: Vec<u8>,
    /// What reading it gives: a digest of everything, or an error.
    read: Box<dyn Fn() -> Result<String, String>>,
    judge: Judge,
}

/// What other bytes say than those written, by another reader; the labels are beside them.
type Twin = fn(bytes: &[u8], written: &[u8], labels: &[u8]) -> Option<String>;

/// What may come of other bytes than those written, besides an error.
enum Judge {
    /// What was written.
    Same,
    /// Whatever these bytes say, by another reader.
    Twin(Twin, Vec<u8>),
    /// Only values that hold by themselves: the reader checks.
    Sound,
}

fn attack(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let (name, target) = draw_target(rng, dir)?;
    fs::write(&target.path, &target.good).expect("a file is written");
    let written = (target.read)().map_err(|said| format!("{name}, as it was written: {said}"))?;
    let mut counts = Counts::new();
    for _ in 0..TRIES {
        let bytes = mutated(&target.good, rng);
        fs::write(&target.path, &bytes).expect("a file is written");
        let started = Instant::now();
        let found = (target.read)();
        if started.elapsed() > PATIENCE {
            return Err(keep(name, &bytes, format!("takes {:?}", started.elapsed())));
        }
        let expected = match &target.judge {
            Judge::Same if found.is_ok() => Some(written.clone()),
            Judge::Twin(twin, labels) => twin(&bytes, &target.good, labels),
            _ => None,
        };
        let count = if found.is_ok() { "read" } else { "refused" };
        let found = found.unwrap_or_else(|_| REFUSED.to_string());
        let is_right = expected.as_ref().is_none_or(|expected| *expected == found);
        if !is_right || found.starts_with(WRONG) {
            let expected = expected.unwrap_or_default();
            return Err(keep(
                name,
                &bytes,
                format!("is read as {found:.300}, not {expected:.300}"),
            ));
        }
        *counts.entry(count).or_default() += 1;
    }
    *counts.entry(name).or_default() += TRIES as u64;
    Ok(counts)
}

/// The fault, with the bytes that show it in a file that stays.
fn keep(name: &str, bytes: &[u8], fault: String) -> String {
    let path = std::env::temp_dir().join(format!("fanin-fault-{}-{name}", std::process::id()));
    fs::write(&path, bytes).expect("a file is written");
    format!("{name}: {fault}; the file is {}", path.display())
}

const ROWS: usize = 12;
const COLUMNS: usize = 3;

fn draw_target(rng: &mut Pcg64, dir: &Path) -> Result<(&'static str, Target), String> {
    let classes: Vec<u8> = (0..ROWS as u8).map(|row| row % 3).collect();
    let values: Vec<f32> = (0..ROWS * COLUMNS).map(|_| rng.random_range(-9.0..9.0)).collect();
    let pixels: Vec<u8> = (0..ROWS * 9).map(|_| rng.random()).collect();
    let (x, y) = (npy("<f4", "(12, 3)", &floats(values)), npy("|u1", "(12,)", &classes));
    let (images, labels) = (idx(&[12, 3, 3], &pixels), idx(&[12], &classes));
    let beside = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, bytes).expect("a file is written");
        Some(path)
    };
    let data = |name: &str, good: Vec<u8>, labels: Option<PathBuf>, judge: Judge| {
        let path = dir.join(name);
        let config = DataConfig {
            train: Some(path.clone()),
            train_labels: labels.clone(),
            // The same again, so that no row is held out.
            test: Some(path.clone()),
            test_labels: labels,
            normalize: Normalize::None,
            ..DataConfig::default()
        };
        Target { path, good, read: reader(config), judge }
    };
    let target = match rng.random_range(0..14) {
        0 => ("npy", data("x.npy", x, beside("y.npy", &y), Judge::Twin(npy_says, classes))),
        1 => ("npy.gz", data("x.npy.gz", gzip(&x), beside("y.npy", &y), Judge::Same)),
        2 => ("npz", data("x.npz", zip(&[("x.npy", x), ("y.npy", y)]), None, Judge::Same)),
        3 => {
            let labels = beside("y-idx1-ubyte", &labels);
            ("idx", data("x-idx3-ubyte", images, labels, Judge::Twin(idx_says, classes)))
        }
        4 => {
            let labels = beside("y-idx1-ubyte", &labels);
            ("idx.gz", data("x-idx3-ubyte.gz", gzip(&images), labels, Judge::Same))
        }
        kind @ 5..=7 => {
            let task = *draw::one(rng, &[Task::Classification, Task::Regression]);
            let config = draw::table(rng, dir, task);
            let path = config.train.clone().expect("a table has a file");
            let good = fs::read(&path).expect("it was written");
            let (name, path, good, judge) = match kind {
                5 => ("csv.gz", dir.join("rows.csv.gz"), gzip(&good), Judge::Same),
                _ => ("csv", path, good, Judge::Sound),
            };
            let config = DataConfig {
                train: Some(path.clone()),
                test: Some(path.clone()),
                normalize: Normalize::None,
                validation_fraction: 0.0,
                ..config
            };
            (name, Target { path, good, read: reader(config), judge })
        }
        8 => {
            let rows = (0..30).map(|i| format!("{} 1:{i} 3:{}.5\n", i % 3, i * 2));
            let good = rows.collect::<String>().into_bytes();
            ("svmlight", data("x.svm", good, None, Judge::Sound))
        }
        kind @ 9..=10 => trained(rng, dir, kind == 9)?,
        kind @ 11..=12 => topology(rng, dir, kind == 11)?,
        _ => settings(rng, dir),
    };
    Ok(target)
}

/// Reads data, and tells all of it in a text.
fn reader(config: DataConfig) -> Box<dyn Fn() -> Result<String, String>> {
    Box::new(move || {
        let data = config.load().map_err(|error| error.to_string())?;
        let path = config.train.as_deref().expect("it has a file");
        let is_text = path.extension().is_some_and(|end| end == "csv" || end == "svm");
        let bytes = fs::read(path).expect("it is there");
        if let Some(value) = not_in_file(&data, &bytes).filter(|_| is_text) {
            return Ok(format!("{WRONG}{value}, which does not stand in the file"));
        }
        let (values, labels) = (rows(data.train.values()), data.train.labels());
        Ok(match labels {
            [] => format!("{values:?} {:?}", data.train.targets()),
            labels => format!("{values:?} {labels:?}"),
        })
    })
}

/// All values, row by row.
fn rows(values: &Values) -> Vec<f32> {
    match values {
        Values::Bytes(bytes) => bytes.iter().map(|&byte| byte.into()).collect(),
        Values::Floats(values) | Values::Inputs(values) => values.clone(),
        Values::Sparse(rows) => (0..rows.rows()).flat_map(|row| rows.row(row).1.to_vec()).collect(),
        other => panic!("values of a kind that is not known here: {other:?}"),
    }
}

/// What is refused, as a twin has it.
const REFUSED: &str = "an error";
/// Begins what is wrong by itself.
const WRONG: &str = "wrong: ";

/// A number that was read and does not stand in the file, or a number of rows that it has no lines
/// for.
fn not_in_file(data: &Dataset, bytes: &[u8]) -> Option<f32> {
    let text = String::from_utf8_lossy(bytes);
    // What is not UTF-8 may be another encoding.
    if text.contains('\u{fffd}') {
        return None;
    }
    let marks = |c: char| c.is_whitespace() || ";|\"':#".contains(c);
    let numbers = |text: &str| -> Option<f32> { text.trim().parse::<f64>().ok().map(|x| x as f32) };
    let mut known: Vec<u32> = vec![0f32.to_bits(), (-0f32).to_bits(), 1f32.to_bits()];
    for word in text.split(marks) {
        known.extend(numbers(&word.replacen(',', ".", 1)).map(f32::to_bits));
        known.extend(word.split(',').filter_map(numbers).map(f32::to_bits));
    }
    let fills = data.schema.columns.iter().filter_map(|column| column.mean);
    known.extend(fills.map(|mean| (mean as f32).to_bits()));
    known.sort_unstable();
    let is_unknown = |value: &f32| known.binary_search(&value.to_bits()).is_err();
    let count = data.train.len();
    let too_many = (count > text.split(['\n', '\r']).count()).then_some(count as f32);
    rows(data.train.values()).into_iter().find(is_unknown).or(too_many)
}

/// What an NPY file says whose header is as it was written: every value, or an error.
fn npy_says(bytes: &[u8], good: &[u8], labels: &[u8]) -> Option<String> {
    let header = good.len() - 4 * ROWS * COLUMNS;
    says(bytes, good, header, labels, |data| {
        data.as_chunks().0.iter().map(|&value| f32::from_le_bytes(value)).collect()
    })
}

/// As [`npy_says`], of an IDX file.
fn idx_says(bytes: &[u8], good: &[u8], labels: &[u8]) -> Option<String> {
    says(bytes, good, good.len() - 9 * ROWS, labels, |data| {
        data.iter().map(|&byte| byte.into()).collect()
    })
}

/// What lies farther out is refused: no network computes with it.
const FAR: f32 = 1e15;

/// None of a file whose header is another.
fn says(
    bytes: &[u8],
    good: &[u8],
    header: usize,
    labels: &[u8],
    values: impl Fn(&[u8]) -> Vec<f32>,
) -> Option<String> {
    if bytes.get(..header) != Some(&good[..header]) {
        return None;
    }
    let values = values(&bytes[header..]);
    let is_good = bytes.len() == good.len() && values.iter().all(|value| value.abs() <= FAR);
    let labels: Vec<u16> = labels.iter().map(|&label| label.into()).collect();
    Some(match is_good {
        true => format!("{values:?} {labels:?}"),
        false => REFUSED.to_string(),
    })
}

/// A model or a checkpoint of a network that is drawn.
fn trained(rng: &mut Pcg64, dir: &Path, is_model: bool) -> Result<(&'static str, Target), String> {
    let (config, data, mut trainer) = draw::training(rng, dir);
    drop(trainer.step());
    let (path, again) = (dir.join("it.safetensors"), dir.join("again.safetensors"));
    let meaning = Meaning::of(&data, "seed = 1".into());
    let written = match is_model {
        true => ModelFile::write(&path, trainer.model(), &meaning),
        false => checkpoint::write(&path, &trainer),
    };
    if written.is_err() {
        // A network that is not sound is not written: another.
        return trained(rng, dir, is_model);
    }
    let good = fs::read(&path).expect("it was written");
    let file = path.clone();
    let fail = |error: fanin::model::Error| error.to_string();
    let spare = RefCell::new(Trainer::new(config, data).map_err(|error| error.to_string())?);
    let read = move || {
        match is_model {
            true => {
                let read = ModelFile::read(&file).map_err(fail)?;
                ModelFile::write(&again, &read.model, &read.meaning).map_err(fail)?;
            }
            false => {
                let mut trainer = spare.borrow_mut();
                checkpoint::restore(&file, &mut trainer).map_err(fail)?;
                checkpoint::write(&again, &trainer).map_err(fail)?;
            }
        }
        Ok(hexadecimal(&fs::read(&again).expect("it was written")))
    };
    let name = if is_model { "models" } else { "checkpoints" };
    Ok((name, Target { path, good, read: Box::new(read), judge: Judge::Same }))
}

fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn topology(rng: &mut Pcg64, dir: &Path, is_npz: bool) -> Result<(&'static str, Target), String> {
    let rows = rng.random_range(1..20);
    let fan_in: Vec<usize> = (0..rows).map(|_| rng.random_range(0..5)).collect();
    let mut pick = || -> Vec<u32> {
        let mut row: Vec<u32> = (0..40).filter(|_| rng.random_bool(0.2)).collect();
        row.dedup();
        row
    };
    let lists: Vec<Vec<u32>> = fan_in.iter().map(|_| pick()).collect();
    let row_ptr = lists.iter().scan(0, |sum, row| {
        *sum += row.len();
        Some(*sum)
    });
    let row_ptr: Vec<usize> = [0].into_iter().chain(row_ptr).collect();
    let pattern = CsrPattern::new(40, row_ptr, lists.concat());
    let pattern = pattern.map_err(|error| error.to_string())?;
    let path = dir.join(if is_npz { "it.npz" } else { "it.safetensors" });
    write_topology(&path, &[&pattern]).map_err(|error| error.to_string())?;
    let good = fs::read(&path).expect("it was written");
    let file = path.clone();
    let read = move || {
        let patterns = read_topology(std::slice::from_ref(&file));
        patterns.map(|patterns| format!("{patterns:?}")).map_err(|error| error.to_string())
    };
    let name = if is_npz { "topologies, npz" } else { "topologies, safetensors" };
    Ok((name, Target { path, good, read: Box::new(read), judge: Judge::Same }))
}

fn settings(rng: &mut Pcg64, dir: &Path) -> (&'static str, Target) {
    let train = draw::settings(rng, Task::Classification);
    let data = draw::table(rng, dir, Task::Classification);
    let path = dir.join("config.toml");
    let good = RunConfig { train, data }.to_toml().into_bytes();
    let file = path.clone();
    let read = move || {
        let config = RunConfig::read(&file).map_err(|error| error.to_string())?;
        let again = RunConfig::from_toml(&config.to_toml());
        match again {
            Ok(again) if again == config => Ok(config.to_toml()),
            other => panic!("settings that are written are not read again: {other:?}"),
        }
    };
    ("settings", Target { path, good, read: Box::new(read), judge: Judge::Sound })
}
