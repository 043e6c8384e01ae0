//! Pools: what they are made of, and how many workers they have.

use crate::block::{Allocated, Lender, Refused};
use crate::environment::State;
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::inbox::EntryKind;
use crate::limits::{MAX_WORKERS, MIN_BLOCK_BYTES};
use crate::platform;
use crate::process::Life;
use crate::restarts::{Jitter, RestartOptions, Restarts, Standing};
use crate::router::{CallQueue, Names};
use crate::timers::Timer;
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
    pub(super) grace_ms: u32,
    pub(super) max_restarts: u32,
    pub(super) restart_window_ms: u32,
    pub(super) backoff_ms: u32,
    pub(super) max_backoff_ms: u32,
    pub(super) half_open_ms: u32,
    /// After so many calls, so long, with so much memory a worker is retired; 0 for never.
    pub(super) max_calls: u64,
    pub(super) max_age_ms: u32,
    pub(super) max_rss_bytes: u64,
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
    /// When workers may be started again that have failed.
    pub(super) restarts: Restarts<Failure>,
    /// When a timer will look whether they may.
    pub(super) restart_due: Option<Instant>,
    /// Workers that took the place of others.
    pub(super) replaced: u64,
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
        let restarts = Restarts::new(options.restart_options(), Jitter::seeded(seed(id)));
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
                restarts,
                restart_due: None,
                replaced: 0,
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

    /// Starts as many workers as the pool lacks, no more than calls wait and than past failures let.
    pub(super) fn fill_pool(&mut self, id: u32) {
        let Some(pool) = self.pools.get(&id) else {
            return;
        };
        if pool.state != PoolState::Open || pool.queue.is_empty() {
            return;
        }
        let standing = pool.restarts.standing(Instant::now());
        if let Some(at) = standing.changes_at() {
            self.look_at_pool_at(id, at);
        }
        let Some(pool) = self.pools.get(&id) else {
            return;
        };
        let living = self
            .slots_of_pool(id)
            .into_iter()
            .filter_map(|slot| self.workers[slot].as_ref())
            // Also those that are on their way out: how a start has failed is known when the worker is buried.
            .filter(|worker| worker.ours && !(worker.was_ready && worker.leaving))
            .count();
        let wanted = pool
            .options
            .workers
            .saturating_sub(living)
            .min(pool.queue.len())
            .min(standing.allowed_starts());
        if let Some(pool) = self.pools.get_mut(&id) {
            pool.replaced += wanted as u64;
        }
        for _ in 0..wanted {
            self.start_worker(id);
        }
    }

    fn look_at_pool_at(&mut self, id: u32, at: Instant) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        if pool.restart_due.is_none_or(|due| at < due) {
            pool.restart_due = Some(at);
            self.add_timer(at, Timer::Restart(id));
        }
    }

    /// A pause after failures may be over.
    pub(crate) fn restart_due(&mut self, id: u32) {
        if let Some(pool) = self.pools.get_mut(&id) {
            pool.restart_due = None;
            self.fill_pool(id);
        }
    }

    /// What a call is told for which no worker is started; `None`: it may wait.
    pub(super) fn rejection(&mut self, id: u32) -> Option<Failure> {
        let living = self.may_serve(id);
        let pool = self.pools.get_mut(&id)?;
        if living || pool.links {
            return None;
        }
        pool.restarts.call_made();
        if !pool.restarts.standing(Instant::now()).rejects() {
            return None;
        }
        Some(open_circuit(pool.restarts.last_cause()))
    }

    /// Whether a worker lives that takes calls now or soon.
    fn may_serve(&self, pool: u32) -> bool {
        self.workers.iter().flatten().any(|worker| {
            worker.pool == pool
                && !worker.condemned
                && matches!(worker.life, Life::Starting | Life::Ready)
        })
    }

    /// A worker failed to start, or has died: whoever waits for this pool is told, unless another worker can still take the
    /// calls or may be started.
    pub(super) fn worker_failed(&mut self, pool_id: u32, was_ready: bool, failure: &Failure) {
        let others = self.may_serve(pool_id);
        let Some(pool) = self.pools.get_mut(&pool_id) else {
            return;
        };
        let now = Instant::now();
        if was_ready {
            pool.restarts.worker_died(now, failure.clone());
        } else {
            pool.restarts.start_failed(now, failure.clone());
        }
        let standing = pool.restarts.standing(now);
        if pool.state != PoolState::Open || others || !standing.rejects() {
            return;
        }
        let failure = match standing {
            Standing::Open(_) => open_circuit(Some(failure)),
            _ => failure.clone(),
        };
        self.fail_queue(pool_id, &failure);
        if !was_ready {
            self.inbox
                .push(EntryKind::Pool, pool_id, [0; 3], &failure.encode_event());
        }
    }

    /// A process that the user started has died before it was ready: whoever waits is told. It is for the user to start another.
    pub(super) fn link_failed(&mut self, pool_id: u32, failure: &Failure) {
        let open = |pool: &Pool| pool.state == PoolState::Open;
        if !self.pools.get(&pool_id).is_some_and(open) || self.may_serve(pool_id) {
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

impl PoolOptions {
    fn restart_options(&self) -> RestartOptions {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        RestartOptions {
            max_restarts: self.max_restarts,
            within: ms(self.restart_window_ms),
            first_backoff: ms(self.backoff_ms),
            max_backoff: ms(self.max_backoff_ms),
            half_open_after: ms(self.half_open_ms),
        }
    }
}

/// Other processes should not draw the same pauses.
fn seed(pool: u32) -> u64 {
    platform::monotonic_ns() ^ u64::from(std::process::id()) << 32 ^ u64::from(pool)
}

/// What calls are told while nothing is started.
fn open_circuit(last: Option<&Failure>) -> Failure {
    let what = last.map_or("", |last| last.message.as_str());
    let message =
        format!("No worker is started at present, too many have failed. The last one: {what}");
    let mut failure = last
        .cloned()
        .unwrap_or_else(|| Failure::new(ErrorKind::CircuitOpen, ""));
    failure.kind = ErrorKind::CircuitOpen as u16;
    failure.message = message;
    failure
}

pub(super) fn too_many_workers() -> Box<Failure> {
    let message = format!("At most {MAX_WORKERS} workers may belong to one environment.");
    Box::new(Failure::new(ErrorKind::TooManyWorkers, message))
}
