//! The thread pool and the instruction set a computation runs on.
//!
//! The one place that names rayon. Work is cut over outputs only, so who computes which block
//! changes no bit. Nothing here allocates once the pool stands: a training step must not.

use fanin_kernels::Isa;
use rayon::prelude::*;
use std::ops::Range;

use crate::Error;

/// Where kernels run: a pool of threads, all on one instruction set.
#[derive(Debug)]
pub struct Executor {
    isa: Isa,
    pool: rayon::ThreadPool,
}

impl Executor {
    /// A pool of `threads` threads; 0 means one per available core.
    ///
    /// **Errors**: [`Error::Threads`] if the system refuses the threads.
    pub fn new(isa: Isa, threads: usize) -> Result<Executor, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("fanin-{i}"))
            .build()
            .map_err(|source| Error::Threads { threads, source: Box::new(source) })?;
        Ok(Executor { isa, pool })
    }

    /// A pool on the instruction set that `FANIN_ISA` names, or the best of this CPU.
    ///
    /// **Errors**: [`Error::Isa`], [`Error::Threads`].
    pub fn from_environment(threads: usize) -> Result<Executor, Error> {
        let isa = match std::env::var("FANIN_ISA") {
            Ok(name) => Isa::parse(&name)?,
            Err(_) => Isa::detect(),
        };
        Executor::new(isa, threads)
    }

    /// The instruction set kernels run on.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `f` on a thread of the pool: what it calls in this module then stays in the pool.
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        self.pool.install(f)
    }
}

/// Runs `f` for each item, in parallel.
pub fn for_each<T: Send>(items: &mut [T], f: impl Fn(usize, &mut T) + Sync) {
    items.par_iter_mut().enumerate().with_max_len(1).for_each(|(i, item)| f(i, item));
}

/// Runs `f` for consecutive chunks of `len` items (the last may be shorter), in parallel, with the
/// index of the chunk's first item.
pub fn for_each_chunk<T: Send>(items: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    items.par_chunks_mut(len).enumerate().for_each(|(i, chunk)| f(i * len, chunk));
}

/// Runs both, in parallel.
pub fn join(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    rayon::join(a, b);
}

/// What belongs to a range of rows and can be cut between two of them.
pub trait RowBlock: Send + Sized {
    /// The rows before and from `row` on, counted from this block's first.
    fn split_at_row(self, row: usize) -> (Self, Self);
}

impl<T: Send> RowBlock for &mut [T] {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        self.split_at_mut(row)
    }
}

impl<A: RowBlock, B: RowBlock> RowBlock for (A, Option<B>) {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        let (before, after) = self.0.split_at_row(row);
        let (also_before, also_after) = self.1.map(|block| block.split_at_row(row)).unzip();
        ((before, also_before), (after, also_after))
    }
}

/// Runs `f` for each block of rows `bounds[i]..bounds[i + 1]` with its part of `work`, in parallel.
///
/// **Panics** if `bounds` is empty.
pub fn by_rows<W: RowBlock>(bounds: &[usize], work: W, f: &(impl Fn(Range<usize>, W) + Sync)) {
    match bounds {
        [_] => {}
        &[start, end] => f(start..end, work),
        _ => {
            let middle = bounds.len() / 2;
            let (before, after) = work.split_at_row(bounds[middle] - bounds[0]);
            rayon::join(
                || by_rows(&bounds[..=middle], before, f),
                || by_rows(&bounds[middle..], after, f),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_rows_visits_every_block_once_with_its_rows() {
        let executor = Executor::new(Isa::detect(), 3).unwrap();
        let mut rows = [0; 10];
        executor.install(|| {
            by_rows(&[0, 3, 4, 4, 9, 10], &mut rows[..], &|range, part: &mut [i32]| {
                assert_eq!(part.len(), range.len());
                for (row, value) in range.zip(part) {
                    *value += row as i32 + 1;
                }
            });
        });
        assert_eq!(rows, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
}
