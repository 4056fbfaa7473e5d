//! `fanin report`.

use super::compare::{default_metrics, read_runs};
use super::console::Console;
use super::error::Error;
use crate::experiment::comparison::{At, Question};
use crate::format::replace_file;
use crate::report::HtmlReport;
use clap::Args;
use std::path::PathBuf;

/// Flags of `fanin report`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin report runs/s98                              one run
  fanin report runs/profiles --out profiles.html     a sweep
  fanin report results/paper/runs.jsonl              runs that others made

One page that needs nothing else: curves with values under the pointer, tables that sort, what settings
differ, and the topologies of networks that were kept, which one can look into.")]
pub(super) struct ReportArgs {
    /// Folders of runs or of sweeps, or files of runs
    #[arg(required = true, value_name = "RUN")]
    paths: Vec<PathBuf>,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Its heading [default: the paths]
    #[arg(long)]
    title: Option<String>,
    /// What is compared: any number of a run's result
    /// [default: test_accuracy, of numbers test_loss]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    metric: Vec<String>,
    /// The settings that runs of a group differ in
    #[arg(long, value_delimiter = ',', value_name = "SETTINGS", default_value = "seed")]
    over: Vec<String>,
}

pub(super) fn run(args: ReportArgs) -> Result<(), Error> {
    let console = Console::new(false, false);
    let runs = read_runs(&args.paths, &console)?;
    let metrics = default_metrics(args.metric, &runs);
    let question = Question { metrics, at: At::Last, over: args.over, against: Vec::new() };
    let comparison = question.answer(&runs)?;
    let names: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    let title = args.title.unwrap_or_else(|| names.join(", "));
    let report = HtmlReport {
        title: &title,
        runs: &runs,
        comparison: &comparison,
        metrics: &question.metrics,
    };
    let page = report.to_html();
    replace_file(&args.out, page.as_bytes())?;
    console.line(format!("{} runs are in {}", runs.len(), args.out.display()));
    Ok(())
}
