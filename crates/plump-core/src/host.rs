//! The host's side: pools, their workers, and the calls on their way there and back.

use crate::bus::{Event, Mailbox};
use crate::channel::{CallerBell, ChannelKind};
use crate::control::{Control, PROTOCOL};
use crate::debug;
use crate::environment::{Environment, Owner, SourceKind, State, key_of};
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::{FrameKind, Header, MAX_BODY_BYTES};
use crate::inbox::EntryKind;
use crate::limits::{
    CHANNEL_BACKLOG_BYTES, MAILBOX_EVENTS, MAX_COMMAND_NAME_BYTES, MAX_COMMANDS, MAX_CONTROL_BYTES,
    MAX_WORKERS,
};
use crate::link::{self, LinkEnds, LinkOptions};
use crate::platform::{self, Child, ExitStatus, InheritedEnd, SpawnRequest};
use crate::port::{Payload, Port, PortError};
use crate::process::{Life, LifeEvent};
use crate::router::{CallId, CallQueue, Names, Window, slot_of};
use crate::stderr::Tap;
use crate::timers::Timer;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A worker whose link has closed has this long to exit by itself, so that its exit code can be told.
const EXIT_AFTER_LINK: Duration = Duration::from_millis(500);

/// After the polite signal, a worker has this long before the hard one.
const TERMINATE_TO_KILL: Duration = Duration::from_secs(1);

/// Bytes read from one worker before the next gets its turn.
const READ_BUDGET_BYTES: usize = 1024 * 1024;

/// Bytes of events that are handed to a control pipe before the rest stays in the mailbox, where the oldest can be dropped.
const EVENT_BACKLOG_BYTES: usize = 256 * 1024;

/// An answer kept back waits until so many bytes are together.
const KEPT_BACK_BYTES: usize = 16 * 1024;

/// What a pool is made of; `PoolOptions` in `src/native.ts`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolOptions {
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    cwd: Option<String>,
    name: String,
    workers: usize,
    channel: ChannelChoice,
    concurrency: u32,
    start_timeout_ms: u32,
    heartbeat_ms: u32,
    heartbeat_timeout_ms: u32,
    max_payload_bytes: u64,
    max_block_bytes: u64,
    block_idle_ms: u32,
    trusted: bool,
    max_queue: usize,
    max_queue_bytes: usize,
    spin_us: u32,
    version: String,
    welcome: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ChannelChoice {
    Auto,
    Pipe,
    Ring,
}

/// How far a pool has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum PoolState {
    Open,
    /// New calls are refused, begun ones may finish.
    Closing,
    /// The polite signal was sent.
    Terminating,
}

/// Workers of one module, and the calls that wait for them.
pub(crate) struct Pool {
    options: PoolOptions,
    names: Names,
    state: PoolState,
    pub queue: CallQueue,
    /// A start failed since the last one was attempted: only a new call attempts another.
    start_failed: bool,
    /// Takes processes that the user starts, too.
    links: bool,
    /// A worker was ready once: its commands are known.
    was_ready: bool,
    /// Where the search for the least loaded worker begins, so that equals take turns.
    turn: usize,
}

/// One worker process.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not states: the state is `life`"
)]
pub(crate) struct Worker {
    serial: u64,
    pool: u32,
    life: Life,
    child: Option<Child>,
    /// Started by us; a process of the user's own has only its link.
    ours: bool,
    pid: Option<u32>,
    control: Option<Box<Port>>,
    pub data: Option<Box<Port>>,
    pub caller_bell: Option<Arc<dyn CallerBell>>,
    channel: ChannelKind,
    stderr: Option<Arc<Tap>>,
    pub mailbox: Arc<Mailbox>,
    events_sent: u64,
    pub window: Window,
    /// The worker's number of each command of the pool.
    numbers: Vec<Option<u32>>,
    announced: u32,
    greeted: bool,
    was_ready: bool,
    buried: bool,
    /// Why it is to end, if that is known before it does.
    reason: Option<Failure>,
    last_words: Vec<u8>,
    goodbye: bool,
    /// It asked to end: it gets no more calls, and is told to end when it has answered those it has.
    leaving: bool,
    link_closed: bool,
    exit: Option<ExitStatus>,
    born: Instant,
    heartbeat_set: bool,
    pinged: Option<(u32, Instant)>,
    /// Ends for a process that the user starts, until it has inherited them.
    ends: Vec<InheritedEnd>,
}

/// The number of every name that no worker has.
pub const UNKNOWN_COMMAND: u32 = u32::MAX;

