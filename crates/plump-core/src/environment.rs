//! Everything that belongs to one JavaScript environment: its state under one lock, and the I/O thread that works on it
//! while JavaScript is busy or asleep.
//!
//! The JavaScript thread and the I/O thread do the same work on the same state; whoever is awake does it. JavaScript
//! *watches* while it expects something soon; then the channels ring no bell. When it goes to sleep it says so to every
//! channel (`Channel::sleep`), and from then on the I/O thread is woken, takes in what came, and wakes JavaScript once.

use crate::bus::{Event, Mailbox, Queue, Waited};
use crate::channel::Sleeper;
use crate::channel::spin::{SpinWindow, Watch};
use crate::debug;
use crate::errors::ErrorKind;
use crate::host::{Pool, Worker};
use crate::inbox::{EntryKind, Inbox, LargeBodies, LargeBody, Outlet};
use crate::link::Uplink;
use crate::platform::{self, Bell, Reactor};
use crate::port::Port;
use crate::router::Calls;
use crate::timers::{Timer, Timers};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long JavaScript may have left the channels to themselves, although it said that it watches, before the I/O thread
/// sends on what waits in the queues: the window of a worker holds about a millisecond of work.
const TAKE_OVER_AFTER: Duration = Duration::from_millis(2);

/// The longest single sleep of a blocked caller that must look whether its thread is being ended.
const CALLER_LOOKS_UP: Duration = Duration::from_millis(100);

/// The longest single sleep of any other caller: what is added to the clock has to have a bound.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Longest time that the end of an environment waits for the stderr of ended workers to be passed on.
const STDERR_FLUSH: Duration = Duration::from_millis(200);

/// How often in a row the I/O thread takes in the bytes of one worker before the others get their turn.
const ROUNDS_PER_TURN: usize = 16;

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
    pub pools: HashMap<u32, Pool>,
    pub next_pool: u32,
    pub workers: Vec<Option<Box<Worker>>>,
    pub next_serial: u64,
    pub uplink: Option<Box<Uplink>>,
    queues: HashMap<u32, Queue>,
    next_queue: u32,
    pub timers: Timers,
    /// JavaScript has said that it sleeps; it must be woken.
    asleep: bool,
    /// JavaScript has said that it watches the channels; bells are silent.
    watching: bool,
    last_drain: Instant,
    take_over_set: bool,
    /// When a timer will look after blocks that are free.
    blocks_due: Option<Instant>,
    /// JavaScript sleeps inside a blocking call.
    caller_sleeps: bool,
    /// A channel was made meanwhile, whose bell it does not hear.
    caller_must_look: bool,
    window: SpinWindow,
    waiting_since: Option<Instant>,
    /// The I/O thread has been notified and has not run yet.
    notified: bool,
    /// When the I/O thread will wake by itself.
    io_wakes_at: Option<Instant>,
    /// Ports hold bytes that were kept back.
    pub unflushed: bool,
    /// A channel had more than one turn takes, and nobody has been told to ring for the rest.
    left_over: bool,
    /// Pings of the host that are to be answered.
    pub pongs: Vec<u32>,
    pub ending: bool,
}

/// What the threads of an environment share.
pub(crate) struct Shared {
    state: Mutex<State>,
    reactor: Arc<Reactor>,
    caller: Bell,
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
        let wake_caller =
            state.caller_sleeps && (!state.caller_inbox.is_empty() || state.caller_must_look);
        if wake_caller {
            state.caller_sleeps = false;
            state.caller_must_look = false;
        }
        drop(state);
        if wake_caller {
            self.caller.ring();
        }
        if wake_loop {
            (self.wake)();
        }
    }
}

/// How long a drain may watch before it goes to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// Only look; JavaScript comes back soon.
    Look,
    /// Watch as long as it is worth it, then sleep.
    Watch,
    /// Sleep at once if there is nothing.
    Sleep,
}

/// What a drain found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Entries written to the table.
    pub count: usize,
    /// There are more than fitted.
    pub more: bool,
    /// The I/O thread has taken over; it will wake JavaScript.
    pub asleep: bool,
    /// Calls in flight.
    pub in_flight: usize,
}

