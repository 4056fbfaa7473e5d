//! The settings of a data set: what names it and how it is read, split and scaled.

use super::error::Error;
use super::formats::{FileFormat, Header, ReadOptions};
use super::scaling::Normalize;
use super::schema::Missing;
use crate::grammar::named;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

named! {
    /// How much the loss of each class counts.
    #[derive(Default)]
    pub enum ClassWeight as "class weight" {
        /// Every sample the same.
        #[default]
        None = "none",
        /// Every class the same.
        Balanced = "balanced",
    }
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
            file_format: FileFormat::AUTO,
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
    /// **Errors**: [`Error::Fraction`], [`Error::Delimiter`], [`Error::NeedsTrain`],
    /// [`Error::TwoTestSplits`], [`Error::NotText`].
    pub fn validate(&self) -> Result<(), Error> {
        for (setting, value) in [
            ("test-fraction", self.test_fraction),
            ("validation-fraction", self.validation_fraction),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::Fraction { setting, value });
            }
        }
        if let Some(delimiter) = self.delimiter.filter(|delimiter| !delimiter.is_ascii()) {
            return Err(Error::Delimiter(delimiter));
        }
        let draws_test = self.test_fraction != DataConfig::default().test_fraction;
        let of_files = [
            ("train-labels", self.train_labels.is_some()),
            ("test", self.test.is_some()),
            ("test-labels", self.test_labels.is_some()),
            ("file-format", self.file_format != FileFormat::AUTO),
            ("test-fraction", draws_test),
        ];
        let of_text = [
            ("label", self.label.is_some()),
            ("delimiter", self.delimiter.is_some()),
            ("categorical", !self.categorical.is_empty()),
            ("missing", self.missing != Missing::Error),
            ("header", self.header != Header::Auto),
        ];
        let given = |settings: &[(&'static str, bool)]| {
            settings.iter().find(|(_, is_given)| *is_given).map(|(setting, _)| *setting)
        };
        let Some(train) = &self.train else {
            let setting = given(&of_files).or_else(|| given(&of_text));
            return setting.map_or(Ok(()), |setting| Err(Error::NeedsTrain(setting)));
        };
        if self.test.is_some() && draws_test {
            return Err(Error::TwoTestSplits);
        }
        match given(&of_text) {
            Some(setting) if !self.file_format.of(train).is_text_table() => {
                Err(Error::NotText { setting, path: train.clone() })
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

    /// How tables of text are read.
    pub(super) fn read_options(&self) -> ReadOptions {
        ReadOptions {
            header: self.header,
            delimiter: self.delimiter.map(|delimiter| delimiter as u8),
            label: self.label.clone(),
            categorical: self.categorical.clone(),
            missing: self.missing,
        }
    }
}
