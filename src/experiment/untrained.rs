//! The paper's numbers that need no training: what follows from its definitions, and what a fresh
//! network says of one batch.
//!
//! A number is ours if it rounds to the printed digits, or lies within a tenth of what is said to
//! be about right; of a topology by any of the roundings that the paper may mean (it prints ceil,
//! and most of its numbers are floor's). What is a consequence of the paper's own definitions and
//! yet another number cannot hold.

mod statistic;

pub use statistic::Statistic;

use super::comparison::CONFIDENCE;
use super::significance::half_interval;
use super::statistics::{correlation, mean};
use super::verdict::Verdict;
use super::{Datasets, Error};
use crate::grammar::named;
use crate::topology::{Rounding, TopologyStats, build};
use crate::train::{self, RunConfig, SettingsError, TrainConfig, Trainer};
use serde::{Deserialize, Serialize};
use statistic::{Source, ccv};
use std::path::PathBuf;
use toml::Table;

/// Numbers that belong together.
#[derive(Clone, Debug, Deserialize)]
pub struct Untrained {
    /// What they are called here.
    pub name: String,
    /// Where the paper has them.
    #[serde(rename = "where")]
    pub place: String,
    /// What they are.
    pub about: String,
    /// Seeds of what chance has a part in.
    pub seeds: Vec<u64>,
    /// The numbers.
    pub numbers: Vec<Number>,
}

/// A number that the paper prints.
#[derive(Clone, Debug, Deserialize)]
pub struct Number {
    /// What it is of.
    pub about: String,
    /// As it is printed: `~` before what is said to be about, `>` before what is said to be more;
    /// none where ours stands alone.
    #[serde(default)]
    pub paper: Option<String>,
    /// What is measured.
    statistic: Statistic,
    /// Inputs and neurons of the layer, where it is one layer's.
    #[serde(default)]
    shape: Option<[usize; 2]>,
    /// Settings of the network.
    #[serde(default)]
    settings: Table,
    /// More of them, one after the other.
    #[serde(default)]
    over: Vec<Table>,
    /// What becomes of the values of all these.
    #[serde(default)]
    take: Take,
}

named! {
    /// What becomes of several values.
    #[derive(Default)]
    pub enum Take as "summary" {
        /// Their mean.
        #[default]
        Mean = "mean",
        /// The least.
        Least = "least",
        /// The largest.
        Largest = "largest",
        /// Pearson's r with the CCVs of the same networks.
        Correlation = "correlation",
    }
}

/// A number, ours and the paper's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgedNumber {
    /// What it is of.
    pub about: String,
    /// The paper's, as it is printed.
    pub paper: Option<String>,
    /// Ours; none where the data are not there.
    pub ours: Option<f64>,
    /// Half its 95 % interval over seeds, where chance has a part.
    pub half_interval: Option<f64>,
    /// Of a topology, the rounding whose number this is.
    pub rounding: Option<Rounding>,
    /// What of it, if the paper has one.
    pub verdict: Option<Verdict>,
}

impl Untrained {
    /// Measures every number and judges it; what needs data that are not in `data_dir`, or where
    /// they are looked for without one, is not run.
    ///
    /// **Errors**: [`Error::Settings`], [`Error::Train`]; none of what is built in.
    pub fn judge(
        &self,
        datasets: &Datasets,
        data_dir: Option<&PathBuf>,
    ) -> Result<Vec<JudgedNumber>, Error> {
        let judge = |number: &Number| number.judge(&self.seeds, datasets, data_dir);
        self.numbers.iter().map(judge).collect()
    }
}

impl Number {
    fn judge(
        &self,
        seeds: &[u64],
        datasets: &Datasets,
        data_dir: Option<&PathBuf>,
    ) -> Result<JudgedNumber, Error> {
        use Rounding::{Ceil, Exact, Floor, Round};
        let is_open = matches!(self.statistic.source(), Source::Layer(_))
            && !self.settings.contains_key("rounding");
        // The first whose number it is; if it is none's, the first.
        let readings = match is_open {
            true => [Floor, Ceil, Round, Exact].map(Some).to_vec(),
            false => vec![None],
        };
        let mut judged: Option<JudgedNumber> = None;
        for rounding in readings {
            let by_seed = self.values(seeds, rounding, datasets, data_dir)?;
            let ours = by_seed.as_deref().and_then(mean);
            let half = by_seed.as_deref().and_then(|values| half_interval(values, CONFIDENCE));
            let verdict = self.paper.as_deref().map(|paper| match ours {
                None => Verdict::NotRun,
                Some(ours) => self.verdict(paper, ours, half.unwrap_or(0.0)),
            });
            let is_ours = verdict == Some(Verdict::Reproduced);
            if judged.is_none() || is_ours {
                let (about, paper) = (self.about.clone(), self.paper.clone());
                let half_interval = half.filter(|&half| half > 0.0);
                judged =
                    Some(JudgedNumber { about, paper, ours, half_interval, rounding, verdict });
            }
            if is_ours || self.paper.is_none() {
                break;
            }
        }
        Ok(judged.expect("there is a reading"))
    }

    /// The rule for a number: the printed digits, a tenth of it where it is said to be about that,
    /// and either may be missed by half the interval over seeds.
    fn verdict(&self, paper: &str, ours: f64, half_interval: f64) -> Verdict {
        let Printed { value, unit, about, above } = Printed::of(paper);
        let room = if about { (unit / 2.0).max(value / 10.0) } else { unit / 2.0 };
        let is_ours = match above {
            true => ours + half_interval > value,
            false => (ours - value).abs() <= room + half_interval + 1e-9,
        };
        let neutral = match self.take {
            Take::Correlation => Some(0.0),
            _ => self.statistic.neutral(),
        };
        let same_side = neutral.is_some_and(|neutral| (ours - neutral) * (value - neutral) > 0.0);
        match (is_ours, self.statistic.follows(), same_side) {
            (true, ..) => Verdict::Reproduced,
            (false, true, _) => Verdict::CannotHold,
            (false, false, true) => Verdict::DirectionOnly,
            (false, false, false) => Verdict::NotReproduced,
        }
    }

