//! Activations: what a layer's neuron makes of its pre-activation y.
//!
//! An activation is one type in a file of its own, which implements [`Function`] in f32 for the
//! kernels and in f64 for the specification, and one row of the list below. The list makes the
//! public enum [`Activation`] and the dispatch: a kernel that takes an activation is compiled once
//! for each, so that none costs a branch per number.

mod gelu;
mod leaky_relu;
mod relu;
mod silu;
mod tanh;

use crate::LANES;
use crate::isa::{Isa, Kernel};
use crate::lanes::Lanes;

/// Makes the enum, its names and the dispatch from `file::Variant, name, one line about it`.
macro_rules! activations {
    ($($(#[$mark:meta])* $file:ident::$variant:ident, $name:literal, $about:literal;)+) => {
        /// What a layer's neuron makes of its pre-activation y.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub enum Activation {
            $(
                #[doc = $about]
                $(#[$mark])*
                $variant,
            )+
        }

        impl Activation {
            /// Every activation, the default first.
            pub const ALL: &[Activation] = &[$(Activation::$variant),+];

            /// The name used in settings and files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Activation::$variant => $name,)+
                }
            }

            /// One line about it, for a help text.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Activation::$variant => $about,)+
                }
            }

            /// h = f(y) in f64: the specification.
            pub fn value(self, y: f64) -> f64 {
                match self {
                    $(Activation::$variant => $file::$variant.value(y),)+
                }
            }

            /// f′(y) in f64: the specification.
            pub fn slope(self, y: f64) -> f64 {
                match self {
                    $(Activation::$variant => $file::$variant.slope(y),)+
                }
            }

            /// Runs a kernel compiled for this activation and the level of `isa`.
            #[inline]
            pub(crate) fn run<K: ActivationKernel>(self, isa: Isa, kernel: K) -> K::Output {
                match self {
                    $(Activation::$variant => isa.run(With($file::$variant, kernel)),)+
                }
            }
        }
    };
}

activations! {
    #[default]
    relu::Relu, "relu", "max(0, y)";
    leaky_relu::LeakyRelu, "leaky-relu", "y where y > 0, else 0.01·y";
    gelu::Gelu, "gelu", "y·Φ(y), Φ the normal distribution function (the exact form, by erf)";
    silu::Silu, "silu", "y/(1 + exp(−y)), also called swish";
    tanh::Tanh, "tanh", "the hyperbolic tangent of y";
}

/// An activation f, in f64 and on every level.
///
/// The methods on `f32` are what the level computes; those on lanes must give the same bits, and
/// are there for an activation that has instructions of its own.
pub(crate) trait Function: Copy {
    /// f(y), the specification.
    fn value(self, y: f64) -> f64;

    /// f′(y), the specification.
    fn slope(self, y: f64) -> f64;

    /// f(y); a NaN stays NaN, so that a diverged network shows.
    fn forward<L: Lanes>(self, lanes: L, y: f32) -> f32;

    /// dy = dh·f′(y).
    fn backward<L: Lanes>(self, lanes: L, dh: f32, y: f32) -> f32;

    /// [`Function::forward`] on 16 numbers.
    #[inline(always)]
    fn forward_lanes<L: Lanes>(self, lanes: L, y: L::V) -> L::V {
        let mut values = [0.0; LANES];
        lanes.store(y, &mut values);
        for value in &mut values {
            *value = self.forward(lanes, *value);
        }
        lanes.load(&values)
    }

    /// [`Function::backward`] on 16 numbers.
    #[inline(always)]
    fn backward_lanes<L: Lanes>(self, lanes: L, dh: L::V, y: L::V) -> L::V {
        let (mut gradients, mut values) = ([0.0; LANES], [0.0; LANES]);
        lanes.store(dh, &mut gradients);
        lanes.store(y, &mut values);
        for (gradient, &y) in gradients.iter_mut().zip(&values) {
            *gradient = self.backward(lanes, *gradient, y);
        }
        lanes.load(&gradients)
    }
}

