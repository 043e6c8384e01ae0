//! The one place where the I/O thread sleeps: a condition variable that readers' and waiters' threads report to.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::handle::lock;
use super::source::{Armed, SourceOf};
use super::{Child, Source};
use crate::platform::{Event, Interest};

/// Watches sources and children for one thread. [`Reactor::wait`] belongs to that thread; everything else may be
/// called by any thread at any time, also while `wait` sleeps.
///
/// A source is registered once, reports nothing until it is armed, and once per arming. It must be deregistered
/// before what it was made from is dropped. A report that was already on its way may still come after that: whoever
/// reuses keys must bear it. "Writable" is a hint to try again: Windows tells nobody when a pipe has room.
#[derive(Debug)]
pub struct Reactor {
    reports: Arc<Reports>,
    registered: Mutex<HashSet<usize>>,
}

/// What has been reported and not yet been taken.
#[derive(Debug, Default)]
pub(super) struct Reports {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    notified: bool,
    ready: Vec<Event>,
    retries: Vec<Retry>,
    /// Counts watches, so that a thread that outlived its watch cannot report for a later child of the same id.
    watches: u64,
    watched: HashMap<u32, Watch>,
}

/// A writer that will be told to try again.
#[derive(Debug)]
struct Retry {
    source: usize,
    key: usize,
    at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Watch {
    number: u64,
    key: usize,
}

/// Keys of users lie below, on every system.
const KEYS: usize = usize::MAX / 2 + 1;

// A source is taken by value because it is an owned handle here.
#[allow(clippy::needless_pass_by_value)]
impl Reactor {
    /// A reactor without sources.
    ///
    /// # Errors
    /// None on this system.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            reports: Arc::default(),
            registered: Mutex::default(),
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
        if lock(&self.registered).insert(source.id()) {
            Ok(())
        } else {
            Err(io::ErrorKind::AlreadyExists.into())
        }
    }

    /// Arms a registered source under a key, which may be another one than before: one report, then silence. What
    /// is ready already is reported as well. Arming an armed source replaces its key and interest.
    ///
    /// # Errors
    /// `NotFound` for a source that is not registered; `InvalidInput` for the writing end of a pipe armed for reading
    /// and the reverse.
    pub fn arm(&self, key: usize, source: Source, interest: Interest) -> io::Result<()> {
        let registered = lock(&self.registered);
        if !registered.contains(&source.id()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let armed = Armed {
            reports: Arc::downgrade(&self.reports),
            key,
        };
        match (&source.of, interest) {
            (SourceOf::Reader(incoming), Interest::Readable) => incoming.arm(armed),
            (SourceOf::Bell(ringing), Interest::Readable) => ringing.arm(armed, false),
            (SourceOf::Bell(ringing), Interest::EveryRing) => ringing.arm(armed, true),
            (SourceOf::Writer(room), Interest::Writable) => {
                let at = Instant::now() + room.pause();
                self.reports.retry(Retry {
                    source: source.id(),
                    key,
                    at,
                });
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }

    /// Forgets a source; one that is not registered is not an error.
    pub fn deregister(&self, source: Source) {
        if !lock(&self.registered).remove(&source.id()) {
            return;
        }
        match &source.of {
            SourceOf::Reader(incoming) => incoming.disarm(),
            SourceOf::Bell(ringing) => ringing.disarm(),
            SourceOf::Writer(_) => self.reports.forget_retry(source.id()),
        }
    }

    /// Reports `key` as readable once, when the child has exited (at once, if it has already).
    ///
    /// # Errors
    /// When there is no handle or thread to be had; `AlreadyExists` for a child that this reactor watches.
    pub fn watch_exit(&self, key: usize, child: &Child) -> io::Result<()> {
        let pid = child.pid();
        let process = child.try_clone_handle()?;
        let mut state = lock(&self.reports.state);
        if state.watched.contains_key(&pid) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.watches += 1;
        let watch = Watch {
            number: state.watches,
            key,
        };
        let reports = Arc::clone(&self.reports);
        thread::Builder::new()
            .name(format!("plump-exit-{pid}"))
            .spawn(move || {
                super::child::wait(&process);
                reports.exited(pid, watch.number);
            })?;
        state.watched.insert(pid, watch);
        Ok(())
    }

    /// Stops watching a child; to be called before the child is dropped, whether it was reported or not. Its thread
    /// ends with it.
    pub fn unwatch_exit(&self, child: &Child) {
        lock(&self.reports.state).watched.remove(&child.pid());
    }

    /// Wakes the thread that is in `wait`, or lets the next `wait` return at once.
    pub fn notify(&self) {
        lock(&self.reports.state).notified = true;
        self.reports.changed.notify_all();
    }

    /// Sleeps until something is reported, somebody notifies, or the deadline passes; may return with nothing.
    /// Appends the reports to `events`.
    ///
    /// # Errors
    /// None on this system.
    pub fn wait(&self, events: &mut Vec<Event>, deadline: Option<Instant>) -> io::Result<()> {
        let mut state = lock(&self.reports.state);
        loop {
            let now = Instant::now();
            state.take_retries(now);
            let is_over = deadline.is_some_and(|deadline| deadline <= now);
            if !state.ready.is_empty() || state.notified || is_over {
                state.notified = false;
                events.append(&mut state.ready);
                return Ok(());
            }
            let next_retry = state.retries.iter().map(|retry| retry.at).min();
            state = match deadline.into_iter().chain(next_retry).min() {
                None => self
                    .reports
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(now);
                    let waited = self.reports.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Reports {
    pub(super) fn give(&self, event: Event) {
        lock(&self.state).ready.push(event);
        self.changed.notify_all();
    }

    fn retry(&self, retry: Retry) {
        let mut state = lock(&self.state);
        state.retries.retain(|known| known.source != retry.source);
        state.retries.push(retry);
        drop(state);
        // The one who waits may have to wake earlier now.
        self.changed.notify_all();
    }

    fn forget_retry(&self, source: usize) {
        lock(&self.state)
            .retries
            .retain(|known| known.source != source);
    }

    fn exited(&self, pid: u32, number: u64) {
        let mut state = lock(&self.state);
        let key = state
            .watched
            .get(&pid)
            .filter(|watch| watch.number == number)
            .map(|watch| watch.key);
        if let Some(key) = key {
            state.ready.push(Event {
                key,
                readable: true,
                writable: false,
            });
            drop(state);
            self.changed.notify_all();
        }
    }
}

impl State {
    fn take_retries(&mut self, now: Instant) {
        let ready = &mut self.ready;
        self.retries.retain(|retry| {
            let waits = retry.at > now;
            if !waits {
                ready.push(Event {
                    key: retry.key,
                    readable: false,
                    writable: true,
                });
            }
            waits
        });
    }
}
