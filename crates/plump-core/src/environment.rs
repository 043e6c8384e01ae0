//! Everything that belongs to one JavaScript environment: its state under one lock, and the I/O thread that works on it
//! while JavaScript is busy or asleep.
//!
//! The JavaScript thread and the I/O thread do the same work on the same state; whoever is awake does it. JavaScript
//! *watches* while it expects something soon; then the channels ring no bell. When it goes to sleep it says so to every
//! channel (`Channel::sleep`), and from then on the I/O thread is woken, takes in what came, and wakes JavaScript once.

mod beside_js;
mod io_thread;
mod placement;
mod queues;
mod waiting;

pub use queues::QueueCounts;
pub use waiting::{Drained, WaitOutcome, Watching};

use crate::bus::Queue;
use crate::channel::spin::SpinWindow;
use crate::control::Control;
use crate::host::{Crowd, Pool, Worker};
use crate::inbox::{Inbox, LargeBodies};
use crate::link::Uplink;
use crate::platform::{Bell, BellSet, Reactor};
use crate::router::Calls;
use crate::timers::Timers;
use rustc_hash::FxHashMap;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest single sleep of a blocked caller that must look whether its thread is being ended.
const CALLER_LOOKS_UP: Duration = Duration::from_millis(100);

/// Longest time that the end of an environment waits for the stderr of ended workers to be passed on.
const STDERR_FLUSH: Duration = Duration::from_millis(200);

/// Whose source it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The link to this process's host.
    Uplink,
    /// A worker, by its slot.
    Worker(usize),
}

/// The sources that one owner has in the reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum SourceKind {
    ControlIn = 0,
    ControlOut = 1,
    DataIn = 2,
    DataOut = 3,
    Exit = 4,
}

const SOURCES_PER_OWNER: usize = 8;

/// The key under which a source is registered.
pub(crate) fn key_of(owner: Owner, source: SourceKind) -> usize {
    let owner = match owner {
        Owner::Uplink => 0,
        Owner::Worker(slot) => slot + 1,
    };
    owner * SOURCES_PER_OWNER + source as usize
}

fn source_of(key: usize) -> Option<(Owner, SourceKind)> {
    let owner = match key / SOURCES_PER_OWNER {
        0 => Owner::Uplink,
        slot => Owner::Worker(slot - 1),
    };
    let source = match key % SOURCES_PER_OWNER {
        0 => SourceKind::ControlIn,
        1 => SourceKind::ControlOut,
        2 => SourceKind::DataIn,
        3 => SourceKind::DataOut,
        4 => SourceKind::Exit,
        _ => return None,
    };
    Some((owner, source))
}

/// The state of an environment; every field is used under its lock.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about three threads, not states"
)]
pub(crate) struct State {
    pub shared: Weak<Shared>,
    pub reactor: Arc<Reactor>,
    /// What waits for the JavaScript thread's event loop.
    pub inbox: Inbox,
    /// What waits for the JavaScript thread inside a blocking call.
    pub caller_inbox: Inbox,
    large: LargeBodies,
    pub calls: Calls,
    pub pools: FxHashMap<u32, Pool>,
    pub next_pool: u32,
    pub workers: Vec<Option<Box<Worker>>>,
    pub next_serial: u64,
    pub uplink: Option<Box<Uplink>>,
    queues: HashMap<u32, Queue>,
    next_queue: u32,
    pub timers: Timers,
    /// When calls were last made or answers taken in, nanoseconds of the monotonic clock: close enough to now where both
    /// happen all the time.
    pub now_ns: u64,
    /// When the last call was made, by the same clock.
    pub made_at: u64,
    /// JavaScript has said that it sleeps; it must be woken.
    asleep: bool,
    /// JavaScript has said that it watches the channels; bells are silent.
    watching: bool,
    /// When JavaScript last looked for what has come, nanoseconds of the monotonic clock.
    last_look: u64,
    take_over_set: bool,
    /// JavaScript makes calls and gives them up.
    pub(crate) acts: beside_js::Acts,
    /// When a timer will look after blocks that are free.
    blocks_due: Option<Instant>,
    /// The bells that JavaScript hears: its own and those of the channels.
    pub bells: Arc<BellSet>,
    /// JavaScript sleeps inside a blocking call.
    caller_sleeps: bool,
    /// JavaScript's event loop hears the bells, as a blocking call does.
    loop_hears_bells: bool,
    /// JavaScript was to take in what comes and does not; the I/O thread has taken over.
    relieved: bool,
    window: SpinWindow,
    pub(crate) crowd: Crowd,
    placement: placement::Placement,
    /// JavaScript's thread should leave its CPU as soon as it has let go of this.
    must_move: bool,
    /// When JavaScript began to wait for what it waits for now, nanoseconds of the monotonic clock.
    waiting_since: Option<u64>,
    /// The I/O thread has been notified and has not run yet.
    notified: bool,
    /// When the I/O thread will wake by itself.
    io_wakes_at: Option<Instant>,
    /// Ports hold bytes that were kept back.
    pub unflushed: bool,
    /// A channel had more than one turn takes, and nobody has been told to ring for the rest.
    left_over: bool,
    /// What the host is to be told when its control pipe is back in its place.
    pub said_later: Vec<Control>,
    pub ending: bool,
}

