//! What methods choose: which connections go, which come.

mod common;
#[path = "common/setting.rs"]
mod setting;

use fanin::method::{
    Candidates, GrowScore, Grown, LayerPlan, Method, Moment, Network, Plan, RunLength, Search,
    TieOrder, Ties, drop_smallest, grow_at_random, grow_by_gradient,
};
use fanin::random::{Purpose, stream};
use fanin::sparse::CsrPattern;
use fanin::train::{OwnParts, TrainConfig, Trainer};
use fanin_kernels::Row;
use setting::{Setting, TIES, drop_one, executor, grow, rewiring, search, setting};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// The setting with all gradients zero, as a masked implementation would see absent positions.
fn without_gradient() -> Setting {
    let mut setting = setting();
    setting.dy.iter_mut().flatten().for_each(|row| *row = Row::ZERO);
    setting
}

fn per_row(setting: &Setting, grown: &[Grown]) -> Vec<usize> {
    let mut per_row = vec![0; setting.pattern.rows()];
    grown.iter().for_each(|grown| per_row[grown.row as usize] += 1);
    per_row
}

#[test]
fn growth_neither_freezes_nor_fills_rows_in_order_when_all_gradients_are_zero() {
    let setting = without_gradient();
    let count = setting.pattern.nnz() / 3;
    let survives = drop_one(&setting, count);
    let grown = grow(&setting, &survives, count, 2);
    let mean = count as f64 / setting.pattern.rows() as f64;
    // Binomial over the rows: six standard deviations either way.
    let spread = 6.0 * mean.sqrt();
    let counts = per_row(&setting, &grown);
    assert!(counts.iter().all(|&n| (n as f64 - mean).abs() < spread), "{counts:?}");
    let rewiring = rewiring(&setting.pattern, &survives, grown);
    assert!(rewiring.returned < count / 2, "the topology must move: {}", rewiring.returned);
}

#[test]
fn masked_scores_freeze_the_topology_or_fill_rows_in_order_as_they_are_asked_to() {
    let setting = setting();
    let (tiles, count) = (setting.tiles(), (0.3 * setting.pattern.nnz() as f64) as usize);
    let survives = drop_one(&setting, count);
    let of = |candidates, order| {
        let ties = Ties { order, ..TIES };
        let search = search(&setting, &survives, &tiles);
        let search = Search { score: GrowScore::Masked, candidates, ties, ..search };
        grow_by_gradient(&executor(2), &[search], count).remove(0)
    };
    // What was just dropped has the only gradients there are: all of it returns.
    let frozen = rewiring(&setting.pattern, &survives, of(Candidates::Free, TieOrder::Noise));
    assert_eq!(frozen.returned, frozen.dropped);
    assert_eq!(frozen.pattern, setting.pattern);
    // Absent positions alone, all of score 0, taken by index: rows become full one after another.
    let counts = per_row(&setting, &of(Candidates::Absent, TieOrder::Index));
    let last = counts.iter().rposition(|&n| n > 0).unwrap();
    let absent = |row: usize| setting.pattern.cols() - setting.pattern.row(row).len();
    assert!((0..last).all(|row| counts[row] == absent(row)), "{counts:?}");
    // The same with noise spreads.
    let noise = of(Candidates::Absent, TieOrder::Noise);
    assert!(per_row(&setting, &noise).iter().all(|&n| n > 0));
    let returned = rewiring(&setting.pattern, &survives, noise).returned;
    assert_eq!(returned, 0, "what was just dropped is no candidate");
}

