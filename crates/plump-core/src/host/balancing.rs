//! Calls that lie in a worker behind one that takes long, while another worker has time for them.

use super::worker::Worker;
use crate::control::Control;
use crate::environment::State;
use crate::limits::PREFETCH_US;
use crate::platform;
use crate::router::{Call, CallId};
use crate::timers::Timer;
use std::time::{Duration, Instant};

/// How often a worker is looked at that has calls behind the one that runs, at most; not before it can be stuck.
const AHEAD_EVERY: Duration = Duration::from_micros(PREFETCH_US as u64);

/// While nobody else could take what waits, it is looked at less and less often, down to every 16 ms: whoever has time
/// asks for it himself (`help_others`).
const MAX_DOUBLINGS: u32 = 4;

/// Calls that are asked back at once, at most: a message of so many has some 10 KiB.
const MAX_ASKED: usize = 1024;

impl State {
    /// Looks in a while whether a worker is held up.
    pub(super) fn watch_ahead(&mut self, slot: usize) {
        let now_ns = self.now_ns;
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if !std::mem::replace(&mut worker.ahead_watched, true) {
            let serial = worker.serial;
            // A worker alone is only looked at for what has run there and is not answered.
            let doublings = if worker.shares {
                worker.vain_looks.min(MAX_DOUBLINGS)
            } else {
                MAX_DOUBLINGS
            };
            let pause = AHEAD_EVERY * (1 << doublings);
            // Each look wakes the I/O thread, where workers may want every CPU.
            let pause = pause.max(Duration::from_nanos(worker.window.stuck_in(now_ns)));
            self.add_timer(Instant::now() + pause, Timer::Ahead(serial));
        }
    }

    pub(crate) fn ahead_due(&mut self, serial: u64) {
        let Some(slot) = self.slot_of_serial(serial) else {
            return;
        };
        self.now_ns = platform::monotonic_ns();
        let now_ns = self.now_ns;
        let waits_for_js =
            self.js_keeps_cpu(now_ns) && self.worker_mut(slot).is_some_and(Worker::may_have_bytes);
        if !waits_for_js {
            // It may have answered, and JavaScript been too busy to look.
            self.pump_worker(slot);
        }
        let Some(worker) = self.worker_by_serial(serial) else {
            return;
        };
        worker.ahead_watched = false;
        if waits_for_js {
            worker.vain_looks += 1;
            self.watch_ahead(slot);
            return;
        }
        if !worker.window.holds_waiting() {
            worker.vain_looks = 0;
            return;
        }
        let is_stuck = worker.window.is_stuck(now_ns);
        let pool = worker.pool;
        let helped = is_stuck && self.another_goes_on(pool, slot) && self.ask_back(slot);
        if is_stuck && !helped {
            self.ask_for_answers(slot);
        }
        if let Some(worker) = self.worker_by_serial(serial) {
            let in_vain = is_stuck && !helped;
            worker.vain_looks = if in_vain { worker.vain_looks + 1 } else { 0 };
        }
        self.watch_ahead(slot);
    }

    /// Nothing can go elsewhere, but what has run already may wait in a worker to be answered with what runs now: it is asked for
    /// no calls, once since it last answered.
    fn ask_for_answers(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let moved_at = worker.window.moved_at();
        if worker.recalls == 0
            && std::mem::replace(&mut worker.asked_to_answer, moved_at) != moved_at
        {
            self.ask_for_calls(slot, &Control::GiveBack(Vec::new()));
        }
    }

    fn another_goes_on(&self, pool: u32, but: usize) -> bool {
        let mut workers = self.workers.iter().enumerate();
        workers.any(|(slot, worker)| {
            worker.as_deref().is_some_and(|worker| {
                slot != but
                    && worker.pool == pool
                    && worker.serves()
                    && !worker.window.is_held_up(self.now_ns)
            })
        })
    }

    /// A worker that has nothing to do takes what lies in others behind calls that take long.
    pub(super) fn help_others(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if !worker.shares || worker.window.in_flight() > 0 || !worker.serves() {
            return;
        }
        let pool = worker.pool;
        if self
            .pools
            .get(&pool)
            .is_none_or(|pool| !pool.queue.is_empty())
        {
            return;
        }
        let now_ns = self.now_ns;
        let held_up = |worker: &Worker| {
            worker.pool == pool
                && worker.serves()
                && worker.window.holds_waiting()
                && worker.window.is_held_up(now_ns)
        };
        let victim = self
            .workers
            .iter()
            .position(|worker| worker.as_deref().is_some_and(held_up));
        if let Some(victim) = victim {
            self.ask_back(victim);
        }
    }

    /// Asks a worker for the calls that it has not begun; `false`: it has none. Those of a key belong there, and what was not
    /// kept stays.
    fn ask_back(&mut self, slot: usize) -> bool {
        let Some(worker) = self.worker_mut(slot) else {
            return false;
        };
        if worker.recalls > 0 || !worker.serves() {
            return false;
        }
        let number = u32::try_from(slot).unwrap_or(u32::MAX);
        let has = self.calls.ids_of_worker(number);
        let made_at = |id: &CallId| self.calls.get(*id).map(|call| call.made_at);
        let oldest = has.iter().copied().min_by_key(made_at);
        let may_go = |call: &Call| !call.settled && call.key.is_none() && call.kept.is_some();
        let mut asked: Vec<CallId> = has
            .into_iter()
            .filter(|id| self.calls.get(*id).is_some_and(may_go))
            .collect();
        asked.truncate(MAX_ASKED);
        // That is the one that runs, as a rule.
        if asked.iter().all(|id| Some(*id) == oldest) {
            return false;
        }
        self.ask_for_calls(slot, &Control::GiveBack(asked));
        true
    }
}
