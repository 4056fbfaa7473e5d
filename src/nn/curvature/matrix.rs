//! Feature-major matrices in double precision, `[features, samples]`: each sum has one order.

use crate::parallel::Executor;

/// The mean over features of each sample's values, or of their products with others.
pub(super) fn mean_over_features(
    values: &[f64],
    times: Option<&[f64]>,
    samples: usize,
) -> Vec<f64> {
    let features = (values.len() / samples) as f64;
    let mut sums = vec![0.0; samples];
    match times {
        None => values.chunks(samples).for_each(|row| add(&mut sums, row)),
        Some(times) => {
            for (row, times) in values.chunks(samples).zip(times.chunks(samples)) {
                sums.iter_mut().zip(row).zip(times).for_each(|((sum, x), y)| *sum += x * y);
            }
        }
    }
    sums.into_iter().map(|sum| sum / features).collect()
}

pub(super) fn add(sum: &mut [f64], terms: &[f64]) {
    sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

/// `[features, samples]` to `[samples, features]`, and back with the other width.
pub(super) fn transposed(values: &[f64], width: usize) -> Vec<f64> {
    let height = values.len() / width;
    (0..width).flat_map(|col| (0..height).map(move |row| values[row * width + col])).collect()
}

/// Samples whose sums stand in registers.
const SIDE: usize = 8;

/// `out ← Σ_k coefficient(k)·rows[k]`, k ascending.
fn weighted_sum(
    count: usize,
    coefficient: impl Fn(usize) -> f64,
    rows: &[f64],
    samples: usize,
    out: &mut [f64],
) {
    for first in (0..samples).step_by(SIDE) {
        let of_side = SIDE.min(samples - first);
        let mut sums = [0.0; SIDE];
        for k in 0..count {
            let coefficient = coefficient(k);
            let row = &rows[k * samples + first..][..of_side];
            if let Ok(row) = <&[f64; SIDE]>::try_from(row) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += coefficient * x);
            } else {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += coefficient * x);
            }
        }
        out[first..first + of_side].copy_from_slice(&sums[..of_side]);
    }
}

/// W·x: `[out, in]` times `[in, samples]`.
pub(super) fn product(executor: &Executor, weight: &[f64], x: &[f64], samples: usize) -> Vec<f64> {
    let inputs = x.len() / samples;
    let mut y = vec![0.0; weight.len() / inputs * samples];
    executor.for_each_chunk(&mut y, samples, |first, y| {
        let of_row = &weight[first / samples * inputs..][..inputs];
        weighted_sum(inputs, |k| of_row[k], x, samples, y);
    });
    y
}

/// Wᵀ·dz: `[out, in]` transposed times `[out, samples]`.
pub(super) fn transposed_product(
    executor: &Executor,
    weight: &[f64],
    dz: &[f64],
    samples: usize,
) -> Vec<f64> {
    let outputs = dz.len() / samples;
    let inputs = weight.len() / outputs;
    let weight = transposed(weight, inputs);
    product(executor, &weight, dz, samples)
}

/// dz·xᵀ: `[out, samples]` times `[samples, in]`.
pub(super) fn outer(executor: &Executor, dz: &[f64], x: &[f64], samples: usize) -> Vec<f64> {
    let inputs = x.len() / samples;
    let mut dw = vec![0.0; dz.len() / samples * inputs];
    executor.for_each_chunk(&mut dw, inputs, |first, dw| {
        let dz = &dz[first / inputs * samples..][..samples];
        for (dw, x) in dw.iter_mut().zip(x.chunks(samples)) {
            let mut sums = [0.0; SIDE];
            for (dz, x) in dz.chunks(SIDE).zip(x.chunks(SIDE)) {
                sums.iter_mut().zip(dz).zip(x).for_each(|((sum, dz), x)| *sum += dz * x);
            }
            *dw = sums.iter().sum();
        }
    });
    dw
}
