//! How a process ended.

use std::fmt;

/// How a child ended. At most one of the two is set; neither is when somebody else in this process took the
/// status away (another library that waits for every child, or `SIGCHLD` set to ignored).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExitStatus {
    /// The code it exited with.
    pub code: Option<i32>,
    /// The signal that ended it; never set on Windows.
    pub signal: Option<i32>,
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => match super::signal_name(signal) {
                Some(name) => f.write_str(name),
                None => write!(f, "signal {signal}"),
            },
            (None, None) => f.write_str("unknown exit status"),
        }
    }
}
