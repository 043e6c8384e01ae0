//! What holds for a call beside what it asks for itself; see `rules.rs`.

use crate::environment::State;
use crate::router::CallId;
use crate::rules::{Asked, Ruled};
use crate::timers::Timer;
use std::time::{Duration, Instant};

impl State {
    /// A new call was made under rules.
    pub(super) fn rule_call(&mut self, id: CallId, asked: &Asked, ruled: &Ruled) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        (call.limited, call.retries) = (ruled.concurrency > 0, ruled.retries);
        if let Some(pool) = self.pools.get(&call.pool)
            && pool.rules.may_change(call.command)
        {
            call.asked = Some((*asked, Instant::now()));
        }
    }

    /// A worker is ready, or has announced commands since: what it has announced holds for the calls that wait, too.
    pub(super) fn rules_are_known(&mut self, pool_id: u32) {
        let Some(pool) = self.pools.get_mut(&pool_id) else {
            return;
        };
        pool.rules.are_known();
        if !pool.rules.take_news() {
            return;
        }
        let early = self.calls.ids_where(|call| {
            call.pool == pool_id && call.asked.is_some() && call.worker().is_none() && !call.settled
        });
        for id in early {
            self.rule_again(id);
        }
        let calls = &self.calls;
        if let Some(pool) = self.pools.get_mut(&pool_id) {
            pool.queue.revise(|ticket| {
                let Some(call) = calls.get(ticket.id) else {
                    return false;
                };
                ticket.priority = call.priority;
                call.limited
            });
        }
    }

    /// More may be known by now that applies to a call which waits. Its clocks have started when it was made.
    fn rule_again(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Some((asked, made)) = call.asked else {
            return;
        };
        let Some(pool) = self.pools.get(&call.pool) else {
            return;
        };
        let ruled = pool.rules.apply(call.command, &asked);
        (call.limited, call.retries) = (ruled.concurrency > 0, ruled.retries);
        call.priority = ruled.priority;
        if !pool.rules.may_change(call.command) {
            call.asked = None;
        }
        let limits = (call.limits != ruled.limits).then_some(ruled.limits);
        let mut deadline = None;
        if call.timeout_ms != ruled.timeout_ms {
            call.timeout_ms = ruled.timeout_ms;
            deadline = (ruled.timeout_ms > 0)
                .then(|| made + Duration::from_millis(u64::from(ruled.timeout_ms)));
            call.deadline = deadline;
        }
        if let Some(deadline) = deadline {
            self.add_timer(deadline, Timer::Call(id));
        }
        if let Some(limits) = limits {
            self.limit_call(id, limits, made);
        }
    }

    /// No worker holds a call any more.
    pub(super) fn let_go_of(&mut self, id: CallId) {
        if let Some(call) = self.calls.get(id)
            && call.limited
            && let Some(slot) = call.worker()
        {
            let command = call.command;
            if let Some(worker) = self.worker_mut(slot as usize)
                && let Some(held) = worker.held.get_mut(&command)
            {
                *held -= 1;
                if *held == 0 {
                    worker.held.remove(&command);
                }
            }
        }
        self.calls.leave_worker(id);
    }
}
