//! What sparsity is worth, as a map: how many times as fast as dense.

use super::figure::{Drawn, Panel, figure};
use crate::experiment::benchmark::{Benchmark, Point};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The map as SVG: a panel per number of threads; in it a row per width, batch and share, a column
/// per sparsity. Blue cells are faster than the dense engine, orange ones slower.
pub fn benchmark_figure(benchmark: &Benchmark) -> String {
    let mut threads: Vec<usize> = benchmark.points.iter().map(|point| point.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let rows = rows(benchmark);
    let size = (640 * threads.len().max(1) as u32, 120 + 34 * rows.len() as u32);
    let peak = benchmark.roofline.peak_gflops;
    let attained = benchmark.roofline.spmm_gflops.iter();
    let attained: Vec<String> = attained
        .map(|(s, rate)| format!("{:.0} % at {}", 100.0 * rate / peak, percent(*s)))
        .collect();
    let title = format!(
        "A training step, times as fast as dense ({}); SpMM of the FMA peak of {peak:.0} GFLOP/s: {}",
        benchmark.isa,
        attained.join(", ")
    );
    let description = "A map for each number of threads: width, batch and share by sparsity.";
    figure(size, &title, description, |area| {
        let area = area.titled(&title, ("sans-serif", 15))?;
        let panels = area.split_evenly((1, threads.len().max(1)));
        for (panel, &threads) in panels.iter().zip(&threads) {
            map(panel, benchmark, threads, &rows)?;
        }
        Ok(())
    })
}

/// Width, batch and share of each row.
fn rows(benchmark: &Benchmark) -> Vec<[usize; 3]> {
    let mut rows: Vec<_> = benchmark.points.iter().map(|p| [p.width, p.batch, p.share]).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

fn map(
    panel: &Panel<'_>,
    benchmark: &Benchmark,
    threads: usize,
    rows: &[[usize; 3]],
) -> Drawn<'static> {
    const LEFT: i32 = 150;
    const TOP: i32 = 50;
    const CELL: (i32, i32) = (70, 34);
    let text = |size: i32| ("sans-serif", size).into_font().color(&BLACK);
    let middle = text(14).pos(Pos::new(HPos::Center, VPos::Center));
    let heading = format!("{threads} thread{}", if threads == 1 { "" } else { "s" });
    panel.draw(&Text::new(heading, (10, 8), text(16)))?;
    panel.draw(&Text::new("width, batch, share", (10, TOP - 18), text(13)))?;
    let sparse = |point: &&Point| point.threads == threads && point.sparsity.is_some();
    let mut columns: Vec<f64> =
        benchmark.points.iter().filter(sparse).filter_map(|point| point.sparsity).collect();
    columns.sort_by(f64::total_cmp);
    columns.dedup();
    for (column, sparsity) in (0..).zip(&columns) {
        let at = (LEFT + column * CELL.0 + CELL.0 / 2, TOP - 11);
        panel.draw(&Text::new(percent(*sparsity), at, middle.clone()))?;
    }
    for (line, &[width, batch, share]) in (0..).zip(rows) {
        let top = TOP + line * CELL.1;
        let name = format!("{width}, {batch}, {share}");
        panel.draw(&Text::new(name, (10, top + CELL.1 / 2 - 7), text(14)))?;
        for (column, sparsity) in (0..).zip(&columns) {
            let here = |point: &&Point| {
                let row = [point.width, point.batch, point.share];
                row == [width, batch, share] && point.sparsity == Some(*sparsity)
            };
            let Some(point) = benchmark.points.iter().filter(sparse).find(here) else { continue };
            let left = LEFT + column * CELL.0;
            let corners = [(left, top), (left + CELL.0 - 2, top + CELL.1 - 2)];
            panel.draw(&Rectangle::new(corners, shade(point.speed_up).filled()))?;
            let at = (left + CELL.0 / 2, top + CELL.1 / 2);
            panel.draw(&Text::new(format!("{:.1}×", point.speed_up), at, middle.clone()))?;
        }
    }
    Ok(())
}

/// White at 1, bluer up to 16 times as fast, orange down to half as fast.
fn shade(speed_up: f64) -> RGBColor {
    let mix = |to: [u8; 3], share: f64| {
        let part = |to: u8| (255.0 + (f64::from(to) - 255.0) * share.clamp(0.0, 1.0)) as u8;
        RGBColor(part(to[0]), part(to[1]), part(to[2]))
    };
    match speed_up >= 1.0 {
        true => mix([86, 180, 233], speed_up.log2() / 4.0),
        false => mix([230, 159, 0], -speed_up.log2()),
    }
}

/// A fraction in per cent, with the digits it needs: 0.995 is 99.5 %.
pub(crate) fn percent(fraction: f64) -> String {
    let text = format!("{:.4}", 100.0 * fraction);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
