//! The start of a worker, from its link to the moment when it takes calls.

use super::HandedLink;
use super::pool::{ChannelChoice, PoolOptions, PoolState, too_many_workers};
use super::worker::Worker;
use crate::block::Copies;
use crate::bus::Mailbox;
use crate::channel::ChannelKind;
use crate::control::{Control, PROTOCOL};
use crate::debug;
use crate::environment::{Owner, SourceKind, State, key_of};
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::{FrameKind, Header};
use crate::limits::{MAILBOX_EVENTS, MAX_WORKERS};
use crate::link::{self, LinkEnds, LinkOptions, MadeLink};
use crate::platform::{self, Child, InheritedEnd, Reactor, SpawnRequest};
use crate::port::Port;
use crate::process::{Life, LifeEvent};
use crate::router::Window;
use crate::sent_log::SentLog;
use crate::stderr::Tap;
use crate::timers::Timer;
use rustc_hash::FxHashMap;
use serde_json::json;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl State {
    /// Begins to start one worker. What goes wrong is reported as a failed start, never thrown.
    ///
    /// The thread that spawns makes the link as well: its pipes and shared memory take longer than everything else that
    /// JavaScript would have to wait for.
    pub(super) fn start_worker(&mut self, pool_id: u32, place: u32) {
        let Some(pool) = self.pools.get_mut(&pool_id) else {
            return;
        };
        let (options, copies) = (Arc::clone(&pool.options), Arc::clone(&pool.copies));
        pool.restarts.start_began();
        let (slot, serial) = self.place_worker(pool_id, place, &options, true);
        let (shared, reactor) = (self.shared.clone(), Arc::clone(&self.reactor));
        drop(platform::on_spawner_thread(move || {
            let spawned = match link_for(&reactor, slot, &options, &copies, true) {
                Err(error) => Err(error),
                Ok(made) => {
                    let (tap, stderr) = tap_stderr().unzip();
                    let request = spawn_request(&options, made.ends, made.value, stderr);
                    let link =
                        |state: &mut State| state.linked(serial, made.control, made.data, tap);
                    if !shared.upgrade().is_some_and(|shared| shared.with(link)) {
                        return;
                    }
                    platform::spawn(request)
                }
            };
            if let Some(shared) = shared.upgrade() {
                shared.with(|state| state.spawned(serial, spawned));
            } else if let Ok(child) = spawned {
                child.kill();
            }
        }));
    }

    /// Makes the record of a new worker, which has no link yet; returns its slot and its serial number.
    fn place_worker(
        &mut self,
        pool: u32,
        place: u32,
        options: &PoolOptions,
        ours: bool,
    ) -> (usize, u64) {
        let slot = self
            .workers
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.workers.len());
        if slot == self.workers.len() {
            self.workers.push(None);
        }
        let before = self.pools.get_mut(&pool).map_or(0, |pool| {
            let started = pool.started.entry(place).or_default();
            std::mem::replace(started, *started + 1)
        });
        let serial = self.next_serial;
        self.next_serial += 1;
        self.workers[slot] = Some(Box::new(Worker {
            serial,
            pool,
            restarts: before,
            place,
            life: Life::Starting,
            child: None,
            ours,
            pid: None,
            control: None,
            data: None,
            js_bell: None,
            channel: if wants_ring(options) {
                ChannelKind::Ring
            } else {
                ChannelKind::Pipe
            },
            stderr: None,
            mailbox: Arc::new(Mailbox::new(MAILBOX_EVENTS)),
            events_sent: 0,
            window: Window::default(),
            numbers: Vec::new(),
            announced: 0,
            rules: Vec::new(),
            held: FxHashMap::default(),
            greeted: false,
            was_ready: false,
            buried: false,
            reason: None,
            last_words: Vec::new(),
            goodbye: false,
            tears_down: false,
            leaving: false,
            max_calls: options.max_calls,
            memory_watched: false,
            recalls: 0,
            shares: options.workers != 1,
            ahead_watched: false,
            vain_looks: 0,
            asked_to_answer: 0,
            paces: Vec::new(),
            condemned_by: None,
            recalled_by: None,
            sent_log: SentLog::default(),
            link_closed: false,
            exit: None,
            vain_exits: 0,
            born: Instant::now(),
            idle_since: Instant::now(),
            elastic: options.is_elastic(),
            to_flush: false,
            heartbeat_set: false,
            pinged: None,
            ends: Vec::new(),
        }));
        if ours {
            let limit = Duration::from_millis(u64::from(options.start_timeout_ms));
            self.add_timer(Instant::now() + limit, Timer::Start(serial));
        }
        (slot, serial)
    }

    /// The link of a worker has been made: from now on it is listened to. `false`: nobody wants that worker any more.
    fn linked(
        &mut self,
        serial: u64,
        mut control: Port,
        mut data: Port,
        stderr: Option<Arc<Tap>>,
    ) -> bool {
        let Some(slot) = self.slot_of_serial(serial) else {
            return false;
        };
        link::listen(&mut control);
        let js_bell = self.attend(&mut data);
        let Some(worker) = self.worker_mut(slot) else {
            return false;
        };
        worker.js_bell = js_bell;
        worker.channel = data.channel().kind();
        worker.control = Some(Box::new(control));
        worker.data = Some(Box::new(data));
        worker.stderr = stderr;
        if worker.life == Life::Killing {
            // Its end came before its beginning.
            self.bury(slot);
            return false;
        }
        self.carry_worker_events(slot);
        true
    }

    /// The process has been made, or not.
    pub(super) fn spawned(&mut self, serial: u64, spawned: io::Result<Child>) {
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
                let (pool, pid) = (worker.pool, child.pid());
                worker.pid = Some(pid);
                match worker.life {
                    Life::Terminating => child.terminate(),
                    Life::Killing => child.kill(),
                    _ => {}
                }
                worker.child = Some(child);
                self.tell(pool, &json!({ "event": "spawn", "pid": pid }));
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

    pub(super) fn open_link(&mut self, pool_id: u32) -> Result<HandedLink, Box<Failure>> {
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
        let (options, copies) = (Arc::clone(&pool.options), Arc::clone(&pool.copies));
        let own = u32::try_from(options.workers).unwrap_or(u32::MAX);
        let is_free = |place: &u32| {
            let mut workers = self.workers.iter().flatten();
            !workers.any(|worker| worker.pool == pool_id && worker.place == *place)
        };
        // Of one place more than there can be workers one is free.
        let most = own.saturating_add(u32::try_from(MAX_WORKERS).unwrap_or(u32::MAX));
        let place = (own..=most).find(is_free).unwrap_or(most);
        let (slot, serial) = self.place_worker(pool_id, place, &options, false);
        self.note_places(pool_id);
        let made = match link_for(&self.reactor, slot, &options, &copies, false) {
            Ok(made) => made,
            Err(error) => {
                self.workers[slot] = None;
                return Err(Box::new(Failure::new(
                    ErrorKind::SpawnFailed,
                    format!("No link could be made: {error}"),
                )));
            }
        };
        let MadeLink {
            control,
            data,
            mut ends,
            value,
        } = made;
        self.linked(serial, control, data, None);
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

    pub(super) fn on_hello(&mut self, slot: usize, protocol: u32, version: &str, pid: u32) {
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

    pub(super) fn on_commands(&mut self, slot: usize, names: &[String]) {
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(pool) = self.pools.get_mut(&worker.pool) else {
            return;
        };
        let mut rules = std::mem::take(&mut worker.rules).into_iter().peekable();
        for (place, name) in (0..).zip(names) {
            let number = pool.names.number(name);
            let rule = rules.next_if(|(of, _)| *of == place);
            pool.rules.learn(&pool.names);
            pool.rules
                .announce(number, name, rule.as_ref().map(|(_, rule)| rule));
            worker.note_number(number, worker.announced);
            worker.announced += 1;
        }
        if worker.life == Life::Ready {
            let pool = worker.pool;
            self.rules_are_known(pool);
            let timed = self
                .pools
                .get(&pool)
                .is_some_and(|pool| pool.rules.start_clocks());
            let event = json!({ "event": "commands", "commands": names, "timed": timed });
            self.tell(pool, &event);
        }
    }

    pub(super) fn on_ready(&mut self, slot: usize) {
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        // One that has closed its link can't be sent anything and is about to be ended: its start has failed.
        if worker.link_closed || !worker.life.step(LifeEvent::Ready) {
            return;
        }
        worker.was_ready = true;
        worker.idle_since = Instant::now();
        let (pool_id, pid) = (worker.pool, worker.pid);
        let Some(pool) = self.pools.get_mut(&pool_id) else {
            return;
        };
        pool.was_ready = true;
        if worker.ours {
            pool.restarts.start_succeeded(Instant::now());
        }
        let max_age_ms = pool.options.max_age_ms;
        let commands: Vec<&str> = (0..pool.names.len())
            .filter(|n| worker.numbers.get(*n).is_some_and(Option::is_some))
            .map(|number| pool.names.name(u32::try_from(number).unwrap_or(u32::MAX)))
            .collect();
        let timed = pool.rules.start_clocks();
        let event = json!({ "event": "ready", "pid": pid, "commands": commands, "timed": timed });
        self.tell(pool_id, &event);
        debug!("worker {pid:?} is ready");
        self.rules_are_known(pool_id);
        if max_age_ms > 0 {
            self.watch_age(slot, max_age_ms);
        }
        self.dispatch(pool_id);
        self.look_at_elastic(pool_id);
    }

    /// Something has happened that the size of a pool depends on.
    pub(super) fn look_at_elastic(&mut self, pool_id: u32) {
        let is_elastic = |pool: &super::Pool| pool.options.is_elastic();
        if self.pools.get(&pool_id).is_some_and(is_elastic) {
            self.scale(pool_id);
        }
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
}

/// Whether the data channel of a worker with these options is shared memory.
pub(super) fn wants_ring(options: &PoolOptions) -> bool {
    match options.channel {
        ChannelChoice::Auto | ChannelChoice::Ring => crate::memory::SharedMemory::available(),
        ChannelChoice::Pipe => false,
    }
}

/// Makes the link of the worker in `slot`. The welcome lies in the control channel already: the worker need not wait for it.
fn link_for(
    reactor: &Arc<Reactor>,
    slot: usize,
    options: &PoolOptions,
    copies: &Arc<Copies>,
    ours: bool,
) -> io::Result<MadeLink> {
    let link_options = LinkOptions {
        // A process that the user starts may have a shell between itself and this process.
        parent: if ours { std::process::id() } else { 0 },
        ring: wants_ring(options),
        max_payload_bytes: usize::try_from(options.max_payload_bytes).unwrap_or(usize::MAX),
        max_block_bytes: options.block_limit(),
        block_idle: options.block_idle(),
        trusted: options.trusted,
    };
    let mut made = link::make_link(reactor, slot, link_options, copies)?;
    let welcome = Control::Welcome {
        protocol: PROTOCOL,
        version: options.version.clone(),
        max_payload_bytes: options.max_payload_bytes,
        spin_us: options.spin_us,
        max_block_bytes: options.max_block_bytes,
        block_idle_ms: options.block_idle_ms,
        settings: options.welcome.clone(),
    };
    made.control
        .send_owned(Header::new(FrameKind::Control, 0, 0, 0), welcome.encode());
    let _ = made.control.flush();
    Ok(made)
}

/// A pipe for a worker's stderr, of which this process reads one end. None: the worker has this process's own.
fn tap_stderr() -> Option<(Arc<Tap>, InheritedEnd)> {
    platform::pipe_from_child()
        .and_then(|(reader, end)| Ok((Tap::open(reader)?, end)))
        .inspect_err(|error| debug!("stderr of a worker can't be read along: {error}"))
        .ok()
}

fn spawn_request(
    options: &PoolOptions,
    mut ends: LinkEnds,
    value: String,
    stderr: Option<InheritedEnd>,
) -> SpawnRequest {
    let mut env: Vec<(OsString, OsString)> = options
        .env
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    env.push((link::VARIABLE.into(), value.into()));
    SpawnRequest {
        program: options.program.clone().into(),
        args: options.args.iter().map(OsString::from).collect(),
        env,
        cwd: options.cwd.as_ref().map(PathBuf::from),
        inherit: ends.take(),
        stderr,
    }
}
