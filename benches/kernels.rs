//! The sparse products, also of neurons that share their inputs by fours and of 16 × 16 blocks,
//! beside the dense one of the same shape, that of the crate matrixmultiply, and the FMA peak, all
//! in the same run.
//!
//! `cargo bench --bench kernels`; one thread, batch 128, every vector level of this CPU.

use fanin::experiment::Machine;
use fanin::experiment::canary::{Canary, Samples, State};
use fanin::experiment::statistics::Timing;
use fanin::grammar::Choice;
use fanin::nn::storage::{Csr, Dense};
use fanin::nn::{LayerInput, Place, Storage};
use fanin::parallel::Crew;
use fanin::random::{Purpose, stream};
use fanin::sparse::CsrPattern;
use fanin::topology::{FanInRule, Generator, Profile, Profiled, Request, Share, Spread};
use fanin_kernels::{Isa, Level, Row, SHARED, TILE, fma_peak_pass, gemm, naive};
use rand::RngExt;
use std::sync::Arc;

const TILES: usize = 2;
/// Samples per measurement.
const SAMPLES: usize = 31;

fn main() {
    println!("{}", Machine::describe("1"));
    println!(
        "batch {}; GFLOP/s: median (min–max) of the quiet of {} samples",
        TILES * TILE,
        SAMPLES
    );
    println!("products as a layer runs them, in the order that it is stored in; % is of the peak");
    println!("a sparse product counts 2·nnz·batch flops, the dense ones 2·rows·cols·batch");
    println!("matrixmultiply picks its own instructions, whatever the level");
    for isa in Isa::available().into_iter().filter(|isa| isa.level() >= Level::Avx2) {
        println!("\nlevel {}", isa.level());
        let mut canary = Canary::new(isa);
        for (rows, cols) in [(1024, 784), (1024, 1024)] {
            for sparsity in [0.8, 0.9, 0.95, 0.98, 0.99] {
                for structure in ["rows", "shared", "blocks"] {
                    measure(&mut canary, isa, [rows, cols], sparsity, structure);
                }
            }
        }
    }
}

/// Random rows of samples.
fn tiles(features: usize, seed: u64) -> Vec<Vec<Row>> {
    let rng = &mut stream(seed, Purpose::GradientCheck, 0);
    let mut row = || Row(std::array::from_fn(|_| rng.random_range(-1.0..1.0)));
    (0..TILES).map(|_| (0..features).map(|_| row()).collect()).collect()
}

/// The connections of one of the structures.
fn pattern(structure: &str, request: &Request<'_>) -> CsrPattern {
    let rule = FanInRule::new(Profile::Uniform);
    let of = Box::new(Profiled { rule, spread: Spread::Random, narrow: 0 });
    let generator: Box<dyn Generator> = match structure {
        "rows" => of,
        "shared" => Box::new(Share { of, neurons: SHARED }),
        _ => structure.parse::<Choice<Box<dyn Generator>>>().expect("in the list").make(),
    };
    generator.generate(request).expect("these sparsities can be had").pattern
}

