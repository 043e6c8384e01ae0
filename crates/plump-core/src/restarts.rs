//! When a worker of a pool may be started, after starts that failed and workers that died. No I/O, no clock of its own.
//!
//! Three things stand between a module that crashes and a loop that burns a CPU: a pause after each failure that grows
//! and is scattered (*back-off*), a limit to failures in a period (*intensity*, the word of Erlang's supervisors), and,
//! once that is reached, a time in which nothing is started at all (an *open circuit*).
//!
//! # What is reported
//!
//! | what happened | method |
//! |---|---|
//! | a start was begun | [`Restarts::start_began`] |
//! | the worker got ready | [`Restarts::start_succeeded`] |
//! | it could not be spawned, died before it was ready, or was ended because it did not get ready in time | [`Restarts::start_failed`] |
//! | it was asked to end before it was ready: this counts for nothing | [`Restarts::start_abandoned`] |
//! | a worker that had been ready died and nobody had asked it to | [`Restarts::worker_died`] |
//! | a worker that had been ready was asked to end (closing, retiring, recycling) | nothing |
//! | a call was made and no worker was ready for it | [`Restarts::call_made`] |
//!
//! Every start is reported, and exactly one outcome of it. Nothing tells starts apart, nor need it: after a failure one
//! start is under way at most, so that an outcome is that of the probe wherever there is one.
//!
//! # What the host does
//!
//! It asks [`Restarts::standing`] whenever one of the above has happened and when `look again` is due. *Reject* means
//! "with [`Restarts::last_cause`]", and only where no worker is ready: those who live go on with the calls.
//!
//! | [`Standing`] | when | starts | calls that wait | a call that is made | look again |
//! |---|---|---|---|---|---|
//! | `Free` | no failure since the last success, and no more than `max_restarts` in the period | as many as are wanted | wait | waits | no |
//! | `Pausing(at)` | a start failed or a worker died, and the circuit stays closed | none | wait | waits | at `at` |
//! | `One` | the pause is over; or the circuit is open and its time is over | one, if a call or a minimum wants it | wait | waits | no |
//! | `Undecided` | a start is under way and its outcome decides | none | wait | waits | no |
//! | `NeedsCall` | no worker was ever ready, and the last start failed | none | are rejected | waits: it turns this into `Pausing` or `One` | no |
//! | `Open(until)` | too many failures in the period, or the probe failed | none | are rejected | is rejected at once | only for a minimum, at `until` |
//!
//! `NeedsCall` is the promise of `docs/decisions/0006-restart-when-calls-wait.md`: after a failed
//! first start whoever waits is told at once, and the next call makes one new attempt. A module with a spelling mistake
//! should not take the seconds that back-off has for a database which is about to come back. An attempt that was made
//! for a call keeps the pause and counts as any other, so a program that calls every 10 ms opens the circuit too.
//!
//! # The circuit
//!
//! | from | event | to |
//! |---|---|---|
//! | closed | failure, at most `max_restarts` of them in `within` | closed, after a pause |
//! | closed | failure, more than that | open, for `half_open_after` |
//! | open | its time is over, and a start was begun | half-open: that start is the probe |
//! | open, half-open | a start succeeded | closed: the cause and the pause are forgotten |
//! | half-open | the probe failed | open, twice as long as before, at most [`LONGEST_OPEN`] times `half_open_after` |
//! | half-open | the probe was abandoned | half-open: another start may be the probe |
//! | any | a worker that lived died | as it was, but for "closed" above |
//!
//! A success does not clear the count of failures, as textbooks have it. A module that gets ready and then crashes would
//! be given a whole new allowance by each probe; so there are at most `max_restarts` restarts in any `within`, whatever
//! happens, and probes. (Starts that were under way together when the first of them failed come on top, once.)
//! For the same reason the time for which the circuit opens begins anew only after it was closed for `within` without
//! any failure.

