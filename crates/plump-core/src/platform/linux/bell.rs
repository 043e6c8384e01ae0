//! A bell made of an `eventfd`.
//!
//! System calls: `eventfd2`, `read`, `write`, `poll`, `fcntl`.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::platform::unix::{
    InheritedEnd, Source, adopt, poll_readable, poll_readable_any, set_nonblocking,
};

/// Wakes one sleeper in this or another process. Level: a ring before the sleep is not lost, and the bell goes on
/// ringing until it is cleared.
#[derive(Debug)]
pub struct Bell {
    counter: File,
}

impl Bell {
    /// A silent bell.
    ///
    /// # Errors
    /// Usually too many open files.
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers.
        let number = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: eventfd has just made this descriptor; nobody else knows it.
        let counter = unsafe { File::from_raw_fd(number) };
        Ok(Self { counter })
    }

    /// Rings. Rings that nobody has cleared yet merge into one.
    pub fn ring(&self) {
        // The only failure is a counter that cannot grow any more: such a bell rings already. An eventfd never
        // waits for a signal in a write that is not blocking, so there is no interruption to repeat.
        let _ = (&self.counter).write(&1_u64.to_ne_bytes());
    }

    /// Makes the bell silent.
    pub fn clear(&self) {
        // WouldBlock: it was silent.
        let _ = (&self.counter).read(&mut [0; 8]);
    }

    /// Waits for a ring without clearing it; `false` when `timeout` passed first. `None` waits for ever.
    #[allow(clippy::must_use_candidate)] // who waits for ever knows the answer
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        poll_readable(self.descriptor(), timeout)
    }

    /// What to register with a [`crate::platform::Reactor`]; valid as long as `self`.
    #[must_use]
    pub fn source(&self) -> Source {
        Source::new(self.descriptor())
    }

    /// The same bell for a child.
    ///
    /// # Errors
    /// Usually too many open files.
    pub fn inherit(&self) -> io::Result<InheritedEnd> {
        Ok(OwnedFd::from(self.counter.try_clone()?).into())
    }

    /// In a worker: opens the bell that came as the inherited descriptor `number`.
    ///
    /// # Errors
    /// `EBADF` when it is not open, `InvalidInput` when it is not a bell.
    pub fn open_inherited(number: u64) -> io::Result<Self> {
        let descriptor = adopt(number)?;
        // Without /proc nothing tells an eventfd from another descriptor; then the parent is believed.
        let is_other = fs::read_link(format!("/proc/self/fd/{number}"))
            .is_ok_and(|target| target.as_os_str() != "anon_inode:[eventfd]");
        if is_other {
            // Not ours after all: whoever opened it goes on using it.
            std::mem::forget(descriptor);
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("inherited descriptor {number} is not a bell"),
            ));
        }
        set_nonblocking(descriptor.as_fd())?;
        Ok(Self {
            counter: descriptor.into(),
        })
    }

    fn descriptor(&self) -> RawFd {
        self.counter.as_raw_fd()
    }
}

/// Waits until one of the bells rings; `false` when `timeout` passed first. `None` waits for ever.
#[allow(clippy::must_use_candidate)] // who looks at everything anyway needs no answer
pub fn wait_any(bells: &[&Bell], timeout: Option<Duration>) -> bool {
    poll_readable_any(bells.iter().map(|bell| bell.descriptor()), timeout)
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.counter.as_fd()
    }
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor()
    }
}
