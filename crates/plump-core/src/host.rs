//! The host's side: pools, their workers, and the calls on their way there and back.

mod answering;
mod balancing;
mod cancelling;
mod control;
mod crowding;
mod ending;
mod growing;
mod liveness;
mod pool;
mod retiring;
mod retrying;
mod ruling;
mod sending;
mod starting;
mod stats;
mod worker;

pub(crate) use crowding::Crowd;
pub(crate) use pool::Pool;
pub use pool::PoolOptions;
pub(crate) use worker::Worker;

use crate::block::{Allocated, Refused};
use crate::environment::{Environment, State};
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::inbox::EntryKind;
use crate::limits::MAX_COMMANDS;
use crate::platform;
use crate::router::CallId;
use crate::rules::Asked;

/// Bytes read from one worker before the next gets its turn.
const READ_BUDGET_BYTES: usize = 1024 * 1024;

/// The number of every name that no worker has.
pub const UNKNOWN_COMMAND: u32 = u32::MAX;

/// What a call is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRequest {
    /// The pool.
    pub pool: u32,
    /// The command's number in the pool.
    pub command: u32,
    /// The caller's own number for it, under which its outcome is handed out.
    pub token: u32,
    /// The calling thread will block for it.
    pub blocking: bool,
    /// Its limits of time and its priority.
    pub asked: Asked,
    /// Calls of one key run on one worker, one at a time, in their order.
    pub key: Option<u64>,
    /// The block that its last part is, by the number of its allocation; 0 for none.
    pub block: u32,
}

/// What a process that the user starts needs to become a worker.
#[derive(Clone, Debug)]
pub struct HandedLink {
    /// Descriptors of this process, for the places 3, 4, … of its `stdio`.
    pub descriptors: Vec<u64>,
    /// The value of the variable that names them.
    pub value: String,
    /// Its number, for `link_handed`.
    pub link: u32,
}

/// Where calls are made while nobody else uses the state.
pub struct Submitting<'a>(&'a mut State);

impl Submitting<'_> {
    /// As [`Environment::submit`].
    ///
    /// # Errors
    /// As there.
    pub fn submit(&mut self, request: CallRequest, parts: &[&[u8]]) -> Result<CallId, ErrorKind> {
        self.0.submit(request, parts)
    }
}

impl Environment {
    /// Makes a pool and begins to start its workers.
    ///
    /// # Errors
    /// `TooManyWorkers`, and `InvalidOption` for options that are not of the form.
    pub fn open_pool(&self, options: &str) -> Result<u32, Box<Failure>> {
        let options: PoolOptions = serde_json::from_str(options)
            .map_err(|error| Box::new(Failure::new(ErrorKind::InvalidOption, error.to_string())))?;
        self.shared().with(|state| state.open_pool(options))
    }

    /// The number of a command's name in a pool.
    #[must_use]
    pub fn command_number(&self, pool: u32, name: &str) -> Option<u32> {
        let mut state = self.shared().lock();
        let pool = state.pools.get_mut(&pool)?;
        if let Some(number) = pool.names.find(name) {
            return Some(number);
        }
        // What workers have is known once one was ready. Names made up by a caller must not pile up here.
        if pool.was_ready || pool.names.len() >= MAX_COMMANDS {
            return Some(UNKNOWN_COMMAND);
        }
        let number = pool.names.number(name);
        pool.rules.learn(&pool.names);
        Some(number)
    }

    /// Makes a call; its id comes back.
    ///
    /// # Errors
    /// The kinds that are known at once: `NotStarted`, `Closed`, `PayloadTooLarge`, `QueueFull`.
    pub fn submit(&self, request: CallRequest, parts: &[&[u8]]) -> Result<CallId, ErrorKind> {
        let mut outcome = Err(ErrorKind::Closed);
        self.submit_all(|calls| outcome = calls.submit(request, parts));
        outcome
    }

