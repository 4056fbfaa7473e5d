//! Every error of the crate in one: each is its maker's, and this only joins them.

use crate::{dataset, experiment, format, grammar, model, parallel, topology, train};

/// An error of any part of the crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A choice by text.
    #[error(transparent)]
    Grammar(#[from] grammar::Error),
    /// Threads or an instruction set.
    #[error(transparent)]
    Parallel(#[from] parallel::Error),
    /// A file whose format is one of [`format`](mod@crate::format)'s.
    #[error(transparent)]
    Format(#[from] format::Error),
    /// A topology's file.
    #[error(transparent)]
    Topology(#[from] topology::Error),
    /// A data set.
    #[error(transparent)]
    Data(#[from] dataset::Error),
    /// A model.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// Settings.
    #[error(transparent)]
    Settings(#[from] train::SettingsError),
    /// Training.
    #[error(transparent)]
    Train(#[from] train::Error),
    /// A run and its folder.
    #[error(transparent)]
    Experiment(#[from] experiment::Error),
}
