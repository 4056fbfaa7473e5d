//! The fan-in that a rewired run settles to, found by a first run, as the start of a second.

use super::run_folder::EQUILIBRIUM;
use super::{InitCcv, Observer, RunConfig, RunFolder, Trainer, run};
use crate::Error;
use crate::dataset::Dataset;
use crate::topology::Profile;
use serde::Serialize;
use std::sync::atomic::AtomicBool;

/// The result of a first run.
#[derive(Serialize)]
struct Settled {
    /// Mean CCV of its rewired layers.
    ccv: f64,
}

/// Runs `config` from its own profile to its end, and returns it with a lognormal start at the CCV
/// that its rewired layers then have on average (paper §2.7).
///
/// With a folder the first run is a run of its own in `equilibrium/` of it, and goes on where it
/// stood if it is there already.
///
/// **Errors**: as [`Trainer::new`] and [`run`].
pub fn start_at_equilibrium(
    config: &RunConfig,
    data: &Dataset,
    folder: Option<&RunFolder>,
    stop: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<RunConfig, Error> {
    let mut first = config.clone();
    first.train.init_ccv = InitCcv::Profile;
    let mut trainer = Trainer::new(first.train.clone(), data)?;
    let first_folder = match folder {
        None => None,
        Some(folder) => {
            let path = folder.path().join(EQUILIBRIUM);
            let opened = match RunFolder::open(&path) {
                Err(Error::NoRun(_)) => RunFolder::create(&path, &first, false)?,
                opened => opened?.0,
            };
            opened.resume(&mut trainer, &first)?;
            Some(opened)
        }
    };
    let ended = run(&mut trainer, data, &first, first_folder.as_ref(), stop, observer);
    ended.map_err(|error| match error {
        // It is the outer run that is to be continued.
        Error::Interrupted { epoch, step, .. } => {
            let run_dir = folder.map(|folder| folder.path().to_path_buf());
            Error::Interrupted { epoch, step, run_dir }
        }
        other => other,
    })?;
    let ccv = trainer.rewired_ccv();
    if let Some(folder) = &first_folder {
        folder.write_record("finished", &trainer, &first, Some(&Settled { ccv }))?;
    }
    first.train.profile = Profile::Lognormal { ccv, sampled: false };
    Ok(first)
}
