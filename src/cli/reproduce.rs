//! `fanin reproduce`.

use super::console::{Console, table};
use super::error::Error;
use super::signals::stop_on_signal;
use super::sweep;
use super::sweep_progress::SweepProgress;
use crate::experiment::paper::{Experiment, PaperRun, experiments, together};
use crate::experiment::sweep::{Options, Shard};
use crate::experiment::verdict::{Judged, JudgedClaim, Judgements, Known, Ours, Verdict};
use crate::experiment::{self, FinishedRuns, Keep};
use crate::format::{self, replace_file};
use crate::train::SettingsError;
use clap::Args;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
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
t), widened by the paper's sd/√n (its dense network's sd, where it prints none); direction only, if the
difference to the baseline's row has the paper's sign; else not reproduced. Each number is judged at the
last epoch and at the best one, which is chosen on test samples.")]
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
    /// Write tables as Markdown, one per experiment, and the runs behind them as runs.jsonl
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

pub(super) fn run(args: ReproduceArgs) -> Result<(), Error> {
    let console = Console::new(args.json, args.quiet);
    let chosen = chosen(&args)?;
    if args.list {
        return list(&args, &console, &chosen);
    }
    if args.no_lock {
        experiment::forgo_locks();
    }
    let mut failed = Ok(());
    if !args.no_run {
        let known = known(&args)?;
        let runs = chosen.iter().flat_map(|(_, runs)| runs.clone());
        let mut sweep = together(runs.filter(|run| known.get(&run.run.key).is_none()));
        for run in &mut sweep.runs {
            run.config.data.data_dir = args.data_dir.clone();
            run.config.make_absolute()?;
        }
        let options = Options { jobs: args.jobs, shard: args.shard, keep: Keep::Results };
        let (started, progress) = (Instant::now(), SweepProgress::new(&console));
        let tally = sweep.execute(&args.out, &options, &stop_on_signal(), &progress);
        progress.finish();
        let seconds = started.elapsed().as_secs_f64();
        failed = sweep::tell(&Console::new(false, true), &tally?, seconds, &args.out);
    }
    let known = known(&args)?;
    let all: Vec<(&Experiment, Judgements)> = chosen
        .iter()
        .map(|(experiment, runs)| (experiment, experiment.judge(runs, &known)))
        .collect();
    for (experiment, judgements) in &all {
        console.line(format!("{}: {} ({})", experiment.name, experiment.about, experiment.place));
        for (heading, rows) in tables(judgements, false) {
            console.line(format!("\n{heading}\n{}", table(&rows)));
        }
        console.line(tally_text(judgements) + "\n");
    }
    if let Some(folder) = &args.report {
        report(folder, &all, &chosen, &known)?;
    }
    console.object(&all.iter().map(|(_, judgements)| judgements).collect::<Vec<_>>());
    failed
}

/// The experiments that are asked for, with their runs on the data sets that are.
fn chosen(args: &ReproduceArgs) -> Result<Vec<(Experiment, Vec<PaperRun>)>, Error> {
    let all = experiments();
    let known: Vec<String> = all.iter().map(|experiment| experiment.name.clone()).collect();
    if let Some(name) = args.names.iter().find(|name| !known.contains(name)) {
        return Err(Error::NoExperiment { name: name.clone(), known });
    }
    for name in &args.datasets {
        crate::dataset::known(name)?;
    }
    let is_chosen =
        |experiment: &Experiment| args.names.is_empty() || args.names.contains(&experiment.name);
    let wanted =
        |name: &str| args.datasets.is_empty() || args.datasets.iter().any(|set| set == name);
    let with_runs = |experiment: Experiment| {
        let runs = experiment.runs(wanted).map_err(SettingsError::from)?;
        Ok((experiment, runs))
    };
    let chosen = all.into_iter().filter(is_chosen).map(with_runs);
    let chosen: Vec<(Experiment, Vec<PaperRun>)> = chosen.collect::<Result<_, Error>>()?;
    Ok(chosen.into_iter().filter(|(_, runs)| !runs.is_empty()).collect())
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
    Ok(known)
}

fn list(
    args: &ReproduceArgs,
    console: &Console,
    chosen: &[(Experiment, Vec<PaperRun>)],
) -> Result<(), Error> {
    let known = known(args)?;
    let mut rows = vec![["experiment", "runs", "done", "what"].map(String::from).to_vec()];
    for (experiment, runs) in chosen {
        let done = runs.iter().filter(|run| known.get(&run.run.key).is_some()).count();
        let what = format!("{} ({})", experiment.about, experiment.place);
        rows.push(vec![experiment.name.clone(), runs.len().to_string(), done.to_string(), what]);
    }
    console.line(table(&rows));
    let all = together(chosen.iter().flat_map(|(_, runs)| runs.clone())).runs.len();
    console.line(format!("{all} runs, those that several experiments share counted once"));
    Ok(())
}