/// What a call is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRequest {
    /// The pool.
    pub pool: u32,
    /// The command's number in the pool.
    pub command: u32,
    /// Milliseconds until it times out, 0 for never.
    pub timeout_ms: u32,
    /// The calling thread will block for it.
    pub blocking: bool,
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
        Some(pool.names.number(name))
    }

    /// Makes a call; its slot comes back with its outcome.
    ///
    /// # Errors
    /// The kinds that are known at once: `NotStarted`, `Closed`, `PayloadTooLarge`, `QueueFull`.
    pub fn submit(&self, request: CallRequest, parts: &[&[u8]]) -> Result<u32, ErrorKind> {
        self.shared().with(|state| state.submit(request, parts))
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

    // --- pools ------------------------------------------------------------------------------------------------------

    fn open_pool(&mut self, options: PoolOptions) -> Result<u32, Box<Failure>> {
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
        self.pools.insert(
            id,
            Pool {
                options,
                names: Names::default(),
                state: PoolState::Open,
                queue: CallQueue::default(),
                start_failed: false,
                links: workers == 0,
                was_ready: false,
                turn: 0,
            },
        );
        for _ in 0..workers {
            self.start_worker(id);
        }
        Ok(id)
    }

    /// Starts as many workers as the pool lacks, no more than calls wait.
    fn fill_pool(&mut self, id: u32) {
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

    /// Starts one worker. What goes wrong is reported as a failed start, never thrown.
    fn start_worker(&mut self, pool_id: u32) {
        let Some(pool) = self.pools.get(&pool_id) else {
            return;
        };
        let options = pool.options.clone();
        match self.place_worker(pool_id, &options, true) {
            Ok((slot, mut ends, value)) => self.spawn(slot, &options, &mut ends, value),
            Err(error) => {
                let message = format!(
                    "A worker of '{}' could not be started: {error}",
                    options.name
                );
                self.start_failed(pool_id, &Failure::new(ErrorKind::SpawnFailed, message));
            }
        }
    }

    /// Makes the link and the record of a new worker: its slot, the ends it inherits, the value of its variable.
    fn place_worker(
        &mut self,
        pool: u32,
        options: &PoolOptions,
        ours: bool,
    ) -> io::Result<(usize, LinkEnds, String)> {
        let slot = self
            .workers
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.workers.len());
        if slot == self.workers.len() {
            self.workers.push(None);
        }
        let max_payload = usize::try_from(options.max_payload_bytes).unwrap_or(usize::MAX);
        let wants_ring = match options.channel {
            ChannelChoice::Auto | ChannelChoice::Ring => crate::memory::SharedMemory::available(),
            ChannelChoice::Pipe => false,
        };
        // A process that the user starts may have a shell between itself and this process.
        let parent = if ours { std::process::id() } else { 0 };
        let link_options = LinkOptions {
            parent,
            ring: wants_ring,
            max_payload_bytes: max_payload,
            max_block_bytes: usize::try_from(options.max_block_bytes).unwrap_or(usize::MAX),
            block_idle: Duration::from_millis(u64::from(options.block_idle_ms)),
            trusted: options.trusted,
        };
        let made = link::make_link(&self.reactor, slot, link_options)?;
        let mut control = made.control;
        let welcome = Control::Welcome {
            protocol: PROTOCOL,
            version: options.version.clone(),
            max_payload_bytes: options.max_payload_bytes,
            spin_us: options.spin_us,
            max_block_bytes: options.max_block_bytes,
            block_idle_ms: options.block_idle_ms,
            settings: options.welcome.clone(),
        };
        control.send_owned(Header::new(FrameKind::Control, 0, 0, 0), welcome.encode());
        let _ = control.flush();
        link::listen(&mut control);
        let serial = self.next_serial;
        self.next_serial += 1;
        let mut data = made.data;
        self.attend(&mut data);
        let caller_bell = data.channel().caller_bell();
        let channel = data.channel().kind();
        self.workers[slot] = Some(Box::new(Worker {
            serial,
            pool,
            life: Life::Starting,
            child: None,
            ours,
            pid: None,
            control: Some(Box::new(control)),
            data: Some(Box::new(data)),
            caller_bell,
            channel,
            stderr: None,
            mailbox: Arc::new(Mailbox::new(MAILBOX_EVENTS)),
            events_sent: 0,
            window: Window::default(),
            numbers: Vec::new(),
            announced: 0,
            greeted: false,
            was_ready: false,
            buried: false,
            reason: None,
            last_words: Vec::new(),
            goodbye: false,
            leaving: false,
            link_closed: false,
            exit: None,
            born: Instant::now(),
            heartbeat_set: false,
            pinged: None,
            ends: Vec::new(),
        }));
        if ours {
            let limit = Duration::from_millis(u64::from(options.start_timeout_ms));
            self.add_timer(Instant::now() + limit, Timer::Start(serial));
        }
        Ok((slot, made.ends, made.value))
    }

    /// Hands the making of the process to the thread that may be a parent.
    fn spawn(&mut self, slot: usize, options: &PoolOptions, ends: &mut LinkEnds, value: String) {
        let stderr = match platform::pipe_from_child()
            .and_then(|(reader, end)| Ok((Tap::open(reader)?, end)))
        {
            Ok((tap, end)) => {
                if let Some(worker) = self.worker_mut(slot) {
                    worker.stderr = Some(tap);
                }
                Some(end)
            }
            Err(error) => {
                debug!("stderr of a worker can't be read along: {error}");
                None
            }
        };
        let mut env: Vec<(OsString, OsString)> = options
            .env
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        env.push((link::VARIABLE.into(), value.into()));
        let request = SpawnRequest {
            program: options.program.clone().into(),
            args: options.args.iter().map(OsString::from).collect(),
            env,
            cwd: options.cwd.as_ref().map(PathBuf::from),
            inherit: ends.take(),
            stderr,
        };
        let Some(serial) = self.worker_mut(slot).map(|worker| worker.serial) else {
            return;
        };
        let shared = self.shared.clone();
        drop(platform::on_spawner_thread(move || {
            let spawned = platform::spawn(request);
            if let Some(shared) = shared.upgrade() {
                shared.with(|state| state.spawned(serial, spawned));
            } else if let Ok(child) = spawned {
                child.kill();
            }
        }));
    }

    /// The process has been made, or not.
    fn spawned(&mut self, serial: u64, spawned: io::Result<Child>) {
        let Some(slot) = self.slot_of_serial(serial) else {
            if let Ok(child) = spawned {
                child.kill();
            }
            return;
        };
        // Whose end can't be noticed is not let live.
        let spawned = spawned.and_then(|child| {
            let key = key_of(Owner::Worker(slot), SourceKind::Exit);
            self.reactor
                .watch_exit(key, &child)
                .inspect_err(|_| child.kill())
                .map(|()| child)
        });
        match spawned {
            Ok(child) => {
                debug!("worker {} started", child.pid());
                let Some(worker) = self.worker_mut(slot) else {
                    return;
                };
                worker.pid = Some(child.pid());
                match worker.life {
                    Life::Terminating => child.terminate(),
                    Life::Killing => child.kill(),
                    _ => {}
                }
                worker.child = Some(child);
            }
            Err(error) => {
                let Some(worker) = self.worker_mut(slot) else {
                    return;
                };
                let message = format!("The worker process could not be started: {error}");
                worker.reason = Some(Failure::new(ErrorKind::SpawnFailed, message));
                self.bury(slot);
            }
        }
    }

    fn open_link(&mut self, pool_id: u32) -> Result<HandedLink, Box<Failure>> {
        if self.workers.iter().flatten().count() >= MAX_WORKERS {
            return Err(too_many_workers());
        }
        let Some(pool) = self
            .pools
            .get_mut(&pool_id)
            .filter(|pool| pool.state == PoolState::Open)
        else {
            return Err(Box::new(Failure::new(
                ErrorKind::Closed,
                ErrorKind::Closed.summary(),
            )));
        };
        pool.links = true;
        let options = pool.options.clone();
        let failed = |error: io::Error| {
            Box::new(Failure::new(
                ErrorKind::SpawnFailed,
                format!("No link could be made: {error}"),
            ))
        };
        let (slot, mut ends, value) = self
            .place_worker(pool_id, &options, false)
            .map_err(failed)?;
        let ends = ends.take();
        let descriptors = ends.iter().map(InheritedEnd::handle_number).collect();
        let Some(worker) = self.worker_mut(slot) else {
            return Err(too_many_workers());
        };
        worker.ends = ends;
        let link = u32::try_from(worker.serial).unwrap_or(u32::MAX);
        Ok(HandedLink {
            descriptors,
            value,
            link,
        })
    }

    // --- calls: the way there ---------------------------------------------------------------------------------------

    fn submit(&mut self, request: CallRequest, parts: &[&[u8]]) -> Result<u32, ErrorKind> {
        let pool = self
            .pools
            .get_mut(&request.pool)
            // The numbers of pools that have come to their end are not used again.
            .ok_or(ErrorKind::Closed)?;
        if request.command == UNKNOWN_COMMAND {
            return Err(ErrorKind::UnknownCommand);
        }
        if pool.state != PoolState::Open {
            return Err(ErrorKind::Closed);
        }
        let bytes = crate::port::padded_length(parts);
        if bytes as u64 > pool.options.max_payload_bytes {
            return Err(ErrorKind::PayloadTooLarge);
        }
        let waiting = pool.queue.len();
        if waiting >= pool.options.max_queue
            || (waiting > 0 && pool.queue.bytes() + bytes > pool.options.max_queue_bytes)
        {
            return Err(ErrorKind::QueueFull);
        }
        pool.start_failed = false;
        let at_once = pool.queue.is_empty();
        let id = self
            .calls
            .create(request.pool, request.command, request.blocking);
        if request.timeout_ms > 0 {
            let deadline = Instant::now() + Duration::from_millis(u64::from(request.timeout_ms));
            if let Some(call) = self.calls.get_mut(id) {
                call.timeout_ms = request.timeout_ms;
                call.deadline = Some(deadline);
            }
            self.add_timer(deadline, Timer::Call(id));
        }
        if at_once && let Some(slot) = self.free_worker(request.pool, bytes) {
            self.send_call(slot, id, Outgoing::Borrowed(parts));
            return Ok(slot_of(id));
        }
        let mut payload = Vec::with_capacity(bytes);
        crate::port::extend_padded(&mut payload, parts);
        if let Some(call) = self.calls.get_mut(id) {
            call.payload = payload;
            call.shown = bytes - parts.first().map_or(0, |main| main.len());
        }
        if let Some(pool) = self.pools.get_mut(&request.pool) {
            pool.queue.push(id, bytes);
            pool.queue.sweep(&self.calls);
        }
        self.fill_pool(request.pool);
        Ok(slot_of(id))
    }

    /// The least loaded worker that may be sent one more call, with a payload of so many bytes.
    fn free_worker(&mut self, pool_id: u32, bytes: usize) -> Option<usize> {
        let pool = self.pools.get_mut(&pool_id)?;
        let (count, concurrency) = (self.workers.len(), pool.options.concurrency);
        pool.turn = if pool.turn + 1 < count {
            pool.turn + 1
        } else {
            0
        };
        let turn = pool.turn;
        let mut best: Option<(u64, usize)> = None;
        for step in 0..count {
            let slot = if turn + step < count {
                turn + step
            } else {
                turn + step - count
            };
            let Some(worker) = self.workers[slot].as_deref() else {
                continue;
            };
            if worker.pool == pool_id && worker.takes_calls(concurrency, bytes) {
                let load = worker.window.in_flight();
                if best.is_none_or(|(least, _)| load < least) {
                    best = Some((load, slot));
                    if load == 0 {
                        break;
                    }
                }
            }
        }
        best.map(|(_, slot)| slot)
    }

    /// Sends what waits to those who may have it.
    fn dispatch(&mut self, pool_id: u32) {
        loop {
            let Some(pool) = self.pools.get_mut(&pool_id) else {
                return;
            };
            let Some(id) = pool.queue.front(&self.calls) else {
                return;
            };
            let bytes = self.calls.get(id).map_or(0, |call| call.payload.len());
            let Some(slot) = self.free_worker(pool_id, bytes) else {
                self.fill_pool(pool_id);
                return;
            };
            let (payload, shown) = self
                .calls
                .get_mut(id)
                .map(|call| (std::mem::take(&mut call.payload), call.shown))
                .unwrap_or_default();
            if let Some(pool) = self.pools.get_mut(&pool_id) {
                pool.queue.pop(payload.len());
            }
            self.send_call(slot, id, Outgoing::Owned(payload, shown));
        }
    }

    /// Sends a call to a worker, if that knows the command.
    fn send_call(&mut self, slot: usize, id: CallId, payload: Outgoing<'_>) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let (command, deadline) = (call.command, call.deadline);
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let Some(number) = worker.numbers.get(command as usize).copied().flatten() else {
            let name = self.command_name(id);
            let failure = Failure::new(
                ErrorKind::UnknownCommand,
                format!("The worker has no command '{name}'."),
            );
            self.fail(id, &failure.of_command(&name));
            return;
        };
        let left_ms = deadline.map_or(0, |deadline| {
            let left = deadline
                .saturating_duration_since(Instant::now())
                .as_millis();
            u32::try_from(left).unwrap_or(u32::MAX).max(1)
        });
        if let Some(call) = self.calls.get_mut(id) {
            call.worker = u32::try_from(slot).ok();
        }
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        worker.window.send();
        let header = Header::new(FrameKind::Call, id, number, left_ms);
        // The first call of an idle worker goes at once. Over a pipe each further one would cost a system call: they go
        // together, when JavaScript looks for answers or the I/O thread comes.
        let keep_back = worker.channel == ChannelKind::Pipe && worker.window.in_flight() > 1;
        let Some(port) = &mut worker.data else { return };
        match payload {
            Outgoing::Borrowed(parts) => port.send(header, parts),
            Outgoing::Owned(bytes, shown) => port.send_together(header, bytes, shown),
        }
        let warm = port.blocks().and_then(|blocks| blocks.sender.idle());
        if keep_back && port.backlog() < KEPT_BACK_BYTES {
            self.unflushed = true;
            self.notify_io();
        } else {
            self.flush_worker(slot);
        }
        self.watch_heart(slot);
        if let Some(idle) = warm {
            self.watch_blocks(idle);
        }
    }

    fn command_name(&self, id: CallId) -> String {
        self.calls
            .get(id)
            .and_then(|call| {
                Some(
                    self.pools
                        .get(&call.pool)?
                        .names
                        .name(call.command)
                        .to_owned(),
                )
            })
            .unwrap_or_default()
    }

    /// Writes what a worker's data channel takes.
    fn flush_worker(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if let Some(port) = &mut worker.data
            && let Err(error) = port.flush()
        {
            debug!("writing to worker {:?}: {error}", worker.pid);
            self.link_broken(slot, &PortError::Io(error));
        }
    }

    /// Sends everything that was kept back.
    pub(crate) fn flush_kept_back(&mut self) {
        if !std::mem::take(&mut self.unflushed) {
            return;
        }
        for slot in 0..self.workers.len() {
            if self.workers[slot]
                .as_ref()
                .is_some_and(|worker| worker.data.as_ref().is_some_and(|p| p.backlog() > 0))
            {
                self.flush_worker(slot);
            }
        }
        self.flush_uplink();
    }

    /// There is room again in one of a worker's channels.
    pub(crate) fn worker_writable(&mut self, slot: usize, source: SourceKind) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let port = if source == SourceKind::ControlOut {
            &mut worker.control
        } else {
            &mut worker.data
        };
        let Some(port) = port else { return };
        port.channel().fired(source != SourceKind::DataIn);
        if source == SourceKind::ControlOut {
            self.carry_worker_events(slot);
        } else {
            let pool = worker.pool;
            self.flush_worker(slot);
            self.dispatch(pool);
        }
    }

    // --- calls: the way back ----------------------------------------------------------------------------------------

    /// Takes in what a worker's data channel holds.
    pub(crate) fn pump_worker(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let (pool, serial) = (worker.pool, worker.serial);
        let Some(mut port) = worker.data.take() else {
            return;
        };
        port.set_max_partials(usize::try_from(worker.window.in_flight()).unwrap_or(usize::MAX));
        let mut answers = 0;
        let received = port.receive(READ_BUDGET_BYTES, |header, payload| {
            answers += 1;
            self.on_answer(slot, header, payload)
        });
        if answers > 0 {
            self.something_came();
        }
        match received {
            Ok(_) => self.put_back(serial, Direction::Data, port),
            // A channel that has ended is always readable: nobody could sleep beside it.
            Err(error) => self.link_broken(slot, &error),
        }
        if answers > 0 {
            self.let_go(slot);
            self.dispatch(pool);
        }
    }

    /// A worker that asked to end is told to, once it has answered everything.
    fn let_go(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if worker.leaving
            && worker.window.in_flight() == 0
            && worker.life.step(LifeEvent::AskedToEnd)
        {
            self.send_control(slot, &Control::Shutdown);
        }
    }

    /// A port was taken out so that what it received could change everything else. Its worker may be gone since.
    fn put_back(&mut self, serial: u64, direction: Direction, port: Box<Port>) {
        if let Some(worker) = self.worker_by_serial(serial) {
            match direction {
                Direction::Control => worker.control = Some(port),
                Direction::Data => worker.data = Some(port),
            }
        }
    }

    fn on_answer(
        &mut self,
        slot: usize,
        header: Header,
        payload: Payload<'_>,
    ) -> Result<(), PortError> {
        let worker = self.worker_mut(slot).ok_or(PortError::End)?;
        let kind = match header.kind {
            FrameKind::Result => EntryKind::Result,
            FrameKind::Thrown => EntryKind::Thrown,
            FrameKind::Refused => EntryKind::Failed,
            FrameKind::Started => {
                return if worker.window.start(header.call) {
                    Ok(())
                } else {
                    Err(PortError::Protocol(
                        "it says that calls began that it was not sent".into(),
                    ))
                };
            }
            kind => {
                return Err(PortError::Protocol(format!(
                    "a {kind:?} frame does not go this way"
                )));
            }
        };
        let held = self
            .calls
            .get(header.call)
            .filter(|call| call.worker.map(|held| held as usize) == Some(slot));
        if held.is_none() {
            return Err(PortError::Protocol(format!(
                "an answer to call {:#x}, which it was not sent",
                header.call
            )));
        }
        if kind == EntryKind::Failed {
            let refused = u16::try_from(header.a)
                .ok()
                .and_then(ErrorKind::from_number);
            let refused =
                refused.ok_or_else(|| PortError::Protocol("a refusal of no known kind".into()))?;
            let mut failure = Failure::new(refused, String::from_utf8_lossy(payload.bytes()));
            failure.command = Some(self.command_name(header.call));
            if let Some(worker) = self.worker_mut(slot) {
                worker.window.answer(0);
            }
            self.calls.leave_worker(header.call);
            self.fail(header.call, &failure);
            return Ok(());
        }
        if let Some(worker) = self.worker_mut(slot) {
            worker.window.answer(header.a);
        }
        let blocking = self
            .calls
            .get(header.call)
            .is_some_and(|call| call.blocking);
        // An answer that nobody waits for any more (its call timed out) is dropped here.
        if self.calls.settle(header.call) {
            let inbox = if blocking {
                &mut self.caller_inbox
            } else {
                &mut self.inbox
            };
            let words = [header.a, 0, 0];
            inbox.push_payload(kind, slot_of(header.call), words, payload);
        }
        self.calls.leave_worker(header.call);
        Ok(())
    }

    /// Decides a call's outcome: it failed.
    fn fail(&mut self, id: CallId, failure: &Failure) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let blocking = call.blocking;
        if self.calls.settle(id) {
            let inbox = if blocking {
                &mut self.caller_inbox
            } else {
                &mut self.inbox
            };
            inbox.push(EntryKind::Failed, slot_of(id), [0; 3], &failure.encode());
        }
    }

    /// A call's time is over.
    pub(crate) fn call_due(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id).filter(|call| !call.settled) else {
            return;
        };
        let (worker, timeout_ms, queued_bytes, pool) =
            (call.worker, call.timeout_ms, call.payload.len(), call.pool);
        if let Some(slot) = worker {
            // An answer that was published in time counts.
            self.pump_worker(slot as usize);
            if self.calls.get(id).is_none_or(|call| call.settled) {
                return;
            }
            self.send_control(slot as usize, &Control::Cancel(id));
        } else if let Some(pool) = self.pools.get_mut(&pool) {
            pool.queue.forget(queued_bytes);
        }
        let name = self.command_name(id);
        let place = if worker.is_some() {
            "with a worker"
        } else {
            "waiting in the queue"
        };
        let message =
            format!("The call of '{name}' did not settle within {timeout_ms} ms; it was {place}.");
        let mut failure = Failure::new(ErrorKind::CallTimeout, message);
        failure.command = Some(name);
        failure.timeout_ms = Some(timeout_ms);
        failure.pid = worker.and_then(|slot| self.worker_mut(slot as usize)?.pid);
        self.fail(id, &failure);
    }

    // --- control ----------------------------------------------------------------------------------------------------

    fn send_control(&mut self, slot: usize, message: &Control) {
        let Some(port) = self
            .worker_mut(slot)
            .and_then(|worker| worker.control.as_mut())
        else {
            return;
        };
        port.send_owned(Header::new(FrameKind::Control, 0, 0, 0), message.encode());
        if let Err(error) = port.flush() {
            self.link_broken(slot, &PortError::Io(error));
        }
    }

    /// Takes in what a worker's control pipe holds.
    pub(crate) fn pump_worker_control(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let serial = worker.serial;
        let Some(mut port) = worker.control.take() else {
            return;
        };
        port.channel().fired(false);
        let received = loop {
            match port.receive(READ_BUDGET_BYTES, |header, payload| {
                self.on_control(slot, header, payload)
            }) {
                Ok(false) if !link::listen(&mut port) => {}
                // The budget is used up: the others get their turn first.
                Ok(_) => {
                    link::listen(&mut port);
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        match received {
            Ok(()) => {
                self.put_back(serial, Direction::Control, port);
                self.let_go(slot);
            }
            Err(error) => self.link_broken(slot, &error),
        }
    }

    fn on_control(
        &mut self,
        slot: usize,
        header: Header,
        payload: Payload<'_>,
    ) -> Result<(), PortError> {
        let breach = |what: &str| Err(PortError::Protocol(what.to_owned()));
        match header.kind {
            FrameKind::Event => {
                let body = match payload {
                    Payload::Assembled(bytes) => bytes,
                    payload => payload.bytes().to_vec(),
                };
                let Some(event) = Event::from_body(body) else {
                    return breach("an event that is none");
                };
                let event = Arc::new(event);
                self.deliver(&event);
                self.fan_out(&event, Some(slot));
                self.notify_io();
                return Ok(());
            }
            FrameKind::Control if payload.bytes().len() <= MAX_CONTROL_BYTES => {}
            kind => {
                return breach(&format!(
                    "a {kind:?} frame does not go over the control pipe"
                ));
            }
        }
        let Some(message) = Control::decode(payload.bytes()) else {
            return breach("a control message that is none");
        };
        let Some(worker) = self.worker_mut(slot) else {
            return Ok(());
        };
        match message {
            Control::Hello {
                protocol,
                version,
                pid,
            } => self.on_hello(slot, protocol, &version, pid),
            _ if !worker.greeted => return breach("it did not say hello first"),
            Control::Commands(names) => {
                // None at all is a breach, too: each message costs the host an entry, and this one could come for ever.
                let too_many = worker.announced as usize + names.len() > MAX_COMMANDS;
                if too_many
                    || names.is_empty()
                    || names
                        .iter()
                        .any(|name| name.is_empty() || name.len() > MAX_COMMAND_NAME_BYTES)
                {
                    return breach("too many commands, or names that can't be");
                }
                self.on_commands(slot, &names);
            }
            Control::Ready => self.on_ready(slot),
            Control::LoadFailed(cause) => {
                worker.last_words = cause;
                if worker.life == Life::Starting && worker.reason.is_none() {
                    let message = "The worker module could not be loaded.";
                    worker.reason = Some(Failure::new(ErrorKind::StartFailed, message));
                }
            }
            Control::LastWords(cause) => worker.last_words = cause,
            Control::Leaving => {
                // It is told to end when the port that this came through is back in its place.
                worker.leaving = true;
            }
            Control::Goodbye => worker.goodbye = true,
            Control::Pong(number) => {
                if worker.pinged.is_some_and(|(pinged, _)| pinged == number) {
                    worker.pinged = None;
                }
            }
            Control::Welcome { .. } | Control::Cancel(_) | Control::Shutdown | Control::Ping(_) => {
                return breach("a control message that goes the other way");
            }
        }
        Ok(())
    }

    fn on_hello(&mut self, slot: usize, protocol: u32, version: &str, pid: u32) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        worker.greeted = true;
        worker.pid.get_or_insert(pid);
        let pool = worker.pool;
        let Some(pool) = self.pools.get(&pool) else {
            return;
        };
        let ours = pool.options.version.clone();
        if protocol != PROTOCOL || version != ours {
            let message = format!(
                "The host runs plump-ipc {ours} (protocol {PROTOCOL}), the worker {version} (protocol {protocol})."
            );
            self.end_worker(slot, Failure::new(ErrorKind::VersionMismatch, message));
        }
    }

    fn on_commands(&mut self, slot: usize, names: &[String]) {
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(pool) = self.pools.get_mut(&worker.pool) else {
            return;
        };
        for name in names {
            let number = pool.names.number(name);
            worker.note_number(number, worker.announced);
            worker.announced += 1;
        }
        if worker.life == Life::Ready {
            let event = json!({ "event": "commands", "commands": names });
            let pool = worker.pool;
            self.inbox
                .push(EntryKind::Pool, pool, [0; 3], event.to_string().as_bytes());
        }
    }

    fn on_ready(&mut self, slot: usize) {
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        // One that has closed its link can't be sent anything and is about to be ended: its start has failed.
        if worker.link_closed || !worker.life.step(LifeEvent::Ready) {
            return;
        }
        worker.was_ready = true;
        let (pool_id, pid) = (worker.pool, worker.pid);
        let Some(pool) = self.pools.get_mut(&pool_id) else {
            return;
        };
        pool.was_ready = true;
        let commands: Vec<&str> = (0..pool.names.len())
            .filter(|n| worker.numbers.get(*n).is_some_and(Option::is_some))
            .map(|number| pool.names.name(u32::try_from(number).unwrap_or(u32::MAX)))
            .collect();
        let event = json!({ "event": "ready", "pid": pid, "commands": commands });
        self.inbox.push(
            EntryKind::Pool,
            pool_id,
            [0; 3],
            event.to_string().as_bytes(),
        );
        debug!("worker {pid:?} is ready");
        self.dispatch(pool_id);
    }

    /// Moves events from a worker's mailbox into its control pipe.
    pub(crate) fn carry_worker_events(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let Some(port) = &mut worker.control else {
            return;
        };
        let result = link::carry(
            port,
            &worker.mailbox,
            &mut worker.events_sent,
            EVENT_BACKLOG_BYTES,
        );
        if let Err(error) = result {
            self.link_broken(slot, &PortError::Io(error));
        }
    }

    // --- liveness ---------------------------------------------------------------------------------------------------

    fn watch_heart(&mut self, slot: usize) {
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(pool) = self.pools.get(&worker.pool) else {
            return;
        };
        if worker.heartbeat_set
            || pool.options.heartbeat_ms == 0
            || pool.options.heartbeat_timeout_ms == 0
        {
            return;
        }
        worker.heartbeat_set = true;
        let (serial, every) = (worker.serial, pool.options.heartbeat_ms);
        self.add_timer(
            Instant::now() + Duration::from_millis(u64::from(every)),
            Timer::Heartbeat(serial),
        );
    }

    /// Time to hear whether a worker's link thread lives; only while it has calls.
    pub(crate) fn heartbeat_due(&mut self, serial: u64, now: Instant) {
        let Some(slot) = self.slot_of_serial(serial) else {
            return;
        };
        // A pong that lies in the pipe counts, also when this process was itself stopped for a while.
        self.pump_worker_control(slot);
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        worker.heartbeat_set = false;
        if worker.window.in_flight() == 0 {
            worker.pinged = None;
            return;
        }
        let (pool, pinged) = (worker.pool, worker.pinged);
        let Some(pool) = self.pools.get(&pool) else {
            return;
        };
        let (every, limit) = (pool.options.heartbeat_ms, pool.options.heartbeat_timeout_ms);
        match pinged {
            Some((_, at))
                if now.saturating_duration_since(at) >= Duration::from_millis(u64::from(limit)) =>
            {
                let message = format!("The worker's link thread has not answered for {limit} ms.");
                self.end_worker(slot, Failure::new(ErrorKind::WorkerUnresponsive, message));
                return;
            }
            Some(_) => {}
            None => {
                let number = u32::try_from(serial & 0xffff).unwrap_or_default();
                if let Some(worker) = self.worker_mut(slot) {
                    worker.pinged = Some((number, now));
                }
                self.send_control(slot, &Control::Ping(number));
            }
        }
        if let Some(worker) = self.worker_mut(slot) {
            worker.heartbeat_set = true;
        }
        self.add_timer(
            now + Duration::from_millis(u64::from(every.min(limit))),
            Timer::Heartbeat(serial),
        );
    }

    pub(crate) fn start_due(&mut self, serial: u64) {
        let Some(slot) = self.slot_of_serial(serial) else {
            return;
        };
        self.pump_worker_control(slot);
        let Some(worker) = self
            .worker_mut(slot)
            .filter(|worker| worker.life == Life::Starting)
        else {
            return;
        };
        let pool = worker.pool;
        let limit = self
            .pools
            .get(&pool)
            .map_or(0, |pool| pool.options.start_timeout_ms);
        let mut failure = Failure::new(
            ErrorKind::StartTimeout,
            format!("The worker did not get ready within {limit} ms."),
        );
        failure.timeout_ms = Some(limit);
        self.end_worker(slot, failure);
    }

    /// Ends a worker by force, for a reason that its calls are told.
    fn end_worker(&mut self, slot: usize, reason: Failure) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        worker.reason.get_or_insert(reason);
        worker.kill();
        if !worker.ours {
            // Nobody here may end a process of the user's own: its link is closed, which ends it.
            self.bury(slot);
        }
    }

    /// One of a worker's channels can't be used any more.
    fn link_broken(&mut self, slot: usize, error: &PortError) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if let PortError::Protocol(what) = error {
            return self.end_worker(slot, breach(what));
        }
        if std::mem::replace(&mut worker.link_closed, true) {
            return;
        }
        debug!("the link to worker {:?} is closed: {error}", worker.pid);
        let (ours, serial) = (worker.ours, worker.serial);
        // One that takes its leave as it was asked to is given the grace of the one who closes.
        let asked = worker.goodbye && worker.life == Life::Draining;
        if ours && asked {
            debug!("worker {:?} has taken its leave", worker.pid);
        } else if ours {
            // Its exit tells more than the closed link.
            self.add_timer(Instant::now() + EXIT_AFTER_LINK, Timer::Reap(serial));
        } else {
            self.bury(slot);
        }
    }

    pub(crate) fn reap_due(&mut self, serial: u64) {
        let Some(slot) = self.slot_of_serial(serial) else {
            return;
        };
        let message = "The worker closed its link and went on running.";
        self.end_worker(slot, Failure::new(ErrorKind::WorkerLost, message));
    }

    /// A worker's process may have exited.
    pub(crate) fn worker_exited(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let Some(child) = &mut worker.child else {
            return;
        };
        match child.try_wait() {
            Ok(Some(status)) => {
                worker.exit = Some(status);
                self.bury(slot);
            }
            Ok(None) => {}
            Err(error) => {
                debug!("worker {:?} can't be waited for: {error}", worker.pid);
                self.bury(slot);
            }
        }
    }

    /// The end of a worker: what it had published still counts, everything else it had fails, its place becomes free.
    fn bury(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if std::mem::replace(&mut worker.buried, true) {
            return;
        }
        for port in [&mut worker.control, &mut worker.data]
            .into_iter()
            .flatten()
        {
            port.channel().peer_gone();
        }
        self.read_last(slot);
        let Some(mut worker) = self.workers[slot].take() else {
            return;
        };
        worker.life.step(LifeEvent::Gone);
        if let Some(child) = &worker.child {
            self.reactor.unwatch_exit(child);
        }
        let stderr = worker.stderr.as_ref().and_then(|tap| tap.finish());
        let closing = self
            .pools
            .get(&worker.pool)
            .is_none_or(|pool| pool.state != PoolState::Open);
        let failure = worker.death(closing, stderr);
        debug!("worker {:?} has ended: {}", worker.pid, failure.message);
        let pool = worker.pool;
        let held = u32::try_from(slot).ok();
        for id in self.calls.ids_where(|call| call.worker == held) {
            let name = self.command_name(id);
            self.calls.leave_worker(id);
            self.fail(id, &failure.of_command(&name));
        }
        let event = json!({
            "event": "exit",
            "pid": worker.pid,
            "exitCode": worker.exit.as_ref().and_then(|exit| exit.code),
            "signal": failure.signal,
            "expected": worker.goodbye || closing,
        });
        self.inbox
            .push(EntryKind::Pool, pool, [0; 3], event.to_string().as_bytes());
        let was_ready = worker.was_ready;
        // Before the start is judged: the place is free.
        drop(worker);
        if !was_ready {
            self.start_failed(pool, &failure);
        } else if let Some(pool) = self.pools.get_mut(&pool) {
            // Its place may be filled again, whatever became of another start meanwhile.
            pool.start_failed = false;
        }
        self.finish_closing(pool);
        self.dispatch(pool);
    }

    /// Takes in everything that an ended worker had written.
    fn read_last(&mut self, slot: usize) {
        for direction in [Direction::Control, Direction::Data] {
            let Some(worker) = self.worker_mut(slot) else {
                return;
            };
            let port = match direction {
                Direction::Control => worker.control.take(),
                Direction::Data => worker.data.take(),
            };
            let Some(mut port) = port else { continue };
            loop {
                let received = port.receive(READ_BUDGET_BYTES, |header, payload| match direction {
                    Direction::Control => self.on_control(slot, header, payload),
                    Direction::Data => self.on_answer(slot, header, payload),
                });
                match received {
                    Ok(true) => {}
                    Err(PortError::Protocol(what)) => {
                        if let Some(worker) = self.worker_mut(slot) {
                            worker.reason.get_or_insert(breach(&what));
                        }
                        break;
                    }
                    // `WouldBlock` without an end: somebody else still holds the worker's end. It is not our worker.
                    Ok(false) | Err(PortError::End | PortError::Io(_)) => break,
                }
            }
        }
    }

    /// A worker did not get ready: whoever waits for this pool is told, unless another worker can still take the calls.
    fn start_failed(&mut self, pool_id: u32, failure: &Failure) {
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

    fn fail_queue(&mut self, pool_id: u32, failure: &Failure) {
        while let Some(pool) = self.pools.get_mut(&pool_id)
            && let Some(id) = pool.queue.front(&self.calls)
        {
            let bytes = self.calls.get(id).map_or(0, |call| call.payload.len());
            pool.queue.pop(bytes);
            let name = self.command_name(id);
            self.fail(id, &failure.of_command(&name));
        }
    }

    // --- the end ----------------------------------------------------------------------------------------------------

    fn close_pool(&mut self, id: u32, grace_ms: u32) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        if pool.state != PoolState::Open {
            return;
        }
        pool.state = PoolState::Closing;
        let closed = Failure::new(
            ErrorKind::Closed,
            "The instance was closed before the call had begun.",
        );
        self.fail_queue(id, &closed);
        for slot in self.slots_of_pool(id) {
            if let Some(worker) = self.worker_mut(slot) {
                if worker.life == Life::Starting && worker.ours {
                    // It has begun nothing.
                    worker.kill();
                }
                worker.life.step(LifeEvent::AskedToEnd);
            }
            self.send_control(slot, &Control::Shutdown);
            if self
                .worker_mut(slot)
                .is_some_and(|worker| !worker.ours && !worker.greeted)
            {
                // Never connected: there is nobody to wait for.
                self.bury(slot);
            }
        }
        self.add_timer(
            Instant::now() + Duration::from_millis(u64::from(grace_ms)),
            Timer::Close(id),
        );
        self.finish_closing(id);
    }

    /// The next step of closing: the polite signal, then the hard one.
    pub(crate) fn close_due(&mut self, id: u32, now: Instant) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        let event = match pool.state {
            PoolState::Closing => {
                pool.state = PoolState::Terminating;
                LifeEvent::Terminated
            }
            PoolState::Terminating => LifeEvent::Killed,
            PoolState::Open => return,
        };
        for slot in self.slots_of_pool(id) {
            let Some(worker) = self.worker_mut(slot) else {
                continue;
            };
            if event == LifeEvent::Killed {
                worker.kill();
            } else if worker.life.step(event)
                && let Some(child) = &worker.child
            {
                child.terminate();
            }
            if !self.worker_mut(slot).is_some_and(|worker| worker.ours) {
                self.bury(slot);
            }
        }
        if event == LifeEvent::Terminated {
            self.add_timer(now + TERMINATE_TO_KILL, Timer::Close(id));
        }
    }

    fn finish_closing(&mut self, id: u32) {
        if !self.slots_of_pool(id).is_empty() {
            return;
        }
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        if matches!(pool.state, PoolState::Closing | PoolState::Terminating) {
            self.pools.remove(&id);
            let event = json!({ "event": "closed" });
            self.inbox
                .push(EntryKind::Pool, id, [0; 3], event.to_string().as_bytes());
        }
    }

    /// The environment ends: every worker with it.
    pub(crate) fn end_everything(&mut self) {
        self.ending = true;
        for worker in self.workers.iter_mut().flatten() {
            worker.kill();
            if let Some(tap) = worker.stderr.take() {
                tap.finish();
            }
        }
        // Dropping the links ends what is not our child; children are reaped by the platform's reaper.
        self.workers.clear();
    }

    fn pool_stats(&self, id: u32) -> Option<String> {
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

/// One of a worker's two channels.
#[derive(Clone, Copy)]
enum Direction {
    Control,
    Data,
}

/// The payload of a call that is sent.
enum Outgoing<'a> {
    /// Still in JavaScript's memory.
    Borrowed(&'a [&'a [u8]]),
    /// It waited in the queue; so many bytes of it are binary parts.
    Owned(Vec<u8>, usize),
}

