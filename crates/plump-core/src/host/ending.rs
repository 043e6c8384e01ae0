//! The end of a worker, of a pool, of everything.

use super::READ_BUDGET_BYTES;
use super::pool::PoolState;
use super::worker::{Direction, breach};
use crate::control::Control;
use crate::debug;
use crate::environment::{Owner, SourceKind, State, key_of};
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::port::PortError;
use crate::process::{Life, LifeEvent};
use crate::router::{Call, CallId};
use crate::timers::Timer;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A worker whose link has closed has this long to exit by itself, so that its exit code can be told.
const EXIT_AFTER_LINK: Duration = Duration::from_millis(500);

/// The status of a worker that a debugger traces is the debugger's first: so often, and so many times, it is asked for.
const STATUS_EVERY: Duration = Duration::from_millis(10);
const STATUS_TRIES: u32 = 100;

/// Handlers that are told of the end, after their grace, have this long to stop before the polite signal.
const CANCEL_TO_TERMINATE: Duration = Duration::from_millis(250);

/// After the polite signal, a worker has this long before the hard one.
const TERMINATE_TO_KILL: Duration = Duration::from_secs(1);

impl State {
    /// What a call is told that the end of its instance has kept from beginning, or from being run again.
    pub(super) fn closed_before_begun(&self, id: CallId) -> Failure {
        let was_lost = |call: &Call| call.lost > 0;
        let message = if self.calls.get(id).is_some_and(was_lost) {
            "The instance was closed before the call was run again; its worker had ended."
        } else {
            "The instance was closed before the call had begun."
        };
        Failure::new(ErrorKind::Closed, message).of_command(&self.command_name(id))
    }

    /// Ends a worker by force, for a reason that its calls are told.
    pub(super) fn end_worker(&mut self, slot: usize, reason: Failure) {
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
    pub(super) fn link_broken(&mut self, slot: usize, error: &PortError) {
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
        // One that takes its leave as it was asked to has the time of its teardown.
        let asked = worker.goodbye && matches!(worker.life, Life::Draining | Life::Ending);
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
            // Held back by who traces it; or the report was for one that had this place before.
            Ok(None) if worker.vain_exits < STATUS_TRIES => {
                worker.vain_exits += 1;
                let serial = worker.serial;
                self.add_timer(Instant::now() + STATUS_EVERY, Timer::Exit(serial));
            }
            Ok(None) => {
                debug!("worker {:?} has exited, how is not told", worker.pid);
                self.bury(slot);
            }
            Err(error) => {
                debug!("worker {:?} can't be waited for: {error}", worker.pid);
                self.bury(slot);
            }
        }
    }

    /// Lets the exit of a worker be reported once more, if it has exited.
    pub(crate) fn exit_due(&mut self, serial: u64) {
        let Some(slot) = self.slot_of_serial(serial) else {
            return;
        };
        let reactor = Arc::clone(&self.reactor);
        let key = key_of(Owner::Worker(slot), SourceKind::Exit);
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let Some(child) = &worker.child else { return };
        reactor.unwatch_exit(child);
        if let Err(error) = reactor.watch_exit(key, child) {
            // Whose end can't be noticed is not let live.
            debug!("worker {:?} can't be watched: {error}", worker.pid);
            child.kill();
            self.bury(slot);
        }
    }

    /// The end of a worker: what it had published still counts, everything else it had fails, its place becomes free.
    pub(super) fn bury(&mut self, slot: usize) {
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
        if let Some(bell) = &worker.js_bell {
            self.bells.remove(bell);
        }
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
        let number = u32::try_from(slot).unwrap_or(u32::MAX);
        for id in self.calls.ids_of_worker(number) {
            if self.lose(id, &worker.sent_log, closing) {
                continue;
            }
            let name = self.command_name(id);
            self.leave_worker(id);
            self.fail(id, &failure.of_command(&name));
        }
        let event = json!({
            "event": "exit",
            "pid": worker.pid,
            "exitCode": worker.exit.as_ref().and_then(|exit| exit.code),
            "signal": failure.signal,
            "expected": worker.goodbye || worker.tears_down || closing,
        });
        self.tell(pool, &event);
        let was_ready = worker.was_ready;
        // Who was asked to end, or did not stop a call, says nothing about the next one.
        let asked = worker.goodbye || worker.tears_down || worker.condemned_by.is_some();
        let expected = closing || (was_ready && asked);
        let ours = worker.ours;
        // Before the failure is judged: the place is free.
        drop(worker);
        if !expected && ours {
            self.worker_failed(pool, was_ready, &failure);
        } else if !expected && !was_ready {
            self.link_failed(pool, &failure);
        }
        self.note_places(pool);
        self.finish_closing(pool);
        self.dispatch(pool);
        self.look_at_elastic(pool);
    }

