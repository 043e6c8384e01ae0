//! Which call goes to which worker, and when: call ids, the queue of a pool, the window of a worker. No I/O.

use crate::block::Lease;
use crate::call_states::MAX_PLACES;
use crate::limits::{MAX_PREFETCH, MAX_TAKEN_BACK, PLACES_AHEAD, PREFETCH_US};
use crate::rules::Asked;
use crate::sent_log::Kept;
use std::collections::HashMap;
use std::time::Instant;

/// A call's id on the wire: slot in the low half, epoch of the slot in the high half, so that a late answer or a late
/// kill never meets the next call in the same slot.
pub type CallId = u64;

/// The slot of a call.
#[must_use]
pub fn slot_of(id: CallId) -> u32 {
    u32::try_from(id & 0xffff_ffff).unwrap_or_default()
}

fn id_of(slot: u32, call: &Call) -> CallId {
    u64::from(call.epoch) << 32 | u64::from(slot)
}

/// Limits of a call's parts, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// From being made until its handler is called; 0 for never.
    pub queue_ms: u32,
    /// From its handler being called until it is answered; 0 for never.
    pub run_ms: u32,
    /// From being given up until its worker is ended; `None`: as the pool says.
    pub grace_ms: Option<u32>,
}

/// One call from the moment it is made until its outcome is decided and no worker holds it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, looked at one by one"
)]
#[derive(Debug)]
pub struct Call {
    epoch: u32,
    used: bool,
    /// The pool it belongs to.
    pub pool: u32,
    /// Its command, by the pool's number.
    pub command: u32,
    /// JavaScript's own number for it, under which its outcome is handed out.
    pub token: u32,
    /// A thread blocks for it: its answer goes to that thread alone.
    pub blocking: bool,
    /// The worker that has it, from sending until the answer or the worker's end; `give` and `leave_worker` set it.
    worker: Option<u32>,
    /// Where it is among those that the worker has.
    at: usize,
    /// Its outcome is decided.
    pub settled: bool,
    /// Milliseconds it was given, 0 for no limit.
    pub timeout_ms: u32,
    /// When the outcome is decided at the latest.
    pub deadline: Option<Instant>,
    /// Its other limits of time.
    pub limits: CallLimits,
    /// Higher goes first.
    pub priority: i8,
    /// Calls of one key run on one worker, one at a time, in their order.
    pub key: Option<u64>,
    /// When it was made, nanoseconds of the monotonic clock; of no two calls the same.
    pub made_at: u64,
    /// When it must have begun.
    pub begin_by: Option<Instant>,
    /// Its worker has said that it has begun.
    pub begun: bool,
    /// When it must be answered, as its limit for running has it.
    pub run_by: Option<Instant>,
    /// What it was asked for with and when, as long as more may become known that applies to it.
    pub asked: Option<(Asked, Instant)>,
    /// Its command may not run as often as its worker likes.
    pub limited: bool,
    /// How often it is run again when its worker dies.
    pub retries: u32,
    /// How many workers have died that had it.
    pub lost: u32,
    /// It pauses before it is run again: it is with no worker and in no queue.
    pub pausing: bool,
    /// Its payload while a worker has it, so that it can be sent to another one.
    pub kept: Option<Kept>,
    /// Its payload while it waits in the queue.
    pub payload: Vec<u8>,
    /// Bytes of it that are binary parts.
    pub shown: usize,
    /// The block that it goes with, while it waits in the queue.
    pub lease: Option<Lease>,
}

/// All calls of an environment.
#[derive(Debug, Default)]
pub struct Calls {
    slots: Vec<Call>,
    free: Vec<u32>,
    in_flight: usize,
    /// The slots of the calls that each worker has, in no order: the end of a worker must not depend on how many wait.
    held: Vec<Vec<u32>>,
}

impl Call {
    /// The worker that has it, from sending until the answer or the worker's end.
    #[must_use]
    pub fn worker(&self) -> Option<u32> {
        self.worker
    }
}

