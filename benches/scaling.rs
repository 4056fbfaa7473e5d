//! How a step's time falls with the cores, by the model of `benches/README.md`, and its two
//! constants that belong to the machine.
//!
//! `cargo bench --bench scaling`: measures what a fork and join costs that wakes a thread, and how
//! fast one core reads from beyond L2, and prints the model's speed-ups with them.

use fanin::Error;
use fanin::experiment::Machine;
use fanin::experiment::statistics::Timing;
use fanin::parallel::Executor;
use fanin_kernels::TILE;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Milliseconds of the MNIST network, one core of an AMD EPYC (Zen 4), from
/// `cargo bench --bench train_step`.
struct Constants {
    sparsity: f64,
    /// A tile: (load + forward + loss+dX) / 2.
    tile: f64,
    /// Its norms, loss and load, which are not cut; about half of all else than products.
    uncut: f64,
    /// dW of a tile: half of dW+Adam without `adam`.
    gradient: f64,
    /// Adam and the transposed values, whatever the batch; the rest of all else.
    adam: f64,
    /// Blocks of rows of all layers.
    blocks: f64,
}

const NETWORKS: [Constants; 2] = [
    Constants { sparsity: 0.9, tile: 0.69, uncut: 0.09, gradient: 0.41, adam: 0.19, blocks: 25.0 },
    Constants { sparsity: 0.98, tile: 0.23, uncut: 0.08, gradient: 0.09, adam: 0.06, blocks: 7.0 },
];
/// Megabytes of a tile's inputs and output gradients over all layers.
const TILE_MB: f64 = 256e-6 * (784 + 4 * 1024 + 10) as f64;
/// Tiles that pass the blocks together.
const GROUP: usize = 4;
/// Products of a tile whose rows are cut: forward three, dX two.
const PRODUCTS: usize = 5;

fn main() -> Result<(), Error> {
    println!("{}", Machine::describe("1 and 2"));
    let fork_ms = fork_join(&Executor::from_environment(2)?);
    let gb_per_s = read_rate();
    println!(
        "a fork and join that wakes a thread: {:.1} µs; one core reads {gb_per_s:.1} GB/s",
        1e3 * fork_ms
    );
    println!(
        "\ntimes as fast as one core, 784-1024-1024-10\n\
         {:<18}     2     4     8    16    32    64 cores",
        ""
    );
    for network in &NETWORKS {
        for batch in [64, 128, 1024, 4096] {
            let step = |cores| step_ms(network, batch, cores, fork_ms, gb_per_s);
            print!("{:>3.0} %, batch {batch:>4}  ", 100.0 * network.sparsity);
            for cores in [2, 4, 8, 16, 32, 64] {
                print!(" {:>5.2}", step(1) / step(cores));
            }
            println!();
        }
    }
    Ok(())
}

/// The model: milliseconds of a step.
fn step_ms(network: &Constants, batch: usize, cores: usize, fork_ms: f64, gb_per_s: f64) -> f64 {
    let tiles = batch.div_ceil(TILE);
    let update = network.adam + network.gradient * tiles as f64;
    if cores == 1 {
        return network.tile * tiles as f64 + update;
    }
    let groups = tiles.div_ceil(GROUP);
    let (forward_back, regions) = if tiles >= cores {
        (network.tile * tiles.div_ceil(cores) as f64, 1 + groups)
    } else {
        let cut = (network.tile - network.uncut) * tiles as f64 / cores as f64;
        (network.uncut + cut, 1 + groups + PRODUCTS)
    };
    let share = update / network.blocks.min(cores as f64);
    let reading = tiles as f64 * TILE_MB / gb_per_s;
    forward_back + share.max(reading) + regions as f64 * fork_ms
}

/// Milliseconds: two threads with 0.2 ms of work each, after 0.3 ms on one, less the 0.2 ms.
fn fork_join(executor: &Executor) -> f64 {
    let work = |micros| {
        let started = Instant::now();
        while started.elapsed() < Duration::from_micros(micros) {}
    };
    executor.enter(|| {
        let seconds = (0..501).map(|_| {
            work(300);
            let started = Instant::now();
            executor.for_each(&mut [(); 2], |_, _, ()| work(200));
            started.elapsed().as_secs_f64()
        });
        1e3 * Timing::of(&seconds.collect::<Vec<f64>>()).median - 0.2
    })
}

/// Gigabytes a second: sums of 8 MB.
fn read_rate() -> f64 {
    let values = vec![1.0f32; 2 << 20];
    let Timing { median, min, max } = Timing::measure(0, 31, Duration::ZERO, || {
        let mut sums = [0.0; 64];
        for chunk in black_box(&values).as_chunks::<64>().0 {
            sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
        }
        black_box(sums);
    });
    println!("8 MB in {:.2} ms ({:.2}–{:.2})", 1e3 * median, 1e3 * min, 1e3 * max);
    4e-9 * values.len() as f64 / median
}
