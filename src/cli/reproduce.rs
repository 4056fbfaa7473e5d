//! `fanin reproduce`.

use super::console::{Console, grouped, table};
use super::error::Error;
use super::reproduction_tables::{Answer, INDEX, RUNS, report};
use super::signals::stop_on_signal;
use super::sweep;
use super::sweep_progress::SweepProgress;
use crate::dataset::{KnownDataset, is_here, known as known_dataset};
use crate::experiment::paper::{Experiment, PaperRun, experiments, together, untrained};
use crate::experiment::reproduction::Known;
use crate::experiment::sweep::{Options, Shard, Sweep};
use crate::experiment::untrained::Untrained;
use crate::experiment::{self, Datasets, FinishedRuns, Keep};
use crate::train::SettingsError;
use clap::Args;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

/// Flags of `fanin reproduce`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin reproduce --list                              every experiment, its runs, those that are done
  fanin reproduce table6 --datasets mnist             40 runs, the table, and what each number is worth
  fanin reproduce --shard 2/3                         all of the paper, the second of three parts
  fanin reproduce table6 --no-run --from results/paper/runs.jsonl

Runs are kept in --out as those of `fanin sweep` are: the same command goes on where it stopped, and
`fanin sweep merge` brings parts together.

The verdicts' rule: reproduced, if the paper's mean lies in our 95 % interval over the seeds (Student's
t), widened by the paper's sd/√n (its dense network's sd, where it prints none; of one seed, if both are
within 1.96·√2 sd); direction only, if the difference to the baseline's row has the paper's sign; else
not reproduced. Each number is judged at the last epoch and at the best one, which is chosen on test
samples. What is said of several numbers is reproduced, if ours is as small (or as large) as is said; too
uncertain, if only our interval reaches so far, or holds a difference and is wider than it. What needs no
training is reproduced, if it rounds to the printed digits by the rounding that comes nearest, or lies
within a tenth of what is said to be about right; what follows from the paper's definitions or its
printed means alone and is another number cannot hold.")]
pub(super) struct ReproduceArgs {
    /// What to reproduce, as --list names it; everything if nothing is named
    #[arg(value_name = "EXPERIMENT")]
    names: Vec<String>,
    /// Only these data sets
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    datasets: Vec<String>,
    /// Folder for the runs
    #[arg(long, value_name = "DIR", default_value = "runs/paper")]
    out: PathBuf,
    /// Take finished runs from here too: folders of runs, or files with a line per run
    #[arg(long, value_name = "RUNS")]
    from: Vec<PathBuf>,
    /// Train nothing: judge what is there
    #[arg(long)]
    no_run: bool,
    /// Show the experiments, and do nothing
    #[arg(long)]
    list: bool,
    /// Runs at once; 0 is one per core, each on one thread
    #[arg(long, value_name = "N", default_value_t = 0)]
    jobs: usize,
    /// Only a part of the runs, as 2/5; slurm: the part of this task of a Slurm array
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: Shard,
    /// Write tables as Markdown, one per experiment, of the whole paper a README.md with every
    /// number too, and the runs behind them as runs.jsonl; runs that it has already stay
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Folder of data sets [default: FANIN_DATA_DIR, the repository's data/, the user's cache]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Keep runs where the file system has no locks; no other process may write to them then
    #[arg(long)]
    no_lock: bool,
    /// Print every judgement as one JSON object on stdout, everything else on stderr
    #[arg(long)]
    json: bool,
    /// Say nothing but warnings and errors (and the JSON object, if asked for)
    #[arg(long, short)]
    quiet: bool,
}

/// What is asked for.
struct Asked {
    /// Experiments with their runs.
    trained: Vec<(Experiment, Vec<PaperRun>)>,
    /// And what needs none.
    untrained: Vec<Untrained>,
}

pub(super) fn run(args: ReproduceArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.quiet);
    let asked = asked(&args)?;
    if args.list {
        return list(&args, &console, &asked);
    }
    if args.no_lock {
        experiment::forgo_locks();
    }
    let mut failed = Ok(());
    if !args.no_run {
        let known = known(&args)?;
        let runs = asked.trained.iter().flat_map(|(_, runs)| runs.clone());
        let mut sweep = together(runs.filter(|run| known.get(&run.run.key).is_none()));
        for run in &mut sweep.runs {
            run.config.data.data_dir = args.data_dir.clone();
            run.config.make_absolute()?;
        }
        let left_out = leave_out(&args, &mut sweep)?;
        if !sweep.runs.is_empty() {
            let options = Options { jobs: args.jobs, shard: args.shard, keep: Keep::Results };
            let (started, progress) = (Instant::now(), SweepProgress::new(&console));
            let tally = sweep.execute(&args.out, &options, &stop_on_signal(), &progress);
            progress.finish();
            let seconds = started.elapsed().as_secs_f64();
            failed = sweep::tell(&Console::new(false, true), &tally?, seconds, &args.out);
        }
        failed = failed.and(left_out.map_or(Ok(()), Err));
    }
    let known = known(&args)?;
    let datasets = Datasets::default();
    let trained = asked.trained.iter().map(|(experiment, runs)| {
        Ok(Answer::trained(experiment, runs, experiment.judge(runs, &known), &known))
    });
    let untrained = asked.untrained.iter().map(|group| {
        let numbers =
            group.judge(&datasets, args.data_dir.as_deref(), |name| is_wanted(&args, name))?;
        Ok::<Answer, Error>(Answer::untrained(group, numbers))
    });
    let answers: Vec<Answer> = trained.chain(untrained).collect::<Result<_, Error>>()?;
    for answer in &answers {
        console.line(answer.text());
    }
    if let Some(folder) = &args.report {
        let asked = asked.trained.iter().flat_map(|(_, runs)| runs);
        let behind = asked.filter_map(|run| known.get(&run.run.key).cloned());
        let mut kept = Known::default();
        kept.add(behind)?;
        kept.add(reported(&args)?.into_runs())?;
        let is_whole = args.names.is_empty() && args.datasets.is_empty();
        report(folder, &answers, &kept, is_whole)?;
        if !is_whole && folder.join(INDEX).exists() {
            console.line("README.md there is renewed by a report of the whole paper");
        }
    }
    console.object(&answers);
    failed
}