/// What the threads of an environment share.
pub(crate) struct Shared {
    state: Mutex<State>,
    reactor: Arc<Reactor>,
    bells: Arc<BellSet>,
    /// Rung for JavaScript by this process.
    js_bell: Arc<Bell>,
    /// The link to the host has changed; see `link`.
    pub changed: Condvar,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a defect, but the other calls must settle all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the state and then wakes whom it must.
    pub fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = work(&mut state);
        self.unlock(state);
        result
    }

    /// Lets go of the state and wakes those for whom something came. No callback runs under the lock.
    pub fn unlock(&self, mut state: MutexGuard<'_, State>) {
        let wake_loop = state.asleep && state.has_something();
        if wake_loop {
            state.asleep = false;
        }
        let wake_caller = state.caller_sleeps && !state.caller_inbox.is_empty();
        if wake_caller {
            state.caller_sleeps = false;
        }
        let loop_hears = state.loop_hears_bells;
        drop(state);
        if wake_caller || (wake_loop && loop_hears) {
            self.js_bell.ring();
        } else if wake_loop {
            (self.wake)();
        }
    }
}

/// One JavaScript environment's part of the core.
pub struct Environment {
    shared: Arc<Shared>,
    io: Option<JoinHandle<()>>,
    looks_up: bool,
}

impl Environment {
    /// Starts the I/O thread. `wake` is called from any thread, at most once for every time JavaScript goes to sleep.
    /// `looks_up`: blocked waits return `Again` every 100 ms, because the thread may be ended from outside.
    ///
    /// # Errors
    /// What the system says when there are no descriptors or threads left.
    pub fn start(wake: Box<dyn Fn() + Send + Sync>, looks_up: bool) -> io::Result<Self> {
        let reactor = Arc::new(Reactor::new()?);
        let bells = Arc::new(BellSet::new()?);
        let js_bell = Arc::new(Bell::new()?);
        bells.add(&js_bell)?;
        let shared = Arc::new_cyclic(|weak| Shared {
            state: Mutex::new(State {
                shared: weak.clone(),
                reactor: Arc::clone(&reactor),
                inbox: Inbox::default(),
                caller_inbox: Inbox::default(),
                large: LargeBodies::default(),
                calls: Calls::default(),
                pools: FxHashMap::default(),
                next_pool: 1,
                workers: Vec::new(),
                next_serial: 1,
                uplink: None,
                queues: HashMap::new(),
                next_queue: 1,
                timers: Timers::default(),
                now_ns: crate::platform::monotonic_ns(),
                made_at: 0,
                asleep: true,
                watching: false,
                last_look: 0,
                take_over_set: false,
                acts: beside_js::Acts::default(),
                blocks_due: None,
                bells: Arc::clone(&bells),
                caller_sleeps: false,
                loop_hears_bells: false,
                relieved: false,
                window: SpinWindow::new(0, 1),
                crowd: Crowd::default(),
                placement: placement::Placement::default(),
                must_move: false,
                waiting_since: None,
                notified: false,
                io_wakes_at: None,
                unflushed: false,
                left_over: false,
                said_later: Vec::new(),
                ending: false,
            }),
            reactor,
            bells,
            js_bell,
            changed: Condvar::new(),
            wake,
        });
        let io_shared = Arc::clone(&shared);
        let io = std::thread::Builder::new()
            .name("plump-io".into())
            .spawn(move || io_thread::run(&io_shared))?;
        Ok(Self {
            shared,
            io: Some(io),
            looks_up,
        })
    }

    /// The shared half, for the modules that add to it.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.shared.with(State::end_everything);
        self.shared.reactor.notify();
        if let Some(io) = self.io.take() {
            let _ = io.join();
        }
        crate::stderr::flush(STDERR_FLUSH);
    }
}