use serde::Serialize;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The circuit is open at most so many times `half_open_after`: 80 s by default. Somebody who has repaired what was
/// broken should not have to wait much longer than it takes to look again.
pub const LONGEST_OPEN: u32 = 8;

/// How often, and how fast, workers are started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartOptions {
    /// Failures in [`RestartOptions::within`] after which a worker is still started again. The next one opens the
    /// circuit; with 0 the first.
    pub max_restarts: u32,
    /// The period in which failures are counted; each counts from the moment it happened.
    pub within: Duration,
    /// The longest pause after the first failure of a period; the clock starts with the failure.
    pub first_backoff: Duration,
    /// What doubling the pause stops at.
    pub max_backoff: Duration,
    /// How long the circuit is open before one start may try; the clock starts when it opens.
    pub half_open_after: Duration,
}

impl Default for RestartOptions {
    fn default() -> Self {
        Self {
            max_restarts: 10,
            within: Duration::from_secs(60),
            first_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            half_open_after: Duration::from_secs(10),
        }
    }
}

/// Scatters pauses, so that pools which were hit by the same thing do not come back in the same moment. Not for secrets.
///
/// It is made from a seed so that a test sees the pauses that it expects; the generator is `SplitMix64`. A crate for
/// this was refused: it is four lines, and the core draws nothing else.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// The same seed gives the same pauses.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A duration from 0 to `longest`, each as likely as any other ("full jitter": of the usual ways it keeps those who
    /// come back together furthest apart).
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let longest = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        let drawn = (u128::from(bits) * (u128::from(longest) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(drawn).unwrap_or(longest))
    }
}

/// What may be started now, and what becomes of the calls: the first table of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As many starts as are wanted.
    Free,
    /// One start; its outcome decides about more.
    One,
    /// None until the start that is under way has come to an end.
    Undecided,
    /// None before then.
    Pausing(Instant),
    /// None before a call is made that wants it.
    NeedsCall,
    /// None, and one after that time.
    Open(Instant),
}

impl Standing {
    /// How many starts may be begun now.
    #[must_use]
    pub fn allowed_starts(self) -> usize {
        match self {
            Self::Free => usize::MAX,
            Self::One => 1,
            Self::Undecided | Self::Pausing(_) | Self::NeedsCall | Self::Open(_) => 0,
        }
    }

    /// Whether a call that waits would wait for nothing, where no worker is ready.
    #[must_use]
    pub fn rejects(self) -> bool {
        matches!(self, Self::NeedsCall | Self::Open(_))
    }

    /// When something changes by time alone.
    #[must_use]
    pub fn changes_at(self) -> Option<Instant> {
        match self {
            Self::Pausing(at) | Self::Open(at) => Some(at),
            Self::Free | Self::One | Self::Undecided | Self::NeedsCall => None,
        }
    }
}

/// The circuit, as stats show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Circuit {
    /// Workers are started as they are needed.
    Closed,
    /// Nothing is started.
    Open,
    /// One start tries whether it works again; or may, as soon as somebody wants a worker.
    HalfOpen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { since: Option<Instant> },
    Open { until: Instant },
    Probing,
}

/// The restarts of one pool. `C` is what is remembered of a failure, to be told to the calls that it costs.
#[derive(Clone, Debug)]
pub struct Restarts<C> {
    options: RestartOptions,
    jitter: Jitter,
    state: State,
    /// The last failures, no more of them than it takes to know whether they are too many.
    failures: VecDeque<Instant>,
    /// Starts that were begun and have no outcome yet.
    starting: usize,
    /// A start failed or a worker died, and no start has succeeded since.
    troubled: bool,
    /// A worker was ready once.
    was_ready: bool,
    /// A call was made since a start failed for the last time.
    call_wants_start: bool,
    /// The end of the pause after the last failure.
    pause_until: Option<Instant>,
    /// How often the circuit has opened without a quiet period in between.
    openings: usize,
    last_cause: Option<C>,
}

