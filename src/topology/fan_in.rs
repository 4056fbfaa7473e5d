//! From a profile and a sparsity to the fan-in of each neuron.

use super::{Profile, TopologyError};

/// The fan-in of each of `out_features` neurons, at least 1; the sum is exactly
/// `round((1 − sparsity)·in_features·out_features)`.
///
/// Uniform: every neuron gets the same whole share of the budget, the rest of the division goes to
/// the lowest indices, one each.
///
/// **Errors**: [`TopologyError::Sparsity`] outside [0, 1); [`TopologyError::Ceiling`] where the
/// budget is below one connection per neuron (paper eq 7 with f_min = 1).
pub fn fan_in(
    profile: &Profile,
    in_features: usize,
    out_features: usize,
    sparsity: f64,
) -> Result<Vec<usize>, TopologyError> {
    if !(0.0..1.0).contains(&sparsity) {
        return Err(TopologyError::Sparsity(sparsity));
    }
    let positions = (in_features * out_features) as f64;
    let budget = ((1.0 - sparsity) * positions).round() as usize;
    if budget < out_features {
        return Err(TopologyError::Ceiling {
            sparsity,
            budget,
            out_features,
            in_features,
            ceiling: 1.0 - 1.0 / in_features as f64,
        });
    }
    match profile {
        Profile::Uniform => {
            let (share, rest) = (budget / out_features, budget % out_features);
            Ok((0..out_features).map(|row| share + usize::from(row < rest)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_meets_the_budget_to_the_connection() {
        for (n, m, sparsity) in [(784, 1024, 0.9), (1024, 1024, 0.98), (54, 7, 0.5), (3, 2, 0.0)] {
            let fan_in = fan_in(&Profile::Uniform, n, m, sparsity).unwrap();
            let budget = ((1.0 - sparsity) * (n * m) as f64).round() as usize;
            assert_eq!((fan_in.len(), fan_in.iter().sum()), (m, budget));
            let (min, max) = (fan_in.iter().min().unwrap(), fan_in.iter().max().unwrap());
            assert!(max - min <= 1 && *max <= n);
        }
    }

    #[test]
    fn an_impossible_sparsity_is_an_error_that_says_why() {
        for sparsity in [1.0, -0.1, f64::NAN] {
            assert!(matches!(
                fan_in(&Profile::Uniform, 784, 1024, sparsity),
                Err(TopologyError::Sparsity(_))
            ));
        }
        // Paper Table 3: 784 inputs reach 99.87 %.
        assert!(fan_in(&Profile::Uniform, 784, 1024, 0.9987).is_ok());
        let error = fan_in(&Profile::Uniform, 784, 1024, 0.999).unwrap_err();
        assert!(error.to_string().contains("0.998724"), "{error}");
    }
}
