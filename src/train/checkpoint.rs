//! A run in mid-flight as a file: parameters, the optimiser's slots, and where it is.
//!
//! All numbers that the layers store, in an order that does not depend on the machine, in
//! `layers.N.*` and `optimizer.SLOT.N.*`; the connections of a layer that lacks some in
//! `layers.N.pattern.*`; what the method keeps in `method.*`; of rewired layers every position that
//! ever was a connection, in `rewire.N.ever`, a Roaring bitmap in the portable format, cut into
//! words. Random streams are functions of the seed and the
//! position, so resuming from here gives the bits of a run that was never interrupted.

use super::trainer::Restored;
use super::{Position, Trainer};
use crate::format::FileProblem;
use crate::format::safetensors::TensorFile;
use crate::model::{
    self, ModelProblem, add_pattern, expect_format, from_json, take_pattern, to_json,
};
use crate::nn::{Head, Layer, LayerTensors, Tensor};
use crate::optim::Optimizer;
use crate::sparse::CsrPattern;
use roaring::RoaringTreemap;
use std::collections::BTreeMap;
use std::path::Path;

const FORMAT: &str = "fanin-checkpoint-2";
/// The metadata entry with the run's settings.
const SETTINGS: &str = "settings";
/// The format before: Adam's slots under its own name, and labels that were right in the position.
const OF_ADAM: &str = "fanin-checkpoint-1";

/// Writes where `trainer` is.
///
/// **Errors**: as [`write_with_settings`].
pub fn write(path: &Path, trainer: &Trainer) -> Result<(), model::Error> {
    write_file(path, trainer, TensorFile::default())
}

/// Writes where `trainer` is, with the settings of the run as text.
///
/// **Errors**: [`model::Error::Format`]; the checkpoint that stood at `path` before is then
/// untouched.
pub fn write_with_settings(
    path: &Path,
    trainer: &Trainer,
    settings: String,
) -> Result<(), model::Error> {
    let mut file = TensorFile::default();
    file.metadata.insert(SETTINGS.into(), settings);
    write_file(path, trainer, file)
}

fn write_file(path: &Path, trainer: &Trainer, mut file: TensorFile) -> Result<(), model::Error> {
    file.metadata.insert("format".into(), FORMAT.into());
    file.metadata.insert("position".into(), to_json(&trainer.position()));
    file.metadata.insert("steps".into(), to_json(&trainer.optimizer().steps()));
    file.metadata.insert("data".into(), trainer.data_digest().to_string());
    for (index, layer) in trainer.model().layers().iter().enumerate() {
        if let Some(pattern) = layer.storage().pattern().filter(|p| p.density() < 1.0) {
            add_pattern(&mut file, &format!("layers.{index}.pattern"), pattern);
        }
        add_tensors(&mut file, &format!("layers.{index}"), layer, &layer.tensors());
        for (slot, tensors) in trainer.optimizer().slots() {
            let prefix = format!("optimizer.{slot}.{index}");
            add_tensors(&mut file, &prefix, layer, &tensors[index]);
        }
    }
    for (name, values) in trainer.method().state() {
        file.add_f32(format!("method.{name}"), vec![values.len()], &values);
    }
    for (layer, ever) in trainer.ever_active() {
        let mut bytes = Vec::new();
        ever.serialize_into(&mut bytes).expect("memory takes any number of bytes");
        file.add_bytes(format!("rewire.{layer}.ever"), &bytes);
    }
    Ok(file.write(path)?)
}

fn add_tensors(file: &mut TensorFile, prefix: &str, layer: &Layer, tensors: &LayerTensors) {
    let tensors = layer.to_portable(tensors);
    for (tensor, values) in Tensor::ALL.iter().zip(tensors.each()) {
        file.add_f32(format!("{prefix}.{}", tensor.name()), vec![values.len()], values);
    }
}

