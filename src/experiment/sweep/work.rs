//! How much there is to do for a run, roughly: the long ones go first, so that no core waits for
//! the last of them, and it is what the time left is told by.

use crate::dataset::Dataset;
use crate::train::RunConfig;

/// A product with a stored matrix beside the dense one, for each of its entries.
const SPARSE: f64 = 3.0;
/// What costs as much per neuron, however few inputs it has.
const PER_NEURON: f64 = 40.0;

/// In products of a dense layer.
pub(super) fn work(config: &RunConfig, data: Option<&Dataset>) -> f64 {
    let train = &config.train;
    let (samples, inputs, outputs) = data.map_or((60_000, 784, 10), |data| {
        let samples = &data.train;
        (samples.len(), samples.features(), samples.targets().outputs())
    });
    let widths: Vec<f64> =
        [inputs].iter().chain(&train.hidden).chain([&outputs]).map(|&width| width as f64).collect();
    let layers = widths.windows(2).enumerate().map(|(layer, pair)| {
        let all = pair[0] * pair[1];
        let products = match train.is_sparse(layer) {
            true => SPARSE * (1.0 - train.sparsity) * all,
            false => all,
        };
        products.min(all) + PER_NEURON * pair[1]
    });
    let phases = train.phases().len();
    layers.sum::<f64>() * samples as f64 * (train.epochs * phases).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_epochs_more_connections_and_wider_layers_are_more_work() {
        let of = |text: &str| work(&RunConfig::from_toml(text).unwrap(), None);
        let base = of("");
        assert!(of("epochs = 20") > 1.9 * base);
        assert!(of("engine = \"dense\"") > 2.0 * base);
        assert!(of("sparsity = 0.98") < 0.7 * base);
        assert!(of("hidden = [256, 256]") < 0.3 * base);
        assert!(of("epochs = 0") > 0.0);
    }
}
