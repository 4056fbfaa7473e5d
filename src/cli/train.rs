//! `fanin train`.

use super::classification::classification_text;
use super::config_flags::ConfigFlags;
use super::console::{Console, grouped, table};
use crate::Error;
use crate::dataset::Dataset;
use crate::nn::Engine;
use crate::report::rewiring_figure;
use crate::train::{
    EpochMetrics, InitCcv, NetworkSummary, Observer, RewireMethod, RunConfig, RunFolder,
    StepReport, Trainer, fan_in_ccv, peak_rss_bytes, run as run_training, start_at_equilibrium,
};
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Flags of `fanin train`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin train                                   784-1024-1024-10 on MNIST, 90 % sparse
  fanin train --sparsity 0.98 --out runs/s98    keep model, metrics and checkpoint
  fanin train --resume runs/s98 --epochs 20     go on where it stopped, to 20 epochs
  fanin train --engine dense --epochs 2         the dense baseline
  fanin train --rewire rigl --epochs 20         connections move while it trains
  fanin train --train flowers.csv --label species --validation-fraction 0.1 --patience 5
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

/// The object that `--json` prints and `run.json` keeps.
#[derive(Serialize)]
struct Summary<'a> {
    /// The data set; a stand-in for a known one is marked as such.
    data: &'a str,
    test_accuracy: f64,
    test_loss: f64,
    macro_f1: f64,
    train_loss: Option<f64>,
    epochs: usize,
    /// The epoch of the network that is kept, where the validation loss is watched.
    best_epoch: Option<usize>,
    /// Median over this call's epochs; loading included, evaluation excluded.
    seconds_per_epoch: Option<f64>,
    eval_seconds: f64,
    version: &'a str,
    commit: &'a str,
    parameters: usize,
    nnz: usize,
    /// None where a list or a file decides layer by layer.
    sparsity_target: Option<f64>,
    sparsity_realised: f64,
    train_flops_per_sample: u64,
    inference_flops_per_sample: u64,
    inference_flops_per_sample_dense: u64,
    /// Of all steps so far, updates of the connections included.
    train_flops: u64,
    /// Mean CCV of the layers that lack connections, if any does.
    ccv: Option<f64>,
    /// Seconds that updates of the connections took; none if they do not change.
    rewire_seconds: Option<f64>,
    peak_rss_bytes: Option<u64>,
    threads: usize,
    isa: &'a str,
    engine: Engine,
    seed: u64,
    run_dir: Option<String>,
}

pub(super) fn run(args: TrainArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.quiet);
    let (folder, mut config) = match &args.resume {
        Some(path) => {
            let (folder, config) = RunFolder::open(path)?;
            (Some(folder), args.flags.for_resume(config)?)
        }
        None => (None, args.flags.effective(args.config.as_ref())?),
    };
    config.data.validate()?;
    config.train.validate()?;
    if args.print_config {
        console.raw(&config.to_toml());
        return Ok(());
    }
    let data = config.data.load()?;
    let mut trainer = Trainer::new(config.train.clone(), &data)?;
    let folder = match (folder, &args.out) {
        (Some(folder), _) => Some(folder),
        (None, Some(path)) => Some(RunFolder::create(path, &config, args.force)?),
        (None, None) => None,
    };
    let stop = stop_on_signal();
    let mut observer = Progress::new(&console, trainer.steps_per_epoch() as u64);
    if config.train.init_ccv == InitCcv::Equilibrium {
        console.line("first run, to find the fan-in that rewiring settles to:");
        let found = start_at_equilibrium(&config, &data, folder.as_ref(), &stop, &mut observer);
        observer.bar.finish_and_clear();
        config = found?;
        console.line(format!("second run, from profile {}:\n", config.train.profile));
        trainer = Trainer::new(config.train.clone(), &data)?;
    }
    if let Some(folder) = &folder {
        folder.resume(&mut trainer, &config)?;
        let done = trainer.position().epochs;
        if config.train.epochs < done {
            let problem = format!("the run already has {done} epochs: --epochs cannot undo any");
            return Err(Error::Config(problem));
        }
        folder.write_config(&config)?;
        folder.write_rows(&data)?;
    }
    let network = NetworkSummary::of(trainer.model());
    introduce(&console, &network, &trainer, &config, &data);
    let is_rewired = config.train.rewire != RewireMethod::Static;
    let new_epochs = match args.resume.is_some() && trainer.is_finished() {
        true => {
            console.line(match trainer.position().epochs < config.train.epochs {
                true => "nothing is left to train: no smaller validation loss came for --patience",
                false => "nothing is left to train: name more --epochs to go on",
            });
            Vec::new()
        }
        false => {
            if let Some(folder) = &folder {
                folder.write_record("running", &trainer, &config, None::<&()>)?;
            }
            let folder = folder.as_ref();
            let result = run_training(&mut trainer, &data, &config, folder, &stop, &mut observer);
            observer.bar.finish_and_clear();
            if let (Some(folder), true) = (folder, is_rewired) {
                folder.write_figure(&rewiring_figure(&folder.updates()?))?;
            }
            result.inspect_err(|error| {
                if let (Some(folder), false) = (folder, matches!(error, Error::Interrupted { .. }))
                {
                    // The error itself is what the user must see.
                    let text = error.to_string();
                    let _ = folder.write_record(&text, &trainer, &config, None::<&()>);
                }
            })?
        }
    };
    let started = Instant::now();
    let kept = trainer.evaluate_kept(&data.test)?;
    let eval_seconds = started.elapsed().as_secs_f64();
    let result = trainer.classify_kept(&data.test);
    let last = new_epochs.last();
    let summary = Summary {
        data: &data.name,
        test_accuracy: kept.accuracy,
        test_loss: kept.loss,
        macro_f1: result.macro_f1,
        train_loss: last.map(|metrics| metrics.train_loss),
        epochs: trainer.position().epochs,
        best_epoch: trainer.position().best.map(|best| best.epoch),
        seconds_per_epoch: median(new_epochs.iter().map(|metrics| metrics.seconds).collect()),
        eval_seconds,
        version: env!("CARGO_PKG_VERSION"),
        commit: env!("FANIN_COMMIT"),
        parameters: network.parameters,
        nnz: network.nnz,
        sparsity_target: config.train.sparsity_target(),
        sparsity_realised: network.sparsity_realised,
        train_flops_per_sample: network.train_flops_per_sample,
        inference_flops_per_sample: network.inference_flops_per_sample,
        inference_flops_per_sample_dense: network.inference_flops_per_sample_dense,
        train_flops: trainer.position().flops,
        ccv: mean(&fan_in_ccv(trainer.model())),
        rewire_seconds: is_rewired.then_some(trainer.position().rewire_seconds),
        peak_rss_bytes: peak_rss_bytes(),
        threads: trainer.executor().threads(),
        isa: trainer.executor().isa().level().name(),
        engine: config.train.engine,
        seed: config.train.seed,
        run_dir: folder.as_ref().map(|folder| folder.path().display().to_string()),
    };
    if let Some(folder) = &folder {
        folder.write_record("finished", &trainer, &config, Some(&summary))?;
    }
    console.line(format!("\n{}", classification_text(&result, &data.schema)));
    console.line(summary_text(&summary));
    console.object(&summary);
    Ok(())
}

