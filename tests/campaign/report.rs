//! What a campaign tells.

use crate::area::{Area, Outcome};
use fanin::experiment::Machine;
use std::fmt::Write;

/// What makes a report.
const COMMAND: &str = "cargo test --release --test campaign -- --long --report results/campaign.md";

/// Tells of an area, and of what could not be done as the tests do.
pub(crate) fn tell(area: &Area, outcome: &Outcome) {
    if let Some(why) = outcome.hindrance {
        println!("skipped: campaign, {}: {why}", area.name);
        return;
    }
    let counts = counts(outcome);
    println!("campaign, {}: {} cases, {counts}, {:.1?}", area.name, outcome.cases, outcome.elapsed);
    for (case, fault) in &outcome.faults {
        let line: String = fault.escape_debug().take(1500).collect();
        println!("FAULT in {}, --area {0} --case {case}: {line}", area.name);
    }
}

fn counts(outcome: &Outcome) -> String {
    let told = outcome.counts.iter().map(|(name, count)| format!("{count} {name}"));
    let mut told: Vec<String> = told.collect();
    told.push(format!("{} faults", outcome.faults.len()));
    told.join(", ")
}

/// Where the part of a report begins that people write.
const WRITTEN: &str = "## ";

/// The report as a page; what people wrote into the one before stays.
pub(crate) fn page(areas: &[&Area], outcomes: &[Outcome], seed: u64, before: &str) -> String {
    let total: f64 = outcomes.iter().map(|outcome| outcome.elapsed.as_secs_f64()).sum();
    let mut page = format!(
        "# A campaign of attacks\n\n```\n{COMMAND} --seed {seed}\n{}\nminutes: {:.0}\n```\n\n\
         | area | cases | what was done | faults | minutes |\n|---|---|---|---|---|\n",
        Machine::describe("all cores"),
        total / 60.0
    );
    for (area, outcome) in areas.iter().zip(outcomes) {
        let (done, minutes) = match outcome.hindrance {
            Some(why) => (format!("not here: {why}"), 0.0),
            None => {
                let told = outcome.counts.iter().map(|(name, count)| format!("{count} {name}"));
                (told.collect::<Vec<_>>().join("; "), outcome.elapsed.as_secs_f64() / 60.0)
            }
        };
        let (name, cases, faults) = (area.name, outcome.cases, outcome.faults.len());
        writeln!(page, "| {name} | {cases} | {done} | {faults} | {minutes:.1} |")
            .expect("it grows");
    }
    page.push('\n');
    for area in areas {
        writeln!(page, "- **{}**: {}", area.name, area.about).expect("it grows");
    }
    if let Some(at) = before.find(&format!("\n{WRITTEN}")) {
        page += &before[at..];
    }
    page
}
