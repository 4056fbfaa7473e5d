//! A run in mid-flight as a file: parameters, moments, and where it is.
//!
//! All numbers as the engine stores them, in `layers.N.*`, `adam.m.N.*`, `adam.v.N.*`, patterns in
//! `layers.N.pattern.*`. Random streams are functions of the seed and the position, so resuming from
//! here gives the bits of a run that was never interrupted.

use super::model_file::{expect_format, from_json, take_pattern, to_json};
use super::{Position, RunConfig, Trainer};
use crate::Error;
use crate::error::FileProblem;
use crate::format::safetensors::TensorFile;
use crate::nn::{Layer, LayerTensors, Mlp, TENSOR_NAMES};
use crate::optim::{Adam, AdamSettings};
use std::path::Path;

const FORMAT: &str = "fanin-checkpoint-1";

/// Writes where `trainer` is.
///
/// **Errors**: [`Error::Io`]; the checkpoint that stood at `path` before is then untouched.
pub fn write(path: &Path, trainer: &Trainer<'_>) -> Result<(), Error> {
    let mut file = TensorFile::default();
    file.metadata.insert("format".into(), FORMAT.into());
    file.metadata.insert("position".into(), to_json(&trainer.position()));
    file.metadata.insert("steps".into(), to_json(&trainer.optimizer().steps()));
    for (index, layer) in trainer.model().layers().iter().enumerate() {
        if let Some(pattern) = layer.linear.pattern() {
            let prefix = format!("layers.{index}.pattern");
            let columns = pattern.col_idx().iter().map(|&col| col as usize);
            file.add_indices(format!("{prefix}.row_ptr"), pattern.row_ptr().iter().copied());
            file.add_indices(format!("{prefix}.col_idx"), columns);
        }
        let Adam { m, v, .. } = trainer.optimizer();
        let sets = [("layers", &layer.params), ("adam.m", &m[index]), ("adam.v", &v[index])];
        for (prefix, set) in sets {
            for (name, values) in TENSOR_NAMES.iter().zip(set.each()) {
                file.add_f32(format!("{prefix}.{index}.{name}"), vec![values.len()], values);
            }
        }
    }
    file.write(path)
}

/// Puts a trainer that was just made from `config` where the checkpoint stands.
///
/// **Errors**: [`Error::Io`]; [`Error::File`] for a file that is damaged or of another network.
pub fn restore(path: &Path, trainer: &mut Trainer<'_>, config: &RunConfig) -> Result<(), Error> {
    let file = TensorFile::read(path)?;
    let (model, optimizer, position) =
        parse(file, trainer, config).map_err(|problem| Error::file(path, problem))?;
    trainer.restore(model, optimizer, position);
    Ok(())
}

fn parse(
    mut file: TensorFile,
    trainer: &Trainer<'_>,
    config: &RunConfig,
) -> Result<(Mlp, Adam, Position), FileProblem> {
    expect_format(&file, FORMAT, "checkpoint")?;
    let position: Position = from_json(&file, "position")?;
    let steps = from_json(&file, "steps")?;
    if position.samples >= trainer.samples_per_epoch() {
        let problem = format!("{} samples into an epoch that is shorter", position.samples);
        return Err(FileProblem::Damaged(problem));
    }
    let (mut layers, mut m, mut v) = (vec![], vec![], vec![]);
    for (index, fresh) in trainer.model().layers().iter().enumerate() {
        let (rows, cols) = (fresh.linear.out_features(), fresh.linear.in_features());
        let pattern = match fresh.linear.pattern() {
            None => None,
            Some(_) => {
                let prefix = format!("layers.{index}.pattern");
                Some(take_pattern(&mut file, index, &prefix, rows, cols)?)
            }
        };
        // A CSR layer has as many weights as its pattern says; a dense one all positions.
        let is_csr = fresh.params.weight.len() == fresh.linear.nnz();
        let weights = match &pattern {
            Some(pattern) if is_csr => pattern.nnz(),
            _ => rows * cols,
        };
        let norm = fresh.params.gamma.len();
        let mut take = |prefix: &str| -> Result<LayerTensors, FileProblem> {
            let mut tensor = |kind: usize, len: usize| {
                file.take_f32(&format!("{prefix}.{index}.{}", TENSOR_NAMES[kind]), &[len])
            };
            Ok(LayerTensors {
                weight: tensor(0, weights)?,
                bias: tensor(1, rows)?,
                gamma: tensor(2, norm)?,
                beta: tensor(3, norm)?,
            })
        };
        let mut params = take("layers")?;
        m.push(take("adam.m")?);
        v.push(take("adam.v")?);
        layers.push(match pattern {
            None => Layer { linear: fresh.linear.clone(), params },
            Some(pattern) => {
                if !is_csr {
                    params.weight = pattern.gather(&params.weight);
                }
                Layer::from_parts(config.train.engine, pattern, index, params)
            }
        });
    }
    let settings = AdamSettings { lr: config.train.lr as f32, ..AdamSettings::default() };
    Ok((Mlp::from_layers(layers), Adam::restore(settings, steps, m, v), position))
}
