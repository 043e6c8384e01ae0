//! JavaScript takes in what has come, watches for more, and sleeps: in its event loop or inside a blocking call.

use super::io_thread::ROUNDS_PER_TURN;
use super::{CALLER_LOOKS_UP, Environment, State};
use crate::channel::Sleeper;
use crate::channel::spin::{SpinWindow, Watch};
use crate::debug;
use crate::inbox::{LargeBody, Outlet};
use crate::platform::{self, Bell};
use crate::port::Port;
use crate::router::CallId;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

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
    /// When it was looked, nanoseconds of the monotonic clock.
    pub looked_at: u64,
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

impl Environment {
    /// Takes in everything there is and fills the table.
    pub fn drain(&self, table: &mut [u32], incoming: &mut [u8], watching: Watching) -> Drained {
        let mut state = self.shared.lock();
        state.begin_to_watch();
        state.last_look = platform::monotonic_ns();
        state.pump_data();
        let mut drained = state.hand_out(table, incoming);
        if drained.count == 0 && watching != Watching::Look {
            let found;
            (state, found) = match watching {
                Watching::Watch => self.watch(state, State::has_something),
                Watching::Look | Watching::Sleep => (state, false),
            };
            if !found {
                state.rest();
            }
            drained = state.hand_out(table, incoming);
            // What was taken in while falling asleep has to be handed out awake.
            state.asleep = !found && drained.count == 0;
        } else if drained.count > 0 && !drained.more && watching != Watching::Look {
            state.doze();
        }
        drained.asleep = state.asleep;
        drained.in_flight = state.calls.in_flight();
        if drained.count > 0 {
            state.note_take_over();
        }
        let must_move = std::mem::take(&mut state.must_move);
        self.shared.unlock(state);
        if must_move {
            platform::leave_cpu();
        }
        drained
    }

