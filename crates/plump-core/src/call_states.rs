//! Whether a call has begun, decided once by one atomic step on one word: in the worker, between JavaScript, which is about to
//! call the handler, and the I/O thread, which speaks for the host.
//!
//! | state | comes from | by |
//! |---|---|---|
//! | queued | free | the worker's core, when the call has come |
//! | to be told | free | the same: the host wants to hear when it begins |
//! | running | queued, to be told | JavaScript, before the handler is called |
//! | cancelled | queued, to be told | the I/O thread: the handler is never called |
//! | aborted | running | the I/O thread: the handler is told, if it looks |
//! | free | any but queued | JavaScript has answered the call or passed it over |
//!
//! The words are memory of this process that JavaScript made: beginning a call is one atomic operation there and no native
//! call. A place is used again only when JavaScript has let go of it, so nobody takes one call for the next.

use rustc_hash::FxHashSet;
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// Nobody uses the place.
pub const FREE: u32 = 0;
/// The call has not begun.
pub const QUEUED: u32 = 1;
/// The call has not begun, and the host is to be told when it does.
pub const TO_BE_TOLD: u32 = 2;
/// Its handler was called.
pub const RUNNING: u32 = 3;
/// Its handler will never be called.
pub const CANCELLED: u32 = 4;
/// Its handler was called, and nobody waits for it any more.
pub const ABORTED: u32 = 5;

/// The place of a call that has none.
pub const NO_PLACE: u32 = 0xffff;

/// How many places a table has at most: their numbers travel in 16 bits.
pub const MAX_PLACES: usize = NO_PLACE as usize;

/// What has become of a call that was to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It had not begun, and never will.
    BeforeItBegan,
    /// It has begun, and is told: its place.
    WhileItRuns(u32),
    /// It is not here: it was answered.
    NotHere,
}

/// The words, in memory that JavaScript made and keeps.
#[derive(Debug)]
struct Words {
    start: NonNull<AtomicU32>,
    count: usize,
}

// SAFETY: the words are only ever used as atomics; whoever made this keeps the memory for as long (see `CallTable::new`).
unsafe impl Send for Words {}

impl Words {
    fn get(&self, place: u32) -> Option<&AtomicU32> {
        let place = place as usize;
        if place >= self.count {
            return None;
        }
        // SAFETY: inside of the memory.
        let word = unsafe { self.start.add(place) };
        // SAFETY: the memory lives as long as `self`, and everybody uses it as atomics.
        Some(unsafe { word.as_ref() })
    }
}

/// The calls that this worker has and has not answered.
#[derive(Debug)]
pub struct CallTable {
    words: Words,
    calls: Vec<u64>,
    places: StatePlaces,
    /// Calls that were taken back before they had come: their payloads take another way. The latest few, since one that
    /// was answered before cannot be told from them.
    early: VecDeque<u64>,
    /// Nothing more is to begin.
    closed: bool,
}

/// How many calls that were taken back before they had come are remembered.
const MAX_EARLY: usize = 1024;

impl CallTable {
    /// A table whose states are `words`, at most [`MAX_PLACES`] of them.
    ///
    /// # Safety
    /// The words must stay where they are for as long as the table lives, and be used by others as atomics only.
    #[must_use]
    pub unsafe fn new(words: NonNull<u32>, count: usize) -> Self {
        let count = count.min(MAX_PLACES);
        Self {
            words: Words {
                start: words.cast(),
                count,
            },
            calls: vec![0; count],
            places: StatePlaces::new(count),
            early: VecDeque::new(),
            closed: false,
        }
    }

    /// Whether a call that is about to come was taken back already.
    pub fn is_unwanted(&mut self, call: u64) -> bool {
        if self.early.is_empty() {
            return self.closed;
        }
        let before = self.early.len();
        self.early.retain(|early| *early != call);
        self.closed || self.early.len() < before
    }

    fn remember(&mut self, call: u64) {
        if self.early.contains(&call) {
            return;
        }
        if self.early.len() == MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(call);
    }

    /// A call has come; its place, or [`NO_PLACE`] when the table is full: then it can't be taken back.
    pub fn receive(&mut self, call: u64, tells: bool) -> u32 {
        let Some(place) = self.places.take() else {
            return NO_PLACE;
        };
        self.calls[place as usize] = call;
        if let Some(word) = self.words.get(place) {
            word.store(if tells { TO_BE_TOLD } else { QUEUED }, Ordering::Release);
        }
        place
    }

