//! `posix_spawn`.
//!
//! System calls: `fcntl(F_DUPFD_CLOEXEC)`, then those of the C library's `posix_spawn` (a `vfork`-like `clone` on
//! Linux, one system call of that name on macOS).

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::ptr;

use super::inherited::duplicate_at_least;
use super::spawn_attributes::SpawnAttributes;
use super::{Child, FIRST_INHERITED, FileActions};
use crate::platform::SpawnRequest;
use crate::platform::system::close_everything_from;

const NULL_DEVICE: &CStr = c"/dev/null";
const STDERR: RawFd = 2;

/// Starts a process. The inherited ends are closed here, whatever happens.
///
/// # Errors
/// `NotFound` when the program or the directory does not exist, `InvalidInput` for a program that is not an absolute
/// path and for a zero byte in any string; otherwise what `posix_spawn` says.
#[allow(clippy::needless_pass_by_value)] // the ends are closed here
pub fn spawn(request: SpawnRequest) -> io::Result<Child> {
    let program = c_string(&request.program)?;
    if !Path::new(&request.program).is_absolute() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is not an absolute path", request.program.display()),
        ));
    }
    let mut arguments = vec![program.clone()];
    for argument in &request.args {
        arguments.push(c_string(argument)?);
    }
    let mut environment = Vec::with_capacity(request.env.len());
    for (name, value) in &request.env {
        environment.push(assignment(name, value)?);
    }

    // Every source lies above every target, so no duplication can overwrite the source of a later one.
    let first_free = FIRST_INHERITED
        + RawFd::try_from(request.inherit.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut actions = FileActions::new()?;
    if let Some(directory) = &request.cwd {
        actions.change_directory(&c_string(directory.as_os_str())?)?;
    }
    actions.open(0, NULL_DEVICE, libc::O_RDONLY)?;
    let mut sources = Vec::new();
    keep_open(&mut actions, 1)?;
    if let Some(end) = &request.stderr {
        let source = duplicate_at_least(end.as_raw(), first_free)?;
        actions.duplicate(source.as_raw_fd(), STDERR)?;
        sources.push(source);
    } else {
        keep_open(&mut actions, STDERR)?;
    }
    for (target, end) in (FIRST_INHERITED..).zip(&request.inherit) {
        let source = duplicate_at_least(end.as_raw(), first_free)?;
        actions.duplicate(source.as_raw_fd(), target)?;
        sources.push(source);
    }
    close_everything_from(&mut actions, first_free)?;

    let attributes = SpawnAttributes::new()?;
    let argv = pointers(&arguments);
    let envp = pointers(&environment);
    let mut pid = 0;
    // SAFETY: every pointer is alive until the call returns, both lists end with a null pointer, and posix_spawn
    // changes none of the strings (its prototype lacks the `const` for historical reasons).
    let failed = unsafe {
        libc::posix_spawn(
            &raw mut pid,
            program.as_ptr(),
            actions.as_ptr(),
            attributes.as_ptr(),
            argv.as_ptr(),
            envp.as_ptr(),
        )
    };
    match check(failed) {
        Ok(()) => Ok(Child::new(pid)),
        Err(error) => Err(explain(error, &request)),
    }
}

/// Hands a standard stream on as it is. Where this process has closed it, the child gets the null device: an empty
/// place would be filled by the next file that it opens.
fn keep_open(actions: &mut FileActions, stream: RawFd) -> io::Result<()> {
    // SAFETY: F_GETFD takes no pointer and harms nothing, whatever the number is.
    if unsafe { libc::fcntl(stream, libc::F_GETFD) } < 0 {
        actions.open(stream, NULL_DEVICE, libc::O_WRONLY)
    } else {
        // Onto itself: takes close-on-exec away in the child.
        actions.duplicate(stream, stream)
    }
}

/// `posix_spawn` says "not found" for the program and for the directory alike.
fn explain(error: io::Error, request: &SpawnRequest) -> io::Error {
    match &request.cwd {
        Some(directory) if !directory.is_dir() => io::Error::new(
            io::ErrorKind::NotFound,
            format!("{} is not a directory", directory.display()),
        ),
        _ => error,
    }
}

/// The functions of the `posix_spawn` family return their error instead of setting `errno`.
pub(super) fn check(failed: libc::c_int) -> io::Result<()> {
    if failed == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(failed))
    }
}

fn c_string(string: &OsStr) -> io::Result<CString> {
    CString::new(string.as_bytes()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} contains a zero byte", string.display()),
        )
    })
}

fn assignment(name: &OsStr, value: &OsStr) -> io::Result<CString> {
    let mut assignment = OsString::with_capacity(name.len() + 1 + value.len());
    assignment.push(name);
    assignment.push("=");
    assignment.push(value);
    CString::new(assignment.into_vec()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "environment variable {} contains a zero byte",
                name.display()
            ),
        )
    })
}

fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
    strings
        .iter()
        .map(|string| string.as_ptr().cast_mut())
        .chain([ptr::null_mut()])
        .collect()
}
