//! Calls that are given up: by their caller, by the clock, and what becomes of a worker that does not stop.

use super::pool::PoolState;
use super::sending::SENT_TOGETHER_BYTES;
use super::worker::{MAX_KEPT_BYTES, Worker};
use crate::control::Control;
use crate::debug;
use crate::environment::State;
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::{FrameKind, Header};
use crate::port::{Port, PortError, padded_length};
use crate::queue::Ticket;
use crate::router::{Call, CallId, CallLimits};
use crate::sent_log::Kept;
use crate::timers::Timer;
use std::time::{Duration, Instant};

/// So long a worker that is about to be ended has to say which calls it had not begun. Its I/O thread answers within
/// microseconds unless the process is stopped.
const RECALL_LIMIT: Duration = Duration::from_millis(250);

/// So often a worker is told of the end of a call for which there may not have been room in its channel.
const TELL_AGAIN: Duration = Duration::from_millis(10);

impl Worker {
    /// Keeps a payload for as long as this worker has it; `whatever` its size.
    pub(super) fn keep(&mut self, parts: &[&[u8]], whatever: bool) -> Option<Kept> {
        if padded_length(parts) <= MAX_KEPT_BYTES {
            Some(self.sent_log.keep(parts))
        } else {
            whatever.then(|| self.sent_log.keep_large(parts))
        }
    }
}

impl State {
    /// Sets the limits of a call that waits since then.
    pub(super) fn limit_call(&mut self, id: CallId, limits: CallLimits, since: Instant) {
        let due = (limits.queue_ms > 0)
            .then(|| since + Duration::from_millis(u64::from(limits.queue_ms)));
        if let Some(call) = self.calls.get_mut(id) {
            (call.limits, call.begin_by) = (limits, due);
        }
        if let Some(due) = due {
            self.add_timer(due, Timer::Queue(id));
        }
    }

    /// The payload of a call that was answered is not needed any more.
    pub(super) fn forget_sent(&mut self, slot: usize, kept: Option<Kept>) {
        let Some(kept) = kept else { return };
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        worker.sent_log.forget(kept);
        if worker.sent_log.is_untidy() {
            let number = u32::try_from(slot).unwrap_or(u32::MAX);
            worker.sent_log.tidy(self.calls.kept_by(number));
        }
    }

    /// The caller waits no more; `false` when the outcome was decided before.
    pub(super) fn cancel_call(&mut self, id: CallId) -> bool {
        let Some(call) = self.calls.get(id).filter(|call| !call.settled) else {
            return false;
        };
        if let Some(slot) = call.worker() {
            self.calls.settle(id);
            self.give_up(id, slot as usize);
        } else {
            self.settle_waiting(id, |state| {
                state.calls.settle(id);
            });
        }
        true
    }

    /// Nobody waits for a call any more that a worker has: it is told, and has its grace to stop.
    pub(super) fn give_up(&mut self, id: CallId, slot: usize) {
        if let Some(worker) = self.worker_mut(slot)
            && let Some(port) = &mut worker.control
        {
            // Written by the I/O thread: of a storm of them each would take a system call and wake the worker.
            let header = Header::new(FrameKind::Control, 0, 0, 0);
            port.send_owned(header, Control::Cancel(id).encode());
            self.notify_io();
        }
        if self.unsent_bytes(slot) >= SENT_TOGETHER_BYTES {
            self.add_timer(Instant::now() + TELL_AGAIN, Timer::TellAgain(id));
        }
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let Some(pool) = self.pools.get(&call.pool) else {
            return;
        };
        let grace_ms = call.limits.grace_ms.unwrap_or(pool.options.grace_ms);
        self.add_timer(after(grace_ms), Timer::Grace(id));
    }

    /// The time is over within which a call had to begin.
    pub(crate) fn queue_due(&mut self, id: CallId) {
        let due = |call: &&Call| !call.settled && is_over(call.begin_by);
        let Some(call) = self.calls.get(id).filter(due) else {
            return;
        };
        if call.worker().is_some() {
            // Whether it has begun is decided there; it is refused if not.
            self.tell_of_end(id);
            return;
        }
        let failure = self.queue_timeout(id);
        self.settle_waiting(id, |state| state.fail(id, &failure));
    }

    /// Tells the worker of a call, as long as it has that, that nobody waits for it any more, or that it must not begin now.
    ///
    /// The call may not have come there yet. Told so, the worker's I/O thread takes in what lies in the channel, which makes
    /// room for more of it: so it comes also while JavaScript is busy there, and is refused.
    pub(crate) fn tell_of_end(&mut self, id: CallId) {
        let Some((slot, settled)) = self
            .calls
            .get(id)
            .and_then(|call| Some((call.worker()? as usize, call.settled)))
        else {
            return;
        };
        let message = if settled {
            Control::Cancel(id)
        } else {
            Control::Expire(id)
        };
        self.send_control(slot, &message);
        if self.unsent_bytes(slot) > 0 {
            self.add_timer(Instant::now() + TELL_AGAIN, Timer::TellAgain(id));
        }
    }

