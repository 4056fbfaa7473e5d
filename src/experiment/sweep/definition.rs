//! What a sweep consists of: settings for all runs, a grid, a list.

use crate::format;
use crate::train::{RunConfig, SettingsError, SettingsProblem};
use hmac_sha256::Hash;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use toml::{Table, Value};

/// The most runs of a sweep: a grid grows fast, and a slip of the hand is no month of work.
pub const MAX_RUNS: usize = 100_000;

/// The runs of a sweep.
///
/// As TOML: settings of `fanin train` for all runs, then `[grid]` with a list of values for each
/// setting that varies, of which every combination is a run, and `[[run]]` for settings that belong
/// together, each with every combination of the grid. Whole numbers in a row may be written as
/// `"1..5"`, both ends included.
///
/// ```toml
/// epochs = 5
/// [grid]
/// sparsity = [0.9, 0.95]
/// seed = "1..5"
/// [[run]]
/// profile = "uniform"
/// [[run]]
/// profile = "exponential"
/// rounding = "floor"
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sweep {
    /// In the order of the list, then of the grid.
    pub runs: Vec<SweepRun>,
}

/// One run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepRun {
    /// What sets it apart from the others, for people.
    pub label: String,
    /// All settings.
    pub config: RunConfig,
    /// Names of the settings that are given, by the grid, the list or for all runs.
    pub given: BTreeSet<String>,
    /// What it is known by: sixteen hexadecimal digits of the SHA-256 of what determines it.
    pub key: String,
}

/// A sweep as it is written down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition {
    /// Settings of all runs.
    pub settings: Table,
    /// Values of each setting that varies.
    pub grid: Vec<(String, Vec<Value>)>,
    /// Settings that belong together.
    pub list: Vec<Table>,
}

impl Definition {
    /// Reads a file.
    ///
    /// **Errors**: [`SettingsError`] with the file.
    pub fn read(path: &Path) -> Result<Definition, SettingsError> {
        let text = fs::read_to_string(path).map_err(format::Error::io(path))?;
        Definition::parse(&text).map_err(SettingsError::at(path))
    }

    /// Understands a text.
    ///
    /// **Errors**: [`SettingsProblem`].
    pub fn parse(text: &str) -> Result<Definition, SettingsProblem> {
        let mut settings = RunConfig::parse_table(text)?;
        let mut definition = Definition::default();
        match settings.remove("grid") {
            None => {}
            Some(Value::Table(grid)) => {
                for (key, values) in grid {
                    let values = values_of(&key, values)?;
                    definition.grid.push((key, values));
                }
            }
            Some(_) => return Err(wrong("grid", "a table of settings with their values")),
        }
        match settings.remove("run") {
            None => {}
            Some(Value::Array(list)) if list.iter().all(Value::is_table) => {
                definition.list = list.into_iter().filter_map(|run| run.try_into().ok()).collect();
            }
            Some(_) => return Err(wrong("run", "written as [[run]], with settings below")),
        }
        definition.settings = settings;
        Ok(definition)
    }

    /// Gives a setting one value in all runs, whatever it was.
    pub fn set(&mut self, setting: String, value: Value) {
        self.grid.retain(|(known, _)| *known != setting);
        self.list.iter_mut().for_each(|run| drop(run.remove(&setting)));
        self.settings.insert(setting, value);
    }

    /// Lets a setting vary, as on a command line: `sparsity=0.9,0.95`, `seed=1..5`, and with
    /// semicolons where values have commas themselves, `hidden=512,512;1024`.
    ///
    /// **Errors**: [`SettingsProblem`].
    pub fn vary(&mut self, text: &str) -> Result<(), SettingsProblem> {
        let Some((key, values)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(wrong(text, "a setting and its values, as sparsity=0.9,0.95"));
        };
        let has_lists = values.contains(';');
        let value = |text: &str| of_text(key, text.trim(), has_lists);
        let values: Vec<Value> = match whole_numbers(values) {
            Some(numbers) => numbers.map(Value::Integer).collect(),
            None => values.split(if has_lists { ';' } else { ',' }).map(value).collect(),
        };
        self.grid.retain(|(known, _)| known != key);
        self.grid.push((key.to_string(), values));
        Ok(())
    }

