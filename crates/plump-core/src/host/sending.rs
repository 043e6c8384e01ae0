//! Calls on the way there: made, queued, sent.

use super::pool::PoolState;
use super::worker::MAX_KEPT_BYTES;
use super::{CallRequest, UNKNOWN_COMMAND};
use crate::block::Lease;
use crate::channel::ChannelKind;
use crate::debug;
use crate::environment::{SourceKind, State};
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::TELLS;
use crate::frame::{FrameKind, Header};
use crate::port::PortError;
use crate::router::{CallId, CallLimits};
use crate::timers::Timer;
use std::time::{Duration, Instant};

/// An answer kept back waits until so many bytes are together.
const KEPT_BACK_BYTES: usize = 16 * 1024;

/// Calls that are made together are written together, so many bytes at the most: a worker should begin with the first
/// while the others are still being made.
const SENT_TOGETHER_BYTES: usize = 16 * 1024;

/// The payload of a call that is sent.
pub(super) enum Outgoing<'a> {
    /// Still in JavaScript's memory.
    Borrowed(&'a [&'a [u8]]),
    /// It waited in the queue; so many bytes of it are binary parts.
    Owned(Vec<u8>, usize),
    /// A block, with the rest in JavaScript's memory.
    Lent(&'a [&'a [u8]], Lease),
    /// A block that waited in the queue, with the rest.
    OwnedLent(Vec<u8>, Lease),
}

impl State {
    pub(super) fn submit(
        &mut self,
        request: CallRequest,
        parts: &[&[u8]],
    ) -> Result<CallId, ErrorKind> {
        let pool = self
            .pools
            .get_mut(&request.pool)
            // The numbers of pools that have come to their end are not used again.
            .ok_or(ErrorKind::Closed)?;
        if request.command == UNKNOWN_COMMAND {
            return Err(ErrorKind::UnknownCommand);
        }
        if pool.state != PoolState::Open {
            return Err(ErrorKind::Closed);
        }
        let bytes = crate::port::padded_length(parts);
        if bytes as u64 > pool.options.max_payload_bytes {
            return Err(ErrorKind::PayloadTooLarge);
        }
        let waiting = pool.queue.len();
        if waiting >= pool.options.max_queue
            || (waiting > 0 && pool.queue.bytes() + bytes > pool.options.max_queue_bytes)
        {
            return Err(ErrorKind::QueueFull);
        }
        let at_once = pool.queue.is_empty();
        // From here on the call is made: the block is its own.
        let lease = parts
            .last()
            .and_then(|data| pool.lender.claim(request.block, data));
        let parts = &parts[..parts.len() - usize::from(lease.is_some())];
        let bytes = crate::port::padded_length(parts);
        let id = self.calls.create(
            request.pool,
            request.command,
            request.token,
            request.blocking,
        );
        if request.timeout_ms > 0 {
            let deadline = Instant::now() + Duration::from_millis(u64::from(request.timeout_ms));
            if let Some(call) = self.calls.get_mut(id) {
                call.timeout_ms = request.timeout_ms;
                call.deadline = Some(deadline);
            }
            self.add_timer(deadline, Timer::Call(id));
        }
        if request.limits != CallLimits::default() {
            self.limit_call(id, request.limits);
        }
        if at_once && let Some(slot) = self.free_worker(request.pool, weight(bytes, lease.as_ref()))
        {
            let outgoing = match lease {
                Some(lease) => Outgoing::Lent(parts, lease),
                None => Outgoing::Borrowed(parts),
            };
            self.send_call(slot, id, outgoing);
            return Ok(id);
        }
        let mut payload = Vec::with_capacity(bytes);
        crate::port::extend_padded(&mut payload, parts);
        if let Some(call) = self.calls.get_mut(id) {
            call.payload = payload;
            call.lease = lease;
            call.shown = bytes - parts.first().map_or(0, |main| main.len());
        }
        if let Some(pool) = self.pools.get_mut(&request.pool) {
            pool.queue.push(id, bytes);
            pool.queue.sweep(&self.calls);
        }
        if let Some(failure) = self.rejection(request.pool) {
            if let Some(pool) = self.pools.get_mut(&request.pool) {
                pool.queue.forget(bytes);
            }
            let name = self.command_name(id);
            self.fail(id, &failure.of_command(&name));
            return Ok(id);
        }
        self.fill_pool(request.pool);
        self.note_take_over();
        Ok(id)
    }

