//! A worker ends with its parent.
//!
//! System calls: `prctl(PR_SET_PDEATHSIG)`, `getppid`.

use crate::platform::unix::parent_id;

/// In a worker: asks the system to kill this process when the thread that spawned it ends, then looks whether its
/// parent is still the expected one. `false`: the parent is gone already, and the caller must end.
///
/// The worker asks for itself, because `posix_spawn` cannot ask for it; the look afterwards closes the gap between.
#[must_use]
pub fn adopt_parent(expected_parent: u32) -> bool {
    let signal: libc::c_ulong = libc::SIGKILL.unsigned_abs().into();
    // SAFETY: this operation takes a signal number and no pointer. It cannot fail for a valid signal, and where it
    // is forbidden the end of the link still ends the worker.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) };
    parent_id() == expected_parent
}
