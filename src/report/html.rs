//! Finished runs as one page of HTML that needs nothing else: curves, tables that sort, values
//! under the pointer, and topologies one can look into.
//!
//! What is shown is data in the page; `page/page.js` draws it. Colours come with dashes, so that
//! they are not all that tells lines apart.

use super::escape::escape;
use crate::experiment::comparison::{Comparison, Group, scale, shown_name};
use crate::experiment::{FinishedRun, program};
use crate::model::ModelFile;
use crate::sparse::CsrPattern;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
/// Cells of a picture of connections along either side, and points of a curve.
const CELLS: usize = 256;
const POINTS: usize = 400;
/// Topologies of more runs than these are not shown.
const TOPOLOGIES: usize = 12;

/// A page of runs, and of what they are together.
pub struct HtmlReport<'a> {
    /// Its heading.
    pub title: &'a str,
    /// The runs.
    pub runs: &'a [FinishedRun],
    /// Their groups.
    pub comparison: &'a Comparison,
    /// The values that are compared, in this order.
    pub metrics: &'a [String],
}

/// What the script draws.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    group_head: Vec<String>,
    groups: Vec<GroupRow>,
    curves: Vec<Curve>,
    marks: Vec<f64>,
    run_head: Vec<String>,
    runs: Vec<Vec<Value>>,
    topologies: Vec<Topology>,
}

#[derive(Serialize)]
struct GroupRow {
    label: String,
    cells: Vec<Value>,
}

/// A value over the epochs, a line per group.
#[derive(Serialize)]
struct Curve {
    name: String,
    lines: Vec<Vec<(f64, f64)>>,
}

