//! How many workers a pool should have: more while calls wait, fewer while workers idle. No I/O, no clock of its own, and
//! no state: whoever asks twice in one moment gets the same answer.
//!
//! # Rules
//!
//! A pool's *size* is its workers that are ready or starting. One that is retiring (asked to end, finishing what it has
//! begun) counts no more: its place may be filled at once, by the host only while no other retires there. *Used* are the
//! workers that have calls or had some within the last `idle`.
//!
//! | when | then |
//! |---|---|
//! | the size is below `min` | what is missing is started |
//! | calls wait, and nobody is ready or starting | one is started at once |
//! | the first call has waited for n times `grow_after`, and no ready worker is idle | up to n are starting together, no more than calls wait |
//! | the size is below used + `spare` | what is missing is started |
//! | nobody is starting, no call waits, and workers have been idle for `idle` | they are retired, longest idle first, down to `min` and to used + `spare` |
//!
//! The size never exceeds `max`, and no more is started than [`Demand::allowed_starts`].
//!
//! Why this does not swing:
//!
//! - A worker that is starting counts as if it were there, so the same wait asks for it once.
//! - Growth for waiting calls needs every ready worker to be busy, so after it each of them has yet to be idle for all of
//!   `idle` before any is retired. That is also why an idle worker ends growth: a call that waits beside it waits for
//!   something else (its key, the limit of its command), which one more worker does not bring.
//! - How many are used is counted over `idle`, not in the moment: short calls leave each worker idle many times a second.
//!
//! So under a constant load the size becomes constant. Calls that are further apart than `idle` are no load in this sense:
//! with `min: 0` each of them starts a worker, which `idle` later ends.
//!
//! # What the host does
//!
//! It asks for a [`Plan`] when the pool opens, when a worker has got ready, has ended or was asked to; when a call has to
//! wait and none waited before; with a `spare` also when a call goes to a worker that was never used or not for `idle`;
//! and at `look_again_at`, for which one timer a pool is enough. Not for each call.
//!
//! Of several idle workers it must prefer the same ones again and again (the lowest slot), where `min` and `max` differ or
//! there is a `spare`. Taking turns, which is as good for a pool of fixed size, would give one call a second among four
//! workers to each of them in time, and none would ever be idle for long.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// How large a pool may be, and how fast it follows what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalingOptions {
    /// Workers that are kept at least, also while there is nothing to do.
    pub min: usize,
    /// Workers that there are at most.
    pub max: usize,
    /// How long a worker above `min` may have nothing to do before it is retired; the clock starts with its last answer,
    /// or when it got ready.
    pub idle: Duration,
    /// How long the first call of the queue waits before a further worker is started; the clock starts when the call was
    /// made. Zero: as soon as it has to wait.
    pub grow_after: Duration,
    /// Workers that are kept warm beyond those that are used: 0, or 1 where a start takes longer than a call may wait.
    pub spare: usize,
}

impl ScalingOptions {
    /// A start takes about 140 ms of CPU and 40 MB, so it should not answer a hiccup: a collection of garbage in the
    /// worker, a time slice that others had, the millisecond of work that is sent ahead to each worker, all below 20 ms.
    /// A call that waits longer waits for calls. Waiting as long as a start takes would be the cautious choice (never more
    /// than twice the best in hindsight); then a burst sees its first new worker after 280 ms instead of 160.
    pub const GROW_AFTER: Duration = Duration::from_millis(20);

    /// Two hundred starts' worth: to have ended a worker too early costs half a percent of the time it was kept.
    pub const IDLE: Duration = Duration::from_secs(30);

    /// A pool that always has that many workers.
    #[must_use]
    pub fn fixed(workers: usize) -> Self {
        Self {
            min: workers,
            max: workers,
            idle: Self::IDLE,
            grow_after: Self::GROW_AFTER,
            spare: 0,
        }
    }
}

/// A worker that takes calls, at the moment of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyWorker {
    /// By what the plan names it.
    pub slot: usize,
    /// Since when it has had no call (at first: since it is ready); `None` while it has one.
    pub idle_since: Option<Instant>,
    /// It has had a call.
    pub was_used: bool,
}

