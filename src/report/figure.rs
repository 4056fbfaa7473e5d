//! Charts in SVG: axes with names, a legend, colours that differ in lightness too.

use plotters::coord::Shift;
use plotters::prelude::*;

/// A panel of a figure.
pub(super) type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Drawing into a string cannot fail but for a mistake of ours.
pub(super) type Drawn<'a> = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// One line of a chart.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) dashed: bool,
    /// Which colour of the palette.
    pub(super) color: usize,
}

/// A colour of Okabe and Ito's palette, safe for colour blindness.
fn color(index: usize) -> RGBColor {
    const PALETTE: [RGBColor; 8] = [
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(86, 180, 233),
        RGBColor(230, 159, 0),
        RGBColor(120, 120, 120),
        RGBColor(0, 0, 0),
    ];
    PALETTE[index % PALETTE.len()]
}

/// Lines over linear axes from 0.
pub(super) fn line_chart(
    panel: &Panel<'_>,
    title: &str,
    [x_name, y_name]: [&str; 2],
    series: &[Series],
) -> Drawn<'static> {
    let points = || series.iter().flat_map(|series| &series.points);
    let x_max = points().map(|point| point.0).fold(1.0, f64::max);
    // A long legend gets room of its own above the lines.
    let headroom = if series.len() > 6 { 1.05 + 0.08 * series.len() as f64 } else { 1.05 };
    let y_max = points().map(|point| point.1).fold(1.0, f64::max) * headroom;
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..x_max, 0.0..y_max)?;
    let label =
        |max: f64| move |x: &f64| if max < 8.0 { format!("{x:.1}") } else { format!("{x:.0}") };
    chart
        .configure_mesh()
        .x_desc(x_name)
        .y_desc(y_name)
        .x_label_formatter(&label(x_max))
        .y_label_formatter(&label(y_max))
        .light_line_style(WHITE)
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    for series in series {
        let style = color(series.color).stroke_width(2);
        let points = series.points.iter().copied();
        let ends = |(x, y): (i32, i32)| vec![(x, y), (x + 18, y)];
        if series.dashed {
            let drawn = chart.draw_series(DashedLineSeries::new(points, 6, 5, style))?;
            let key = move |at| plotters::element::DashedPathElement::new(ends(at), 5, 4, style);
            drawn.label(&series.name).legend(key);
        } else {
            let drawn = chart.draw_series(LineSeries::new(points, style))?;
            drawn.label(&series.name).legend(move |at| PathElement::new(ends(at), style));
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}
