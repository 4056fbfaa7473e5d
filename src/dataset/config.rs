//! What names a data set, and how it is loaded: known by name or one's own, split, scaled.

use super::arrays::{read_idx_pair, read_npy, read_npz};
use super::raw::RawTable;
use super::svmlight::read_svmlight;
use super::table::read_table;
use super::{
    Header, Missing, Normalize, Samples, Scaling, Schema, TableOptions, catalog, hold_out,
};
use crate::Error;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

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
    /// Row numbers of the training file, counted from 0, that a drawn test split holds out.
    pub test_rows: Option<Vec<u32>>,
    /// The same of the validation split, among all training rows.
    pub validation_rows: Option<Vec<u32>>,
}

impl Dataset {
    /// A data set whose scaling is fitted on `train`.
    ///
    /// **Panics** if the splits differ in features or classes.
    pub fn new(train: Samples, test: Samples, normalize: Normalize) -> Dataset {
        assert_eq!(train.features(), test.features(), "both splits have the same features");
        assert_eq!(train.classes(), test.classes(), "both splits have the same classes");
        let scaling = Scaling::fit(&train, normalize);
        let (name, schema) = ("own".to_string(), Schema::default());
        let (test_rows, validation, validation_rows) = (None, None, None);
        Dataset { train, test, validation, scaling, schema, name, test_rows, validation_rows }
    }
}

/// How much the loss of each class counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeight {
    /// Every sample counts 1.
    #[default]
    None,
    /// Every class counts the same together.
    Balanced,
}

/// What a data file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// What its name says.
    #[default]
    Auto,
    /// Text with separated fields.
    Csv,
    /// SVMlight's and LIBSVM's sparse text.
    Svmlight,
    /// A NumPy array, with another for the labels.
    Npy,
    /// NumPy arrays of samples and labels in one file.
    Npz,
    /// IDX images, with another file for the labels.
    Idx,
}

/// Everything that names a data set and how it is read. Its TOML form has the flags' names as keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DataConfig {
    /// Name of a known data set; one's own has none.
    pub dataset: String,
    /// Folder of the known data set, if it is not to be searched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Whether a known data set may have another size or content.
    pub allow_unofficial: bool,
    /// One's own training file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// Its labels, where they are a file of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_labels: Option<PathBuf>,
    /// One's own test file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Its labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<PathBuf>,
    /// What the files are.
    pub file_format: FileFormat,
    /// The label's column: a name, or a number from 1, or from −1 at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether the first line names the columns.
    pub header: Header,
    /// What separates fields, if it is not to be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Columns of numbers that are names of categories.
    pub categorical: Vec<String>,
    /// What a missing value counts as.
    pub missing: Missing,
    /// Fraction of the rows held out for testing where there is no test file.
    pub test_fraction: f64,
    /// Fraction of the training rows held out for validation.
    pub validation_fraction: f64,
    /// Whether each class is held out by its share.
    pub stratify: bool,
    /// Seed of what is held out.
    pub split_seed: u64,
    /// How values enter the network.
    pub normalize: Normalize,
    /// How much the loss of each class counts.
    pub class_weight: ClassWeight,
}

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig {
            dataset: "mnist".to_string(),
            data_dir: None,
            allow_unofficial: false,
            train: None,
            train_labels: None,
            test: None,
            test_labels: None,
            file_format: FileFormat::Auto,
            label: None,
            header: Header::Auto,
            delimiter: None,
            categorical: Vec::new(),
            missing: Missing::Error,
            test_fraction: 0.2,
            validation_fraction: 0.0,
            stratify: false,
            split_seed: 42,
            normalize: Normalize::Standard,
            class_weight: ClassWeight::None,
        }
    }
}

impl DataConfig {
    /// The settings that have no default, by name.
    pub const OPTIONAL: [&str; 7] =
        ["data-dir", "train", "train-labels", "test", "test-labels", "label", "delimiter"];

