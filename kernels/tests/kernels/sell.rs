//! The sparse products on rows sorted by length against those on CSR.

use crate::common::{real, rows};
use crate::sparse::{Sparse, sparse};
use fanin_kernels::{
    EqualRows, Isa, PANEL, Row, SellBlock, SellPanel, TILE, sddmm, sddmm_sell, spmm, spmm_sell,
};
use rand::SeedableRng;
use rand_pcg::Pcg64;

/// A block of rows in SELL order: its panels, equal rows, rows, ids, and of each id its entry.
#[derive(Default)]
struct Sell {
    panels: Vec<SellPanel>,
    equal: Vec<EqualRows>,
    rows: Vec<u8>,
    ids: Vec<u8>,
    entries: Vec<usize>,
}

/// Panels of `width` columns; of each length as many fours as there are rows for, then ones.
fn sell(w: &Sparse, width: usize, fours: bool) -> Sell {
    let mut sell = Sell::default();
    for start in (0..w.cols).step_by(width) {
        let first = start.min(w.cols - PANEL);
        let inside = |&entry: &usize| (start..start + width).contains(&(w.col_idx[entry] as usize));
        let of_row = |row: &[usize]| (row[0]..row[1]).filter(inside).collect();
        let segments: Vec<Vec<usize>> = w.row_ptr.windows(2).map(of_row).collect();
        let mut panel = SellPanel { first: first as u32, fours: 0, ones: 0 };
        for pass in [4, 1] {
            for len in (0..=width).rev().filter(|&len| len > 0 || start == 0) {
                let equal = |row: &usize| segments[*row].len() == len;
                let rows: Vec<usize> = (0..segments.len()).filter(equal).collect();
                let in_fours = if fours { rows.len() / 4 * 4 } else { 0 };
                let rows = if pass == 4 { &rows[..in_fours] } else { &rows[in_fours..] };
                if rows.is_empty() {
                    continue;
                }
                let count = rows.len() / pass;
                sell.equal.push(EqualRows { len: len as u32, count: count as u32 });
                *if pass == 4 { &mut panel.fours } else { &mut panel.ones } += 1;
                sell.rows.extend(rows.iter().map(|&row| row as u8));
                for chunk in rows.chunks(pass) {
                    sell.entries.extend(
                        (0..len)
                            .flat_map(|nth| chunk.iter().map(move |&row| (row, nth)))
                            .map(|(row, nth)| segments[row][nth]),
                    );
                }
            }
        }
        sell.ids.extend(
            sell.entries[sell.ids.len()..].iter().map(|&e| (w.col_idx[e] as usize - first) as u8),
        );
        sell.panels.push(panel);
    }
    sell
}

#[test]
fn products_of_sorted_rows_have_the_bits_of_those_of_csr_on_every_level() {
    let rng = &mut Pcg64::seed_from_u64(29);
    // Every rest of a four's and of a one's entries, an empty row, a full one, rows beyond fours.
    let lens = [40, 41, 42, 43, 44, 45, 46, 47, 0, 300, 1];
    let even: Vec<usize> = lens.iter().flat_map(|&len| [len; 9]).collect();
    for (fan_in, cols) in [(&even[..], 300), (&[7; 16], 256), (&[5], 513)] {
        let w = sparse(rng, fan_in, cols, real);
        let count = fan_in.len();
        let (x, dy) = (rows(rng, cols, real), rows(rng, count, real));
        let bias: Vec<f32> = (0..count).map(|_| real(rng)).collect();
        let start: Vec<f32> = w.values.iter().map(|_| real(rng)).collect();
        for (width, fours) in [(128, true), (256, true), (150, false), (1, true)] {
            let sorted = sell(&w, width, fours);
            let has_fours = sorted.panels.iter().any(|panel| panel.fours > 0);
            assert_eq!(has_fours, fours && count > 3);
            let Sell { panels, equal, rows, ids, entries } = &sorted;
            let block = SellBlock { panels, equal, rows, ids };
            let values: Vec<f32> = entries.iter().map(|&entry| w.values[entry]).collect();
            for isa in Isa::available() {
                for bias in [Some(&bias[..]), None] {
                    let mut plain = vec![Row::ZERO; count];
                    let mut y = vec![Row([f32::NAN; TILE]); count];
                    spmm(isa, &w.row_ptr, &w.col_idx, &w.values, bias, &x, &mut plain);
                    spmm_sell(isa, block, &values, bias, &x, &mut y);
                    assert!(plain == y, "spmm, width {width}, {}", isa.level());
                }
                let mut plain = start.clone();
                let mut dw: Vec<f32> = entries.iter().map(|&entry| start[entry]).collect();
                sddmm(isa, &w.row_ptr, &w.col_idx, &dy, &x, &mut plain);
                sddmm_sell(isa, block, &dy, &x, &mut dw);
                let plain: Vec<f32> = entries.iter().map(|&entry| plain[entry]).collect();
                assert!(plain == dw, "sddmm, width {width}, {}", isa.level());
            }
        }
    }
}
