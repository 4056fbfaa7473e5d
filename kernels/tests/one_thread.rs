//! What may be done only while a process has one thread: hence a `main` of its own, without the
//! harness, which starts threads.

use fanin_kernels::return_freed_memory;

fn main() {
    let is_glibc = cfg!(all(target_os = "linux", target_env = "gnu"));
    assert_eq!(return_freed_memory(), is_glibc, "one thread");
    let beside_another = std::thread::spawn(return_freed_memory).join();
    assert!(!beside_another.expect("no panic"), "two threads");
}
