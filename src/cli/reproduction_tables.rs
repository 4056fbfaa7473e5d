//! What `fanin reproduce` shows: tables on the console, pages of Markdown.

use super::console::table;
use super::error::Error;
use crate::experiment::claims::JudgedClaim;
use crate::experiment::paper::{Experiment, PaperRun};
use crate::experiment::reproduction::{Judged, Judgements, Known, Ours};
use crate::experiment::untrained::{JudgedNumber, Untrained};
use crate::experiment::verdict::Verdict;
use crate::format::{self, replace_file};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The file of a report that has the runs behind it.
pub(super) const RUNS: &str = "runs.jsonl";

/// And the one that has every number.
pub(super) const INDEX: &str = "README.md";

type Rows = Vec<Vec<String>>;

/// What an experiment answers.
#[derive(Serialize)]
pub(super) struct Answer {
    name: String,
    #[serde(skip)]
    about: String,
    #[serde(skip)]
    place: String,
    #[serde(skip)]
    made_by: String,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Kind {
    Trained(Judgements),
    Untrained { numbers: Vec<JudgedNumber> },
}

impl Answer {
    pub(super) fn trained(
        experiment: &Experiment,
        runs: &[PaperRun],
        judgements: Judgements,
        known: &Known,
    ) -> Answer {
        Answer {
            name: experiment.name.clone(),
            about: format!("{}; `{}`", experiment.about, experiment.metric),
            place: experiment.place.clone(),
            made_by: made_by(runs, known),
            kind: Kind::Trained(judgements),
        }
    }

    pub(super) fn untrained(group: &Untrained, numbers: Vec<JudgedNumber>) -> Answer {
        Answer {
            name: group.name.clone(),
            about: group.about.clone(),
            place: group.place.clone(),
            made_by: String::new(),
            kind: Kind::Untrained { numbers },
        }
    }

    /// As it stands on the console.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}: {} ({})\n", self.name, self.about, self.place);
        for rows in self.tables() {
            text += &format!("\n{}", table(&rows));
        }
        text + &format!("\n{}\n", self.tally())
    }

    /// A table for each column, and one of the claims.
    fn tables(&self) -> Vec<Rows> {
        let Judgements { rows, claims } = match &self.kind {
            Kind::Trained(judgements) => judgements,
            Kind::Untrained { numbers } => {
                let head = ["number", "paper", "ours", "± 95 %", "rounding", "verdict"];
                return vec![with_head(&head, numbers.iter().map(number_cells))];
            }
        };
        let mut columns: Vec<&str> = rows.iter().map(|row| row.column.as_str()).collect();
        columns.dedup();
        let mut tables = Vec::new();
        for column in columns {
            let here: Vec<&Judged> = rows.iter().filter(|row| row.column == column).collect();
            let dense = here.iter().find(|row| row.row == "Dense");
            let dense = dense.and_then(|row| row.seconds_per_epoch);
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
            tables.push(with_head(&head, here.iter().map(|row| cells(row, dense))));
        }
        if !claims.is_empty() {
            let head = [
                "claim",
                "column",
                "paper",
                "p, d",
                "ours, last",
                "± 95 %",
                "p",
                "d",
                "verdict",
                "ours, best",
                "verdict",
            ];
            tables.push(with_head(&head, claims.iter().map(claim_cells)));
        }
        tables
    }

    /// The verdicts at the last epoch, and at the best one where there is one.
    fn verdicts(&self) -> [Vec<Verdict>; 2] {
        match &self.kind {
            Kind::Untrained { numbers } => {
                [numbers.iter().filter_map(|number| number.verdict).collect(), vec![]]
            }
            Kind::Trained(Judgements { rows, claims }) => {
                let of_row = |ours: Option<Ours>| {
                    ours.and_then(|ours| ours.verdict).unwrap_or(Verdict::NotRun)
                };
                let printed = || rows.iter().filter(|row| row.paper.is_some());
                let at_last = printed().map(|row| of_row(row.last));
                let at_last = at_last.chain(claims.iter().map(|claim| claim.verdict(claim.last)));
                let at_best = printed().map(|row| of_row(row.best));
                let of_claim = |claim: &JudgedClaim| claim.verdict(claim.best.or(claim.last));
                let at_best = at_best.chain(claims.iter().map(of_claim));
                let is_run = rows.iter().any(|row| row.last.is_some());
                let has_best = !is_run || rows.iter().any(|row| row.best.is_some());
                let best = if has_best { at_best.collect() } else { vec![] };
                [at_last.collect(), best]
            }
        }
    }

    /// How many numbers have which verdict.
    fn tally(&self) -> String {
        match self.verdicts() {
            [last, best] if best.is_empty() => counted(&last),
            [last, best] => {
                format!("at the last epoch {}; at the best {}", counted(&last), counted(&best))
            }
        }
    }

    fn page(&self) -> String {
        let Answer { name, about, place, made_by, .. } = self;
        let mut page = format!("# {name}: {about}\n\n{place}. `fanin reproduce {name}`. ");
        page += &format!("{}.\n{made_by}", self.tally());
        for rows in self.tables() {
            page += &markdown(&rows);
        }
        page
    }

