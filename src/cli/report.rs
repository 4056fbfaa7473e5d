//! `fanin report`.

use super::compare::{default_metrics, read_runs};
use super::console::Console;
use super::error::Error;
use crate::experiment::FinishedRun;
use crate::experiment::comparison::{At, Comparison, Question};
use crate::format::{self, replace_file};
use crate::report::{HtmlReport, event_file};
use clap::Args;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Flags of `fanin report`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin report runs/s98                              one run
  fanin report runs/profiles --out profiles.html     a sweep
  fanin report results/paper/runs.jsonl              runs that others made
  fanin report runs/profiles --tensorboard tb        and then: tensorboard --logdir tb

One page that needs nothing else: curves with values under the pointer, tables that sort, what settings
differ, and the topologies of networks that were kept, which one can look into.")]
pub(super) struct ReportArgs {
    /// Folders of runs or of sweeps, or files of runs
    #[arg(required = true, value_name = "RUN")]
    paths: Vec<PathBuf>,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Write what TensorBoard reads instead: a folder per run with its settings as name, an event
    /// file in it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "title", "metric"])]
    tensorboard: Option<PathBuf>,
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
    if let Some(folder) = &args.tensorboard {
        return event_files(&runs, &comparison, folder, &console);
    }
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

/// Characters of a folder's name; some file systems end at 255 bytes.
const LONGEST: usize = 120;

/// Writes each run's events into a folder of its own, named by the settings that it differs in.
fn event_files(
    runs: &[FinishedRun],
    comparison: &Comparison,
    folder: &Path,
    console: &Console,
) -> Result<(), Error> {
    let mut taken = BTreeSet::new();
    for group in &comparison.groups {
        let settings = group.settings.iter();
        let parts =
            settings.filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
        let parts: Vec<String> = parts.collect();
        for run in group.members.iter().map(|&at| &runs[at]) {
            let mut parts = parts.clone();
            parts.push(format!("seed={}", run.result.seed));
            let name: String = parts.join(",").replace('/', "_").chars().take(LONGEST).collect();
            // Those of equal settings, and those whose names are cut.
            let numbered = (2..).map(|number| format!("{name},{number}"));
            let mut names = [name.clone()].into_iter().chain(numbered);
            let name = names.find(|name| taken.insert(name.clone())).expect("numbers do not end");
            let folder = folder.join(name);
            fs::create_dir_all(&folder).map_err(format::Error::io(&folder))?;
            replace_file(&folder.join("events.out.tfevents.0.fanin"), &event_file(run))?;
        }
    }
    console.line(format!("{} runs are in {}", taken.len(), folder.display()));
    Ok(())
}
