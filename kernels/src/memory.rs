//! Memory for activations: aligned, and in huge pages where the system has them.
//!
//! A tile's rows lie in one [`Arena`]. The 1.5 MB that a tile of the MNIST network touches over and
//! over are then one page of 2 MB instead of 370 of 4 KB: an epoch at 90 % takes 1.20 s instead of
//! 1.24 (one Zen 4 core, medians of three in turn). The arena hands out [`Rows`], each of which
//! owns its part: they can be borrowed apart from each other, sent to threads, and outlive the
//! arena.

use crate::{Row, TILE};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::sync::Arc;

/// A huge page of x86-64 and of most aarch64 systems.
const HUGE_PAGE: usize = 2 << 20;

/// Zeroed rows to be handed out.
#[derive(Debug)]
pub struct Arena {
    memory: Arc<Memory>,
    used: usize,
}

/// Rows that own their part of an arena.
#[derive(Debug, Default)]
pub struct Rows {
    /// None without rows.
    memory: Option<Arc<Memory>>,
    range: Range<usize>,
}

/// One allocation of rows, freed with its last owner.
#[derive(Debug)]
struct Memory {
    start: NonNull<Row>,
    rows: usize,
    layout: Layout,
}

// SAFETY: the rows behind `start` are plain floats, owned by this value alone.
unsafe impl Send for Memory {}
// SAFETY: `Memory` itself gives no access; `Rows` do, each to a range of its own.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `start` was allocated with this layout and is freed once.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) };
    }
}

impl Arena {
    /// An arena of `rows` zeroed rows. From half a huge page on it lies in huge pages, if the
    /// system has them.
    ///
    /// **Panics** if there is no row, or more memory is asked for than can be addressed.
    pub fn new(rows: usize) -> Arena {
        assert!(rows > 0, "an arena has rows");
        let bytes = rows.checked_mul(size_of::<Row>()).expect("rows that can be addressed");
        let is_large = bytes >= HUGE_PAGE / 2;
        let (size, align) = match is_large {
            true => (bytes.checked_next_multiple_of(HUGE_PAGE).unwrap_or(usize::MAX), HUGE_PAGE),
            false => (bytes, align_of::<Row>()),
        };
        let layout = Layout::from_size_align(size, align).expect("rows that can be addressed");
        // SAFETY: the layout has a size above zero.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start.cast::<Row>()) else { handle_alloc_error(layout) };
        #[cfg(target_os = "linux")]
        if is_large {
            // Advice: without huge pages everything works as well, so a refusal does not matter.
            // SAFETY: the range is a fresh allocation of our own.
            let _ = unsafe { libc::madvise(start.as_ptr().cast(), size, libc::MADV_HUGEPAGE) };
        }
        // SAFETY: the allocation holds `rows` rows; floats of all zero bits are 0.0.
        unsafe { start.as_ptr().write_bytes(0, rows) };
        Arena { memory: Arc::new(Memory { start, rows, layout }), used: 0 }
    }

    /// The next `count` rows.
    ///
    /// **Panics** if so many are not left.
    pub fn take(&mut self, count: usize) -> Rows {
        let left = self.memory.rows - self.used;
        assert!(count <= left, "{count} rows where {left} are left");
        let range = self.used..self.used + count;
        self.used = range.end;
        Rows { memory: Some(Arc::clone(&self.memory)), range }
    }
}

impl Deref for Rows {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        match &self.memory {
            None => &[],
            // SAFETY: the range lies within the allocation and is initialised (`Arena::new`), no
            // other `Rows` has a part of it (`Arena::take`), and the borrow is of this one.
            Some(memory) => unsafe {
                let first = memory.start.as_ptr().add(self.range.start);
                std::slice::from_raw_parts(first, self.range.len())
            },
        }
    }
}

impl DerefMut for Rows {
    fn deref_mut(&mut self) -> &mut [Row] {
        match &self.memory {
            None => &mut [],
            // SAFETY: as `deref`, and the borrow is exclusive.
            Some(memory) => unsafe {
                let first = memory.start.as_ptr().add(self.range.start);
                std::slice::from_raw_parts_mut(first, self.range.len())
            },
        }
    }
}