/// A checkpoint that was read, and is of any network yet.
pub struct Checkpoint<'a> {
    path: &'a Path,
    file: TensorFile,
}

impl Checkpoint<'_> {
    /// Reads a file.
    ///
    /// **Errors**: [`model::Error::Format`].
    pub fn read(path: &Path) -> Result<Checkpoint<'_>, model::Error> {
        Ok(Checkpoint { path, file: TensorFile::read(path)? })
    }

    /// The settings that it was written with, if any were.
    pub fn settings(&self) -> Option<&str> {
        self.file.metadata.get(SETTINGS).map(String::as_str)
    }

    /// Puts a trainer that was just made from its configuration where the checkpoint stands.
    ///
    /// **Errors**: [`model::Error::Content`] for a file of another network.
    pub fn restore(self, trainer: &mut Trainer) -> Result<(), model::Error> {
        let Checkpoint { path, file } = self;
        let state = parse(file, trainer).map_err(model::Error::at(path))?;
        match trainer.restore(state) {
            true => Ok(()),
            false => Err(model::Error::at(path)(ModelProblem::MethodState)),
        }
    }
}

/// [`Checkpoint::read`] and [`Checkpoint::restore`].
///
/// **Errors**: as both.
pub fn restore(path: &Path, trainer: &mut Trainer) -> Result<(), model::Error> {
    Checkpoint::read(path)?.restore(trainer)
}

fn parse(mut file: TensorFile, trainer: &Trainer) -> Result<Restored, ModelProblem> {
    let format = expect_format(&file, &[FORMAT, OF_ADAM], "checkpoint")?;
    // Those of earlier versions do not know it.
    if file.metadata.get("data").is_some_and(|digest| digest != trainer.data_digest()) {
        return Err(ModelProblem::OtherData);
    }
    let position = take_position(&file, format)?;
    let steps: u64 = from_json(&file, "steps")?;
    if position.samples >= trainer.samples_per_epoch() {
        return Err(ModelProblem::Position(position.samples));
    }
    // Far more than any run has, and such that sums and products of them are counted.
    let counts = [position.epochs as u64 >> 30, position.flops >> 62, steps >> 62];
    if counts != [0; 3] {
        return Err(ModelProblem::Counts);
    }
    let rule = trainer.optimizer().rule().boxed();
    let mut layers = Vec::new();
    let mut slots: Vec<Vec<LayerTensors>> = vec![Vec::new(); rule.slots().len()];
    for (index, fresh) in trainer.model().layers().iter().enumerate() {
        let layer = take_layer(&mut file, index, fresh, trainer)?;
        for (slot, (name, tensors)) in rule.slots().iter().zip(&mut slots).enumerate() {
            let prefix = match format {
                OF_ADAM => format!("adam.{name}.{index}"),
                _ => format!("optimizer.{name}.{index}"),
            };
            let taken = take_tensors(&mut file, &prefix, &layer)?;
            if !taken.each().iter().all(|values| rule.may_hold(slot, values)) {
                return Err(ModelProblem::Slot(prefix));
            }
            tensors.push(taken);
        }
        layers.push(layer);
    }
    let model = trainer.model().with_layers(layers);
    let optimizer = Optimizer::restore(rule, steps, slots);
    Ok(Restored {
        model,
        optimizer,
        position,
        ever: take_ever(&mut file)?,
        method: take_method(&mut file)?,
    })
}

fn take_position(file: &TensorFile, format: &str) -> Result<Position, ModelProblem> {
    let mut position: Position = from_json(file, "position")?;
    if position.weight == 0.0 {
        // Earlier checkpoints took the mean over all samples alike.
        position.weight = position.samples as f64;
    }
    if format == OF_ADAM {
        let old: BTreeMap<String, serde_json::Value> = from_json(file, "position")?;
        position.sums[0] = old.get("correct").and_then(|n| n.as_f64()).unwrap_or(0.0);
    }
    Ok(position)
}

