//! Runs side by side: grouped over seeds, with intervals, and held against a baseline.

use super::Error;
use super::finished::FinishedRun;
use super::significance::{TTest, cohens_d, half_interval, holm, paired, welch};
use super::statistics::{deviation, mean};
use super::sweep::setting_of;
use crate::grammar::named;
use crate::train::{RunConfig, SettingsError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// How sure an interval is.
pub const CONFIDENCE: f64 = 0.95;

/// Settings that change no result.
const IDLE: [&str; 3] = ["threads", "data-dir", "data-digest"];

named! {
    /// Which epoch of a run counts.
    #[derive(Default)]
    pub enum At as "epoch" {
        /// The network that is kept: the last epoch's, unless validation samples chose another.
        #[default]
        Last = "last",
        /// The best one, chosen by the value itself: of test values that is a leak.
        Best = "best",
    }
}

/// What is asked of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Names of values, such as `test_accuracy`.
    pub metrics: Vec<String>,
    /// Which epoch counts.
    pub at: At,
    /// The settings that runs of a group differ in.
    pub over: Vec<String>,
    /// The baseline: settings, each with the value that the baseline has there. A group is held
    /// against the one that is equal in everything else.
    pub against: Vec<(String, String)>,
}

/// Groups of runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The settings that groups differ in.
    pub settings: Vec<String>,
    /// The groups, ordered by these.
    pub groups: Vec<Group>,
}

/// Runs that differ in nothing but their seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The settings that groups differ in; none where a run does not have it.
    pub settings: BTreeMap<String, Option<String>>,
    /// Its runs, by their places among those that were asked about.
    #[serde(skip)]
    pub members: Vec<usize>,
    /// Whether it is a baseline.
    pub is_baseline: bool,
    /// What is asked for, each by name.
    pub metrics: BTreeMap<String, Summary>,
}

/// A value over the runs of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Of each run, in the order of the settings that they differ in.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation; none of one.
    pub sd: Option<f64>,
    /// Half the width of the mean's 95 % interval; none of one.
    pub half_interval: Option<f64>,
    /// Against the baseline, if there is one.
    pub against: Option<Against>,
}

/// A group against its baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Against {
    /// Of the means.
    pub difference: f64,
    /// Welch's t test.
    pub welch: Option<TTest>,
    /// Its p, adjusted by Holm for all groups that are held against a baseline.
    pub p_holm: Option<f64>,
    /// The t test of the pairs.
    pub paired: Option<TTest>,
    /// Runs that have a partner with the same seed in the baseline.
    pub pairs: usize,
    /// Cohen's d, in pooled standard deviations.
    pub cohens_d: Option<f64>,
}

/// The values of some settings; none where a run does not have one.
type Values = Vec<Option<Text>>;
/// A run by its place, with the settings that it differs in from the others of its group.
type Which = (Values, usize);

/// A setting's value, which is ordered as a number if it is one.
#[derive(Clone, Debug, PartialEq)]
struct Text(String);

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self.0.parse::<f64>(), other.0.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            _ => self.0.cmp(&other.0),
        }
    }
}

