//! `fanin gradcheck`.

use super::Error;
use super::console::{Console, table};
use crate::nn::gradcheck::{self, Check};
use clap::Args;

/// Flags of `fanin gradcheck`.
#[derive(Args)]
pub(super) struct GradcheckArgs {
    /// Seed of the networks and samples checked
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Print the checks as one JSON array on stdout
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: GradcheckArgs) -> Result<(), Error> {
    let console = Console::new(args.json, false);
    let checks = gradcheck::run(args.seed)?;
    let mut rows = vec![
        ["worst error of", "weight", "bias", "gamma", "beta", "bound", ""]
            .map(String::from)
            .to_vec(),
    ];
    // One subject's checks are consecutive, one per kind of parameter.
    for subject in checks.chunk_by(|a, b| a.subject == b.subject) {
        let mut row = vec![subject[0].subject.clone()];
        row.extend(subject.iter().map(|check| format!("{:.1e}", check.worst_error)));
        row.push(format!("{:.0e}", subject[0].bound));
        let passed = subject.iter().all(Check::passed);
        row.push(if passed { "ok" } else { "FAILED" }.to_string());
        rows.push(row);
    }
    console.line(table(&rows));
    let (compared, skipped) = checks.iter().fold((0, 0), |(compared, skipped), check| {
        (compared + check.compared, skipped + check.skipped)
    });
    console.line(format!(
        "\n{compared} derivatives compared, {skipped} skipped at a ReLU's kink; \
         error = max |difference| / max |reference| per tensor"
    ));
    console.object(&checks);
    match checks.iter().find(|check| !check.passed()) {
        None => Ok(()),
        Some(check) => Err(Error::GradientCheck(check.clone())),
    }
}
