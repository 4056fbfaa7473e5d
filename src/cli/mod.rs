//! The command line: each subcommand declares its flags, translates them, and calls the library.

mod aliases;
mod bench;
mod classification;
mod compare;
mod config_flags;
mod console;
mod dashes;
mod data;
mod data_flags;
mod error;
mod eval;
mod gradcheck;
mod inspect;
mod methods;
mod predict;
mod progress;
mod report;
mod reproduce;
mod reproduction_tables;
mod signals;
mod sweep;
mod sweep_progress;
mod topology;
mod train;

use crate::{format, memory};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use dashes::with_dashes;
use error::{EXIT_INTERRUPTED, Error};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// Train sparse neural networks truly sparsely on plain CPUs.
#[derive(Parser)]
#[command(
    name = "fanin",
    version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("FANIN_COMMIT"), ")"),
    max_term_width = 100,
    after_help = "Environment:
  FANIN_DATA_DIR  folder of data sets, each in a folder of its name
  FANIN_ISA       instruction set: scalar-nofma, scalar, avx2, avx512 [default: the best there is]
  NO_COLOR        no colours

Exit codes:
  0 done   1 an error, told in one line on stderr   2 bad usage   130 interrupted, checkpoint written"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Memory that files and networks may take, such as 4GB or 512MB
    /// [default: half of the machine's]
    #[arg(long, global = true, value_name = "BYTES", value_parser = parse_bytes)]
    max_memory: Option<u64>,
}

/// A number of bytes, in units of thousands.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let upper = text.to_ascii_uppercase();
    let units = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3), ("B", 1.0), ("", 1.0)];
    let number = units.into_iter().find_map(|(unit, size)| {
        Some(size * upper.strip_suffix(unit)?.trim().parse::<f64>().ok()?)
    });
    match number {
        Some(bytes) if (1.0..1e19).contains(&bytes) => Ok(bytes as u64),
        _ => Err(format!("'{text}' is no amount of memory, such as 4GB or 512MB")),
    }
}

#[derive(Subcommand)]
enum Command {
    /// Train a network; without flags the paper's MNIST network at 90 % sparsity
    Train(Box<train::TrainArgs>),
    /// Many runs: a grid or a list of settings, several at once, in parts, resumed
    Sweep(Box<sweep::SweepArgs>),
    /// The paper's tables and figures, and what each of its numbers is worth here
    Reproduce(reproduce::ReproduceArgs),
    /// Finished runs side by side: means and intervals over seeds, tests against a baseline
    Compare(compare::CompareArgs),
    /// Finished runs as one page of HTML: curves, tables that sort, topologies
    Report(report::ReportArgs),
    /// Accuracy, log loss, macro-F1 and confusion of a model on a data set's test samples
    Eval(eval::EvalArgs),
    /// Classes and probabilities of rows of values
    Predict(predict::PredictArgs),
    /// A model's layers, fan-in, sizes and configuration
    Inspect(inspect::InspectArgs),
    /// Fan-in, fan-out and pictures of a topology, without training
    Topology(Box<topology::TopologyArgs>),
    /// Methods and topologies: paper, what is decided and when, cost, options
    Methods(methods::MethodsArgs),
    /// Known data sets: list, fetch, verify, show
    Data(data::DataArgs),
    /// What sparsity is worth on this machine: a training step, sparse beside dense
    Bench(bench::BenchArgs),
    /// Check every gradient: finite differences against the f64 twin, the twin against the engines
    Gradcheck(gradcheck::GradcheckArgs),
    /// Print the completion script of a shell
    #[command(after_help = "Example:
  fanin completions bash > ~/.local/share/bash-completion/completions/fanin")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// The command with all that it takes, for completions and pages about it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    fanin_kernels::return_freed_memory();
    signals::outlive_file_limits();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => return tell(&said),
    };
    if let Some(bytes) = cli.max_memory {
        memory::set_limit(bytes);
    }
    let result = match cli.command {
        Command::Train(args) => train::run(*args),
        Command::Sweep(args) => sweep::run(*args),
        Command::Reproduce(args) => reproduce::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Report(args) => report::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Predict(args) => predict::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Topology(args) => topology::run(*args),
        Command::Methods(args) => methods::run(args),
        Command::Data(args) => data::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Gradcheck(args) => gradcheck::run(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "fanin", &mut script);
            console::Console::new(false, false).raw(&String::from_utf8_lossy(&script));
            Ok(())
        }
    };
    end(result.and_then(|()| Ok(console::finish_output()?)))
}

/// Help, the version, or what is wrong with the command line.
fn tell(said: &clap::Error) -> ExitCode {
    let is_told = said.print().and_then(|()| std::io::stdout().flush());
    match is_told {
        Err(problem) if problem.kind() != ErrorKind::BrokenPipe => {
            end(Err(format::Error::io(Path::new("<stdout>"))(problem).into()))
        }
        _ => ExitCode::from(said.exit_code() as u8),
    }
}

fn end(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With stderr gone there is nobody left to tell; the exit code remains.
            let _ = writeln!(std::io::stderr(), "error: {}", with_dashes(&error.to_string()));
            match error.is_interruption() {
                true => ExitCode::from(EXIT_INTERRUPTED),
                false => ExitCode::FAILURE,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
