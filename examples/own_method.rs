//! A method of sparse training of one's own: gradual magnitude pruning (Zhu & Gupta 2017).
//!
//! `cargo run --release --example own_method`
//!
//! The network begins half sparse. Every 50 steps the smallest weights go, ever fewer at a time,
//! until 95 % of the connections are gone; none come.

use fanin::dataset::{self, Normalize};
use fanin::method::*;
use fanin::train::{NetworkSummary, OwnParts, TrainConfig, Trainer};

const EVERY: u64 = 50;

#[derive(Debug)]
struct GradualPruning {
    /// At first and in the end.
    sparsity: [f64; 2],
    /// Steps until the end is reached.
    steps: u64,
}

impl Method for GradualPruning {
    fn begin(&mut self, run: RunLength) {
        // The last quarter of the run trains what is left.
        self.steps = run.steps() * 3 / 4;
    }

    fn due(&self, moment: Moment) -> bool {
        matches!(moment, Moment::Step(step) if step % EVERY == 0 && step <= self.steps)
    }

    fn act(&mut self, _moment: Moment, network: &Network<'_>) -> Plan {
        // Their equation 1: sparsity rises from s_i to s_f by a cubic.
        let [from, to] = self.sparsity;
        let left = 1.0 - network.step() as f64 / self.steps as f64;
        let sparsity = to + (from - to) * left.powi(3);
        let plan = |LayerView { index, pattern, weights, .. }| {
            let positions = (pattern.rows() * pattern.cols()) as f64;
            let count = pattern.nnz().saturating_sub((positions * (1.0 - sparsity)) as usize);
            let ties = network.ties(TieOrder::Noise, index);
            let survives = drop_smallest(&[(&pattern, &weights, ties)], count, 1).remove(0);
            let rewiring = Rewiring::new(&pattern, &survives, vec![], Returned::Kept);
            LayerPlan { layer: index, rewiring, weights: Weights::Carried }
        };
        let layers = network.sparse().into_iter().map(plan).collect();
        let values = vec![("sparsity", sparsity)];
        Plan { layers, values, ..Plan::default() }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = dataset::load("mnist", None, Normalize::Standard)?;
    let config =
        TrainConfig { hidden: vec![256, 256], sparsity: 0.5, epochs: 3, ..TrainConfig::default() };
    let method = GradualPruning { sparsity: [config.sparsity, 0.95], steps: 0 };
    let own = OwnParts { method: Some(Box::new(method)), ..OwnParts::default() };
    let mut trainer = Trainer::from_parts(config, data, own)?;
    let test = trainer.data().test.clone();
    while !trainer.is_finished() {
        trainer.run_epoch(|_| {})?;
        let sparsity = NetworkSummary::of(trainer.model()).sparsity_of_hidden_layers;
        let accuracy = trainer.evaluate(&test)?.value("accuracy");
        println!("sparsity {sparsity:.3}: test accuracy {accuracy:.4}");
    }
    Ok(())
}