    /// A row for each number that the paper prints.
    fn index(&self) -> Rows {
        let link = format!("[{name}]({name}.md)", name = self.name);
        let row = |what: String, cells: [String; 5]| {
            let mut row = vec![link.clone(), what];
            row.extend(cells);
            row
        };
        let dash = || DASH.to_string();
        match &self.kind {
            Kind::Untrained { numbers } => {
                let printed = numbers.iter().filter(|number| number.paper.is_some());
                let cells = printed.map(|number| {
                    let [about, paper, ours, _, _, verdict] = number_cells(number);
                    row(about, [paper, ours, verdict, dash(), dash()])
                });
                cells.collect()
            }
            Kind::Trained(Judgements { rows, claims }) => {
                let means = rows.iter().filter(|row| row.paper.is_some()).map(|judged| {
                    let [of, paper, last, _, verdict, best, at_best, ..] = cells(judged, None);
                    row(format!("{of}, {}", judged.column), [paper, last, verdict, best, at_best])
                });
                let claims = claims.iter().map(|claim| {
                    let [about, columns, paper, _, last, _, _, _, verdict, best, at_best] =
                        claim_cells(claim);
                    let what =
                        if columns.is_empty() { about } else { format!("{about}, {columns}") };
                    row(what, [paper, last, verdict, best, at_best])
                });
                means.chain(claims).collect()
            }
        }
    }
}

const DASH: &str = "–";

fn with_head<const N: usize>(head: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> Rows {
    let head = head.map(String::from).to_vec();
    [head].into_iter().chain(rows.map(Vec::from)).collect()
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or(DASH.to_string(), |value| format!("{value:.digits$}"))
}

/// Whole numbers as they are, others to three digits.
fn as_it_is(value: f64) -> String {
    match value.fract() == 0.0 {
        true => super::console::grouped(value as u64),
        false if value.abs() < 10.0 => format!("{value:.3}"),
        false => format!("{value:.2}"),
    }
}

fn number_cells(number: &JudgedNumber) -> [String; 6] {
    let JudgedNumber { about, paper, ours, half_interval, rounding, open, verdict } = number;
    let dash = || DASH.to_string();
    [
        about.clone(),
        paper.as_ref().map_or_else(dash, ToString::to_string),
        ours.map_or_else(dash, as_it_is),
        self::number(*half_interval, 3),
        rounding.map_or_else(dash, |rounding| rounding.to_string()),
        match (verdict, open) {
            (Some(verdict), _) => verdict.to_string(),
            (None, open) => open.clone().unwrap_or_default(),
        },
    ]
}

fn cells(row: &Judged, dense: Option<f64>) -> [String; 11] {
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
    [
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

fn claim_cells(claim: &JudgedClaim) -> [String; 11] {
    let JudgedClaim { last, best, .. } = claim;
    let digits = if claim.paper.value.abs() < 0.2 { 3 } else { 2 };
    [
        claim.about.clone(),
        claim.columns.join(", "),
        claim.paper.to_string(),
        match (claim.paper_p, claim.paper_d) {
            (None, None) => String::new(),
            (p, d) => format!("{}, {}", number(p, 3), number(d, 2)),
        },
        number(last.map(|ours| ours.value), digits),
        number(last.map(|ours| ours.half_interval), digits),
        number(last.and_then(|ours| ours.p), 3),
        number(last.and_then(|ours| ours.cohens_d), 2),
        claim.verdict(*last).to_string(),
        number(best.map(|ours| ours.value), digits),
        if best.is_some() { claim.verdict(*best).to_string() } else { String::new() },
    ]
}

fn counted(verdicts: &[Verdict]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(verdict.to_string()).or_default() += 1;
    }
    let parts: Vec<String> =
        counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    if parts.is_empty() { "no number is printed".to_string() } else { parts.join(", ") }
}

/// The programs and instruction sets of the runs that are known.
fn made_by(runs: &[PaperRun], known: &Known) -> String {
    let results = || runs.iter().filter_map(|run| known.get(&run.run.key)).map(|run| &run.result);
    let commits: BTreeSet<&str> = results().map(|result| result.commit.as_str()).collect();
    let levels: BTreeSet<&str> = results().map(|result| result.isa.as_str()).collect();
    if commits.is_empty() {
        return String::new();
    }
    let listed = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
    format!(
        "Commit {}; {}; seconds are those of the runs, beside whatever else there was.\n",
        listed(commits),
        listed(levels)
    )
}

fn markdown(rows: &Rows) -> String {
    let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
    let rule = "--- |".to_string() + &" --- |".repeat(rows[0].len() - 1);
    format!("\n{}| {rule}\n{}", line(&rows[0]), rows[1..].iter().map(line).collect::<String>())
}

/// Writes a page per experiment, the runs behind them, a line each, and of the whole paper a page
/// with every number.
pub(super) fn report(
    folder: &Path,
    answers: &[Answer],
    known: &Known,
    is_whole: bool,
) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(format::Error::io(folder))?;
    for answer in answers {
        replace_file(&folder.join(format!("{}.md", answer.name)), answer.page().as_bytes())?;
    }
    let lines: String = known.runs().map(|run| run.to_line()).collect();
    if !lines.is_empty() {
        replace_file(&folder.join(RUNS), lines.as_bytes())?;
    }
    if is_whole {
        let head =
            ["experiment", "number", "paper", "last epoch", "verdict", "best epoch", "verdict"];
        let mut rows = vec![head.map(String::from).to_vec()];
        rows.extend(answers.iter().flat_map(Answer::index));
        let [last, best] = [0, 1].map(|at| {
            let all = answers.iter().flat_map(|answer| answer.verdicts()[at].clone());
            counted(&all.collect::<Vec<Verdict>>())
        });
        let page = format!(
            "# Every number of the paper\n\n`fanin reproduce NAME` for an experiment of this name, \
             `fanin reproduce` for all. Means over the seeds (standard deviation); the best epoch is \
             chosen on test samples. {} judgements, of a number that the paper leaves two readings one \
             for each: at the last epoch, or without epochs, {last}; at the \
             best {best}.\n{}",
            rows.len() - 1,
            markdown(&rows)
        );
        replace_file(&folder.join(INDEX), page.as_bytes())?;
    }
    Ok(())
}
