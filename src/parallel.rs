//! The thread pool and the instruction set a computation runs on.
//!
//! The one place that names rayon. Work is cut over outputs only, so who computes which block
//! changes no bit. An [`Executor`] of one thread has no pool: everything runs where it is called.
//! Nothing here allocates once the pool stands: a training step must not.

use fanin_kernels::{Isa, IsaError};
use rayon::prelude::*;
use std::ops::Range;

/// The most threads: more than any machine has cores for.
pub const MAX_THREADS: usize = 1024;

/// Why kernels cannot run as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An instruction set that cannot be had.
    #[error("FANIN_ISA: {0}")]
    Isa(#[from] IsaError),
    /// More threads than are of any use.
    #[error("`threads` {0}: no more than {MAX_THREADS} are possible")]
    TooMany(usize),
    /// The system refuses threads.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Where kernels run: one thread or a pool of them, all on one instruction set.
#[derive(Debug)]
pub struct Executor {
    isa: Isa,
    /// None for one thread.
    pool: Option<rayon::ThreadPool>,
}

impl Executor {
    /// `threads` threads; 0 means one per available core.
    ///
    /// **Errors**: [`Error::TooMany`]; [`Error::Threads`] if the system refuses the threads.
    pub fn new(isa: Isa, threads: usize) -> Result<Executor, Error> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        if threads == 1 {
            return Ok(Executor { isa, pool: None });
        }
        if threads > MAX_THREADS {
            return Err(Error::TooMany(threads));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("fanin-{i}"))
            .build()
            .map_err(|source| Error::Threads { threads, source: Box::new(source) })?;
        Ok(Executor { isa, pool: Some(pool) })
    }

    /// As [`Executor::new`] on the instruction set that `FANIN_ISA` names, or the best of this CPU.
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
        self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Runs `f` where the work is done. Every method here does so by itself; a long loop of small
    /// steps enters once.
    pub fn enter<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(f),
            None => f(),
        }
    }

    /// Runs `f` for each item, in parallel. With fewer items than threads each item's [`Crew`] is
    /// the whole pool, else it is a thread of its own.
    pub fn for_each<T: Send>(&self, items: &mut [T], f: impl Fn(Crew<'_>, usize, &mut T) + Sync) {
        let crew = match items.len() < self.threads() {
            true => self.crew(),
            false => Crew::alone(self.isa),
        };
        match &self.pool {
            None => items.iter_mut().enumerate().for_each(|(i, item)| f(crew, i, item)),
            Some(pool) => pool.install(|| {
                let items = items.par_iter_mut().enumerate().with_max_len(1);
                items.for_each(|(i, item)| f(crew, i, item));
            }),
        }
    }

    /// Runs `f` for consecutive chunks of `len` items (the last may be shorter), in parallel, with
    /// the index of the chunk's first item.
    pub fn for_each_chunk<T: Send>(
        &self,
        items: &mut [T],
        len: usize,
        f: impl Fn(usize, &mut [T]) + Sync,
    ) {
        match &self.pool {
            None => items.chunks_mut(len).enumerate().for_each(|(i, chunk)| f(i * len, chunk)),
            Some(pool) => pool.install(|| {
                let chunks = items.par_chunks_mut(len).enumerate();
                chunks.for_each(|(i, chunk)| f(i * len, chunk));
            }),
        }
    }

    /// Runs both, in parallel.
    pub fn join(&self, a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
        match &self.pool {
            None => {
                a();
                b();
            }
            Some(pool) => pool.install(|| {
                rayon::join(a, b);
            }),
        }
    }

    /// Runs `f` for each block of rows `bounds[i]..bounds[i + 1]` with its part of `work`, in
    /// parallel.
    ///
    /// **Panics** if `bounds` is empty.
    pub fn by_rows<W: RowBlock>(
        &self,
        bounds: &[usize],
        work: W,
        f: &(impl Fn(Range<usize>, W) + Sync),
    ) {
        match bounds {
            [_] => {}
            &[start, end] => f(start..end, work),
            _ => {
                let middle = bounds.len() / 2;
                let (before, after) = work.split_at_row(bounds[middle] - bounds[0]);
                self.join(
                    || self.by_rows(&bounds[..=middle], before, f),
                    || self.by_rows(&bounds[middle..], after, f),
                );
            }
        }
    }

    /// All threads together.
    pub fn crew(&self) -> Crew<'_> {
        Crew { isa: self.isa, pool: (self.threads() > 1).then_some(self) }
    }
}

/// Who computes one piece of work: a single thread, or all threads of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Crew<'a> {
    isa: Isa,
    /// None for a single thread.
    pool: Option<&'a Executor>,
}

impl Crew<'_> {
    /// The thread at hand.
    pub fn alone(isa: Isa) -> Crew<'static> {
        Crew { isa, pool: None }
    }

    /// The instruction set kernels run on.
    pub fn isa(self) -> Isa {
        self.isa
    }

    /// Calls `f` for the rows `bounds[i]..bounds[i + 1]` block by block in parallel, or, of a
    /// single thread, once for all.
    ///
    /// **Panics** if `bounds` is empty.
    pub fn by_rows<W: RowBlock>(
        self,
        bounds: &[usize],
        work: W,
        f: &(impl Fn(Range<usize>, W) + Sync),
    ) {
        match self.pool {
            Some(executor) => executor.by_rows(bounds, work, f),
            None => f(bounds[0]..bounds[bounds.len() - 1], work),
        }
    }
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

/// Two functions side by side, the second on a thread of its own: for what is done once, before
/// there is an [`Executor`].
pub(crate) fn beside<A, B: Send>(
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    std::thread::scope(|scope| {
        let second = scope.spawn(second);
        let first = first();
        (first, second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// `workers` threads that each call `work`, until all have returned: for whole pieces of work that
/// have nothing in common.
pub(crate) fn side_by_side(workers: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(&work);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_rows_visits_every_block_once_with_its_rows() {
        for threads in [1, 3] {
            let executor = Executor::new(Isa::detect(), threads).unwrap();
            let mut rows = [0; 10];
            executor.by_rows(&[0, 3, 4, 4, 9, 10], &mut rows[..], &|range, part: &mut [i32]| {
                assert_eq!(part.len(), range.len());
                for (row, value) in range.zip(part) {
                    *value += row as i32 + 1;
                }
            });
            assert_eq!(rows, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        }
    }

    #[test]
    fn a_crew_of_several_is_for_fewer_items_than_threads() {
        let executor = Executor::new(Isa::detect(), 3).unwrap();
        for items in [1, 2, 3, 4] {
            executor.for_each(&mut vec![(); items], |crew, _, ()| {
                assert_eq!(crew.pool.is_some(), items < 3);
            });
        }
        let alone = Executor::new(Isa::detect(), 1).unwrap();
        alone.for_each(&mut [(); 2], |crew, _, ()| assert!(crew.pool.is_none()));
        assert!(alone.pool.is_none() && alone.threads() == 1);
    }
}
