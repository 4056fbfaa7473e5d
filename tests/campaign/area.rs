//! An area of the campaign: cases that are drawn, and what became of them.

use rand::SeedableRng;
use rand_pcg::Pcg64;
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// No answer may take longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What is counted, by its name.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// One kind of attack.
pub(crate) struct Area {
    pub(crate) name: &'static str,
    /// What is done, and what must come of it.
    pub(crate) about: &'static str,
    /// Cases of the short form and of the long one.
    pub(crate) cases: [u64; 2],
    /// Why it cannot be done here, if it cannot.
    pub(crate) hindrance: fn() -> Option<&'static str>,
    /// What must be found at least: a count, another or the cases, and their ratio; so that an
    /// attack that reaches nothing is no success.
    pub(crate) expected: &'static [(&'static str, &'static str, f64)],
    /// One case, drawn from the generator, in an empty folder of its own.
    ///
    /// **Errors**: the fault that was found.
    pub(crate) attack: fn(&mut Pcg64, &Path) -> Result<Counts, String>,
}

/// What became of an area.
pub(crate) struct Outcome {
    pub(crate) cases: u64,
    pub(crate) counts: Counts,
    /// Each with its case.
    pub(crate) faults: Vec<(u64, String)>,
    pub(crate) elapsed: Duration,
    pub(crate) hindrance: Option<&'static str>,
}

/// Cases of faults until an area is given up.
const ENOUGH: usize = 20;

impl Area {
    /// All cases, or the one that is asked for, on every core.
    pub(crate) fn attack(&self, seed: u64, is_long: bool, only: Option<u64>) -> Outcome {
        let (started, hindrance) = (Instant::now(), (self.hindrance)());
        let cases = match (hindrance, only) {
            (Some(_), _) => 0..0,
            (None, Some(case)) => case..case + 1,
            (None, None) => 0..self.cases[usize::from(is_long)],
        };
        let next = AtomicU64::new(cases.start);
        let found = Mutex::new((Counts::new(), Vec::new()));
        // What panics is told as a fault, once; of a single case with all that there is to tell.
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            PLACE.with(|of| *of.borrow_mut() = place);
            if only.is_some() {
                tell(info);
            }
        }));
        let work = || loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= cases.end || found.lock().expect("no worker panics").1.len() > ENOUGH {
                return;
            }
            let result = self.one(seed, case);
            let mut found = found.lock().expect("no worker panics");
            match result {
                Ok(counts) => {
                    for (name, count) in counts {
                        *found.0.entry(name).or_default() += count;
                    }
                }
                Err(fault) => found.1.push((case, fault)),
            }
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
        drop(std::panic::take_hook());
        let (counts, mut faults) = found.into_inner().expect("no worker panics");
        let done = next.into_inner().min(cases.end) - cases.start;
        for &(name, of, least) in self.expected {
            let count = |name| if name == "cases" { done } else { *counts.get(name).unwrap_or(&0) };
            if only.is_none() && done > 0 && (count(name) as f64) < least * count(of) as f64 {
                let told = format!("{} {name} to {} {of}: too few", count(name), count(of));
                faults.push((cases.end, told));
            }
        }
        Outcome { cases: done, counts, faults, elapsed: started.elapsed(), hindrance }
    }

    fn one(&self, seed: u64, case: u64) -> Result<Counts, String> {
        // A stream for each area.
        let area = self.name.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
        let mut rng = Pcg64::seed_from_u64(seed ^ area.rotate_left(32) ^ case.rotate_left(48));
        let dir = folder();
        // Far enough below that `../..` stays within.
        let below = dir.path().join("a/b/c");
        std::fs::create_dir_all(&below).expect("a folder can be made");
        let attack = AssertUnwindSafe(|| (self.attack)(&mut rng, &below));
        catch_unwind(attack).unwrap_or_else(|panic| Err(said(&*panic)))
    }
}

/// An empty folder, in memory where there is one.
fn folder() -> tempfile::TempDir {
    let in_memory = tempfile::Builder::new().prefix("fanin-campaign-").tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).expect("a folder can be made")
}

/// What a panic says, and where.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("something");
    format!("panic at {}: {text}", PLACE.with(RefCell::take))
}

thread_local! {
    /// Where this thread's last panic was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Areas that can be attacked anywhere.
pub(crate) fn anywhere() -> Option<&'static str> {
    None
}
