//! `fanin train`.

use super::classification::{classification_text, regression_text};
use super::config_flags::ConfigFlags;
use super::console::{Console, grouped, seconds_text, table};
use super::error::{EXIT_INTERRUPTED, Error};
use crate::dataset::{Dataset, Task};
use crate::experiment::{self, CrossValidation, Observer, Outcome, Run, RunResult};
use crate::report::rewiring_figure;
use crate::train::{
    EpochMetrics, NetworkSummary, Phase, RunConfig, Start, StepReport, Trainer, Values,
};
use clap::Args;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

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

Ctrl-C finishes the step at hand, writes the checkpoint and exits with 130.")]
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
    /// Continue the run in this folder; --epochs may extend it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "out", "print_config"])]
    resume: Option<PathBuf>,
    /// Print the summary as one JSON object on stdout, everything else on stderr
    #[arg(long)]
    json: bool,
    /// Say nothing but errors (and the JSON object, if asked for)
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: TrainArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.quiet);
    if let Some(path) = &args.resume {
        let run = Run::resume(path, |config| args.flags.for_resume(config))?;
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
    Ok(Run::new(config, out, args.force, |train, samples| {
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
    progress.bar.finish_and_clear();
    let draw = || -> Result<(), Error> {
        match run.folder().filter(|_| run.config().train.has_method()) {
            Some(folder) => Ok(folder.write_figure(&rewiring_figure(&folder.updates()?))?),
            None => Ok(()),
        }
    };
    let drawn = draw();
    // What went wrong with the run is what the user must see.
    let outcome = outcome?;
    drawn?;
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
                let run = Run::resume(out, Ok::<_, experiment::Error>)?;
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

/// A flag that Ctrl-C and SIGTERM set; a second signal ends the process at once.
fn stop_on_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the first signal only sets the flag. Without a handler the signal ends the
        // process, and the last epoch's checkpoint remains.
        let code = EXIT_INTERRUPTED.into();
        drop(signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&stop)));
        drop(signal_hook::flag::register(signal, Arc::clone(&stop)));
    }
    stop
}

/// What is to be trained, the progress bar, and a line per epoch.
struct Progress<'a> {
    console: &'a Console,
    data: Arc<Dataset>,
    /// Over all steps of a training.
    bar: ProgressBar,
    epochs: usize,
    /// Steps of an epoch, and those of all epochs before this one.
    steps: usize,
    steps_before: u64,
    epoch_started: Instant,
    samples_before: usize,
}

impl<'a> Progress<'a> {
    fn new(console: &'a Console, data: Arc<Dataset>) -> Self {
        let bar = console.progress(1, "{prefix} [{wide_bar}] {msg}, {eta} left");
        let epoch_started = Instant::now();
        let (epochs, steps, steps_before, samples_before) = (0, 0, 0, 0);
        Progress { console, data, bar, epochs, steps, steps_before, epoch_started, samples_before }
    }
}

impl Observer for Progress<'_> {
    fn training_begins(&mut self, phase: &Phase, trainer: &Trainer) {
        (self.epochs, self.steps) = (trainer.epochs(), trainer.steps_per_epoch());
        self.bar.set_length((self.epochs * self.steps) as u64);
        // What is left is told by the steps of this call.
        self.bar.set_position(trainer.steps());
        self.bar.reset_eta();
        let (console, config) = (self.console, trainer.config());
        match phase.start {
            Start::Equilibrium => {
                console.line(format!("\n{}: {}", phase.about, config.profile));
            }
            _ if phase.folder.is_some() => console.line(format!("{}:", phase.about)),
            _ => {}
        }
        self.bar.suspend(|| introduce(console, trainer, &self.data));
    }

    fn epoch_begins(&mut self, epoch: usize) {
        self.steps_before = ((epoch - 1) * self.steps) as u64;
        self.bar.set_position(self.steps_before);
        self.bar.set_prefix(format!("epoch {epoch}/{}", self.epochs));
        (self.epoch_started, self.samples_before) = (Instant::now(), 0);
    }

    fn step_done(&mut self, step: &StepReport) {
        if self.bar.is_hidden() {
            return;
        }
        if self.samples_before == 0 {
            // A resumed epoch does not begin at its first sample.
            (self.epoch_started, self.samples_before) = (Instant::now(), step.samples);
        }
        let done = (step.samples - self.samples_before) as f64;
        let rate = done / self.epoch_started.elapsed().as_secs_f64().max(1e-9);
        self.bar.set_message(format!("loss {:.4}, {rate:.0}/s", step.loss));
        self.bar.set_position(self.steps_before + step.step as u64);
    }

    fn epoch_done(&mut self, metrics: &EpochMetrics) {
        let mut line = format!("epoch {:>3}", metrics.epoch);
        for name in ["train", "validation", "test"] {
            if let Some(loss) = metrics.values.get(&format!("{name}_loss")) {
                line += &format!("  {name} loss {loss:.4}{}", values_text(&metrics.values, name));
            }
        }
        line += &format!("  {}", seconds_text(metrics.seconds));
        self.bar.suspend(|| self.console.line(line));
    }
}