    /// Watches the channels until `found` says so or the window is over.
    pub(super) fn watch<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        found: impl Fn(&State) -> bool,
    ) -> (MutexGuard<'a, State>, bool) {
        if !state.expects_something() {
            state.waiting_since = None;
            return (state, false);
        }
        if !state.peers_on_other_cpus() {
            state.waits_beside_peer();
            return (state, false);
        }
        state.narrow_window();
        let window = state.window.window_for_next();
        state.waiting_since = Some(platform::monotonic_ns());
        let mut watch = Watch::begin(window);
        while watch.goes_on() {
            if state.may_have_bytes() {
                state.pump_data();
            }
            if found(&state) {
                state.something_came(None);
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

    /// Blocks until that call has settled; its entry is the first of the table then.
    pub fn wait(&self, call: CallId, table: &mut [u32], incoming: &mut [u8]) -> WaitOutcome {
        let mut state = self.shared.lock();
        state.begin_to_watch();
        loop {
            state.pump_data();
            if state.caller_inbox.is_empty() {
                (state, _) = self.watch(state, |state| !state.caller_inbox.is_empty());
            }
            if !state.caller_inbox.is_empty() {
                state.hand_out_to_caller(table, incoming);
                state.rest();
                state.asleep = true;
                self.shared.unlock(state);
                return WaitOutcome::Done;
            }
            if !state.calls.is_undecided(call) {
                self.shared.unlock(state);
                return WaitOutcome::Gone;
            }
            if !state.sleep_channels(Sleeper::JavaScript, Sleeper::IoThread)
                || !state.caller_inbox.is_empty()
            {
                // The I/O thread gets its turn, whatever the channels say.
                self.shared.unlock(state);
                state = self.shared.lock();
                state.begin_to_watch();
                continue;
            }
            state.watching = false;
            state.caller_sleeps = true;
            let must_move = std::mem::take(&mut state.must_move);
            self.shared.unlock(state);
            if must_move {
                platform::leave_cpu();
            }
            self.shared
                .bells
                .wait(self.looks_up.then_some(CALLER_LOOKS_UP));
            state = self.shared.lock();
            state.caller_sleeps = false;
            state.begin_to_watch();
            state.pump_data();
            if !state.caller_inbox.is_empty() {
                state.something_came(None);
            } else if self.looks_up {
                state.go_to_sleep();
                state.asleep = true;
                self.shared.unlock(state);
                return WaitOutcome::Again;
            }
        }
    }

    /// Takes the bytes of a large entry, if JavaScript can have them as they are, or a copy in memory that is kept for
    /// copies. Otherwise they must be copied: [`Environment::take_large_to_copy`]. So must, without `shows_bytes`, those that
    /// came over the channel.
    #[must_use]
    pub fn take_large(&self, token: u32, shows_bytes: bool) -> Option<LargeBody> {
        let mut state = self.shared.lock();
        let mut room = None;
        match state.large.get_mut(token)? {
            LargeBody::Bytes(_) if !shows_bytes => return None,
            LargeBody::Block(block) => {
                if !block.keep() {
                    room = Some(block.room_for_copy()?);
                    if let Some(idle) = block.copies().idle() {
                        state.watch_blocks(idle);
                    }
                }
            }
            LargeBody::Bytes(_) | LargeBody::Copy(_) => {}
        }
        let body = state.large.take(token)?;
        self.shared.unlock(state);
        match (room, body) {
            (Some(room), LargeBody::Block(block)) => room.fill(&block).map(LargeBody::Copy),
            (_, body) => Some(body),
        }
    }

    /// Takes the bytes of a large entry, to copy or to forget them.
    #[must_use]
    pub fn take_large_to_copy(&self, token: u32) -> Option<LargeBody> {
        self.shared.lock().large.take(token)
    }

    /// The descriptor that an event loop can watch instead of being woken: readable when a bell has rung for JavaScript.
    #[must_use]
    pub fn bells_descriptor(&self) -> Option<i32> {
        self.shared.bells.descriptor()
    }

    /// From now on JavaScript's event loop watches that descriptor; or no longer.
    pub fn loop_hears_bells(&self, hears: bool) {
        self.shared.with(|state| state.loop_hears_bells = hears);
    }

    /// Whether as many workers are busy as there are CPUs, those of this process or of its host, as last looked.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.shared.with(State::is_crowded)
    }

    /// The event loop was woken by that descriptor: it is silent until the next ring.
    pub fn clear_bells(&self) {
        self.shared.bells.clear();
    }
}

impl State {
    /// Whether the event loop has something to take.
    pub(super) fn has_something(&self) -> bool {
        !self.inbox.is_empty()
            || self
                .queues
                .values()
                .any(|queue| queue.listening && !queue.mailbox.is_empty())
    }

    /// Moves what waits into the table.
    pub(super) fn hand_out(&mut self, table: &mut [u32], incoming: &mut [u8]) -> Drained {
        let mut outlet = Outlet::new(table, incoming, &mut self.large);
        self.inbox.take(&mut outlet);
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
            looked_at: self.last_look,
        }
    }

    pub(super) fn hand_out_to_caller(&mut self, table: &mut [u32], incoming: &mut [u8]) {
        let mut outlet = Outlet::new(table, incoming, &mut self.large);
        self.caller_inbox.take(&mut outlet);
    }

    /// JavaScript is awake and watches: the channels need not ring.
    pub(super) fn begin_to_watch(&mut self) {
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

    /// JavaScript sleeps from now on, in its event loop or because a blocking call has ended that took in what came. Whether
    /// it is to be woken is for the caller to say.
    pub fn go_to_sleep(&mut self) {
        self.watching = false;
        self.relieved = false;
        self.fall_asleep();
        self.note_take_over();
    }

    /// Whether anything could come at all. A worker also answers calls for which nobody waits any more.
    pub(super) fn expects_something(&self) -> bool {
        let mut workers = self.workers.iter().flatten();
        self.calls.in_flight() > 0
            || self.uplink.is_some()
            || workers.any(|worker| worker.window.in_flight() > 0)
    }

    /// Sleeps as far as there is something to be woken for. Where nothing is expected the channels are not told: nothing will
    /// come through them, and the next call, which mostly is not far, finds them watched.
    fn rest(&mut self) {
        if self.expects_something() {
            self.go_to_sleep();
        }
    }

    /// Sleeps at once, with what was just handed out in hand, where nobody would watch for what follows: it saves a look that
    /// finds nothing.
    fn doze(&mut self) {
        if self.has_something() || self.waits_asleep() == Some(false) {
            return;
        }
        self.rest();
        // What was taken in while falling asleep is handed out awake.
        self.asleep = !self.has_something();
    }

    /// Whether what is expected next will be waited for asleep, because watching for it is not worth it; `None` where nothing
    /// is expected. Counts as the beginning of that wait.
    fn waits_asleep(&mut self) -> Option<bool> {
        if !self.expects_something() {
            return None;
        }
        self.narrow_window();
        let elsewhere = self.peers_on_other_cpus();
        if elsewhere && self.window.is_open() {
            return Some(false);
        }
        if !elsewhere {
            self.waits_beside_peer();
        } else if self.waiting_since.is_none() {
            self.window.window_for_next();
            self.waiting_since = Some(platform::monotonic_ns());
        }
        Some(true)
    }

    /// The next window is narrow while as many workers are busy as there are CPUs, those of this process or of its host.
    fn narrow_window(&mut self) {
        let crowded = self.is_crowded();
        self.window.narrow(crowded);
    }

    fn is_crowded(&mut self) -> bool {
        let uplink = self.uplink.as_mut().and_then(|uplink| uplink.data.as_mut());
        self.crowd.is_there() || uplink.is_some_and(|port| port.channel().told_crowded())
    }

    /// A wait begins, asleep, since all from whom something is expected are on this CPU.
    fn waits_beside_peer(&mut self) {
        self.waiting_since = None;
        if self.window.is_allowed() {
            self.must_move |= self.placement.waits_here(platform::monotonic_ns());
        }
    }

    /// Whether JavaScript, which has just made a call, need not look for its answer: it sleeps and will be woken.
    pub(crate) fn wakes_for_answer(&mut self) -> bool {
        if !self.asleep || self.waits_asleep() != Some(true) {
            return false;
        }
        if self.watching {
            // When it fell asleep nothing was expected, and no channel was told to ring.
            self.go_to_sleep();
            self.asleep = !self.has_something();
        }
        self.asleep
    }

    /// The I/O thread takes in from now on what comes, since JavaScript does not.
    pub(super) fn relieve(&mut self) {
        self.watching = false;
        self.relieved = true;
        self.fall_asleep();
    }

    /// Takes in what the channels hold until all of them ring for the next byte, or for one turn; what is left then is
    /// for the I/O thread's next one.
    pub(super) fn fall_asleep(&mut self) {
        let who = self.sleeper();
        self.left_over = !(0..ROUNDS_PER_TURN).any(|_| self.sleep_channels(who, who));
        if self.left_over {
            self.notify_io();
        }
    }

    /// A channel has been made. Whoever sleeps now went to sleep without it. Returns the bell by which it rings for JavaScript.
    pub fn attend(&mut self, port: &mut Port) -> Option<Arc<Bell>> {
        let bell = port.channel().js_bell();
        if let Some(bell) = &bell
            && let Err(error) = self.bells.add(bell)
        {
            // Only for want of memory. Its rings are lost: what they tell is found by heartbeats, a second late.
            debug!("a bell can't be listened to: {error}");
        }
        if !self.watching {
            // It is new: nothing can have come.
            let who = self.sleeper();
            port.channel().sleep(who);
        }
        bell
    }

    /// Who sleeps while nobody watches.
    pub(super) fn sleeper(&self) -> Sleeper {
        if self.caller_sleeps || (self.loop_hears_bells && !self.relieved) {
            Sleeper::JavaScript
        } else {
            Sleeper::IoThread
        }
    }

    /// Tells the channels to the workers that `workers` sleeps, and the one to the host that `uplink` does; `false`
    /// when one had bytes, which have been taken in.
    pub(super) fn sleep_channels(&mut self, workers: Sleeper, uplink: Sleeper) -> bool {
        let mut quiet = true;
        for slot in 0..self.workers.len() {
            let data = self.workers[slot]
                .as_mut()
                .and_then(|worker| worker.data.as_mut());
            if data.is_some_and(|port| !port.channel().sleep(workers)) {
                quiet = false;
                self.pump_worker(slot);
            }
        }
        let data = self.uplink.as_mut().and_then(|uplink| uplink.data.as_mut());
        if data.is_some_and(|port| !port.channel().sleep(uplink)) {
            quiet = false;
            self.pump_uplink_data();
        }
        quiet
    }

    pub(super) fn workers_have_bytes(&mut self) -> bool {
        let mut workers = self.workers.iter_mut().flatten();
        workers.any(|worker| worker.window.in_flight() > 0 && worker.may_have_bytes())
    }

    pub(super) fn may_have_bytes(&mut self) -> bool {
        self.workers_have_bytes()
            || self
                .uplink
                .as_mut()
                .and_then(|uplink| uplink.data.as_mut())
                .is_some_and(|port| port.channel().may_have_bytes())
    }

    /// Whether anyone from whom something is expected runs on another CPU than this thread.
    pub(super) fn peers_on_other_cpus(&mut self) -> bool {
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

    /// Takes in what the data channels hold.
    pub(super) fn pump_data(&mut self) {
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

    /// Something that was waited for has come, through a channel whose other side last rang at `rung_at`. If that was for this
    /// wait, it is when it came: how long waking up took says nothing about how long watching would have taken.
    pub fn something_came(&mut self, rung_at: Option<u64>) {
        if let Some(since) = self.waiting_since.take() {
            let now = platform::monotonic_ns();
            let came = rung_at
                .filter(|rung| (since..now).contains(rung))
                .unwrap_or(now);
            self.window
                .record(Duration::from_nanos(came.saturating_sub(since)));
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
}
