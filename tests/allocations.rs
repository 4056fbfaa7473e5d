//! After the first, a training step of the sparse engine allocates nothing.

mod common;

use fanin::train::{TrainConfig, Trainer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn sparse_steps_allocate_nothing() {
    let data = common::mnist(1280, 64);
    for (threads, batch) in [(1, 128), (2, 128), (2, 60)] {
        let config =
            TrainConfig { hidden: vec![200, 100], threads, batch, ..TrainConfig::default() };
        let mut trainer = Trainer::new(config, &data).unwrap();
        let mut allocations = Vec::with_capacity(1280);
        let region = Region::new(ALLOCATOR);
        trainer
            .run_epoch(|_| {
                let change = region.change();
                allocations.push((
                    change.allocations,
                    change.reallocations,
                    change.bytes_allocated,
                ));
            })
            .unwrap();
        let last = allocations.len() - 1;
        assert_eq!(allocations[0], allocations[last], "{threads} threads, batch {batch}");
    }
}
