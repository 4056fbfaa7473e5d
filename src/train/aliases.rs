//! Settings under the names of earlier versions, which are also short flags for single parameters
//! of `method` and `optimizer`.

use super::settings_error::SettingsProblem;
use crate::grammar::{self, Choice, Listed};
use crate::method::Method;
use crate::optim::Rule;
use toml::{Table, Value};

/// A parameter that was a setting: its old name, its new one, and the default it had.
type Alias = (&'static str, &'static str, &'static str);

/// The method's name, as a setting.
pub const OLD_METHOD_KEY: &str = "rewire";

/// Parameters of the method.
pub const OF_METHOD: [Alias; 10] = [
    ("rewire-every", "every", "100"),
    ("drop-fraction", "drop", "0.3"),
    ("drop-decay", "decay", "cosine"),
    ("rewire-end", "end", "0.75"),
    ("rewire-scope", "scope", "layer"),
    ("rewire-fan-in-min", "fan-in-min", "0"),
    ("grow-from", "from", "free"),
    ("grow-score", "score", "dense"),
    ("tie", "tie", "noise"),
    ("step-on-update", "step", "false"),
];

/// Parameters of the optimiser.
pub const OF_OPTIMIZER: [Alias; 1] = [("grown-state", "grown", "zero")];

/// Moves settings under old names out of `table` into the choices of `effective`.
///
/// A table of an earlier version has all of them, whether the method knows them or not: those at
/// their default are passed over.
///
/// **Errors**: [`SettingsProblem::Value`] for a parameter that the method or optimiser has not.
pub(super) fn take_aliases(
    table: &mut Table,
    effective: &mut Table,
) -> Result<(), SettingsProblem> {
    let is_written = OF_METHOD.iter().all(|(old, ..)| table.contains_key(*old));
    for key in ["method", "optimizer"] {
        if let Some(value) = table.remove(key) {
            effective.insert(key.to_string(), value);
        }
    }
    if let Some(name) = table.remove(OLD_METHOD_KEY) {
        let current: Choice<Box<dyn Method>> = choice(effective, "method")?;
        if current.name() != text(&name) {
            effective.insert("method".to_string(), name);
        }
    }
    overlay::<Box<dyn Method>>("method", &OF_METHOD, table, effective, is_written)?;
    overlay::<Box<dyn Rule>>("optimizer", &OF_OPTIMIZER, table, effective, is_written)
}

/// The choice that a setting holds.
fn choice<T: Listed>(effective: &Table, key: &str) -> Result<Choice<T>, SettingsProblem> {
    let of_setting = |problem: grammar::Error| SettingsProblem::Value {
        key: key.to_string(),
        problem: problem.to_string(),
    };
    text(effective.get(key).unwrap_or(&Value::Boolean(false))).parse().map_err(of_setting)
}

fn overlay<T: Listed>(
    key: &str,
    aliases: &[Alias],
    table: &mut Table,
    effective: &mut Table,
    is_written: bool,
) -> Result<(), SettingsProblem> {
    for &(old, parameter, default) in aliases {
        let Some(value) = table.remove(old) else { continue };
        let (current, value) = (choice::<T>(effective, key)?, text(&value));
        match current.with(parameter, &value) {
            Ok(choice) => {
                effective.insert(key.to_string(), Value::String(choice.to_string()));
            }
            Err(grammar::Error::UnknownParameter { .. }) if is_written && is(&value, default) => {}
            Err(problem) => {
                let (key, problem) = (old.to_string(), problem.to_string());
                return Err(SettingsProblem::Value { key, problem });
            }
        }
    }
    Ok(())
}

/// A value as the grammar has it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether two texts are the same value: 0.30 and 0.3 are.
fn is(a: &str, b: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    a == b || (number(a).is_some() && number(a) == number(b))
}

#[cfg(test)]
mod tests {
    use super::super::RunConfig;
    use super::*;

    fn method(tables: &[&str]) -> Result<String, SettingsProblem> {
        let tables = tables.iter().map(|text| text.parse::<Table>().unwrap());
        RunConfig::from_tables(tables).map(|config| config.train.method.to_string())
    }

    #[test]
    fn old_names_are_parameters_of_the_method() {
        let rigl = method(&["rewire = 'rigl'\nrewire-every = 7\ntie = 'index'"]).unwrap();
        assert!(rigl.starts_with("rigl:drop=0.3,every=7,") && rigl.contains("tie=index"), "{rigl}");
        // Over a file's method, of which all else stays.
        let over = method(&["method = 'rigl:every=7'", "drop-fraction = 0.5"]).unwrap();
        assert!(over.starts_with("rigl:drop=0.5,every=7,"), "{over}");
        let same = method(&["method = 'rigl:every=7'", "rewire = 'rigl'"]).unwrap();
        assert!(same.contains("every=7"), "{same}");
        assert_eq!(method(&["rewire = 'set'"]).unwrap(), "set:drop=0.3,norm=l1");
    }

    #[test]
    fn what_a_method_has_no_use_for_is_refused_unless_an_earlier_version_wrote_it() {
        let refused = method(&["rewire = 'set'\nrewire-every = 50"]).unwrap_err().to_string();
        assert!(refused.contains("set has no parameter 'every'"), "{refused}");
        assert!(method(&["drop-fraction = 0.5"]).is_err(), "static drops nothing");
        let all: String = OF_METHOD
            .iter()
            .map(|(old, _, default)| match default.parse::<f64>() {
                Ok(number) => format!("{old} = {number}\n"),
                Err(_) if *default == "false" => format!("{old} = false\n"),
                Err(_) => format!("{old} = '{default}'\n"),
            })
            .collect();
        let written = |name: &str| method(&[&format!("rewire = '{name}'\n{all}")]);
        assert_eq!(written("static").unwrap(), "static");
        assert_eq!(written("set").unwrap(), "set:drop=0.3,norm=l1");
        assert!(written("rigl").unwrap().contains("scope=layer"));
    }

    #[test]
    fn the_state_of_grown_connections_is_the_optimisers() {
        let table = "grown-state = 'warm'".parse::<Table>().unwrap();
        let optimizer = RunConfig::from_tables([table]).unwrap().train.optimizer.to_string();
        assert!(optimizer.ends_with("grown=warm"), "{optimizer}");
    }
}
