//! How `posix_spawn` sets the signals of the new process.

use std::io;
use std::mem::MaybeUninit;

use super::spawn::check;
use crate::platform::system::EXTRA_SPAWN_FLAGS;

/// No signal blocked, every signal at its default, whatever this process and the spawning thread have: Node ignores
/// `SIGPIPE`, thread pools block signals, and both would be inherited.
pub(super) struct SpawnAttributes {
    raw: libc::posix_spawnattr_t,
}

impl SpawnAttributes {
    pub(super) fn new() -> io::Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: `raw` has the size of the attributes that init fills.
        check(unsafe { libc::posix_spawnattr_init(raw.as_mut_ptr()) })?;
        // SAFETY: init succeeded.
        let raw = unsafe { raw.assume_init() };
        let mut attributes = Self { raw };
        attributes.set_signals()?;
        Ok(attributes)
    }

    fn set_signals(&mut self) -> io::Result<()> {
        let none = empty_set();
        // SAFETY: the attributes and the set are initialised.
        check(unsafe { libc::posix_spawnattr_setsigmask(&raw mut self.raw, &raw const none) })?;

        let mut catchable = full_set();
        for fixed in [libc::SIGKILL, libc::SIGSTOP] {
            // SAFETY: the set is initialised and the signal exists.
            unsafe { libc::sigdelset(&raw mut catchable, fixed) };
        }
        // SAFETY: the attributes and the set are initialised.
        check(unsafe {
            libc::posix_spawnattr_setsigdefault(&raw mut self.raw, &raw const catchable)
        })?;

        let flags = libc::POSIX_SPAWN_SETSIGMASK as libc::c_int
            | libc::POSIX_SPAWN_SETSIGDEF as libc::c_int
            | EXTRA_SPAWN_FLAGS;
        let flags = libc::c_short::try_from(flags).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: the attributes are initialised.
        check(unsafe { libc::posix_spawnattr_setflags(&raw mut self.raw, flags) })
    }

    pub(super) fn as_ptr(&self) -> *const libc::posix_spawnattr_t {
        &raw const self.raw
    }
}

impl Drop for SpawnAttributes {
    fn drop(&mut self) {
        // SAFETY: the attributes were initialised by `new` and are destroyed once.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.raw) };
    }
}

fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `set` has the size that sigemptyset fills; it cannot fail.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: filled by the call above.
    unsafe { set.assume_init() }
}

fn full_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `set` has the size that sigfillset fills; it cannot fail.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    // SAFETY: filled by the call above.
    unsafe { set.assume_init() }
}
