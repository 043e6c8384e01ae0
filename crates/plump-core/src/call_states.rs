//! Whether a call has begun, decided once by one atomic step on one word: the host cancels what waits, the worker begins it,
//! and whoever comes second sees so.
//!
//! | state | comes from | by |
//! |---|---|---|
//! | queued | anything | the host, before the call is sent |
//! | running | queued | the worker, before the handler is called |
//! | cancelled | queued | the host (over pipes the worker's I/O thread, on its behalf): the handler is never called |
//! | aborted | running | the same: the handler is told, if it looks |
//!
//! A word carries the epoch of its call's id, so that nobody takes one call for the next in the same place. Beside the word
//! stands when the handler was begun. Both may lie in memory that the other process writes: what is no state of the call that
//! is asked for counts as begun, since such a call must not be run a second time.

use std::sync::atomic::{AtomicU32, Ordering};

const STATE_BITS: u32 = 3;
const QUEUED: u32 = 1;
const RUNNING: u32 = 2;
const CANCELLED: u32 = 3;
const ABORTED: u32 = 4;

/// The words of one call that is with a worker.
#[derive(Debug, Default)]
#[repr(C)]
pub struct CallState {
    word: AtomicU32,
    /// Microseconds of the monotonic clock, the low half.
    begun_us: AtomicU32,
}

/// What has become of a call that was to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It had not begun, and never will.
    BeforeItBegan,
    /// It has begun and is told.
    WhileItRuns,
}

fn word(epoch: u32, state: u32) -> u32 {
    epoch << STATE_BITS | state
}

impl CallState {
    /// The call of that epoch is about to be sent.
    pub fn queue(&self, epoch: u32) {
        self.word.store(word(epoch, QUEUED), Ordering::Release);
    }

    /// In the worker: its handler is about to be called, at `now_us`. `false`: it was cancelled, do not.
    pub fn begin(&self, epoch: u32, now_us: u32) -> bool {
        // Before the state says so: whoever reads the state may read the time.
        self.begun_us.store(now_us, Ordering::Relaxed);
        self.word
            .compare_exchange(
                word(epoch, QUEUED),
                word(epoch, RUNNING),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok()
    }

    /// Nobody waits for it any more.
    pub fn cancel(&self, epoch: u32) -> Cancelled {
        let queued = self.word.compare_exchange(
            word(epoch, QUEUED),
            word(epoch, CANCELLED),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if queued.is_ok() || queued == Err(word(epoch, CANCELLED)) {
            return Cancelled::BeforeItBegan;
        }
        // Only what runs: a word that is anything else is not this call's, or the worker's own invention.
        let _ = self.word.compare_exchange(
            word(epoch, RUNNING),
            word(epoch, ABORTED),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        Cancelled::WhileItRuns
    }

    /// In the worker: whether the handler that runs should stop.
    #[must_use]
    pub fn is_aborted(&self, epoch: u32) -> bool {
        self.word.load(Ordering::Acquire) == word(epoch, ABORTED)
    }

    /// Whether the handler may have been called.
    #[must_use]
    pub fn has_begun(&self, epoch: u32) -> bool {
        let now = self.word.load(Ordering::Acquire);
        now != word(epoch, QUEUED) && now != word(epoch, CANCELLED)
    }

    /// When it was begun, if it has, microseconds of the monotonic clock, the low half. The worker's word: check it.
    #[must_use]
    pub fn begun_us(&self, epoch: u32) -> Option<u32> {
        self.has_begun(epoch)
            .then(|| self.begun_us.load(Ordering::Relaxed))
    }
}

/// Which places of a table of states are in use, so that calls that are sent one after the other stand one after the other:
/// the two processes then pass whole cache lines of them to and fro, and not one for every call.
#[derive(Debug)]
pub struct StatePlaces {
    used: Vec<bool>,
    next: usize,
    count: usize,
}

impl StatePlaces {
    /// The places of a table of that many.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self {
            used: vec![false; places],
            next: 0,
            count: 0,
        }
    }

    /// Whether there is a free one.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.count < self.used.len()
    }

