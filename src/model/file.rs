//! A trained network as a file: safetensors that Python's safetensors and SciPy read.
//!
//! Tensors: `layers.N.weight.{row_ptr, col_idx, values}` (CSR) of a layer that lacks connections,
//! `layers.N.weight` `[out_features, in_features]` of one that does not, `layers.N.bias`, and
//! `layers.N.norm.{gamma, beta}` where LayerNorm and an activation follow. The metadata entry
//! `fanin` is a JSON object of texts: `format`, `in_features`, `activation`, `loss`, `mixture` if
//! the layers are those of one expert after the other and their gate, `scaling` and `schema` (JSON
//! again), `data`, `settings`, `sha256`.
//!
//! The settings of the run that made it travel as text: a model opens whatever they are.

use super::{Error, ModelProblem, add_pattern, expect_format, from_json, take_pattern, to_json};
use crate::dataset::{Dataset, Scaling, Schema, Target};
use crate::format::FileProblem;
use crate::format::safetensors::TensorFile;
use crate::grammar::{self, Listed};
use crate::nn::storage::{AllDense, Sparse};
use crate::nn::{
    Activation, Chains, Engine, Head, Layer, LayerInput, Loss, MAX_WIDTH, Mixture, Mlp, Place,
};
use crate::sparse::CsrPattern;
use fanin_kernels::Isa;
use std::path::Path;

const FORMAT: &str = "fanin-model-4";
/// The format before: tables scaled in single precision, columns without their places.
const SINGLE_SCALING: &str = "fanin-model-3";
/// That before it: the run's configuration as JSON, and ReLU and cross-entropy without a word.
const WITH_CONFIG: &str = "fanin-model-2";

/// A network, and what its inputs and outputs mean.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// The network; its layers in CSR, unless none lacks connections.
    pub model: Mlp,
    /// What its inputs and outputs mean.
    pub meaning: Meaning,
}

/// What a model is beside its network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meaning {
    /// How raw values enter the network.
    pub scaling: Scaling,
    /// What columns and classes mean.
    pub schema: Schema,
    /// The data set's name in results.
    pub data_name: String,
    /// The settings of the run that made it, as TOML.
    pub settings: String,
}

impl Meaning {
    /// Of a network trained on `data` with these settings.
    pub fn of(data: &Dataset, settings: String) -> Meaning {
        Meaning {
            scaling: data.scaling.clone(),
            schema: data.schema.clone(),
            data_name: data.name.clone(),
            settings,
        }
    }
}

impl ModelFile {
    /// What a model of numbers gives: its targets, and as they stand where it knows none; empty of
    /// a classifier.
    pub fn targets(&self) -> Vec<Target> {
        let plain = |number: usize| Target::plain(format!("y{number}"));
        match (self.model.loss().takes_numbers(), &self.meaning.schema.targets) {
            (false, _) => Vec::new(),
            (true, targets) if targets.is_empty() => {
                (1..=self.model.outputs()).map(plain).collect()
            }
            (true, targets) => targets.clone(),
        }
    }

    /// Writes a model.
    ///
    /// **Errors**: [`Error::Format`]; whatever stood at `path` before is then untouched.
    pub fn write(path: &Path, model: &Mlp, meaning: &Meaning) -> Result<(), Error> {
        let mut file = TensorFile::default();
        let mut text = |key: &str, text: String| file.metadata.insert(key.to_string(), text);
        text("format", FORMAT.to_string());
        // CSR arrays do not say how wide they are.
        text("in_features", to_json(&model.in_features()));
        text("activation", model.activation().name().to_string());
        text("loss", model.loss().text());
        if let Some(mixture) = model.mixture() {
            text("mixture", mixture.to_string());
        }
        text("scaling", to_json(&meaning.scaling));
        text("schema", to_json(&meaning.schema));
        text("data", meaning.data_name.clone());
        text("settings", meaning.settings.clone());
        for (index, layer) in model.layers().iter().enumerate() {
            let name = |part: &str| format!("layers.{index}.{part}");
            let (pattern, values) = layer.connections();
            let (rows, cols) = (pattern.rows(), pattern.cols());
            if pattern.nnz() < rows * cols {
                add_pattern(&mut file, &name("weight"), &pattern);
                file.add_f32(name("weight.values"), vec![values.len()], &values);
            } else {
                file.add_f32(name("weight"), vec![rows, cols], &values);
            }
            let Head { bias, gamma, beta } = layer.head();
            file.add_f32(name("bias"), vec![rows], bias);
            if layer.has_norm() {
                file.add_f32(name("norm.gamma"), vec![rows], gamma);
                file.add_f32(name("norm.beta"), vec![rows], beta);
            }
        }
        Ok(file.write(path)?)
    }

