//! Noisy top-k gating (Shazeer et al. 2017, eq 3–5, 8–11) in f64: which experts answer a sample and
//! how much each counts, and the way back to what the gate's layer gave out.
//!
//! Hₑ = cleanₑ + noiseₑ·σₑ with σₑ = softplus(noise_logitsₑ) + 10⁻², the least deviation of the
//! authors' code; without noise, in evaluation, Hₑ = cleanₑ. The `top` largest H, of equal ones the
//! lower expert, share a softmax. With one expert a sample that would be 1 whatever the gate says,
//! so it has its part of the softmax over all experts instead (Fedus et al. 2022): else the
//! answers' gradient could teach the gate nothing.

use super::Mixture;
use libm::{erf, exp, log1p};
use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// The least deviation of the noise.
const LEAST_DEVIATION: f64 = 1e-2;
/// What keeps CV² finite of nothing, as in the authors' code.
const CV_EPS: f64 = 1e-10;

/// A batch's gates.
///
/// **Shapes**: all `[samples, experts]`.
#[derive(Clone, Debug)]
pub struct Gates {
    mixture: Mixture,
    clean: Vec<f64>,
    /// While training.
    noise: Option<Noise>,
    /// Experts from the largest H to the smallest.
    order: Vec<u32>,
    /// The softmax: over all experts, or 0 but for the top ones.
    softmax: Vec<f64>,
}

/// The noise that is added to what the gate prefers.
#[derive(Clone, Debug)]
struct Noise {
    drawn: Vec<f64>,
    deviation: Vec<f64>,
    /// dσ/dnoise_logits.
    slope: Vec<f64>,
}

impl Gates {
    /// The gates of samples whose gate gave out `clean`; while training with what it gave out of
    /// their noise, `noise_logits`, and the draws from N(0, 1) that this is to scale.
    ///
    /// **Panics** unless all are of one length, `mixture.experts` a sample.
    pub fn of(mixture: Mixture, clean: Vec<f64>, noise: Option<(Vec<f64>, Vec<f64>)>) -> Gates {
        Gates::with_softmax(mixture, mixture.top == 1, clean, noise)
    }

    fn with_softmax(
        mixture: Mixture,
        over_all: bool,
        clean: Vec<f64>,
        noise: Option<(Vec<f64>, Vec<f64>)>,
    ) -> Gates {
        let experts = mixture.experts;
        assert!(clean.len().is_multiple_of(experts), "one preference per expert");
        let noise = noise.map(|(noise_logits, drawn)| {
            assert_eq!(
                [noise_logits.len(), drawn.len()],
                [clean.len(); 2],
                "one draw per preference"
            );
            let deviation = noise_logits.iter().map(|&x| softplus(x) + LEAST_DEVIATION).collect();
            let slope = noise_logits.iter().map(|&x| 1.0 / (1.0 + exp(-x))).collect();
            Noise { drawn, deviation, slope }
        });
        let mut gates = Gates { mixture, clean, noise, order: Vec::new(), softmax: Vec::new() };
        for sample in 0..gates.clean.len() / experts {
            let h: Vec<f64> = (0..experts).map(|e| gates.noisy(sample, e)).collect();
            let mut order: Vec<u32> = (0..experts as u32).collect();
            order.sort_by(|&a, &b| h[b as usize].total_cmp(&h[a as usize]));
            let of = if over_all { &order[..] } else { &order[..mixture.top] };
            let largest = h[order[0] as usize];
            let mut softmax = vec![0.0; experts];
            of.iter().for_each(|&e| softmax[e as usize] = exp(h[e as usize] - largest));
            let sum: f64 = softmax.iter().sum();
            gates.softmax.extend(softmax.iter().map(|x| x / sum));
            gates.order.extend(order);
        }
        gates
    }

    /// Hₑ of a sample.
    fn noisy(&self, sample: usize, expert: usize) -> f64 {
        let at = sample * self.mixture.experts + expert;
        let noise = self.noise.as_ref();
        self.clean[at] + noise.map_or(0.0, |noise| noise.drawn[at] * noise.deviation[at])
    }

    /// Samples.
    pub fn samples(&self) -> usize {
        self.clean.len() / self.mixture.experts
    }

