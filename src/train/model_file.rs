//! A trained network as a file: safetensors that Python's safetensors and SciPy read.
//!
//! Tensors: `layers.N.weight.{row_ptr, col_idx, values}` (CSR) of a layer that lacks connections,
//! `layers.N.weight` `[out_features, in_features]` of one that does not, `layers.N.bias`, and
//! `layers.N.norm.{gamma, beta}` where LayerNorm and ReLU follow. The metadata entry `fanin` is a JSON
//! object of texts: `format`, `config` and `scaling` (JSON again), `in_features`, `sha256`.

use super::RunConfig;
use crate::Error;
use crate::dataset::{Dataset, Scaling, Schema};
use crate::error::FileProblem;
use crate::format;
use crate::format::safetensors::TensorFile;
use crate::nn::{Engine, Layer, LayerTensors, Mlp};
use crate::sparse::CsrPattern;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

const FORMAT: &str = "fanin-model-2";

/// A network, the scaling of its inputs, and the run it came from.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// The network, on the sparse engine unless it was trained dense.
    pub model: Mlp,
    /// How raw values enter the network.
    pub scaling: Scaling,
    /// What columns and classes mean.
    pub schema: Schema,
    /// The data set's name in results.
    pub data_name: String,
    /// What it was trained with.
    pub config: RunConfig,
}

impl ModelFile {
    /// Writes a model.
    ///
    /// **Errors**: [`Error::Io`]; whatever stood at `path` before is then untouched.
    pub fn write(
        path: &Path,
        model: &Mlp,
        data: &Dataset,
        config: &RunConfig,
    ) -> Result<(), Error> {
        let mut file = TensorFile::default();
        file.metadata.insert("format".into(), FORMAT.into());
        file.metadata.insert("config".into(), to_json(config));
        file.metadata.insert("scaling".into(), to_json(&data.scaling));
        file.metadata.insert("schema".into(), to_json(&data.schema));
        file.metadata.insert("data".into(), data.name.clone());
        // CSR arrays do not say how wide they are.
        file.metadata.insert("in_features".into(), to_json(&model.in_features()));
        for (index, layer) in model.layers().iter().enumerate() {
            let name = |part: &str| format!("layers.{index}.{part}");
            let (pattern, values) = layer.connections();
            let (rows, cols) = (pattern.rows(), pattern.cols());
            if pattern.nnz() < rows * cols {
                file.add_indices(name("weight.row_ptr"), pattern.row_ptr().iter().copied());
                let columns = pattern.col_idx().iter().map(|&col| col as usize);
                file.add_indices(name("weight.col_idx"), columns);
                file.add_f32(name("weight.values"), vec![values.len()], &values);
            } else {
                file.add_f32(name("weight"), vec![rows, cols], &values);
            }
            file.add_f32(name("bias"), vec![rows], &layer.params.bias);
            if layer.has_norm() {
                file.add_f32(name("norm.gamma"), vec![rows], &layer.params.gamma);
                file.add_f32(name("norm.beta"), vec![rows], &layer.params.beta);
            }
        }
        Ok(file.write(path)?)
    }

    /// Reads a model.
    ///
    /// **Errors**: [`Error::Io`]; [`Error::File`] with the way in which the file is not a model.
    pub fn read(path: &Path) -> Result<ModelFile, Error> {
        let file = TensorFile::read(path)?;
        ModelFile::parse(file).map_err(|problem| Error::file(path, problem))
    }

