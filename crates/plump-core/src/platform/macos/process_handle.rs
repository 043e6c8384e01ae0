//! Signals for a child by its number; there are no descriptors for processes.

/// Nothing: a child that is not reaped keeps its number.
#[derive(Debug)]
pub(in crate::platform) struct ProcessHandle;

impl ProcessHandle {
    pub(in crate::platform) fn open(_pid: libc::pid_t) -> Self {
        Self
    }

    /// The caller knows that the child is not reaped.
    #[allow(clippy::unused_self)] // Linux keeps a descriptor here
    pub(in crate::platform) fn signal(&self, pid: libc::pid_t, signal: libc::c_int) {
        // SAFETY: kill takes two integers, and the number is that of our unreaped child. A failure means that the
        // process is gone: what the signal was for.
        unsafe { libc::kill(pid, signal) };
    }
}