fn breach(what: &str) -> Failure {
    Failure::new(
        ErrorKind::Protocol,
        format!("The worker does not speak the protocol: {what}."),
    )
}

fn too_many_workers() -> Box<Failure> {
    let message = format!("At most {MAX_WORKERS} workers may belong to one environment.");
    Box::new(Failure::new(ErrorKind::TooManyWorkers, message))
}

impl Worker {
    fn takes_calls(&self, concurrency: u32, bytes: usize) -> bool {
        let has_room = |port: &Port| {
            // A small call goes between the parts of a large one and need not wait until all of them have gone.
            let before = if bytes <= MAX_BODY_BYTES {
                port.small_backlog()
            } else {
                port.backlog()
            };
            before < CHANNEL_BACKLOG_BYTES
        };
        self.life == Life::Ready
            && !self.leaving
            && !self.link_closed
            && self.window.may_send(concurrency)
            && self.data.as_deref().is_some_and(has_room)
    }

    fn note_number(&mut self, command: u32, number: u32) {
        let at = command as usize;
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, None);
        }
        // The first announcement counts: a name can't be announced twice by an honest worker.
        self.numbers[at].get_or_insert(number);
    }

    fn kill(&mut self) {
        if self.life.step(LifeEvent::Killed)
            && let Some(child) = &self.child
        {
            child.kill();
        }
    }

    /// What its calls are told.
    fn death(&self, closing: bool, stderr: Option<String>) -> Failure {
        let exit = self.exit;
        let code = exit.as_ref().and_then(|exit| exit.code);
        let signal = exit.as_ref().and_then(|exit| exit.signal).map(|signal| {
            platform::signal_name(signal).map_or_else(|| signal.to_string(), str::to_owned)
        });
        let mut failure = self.reason.clone().unwrap_or_else(|| {
            let how = match (code, &signal) {
                (_, Some(signal)) => format!("was ended by {signal}"),
                (Some(code), None) => format!("exited with code {code}"),
                (None, None) => "is gone".to_owned(),
            };
            if closing {
                let message = format!(
                    "The instance was closed while the call was running; the worker {how}."
                );
                Failure::new(ErrorKind::Closed, message)
            } else if !self.was_ready {
                Failure::new(
                    ErrorKind::StartFailed,
                    format!("The worker {how} before it was ready."),
                )
            } else {
                let kind = match (code, &signal) {
                    (_, Some(_)) => ErrorKind::WorkerKilled,
                    (Some(_), None) => ErrorKind::WorkerExited,
                    (None, None) => ErrorKind::WorkerLost,
                };
                Failure::new(kind, format!("The worker {how} while the call was on it."))
            }
        });
        failure.pid = self.pid;
        failure.exit_code = code;
        failure.signal = signal;
        failure.stderr = stderr;
        failure.cause.clone_from(&self.last_words);
        failure
    }
}
