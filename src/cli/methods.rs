//! `fanin methods`.

use super::Error;
use super::console::Console;
use crate::grammar::{self, Card, Entry, Listed, Parameter};
use crate::method::Method;
use crate::nn::Mixture;
use crate::topology::Generator;
use clap::Args;
use serde::Serialize;

/// Flags of `fanin methods`.
#[derive(Args)]
#[command(after_help = "Examples:
  fanin methods
  fanin methods rigl
  fanin methods --json

A method is chosen by train's --method, a topology by --generator, a mixture of several networks by
--mixture, with options as in rigl:drop=0.3,every=50.")]
pub(super) struct MethodsArgs {
    /// Only these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Known {
    methods: Vec<Described>,
    topologies: Vec<Described>,
    mixtures: Vec<Described>,
}

/// A name of a list with all that is said about it.
#[derive(Serialize)]
struct Described {
    name: &'static str,
    about: &'static str,
    paper: &'static str,
    decides: &'static str,
    when: &'static str,
    cost: &'static str,
    /// The sparsity of the hidden layers at first; null where it is what was asked for.
    starting_sparsity: Option<f64>,
    options: Vec<Choosable>,
}

#[derive(Serialize)]
struct Choosable {
    name: &'static str,
    /// Null where it must be given.
    default: Option<&'static str>,
    about: &'static str,
}

/// The entries of a list that are asked for, all of which can be made without options.
fn described<T: Listed>(
    names: &[String],
    card: impl Fn(T) -> (Card, Option<f64>),
) -> Vec<Described> {
    let is_asked = |entry: &Entry<T>| names.is_empty() || names.iter().any(|n| n == entry.name);
    let describe = |entry: Entry<T>| {
        let made = grammar::make(entry.name).expect("every option has a default");
        let (Card { paper, decides, when, cost }, starting_sparsity) = card(made);
        let option = |&Parameter { key, default, about }: &Parameter| Choosable {
            name: key,
            default,
            about,
        };
        let options = entry.parameters.iter().map(option).collect();
        let Entry { name, about, .. } = entry;
        Described { name, about, paper, decides, when, cost, starting_sparsity, options }
    };
    T::list().into_iter().filter(is_asked).map(describe).collect()
}

fn names<T: Listed>() -> impl Iterator<Item = &'static str> {
    T::list().into_iter().map(|entry| entry.name)
}

pub(super) fn run(args: MethodsArgs) -> Result<(), Error> {
    let console = Console::new(args.json, false);
    let known =
        names::<Box<dyn Method>>().chain(names::<Box<dyn Generator>>()).chain(names::<Mixture>());
    let known: Vec<&str> = known.collect();
    if let Some(unknown) = args.names.iter().find(|name| !known.contains(&name.as_str())) {
        let (what, name) = ("method, topology or mixture", unknown.clone());
        return Err(grammar::Error::UnknownName { what, name, known }.into());
    }
    let methods = described(&args.names, |method: Box<dyn Method>| {
        (method.card(), method.starting_sparsity())
    });
    let topologies = described(&args.names, |made: Box<dyn Generator>| (made.card(), None));
    let mixtures = described(&args.names, |made: Mixture| (made.card(), None));
    let known = Known { methods, topologies, mixtures };
    if args.json {
        console.object(&known);
        return Ok(());
    }
    let parts = [
        ("Methods", &known.methods),
        ("Topologies", &known.topologies),
        ("Mixtures", &known.mixtures),
    ];
    for (title, described) in parts.into_iter().filter(|(_, described)| !described.is_empty()) {
        console.line(title);
        for described in described {
            console.line("");
            tell(&console, described);
        }
        console.line("");
    }
    Ok(())
}

fn tell(console: &Console, described: &Described) {
    let Described { name, about, paper, decides, when, cost, options, .. } = described;
    console.line(format!("{name}: {about}"));
    for (what, text) in [("paper", paper), ("decides", decides), ("when", when), ("cost", cost)] {
        console.line(format!("  {what:<8} {text}"));
    }
    for Choosable { name, default, about } in options {
        let default =
            default.map_or("must be given".into(), |default| format!("default {default}"));
        console.line(format!("  {name:<15} {about} [{default}]"));
    }
}
