//! How a run went, over its epochs.

use super::figure::{Series, figure, line_chart_within};
use crate::train::{EpochMetrics, UpdateMetrics};
use std::ops::Range;

/// The sets of samples that epochs tell of, with their colours.
const SETS: [(&str, usize); 3] = [("train", 0), ("test", 1), ("validation", 2)];

/// The figure as SVG: (a) the loss on training, test and validation samples; (b) their accuracy in
/// per cent, or of numbers the first of the loss's values. Marks along the axis are the updates of
/// a method.
pub fn curves_figure(epochs: &[EpochMetrics], updates: &[UpdateMetrics]) -> String {
    let value = value_name(epochs);
    let panels = [
        ("loss".to_string(), 1.0),
        match &value {
            Some(name) if name == "accuracy" => (name.clone(), 100.0),
            Some(name) => (name.clone(), 1.0),
            None => ("loss".to_string(), 1.0),
        },
    ];
    let title = "How the run went";
    let description = format!("Over the epochs: loss and {} of the samples.", panels[1].0);
    figure((1280, 480), title, &description, |area| {
        let areas = area.split_evenly((1, 2));
        for ((letter, (name, scale)), area) in ["a", "b"].iter().zip(&panels).zip(&areas) {
            let mut series = curves(epochs, name, *scale);
            let shown = shown(&series);
            series.extend(marks(epochs, updates, &shown));
            let unit = if *scale == 100.0 { " (%)" } else { "" };
            let axis = format!("{name}{unit}");
            let title = format!("({letter}) {name}");
            line_chart_within(area, &title, ["epoch", &axis], &series, shown)?;
        }
        Ok(())
    })
}

/// What is told beside the loss: accuracy where there are classes.
fn value_name(epochs: &[EpochMetrics]) -> Option<String> {
    let values = &epochs.first()?.values;
    let mut names = values.keys().filter_map(|name| name.strip_prefix("test_"));
    let first = names.clone().find(|name| *name != "loss")?;
    Some(names.find(|name| *name == "accuracy").unwrap_or(first).to_string())
}

fn curves(epochs: &[EpochMetrics], name: &str, scale: f64) -> Vec<Series> {
    let of = |(set, color): (&str, usize)| {
        let value = |epoch: &EpochMetrics| {
            let value = epoch.values.get(&format!("{set}_{name}"))?;
            Some((epoch.epoch as f64, scale * value))
        };
        let points: Vec<(f64, f64)> = epochs.iter().filter_map(value).collect();
        Series { name: set.to_string(), points, dashed: set == "train", color }
    };
    SETS.into_iter().map(of).filter(|series| !series.points.is_empty()).collect()
}

/// All values, with some room around them.
fn shown(series: &[Series]) -> Range<f64> {
    let values = || series.iter().flat_map(|series| &series.points).map(|point| point.1);
    let (least, most) =
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if !(least.is_finite() && most.is_finite()) {
        return 0.0..1.0;
    }
    let room = (0.05 * (most - least)).max(1e-6 * most.abs()).max(1e-9);
    least - room..most + room
}

/// A short mark for each update of the method, at its time.
fn marks(epochs: &[EpochMetrics], updates: &[UpdateMetrics], shown: &Range<f64>) -> Vec<Series> {
    // Later epochs may count from 0 again.
    let Some(steps) = epochs.first().map(|epoch| epoch.step).filter(|&steps| steps > 0) else {
        return Vec::new();
    };
    let height = 0.025 * (shown.end - shown.start);
    let mark = |update: &UpdateMetrics| {
        let at = update.update as f64 / steps as f64;
        let points = vec![(at, shown.start), (at, shown.start + height)];
        Series { name: String::new(), points, dashed: false, color: 6 }
    };
    let mut marks: Vec<Series> = updates.iter().map(mark).collect();
    if let Some(first) = marks.first_mut() {
        first.name = "updates".to_string();
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Values;

    fn epoch(epoch: usize, values: &[(&str, f64)]) -> EpochMetrics {
        let values: Values = values.iter().map(|(k, v)| (k.to_string(), *v)).collect();
        let step = 100 * epoch as u64;
        EpochMetrics { epoch, step, fan_in_ccv: vec![], seconds: 1.0, eval_seconds: 0.1, values }
    }

    #[test]
    fn classes_have_accuracies_and_numbers_their_own_values() {
        let classes =
            |n: usize| epoch(n, &[("train_loss", 1.0), ("test_loss", 0.5), ("test_accuracy", 0.9)]);
        let svg = curves_figure(&[classes(1), classes(2)], &[]);
        assert!(svg.contains("accuracy (%)") && svg.contains("<title>How the run went</title>"));
        let numbers = |n: usize| epoch(n, &[("test_loss", 0.5), ("test_rmse", 3.0)]);
        let svg = curves_figure(&[numbers(1), numbers(2)], &[]);
        assert!(svg.contains("rmse") && !svg.contains("accuracy"));
    }

    #[test]
    fn a_run_without_epochs_has_empty_axes() {
        assert!(curves_figure(&[], &[]).contains("</svg>"));
    }
}
