//! A pidfd: names one process for as long as it is open, whatever becomes of the number.
//!
//! System calls: `pidfd_open`, `pidfd_send_signal`, `kill`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// The pidfd of a child, where the system has one to give (Linux 5.3; some sandboxes refuse it).
#[derive(Debug)]
pub(in crate::platform) struct ProcessHandle {
    pidfd: Option<OwnedFd>,
}

impl ProcessHandle {
    /// The child is not reaped yet, so the number still names it. (The C library's calls of these names came only
    /// with glibc 2.36.) A pidfd is close-on-exec from birth.
    pub(in crate::platform) fn open(pid: libc::pid_t) -> Self {
        // SAFETY: pidfd_open takes two integers.
        let number = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let pidfd = RawFd::try_from(number)
            .ok()
            .filter(|number| *number >= 0)
            .map(|number| {
                // SAFETY: the system has just made this descriptor; nobody else knows it.
                unsafe { OwnedFd::from_raw_fd(number) }
            });
        Self { pidfd }
    }

    pub(in crate::platform) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// The caller knows that the child is not reaped.
    pub(in crate::platform) fn signal(&self, pid: libc::pid_t, signal: libc::c_int) {
        // A failure means that the process is gone: what the signal was for.
        if let Some(pidfd) = &self.pidfd {
            let nothing = ptr::null::<libc::siginfo_t>();
            // SAFETY: a null pointer stands for the usual information; the descriptor is open.
            unsafe {
                libc::syscall(
                    libc::SYS_pidfd_send_signal,
                    pidfd.as_raw_fd(),
                    signal,
                    nothing,
                    0,
                )
            };
        } else {
            // SAFETY: kill takes two integers, and the number is that of our unreaped child.
            unsafe { libc::kill(pid, signal) };
        }
    }
}
