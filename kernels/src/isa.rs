//! Which instructions a kernel runs on: a proof that the CPU has them, and the one dispatch door.
//!
//! A kernel is written once, generic over [`Lanes`], the 16 virtual lanes of the crate's layout.
//! `Isa::run` compiles its body once per level inside a function with that level's target
//! features and jumps to the right one: once per block of rows, never per entry. An [`Isa`] can
//! be made only by asking the CPU, so holding one is the proof that its instructions exist; the
//! body gets that proof as a token of its level, which every operation on lanes takes.

#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2Lanes, Avx512Lanes};
use crate::lanes::{FusedLanes, Lanes, UnfusedLanes};
use std::fmt;

/// The levels as a table: a name, and on each architecture that has the level the lanes it computes
/// on and the target features they need. The first level needs none and runs anywhere.
macro_rules! levels {
    ($(
        $(#[$doc:meta])*
        $level:ident, $name:literal
        $(, $lanes:ident on $arch:literal with [$($feature:tt),+])*;
    )+) => {
        /// The levels a kernel is compiled for, slowest first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Level {
            $($(#[$doc])* $level,)+
        }

        impl Level {
            /// Every level, slowest first.
            pub const ALL: [Level; [$(Level::$level),+].len()] = [$(Level::$level),+];

            /// The name used by `FANIN_ISA` and in reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Level::$level => $name,)+
                }
            }

            fn is_supported(self) -> bool {
                match self {
                    $($(
                        #[cfg(target_arch = $arch)]
                        Level::$level => $(is_detected!($feature))&&+,
                    )*)+
                    other => other == Level::ALL[0],
                }
            }
        }

        impl Isa {
            /// Runs a kernel compiled for this level.
            #[inline]
            pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
                match self.0 {
                    $($(
                        #[cfg(target_arch = $arch)]
                        Level::$level => {
                            $(#[target_feature(enable = $feature)])+
                            fn compiled<K: Kernel>(kernel: K) -> K::Output {
                                // SAFETY: this function runs only where the CPU has its features.
                                kernel.run(unsafe { $lanes::proven() })
                            }
                            // SAFETY: `Isa::new` saw all of these features on this CPU.
                            unsafe { compiled(kernel) }
                        }
                    )*)+
                    // The first level: `Isa::new` gives no other that is not listed above.
                    _ => kernel.run(UnfusedLanes),
                }
            }
        }
    };
}

/// Whether this CPU has a target feature.
#[cfg(target_arch = "x86_64")]
macro_rules! is_detected {
    ($feature:tt) => {
        is_x86_feature_detected!($feature)
    };
}
#[cfg(target_arch = "aarch64")]
macro_rules! is_detected {
    ($feature:tt) => {
        std::arch::is_aarch64_feature_detected!($feature)
    };
}

levels! {
    /// Plain Rust, multiply then add: any CPU; outside the promise of equal bits.
    ScalarNoFma, "scalar-nofma";
    /// Plain Rust with fused multiply-add.
    Scalar, "scalar", FusedLanes on "x86_64" with ["fma"], FusedLanes on "aarch64" with ["neon"];
    /// AVX2 and FMA, two registers of 8 per 16 lanes.
    Avx2, "avx2", Avx2Lanes on "x86_64" with ["avx2", "fma"];
    /// AVX-512 F, BW, DQ and VL, one register per 16 lanes.
    Avx512, "avx512", Avx512Lanes on "x86_64"
        with ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A level that this CPU was seen to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Level);

/// Why a level cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsaError {
    /// No level has this name.
    Unknown(String),
    /// The CPU lacks this level's instructions.
    Unsupported(Level),
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IsaError::Unknown(name) => {
                let names = Level::ALL.map(Level::name).join(", ");
                write!(f, "unknown instruction set '{name}': the levels are {names}")
            }
            IsaError::Unsupported(level) => {
                write!(f, "this CPU lacks the instructions of level '{level}'; it has ")?;
                let had: Vec<_> = Isa::available().iter().map(|isa| isa.level().name()).collect();
                f.write_str(&had.join(", "))
            }
        }
    }
}

impl std::error::Error for IsaError {}

impl Isa {
    /// The fastest level of this CPU.
    pub fn detect() -> Isa {
        let level = Level::ALL.into_iter().rev().find(|level| level.is_supported());
        Isa(level.expect("scalar-nofma needs nothing"))
    }

    /// The proof of one level.
    ///
    /// **Errors**: [`IsaError::Unsupported`] where the CPU lacks it.
    pub fn new(level: Level) -> Result<Isa, IsaError> {
        if level.is_supported() { Ok(Isa(level)) } else { Err(IsaError::Unsupported(level)) }
    }

    /// The level of this name, as `FANIN_ISA` gives it.
    ///
    /// **Errors**: [`IsaError::Unknown`] for a name that is none, [`IsaError::Unsupported`] where
    /// the CPU lacks the level.
    pub fn parse(name: &str) -> Result<Isa, IsaError> {
        let level = Level::ALL.into_iter().find(|level| level.name() == name);
        Isa::new(level.ok_or_else(|| IsaError::Unknown(name.to_string()))?)
    }

    /// Every level that this CPU has, slowest first.
    pub fn available() -> Vec<Isa> {
        Level::ALL.into_iter().filter_map(|level| Isa::new(level).ok()).collect()
    }

    /// Whether the level has registers enough for four rows of a sparse product at once.
    pub fn is_wide(self) -> bool {
        self.run(IsWide)
    }

    /// The level proved.
    pub fn level(self) -> Level {
        self.0
    }
}

/// A kernel with its arguments: one body for all levels.
pub(crate) trait Kernel {
    type Output;

    /// The body. Must be `#[inline(always)]`, and so must all that it calls with lanes:
    /// only code inlined into `Isa::run` is compiled for the level.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

struct IsWide;

impl Kernel for IsWide {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> bool {
        L::IS_WIDE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detect_is_the_best_of_the_available() {
        assert_eq!(Some(&Isa::detect()), Isa::available().last());
        assert_eq!(Isa::available()[0].level(), Level::ScalarNoFma);
    }

    #[test]
    fn names_parse_back_and_others_are_refused() {
        for isa in Isa::available() {
            assert_eq!(Isa::parse(isa.level().name()), Ok(isa));
        }
        assert_eq!(Isa::parse("sse9"), Err(IsaError::Unknown("sse9".into())));
        let message = IsaError::Unsupported(Level::Avx512).to_string();
        assert!(message.contains("avx512") && message.contains("scalar-nofma"), "{message}");
    }
}
