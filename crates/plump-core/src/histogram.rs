//! How long the calls of each command waited and ran, in a bounded amount of memory.
//!
//! A histogram has two significant digits: two times are told apart when they differ by a hundredth or more. With three, one
//! takes seven times the memory, and nobody acts on the third digit of a p99. Times are microseconds from 1 to an hour;
//! what is shorter or longer counts as that.
//!
//! | the longest time so far | bytes of one histogram | with three digits |
//! |---|---|---|
//! | none recorded | 0 | 0 |
//! | 255 µs | 2 KiB | 16 KiB |
//! | 1 ms | 4 KiB | 16 KiB |
//! | 100 ms | 11 KiB | 64 KiB |
//! | 10 s | 18 KiB | 120 KiB |
//! | 1 h | 26 KiB | 184 KiB |
//!
//! (Counts of 64 bits. With 32, half of that, a command called a million times a second has a full count after 72 minutes,
//! and from then on its percentiles are wrong.) A command that was never called has none; those that there are grow by
//! 1 KiB for each doubling of the longest time: 24 times at most in its life.
//!
//! A pool has histograms for its first [`MAX_TIMED`] commands and one pair for all others together: 52 MiB at the very
//! most, whatever workers announce; a pool with 100 commands that take up to 100 ms uses 2.2 MiB.

use hdrhistogram::Histogram as Buckets;
use serde::Serialize;

/// The longest time that is told apart: an hour, microseconds.
pub const LONGEST_US: u64 = 3_600_000_000;

/// Commands of a pool that have histograms of their own.
pub const MAX_TIMED: usize = 1024;

const SIGNIFICANT_DIGITS: u8 = 2;

/// A distribution of times.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// There is none before the first time: most commands of most pools are never called.
    recorded: Option<Box<Recorded>>,
}

#[derive(Clone, Debug)]
struct Recorded {
    buckets: Buckets<u64>,
    /// Kept beside the buckets, which know both only to two digits.
    total_us: u64,
    longest_us: u64,
}

/// What a [`Histogram`] says; times are microseconds.
///
/// A percentile is the upper end of what its bucket holds, up to a hundredth above the time that was measured, and never
/// above `max_us`. `max_us`, `mean_us` and `count` are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// How many times there are.
    pub count: u64,
    /// Their mean.
    pub mean_us: f64,
    /// Half of them are no longer.
    pub p50_us: u64,
    /// Three quarters of them are no longer.
    pub p75_us: u64,
    /// 90 of 100 are no longer.
    pub p90_us: u64,
    /// 99 of 100 are no longer.
    pub p99_us: u64,
    /// 999 of 1,000 are no longer.
    #[serde(rename = "p999Us")]
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Histogram {
    /// Adds a time, in microseconds, as often as `calls` says.
    pub fn record(&mut self, us: u64, calls: u32) {
        let us = us.clamp(1, LONGEST_US);
        let recorded = self
            .recorded
            .get_or_insert_with(|| Box::new(Recorded::new()));
        // Within the bounds it can only fail where an address has fewer bits than the length of the largest histogram.
        let calls = u64::from(calls);
        if recorded.buckets.record_n(us, calls).is_ok() {
            recorded.total_us = recorded.total_us.saturating_add(us.saturating_mul(calls));
            recorded.longest_us = recorded.longest_us.max(us);
        }
    }

    /// What it says now; zeros while it is empty.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a mean; below 2^53 µs of calls, 285 years, nothing is lost"
    )]
    pub fn snapshot(&self) -> Snapshot {
        let Some(recorded) = &self.recorded else {
            return Snapshot::default();
        };
        let mut quantiles = recorded
            .buckets
            .value_at_quantiles([0.5, 0.75, 0.9, 0.99, 0.999])
            .map(|us| us.min(recorded.longest_us));
        let mut next = || quantiles.next().unwrap_or(recorded.longest_us);
        let count = recorded.buckets.len();
        Snapshot {
            count,
            mean_us: recorded.total_us as f64 / count.max(1) as f64,
            p50_us: next(),
            p75_us: next(),
            p90_us: next(),
            p99_us: next(),
            p999_us: next(),
            max_us: recorded.longest_us,
        }
    }

    /// Whether there is no time in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recorded.is_none()
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.recorded.as_ref().map_or(0, |recorded| {
            size_of::<Recorded>() + recorded.buckets.distinct_values() * size_of::<u64>()
        })
    }
}

