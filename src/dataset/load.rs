//! The story of a data set: read → split → fit → samples → scale.

use super::config::{ClassWeight, DataConfig};
use super::error::Error;
use super::formats::{Before, Source};
use super::known::{Content, known, read_known};
use super::problem::DataProblem;
use super::raw::RawTable;
use super::samples::Samples;
use super::scaling::{Normalize, Scaling};
use super::schema::Schema;
use super::split::{RowSplit, SplitOptions};
use std::path::Path;

/// A training and a test split, and what is fitted on the first.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Training samples.
    pub train: Samples,
    /// Test samples.
    pub test: Samples,
    /// Held out of the training samples, if any are.
    pub validation: Option<Samples>,
    /// Fitted on the training samples only.
    pub scaling: Scaling,
    /// What columns and classes mean.
    pub schema: Schema,
    /// Its name in results; a stand-in for a known data set is marked as one.
    pub name: String,
    /// Row numbers of the training file that a drawn test split holds out, from 0, as arrays
    /// count.
    pub test_rows: Option<Vec<u32>>,
    /// The same of the validation split, among all training rows.
    pub validation_rows: Option<Vec<u32>>,
}

impl Dataset {
    /// A data set whose scaling is fitted on `train`.
    ///
    /// **Panics** if the splits differ in features or in the width of their targets.
    pub fn new(train: Samples, test: Samples, normalize: Normalize) -> Dataset {
        assert_eq!(train.features(), test.features(), "both splits have the same features");
        assert_eq!(train.outputs(), test.outputs(), "both splits have the same targets");
        let scaling = Scaling::fit(train.values(), train.features(), normalize);
        let (name, schema) = ("own".to_string(), Schema::default());
        let (test_rows, validation, validation_rows) = (None, None, None);
        Dataset { train, test, validation, scaling, schema, name, test_rows, validation_rows }
    }

    /// The samples of a table's rows.
    ///
    /// **Errors**: [`Error::Data`] at `path`.
    fn of_rows(
        path: &Path,
        raw: &RawTable,
        schema: Schema,
        rows: RowSplit,
        normalize: Normalize,
    ) -> Result<Dataset, Error> {
        let samples = |rows: &[u32]| raw.samples(&schema, rows).map_err(Error::data(path));
        let validation = rows.validation.as_deref().map(samples).transpose()?;
        let (test_rows, validation_rows) = (Some(rows.test.clone()), rows.validation);
        let data = Dataset::new(samples(&rows.train)?, samples(&rows.test)?, normalize);
        Ok(Dataset { validation, schema, test_rows, validation_rows, ..data })
    }
}

/// Loads a known data set whole, from `data_dir` or wherever [`search_path`](super::search_path)
/// leads.
///
/// **Errors**: [`Error::Missing`] naming every folder looked in and what to fetch; [`Error::Data`]
/// for a file that is broken or not the known one.
pub fn load(name: &str, data_dir: Option<&Path>, normalize: Normalize) -> Result<Dataset, Error> {
    let (dataset, data_dir) = (name.to_string(), data_dir.map(Path::to_path_buf));
    DataConfig { dataset, data_dir, normalize, ..DataConfig::default() }.load()
}

impl DataConfig {
    /// Loads the data set, fits schema and scaling on its training rows, and holds out what is to
    /// be.
    ///
    /// **Errors**: [`Error::Missing`]; [`Error::Io`], [`Error::Gzip`], [`Error::Data`],
    /// [`Error::Format`] for a file that is broken; those of [`DataConfig::validate`] and of empty
    /// splits.
    pub fn load(&self) -> Result<Dataset, Error> {
        self.load_as(None)
    }

    /// As [`DataConfig::load`], with columns and classes as a model has them.
    ///
    /// **Errors**: as [`DataConfig::load`].
    pub fn load_as(&self, schema: Option<&Schema>) -> Result<Dataset, Error> {
        self.validate()?;
        let mut data = match &self.train {
            None => self.load_known()?,
            Some(train) => self.load_own(train, schema)?,
        };
        if self.class_weight == ClassWeight::Balanced {
            data.train.balance_classes();
        }
        Ok(data)
    }