/// A layer on the engine's storage, with its numbers as they were stored.
fn take_layer(
    file: &mut TensorFile,
    index: usize,
    fresh: &Layer,
    trainer: &Trainer,
) -> Result<Layer, ModelProblem> {
    let shape @ [rows, cols] = [fresh.out_features(), fresh.in_features()];
    let prefix = format!("layers.{index}.pattern");
    let pattern = match file.shape(&format!("{prefix}.row_ptr")) {
        Some(_) => take_pattern(file, index, &prefix, shape)?,
        None => CsrPattern::full(rows, cols),
    };
    let weights = vec![0.0; pattern.nnz()];
    let (engine, place) = (fresh.storage().engine(), fresh.storage().place());
    let mut layer = Layer::new(engine.store(pattern, weights, place), fresh.head().clone());
    let tensors = take_tensors(file, &format!("layers.{index}"), &layer)?;
    let LayerTensors { weight, bias, gamma, beta } = tensors;
    layer.set_head(Head { bias, gamma, beta });
    layer.change(trainer.executor(), |storage, params| {
        params.weight.copy_from_slice(&weight);
        storage.constrain_rows(0..rows, params.weight);
    });
    Ok(layer)
}

/// Four tensors in the shapes of a layer's.
fn take_tensors(
    file: &mut TensorFile,
    prefix: &str,
    layer: &Layer,
) -> Result<LayerTensors, FileProblem> {
    let mut take =
        |tensor: Tensor, len: usize| file.take_f32(&format!("{prefix}.{}", tensor.name()), &[len]);
    let Head { bias, gamma, beta } = layer.head();
    Ok(LayerTensors {
        weight: {
            let weight = take(Tensor::Weight, layer.storage().weights().len())?;
            layer.storage().portable_to_stored(weight)
        },
        bias: take(Tensor::Bias, bias.len())?,
        gamma: take(Tensor::Gamma, gamma.len())?,
        beta: take(Tensor::Beta, beta.len())?,
    })
}

/// What the method kept, by name.
fn take_method(file: &mut TensorFile) -> Result<BTreeMap<String, Vec<f32>>, FileProblem> {
    let names: Vec<String> =
        file.tensors.keys().filter(|n| n.starts_with("method.")).cloned().collect();
    let mut state = BTreeMap::new();
    for name in names {
        let shape = file.shape(&name).unwrap_or_default().to_vec();
        let values = file.take_f32(&name, &shape)?;
        state.insert(name["method.".len()..].to_string(), values);
    }
    Ok(state)
}

/// The positions that ever were connections, by layer.
fn take_ever(file: &mut TensorFile) -> Result<Vec<(usize, RoaringTreemap)>, FileProblem> {
    let layer = |name: &str| name.strip_prefix("rewire.")?.strip_suffix(".ever")?.parse().ok();
    let layers: Vec<usize> = file.tensors.keys().filter_map(|name| layer(name)).collect();
    let mut all = Vec::new();
    for layer in layers {
        let name = format!("rewire.{layer}.ever");
        let bytes = file.take_bytes(&name)?;
        let ever = RoaringTreemap::deserialize_from(bytes.as_slice());
        let damaged = |problem| FileProblem::Damaged(format!("{name}: {problem}"));
        all.push((layer, ever.map_err(damaged)?));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_of_earlier_commits_are_read_and_written_again_to_the_same_bytes() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut file = TensorFile::read(&fixtures.join("run/checkpoint.safetensors")).unwrap();
        let mut copy = file.clone();
        let all = take_ever(&mut file).unwrap();
        assert_eq!(all.len(), 2);
        for (layer, ever) in all {
            let mut bytes = Vec::new();
            ever.serialize_into(&mut bytes).unwrap();
            assert_eq!(copy.take_bytes(&format!("rewire.{layer}.ever")), Ok(bytes));
        }
    }
}
