//! Trains on the repository's MNIST, evaluates, and writes the model file.
//!
//! `cargo run --release --example train`
//!
//! The network is the paper's at 95 % sparsity, with lognormal fan-ins: some neurons are hubs, most
//! are specialists.

use fanin::dataset::{self, Normalize};
use fanin::model::{Meaning, ModelFile};
use fanin::train::{NetworkSummary, RunConfig, TrainConfig, Trainer};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let data = dataset::load("mnist", None, Normalize::Standard)?;
    let config = TrainConfig {
        sparsity: 0.95,
        profile: "lognormal:ccv=1.5".parse()?,
        lr_schedule: "cosine".parse()?,
        epochs: 2,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(config.clone(), data)?;
    let network = NetworkSummary::of(trainer.model());
    println!("{} connections, {} parameters", network.nnz, network.parameters);

    while !trainer.is_finished() {
        let epoch = trainer.run_epoch(|step| {
            if step.step % 100 == 0 {
                println!("  step {}: loss {:.3}", step.step, step.loss);
            }
        })?;
        println!("training samples: loss {:.4}", epoch.loss);
    }

    let test = trainer.data().test.clone();
    let result = trainer.evaluate(&test)?;
    println!("test samples: loss {:.4}, accuracy {:.4}", result.loss, result.value("accuracy"));

    // A model carries what its inputs and classes mean, and the settings that made it.
    let settings = RunConfig { train: config, ..RunConfig::default() }.to_portable_toml();
    let path = Path::new("runs/example.safetensors");
    std::fs::create_dir_all("runs")?;
    ModelFile::write(path, trainer.model(), &Meaning::of(trainer.data(), settings))?;
    println!("wrote {}", path.display());
    Ok(())
}
