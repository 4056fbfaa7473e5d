//! Every profile, spread, sparsity and shape of the paper: how long a topology takes to build, and
//! whether it meets its budget.
//!
//! `cargo bench --bench topology`

use fanin::experiment::Machine;
use fanin::grammar::{Entry, Listed};
use fanin::topology::{FanInRule, Profile, Spread, TopologyError, build};
use std::error::Error;
use std::time::Instant;

const SPREADS: [Spread; 4] =
    [Spread::Random, Spread::Even, Spread::Sequential, Spread::RandomTorch];
const SPARSITIES: [f64; 11] = [0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.98, 0.99, 0.999];
const SHAPES: [[usize; 2]; 3] = [[784, 1024], [1024, 1024], [54, 1024]];

/// Every profile there is; where parameters must be given, at values of the paper's.
fn profiles() -> Vec<&'static str> {
    let texts = |entry: Entry<Profile>| match entry.name {
        "multipeak" => vec!["multipeak:k=1,beta=1200", "multipeak:k=5,beta=50"],
        "lognormal" => vec!["lognormal:ccv=2.5", "lognormal:ccv=1.5,sampled"],
        "powerlaw" => vec!["powerlaw:ccv=1.5"],
        name => vec![name],
    };
    Profile::list().into_iter().flat_map(texts).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("{}", Machine::describe("1"));
    println!("milliseconds to build one layer: mean and worst over spreads, sparsities and shapes");
    let mut impossible = 0;
    for text in profiles() {
        let rule = FanInRule::new(text.parse::<Profile>()?);
        let (mut total, mut count, mut worst) = (0.0, 0, (0.0, String::new()));
        for spread in SPREADS {
            for shape in SHAPES {
                for sparsity in SPARSITIES {
                    let started = Instant::now();
                    let result = build(&rule, spread, shape, sparsity, 42, 0);
                    let ms = 1e3 * started.elapsed().as_secs_f64();
                    let (pattern, _) = match result {
                        // Eq 7's ceiling: 99.9 % of 784, and 98.15 % of 54 inputs.
                        Err(TopologyError::Ceiling { .. }) => {
                            impossible += 1;
                            continue;
                        }
                        other => other?,
                    };
                    let budget = (1.0 - sparsity) * (shape[0] * shape[1]) as f64;
                    assert_eq!(pattern.nnz(), budget.round() as usize, "the budget is exact");
                    (total, count) = (total + ms, count + 1);
                    if ms > worst.0 {
                        let [n, m] = shape;
                        worst = (ms, format!("{spread}, {n}x{m}, {:.1} %", 100.0 * sparsity));
                    }
                }
            }
        }
        let mean = total / f64::from(count);
        println!("{text:<26} mean {mean:>6.2}  worst {:>6.2} ({})", worst.0, worst.1);
    }
    println!("{impossible} combinations lie above eq 7's ceiling, and were refused as such");
    Ok(())
}
