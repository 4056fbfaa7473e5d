//! What a network's products cost.

use super::{Layer, Mlp};

impl Mlp {
    /// Flops of one training sample's products as the layers are stored: forward, dX but for layers
    /// that take in samples, and dW if it is wanted. Of a mixture those of the gate and of as many
    /// experts as answer.
    pub fn flops_per_sample(&self, with_dw: bool) -> u64 {
        let chains = self.chains();
        let passes = |layer| 2 + u64::from(with_dw) - u64::from(chains.takes_samples(layer));
        self.flops(|layer, of| passes(layer) * of.storage().products() as u64)
    }

    /// Flops of the products of one answer.
    pub fn flops_per_answer(&self) -> u64 {
        self.flops(|_, layer| layer.storage().products() as u64)
    }

    /// As [`Mlp::flops_per_answer`], if every connection existed.
    pub fn flops_per_dense_answer(&self) -> u64 {
        self.flops(|_, layer| (layer.in_features() * layer.out_features()) as u64)
    }

    /// Flops of a sample whose products a layer has so many of.
    fn flops(&self, products: impl Fn(usize, &Layer) -> u64) -> u64 {
        let chains = self.chains();
        let (mut of_chains, mut of_gate) = (0, 0);
        for (index, layer) in self.layers().iter().enumerate() {
            match chains.position(index) == chains.depth {
                true => of_gate += 2 * products(index, layer),
                false => of_chains += 2 * products(index, layer),
            }
        }
        let top = self.mixture().map_or(1, |mixture| mixture.top);
        of_gate + of_chains * top as u64 / chains.count as u64
    }
}
