//! `fanin eval`.

use super::Error;
use super::classification::{classification_text, further_results, regression_text};
use super::console::{Console, grouped};
use super::data_flags::ReadFlags;
use crate::dataset::{self, DataConfig, Dataset, Samples, known};
use crate::model::{Classification, ModelFile, Predictor, Regression};
use crate::nn::Targets;
use crate::parallel::Executor;
use crate::train::{RunConfig, SettingsError};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Flags of `fanin eval`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin eval runs/s98/model.safetensors
  fanin eval flowers/model.safetensors --test more-flowers.csv")]
pub(super) struct EvalArgs {
    /// A model.safetensors
    model: PathBuf,
    /// Known data set whose test samples to use [default: the data the model was trained on]
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// File of labelled rows to use instead, of the kind the model was trained on
    #[arg(long, value_name = "FILE", conflicts_with = "dataset")]
    test: Option<PathBuf>,
    /// Its labels, where they are a file of their own
    #[arg(long, value_name = "FILE", requires = "test")]
    test_labels: Option<PathBuf>,
    /// Folder of the data set [default: FANIN_DATA_DIR, the repository's data/, the user's cache]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Take a known data set in another size or content, and mark the result
    #[arg(long)]
    allow_unofficial: bool,
    #[command(flatten)]
    read: ReadFlags,
    /// Leave out rows without a label
    #[arg(long)]
    skip_unlabelled: bool,
    /// Threads, 0 for one per core
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print the results as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// The object that `--json` prints.
#[derive(Serialize)]
struct Evaluated<'a> {
    data: &'a str,
    #[serde(flatten)]
    result: &'a Classification,
    class_names: &'a [String],
}

/// The object that `--json` prints of a model of numbers.
#[derive(Serialize)]
struct EvaluatedNumbers<'a> {
    data: &'a str,
    #[serde(flatten)]
    result: &'a Regression,
}

pub(super) fn run(args: EvalArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.json);
    let file = ModelFile::read(&args.model)?;
    let (name, test) = test_samples(&args, &file, &console)?;
    let mut predictor = Predictor::new(Executor::from_environment(args.threads)?, file);
    let (features, outputs) = (predictor.in_features(), predictor.outputs());
    if (features, outputs) != (test.features(), test.outputs()) {
        let (found_features, found_outputs) = (test.features(), test.outputs());
        return Err(Error::OtherSizes { name, features, outputs, found_features, found_outputs });
    }
    let takes_numbers = predictor.file().model.loss().takes_numbers();
    let is_of_table = predictor.file().meaning.scaling.features().is_some();
    if (is_of_table && test.bytes().is_some()) || takes_numbers != test.targets().are_numbers() {
        return Err(Error::OtherKind(name));
    }
    let answers = predictor.samples(&test);
    let is_answer = |answer: &&[f32]| answer.iter().all(|number| number.is_finite());
    let total = test.len();
    let answered = answers.chunks_exact(outputs).filter(is_answer).count();
    if answered < total {
        return Err(Error::Unanswered { refused: total - answered, total });
    }
    match test.targets() {
        Targets::Numbers { values, .. } => {
            let names: Vec<String> =
                predictor.file().targets().into_iter().map(|target| target.name).collect();
            let (answers, truth) = (predictor.values(&answers), predictor.values(values));
            let result = Regression::of(&answers, &truth, &names);
            let samples = grouped(result.samples as u64);
            console.line(format!("{name}, {samples} test samples: R² {:.4}\n", result.r2));
            console.line(regression_text(&result));
            console.object(&EvaluatedNumbers { data: &name, result: &result });
        }
        classes => {
            let result = Classification::of(&answers, classes.labels(), outputs);
            let schema = &predictor.file().meaning.schema;
            console.line(format!(
                "{name}, {} test samples: accuracy {:.2} %, log loss {:.4}, macro-F1 {:.4}\n{}\n",
                grouped(result.samples as u64),
                100.0 * result.accuracy,
                result.log_loss,
                result.macro_f1,
                further_results(&result)
            ));
            console.line(classification_text(&result, schema));
            console.object(&Evaluated {
                data: &name,
                result: &result,
                class_names: &schema.classes,
            });
        }
    }
    Ok(())
}

/// The samples to evaluate on, and their name.
fn test_samples(
    args: &EvalArgs,
    file: &ModelFile,
    console: &Console,
) -> Result<(String, Samples), Error> {
    let mut config = settings(file, &args.model)?.data;
    // Rows that were held out are found again in the data that training saw, and no other.
    let own_test = config.train.as_ref().and(config.test.clone());
    if args.test.is_none() {
        expect_files(&config)?;
    }
    let (path, labels) = match &args.test {
        Some(path) => (Some(path.clone()), args.test_labels.clone()),
        None => (own_test.filter(|_| args.dataset.is_none()), config.test_labels.clone()),
    };
    if args.test.is_none() && path.is_some() && config.data_digest.is_some() {
        // The test file may be another by now: the digest is of both.
        match config.load() {
            Err(problem @ dataset::Error::DataChanged { .. }) => return Err(problem.into()),
            Err(problem) => console.warn(&format!("the data cannot be compared: {problem}")),
            Ok(data) => return as_trained(data, file),
        }
    }
    if let Some(path) = path {
        let meaning = &file.meaning;
        let mut schema = meaning.schema.clone();
        if config.train.is_none() {
            // Files of a known kind have their labels as numbers.
            schema.classes = known(&config.dataset)?.label_texts();
        }
        config = args.read.over(config);
        config.skip_unlabelled |= args.skip_unlabelled;
        let (scaling, features) = (&meaning.scaling, file.model.in_features());
        let rows = config.read_labelled(&path, labels.as_deref(), &schema, scaling, features)?;
        rows.notes.iter().for_each(|note| console.warn(note));
        return Ok((path.display().to_string(), rows.samples));
    }
    if let Some(name) = &args.dataset {
        let (stratify, split_seed) = (config.stratify, config.split_seed);
        let dataset = name.clone();
        config = DataConfig { dataset, stratify, split_seed, ..DataConfig::default() };
    }
    config.allow_unofficial |= args.allow_unofficial;
    config.data_dir = args.data_dir.clone().or(config.data_dir);
    as_trained(config.load()?, file)
}

/// The test samples of data that enter the network as they did in training.
///
/// **Errors**: [`Error::OtherScaling`].
fn as_trained(data: Dataset, file: &ModelFile) -> Result<(String, Samples), Error> {
    // Bytes are scaled by the model itself.
    let is_scaled = data.test.bytes().is_none();
    match is_scaled && !data.scaling.agrees_with(&file.meaning.scaling) {
        true => Err(Error::OtherScaling(data.name)),
        false => Ok((data.name, data.test)),
    }
}

/// Refuses what a model names as its data and is no file: nobody may write into it.
fn expect_files(config: &DataConfig) -> Result<(), Error> {
    let train = [&config.train, &config.train_labels, &config.test, &config.test_labels];
    let held_out = [&config.validation, &config.validation_labels];
    for path in train.into_iter().chain(held_out).flatten() {
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(Error::NoFile(path.clone()));
        }
    }
    Ok(())
}

/// The settings that a model was trained with.
pub(super) fn settings(file: &ModelFile, path: &Path) -> Result<RunConfig, Error> {
    if file.meaning.settings.is_empty() {
        return Err(Error::NoSettings(path.to_path_buf()));
    }
    Ok(RunConfig::from_toml(&file.meaning.settings).map_err(SettingsError::from)?)
}
