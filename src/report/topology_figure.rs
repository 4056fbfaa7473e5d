//! The paper's Figure 1 for one layer: profiles, lognormals, a mask, multi-peak.

use super::figure::{Drawn, Panel, Series, figure, line_chart};
use crate::sparse::CsrPattern;
use crate::topology::{Distribution, FanInRule, Profile, TopologyError, TopologyStats, fan_in};
use plotters::prelude::*;

/// The figure as SVG: (a) the eight parametric profiles and the uniform one, (b) lognormals at
/// five CCVs, (c) `mask`, in cells shaded by the share of connections that exist, (d) multi-peak
/// profiles at β = 50. `rule` gives rounding and bounds; `made_by` says what made the mask.
///
/// **Errors**: [`TopologyError`] where the sparsity cannot be had.
pub fn topology_figure(
    rule: &FanInRule,
    sparsity: f64,
    mask: &CsrPattern,
    made_by: &str,
) -> Result<String, TopologyError> {
    let (n, m) = (mask.cols(), mask.rows());
    let series = |profile: Profile, name: String, dashed: bool, color: usize| {
        let rule = FanInRule { profile, ..rule.clone() };
        let counts = fan_in(&rule, n, m, sparsity, 0, 0)?.counts;
        // A target CCV may be out of reach: the legend says what the line has.
        let name = match rule.profile {
            Profile::Lognormal { .. } => {
                format!("CCV {:.2}", Distribution::of(counts.iter().copied()).ccv)
            }
            _ => name,
        };
        let points = (0..).zip(counts).map(|(i, f)| (f64::from(i), f as f64)).collect();
        Ok::<_, TopologyError>(Series { name, points, dashed, color })
    };
    let mut profiles = Vec::new();
    for (i, profile) in Profile::EIGHT.into_iter().enumerate() {
        // An inverse has the colour of its profile, dashed.
        let name = profile.to_string();
        profiles.push(series(profile, name, i >= 4, i % 4)?);
    }
    profiles.push(series(Profile::Uniform, "uniform".into(), true, 7)?);
    let mut lognormals = Vec::new();
    for (color, ccv) in [0.5, 1.0, 1.5, 2.0, 2.5].into_iter().enumerate() {
        let profile = Profile::Lognormal { ccv, sampled: false };
        lognormals.push(series(profile, format!("CCV {ccv}"), false, color)?);
    }
    let mut peaks = Vec::new();
    for (color, k) in [1, 2, 5, 10, 50].into_iter().enumerate() {
        peaks.push(series(Profile::MultiPeak { k, beta: 50.0 }, format!("k = {k}"), false, color)?);
    }
    let title = format!("{n} → {m} connections, {:.1} % sparse", 100.0 * sparsity);
    let description = "Fan-in over the neurons of a layer by profile, by lognormal profiles, and by \
                       profiles of several peaks; where the connections of one of them are.";
    Ok(figure((1280, 960), &title, description, |area| {
        let area = area.titled(&title, ("sans-serif", 24))?;
        let panels = area.split_evenly((2, 2));
        let axes = ["neuron", "fan-in (inputs)"];
        line_chart(&panels[0], "(a) profiles", axes, &profiles)?;
        line_chart(&panels[1], "(b) lognormal profiles", axes, &lognormals)?;
        mask_chart(&panels[2], &format!("(c) mask: {made_by}"), mask)?;
        line_chart(&panels[3], "(d) multi-peak, β = 50", axes, &peaks)
    }))
}

/// Inputs and neurons per cell of the mask's picture: every single position would be megabytes.
const CELL: [usize; 2] = [8, 16];

fn mask_chart(panel: &Panel<'_>, title: &str, mask: &CsrPattern) -> Drawn<'static> {
    let (n, m) = (mask.cols(), mask.rows());
    let (columns, rows) = (n.div_ceil(CELL[0]), m.div_ceil(CELL[1]));
    let mut counts = vec![0usize; columns * rows];
    for row in 0..m {
        for &col in mask.row(row) {
            counts[(row / CELL[1]) * columns + col as usize / CELL[0]] += 1;
        }
    }
    let darkest = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..n as f64, m as f64..0.0)?;
    let whole = |x: &f64| format!("{x:.0}");
    let percent = 100.0 * darkest as f64 / (CELL[0] * CELL[1]) as f64;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(format!("input (cells of {} × {}; black: {percent:.0} % exist)", CELL[0], CELL[1]))
        .y_desc("neuron")
        .x_label_formatter(&whole)
        .y_label_formatter(&whole)
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    let cells = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    chart.draw_series(cells.map(|(cell, &count)| {
        let (left, top) = (cell % columns * CELL[0], cell / columns * CELL[1]);
        let corner = |x: usize, y: usize| (x.min(n) as f64, y.min(m) as f64);
        let shade = 255 - (255 * count / darkest) as u8;
        let corners = [corner(left, top), corner(left + CELL[0], top + CELL[1])];
        Rectangle::new(corners, RGBColor(shade, shade, shade).filled())
    }))?;
    Ok(())
}

/// Fan-in by rank and mask of every sparse layer of a network, as SVG.
pub fn network_figure(patterns: &[&CsrPattern]) -> String {
    let size = (1280, 480 * patterns.len().max(1) as u32);
    let title = "The topology of a network";
    let description = "Of each layer the fan-in of its neurons, and where its connections are.";
    figure(size, title, description, |area| {
        let panels = area.split_evenly((patterns.len().max(1), 2));
        for (layer, (pattern, panels)) in patterns.iter().zip(panels.chunks(2)).enumerate() {
            let mut fan_in: Vec<usize> = pattern.fan_in().collect();
            fan_in.sort_unstable_by(|a, b| b.cmp(a));
            let ccv = TopologyStats::of(pattern).fan_in.ccv;
            let points = (0..).zip(fan_in).map(|(i, f)| (f64::from(i), f as f64)).collect();
            let name = format!("CCV {ccv:.3}");
            let series = [Series { name, points, dashed: false, color: 0 }];
            let axes = ["neuron, by rank", "fan-in (inputs)"];
            let title = format!("layer {}: {} → {}", layer + 1, pattern.cols(), pattern.rows());
            line_chart(&panels[0], &title, axes, &series)?;
            mask_chart(&panels[1], "connections", pattern)?;
        }
        Ok(())
    })
}
