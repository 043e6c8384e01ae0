//! A child process from its start until its exit status is taken.
//!
//! System calls: `waitpid`, `kill`; on Linux `pidfd_open`, `pidfd_send_signal`.

use std::io;

use super::reaper;
use crate::platform::ExitStatus;
use crate::platform::system::ProcessHandle;

/// A child of this process. Dropping it does not kill it; one that still runs is waited for in the background, so
/// that it does not stay as a zombie.
#[derive(Debug)]
pub struct Child {
    pid: libc::pid_t,
    handle: ProcessHandle,
    status: Option<ExitStatus>,
}

impl Child {
    pub(super) fn new(pid: libc::pid_t) -> Self {
        Self {
            pid,
            handle: ProcessHandle::open(pid),
            status: None,
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    pub(in crate::platform) fn raw_pid(&self) -> libc::pid_t {
        self.pid
    }

    #[cfg_attr(target_vendor = "apple", allow(dead_code))]
    pub(in crate::platform) fn handle(&self) -> &ProcessHandle {
        &self.handle
    }

    /// How it ended, if it has; takes it off the system's list the first time and remembers.
    ///
    /// # Errors
    /// What `waitpid` says; a status that somebody else took is not an error but an empty [`ExitStatus`].
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = look(self.pid, libc::WNOHANG)?;
        }
        Ok(self.status)
    }

    /// Asks it to end (`SIGTERM`); nothing happens when it has ended.
    pub fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    /// Ends it (`SIGKILL`); nothing happens when it has ended.
    pub fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    fn signal(&self, signal: libc::c_int) {
        // Once reaped, the number may belong to anybody. Nobody else reaps our children by number, and reaping here
        // needs `&mut self`, so it cannot happen between this look and the signal.
        if self.status.is_none() {
            self.handle.signal(self.pid, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.try_wait(), Ok(None)) {
            reaper::reap_in_background(self.pid);
        }
    }
}

/// Reaps a child; `None` when it still runs (only with `WNOHANG`).
pub(super) fn look(pid: libc::pid_t, options: libc::c_int) -> io::Result<Option<ExitStatus>> {
    loop {
        let mut raw = 0;
        // SAFETY: `raw` outlives the call, which writes one integer to it.
        match unsafe { libc::waitpid(pid, &raw mut raw, options) } {
            0 => return Ok(None),
            -1 => {
                let error = io::Error::last_os_error();
                match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::ECHILD) => return Ok(Some(ExitStatus::default())),
                    _ => return Err(error),
                }
            }
            _ if libc::WIFEXITED(raw) => {
                return Ok(Some(ExitStatus {
                    code: Some(libc::WEXITSTATUS(raw)),
                    signal: None,
                }));
            }
            _ if libc::WIFSIGNALED(raw) => {
                return Ok(Some(ExitStatus {
                    code: None,
                    signal: Some(libc::WTERMSIG(raw)),
                }));
            }
            // Stopped or continued: only told to tracers, who did not ask for this.
            _ => return Ok(None),
        }
    }
}
