//! A child process from its start until its exit status is taken. Its handle names it for as long as it is open,
//! whatever becomes of the number, and there are no zombies.
//!
//! System calls: `GetExitCodeProcess`, `WaitForSingleObject`, `TerminateProcess`.

use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, INFINITE, TerminateProcess, WaitForSingleObject,
};

use super::handle::check;
use crate::platform::ExitStatus;

/// What an ended child's exit code will be, as for Node's `kill`.
const TERMINATED: u32 = 1;

/// A child of this process. Dropping it does not kill it; it ends with this process, by its job.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    process: OwnedHandle,
    status: Option<ExitStatus>,
}

impl Child {
    pub(super) fn new(pid: u32, process: OwnedHandle) -> Self {
        Self {
            pid,
            process,
            status: None,
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn try_clone_handle(&self) -> io::Result<OwnedHandle> {
        self.process.try_clone()
    }

    /// How it ended, if it has. A crash is its exception code, a negative number.
    ///
    /// # Errors
    /// What `GetExitCodeProcess` says.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        // Asked before the code: a process may end with the code that means "still running".
        if self.status.is_none() && has_ended(&self.process, 0) {
            let mut code = 0;
            let process = self.process.as_raw_handle();
            // SAFETY: the handle is open, and `code` outlives the call, which writes it.
            check(unsafe { GetExitCodeProcess(process, &raw mut code) })?;
            self.status = Some(ExitStatus {
                code: Some(code.cast_signed()),
                signal: None,
            });
        }
        Ok(self.status)
    }

    /// Ends it: there is nothing like `SIGTERM` for a process without a window. Whoever wants it to clean up asks over
    /// its link first.
    pub fn terminate(&self) {
        self.kill();
    }

    /// Ends it; nothing happens when it has ended.
    pub fn kill(&self) {
        // SAFETY: the handle is open. A failure means that the process is gone: what this is for.
        unsafe { TerminateProcess(self.process.as_raw_handle(), TERMINATED) };
    }
}

/// Returns when the process has ended.
pub(super) fn wait(process: &OwnedHandle) {
    has_ended(process, INFINITE);
}

fn has_ended(process: &OwnedHandle, milliseconds: u32) -> bool {
    // SAFETY: the handle is open while it is borrowed.
    unsafe { WaitForSingleObject(process.as_raw_handle(), milliseconds) == WAIT_OBJECT_0 }
}
