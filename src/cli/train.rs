//! `fanin train`.

use super::console::{Console, grouped, table};
use crate::dataset::{self, Dataset, Normalize};
use crate::nn::Engine;
use crate::topology::{Profile, Spread};
use crate::train::{EpochMetrics, NetworkSummary, TrainConfig, Trainer, run_folder};
use crate::{Error, train};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Flags of `fanin train`; their defaults are [`TrainConfig`]'s.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin train                                   784-1024-1024-10 on MNIST, 90 % sparse
  fanin train --sparsity 0.98 --out runs/s98    keep the model and its metrics
  fanin train --engine dense --epochs 2         the dense baseline")]
pub(super) struct TrainArgs {
    /// Data set
    #[arg(long, default_value = "mnist")]
    dataset: String,
    /// Folder of the data set [default: FANIN_DATA_DIR, then the repository's data/]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How pixel values enter the network
    #[arg(long, value_enum, default_value_t = NormalizeArg::Standard)]
    normalize: NormalizeArg,
    /// Widths of the hidden layers
    #[arg(long, value_delimiter = ',', default_value = "1024,1024", value_name = "WIDTHS")]
    hidden: Vec<usize>,
    /// Fraction of the hidden layers' connections that do not exist, 0 ≤ S < 1
    #[arg(long, default_value_t = 0.9, value_parser = parse_sparsity, value_name = "S")]
    sparsity: f64,
    /// Fan-in over the neurons of a layer: uniform
    #[arg(long, default_value = "uniform")]
    profile: Profile,
    /// Which inputs each neuron gets: random
    #[arg(long, default_value = "random")]
    spread: Spread,
    /// Make the output layer sparse too
    #[arg(long)]
    sparse_output: bool,
    /// Keep every connection of the hidden layers
    #[arg(long)]
    dense_hidden: bool,
    /// How the layers compute
    #[arg(long, value_enum, default_value_t = EngineArg::Sparse)]
    engine: EngineArg,
    /// Passes over the training samples
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    /// Samples per optimiser step
    #[arg(long, default_value_t = 128)]
    batch: usize,
    /// Adam's learning rate
    #[arg(long, default_value_t = 1e-3)]
    lr: f32,
    /// Seed of topology, initial weights and sample order
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Threads, 0 for one per core; the result does not depend on it
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Folder for model.safetensors and metrics.jsonl
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the summary as one JSON object on stdout, everything else on stderr
    #[arg(long)]
    json: bool,
    /// Say nothing but errors (and the JSON object, if asked for)
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineArg {
    /// Stored connections only, in CSR
    Sparse,
    /// Every connection, by GEMM
    Dense,
    /// Dense weights, the mask reapplied after each update
    Masked,
}

#[derive(Clone, Copy, ValueEnum)]
enum NormalizeArg {
    /// 0 to 255 as they are
    None,
    /// 0 to 1
    Unit,
    /// Mean 0, standard deviation 1
    Standard,
}

fn parse_sparsity(text: &str) -> Result<f64, String> {
    let sparsity: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    match (0.0..1.0).contains(&sparsity) {
        true => Ok(sparsity),
        false => Err("a sparsity is at least 0 and below 1".to_string()),
    }
}

/// The object that `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    test_accuracy: f64,
    test_loss: f64,
    train_loss: Option<f64>,
    epochs: usize,
    /// Median over the epochs; loading included, evaluation excluded.
    seconds_per_epoch: Option<f64>,
    eval_seconds: f64,
    parameters: usize,
    nnz: usize,
    sparsity_target: f64,
    sparsity_realised: f64,
    train_flops_per_sample: u64,
    inference_flops_per_sample: u64,
    inference_flops_per_sample_dense: u64,
    peak_rss_bytes: Option<u64>,
    threads: usize,
    isa: &'a str,
    engine: Engine,
    seed: u64,
    run_dir: Option<&'a PathBuf>,
}

impl TrainArgs {
    fn config(&self) -> TrainConfig {
        TrainConfig {
            hidden: self.hidden.clone(),
            sparsity: self.sparsity,
            profile: self.profile.clone(),
            spread: self.spread,
            sparse_output: self.sparse_output,
            dense_hidden: self.dense_hidden,
            engine: match self.engine {
                EngineArg::Sparse => Engine::Sparse,
                EngineArg::Dense => Engine::Dense,
                EngineArg::Masked => Engine::Masked,
            },
            epochs: self.epochs,
            batch: self.batch,
            lr: self.lr,
            seed: self.seed,
            threads: self.threads,
        }
    }
}

