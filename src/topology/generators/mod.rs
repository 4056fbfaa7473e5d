//! Generators in the list, one per file; what several of them draw is in `degrees.rs` and
//! `ring.rs`.

mod barabasi_albert;
mod block_sparse;
mod csti;
mod degrees;
mod dnm;
mod eoi;
mod er;
mod receptive_field;
mod ring;
mod watts_strogatz;

use super::generator::Generator;
use crate::grammar::{Entry, Listed};

impl Listed for Box<dyn Generator> {
    const WHAT: &'static str = "generator";

    fn list() -> Vec<Entry<Self>> {
        vec![
            er::ENTRY,
            watts_strogatz::ENTRY,
            barabasi_albert::ENTRY,
            receptive_field::ENTRY,
            csti::ENTRY,
            dnm::ENTRY,
            eoi::ENTRY,
            block_sparse::ENTRY,
        ]
    }
}
