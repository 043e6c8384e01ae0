//! As many busy workers as CPUs: whoever watches its ring keeps another one from running, so host and workers watch for
//! no longer than waking up would take ([`SpinWindow::narrow`](crate::channel::spin::SpinWindow::narrow)).
//!
//! A worker knows its own calls alone; the host sees all of them, and tells each worker by a word beside its ring.
//! `docs/decisions/0020-crowded-cpus.md` has the measurements.

use super::worker::Worker;
use crate::environment::State;
use crate::platform;

/// How long it counts as crowded, nanoseconds, after it last was: workers become idle and busy again within microseconds,
/// and each change is a write to every worker's ring.
const CROWDED_NS: u64 = 1_000_000;

/// Whether as many workers are busy as there are CPUs, as last looked.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    is_there: bool,
    seen_at: u64,
}

impl Crowd {
    pub(crate) fn is_there(&self) -> bool {
        self.is_there
    }

    /// Whether to look again at `now_ns`, when a call goes to a worker, which was idle until then if it `joins`.
    fn is_due(&self, joins: bool, now_ns: u64) -> bool {
        if self.is_there {
            now_ns.saturating_sub(self.seen_at) >= CROWDED_NS
        } else {
            joins
        }
    }

    /// Takes over how many are busy. `true`: the workers are to be told, also those that are new.
    fn note(&mut self, busy: usize, cpus: usize, now_ns: u64) -> bool {
        let was_there = self.is_there;
        self.is_there = busy >= cpus;
        if self.is_there {
            self.seen_at = now_ns;
        }
        was_there || self.is_there
    }
}

impl State {
    /// A call goes to the worker in `slot`: before it does, so that the worker knows when it begins.
    pub(super) fn note_crowd(&mut self, slot: usize) {
        let is_busy = |worker: &Worker| worker.window.in_flight() > 0;
        let joins = !self.worker_mut(slot).is_some_and(|worker| is_busy(worker));
        if !self.crowd.is_due(joins, self.now_ns) {
            return;
        }
        let others = self.workers.iter().flatten();
        let busy = others.filter(|worker| is_busy(worker)).count() + usize::from(joins);
        let cpus = platform::online_cpus();
        if !self.crowd.note(busy, cpus, self.now_ns) {
            return;
        }
        let crowded = self.crowd.is_there();
        for worker in self.workers.iter_mut().flatten() {
            if let Some(port) = &mut worker.data {
                port.channel().tell_crowded(crowded);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_for_when_a_worker_joins_and_while_it_is_there_once_in_a_millisecond() {
        let mut crowd = Crowd::default();
        assert!(!crowd.is_due(false, 0) && crowd.is_due(true, 0));
        assert!(!crowd.note(1, 2, 0), "nothing has changed");
        assert!(crowd.note(2, 2, 0) && crowd.is_there());
        assert!(!crowd.is_due(true, CROWDED_NS - 1));
        assert!(crowd.is_due(false, CROWDED_NS));
        assert!(crowd.note(3, 2, CROWDED_NS), "a new worker was not told");
        assert!(!crowd.is_due(true, 2 * CROWDED_NS - 1));
        assert!(crowd.note(1, 2, 2 * CROWDED_NS) && !crowd.is_there());
        assert!(!crowd.is_due(false, u64::MAX));
    }
}
