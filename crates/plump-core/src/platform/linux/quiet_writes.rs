//! Writes to a pipe without reader that raise no `SIGPIPE`.
//!
//! Node and Rust programs ignore the signal, and then a write costs nothing more. In a process that does not (the
//! core in a C program, or a program that restored the default), the signal is blocked for this thread around
//! the write and taken back if the write raised it. Ignoring it for the whole process would change the meaning of
//! somebody else's pipes; `MSG_NOSIGNAL` is for sockets alone.
//!
//! System calls: `rt_sigaction`; where the signal is not ignored `rt_sigprocmask`, `rt_sigpending`, `rt_sigtimedwait`.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::ptr;

#[derive(Debug)]
pub(in crate::platform) struct QuietWrites {
    /// Whether a broken pipe would raise the signal, looked at when the pipe was opened: programs set this once,
    /// when they start.
    loud: bool,
}

impl QuietWrites {
    pub(in crate::platform) fn new(_pipe: BorrowedFd<'_>) -> io::Result<Self> {
        let mut current = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: a null pointer asks for nothing but the current action, and `current` has the size it is written to.
        if unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), current.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: sigaction succeeded, so it has filled the structure.
        let current = unsafe { current.assume_init() };
        Ok(Self {
            loud: current.sa_sigaction != libc::SIG_IGN,
        })
    }

    /// Runs a write.
    pub(in crate::platform) fn during(
        &self,
        write: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        if self.loud {
            without_signal(write)
        } else {
            write()
        }
    }
}

fn without_signal(write: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
    let broken_pipe = just_broken_pipe();
    // One that was pending before is not ours to take.
    let was_pending = is_pending();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets have the size that is read and written, and outlive the call; it concerns this thread alone.
    let failed = unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const broken_pipe, before.as_mut_ptr())
    };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed));
    }
    let written = write();
    if !was_pending
        && written
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    {
        take_back(&broken_pipe);
    }
    // SAFETY: `before` was filled by the first call; the old mask cannot be refused.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    written
}

/// A `SIGPIPE` of a write is sent to the writing thread, where it now waits.
fn take_back(broken_pipe: &libc::sigset_t) {
    let at_once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    loop {
        // SAFETY: the set and the time outlive the call; a null pointer asks for no information.
        let taken = unsafe { libc::sigtimedwait(broken_pipe, ptr::null_mut(), &raw const at_once) };
        if taken >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

fn just_broken_pipe() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `set` has the size that sigemptyset fills; it cannot fail.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set was filled by the call above, and the signal exists.
    unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE) };
    // SAFETY: filled by the calls above.
    unsafe { set.assume_init() }
}

fn is_pending() -> bool {
    let mut pending = MaybeUninit::uninit();
    // SAFETY: `pending` has the size that sigpending fills.
    if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: sigpending succeeded, so the set is filled; the signal exists.
    unsafe { libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1 }
}