    /// Bytes of a worker's calls for which there is no room in its channel yet.
    fn unsent_bytes(&mut self, slot: usize) -> usize {
        self.worker_mut(slot)
            .and_then(|worker| worker.data.as_deref())
            .map_or(0, Port::backlog)
    }

    pub(super) fn queue_timeout(&self, id: CallId) -> Failure {
        let limit = self.calls.get(id).map_or(0, |call| call.limits.queue_ms);
        let name = self.command_name(id);
        let again = if self.calls.get(id).is_some_and(|call| call.lost > 0) {
            " again, after its worker had ended"
        } else {
            ""
        };
        let message =
            format!("The call of '{name}' had not begun after {limit} ms; it was not run{again}.");
        let mut failure = Failure::new(ErrorKind::QueueTimeout, message);
        failure.command = Some(name);
        failure.timeout_ms = Some(limit);
        failure
    }

    /// A worker says that a call has begun.
    pub(super) fn on_began(&mut self, slot: usize, id: CallId) {
        let held = self
            .calls
            .get_mut(id)
            .filter(|call| !call.settled && call.worker().map(|held| held as usize) == Some(slot));
        // It may have been given up meanwhile. Once: a timer for each time that a worker says so would pile up.
        if let Some(call) = held
            && call.limits.run_ms > 0
            && !std::mem::replace(&mut call.begun, true)
        {
            let due = after(call.limits.run_ms);
            call.run_by = Some(due);
            self.add_timer(due, Timer::Run(id));
        }
    }

    /// The time is over within which a call that has begun had to finish.
    pub(crate) fn run_due(&mut self, id: CallId) {
        // It may have begun anew, with another worker.
        let due = |call: &Call| is_over(call.run_by);
        let Some(slot) = self
            .undecided_with_worker(id)
            .filter(|_| self.calls.get(id).is_some_and(due))
        else {
            return;
        };
        // An answer that was published in time counts.
        self.pump_worker(slot);
        if self.undecided_with_worker(id) != Some(slot) {
            return;
        }
        let limit = self.calls.get(id).map_or(0, |call| call.limits.run_ms);
        let name = self.command_name(id);
        let message = format!("The handler of '{name}' did not finish within {limit} ms.");
        let mut failure = Failure::new(ErrorKind::RunTimeout, message);
        failure.command = Some(name);
        failure.timeout_ms = Some(limit);
        failure.pid = self.worker_mut(slot).and_then(|worker| worker.pid);
        self.give_up(id, slot);
        self.fail(id, &failure);
    }

    fn undecided_with_worker(&self, id: CallId) -> Option<usize> {
        let call = self.calls.get(id).filter(|call| !call.settled)?;
        Some(call.worker()? as usize)
    }

    /// A call that was given up should have stopped by now.
    pub(crate) fn grace_due(&mut self, id: CallId) {
        let Some(slot) = self.calls.get(id).and_then(Call::worker) else {
            return;
        };
        let slot = slot as usize;
        self.pump_worker(slot);
        // Under this id the place belongs to this call alone: whatever the worker does now, it is what it has not stopped.
        if self
            .calls
            .get(id)
            .is_some_and(|call| call.worker().is_some())
        {
            self.condemn(slot, id);
        }
    }

    /// Ends a worker because of a call, after it has said which calls it had not begun: those are run elsewhere.
    fn condemn(&mut self, slot: usize, cause: CallId) {
        let name = self.command_name(cause);
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if worker.condemned_by.is_some() {
            // It may be spared yet, if the other call has stopped: this one is looked at again.
            self.add_timer(Instant::now() + RECALL_LIMIT, Timer::Grace(cause));
            return;
        }
        worker.condemned_by = Some(cause);
        worker.recalled_by = Some(cause);
        debug!(
            "worker {:?} is ended: a call of '{name}' does not stop",
            worker.pid
        );
        let message = format!(
            "The worker was ended because a call of '{name}' on it (id {cause:#x}) did not stop after it had been given up."
        );
        let mut failure = Failure::new(ErrorKind::WorkerEnded, message);
        failure.caused_by = Some(format!("{cause:#x}"));
        worker.reason.get_or_insert(failure);
        let serial = worker.serial;
        self.ask_for_calls(slot, &Control::Recall);
        self.add_timer(Instant::now() + RECALL_LIMIT, Timer::Recall(serial));
    }

    /// Asks a worker by that message which calls it has not begun; `on_recalled` follows.
    pub(super) fn ask_for_calls(&mut self, slot: usize, message: &Control) {
        if let Some(worker) = self.worker_mut(slot) {
            worker.recalls += 1;
        }
        self.send_control(slot, message);
    }

