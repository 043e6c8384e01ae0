//! This process itself.

use std::sync::OnceLock;

/// Ends this process at once: no handler runs, nothing is flushed.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes an integer and does not return.
    unsafe { libc::_exit(code) }
}

/// Ignores the interrupt of the terminal (Ctrl-C reaches every process of its group; ending a worker is its
/// host's decision).
pub fn ignore_interrupt() {
    // SAFETY: SIGINT is a valid signal, and ignoring it installs no code.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
}

/// The process id of this process's parent.
#[must_use]
pub fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// How many CPUs the machine has in use, whichever of them this process may run on. Asked once: the answer comes from a
/// file, for which every start of a worker would wait.
#[must_use]
pub fn online_cpus() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        // SAFETY: takes and returns integers.
        let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
        usize::try_from(count).unwrap_or(1).max(1)
    })
}
