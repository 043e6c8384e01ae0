//! What a pool is doing, as numbers.

use super::pool::queued;
use crate::environment::State;
use crate::platform;
use serde_json::json;
use std::time::{Duration, Instant};

impl State {
    pub(super) fn pool_stats(&self, id: u32) -> Option<String> {
        let pool = self.pools.get(&id)?;
        let workers: Vec<_> = self
            .workers
            .iter()
            .flatten()
            .filter(|worker| worker.pool == id)
            .map(|worker| {
                json!({
                    "pid": worker.pid,
                    "state": worker.life,
                    "channel": worker.channel,
                    "uptimeMs": whole_ms(worker.born.elapsed()),
                    "inFlight": worker.window.in_flight(),
                    "restarts": worker.restarts,
                    "calls": worker.window.answered_total(),
                    "prefetch": worker.window.prefetch(),
                    "rssBytes": worker.pid.and_then(platform::resident_bytes),
                    "cpuMs": worker.pid.and_then(platform::cpu_time).map(whole_ms),
                })
            })
            .collect();
        let (hits, misses) = self.spin_counts();
        let known = |number: &usize| {
            let workers = self
                .workers
                .iter()
                .flatten()
                .filter(|worker| worker.pool == id);
            workers
                .filter_map(|worker| worker.numbers.get(*number))
                .any(Option::is_some)
        };
        let commands: Vec<_> = (0..pool.names.len())
            .filter(known)
            .filter_map(|number| u32::try_from(number).ok())
            .map(|number| pool.names.name(number))
            .collect();
        let times: serde_json::Map<_, _> = pool
            .times
            .snapshots()
            .map(|(number, times)| (pool.names.name(number).to_owned(), json!(times)))
            .collect();
        Some(
            json!({
                "name": pool.options.name,
                "state": pool.state,
                "workers": workers,
                "inFlight": self.calls.of_pool(id),
                "queued": pool.queue.len(),
                "queuedBytes": pool.limits.bytes(queued(&pool.queue)),
                "needsDrain": pool.limits.needs_drain(),
                "restarts": pool.replaced,
                "retries": pool.rules.retried(),
                "circuit": pool.restarts.circuit(Instant::now()),
                "spinHits": hits,
                "spinMisses": misses,
                "crowded": self.crowd.is_there(),
                "commands": commands,
                "times": times,
                "otherTimes": pool.times.others(),
            })
            .to_string(),
        )
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