    /// The least loaded worker that may be sent one more call, with a payload of so many bytes.
    pub(super) fn free_worker(&mut self, pool_id: u32, bytes: usize) -> Option<usize> {
        let pool = self.pools.get_mut(&pool_id)?;
        let (count, concurrency) = (self.workers.len(), pool.options.concurrency);
        pool.turn = if pool.turn + 1 < count {
            pool.turn + 1
        } else {
            0
        };
        let turn = pool.turn;
        let mut best: Option<(u64, usize)> = None;
        for step in 0..count {
            let slot = if turn + step < count {
                turn + step
            } else {
                turn + step - count
            };
            let Some(worker) = self.workers[slot].as_deref() else {
                continue;
            };
            if worker.pool == pool_id && worker.takes_calls(concurrency, bytes) {
                let load = worker.window.in_flight();
                if best.is_none_or(|(least, _)| load < least) {
                    best = Some((load, slot));
                    if load == 0 {
                        break;
                    }
                }
            }
        }
        best.map(|(_, slot)| slot)
    }

    /// Sends what waits to those who may have it.
    pub(super) fn dispatch(&mut self, pool_id: u32) {
        self.send_waiting(pool_id);
        self.flush_sent();
    }

    fn send_waiting(&mut self, pool_id: u32) {
        loop {
            let Some(pool) = self.pools.get_mut(&pool_id) else {
                return;
            };
            let Some(id) = pool.queue.front(&self.calls) else {
                return;
            };
            let bytes = self
                .calls
                .get(id)
                .map_or(0, |call| weight(call.payload.len(), call.lease.as_ref()));
            let Some(slot) = self.free_worker(pool_id, bytes) else {
                self.fill_pool(pool_id);
                return;
            };
            let (payload, shown, lease) = self
                .calls
                .get_mut(id)
                .map(|call| {
                    (
                        std::mem::take(&mut call.payload),
                        call.shown,
                        call.lease.take(),
                    )
                })
                .unwrap_or_default();
            if let Some(pool) = self.pools.get_mut(&pool_id) {
                pool.queue.pop(payload.len());
            }
            let outgoing = match lease {
                Some(lease) => Outgoing::OwnedLent(payload, lease),
                None => Outgoing::Owned(payload, shown),
            };
            self.send_call(slot, id, outgoing);
        }
    }

