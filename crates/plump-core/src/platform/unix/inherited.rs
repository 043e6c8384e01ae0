//! Descriptors that cross from a parent to its child.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::{PipeReader, PipeWriter};

/// The descriptor that the first inherited end becomes in the child: the one after standard error.
pub const FIRST_INHERITED: i32 = 3;

/// A descriptor that a child will inherit. Close-on-exec here, so that only [`super::spawn`] hands it on; closed
/// here when it is dropped, which `spawn` does.
#[derive(Debug)]
pub struct InheritedEnd {
    descriptor: OwnedFd,
}

impl InheritedEnd {
    /// The descriptor in this process.
    #[must_use]
    pub fn handle_number(&self) -> u64 {
        u64::from(self.descriptor.as_raw_fd().unsigned_abs())
    }

    /// Takes the end for this process instead, as the reading end of a pipe.
    ///
    /// # Errors
    /// What `fcntl` says.
    pub fn into_reader(self) -> io::Result<PipeReader> {
        PipeReader::from_descriptor(self.descriptor)
    }

    /// Takes the end for this process instead, as the writing end of a pipe.
    ///
    /// # Errors
    /// What `fcntl` says.
    pub fn into_writer(self) -> io::Result<PipeWriter> {
        PipeWriter::from_descriptor(self.descriptor)
    }

    pub(in crate::platform) fn as_raw(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl From<OwnedFd> for InheritedEnd {
    /// The descriptor must be close-on-exec, as everything that Rust's standard library opens is.
    fn from(descriptor: OwnedFd) -> Self {
        Self { descriptor }
    }
}

/// The number under which a child sees the `index`-th end of [`super::SpawnRequest::inherit`].
#[must_use]
pub fn inherited_number(index: usize, _end: &InheritedEnd) -> u64 {
    u64::from(FIRST_INHERITED.unsigned_abs()) + index as u64
}

/// Takes over the inherited descriptor `number`: it must be open and above standard error; it becomes
/// close-on-exec, so that this process's own children do not keep the link alive.
pub(in crate::platform) fn adopt(number: u64) -> io::Result<OwnedFd> {
    let number = RawFd::try_from(number)
        .ok()
        .filter(|number| *number >= FIRST_INHERITED)
        .ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: F_GETFD takes no pointer and harms nothing, whatever the number is.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: F_SETFD takes no pointer; the descriptor is open, as F_GETFD has just said.
    if unsafe { libc::fcntl(number, libc::F_SETFD, flags | libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, and by the contract of the link it was handed to this process for this caller
    // alone: the parent named it in an environment variable that is deleted when it is read.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Whether the descriptor is a pipe.
pub(super) fn is_pipe(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    let mut about = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the descriptor is open while it is borrowed, and `about` has the size that fstat writes.
    if unsafe { libc::fstat(descriptor.as_raw_fd(), about.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fstat succeeded, so it has filled the whole structure.
    let about = unsafe { about.assume_init() };
    Ok(about.st_mode & libc::S_IFMT == libc::S_IFIFO)
}

/// Sets `O_NONBLOCK`. It lies on the open file description: the two ends of a pipe have one each, so the other
/// side keeps its own mode.
pub(in crate::platform) fn set_nonblocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: F_GETFL takes no pointer and the descriptor is open while it is borrowed.
    let flags = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    let flags = flags | libc::O_NONBLOCK;
    // SAFETY: F_SETFL takes no pointer and the descriptor is open while it is borrowed.
    if unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFL, flags) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Runs a read or write again as long as signals interrupt it.
pub(super) fn retry<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The same descriptor a second time, close-on-exec, at `least` or above.
pub(super) fn duplicate_at_least(descriptor: RawFd, least: RawFd) -> io::Result<File> {
    // SAFETY: F_DUPFD_CLOEXEC takes no pointer; the caller owns the descriptor it names.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, least) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fcntl has just made this descriptor; nobody else knows it.
    Ok(unsafe { File::from_raw_fd(copy) })
}
