//! Models and checkpoints whose digests are right and whose content is made up.

use crate::area::{Area, Counts, PATIENCE, anywhere, said};
use crate::draw;
use crate::forge::forgeries_of;
use fanin::format::safetensors::TensorFile;
use fanin::model::{Meaning, ModelFile, Predictor};
use fanin::parallel::Executor;
use fanin::train::{Trainer, checkpoint};
use fanin_kernels::Isa;
use rand::RngExt;
use rand_pcg::Pcg64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

pub(crate) const AREA: Area = Area {
    name: "forgeries",
    about: "Models and checkpoints of drawn networks, each of their numbers, texts and tensors \
            replaced, left out or doubled, under a right digest: refused with an error, or \
            used to the end without a panic.",
    cases: [8, 400],
    hindrance: anywhere,
    expected: &[("refused", "cases", 5.0), ("taken", "cases", 1.0)],
    attack,
};

/// Forgeries of each file that is drawn.
const TRIES: usize = 60;

fn attack(rng: &mut Pcg64, dir: &Path) -> Result<Counts, String> {
    let (config, data, mut trainer) = draw::training(rng, dir);
    for _ in 0..rng.random_range(0..4) {
        if trainer.is_finished() || trainer.step().is_err() {
            break;
        }
    }
    let path = dir.join("forged.safetensors");
    let mut counts = Counts::new();
    let is_model = rng.random_bool(0.5);
    let written = match is_model {
        true => ModelFile::write(&path, trainer.model(), &Meaning::of(&data, "seed = 1".into())),
        false => checkpoint::write(&path, &trainer),
    };
    // A network that is not sound is not written.
    if written.is_err() {
        return Ok(Counts::from([("networks that are not written", 1)]));
    }
    let good = TensorFile::read(&path).map_err(|error| error.to_string())?;
    let mut forgeries = forgeries_of(&good);
    for _ in 0..TRIES.min(forgeries.len()) {
        let forgery = forgeries.swap_remove(rng.random_range(0..forgeries.len()));
        let what = &forgery.what;
        forgery.of(&good).write(&path).expect("a file is written");
        let started = Instant::now();
        let use_it = || match is_model {
            true => answers(&path),
            false => {
                let begun = Trainer::new(config.clone(), Arc::clone(&data));
                let mut trainer = begun.unwrap_or_else(|error| panic!("{error} on a second try"));
                let restored = checkpoint::restore(&path, &mut trainer).is_ok();
                restored && (trainer.is_finished() || trainer.step().is_ok())
            }
        };
        let used = catch_unwind(AssertUnwindSafe(use_it));
        let is_taken = used.map_err(|panic| format!("{what}: {}; {config:?}", said(&*panic)))?;
        if started.elapsed() > PATIENCE {
            return Err(format!("{what} takes {:?}; {config:?}", started.elapsed()));
        }
        *counts.entry(if is_taken { "taken" } else { "refused" }).or_default() += 1;
    }
    Ok(counts)
}

/// Whether a model is read and answers two rows.
fn answers(path: &Path) -> bool {
    let Ok(file) = ModelFile::read(path) else { return false };
    let mut predictor = Predictor::new(Executor::new(Isa::detect(), 1).expect("one thread"), file);
    let row = vec![7.0f32; predictor.in_features()];
    let answers = predictor.rows(&[&row[..], &row[..]].concat());
    predictor.values(&answers);
    assert_eq!(answers.len(), 2 * predictor.outputs(), "an answer of another length");
    true
}
