//! `CreateProcessW`.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io;
use std::mem;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr;
use std::sync::Mutex;

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Console::{
    GetConsoleCP, GetStdHandle, STD_ERROR_HANDLE, STD_HANDLE, STD_OUTPUT_HANDLE,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CREATE_UNICODE_ENVIRONMENT, CreateProcessW,
    EXTENDED_STARTUPINFO_PRESENT, PROCESS_INFORMATION, STARTF_USESTDHANDLES, STARTUPINFOEXW,
};

use super::command_line::{command_line, environment, wide};
use super::handle::{check, inheritable_copy, lock, set_inheritable};
use super::job::job;
use super::startup::Startup;
use super::{Child, InheritedEnd};
use crate::platform::SpawnRequest;

/// Held while handles are inheritable, so that two spawns of ours never see each other's.
static SPAWNING: Mutex<()> = Mutex::new(());

/// Starts a process in this process's job. The inherited ends are closed here, whatever happens.
///
/// # Errors
/// `NotFound` when the program or the directory does not exist, `InvalidInput` for a program that is not an absolute
/// path and for a zero in any string; otherwise what `CreateProcessW` says.
#[allow(clippy::needless_pass_by_value)] // the ends are closed here
pub fn spawn(request: SpawnRequest) -> io::Result<Child> {
    let program = wide(&request.program)?;
    if !Path::new(&request.program).is_absolute() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is not an absolute path", request.program.display()),
        ));
    }
    let mut line = command_line(&request.program, &request.args)?;
    let environment = environment(&request.env)?;
    let directory = request
        .cwd
        .as_deref()
        .map(Path::as_os_str)
        .map(wide)
        .transpose()?;

    let input = null_device()?;
    let output = standard_stream(STD_OUTPUT_HANDLE)?;
    let errors = match &request.stderr {
        Some(end) => inheritable_copy(end.as_handle().as_raw_handle())?,
        None => standard_stream(STD_ERROR_HANDLE)?,
    };

    let _alone = lock(&SPAWNING);
    let inherited = Inheritable::new(&request.inherit)?;
    let streams = [&input, &output, &errors];
    let handles = streams
        .iter()
        .map(|stream| stream.as_raw_handle())
        .chain(
            inherited
                .ends
                .iter()
                .map(|end| end.as_handle().as_raw_handle()),
        )
        .collect();
    let mut attributes = Startup::new(handles, job()?)?;

    // SAFETY: the structure is integers and pointers; zeros are valid and mean the defaults.
    let mut startup: STARTUPINFOEXW = unsafe { mem::zeroed() };
    startup.StartupInfo.cb =
        u32::try_from(size_of::<STARTUPINFOEXW>()).map_err(|_| io::ErrorKind::InvalidInput)?;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    [
        startup.StartupInfo.hStdInput,
        startup.StartupInfo.hStdOutput,
        startup.StartupInfo.hStdError,
    ] = streams.map(AsRawHandle::as_raw_handle);
    startup.lpAttributeList = attributes.as_mut_ptr();
    // SAFETY: the structure is integers and handles; zeros are valid and mean none.
    let mut made: PROCESS_INFORMATION = unsafe { mem::zeroed() };
    let flags = CREATE_UNICODE_ENVIRONMENT
        | EXTENDED_STARTUPINFO_PRESENT
        // Its own group: Ctrl-C is ignored from the first instruction, not only when the worker asks for it.
        | CREATE_NEW_PROCESS_GROUP
        | window_flag();
    // SAFETY: every string ends with a zero (`environment` with two), `line` may be changed by the call, and everything
    // is alive until it returns.
    let created = check(unsafe {
        CreateProcessW(
            program.as_ptr(),
            line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            1,
            flags,
            environment.as_ptr().cast(),
            directory.as_ref().map_or(ptr::null(), Vec::as_ptr),
            (&raw const startup.StartupInfo).cast(),
            &raw mut made,
        )
    });
    if let Err(error) = created {
        return Err(explain(error, &request));
    }
    // SAFETY: the system has just made this handle; nobody else knows it. Nobody needs the thread's.
    drop(unsafe { OwnedHandle::from_raw_handle(made.hThread) });
    // SAFETY: the system has just made this handle; nobody else knows it.
    let process = unsafe { OwnedHandle::from_raw_handle(made.hProcess) };
    Ok(Child::new(made.dwProcessId, process))
}

/// The ends of a request while a child may inherit them.
struct Inheritable<'a> {
    ends: &'a [InheritedEnd],
}

impl<'a> Inheritable<'a> {
    fn new(ends: &'a [InheritedEnd]) -> io::Result<Self> {
        // Made first, so that a failure half-way is undone.
        let inheritable = Self { ends };
        for end in ends {
            set_inheritable(end.as_handle(), true)?;
        }
        Ok(inheritable)
    }
}

impl Drop for Inheritable<'_> {
    fn drop(&mut self) {
        for end in self.ends {
            // The end is closed soon anyway.
            let _ = set_inheritable(end.as_handle(), false);
        }
    }
}

fn null_device() -> io::Result<OwnedHandle> {
    let file = OpenOptions::new().read(true).write(true).open("NUL")?;
    inheritable_copy(file.as_raw_handle())
}

/// A standard stream of this process, or the null device where there is none (a program with windows only).
fn standard_stream(which: STD_HANDLE) -> io::Result<OwnedHandle> {
    // SAFETY: GetStdHandle takes a constant.
    let raw = unsafe { GetStdHandle(which) };
    if raw.is_null() || raw == INVALID_HANDLE_VALUE {
        return null_device();
    }
    // SAFETY: the process's standard streams stay open.
    let stream = unsafe { BorrowedHandle::borrow_raw(raw) };
    inheritable_copy(stream.as_raw_handle()).or_else(|_| null_device())
}

/// A child of a program without a console would open one on the screen.
fn window_flag() -> u32 {
    // SAFETY: GetConsoleCP takes nothing; 0 means that there is no console.
    if unsafe { GetConsoleCP() } == 0 {
        CREATE_NO_WINDOW
    } else {
        0
    }
}

/// The system says "not found" for the program and an invalid name for the directory.
fn explain(error: io::Error, request: &SpawnRequest) -> io::Error {
    match &request.cwd {
        Some(directory) if !directory.is_dir() => io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "{} is not a directory",
                AsRef::<OsStr>::as_ref(directory).display()
            ),
        ),
        _ => error,
    }
}