/// A table for each column, and one of the claims.
fn tables(judgements: &Judgements, is_markdown: bool) -> Vec<(String, Vec<Vec<String>>)> {
    let mut columns: Vec<&str> = judgements.rows.iter().map(|row| row.column.as_str()).collect();
    columns.dedup();
    let mut tables = Vec::new();
    for column in columns {
        let here: Vec<&Judged> =
            judgements.rows.iter().filter(|row| row.column == column).collect();
        let dense =
            here.iter().find(|row| row.row == "Dense").and_then(|row| row.seconds_per_epoch);
        let head = [
            column,
            "paper",
            "ours, last",
            "± 95 %",
            "verdict",
            "ours, best",
            "verdict",
            "seeds",
            "Tflop",
            "s/epoch",
            "× dense",
        ];
        let mut rows = vec![head.map(String::from).to_vec()];
        rows.extend(here.iter().map(|row| cells(row, dense)));
        let heading = if is_markdown { String::new() } else { format!("{}:", judgements.name) };
        tables.push((heading, rows));
    }
    if !judgements.claims.is_empty() {
        let head = ["claim", "column", "paper", "ours", "± 95 %", "p", "d", "verdict"];
        let mut rows = vec![head.map(String::from).to_vec()];
        rows.extend(judgements.claims.iter().map(claim_cells));
        tables.push((String::new(), rows));
    }
    tables
}

const DASH: &str = "–";

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or(DASH.to_string(), |value| format!("{value:.digits$}"))
}

fn cells(row: &Judged, dense: Option<f64>) -> Vec<String> {
    let verdict = |ours: &Option<Ours>| match (row.paper, ours) {
        (None, _) => String::new(),
        (Some(_), None) => Verdict::NotRun.to_string(),
        (Some(_), Some(ours)) => ours.verdict.map_or(String::new(), |verdict| verdict.to_string()),
    };
    let with_sd = |ours: &Option<Ours>| match ours {
        None => DASH.to_string(),
        Some(Ours { mean, sd: None, .. }) => format!("{mean:.2}"),
        Some(Ours { mean, sd: Some(sd), .. }) => format!("{mean:.2} ({sd:.2})"),
    };
    let [found, wanted] = row.seeds;
    vec![
        row.row.clone(),
        number(row.paper, 2),
        with_sd(&row.last),
        number(row.last.and_then(|ours| ours.half_interval), 2),
        verdict(&row.last),
        with_sd(&row.best),
        if row.best.is_some() { verdict(&row.best) } else { String::new() },
        if found == wanted { found.to_string() } else { format!("{found} of {wanted}") },
        number(row.train_flops.map(|flops| flops / 1e12), 3),
        number(row.seconds_per_epoch, 2),
        number(dense.zip(row.seconds_per_epoch).map(|(dense, own)| dense / own), 1),
    ]
}

fn claim_cells(claim: &JudgedClaim) -> Vec<String> {
    vec![
        claim.about.clone(),
        claim.column.clone(),
        number(Some(claim.paper), 2),
        number(claim.ours, 2),
        number(claim.half_interval, 2),
        number(claim.welch.map(|test| test.p), 3),
        number(claim.cohens_d, 2),
        claim.verdict.to_string(),
    ]
}

/// How many numbers have which verdict.
fn tally_text(judgements: &Judgements) -> String {
    let count = |at: &dyn Fn(&Judged) -> Option<Ours>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for row in judgements.rows.iter().filter(|row| row.paper.is_some()) {
            let verdict = at(row).and_then(|ours| ours.verdict).unwrap_or(Verdict::NotRun);
            *counts.entry(verdict.to_string()).or_default() += 1;
        }
        let parts: Vec<String> =
            counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        parts.join(", ")
    };
    let last = count(&|row| row.last);
    match judgements.rows.iter().any(|row| row.best.is_some()) {
        true => format!("at the last epoch {last}; at the best {}", count(&|row| row.best)),
        false => last,
    }
}

/// The programs and instruction sets of the runs that are known.
fn made_by(runs: &[PaperRun], known: &Known) -> String {
    let results = || runs.iter().filter_map(|run| known.get(&run.run.key)).map(|run| &run.result);
    let commits: BTreeSet<&str> = results().map(|result| result.commit.as_str()).collect();
    let levels: BTreeSet<&str> = results().map(|result| result.isa.as_str()).collect();
    let listed = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
    format!(
        "Commit {}; {}; one thread a run, and the seconds beside other runs.\n",
        listed(commits),
        listed(levels)
    )
}

/// Writes a page per experiment, and the runs behind them, a line each.
fn report(
    folder: &Path,
    all: &[(&Experiment, Judgements)],
    chosen: &[(Experiment, Vec<PaperRun>)],
    known: &Known,
) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(format::Error::io(folder))?;
    for ((experiment, judgements), (_, runs)) in all.iter().zip(chosen) {
        let mut page = format!("# {}: {}\n\n", experiment.name, experiment.about);
        page += &format!("{}; metric `{}`.\n", experiment.place, experiment.metric);
        page += &format!("`fanin reproduce {}`. {}.\n", experiment.name, tally_text(judgements));
        page += &made_by(runs, known);
        for (_, rows) in tables(judgements, true) {
            let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
            page += &format!("\n{}|{}\n", line(&rows[0]), " --- |".repeat(rows[0].len()));
            page += &rows[1..].iter().map(line).collect::<String>();
        }
        replace_file(&folder.join(format!("{}.md", experiment.name)), page.as_bytes())?;
    }
    let mut told = BTreeSet::new();
    let keys = chosen.iter().flat_map(|(_, runs)| runs.iter().map(|run| run.run.key.as_str()));
    let lines = keys.filter(|key| told.insert(*key)).filter_map(|key| known.get(key));
    let lines: String = lines.map(|run| run.to_line()).collect();
    Ok(replace_file(&folder.join("runs.jsonl"), lines.as_bytes())?)
}
