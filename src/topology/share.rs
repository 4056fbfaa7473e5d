//! Neighbouring neurons that share their inputs: any generator's topology, of groups of neurons.
//!
//! Each neuron has weights of its own; but an input is loaded once for the whole group, where
//! neurons with inputs of their own load one for each product. The pattern is known from pruning
//! networks for inference as 1×N (Elsen et al. 2020; Lin et al. 2022).

use super::error::TopologyError;
use super::generator::{Generated, Generator, Request};
use crate::sparse::CsrPattern;

/// Another generator's topology of groups: its fan-ins and inputs are those of groups, its budget
/// that of whole ones.
#[derive(Debug)]
pub struct Share {
    /// What makes the groups' connections.
    pub of: Box<dyn Generator>,
    /// Neurons of a group; the last one may be smaller.
    pub neurons: usize,
}

impl Generator for Share {
    /// **Errors**: as the groups' generator; [`TopologyError::NotOfGroups`] if that makes
    /// none of groups, or gives weights.
    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        if !self.of.takes_groups() {
            return Err(TopologyError::NotOfGroups);
        }
        let [in_features, out_features] = request.shape;
        let groups = out_features.div_ceil(self.neurons);
        let made = self.of.generate(&Request { shape: [in_features, groups], ..*request })?;
        if made.weights.is_some() {
            return Err(TopologyError::NotOfGroups);
        }
        Ok(Generated { pattern: repeat_rows(&made.pattern, self.neurons, out_features), ..made })
    }

    fn needs_inputs(&self) -> bool {
        self.of.needs_inputs()
    }
}

/// `rows` rows, of which each `times` are one of `pattern`'s.
///
/// **Panics** if the pattern has too few.
fn repeat_rows(pattern: &CsrPattern, times: usize, rows: usize) -> CsrPattern {
    let (mut row_ptr, mut col_idx) = (vec![0], Vec::with_capacity(pattern.nnz() * times));
    for row in 0..rows {
        col_idx.extend(pattern.row(row / times));
        row_ptr.push(col_idx.len());
    }
    CsrPattern::new(pattern.cols(), row_ptr, col_idx).expect("rows of a valid pattern")
}

#[cfg(test)]
mod tests {
    use super::super::{FanInRule, Profile, Profiled, Spread};
    use super::*;

    fn share(neurons: usize, rule: FanInRule) -> Share {
        Share { of: Box::new(Profiled { rule, spread: Spread::Random, narrow: 0 }), neurons }
    }

    fn request(shape: [usize; 2]) -> Request<'static> {
        Request { shape, sparsity: 0.9, seed: 3, layer: 0, inputs: None }
    }

    #[test]
    fn the_profile_runs_over_groups_and_the_budget_is_met_to_the_group() {
        for (neurons, groups) in [(4, 24), (8, 12), (5, 20)] {
            let is_whole = neurons * groups == 96;
            let rule = FanInRule::new(Profile::Exponential { alpha: 3.0 });
            let made = share(neurons, rule.clone()).generate(&request([100, 96])).unwrap();
            let of_groups = share(1, rule).generate(&request([100, groups])).unwrap().pattern;
            for row in 0..96 {
                assert_eq!(made.pattern.row(row), of_groups.row(row / neurons));
            }
            assert_eq!(of_groups.nnz(), 10 * groups);
            assert!(!is_whole || made.pattern.nnz() == 960, "{neurons}");
        }
    }
}