/// A pool at the moment of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The moment.
    pub now: Instant,
    /// Its workers that take calls: not those that are starting, retiring, or on their way out.
    pub ready: &'a [ReadyWorker],
    /// Workers that were started and are not ready yet.
    pub starting: usize,
    /// Calls that wait and that one more worker could begin with. One behind another of its key is none; the first of a key
    /// may be one, for some of the keys move to each new worker.
    pub queued: usize,
    /// How long the first of them has waited.
    pub head_waited: Duration,
    /// How many starts may be begun now: [`Standing::allowed_starts`](crate::restarts::Standing::allowed_starts), and
    /// what the limits of the family leave.
    pub allowed_starts: usize,
}

/// What is to be done now, and when to ask again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// So many workers are to be started.
    pub start: usize,
    /// The slots of those that are to be retired; they have no calls.
    pub retire: Vec<usize>,
    /// When time alone may change the answer; `None`: never. A pool that is idle and as small as it may be asks for no
    /// timer.
    pub look_again_at: Option<Instant>,
}

impl ScalingOptions {
    /// Decides.
    #[must_use]
    pub fn plan(&self, demand: &Demand<'_>) -> Plan {
        let size = demand.ready.len() + demand.starting;
        let kept = self.kept(demand);
        let start = kept
            .saturating_sub(size)
            .max(self.growth(demand))
            .min(self.max.saturating_sub(size))
            .min(demand.allowed_starts);
        let retire = if start == 0 && demand.starting == 0 && demand.queued == 0 {
            self.retired(demand, size.saturating_sub(kept))
        } else {
            Vec::new()
        };
        let left = size + start - retire.len();
        let looks = [
            self.next_growth(demand, left),
            self.next_shrinking(demand, &retire, left, start),
        ];
        Plan {
            start,
            retire,
            look_again_at: looks.into_iter().flatten().min(),
        }
    }

    /// The size that is kept without regard to the queue.
    fn kept(&self, demand: &Demand<'_>) -> usize {
        let is_used = |worker: &&ReadyWorker| {
            worker.idle_since.is_none() || worker.was_used && !self.is_long_idle(worker, demand.now)
        };
        let used = demand.ready.iter().filter(is_used).count();
        self.min.max(used + self.spare).min(self.max)
    }

    fn is_long_idle(&self, worker: &ReadyWorker, now: Instant) -> bool {
        worker
            .idle_since
            .is_some_and(|since| now.saturating_duration_since(since) >= self.idle)
    }

    /// How many more should be starting for the calls that wait.
    fn growth(&self, demand: &Demand<'_>) -> usize {
        if demand.queued == 0 || has_idle(demand) {
            return 0;
        }
        let nobody = demand.ready.is_empty() && demand.starting == 0;
        self.steps(demand.head_waited)
            .max(usize::from(nobody))
            .min(demand.queued)
            .saturating_sub(demand.starting)
    }

    /// How often `grow_after` goes into that wait.
    fn steps(&self, waited: Duration) -> usize {
        waited
            .as_nanos()
            .checked_div(self.grow_after.as_nanos())
            .map_or(usize::MAX, |steps| {
                usize::try_from(steps).unwrap_or(usize::MAX)
            })
    }

    /// Those that have been idle for long, longest first, no more than `most`.
    fn retired(&self, demand: &Demand<'_>, most: usize) -> Vec<usize> {
        if most == 0 {
            return Vec::new();
        }
        let mut idle: Vec<_> = demand
            .ready
            .iter()
            .filter(|worker| self.is_long_idle(worker, demand.now))
            .collect();
        // Among equals the highest slot: the lowest are those that the host prefers.
        idle.sort_by_key(|worker| (worker.idle_since, Reverse(worker.slot)));
        idle.into_iter()
            .take(most)
            .map(|worker| worker.slot)
            .collect()
    }

    /// When the first call will have waited for one step more.
    fn next_growth(&self, demand: &Demand<'_>, size: usize) -> Option<Instant> {
        let steps = self.steps(demand.head_waited);
        if size >= self.max
            || demand.allowed_starts == 0
            || steps >= demand.queued
            || has_idle(demand)
        {
            return None;
        }
        let next = u32::try_from(steps + 1).unwrap_or(u32::MAX);
        let wait = self.grow_after.saturating_mul(next);
        demand
            .now
            .checked_add(wait.saturating_sub(demand.head_waited))
    }

