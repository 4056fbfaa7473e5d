//! `fanin compare`.

use super::console::{Console, table};
use super::error::Error;
use crate::experiment::comparison::{Against, At, Comparison, Group, Question, Summary, scale};
use crate::experiment::{FinishedRun, FinishedRuns};
use crate::format::replace_file;
use clap::Args;
use std::path::PathBuf;

/// Flags of `fanin compare`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin compare runs/profiles                           mean, standard deviation, 95 % interval
  fanin compare runs/profiles --against profile=uniform    differences, t tests, effect sizes
  fanin compare runs/a runs/b --metric test_loss,train_flops
  fanin compare runs/profiles --csv profiles.csv

A value is the kept network's: the last epoch's, unless validation samples chose another. The test
is Welch's, p also adjusted by Holm over all rows; `paired` is the t test of runs with the same
seed; d is Cohen's, in pooled standard deviations. Accuracies are in per cent, in CSV and JSON
fractions.")]
pub(super) struct CompareArgs {
    /// Folders of runs or of sweeps, or files of runs
    #[arg(required = true, value_name = "RUN")]
    paths: Vec<PathBuf>,
    /// What is compared: any number of a run's result
    /// [default: test_accuracy, of numbers test_loss]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    metric: Vec<String>,
    /// Which epoch of a run counts: last, or best, which is chosen by the value itself and so a
    /// leak of test samples
    #[arg(long, value_enum, default_value = "last", hide_possible_values = true)]
    at: At,
    /// The settings that runs of a group differ in
    #[arg(long, value_delimiter = ',', value_name = "SETTINGS", default_value = "seed")]
    over: Vec<String>,
    /// The baseline, as profile=uniform: each row is held against the one that is equal in
    /// everything else; may be given several times
    #[arg(long, value_name = "SETTING=VALUE", value_parser = parse_baseline)]
    against: Vec<(String, String)>,
    /// Write the table to this file too
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print one JSON object on stdout, everything else on stderr
    #[arg(long)]
    json: bool,
}

fn parse_baseline(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((setting, value)) if !setting.is_empty() => {
            Ok((setting.to_string(), value.to_string()))
        }
        _ => Err(format!("'{text}' is no setting with its value, such as profile=uniform")),
    }
}

/// The finished runs of all places.
pub(super) fn read_runs(paths: &[PathBuf], console: &Console) -> Result<Vec<FinishedRun>, Error> {
    let mut runs: Vec<FinishedRun> = Vec::new();
    for path in paths {
        let found = FinishedRuns::read(path)?;
        if found.unfinished > 0 {
            let (count, path) = (found.unfinished, path.display());
            console.warn(&format!("{path}: {count} runs are not finished, and left out"));
        }
        runs.extend(found.runs);
    }
    if runs.is_empty() { Err(Error::NothingFinished) } else { Ok(runs) }
}

/// The values that are asked for, or what everyone asks for.
pub(super) fn default_metrics(asked: Vec<String>, runs: &[FinishedRun]) -> Vec<String> {
    let has_classes = runs.iter().all(|run| run.result.values.contains_key("test_accuracy"));
    match asked.is_empty() {
        false => asked,
        true if has_classes => vec!["test_accuracy".to_string()],
        true => vec!["test_loss".to_string()],
    }
}

pub(super) fn run(args: CompareArgs) -> Result<(), Error> {
    let console = Console::new(args.json, false);
    let runs = read_runs(&args.paths, &console)?;
    let metrics = default_metrics(args.metric, &runs);
    let question = Question { metrics, at: args.at, over: args.over, against: args.against };
    let comparison = question.answer(&runs)?;
    for metric in &question.metrics {
        let what = format!("{metric}, {} epoch, over {}", question.at, question.over.join(", "));
        console.line(format!("{what}:\n{}\n", table(&rows(&comparison, metric))));
    }
    if let Some(path) = &args.csv {
        replace_file(path, csv(&comparison, &question.metrics).as_bytes())?;
    }
    console.object(&comparison);
    Ok(())
}

