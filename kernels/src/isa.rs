//! Which instructions a kernel runs on: a proof that the CPU has them, and the one dispatch door.
//!
//! A kernel is written once, generic over [`Lanes`], the 16 virtual lanes of the crate's layout.
//! [`Isa::run`] compiles its body once per level inside a function with that level's target
//! features and jumps to the right one: once per block of rows, never per entry. An [`Isa`] can
//! be made only by asking the CPU, so holding one is the proof that its instructions exist.

#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2Lanes, Avx512Lanes};
use crate::lanes::{FusedLanes, Lanes, UnfusedLanes};
use std::fmt;

/// The levels a kernel is compiled for, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust, multiply then add: any CPU; outside the promise of equal bits.
    ScalarNoFma,
    /// Plain Rust with fused multiply-add.
    Scalar,
    /// AVX2 and FMA, two registers of 8 per 16 lanes.
    Avx2,
    /// AVX-512 F, BW, DQ and VL, one register per 16 lanes.
    Avx512,
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Level; 4] = [Level::ScalarNoFma, Level::Scalar, Level::Avx2, Level::Avx512];

    /// The name used by `FANIN_ISA` and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Level::ScalarNoFma => "scalar-nofma",
            Level::Scalar => "scalar",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_supported(self) -> bool {
        let fma = is_x86_feature_detected!("fma");
        let avx2 = fma && is_x86_feature_detected!("avx2");
        match self {
            Level::ScalarNoFma => true,
            Level::Scalar => fma,
            Level::Avx2 => avx2,
            Level::Avx512 => {
                avx2 && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
        }
    }

    /// Elsewhere FMA is either part of the baseline (aarch64) or not relied upon.
    #[cfg(not(target_arch = "x86_64"))]
    fn is_supported(self) -> bool {
        match self {
            Level::ScalarNoFma => true,
            Level::Scalar => cfg!(target_arch = "aarch64"),
            Level::Avx2 | Level::Avx512 => false,
        }
    }
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

    /// The level proved.
    pub fn level(self) -> Level {
        self.0
    }

    /// Runs a kernel compiled for this level.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Level::ScalarNoFma => kernel.run::<UnfusedLanes>(),
            #[cfg(target_arch = "x86_64")]
            Level::Scalar => {
                #[target_feature(enable = "fma")]
                fn compiled<K: Kernel>(kernel: K) -> K::Output {
                    kernel.run::<FusedLanes>()
                }
                // SAFETY: `Isa::new` saw FMA on this CPU.
                unsafe { compiled(kernel) }
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => {
                #[target_feature(enable = "avx2,fma")]
                fn compiled<K: Kernel>(kernel: K) -> K::Output {
                    kernel.run::<Avx2Lanes>()
                }
                // SAFETY: `Isa::new` saw AVX2 and FMA on this CPU.
                unsafe { compiled(kernel) }
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn compiled<K: Kernel>(kernel: K) -> K::Output {
                    kernel.run::<Avx512Lanes>()
                }
                // SAFETY: `Isa::new` saw all six features on this CPU.
                unsafe { compiled(kernel) }
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => kernel.run::<FusedLanes>(),
        }
    }
}

/// A kernel with its arguments: one body for all levels.
pub(crate) trait Kernel {
    type Output;

    /// The body. Must be `#[inline(always)]`, and so must all that it calls with lanes:
    /// only code inlined into [`Isa::run`] is compiled for the level.
    fn run<L: Lanes>(self) -> Self::Output;
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