    /// When a worker may have been idle for long.
    fn next_shrinking(
        &self,
        demand: &Demand<'_>,
        retire: &[usize],
        size: usize,
        start: usize,
    ) -> Option<Instant> {
        if size <= self.min.max(self.spare.min(self.max)) {
            return None;
        }
        let stays = |worker: &&ReadyWorker| !retire.contains(&worker.slot);
        let mut next: Option<Instant> = None;
        let mut at_work = demand.queued > 0 || demand.starting + start > 0;
        for worker in demand.ready.iter().filter(stays) {
            let Some(since) = worker.idle_since else {
                at_work = true;
                continue;
            };
            let at = since.checked_add(self.idle);
            if let Some(at) = at.filter(|at| *at > demand.now) {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        // Nobody says when the work is done: with every call would be too often.
        let after_work = if at_work {
            demand.now.checked_add(self.idle)
        } else {
            None
        };
        [next, after_work].into_iter().flatten().min()
    }
}

fn has_idle(demand: &Demand<'_>) -> bool {
    demand
        .ready
        .iter()
        .any(|worker| worker.idle_since.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn elastic(min: usize, max: usize, spare: usize) -> ScalingOptions {
        ScalingOptions {
            min,
            max,
            spare,
            idle: ms(1000),
            grow_after: ms(20),
        }
    }

    fn busy(slot: usize) -> ReadyWorker {
        ReadyWorker {
            slot,
            idle_since: None,
            was_used: true,
        }
    }

    fn idle(slot: usize, since: Instant) -> ReadyWorker {
        ReadyWorker {
            slot,
            idle_since: Some(since),
            was_used: true,
        }
    }

    fn fresh(slot: usize, since: Instant) -> ReadyWorker {
        ReadyWorker {
            was_used: false,
            ..idle(slot, since)
        }
    }

    fn demand(ready: &[ReadyWorker], now: Instant) -> Demand<'_> {
        Demand {
            now,
            ready,
            starting: 0,
            queued: 0,
            head_waited: Duration::ZERO,
            allowed_starts: usize::MAX,
        }
    }

    #[test]
    fn a_pool_has_its_minimum_before_anybody_calls() {
        let now = Instant::now();
        let options = ScalingOptions::fixed(4);
        assert_eq!(options.plan(&demand(&[], now)).start, 4);
        let starting = Demand {
            starting: 4,
            ..demand(&[], now)
        };
        assert_eq!(options.plan(&starting), Plan::default());
        let one_died = [busy(0), idle(1, now), idle(3, now)];
        assert_eq!(options.plan(&demand(&one_died, now)).start, 1);
    }

    #[test]
    fn an_empty_pool_starts_a_worker_for_the_first_call_at_once() {
        let now = Instant::now();
        let waits = Demand {
            queued: 3,
            ..demand(&[], now)
        };
        assert_eq!(elastic(0, 4, 0).plan(&waits).start, 1);
        assert_eq!(elastic(0, 4, 0).plan(&demand(&[], now)).start, 0);
    }

    #[test]
    fn the_longer_the_first_call_waits_the_more_workers_are_starting() {
        let now = Instant::now();
        let options = elastic(1, 8, 0);
        let workers = [busy(0)];
        let plan = |waited, starting, queued| {
            options.plan(&Demand {
                queued,
                starting,
                head_waited: ms(waited),
                ..demand(&workers, now)
            })
        };
        assert_eq!(plan(19, 0, 9).start, 0, "that may be a hiccup");
        assert_eq!(plan(19, 0, 9).look_again_at, Some(now + ms(1)));
        assert_eq!(plan(20, 0, 9).start, 1);
        assert_eq!(plan(39, 1, 9).start, 0, "one is on its way");
        assert_eq!(plan(40, 1, 9).start, 1);
        assert_eq!(plan(65, 0, 9).start, 3, "a late look makes up for it");
        assert_eq!(plan(65, 0, 2).start, 2, "no more than calls wait");
        assert_eq!(plan(10_000, 3, 99).start, 4, "no more than there may be");
    }

    #[test]
    fn a_call_that_waits_beside_an_idle_worker_waits_for_something_else() {
        let now = Instant::now();
        let workers = [busy(0), idle(1, now)];
        let waits = Demand {
            queued: 9,
            head_waited: ms(500),
            ..demand(&workers, now + ms(5000))
        };
        let plan = elastic(1, 8, 0).plan(&waits);
        assert_eq!(plan.start, 0);
        assert!(plan.retire.is_empty(), "or it would be missed in a moment");
    }

    #[test]
    fn no_more_is_started_than_the_restarts_allow() {
        let now = Instant::now();
        let plan = |allowed_starts| {
            elastic(4, 8, 1).plan(&Demand {
                queued: 9,
                head_waited: ms(500),
                allowed_starts,
                ..demand(&[], now)
            })
        };
        assert_eq!(
            plan(0),
            Plan::default(),
            "who forbids says when to ask again"
        );
        assert_eq!(plan(1).start, 1);
        assert_eq!(plan(usize::MAX).start, 8);
    }

    #[test]
    fn the_longest_idle_are_retired_first_and_never_those_with_calls() {
        let start = Instant::now();
        let now = start + ms(5000);
        let workers = [
            busy(0),
            idle(1, start + ms(300)),
            idle(2, start + ms(100)),
            idle(3, start + ms(200)),
            idle(4, start + ms(4001)),
        ];
        let plan = |min| elastic(min, 8, 0).plan(&demand(&workers, now));
        assert_eq!(plan(1).retire, [2, 3, 1]);
        assert_eq!(plan(4).retire, [2]);
        assert!(plan(5).retire.is_empty());
        assert_eq!(
            plan(1).look_again_at,
            Some(now + ms(1)),
            "when the next is due"
        );
    }

    #[test]
    fn nobody_is_retired_while_calls_wait_or_workers_start() {
        let start = Instant::now();
        let workers = [idle(0, start), idle(1, start)];
        let quiet = demand(&workers, start + ms(5000));
        let options = elastic(1, 8, 0);
        assert_eq!(options.plan(&quiet).retire, [1]);
        for other in [
            Demand { queued: 1, ..quiet },
            Demand {
                starting: 1,
                ..quiet
            },
        ] {
            let plan = options.plan(&other);
            assert!(plan.retire.is_empty());
            assert!(plan.look_again_at.is_some(), "it is asked again");
        }
    }

    #[test]
    fn a_spare_worker_is_kept_beyond_those_that_are_used() {
        let start = Instant::now();
        let options = elastic(1, 4, 1);
        let unused = [fresh(0, start)];
        assert_eq!(
            options.plan(&demand(&unused, start)).start,
            0,
            "it is the spare"
        );
        let used = [busy(0)];
        assert_eq!(options.plan(&demand(&used, start)).start, 1);
        let with_spare = [busy(0), fresh(1, start)];
        let later = start + ms(5000);
        assert_eq!(options.plan(&demand(&with_spare, later)).start, 0);
        assert!(options.plan(&demand(&with_spare, later)).retire.is_empty());
        let just_idle = [idle(0, start + ms(4001)), fresh(1, start)];
        assert!(options.plan(&demand(&just_idle, later)).retire.is_empty());
        let long_idle = [idle(0, start + ms(4000)), fresh(1, start)];
        assert_eq!(options.plan(&demand(&long_idle, later)).retire, [1]);
        let all_used = [busy(0), busy(1), busy(2), busy(3)];
        assert_eq!(
            options.plan(&demand(&all_used, later)).start,
            0,
            "not above max"
        );
    }

    #[test]
    fn a_pool_at_rest_asks_for_no_timer() {
        let start = Instant::now();
        let later = start + ms(5000);
        let none = |options: ScalingOptions, workers: &[ReadyWorker]| {
            assert_eq!(options.plan(&demand(workers, later)), Plan::default());
        };
        none(ScalingOptions::fixed(1), &[busy(0)]);
        none(elastic(1, 8, 0), &[idle(0, start)]);
        none(elastic(0, 8, 1), &[idle(0, start)]);
        none(elastic(0, 8, 0), &[]);
    }

    #[test]
    fn enormous_options_overflow_nothing() {
        let now = Instant::now();
        let options = ScalingOptions {
            min: 0,
            max: usize::MAX,
            idle: Duration::MAX,
            grow_after: Duration::MAX,
            spare: 1,
        };
        let workers = [busy(0)];
        for head_waited in [Duration::ZERO, Duration::MAX] {
            let _ = options.plan(&Demand {
                queued: usize::MAX,
                head_waited,
                ..demand(&workers, now)
            });
        }
        let at_once = ScalingOptions {
            grow_after: Duration::ZERO,
            ..options
        };
        let waits = Demand {
            queued: 7,
            ..demand(&workers, now)
        };
        assert_eq!(at_once.plan(&waits).start, 7);
    }

    /// A worker of the simulation.
    #[derive(Debug)]
    struct Process {
        slot: usize,
        ready_at: Instant,
        busy_until: Option<Instant>,
        idle_since: Instant,
        was_used: bool,
    }

    /// A pool and its host, a millisecond a step. The host asks when the module's documentation says so, and not else.
    struct Simulation {
        options: ScalingOptions,
        now: Instant,
        workers: Vec<Process>,
        queue: VecDeque<Instant>,
        service: Duration,
        ask: bool,
        look_again_at: Option<Instant>,
        last_growth: Option<Instant>,
        changes: usize,
    }

    impl Simulation {
        const START: u64 = 140;

        fn of(options: ScalingOptions) -> Self {
            Self {
                options,
                now: Instant::now(),
                workers: Vec::new(),
                queue: VecDeque::new(),
                service: ms(1),
                ask: true,
                look_again_at: None,
                last_growth: None,
                changes: 0,
            }
        }

        fn ready(&self) -> Vec<ReadyWorker> {
            let ready = self
                .workers
                .iter()
                .filter(|worker| worker.ready_at <= self.now);
            ready
                .map(|worker| ReadyWorker {
                    slot: worker.slot,
                    idle_since: worker.busy_until.is_none().then_some(worker.idle_since),
                    was_used: worker.was_used,
                })
                .collect()
        }

        fn plan(&self) -> Plan {
            let ready = self.ready();
            self.options.plan(&Demand {
                now: self.now,
                ready: &ready,
                starting: self.workers.len() - ready.len(),
                queued: self.queue.len(),
                head_waited: self
                    .queue
                    .front()
                    .map_or(Duration::ZERO, |made| self.now - *made),
                allowed_starts: usize::MAX,
            })
        }

        fn step(&mut self, calls: usize) -> Result<(), TestCaseError> {
            self.now += ms(1);
            let now = self.now;
            for worker in &mut self.workers {
                if worker.busy_until.is_some_and(|until| until <= now) {
                    worker.busy_until = None;
                    worker.idle_since = now;
                }
                self.ask |= worker.ready_at == now;
            }
            self.dispatch();
            let waited = !self.queue.is_empty();
            self.queue.extend(std::iter::repeat_n(now, calls));
            self.dispatch();
            self.ask |= !waited && !self.queue.is_empty();
            if self.ask || self.look_again_at.is_some_and(|at| at <= now) {
                self.ask = false;
                self.apply()?;
            }
            prop_assert!(self.workers.len() >= self.options.min);
            prop_assert!(self.workers.len() <= self.options.max);
            Ok(())
        }

        fn dispatch(&mut self) {
            let (now, idle) = (self.now, self.options.idle);
            while let Some(_made) = self.queue.front() {
                let free = self
                    .workers
                    .iter_mut()
                    .filter(|worker| worker.ready_at <= now && worker.busy_until.is_none())
                    .min_by_key(|worker| worker.slot);
                let Some(worker) = free else { return };
                self.ask |=
                    self.options.spare > 0 && (!worker.was_used || now - worker.idle_since >= idle);
                worker.busy_until = Some(now + self.service);
                worker.was_used = true;
                self.queue.pop_front();
            }
        }

        fn apply(&mut self) -> Result<(), TestCaseError> {
            let plan = self.plan();
            prop_assert!(plan.start == 0 || plan.retire.is_empty());
            prop_assert!(plan.look_again_at.is_none_or(|at| at > self.now));
            for slot in &plan.retire {
                let at = self.workers.iter().position(|worker| worker.slot == *slot);
                let worker = self.workers.remove(at.expect("a worker of the pool"));
                prop_assert!(worker.busy_until.is_none());
                prop_assert!(self.now - worker.idle_since >= self.options.idle);
                if self.options.spare == 0 {
                    prop_assert!(
                        self.last_growth
                            .is_none_or(|at| self.now - at >= self.options.idle),
                        "what has just grown does not shrink"
                    );
                }
                self.changes += 1;
            }
            for _ in 0..plan.start {
                let mut slots = 0..;
                let taken = |slot: &usize| self.workers.iter().any(|worker| worker.slot == *slot);
                let slot = slots.find(|slot| !taken(slot)).expect("endless");
                if self.workers.len() >= self.options.min {
                    self.last_growth = Some(self.now);
                }
                self.workers.push(Process {
                    slot,
                    ready_at: self.now + ms(Self::START),
                    busy_until: None,
                    idle_since: self.now + ms(Self::START),
                    was_used: false,
                });
                self.changes += 1;
            }
            self.look_again_at = plan.look_again_at;
            let again = self.plan();
            prop_assert_eq!(
                (again.start, again.retire.len()),
                (0, 0),
                "in the same moment"
            );
            Ok(())
        }
    }

    fn pools() -> impl Strategy<Value = ScalingOptions> {
        (0_usize..4, 0_usize..6, 0_usize..2)
            .prop_map(|(min, more, spare)| elastic(min, (min + more).max(1), spare))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_the_load_the_size_keeps_its_bounds_and_does_not_swing(
            options in pools(),
            load in prop::collection::vec((1_u64..2500, 1_u64..60, 1_u64..200, 1_usize..20), 1..12),
        ) {
            let mut pool = Simulation::of(options);
            for (length, gap, service, burst) in load {
                pool.service = ms(service);
                for step in 0..length {
                    pool.step(if step % gap == 0 { burst } else { 0 })?;
                }
            }
            // No more calls: whatever the timer alone can bring about has to come about.
            pool.service = ms(1);
            for _ in 0..1_000_000 {
                let at_work = pool.workers.iter().any(|worker| worker.busy_until.is_some());
                if !at_work && pool.queue.is_empty() && pool.look_again_at.is_none() {
                    break;
                }
                pool.step(0)?;
            }
            let at_rest = options.min.max(options.spare.min(options.max));
            prop_assert!(pool.workers.len() <= at_rest, "{} stay", pool.workers.len());
        }

        #[test]
        fn under_a_constant_load_the_size_becomes_constant(
            options in pools(),
            gap in 1_u64..100,
            service in 1_u64..300,
            calls in 1_usize..4,
        ) {
            let mut pool = Simulation::of(options);
            pool.service = ms(service);
            let run = |pool: &mut Simulation, steps: u64| {
                for step in 0..steps {
                    pool.step(if step % gap == 0 { calls } else { 0 })?;
                }
                Ok::<_, TestCaseError>(())
            };
            run(&mut pool, 12_000 / gap * gap)?;
            let before = pool.changes;
            run(&mut pool, 20_000 / gap * gap)?;
            prop_assert_eq!(pool.changes, before, "{} workers", pool.workers.len());
        }

        #[test]
        fn enough_workers_serve_what_one_cannot(gap in 1_u64..40, service in 1_u64..150) {
            let wanted = usize::try_from(service.div_ceil(gap)).unwrap();
            let mut pool = Simulation::of(elastic(1, 200, 0));
            pool.service = ms(service);
            for step in 0..10_000 {
                pool.step(usize::from(step % gap == 0))?;
            }
            prop_assert!(pool.queue.len() <= 1, "{} calls wait", pool.queue.len());
            prop_assert!(pool.workers.len() >= wanted);
            prop_assert!(pool.workers.len() <= wanted + 1, "{} workers, {} wanted", pool.workers.len(), wanted);
        }
    }
}
