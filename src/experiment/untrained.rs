//! The paper's numbers that need no training: what follows from its definitions, and what a fresh
//! network says of one batch.
//!
//! A number is ours if it rounds to the printed digits, or lies within a tenth of what is said to
//! be about right, but for half the interval over seeds; of a topology by the rounding that comes
//! nearest (the paper prints ceil, most of its numbers are floor's, and `exact` is ours). What is a
//! consequence of the paper's own definitions and yet another number cannot hold.

mod statistic;

pub use statistic::Statistic;

use super::comparison::CONFIDENCE;
use super::printed::Printed;
use super::significance::{correlation, half_interval};
use super::statistics::mean;
use super::verdict::Verdict;
use super::{Datasets, Error};
use crate::dataset::{DataConfig, Dataset, is_here, known};
use crate::grammar::named;
use crate::topology::{Rounding, TopologyStats, build};
use crate::train::{self, HubRatios, RunConfig, SettingsError, TrainConfig, Trainer};
use serde::{Deserialize, Serialize};
use statistic::{Source, ccv, hubs};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
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
    /// As it is printed; none where ours stands alone.
    #[serde(default)]
    pub paper: Option<Printed>,
    /// Why the paper's cannot be judged, if it cannot.
    #[serde(default)]
    open: Option<String>,
    /// What is measured.
    statistic: Statistic,
    /// Inputs and neurons of the layer; of a network none.
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
    /// The paper's.
    pub paper: Option<Printed>,
    /// Ours; none where the data are not there.
    pub ours: Option<f64>,
    /// Half its 95 % interval over seeds, where chance has a part.
    pub half_interval: Option<f64>,
    /// Of a topology, the rounding whose number this is.
    pub rounding: Option<Rounding>,
    /// Why the paper's is not judged, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// What of it, if the paper has one that can be judged.
    pub verdict: Option<Verdict>,
}

impl Untrained {
    /// Measures every number of the data sets asked for and judges it; what needs data that are not
    /// in `data_dir`, or where they are looked for without one, is not run, nor is what needs
    /// another data set than a stand-in.
    ///
    /// **Errors**: [`Error::Settings`], [`Error::Train`], none of what is built in; [`Error::Data`]
    /// for data that are here and cannot be read.
    pub fn judge(
        &self,
        datasets: &Datasets,
        data_dir: Option<&Path>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<JudgedNumber>, Error> {
        let wanted = self.numbers.iter().filter(|number| number.dataset().is_none_or(&wanted));
        let hubs = RefCell::default();
        let sources = Sources { seeds: &self.seeds, datasets, data_dir, hubs };
        wanted.map(|number| number.judge(&sources)).collect()
    }
}

/// What numbers are measured from.
struct Sources<'a> {
    seeds: &'a [u64],
    datasets: &'a Datasets,
    data_dir: Option<&'a Path>,
    /// Of networks that were measured already, by their settings.
    hubs: RefCell<BTreeMap<String, Hubs>>,
}

/// The hubs of a network.
#[derive(Clone)]
struct Hubs {
    ccv: f64,
    ratios: Vec<HubRatios>,
}

impl Sources<'_> {
    /// Of a fresh network; none without its data.
    fn hubs(&self, config: RunConfig) -> Result<Option<Hubs>, Error> {
        let settings = config.to_given_table().to_string();
        if let Some(known) = self.hubs.borrow().get(&settings) {
            return Ok(Some(known.clone()));
        }
        let Some(data) = self.load(&config.data)? else { return Ok(None) };
        let trainer = Trainer::new(config.train, data)?;
        let found = Hubs { ccv: ccv(&trainer).unwrap_or(0.0), ratios: hubs(&trainer) };
        self.hubs.borrow_mut().insert(settings, found.clone());
        Ok(Some(found))
    }

    /// None if it is not here, or only a stand-in is.
    fn load(&self, config: &DataConfig) -> Result<Option<Arc<Dataset>>, Error> {
        let known = known(&config.dataset)?;
        if !is_here(known, self.data_dir) {
            return Ok(None);
        }
        let data_dir = self.data_dir.map(Path::to_path_buf);
        let config = DataConfig { data_dir, allow_unofficial: true, ..config.clone() };
        let data = self.datasets.load(&config)?;
        Ok(Some(data).filter(|data| data.name == known.name))
    }
}

