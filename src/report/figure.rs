//! Charts in SVG: axes with names, a legend, colours that differ in lightness too.

use super::escape::escape;
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use std::ops::Range;

/// A panel of a figure.
pub(super) type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Drawing into a string cannot fail but for a mistake of ours.
pub(super) type Drawn<'a> = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// A figure of this size in SVG on white, with what it is, and what it shows for who cannot see it.
pub(super) fn figure(
    size: (u32, u32),
    title: &str,
    description: &str,
    draw: impl FnOnce(&Panel<'_>) -> Drawn<'static>,
) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let drawn = area.fill(&WHITE).and_then(|()| draw(&area)).and_then(|()| area.present());
        drawn.expect("drawing into memory");
    }
    let words = format!("\n<title>{}</title>\n<desc>{}</desc>", escape(title), escape(description));
    let head = svg.find('>').map_or(0, |end| end + 1);
    svg.insert_str(head, &words);
    svg
}

/// One line of a chart.
pub(super) struct Series {
    /// In the legend, unless it is empty.
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
    names: [&str; 2],
    series: &[Series],
) -> Drawn<'static> {
    let points = series.iter().flat_map(|series| &series.points);
    // A long legend gets room of its own above the lines.
    let headroom = if series.len() > 6 { 1.05 + 0.08 * series.len() as f64 } else { 1.05 };
    let y_max = points.map(|point| point.1).fold(1.0, f64::max) * headroom;
    line_chart_within(panel, title, names, series, 0.0..y_max)
}

/// Lines over linear axes, of which the upright one shows these values.
pub(super) fn line_chart_within(
    panel: &Panel<'_>,
    title: &str,
    [x_name, y_name]: [&str; 2],
    series: &[Series],
    shown: Range<f64>,
) -> Drawn<'static> {
    let points = series.iter().flat_map(|series| &series.points);
    let x_max = points.map(|point| point.0).fold(1.0, f64::max);
    let y_span = shown.end - shown.start;
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..x_max, shown)?;
    let label = |span: f64| {
        let digits = [(0.2, 3), (0.8, 2), (8.0, 1)].iter().find(|(most, _)| span < *most);
        let digits = digits.map_or(0, |(_, digits)| *digits);
        move |x: &f64| format!("{x:.digits$}")
    };
    chart
        .configure_mesh()
        .x_desc(x_name)
        .y_desc(y_name)
        .x_label_formatter(&label(x_max))
        .y_label_formatter(&label(y_span))
        .light_line_style(WHITE)
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    for series in series {
        let style = color(series.color).stroke_width(2);
        let points = series.points.iter().copied();
        let ends = |(x, y): (i32, i32)| vec![(x, y), (x + 18, y)];
        let drawn = match series.dashed {
            true => chart.draw_series(DashedLineSeries::new(points, 6, 5, style))?,
            false => chart.draw_series(LineSeries::new(points, style))?,
        };
        if series.name.is_empty() {
            continue;
        }
        let drawn = drawn.label(&series.name);
        if series.dashed {
            drawn.legend(move |at| DashedPathElement::new(ends(at), 5, 4, style));
        } else {
            drawn.legend(move |at| PathElement::new(ends(at), style));
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
