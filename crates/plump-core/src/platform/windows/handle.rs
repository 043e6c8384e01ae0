//! Handles: what they refer to and who inherits them.
//!
//! System calls: `DuplicateHandle`, `SetHandleInformation`, `GetFileType`.

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, HANDLE_FLAG_INHERIT, SetHandleInformation,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_PIPE, GetFileType};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

/// Most functions answer with zero when they fail.
pub(super) fn check(answer: i32) -> io::Result<()> {
    if answer == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Says whether children that inherit handles inherit this one.
pub(super) fn set_inheritable(handle: BorrowedHandle<'_>, inheritable: bool) -> io::Result<()> {
    let flags = if inheritable { HANDLE_FLAG_INHERIT } else { 0 };
    let handle = handle.as_raw_handle();
    // SAFETY: the handle is open while it is borrowed.
    check(unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, flags) })
}

/// The same object under a second handle that children inherit.
pub(super) fn inheritable_copy(handle: RawHandle) -> io::Result<OwnedHandle> {
    let mut copy = ptr::null_mut();
    // SAFETY: GetCurrentProcess takes nothing and gives a constant that needs no closing.
    let this_process = unsafe { GetCurrentProcess() };
    // SAFETY: an invalid handle is an error, not undefined; `copy` outlives the call, which writes it.
    check(unsafe {
        DuplicateHandle(
            this_process,
            handle,
            this_process,
            &raw mut copy,
            0,
            1,
            DUPLICATE_SAME_ACCESS,
        )
    })?;
    // SAFETY: the system has just made this handle; nobody else knows it.
    Ok(unsafe { OwnedHandle::from_raw_handle(copy) })
}

/// Takes over the inherited handle `number`: it must be open and a pipe; it becomes not inheritable, so that this
/// process's own children do not keep the link alive.
pub(super) fn adopt_pipe(number: u64) -> io::Result<OwnedHandle> {
    let address = usize::try_from(number).map_err(|_| io::ErrorKind::InvalidInput)?;
    let raw: RawHandle = ptr::without_provenance_mut(address);
    // SAFETY: an invalid handle is an error, not undefined.
    if unsafe { GetFileType(raw) } != FILE_TYPE_PIPE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("inherited handle {number} is not a pipe"),
        ));
    }
    // SAFETY: the handle is open, and by the contract of the link it was handed to this process for this caller
    // alone: the parent named it in an environment variable that is deleted when it is read.
    let handle = unsafe { OwnedHandle::from_raw_handle(raw) };
    // SAFETY: the handle lives as long as `handle`.
    set_inheritable(unsafe { BorrowedHandle::borrow_raw(raw) }, false)?;
    Ok(handle)
}

/// No lock here is held while foreign code runs, so what it guards is whole even after a panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
