//! `fanin train`.

use super::classification::{classification_text, regression_text};
use super::config_flags::ConfigFlags;
use super::console::{Console, seconds_text};
use super::error::Error;
use super::progress::{Progress, loss_text, values_text};
use super::signals::stop_on_signal;
use crate::dataset::Task;
use crate::experiment::{self, CrossValidation, Datasets, Outcome, Run, RunResult};
use crate::report::draw_run;
use crate::train::RunConfig;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Flags of `fanin train`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin train                                   784-1024-1024-10 on MNIST, 90 % sparse
  fanin train --sparsity 0.98 --out runs/s98    keep model, metrics and checkpoint
  fanin train --resume runs/s98 --epochs 20     go on where it stopped, to 20 epochs
  fanin train --engine dense --epochs 2         the dense baseline
  fanin train --method rigl:drop=0.3 --epochs 20   connections move while it trains
  fanin train --train flowers.csv --label species --validation-fraction 0.1 --patience 5
  fanin train --train flowers.csv --label species --folds 5     cross-validation
  fanin train --hidden 512 --print-config > small.toml; fanin train --config small.toml

Ctrl-C, or the end of the terminal, finishes the step at hand, writes the checkpoint and exits with
130; under nohup the run outlives its terminal.")]
pub(super) struct TrainArgs {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Settings as TOML, with the flags' names as keys; flags win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the effective settings as TOML and stop
    #[arg(long)]
    print_config: bool,
    /// Folder for the run: config.toml, metrics.jsonl, run.json, model and checkpoint
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace the run that --out holds
    #[arg(long, requires = "out")]
    force: bool,
    /// Continue the run in this folder; --epochs may extend it, unless its learning rate has a
    /// schedule
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "out", "print_config"])]
    resume: Option<PathBuf>,
    /// Keep the run where the file system has no locks; no other process may write to it then
    #[arg(long)]
    no_lock: bool,
    /// Print the summary as one JSON object on stdout, everything else on stderr
    #[arg(long)]
    json: bool,
    /// Say nothing but warnings and errors (and the JSON object, if asked for)
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: TrainArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.quiet);
    if args.no_lock {
        experiment::forgo_locks();
    }
    if let Some(path) = &args.resume {
        let run = Run::resume(path, &Datasets::default(), |config| args.flags.for_resume(config))?;
        return finish(&console, run);
    }
    let config = args.flags.effective(args.config.as_ref())?;
    if args.print_config {
        config.data.validate()?;
        config.train.validate().map_err(experiment::Error::from)?;
        console.raw(&config.to_toml());
        return Ok(());
    }
    match config.data.folds.filter(|_| config.data.fold.is_none()) {
        Some(folds) => cross_validate(&args, &console, &config, folds),
        None => finish(&console, begin(&args, config, args.out.as_deref())?),
    }
}

/// A run at its beginning.
fn begin(args: &TrainArgs, config: RunConfig, out: Option<&Path>) -> Result<Run, Error> {
    let given = args.flags.given(args.config.as_ref())?;
    let has_numbers = config.data.task == Task::Regression;
    Ok(Run::new(config, out, args.force, &Datasets::default(), |train, samples| {
        // Of known data sets everyone expects the usual numbers.
        if given.contains("train") {
            train.suit_own_table(samples, has_numbers, |name| given.contains(name));
        }
    })?)
}

/// Runs to the end, and tells the result.
fn finish(console: &Console, mut run: Run) -> Result<(), Error> {
    if run.folder().is_none() {
        console.line("the network will not be kept: --out DIR keeps it\n");
    }
    let Outcome { result, classification, regression, was_finished } =
        execute(console, &mut run, &stop_on_signal())?;
    if was_finished {
        console.line(match result.epochs < run.config().train.epochs {
            true => "nothing is left to train: no smaller validation loss came for --patience",
            false => "nothing is left to train: name more --epochs to go on",
        });
    }
    if let Some(classification) = &classification {
        console.line(format!("\n{}", classification_text(classification, &run.data().schema)));
    }
    if let Some(regression) = &regression {
        console.line(format!("\n{}", regression_text(regression)));
    }
    console.line(result_text(&result));
    console.object(&result);
    Ok(())
}

