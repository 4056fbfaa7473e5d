//! How many instructions each kernel takes: a number that a busy machine does not move.
//!
//! `cargo bench --bench instructions`, with valgrind installed: runs itself once per kernel under
//! callgrind, which counts nothing but the kernel, and prints the counts. Level avx2, or what
//! `FANIN_ISA` names: valgrind has no AVX-512. Equal code gives equal counts, so a change shows;
//! another compiler is another baseline.

use fanin::experiment::Machine;
use fanin::parallel::Executor;
use fanin::random::{Purpose, normal, stream};
use fanin::sparse::{Blocks, CsrPattern, Sell, Shared};
use fanin::topology::Spread;
use fanin_kernels::{
    Activation, AdamStep, BLOCK_ROWS, Isa, NormStats, Row, SHARED, TILE, adam,
    dense_backward_input, dense_backward_weight, dense_forward, layer_norm_backward,
    layer_norm_forward, normalize_tile, sddmm, sddmm_blocks, sddmm_full, sddmm_sell, sddmm_shared,
    softmax_cross_entropy, spmm, spmm_blocks, spmm_blocks_transposed, spmm_sell, spmm_shared,
    spmm_shared_transposed, spmv,
};
use std::process::Command;
use std::sync::Arc;

/// Features of everything measured.
const SIZE: usize = 512;
/// Stored entries per row of the sparse kernels: 90 %, with a rest of three beyond the last eight.
const FAN_IN: usize = 51;

const KERNELS: [&str; 20] = [
    "spmm",
    "spmm-sell",
    "spmm-shared",
    "spmm-shared-transposed",
    "spmm-blocks",
    "spmm-blocks-transposed",
    "sddmm",
    "sddmm-sell",
    "sddmm-shared",
    "sddmm-blocks",
    "sddmm-full",
    "spmv",
    "dense-forward",
    "dense-backward-input",
    "dense-backward-weight",
    "layer-norm-forward",
    "layer-norm-backward",
    "softmax-cross-entropy",
    "adam",
    "normalize-tile",
];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match arguments.next() {
        Some(kernel) => run(&kernel),
        None => count_all(),
    }
}

/// Every kernel in a process of its own.
fn count_all() {
    let level = std::env::var("FANIN_ISA").unwrap_or_else(|_| "avx2".into());
    println!("{}", Machine::describe("1"));
    println!(
        "level {level}; instructions of one call on one tile, {SIZE} × {SIZE}, \
         {FAN_IN} entries per row"
    );
    let program = std::env::current_exe().expect("a program has a path");
    for kernel in KERNELS {
        let output = Command::new("valgrind")
            .args([
                "--tool=callgrind",
                "--callgrind-out-file=/dev/null",
                "--toggle-collect=*counted*",
            ])
            .arg(&program)
            .arg(kernel)
            .env("FANIN_ISA", &level)
            .output();
        let Ok(output) = output else {
            println!("skipped: valgrind is not installed");
            return;
        };
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "valgrind failed on {kernel}:\n{log}");
        let counted = log.lines().find_map(|line| line.split_once("Collected :"));
        let (_, count) = counted.unwrap_or_else(|| panic!("no count of {kernel}:\n{log}"));
        println!("{kernel:<24}{:>12}", count.trim());
    }
}

/// What callgrind counts: by its name, so it must not be inlined.
#[inline(never)]
fn counted(kernel: impl FnOnce()) {
    kernel();
}

