//! The thread that a process began with.

/// Whether the calling thread is known to be the one that the process began with. Windows does not tell: never.
#[must_use]
pub fn is_main_thread() -> bool {
    false
}
