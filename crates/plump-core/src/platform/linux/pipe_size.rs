//! How much a pipe holds.
//!
//! System calls: `fcntl(F_SETPIPE_SZ)`.

use std::os::fd::{AsRawFd, BorrowedFd};

/// Asks for a buffer of `bytes`. A wish: a user who has many large pipes already (`fs.pipe-user-pages-soft`) is refused
/// and keeps the 64 KiB.
pub(in crate::platform) fn enlarge(pipe: BorrowedFd<'_>, bytes: usize) {
    let Ok(bytes) = libc::c_int::try_from(bytes) else {
        return;
    };
    // SAFETY: F_SETPIPE_SZ takes an integer; the descriptor is open while it is borrowed.
    unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) };
}