    /// Takes in everything that an ended worker had written.
    pub(super) fn read_last(&mut self, slot: usize) {
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

    pub(super) fn close_pool(&mut self, id: u32, grace_ms: u32) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        if pool.state != PoolState::Open {
            return;
        }
        pool.state = PoolState::Closing;
        self.fail_queue(id, Self::closed_before_begun);
        for slot in self.slots_of_pool(id) {
            if self
                .worker_mut(slot)
                .is_some_and(|worker| !worker.ours && !worker.greeted)
            {
                // What it has said already counts.
                self.pump_worker_control(slot);
            }
            if let Some(worker) = self.worker_mut(slot) {
                if worker.life == Life::Starting && worker.ours {
                    // It has begun nothing.
                    worker.kill();
                }
                worker.life.step(LifeEvent::AskedToEnd);
            }
            self.send_control(slot, &Control::Shutdown);
            self.time_teardown_if_idle(slot);
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

    /// The next step of closing: handlers are told, then the polite signal, then the hard one.
    pub(crate) fn close_due(&mut self, id: u32, now: Instant) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        if pool.state == PoolState::Closing {
            pool.state = PoolState::Cancelling;
            if self.cancel_running(id) {
                self.add_timer(now + CANCEL_TO_TERMINATE, Timer::Close(id));
                return;
            }
        }
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        let event = match pool.state {
            PoolState::Cancelling => {
                pool.state = PoolState::Terminating;
                LifeEvent::Terminated
            }
            PoolState::Terminating => LifeEvent::Killed,
            PoolState::Open | PoolState::Closing => return,
        };
        for slot in self.slots_of_pool(id) {
            // Its handlers are done: what is left has a clock of its own.
            if self.time_teardown_if_idle(slot) {
                continue;
            }
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

    /// A worker has answered everything that it had begun, and begins to end.
    pub(super) fn on_finished(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if worker.life.step(LifeEvent::Finished) {
            self.time_teardown(slot);
        }
    }

    /// The same for a worker that was asked to end and has nothing begun, whether it has said so or not; `false`: it has.
    fn time_teardown_if_idle(&mut self, slot: usize) -> bool {
        let Some(worker) = self.worker_mut(slot) else {
            return false;
        };
        if !worker.tears_down
            && worker.was_ready
            && worker.life == Life::Draining
            && worker.window.in_flight() == 0
        {
            self.time_teardown(slot);
        }
        self.worker_mut(slot)
            .is_some_and(|worker| worker.tears_down)
    }

    /// From now on a worker has its time to end by itself; once in its life.
    pub(super) fn time_teardown(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if std::mem::replace(&mut worker.tears_down, true) {
            return;
        }
        let (pool, serial) = (worker.pool, worker.serial);
        if let Some(pool) = self.pools.get(&pool) {
            let limit = Duration::from_millis(u64::from(pool.options.teardown_ms));
            self.add_timer(Instant::now() + limit, Timer::Teardown(serial));
        }
    }

    /// A worker that had finished everything has not ended by itself: the polite signal, later the hard one.
    pub(crate) fn teardown_due(&mut self, serial: u64) {
        let Some(slot) = self.slot_of_serial(serial) else {
            return;
        };
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if !worker.life.step(LifeEvent::Terminated) {
            return;
        }
        debug!("worker {:?} does not end by itself", worker.pid);
        let (pool, pid, ours) = (worker.pool, worker.pid, worker.ours);
        if let Some(child) = &worker.child {
            child.terminate();
        }
        let limit = self
            .pools
            .get(&pool)
            .map_or(0, |pool| pool.options.teardown_ms);
        let event = json!({ "event": "overtime", "pid": pid, "teardownMs": limit });
        self.tell(pool, &event);
        if ours {
            self.add_timer(
                Instant::now() + TERMINATE_TO_KILL,
                Timer::Terminated(serial),
            );
        } else {
            // Nobody here may end a process of the user's own: its link is closed, which ends it.
            self.bury(slot);
        }
    }

    /// A worker that was sent the polite signal after its teardown must be gone.
    pub(crate) fn terminated_due(&mut self, serial: u64) {
        if let Some(slot) = self.slot_of_serial(serial)
            && let Some(worker) = self.worker_mut(slot)
        {
            worker.kill();
        }
    }

    /// Tells the handlers of a pool's calls that nobody waits; `false`: none runs. Their answers still count.
    fn cancel_running(&mut self, id: u32) -> bool {
        let running = self
            .calls
            .ids_where(|call| call.pool == id && call.worker().is_some());
        for call in &running {
            if let Some(slot) = self.calls.get(*call).and_then(Call::worker) {
                self.send_control(slot as usize, &Control::Cancel(*call));
            }
        }
        !running.is_empty()
    }

    pub(super) fn finish_closing(&mut self, id: u32) {
        if !self.slots_of_pool(id).is_empty() {
            return;
        }
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        if pool.state != PoolState::Open {
            self.pools.remove(&id);
            self.tell(id, &json!({ "event": "closed" }));
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
}
