//! What `posix_spawn` does to the descriptors of the new process.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use super::spawn::check;

/// A list of actions, carried out in the new process in the order in which they were added.
pub(in crate::platform) struct FileActions {
    raw: libc::posix_spawn_file_actions_t,
}

impl FileActions {
    pub(super) fn new() -> io::Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: `raw` has the size of the list that init fills.
        check(unsafe { libc::posix_spawn_file_actions_init(raw.as_mut_ptr()) })?;
        // SAFETY: init succeeded.
        let raw = unsafe { raw.assume_init() };
        Ok(Self { raw })
    }

    /// Opens `path` as descriptor `target`. Both implementations copy the path.
    pub(super) fn open(&mut self, target: RawFd, path: &CStr, flags: i32) -> io::Result<()> {
        let raw = self.as_mut_ptr();
        // SAFETY: the list was initialised, and `path` ends with a zero.
        check(unsafe {
            libc::posix_spawn_file_actions_addopen(raw, target, path.as_ptr(), flags, 0)
        })
    }

    /// Makes `target` the same as `from`, without close-on-exec.
    pub(super) fn duplicate(&mut self, from: RawFd, target: RawFd) -> io::Result<()> {
        let raw = self.as_mut_ptr();
        // SAFETY: the list was initialised; the numbers are checked when the action is carried out.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(raw, from, target) })
    }

    /// Changes to `directory`.
    pub(super) fn change_directory(&mut self, directory: &CStr) -> io::Result<()> {
        let raw = self.as_mut_ptr();
        // SAFETY: the list was initialised, and `directory` ends with a zero.
        check(unsafe { libc::posix_spawn_file_actions_addchdir_np(raw, directory.as_ptr()) })
    }

    pub(in crate::platform) fn as_ptr(&self) -> *const libc::posix_spawn_file_actions_t {
        &raw const self.raw
    }

    pub(in crate::platform) fn as_mut_ptr(&mut self) -> *mut libc::posix_spawn_file_actions_t {
        &raw mut self.raw
    }
}

impl Drop for FileActions {
    fn drop(&mut self) {
        // SAFETY: the list was initialised by `new` and is destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.raw) };
    }
}