/// The table of one value, in numbers for people.
fn rows(comparison: &Comparison, metric: &str) -> Vec<Vec<String>> {
    let groups = &comparison.groups;
    let has_baseline = groups.iter().any(|group| group.is_baseline);
    let scale = scale(metric);
    let most = groups.iter().map(|group| (scale * group.metrics[metric].mean).abs());
    let digits = digits(most.fold(0.0, f64::max));
    let mut head = comparison.settings.clone();
    let unit = if scale == 100.0 { " (%)" } else { "" };
    head.extend(["runs".into(), format!("mean{unit}"), "sd".into(), "95 %".into()]);
    if has_baseline {
        let names = ["difference", "p", "p (Holm)", "p (paired)", "d"];
        head.extend(names.map(String::from));
    }
    if comparison.settings.is_empty() {
        head.insert(0, String::new());
    }
    let mut rows = vec![head];
    for group in groups {
        let Summary { values, mean, sd, half_interval, against } = &group.metrics[metric];
        let number = |value: f64| format!("{:.digits$}", scale * value);
        let maybe = |value: &Option<f64>| value.map_or("–".to_string(), number);
        let mut row: Vec<String> = names(comparison, group);
        let interval =
            half_interval.map_or("–".to_string(), |half| format!("± {}", number(half)));
        row.extend([values.len().to_string(), number(*mean), maybe(sd), interval]);
        match against {
            _ if !has_baseline => {}
            _ if group.is_baseline => row.push("baseline".to_string()),
            None => row.push("–".to_string()),
            Some(against) => row.extend(against_cells(against, scale, digits)),
        }
        rows.push(row);
    }
    rows
}

/// The settings of a group, or that there is nothing to tell it by.
fn names(comparison: &Comparison, group: &Group) -> Vec<String> {
    if comparison.settings.is_empty() {
        return vec!["all".to_string()];
    }
    let value = |setting: &String| group.settings[setting].clone().unwrap_or("–".to_string());
    comparison.settings.iter().map(value).collect()
}

fn against_cells(against: &Against, scale: f64, digits: usize) -> [String; 5] {
    let dash = || "–".to_string();
    let p = |p: Option<f64>| p.map_or(dash(), p_text);
    [
        format!("{:+.digits$}", scale * against.difference),
        p(against.welch.map(|test| test.p)),
        p(against.p_holm),
        p(against.paired.map(|test| test.p)),
        against.cohens_d.map_or(dash(), |d| format!("{d:+.2}")),
    ]
}

/// Digits behind the point that tell numbers of this size apart.
fn digits(most: f64) -> usize {
    match most {
        most if most >= 1e4 => 0,
        most if most >= 10.0 => 2,
        most if most >= 0.1 => 4,
        _ => 6,
    }
}

/// A probability with two digits that mean something.
fn p_text(p: f64) -> String {
    match p {
        p if p < 1e-4 => format!("{p:.0e}"),
        p if p < 0.0995 => format!("{p:.4}"),
        p => format!("{p:.2}"),
    }
}

/// A line per group and value, with all digits.
fn csv(comparison: &Comparison, metrics: &[String]) -> String {
    let quoted = |text: &str| match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    };
    let mut head = comparison.settings.clone();
    let names = [
        "metric",
        "runs",
        "mean",
        "sd",
        "half_interval",
        "difference",
        "p_welch",
        "p_holm",
        "p_paired",
        "pairs",
        "cohens_d",
    ];
    head.extend(names.map(String::from));
    let line = |cells: &[String]| {
        cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n"
    };
    let mut text = line(&head);
    for group in &comparison.groups {
        for metric in metrics {
            let summary = &group.metrics[metric];
            let number =
                |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            let settings = comparison.settings.iter();
            let mut cells: Vec<String> = settings
                .map(|setting| group.settings[setting].clone().unwrap_or_default())
                .collect();
            let against = summary.against.as_ref();
            cells.extend([
                metric.clone(),
                summary.values.len().to_string(),
                summary.mean.to_string(),
                number(summary.sd),
                number(summary.half_interval),
                number(against.map(|against| against.difference)),
                number(against.and_then(|against| Some(against.welch?.p))),
                number(against.and_then(|against| against.p_holm)),
                number(against.and_then(|against| Some(against.paired?.p))),
                against.map_or(String::new(), |against| against.pairs.to_string()),
                number(against.and_then(|against| against.cohens_d)),
            ]);
            text += &line(&cells);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_have_two_digits_that_mean_something() {
        let told = [3e-7, 0.0004, 0.0364, 0.25, 1.0].map(p_text);
        assert_eq!(told, ["3e-7", "0.0004", "0.0364", "0.25", "1.00"]);
    }
}