    fn order(&self, sample: usize) -> &[u32] {
        &self.order[sample * self.mixture.experts..][..self.mixture.experts]
    }

    /// The experts that answer a sample, the largest H first.
    pub fn top(&self, sample: usize) -> &[u32] {
        &self.order(sample)[..self.mixture.top]
    }

    /// What an expert's answer to a sample counts; 0 of one that does not answer.
    pub fn gate(&self, sample: usize, expert: usize) -> f64 {
        match self.top(sample).contains(&(expert as u32)) {
            true => self.softmax[sample * self.mixture.experts + expert],
            false => 0.0,
        }
    }

    /// Of each expert the sum of its gates.
    pub fn importance(&self) -> Vec<f64> {
        let of = |expert| (0..self.samples()).map(|sample| self.gate(sample, expert)).sum();
        (0..self.mixture.experts).map(of).collect()
    }

    /// The expert whose H an expert's own must exceed for it to answer a sample; none where all
    /// answer.
    fn threshold(&self, sample: usize, expert: usize) -> Option<usize> {
        let (order, top) = (self.order(sample), self.mixture.top);
        let answers = order[..top].contains(&(expert as u32));
        order.get(if answers { top } else { top - 1 }).map(|&threshold| threshold as usize)
    }

    /// (cleanₑ − threshold)/σₑ, whose Φ is the probability that another draw of this expert's
    /// noise lets it answer the sample (eq 9).
    fn margin(&self, noise: &Noise, sample: usize, expert: usize) -> Option<(usize, f64)> {
        let threshold = self.threshold(sample, expert)?;
        let at = sample * self.mixture.experts + expert;
        Some((threshold, (self.clean[at] - self.noisy(sample, threshold)) / noise.deviation[at]))
    }

    /// Of each expert how many samples it is likely to get (eq 10); without noise, how many it
    /// gets.
    pub fn load(&self) -> Vec<f64> {
        let of = |expert: usize| {
            let likely = |sample| match &self.noise {
                None => f64::from(self.top(sample).contains(&(expert as u32))),
                Some(noise) => {
                    let margin = self.margin(noise, sample, expert);
                    margin.map_or(1.0, |(_, u)| 0.5 * (1.0 + erf(u * FRAC_1_SQRT_2)))
                }
            };
            (0..self.samples()).map(likely).sum()
        };
        (0..self.mixture.experts).map(of).collect()
    }

    /// What the mixture adds to the loss: importance's and load's CV², by their weights.
    pub fn balance_loss(&self) -> f64 {
        let Mixture { importance, load, .. } = self.mixture;
        importance * cv_squared(&self.importance()).0 + load * cv_squared(&self.load()).0
    }

    /// The gradient of Σ `d_gates`·gates + [`Gates::balance_loss`]: with respect to what the gate
    /// gave out as preferences, and as the noise's noise_logits, which is 0 without noise.
    pub fn backward(&self, d_gates: &[f64]) -> [Vec<f64>; 2] {
        assert_eq!(d_gates.len(), self.clean.len(), "one derivative per gate");
        let experts = self.mixture.experts;
        let (_, d_importance) = cv_squared(&self.importance());
        let (_, d_load) = cv_squared(&self.load());
        let (mut d_clean, mut d_deviation) = (vec![0.0; d_gates.len()], vec![0.0; d_gates.len()]);
        for sample in 0..self.samples() {
            let first = sample * experts;
            // By H, through the softmax and through the thresholds.
            let mut d_h = vec![0.0; experts];
            let d_gate = |e: usize| d_gates[first + e] + self.mixture.importance * d_importance[e];
            let softmax = &self.softmax[first..][..experts];
            let top = self.top(sample).iter().map(|&e| e as usize);
            let mean: f64 = top.clone().map(|e| softmax[e] * d_gate(e)).sum();
            top.for_each(|e| d_h[e] = softmax[e] * d_gate(e));
            d_h.iter_mut().zip(softmax).for_each(|(d, p)| *d -= p * mean);
            if let Some(noise) = &self.noise {
                for (expert, d_load) in d_load.iter().enumerate() {
                    let Some((threshold, u)) = self.margin(noise, sample, expert) else { continue };
                    let density = exp(-0.5 * u * u) / TAU.sqrt();
                    let d_margin = self.mixture.load * d_load * density;
                    let d_preference = d_margin / noise.deviation[first + expert];
                    d_clean[first + expert] += d_preference;
                    d_deviation[first + expert] -= d_preference * u;
                    d_h[threshold] -= d_preference;
                }
            }
            for (expert, d) in d_h.into_iter().enumerate() {
                d_clean[first + expert] += d;
                if let Some(noise) = &self.noise {
                    d_deviation[first + expert] += d * noise.drawn[first + expert];
                }
            }
        }
        if let Some(noise) = &self.noise {
            d_deviation.iter_mut().zip(&noise.slope).for_each(|(d, slope)| *d *= slope);
        }
        [d_clean, d_deviation]
    }
}

