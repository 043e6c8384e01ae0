//! Pipes.
//!
//! System calls: `pipe2` (macOS: `pipe`, then `fcntl`), `fcntl`, `fstat`, `read`, `write`, `close`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::inherited::{adopt, is_pipe, retry};
use super::{InheritedEnd, Source, set_nonblocking};
use crate::platform::system::{QuietWrites, enlarge};

/// The reading end of a pipe: close-on-exec, never waits.
#[derive(Debug)]
pub struct PipeReader {
    file: File,
}

/// The writing end of a pipe: close-on-exec, never waits, never raises `SIGPIPE`.
#[derive(Debug)]
pub struct PipeWriter {
    file: File,
    quiet: QuietWrites,
}

/// A pipe that this process writes and a child reads.
///
/// # Errors
/// What `pipe2` says: usually too many open files.
pub fn pipe_to_child() -> io::Result<(PipeWriter, InheritedEnd)> {
    let (reader, writer) = io::pipe()?;
    Ok((
        PipeWriter::from_descriptor(writer.into())?,
        OwnedFd::from(reader).into(),
    ))
}

/// A pipe that a child writes and this process reads.
///
/// # Errors
/// What `pipe2` says: usually too many open files.
pub fn pipe_from_child() -> io::Result<(PipeReader, InheritedEnd)> {
    let (reader, writer) = io::pipe()?;
    Ok((
        PipeReader::from_descriptor(reader.into())?,
        OwnedFd::from(writer).into(),
    ))
}

/// In a worker: takes over the inherited descriptor `number` as the reading end of a pipe.
///
/// # Errors
/// `EBADF` when it is not open (or is a standard stream), `InvalidInput` when it is not a pipe.
pub fn open_inherited_reader(number: u64) -> io::Result<PipeReader> {
    PipeReader::from_descriptor(adopt_pipe(number)?)
}

/// In a worker: takes over the inherited descriptor `number` as the writing end of a pipe.
///
/// # Errors
/// As [`open_inherited_reader`].
pub fn open_inherited_writer(number: u64) -> io::Result<PipeWriter> {
    PipeWriter::from_descriptor(adopt_pipe(number)?)
}

fn adopt_pipe(number: u64) -> io::Result<OwnedFd> {
    let descriptor = adopt(number)?;
    if is_pipe(descriptor.as_fd())? {
        return Ok(descriptor);
    }
    // Not ours after all: whoever opened it goes on using it.
    std::mem::forget(descriptor);
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("inherited descriptor {number} is not a pipe"),
    ))
}

impl PipeReader {
    pub(super) fn from_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        set_nonblocking(descriptor.as_fd())?;
        Ok(Self {
            file: descriptor.into(),
        })
    }

    /// Reads what there is, without waiting. `Ok(0)` is the end (for `into` that is not empty).
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing now; anything else is final.
    pub fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        retry(|| self.file.read(into))
    }

    /// What to register with a [`super::Reactor`]; valid as long as `self`.
    #[must_use]
    pub fn source(&self) -> Source {
        Source::new(self.file.as_raw_fd())
    }

    /// Asks for a buffer of about `bytes` in the system, as far as it can and will.
    pub fn enlarge(&self, bytes: usize) {
        enlarge(self.file.as_fd(), bytes);
    }
}

impl PipeWriter {
    pub(super) fn from_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        set_nonblocking(descriptor.as_fd())?;
        let quiet = QuietWrites::new(descriptor.as_fd())?;
        Ok(Self {
            file: descriptor.into(),
            quiet,
        })
    }

    /// Writes as much as fits, without waiting. A write of at most 512 bytes is taken whole or not at all.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits now, `BrokenPipe` when nobody will read; anything else is final, too.
    pub fn try_write(&mut self, from: &[u8]) -> io::Result<usize> {
        retry(|| self.quiet.during(|| (&self.file).write(from)))
    }

    /// What to register with a [`super::Reactor`]; valid as long as `self`.
    #[must_use]
    pub fn source(&self) -> Source {
        Source::new(self.file.as_raw_fd())
    }

    /// Asks for a buffer of about `bytes` in the system, as far as it can and will.
    pub fn enlarge(&self, bytes: usize) {
        enlarge(self.file.as_fd(), bytes);
    }
}
