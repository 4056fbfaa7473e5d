//! The sparse products of rows that share their columns by fours against those of CSR.

use crate::common::{real, rows};
use crate::sparse::sparse;
use fanin_kernels::{
    Isa, Row, SHARED, TILE, sddmm, sddmm_full, sddmm_shared, spmm, spmm_shared,
    spmm_shared_transposed,
};
use rand::SeedableRng;
use rand_pcg::Pcg64;

/// Rows in CSR, and of each place of the shared order its entry.
struct Shared {
    row_ptr: Vec<usize>,
    col_idx: Vec<u32>,
    entries: Vec<usize>,
}

/// `rows` rows, of which each four have the columns of one of `groups`.
fn shared(groups: &[&[u32]], rows: usize) -> Shared {
    let mut shared = Shared { row_ptr: vec![0], col_idx: vec![], entries: vec![] };
    for row in 0..rows {
        shared.col_idx.extend(groups[row / SHARED]);
        shared.row_ptr.push(shared.col_idx.len());
    }
    let full = rows / SHARED;
    for (group, columns) in groups.iter().enumerate().take(full) {
        let first = shared.row_ptr[SHARED * group];
        let entry = |nth: usize, row: usize| first + row * columns.len() + nth;
        let places = (0..columns.len()).flat_map(|nth| (0..SHARED).map(move |row| (nth, row)));
        shared.entries.extend(places.map(|(nth, row)| entry(nth, row)));
    }
    shared.entries.extend(shared.row_ptr[SHARED * full]..shared.col_idx.len());
    shared
}

#[test]
fn products_of_shared_rows_have_the_bits_of_those_of_csr_on_every_level() {
    let rng = &mut Pcg64::seed_from_u64(31);
    // Groups of every rest of four entries, an empty one, a full one.
    let lens = [5, 6, 7, 8, 0, 40, 1, 3];
    let w = sparse(rng, &lens, 40, real);
    let groups: Vec<&[u32]> = w.row_ptr.windows(2).map(|r| &w.col_idx[r[0]..r[1]]).collect();
    for count in [32, 31, 29, 4, 3, 1] {
        let Shared { row_ptr, col_idx, entries } = shared(&groups, count);
        let (x, dy) = (rows(rng, 40, real), rows(rng, count, real));
        let bias: Vec<f32> = (0..count).map(|_| real(rng)).collect();
        let csr: Vec<f32> = col_idx.iter().map(|_| real(rng)).collect();
        let start: Vec<f32> = col_idx.iter().map(|_| real(rng)).collect();
        let values: Vec<f32> = entries.iter().map(|&entry| csr[entry]).collect();
        // The transpose, rows ascending.
        let (mut col_ptr, mut row_idx, mut transposed) = (vec![0], vec![], vec![]);
        for col in 0..40 {
            for row in 0..count {
                for entry in (row_ptr[row]..row_ptr[row + 1]).filter(|&e| col_idx[e] == col) {
                    row_idx.push(row as u32);
                    transposed.push(csr[entry]);
                }
            }
            col_ptr.push(row_idx.len());
        }
        for isa in Isa::available() {
            let level = isa.level();
            let (mut plain, mut y) = (vec![Row::ZERO; count], vec![Row([f32::NAN; TILE]); count]);
            spmm(isa, &row_ptr, &col_idx, &csr, Some(&bias), &x, &mut plain);
            spmm_shared(isa, &row_ptr, &col_idx, &values, Some(&bias), &x, &mut y);
            assert!(plain == y, "y, {count} rows, {level}");

            let mut plain = vec![Row::ZERO; 40];
            spmm(isa, &col_ptr, &row_idx, &transposed, None, &dy, &mut plain);
            for bounds in [vec![0, 40], vec![0, 13, 14, 40]] {
                for range in bounds.windows(2) {
                    let at = |bound: usize| -> Vec<u32> {
                        let before =
                            |columns: &[u32]| columns.partition_point(|&c| (c as usize) < bound);
                        groups[..count / SHARED]
                            .iter()
                            .map(|columns| before(columns) as u32)
                            .collect()
                    };
                    let (from, to) = (at(range[0]), at(range[1]));
                    let mut dx = vec![Row([f32::NAN; TILE]); range[1] - range[0]];
                    let bounds = [&from[..], &to];
                    spmm_shared_transposed(
                        isa, &row_ptr, &col_idx, &values, bounds, &dy, range[0], &mut dx,
                    );
                    assert!(dx == plain[range[0]..range[1]], "dX, {count} rows, {level}");
                }
            }

            let (mut plain, mut dw) = (start.clone(), start.clone());
            entries.iter().zip(&mut dw).for_each(|(&entry, dw)| *dw = start[entry]);
            sddmm(isa, &row_ptr, &col_idx, &dy, &x, &mut plain);
            sddmm_shared(isa, &row_ptr, &col_idx, &dy, &x, &mut dw);
            let plain: Vec<f32> = entries.iter().map(|&entry| plain[entry]).collect();
            assert!(plain == dw, "dW, {count} rows, {level}");
        }
    }
}

#[test]
#[should_panic(expected = "rows of a group are equally long")]
fn rows_of_other_lengths_are_refused() {
    let (row_ptr, col_idx, values) = ([0, 1, 2, 3, 5], [0, 0, 0, 0, 1], [1.0; 5]);
    let (x, mut y) = ([Row::ZERO; 2], [Row::ZERO; 4]);
    spmm_shared(Isa::detect(), &row_ptr, &col_idx, &values, None, &x, &mut y);
}

#[test]
fn dw_of_a_full_layer_has_the_bits_of_sddmm_on_every_level() {
    let rng = &mut Pcg64::seed_from_u64(37);
    for (count, cols) in [(10, 83), (4, 8), (3, 5), (9, 64), (1, 1), (4, 0)] {
        let (x, dy) = (rows(rng, cols, real), rows(rng, count, real));
        let row_ptr: Vec<usize> = (0..=count).map(|row| row * cols).collect();
        let col_idx: Vec<u32> = (0..cols as u32).collect::<Vec<_>>().repeat(count);
        let start: Vec<f32> = col_idx.iter().map(|_| real(rng)).collect();
        for isa in Isa::available() {
            let (mut plain, mut full) = (start.clone(), start.clone());
            sddmm(isa, &row_ptr, &col_idx, &dy, &x, &mut plain);
            sddmm_full(isa, &dy, &x, &mut full);
            assert!(plain == full, "{count} × {cols}, {}", isa.level());
        }
    }
}