impl Calls {
    /// Makes a call.
    pub fn create(&mut self, pool: u32, command: u32, token: u32, blocking: bool) -> CallId {
        self.in_flight += 1;
        let slot = if let Some(slot) = self.free.pop() {
            slot
        } else {
            self.slots.push(Call {
                epoch: 0,
                used: false,
                pool,
                command,
                token,
                blocking,
                worker: None,
                at: 0,
                settled: false,
                timeout_ms: 0,
                deadline: None,
                limits: CallLimits::default(),
                priority: 0,
                key: None,
                made_at: 0,
                begin_by: None,
                begun: false,
                run_by: None,
                asked: None,
                limited: false,
                retries: 0,
                lost: 0,
                pausing: false,
                kept: None,
                payload: Vec::new(),
                shown: 0,
                lease: None,
            });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        };
        let call = &mut self.slots[slot as usize];
        call.epoch = call.epoch.wrapping_add(1);
        call.used = true;
        (call.pool, call.command) = (pool, command);
        (call.token, call.blocking) = (token, blocking);
        call.settled = false;
        (call.timeout_ms, call.deadline) = (0, None);
        (call.limits, call.begun, call.kept) = (CallLimits::default(), false, None);
        (call.priority, call.key, call.made_at) = (0, None, 0);
        (call.begin_by, call.run_by, call.asked) = (None, None, None);
        (call.limited, call.pausing) = (false, false);
        (call.retries, call.lost) = (0, 0);
        id_of(slot, call)
    }

    /// The call of that id, while it lives.
    #[must_use]
    pub fn get(&self, id: CallId) -> Option<&Call> {
        self.slots
            .get(slot_of(id) as usize)
            .filter(|call| call.used && u64::from(call.epoch) == id >> 32)
    }

    /// The call of that id, while it lives.
    pub fn get_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.slots
            .get_mut(slot_of(id) as usize)
            .filter(|call| call.used && u64::from(call.epoch) == id >> 32)
    }

    /// Decides the outcome; `false` when it was decided before.
    pub fn settle(&mut self, id: CallId) -> bool {
        let Some(call) = self.get_mut(id) else {
            return false;
        };
        if std::mem::replace(&mut call.settled, true) {
            return false;
        }
        (call.payload, call.lease) = (Vec::new(), None);
        self.in_flight -= 1;
        self.release(slot_of(id));
        true
    }

    /// A worker gets a call that none has.
    pub fn give(&mut self, id: CallId, worker: u32) {
        let at = worker as usize;
        if self.held.len() <= at {
            self.held.resize_with(at + 1, Vec::new);
        }
        let place = self.held[at].len();
        let Some(call) = self.get_mut(id) else {
            return;
        };
        debug_assert!(call.worker.is_none());
        (call.worker, call.at) = (Some(worker), place);
        self.held[at].push(slot_of(id));
    }

    /// No worker holds the call any more.
    pub fn leave_worker(&mut self, id: CallId) {
        let Some(call) = self.get_mut(id) else {
            return;
        };
        let at = call.at;
        if let Some(worker) = call.worker.take() {
            let held = &mut self.held[worker as usize];
            held.swap_remove(at);
            if let Some(moved) = held.get(at) {
                self.slots[*moved as usize].at = at;
            }
        }
        self.release(slot_of(id));
    }

    /// The calls that a worker has, in no order.
    pub fn of_worker(&self, worker: u32) -> impl Iterator<Item = (CallId, &Call)> {
        let held = self
            .held
            .get(worker as usize)
            .map_or(&[][..], Vec::as_slice);
        held.iter().map(|slot| {
            let call = &self.slots[*slot as usize];
            (id_of(*slot, call), call)
        })
    }

    /// Their ids, in the order of the slots, as `ids_where` has them.
    #[must_use]
    pub fn ids_of_worker(&self, worker: u32) -> Vec<CallId> {
        let mut ids: Vec<CallId> = self.of_worker(worker).map(|(id, _)| id).collect();
        ids.sort_unstable_by_key(|id| slot_of(*id));
        ids
    }

    fn release(&mut self, slot: u32) {
        let Some(call) = self.slots.get_mut(slot as usize) else {
            return;
        };
        if call.used && call.settled && call.worker.is_none() {
            call.used = false;
            self.free.push(slot);
        }
    }

    /// Whether the call waits for its outcome.
    #[must_use]
    pub fn is_undecided(&self, id: CallId) -> bool {
        self.get(id).is_some_and(|call| !call.settled)
    }

    /// Calls whose outcome is not decided.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Calls of that pool whose outcome is not decided.
    #[must_use]
    pub fn of_pool(&self, pool: u32) -> usize {
        let undecided = |call: &&Call| call.used && !call.settled && call.pool == pool;
        self.slots.iter().filter(undecided).count()
    }

    /// Where the payloads are that the log of that worker keeps.
    pub fn kept_by(&mut self, worker: u32) -> impl Iterator<Item = &mut Kept> {
        self.slots
            .iter_mut()
            .filter(move |call| call.used && call.worker == Some(worker))
            .filter_map(|call| call.kept.as_mut())
    }

    /// The ids of the calls for which `wanted` holds.
    pub fn ids_where(&self, wanted: impl Fn(&Call) -> bool) -> Vec<CallId> {
        (0..)
            .zip(&self.slots)
            .filter(|(_, call)| call.used && wanted(call))
            .map(|(slot, call)| id_of(slot, call))
            .collect()
    }
}

