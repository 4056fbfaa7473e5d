//! The kernels' products on any pattern: on every level as the f64 twin has them; and with lengths
//! that do not fit a panic, and no byte beyond a slice.

#![no_main]

use fanin_kernels::{
    Isa, Level, Row, SHARED, TILE, dense_backward_input, dense_backward_weight, dense_forward,
    naive, sddmm, sddmm_shared, spmm, spmm_shared, spmv, sum_samples,
};
use libfuzzer_sys::fuzz_target;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Numbers from bytes, for ever.
struct Bytes<'a>(&'a [u8], u32);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        if let Some((&first, rest)) = self.0.split_first() {
            self.0 = rest;
            return first;
        }
        self.1 = self.1.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.1 >> 24) as u8
    }

    /// Whole numbers, so that sums are exact in any order.
    fn value(&mut self) -> f32 {
        f32::from(self.byte() as i8 % 9)
    }

    fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.value()).collect()
    }

    fn rows(&mut self, count: usize) -> Vec<Row> {
        (0..count).map(|_| Row(std::array::from_fn(|_| self.value()))).collect()
    }
}

fn samples(rows: &[Row]) -> Vec<f64> {
    (0..TILE).flat_map(|s| rows.iter().map(move |row| f64::from(row.0[s]))).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

fuzz_target!(init: {
    // Panics of misuse are caught; others end the process all the same.
    drop(std::panic::take_hook());
    std::panic::set_hook(Box::new(|_| {}));
}, |data: &[u8]| {
    let bytes = &mut Bytes(data, 1);
    let (rows, cols) = (1 + usize::from(bytes.byte()) % 33, 1 + usize::from(bytes.byte()) % 40);
    let share = if bytes.byte() % 2 == 0 { 1 } else { SHARED };
    let density = bytes.byte();
    let (mut row_ptr, mut col_idx) = (vec![0], Vec::new());
    for row in 0..rows {
        let start = row_ptr[row];
        match row % share {
            0 => col_idx.extend((0..cols as u32).filter(|_| bytes.byte() <= density)),
            _ => col_idx.extend_from_within(row_ptr[row - 1]..start),
        }
        row_ptr.push(col_idx.len());
    }
    let nnz = col_idx.len();
    let (values, bias) = (bytes.values(nnz), bytes.values(rows));
    let (x, dy) = (bytes.rows(cols), bytes.rows(rows));
    let mut dense = vec![0.0f32; rows * cols];
    for row in 0..rows {
        for entry in row_ptr[row]..row_ptr[row + 1] {
            dense[row * cols + col_idx[entry] as usize] = values[entry];
        }
    }
    let expected = naive::linear_forward(&samples(&x), &wide(&dense), &wide(&bias), cols);
    let back = naive::linear_backward(&samples(&x), &wide(&dense), &samples(&dy), cols);
    for isa in Isa::available() {
        let told = isa.level();
        let mut y = vec![Row([f32::NAN; TILE]); rows];
        spmm(isa, &row_ptr, &col_idx, &values, Some(&bias), &x, &mut y);
        assert_eq!(samples(&y), expected, "spmm, {told}");
        dense_forward(isa, &dense, Some(&bias), &x, &mut y);
        assert_eq!(samples(&y), expected, "dense, {told}");
        let mut dx = vec![Row([f32::NAN; TILE]); cols];
        dense_backward_input(isa, &dense, cols, &dy, 0, &mut dx);
        assert_eq!(samples(&dx), back.dx, "dX, {told}");
        let of_entries = |dw: &[f64]| -> Vec<f64> {
            (0..rows)
                .flat_map(|row| (row_ptr[row]..row_ptr[row + 1]).map(move |entry| (row, entry)))
                .map(|(row, entry)| dw[row * cols + col_idx[entry] as usize])
                .collect()
        };
        let mut dw = vec![0.0; nnz];
        sddmm(isa, &row_ptr, &col_idx, &dy, &x, &mut dw);
        assert_eq!(wide(&dw), of_entries(&back.dw), "sddmm, {told}");
        let mut whole = vec![0.0; rows * cols];
        dense_backward_weight(isa, &dy, &x, &mut whole);
        assert_eq!(wide(&whole), back.dw, "dW, {told}");
        let mut db = vec![0.0; rows];
        sum_samples(isa, &dy, &mut db);
        assert_eq!(wide(&db), back.db, "db, {told}");
        if share == SHARED && rows % SHARED == 0 {
            // Entry by entry the four values of its neurons.
            let of = |entry: usize, row: usize| {
                let group = row / SHARED * SHARED;
                (entry - row_ptr[row]) * SHARED + row_ptr[group] + row - group
            };
            let entries = || {
                (0..rows).flat_map(|row| (row_ptr[row]..row_ptr[row + 1]).map(move |e| (e, row)))
            };
            let mut woven = vec![0.0; nnz];
            entries().for_each(|(e, row)| woven[of(e, row)] = values[e]);
            let mut y = vec![Row([f32::NAN; TILE]); rows];
            spmm_shared(isa, &row_ptr, &col_idx, &woven, Some(&bias), &x, &mut y);
            assert_eq!(samples(&y), expected, "spmm of shared rows, {told}");
            let mut woven = vec![0.0; nnz];
            sddmm_shared(isa, &row_ptr, &col_idx, &dy, &x, &mut woven);
            let of_csr: Vec<f64> = entries().map(|(e, row)| woven[of(e, row)].into()).collect();
            assert_eq!(of_csr, of_entries(&back.dw), "sddmm of shared rows, {told}");
        }
        let one: Vec<f32> = x.iter().map(|row| row.0[0]).collect();
        let mut y = vec![f32::NAN; rows];
        spmv(isa, &row_ptr, &col_idx, &values, &bias, &one, &mut y);
        assert_eq!(wide(&y), expected[..rows], "spmv, {told}");
        if told == Level::ScalarNoFma {
            continue;
        }
        // One length that does not fit: a panic, or what is there stays within its bounds.
        let cut = |len: usize, byte: u8| len.saturating_sub(usize::from(byte % 3));
        let cuts: [u8; 5] = std::array::from_fn(|_| bytes.byte());
        let misuse = AssertUnwindSafe(|| {
            let mut y = vec![Row::ZERO; cut(rows, cuts[0])];
            let row_ptr = &row_ptr[..cut(rows + 1, cuts[1])];
            let col_idx = &col_idx[..cut(nnz, cuts[2])];
            let (values, x) = (&values[..cut(nnz, cuts[3])], &x[..cut(cols, cuts[4])]);
            spmm(isa, row_ptr, col_idx, values, None, x, &mut y);
            let mut dw = vec![0.0; values.len()];
            sddmm(isa, row_ptr, col_idx, &y, x, &mut dw);
        });
        drop(catch_unwind(misuse));
    }
});
