//! Calls on the way back: answers, failures, deadlines.

use super::READ_BUDGET_BYTES;
use super::cancelling::is_over;
use super::worker::Direction;
use crate::environment::State;
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::{FrameKind, Header};
use crate::inbox::EntryKind;
use crate::platform;
use crate::port::{Payload, PortError};
use crate::router::{Call, CallId};
use std::time::Instant;

impl State {
    /// Takes in what a worker's data channel holds.
    pub(crate) fn pump_worker(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let (pool, serial) = (worker.pool, worker.serial);
        let Some(mut port) = worker.data.take() else {
            return;
        };
        port.set_max_partials(usize::try_from(worker.window.in_flight()).unwrap_or(usize::MAX));
        let mut answers = 0;
        let received = port.receive(READ_BUDGET_BYTES, |header, payload| {
            if answers == 0 {
                self.now_ns = platform::monotonic_ns();
            }
            answers += 1;
            self.on_answer(slot, header, payload)
        });
        if answers > 0 {
            self.something_came(port.channel().rung_at());
        }
        match received {
            Ok(_) => self.put_back(serial, Direction::Data, port),
            // A channel that has ended is always readable: nobody could sleep beside it.
            Err(error) => self.link_broken(slot, &error),
        }
        if answers > 0 {
            let now_ns = self.now_ns;
            if let Some(worker) = self.worker_mut(slot) {
                worker.window.moved(now_ns);
                if worker.elastic && worker.window.in_flight() == 0 {
                    worker.idle_since = Instant::now();
                }
            }
            self.let_go(slot);
            self.dispatch(pool);
            self.help_others(slot);
        }
    }

    pub(super) fn on_answer(
        &mut self,
        slot: usize,
        header: Header,
        payload: Payload<'_>,
    ) -> Result<(), PortError> {
        let worker = self.worker_mut(slot).ok_or(PortError::End)?;
        let kind = match header.kind {
            FrameKind::Result => EntryKind::Result,
            FrameKind::Thrown => EntryKind::Thrown,
            FrameKind::Refused => EntryKind::Failed,
            FrameKind::Started => {
                return if worker.window.start(header.call) {
                    Ok(())
                } else {
                    Err(PortError::Protocol(
                        "it says that calls began that it was not sent".into(),
                    ))
                };
            }
            kind => {
                return Err(PortError::Protocol(format!(
                    "a {kind:?} frame does not go this way"
                )));
            }
        };
        let held = self
            .calls
            .get_mut(header.call)
            .filter(|call| call.worker().map(|held| held as usize) == Some(slot))
            .map(|call| {
                let timed = (call.command, call.made_at);
                (call.token, call.blocking, call.kept.take(), timed)
            });
        let Some((token, blocking, kept, (command, made_at))) = held else {
            return Err(PortError::Protocol(format!(
                "an answer to call {:#x}, which it was not sent",
                header.call
            )));
        };
        if kind == EntryKind::Failed {
            let refused = u16::try_from(header.a)
                .ok()
                .and_then(ErrorKind::from_number);
            let refused =
                refused.ok_or_else(|| PortError::Protocol("a refusal of no known kind".into()))?;
            // It came after the worker had been told to begin nothing more, or not this one.
            if refused == ErrorKind::Cancelled {
                match kept {
                    Some(kept) => self.take_back(slot, header.call, kept),
                    None => self.fail_unbegun(slot, header.call),
                }
                return Ok(());
            }
            self.forget_sent(slot, kept);
            let failure = if refused == ErrorKind::QueueTimeout {
                self.queue_timeout(header.call)
            } else {
                let mut failure = Failure::new(refused, String::from_utf8_lossy(payload.bytes()));
                failure.command = Some(self.command_name(header.call));
                failure
            };
            if let Some(worker) = self.worker_mut(slot) {
                // By its core, before its JavaScript had seen it.
                if refused == ErrorKind::QueueTimeout {
                    worker.window.come_back();
                } else {
                    worker.window.refuse();
                }
            }
            self.leave_worker(header.call);
            self.fail(header.call, &failure);
            return Ok(());
        }
        self.forget_sent(slot, kept);
        if let Some(worker) = self.worker_mut(slot) {
            worker.window.answer(header.a);
            if header.b == 0 {
                worker.pace(command).untimed();
            } else {
                self.note_times(slot, command, made_at, header);
            }
        }
        // An answer that nobody waits for any more (its call timed out) is dropped here.
        if self.calls.settle(header.call) {
            let inbox = if blocking {
                &mut self.caller_inbox
            } else {
                &mut self.inbox
            };
            let words = [header.a, 0, 0];
            inbox.push_payload(kind, token, words, payload);
        }
        self.leave_worker(header.call);
        Ok(())
    }

    /// Notes how long a call has waited and run, for itself and those before it that were not timed.
    fn note_times(&mut self, slot: usize, command: u32, made_at: u64, answer: Header) {
        let (ran_us, began_us) = (answer.a, answer.b);
        let now_us = self.now_ns / 1000;
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let calls = worker.pace(command).timed(ran_us);
        // The clock is the same in all processes; of its reading there only the low half is told.
        let low = u32::try_from(now_us & 0xffff_ffff).unwrap_or_default();
        let since_begun = u64::from(low.wrapping_sub(began_us));
        let wait_us = now_us.saturating_sub(since_begun + made_at / 1000);
        let pool = worker.pool;
        if let Some(pool) = self.pools.get_mut(&pool) {
            pool.times
                .record(command, wait_us, u64::from(ran_us), calls);
        }
    }

    /// Decides a call's outcome: it failed.
    pub(super) fn fail(&mut self, id: CallId, failure: &Failure) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let (token, blocking) = (call.token, call.blocking);
        let runs = call.lost + u32::from(call.worker().is_some());
        if self.calls.settle(id) {
            let inbox = if blocking {
                &mut self.caller_inbox
            } else {
                &mut self.inbox
            };
            let bytes = failure.encode_after(runs);
            inbox.push(EntryKind::Failed, token, [0; 3], &bytes);
        }
    }

    /// A call's time is over.
    pub(crate) fn call_due(&mut self, id: CallId) {
        let due = |call: &&Call| !call.settled && is_over(call.deadline);
        let Some(call) = self.calls.get(id).filter(due) else {
            return;
        };
        let (worker, timeout_ms, pausing) = (call.worker(), call.timeout_ms, call.pausing);
        if let Some(slot) = worker {
            // An answer that was published in time counts.
            self.pump_worker(slot as usize);
            if self.calls.get(id).is_none_or(|call| call.settled) {
                return;
            }
            self.give_up(id, slot as usize);
        }
        let name = self.command_name(id);
        let place = if worker.is_some() {
            "with a worker"
        } else if pausing {
            "to be run again, after its worker had ended"
        } else {
            "waiting in the queue"
        };
        let message =
            format!("The call of '{name}' did not settle within {timeout_ms} ms; it was {place}.");
        let mut failure = Failure::new(ErrorKind::CallTimeout, message);
        failure.command = Some(name);
        failure.timeout_ms = Some(timeout_ms);
        failure.pid = worker.and_then(|slot| self.worker_mut(slot as usize)?.pid);
        if worker.is_some() {
            self.fail(id, &failure);
        } else {
            self.settle_waiting(id, |state| state.fail(id, &failure));
        }
    }
}