/// A worker that has not answered for so long, and for twice what its calls take as a rule, is held up.
const HELD_UP_NS: u64 = 500_000;

/// After so long, and four times what its calls take as a rule, what lies behind the one that runs should go elsewhere: as
/// long as calls may wait ahead.
const STUCK_NS: u64 = PREFETCH_US as u64 * 1000;

/// A longer run counts as one of so many microseconds in the average, so that one long call among short ones does not hide
/// what the others take.
const LONGEST_AVERAGED_US: u32 = 8 * PREFETCH_US;

/// Calls of one worker that run, at most: there are no more places for their states.
const MOST_AT_ONCE: u64 = (MAX_PLACES - PLACES_AHEAD) as u64;

/// How many calls a worker is given ahead: about a millisecond of work beyond what it runs, so that small calls travel
/// in batches and long ones stay where a free worker can get them.
#[derive(Debug, Default)]
pub struct Window {
    sent: u64,
    started: u64,
    answered: u64,
    /// Of those answered: how many came back without having run.
    came_back: u64,
    /// Of those: how many its JavaScript has still to pass over, at most.
    lying: u32,
    /// Moving average of the time a call runs, microseconds; `None` before the first answer.
    run_us: Option<f32>,
    /// How many had been sent when the last long one was sent, that included.
    long_at: u64,
    /// When it last answered, or was sent a call while it had nothing to do; nanoseconds of the monotonic clock.
    moved_at: u64,
}

