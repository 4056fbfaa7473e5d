//! A run in mid-flight as a file: parameters, moments, and where it is.
//!
//! All numbers as the engine stores them, in `layers.N.*`, `adam.m.N.*`, `adam.v.N.*`, patterns in
//! `layers.N.pattern.*`; where parameters count their own updates, `adam.age.N.*`; of rewired layers
//! every position that ever was a connection, in `rewire.N.ever`, a Roaring bitmap in the portable
//! format, cut into words. Random streams are functions of the seed and the position, so resuming from
//! here gives the bits of a run that was never interrupted.

use super::model_file::{damaged, expect_format, from_json, take_pattern, to_json};
use super::rewire::History;
use super::{Position, RunConfig, Trainer};
use crate::Error;
use crate::error::FileProblem;
use crate::format::safetensors::TensorFile;
use crate::nn::{Layer, LayerTensors, Mlp, TENSOR_NAMES};
use crate::optim::{Adam, AdamSettings};
use roaring::RoaringTreemap;
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
        let Adam { m, v, ages, .. } = trainer.optimizer();
        let sets = [("layers", &layer.params), ("adam.m", &m[index]), ("adam.v", &v[index])];
        let ages = ages.iter().map(|ages| ("adam.age", &ages.counts[index]));
        for (prefix, set) in sets.into_iter().chain(ages) {
            for (name, values) in TENSOR_NAMES.iter().zip(set.each()) {
                file.add_f32(format!("{prefix}.{index}.{name}"), vec![values.len()], values);
            }
        }
    }
    for history in trainer.histories() {
        let mut bytes = Vec::new();
        history.ever.serialize_into(&mut bytes).expect("memory takes any number of bytes");
        file.add_bytes(format!("rewire.{}.ever", history.layer), &bytes);
    }
    Ok(file.write(path)?)
}

/// Puts a trainer that was just made from `config` where the checkpoint stands.
///
/// **Errors**: [`Error::Io`]; [`Error::File`] for a file that is damaged or of another network.
pub fn restore(path: &Path, trainer: &mut Trainer<'_>, config: &RunConfig) -> Result<(), Error> {
    let file = TensorFile::read(path)?;
    let state = parse(file, trainer, config).map_err(|problem| Error::file(path, problem))?;
    trainer.restore(state.model, state.optimizer, state.position, state.ever);
    Ok(())
}

struct State {
    model: Mlp,
    optimizer: Adam,
    position: Position,
    ever: Vec<RoaringTreemap>,
}

fn parse(
    mut file: TensorFile,
    trainer: &Trainer<'_>,
    config: &RunConfig,
) -> Result<State, FileProblem> {
    expect_format(&file, FORMAT, "checkpoint")?;
    let position: Position = from_json(&file, "position")?;
    let steps = from_json(&file, "steps")?;
    if position.samples >= trainer.samples_per_epoch() {
        let problem = format!("{} samples into an epoch that is shorter", position.samples);
        return Err(damaged(problem));
    }
    let (mut layers, mut m, mut v) = (vec![], vec![], vec![]);
    let mut ages = trainer.optimizer().ages.as_ref().map(|_| vec![]);
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
        if let Some(ages) = &mut ages {
            ages.push(take("adam.age")?);
        }
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
    let optimizer = Adam::restore(settings, steps, m, v, ages);
    let ever_of = |history: &History| {
        let name = format!("rewire.{}.ever", history.layer);
        let bytes = file.take_bytes(&name)?;
        let ever = RoaringTreemap::deserialize_from(bytes.as_slice());
        ever.map_err(|problem| damaged(format!("{name}: {problem}")))
    };
    let ever = trainer.histories().iter().map(ever_of).collect::<Result<_, _>>()?;
    Ok(State { model: Mlp::from_layers(layers), optimizer, position, ever })
}
