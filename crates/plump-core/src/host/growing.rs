//! Pools whose size follows what is asked of them.

use super::pool::{Pool, PoolState};
use super::worker::Worker;
use crate::environment::State;
use crate::platform;
use crate::process::Life;
use crate::scaling::{Demand, ReadyWorker, ScalingOptions};
use std::time::{Duration, Instant};

impl State {
    /// Starts and retires what a pool has too few and too many.
    pub(super) fn scale(&mut self, id: u32) {
        let now = Instant::now();
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        if pool.state != PoolState::Open {
            return;
        }
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        let options = ScalingOptions {
            min: pool.options.min_workers.max(usize::from(pool.awaited)),
            max: pool.options.workers,
            idle: ms(pool.options.idle_ms),
            grow_after: ms(pool.options.grow_ms),
            spare: pool.options.spare,
        };
        let standing = pool.restarts.standing(now);
        let calls = &self.calls;
        let oldest = pool.queue.oldest(|call| calls.is_undecided(call));
        let queued = pool.queue.at_the_front();
        let waited = oldest.map_or(0, |made_at| {
            platform::monotonic_ns().saturating_sub(made_at)
        });
        let leaves = |worker: &Worker| worker.leaving || worker.condemned_by.is_some();
        let (mut ready, mut starting) = (Vec::new(), 0);
        for (slot, worker) in self.workers.iter().enumerate() {
            let Some(worker) = worker
                .as_deref()
                .filter(|worker| worker.pool == id && worker.ours)
            else {
                continue;
            };
            match worker.life {
                Life::Starting => starting += 1,
                Life::Ready if !leaves(worker) => ready.push(ReadyWorker {
                    slot,
                    idle_since: (worker.window.in_flight() == 0).then_some(worker.idle_since),
                    was_used: worker.window.sent_total() > 0,
                }),
                _ => {}
            }
        }
        let plan = options.plan(&Demand {
            now,
            ready: &ready,
            starting,
            queued,
            head_waited: Duration::from_nanos(waited),
            allowed_starts: standing.allowed_starts(),
        });
        let looks = [plan.look_again_at, standing.changes_at()];
        if let Some(at) = looks.into_iter().flatten().min() {
            self.look_at_pool_at(id, at.max(now));
        }
        let retired = plan.retire.len();
        for slot in plan.retire {
            self.retire(slot, "idle");
        }
        let taken = self.taken_places(id, leaves);
        let places = (0..u32::try_from(options.max).unwrap_or(u32::MAX))
            .filter(|place| !taken.contains(place));
        let places: Vec<u32> = places.take(plan.start).collect();
        self.count_starts(id, ready.len() + starting, places.len(), retired);
        for place in places {
            self.start_worker(id, place);
        }
        if self.note_places(id) {
            // What was for a place that is gone may be for a worker that has time.
            self.dispatch(id);
        }
    }

    /// Somebody waits for the first worker: without a minimum that would be the one of the first call.
    pub(super) fn await_first(&mut self, id: u32) {
        let is_new = |pool: &&mut Pool| pool.options.is_elastic() && !pool.was_ready;
        if let Some(pool) = self.pools.get_mut(&id).filter(is_new) {
            pool.awaited = true;
            self.scale(id);
        }
    }

    /// Of the workers that are started now, those that were there and have gone, but for idleness, are replaced.
    fn count_starts(&mut self, id: u32, size: usize, starts: usize, idle: usize) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        let replaced = starts.min(pool.full_size.saturating_sub(size));
        pool.full_size = pool.full_size.max(size + starts).saturating_sub(idle);
        pool.awaited &= starts == 0;
        self.note_replaced(id, replaced);
    }
}