/// ln(1 + eˣ).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + log1p(exp(-x.abs()))
}

/// CV² = variance/(mean² + ε) of numbers, the variance theirs and not an estimate (÷ their count);
/// and its gradient.
fn cv_squared(values: &[f64]) -> (f64, Vec<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let below = mean * mean + CV_EPS;
    let slope = |x: &f64| (2.0 * (x - mean) - 2.0 * mean * variance / below) / (count * below);
    (variance / below, values.iter().map(slope).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use crate::sparse::oracle::Oracle;
    use rand::RngExt;

    const SAMPLES: usize = 10;
    const INPUTS: usize = 7;
    const EXPERTS: usize = 6;

    fn mixture(top: usize, importance: f64, load: f64) -> Mixture {
        Mixture { experts: EXPERTS, top, importance, load }
    }

    /// x·w.
    fn product(x: &[f64], w: &[f64]) -> Vec<f64> {
        let at =
            |s: usize, e: usize| (0..INPUTS).map(move |i| x[s * INPUTS + i] * w[i * EXPERTS + e]);
        (0..SAMPLES * EXPERTS).map(|n| at(n / EXPERTS, n % EXPERTS).sum()).collect()
    }

    /// xᵀ·d.
    fn of_weights(x: &[f64], d: &[f64]) -> Vec<f64> {
        let at =
            |i: usize, e: usize| (0..SAMPLES).map(move |s| x[s * INPUTS + i] * d[s * EXPERTS + e]);
        let all = (0..INPUTS * EXPERTS).map(|n| at(n / EXPERTS, n % EXPERTS).sum());
        all.collect()
    }

    fn expect(name: &str, found: &[f64], expected: &[f64], bound: f64) {
        assert_eq!(found.len(), expected.len(), "{name}");
        let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst <= bound, "{name}: {worst:e}");
    }

    /// Σ gates·expert_out.
    fn answers(gates: &Gates, expert_out: &[f64]) -> Vec<f64> {
        let width = expert_out.len() / (SAMPLES * EXPERTS);
        let of = |sample: usize, at: usize| -> f64 {
            let out = |e: usize| expert_out[(sample * EXPERTS + e) * width + at];
            (0..EXPERTS).map(|e| gates.gate(sample, e) * out(e)).sum()
        };
        (0..SAMPLES * width).map(|n| of(n / width, n % width)).collect()
    }

    #[test]
    fn gates_losses_and_gradients_are_the_oracles() {
        let mut oracle = Oracle::open("moe");
        let [x, w_gate, w_noise, drawn, upstream] =
            ["x", "w_gate", "w_noise", "noise", "upstream"].map(|name| oracle.numbers(name));
        let clean = product(&x, &w_gate);
        let noise_logits = product(&x, &w_noise);
        let expert_out = oracle.numbers("expert_out");
        expect("clean", &clean, &oracle.numbers("clean"), 1e-12);
        for k in [1, 2, 4] {
            let of = |over_all, importance, load| {
                let noise = Some((noise_logits.clone(), drawn.clone()));
                Gates::with_softmax(mixture(k, importance, load), over_all, clean.clone(), noise)
            };
            let gates = of(false, 1.0, 0.0);
            let noise = gates.noise.as_ref().unwrap();
            expect("noise_std", &noise.deviation, &oracle.numbers("noise_std"), 1e-12);
            let top: Vec<usize> = (0..SAMPLES)
                .flat_map(|sample| gates.top(sample).iter().map(|&e| e as usize))
                .collect();
            assert_eq!(top, oracle.whole(&format!("k{k}_top")));
            let all = |gates: &Gates| -> Vec<f64> {
                (0..SAMPLES * EXPERTS).map(|n| gates.gate(n / EXPERTS, n % EXPERTS)).collect()
            };
            let mut check = |name: &str, found: &[f64], bound| {
                let name = format!("k{k}_{name}");
                expect(&name, found, &oracle.numbers(&name), bound);
            };
            check("gates", &all(&gates), 1e-12);
            check("importance", &gates.importance(), 1e-12);
            check("load", &gates.load(), 1e-12);
            check("y", &answers(&gates, &expert_out), 1e-12);
            check("cv2_importance_population", &[cv_squared(&gates.importance()).0], 1e-12);
            check("cv2_load_population", &[cv_squared(&gates.load()).0], 1e-12);
            check("gates_switch", &all(&of(true, 0.0, 0.0)), 1e-12);
            let nothing = vec![0.0; SAMPLES * EXPERTS];
            for (name, gates, d_gates) in [
                ("d_importance_population", &gates, &nothing),
                ("d_load_population", &of(false, 0.0, 1.0), &nothing),
                ("d_gates", &of(false, 0.0, 0.0), &upstream),
                ("d_gates_switch", &of(true, 0.0, 0.0), &upstream),
            ] {
                let [d_clean, d_noise_logits] = gates.backward(d_gates);
                check(&format!("{name}_w_gate"), &of_weights(&x, &d_clean), 1e-10);
                check(&format!("{name}_w_noise"), &of_weights(&x, &d_noise_logits), 1e-10);
            }
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let rng = &mut stream(3, Purpose::GradientCheck, 0);
        let mut numbers = |from: f64, to: f64| -> Vec<f64> {
            (0..SAMPLES * EXPERTS).map(|_| rng.random_range(from..to)).collect()
        };
        let inputs = [numbers(-2.0, 2.0), numbers(-1.0, 1.0)];
        let (drawn, upstream) = (numbers(-2.0, 2.0), numbers(-1.0, 1.0));
        for top in 1..=EXPERTS {
            let gates = |[clean, noise_logits]: [Vec<f64>; 2]| {
                Gates::of(mixture(top, 0.3, 0.7), clean, Some((noise_logits, drawn.clone())))
            };
            let loss = |inputs: [Vec<f64>; 2]| {
                let gates = gates(inputs);
                let gate = |n: usize| gates.gate(n / EXPERTS, n % EXPERTS);
                let sum: f64 = (0..upstream.len()).map(|n| upstream[n] * gate(n)).sum();
                sum + gates.balance_loss()
            };
            let gradient = gates(inputs.clone()).backward(&upstream);
            for (kind, gradient) in gradient.iter().enumerate() {
                for (at, found) in gradient.iter().enumerate() {
                    let moved = |by: f64| {
                        let mut inputs = inputs.clone();
                        inputs[kind][at] += by;
                        loss(inputs)
                    };
                    let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    let error = (found - expected).abs();
                    assert!(error < 1e-8, "top {top}, {kind}, {at}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn without_noise_load_counts_and_with_all_experts_it_says_nothing() {
        let clean: Vec<f64> = (0..2 * EXPERTS).map(|n| n as f64 * 0.1).collect();
        let gates = Gates::of(mixture(2, 0.0, 1.0), clean.clone(), None);
        assert_eq!(gates.load(), [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
        assert_eq!(gates.top(1), [5, 4]);
        // Equal preferences go to the lower experts.
        let even = Gates::of(mixture(2, 0.0, 1.0), vec![1.0; EXPERTS], None);
        assert_eq!((even.top(0), even.gate(0, 1)), (&[0, 1][..], 0.5));
        let noise = Some((clean.clone(), clean.clone()));
        let all = Gates::of(mixture(EXPERTS, 0.0, 1.0), clean, noise);
        assert_eq!(all.load(), [2.0; EXPERTS]);
        assert!(all.backward(&[0.0; 2 * EXPERTS]).iter().flatten().all(|d| *d == 0.0));
    }
}
