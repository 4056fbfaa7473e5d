//! The story of a data set: read → describe → split → fit → samples, scaled.

use super::config::{ClassWeight, DataConfig};
use super::describe::Description;
use super::error::Error;
use super::formats::{Source, check_labels};
use super::known::{Content, known, read_known};
use super::normalize::Normalize;
use super::samples::Samples;
use super::scaling::Scaling;
use super::schema::{Missing, Schema};
use super::split::{RowSplit, SplitOptions};
use super::table::Table;
use crate::format::fingerprint::Fingerprint;
use crate::parallel::beside;
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
    /// What it was understood to be.
    pub description: Description,
    /// What was decided about its files on thin evidence, or is worth a word.
    pub notes: Vec<String>,
}

impl Dataset {
    /// A data set whose scaling is fitted on `train`.
    ///
    /// **Panics** if the splits differ in features or in the width of their targets.
    pub fn new(train: Samples, test: Samples, normalize: Normalize) -> Dataset {
        assert_eq!(train.features(), test.features(), "both splits have the same features");
        assert_eq!(train.outputs(), test.outputs(), "both splits have the same targets");
        let scaling = Scaling::fit(train.values(), train.features(), normalize);
        let (train, test) = (train.scaled(&scaling), test.scaled(&scaling));
        let description = Description::of(&[&train, &test], |class| class.to_string());
        let (name, schema, notes) = ("own".to_string(), Schema::default(), Vec::new());
        let (test_rows, validation, validation_rows) = (None, None, None);
        Dataset {
            train,
            test,
            validation,
            scaling,
            schema,
            name,
            test_rows,
            validation_rows,
            description,
            notes,
        }
    }

    /// The digest of everything that training sees: values as they enter the network, targets, the
    /// split, and what columns and classes mean.
    pub fn digest(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        let schema = serde_json::to_string(&self.schema).expect("plain data serialises");
        fingerprint.bytes(schema.as_bytes());
        for samples in [Some(&self.train), Some(&self.test), self.validation.as_ref()] {
            samples.iter().for_each(|samples| samples.fingerprint(&mut fingerprint));
            fingerprint.bytes(&[u8::from(samples.is_some())]);
        }
        fingerprint.hexadecimal()
    }
}

