//! After the first, a training step of the sparse engine allocates nothing.

mod common;

use fanin::dataset::Dataset;
use fanin::train::{TrainConfig, Trainer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn sparse_steps_allocate_nothing() {
    let data = common::mnist(1280, 64);
    // One group of tiles, a tile whose rows are cut, and two groups.
    for (threads, batch) in [(1, 128), (2, 128), (2, 60), (1, 640)] {
        // Between threads that the system holds up, the pool's queues may grow once in a while.
        let attempts = if threads > 1 { 5 } else { 1 };
        let is_quiet = (0..attempts).any(|_| {
            let [first, last] = allocations(&data, threads, batch);
            first == last
        });
        assert!(is_quiet, "{threads} threads, batch {batch}");
    }
}

/// Allocations, reallocations and bytes after the first and after the last step of an epoch.
fn allocations(data: &Dataset, threads: usize, batch: usize) -> [[usize; 3]; 2] {
    let config = TrainConfig { hidden: vec![200, 100], threads, batch, ..TrainConfig::default() };
    let mut trainer = Trainer::new(config, data).unwrap();
    let mut counts = Vec::with_capacity(1280);
    let region = Region::new(ALLOCATOR);
    trainer
        .run_epoch(|_| {
            let change = region.change();
            counts.push([change.allocations, change.reallocations, change.bytes_allocated]);
        })
        .unwrap();
    [counts[0], counts[counts.len() - 1]]
}