/// Asks for the cache lines of `values` without waiting for them: for what will soon be read, at a
/// place that the hardware cannot foresee.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        let start: *const i8 = values.as_ptr().cast();
        let into_line = start.addr() % 64;
        for line in (0..into_line + size_of_val(values)).step_by(64) {
            // SAFETY: a prefetch reads nothing that a program can see; SSE is part of x86-64.
            unsafe {
                _mm_prefetch::<_MM_HINT_T1>(start.wrapping_sub(into_line).wrapping_add(line))
            };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Asks for row `at`, if there is one, to be in L1 soon.
#[inline(always)]
pub(crate) fn prefetch_row(rows: &[Row], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start: *const i8 = rows.as_ptr().wrapping_add(at).cast();
        for line in (0..size_of::<Row>()).step_by(64) {
            // SAFETY: as in `prefetch`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (rows, at);
}

/// Lets glibc's allocator give blocks of 4 MB and more back to the system as soon as they are
/// freed, and keep up to 32 MB of smaller ones. By itself it would keep all that a change of the
/// connections needs for a moment; with every block given back, a third of such a change's time
/// would go into getting the pages anew (an update of RigL in 784-1024-1024-10 at 90 %: 25 ms, and
/// 16 with this; `fanin train --method rigl`, commit 85df62a4a7 and the next, one Zen 5 core).
///
/// Call it first in `main`. glibc does not promise that this setting may change while another
/// thread allocates, so nothing is done unless the process is seen to have one thread. Returns
/// whether it was done; never with another allocator or system.
pub fn return_freed_memory() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const SETTINGS: [(libc::c_int, libc::c_int); 2] =
            [(libc::M_MMAP_THRESHOLD, 4 << 20), (libc::M_TRIM_THRESHOLD, 32 << 20)];
        // SAFETY: sets numbers of the allocator, which no other thread can be reading.
        let set = |(what, value)| unsafe { libc::mallopt(what, value) } == 1;
        has_one_thread() && SETTINGS.into_iter().all(set)
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

/// Whether this process has no other thread. `/proc/self/task` holds one folder for each thread,
/// and a folder's link count is two more than the number of folders in it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn has_one_thread() -> bool {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the path is a string that ends in 0, and `stat` is writable memory of its type.
    if unsafe { libc::stat(c"/proc/self/task".as_ptr(), stat.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: a call that returned 0 has filled it.
    unsafe { stat.assume_init() }.st_nlink == 3
}

const _: () = assert!(size_of::<Row>() == 4 * TILE && align_of::<Row>() == 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_zeroed_apart_and_outlive_their_arena() {
        // Small, and large enough for huge pages.
        for count in [10, 3 * HUGE_PAGE / size_of::<Row>() + 1] {
            let mut arena = Arena::new(count);
            let (mut a, mut b) = (arena.take(4), arena.take(count - 4));
            drop(arena);
            assert!(a.iter().chain(b.iter()).all(|row| row.0 == [0.0; TILE]));
            a.iter_mut().for_each(|row| row.0.fill(1.0));
            b.iter_mut().for_each(|row| row.0.fill(2.0));
            assert!(a.len() == 4 && a.iter().all(|row| row.0 == [1.0; TILE]));
            drop(a);
            assert!(b.len() == count - 4 && b.iter().all(|row| row.0 == [2.0; TILE]));
            assert_eq!(b.as_ptr().addr() % 64, 0);
        }
        assert!(Rows::default().is_empty());
    }

    #[test]
    #[should_panic(expected = "3 rows where 2 are left")]
    fn an_arena_gives_no_more_than_it_has() {
        let mut arena = Arena::new(5);
        let _first = arena.take(3);
        arena.take(3);
    }
    #[test]
    #[should_panic(expected = "rows where 2 are left")]
    fn a_number_of_rows_that_wraps_around_is_too_many() {
        let mut arena = Arena::new(5);
        let _first = arena.take(3);
        arena.take(usize::MAX);
    }

    #[test]
    #[should_panic(expected = "rows that can be addressed")]
    fn a_size_that_wraps_around_is_too_large() {
        Arena::new(usize::MAX / size_of::<Row>());
    }
}
