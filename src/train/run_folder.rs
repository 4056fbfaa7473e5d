//! A run as a folder: the model, and a line of metrics per epoch.

use super::{EpochMetrics, TrainConfig};
use crate::Error;
use crate::format::safetensors::{self, Tensor};
use crate::nn::{Layer, Mlp};
use crate::sparse::CsrPattern;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A folder that a run writes to.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: File,
}

impl RunFolder {
    /// Makes the folder, with an empty `metrics.jsonl`.
    ///
    /// **Errors**: [`Error::Io`].
    pub fn create(path: &Path) -> Result<RunFolder, Error> {
        fs::create_dir_all(path).map_err(Error::io(path))?;
        let file = path.join("metrics.jsonl");
        let metrics = File::create(&file).map_err(Error::io(&file))?;
        Ok(RunFolder { path: path.to_path_buf(), metrics })
    }

    /// Appends a line to `metrics.jsonl`.
    ///
    /// **Errors**: [`Error::Io`].
    pub fn record(&mut self, metrics: &EpochMetrics) -> Result<(), Error> {
        let line = serde_json::to_string(metrics).expect("plain data serialises") + "\n";
        let written = self.metrics.write_all(line.as_bytes());
        written.map_err(Error::io(&self.path.join("metrics.jsonl")))
    }

    /// Writes `model.safetensors`.
    ///
    /// **Errors**: [`Error::Io`]; the model that stood there before is then untouched.
    pub fn save_model(&self, model: &Mlp, config: &TrainConfig) -> Result<(), Error> {
        let config = serde_json::to_string(config).expect("plain data serialises");
        let metadata = HashMap::from([
            ("format".to_string(), "fanin-mlp-1".to_string()),
            ("config".to_string(), config),
        ]);
        safetensors::write(&self.path.join("model.safetensors"), &tensors(model), metadata)
    }
}

/// A model's tensors by name: `layers.N.weight.{row_ptr, col_idx, values}` of a sparse or masked
/// layer, `layers.N.weight` `[out_features, in_features]` of a dense one, `layers.N.bias`, and
/// `layers.N.norm.{gamma, beta}` where LayerNorm and ReLU follow.
pub fn tensors(model: &Mlp) -> Vec<(String, Tensor)> {
    let mut tensors = Vec::new();
    for (index, layer) in model.layers().iter().enumerate() {
        let mut add = |name: &str, tensor| tensors.push((format!("layers.{index}.{name}"), tensor));
        let vector = |values: &[f32]| Tensor::F32(vec![values.len()], values.to_vec());
        let integers = |values: &mut dyn ExactSizeIterator<Item = usize>| {
            let fits = |value| i32::try_from(value).expect("a layer has fewer than 2^31 entries");
            Tensor::I32(vec![values.len()], values.map(fits).collect())
        };
        match layer.linear.pattern() {
            Some(pattern) if pattern.density() < 1.0 => {
                let ids = &mut pattern.col_idx().iter().map(|&col| col as usize);
                add("weight.row_ptr", integers(&mut pattern.row_ptr().iter().copied()));
                add("weight.col_idx", integers(ids));
                add("weight.values", vector(&stored_values(layer, pattern)));
            }
            _ => {
                let shape = vec![layer.linear.out_features(), layer.linear.in_features()];
                add("weight", Tensor::F32(shape, layer.params.weight.clone()));
            }
        }
        add("bias", vector(&layer.params.bias));
        if layer.has_norm() {
            add("norm.gamma", vector(&layer.params.gamma));
            add("norm.beta", vector(&layer.params.beta));
        }
    }
    tensors
}

/// The weights on the pattern, whether stored so (sparse) or among all positions (masked).
fn stored_values(layer: &Layer, pattern: &CsrPattern) -> Vec<f32> {
    let weight = &layer.params.weight;
    if weight.len() == pattern.nnz() {
        return weight.clone();
    }
    let cols = pattern.cols();
    let row_values =
        |row| pattern.row(row).iter().map(move |&col| weight[row * cols + col as usize]);
    (0..pattern.rows()).flat_map(row_values).collect()
}
