//! Pools: what they are made of, and how many workers they have.

use crate::block::{Allocated, Lender, Refused};
use crate::environment::State;
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::inbox::EntryKind;
use crate::limits::{MAX_WORKERS, MIN_BLOCK_BYTES};
use crate::process::Life;
use crate::router::{CallQueue, Names};
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a pool is made of; `PoolOptions` in `src/native.ts`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolOptions {
    pub(super) program: String,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: Option<String>,
    pub(super) name: String,
    pub(super) workers: usize,
    pub(super) channel: ChannelChoice,
    pub(super) concurrency: u32,
    pub(super) start_timeout_ms: u32,
    pub(super) heartbeat_ms: u32,
    pub(super) heartbeat_timeout_ms: u32,
    pub(super) max_payload_bytes: u64,
    pub(super) max_block_bytes: u64,
    pub(super) block_idle_ms: u32,
    pub(super) trusted: bool,
    pub(super) max_queue: usize,
    pub(super) max_queue_bytes: usize,
    pub(super) spin_us: u32,
    pub(super) version: String,
    pub(super) welcome: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ChannelChoice {
    Auto,
    Pipe,
    Ring,
}

/// How far a pool has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PoolState {
    Open,
    /// New calls are refused, begun ones may finish.
    Closing,
    /// The polite signal was sent.
    Terminating,
}

/// Workers of one module, and the calls that wait for them.
pub(crate) struct Pool {
    pub(super) options: Arc<PoolOptions>,
    pub(super) names: Names,
    pub(super) state: PoolState,
    pub queue: CallQueue,
    /// A start failed since the last one was attempted: only a new call attempts another.
    pub(super) start_failed: bool,
    /// Takes processes that the user starts, too.
    pub(super) links: bool,
    /// A worker was ready once: its commands are known.
    pub(super) was_ready: bool,
    /// Where the search for the least loaded worker begins, so that equals take turns.
    pub(super) turn: usize,
    /// The blocks that its program fills.
    pub lender: Lender,
}

impl State {
    pub(super) fn open_pool(&mut self, options: PoolOptions) -> Result<u32, Box<Failure>> {
        if options.channel == ChannelChoice::Ring && !crate::memory::SharedMemory::available() {
            let message = "channel 'ring' needs shared memory, which this system does not offer; use 'auto' or 'pipe'.";
            return Err(Box::new(Failure::new(ErrorKind::InvalidOption, message)));
        }
        let planned: usize = self.pools.values().map(|pool| pool.options.workers).sum();
        if planned.saturating_add(options.workers) > MAX_WORKERS {
            return Err(too_many_workers());
        }
        let id = self.next_pool;
        self.next_pool += 1;
        let workers = options.workers;
        self.allow_watching(options.spin_us);
        let lender = Lender::new(
            usize::try_from(options.max_block_bytes).unwrap_or(usize::MAX),
            Duration::from_millis(u64::from(options.block_idle_ms)),
        );
        self.pools.insert(
            id,
            Pool {
                options: Arc::new(options),
                names: Names::default(),
                state: PoolState::Open,
                queue: CallQueue::default(),
                start_failed: false,
                links: workers == 0,
                was_ready: false,
                turn: 0,
                lender,
            },
        );
        for _ in 0..workers {
            self.start_worker(id);
        }
        Ok(id)
    }

    /// A block of a pool that its workers can be handed.
    pub(super) fn allocate(
        &mut self,
        id: u32,
        bytes: usize,
        anew: bool,
    ) -> Result<Allocated, Refused> {
        let unavailable = || Refused::Unavailable(io::ErrorKind::Unsupported.into());
        let pool = self
            .pools
            .get_mut(&id)
            .filter(|pool| super::starting::wants_ring(&pool.options))
            .filter(|pool| bytes >= MIN_BLOCK_BYTES && pool.options.max_block_bytes > 0)
            .ok_or_else(unavailable)?;
        if !pool.lender.has_warm(bytes) {
            let now = Instant::now();
            for worker in self.workers.iter_mut().flatten() {
                if worker.pool == id
                    && let Some(blocks) = worker.data.as_mut().and_then(|port| port.blocks())
                {
                    blocks.sender.collect(now);
                }
            }
        }
        let block = pool.lender.allocate(bytes, anew)?;
        if let Some(idle) = pool.lender.idle() {
            self.watch_blocks(idle);
        }
        Ok(block)
    }

    /// Starts as many workers as the pool lacks, no more than calls wait.
    pub(super) fn fill_pool(&mut self, id: u32) {
        let Some(pool) = self.pools.get(&id) else {
            return;
        };
        if pool.state != PoolState::Open || pool.start_failed || pool.queue.is_empty() {
            return;
        }
        let living = self
            .slots_of_pool(id)
            .into_iter()
            .filter_map(|slot| self.workers[slot].as_ref())
            // Also those that are on their way out: how a start has failed is known when the worker is buried.
            .filter(|worker| worker.ours)
            .count();
        let wanted = pool
            .options
            .workers
            .saturating_sub(living)
            .min(pool.queue.len());
        for _ in 0..wanted {
            self.start_worker(id);
        }
    }

    /// A worker did not get ready: whoever waits for this pool is told, unless another worker can still take the calls.
    pub(super) fn start_failed(&mut self, pool_id: u32, failure: &Failure) {
        let others = self
            .slots_of_pool(pool_id)
            .into_iter()
            .filter_map(|slot| self.workers[slot].as_ref())
            .any(|worker| matches!(worker.life, Life::Starting | Life::Ready));
        let Some(pool) = self.pools.get_mut(&pool_id) else {
            return;
        };
        // Also where others live: a module that fails must not be started again and again for the calls that wait.
        pool.start_failed = true;
        if pool.state != PoolState::Open || others {
            return;
        }
        self.fail_queue(pool_id, failure);
        self.inbox
            .push(EntryKind::Pool, pool_id, [0; 3], &failure.encode_event());
    }

    pub(super) fn fail_queue(&mut self, pool_id: u32, failure: &Failure) {
        while let Some(pool) = self.pools.get_mut(&pool_id)
            && let Some(id) = pool.queue.front(&self.calls)
        {
            let bytes = self.calls.get(id).map_or(0, |call| call.payload.len());
            pool.queue.pop(bytes);
            let name = self.command_name(id);
            self.fail(id, &failure.of_command(&name));
        }
    }
}

pub(super) fn too_many_workers() -> Box<Failure> {
    let message = format!("At most {MAX_WORKERS} workers may belong to one environment.");
    Box::new(Failure::new(ErrorKind::TooManyWorkers, message))
}