fn text(value: &Value) -> Text {
    Text(match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

impl Question {
    /// Groups the runs and answers the question.
    ///
    /// **Errors**: [`Error::Settings`]; [`Error::NoMetric`] for a value that a run does not have;
    /// [`Error::NoBaseline`] if the baseline's settings do not vary, or no group has them.
    pub fn answer(&self, runs: &[FinishedRun]) -> Result<Comparison, Error> {
        let tables: Vec<Table> =
            runs.iter().map(|run| Ok(run.config()?.to_table())).collect::<Result<_, Error>>()?;
        let varied = self.varied(&tables);
        for setting in &self.over {
            RunConfig::expect_setting(setting).map_err(SettingsError::from)?;
        }
        let mut against = Vec::new();
        for (setting, value) in &self.against {
            let value = setting_of(setting, value).map_err(SettingsError::from)?;
            against.push((setting.clone(), text(&value)));
            if !varied.contains(setting) {
                return Err(Error::NoBaseline { setting: setting.clone(), varied });
            }
        }
        let of = |table: &Table, settings: &[String]| -> Values {
            settings.iter().map(|setting| table.get(setting).map(text)).collect()
        };
        // The same run from two places is one run.
        let mut places: BTreeMap<(Values, Values), usize> = BTreeMap::new();
        for (run, table) in tables.iter().enumerate() {
            places.entry((of(table, &varied), of(table, &self.over))).or_insert(run);
        }
        let mut groups: BTreeMap<Values, Vec<Which>> = BTreeMap::new();
        for ((group, which), run) in places {
            groups.entry(group).or_default().push((which, run));
        }
        let mut answers = Vec::new();
        for (group, members) in &groups {
            let baseline = baseline_of(group, &varied, &against);
            let partners = groups.get(&baseline).filter(|_| baseline != *group);
            let mut metrics = BTreeMap::new();
            for metric in &self.metrics {
                let summary = self.summary(metric, runs, members, partners.map(Vec::as_slice))?;
                metrics.insert(metric.clone(), summary);
            }
            let values = group.iter().map(|value| value.as_ref().map(|text| text.0.clone()));
            let settings = varied.iter().cloned().zip(values).collect();
            let is_baseline = !self.against.is_empty() && baseline == *group;
            let members = members.iter().map(|(_, run)| *run).collect();
            answers.push(Group { settings, members, is_baseline, metrics });
        }
        if let Some((setting, _)) = self.against.first()
            && !answers.iter().any(|group| group.is_baseline)
        {
            return Err(Error::NoBaseline { setting: setting.clone(), varied });
        }
        for metric in &self.metrics {
            adjust(metric, &mut answers);
        }
        Ok(Comparison { settings: varied, groups: answers })
    }

    /// The settings that groups differ in.
    fn varied(&self, tables: &[Table]) -> Vec<String> {
        let names: BTreeSet<&String> = tables.iter().flat_map(Table::keys).collect();
        let differs = |name: &str| {
            let mut values = tables.iter().map(|table| table.get(name));
            values.next().is_some_and(|first| values.any(|value| value != first))
        };
        let counts = |name: &&String| {
            !IDLE.contains(&name.as_str()) && !self.over.contains(name) && differs(name)
        };
        names.into_iter().filter(counts).cloned().collect()
    }

    fn summary(
        &self,
        metric: &str,
        runs: &[FinishedRun],
        members: &[Which],
        partners: Option<&[Which]>,
    ) -> Result<Summary, Error> {
        let of = |members: &[Which]| -> Result<Vec<f64>, Error> {
            members.iter().map(|(_, run)| value(&runs[*run], metric, self.at)).collect()
        };
        let values = of(members)?;
        let against = match partners {
            None => None,
            Some(partners) => {
                let others = of(partners)?;
                let partner = |which: &Values| {
                    partners.iter().position(|(other, _)| other == which).map(|at| others[at])
                };
                let differences: Vec<f64> = members
                    .iter()
                    .zip(&values)
                    .filter_map(|((which, _), value)| Some(value - partner(which)?))
                    .collect();
                Some(Against {
                    difference: average(&values) - average(&others),
                    welch: welch(&values, &others),
                    p_holm: None,
                    paired: paired(&differences),
                    pairs: differences.len(),
                    cohens_d: cohens_d(&values, &others),
                })
            }
        };
        Ok(Summary {
            mean: average(&values),
            sd: deviation(&values),
            half_interval: half_interval(&values, CONFIDENCE),
            values,
            against,
        })
    }
}

/// The group with the baseline's settings that is equal in everything else.
fn baseline_of(group: &[Option<Text>], varied: &[String], against: &[(String, Text)]) -> Values {
    let mut baseline = group.to_vec();
    for (setting, value) in against {
        if let Some(at) = varied.iter().position(|name| name == setting) {
            baseline[at] = Some(value.clone());
        }
    }
    baseline
}

fn average(values: &[f64]) -> f64 {
    mean(values).expect("a group has runs")
}

/// Adjusts the p of all groups that have one.
fn adjust(metric: &str, groups: &mut [Group]) {
    let mut held: Vec<&mut Against> = groups
        .iter_mut()
        .filter_map(|group| group.metrics.get_mut(metric)?.against.as_mut())
        .filter(|against| against.welch.is_some())
        .collect();
    let ps: Vec<f64> = held.iter().filter_map(|against| Some(against.welch?.p)).collect();
    for (against, p) in held.iter_mut().zip(holm(&ps)) {
        against.p_holm = Some(p);
    }
}

/// What a value is multiplied by where people read it: accuracies are in per cent.
pub fn scale(metric: &str) -> f64 {
    if metric.ends_with("accuracy") { 100.0 } else { 1.0 }
}

/// A value's name where people read it.
pub fn shown_name(metric: &str) -> String {
    if scale(metric) == 1.0 { metric.to_string() } else { format!("{metric} (%)") }
}

/// Whether less of a value is better.
fn less_is_better(metric: &str) -> bool {
    ["loss", "mae", "rmse", "mse", "error", "seconds", "flops", "bytes"]
        .iter()
        .any(|part| metric.contains(part))
}

/// A run's value by name: of the kept network, or of the best epoch.
///
/// **Errors**: [`Error::NoMetric`].
pub fn value(run: &FinishedRun, metric: &str, at: At) -> Result<f64, Error> {
    let found = match at {
        At::Last => all_values(run).remove(metric),
        At::Best => {
            let values = run.epochs.iter().filter_map(|epoch| epoch.values.get(metric).copied());
            values.reduce(if less_is_better(metric) { f64::min } else { f64::max })
        }
    };
    found.ok_or_else(|| {
        let known = match at {
            At::Last => all_values(run).into_keys().collect(),
            At::Best => {
                run.epochs.first().map_or(vec![], |epoch| epoch.values.keys().cloned().collect())
            }
        };
        Error::NoMetric { metric: metric.to_string(), known }
    })
}

/// Every number of a result.
fn all_values(run: &FinishedRun) -> BTreeMap<String, f64> {
    let result = serde_json::to_value(&run.result).expect("plain data serialises");
    let numbers = result.as_object().into_iter().flatten();
    numbers.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}