#[derive(Serialize)]
struct Topology {
    label: String,
    layers: Vec<LayerPicture>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LayerPicture {
    number: usize,
    inputs: usize,
    neurons: usize,
    nnz: usize,
    fan_in: Vec<(f64, f64)>,
    fan_out: Vec<(f64, f64)>,
    mask: Mask,
}

#[derive(Serialize)]
struct Mask {
    width: usize,
    height: usize,
    /// A byte per cell, base64: the more connections, the larger.
    shade: String,
}

impl HtmlReport<'_> {
    /// The page.
    pub fn to_html(&self) -> String {
        let data = serde_json::to_string(&self.data()).expect("plain data serialises");
        // Within a script element nothing may look like its end.
        let data = data.replace('<', "\\u003c");
        let [version, commit, _] = program();
        let title = escape(self.title);
        let groups = self.comparison.groups.len();
        let runs = self.runs.len();
        format!(
            "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>{title}</title>
<style>
{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p class=\"soft\">{runs} run{}, {groups} group{} of equal settings but for the seed; made by fanin {version} \
             ({commit}).</p>
<h2>Groups</h2>
<p class=\"soft\">Means over the runs of a group, of the network that is kept; ± is half the 95 % interval. What most groups \
             have alike is not in their names. A click on a heading sorts.</p>
<div id=\"groups\"></div>
<h2>Curves</h2>
<p class=\"soft\">Means over the runs of a group. Lines have the colours and dashes of the table above.</p>
<div id=\"curves\" class=\"charts\"></div>
<section id=\"topologies\">
<h2>Topology</h2>
<p><label>The first run of <select id=\"which\"></select></label></p>
<div id=\"topology\" class=\"charts\"></div>
</section>
<h2>Runs</h2>
<div id=\"runs\"></div>
<h2>Settings</h2>
<p class=\"soft\">What all runs have alike and differs from the defaults.</p>
{}
<noscript><p>The tables and curves of this page are drawn by its script.</p></noscript>
<script id=\"data\" type=\"application/json\">{data}</script>
<script>
{SCRIPT}</script>
</body>
</html>
",
            plural(runs),
            plural(groups),
            self.common_settings(),
        )
    }

    fn data(&self) -> Data {
        let groups = &self.comparison.groups;
        let mut group_head = vec!["group".to_string(), "runs".to_string()];
        for metric in self.metrics {
            group_head.extend([shown_name(metric), "±".to_string(), "sd".to_string()]);
        }
        group_head.extend(["Tflop", "s per epoch"].map(String::from));
        Data {
            group_head,
            groups: groups.iter().map(|group| self.group_row(group)).collect(),
            curves: self.curves(),
            marks: self.marks(),
            run_head: self.run_head(),
            runs: self.runs.iter().map(|run| self.run_row(run)).collect(),
            topologies: groups.iter().filter_map(|g| self.topology(g)).take(TOPOLOGIES).collect(),
        }
    }

    fn members<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a FinishedRun> {
        group.members.iter().map(|&at| &self.runs[at])
    }

    /// The settings that tell a group from most others: those that more than half of the groups
    /// have alike go without saying.
    fn label(&self, group: &Group) -> String {
        let groups = &self.comparison.groups;
        let is_usual = |setting: &String| {
            let value = &group.settings[setting];
            2 * groups.iter().filter(|other| other.settings[setting] == *value).count()
                > groups.len()
        };
        let part = |setting: &String| {
            let value = group.settings[setting].as_deref().unwrap_or("–");
            format!("{setting} {}", shortened(value))
        };
        let told = self.comparison.settings.iter().filter(|setting| !is_usual(setting));
        let parts: Vec<String> = told.map(part).collect();
        match (parts.is_empty(), groups.len()) {
            (false, _) => parts.join(", "),
            (true, 1) => "all".to_string(),
            (true, _) => "as most".to_string(),
        }
    }

    fn group_row(&self, group: &Group) -> GroupRow {
        let average = |of: &dyn Fn(&FinishedRun) -> Option<f64>| {
            let values: Vec<f64> = self.members(group).filter_map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let mut cells = vec![json!(group.members.len())];
        for metric in self.metrics {
            let (summary, scale) = (&group.metrics[metric], scale(metric));
            let scaled = |value: Option<f64>| json!(value.map(|value| scale * value));
            cells.extend([
                scaled(Some(summary.mean)),
                scaled(summary.half_interval),
                scaled(summary.sd),
            ]);
        }
        cells.push(json!(average(&|run| Some(run.result.train_flops as f64 / 1e12))));
        cells.push(json!(average(&|run| run.result.seconds_per_epoch)));
        GroupRow { label: self.label(group), cells }
    }

    /// A chart for each value that epochs tell of: those that are compared first.
    fn curves(&self) -> Vec<Curve> {
        let told: BTreeSet<&String> =
            self.runs.iter().flat_map(|run| &run.epochs).flat_map(|e| e.values.keys()).collect();
        let first = self.metrics.iter().filter(|metric| told.contains(metric));
        let rest = told.iter().filter(|name| !self.metrics.contains(name)).copied();
        let names = first.chain(rest);
        names
            .map(|name| {
                let lines = self.comparison.groups.iter();
                let lines = lines.map(|group| self.line(group, name)).collect();
                Curve { name: shown_name(name), lines }
            })
            .collect()
    }

    /// The mean of a group by epoch.
    fn line(&self, group: &Group, name: &str) -> Vec<(f64, f64)> {
        let epochs: BTreeSet<usize> =
            self.members(group).flat_map(|run| &run.epochs).map(|epoch| epoch.epoch).collect();
        let point = |epoch: usize| {
            let values: Vec<f64> = self
                .members(group)
                .flat_map(|run| &run.epochs)
                .filter(|told| told.epoch == epoch)
                .filter_map(|told| told.values.get(name).copied())
                .collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            mean.is_finite().then_some((epoch as f64, scale(name) * mean))
        };
        epochs.into_iter().filter_map(point).collect()
    }

    /// When a single run's connections changed, in epochs.
    fn marks(&self) -> Vec<f64> {
        let [run] = self.runs else { return Vec::new() };
        let Some(steps) = run.epochs.first().map(|epoch| epoch.step).filter(|&steps| steps > 0)
        else {
            return Vec::new();
        };
        run.updates.iter().map(|update| *update as f64 / steps as f64).collect()
    }

    fn run_head(&self) -> Vec<String> {
        let mut head = vec!["seed".to_string()];
        head.extend(self.comparison.settings.iter().cloned());
        head.extend(self.metrics.iter().map(|metric| shown_name(metric)));
        head.extend(
            ["epochs", "connections", "s per epoch", "commit", "command"].map(String::from),
        );
        head
    }

    fn run_row(&self, run: &FinishedRun) -> Vec<Value> {
        let mut row = vec![json!(run.result.seed.to_string())];
        let settings = run.config().map(|config| config.to_table()).unwrap_or_default();
        for setting in &self.comparison.settings {
            row.push(json!(settings.get(setting).map(|value| match value {
                toml::Value::String(text) => shortened(text).to_string(),
                other => other.to_string(),
            })));
        }
        let result = serde_json::to_value(&run.result).expect("plain data serialises");
        for metric in self.metrics {
            row.push(json!(result[metric].as_f64().map(|value| scale(metric) * value)));
        }
        row.push(json!(run.result.epochs));
        row.push(json!(run.result.nnz));
        row.push(json!(run.result.seconds_per_epoch));
        row.push(json!(run.result.commit));
        row.push(json!(run.command.as_deref().unwrap_or("–")));
        row
    }

    /// The layers of a group's first network that is kept, but for those with every connection.
    fn topology(&self, group: &Group) -> Option<Topology> {
        let path = self.members(group).find_map(|run| {
            let model = run.path.as_ref()?.join("model.safetensors");
            model.is_file().then_some(model)
        })?;
        let file = ModelFile::read(&path).ok()?;
        let layers = file.model.layers().iter().enumerate().filter_map(|(index, layer)| {
            let pattern = layer.storage().pattern().filter(|pattern| pattern.density() < 1.0)?;
            Some(picture(index + 1, pattern))
        });
        let layers: Vec<LayerPicture> = layers.collect();
        (!layers.is_empty()).then(|| Topology { label: self.label(group), layers })
    }

    fn common_settings(&self) -> String {
        let mut configs =
            self.runs.iter().filter_map(|run| Some(run.config().ok()?.to_given_table()));
        let Some(mut common) = configs.next() else { return String::new() };
        for other in configs {
            common.retain(|setting, value| other.get(setting) == Some(value));
        }
        ["data-digest", "data-dir", "threads"].iter().for_each(|key| drop(common.remove(*key)));
        let lines = common.iter().map(|(key, value)| {
            format!("<li><code>{} = {}</code></li>\n", escape(key), escape(&value.to_string()))
        });
        let list: String = lines.collect();
        if list.is_empty() { "<p>None.</p>".to_string() } else { format!("<ul>\n{list}</ul>") }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// A choice without its parameters if they are many.
fn shortened(text: &str) -> &str {
    match text.split_once(':') {
        Some((name, parameters)) if parameters.matches('=').count() > 3 => name,
        _ => text,
    }
}

/// A layer's fan-in and fan-out by rank, and where its connections are.
fn picture(number: usize, pattern: &CsrPattern) -> LayerPicture {
    let (neurons, inputs) = (pattern.rows(), pattern.cols());
    let mut fan_out = vec![0usize; inputs];
    pattern.col_idx().iter().for_each(|&input| fan_out[input as usize] += 1);
    LayerPicture {
        number,
        inputs,
        neurons,
        nnz: pattern.nnz(),
        fan_in: by_rank(pattern.fan_in().collect()),
        fan_out: by_rank(fan_out),
        mask: mask(pattern),
    }
}

fn by_rank(mut counts: Vec<usize>) -> Vec<(f64, f64)> {
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let step = counts.len().div_ceil(POINTS).max(1);
    counts.iter().enumerate().step_by(step).map(|(rank, &n)| (rank as f64, n as f64)).collect()
}

fn mask(pattern: &CsrPattern) -> Mask {
    let (width, height) = (pattern.cols().min(CELLS), pattern.rows().min(CELLS));
    let mut counts = vec![0u32; width * height];
    for (row, ends) in pattern.row_ptr().windows(2).enumerate() {
        let y = row * height / pattern.rows();
        for &col in &pattern.col_idx()[ends[0]..ends[1]] {
            counts[y * width + col as usize * width / pattern.cols()] += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let shade = |&count: &u32| (255.0 * (f64::from(count) / f64::from(most)).sqrt()) as u8;
    let bytes: Vec<u8> = counts.iter().map(shade).collect();
    Mask { width, height, shade: STANDARD.encode(bytes) }
}