    /// The runs.
    ///
    /// **Errors**: [`SettingsProblem`] for an unknown setting, a wrong value, a setting that is
    /// given twice, more than [`MAX_RUNS`], or none.
    pub fn runs(&self) -> Result<Sweep, SettingsProblem> {
        let one = [Table::new()];
        let list = if self.list.is_empty() { &one[..] } else { &self.list };
        let mut of_grid = self.grid.iter().map(|(_, values)| values.len());
        let count = of_grid.try_fold(list.len(), |all, len| all.checked_mul(len));
        match count {
            Some(0) => return Err(wrong("grid", "a list of values for each setting, not empty")),
            Some(1..=MAX_RUNS) => {}
            _ => return Err(wrong("grid", &format!("no more than {MAX_RUNS} runs"))),
        }
        let mut runs: Vec<SweepRun> = Vec::new();
        let mut keys = BTreeSet::new();
        for of_list in list {
            if let Some((key, _)) = self.grid.iter().find(|(key, _)| of_list.contains_key(key)) {
                return Err(wrong(key, "given once: in the grid or in the list, not in both"));
            }
            let mut combinations = vec![of_list.clone()];
            for (key, values) in &self.grid {
                let with = |table: &Table, value: &Value| {
                    let mut table = table.clone();
                    table.insert(key.clone(), value.clone());
                    table
                };
                let each = |table: &Table| -> Vec<Table> {
                    values.iter().map(|value| with(table, value)).collect()
                };
                combinations = combinations.iter().flat_map(each).collect();
            }
            for varied in combinations {
                let label = label(&varied);
                let run = SweepRun::new([self.settings.clone(), varied], label)?;
                // What is asked for twice is done once.
                if keys.insert(run.key.clone()) {
                    runs.push(run);
                }
            }
        }
        Ok(Sweep { runs })
    }
}

impl SweepRun {
    /// A run of these settings, later tables over earlier ones, that is called `label`.
    ///
    /// **Errors**: [`SettingsProblem`].
    pub fn new<const N: usize>(
        tables: [Table; N],
        label: String,
    ) -> Result<SweepRun, SettingsProblem> {
        let given = tables.iter().flat_map(|table| table.keys().cloned()).collect();
        let mut config = RunConfig::from_tables(tables)?;
        config.make_absolute().map_err(|problem| SettingsProblem::Value {
            key: "data-dir".to_string(),
            problem: problem.to_string(),
        })?;
        if config.train.threads == 0 {
            // Several runs at once are worth more than several threads for one.
            config.train.threads = 1;
        }
        let key = key_of(&config);
        Ok(SweepRun { label, config, given, key })
    }
}

/// What sets a run apart from the others, for people: `seed 3, sparsity 0.95`.
fn label(varied: &Table) -> String {
    let parts = varied.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key} {text}"),
        other => format!("{key} {other}"),
    });
    let label = parts.collect::<Vec<_>>().join(", ");
    if label.is_empty() { "the run".to_string() } else { label }
}