/// Leaves out the runs whose data are not here, and says so.
fn leave_out(args: &ReproduceArgs, sweep: &mut Sweep) -> Result<Option<Error>, Error> {
    let names: BTreeSet<String> =
        sweep.runs.iter().map(|run| run.config.data.dataset.clone()).collect();
    let mut missing: Vec<&KnownDataset> = Vec::new();
    for name in &names {
        let known = known_dataset(name)?;
        if !is_here(known, args.data_dir.as_deref()) {
            missing.push(known);
        }
    }
    let before = sweep.runs.len();
    sweep.runs.retain(|run| missing.iter().all(|known| known.name != run.config.data.dataset));
    let runs = before - sweep.runs.len();
    let datasets = missing.iter().map(|known| known.name).collect();
    Ok((runs > 0).then_some(Error::LeftOut { runs, datasets }))
}

/// The experiments that are asked for, with their runs on the data sets that are.
fn asked(args: &ReproduceArgs) -> Result<Asked, Error> {
    let (all, others) = (experiments(), untrained());
    let names = all.iter().map(|experiment| &experiment.name);
    let known: Vec<String> = names.chain(others.iter().map(|group| &group.name)).cloned().collect();
    if let Some(name) = args.names.iter().find(|name| !known.contains(name)) {
        return Err(Error::NoExperiment { name: name.clone(), known });
    }
    for name in &args.datasets {
        known_dataset(name)?;
    }
    let is_asked = |name: &String| args.names.is_empty() || args.names.contains(name);
    let with_runs = |experiment: Experiment| {
        let runs = experiment.runs(|name| is_wanted(args, name)).map_err(SettingsError::from)?;
        Ok((experiment, runs))
    };
    let trained = all.into_iter().filter(|experiment| is_asked(&experiment.name)).map(with_runs);
    let trained: Vec<(Experiment, Vec<PaperRun>)> = trained.collect::<Result<_, Error>>()?;
    Ok(Asked {
        trained: trained.into_iter().filter(|(_, runs)| !runs.is_empty()).collect(),
        untrained: others.into_iter().filter(|group| is_asked(&group.name)).collect(),
    })
}

/// Whether this data set is asked for.
fn is_wanted(args: &ReproduceArgs, name: &str) -> bool {
    args.datasets.is_empty() || args.datasets.iter().any(|set| set == name)
}

/// The runs that are finished, here and wherever else they are.
fn known(args: &ReproduceArgs) -> Result<Known, Error> {
    let mut known = Known::default();
    if args.out.is_dir() {
        match FinishedRuns::read(&args.out) {
            Ok(found) => known.add(found.runs)?,
            Err(experiment::Error::NoRun(_)) => {}
            Err(problem) => return Err(problem.into()),
        }
    }
    for path in &args.from {
        known.add(FinishedRuns::read(path)?.runs)?;
    }
    known.add(reported(args)?.into_runs())?;
    Ok(known)
}

/// The runs of the report that is there already.
fn reported(args: &ReproduceArgs) -> Result<Known, Error> {
    let mut known = Known::default();
    let path = args.report.as_ref().map(|folder| folder.join(RUNS));
    if let Some(path) = path.filter(|path| path.is_file()) {
        known.add(FinishedRuns::read(&path)?.runs)?;
    }
    Ok(known)
}

fn list(args: &ReproduceArgs, console: &Console, asked: &Asked) -> Result<(), Error> {
    let known = known(args)?;
    let head = ["experiment", "runs", "epochs", "done", "what"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for (experiment, runs) in &asked.trained {
        let done = runs.iter().filter(|run| known.get(&run.run.key).is_some()).count();
        let what = format!("{} ({})", experiment.about, experiment.place);
        let epochs: usize = runs.iter().map(|run| run.run.config.train.epochs).sum();
        let numbers = [runs.len(), epochs, done].map(|number| grouped(number as u64));
        rows.push([experiment.name.clone()].into_iter().chain(numbers).chain([what]).collect());
    }
    for Untrained { name, about, place, .. } in &asked.untrained {
        let none = || "0".to_string();
        rows.push(vec![name.clone(), none(), none(), none(), format!("{about} ({place})")]);
    }
    console.line(table(&rows));
    let all = together(asked.trained.iter().flat_map(|(_, runs)| runs.clone())).runs;
    let epochs: usize = all.iter().map(|run| run.config.train.epochs).sum();
    console.line(format!(
        "{} runs of {} epochs, those that several experiments share counted once",
        grouped(all.len() as u64),
        grouped(epochs as u64)
    ));
    Ok(())
}
