//! Rows for a model, read as its training file was: to be answered, or to test it.

use super::config::DataConfig;
use super::error::Error;
use super::formats::{Format, Label, ReadOptions, Row, RowSource, RowsFrom, check_labels};
use super::problem::DataProblem;
use super::samples::Samples;
use super::scaling::{Scaling, is_far};
use super::schema::{Schema, Target};
use super::sparse_rows::SparseRows;
use super::values::Values;
use crate::nn::Targets;
use std::path::Path;

/// Opens rows to be answered by a model that takes `features` values and was trained on data of
/// `config` and `schema`.
///
/// The format is [`DataConfig::file_format`], else what a file's name says, else what it begins as.
/// Labels, where the file has them, are passed over. CSV and SVMlight are read as rows are asked
/// for, the other formats whole.
///
/// **Errors**: [`Error::Io`], [`Error::Gzip`], [`Error::Format`], [`Error::Data`] for what is wrong
/// with the file's beginning; [`Error::Stream`] for a format that cannot be read from a stream.
///
/// **Panics** if `features` is 0.
pub fn open_rows(
    source: RowsFrom<'_>,
    config: &DataConfig,
    schema: &Schema,
    features: usize,
) -> Result<Box<dyn RowSource>, Error> {
    open(source, config, &config.read_options(), schema, features)
}

fn open(
    source: RowsFrom<'_>,
    config: &DataConfig,
    options: &ReadOptions,
    schema: &Schema,
    features: usize,
) -> Result<Box<dyn RowSource>, Error> {
    assert!(features > 0, "a row has values");
    let (source, format): (RowsFrom<'_>, &dyn Format) = match source {
        RowsFrom::File(path) => (RowsFrom::File(path), config.file_format.of(path)?),
        RowsFrom::Stream { name, reader } => {
            let mut input = super::formats::Input::of(RowsFrom::Stream { name, reader })?;
            let format = config.file_format.of_stream(input.start()?);
            (RowsFrom::Stream { name: input.path, reader: input.reader }, format)
        }
    };
    format.rows(source, options, schema, features)
}

/// Rows with labels.
#[derive(Clone, Debug)]
pub struct LabelledRows {
    /// As they enter the network.
    pub samples: Samples,
    /// What was decided about their file on thin evidence.
    pub notes: Vec<String>,
}

impl DataConfig {
    /// Reads a file of labelled rows with columns, classes and scaling as a model has them.
    ///
    /// **Errors**: as [`DataConfig::load`]; a row with a problem is one.
    pub fn read_labelled(
        &self,
        path: &Path,
        labels: Option<&Path>,
        schema: &Schema,
        scaling: &Scaling,
        features: usize,
    ) -> Result<LabelledRows, Error> {
        let labels_path = labels.map(Path::to_path_buf);
        let options =
            ReadOptions { wants_labels: true, labels: labels_path, ..self.read_options() };
        check_labels(self.file_format.of(path)?, path, labels, None)?;
        let mut rows = open(RowsFrom::File(path), self, &options, schema, features)?;
        let mut collected = Collected::new(scaling, schema);
        let (mut classes, mut numbers) = (Vec::new(), Vec::new());
        while let Some((Row { line, label }, bad)) = collected.read(&mut *rows)? {
            let label = label.map_err(|problem| rows.problem(problem))?;
            match label.expect("labels are wanted") {
                Label::Class(class) => classes.push(class),
                Label::Numbers(values) => {
                    let learned = |(target, &value): (&Target, &f64)| target.learned(value) as f32;
                    numbers.extend(schema.targets.iter().zip(&values).map(learned));
                }
            }
            if let Some(at) = bad {
                let column = schema.input_name(at);
                return Err(rows.problem(match scaling.features() {
                    Some(_) => DataProblem::TooFar { line, column },
                    None => DataProblem::NoByte { line, column },
                }));
            }
        }
        let (values, notes) = (collected.values, rows.notes());
        if classes.is_empty() && numbers.is_empty() {
            return Err(rows.problem(DataProblem::Empty));
        }
        let samples = match schema.targets.len() {
            0 => Samples::with_values(features, schema.classes.len(), values, classes),
            width => {
                let targets = Targets::Numbers { values: numbers, width };
                Samples::with_targets(features, values, targets)
            }
        };
        Ok(LabelledRows { samples: samples.map_err(Error::data(path))?, notes })
    }
}

/// Rows as they enter the network; those of images as bytes.
struct Collected<'a> {
    scaling: &'a Scaling,
    values: Values,
    /// Of the row at hand.
    row: Vec<f64>,
    entries: Vec<(u32, f64)>,
}

impl<'a> Collected<'a> {
    fn new(scaling: &'a Scaling, schema: &Schema) -> Collected<'a> {
        let values = match scaling.features() {
            Some(features) if schema.is_sparse => Values::Sparse(SparseRows::new(features)),
            Some(_) => Values::Inputs(Vec::new()),
            None => Values::Bytes(Vec::new()),
        };
        Collected { scaling, values, row: Vec::new(), entries: Vec::new() }
    }

    /// Reads a row, if there is one more; with it the feature that is no byte, or too far out.
    fn read(&mut self, rows: &mut dyn RowSource) -> Result<Option<(Row, Option<usize>)>, Error> {
        let Collected { scaling, values, row, entries } = self;
        row.clear();
        entries.clear();
        let read = match values {
            Values::Sparse(_) => rows.next_entries(entries)?,
            _ => rows.next_row(row)?,
        };
        let Some(read) = read else { return Ok(None) };
        let bad = match values {
            Values::Bytes(bytes) => {
                let is_byte = |x: &f64| (0.0..=255.0).contains(x) && x.fract() == 0.0;
                bytes.extend(row.iter().map(|&x| x as u8));
                row.iter().position(|x| !is_byte(x))
            }
            Values::Sparse(rows) => scaling.apply_sparse(entries, rows),
            // A row with a problem has no values.
            Values::Inputs(_) | Values::Floats(_) if row.is_empty() => None,
            Values::Inputs(inputs) | Values::Floats(inputs) => {
                let first = inputs.len();
                scaling.apply(row, inputs);
                inputs[first..].iter().position(|&input| is_far(input))
            }
        };
        Ok(Some((read, bad)))
    }
}
