//! `fanin inspect`.

use super::console::{Console, grouped};
use super::train::network_table;
use crate::Error;
use crate::train::{ModelFile, NetworkSummary, RunConfig};
use clap::Args;
use serde::Serialize;
use std::fs;
use std::path::PathBuf;

/// Flags of `fanin inspect`.
#[derive(Args)]
pub(super) struct InspectArgs {
    /// A model.safetensors
    model: PathBuf,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Inspection<'a> {
    file_bytes: u64,
    network: NetworkSummary,
    /// Per layer: (least fan-in of the bin, neurons in it).
    fan_in_histograms: Vec<Vec<(usize, usize)>>,
    config: &'a RunConfig,
}

/// Bins of a histogram.
const BINS: usize = 10;

pub(super) fn run(args: InspectArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.json);
    let file = ModelFile::read(&args.model)?;
    let metadata = fs::metadata(&args.model).map_err(Error::io(&args.model))?;
    let layers = file.model.layers().iter();
    let inspection = Inspection {
        file_bytes: metadata.len(),
        network: NetworkSummary::of(&file.model),
        fan_in_histograms: layers
            .map(|layer| histogram(&layer.connections().0.fan_in().collect::<Vec<_>>()))
            .collect(),
        config: &file.config,
    };
    let network = &inspection.network;
    console.line(format!(
        "{}: {} bytes, {} parameters, hidden sparsity {:.4}\n",
        args.model.display(),
        grouped(inspection.file_bytes),
        grouped(network.parameters as u64),
        network.sparsity_realised
    ));
    console.line(network_table(network));
    for (index, bins) in inspection.fan_in_histograms.iter().enumerate() {
        console.line(format!("\nfan-in of layer {}, neurons", index + 1));
        console.line(histogram_text(bins));
    }
    console.line(format!("\ntrained with\n{}", file.config.to_toml().trim_end()));
    console.object(&inspection);
    Ok(())
}

/// Neurons by fan-in, in at most [`BINS`] bins of equal width from the least to the most.
fn histogram(fan_in: &[usize]) -> Vec<(usize, usize)> {
    let (Some(&min), Some(&max)) = (fan_in.iter().min(), fan_in.iter().max()) else {
        return Vec::new();
    };
    let width = (max - min + 1).div_ceil(BINS);
    let mut bins: Vec<(usize, usize)> = (min..=max).step_by(width).map(|from| (from, 0)).collect();
    for fan_in in fan_in {
        bins[(fan_in - min) / width].1 += 1;
    }
    bins
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_neuron_is_in_one_bin() {
        assert_eq!(histogram(&[3, 3, 4]), [(3, 2), (4, 1)]);
        let bins = histogram(&(0..95).collect::<Vec<_>>());
        assert_eq!((bins.len(), bins[0], bins[9]), (10, (0, 10), (90, 5)));
        assert!(histogram(&[]).is_empty());
    }
}