    /// Makes calls, in their order, which are sent together. What is returned: the event loop need not look for their
    /// answers, it sleeps and will be woken.
    pub fn submit_all(&self, make: impl FnOnce(&mut Submitting<'_>)) -> bool {
        self.shared().with(|state| {
            state.now_ns = platform::monotonic_ns();
            state.acts.note();
            make(&mut Submitting(state));
            state.flush_sent();
            state.wakes_for_answer()
        })
    }

    /// Whether a pool's producers should hold back.
    #[must_use]
    pub fn pool_needs_drain(&self, pool: u32) -> bool {
        let state = self.shared().lock();
        state
            .pools
            .get(&pool)
            .is_some_and(|pool| pool.limits.needs_drain())
    }

    /// Gives a call up: it is not run if it has not begun, and told so if it has. `false`: its outcome was decided before,
    /// and is handed out.
    #[must_use]
    pub fn cancel(&self, call: CallId) -> bool {
        self.shared().with(|state| {
            state.acts.note();
            state.cancel_call(call)
        })
    }

    /// A block of a pool, for its program to fill. See [`crate::block::Lender::allocate`].
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn allocate(&self, pool: u32, bytes: usize, anew: bool) -> Result<Allocated, Refused> {
        self.shared()
            .with(|state| state.allocate(pool, bytes, anew))
    }

    /// Whether a pool still has the memory of that number.
    #[must_use]
    pub fn knows_block(&self, pool: u32, key: u32) -> bool {
        let state = self.shared().lock();
        state
            .pools
            .get(&pool)
            .is_some_and(|pool| pool.lender.knows(key))
    }

    /// Takes a block back that will not be sent.
    pub fn release_block(&self, pool: u32, block: u32) {
        self.shared().with(|state| {
            if let Some(pool) = state.pools.get_mut(&pool) {
                pool.lender.release(block);
            }
        });
    }

    /// Somebody waits for the first worker of a pool: one is started if the pool has none without a call.
    pub fn await_first(&self, pool: u32) {
        self.shared().with(|state| state.await_first(pool));
    }

    /// Begins the end of a pool.
    pub fn close_pool(&self, pool: u32, grace_ms: u32) {
        self.shared().with(|state| state.close_pool(pool, grace_ms));
    }

    /// What a pool is doing, as JSON.
    #[must_use]
    pub fn pool_stats(&self, pool: u32) -> Option<String> {
        self.shared().lock().pool_stats(pool)
    }

    /// A link for a process that the user starts.
    ///
    /// # Errors
    /// `Closed`, `TooManyWorkers`, and `SpawnFailed` when the system has no descriptors left.
    pub fn open_link(&self, pool: u32) -> Result<HandedLink, Box<Failure>> {
        self.shared().with(|state| state.open_link(pool))
    }

    /// The process has inherited its ends of the link.
    pub fn link_handed(&self, link: u32) {
        self.shared().with(|state| {
            if let Some(worker) = state.worker_by_serial(u64::from(link)) {
                worker.ends.clear();
            }
        });
    }
}

impl State {
    /// Tells JavaScript what has happened to a pool; `PoolEvent` in `src/native.ts`.
    fn tell(&mut self, pool: u32, event: &serde_json::Value) {
        self.inbox
            .push(EntryKind::Pool, pool, [0; 3], event.to_string().as_bytes());
    }

    pub(crate) fn worker_mut(&mut self, slot: usize) -> Option<&mut Worker> {
        self.workers.get_mut(slot).and_then(Option::as_deref_mut)
    }

    fn worker_by_serial(&mut self, serial: u64) -> Option<&mut Worker> {
        self.workers
            .iter_mut()
            .flatten()
            .map(Box::as_mut)
            .find(|worker| worker.serial == serial)
    }

    fn slot_of_serial(&self, serial: u64) -> Option<usize> {
        self.workers.iter().position(|worker| {
            worker
                .as_ref()
                .is_some_and(|worker| worker.serial == serial)
        })
    }

    fn slots_of_pool(&self, pool: u32) -> Vec<usize> {
        let of_pool = |worker: &Option<Box<Worker>>| {
            worker.as_ref().is_some_and(|worker| worker.pool == pool)
        };
        (0..self.workers.len())
            .filter(|slot| of_pool(&self.workers[*slot]))
            .collect()
    }
}