fn measure(
    canary: &mut Canary,
    isa: Isa,
    [rows, cols]: [usize; 2],
    sparsity: f64,
    structure: &str,
) {
    let request = Request { shape: [cols, rows], sparsity, seed: 1, layer: 0, inputs: None };
    let pattern = pattern(structure, &request);
    let crew = Crew::alone(isa);
    let rng = &mut stream(2, Purpose::GradientCheck, 0);
    let values: Vec<f32> = (0..pattern.nnz()).map(|_| rng.random_range(-1.0..1.0)).collect();
    let dense: Vec<f32> = (0..rows * cols).map(|_| rng.random_range(-1.0..1.0)).collect();
    let bias = vec![0.1; rows];
    let (x, dy) = (tiles(cols, 3), tiles(rows, 4));
    let place = Place { isa, input: LayerInput::Neurons };
    let sparse = Csr::new(Arc::new(pattern.clone()), values, place);
    let dense = Dense::new(cols, rows, dense);
    check(isa, &sparse, &pattern, &bias, &x[0]);

    let mut y = vec![vec![Row::ZERO; rows]; TILES];
    let mut y_dense = y.clone();
    // The whole batch as one matrix, [features, batch], is what suits matrixmultiply best.
    let batch = TILES * TILE;
    let x_flat: Vec<f32> = (0..cols).flat_map(|col| x.iter().flat_map(move |x| x[col].0)).collect();
    let mut y_flat = vec![0.0; rows * batch];
    let mut dx = vec![vec![Row::ZERO; cols]; TILES];
    let mut dx_dense = dx.clone();
    let (mut dw, mut dw_dense) = (vec![0.0; pattern.nnz()], vec![0.0; rows * cols]);
    let mut peak_flops = 0.0;
    let samples = Samples::in_turn(
        canary,
        SAMPLES,
        &mut [
            &mut || peak_flops = fma_peak_pass(isa, 20_000),
            &mut || {
                for (x, y) in x.iter().zip(&mut y) {
                    sparse.forward(crew, &bias, x, y);
                }
            },
            &mut || {
                for (dy, dx) in dy.iter().zip(&mut dx) {
                    sparse.backward_input(crew, dy, dx);
                }
            },
            &mut || {
                for block in sparse.blocks().windows(2) {
                    let rows = block[0]..block[1];
                    let dw = &mut dw[pattern.row_ptr()[rows.start]..pattern.row_ptr()[rows.end]];
                    for (x, dy) in x.iter().zip(&dy) {
                        sparse.add_gradient_rows(isa, rows.clone(), x, dy, dw);
                    }
                }
            },
            // Not last: the sparse products find in the caches what the dense one left.
            &mut || gemm(rows, cols, batch, dense.weights(), &x_flat, 0.0, &mut y_flat),
            &mut || {
                for (x, y) in x.iter().zip(&mut y_dense) {
                    dense.forward(crew, &bias, x, y);
                }
            },
            &mut || {
                for (dy, dx) in dy.iter().zip(&mut dx_dense) {
                    dense.backward_input(crew, dy, dx);
                }
            },
            &mut || {
                for block in dense.blocks().windows(2) {
                    let rows = block[0]..block[1];
                    let dw = &mut dw_dense[rows.start * cols..rows.end * cols];
                    for (x, dy) in x.iter().zip(&dy) {
                        dense.add_gradient_rows(isa, rows.clone(), x, dy, dw);
                    }
                }
            },
        ],
    );
    for (row, flat) in y_flat.chunks(batch).enumerate() {
        let apart = (y_dense[0][row].0[5] - bias[row] - flat[5]).abs();
        assert!(apart < 1e-3, "row {row} differs by {apart} between dense and matrixmultiply");
    }
    let timings: Vec<Timing> = samples.iter().map(Samples::timing).collect();
    let sparse_flops = (2 * pattern.nnz() * TILES * TILE) as f64;
    let dense_flops = (2 * rows * cols * TILES * TILE) as f64;
    let peak = peak_flops / timings[0].median;
    let quiet: usize = samples.iter().map(|of| of.count(State::Quiet)).sum();
    print!(
        "{rows}×{cols} {:>3.0} % {structure:<6} quiet {quiet}/{}  peak {:.0}",
        100.0 * sparsity,
        samples.len() * SAMPLES,
        peak / 1e9
    );
    let names =
        ["spmm", "spmm-transposed", "sddmm", "matrixmultiply", "dense", "dense-dx", "dense-dw"];
    let flops = [[sparse_flops; 3].as_slice(), &[dense_flops; 4]].concat();
    for ((name, flops), timing) in names.iter().zip(flops).zip(&timings[1..]) {
        let rate = |seconds: f64| flops / seconds / 1e9;
        print!(
            "  {name} {:.1} ({:.1}–{:.1}) {:.0} %",
            rate(timing.median),
            rate(timing.max),
            rate(timing.min),
            100.0 * flops / timing.median / peak
        );
    }
    println!("  dense/spmm time {:.1}×", timings[5].median / timings[1].median);
}

/// A wrong product must not be timed: a few rows against the specification.
fn check(isa: Isa, sparse: &Csr, pattern: &CsrPattern, bias: &[f32], x: &[Row]) {
    let weights = sparse.to_csr(sparse.weights());
    let mut y = vec![Row::ZERO; pattern.rows()];
    sparse.forward(Crew::alone(isa), bias, x, &mut y);
    for row in [0, pattern.rows() - 1] {
        let mut w = vec![0.0; pattern.cols()];
        for entry in pattern.entries(row) {
            w[pattern.col_idx()[entry] as usize] = f64::from(weights[entry]);
        }
        let sample: Vec<f64> = x.iter().map(|row| f64::from(row.0[5])).collect();
        let expected =
            naive::linear_forward(&sample, &w, &[f64::from(bias[row])], pattern.cols())[0];
        assert!((f64::from(y[row].0[5]) - expected).abs() < 1e-3, "row {row} is wrong");
    }
}