    /// Reads a model.
    ///
    /// **Errors**: [`Error::Format`]; [`Error::Content`] with the way in which the file is not a
    /// model.
    pub fn read(path: &Path) -> Result<ModelFile, Error> {
        let file = TensorFile::read(path)?;
        ModelFile::parse(file).map_err(Error::at(path))
    }

    fn parse(mut file: TensorFile) -> Result<ModelFile, ModelProblem> {
        let format = expect_format(&file, &[FORMAT, SINGLE_SCALING, WITH_CONFIG], "model")?;
        let text = |key: &str| file.metadata.get(key).cloned();
        let (activation, loss, settings) = match format {
            WITH_CONFIG => {
                (Activation::default(), named("loss", "cross-entropy")?, old_settings(&file)?)
            }
            _ => {
                let required = |key: &'static str| {
                    text(key).ok_or_else(|| FileProblem::Missing(key.to_string()))
                };
                let loss: Box<dyn Loss> = named("loss", &required("loss")?)?;
                let activation = named("activation", &required("activation")?)?;
                (activation, loss, text("settings").unwrap_or_default())
            }
        };
        let meaning = Meaning {
            scaling: from_json(&file, "scaling")?,
            schema: from_json(&file, "schema")?,
            data_name: text("data").unwrap_or_default(),
            settings,
        };
        let mixture = text("mixture").map(|text| named("mixture", &text)).transpose()?;
        let model = take_layers(&mut file, mixture, meaning.schema.is_sparse)?
            .with_activation(activation)
            .with_loss(loss);
        if let Some(features) = meaning.scaling.features().filter(|&n| n != model.in_features()) {
            let (found, expected) = (vec![features], vec![model.in_features()]);
            return Err(FileProblem::Shape { name: "scaling".into(), found, expected }.into());
        }
        if !meaning.scaling.is_whole(meaning.schema.is_sparse) {
            let problem = "it is not of these columns".to_string();
            return Err(ModelProblem::Metadata { key: "scaling", problem });
        }
        if let Some(problem) = meaning.schema.contradiction(model.outputs()) {
            return Err(ModelProblem::Metadata { key: "schema", problem });
        }
        Ok(ModelFile { model, meaning })
    }
}

/// What a metadata entry names.
fn named<T: Listed>(key: &'static str, text: &str) -> Result<T, ModelProblem> {
    grammar::make(text)
        .map_err(|problem| ModelProblem::Metadata { key, problem: problem.to_string() })
}

/// The JSON configuration of the format before, as TOML.
fn old_settings(file: &TensorFile) -> Result<String, ModelProblem> {
    let mut table: toml::Table = from_json(file, "config")?;
    table.remove("threads");
    Ok(table.to_string())
}