    /// A worker says which calls it had not begun.
    pub(super) fn on_recalled(&mut self, slot: usize, ids: &[u64]) -> Result<(), PortError> {
        let held = u32::try_from(slot).ok();
        let of_all = |worker: &mut Worker| worker.recalled_by.is_some();
        let asked_for_all = self.worker_mut(slot).is_some_and(of_all);
        for id in ids.iter().copied() {
            let call = self.calls.get_mut(id).filter(|call| call.worker() == held);
            let Some(call) = call else {
                let what = format!("it gave call {id:#x} back, which it does not have");
                return Err(PortError::Protocol(what));
            };
            if let Some(kept) = call.kept.take() {
                self.take_back(slot, id, kept);
            } else if asked_for_all {
                self.fail_unbegun(slot, id);
            } else {
                let what = format!("it gave call {id:#x} back, for which it was not asked");
                return Err(PortError::Protocol(what));
            }
        }
        // What is to become of it is decided when the port that this came through is back in its place.
        Ok(())
    }

    /// A call that a worker had and has not begun waits again; its turn is that of when it was made.
    pub(super) fn take_back(&mut self, slot: usize, id: CallId, kept: Kept) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let payload = worker.sent_log.get(kept).to_vec();
        worker.sent_log.forget(kept);
        worker.window.come_back();
        if !self.calls.is_undecided(id) {
            self.leave_worker(id);
            return;
        }
        if let Some(failure) = self.too_late_to_wait(id) {
            self.leave_worker(id);
            self.fail(id, &failure);
            return;
        }
        self.let_go_of(id);
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let ticket = Ticket::of(id, call, payload.len());
        (call.payload, call.shown) = (payload, 0);
        let limited = call.limited;
        if let Some(pool) = self.pools.get_mut(&call.pool) {
            pool.queue.push_again(ticket, limited, &pool.places);
        }
    }

    /// A call that a worker had and will never begin, and whose payload was too large to be kept for another one.
    pub(super) fn fail_unbegun(&mut self, slot: usize, id: CallId) {
        let name = self.command_name(id);
        let failure = self.too_late_to_wait(id).unwrap_or_else(|| {
            let message = format!(
                "The call of '{name}' had not begun when its worker was to be ended; of what is larger than {} KiB no copy is kept for another worker.",
                MAX_KEPT_BYTES / 1024
            );
            let mut failure = Failure::new(ErrorKind::WorkerEnded, message);
            if let Some(worker) = self.worker_mut(slot) {
                failure.pid = worker.pid;
                failure.caused_by = worker.recalled_by.map(|cause| format!("{cause:#x}"));
            }
            failure.of_command(&name)
        });
        if let Some(worker) = self.worker_mut(slot) {
            worker.window.come_back();
        }
        self.leave_worker(id);
        self.fail(id, &failure);
    }

    /// Why a call that has not begun is not to wait any more; none: it may.
    fn too_late_to_wait(&self, id: CallId) -> Option<Failure> {
        if self.is_closing(id) {
            // Its queue was emptied for good.
            return Some(self.closed_before_begun(id));
        }
        let late = |call: &Call| is_over(call.begin_by);
        self.calls
            .get(id)
            .is_some_and(late)
            .then(|| self.queue_timeout(id))
    }

    /// Whether the instance of that call was closed.
    fn is_closing(&self, id: CallId) -> bool {
        let pool = self
            .calls
            .get(id)
            .and_then(|call| self.pools.get(&call.pool));
        pool.is_none_or(|pool| pool.state != PoolState::Open)
    }

    /// A worker that is about to be ended has not said which calls it had not begun.
    pub(crate) fn recall_due(&mut self, serial: u64) {
        if let Some(slot) = self.slot_of_serial(serial) {
            self.end_condemned(slot);
        }
    }

    /// Ends a worker that was to say which calls it had not begun, and has.
    pub(super) fn end_if_said(&mut self, slot: usize) {
        let said_all = |worker: &mut Worker| worker.condemned_by.is_some() && worker.recalls == 0;
        if self.worker_mut(slot).is_some_and(said_all) {
            self.end_condemned(slot);
        }
    }

    /// Ends a worker because of a call that does not stop. If that had not begun, or has stopped meanwhile, nobody else on
    /// the worker shall suffer for it: what has begun finishes, as on any worker that is retired.
    fn end_condemned(&mut self, slot: usize) {
        // What it said of the call lies in the other channel.
        self.pump_worker(slot);
        let number = u32::try_from(slot).ok();
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let Some((cause, reason)) = worker.condemned_by.zip(worker.reason.clone()) else {
            return;
        };
        if self
            .calls
            .get(cause)
            .is_some_and(|call| call.worker() == number)
        {
            return self.end_worker(slot, reason);
        }
        if let Some(worker) = self.worker_mut(slot) {
            debug!("worker {:?} may finish: the call has stopped", worker.pid);
            (worker.condemned_by, worker.leaving, worker.reason) = (None, true, None);
        }
        self.tell_retired(slot, "cancelled");
        self.let_go(slot);
    }
}

/// Whether that time has come: what is known of a call may change it, and its timer stays.
pub(super) fn is_over(time: Option<Instant>) -> bool {
    time.is_some_and(|time| time <= Instant::now())
}

fn after(ms: u32) -> Instant {
    Instant::now() + Duration::from_millis(u64::from(ms))
}
