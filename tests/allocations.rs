//! After the first, a training step of the sparse engine allocates nothing.

mod common;

use fanin::dataset::Dataset;
use fanin::train::{TrainConfig, Trainer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn sparse_steps_allocate_nothing() {
    let data = common::mnist(20 * 128, 64);
    // One group of tiles, two groups, several threads, a tile whose rows are cut. One thread first:
    // those of a pool that is gone may still tidy up.
    for (threads, batch) in [(1, 128), (1, 640), (2, 128), (2, 60)] {
        let counts = allocations(&data, threads, batch);
        match threads {
            1 => assert!(counts.iter().all(|count| *count == 0), "batch {batch}: {counts:?}"),
            // Full batches are all the same work, so what a step allocates every step does. A
            // pool's queues grow too, in a few steps, on whichever thread the system holds up.
            _ => assert!(counts.contains(&0), "{threads} threads, batch {batch}: {counts:?}"),
        }
    }
}

/// Allocations and reallocations in each step of an epoch but the first, and the last, which ends
/// with the epoch's report.
fn allocations(data: &Arc<Dataset>, threads: usize, batch: usize) -> Vec<usize> {
    let config = TrainConfig { hidden: vec![200, 100], threads, batch, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, data.clone()).unwrap();
    let mut counts = Vec::with_capacity(data.train.len());
    let region = Region::new(ALLOCATOR);
    let count = |_| {
        let change = region.change();
        counts.push(change.allocations + change.reallocations);
    };
    trainer.run_epoch(count).unwrap();
    counts.pop();
    counts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}