impl DataConfig {
    /// Splits a table, fits on its training rows, and makes samples of all.
    fn of_table(
        &self,
        path: &Path,
        table: Table,
        schema: Option<Schema>,
        test_fraction: f64,
    ) -> Result<Dataset, Error> {
        let RowSplit { train, validation, test } =
            self.split(&table.labels.classes(), test_fraction)?;
        let fit = || match schema {
            Some(schema) => {
                let scaling = table.fit_array(&schema, self.normalize, &train);
                Ok((schema, scaling))
            }
            None => table.fit(self.missing, self.normalize, &train).map_err(Error::data(path)),
        };
        // Two passes over all values, neither of which needs the other.
        let (fitted, (description, notes)) = beside(fit, || self.description(&table));
        let (schema, scaling) = fitted?;
        let weights = table.weights.as_ref();
        let weights: Option<Vec<f32>> =
            weights.map(|weights| train.iter().map(|&row| weights[row as usize] as f32).collect());
        let lists = [&train[..], &test[..], validation.as_deref().unwrap_or_default()];
        let samples = table.into_samples(&schema, self.missing, &scaling, lists);
        let [mut train, test_samples, held_out] = samples.map_err(Error::data(path))?;
        weights.into_iter().for_each(|weights| train.set_weights(weights));
        Ok(Dataset {
            train,
            test: test_samples,
            validation: validation.is_some().then_some(held_out),
            scaling,
            schema,
            name: String::new(),
            test_rows: Some(test),
            validation_rows: validation,
            description,
            notes,
        })
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
    /// [`Error::Format`] for a file that is broken; [`Error::DataChanged`]; those of
    /// [`DataConfig::validate`] and of empty splits.
    pub fn load(&self) -> Result<Dataset, Error> {
        self.validate()?;
        if let Some(folds) = self.folds.filter(|_| self.fold.is_none()) {
            return Err(Error::WhichFold(folds));
        }
        let mut data = match &self.train {
            None => self.load_known()?,
            Some(train) => self.load_own(train)?,
        };
        if let Some(expected) = &self.data_digest {
            let found = data.digest();
            if found != *expected {
                let (name, expected) = (data.name, expected.clone());
                return Err(Error::DataChanged { name, expected, found });
            }
        }
        if self.class_weight == ClassWeight::Balanced {
            data.train.balance_classes();
        }
        Ok(data)
    }

    fn load_own(&self, train: &Path) -> Result<Dataset, Error> {
        let table = self.read(train)?;
        let fraction = if self.test.is_some() { 0.0 } else { self.test_fraction };
        let mut data = self.of_table(train, table, None, fraction)?;
        if let Some(path) = &self.test {
            data.test = self.more_samples(path, self.test_labels.as_deref(), &mut data)?;
            data.test_rows = None;
        }
        if let Some(path) = &self.validation {
            let labels = self.validation_labels.as_deref();
            data.validation = Some(self.more_samples(path, labels, &mut data)?);
        }
        let (train_count, test_count) = (data.train.len(), data.test.len());
        if train_count == 0 || test_count == 0 {
            return Err(Error::EmptySplit { train: train_count, test: test_count });
        }
        data.name = train.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(data)
    }

    /// The samples of another file of the data set, with its notes among the others.
    fn more_samples(
        &self,
        path: &Path,
        labels: Option<&Path>,
        data: &mut Dataset,
    ) -> Result<Samples, Error> {
        let (schema, scaling) = (&data.schema, &data.scaling);
        let rows = self.read_labelled(path, labels, schema, scaling, data.train.features())?;
        data.notes.extend(rows.notes.iter().map(|note| format!("{}: {note}", path.display())));
        Ok(rows.samples)
    }

    fn load_known(&self) -> Result<Dataset, Error> {
        let known = known(&self.dataset)?;
        let read = read_known(known, self.data_dir.as_deref(), self.allow_unofficial)?;
        let mut data = match read.content {
            Content::Images([train, test]) => self.with_validation(train, test)?,
            Content::Table { path, table, schema, test_fraction } => {
                self.of_table(&path, table, Some(schema), test_fraction)?
            }
        };
        data.schema.classes = known.classes.iter().map(ToString::to_string).collect();
        let all = [Some(&data.train), Some(&data.test), data.validation.as_ref()];
        let all: Vec<&Samples> = all.into_iter().flatten().collect();
        data.description = Description::of(&all, |class| data.schema.class(class));
        // What is known of it need not be warned of.
        data.notes.clear();
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

    fn read(&self, path: &Path) -> Result<Table, Error> {
        let format = self.file_format.of(path)?;
        let labels = self.train_labels.as_deref();
        check_labels(format, path, labels, self.label.as_ref())?;
        if format.name() != "svmlight" {
            let of_svmlight =
                [("features", self.features.is_some()), ("zero-based", self.zero_based)];
            if let Some((setting, _)) = of_svmlight.iter().find(|(_, is_given)| *is_given) {
                return Err(Error::OnlySvmlight { setting, path: path.to_path_buf() });
            }
        }
        format.read(&Source { path, labels }, &self.read_options())
    }

    /// Reads the training file, and says what it is understood to be, and what is worth a warning.
    ///
    /// **Errors**: as [`DataConfig::load`], and [`Error::NeedsTrain`] without such a file.
    pub fn describe(&self) -> Result<(Description, Vec<String>), Error> {
        self.validate()?;
        let table = self.read(self.train.as_ref().ok_or(Error::NeedsTrain("describe"))?)?;
        Ok(self.description(&table))
    }

    /// What a table is understood to be, and what in it is worth a warning.
    fn description(&self, table: &Table) -> (Description, Vec<String>) {
        let mut notes = table.notes.clone();
        let description = table.describe(&mut notes);
        if self.missing == Missing::Auto {
            notes.extend(description.missing_categories());
        }
        (description, notes)
    }

    fn split(&self, labels: &[u16], test: f64) -> Result<RowSplit, Error> {
        let (validation, stratify) = (self.validation_fraction, self.stratify);
        let fold = self.folds.map(|folds| (self.fold.unwrap_or(1), folds));
        let options = SplitOptions { test, fold, validation, stratify, seed: self.split_seed };
        RowSplit::draw(labels, options)
    }
}
