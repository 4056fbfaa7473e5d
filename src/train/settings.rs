//! A run's settings as text: TOML with the flags' names as keys.
//!
//! Every setting has a default, so that a file written before a setting was added still opens.
//! Settings of earlier versions are understood under their old names (`aliases.rs`).

use super::TrainConfig;
use super::aliases::take_aliases;
use super::settings_error::{SettingsError, SettingsProblem};
use crate::dataset::DataConfig;
use crate::format;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use toml::Table;

/// A setting's name, and its values before and now.
pub type Changed = (String, Option<String>, Option<String>);

/// Everything that determines a run: the data, the network, the training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct RunConfig {
    /// The data.
    #[serde(flatten)]
    pub data: DataConfig,
    /// The network and its training.
    #[serde(flatten)]
    pub train: TrainConfig,
}

impl RunConfig {
    /// The defaults, overlaid with tables of settings, later ones over earlier ones.
    ///
    /// **Errors**: [`SettingsProblem`] naming the setting.
    pub fn from_tables(
        tables: impl IntoIterator<Item = Table>,
    ) -> Result<RunConfig, SettingsProblem> {
        let defaults = RunConfig::default().to_table();
        let mut effective = defaults.clone();
        for mut table in tables {
            take_aliases(&mut table, &mut effective)?;
            for (key, value) in table {
                expect_known(&key, &defaults)?;
                if key == "dataset" && value.as_str() == Some("") {
                    let problem = "it names no data set".to_string();
                    return Err(SettingsProblem::Value { key, problem });
                }
                effective.insert(key, value);
            }
        }
        effective.clone().try_into().map_err(|problem: toml::de::Error| {
            // One setting after the other in place of its default, to name the one that is wrong.
            let is_wrong = |(key, value): &(String, toml::Value)| {
                let mut table = defaults.clone();
                table.insert(key.clone(), value.clone());
                table.try_into::<RunConfig>().err().map(|problem| (key.clone(), problem))
            };
            let wrong = effective.into_iter().find_map(|pair| is_wrong(&pair));
            let (key, problem) = wrong.unwrap_or_else(|| (String::from("settings"), problem));
            SettingsProblem::Value { key, problem: problem.message().to_string() }
        })
    }

    /// Reads a TOML file of settings.
    ///
    /// **Errors**: [`SettingsError::Format`]; [`SettingsError::File`] with the line of a syntax
    /// error.
    pub fn read_table(path: &Path) -> Result<Table, SettingsError> {
        let text = fs::read_to_string(path).map_err(format::Error::io(path))?;
        parse(&text).map_err(SettingsError::at(path))
    }

    /// Reads a whole configuration.
    ///
    /// **Errors**: as [`RunConfig::read_table`] and [`RunConfig::from_tables`].
    pub fn read(path: &Path) -> Result<RunConfig, SettingsError> {
        let table = RunConfig::read_table(path)?;
        RunConfig::from_tables([table]).map_err(SettingsError::at(path))
    }

    /// The configuration that a text of settings gives.
    ///
    /// **Errors**: [`SettingsProblem`].
    pub fn from_toml(text: &str) -> Result<RunConfig, SettingsProblem> {
        RunConfig::from_tables([parse(text)?])
    }

    /// A text of settings as a table, whatever its keys are.
    ///
    /// **Errors**: [`SettingsProblem::Syntax`].
    pub fn parse_table(text: &str) -> Result<Table, SettingsProblem> {
        parse(text)
    }

    /// The value that a setting has unless it is given, if it has one.
    pub fn default_of(setting: &str) -> Option<toml::Value> {
        RunConfig::default().to_table().remove(setting)
    }

    /// Refuses what is no setting.
    ///
    /// **Errors**: [`SettingsProblem::UnknownKey`].
    pub fn expect_setting(key: &str) -> Result<(), SettingsProblem> {
        expect_known(key, &RunConfig::default().to_table())
    }

    /// The settings that are not the defaults.
    pub fn to_given_table(&self) -> Table {
        let (defaults, mut table) = (RunConfig::default().to_table(), self.to_table());
        table.retain(|key, value| defaults.get(key) != Some(value));
        table
    }

    /// Makes every path absolute, so that a run can be resumed from anywhere.
    ///
    /// **Errors**: [`format::Error::Io`] where there is no current folder.
    pub fn make_absolute(&mut self) -> Result<(), format::Error> {
        self.data.make_absolute()?;
        for path in &mut self.train.topology {
            *path = std::path::absolute(&*path).map_err(format::Error::io(path))?;
        }
        Ok(())
    }

    /// All settings.
    pub fn to_table(&self) -> Table {
        Table::try_from(self).expect("a configuration is a table of plain values")
    }