/// What a run of these settings is known by: not by where its data lies, nor by its threads.
pub fn key_of(config: &RunConfig) -> String {
    let mut config = config.clone();
    (config.data.data_dir, config.data.data_digest) = (None, None);
    let digest = Hash::hash(config.to_portable_toml().as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn wrong(key: &str, must_be: &str) -> SettingsProblem {
    SettingsProblem::Value { key: key.to_string(), problem: format!("it must be {must_be}") }
}

/// The values of a setting in a grid.
fn values_of(key: &str, values: Value) -> Result<Vec<Value>, SettingsProblem> {
    match values {
        Value::Array(values) => Ok(values),
        Value::String(text) => match whole_numbers(&text) {
            Some(numbers) => Ok(numbers.map(Value::Integer).collect()),
            None => Err(wrong(key, "a list of values in brackets, or \"1..5\"")),
        },
        _ => Err(wrong(key, "a list of values in brackets, or \"1..5\"")),
    }
}

/// `1..5` as 1, 2, 3, 4, 5.
fn whole_numbers(text: &str) -> Option<impl Iterator<Item = i64> + use<>> {
    let (first, last) = text.trim().split_once("..")?;
    let (first, last): (i64, i64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let count = last.checked_sub(first).filter(|more| (0..MAX_RUNS as i64).contains(more));
    count.map(|_| first..=last)
}

/// The value of a setting as a configuration has it, from a text of a command line: `rigl` with
/// all of its parameters.
///
/// **Errors**: [`SettingsProblem`].
pub fn setting_of(key: &str, text: &str) -> Result<Value, SettingsProblem> {
    let table = Table::from_iter([(key.to_string(), of_text(key, text, true))]);
    let config = RunConfig::from_tables([table])?;
    config.to_table().remove(key).ok_or_else(|| wrong(key, "a setting"))
}

/// A value of a command line: as TOML where it is such, else as text; a list with commas.
fn of_text(key: &str, text: &str, has_lists: bool) -> Value {
    let plain = |text: &str| {
        let parsed: Option<Table> = format!("x = {text}").parse().ok();
        // Numbers such as .9, which TOML has not.
        let number = text.parse().ok().map(Value::Float);
        let value = parsed.and_then(|mut table| table.remove("x")).or(number);
        value.unwrap_or_else(|| Value::String(text.to_string()))
    };
    let is_list = RunConfig::default_of(key).is_some_and(|default| default.is_array());
    match is_list {
        true if has_lists => Value::Array(text.split(',').map(|part| plain(part.trim())).collect()),
        true => Value::Array(vec![plain(text)]),
        false => plain(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(text: &str) -> Result<Sweep, SettingsProblem> {
        Definition::parse(text)?.runs()
    }

    fn said(text: &str) -> String {
        sweep(text).unwrap_err().to_string()
    }

    #[test]
    fn every_entry_of_the_list_meets_every_combination_of_the_grid() {
        let text = "epochs = 5\n[grid]\nsparsity = [0.9, 0.95]\nseed = \"1..3\"\n\
                    [[run]]\nprofile = \"uniform\"\n[[run]]\nprofile = \"bell\"\nrounding = \"floor\"";
        let runs = sweep(text).unwrap().runs;
        let told: Vec<_> = runs
            .iter()
            .map(|run| {
                let train = &run.config.train;
                assert_eq!((train.epochs, train.threads), (5, 1));
                (train.profile.to_string(), train.rounding.to_string(), train.sparsity, train.seed)
            })
            .collect();
        let mut expected = Vec::new();
        for (profile, rounding) in [("uniform", "exact"), ("bell:beta=3", "floor")] {
            for seed in 1..=3 {
                for sparsity in [0.9, 0.95] {
                    expected.push((profile.to_string(), rounding.to_string(), sparsity, seed));
                }
            }
        }
        assert_eq!(told, expected);
        assert_eq!(runs[1].label, "profile uniform, seed 1, sparsity 0.95");
        let keys: BTreeSet<_> = runs.iter().map(|run| &run.key).collect();
        assert_eq!(keys.len(), 12);
        assert!(keys.iter().all(|key| key.len() == 16));
    }

    #[test]
    fn a_key_is_of_what_determines_a_run() {
        let keys = |text: &str| -> Vec<String> {
            sweep(text).unwrap().runs.into_iter().map(|run| run.key).collect()
        };
        let base = keys("sparsity = 0.9");
        // The default, another way to write it, threads, another place: the same run.
        for same in ["", "sparsity = 9e-1", "threads = 2", "data-dir = \"/elsewhere\""] {
            assert_eq!(keys(same), base, "{same}");
        }
        assert_eq!(keys("[grid]\nsparsity = [0.9, 0.90]"), base);
        for other in ["sparsity = 0.91", "seed = 1", "epochs = 11", "method = \"rigl\""] {
            assert_ne!(keys(other), base, "{other}");
        }
    }

    #[test]
    fn a_command_line_varies_settings_too() {
        let mut definition = Definition::parse("[grid]\nseed = [9]").unwrap();
        for text in ["seed=1..2", "sparsity=.9, 0.5", "hidden=8,4;16", "method=static;rigl:drop=.2"]
        {
            definition.vary(text).unwrap();
        }
        let runs = definition.runs().unwrap().runs;
        assert_eq!(runs.len(), 16);
        let last = &runs[15].config.train;
        assert_eq!((last.seed, last.sparsity, &last.hidden[..]), (2, 0.5, &[16][..]));
        assert!(last.method.to_string().starts_with("rigl:drop=0.2,"), "{}", last.method);
        assert_eq!(runs[0].config.train.hidden, [8, 4]);
        let mut plain = Definition::default();
        plain.vary("hidden=64,32").unwrap();
        let widths = plain.runs().unwrap().runs;
        assert_eq!(
            widths.iter().map(|run| run.config.train.hidden[0]).collect::<Vec<_>>(),
            [64, 32]
        );
        assert!(plain.vary("0.9,0.95").unwrap_err().to_string().contains("sparsity=0.9,0.95"));
    }

    #[test]
    fn what_is_wrong_with_a_sweep_is_named() {
        let cases = [
            ("[grid]\nsparcity = [1]", "unknown setting 'sparcity'"),
            ("[grid]\nsparsity = 0.9", "`sparsity`: it must be a list"),
            ("[grid]\nseed = \"1-5\"", "`seed`: it must be a list"),
            ("[grid]\nseed = []", "`grid`: it must be a list of values for each setting"),
            ("[grid]\nprofile = [\"triangle\"]", "`profile`: "),
            ("grid = 3", "`grid`: it must be a table"),
            ("[run]\nseed = 1", "`run`: it must be written as [[run]]"),
            ("[grid]\nseed = [1]\n[[run]]\nseed = 2", "`seed`: it must be given once"),
            ("[grid]\nseed = \"1..100001\"", "`seed`: it must be a list"),
            ("[grid]\nseed = \"1..100000\"\nbatch = [1, 2]", "no more than 100000 runs"),
            ("[grid\n", "line 1: "),
        ];
        for (text, expected) in cases {
            let told = said(text);
            assert!(told.contains(expected), "{text}: {told}");
        }
    }
}
