//! Activations by name.
//!
//! The functions, their derivatives and their f64 twins are the kernels', where they are fused into
//! LayerNorm; a further one is a file and a line there, and is chosen here by its name.

use crate::grammar::{Entry, Listed};
pub use fanin_kernels::Activation;

impl Listed for Activation {
    const WHAT: &'static str = "activation";

    fn list() -> Vec<Entry<Self>> {
        let entry = |activation: &Activation| Entry {
            name: activation.name(),
            about: activation.about(),
            parameters: &[],
            make: |arguments| {
                let named = |activation: &&Activation| activation.name() == arguments.name();
                Ok(*Activation::ALL.iter().find(named).expect("the list is made of all"))
            },
        };
        Activation::ALL.iter().map(entry).collect()
    }
}
