//! What a pool is doing, as numbers.

use crate::environment::State;
use serde_json::json;

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
                    "uptimeMs": u64::try_from(worker.born.elapsed().as_millis()).unwrap_or(u64::MAX),
                    "inFlight": worker.window.in_flight(),
                    "calls": worker.window.answered_total(),
                    "prefetch": worker.window.prefetch(),
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
        Some(
            json!({
                "name": pool.options.name,
                "state": pool.state,
                "workers": workers,
                "queued": pool.queue.len(),
                "queuedBytes": pool.queue.bytes(),
                "spinHits": hits,
                "spinMisses": misses,
                "commands": commands,
            })
            .to_string(),
        )
    }
}
