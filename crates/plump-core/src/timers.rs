//! What is due when. Timers are never taken out one by one: one that has lost its meaning is ignored when it is due,
//! and the heap is swept when most of it has.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A call's deadline, by its id.
    Call(u64),
    /// A call must have begun, by its id.
    Queue(u64),
    /// A call that has begun must be finished, by its id.
    Run(u64),
    /// A call that was given up must have stopped, by its id.
    Grace(u64),
    /// A call whose worker has died has paused for long enough, by its id.
    Retry(u64),
    /// The worker of a call that was given up, or has not begun in time, is told so once more, by the call's id.
    TellAgain(u64),
    /// A worker that is about to be ended must have said which calls it had not begun, by its serial number.
    Recall(u64),
    /// A worker must be ready, by its serial number.
    Start(u64),
    /// Time to ping a worker that has calls in flight, by its serial number.
    Heartbeat(u64),
    /// Time to look whether a worker with calls behind the one that runs is held up, by its serial number.
    Ahead(u64),
    /// Workers may be started again, for a pool.
    Restart(u32),
    /// A worker is old, by its serial number.
    Age(u64),
    /// Time to look at the memory of a worker that has calls, by its serial number.
    Memory(u64),
    /// A worker that has finished everything must have exited, by its serial number.
    Teardown(u64),
    /// A worker that was sent the polite signal for that must have exited, by its serial number.
    Terminated(u64),
    /// A worker whose link has closed must have exited, by its serial number.
    Reap(u64),
    /// A worker has exited, and its status can't be had yet, by its serial number.
    Exit(u64),
    /// The next step of closing a pool.
    Close(u32),
    /// JavaScript said it watches but does not come: the I/O thread takes over.
    TakeOver,
    /// Blocks may have been free for long enough.
    Blocks,
}

/// The timers of one environment.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
    swept_at: usize,
}

impl Timers {
    /// Adds a timer.
    pub fn add(&mut self, at: Instant, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one that is due.
    pub fn due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, timer))| timer)
    }

    /// Drops what has lost its meaning, whenever the heap has doubled since the last sweep.
    pub fn sweep(&mut self, mut live: impl FnMut(Timer) -> bool) {
        if self.heap.len() < 1024.max(2 * self.swept_at) {
            return;
        }
        self.heap.retain(|Reverse((_, timer))| live(*timer));
        self.swept_at = self.heap.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timers_come_in_the_order_of_their_times() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        for ms in [30, 10, 20] {
            timers.add(at(ms), Timer::Call(ms));
        }
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.due(at(9)), None);
        assert_eq!(timers.due(at(25)), Some(Timer::Call(10)));
        assert_eq!(timers.due(at(25)), Some(Timer::Call(20)));
        assert_eq!(timers.due(at(25)), None);
    }

    #[test]
    fn settled_calls_do_not_pile_up() {
        let mut timers = Timers::default();
        for call in 0..100_000 {
            timers.add(
                Instant::now() + Duration::from_secs(1000),
                Timer::Call(call),
            );
            timers.sweep(|timer| timer == Timer::Call(7));
        }
        assert!(timers.heap.len() <= 1024);
        assert!(
            timers
                .heap
                .iter()
                .any(|Reverse((_, timer))| *timer == Timer::Call(7))
        );
    }
}