/// The layers, as many as there are, of samples that come sparse or not.
fn take_layers(
    file: &mut TensorFile,
    mixture: Option<Mixture>,
    is_sparse: bool,
) -> Result<Mlp, ModelProblem> {
    let index = |name: &String| name.strip_prefix("layers.")?.split('.').next()?.parse().ok();
    let last: usize = file.tensors.keys().filter_map(index).max().unwrap_or(0);
    let count = last.checked_add(1).ok_or(ModelProblem::Experts(last))?;
    let chains = Chains::of(count, mixture.as_ref()).ok_or(ModelProblem::Experts(count))?;
    let mut parts: Vec<(CsrPattern, Vec<f32>, Head)> = Vec::new();
    for index in 0..count {
        let before = match (chains.takes_samples(index), parts.first()) {
            (true, first) => first.map(|(pattern, ..)| pattern.cols()),
            (false, _) => parts.last().map(|(pattern, ..)| pattern.rows()),
        };
        parts.push(take_layer(file, index, before, chains.is_hidden(index))?);
    }
    expect_experts(&parts, chains, mixture)?;
    let full = |(pattern, ..): &(CsrPattern, Vec<f32>, Head)| pattern.density() == 1.0;
    let engine: &dyn Engine = if parts.iter().all(full) { &AllDense } else { &Sparse };
    let input = if is_sparse { LayerInput::SparseSamples } else { LayerInput::Samples };
    let first = Place { isa: Isa::detect(), input };
    let layer = |(index, (pattern, weights, head))| {
        Layer::new(engine.store(pattern, weights, chains.place(first, index)), head)
    };
    Ok(Mlp::of(parts.into_iter().enumerate().map(layer).collect(), mixture))
}

/// Refuses experts of different widths, and a gate that is not theirs.
fn expect_experts(
    parts: &[(CsrPattern, Vec<f32>, Head)],
    chains: Chains,
    mixture: Option<Mixture>,
) -> Result<(), ModelProblem> {
    for (index, (pattern, ..)) in parts.iter().enumerate() {
        let expected = match (chains.position(index) == chains.depth, mixture) {
            (true, Some(Mixture { experts, .. })) => 2 * experts,
            _ => parts[chains.position(index)].0.rows(),
        };
        if pattern.rows() != expected {
            let (found, expected) = (vec![pattern.rows()], vec![expected]);
            let name = format!("layers.{index}.bias");
            return Err(FileProblem::Shape { name, found, expected }.into());
        }
    }
    Ok(())
}

/// The first layer's inputs, which CSR arrays do not tell.
fn take_width(file: &TensorFile) -> Result<usize, ModelProblem> {
    let (key, width) = ("in_features", from_json(file, "in_features")?);
    match (1..=MAX_WIDTH).contains(&width) {
        true => Ok(width),
        false => {
            let problem = format!("{width}, where a layer has 1 to {MAX_WIDTH} inputs");
            Err(ModelProblem::Metadata { key, problem })
        }
    }
}

/// One layer behind one of `before` neurons; the first layer's width comes from the file.
fn take_layer(
    file: &mut TensorFile,
    index: usize,
    before: Option<usize>,
    is_hidden: bool,
) -> Result<(CsrPattern, Vec<f32>, Head), ModelProblem> {
    let name = |part: &str| format!("layers.{index}.{part}");
    let rows = match file.shape(&name("bias")) {
        Some(&[rows]) if rows > 0 => rows,
        Some(found) => {
            let (found, expected) = (found.to_vec(), vec![1]);
            return Err(FileProblem::Shape { name: name("bias"), found, expected }.into());
        }
        None => return Err(FileProblem::Missing(name("bias")).into()),
    };
    let (pattern, weights) = match file.shape(&name("weight")) {
        Some(&[_, cols]) => {
            let cols = before.unwrap_or(cols);
            let weights = file.take_f32(&name("weight"), &[rows, cols])?;
            (CsrPattern::full(rows, cols), weights)
        }
        _ => {
            let cols = before.map_or_else(|| take_width(file), Ok)?;
            let pattern = take_pattern(file, index, &name("weight"), [rows, cols])?;
            let shape = [pattern.nnz()];
            (pattern, file.take_f32(&name("weight.values"), &shape)?)
        }
    };
    let mut head = Head { bias: file.take_f32(&name("bias"), &[rows])?, ..Head::default() };
    if is_hidden {
        head.gamma = file.take_f32(&name("norm.gamma"), &[rows])?;
        head.beta = file.take_f32(&name("norm.beta"), &[rows])?;
    }
    let all = [&weights, &head.bias, &head.gamma, &head.beta];
    if !all.into_iter().flatten().all(|value| value.is_finite()) {
        return Err(ModelProblem::NotFinite(index));
    }
    Ok((pattern, weights, head))
}