    fn load_own(&self, train: &Path, schema: Option<&Schema>) -> Result<Dataset, Error> {
        let raw = self.read(train, self.train_labels.as_deref(), schema, None)?;
        let fraction = if self.test.is_some() { 0.0 } else { self.test_fraction };
        let rows = self.split(&raw.labels, fraction)?;
        let schema = schema.cloned().unwrap_or_else(|| raw.schema(self.missing, &rows.train));
        let mut data = Dataset::of_rows(train, &raw, schema, rows, self.normalize)?;
        if let Some(path) = &self.test {
            let labels = self.test_labels.as_deref();
            data.test = self.read_test(path, labels, &data.schema, data.train.features())?;
            data.test_rows = None;
        }
        let (train_count, test_count) = (data.train.len(), data.test.len());
        if train_count == 0 || test_count == 0 {
            return Err(Error::EmptySplit { train: train_count, test: test_count });
        }
        if data.train.bytes().is_some() != data.test.bytes().is_some() {
            return Err(Error::MixedValues);
        }
        data.name = train.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(data)
    }

    fn load_known(&self) -> Result<Dataset, Error> {
        let known = known(&self.dataset)?;
        let read = read_known(known, self.data_dir.as_deref(), self.allow_unofficial)?;
        let mut data = match read.content {
            Content::Images([train, test]) => self.with_validation(train, test)?,
            Content::Table { path, raw, schema, test_fraction } => {
                let rows = self.split(&raw.labels, test_fraction)?;
                Dataset::of_rows(&path, &raw, schema, rows, self.normalize)?
            }
        };
        data.schema.classes = known.classes.iter().map(ToString::to_string).collect();
        data.name = match read.is_official {
            true => known.name.to_string(),
            false => format!("{} (stand-in)", known.name),
        };
        Ok(data)
    }

    /// Holds validation samples out of the training samples of a data set with its own test
    /// samples.
    fn with_validation(&self, train: Samples, test: Samples) -> Result<Dataset, Error> {
        let rows = self.split(train.labels(), 0.0)?;
        let Some(held_out) = rows.validation else {
            return Ok(Dataset::new(train, test, self.normalize));
        };
        let select = |rows: &[u32]| train.select(rows.iter().map(|&row| row as usize));
        let validation = Some(select(&held_out));
        let data = Dataset::new(select(&rows.train), test, self.normalize);
        Ok(Dataset { validation, validation_rows: Some(held_out), ..data })
    }

    /// Reads a file of test rows with columns and classes as a model has them.
    ///
    /// **Errors**: as [`DataConfig::load`].
    pub fn read_test(
        &self,
        path: &Path,
        labels: Option<&Path>,
        schema: &Schema,
        features: usize,
    ) -> Result<Samples, Error> {
        let raw = self.read(path, labels, Some(schema), Some(features))?;
        if raw.columns.is_empty() {
            schema.expect_numbers().map_err(Error::data(path))?;
        }
        let rows: Vec<u32> = (0..raw.rows() as u32).collect();
        let samples = raw.samples(schema, &rows).map_err(Error::data(path))?;
        if samples.features() != features {
            let (found, expected) = (samples.features(), features);
            return Err(Error::data(path)(DataProblem::Ragged { line: 1, found, expected }));
        }
        Ok(samples)
    }

    fn read(
        &self,
        path: &Path,
        labels: Option<&Path>,
        schema: Option<&Schema>,
        features: Option<usize>,
    ) -> Result<RawTable, Error> {
        let format = self.file_format.of(path);
        format.read(&Source { path, labels }, &self.read_options(), Before { schema, features })
    }

    fn split(&self, labels: &[u16], test: f64) -> Result<RowSplit, Error> {
        let (validation, stratify) = (self.validation_fraction, self.stratify);
        let options = SplitOptions { test, validation, stratify, seed: self.split_seed };
        RowSplit::draw(labels, options)
    }
}
