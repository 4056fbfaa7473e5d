//! `fanin eval`.

use super::console::{Console, grouped, table};
use crate::Error;
use crate::dataset;
use crate::parallel::Executor;
use crate::train::{Classification, ModelFile, Predictor};
use clap::Args;
use std::path::PathBuf;

/// Flags of `fanin eval`.
#[derive(Args)]
#[command(after_help = "Example:
  fanin eval runs/s98/model.safetensors")]
pub(super) struct EvalArgs {
    /// A model.safetensors
    model: PathBuf,
    /// Data set whose test samples to use [default: the one the model was trained on]
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Folder of the data set [default: FANIN_DATA_DIR, then the repository's data/]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Threads, 0 for one per core
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print the results as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: EvalArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.json);
    let file = ModelFile::read(&args.model)?;
    let name = args.dataset.clone().unwrap_or_else(|| file.config.dataset.clone());
    let folder = args.data_dir.as_ref().or(file.config.data_dir.as_ref());
    let data = dataset::load(&name, folder.map(PathBuf::as_path), file.config.normalize)?;
    let mut predictor = Predictor::new(Executor::from_environment(args.threads)?, file);
    let (features, classes) = (predictor.in_features(), predictor.classes());
    if (features, classes) != (data.test.features(), data.test.classes()) {
        return Err(Error::Config(format!(
            "the model takes {features} values and knows {classes} classes; {name} has {} and {}",
            data.test.features(),
            data.test.classes()
        )));
    }
    let probabilities = predictor.samples(&data.test);
    let result = Classification::of(&probabilities, data.test.labels(), classes);
    console.line(format!(
        "{name}, {} test samples: accuracy {:.2} %, log loss {:.4}, macro-F1 {:.4}\n",
        grouped(result.samples as u64),
        100.0 * result.accuracy,
        result.log_loss,
        result.macro_f1
    ));
    console.line(class_table(&result));
    console.line("\nconfusion (rows: label, columns: predicted)");
    console.line(confusion_table(&result));
    console.object(&result);
    Ok(())
}

fn class_table(result: &Classification) -> String {
    let header = ["class", "precision", "recall", "F1", "samples"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for (class, of_class) in result.classes.iter().enumerate() {
        let ratios = [of_class.precision, of_class.recall, of_class.f1];
        let mut row = vec![class.to_string()];
        row.extend(ratios.map(|ratio| format!("{ratio:.4}")));
        row.push(of_class.support.to_string());
        rows.push(row);
    }
    table(&rows)
}

fn confusion_table(result: &Classification) -> String {
    let mut header = vec![String::new()];
    header.extend((0..result.classes.len()).map(|class| class.to_string()));
    let mut rows = vec![header];
    for (label, counts) in result.confusion.iter().enumerate() {
        let cell = |&count: &usize| if count == 0 { ".".into() } else { count.to_string() };
        rows.push([label.to_string()].into_iter().chain(counts.iter().map(cell)).collect());
    }
    table(&rows)
}