/// A flag that Ctrl-C and SIGTERM set; a second signal ends the process at once.
fn stop_on_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let installed = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(super::EXIT_INTERRUPTED.into());
        }
    });
    // Without a handler the signal ends the process, and the last epoch's checkpoint remains.
    drop(installed);
    stop
}

/// The progress bar, and a line per epoch.
struct Progress<'a> {
    console: &'a Console,
    bar: ProgressBar,
    epoch_started: Instant,
    samples_before: usize,
}

impl<'a> Progress<'a> {
    fn new(console: &'a Console, steps: u64) -> Self {
        let template = "{prefix} [{bar:30}] {pos}/{len}  {msg}  eta {eta}";
        let bar = console.progress(steps, template);
        Progress { console, bar, epoch_started: Instant::now(), samples_before: 0 }
    }
}

impl Observer for Progress<'_> {
    fn epoch_begins(&mut self, epoch: usize) {
        self.bar.reset();
        self.bar.set_prefix(format!("epoch {epoch:>3}"));
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
        self.bar.set_message(format!("loss {:.4}  {rate:.0} samples/s", step.loss));
        self.bar.set_position(step.step as u64);
    }

    fn epoch_done(&mut self, metrics: &EpochMetrics) {
        let validation = metrics.validation_loss.zip(metrics.validation_accuracy);
        let line = format!(
            "epoch {:>3}  train loss {:.4}  acc {:.2} %  {}test loss {:.4}  acc {:.2} %  {:.2} s",
            metrics.epoch,
            metrics.train_loss,
            100.0 * metrics.train_accuracy,
            validation.map_or(String::new(), |(loss, accuracy)| {
                format!("validation loss {loss:.4}  acc {:.2} %  ", 100.0 * accuracy)
            }),
            metrics.test_loss,
            100.0 * metrics.test_accuracy,
            metrics.seconds,
        );
        self.bar.suspend(|| self.console.line(line));
    }
}

/// What is about to be trained, on what.
fn introduce(
    console: &Console,
    network: &NetworkSummary,
    trainer: &Trainer<'_>,
    config: &RunConfig,
    data: &Dataset,
) {
    let threads = trainer.executor().threads();
    for warning in trainer.warnings() {
        console.warn(warning);
    }
    console.line(network_table(network));
    console.line(format!(
        "\n{}: {} training samples, {}{} test samples; engine {}, {}, {threads} thread{}, seed {}",
        data.name,
        grouped(data.train.len() as u64),
        data.validation.as_ref().map_or(String::new(), |samples| {
            format!("{} validation samples, ", grouped(samples.len() as u64))
        }),
        grouped(data.test.len() as u64),
        config.train.engine,
        trainer.executor().isa().level(),
        if threads == 1 { "" } else { "s" },
        config.train.seed,
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

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some((lower + upper) / 2.0)
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

fn summary_text(summary: &Summary<'_>) -> String {
    let mut text = format!(
        "\n{}: test accuracy {:.2} %, log loss {:.4}, macro-F1 {:.4} after {} epoch{}",
        summary.data,
        100.0 * summary.test_accuracy,
        summary.test_loss,
        summary.macro_f1,
        summary.epochs,
        if summary.epochs == 1 { "" } else { "s" },
    );
    if let Some(epoch) = summary.best_epoch {
        text += &format!(", with the network of epoch {epoch}");
    }
    if let Some(seconds) = summary.seconds_per_epoch {
        text += &format!("; {seconds:.2} s per epoch (median)");
    }
    if let Some(bytes) = summary.peak_rss_bytes {
        text += &format!("; peak memory {:.0} MB", bytes as f64 / 1e6);
    }
    text += &format!("\n{:.3e} flops of products", summary.train_flops as f64);
    if let Some(ccv) = summary.ccv {
        text += &format!("; fan-in CCV {ccv:.3}");
    }
    if let Some(seconds) = summary.rewire_seconds {
        text += &format!("; {seconds:.2} s spent rewiring");
    }
    if let Some(dir) = &summary.run_dir {
        text += &format!("\nthe run is in {dir}");
    }
    text
}
