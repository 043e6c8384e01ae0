//! The I/O thread: what it does while JavaScript is busy or asleep.

use super::beside_js::SERVE_EVERY;
use super::{Owner, Shared, SourceKind, State, source_of};
use crate::channel::Sleeper;
use crate::debug;
use crate::platform;
use crate::timers::Timer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long JavaScript may have left the channels to themselves, although it said that it watches, before the I/O thread
/// sends on what waits in the queues: the window of a worker holds about a millisecond of work.
pub(super) const TAKE_OVER_AFTER: Duration = Duration::from_millis(2);

/// How often in a row the I/O thread takes in the bytes of one worker before the others get their turn.
pub(super) const ROUNDS_PER_TURN: usize = 16;

/// The I/O thread.
pub(super) fn run(shared: &Arc<Shared>) {
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
        if let Timer::Call(_)
        | Timer::Queue(_)
        | Timer::Run(_)
        | Timer::Grace(_)
        | Timer::Retry(_) = timer
        {
            let calls = &self.calls;
            self.timers.sweep(|timer| match timer {
                Timer::Call(id) | Timer::Queue(id) | Timer::Run(id) | Timer::Retry(id) => {
                    calls.is_undecided(id)
                }
                Timer::Grace(id) => calls.get(id).is_some(),
                _ => true,
            });
        }
    }

    /// JavaScript takes in what comes, but may be busy with something else for long, while calls wait in the queues: the I/O
    /// thread looks after them in a while.
    pub(crate) fn note_take_over(&mut self) {
        self.take_over_in(TAKE_OVER_AFTER);
    }

    fn take_over_in(&mut self, pause: Duration) {
        if !self.take_over_set
            && self.relies_on_js()
            && self.pools.values().any(|pool| !pool.queue.is_empty())
        {
            self.take_over_set = true;
            self.add_timer(Instant::now() + pause, Timer::TakeOver);
        }
    }

    /// Whether nobody but JavaScript takes in what comes.
    pub(super) fn relies_on_js(&self) -> bool {
        self.watching || (self.loop_hears_bells && !self.relieved && !self.caller_sleeps)
    }

    pub(super) fn take_over(&mut self) {
        self.take_over_set = false;
        // A sleeper that was rung for what is there and does not come is busy with something else.
        let waits = self.watching || self.workers_have_bytes();
        let now_ns = platform::monotonic_ns();
        let since = Duration::from_nanos(now_ns.saturating_sub(self.last_look));
        if !self.relies_on_js() || !waits || since < TAKE_OVER_AFTER {
            self.note_take_over();
        } else if self.js_keeps_cpu(now_ns) {
            self.serve_beside_js();
            self.take_over_in(SERVE_EVERY);
        } else {
            self.relieve();
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
    pub(super) fn shed_blocks(&mut self, now: Instant) {
        if self.blocks_due.is_none_or(|due| now < due) {
            // An earlier timer has taken the place of this one.
            return;
        }
        let workers = self.workers.iter_mut().flatten();
        let uplink = self.uplink.as_mut().and_then(|uplink| uplink.data.as_mut());
        let uplink = uplink.and_then(|port| port.blocks());
        let copies = uplink
            .as_ref()
            .and_then(|blocks| blocks.receiver.copies().shed(now));
        let senders = workers
            .filter_map(|worker| worker.data.as_mut()?.blocks())
            .chain(uplink);
        let next = senders
            .filter_map(|blocks| blocks.sender.shed(now))
            .chain(copies)
            .min();
        // After those to whom their blocks were lent.
        let pools = self.pools.values_mut();
        let next = pools
            .flat_map(|pool| [pool.lender.shed(now), pool.copies.shed(now)])
            .flatten()
            .chain(next)
            .min();
        self.blocks_due = next;
        if let Some(next) = next {
            self.add_timer(next, Timer::Blocks);
        }
    }

    /// What a source of the reactor has to say.
    pub(super) fn on_source(&mut self, owner: Owner, source: SourceKind) {
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
    pub(super) fn pump_worker_asleep(&mut self, slot: usize) {
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

    pub(super) fn pump_uplink_asleep(&mut self) {
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
    pub(super) fn pump_left_over(&mut self) {
        if std::mem::take(&mut self.left_over) && !self.watching {
            self.fall_asleep();
        }
    }

    pub(super) fn run_timers(&mut self, now: Instant) {
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::Call(id) => self.call_due(id),
                Timer::Queue(id) => self.queue_due(id),
                Timer::Run(id) => self.run_due(id),
                Timer::Grace(id) => self.grace_due(id),
                Timer::Retry(id) => self.retry_due(id),
                Timer::TellAgain(id) => self.tell_of_end(id),
                Timer::Recall(serial) => self.recall_due(serial),
                Timer::Start(serial) => self.start_due(serial),
                Timer::Heartbeat(serial) => self.heartbeat_due(serial, now),
                Timer::Ahead(serial) => self.ahead_due(serial),
                Timer::Restart(pool) => self.restart_due(pool),
                Timer::Age(serial) => self.age_due(serial),
                Timer::Memory(serial) => self.memory_due(serial),
                Timer::Teardown(serial) => self.teardown_due(serial),
                Timer::Terminated(serial) => self.terminated_due(serial),
                Timer::Reap(serial) => self.reap_due(serial),
                Timer::Exit(serial) => self.exit_due(serial),
                Timer::Close(pool) => self.close_due(pool, now),
                Timer::TakeOver => self.take_over(),
                Timer::Blocks => self.shed_blocks(now),
            }
        }
    }

    /// Moves events from the mailboxes into the control pipes, as far as these take them.
    pub(super) fn carry_events(&mut self) {
        for slot in 0..self.workers.len() {
            self.carry_worker_events(slot);
        }
        self.carry_uplink_events();
    }
}