impl Number {
    /// The data set that it is of; none where it follows from definitions alone.
    fn dataset(&self) -> Option<&str> {
        self.settings.get("dataset").and_then(|name| name.as_str())
    }

    fn judge(&self, sources: &Sources<'_>) -> Result<JudgedNumber, Error> {
        use Rounding::{Ceil, Exact, Floor, Round};
        let is_open = matches!(self.statistic.source(), Source::Layer(_))
            && !self.settings.contains_key("rounding");
        let readings = match is_open && self.paper.is_some() {
            true => [Floor, Ceil, Round, Exact].map(Some).to_vec(),
            false => vec![None],
        };
        let mut readings = readings.into_iter().map(|rounding| self.reading(sources, rounding));
        let first = readings.next().expect("there is a reading")?;
        // The nearest, the first of equals.
        readings.try_fold(first, |nearest, other| {
            let other = other?;
            let distance = |of: &JudgedNumber| {
                let paper = self.paper.as_ref()?;
                Some((of.ours? - paper.value).abs())
            };
            Ok(if distance(&other) < distance(&nearest) { other } else { nearest })
        })
    }

    /// By this rounding, unless the settings have one.
    fn reading(
        &self,
        sources: &Sources<'_>,
        rounding: Option<Rounding>,
    ) -> Result<JudgedNumber, Error> {
        let by_seed = self.values(sources, rounding)?;
        let ours = by_seed.as_deref().and_then(mean);
        let half = by_seed.as_deref().and_then(|values| half_interval(values, CONFIDENCE));
        let judged = self.paper.as_ref().filter(|_| self.open.is_none());
        let verdict = judged.map(|paper| match ours {
            None => Verdict::NotRun,
            Some(ours) => self.verdict(paper, ours, half.unwrap_or(0.0)),
        });
        Ok(JudgedNumber {
            about: self.about.clone(),
            paper: self.paper.clone(),
            ours,
            half_interval: half.filter(|&half| half > 0.0),
            rounding,
            open: self.open.clone(),
            verdict,
        })
    }

    fn verdict(&self, paper: &Printed, ours: f64, half_interval: f64) -> Verdict {
        let neutral = match self.take {
            Take::Correlation => Some(0.0),
            _ => self.statistic.neutral(),
        };
        let is_same_side = |neutral: f64| (ours - neutral) * (paper.value - neutral) > 0.0;
        match (paper.is(ours, half_interval), self.statistic.follows()) {
            (true, _) => Verdict::Reproduced,
            (false, true) => Verdict::CannotHold,
            (false, false) if neutral.is_some_and(is_same_side) => Verdict::DirectionOnly,
            (false, false) => Verdict::NotReproduced,
        }
    }

    /// Ours for each seed; none without the data.
    fn values(
        &self,
        sources: &Sources<'_>,
        rounding: Option<Rounding>,
    ) -> Result<Option<Vec<f64>>, Error> {
        let over = if self.over.is_empty() { vec![Table::new()] } else { self.over.clone() };
        let mut by_seed = Vec::new();
        for &seed in sources.seeds {
            let mut values = Vec::new();
            for of_one in &over {
                let mut own = Table::new();
                own.insert("seed".into(), (seed as i64).into());
                own.insert("threads".into(), 1.into());
                if let Some(rounding) = rounding {
                    own.insert("rounding".into(), rounding.to_string().into());
                }
                let tables = [own, self.settings.clone(), of_one.clone()];
                let RunConfig { data, train } =
                    RunConfig::from_tables(tables).map_err(SettingsError::from)?;
                let shape = || self.shape.expect("a layer has a shape: a test reads the file");
                match self.statistic.source() {
                    Source::Settings(of) => values.push((0.0, of(&train, shape()))),
                    Source::Layer(of) => {
                        let TrainConfig { spread, sparsity, .. } = train;
                        let built = build(&train.rule(), spread, shape(), sparsity, seed, 0);
                        let (pattern, _) = built.map_err(train::Error::OtherTopology)?;
                        let stats = TopologyStats::of(&pattern);
                        values.push((stats.fan_in.ccv, of(&stats, &pattern)));
                    }
                    Source::Network(of) => {
                        let Some(data) = sources.load(&data)? else { return Ok(None) };
                        let trainer = Trainer::new(train, data)?;
                        values.extend(of(&trainer).map(|value| (0.0, value)));
                    }
                    Source::Hubs(of) => {
                        let Some(found) = sources.hubs(RunConfig { data, train })? else {
                            return Ok(None);
                        };
                        let of_layers: Vec<f64> = found.ratios.iter().filter_map(of).collect();
                        values.extend(mean(&of_layers).map(|value| (found.ccv, value)));
                    }
                }
            }
            by_seed.extend(self.take.of(&values));
        }
        Ok(Some(by_seed))
    }
}

