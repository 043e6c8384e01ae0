//! The job that every child belongs to: when this process ends, however it ends, the system closes the last handle of
//! the job and kills what is in it.
//!
//! System calls: `CreateJobObjectW`, `SetInformationJobObject`.

use std::io;
use std::mem;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;
use std::sync::Mutex;

use windows_sys::Win32::System::JobObjects::{
    CreateJobObjectW, JOB_OBJECT_LIMIT_BREAKAWAY_OK, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject,
};

use super::handle::{check, lock};

/// The job, made at the first use; its handle is never closed and not inheritable.
pub(super) fn job() -> io::Result<RawHandle> {
    static JOB: Mutex<Option<OwnedHandle>> = Mutex::new(None);
    let mut job = lock(&JOB);
    if let Some(job) = &*job {
        return Ok(job.as_raw_handle());
    }
    Ok(job.insert(create()?).as_raw_handle())
}

fn create() -> io::Result<OwnedHandle> {
    // SAFETY: null pointers mean not inheritable and without a name.
    let raw = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
    if raw.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just made this handle; nobody else knows it.
    let job = unsafe { OwnedHandle::from_raw_handle(raw) };
    // SAFETY: the structure is integers only; zeros are valid and mean no limits.
    let mut limits: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = unsafe { mem::zeroed() };
    // A process that a worker starts explicitly outside of every job (a daemon) may go on.
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    let bytes = u32::try_from(size_of_val(&limits)).map_err(|_| io::ErrorKind::InvalidInput)?;
    let kind = JobObjectExtendedLimitInformation;
    // SAFETY: `limits` has `bytes` bytes of the structure that this kind names, and outlives the call.
    check(unsafe { SetInformationJobObject(raw, kind, (&raw const limits).cast(), bytes) })?;
    Ok(job)
}
