//! Short flags for single parameters of `--method` and `--optimizer`: the settings that were flags
//! of their own, by the list of their names.

use crate::train::{OF_METHOD, OF_OPTIMIZER, OLD_METHOD_KEY};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;
use std::collections::BTreeMap;

/// The flags given, by name.
#[derive(Serialize)]
pub(super) struct AliasFlags(BTreeMap<&'static str, String>);

/// Name and meaning of each.
fn flags() -> impl Iterator<Item = (&'static str, String, bool)> {
    let parameter = |setting: &'static str| {
        move |&(name, key, default): &(&'static str, &'static str, &'static str)| {
            (name, format!("{key} of --{setting}"), default == "false")
        }
    };
    let of_method = OF_METHOD.iter().map(parameter("method"));
    let name = (OLD_METHOD_KEY, "Name of --method".to_string(), false);
    [name].into_iter().chain(of_method).chain(OF_OPTIMIZER.iter().map(parameter("optimizer")))
}

impl Args for AliasFlags {
    fn augment_args(command: Command) -> Command {
        flags().fold(command, |command, (name, help, is_switch)| {
            let flag = Arg::new(name).long(name).help(help).help_heading("In place of a parameter");
            let flag = flag.hide_short_help(true).value_name("VALUE");
            command.arg(match is_switch {
                true => flag.num_args(0..=1).default_missing_value("true"),
                false => flag,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        AliasFlags::augment_args(command)
    }
}

impl FromArgMatches for AliasFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |(name, ..): (&'static str, String, bool)| {
            matches.get_one::<String>(name).map(|value| (name, value.clone()))
        };
        Ok(AliasFlags(flags().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.extend(AliasFlags::from_arg_matches(matches)?.0);
        Ok(())
    }
}
