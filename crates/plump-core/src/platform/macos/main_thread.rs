//! The thread that a process began with.
//!
//! Functions: `pthread_main_np`.

/// Whether the calling thread is the one that the process began with.
#[must_use]
pub fn is_main_thread() -> bool {
    // SAFETY: takes nothing and returns a number.
    unsafe { libc::pthread_main_np() == 1 }
}