impl Recorded {
    fn new() -> Self {
        // The smallest range that the crate takes; it is doubled as longer times come.
        let mut buckets = Buckets::new_with_bounds(1, 2, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that the crate documents as valid");
        buckets.auto(true);
        Self {
            buckets,
            total_us: 0,
            longest_us: 0,
        }
    }
}

/// How long calls waited, and how long they ran.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// From when the call was made until its worker began with it.
    pub wait: Histogram,
    /// From when its worker began with it until it had the outcome.
    pub run: Histogram,
}

/// What [`Times`] say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimesSnapshot {
    /// From when a call was made until its worker began with it.
    pub wait: Snapshot,
    /// From when its worker began with it until it had the outcome.
    pub run: Snapshot,
}

/// The times of a pool's commands, by the numbers that the pool gives to their names.
#[derive(Debug, Default)]
pub struct CommandTimes {
    of_commands: Vec<Times>,
    of_others: Times,
}

impl CommandTimes {
    /// So many calls of that command have waited and run so long, microseconds.
    pub fn record(&mut self, command: u32, wait_us: u64, run_us: u64, calls: u32) {
        let times = self.of(command);
        times.wait.record(wait_us, calls);
        times.run.record(run_us, calls);
    }

    fn of(&mut self, command: u32) -> &mut Times {
        let at = command as usize;
        if at >= MAX_TIMED {
            return &mut self.of_others;
        }
        if at >= self.of_commands.len() {
            self.of_commands.resize_with(at + 1, Times::default);
        }
        &mut self.of_commands[at]
    }

    /// The numbers of the commands that have been called, and what their times say.
    pub fn snapshots(&self) -> impl Iterator<Item = (u32, TimesSnapshot)> + '_ {
        (0..)
            .zip(&self.of_commands)
            .filter_map(|(command, times)| Some((command, times.snapshot()?)))
    }

    /// The same for all commands beyond [`MAX_TIMED`] together; `None` when none of them was called.
    #[must_use]
    pub fn others(&self) -> Option<TimesSnapshot> {
        self.of_others.snapshot()
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let histograms = self.of_commands.iter().chain([&self.of_others]);
        let of_histograms: usize = histograms
            .map(|times| times.wait.heap_bytes() + times.run.heap_bytes())
            .sum();
        self.of_commands.capacity() * size_of::<Times>() + of_histograms
    }
}

