//! Optimisers: what one update makes of the weights, given their gradient.
//!
//! Each is a plain loop whose body LLVM vectorises at each level. Nothing is summed, so there is no
//! order to keep, and the parameters may be cut anywhere.

use crate::LANES;
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;

/// The scalars of one Adam update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// 1 − β1^step.
    pub correction1: f32,
    /// 1 − β2^step.
    pub correction2: f32,
}

impl AdamStep {
    /// Both corrections moved out of the loop: `w −= rate·m / (√v + eps)` with these two.
    pub fn rate_and_eps(&self) -> [f32; 2] {
        let root_correction = self.correction2.sqrt();
        [self.lr / self.correction1 * root_correction, self.eps * root_correction]
    }
}

/// One Adam update of the parameters `w` with the gradient `dw`.
///
/// Equation (Kingma & Ba 2015, algorithm 1): `m = β1·m + (1−β1)·dw`, `v = β2·v + (1−β2)·dw²`,
/// `w −= lr/(1−β1^step) · m / (√v/√(1−β2^step) + eps)`.
///
/// **Shapes**: all `[n]`.
///
/// **Panics** if the lengths differ.
///
/// Cost: one square root and one division per element; 28 bytes.
pub fn adam(isa: Isa, step: &AdamStep, w: &mut [f32], m: &mut [f32], v: &mut [f32], dw: &[f32]) {
    assert_eq!(w.len(), dw.len(), "one gradient per parameter");
    assert_eq!(m.len(), dw.len(), "one first moment per parameter");
    assert_eq!(v.len(), dw.len(), "one second moment per parameter");
    isa.run(Adam { step, w, m, v, dw });
}

struct Adam<'a> {
    step: &'a AdamStep,
    w: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    dw: &'a [f32],
}

impl Kernel for Adam<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let [rate, eps] = self.step.rate_and_eps();
        for (((w, m), v), &dw) in self.w.iter_mut().zip(self.m).zip(self.v).zip(self.dw) {
            update(lanes, self.step, [rate, eps], w, m, v, dw);
        }
    }
}

/// One parameter's update: one root and one division.
#[inline(always)]
fn update<L: Lanes>(
    lanes: L,
    step: &AdamStep,
    [rate, eps]: [f32; 2],
    w: &mut f32,
    m: &mut f32,
    v: &mut f32,
    dw: f32,
) {
    *m = lanes.scalar_mul_add(step.beta1, *m, (1.0 - step.beta1) * dw);
    *v = lanes.scalar_mul_add(step.beta2, *v, (1.0 - step.beta2) * (dw * dw));
    *w -= rate * *m / (v.sqrt() + eps);
}

/// One Adam update of parameters that have not all been there from the beginning.
///
/// Equation: as [`adam`], with each parameter's own count of updates in place of `step`.
/// `rates[age − 1]` holds [`AdamStep::rate_and_eps`] of a parameter's update number `age`; older
/// parameters use the last.
///
/// **Shapes**: `rates` at least one; all others `[n]`. `age` counts whole updates, at most 2²⁴ and,
/// once past the end of `rates`, no further; it is raised by one before it is used.
///
/// **Panics** if the lengths differ, there is no rate, or an age is below 0.
pub fn adam_aged(
    isa: Isa,
    step: &AdamStep,
    rates: &[[f32; 2]],
    w: &mut [f32],
    m: &mut [f32],
    v: &mut [f32],
    age: &mut [f32],
    dw: &[f32],
) {
    assert!(!rates.is_empty(), "a rate for the first update");
    assert_eq!(w.len(), dw.len(), "one gradient per parameter");
    assert_eq!(m.len(), dw.len(), "one first moment per parameter");
    assert_eq!(v.len(), dw.len(), "one second moment per parameter");
    assert_eq!(age.len(), dw.len(), "one age per parameter");
    isa.run(AdamAged { step, rates, w, m, v, age, dw });
}

struct AdamAged<'a> {
    step: &'a AdamStep,
    rates: &'a [[f32; 2]],
    w: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    age: &'a mut [f32],
    dw: &'a [f32],
}

