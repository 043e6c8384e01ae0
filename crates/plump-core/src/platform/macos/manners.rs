//! Threads that don't push in.

/// What decides whether this thread, when it is woken, takes the CPU from the one that woke it. What macOS does then has
/// not been measured: threads keep what they have.
#[derive(Clone, Copy, Debug)]
pub struct Manners;

impl Manners {
    /// Of the calling thread.
    #[must_use]
    pub fn of_this_thread() -> Self {
        Self
    }

    /// Changes nothing.
    #[allow(clippy::unused_self)] // the same signature on every system
    pub fn stand_back(self) {}

    /// Changes nothing.
    #[allow(clippy::unused_self)] // the same signature on every system
    pub fn resume(self) {}
}