pub(super) fn run(args: TrainArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.quiet);
    let config = args.config();
    config.validate()?;
    let normalize = match args.normalize {
        NormalizeArg::None => Normalize::None,
        NormalizeArg::Unit => Normalize::Unit,
        NormalizeArg::Standard => Normalize::Standard,
    };
    let data = dataset::load(&args.dataset, args.data_dir.as_deref(), normalize)?;
    let mut trainer = Trainer::new(config.clone(), &data)?;
    let network = NetworkSummary::of(trainer.model());
    let isa = trainer.executor().isa().level().name();
    let threads = trainer.executor().threads();
    console.line(network_table(&network));
    console.line(format!(
        "\n{} training samples, {} test samples; engine {}, {isa}, {threads} thread{}, seed {}",
        grouped(data.train.len() as u64),
        grouped(data.test.len() as u64),
        config.engine,
        if threads == 1 { "" } else { "s" },
        config.seed,
    ));
    let mut folder = args.out.as_deref().map(run_folder::RunFolder::create).transpose()?;
    let mut epochs = Vec::new();
    for _ in 0..config.epochs {
        let metrics = run_epoch(&console, &mut trainer, &data)?;
        console.line(format!(
            "epoch {:>3}  train loss {:.4}  acc {:.2} %  test loss {:.4}  acc {:.2} %  {:.2} s",
            metrics.epoch,
            metrics.train_loss,
            100.0 * metrics.train_accuracy,
            metrics.test_loss,
            100.0 * metrics.test_accuracy,
            metrics.seconds,
        ));
        if let Some(folder) = &mut folder {
            folder.record(&metrics)?;
            folder.save_model(trainer.model(), &config)?;
        }
        epochs.push(metrics);
    }
    let (evaluation, eval_seconds) = match epochs.last() {
        Some(last) => {
            let evaluation =
                train::Evaluation { accuracy: last.test_accuracy, loss: last.test_loss };
            (evaluation, last.eval_seconds)
        }
        None => {
            let started = Instant::now();
            (trainer.evaluate(&data.test)?, started.elapsed().as_secs_f64())
        }
    };
    let summary = Summary {
        test_accuracy: evaluation.accuracy,
        test_loss: evaluation.loss,
        train_loss: epochs.last().map(|metrics| metrics.train_loss),
        epochs: epochs.len(),
        seconds_per_epoch: median(epochs.iter().map(|metrics| metrics.seconds).collect()),
        eval_seconds,
        parameters: network.parameters,
        nnz: network.nnz,
        sparsity_target: config.hidden_sparsity(),
        sparsity_realised: network.sparsity_realised,
        train_flops_per_sample: network.train_flops_per_sample,
        inference_flops_per_sample: network.inference_flops_per_sample,
        inference_flops_per_sample_dense: network.inference_flops_per_sample_dense,
        peak_rss_bytes: train::peak_rss_bytes(),
        threads,
        isa,
        engine: config.engine,
        seed: config.seed,
        run_dir: args.out.as_ref(),
    };
    console.line(summary_text(&summary));
    console.object(&summary);
    Ok(())
}

/// One epoch behind a progress bar, and its evaluation.
fn run_epoch(
    console: &Console,
    trainer: &mut Trainer<'_>,
    data: &Dataset,
) -> Result<EpochMetrics, Error> {
    let epoch = trainer.position().epochs + 1;
    let bar = console.progress(
        trainer.steps_per_epoch() as u64,
        &format!("epoch {epoch:>3} [{{bar:30}}] {{pos}}/{{len}} {{msg}} eta {{eta}}"),
    );
    let started = Instant::now();
    let report = trainer.run_epoch(|step| {
        bar.set_position(step.step as u64);
        if !bar.is_hidden() {
            let rate = step.samples as f64 / started.elapsed().as_secs_f64();
            bar.set_message(format!("loss {:.4}  {rate:.0} samples/s", step.loss));
        }
    })?;
    let seconds = started.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let started = Instant::now();
    let evaluation = trainer.evaluate(&data.test)?;
    Ok(EpochMetrics {
        epoch,
        step: trainer.optimizer().steps(),
        train_loss: report.loss,
        train_accuracy: report.accuracy,
        test_loss: evaluation.loss,
        test_accuracy: evaluation.accuracy,
        seconds,
        eval_seconds: started.elapsed().as_secs_f64(),
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

fn network_table(network: &NetworkSummary) -> String {
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
        "\ntest accuracy {:.2} %, test loss {:.4} after {} epoch{}",
        100.0 * summary.test_accuracy,
        summary.test_loss,
        summary.epochs,
        if summary.epochs == 1 { "" } else { "s" },
    );
    if let Some(seconds) = summary.seconds_per_epoch {
        text += &format!("; {seconds:.2} s per epoch (median)");
    }
    if let Some(bytes) = summary.peak_rss_bytes {
        text += &format!("; peak memory {:.0} MB", bytes as f64 / 1e6);
    }
    if let Some(dir) = summary.run_dir {
        text += &format!("\nmodel and metrics are in {}", dir.display());
    }
    text
}
