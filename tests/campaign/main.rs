//! A campaign of attacks: nothing is lost, and nothing is silently wrong.
//!
//! Without flags the short form, a part of the tests. The long one, with its report:
//!
//! ```text
//! cargo test --release --test campaign -- --long --report results/campaign.md
//! ```
//!
//! Every case is drawn from a seed, an area and a number, and what it is drawn from are the
//! program's own lists: what is added to them is attacked without an edit here. A fault is told
//! with the flags that repeat it.
//!
//! | file | attacks |
//! |---|---|
//! | `bits.rs` | the same bits on any threads and levels, across a checkpoint |
//! | `kills.rs` | runs that are killed at any time and at any write, and resumed |
//! | `failures.rs` | full disks, lost outputs, limits of files, bytes and memory |
//! | `mutations.rs` | files of every format with bytes that are others |
//! | `tables.rs` | tables of text in any dialect |
//! | `forgeries.rs` | models and checkpoints whose digests are right and whose content is made up |
//! | `lines.rs` | random command lines |
//! | `draw.rs` | settings and data, drawn from the program's lists |
//! | `area.rs`, `process.rs`, `report.rs` | what the areas share, and the report |

mod area;
mod bits;
mod draw;
mod failures;
#[path = "../common/files.rs"]
mod files;
#[path = "../common/forge.rs"]
mod forge;
mod forgeries;
mod kills;
mod lines;
#[path = "../common/mutate.rs"]
mod mutate;
mod mutations;
mod process;
mod report;
mod tables;

use area::Area;
use std::path::PathBuf;
use std::process::ExitCode;

/// Every area.
const AREAS: [Area; 8] = [
    bits::AREA,
    kills::AT_ANY_TIME,
    kills::AT_ANY_WRITE,
    failures::AREA,
    mutations::AREA,
    tables::AREA,
    forgeries::AREA,
    lines::AREA,
];

/// What is asked for.
struct Arguments {
    is_long: bool,
    seed: u64,
    area: Option<String>,
    case: Option<u64>,
    report: Option<PathBuf>,
}

/// What `cargo test` may say to every test, and that takes a value.
const WITH_VALUE: [&str; 4] = ["--test-threads", "--format", "--color", "--skip"];
/// As those, without.
const WITHOUT: [&str; 7] = [
    "--nocapture",
    "--no-capture",
    "--show-output",
    "--quiet",
    "-q",
    "--exact",
    "--include-ignored",
];

/// The arguments; none where they ask for other tests than this.
fn arguments() -> Option<Arguments> {
    let mut asked = Arguments { is_long: false, seed: 1, area: None, case: None, report: None };
    let mut words = std::env::args().skip(1);
    let number = |word: Option<String>, flag: &str| -> u64 {
        word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{flag} takes a number"))
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--long" => asked.is_long = true,
            "--seed" => asked.seed = number(words.next(), "--seed"),
            "--case" => asked.case = Some(number(words.next(), "--case")),
            "--area" => asked.area = words.next(),
            "--report" => asked.report = words.next().map(PathBuf::from),
            "--list" => return None,
            word if WITH_VALUE.contains(&word) => drop(words.next()),
            // A filter of tests by their names.
            word if !word.starts_with('-') => {
                if !"campaign".contains(word) {
                    return None;
                }
            }
            word => {
                let name = word.split('=').next().unwrap_or(word);
                let is_known = WITHOUT.contains(&word) || WITH_VALUE.contains(&name);
                assert!(is_known, "no flag of the campaign: {word}");
            }
        }
    }
    let is_whole = asked.is_long && asked.area.is_none() && asked.case.is_none();
    assert!(asked.report.is_none() || is_whole, "a report is of the whole long campaign");
    Some(asked)
}

fn main() -> ExitCode {
    let Some(asked) = arguments() else { return ExitCode::SUCCESS };
    let wanted = |area: &&Area| asked.area.as_deref().is_none_or(|name| name == area.name);
    let areas: Vec<&Area> = AREAS.iter().filter(wanted).collect();
    if areas.is_empty() {
        let names = AREAS.map(|area| area.name).join(", ");
        eprintln!("error: no area of this name: there are {names}");
        std::process::exit(2);
    }
    let results: Vec<_> = areas
        .iter()
        .map(|area| {
            let result = area.attack(asked.seed, asked.is_long, asked.case);
            report::tell(area, &result);
            result
        })
        .collect();
    if let Some(path) = &asked.report {
        let before = std::fs::read_to_string(path).unwrap_or_default();
        let page = report::page(&areas, &results, asked.seed, &before);
        std::fs::write(path, page).expect("a report is written");
    }
    match results.iter().all(|result| result.faults.is_empty()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