impl<C> Restarts<C> {
    /// Nothing has failed yet.
    #[must_use]
    pub fn new(options: RestartOptions, jitter: Jitter) -> Self {
        Self {
            options,
            jitter,
            state: State::Closed { since: None },
            failures: VecDeque::new(),
            starting: 0,
            troubled: false,
            was_ready: false,
            call_wants_start: false,
            pause_until: None,
            openings: 0,
            last_cause: None,
        }
    }

    /// A start was begun.
    pub fn start_began(&mut self) {
        self.starting += 1;
        if matches!(self.state, State::Open { .. }) {
            self.state = State::Probing;
        }
    }

    /// A worker got ready.
    pub fn start_succeeded(&mut self, now: Instant) {
        self.end_start();
        self.was_ready = true;
        self.troubled = false;
        self.pause_until = None;
        self.last_cause = None;
        if !matches!(self.state, State::Closed { .. }) {
            self.state = State::Closed { since: Some(now) };
        }
    }

    /// A worker did not get ready.
    pub fn start_failed(&mut self, now: Instant, cause: C) {
        self.end_start();
        let probe_failed = self.state == State::Probing;
        self.fail(now, cause);
        if probe_failed {
            self.open(now);
        }
    }

    /// A worker that was not ready yet was asked to end: that says nothing about it.
    /// Where it was the probe, another may be.
    pub fn start_abandoned(&mut self) {
        self.end_start();
    }

    /// A worker that had been ready has died, and nobody had asked it to.
    pub fn worker_died(&mut self, now: Instant, cause: C) {
        self.fail(now, cause);
    }

    /// A call was made, and no worker is ready for it. Where it is not rejected, it is worth an attempt.
    pub fn call_made(&mut self) {
        self.call_wants_start = true;
    }

    /// What may be started now, and what becomes of the calls.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        match self.state {
            State::Closed { .. } => self.standing_when_closed(now),
            // Starts that were under way when the circuit opened: one that succeeds would close it.
            _ if self.starting > 0 => Standing::Undecided,
            State::Open { until } if now < until => Standing::Open(until),
            // Its time is over, or the probe was abandoned.
            State::Open { .. } | State::Probing => Standing::One,
        }
    }

    fn standing_when_closed(&self, now: Instant) -> Standing {
        if !self.troubled && !self.has_too_many(now) {
            return Standing::Free;
        }
        if self.starting > 0 {
            return Standing::Undecided;
        }
        if self.troubled && !self.was_ready && !self.call_wants_start {
            return Standing::NeedsCall;
        }
        match self.pause_until {
            Some(until) if now < until => Standing::Pausing(until),
            _ => Standing::One,
        }
    }

    /// Why the last start failed or the last worker died; `None` once a start has succeeded.
    #[must_use]
    pub fn last_cause(&self) -> Option<&C> {
        self.last_cause.as_ref()
    }

    /// How the circuit stands.
    #[must_use]
    pub fn circuit(&self, now: Instant) -> Circuit {
        match self.state {
            State::Closed { .. } => Circuit::Closed,
            State::Open { until } if now < until => Circuit::Open,
            State::Open { .. } | State::Probing => Circuit::HalfOpen,
        }
    }

    /// Failures that count at the moment, one more than the allowed ones at the most.
    #[must_use]
    pub fn failures_within(&self, now: Instant) -> usize {
        let past = self
            .failures
            .partition_point(|failure| !self.counts(*failure, now));
        self.failures.len() - past
    }

    /// The oldest of those that are kept decides: no more are kept than it takes.
    fn has_too_many(&self, now: Instant) -> bool {
        self.failures.len() > self.options.max_restarts as usize
            && self
                .failures
                .front()
                .is_some_and(|oldest| self.counts(*oldest, now))
    }

    fn counts(&self, failure: Instant, now: Instant) -> bool {
        now.saturating_duration_since(failure) < self.options.within
    }

    fn end_start(&mut self) {
        self.starting = self.starting.saturating_sub(1);
    }

    fn fail(&mut self, now: Instant, cause: C) {
        if let State::Closed { since } = self.state
            && self
                .failures
                .back()
                .copied()
                .max(since)
                .is_none_or(|last| !self.counts(last, now))
        {
            self.openings = 0;
        }
        self.last_cause = Some(cause);
        self.troubled = true;
        self.call_wants_start = false;
        self.failures.push_back(now);
        let kept = (self.options.max_restarts as usize).saturating_add(1);
        while let Some(oldest) = self.failures.front()
            && (!self.counts(*oldest, now) || self.failures.len() > kept)
        {
            self.failures.pop_front();
        }
        let RestartOptions {
            first_backoff,
            max_backoff,
            ..
        } = self.options;
        // Those that are left all count, this one among them.
        let longest = doubled(
            first_backoff,
            self.failures.len().saturating_sub(1),
            max_backoff,
        );
        self.pause_until = later(now, self.jitter.up_to(longest));
        if matches!(self.state, State::Closed { .. }) && self.has_too_many(now) {
            self.open(now);
        }
    }

    fn open(&mut self, now: Instant) {
        let longest = self.options.half_open_after.saturating_mul(LONGEST_OPEN);
        let time = doubled(self.options.half_open_after, self.openings, longest);
        self.openings = self.openings.saturating_add(1);
        self.call_wants_start = false;
        self.state = State::Open {
            // A time that no clock can show is one that never comes; a year is as good.
            until: later(now, time)
                .unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 60 * 60)),
        };
    }
}

