//! What may wait for a worker, what happens to a call that finds no room, and when producers should go on. No I/O.
//!
//! Two limits hold at once: a number of calls and a number of bytes. The one that is about memory cannot be softened:
//!
//! | a call comes, and | [`WhenFull::Reject`] | [`WhenFull::Wait`] |
//! |---|---|---|
//! | fewer than `max_calls` wait, and its bytes fit | queued | queued |
//! | `max_calls` wait, and its bytes fit | refused | waits behind them, encoded |
//! | its bytes do not fit | refused | refused |
//!
//! *Its bytes fit* when they and all that wait, behind `max_calls` too, are within `max_bytes`, or when nothing waits: a
//! payload that is larger than the queue may be could otherwise never be sent to a worker that is still starting. (How
//! large a payload may be is another limit.) A call for which a worker is free does not come here at all.
//!
//! # Needing drain
//!
//! | | becomes true | becomes false |
//! |---|---|---|
//! | `needs_drain` | a call was let in that reached `max_calls`, left no room in `max_bytes` for one as large as any so far, or waits behind `max_calls`; or one was refused | *drained*: no more than half of `max_calls` and half of `max_bytes` wait, and what was refused would fit |
//!
//! What users of Node know, and what was taken from whom:
//!
//! - Writable streams: the write that reaches the high-water mark returns `false` although it was taken, and `'drain'` is
//!   emitted when the buffer is *empty*. Taken: the first half. A producer that wakes in the event loop of a host needs
//!   some hundred microseconds to bring the next call, and with nothing left the workers idle meanwhile.
//! - piscina: `needsDrain` is set when the pool is as full as it can be, `'drain'` comes as soon as it is *one below* that.
//!   Refused: every producer that waits is woken for the place of one call, and all but one of them find the queue full.
//! - p-queue: `onSizeLessThan(limit)` leaves the mark to the caller, `onEmpty` and `onIdle` wait for the end. Half of the
//!   limit is what the usual loop writes there, for both reasons above.
//!
//! With `max_calls: 1`, half is none, and *drained* is what streams mean by it.
//!
//! # Bytes
//!
//! A waiting call takes memory beside its payload, and a flood of small calls would otherwise take fifty times `max_bytes`.
//! Measured on Node 20 as resident memory:
//!
//! - Its record and its place in the queue here, a promise and its functions in JavaScript: 650 bytes for a call with some 15
//!   bytes of payload whose promise is only kept, 800 where it has a `catch()`, 1,070 where an `async` function waits for it
//!   (300,000 calls that wait, before and after). [`BYTES_PER_CALL`] is counted for it.
//! - V8 makes its young generation larger the more of what is young is kept, and what waits is: by 17 MB with 1,800 to 11,000
//!   calls that wait, by 34 MB with more, at 20,000 new ones a second. [`YOUNG_BYTES_PER_CALL`] is counted for it up to
//!   [`MAX_YOUNG_BYTES`]; the rest is what other programs of that rate have too. Never more than a quarter of the limit:
//!   small limits are about payloads.

/// What a waiting call takes beside its payload, bytes.
pub const BYTES_PER_CALL: usize = 1_000;

/// By what the first calls that wait make V8's young generation larger, bytes for each.
pub const YOUNG_BYTES_PER_CALL: usize = 8_000;

/// The most that is counted for the young generation, bytes.
pub const MAX_YOUNG_BYTES: usize = 24_000_000;

/// What becomes of a call that finds `max_calls` waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    #[default]
    Reject,
    /// It waits for a place, as long as its bytes fit.
    Wait,
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// Calls.
    pub max_calls: usize,
    /// Bytes, counted by [`QueueLimits::bytes`].
    pub max_bytes: usize,
    /// What happens when `max_calls` wait.
    pub when_full: WhenFull,
}

/// What waits now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueuedCalls {
    /// How many.
    pub calls: usize,
    /// Bytes of their payloads.
    pub payload_bytes: usize,
}

impl QueuedCalls {
    /// With one more, that has so many bytes of payload.
    fn with(self, payload_bytes: usize) -> Self {
        Self {
            calls: self.calls.saturating_add(1),
            payload_bytes: self.payload_bytes.saturating_add(payload_bytes),
        }
    }
}

/// A limit of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// `max_calls`.
    Calls,
    /// `max_bytes`.
    Bytes,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is queued.
    Queued,
    /// It waits for a place: more than `max_calls` wait now.
    Waits,
    /// It is rejected, because of that limit.
    Refused(Exceeded),
}

