//! `fanin sweep`.

use super::config_flags::ConfigFlags;
use super::console::{Console, seconds_text, table};
use super::error::Error;
use super::signals::stop_on_signal;
use super::sweep_progress::SweepProgress;
use crate::experiment::sweep::{Definition, Merged, Options, Shard, Sweep, Tally, merge};
use crate::experiment::{self, Keep};
use crate::train::SettingsError;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Flags of `fanin sweep`.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "FILE is settings as `fanin train --config` takes them, for all runs; what varies is below:
  epochs = 5
  [grid]                      # every combination
  sparsity = [0.9, 0.95]
  seed = \"1..5\"               # both ends included
  [[run]]                     # settings that belong together, each with the whole grid
  profile = \"uniform\"
  [[run]]
  profile = \"exponential\"
  rounding = \"floor\"

Examples:
  fanin sweep --vary sparsity=0.9,0.95 --vary seed=1..5 --epochs 5 --out runs/sparsity
  fanin sweep profiles.toml --out runs/profiles      the same command goes on where it stopped
  fanin compare runs/profiles                        means and intervals over the seeds
  seq 3 | parallel fanin sweep profiles.toml --out runs/p --shard {}/3
  sbatch --array 1-8 --wrap 'fanin sweep profiles.toml --out runs/p --shard slurm'
  fanin sweep merge runs/all node1/runs/p node2/runs/p

Every run is a folder that `fanin train --resume`, `eval` and `inspect` know, named by a key of what
determines it. What is finished is not done again; Ctrl-C keeps every checkpoint. A run that fails
leaves error.txt, and the others go on. Several processes may share a folder."
)]
pub(super) struct SweepArgs {
    #[command(subcommand)]
    command: Option<SweepCommand>,
    /// What is run, as TOML
    file: Option<PathBuf>,
    #[command(flatten)]
    flags: ConfigFlags,
    /// Let a setting vary: sparsity=0.9,0.95, seed=1..5, or where values have commas themselves
    /// hidden=512,512;1024; may be given several times
    #[arg(long, value_name = "SETTING=VALUES", help_heading = "Sweep")]
    vary: Vec<String>,
    /// Folder for the runs, each in a folder of its own
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run", help_heading = "Sweep")]
    out: Option<PathBuf>,
    /// Runs at once; 0 is one per core, each on one thread unless --threads says otherwise
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Sweep")]
    jobs: usize,
    /// Only a part of the runs, as 2/5; slurm: the part of this task of a Slurm array
    #[arg(long, value_name = "K/N", default_value = "1/1", help_heading = "Sweep")]
    shard: Shard,
    /// What stays of a finished run: all, model (no checkpoint), results (no network either)
    #[arg(
        long,
        value_enum,
        default_value = "model",
        hide_possible_values = true,
        help_heading = "Sweep"
    )]
    keep: Keep,
    /// Show the runs with their keys, and do nothing
    #[arg(long, help_heading = "Sweep")]
    dry_run: bool,
    /// Keep runs where the file system has no locks; no other process may write to them then
    #[arg(long, help_heading = "Sweep")]
    no_lock: bool,
    /// Print the summary as one JSON object on stdout, everything else on stderr
    #[arg(long)]
    json: bool,
    /// Say nothing but warnings and errors (and the JSON object, if asked for)
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Subcommand)]
enum SweepCommand {
    /// Copy the finished runs of several sweeps into one folder
    Merge {
        /// Where to
        out: PathBuf,
        /// The folders of the sweeps
        #[arg(required = true)]
        parts: Vec<PathBuf>,
    },
}

pub(super) fn run(args: SweepArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.quiet);
    if let Some(SweepCommand::Merge { out, parts }) = &args.command {
        let Merged { copied, known, unfinished } = merge(out, parts)?;
        console.line(format!(
            "{copied} runs copied, {known} were there already, {unfinished} are not finished"
        ));
        return Ok(());
    }
    let sweep = args.sweep()?;
    let Some(out) = args.out.as_ref().filter(|_| !args.dry_run) else {
        show(&console, &sweep, args.shard);
        return Ok(());
    };
    if args.no_lock {
        experiment::forgo_locks();
    }
    let options = Options { jobs: args.jobs, shard: args.shard, keep: args.keep };
    let (started, progress) = (Instant::now(), SweepProgress::new(&console));
    let tally = sweep.execute(out, &options, &stop_on_signal(), &progress);
    progress.finish();
    tell(&console, &tally?, started.elapsed().as_secs_f64(), out)
}

impl SweepArgs {
    /// The file, the flags over its settings, and what varies over both.
    fn sweep(&self) -> Result<Sweep, Error> {
        let mut definition = match &self.file {
            Some(path) => Definition::read(path)?,
            None => Definition::default(),
        };
        for (setting, value) in self.flags.table()? {
            definition.set(setting, value);
        }
        for text in &self.vary {
            definition.vary(text).map_err(SettingsError::from)?;
        }
        let sweep = definition.runs();
        Ok(sweep.map_err(|problem| match &self.file {
            Some(path) => SettingsError::at(path)(problem),
            None => problem.into(),
        })?)
    }
}

fn show(console: &Console, sweep: &Sweep, shard: Shard) {
    let mut rows = vec![vec!["key".to_string(), "settings".to_string()]];
    for run in shard.runs(sweep) {
        let run = &sweep.runs[run];
        rows.push(vec![run.key.clone(), run.label.clone()]);
    }
    console.line(table(&rows));
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    runs: usize,
    finished: usize,
    failed: usize,
    elsewhere: usize,
    seconds: f64,
    run_dir: &'a std::path::Path,
}

/// What became of the runs; those that failed are an error.
pub(super) fn tell(
    console: &Console,
    tally: &Tally,
    seconds: f64,
    out: &std::path::Path,
) -> Result<(), Error> {
    let &Tally { runs, finished, elsewhere, .. } = tally;
    let failed = tally.failed.len();
    let mut text =
        format!("{finished} of {runs} runs are finished after {}", seconds_text(seconds));
    if elsewhere > 0 {
        text += &format!("; {elsewhere} are in the hands of another process");
    }
    console.line(format!("{text}\nthe runs are in {}", out.display()));
    console.object(&Summary { runs, finished, failed, elsewhere, seconds, run_dir: out });
    for (run, problem) in &tally.failed {
        console.error(&format!("{run}: {problem}"));
    }
    if failed > 0 { Err(Error::RunsFailed { failed, runs }) } else { Ok(()) }
}
