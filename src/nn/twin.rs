//! The network's twin in f64: dense, sample-major, built of the specification's operations.
//!
//! Finite differences prove the twin; the twin proves the engines.

use super::{Mlp, NORM_EPS};
use fanin_kernels::{Activation, naive};

/// A copy of an [`Mlp`] in f64.
#[derive(Clone, Debug)]
pub struct Twin {
    /// The layers' tensors.
    pub layers: Vec<TwinLayer>,
    in_features: usize,
}

/// Weight `[out, in]` (0 where nothing is stored), bias, γ and β; as gradient, the same shapes.
#[derive(Clone, Debug)]
pub struct TwinLayer {
    /// Weight, bias, gamma, beta.
    pub tensors: [Vec<f64>; 4],
    /// Which weights exist; the others are neither moved nor compared.
    pub stored: Vec<bool>,
}

/// What a forward pass leaves behind.
struct Trace {
    /// The input of each layer.
    inputs: Vec<Vec<f64>>,
    /// The linear output of each layer; the last is the logits.
    outputs: Vec<Vec<f64>>,
}

impl Twin {
    /// The twin of a model as it stands.
    pub fn of(model: &Mlp) -> Twin {
        let widen = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let layers = model
            .layers()
            .iter()
            .map(|layer| {
                let (pattern, values) = layer.connections();
                let mut tensors = layer.params.each().map(widen);
                tensors[0] = widen(&pattern.scatter(&values));
                let mut stored = vec![false; tensors[0].len()];
                pattern.positions().for_each(|at| stored[at] = true);
                TwinLayer { tensors, stored }
            })
            .collect();
        Twin { layers, in_features: model.in_features() }
    }

    fn forward(&self, x: &[f64]) -> Trace {
        let mut trace = Trace { inputs: vec![], outputs: vec![] };
        let (mut x, mut width) = (x.to_vec(), self.in_features);
        for layer in &self.layers {
            let [w, b, gamma, beta] = &layer.tensors;
            let z = naive::linear_forward(&x, w, b, width);
            trace.inputs.push(x);
            x = match gamma.is_empty() {
                true => vec![],
                false => naive::layer_norm_forward(
                    &z,
                    gamma,
                    beta,
                    f64::from(NORM_EPS),
                    Activation::Relu,
                ),
            };
            trace.outputs.push(z);
            width = b.len();
        }
        trace
    }

    /// The mean loss over samples `x` `[batch, in_features]`, and which ReLUs were open.
    pub fn loss(&self, x: &[f64], labels: &[u16]) -> (f64, Vec<bool>) {
        let trace = self.forward(x);
        let open = trace.inputs[1..].iter().flatten().map(|&h| h > 0.0).collect();
        let logits = &trace.outputs[self.layers.len() - 1];
        let weights = vec![1.0; labels.len()];
        (naive::softmax_cross_entropy(logits, labels, &weights, self.classes()).0, open)
    }

    /// The gradient of the mean loss, in the twin's own shapes.
    pub fn gradient(&self, x: &[f64], labels: &[u16]) -> Vec<TwinLayer> {
        let trace = self.forward(x);
        let last = self.layers.len() - 1;
        let (logits, weights) = (&trace.outputs[last], vec![1.0; labels.len()]);
        let mut dz = naive::softmax_cross_entropy(logits, labels, &weights, self.classes()).1;
        let mut gradients = Vec::new();
        let (mut dgamma, mut dbeta) = (vec![], vec![]);
        for l in (0..=last).rev() {
            let layer = &self.layers[l];
            let width = layer.tensors[0].len() / layer.tensors[1].len();
            let linear = naive::linear_backward(&trace.inputs[l], &layer.tensors[0], &dz, width);
            let tensors = [linear.dw, linear.db, dgamma, dbeta];
            gradients.push(TwinLayer { tensors, stored: layer.stored.clone() });
            if l == 0 {
                break;
            }
            let [_, _, gamma, beta] = &self.layers[l - 1].tensors;
            let eps = f64::from(NORM_EPS);
            let z = &trace.outputs[l - 1];
            let norm =
                naive::layer_norm_backward(z, gamma, beta, eps, Activation::Relu, &linear.dx);
            (dz, dgamma, dbeta) = (norm.dz, norm.dgamma, norm.dbeta);
        }
        gradients.reverse();
        gradients
    }

    fn classes(&self) -> usize {
        self.layers[self.layers.len() - 1].tensors[1].len()
    }
}
