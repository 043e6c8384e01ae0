//! No descriptor but those meant for it reaches a child.

use std::io;
use std::os::fd::RawFd;

use crate::platform::unix::FileActions;

/// The system closes everything that no file action names.
pub(in crate::platform) const EXTRA_SPAWN_FLAGS: libc::c_int = libc::POSIX_SPAWN_CLOEXEC_DEFAULT;

/// Nothing to add: the flag does it. It also covers what was opened at this moment by another thread and is not
/// close-on-exec yet (`pipe`, then `fcntl`: there is no `pipe2`).
#[allow(clippy::unnecessary_wraps)] // the same signature on every system
pub(in crate::platform) fn close_everything_from(_: &mut FileActions, _: RawFd) -> io::Result<()> {
    Ok(())
}
