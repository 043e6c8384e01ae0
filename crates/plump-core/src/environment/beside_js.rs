//! JavaScript that makes many calls, or gives them up, in one go, while the workers want every CPU: one is left to it. With
//! work for all of them it would share its CPU; the sooner it is done, the fewer calls are run that it is about to give up.
//!
//! `docs/decisions/0022-a-cpu-for-javascript.md` has the measurements.

use super::State;
use super::io_thread::TAKE_OVER_AFTER;
use crate::limits::PREFETCH_US;
use crate::platform;
use crate::router::Window;
use std::time::Duration;

/// How often the I/O thread looks after some of the workers meanwhile: as long as their windows last.
pub(super) const SERVE_EVERY: Duration = Duration::from_micros(PREFETCH_US as u64);

/// JavaScript that has made no call for so long, nor given one up, does something else, or waits for something. Where it
/// waits for a CPU it gets one within two slices of the scheduler.
const STILL_ACTS_NS: u64 = 8_000_000;

/// After so long it has a CPU to itself no longer: some pools wait for others meanwhile.
const LONGEST_NS: u64 = 100_000_000;

/// How often JavaScript has made calls or given one up: a number alone, for a clock would be read for each of them.
#[derive(Debug, Default)]
pub(crate) struct Acts {
    count: u64,
    seen: u64,
    /// When it was seen to have changed, nanoseconds of the monotonic clock.
    seen_at: u64,
}

impl Acts {
    pub(crate) fn note(&mut self) {
        self.count += 1;
    }

    /// Whether it goes on, and has not looked for what has come since `last_look`, for a while but not for too long.
    fn go_on(&mut self, last_look: u64, now_ns: u64) -> bool {
        if self.seen != self.count {
            (self.seen, self.seen_at) = (self.count, now_ns);
        }
        let unseen_ns = now_ns.saturating_sub(last_look);
        u128::from(unseen_ns) >= TAKE_OVER_AFTER.as_nanos()
            && unseen_ns < LONGEST_NS
            && now_ns.saturating_sub(self.seen_at) < STILL_ACTS_NS
    }
}

/// Whether a worker may have calls beside so many CPUs' worth of others, of which it takes one unless its handlers wait for
/// something.
fn is_served(window: &Window, cpus: &mut usize) -> bool {
    let runs = window.in_flight() == window.ahead();
    if window.in_flight() == 0 || (runs && *cpus == 0) {
        return false;
    }
    *cpus -= usize::from(runs);
    true
}

impl State {
    /// Whether a CPU is left to JavaScript now.
    pub(crate) fn js_keeps_cpu(&mut self, now_ns: u64) -> bool {
        self.crowd.is_there() && self.relies_on_js() && self.acts.go_on(self.last_look, now_ns)
    }

    /// Takes in what comes from as many workers as there are CPUs beside JavaScript's, and sends them more. What the others
    /// have said lies there until it looks: it hears of it no sooner in any case, and they have rung for it.
    pub(super) fn serve_beside_js(&mut self) {
        let mut cpus = platform::online_cpus().saturating_sub(1);
        for slot in 0..self.workers.len() {
            let worker = self.workers[slot].as_ref();
            if worker.is_some_and(|worker| is_served(&worker.window, &mut cpus)) {
                self.pump_worker(slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn it_keeps_a_cpu_while_it_goes_on_making_calls_for_a_tenth_of_a_second_at_most() {
        let mut acts = Acts::default();
        acts.note();
        assert!(!acts.go_on(1000 * MS, 1001 * MS), "it has just looked");
        for ms in 1002..1100 {
            acts.note();
            assert!(acts.go_on(1000 * MS, ms * MS));
        }
        acts.note();
        assert!(!acts.go_on(1000 * MS, 1100 * MS));
    }

    #[test]
    fn it_keeps_none_once_it_does_something_else() {
        let mut acts = Acts::default();
        acts.note();
        assert!(acts.go_on(1000 * MS, 1002 * MS));
        assert!(acts.go_on(1000 * MS, 1009 * MS), "it may wait for a CPU");
        assert!(!acts.go_on(1000 * MS, 1010 * MS));
        acts.note();
        assert!(acts.go_on(1000 * MS, 1011 * MS));
    }

    #[test]
    fn as_many_workers_are_served_as_there_are_other_cpus_and_those_that_only_wait() {
        let idle = Window::default();
        let mut runs = Window::default();
        runs.send(false, 0);
        let mut waits = Window::default();
        waits.send(false, 0);
        waits.start(1);
        let mut cpus = 1;
        let served = [&idle, &runs, &runs, &waits].map(|window| is_served(window, &mut cpus));
        assert_eq!(served, [false, true, false, true]);
    }
}
