//! The command line: each subcommand declares its flags, translates them, and calls the library.
//!
//! Exit codes: 0 done, 1 an error (one `error: …` line on stderr), 2 bad usage.

mod console;
mod gradcheck;
mod train;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Train sparse neural networks truly sparsely on plain CPUs.
#[derive(Parser)]
#[command(name = "fanin", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a network; without flags the paper's MNIST network at 90 % sparsity.
    Train(train::TrainArgs),
    /// Check every gradient: finite differences against the f64 twin, the twin against the engines.
    Gradcheck(gradcheck::GradcheckArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(args) => train::run(args),
        Command::Gradcheck(args) => gradcheck::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With stderr gone there is nobody left to tell; the exit code remains.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
