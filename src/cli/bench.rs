//! `fanin bench`.

use super::Error;
use super::console::{Console, table};
use crate::experiment::benchmark::{Benchmark, Grid, Point, measure};
use crate::format::replace_file;
use crate::report::{benchmark_figure, percent};
use crate::train::MAX_SHARE;
use clap::Args;
use std::path::PathBuf;

/// Flags of `fanin bench`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin bench --figure map.svg
  fanin bench --widths 4096 --batches 1,64 --sparsity 0.9,0.99 --threads 1

Let nothing else run meanwhile. Every combination is measured; the default takes about five minutes.")]
pub(super) struct BenchArgs {
    /// Inputs, and neurons of both hidden layers
    #[arg(long, value_delimiter = ',', default_value = "256,1024,2048", value_parser = count)]
    widths: Vec<usize>,
    /// Samples per step
    #[arg(long, value_delimiter = ',', default_value = "32,128,512", value_parser = count)]
    batches: Vec<usize>,
    /// Sparsities of the hidden layers
    #[arg(long, value_delimiter = ',', default_value = "0.5,0.8,0.9,0.95,0.98,0.99", value_parser = super::config_flags::parse_sparsity)]
    sparsity: Vec<f64>,
    /// Threads [default: 1 and one per core]
    #[arg(long, value_delimiter = ',', value_parser = count)]
    threads: Vec<usize>,
    /// Neighbouring neurons that share their inputs
    #[arg(long, value_delimiter = ',', default_value = "1,4", value_parser = share)]
    share: Vec<usize>,
    /// Seconds that each point is measured
    #[arg(long, default_value_t = 0.4)]
    seconds: f64,
    /// Write the map as SVG
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

fn up_to(most: usize, text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("'{text}' is no number from 1 to {most}")),
    }
}

fn count(text: &str) -> Result<usize, String> {
    up_to(1 << 16, text)
}

fn share(text: &str) -> Result<usize, String> {
    up_to(MAX_SHARE, text)
}

pub(super) fn run(args: BenchArgs) -> Result<(), Error> {
    let console = Console::new(args.json, false);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut threads = if args.threads.is_empty() { vec![1, cores] } else { args.threads };
    threads.sort_unstable();
    threads.dedup();
    if !(args.seconds >= 0.0 && args.seconds <= 3600.0) {
        return Err(Error::Seconds(args.seconds));
    }
    let (widths, batches, sparsities) = (args.widths, args.batches, args.sparsity);
    for (&width, &sparsity) in widths.iter().flat_map(|w| sparsities.iter().map(move |s| (w, s))) {
        let most = 1.0 - 1.0 / width as f64;
        if sparsity > most {
            return Err(Error::TooSparse { sparsity, width, most });
        }
    }
    let (shares, seconds) = (args.share, args.seconds);
    let grid = Grid { widths, batches, sparsities, threads, shares, seconds };
    let bar = console.progress(grid.points() as u64, "[{bar:30}] {pos}/{len}  {msg}  eta {eta}");
    let measured = measure(&grid, |point| {
        let engine = point.sparsity.map_or("dense".to_string(), percent);
        let Point { width, batch, threads, share, .. } = point;
        bar.set_message(format!(
            "width {width}, batch {batch}, {threads} threads, share {share}, {engine}"
        ));
        bar.inc(1);
    });
    bar.finish_and_clear();
    let measured = measured?;
    console.line(map_text(&measured, &grid));
    if let Some(text) = sweep_text(&measured, &grid) {
        console.line(text);
    }
    console.line(roofline_text(&measured));
    console.object(&measured);
    match &args.figure {
        Some(path) => Ok(replace_file(path, benchmark_figure(&measured).as_bytes())?),
        None => Ok(()),
    }
}

/// A line per width, batch, threads and share: the dense step, and how many times as fast each
/// sparsity is.
fn map_text(measured: &Benchmark, grid: &Grid) -> String {
    let mut header: Vec<String> =
        ["width", "batch", "threads", "share", "dense, ms", "matrixmultiply"]
            .map(String::from)
            .to_vec();
    header.extend(grid.sparsities.iter().map(|&sparsity| percent(sparsity)));
    header.push("break-even density".to_string());
    let mut rows = vec![header];
    let per_row = 1 + grid.sparsities.len();
    for (points, combination) in measured.points.chunks(per_row).zip(&measured.combinations) {
        let dense = &points[0];
        let mut row: Vec<String> =
            [dense.width, dense.batch, dense.threads, dense.share].map(|n| n.to_string()).to_vec();
        row.push(format!("{:.3}", dense.step_ms_median));
        row.push(format!("{:.3}", combination.products_ms_median));
        row.extend(points[1..].iter().map(|point| format!("{:.2}×", point.speed_up)));
        let always = points[1..].iter().all(|point| point.speed_up >= 1.0);
        row.push(match combination.break_even_density {
            Some(density) => format!("{:.0} %", 100.0 * density),
            None if always => "above all measured".to_string(),
            None => "below all measured".to_string(),
        });
        rows.push(row);
    }
    let title = "A training step, dense / sparse: times as fast as our own dense engine";
    let yardstick = "share: neighbouring neurons that have the same inputs (train --share); \
                     matrixmultiply: ms of the same step's dense products (y, dX, dW) by that crate, \
                     without norm, loss and optimiser";
    format!("{title}\n{}\n{yardstick}", table(&rows))
}

/// A line per width, batch, threads above one and share: how much sooner that many runs are done
/// side by side. None if only one thread was asked for.
fn sweep_text(measured: &Benchmark, grid: &Grid) -> Option<String> {
    let mut header = ["width", "batch", "runs", "share", "dense"].map(String::from).to_vec();
    header.extend(grid.sparsities.iter().map(|&sparsity| percent(sparsity)));
    let mut rows = vec![header];
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    for points in measured.points.chunks(1 + grid.sparsities.len()) {
        let Point { width, batch, threads, share, .. } = points[0];
        if threads == 1 {
            continue;
        }
        let gains = points.iter().map(|point| point.side_by_side_speed_up);
        (least, most) = gains.clone().fold((least, most), |(a, b), g| (a.min(g), b.max(g)));
        let numbers = [width, batch, threads, share].map(|n| n.to_string());
        rows.push(numbers.into_iter().chain(gains.map(|gain| format!("{gain:.2}×"))).collect());
    }
    if rows.len() == 1 {
        return None;
    }
    let verdict = match (least >= 1.0, most > 1.0) {
        (true, _) => "a run per core finishes them sooner, whatever the network",
        (false, true) => "a run per core finishes them sooner where it says more than 1",
        (false, false) => "one after another on all threads finishes them sooner",
    };
    let title = "Many runs: side by side on one thread each, times as fast as one after another \
                 on all threads";
    Some(format!("\n{title}\n{}\n{verdict}", table(&rows)))
}

fn roofline_text(measured: &Benchmark) -> String {
    let roofline = &measured.roofline;
    let attained: Vec<String> = roofline
        .spmm_gflops
        .iter()
        .map(|(sparsity, rate)| {
            let share = 100.0 * rate / roofline.peak_gflops;
            format!("{rate:.0} ({share:.0} %) at {}", percent(*sparsity))
        })
        .collect();
    format!(
        "\none core, {}: FMA peak {:.0} GFLOP/s; SpMM 1024 × 1024 {}",
        measured.isa,
        roofline.peak_gflops,
        attained.join(", ")
    )
}
