//! The settings of a data set: what names it and how it is read, split and scaled.

use super::dates::Dates;
use super::error::Error;
use super::field::DecimalMark;
use super::formats::{
    Content, Encoding, FileFormat, Header, ReadOptions, SparseInput, TextOptions,
};
use super::normalize::Normalize;
use super::schema::{Missing, Task, Unknown};
use crate::format;
use crate::grammar::{named, path};
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
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dataset: String,
    /// Folder of the known data set, if it is not to be searched for.
    #[serde(with = "path::maybe", default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Whether a known data set may have another size or content.
    pub allow_unofficial: bool,
    /// One's own training file.
    #[serde(with = "path::maybe", default, skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// Its labels, where they are a file of their own.
    #[serde(with = "path::maybe", default, skip_serializing_if = "Option::is_none")]
    pub train_labels: Option<PathBuf>,
    /// One's own test file.
    #[serde(with = "path::maybe", default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Its labels.
    #[serde(with = "path::maybe", default, skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<PathBuf>,
    /// One's own validation file.
    #[serde(with = "path::maybe", default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// Its labels.
    #[serde(with = "path::maybe", default, skip_serializing_if = "Option::is_none")]
    pub validation_labels: Option<PathBuf>,
    /// What the files are.
    pub file_format: FileFormat,
    /// What is learned of a row.
    pub task: Task,
    /// The label's column: a name, or a number from 1, or from −1 at the end; of a regression
    /// several with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The column that says how much each training row counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_weight: Option<String>,
    /// Whether the first line names the columns.
    pub header: Header,
    /// What separates fields, if it is not to be found out; a blank is any white space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// What begins lines that are passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<char>,
    /// How text is encoded.
    pub encoding: Encoding,
    /// What separates the whole part of a number from its fraction.
    pub decimal: DecimalMark,
    /// The columns that become inputs, by name, number or range; all if there are none.
    pub columns: Vec<String>,
    /// Columns that do not.
    pub drop: Vec<String>,
    /// Columns of numbers that are names of categories.
    pub categorical: Vec<String>,
    /// What becomes of dates.
    pub dates: Dates,
    /// What marks missing values; the usual marks if there are none.
    pub missing_values: Vec<String>,
    /// What a missing value counts as.
    pub missing: Missing,
    /// What a category counts as that does not occur in the training data.
    pub unknown: Unknown,
    /// Whether rows without a label are left out.
    pub skip_unlabelled: bool,
    /// What arrays are.
    pub content: Content,
    /// Values of a sparse row, if they are more than occur.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<usize>,
    /// Whether the indices of sparse rows count from 0.
    pub zero_based: bool,
    /// How rows of sparse formats are kept.
    pub sparse_input: SparseInput,
    /// The digest that the data must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_digest: Option<String>,
    /// Fraction of the rows held out for testing where there is no test file.
    pub test_fraction: f64,
    /// Parts that the rows are cut into, each of which is held out for testing in a training of its
    /// own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// The part that is held out, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
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
            validation: None,
            validation_labels: None,
            file_format: FileFormat::AUTO,
            task: Task::Classification,
            label: None,
            sample_weight: None,
            header: Header::Auto,
            delimiter: None,
            comment: None,
            encoding: Encoding::Auto,
            decimal: DecimalMark::Auto,
            columns: Vec::new(),
            drop: Vec::new(),
            categorical: Vec::new(),
            dates: Dates::Error,
            missing_values: Vec::new(),
            missing: Missing::Auto,
            unknown: Unknown::Error,
            skip_unlabelled: false,
            content: Content::Auto,
            features: None,
            zero_based: false,
            sparse_input: SparseInput::Auto,
            data_digest: None,
            test_fraction: 0.2,
            folds: None,
            fold: None,
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
    pub const OPTIONAL: [&str; 15] = [
        "data-dir",
        "train",
        "train-labels",
        "test",
        "test-labels",
        "validation",
        "validation-labels",
        "label",
        "sample-weight",
        "folds",
        "fold",
        "delimiter",
        "comment",
        "features",
        "data-digest",
    ];

    /// Refuses values outside their range, and settings of one's own files without one.
    ///
    /// **Errors**: [`Error::Fraction`], [`Error::NotAscii`], [`Error::NeedsTrain`],
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
        for (setting, mark) in [("delimiter", self.delimiter), ("comment", self.comment)] {
            if let Some(mark) = mark.filter(|mark| !mark.is_ascii()) {
                return Err(Error::NotAscii { setting, mark });
            }
        }
        let defaults = DataConfig::default();
        let draws_test = self.test_fraction != defaults.test_fraction;
        let of_files = [
            ("train-labels", self.train_labels.is_some()),
            ("test", self.test.is_some()),
            ("test-labels", self.test_labels.is_some()),
            ("validation", self.validation.is_some()),
            ("validation-labels", self.validation_labels.is_some()),
            ("file-format", self.file_format != FileFormat::AUTO),
            ("test-fraction", draws_test),
            ("folds", self.folds.is_some()),
            ("fold", self.fold.is_some()),
            ("task", self.task != defaults.task),
            ("label", self.label.is_some()),
            ("missing-values", !self.missing_values.is_empty()),
            // What was the default when known data sets said it.
            ("missing", ![defaults.missing, Missing::Error].contains(&self.missing)),
            ("unknown", self.unknown != defaults.unknown),
            ("skip-unlabelled", self.skip_unlabelled),
            ("content", self.content != defaults.content),
            ("features", self.features.is_some()),
            ("zero-based", self.zero_based),
            ("sparse-input", self.sparse_input != defaults.sparse_input),
        ];
        let of_text = [
            ("sample-weight", self.sample_weight.is_some()),
            ("columns", !self.columns.is_empty()),
            ("drop", !self.drop.is_empty()),
            ("categorical", !self.categorical.is_empty()),
            ("dates", self.dates != defaults.dates),
            ("delimiter", self.delimiter.is_some()),
            ("header", self.header != defaults.header),
            ("comment", self.comment.is_some()),
            ("encoding", self.encoding != defaults.encoding),
            ("decimal", self.decimal != defaults.decimal),
        ];
        let given = |settings: &[(&'static str, bool)]| {
            settings.iter().find(|(_, is_given)| *is_given).map(|(setting, _)| *setting)
        };
        let Some(train) = &self.train else {
            let setting = given(&of_files).or_else(|| given(&of_text));
            return setting.map_or(Ok(()), |setting| Err(Error::NeedsTrain(setting)));
        };
        let of_classes =
            [("stratify", self.stratify), ("class-weight", self.class_weight != ClassWeight::None)];
        if let Some(setting) = given(&of_classes).filter(|_| self.task == Task::Regression) {
            return Err(Error::NeedsClasses(setting));
        }
        if self.test.is_some() && draws_test {
            return Err(Error::TwoTestSplits);
        }
        if self.folds.is_some() && (self.test.is_some() || draws_test) {
            return Err(Error::FoldsAndTest);
        }
        let folds = self.folds.unwrap_or(2);
        if folds < 2 || self.fold.is_some_and(|fold| !(1..=folds).contains(&fold)) {
            return Err(Error::Fold { folds, fold: self.fold.unwrap_or(1) });
        }
        if self.fold.is_some() && self.folds.is_none() {
            return Err(Error::FoldOfNone);
        }
        if self.validation.is_some() && self.validation_fraction > 0.0 {
            return Err(Error::TwoValidationSplits);
        }
        let given_of_text = given(&of_text).map(|setting| (setting, train));
        match given_of_text.filter(|_| self.file_format.is_never_text(train)) {
            Some((setting, path)) => Err(Error::NotText { setting, path: path.clone() }),
            None => Ok(()),
        }
    }

    /// Whether a setting names a file.
    pub fn names_file(&self, setting: &str) -> bool {
        match setting {
            "train" => self.train.is_some(),
            "train-labels" => self.train_labels.is_some(),
            "test" => self.test.is_some(),
            "test-labels" => self.test_labels.is_some(),
            "validation" => self.validation.is_some(),
            "validation-labels" => self.validation_labels.is_some(),
            _ => false,
        }
    }

    /// Makes every path absolute, so that a run can be resumed from anywhere.
    ///
    /// **Errors**: [`format::Error::Io`] where there is no current folder.
    pub fn make_absolute(&mut self) -> Result<(), format::Error> {
        let train = [&mut self.train, &mut self.train_labels];
        let test = [&mut self.test, &mut self.test_labels];
        let validation = [&mut self.validation, &mut self.validation_labels];
        for path in
            train.into_iter().chain(test).chain(validation).chain([&mut self.data_dir]).flatten()
        {
            *path = std::path::absolute(&*path).map_err(format::Error::io(path))?;
        }
        Ok(())
    }

    /// How files are read.
    pub(super) fn read_options(&self) -> ReadOptions {
        let text = TextOptions {
            delimiter: self.delimiter.map(|delimiter| delimiter as u8),
            comment: self.comment.map(|comment| comment as u8),
            encoding: self.encoding,
        };
        ReadOptions {
            text,
            header: self.header,
            task: self.task,
            label: self.label.clone(),
            sample_weight: self.sample_weight.clone(),
            columns: self.columns.clone(),
            drop: self.drop.clone(),
            categorical: self.categorical.clone(),
            missing_values: self.missing_values.clone(),
            missing: self.missing,
            unknown: self.unknown,
            decimal: self.decimal,
            dates: self.dates,
            skip_unlabelled: self.skip_unlabelled,
            wants_labels: false,
            labels: None,
            features: self.features,
            zero_based: self.zero_based,
            content: self.content,
            sparse_input: self.sparse_input,
        }
    }
}
