//! Inputs and neurons on a ring: where a neuron stands among the inputs.

/// `numerator / denominator` to the nearest whole number, halves to the even one.
pub(super) fn round_half_even(numerator: usize, denominator: usize) -> usize {
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    let up = 2 * rest > denominator || (2 * rest == denominator && whole % 2 == 1);
    whole + usize::from(up)
}

/// The input that neuron `row` of `out_features` stands at.
pub(super) fn centre(row: usize, [in_features, out_features]: [usize; 2]) -> usize {
    round_half_even(row * in_features, out_features) % in_features
}

/// The way round the ring from one input to another.
pub(super) fn distance(a: usize, b: usize, in_features: usize) -> usize {
    let apart = a.abs_diff(b);
    apart.min(in_features - apart)
}

/// `at` steps from the ring's first input on, in either direction.
pub(super) fn on_ring(at: i64, in_features: usize) -> u32 {
    at.rem_euclid(in_features as i64) as u32
}

/// A pattern of rows whose inputs come in any order.
///
/// **Panics** if a row has an input twice, or one that is not there.
pub(super) fn pattern(
    in_features: usize,
    rows: impl IntoIterator<Item = Vec<u32>>,
) -> crate::sparse::CsrPattern {
    let (mut row_ptr, mut col_idx) = (vec![0], Vec::new());
    for mut row in rows {
        row.sort_unstable();
        col_idx.extend(row);
        row_ptr.push(col_idx.len());
    }
    crate::sparse::CsrPattern::new(in_features, row_ptr, col_idx).expect("distinct inputs")
}