/// A kernel with its arguments: one body for all levels and all activations.
pub(crate) trait ActivationKernel {
    type Output;

    /// The body, under the rules of [`Kernel::run`].
    fn run<L: Lanes, A: Function>(self, lanes: L, activation: A) -> Self::Output;
}

/// A kernel and its activation.
struct With<A, K>(A, K);

impl<A: Function, K: ActivationKernel> Kernel for With<A, K> {
    type Output = K::Output;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> K::Output {
        self.1.run(lanes, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Level;

    #[test]
    fn names_differ_and_the_default_comes_first() {
        assert_eq!(Activation::ALL[0], Activation::default());
        for (i, activation) in Activation::ALL.iter().enumerate() {
            assert!(!activation.about().is_empty());
            assert!(Activation::ALL[..i].iter().all(|other| other.name() != activation.name()));
        }
    }

    /// f(y), f(y) on lanes, f′(y), f′(y) on lanes.
    struct Values(f32);

    impl ActivationKernel for Values {
        type Output = [f32; 4];

        #[inline(always)]
        fn run<L: Lanes, A: Function>(self, lanes: L, activation: A) -> [f32; 4] {
            let y = lanes.splat(self.0);
            let first = |v: L::V| {
                let mut out = [0.0; LANES];
                lanes.store(v, &mut out);
                out[0]
            };
            [
                activation.forward(lanes, self.0),
                first(activation.forward_lanes(lanes, y)),
                activation.backward(lanes, 1.0, self.0),
                first(activation.backward_lanes(lanes, lanes.splat(1.0), y)),
            ]
        }
    }

    /// From −100 to 100, dense near zero, where a sum of near equals would cancel.
    fn points() -> impl Iterator<Item = f32> {
        let near = (0..80).flat_map(|i| [0.7f32.powi(i), -0.7f32.powi(i)]);
        (-20_000..=20_000).map(|i| i as f32 * 5e-3).chain(near)
    }

    #[test]
    fn every_level_has_the_same_bits_close_to_the_specification() {
        for &activation in Activation::ALL {
            for y in points() {
                let (value, slope) =
                    (activation.value(f64::from(y)), activation.slope(f64::from(y)));
                // 4 units in the last place, or what is lost where |h| is far below |y|.
                let bound = 5e-7 * value.abs() + 1e-9 * f64::from(y.abs());
                let of_fused = activation.run(Isa::detect(), Values(y)).map(f32::to_bits);
                for isa in Isa::available() {
                    let got = activation.run(isa, Values(y));
                    let case = format!("{activation:?} of {y} on {}: {got:?}", isa.level());
                    assert!((f64::from(got[0]) - value).abs() <= bound, "{case}, not {value}");
                    assert!((f64::from(got[2]) - slope).abs() <= 5e-7, "{case}, not {slope}");
                    let got = got.map(f32::to_bits);
                    assert_eq!([got[0], got[2]], [got[1], got[3]], "{case}");
                    assert!(got == of_fused || isa.level() == Level::ScalarNoFma, "{case}");
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_line_are_reached_and_a_nan_stays() {
        for isa in Isa::available() {
            for &activation in Activation::ALL {
                let at = |y: f32| activation.run(isa, Values(y));
                assert!(at(f32::NAN)[..2].iter().all(|h| h.is_nan()), "{activation:?}");
                for y in [1e4f32, 1e30, -1e4, -1e30] {
                    let value = activation.value(f64::from(y)) as f32;
                    let slope = activation.slope(f64::from(y)) as f32;
                    let got = at(y);
                    assert!((got[0] - value).abs() <= 1e-6 * value.abs(), "{activation:?} {y}");
                    assert_eq!(got[2], slope, "{activation:?} {y}");
                }
            }
        }
    }
}
