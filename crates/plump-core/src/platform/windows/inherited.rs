//! Handles that cross from a parent to its child.

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};

use super::{PipeReader, PipeWriter};

/// Counts from here name inherited ends on Unix; on Windows a handle keeps its value.
pub const FIRST_INHERITED: i32 = 3;

/// A handle that a child will inherit. Not inheritable but for the moment of the spawn; closed here when it is
/// dropped, which [`super::spawn`] does.
#[derive(Debug)]
pub struct InheritedEnd {
    handle: OwnedHandle,
}

impl InheritedEnd {
    /// The handle in this process, and in the child.
    #[must_use]
    pub fn handle_number(&self) -> u64 {
        self.handle.as_raw_handle().addr() as u64
    }

    /// Takes the end for this process instead, as the reading end of a pipe.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn into_reader(self) -> io::Result<PipeReader> {
        PipeReader::from_handle(self.handle)
    }

    /// Takes the end for this process instead, as the writing end of a pipe.
    ///
    /// # Errors
    /// What `SetNamedPipeHandleState` says.
    pub fn into_writer(self) -> io::Result<PipeWriter> {
        PipeWriter::from_handle(self.handle)
    }

    pub(super) fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

impl From<OwnedHandle> for InheritedEnd {
    /// The handle must not be inheritable, as those that Rust's standard library opens are not.
    fn from(handle: OwnedHandle) -> Self {
        Self { handle }
    }
}

/// The number under which a child sees the `index`-th end of [`crate::platform::SpawnRequest::inherit`]: that of the
/// handle here.
#[must_use]
pub fn inherited_number(_index: usize, end: &InheritedEnd) -> u64 {
    end.handle_number()
}
