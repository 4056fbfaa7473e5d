//! `fanin topology`.

use super::Error;
use super::config_flags::TopologyFlags;
use super::console::{Console, grouped};
use crate::format::replace_file;
use crate::grammar;
use crate::memory;
use crate::report::topology_figure;
use crate::sparse::CsrPattern;
use crate::topology::{
    Arrangement, FanInRule, Generator, Profile, Profiled, Request, Share, TopologyError,
    TopologyStats, write_topology,
};
use crate::train::{self, RunConfig, SettingsError};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Flags of `fanin topology`.
#[derive(Args)]
#[command(after_help = after_help())]
pub(super) struct TopologyArgs {
    #[command(flatten)]
    flags: TopologyFlags,
    /// Layers as INPUTSxNEURONS
    #[arg(long, value_delimiter = ',', default_value = "784x1024,1024x1024", value_parser = parse_shape)]
    shape: Vec<[usize; 2]>,
    /// Write the layers' connections: SciPy .npz (one layer) or .safetensors
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the paper's Figure 1 for the first layer as SVG: profiles, lognormals, mask,
    /// multi-peak
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Print the numbers as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

fn after_help() -> String {
    format!(
        "Examples:
  fanin topology --profile exponential --shape 784x1024 --sparsity 0.9 --rounding floor
  fanin topology --profile lognormal:ccv=2.5 --spread even --out mask.npz --shape 784x1024
  fanin topology --generator er:epsilon=20
  fanin topology --profile exponential --figure figure-1.svg

Profiles, t from 0 to 1 over a layer's neurons:
{}
Generators:
{}",
        grammar::help::<Profile>(),
        grammar::help::<Box<dyn Generator>>()
    )
}

#[derive(Serialize)]
struct Topology {
    /// None where a generator decides.
    sparsity_target: Option<f64>,
    /// Of all layers together.
    sparsity: f64,
    layers: Vec<TopologyStats>,
    /// Mean of the layers' CCVs.
    ccv: f64,
}

fn parse_shape(text: &str) -> Result<[usize; 2], String> {
    let sizes: Option<Vec<usize>> = text.split('x').map(|size| size.parse().ok()).collect();
    match sizes.as_deref() {
        Some(&[inputs, neurons]) if inputs > 0 && neurons > 0 && inputs <= u32::MAX as usize => {
            Ok([inputs, neurons])
        }
        _ => Err(format!("'{text}' is no INPUTSxNEURONS, such as 784x1024")),
    }
}

pub(super) fn run(args: TopologyArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.json);
    let config = RunConfig::from_tables([args.flags.table()?]).map_err(SettingsError::from)?.train;
    config.validate()?;
    let rule = config.rule();
    let (generator, made_by): (Box<dyn Generator>, String) = match &config.generator {
        Some(choice) => (choice.make(), choice.to_string()),
        None => {
            let profiled = Profiled { rule: rule.clone(), spread: config.spread, narrow: 0 };
            let Profiled { rule, spread, .. } = &profiled;
            let arrangement = match rule.arrangement {
                Arrangement::Profile => String::new(),
                other => format!(", {other}"),
            };
            let FanInRule { profile, rounding, .. } = rule;
            let made_by = format!("{profile}{arrangement}, {spread} spread, {rounding} rounding");
            (Box::new(profiled), made_by)
        }
    };
    let (generator, made_by) = match config.share {
        1 => (generator, made_by),
        neurons => {
            let made_by = format!("{made_by}, shared by {neurons} neurons");
            (Box::new(Share { of: generator, neurons }) as Box<dyn Generator>, made_by)
        }
    };
    let error = |layer: usize| move |source| train::Error::Topology { layer: layer + 1, source };
    if generator.needs_inputs() {
        return Err(error(0)(TopologyError::NoInputs).into());
    }
    let sparsities = config.allocation.sparsities(&args.shape, config.sparsity);
    let sparsities = sparsities.map_err(train::Error::OtherTopology)?;
    let mut patterns = Vec::new();
    for (layer, (&shape, &sparsity)) in args.shape.iter().zip(&sparsities).enumerate() {
        // Of each connection its id, and what a generator keeps while it makes it.
        let connections = (1.0 - sparsity) * shape[0] as f64 * shape[1] as f64;
        let what = || format!("layer {} with its {connections:.0} connections", layer + 1);
        let bytes = 16.0 * connections + 64.0 * (shape[0] + shape[1]) as f64;
        memory::expect(bytes as u64, what).map_err(train::Error::from)?;
        let request = Request { shape, sparsity, seed: config.seed, layer, inputs: None };
        let made = generator.generate(&request).map_err(error(layer))?;
        for warning in made.warnings {
            console.warn(&format!("layer {}: {warning}", layer + 1));
        }
        console.line(format!("{} → {}, {made_by}", shape[0], shape[1]));
        let target = Some(sparsity).filter(|_| config.generator.is_none());
        console.line(stats_text(&TopologyStats::of(&made.pattern), target));
        patterns.push(made.pattern);
    }
    let layers: Vec<TopologyStats> = patterns.iter().map(TopologyStats::of).collect();
    let ccv = layers.iter().map(|stats| stats.fan_in.ccv).sum::<f64>() / layers.len() as f64;
    let positions: f64 = patterns.iter().map(|p| p.rows() as f64 * p.cols() as f64).sum();
    let stored: usize = patterns.iter().map(CsrPattern::nnz).sum();
    let sparsity = 1.0 - stored as f64 / positions;
    if layers.len() > 1 {
        let of =
            |f: fn(&TopologyStats) -> f64| layers.iter().map(f).sum::<f64>() / layers.len() as f64;
        console.line(format!(
            "network: sparsity {sparsity:.6}; means of its layers: fan-in min {:.1}  mean {:.1}  \
             max {:.1}  CCV {ccv:.3}",
            of(|stats| stats.fan_in.min as f64),
            of(|stats| stats.fan_in.mean),
            of(|stats| stats.fan_in.max as f64),
        ));
    }
    let sparsity_target = Some(config.sparsity).filter(|_| config.generator.is_none());
    console.object(&Topology { sparsity_target, sparsity, layers, ccv });
    if let Some(path) = &args.out {
        write_topology(path, &patterns.iter().collect::<Vec<&CsrPattern>>())?;
    }
    if let Some(path) = &args.figure {
        let svg =
            topology_figure(&rule, sparsities[0], &patterns[0], &made_by).map_err(error(0))?;
        replace_file(path, svg.as_bytes())?;
    }
    Ok(())
}

/// A layer's numbers; `fanin inspect` shows them too.
pub(super) fn stats_text(stats: &TopologyStats, target: Option<f64>) -> String {
    let TopologyStats { fan_in, fan_out, .. } = stats;
    let target = target.map_or(String::new(), |target| format!(" (target {target})"));
    let of_whom = if fan_in.min == 0 { " of those with inputs" } else { "" };
    format!(
        "  connections  {}, sparsity {:.6}{target}
  fan-in       min {}  mean {:.1}  max {}  max/min {:.1}×{of_whom}  CCV {:.3}  Gini {:.3}
  fan-out      min {}  mean {:.1}  max {}  std {:.1}
  dead         {} inputs, {} neurons\n",
        grouped(stats.nnz as u64),
        stats.sparsity,
        fan_in.min,
        fan_in.mean,
        fan_in.max,
        stats.fan_in_ratio,
        fan_in.ccv,
        fan_in.gini,
        fan_out.min,
        fan_out.mean,
        fan_out.max,
        fan_out.std,
        stats.dead_inputs,
        stats.dead_neurons,
    )
}