/// Runs to the end.
fn execute(console: &Console, run: &mut Run, stop: &AtomicBool) -> Result<Outcome, Error> {
    let mut progress = Progress::new(console, Arc::clone(run.data()));
    let outcome = run.execute(stop, &mut progress);
    progress.finish();
    let has_method = run.config().train.has_method();
    let drawn = run.folder().map_or(Ok(()), |folder| draw_run(folder, has_method));
    // What went wrong with the run is what the user must see.
    let outcome = outcome?;
    drawn?;
    if outcome.result.rewire_seconds == Some(0.0) {
        console.warn(
            "the `method` never acted: in so few steps it has no update, and the connections are \
             those of the beginning",
        );
    }
    if outcome.result.best_epoch.is_none() {
        progress.overfitted().iter().for_each(|warning| console.warn(warning));
    }
    Ok(outcome)
}

/// A training for each part of the rows that is held out; schema and scaling are each one's own.
fn cross_validate(
    args: &TrainArgs,
    console: &Console,
    config: &RunConfig,
    folds: usize,
) -> Result<(), Error> {
    if args.out.is_none() {
        console.line("the networks will not be kept: --out DIR keeps one for each fold\n");
    }
    let (stop, mut results) = (stop_on_signal(), Vec::new());
    for fold in 1..=folds {
        let mut config = config.clone();
        config.data.fold = Some(fold);
        let out = args.out.as_ref().map(|out| out.join(format!("fold-{fold}")));
        let is_begun = out.as_ref().is_some_and(|out| out.join("config.toml").exists());
        let mut run = match &out {
            // What an earlier call began or finished.
            Some(out) if is_begun && !args.force => {
                let run = Run::resume(out, &Datasets::default(), Ok::<_, experiment::Error>)?;
                if !begin(args, config, None)?.config().gives_same(run.config()) {
                    return Err(Error::OtherFold(out.clone()));
                }
                run
            }
            _ => begin(args, config, out.as_deref())?,
        };
        console.line(format!("fold {fold} of {folds}:"));
        let result = execute(console, &mut run, &stop)?.result;
        console.line(format!("{}\n", result_text(&result)));
        results.push(result);
    }
    let scores = CrossValidation::of(results);
    console.line(scores.to_string());
    console.object(&scores);
    Ok(())
}

fn result_text(result: &RunResult) -> String {
    let RunResult { data, values, .. } = result;
    let mut text = format!("\n{data}: ");
    text += &match values.get("test_accuracy") {
        Some(accuracy) => format!("test accuracy {:.2} %, log loss", 100.0 * accuracy),
        None => "test loss".to_string(),
    };
    text += &format!(" {}", loss_text(values.get("test_loss")));
    match result.macro_f1 {
        Some(macro_f1) => text += &format!(", macro-F1 {macro_f1:.4}"),
        None => text += &values_text(values, "test"),
    }
    let plural = if result.epochs == 1 { "" } else { "s" };
    text += &format!(" after {} epoch{plural}", result.epochs);
    if let Some(epoch) = result.best_epoch {
        text += &format!(", with the network of epoch {epoch}");
    }
    if let Some(seconds) = result.seconds_per_epoch {
        text += &format!("; {} per epoch (median)", seconds_text(seconds));
    }
    if let Some(bytes) = result.peak_rss_bytes {
        text += &format!("; peak memory {:.0} MB", bytes as f64 / 1e6);
    }
    text += &format!("\n{:.3e} flops of products", result.train_flops as f64);
    if let Some(ccv) = result.ccv_of_sparse_layers {
        text += &format!("; fan-in CCV of the sparse layers {ccv:.3}");
    }
    if let Some(shares) = &result.expert_shares {
        let [least, most] = [f64::min, f64::max].map(|f| shares.iter().copied().reduce(f));
        let [least, most] = [least, most].map(|share| 100.0 * share.unwrap_or(0.0));
        text += &format!("; each expert answers {least:.1} to {most:.1} % of the test samples");
    }
    if let Some(seconds) = result.rewire_seconds {
        text += &format!("; {seconds:.2} s spent rewiring");
    }
    if let Some(dir) = &result.run_dir {
        text += &format!("\nthe run is in {dir}");
    }
    text
}
