//! A model's results as text.

use super::console::table;
use crate::dataset::Schema;
use crate::model::{ClassResult, Classification, Regression};

/// Of more classes than this only some are shown.
const MOST_CLASSES: usize = 50;
/// More classes than this have no confusion matrix that one can read.
const MATRIX_CLASSES: usize = 20;
/// Pairs of classes named instead.
const WORST_PAIRS: usize = 15;

/// Per target.
pub(super) fn regression_text(result: &Regression) -> String {
    let mut rows = vec![["target", "RMSE", "MAE", "R²"].map(String::from).to_vec()];
    for target in &result.targets {
        let numbers = [target.rmse, target.mae].map(|number| format!("{number:.6}"));
        let mut row = vec![target.name.clone()];
        row.extend(numbers.into_iter().chain([format!("{:.4}", target.r2)]));
        rows.push(row);
    }
    table(&rows)
}

/// Per class, and what is taken for what.
pub(super) fn classification_text(result: &Classification, schema: &Schema) -> String {
    let classes = class_table(result, schema);
    if result.classes.len() > MATRIX_CLASSES {
        return format!("{classes}\n\nmost often confused\n{}", worst_pairs(result, schema));
    }
    let matrix = confusion_table(result, schema);
    format!("{classes}\n\nconfusion (rows: label, columns: predicted)\n{matrix}")
}

/// What else there is to say of the whole, in a line.
pub(super) fn further_results(result: &Classification) -> String {
    let mut parts = vec![
        format!("balanced accuracy {:.2} %", 100.0 * result.balanced_accuracy),
        format!("weighted F1 {:.4}", result.weighted_f1),
    ];
    parts.extend(result.roc_auc.map(|area| format!("ROC AUC {area:.4}")));
    parts.extend(result.average_precision.map(|mean| format!("average precision {mean:.4}")));
    parts.join(", ")
}

/// The classes' results; of many classes those with the least F1.
fn class_table(result: &Classification, schema: &Schema) -> String {
    let header = ["class", "precision", "recall", "F1", "samples"];
    let mut rows = vec![header.map(String::from).to_vec()];
    let mut classes: Vec<(usize, &ClassResult)> = result.classes.iter().enumerate().collect();
    let left_out = classes.len().saturating_sub(MOST_CLASSES);
    if left_out > 0 {
        classes.sort_by(|(_, a), (_, b)| a.f1.total_cmp(&b.f1));
        classes.truncate(MOST_CLASSES);
    }
    for (class, of_class) in classes {
        let ratios = [of_class.precision, of_class.recall, of_class.f1];
        let mut row = vec![schema.class(class)];
        row.extend(ratios.map(|ratio| format!("{ratio:.4}")));
        row.push(of_class.support.to_string());
        rows.push(row);
    }
    match left_out {
        0 => table(&rows),
        more => table(&rows) + &format!("\n({more} more classes have a larger F1)"),
    }
}

fn confusion_table(result: &Classification, schema: &Schema) -> String {
    let mut header = vec![String::new()];
    // Long names would tear the columns apart: the rows name what the numbers are.
    let is_short = (0..result.classes.len()).all(|class| schema.class(class).chars().count() <= 6);
    let name = |class| if is_short { schema.class(class) } else { format!("({})", class + 1) };
    header.extend((0..result.classes.len()).map(name));
    let mut rows = vec![header];
    for (label, counts) in result.confusion.iter().enumerate() {
        let cell = |&count: &usize| if count == 0 { ".".into() } else { count.to_string() };
        let row_name = match is_short {
            true => schema.class(label),
            false => format!("({}) {}", label + 1, schema.class(label)),
        };
        rows.push([row_name].into_iter().chain(counts.iter().map(cell)).collect());
    }
    table(&rows)
}

fn worst_pairs(result: &Classification, schema: &Schema) -> String {
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    for (label, counts) in result.confusion.iter().enumerate() {
        let wrong =
            counts.iter().enumerate().filter(|(class, count)| *class != label && **count > 0);
        pairs.extend(wrong.map(|(class, &count)| (count, label, class)));
    }
    pairs.sort_by_key(|&(count, label, class)| (std::cmp::Reverse(count), label, class));
    let header = ["label", "predicted", "samples", "of the class"].map(String::from).to_vec();
    let row = |&(count, label, class): &(usize, usize, usize)| {
        let share = 100.0 * count as f64 / result.classes[label].support as f64;
        vec![schema.class(label), schema.class(class), count.to_string(), format!("{share:.1} %")]
    };
    let rows: Vec<_> =
        [header].into_iter().chain(pairs.iter().take(WORST_PAIRS).map(row)).collect();
    table(&rows)
}
