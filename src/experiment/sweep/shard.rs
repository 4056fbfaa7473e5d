//! A part of a sweep, for one of several machines.

use super::Sweep;
use crate::experiment::Error;
use std::fmt;
use std::str::FromStr;

/// Part `part` of `of`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    part: usize,
    of: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Shard { part: 1, of: 1 }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

impl FromStr for Shard {
    type Err = Error;

    /// `2/5`; `slurm` as the environment of a task of a Slurm array says.
    fn from_str(text: &str) -> Result<Shard, Error> {
        let shard = match text {
            "slurm" => {
                let number = |name: &str| -> Option<usize> {
                    std::env::var(format!("SLURM_ARRAY_TASK_{name}")).ok()?.parse().ok()
                };
                let of_array = || -> Option<Shard> {
                    let (id, first) = (number("ID")?, number("MIN")?);
                    // Of 3-9:2 the tasks are 3, 5, 7, 9.
                    let step = number("STEP").unwrap_or(1).max(1);
                    Some(Shard { part: id.checked_sub(first)? / step + 1, of: number("COUNT")? })
                };
                of_array()
            }
            _ => text.split_once('/').and_then(|(part, of)| {
                Some(Shard { part: part.trim().parse().ok()?, of: of.trim().parse().ok()? })
            }),
        };
        shard
            .filter(|shard| (1..=shard.of).contains(&shard.part))
            .ok_or_else(|| Error::Shard(text.to_string()))
    }
}

impl Shard {
    /// The runs of this part, by their place in the sweep. They are dealt out in the order of their
    /// keys, which mixes long and short ones.
    pub fn runs(self, sweep: &Sweep) -> Vec<usize> {
        let mut order: Vec<usize> = (0..sweep.runs.len()).collect();
        order.sort_by_key(|&run| &sweep.runs[run].key);
        let mut runs: Vec<usize> = order.into_iter().skip(self.part - 1).step_by(self.of).collect();
        runs.sort_unstable();
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::super::Definition;
    use super::*;

    #[test]
    fn the_parts_together_are_the_whole_and_share_nothing() {
        let sweep = Definition::parse("[grid]\nseed = \"1..17\"").unwrap().runs().unwrap();
        for of in [1, 2, 3, 17, 20] {
            let parts = (1..=of).map(|part| Shard { part, of }.runs(&sweep));
            let parts: Vec<Vec<usize>> = parts.collect();
            assert!(parts.iter().all(|part| part.len().abs_diff(17 / of) <= 1), "{of}");
            let mut all = parts.concat();
            all.sort_unstable();
            assert_eq!(all, (0..17).collect::<Vec<_>>());
        }
    }

    #[test]
    fn shards_are_read_as_they_are_written() {
        for text in ["1/1", "2/5", "5/5"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in ["0/5", "6/5", "1/0", "1", "a/b", "-1/3", "1/2/3", ""] {
            let told = text.parse::<Shard>().unwrap_err().to_string();
            assert!(told.contains("1 ≤ k ≤ n"), "{text}: {told}");
        }
    }
}
