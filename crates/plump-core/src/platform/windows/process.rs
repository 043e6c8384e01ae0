//! This process itself.
//!
//! System calls: `TerminateProcess`, `SetConsoleCtrlHandler`, `NtQueryInformationProcess`.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::process;
use std::ptr;

use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, TerminateProcess};

/// Ends this process at once: no handler runs, nothing is flushed, no library is told.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: GetCurrentProcess takes nothing and gives a constant that needs no closing.
    let this_process = unsafe { GetCurrentProcess() };
    // SAFETY: a process may always end itself.
    unsafe { TerminateProcess(this_process, code.cast_unsigned()) };
    // Not reached; the compiler cannot know.
    process::abort()
}

/// Ignores Ctrl-C of the console (it reaches every process of a group; ending a worker is its host's decision).
pub fn ignore_interrupt() {
    // SAFETY: no handler with "add" means that this process ignores Ctrl-C.
    unsafe { SetConsoleCtrlHandler(None, 1) };
}

/// In a worker: whether its parent is still there. Always `true`: a worker is in its host's job from its first
/// instruction, so it cannot have outlived it.
#[must_use]
pub fn adopt_parent(_expected_parent: u32) -> bool {
    true
}

/// Signals end no process on Windows, so none has a name.
#[must_use]
pub fn signal_name(_signal: i32) -> Option<&'static str> {
    None
}

/// What the system tells of a process.
#[repr(C)]
struct ProcessBasicInformation {
    exit_status: isize,
    environment: *mut c_void,
    affinity: usize,
    base_priority: isize,
    own_id: usize,
    parent_id: usize,
}

/// The kind of information that `ProcessBasicInformation` is.
const PROCESS_BASIC_INFORMATION: i32 = 0;

#[link(name = "ntdll")]
unsafe extern "system" {
    fn NtQueryInformationProcess(
        process: *mut c_void,
        kind: i32,
        into: *mut ProcessBasicInformation,
        bytes: u32,
        written: *mut u32,
    ) -> i32;
}

/// The process id of the process that started this one (whether it still runs or not), 0 if the system does not tell.
#[must_use]
pub fn parent_id() -> u32 {
    let mut about = MaybeUninit::<ProcessBasicInformation>::uninit();
    let Ok(bytes) = u32::try_from(size_of::<ProcessBasicInformation>()) else {
        return 0;
    };
    // SAFETY: GetCurrentProcess takes nothing and gives a constant that needs no closing.
    let this_process = unsafe { GetCurrentProcess() };
    let kind = PROCESS_BASIC_INFORMATION;
    // SAFETY: `about` has `bytes` bytes of the structure that this kind names, and outlives the call.
    let failed = unsafe {
        NtQueryInformationProcess(
            this_process,
            kind,
            about.as_mut_ptr(),
            bytes,
            ptr::null_mut(),
        )
    };
    if failed != 0 {
        return 0;
    }
    // SAFETY: the call succeeded, so it has filled the structure.
    u32::try_from(unsafe { about.assume_init() }.parent_id).unwrap_or(0)
}