    /// JavaScript has answered the call of that place, or passed it over.
    pub fn let_go(&mut self, place: u32) {
        if let Some(word) = self.words.get(place) {
            word.store(FREE, Ordering::Release);
            self.calls[place as usize] = 0;
            self.places.give_back(place);
        }
    }

    /// JavaScript is about to call the handler of a call that the host wants to be told of; the call, unless it was
    /// cancelled.
    #[must_use]
    pub fn begin(&self, place: u32) -> Option<u64> {
        let word = self.words.get(place)?;
        word.compare_exchange(TO_BE_TOLD, RUNNING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
            .then(|| self.calls[place as usize])
    }

    fn place_of(&self, call: u64) -> Option<u32> {
        self.places
            .in_order()
            .find(|place| self.calls[*place as usize] == call)
    }

    /// Keeps a call from beginning; `false` when it has begun or is not here.
    pub fn forbid(&mut self, call: u64) -> bool {
        let Some(place) = self.place_of(call) else {
            self.remember(call);
            return false;
        };
        self.words.get(place).is_some_and(forbid)
    }

    /// Nobody waits for a call any more.
    pub fn cancel(&mut self, call: u64) -> Cancelled {
        let Some(place) = self.place_of(call) else {
            self.remember(call);
            return Cancelled::NotHere;
        };
        let Some(word) = self.words.get(place) else {
            return Cancelled::NotHere;
        };
        if forbid(word) {
            return Cancelled::BeforeItBegan;
        }
        let running = word.compare_exchange(RUNNING, ABORTED, Ordering::AcqRel, Ordering::Acquire);
        if running.is_ok() {
            Cancelled::WhileItRuns(place)
        } else {
            Cancelled::NotHere
        }
    }

    /// Keeps every call that has not begun from beginning, also those that are still to come; which those are that are here,
    /// in the order in which they came.
    pub fn recall(&mut self) -> Vec<u64> {
        self.closed = true;
        self.forbid_where(|_| true)
    }

    /// Keeps those of these calls that have come and not begun from beginning; which those are, in the order in which they
    /// came.
    pub fn give_back(&mut self, wanted: &[u64]) -> Vec<u64> {
        let wanted: FxHashSet<u64> = wanted.iter().copied().collect();
        self.forbid_where(|call| wanted.contains(&call))
    }

    fn forbid_where(&self, wanted: impl Fn(u64) -> bool) -> Vec<u64> {
        let call_of = |place: u32| self.calls[place as usize];
        self.places
            .in_order()
            .filter(|place| wanted(call_of(*place)))
            .filter(|place| self.words.get(*place).is_some_and(forbid))
            .map(call_of)
            .collect()
    }
}

fn forbid(word: &AtomicU32) -> bool {
    [QUEUED, TO_BE_TOLD].into_iter().any(|state| {
        word.compare_exchange(state, CANCELLED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    })
}

/// Which places of a table of states are in use. Calls that come one after the other stand one after the other, so that those
/// that have not begun can be named in their order.
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

    /// The places in use, in the order in which they were taken (each round of the table is shorter than the table).
    pub fn in_order(&self) -> impl Iterator<Item = u32> + '_ {
        let count = self.used.len();
        (0..count)
            .map(move |step| (self.next + step) % count)
            .filter(|place| self.used[*place])
            .filter_map(|place| u32::try_from(place).ok())
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
    use std::sync::Barrier;

    fn words(count: usize) -> (Vec<AtomicU32>, NonNull<u32>) {
        let words: Vec<AtomicU32> = (0..count).map(|_| AtomicU32::new(FREE)).collect();
        let start = NonNull::from(&words[0]).cast();
        (words, start)
    }

    /// What JavaScript does before it calls a handler.
    fn begin(words: &[AtomicU32], place: u32) -> bool {
        words[place as usize]
            .compare_exchange(QUEUED, RUNNING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    #[test]
    fn a_call_that_was_cancelled_in_time_never_begins() {
        let (words, start) = words(4);
        // SAFETY: `words` outlives the table.
        let mut table = unsafe { CallTable::new(start, 4) };
        let place = table.receive(7, false);
        assert_eq!(table.cancel(7), Cancelled::BeforeItBegan);
        assert_eq!(table.cancel(7), Cancelled::NotHere, "twice is once");
        assert!(!begin(&words, place));
        table.let_go(place);
        assert_eq!(table.cancel(7), Cancelled::NotHere);
    }

    #[test]
    fn a_call_that_runs_is_told_and_not_taken_back() {
        let (words, start) = words(4);
        // SAFETY: `words` outlives the table.
        let mut table = unsafe { CallTable::new(start, 4) };
        let place = table.receive(7, false);
        assert!(begin(&words, place));
        assert!(!table.forbid(7));
        assert_eq!(table.recall(), Vec::<u64>::new());
        assert_eq!(table.cancel(7), Cancelled::WhileItRuns(place));
        assert_eq!(words[place as usize].load(Ordering::Relaxed), ABORTED);
    }

    #[test]
    fn a_call_of_which_the_host_wants_to_hear_begins_through_the_core() {
        let (words, start) = words(4);
        // SAFETY: `words` outlives the table.
        let mut table = unsafe { CallTable::new(start, 4) };
        let place = table.receive(7, true);
        assert!(!begin(&words, place));
        assert_eq!(table.begin(place), Some(7));
        assert_eq!(table.begin(place), None);
        let place = table.receive(8, true);
        assert!(table.forbid(8));
        assert_eq!(table.begin(place), None);
    }

    #[test]
    fn what_has_not_begun_comes_back_in_its_order_also_when_the_table_has_gone_round() {
        let (words, start) = words(4);
        // SAFETY: `words` outlives the table.
        let mut table = unsafe { CallTable::new(start, 4) };
        for call in [1, 2, 3] {
            let place = table.receive(call, false);
            assert!(begin(&words, place));
            table.let_go(place);
        }
        let places: Vec<u32> = (11..=14).map(|call| table.receive(call, false)).collect();
        assert_eq!(table.receive(15, false), NO_PLACE, "full");
        assert!(begin(&words, places[0]));
        assert_eq!(table.recall(), [12, 13, 14]);
    }

    #[test]
    fn of_the_calls_that_are_asked_for_those_come_back_that_are_here_and_have_not_begun() {
        let (words, start) = words(4);
        // SAFETY: `words` outlives the table.
        let mut table = unsafe { CallTable::new(start, 4) };
        let places: Vec<u32> = (11..=13).map(|call| table.receive(call, false)).collect();
        assert!(begin(&words, places[0]));
        assert_eq!(table.give_back(&[13, 12, 11, 99]), [12, 13]);
        assert!(!begin(&words, places[1]));
        table.let_go(places[1]);
        let place = table.receive(99, false);
        assert!(
            !table.is_unwanted(99) && begin(&words, place),
            "it came later"
        );
    }

    #[test]
    fn a_call_that_was_taken_back_before_it_came_is_known_when_it_comes() {
        let (_words, start) = words(4);
        // SAFETY: the words outlive the table.
        let mut table = unsafe { CallTable::new(start, 4) };
        assert_eq!(table.cancel(7), Cancelled::NotHere);
        assert!(!table.is_unwanted(8));
        assert!(table.is_unwanted(7));
        assert!(!table.is_unwanted(7), "once");
        for call in 0..10_000 {
            assert!(!table.forbid(call));
        }
        assert!(table.early.len() <= MAX_EARLY);
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

    #[test]
    fn of_begin_and_cancel_at_the_same_time_one_wins() {
        let (words, start) = words(2);
        // SAFETY: `words` outlives the table.
        let mut table = unsafe { CallTable::new(start, 2) };
        for call in 1..2_000 {
            let place = table.receive(call, false);
            let barrier = Barrier::new(2);
            let (began, cancelled) = std::thread::scope(|scope| {
                let began = scope.spawn(|| {
                    barrier.wait();
                    begin(&words, place)
                });
                barrier.wait();
                let cancelled = table.cancel(call);
                (began.join().unwrap(), cancelled)
            });
            assert_eq!(began, cancelled == Cancelled::WhileItRuns(place));
            assert_eq!(!began, cancelled == Cancelled::BeforeItBegan);
            table.let_go(place);
        }
    }
}
