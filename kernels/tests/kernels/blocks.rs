//! The block-sparse products against those of CSR.

use crate::common::{real, rows};
use fanin_kernels::{
    BLOCK_ROWS, BlockRun, Isa, Row, TILE, sddmm, sddmm_blocks, spmm, spmm_blocks,
    spmm_blocks_transposed,
};
use rand::SeedableRng;
use rand_pcg::Pcg64;

/// Where the runs of columns begin and end. Widths of every rest of six, and of one.
const RUNS: [u32; 8] = [0, 16, 21, 22, 32, 40, 51, 83];

/// Which groups of rows have which runs.
const HAVE: [&[usize]; 5] = [&[0, 3, 6], &[], &[1, 2, 4, 5], &[0, 1, 2, 3, 4, 5, 6], &[2]];

/// The columns of a group.
fn columns(group: usize) -> Vec<u32> {
    HAVE[group].iter().flat_map(|&run| RUNS[run]..RUNS[run + 1]).collect()
}

#[test]
fn products_of_blocks_have_the_bits_of_those_of_csr_on_every_level() {
    let rng = &mut Pcg64::seed_from_u64(41);
    let cols = RUNS[7] as usize;
    for count in [80, 79, 65, 54, 16, 11, 1] {
        let (mut row_ptr, mut col_idx, mut entries) = (vec![0], vec![], vec![]);
        for row in 0..count {
            col_idx.extend(columns(row / BLOCK_ROWS));
            row_ptr.push(col_idx.len());
        }
        for first in (0..count).step_by(BLOCK_ROWS) {
            let rows = first..count.min(first + BLOCK_ROWS);
            let len = row_ptr[first + 1] - row_ptr[first];
            let places = (0..len).flat_map(|nth| rows.clone().map(move |row| (nth, row)));
            entries.extend(places.map(|(nth, row)| row_ptr[row] + nth));
        }
        let (x, dy) = (rows(rng, cols, real), rows(rng, count, real));
        let bias: Vec<f32> = (0..count).map(|_| real(rng)).collect();
        let csr: Vec<f32> = col_idx.iter().map(|_| real(rng)).collect();
        let start: Vec<f32> = col_idx.iter().map(|_| real(rng)).collect();
        let values: Vec<f32> = entries.iter().map(|&entry| csr[entry]).collect();
        // The transpose, rows ascending.
        let (mut col_ptr, mut row_idx, mut transposed) = (vec![0], vec![], vec![]);
        for col in 0..cols as u32 {
            for row in 0..count {
                for entry in (row_ptr[row]..row_ptr[row + 1]).filter(|&e| col_idx[e] == col) {
                    row_idx.push(row as u32);
                    transposed.push(csr[entry]);
                }
            }
            col_ptr.push(row_idx.len());
        }
        // Of each run the groups that have it, and where.
        let of_run = |run: usize| {
            let firsts = (0..count).step_by(BLOCK_ROWS);
            let of_group = |first: usize| {
                let columns = columns(first / BLOCK_ROWS);
                let nth = columns.iter().position(|&col| col == RUNS[run])?;
                let rows = BLOCK_ROWS.min(count - first);
                Some((first as u32, (row_ptr[first] + nth * rows) as u32))
            };
            firsts.filter_map(of_group).unzip::<u32, u32, Vec<_>, Vec<_>>()
        };
        let runs: Vec<_> = (0..7).map(of_run).collect();
        for isa in Isa::available() {
            let level = isa.level();
            let (mut plain, mut y) = (vec![Row::ZERO; count], vec![Row([f32::NAN; TILE]); count]);
            spmm(isa, &row_ptr, &col_idx, &csr, Some(&bias), &x, &mut plain);
            spmm_blocks(isa, &row_ptr, &col_idx, &values, Some(&bias), &x, &mut y);
            assert!(plain == y, "y, {count} rows, {level}");

            let mut plain = vec![Row::ZERO; cols];
            spmm(isa, &col_ptr, &row_idx, &transposed, None, &dy, &mut plain);
            for part in [0..7, 0..3, 3..7] {
                let of_part = RUNS[part.start] as usize..RUNS[part.end] as usize;
                let mut dx = vec![Row([f32::NAN; TILE]); of_part.len()];
                let runs = part.map(|run| BlockRun {
                    columns: (RUNS[run + 1] - RUNS[run]) as usize,
                    rows: &runs[run].0,
                    values: &runs[run].1,
                });
                spmm_blocks_transposed(isa, runs, &values, &dy, &mut dx);
                assert!(dx == plain[of_part], "dX, {count} rows, {level}");
            }

            let (mut plain, mut dw) = (start.clone(), start.clone());
            entries.iter().zip(&mut dw).for_each(|(&entry, dw)| *dw = start[entry]);
            sddmm(isa, &row_ptr, &col_idx, &dy, &x, &mut plain);
            sddmm_blocks(isa, &row_ptr, &col_idx, &dy, &x, &mut dw);
            let plain: Vec<f32> = entries.iter().map(|&entry| plain[entry]).collect();
            assert!(plain == dw, "dW, {count} rows, {level}");
        }
    }
}

#[test]
#[should_panic(expected = "rows of a group are equally long")]
fn rows_of_other_lengths_are_refused() {
    let (row_ptr, col_idx, values) = ([0, 1, 2, 4], [0, 0, 0, 1], [1.0; 4]);
    let (x, mut y) = ([Row::ZERO; 2], [Row::ZERO; 3]);
    spmm_blocks(Isa::detect(), &row_ptr, &col_idx, &values, None, &x, &mut y);
}
