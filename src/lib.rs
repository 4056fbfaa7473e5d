//! Truly sparse training of neural networks on plain multicore CPUs.
//!
//! A layer stores only the connections that exist (CSR), and every product, forward and backward,
//! costs what is stored: at 90 % sparsity a tenth. Results are the same bit for bit on any number
//! of threads and on any instruction set with FMA.
//!
//! # Code map
//! | module | holds |
//! |---|---|
//! | [`sparse`] | CSR: the validated pattern, its transpose, the orders that are faster |
//! | [`topology`] | generators of connections: how many inputs each neuron has, and which |
//! | [`nn`] | layers of storage and head, losses, the MLP; f64 twin, gradient check, curvature |
//! | [`optim`] | optimisers as a rule over named slots; learning-rate schedules |
//! | [`method`] | methods of sparse training: what is dropped, what is grown, when |
//! | [`dataset`] | file formats, the known data sets and their fetching, splits, samples to tiles |
//! | [`model`] | a trained network: as a file, at work, how good it is |
//! | [`train`] | settings, the step, the epoch loop, the checkpoint |
//! | [`experiment`] | runs and their folders; sweeps, comparisons, the paper; benchmarks |
//! | [`report`] | figures, contact sheets, a page of HTML |
//! | [`grammar`] | choices by text, `name:key=value,key=value`, from lists; paths as text |
//! | [`mod@format`] | safetensors, NumPy's and SciPy's npy and npz |
//! | [`parallel`] | the thread pool and the instruction set: the one place that names rayon |
//! | [`memory`] | what a process may take: absurd sizes are refused before they are asked for |
//! | [`random`] | named random streams: the one place that makes a generator |
//! | [`error`] | all errors in one; each is its maker's |
//! | [`cli`] | the `fanin` command: declares, translates, calls |
//!
//! The SIMD kernels, and all `unsafe`, live in the crate `fanin-kernels`.
//!
//! # Invariants
//! - Arrows between modules never turn back: `cli → report → experiment → train →
//!   { model, method, optim } → dataset → nn → topology → sparse → { format, parallel, random } →
//!   { grammar, memory }`.
//! - No two files need each other, whatever lies between them.
//! - Work is parallel over outputs, never over the terms of one sum.
//! - A [`sparse::CsrPattern`] is valid by construction: whoever holds one need not check it.
//! - What can be chosen by text is a list of one entry per file: a further method, optimiser,
//!   activation, loss, storage, generator, file format or known table is a file and a line.
//!
//! # Example
//! A network of 90 % sparse hidden layers learns a toy problem:
//! ```
//! use fanin::dataset::{Dataset, Normalize, Samples};
//! use fanin::train::{TrainConfig, Trainer};
//!
//! // Two classes: is the left half of eight pixels brighter than the right half?
//! let pixel = |i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8;
//! let pixels: Vec<u8> = (0..8 * 512).map(pixel).collect();
//! let label = |x: &[u8]| u16::from(x[..4].iter().map(|&p| p as u32).sum::<u32>()
//!     > x[4..].iter().map(|&p| p as u32).sum::<u32>());
//! let labels = pixels.chunks(8).map(label).collect();
//! let samples = Samples::new(8, 2, pixels, labels)?;
//! let data = Dataset::new(samples.clone(), samples, Normalize::Standard);
//!
//! let config = TrainConfig { hidden: vec![64, 64], sparsity: 0.5, ..TrainConfig::default() };
//! let mut trainer = Trainer::new(config, data.clone())?;
//! for _ in 0..20 {
//!     trainer.run_epoch(|_| {})?;
//! }
//! assert!(trainer.evaluate(&data.test)?.value("accuracy") > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

#[cfg(feature = "cli")]
pub mod cli;
pub mod dataset;
pub mod error;
pub mod experiment;
pub mod format;
pub mod grammar;
pub mod memory;
pub mod method;
pub mod model;
pub mod nn;
pub mod optim;
pub mod parallel;
pub mod random;
#[cfg(feature = "figures")]
pub mod report;
pub mod sparse;
pub mod topology;
pub mod train;

pub use error::Error;
pub use fanin_kernels as kernels;
