//! The bells on which one thread sleeps, as one descriptor: an epoll instance.
//!
//! An event loop that watches descriptors of its own can watch this one and sleeps on all the bells then. The bells are
//! edge-triggered and never read: each ring is an edge, and what a wait has reported is silent until the next ring.
//!
//! System calls: `epoll_create1`, `epoll_ctl`, `epoll_pwait2` (`epoll_wait` before Linux 5.11).

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

use super::Bell;
use super::poller::{Event, Events, PollMode, Poller};

/// How many rings one look takes; the rest comes with the next.
const RINGS_AT_ONCE: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Bells on which one thread sleeps. Bells may be added and removed by any thread at any time, also while it sleeps.
#[derive(Debug)]
pub struct BellSet {
    poller: Poller,
}

impl BellSet {
    /// A set of no bells.
    ///
    /// # Errors
    /// Usually too many open files.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
        })
    }

    /// Adds a bell. It must be removed before it is dropped: another process may hold the same bell, and it would ring on.
    ///
    /// # Errors
    /// What the system says when there is no memory left.
    pub fn add(&self, bell: &Arc<Bell>) -> io::Result<()> {
        // SAFETY: the contract of this function is that the bell is removed before it is dropped.
        unsafe {
            self.poller
                .add_with_mode(bell.as_raw_fd(), Event::readable(0), PollMode::Edge)
        }
    }

    /// Removes a bell; one that is not in the set is not an error.
    pub fn remove(&self, bell: &Arc<Bell>) {
        let _ = self.poller.delete(bell.as_fd());
    }

    /// Sleeps until one of the bells rings, or has rung since the last wait; at most `timeout`, `None` for ever. May return
    /// for no reason.
    pub fn wait(&self, timeout: Option<Duration>) {
        let mut events = Events::with_capacity(RINGS_AT_ONCE);
        // The only failures are interruptions and a set that does not exist: whoever waits looks again anyway.
        let _ = self.poller.wait(&mut events, timeout);
    }

    /// Forgets the rings that have come.
    pub fn clear(&self) {
        self.wait(Some(Duration::ZERO));
    }

    /// The descriptor that is readable while a ring has come that no wait has reported: for an event loop. Valid as long
    /// as `self`.
    #[must_use]
    pub fn descriptor(&self) -> Option<i32> {
        Some(self.poller.as_raw_fd())
    }
}
