//! Pools: what they are made of, and how many workers they have.

use super::worker::Worker;
use crate::block::{Allocated, Copies, Lender, Refused};
use crate::environment::State;
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::histogram::CommandTimes;
use crate::inbox::EntryKind;
use crate::limits::{MAX_WORKERS, MIN_BLOCK_BYTES};
use crate::platform;
use crate::process::Life;
use crate::queue::Queue;
use crate::queue_limits::{QueueLimits, QueueOptions, QueuedCalls, WhenFull};
use crate::restarts::{Jitter, RestartOptions, Restarts, Standing};
use crate::router::{CallId, Names};
use crate::rules::{Rule, Rules};
use crate::timers::Timer;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
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
    /// How many workers at most.
    pub(super) workers: usize,
    /// How many at least.
    pub(super) min_workers: usize,
    pub(super) idle_ms: u32,
    pub(super) grow_ms: u32,
    pub(super) spare: usize,
    pub(super) channel: ChannelChoice,
    pub(super) concurrency: u32,
    pub(super) start_timeout_ms: u32,
    pub(super) grace_ms: u32,
    pub(super) teardown_ms: u32,
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
    pub(super) when_full: WhenFullChoice,
    pub(super) aging_ms: u32,
    pub(super) spin_us: u32,
    /// What calls are made with that say nothing else.
    #[serde(default)]
    pub(super) defaults: Rule,
    /// Options of commands, by their names.
    #[serde(default)]
    pub(super) commands: HashMap<String, Rule>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum WhenFullChoice {
    Reject,
    Wait,
}

/// How far a pool has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PoolState {
    Open,
    /// New calls are refused, begun ones may finish.
    Closing,
    /// What still runs was told that nobody waits for it.
    Cancelling,
    /// The polite signal was sent.
    Terminating,
}

/// Workers of one module, and the calls that wait for them.
pub(crate) struct Pool {
    pub(super) options: Arc<PoolOptions>,
    pub(super) names: Names,
    /// What holds for the calls of each command.
    pub rules: Rules,
    pub(super) state: PoolState,
    pub queue: Queue,
    /// What may wait in it.
    pub(super) limits: QueueLimits,
    /// The places that keys may belong to: those of its own workers, whether these live or not, and of the user's processes.
    pub(super) places: Vec<u32>,
    /// When workers may be started again that have failed.
    pub(super) restarts: Restarts<Failure>,
    /// When a timer will look whether they may.
    pub(super) restart_due: Option<Instant>,
    /// How many workers of its own have been started in each place.
    pub(super) started: FxHashMap<u32, u64>,
    /// Workers that took the place of others.
    pub(super) replaced: u64,
    /// Where the size changes: how many workers there would be if only idle ones had ended.
    pub(super) full_size: usize,
    /// The same: somebody waits for its first worker, and none was started since.
    pub(super) awaited: bool,
    /// How long its calls waited and ran.
    pub(super) times: CommandTimes,
    /// Takes processes that the user starts, too.
    pub(super) links: bool,
    /// A worker was ready once: its commands are known.
    pub(super) was_ready: bool,
    /// Where the search for the least loaded worker begins, so that equals take turns.
    pub(super) turn: usize,
    /// The blocks that its program fills.
    pub lender: Lender,
    /// The memory to which payloads of its workers are copied.
    pub copies: Arc<Copies>,
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
        let elastic = options.is_elastic();
        self.allow_watching(options.spin_us);
        let queue = Queue::new(Duration::from_millis(u64::from(options.aging_ms)));
        let limits = QueueLimits::new(QueueOptions {
            max_calls: options.max_queue,
            max_bytes: options.max_queue_bytes,
            when_full: match options.when_full {
                WhenFullChoice::Reject => WhenFull::Reject,
                WhenFullChoice::Wait => WhenFull::Wait,
            },
        });
        let restarts = Restarts::new(options.restart_options(), Jitter::seeded(seed(id)));
        let rules = Rules::new(
            options.defaults.clone(),
            options.commands.clone(),
            Jitter::seeded(seed(id).rotate_left(17)),
        );
        let lender = Lender::new(options.block_limit(), options.block_idle());
        let copies = Arc::new(Copies::new(options.block_limit(), options.block_idle()));
        self.pools.insert(
            id,
            Pool {
                options: Arc::new(options),
                names: Names::default(),
                rules,
                state: PoolState::Open,
                queue,
                limits,
                places: (0..u32::try_from(workers).unwrap_or(u32::MAX)).collect(),
                restarts,
                restart_due: None,
                started: FxHashMap::default(),
                replaced: 0,
                full_size: 0,
                awaited: false,
                times: CommandTimes::default(),
                links: workers == 0,
                was_ready: false,
                turn: 0,
                lender,
                copies,
            },
        );
        if elastic {
            self.note_places(id);
            self.scale(id);
        } else {
            for place in 0..workers {
                self.start_worker(id, u32::try_from(place).unwrap_or(u32::MAX));
            }
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
        if pool.options.is_elastic() {
            return self.scale(id);
        }
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
        // Also by those that are about to be ended: how a start has failed is known when the worker is buried.
        let taken = self.taken_places(id, |worker| worker.leaving);
        let mut missing: Vec<u32> = (0..u32::try_from(pool.options.workers).unwrap_or(u32::MAX))
            .filter(|place| !taken.contains(place))
            .collect();
        let starting = (self.workers.iter().flatten())
            .filter(|worker| worker.pool == id && worker.ours && worker.life == Life::Starting)
            .count();
        let calls = &self.calls;
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        // Those first for which calls wait that may go nowhere else.
        let keyed = pool.queue.wanted_places(|call| calls.is_undecided(call));
        missing.sort_by_key(|place| !keyed.contains(place));
        let bound = missing.iter().filter(|place| keyed.contains(place)).count();
        let wanted = pool.queue.at_the_front().saturating_sub(starting);
        let wanted = wanted
            .max(bound)
            .min(missing.len())
            .min(standing.allowed_starts());
        if wanted == 0 {
            return;
        }
        self.note_replaced(id, wanted);
        for place in missing.into_iter().take(wanted) {
            self.start_worker(id, place);
        }
    }

