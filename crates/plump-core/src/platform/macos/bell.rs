//! A bell made of a pipe: there is no `eventfd`, and a kqueue cannot be inherited.

use std::time::Duration;

use crate::platform::unix::poll_readable_any;

pub use crate::platform::unix::PipeBell as Bell;

/// Waits until one of the bells rings; `false` when `timeout` passed first. `None` waits for ever.
#[allow(clippy::must_use_candidate)] // who looks at everything anyway needs no answer
pub fn wait_any(bells: &[&Bell], timeout: Option<Duration>) -> bool {
    poll_readable_any(bells.iter().map(|bell| bell.descriptor()), timeout)
}
