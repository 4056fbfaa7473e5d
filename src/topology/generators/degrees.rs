//! How many inputs each neuron gets where a generator offers a choice.

use crate::grammar::{Parameter, named};
use crate::random::{Purpose, stream};
use crate::topology::error::TopologyError;
use crate::topology::generator::Request;
use crate::topology::profiled::proportional;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_distr::Normal;

named! {
    /// A distribution of fan-ins.
    pub(super) enum Degrees as "degrees" {
        /// All the same, to the connection.
        Fixed = "fixed",
        /// Normal, with a standard deviation of two inputs.
        Gaussian = "gaussian",
        /// From 1 to twice the mean.
        Uniform = "uniform",
        /// Most in the layer's middle.
        SpatialGaussian = "spatial-gaussian",
        /// Least in the layer's middle.
        SpatialInverse = "spatial-inverse",
    }
}

impl Degrees {
    pub(super) const PARAMETER: Parameter = Parameter {
        key: "degrees",
        default: Some("fixed"),
        about: "fan-ins: fixed, gaussian, uniform, spatial-gaussian, spatial-inverse",
    };

    /// The fan-in of every neuron, at least 1; together the budget to the connection.
    ///
    /// **Errors**: [`TopologyError::Sparsity`], [`TopologyError::Ceiling`].
    pub(super) fn of(self, request: &Request<'_>) -> Result<Vec<usize>, TopologyError> {
        /// Widths of the distributions as the dendritic network model's authors have them: in
        /// inputs, and in mean fan-ins.
        const DEVIATION: f64 = 2.0;
        let &Request { shape: [in_features, out_features], sparsity, seed, layer, .. } = request;
        let rng = &mut stream(seed, Purpose::FanIn, layer as u64);
        let mean = (1.0 - sparsity) * in_features as f64;
        let from_middle = |row: usize| row as f64 - (out_features as f64 - 1.0) / 2.0;
        let bell = |row| (-0.5 * (from_middle(row) / (DEVIATION * mean)).powi(2)).exp();
        let weights: Vec<f64> = match self {
            Degrees::Fixed => vec![1.0; out_features],
            Degrees::Gaussian => {
                let normal = Normal::new(mean, DEVIATION).expect("a finite mean");
                (0..out_features).map(|_| rng.sample(normal).max(1.0)).collect()
            }
            Degrees::Uniform => {
                let (least, most) = (1.0, (2.0 * mean - 1.0).max(1.0));
                (0..out_features).map(|_| least + (most - least) * rng.random::<f64>()).collect()
            }
            Degrees::SpatialGaussian => (0..out_features).map(bell).collect(),
            Degrees::SpatialInverse => (0..out_features).map(|row| 1.0 - bell(row)).collect(),
        };
        let mut counts = proportional(&weights, in_features, sparsity)?;
        if self == Degrees::Fixed {
            // Who gets the one more that is left over is no matter of order.
            counts.shuffle(rng);
        }
        Ok(counts)
    }
}
