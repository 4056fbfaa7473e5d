//! Connections that come, and growth at random.

use crate::grammar::named;
use crate::sparse::CsrPattern;
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
    let taken = (0..pattern.nnz()).filter(|&entry| is_taken(entry)).count();
    let free = pattern.rows() * pattern.cols() - taken;
    // The chosen ones' places in the list of all free positions, which is never written down.
    let mut places = rand::seq::index::sample(rng, free, count.min(free)).into_vec();
    places.sort_unstable();
    let mut grown = Vec::with_capacity(places.len());
    let mut places = places.into_iter().peekable();
    // Free positions before the row's next taken one are a gap; a chosen place falls into one.
    let mut passed = 0;
    for row in 0..pattern.rows() {
        let taken = pattern.entries(row).filter(|&entry| is_taken(entry));
        let ends = taken.map(|entry| pattern.col_idx()[entry] as usize).chain([pattern.cols()]);
        let mut col = 0;
        for end in ends {
            while let Some(place) = places.next_if(|place| *place < passed + end - col) {
                let col = (col + place - passed) as u32;
                grown.push(Grown { row: row as u32, col, gradient: 0.0, weight: 0.0 });
            }
            passed += end - col;
            col = end + 1;
        }
    }
    grown
}
