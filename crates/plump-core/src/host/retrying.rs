//! Calls of idempotent commands whose worker has died: they pause, and are run again.
//!
//! While a call pauses no worker has it and no queue counts it; its key, if it has one, stays held, so that the calls behind
//! it stay behind it.

use super::pool::PoolState;
use crate::environment::State;
use crate::failure::Failure;
use crate::queue::Ticket;
use crate::router::CallId;
use crate::sent_log::SentLog;
use crate::timers::Timer;
use std::time::Instant;

impl State {
    /// The worker of a call has died, whose payloads were kept in `log`. `true`: the call will be run again.
    pub(super) fn lose(&mut self, id: CallId, log: &SentLog, closing: bool) -> bool {
        let Some(call) = self.calls.get_mut(id) else {
            return false;
        };
        call.lost += 1;
        let kept = call.kept.take();
        // Nobody waits for one that is settled: it was given up.
        if closing || call.settled || call.lost > call.retries {
            return false;
        }
        let Some(kept) = kept else {
            return false;
        };
        let Some(pool) = self.pools.get_mut(&call.pool) else {
            return false;
        };
        let now = Instant::now();
        let due = now + pool.rules.pause(call.command, call.lost);
        (call.payload, call.shown) = (log.get(kept).to_vec(), 0);
        (call.pausing, call.begun, call.run_by) = (true, false, None);
        let limits = call.limits;
        self.let_go_of(id);
        if limits.queue_ms > 0 {
            // It waits anew.
            self.limit_call(id, limits, now);
        }
        self.add_timer(due, Timer::Retry(id));
        true
    }

    /// A call has paused for long enough.
    pub(crate) fn retry_due(&mut self, id: CallId) {
        let Some(call) = self
            .calls
            .get_mut(id)
            .filter(|call| call.pausing && !call.settled)
        else {
            return;
        };
        call.pausing = false;
        let ticket = Ticket::of(id, call, call.payload.len());
        let (pool_id, limited) = (call.pool, call.limited);
        let Some(pool) = self.pools.get_mut(&pool_id) else {
            return;
        };
        pool.rules.count_retry(ticket.command);
        pool.queue.push_again(ticket, limited, &pool.places);
        if let Some(failure) = self.rejection(pool_id) {
            self.forget_waiting(id);
            let name = self.command_name(id);
            self.fail(id, &failure.of_command(&name));
            return;
        }
        self.dispatch(pool_id);
        self.note_take_over();
    }

    /// A call that pauses is about to be settled: the next one of its key may go.
    pub(super) fn forget_pausing(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.pausing = false;
        let (pool_id, key) = (call.pool, call.key);
        let calls = &self.calls;
        if let Some(key) = key
            && let Some(pool) = self.pools.get_mut(&pool_id)
        {
            let waits = |other: CallId| other != id && calls.is_undecided(other);
            pool.queue.release(key, id, &pool.places, waits);
            if pool.state == PoolState::Open {
                self.dispatch(pool_id);
            }
        }
    }

    /// The calls of a pool that pause fail.
    pub(super) fn fail_pausing(
        &mut self,
        pool_id: u32,
        failure: impl Fn(&Self, CallId) -> Failure,
    ) {
        let pausing = self
            .calls
            .ids_where(|call| call.pool == pool_id && call.pausing && !call.settled);
        for id in pausing {
            self.forget_waiting(id);
            let failure = failure(self, id);
            self.fail(id, &failure);
        }
    }
}
