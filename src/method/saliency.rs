//! What a connection is worth to a trained network.

use super::{LayerView, Network};
use crate::grammar::{Arguments, Error, Parameter, named};
use crate::nn::{Batch, Curvature};
use crate::parallel::Executor;

named! {
    /// A saliency.
    pub enum Saliency as "saliency" {
        /// |w| (Han et al. 2015).
        Magnitude = "magnitude",
        /// ½·h·w², h the diagonal of the loss's Hessian, signed: what the loss would rise by
        /// (optimal brain damage, Le Cun et al. 1989).
        Obd = "obd",
    }
}

/// A saliency, and the samples that it looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Salience {
    saliency: Saliency,
    samples: usize,
}

/// As methods have it among their parameters.
pub(super) const SALIENCY: Parameter = Parameter {
    key: "saliency",
    default: Some("magnitude"),
    about: "what stays: the largest weights (magnitude), or what the loss would rise by (obd)",
};

/// Training samples that `obd` looks at.
pub(super) const SAMPLES: Parameter =
    Parameter { key: "samples", default: Some("100"), about: "training samples that obd looks at" };

impl Salience {
    pub(super) fn from_arguments(given: &Arguments<'_>) -> Result<Salience, Error> {
        let samples = given.whole("samples", 1)? as usize;
        Ok(Salience { saliency: given.one_of("saliency")?, samples })
    }

    /// The saliency of each layer's connections, in CSR order.
    pub(super) fn of(self, network: &Network<'_>, layers: &[LayerView<'_>]) -> Vec<Vec<f64>> {
        if self.saliency == Saliency::Magnitude {
            return layers.iter().map(|layer| sizes(&layer.weights)).collect();
        }
        let batch = network.batch(&network.some_samples(self.samples));
        let curvature = Curvature::of(network.model(), 1.0);
        let all = damage(network.executor(), &curvature, &batch);
        let of_layer = |layer: &LayerView<'_>| {
            layer.pattern.positions().map(|at| all[layer.index][at]).collect()
        };
        layers.iter().map(of_layer).collect()
    }
}

/// |w|.
pub(super) fn sizes(weights: &[f32]) -> Vec<f64> {
    weights.iter().map(|weight| f64::from(weight.abs())).collect()
}

/// ½·h·w² of every position of every layer.
fn damage(executor: &Executor, curvature: &Curvature, batch: &Batch) -> Vec<Vec<f64>> {
    let of_layer = |(layer, h): (usize, Vec<f64>)| {
        h.into_iter().zip(curvature.weight(layer)).map(|(h, w)| 0.5 * h * w * w).collect()
    };
    curvature.hessian_diagonal(executor, batch).into_iter().enumerate().map(of_layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::OracleNet;
    use fanin_kernels::Isa;

    #[test]
    fn damages_and_masks_are_the_oracles() {
        let executor = Executor::new(Isa::detect(), 2).unwrap();
        for name in ["plain", "norm", "wide"] {
            let mut net = OracleNet::open("obd", name, 1.0);
            let scores = damage(&executor, &net.curvature, &net.batch);
            let expected = net.numbers("score");
            let most = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            for (found, expected) in scores.concat().iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-12 * most, "{name}");
            }
            net.expect_masks(&scores, "keep");
        }
    }
}