    /// Takes a free place; `None` when there is none.
    pub fn take(&mut self) -> Option<u32> {
        if !self.has_room() {
            return None;
        }
        while self.used[self.next] {
            self.step();
        }
        let place = self.next;
        self.used[place] = true;
        self.count += 1;
        self.step();
        u32::try_from(place).ok()
    }

    fn step(&mut self) {
        self.next += 1;
        if self.next == self.used.len() {
            self.next = 0;
        }
    }

    /// Gives a place back.
    pub fn give_back(&mut self, place: u32) {
        if let Some(used) = self.used.get_mut(place as usize)
            && std::mem::replace(used, false)
        {
            self.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[test]
    fn a_call_that_was_cancelled_in_time_never_begins() {
        let state = CallState::default();
        state.queue(7);
        assert!(!state.has_begun(7));
        assert_eq!(state.cancel(7), Cancelled::BeforeItBegan);
        assert_eq!(state.cancel(7), Cancelled::BeforeItBegan, "twice is once");
        assert!(!state.begin(7, 1));
        assert!(!state.has_begun(7));
    }

    #[test]
    fn a_call_that_runs_is_told() {
        let state = CallState::default();
        state.queue(7);
        assert!(state.begin(7, 123));
        assert!(!state.is_aborted(7));
        assert_eq!(state.begun_us(7), Some(123));
        assert_eq!(state.cancel(7), Cancelled::WhileItRuns);
        assert!(state.is_aborted(7));
        assert!(state.has_begun(7));
    }

    #[test]
    fn a_late_cancellation_does_not_hit_the_next_call_in_the_same_place() {
        let state = CallState::default();
        state.queue(7);
        assert!(state.begin(7, 1));
        state.queue(8);
        assert_eq!(state.cancel(7), Cancelled::WhileItRuns);
        assert!(!state.has_begun(8));
        assert!(state.begin(8, 2));
        assert!(!state.is_aborted(8));
    }

    #[test]
    fn words_that_are_no_state_count_as_begun() {
        let state = CallState::default();
        assert!(state.has_begun(7), "as memory begins");
        for any in [u32::MAX, word(7, 0), word(7, 7), word(8, QUEUED)] {
            state.word.store(any, Ordering::Relaxed);
            assert!(state.has_begun(7), "{any:#x}");
            assert_eq!(state.cancel(7), Cancelled::WhileItRuns);
            assert_eq!(state.word.load(Ordering::Relaxed), any, "left alone");
        }
    }

    #[test]
    fn of_two_who_race_one_wins() {
        const ROUNDS: u32 = 20_000;
        let state = Arc::new(CallState::default());
        let start = Arc::new(Barrier::new(2));
        let worker = {
            let (state, start) = (Arc::clone(&state), Arc::clone(&start));
            std::thread::spawn(move || {
                (1..ROUNDS)
                    .map(|epoch| {
                        start.wait();
                        let begun = state.begin(epoch, epoch);
                        start.wait();
                        begun
                    })
                    .collect::<Vec<_>>()
            })
        };
        let mut cancelled = Vec::new();
        for epoch in 1..ROUNDS {
            state.queue(epoch);
            start.wait();
            cancelled.push(state.cancel(epoch) == Cancelled::BeforeItBegan);
            start.wait();
        }
        for (begun, cancelled) in worker.join().unwrap().into_iter().zip(cancelled) {
            assert_ne!(begun, cancelled);
        }
    }

    #[test]
    fn places_are_given_in_a_row_and_never_twice() {
        let mut places = StatePlaces::new(4);
        let taken: Vec<_> = (0..5).map(|_| places.take()).collect();
        assert_eq!(taken, [Some(0), Some(1), Some(2), Some(3), None]);
        places.give_back(2);
        places.give_back(2);
        assert_eq!(places.take(), Some(2));
        assert_eq!(places.take(), None);
        places.give_back(0);
        places.give_back(3);
        assert_eq!(places.take(), Some(3), "on from where it was");
        assert_eq!(places.take(), Some(0));
    }
}