#[test]
fn over_the_network_the_smallest_of_all_go_and_the_largest_of_all_come() {
    let (a, mut b) = (setting(), setting());
    // The second layer's weights are half as large, its gradients three times.
    b.weights.iter_mut().for_each(|w| *w *= 0.5);
    b.dy.iter_mut().flatten().for_each(|row| row.0.iter_mut().for_each(|g| *g *= 3.0));
    let (tiles_a, tiles_b) = (a.tiles(), b.tiles());
    let ties_b = Ties { layer: 1, ..TIES };
    let nnz = a.pattern.nnz() + b.pattern.nnz();
    let count = (0.2 * nnz as f64).floor() as usize;
    let layers = [(&a.pattern, &a.weights[..], TIES), (&b.pattern, &b.weights[..], ties_b)];
    let survives = drop_smallest(&layers, count, 0);
    let searches = [
        search(&a, &survives[0], &tiles_a),
        Search { ties: ties_b, ..search(&b, &survives[1], &tiles_b) },
    ];
    let grown = grow_by_gradient(&executor(3), &searches, count);
    let dropped = |layer: usize| survives[layer].iter().filter(|s| !**s).count();
    assert_eq!(dropped(0) + dropped(1), count);
    assert_eq!(grown[0].len() + grown[1].len(), count);
    assert!(dropped(1) > dropped(0) && grown[1].len() > grown[0].len());
    // No dropped weight is larger than a surviving one, no grown gradient smaller than one left.
    let sizes = |survive: bool| {
        [&a, &b].into_iter().zip(&survives).flat_map(move |(setting, survives)| {
            let pairs = setting.weights.iter().zip(survives);
            pairs.filter(move |(_, s)| **s == survive).map(|(w, _)| w.abs())
        })
    };
    assert!(sizes(false).fold(0.0, f32::max) <= sizes(true).fold(f32::MAX, f32::min));
    let mut best_left = 0f32;
    let mut worst_grown = f32::MAX;
    for ((setting, survives), grown) in [&a, &b].into_iter().zip(&survives).zip(&grown) {
        let cols = setting.pattern.cols();
        let mut taken: HashSet<usize> = HashSet::new();
        for grown in grown {
            worst_grown = worst_grown.min(grown.gradient.abs());
            taken.insert(grown.row as usize * cols + grown.col as usize);
        }
        let alive = setting.pattern.positions().zip(survives).filter(|(_, s)| **s);
        taken.extend(alive.map(|(at, _)| at));
        let left = setting.dense_gradient().into_iter().enumerate();
        let left = left.filter(|(at, _)| !taken.contains(at)).map(|(_, g)| g.abs());
        best_left = left.fold(best_left, f32::max);
    }
    assert!(best_left <= worst_grown, "{best_left} was left, {worst_grown} was grown");
}

#[test]
fn over_the_network_every_layer_keeps_a_connection() {
    // All of the second layer's weights are smaller than any of the first's.
    let (a, mut b) = (setting(), setting());
    b.weights.iter_mut().for_each(|w| *w *= 1e-9);
    let count = b.pattern.nnz() + 10;
    let layers = [(&a.pattern, &a.weights[..], TIES), (&b.pattern, &b.weights[..], TIES)];
    let survives = drop_smallest(&layers, count, 0);
    let left = |layer: usize| survives[layer].iter().filter(|s| **s).count();
    assert_eq!((left(0), left(1)), (a.pattern.nnz() - 11, 1));
    let largest = b.weights.iter().map(|w| w.abs()).fold(0.0, f32::max);
    let kept = survives[1].iter().position(|s| *s).unwrap();
    assert_eq!(b.weights[kept].abs(), largest);
}

#[test]
fn random_growth_is_uniform_over_what_is_free() {
    let setting = setting();
    let count = 2000;
    let survives = drop_one(&setting, count);
    let grow = |seed, candidates| {
        let rng = &mut stream(seed, Purpose::Grow, 0);
        grow_at_random(&setting.pattern, &survives, count, candidates, rng)
    };
    let grown = grow(1, Candidates::Free);
    assert_eq!(grown, grow(1, Candidates::Free));
    assert_ne!(grown, grow(2, Candidates::Free));
    let left = grown.iter().filter(|g| g.col < 392).count() as f64;
    assert!((left - 1000.0).abs() < 4.0 * 500f64.sqrt(), "{left} of 2000 in the left half");
    // Construction refuses a survivor or a repetition.
    let nnz = setting.pattern.nnz();
    assert_eq!(rewiring(&setting.pattern, &survives, grown).pattern.nnz(), nnz);
    let absent = rewiring(&setting.pattern, &survives, grow(1, Candidates::Absent));
    assert_eq!((absent.pattern.nnz(), absent.returned), (nnz, 0));
}

