//! The one place where the I/O thread sleeps: epoll, or kqueue by the `polling` crate; one-shot, but for bells.
//!
//! System calls: those of the system's `poller`; `pidfd_open` or a thread in `waitid` for the exit of a child on Linux.

use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Child;
use super::exit_waiter::ExitReports;
use crate::platform::system::ExitWatch;
use crate::platform::system::poller::{self, Events, PollMode, Poller};
use crate::platform::{Event, Interest};

/// What a reactor can watch: made by [`super::PipeReader::source`], [`super::PipeWriter::source`] and
/// `Bell::source`, valid as long as what it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    descriptor: RawFd,
}

impl Source {
    pub(in crate::platform) fn new(descriptor: RawFd) -> Self {
        Self { descriptor }
    }
}

/// Watches sources and children for one thread. [`Reactor::wait`] belongs to that thread; everything else may be
/// called by any thread at any time, also while `wait` sleeps.
///
/// A source is registered once, reports nothing until it is armed, and once per arming. It must be deregistered
/// before what it was made from is dropped. A report that `wait` had already taken from the system may still
/// come after that: whoever reuses keys must bear it.
#[derive(Debug)]
pub struct Reactor {
    poller: Arc<Poller>,
    registered: Mutex<HashMap<RawFd, Registered>>,
    exits: Arc<ExitReports>,
    exit_watch: ExitWatch,
    /// Used by `wait` alone; kept so that no sleep allocates.
    harvest: Mutex<Harvest>,
}

struct Harvest(Events);

impl std::fmt::Debug for Harvest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harvest").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Registered {
    key: usize,
    /// Whether the system knows the descriptor yet. It learns of it when it is armed for the first time: epoll
    /// reports a hang-up even to those who asked for nothing, and "silent until armed" would not hold.
    added: bool,
}

/// Keys of users lie below; the rest is for the reactor's own sources.
pub(in crate::platform) const KEYS: usize = usize::MAX / 2 + 1;

/// How many reports one `wait` takes at most; the rest comes with the next.
const REPORTS_AT_ONCE: NonZeroUsize = NonZeroUsize::new(256).unwrap();

// A source is taken by value because it is an owned handle on Windows.
#[allow(clippy::needless_pass_by_value)]
impl Reactor {
    /// A reactor without sources.
    ///
    /// # Errors
    /// Usually too many open files.
    pub fn new() -> io::Result<Self> {
        let poller = Arc::new(Poller::new()?);
        Ok(Self {
            exits: Arc::new(ExitReports::new(Arc::clone(&poller))),
            poller,
            registered: Mutex::default(),
            exit_watch: ExitWatch::new(),
            harvest: Mutex::new(Harvest(Events::with_capacity(REPORTS_AT_ONCE))),
        })
    }

    /// Registers a source under a key (below half of `usize`'s range); silent until it is armed.
    ///
    /// # Errors
    /// `InvalidInput` for a key that large, `AlreadyExists` for a source that is registered.
    pub fn register(&self, key: usize, source: Source) -> io::Result<()> {
        if key >= KEYS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the upper half of all keys belongs to the reactor itself",
            ));
        }
        let mut registered = lock(&self.registered);
        if registered.contains_key(&source.descriptor) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        registered.insert(source.descriptor, Registered { key, added: false });
        Ok(())
    }

    /// Arms a registered source under a key, which may be another one than before: one report, then silence. What
    /// is ready already is reported as well. Arming an armed source replaces its key and interest.
    ///
    /// # Errors
    /// `NotFound` for a source that is not registered; what the system says otherwise.
    pub fn arm(&self, key: usize, source: Source, interest: Interest) -> io::Result<()> {
        let (event, mode) = match interest {
            Interest::Readable => (poller::Event::readable(key), PollMode::Oneshot),
            Interest::Writable => (poller::Event::writable(key), PollMode::Oneshot),
            Interest::EveryRing => (poller::Event::readable(key), PollMode::Edge),
        };
        // Held over the system call: a source must not be deregistered between the look and the call.
        let mut registered = lock(&self.registered);
        let known = registered
            .get_mut(&source.descriptor)
            .ok_or(io::ErrorKind::NotFound)?;
        if known.added {
            // SAFETY: the source is registered, so by the contract of `register` its owner has it open.
            let descriptor = unsafe { BorrowedFd::borrow_raw(source.descriptor) };
            self.poller.modify_with_mode(descriptor, event, mode)?;
        } else {
            // SAFETY: as above; it is deleted by `deregister`, which comes before its owner closes it.
            unsafe { self.poller.add_with_mode(source.descriptor, event, mode) }?;
            known.added = true;
        }
        known.key = key;
        Ok(())
    }

    /// Forgets a source; one that is not registered is not an error.
    pub fn deregister(&self, source: Source) {
        let mut registered = lock(&self.registered);
        if registered
            .remove(&source.descriptor)
            .is_some_and(|known| known.added)
        {
            // SAFETY: the source was registered, so by the contract of `register` its owner has it open.
            let descriptor = unsafe { BorrowedFd::borrow_raw(source.descriptor) };
            // The only failures are of a descriptor that is gone already: then there is nothing to delete.
            let _ = self.poller.delete(descriptor);
        }
    }

    /// Reports `key` as readable once, when the child has exited (at once, if it has already).
    ///
    /// # Errors
    /// What the system says; `AlreadyExists` for a child that this reactor watches.
    pub fn watch_exit(&self, key: usize, child: &Child) -> io::Result<()> {
        self.exit_watch.watch(&self.poller, &self.exits, key, child)
    }

    /// Stops watching a child; to be called before the child is dropped, whether it was reported or not.
    pub fn unwatch_exit(&self, child: &Child) {
        self.exit_watch.unwatch(&self.poller, &self.exits, child);
    }

    /// Wakes the thread that is in `wait`, or lets the next `wait` return at once.
    pub fn notify(&self) {
        // An eventfd or a pipe that cannot take another ring rings already.
        let _ = self.poller.notify();
    }

    /// Sleeps until something is reported, somebody notifies, or the deadline passes; may return with nothing.
    /// Appends the reports to `events`.
    ///
    /// # Errors
    /// What the system says: the reactor is unusable.
    pub fn wait(&self, events: &mut Vec<Event>, deadline: Option<Instant>) -> io::Result<()> {
        let mut harvest = lock(&self.harvest);
        harvest.0.clear();
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        self.poller.wait(&mut harvest.0, timeout)?;
        let reports = harvest.0.iter();
        events.extend(reports.filter_map(|event| self.exit_watch.translate(&event)));
        self.exits.take(events);
        Ok(())
    }
}

/// No lock here is held while foreign code runs, so what it guards is whole even after a panic.
pub(in crate::platform) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