impl Window {
    /// Calls that the worker has and has not answered.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.sent - self.answered
    }

    /// Calls sent since the link was made.
    #[must_use]
    pub fn sent_total(&self) -> u64 {
        self.sent
    }

    /// Whether the worker has no call but those that it has reported as begun.
    #[must_use]
    pub fn has_nothing_ahead(&self) -> bool {
        self.ahead() == 0
    }

    /// Calls that it has not reported as begun. One of them is the one that runs now.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.sent - self.started.max(self.answered)
    }

    /// Whether a call lies in it that others could run meanwhile.
    #[must_use]
    pub fn holds_waiting(&self) -> bool {
        self.in_flight() > 1 && self.ahead() > 0
    }

    /// Whether what is sent to it now will not begin soon: it runs a call that is known to be long, or has run one for a
    /// while. Handlers that wait for something and let others begin do not count.
    #[must_use]
    pub fn is_held_up(&self, now_ns: u64) -> bool {
        self.ahead() > 0
            && (self.long_at > self.started.max(self.answered)
                || self.quiet_ns(now_ns) > HELD_UP_NS.max(2 * self.usual_ns()))
    }

    /// Whether it should give back what it has not begun, if another worker has time.
    #[must_use]
    pub fn is_stuck(&self, now_ns: u64) -> bool {
        self.holds_waiting() && self.stuck_in(now_ns) == 0
    }

    /// How long it will not be stuck from now on, whatever it does, nanoseconds.
    #[must_use]
    pub fn stuck_in(&self, now_ns: u64) -> u64 {
        let stuck_ns = STUCK_NS.max(4 * self.usual_ns());
        stuck_ns.saturating_sub(self.quiet_ns(now_ns))
    }

    /// What a call takes as a rule, nanoseconds; 0 while that is not known.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an average of at most LONGEST_AVERAGED_US"
    )]
    fn usual_ns(&self) -> u64 {
        self.run_us.map_or(0, |us| us as u64) * 1000
    }

    /// For how long it has not answered.
    fn quiet_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.moved_at)
    }

    /// When it last answered, or was sent a call while it had nothing to do; nanoseconds of the monotonic clock.
    #[must_use]
    pub fn moved_at(&self) -> u64 {
        self.moved_at
    }

    /// It has answered.
    pub fn moved(&mut self, now_ns: u64) {
        self.moved_at = now_ns;
    }

    /// A call was taken back: it lies there until the worker's JavaScript passes it over.
    pub fn come_back(&mut self) {
        self.answered += 1;
        self.came_back += 1;
        self.lying += 1;
    }

    /// A call was refused by the worker's JavaScript.
    pub fn refuse(&mut self) {
        self.answered += 1;
    }

    /// Calls answered since the link was made, without those that came back.
    #[must_use]
    pub fn answered_total(&self) -> u64 {
        self.answered - self.came_back
    }

    /// How many calls may wait in the worker ahead of those it runs.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "clamped to 1..=MAX_PREFETCH"
    )]
    pub fn prefetch(&self) -> u32 {
        match self.run_us {
            None => 1,
            Some(run_us) => {
                (PREFETCH_US as f32 / run_us.max(0.1)).clamp(1.0, MAX_PREFETCH as f32) as u32
            }
        }
    }

    /// Whether one more call may be sent. Calls that have begun and wait for something (they were reported as started
    /// and not answered) take a place of `concurrency`; the others are work ahead.
    #[must_use]
    pub fn may_send(&self, concurrency: u32) -> bool {
        let prefetch = u64::from(self.prefetch());
        let concurrency = u64::from(concurrency).min(MOST_AT_ONCE);
        // One of those not reported as begun is the one that runs now.
        self.ahead() < prefetch + 1
            && self.in_flight() < concurrency + prefetch
            && self.lying < MAX_TAKEN_BACK
    }

    /// A call was sent, of a command that is known to be long or not.
    pub fn send(&mut self, long: bool, now_ns: u64) {
        if self.has_nothing_ahead() {
            self.moved_at = now_ns;
        }
        self.sent += 1;
        if long {
            self.long_at = self.sent;
        }
    }

    /// The worker says how many calls have begun since the link was made; `false` when that can't be.
    pub fn start(&mut self, total: u64) -> bool {
        if total > self.sent || total < self.started {
            return false;
        }
        self.started = total;
        // What lies there is among what it has not looked at.
        self.lying = self
            .lying
            .min(u32::try_from(self.sent - total).unwrap_or(u32::MAX));
        true
    }

    /// A call was answered after running for that long.
    pub fn answer(&mut self, run_us: u32) {
        self.answered += 1;
        self.run_us = Some(averaged(self.run_us, run_us));
    }

    /// Moving average of the time a call runs, microseconds.
    #[must_use]
    pub fn run_us(&self) -> Option<f32> {
        self.run_us
    }
}

/// What a worker is known to take for the calls of one command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    run_us: Option<f32>,
    /// Calls that were answered without having been timed, since the last that was.
    untimed: u32,
}

impl Pace {
    /// A call was answered that was not timed.
    pub fn untimed(&mut self) {
        self.untimed = self.untimed.saturating_add(1);
    }