    /// Refuses values outside their range, and settings of one's own files without one.
    ///
    /// **Errors**: [`Error::Config`] naming the setting.
    pub fn validate(&self) -> Result<(), Error> {
        for (name, fraction) in [
            ("--test-fraction", self.test_fraction),
            ("--validation-fraction", self.validation_fraction),
        ] {
            if !(0.0..1.0).contains(&fraction) {
                let problem = format!("{name} {fraction}: it is at least 0 and below 1");
                return Err(Error::Config(problem));
            }
        }
        if self.delimiter.is_some_and(|delimiter| !delimiter.is_ascii()) {
            return Err(Error::Config("a delimiter is one ASCII character".to_string()));
        }
        let of_own = [
            ("--train-labels", self.train_labels.is_some()),
            ("--test", self.test.is_some()),
            ("--test-labels", self.test_labels.is_some()),
            ("--label", self.label.is_some()),
            ("--delimiter", self.delimiter.is_some()),
            ("--categorical", !self.categorical.is_empty()),
            ("--missing", self.missing != Missing::Error),
            ("--header", self.header != Header::Auto),
            ("--file-format", self.file_format != FileFormat::Auto),
            ("--test-fraction", self.test_fraction != DataConfig::default().test_fraction),
        ];
        let given =
            |flags: &[(&'static str, bool)]| flags.iter().find(|(_, is)| *is).map(|(f, _)| *f);
        let refuse = |problem: String| Err(Error::Config(problem));
        let Some(train) = &self.train else {
            return given(&of_own).map_or(Ok(()), |flag| {
                refuse(format!("{flag} is for your own data: name it with --train FILE"))
            });
        };
        if self.test.is_some() && given(&of_own[9..]).is_some() {
            return refuse("--test-fraction is for data without a --test file".to_string());
        }
        let format = self.format_of(train);
        match given(&of_own[3..8]) {
            Some(flag) if format != FileFormat::Csv => {
                refuse(format!("{flag} is for tables of text, which {} is not", train.display()))
            }
            _ => Ok(()),
        }
    }

    /// Makes every path absolute, so that a run can be resumed from anywhere.
    ///
    /// **Errors**: [`Error::Io`].
    pub fn make_absolute(&mut self) -> Result<(), Error> {
        let own = [&mut self.train, &mut self.train_labels, &mut self.test, &mut self.test_labels];
        for path in own.into_iter().chain([&mut self.data_dir]).flatten() {
            *path = std::path::absolute(&*path).map_err(Error::io(path))?;
        }
        Ok(())
    }

    fn table_options(&self) -> TableOptions {
        TableOptions {
            header: self.header,
            delimiter: self.delimiter.map(|delimiter| delimiter as u8),
            label: self.label.clone(),
            categorical: self.categorical.clone(),
            missing: self.missing,
        }
    }

    /// Loads the data set, fits schema and scaling on its training rows, and holds out what is to be.
    ///
    /// **Errors**: [`Error::MissingData`]; [`Error::Io`], [`Error::Data`], [`Error::File`] for a file
    /// that is broken; [`Error::Config`].
    pub fn load(&self) -> Result<Dataset, Error> {
        self.load_as(None)
    }

    /// As [`DataConfig::load`], with columns and classes as a model has them.
    ///
    /// **Errors**: as [`DataConfig::load`].
    pub fn load_as(&self, known: Option<&Schema>) -> Result<Dataset, Error> {
        self.validate()?;
        let mut data = match &self.train {
            None => catalog::load_config(self)?,
            Some(train) => self.load_own(train, known)?,
        };
        data.scaling = Scaling::fit(&data.train, self.normalize);
        if self.class_weight == ClassWeight::Balanced {
            data.train.balance_classes();
        }
        Ok(data)
    }

    fn load_own(&self, train: &Path, known: Option<&Schema>) -> Result<Dataset, Error> {
        let raw = self.read(train, self.train_labels.as_deref(), known, None)?;
        let fraction = if self.test.is_some() { 0.0 } else { self.test_fraction };
        let rows = self.split(&raw.labels, fraction)?;
        let schema = known.cloned().unwrap_or_else(|| raw.schema(self.missing, &rows.train));
        let mut data = dataset_of(train, raw, &schema, rows)?;
        if let Some(path) = &self.test {
            let labels = self.test_labels.as_deref();
            data.test = self.read_test(path, labels, &schema, data.train.features())?;
            data.test_rows = None;
        }
        if data.train.is_empty() || data.test.is_empty() {
            let problem = format!(
                "{} training and {} test rows: both must be there (--test FILE or --test-fraction)",
                data.train.len(),
                data.test.len()
            );
            return Err(Error::Config(problem));
        }
        if data.train.bytes().is_some() != data.test.bytes().is_some() {
            let problem = "one of --train and --test holds bytes, the other wider numbers";
            return Err(Error::Config(problem.to_string()));
        }
        data.name = train.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(data)
    }

    /// The rows of a table for training, validation and testing.
    ///
    /// **Errors**: [`Error::Config`] if a validation fraction leaves one side empty.
    pub(super) fn split(&self, labels: &[u16], test_fraction: f64) -> Result<RowSplit, Error> {
        let all: Vec<u32> = (0..labels.len() as u32).collect();
        let (stratify, seed) = (self.stratify, self.split_seed);
        let outer = hold_out(&all, labels, test_fraction, stratify, seed, 0);
        let fraction = self.validation_fraction;
        if fraction == 0.0 {
            return Ok(RowSplit { train: outer.kept, validation: None, test: outer.held_out });
        }
        let inner = hold_out(&outer.kept, labels, fraction, stratify, seed, 1);
        if inner.kept.is_empty() || inner.held_out.is_empty() {
            let problem = format!("a --validation-fraction of {fraction} leaves one side empty");
            return Err(Error::Config(problem));
        }
        let (train, validation) = (inner.kept, Some(inner.held_out));
        Ok(RowSplit { train, validation, test: outer.held_out })
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
        let rows: Vec<u32> = (0..raw.rows() as u32).collect();
        let samples = raw.samples(schema, &rows).map_err(|problem| Error::data(path, problem))?;
        if samples.features() != features {
            let (found, expected) = (samples.features(), features);
            let problem = crate::error::DataProblem::Ragged { line: 1, found, expected };
            return Err(Error::data(path, problem));
        }
        Ok(samples)
    }

    fn read(
        &self,
        path: &Path,
        labels: Option<&Path>,
        known: Option<&Schema>,
        features: Option<usize>,
    ) -> Result<RawTable, Error> {
        let labels = || {
            labels.ok_or_else(|| {
                let problem = format!(
                    "{}: --train-labels (or --test-labels) names its labels",
                    path.display()
                );
                Error::Config(problem)
            })
        };
        match self.format_of(path) {
            FileFormat::Svmlight => read_svmlight(path, features, known),
            FileFormat::Npy => read_npy(path, labels()?, known),
            FileFormat::Npz => read_npz(path, known),
            FileFormat::Idx => read_idx_pair(path, labels()?, known),
            FileFormat::Csv | FileFormat::Auto => read_table(path, &self.table_options(), known),
        }
    }

    /// What a file is, by its name if it is not said.
    fn format_of(&self, path: &Path) -> FileFormat {
        if self.file_format != FileFormat::Auto {
            return self.file_format;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension {
            "svm" | "libsvm" | "svmlight" => FileFormat::Svmlight,
            "npy" => FileFormat::Npy,
            "npz" => FileFormat::Npz,
            "idx" => FileFormat::Idx,
            _ if name.ends_with("-ubyte") => FileFormat::Idx,
            _ => FileFormat::Csv,
        }
    }

    /// Holds validation rows out of official training samples.
    pub(super) fn hold_out_validation(&self, data: &mut Dataset) -> Result<(), Error> {
        let rows = self.split(data.train.labels(), 0.0)?;
        if let Some(held_out) = rows.validation {
            let select =
                |rows: &[u32]| -> Vec<usize> { rows.iter().map(|&row| row as usize).collect() };
            data.validation = Some(data.train.select(select(&held_out)));
            data.train = data.train.select(select(&rows.train));
            data.validation_rows = Some(held_out);
        }
        Ok(())
    }
}

/// The samples of a table's rows; scaling and name are still to be found.
pub(super) fn dataset_of(
    path: &Path,
    raw: RawTable,
    schema: &Schema,
    rows: RowSplit,
) -> Result<Dataset, Error> {
    let samples =
        |rows: &[u32]| raw.samples(schema, rows).map_err(|problem| Error::data(path, problem));
    let train = samples(&rows.train)?;
    let test = samples(&rows.test)?;
    let validation = rows.validation.as_deref().map(samples).transpose()?;
    let mut data = Dataset::new(train, test, Normalize::None);
    (data.schema, data.validation) = (schema.clone(), validation);
    (data.test_rows, data.validation_rows) = (Some(rows.test), rows.validation);
    Ok(data)
}

/// Numbers of rows, counted from 0, each list ascending.
pub(super) struct RowSplit {
    pub(super) train: Vec<u32>,
    pub(super) validation: Option<Vec<u32>>,
    pub(super) test: Vec<u32>,
}