    /// The configuration as TOML: the data, then the network and its training.
    pub fn to_toml(&self) -> String {
        let mut data = self.data.clone();
        if data.train.is_some() {
            // Of one's own files no known data set is to be read.
            data.dataset.clear();
        }
        let [data, train] = [toml::to_string(&data), toml::to_string(&self.train)]
            .map(|text| text.expect("a configuration is a table of plain values"));
        format!("# The data\n{data}\n# The network and its training\n{train}")
    }

    /// The settings that are others than before: name, value before, value now.
    pub fn changes_since(&self, before: &RunConfig) -> Vec<Changed> {
        let (before, now) = (before.to_table(), self.to_table());
        let text = |table: &Table, key: &str| {
            table.get(key).map(|value| match value {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        };
        let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let changed = names.into_iter().filter(|name| before.get(*name) != now.get(*name));
        changed.map(|name| (name.clone(), text(&before, name), text(&now, name))).collect()
    }

    /// Whether another configuration gives the same result on the same data.
    pub fn gives_same(&self, other: &RunConfig) -> bool {
        let apart = |config: &RunConfig| {
            let mut config = config.clone();
            (config.train.threads, config.data.data_dir) = (0, None);
            config
        };
        apart(self) == apart(other)
    }

    /// What determines the result, as TOML: all but the number of threads.
    pub fn to_portable_toml(&self) -> String {
        let text = self.to_toml();
        let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("threads = "));
        lines.collect()
    }
}

fn expect_known(key: &str, defaults: &Table) -> Result<(), SettingsProblem> {
    let optional = DataConfig::OPTIONAL.into_iter().chain(["generator", "mixture"]);
    let names = || defaults.keys().map(String::as_str).chain(optional.clone());
    match names().any(|name| name == key) {
        true => Ok(()),
        false => {
            let nearest = nearest(key, names());
            Err(SettingsProblem::UnknownKey { key: key.to_string(), nearest })
        }
    }
}

fn parse(text: &str) -> Result<Table, SettingsProblem> {
    text.parse().map_err(|problem: toml::de::Error| {
        let line = problem.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        SettingsProblem::Syntax { line, problem: problem.message().to_string() }
    })
}

/// The name nearest to `key`, if one is near enough to be meant.
#[cfg(feature = "cli")]
fn nearest<'a>(key: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = names.map(|name| (strsim::jaro_winkler(key, name), name));
    let (score, name) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.7).then(|| name.to_string())
}

/// None: the crate that compares names comes with the command.
#[cfg(not(feature = "cli"))]
fn nearest<'a>(_: &str, _: impl Iterator<Item = &'a str>) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn a_configuration_survives_toml() {
        let mut config = RunConfig::default();
        config.data = DataConfig {
            data_dir: Some("x".into()),
            train: Some("own.csv".into()),
            delimiter: Some(';'),
            categorical: vec!["a".into(), "3".into()],
            ..config.data
        };
        config.train = TrainConfig {
            hidden: vec![7, 9],
            lr: 0.003,
            seed: 1 << 60,
            method: "rigl:every=7".parse().unwrap(),
            generator: Some("er".parse().unwrap()),
            ..config.train
        };
        assert_eq!(RunConfig::from_toml(&config.to_toml()), Ok(config.clone()));
        config.train.threads = 3;
        let portable = RunConfig::from_toml(&config.to_portable_toml()).unwrap();
        assert_eq!(portable.train.threads, 0);
    }

    #[test]
    fn later_tables_win_and_unknown_keys_name_the_nearest() {
        let config = RunConfig::from_tables([
            table("sparsity = 0.5\nsparse-output = true"),
            table("sparsity = 0"),
        ]);
        let train = config.unwrap().train;
        assert_eq!((train.sparsity, train.sparse_output), (0.0, true));
        let unknown = |key: &str, nearest: Option<&str>| {
            let nearest = nearest.map(String::from).filter(|_| cfg!(feature = "cli"));
            Err(SettingsProblem::UnknownKey { key: key.to_string(), nearest })
        };
        assert_eq!(
            RunConfig::from_tables([table("sparcity = 1")]),
            unknown("sparcity", Some("sparsity"))
        );
        assert_eq!(RunConfig::from_tables([table("qq = 1")]), unknown("qq", None));
    }

    #[test]
    fn a_wrong_value_names_its_setting() {
        for text in ["epochs = 'many'", "profile = 'triangle'", "method = 'rigl:x=1'"] {
            let key = text.split(' ').next().unwrap();
            let problem = RunConfig::from_tables([table(text)]).unwrap_err().to_string();
            assert!(problem.starts_with(&format!("`{key}`: ")), "{problem}");
        }
    }
}