/// `first`, doubled so many times, `longest` at the most.
pub(crate) fn doubled(first: Duration, times: usize, longest: Duration) -> Duration {
    let factor = 1_u32
        .checked_shl(u32::try_from(times).unwrap_or(u32::MAX))
        .unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

fn later(now: Instant, by: Duration) -> Option<Instant> {
    now.checked_add(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the figures below are for.
    fn five() -> RestartOptions {
        RestartOptions {
            max_restarts: 5,
            ..RestartOptions::default()
        }
    }
    use proptest::prelude::*;
    use std::collections::HashSet;

    const SEED: u64 = 38;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn restarts(options: RestartOptions) -> Restarts<&'static str> {
        Restarts::new(options, Jitter::seeded(SEED))
    }

    /// One whose module has loaded once.
    fn proven(options: RestartOptions, now: Instant) -> Restarts<&'static str> {
        let mut restarts = restarts(options);
        restarts.start_began();
        restarts.start_succeeded(now);
        restarts
    }

    fn fail_once(restarts: &mut Restarts<&'static str>, now: Instant) {
        restarts.start_began();
        restarts.start_failed(now, "no such module");
    }

    #[test]
    fn after_a_failed_first_start_only_a_new_call_makes_an_attempt() {
        let now = Instant::now();
        let mut restarts = restarts(five());
        assert_eq!(restarts.standing(now), Standing::Free);
        restarts.start_began();
        restarts.call_made();
        restarts.start_failed(now, "no such module");
        let later = now + ms(1000);
        assert_eq!(restarts.standing(later), Standing::NeedsCall);
        assert!(
            restarts.standing(later).rejects(),
            "also the one that came meanwhile"
        );
        assert_eq!(restarts.last_cause(), Some(&"no such module"));
        restarts.call_made();
        assert_eq!(restarts.standing(later), Standing::One);
        restarts.start_began();
        assert_eq!(restarts.standing(later), Standing::Undecided, "one attempt");
        restarts.start_failed(later, "still none");
        assert_eq!(restarts.standing(later + ms(1000)), Standing::NeedsCall);
    }

    #[test]
    fn the_attempt_for_a_new_call_keeps_the_pause() {
        let now = Instant::now();
        let mut restarts = restarts(five());
        fail_once(&mut restarts, now);
        restarts.call_made();
        let Standing::Pausing(at) = restarts.standing(now) else {
            panic!("{:?}", restarts.standing(now));
        };
        assert!(at > now && at <= now + ms(100));
        assert_eq!(restarts.standing(at), Standing::One);
    }

    #[test]
    fn calls_wait_while_workers_that_were_ready_once_are_started_again() {
        let now = Instant::now();
        let mut restarts = proven(five(), now);
        restarts.worker_died(now, "SIGSEGV");
        let standing = restarts.standing(now);
        assert!(matches!(standing, Standing::Pausing(_)), "{standing:?}");
        assert!(!standing.rejects());
        assert_eq!(
            restarts.standing(now + ms(100)),
            Standing::One,
            "without a call"
        );
    }

    #[test]
    fn pauses_double_are_scattered_and_stop_growing() {
        let options = RestartOptions {
            max_restarts: 100,
            ..five()
        };
        let now = Instant::now();
        let mut restarts = proven(options, now);
        let mut expected = Jitter::seeded(SEED);
        let mut longest = ms(100);
        for _ in 0..20 {
            restarts.worker_died(now, "SIGSEGV");
            assert_eq!(restarts.pause_until, Some(now + expected.up_to(longest)));
            longest = (2 * longest).min(ms(10_000));
        }
    }

    #[test]
    fn full_jitter_fills_its_range() {
        let mut jitter = Jitter::seeded(SEED);
        let longest = Duration::from_nanos(9);
        let drawn: HashSet<_> = (0..1000).map(|_| jitter.up_to(longest)).collect();
        assert_eq!(drawn.len(), 10, "0 and the longest among them");
        assert_eq!(jitter.up_to(Duration::ZERO), Duration::ZERO);
        let _ = jitter.up_to(Duration::MAX);
    }

    #[test]
    fn failures_are_forgotten_by_time() {
        let start = Instant::now();
        let mut restarts = proven(five(), start);
        for minute in 0..100 {
            restarts.worker_died(start + ms(20_000) * minute, "SIGSEGV");
            assert_eq!(
                restarts.circuit(start + ms(20_000) * minute),
                Circuit::Closed
            );
            restarts.start_began();
            restarts.start_succeeded(start + ms(20_000) * minute + ms(1));
        }
        let now = start + ms(20_000) * 99;
        assert_eq!(restarts.failures_within(now), 3);
        assert_eq!(restarts.failures_within(now + ms(60_000)), 0);
    }

    #[test]
    fn too_many_failures_open_the_circuit_and_every_call_gets_the_last_cause() {
        let now = Instant::now();
        let mut restarts = proven(five(), now);
        for _ in 0..5 {
            restarts.worker_died(now, "SIGSEGV");
            assert_eq!(restarts.circuit(now), Circuit::Closed);
        }
        restarts.worker_died(now, "SIGKILL");
        assert_eq!(restarts.standing(now), Standing::Open(now + ms(10_000)));
        assert!(restarts.standing(now).rejects());
        assert_eq!(restarts.last_cause(), Some(&"SIGKILL"));
        restarts.call_made();
        assert_eq!(
            restarts.standing(now + ms(9999)),
            Standing::Open(now + ms(10_000)),
            "no call makes an attempt"
        );
    }

    #[test]
    fn without_restarts_the_first_failure_opens_the_circuit() {
        let options = RestartOptions {
            max_restarts: 0,
            ..five()
        };
        let now = Instant::now();
        let mut restarts = proven(options, now);
        restarts.worker_died(now, "SIGSEGV");
        assert_eq!(restarts.circuit(now), Circuit::Open);
    }

    #[test]
    fn a_circuit_whose_time_is_over_lets_one_probe_through_and_its_success_closes_it() {
        let now = Instant::now();
        let mut restarts = proven(five(), now);
        for _ in 0..6 {
            restarts.worker_died(now, "SIGSEGV");
        }
        let probing = now + ms(10_000);
        assert_eq!(restarts.circuit(probing), Circuit::HalfOpen);
        assert_eq!(restarts.standing(probing).allowed_starts(), 1);
        restarts.start_began();
        let much_later = probing + ms(25_000);
        assert_eq!(
            restarts.standing(much_later),
            Standing::Undecided,
            "one probe"
        );
        assert!(!restarts.standing(much_later).rejects());
        restarts.worker_died(much_later, "an old worker");
        assert_eq!(restarts.standing(much_later), Standing::Undecided);
        restarts.start_succeeded(much_later);
        assert_eq!(restarts.circuit(much_later), Circuit::Closed);
        assert_eq!(restarts.last_cause(), None);
        assert_eq!(
            restarts.standing(much_later),
            Standing::One,
            "the period is still full"
        );
        assert_eq!(restarts.standing(much_later + ms(60_000)), Standing::Free);
    }

    #[test]
    fn each_failed_probe_doubles_the_time_up_to_a_bound() {
        let mut now = Instant::now();
        let mut restarts = proven(five(), now);
        for _ in 0..6 {
            restarts.worker_died(now, "SIGSEGV");
        }
        for seconds in [10, 20, 40, 80, 80, 80] {
            let until = now + Duration::from_secs(seconds);
            assert_eq!(restarts.standing(now), Standing::Open(until));
            now = until;
            fail_once(&mut restarts, now);
        }
    }

    #[test]
    fn the_time_begins_anew_only_after_a_quiet_period() {
        let start = Instant::now();
        let open = |restarts: &mut Restarts<_>, now| {
            for _ in 0..6 {
                restarts.worker_died(now, "SIGSEGV");
            }
            match restarts.standing(now) {
                Standing::Open(until) => until - now,
                other => panic!("{other:?}"),
            }
        };
        let probe = |restarts: &mut Restarts<_>, now| {
            restarts.start_began();
            restarts.start_succeeded(now);
        };
        let mut restarts = proven(five(), start);
        assert_eq!(open(&mut restarts, start), ms(10_000));
        // Long after the failures, but not long after it was closed.
        probe(&mut restarts, start + ms(100_000));
        assert_eq!(open(&mut restarts, start + ms(150_000)), ms(20_000));
        probe(&mut restarts, start + ms(170_000));
        assert_eq!(open(&mut restarts, start + ms(230_000)), ms(10_000));
    }

    #[test]
    fn whoever_was_asked_to_end_counts_for_nothing() {
        let now = Instant::now();
        let mut restarts = restarts(five());
        for _ in 0..100 {
            restarts.start_began();
            restarts.start_abandoned();
        }
        assert_eq!(restarts.standing(now), Standing::Free);
        for _ in 0..6 {
            restarts.worker_died(now, "SIGSEGV");
        }
        let probing = now + ms(10_000);
        restarts.start_began();
        restarts.start_abandoned();
        assert_eq!(
            restarts.standing(probing),
            Standing::One,
            "another may be the probe"
        );
    }

    #[test]
    fn starts_made_together_open_the_circuit_together_and_each_may_still_save_it() {
        let now = Instant::now();
        let mut restarts = restarts(five());
        for _ in 0..8 {
            restarts.start_began();
        }
        for _ in 0..7 {
            restarts.start_failed(now, "out of memory");
            assert_eq!(restarts.standing(now), Standing::Undecided);
        }
        assert_eq!(restarts.circuit(now), Circuit::Open);
        let mut saved = restarts.clone();
        saved.start_succeeded(now);
        assert_eq!(saved.circuit(now), Circuit::Closed);
        restarts.start_failed(now, "out of memory");
        assert_eq!(
            restarts.standing(now),
            Standing::Open(now + ms(10_000)),
            "those that fail late do not prolong it"
        );
    }

    #[test]
    fn enormous_options_overflow_nothing() {
        let now = Instant::now();
        let options = RestartOptions {
            max_restarts: u32::MAX,
            within: Duration::MAX,
            first_backoff: Duration::MAX,
            max_backoff: Duration::MAX,
            half_open_after: Duration::MAX,
        };
        let mut restarts = proven(options, now);
        for _ in 0..100 {
            restarts.worker_died(now, "SIGSEGV");
        }
        let options = RestartOptions {
            max_restarts: 0,
            ..options
        };
        let mut restarts = proven(options, now);
        restarts.worker_died(now, "SIGSEGV");
        assert_eq!(restarts.circuit(now), Circuit::Open);
    }

    /// What a pool of one worker does with the standing, a millisecond a step.
    struct Simulation {
        restarts: Restarts<&'static str>,
        now: Instant,
        waiting: usize,
        /// When the start that is under way has its outcome.
        outcome_at: Option<Instant>,
        /// When the worker that is ready will die.
        dies_at: Option<Instant>,
        starts: Vec<Instant>,
        /// Each failure, and whether it opened the circuit.
        failures: Vec<(Instant, bool)>,
        rejected: usize,
        answered: usize,
        most_waiting: usize,
    }

    impl Simulation {
        fn of(options: RestartOptions) -> Self {
            Self {
                restarts: restarts(options),
                now: Instant::now(),
                waiting: 0,
                outcome_at: None,
                dies_at: None,
                starts: Vec::new(),
                failures: Vec::new(),
                rejected: 0,
                answered: 0,
                most_waiting: 0,
            }
        }

        /// `life`: how long a worker lives that got ready, `None` when it does not get ready.
        fn step(&mut self, call: bool, start_takes: Duration, life: Option<Duration>) {
            self.now += ms(1);
            if self.outcome_at.is_some_and(|at| at <= self.now) {
                self.outcome_at = None;
                if let Some(life) = life {
                    self.restarts.start_succeeded(self.now);
                    self.dies_at = Some(self.now + life);
                } else {
                    self.note(|restarts, now| restarts.start_failed(now, "crash at start"));
                }
            }
            if self.dies_at.is_some_and(|at| at <= self.now) {
                self.dies_at = None;
                self.note(|restarts, now| restarts.worker_died(now, "crash"));
            }
            if call {
                self.waiting += 1;
                if self.dies_at.is_none() {
                    self.restarts.call_made();
                }
            }
            if self.dies_at.is_some() {
                self.answered += std::mem::take(&mut self.waiting);
                return;
            }
            let standing = self.restarts.standing(self.now);
            if standing.rejects() {
                self.rejected += std::mem::take(&mut self.waiting);
            }
            if self.waiting > 0 && self.outcome_at.is_none() && standing.allowed_starts() > 0 {
                self.restarts.start_began();
                self.starts.push(self.now);
                self.outcome_at = Some(self.now + start_takes);
            }
            self.most_waiting = self.most_waiting.max(self.waiting);
        }

        fn note(&mut self, fail: impl FnOnce(&mut Restarts<&'static str>, Instant)) {
            let before = self.restarts.circuit(self.now);
            fail(&mut self.restarts, self.now);
            let opened = self.restarts.circuit(self.now) == Circuit::Open;
            self.failures
                .push((self.now, opened && before != Circuit::Open));
        }

        /// The most failures within a period that did not open the circuit.
        fn most_tolerated(&self, within: Duration) -> usize {
            let tolerated: Vec<_> = self.failures.iter().filter(|failure| !failure.1).collect();
            let mut first = 0;
            let mut most = 0;
            for (last, (at, _)) in tolerated.iter().enumerate() {
                while *at - tolerated[first].0 >= within {
                    first += 1;
                }
                most = most.max(last - first + 1);
            }
            most
        }
    }

    /// Users of a queue saw 41,776 jobs fail in 38 minutes after one failed start.
    const MINUTES_38: u64 = 38 * 60_000;

    /// 5 starts again and the first one; then a probe after 10, 20, 40 s and every 80 s.
    const MOST_STARTS: usize = 6 + 3 + 2280 / 80;

    #[test]
    fn a_module_that_crashes_at_start_is_started_a_few_times_in_38_minutes_of_calls() {
        let mut pool = Simulation::of(five());
        for step in 0..MINUTES_38 {
            pool.step(step % 10 == 0, ms(80), None);
        }
        assert!(
            pool.starts.len() <= MOST_STARTS,
            "{} starts",
            pool.starts.len()
        );
        assert!(
            pool.starts.len() > MOST_STARTS / 2,
            "it tries again and again"
        );
        assert!(pool.most_tolerated(ms(60_000)) <= 5);
        let calls = usize::try_from(MINUTES_38 / 10).unwrap();
        assert!(pool.rejected + pool.waiting == calls && pool.waiting <= 8);
        assert!(
            pool.most_waiting <= 170,
            "those that are made in 80 ms and the longest pause, 1.6 s"
        );
    }

    #[test]
    fn a_module_that_stops_loading_is_started_a_few_times_too() {
        let mut pool = Simulation::of(five());
        for step in 0..MINUTES_38 {
            let life = (step < 1000).then_some(ms(500));
            pool.step(step % 10 == 0, ms(80), life);
        }
        assert!(pool.answered > 0 && pool.starts.len() <= MOST_STARTS + 2);
        assert!(pool.most_tolerated(ms(60_000)) <= 5);
    }

    #[test]
    fn a_module_that_crashes_when_it_is_ready_gets_no_new_allowance_from_each_probe() {
        let mut pool = Simulation::of(five());
        for step in 0..MINUTES_38 {
            pool.step(step % 10 == 0, ms(80), Some(ms(20)));
        }
        assert!(pool.most_tolerated(ms(60_000)) <= 5);
        let periods = usize::try_from(MINUTES_38 / 60_000).unwrap();
        assert!(
            pool.starts.len() <= 6 * (periods + 1),
            "{} starts",
            pool.starts.len()
        );
    }

    #[test]
    fn without_a_policy_the_same_module_is_started_thousands_of_times() {
        let mut pool = Simulation::of(RestartOptions {
            max_restarts: u32::MAX,
            first_backoff: Duration::ZERO,
            ..five()
        });
        for step in 0..MINUTES_38 {
            pool.step(step % 10 == 0, ms(80), None);
        }
        assert!(pool.starts.len() > 20_000, "{} starts", pool.starts.len());
    }

    #[test]
    fn a_pool_recovers_when_its_module_does() {
        let mut pool = Simulation::of(five());
        let outage = 5 * 60_000;
        for step in 0..outage {
            pool.step(step % 10 == 0, ms(80), None);
        }
        assert_eq!(pool.answered, 0);
        for step in 0..81_000 {
            pool.step(step % 10 == 0, ms(80), Some(ms(1_000_000)));
        }
        assert!(
            pool.answered > 0,
            "after the longest time for which a circuit is open"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_happens_no_period_has_more_restarts_than_allowed_beyond_the_probes(
            max_restarts in 0_u32..8,
            within in 100_u64..5000,
            first_backoff in 0_u64..50,
            half_open_after in 1_u64..1000,
            fates in prop::collection::vec((1_u64..60, prop::option::weighted(0.4, 0_u64..600)), 1..60),
            gaps in prop::collection::vec(1_u64..40, 1..40),
        ) {
            let mut pool = Simulation::of(RestartOptions {
                max_restarts,
                within: ms(within),
                first_backoff: ms(first_backoff),
                max_backoff: ms(100),
                half_open_after: ms(half_open_after),
            });
            let mut until_call = 0;
            for step in 0..20_000_usize {
                let call = until_call == 0;
                until_call = if call { gaps[step % gaps.len()] } else { until_call - 1 };
                let (start_takes, life) = fates[pool.starts.len() % fates.len()];
                pool.step(call, ms(start_takes), life.map(ms));
            }
            prop_assert!(pool.most_tolerated(ms(within)) <= max_restarts as usize);
            let opened: Vec<_> = pool.failures.iter().filter(|failure| failure.1).collect();
            for pair in opened.windows(2) {
                prop_assert!(pair[1].0 - pair[0].0 >= ms(half_open_after));
            }
        }
    }
}
