//! What scalings and schemas must be that come from a file, and when two scalings are the same.

use super::scaling::Scaling;
use super::schema::Schema;
use std::collections::HashSet;

impl Scaling {
    /// Whether values enter a network as they do by another one, but for the rounding of single
    /// precision.
    pub fn agrees_with(&self, other: &Scaling) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-4 * (1.0 + a.abs().max(b.abs()));
        let same = |(a, b): (&[f64; 2], &[f64; 2])| near(a[0], b[0]) && near(a[1], b[1]);
        let same_quantiles = match (self, other) {
            (Scaling::Columns { quantiles: a, .. }, Scaling::Columns { quantiles: b, .. }) => {
                a == b
            }
            _ => true,
        };
        let (a, b) = (self.lines(), other.lines());
        a.len() == b.len() && a.iter().zip(&b).all(same) && same_quantiles
    }

    /// Factor and addend of each feature, or of all together.
    fn lines(&self) -> Vec<[f64; 2]> {
        match self {
            Scaling::Uniform { scale, shift } => vec![[(*scale).into(), (*shift).into()]],
            Scaling::PerFeature { scale, shift } => {
                scale.iter().zip(shift).map(|(&a, &b)| [a.into(), b.into()]).collect()
            }
            Scaling::Columns { center, factor, .. } => center
                .iter()
                .zip(factor)
                .map(|(center, factor)| [*factor, -center * factor])
                .collect(),
        }
    }

    /// Whether it has all numbers of each feature, such as a fit gives; of sparse rows, each a
    /// factor that leaves 0 where it is.
    pub(crate) fn is_whole(&self, is_sparse: bool) -> bool {
        let are_factors = |factors: &[f64]| factors.iter().all(|&f| f > 0.0 && f.is_finite());
        let single = |factors: &[f32]| factors.iter().all(|&f| f > 0.0 && f.is_finite());
        match self {
            Scaling::Uniform { scale, shift } => {
                !is_sparse && single(&[*scale]) && shift.is_finite()
            }
            Scaling::PerFeature { scale, shift } => {
                scale.len() == shift.len()
                    && !is_sparse
                    && single(scale)
                    && shift.iter().all(|shift| shift.is_finite())
            }
            Scaling::Columns { center, factor, quantiles } => {
                let of_quantiles = if is_sparse { 0 } else { center.len() };
                let is_still = !is_sparse || center.iter().all(|&center| center == 0.0);
                factor.len() == center.len()
                    && are_factors(factor)
                    && center.iter().all(|center| center.is_finite())
                    && (quantiles.is_empty() || quantiles.len() == of_quantiles)
                    && is_still
            }
        }
    }
}

impl Schema {
    /// What contradicts itself, or a network with so many outputs; none if nothing does.
    pub(crate) fn contradiction(&self, outputs: usize) -> Option<String> {
        let classes = &self.classes;
        if !classes.is_empty() && classes.len() != outputs {
            return Some(format!("{} names of {outputs} classes", classes.len()));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = classes.iter().find(|class| !seen.insert(class.as_str())) {
            return Some(format!("two classes are called '{twice}'"));
        }
        let mut seen = HashSet::new();
        let mut names = self.columns.iter().map(|column| column.name.as_str());
        names
            .find(|name| !seen.insert(*name))
            .map(|name| format!("two columns are called '{name}'"))
    }
}