    fn parse(mut file: TensorFile) -> Result<ModelFile, FileProblem> {
        expect_format(&file, FORMAT, "model")?;
        let config: RunConfig = from_json(&file, "config")?;
        let scaling: Scaling = from_json(&file, "scaling")?;
        let schema: Schema = from_json(&file, "schema")?;
        let data_name = file.metadata.get("data").cloned().unwrap_or_default();
        let engine = match config.train.engine {
            Engine::Dense => Engine::Dense,
            Engine::Sparse | Engine::Masked => Engine::Sparse,
        };
        let mut layers: Vec<Layer> = Vec::new();
        for index in 0..=config.train.hidden.len() {
            let name = |part: &str| format!("layers.{index}.{part}");
            let rows = match file.shape(&name("bias")) {
                Some(&[rows]) if rows > 0 => rows,
                Some(found) => {
                    let (found, expected) = (found.to_vec(), vec![1]);
                    return Err(shape(name("bias"), found, expected));
                }
                None => return Err(format::FileProblem::Missing(name("bias")).into()),
            };
            // The first layer's width is its own affair; the others take in what came before.
            let before = layers.last().map(|layer| layer.linear.out_features());
            let (pattern, weight) = match file.shape(&name("weight")) {
                Some(&[_, cols]) => {
                    let cols = before.unwrap_or(cols);
                    let weight = file.take_f32(&name("weight"), &[rows, cols])?;
                    (CsrPattern::full(rows, cols), weight)
                }
                _ => {
                    let cols = before.map_or_else(|| from_json(&file, "in_features"), Ok)?;
                    let pattern = take_pattern(&mut file, index, &name("weight"), rows, cols)?;
                    let shape = [pattern.nnz()];
                    (pattern, file.take_f32(&name("weight.values"), &shape)?)
                }
            };
            let mut params = LayerTensors {
                weight,
                bias: file.take_f32(&name("bias"), &[rows])?,
                ..Default::default()
            };
            if index < config.train.hidden.len() {
                params.gamma = file.take_f32(&name("norm.gamma"), &[rows])?;
                params.beta = file.take_f32(&name("norm.beta"), &[rows])?;
            }
            layers.push(Layer::from_parts(engine, pattern, index, params));
        }
        let model = Mlp::from_layers(layers);
        if let Some(features) = scaling.features().filter(|&n| n != model.in_features()) {
            let (found, expected) = (vec![features], vec![model.in_features()]);
            return Err(shape("scaling".into(), found, expected));
        }
        Ok(ModelFile { model, scaling, schema, data_name, config })
    }
}

fn shape(name: String, found: Vec<usize>, expected: Vec<usize>) -> FileProblem {
    format::FileProblem::Shape { name, found, expected }.into()
}

/// What was written is not what it was.
pub(super) fn damaged(problem: String) -> FileProblem {
    format::FileProblem::Damaged(problem).into()
}

/// A value as JSON text.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data serialises")
}

/// The metadata entry `key`, parsed.
pub(super) fn from_json<T: DeserializeOwned>(
    file: &TensorFile,
    key: &str,
) -> Result<T, FileProblem> {
    let missing = || format::FileProblem::Missing(key.to_string());
    let text = file.metadata.get(key).ok_or_else(missing)?;
    serde_json::from_str(text).map_err(|problem| damaged(format!("metadata {key}: {problem}")))
}

/// Refuses a file of another format.
pub(super) fn expect_format(
    file: &TensorFile,
    format: &str,
    kind: &'static str,
) -> Result<(), FileProblem> {
    match file.metadata.get("format") {
        Some(found) if found == format => Ok(()),
        found => Err(FileProblem::Format(format::FileProblem::Kind {
            expected: kind,
            found: found.map_or_else(|| "foreign".to_string(), String::clone),
        })),
    }
}

/// Takes `PREFIX.row_ptr` and `PREFIX.col_idx` out of a file as a `[rows, cols]` pattern.
pub(super) fn take_pattern(
    file: &mut TensorFile,
    layer: usize,
    prefix: &str,
    rows: usize,
    cols: usize,
) -> Result<CsrPattern, FileProblem> {
    let row_ptr = file.take_indices(&format!("{prefix}.row_ptr"))?;
    let col_idx = file.take_indices(&format!("{prefix}.col_idx"))?;
    if row_ptr.len() != rows + 1 {
        let (found, expected) = (vec![row_ptr.len()], vec![rows + 1]);
        return Err(shape(format!("{prefix}.row_ptr"), found, expected));
    }
    let col_idx = col_idx.into_iter().map(|col| col as u32).collect();
    CsrPattern::new(cols, row_ptr, col_idx).map_err(|source| FileProblem::Pattern { layer, source })
}