/// Runs a kernel once.
fn run(kernel: &str) {
    let isa: Isa =
        Executor::from_environment(1).expect("FANIN_ISA names a level of this CPU").isa();
    let rng = &mut stream(1, Purpose::Init, 0);
    let mut row = || Row(normal(rng, 1.0, TILE).try_into().expect("a row has a tile's samples"));
    let x: Vec<Row> = (0..SIZE).map(|_| row()).collect();
    let mut y: Vec<Row> = (0..SIZE).map(|_| row()).collect();
    let pattern: CsrPattern = Spread::Random.pattern(SIZE, &[FAN_IN; SIZE], 1, 0);
    let (row_ptr, columns) = (pattern.row_ptr(), pattern.col_idx());
    let sell = Sell::new(&pattern, 192, isa.is_wide());
    // As many entries, in groups of four rows that have the first one's columns.
    let columns_of = |row: usize| pattern.row(row / SHARED * SHARED).iter().copied();
    let of_groups: Vec<u32> = (0..SIZE).flat_map(columns_of).collect();
    let of_groups = CsrPattern::new(SIZE, row_ptr.to_vec(), of_groups).expect("rows of a pattern");
    let shared = Shared::of(&Arc::new(of_groups)).expect("its rows share their columns");
    let of_shared = shared.pattern().col_idx();
    // And in blocks of 16 × 16, three a row.
    let grid = (0..SIZE).map(|row| (row / BLOCK_ROWS..).step_by(7).take(3));
    let column = |block: usize| (0..16).map(move |k| ((16 * block + k) % SIZE) as u32);
    let mut rows: Vec<Vec<u32>> = grid.map(|blocks| blocks.flat_map(column).collect()).collect();
    rows.iter_mut().for_each(|row| row.sort_unstable());
    let block_ptr: Vec<usize> = (0..=SIZE).map(|row| 48 * row).collect();
    let of_blocks = CsrPattern::new(SIZE, block_ptr.clone(), rows.concat());
    let blocks = Blocks::of(&Arc::new(of_blocks.expect("rows of distinct columns")));
    let blocks = blocks.expect("it consists of blocks");
    let of_blocks = blocks.pattern().col_idx();
    let nnz = pattern.nnz();
    let (values, mut dw) = (vec![0.5; nnz], vec![0.0; nnz]);
    let in_blocks = &values[..of_blocks.len()];
    let (bias, gamma) = (vec![0.1; SIZE], vec![1.0; SIZE]);
    match kernel {
        "spmm" => counted(|| spmm(isa, row_ptr, columns, &values, Some(&bias), &x, &mut y)),
        "spmm-sell" => counted(|| {
            for part in sell.blocks(0..SIZE) {
                let (rows, values) = (part.rows(0), &values[part.entries(0)]);
                let bias = Some(&bias[rows.clone()]);
                spmm_sell(isa, part.block, values, bias, &x, &mut y[rows]);
            }
        }),
        "spmm-shared" => counted(|| {
            spmm_shared(isa, row_ptr, of_shared, &values, Some(&bias), &x, &mut y);
        }),
        "spmm-shared-transposed" => counted(|| {
            for (part, bounds) in shared.between(0..SIZE) {
                let (first, dx) = (part.start, &mut y[part]);
                spmm_shared_transposed(isa, row_ptr, of_shared, &values, bounds, &x, first, dx);
            }
        }),
        "spmm-blocks" => counted(|| {
            spmm_blocks(isa, &block_ptr, of_blocks, in_blocks, Some(&bias), &x, &mut y);
        }),
        "spmm-blocks-transposed" => counted(|| {
            spmm_blocks_transposed(isa, blocks.between(0..SIZE), in_blocks, &x, &mut y);
        }),
        "sddmm" => counted(|| sddmm(isa, row_ptr, columns, &y, &x, &mut dw)),
        "sddmm-sell" => counted(|| {
            for part in sell.blocks(0..SIZE) {
                let dw = &mut dw[part.entries(0)];
                sddmm_sell(isa, part.block, &y[part.rows(0)], &x, dw);
            }
        }),
        "sddmm-shared" => counted(|| sddmm_shared(isa, row_ptr, of_shared, &y, &x, &mut dw)),
        "sddmm-blocks" => counted(|| {
            let dw = &mut dw[..of_blocks.len()];
            sddmm_blocks(isa, &block_ptr, of_blocks, &y, &x, dw);
        }),
        "sddmm-full" => {
            let mut dw = vec![0.0; 10 * SIZE];
            counted(|| sddmm_full(isa, &y[..10], &x, &mut dw));
        }
        "spmv" => {
            let mut y = vec![0.0; SIZE];
            counted(|| spmv(isa, row_ptr, columns, &values, &bias, &gamma, &mut y));
        }
        "dense-forward" | "dense-backward-input" | "dense-backward-weight" => {
            let mut w = vec![0.5; SIZE * SIZE];
            match kernel {
                "dense-forward" => counted(|| dense_forward(isa, &w, Some(&bias), &x, &mut y)),
                "dense-backward-input" => {
                    counted(|| dense_backward_input(isa, &w, SIZE, &x, 0, &mut y));
                }
                _ => counted(|| dense_backward_weight(isa, &y, &x, &mut w)),
            }
        }
        "layer-norm-forward" => counted(|| {
            layer_norm_forward(isa, Activation::Relu, &x, &gamma, &bias, 1e-5, &mut y);
        }),
        "layer-norm-backward" => {
            let mut h = y.clone();
            let stats: NormStats =
                layer_norm_forward(isa, Activation::Relu, &y, &gamma, &bias, 1e-5, &mut h);
            let mut sums = [(); 3].map(|()| vec![0.0; SIZE]);
            let sums = sums.each_mut().map(|sums| &mut sums[..]);
            counted(|| {
                layer_norm_backward(isa, Activation::Relu, &x, &gamma, &bias, &stats, &mut y, sums)
            });
        }
        "softmax-cross-entropy" => counted(|| {
            softmax_cross_entropy(isa, &mut y[..10], &[3; TILE], &[1.0; TILE], 0.0, 1.0);
        }),
        "adam" => {
            let (mut w, mut m, mut v) = (values.clone(), values.clone(), values.clone());
            let step = AdamStep {
                lr: 1e-3,
                beta1: 0.9,
                beta2: 0.999,
                eps: 1e-8,
                correction1: 0.1,
                correction2: 0.001,
            };
            counted(|| adam(isa, &step, &mut w, &mut m, &mut v, &dw));
        }
        "normalize-tile" => {
            let samples = vec![[7u8; SIZE]; TILE];
            let samples: Vec<&[u8]> = samples.iter().map(|sample| &sample[..]).collect();
            counted(|| normalize_tile(isa, &samples, 0.01, -0.4, &mut y));
        }
        other => panic!("no kernel '{other}'"),
    }
    std::hint::black_box((&y, &dw));
}
