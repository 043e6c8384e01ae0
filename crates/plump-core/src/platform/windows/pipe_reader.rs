//! The reading end of a pipe: a thread reads, whoever asks gets what it has read.
//!
//! An anonymous pipe can neither be waited for nor be read overlapped, and a read that waits on a synchronous handle
//! locks out every other operation on it. So the handle belongs to the thread alone.
//!
//! System calls: `CreatePipe`, `ReadFile`, `CancelSynchronousIo`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use windows_sys::Win32::Foundation::ERROR_OPERATION_ABORTED;
use windows_sys::Win32::System::IO::CancelSynchronousIo;
use windows_sys::Win32::System::Pipes::CreatePipe;

use super::handle::{adopt_pipe, check, lock};
use super::source::{Armed, SourceOf};
use super::{InheritedEnd, Source};

/// What a pipe holds in the system, bytes; it is chosen when the pipe is made. Nobody may have a read of this size under
/// way: the system counts it against the room for writers.
pub(super) const PIPE_BYTES: u32 = 256 * 1024;
/// What the thread holds ready beside it.
const READ_AHEAD_BYTES: usize = 256 * 1024;
/// What the thread reads at once.
const PART_BYTES: usize = 64 * 1024;
/// How often a destructor tries to wake the thread: a cancellation that comes before the read has begun is lost.
const CANCEL_EVERY: Duration = Duration::from_millis(1);
const CANCEL_ATTEMPTS: usize = 1_000;

/// The reading end of a pipe: not inheritable, never waits.
#[derive(Debug)]
pub struct PipeReader {
    incoming: Arc<Incoming>,
    thread: JoinHandle<()>,
}

/// What the thread and the owner share.
#[derive(Debug)]
pub(super) struct Incoming {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    end: Option<End>,
    closing: bool,
    armed: Option<Armed>,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Clean,
    Failed(i32),
}

/// A pipe that a child writes and this process reads.
///
/// # Errors
/// What `CreatePipe` says, and when there is no thread to be had.
pub fn pipe_from_child() -> io::Result<(PipeReader, InheritedEnd)> {
    let (reader, writer) = pipe()?;
    Ok((PipeReader::from_handle(reader)?, writer.into()))
}

/// In a worker: takes over the inherited handle `number` as the reading end of a pipe.
///
/// # Errors
/// `InvalidInput` when it is not open or not a pipe.
pub fn open_inherited_reader(number: u64) -> io::Result<PipeReader> {
    PipeReader::from_handle(adopt_pipe(number)?)
}

/// Both ends, not inheritable. (Rust's own would hold 4 KiB.)
pub(super) fn pipe() -> io::Result<(OwnedHandle, OwnedHandle)> {
    let (mut reader, mut writer) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: both handles outlive the call, which writes them; no attributes means not inheritable.
    check(unsafe { CreatePipe(&raw mut reader, &raw mut writer, ptr::null(), PIPE_BYTES) })?;
    // SAFETY: the system has just made this handle; nobody else knows it.
    let reader = unsafe { OwnedHandle::from_raw_handle(reader) };
    // SAFETY: the system has just made this handle; nobody else knows it.
    let writer = unsafe { OwnedHandle::from_raw_handle(writer) };
    Ok((reader, writer))
}

impl PipeReader {
    pub(super) fn from_handle(handle: OwnedHandle) -> io::Result<Self> {
        let incoming = Arc::new(Incoming {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let thread = thread::Builder::new().name("plump-pipe".into()).spawn({
            let incoming = Arc::clone(&incoming);
            move || incoming.read_all(&File::from(handle))
        })?;
        Ok(Self { incoming, thread })
    }

    /// Reads what there is, without waiting. `Ok(0)` is the end (for `into` that is not empty).
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing now; anything else is final.
    pub fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut state = lock(&self.incoming.state);
        if state.bytes.is_empty() {
            return match state.end {
                None => Err(io::ErrorKind::WouldBlock.into()),
                Some(End::Clean) => Ok(0),
                Some(End::Failed(number)) => Err(io::Error::from_raw_os_error(number)),
            };
        }
        let count = state.bytes.read(into)?;
        drop(state);
        self.incoming.changed.notify_all();
        Ok(count)
    }

    /// What to register with a [`super::Reactor`].
    #[must_use]
    pub fn source(&self) -> Source {
        Source {
            of: SourceOf::Reader(Arc::clone(&self.incoming)),
        }
    }

    /// The size of a pipe is chosen when it is made.
    #[allow(clippy::unused_self)] // the same signature on every system
    pub fn enlarge(&self, _bytes: usize) {}
}

impl Incoming {
    /// The life of the thread; the handle is closed when it ends.
    fn read_all(&self, mut pipe: &File) {
        let mut part = vec![0; PART_BYTES];
        loop {
            let mut state = lock(&self.state);
            while state.bytes.len() >= READ_AHEAD_BYTES && !state.closing {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.closing {
                return;
            }
            drop(state);
            let read = pipe.read(&mut part);
            let mut state = lock(&self.state);
            match read {
                Ok(0) => state.end = Some(End::Clean),
                Ok(count) => state.bytes.extend(&part[..count]),
                Err(error) => match error.raw_os_error() {
                    // Somebody cancelled: look whether this end is closing.
                    Some(number) if number.cast_unsigned() == ERROR_OPERATION_ABORTED => continue,
                    number => state.end = Some(End::Failed(number.unwrap_or_default())),
                },
            }
            let ended = state.end.is_some();
            let armed = state.armed.take();
            drop(state);
            if let Some(armed) = armed {
                armed.readable();
            }
            if ended {
                return;
            }
        }
    }

    pub(super) fn arm(&self, armed: Armed) {
        let mut state = lock(&self.state);
        if state.bytes.is_empty() && state.end.is_none() {
            state.armed = Some(armed);
        } else {
            drop(state);
            armed.readable();
        }
    }

    pub(super) fn disarm(&self) {
        lock(&self.state).armed = None;
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        lock(&self.incoming.state).closing = true;
        self.incoming.changed.notify_all();
        for _ in 0..CANCEL_ATTEMPTS {
            if self.thread.is_finished() {
                return;
            }
            // SAFETY: the handle of the thread lives as long as `self.thread`; nothing to cancel is not an error here.
            unsafe { CancelSynchronousIo(self.thread.as_raw_handle()) };
            thread::sleep(CANCEL_EVERY);
        }
        // A driver that does not let go: the thread stays until the other side closes its end.
    }
}
