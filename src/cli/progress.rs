//! What `fanin train` tells while it trains: the network and the data, a bar, a line per epoch.

use super::console::{Console, grouped, seconds_text, table};
use crate::dataset::Dataset;
use crate::experiment::Observer;
use crate::nn::Layer;
use crate::train::{EpochMetrics, NetworkSummary, Phase, Start, StepReport, Trainer, Values};
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// What is to be trained, the progress bar, and a line per epoch.
pub(super) struct Progress<'a> {
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
    /// Layers whose products are dense, because they have every connection: how many that are.
    dense: BTreeMap<usize, usize>,
    /// The least test loss of an epoch so far, its epoch, and the last epoch's.
    test_losses: Option<(f64, usize, f64)>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(console: &'a Console, data: Arc<Dataset>) -> Self {
        let bar = console.progress(1, "{prefix} [{wide_bar}] {msg}, {eta} left");
        let epoch_started = Instant::now();
        let (epochs, steps, steps_before, samples_before) = (0, 0, 0, 0);
        let test_losses = None;
        Progress {
            console,
            data,
            bar,
            epochs,
            steps,
            steps_before,
            epoch_started,
            samples_before,
            dense: BTreeMap::new(),
            test_losses,
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// A warning where numbers were learned by heart.
    pub(super) fn overfitted(&self) -> Option<String> {
        let (least, epoch, last) = self.test_losses?;
        let has_numbers = self.data.test.targets().are_numbers();
        (has_numbers && last > 1.2 * least).then(|| {
            format!(
                "the test loss was least after epoch {epoch} ({least:.4}), and rose to {last:.4}: \
                 rows are learned by heart; fewer `epochs`, `patience` with `validation-fraction`, \
                 `input-noise` or `dropout` may help"
            )
        })
    }
}

impl Observer for Progress<'_> {
    fn training_begins(&mut self, phase: &Phase, trainer: &Trainer) {
        (self.epochs, self.steps) = (trainer.epochs(), trainer.steps_per_epoch());
        self.bar.set_length((self.epochs * self.steps) as u64);
        // What is left is told by the steps of this call.
        self.bar.set_position(trainer.steps());
        self.bar.reset_eta();
        let layers = trainer.model().layers().iter().map(Layer::storage).enumerate();
        let dense = layers.filter(|(_, storage)| storage.density() == 1.0);
        self.dense = dense.map(|(index, storage)| (index + 1, storage.nnz())).collect();
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
        for update in &step.updates {
            for layer in &update.layers {
                if self.dense.get(&layer.layer).is_some_and(|&all| layer.nnz < all) {
                    self.dense.remove(&layer.layer);
                    let text = format!(
                        "layer {}: its {} connections alone are computed from step {} on",
                        layer.layer,
                        grouped(layer.nnz as u64),
                        grouped(update.update + 1)
                    );
                    self.bar.suspend(|| self.console.line(text));
                }
            }
        }
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
        if let Some(&loss) = metrics.values.get("test_loss") {
            let (least, epoch) = match self.test_losses {
                Some((least, epoch, _)) if least <= loss => (least, epoch),
                _ => (loss, metrics.epoch),
            };
            self.test_losses = Some((least, epoch, loss));
        }
        let mut line = format!("epoch {:>3}", metrics.epoch);
        let has_validation = self.data.validation.is_some();
        for name in ["train", "validation", "test"] {
            if name != "validation" || has_validation {
                let loss = metrics.values.get(&format!("{name}_loss"));
                line += &format!("  {name} loss {}", loss_text(loss));
                line += &values_text(&metrics.values, name);
            }
        }
        line += &format!("  {}", seconds_text(metrics.seconds));
        self.bar.suspend(|| self.console.line(line));
    }
}

/// A loss, which samples beyond the network's numbers can make one that is not finite.
pub(super) fn loss_text(loss: Option<&f64>) -> String {
    loss.map_or("not finite".to_string(), |loss| format!("{loss:.4}"))
}

/// The loss's own values on the samples called `name`.
pub(super) fn values_text(values: &Values, name: &str) -> String {
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
        "\n{}: {} training samples, {}{} test samples; engine {}{}, {}, {threads} thread{}, seed {}",
        data.name,
        grouped(data.train.len() as u64),
        data.validation.as_ref().map_or(String::new(), |samples| {
            format!("{} validation samples, ", grouped(samples.len() as u64))
        }),
        grouped(data.test.len() as u64),
        trainer.config().engine,
        match trainer.config().share {
            1 => String::new(),
            share => format!(", inputs shared by {share} neurons"),
        },
        trainer.executor().isa().level(),
        if threads == 1 { "" } else { "s" },
        trainer.config().seed,
    ));
    console.line(data.description.to_string());
    let (epochs, batch) = (trainer.epochs(), trainer.config().batch);
    console.line(format!(
        "{epochs} epoch{} of {} step{} of {batch} samples",
        if epochs == 1 { "" } else { "s" },
        grouped(trainer.steps_per_epoch() as u64),
        if trainer.steps_per_epoch() == 1 { "" } else { "s" },
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
    let count = network.layers.len();
    // Of experts one stands for all.
    let of_one = network.experts.map_or(count, |experts| (count - 1) / experts);
    for (i, layer) in network.layers.iter().enumerate() {
        let number = match network.experts {
            Some(_) if i + 1 == count => "gate".to_string(),
            Some(_) if i >= of_one => continue,
            Some(experts) => format!("{experts} × {}", i + 1),
            None => (i + 1).to_string(),
        };
        rows.push(vec![
            number,
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