/// The limits of one pool's queue, and whether its producers should hold back.
///
/// What waits is not counted here but told each time: the queue knows it, and two counts drift apart.
#[derive(Clone, Debug)]
pub struct QueueLimits {
    options: QueueOptions,
    needs_drain: bool,
    /// Bytes of the largest payload that was refused for its bytes since the last drain.
    largest_refused: usize,
    /// Bytes of the largest payload that was let in so far.
    largest: usize,
}

impl QueueLimits {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(options: QueueOptions) -> Self {
        Self {
            options,
            needs_drain: false,
            largest_refused: 0,
            largest: 0,
        }
    }

    /// What calls that wait take, bytes: their payloads, and what each takes beside.
    #[must_use]
    pub fn bytes(&self, queued: QueuedCalls) -> usize {
        let young = queued
            .calls
            .saturating_mul(YOUNG_BYTES_PER_CALL)
            .min(MAX_YOUNG_BYTES)
            .min(self.options.max_bytes / 4);
        queued
            .calls
            .saturating_mul(BYTES_PER_CALL)
            .saturating_add(queued.payload_bytes)
            .saturating_add(young)
    }

    /// Decides about a call with so many bytes of payload, for which no worker is free.
    #[must_use]
    pub fn admit(&mut self, queued: QueuedCalls, payload_bytes: usize) -> Admission {
        let QueueOptions {
            max_calls,
            max_bytes,
            when_full,
        } = self.options;
        let with_it = queued.with(payload_bytes);
        let bytes_with_it = self.bytes(with_it);
        if queued.calls > 0 && bytes_with_it > max_bytes {
            self.needs_drain = true;
            self.largest_refused = self.largest_refused.max(payload_bytes);
            return Admission::Refused(Exceeded::Bytes);
        }
        let is_full = queued.calls >= max_calls;
        if is_full && when_full == WhenFull::Reject {
            self.needs_drain = true;
            return Admission::Refused(Exceeded::Calls);
        }
        // A producer that looks before each call is to be told before one is refused: the next may be as large as any was.
        self.largest = self.largest.max(payload_bytes);
        // No more than half, where a single payload is larger than what may wait.
        let to_keep_free = self.bytes(with_it.with(self.largest)) - bytes_with_it;
        let room = max_bytes.saturating_sub(bytes_with_it);
        if with_it.calls >= max_calls || room < to_keep_free.min(max_bytes / 2) {
            self.needs_drain = true;
        }
        if is_full {
            Admission::Waits
        } else {
            Admission::Queued
        }
    }

    /// Whether producers should hold back until the queue has drained.
    #[must_use]
    pub fn needs_drain(&self) -> bool {
        self.needs_drain
    }

