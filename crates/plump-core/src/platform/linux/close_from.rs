//! No descriptor but those meant for it reaches a child.

use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::sync::OnceLock;

use crate::platform::unix::FileActions;

/// Linux has no flag of its own for `posix_spawn`.
pub(in crate::platform) const EXTRA_SPAWN_FLAGS: libc::c_int = 0;

type AddCloseFrom =
    unsafe extern "C" fn(*mut libc::posix_spawn_file_actions_t, libc::c_int) -> libc::c_int;

/// Closes everything from `first` on in the child: what this process's other libraries opened without
/// close-on-exec. glibc can since 2.34; older ones and musl leave it to close-on-exec.
pub(in crate::platform) fn close_everything_from(
    actions: &mut FileActions,
    first: RawFd,
) -> io::Result<()> {
    static FOUND: OnceLock<Option<AddCloseFrom>> = OnceLock::new();
    let Some(add_close_from) = *FOUND.get_or_init(find) else {
        return Ok(());
    };
    // SAFETY: the list is initialised, and the function is the one of that name.
    let failed = unsafe { add_close_from(actions.as_mut_ptr(), first) };
    if failed == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(failed))
    }
}

/// Looked up at run time: linked, it would raise the floor of every build to glibc 2.34.
fn find() -> Option<AddCloseFrom> {
    let name = c"posix_spawn_file_actions_addclosefrom_np";
    // SAFETY: the name ends with a zero; the look-up runs no foreign code.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: the C library documents the function of this name with exactly this signature.
    Some(unsafe { mem::transmute::<*mut libc::c_void, AddCloseFrom>(found) })
}