impl Kernel for AdamAged<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let oldest = self.rates.len() as f32;
        // Rates are looked up for 16 parameters at a time, so that the updates stay vectors.
        let sets = self.w.chunks_mut(LANES).zip(self.m.chunks_mut(LANES));
        let sets = sets.zip(self.v.chunks_mut(LANES).zip(self.age.chunks_mut(LANES)));
        for (((w, m), (v, age)), dw) in sets.zip(self.dw.chunks(LANES)) {
            let mut rates = [[0.0; LANES]; 2];
            for (i, age) in age.iter_mut().enumerate() {
                *age = (*age + 1.0).min(oldest);
                [rates[0][i], rates[1][i]] = self.rates[*age as usize - 1];
            }
            for (i, (((w, m), v), &dw)) in w.iter_mut().zip(m).zip(v).zip(dw).enumerate() {
                update(lanes, self.step, [rates[0][i], rates[1][i]], w, m, v, dw);
            }
        }
    }
}

/// The settings of an update by stochastic gradient descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    /// Learning rate.
    pub lr: f32,
    /// Decay μ of the velocity; 0 for plain descent.
    pub momentum: f32,
    /// Whether the step looks ahead: dw + μ·v instead of v.
    pub nesterov: bool,
}

/// One update by stochastic gradient descent of the parameters `w` with the gradient `dw`.
///
/// Equation (Sutskever et al. 2013, in PyTorch's form): `v = μ·v + dw`, `w −= lr·v`, or with
/// Nesterov's momentum `w −= lr·(dw + μ·v)`. `velocity` holds v, zeros before the first update.
///
/// **Shapes**: all `[n]`.
///
/// **Panics** if the lengths differ.
///
/// Cost: 20 bytes per element.
pub fn sgd(isa: Isa, step: &SgdStep, w: &mut [f32], velocity: &mut [f32], dw: &[f32]) {
    assert_eq!(w.len(), dw.len(), "one gradient per parameter");
    assert_eq!(velocity.len(), dw.len(), "one velocity per parameter");
    isa.run(Sgd { step, w, velocity, dw });
}

struct Sgd<'a> {
    step: &'a SgdStep,
    w: &'a mut [f32],
    velocity: &'a mut [f32],
    dw: &'a [f32],
}

impl Kernel for Sgd<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let SgdStep { lr, momentum, nesterov } = *self.step;
        for ((w, v), &dw) in self.w.iter_mut().zip(self.velocity).zip(self.dw) {
            *v = lanes.scalar_mul_add(momentum, *v, dw);
            let step = if nesterov { lanes.scalar_mul_add(momentum, *v, dw) } else { *v };
            *w = lanes.scalar_mul_add(-lr, step, *w);
        }
    }
}

/// `average ← average + rate·(w − average)`: a mean of what the parameters have been.
///
/// **Shapes**: both `[n]`. At a rate of 1 it is w.
///
/// **Panics** if the lengths differ.
///
/// Cost: 12 bytes per element.
pub fn average(isa: Isa, rate: f32, w: &[f32], average: &mut [f32]) {
    assert_eq!(w.len(), average.len(), "one average per parameter");
    if rate == 1.0 {
        return average.copy_from_slice(w);
    }
    isa.run(Average { rate, w, average });
}

struct Average<'a> {
    rate: f32,
    w: &'a [f32],
    average: &'a mut [f32],
}

impl Kernel for Average<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        for (average, w) in self.average.iter_mut().zip(self.w) {
            *average = lanes.scalar_mul_add(self.rate, w - *average, *average);
        }
    }
}

/// `w ← factor·w`: weight decay that does not pass through the gradient.
///
/// Equation: the decay of AdamW (Loshchilov & Hutter 2019, algorithm 2) with factor 1 − lr·λ.
///
/// **Shapes**: `w` `[n]`.
///
/// Cost: 8 bytes per element.
pub fn decay(isa: Isa, factor: f32, w: &mut [f32]) {
    isa.run(Decay { factor, w });
}

struct Decay<'a> {
    factor: f32,
    w: &'a mut [f32],
}

impl Kernel for Decay<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        for w in self.w {
            *w *= self.factor;
        }
    }
}
