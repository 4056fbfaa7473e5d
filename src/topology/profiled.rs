//! Fan-ins by a profile, inputs by a spread (Profiled Sparse Networks, arXiv 2604.10560, §2).

mod fan_in;
mod profile;
mod spread;

pub use fan_in::{FanIn, FanInRule, Rounding, fan_in};
pub use profile::Profile;
pub use spread::{Spread, even_offset};
