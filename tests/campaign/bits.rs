//! The same bits on any threads and levels, across checkpoints, with whatever can be chosen.

use crate::area::{Area, Counts, anywhere};
use crate::draw;
use fanin::dataset::Dataset;
use fanin::parallel::Executor;
use fanin::train::{OwnParts, TrainConfig, Trainer, checkpoint};
use fanin_kernels::{Isa, Level};
use rand::RngExt;
use rand_pcg::Pcg64;
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub(crate) const AREA: Area = Area {
    name: "bits",
    about: "Training on other threads and instruction sets, and across a checkpoint at a \
            random step, ends with the bytes of the checkpoint that one thread writes, or with \
            the same error.",
    cases: [30, 500],
    hindrance: anywhere,
    expected: &[("comparisons", "cases", 2.5)],
    attack,
};

/// Where a training runs.
type Place = (Isa, usize);

fn attack(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let (config, data, trainer) = draw::training(rng, dir);
    let steps = trainer.epochs() * trainer.steps_per_epoch();
    let file = dir.join("checkpoint.safetensors");
    let alone = (Isa::detect(), 1);
    let expected = trained(&config, &data, [alone, alone], 0, &file);
    let mut levels = Isa::available();
    levels.retain(|isa| isa.level() != Level::ScalarNoFma);
    let mut counts = Counts::from([("trainings that end early", u64::from(expected.is_err()))]);
    for _ in 0..3 {
        let mut place = || (*draw::one(rng, &levels), *draw::one(rng, &[1, 2, 3, 4, 5, 7, 16]));
        let places = [place(), place()];
        let pause = rng.random_range(0..=steps as u64);
        let found = trained(&config, &data, places, pause, &file);
        if found != expected {
            let at = places.map(|(isa, threads)| format!("{} on {threads}", isa.level()));
            let ends = [&expected, &found].map(|end| match end {
                Ok(bytes) => format!("{} bytes", bytes.len()),
                Err(said) => said.clone(),
            });
            return Err(format!("{at:?}, checkpoint at step {pause}: {ends:?}; {config:?}"));
        }
        *counts.entry("comparisons").or_default() += 1;
    }
    Ok(counts)
}

/// The last checkpoint's bytes of a training that moves from one place to another at a step.
///
/// **Errors**: what training ends with.
fn trained(
    config: &TrainConfig,
    data: &Arc<Dataset>,
    places: [Place; 2],
    pause: u64,
    file: &Path,
) -> Result<Vec<u8>, String> {
    let begin = |(isa, threads): Place| {
        let executor = Some(Executor::new(isa, threads).expect("threads can be had"));
        let own = OwnParts { executor, ..OwnParts::default() };
        let begun = Trainer::from_parts(config.clone(), Arc::clone(data), own);
        begun.unwrap_or_else(|error| panic!("{error} on a second try"))
    };
    let mut trainer = begin(places[0]);
    let mut taken = 0;
    while !trainer.is_finished() {
        if pause > 0 && taken == pause {
            checkpoint::write(file, &trainer).map_err(|error| error.to_string())?;
            trainer = begin(places[1]);
            checkpoint::restore(file, &mut trainer).map_err(|error| error.to_string())?;
        }
        trainer.step().map_err(draw::ended)?;
        taken += 1;
    }
    checkpoint::write(file, &trainer).map_err(|error| error.to_string())?;
    Ok(fs::read(file).expect("it was just written"))
}