    /// Ours for each seed, in this rounding unless the settings have one; none without the data.
    fn values(
        &self,
        seeds: &[u64],
        rounding: Option<Rounding>,
        datasets: &Datasets,
        data_dir: Option<&PathBuf>,
    ) -> Result<Option<Vec<f64>>, Error> {
        let over = if self.over.is_empty() { vec![Table::new()] } else { self.over.clone() };
        let mut by_seed = Vec::new();
        for &seed in seeds {
            let (mut values, mut ccvs) = (Vec::new(), Vec::new());
            for of_one in &over {
                let mut own = Table::new();
                own.insert("seed".into(), (seed as i64).into());
                own.insert("threads".into(), 1.into());
                if let Some(rounding) = rounding {
                    own.insert("rounding".into(), rounding.to_string().into());
                }
                let tables = [own, self.settings.clone(), of_one.clone()];
                let config = RunConfig::from_tables(tables).map_err(SettingsError::from)?;
                let shape = self.shape.unwrap_or([1, 1]);
                match self.statistic.source() {
                    Source::Settings(of) => values.push(of(&config.train, shape)),
                    Source::Layer(of) => {
                        let TrainConfig { spread, sparsity, .. } = config.train;
                        let built = build(&config.train.rule(), spread, shape, sparsity, seed, 0);
                        let (pattern, _) = built.map_err(train::Error::OtherTopology)?;
                        values.push(of(&TopologyStats::of(&pattern), &pattern));
                    }
                    Source::Network(of) => {
                        let mut data = config.data;
                        data.data_dir = data_dir.cloned();
                        let Ok(data) = datasets.load(&data) else { return Ok(None) };
                        let trainer = Trainer::new(config.train, data)?;
                        values.extend(of(&trainer));
                        ccvs.extend(ccv(&trainer));
                    }
                }
            }
            by_seed.extend(self.take.of(&values, &ccvs));
        }
        Ok(Some(by_seed))
    }
}

impl Take {
    fn of(self, values: &[f64], ccvs: &[f64]) -> Option<f64> {
        match self {
            Take::Mean => mean(values),
            Take::Least => values.iter().copied().reduce(f64::min),
            Take::Largest => values.iter().copied().reduce(f64::max),
            Take::Correlation => correlation(ccvs, values),
        }
    }
}

/// A number as it is printed.
#[derive(Debug, PartialEq)]
struct Printed {
    value: f64,
    /// Of its last digit that is not a zero before the point.
    unit: f64,
    /// Whether it is said to be about that.
    about: bool,
    /// Whether it is said to be more.
    above: bool,
}

impl Printed {
    fn of(text: &str) -> Printed {
        let digits = text.trim_start_matches(['~', '>']).replace(',', "");
        let places = match digits.split_once('.') {
            Some((_, fraction)) => -(fraction.len() as i32),
            None => (digits.len() - digits.trim_end_matches('0').len()) as i32,
        };
        Printed {
            value: digits.parse().expect("the paper's numbers are numbers: a test reads them"),
            unit: 10f64.powi(places),
            about: text.starts_with('~'),
            above: text.starts_with('>'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::paper::untrained;

    #[test]
    fn printed_numbers_have_the_unit_of_their_last_digit() {
        let parts = |text| {
            let Printed { value, unit, about, above } = Printed::of(text);
            (value, unit, about, above)
        };
        assert_eq!(parts("247"), (247.0, 1.0, false, false));
        assert_eq!(parts("~80,800"), (80800.0, 100.0, true, false));
        assert_eq!(parts(">99.9"), (99.9, 0.1, false, true));
        assert_eq!(parts("0.00"), (0.0, 0.01, false, false));
    }

    /// What the definitions alone say: every number of the group is judged, and these are the ones
    /// that no rounding gives.
    #[test]
    fn definitions_are_judged_without_data() {
        let group = untrained().into_iter().find(|group| group.name == "definitions").unwrap();
        let nowhere = PathBuf::from("/nowhere");
        let judged = group.judge(&Datasets::default(), Some(&nowhere)).unwrap();
        let with = |verdict: Verdict| {
            let of = judged.iter().filter(|number| number.verdict == Some(verdict));
            of.map(|number| number.about.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(with(Verdict::NotRun), Vec::<&str>::new());
        let cannot = with(Verdict::CannotHold);
        for about in ["CCV, linear", "CCV, quadratic", "CCV, one peak, β = 50"] {
            assert!(cannot.contains(&about), "{cannot:?}");
        }
        let number = |about: &str| judged.iter().find(|number| number.about == about).unwrap();
        let max = number("most inputs, exponential");
        assert_eq!((max.ours, max.rounding), (Some(247.0), Some(Rounding::Floor)));
        assert_eq!(max.verdict, Some(Verdict::Reproduced));
    }

    #[test]
    fn numbers_of_data_that_are_not_there_are_not_run() {
        let nowhere = PathBuf::from("/nowhere");
        for group in untrained().iter().filter(|group| group.name != "definitions") {
            let judged = group.judge(&Datasets::default(), Some(&nowhere)).unwrap();
            assert!(!judged.is_empty());
            for number in judged.iter().filter(|number| number.paper.is_some()) {
                assert_eq!(number.verdict, Some(Verdict::NotRun), "{number:?}");
            }
        }
    }
}
