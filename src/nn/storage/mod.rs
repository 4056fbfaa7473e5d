//! How a layer's weights are stored, and what that makes of its three products.
//!
//! A [`Storage`] owns the weights and everything derived from them, such as a transposed copy, so
//! that nothing can go stale: weights leave it only to be changed and come back, and then all
//! copies follow. Which storage a network's layers get is its [`Engine`]'s choice.
//!
//! | file | weights | products |
//! |---|---|---|
//! | `interface.rs` | what a storage and an engine are | |
//! | `csr.rs` | stored connections only | SpMM, SDDMM |
//! | `layout.rs` | in which order, and by which kernels | |
//! | `dense.rs` | every position | dense |
//! | `masked.rs` | every position, absent ones held at 0 | dense |
//!
//! A further storage is one more file and one more line in [`Engine`]'s list.

mod csr;
mod dense;
mod interface;
mod layout;
mod masked;

pub use csr::{Csr, Sparse};
pub use dense::{AllDense, Dense};
pub use interface::{Engine, LayerInput, Place, Storage};
pub use masked::{Masked, MaskedDense};

use crate::grammar::{Entry, Listed};

impl Listed for Box<dyn Engine> {
    const WHAT: &'static str = "engine";

    fn list() -> Vec<Entry<Self>> {
        vec![csr::ENTRY, dense::ENTRY, masked::ENTRY]
    }
}
