//! How many workers this process may reasonably have: what `workers: 'auto'` means.
//!
//! Three things bound it, and the smallest decides:
//!
//! | | what | rounded |
//! |---|---|---|
//! | affinity | the CPUs that this process may run on, a container's `cpuset` among them | |
//! | quota | the CPU time that its container may use for each second, in CPUs | up, so at least 1 |
//! | memory | what can still be had before something is killed, divided by what a worker takes | down |
//!
//! A quota is rounded up because a fraction is there to be used: of 1.5 CPUs one worker leaves a third lie, while two that
//! are both busy get all of it, and are held up only at the end of a period in which they have used it up. Rounding down is
//! what libuv does, and what those ask for who fear for the slowest call; whoever does gives a number instead of `'auto'`.
//! Below one CPU there is no choice.
//!
//! There is always one worker at least: without any, no call could ever run, and whether memory is really out is for the
//! system to say.

use super::{available_cpus, container_limits};
use crate::limits::MAX_WORKERS;
use serde::Serialize;

/// What a worker takes that does nothing yet, bytes: Node with its heap, this package and a small module.
pub const BYTES_PER_WORKER: u64 = 64 * 1024 * 1024;

/// CPU time that may be used in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuQuota {
    /// Microseconds of CPU time, not 0.
    pub quota_us: u64,
    /// Microseconds of a period, not 0.
    pub period_us: u64,
}

impl CpuQuota {
    /// Whether this one leaves less.
    #[must_use]
    pub fn is_tighter_than(self, other: Self) -> bool {
        let leaves = |one: Self, period_us| u128::from(one.quota_us) * u128::from(period_us);
        leaves(self, other.period_us) < leaves(other, self.period_us)
    }
}

/// What a container, or whatever else holds processes together, allows this one. `None`: there is no such limit, or the
/// system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerLimits {
    /// The tightest quota of CPU time.
    pub cpu_quota: Option<CpuQuota>,
    /// The smallest limit of memory, bytes.
    pub memory_limit_bytes: Option<u64>,
    /// What can still be had below every limit, and from the machine, bytes.
    pub memory_available_bytes: Option<u64>,
}

/// What decided about the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DecidedBy {
    /// CPUs that may be used.
    Affinity,
    /// CPU time that may be used.
    Quota,
    /// Memory.
    Memory,
    /// Not even one worker fits, and one is the least.
    Least,
    /// More than a family of workers may have.
    Most,
}

/// The number of workers for `'auto'`, and how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowance {
    /// The number, from 1 to [`MAX_WORKERS`].
    pub chosen: usize,
    /// What it came from; of several that say the same, the first of this structure.
    pub decided_by: DecidedBy,
    /// CPUs that this process may run on.
    pub by_affinity: usize,
    /// CPUs whose time it may use, rounded up; `None` without a quota.
    pub by_quota: Option<usize>,
    /// Workers that fit into memory, perhaps none; `None` where the system does not tell.
    pub by_memory: Option<usize>,
    /// The quota as it is.
    pub quota_cpus: Option<f64>,
    /// The smallest limit of memory around this process, bytes; `None` when there is none.
    pub memory_limit_bytes: Option<u64>,
    /// Memory that can still be had, bytes.
    pub memory_available_bytes: Option<u64>,
    /// What one worker is taken to need, bytes.
    pub bytes_per_worker: u64,
}

impl Allowance {
    /// Looks how many workers may be started. Reads some small files; not for each call.
    ///
    /// `more_bytes_per_worker`: what a worker will need beyond [`BYTES_PER_WORKER`], for whoever knows (a model that is
    /// loaded, `maxRssBytes`).
    #[must_use]
    pub fn look(more_bytes_per_worker: u64) -> Self {
        Self::of(available_cpus(), container_limits(), more_bytes_per_worker)
    }

