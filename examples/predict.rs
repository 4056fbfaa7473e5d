//! Opens a model and asks it for classes.
//!
//! `cargo run --release --example predict [MODEL]`
//!
//! MODEL is a `model.safetensors` of a network trained on MNIST. Without one, a tiny network is
//! trained first.

use fanin::dataset::{self, Dataset, Normalize};
use fanin::model::{Meaning, ModelFile, Predictor, most_probable};
use fanin::train::{TrainConfig, Trainer};
use std::error::Error;
use std::path::{Path, PathBuf};

/// One epoch with 32 hidden neurons.
fn train_tiny(data: &Dataset, path: &Path) -> Result<(), Box<dyn Error>> {
    let config = TrainConfig { hidden: vec![32], epochs: 1, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, data.clone())?;
    trainer.run_epoch(|_| {})?;
    ModelFile::write(path, trainer.model(), &Meaning::of(data, String::new()))?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = dataset::load("mnist", None, Normalize::Standard)?;
    let path = match std::env::args_os().nth(1) {
        Some(path) => PathBuf::from(path),
        None => {
            let path = std::env::temp_dir().join("fanin-tiny.safetensors");
            train_tiny(&data, &path)?;
            path
        }
    };
    let mut predictor = Predictor::open(&path)?;
    let (width, classes) = (predictor.in_features(), predictor.outputs());
    if width != data.test.features() {
        return Err(format!("{} takes {width} values, not an image", path.display()).into());
    }

    // Values go in raw: the model knows how it was trained to see them.
    let pixels = |image: usize| data.test.sample(image).iter().map(|&byte| f32::from(byte));
    let alone = predictor.rows(&pixels(0).collect::<Vec<_>>());
    println!("probabilities of the first test image: {alone:.3?}");

    let rows: Vec<f32> = (0..10).flat_map(pixels).collect();
    let answers = predictor.rows(&rows);
    assert_eq!(answers[..classes], alone, "an answer depends on nothing but its row");
    for (p, label) in answers.chunks(classes).zip(data.test.labels()) {
        let class = most_probable(p);
        println!("answer {class} ({:.1} %), label {label}", 100.0 * p[class]);
    }
    Ok(())
}
