//! What a method is promised: its moments in order, gradients of its choice, weights and slots as
//! it answers, and its state in the checkpoint.

mod common;

use fanin::method::{LayerPlan, Method, Moment, Network, Plan, Returned, Rewiring, Slots, Weights};
use fanin::nn::{Layer, LayerStart, LayerTensors, Mlp};
use fanin::train::{OwnParts, TrainConfig, Trainer, checkpoint};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Two trainings: before the first, half of each hidden layer's connections go, those with the
/// smallest |w·g|; between the two, weights and slots begin anew.
#[derive(Debug, Default)]
struct PruneAndRewind {
    moments: Arc<Mutex<Vec<Moment>>>,
    /// What the checkpoint must keep.
    acted: f32,
}

impl PruneAndRewind {
    fn prune(network: &Network<'_>) -> Vec<LayerPlan> {
        let starts: Vec<LayerStart> = network.initial_weights().to_vec();
        let samples: Vec<u32> = (0..network.sample_count().min(100) as u32).collect();
        let gradients = network.gradients_at(starts, &samples);
        let layers = network.hidden();
        let plan = layers.iter().zip(gradients).map(|(layer, g)| {
            let score = |entry: &usize| (layer.weights[*entry] * g[*entry]).abs();
            let mut order: Vec<usize> = (0..g.len()).collect();
            order.sort_by(|a, b| score(b).total_cmp(&score(a)));
            let mut survives = vec![false; g.len()];
            order[..g.len() / 2].iter().for_each(|&entry| survives[entry] = true);
            let rewiring = Rewiring::new(&layer.pattern, &survives, vec![], Returned::Kept);
            LayerPlan { layer: layer.index, rewiring, weights: Weights::Carried }
        });
        plan.collect()
    }

    /// The connections that are left, with the weights they began with.
    fn rewind(network: &Network<'_>) -> Vec<LayerPlan> {
        let plan = network.hidden().into_iter().map(|layer| {
            let start = &network.initial_weights()[layer.index];
            let first = start.pattern.scatter(start.weights.as_ref().unwrap());
            let survives = vec![true; layer.pattern.nnz()];
            let rewiring = Rewiring::new(&layer.pattern, &survives, vec![], Returned::Kept);
            let weights = Weights::Given(layer.pattern.gather(&first));
            LayerPlan { layer: layer.index, rewiring, weights }
        });
        plan.collect()
    }
}

impl Method for PruneAndRewind {
    fn due(&self, moment: Moment) -> bool {
        self.moments.lock().unwrap().push(moment);
        matches!(moment, Moment::Start | Moment::PhaseEnd(_))
    }

    fn act(&mut self, moment: Moment, network: &Network<'_>) -> Plan {
        self.acted += 1.0;
        let (layers, slots) = match moment {
            Moment::Start => (PruneAndRewind::prune(network), Slots::Follow),
            _ => (PruneAndRewind::rewind(network), Slots::Reset),
        };
        Plan { layers, slots, values: vec![("acted", self.acted.into())], ..Plan::default() }
    }

    fn needs_initial_weights(&self) -> bool {
        true
    }

    fn phases(&self) -> u64 {
        2
    }

    fn state(&self) -> BTreeMap<String, Vec<f32>> {
        BTreeMap::from([("acted".to_string(), vec![self.acted])])
    }

    fn restore(&mut self, state: BTreeMap<String, Vec<f32>>, _model: &Mlp) -> bool {
        let [acted] = state.get("acted").map_or(&[][..], Vec::as_slice) else { return false };
        self.acted = *acted;
        true
    }
}

/// Three steps an epoch, two epochs a training; connections all there at first.
fn trainer() -> (Trainer, Arc<Mutex<Vec<Moment>>>) {
    let method = PruneAndRewind::default();
    let moments = Arc::clone(&method.moments);
    let own = OwnParts { method: Some(Box::new(method)), ..OwnParts::default() };
    let (hidden, sparsity) = (vec![30, 20], 0.0);
    let config = TrainConfig { hidden, sparsity, epochs: 2, threads: 2, ..TrainConfig::default() };
    (Trainer::from_parts(config, common::mnist(3 * 128, 64), own).unwrap(), moments)
}

fn tensors(trainer: &Trainer) -> Vec<LayerTensors> {
    trainer.model().layers().iter().map(Layer::tensors).collect()
}

#[test]
fn moments_come_in_order_over_two_trainings() {
    let (mut trainer, moments) = trainer();
    let mut told = vec![];
    while !trainer.is_finished() {
        trainer.run_epoch(|step| told.extend(step.updates)).unwrap();
    }
    let mut expected = vec![Moment::Start];
    for step in 1..=12 {
        expected.extend([Moment::Gradient(step), Moment::Step(step)]);
        expected.extend((step % 3 == 0).then_some(Moment::EpochEnd(step / 3)));
        expected.extend((step == 6).then_some(Moment::PhaseEnd(1)));
    }
    assert_eq!(*moments.lock().unwrap(), expected);
    let at: Vec<(u64, f64)> = told.iter().map(|u| (u.update, u.values["acted"])).collect();
    assert_eq!(at, [(0, 1.0), (6, 2.0)]);
    // Beyond the last training nothing begins anew.
    trainer.run_epoch(|step| assert!(step.updates.is_empty())).unwrap();
    trainer.run_epoch(|step| assert!(step.updates.is_empty())).unwrap();
}

