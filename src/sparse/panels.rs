//! A pattern cut into panels of columns, so that a product keeps a slice of its dense operand in
//! L1.

use super::CsrPattern;

/// Where each row's entries cross from one panel of columns to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panels {
    /// `[panels + 1, rows]`: where row `r`'s entries of panel `p` begin.
    bounds: Vec<u32>,
    rows: usize,
}

/// A panel width, and the mean entries per row and panel from which it is faster.
type Width = (usize, f64);

/// For SpMM, which reads and writes its sums in L2 once per panel. 1024 × 1024 by panels against
/// without, one Zen 4 core with 32 KB of L1: 1.50 at 50 % sparsity, 1.31 at 80 %, 1.26 at 90 % (128
/// columns), 1.07 at 95 % (256), 0.89 at 98 %.
const SPMM_WIDTHS: [Width; 5] = [(128, 12.0), (256, 12.0), (512, 24.0), (1024, 24.0), (2048, 24.0)];
/// For SDDMM, where each panel starts with a remainder of fewer than eight entries: 1.36 at 50 %
/// sparsity (128 columns), 1.25 at 80 %, 1.09 at 90 % (256), 0.96 at 95 %.
const SDDMM_WIDTHS: [Width; 5] =
    [(128, 40.0), (256, 24.0), (512, 24.0), (1024, 24.0), (2048, 24.0)];
/// No more panels than these, unless rows have [`MANY`] entries in each: every panel jumps through
/// all rows, and the jumps grow with the columns (2048 × 2048 at 90 %, a whole step: 8 panels 1.23
/// times as fast as 16; 8192 × 8192, SpMM: 8 or 16 are 1.25 of none, 64 are 0.7).
const MOST_PANELS: usize = 8;
/// Entries per row and panel above which jumping between rows costs too little to matter.
const MANY: f64 = 40.0;

impl Panels {
    /// The panels for SpMM on `pattern`, if any width pays at its density.
    ///
    /// **Panics** if there are 2³² entries or more.
    pub fn for_spmm(pattern: &CsrPattern) -> Option<Panels> {
        Panels::that_pay(pattern, &SPMM_WIDTHS)
    }

    /// The panels for SDDMM on `pattern`, if any width pays at its density.
    ///
    /// **Panics** if there are 2³² entries or more.
    pub fn for_sddmm(pattern: &CsrPattern) -> Option<Panels> {
        Panels::that_pay(pattern, &SDDMM_WIDTHS)
    }

    fn that_pay(pattern: &CsrPattern, widths: &[Width]) -> Option<Panels> {
        let pays = |(width, entries): &&Width| {
            let panels = pattern.cols().div_ceil(*width);
            let per_panel = pattern.density() * *width as f64;
            panels > 1 && per_panel >= *entries && (panels <= MOST_PANELS || per_panel >= MANY)
        };
        let (width, _) = widths.iter().find(pays)?;
        Some(Panels::of_width(pattern, *width))
    }

    /// Panels of `width` columns.
    ///
    /// **Panics** if there are 2³² entries or more.
    pub fn of_width(pattern: &CsrPattern, width: usize) -> Panels {
        u32::try_from(pattern.nnz()).expect("a layer has fewer than 2^32 connections");
        let (rows, panels) = (pattern.rows(), pattern.cols().div_ceil(width));
        let mut bounds = vec![0; (panels + 1) * rows];
        for row in 0..rows {
            let (columns, first) = (pattern.row(row), pattern.entries(row).start);
            for panel in 0..=panels {
                let before = columns.partition_point(|&col| (col as usize) < panel * width);
                bounds[panel * rows + row] = (first + before) as u32;
            }
        }
        Panels { bounds, rows }
    }

    /// The bounds, `[panels + 1, stride]`.
    pub fn bounds(&self) -> &[u32] {
        &self.bounds
    }

    /// Rows of the pattern.
    pub fn stride(&self) -> usize {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_cut_every_row_at_the_same_columns() {
        let pattern = CsrPattern::new(5, vec![0, 3, 3, 5], vec![0, 1, 4, 2, 3]).unwrap();
        let panels = Panels::of_width(&pattern, 2);
        // Columns 0–1, 2–3, 4.
        assert_eq!(panels.bounds(), [0, 3, 3, 2, 3, 3, 2, 3, 5, 3, 3, 5]);
        assert_eq!(panels.stride(), 3);
    }

    #[test]
    fn panels_are_for_dense_and_wide_patterns() {
        let lines = |panels: Option<Panels>| panels.map(|panels| panels.bounds().len() / 10);
        let full = |cols| CsrPattern::full(10, cols);
        assert_eq!(lines(Panels::for_spmm(&full(1024))), Some(9));
        assert_eq!(lines(Panels::for_spmm(&full(128))), None);
        assert_eq!(lines(Panels::for_spmm(&full(4096))), Some(33));
        // One entry in ten: SpMM takes 12.8 at a time, SDDMM needs the wider panels.
        let tenth: Vec<u32> = (0..1024).step_by(10).collect();
        let row_ptr = (0..=10).map(|row| row * tenth.len()).collect();
        let tenth = CsrPattern::new(1024, row_ptr, tenth.repeat(10)).unwrap();
        assert_eq!(lines(Panels::for_spmm(&tenth)), Some(9));
        assert_eq!(lines(Panels::for_sddmm(&tenth)), Some(5));
        let sparse = CsrPattern::new(1024, vec![0, 3], vec![0, 500, 1000]).unwrap();
        assert!(Panels::for_spmm(&sparse).is_none() && Panels::for_sddmm(&sparse).is_none());
    }
}