    /// To be asked after calls have left the queue, sent or settled. `true` once each time that it has drained: whoever
    /// waits for that goes on.
    #[must_use]
    pub fn has_drained(&mut self, queued: QueuedCalls) -> bool {
        if !self.needs_drain {
            return false;
        }
        let QueueOptions {
            max_calls,
            max_bytes,
            ..
        } = self.options;
        // A producer whose call is larger than half of the bytes would be woken, refused, and woken again for ever.
        let refused_fits = self.bytes(queued.with(self.largest_refused)) <= max_bytes;
        let half_is_free = queued.calls <= max_calls / 2 && self.bytes(queued) <= max_bytes / 2;
        let has_drained = queued.calls == 0 || half_is_free && refused_fits;
        if has_drained {
            self.needs_drain = false;
            self.largest_refused = 0;
        }
        has_drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const ROOMY: usize = 1 << 40;

    /// The queue of a host, with the payload bytes of each call.
    struct Queue {
        limits: QueueLimits,
        calls: VecDeque<usize>,
    }

    impl Queue {
        fn of(max_calls: usize, max_bytes: usize, when_full: WhenFull) -> Self {
            let options = QueueOptions {
                max_calls,
                max_bytes,
                when_full,
            };
            Self {
                limits: QueueLimits::new(options),
                calls: VecDeque::new(),
            }
        }

        fn queued(&self) -> QueuedCalls {
            QueuedCalls {
                calls: self.calls.len(),
                payload_bytes: self.calls.iter().sum(),
            }
        }

        fn push(&mut self, bytes: usize) -> Admission {
            let admission = self.limits.admit(self.queued(), bytes);
            if !matches!(admission, Admission::Refused(_)) {
                self.calls.push_back(bytes);
            }
            admission
        }

        /// One leaves; whether the queue has drained by it.
        fn pop(&mut self) -> bool {
            self.calls.pop_front();
            self.limits.has_drained(self.queued())
        }

        /// Calls leave until it has drained.
        fn drain(&mut self) {
            while !self.pop() {
                assert!(!self.calls.is_empty(), "an empty queue has drained");
            }
        }
    }

    #[test]
    fn a_full_queue_refuses_and_names_the_limit() {
        let mut queue = Queue::of(2, ROOMY, WhenFull::Reject);
        assert_eq!(queue.push(1), Admission::Queued);
        assert_eq!(queue.push(1), Admission::Queued);
        assert_eq!(queue.push(1), Admission::Refused(Exceeded::Calls));
        queue.pop();
        assert_eq!(queue.push(1), Admission::Queued);
    }

    #[test]
    fn a_full_queue_lets_calls_wait_as_long_as_their_bytes_fit() {
        let bytes = 4 * BYTES_PER_CALL * 4 / 3 + 1;
        let mut queue = Queue::of(2, bytes, WhenFull::Wait);
        let admissions: Vec<_> = (0..5).map(|_| queue.push(0)).collect();
        assert_eq!(
            admissions,
            [
                Admission::Queued,
                Admission::Queued,
                Admission::Waits,
                Admission::Waits,
                Admission::Refused(Exceeded::Bytes),
            ]
        );
    }

    #[test]
    fn bytes_are_refused_whatever_the_policy() {
        for when_full in [WhenFull::Reject, WhenFull::Wait] {
            let mut queue = Queue::of(100, 10_000, when_full);
            assert_eq!(queue.push(4000), Admission::Queued);
            assert_eq!(queue.push(4000), Admission::Refused(Exceeded::Bytes));
            let quarter = 2_500;
            let room = 10_000 - quarter - 4000 - 2 * BYTES_PER_CALL;
            assert_eq!(queue.push(room + 1), Admission::Refused(Exceeded::Bytes));
            assert_eq!(queue.push(room), Admission::Queued);
        }
    }

    #[test]
    fn an_empty_queue_takes_a_payload_larger_than_itself() {
        let mut queue = Queue::of(100, 10_000, WhenFull::Reject);
        assert_eq!(queue.push(1 << 30), Admission::Queued);
        assert!(queue.limits.needs_drain());
        assert_eq!(queue.push(0), Admission::Refused(Exceeded::Bytes));
        assert!(queue.pop());
    }

    #[test]
    fn small_calls_are_not_free() {
        let mut queue = Queue::of(usize::MAX, 1_000_000, WhenFull::Wait);
        while queue.push(8) == Admission::Queued {}
        assert!(
            queue.calls.len() * 580 <= 1_000_000,
            "what they take on Node 20"
        );
    }

    #[test]
    fn drain_is_needed_from_the_limit_to_half_of_it_and_is_told_once() {
        let mut queue = Queue::of(10, ROOMY, WhenFull::Reject);
        for _ in 0..9 {
            queue.push(1);
            assert!(!queue.limits.needs_drain());
        }
        queue.push(1);
        assert!(
            queue.limits.needs_drain(),
            "as a stream says at its high-water mark"
        );
        let edges: Vec<_> = (0..10).map(|_| queue.pop()).collect();
        let at_half = [
            false, false, false, false, true, false, false, false, false, false,
        ];
        assert_eq!(edges, at_half);
        assert!(!queue.limits.needs_drain());
    }

    #[test]
    fn bytes_need_drain_too() {
        let mut queue = Queue::of(100, 10_000, WhenFull::Reject);
        for _ in 0..3 {
            assert!(!queue.limits.needs_drain());
            queue.push(1500);
        }
        assert!(
            queue.limits.needs_drain(),
            "10,000 bytes with what the calls take"
        );
        assert!(!queue.pop());
        assert!(queue.pop(), "half of them are left");
    }

    #[test]
    fn who_looks_before_each_call_is_not_refused_for_its_bytes() {
        let mut queue = Queue::of(ROOMY, 100 * (BYTES_PER_CALL + 50), WhenFull::Reject);
        // The largest comes first: from then on its size is kept free.
        for payload in (0..).map(|call: usize| 400 - call % 4 * 100) {
            if queue.limits.needs_drain() {
                break;
            }
            assert_eq!(queue.push(payload), Admission::Queued);
        }
        assert!(queue.calls.len() > 50);
    }

    #[test]
    fn what_waits_behind_the_limit_drains_at_half_of_the_limit() {
        let mut queue = Queue::of(2, ROOMY, WhenFull::Wait);
        for _ in 0..10 {
            queue.push(1);
        }
        queue.drain();
        assert_eq!(queue.calls.len(), 1);
        assert!(!queue.pop(), "it is told once");
    }

    #[test]
    fn a_queue_of_one_has_drained_when_it_is_empty() {
        let mut queue = Queue::of(1, ROOMY, WhenFull::Wait);
        queue.push(1);
        queue.push(1);
        assert!(!queue.pop());
        assert!(queue.pop());
    }

    #[test]
    fn whoever_was_refused_for_a_large_call_is_woken_only_when_it_fits() {
        let mut queue = Queue::of(100, 10_000, WhenFull::Reject);
        for _ in 0..2 {
            queue.push(100);
        }
        let large = 5000;
        assert_eq!(queue.push(large), Admission::Refused(Exceeded::Bytes));
        assert!(
            !queue.limits.has_drained(queue.queued()),
            "4,700 are below half"
        );
        queue.drain();
        assert_eq!(queue.push(large), Admission::Queued);
        assert_eq!(queue.calls.len(), 2);
        // Once it was woken, half is enough again.
        queue.drain();
        assert!(queue.calls.is_empty());
        while !queue.limits.needs_drain() {
            queue.push(200);
        }
        queue.drain();
        assert_eq!(queue.calls.len(), 2);
    }

    /// What one more call with that payload adds to the bytes of so many.
    fn added(max_bytes: usize, calls: usize, payload: usize) -> usize {
        let limits = Queue::of(ROOMY, max_bytes, WhenFull::Wait).limits;
        let queued = QueuedCalls {
            calls,
            payload_bytes: calls * payload,
        };
        limits.bytes(queued.with(payload)) - limits.bytes(queued)
    }

    #[test]
    fn the_young_generation_is_counted_for_the_first_calls() {
        let first = BYTES_PER_CALL + YOUNG_BYTES_PER_CALL;
        assert_eq!(added(ROOMY, 0, 10), first + 10);
        assert_eq!(
            added(ROOMY, MAX_YOUNG_BYTES / YOUNG_BYTES_PER_CALL - 1, 10),
            first + 10
        );
        assert_eq!(
            added(ROOMY, MAX_YOUNG_BYTES / YOUNG_BYTES_PER_CALL, 10),
            BYTES_PER_CALL + 10
        );
    }

    #[test]
    fn it_takes_no_more_than_a_quarter_of_the_limit() {
        let few = 40 * YOUNG_BYTES_PER_CALL;
        assert_eq!(
            added(few, 9, 10),
            BYTES_PER_CALL + YOUNG_BYTES_PER_CALL + 10
        );
        assert_eq!(added(few, 10, 10), BYTES_PER_CALL + 10);
    }

    #[test]
    fn enormous_numbers_overflow_nothing() {
        let mut queue = Queue::of(usize::MAX, usize::MAX, WhenFull::Wait);
        assert_eq!(queue.push(usize::MAX), Admission::Queued);
        let full = QueuedCalls {
            calls: usize::MAX,
            payload_bytes: usize::MAX,
        };
        assert_ne!(queue.limits.admit(full, usize::MAX), Admission::Queued);
        assert!(!queue.limits.has_drained(full));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_limits_hold_and_a_producer_that_waits_for_drain_always_goes_on(
            max_calls in 1_usize..20,
            max_bytes in 1_usize..30_000,
            when_full in prop_oneof![Just(WhenFull::Reject), Just(WhenFull::Wait)],
            steps in prop::collection::vec(prop::option::of(0_usize..20_000), 1..300),
        ) {
            let mut queue = Queue::of(max_calls, max_bytes, when_full);
            for step in steps {
                let Some(bytes) = step else {
                    let needed = queue.limits.needs_drain();
                    let drained = queue.pop();
                    prop_assert_eq!(queue.limits.needs_drain(), needed && !drained);
                    prop_assert!(!drained || needed, "told once");
                    prop_assert!(!queue.calls.is_empty() || !queue.limits.needs_drain());
                    continue;
                };
                let before = queue.calls.len();
                let admission = queue.push(bytes);
                if before > 0 && !matches!(admission, Admission::Refused(_)) {
                    prop_assert!(queue.limits.bytes(queue.queued()) <= max_bytes);
                }
                if when_full == WhenFull::Reject {
                    prop_assert!(queue.calls.len() <= max_calls);
                    prop_assert_ne!(admission, Admission::Waits);
                }
                prop_assert_eq!(admission == Admission::Waits, queue.calls.len() > max_calls && queue.calls.len() > before);
                if matches!(admission, Admission::Refused(_)) {
                    // It does what it should: waits, and makes the call again.
                    prop_assert!(queue.limits.needs_drain());
                    queue.drain();
                    prop_assert_ne!(queue.push(bytes), Admission::Refused(Exceeded::Bytes));
                }
            }
        }
    }
}
