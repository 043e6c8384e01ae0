//! How a reactor learns that a child has exited: a process filter of its kqueue.
//!
//! System calls: `kevent(EVFILT_PROC, NOTE_EXIT)`, `waitid(WNOWAIT)`.

use std::collections::HashMap;
use std::io;
use std::num::NonZero;
use std::sync::{Arc, Mutex};

use polling::os::kqueue::{PollerKqueueExt, Process, ProcessOps};
use polling::{PollMode, Poller};

use crate::platform::Event;
use crate::platform::unix::{Child, ExitReports, KEYS, lock, wait_without_reaping};

/// Marks the keys of exits among those of sources; the reactor takes no key so large.
const EXIT: usize = KEYS;

#[derive(Debug)]
pub(in crate::platform) struct ExitWatch {
    watched: Mutex<HashMap<usize, libc::pid_t>>,
}

impl ExitWatch {
    pub(in crate::platform) fn new() -> Self {
        Self {
            watched: Mutex::default(),
        }
    }

    pub(in crate::platform) fn watch(
        &self,
        poller: &Poller,
        reports: &Arc<ExitReports>,
        key: usize,
        child: &Child,
    ) -> io::Result<()> {
        let pid = child.raw_pid();
        let mut watched = lock(&self.watched);
        if watched.contains_key(&key) || watched.values().any(|known| *known == pid) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let filter = filter_of(pid)?;
        match poller.add_filter(filter, key | EXIT, PollMode::Oneshot) {
            Ok(()) => {
                watched.insert(key, pid);
                Ok(())
            }
            Err(error) => {
                // `polling` remembers the filter although the system refused it.
                let _ = poller.delete_filter(filter_of(pid)?);
                if error.raw_os_error() == Some(libc::ESRCH) {
                    // It has exited already: the filter takes no dead process.
                    wait_without_reaping(pid);
                    reports.report(pid, key);
                    return Ok(());
                }
                Err(error)
            }
        }
    }

    pub(in crate::platform) fn unwatch(
        &self,
        poller: &Poller,
        reports: &Arc<ExitReports>,
        child: &Child,
    ) {
        let pid = child.raw_pid();
        lock(&self.watched).retain(|_, known| *known != pid);
        if let Ok(filter) = filter_of(pid) {
            // Fails only for a child that is not watched.
            let _ = poller.delete_filter(filter);
        }
        reports.forget(pid);
    }

    /// Turns a report of the poller into one of the reactor; `None` for a child that nobody watches any more.
    pub(in crate::platform) fn translate(&self, event: &polling::Event) -> Option<Event> {
        if event.key & EXIT == 0 {
            return Some(Event {
                key: event.key,
                readable: event.readable,
                writable: event.writable,
            });
        }
        let key = event.key & !EXIT;
        let pid = *lock(&self.watched).get(&key)?;
        // The system reports the exit a moment before the status can be taken, and whoever hears of the exit looks
        // for the status once. The process is past the point of no return: this takes microseconds.
        wait_without_reaping(pid);
        Some(Event {
            key,
            readable: true,
            writable: false,
        })
    }
}

fn filter_of(pid: libc::pid_t) -> io::Result<Process<'static>> {
    let pid = NonZero::new(pid).ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: the number is that of a child that is not reaped, as long as its `Child` is borrowed by the callers.
    Ok(unsafe { Process::from_pid(pid, ProcessOps::Exit) })
}
