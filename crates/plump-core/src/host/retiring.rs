//! Workers that have served long enough: they finish what they have begun, the rest moves, others take their places.

use crate::control::Control;
use crate::debug;
use crate::environment::State;
use crate::platform;
use crate::process::Life;
use crate::timers::Timer;
use serde_json::json;
use std::time::{Duration, Instant};

/// How often the memory of a worker that has calls is looked at. A look costs some 10 µs.
const MEMORY_EVERY: Duration = Duration::from_millis(250);

impl State {
    pub(super) fn watch_age(&mut self, slot: usize, max_age_ms: u32) {
        if let Some(worker) = self.worker_mut(slot) {
            let due = worker.born + Duration::from_millis(u64::from(max_age_ms));
            let serial = worker.serial;
            self.add_timer(due, Timer::Age(serial));
        }
    }

    pub(crate) fn age_due(&mut self, serial: u64) {
        if let Some(slot) = self.slot_of_serial(serial) {
            self.retire_for_others(slot, "age");
        }
    }

    /// Retires a worker, and starts its successor if calls wait.
    fn retire_for_others(&mut self, slot: usize, why: &str) {
        self.retire(slot, why);
        if let Some(pool) = self.worker_mut(slot).map(|worker| worker.pool) {
            self.dispatch(pool);
        }
    }

    /// Looks at a worker's memory in a while, if that has a limit.
    pub(super) fn watch_memory(&mut self, slot: usize) {
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        if worker.memory_watched {
            return;
        }
        let limited = |pool: &super::Pool| pool.options.max_rss_bytes > 0;
        // Once is enough where there is no limit.
        worker.memory_watched = true;
        if self.pools.get(&worker.pool).is_some_and(limited) {
            let serial = worker.serial;
            self.add_timer(Instant::now() + MEMORY_EVERY, Timer::Memory(serial));
        }
    }

    pub(crate) fn memory_due(&mut self, serial: u64) {
        let Some(slot) = self.slot_of_serial(serial) else {
            return;
        };
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        worker.memory_watched = false;
        let (pool, pid, busy) = (worker.pool, worker.pid, worker.window.in_flight() > 0);
        let limit = self
            .pools
            .get(&pool)
            .map_or(0, |pool| pool.options.max_rss_bytes);
        let resident = pid.and_then(platform::resident_bytes);
        if resident.is_some_and(|bytes| bytes > limit) {
            self.retire_for_others(slot, "memory");
        } else if busy {
            self.watch_memory(slot);
        }
    }

    /// Lets a worker finish what it has begun, and then end. What it has not begun is run elsewhere.
    pub(super) fn retire(&mut self, slot: usize, why: &str) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if worker.life != Life::Ready || worker.leaving || worker.condemned_by.is_some() {
            return;
        }
        debug!("worker {:?} is retired: {why}", worker.pid);
        worker.leaving = true;
        // What is too large to be kept here stays, and then everything does: it was sent to be begun at once.
        let number = u32::try_from(slot).unwrap_or(u32::MAX);
        let may_move = self
            .calls
            .of_worker(number)
            .all(|(_, call)| call.kept.is_some());
        if may_move
            && self
                .worker_mut(slot)
                .is_some_and(|worker| worker.window.in_flight() > 0)
        {
            self.ask_for_calls(slot, &Control::Recall);
        }
        let pool = self.worker_mut(slot).map(|worker| worker.pool);
        if let Some(pool) = pool {
            self.note_places(pool);
        }
        self.tell_retired(slot, why);
        self.let_go(slot);
    }

    pub(super) fn tell_retired(&mut self, slot: usize, why: &str) {
        if let Some(worker) = self.worker_mut(slot) {
            let (pool, pid) = (worker.pool, worker.pid);
            self.tell(
                pool,
                &json!({ "event": "retire", "pid": pid, "reason": why }),
            );
        }
    }
}
