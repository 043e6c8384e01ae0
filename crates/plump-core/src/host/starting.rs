//! The start of a worker, from its link to the moment when it takes calls.

use super::HandedLink;
use super::pool::{ChannelChoice, PoolOptions, PoolState, too_many_workers};
use super::worker::Worker;
use crate::bus::Mailbox;
use crate::control::{Control, PROTOCOL};
use crate::debug;
use crate::environment::{Owner, SourceKind, State, key_of};
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::{FrameKind, Header};
use crate::inbox::EntryKind;
use crate::limits::{MAILBOX_EVENTS, MAX_WORKERS};
use crate::link::{self, LinkEnds, LinkOptions};
use crate::platform::{self, Child, InheritedEnd, SpawnRequest};
use crate::process::{Life, LifeEvent};
use crate::router::Window;
use crate::stderr::Tap;
use crate::timers::Timer;
use serde_json::json;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl State {
    /// Starts one worker. What goes wrong is reported as a failed start, never thrown.
    pub(super) fn start_worker(&mut self, pool_id: u32) {
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
    pub(super) fn place_worker(
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
        let js_bell = self.attend(&mut data)?;
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
            js_bell,
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
            to_flush: false,
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
    pub(super) fn spawn(
        &mut self,
        slot: usize,
        options: &PoolOptions,
        ends: &mut LinkEnds,
        value: String,
    ) {
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

    pub(super) fn on_ready(&mut self, slot: usize) {
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