    /// Sends a call to a worker, if that knows the command.
    fn send_call(&mut self, slot: usize, id: CallId, payload: Outgoing<'_>) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let (command, deadline) = (call.command, call.deadline);
        let tells = if call.limits.run_ms > 0 { TELLS } else { 0 };
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let Some(number) = worker.numbers.get(command as usize).copied().flatten() else {
            let name = self.command_name(id);
            let failure = Failure::new(
                ErrorKind::UnknownCommand,
                format!("The worker has no command '{name}'."),
            );
            self.fail(id, &failure.of_command(&name));
            return;
        };
        let left_ms = deadline.map_or(0, |deadline| {
            let left = deadline
                .saturating_duration_since(Instant::now())
                .as_millis();
            u32::try_from(left).unwrap_or(u32::MAX).max(1)
        });
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        if let Some(call) = self.calls.get_mut(id) {
            call.worker = u32::try_from(slot).ok();
            call.kept = match &payload {
                Outgoing::Borrowed(parts) => worker.keep(parts),
                Outgoing::Owned(bytes, _) => worker.keep(&[bytes]),
                Outgoing::Lent(..) | Outgoing::OwnedLent(..) => None,
            };
        }
        worker.window.send();
        // Without a limit this is never so.
        if worker.window.sent_total() == worker.max_calls {
            worker.leaving = true;
        }
        let header = Header::new(FrameKind::Call, id, number | tells, left_ms);
        // The first call of an idle worker goes at once. Over a pipe each further one would cost a system call: they go
        // together, when JavaScript looks for answers or the I/O thread comes.
        let keep_back = worker.channel == ChannelKind::Pipe && worker.window.in_flight() > 1;
        let Some(port) = &mut worker.data else { return };
        match payload {
            Outgoing::Borrowed(parts) => port.send(header, parts),
            Outgoing::Owned(bytes, shown) => port.send_together(header, bytes, shown),
            Outgoing::Lent(front, lease) => port.send_lent(header, front, lease),
            Outgoing::OwnedLent(front, lease) => port.send_lent(header, &[&front], lease),
        }
        let warm = port.blocks().and_then(|blocks| blocks.sender.idle());
        let backlog = port.backlog();
        if keep_back && backlog < KEPT_BACK_BYTES {
            self.unflushed = true;
            self.notify_io();
        } else if !keep_back && backlog < SENT_TOGETHER_BYTES {
            // `flush_sent` follows.
            worker.to_flush = true;
        } else {
            self.flush_worker(slot);
        }
        self.watch_heart(slot);
        self.watch_memory(slot);
        if let Some(idle) = warm {
            self.watch_blocks(idle);
        }
    }

    pub(super) fn command_name(&self, id: CallId) -> String {
        self.calls
            .get(id)
            .and_then(|call| {
                Some(
                    self.pools
                        .get(&call.pool)?
                        .names
                        .name(call.command)
                        .to_owned(),
                )
            })
            .unwrap_or_default()
    }

    /// Writes what `send_call` has left to be written together.
    pub(super) fn flush_sent(&mut self) {
        for slot in 0..self.workers.len() {
            if let Some(worker) = self.worker_mut(slot)
                && std::mem::take(&mut worker.to_flush)
            {
                self.flush_worker(slot);
            }
        }
    }

    /// Writes what a worker's data channel takes.
    pub(super) fn flush_worker(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if let Some(port) = &mut worker.data
            && let Err(error) = port.flush()
        {
            debug!("writing to worker {:?}: {error}", worker.pid);
            self.link_broken(slot, &PortError::Io(error));
        }
    }

    /// Sends everything that was kept back.
    pub(crate) fn flush_kept_back(&mut self) {
        if !std::mem::take(&mut self.unflushed) {
            return;
        }
        for slot in 0..self.workers.len() {
            if self.workers[slot]
                .as_ref()
                .is_some_and(|worker| worker.data.as_ref().is_some_and(|p| p.backlog() > 0))
            {
                self.flush_worker(slot);
            }
        }
        self.flush_uplink();
    }

    /// There is room again in one of a worker's channels.
    pub(crate) fn worker_writable(&mut self, slot: usize, source: SourceKind) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let port = if source == SourceKind::ControlOut {
            &mut worker.control
        } else {
            &mut worker.data
        };
        let Some(port) = port else { return };
        port.channel().fired(source != SourceKind::DataIn);
        if source == SourceKind::ControlOut {
            self.carry_worker_events(slot);
        } else {
            let pool = worker.pool;
            self.flush_worker(slot);
            self.dispatch(pool);
        }
    }
}

/// Bytes of a call as a worker sees them that is to be sent one more: one with a block counts as large, for it can't be
/// taken back.
fn weight(bytes: usize, lease: Option<&Lease>) -> usize {
    if lease.is_some() {
        bytes.max(MAX_KEPT_BYTES + 1)
    } else {
        bytes
    }
}
