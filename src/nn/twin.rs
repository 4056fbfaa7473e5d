//! The network's twin in f64: dense, sample-major, built of the specification's operations.
//!
//! Finite differences prove the twin; the twin proves the engines.

use super::{Activation, Loss, Mlp, NORM_EPS, Targets};
use fanin_kernels::naive;
use std::sync::Arc;

/// A copy of an [`Mlp`] in f64.
#[derive(Clone, Debug)]
pub struct Twin {
    /// The layers' tensors.
    pub layers: Vec<TwinLayer>,
    activation: Activation,
    loss: Arc<dyn Loss>,
    in_features: usize,
    /// The share of a class's target that all have alike.
    pub smoothing: f64,
    /// What dropout multiplies each hidden layer's values by, `[samples, features]`; nothing
    /// without it.
    pub dropout: Vec<Vec<f64>>,
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
    /// What the weights of each layer give out; the last are the network's outputs.
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
                let mut tensors = layer.tensors().each().map(widen);
                tensors[0] = widen(&pattern.scatter(&values));
                let mut stored = vec![false; tensors[0].len()];
                pattern.positions().for_each(|at| stored[at] = true);
                TwinLayer { tensors, stored }
            })
            .collect();
        let (activation, loss) = (model.activation(), Arc::clone(model.loss()));
        let (in_features, smoothing, dropout) = (model.in_features(), 0.0, Vec::new());
        Twin { layers, activation, loss, in_features, smoothing, dropout }
    }

    fn forward(&self, x: &[f64]) -> Trace {
        let mut trace = Trace { inputs: vec![], outputs: vec![] };
        let (mut x, mut width) = (x.to_vec(), self.in_features);
        for (index, layer) in self.layers.iter().enumerate() {
            let [w, b, gamma, beta] = &layer.tensors;
            let z = naive::linear_forward(&x, w, b, width);
            trace.inputs.push(x);
            x = match gamma.is_empty() {
                true => vec![],
                false => {
                    let eps = f64::from(NORM_EPS);
                    naive::layer_norm_forward(&z, gamma, beta, eps, self.activation)
                }
            };
            self.drop_out(index, &mut x);
            trace.outputs.push(z);
            width = b.len();
        }
        trace
    }

    /// What dropout makes of a hidden layer's values, or of their gradient.
    fn drop_out(&self, layer: usize, values: &mut [f64]) {
        let factors = self.dropout.get(layer).into_iter().flatten();
        values.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
    }

    /// The mean loss over samples `x` `[batch, in_features]`; and, of an activation with a kink at
    /// 0, on which side of it each neuron is.
    pub fn loss(&self, x: &[f64], targets: &Targets) -> (f64, Vec<bool>) {
        let trace = self.forward(x);
        let near = 1e-9;
        let has_kink = (self.activation.slope(near) - self.activation.slope(-near)).abs() > 0.5;
        let hidden = trace.inputs[1..].iter().flatten().filter(|_| has_kink);
        let sides = hidden.map(|&h| h > 0.0).collect();
        (self.loss.twin(&trace.outputs[self.layers.len() - 1], targets, self.smoothing).0, sides)
    }

    /// The gradient of the mean loss, in the twin's own shapes.
    pub fn gradient(&self, x: &[f64], targets: &Targets) -> Vec<TwinLayer> {
        let trace = self.forward(x);
        let last = self.layers.len() - 1;
        let mut dz = self.loss.twin(&trace.outputs[last], targets, self.smoothing).1;
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
            let (f, mut dh) = (self.activation, linear.dx);
            self.drop_out(l - 1, &mut dh);
            let norm = naive::layer_norm_backward(z, gamma, beta, eps, f, &dh);
            (dz, dgamma, dbeta) = (norm.dz, norm.dgamma, norm.dbeta);
        }
        gradients.reverse();
        gradients
    }
}
