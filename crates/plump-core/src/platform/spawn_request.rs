//! What is asked of a new process.

use std::ffi::OsString;
use std::path::PathBuf;

use super::InheritedEnd;

/// A process to start. Its standard input is empty, its standard output is this process's, and it gets no other
/// descriptor or handle than those named here (see `docs/platforms.md` for the one exception).
#[derive(Debug)]
pub struct SpawnRequest {
    /// Absolute path of the program; `PATH` is not searched.
    pub program: OsString,
    /// Its arguments, without the program itself.
    pub args: Vec<OsString>,
    /// Its whole environment: nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// The directory it starts in; `None` is that of this process.
    pub cwd: Option<PathBuf>,
    /// What it inherits. On Unix the i-th becomes descriptor `FIRST_INHERITED + i`, on Windows the values stay;
    /// [`super::inherited_number`] tells the number the child will see.
    pub inherit: Vec<InheritedEnd>,
    /// Its standard error; `None` is that of this process.
    pub stderr: Option<InheritedEnd>,
}