    /// It as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The same for limits that are known.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of a period, for people to read"
    )]
    pub fn of(cpus: usize, limits: ContainerLimits, more_bytes_per_worker: u64) -> Self {
        let bytes_per_worker = BYTES_PER_WORKER.saturating_add(more_bytes_per_worker);
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let quota = limits.cpu_quota.filter(|quota| quota.period_us > 0);
        let by_quota = quota.map(|quota| whole(quota.quota_us.div_ceil(quota.period_us)));
        let by_memory = limits
            .memory_available_bytes
            .map(|bytes| whole(bytes / bytes_per_worker));
        let bounds = [
            (Some(cpus), DecidedBy::Affinity),
            (by_quota, DecidedBy::Quota),
            (by_memory, DecidedBy::Memory),
            (Some(MAX_WORKERS), DecidedBy::Most),
        ];
        let known = bounds
            .into_iter()
            .filter_map(|(bound, by)| Some((bound?, by)));
        let (chosen, decided_by) = known
            .min_by_key(|(bound, _)| *bound)
            .filter(|(bound, _)| *bound > 0)
            .unwrap_or((1, DecidedBy::Least));
        Self {
            chosen,
            decided_by,
            by_affinity: cpus,
            by_quota,
            by_memory,
            quota_cpus: quota.map(|quota| quota.quota_us as f64 / quota.period_us as f64),
            memory_limit_bytes: limits.memory_limit_bytes,
            memory_available_bytes: limits.memory_available_bytes,
            bytes_per_worker,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn quota(quota_us: u64, period_us: u64) -> ContainerLimits {
        ContainerLimits {
            cpu_quota: Some(CpuQuota {
                quota_us,
                period_us,
            }),
            ..ContainerLimits::default()
        }
    }

    fn memory(available: u64) -> ContainerLimits {
        ContainerLimits {
            memory_available_bytes: Some(available),
            ..ContainerLimits::default()
        }
    }

    fn chosen(cpus: usize, limits: ContainerLimits) -> (usize, DecidedBy) {
        let allowance = Allowance::of(cpus, limits, 0);
        (allowance.chosen, allowance.decided_by)
    }

    #[test]
    fn without_limits_there_is_a_worker_for_each_cpu() {
        let none = ContainerLimits::default();
        assert_eq!(chosen(8, none), (8, DecidedBy::Affinity));
        assert_eq!(chosen(1_000_000, none), (MAX_WORKERS, DecidedBy::Most));
    }

    #[test]
    fn a_fraction_of_a_cpu_is_worth_a_worker() {
        assert_eq!(chosen(8, quota(150_000, 100_000)), (2, DecidedBy::Quota));
        assert_eq!(chosen(8, quota(200_000, 100_000)), (2, DecidedBy::Quota));
        assert_eq!(chosen(8, quota(200_001, 100_000)), (3, DecidedBy::Quota));
        assert_eq!(chosen(8, quota(1_000, 100_000)), (1, DecidedBy::Quota));
        assert_eq!(chosen(2, quota(800_000, 100_000)), (2, DecidedBy::Affinity));
    }

    #[test]
    fn no_more_workers_than_fit_into_memory() {
        assert_eq!(chosen(8, memory(GIB / 4)), (4, DecidedBy::Memory));
        assert_eq!(chosen(8, memory(GIB / 4 - 1)), (3, DecidedBy::Memory));
        assert_eq!(chosen(8, memory(0)), (1, DecidedBy::Least));
        let large = Allowance::of(8, memory(GIB), GIB / 4 - BYTES_PER_WORKER);
        assert_eq!((large.chosen, large.bytes_per_worker), (4, GIB / 4));
        assert_eq!(Allowance::of(8, memory(GIB), u64::MAX).chosen, 1);
    }

    #[test]
    fn a_period_of_nothing_is_no_quota() {
        assert_eq!(chosen(8, quota(100_000, 0)), (8, DecidedBy::Affinity));
    }

    #[test]
    fn quotas_of_different_periods_are_compared() {
        let of = |quota_us, period_us| CpuQuota {
            quota_us,
            period_us,
        };
        assert!(of(20_000, 10_000).is_tighter_than(of(250_000, 100_000)));
        assert!(!of(250_000, 100_000).is_tighter_than(of(20_000, 10_000)));
        assert!(!of(20_000, 10_000).is_tighter_than(of(200_000, 100_000)));
        assert!(of(1, u64::MAX).is_tighter_than(of(u64::MAX, 1)));
    }

    #[test]
    fn it_is_json_in_camel_case() {
        let limits = ContainerLimits {
            memory_limit_bytes: Some(GIB),
            memory_available_bytes: Some(GIB / 2),
            ..quota(150_000, 100_000)
        };
        let json = serde_json::to_value(Allowance::of(8, limits, 0)).expect("numbers and names");
        assert_eq!(
            json,
            serde_json::json!({
                "chosen": 2,
                "decidedBy": "quota",
                "byAffinity": 8,
                "byQuota": 2,
                "byMemory": 8,
                "quotaCpus": 1.5,
                "memoryLimitBytes": GIB,
                "memoryAvailableBytes": GIB / 2,
                "bytesPerWorker": BYTES_PER_WORKER,
            })
        );
    }
}