#[test]
fn a_rewind_brings_back_the_first_weights_and_empty_slots() {
    let (mut trainer, _) = trainer();
    let first = trainer.model().clone();
    (0..2).for_each(|_| drop(trainer.run_epoch(|_| {}).unwrap()));
    assert_eq!(trainer.optimizer().steps(), 6);
    trainer.step().unwrap();
    assert_eq!(trainer.optimizer().steps(), 1, "slots and steps begin anew");
    for (now, before) in trainer.model().layers()[..2].iter().zip(first.layers()) {
        let (pattern, weights) = now.connections();
        assert_eq!(pattern.nnz(), before.nnz() / 2);
        let (full, values) = before.connections();
        let began = pattern.gather(&full.scatter(&values));
        // One step of Adam is at most the learning rate.
        let farthest = weights.iter().zip(began).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(farthest > 0.0 && farthest <= 1.001e-3, "{farthest}");
    }
}

#[test]
fn gradients_at_the_weights_as_they_are_are_those_of_the_batch() {
    /// Compares at the first step, and counts.
    #[derive(Debug)]
    struct Compare(Arc<Mutex<usize>>);
    impl Method for Compare {
        fn due(&self, moment: Moment) -> bool {
            moment == Moment::Gradient(1)
        }

        fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
            let start = |layer: &Layer| {
                let (pattern, weights) = layer.connections();
                LayerStart { pattern: (*pattern).clone(), weights: Some(weights) }
            };
            // The batch is the whole training set, in another order: sums differ by rounding.
            let all: Vec<u32> = (0..network.sample_count() as u32).collect();
            let starts = network.model().layers().iter().map(start).collect();
            let at = network.gradients_at(starts, &all);
            for (layer, at) in network.hidden().iter().zip(at) {
                let mut of_batch = vec![0.0; layer.pattern.rows() * layer.pattern.cols()];
                for (x, dy) in &layer.tiles {
                    fanin_kernels::dense_backward_weight(
                        network.executor().isa(),
                        dy,
                        x,
                        &mut of_batch,
                    );
                }
                let of_batch = layer.pattern.gather(&of_batch);
                let scale = of_batch.iter().map(|g| g.abs()).fold(0.0, f32::max);
                for (a, b) in at.iter().zip(of_batch) {
                    assert!((a - b).abs() <= 1e-5 * scale, "{a} at the weights, {b} of the batch");
                    *self.0.lock().unwrap() += 1;
                }
            }
            Plan::default()
        }
    }
    // Wide enough, too, for rows sorted by length.
    for (engine, hidden) in [("sparse", [30, 20]), ("sparse", [300, 270]), ("masked", [30, 20])] {
        let compared = Arc::new(Mutex::new(0));
        let method: Box<dyn Method> = Box::new(Compare(Arc::clone(&compared)));
        let own = OwnParts { method: Some(method), ..OwnParts::default() };
        let (hidden, engine) = (hidden.to_vec(), engine.parse().unwrap());
        let config = TrainConfig { hidden, engine, batch: 300, ..TrainConfig::default() };
        let mut trainer = Trainer::from_parts(config, common::mnist(300, 64), own).unwrap();
        trainer.step().unwrap();
        let hidden: usize = trainer.model().layers()[..2].iter().map(Layer::nnz).sum();
        assert_eq!(*compared.lock().unwrap(), hidden);
    }
}

#[test]
fn a_checkpoint_keeps_the_methods_state_and_the_run_its_bits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    // In the first training, at its very end, and in the second.
    for steps in [4, 6, 8] {
        let (mut straight, _) = trainer();
        (0..steps).for_each(|_| drop(straight.step().unwrap()));
        checkpoint::write(&path, &straight).unwrap();
        let (mut resumed, _) = trainer();
        checkpoint::restore(&path, &mut resumed).unwrap();
        assert_eq!(resumed.method().state(), straight.method().state());
        let mut told = [vec![], vec![]];
        for _ in steps..12 {
            told[0].extend(straight.step().unwrap().updates);
            told[1].extend(resumed.step().unwrap().updates);
        }
        assert!(tensors(&straight) == tensors(&resumed), "after {steps} steps");
        for update in told.iter_mut().flatten() {
            update.seconds = 0.0;
        }
        assert_eq!(told[0], told[1], "after {steps} steps");
        assert_eq!(straight.position().flops, resumed.position().flops);
    }
}
