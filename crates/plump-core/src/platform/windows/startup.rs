//! The list of attributes that a new process starts with: exactly these handles, in this job.
//!
//! System calls: `InitializeProcThreadAttributeList`, `UpdateProcThreadAttribute`, `DeleteProcThreadAttributeList`.

use std::io;
use std::os::windows::io::RawHandle;
use std::ptr;

use windows_sys::Win32::System::Threading::{
    DeleteProcThreadAttributeList, InitializeProcThreadAttributeList, LPPROC_THREAD_ATTRIBUTE_LIST,
    PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROC_THREAD_ATTRIBUTE_JOB_LIST, UpdateProcThreadAttribute,
};

use super::handle::check;

const ATTRIBUTES: u32 = 2;

/// Without the list of handles a child would inherit every inheritable handle of this process, also those that
/// another thread makes inheritable at this moment for a child of its own.
pub(super) struct Startup {
    /// Room for the list, aligned for pointers; the list points into the vectors below, which never change.
    list: Vec<usize>,
    handles: Vec<RawHandle>,
    jobs: Vec<RawHandle>,
}

impl Startup {
    /// `handles` must be inheritable and different from each other.
    pub(super) fn new(handles: Vec<RawHandle>, job: RawHandle) -> io::Result<Self> {
        let mut bytes = 0;
        // SAFETY: a null pointer asks for the size alone, which is written to `bytes`; this "fails" by design.
        unsafe {
            InitializeProcThreadAttributeList(ptr::null_mut(), ATTRIBUTES, 0, &raw mut bytes)
        };
        let mut list = vec![0_usize; bytes.div_ceil(size_of::<usize>())];
        // SAFETY: `list` has as many bytes as the system has just asked for.
        check(unsafe {
            InitializeProcThreadAttributeList(
                list.as_mut_ptr().cast(),
                ATTRIBUTES,
                0,
                &raw mut bytes,
            )
        })?;
        let mut startup = Self {
            list,
            handles,
            jobs: vec![job],
        };
        let (handles, jobs) = (startup.handles.as_ptr(), startup.jobs.as_ptr());
        let handle_bytes = size_of_val(startup.handles.as_slice());
        let job_bytes = size_of_val(startup.jobs.as_slice());
        startup.set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles, handle_bytes)?;
        startup.set(PROC_THREAD_ATTRIBUTE_JOB_LIST, jobs, job_bytes)?;
        Ok(startup)
    }

    fn set(&mut self, attribute: u32, values: *const RawHandle, bytes: usize) -> io::Result<()> {
        let list = self.as_mut_ptr();
        let nothing = ptr::null_mut();
        // SAFETY: the list is initialised; `values` has `bytes` bytes and lives, unmoved, as long as the list.
        check(unsafe {
            UpdateProcThreadAttribute(
                list,
                0,
                attribute as usize,
                values.cast(),
                bytes,
                nothing,
                ptr::null(),
            )
        })
    }

    pub(super) fn as_mut_ptr(&mut self) -> LPPROC_THREAD_ATTRIBUTE_LIST {
        self.list.as_mut_ptr().cast()
    }
}

impl Drop for Startup {
    fn drop(&mut self) {
        // SAFETY: the list was initialised by `new` and is deleted once.
        unsafe { DeleteProcThreadAttributeList(self.list.as_mut_ptr().cast()) };
    }
}
