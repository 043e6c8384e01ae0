//! The writing end of a pipe: in the mode in which a write takes what fits and returns.
//!
//! What was taken lies in the system, not in a buffer here: a process that ends right after a write loses nothing. A
//! thread that writes would have to be waited for at every exit. The price is that nothing reports room: a writer that
//! found none is told to try again after a pause, which grows from 1 to 16 ms as long as nothing is taken.
//!
//! System calls: `SetNamedPipeHandleState(PIPE_NOWAIT)`, `WriteFile`.

use std::fs::File;
use std::io::{self, Write};
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use windows_sys::Win32::System::Pipes::{PIPE_NOWAIT, PIPE_READMODE_BYTE, SetNamedPipeHandleState};

use super::handle::{adopt_pipe, check};
use super::pipe_reader::pipe;
use super::source::SourceOf;
use super::{InheritedEnd, Source};

/// What is offered at once. A write that does not fit may be refused as a whole, so a refused one is tried again in
/// smaller parts, down to `LEAST_BYTES`.
const MOST_BYTES: usize = 64 * 1024;
const LEAST_BYTES: usize = 512;
const SHRINK: usize = 4;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const DOUBLINGS: u32 = 4;

/// The writing end of a pipe: not inheritable, never waits.
#[derive(Debug)]
pub struct PipeWriter {
    file: File,
    room: Arc<Room>,
}

/// How long this writer has found no room.
#[derive(Debug, Default)]
pub(super) struct Room {
    refusals: AtomicU32,
}

impl Room {
    /// When to try again.
    pub(super) fn pause(&self) -> Duration {
        let refusals = self.refusals.fetch_add(1, Ordering::Relaxed);
        FIRST_PAUSE * (1 << refusals.min(DOUBLINGS))
    }
}

/// A pipe that this process writes and a child reads.
///
/// # Errors
/// What `CreatePipe` says.
pub fn pipe_to_child() -> io::Result<(PipeWriter, InheritedEnd)> {
    let (reader, writer) = pipe()?;
    Ok((PipeWriter::from_handle(writer)?, reader.into()))
}

/// In a worker: takes over the inherited handle `number` as the writing end of a pipe.
///
/// # Errors
/// `InvalidInput` when it is not open or not a pipe.
pub fn open_inherited_writer(number: u64) -> io::Result<PipeWriter> {
    PipeWriter::from_handle(adopt_pipe(number)?)
}

impl PipeWriter {
    pub(super) fn from_handle(handle: OwnedHandle) -> io::Result<Self> {
        let mode = PIPE_READMODE_BYTE | PIPE_NOWAIT;
        let raw = handle.as_raw_handle();
        // SAFETY: the handle is open and `mode` outlives the call; null pointers leave the rest as it is.
        check(unsafe { SetNamedPipeHandleState(raw, &raw const mode, ptr::null(), ptr::null()) })?;
        Ok(Self {
            file: handle.into(),
            room: Arc::default(),
        })
    }

    /// Writes as much as fits, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits now, `BrokenPipe` when nobody will read; anything else is final, too.
    pub fn try_write(&mut self, from: &[u8]) -> io::Result<usize> {
        if from.is_empty() {
            return Ok(0);
        }
        let mut offer = from.len().min(MOST_BYTES);
        loop {
            let written = self.file.write(&from[..offer])?;
            if written > 0 {
                self.room.refusals.store(0, Ordering::Relaxed);
                return Ok(written);
            }
            if offer <= LEAST_BYTES {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            offer = (offer / SHRINK).max(LEAST_BYTES);
        }
    }

    /// What to register with a [`super::Reactor`].
    #[must_use]
    pub fn source(&self) -> Source {
        Source {
            of: SourceOf::Writer(Arc::clone(&self.room)),
        }
    }

    /// The size of a pipe is chosen when it is made.
    #[allow(clippy::unused_self)] // the same signature on every system
    pub fn enlarge(&self, _bytes: usize) {}
}