impl Take {
    /// Of pairs of a CCV and a value.
    fn of(self, pairs: &[(f64, f64)]) -> Option<f64> {
        let values = || pairs.iter().map(|&(_, value)| value);
        match self {
            Take::Mean => mean(&values().collect::<Vec<f64>>()),
            Take::Least => values().reduce(f64::min),
            Take::Largest => values().reduce(f64::max),
            Take::Correlation => correlation(pairs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::paper::untrained;

    fn judged(name: &str) -> Vec<JudgedNumber> {
        let group = untrained().into_iter().find(|group| group.name == name).unwrap();
        group.judge(&Datasets::default(), Some(Path::new("/nowhere")), |_| true).unwrap()
    }

    /// What the definitions alone say: every number is judged, and these are all that no rounding
    /// gives.
    #[test]
    fn definitions_are_judged_without_data() {
        let judged = judged("definitions");
        let with = |verdict: Verdict| {
            let of = judged.iter().filter(|number| number.verdict == Some(verdict));
            of.map(|number| number.about.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(with(Verdict::NotRun), Vec::<&str>::new());
        let cannot_hold = [
            "highest sparsity (%), 784 inputs: above all that are tested",
            "most inputs, exponential, in Figure 1",
            "most inputs, exponential, as sequential spreading is told",
            "least inputs, exponential, as sequential spreading is told",
            "most / least inputs, exponential, 99.9 %",
            "CCV, linear",
            "CCV, quadratic",
            "least CCV at 85 to 98 %, linear",
            "largest CCV at 85 to 98 %, linear",
            "least CCV at 85 to 98 %, quadratic",
            "largest CCV at 85 to 98 %, quadratic",
            "CCV, one peak, β = 50",
        ];
        assert_eq!(with(Verdict::CannotHold), cannot_hold);
        let number = |about: &str| {
            let number = judged.iter().find(|number| number.about == about).unwrap();
            (number.ours, number.rounding)
        };
        assert_eq!(number("most inputs, exponential"), (Some(247.0), Some(Rounding::Floor)));
        let (connections, rounding) =
            number("connections of the first layer, mean of the eight profiles");
        assert_eq!((connections.unwrap().round(), rounding), (80796.0, Some(Rounding::Ceil)));
    }

    #[test]
    fn numbers_of_data_that_are_not_here_are_not_run() {
        for name in ["data", "gradients"] {
            for number in judged(name).iter().filter(|number| number.paper.is_some()) {
                assert_eq!(number.verdict, Some(Verdict::NotRun), "{number:?}");
            }
        }
    }

    /// Ratios are above 1 or below, and correlations above 0 or below.
    #[test]
    fn what_has_chances_may_miss_by_the_interval_or_keep_its_direction() {
        let group = untrained().into_iter().find(|group| group.name == "gradients").unwrap();
        let number = |about: &str| {
            let found = group.numbers.iter().find(|number| number.about.starts_with(about));
            let number = found.unwrap_or_else(|| panic!("no {about}")).clone();
            move |ours, half| number.verdict(number.paper.as_ref().unwrap(), ours, half)
        };
        let r = number("r of CCV");
        assert_eq!(r(0.926, 0.0), Verdict::Reproduced);
        assert_eq!(r(0.854, 0.08), Verdict::Reproduced);
        assert_eq!(r(0.854, 0.02), Verdict::DirectionOnly);
        assert_eq!(r(-0.2, 0.02), Verdict::NotReproduced);
        let least = number("hubs / specialists over full rows, the least");
        assert_eq!(least(2.22, 0.0), Verdict::Reproduced);
        assert_eq!(least(1.9, 0.2), Verdict::Reproduced);
        assert_eq!(least(1.7, 0.2), Verdict::DirectionOnly);
        assert_eq!(least(0.9, 0.01), Verdict::NotReproduced);
    }
}
