//! Connections that come, and growth at random.

use crate::grammar::named;
use crate::sparse::{CsrPattern, free_positions};
use rand_pcg::Pcg64;

named! {
    /// Which positions may be grown.
    pub enum Candidates as "candidates" {
        /// All outside the survivors: what was just dropped may come back.
        Free = "free",
        /// Those that did not exist before the update.
        Absent = "absent",
    }
}

/// A connection to be grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grown {
    /// The neuron.
    pub row: u32,
    /// The input.
    pub col: u32,
    /// Its score with its sign: ∂L/∂W there; 0 where growth is random.
    pub gradient: f32,
    /// The weight it starts with if it is new.
    pub weight: f32,
}

/// `count` positions uniformly at random without replacement (SET, Mocanu et al. 2018), by row and
/// column ascending; all there are if fewer. Gradients and weights are 0.
///
/// **Panics** unless there is one verdict per entry.
pub fn grow_at_random(
    pattern: &CsrPattern,
    survives: &[bool],
    count: usize,
    candidates: Candidates,
    rng: &mut Pcg64,
) -> Vec<Grown> {
    assert_eq!(survives.len(), pattern.nnz(), "one verdict per entry");
    let is_taken = |entry: usize| survives[entry] || candidates == Candidates::Absent;
    let positions = pattern.positions().enumerate();
    let taken = positions.filter(|(entry, _)| is_taken(*entry)).map(|(_, at)| at);
    let total = pattern.rows() * pattern.cols();
    let free = total - taken.clone().count();
    let mut places = rand::seq::index::sample(rng, free, count.min(free)).into_vec();
    places.sort_unstable();
    let grown = |at: usize| Grown {
        row: (at / pattern.cols()) as u32,
        col: (at % pattern.cols()) as u32,
        gradient: 0.0,
        weight: 0.0,
    };
    free_positions(total, taken, &places).into_iter().map(grown).collect()
}
