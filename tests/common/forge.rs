//! Files with right digests and contents that are made up.

use fanin::format::safetensors::TensorFile;
use serde_json::{Value, json};

/// What stands in the place of a number or a text.
fn forgeries() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(3),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(2_500_000_000_000u64),
        json!(1e308),
        json!(-1e308),
        json!(1e-320),
        json!(""),
        json!("x"),
        json!("\u{7}\n"),
        json!([]),
        json!({}),
    ]
}

/// Every value that is the given one with one of its parts replaced, left out, or doubled.
fn forged(value: &Value) -> Vec<Value> {
    let mut all = forgeries();
    match value {
        Value::Array(items) => {
            // Of long lists the first, the second and the last.
            let places: Vec<usize> = [0, 1, items.len().saturating_sub(1)]
                .into_iter()
                .filter(|&at| at < items.len())
                .collect();
            for at in places {
                for item in forged(&items[at]) {
                    let mut items = items.clone();
                    items[at] = item;
                    all.push(Value::Array(items));
                }
                let mut fewer = items.clone();
                fewer.remove(at);
                all.push(Value::Array(fewer));
                let mut more = items.clone();
                more.insert(at, items[at].clone());
                all.push(Value::Array(more));
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                for field in forged(field) {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), field);
                    all.push(Value::Object(fields));
                }
                let mut fewer = fields.clone();
                fewer.remove(key);
                all.push(Value::Object(fewer));
            }
        }
        _ => {}
    }
    all
}

/// What is done to a good file, and how that is told.
pub(crate) struct Forgery {
    pub(crate) what: String,
    forge: Box<dyn Fn(&mut TensorFile)>,
}

impl Forgery {
    fn new(what: String, forge: impl Fn(&mut TensorFile) + 'static) -> Forgery {
        Forgery { what, forge: Box::new(forge) }
    }

    /// The good file with this done to it.
    pub(crate) fn of(&self, good: &TensorFile) -> TensorFile {
        let mut file = good.clone();
        (self.forge)(&mut file);
        file
    }
}

/// Each of a file's metadata forged, and each of its tensors.
pub(crate) fn forgeries_of(good: &TensorFile) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (key, text) in &good.metadata {
        let texts: Vec<String> = match serde_json::from_str::<Value>(text) {
            Ok(value) => forged(&value).iter().map(Value::to_string).collect(),
            Err(_) => Vec::new(),
        };
        let plain = ["", "x", "18446744073709551615", "-1", "nan", "noisy-top-k:experts=3"];
        for text in texts.into_iter().chain(plain.map(String::from)) {
            let (what, key) = (format!("{key} = {text:.80}"), key.clone());
            all.push(Forgery::new(what, move |file| {
                file.metadata.insert(key.clone(), text.clone());
            }));
        }
        let (what, key) = (format!("without {key}"), key.clone());
        all.push(Forgery::new(what, move |file| drop(file.metadata.remove(&key))));
    }
    for name in good.tensors.keys() {
        let of = name.clone();
        all.push(Forgery::new(format!("without {name}"), move |file| {
            file.tensors.remove(&of);
        }));
        let shape = good.shape(name).unwrap_or_default().to_vec();
        let count: usize = shape.iter().product();
        let is_floats = good.clone().take_f32(name, &shape).is_ok();
        let floats = [f32::NAN, f32::INFINITY, -3e38, 1e-45].map(|value| (shape.clone(), value));
        let lens = [0, 1, count / 2, count + 1].map(|len| (vec![len], 0.5));
        for (shape, value) in floats.into_iter().chain(lens).filter(|_| is_floats) {
            let (what, of) = (format!("{name} of {shape:?} all {value}"), name.clone());
            all.push(Forgery::new(what, move |file| {
                let values = vec![value; shape.iter().product()];
                file.add_f32(of.clone(), shape.clone(), &values);
            }));
        }
        for forged in [0, 1, u32::MAX as usize >> 1] {
            for len in [0, 1, count] {
                if !is_floats {
                    let (what, of) = (format!("{name} of {len} times {forged}"), name.clone());
                    all.push(Forgery::new(what, move |file| {
                        file.add_indices(of.clone(), std::iter::repeat_n(forged, len));
                    }));
                }
            }
        }
    }
    for name in ["layers.18446744073709551615.bias", "layers.4294967296.bias", "method.x"] {
        all.push(Forgery::new(format!("with {name}"), move |file| {
            file.add_f32(name.into(), vec![1], &[1.0]);
        }));
    }
    all
}