    /// The places of a pool in which no worker may be started: there is one that stays, or two that were ready and finish,
    /// as `leaves` has it. Were all of these not to count, each call of a pool with `maxCalls: 1` would have a process at once.
    pub(super) fn taken_places(&self, id: u32, leaves: impl Fn(&Worker) -> bool) -> Vec<u32> {
        let (mut taken, mut finishing) = (Vec::new(), Vec::new());
        let workers = self.workers.iter().flatten();
        for worker in workers.filter(|worker| worker.pool == id && worker.ours) {
            let stays = !(worker.was_ready && leaves(worker));
            if stays || finishing.contains(&worker.place) {
                taken.push(worker.place);
            } else {
                finishing.push(worker.place);
            }
        }
        taken
    }

    pub(super) fn look_at_pool_at(&mut self, id: u32, at: Instant) {
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
        // Without workers of its own it waits for the user's processes.
        if living || pool.options.workers == 0 {
            return None;
        }
        pool.restarts.call_made();
        if !pool.restarts.standing(Instant::now()).rejects() {
            return None;
        }
        Some(open_circuit(pool.restarts.last_cause()))
    }

    /// So many workers are started in the place of others.
    pub(super) fn note_replaced(&mut self, id: u32, workers: usize) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        pool.replaced += workers as u64;
        if workers > 0 && pool.was_ready {
            self.tell(id, &json!({ "event": "restart", "workers": workers }));
        }
    }

    /// Whether a worker lives that takes calls now or soon.
    fn may_serve(&self, pool: u32) -> bool {
        self.workers.iter().flatten().any(|worker| {
            worker.pool == pool
                && worker.condemned_by.is_none()
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
        self.fail_queue(pool_id, |state, id| {
            failure.of_command(&state.command_name(id))
        });
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
        self.fail_queue(pool_id, |state, id| {
            failure.of_command(&state.command_name(id))
        });
        self.inbox
            .push(EntryKind::Pool, pool_id, [0; 3], &failure.encode_event());
    }

    /// The calls of a pool that wait or pause fail, each with what `failure` has for it.
    pub(super) fn fail_queue(&mut self, pool_id: u32, failure: impl Fn(&Self, CallId) -> Failure) {
        let Some(pool) = self.pools.get_mut(&pool_id) else {
            return;
        };
        for ticket in pool.queue.take_all() {
            let failure = failure(self, ticket.id);
            self.fail(ticket.id, &failure);
        }
        self.fail_pausing(pool_id, failure);
        self.note_drained(pool_id);
    }

    /// Calls have left the queue: whoever waits for that goes on.
    pub(super) fn note_drained(&mut self, pool_id: u32) {
        let Some(pool) = self.pools.get_mut(&pool_id) else {
            return;
        };
        if pool.limits.needs_drain() && pool.limits.has_drained(queued(&pool.queue)) {
            self.tell(pool_id, &json!({ "event": "drained" }));
        }
    }

    /// Settles a call that waits; the next one of its key may go then.
    pub(super) fn settle_waiting(&mut self, id: CallId, settle: impl FnOnce(&mut Self)) {
        let next_in = self.forget_waiting(id);
        settle(self);
        if let Some(pool) = next_in {
            self.dispatch(pool);
        }
    }

    /// A call that waits is about to be settled. The pool in which the next one of its key may go then, if there is one.
    pub(super) fn forget_waiting(&mut self, id: CallId) -> Option<u32> {
        let calls = &self.calls;
        let call = calls.get(id)?;
        if call.pausing {
            self.forget_pausing(id);
            return None;
        }
        let pool_id = call.pool;
        let pool = self.pools.get_mut(&pool_id)?;
        let waits = |other: CallId| other != id && calls.is_undecided(other);
        let bytes = call.payload.len();
        let next_comes = pool.queue.forget(id, bytes, call.key, &pool.places, waits);
        let is_open = pool.state == PoolState::Open;
        self.note_drained(pool_id);
        (next_comes && is_open).then_some(pool_id)
    }

    /// No worker holds a call any more: the next one of its key may go.
    pub(super) fn leave_worker(&mut self, id: CallId) {
        let key = self
            .calls
            .get(id)
            .and_then(|call| Some((call.pool, call.key?)));
        self.let_go_of(id);
        let calls = &self.calls;
        if let Some((pool, key)) = key
            && let Some(pool) = self.pools.get_mut(&pool)
        {
            let waits = |other: CallId| calls.is_undecided(other);
            pool.queue.release(key, id, &pool.places, waits);
        }
    }

    /// The places of a pool whose size changes, or whose processes the user starts, are those of the processes that there
    /// are and take calls. `true`: they have changed, and with them the workers for which calls of keys wait.
    pub(super) fn note_places(&mut self, id: u32) -> bool {
        let Some(pool) = self.pools.get_mut(&id) else {
            return false;
        };
        let elastic = pool.options.is_elastic();
        if !pool.links && !elastic {
            return false;
        }
        let fixed = if elastic { 0 } else { pool.options.workers };
        let own = 0..u32::try_from(fixed).unwrap_or(u32::MAX);
        let workers = self.workers.iter().flatten();
        let theirs = workers
            .filter(|worker| worker.pool == id && (elastic || !worker.ours))
            .filter(|worker| !worker.buried && !worker.leaving && worker.condemned_by.is_none())
            .filter(|worker| matches!(worker.life, Life::Starting | Life::Ready))
            .map(|worker| worker.place);
        let mut places: Vec<u32> = own.chain(theirs).collect();
        places.sort_unstable();
        places.dedup();
        let moved = places != pool.places;
        if moved {
            pool.places = places;
            pool.queue.move_keys(&pool.places);
        }
        moved
    }
}

/// What waits in a queue.
pub(super) fn queued(queue: &Queue) -> QueuedCalls {
    QueuedCalls {
        calls: queue.len(),
        payload_bytes: queue.bytes(),
    }
}

impl PoolOptions {
    /// Its size follows what is asked of it.
    pub(super) fn is_elastic(&self) -> bool {
        self.workers > 0 && (self.min_workers < self.workers || self.spare > 0)
    }

    /// Bytes that blocks may take: those of one direction of a worker, those that the program fills, and copies of payloads.
    pub(super) fn block_limit(&self) -> usize {
        usize::try_from(self.max_block_bytes).unwrap_or(usize::MAX)
    }

    /// How long what is free of them stays warm.
    pub(super) fn block_idle(&self) -> Duration {
        Duration::from_millis(u64::from(self.block_idle_ms))
    }

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