    /// A call was answered that ran so long; for how many, with those before it that were not timed, it stands.
    pub fn timed(&mut self, run_us: u32) -> u32 {
        self.run_us = Some(averaged(self.run_us, run_us));
        std::mem::take(&mut self.untimed).saturating_add(1)
    }

    /// Whether one call takes as long as others may wait in a worker.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a constant of four digits")]
    pub fn is_long(&self) -> bool {
        self.run_us.is_some_and(|us| us > PREFETCH_US as f32)
    }
}

/// A moving average, with one more.
#[expect(clippy::cast_precision_loss, reason = "an average")]
fn averaged(average: Option<f32>, run_us: u32) -> f32 {
    let run_us = run_us.min(LONGEST_AVERAGED_US) as f32;
    average.map_or(run_us, |average| average + (run_us - average) / 8.0)
}

/// The names of a pool's commands and their numbers.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    /// The number of a name; a new one gets the next.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    /// The number of a name that has one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name of a number.
    #[must_use]
    pub fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", String::as_str)
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_settles_once_and_its_slot_is_used_again_only_when_nobody_holds_it() {
        let mut calls = Calls::default();
        let first = calls.create(0, 0, 0, false);
        calls.give(first, 3);
        assert!(calls.settle(first));
        assert!(!calls.settle(first), "a second outcome is refused");
        let second = calls.create(0, 0, 0, false);
        assert_ne!(
            slot_of(first),
            slot_of(second),
            "the worker still holds the first"
        );
        calls.leave_worker(first);
        assert!(calls.get(first).is_none());
        let third = calls.create(0, 0, 0, false);
        assert_eq!(slot_of(first), slot_of(third));
        assert_ne!(first, third, "the epoch tells them apart");
        assert!(calls.get(first).is_none());
        assert_eq!(calls.in_flight(), 2);
    }

    #[test]
    fn it_is_known_which_calls_a_worker_has() {
        let mut calls = Calls::default();
        let made: Vec<CallId> = (0..6).map(|_| calls.create(0, 0, 0, false)).collect();
        for (id, worker) in made.iter().zip([3, 1, 3, 3, 1, 3]) {
            calls.give(*id, worker);
        }
        let of = |calls: &Calls, worker: u32| {
            let mut ids: Vec<CallId> = calls.of_worker(worker).map(|(id, _)| id).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(of(&calls, 3), [made[0], made[2], made[3], made[5]]);
        // From the front, from the middle, from the end; one that goes to another worker; one twice.
        calls.leave_worker(made[0]);
        calls.leave_worker(made[3]);
        calls.leave_worker(made[4]);
        calls.leave_worker(made[4]);
        calls.give(made[3], 1);
        assert_eq!(of(&calls, 3), [made[2], made[5]]);
        assert_eq!(of(&calls, 1), [made[1], made[3]]);
        for id in &made {
            calls.leave_worker(*id);
        }
        assert!(of(&calls, 3).is_empty() && of(&calls, 1).is_empty() && of(&calls, 9).is_empty());
    }

    #[test]
    fn long_calls_are_sent_one_ahead_and_short_ones_in_batches() {
        let mut window = Window::default();
        let fill = |window: &mut Window| {
            let before = window.in_flight();
            while window.may_send(16) {
                window.send(false, 0);
            }
            window.in_flight() - before
        };
        assert_eq!(
            fill(&mut window),
            2,
            "one that runs, one ahead, while nothing is known"
        );
        window.answer(5000);
        assert_eq!(fill(&mut window), 1);
        for _ in 0..2 {
            window.answer(5000);
        }
        let mut short = Window::default();
        fill(&mut short);
        short.answer(2);
        assert_eq!(
            fill(&mut short),
            500,
            "half a thousand of two microseconds make a millisecond"
        );
    }

    #[test]
    fn calls_that_wait_for_something_let_others_begin_up_to_the_concurrency() {
        let mut window = Window::default();
        let mut sent = 0;
        for _ in 0..100 {
            while window.may_send(16) {
                window.send(false, 0);
                sent += 1;
            }
            assert!(window.start(sent.min(16)));
        }
        assert_eq!(sent, 17, "sixteen that wait and one ahead");
        assert!(!window.start(18), "more than was sent");
        assert!(!window.start(3), "less than before");
    }

    #[test]
    fn calls_that_were_taken_back_do_not_pile_up_in_a_worker_that_does_not_look_at_them() {
        let mut window = Window::default();
        window.send(false, 0);
        window.answer(2);
        window.send(false, 0);
        let (mut sent, mut lying) = (2, 0_u32);
        while window.may_send(16) {
            window.send(false, 0);
            window.come_back();
            sent += 1;
            lying += 1;
            assert!(lying <= MAX_TAKEN_BACK, "it never stops");
        }
        assert_eq!(window.answered_total(), 1);
        // It has looked at all but the last hundred.
        assert!(window.start(sent - 100));
        assert_eq!((window.lying, window.may_send(16)), (100, true));
        assert!(window.start(sent));
        assert_eq!(window.lying, 0);
    }

    #[test]
    fn there_is_a_place_for_each_call_that_a_worker_may_have_whatever_its_concurrency() {
        let mut window = Window::default();
        window.send(false, 0);
        window.answer(1);
        while window.may_send(u32::MAX) {
            window.send(false, 0);
            assert!(window.start(window.sent_total()));
        }
        assert!(window.in_flight() + u64::from(MAX_TAKEN_BACK) <= MAX_PLACES as u64);
    }

    #[test]
    fn a_worker_is_held_up_by_a_call_that_is_known_to_be_long_and_by_one_that_turns_out_so() {
        let mut window = Window::default();
        assert!(!window.is_held_up(u64::MAX), "it has nothing to do");
        window.send(false, 1_000);
        assert!(!window.is_held_up(1_000 + HELD_UP_NS));
        assert!(window.is_held_up(1_001 + HELD_UP_NS));
        assert!(!window.holds_waiting());
        window.send(true, 1_001 + HELD_UP_NS);
        assert!(window.holds_waiting());
        window.answer(2);
        window.moved(2_000_000);
        assert!(window.is_held_up(2_000_000), "the long one is next");
        assert!(window.start(2));
        assert!(
            !window.is_held_up(u64::MAX),
            "it has begun, and waits for something"
        );
        window.answer(100_000);
        assert!(!window.is_held_up(u64::MAX));
    }

    #[test]
    fn calls_that_take_as_long_as_ever_hold_up_nobody() {
        let mut window = Window::default();
        for _ in 0..20 {
            window.send(false, 0);
            window.answer(900);
        }
        window.moved(0);
        window.send(false, 0);
        window.send(false, 0);
        assert!(!window.is_held_up(1_700_000) && !window.is_stuck(3_500_000));
        assert!(window.is_held_up(1_900_000) && window.is_stuck(3_700_000));
        // No look is needed before.
        let stuck_at = 3_500_000 + window.stuck_in(3_500_000);
        assert!(!window.is_stuck(stuck_at - 1) && window.is_stuck(stuck_at));
    }

    #[test]
    fn one_long_call_among_short_ones_is_soon_forgotten() {
        let (mut window, mut pace) = (Window::default(), Pace::default());
        for run_us in [10, 10, 100_000] {
            window.send(false, 0);
            window.answer(run_us);
            pace.timed(run_us);
        }
        assert!(pace.is_long());
        for _ in 0..8 {
            window.send(false, 0);
            window.answer(10);
            pace.timed(10);
        }
        assert!(!pace.is_long());
        assert!(window.prefetch() > 1, "{}", window.prefetch());
    }

    #[test]
    fn a_call_that_is_timed_stands_for_those_that_were_not() {
        let mut pace = Pace::default();
        assert!(!pace.is_long(), "unknown");
        for _ in 0..7 {
            pace.untimed();
        }
        assert_eq!(pace.timed(2), 8);
        assert_eq!(pace.timed(2), 1);
    }
}
