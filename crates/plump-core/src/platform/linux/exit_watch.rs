//! How a reactor learns that a child has exited: its pidfd becomes readable.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use super::poller::{self, PollMode, Poller};
use crate::platform::Event;
use crate::platform::unix::{Child, ExitReports};

#[derive(Debug)]
pub(in crate::platform) struct ExitWatch;

#[allow(clippy::unused_self)] // macOS keeps state here
impl ExitWatch {
    pub(in crate::platform) fn new() -> Self {
        Self
    }

    pub(in crate::platform) fn watch(
        &self,
        poller: &Poller,
        reports: &Arc<ExitReports>,
        key: usize,
        child: &Child,
    ) -> io::Result<()> {
        match child.handle().pidfd() {
            Some(pidfd) => {
                let event = poller::Event::readable(key);
                // SAFETY: the pidfd lives as long as the child, and by the contract of `unwatch_exit` that is
                // called before the child is dropped. (epoll drops a closed descriptor by itself anyway.)
                unsafe { poller.add_with_mode(pidfd.as_raw_fd(), event, PollMode::Oneshot) }
            }
            None => reports.wait_for(child.raw_pid(), key),
        }
    }

    pub(in crate::platform) fn unwatch(
        &self,
        poller: &Poller,
        reports: &Arc<ExitReports>,
        child: &Child,
    ) {
        match child.handle().pidfd() {
            // Fails only for a child that is not watched.
            Some(pidfd) => drop(poller.delete(pidfd.as_fd())),
            None => reports.forget(child.raw_pid()),
        }
    }

    /// Turns a report of the poller into one of the reactor: a pidfd is a source as any other.
    #[allow(clippy::unnecessary_wraps)] // macOS drops some
    pub(in crate::platform) fn translate(&self, event: &poller::Event) -> Option<Event> {
        Some(Event {
            key: event.key,
            readable: event.readable,
            writable: event.writable,
        })
    }
}