#[test]
fn a_full_layer_can_only_take_back_what_it_drops() {
    let full = CsrPattern::full(3, 4);
    let survives = drop_smallest(&[(&full, &[0.5; 12], TIES)], 5, 0).remove(0);
    let rng = &mut stream(1, Purpose::Grow, 0);
    let grown = grow_at_random(&full, &survives, 5, Candidates::Free, rng);
    let rewiring = rewiring(&full, &survives, grown);
    assert_eq!((rewiring.pattern, rewiring.returned), (full, 5));
}

/// Connections, weights, and what a method made of them.
type Seen = (CsrPattern, Vec<f32>, LayerPlan);

/// Passes everything on to a method, and keeps what it saw and decided.
#[derive(Debug)]
struct Spy {
    method: Box<dyn Method>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Method for Spy {
    fn begin(&mut self, run: RunLength) {
        self.method.begin(run);
    }

    fn due(&self, moment: Moment) -> bool {
        self.method.due(moment)
    }

    fn act(&mut self, moment: Moment, network: &Network<'_>) -> Plan {
        let plan = self.method.act(moment, network);
        for (layer, decided) in network.sparse().iter().zip(&plan.layers) {
            let (pattern, weights) = ((*layer.pattern).clone(), layer.weights.to_vec());
            self.seen.lock().unwrap().push((pattern, weights, decided.clone()));
        }
        plan
    }
}

#[test]
fn set_draws_new_weights_from_the_initial_distribution_and_drops_either_sign() {
    let seen = Arc::default();
    let method = fanin::grammar::make("set").unwrap();
    let spy: Box<dyn Method> = Box::new(Spy { method, seen: Arc::clone(&seen) });
    let config = TrainConfig { hidden: vec![90, 40], epochs: 2, ..TrainConfig::default() };
    let own = OwnParts { method: Some(spy), ..OwnParts::default() };
    let mut trainer = Trainer::from_parts(config, common::mnist(640, 64), own).unwrap();
    (0..2).for_each(|_| drop(trainer.run_epoch(|_| {}).unwrap()));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2, "two layers, after one of two epochs");
    let (pattern, weights, LayerPlan { rewiring, .. }) = &seen[0];
    let mut survives = vec![false; pattern.nnz()];
    rewiring.origin.iter().flatten().for_each(|&entry| survives[entry as usize] = true);
    for negative in [false, true] {
        let side = |e: &usize| (weights[*e] < 0.0) == negative;
        let all: Vec<usize> = (0..weights.len()).filter(side).collect();
        let (stay, go): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&e| survives[e]);
        assert_eq!(go.len(), (0.3 * all.len() as f64).floor() as usize);
        let size = |e: &usize| weights[*e].abs();
        let largest_gone = go.iter().map(size).fold(0.0, f32::max);
        assert!(largest_gone <= stay.iter().map(size).fold(f32::MAX, f32::min));
    }
    assert_eq!(rewiring.pattern.nnz(), pattern.nnz());
    assert_eq!(rewiring.new.len(), rewiring.dropped, "even a redrawn connection is new");
    let squares: f64 = rewiring.new.iter().map(|g| f64::from(g.weight).powi(2)).sum();
    let count = rewiring.new.len() as f64;
    let variance = 2.0 * pattern.rows() as f64 / pattern.nnz() as f64;
    // Four standard errors of a variance.
    let error = (squares / count / variance - 1.0).abs();
    assert!(error < 4.0 * (2.0 / count).sqrt(), "{error}");
}
