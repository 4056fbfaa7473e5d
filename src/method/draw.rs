//! Draws without replacement, more likely where a weight is larger.

use rand::RngExt;
use rand_pcg::Pcg64;

/// Marks `count` of these, drawn one after the other with probabilities in proportion to `weights`;
/// what weighs nothing comes last.
///
/// All at once, by a race: each runs for an exponential time at its weight as rate, and the first
/// ones are the sample (Efraimidis & Spirakis 2006). One number is drawn for each.
///
/// **Panics** if there are fewer.
pub fn draw(weights: &[f64], count: usize, rng: &mut Pcg64) -> Vec<bool> {
    assert!(count <= weights.len(), "{count} of {}", weights.len());
    let time = |&weight: &f64| {
        let time = -libm::log(1.0 - rng.random::<f64>());
        if weight > 0.0 { time / weight } else { f64::INFINITY }
    };
    let times: Vec<f64> = weights.iter().map(time).collect();
    let mut order: Vec<u32> = (0..times.len() as u32).collect();
    let mut chosen = vec![false; times.len()];
    if count > 0 && count < times.len() {
        order.select_nth_unstable_by(count - 1, |&a, &b| {
            times[a as usize].total_cmp(&times[b as usize]).then(a.cmp(&b))
        });
    }
    order[..count].iter().for_each(|&at| chosen[at as usize] = true);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    #[test]
    fn draws_are_as_likely_as_their_weights() {
        let rng = &mut stream(1, Purpose::Grow, 0);
        let weights = [1.0, 2.0, 3.0, 4.0, 0.0];
        let (mut one, mut two, draws) = ([0.0; 5], [0.0; 5], 20_000);
        for _ in 0..draws {
            for (counts, count) in [(&mut one, 1), (&mut two, 2)] {
                let chosen = draw(&weights, count, rng);
                assert_eq!(chosen.iter().filter(|chosen| **chosen).count(), count);
                counts.iter_mut().zip(chosen).for_each(|(n, chosen)| *n += f64::from(chosen));
            }
        }
        let first = weights.map(|weight| weight / 10.0);
        // In either place: first, or second after another.
        let both = |at: usize| {
            let others = (0..5).filter(|other| *other != at);
            first[at] + others.map(|o| first[o] * weights[at] / (10.0 - weights[o])).sum::<f64>()
        };
        for at in 0..5 {
            for (counts, p) in [(&one, first[at]), (&two, both(at))] {
                let n = f64::from(draws);
                let off = (counts[at] - n * p).abs();
                assert!(off <= 5.0 * (n * p * (1.0 - p)).sqrt(), "{at}: {}, {p}", counts[at] / n);
            }
        }
    }

    #[test]
    fn what_weighs_nothing_comes_last() {
        let rng = &mut stream(2, Purpose::Grow, 0);
        let weights = [0.0, 1.0, 0.0, 1e-300];
        assert_eq!(draw(&weights, 2, rng), [false, true, false, true]);
        assert_eq!(draw(&weights, 4, rng), [true; 4]);
        assert_eq!(draw(&weights, 0, rng), [false; 4]);
    }
}
