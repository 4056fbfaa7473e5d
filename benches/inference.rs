//! How long a trained network takes to answer: 128 rows at once, and one.
//!
//! `cargo bench --bench inference -- [--threads N] MODEL.safetensors…`; without models, untrained
//! ones at several sparsities. One JSON object per line: median microseconds from raw values to
//! probabilities. `benches/peers/infer` sets it beside other engines on the same weights.

use fanin::Error;
use fanin::dataset::{self, Normalize};
use fanin::experiment::Machine;
use fanin::experiment::statistics::Timing;
use fanin::model::{Meaning, ModelFile, Predictor};
use fanin::parallel::Executor;
use fanin::train::{TrainConfig, Trainer};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

fn main() -> Result<(), Error> {
    let mut threads = 1;
    let mut models = Vec::new();
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => {
                let count = arguments.next().and_then(|count| count.parse().ok());
                threads = count.expect("--threads takes a number");
            }
            path => models.push(PathBuf::from(path)),
        }
    }
    let data = Arc::new(dataset::load("mnist", None, Normalize::Standard)?);
    let rows: Vec<f32> =
        (0..128).flat_map(|i| data.test.sample(i)).map(|&byte| f32::from(byte)).collect();
    if models.is_empty() {
        println!("{}", Machine::describe(&threads.to_string()));
        for sparsity in [0.8, 0.9, 0.95, 0.98, 0.99] {
            let config = TrainConfig { sparsity, threads, ..TrainConfig::default() };
            let model = Trainer::new(config, data.clone())?.model().clone();
            let file = ModelFile { model, meaning: Meaning::of(&data, String::new()) };
            measure(&format!("untrained, {sparsity}"), file, threads, &rows)?;
        }
    }
    for path in models {
        measure(&path.display().to_string(), ModelFile::read(&path)?, threads, &rows)?;
    }
    Ok(())
}

fn measure(name: &str, file: ModelFile, threads: usize, rows: &[f32]) -> Result<(), Error> {
    let width = file.model.in_features();
    let mut predictor = Predictor::new(Executor::from_environment(threads)?, file);
    for rows in [rows, &rows[..width]] {
        let Timing { median, min, max } = Timing::measure(0, 100, Duration::from_secs(1), || {
            black_box(predictor.rows(black_box(rows)));
        });
        let count = rows.len() / width;
        print!("{{\"model\":{name:?},\"rows\":{count},\"threads\":{threads},");
        let [us, us_min, us_max] = [median, min, max].map(|seconds| 1e6 * seconds);
        println!("\"us\":{us:.1},\"us_min\":{us_min:.1},\"us_max\":{us_max:.1}}}");
    }
    Ok(())
}
