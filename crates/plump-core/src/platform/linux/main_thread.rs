//! The thread that a process began with.
//!
//! System calls: `gettid` (by number: glibc has a function for it since 2.30 only), `getpid`.

/// Whether the calling thread is the one that the process began with.
#[must_use]
pub fn is_main_thread() -> bool {
    // SAFETY: takes nothing and returns a number.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    thread == libc::c_long::from(std::process::id().cast_signed())
}

#[cfg(test)]
mod tests {
    use super::is_main_thread;

    #[test]
    fn a_thread_that_was_started_is_not_the_main_one() {
        let other = std::thread::spawn(is_main_thread).join();
        assert_eq!(other.ok(), Some(false));
    }
}