/// How a blocking wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitOutcome {
    /// What was waited for is there.
    Done,
    /// Nothing yet; the caller should look whether its thread is being ended, and wait again.
    Again,
    /// The time given is over.
    Timeout,
    /// What was waited on does not exist (any more).
    Gone,
}

/// What a queue has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Events published through it.
    pub published: u64,
    /// Events that came for it.
    pub received: u64,
    /// Of these, those that were dropped because nobody took them in time.
    pub dropped: u64,
    /// Events of any queue that this process dropped on their way to another one that took them too slowly.
    pub undelivered: u64,
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
        let caller = Bell::new()?;
        let shared = Arc::new_cyclic(|weak| Shared {
            state: Mutex::new(State {
                shared: weak.clone(),
                reactor: Arc::clone(&reactor),
                inbox: Inbox::default(),
                caller_inbox: Inbox::default(),
                large: LargeBodies::default(),
                calls: Calls::default(),
                pools: HashMap::new(),
                next_pool: 1,
                workers: Vec::new(),
                next_serial: 1,
                uplink: None,
                queues: HashMap::new(),
                next_queue: 1,
                timers: Timers::default(),
                asleep: true,
                watching: false,
                last_drain: Instant::now(),
                take_over_set: false,
                blocks_due: None,
                caller_sleeps: false,
                caller_must_look: false,
                window: SpinWindow::new(0, 1),
                waiting_since: None,
                notified: false,
                io_wakes_at: None,
                unflushed: false,
                left_over: false,
                pongs: Vec::new(),
                ending: false,
            }),
            reactor,
            caller,
            changed: Condvar::new(),
            wake,
        });
        let io_shared = Arc::clone(&shared);
        let io = std::thread::Builder::new()
            .name("plump-io".into())
            .spawn(move || run(&io_shared))?;
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

    /// Takes in everything there is and fills the table.
    pub fn drain(&self, table: &mut [u32], incoming: &mut [u8], watching: Watching) -> Drained {
        let mut state = self.shared.lock();
        state.begin_to_watch();
        state.last_drain = Instant::now();
        state.pump_data();
        let mut drained = state.hand_out(table, incoming);
        if drained.count == 0 && watching != Watching::Look {
            let found;
            (state, found) = match watching {
                Watching::Watch => self.watch(state, State::has_something),
                Watching::Look | Watching::Sleep => (state, false),
            };
            if !found {
                state.go_to_sleep();
            }
            drained = state.hand_out(table, incoming);
            // What was taken in while falling asleep has to be handed out awake.
            state.asleep = !found && drained.count == 0;
        }
        drained.asleep = state.asleep;
        drained.in_flight = state.calls.in_flight();
        if drained.count > 0 {
            state.note_take_over();
        }
        self.shared.unlock(state);
        drained
    }

    /// Watches the channels until `found` says so or the window is over.
    fn watch<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        found: impl Fn(&State) -> bool,
    ) -> (MutexGuard<'a, State>, bool) {
        let expects = state.calls.in_flight() > 0 || state.uplink.is_some();
        if !expects || !state.peers_on_other_cpus() {
            state.waiting_since = None;
            return (state, false);
        }
        let window = state.window.window_for_next();
        state.waiting_since = Some(Instant::now());
        let mut watch = Watch::begin(window);
        while watch.goes_on() {
            if state.may_have_bytes() {
                state.pump_data();
            }
            if found(&state) {
                state.something_came();
                return (state, true);
            }
            if watch.is_milestone() {
                // The I/O thread may have something to say, and the other side may have come to this CPU.
                drop(state);
                state = self.shared.lock();
                if !state.peers_on_other_cpus() {
                    break;
                }
            }
        }
        (state, false)
    }

    /// Blocks until the call in `slot` has settled; its entry is the first of the table then.
    pub fn wait(&self, slot: u32, table: &mut [u32], incoming: &mut [u8]) -> WaitOutcome {
        let mut state = self.shared.lock();
        state.begin_to_watch();
        loop {
            state.pump_data();
            if state.caller_inbox.is_empty() {
                (state, _) = self.watch(state, |state| !state.caller_inbox.is_empty());
            }
            if !state.caller_inbox.is_empty() {
                state.hand_out_to_caller(table, incoming);
                // With nothing in flight there is nothing to sleep for: the next call finds the channels watched.
                if state.calls.in_flight() > 0 || state.uplink.is_some() {
                    state.go_to_sleep();
                }
                state.asleep = true;
                self.shared.unlock(state);
                return WaitOutcome::Done;
            }
            if !state.calls.is_undecided(slot) {
                self.shared.unlock(state);
                return WaitOutcome::Gone;
            }
            if !state.sleep_channels(Sleeper::Caller) || !state.caller_inbox.is_empty() {
                // The I/O thread gets its turn, whatever the channels say.
                self.shared.unlock(state);
                state = self.shared.lock();
                state.begin_to_watch();
                continue;
            }
            state.watching = false;
            state.caller_sleeps = true;
            let bells = state.caller_bells();
            self.shared.unlock(state);
            let mut all: Vec<&Bell> = bells.iter().map(|bells| bells.caller_bell()).collect();
            all.push(&self.shared.caller);
            platform::wait_any(&all, self.looks_up.then_some(CALLER_LOOKS_UP));
            for bell in all {
                bell.clear();
            }
            state = self.shared.lock();
            state.caller_sleeps = false;
            state.begin_to_watch();
            state.pump_data();
            if !state.caller_inbox.is_empty() {
                state.something_came();
            } else if self.looks_up {
                state.go_to_sleep();
                state.asleep = true;
                self.shared.unlock(state);
                return WaitOutcome::Again;
            }
        }
    }

    /// Takes the bytes of a large entry, if they are such that JavaScript can have them as they are. Otherwise they must be
    /// copied: [`Environment::take_large_to_copy`].
    #[must_use]
    pub fn take_large(&self, token: u32) -> Option<LargeBody> {
        let mut state = self.shared.lock();
        let can_be_had = match state.large.get_mut(token)? {
            LargeBody::Bytes(_) => true,
            LargeBody::Block(block) => block.keep(),
        };
        can_be_had.then(|| state.large.take(token))?
    }

    /// Takes the bytes of a large entry, to copy or to forget them.
    #[must_use]
    pub fn take_large_to_copy(&self, token: u32) -> Option<LargeBody> {
        self.shared.lock().large.take(token)
    }

    /// Sends what was kept back.
    pub fn flush(&self) {
        self.shared.with(State::flush_kept_back);
    }

    /// Opens a queue of the bus.
    #[must_use]
    pub fn open_queue(&self, name: &str, capacity: usize) -> u32 {
        self.shared.with(|state| {
            let id = state.next_queue;
            state.next_queue += 1;
            let mailbox = Arc::new(Mailbox::new(capacity));
            state.queues.insert(
                id,
                Queue {
                    name: name.to_owned(),
                    mailbox,
                    listening: false,
                    published: 0,
                },
            );
            id
        })
    }

    /// Whether the queue's events are handed out by `drain`.
    pub fn listen(&self, queue: u32, listening: bool) {
        self.shared.with(|state| {
            if let Some(queue) = state.queues.get_mut(&queue) {
                queue.listening = listening;
            }
        });
    }

    /// Closes a queue.
    pub fn close_queue(&self, queue: u32) {
        self.shared.with(|state| {
            if let Some(queue) = state.queues.remove(&queue) {
                queue.mailbox.close();
            }
        });
    }

    /// What a queue has seen.
    #[must_use]
    pub fn queue_counts(&self, queue: u32) -> Option<QueueCounts> {
        let state = self.shared.lock();
        let queue = state.queues.get(&queue)?;
        let (received, dropped) = queue.mailbox.counts();
        let workers = state.workers.iter().flatten().map(|worker| &worker.mailbox);
        let uplink = state.uplink.iter().map(|uplink| &uplink.mailbox);
        let undelivered = workers
            .chain(uplink)
            .map(|mailbox| mailbox.counts().1)
            .sum();
        Some(QueueCounts {
            published: queue.published,
            received,
            dropped,
            undelivered,
        })
    }

    /// Whether another process could publish.
    #[must_use]
    pub fn has_peers(&self) -> bool {
        let state = self.shared.lock();
        state.uplink.is_some() || state.workers.iter().any(Option::is_some)
    }

    /// Publishes an event on a queue, to every other process of the family.
    ///
    /// # Errors
    /// `BusClosed` for a queue that is not open, `PayloadTooLarge` for more than the host of this process takes.
    pub fn publish(&self, queue: u32, parts: &[&[u8]]) -> Result<(), ErrorKind> {
        self.shared.with(|state| {
            let queue = state.queues.get_mut(&queue).ok_or(ErrorKind::BusClosed)?;
            let event =
                Arc::new(Event::new(&queue.name, "", parts).ok_or(ErrorKind::InvalidArgument)?);
            // The host would take it for a breach of the protocol.
            if let Some(uplink) = &state.uplink
                && event.payload().len() > uplink.max_payload_bytes
            {
                return Err(ErrorKind::PayloadTooLarge);
            }
            queue.published += 1;
            state.fan_out(&event, None);
            if let Some(uplink) = &state.uplink {
                uplink.mailbox.offer(&event);
            }
            state.notify_io();
            Ok(())
        })
    }

    /// Waits for the next event of a queue, at most `wait` (`None`: for ever); it is the first entry of the table then.
    pub fn take_event(
        &self,
        queue: u32,
        wait: Option<Duration>,
        table: &mut [u32],
        incoming: &mut [u8],
    ) -> WaitOutcome {
        let Some(mailbox) = self.mailbox(queue) else {
            return WaitOutcome::Gone;
        };
        let (slice, last) = self.slice_of(wait);
        match mailbox.take_until(slice) {
            Waited::Event(event) => {
                let mut state = self.shared.lock();
                let mut outlet = Outlet::new(table, incoming, &mut state.large);
                outlet.put(EntryKind::Event, queue, [0; 3], event.payload());
                WaitOutcome::Done
            }
            Waited::Closed => WaitOutcome::Gone,
            Waited::Timeout if last => WaitOutcome::Timeout,
            Waited::Timeout => WaitOutcome::Again,
        }
    }

    /// Waits until a queue has an event to take, at most `wait` (`None`: for ever).
    #[must_use]
    pub fn poll_event(&self, queue: u32, wait: Option<Duration>) -> WaitOutcome {
        let Some(mailbox) = self.mailbox(queue) else {
            return WaitOutcome::Gone;
        };
        let (slice, last) = self.slice_of(wait);
        if mailbox.wait_until(slice) {
            if mailbox.is_closed() {
                WaitOutcome::Gone
            } else {
                WaitOutcome::Done
            }
        } else if last {
            WaitOutcome::Timeout
        } else {
            WaitOutcome::Again
        }
    }

    /// Until when one slice of a wait goes, and whether it is the last: a thread that may be ended from outside comes up
    /// every now and then.
    fn slice_of(&self, wait: Option<Duration>) -> (Instant, bool) {
        let slice = if self.looks_up {
            CALLER_LOOKS_UP
        } else {
            LONGEST_WAIT
        };
        match wait {
            Some(wait) if wait <= slice => (Instant::now() + wait, true),
            _ => (Instant::now() + slice, false),
        }
    }

    fn mailbox(&self, queue: u32) -> Option<Arc<Mailbox>> {
        self.shared
            .lock()
            .queues
            .get(&queue)
            .map(|queue| Arc::clone(&queue.mailbox))
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

/// The I/O thread.
fn run(shared: &Arc<Shared>) {
    let mut events = Vec::new();
    loop {
        let deadline = {
            let mut state = shared.lock();
            if state.ending {
                return;
            }
            state.io_wakes_at = state.timers.next();
            if state.notified {
                Some(Instant::now())
            } else {
                state.io_wakes_at
            }
        };
        if let Err(error) = shared.reactor.wait(&mut events, deadline) {
            debug!("the I/O thread can't wait: {error}");
            std::thread::sleep(Duration::from_millis(10));
        }
        shared.with(|state| {
            state.notified = false;
            if state.ending {
                return;
            }
            for event in events.drain(..) {
                if let Some((owner, source)) = source_of(event.key) {
                    state.on_source(owner, source);
                }
            }
            state.flush_kept_back();
            state.pump_left_over();
            state.run_timers(Instant::now());
            state.carry_events();
        });
    }
}

impl State {
    /// Whether the event loop has something to take.
    fn has_something(&self) -> bool {
        !self.inbox.is_empty()
            || self
                .queues
                .values()
                .any(|queue| queue.listening && !queue.mailbox.is_empty())
    }

    /// Moves what waits into the table.
    fn hand_out(&mut self, table: &mut [u32], incoming: &mut [u8]) -> Drained {
        let mut outlet = Outlet::new(table, incoming, &mut self.large);
        let calls = &mut self.calls;
        self.inbox.take(&mut outlet, |kind, id| {
            if matches!(
                kind,
                EntryKind::Result | EntryKind::Thrown | EntryKind::Failed
            ) {
                calls.take(id);
            }
        });
        let mut more = !self.inbox.is_empty();
        for (id, queue) in self.queues.iter().filter(|(_, queue)| queue.listening) {
            while !more && !queue.mailbox.is_empty() {
                more = !outlet.has_room_for_event();
                if !more && let Some(event) = queue.mailbox.try_take() {
                    outlet.put_event(*id, event.payload());
                }
            }
        }
        Drained {
            count: outlet.count(),
            more,
            asleep: false,
            in_flight: 0,
        }
    }

    fn hand_out_to_caller(&mut self, table: &mut [u32], incoming: &mut [u8]) {
        let mut outlet = Outlet::new(table, incoming, &mut self.large);
        let calls = &mut self.calls;
        self.caller_inbox.take(&mut outlet, |_, id| calls.take(id));
    }

    /// JavaScript is awake and watches: the channels need not ring.
    fn begin_to_watch(&mut self) {
        self.asleep = false;
        self.flush_kept_back();
        if self.watching {
            return;
        }
        self.watching = true;
        for worker in self.workers.iter_mut().flatten() {
            if let Some(port) = &mut worker.data {
                port.channel().watch();
            }
        }
        if let Some(port) = self.uplink.as_mut().and_then(|uplink| uplink.data.as_mut()) {
            port.channel().watch();
        }
    }

    /// The I/O thread is on duty from now on. Whether JavaScript is to be woken is for the caller to say.
    pub fn go_to_sleep(&mut self) {
        self.watching = false;
        self.fall_asleep();
    }

    /// Takes in what the channels hold until all of them ring for the next byte, or for one turn; what is left then is
    /// for the I/O thread's next one.
    fn fall_asleep(&mut self) {
        let who = self.sleeper();
        self.left_over = !(0..ROUNDS_PER_TURN).any(|_| self.sleep_channels(who));
        if self.left_over {
            self.notify_io();
        }
    }

    /// A channel has been made. Whoever sleeps now went to sleep without it.
    pub fn attend(&mut self, port: &mut Port) {
        if !self.watching {
            // It is new: nothing can have come.
            port.channel().sleep(Sleeper::IoThread);
            self.caller_must_look = self.caller_sleeps;
        }
    }

    /// Who sleeps while nobody watches.
    fn sleeper(&self) -> Sleeper {
        if self.caller_sleeps {
            Sleeper::Caller
        } else {
            Sleeper::IoThread
        }
    }

    /// Tells every channel that `who` sleeps; `false` when one had bytes, which have been taken in.
    fn sleep_channels(&mut self, who: Sleeper) -> bool {
        let mut quiet = true;
        for slot in 0..self.workers.len() {
            let data = self.workers[slot]
                .as_mut()
                .and_then(|worker| worker.data.as_mut());
            if data.is_some_and(|port| !port.channel().sleep(who)) {
                quiet = false;
                self.pump_worker(slot);
            }
        }
        let data = self.uplink.as_mut().and_then(|uplink| uplink.data.as_mut());
        if data.is_some_and(|port| !port.channel().sleep(Sleeper::IoThread)) {
            quiet = false;
            self.pump_uplink_data();
        }
        quiet
    }

    fn may_have_bytes(&mut self) -> bool {
        let workers = self
            .workers
            .iter_mut()
            .flatten()
            .filter(|worker| worker.window.in_flight() > 0);
        let mut ports = workers.filter_map(|worker| worker.data.as_mut());
        ports.any(|port| port.channel().may_have_bytes())
            || self
                .uplink
                .as_mut()
                .and_then(|uplink| uplink.data.as_mut())
                .is_some_and(|port| port.channel().may_have_bytes())
    }

    /// Whether anyone from whom something is expected runs on another CPU than this thread.
    fn peers_on_other_cpus(&mut self) -> bool {
        let workers = self
            .workers
            .iter_mut()
            .flatten()
            .filter(|worker| worker.window.in_flight() > 0);
        let mut ports = workers.filter_map(|worker| worker.data.as_mut());
        ports.any(|port| port.channel().peer_on_other_cpu())
            || self
                .uplink
                .as_mut()
                .and_then(|uplink| uplink.data.as_mut())
                .is_some_and(|port| port.channel().peer_on_other_cpu())
    }

    fn caller_bells(&self) -> Vec<Arc<dyn crate::channel::CallerBell>> {
        self.workers
            .iter()
            .flatten()
            .filter_map(|worker| worker.caller_bell.clone())
            .collect()
    }

    /// Takes in what the data channels hold.
    fn pump_data(&mut self) {
        for slot in 0..self.workers.len() {
            if self.workers[slot]
                .as_ref()
                .is_some_and(|worker| worker.window.in_flight() > 0)
            {
                self.pump_worker(slot);
            }
        }
        self.pump_uplink_data();
    }

    /// Something that was waited for has come.
    pub fn something_came(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.window.record(since.elapsed());
        }
    }

    /// Sets how long this environment may watch for answers. The machine's CPUs count, not those that this process is pinned
    /// to: the other side may be pinned elsewhere, and whether it is here is seen while watching.
    pub fn allow_watching(&mut self, spin_us: u32) {
        self.window = SpinWindow::new(spin_us, platform::online_cpus());
    }

    /// How often watching for an answer paid, and how often not.
    pub fn spin_counts(&self) -> (u64, u64) {
        self.window.hits_and_misses()
    }

    /// Wakes the I/O thread, once until it has run.
    pub fn notify_io(&mut self) {
        if !self.notified {
            self.notified = true;
            self.reactor.notify();
        }
    }

    /// Adds a timer, and wakes the I/O thread if it would sleep past it.
    pub fn add_timer(&mut self, at: Instant, timer: Timer) {
        self.timers.add(at, timer);
        if self.io_wakes_at.is_none_or(|wakes| at < wakes) {
            self.io_wakes_at = Some(at);
            self.notify_io();
        }
        if let Timer::Call(_) = timer {
            let calls = &self.calls;
            self.timers.sweep(|timer| match timer {
                Timer::Call(id) => calls.get(id).is_some_and(|call| !call.settled),
                _ => true,
            });
        }
    }

    /// JavaScript has been given answers and may now be busy with them for long, while calls wait in the queues: the I/O
    /// thread looks after them in a while.
    fn note_take_over(&mut self) {
        if !self.take_over_set
            && self.watching
            && self.pools.values().any(|pool| !pool.queue.is_empty())
        {
            self.take_over_set = true;
            self.add_timer(Instant::now() + TAKE_OVER_AFTER, Timer::TakeOver);
        }
    }

    fn take_over(&mut self, now: Instant) {
        self.take_over_set = false;
        if !self.watching {
            return;
        }
        if now.saturating_duration_since(self.last_drain) >= TAKE_OVER_AFTER {
            self.go_to_sleep();
        } else if self.calls.in_flight() > 0 {
            self.take_over_set = true;
            self.add_timer(now + TAKE_OVER_AFTER, Timer::TakeOver);
        }
    }

    /// There are warm blocks, which must not stay so for ever.
    pub fn watch_blocks(&mut self, idle: Duration) {
        let due = Instant::now() + idle;
        if self.blocks_due.is_none_or(|before| due < before) {
            self.blocks_due = Some(due);
            self.add_timer(due, Timer::Blocks);
        }
    }

    /// Gives the pages of blocks back that were free for long enough.
    fn shed_blocks(&mut self, now: Instant) {
        if self.blocks_due.is_none_or(|due| now < due) {
            // An earlier timer has taken the place of this one.
            return;
        }
        let workers = self.workers.iter_mut().flatten();
        let ports = workers
            .filter_map(|worker| worker.data.as_mut())
            .chain(self.uplink.as_mut().and_then(|uplink| uplink.data.as_mut()));
        let next = ports
            .filter_map(|port| port.blocks()?.sender.shed(now))
            .min();
        self.blocks_due = next;
        if let Some(next) = next {
            self.add_timer(next, Timer::Blocks);
        }
    }

    /// What a source of the reactor has to say.
    fn on_source(&mut self, owner: Owner, source: SourceKind) {
        match (owner, source) {
            (Owner::Worker(slot), SourceKind::ControlIn) => self.pump_worker_control(slot),
            (Owner::Worker(slot), SourceKind::ControlOut | SourceKind::DataOut) => {
                self.worker_writable(slot, source);
            }
            (Owner::Worker(slot), SourceKind::DataIn) => {
                // A ring's one bell also says that there is room again.
                self.worker_writable(slot, source);
                if !self.watching {
                    self.pump_worker_asleep(slot);
                }
            }
            (Owner::Worker(slot), SourceKind::Exit) => self.worker_exited(slot),
            (Owner::Uplink, SourceKind::ControlIn) => self.pump_uplink_control(),
            (Owner::Uplink, SourceKind::ControlOut | SourceKind::DataOut) => {
                self.uplink_writable(source);
            }
            (Owner::Uplink, SourceKind::DataIn) => {
                self.uplink_writable(source);
                if !self.watching {
                    self.pump_uplink_asleep();
                }
            }
            (Owner::Uplink, SourceKind::Exit) => {}
        }
    }

    /// Takes in a worker's bytes on behalf of a sleeper, and goes on sleeping for it.
    fn pump_worker_asleep(&mut self, slot: usize) {
        let who = self.sleeper();
        for _ in 0..ROUNDS_PER_TURN {
            self.pump_worker(slot);
            let Some(port) = self
                .worker_mut(slot)
                .and_then(|worker| worker.data.as_mut())
            else {
                return;
            };
            if port.channel().sleep(who) {
                return;
            }
        }
        self.left_over = true;
        self.notify_io();
    }

    fn pump_uplink_asleep(&mut self) {
        for _ in 0..ROUNDS_PER_TURN {
            self.pump_uplink_data();
            let Some(port) = self.uplink.as_mut().and_then(|uplink| uplink.data.as_mut()) else {
                return;
            };
            if port.channel().sleep(Sleeper::IoThread) {
                return;
            }
        }
        self.left_over = true;
        self.notify_io();
    }

    /// Those that had more to say than one turn takes.
    fn pump_left_over(&mut self) {
        if std::mem::take(&mut self.left_over) && !self.watching {
            self.fall_asleep();
        }
    }

    fn run_timers(&mut self, now: Instant) {
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::Call(id) => self.call_due(id),
                Timer::Start(serial) => self.start_due(serial),
                Timer::Heartbeat(serial) => self.heartbeat_due(serial, now),
                Timer::Reap(serial) => self.reap_due(serial),
                Timer::Close(pool) => self.close_due(pool, now),
                Timer::TakeOver => self.take_over(now),
                Timer::Blocks => self.shed_blocks(now),
            }
        }
    }

    /// Gives an event to every worker but the one it came from.
    pub fn fan_out(&mut self, event: &Arc<Event>, from: Option<usize>) {
        for (slot, worker) in self.workers.iter().enumerate() {
            if let Some(worker) = worker
                && from != Some(slot)
            {
                worker.mailbox.offer(event);
            }
        }
    }

    /// Gives an event that came from another process to the queues of its name.
    pub fn deliver(&mut self, event: &Arc<Event>) {
        for queue in self
            .queues
            .values()
            .filter(|queue| queue.name == event.queue())
        {
            queue.mailbox.offer(event);
        }
    }

    /// Moves events from the mailboxes into the control pipes, as far as these take them.
    fn carry_events(&mut self) {
        for slot in 0..self.workers.len() {
            self.carry_worker_events(slot);
        }
        self.carry_uplink_events();
    }
}