/// The loss's own values on the samples called `name`.
fn values_text(values: &Values, name: &str) -> String {
    let mut text = String::new();
    for (key, value) in values {
        match key.strip_prefix(&format!("{name}_")) {
            Some("accuracy") => text += &format!("  acc {:.2} %", 100.0 * value),
            Some(other) if other != "loss" => text += &format!("  {other} {value:.4}"),
            _ => {}
        }
    }
    text
}

/// What is about to be trained, on what.
fn introduce(console: &Console, trainer: &Trainer, data: &Dataset) {
    let threads = trainer.executor().threads();
    for warning in data.notes.iter().chain(trainer.warnings()) {
        console.warn(warning);
    }
    console.line(network_table(&NetworkSummary::of(trainer.model())));
    console.line(format!(
        "\n{}: {} training samples, {}{} test samples; engine {}, {}, {threads} thread{}, seed {}",
        data.name,
        grouped(data.train.len() as u64),
        data.validation.as_ref().map_or(String::new(), |samples| {
            format!("{} validation samples, ", grouped(samples.len() as u64))
        }),
        grouped(data.test.len() as u64),
        trainer.config().engine,
        trainer.executor().isa().level(),
        if threads == 1 { "" } else { "s" },
        trainer.config().seed,
    ));
    console.line(data.description.to_string());
    let (epochs, batch) = (trainer.epochs(), trainer.config().batch);
    console.line(format!(
        "{epochs} epoch{} of {} steps of {batch} samples",
        if epochs == 1 { "" } else { "s" },
        grouped(trainer.steps_per_epoch() as u64)
    ));
    let position = trainer.position();
    if position.epochs > 0 || position.samples > 0 {
        console.line(format!(
            "resumed after {} epochs and {} samples",
            position.epochs,
            grouped(position.samples as u64)
        ));
    }
}

/// A table of layers; `fanin inspect` shows it too.
pub(super) fn network_table(network: &NetworkSummary) -> String {
    let header =
        ["layer", "shape", "nnz", "density", "fan-in", "parameters", "flops/sample", "of dense"];
    let mut rows = vec![header.map(String::from).to_vec()];
    let of_dense = |flops: u64, dense: u64| format!("{:.1} %", 100.0 * flops as f64 / dense as f64);
    for (i, layer) in network.layers.iter().enumerate() {
        rows.push(vec![
            (i + 1).to_string(),
            format!("{}→{}", layer.in_features, layer.out_features),
            grouped(layer.nnz as u64),
            format!("{:.2} %", 100.0 * layer.density),
            format!("{}/{:.1}/{}", layer.fan_in_min, layer.fan_in_mean, layer.fan_in_max),
            grouped(layer.parameters as u64),
            grouped(layer.flops),
            of_dense(layer.flops, layer.flops_dense),
        ]);
    }
    let (flops, dense) =
        (network.inference_flops_per_sample, network.inference_flops_per_sample_dense);
    rows.push(vec![
        "all".into(),
        String::new(),
        grouped(network.nnz as u64),
        String::new(),
        String::new(),
        grouped(network.parameters as u64),
        grouped(flops),
        of_dense(flops, dense),
    ]);
    table(&rows) + "\n(fan-in: min/mean/max; flops: the products of one prediction)"
}

fn result_text(result: &RunResult) -> String {
    let RunResult { data, values, .. } = result;
    let mut text = format!("\n{data}: ");
    text += &match values.get("test_accuracy") {
        Some(accuracy) => format!("test accuracy {:.2} %, log loss", 100.0 * accuracy),
        None => "test loss".to_string(),
    };
    text += &format!(" {:.4}", values.get("test_loss").unwrap_or(&f64::NAN));
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
    if let Some(seconds) = result.rewire_seconds {
        text += &format!("; {seconds:.2} s spent rewiring");
    }
    if let Some(dir) = &result.run_dir {
        text += &format!("\nthe run is in {dir}");
    }
    text
}
