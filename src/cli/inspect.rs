//! `fanin inspect`.

use super::Error;
use super::console::{Console, grouped};
use super::eval::settings;
use super::progress::network_table;
use super::topology::stats_text;
use crate::experiment::statistics::mean;
use crate::format::{self, replace_file};
use crate::model::ModelFile;
use crate::parallel::Executor;
use crate::report::network_figure;
use crate::sparse::CsrPattern;
use crate::topology::{GradientRatio, TopologyStats, histogram, write_topology};
use crate::train::{HubRatios, NetworkSummary, RunConfig, hub_ratios};
use clap::Args;
use serde::Serialize;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// Flags of `fanin inspect`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin inspect runs/s98/model.safetensors
  fanin inspect runs/s98/model.safetensors --gradients --figure s98.svg --topology s98-mask.safetensors")]
pub(super) struct InspectArgs {
    /// A model.safetensors
    model: PathBuf,
    /// Gradient and activation at hubs / at specialists, on the first batch of its data set
    #[arg(long)]
    gradients: bool,
    /// Folder of the data set, for --gradients
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Write fan-in and connections of the sparse layers as SVG
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Write the sparse layers' connections alone: .safetensors, or .npz for one layer
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Inspection {
    file_bytes: u64,
    network: NetworkSummary,
    topology: Vec<TopologyStats>,
    /// Mean of the sparse layers' CCVs.
    ccv_of_sparse_layers: Option<f64>,
    gradient_ratios: Option<Vec<Option<GradientRatio>>>,
    /// Mean activation at hubs / at specialists.
    activation_ratios: Option<Vec<Option<f64>>>,
    /// Per layer: (least fan-in of the bin, neurons in it).
    fan_in_histograms: Vec<Vec<(usize, usize)>>,
    /// The settings as they stand in the file, whatever version wrote them.
    config: toml::Table,
    activation: &'static str,
    loss: &'static str,
}

pub(super) fn run(args: InspectArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.json);
    let file = ModelFile::read(&args.model)?;
    let metadata = fs::metadata(&args.model).map_err(format::Error::io(&args.model))?;
    let patterns: Vec<Arc<CsrPattern>> =
        file.model.layers().iter().map(|layer| layer.connections().0).collect();
    let sparse: Vec<&CsrPattern> =
        patterns.iter().map(AsRef::as_ref).filter(|pattern| pattern.density() < 1.0).collect();
    let ccvs: Vec<f64> =
        sparse.iter().map(|pattern| TopologyStats::of(pattern).fan_in.ccv).collect();
    let hubs = args.gradients.then(|| hubs(&file, &args)).transpose()?;
    let inspection = Inspection {
        file_bytes: metadata.len(),
        network: NetworkSummary::of(&file.model),
        topology: patterns.iter().map(|pattern| TopologyStats::of(pattern)).collect(),
        ccv_of_sparse_layers: mean(&ccvs),
        gradient_ratios: hubs.as_ref().map(|hubs| of_each(hubs, |of| of.gradient)),
        activation_ratios: hubs.as_ref().map(|hubs| of_each(hubs, |of| of.activation)),
        fan_in_histograms: patterns
            .iter()
            .map(|p| histogram(&p.fan_in().collect::<Vec<_>>()))
            .collect(),
        config: file.meaning.settings.parse().unwrap_or_default(),
        activation: file.model.activation().name(),
        loss: file.model.loss().name(),
    };
    show(&console, &args, &file, &inspection);
    console.object(&inspection);
    if file.model.mixture().is_some() && args.topology.is_some() {
        return Err(Error::MixtureTopology);
    }
    if sparse.is_empty() && (args.topology.is_some() || args.figure.is_some()) {
        return Err(Error::NoTopology);
    }
    if let Some(path) = &args.topology {
        write_topology(path, &sparse)?;
    }
    if let Some(path) = &args.figure {
        replace_file(path, network_figure(&sparse).as_bytes())?;
    }
    Ok(())
}

/// The ratios on the first training batch.
fn hubs(file: &ModelFile, args: &InspectArgs) -> Result<Vec<Option<HubRatios>>, Error> {
    let RunConfig { mut data, train } = settings(file, &args.model)?;
    data.data_dir = args.data_dir.clone().or(data.data_dir);
    let data = data.load()?;
    let executor = Executor::from_environment(1)?;
    let batch = train.batch.min(data.train.len());
    Ok(hub_ratios(&executor, &file.model, &data.train, &file.meaning.scaling, batch))
}

/// A ratio of each layer that has it.
fn of_each<T>(hubs: &[Option<HubRatios>], of: fn(HubRatios) -> Option<T>) -> Vec<Option<T>> {
    hubs.iter().map(|ratios| ratios.and_then(of)).collect()
}

fn show(console: &Console, args: &InspectArgs, file: &ModelFile, inspection: &Inspection) {
    let network = &inspection.network;
    console.line(format!(
        "{}: {} bytes, {} parameters, {} and {}, sparsity of the sparse layers {:.4}\n",
        args.model.display(),
        grouped(inspection.file_bytes),
        grouped(network.parameters as u64),
        inspection.activation,
        inspection.loss,
        network.sparsity_of_sparse_layers
    ));
    console.line(network_table(network));
    for (index, stats) in inspection.topology.iter().enumerate() {
        console.line(format!("\n{}", file.model.layer_name(index)));
        console.line(stats_text(stats, None).trim_end());
        if let Some(ratio) = inspection.gradient_ratios.as_ref().and_then(|of| of[index]) {
            console.line(format!(
                "  gradient     hubs / specialists {:.2}× over full rows, {:.2}× over connections",
                ratio.full_rows, ratio.active_only
            ));
        }
        if let Some(ratio) = inspection.activation_ratios.as_ref().and_then(|of| of[index]) {
            console.line(format!("  activation   hubs / specialists {ratio:.2}×"));
        }
        console.line("  neurons by fan-in");
        console.line(histogram_text(&inspection.fan_in_histograms[index]));
    }
    if let Some(ccv) = inspection.ccv_of_sparse_layers {
        console.line(format!("\nnetwork: CCV {ccv:.3} (mean of its sparse layers)"));
    }
    console.line(format!("\ntrained with\n{}", file.meaning.settings.trim_end()));
}

fn histogram_text(bins: &[(usize, usize)]) -> String {
    let most = bins.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    let line = |(from, count): &(usize, usize)| {
        // Anything there at all shows.
        let bar = "#".repeat((40 * count).div_ceil(most));
        format!("{from:>6}  {count:>6}  {bar}").trim_end().to_string()
    };
    bins.iter().map(line).collect::<Vec<_>>().join("\n")
}