impl Times {
    fn snapshot(&self) -> Option<TimesSnapshot> {
        let is_unused = self.wait.is_empty() && self.run.is_empty();
        (!is_unused).then(|| TimesSnapshot {
            wait: self.wait.snapshot(),
            run: self.run.snapshot(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_told_apart_to_a_hundredth() {
        let mut histogram = Histogram::default();
        for us in 1..=1000 {
            histogram.record(us, 1);
        }
        let snapshot = histogram.snapshot();
        let close = |got: u64, exact: u64| got >= exact && (got - exact) * 100 <= exact;
        assert!(close(snapshot.p50_us, 500), "{snapshot:?}");
        assert!(close(snapshot.p75_us, 750), "{snapshot:?}");
        assert!(close(snapshot.p90_us, 900), "{snapshot:?}");
        assert!(close(snapshot.p99_us, 990), "{snapshot:?}");
        assert!(close(snapshot.p999_us, 999), "{snapshot:?}");
        assert_eq!((snapshot.count, snapshot.max_us), (1000, 1000));
        assert!((snapshot.mean_us - 500.5).abs() < 1e-9);
    }

    #[test]
    fn a_few_slow_ones_are_seen_at_the_end_alone() {
        let mut histogram = Histogram::default();
        for call in 0..10_000 {
            histogram.record(if call % 500 == 0 { 100_000 } else { 10 }, 1);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(
            (snapshot.p50_us, snapshot.p90_us, snapshot.p99_us),
            (10, 10, 10)
        );
        assert_eq!((snapshot.p999_us, snapshot.max_us), (100_000, 100_000));
    }

    #[test]
    fn one_time_can_stand_for_several_calls() {
        let mut histogram = Histogram::default();
        histogram.record(10, 99);
        histogram.record(1000, 1);
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count, snapshot.p99_us), (100, 10));
        assert!((snapshot.mean_us - 19.9).abs() < 1e-9);
    }

    #[test]
    fn what_is_too_short_or_too_long_counts_as_the_bound() {
        let mut histogram = Histogram::default();
        histogram.record(0, 1);
        assert_eq!(histogram.snapshot().max_us, 1);
        histogram.record(u64::MAX, 1);
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count, snapshot.max_us), (2, LONGEST_US));
        assert_eq!(snapshot.p50_us, 1);
    }

    #[test]
    fn an_empty_one_says_zeros_and_takes_nothing() {
        let histogram = Histogram::default();
        assert_eq!(histogram.snapshot(), Snapshot::default());
        assert_eq!((histogram.heap_bytes(), size_of::<Histogram>()), (0, 8));
    }

    #[test]
    fn memory_is_as_documented() {
        let kib = |us| {
            let mut histogram = Histogram::default();
            histogram.record(us, 1);
            (histogram.heap_bytes() - size_of::<Recorded>()).div_ceil(1024)
        };
        assert_eq!(
            [255, 1000, 100_000, 10_000_000, LONGEST_US].map(kib),
            [2, 4, 11, 18, 26]
        );
    }

    #[test]
    fn more_commands_than_may_be_timed_share_one_pair() {
        let mut times = CommandTimes::default();
        for command in 0..65_536 {
            times.record(command, LONGEST_US, LONGEST_US, 1);
        }
        assert_eq!(times.snapshots().count(), MAX_TIMED);
        let others = times.others().expect("they were called");
        assert_eq!(others.run.count, 65_536 - MAX_TIMED as u64);
        assert!(times.heap_bytes() <= 54 << 20, "{}", times.heap_bytes());
    }

    #[test]
    fn commands_that_were_not_called_are_not_told_of() {
        let mut times = CommandTimes::default();
        times.record(7, 3, 5, 1);
        let told: Vec<_> = times.snapshots().collect();
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].0, told[0].1.wait.count, told[0].1.run.count),
            (7, 1, 1)
        );
        assert_eq!(times.others(), None);
    }

    #[test]
    fn a_snapshot_is_json_in_camel_case() {
        let mut times = CommandTimes::default();
        times.record(0, 7, 42, 1);
        let (_, snapshot) = times.snapshots().next().expect("one was called");
        let json = serde_json::to_value(snapshot).expect("it has only numbers");
        assert_eq!(
            json["run"],
            serde_json::json!({
                "count": 1, "meanUs": 42.0, "p50Us": 42, "p75Us": 42, "p90Us": 42, "p99Us": 42, "p999Us": 42, "maxUs": 42,
            })
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn percentiles_are_those_of_the_sorted_times(
            times in prop::collection::vec(prop_oneof![0_u64..300, 0_u64..5_000_000_000], 1..400),
        ) {
            let mut histogram = Histogram::default();
            for us in &times {
                histogram.record(*us, 1);
            }
            let mut sorted: Vec<_> = times.iter().map(|us| (*us).clamp(1, LONGEST_US)).collect();
            sorted.sort_unstable();
            let snapshot = histogram.snapshot();
            for (thousandths, got) in [
                (500, snapshot.p50_us),
                (750, snapshot.p75_us),
                (900, snapshot.p90_us),
                (990, snapshot.p99_us),
                (999, snapshot.p999_us),
            ] {
                let exact = sorted[(sorted.len() * thousandths).div_ceil(1000) - 1];
                prop_assert!(got >= exact && got - exact <= exact / 100, "{} for {}", got, exact);
            }
            prop_assert_eq!(snapshot.max_us, sorted[sorted.len() - 1]);
            prop_assert_eq!(snapshot.count, sorted.len() as u64);
        }
    }
}
