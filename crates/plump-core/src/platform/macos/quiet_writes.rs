//! Writes to a pipe without reader that raise no `SIGPIPE`: the pipe itself can be told.
//!
//! System calls: `fcntl(F_SETNOSIGPIPE)`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

#[derive(Debug)]
pub(in crate::platform) struct QuietWrites;

impl QuietWrites {
    pub(in crate::platform) fn new(pipe: BorrowedFd<'_>) -> io::Result<Self> {
        // SAFETY: F_SETNOSIGPIPE takes an integer; the descriptor is open while it is borrowed.
        if unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETNOSIGPIPE, 1) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self)
    }

    /// Runs a write.
    #[allow(clippy::unused_self)] // Linux keeps state here
    pub(in crate::platform) fn during(
        &self,
        write: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        write()
    }
}
